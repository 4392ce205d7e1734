/* Optical flow: where each pixel of one picture lies in the next. TV-L1 (flow.c has the source). */
#ifndef AVSN_FLOW_H
#define AVSN_FLOW_H

#include "base/base.h"

typedef struct avsn_flow_params {
    int32_t levels;     /* of the pyramid at most, each half as large as the one before */
    int32_t warps;      /* linearisations at each level */
    int32_t iterations; /* after each */
    float attachment;   /* lambda: weight of the difference in brightness, per level of 255 */
    float tightness;    /* theta: how far the two halves of a step may be apart */
} avsn_flow_params;

AVSN_SHARED void avsn_flow_params_default(avsn_flow_params *params);

/* Memory for pictures of one size. One thread at a time. */
typedef struct avsn_flow avsn_flow;

AVSN_SHARED avsound_status avsn_flow_create(avsound_context *context, const avsn_flow_params *params, int32_t width,
                                            int32_t height, avsn_flow **out);
AVSN_SHARED void avsn_flow_free(avsn_flow *flow);
/* Luma 0...255 of RGB24 rows `stride` bytes apart: what avsn_flow_run wants. */
void avsn_flow_luma(const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, float *luma);
/* What pixel (x, y) of `from` shows lies at (x + dx, y + dy) in `to`. flow: planes dx, dy [2][height][width], pixels. */
AVSN_SHARED void avsn_flow_run(avsn_flow *flow, const float *from, const float *to, float *field);
/* Planes dx, dy of pixels to what a network sees, in place: shares of 20 pixels of a picture 224 wide, clipped to -1...1. */
AVSN_SHARED void avsn_flow_scale(float *field, int32_t width, int32_t height);

#endif
