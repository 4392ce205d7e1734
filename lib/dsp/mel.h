/* Triangular filters on the mel scale of Slaney's Auditory Toolbox (linear to 1 kHz, logarithmic above), each of area 1
 * over Hz, so that a band's value does not grow with its width. */
#ifndef AVSN_MEL_H
#define AVSN_MEL_H

#include "dsp/frontend.h"

/* A filter touches the neighbouring bins first...first + count - 1 only. */
typedef struct avsn_mel_band {
    int32_t first, count;
    size_t weight; /* index of its first weight */
} avsn_mel_band;

typedef struct avsn_mel {
    int32_t bands;
    avsn_mel_band *band;
    float *weights;
} avsn_mel;

avsound_status avsn_mel_create(avsound_context *context, const avsn_audio_frontend *frontend, avsn_mel *mel);
void avsn_mel_clear(avsound_context *context, avsn_mel *mel);
void avsn_mel_apply(const avsn_mel *mel, const float *bins, float *out);

#endif
