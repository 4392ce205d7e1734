/* Offsets found in made-up curves whose peak, noise and drift are known. */
#include "failing.h"
#include "suite.h"

#include "base/rng.h"
#include "dsp/lag_curves.h"

enum { MOST = 100 };

typedef struct scene {
    double offset_ms, drift; /* at the start; ms per minute */
    double height, noise;    /* of the peak; standard deviation of one frame's similarity */
    double seconds;
    uint64_t seed;
} scene;

typedef struct answer {
    avsn_peak peak;
    double curve[2 * MOST + 1];
    avsn_moment windows[AVSN_LAG_CURVES_MOST];
} answer;

static avsound_context *context;

static const avsn_peak_options usual = {
    .step_ms = 20, .near_ms = 40, .least_ms = 5, .scale = 10, .window_us = 10000000, .drift_us = 30000000};

/* Every 40 ms a similarity at each lag: a bump of 50 ms around the offset of that moment, and noise. */
static void add(const scene *s, avsn_lag_curves *curves)
{
    const int64_t frames = llround(s->seconds * 25);
    for (int64_t i = 0; i < frames; i++) {
        double *sum, *weight;
        const double offset = s->offset_ms + s->drift * (double)i / 25 / 60;
        avsn_lag_curves_at(curves, i * 40000, &sum, &weight);
        for (int32_t l = 0; l <= 2 * MOST; l++) {
            const double x = ((l - MOST) * 20 - offset) / 50;
            sum[l] += s->height * exp(-x * x / 2);
            if (s->noise > 0)
                sum[l] += s->noise * avsn_rng_normal(s->seed, 1, (uint64_t)(i * (2 * MOST + 1) + l));
            weight[l]++;
        }
    }
}

static answer *solve(const scene *s, const avsn_peak_options *options)
{
    static answer a;
    avsn_lag_curves curves;
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    add(s, &curves);
    ck_avsound(avsn_lag_curves_peak(&curves, options, a.curve, a.windows, &a.peak));
    avsn_lag_curves_free(&curves);
    return &a;
}

/* Of a network whose scores decide more. */
static const avsn_peak_options sharp = {
    .step_ms = 20, .near_ms = 40, .least_ms = 5, .scale = 100, .window_us = 10000000, .drift_us = 30000000};

static void setup(void)
{
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
}

START_TEST(an_offset_is_found_between_steps)
{
    setup();
    for (int i = -9; i <= 9; i++) {
        const scene s = {.offset_ms = i * 137.3, .height = 0.5, .noise = 0, .seconds = 4};
        const avsn_peak p = solve(&s, &usual)->peak;
        ck_assert(p.found && !p.at_edge);
        ck_assert_double_eq_tol(p.offset_ms, s.offset_ms, 0.5);
        ck_assert_double_eq(p.agreement, 1);
        ck_assert(p.low_ms <= p.offset_ms - 5 && p.high_ms >= p.offset_ms + 5);
    }
}
END_TEST

START_TEST(the_interval_holds_the_truth_as_often_as_it_says)
{
    setup();
    int inside = 0, near = 0;
    double width = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const scene s = {.offset_ms = 333, .height = 0.5, .noise = 0.4, .seconds = 4, .seed = seed};
        const avsn_peak p = solve(&s, &sharp)->peak;
        inside += p.low_ms <= 333 && p.high_ms >= 333;
        near += fabs(p.offset_ms - 333) <= 40;
        width += (p.high_ms - p.low_ms) / 60;
    }
    ck_assert_int_eq(near, 60);
    ck_assert_int_ge(inside, 52); /* of 57 expected; fewer than 1 chance in 50 for fewer */
    ck_assert_double_le(width, 80);
}
END_TEST

