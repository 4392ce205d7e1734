/* A recording as the two towers of a network that compares lags (sync-net) see and hear it: a vector for every picture and
 * every step of sound, each computed once, read forwards in bounded memory. */
#ifndef AVSN_TOWERS_H
#define AVSN_TOWERS_H

#include "api/reel.h"
#include "network/network.h"

typedef struct avsn_towers_options {
    const avsound_source *source;
    avsn_feed *feed;          /* as in avsn_reel_options */
    const avsound_source *sound_source;
    double range_seconds;     /* sound to either side of a picture that will be asked for */
    int64_t audio_delay_us, start_us, duration_us; /* as in avsn_reel_options */
    int32_t threads, compute; /* of the network's plans */
    int32_t cell_side;        /* shorter side of the pictures whose cells get vectors, too; 0: none do */
} avsn_towers_options;

typedef struct avsn_towers {
    avsound_context *context;
    avsn_reel reel;
    double step_ms, frame_ms; /* from vector to vector of sound, from picture to picture */
    int32_t most;             /* steps to either side of a picture */
    double scale;             /* exp(scale * score) is as likely as the lag, on a stretch as long as in training, */
    double trained_s;         /* which is so long */
    bool padded;              /* the recording was shorter than what the network must see at once */
    int64_t dimension;

    /* the block of pictures seen last, the first of which is number `picture` */
    int64_t picture, count;
    float *vectors;           /* [count][dimension] */
    float *motion;            /* [count], from the picture before, as avsn_image_motion */
    const float *cells;       /* [dimension][avsn_towers_block()][rows][cols], before they are squashed */
    int32_t rows, cols;

    struct avsn_towers_state *state;
} avsn_towers;

/* AVSOUND_E_UNSUPPORTED if the network compares no lags. */
avsound_status avsn_towers_check(const avsound_model *model);
/* `towers` is zeroed memory; avsn_towers_close also after a failure. The model must outlive it. */
avsound_status avsn_towers_open(avsn_towers *towers, const avsound_model *model, const avsn_towers_options *options);
void avsn_towers_close(avsn_towers *towers);
/* The next block of pictures, and all sound around them. AVSOUND_E_END or _E_FORMAT behind the last. */
avsound_status avsn_towers_next(avsn_towers *towers, const atomic_int *cancel);
/* The vector of a step, near the block seen last: that of picture p's time is AVSN_SYNC_STEPS p. NULL where nothing is heard. */
const float *avsn_towers_sound(const avsn_towers *towers, int64_t step);
/* Steps begin...end - 1 have vectors, of those near the block seen last. */
void avsn_towers_heard(const avsn_towers *towers, int64_t *begin, int64_t *end);
/* Level of the sound around a step (COLUMNS columns of it), near the block seen last. */
float avsn_towers_level(const avsn_towers *towers, int64_t step);
/* Whether picture `picture`, of the block seen last, meets any sound at lags -most...most. */
bool avsn_towers_meet(const avsn_towers *towers, int64_t picture);
/* Adds the scalar products of its vector with the sound at each of these lags to sum, at lag + most, and 1 to weight. Lag l
 * compares it with the sound of step steps * picture - l: a positive one means that the sound is early. */
void avsn_towers_compare(const avsn_towers *towers, int64_t picture, const float *vector, double *sum, double *weight);
int64_t avsn_towers_block(void); /* pictures in a block, at most */

/* For how long after a picture the recording is looked at, in seconds at most. */
double avsn_towers_latency(const avsound_model *model, double range_seconds);

#endif
