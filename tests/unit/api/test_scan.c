/* Walking recordings: times, order, geometry, and agreement with one frame and one sound at a time. */
#include "suite.h"

#include <unistd.h>

#include "models/brightness.h"

enum { WIDTH = 320, HEIGHT = 240, FRAMES = 50, RATE = 48000 };

static avsound_context *context;
static avsound_model *model;
static char model_path[64], video_path[64], sound_path[64];

static void put(FILE *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), f);
}

/* Chirp of the given length as 16-bit mono. */
static int16_t sample_at(int64_t n)
{
    const double t = (double)n / RATE;
    return (int16_t)lround(12000 * sin(6.283185307179586 * (200 * t + 400 * t * t)));
}

static void write_wav(const char *path, int64_t samples)
{
    FILE *f = fopen(path, "wb");
    const uint32_t bytes = (uint32_t)(2 * samples);
    fwrite("RIFF", 1, 4, f);
    put(f, 36 + bytes, 4);
    fwrite("WAVEfmt ", 1, 8, f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, 1, 2);
    put(f, RATE, 4);
    put(f, 2 * RATE, 4);
    put(f, 2, 2);
    put(f, 16, 2);
    fwrite("data", 1, 4, f);
    put(f, bytes, 4);
    for (int64_t i = 0; i < samples; i++)
        put(f, (uint16_t)sample_at(i), 2);
    fclose(f);
}

/* The box of frame i: moves to the right. */
static int box_x(int i)
{
    return 4 * i;
}

static void write_video(const char *path, const char *audio)
{
    avsound_writer_options o;
    avsound_writer_options_init(&o, sizeof o);
    o.width = WIDTH;
    o.height = HEIGHT;
    o.rate_num = 25;
    o.rate_den = 1;
    o.quality = 100;
    o.audio_path = audio;
    avsound_writer *writer;
    ck_avsound(avsound_writer_create(context, path, &o, &writer));
    uint8_t *rgb = malloc(3 * WIDTH * HEIGHT);
    avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = WIDTH, .height = HEIGHT};
    frame.data[0] = rgb;
    frame.stride[0] = 3 * WIDTH;
    for (int i = 0; i < FRAMES; i++) {
        memset(rgb, 0, 3 * WIDTH * HEIGHT);
        for (int y = 80; y < 160; y++)
            memset(rgb + 3 * (y * WIDTH + box_x(i)), 255, 3 * 80);
        frame.time_us = (int64_t)i * 40000;
        ck_avsound(avsound_writer_write_frame(writer, &frame));
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
    free(rgb);
}

static void setup(void)
{
    const int pid = (int)getpid();
    snprintf(model_path, sizeof model_path, "scan-%d.safetensors", pid);
    snprintf(video_path, sizeof video_path, "scan-%d.mp4", pid);
    snprintf(sound_path, sizeof sound_path, "scan-%d.wav", pid);
    ck_avsound(avsound_context_create(NULL, &context));
    brightness_model(context, model_path);
    ck_avsound(avsound_model_load(context, model_path, &model));
    write_wav(sound_path, 2 * RATE);
    write_video(video_path, sound_path);
}

static void teardown(void)
{
    avsound_model_free(model);
    avsound_context_free(context);
    remove(model_path);
    remove(video_path);
    remove(sound_path);
}

static avsound_scan *start(const char *path, avsound_scan_options o)
{
    avsound_scan *scan;
    o.struct_size = sizeof o;
    ck_avsound(avsound_scan_create(model, path, &o, &scan));
    return scan;
}

static int next(avsound_scan *scan, avsound_scan_result *result)
{
    *result = (avsound_scan_result){.struct_size = sizeof *result};
    const avsound_status status = avsound_scan_next(scan, result);
    if (status == AVSOUND_E_END)
        return 0;
    ck_avsound(status);
    return 1;
}

