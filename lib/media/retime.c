/* A file copied packet by packet, its sound moved against everything else. Nothing is decoded, nothing is cut: a sound
 * that must come earlier than the file begins delays all the rest instead. */
#include "media/private.h"

#include <stdlib.h>
#include <string.h>

enum { PACKETS_A_REPORT = 256 };

typedef struct retimer {
    avsound_context *context;
    const avsound_retime_options *options;
    avsn_source source;
    avsn_demuxer demuxer;
    avsn_output output;
    AVFormatContext *format;
    AVPacket *packet;
    int *stream_map;              /* [streams of the source] index in the output, -1: left out */
    int64_t sound_us, other_us;   /* what is added to times */
} retimer;

/* ---- containers ---- */

typedef struct container {
    const char *ending, *name;
    bool edit_list;
} container;

static const container containers[] = {
    {".mp4", "mp4", true},       {".m4v", "mp4", true},    {".mov", "mov", true},
    {".mkv", "matroska", false}, {".webm", "webm", false},
};

static avsound_status choose_container(const char *path, const container **out)
{
    char ending[16];
    avsn_path_ending(path, ending, sizeof ending);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(containers); i++)
        if (!strcmp(containers[i].ending, ending)) {
            *out = &containers[i];
            return AVSOUND_OK;
        }
    AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: ending \"%s\", want .mp4, .m4v, .mov, .mkv or .webm", path, ending);
}

/* ---- what is added to times ---- */

static bool is_sound(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
}

static bool is_moving_picture(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
}

/* The first times of sound and of pictures, INT64_MAX where there is none; 0 where the container does not tell. */
static void find_starts(const AVFormatContext *format, int64_t *sound, int64_t *picture)
{
    *sound = *picture = INT64_MAX;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        int64_t *earliest = is_sound(stream) ? sound : is_moving_picture(stream) ? picture : NULL;
        if (!earliest)
            continue;
        const int64_t start = stream->start_time == AV_NOPTS_VALUE
                                  ? 0
                                  : av_rescale_q(stream->start_time, stream->time_base, AVSN_MICROSECONDS);
        *earliest = AVSN_MIN(*earliest, start);
    }
}

/* The file goes on beginning when it did, whichever of the two begins it now. */
static avsound_status decide_shifts(retimer *r)
{
    int64_t sound, picture;
    find_starts(r->demuxer.format, &sound, &picture);
    if (sound == INT64_MAX || picture == INT64_MAX)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has no %s: nothing to move the %s against", r->source.path,
                  sound == INT64_MAX ? "sound" : "video", sound == INT64_MAX ? "video" : "sound");
    const int64_t delay = r->options->audio_delay_us;
    r->other_us = AVSN_MIN(sound, picture) - AVSN_MIN(sound + delay, picture);
    r->sound_us = delay + r->other_us;
    return AVSOUND_OK;
}

/* ---- streams ---- */

static avsound_status copy_side_data(const AVStream *from, AVStream *to)
{
#if LIBAVCODEC_VERSION_MAJOR < 61
    for (int i = 0; i < from->nb_side_data; i++) {
        const AVPacketSideData *side = &from->side_data[i];
        uint8_t *copy = av_stream_new_side_data(to, side->type, side->size);
        if (!copy)
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
        memcpy(copy, side->data, side->size);
    }
#else
    (void)from, (void)to; /* the codec parameters have it */
#endif
    return AVSOUND_OK;
}

