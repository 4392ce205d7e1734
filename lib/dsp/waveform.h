/* Levels of sound. */
#ifndef AVSN_WAVEFORM_H
#define AVSN_WAVEFORM_H

#include "base/base.h"

/* In double, so that it does not lose the small ones of many. */
double avsn_sum_of_squares(const float *samples, int64_t count);
/* mu-law companding without quantisation, sign(x) ln(1 + 255 |x|) / ln 256: 0...1 to 0...1, odd, defined beyond as
 * well. May work in place. */
void avsn_compand(const float *samples, int64_t count, float *out);
/* What brings the samples' root mean square to `target`; target / quiet for those below `quiet`, so that silence stays
 * silence. quiet > 0. */
float avsn_rms_gain(const float *samples, int64_t count, float target, float quiet);
/* Each channel of samples [channels][count] times its own gain, in place: the balance of the channels changes. */
AVSN_SHARED void avsn_rms_normalise(float *samples, int32_t channels, int64_t count, float target, float quiet);

#endif
