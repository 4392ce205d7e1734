#include "media/private.h"

#include <stdio.h>
#include <string.h>

#include <libavutil/opt.h>

#define SWS_FLAGS (SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT)

struct avsound_writer {
    avsound_context *context;
    avsound_writer_options options;
    const avsn_container *container;
    avsn_output output;
    AVFormatContext *format;
    AVCodecContext *encoder;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *picture; /* even sizes, limited range */
    int32_t matrix;
    struct SwsContext *sws;
    avsn_sws_side src;
    avsn_padded padded;
    avsn_writer_sound *sound;
    int64_t last_us, last_pts;
    avsound_status failed; /* what a call failed with: nothing more can be written */
    bool finished;
};

static const enum AVCodecID copied_mp4[] = {AV_CODEC_ID_AAC,  AV_CODEC_ID_MP3,  AV_CODEC_ID_AC3,
                                            AV_CODEC_ID_EAC3, AV_CODEC_ID_ALAC, AV_CODEC_ID_NONE};
static const enum AVCodecID copied_mov[] = {
    AV_CODEC_ID_AAC,       AV_CODEC_ID_MP3,       AV_CODEC_ID_AC3,       AV_CODEC_ID_EAC3,      AV_CODEC_ID_ALAC,
    AV_CODEC_ID_PCM_S16LE, AV_CODEC_ID_PCM_S16BE, AV_CODEC_ID_PCM_S24LE, AV_CODEC_ID_PCM_S24BE, AV_CODEC_ID_NONE};
static const enum AVCodecID copied_mkv[] = {
    AV_CODEC_ID_AAC,       AV_CODEC_ID_MP3,       AV_CODEC_ID_MP2,       AV_CODEC_ID_AC3,    AV_CODEC_ID_EAC3,
    AV_CODEC_ID_DTS,       AV_CODEC_ID_FLAC,      AV_CODEC_ID_OPUS,      AV_CODEC_ID_VORBIS, AV_CODEC_ID_ALAC,
    AV_CODEC_ID_PCM_S16LE, AV_CODEC_ID_PCM_S24LE, AV_CODEC_ID_PCM_F32LE, AV_CODEC_ID_NONE};
static const enum AVCodecID copied_webm[] = {AV_CODEC_ID_OPUS, AV_CODEC_ID_VORBIS, AV_CODEC_ID_NONE};
static const enum AVCodecID copied_avi[] = {AV_CODEC_ID_MP3, AV_CODEC_ID_AC3, AV_CODEC_ID_PCM_S16LE, AV_CODEC_ID_NONE};

#define H264_ELSE_MPEG4                                                   \
    {                                                                     \
        "libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4" \
    }

static const avsn_container containers[] = {
    {".mp4", "mp4", H264_ELSE_MPEG4, {"aac"}, copied_mp4, true, false},
    {".mov", "mov", H264_ELSE_MPEG4, {"aac"}, copied_mov, true, false},
    {".mkv", "matroska", H264_ELSE_MPEG4, {"aac"}, copied_mkv, false, false},
    {".webm", "webm", {"libvpx-vp9", "libvpx"}, {"libopus", "libvorbis"}, copied_webm, false, false},
    {".avi", "avi", H264_ELSE_MPEG4, {"libmp3lame", "ac3", "pcm_s16le"}, copied_avi, false, true},
};

static avsound_status choose_container(const char *path, const avsn_container **out)
{
    char ending[16];
    avsn_path_ending(path, ending, sizeof ending);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(containers); i++)
        if (!strcmp(containers[i].ending, ending)) {
            *out = &containers[i];
            return AVSOUND_OK;
        }
    AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: ending \"%s\", want .mp4, .mov, .mkv, .webm or .avi", path, ending);
}

/* ---- the encoder ---- */

