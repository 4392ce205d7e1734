#include "media/intra.h"

#include <math.h>
#include <string.h>

#include "media/private.h"

#define SWS_FLAGS (SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT)

struct avsn_intra {
    avsound_context *context;
    avsn_intra_options options;
    avsn_output output;
    AVFormatContext *format;
    AVCodecContext *encoder;
    AVPacket *encoded; /* the staged picture; no data: not encoded yet */
    AVPacket *packet;
    AVFrame *picture;
    struct SwsContext *sws;
    avsn_sws_side src;
    avsn_padded padded;
    int64_t pictures, samples; /* written */
    int16_t *sound; /* what does not fill a packet yet */
    int32_t sound_frames, packet_frames;
    bool staged;
};

/* ---- making one ---- */

static AVCodecContext *new_encoder(const avsn_intra_options *o, const AVCodec *codec)
{
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    if (!encoder)
        return NULL;
    encoder->width = o->width;
    encoder->height = o->height;
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->colorspace = AVCOL_SPC_SMPTE170M; /* JFIF's matrix */
    encoder->sample_aspect_ratio = (AVRational){1, 1};
    encoder->time_base = (AVRational){1, o->rate};
    encoder->framerate = (AVRational){o->rate, 1};
    encoder->thread_count = 1;
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->global_quality = FF_QP2LAMBDA * o->scale;
    return encoder;
}

static avsound_status open_encoder(avsn_intra *intra)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: this FFmpeg has no MJPEG encoder", intra->output.path);
    intra->encoder = new_encoder(&intra->options, codec);
    if (!intra->encoder)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", intra->output.path);
    const int error = avcodec_open2(intra->encoder, codec, NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: MJPEG of %d x %d", intra->output.path,
                                intra->options.width, intra->options.height);
    return AVSOUND_OK;
}

static avsound_status new_picture(avsn_intra *intra)
{
    AVFrame *picture = intra->picture = av_frame_alloc();
    if (!picture)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", intra->output.path);
    picture->format = AV_PIX_FMT_YUVJ420P;
    picture->width = intra->options.width;
    picture->height = intra->options.height;
    picture->color_range = AVCOL_RANGE_JPEG;
    picture->quality = intra->encoder->global_quality;
    const int error = av_frame_get_buffer(picture, 0);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s", intra->output.path);
    return AVSOUND_OK;
}

