/* Hands frames that a program decodes itself to avsound: an AVFrame as it is, without a copy. Prints how much each frame looks
 * like the first.
 *
 *   avframe MODEL VIDEO
 *
 * Link with -lavsound -lavformat -lavcodec -lavutil. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include <avsound/avsound.h>

enum { MOST = 4096 }; /* numbers of an embedding */

static int32_t format_of(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P:
        return AVSOUND_PIXEL_YUV420P;
    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUVJ422P:
        return AVSOUND_PIXEL_YUV422P;
    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
        return AVSOUND_PIXEL_YUV444P;
    case AV_PIX_FMT_NV12:
        return AVSOUND_PIXEL_NV12;
    case AV_PIX_FMT_GRAY8:
        return AVSOUND_PIXEL_GRAY8;
    case AV_PIX_FMT_RGB24:
        return AVSOUND_PIXEL_RGB24;
    default:
        return 0; /* avsound refuses it and says so; swscale makes one of the above */
    }
}

/* The ten lines: the same picture by other names. The pixels stay the AVFrame's. */
static avsound_frame frame_of(const AVFrame *f, AVRational unit)
{
    avsound_frame frame = {
        .struct_size = sizeof frame, .format = format_of(f->format), .width = f->width, .height = f->height};
    frame.range = f->color_range == AVCOL_RANGE_JPEG ? AVSOUND_RANGE_FULL : AVSOUND_RANGE_DEFAULT;
    frame.matrix = f->colorspace == AVCOL_SPC_BT709 ? AVSOUND_MATRIX_BT709 : AVSOUND_MATRIX_DEFAULT;
    frame.time_us = av_rescale_q(f->best_effort_timestamp, unit, AV_TIME_BASE_Q);
    for (int plane = 0; plane < 4; plane++) {
        frame.data[plane] = f->data[plane];
        frame.stride[plane] = f->linesize[plane];
    }
    return frame;
}

/* Both embeddings have length 1, so their product is the cosine of the angle between them. */
static avsound_status compare(avsound_session *session, const avsound_frame *frame, float *first, size_t *size)
{
    float now[MOST];
    size_t count = MOST;
    const avsound_status status = avsound_embed_image(session, frame, 1, now, &count);
    if (status)
        return status;
    if (*size == 0)
        memcpy(first, now, (*size = count) * sizeof *now);
    double cosine = 0;
    for (size_t i = 0; i < count; i++)
        cosine += (double)first[i] * (double)now[i];
    printf("%8.3f s  %6.3f\n", (double)frame->time_us * 1e-6, cosine);
    return AVSOUND_OK;
}

static avsound_status walk(avsound_session *session, AVFormatContext *format, AVCodecContext *decoder, int stream)
{
    float first[MOST];
    size_t size = 0;
    avsound_status status = AVSOUND_OK;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    for (int end = 0; packet && frame && !status && !end; av_packet_unref(packet)) {
        end = av_read_frame(format, packet) < 0; /* then the decoder gives out what it still holds */
        if ((!end && packet->stream_index != stream) || avcodec_send_packet(decoder, end ? NULL : packet) < 0)
            continue;
        while (!status && avcodec_receive_frame(decoder, frame) >= 0) {
            const avsound_frame ours = frame_of(frame, format->streams[stream]->time_base);
            status = compare(session, &ours, first, &size);
        }
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    return status;
}

static avsound_status load(const char *path, avsound_session **session)
{
    avsound_context *context = NULL;
    avsound_model *model = NULL;
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.outputs = "embedding.image";
    avsound_status status = avsound_context_create(NULL, &context);
    if (!status)
        status = avsound_model_load(context, path, &model);
    if (!status)
        status = avsound_session_create(model, &options, session);
    avsound_model_free(model); /* the session keeps both */
    avsound_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    AVFormatContext *format = NULL;
    const AVCodec *codec = NULL;
    if (argc != 3 || avformat_open_input(&format, argv[2], NULL, NULL) < 0 ||
        avformat_find_stream_info(format, NULL) < 0)
        return fprintf(stderr, "usage: avframe MODEL VIDEO\n"), 2;
    const int stream = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    AVCodecContext *decoder = stream < 0 ? NULL : avcodec_alloc_context3(codec);
    if (!decoder || avcodec_parameters_to_context(decoder, format->streams[stream]->codecpar) < 0 ||
        avcodec_open2(decoder, codec, NULL) < 0)
        return fprintf(stderr, "avframe: %s: no video that FFmpeg decodes\n", argv[2]), 1;

    avsound_session *session = NULL;
    avsound_status status = load(argv[1], &session);
    if (!status)
        status = walk(session, format, decoder, stream);
    if (status)
        fprintf(stderr, "avframe: %s: %s\n", avsound_status_text(status), avsound_error_detail());
    avsound_session_free(session);
    avcodec_free_context(&decoder);
    avformat_close_input(&format);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