/* Each encoder's own scale for a quality of 1...100; those not named here go by bit rate. */
static void set_quality(AVCodecContext *encoder, int32_t quality)
{
    const char *name = encoder->codec->name;
    const double lack = (100 - quality) / 99.0; /* 0 best, 1 smallest */
    if (!strcmp(name, "libx264")) {
        /* Of a size with veryfast at the same sharpness to within 0.0015 of SSIM, in 0.6 of its time. */
        av_opt_set(encoder->priv_data, "preset", "superfast", 0);
        av_opt_set_double(encoder->priv_data, "crf", 12 + 38 * lack, 0);
    } else if (!strcmp(name, "mpeg4")) {
        encoder->flags |= AV_CODEC_FLAG_QSCALE;
        encoder->global_quality = (int)(FF_QP2LAMBDA * (1 + 30 * lack * lack));
    } else if (!strncmp(name, "libvpx", 6)) {
        encoder->bit_rate = 0;
        encoder->qmin = 4;
        encoder->qmax = 63;
        av_opt_set_int(encoder->priv_data, "crf", (int)(8 + 55 * lack), 0);
        av_opt_set(encoder->priv_data, "deadline", "realtime", 0);
        av_opt_set_int(encoder->priv_data, "cpu-used", 6, 0);
    } else {
        const double pixels = (double)encoder->width * encoder->height * av_q2d(encoder->framerate);
        encoder->bit_rate = (int64_t)(pixels * (0.25 - 0.23 * lack)) + 20000;
    }
}

/* Microseconds where the codec and the container can count them. */
static AVRational time_base_for(const avsn_container *container, const AVCodec *codec, AVRational rate)
{
    if (container->constant_rate)
        return av_inv_q(rate);
    return codec->id == AV_CODEC_ID_MPEG4 ? (AVRational){1, 60000} : AVSN_MICROSECONDS;
}

