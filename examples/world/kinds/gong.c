/* A gong in its frame, struck by a soft mallet; it swings a little afterwards. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_strikes(t, r, from, to, 0.9, 1.6);
}

static void draw(const thing *t, double time, const painter *p)
{
    const event *last = event_before(t, time);
    const double swing = last ? 0.1 * ring_out(t, time, 0.7) * sin(7 * (time - last->start)) : 0;
    const double size = by_trait(t->trait[0], 0.55, 0.63);
    draw_line(p, PART, -0.85, -0.85, -0.85, 0.95, 0.06, 0.06);
    draw_line(p, PART, 0.85, -0.85, 0.85, 0.95, 0.06, 0.06);
    draw_line(p, PART, -0.97, -0.86, 0.97, -0.86, 0.07, 0.07);
    draw_line(p, PART, -0.98, 0.95, -0.68, 0.95, 0.05, 0.05);
    draw_line(p, PART, 0.68, 0.95, 0.98, 0.95, 0.05, 0.05);
    const painter swung = painter_turned(p, 0, -0.85, swing);
    draw_line(&swung, DARK, -0.3, -0.85, -0.3, -0.35, 0.025, 0.025);
    draw_line(&swung, DARK, 0.3, -0.85, 0.3, -0.35, 0.025, 0.025);
    draw_ellipse(&swung, BODY, 0, 0.05, size, size);
    draw_arc(&swung, DARK, 0, 0.05, 0.75 * size, 0.02, -PI, PI);
    draw_ellipse(&swung, ACCENT, 0, 0.05, 0.3 * size, 0.3 * size);
    const painter arm = painter_turned(p, 0.75, 0.8, 0.9 * away_from_strike(t, time, 0.25, NULL));
    draw_line(&arm, LIGHT, 0.75, 0.8, 0.2, 0.22, 0.04, 0.04);
    draw_line(&arm, DARK, 0.22, 0.16, 0.12, 0.26, 0.12, 0.12);
}

/* Many partials in no simple ratio; the low ones speak at once and long, the high ones are a wash. */
static void crash(const thing *t, sound *out)
{
    enum { MODES = 18 };
    mode modes[MODES];
    rng r = t->noise;
    for (int k = 0; k < MODES; k++) {
        modes[k].ratio = k ? pow(1 + 0.55 * k, 1.25) * rng_between(&r, 0.95, 1.05) : 1;
        modes[k].gain = 1 / (1 + 0.25 * k) * rng_between(&r, 0.5, 1);
        modes[k].decay = 5 / (1 + 0.3 * k);
    }
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        sound_modes(out, &r, e->start, modes, MODES, e->pitch, e->strength, 1);
        sound_burst(out, &r, e->start, 9 * e->pitch, 0.6, 0.5 * e->strength, 0.01, 1.4);
    }
}

const kind kind_gong = {"gong", "percussion", 75, 160, false, plan, draw, crash};
