#include "train/stretch.h"

#include <math.h>

enum {
    PHASES = 256,
    CROSSINGS = 24 /* of the sinc, on either side */,
    MOST_STEP = 64,
    MOST_HALF = MOST_STEP * CROSSINGS
};

struct avsn_stretch {
    avsound_context *context;
    int32_t half; /* taps on either side, a multiple of 4 */
    float *taps; /* [PHASES + 1][2 * half] */
};

/* Bessel function I0, for Kaiser's window (Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.3). */
static double bessel(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return fabs(x) < 1e-9 ? 1 : sin(pi * x) / (pi * x);
}

/* beta 6: side lobes 63 dB down. The cut-off is the limit itself, so that a sound at nearly its own speed keeps
 * what it has up to 22 kHz: only the last twelfth below the limit folds. */
static void fill_phase(float *taps, int32_t half, double phase, double cutoff)
{
    const double beta = 6;
    double value[2 * MOST_HALF], sum = 0;
    for (int32_t k = 0; k < 2 * half; k++) {
        const double t = k - (half - 1) - phase, u = t / half;
        const double window = fabs(u) >= 1 ? 0 : bessel(beta * sqrt(1 - u * u)) / bessel(beta);
        value[k] = sinc(cutoff * t) * window;
        sum += value[k];
    }
    for (int32_t k = 0; k < 2 * half; k++)
        taps[k] = (float)(value[k] / sum);
}

avsound_status avsn_stretch_create(avsound_context *context, double largest_step, avsn_stretch **out)
{
    *out = NULL;
    if (!(largest_step > 0 && largest_step <= MOST_STEP))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sound taken in steps of %g samples, want up to %d", largest_step,
                  MOST_STEP);
    avsn_stretch *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->half = ((int32_t)ceil(CROSSINGS * fmax(1, largest_step)) + 3) / 4 * 4;
    s->taps = avsn_alloc(context, (PHASES + 1) * (size_t)(2 * s->half), sizeof *s->taps);
    if (!s->taps) {
        avsn_stretch_free(s);
        return AVSOUND_E_NO_MEMORY;
    }
    const double cutoff = 1 / fmax(1, largest_step);
    for (int32_t p = 0; p <= PHASES; p++)
        fill_phase(s->taps + (ptrdiff_t)p * 2 * s->half, s->half, (double)p / PHASES, cutoff);
    *out = s;
    return AVSOUND_OK;
}

void avsn_stretch_free(avsn_stretch *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_free(context, s->taps);
    avsn_free(context, s);
    avsound_context_free(context);
}

int64_t avsn_stretch_before(const avsn_stretch *s)
{
    return s->half - 1;
}

int64_t avsn_stretch_length(const avsn_stretch *s, double step, int64_t count)
{
    return (int64_t)ceil(step * (double)count) + 2 * (int64_t)s->half + 1;
}

/* Eight sums side by side, because the compiler may not reorder one. */
static float dot(const float *x, const float *low, const float *high, float share, int32_t count)
{
    float sum[8] = {0};
    for (int32_t k = 0; k < count; k += 8)
        for (int32_t j = 0; j < 8; j++)
            sum[j] += x[k + j] * (low[k + j] + share * (high[k + j] - low[k + j]));
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

void avsn_stretch_run(const avsn_stretch *s, const float *in, double offset, double step, int64_t count, float *out)
{
    const int32_t taps = 2 * s->half;
    for (int64_t i = 0; i < count; i++) {
        const double at = offset + (double)i * step, whole = floor(at), phase = (at - whole) * PHASES;
        const int32_t p = (int32_t)phase;
        const float *low = s->taps + (ptrdiff_t)p * taps;
        out[i] = dot(in + (int64_t)whole, low, low + taps, (float)(phase - p), taps);
    }
}
