#include "media/private.h"

#include <string.h>

#include <libavutil/display.h>
#include <libavutil/pixdesc.h>

/* A ratio beyond it is a damaged header, not a lens. */
enum { MOST_SAMPLE_ASPECT = 10 };

static const int32_t *stream_matrix(const AVStream *stream)
{
    const void *data = NULL;
    size_t size = 0;
#if LIBAVCODEC_VERSION_MAJOR >= 61
    const AVPacketSideData *side = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    if (side) {
        data = side->data;
        size = side->size;
    }
#else
    data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
#endif
    return data && size >= 9 * sizeof(int32_t) ? data : NULL;
}

static const int32_t *frame_matrix(const AVFrame *frame)
{
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)(const void *)side->data : NULL;
}

static AVRational sane_aspect(AVRational aspect)
{
    if (aspect.num <= 0 || aspect.den <= 0 || aspect.num / aspect.den >= MOST_SAMPLE_ASPECT ||
        aspect.den / aspect.num >= MOST_SAMPLE_ASPECT)
        return (AVRational){1, 1};
    return aspect;
}

/* Planes can be turned where each holds the whole picture, or chroma halved both ways of an even-sized one. */
static enum AVPixelFormat turnable(enum AVPixelFormat format, int32_t width, int32_t height)
{
    switch (format) {
    case AV_PIX_FMT_GRAY8:
    case AV_PIX_FMT_RGB24:
        return format;
    case AV_PIX_FMT_BGR24:
    case AV_PIX_FMT_RGB0:
    case AV_PIX_FMT_BGR0:
        return AV_PIX_FMT_RGB24;
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_NV12:
        return width % 2 == 0 && height % 2 == 0 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUV444P;
    default:
        return AV_PIX_FMT_YUV444P;
    }
}

static bool is_turned(avsn_orientation o)
{
    return o.transposed || o.flip_x || o.flip_y;
}

avsound_status avsn_upright_init(avsound_context *context, const avsn_source *source, AVFormatContext *format,
                                 AVStream *stream, AVFrame *first, avsn_upright *upright)
{
    const int32_t *matrix = frame_matrix(first) ? frame_matrix(first) : stream_matrix(stream);
    *upright = (avsn_upright){.context = context};
    if (matrix)
        upright->orientation = avsn_orientation_of(matrix);
    const AVRational aspect = upright->sample_aspect = sane_aspect(av_guess_sample_aspect_ratio(format, stream, first));
    int64_t width = first->width, height = first->height;
    if (aspect.num > aspect.den)
        width = av_rescale(width, aspect.num, aspect.den);
    else
        height = av_rescale(height, aspect.den, aspect.num);
    const int64_t most = avsn_context_limits(context)->max_pixels;
    if (width * height > most || width > INT32_MAX || height > INT32_MAX)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: video of %lld x %lld square pixels, the context allows %lld in all",
                  source->path, (long long)width, (long long)height, (long long)most);
    upright->scaled_width = (int32_t)width;
    upright->scaled_height = (int32_t)height;
    upright->width = upright->orientation.transposed ? (int32_t)height : (int32_t)width;
    upright->height = upright->orientation.transposed ? (int32_t)width : (int32_t)height;
    upright->format = avsn_pixel_nearest(first->format);
    if (upright->format == AV_PIX_FMT_NONE)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: pixel format %s is nothing to convert from", source->path,
                  av_get_pix_fmt_name(first->format));
    if (is_turned(upright->orientation))
        upright->format = turnable(upright->format, upright->scaled_width, upright->scaled_height);
    return AVSOUND_OK;
}

static bool is_full_range_name(enum AVPixelFormat format)
{
    return format == AV_PIX_FMT_YUVJ420P || format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P ||
           format == AV_PIX_FMT_YUVJ440P || format == AV_PIX_FMT_YUVJ411P;
}

/* Grey pictures span everything, the grey of a video codec is luma without its chroma. */
static bool is_luma_codec(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_VP9 ||
           codec == AV_CODEC_ID_AV1;
}

static int32_t full_range(const AVFrame *frame, enum AVCodecID codec)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format);
    if ((d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) || is_full_range_name(frame->format))
        return 1;
    if (frame->color_range != AVCOL_RANGE_UNSPECIFIED)
        return frame->color_range == AVCOL_RANGE_JPEG;
    return d->nb_components < 3 && !is_luma_codec(codec);
}

