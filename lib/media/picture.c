#include "media/private.h"

#include <string.h>

/* Pictures are made in one go: PNG without loss, JPEG at a quality where its marks cannot be seen. */
enum { JPEG_QSCALE = 2 };

#define SWS_FLAGS (SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT)

typedef struct picture_kind {
    const char *endings[2];
    enum AVCodecID codec;
    enum AVPixelFormat format;
} picture_kind;

static const picture_kind kinds[] = {
    {{".png", ".png"}, AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24},
    {{".jpg", ".jpeg"}, AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ444P},
};

static avsound_status choose_kind(const char *path, const picture_kind **kind)
{
    char ending[16];
    avsn_path_ending(path, ending, sizeof ending);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(kinds); i++)
        if (!strcmp(ending, kinds[i].endings[0]) || !strcmp(ending, kinds[i].endings[1])) {
            *kind = &kinds[i];
            return AVSOUND_OK;
        }
    AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: ending \"%s\", want .png, .jpg or .jpeg", path, ending);
}

static avsound_status open_encoder(const char *path, const picture_kind *kind, const avsound_frame *frame,
                                   AVCodecContext **out)
{
    const AVCodec *codec = avcodec_find_encoder(kind->codec);
    if (!codec)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: this FFmpeg has no encoder for %s", path, avcodec_get_name(kind->codec));
    AVCodecContext *encoder = *out = avcodec_alloc_context3(codec);
    if (!encoder)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", path);
    encoder->width = frame->width;
    encoder->height = frame->height;
    encoder->pix_fmt = kind->format;
    encoder->time_base = (AVRational){1, 25};
    encoder->thread_count = 1;
    if (kind->codec == AV_CODEC_ID_MJPEG) {
        encoder->color_range = AVCOL_RANGE_JPEG;
        encoder->colorspace = AVCOL_SPC_BT470BG;
        encoder->flags |= AV_CODEC_FLAG_QSCALE;
        encoder->global_quality = FF_QP2LAMBDA * JPEG_QSCALE;
    }
    const int error = avcodec_open2(encoder, codec, NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: encoder %s", path, codec->name);
    return AVSOUND_OK;
}

/* The frame in the encoder's format. */
static avsound_status convert(avsound_context *context, const picture_kind *kind, const avsound_frame *frame,
                              AVFrame *picture)
{
    const bool rgb = kind->format == AV_PIX_FMT_RGB24;
    const avsn_sws_side src = avsn_sws_side_of(frame, AVSOUND_MATRIX_BT601);
    const avsn_sws_side dst = {rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUV444P, frame->width, frame->height, 1,
                               rgb ? src.matrix : AVSOUND_MATRIX_BT601};
    struct SwsContext *sws = NULL;
    avsn_padded padded = {0};
    picture->format = kind->format;
    picture->width = frame->width;
    picture->height = frame->height;
    picture->color_range = AVCOL_RANGE_JPEG;
    picture->quality = FF_QP2LAMBDA * JPEG_QSCALE;
    const int error = av_frame_get_buffer(picture, 0);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "picture of %d x %d", frame->width, frame->height);
    avsound_status status = avsn_sws_create(&src, &dst, SWS_FLAGS, &sws);
    if (!status)
        status = avsn_padded_copy(context, &padded, frame);
    if (!status &&
        sws_scale(sws, padded.data, padded.stride, 0, frame->height, picture->data, picture->linesize) != frame->height)
        status = avsn_fail(AVSOUND_E_BACKEND, "swscale: picture of %d x %d not converted", frame->width, frame->height);
    sws_freeContext(sws);
    avsn_free(context, padded.memory);
    return status;
}

static avsound_status encode(const char *path, AVCodecContext *encoder, const AVFrame *picture, AVPacket *packet)
{
    int error = avcodec_send_frame(encoder, picture);
    if (error >= 0)
        error = avcodec_send_frame(encoder, NULL);
    if (error >= 0)
        error = avcodec_receive_packet(encoder, packet);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: encoder %s", path, encoder->codec->name);
    return AVSOUND_OK;
}

static avsound_status save(avsound_context *context, const char *path, const AVPacket *packet)
{
    avsn_output output;
    AVSN_TRY(avsn_output_create(context, path, &output));
    const avsound_status status = avsn_output_write(&output, packet->data, (size_t)packet->size);
    if (!status)
        return avsn_output_commit(&output);
    avsn_output_abandon(&output);
    return status;
}

avsound_status avsn_picture_write(avsound_context *context, const char *path, const avsound_frame *frame)
{
    avsn_ffmpeg_quiet();
    const picture_kind *kind = NULL;
    AVSN_TRY(avsn_frame_check(context, frame));
    AVSN_TRY(choose_kind(path, &kind));
    AVCodecContext *encoder = NULL;
    AVFrame *picture = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    avsound_status status = AVSOUND_OK;
    if (!picture || !packet)
        status = avsn_fail(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", path);
    if (!status)
        status = open_encoder(path, kind, frame, &encoder);
    if (!status)
        status = convert(context, kind, frame, picture);
    if (!status)
        status = encode(path, encoder, picture, packet);
    if (!status)
        status = save(context, path, packet);
    avcodec_free_context(&encoder);
    av_frame_free(&picture);
    av_packet_free(&packet);
    return status;
}
