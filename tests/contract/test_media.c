#include "unit/media/make_files.h"

#include <libavutil/log.h>
#include <unistd.h>

/* Every public function of media.h with NULL, a struct too small or too new, values out of range, and in the wrong order. */

static avsound_context *context;
static const char *film;

static void begin(void)
{
    const make_spec spec = {.container = "mp4",
                            .video_encoder = "mpeg4",
                            .width = 64,
                            .height = 48,
                            .frames = 10,
                            .pixel_format = AV_PIX_FMT_YUV420P,
                            .tick = {1, 25},
                            .audio_encoder = "aac",
                            .rate = 48000,
                            .channels = 2,
                            .samples = 19200};
    film = temporary_path("film.mp4");
    make_media(film, &spec);
    context = plain_context();
}

START_TEST(open_checks_its_arguments)
{
    begin();
    avsound_media *media = (avsound_media *)&film;
    ck_refused(avsound_media_open(NULL, film, NULL, &media), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_assert_ptr_null(media);
    ck_refused(avsound_media_open(context, NULL, NULL, &media), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_media_open(context, "", NULL, &media), AVSOUND_E_INVALID_ARGUMENT, "path is empty");
    ck_refused(avsound_media_open(context, film, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    avsound_media_options options;
#define REFUSES(change, words)                                                                              \
    do {                                                                                                    \
        avsound_media_options_init(&options, sizeof options);                                               \
        change;                                                                                             \
        ck_refused(avsound_media_open(context, film, &options, &media), AVSOUND_E_INVALID_ARGUMENT, words); \
        ck_assert_ptr_null(media);                                                                          \
    } while (0)
    REFUSES(options.struct_size = 4, "struct_size is 4");
    REFUSES(options.decode_threads = -1, "decode_threads is -1");
    REFUSES(options.decode_threads = 1000, "decode_threads is 1000");
    REFUSES(options.audio_rate = -5, "audio_rate is -5");
    REFUSES(options.audio_rate = 10000000, "audio_rate is 10000000");
    REFUSES(options.audio_channels = 65, "audio_channels is 65");
    REFUSES(options.ignore_video = 2, "ignore_video is 2");
    REFUSES(options.audio_track = -1, "audio_track is -1");
    REFUSES((options.ignore_video = 1, options.ignore_audio = 1), "both");
    struct {
        avsound_media_options known;
        int32_t later;
    } newer = {{.struct_size = sizeof newer}, 0};
    ck_avsound(avsound_media_open(context, film, &newer.known, &media)); /* a later field that is not used */
    avsound_media_free(media);
    newer.later = 1;
    ck_refused(avsound_media_open(context, film, &newer.known, &media), AVSOUND_E_UNSUPPORTED, "does not know");
    avsound_media_options_init(NULL, sizeof options);
    avsound_media_free(NULL);
    avsound_context_free(context);
}
END_TEST

START_TEST(readers_check_their_arguments)
{
    begin();
    avsound_media *media = opened(context, film, NULL);
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    ck_refused(avsound_media_get_info(NULL, &info), AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    ck_refused(avsound_media_get_info(media, NULL), AVSOUND_E_INVALID_ARGUMENT, "info is NULL");
    info.struct_size = 0;
    ck_refused(avsound_media_get_info(media, &info), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    ck_refused(avsound_media_read_frame(NULL, &frame), AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    ck_refused(avsound_media_read_frame(media, NULL), AVSOUND_E_INVALID_ARGUMENT, "frame is NULL");
    frame.struct_size = 8;
    ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_INVALID_ARGUMENT, "frame: struct_size is 8");
    frame.struct_size = sizeof frame;
    ck_avsound(avsound_media_read_frame(media, &frame));
    ck_assert_int_eq(frame.time_us, 0); /* refused calls lost nothing */
    ck_refused(avsound_media_read_audio(NULL, &audio), AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    ck_refused(avsound_media_read_audio(media, NULL), AVSOUND_E_INVALID_ARGUMENT, "audio is NULL");
    audio.struct_size = 0;
    ck_refused(avsound_media_read_audio(media, &audio), AVSOUND_E_INVALID_ARGUMENT, "audio: struct_size is 0");
    ck_refused(avsound_media_seek(NULL, 0), AVSOUND_E_INVALID_ARGUMENT, "media is NULL");
    ck_refused(avsound_media_seek(media, INT64_MIN), AVSOUND_E_INVALID_ARGUMENT, "want 0");
    ck_refused(avsound_media_seek(media, INT64_MAX), AVSOUND_E_INVALID_ARGUMENT, "want 0");
    avsound_context_free(context); /* before its media */
    ck_avsound(avsound_media_read_frame(media, &frame));
    avsound_media_free(media);
}
END_TEST

START_TEST(an_older_info_is_filled_as_far_as_it_goes)
{
    begin();
    avsound_media *media = opened(context, film, NULL);
    avsound_media_info info;
    memset(&info, 0x55, sizeof info);
    info.struct_size = offsetof(avsound_media_info, coded_width);
    ck_avsound(avsound_media_get_info(media, &info));
    ck_assert_int_eq(info.width, 64);
    ck_assert_int_eq(info.coded_width, 0x55555555);
    ck_assert_uint_eq(info.struct_size, offsetof(avsound_media_info, coded_width));
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

START_TEST(writers_check_their_arguments)
{
    begin();
    avsound_writer *writer = (avsound_writer *)&film;
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = options.height = 64;
    const char *path = temporary_path("out.mp4");
    ck_refused(avsound_writer_create(NULL, path, &options, &writer), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_assert_ptr_null(writer);
    ck_refused(avsound_writer_create(context, NULL, &options, &writer), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_writer_create(context, path, NULL, &writer), AVSOUND_E_INVALID_ARGUMENT, "options are NULL");
    ck_refused(avsound_writer_create(context, path, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
#define REFUSES_TO_WRITE(change, code, words)                                             \
    do {                                                                                  \
        avsound_writer_options_init(&options, sizeof options);                            \
        options.width = options.height = 64;                                              \
        change;                                                                           \
        ck_refused(avsound_writer_create(context, path, &options, &writer), code, words); \
        ck_assert_ptr_null(writer);                                                       \
    } while (0)
    REFUSES_TO_WRITE(options.struct_size = 4, AVSOUND_E_INVALID_ARGUMENT, "struct_size is 4");
    REFUSES_TO_WRITE(options.width = 0, AVSOUND_E_INVALID_ARGUMENT, "0 x 64");
    REFUSES_TO_WRITE((options.width = options.height = 20000), AVSOUND_E_LIMIT, "20000 x 20000");
    REFUSES_TO_WRITE(options.rate_num = -1, AVSOUND_E_INVALID_ARGUMENT, "rate is -1/0");
    REFUSES_TO_WRITE(options.rate_num = 30, AVSOUND_E_INVALID_ARGUMENT, "rate is 30/0");
    REFUSES_TO_WRITE(options.quality = 101, AVSOUND_E_INVALID_ARGUMENT, "quality is 101");
    REFUSES_TO_WRITE(options.threads = -2, AVSOUND_E_INVALID_ARGUMENT, "threads is -2");
    REFUSES_TO_WRITE(options.audio_start_us = -1, AVSOUND_E_INVALID_ARGUMENT, "audio_start_us is -1");
    REFUSES_TO_WRITE(options.audio_duration_us = -1, AVSOUND_E_INVALID_ARGUMENT, "audio_duration_us is -1");
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_refused(avsound_writer_write_frame(NULL, &frame), AVSOUND_E_INVALID_ARGUMENT, "writer is NULL");
    ck_refused(avsound_writer_finish(NULL), AVSOUND_E_INVALID_ARGUMENT, "writer is NULL");
    avsound_writer_options_init(&options, sizeof options);
    options.width = options.height = 64;
    ck_avsound(avsound_writer_create(context, path, &options, &writer));
    ck_refused(avsound_writer_write_frame(writer, NULL), AVSOUND_E_INVALID_ARGUMENT, "frame is NULL");
    ck_refused(avsound_writer_write_frame(writer, &frame), AVSOUND_E_INVALID_ARGUMENT, "format is 0");
    avsound_writer_free(writer);
    avsound_writer_free(NULL);
    ck_refused(avsound_picture_write(NULL, "a.png", &frame), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_picture_write(context, NULL, &frame), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_picture_write(context, "a.png", NULL), AVSOUND_E_INVALID_ARGUMENT, "frame is NULL");
    avsound_context_free(context);
}
END_TEST

/* A damaged film makes FFmpeg's decoders complain: not on stderr by default, and as a host that set a level wants it. */
static long complaints(void)
{
    avsound_media *media;
    avsound_frame frame = {.struct_size = sizeof frame};
    FILE *file = fopen(film, "r+b"), *heard = tmpfile();
    for (long at = 400; fseek(file, at, SEEK_SET) == 0 && at < 5000; at += 97)
        fputs("wrong", file);
    fclose(file);
    fflush(stderr);
    const int kept = dup(STDERR_FILENO);
    dup2(fileno(heard), STDERR_FILENO);
    if (!avsound_media_open(context, film, NULL, &media)) {
        while (!avsound_media_read_frame(media, &frame))
            ;
        avsound_media_free(media);
    }
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    fseek(heard, 0, SEEK_END);
    const long size = ftell(heard);
    fclose(heard);
    return size;
}

START_TEST(nothing_is_printed)
{
    begin();
    av_log_set_level(AV_LOG_INFO); /* as FFmpeg has it */
    ck_assert_int_eq(complaints(), 0);
    avsound_context_free(context);
}
END_TEST

START_TEST(a_hosts_choice_of_messages_stands)
{
    begin();
    av_log_set_level(AV_LOG_WARNING);
    ck_assert_int_gt(complaints(), 0);
    ck_assert_int_eq(av_log_get_level(), AV_LOG_WARNING);
    avsound_context_free(context);
}
END_TEST

SUITE("contract.media", nothing_is_printed, a_hosts_choice_of_messages_stands, open_checks_its_arguments,
      readers_check_their_arguments, an_older_info_is_filled_as_far_as_it_goes, writers_check_their_arguments)
