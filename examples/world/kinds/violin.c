/* A violin: the bow goes to and fro across its strings, a note for each stroke. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    static const double steps[] = {1, 9. / 8, 5. / 4, 4. / 3, 3. / 2, 5. / 3, 15. / 8, 2};
    const double pitch = plan_pitch(t, r);
    int way = rng_below(r, 2);
    for (double time = from + rng_between(r, 0, 0.5); time < to; way = !way) {
        const double length = rng_between(r, 0.3, 0.9) / t->tempo;
        plan_add(t, time, time + length, rng_between(r, 0.6, 1), pitch * steps[rng_below(r, COUNT(steps))], way);
        time += length + (rng_chance(r, 0.3) ? rng_between(r, 0.1, 0.4) : 0.05);
    }
}

static void f_hole(const painter *p, double x)
{
    draw_line(p, DARK, 0.7 * x, 0.18, x, 0.45, 0.02, 0.02);
    draw_ellipse(p, DARK, 0.62 * x, 0.18, 0.035, 0.035);
    draw_ellipse(p, DARK, 1.08 * x, 0.45, 0.035, 0.035);
}

static void body(const thing *t, const painter *p)
{
    const double waist = by_trait(t->trait[0], 0.2, 0.25), hips = by_trait(t->trait[1], 0.4, 0.47);
    const double outline[][2] = {{-0.24, 0.08}, {-0.18, 0.28}, {-0.04, 0.37}, {0.06, 0.36}, {0.12, 0.27}, {0.24, waist},
                                 {0.38, 0.25},  {0.46, 0.36},  {0.56, hips},  {0.74, hips}, {0.9, 0.3},   {0.96, 0.1}};
    draw_profile(p, BODY, outline, COUNT(outline));
    f_hole(p, 0.2);
    f_hole(p, -0.2);
    draw_polygon(p, DARK, (const double[][2]){{-0.07, 0.5}, {0.07, 0.5}, {0.04, 0.88}, {-0.04, 0.88}}, 4, 0.02);
    draw_ellipse(p, DARK, -0.26, 0.84, 0.15, 0.1);
    draw_box(p, DARK, 0, -0.36, 0.05, 0.44, 0.02);
    draw_box(p, LIGHT, 0, 0.37, 0.1, 0.025, 0.01);
    draw_line(p, PART, 0, -0.78, 0, -0.88, 0.06, 0.06);
    draw_ellipse(p, PART, 0, -0.92, 0.08, 0.08);
    for (int side = -1; side <= 1; side += 2) {
        draw_line(p, ACCENT, 0, -0.8 + 0.04 * side, side * 0.16, -0.8 + 0.04 * side, 0.02, 0.035);
        draw_line(p, LIGHT, side * 0.02, -0.78, side * 0.03, 0.5, 0.006, 0.006);
    }
}

/* Where along its length the bow stands, -1...1: it moves while a note sounds, and only then. */
static double bow_place(const thing *t, double time)
{
    const event *e = event_before(t, time);
    if (!e) {
        const event *first = event_after(t, time);
        return first ? first->choice ? 1 : -1 : 0;
    }
    const double part = fmin((time - e->start) / (e->end - e->start), 1), way = e->choice ? -1 : 1;
    return way * (2 * part - 1);
}

static void draw(const thing *t, double time, const painter *p)
{
    body(t, p);
    const double idle = t->event_count ? 0 : -0.25;
    const painter across = painter_turned(p, 0, 0.28, -0.3);
    const painter bow = painter_moved(&across, 0.42 * bow_place(t, time), idle);
    draw_line(&bow, PART, -0.95, 0.2, 0.95, 0.2, 0.022, 0.022);
    draw_line(&bow, LIGHT, -0.9, 0.28, 0.9, 0.28, 0.018, 0.018);
    draw_box(&bow, ACCENT, 0.86, 0.24, 0.07, 0.06, 0.02);
    draw_line(&bow, PART, -0.95, 0.2, -0.9, 0.28, 0.022, 0.022);
}

/* A bowed string moves as a saw (Helmholtz); the body colours it. */
static void bow(const thing *t, sound *out)
{
    static const double resonances[][3] = {{280, 5, 0.8}, {460, 6, 1}, {1000, 2, 0.5}, {2600, 1.2, 0.9}};
    rng r = t->noise;
    const double rate = rng_between(&r, 5, 6.5), width = rng_between(&r, 0.003, 0.01);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end);
        double phase = rng_unit(&r), smooth = 0;
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE, since = time - e->start;
            const double step = e->pitch * (1 + width * fmin(since / 0.3, 1) * sin(2 * PI * rate * since)) / WORLD_RATE;
            phase += step;
            phase -= floor(phase);
            smooth += 0.3 * (white(&r) - smooth);
            out->samples[k] +=
                (float)(e->strength * envelope(e, time, 0.012, 0.05) * (saw(phase, step) + 0.25 * smooth));
        }
    }
    sound_body(out, resonances, COUNT(resonances), 0.3);
}

const kind kind_violin = {"violin", "strings", 260, 480, true, plan, draw, bow};
