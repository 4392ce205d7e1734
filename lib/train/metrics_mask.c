/* What a mask over the spectrogram could reach at best: the bound of separators that scale the mixture's cells. */
#include "train/metrics.h"

#include <string.h>

#include "dsp/stft.h"

typedef struct masking {
    avsound_context *context;
    avsn_stft_params params;
    avsn_stft *stft;
    avsn_istft *istft;
    float *source, *mixture;                   /* a window of zeros, the samples, zeros to the last frame's end */
    float *source_spectrum, *mixture_spectrum; /* [bins][2] */
    float *hop;                                /* [hop] finished samples */
    int64_t frames;
} masking;

static avsound_status take(masking *m, int64_t count, float **out)
{
    *out = avsn_alloc_zeroed(m->context, (size_t)count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status prepare(masking *m, int64_t samples)
{
    avsn_stft_params_default(&m->params);
    m->params.compensated = 1;
    m->frames = (samples + 2 * (int64_t)m->params.window) / m->params.hop;
    const int64_t padded = avsn_stft_samples(&m->params, m->frames), bins = avsn_stft_bins(&m->params);
    AVSN_TRY(avsn_stft_create(m->context, &m->params, &m->stft));
    AVSN_TRY(avsn_istft_create(m->context, &m->params, &m->istft));
    AVSN_TRY(take(m, padded, &m->source));
    AVSN_TRY(take(m, padded, &m->mixture));
    AVSN_TRY(take(m, 2 * bins, &m->source_spectrum));
    AVSN_TRY(take(m, 2 * bins, &m->mixture_spectrum));
    return take(m, m->params.hop, &m->hop);
}

static void clear(masking *m)
{
    avsn_stft_free(m->stft);
    avsn_istft_free(m->istft);
    avsn_free(m->context, m->source);
    avsn_free(m->context, m->mixture);
    avsn_free(m->context, m->source_spectrum);
    avsn_free(m->context, m->mixture_spectrum);
    avsn_free(m->context, m->hop);
}

/* The mixture's cells become the source's share of their power. */
static void mask(masking *m)
{
    const int64_t bins = avsn_stft_bins(&m->params);
    for (int64_t b = 0; b < bins; b++) {
        const float *s = m->source_spectrum + 2 * b;
        float *x = m->mixture_spectrum + 2 * b;
        const double own = (double)s[0] * s[0] + (double)s[1] * s[1];
        const double re = (double)x[0] - s[0], im = (double)x[1] - s[1], rest = re * re + im * im;
        const float share = own + rest > 0 ? (float)(own / (own + rest)) : 0;
        x[0] *= share;
        x[1] *= share;
    }
}

static void run(masking *m, int64_t samples, float *estimate)
{
    const int64_t hop = m->params.hop, ahead = m->params.window;
    for (int64_t i = 0; i < m->frames; i++) {
        avsn_stft_run(m->stft, m->source + i * hop, 1, m->source_spectrum);
        avsn_stft_run(m->stft, m->mixture + i * hop, 1, m->mixture_spectrum);
        mask(m);
        avsn_istft_push(m->istft, m->mixture_spectrum, m->hop);
        const int64_t from = AVSN_MAX(i * hop, ahead), end = AVSN_MIN((i + 1) * hop, ahead + samples);
        for (int64_t t = from; t < end; t++)
            estimate[t - ahead] = m->hop[t - i * hop];
    }
}

static avsound_status check(const char *name, const float *x, int64_t samples)
{
    AVSN_TRY(avsn_metric_array("metric_ideal_mask", name, x, samples));
    for (int64_t t = 0; t < samples; t++)
        if (!isfinite(x[t]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_ideal_mask: %s holds samples that are not finite", name);
    return AVSOUND_OK;
}

avsound_status avsound_metric_ideal_mask(avsound_context *context, const float *source, const float *mixture, int64_t samples,
                                         float *estimate)
{
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_ideal_mask: context is NULL");
    AVSN_TRY(check("source", source, samples));
    AVSN_TRY(check("mixture", mixture, samples));
    AVSN_TRY(avsn_metric_array("metric_ideal_mask", "estimate", estimate, samples));
    if (samples > INT64_MAX / 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_ideal_mask: samples is %lld", (long long)samples);
    masking m = {.context = context};
    const avsound_status status = prepare(&m, samples);
    if (!status && samples) {
        memcpy(m.source + m.params.window, source, (size_t)samples * sizeof *source);
        memcpy(m.mixture + m.params.window, mixture, (size_t)samples * sizeof *mixture);
        run(&m, samples, estimate);
    }
    clear(&m);
    return status;
}
