/* A cloud and its showers. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){0.8, 2}, (const double[]){0.3, 0.7});
}

static void drops(const thing *t, const event *e, double time, const painter *p)
{
    enum { DROPS = 26 };
    const painter wet = painter_flat(p);
    rng r = t->noise;
    for (int k = 0; k < DROPS; k++) {
        const double x = rng_between(&r, -0.72, 0.72), phase = rng_unit(&r), length = rng_between(&r, 0.14, 0.24);
        const double fall = phase + 2.6 * (time - e->start), part = fall - floor(fall);
        const double y = -0.02 + 0.95 * part;
        draw_line(&wet, k % 3 ? LIGHT : ACCENT, x, y - length * (1 - part) * 0.3, x - 0.04,
                  y + length * 0.7 < 0.95 ? y + length * 0.7 : 0.95, 0.014, 0.026);
        if (part > 0.9)
            draw_arc(&wet, LIGHT, x - 0.04, 0.97, 0.07, 0.015, -PI + 0.3, -0.3);
    }
}

static void draw(const thing *t, double time, const painter *p)
{
    const event *e = event_at(t, time);
    if (e)
        drops(t, e, time, p);
    const double hump = by_trait(t->trait[0], 0.34, 0.46);
    const double cloud[][3] = {{-0.6, -0.3, 0.3},  {-0.25, -0.55, hump}, {0.25, -0.5, 0.36},  {0.64, -0.28, 0.28},
                               {0.3, -0.25, 0.28}, {-0.05, -0.28, 0.32}, {-0.35, -0.24, 0.27}};
    draw_cloud(p, BODY, cloud, COUNT(cloud));
    const painter haze = painter_ghost(p, 0.4);
    draw_ellipse(&haze, LIGHT, -0.25, -0.62, 0.24, 0.16);
    draw_ellipse(&haze, LIGHT, 0.28, -0.58, 0.18, 0.12);
    draw_ellipse(&haze, DARK, 0, -0.1, 0.7, 0.08);
}

/* Hiss, and single drops that ring as bubbles do. */
static void pour(const thing *t, sound *out)
{
    rng r = t->noise;
    const double rate = rng_between(&r, 60, 160), centre = t->pitch * rng_between(&r, 3000, 6000);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end);
        filter hiss = filter_make(centre, 0.5);
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE;
            filter_step(&hiss, white(&r));
            out->samples[k] += (float)(e->strength * envelope(e, time, 0.012, 0.08) * 0.5 * (hiss.band + hiss.high));
        }
        for (double time = e->start; time < e->end; time += -log(1 - rng_unit(&r)) / rate) {
            const mode drop = {1, 1, rng_between(&r, 0.01, 0.03)};
            sound_modes(out, &r, time, &drop, 1, rng_log_between(&r, 1200, 7000),
                        e->strength * rng_between(&r, 0.1, 0.6), 1);
        }
    }
}

const kind kind_rain = {"rain", "weather", 0, 0, true, plan, draw, pour};
