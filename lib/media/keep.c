#include "media/private.h"

avsound_status avsn_frame_keep(avsound_context *context, const avsound_frame *frame, avsn_kept_frame *out)
{
    avsn_padded padded = {.memory = out->bytes, .capacity = out->capacity};
    const avsound_status status = avsn_padded_copy(context, &padded, frame);
    out->bytes = padded.memory;
    out->capacity = padded.capacity;
    if (status)
        return status;
    out->view = *frame;
    for (int p = 0; p < 4; p++) {
        out->view.data[p] = padded.data[p];
        out->view.stride[p] = padded.stride[p];
    }
    return AVSOUND_OK;
}
