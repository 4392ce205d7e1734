/* What the fuzzers share. A fuzzer's inputs are small; its memory has exactly their size, so that a read past the end is seen. */
#ifndef AVSN_FUZZ_H
#define AVSN_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int holds)
{
    if (!holds)
        abort();
}

/* Success, or a failure that says what is wrong and is no defect. */
static inline int fine(avsound_status status)
{
    must(status <= AVSOUND_OK && status != AVSOUND_E_INTERNAL);
    must(status == AVSOUND_OK || avsound_error_detail()[0]);
    return status == AVSOUND_OK;
}

static inline void *exact_copy(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);
    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static inline avsound_context *small_context(void)
{
    avsound_context *context;
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.max_pixels = 1 << 18;
    options.max_model_bytes = 1 << 24;
    options.max_packet_bytes = 1 << 20;
    options.max_channels = 8;
    options.max_sample_rate = 192000;
    must(avsound_context_create(&options, &context) == AVSOUND_OK);
    return context;
}

#endif
