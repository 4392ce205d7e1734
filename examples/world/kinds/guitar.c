/* A guitar: the pick crosses the strings, one of them swings. */
#include "kinds.h"

enum { STRINGS = 4 };

static void plan(thing *t, rng *r, double from, double to)
{
    static const double steps[] = {1, 9. / 8, 5. / 4, 3. / 2, 5. / 3, 2, 5. / 2, 3};
    const double pitch = plan_pitch(t, r);
    int side = rng_below(r, 2);
    for (double time = from + rng_between(r, 0, 0.4); time < to; side = !side) {
        plan_add(t, time, time, rng_between(r, 0.6, 1), pitch * steps[rng_below(r, COUNT(steps))], side);
        time += rng_between(r, 0.25, 0.65) / t->tempo;
    }
}

static void body(const thing *t, const painter *p)
{
    const double waist = by_trait(t->trait[0], 0.26, 0.34), hips = by_trait(t->trait[1], 0.5, 0.6);
    const double outline[][2] = {{-0.2, 0.14}, {-0.15, 0.3}, {-0.02, 0.39}, {0.12, 0.37}, {0.28, waist},
                                 {0.42, 0.38}, {0.6, hips},  {0.78, hips},  {0.92, 0.36}, {0.97, 0.14}};
    draw_profile(p, BODY, outline, COUNT(outline));
    draw_ellipse(p, DARK, 0, 0.24, 0.155, 0.155);
    draw_arc(p, LIGHT, 0, 0.24, 0.18, 0.02, -PI, PI);
    draw_box(p, DARK, 0, 0.7, 0.22, 0.035, 0.02);
    draw_box(p, PART, 0, -0.35, 0.075, 0.44, 0.02);
    for (int fret = 0; fret < 6; fret++)
        draw_line(p, LIGHT, -0.07, -0.7 + 0.12 * fret, 0.07, -0.7 + 0.12 * fret, 0.008, 0.008);
    draw_box(p, ACCENT, 0, -0.88, 0.12, 0.13, 0.03);
    for (int peg = 0; peg < 3; peg++)
        for (int side = -1; side <= 1; side += 2)
            draw_ellipse(p, LIGHT, side * 0.16, -0.97 + 0.09 * peg, 0.04, 0.03);
}

static void draw(const thing *t, double time, const painter *p)
{
    body(t, p);
    const event *last = event_before(t, time);
    const double swing = last ? 0.05 * ring_out(t, time, 0.35) * sin(2 * PI * 9 * (time - last->start) + PI / 2) : 0;
    for (int s = 0; s < STRINGS; s++) {
        const double x = 0.036 * (s - 1.5), bow = s == (last ? (int)last->pitch % STRINGS : -1) ? swing : 0.3 * swing;
        draw_line(p, LIGHT, x, -0.8, x + bow, 0.1, 0.008, 0.008);
        draw_line(p, LIGHT, x + bow, 0.1, x, 0.7, 0.008, 0.008);
    }
    /* From one side of the strings to the other: in their middle when they sound. */
    const event *next = NULL;
    const double away = away_from_strike(t, time, 0.12, &next);
    const double sign = next && next->choice ? 1 : -1, way = next && time < next->start ? -1 : 1;
    const double x = 0.3 * sign * way * away + (next ? 0 : 0.3);
    const double pick[][2] = {{x, 0.5}, {x + 0.1, 0.34}, {x - 0.1, 0.34}};
    draw_line(p, PART, x + 0.32, 0.02, x + 0.04, 0.32, 0.1, 0.08);
    draw_polygon(p, ACCENT, pick, 3, 0.03);
}

static void strum(const thing *t, sound *out)
{
    static const double resonances[][3] = {{105, 6, 1.2}, {210, 6, 1}, {400, 4, 0.7}, {2500, 1, 0.3}};
    rng r = t->noise;
    for (int i = 0; i < t->event_count; i++)
        sound_pluck(out, &r, t->events[i].start, t->events[i].pitch, t->events[i].strength, 2.2,
                    0.35 + 0.4 * t->events[i].strength);
    sound_body(out, resonances, COUNT(resonances), 0.7);
}

const kind kind_guitar = {"guitar", "strings", 90, 180, false, plan, draw, strum};
