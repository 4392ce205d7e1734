#include "dsp/spectrogram.h"

#include <math.h>
#include <string.h>

#include <libavutil/tx.h>

#include "dsp/mel.h"

struct avsn_spectrogram {
    avsound_context *context;
    avsn_audio_frontend frontend;
    AVTXContext *transform;
    av_tx_fn run;
    float *window;    /* [window], divided by its sum where the front end says so */
    float *input;     /* [fft] */
    float *spectrum;  /* [fft / 2 + 1][re, im] */
    float *magnitude; /* [fft / 2 + 1], power or magnitude */
    avsn_mel mel;     /* bands 0: linear bins */
};

/* 10 log10(x) of positive normal numbers, free of calls and branches so that it vectorises. x = 2^e m with m between the
 * roots of 1/2 and 2; ln m = 2 (s + s^3/3 + s^5/5 + s^7/7) with s = (m - 1) / (m + 1) leaves out 1.3e-7 dB at most. The
 * result's own rounding is larger: 4e-6 dB near 100. */
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

static void to_decibel(const float *value, int32_t count, float floor, float *out)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = decibel(value[i] > floor ? value[i] : floor);
}

static void make_window(const avsn_audio_frontend *f, float *window)
{
    double sum = 0;
    for (int32_t i = 0; i < f->window; i++)
        sum += 0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / f->window);
    const double scale = f->normalise ? 1 / sum : 1;
    for (int32_t i = 0; i < f->window; i++)
        window[i] = (float)(scale * (0.5 - 0.5 * cos(2 * 3.14159265358979323846 * i / f->window)));
}

static avsound_status make_transform(avsn_spectrogram *s)
{
    const float scale = 1;
    if (av_tx_init(&s->transform, &s->run, AV_TX_FLOAT_RDFT, 0, s->frontend.fft, &scale, 0) < 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "audio front end: libavutil has no transform of %d points", s->frontend.fft);
    return AVSOUND_OK;
}

static avsound_status make_buffers(avsn_spectrogram *s)
{
    const size_t fft = (size_t)s->frontend.fft, bins = fft / 2 + 1;
    s->window = avsn_alloc(s->context, (size_t)s->frontend.window, sizeof(float));
    s->input = avsn_alloc_zeroed(s->context, fft, sizeof(float));
    /* libavutil 5.1 does not write the last bin's imaginary part, which is zero */
    s->spectrum = avsn_alloc_zeroed(s->context, 2 * bins, sizeof(float));
    s->magnitude = avsn_alloc(s->context, bins, sizeof(float));
    return s->window && s->input && s->spectrum && s->magnitude ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
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
        status = make_transform(s);
    if (!status && frontend->mel_bands)
        status = avsn_mel_create(context, frontend, &s->mel);
    if (status) {
        avsn_spectrogram_free(s);
        return status;
    }
    make_window(frontend, s->window);
    *out = s;
    return AVSOUND_OK;
}

void avsn_spectrogram_free(avsn_spectrogram *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    av_tx_uninit(&s->transform);
    avsn_mel_clear(context, &s->mel);
    avsn_free(context, s->magnitude);
    avsn_free(context, s->spectrum);
    avsn_free(context, s->input);
    avsn_free(context, s->window);
    avsn_free(context, s);
    avsound_context_free(context);
}

static void power_of(const float *spectrum, int32_t bins, float *out)
{
    for (int32_t k = 0; k < bins; k++)
        out[k] = spectrum[2 * k] * spectrum[2 * k] + spectrum[2 * k + 1] * spectrum[2 * k + 1];
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
    for (int32_t i = 0; i < f->window; i++)
        s->input[i] = samples[i] * s->window[i];
    /* each time, because libavutil does not promise to leave its input as it was */
    memset(s->input + f->window, 0, (size_t)(f->fft - f->window) * sizeof *s->input);
    s->run(s->transform, s->spectrum, s->input, sizeof(float));
    power_of(s->spectrum, bins, s->magnitude);
    if (!f->power)
        root_of(s->magnitude, bins);
    if (!f->mel_bands) {
        to_decibel(s->magnitude, bins, f->floor, out);
        return;
    }
    avsn_mel_apply(&s->mel, s->magnitude, out);
    to_decibel(out, f->mel_bands, f->floor, out);
}

void avsn_spectrogram_columns(avsn_spectrogram *s, const float *samples, int64_t count, float *out)
{
    const int32_t bins = avsn_audio_frontend_bins(&s->frontend);
    for (int64_t i = 0; i < count; i++)
        column(s, samples + i * s->frontend.hop, out + i * bins);
}
