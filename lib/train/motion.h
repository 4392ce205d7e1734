/* The optical flow that a prepared clip brings with it: computed once, between whole pictures, when it is prepared; cut, mirrored and
 * scaled as the picture is when a batch is made. A byte stands for what a network sees (avsn_flow_scale) of an uncut picture:
 * 128 for no motion, 1 and 255 for 20 pixels a frame or more where the short side has 224. */
#ifndef AVSN_MOTION_H
#define AVSN_MOTION_H

#include "train/crop.h"

/* ---- when a clip is prepared ---- */

typedef struct avsn_motion_writer avsn_motion_writer;

/* For pictures of width x height, of a clip that will be at `clip`. Flow is that of pictures shrunk to `side` pixels of their short
 * side; smaller ones stay as they are. */
avsound_status avsn_motion_writer_create(avsound_context *context, const char *clip, int32_t side, int32_t width, int32_t height,
                                         avsn_motion_writer **out);
/* The next picture, by its luminance in rows `stride` bytes apart; `again`: the one before is shown once more. */
avsound_status avsn_motion_write(avsn_motion_writer *writer, const uint8_t *luma, ptrdiff_t stride, bool again);
avsound_status avsn_motion_finish(avsn_motion_writer *writer);
void avsn_motion_writer_free(avsn_motion_writer *writer); /* what was not finished leaves nothing behind */

/* ---- when a batch is made: one thread at a time ---- */

typedef struct avsn_motion avsn_motion;

avsound_status avsn_motion_create(avsound_context *context, const avsn_image_frontend *frontend, avsn_motion **out);
void avsn_motion_free(avsn_motion *motion);
/* The fields between pictures first...first + count of the clip at `clip`, which has so many `frames` of width x height, as a network
 * sees them of the part that `crop` takes: flow [2 count][frontend.height][frontend.width]. Beyond the clip's ends nothing moves. */
avsound_status avsn_motion_read(avsn_motion *motion, const char *clip, int32_t frames, int32_t width, int32_t height,
                                const avsn_crop *crop, int32_t first, int32_t count, float *flow);

#endif
