#include "media/feed.h"
#include "media/private.h"

#include <stdio.h>
#include <string.h>

struct avsound_media {
    avsound_context *context;
    avsn_feed_reader *fed; /* what is read instead of a file; NULL: the file */
    avsn_source source;
    avsn_video *video; /* NULL: none, or ignored */
    avsn_sound *sound;
    int64_t start_us; /* the earliest frame's or sample's time in the file */
    bool lost; /* a seek failed: where the streams stand is not known */
    avsound_media_info info;
};

typedef struct tracks {
    avsn_demuxer demuxer; /* of the first to be opened, which takes it over */
    int video_index, sound_index;
} tracks;

/* A stream without a single frame is no stream. A stream that the caller ignores only tells its start, so that times do not
 * depend on what is ignored, and may be as broken as it likes. */
static avsound_status settle(avsound_status status, bool ignored)
{
    return status == AVSOUND_E_END || (ignored && status != AVSOUND_E_NO_MEMORY) ? AVSOUND_OK : status;
}

static avsound_status open_video(avsound_media *media, tracks *found, const avsound_media_options *options)
{
    if (found->video_index < 0)
        return AVSOUND_OK;
    return settle(avsn_video_open(&media->source, &found->demuxer, found->video_index,
                                  options->decode_threads ? options->decode_threads : 1, &media->video),
                  options->ignore_video);
}

static avsound_status open_sound(avsound_media *media, tracks *found, const avsound_media_options *options)
{
    if (found->sound_index < 0)
        return AVSOUND_OK;
    if (!found->demuxer.format)
        AVSN_TRY(
            avsn_demuxer_open(&media->source, media->video ? avsn_video_demuxer(media->video) : NULL, &found->demuxer));
    return settle(avsn_sound_open(&media->source, &found->demuxer, found->sound_index, options->audio_rate,
                                  options->audio_channels, &media->sound),
                  options->ignore_audio);
}

static void fill_info(avsound_media *media, int64_t container_duration, int64_t bit_rate)
{
    avsound_media_info *info = &media->info;
    if (media->video) {
        avsn_video_info(media->video, info);
        info->video_start_us = avsn_video_start(media->video) - media->start_us;
    }
    if (media->sound) {
        avsn_sound_info(media->sound, info);
        info->audio_start_us = avsn_sound_start(media->sound) - media->start_us;
    }
    const int64_t video_end = info->video_duration_us < 0 ? -1 : info->video_start_us + info->video_duration_us;
    const int64_t sound_end = info->audio_duration_us < 0 ? -1 : info->audio_start_us + info->audio_duration_us;
    info->duration_us = AVSN_MAX(video_end, sound_end);
    if (info->duration_us < 0 && !info->still)
        info->duration_us = container_duration;
    info->bit_rate = bit_rate > 0 ? bit_rate : -1;
}

static void decide_start(avsound_media *media)
{
    media->start_us = INT64_MAX;
    if (media->video)
        media->start_us = avsn_video_start(media->video);
    if (media->sound)
        media->start_us = AVSN_MIN(media->start_us, avsn_sound_start(media->sound));
}

static void drop_ignored(avsound_media *media, const avsound_media_options *options)
{
    if (options->ignore_video) {
        avsn_video_free(media->video);
        media->video = NULL;
    }
    if (options->ignore_audio) {
        avsn_sound_free(media->sound);
        media->sound = NULL;
    }
}

static avsound_status choose_sound(const avsound_media *media, tracks *found, int32_t track)
{
    int32_t count;
    found->sound_index = track ? avsn_demuxer_audio_track(&found->demuxer, track, &count)
                               : avsn_demuxer_choose(&found->demuxer, AVMEDIA_TYPE_AUDIO);
    if (track && found->sound_index < 0)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has %d audio tracks, number %d is wanted", media->source.path, count, track);
    return AVSOUND_OK;
}

