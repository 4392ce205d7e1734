/* A drum with two sticks that take turns. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_strikes(t, r, from, to, 0.22, 0.6);
}

static void stick(const thing *t, double time, const painter *p, int side)
{
    const event *e = NULL;
    const double away = away_from_strike(t, time, 0.2, &e);
    const double lift = e && e->choice == side ? away : 1, sign = side ? 1 : -1;
    const painter swung = painter_turned(p, sign * 0.85, -0.72, -sign * 0.75 * lift);
    draw_line(&swung, PART, sign * 0.9, -0.76, sign * 0.22, -0.42, 0.045, 0.035);
    draw_ellipse(&swung, LIGHT, sign * 0.2, -0.42, 0.085, 0.075);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double depth = by_trait(t->trait[0], 0.5, 0.85), bottom = -0.35 + depth;
    const double dip = 0.03 * ring_out(t, time, 0.06);
    draw_ellipse(p, ACCENT, 0, bottom, 0.78, 0.24);
    draw_box(p, BODY, 0, (bottom - 0.35) / 2, 0.76, depth / 2, 0);
    draw_ellipse(p, BODY, 0, bottom - 0.05, 0.76, 0.22);
    for (int k = 0; k < 6; k++) {
        const double x0 = -0.72 + 0.24 * k, x1 = x0 + 0.24, sag0 = 0.2 * sqrt(1 - x0 * x0),
                     sag1 = 0.2 * sqrt(1 - x1 * x1);
        const bool down = k % 2 == 0;
        draw_line(p, LIGHT, x0, down ? -0.32 + sag0 : bottom - 0.06 + sag0, x1,
                  down ? bottom - 0.06 + sag1 : -0.32 + sag1, 0.025, 0.025);
    }
    draw_ellipse(p, ACCENT, 0, -0.33, 0.8, 0.25);
    draw_ellipse(p, LIGHT, 0, -0.36 + dip, 0.72, 0.2);
    stick(t, time, p, 0);
    stick(t, time, p, 1);
}

/* An ideal circular membrane (zeros of Bessel functions), damped, and the slap of the stick. */
static void beat(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.45},       {1.594, 0.6, 0.3},   {2.136, 0.45, 0.22}, {2.296, 0.35, 0.2},
                                 {2.653, 0.3, 0.16}, {2.918, 0.25, 0.14}, {3.156, 0.2, 0.12}};
    rng r = t->noise;
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        sound_modes(out, &r, e->start, modes, COUNT(modes), e->pitch, e->strength, 1);
        sound_burst(out, &r, e->start, 12 * e->pitch, 0.5, 1.2 * e->strength, 0.0005, 0.1);
    }
}

const kind kind_drum = {"drum", "percussion", 80, 200, false, plan, draw, beat};