static avsound_status add_pictures(avsn_intra *intra)
{
    AVSN_TRY(open_encoder(intra));
    AVSN_TRY(new_picture(intra));
    AVStream *video = avformat_new_stream(intra->format, NULL);
    if (!video || avcodec_parameters_from_context(video->codecpar, intra->encoder) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", intra->output.path);
    video->time_base = intra->encoder->time_base;
    video->avg_frame_rate = intra->encoder->framerate;
    video->sample_aspect_ratio = (AVRational){1, 1};
    return AVSOUND_OK;
}

static avsound_status add_sound(avsn_intra *intra)
{
    AVStream *sound = avformat_new_stream(intra->format, NULL);
    if (!sound)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", intra->output.path);
    AVCodecParameters *par = sound->codecpar;
    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = AV_CODEC_ID_PCM_S16LE;
    par->format = AV_SAMPLE_FMT_S16;
    par->bits_per_coded_sample = 16;
    par->sample_rate = intra->options.sample_rate;
    par->block_align = 2 * intra->options.channels;
    av_channel_layout_default(&par->ch_layout, intra->options.channels);
    sound->time_base = (AVRational){1, par->sample_rate};
    return AVSOUND_OK;
}

static avsound_status fail_write(const avsn_intra *intra, int error, const char *what)
{
    if (intra->output.error)
        AVSN_FAIL(AVSOUND_E_IO, "%s: writing at byte %lld: %s", intra->output.path, (long long)intra->output.position,
                  strerror(intra->output.error));
    return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: %s", intra->output.path, what);
}

static avsound_status start(avsn_intra *intra, const char *path)
{
    AVSN_TRY(avsn_output_create(intra->context, path, &intra->output));
    int error = avformat_alloc_output_context2(&intra->format, NULL, "matroska", NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(AVERROR_MUXER_NOT_FOUND, AVSOUND_E_UNSUPPORTED, "%s", path);
    /* The same clip makes the same bytes: no random identifiers. */
    intra->format->flags |= AVFMT_FLAG_BITEXACT;
    intra->packet = av_packet_alloc();
    intra->encoded = av_packet_alloc();
    if (!intra->packet || !intra->encoded)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", path);
    AVSN_TRY(avsn_output_attach(&intra->output, intra->format));
    if (intra->options.width)
        AVSN_TRY(add_pictures(intra));
    AVSN_TRY(add_sound(intra));
    intra->packet_frames = intra->options.sample_rate / intra->options.rate;
    intra->sound = avsn_alloc(intra->context, (size_t)intra->packet_frames * (size_t)intra->options.channels,
                              sizeof *intra->sound);
    if (!intra->sound)
        return AVSOUND_E_NO_MEMORY;
    error = avformat_write_header(intra->format, NULL);
    return error < 0 ? fail_write(intra, error, "the container's header") : AVSOUND_OK;
}

avsound_status avsn_intra_create(avsound_context *context, const char *path, const avsn_intra_options *options,
                                 avsn_intra **out)
{
    avsn_ffmpeg_quiet();
    *out = NULL;
    avsn_intra *intra = avsn_alloc_zeroed(context, 1, sizeof *intra);
    if (!intra)
        return AVSOUND_E_NO_MEMORY;
    intra->context = avsn_context_ref(context);
    intra->output = (avsn_output){.context = context, .fd = -1};
    intra->options = *options;
    const avsound_status status = start(intra, path);
    if (status)
        avsn_intra_free(intra);
    else
        *out = intra;
    return status;
}

/* ---- pictures ---- */

avsound_status avsn_intra_stage(avsn_intra *intra, const avsound_frame *frame)
{
    AVSN_TRY(avsn_frame_check(intra->context, frame));
    const avsn_sws_side src = avsn_sws_side_of(frame, AVSOUND_MATRIX_BT601);
    const avsn_sws_side dst = {AV_PIX_FMT_YUVJ420P, intra->options.width, intra->options.height, 1,
                               AVSOUND_MATRIX_BT601};
    intra->staged = false;
    av_packet_unref(intra->encoded);
    const int error = av_frame_make_writable(intra->picture);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s", intra->output.path);
    if (!intra->sws || memcmp(&src, &intra->src, sizeof src)) {
        sws_freeContext(intra->sws);
        intra->src = src;
        AVSN_TRY(avsn_sws_create(&src, &dst, SWS_FLAGS, &intra->sws));
    }
    AVSN_TRY(avsn_padded_copy(intra->context, &intra->padded, frame));
    if (sws_scale(intra->sws, intra->padded.data, intra->padded.stride, 0, frame->height, intra->picture->data,
                  intra->picture->linesize) != dst.height)
        AVSN_FAIL(AVSOUND_E_BACKEND, "%s: swscale could not convert a frame", intra->output.path);
    intra->staged = true;
    return AVSOUND_OK;
}

const uint8_t *avsn_intra_luma(const avsn_intra *intra, ptrdiff_t *stride)
{
    *stride = intra->picture->linesize[0];
    return intra->picture->data[0];
}

static avsound_status encode(avsn_intra *intra)
{
    intra->picture->pts = intra->pictures;
    int error = avcodec_send_frame(intra->encoder, intra->picture);
    if (error >= 0)
        error = avcodec_receive_packet(intra->encoder, intra->encoded);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: the MJPEG encoder", intra->output.path);
    return AVSOUND_OK;
}

/* In the order given: packets come sorted by time, so nothing has to be held back. */
static avsound_status write_packet(avsn_intra *intra, int stream, AVRational time_base, int64_t time, int64_t duration)
{
    intra->packet->stream_index = stream;
    intra->packet->pts = intra->packet->dts = time;
    intra->packet->duration = duration;
    intra->packet->flags |= AV_PKT_FLAG_KEY;
    av_packet_rescale_ts(intra->packet, time_base, intra->format->streams[stream]->time_base);
    const int error = av_write_frame(intra->format, intra->packet);
    av_packet_unref(intra->packet);
    return error < 0 || intra->output.error ? fail_write(intra, error, "a packet") : AVSOUND_OK;
}

avsound_status avsn_intra_write_picture(avsn_intra *intra)
{
    if (!intra->staged)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: no picture was staged", intra->output.path);
    if (!intra->encoded->data)
        AVSN_TRY(encode(intra));
    const int error = av_packet_ref(intra->packet, intra->encoded);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_NO_MEMORY, "%s", intra->output.path);
    AVSN_TRY(write_packet(intra, 0, intra->encoder->time_base, intra->pictures, 1));
    intra->pictures++;
    return AVSOUND_OK;
}

int64_t avsn_intra_pictures(const avsn_intra *intra)
{
    return intra->pictures;
}

/* ---- sound ---- */

static avsound_status flush_sound(avsn_intra *intra)
{
    const size_t bytes = (size_t)intra->sound_frames * (size_t)intra->options.channels * sizeof *intra->sound;
    if (!bytes)
        return AVSOUND_OK;
    const int error = av_new_packet(intra->packet, (int)bytes);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_NO_MEMORY, "%s", intra->output.path);
    memcpy(intra->packet->data, intra->sound, bytes);
    AVSN_TRY(write_packet(intra, intra->encoder ? 1 : 0, (AVRational){1, intra->options.sample_rate}, intra->samples - intra->sound_frames,
                          intra->sound_frames));
    intra->sound_frames = 0;
    return AVSOUND_OK;
}

