/* The colours and textures of things: random, and the same for every kind. */
#include <math.h>

#include "world.h"

colour colour_hsv(double hue, double saturation, double value)
{
    double c[3];
    for (int k = 0; k < 3; k++) {
        const double place = fmod(6 * hue + 4 * (k == 1) + 2 * (k == 2), 6);
        const double rise = fmin(fmax(fabs(place - 3) - 1, 0), 1);
        c[k] = 255 * value * (1 - saturation + saturation * rise);
    }
    return (colour){c[0], c[1], c[2]};
}

static double contrast(colour a, colour b)
{
    return sqrt(0.3 * (a.r - b.r) * (a.r - b.r) + 0.59 * (a.g - b.g) * (a.g - b.g) + 0.11 * (a.b - b.b) * (a.b - b.b));
}

/* A colour unlike another: the most different of a few tries if none is different enough. */
static colour colour_unlike(colour other, double enough, double least_value, rng *r)
{
    colour best = {0};
    double most = -1;
    for (int attempt = 0; attempt < 12 && most < enough; attempt++) {
        const colour c = colour_hsv(rng_unit(r), rng_between(r, 0.05, 0.95), rng_between(r, least_value, 0.95));
        if (contrast(c, other) > most) {
            most = contrast(c, other);
            best = c;
        }
    }
    return best;
}

static double lattice(const double *grid, int n, double x, double y)
{
    const int i = (int)floor(x), j = (int)floor(y);
    const double u = x - i, v = y - j, su = u * u * (3 - 2 * u), sv = v * v * (3 - 2 * v);
    const double *a = grid + (j % n) * n, *b = grid + ((j + 1) % n) * n;
    const double top = a[i % n] + (a[(i + 1) % n] - a[i % n]) * su;
    const double bottom = b[i % n] + (b[(i + 1) % n] - b[i % n]) * su;
    return top + (bottom - top) * sv;
}

enum { PLAIN, STRIPES, DOTS, CHECKS, SPECKLES, GRAIN, TEXTURES };

static double pattern(int texture, double x, double y, const double *grid)
{
    switch (texture) {
    case STRIPES:
        return sin(2 * PI * 3 * x) > 0.2 ? 1 : -0.3;
    case DOTS:
        return hypot(fmod(4 * x, 1) - 0.5, fmod(4 * y, 1) - 0.5) < 0.27 ? 1 : -0.2;
    case CHECKS:
        return ((int)(4 * x) + (int)(4 * y)) % 2 ? 0.5 : -0.5;
    case SPECKLES:
        return 2 * lattice(grid, 8, 8 * x, 8 * y) - 1;
    case GRAIN:
        return sin(2 * PI * (4 * x + 1.5 * lattice(grid, 8, 2 * x, 4 * y)));
    default:
        return 0;
    }
}

void look_draw(look *l, colour against, rng *r)
{
    double grid[64];
    for (int k = 0; k < 64; k++)
        grid[k] = rng_unit(r);
    l->body = colour_unlike(against, 70, 0.3, r);
    l->part = colour_unlike(l->body, 60, 0.25, r);
    l->accent = colour_unlike(l->body, 90, 0.4, r);
    l->dark = colour_hsv(rng_unit(r), rng_between(r, 0, 0.6), rng_between(r, 0.05, 0.22));
    l->light = colour_hsv(rng_unit(r), rng_between(r, 0, 0.25), rng_between(r, 0.85, 1));
    l->shade = rng_between(r, 0.4, 1.1);
    l->gloss = rng_chance(r, 0.6) ? rng_between(r, 0.05, 0.5) : 0;
    l->outline = rng_chance(r, 0.7) ? rng_between(r, 0.8, 2.2) : 0;
    l->tile_scale = rng_between(r, 0.4, 1.2);
    const int texture = rng_below(r, TEXTURES);
    const double strength = rng_between(r, 0.06, 0.25);
    for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++)
            l->tile[y * TILE + x] = (float)(1 + strength * pattern(texture, (double)x / TILE, (double)y / TILE, grid));
}
