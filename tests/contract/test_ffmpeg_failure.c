/* FFmpeg refused memory: av_max_alloc() makes it fail wherever it asks for a block above a size, and the size rises until it fails
 * no more. Whatever FFmpeg makes of that, a call ends in a status, nothing leaks (a sanitizer sees to that), and nothing
 * half-written stands under its name. */
#include "contract/place.h"

#include <libavutil/mem.h>
#include <limits.h>

enum { LEAST = 64, MOST = 32 << 20 };

typedef avsound_status (*attempt_fn)(const place *p);

static void check(const char *what, avsound_status status)
{
    ck_assert_msg(status == AVSOUND_OK || status == AVSOUND_E_NO_MEMORY || status == AVSOUND_E_BACKEND ||
                      status == AVSOUND_E_FORMAT || status == AVSOUND_E_UNSUPPORTED,
                  "%s: %s (%s)", what, avsound_status_name(status), avsound_error_detail());
}

static void starve(const char *name, const place *p, attempt_fn attempt)
{
    int failures = 0, said = 0;
    avsound_status status = AVSOUND_E_NO_MEMORY;
    for (size_t most = LEAST; most <= MOST; most += most / 8) {
        av_max_alloc(most);
        status = attempt(p);
        av_max_alloc(INT_MAX);
        check(name, status);
        failures += status != AVSOUND_OK;
        said += status == AVSOUND_E_NO_MEMORY;
    }
    ck_avsound(status);
    ck_assert_int_gt(failures, 0);
    printf("%s: FFmpeg failed %d times, %d of them AVSOUND_E_NO_MEMORY\n", name, failures, said);
}

static avsound_status read_to_end(avsound_media *media)
{
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    avsound_status status, other;
    while (!(status = avsound_media_read_frame(media, &frame)))
        ;
    while (!(other = avsound_media_read_audio(media, &audio)))
        ;
    status = status == AVSOUND_E_END ? other : status;
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

static avsound_status read_media(const place *p)
{
    avsound_media *media = NULL;
    avsound_status status = avsound_media_open(p->context, p->clip, NULL, &media);
    ck_assert((status == AVSOUND_OK) == (media != NULL));
    if (!status)
        status = read_to_end(media);
    if (media && !avsound_media_seek(media, 100000) && !status)
        status = read_to_end(media);
    avsound_media_free(media);
    return status;
}

/* Opened in plenty, read in want: and in plenty again, all of it. */
static avsound_status read_opened(const place *p)
{
    static size_t most = LEAST;
    avsound_media *media = NULL;
    av_max_alloc(INT_MAX);
    ck_avsound(avsound_media_open(p->context, p->clip, NULL, &media));
    av_max_alloc(most);
    avsound_status status = read_to_end(media);
    const avsound_status sought = avsound_media_seek(media, 100000);
    check("seeking", sought);
    if (!status && !sought)
        status = read_to_end(media);
    av_max_alloc(INT_MAX);
    most += most / 8;
    ck_avsound(avsound_media_seek(media, 0));
    ck_avsound(read_to_end(media));
    avsound_media_free(media);
    return status ? status : sought;
}

static void out_path(const place *p, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", p->folder, name);
}

static avsound_status settled(avsound_status status, const char *path)
{
    ck_assert((status == AVSOUND_OK) == (access(path, F_OK) == 0));
    unlink(path);
    return status;
}

static avsound_status write_film(const place *p)
{
    char path[128];
    out_path(p, "film.mp4", path);
    avsound_writer *writer = NULL;
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = 64;
    options.height = 48;
    options.audio_path = p->sound;
    avsound_status status = avsound_writer_create(p->context, path, &options, &writer);
    for (int i = 0; !status && i < 5; i++) {
        avsound_frame frame = make_frame(64, 48, (uint32_t)i);
        frame.time_us = i * 40000;
        status = avsound_writer_write_frame(writer, &frame);
        drop_frame(&frame);
    }
    if (!status)
        status = avsound_writer_finish(writer);
    avsound_writer_free(writer);
    return settled(status, path);
}

static avsound_status retime(const place *p)
{
    char path[128];
    out_path(p, "later.mkv", path);
    const avsound_retime_options options = {.struct_size = sizeof options, .audio_delay_us = 40000};
    return settled(avsound_media_retime(p->context, p->clip, path, &options), path);
}

static avsound_status write_picture(const place *p)
{
    char path[128];
    out_path(p, "picture.png", path);
    avsound_frame frame = make_frame(64, 48, 1);
    const avsound_status status = avsound_picture_write(p->context, path, &frame);
    drop_frame(&frame);
    return settled(status, path);
}

#define STARVED(attempt)               \
    START_TEST(attempt##_survives)     \
    {                                  \
        place p;                       \
        setup(&p, "ave-net", 0.4, 10); \
        starve(#attempt, &p, attempt); \
        teardown(&p);                  \
    }                                  \
    END_TEST

STARVED(read_media)
STARVED(read_opened)
STARVED(write_film)
STARVED(retime)
STARVED(write_picture)

SUITE("contract.ffmpeg_failure", read_media_survives, read_opened_survives, write_film_survives, retime_survives,
      write_picture_survives)
