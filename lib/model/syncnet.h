/* What the sync network's users must know of it besides its outputs' shapes. */
#ifndef AVSN_SYNCNET_H
#define AVSN_SYNCNET_H

#include "model/arch.h"

enum {
    AVSN_SYNC_STEPS = 2,   /* vectors of sound a frame: of its first and its second half */
    AVSN_SYNC_CONTEXT = 4, /* frames on either side that a vector depends on; it belongs to the middle one */
    AVSN_SYNC_COLUMNS = 4  /* of the spectrogram, a frame */
};

#endif
