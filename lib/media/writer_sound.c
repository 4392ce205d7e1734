#include "media/private.h"

#include <string.h>

#include <libavutil/opt.h>

enum { MOST_ENCODED_CHANNELS = 2, FREE_FRAME_SIZE = 1024, BITS_PER_CHANNEL = 96000 };

struct avsn_writer_sound {
    avsound_context *context;
    AVFormatContext *format; /* the writer's */
    AVStream *stream;
    avsound_media *media;
    const avsn_container *container;
    AVPacket *packet;
    int64_t start_us, end_us; /* in the source's own time, and after `start_us` is taken off */
    int64_t written_us; /* what has been written reaches so far */
    bool ended;

    /* Copying. */
    avsn_demuxer demuxer;
    int source_index;
    bool waiting; /* packet holds one that is not written yet */

    /* Encoding; NULL when copying. */
    AVCodecContext *encoder;
    AVFrame *frame;
    struct SwrContext *swr; /* interleaved floats to the encoder's format */
    float *pending;
    int32_t pending_frames, frame_size;
    int64_t next_pts;
    bool positioned;
};

/* ---- writing ---- */

static avsound_status put(avsn_writer_sound *sound, AVRational time_base)
{
    sound->packet->stream_index = sound->stream->index;
    av_packet_rescale_ts(sound->packet, time_base, sound->stream->time_base);
    const int error = av_interleaved_write_frame(sound->format, sound->packet);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "writing the sound");
    return AVSOUND_OK;
}

