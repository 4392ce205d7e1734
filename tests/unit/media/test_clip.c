#include "base/base.h"
#include "failing.h"
#include "media/clip.h"
#include "unit/media/make_files.h"

#include <unistd.h>

enum { WIDTH = 160, HEIGHT = 96, FRAMES = 30, RATE = 48000, SAMPLES = 57701 };

static make_spec prepared(int channels)
{
    return (make_spec){
        .container = "matroska",
        .video_encoder = "mjpeg",
        .width = WIDTH,
        .height = HEIGHT,
        .frames = FRAMES,
        .pixel_format = AV_PIX_FMT_YUVJ420P,
        .range = AVCOL_RANGE_JPEG,
        .tick = {1, 25},
        .audio_encoder = "pcm_s16le",
        .rate = RATE,
        .channels = channels,
        .samples = SAMPLES,
    };
}

static const char *made(const char *name, make_spec spec)
{
    const char *path = temporary_path(name);
    make_media(path, &spec);
    return path;
}

static avsn_clip *clip_of(avsound_context *context, const char *path)
{
    avsn_clip *clip;
    ck_avsound(avsn_clip_open(context, path, &clip));
    return clip;
}

static float wanted_sample(int64_t n, int channels)
{
    if (n < 0 || n >= SAMPLES)
        return 0;
    double sum = 0;
    for (int c = 0; c < channels; c++)
        sum += make_noise(n, c) / 32768.0;
    return (float)(sum / channels);
}

#define ck_not_clip(path, code, words)                                   \
    do {                                                                 \
        avsound_context *context_ = plain_context();                     \
        avsn_clip *clip_ = (avsn_clip *)&context_;                       \
        ck_refused(avsn_clip_open(context_, path, &clip_), code, words); \
        ck_assert_ptr_null(clip_);                                       \
        avsound_context_free(context_);                                  \
    } while (0)

