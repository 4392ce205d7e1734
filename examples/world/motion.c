/* When things sound, and how their parts move towards it and away from it. */
#include <math.h>

#include "world.h"

void plan_add(thing *t, double start, double end, double strength, double pitch, int choice)
{
    if (t->event_count < MOST_EVENTS)
        t->events[t->event_count++] = (event){start, end, strength, pitch, choice};
}

double plan_pitch(const thing *t, rng *r)
{
    return t->kind->high > 0 ? t->pitch * rng_log_between(r, t->kind->low, t->kind->high) : 0;
}

void plan_strikes(thing *t, rng *r, double from, double to, double least_gap, double most_gap)
{
    const double pitch = plan_pitch(t, r);
    int side = rng_below(r, 2);
    for (double time = from + rng_between(r, 0, least_gap); time < to; side = !side) {
        plan_add(t, time, time, rng_between(r, 0.55, 1), pitch, side);
        time += rng_between(r, least_gap, most_gap) / t->tempo;
    }
}

void plan_stretches(thing *t, rng *r, double from, double to, const double on[2], const double off[2])
{
    for (double time = from + rng_between(r, 0, off[1]); time < to;) {
        const double length = rng_between(r, on[0], on[1]) / t->tempo;
        plan_add(t, time, time + length, rng_between(r, 0.6, 1), plan_pitch(t, r), rng_below(r, 2));
        time += length + rng_between(r, off[0], off[1]) / t->tempo;
    }
}

const event *event_before(const thing *t, double time)
{
    const event *last = NULL;
    for (int i = 0; i < t->event_count && t->events[i].start <= time; i++)
        last = &t->events[i];
    return last;
}

const event *event_after(const thing *t, double time)
{
    for (int i = 0; i < t->event_count; i++)
        if (t->events[i].start > time)
            return &t->events[i];
    return NULL;
}

const event *event_at(const thing *t, double time)
{
    const event *e = event_before(t, time);
    return e && time < e->end ? e : NULL;
}

double away_from_strike(const thing *t, double time, double reach, const event **nearest)
{
    const event *before = event_before(t, time), *after = event_after(t, time);
    const double since = before ? time - before->start : HUGE_VAL, until = after ? after->start - time : HUGE_VAL;
    if (nearest)
        *nearest = since < until ? before : after;
    const double gap = fmin(since + until, 2 * reach) / 2;
    const double far = fmin(fmin(since, until) / gap, 1);
    return gap / reach * far * far * (3 - 2 * far); /* lingers where it strikes */
}

double envelope(const event *e, double time, double attack, double release)
{
    if (!e || time < e->start || time > e->end)
        return 0;
    return fmin(1, fmin((time - e->start) / attack, (e->end - time) / release));
}

static double side_of(const event *e)
{
    return e->choice ? 1 : -1;
}

double to_and_fro(const thing *t, double time, double rest)
{
    const event *before = event_before(t, time), *after = event_after(t, time);
    if (before && after) {
        const double part = (time - before->start) / (after->start - before->start);
        const double smooth = 0.5 - 0.5 * cos(PI * part);
        return side_of(before) + (side_of(after) - side_of(before)) * smooth;
    }
    const event *only = before ? before : after;
    if (!only)
        return 0;
    const double distance = fabs(time - only->start) / rest;
    return distance < 1 ? side_of(only) * 0.5 * (1 + cos(PI * distance)) : 0;
}

double ring_out(const thing *t, double time, double decay)
{
    const event *e = event_before(t, time);
    return e ? e->strength * exp((e->start - time) / decay) : 0;
}

double time_sounding(const thing *t, double time)
{
    double sum = 0;
    for (int i = 0; i < t->event_count && t->events[i].start < time; i++)
        sum += fmin(time, t->events[i].end) - t->events[i].start;
    return sum;
}
