/* A hanging bell: it swings, and the clapper strikes the rim at the end of each swing. */
#include "kinds.h"

static const double hang = -0.82; /* where it turns */

static void plan(thing *t, rng *r, double from, double to)
{
    plan_strikes(t, r, from, to, 0.45, 0.75);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double side = to_and_fro(t, time, 0.5), flare = by_trait(t->trait[0], 0.66, 0.84);
    const double outline[][2] = {{-0.78, 0.12}, {-0.7, 0.28},        {-0.5, 0.37}, {-0.1, 0.43},
                                 {0.2, 0.52},   {0.42, flare - 0.1}, {0.58, flare}};
    draw_box(p, PART, 0, -0.9, 0.5, 0.08, 0.03);
    const painter swung = painter_turned(p, 0, hang, 0.28 * side);
    const painter clapper = painter_turned(&swung, 0, -0.3, -0.42 * side);
    draw_line(&clapper, DARK, 0, -0.2, 0, 0.68, 0.04, 0.05);
    draw_ellipse(&clapper, DARK, 0, 0.74, 0.13, 0.13);
    draw_box(&swung, PART, 0, -0.8, 0.1, 0.08, 0.04);
    draw_profile(&swung, BODY, outline, COUNT(outline));
    draw_box(&swung, ACCENT, 0, 0.53, flare, 0.06, 0.05);
    draw_box(&swung, ACCENT, 0, -0.05, 0.43, 0.03, 0.02);
}

/* Partials of a church bell: hum, prime, minor third, fifth, octave and above. */
static void sing(const thing *t, sound *out)
{
    static const mode modes[] = {{0.5, 0.5, 3.5},  {1, 0.9, 2.6},    {1.19, 0.8, 2},    {1.5, 0.4, 1.6},  {2, 1, 1.4},
                                 {2.52, 0.4, 0.8}, {3.01, 0.4, 0.6}, {4.17, 0.35, 0.4}, {5.43, 0.3, 0.25}};
    rng r = t->noise;
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        sound_modes(out, &r, e->start, modes, COUNT(modes), e->pitch, e->strength, 1);
        sound_burst(out, &r, e->start, 5000, 0.8, 0.3 * e->strength, 0.0005, 0.03);
    }
}

const kind kind_bell = {"bell", "bells", 380, 900, false, plan, draw, sing};
