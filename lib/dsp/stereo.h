/* Where a sound comes from, told by two channels: delay by generalised cross-correlation with the phase transform (Knapp and
 * Carter, IEEE Trans. ASSP 24, 1976), level by the principal axis of each frequency's covariance. Directions are places in the
 * picture, -1 the left edge, 1 the right one. */
#ifndef AVSN_STEREO_H
#define AVSN_STEREO_H

#include "base/base.h"

/* Values and layout are the public ones (avsound/stereo.h). */
enum { AVSN_STEREO_DIRECTION = 1, AVSN_STEREO_SILENT, AVSN_STEREO_MONO, AVSN_STEREO_DUAL_MONO, AVSN_STEREO_DIFFUSE };
enum { AVSN_STEREO_LEVEL = 1, AVSN_STEREO_DELAY = 2 };

enum {
    AVSN_STEREO_BANDS = 12,
    AVSN_STEREO_CELLS = 128,      /* of the evidence, edge to edge */
    AVSN_STEREO_LEAST_SAMPLES = 256
};

typedef struct avsn_stereo_params {
    int32_t sample_rate; /* Hz */
    int32_t samples;     /* of a window, at least AVSN_STEREO_LEAST_SAMPLES */
    double edge_delay;   /* seconds between the channels for what stands at an edge, above 0 */
    double edge_level;   /* dB between the channels there, above 0 */
    int32_t cues;        /* AVSN_STEREO_LEVEL, _DELAY or both; 0: those that speak */
} avsn_stereo_params;

typedef struct avsn_stereo_finding {
    int32_t kind, cues;
    float direction, confidence;
    float rms, coherence;
    float delay;    /* seconds, positive: the right channel is late, the sound from the left */
    float level_db; /* of the right channel over the left one, -120...120 */
    float copy_db;  /* of what is left of one channel when the other, scaled, is taken away; -120...0 */
    float band_level_db[AVSN_STEREO_BANDS];
    float evidence[AVSN_STEREO_CELLS];
} avsn_stereo_finding;

typedef struct avsn_stereo avsn_stereo;

avsound_status avsn_stereo_create(avsound_context *context, const avsn_stereo_params *params, avsn_stereo **out);
void avsn_stereo_free(avsn_stereo *stereo);
/* `sound` is [samples][2], a window. One thread at a time. */
void avsn_stereo_measure(avsn_stereo *stereo, const float *sound, avsn_stereo_finding *finding);
/* Hz where band `index` begins; index AVSN_STEREO_BANDS: where the last one ends. */
double avsn_stereo_band_edge(int32_t sample_rate, int32_t index);

#endif
