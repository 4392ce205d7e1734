/* Learning to be in time: the true lag between a clip's pictures and its sound is told from all others. What differs between two
 * lags is nothing but time, so that no look and no timbre helps.
 *
 * The InfoNCE loss (van den Oord, Li, Vinyals 2018) with other times of the same clip as negatives, and a target that is spread
 * over the lags about the true one, which need not be a whole number of them. */
#ifndef AVSN_LAGS_H
#define AVSN_LAGS_H

#include "graph/internal.h"
#include "train/loader.h"

/* Standard deviation of the target in lags: 14 ms of the synchronisation network's 20. */
#define AVSN_LAG_SPREAD 0.7f

/* Appends input "label" (N,1), the true lags, and output "loss" to a graph with logits (N, 2 L + 1) for lags -L...L. The value
 * after it is the logits' gradient. */
avsn_value avsn_lag_loss(avsn_graph *graph, avsn_value logits);

/* Samples at 48 kHz from one lag to the next of a network with these front ends; AVSOUND_E_INVALID_ARGUMENT where it is not a
 * whole number of them. */
avsound_status avsn_lag_samples(const avsn_audio_frontend *audio, int32_t *samples);

/* Share of rows [items][row] whose likeliest lag is at most a frame from the label; ties go to the first. errors [items], unless
 * NULL, receives the distances in lags. */
double avsn_lag_accuracy(const float *logits, int64_t row, const float *label, int32_t items, float *errors);

#endif