/* By the stored height where the file does not tell: turning the picture must not change its colours. */
static int32_t matrix_of(const AVFrame *frame)
{
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_SMPTE240M:
        return AVSOUND_MATRIX_BT709;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return AVSOUND_MATRIX_BT2020;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_FCC:
        return AVSOUND_MATRIX_BT601;
    default:
        return frame->height >= 720 ? AVSOUND_MATRIX_BT709 : AVSOUND_MATRIX_BT601;
    }
}

static enum AVPixelFormat without_range(enum AVPixelFormat format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    default:
        return format;
    }
}

static avsound_status new_picture(AVFrame **picture, enum AVPixelFormat format, int32_t width, int32_t height)
{
    *picture = av_frame_alloc();
    if (!*picture)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate a frame");
    (*picture)->format = format;
    (*picture)->width = width;
    (*picture)->height = height;
    const int error = av_frame_get_buffer(*picture, 0);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "frame of %d x %d", width, height);
    return AVSOUND_OK;
}

static avsound_status scale(avsn_upright *u, const AVFrame *decoded, const avsn_sws_side *src, const avsn_sws_side *dst)
{
    const bool same = u->sws && !memcmp(src, &u->src, sizeof *src) && !memcmp(dst, &u->dst, sizeof *dst);
    if (!same) {
        sws_freeContext(u->sws);
        u->src = *src;
        u->dst = *dst;
        AVSN_TRY(avsn_sws_create(src, dst, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, &u->sws));
    }
    if (!u->scaled)
        AVSN_TRY(new_picture(&u->scaled, u->format, u->scaled_width, u->scaled_height));
    const int rows = sws_scale(u->sws, (const uint8_t *const *)decoded->data, decoded->linesize, 0, decoded->height,
                               u->scaled->data, u->scaled->linesize);
    if (rows != u->scaled_height)
        AVSN_FAIL(AVSOUND_E_BACKEND, "swscale: %d rows of %d x %d came out", rows, u->scaled_width, u->scaled_height);
    return AVSOUND_OK;
}

static avsound_status turn(avsn_upright *u, const AVFrame *src)
{
    const avsn_pixel_layout *layout = avsn_pixel_layout_of(avsn_pixel_from_ffmpeg(u->format));
    if (!u->turned)
        AVSN_TRY(new_picture(&u->turned, u->format, u->width, u->height));
    for (int p = 0; p < layout->planes; p++) {
        const int shift = layout->plane[p].width_shift;
        avsn_orientation_apply(u->orientation, src->data[p], src->linesize[p], u->scaled_width >> shift,
                               u->scaled_height >> shift, layout->plane[p].bytes, u->turned->data[p],
                               u->turned->linesize[p]);
    }
    return AVSOUND_OK;
}

avsound_status avsn_upright_show(avsn_upright *upright, const AVFrame *decoded, enum AVCodecID codec,
                                 avsound_frame *view)
{
    const int32_t format = avsn_pixel_from_ffmpeg(upright->format), range = full_range(decoded, codec);
    const int32_t matrix = matrix_of(decoded);
    const AVFrame *result = decoded;
    if (avsn_pixel_from_ffmpeg(decoded->format) != format || decoded->width != upright->scaled_width ||
        decoded->height != upright->scaled_height) {
        const avsn_sws_side src = {without_range(decoded->format), decoded->width, decoded->height, range, matrix};
        const avsn_sws_side dst = {upright->format, upright->scaled_width, upright->scaled_height, range, matrix};
        AVSN_TRY(scale(upright, decoded, &src, &dst));
        result = upright->scaled;
    }
    if (is_turned(upright->orientation)) {
        AVSN_TRY(turn(upright, result));
        result = upright->turned;
    }
    *view = (avsound_frame){
        .struct_size = sizeof *view,
        .format = format,
        .width = upright->width,
        .height = upright->height,
        .range = range ? AVSOUND_RANGE_FULL : AVSOUND_RANGE_LIMITED,
        .matrix = matrix,
    };
    for (int p = 0; p < avsn_pixel_layout_of(format)->planes; p++) {
        view->data[p] = result->data[p];
        view->stride[p] = result->linesize[p];
    }
    return AVSOUND_OK;
}

void avsn_upright_free(avsn_upright *upright)
{
    sws_freeContext(upright->sws);
    av_frame_free(&upright->scaled);
    av_frame_free(&upright->turned);
}
