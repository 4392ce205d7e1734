#include "media/private.h"

#include <stdlib.h>

#include <libavutil/pixdesc.h>

static const avsn_pixel_layout layouts[] = {
    [AVSOUND_PIXEL_RGB24] = {"RGB24", AV_PIX_FMT_RGB24, 1, {{3, 0, 0}}},
    [AVSOUND_PIXEL_BGR24] = {"BGR24", AV_PIX_FMT_BGR24, 1, {{3, 0, 0}}},
    /* Alpha is ignored, which swscale knows these formats to mean. */
    [AVSOUND_PIXEL_RGBA] = {"RGBA", AV_PIX_FMT_RGB0, 1, {{4, 0, 0}}},
    [AVSOUND_PIXEL_BGRA] = {"BGRA", AV_PIX_FMT_BGR0, 1, {{4, 0, 0}}},
    [AVSOUND_PIXEL_GRAY8] = {"GRAY8", AV_PIX_FMT_GRAY8, 1, {{1, 0, 0}}},
    [AVSOUND_PIXEL_YUV420P] = {"YUV420P", AV_PIX_FMT_YUV420P, 3, {{1, 0, 0}, {1, 1, 1}, {1, 1, 1}}},
    [AVSOUND_PIXEL_NV12] = {"NV12", AV_PIX_FMT_NV12, 2, {{1, 0, 0}, {2, 1, 1}}},
    [AVSOUND_PIXEL_YUV422P] = {"YUV422P", AV_PIX_FMT_YUV422P, 3, {{1, 0, 0}, {1, 1, 0}, {1, 1, 0}}},
    [AVSOUND_PIXEL_YUYV422] = {"YUYV422", AV_PIX_FMT_YUYV422, 1, {{4, 1, 0}}},
    [AVSOUND_PIXEL_YUV444P] = {"YUV444P", AV_PIX_FMT_YUV444P, 3, {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}}},
};

const avsn_pixel_layout *avsn_pixel_layout_of(int32_t format)
{
    if (format < 1 || (size_t)format >= AVSN_ARRAY_COUNT(layouts))
        return NULL;
    return &layouts[format];
}

int32_t avsn_pixel_from_ffmpeg(enum AVPixelFormat format)
{
    switch (format) {
    case AV_PIX_FMT_RGBA:
        return AVSOUND_PIXEL_RGBA;
    case AV_PIX_FMT_BGRA:
        return AVSOUND_PIXEL_BGRA;
    case AV_PIX_FMT_YUVJ420P:
        return AVSOUND_PIXEL_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AVSOUND_PIXEL_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AVSOUND_PIXEL_YUV444P;
    default:
        for (size_t i = 1; i < AVSN_ARRAY_COUNT(layouts); i++)
            if (layouts[i].ffmpeg == format)
                return (int32_t)i;
        return 0;
    }
}

enum AVPixelFormat avsn_pixel_nearest(enum AVPixelFormat format)
{
    static const enum AVPixelFormat offered[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P,
                                                 AV_PIX_FMT_RGB24,   AV_PIX_FMT_GRAY8,   AV_PIX_FMT_NONE};
    const int32_t same = avsn_pixel_from_ffmpeg(format);
    return same ? layouts[same].ffmpeg : avcodec_find_best_pix_fmt_of_list(offered, format, 0, NULL);
}

static int64_t shifted_up(int64_t value, int shift)
{
    return (value + (1 << shift) - 1) >> shift;
}

int64_t avsn_pixel_row_bytes(const avsn_pixel_layout *layout, int plane, int32_t width)
{
    return shifted_up(width, layout->plane[plane].width_shift) * layout->plane[plane].bytes;
}

int32_t avsn_pixel_rows(const avsn_pixel_layout *layout, int plane, int32_t height)
{
    return (int32_t)shifted_up(height, layout->plane[plane].height_shift);
}

static bool is_yuv(int32_t format)
{
    return format >= AVSOUND_PIXEL_YUV420P;
}

int avsn_frame_full_range(const avsound_frame *frame)
{
    if (frame->range == AVSOUND_RANGE_DEFAULT)
        return !is_yuv(frame->format);
    return frame->range == AVSOUND_RANGE_FULL;
}

int32_t avsn_frame_matrix(const avsound_frame *frame)
{
    if (frame->matrix != AVSOUND_MATRIX_DEFAULT)
        return frame->matrix;
    return frame->height >= 720 ? AVSOUND_MATRIX_BT709 : AVSOUND_MATRIX_BT601;
}

const int *avsn_matrix_coefficients(int32_t matrix)
{
    switch (matrix) {
    case AVSOUND_MATRIX_BT709:
        return sws_getCoefficients(SWS_CS_ITU709);
    case AVSOUND_MATRIX_BT2020:
        return sws_getCoefficients(SWS_CS_BT2020);
    default:
        return sws_getCoefficients(SWS_CS_ITU601);
    }
}
