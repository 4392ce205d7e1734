#include "media/private.h"

#include <string.h>

enum { ROW_PADDING = 64 };

/* Accurate rounding and full chroma: without them swscale's shortcuts differ between processors and err by several grey
 * levels. */
#define SCALER_FLAGS (SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT)

struct avsn_scaler {
    avsound_context *context;
    struct SwsContext *sws;
    avsn_sws_side src, dst; /* what sws was made for */
    avsn_padded padded;
    uint8_t *rows; /* of the result, with room for what SIMD stores write too much: packed, or planes of green, blue and red */
    size_t rows_capacity;
};

avsn_sws_side avsn_sws_side_of(const avsound_frame *frame, int32_t matrix_of_rgb)
{
    return (avsn_sws_side){
        .format = avsn_pixel_layout_of(frame->format)->ffmpeg,
        .width = frame->width,
        .height = frame->height,
        .full_range = avsn_frame_full_range(frame),
        .matrix = frame->format < AVSOUND_PIXEL_YUV420P ? matrix_of_rgb : avsn_frame_matrix(frame),
    };
}

avsound_status avsn_sws_create(const avsn_sws_side *src, const avsn_sws_side *dst, int flags, struct SwsContext **out)
{
    *out = sws_getContext(src->width, src->height, src->format, dst->width, dst->height, dst->format, flags, NULL, NULL,
                          NULL);
    if (!*out)
        AVSN_FAIL(AVSOUND_E_BACKEND, "swscale: no way from %d x %d to %d x %d", src->width, src->height, dst->width,
                  dst->height);
    /* Fails for pairs of formats without a matrix between them, which is right. */
    (void)sws_setColorspaceDetails(*out, avsn_matrix_coefficients(src->matrix), src->full_range,
                                   avsn_matrix_coefficients(dst->matrix), dst->full_range, 0, 1 << 16, 1 << 16);
    return AVSOUND_OK;
}

avsound_status avsn_padded_copy(avsound_context *context, avsn_padded *padded, const avsound_frame *frame)
{
    const avsn_pixel_layout *layout = avsn_pixel_layout_of(frame->format);
    size_t offset[4] = {0}, bytes = 0;
    memset(padded->data, 0, sizeof padded->data);
    for (int p = 0; p < layout->planes; p++) {
        const int64_t stride =
            (avsn_pixel_row_bytes(layout, p, frame->width) + 2 * ROW_PADDING - 1) / ROW_PADDING * ROW_PADDING;
        offset[p] = bytes;
        padded->stride[p] = (int)stride;
        bytes += (size_t)stride * (size_t)avsn_pixel_rows(layout, p, frame->height) + ROW_PADDING;
    }
    AVSN_TRY(avsn_grow(context, (void **)&padded->memory, 1, 0, bytes, &padded->capacity));
    for (int p = 0; p < layout->planes; p++) {
        const size_t row = (size_t)avsn_pixel_row_bytes(layout, p, frame->width);
        uint8_t *to = padded->memory + offset[p];
        padded->data[p] = to;
        const int32_t rows = avsn_pixel_rows(layout, p, frame->height);
        for (int32_t y = 0; y < rows; y++) {
            uint8_t *end = to + (ptrdiff_t)y * padded->stride[p] + row;
            memcpy(end - row, frame->data[p] + (ptrdiff_t)y * frame->stride[p], row);
            memset(end, 0, (size_t)padded->stride[p] - row); /* read, if only to be multiplied by 0 */
        }
        memset(to + (ptrdiff_t)rows * padded->stride[p], 0, ROW_PADDING);
    }
    return AVSOUND_OK;
}

avsound_status avsn_scaler_create(avsound_context *context, avsn_scaler **out)
{
    avsn_ffmpeg_quiet();
    *out = avsn_alloc_zeroed(context, 1, sizeof **out);
    if (!*out)
        return AVSOUND_E_NO_MEMORY;
    (*out)->context = avsn_context_ref(context);
    return AVSOUND_OK;
}

static bool same_side(const avsn_sws_side *a, const avsn_sws_side *b)
{
    return a->format == b->format && a->width == b->width && a->height == b->height && a->full_range == b->full_range &&
           a->matrix == b->matrix;
}

/* Planes are written by SIMD, packed pixels one by one, which took two thirds of the time. Where more than two rows make one of the
 * result, the values are the same; swscale rounds mixtures of two in another way. */
static enum AVPixelFormat result_format(const avsound_frame *frame, int32_t height)
{
    return (int64_t)height * 8 <= (int64_t)frame->height * 7 ? AV_PIX_FMT_GBRP : AV_PIX_FMT_RGB24;
}

static avsound_status prepare(avsn_scaler *scaler, const avsound_frame *frame, int32_t width, int32_t height)
{
    const avsn_sws_side src = avsn_sws_side_of(frame, AVSOUND_MATRIX_BT601);
    const avsn_sws_side dst = {result_format(frame, height), width, height, 1, src.matrix};
    if (scaler->sws && same_side(&src, &scaler->src) && same_side(&dst, &scaler->dst))
        return AVSOUND_OK;
    sws_freeContext(scaler->sws);
    scaler->src = src;
    scaler->dst = dst;
    return avsn_sws_create(&src, &dst, SCALER_FLAGS, &scaler->sws);
}

