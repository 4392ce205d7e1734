/* What was pushed comes out where its times say. At the rate it is read at nothing is resampled: samples are exact. */
#include "media/feed.h"

#include "suite.h"

enum { RATE = 8000, WIDTH = 6, HEIGHT = 4 };

static avsound_context *context;

static avsn_feed *make_feed(bool frames, bool sound, int64_t patience_us)
{
    const avsn_feed_options o = {.frames = frames, .sound = sound, .rate = RATE, .channels = 1, .rate_num = 25, .rate_den = 1,
                                 .patience_us = patience_us};
    avsn_feed *feed = NULL;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_feed_create(context, &o, &feed));
    return feed;
}

static avsn_feed_reader *make_reader(avsn_feed *feed, bool frames, bool sound)
{
    avsn_feed_reader *reader = NULL;
    ck_avsound(avsn_feed_reader_create(feed, frames, sound, &reader));
    return reader;
}

static void drop(avsn_feed *feed, avsn_feed_reader *reader)
{
    avsn_feed_reader_free(reader);
    avsn_feed_free(feed);
    avsound_context_free(context);
}

static uint8_t pixels[3 * WIDTH * HEIGHT];

static avsound_status show(avsn_feed *feed, int64_t time_us)
{
    memset(pixels, (int)(time_us / 10000 % 256), sizeof pixels);
    const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = WIDTH, .height = HEIGHT,
                                 .data = {pixels}, .stride = {3 * WIDTH}, .time_us = time_us};
    return avsn_feed_push_frame(feed, &frame);
}

/* Samples whose values count from `first` on. */
static avsound_status play(avsn_feed *feed, int64_t time_us, int first, int count)
{
    float samples[4000];
    ck_assert_int_le(count, 4000);
    for (int i = 0; i < count; i++)
        samples[i] = (float)(first + i) / 16384;
    const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = RATE, .channels = 1,
                                 .frames = count, .data = samples, .time_us = time_us};
    return avsn_feed_push_sound(feed, &sound);
}

/* All there is, as what play() counted; the time of the first. */
static int hear(avsn_feed_reader *reader, int *values, int most, int64_t *time_us, avsound_status *status)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    int count = 0;
    while ((*status = avsn_feed_reader_sound(reader, &audio)) == AVSOUND_OK) {
        if (!count)
            *time_us = audio.time_us;
        for (int64_t i = 0; i < audio.frames; i++) {
            ck_assert_int_lt(count, most);
            values[count++] = (int)lroundf(((const float *)audio.data)[i] * 16384);
        }
    }
    return count;
}

START_TEST(sound_lies_where_its_times_say)
{
    avsn_feed *feed = make_feed(false, true, 0);
    static int values[40000];
    int64_t time_us = 0;
    avsound_status status;
    ck_assert(!avsn_feed_located(feed));
    ck_avsound(play(feed, 1000000, 1, 80));
    ck_avsound(play(feed, 1013000, 81, 80));  /* 3 ms late: jitter */
    ck_avsound(play(feed, 1030000, 161, 80)); /* 10 ms: a gap of 80 samples */
    ck_avsound(play(feed, 1035000, 201, 80)); /* goes back by 5 ms: within the tolerance it would go on, by 40 samples */
    ck_avsound(play(feed, 1030000, 161, 200)); /* goes back by 20 ms: 160 samples were heard */
    ck_assert(avsn_feed_located(feed));
    ck_assert_int_eq(avsn_feed_origin(feed), 1000000);
    avsn_feed_reader *reader = make_reader(feed, false, true);
    const int count = hear(reader, values, 40000, &time_us, &status);
    ck_assert_int_eq(status, AVSOUND_E_AGAIN);
    ck_assert_int_eq(time_us, 0);
    ck_assert_int_eq(count, 80 + 80 + 80 + 80 + 80 + 40);
    for (int i = 0; i < 160; i++)
        ck_assert_int_eq(values[i], 1 + i);
    for (int i = 160; i < 240; i++)
        ck_assert_int_eq(values[i], 0);
    for (int i = 240; i < 320; i++)
        ck_assert_int_eq(values[i], 161 + i - 240);
    avsn_feed_counts counts;
    avsn_feed_count(feed, &counts);
    ck_assert_int_eq(counts.stand_in_samples, 80);
    ck_avsound(play(feed, 1055000, 1, 10));
    ck_avsound(avsn_feed_end(feed));
    ck_assert_int_eq(hear(reader, values, 40000, &time_us, &status), 10);
    ck_assert_int_eq(time_us, 55000);
    ck_assert_int_eq(status, AVSOUND_E_END);
    ck_refused(play(feed, 1060000, 1, 10), AVSOUND_E_STATE, "ended");
    drop(feed, reader);
}
END_TEST

