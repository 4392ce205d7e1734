/* A car from the side: its wheels turn, its body trembles and smoke comes out while the engine runs. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    plan_stretches(t, r, from, to, (const double[]){0.9, 2.2}, (const double[]){0.2, 0.6});
}

static void wheel(const painter *p, double x, double turn)
{
    const painter q = painter_turned(p, x, 0.42, turn);
    draw_ellipse(p, DARK, x, 0.42, 0.27, 0.27);
    draw_ellipse(p, LIGHT, x, 0.42, 0.15, 0.15);
    for (int spoke = 0; spoke < 2; spoke++) {
        const double dx = 0.13 * cos(PI / 2 * spoke), dy = 0.13 * sin(PI / 2 * spoke);
        draw_line(&q, DARK, x - dx, 0.42 - dy, x + dx, 0.42 + dy, 0.025, 0.025);
    }
}

static void draw(const thing *t, double time, const painter *p)
{
    const event *e = event_at(t, time);
    const double front = by_trait(t->trait[0], 0.35, 0.55), roof = by_trait(t->trait[1], -0.5, -0.36);
    const painter body = painter_moved(p, 0, e ? 0.022 * sin(2 * PI * 8.3 * (time - e->start)) : 0);
    draw_polygon(&body, BODY, (const double[][2]){{-0.72, 0.02}, {-0.5, roof}, {0.2, roof}, {front, 0.02}}, 4, 0.06);
    draw_polygon(&body, LIGHT,
                 (const double[][2]){{-0.6, -0.02}, {-0.45, roof + 0.06}, {-0.15, roof + 0.06}, {-0.15, -0.02}}, 4,
                 0.02);
    draw_polygon(&body, LIGHT,
                 (const double[][2]){{-0.04, -0.02}, {-0.04, roof + 0.06}, {0.16, roof + 0.06}, {front - 0.1, -0.02}},
                 4, 0.02);
    draw_box(&body, BODY, 0, 0.2, 0.97, 0.2, 0.12);
    draw_box(&body, PART, 0, 0.34, 0.96, 0.05, 0.03);
    draw_ellipse(&body, LIGHT, 0.9, 0.15, 0.07, 0.08);
    draw_box(&body, ACCENT, -0.93, 0.16, 0.04, 0.07, 0.02);
    draw_line(&body, DARK, -0.12, 0.1, -0.04, 0.1, 0.015, 0.015);
    const double turn = 2 * PI * 1.9 * time_sounding(t, time);
    wheel(p, -0.55, turn);
    wheel(p, 0.57, turn);
    if (!e)
        return;
    const painter smoke = painter_ghost(p, 0.4);
    for (int k = 0; k < 3; k++) {
        const double out = fmod(1.7 * (time - e->start) + 0.33 * k, 1);
        draw_ellipse(&smoke, LIGHT, -1 - 0.35 * out, 0.36 - 0.22 * out, 0.05 + 0.1 * out, 0.05 + 0.1 * out);
    }
}

/* Pulses of the cylinders, each a little different, as harmonics of a fourth of the firing rate. */
static void run(const thing *t, sound *out)
{
    enum { CYLINDERS = 4 };
    static const double resonances[][3] = {{90, 2, 1.5}, {220, 2, 1}, {600, 1.5, 0.4}};
    rng r = t->noise;
    double uneven[CYLINDERS];
    for (int c = 0; c < CYLINDERS; c++)
        uneven[c] = rng_between(&r, 0.7, 1.3);
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end);
        const double length = e->end - e->start;
        double phase = 0.9;
        int cylinder = 0;
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE, part = (time - e->start) / length;
            phase += e->pitch * (1 + 0.7 * sin(PI * part)) / WORLD_RATE;
            if (phase >= 1) {
                phase -= 1;
                cylinder = (cylinder + 1) % CYLINDERS;
            }
            const double pulse = exp(-9 * phase) * (2.2 + 0.8 * white(&r)) - 0.24;
            out->samples[k] += (float)(e->strength * envelope(e, time, 0.012, 0.1) * uneven[cylinder] * pulse);
        }
    }
    sound_body(out, resonances, COUNT(resonances), 0.25);
}

const kind kind_car = {"car", "machines", 28, 60, true, plan, draw, run};
