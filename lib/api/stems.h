/* One window of a mixture through a separator: loudness, spectrogram, network, spectrograms back to sound. */
#ifndef AVSN_STEMS_H
#define AVSN_STEMS_H

#include "api/session.h"
#include "dsp/stft.h"

typedef struct avsn_stems_options {
    bool release;        /* as the released program: the left channel alone, an inverse with its gain of 1.5 and its fades, as
                            loud as the network works; else the mean of the channels, as loud as the mixture */
    bool original_phase; /* the mixture's phases instead of the network's */
    bool consistent;     /* what the two lack of the mixture is given to them, bin by bin, by their power */
} avsn_stems_options;

typedef struct avsn_stems avsn_stems;

/* The session's model is a separator; both stay the caller's and must outlive the stems. */
avsound_status avsn_stems_create(avsound_session *session, const avsn_stems_options *options, avsn_stems **out);
void avsn_stems_free(avsn_stems *stems); /* NULL is allowed */

int64_t avsn_stems_samples(const avsn_stems *stems); /* that a window takes: the clip's */
int64_t avsn_stems_output(const avsn_stems *stems);  /* that it gives back, from its first one on */
int64_t avsn_stems_guard(const avsn_stems *stems);   /* at each end of which fewer frames cover than inside */
/* Where the window's frames go: input "frames" [3][frames][height][width]; NULL if the network sees nothing. */
float *avsn_stems_frames(avsn_stems *stems);

/* left and right are [samples]; they are brought to the network's loudness where they lie. stem[0] and stem[1] (on screen and
 * off, or in any order) and the mixture are [output]. Digital silence gives silence. */
avsound_status avsn_stems_run(avsn_stems *stems, float *left, float *right, float *stem[2], float *mixture);

#endif
