/* A pendulum clock: it ticks where the pendulum turns round, and the hand jumps. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    const double period = rng_between(r, 0.34, 0.55) / t->tempo;
    int side = rng_below(r, 2);
    for (double time = from + rng_between(r, 0, period); time < to; time += period, side = !side)
        plan_add(t, time, time, 0.9, 0, side);
}

static void hand(const painter *p, double angle, double length, double width)
{
    draw_line(p, DARK, 0, -0.3, length * sin(angle), -0.3 - length * cos(angle), width, 0.6 * width);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double wide = by_trait(t->trait[0], 0.4, 0.52);
    draw_box(p, PART, 0, 0.5, wide, 0.48, 0.03);
    draw_box(p, DARK, 0, 0.56, wide - 0.1, 0.36, 0.02);
    const painter pendulum = painter_turned(p, 0, -0.1, 0.3 * to_and_fro(t, time, 0.5));
    draw_line(&pendulum, LIGHT, 0, 0.1, 0, 0.7, 0.03, 0.03);
    draw_ellipse(&pendulum, LIGHT, 0, 0.72, 0.14, 0.14);
    draw_polygon(p, PART, (const double[][2]){{-0.62, -0.72}, {0, -0.96}, {0.62, -0.72}}, 3, 0.03);
    draw_ellipse(p, BODY, 0, -0.3, 0.62, 0.62);
    draw_ellipse(p, LIGHT, 0, -0.3, 0.5, 0.5);
    for (int hour = 0; hour < 12; hour++) {
        const double s = sin(PI / 6 * hour), c = cos(PI / 6 * hour), inner = hour % 3 ? 0.43 : 0.37;
        draw_line(p, DARK, inner * s, -0.3 - inner * c, 0.46 * s, -0.3 - 0.46 * c, 0.02, 0.02);
    }
    const event *last = event_before(t, time);
    const int ticks = last ? (int)(last - t->events) : 0;
    hand(p, 2 * PI * t->trait[1], 0.26, 0.04);
    hand(p, 24 * PI * t->trait[1], 0.38, 0.03);
    const double second = 2 * PI * (t->trait[2] + ticks / 20.);
    draw_line(p, ACCENT, -0.1 * sin(second), -0.3 + 0.1 * cos(second), 0.42 * sin(second), -0.3 - 0.42 * cos(second),
              0.018, 0.012);
    draw_ellipse(p, ACCENT, 0, -0.3, 0.05, 0.05);
}

/* Short clicks of wood and metal, tick above tock. */
static void tick(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.05}, {1.83, 0.8, 0.035}, {2.9, 0.5, 0.025}};
    rng r = t->noise;
    const double pitch = t->pitch * rng_between(&r, 1500, 2300);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const double f = e->choice ? pitch : 0.8 * pitch;
        sound_modes(out, &r, e->start, modes, COUNT(modes), f, e->strength, 1);
        sound_burst(out, &r, e->start, 3 * f, 0.7, e->strength, 0.0003, 0.012);
        sound_modes(out, &r, e->start + 0.011, modes, COUNT(modes), 1.3 * f, 0.4 * e->strength, 1);
    }
}

const kind kind_clock = {"clock", "machines", 0, 0, false, plan, draw, tick};
