#include "dsp/image.h"

#include <math.h>
#include <stdlib.h>

/* floor(a * b / c + 1/2), from 1 to the largest int32. */
static int32_t scale_rounded(int64_t a, int64_t b, int64_t c)
{
    const int64_t scaled = (2 * a * b + c) / (2 * c);
    return (int32_t)AVSN_MIN(AVSN_MAX(scaled, 1), INT32_MAX);
}

void avsn_image_scaled_size(int32_t width, int32_t height, int32_t short_side, int32_t *scaled_width,
                            int32_t *scaled_height)
{
    const int32_t shorter = AVSN_MIN(width, height);
    *scaled_width = scale_rounded(width, short_side, shorter);
    *scaled_height = scale_rounded(height, short_side, shorter);
}

/* a * b / c to the nearest multiple of cell, from one cell to what int32 holds. */
static int32_t scale_to_cells(int64_t a, int64_t b, int64_t c, int32_t cell)
{
    const int64_t cells = scale_rounded(a, b, c * cell);
    return (int32_t)(AVSN_MIN(cells, INT32_MAX / cell) * cell);
}

void avsn_image_map_size(const avsn_image_frontend *f, int32_t width, int32_t height, int32_t *input_width,
                         int32_t *input_height)
{
    const int32_t shorter = AVSN_MIN(width, height), target = width < height ? f->width : f->height;
    *input_width = scale_to_cells(width, target, shorter, f->cell);
    *input_height = scale_to_cells(height, target, shorter, f->cell);
}

void avsn_image_normalise(const avsn_image_frontend *f, const uint8_t *rgb, ptrdiff_t stride, int32_t width,
                          int32_t height, float *planes)
{
    /* Only 768 different values can come out: two loads a value beat unpacking three interleaved channels. */
    float value[3][256];
    for (int32_t c = 0; c < 3; c++)
        for (int32_t v = 0; v < 256; v++)
            value[c][v] = ((float)v / 255 - f->mean[c]) / f->std[c];
    const ptrdiff_t plane = (ptrdiff_t)width * height;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *in = rgb + y * stride;
        float *out = planes + (ptrdiff_t)y * width;
        for (int32_t x = 0; x < width; x++) {
            out[x] = value[0][in[3 * x]];
            out[plane + x] = value[1][in[3 * x + 1]];
            out[2 * plane + x] = value[2][in[3 * x + 2]];
        }
    }
}

/* Luma as in BT.601, in whole numbers: the sums are exact, so a uniform picture gives 0 and not nearly 0. */
float avsn_image_contrast(const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height)
{
    enum { STRIP = 4096 }; /* pixels whose sum of squares fits in 32 bits */
    uint64_t sum = 0, squares = 0;
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x0 = 0; x0 < width; x0 += STRIP) {
            const uint8_t *p = rgb + y * stride + (ptrdiff_t)3 * x0;
            const int32_t count = AVSN_MIN(STRIP, width - x0);
            uint32_t strip_sum = 0, strip_squares = 0;
            for (int32_t x = 0; x < count; x++) {
                const uint32_t luma = (77u * p[3 * x] + 150u * p[3 * x + 1] + 29u * p[3 * x + 2] + 128) >> 8;
                strip_sum += luma;
                strip_squares += luma * luma;
            }
            sum += strip_sum;
            squares += strip_squares;
        }
    }
    const double count = (double)width * height, mean = (double)sum / count;
    return (float)sqrt(fmax(0, (double)squares / count - mean * mean));
}

enum { TILE = 8 };

/* A mouth far away is a few pixels that change by much, the coding noise of a still picture many that change by little: so
 * the worst tile's mean, and neither the picture's mean nor the worst pixel. */
static float tile_motion(const uint8_t *before, ptrdiff_t before_stride, const uint8_t *after, ptrdiff_t after_stride,
                         int32_t width, int32_t height)
{
    int32_t sum = 0;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            sum += abs(before[y * before_stride + 3 * x + 1] - after[y * after_stride + 3 * x + 1]);
    return (float)sum / (float)(width * height);
}

float avsn_image_motion(const uint8_t *before, ptrdiff_t before_stride, const uint8_t *after, ptrdiff_t after_stride,
                        int32_t width, int32_t height)
{
    float most = 0;
    for (int32_t y = 0; y < height; y += TILE)
        for (int32_t x = 0; x < width; x += TILE)
            most = fmaxf(most, tile_motion(before + y * before_stride + 3 * x, before_stride,
                                           after + y * after_stride + 3 * x, after_stride, AVSN_MIN((int32_t)TILE, width - x),
                                           AVSN_MIN((int32_t)TILE, height - y)));
    return most;
}