static AVCodecContext *new_encoder(const avsound_writer *writer, const AVCodec *codec)
{
    const avsound_writer_options *o = &writer->options;
    const AVRational rate = {o->rate_num, o->rate_den};
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    if (!encoder)
        return NULL;
    encoder->width = writer->picture->width;
    encoder->height = writer->picture->height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->sample_aspect_ratio = (AVRational){1, 1};
    encoder->time_base = time_base_for(writer->container, codec, rate);
    encoder->framerate = rate;
    encoder->thread_count = o->threads ? o->threads : 1;
    encoder->gop_size = (int)av_clip64(av_rescale(4, rate.num, rate.den), 1, 250);
    encoder->color_range = AVCOL_RANGE_MPEG;
    const bool hd = writer->matrix == AVSOUND_MATRIX_BT709;
    encoder->colorspace = hd ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    encoder->color_primaries = hd ? AVCOL_PRI_BT709 : AVCOL_PRI_SMPTE170M;
    encoder->color_trc = hd ? AVCOL_TRC_BT709 : AVCOL_TRC_SMPTE170M;
    encoder->chroma_sample_location = AVCHROMA_LOC_LEFT;
    if (writer->container->constant_rate || codec->id == AV_CODEC_ID_MPEG4)
        encoder->max_b_frames = 0;
    if (writer->format->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    set_quality(encoder, o->quality);
    return encoder;
}

static avsound_status open_encoder(avsound_writer *writer)
{
    const char *const *names = writer->container->video_encoders;
    int error = AVERROR_ENCODER_NOT_FOUND;
    for (int i = 0; names[i]; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(names[i]);
        if (!codec)
            continue;
        writer->encoder = new_encoder(writer, codec);
        if (!writer->encoder)
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", writer->output.path);
        error = avcodec_open2(writer->encoder, codec, NULL);
        if (error >= 0)
            return AVSOUND_OK;
        avcodec_free_context(&writer->encoder);
    }
    return avsn_ffmpeg_fail(error, AVSOUND_E_UNSUPPORTED, "%s: no video encoder for %s of %d x %d in this FFmpeg",
                            writer->output.path, writer->container->ending, writer->options.width,
                            writer->options.height);
}

static avsound_status new_picture(avsound_writer *writer)
{
    AVFrame *picture = writer->picture = av_frame_alloc();
    if (!picture)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", writer->output.path);
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = writer->options.width + writer->options.width % 2;
    picture->height = writer->options.height + writer->options.height % 2;
    const int error = av_frame_get_buffer(picture, 0);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s", writer->output.path);
    return AVSOUND_OK;
}

static avsound_status add_video_stream(avsound_writer *writer)
{
    AVStream *stream = writer->stream = avformat_new_stream(writer->format, NULL);
    if (!stream || avcodec_parameters_from_context(stream->codecpar, writer->encoder) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", writer->output.path);
    stream->time_base = writer->encoder->time_base;
    stream->avg_frame_rate = writer->encoder->framerate;
    stream->sample_aspect_ratio = (AVRational){1, 1};
    return AVSOUND_OK;
}

/* ---- failing ---- */

static avsound_status fail_write(avsound_writer *writer, int error, const char *what)
{
    if (writer->output.error)
        AVSN_FAIL(AVSOUND_E_IO, "%s: writing at byte %lld: %s", writer->output.path, (long long)writer->output.position,
                  strerror(writer->output.error));
    return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: %s", writer->output.path, what);
}

/* The disk may be full: what was written so far goes at once. */
static avsound_status give_up(avsound_writer *writer, avsound_status status)
{
    /* A failed write of the muxer's sound is the disk's, too, and its reason better than FFmpeg's. */
    if (writer->output.error)
        status = fail_write(writer, 0, "");
    writer->failed = status;
    avsn_output_detach(writer->format);
    avsn_output_abandon(&writer->output);
    return status;
}

/* ---- making one ---- */

static avsound_status write_header(avsound_writer *writer)
{
    AVDictionary *options = NULL;
    if (writer->container->edit_list) {
        av_dict_set(&options, "movflags", "+faststart", 0);
        /* A late start is counted in it: FFmpeg's 1/1000 s would move the sound. */
        av_dict_set(&options, "movie_timescale", "1000000", 0);
    }
    const int error = avformat_write_header(writer->format, &options);
    av_dict_free(&options);
    if (error < 0)
        return fail_write(writer, error, "the container's header");
    return AVSOUND_OK;
}

static avsound_status start(avsound_writer *writer, const char *path)
{
    AVSN_TRY(choose_container(path, &writer->container));
    AVSN_TRY(avsn_output_create(writer->context, path, &writer->output));
    const int error = avformat_alloc_output_context2(&writer->format, NULL, writer->container->name, NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(AVERROR_MUXER_NOT_FOUND, AVSOUND_E_UNSUPPORTED, "%s", path);
    writer->packet = av_packet_alloc();
    if (!writer->packet)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", path);
    AVSN_TRY(avsn_output_attach(&writer->output, writer->format));
    AVSN_TRY(new_picture(writer));
    AVSN_TRY(open_encoder(writer));
    AVSN_TRY(add_video_stream(writer));
    if (writer->options.audio_path)
        AVSN_TRY(avsn_writer_sound_create(writer->context, &writer->options, writer->container, writer->format,
                                          &writer->sound));
    return write_header(writer);
}

avsound_status avsn_writer_create(avsound_context *context, const char *path, const avsound_writer_options *options,
                                  avsound_writer **out)
{
    avsn_ffmpeg_quiet();
    *out = NULL;
    avsound_writer *writer = avsn_alloc_zeroed(context, 1, sizeof *writer);
    if (!writer)
        return AVSOUND_E_NO_MEMORY;
    writer->context = avsn_context_ref(context);
    writer->output.fd = -1;
    writer->output.context = context;
    writer->options = *options;
    if (!writer->options.quality)
        writer->options.quality = 75;
    if (!writer->options.rate_num) {
        writer->options.rate_num = 25;
        writer->options.rate_den = 1;
    }
    writer->matrix = options->height >= 720 ? AVSOUND_MATRIX_BT709 : AVSOUND_MATRIX_BT601;
    writer->last_us = writer->last_pts = -1;
    const avsound_status status = start(writer, path);
    if (status)
        avsn_writer_free(writer);
    else
        *out = writer;
    return status;
}

/* ---- pictures ---- */

static void repeat_edge(AVFrame *picture, int32_t width, int32_t height)
{
    uint8_t *luma = picture->data[0];
    const ptrdiff_t stride = picture->linesize[0];
    for (int32_t y = 0; width % 2 && y < height; y++)
        luma[y * stride + width] = luma[y * stride + width - 1];
    if (height % 2)
        memcpy(luma + height * stride, luma + (height - 1) * stride, (size_t)picture->width);
}

static avsound_status fill_picture(avsound_writer *writer, const avsound_frame *frame)
{
    const avsn_sws_side src = avsn_sws_side_of(frame, writer->matrix);
    const avsn_sws_side dst = {AV_PIX_FMT_YUV420P, frame->width, frame->height, 0, writer->matrix};
    const int error = av_frame_make_writable(writer->picture);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s", writer->output.path);
    if (!writer->sws || memcmp(&src, &writer->src, sizeof src)) {
        sws_freeContext(writer->sws);
        writer->src = src;
        AVSN_TRY(avsn_sws_create(&src, &dst, SWS_FLAGS, &writer->sws));
    }
    AVSN_TRY(avsn_padded_copy(writer->context, &writer->padded, frame));
    if (sws_scale(writer->sws, writer->padded.data, writer->padded.stride, 0, frame->height, writer->picture->data,
                  writer->picture->linesize) != frame->height)
        AVSN_FAIL(AVSOUND_E_BACKEND, "%s: swscale could not convert a frame", writer->output.path);
    repeat_edge(writer->picture, frame->width, frame->height);
    return AVSOUND_OK;
}

/* Sends a picture, or NULL at the end, and writes what the encoder has ready. */
static avsound_status encode(avsound_writer *writer, const AVFrame *picture)
{
    int error = avcodec_send_frame(writer->encoder, picture);
    while (error >= 0) {
        error = avcodec_receive_packet(writer->encoder, writer->packet);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            return AVSOUND_OK;
        if (error < 0)
            break;
        writer->packet->stream_index = writer->stream->index;
        writer->packet->duration = av_rescale_q(1, av_inv_q(writer->encoder->framerate), writer->encoder->time_base);
        av_packet_rescale_ts(writer->packet, writer->encoder->time_base, writer->stream->time_base);
        error = av_interleaved_write_frame(writer->format, writer->packet);
        if (error < 0)
            return fail_write(writer, error, "a packet");
    }
    return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: encoder %s", writer->output.path,
                            writer->encoder->codec->name);
}

static avsound_status check_state(const avsound_writer *writer)
{
    if (writer->finished)
        AVSN_FAIL(AVSOUND_E_STATE, "the file was finished already");
    if (writer->failed)
        AVSN_FAIL(writer->failed, "writing failed before");
    return AVSOUND_OK;
}

static avsound_status check_frame(const avsound_writer *writer, const avsound_frame *frame)
{
    AVSN_TRY(avsn_frame_check(writer->context, frame));
    if (frame->width != writer->options.width || frame->height != writer->options.height)
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: frame of %d x %d, want %d x %d", writer->output.path, frame->width,
                  frame->height, writer->options.width, writer->options.height);
    if (frame->time_us <= writer->last_us || frame->time_us > AVSN_LATEST_US)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: frame at %lld us, want more than the last one's %lld",
                  writer->output.path, (long long)frame->time_us, (long long)writer->last_us);
    return AVSOUND_OK;
}

