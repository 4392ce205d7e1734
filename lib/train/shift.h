/* Sound shifted against its own video: pairs of clips of one recording, the same length, from different places
 * (negatives of the alignment task; Owens and Efros 2018, section 3). */
#ifndef AVSN_SHIFT_H
#define AVSN_SHIFT_H

#include "base/base.h"

/* Clips may start at frames 0...starts - 1; two of a pair are least...most frames apart, either way. */
typedef struct avsn_shift_range {
    int64_t starts, least, most;
} avsn_shift_range;

typedef struct avsn_shift {
    int64_t frame, audio_frame; /* where the clip of video starts, and that of sound */
} avsn_shift;

/* Clips of 125 frames that share at most 60, out of 302: 177 starts, 65...176 apart, 12,656 pairs. */
void avsn_shift_range_default(avsn_shift_range *range);
/* Wants 1 <= least <= most < starts <= 2^31. */
avsound_status avsn_shift_range_check(const avsn_shift_range *range);
/* How many pairs there are. */
int64_t avsn_shift_count(const avsn_shift_range *range);
/* Pair `index`, 0...count - 1: each exactly once. */
avsn_shift avsn_shift_at(const avsn_shift_range *range, int64_t index);
/* The pair a random 64-bit word draws: all alike, to count / 2^64, so a shift d comes up in proportion to starts -
 * d. */
avsn_shift avsn_shift_draw(const avsn_shift_range *range, uint64_t word);

#endif
