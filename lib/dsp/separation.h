/* How sound reaches a separator, the same in training and in use: at one loudness, as level and phase. */
#ifndef AVSN_SEPARATION_H
#define AVSN_SEPARATION_H

#include "dsp/frontend.h"
#include "dsp/stft.h"

/* Root mean squares, as released: of each of two sources; of their mixture, the square root of 2 times as much; channels below
 * the last are silence. */
#define AVSN_SOURCE_LOUDNESS 0.1f
#define AVSN_MIXTURE_LOUDNESS 0.141421356f
#define AVSN_QUIET 1e-4f

AVSN_SHARED void avsn_separation_params(const avsn_separation_frontend *frontend, avsn_stft_params *stft,
                                        avsn_polar_params *polar);
/* spectra [columns][bins][re, im]; level and phase, each [columns][bins - 1], in the network's -1...1: it never sees the last
 * bin. */
AVSN_SHARED void avsn_separation_planes(const avsn_polar_params *polar, const float *spectra, int64_t columns, int64_t bins,
                                        float *level, float *phase);

#endif
