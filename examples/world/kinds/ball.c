/* A bouncing ball: it falls, is flattened a little where it hits the plank, and rises again. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_strikes(t, r, from, to, 0.38, 0.7);
}

/* Height above the plank, a parabola between two bounces: the longer the flight the higher. */
static double height(const thing *t, double time)
{
    const event *before = event_before(t, time), *after = event_after(t, time);
    if (!before || !after)
        return 0;
    const double gap = after->start - before->start, part = (time - before->start) / gap;
    return fmin(3.2 * gap * gap, 1.15) * 4 * part * (1 - part);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double size = by_trait(t->trait[0], 0.34, 0.44), up = height(t, time);
    const double flat = t->event_count && up < 0.12 ? 0.22 * (1 - up / 0.12) : 0;
    draw_box(p, PART, 0, 0.92, 0.95, 0.07, 0.03);
    const painter shadow = painter_ghost(p, 0.5 - 0.3 * up);
    draw_ellipse(&shadow, DARK, 0, 0.87, size * (1 - 0.3 * up), 0.05);
    const painter fallen = painter_moved(p, 0, 0.85 - size - up);
    const painter pressed = painter_stretched(&fallen, 0, size, 1 + 0.7 * flat, 1 - flat);
    const painter q = painter_turned(&pressed, 0, 0, t->event_count ? 2.2 * sin(0.8 * time) : 0);
    draw_ellipse(&q, BODY, 0, 0, size, size);
    draw_line(&q, DARK, -0.94 * size, 0, 0.94 * size, 0, 0.025, 0.025);
    draw_line(&q, DARK, 0, -0.94 * size, 0, 0.94 * size, 0.025, 0.025);
    draw_arc(&q, DARK, -1.3 * size, 0, size, 0.025, -0.85, 0.85);
    draw_arc(&q, DARK, 1.3 * size, 0, size, 0.025, PI - 0.85, PI + 0.85);
}

/* A thump of the plank, and the air inside that rings above it. */
static void bounce(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.16}, {1.7, 0.5, 0.09}, {6.4, 0.45, 0.3}, {9.2, 0.3, 0.2}, {13.3, 0.2, 0.12}};
    rng r = t->noise;
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        sound_modes(out, &r, e->start, modes, COUNT(modes), e->pitch, e->strength, 1);
        sound_burst(out, &r, e->start, 700, 0.6, 1.2 * e->strength, 0.0005, 0.03);
    }
}

const kind kind_ball = {"ball", "play", 70, 120, false, plan, draw, bounce};