static avsound_status copy_stream(const AVStream *from, AVFormatContext *format)
{
    AVStream *to = avformat_new_stream(format, NULL);
    if (!to || avcodec_parameters_copy(to->codecpar, from->codecpar) < 0 ||
        av_dict_copy(&to->metadata, from->metadata, 0) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    /* A tag such as hvc1 says how the stream is packed: kept where the container knows it. */
    const unsigned tag = from->codecpar->codec_tag;
    if (!format->oformat->codec_tag || av_codec_get_id(format->oformat->codec_tag, tag) != from->codecpar->codec_id)
        to->codecpar->codec_tag = 0;
    to->time_base = from->time_base;
    to->avg_frame_rate = from->avg_frame_rate;
    to->r_frame_rate = from->r_frame_rate;
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    to->disposition = from->disposition;
    return copy_side_data(from, to);
}

/* What carries no picture or sound, such as another container's subtitles, may be left out, but not silently. */
static avsound_status add_stream(retimer *r, unsigned index)
{
    const AVStream *from = r->demuxer.format->streams[index];
    const AVCodecParameters *par = from->codecpar;
    const bool known = par->codec_id != AV_CODEC_ID_NONE &&
                       avformat_query_codec(r->format->oformat, par->codec_id, FF_COMPLIANCE_EXPERIMENTAL) != 0;
    r->stream_map[index] = -1;
    if (known) {
        r->stream_map[index] = (int)r->format->nb_streams;
        return copy_stream(from, r->format);
    }
    if (is_sound(from) || is_moving_picture(from))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: a %s file cannot hold %s as it is; .mkv can hold nearly everything",
                  r->output.path, r->format->oformat->name, avcodec_get_name(par->codec_id));
    avsn_log(r->context, AVSOUND_LOG_WARNING, "%s: stream %u (%s) is left out: a %s file cannot hold it",
             r->output.path, index, avcodec_get_name(par->codec_id), r->format->oformat->name);
    return AVSOUND_OK;
}

static avsound_status copy_chapters(retimer *r)
{
    const AVFormatContext *from = r->demuxer.format;
    if (!from->nb_chapters)
        return AVSOUND_OK;
    AVChapter **chapters = av_calloc(from->nb_chapters, sizeof *chapters);
    if (!chapters)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    r->format->chapters = chapters; /* freed with the format */
    for (unsigned i = 0; i < from->nb_chapters; i++) {
        const AVChapter *chapter = from->chapters[i];
        AVChapter *copy = av_mallocz(sizeof *copy);
        if (!copy)
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
        chapters[r->format->nb_chapters++] = copy;
        const int64_t shift = av_rescale_q(r->other_us, AVSN_MICROSECONDS, chapter->time_base);
        copy->id = chapter->id;
        copy->time_base = chapter->time_base;
        copy->start = chapter->start + shift;
        copy->end = chapter->end + shift;
        if (av_dict_copy(&copy->metadata, chapter->metadata, 0) < 0)
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    }
    return AVSOUND_OK;
}

static avsound_status add_streams(retimer *r)
{
    const AVFormatContext *from = r->demuxer.format;
    r->stream_map = avsn_alloc(r->context, from->nb_streams, sizeof *r->stream_map);
    if (!r->stream_map)
        return AVSOUND_E_NO_MEMORY;
    for (unsigned i = 0; i < from->nb_streams; i++)
        AVSN_TRY(add_stream(r, i));
    if (av_dict_copy(&r->format->metadata, from->metadata, 0) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate");
    return copy_chapters(r);
}

/* ---- packets ---- */

static avsound_status fail_write(const retimer *r, int error, const char *what)
{
    if (r->output.error)
        AVSN_FAIL(AVSOUND_E_IO, "%s: writing at byte %lld: %s", r->output.path, (long long)r->output.position,
                  strerror(r->output.error));
    return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "%s: %s", r->output.path, what);
}

static void move_packet(const retimer *r, const AVStream *from, const AVStream *to)
{
    const int64_t shift =
        av_rescale_q(is_sound(from) ? r->sound_us : r->other_us, AVSN_MICROSECONDS, from->time_base);
    AVPacket *packet = r->packet;
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += shift;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += shift;
    av_packet_rescale_ts(packet, from->time_base, to->time_base);
    packet->stream_index = to->index;
    packet->pos = -1;
}

static avsound_status write_packet(retimer *r)
{
    const AVStream *from = r->demuxer.format->streams[r->packet->stream_index];
    const int index = r->stream_map[r->packet->stream_index];
    if (index < 0) {
        av_packet_unref(r->packet);
        return AVSOUND_OK;
    }
    move_packet(r, from, r->format->streams[index]);
    const int error = av_interleaved_write_frame(r->format, r->packet);
    return error < 0 ? fail_write(r, error, "a packet") : AVSOUND_OK;
}

