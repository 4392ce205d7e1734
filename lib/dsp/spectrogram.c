#include "dsp/spectrogram.h"

#include <math.h>

#include "dsp/fourier.h"
#include "dsp/mel.h"

struct avsn_spectrogram {
    avsound_context *context;
    avsn_audio_frontend frontend;
    avsn_fourier fourier;
    float *window;    /* [window], divided by its sum where the front end says so */
    float *magnitude; /* [fft / 2 + 1], power or magnitude */
    avsn_mel mel;     /* bands 0: linear bins */
};

static double sum_of_hann(int32_t length)
{
    double sum = 0;
    for (int32_t i = 0; i < length; i++)
        sum += 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / length);
    return sum;
}

static avsound_status make_buffers(avsn_spectrogram *s)
{
    const avsn_audio_frontend *f = &s->frontend;
    s->window = avsn_alloc(s->context, (size_t)f->window, sizeof *s->window);
    s->magnitude = avsn_alloc(s->context, (size_t)f->fft / 2 + 1, sizeof *s->magnitude);
    if (!s->window || !s->magnitude)
        return AVSOUND_E_NO_MEMORY;
    avsn_hann(f->window, f->normalise ? 1 / sum_of_hann(f->window) : 1, s->window);
    return AVSOUND_OK;
}

avsound_status avsn_spectrogram_create(avsound_context *context, const avsn_audio_frontend *frontend,
                                       avsn_spectrogram **out)
{
    *out = NULL;
    AVSN_TRY(avsn_audio_frontend_check(frontend));
    avsn_spectrogram *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->frontend = *frontend;
    avsound_status status = make_buffers(s);
    if (!status)
        status = avsn_fourier_create(context, frontend->fft, false, &s->fourier);
    if (!status && frontend->mel_bands)
        status = avsn_mel_create(context, frontend, &s->mel);
    if (status) {
        avsn_spectrogram_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsn_spectrogram_free(avsn_spectrogram *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_fourier_clear(context, &s->fourier);
    avsn_mel_clear(context, &s->mel);
    avsn_free(context, s->magnitude);
    avsn_free(context, s->window);
    avsn_free(context, s);
    avsound_context_free(context);
}

static void root_of(float *value, int32_t count)
{
    for (int32_t k = 0; k < count; k++)
        value[k] = sqrtf(value[k]);
}

static void column(avsn_spectrogram *s, const float *samples, float *out)
{
    const avsn_audio_frontend *f = &s->frontend;
    const int32_t bins = f->fft / 2 + 1;
    avsn_fourier_window(&s->fourier, samples, s->window, f->window);
    avsn_power(s->fourier.spectrum, bins, s->magnitude);
    if (!f->power)
        root_of(s->magnitude, bins);
    if (!f->mel_bands) {
        avsn_decibel(s->magnitude, bins, f->floor, out);
        return;
    }
    avsn_mel_apply(&s->mel, s->magnitude, out);
    avsn_decibel(out, f->mel_bands, f->floor, out);
}

void avsn_spectrogram_columns(avsn_spectrogram *s, const float *samples, int64_t count, float *out)
{
    const int32_t bins = avsn_audio_frontend_bins(&s->frontend);
    for (int64_t i = 0; i < count; i++)
        column(s, samples + i * s->frontend.hop, out + i * bins);
}
