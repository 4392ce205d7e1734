#include "base/base.h"
#include "failing.h"
#include "unit/media/make_files.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 160, HEIGHT = 96 };

static avsound_writer_options writer_options(int32_t width, int32_t height)
{
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = width;
    options.height = height;
    return options;
}

/* Shows its number in packed RGB. */
static avsound_frame numbered(int number, int width, int height, int64_t time_us, AVFrame **keep)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = AV_PIX_FMT_RGB24;
    picture->width = width;
    picture->height = height;
    ck_assert_int_ge(av_frame_get_buffer(picture, 0), 0);
    make_picture(picture, number);
    av_frame_free(keep);
    *keep = picture;
    return (avsound_frame){.struct_size = sizeof(avsound_frame),
                           .format = AVSOUND_PIXEL_RGB24,
                           .width = width,
                           .height = height,
                           .data = {picture->data[0]},
                           .stride = {picture->linesize[0]},
                           .time_us = time_us};
}

static avsound_writer *new_writer(avsound_context *context, const char *path, const avsound_writer_options *options)
{
    avsound_writer *writer;
    ck_avsound(avsound_writer_create(context, path, options, &writer));
    return writer;
}

/* Frames 0...count-1 at times[i], or 40 ms apart. */
static void write_film(avsound_context *context, const char *path, const avsound_writer_options *options, int count,
                       const int64_t *times)
{
    AVFrame *keep = NULL;
    avsound_writer *writer = new_writer(context, path, options);
    for (int i = 0; i < count; i++) {
        const avsound_frame frame = numbered(i, options->width, options->height, times ? times[i] : i * 40000, &keep);
        ck_avsound(avsound_writer_write_frame(writer, &frame));
    }
    ck_assert_msg(access(path, F_OK) != 0, "%s is there before it is complete", path);
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
    av_frame_free(&keep);
}

static void check_film(avsound_context *context, const char *path, int count, const int64_t *times, int64_t tolerance)
{
    avsound_media *media = opened(context, path, NULL);
    const avsound_media_info info = info_of(media);
    for (int i = 0; i < count; i++) {
        const avsound_frame frame = next_frame(media);
        const int64_t wanted = times ? times[i] : i * 40000;
        ck_assert_msg(shown_number(&frame) == i, "%s: frame %d shows %d", path, i, shown_number(&frame));
        /* The file's start may be the sound's, and not this film's time 0. */
        ck_assert_msg(llabs(frame.time_us - info.video_start_us - (wanted - (times ? times[0] : 0))) <= tolerance,
                      "%s: frame %d at %lld us, want %lld", path, i, (long long)frame.time_us, (long long)wanted);
    }
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more");
    avsound_media_free(media);
}

static const char *const endings[] = {"film.mp4", "film.mov", "film.mkv", "film.webm", "film.avi"};

