/* The measurement behind the handle. */
#ifndef AVSN_OFFSET_H
#define AVSN_OFFSET_H

#include "api/meter.h"

#include <avsound/tasks.h>

struct avsound_offset {
    avsound_context *context;
    avsound_model *model;
    avsound_offset_options options;
    avsn_meter *meter;
    avsn_lag_curves curves;
    atomic_int cancel;
    /* of avsound_offset_get_result */
    bool told;
    avsound_offset_result result;
    double *curve; /* [2 * most + 1] */
    avsn_moment windows[AVSN_LAG_CURVES_MOST];
};

#endif
