/* Writing files that are fast to read anywhere: Matroska, every picture a JPEG of its own, sound as plain 16-bit
 * samples. Both start at time 0 and have no gaps, so that time is counted, not stamped. */
#ifndef AVSN_INTRA_H
#define AVSN_INTRA_H

#include "media/media.h"

typedef struct avsn_intra_options {
    int32_t width, height; /* of the pictures written; 0: a file of sound alone, into which none are */
    int32_t rate; /* pictures per second, a divisor of 1000 and of sample_rate */
    int32_t sample_rate, channels; /* of the sound; whole milliseconds must hold whole samples */
    int32_t scale; /* the JPEGs' quantiser scale: 1 (best) ... 31 */
} avsn_intra_options;

typedef struct avsn_intra avsn_intra;

/* Begins a file under a temporary name. */
AVSN_SHARED avsound_status avsn_intra_create(avsound_context *context, const char *path,
                                             const avsn_intra_options *options, avsn_intra **out);
/* Makes a picture of the file's size from any frame, to be written by the calls that follow. */
AVSN_SHARED avsound_status avsn_intra_stage(avsn_intra *intra, const avsound_frame *frame);
/* The staged picture's luminance, full range, rows `stride` bytes apart; valid until the next is staged. */
AVSN_SHARED const uint8_t *avsn_intra_luma(const avsn_intra *intra, ptrdiff_t *stride);
/* Writes the staged picture as the next one. A picture written more than once is encoded once. */
AVSN_SHARED avsound_status avsn_intra_write_picture(avsn_intra *intra);
/* Appends sound: interleaved, nominal -1...1, louder is clipped. */
AVSN_SHARED avsound_status avsn_intra_write_sound(avsn_intra *intra, const float *samples, int64_t frames);
/* What was written so far. */
AVSN_SHARED int64_t avsn_intra_pictures(const avsn_intra *intra);
AVSN_SHARED int64_t avsn_intra_samples(const avsn_intra *intra);
/* Completes the file and gives it its name. */
AVSN_SHARED avsound_status avsn_intra_finish(avsn_intra *intra);
/* One that was not finished leaves nothing behind. */
AVSN_SHARED void avsn_intra_free(avsn_intra *intra);

#endif
