/* A frog: its throat swells with every croak. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){0.22, 0.5}, (const double[]){0.12, 0.4});
}

static void draw(const thing *t, double time, const painter *p)
{
    const double level = envelope(event_at(t, time), time, 0.04, 0.1), wide = by_trait(t->trait[0], 0.58, 0.68);
    for (int side = -1; side <= 1; side += 2) {
        draw_ellipse(p, PART, side * 0.66, 0.52, 0.26, 0.34);
        draw_line(p, PART, side * 0.6, 0.86, side * 0.9, 0.9, 0.07, 0.05);
    }
    draw_ellipse(p, BODY, 0, 0.36, wide, 0.54);
    for (int side = -1; side <= 1; side += 2) {
        draw_line(p, BODY, side * 0.3, 0.5, side * 0.34, 0.88, 0.1, 0.07);
        for (int toe = -1; toe <= 1; toe++)
            draw_line(p, BODY, side * 0.34, 0.88, side * 0.34 + 0.12 * toe, 0.95, 0.04, 0.04);
    }
    draw_ellipse(p, BODY, -0.36, -0.56, 0.23, 0.23);
    draw_ellipse(p, BODY, 0.36, -0.56, 0.23, 0.23);
    draw_ellipse(p, BODY, 0, -0.2, 0.72, 0.42);
    draw_ellipse(p, LIGHT, 0, 0.16 + 0.14 * level, 0.3 + 0.24 * level, 0.16 + 0.24 * level);
    for (int side = -1; side <= 1; side += 2) {
        draw_ellipse(p, LIGHT, side * 0.36, -0.58, 0.15, 0.15);
        draw_ellipse(p, DARK, side * 0.36, -0.57, 0.12, 0.05);
        draw_ellipse(p, DARK, side * 0.07, -0.25, 0.025, 0.02);
    }
    draw_arc(p, DARK, 0, -0.45, 0.56, 0.025, 0.5, PI - 0.5);
}

/* The throat opens in pulses; each makes the sac ring. */
static void croak(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.05}, {1.9, 0.6, 0.035}, {3.1, 0.4, 0.025}};
    rng r = t->noise;
    const double pulses = rng_between(&r, 28, 48);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const double length = e->end - e->start;
        for (double time = e->start; time < e->end - 0.02;) {
            const double part = (time - e->start) / length, swell = 0.55 + 0.45 * sin(PI * part);
            sound_modes(out, &r, time, modes, COUNT(modes), e->pitch * (0.9 + 0.2 * part),
                        e->strength * swell * rng_between(&r, 0.8, 1), 1);
            time += 1 / (pulses * (0.85 + 0.3 * part));
        }
    }
}

const kind kind_frog = {"frog", "animals", 420, 850, true, plan, draw, croak};
