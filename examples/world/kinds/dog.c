/* A dog from the side: it barks with its jaw and throws up its head. */
#include "kinds.h"

static void plan(thing *t, rng *r, double from, double to)
{
    const double pitch = plan_pitch(t, r);
    for (double time = from + rng_between(r, 0, 0.5); time < to; time += rng_between(r, 0.3, 0.6)) {
        for (int left = 1 + rng_below(r, 3); left > 0 && time < to; left--) {
            const double length = rng_between(r, 0.13, 0.2);
            plan_add(t, time, time + length, rng_between(r, 0.7, 1), pitch * rng_between(r, 0.9, 1.1), 0);
            time += length + rng_between(r, 0.1, 0.2) / t->tempo;
        }
    }
}

static void head(const thing *t, double level, const painter *p)
{
    const painter q = painter_turned(p, 0.45, -0.35, -0.3 * level);
    const painter jaw = painter_turned(&q, 0.5, -0.32, 0.65 * level);
    draw_line(&jaw, PART, 0.52, -0.3, 0.84, -0.29, 0.08, 0.05);
    draw_line(&q, ACCENT, 0.6, -0.34, 0.8, -0.31 + 0.1 * level, 0.03, 0.04);
    draw_ellipse(&q, BODY, 0.5, -0.48, 0.27, 0.25);
    draw_line(&q, BODY, 0.62, -0.42, 0.86, -0.4, 0.14, 0.09);
    draw_ellipse(&q, DARK, 0.94, -0.44, 0.055, 0.05);
    draw_ellipse(&q, LIGHT, 0.57, -0.55, 0.06, 0.06);
    draw_ellipse(&q, DARK, 0.585, -0.545, 0.035, 0.035);
    const painter ear = painter_turned(&q, 0.38, -0.66, 0.25 - 0.4 * level);
    draw_ellipse(&ear, PART, 0.36, -0.45, by_trait(t->trait[1], 0.08, 0.12), by_trait(t->trait[2], 0.2, 0.28));
}

static void draw(const thing *t, double time, const painter *p)
{
    const double level = envelope(event_at(t, time), time, 0.03, 0.08), legs = by_trait(t->trait[0], 0.75, 0.95);
    const painter tail = painter_turned(p, -0.66, -0.08, 0.25 * level);
    draw_line(&tail, BODY, -0.64, -0.06, -0.92, -0.48, 0.08, 0.045);
    draw_line(p, PART, -0.42, 0.3, -0.46, legs, 0.11, 0.07);
    draw_line(p, PART, 0.32, 0.3, 0.34, legs, 0.1, 0.07);
    draw_line(p, BODY, -0.46, 0.1, 0.24, 0.06, 0.25, 0.27);
    draw_line(p, BODY, 0.24, 0, 0.42, -0.36, 0.22, 0.16);
    draw_line(p, BODY, -0.58, 0.25, -0.62, legs, 0.13, 0.08);
    draw_line(p, BODY, 0.16, 0.25, 0.17, legs, 0.11, 0.08);
    draw_line(p, ACCENT, 0.22, -0.2, 0.5, -0.13, 0.045, 0.045);
    head(t, level, p);
}

/* A rough voice: pulses that fall in pitch, much noise, three formants of a dog's throat. */
static void bark(const thing *t, sound *out)
{
    rng r = t->noise;
    const double throat = rng_between(&r, 0.85, 1.3);
    filter formants[3] = {filter_make(650 * throat, 3), filter_make(1400 * throat, 4), filter_make(2700 * throat, 4)};
    static const double gains[] = {1, 0.8, 0.4};
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end + 0.02);
        double phase = 0;
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE, part = (time - e->start) / (e->end - e->start);
            const double step = e->pitch * (0.75 + 0.5 * sin(PI * fmin(part + 0.15, 1))) / WORLD_RATE;
            phase += step;
            phase -= floor(phase);
            const double level = e->strength * envelope(e, time, 0.01, 0.1),
                         x = level * (saw(phase, step) + 0.7 * white(&r));
            double y = 0;
            for (int f = 0; f < 3; f++) {
                filter_step(&formants[f], x);
                y += gains[f] * formants[f].band;
            }
            out->samples[k] += (float)y;
        }
    }
}

const kind kind_dog = {"dog", "animals", 230, 520, true, plan, draw, bark};