/* Every stretch prefers the first by a little, so that drawing stretches again would never tell of the second. */
START_TEST(the_interval_holds_what_is_nearly_as_likely)
{
    setup();
    avsn_peak p;
    avsn_moment windows[AVSN_LAG_CURVES_MOST];
    double curve[2 * MOST + 1];
    avsn_lag_curves curves;
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    add(&(scene){.offset_ms = -400, .height = 0.5, .seconds = 4}, &curves);
    add(&(scene){.offset_ms = 300, .height = 0.49, .seconds = 4}, &curves);
    ck_avsound(avsn_lag_curves_peak(&curves, &sharp, curve, windows, &p));
    avsn_lag_curves_free(&curves);
    ck_assert_double_eq_tol(p.offset_ms, -400, 1);
    ck_assert_double_eq(p.agreement, 1);
    ck_assert(p.low_ms < -400 && p.low_ms > -500);
    ck_assert(p.high_ms > 300 && p.high_ms < 400);
}
END_TEST

START_TEST(noise_alone_is_not_trusted)
{
    setup();
    double trusted = 0, told = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        const scene noise = {.noise = 0.6, .seconds = 4, .seed = seed};
        const scene signal = {.offset_ms = -200, .height = 0.6, .noise = 0.6, .seconds = 4, .seed = seed};
        avsn_peak_options options = usual;
        options.scale = 20;
        avsn_peak p = solve(&noise, &options)->peak;
        trusted = fmax(trusted, p.likelihood * p.agreement);
        p = solve(&signal, &options)->peak;
        told += p.likelihood * p.agreement / 20;
    }
    ck_assert_double_le(trusted, 0.2);
    ck_assert_double_ge(told, 0.9);
}
END_TEST

/* exp(scale * height) against 1 at each of the other lags. */
START_TEST(the_likelihood_is_the_share_of_the_exponentials)
{
    setup();
    const scene s = {.offset_ms = 0, .height = 0.4, .seconds = 4};
    const answer *a = solve(&s, &usual);
    double all = 0, near = 0;
    for (int32_t l = 0; l <= 2 * MOST; l++) {
        all += exp(10 * a->curve[l]);
        near += abs(l - MOST) <= 2 ? exp(10 * a->curve[l]) : 0;
    }
    ck_assert_double_eq_tol(a->peak.likelihood, near / all, 1e-9);
}
END_TEST

START_TEST(the_best_at_the_end_of_the_range_is_told)
{
    setup();
    const scene s = {.offset_ms = 2100, .height = 0.5, .seconds = 4};
    ck_assert(solve(&s, &usual)->peak.at_edge);
}
END_TEST

START_TEST(a_drift_is_measured_and_the_offset_stands_in_the_middle)
{
    setup();
    static const double drifts[] = {0, -12, 300};
    for (size_t i = 0; i < sizeof drifts / sizeof drifts[0]; i++) {
        const scene s = {.offset_ms = 100, .drift = drifts[i], .height = 0.4, .noise = 0.2, .seconds = 150, .seed = i};
        const answer *a = solve(&s, &usual);
        ck_assert_double_eq_tol(a->peak.offset_ms, 100 + 1.25 * drifts[i], 10);
        ck_assert_double_eq_tol(a->peak.drift, drifts[i], 6);
        const double half = (a->peak.drift_high - a->peak.drift_low) / 2;
        ck_assert_double_le(fabs(a->peak.drift - drifts[i]), 1.5 * half); /* 1 in 300 beyond */
        ck_assert_double_le(half, 6);
        ck_assert_double_ge(a->peak.agreement, 0.99);
        ck_assert_int_ge(a->peak.windows, 14);
        const avsn_moment *last = &a->windows[a->peak.windows - 1];
        ck_assert_double_eq_tol(last->offset_ms, 100 + drifts[i] * last->time_s / 60, 25);
    }
}
END_TEST

START_TEST(a_short_recording_has_no_drift)
{
    setup();
    const scene s = {.offset_ms = 100, .height = 0.4, .seconds = 20};
    ck_assert(isnan(solve(&s, &usual)->peak.drift));
}
END_TEST

/* Stretches joined in pairs add up to the same. */
START_TEST(long_recordings_need_no_more_memory_and_lose_nothing)
{
    setup();
    avsn_lag_curves curves;
    const scene s = {.offset_ms = 100, .height = 0.5, .seconds = 600};
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    add(&s, &curves);
    ck_assert_int_le(curves.count, AVSN_LAG_CURVES_MOST);
    ck_assert_int_ge(curves.count, AVSN_LAG_CURVES_MOST / 2);
    ck_assert_int_ge(curves.count * curves.span_us, 600000000);
    double all = 0;
    for (int32_t r = 0; r < curves.count; r++)
        all += curves.weight[r * (2 * MOST + 1) + MOST];
    ck_assert_double_eq(all, 15000);
    avsn_lag_curves_free(&curves);
    ck_assert_double_eq_tol(solve(&s, &usual)->peak.offset_ms, 100, 0.5);
}
END_TEST