START_TEST(time_begins_with_whichever_comes_first)
{
    avsn_feed *feed = make_feed(true, true, -1);
    ck_avsound(show(feed, 500000));
    ck_assert(!avsn_feed_located(feed));
    ck_avsound(play(feed, 480000, 1, 800));
    ck_assert(avsn_feed_located(feed) && avsn_feed_readable(feed));
    ck_assert_int_eq(avsn_feed_origin(feed), 480000);
    ck_assert_int_eq(avsn_feed_newest(feed), 580000);
    avsn_feed_reader *reader = make_reader(feed, true, true);
    avsound_media_info info;
    avsn_feed_reader_info(reader, &info);
    ck_assert(info.width == WIDTH && info.height == HEIGHT && info.has_video && info.has_audio);
    ck_assert_int_eq(info.video_start_us, 20000);
    ck_assert_int_eq(info.audio_start_us, 0);
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_avsound(avsn_feed_reader_frame(reader, &frame));
    ck_assert_int_eq(frame.time_us, 20000);
    ck_refused(avsn_feed_reader_frame(reader, &frame), AVSOUND_E_AGAIN, "");
    drop(feed, reader);
}
END_TEST

/* Two readers, one behind the other: a frame stays until both have gone on. */
START_TEST(frames_stay_as_long_as_someone_reads_them)
{
    avsn_feed *feed = make_feed(true, false, -1);
    ck_avsound(show(feed, 0));
    avsn_feed_reader *fast = make_reader(feed, true, false), *slow = make_reader(feed, true, false);
    avsound_frame frame = {.struct_size = sizeof frame}, first = frame;
    ck_avsound(avsn_feed_reader_frame(slow, &first));
    for (int i = 1; i < 20; i++)
        ck_avsound(show(feed, i * 10000));
    for (int i = 0; i < 20; i++) {
        ck_avsound(avsn_feed_reader_frame(fast, &frame));
        ck_assert_int_eq(frame.time_us, i * 10000);
        ck_assert_int_eq(frame.data[0][0], i);
    }
    ck_assert_int_eq(first.data[0][3 * WIDTH - 1], 0); /* the slow one's view still stands */
    const size_t before = avsn_feed_bytes(feed);
    for (int i = 1; i < 20; i++) {
        ck_avsound(avsn_feed_reader_frame(slow, &frame));
        ck_assert_int_eq(frame.data[0][0], i);
    }
    ck_assert_uint_lt(avsn_feed_bytes(feed), before / 4);
    avsn_feed_reader_free(fast);
    drop(feed, slow);
}
END_TEST

START_TEST(silence_stands_in_for_sound)
{
    avsn_feed *feed = make_feed(true, true, 100000);
    static int values[40000];
    int64_t time_us = 0;
    avsound_status status;
    ck_avsound(show(feed, 0));
    ck_avsound(show(feed, 100000));
    ck_assert(!avsn_feed_located(feed));
    ck_avsound(show(feed, 200000)); /* silent until 100 ms */
    ck_assert(avsn_feed_readable(feed));
    ck_avsound(play(feed, 50000, 1, 800)); /* its first half comes too late */
    ck_avsound(show(feed, 400000));         /* silent again, from 150 ms until 300 */
    avsn_feed_reader *reader = make_reader(feed, true, true);
    ck_assert_int_eq(hear(reader, values, 40000, &time_us, &status), 300 * RATE / 1000);
    for (int i = 0; i < 2400; i++)
        ck_assert_int_eq(values[i], i < 800 || i >= 1200 ? 0 : 401 + i - 800);
    avsn_feed_counts counts;
    avsn_feed_count(feed, &counts);
    ck_assert_int_eq(counts.late_samples, 400);
    ck_assert_int_eq(counts.stand_in_samples, 800 + 1200);
    drop(feed, reader);
}
END_TEST