START_TEST(frames_and_times_come_back)
{
    int64_t even[40], uneven[40];
    for (int i = 0; i < 40; i++) {
        even[i] = i * 40000;
        uneven[i] = i * 33333 + (i % 5) * 4321 + (i > 20 ? 1500000 : 0);
    }
    avsound_context *context = plain_context();
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
        const char *path = temporary_path(endings[e]);
        const avsound_writer_options options = writer_options(WIDTH, HEIGHT);
        write_film(context, path, &options, 40, even);
        check_film(context, path, 40, even, 1);
        ck_assert_int_eq(unlink(path), 0);
        if (strstr(path, "avi"))
            continue; /* has no times, only frames at a rate */
        write_film(context, path, &options, 40, uneven);
        check_film(context, path, 40, uneven,
                   strstr(path, "m4") || strstr(path, "mp4") || strstr(path, "mov") ? 0 : 1000);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(odd_sizes_are_padded)
{
    static const int sizes[][2] = {{161, 97}, {160, 97}, {161, 96}, {17, 33}};
    avsound_context *context = plain_context();
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const char *path = temporary_path("odd.mp4");
        const avsound_writer_options options = writer_options(sizes[s][0], sizes[s][1]);
        write_film(context, path, &options, 3, NULL);
        avsound_media *media = opened(context, path, NULL);
        const avsound_media_info info = info_of(media);
        ck_assert_int_eq(info.width, (sizes[s][0] + 1) / 2 * 2);
        ck_assert_int_eq(info.height, (sizes[s][1] + 1) / 2 * 2);
        const avsound_frame frame = next_frame(media);
        const uint8_t *last = frame.data[0] + (ptrdiff_t)(frame.height - 1) * frame.stride[0];
        /* The corner: grey 170 of RGB is 162 of luma; a repeated edge leaves no dark line there. */
        ck_assert_int_lt(abs(last[frame.width - 1] - 162), 8);
        avsound_media_free(media);
        ck_assert_int_eq(unlink(path), 0);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(colours_survive)
{
    static const uint8_t colours[][3] = {{200, 40, 60}, {30, 180, 90}, {20, 60, 220}, {128, 128, 128}, {240, 240, 20}};
    static const int heights[] = {96, 720};
    avsound_context *context = plain_context();
    for (size_t h = 0; h < 2; h++)
        for (size_t c = 0; c < sizeof colours / sizeof colours[0]; c++) {
            const int width = 64, height = heights[h];
            uint8_t *rgb = malloc((size_t)(width * height * 3));
            for (int i = 0; i < width * height * 3; i++)
                rgb[i] = colours[c][i % 3];
            const avsound_frame frame = {.struct_size = sizeof frame,
                                         .format = AVSOUND_PIXEL_RGB24,
                                         .width = width,
                                         .height = height,
                                         .data = {rgb},
                                         .stride = {width * 3}};
            avsound_writer_options options = writer_options(width, height);
            options.quality = 100;
            const char *path = temporary_path("colour.mp4"), *picture = temporary_path("colour.png");
            avsound_writer *writer = new_writer(context, path, &options);
            ck_avsound(avsound_writer_write_frame(writer, &frame));
            ck_avsound(avsound_writer_finish(writer));
            avsound_writer_free(writer);
            avsound_media *media = opened(context, path, NULL);
            const avsound_frame back = next_frame(media);
            ck_assert_int_eq(back.range, AVSOUND_RANGE_LIMITED);
            ck_assert_int_eq(back.matrix, height >= 720 ? AVSOUND_MATRIX_BT709 : AVSOUND_MATRIX_BT601);
            /* Its own tags believed, the colour is the colour. */
            ck_avsound(avsound_picture_write(context, picture, &back));
            avsound_media *still = opened(context, picture, NULL);
            const avsound_frame shown = next_frame(still);
            ck_assert_int_eq(shown.format, AVSOUND_PIXEL_RGB24);
            for (int i = 0; i < 3; i++)
                ck_assert_msg(abs(shown.data[0][height / 2 * shown.stride[0] + width / 2 * 3 + i] - colours[c][i]) <= 4,
                              "colour %zu of %d lines: channel %d is %d", c, height, i,
                              shown.data[0][height / 2 * shown.stride[0] + width / 2 * 3 + i]);
            avsound_media_free(still);
            avsound_media_free(media);
            free(rgb);
        }
    avsound_context_free(context);
}
END_TEST

/* ---- sound ---- */

/* Lag, in samples, at which the sound from `at` on is the tone from `from` on best; and its error there. */
static int lag_of(const whole_sound *all, int64_t at, int64_t from, int64_t count, double *error)
{
    int best = 0;
    *error = 1e9;
    for (int lag = -60; lag <= 60; lag++) {
        double sum = 0;
        for (int64_t n = 0; n < count; n++)
            sum += pow(all->samples[(at + n) * all->channels] - make_tone(from + n - lag, 0, all->rate), 2);
        if (sqrt(sum / (double)count) < *error) {
            *error = sqrt(sum / (double)count);
            best = lag;
        }
    }
    return best;
}

START_TEST(sound_goes_along_in_time)
{
    const struct {
        const char *source, *container, *encoder, *film, *codec;
        int64_t start_us, duration_us;
    } cases[] = {
        {"a.mp4", "mp4", "aac", "film.mp4", "aac", 0, 0},
        {"a.mp4", "mp4", "aac", "film.mp4", "aac", 1234567, 1000000},
        {"a.mp4", "mp4", "aac", "film.mkv", "aac", 1234567, 0},
        {"a.mp4", "mp4", "aac", "film.mkv", "aac", 0, 0},
        {"a.ts", "mpegts", "aac", "film.mp4", "aac", 500000, 1000000},
        {"a.aac", "adts", "aac", "film.mov", "aac", 500000, 0},
        {"a.mp3", "mp3", "libmp3lame", "film.mp4", "mp3", 700000, 0},
        {"a.mp3", "mp3", "libmp3lame", "film.avi", "mp3", 0, 0},
        {"a.wav", "wav", "pcm_s16le", "film.mp4", "aac", 1234567, 1000000},
        {"a.wav", "wav", "pcm_s16le", "film.mkv", "pcm_s16le", 1234567, 1000000},
        {"a.wav", "wav", "pcm_s16le", "film.mov", "pcm_s16le", 0, 0},
        {"a.wav", "wav", "pcm_s16le", "film.webm", "opus", 1000000, 1000000},
        {"a.wav", "wav", "pcm_s16le", "film.avi", "pcm_s16le", 0, 0},
        {"a.webm", "webm", "libopus", "film.webm", "opus", 1000000, 0},
        {"a.webm", "webm", "libopus", "film.mkv", "opus", 0, 0},
        {"a.webm", "webm", "libopus", "film.mp4", "aac", 1000000, 1500000},
        {"a.flac", "flac", "flac", "film.mp4", "aac", 0, 0},
        {"a.wv", "wv", "wavpack", "film.mkv", "aac", 0, 0},
        {"a.wv", "wv", "wavpack", "film.avi", "mp3", 1000000, 0},
        {"a.flac", "flac", "flac", "film.mkv", "flac", 300000, 0},
        {"a.ogg", "ogg", "libvorbis", "film.webm", "vorbis", 0, 0},
    };
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = cases[i].container,
                                .audio_encoder = cases[i].encoder,
                                .rate = 48000,
                                .audio_options = strncmp(cases[i].encoder, "pcm", 3) &&
                                                         strcmp(cases[i].encoder, "flac") &&
                                                         strcmp(cases[i].encoder, "wavpack")
                                                     ? "b=192k"
                                                     : NULL,
                                .channels = 2,
                                .samples = 5 * 48000,
                                .tones = 1};
        const char *source = temporary_path(cases[i].source), *film = temporary_path(cases[i].film);
        make_media(source, &spec);
        /* Where the source's own sound is heard: raw AAC cannot say that it has an encoder's delay. */
        avsound_media *media = opened(context, source, NULL);
        whole_sound all = read_sound(media);
        double error;
        const int source_lag =
            !strcmp(cases[i].container, "adts") || !strcmp(cases[i].container, "mpegts") ? (int)lround(1024) : 0;
        ck_assert_int_eq(lag_of(&all, 30000, 30000 - source_lag, 20000, &error), 0);
        free(all.samples);
        avsound_media_free(media);

        avsound_writer_options options = writer_options(WIDTH, HEIGHT);
        options.audio_path = source;
        options.audio_start_us = cases[i].start_us;
        options.audio_duration_us = cases[i].duration_us;
        write_film(context, film, &options, 30, NULL);
        check_film(context, film, 30, NULL, 1000);
        media = opened(context, film, NULL);
        const avsound_media_info info = info_of(media);
        ck_assert_msg(!strcmp(info.audio_codec, cases[i].codec), "case %zu: %s", i, info.audio_codec);
        all = read_sound(media);
        /* Picture 0 and the sound at start_us belong together. */
        const int64_t at = 24000 + llrint((double)(info.video_start_us - all.start_us) * 0.048);
        const int64_t from = 24000 + llrint((double)cases[i].start_us * 0.048) - source_lag;
        const int lag = lag_of(&all, at, from, 20000, &error);
        ck_assert_msg(abs(lag) <= (strstr(cases[i].film, ".m4") || strstr(cases[i].film, ".mp4") ? 1 : 48),
                      "case %zu, %s to %s: late by %d samples", i, cases[i].source, cases[i].film, lag);
        ck_assert_msg(error < 0.02, "case %zu, %s to %s: error %g", i, cases[i].source, cases[i].film, error);
        const double wanted = cases[i].duration_us ? (double)cases[i].duration_us : 5e6 - (double)cases[i].start_us;
        const double length = (double)all.start_us - (double)info.video_start_us + (double)all.frames / 0.048;
        ck_assert_msg(fabs(length - wanted) < 80000, "case %zu, %s to %s: ends at %g us, want %g", i, cases[i].source,
                      cases[i].film, length, wanted);
        free(all.samples);
        avsound_media_free(media);
        ck_assert_int_eq(unlink(film), 0);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(late_sound_stays_late)
{
    const struct {
        const char *source, *container, *film;
    } cases[] = {
        {"late.mkv", "matroska", "film.mkv"}, {"late.mov", "mov", "film.mp4"}, {"late.mov", "mov", "film.mov"}};
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = cases[i].container,
                                .video_encoder = "libx264",
                                .video_options = "preset=ultrafast",
                                .width = WIDTH,
                                .height = HEIGHT,
                                .frames = 50,
                                .pixel_format = AV_PIX_FMT_YUV420P,
                                .tick = {1, 25},
                                .audio_encoder = "pcm_s16le",
                                .rate = 48000,
                                .channels = 1,
                                .samples = 96000,
                                .audio_offset = 24000,
                                .tones = 1};
        const char *source = temporary_path(cases[i].source), *film = temporary_path(cases[i].film);
        make_media(source, &spec);
        avsound_writer_options options = writer_options(WIDTH, HEIGHT);
        options.audio_path = source;
        write_film(context, film, &options, 30, NULL);
        avsound_media *media = opened(context, film, NULL);
        ck_assert_int_lt(llabs(info_of(media).audio_start_us - 500000), 25000);
        whole_sound all = read_sound(media);
        double error;
        const int64_t at = 36000 - llrint((double)all.start_us * 0.048);
        const int lag = lag_of(&all, at, 12000, 20000, &error);
        ck_assert_msg(abs(lag) <= 1, "%s to %s: late by %d samples", cases[i].source, cases[i].film, lag);
        free(all.samples);
        avsound_media_free(media);
        ck_assert_int_eq(unlink(film), 0);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- whole or not at all ---- */

static int entries_of(const char *folder)
{
    int count = 0;
    DIR *d = opendir(folder);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return count;
}

START_TEST(nothing_is_left_half_written)
{
    char folder[] = "/tmp/avsound-writer-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/film.mp4", folder);
    FILE *before = fopen(path, "wb");
    fputs("what was there before", before);
    fclose(before);
    avsound_context *context = plain_context();
    const avsound_writer_options options = writer_options(WIDTH, HEIGHT);
    AVFrame *keep = NULL;
    avsound_writer *writer = new_writer(context, path, &options);
    const avsound_frame frame = numbered(1, WIDTH, HEIGHT, 0, &keep);
    ck_avsound(avsound_writer_write_frame(writer, &frame));
    ck_assert_int_eq(entries_of(folder), 2); /* the old one, and a hidden one */
    avsound_writer_free(writer);
    ck_assert_int_eq(entries_of(folder), 1);
    char text[32] = "";
    before = fopen(path, "rb");
    ck_assert_ptr_nonnull(fgets(text, sizeof text, before));
    fclose(before);
    ck_assert_str_eq(text, "what was there before");

    writer = new_writer(context, path, &options);
    avsound_context_free(context); /* the writer keeps it */
    ck_avsound(avsound_writer_write_frame(writer, &frame));
    ck_avsound(avsound_writer_finish(writer));
    ck_refused(avsound_writer_write_frame(writer, &frame), AVSOUND_E_STATE, "finished");
    ck_refused(avsound_writer_finish(writer), AVSOUND_E_STATE, "finished");
    avsound_writer_free(writer);
    ck_assert_int_eq(entries_of(folder), 1);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    const mode_t mask = umask(0);
    umask(mask);
    ck_assert_uint_eq(status.st_mode & 0777, 0666 & ~mask);
    unlink(path);
    rmdir(folder);
    av_frame_free(&keep);
}
END_TEST

/* Writes until something goes wrong. */
static avsound_status write_much(avsound_context *context, const char *path)
{
    avsound_writer_options options = writer_options(320, 240);
    options.quality = 100;
    avsound_writer *writer = new_writer(context, path, &options);
    uint8_t *rgb = malloc(320 * 240 * 3);
    const avsound_frame frame = {.struct_size = sizeof frame,
                                 .format = AVSOUND_PIXEL_RGB24,
                                 .width = 320,
                                 .height = 240,
                                 .data = {rgb},
                                 .stride = {960}};
    avsound_status status = AVSOUND_OK;
    for (int i = 0; i < 60 && !status; i++) {
        for (int k = 0; k < 320 * 240 * 3; k++) /* noise does not compress */
            rgb[k] = (uint8_t)make_noise(k, i % 60);
        avsound_frame at = frame;
        at.time_us = i * 40000;
        status = avsound_writer_write_frame(writer, &at);
    }
    if (!status)
        status = avsound_writer_finish(writer);
    char detail[512];
    snprintf(detail, sizeof detail, "%s", avsound_error_detail());
    ck_assert_int_eq(avsound_writer_finish(writer), AVSOUND_E_IO); /* it stays failed */
    avsound_writer_free(writer);
    free(rgb);
    ck_assert_msg(strstr(detail, path) != NULL, "%s", detail);
    return status;
}

START_TEST(a_full_disk_is_an_io_error)
{
    char folder[] = "/tmp/avsound-full-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    avsound_context *context = plain_context();
    static const char *const names[] = {"film.mp4", "film.mkv", "film.avi"};
    const int mounted = mount("none", folder, "tmpfs", 0, "size=300k") == 0;
    struct rlimit old;
    if (!mounted) { /* without the right to mount: a limit on the size of files gives the same kind of failure */
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old);
        const struct rlimit small = {300000, old.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        ck_assert_int_eq(write_much(context, path), AVSOUND_E_IO);
        ck_assert_int_eq(entries_of(folder), 0);
    }
    if (mounted)
        umount(folder);
    else
        setrlimit(RLIMIT_FSIZE, &old);
    rmdir(folder);
    avsound_context_free(context);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
    avsound_context *context = plain_context();
    avsound_writer_options options = writer_options(WIDTH, HEIGHT);
    avsound_writer *writer = NULL;
    AVFrame *keep = NULL;
    ck_refused(avsound_writer_create(context, "/no/such/folder/film.mp4", &options, &writer), AVSOUND_E_IO,
               "/no/such/folder/film.mp4: cannot be written: No such file");
    ck_assert_ptr_null(writer);
    ck_refused(avsound_writer_create(context, "/proc/film.mp4", &options, &writer), AVSOUND_E_IO, "cannot be written");
    ck_refused(avsound_writer_create(context, "film.xyz", &options, &writer), AVSOUND_E_UNSUPPORTED, "ending \".xyz\"");
    ck_refused(avsound_writer_create(context, "film", &options, &writer), AVSOUND_E_UNSUPPORTED, "ending \"\"");
    const char *folder = temporary_path("folder.mp4"), *path = temporary_path("film.mp4");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_refused(avsound_writer_create(context, folder, &options, &writer), AVSOUND_E_IO, "is a directory");
    rmdir(folder);
    options.audio_path = "/no/such/sound.wav";
    ck_refused(avsound_writer_create(context, path, &options, &writer), AVSOUND_E_IO,
               "/no/such/sound.wav: No such file");
    const make_spec silent = {.container = "mp4",
                              .video_encoder = "libx264",
                              .width = WIDTH,
                              .height = HEIGHT,
                              .frames = 2,
                              .pixel_format = AV_PIX_FMT_YUV420P,
                              .tick = {1, 25}};
    options.audio_path = temporary_path("silent.mp4");
    make_media(options.audio_path, &silent);
    ck_refused(avsound_writer_create(context, path, &options, &writer), AVSOUND_E_STATE, "has no sound");
    ck_assert_int_ne(access(path, F_OK), 0);
    options.audio_path = NULL;

    writer = new_writer(context, path, &options);
    avsound_frame frame = numbered(0, WIDTH, HEIGHT, 1000, &keep);
    ck_avsound(avsound_writer_write_frame(writer, &frame));
    ck_refused(avsound_writer_write_frame(writer, &frame), AVSOUND_E_INVALID_ARGUMENT, "frame at 1000 us");
    frame.time_us = 2000;
    frame.width--;
    ck_refused(avsound_writer_write_frame(writer, &frame), AVSOUND_E_SHAPE, "159 x 96, want 160 x 96");
    frame.width++;
    ck_avsound(avsound_writer_write_frame(writer, &frame)); /* refusals spoil nothing */
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
    writer = new_writer(context, path, &options);
    ck_refused(avsound_writer_finish(writer), AVSOUND_E_STATE, "no frame");
    avsound_writer_free(writer);
    av_frame_free(&keep);
    avsound_context_free(context);
}
END_TEST

/* ---- pictures ---- */

START_TEST(pictures_come_back)
{
    avsound_context *context = plain_context();
    AVFrame *keep = NULL;
    const avsound_frame frame = numbered(613, 101, 67, 0, &keep);
    static const char *const names[] = {"a.png", "a.PNG", "a.jpg", "a.jpeg"};
    for (int i = 0; i < 4; i++) {
        const char *path = temporary_path(names[i]);
        ck_avsound(avsound_picture_write(context, path, &frame));
        avsound_media *media = opened(context, path, NULL);
        const avsound_frame back = next_frame(media);
        ck_assert(back.width == 101 && back.height == 67 && info_of(media).still);
        ck_assert_int_eq(shown_number(&back), 613);
        for (int y = 0; i < 2 && y < 67; y++)
            ck_assert(!memcmp(back.data[0] + y * back.stride[0], frame.data[0] + y * frame.stride[0], 303));
        avsound_media_free(media);
    }
    ck_refused(avsound_picture_write(context, "a.gif", &frame), AVSOUND_E_UNSUPPORTED, "ending \".gif\"");
    ck_refused(avsound_picture_write(context, "/no/such/folder/a.png", &frame), AVSOUND_E_IO, "/no/such/folder/a.png");
    avsound_frame bad = frame;
    bad.stride[0] = 3;
    ck_refused(avsound_picture_write(context, temporary_path("b.png"), &bad), AVSOUND_E_INVALID_ARGUMENT, "stride");
    ck_assert_int_ne(access(temporary_path("b.png"), F_OK), 0);
    av_frame_free(&keep);
    avsound_context_free(context);
}
END_TEST

/* ---- memory ---- */

static avsound_status write_once(avsound_context *context, const char *path, const char *sound)
{
    avsound_writer_options options = writer_options(WIDTH, HEIGHT);
    options.audio_path = sound;
    AVFrame *keep = NULL;
    avsound_writer *writer;
    avsound_status status = avsound_writer_create(context, path, &options, &writer);
    for (int i = 0; i < 3 && !status; i++) {
        const avsound_frame frame = numbered(i, WIDTH, HEIGHT, i * 40000, &keep);
        status = avsound_writer_write_frame(writer, &frame);
    }
    if (!status)
        status = avsound_writer_finish(writer);
    avsound_writer_free(writer);
    av_frame_free(&keep);
    return status;
}

START_TEST(refused_memory_is_an_error_without_traces)
{
    const make_spec wav = {
        .container = "wav", .audio_encoder = "pcm_s16le", .rate = 48000, .channels = 2, .samples = 9600};
    const char *sound = temporary_path("a.wav"), *path = temporary_path("film.mp4");
    make_media(sound, &wav);
    failing f;
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, write_once(context, path, sound), unlink(path));
    AVFrame *keep = NULL;
    const avsound_frame frame = numbered(5, WIDTH, HEIGHT, 0, &keep);
    const char *picture = temporary_path("a.png");
    ck_survives_refusals(&f, avsound_picture_write(context, picture, &frame), unlink(picture));
    av_frame_free(&keep);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("media.writer", frames_and_times_come_back, odd_sizes_are_padded, colours_survive, sound_goes_along_in_time,
      late_sound_stays_late, nothing_is_left_half_written, a_full_disk_is_an_io_error,
      what_cannot_be_written_is_refused, pictures_come_back, refused_memory_is_an_error_without_traces)
