/* From a decoded frame to the network's input in one pass: any rectangle of it, scaled, mirrored, with changed
 * colours, as normalised planes. Scaling is bilinear, with the support of an area average when shrinking, as
 * avsn_scaler_rgb's; only what comes out is computed. */
#ifndef AVSN_CROP_H
#define AVSN_CROP_H

#include <avsound/frame.h>

#include "dsp/frontend.h"

typedef struct avsn_crop {
    double x, y, width, height; /* in pixels of the frame; becomes the whole input */
    bool mirrored, upended;
    float colour[3][4]; /* RGB in 0...255 (clipped) times the 3 x 3, plus the last column, clipped again */
} avsn_crop;

extern const float avsn_colour_identity[3][4];

/* Tables and rows kept between frames. One thread at a time. */
typedef struct avsn_cropper avsn_cropper;

avsound_status avsn_cropper_create(avsound_context *context, avsn_cropper **out);
void avsn_cropper_free(avsn_cropper *cropper);
/* The frame is planar YUV or grey, checked (avsn_frame_check); what lies beyond its edges repeats them. planes is
 * [3][frontend.height][frontend.width]. */
avsound_status avsn_cropper_run(avsn_cropper *cropper, const avsound_frame *frame, const avsn_crop *crop,
                                const avsn_image_frontend *frontend, float *planes);

#endif