static void copy_rows(uint8_t *to, ptrdiff_t to_stride, const uint8_t *from, ptrdiff_t from_stride, size_t bytes,
                      int32_t rows)
{
    for (int32_t y = 0; y < rows; y++)
        memcpy(to + y * to_stride, from + y * from_stride, bytes);
}

static void interleave_rows(uint8_t *to, ptrdiff_t to_stride, uint8_t *const planes[3], ptrdiff_t stride, int32_t width,
                            int32_t height)
{
    for (int32_t y = 0; y < height; y++, to += to_stride) {
        const uint8_t *green = planes[0] + y * stride, *blue = planes[1] + y * stride, *red = planes[2] + y * stride;
        for (int32_t x = 0; x < width; x++) {
            to[3 * x] = red[x];
            to[3 * x + 1] = green[x];
            to[3 * x + 2] = blue[x];
        }
    }
}

static ptrdiff_t padded_stride(size_t row)
{
    return (ptrdiff_t)((row + 2 * ROW_PADDING - 1) / ROW_PADDING * ROW_PADDING);
}

static avsound_status scale_rows(avsn_scaler *scaler, const uint8_t *const data[4], const int32_t stride[4], uint8_t *rgb,
                                 ptrdiff_t rgb_stride)
{
    const int32_t width = scaler->dst.width, height = scaler->dst.height;
    const bool planar = scaler->dst.format == AV_PIX_FMT_GBRP;
    const size_t row = (size_t)width * (planar ? 1 : 3);
    const ptrdiff_t own = padded_stride(row), plane = own * height + ROW_PADDING;
    AVSN_TRY(avsn_grow(scaler->context, (void **)&scaler->rows, 1, 0, (size_t)plane * (planar ? 3 : 1),
                       &scaler->rows_capacity));
    uint8_t *const rows[4] = {scaler->rows, planar ? scaler->rows + plane : NULL, planar ? scaler->rows + 2 * plane : NULL};
    const int strides[4] = {(int)own, planar ? (int)own : 0, planar ? (int)own : 0};
    const int came = sws_scale(scaler->sws, data, stride, 0, scaler->src.height, rows, strides);
    if (came != height)
        AVSN_FAIL(AVSOUND_E_BACKEND, "swscale: %d rows of %d x %d came out", came, width, height);
    if (planar)
        interleave_rows(rgb, rgb_stride, rows, own, width, height);
    else
        copy_rows(rgb, rgb_stride, scaler->rows, own, row, height);
    return AVSOUND_OK;
}

static avsound_status check_size(const avsn_scaler *scaler, int32_t width, int32_t height)
{
    const int64_t most = avsn_context_limits(scaler->context)->max_pixels;
    if (width < 1 || height < 1 || (int64_t)width * height > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "scaling to %d x %d pixels, the context allows 1 to %lld in all", width, height,
                  (long long)most);
    return AVSOUND_OK;
}

static bool is_result(const avsound_frame *frame, int32_t width, int32_t height)
{
    return frame->format == AVSOUND_PIXEL_RGB24 && frame->width == width && frame->height == height;
}

avsound_status avsn_scaler_rgb(avsn_scaler *scaler, const avsound_frame *frame, int32_t width, int32_t height,
                               uint8_t *rgb, ptrdiff_t stride)
{
    AVSN_TRY(avsn_frame_check(scaler->context, frame));
    AVSN_TRY(check_size(scaler, width, height));
    if (is_result(frame, width, height)) {
        copy_rows(rgb, stride, frame->data[0], frame->stride[0], (size_t)width * 3, height);
        return AVSOUND_OK;
    }
    AVSN_TRY(prepare(scaler, frame, width, height));
    AVSN_TRY(avsn_padded_copy(scaler->context, &scaler->padded, frame));
    return scale_rows(scaler, scaler->padded.data, scaler->padded.stride, rgb, stride);
}

avsound_status avsn_scaler_kept_rgb(avsn_scaler *scaler, const avsn_kept_frame *kept, int32_t width, int32_t height,
                                    uint8_t *rgb, ptrdiff_t stride)
{
    const avsound_frame *frame = &kept->view;
    if (is_result(frame, width, height))
        return avsn_scaler_rgb(scaler, frame, width, height, rgb, stride);
    AVSN_TRY(check_size(scaler, width, height));
    AVSN_TRY(prepare(scaler, frame, width, height));
    return scale_rows(scaler, frame->data, frame->stride, rgb, stride);
}

void avsn_scaler_free(avsn_scaler *scaler)
{
    if (!scaler)
        return;
    avsound_context *context = scaler->context;
    sws_freeContext(scaler->sws);
    avsn_free(context, scaler->padded.memory);
    avsn_free(context, scaler->rows);
    avsn_free(context, scaler);
    avsound_context_free(context);
}
