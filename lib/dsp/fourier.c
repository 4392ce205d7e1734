#include "dsp/fourier.h"

#include <math.h>
#include <string.h>

enum { MOST_POINTS = 32768 };

/* libavutil transforms other lengths by the definition: a thousand times slower, and in 5.1 wrong for some. */
avsound_status avsn_fourier_check(const char *name, int32_t points)
{
    if (points < 4 || points > MOST_POINTS)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %d, want 4...%d", name, points, MOST_POINTS);
    int32_t odd = points;
    while (odd % 2 == 0)
        odd /= 2;
    if (points % 4 || (odd > 9 && odd != 15))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s is %d, want 4, 8, 16... times 1, 3, 5, 7, 9 or 15", name, points);
    return AVSOUND_OK;
}

avsound_status avsn_fourier_create(avsound_context *context, int32_t points, bool inverse, avsn_fourier *f)
{
    const float scale = inverse ? 1.f / (float)points : 1;
    *f = (avsn_fourier){.points = points, .inverse = inverse};
    if (av_tx_init(&f->transform, &f->run, AV_TX_FLOAT_RDFT, inverse, points, &scale, 0) < 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "libavutil has no transform of %d points", points);
    f->samples = avsn_alloc_zeroed(context, (size_t)points, sizeof *f->samples);
    /* libavutil 5.1 does not write the last bin's imaginary part, which is zero */
    f->spectrum = avsn_alloc_zeroed(context, (size_t)points + 2, sizeof *f->spectrum);
    if (f->samples && f->spectrum)
        return AVSOUND_OK;
    avsn_fourier_clear(context, f);
    return AVSOUND_E_NO_MEMORY;
}

void avsn_fourier_clear(avsound_context *context, avsn_fourier *f)
{
    av_tx_uninit(&f->transform);
    avsn_free(context, f->spectrum);
    avsn_free(context, f->samples);
    *f = (avsn_fourier){0};
}

void avsn_fourier_run(avsn_fourier *f)
{
    if (f->inverse)
        f->run(f->transform, f->samples, f->spectrum, sizeof(float));
    else
        f->run(f->transform, f->spectrum, f->samples, sizeof(float));
}

void avsn_fourier_window(avsn_fourier *f, const float *samples, const float *window, int32_t length)
{
    for (int32_t i = 0; i < length; i++)
        f->samples[i] = samples[i] * window[i];
    /* each time, because libavutil does not promise to leave its input as it was */
    memset(f->samples + length, 0, (size_t)(f->points - length) * sizeof *f->samples);
    avsn_fourier_run(f);
}

void avsn_hann(int32_t length, double scale, float *window)
{
    for (int32_t i = 0; i < length; i++)
        window[i] = (float)(scale * (0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / length)));
}

void avsn_power(const float *spectrum, int64_t bins, float *out)
{
    for (int64_t k = 0; k < bins; k++)
        out[k] = spectrum[2 * k] * spectrum[2 * k] + spectrum[2 * k + 1] * spectrum[2 * k + 1];
}

/* 10 log10(x) of positive normal numbers, free of calls and branches so that it vectorises. x = 2^e m with m between
 * the roots of 1/2 and 2; ln m = 2 (s + s^3/3 + s^5/5 + s^7/7) with s = (m - 1) / (m + 1) leaves out 1.3e-7 dB at most.
 * The result's own rounding is larger: 4e-6 dB near 100. */
static inline float decibel(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t root_half = 0x3f3504f3;
    const uint32_t above = bits - root_half;
    const int32_t exponent = (int32_t)above >> 23;
    bits = (above & 0x007fffff) + root_half;
    float m;
    memcpy(&m, &bits, sizeof m);
    const float s = (m - 1) / (m + 1), s2 = s * s;
    const float odd_terms = s + s * s2 * (1 / 3.f + s2 * (1 / 5.f + s2 * (1 / 7.f)));
    return (float)exponent * 3.01029996f + odd_terms * 8.68588964f;
}

void avsn_decibel(const float *value, int64_t count, float floor, float *out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = decibel(value[i] > floor ? value[i] : floor);
}