/* Damage in the middle of the sound ends it; what came before stands. */
static avsound_status end_of_source(avsn_writer_sound *sound, avsound_status status)
{
    sound->ended = true;
    if (status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
        return status;
    if (status == AVSOUND_E_FORMAT)
        avsn_log(sound->context, AVSOUND_LOG_WARNING, "%s", avsound_error_detail());
    return AVSOUND_OK;
}

/* ---- copying ---- */

static AVStream *source_stream(const avsn_writer_sound *sound)
{
    return sound->demuxer.format->streams[sound->source_index];
}

/* A decoder needs the packet before the first one it is to be heard from, or more; only an edit list can hide it. */
static int64_t earliest_us(const avsn_writer_sound *sound, const AVPacket *packet)
{
    const AVStream *stream = source_stream(sound);
    const AVCodecParameters *par = stream->codecpar;
    if (sound->container->edit_list) {
        const int64_t packet_us = av_rescale_q(packet->duration, stream->time_base, AVSN_MICROSECONDS);
        const int64_t rate = AVSN_MAX(par->sample_rate, 1);
        return -2 * packet_us - av_rescale(par->seek_preroll, 1000000, rate);
    }
    /* Matroska's codec delay does the same for what the encoder added in front. */
    if (par->codec_id == AV_CODEC_ID_OPUS)
        return -av_rescale(par->initial_padding, 1000000, 48000);
    return 0;
}

/* Reads up to a packet that belongs to the cut, and sets its stamps to count from there. */
static avsound_status read_packet(avsn_writer_sound *sound)
{
    AVPacket *packet = sound->packet;
    const AVRational tick = source_stream(sound)->time_base;
    const int64_t zero = av_rescale_q(sound->start_us, AVSN_MICROSECONDS, tick);
    for (;;) {
        const int error = av_read_frame(sound->demuxer.format, packet);
        if (error < 0)
            return end_of_source(sound, error == AVERROR_EOF
                                            ? AVSOUND_E_END
                                            : avsn_ffmpeg_fail(error, AVSOUND_E_FORMAT, "reading the sound"));
        const int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (packet->stream_index == sound->source_index && pts != AV_NOPTS_VALUE) {
            packet->pts = packet->dts = pts - zero;
            const int64_t us = av_rescale_q(packet->pts, tick, AVSN_MICROSECONDS);
            if (us >= sound->end_us) {
                av_packet_unref(packet);
                return end_of_source(sound, AVSOUND_E_END);
            }
            if (us >= earliest_us(sound, packet)) {
                sound->written_us = us;
                sound->waiting = true;
                return AVSOUND_OK;
            }
        }
        av_packet_unref(packet);
    }
}

static avsound_status copy_until(avsn_writer_sound *sound, int64_t time_us)
{
    while (!sound->ended) {
        if (!sound->waiting)
            AVSN_TRY(read_packet(sound));
        if (!sound->waiting || sound->written_us > time_us)
            return AVSOUND_OK;
        sound->waiting = false;
        AVSN_TRY(put(sound, source_stream(sound)->time_base));
    }
    return AVSOUND_OK;
}

/* A cut far into a long file should not read it all; where a seek can't be relied on, it must. */
static avsound_status open_for_copying(avsn_writer_sound *sound)
{
    const avsn_source *source = avsn_media_source(sound->media);
    AVSN_TRY(avsn_demuxer_open(source, NULL, &sound->demuxer));
    for (unsigned i = 0; i < sound->demuxer.format->nb_streams; i++)
        sound->demuxer.format->streams[i]->discard = (int)i == sound->source_index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    const int64_t early = sound->start_us - 1000000;
    if (early <= avsn_media_start(sound->media) || !avsn_demuxer_seeks_truly(&sound->demuxer))
        return AVSOUND_OK;
    const int64_t pts = av_rescale_q(early, AVSN_MICROSECONDS, source_stream(sound)->time_base);
    (void)avformat_seek_file(sound->demuxer.format, sound->source_index, INT64_MIN, pts, pts, 0);
    return AVSOUND_OK;
}

static bool can_copy(const avsn_container *container, enum AVCodecID codec)
{
    for (const enum AVCodecID *id = container->sound_copied; *id != AV_CODEC_ID_NONE; id++)
        if (*id == codec)
            return true;
    return false;
}

static avsound_status start_copying(avsn_writer_sound *sound)
{
    const AVCodecParameters *par = source_stream(sound)->codecpar;
    if (avcodec_parameters_copy(sound->stream->codecpar, par) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    sound->stream->codecpar->codec_tag = 0;
    sound->stream->time_base = source_stream(sound)->time_base;
    return AVSOUND_OK;
}

/* ---- encoding ---- */

/* Sends `frame`, or NULL at the end, and writes what the encoder has ready. */
static avsound_status encode(avsn_writer_sound *sound, const AVFrame *frame)
{
    int error = avcodec_send_frame(sound->encoder, frame);
    while (error >= 0) {
        error = avcodec_receive_packet(sound->encoder, sound->packet);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            return AVSOUND_OK;
        if (error < 0)
            break;
        const bool early =
            sound->packet->pts < 0 && !sound->container->edit_list && sound->encoder->codec_id != AV_CODEC_ID_OPUS;
        if (early)
            av_packet_unref(sound->packet);
        else
            AVSN_TRY(put(sound, sound->encoder->time_base));
    }
    return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "encoder %s", sound->encoder->codec->name);
}

static avsound_status encode_pending(avsn_writer_sound *sound)
{
    AVFrame *frame = sound->frame;
    if (sound->pending_frames == 0)
        return AVSOUND_OK;
    frame->nb_samples = sound->frame_size;
    int error = av_frame_make_writable(frame);
    frame->nb_samples = sound->pending_frames;
    const uint8_t *in = (const uint8_t *)sound->pending;
    if (error >= 0)
        error = swr_convert(sound->swr, frame->extended_data, sound->pending_frames, &in, sound->pending_frames);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "converting the sound");
    frame->pts = sound->next_pts;
    sound->next_pts += sound->pending_frames;
    sound->pending_frames = 0;
    return encode(sound, frame);
}

static avsound_status encode_samples(avsn_writer_sound *sound, const float *samples, int64_t frames)
{
    const int32_t channels = sound->encoder->ch_layout.nb_channels;
    while (frames > 0) {
        const int64_t n = AVSN_MIN(frames, (int64_t)(sound->frame_size - sound->pending_frames));
        memcpy(sound->pending + (ptrdiff_t)sound->pending_frames * channels, samples,
               (size_t)n * (size_t)channels * sizeof(float));
        sound->pending_frames += (int32_t)n;
        samples += n * channels;
        frames -= n;
        if (sound->pending_frames == sound->frame_size)
            AVSN_TRY(encode_pending(sound));
    }
    return AVSOUND_OK;
}