START_TEST(every_frame_has_its_map)
{
    setup();
    avsound_scan *scan = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME,
                                                                  .threads = 2});
    ck_assert_int_eq(avsound_scan_expected(scan), FRAMES);
    avsound_scan_result r;
    int count = 0;
    for (; next(scan, &r); count++) {
        ck_assert_int_eq(r.index, count);
        ck_assert_int_eq(r.time_us, (int64_t)count * 40000);
        ck_assert_int_eq(r.frame->time_us, r.time_us);
        ck_assert(r.rows == 14 && r.cols == 19);
        const double centre = (box_x(count) + 40) * r.cols / (double)WIDTH;
        ck_assert_float_gt(r.map[7 * r.cols + (int)centre], 0.95f);
        ck_assert_float_lt(r.map[1 * r.cols + (int)centre], 0.05f);
    }
    ck_assert_int_eq(count, FRAMES);
    avsound_scan_times times = {.struct_size = sizeof times};
    ck_avsound(avsound_scan_get_times(scan, &times));
    ck_assert_double_gt(times.network, 0);
    avsound_scan_free(scan);
    teardown();
}
END_TEST

START_TEST(grid_shows_the_frame_on_screen)
{
    setup();
    avsound_scan *scan = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_FRAME | AVSOUND_SCAN_SCORE,
                                                                  .hop_seconds = 0.1, .start_us = 500000,
                                                                  .duration_us = 1000000, .threads = 1});
    ck_assert_int_eq(avsound_scan_expected(scan), 10);
    avsound_scan_result r;
    int count = 0;
    for (; next(scan, &r); count++) {
        ck_assert_int_eq(r.time_us, 500000 + (int64_t)count * 100000);
        ck_assert_int_eq(r.frame->time_us, r.time_us / 40000 * 40000);
    }
    ck_assert_int_eq(count, 10);
    avsound_scan_free(scan);
    teardown();
}
END_TEST

/* The spectrogram columns that the walk computes once must be those of the second cut out and prepared alone. */
START_TEST(agrees_with_single_sounds)
{
    setup();
    avsound_model *random;
    ck_avsound(avsound_model_create(context, "ave-net", "{\"width\": 0.125}", 3, &random));
    avsound_session *session;
    ck_avsound(avsound_session_create(random, NULL, &session));
    avsound_scan_options o = {.struct_size = sizeof o, .what = AVSOUND_SCAN_EMBED_AUDIO, .hop_seconds = 0.2};
    avsound_scan *scan;
    ck_avsound(avsound_scan_create(random, sound_path, &o, &scan));
    int16_t second[RATE];
    avsound_scan_result r;
    int count = 0;
    for (; next(scan, &r); count++) {
        ck_assert_int_eq(r.time_us, (int64_t)count * 200000);
        const int64_t begin = r.time_us * RATE / 1000000 - RATE / 2;
        for (int64_t i = 0; i < RATE; i++)
            second[i] = begin + i < 0 || begin + i >= 2 * RATE ? 0 : sample_at(begin + i);
        const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_S16, .sample_rate = RATE,
                                     .channels = 1, .frames = RATE, .data = second};
        float alone[128];
        size_t size = 128;
        ck_avsound(avsound_embed_audio(session, &sound, 1, alone, &size));
        double cosine = 0;
        for (int i = 0; i < 128; i++)
            cosine += (double)alone[i] * (double)r.embedding_audio[i];
        /* 120 samples on each side are the recording's in one case and zeros in the other. */
        ck_assert_double_gt(cosine, 0.999);
    }
    ck_assert_int_eq(count, 10);
    avsound_scan_free(scan);
    avsound_session_free(session);
    avsound_model_free(random);
    teardown();
}
END_TEST

START_TEST(thread_count_changes_nothing)
{
    setup();
    avsound_scan *one = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_MAP, .threads = 1});
    avsound_scan *three = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_MAP, .threads = 3});
    avsound_scan_result a, b;
    while (next(one, &a)) {
        ck_assert(next(three, &b));
        ck_assert_int_eq(a.time_us, b.time_us);
        ck_assert_mem_eq(a.map, b.map, (size_t)(a.rows * a.cols) * sizeof *a.map);
    }
    ck_assert(!next(three, &b));
    avsound_scan_free(one);
    avsound_scan_free(three);
    teardown();
}
END_TEST