static avsound_status open_tracks(avsound_media *media, tracks *found, const avsound_media_options *options)
{
    AVSN_TRY(avsn_demuxer_open(&media->source, NULL, &found->demuxer));
    const AVFormatContext *format = found->demuxer.format;
    found->video_index = avsn_demuxer_choose(&found->demuxer, AVMEDIA_TYPE_VIDEO);
    AVSN_TRY(choose_sound(media, found, options->audio_track));
    if (found->video_index < 0 && found->sound_index < 0)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: neither video nor sound in this %s file", media->source.path,
                  format->iformat->name);
    /* A duration worked out from size and bit rate can be far off. */
    const bool told = format->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE && format->duration > 0;
    const int64_t duration = told ? format->duration : -1, bit_rate = format->bit_rate;
    media->info = (avsound_media_info){
        .struct_size = sizeof media->info,
        .sar_num = 1,
        .sar_den = 1,
        .rate_den = 1,
        .video_start_us = -1,
        .audio_start_us = -1,
        .video_duration_us = -1,
        .audio_duration_us = -1,
    };
    snprintf(media->info.container, sizeof media->info.container, "%s", format->iformat->name);
    AVSN_TRY(open_video(media, found, options));
    AVSN_TRY(open_sound(media, found, options));
    if (!media->video && !media->sound)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: not one frame or sample in this %s file", media->source.path,
                  media->info.container);
    decide_start(media);
    drop_ignored(media, options);
    fill_info(media, duration, bit_rate);
    return AVSOUND_OK;
}

/* Takes the source over, whatever happens. */
static avsound_status open_source(avsn_source *source, const avsound_media_options *options, avsound_media **out)
{
    avsound_context *context = source->context;
    avsound_media *media = avsn_alloc_zeroed(context, 1, sizeof *media);
    if (!media) {
        avsn_source_close(source);
        return AVSOUND_E_NO_MEMORY;
    }
    tracks found = {0};
    media->context = avsn_context_ref(context);
    media->source = *source;
    const avsound_status status = open_tracks(media, &found, options);
    avsn_demuxer_close(&found.demuxer);
    if (status)
        avsn_media_free(media);
    else
        *out = media;
    return status;
}

avsound_status avsn_media_open_feed(avsound_context *context, avsn_feed *feed, bool frames, bool sound, avsound_media **out)
{
    *out = NULL;
    avsound_media *media = avsn_alloc_zeroed(context, 1, sizeof *media);
    if (!media)
        return AVSOUND_E_NO_MEMORY;
    media->context = avsn_context_ref(context);
    media->source = (avsn_source){.context = context, .fd = -1};
    const avsound_status status = avsn_feed_reader_create(feed, frames, sound, &media->fed);
    if (status) {
        avsn_media_free(media);
        return status;
    }
    avsn_feed_reader_info(media->fed, &media->info);
    *out = media;
    return AVSOUND_OK;
}

avsound_status avsn_media_open(avsound_context *context, const char *path, const avsound_media_options *options,
                               avsound_media **out)
{
    avsn_source source;
    avsn_ffmpeg_quiet();
    *out = NULL;
    AVSN_TRY(avsn_source_open(context, path, &source));
    return open_source(&source, options, out);
}

avsound_status avsn_media_open_fd(avsound_context *context, int fd, const char *name,
                                  const avsound_media_options *options, avsound_media **out)
{
    avsn_source source;
    avsn_ffmpeg_quiet();
    *out = NULL;
    AVSN_TRY(avsn_source_open_fd(context, fd, name, &source));
    return open_source(&source, options, out);
}

avsound_status avsn_media_open_memory(avsound_context *context, const void *data, size_t size, const char *name,
                                      const avsound_media_options *options, avsound_media **out)
{
    avsn_source source;
    avsn_ffmpeg_quiet();
    *out = NULL;
    AVSN_TRY(avsn_source_open_memory(context, data, size, name, &source));
    return open_source(&source, options, out);
}

avsound_status avsn_media_open_io(avsound_context *context, const avsound_io *io, bool shared, const avsound_media_options *options,
                                  avsound_media **out)
{
    avsn_source source;
    avsn_ffmpeg_quiet();
    *out = NULL;
    AVSN_TRY(avsn_source_open_io(context, io, shared, &source));
    return open_source(&source, options, out);
}

