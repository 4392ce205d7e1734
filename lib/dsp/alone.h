/* Inputs that stand alone (frontend.samples above 0): each is a recording of its own, with zeros around it, so that columns of
 * two inputs have nothing in common. What is kept are samples. One thread at a time per object. */
#ifndef AVSN_ALONE_H
#define AVSN_ALONE_H

#include "dsp/spectrogram.h"

typedef struct avsn_alone avsn_alone;

/* Keeps at least the last `keep` samples, and those of an input. `spectrogram` is of this front end, and outlives it. */
avsound_status avsn_alone_create(avsound_context *context, const avsn_audio_frontend *frontend, avsn_spectrogram *spectrogram,
                                 int64_t keep, avsn_alone **out);
void avsn_alone_free(avsn_alone *alone);

/* As those of a track, whose columns are samples here. */
void avsn_alone_reset(avsn_alone *alone, int64_t first);
void avsn_alone_push(avsn_alone *alone, const float *samples, int64_t count);
void avsn_alone_finish(avsn_alone *alone);
int64_t avsn_alone_end(const avsn_alone *alone);
/* Levels of the input that begins with this sample, [columns][bins] in dB, valid until the next call. */
avsound_status avsn_alone_columns(avsn_alone *alone, int64_t sample, const float **columns);
avsound_status avsn_alone_rms(avsn_alone *alone, int64_t sample, float *rms);

#endif