/* Three minutes, of which at most ten seconds are kept at a time: the answer is that of the moment, in its own time. */
START_TEST(what_was_forgotten_has_no_say)
{
    setup();
    static answer a;
    avsn_lag_curves curves;
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    for (int64_t i = 0; i < 3 * 60 * 25; i++) {
        double *sum, *weight;
        const double offset = i < 4000 ? -600 : 400;
        avsn_lag_curves_at(&curves, i * 40000, &sum, &weight);
        for (int32_t l = 0; l <= 2 * MOST; l++) {
            const double x = ((l - MOST) * 20 - offset) / 50;
            sum[l] += 0.5 * exp(-x * x / 2);
            weight[l]++;
        }
        avsn_lag_curves_forget(&curves, i * 40000 - 10000000);
        ck_assert_int_le(curves.count, 51);
        if (i % 500 != 499)
            continue;
        ck_avsound(avsn_lag_curves_peak(&curves, &usual, a.curve, a.windows, &a.peak));
        ck_assert_double_eq_tol(a.peak.offset_ms, offset, 0.5);
        ck_assert_int_eq(a.peak.windows, 1);
        ck_assert_double_eq_tol(a.windows[0].time_s, (double)i / 25 - 5, 0.21);
    }
    ck_assert_int_eq(curves.span_us, 200000);
    avsn_lag_curves_free(&curves);
}
END_TEST

START_TEST(lags_that_nothing_speaks_for_are_left_out)
{
    setup();
    static answer a;
    avsn_lag_curves curves;
    double *sum, *weight;
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    ck_avsound(avsn_lag_curves_peak(&curves, &usual, a.curve, a.windows, &a.peak));
    ck_assert(!a.peak.found && isnan(a.peak.offset_ms) && isnan(a.curve[0]));
    for (int i = 0; i < 50; i++) {
        avsn_lag_curves_at(&curves, i * 40000, &sum, &weight);
        for (int32_t l = 50; l <= 150; l++) {
            sum[l] += l == 120 ? 0.9 : l == 119 || l == 121 ? 0.5 : 0.1;
            weight[l]++;
        }
        sum[40] += i == 7; /* higher than all, but once */
        weight[40] += i == 7;
    }
    ck_avsound(avsn_lag_curves_peak(&curves, &usual, a.curve, a.windows, &a.peak));
    ck_assert_double_eq_tol(a.peak.offset_ms, 400, 1e-9);
    ck_assert(isnan(a.curve[0]) && !isnan(a.curve[50]));
    avsn_lag_curves_free(&curves);
}
END_TEST

START_TEST(refused_memory_is_survived)
{
    failing f;
    static answer a;
    avsn_lag_curves curves;
    context = failing_context(&f);
    ck_avsound(avsn_lag_curves_init(&curves, context, MOST, 200000));
    ck_survives_refusals(&f, avsn_lag_curves_peak(&curves, &usual, a.curve, a.windows, &a.peak), (void)0);
    avsn_lag_curves_free(&curves);
    avsound_context_free(context);
    context = NULL;
}
END_TEST

SUITE("dsp.lag_curves", an_offset_is_found_between_steps, the_interval_holds_the_truth_as_often_as_it_says,
      the_interval_holds_what_is_nearly_as_likely,
      noise_alone_is_not_trusted, the_likelihood_is_the_share_of_the_exponentials,
      the_best_at_the_end_of_the_range_is_told, a_drift_is_measured_and_the_offset_stands_in_the_middle,
      a_short_recording_has_no_drift, long_recordings_need_no_more_memory_and_lose_nothing,
      what_was_forgotten_has_no_say, lags_that_nothing_speaks_for_are_left_out, refused_memory_is_survived)
