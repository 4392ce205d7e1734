/* Vectors of sound at many times, from work that overlapping windows share: the convolution stack runs once over the recording's
 * spectrogram, in blocks, and a window's features are the maximum over its part of the map. They differ from those of the window
 * alone near its ends, where the stack sees what follows instead of zeros. */
#ifndef AVSN_DENSE_H
#define AVSN_DENSE_H

#include "api/recording.h"
#include "network/network.h"

typedef struct avsn_dense_sound avsn_dense_sound;

/* Cells that are computed at once: many cost less, few wait for less of what is still to come. Seen in the results as rounding. */
enum { AVSN_DENSE_FILE = 64, AVSN_DENSE_FEED = 16 };

/* The layer that takes the features instead of computing them. */
extern const char avsn_dense_layer[];

/* AVSOUND_E_UNSUPPORTED if the model's windows cannot share anything. */
avsound_status avsn_dense_check(const avsound_model *model);
/* Windows a hop apart (0: anyhow) do not all lie on one grid of cells. */
bool avsn_dense_halves(const avsound_model *model, double hop_seconds);
/* Columns of a block: what the recording must be able to deliver at once. */
int64_t avsn_dense_columns(const avsound_model *model, int64_t block);
/* How much earlier and later than the window alone the recording is looked at, in seconds at most. */
double avsn_dense_lead(const avsound_model *model);
double avsn_dense_lag(const avsound_model *model, int64_t block);

typedef struct avsn_dense_options {
    int64_t block;   /* cells */
    int32_t threads; /* that compute */
    int32_t compute; /* AVSOUND_DTYPE_F32 or _BF16 */
    bool halves;     /* windows lie half a cell apart, too, or anyhow: the same, but at another cost */
} avsn_dense_options;

/* Model and recording must outlive it. */
avsound_status avsn_dense_create(const avsound_model *model, avsn_recording *recording, const avsn_dense_options *options,
                                 avsn_dense_sound **out);
void avsn_dense_free(avsn_dense_sound *dense); /* NULL is allowed */
int64_t avsn_dense_dimension(const avsn_dense_sound *dense);

/* The features [dimension] of the window centred on a time no earlier than the last one asked for, and its level. AVSOUND_E_AGAIN
 * as of the recording; AVSOUND_E_CANCELLED when *cancel is not 0. */
avsound_status avsn_dense_sound_at(avsn_dense_sound *dense, int64_t time_us, const atomic_int *cancel, float *features, float *rms);
double avsn_dense_seconds(const avsn_dense_sound *dense); /* spent in the network */

#endif
