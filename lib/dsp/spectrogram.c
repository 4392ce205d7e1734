#include "dsp/spectrogram.h"

#include <math.h>
#include <string.h>

#include "dsp/fourier.h"
#include "dsp/mel.h"

/* A transform in double. Levels of magnitudes, rather than powers, come down to 1e-10 and the range below the largest may be
 * 1e-8 of it: floats round at 1e-7. */
typedef struct exact_fourier {
    AVTXContext *transform;
    av_tx_fn run;
    double *window;   /* [window] */
    double *samples;  /* [fft] */
    double *spectrum; /* [fft / 2 + 1][re, im] */
} exact_fourier;

struct avsn_spectrogram {
    avsound_context *context;
    avsn_audio_frontend frontend;
    avsn_fourier fourier;
    exact_fourier exact; /* of magnitudes: instead */
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

static avsound_status create_exact(avsn_spectrogram *s)
{
    const avsn_audio_frontend *f = &s->frontend;
    const double scale = 1, factor = f->normalise ? 1 / sum_of_hann(f->window) : 1;
    exact_fourier *e = &s->exact;
    if (av_tx_init(&e->transform, &e->run, AV_TX_DOUBLE_RDFT, 0, f->fft, &scale, 0) < 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "libavutil has no transform of %d points in double", f->fft);
    e->window = avsn_alloc(s->context, (size_t)f->window, sizeof *e->window);
    e->samples = avsn_alloc(s->context, (size_t)f->fft, sizeof *e->samples);
    e->spectrum = avsn_alloc_zeroed(s->context, (size_t)f->fft + 2, sizeof *e->spectrum);
    if (!e->window || !e->samples || !e->spectrum)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < f->window; i++)
        e->window[i] = factor * (0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / f->window));
    return AVSOUND_OK;
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
        status = frontend->power ? avsn_fourier_create(context, frontend->fft, false, &s->fourier) : create_exact(s);
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
    av_tx_uninit(&s->exact.transform);
    avsn_free(context, s->exact.window);
    avsn_free(context, s->exact.samples);
    avsn_free(context, s->exact.spectrum);
    avsn_mel_clear(context, &s->mel);
    avsn_free(context, s->magnitude);
    avsn_free(context, s->window);
    avsn_free(context, s);
    avsound_context_free(context);
}

static void magnitudes(avsn_spectrogram *s, const float *samples)
{
    const avsn_audio_frontend *f = &s->frontend;
    exact_fourier *e = &s->exact;
    for (int32_t i = 0; i < f->window; i++)
        e->samples[i] = (double)samples[i] * e->window[i];
    memset(e->samples + f->window, 0, (size_t)(f->fft - f->window) * sizeof *e->samples);
    e->run(e->transform, e->spectrum, e->samples, sizeof(double));
    for (int32_t k = 0; k <= f->fft / 2; k++) {
        const double re = e->spectrum[2 * k], im = e->spectrum[2 * k + 1];
        s->magnitude[k] = (float)sqrt(re * re + im * im);
    }
}

static void powers(avsn_spectrogram *s, const float *samples)
{
    avsn_fourier_window(&s->fourier, samples, s->window, s->frontend.window);
    avsn_power(s->fourier.spectrum, s->frontend.fft / 2 + 1, s->magnitude);
}

static void column(avsn_spectrogram *s, const float *samples, float *out)
{
    const avsn_audio_frontend *f = &s->frontend;
    if (f->power)
        powers(s, samples);
    else
        magnitudes(s, samples);
    if (!f->mel_bands) {
        avsn_decibel(s->magnitude, f->fft / 2 + 1, f->floor, out);
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
