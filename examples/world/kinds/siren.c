/* A beacon: the light goes round in its dome while the siren wails. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){1, 2.4}, (const double[]){0.25, 0.7});
}

static void draw(const thing *t, double time, const painter *p)
{
    const double tall = by_trait(t->trait[0], 0.8, 1.05), turn = 2 * PI * 1.6 * time_sounding(t, time);
    const double dome[][2] = {
        {0.35 - tall, 0.05}, {0.37 - tall, 0.2}, {0.45 - tall, 0.36}, {0.65 - tall, 0.5}, {0.35, 0.54}};
    const bool lit = event_at(t, time) != NULL;
    if (lit) {
        const painter beam = painter_ghost(p, 0.45);
        const double reach = 1.1 * sin(turn), y = 0.35 - 0.5 * tall;
        draw_polygon(&beam, LIGHT,
                     (const double[][2]){
                         {0.2 * sin(turn), y - 0.06}, {0.2 * sin(turn), y + 0.06}, {reach, y + 0.4}, {reach, y - 0.4}},
                     4, 0.02);
    }
    draw_box(p, PART, 0, 0.72, 0.85, 0.2, 0.06);
    draw_box(p, DARK, 0, 0.45, 0.64, 0.1, 0.04);
    for (int k = -2; k <= 2; k++)
        draw_line(p, DARK, 0.28 * k, 0.63, 0.28 * k, 0.8, 0.03, 0.03);
    draw_profile(p, BODY, dome, COUNT(dome));
    draw_line(p, DARK, 0, 0.35, 0, 0.35 - 0.6 * tall, 0.05, 0.05);
    if (!lit)
        return;
    const painter lamp = painter_flat(p);
    const double x = 0.32 * sin(turn), size = 0.16 + 0.06 * cos(turn);
    draw_ellipse(&lamp, LIGHT, x, 0.35 - 0.5 * tall, size, 1.3 * size);
}

static void wail(const thing *t, sound *out)
{
    rng r = t->noise;
    const bool two_tone = rng_chance(&r, 0.5);
    const double pace = rng_between(&r, 1, 2.6), range = rng_between(&r, 1.3, 1.6);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end);
        double phase = 0, f = e->pitch;
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE, turn = pace * (time - e->start);
            const double aim =
                two_tone ? turn - floor(turn) < 0.5 ? 1 : range : pow(range * range, 0.5 - 0.5 * cos(2 * PI * turn));
            f += 0.002 * (aim * e->pitch - f);
            phase += f / WORLD_RATE;
            phase -= floor(phase);
            const double x = sin(2 * PI * phase) + 0.45 * sin(6 * PI * phase) + 0.25 * sin(10 * PI * phase);
            out->samples[k] += (float)(e->strength * envelope(e, time, 0.01, 0.04) * x);
        }
    }
}

const kind kind_siren = {"siren", "alarms", 480, 850, true, plan, draw, wail};
