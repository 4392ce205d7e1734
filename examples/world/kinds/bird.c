/* A bird on a twig: the beak opens for every note, the head goes up. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    for (double time = from + rng_between(r, 0, 0.5); time < to; time += rng_between(r, 0.2, 0.5)) {
        const double pitch = plan_pitch(t, r), length = rng_between(r, 0.07, 0.18);
        const int shape = rng_below(r, 4);
        for (int left = 2 + rng_below(r, 4); left > 0 && time < to; left--) {
            plan_add(t, time, time + length, rng_between(r, 0.6, 1), pitch * rng_between(r, 0.93, 1.07), shape);
            time += length + rng_between(r, 0.05, 0.1) / t->tempo;
        }
    }
}

static void draw(const thing *t, double time, const painter *p)
{
    const double level = envelope(event_at(t, time), time, 0.015, 0.03), plump = by_trait(t->trait[0], 0.36, 0.46);
    draw_line(p, PART, -0.95, 0.78, 0.95, 0.7, 0.06, 0.045);
    draw_line(p, DARK, -0.02, 0.4, 0, 0.72, 0.025, 0.025);
    draw_line(p, DARK, 0.14, 0.4, 0.16, 0.7, 0.025, 0.025);
    draw_polygon(p, PART, (const double[][2]){{-0.4, 0.1}, {-0.95, 0.4}, {-0.82, 0.58}, {-0.3, 0.36}}, 4, 0.02);
    const painter body = painter_turned(p, 0, 0.1, -0.45);
    draw_ellipse(&body, BODY, 0, 0.12, 0.58, plump);
    draw_ellipse(&body, LIGHT, 0.22, 0.26, 0.28, 0.6 * plump);
    const painter wing = painter_turned(&body, 0.05, 0, 0.12 + 0.1 * level);
    draw_ellipse(&wing, PART, -0.2, 0.06, 0.38, 0.2);
    draw_ellipse(&wing, ACCENT, -0.3, 0.1, 0.24, 0.08);
    const painter head = painter_turned(p, 0.32, -0.25, -0.4 * level);
    const double gape = 0.45 * level;
    const painter upper = painter_turned(&head, 0.55, -0.42, -gape), lower = painter_turned(&head, 0.55, -0.4, gape);
    draw_polygon(&lower, ACCENT, (const double[][2]){{0.52, -0.42}, {0.9, -0.36}, {0.52, -0.3}}, 3, 0.01);
    draw_polygon(&upper, ACCENT, (const double[][2]){{0.52, -0.54}, {0.95, -0.38}, {0.52, -0.38}}, 3, 0.01);
    draw_ellipse(&head, BODY, 0.36, -0.46, 0.29, 0.28);
    draw_ellipse(&head, LIGHT, 0.46, -0.52, 0.08, 0.08);
    draw_ellipse(&head, DARK, 0.48, -0.52, 0.05, 0.05);
}

/* Whistled notes that rise, fall, or bend. */
static void chirp(const thing *t, sound *out)
{
    static const double harmonics[] = {1, 0.18, 0.06};
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const double middle = (e->start + e->end) / 2, f = e->pitch;
        switch (e->choice) {
        case 0:
            sound_glide(out, e->start, e->end, 0.75 * f, 1.4 * f, harmonics, 3, e->strength);
            break;
        case 1:
            sound_glide(out, e->start, e->end, 1.5 * f, 0.8 * f, harmonics, 3, e->strength);
            break;
        case 2:
            sound_glide(out, e->start, middle, 0.8 * f, 1.5 * f, harmonics, 3, e->strength);
            sound_glide(out, middle, e->end, 1.5 * f, 0.9 * f, harmonics, 3, e->strength);
            break;
        default:
            sound_glide(out, e->start, middle, 1.4 * f, f, harmonics, 3, e->strength);
            sound_glide(out, middle, e->end, 1.1 * f, 1.1 * f, harmonics, 3, e->strength);
        }
    }
}

const kind kind_bird = {"bird", "animals", 2300, 4800, true, plan, draw, chirp};
