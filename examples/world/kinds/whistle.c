/* A referee's whistle: blown, air comes out of its slot and the pea runs round. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){0.25, 0.9}, (const double[]){0.15, 0.5});
}

static void draw(const thing *t, double time, const painter *p)
{
    const double round = by_trait(t->trait[0], 0.5, 0.58), turn = 2 * PI * 7.3 * time_sounding(t, time);
    const event *e = event_at(t, time);
    draw_arc(p, LIGHT, 0.82, 0.2, 0.13, 0.035, -PI, PI);
    draw_box(p, BODY, -0.35, -0.22, 0.62, 0.17, 0.05);
    draw_ellipse(p, BODY, 0.22, 0.12, round, round);
    draw_box(p, PART, -0.86, -0.22, 0.11, 0.13, 0.03);
    draw_polygon(p, DARK, (const double[][2]){{-0.2, -0.42}, {0.12, -0.42}, {-0.04, -0.2}}, 3, 0.01);
    draw_ellipse(p, DARK, 0.22, 0.14, 0.64 * round, 0.64 * round);
    draw_ellipse(p, ACCENT, 0.22 + 0.4 * round * sin(turn), 0.14 + 0.4 * round * cos(turn), 0.12, 0.12);
    if (!e)
        return;
    const painter air = painter_ghost(p, 0.75);
    for (int k = -1; k <= 1; k++) {
        const double out = fmod(6 * (time - e->start) + 0.33 * (k + 1), 1);
        draw_line(&air, LIGHT, -0.05 + 0.1 * k, -0.48 - 0.1 * out, -0.05 + (0.14 + 0.1 * out) * k, -0.62 - 0.3 * out,
                  0.025, 0.045);
    }
}

/* Two edge tones that the pea interrupts some thirty times a second, and breath. */
static void blow(const thing *t, sound *out)
{
    rng r = t->noise;
    const double trill = rng_between(&r, 24, 38);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end);
        filter breath = filter_make(1.3 * e->pitch, 1.5);
        double a = rng_unit(&r), b = rng_unit(&r);
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE, beat = cos(2 * PI * trill * (time - e->start));
            const double f = e->pitch * (1 + 0.025 * beat);
            a += f / WORLD_RATE;
            b += 1.068 * f / WORLD_RATE;
            filter_step(&breath, white(&r));
            const double x = (0.62 + 0.38 * beat) * (sin(2 * PI * a) + 0.7 * sin(2 * PI * b)) + 0.5 * breath.band;
            out->samples[k] += (float)(e->strength * envelope(e, time, 0.01, 0.02) * x);
        }
    }
}

const kind kind_whistle = {"whistle", "alarms", 2100, 3300, true, plan, draw, blow};
