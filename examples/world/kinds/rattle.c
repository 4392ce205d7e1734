/* A maraca: shaken to and fro, its beans fly against the wall where it turns round. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_strikes(t, r, from, to, 0.18, 0.34);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double side = to_and_fro(t, time, 0.2), plump = by_trait(t->trait[0], 0.36, 0.48);
    const painter q = painter_turned(p, 0, 0.9, 0.35 * side);
    draw_line(&q, PART, 0, 0, 0, 0.85, 0.06, 0.09);
    draw_ellipse(&q, PART, 0, 0.88, 0.12, 0.1);
    draw_ellipse(&q, BODY, 0, -0.4, plump, 0.55);
    for (int k = -3; k < 3; k++) {
        const double y0 = k % 2 ? -0.48 : -0.32, y1 = k % 2 ? -0.32 : -0.48, step = plump / 3.3;
        draw_line(&q, LIGHT, k * step, y0, (k + 1) * step, y1, 0.03, 0.03);
    }
    draw_arc(&q, ACCENT, 0, -2.1, 1.55, 0.04, PI / 2 - plump / 1.75, PI / 2 + plump / 1.75);
    draw_arc(&q, ACCENT, 0, -1.75, 1.6, 0.04, PI / 2 - plump / 1.9, PI / 2 + plump / 1.9);
    draw_box(&q, DARK, 0, 0.13, 0.1, 0.06, 0.03);
}

/* Beans as grains of noise, more at first, through the shell's resonance. */
static void shake(const thing *t, sound *out)
{
    rng r = t->noise;
    const double shell = t->pitch * rng_between(&r, 3200, 5200);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        double time = e->start;
        for (int grain = 0; grain < 40; grain++) {
            const double level = e->strength * exp((e->start - time) / 0.03) * rng_between(&r, 0.3, 1);
            sound_burst(out, &r, time, shell, 3, level, 0.0003, 0.01);
            time += -log(1 - rng_unit(&r)) * 0.0025;
        }
    }
}

const kind kind_rattle = {"rattle", "percussion", 0, 0, false, plan, draw, shake};
