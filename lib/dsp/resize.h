/* Bilinear resizing as networks from TensorFlow 1 were trained with (avsn_blend_legacy): point i of the output lies at
 * i * in / out of the input, where out is less nothing is averaged, and the results are not rounded. */
#ifndef AVSN_RESIZE_H
#define AVSN_RESIZE_H

#include "dsp/frontend.h"

/* The middle axis of src [outer][in][inner], to dst [outer][out][inner]. */
void avsn_resize_axis(const float *src, int64_t outer, int64_t in, int64_t inner, int64_t out, float *dst);
/* RGB24 rows `stride` bytes apart, resized to the front end's size whatever their aspect ratio, to planes
 * [3][f->height][f->width] of (value / 255 - mean) / std: with mean and std 0.5, of -1 + 2 value / 255. */
void avsn_resize_rgb(const avsn_image_frontend *f, const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height,
                     float *planes);

#endif
