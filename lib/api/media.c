#include "media/media.h"

enum { MOST_THREADS = 256 };

#define MEDIA_OPTIONS_LEAST ((uint32_t)offsetof(avsound_media_options, audio_track))
#define HOUR_US ((int64_t)3600 * 1000000)

static avsound_status check_path(const avsound_context *context, const char *path)
{
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    if (!path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    if (!path[0])
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "path is empty");
    return AVSOUND_OK;
}

static avsound_status check_range(const char *name, int64_t value, int64_t most)
{
    if (value < 0 || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %lld, want 0...%lld", name, (long long)value, (long long)most);
    return AVSOUND_OK;
}

/* ---- reading ---- */

void avsound_media_options_init(avsound_media_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_media_options(const avsound_context *context, const avsound_media_options *options)
{
    const avsn_limits *limits = avsn_context_limits(context);
    AVSN_TRY(check_range("media options: decode_threads", options->decode_threads, MOST_THREADS));
    AVSN_TRY(check_range("media options: audio_rate", options->audio_rate, limits->max_sample_rate));
    AVSN_TRY(check_range("media options: audio_channels", options->audio_channels, limits->max_channels));
    AVSN_TRY(check_range("media options: ignore_video", options->ignore_video, 1));
    AVSN_TRY(check_range("media options: ignore_audio", options->ignore_audio, 1));
    AVSN_TRY(check_range("media options: audio_track", options->audio_track, INT32_MAX));
    if (options->ignore_video && options->ignore_audio)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT,
                  "media options: ignore_video and ignore_audio are both 1, want one of them");
    return AVSOUND_OK;
}

static avsound_status read_media_options(const avsound_context *context, const avsound_media_options *options,
                                         avsound_media_options *ours)
{
    AVSN_TRY(avsn_options_read(ours, sizeof *ours, options, MEDIA_OPTIONS_LEAST, "media options"));
    return check_media_options(context, ours);
}

/* What every way to open a media begins with. */
static avsound_status begin_opening(avsound_context *context, const avsound_media_options *options, avsound_media_options *read,
                                    avsound_media **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    return read_media_options(context, options, read);
}

avsound_status avsound_media_open(avsound_context *context, const char *path, const avsound_media_options *options,
                                  avsound_media **out)
{
    avsound_media_options o;
    AVSN_TRY(begin_opening(context, options, &o, out));
    AVSN_TRY(check_path(context, path));
    return avsn_media_open(context, path, &o, out);
}

avsound_status avsound_media_open_fd(avsound_context *context, int32_t fd, const char *name,
                                     const avsound_media_options *options, avsound_media **out)
{
    avsound_media_options o;
    AVSN_TRY(begin_opening(context, options, &o, out));
    return avsn_media_open_fd(context, fd, name, &o, out);
}

avsound_status avsound_media_open_memory(avsound_context *context, const void *data, size_t size, const char *name,
                                         const avsound_media_options *options, avsound_media **out)
{
    avsound_media_options o;
    AVSN_TRY(begin_opening(context, options, &o, out));
    if (!data)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "data is NULL");
    return avsn_media_open_memory(context, data, size, name, &o, out);
}

avsound_status avsound_media_open_io(avsound_context *context, const avsound_io *io,
                                     const avsound_media_options *options, avsound_media **out)
{
    avsound_media_options o;
    AVSN_TRY(begin_opening(context, options, &o, out));
    return avsn_media_open_io(context, io, false, &o, out);
}

avsound_status avsound_media_get_info(const avsound_media *media, avsound_media_info *info)
{
    if (!media)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    avsound_media_info ours;
    avsn_media_info(media, &ours);
    return avsn_struct_write(info, &ours, sizeof ours, "media info");
}

/* Before anything is decoded: a frame read into a struct that cannot take it would be lost. */
static avsound_status check_view(const void *media, const void *view, uint32_t struct_size, uint32_t wanted,
                                 const char *name)
{
    if (!media)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    if (!view)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", name);
    if (struct_size < wanted)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: struct_size is %u, want %u", name, struct_size, wanted);
    return AVSOUND_OK;
}