static avsound_status report(const retimer *r)
{
    if (!r->options->progress)
        return AVSOUND_OK;
    const double part = (double)avio_tell(r->demuxer.io) / (double)AVSN_MAX(r->source.size, (int64_t)1);
    if (r->options->progress(AVSN_MIN(part, 1), r->options->user_data))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "%s: stopped before it was complete", r->output.path);
    return AVSOUND_OK;
}

static avsound_status copy_packets(retimer *r)
{
    for (int64_t n = 0;; n++) {
        const int error = av_read_frame(r->demuxer.format, r->packet);
        if (error == AVERROR_EOF)
            return AVSOUND_OK;
        if (error < 0)
            return avsn_ffmpeg_fail(error, AVSOUND_E_FORMAT, "%s: packet %lld", r->source.path, (long long)n);
        AVSN_TRY(write_packet(r));
        if (n % PACKETS_A_REPORT == 0)
            AVSN_TRY(report(r));
    }
}

/* ---- the file ---- */

static avsound_status write_header(retimer *r, const container *kind)
{
    AVDictionary *options = NULL;
    if (kind->edit_list) {
        av_dict_set(&options, "movflags", "+faststart", 0);
        /* A late start is counted in it: FFmpeg's 1/1000 s would move the sound. */
        av_dict_set(&options, "movie_timescale", "1000000", 0);
    }
    const int error = avformat_write_header(r->format, &options);
    av_dict_free(&options);
    return error < 0 ? fail_write(r, error, "the container's header") : AVSOUND_OK;
}

static avsound_status complete(retimer *r)
{
    const int error = av_write_trailer(r->format);
    if (error < 0 || r->output.error)
        return fail_write(r, error, "the container's index");
    avio_flush(r->format->pb);
    if (r->format->pb->error < 0)
        return fail_write(r, r->format->pb->error, "the last bytes");
    return AVSOUND_OK;
}

static avsound_status open_output(retimer *r, const char *path, const container *kind)
{
    AVSN_TRY(avsn_output_create(r->context, path, &r->output));
    if (avformat_alloc_output_context2(&r->format, NULL, kind->name, NULL) < 0)
        return avsn_ffmpeg_fail(AVERROR_MUXER_NOT_FOUND, AVSOUND_E_UNSUPPORTED, "%s", path);
    r->packet = av_packet_alloc();
    if (!r->packet)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", path);
    /* Packets lie as far apart in the source as the sound moves; only then they come in order. */
    /* What is copied was accepted by whoever wrote it first, FLAC in MP4 for one. */
    r->format->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    r->format->max_interleave_delta = 10000000 + llabs(r->options->audio_delay_us);
    return avsn_output_attach(&r->output, r->format);
}

static avsound_status retime(retimer *r, const char *path, const char *out_path)
{
    const container *kind = NULL;
    AVSN_TRY(choose_container(out_path, &kind));
    AVSN_TRY(avsn_source_open(r->context, path, &r->source));
    AVSN_TRY(avsn_demuxer_open(&r->source, NULL, &r->demuxer));
    r->demuxer.format->flags |= AVFMT_FLAG_GENPTS; /* AVI tells decoding times only */
    AVSN_TRY(decide_shifts(r));
    AVSN_TRY(open_output(r, out_path, kind));
    AVSN_TRY(add_streams(r));
    AVSN_TRY(write_header(r, kind));
    AVSN_TRY(copy_packets(r));
    return complete(r);
}

avsound_status avsn_media_retime(avsound_context *context, const char *path, const char *out_path,
                                 const avsound_retime_options *options)
{
    avsn_ffmpeg_quiet();
    retimer r = {.context = context, .options = options, .source = {.context = context, .fd = -1},
                 .output = {.context = context, .fd = -1}};
    avsound_status status = retime(&r, path, out_path);
    avsn_output_detach(r.format);
    if (status)
        avsn_output_abandon(&r.output);
    else
        status = avsn_output_commit(&r.output);
    av_packet_free(&r.packet);
    avformat_free_context(r.format);
    avsn_free(context, r.stream_map);
    avsn_demuxer_close(&r.demuxer);
    avsn_source_close(&r.source);
    return status;
}
