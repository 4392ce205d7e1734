#include "dsp/image.h"

/* One channel: straight lines from knot to knot; the first stands at 0 and the last at 1. */
typedef struct knot {
    float at, level;
} knot;

typedef struct channel {
    int32_t count;
    const knot *knots;
} channel;

#define CHANNEL(...) {sizeof((knot[]){__VA_ARGS__}) / sizeof(knot), (const knot[]){__VA_ARGS__}}

static const channel maps[AVSN_COLOUR_COUNT][3] = {
    [AVSN_COLOUR_JET] = {
        CHANNEL({0, 0}, {.35f, 0}, {.66f, 1}, {.89f, 1}, {1, .5f}),
        CHANNEL({0, 0}, {.125f, 0}, {.375f, 1}, {.64f, 1}, {.91f, 0}, {1, 0}),
        CHANNEL({0, .5f}, {.11f, 1}, {.34f, 1}, {.65f, 0}, {1, 0}),
    },
    /* black, violet, red, orange, pale yellow: lightness rises all the way, to be read in grey too */
    [AVSN_COLOUR_INFERNO] = {
        CHANNEL({0, 0}, {.25f, .34f}, {.5f, .73f}, {.75f, .97f}, {.875f, .97f}, {1, .99f}),
        CHANNEL({0, 0}, {.25f, .06f}, {.5f, .21f}, {.75f, .55f}, {.875f, .78f}, {1, 1}),
        CHANNEL({0, .01f}, {.18f, .40f}, {.3f, .43f}, {.5f, .33f}, {.75f, .04f}, {.875f, .20f}, {1, .64f}),
    },
    [AVSN_COLOUR_GREY] = {
        CHANNEL({0, 0}, {1, 1}),
        CHANNEL({0, 0}, {1, 1}),
        CHANNEL({0, 0}, {1, 1}),
    },
};

static float level_at(const channel *c, float value)
{
    int32_t i = 1;
    while (i < c->count - 1 && value > c->knots[i].at)
        i++;
    const knot a = c->knots[i - 1], b = c->knots[i];
    return a.level + (b.level - a.level) * (value - a.at) / (b.at - a.at);
}

void avsn_colour(int32_t map, float value, uint8_t rgb[3])
{
    const float clipped = value > 0 ? AVSN_MIN(value, 1.f) : 0; /* also when it is not a number */
    for (int32_t c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(level_at(&maps[map][c], clipped) * 255 + .5f);
}

void avsn_colour_table(int32_t map, uint8_t table[256][3])
{
    for (int32_t j = 0; j < 256; j++)
        for (int32_t c = 0; c < 3; c++) /* what is a whole number but for the rounding stays one */
            table[j][c] = (uint8_t)(level_at(&maps[map][c], (float)j / 255) * 255 + 1e-3f);
}