START_TEST(another_sound_is_repeated)
{
    setup();
    char shorter[80], silent[80];
    snprintf(shorter, sizeof shorter, "short-%s", sound_path);
    snprintf(silent, sizeof silent, "silent-%s", video_path);
    write_wav(shorter, RATE / 2);
    write_video(silent, NULL);
    avsound_scan *scan;
    avsound_scan_options o = {.struct_size = sizeof o, .what = AVSOUND_SCAN_SCORE};
    ck_refused(avsound_scan_create(model, silent, &o, &scan), AVSOUND_E_STATE, "has no sound");
    ck_assert_ptr_null(scan);
    o.audio_path = shorter;
    scan = start(silent, o);
    avsound_scan_result r;
    int count = 0;
    for (; next(scan, &r); count++)
        if (count > 13)
            ck_assert_float_gt(r.rms, 0.2f);
    ck_assert_int_eq(count, FRAMES);
    avsound_scan_free(scan);
    ck_refused(avsound_scan_create(model, shorter, &(avsound_scan_options){.struct_size = sizeof o,
               .what = AVSOUND_SCAN_MAP}, &scan), AVSOUND_E_STATE, "has no pictures");
    remove(shorter);
    remove(silent);
    teardown();
}
END_TEST

START_TEST(cancelled_and_left_early)
{
    setup();
    avsound_scan *scan = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_MAP});
    avsound_scan_result r;
    ck_assert(next(scan, &r));
    avsound_scan_cancel(scan);
    ck_assert_int_eq(avsound_scan_next(scan, &r), AVSOUND_E_CANCELLED);
    avsound_scan_free(scan);
    scan = start(video_path, (avsound_scan_options){.what = AVSOUND_SCAN_MAP});
    ck_assert(next(scan, &r));
    avsound_scan_free(scan);
    teardown();
}
END_TEST

START_TEST(damaged_file_delivers_what_it_holds)
{
    setup();
    FILE *f = fopen(sound_path, "rb");
    static char bytes[4 * RATE];
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    f = fopen(sound_path, "wb");
    fwrite(bytes, 1, n / 2, f);
    fclose(f);
    avsound_scan *scan = start(sound_path, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO, .hop_seconds = 0.1});
    avsound_scan_result r;
    int count = 0;
    while (next(scan, &r))
        count++;
    ck_assert_int_eq(count, 10);
    avsound_scan_free(scan);
    teardown();
}
END_TEST

/* A sound file may hold floats that are no numbers. */
START_TEST(samples_that_are_no_numbers_are_refused)
{
    setup();
    FILE *f = fopen(sound_path, "r+b");
    fseek(f, 16, SEEK_SET);
    put(f, 16, 4);
    put(f, 3, 2); /* IEEE float */
    put(f, 1, 2);
    put(f, RATE, 4);
    put(f, 4 * RATE, 4);
    put(f, 4, 2);
    put(f, 32, 2);
    fseek(f, 44, SEEK_SET);
    for (int i = 0; i < 20000; i++)
        put(f, 0, 4);
    put(f, 0x7fc00000, 4);
    fclose(f);
    avsound_scan *scan = start(sound_path, (avsound_scan_options){.what = AVSOUND_SCAN_EMBED_AUDIO});
    avsound_scan_result r = {.struct_size = sizeof r};
    avsound_status status;
    while (!(status = avsound_scan_next(scan, &r)))
        ;
    ck_refused(status, AVSOUND_E_FORMAT, "is not finite");
    avsound_scan_free(scan);
    teardown();
}
END_TEST

SUITE("scan", every_frame_has_its_map, grid_shows_the_frame_on_screen, agrees_with_single_sounds,
      thread_count_changes_nothing, another_sound_is_repeated, cancelled_and_left_early,
      damaged_file_delivers_what_it_holds, samples_that_are_no_numbers_are_refused)
