/* What tells, stretch by stretch of a recording, how well picture and sound agree at each lag. Each kind of network has one
 * of its own; what becomes of the curves (offset.c) is the same for all. */
#ifndef AVSN_METER_H
#define AVSN_METER_H

#include "api/reel.h"
#include "dsp/lag_curves.h"
#include "network/network.h"

typedef struct avsn_meter_options {
    const char *path;
    avsn_feed *feed;          /* as in avsn_reel_options */
    double range_seconds;
    int64_t audio_delay_us, start_us, duration_us; /* as in avsn_reel_options */
    int32_t threads, compute; /* of the network's plans */
} avsn_meter_options;

typedef struct avsn_meter avsn_meter;
struct avsn_meter {
    avsound_context *context;
    avsn_reel reel;
    double step_ms, frame_ms; /* from lag to lag, from picture to picture */
    int32_t most;             /* lags -most...most */
    double scale;             /* exp(scale * score) is as likely as the lag, on a stretch as long as in training, */
    double trained_s;         /* which is so long */
    double compared_s;        /* of picture that was compared with sound at any lag */
    int64_t measured;         /* pictures from the first on */
    bool padded;              /* the recording was shorter than what the network must see at once */
    /* Adds what the next stretch tells. AVSOUND_E_END after the last. */
    avsound_status (*advance)(avsn_meter *meter, avsn_lag_curves *curves, const atomic_int *cancel);
    void (*free)(avsn_meter *meter);
};

/* AVSOUND_E_UNSUPPORTED if the network compares no lags. */
avsound_status avsn_meter_check(const avsound_model *model);
/* The one for this model, which was checked and must outlive it. */
avsound_status avsn_meter_create(const avsound_model *model, const avsn_meter_options *options, avsn_meter **out);
/* NULL is allowed. */
void avsn_meter_free(avsn_meter *meter);

/* For how long after what it tells of the recording is looked at, in seconds at most. */
double avsn_meter_latency(const avsound_model *model, double range_seconds);

/* Each kind's own. */
double avsn_towers_latency(const avsound_model *model, double range_seconds);
avsound_status avsn_towers_create(const avsound_model *model, const avsn_meter_options *options, avsn_meter **out);

#endif
