#include "media/private.h"

#include <string.h>

#include <libavutil/avstring.h>

/* The only place where every decoder tells what it is going to allocate before it does. */
static int limited_get_buffer(AVCodecContext *decoder, AVFrame *frame, int flags)
{
    avsn_track *track = decoder->opaque;
    const avsn_limits *limits = avsn_context_limits(track->source->context);
    long long refused = 0;
    if (decoder->codec_type == AVMEDIA_TYPE_VIDEO && (int64_t)frame->width * frame->height > limits->max_pixels)
        refused = (long long)frame->width << 32 | frame->height;
    if (decoder->codec_type == AVMEDIA_TYPE_AUDIO && frame->ch_layout.nb_channels > limits->max_channels)
        refused = frame->ch_layout.nb_channels;
    if (!refused)
        return avcodec_default_get_buffer2(decoder, frame, flags);
    atomic_store(&track->refused, refused);
    return AVERROR(EINVAL);
}

static const char *kind(const avsn_track *track)
{
    return track->decoder->codec_type == AVMEDIA_TYPE_VIDEO ? "video" : "sound";
}

static avsound_status fail_limit(const avsn_track *track, long long refused)
{
    const avsn_limits *limits = avsn_context_limits(track->source->context);
    if (track->decoder->codec_type == AVMEDIA_TYPE_AUDIO)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %lld channels, the context allows %d", track->source->path, refused,
                  limits->max_channels);
    AVSN_FAIL(AVSOUND_E_LIMIT, "%s: frame of %lld x %lld pixels, the context allows %lld in all", track->source->path,
              refused >> 32, refused & 0xffffffff, (long long)limits->max_pixels);
}

static avsound_status check_limits(const avsn_track *track)
{
    const AVCodecParameters *par = track->stream->codecpar;
    const avsn_limits *limits = avsn_context_limits(track->source->context);
    const char *path = track->source->path;
    if ((int64_t)par->width * par->height > limits->max_pixels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: video of %d x %d pixels, the context allows %lld in all", path, par->width,
                  par->height, (long long)limits->max_pixels);
    if (par->ch_layout.nb_channels > limits->max_channels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %d channels, the context allows %d", path, par->ch_layout.nb_channels,
                  limits->max_channels);
    if (par->sample_rate > limits->max_sample_rate)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: sound at %d Hz, the context allows %d", path, par->sample_rate,
                  limits->max_sample_rate);
    return AVSOUND_OK;
}

static avsound_status open_decoder(avsn_track *track)
{
    const AVCodecParameters *par = track->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    if (!codec)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: this FFmpeg has no decoder for %s codec %s", track->source->path,
                  av_get_media_type_string(par->codec_type), avcodec_get_name(par->codec_id));
    AVCodecContext *decoder = track->decoder = avcodec_alloc_context3(codec);
    if (!decoder || avcodec_parameters_to_context(decoder, par) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", track->source->path);
    decoder->pkt_timebase = track->stream->time_base;
    decoder->thread_count = track->threads;
    decoder->opaque = track;
    if (codec->capabilities & AV_CODEC_CAP_DR1)
        decoder->get_buffer2 = limited_get_buffer;
    else
        decoder->max_pixels = avsn_context_limits(track->source->context)->max_pixels;
#if LIBAVCODEC_VERSION_MAJOR < 60
    /* Without it frame threads wait for each other at every buffer. */
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
        decoder->thread_safe_callbacks = 1;
    _Pragma("GCC diagnostic pop")
#endif
        const int error = avcodec_open2(decoder, codec, NULL);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: decoder %s", track->source->path, codec->name);
    return AVSOUND_OK;
}

static avsound_status start(avsn_track *track)
{
    AVFormatContext *format = track->demuxer.format;
    if (track->stream_index >= (int)format->nb_streams)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: stream %d has gone", track->source->path, track->stream_index);
    for (unsigned i = 0; i < format->nb_streams; i++)
        format->streams[i]->discard = (int)i == track->stream_index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    track->stream = format->streams[track->stream_index];
    track->draining = track->await_key = false;
    track->key_pts = AV_NOPTS_VALUE;
    track->skip_until = INT64_MIN;
    track->errors = track->intact = 0;
    AVSN_TRY(check_limits(track));
    return open_decoder(track);
}

avsound_status avsn_track_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t threads,
                               avsn_track *track)
{
    memset(track, 0, sizeof *track);
    track->source = source;
    track->demuxer = *demuxer;
    *demuxer = (avsn_demuxer){0};
    track->stream_index = stream_index;
    track->threads = threads;
    atomic_init(&track->refused, 0);
    track->packet = av_packet_alloc();
    if (!track->packet)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", source->path);
    return start(track);
}

void avsn_track_close(avsn_track *track)
{
    avcodec_free_context(&track->decoder);
    av_packet_free(&track->packet);
    avsn_demuxer_close(&track->demuxer);
}

/* One bad packet does not end a film: it is passed over, and only counts if nothing intact follows it. */
static void note_error(avsn_track *track, const char *what)
{
    if (track->errors++ == 0)
        avsn_log(track->source->context, AVSOUND_LOG_WARNING, "%s: %s: %s, going on", track->source->path, kind(track),
                 what);
    track->intact = 0;
}

/* A broadcast cut anywhere ends in the middle of a packet, and raw samples decode up to where they end: neither is damage. */
static bool is_cut(const avsn_track *track, const AVPacket *packet)
{
    return (packet->flags & AV_PKT_FLAG_CORRUPT) && !av_match_name("mpegts", track->demuxer.format->iformat->name) &&
           !av_get_exact_bits_per_sample(track->stream->codecpar->codec_id);
}

