/* A picture with the frames around it, as networks see it that look at motion: frames of 25 Hz, each cut once, and the flow between
 * two neighbours, computed once. Read forwards, in bounded memory. */
#ifndef AVSN_STRIP_H
#define AVSN_STRIP_H

#include "api/recording.h"
#include "api/session.h"

enum { AVSN_STRIP_US = 40000 }; /* frame k is the recording's nearest to time k * AVSN_STRIP_US */

typedef struct avsn_strip avsn_strip;

/* `model` sees frames around a picture, and outlives the strip. */
avsound_status avsn_strip_create(const avsound_model *model, avsn_strip **out);
void avsn_strip_free(avsn_strip *strip);
/* Reads on until all around frame `centre`, no earlier than the last one asked for, are there. Where there is no frame, before the
 * first and behind the last, that one stands still. AVSOUND_E_END where `centre` is behind the last. */
avsound_status avsn_strip_show(avsn_strip *strip, avsn_recording *recording, int64_t centre);
/* Those shown last, for avsn_session_set_frames. flow: NULL unless the network sees it. */
void avsn_strip_copy(const avsn_strip *strip, uint8_t *rgb, float *flow);

#endif
