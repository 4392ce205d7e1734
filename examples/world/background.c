/* What stands behind the things: a surface, light from one side, grain, and clutter that means nothing. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

enum { SLOPE, CLOUDS, PLANKS, TILES, SPOTS, ROOM, SURFACES };

typedef struct surface {
    int type;
    colour a, b;
    double scale, c, s; /* cells per pixel, turned by an angle */
    double horizon;
    double spots[24][3];
    uint64_t salt;
} surface;

/* A number in 0...1 for a cell of the plane, always the same. */
static double cell(const surface *f, int i, int j)
{
    rng r = {f->salt + (uint64_t)(int64_t)i * 0x9E3779B1u + ((uint64_t)(int64_t)j << 32)};
    return rng_unit(&r);
}

static double smooth_noise(const surface *f, double x, double y)
{
    const int i = (int)floor(x), j = (int)floor(y);
    const double u = x - i, v = y - j, su = u * u * (3 - 2 * u), sv = v * v * (3 - 2 * v);
    const double top = cell(f, i, j) + (cell(f, i + 1, j) - cell(f, i, j)) * su;
    const double bottom = cell(f, i, j + 1) + (cell(f, i + 1, j + 1) - cell(f, i, j + 1)) * su;
    return top + (bottom - top) * sv;
}

static double fractal(const surface *f, double x, double y)
{
    return 0.55 * smooth_noise(f, x, y) + 0.3 * smooth_noise(f, 2.1 * x + 7, 2.1 * y + 3) +
           0.15 * smooth_noise(f, 4.3 * x + 1, 4.3 * y + 9);
}

static double spots(const surface *f, double x, double y)
{
    double sum = 0;
    for (int k = 0; k < 24; k++) {
        const double d = (f->spots[k][2] - hypot(x - f->spots[k][0], y - f->spots[k][1])) / 6;
        sum += d <= -1 ? 0 : d >= 1 ? 0.45 : 0.225 * (1 + d);
    }
    return fmin(sum, 1);
}

/* How much of colour b there is at a pixel, 0...1. */
static double share(const surface *f, double px, double py)
{
    const double x = f->scale * (f->c * px + f->s * py), y = f->scale * (f->c * py - f->s * px);
    switch (f->type) {
    case SLOPE:
        return fmin(fmax(0.5 + 0.12 * x, 0), 1);
    case CLOUDS:
        return fmin(fmax(1.8 * fractal(f, x, y) - 0.4, 0), 1);
    case PLANKS:
        return 0.7 * cell(f, 0, (int)floor(y)) + 0.3 * smooth_noise(f, 0.3 * x, 6 * y) -
               (y - floor(y) < 0.05 ? 0.5 : 0);
    case TILES: {
        const double u = x - floor(x), v = y - floor(y);
        return u < 0.05 || v < 0.05 ? 1 : 0.35 * cell(f, (int)floor(x), (int)floor(y));
    }
    case SPOTS:
        return spots(f, px, py);
    default:
        return py < f->horizon ? 0.3 * fractal(f, x, y) : 1 - 0.35 * smooth_noise(f, x, 3 * y);
    }
}

static void surface_draw(surface *f, const canvas *c, rng *r)
{
    const double angle = rng_between(r, 0, 2 * PI);
    f->type = rng_below(r, SURFACES);
    f->a = colour_hsv(rng_unit(r), rng_between(r, 0, 0.7), rng_between(r, 0.2, 0.9));
    f->b = colour_hsv(rng_unit(r), rng_between(r, 0, 0.7), rng_between(r, 0.2, 0.9));
    f->scale = rng_log_between(r, 3, 9) / c->height;
    f->c = cos(angle);
    f->s = sin(angle);
    f->horizon = c->height * rng_between(r, 0.45, 0.8);
    f->salt = rng_next(r);
    for (int k = 0; k < 24; k++) {
        f->spots[k][0] = c->width * rng_unit(r);
        f->spots[k][1] = c->height * rng_unit(r);
        f->spots[k][2] = c->height * rng_between(r, 0.02, 0.12);
    }
}

static uint8_t to_byte(double x)
{
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x + 0.5);
}

static void surface_paint(const surface *f, canvas *c, const double light[2], rng *r)
{
    const double slope = rng_between(r, 0, 0.35), vignette = rng_between(r, 0, 0.3), grain = rng_between(r, 0, 0.12);
    for (int y = 0; y < c->height; y++) {
        const double ny = 2. * y / c->height - 1;
        for (int x = 0; x < c->width; x++) {
            const double nx = 2. * x / c->width - 1, b = share(f, x, y);
            const double lit = (1 + slope * (nx * light[0] + ny * light[1]) - vignette * 0.5 * (nx * nx + ny * ny)) *
                               (1 + grain * (2 * rng_unit(r) - 1));
            uint8_t *to = c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
            to[0] = to_byte(lit * (f->a.r + (f->b.r - f->a.r) * b));
            to[1] = to_byte(lit * (f->a.g + (f->b.g - f->a.g) * b));
            to[2] = to_byte(lit * (f->a.b + (f->b.b - f->a.b) * b));
        }
    }
}

/* Shapes like those that things are made of, so that an edge alone is no thing. */
static void clutter(canvas *c, const double light[2], rng *r)
{
    for (int left = rng_below(r, 6); left > 0; left--) {
        look l;
        const double size = c->height * rng_between(r, 0.04, 0.16), angle = rng_between(r, 0, 2 * PI);
        look_draw(&l, background_mean(c), r);
        painter p = {.canvas = c,
                     .look = &l,
                     .ox = c->width * rng_unit(r),
                     .oy = c->height * rng_unit(r),
                     .ux = size * cos(angle),
                     .uy = size * sin(angle),
                     .vx = -size * sin(angle),
                     .vy = size * cos(angle),
                     .light = {light[0], light[1]},
                     .alpha = rng_between(r, 0.5, 1),
                     .soft = rng_between(r, 1, 3)};
        const double wide = rng_between(r, 0.4, 1);
        switch (rng_below(r, 4)) {
        case 0:
            draw_ellipse(&p, BODY, 0, 0, wide, 1);
            break;
        case 1:
            draw_box(&p, BODY, 0, 0, wide, 1, rng_between(r, 0, 0.3));
            break;
        case 2:
            draw_polygon(&p, BODY, (const double[][2]){{0, -1}, {wide, 0.8}, {-wide, 0.6}}, 3, 0.05);
            break;
        default:
            draw_line(&p, BODY, -1.5, 0, 1.5, 0.4, 0.1 * wide, 0.15 * wide);
        }
    }
}

void background_paint(canvas *c, const double light[2], rng *r)
{
    surface f;
    surface_draw(&f, c, r);
    surface_paint(&f, c, light, r);
    clutter(c, light, r);
}

colour background_mean(const canvas *c)
{
    const size_t pixels = (size_t)c->width * (size_t)c->height;
    uint64_t sum[3] = {0};
    for (size_t k = 0; k < pixels; k += 7)
        for (int i = 0; i < 3; i++)
            sum[i] += c->rgb[3 * k + (size_t)i];
    const double count = (double)((pixels + 6) / 7);
    return (colour){(double)sum[0] / count, (double)sum[1] / count, (double)sum[2] / count};
}
