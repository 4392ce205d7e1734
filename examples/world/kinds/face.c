/* A face that speaks in syllables: the mouth opens with the first formant and widens with the second. */
#include "kinds.h"

typedef struct vowel {
    double formants[3]; /* Hz, a grown man's */
} vowel;

/* a, e, i, o, u, and a murmured one */
static const vowel vowels[] = {{{730, 1090, 2440}}, {{530, 1840, 2480}}, {{290, 2290, 3010}},
                               {{570, 840, 2410}},  {{310, 870, 2240}},  {{500, 1500, 2500}}};

static void plan(thing *t, rng *r, double from, double to)
{
    const double pitch = plan_pitch(t, r);
    for (double time = from + rng_between(r, 0, 0.6); time < to; time += rng_between(r, 0.2, 0.5)) {
        for (int left = 2 + rng_below(r, 5); left > 0 && time < to; left--) {
            const double length = rng_between(r, 0.1, 0.26) / t->tempo;
            plan_add(t, time, time + length, rng_between(r, 0.6, 1), pitch * rng_between(r, 0.85, 1.2),
                     rng_below(r, COUNT(vowels)));
            time += length + rng_between(r, 0.03, 0.09);
        }
    }
}

static void eyes(const thing *t, double time, const painter *p)
{
    const double blink = fmod(time + 10 + 3 * t->trait[2], 3.1) < 0.12 ? 0.15 : 1;
    for (int side = -1; side <= 1; side += 2) {
        draw_ellipse(p, LIGHT, side * 0.29, -0.24, 0.15, 0.11 * blink);
        draw_ellipse(p, DARK, side * 0.29 + 0.04 * sin(0.9 * time + 6 * t->trait[3]), -0.24, 0.07, 0.08 * blink);
        draw_line(p, PART, side * 0.42, -0.42, side * 0.16, -0.45, 0.035, 0.045);
    }
}

static void draw(const thing *t, double time, const painter *p)
{
    const event *e = event_at(t, time);
    const double level = envelope(e, time, 0.025, 0.05);
    const double *f = vowels[e ? e->choice : 0].formants;
    const double open = level * (0.05 + 0.2 * (f[0] - 250) / 480), wide = 0.22 + level * 0.11 * (f[1] - 1500) / 800;
    const double jaw = 0.06 * level, long_face = by_trait(t->trait[0], 0.78, 0.92);
    draw_ellipse(p, BODY, -0.7, -0.1, 0.12, 0.19);
    draw_ellipse(p, BODY, 0.7, -0.1, 0.12, 0.19);
    draw_ellipse(p, PART, 0, -0.34, 0.74, 0.62);
    draw_ellipse(p, BODY, 0, 0.06 + jaw, 0.68, long_face);
    draw_arc(p, PART, 0, -0.1, 0.66, 0.14, PI + 0.5 * t->trait[1], 2 * PI - 0.1);
    eyes(t, time, p);
    draw_line(p, DARK, 0, -0.12, 0.07, 0.16, 0.015, 0.015);
    draw_line(p, DARK, 0.07, 0.16, -0.03, 0.18, 0.015, 0.02);
    const double y = 0.46 + 0.6 * open;
    draw_ellipse(p, ACCENT, 0, y, wide + 0.07, open + 0.075);
    draw_ellipse(p, DARK, 0, y, wide, open + 0.012);
    if (open > 0.06)
        draw_box(p, LIGHT, 0, y - 0.72 * open, 0.62 * wide, 0.2 * open, 0.02);
}

/* A glottal pulse: opens, closes faster. Phase in turns. */
static double glottis(double phase)
{
    if (phase < 0.4)
        return 0.5 - 0.5 * cos(PI * phase / 0.4);
    return phase < 0.56 ? cos(PI / 2 * (phase - 0.4) / 0.16) : 0;
}

static void speak(const thing *t, sound *out)
{
    rng r = t->noise;
    const double tract = rng_between(&r, 0.95, 1.3); /* shorter tracts have higher formants */
    filter formants[3] = {filter_make(500, 6), filter_make(1500, 9), filter_make(2500, 10)};
    static const double gains[] = {1, 0.55, 0.35};
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        const int64_t last = sound_index(out, e->end + 0.03);
        double phase = 0.3, before = 0;
        for (int64_t k = sound_index(out, e->start); k < last; k++) {
            const double time = out->start + (double)k / WORLD_RATE;
            const double part = (time - e->start) / (e->end - e->start);
            if (k % 48 == 0)
                for (int f = 0; f < 3; f++) {
                    /* From and to the neutral tube, as the mouth opens and closes. */
                    const double neutral = 500 + 1000 * f, way = fmin(1, 3 * fmin(part, 1.2 - part));
                    const double aim = vowels[e->choice].formants[f];
                    filter_tune(&formants[f], tract * (neutral + (aim - neutral) * fmax(way, 0)), 6 + 2 * f);
                }
            phase += e->pitch * (1.06 - 0.14 * part) / WORLD_RATE;
            phase -= floor(phase);
            const double flow = glottis(phase) + 0.02 * white(&r), x = flow - before;
            before = flow;
            double y = 0;
            for (int f = 0; f < 3; f++) {
                filter_step(&formants[f], envelope(e, time, 0.012, 0.04) * e->strength * 30 * x);
                y += gains[f] * formants[f].band;
            }
            out->samples[k] += (float)y;
        }
    }
}

const kind kind_face = {"face", "people", 95, 230, true, plan, draw, speak};
