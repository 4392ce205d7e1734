/* A set of signals, each delayed by 0 ... taps - 1 samples: what a vector has in common with all of these
 * (correlations), and sums of them (filters). In double, by transforms of blocks. One thread at a time per object. */
#ifndef AVSN_DELAYS_H
#define AVSN_DELAYS_H

#include "base/base.h"

typedef struct avsn_delays avsn_delays;

enum { AVSN_MOST_TAPS = 4096 };

/* `signals` of `samples` each, all zero. taps is 1 ... AVSN_MOST_TAPS. */
AVSN_SHARED avsound_status avsn_delays_create(avsound_context *context, int32_t signals, int64_t samples, int32_t taps,
                                              avsn_delays **out);
AVSN_SHARED void avsn_delays_free(avsn_delays *delays);
/* Signal `index` becomes x [samples]. */
AVSN_SHARED void avsn_delays_set(avsn_delays *delays, int32_t index, const double *x);
/* out [count][taps]: sum over t of x(t) y(t + k), for k = 0 ... taps - 1 and x the signals from `first` on; y is
 * [samples + taps - 1]. */
AVSN_SHARED void avsn_delays_correlate(avsn_delays *delays, int32_t first, int32_t count, const double *y, double *out);
/* y [samples + taps - 1]: y(t) = sum over signals x from `first` on and k of weights [count][taps] times x(t - k). */
AVSN_SHARED void avsn_delays_sum(avsn_delays *delays, int32_t first, int32_t count, const double *weights, double *y);

#endif
