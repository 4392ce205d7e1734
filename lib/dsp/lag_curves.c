#include "dsp/lag_curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { RESAMPLINGS = 400, MOST_DRIFT = 100, LEAST_WINDOWS = 4, NEAR_WINDOWS = 5 };

/* A lag must have this share of what the fullest has: the mean of a few says little. */
static const double least_share = 0.2;
/* A drift must raise the peak by so much, or there is none. */
static const double drift_gain = 1.05;
/* Beyond either end of the interval. */
static const double tail = 0.025;

/* ---- sums ---- */

static size_t lag_count(const avsn_lag_curves *curves)
{
    return (size_t)(2 * curves->most + 1);
}

avsound_status avsn_lag_curves_init(avsn_lag_curves *curves, avsound_context *context, int32_t most, int64_t span_us)
{
    *curves = (avsn_lag_curves){.context = context, .most = most, .span_us = span_us};
    curves->sum = avsn_alloc_zeroed(context, AVSN_LAG_CURVES_MOST * lag_count(curves), sizeof(double));
    curves->weight = avsn_alloc_zeroed(context, AVSN_LAG_CURVES_MOST * lag_count(curves), sizeof(double));
    return curves->sum && curves->weight ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

void avsn_lag_curves_free(avsn_lag_curves *curves)
{
    if (!curves->context)
        return;
    avsn_free(curves->context, curves->sum);
    avsn_free(curves->context, curves->weight);
    *curves = (avsn_lag_curves){0};
}

static void join_pairs(double *rows, size_t lags, int32_t count)
{
    for (int32_t r = 0; r < count; r++) {
        double *to = rows + (size_t)(r / 2) * lags;
        const double *from = rows + (size_t)r * lags;
        for (size_t l = 0; l < lags; l++)
            to[l] = r % 2 ? to[l] + from[l] : from[l];
    }
    const size_t kept = (size_t)(count + 1) / 2;
    memset(rows + kept * lags, 0, ((size_t)count - kept) * lags * sizeof *rows);
}

void avsn_lag_curves_at(avsn_lag_curves *curves, int64_t time_us, double **sum, double **weight)
{
    const size_t lags = lag_count(curves);
    while (!curves->first && time_us / curves->span_us >= AVSN_LAG_CURVES_MOST) {
        join_pairs(curves->sum, lags, curves->count);
        join_pairs(curves->weight, lags, curves->count);
        curves->count = (curves->count + 1) / 2;
        curves->span_us *= 2;
    }
    const int32_t row = (int32_t)(time_us / curves->span_us - curves->first);
    curves->count = AVSN_MAX(curves->count, row + 1);
    *sum = curves->sum + (size_t)row * lags;
    *weight = curves->weight + (size_t)row * lags;
}

static void drop_rows(double *rows, size_t lags, int32_t count, int32_t dropped)
{
    const size_t kept = (size_t)(count - dropped) * lags, gone = (size_t)dropped * lags;
    memmove(rows, rows + gone, kept * sizeof *rows);
    memset(rows + kept, 0, gone * sizeof *rows);
}

void avsn_lag_curves_forget(avsn_lag_curves *curves, int64_t time_us)
{
    const int64_t rows = AVSN_MIN(time_us / curves->span_us - curves->first, (int64_t)curves->count);
    if (rows <= 0)
        return;
    drop_rows(curves->sum, lag_count(curves), curves->count, (int32_t)rows);
    drop_rows(curves->weight, lag_count(curves), curves->count, (int32_t)rows);
    curves->count -= (int32_t)rows;
    curves->first += rows;
}

/* ---- one curve ---- */

typedef struct total {
    int32_t most;
    double *sum, *weight; /* [2 * most + 1] */
    double *shares;       /* [2 * most + 1], scratch: of exp(scale * mean) at each lag */
} total;

/* Adds stretches first...last-1, each `times[r]` times (once where times is NULL), as if the offset drifted by `drift`
 * steps from one end of the recording to the other and were meant at its middle. */
static void add_up(const avsn_lag_curves *curves, int32_t first, int32_t last, const double *times, double drift,
                   total *out)
{
    const size_t lags = lag_count(curves);
    memset(out->sum, 0, lags * sizeof *out->sum);
    memset(out->weight, 0, lags * sizeof *out->weight);
    for (int32_t r = first; r < last; r++) {
        const double many = times ? times[r] : 1;
        const int64_t shift = llround(drift * ((r + 0.5) / curves->count - 0.5));
        const int64_t begin = AVSN_MAX(0, -shift), end = AVSN_MIN((int64_t)lags, (int64_t)lags - shift);
        const double *sum = curves->sum + (size_t)r * lags, *weight = curves->weight + (size_t)r * lags;
        if (many == 0)
            continue;
        for (int64_t l = begin; l < end; l++) {
            out->sum[l] += many * sum[l + shift];
            out->weight[l] += many * weight[l + shift];
        }
    }
}

typedef struct peak {
    int32_t best;    /* index of the lag; -1: none */
    double position; /* in steps from lag 0, between steps */
    double height;
    bool at_edge;
} peak;

/* The mean at a lag against the mean of all, weighted by how little chance moves it: the fewer there are, the further a
 * mean strays, and the ends of a short recording's curve have few. NAN: too few. */
static double standing(const total *t, int32_t l, double mean, double fullest)
{
    if (t->weight[l] <= 0 || t->weight[l] < least_share * fullest)
        return NAN;
    return (t->sum[l] / t->weight[l] - mean) * sqrt(t->weight[l] / fullest);
}

static void mean_and_fullest(const total *t, double *mean, double *fullest)
{
    double sum = 0, weight = 0;
    *fullest = 0;
    for (int32_t l = 0; l < 2 * t->most + 1; l++) {
        sum += t->sum[l];
        weight += t->weight[l];
        *fullest = fmax(*fullest, t->weight[l]);
    }
    *mean = weight > 0 ? sum / weight : 0;
}

static peak find_peak(const total *t)
{
    peak p = {.best = -1, .height = -INFINITY};
    double mean, fullest;
    mean_and_fullest(t, &mean, &fullest);
    for (int32_t l = 0; l < 2 * t->most + 1; l++) {
        const double s = standing(t, l, mean, fullest);
        if (s > p.height) {
            p.best = l;
            p.height = s;
        }
    }
    if (p.best < 0)
        return p;
    p.position = p.best - t->most;
    const double before = p.best > 0 ? standing(t, p.best - 1, mean, fullest) : NAN;
    const double after = p.best < 2 * t->most ? standing(t, p.best + 1, mean, fullest) : NAN;
    p.at_edge = isnan(before) || isnan(after);
    const double bend = before - 2 * p.height + after;
    if (!p.at_edge && bend < 0)
        p.position += 0.5 * (before - after) / bend;
    return p;
}

/* 0 where a lag has too few. */
static void find_shares(total *t, double scale)
{
    double *shares = t->shares;
    const int32_t lags = 2 * t->most + 1;
    double mean, fullest, highest = -INFINITY, all = 0;
    mean_and_fullest(t, &mean, &fullest);
    for (int32_t l = 0; l < lags; l++) {
        shares[l] = isnan(standing(t, l, mean, fullest)) ? -INFINITY : scale * t->sum[l] / t->weight[l];
        highest = fmax(highest, shares[l]);
    }
    for (int32_t l = 0; l < lags; l++)
        all += shares[l] = isinf(shares[l]) ? 0 : exp(shares[l] - highest);
    for (int32_t l = 0; l < lags; l++)
        shares[l] /= all;
}

/* Within `near` steps of a position. */
static double share_near(const total *t, double position, double near)
{
    double inside = 0;
    for (int32_t l = -t->most; l <= t->most; l++)
        if (fabs(l - position) <= near + 1e-9)
            inside += t->shares[l + t->most];
    return inside;
}

/* The position, in steps, that has `below` of the shares below it; a lag's share lies half a step to either side of it. */
static double quantile(const total *t, double below)
{
    const double *shares = t->shares;
    int32_t l = 0;
    for (; l < 2 * t->most && below >= shares[l]; l++)
        below -= shares[l];
    return l - t->most - 0.5 + (shares[l] > 0 ? fmin(below / shares[l], 1) : 0);
}

/* ---- drift ---- */

/* Steps from end to end that raise the peak most; without any, 0. */
static double search_drift(const avsn_lag_curves *curves, total *t)
{
    const int32_t most = AVSN_MIN(curves->most / 2, (int32_t)MOST_DRIFT);
    add_up(curves, 0, curves->count, NULL, 0, t);
    double best = 0, height = drift_gain * find_peak(t).height;
    for (int32_t d = 1; d <= most; d++)
        for (int32_t sign = -1; sign <= 1; sign += 2) {
            add_up(curves, 0, curves->count, NULL, sign * d, t);
            const double h = find_peak(t).height;
            if (h > height) {
                height = h;
                best = sign * d;
            }
        }
    return best;
}

/* 97.5th percentile of Student's t (Cornish and Fisher's expansion). */
static double student(double freedom)
{
    return 1.95996 + (2.37227 + (2.82250 + 2.5559 / freedom) / freedom) / freedom;
}

/* Offsets over time: least squares through the windows that lie near a line found before. */
typedef struct fit {
    double middle_s, line_ms, line_slope, near_ms; /* ms per second */
    double n, mean_x, mean_y, slope;
} fit;

static bool lies_near(const fit *f, const avsn_moment *w)
{
    return fabs(w->offset_ms - f->line_ms - f->line_slope * (w->time_s - f->middle_s)) <= f->near_ms;
}

static void fit_means(const avsn_moment *windows, int32_t count, fit *f)
{
    for (int32_t i = 0; i < count; i++)
        if (lies_near(f, &windows[i])) {
            f->n++;
            f->mean_x += (windows[i].time_s - f->mean_x) / f->n;
            f->mean_y += (windows[i].offset_ms - f->mean_y) / f->n;
        }
}

static void fit_drift(const avsn_moment *windows, int32_t count, fit *f, avsn_peak *out)
{
    double xx = 0, xy = 0, residual = 0;
    fit_means(windows, count, f);
    if (f->n < LEAST_WINDOWS)
        return;
    for (int32_t i = 0; i < count; i++)
        if (lies_near(f, &windows[i])) {
            const double x = windows[i].time_s - f->mean_x;
            xx += x * x;
            xy += x * (windows[i].offset_ms - f->mean_y);
        }
    f->slope = xy / xx;
    for (int32_t i = 0; i < count; i++)
        if (lies_near(f, &windows[i])) {
            const double e = windows[i].offset_ms - f->mean_y - f->slope * (windows[i].time_s - f->mean_x);
            residual += e * e;
        }
    const double error = sqrt(residual / (f->n - 2) / xx) * student(f->n - 2);
    out->drift = 60 * f->slope;
    out->drift_low = out->drift - 60 * error;
    out->drift_high = out->drift + 60 * error;
}

static int32_t find_windows(const avsn_lag_curves *curves, const avsn_peak_options *o, total *t, avsn_moment *windows)
{
    const int64_t stretches = AVSN_MAX((o->window_us + curves->span_us - 1) / curves->span_us, (int64_t)1);
    int32_t count = 0;
    for (int64_t first = 0; first + stretches <= curves->count; first += stretches) {
        add_up(curves, (int32_t)first, (int32_t)(first + stretches), NULL, 0, t);
        const peak p = find_peak(t);
        if (p.best >= 0)
            find_shares(t, o->scale);
        windows[count++] = (avsn_moment){
            .time_s = ((double)(curves->first + first) + (double)stretches / 2) * (double)curves->span_us * 1e-6,
            .offset_ms = p.best < 0 ? NAN : p.position * o->step_ms,
            .likelihood = p.best < 0 ? 0 : share_near(t, p.position, o->near_ms / o->step_ms),
        };
    }
    return count;
}

/* ---- resampling ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, int32_t count, double share)
{
    const double place = share * (count - 1), low = floor(place);
    const int32_t i = (int32_t)low;
    return i + 1 < count ? sorted[i] + (place - low) * (sorted[i + 1] - sorted[i]) : sorted[count - 1];
}

/* Draws stretches with replacement, as many as there are, again and again. `times` holds [count]. */
static void resample(const avsn_lag_curves *curves, const avsn_peak_options *o, double drift, total *t, double *times,
                     double *offsets, avsn_peak *out)
{
    const uint64_t stream = avsn_rng_stream("curves"), n = (uint64_t)curves->count;
    int32_t found = 0, near = 0;
    for (uint64_t draw = 0; draw < RESAMPLINGS; draw++) {
        memset(times, 0, n * sizeof *times);
        for (uint64_t i = 0; i < n; i++)
            times[avsn_rng_below(0, stream, draw * n + i, n)]++;
        add_up(curves, 0, curves->count, times, drift, t);
        const peak p = find_peak(t);
        if (p.best < 0)
            continue;
        offsets[found++] = p.position * o->step_ms;
        near += fabs(p.position * o->step_ms - out->offset_ms) <= o->near_ms;
    }
    qsort(offsets, (size_t)found, sizeof *offsets, ascending);
    out->agreement = (double)near / RESAMPLINGS;
    out->low_ms = fmin(out->low_ms, found ? percentile(offsets, found, tail) : INFINITY);
    out->high_ms = fmax(out->high_ms, found ? percentile(offsets, found, 1 - tail) : -INFINITY);
}

/* ---- all of it ---- */

static void analyse(const avsn_lag_curves *curves, const avsn_peak_options *o, total *t, double *times, double *offsets,
                    double *curve, avsn_moment *windows, avsn_peak *out)
{
    const double length_us = (double)curves->count * (double)curves->span_us;
    const double drift = length_us >= (double)o->drift_us ? search_drift(curves, t) : 0;
    out->windows = find_windows(curves, o, t, windows);
    add_up(curves, 0, curves->count, NULL, drift, t);
    for (size_t l = 0; l < lag_count(curves); l++)
        curve[l] = t->weight[l] > 0 ? t->sum[l] / t->weight[l] : NAN;
    const peak p = find_peak(t);
    if (p.best < 0)
        return;
    out->found = true;
    out->at_edge = p.at_edge;
    out->offset_ms = p.position * o->step_ms;
    find_shares(t, o->scale);
    out->likelihood = share_near(t, p.position, o->near_ms / o->step_ms);
    out->low_ms = fmin(quantile(t, tail) * o->step_ms, out->offset_ms - o->least_ms);
    out->high_ms = fmax(quantile(t, 1 - tail) * o->step_ms, out->offset_ms + o->least_ms);
    resample(curves, o, drift, t, times, offsets, out);
    if (length_us < (double)o->drift_us)
        return;
    fit f = {.middle_s = length_us * 5e-7, .line_ms = out->offset_ms,
             .line_slope = drift * o->step_ms / (length_us * 1e-6), .near_ms = NEAR_WINDOWS * o->near_ms};
    fit_drift(windows, out->windows, &f, out);
}

avsound_status avsn_lag_curves_peak(const avsn_lag_curves *curves, const avsn_peak_options *options, double *curve,
                                avsn_moment *windows, avsn_peak *out)
{
    const size_t lags = lag_count(curves);
    *out = (avsn_peak){.offset_ms = NAN, .low_ms = NAN, .high_ms = NAN,
                       .drift = NAN, .drift_low = NAN, .drift_high = NAN};
    double *room = avsn_alloc(curves->context, 3 * lags + AVSN_LAG_CURVES_MOST + RESAMPLINGS, sizeof *room);
    if (!room)
        return AVSOUND_E_NO_MEMORY;
    total t = {.most = curves->most, .sum = room, .weight = room + lags, .shares = room + 2 * lags};
    double *times = room + 3 * lags, *offsets = times + AVSN_LAG_CURVES_MOST;
    analyse(curves, options, &t, times, offsets, curve, windows, out);
    avsn_free(curves->context, room);
    return AVSOUND_OK;
}