START_TEST(the_last_frame_stands_in_for_others)
{
    avsn_feed *feed = make_feed(true, true, 100000);
    ck_avsound(show(feed, 0));
    ck_avsound(play(feed, 0, 1, 3000)); /* until 375 ms: frames until 275 */
    const size_t bytes = avsn_feed_bytes(feed);
    ck_avsound(play(feed, 375000, 1, 3000));
    ck_assert_uint_lt(avsn_feed_bytes(feed), bytes + 3000 * 2 * sizeof(float) + 9 * 64); /* the picture is held once */
    avsn_feed_reader *reader = make_reader(feed, true, true);
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_status status;
    int count = 0;
    while ((status = avsn_feed_reader_frame(reader, &frame)) == AVSOUND_OK)
        ck_assert_int_eq(frame.time_us, 40000 * count++);
    ck_assert_int_eq(count, 17); /* until 640 ms of 650 */
    ck_avsound(show(feed, 660000));
    ck_avsound(avsn_feed_reader_frame(reader, &frame));
    ck_assert_int_eq(frame.time_us, 660000);
    drop(feed, reader);
}
END_TEST

START_TEST(what_does_not_fit_is_refused_and_nothing_taken)
{
    avsn_feed *feed = make_feed(true, true, -1);
    ck_avsound(show(feed, 0));
    ck_avsound(play(feed, 0, 1, 800));
    const size_t bytes = avsn_feed_bytes(feed);
    float samples[64] = {0};
    avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = 2 * RATE, .channels = 1,
                           .frames = 8, .data = samples, .time_us = 100000};
    ck_refused(avsn_feed_push_sound(feed, &sound), AVSOUND_E_INVALID_ARGUMENT, "16000 Hz behind 8000 Hz");
    sound.sample_rate = RATE;
    sound.channels = 2;
    ck_refused(avsn_feed_push_sound(feed, &sound), AVSOUND_E_INVALID_ARGUMENT, "2 channels");
    sound.channels = 1;
    samples[3] = NAN;
    ck_refused(avsn_feed_push_sound(feed, &sound), AVSOUND_E_INVALID_ARGUMENT, "finite");
    ck_refused(play(feed, 60200000, 1, 8), AVSOUND_E_INVALID_ARGUMENT, "60.100 s behind");
    ck_refused(show(feed, -61000000), AVSOUND_E_INVALID_ARGUMENT, "61.000 s before");
    ck_assert_uint_eq(avsn_feed_bytes(feed), bytes);
    ck_avsound(play(feed, 100000, 1, 800));
    drop(feed, NULL);
    feed = make_feed(true, true, -1);
    ck_avsound(show(feed, 0));
    ck_avsound(show(feed, 50000000));
    ck_refused(play(feed, 111000000, 1, 8), AVSOUND_E_INVALID_ARGUMENT, "61.000 s behind");
    ck_avsound(play(feed, 109000000, 1, 8));
    drop(feed, NULL);
    feed = make_feed(true, true, -1);
    ck_avsound(play(feed, 0, 1, 8));
    ck_refused(show(feed, -61000000), AVSOUND_E_INVALID_ARGUMENT, "61.000 s before");
    ck_avsound(show(feed, -59000000));
    drop(feed, NULL);
}
END_TEST

SUITE("feed", sound_lies_where_its_times_say, time_begins_with_whichever_comes_first, frames_stay_as_long_as_someone_reads_them,
      silence_stands_in_for_sound, the_last_frame_stands_in_for_others, what_does_not_fit_is_refused_and_nothing_taken)
