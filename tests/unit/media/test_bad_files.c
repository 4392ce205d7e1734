#include "base/base.h"
#include "failing.h"
#include "unit/media/make_files.h"

#include <sys/stat.h>
#include <unistd.h>

static avsound_context *limited(const avsound_context_options *limits)
{
    avsound_context *context;
    avsound_context_options options = *limits;
    options.struct_size = sizeof options;
    ck_avsound(avsound_context_create(&options, &context));
    return context;
}

static const char *written(const char *name, const void *data, size_t size)
{
    const char *path = temporary_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    fclose(file);
    return path;
}

static const char *text(const char *name, const char *content)
{
    return written(name, content, strlen(content));
}

static uint8_t *contents(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    ck_assert_uint_eq(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

#define ck_not_opened(path, code, words)                                            \
    do {                                                                            \
        avsound_context *context_ = plain_context();                                \
        avsound_media *media_ = (avsound_media *)&context_;                         \
        ck_refused(avsound_media_open(context_, path, NULL, &media_), code, words); \
        ck_assert_ptr_null(media_);                                                 \
        avsound_context_free(context_);                                             \
    } while (0)

static const make_spec film = {.container = "mp4",
                               .mux_options = "movflags=faststart",
                               .video_encoder = "libx264",
                               .video_options = "preset=ultrafast:g=10:crf=18",
                               .width = 160,
                               .height = 96,
                               .frames = 50,
                               .pixel_format = AV_PIX_FMT_YUV420P,
                               .tick = {1, 25},
                               .audio_encoder = "aac",
                               .rate = 48000,
                               .channels = 2,
                               .samples = 96000,
                               .tones = 1};

START_TEST(what_is_no_file_is_an_io_error)
{
    ck_not_opened(temporary_path("missing.mp4"), AVSOUND_E_IO, "No such file");
    ck_not_opened("/tmp", AVSOUND_E_IO, "is a directory, want a regular file");
    ck_not_opened("/dev/null", AVSOUND_E_IO, "want a regular file");
    const char *pipe = temporary_path("pipe");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_not_opened(pipe, AVSOUND_E_IO, "want a regular file");
    /* Addresses are names of files that are not there. */
    ck_not_opened("http://127.0.0.1:9/a.mp4", AVSOUND_E_IO, "http://127.0.0.1:9/a.mp4: No such file");
    ck_not_opened("concat:a.ts|b.ts", AVSOUND_E_IO, "No such file");
    ck_not_opened("pipe:0", AVSOUND_E_IO, "No such file");
}
END_TEST

START_TEST(what_is_no_media_is_a_format_error)
{
    uint8_t noise[20000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)make_noise((int64_t)i, 1);
    ck_not_opened(written("empty.mp4", "", 0), AVSOUND_E_FORMAT, "is empty");
    ck_not_opened(written("random.mp4", noise, sizeof noise), AVSOUND_E_FORMAT, "random.mp4");
    ck_not_opened(written("random.bin", noise, sizeof noise), AVSOUND_E_FORMAT, "random.bin");
    ck_not_opened(text("words.mp4", "This is not a film at all.\nNot even close.\n"), AVSOUND_E_FORMAT, "words.mp4");
    ck_not_opened(text("one.mkv", "\x1a"), AVSOUND_E_FORMAT, "one.mkv");
    ck_not_opened(text("captions.srt", "1\n00:00:01,000 --> 00:00:02,000\nWords\n\n"), AVSOUND_E_FORMAT,
                  "neither video nor sound");
}
END_TEST

START_TEST(what_names_other_files_is_refused)
{
    char list[700];
    const char *there = temporary_path("there.ts");
    make_spec ts = film;
    ts.container = "mpegts";
    ts.mux_options = NULL;
    make_media(there, &ts);
    snprintf(list, sizeof list, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n%s\n#EXT-X-ENDLIST\n",
             there);
    ck_not_opened(text("list.m3u8", list), AVSOUND_E_UNSUPPORTED, "playlist or text (hls)");
    ck_not_opened(text("list.mp4", list), AVSOUND_E_UNSUPPORTED, "playlist or text (hls)");
    snprintf(list, sizeof list, "ffconcat version 1.0\nfile '%s'\n", there);
    ck_not_opened(text("list.ffconcat", list), AVSOUND_E_UNSUPPORTED, "(concat)");
    ck_not_opened(
        text("session.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
        AVSOUND_E_UNSUPPORTED, "(sdp)");
    ck_not_opened(text("page.txt", "Some words.\n"), AVSOUND_E_FORMAT, "no media");
}
END_TEST

START_TEST(renamed_files_are_known_by_content)
{
    const char *path = temporary_path("film.mp4"), *renamed = temporary_path("no such:thing %d.wav");
    make_media(path, &film);
    ck_assert_int_eq(rename(path, renamed), 0);
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, renamed, NULL);
    ck_assert(info_of(media).has_video && info_of(media).has_audio);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

/* What a cut file still holds comes out right, and then it is said to be damaged; a cut in the index leaves nothing. */
static void check_cut(const uint8_t *data, size_t size, size_t kept, int says_so)
{
    const char *path = written("cut", data, kept);
    avsound_context *context = plain_context();
    avsound_media *media = NULL;
    const avsound_status status = avsound_media_open(context, path, NULL, &media);
    if (status) {
        ck_assert_msg(status == AVSOUND_E_FORMAT, "%zu of %zu bytes: %s", kept, size, avsound_error_detail());
        ck_assert(strstr(avsound_error_detail(), "cut") != NULL);
    } else {
        int count = 0;
        avsound_status end = AVSOUND_OK;
        avsound_frame frame = {.struct_size = sizeof frame};
        while (info_of(media).has_video && !(end = avsound_media_read_frame(media, &frame))) {
            ck_assert_int_eq(frame.time_us, info_of(media).video_start_us + count * 40000);
            /* The last one may be half of a picture. */
            if (frame.time_us + 80000 < (int64_t)(kept * 2000000 / size))
                ck_assert_int_eq(shown_number(&frame), count);
            count++;
        }
        ck_assert_msg(end == AVSOUND_E_END || end == AVSOUND_E_FORMAT, "%s", avsound_error_detail());
        if (says_so && count < 48)
            ck_refused(end, AVSOUND_E_FORMAT, "damaged");
        avsound_audio audio = {.struct_size = sizeof audio};
        while (info_of(media).has_audio && !(end = avsound_media_read_audio(media, &audio)))
            ck_assert_int_ge(audio.frames, 1);
        ck_assert_msg(end == AVSOUND_E_END || end == AVSOUND_E_FORMAT, "%s", avsound_error_detail());
    }
    avsound_media_free(media);
    avsound_context_free(context);
}

START_TEST(cut_files_give_what_they_hold)
{
    static const char *const containers[] = {"mp4", "matroska", "mpegts", "avi"};
    for (size_t c = 0; c < sizeof containers / sizeof containers[0]; c++) {
        make_spec spec = film;
        size_t size;
        spec.container = containers[c];
        spec.mux_options = c ? NULL : film.mux_options;
        spec.audio_encoder = c == 3 ? "pcm_s16le" : "aac";
        const char *path = temporary_path("whole");
        make_media(path, &spec);
        uint8_t *data = contents(path, &size);
        for (int part = 1; part < 20; part++)
            check_cut(data, size, size * (size_t)part / 20, c <= 1);
        check_cut(data, size, size - 1, 0);
        free(data);
    }
}
END_TEST

/* A recording that went out as it was made doesn't know its size: whatever there is of it is all there is. */
START_TEST(live_files_end_where_they_end)
{
    make_spec spec = film;
    size_t size;
    spec.container = "matroska";
    spec.mux_options = "live=1";
    const char *path = temporary_path("live");
    make_media(path, &spec);
    uint8_t *data = contents(path, &size);
    for (int half = 0; half < 2; half++) {
        int count = 0;
        avsound_status end;
        avsound_frame frame = {.struct_size = sizeof frame};
        avsound_context *context = plain_context();
        avsound_media *media = opened(context, written("part", data, half ? size / 2 : size), NULL);
        for (; !(end = avsound_media_read_frame(media, &frame)); count++)
            ck_assert_int_eq(frame.time_us, info_of(media).video_start_us + count * 40000);
        ck_assert_msg(end == AVSOUND_E_END, "%s", avsound_error_detail());
        ck_assert_int_ge(count, half ? 20 : 50);
        avsound_media_free(media);
        avsound_context_free(context);
    }
    free(data);
}
END_TEST

/* Wherever a byte is wrong: a status, or frames; never a crash, and never an endless film. */
START_TEST(wrong_bytes_do_no_harm)
{
    static const char *const containers[] = {"mp4", "matroska", "mpegts", "avi", "nut"};
    unsigned random = 3;
    avsound_context_options limits = {.max_pixels = 1000000, .max_channels = 8, .max_sample_rate = 192000};
    avsound_context *context = limited(&limits);
    for (size_t c = 0; c < sizeof containers / sizeof containers[0]; c++) {
        make_spec spec = film;
        size_t size;
        spec.container = containers[c];
        spec.mux_options = c ? NULL : film.mux_options;
        spec.frames = 20;
        spec.samples = 30000;
        if (c >= 3)
            spec.audio_encoder = "pcm_s16le";
        const char *path = temporary_path("whole");
        make_media(path, &spec);
        uint8_t *data = contents(path, &size);
        for (int n = 0; n < 60; n++) {
            uint8_t *wrong = malloc(size);
            memcpy(wrong, data, size);
            for (int k = 0; k < 8; k++) {
                random = random * 1103515245u + 12345u;
                /* The headers decide most. */
                wrong[(random >> 8) % (n % 2 ? size : AVSN_MIN(size, (size_t)3000))] = (uint8_t)(random >> 4);
            }
            avsound_media *media = NULL;
            if (!avsound_media_open(context, written("wrong", wrong, size), NULL, &media)) {
                avsound_frame frame = {.struct_size = sizeof frame};
                avsound_audio audio = {.struct_size = sizeof audio};
                for (int i = 0; i < 40 && info_of(media).has_video && !avsound_media_read_frame(media, &frame); i++)
                    ;
                for (int i = 0; i < 80 && info_of(media).has_audio && !avsound_media_read_audio(media, &audio); i++)
                    ;
                if (!avsound_media_seek(media, 300000) && info_of(media).has_video)
                    (void)!avsound_media_read_frame(media, &frame);
            }
            avsound_media_free(media);
            free(wrong);
        }
        free(data);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- limits ---- */

static void put_be32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

START_TEST(huge_pictures_are_over_the_limit)
{
    const char *small = temporary_path("small.bin");
    const make_spec spec = {.container = "image2",
                            .mux_options = "update=1",
                            .video_encoder = "png",
                            .width = 64,
                            .height = 64,
                            .frames = 1,
                            .pixel_format = AV_PIX_FMT_RGB24,
                            .tick = {1, 25}};
    make_media(small, &spec);
    size_t size;
    uint8_t *png = contents(small, &size);
    put_be32(png + 16, 20000); /* IHDR: width, height, and its checksum */
    put_be32(png + 20, 20000);
    put_be32(png + 29, crc_of(png + 12, 17));
    ck_not_opened(written("huge.png", png, size), AVSOUND_E_LIMIT, "20000 x 20000");
    free(png);
}
END_TEST

START_TEST(limits_of_the_context_hold)
{
    const char *path = temporary_path("film.mp4");
    make_media(path, &film);
    const struct {
        avsound_context_options limits;
        const char *words;
    } cases[] = {
        {{.max_pixels = 160 * 96 - 1}, "160 x 96"},
        {{.max_channels = 1}, "2 channels, the context allows 1"},
        {{.max_sample_rate = 44100}, "48000 Hz, the context allows 44100"},
        {{.max_packet_bytes = 100}, "bytes, the context allows 100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        avsound_context *context = limited(&cases[i].limits);
        avsound_media *media;
        ck_refused(avsound_media_open(context, path, NULL, &media), AVSOUND_E_LIMIT, cases[i].words);
        avsound_context_free(context);
    }
    /* Frames that grow beyond the limit later on. */
    const make_spec growing = {.container = "nut",
                               .video_encoder = "mjpeg",
                               .width = 160,
                               .height = 96,
                               .frames = 20,
                               .pixel_format = AV_PIX_FMT_YUVJ420P,
                               .tick = {1, 25},
                               .change_after = 10,
                               .change_width = 640,
                               .change_height = 480};
    const char *grows = temporary_path("growing.nut");
    make_media(grows, &growing);
    const avsound_context_options limits = {.max_pixels = 160 * 96};
    avsound_context *context = limited(&limits);
    avsound_media *media = opened(context, grows, NULL);
    for (int i = 0; i < 10; i++)
        (void)next_frame(media);
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_LIMIT, "640 x 480");
    avsound_media_free(media);
    /* Square pixels may be more than the stored ones. */
    const make_spec wide = {.container = "matroska",
                            .video_encoder = "ffv1",
                            .width = 160,
                            .height = 96,
                            .frames = 1,
                            .pixel_format = AV_PIX_FMT_YUV420P,
                            .tick = {1, 25},
                            .sample_aspect = {4, 3}};
    const char *path_wide = temporary_path("wide.mkv");
    make_media(path_wide, &wide);
    ck_refused(avsound_media_open(context, path_wide, NULL, &media), AVSOUND_E_LIMIT, "213 x 96 square pixels");
    avsound_context_free(context);
}
END_TEST

START_TEST(samples_that_are_no_numbers_are_a_format_error)
{
    const make_spec spec = {
        .container = "wav", .audio_encoder = "pcm_f32le", .rate = 8000, .channels = 2, .samples = 8000};
    const char *path = temporary_path("nan.wav");
    make_media(path, &spec);
    size_t size;
    uint8_t *data = contents(path, &size);
    const float bad = NAN;
    memcpy(data + size - 4, &bad, 4);
    path = written("nan.wav", data, size);
    free(data);
    avsound_context *context = plain_context();
    const int32_t rates[] = {0, 16000};
    for (int i = 0; i < 2; i++) {
        const avsound_media_options options = {
            .struct_size = sizeof options, .audio_rate = rates[i], .audio_channels = 1};
        avsound_media *media = opened(context, path, &options);
        avsound_audio audio = {.struct_size = sizeof audio};
        avsound_status status;
        while (!(status = avsound_media_read_audio(media, &audio)))
            ;
        ck_refused(status, AVSOUND_E_FORMAT, "is not finite");
        ck_assert(strstr(avsound_error_detail(), "nan.wav") != NULL);
        avsound_media_free(media);
    }
    avsound_context_free(context);
}
END_TEST

static avsound_status open_and_read(avsound_context *context, const char *path, avsound_media **media)
{
    const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = 16000, .audio_channels = 1};
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    AVSN_TRY(avsound_media_open(context, path, &options, media));
    avsound_status status = avsound_media_read_frame(*media, &frame);
    if (!status)
        status = avsound_media_seek(*media, 1000000);
    if (!status)
        status = avsound_media_read_frame(*media, &frame);
    if (!status)
        status = avsound_media_read_audio(*media, &audio);
    if (status) {
        avsound_media_free(*media);
        *media = NULL;
    }
    return status;
}

START_TEST(refused_memory_is_an_error_without_traces)
{
    const char *path = temporary_path("film.mp4");
    make_media(path, &film);
    failing f;
    avsound_context *context = failing_context(&f);
    avsound_media *media = NULL;
    ck_survives_refusals(&f, open_and_read(context, path, &media), avsound_media_free(media));
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("media.bad_files", what_is_no_file_is_an_io_error, what_is_no_media_is_a_format_error,
      what_names_other_files_is_refused, renamed_files_are_known_by_content, cut_files_give_what_they_hold,
      live_files_end_where_they_end, wrong_bytes_do_no_harm, huge_pictures_are_over_the_limit,
      limits_of_the_context_hold, samples_that_are_no_numbers_are_a_format_error, refused_memory_is_an_error_without_traces)
