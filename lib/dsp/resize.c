#include "dsp/resize.h"

#include "dsp/blend.h"

enum { STRIP = 256 }; /* pixels of a row resized in one go, so that working memory does not grow with the picture */

static float mix(float first, float second, float second_share)
{
    return first + (second - first) * second_share;
}

void avsn_resize_axis(const float *src, int64_t outer, int64_t in, int64_t inner, int64_t out, float *dst)
{
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < out; i++, dst += inner) {
            const avsn_blend b = avsn_blend_legacy(i, out, in);
            const float *first = src + (o * in + b.first) * inner, *second = src + (o * in + b.second) * inner;
            for (int64_t k = 0; k < inner; k++)
                dst[k] = mix(first[k], second[k], b.second_share);
        }
    }
}

/* One row of one channel. */
static void resize_row(const uint8_t *above, const uint8_t *below, const avsn_blend *across, int32_t count,
                       float below_share, float mean, float std, float *out)
{
    for (int32_t x = 0; x < count; x++) {
        const int32_t first = 3 * across[x].first, second = 3 * across[x].second;
        const float top = mix(above[first], above[second], across[x].second_share);
        const float bottom = mix(below[first], below[second], across[x].second_share);
        out[x] = (mix(top, bottom, below_share) / 255 - mean) / std;
    }
}

void avsn_resize_rgb(const avsn_image_frontend *f, const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height,
                     float *planes)
{
    for (int32_t x0 = 0; x0 < f->width; x0 += STRIP) {
        const int32_t count = AVSN_MIN(STRIP, f->width - x0);
        avsn_blend across[STRIP];
        for (int32_t x = 0; x < count; x++)
            across[x] = avsn_blend_legacy(x0 + x, f->width, width);
        for (int32_t y = 0; y < f->height; y++) {
            const avsn_blend down = avsn_blend_legacy(y, f->height, height);
            const uint8_t *above = rgb + down.first * stride, *below = rgb + down.second * stride;
            for (int32_t c = 0; c < 3; c++)
                resize_row(above + c, below + c, across, count, down.second_share, f->mean[c], f->std[c],
                           planes + ((ptrdiff_t)c * f->height + y) * f->width + x0);
        }
    }
}