static avsound_status write_frame(avsound_writer *writer, const avsound_frame *frame)
{
    AVSN_TRY(fill_picture(writer, frame));
    const int64_t pts = av_rescale_q(frame->time_us, AVSN_MICROSECONDS, writer->encoder->time_base);
    writer->picture->pts = writer->last_pts = AVSN_MAX(pts, writer->last_pts + 1);
    AVSN_TRY(encode(writer, writer->picture));
    return writer->sound ? avsn_writer_sound_until(writer->sound, frame->time_us) : AVSOUND_OK;
}

avsound_status avsn_writer_write_frame(avsound_writer *writer, const avsound_frame *frame)
{
    AVSN_TRY(check_state(writer));
    AVSN_TRY(check_frame(writer, frame));
    const avsound_status status = write_frame(writer, frame);
    if (status)
        return give_up(writer, status);
    writer->last_us = frame->time_us;
    return AVSOUND_OK;
}

/* ---- the end ---- */

static avsound_status complete(avsound_writer *writer)
{
    AVSN_TRY(encode(writer, NULL));
    if (writer->sound)
        AVSN_TRY(avsn_writer_sound_until(writer->sound, INT64_MAX));
    const int error = av_write_trailer(writer->format);
    if (error < 0 || writer->output.error)
        return fail_write(writer, error, "the container's index");
    avio_flush(writer->format->pb);
    if (writer->format->pb->error < 0)
        return fail_write(writer, writer->format->pb->error, "the last bytes");
    return AVSOUND_OK;
}

avsound_status avsn_writer_finish(avsound_writer *writer)
{
    AVSN_TRY(check_state(writer));
    if (writer->last_us < 0)
        return give_up(writer, avsn_fail(AVSOUND_E_STATE, "%s: no frame was written", writer->output.path));
    const avsound_status status = complete(writer);
    if (status)
        return give_up(writer, status);
    writer->finished = true;
    avsn_output_detach(writer->format);
    return avsn_output_commit(&writer->output);
}

void avsn_writer_free(avsound_writer *writer)
{
    if (!writer)
        return;
    avsound_context *context = writer->context;
    avsn_writer_sound_free(writer->sound);
    avcodec_free_context(&writer->encoder);
    av_packet_free(&writer->packet);
    av_frame_free(&writer->picture);
    sws_freeContext(writer->sws);
    avsn_free(context, writer->padded.memory);
    avsn_output_detach(writer->format);
    avformat_free_context(writer->format);
    avsn_output_abandon(&writer->output);
    avsn_free(context, writer);
    avsound_context_free(context);
}
