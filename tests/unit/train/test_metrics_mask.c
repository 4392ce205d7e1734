/* The ideal mask against closed forms and a transform written out. */
#include "failing.h"
#include "suite.h"

#include <avsound/metrics.h>

#include "base/rng.h"

enum { WINDOW = 1344, HOP = 336, FFT = 2048, BINS = FFT / 2 + 1 };

static avsound_context *context;

static void masked(const float *source, const float *mixture, int64_t samples, float *estimate)
{
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_metric_ideal_mask(context, source, mixture, samples, estimate));
}

static float noise(uint64_t stream, int64_t n)
{
    return (float)(2 * avsn_rng_uniform(17, stream, (uint64_t)n) - 1);
}

START_TEST(a_sound_alone_passes_and_an_absent_one_leaves_nothing)
{
    enum { N = 5001 };
    static float x[N], silent[N], estimate[N];
    for (int n = 0; n < N; n++)
        x[n] = noise(0, n);
    masked(x, x, N, estimate);
    for (int n = 0; n < N; n++)
        ck_assert_float_eq_tol(estimate[n], x[n], 2e-6f);
    masked(silent, x, N, estimate);
    for (int n = 0; n < N; n++)
        ck_assert_float_eq(estimate[n], 0);
    masked(x, x, 1, estimate);
    ck_assert_float_eq_tol(estimate[0], x[0], 2e-6f);
    masked(NULL, NULL, 0, NULL);
}
END_TEST

/* A source that is half of the mixture has a quarter of its power, and the other half as much: half of it is let through. */
START_TEST(halves_are_halved)
{
    enum { N = 4000 };
    static float half[N], x[N], estimate[N];
    for (int n = 0; n < N; n++) {
        half[n] = noise(1, n);
        x[n] = 2 * half[n];
    }
    masked(half, x, N, estimate);
    for (int n = 0; n < N; n++)
        ck_assert_float_eq_tol(estimate[n], half[n], 2e-6f);
}
END_TEST

START_TEST(tones_apart_are_told_apart)
{
    enum { N = 21000 };
    static float low[N], x[N], estimate[N];
    double value;
    for (int n = 0; n < N; n++) {
        low[n] = (float)sin(2 * M_PI * 400 * n / 21000);
        x[n] = low[n] + 3 * (float)sin(2 * M_PI * 4000 * n / 21000);
    }
    masked(low, x, N, estimate);
    ck_avsound(avsound_metric_si_sdr(low, estimate, N, &value));
    ck_assert_double_gt(value, 30);
}
END_TEST

/* ---- the transform, written out in double ---- */

static double cosine(int64_t k)
{
    static double table[FFT];
    if (table[0] < 0.5)
        for (int i = 0; i < FFT; i++)
            table[i] = cos(2 * M_PI * i / FFT);
    return table[(uint64_t)k % FFT];
}

static double hann(int n)
{
    return 0.5 - 0.5 * cos(2 * M_PI * n / WINDOW);
}

static double at(const float *x, int64_t samples, int64_t n)
{
    return n >= 0 && n < samples ? (double)x[n] : 0;
}

static void transform(const float *x, int64_t samples, int64_t start, double (*spectrum)[2])
{
    for (int k = 0; k < BINS; k++) {
        double re = 0, im = 0;
        for (int n = 0; n < WINDOW; n++) {
            const double value = hann(n) * at(x, samples, start + n);
            re += value * cosine((int64_t)k * n);
            im -= value * cosine((int64_t)k * n - FFT / 4);
        }
        spectrum[k][0] = re;
        spectrum[k][1] = im;
    }
}

/* Adds the masked frame, windowed again, and the windows' squares. */
static void add_frame(const float *s, const float *x, int64_t samples, int64_t start, double *sum, double *cover)
{
    static double source[BINS][2], mixture[BINS][2];
    transform(s, samples, start, source);
    transform(x, samples, start, mixture);
    for (int k = 0; k < BINS; k++) {
        const double own = source[k][0] * source[k][0] + source[k][1] * source[k][1];
        const double re = mixture[k][0] - source[k][0], im = mixture[k][1] - source[k][1];
        const double share = own + re * re + im * im > 0 ? own / (own + re * re + im * im) : 0;
        mixture[k][0] *= share;
        mixture[k][1] *= share;
    }
    for (int n = 0; n < WINDOW; n++) {
        double value = 0;
        for (int k = 0; k < BINS; k++) {
            const double part = mixture[k][0] * cosine((int64_t)k * n) - mixture[k][1] * cosine((int64_t)k * n - FFT / 4);
            value += (k && k < BINS - 1 ? 2 : 1) * part;
        }
        if (start + n >= 0 && start + n < samples) {
            sum[start + n] += hann(n) * value / FFT;
            cover[start + n] += hann(n) * hann(n);
        }
    }
}

START_TEST(it_agrees_with_the_transform_written_out)
{
    enum { N = 1500 };
    static float s[N], x[N], estimate[N];
    static double sum[N], cover[N];
    for (int n = 0; n < N; n++) {
        s[n] = noise(2, n) * (float)sin(n * 0.01);
        x[n] = s[n] + 0.5f * noise(3, n);
    }
    masked(s, x, N, estimate);
    for (int64_t start = -WINDOW; start < N; start += HOP)
        add_frame(s, x, N, start, sum, cover);
    for (int n = 0; n < N; n++)
        ck_assert_double_eq_tol((double)estimate[n], sum[n] / cover[n], 1e-5);
}
END_TEST

START_TEST(broken_signals_are_refused_and_so_is_memory)
{
    failing f;
    const float x[] = {1, 2, 3}, broken[] = {1, NAN, 3};
    float estimate[3];
    avsound_context *c = failing_context(&f);
    ck_refused(avsound_metric_ideal_mask(c, broken, x, 3, estimate), AVSOUND_E_INVALID_ARGUMENT, "source holds");
    ck_refused(avsound_metric_ideal_mask(c, x, broken, 3, estimate), AVSOUND_E_INVALID_ARGUMENT, "mixture holds");
    ck_refused(avsound_metric_ideal_mask(c, x, x, 3, NULL), AVSOUND_E_INVALID_ARGUMENT, "estimate is NULL");
    ck_survives_refusals(&f, avsound_metric_ideal_mask(c, x, x, 3, estimate), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_mask", a_sound_alone_passes_and_an_absent_one_leaves_nothing, halves_are_halved, tones_apart_are_told_apart,
      it_agrees_with_the_transform_written_out, broken_signals_are_refused_and_so_is_memory)
