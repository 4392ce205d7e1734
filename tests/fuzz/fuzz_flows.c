/* Any bytes as the optical flow beside a prepared clip. build.sh says how to run it. */
#include "folder.h"

#include "media/flows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[96];
    avsn_flows flows;
    need_folder();
    FILE *file = new_file("clip.flow");
    write_bytes(file, data, size);
    fclose(file);
    if (!fine(avsn_flows_open(in_folder("clip.flow", path), &flows)))
        return 0;
    const size_t field = 2 * (size_t)flows.width * (size_t)flows.height;
    uint8_t *fields = malloc(flows.count ? field : 1);
    must(fields && (!flows.count || field <= size));
    for (int32_t i = 0; i < flows.count; i++)
        must(avsn_flows_read(&flows, i, 1, fields) == AVSOUND_OK);
    must(avsn_flows_read(&flows, flows.count, 1, fields) == AVSOUND_E_FORMAT);
    must(avsn_flows_read(&flows, -1, 1, fields) == AVSOUND_E_FORMAT);
    must(avsn_flows_read(&flows, 0, INT32_MAX, fields) == AVSOUND_E_FORMAT || flows.count == INT32_MAX);
    avsn_flows_close(&flows);
    free(fields);
    return 0;
}
