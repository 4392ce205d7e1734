/* An old telephone: the handset jumps while its two bells are struck in turn. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){0.5, 1}, (const double[]){0.25, 0.6});
}

static void draw(const thing *t, double time, const painter *p)
{
    const double wide = by_trait(t->trait[0], 0.72, 0.85);
    const double base[][2] = {{-0.32, 0.3}, {-0.2, 0.4}, {0.1, 0.5}, {0.5, 0.66}, {0.75, wide}, {0.88, wide + 0.02}};
    const event *e = event_at(t, time);
    draw_box(p, PART, 0, 0.88, wide + 0.04, 0.07, 0.04);
    draw_profile(p, BODY, base, COUNT(base));
    draw_ellipse(p, LIGHT, 0, 0.34, 0.38, 0.38);
    for (int hole = 0; hole < 10; hole++) {
        const double angle = 0.5 + 0.53 * hole;
        draw_ellipse(p, DARK, 0.27 * cos(angle), 0.34 + 0.27 * sin(angle), 0.06, 0.06);
    }
    draw_ellipse(p, ACCENT, 0, 0.34, 0.13, 0.13);
    draw_line(p, DARK, -0.3, -0.3, -0.3, -0.42, 0.06, 0.06);
    draw_line(p, DARK, 0.3, -0.3, 0.3, -0.42, 0.06, 0.06);
    const double shake = e ? sin(2 * PI * 9.7 * (time - e->start) + 1) : 0;
    const painter moved = painter_moved(p, 0, e ? -0.08 - 0.05 * shake : 0);
    const painter handset = painter_turned(&moved, 0, -0.5, 0.12 * shake);
    draw_arc(&handset, PART, 0, 0.1, 0.72, 0.09, -PI / 2 - 0.85, -PI / 2 + 0.85);
    draw_box(&handset, PART, -0.62, -0.36, 0.22, 0.15, 0.08);
    draw_box(&handset, PART, 0.62, -0.36, 0.22, 0.15, 0.08);
    if (!e)
        return;
    const painter waves = painter_ghost(p, 0.8);
    for (int k = 0; k < 2; k++) {
        const double radius = 1 + 0.14 * k;
        draw_arc(&waves, LIGHT, 0, -0.4, radius, 0.025, -0.5, 0.1);
        draw_arc(&waves, LIGHT, 0, -0.4, radius, 0.025, PI - 0.1, PI + 0.5);
    }
}

static void ring(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.5}, {2.76, 0.6, 0.3}, {5.4, 0.35, 0.15}};
    rng r = t->noise;
    const double rate = rng_between(&r, 20, 26), second = rng_between(&r, 1.15, 1.3);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        int stroke = 0;
        for (double time = e->start; time < e->end; time = e->start + ++stroke / rate)
            sound_modes(out, &r, time, modes, COUNT(modes), e->pitch * (stroke % 2 ? second : 1),
                        e->strength * rng_between(&r, 0.8, 1), 1);
    }
}

const kind kind_telephone = {"telephone", "bells", 950, 1500, true, plan, draw, ring};
