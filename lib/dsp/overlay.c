#include "dsp/cam.h"

#include "dsp/blend.h"

enum { STRIP = 256 }; /* pixels of a row drawn in one go, so that working memory does not grow with the picture */

typedef struct drawing drawing;

/* A map over a picture: how cells become values, where they lie, how values become ink. */
struct drawing {
    float offset, factor, least, most; /* a cell's value is (cell - offset) * factor, clipped */
    avsn_blend_rule *rule;
    void (*paint)(const drawing *d, const float *above, const float *below, avsn_blend down, int32_t count,
                  uint8_t *rgb);
    const void *inks;
};

/* NaN is `least`, so no map can do harm. */
static float value_of(const drawing *d, float cell)
{
    const float value = (cell - d->offset) * d->factor;
    return value > d->least ? AVSN_MIN(value, d->most) : d->least;
}

static void stretch_row(const drawing *d, const float *cells, const avsn_blend *across, int32_t count, float *out)
{
    for (int32_t x = 0; x < count; x++)
        out[x] = value_of(d, cells[across[x].first]) * across[x].first_share +
                 value_of(d, cells[across[x].second]) * across[x].second_share;
}

static void draw(const drawing *d, uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, const float *map,
                 int32_t rows, int32_t cols)
{
    for (int32_t x0 = 0; x0 < width; x0 += STRIP) {
        const int32_t count = AVSN_MIN(STRIP, width - x0);
        avsn_blend across[STRIP];
        for (int32_t x = 0; x < count; x++)
            across[x] = d->rule(x0 + x, width, cols);
        float above[STRIP], below[STRIP];
        avsn_blend last = {-1, -1, 0, 0};
        for (int32_t y = 0; y < height; y++) {
            const avsn_blend down = d->rule(y, height, rows);
            if (down.first != last.first)
                stretch_row(d, map + (ptrdiff_t)down.first * cols, across, count, above);
            if (down.second != last.second)
                stretch_row(d, map + (ptrdiff_t)down.second * cols, across, count, below);
            last = down;
            d->paint(d, above, below, down, count, rgb + y * stride + (ptrdiff_t)3 * x0);
        }
    }
}

/* One of the 256 values a map is drawn with: a channel becomes (channel * keep + add) / 256. */
typedef struct ink {
    uint16_t keep, add[3];
} ink;

static float clip(float value)
{
    return value > 0 ? AVSN_MIN(value, 1.f) : 0; /* 0 also when it is not a number */
}

static void mix_inks(int32_t colour, float alpha, int32_t weighted, ink inks[256])
{
    for (int32_t i = 0; i < 256; i++) {
        const float value = (float)i / 255;
        uint8_t rgb[3];
        avsn_colour(colour, value, rgb);
        const uint16_t opacity = (uint16_t)(clip(alpha) * (weighted ? value : 1) * 256 + .5f);
        inks[i].keep = (uint16_t)(256 - opacity);
        for (int32_t c = 0; c < 3; c++)
            inks[i].add[c] = (uint16_t)(rgb[c] * opacity + 128);
    }
}

static void index_row(const float *above, const float *below, avsn_blend down, int32_t count, uint8_t *index)
{
    for (int32_t x = 0; x < count; x++)
        index[x] = (uint8_t)((above[x] * down.first_share + below[x] * down.second_share) * 255 + .5f);
}

static void paint_inks(const drawing *d, const float *above, const float *below, avsn_blend down, int32_t count,
                       uint8_t *rgb)
{
    const ink *inks = d->inks;
    uint8_t index[STRIP];
    index_row(above, below, down, count, index);
    for (int32_t x = 0; x < count; x++) {
        const ink *i = &inks[index[x]];
        for (int32_t c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint8_t)((rgb[3 * x + c] * i->keep + i->add[c]) >> 8);
    }
}

void avsn_overlay(uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, const float *map, int32_t rows,
                  int32_t cols, int32_t colour, float alpha, int32_t weighted)
{
    ink inks[256];
    mix_inks(colour, alpha, weighted, inks);
    const drawing d = {.factor = 1, .most = 1, .rule = avsn_blend_centred, .paint = paint_inks, .inks = inks};
    draw(&d, rgb, stride, width, height, map, rows, cols);
}

/* Entry j is the colour at j / 255. */
typedef struct cam_inks {
    float opacity;
    uint8_t rgb[256][3];
} cam_inks;

/* Values far outside 0...1 take part in the interpolation; only then is opacity and colour clipped. */
static void paint_cam(const drawing *d, const float *above, const float *below, avsn_blend down, int32_t count,
                      uint8_t *rgb)
{
    const cam_inks *inks = d->inks;
    for (int32_t x = 0; x < count; x++) {
        const float q = clip(above[x] * down.first_share + below[x] * down.second_share);
        const float alpha = AVSN_MIN(q, inks->opacity);
        const uint8_t *entry = inks->rgb[AVSN_MIN((int32_t)(256 * q), 255)];
        for (int32_t c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint8_t)((float)rgb[3 * x + c] * (1 - alpha) + (float)entry[c] * alpha);
    }
}

void avsn_cam_overlay(uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, const float *map, int32_t rows,
                      int32_t cols, const avsn_cam_range *range, int32_t colour, float opacity)
{
    if (range->flat)
        return;
    cam_inks inks = {.opacity = clip(opacity)};
    avsn_colour_table(colour, inks.rgb);
    const drawing d = {.offset = range->low, .factor = 1 / (range->high - range->low), .least = -1e30f, .most = 1e30f,
                       .rule = avsn_blend_aligned, .paint = paint_cam, .inks = &inks};
    draw(&d, rgb, stride, width, height, map, rows, cols);
}
