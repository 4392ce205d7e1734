/* The measurement behind the handle. */
#ifndef AVSN_OFFSET_H
#define AVSN_OFFSET_H

#include "api/towers.h"
#include "dsp/lag_curves.h"

#include <avsound/tasks.h>

/* What one step went over. */
typedef struct avsn_offset_step {
    double seconds, compared_s;
    float loudest, motion;
} avsn_offset_step;

enum { AVSN_OFFSET_STEPS = 64 };

struct avsound_offset {
    avsound_context *context;
    avsound_model *model;
    avsound_offset_options options;
    avsn_towers towers;
    avsn_lag_curves curves;
    double compared_s; /* of picture that was compared with sound at any lag */
    int64_t measured;  /* pictures from the first on */
    bool moving;                               /* of the last window_seconds alone is told; then */
    avsn_offset_step steps[AVSN_OFFSET_STEPS]; /* they are these, the oldest first */
    int32_t step_count;
    avsn_offset_step done;                     /* the sums before the last of them */
    atomic_int cancel;
    /* of avsound_offset_get_result */
    bool told;
    avsound_offset_result result;
    double *curve; /* [2 * most + 1] */
    avsn_moment windows[AVSN_LAG_CURVES_MOST];
};

#endif
