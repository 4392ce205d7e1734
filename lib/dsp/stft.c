#include "dsp/stft.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "dsp/fourier.h"

#define PI 3.14159265358979323846

void avsn_stft_params_default(avsn_stft_params *params)
{
    *params = (avsn_stft_params){.window = 1344, .hop = 336, .fft = 2048, .least_cover = 0.1f};
}

avsound_status avsn_stft_params_check(const avsn_stft_params *p)
{
    AVSN_TRY(avsn_fourier_check("stft: fft", p->fft));
    if (p->window < 2 || p->window > p->fft)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stft: window is %d, want 2...%d", p->window, p->fft);
    if (p->hop < 1 || p->hop > p->window)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stft: hop is %d, want 1...%d", p->hop, p->window);
    if (p->compensated != 0 && p->compensated != 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stft: compensated is %d, want 0 or 1", p->compensated);
    if (p->compensated && !(p->least_cover >= FLT_MIN && p->least_cover <= 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stft: least_cover is %g, want %g...1", (double)p->least_cover,
                  (double)FLT_MIN);
    return AVSOUND_OK;
}

int64_t avsn_stft_frames(const avsn_stft_params *p, int64_t samples)
{
    return samples < p->window ? 0 : (samples - p->window) / p->hop + 1;
}

int64_t avsn_stft_samples(const avsn_stft_params *p, int64_t frames)
{
    return frames < 1 ? 0 : (frames - 1) * p->hop + p->window;
}

/* What either direction needs. */
static avsound_status make_tables(avsound_context *context, const avsn_stft_params *p, bool inverse, float **window,
                                  avsn_fourier *fourier)
{
    *window = avsn_alloc(context, (size_t)p->window, sizeof **window);
    if (!*window)
        return AVSOUND_E_NO_MEMORY;
    avsn_hann(p->window, 1, *window);
    return avsn_fourier_create(context, p->fft, inverse, fourier);
}

struct avsn_stft {
    avsound_context *context;
    avsn_stft_params params;
    avsn_fourier fourier;
    float *window; /* [window] */
};

avsound_status avsn_stft_create(avsound_context *context, const avsn_stft_params *params, avsn_stft **out)
{
    *out = NULL;
    AVSN_TRY(avsn_stft_params_check(params));
    avsn_stft *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->params = *params;
    const avsound_status status = make_tables(context, params, false, &s->window, &s->fourier);
    if (status)
        avsn_stft_free(s);
    else
        *out = s;
    return status;
}

void avsn_stft_free(avsn_stft *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_fourier_clear(context, &s->fourier);
    avsn_free(context, s->window);
    avsn_free(context, s);
    avsound_context_free(context);
}

void avsn_stft_run(avsn_stft *s, const float *samples, int64_t frames, float *spectra)
{
    const int32_t bins = avsn_stft_bins(&s->params);
    for (int64_t i = 0; i < frames; i++) {
        float *spectrum = spectra + i * 2 * bins;
        avsn_fourier_window(&s->fourier, samples + i * s->params.hop, s->window, s->params.window);
        memcpy(spectrum, s->fourier.spectrum, 2 * (size_t)bins * sizeof *spectrum);
        spectrum[1] = spectrum[2 * bins - 1] = 0; /* a zero of either sign would make phases of pi or -pi */
    }
}

struct avsn_istft {
    avsound_context *context;
    avsn_stft_params params;
    avsn_fourier fourier;
    float *window; /* [window] */
    float *sum;    /* [window], of the weighted frames, from the newest one's start on */
    float *cover;  /* [window], of the squared windows */
};

static avsound_status make_sums(avsn_istft *s)
{
    s->sum = avsn_alloc_zeroed(s->context, (size_t)s->params.window, sizeof *s->sum);
    s->cover = avsn_alloc_zeroed(s->context, (size_t)s->params.window, sizeof *s->cover);
    return s->sum && s->cover ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_istft_create(avsound_context *context, const avsn_stft_params *params, avsn_istft **out)
{
    *out = NULL;
    AVSN_TRY(avsn_stft_params_check(params));
    avsn_istft *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->params = *params;
    avsound_status status = make_sums(s);
    if (!status)
        status = make_tables(context, params, true, &s->window, &s->fourier);
    if (status)
        avsn_istft_free(s);
    else
        *out = s;
    return status;
}

void avsn_istft_free(avsn_istft *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_fourier_clear(context, &s->fourier);
    avsn_free(context, s->cover);
    avsn_free(context, s->sum);
    avsn_free(context, s->window);
    avsn_free(context, s);
    avsound_context_free(context);
}

void avsn_istft_reset(avsn_istft *s)
{
    memset(s->sum, 0, (size_t)s->params.window * sizeof *s->sum);
    memset(s->cover, 0, (size_t)s->params.window * sizeof *s->cover);
}

/* The first `count` sums as they leave. */
static void give(const avsn_istft *s, int32_t count, float *samples)
{
    if (!s->params.compensated) {
        memcpy(samples, s->sum, (size_t)count * sizeof *samples);
        return;
    }
    for (int32_t n = 0; n < count; n++)
        samples[n] = s->sum[n] / AVSN_MAX(s->cover[n], s->params.least_cover);
}

static void move_on(const avsn_istft *s, float *sum)
{
    const size_t hop = (size_t)s->params.hop, kept = (size_t)s->params.window - hop;
    memmove(sum, sum + hop, kept * sizeof *sum);
    memset(sum + kept, 0, hop * sizeof *sum);
}

/* Between two pushes the sums start a hop after the last frame. */
void avsn_istft_push(avsn_istft *s, const float *spectrum, float *samples)
{
    const int32_t window = s->params.window;
    memcpy(s->fourier.spectrum, spectrum, 2 * (size_t)avsn_stft_bins(&s->params) * sizeof *spectrum);
    avsn_fourier_run(&s->fourier);
    for (int32_t n = 0; n < window; n++) {
        s->sum[n] += s->fourier.samples[n] * s->window[n];
        s->cover[n] += s->window[n] * s->window[n];
    }
    give(s, s->params.hop, samples);
    move_on(s, s->sum);
    move_on(s, s->cover);
}

void avsn_istft_finish(avsn_istft *s, float *samples)
{
    give(s, s->params.window - s->params.hop, samples);
    avsn_istft_reset(s);
}

void avsn_istft_run(avsn_istft *s, const float *spectra, int64_t frames, float *samples)
{
    const int64_t values = 2 * avsn_stft_bins(&s->params);
    avsn_istft_reset(s);
    for (int64_t i = 0; i < frames; i++)
        avsn_istft_push(s, spectra + i * values, samples + i * s->params.hop);
    avsn_istft_finish(s, samples + frames * s->params.hop);
}

void avsn_polar_params_default(avsn_polar_params *params)
{
    *params = (avsn_polar_params){.floor = 1e-5f, .low = -100, .high = 80};
}

/* Written so that values that are no numbers fail too. */
avsound_status avsn_polar_params_check(const avsn_polar_params *p)
{
    if (!(p->floor >= 1e-18f && p->floor <= 1e18f)) /* its square must be normal */
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "magnitude: floor is %g, want 1e-18...1e18", (double)p->floor);
    if (!(p->low >= -1000 && p->high <= 1000 && p->low + 1e-3f <= p->high))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "magnitude: %g...%g dB, want low below high, within -1000...1000",
                  (double)p->low, (double)p->high);
    return AVSOUND_OK;
}

void avsn_polar_from_complex(const avsn_polar_params *p, const float *spectrum, int64_t count, float *decibel,
                             float *phase)
{
    avsn_power(spectrum, count, decibel);
    avsn_decibel(decibel, count, p->floor * p->floor, decibel);
    for (int64_t k = 0; k < count; k++)
        phase[k] = atan2f(spectrum[2 * k + 1], spectrum[2 * k]);
}

void avsn_polar_to_complex(const float *decibel, const float *phase, int64_t count, float *spectrum)
{
    for (int64_t k = 0; k < count; k++) {
        const float magnitude = powf(10, decibel[k] / 20);
        spectrum[2 * k] = magnitude * cosf(phase[k]);
        spectrum[2 * k + 1] = magnitude * sinf(phase[k]);
    }
}

void avsn_polar_normalise(const avsn_polar_params *p, int64_t count, float *decibel, float *phase)
{
    const float factor = 2 / (p->high - p->low), turn = (float)(1 / PI);
    for (int64_t k = 0; k < count; k++) {
        decibel[k] = (decibel[k] - p->low) * factor - 1;
        phase[k] *= turn;
    }
}

void avsn_polar_denormalise(const avsn_polar_params *p, int64_t count, float *decibel, float *phase)
{
    const float half = (p->high - p->low) / 2, turn = (float)PI;
    for (int64_t k = 0; k < count; k++) {
        decibel[k] = (decibel[k] + 1) * half + p->low;
        phase[k] *= turn;
    }
}
