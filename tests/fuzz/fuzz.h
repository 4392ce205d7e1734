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

/* ---- an input as a row of numbers ---- */

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

static inline int32_t take(bytes *b, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count && b->size; i++, b->size--)
        value = value << 8 | *b->data++;
    return (int32_t)value;
}

/* Small numbers for the most part, sometimes any. */
static inline int32_t take_number(bytes *b)
{
    const int kind = take(b, 1);
    return kind < 200 ? take(b, 1) : kind < 240 ? take(b, 2) : take(b, 4);
}

/* The bytes of the input once more and again. */
static inline void fill(void *memory, size_t size, const bytes *b)
{
    uint8_t *at = memory;
    for (size_t i = 0; i < size; i++)
        at[i] = b->size ? b->data[i % b->size] : 0;
}

/* Bytes of a row and rows of a plane: what include/avsound/frame.h says of the formats. */
static inline int plane_of(int32_t format, int plane, int32_t width, int32_t height, int64_t *row, int64_t *rows)
{
    static const int planes[] = {0, 1, 1, 1, 1, 1, 3, 2, 3, 1, 3}, packed[] = {0, 3, 3, 4, 4, 1};
    if (format < 1 || format > 10 || plane >= planes[format])
        return 0;
    const int64_t w = width, h = height, half_w = (w + 1) / 2, half_h = (h + 1) / 2;
    *rows = plane && (format == AVSOUND_PIXEL_YUV420P || format == AVSOUND_PIXEL_NV12) ? half_h : h;
    if (format <= AVSOUND_PIXEL_GRAY8)
        *row = w * packed[format];
    else if (format == AVSOUND_PIXEL_YUYV422)
        *row = half_w * 4;
    else if (plane == 0 || format == AVSOUND_PIXEL_YUV444P)
        *row = w;
    else
        *row = format == AVSOUND_PIXEL_NV12 ? half_w * 2 : half_w;
    return 1;
}

#endif
