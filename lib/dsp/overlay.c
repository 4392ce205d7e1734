#include "dsp/image.h"

enum { STRIP = 256 }; /* pixels of a row drawn in one go, so that working memory does not grow with the picture */

/* Two neighbouring cells and their shares in a pixel. */
typedef struct blend {
    int32_t first, second;
    float first_share, second_share;
} blend;

/* Pixel `index` of `pixels` under `cells` cells. Its centre lies (2 index + 1) cells / (2 pixels) - 1/2 cells behind the
 * centre of cell 0; in whole numbers up to the last step, so that mirrored pixels get mirrored shares bit for bit. */
static blend blend_at(int64_t index, int64_t pixels, int64_t cells)
{
    const int64_t from_first = (2 * index + 1) * cells - pixels, spacing = 2 * pixels;
    if (from_first <= 0)
        return (blend){0, 0, 1, 0};
    const int64_t cell = from_first / spacing, rest = from_first % spacing;
    if (cell >= cells - 1)
        return (blend){(int32_t)cells - 1, (int32_t)cells - 1, 1, 0};
    return (blend){(int32_t)cell, (int32_t)cell + 1, (float)(spacing - rest) / (float)spacing,
                   (float)rest / (float)spacing};
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

static void stretch_row(const float *cells, const blend *across, int32_t count, float *out)
{
    for (int32_t x = 0; x < count; x++)
        out[x] = clip(cells[across[x].first]) * across[x].first_share +
                 clip(cells[across[x].second]) * across[x].second_share;
}

static void index_row(const float *above, const float *below, blend down, int32_t count, uint8_t *index)
{
    for (int32_t x = 0; x < count; x++)
        index[x] = (uint8_t)((above[x] * down.first_share + below[x] * down.second_share) * 255 + .5f);
}

static void draw_row(uint8_t *rgb, const uint8_t *index, int32_t count, const ink inks[256])
{
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
    for (int32_t x0 = 0; x0 < width; x0 += STRIP) {
        const int32_t count = AVSN_MIN(STRIP, width - x0);
        blend across[STRIP];
        for (int32_t x = 0; x < count; x++)
            across[x] = blend_at(x0 + x, width, cols);
        float above[STRIP], below[STRIP];
        blend last = {-1, -1, 0, 0};
        for (int32_t y = 0; y < height; y++) {
            const blend down = blend_at(y, height, rows);
            if (down.first != last.first)
                stretch_row(map + (ptrdiff_t)down.first * cols, across, count, above);
            if (down.second != last.second)
                stretch_row(map + (ptrdiff_t)down.second * cols, across, count, below);
            last = down;
            uint8_t index[STRIP];
            index_row(above, below, down, count, index);
            draw_row(rgb + y * stride + (ptrdiff_t)3 * x0, index, count, inks);
        }
    }
}
