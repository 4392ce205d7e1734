/* Any text as a network's configuration, the JSON in a model's metadata: what is accepted must be written and read back as the
 * same. The first byte chooses the architecture. build.sh says how to run it. */
#include "fuzz.h"

#include "network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    avsound_context *context = small_context();
    const avsn_arch *arch = avsn_arch_find(avsound_arch_name(data[0] % avsound_arch_count()));
    avsn_model_config config, again;
    char *whole = NULL, *whole_again = NULL;
    if (fine(avsn_config_parse(arch, text, "fuzz", &config))) {
        must(avsn_config_text(context, arch, &config, &whole) == AVSOUND_OK);
        must(avsn_config_parse(arch, whole, "again", &again) == AVSOUND_OK);
        must(avsn_config_text(context, arch, &again, &whole_again) == AVSOUND_OK);
        must(strcmp(whole, whole_again) == 0);
    }
    avsn_free(context, whole);
    avsn_free(context, whole_again);
    avsound_context_free(context);
    free(text);
    return 0;
}
