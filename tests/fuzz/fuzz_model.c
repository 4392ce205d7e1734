/* Any bytes as a model file: nothing may crash, leak or read past the end. build.sh says how to run it. */
#include <stdlib.h>
#include <string.h>

#include "weights/safetensors.h"

#include <avsound/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const avsn_safetensors *file)
{
    volatile uint8_t sum = 0;
    if (avsn_safetensors_verify(file))
        sum++;
    for (size_t i = 0; i < avsn_safetensors_count(file); i++) {
        const avsn_file_tensor *tensor = avsn_safetensors_at(file, i);
        if (avsn_safetensors_find(file, tensor->name) != tensor)
            abort();
        for (size_t b = 0; b < tensor->bytes; b++)
            sum = (uint8_t)(sum + ((const uint8_t *)tensor->data)[b]);
    }
    for (size_t i = 0; i < avsn_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        avsn_safetensors_metadata_at(file, i, &key, &value);
        if (avsn_safetensors_metadata(file, key) != value)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    avsound_context *context;
    avsound_model *model;
    avsn_safetensors *file;
    if (avsound_context_create(NULL, &context))
        abort();
    uint8_t *copy = malloc(size ? size : 1); /* of exactly this size, so that a read past the end is seen */
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    if (avsn_safetensors_open_memory(context, copy, size, false, &file) == AVSOUND_OK)
        visit(file);
    else if (!avsound_error_detail()[0])
        abort();
    avsn_safetensors_free(file);
    if (avsound_model_load_memory(context, copy, size, &model) == AVSOUND_OK)
        avsound_model_free(model);
    free(copy);
    avsound_context_free(context);
    return 0;
}