avsound_source avsn_path_source(const char *path)
{
    return (avsound_source){.struct_size = sizeof(avsound_source), .kind = AVSOUND_SOURCE_PATH, .name = path};
}

avsound_status avsn_media_open_source(avsound_context *context, const avsound_source *source, const avsound_media_options *options,
                                      avsound_media **out)
{
    avsound_source s;
    *out = NULL;
    AVSN_TRY(avsn_options_read(&s, sizeof s, source, sizeof s, "source"));
    switch (s.kind) {
    case AVSOUND_SOURCE_PATH:
        if (!s.name)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "source: name is NULL, want a path");
        return avsn_media_open(context, s.name, options, out);
    case AVSOUND_SOURCE_FD:
        return avsn_media_open_fd(context, s.fd, s.name, options, out);
    case AVSOUND_SOURCE_MEMORY:
        if (!s.data || s.size < 1)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "source: data is %s and size %lld, want at least a byte", s.data ? "given" : "NULL",
                      (long long)s.size);
        return avsn_media_open_memory(context, s.data, (size_t)s.size, s.name, options, out);
    case AVSOUND_SOURCE_IO:
        return avsn_media_open_io(context, s.io, true, options, out);
    default:
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "source: kind is %d, want an AVSOUND_SOURCE_ constant", s.kind);
    }
}

const char *avsn_media_name(const avsound_media *media)
{
    return media->source.path ? media->source.path : "the recording";
}

/* Frames and samples at times that are not theirs would be worse than none. */
static avsound_status check_place(const avsound_media *media)
{
    if (media->lost)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: the last seek failed, want another before reading on", media->source.path);
    return AVSOUND_OK;
}

void avsn_media_info(const avsound_media *media, avsound_media_info *info)
{
    *info = media->info;
}

avsound_status avsn_media_read_frame(avsound_media *media, avsound_frame *frame)
{
    if (media->fed)
        return avsn_feed_reader_frame(media->fed, frame);
    if (!media->video)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has no video, or it was ignored", media->source.path);
    AVSN_TRY(check_place(media));
    AVSN_TRY(avsn_video_read(media->video, frame));
    frame->time_us -= media->start_us;
    return AVSOUND_OK;
}

avsound_status avsn_media_read_audio(avsound_media *media, avsound_audio *audio)
{
    if (media->fed)
        return avsn_feed_reader_sound(media->fed, audio);
    if (!media->sound)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has no sound, or it was ignored", media->source.path);
    AVSN_TRY(check_place(media));
    AVSN_TRY(avsn_sound_read(media->sound, audio));
    audio->time_us -= media->start_us;
    return AVSOUND_OK;
}

avsound_status avsn_media_seek(avsound_media *media, int64_t time_us)
{
    if (time_us < 0 || time_us > AVSN_LATEST_US)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: seeking to %lld us, want 0...%lld", media->source.path,
                  (long long)time_us, (long long)AVSN_LATEST_US);
    media->lost = true;
    if (media->video)
        AVSN_TRY(avsn_video_seek(media->video, time_us + media->start_us));
    if (media->sound)
        AVSN_TRY(avsn_sound_seek(media->sound, time_us + media->start_us));
    media->lost = false;
    return AVSOUND_OK;
}

int64_t avsn_media_start(const avsound_media *media)
{
    return media->start_us;
}

const avsn_source *avsn_media_source(const avsound_media *media)
{
    return &media->source;
}

int avsn_media_sound_index(const avsound_media *media)
{
    return media->sound ? avsn_sound_index(media->sound) : -1;
}

void avsn_media_free(avsound_media *media)
{
    if (!media)
        return;
    avsound_context *context = media->context;
    avsn_feed_reader_free(media->fed);
    avsn_video_free(media->video);
    avsn_sound_free(media->sound);
    avsn_source_close(&media->source);
    avsn_free(context, media);
    avsound_context_free(context);
}