avsound_status avsound_media_read_frame(avsound_media *media, avsound_frame *frame)
{
    avsound_frame ours;
    AVSN_TRY(check_view(media, frame, frame ? frame->struct_size : 0, sizeof ours, "frame"));
    AVSN_TRY(avsn_media_read_frame(media, &ours));
    return avsn_struct_write(frame, &ours, sizeof ours, "frame");
}

avsound_status avsound_media_read_audio(avsound_media *media, avsound_audio *audio)
{
    avsound_audio ours;
    AVSN_TRY(check_view(media, audio, audio ? audio->struct_size : 0, sizeof ours, "audio"));
    AVSN_TRY(avsn_media_read_audio(media, &ours));
    return avsn_struct_write(audio, &ours, sizeof ours, "audio");
}

avsound_status avsound_media_seek(avsound_media *media, int64_t time_us)
{
    if (!media)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    return avsn_media_seek(media, time_us);
}

void avsound_media_free(avsound_media *media)
{
    avsn_media_free(media);
}

/* ---- moving the sound ---- */

void avsound_retime_options_init(avsound_retime_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_media_retime(avsound_context *context, const char *path, const char *out_path,
                                    const avsound_retime_options *options)
{
    AVSN_TRY(check_path(context, path));
    if (!out_path || !out_path[0] || !options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s", !options ? "retime options are NULL" : "out_path is NULL or empty");
    avsound_retime_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, sizeof o, "retime options"));
    if (o.audio_delay_us < -HOUR_US || o.audio_delay_us > HOUR_US)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "retime options: audio_delay_us is %lld, want an hour at most",
                  (long long)o.audio_delay_us);
    return avsn_media_retime(context, path, out_path, &o);
}

/* ---- writing ---- */

void avsound_writer_options_init(avsound_writer_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_writer_options(const avsound_context *context, const avsound_writer_options *options)
{
    const int64_t most_pixels = avsn_context_limits(context)->max_pixels;
    if (options->width < 1 || options->height < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "writer options: size is %d x %d, want at least 1 x 1", options->width,
                  options->height);
    if ((int64_t)options->width * options->height > most_pixels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "writer options: size is %d x %d, the context allows %lld pixels", options->width,
                  options->height, (long long)most_pixels);
    if (options->rate_num < 0 || options->rate_den < 0 || (options->rate_num > 0 && options->rate_den == 0))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "writer options: rate is %d/%d, want a positive ratio or 0",
                  options->rate_num, options->rate_den);
    AVSN_TRY(check_range("writer options: quality", options->quality, 100));
    AVSN_TRY(check_range("writer options: threads", options->threads, MOST_THREADS));
    AVSN_TRY(check_range("writer options: audio_start_us", options->audio_start_us, (int64_t)1 << 50));
    AVSN_TRY(check_range("writer options: audio_duration_us", options->audio_duration_us, (int64_t)1 << 50));
    return AVSOUND_OK;
}

avsound_status avsound_writer_create(avsound_context *context, const char *path, const avsound_writer_options *options,
                                     avsound_writer **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    AVSN_TRY(check_path(context, path));
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "writer options are NULL, want at least width and height");
    avsound_writer_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, sizeof o, "writer options"));
    AVSN_TRY(check_writer_options(context, &o));
    return avsn_writer_create(context, path, &o, out);
}

avsound_status avsound_writer_write_frame(avsound_writer *writer, const avsound_frame *frame)
{
    if (!writer)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "writer is NULL");
    return avsn_writer_write_frame(writer, frame);
}

avsound_status avsound_writer_finish(avsound_writer *writer)
{
    if (!writer)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "writer is NULL");
    return avsn_writer_finish(writer);
}

void avsound_writer_free(avsound_writer *writer)
{
    avsn_writer_free(writer);
}

avsound_status avsound_picture_write(avsound_context *context, const char *path, const avsound_frame *frame)
{
    AVSN_TRY(check_path(context, path));
    return avsn_picture_write(context, path, frame);
}
