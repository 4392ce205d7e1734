/* Any bytes as a training checkpoint: its tensors into a network's, its options as JSON. build.sh says how to run it. */
#include "fuzz.h"

#include "train/checkpoint.h"
#include "train/settings.h"

typedef struct network {
    avsound_context *context;
    avsound_model *model;
    avsn_store *store;
    avsn_checkpoint_blocks blocks;
} network;

static void make(network *n)
{
    n->context = small_context();
    must(avsound_model_create(n->context, "ave-net", "{\"width\": 0.0625}", 1, &n->model) == AVSOUND_OK);
    must(avsn_store_create(n->model, &n->store) == AVSOUND_OK);
    n->blocks.values = n->store->values;
    n->blocks.mean = avsn_store_block(n->store);
    must(n->blocks.mean != NULL);
}

/* What is accepted must be written and read back as the same. */
static void try_options(avsound_context *context, const char *text)
{
    avsn_settings settings, again;
    char *whole = NULL, *whole_again = NULL;
    if (!fine(avsn_settings_parse(context, text, "fuzz", &settings)))
        return;
    must(avsn_settings_text(context, &settings, &whole) == AVSOUND_OK);
    must(avsn_settings_parse(context, whole, "again", &again) == AVSOUND_OK);
    must(avsn_settings_text(context, &again, &whole_again) == AVSOUND_OK);
    must(strcmp(whole, whole_again) == 0);
    avsn_free(context, whole);
    avsn_free(context, whole_again);
    avsn_settings_free(context, &settings);
    avsn_settings_free(context, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static network n;
    if (!n.context)
        make(&n);
    uint8_t *copy = exact_copy(data, size);
    avsn_safetensors *file;
    if (fine(avsn_safetensors_open_memory(n.context, copy, size, false, &file))) {
        const char *options = avsn_safetensors_metadata(file, "options");
        if (options)
            try_options(n.context, options);
        fine(avsn_checkpoint_read(n.store, &n.blocks, file));
    }
    avsn_safetensors_free(file);
    free(copy);
    return 0;
}
