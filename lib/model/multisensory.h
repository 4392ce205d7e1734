/* The multisensory network as a part of another. */
#ifndef AVSN_MULTISENSORY_H
#define AVSN_MULTISENSORY_H

#include "model/arch.h"

#include <math.h>

static inline int64_t avsn_channels(double width, int64_t at_width_1)
{
    return AVSN_MAX((int64_t)1, (int64_t)lround((double)at_width_1 * width));
}

/* What others take from it: early (only seen, not heard), in the middle and late. */
typedef struct avsn_multisensory_features {
    avsn_value conv2_2; /* (N,64 w,T/4,H/8,W/8) */
    avsn_value conv3_2; /* (N,128 w,T/4,H/8,W/8) */
    avsn_value conv5_2; /* (N,512 w,T/8,H/32,W/32) */
} avsn_multisensory_features;

/* All of it, with its inputs "frames" and "waveform" and its outputs. */
avsn_multisensory_features avsn_multisensory(avsn_graph *graph, const avsn_build_config *config);

#endif
