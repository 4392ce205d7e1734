/* What the sync network's users must know of it besides its outputs' shapes, and its eyes as a part of another. */
#ifndef AVSN_SYNCNET_H
#define AVSN_SYNCNET_H

#include "model/arch.h"

enum {
    AVSN_SYNC_STEPS = 2,   /* vectors of sound a frame: of its first and its second half */
    AVSN_SYNC_CONTEXT = 4, /* frames on either side that a vector depends on; it belongs to the middle one */
    AVSN_SYNC_COLUMNS = 4  /* of the spectrogram, a frame */
};

/* Frames (N,3,F,H,W) -> what moves in each of them (N,128 width,F-8,1,1); (N,128 width,F,1,1) with frames of zeros before and after
 * each layer's. With `cells`, in each of the picture's (H/16,W/16) rather than wherever it is. */
avsn_value avsn_sync_motion(avsn_graph *graph, avsn_value frames, double width, bool padded, bool cells);

#endif
