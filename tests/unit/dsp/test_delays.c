/* Correlations and sums over delayed signals against direct sums. */
#include "suite.h"

#include "dsp/delays.h"
#include "failing.h"

typedef struct noise {
    uint32_t state;
} noise;

static double draw(noise *n)
{
    n->state = n->state * 1664525u + 1013904223u;
    return (double)(n->state >> 8) / (1 << 23) - 1;
}

static double at(const double *x, int64_t n, int64_t t)
{
    return t >= 0 && t < n ? x[t] : 0;
}

/* Several blocks, less than one, fewer samples than taps, one sample, none. */
START_TEST(correlations_and_sums_are_those_of_direct_sums)
{
    static const struct {
        int64_t samples;
        int32_t taps, signals;
    } cases[] = {{700, 7, 3}, {250, 1, 1}, {249, 8, 2}, {9, 40, 2}, {1, 3, 1}, {0, 5, 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const int64_t n = cases[k].samples, taps = cases[k].taps, total = n + taps - 1;
        const int32_t signals = cases[k].signals;
        static double x[3][700], y[1000], out[3 * 40], weights[3 * 40], sum[1000];
        noise s = {(uint32_t)k};
        avsound_context *c;
        avsn_delays *d;
        ck_avsound(avsound_context_create(NULL, &c));
        ck_avsound(avsn_delays_create(c, signals, n, (int32_t)taps, &d));
        for (int32_t i = 0; i < signals; i++) {
            for (int64_t t = 0; t < n; t++)
                x[i][t] = draw(&s);
            avsn_delays_set(d, i, x[i]);
        }
        for (int64_t t = 0; t < total; t++)
            y[t] = draw(&s);
        for (int64_t i = 0; i < signals * taps; i++)
            weights[i] = draw(&s);
        for (int32_t first = 0; first < signals; first++) {
            const int32_t count = signals - first;
            avsn_delays_correlate(d, first, count, y, out);
            avsn_delays_sum(d, first, count, weights, sum);
            for (int32_t i = 0; i < count; i++)
                for (int64_t a = 0; a < taps; a++) {
                    double want = 0;
                    for (int64_t t = 0; t < n; t++)
                        want += x[first + i][t] * y[t + a];
                    ck_assert_double_eq_tol(out[i * taps + a], want, 1e-11);
                }
            for (int64_t t = 0; t < total; t++) {
                double want = 0;
                for (int32_t i = 0; i < count; i++)
                    for (int64_t a = 0; a < taps; a++)
                        want += weights[i * taps + a] * at(x[first + i], n, t - a);
                ck_assert_double_eq_tol(sum[t], want, 1e-11);
            }
        }
        avsn_delays_free(d);
        avsound_context_free(c);
    }
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    avsound_context *c;
    avsn_delays *d;
    ck_avsound(avsound_context_create(NULL, &c));
    ck_refused(avsn_delays_create(c, 0, 10, 4, &d), AVSOUND_E_INVALID_ARGUMENT, "0 signals");
    ck_refused(avsn_delays_create(c, 1, -1, 4, &d), AVSOUND_E_INVALID_ARGUMENT, "-1 samples");
    ck_refused(avsn_delays_create(c, 1, 10, AVSN_MOST_TAPS + 1, &d), AVSOUND_E_INVALID_ARGUMENT, "4097 taps");
    ck_assert_ptr_null(d);
    avsn_delays_free(NULL);
    avsound_context_free(c);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    avsn_delays *d = NULL;
    ck_survives_refusals(&f, avsn_delays_create(c, 2, 100, 4, &d), avsn_delays_free(d));
    avsound_context_free(c);
}
END_TEST

SUITE("dsp.delays", correlations_and_sums_are_those_of_direct_sums, absurd_sizes_are_refused,
      refused_memory_leaves_nothing)
