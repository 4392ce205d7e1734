#include "dsp/delays.h"

#include <string.h>

#include <libavutil/tx.h>

/* A signal is cut into blocks of fft - taps + 1 samples; each is kept as the spectrum of itself and taps - 1 zeros. A
 * block delayed by less than taps stays within fft samples, so that products of spectra wrap nothing around. */
struct avsn_delays {
    avsound_context *context;
    AVTXContext *forward, *backward;
    av_tx_fn run_forward, run_backward;
    int32_t signals, taps;
    int64_t samples, blocks, block, fft, bins;
    AVComplexDouble *spectra; /* [signals][blocks][bins] */
    AVComplexDouble *sums; /* [signals][bins] */
    AVComplexDouble *line; /* [bins] */
    double *wave; /* [fft] */
};

enum { LEAST_FFT = 256, BLOCKS_PER_FILTER = 8 };

static avsound_status make_transforms(avsn_delays *d)
{
    const double one = 1, normal = 1 / (double)d->fft;
    if (av_tx_init(&d->forward, &d->run_forward, AV_TX_DOUBLE_RDFT, 0, (int)d->fft, &one, 0) < 0 ||
        av_tx_init(&d->backward, &d->run_backward, AV_TX_DOUBLE_RDFT, 1, (int)d->fft, &normal, 0) < 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "delays: libavutil has no transform of %lld points", (long long)d->fft);
    return AVSOUND_OK;
}

static avsound_status make_buffers(avsn_delays *d)
{
    const size_t signals = (size_t)d->signals, blocks = (size_t)d->blocks, bins = (size_t)d->bins;
    size_t lines;
    if (!avsn_mul_size(signals, blocks, &lines) || !avsn_mul_size(lines, bins, &lines))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "delays: %d signals of %lld samples are too many", d->signals,
                  (long long)d->samples);
    d->spectra = avsn_alloc_zeroed(d->context, AVSN_MAX(lines, 1), sizeof *d->spectra);
    d->sums = d->spectra ? avsn_alloc(d->context, signals * bins, sizeof *d->sums) : NULL;
    d->line = d->sums ? avsn_alloc(d->context, bins, sizeof *d->line) : NULL;
    d->wave = d->line ? avsn_alloc(d->context, (size_t)d->fft, sizeof *d->wave) : NULL;
    return d->wave ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_delays_create(avsound_context *context, int32_t signals, int64_t samples, int32_t taps,
                                  avsn_delays **out)
{
    *out = NULL;
    if (signals < 1 || samples < 0 || taps < 1 || taps > AVSN_MOST_TAPS)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "delays: %d signals, %lld samples, %d taps", signals, (long long)samples,
                  taps);
    avsn_delays *d = avsn_alloc_zeroed(context, 1, sizeof *d);
    if (!d)
        return AVSOUND_E_NO_MEMORY;
    d->context = avsn_context_ref(context);
    d->signals = signals;
    d->samples = samples;
    d->taps = taps;
    for (d->fft = LEAST_FFT; d->fft < BLOCKS_PER_FILTER * (int64_t)taps; d->fft *= 2)
        ;
    d->bins = d->fft / 2 + 1;
    d->block = d->fft - taps + 1;
    d->blocks = samples / d->block + (samples % d->block > 0);
    avsound_status status = make_buffers(d);
    if (!status)
        status = make_transforms(d);
    if (status) {
        avsn_delays_free(d);
        return status;
    }
    *out = d;
    return AVSOUND_OK;
}

void avsn_delays_free(avsn_delays *d)
{
    if (!d)
        return;
    avsound_context *context = d->context;
    av_tx_uninit(&d->backward);
    av_tx_uninit(&d->forward);
    avsn_free(context, d->wave);
    avsn_free(context, d->line);
    avsn_free(context, d->sums);
    avsn_free(context, d->spectra);
    avsn_free(context, d);
    avsound_context_free(context);
}

/* line becomes the spectrum of `count` values and zeros. */
static void transform(avsn_delays *d, const double *x, int64_t count)
{
    if (count)
        memcpy(d->wave, x, (size_t)count * sizeof *x);
    memset(d->wave + count, 0, (size_t)(d->fft - count) * sizeof *x);
    d->run_forward(d->forward, d->line, d->wave, sizeof(double));
    d->line[d->bins - 1].im = 0; /* libavutil 5.1 leaves it as it was */
}

/* wave becomes the signal of a spectrum, which is spoilt. */
static void transform_back(avsn_delays *d, AVComplexDouble *spectrum)
{
    d->run_backward(d->backward, d->wave, spectrum, sizeof(double));
}

static AVComplexDouble *block_of(const avsn_delays *d, int32_t signal, int64_t block)
{
    return d->spectra + (signal * d->blocks + block) * d->bins;
}

void avsn_delays_set(avsn_delays *d, int32_t index, const double *x)
{
    for (int64_t b = 0; b < d->blocks; b++) {
        transform(d, x + b * d->block, AVSN_MIN(d->block, d->samples - b * d->block));
        memcpy(block_of(d, index, b), d->line, (size_t)d->bins * sizeof *d->line);
    }
}

/* to += x* y */
static void add_conjugate_product(const AVComplexDouble *x, const AVComplexDouble *y, int64_t bins, AVComplexDouble *to)
{
    for (int64_t i = 0; i < bins; i++) {
        to[i].re += x[i].re * y[i].re + x[i].im * y[i].im;
        to[i].im += x[i].re * y[i].im - x[i].im * y[i].re;
    }
}

/* to += x y */
static void add_product(const AVComplexDouble *x, const AVComplexDouble *y, int64_t bins, AVComplexDouble *to)
{
    for (int64_t i = 0; i < bins; i++) {
        to[i].re += x[i].re * y[i].re - x[i].im * y[i].im;
        to[i].im += x[i].re * y[i].im + x[i].im * y[i].re;
    }
}

void avsn_delays_correlate(avsn_delays *d, int32_t first, int32_t count, const double *y, double *out)
{
    const int64_t total = d->samples + d->taps - 1;
    memset(d->sums, 0, (size_t)(count * d->bins) * sizeof *d->sums);
    for (int64_t b = 0; b < d->blocks; b++) {
        const int64_t start = b * d->block;
        transform(d, y + start, AVSN_MIN(d->fft, total - start));
        for (int32_t i = 0; i < count; i++)
            add_conjugate_product(block_of(d, first + i, b), d->line, d->bins, d->sums + i * d->bins);
    }
    for (int32_t i = 0; i < count; i++) {
        transform_back(d, d->sums + i * d->bins);
        memcpy(out + (int64_t)i * d->taps, d->wave, (size_t)d->taps * sizeof *out);
    }
}

void avsn_delays_sum(avsn_delays *d, int32_t first, int32_t count, const double *weights, double *y)
{
    const int64_t total = d->samples + d->taps - 1;
    memset(y, 0, (size_t)total * sizeof *y);
    for (int32_t i = 0; i < count; i++) {
        transform(d, weights + (int64_t)i * d->taps, d->taps);
        memcpy(d->sums + i * d->bins, d->line, (size_t)d->bins * sizeof *d->line);
    }
    for (int64_t b = 0; b < d->blocks; b++) {
        const int64_t start = b * d->block, end = AVSN_MIN(start + d->fft, total);
        memset(d->line, 0, (size_t)d->bins * sizeof *d->line);
        for (int32_t i = 0; i < count; i++)
            add_product(block_of(d, first + i, b), d->sums + i * d->bins, d->bins, d->line);
        transform_back(d, d->line);
        for (int64_t t = start; t < end; t++)
            y[t] += d->wave[t - start];
    }
}