/* Is the file shorter than it or its own index says? Demuxers take the missing part for the end. */
static bool is_truncated(const avsn_track *track)
{
    const int count = avformat_index_get_entries_count(track->stream);
    const AVIndexEntry *last = count > 0 ? avformat_index_get_entry(track->stream, count - 1) : NULL;
    const avsn_source *source = track->source;
    return track->demuxer.view->past_end || source->told_size > source->size ||
           (last && last->pos > source->size - last->size);
}

static bool is_dropped(avsn_track *track, const AVPacket *packet)
{
    if (packet->stream_index != track->stream_index)
        return true;
    if (packet->pts != AV_NOPTS_VALUE && packet->pts + packet->duration < track->skip_until)
        return true;
    if (!track->await_key)
        return false;
    if (!(packet->flags & AV_PKT_FLAG_KEY))
        return true;
    track->await_key = false;
    track->key_pts = packet->pts;
    return false;
}

/* The next packet of the stream in track->packet; AVSOUND_E_END when there are no more. */
static avsound_status next_packet(avsn_track *track)
{
    for (;;) {
        const int error = av_read_frame(track->demuxer.format, track->packet);
        if (error < 0 && track->demuxer.view->failure[0])
            AVSN_FAIL(AVSOUND_E_IO, "%s", track->demuxer.view->failure);
        if (error == AVERROR(ENOMEM))
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate a packet", track->source->path);
        if (error == AVERROR(EAGAIN))
            continue;
        if (error < 0) {
            if (error != AVERROR_EOF || is_truncated(track))
                note_error(track, "the file ends early or is damaged");
            return AVSOUND_E_END;
        }
        if (!is_dropped(track, track->packet))
            break;
        av_packet_unref(track->packet);
    }
    const int64_t most = avsn_context_limits(track->source->context)->max_packet_bytes;
    if (track->packet->size > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: a packet of %d bytes, the context allows %lld", track->source->path,
                  track->packet->size, (long long)most);
    return AVSOUND_OK;
}

/* Hands the decoder a packet, or the news that there are no more. */
static avsound_status feed(avsn_track *track)
{
    const avsound_status status = next_packet(track);
    if (status && status != AVSOUND_E_END)
        return status;
    track->draining = status == AVSOUND_E_END;
    const bool cut = !track->draining && is_cut(track, track->packet);
    const int error = avcodec_send_packet(track->decoder, track->draining ? NULL : track->packet);
    av_packet_unref(track->packet);
    if (error == AVERROR(ENOMEM))
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate in decoding", track->source->path);
    if (track->draining)
        return AVSOUND_OK;
    if (error < 0 || cut)
        note_error(track, cut ? "a packet is cut short" : "a packet cannot be decoded");
    else
        track->intact++;
    return AVSOUND_OK;
}

static avsound_status fail_at_end(const avsn_track *track)
{
    if (track->errors > 0 && track->intact == 0)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is damaged, nothing more can be decoded (%lld packets failed)",
                  track->source->path, kind(track), (long long)track->errors);
    AVSN_FAIL(AVSOUND_E_END, "%s: no more %s", track->source->path, kind(track));
}

/* Stamps beyond 35 years are damage, and sums of them would overflow. */
static int64_t sane_pts(const avsn_track *track, int64_t pts)
{
    const int64_t us = pts == AV_NOPTS_VALUE ? 0 : av_rescale_q(pts, track->stream->time_base, AVSN_MICROSECONDS);
    return us > AVSN_LATEST_US || us < -AVSN_LATEST_US ? AV_NOPTS_VALUE : pts;
}

avsound_status avsn_track_next(avsn_track *track, AVFrame *frame)
{
    for (;;) {
        const int error = avcodec_receive_frame(track->decoder, frame);
        const long long refused = atomic_load(&track->refused);
        if (refused)
            return fail_limit(track, refused);
        if (error >= 0) {
            frame->pts = sane_pts(track, frame->pts);
            frame->best_effort_timestamp = sane_pts(track, frame->best_effort_timestamp);
            return AVSOUND_OK;
        }
        if (error == AVERROR_EOF)
            return fail_at_end(track);
        if (error == AVERROR(ENOMEM))
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate a frame", track->source->path);
        if (error != AVERROR(EAGAIN))
            note_error(track, "a packet cannot be decoded");
        if (error == AVERROR(EAGAIN) || !track->draining)
            AVSN_TRY(feed(track));
    }
}

avsound_status avsn_track_seek(avsn_track *track, int64_t pts)
{
    const int error = avformat_seek_file(track->demuxer.format, track->stream_index, INT64_MIN, pts, pts, 0);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_IO, "%s: seeking", track->source->path);
    avcodec_flush_buffers(track->decoder);
    track->draining = false;
    track->await_key = track->decoder->codec_type == AVMEDIA_TYPE_VIDEO;
    track->key_pts = AV_NOPTS_VALUE;
    track->skip_until = INT64_MIN;
    track->errors = track->intact = 0;
    return AVSOUND_OK;
}

bool avsn_track_failed(const avsn_track *track)
{
    return !track->demuxer.view || track->demuxer.view->failure[0];
}

avsound_status avsn_track_rewind(avsn_track *track)
{
    avcodec_free_context(&track->decoder);
    avsn_demuxer_close(&track->demuxer);
    AVSN_TRY(avsn_demuxer_open(track->source, NULL, &track->demuxer));
    const avsound_status status = start(track);
    if (status) { /* nothing that a later seek could take for a track that stands somewhere */
        avcodec_free_context(&track->decoder);
        avsn_demuxer_close(&track->demuxer);
    }
    return status;
}
