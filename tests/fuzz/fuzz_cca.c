/* Any bytes as a file of avsound cca. build.sh says how to run it. */
#include "folder.h"

#include <math.h>

/* What was read is written and read again as the same. */
static void use(avsound_context *context, const avsound_cca *cca)
{
    char path[96];
    avsound_cca *again = NULL;
    avsound_cca_info info = {.struct_size = sizeof info}, same = {.struct_size = sizeof same};
    must(avsound_cca_get_info(cca, &info) == AVSOUND_OK);
    must(info.components >= 1 && info.components <= info.dimension_x && info.components <= info.dimension_y);
    must(avsound_cca_components(cca) == info.components && isnan(avsound_cca_correlation(cca, info.components)));
    for (int32_t side = 0; side < 2; side++) {
        const size_t n = (size_t)(side ? info.dimension_y : info.dimension_x);
        float *vector = calloc(n, sizeof *vector), *projected = malloc((size_t)info.components * sizeof *projected);
        must(vector && projected);
        must(avsound_cca_apply(cca, side, vector, 1, projected) == AVSOUND_OK);
        free(vector);
        free(projected);
    }
    must(avsound_cca_save(cca, in_folder("again", path)) == AVSOUND_OK);
    must(avsound_cca_load(context, path, &again) == AVSOUND_OK);
    must(avsound_cca_get_info(again, &same) == AVSOUND_OK);
    must(same.components == info.components && same.dimension_x == info.dimension_x && same.dimension_y == info.dimension_y);
    must(same.pairs == info.pairs && !same.model == !info.model && (!info.model || !strcmp(same.model, info.model)));
    avsound_cca_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static avsound_context *context;
    char path[96];
    avsound_cca *cca = NULL;
    context = context ? context : small_context();
    need_folder();
    FILE *file = new_file("cca");
    write_bytes(file, data, size);
    fclose(file);
    if (fine(avsound_cca_load(context, in_folder("cca", path), &cca)))
        use(context, cca);
    avsound_cca_free(cca);
    return 0;
}