static int16_t to_s16(float sample)
{
    const float scaled = rintf(sample * 32768);
    return (int16_t)(scaled > 32767 ? 32767 : scaled > -32768 ? scaled : -32768);
}

avsound_status avsn_intra_write_sound(avsn_intra *intra, const float *samples, int64_t frames)
{
    const int32_t channels = intra->options.channels;
    while (frames > 0) {
        const int64_t room = intra->packet_frames - intra->sound_frames, taken = AVSN_MIN(frames, room);
        int16_t *to = intra->sound + (ptrdiff_t)intra->sound_frames * channels;
        for (int64_t i = 0; i < taken * channels; i++)
            to[i] = to_s16(samples[i]);
        intra->sound_frames += (int32_t)taken;
        intra->samples += taken;
        samples += taken * channels;
        frames -= taken;
        if (intra->sound_frames == intra->packet_frames)
            AVSN_TRY(flush_sound(intra));
    }
    return AVSOUND_OK;
}

int64_t avsn_intra_samples(const avsn_intra *intra)
{
    return intra->samples;
}

/* ---- the end ---- */

avsound_status avsn_intra_finish(avsn_intra *intra)
{
    AVSN_TRY(flush_sound(intra));
    const int error = av_write_trailer(intra->format);
    if (error < 0 || intra->output.error)
        return fail_write(intra, error, "the container's index");
    avio_flush(intra->format->pb);
    if (intra->format->pb->error < 0)
        return fail_write(intra, intra->format->pb->error, "the last bytes");
    avsn_output_detach(intra->format);
    return avsn_output_commit(&intra->output);
}

void avsn_intra_free(avsn_intra *intra)
{
    if (!intra)
        return;
    avsound_context *context = intra->context;
    avcodec_free_context(&intra->encoder);
    av_packet_free(&intra->packet);
    av_packet_free(&intra->encoded);
    av_frame_free(&intra->picture);
    sws_freeContext(intra->sws);
    avsn_free(context, intra->padded.memory);
    avsn_free(context, intra->sound);
    avsn_output_detach(intra->format);
    avformat_free_context(intra->format);
    avsn_output_abandon(&intra->output);
    avsn_free(context, intra);
    avsound_context_free(context);
}