static avsound_status encode_until(avsn_writer_sound *sound, int64_t time_us)
{
    const int32_t rate = sound->encoder->sample_rate;
    while (!sound->ended && sound->written_us <= time_us) {
        avsound_audio audio;
        const avsound_status status = avsn_media_read_audio(sound->media, &audio);
        if (status) {
            AVSN_TRY(end_of_source(sound, status));
        } else {
            const int64_t begin = audio.time_us + avsn_media_start(sound->media) - sound->start_us;
            if (!sound->positioned)
                sound->next_pts = av_rescale(begin, rate, 1000000);
            sound->positioned = true;
            const int64_t room = av_rescale(sound->end_us - begin, rate, 1000000);
            AVSN_TRY(encode_samples(sound, audio.data, AVSN_MIN(audio.frames, AVSN_MAX(room, (int64_t)0))));
            sound->written_us = begin + av_rescale(audio.frames, 1000000, rate);
            sound->ended = room <= audio.frames;
        }
        if (sound->ended) {
            AVSN_TRY(encode_pending(sound));
            AVSN_TRY(encode(sound, NULL));
        }
    }
    return AVSOUND_OK;
}

static int32_t nearest_rate(const AVCodec *codec, int32_t rate)
{
    int32_t best = codec->supported_samplerates ? 0 : rate;
    for (const int *r = codec->supported_samplerates; r && *r; r++)
        if (!best || abs(*r - rate) < abs(best - rate))
            best = *r;
    return best;
}

static avsound_status new_encoder(avsn_writer_sound *sound, const AVCodec *codec, int32_t rate, int32_t channels)
{
    AVCodecContext *encoder = sound->encoder = avcodec_alloc_context3(codec);
    if (!encoder)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    av_channel_layout_default(&encoder->ch_layout, channels);
    encoder->sample_rate = rate;
    encoder->sample_fmt = codec->sample_fmts ? codec->sample_fmts[0] : AV_SAMPLE_FMT_FLT;
    encoder->time_base = (AVRational){1, rate};
    encoder->bit_rate = (int64_t)BITS_PER_CHANNEL * channels;
    if (sound->format->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    const int error = avcodec_open2(encoder, codec, NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_UNSUPPORTED, "encoder %s at %d Hz with %d channels", codec->name, rate,
                                channels);
    return AVSOUND_OK;
}

static avsound_status new_buffers(avsn_writer_sound *sound)
{
    AVCodecContext *encoder = sound->encoder;
    const int32_t channels = encoder->ch_layout.nb_channels;
    sound->frame_size = encoder->frame_size > 0 ? encoder->frame_size : FREE_FRAME_SIZE;
    sound->pending = avsn_alloc(sound->context, (size_t)sound->frame_size * (size_t)channels, sizeof(float));
    if (!sound->pending)
        return AVSOUND_E_NO_MEMORY;
    sound->frame = av_frame_alloc();
    if (!sound->frame)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    sound->frame->format = encoder->sample_fmt;
    sound->frame->sample_rate = encoder->sample_rate;
    sound->frame->nb_samples = sound->frame_size;
    int error = av_channel_layout_copy(&sound->frame->ch_layout, &encoder->ch_layout);
    if (error >= 0)
        error = av_frame_get_buffer(sound->frame, 0);
    if (error >= 0)
        error = swr_alloc_set_opts2(&sound->swr, &encoder->ch_layout, encoder->sample_fmt, encoder->sample_rate,
                                    &encoder->ch_layout, AV_SAMPLE_FMT_FLT, encoder->sample_rate, 0, NULL);
    if (error >= 0)
        error = swr_init(sound->swr);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "preparing the sound's encoder");
    return AVSOUND_OK;
}

