/* Fractional max-pooling (Graham 2014) along one axis, windows that do not overlap: which rows each output sees. */
#ifndef AVSN_FRACTIONAL_H
#define AVSN_FRACTIONAL_H

#include "base/base.h"

/* Output i is the maximum of rows boundaries[i] ... boundaries[i + 1] - 1 of `length`; boundaries holds outputs + 1
 * values, from 0 up to length, and every window has floor(length / outputs) rows or one more. The sequence is that of
 * TensorFlow's pseudo-random, deterministic op with the seeds 1 and 2, as the released multisensory networks are run.
 * AVSOUND_E_SHAPE unless 1 <= outputs <= length <= 2^31 - 1. */
avsound_status avsn_fractional_boundaries(int64_t length, int64_t outputs, int64_t *boundaries);

/* Windows for training: the same widths in an order drawn uniformly from (seed, draw); give each step its own draw. As floats,
 * since they are an input of the training graph. Wants 1 <= outputs <= length <= 2^24. */
AVSN_SHARED void avsn_fractional_draw(uint64_t seed, uint64_t draw, int64_t length, int64_t outputs, float *boundaries);

#endif
