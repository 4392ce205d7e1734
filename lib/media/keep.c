#include "media/private.h"

#include <string.h>

/* Rows with room behind them, aligned. */
static size_t stride_of(const avsn_pixel_layout *layout, int plane, int32_t width)
{
    const size_t row = (size_t)avsn_pixel_row_bytes(layout, plane, width);
    return (row + AVSN_ALIGNMENT) / AVSN_ALIGNMENT * AVSN_ALIGNMENT;
}

avsound_status avsn_frame_keep(avsound_context *context, const avsound_frame *frame, avsn_kept_frame *out)
{
    const avsn_pixel_layout *layout = avsn_pixel_layout_of(frame->format);
    size_t total = 0;
    for (int p = 0; p < layout->planes; p++)
        total += stride_of(layout, p, frame->width) * (size_t)avsn_pixel_rows(layout, p, frame->height);
    AVSN_TRY(avsn_grow(context, (void **)&out->bytes, 1, 0, total, &out->capacity));
    out->view = *frame;
    memset(out->view.data, 0, sizeof out->view.data);
    memset(out->view.stride, 0, sizeof out->view.stride);
    uint8_t *to = out->bytes;
    for (int p = 0; p < layout->planes; p++) {
        const size_t row = (size_t)avsn_pixel_row_bytes(layout, p, frame->width), stride = stride_of(layout, p, frame->width);
        out->view.data[p] = to;
        out->view.stride[p] = (int32_t)stride;
        for (int32_t y = 0; y < avsn_pixel_rows(layout, p, frame->height); y++, to += stride)
            memcpy(to, frame->data[p] + (ptrdiff_t)y * frame->stride[p], row);
    }
    return AVSOUND_OK;
}