/* The source is opened once more, to deliver what the encoder takes. */
static avsound_status reopen_media(avsn_writer_sound *sound, const char *path, int32_t rate, int32_t channels)
{
    const avsound_media_options options = {
        .struct_size = sizeof options, .audio_rate = rate, .audio_channels = channels, .ignore_video = 1};
    avsn_media_free(sound->media);
    AVSN_TRY(avsn_media_open(sound->context, path, &options, &sound->media));
    return avsn_media_seek(sound->media, sound->start_us - avsn_media_start(sound->media));
}

static avsound_status start_encoding(avsn_writer_sound *sound, const char *path)
{
    avsound_media_info info;
    avsn_media_info(sound->media, &info);
    const int32_t channels = AVSN_MIN(info.channels, (int32_t)MOST_ENCODED_CHANNELS);
    avsound_status status =
        avsn_fail(AVSOUND_E_UNSUPPORTED, "this FFmpeg has no sound encoder for %s", sound->container->ending);
    for (int i = 0; status && i < 4 && sound->container->sound_encoders[i]; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(sound->container->sound_encoders[i]);
        if (!codec)
            continue;
        status = new_encoder(sound, codec, nearest_rate(codec, info.sample_rate), channels);
        if (status)
            avcodec_free_context(&sound->encoder);
    }
    if (status)
        return status;
    AVSN_TRY(reopen_media(sound, path, sound->encoder->sample_rate, channels));
    AVSN_TRY(new_buffers(sound));
    if (avcodec_parameters_from_context(sound->stream->codecpar, sound->encoder) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    sound->stream->time_base = sound->encoder->time_base;
    return AVSOUND_OK;
}

/* ---- */

static avsound_status open_source(avsn_writer_sound *sound, const avsound_writer_options *options)
{
    const avsound_media_options media_options = {.struct_size = sizeof media_options, .ignore_video = 1};
    const avsound_status status = avsn_media_open(sound->context, options->audio_path, &media_options, &sound->media);
    if (status)
        return status;
    sound->source_index = avsn_media_sound_index(sound->media);
    if (sound->source_index < 0)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has no sound to go along", options->audio_path);
    sound->start_us = avsn_media_start(sound->media) + options->audio_start_us;
    sound->end_us = options->audio_duration_us ? options->audio_duration_us : INT64_MAX;
    return open_for_copying(sound);
}

static avsound_status start(avsn_writer_sound *sound, const avsound_writer_options *options)
{
    sound->packet = av_packet_alloc();
    sound->stream = avformat_new_stream(sound->format, NULL);
    if (!sound->packet || !sound->stream)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    AVSN_TRY(open_source(sound, options));
    if (can_copy(sound->container, source_stream(sound)->codecpar->codec_id))
        return start_copying(sound);
    avsn_demuxer_close(&sound->demuxer);
    return start_encoding(sound, options->audio_path);
}

avsound_status avsn_writer_sound_create(avsound_context *context, const avsound_writer_options *options,
                                        const avsn_container *container, AVFormatContext *format,
                                        avsn_writer_sound **out)
{
    avsn_writer_sound *sound = avsn_alloc_zeroed(context, 1, sizeof *sound);
    *out = NULL;
    if (!sound)
        return AVSOUND_E_NO_MEMORY;
    sound->context = context;
    sound->container = container;
    sound->format = format;
    const avsound_status status = start(sound, options);
    if (status)
        avsn_writer_sound_free(sound);
    else
        *out = sound;
    return status;
}

avsound_status avsn_writer_sound_until(avsn_writer_sound *sound, int64_t time_us)
{
    return sound->encoder ? encode_until(sound, time_us) : copy_until(sound, time_us);
}

void avsn_writer_sound_free(avsn_writer_sound *sound)
{
    if (!sound)
        return;
    avsn_demuxer_close(&sound->demuxer);
    avsn_media_free(sound->media);
    avcodec_free_context(&sound->encoder);
    av_packet_free(&sound->packet);
    av_frame_free(&sound->frame);
    swr_free(&sound->swr);
    avsn_free(sound->context, sound->pending);
    avsn_free(sound->context, sound);
}
