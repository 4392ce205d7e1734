/* A xylophone: a mallet jumps from bar to bar. */
#include "kinds.h"

enum { BARS = 7 };

static double bar_x(int bar)
{
    return -0.84 + 0.28 * bar;
}

static void plan(thing *t, rng *r, double from, double to)
{
    static const double scale[BARS] = {1, 9. / 8, 5. / 4, 3. / 2, 5. / 3, 2, 9. / 4};
    const double pitch = plan_pitch(t, r);
    int bar = rng_below(r, BARS);
    for (double time = from + rng_between(r, 0, 0.3); time < to; time += rng_between(r, 0.2, 0.5) / t->tempo) {
        bar = (bar + 1 + rng_below(r, BARS - 1)) % BARS;
        plan_add(t, time, time, rng_between(r, 0.55, 1), pitch * scale[bar], bar);
    }
}

/* Where the mallet is on its way: over the bar it strikes from a moment before to a moment after. */
static double mallet_x(const thing *t, double time)
{
    const event *before = event_before(t, time), *after = event_after(t, time);
    if (!before || !after)
        return before ? bar_x(before->choice) : after ? bar_x(after->choice) : 0;
    const double gap = after->start - before->start;
    const double part = fmin(fmax((time - before->start) / gap * 1.6 - 0.3, 0), 1);
    return bar_x(before->choice) + (bar_x(after->choice) - bar_x(before->choice)) * part * part * (3 - 2 * part);
}

static void draw(const thing *t, double time, const painter *p)
{
    const double slope = by_trait(t->trait[0], 0.05, 0.085);
    const double top[][2] = {{-0.98, -0.34}, {0.98, -0.14}, {0.98, -0.06}, {-0.98, -0.26}};
    const double bottom[][2] = {{-0.98, 0.5}, {0.98, 0.3}, {0.98, 0.38}, {-0.98, 0.58}};
    draw_polygon(p, DARK, top, 4, 0.02);
    draw_polygon(p, DARK, bottom, 4, 0.02);
    const event *last = event_before(t, time);
    for (int bar = 0; bar < BARS; bar++) {
        const double struck = last && last->choice == bar ? 0.03 * ring_out(t, time, 0.06) : 0;
        draw_box(p, bar % 2 ? PART : BODY, bar_x(bar), 0.12 + struck, 0.115, 0.72 - slope * bar, 0.04);
        draw_ellipse(p, DARK, bar_x(bar), -0.24 + 0.033 * bar + struck, 0.035, 0.035);
        draw_ellipse(p, DARK, bar_x(bar), 0.49 - 0.033 * bar + struck, 0.035, 0.035);
    }
    const double away = away_from_strike(t, time, 0.16, NULL), x = mallet_x(t, time);
    draw_line(p, LIGHT, x + 0.3, -0.9 - 0.05 * away, x + 0.02, 0.05 - 0.36 * away, 0.035, 0.03);
    draw_ellipse(p, ACCENT, x, 0.1 - 0.4 * away, 0.12, 0.12);
}

/* Bars cut so that the second partial is two octaves above the first. */
static void ring(const thing *t, sound *out)
{
    static const mode modes[] = {{1, 1, 0.7}, {3.99, 0.35, 0.2}, {9.8, 0.2, 0.07}, {16.6, 0.1, 0.04}};
    rng r = t->noise;
    for (int i = 0; i < t->event_count; i++) {
        const event *e = &t->events[i];
        sound_modes(out, &r, e->start, modes, COUNT(modes), e->pitch, e->strength, 1);
        sound_burst(out, &r, e->start, 1800, 1, 0.35 * e->strength, 0.0005, 0.025);
    }
}

const kind kind_xylophone = {"xylophone", "percussion", 500, 900, false, plan, draw, ring};
