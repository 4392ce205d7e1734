#include "dsp/mel.h"

#include <math.h>

/* Slaney's scale: 3 mel per 200 Hz up to 1 kHz (15 mel), then 27 mel per factor of 6.4. */
#define LINEAR_HZ_PER_MEL (200.0 / 3)
#define KNEE_HZ 1000.0
#define KNEE_MEL 15.0

static double mel_from_hz(double hz)
{
    return hz < KNEE_HZ ? hz / LINEAR_HZ_PER_MEL : KNEE_MEL + 27 * log(hz / KNEE_HZ) / log(6.4);
}

static double hz_from_mel(double mel)
{
    return mel < KNEE_MEL ? mel * LINEAR_HZ_PER_MEL : KNEE_HZ * exp((mel - KNEE_MEL) / 27 * log(6.4));
}

/* Edge i = 0...bands + 1; band b rises from edge b to b + 1 and falls to b + 2. */
static double edge_hz(const avsn_audio_frontend *f, int32_t i)
{
    const double low = mel_from_hz((double)f->mel_low), high = mel_from_hz((double)f->mel_high);
    return hz_from_mel(low + (high - low) * i / (f->mel_bands + 1));
}

static double filter_at(double hz, double low, double centre, double high)
{
    const double rising = (hz - low) / (centre - low), falling = (high - hz) / (high - centre);
    return fmax(0, fmin(rising, falling)) * 2 / (high - low);
}

/* Bins strictly inside the band's edges. Returns their number, which may be 0 for narrow bands of short transforms. */
static int32_t bins_inside(const avsn_audio_frontend *f, int32_t b, int32_t *first)
{
    const double bin_hz = (double)f->sample_rate / f->fft;
    *first = (int32_t)floor(edge_hz(f, b) / bin_hz) + 1;
    const int32_t last = AVSN_MIN((int32_t)ceil(edge_hz(f, b + 2) / bin_hz) - 1, f->fft / 2);
    return AVSN_MAX(0, last - *first + 1);
}

avsound_status avsn_mel_create(avsound_context *context, const avsn_audio_frontend *f, avsn_mel *mel)
{
    *mel = (avsn_mel){.bands = f->mel_bands};
    mel->band = avsn_alloc(context, (size_t)f->mel_bands, sizeof *mel->band);
    if (!mel->band)
        return AVSOUND_E_NO_MEMORY;
    size_t weights = 0;
    for (int32_t b = 0; b < f->mel_bands; b++) {
        avsn_mel_band *band = &mel->band[b];
        band->count = bins_inside(f, b, &band->first);
        band->weight = weights;
        weights += (size_t)band->count;
    }
    mel->weights = avsn_alloc(context, weights, sizeof *mel->weights);
    if (!mel->weights) {
        avsn_mel_clear(context, mel);
        return AVSOUND_E_NO_MEMORY;
    }
    for (int32_t b = 0; b < f->mel_bands; b++) {
        const double low = edge_hz(f, b), centre = edge_hz(f, b + 1), high = edge_hz(f, b + 2);
        const avsn_mel_band *band = &mel->band[b];
        for (int32_t i = 0; i < band->count; i++) {
            const double hz = (double)(band->first + i) * f->sample_rate / f->fft;
            mel->weights[band->weight + (size_t)i] = (float)filter_at(hz, low, centre, high);
        }
    }
    return AVSOUND_OK;
}

void avsn_mel_clear(avsound_context *context, avsn_mel *mel)
{
    avsn_free(context, mel->band);
    avsn_free(context, mel->weights);
    *mel = (avsn_mel){0};
}

void avsn_mel_apply(const avsn_mel *mel, const float *bins, float *out)
{
    for (int32_t b = 0; b < mel->bands; b++) {
        const avsn_mel_band *band = &mel->band[b];
        const float *w = mel->weights + band->weight, *x = bins + band->first;
        float sum = 0;
        for (int32_t i = 0; i < band->count; i++)
            sum += w[i] * x[i];
        out[b] = sum;
    }
}