START_TEST(knows_its_size)
{
    avsound_context *context = plain_context();
    avsn_clip *clip = clip_of(context, made("size.mkv", prepared(2)));
    ck_assert_int_eq(avsn_clip_frames(clip), FRAMES);
    ck_assert_int_eq(avsn_clip_samples(clip), SAMPLES);
    ck_assert_int_eq(avsn_clip_rate(clip), RATE);
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(reads_frames_in_any_order)
{
    avsound_context *context = plain_context();
    avsn_clip *clip = clip_of(context, made("order.mkv", prepared(1)));
    for (int32_t k = 0; k < 3 * FRAMES; k++) {
        const int32_t i = k * 17 % FRAMES;
        avsound_frame view;
        ck_avsound(avsn_clip_read_frame(clip, i, &view));
        ck_assert_int_eq(shown_number(&view), i);
        ck_assert_int_eq(view.width, WIDTH);
        ck_assert_int_eq(view.height, HEIGHT);
        ck_assert_int_eq(view.time_us, i * 40000);
        ck_assert_int_eq(view.range, AVSOUND_RANGE_FULL);
        ck_assert_int_eq(view.format, AVSOUND_PIXEL_YUV420P);
    }
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(frames_are_those_that_the_player_shows)
{
    avsound_context *context = plain_context();
    const char *path = made("player.mkv", prepared(1));
    avsn_clip *clip = clip_of(context, path);
    avsound_media *media = opened(context, path, NULL);
    for (int32_t i = 0; i < FRAMES; i++) {
        const avsound_frame shown = next_frame(media);
        avsound_frame view;
        ck_avsound(avsn_clip_read_frame(clip, i, &view));
        ck_assert_int_eq(view.format, shown.format);
        for (int p = 0; p < 3; p++)
            for (int y = 0; y < (p ? HEIGHT / 2 : HEIGHT); y++)
                ck_assert_mem_eq(view.data[p] + y * view.stride[p], shown.data[p] + y * shown.stride[p],
                                 p ? WIDTH / 2 : WIDTH);
    }
    avsound_media_free(media);
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(reads_samples_anywhere)
{
    enum { MOST = SAMPLES + 900 };
    static const int64_t stretch[][2] = {
        {0, 1},       {0, SAMPLES},  {-400, MOST},     {999, 2},           {1000, 1},
        {1000, 1000}, {12345, 4321}, {SAMPLES - 1, 1}, {SAMPLES - 1, 100}, {SAMPLES, 10},
        {-50, 50},    {-50, 51},     {77, 0},          {1000000, 5},       {-1000000, 5}};
    avsound_context *context = plain_context();
    float *mono = malloc(MOST * sizeof *mono);
    for (int channels = 1; channels <= 4; channels *= 2) {
        avsn_clip *clip = clip_of(context, made("sound.mkv", prepared(channels)));
        for (size_t s = 0; s < AVSN_ARRAY_COUNT(stretch); s++) {
            const int64_t first = stretch[s][0], count = stretch[s][1];
            for (int64_t i = 0; i < MOST; i++)
                mono[i] = 7;
            ck_avsound(avsn_clip_read_audio(clip, first, count, mono));
            for (int64_t i = 0; i < count; i++)
                ck_assert_float_eq(mono[i], wanted_sample(first + i, channels));
            if (count < MOST)
                ck_assert_float_eq(mono[count], 7);
        }
        avsn_clip_free(clip);
    }
    free(mono);
    avsound_context_free(context);
}
END_TEST

START_TEST(channels_are_read_one_by_one)
{
    avsound_context *context = plain_context();
    avsn_clip_reader *reader;
    ck_avsound(avsn_clip_reader_create(context, &reader));
    for (int32_t channels = 1; channels <= 4; channels *= 2) {
        avsn_clip_index *index;
        float samples[3000];
        ck_avsound(avsn_clip_index_create(context, made("sound.mkv", prepared(channels)), &index));
        ck_assert_int_eq(avsn_clip_index_channels(index), channels);
        for (int32_t c = 0; c < 5; c++) { /* beyond the last: the last */
            ck_avsound(avsn_clip_reader_channel(reader, index, c, -100, 3000, samples));
            for (int64_t i = 0; i < 3000; i++)
                ck_assert_float_eq(samples[i], i < 100 ? 0 : (float)make_noise(i - 100, AVSN_MIN(c, channels - 1)) / 32768);
        }
        ck_refused(avsn_clip_reader_channel(reader, index, -1, 0, 1, samples), AVSOUND_E_INVALID_ARGUMENT, "channel -1");
        avsn_clip_index_free(index);
    }
    avsn_clip_reader_free(reader);
    avsound_context_free(context);
}
END_TEST

START_TEST(refuses_frames_and_samples_that_are_none)
{
    avsound_context *context = plain_context();
    avsn_clip *clip = clip_of(context, made("range.mkv", prepared(1)));
    avsound_frame view;
    float sample;
    ck_refused(avsn_clip_read_frame(clip, -1, &view), AVSOUND_E_INVALID_ARGUMENT, "frame -1, has 0 to 29");
    ck_refused(avsn_clip_read_frame(clip, FRAMES, &view), AVSOUND_E_INVALID_ARGUMENT, "frame 30, has 0 to 29");
    ck_refused(avsn_clip_read_audio(clip, 0, -1, &sample), AVSOUND_E_INVALID_ARGUMENT, "-1 samples");
    ck_refused(avsn_clip_read_audio(clip, INT64_MAX, 1, &sample), AVSOUND_E_INVALID_ARGUMENT, "range.mkv");
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(refuses_other_codecs)
{
    make_spec spec = prepared(1);
    spec.video_encoder = "mpeg4";
    spec.pixel_format = AV_PIX_FMT_YUV420P;
    ck_not_clip(made("codec.mkv", spec), AVSOUND_E_UNSUPPORTED, "codec.mkv: video codec is mpeg4, want mjpeg");
    spec = prepared(1);
    spec.audio_encoder = "pcm_s32le";
    ck_not_clip(made("codec.mkv", spec), AVSOUND_E_UNSUPPORTED, "sound codec is pcm_s32le, want pcm_s16le");
}
END_TEST

START_TEST(refuses_a_missing_stream)
{
    make_spec spec = prepared(1);
    spec.audio_encoder = NULL;
    ck_not_clip(made("mute.mkv", spec), AVSOUND_E_UNSUPPORTED, "mute.mkv: has no sound");
    spec = prepared(1);
    spec.video_encoder = NULL;
    ck_not_clip(made("blind.mkv", spec), AVSOUND_E_UNSUPPORTED, "blind.mkv: has no video");
}
END_TEST

START_TEST(refuses_another_frame_rate)
{
    make_spec spec = prepared(1);
    spec.tick = (AVRational){1, 24};
    ck_not_clip(made("rate.mkv", spec), AVSOUND_E_FORMAT, "rate.mkv: frame 1 is at 0.042 s, want 0.040 s");
}
END_TEST

START_TEST(refuses_holes)
{
    int64_t pts[FRAMES];
    make_spec spec = prepared(1);
    for (int i = 0; i < FRAMES; i++)
        pts[i] = i + (i >= 9);
    spec.pts = pts;
    ck_not_clip(made("hole.mkv", spec), AVSOUND_E_FORMAT, "hole.mkv: frame 9 is at 0.400 s, want 0.360 s");
    spec = prepared(1);
    spec.gap_at = 24000;
    spec.gap = 960;
    ck_not_clip(made("hole.mkv", spec), AVSOUND_E_FORMAT, "sample 24000 is at 0.520 s, want 0.500 s");
    spec = prepared(1);
    spec.audio_offset = 480;
    ck_not_clip(made("hole.mkv", spec), AVSOUND_E_FORMAT, "sample 0 is at 0.010 s, want 0.000 s");
}
END_TEST

START_TEST(refuses_what_is_no_media)
{
    const char *path = temporary_path("text.mkv");
    FILE *file = fopen(path, "wb");
    fputs("not a film at all, only words", file);
    fclose(file);
    ck_not_clip(path, AVSOUND_E_FORMAT, "text.mkv");
    ck_not_clip(temporary_path("absent.mkv"), AVSOUND_E_IO, "absent.mkv");
}
END_TEST

/* Where frame `wanted` begins in the file: JPEGs begin with FF D8 FF. */
static long frame_start(const uint8_t *data, long size, int wanted)
{
    for (long i = 0; i + 3 < size; i++)
        if (data[i] == 0xff && data[i + 1] == 0xd8 && data[i + 2] == 0xff && wanted-- == 0)
            return i;
    ck_abort_msg("frame not found");
    return -1;
}

/* Overwrites `count` bytes of a frame, `skip` bytes after its beginning. */
static void damage(const char *path, int frame, long skip, int count, int value)
{
    FILE *file = fopen(path, "r+b");
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    uint8_t *data = malloc((size_t)size);
    rewind(file);
    ck_assert_int_eq((long)fread(data, 1, (size_t)size, file), size);
    fseek(file, frame_start(data, size, frame) + skip, SEEK_SET);
    for (int i = 0; i < count; i++)
        fputc(value, file);
    fclose(file);
    free(data);
}

START_TEST(a_damaged_frame_is_named_and_the_next_one_is_fine)
{
    avsound_context *context = plain_context();
    const char *path = made("damaged.mkv", prepared(1));
    avsn_clip *clip = clip_of(context, path);
    avsound_frame view;
    damage(path, 9, 200, 200, 0xfe);
    damage(path, 7, 0, 40, 0);
    ck_refused(avsn_clip_read_frame(clip, 7, &view), AVSOUND_E_FORMAT, "damaged.mkv: frame 7");
    ck_refused(avsn_clip_read_frame(clip, 9, &view), AVSOUND_E_FORMAT, "damaged.mkv: frame 9");
    for (int32_t i = 6; i <= 10; i += 2) {
        ck_avsound(avsn_clip_read_frame(clip, i, &view));
        ck_assert_int_eq(shown_number(&view), i);
    }
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(frames_of_another_size_are_named)
{
    avsound_context *context = plain_context();
    make_spec spec = prepared(1);
    spec.change_after = 20;
    spec.change_width = 128;
    spec.change_height = 64;
    avsn_clip *clip = clip_of(context, made("sizes.mkv", spec));
    avsound_frame view;
    ck_avsound(avsn_clip_read_frame(clip, 19, &view));
    ck_refused(avsn_clip_read_frame(clip, 20, &view), AVSOUND_E_FORMAT,
               "sizes.mkv: frame 20 is 128 x 64 pixels, the clip's are 160 x 96");
    avsn_clip_free(clip);
    avsound_context_free(context);
}
END_TEST

START_TEST(a_truncated_file_is_refused)
{
    const char *path = made("short.mkv", prepared(1));
    avsound_context *context = plain_context();
    avsn_clip *clip = clip_of(context, path);
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    ck_assert_int_eq(truncate(path, size * 6 / 10), 0);
    avsound_frame view;
    float sample;
    ck_refused(avsn_clip_read_frame(clip, 0, &view), AVSOUND_E_STATE, "short.mkv: has changed");
    ck_refused(avsn_clip_read_audio(clip, 0, 1, &sample), AVSOUND_E_STATE, "short.mkv: has changed");
    avsn_clip_free(clip);
    avsound_context_free(context);
    ck_not_clip(path, AVSOUND_E_FORMAT, "short.mkv: ends at");
}
END_TEST

START_TEST(one_reader_serves_many_clips)
{
    avsound_context *context = plain_context();
    make_spec other = prepared(1);
    other.width = 96;
    other.height = 160;
    avsn_clip_index *index[2];
    avsn_clip_reader *reader;
    ck_avsound(avsn_clip_index_create(context, made("one.mkv", prepared(2)), &index[0]));
    ck_avsound(avsn_clip_index_create(context, made("two.mkv", other), &index[1]));
    ck_avsound(avsn_clip_reader_create(context, &reader));
    for (int32_t k = 0; k < 2 * FRAMES; k++) {
        avsound_frame view;
        float sample;
        ck_avsound(avsn_clip_reader_frame(reader, index[k % 2], k / 2, &view));
        ck_assert_int_eq(view.width, k % 2 ? 96 : 160);
        ck_assert_int_eq(shown_number(&view), k / 2);
        ck_avsound(avsn_clip_reader_audio(reader, index[k % 2], 100 * k, 1, &sample));
        ck_assert_float_eq(sample, wanted_sample(100 * k, k % 2 ? 1 : 2));
    }
    avsn_clip_reader_free(reader);
    avsn_clip_index_free(index[0]);
    avsn_clip_index_free(index[1]);
    avsound_context_free(context);
}
END_TEST

static avsound_status read_something(avsound_context *context, const char *path)
{
    avsn_clip *clip;
    avsound_frame view;
    float mono[100];
    AVSN_TRY(avsn_clip_open(context, path, &clip));
    avsound_status status = avsn_clip_read_frame(clip, 3, &view);
    if (!status)
        status = avsn_clip_read_audio(clip, 950, 100, mono);
    avsn_clip_free(clip);
    return status;
}

START_TEST(survives_refused_allocations)
{
    failing f;
    const char *path = made("refused.mkv", prepared(1));
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, read_something(context, path), (void)0);
    avsound_context_free(context);
}
END_TEST

SUITE("media.clip", knows_its_size, reads_frames_in_any_order, frames_are_those_that_the_player_shows,
      reads_samples_anywhere, channels_are_read_one_by_one, refuses_frames_and_samples_that_are_none,
      refuses_other_codecs, refuses_a_missing_stream,
      refuses_another_frame_rate, refuses_holes, refuses_what_is_no_media,
      a_damaged_frame_is_named_and_the_next_one_is_fine, frames_of_another_size_are_named, a_truncated_file_is_refused,
      one_reader_serves_many_clips, survives_refused_allocations)
