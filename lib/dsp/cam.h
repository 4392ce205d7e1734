/* Class activation maps over pictures (multisensory networks): only what stands out of the whole recording's maps is
 * drawn. Everything is about |cam|; a value that is not a number counts as 0. */
#ifndef AVSN_CAM_H
#define AVSN_CAM_H

#include "dsp/image.h"

/* |cam| that is drawn not at all, and with full colour. */
typedef struct avsn_cam_range {
    float low, high;
    bool flat; /* the maps hardly differ from place to place: nothing is drawn */
} avsn_cam_range;

#define AVSN_CAM_PERCENT 97
#define AVSN_CAM_LEVEL 35.f
#define AVSN_CAM_OPACITY 0.35f

/* From half a level to just above it; flat where |cam| varies by no more than 0.001 over all `count` values. */
void avsn_cam_range_at(const float *cam, int64_t count, float level, avsn_cam_range *range);
/* The level is a percentile (0...100) of |cam|, interpolated linearly. count >= 1. */
avsound_status avsn_cam_range_adapt(avsound_context *context, const float *cam, int64_t count, double percent,
                                    avsn_cam_range *range);
/* |cam| at frame number `frame` of `frames` that the `steps` of cam [steps][cells] are spread over, between the two
 * steps around it. map is [cells]. */
void avsn_cam_frame(const float *cam, int32_t steps, int32_t cells, int64_t frame, int64_t frames, float *map);
/* Lays a map of |cam|, rows x cols, over a picture in place; the outermost cells lie under the outermost pixels. With q
 * from 0 at range->low to 1 at range->high a pixel becomes (1 - a) picture + a colour(q), truncated, a = min(q,
 * opacity). */
void avsn_cam_overlay(uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, const float *map, int32_t rows,
                      int32_t cols, const avsn_cam_range *range, int32_t colour, float opacity);

#endif
