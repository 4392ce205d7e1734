/* What short-time Fourier transforms of every kind stand on: lengths, windows, transforms of real signals, decibels. */
#ifndef AVSN_FOURIER_H
#define AVSN_FOURIER_H

#include <libavutil/tx.h>

#include "base/base.h"

/* A transform of real samples, or its inverse, with the arrays it works on. One thread at a time. */
typedef struct avsn_fourier {
    AVTXContext *transform;
    av_tx_fn run;
    int32_t points;
    bool inverse;
    float *samples;  /* [points] */
    float *spectrum; /* [points / 2 + 1][re, im] */
} avsn_fourier;

/* Refuses lengths libavutil cannot transform well; `name` is theirs in the detail. */
avsound_status avsn_fourier_check(const char *name, int32_t points);
avsound_status avsn_fourier_create(avsound_context *context, int32_t points, bool inverse, avsn_fourier *fourier);
void avsn_fourier_clear(avsound_context *context, avsn_fourier *fourier);
/* From samples to spectrum, sum of x[n] e^(-2 pi i k n / points); inverse: from spectrum to samples, so that it undoes
 * the former, whatever the imaginary parts of the first bin and the last. What it starts from is lost. */
void avsn_fourier_run(avsn_fourier *fourier);
/* Runs on `length` samples under a window, and zeros behind them. */
void avsn_fourier_window(avsn_fourier *fourier, const float *samples, const float *window, int32_t length);

/* Periodic Hann window times `scale`. */
void avsn_hann(int32_t length, double scale, float *window);
/* |X|^2 of `bins` complex values. */
void avsn_power(const float *spectrum, int64_t bins, float *out);
/* 10 log10(max(value, floor)), floor > 0 and normal; a value that is not a number is at the floor. May work in
 * place. */
void avsn_decibel(const float *value, int64_t count, float floor, float *out);

#endif
