/* Sound at another speed: band-limited interpolation at any positions. */
#ifndef AVSN_STRETCH_H
#define AVSN_STRETCH_H

#include "base/base.h"

/* Immutable, shared by threads. */
typedef struct avsn_stretch avsn_stretch;

/* For steps of up to `largest_step` input samples: what a larger one would fold back is filtered out. */
avsound_status avsn_stretch_create(avsound_context *context, double largest_step, avsn_stretch **out);
void avsn_stretch_free(avsn_stretch *stretch);
/* How many samples of the input a run reads at least: from `floor(position) - before` on. */
int64_t avsn_stretch_before(const avsn_stretch *stretch);
int64_t avsn_stretch_length(const avsn_stretch *stretch, double step, int64_t count);
/* out[i] is the input at offset + i * step, where in[avsn_stretch_before()] is position 0 and 0 <= offset < 1. */
void avsn_stretch_run(const avsn_stretch *stretch, const float *in, double offset, double step, int64_t count,
                      float *out);

#endif
