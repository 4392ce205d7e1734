/* How well picture and sound agree at every lag, stretch by stretch, and what follows from it: one offset, how far it
 * can be trusted, how it drifts. Lags count steps of sound; positive ones mean that the sound is early. */
#ifndef AVSN_LAG_CURVES_H
#define AVSN_LAG_CURVES_H

#include "tensor/tensor.h"

/* Sums over a recording's stretches: memory is the same whatever the length, since stretches are joined in pairs when
 * there are too many. */
enum { AVSN_LAG_CURVES_MOST = 256 };

typedef struct avsn_lag_curves {
    avsound_context *context;
    int32_t most;    /* lags -most...most */
    int32_t count;   /* stretches begun, at most AVSN_LAG_CURVES_MOST */
    int64_t span_us; /* of a stretch */
    int64_t first;   /* number of the first that is held: those before were forgotten */
    double *sum;     /* [AVSN_LAG_CURVES_MOST][2 * most + 1] of similarities */
    double *weight;  /* [AVSN_LAG_CURVES_MOST][2 * most + 1] how many were added */
} avsn_lag_curves;

avsound_status avsn_lag_curves_init(avsn_lag_curves *curves, avsound_context *context, int32_t most, int64_t span_us);
void avsn_lag_curves_free(avsn_lag_curves *curves);
/* Where what is seen at this time, 0 or more, is added: sums and weights of lags -most...most. */
void avsn_lag_curves_at(avsn_lag_curves *curves, int64_t time_us, double **sum, double **weight);

/* Forgets the stretches that end by then. What is added from then on is at most AVSN_LAG_CURVES_MOST stretches later than the
 * first that is left: where stretches are forgotten none are joined. */
void avsn_lag_curves_forget(avsn_lag_curves *curves, int64_t time_us);

/* ---- the answer ---- */

typedef struct avsn_peak_options {
    double step_ms;     /* from lag to lag */
    double near_ms;     /* answers so far apart count as the same */
    double least_ms;    /* no end of the interval is nearer to the offset */
    double scale;       /* exp(scale * mean similarity) is as likely as the lag */
    int64_t window_us;  /* of the offsets over time */
    int64_t drift_us;   /* recordings of this length on are searched for drift */
} avsn_peak_options;

typedef struct avsn_peak {
    bool found;            /* false: no lag has enough in common */
    bool at_edge;          /* the best lag is the first or the last */
    double offset_ms;      /* in the middle of the recording */
    double low_ms, high_ms; /* 95 % interval: the wider of resampled stretches and of exp(scale * score) */
    double likelihood;     /* 0...1: share of exp(scale * score) within near_ms of the offset */
    double agreement;      /* 0...1: share of the resamplings whose offset is that near */
    double drift, drift_low, drift_high; /* ms per minute; NAN: too short, or too few windows agree */
    int32_t windows;
} avsn_peak;

typedef struct avsn_moment {
    double time_s; /* its middle */
    double offset_ms, likelihood;
} avsn_moment;

/* `curve`, [2 * most + 1]: means at each lag, along the drift; NAN where nothing overlaps. `windows`: room for
 * AVSN_LAG_CURVES_MOST. The result depends on nothing else than the curves and options. */
avsound_status avsn_lag_curves_peak(const avsn_lag_curves *curves, const avsn_peak_options *options, double *curve,
                                avsn_moment *windows, avsn_peak *out);

#endif
