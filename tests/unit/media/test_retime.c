/* Files whose sound was moved: what they hold is what it was, only its time is another. */
#include "base/base.h"
#include "failing.h"
#include "unit/media/make_files.h"

#include <libavformat/avformat.h>
#include <unistd.h>

#define VIDEO                                                                                               \
    .video_encoder = "libx264", .video_options = "preset=ultrafast:crf=18:bf=2:b_strategy=0:g=20", .width = 160, \
    .height = 96, .frames = 60, .pixel_format = AV_PIX_FMT_YUV420P, .tick = {1, 25}

static const char *source(void)
{
    static const make_spec spec = {VIDEO, .container = "matroska", .audio_encoder = "flac", .rate = 48000, .channels = 2,
                                   .samples = 115200};
    const char *path = temporary_path("source.mkv");
    if (access(path, F_OK))
        make_media(path, &spec);
    return path;
}

static avsound_retime_options by(int64_t audio_delay_us)
{
    avsound_retime_options o;
    avsound_retime_options_init(&o, sizeof o);
    o.audio_delay_us = audio_delay_us;
    return o;
}

static const char *moved(const char *from, const char *name, int64_t audio_delay_us)
{
    avsound_context *context = plain_context();
    const char *path = temporary_path(name);
    const avsound_retime_options o = by(audio_delay_us);
    ck_avsound(avsound_media_retime(context, from, path, &o));
    avsound_context_free(context);
    return path;
}

static int64_t lead(const char *path)
{
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const avsound_media_info info = info_of(media);
    avsound_media_free(media);
    avsound_context_free(context);
    ck_assert_int_eq(AVSN_MIN(info.video_start_us, info.audio_start_us), 0);
    return info.audio_start_us - info.video_start_us;
}

/* All packets of one kind, added up so that any other byte or order shows. */
static uint64_t packets_of(const char *path, enum AVMediaType type, int *count)
{
    AVFormatContext *format = NULL;
    AVPacket *packet = av_packet_alloc();
    uint64_t hash = 14695981039346656037u;
    *count = 0;
    ck_assert_int_ge(avformat_open_input(&format, path, NULL, NULL), 0);
    ck_assert_int_ge(avformat_find_stream_info(format, NULL), 0);
    while (av_read_frame(format, packet) >= 0) {
        if (format->streams[packet->stream_index]->codecpar->codec_type == type) {
            for (int i = 0; i < packet->size; i++)
                hash = (hash ^ packet->data[i]) * 1099511628211u;
            ++*count;
        }
        av_packet_unref(packet);
    }
    avformat_close_input(&format);
    av_packet_free(&packet);
    return hash;
}

static void check_times(const char *path, int64_t first_us)
{
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    for (int i = 0; i < 60; i++) {
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(shown_number(&frame), i);
        ck_assert_int_le(llabs(frame.time_us - first_us - i * 40000), 1000); /* Matroska counts milliseconds */
    }
    avsound_media_free(media);
    avsound_context_free(context);
}

START_TEST(sound_moves_by_what_was_asked_for)
{
    static const int64_t delays[] = {120000, -120000, 7000, -333000, 1900000, -1900000, 0};
    static const char *const endings[] = {".mkv", ".mp4"};
    for (size_t e = 0; e < 2; e++)
        for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
            char name[64];
            snprintf(name, sizeof name, "moved-%zu%s", i, endings[e]);
            const char *path = moved(source(), name, delays[i]);
            ck_assert_int_le(llabs(lead(path) - delays[i]), e ? 25 : 1000);
            check_times(path, delays[i] < 0 ? -delays[i] : 0);
        }
}
END_TEST

START_TEST(packets_are_copied_as_they_are)
{
    const char *path = moved(source(), "copied.mp4", -80000);
    for (int type = AVMEDIA_TYPE_VIDEO; type <= AVMEDIA_TYPE_AUDIO; type++) {
        int before, after;
        ck_assert_uint_eq(packets_of(source(), (enum AVMediaType)type, &before),
                          packets_of(path, (enum AVMediaType)type, &after));
        ck_assert_int_gt(before, 0);
        ck_assert_int_eq(after, before);
    }
}
END_TEST

/* There and back: a file that was made to start late for one fix does not go on growing with the next. */
START_TEST(moving_back_restores_the_times)
{
    const char *there = moved(source(), "there.mp4", -200000), *back = moved(there, "back.mp4", 200000);
    ck_assert_int_le(llabs(lead(back)), 25);
    check_times(back, 0);
    const char *away = moved(back, "away.mkv", 1000000), *again = moved(away, "again.mkv", -400000);
    ck_assert_int_le(llabs(lead(again) - 600000), 2000);
    check_times(again, 0);
}
END_TEST

/* By how many samples the tone comes later than it would if it began with the first frame; within 30 of what is expected,
 * less than a period. */
static int64_t lateness_of_tone(const char *path, int64_t expected)
{
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const whole_sound all = read_sound(media);
    const int64_t start = llround((double)(all.start_us - info_of(media).video_start_us) * 0.048);
    double best = INFINITY;
    int64_t found = 0;
    for (int64_t late = expected - 30; late <= expected + 30; late++) {
        double error = 0;
        for (int64_t n = 12000; n < 12200; n++)
            error += pow((double)all.samples[n - start] - (double)make_tone(n - late, 0, 48000), 2);
        if (error < best) {
            best = error;
            found = late;
        }
    }
    ck_assert_double_le(best, 0.02);
    free(all.samples);
    avsound_media_free(media);
    avsound_context_free(context);
    return found;
}

/* AAC begins before its first sample, which MP4 hides by an edit list. */
START_TEST(an_encoder_that_begins_early_stays_in_place)
{
    const make_spec spec = {VIDEO, .container = "mp4", .audio_encoder = "aac", .audio_options = "b=192k", .rate = 48000,
                            .channels = 1, .tones = 1, .samples = 115200};
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("aac.mp4"));
    make_media(path, &spec);
    const int64_t before = lateness_of_tone(path, 0);
    static const int64_t delays[] = {80000, -80000, 10000};
    static const char *const names[] = {"aac-moved.mp4", "aac-moved.mkv", "aac-moved.mov"};
    for (int e = 0; e < 3; e++)
        for (int i = 0; i < 3; i++) {
            const int64_t expected = before + delays[i] * 48 / 1000;
            const int64_t found = lateness_of_tone(moved(path, names[e], delays[i]), expected);
            ck_assert_int_le(llabs(found - expected), e == 1 ? 24 : 1); /* Matroska counts milliseconds */
        }
}
END_TEST

START_TEST(what_cannot_be_done_is_refused_and_leaves_nothing)
{
    avsound_context *context = plain_context();
    const avsound_retime_options o = by(40000);
    const char *mute = make_video_file(video_files());
    const char *path = temporary_path("refused.mp4");
    ck_refused(avsound_media_retime(context, mute, path, &o), AVSOUND_E_STATE, "has no sound");
    ck_refused(avsound_media_retime(context, source(), temporary_path("refused.avi"), &o), AVSOUND_E_UNSUPPORTED, ".mkv");
    ck_refused(avsound_media_retime(context, source(), temporary_path("refused.webm"), &o), AVSOUND_E_UNSUPPORTED,
               "cannot hold");
    ck_refused(avsound_media_retime(context, source(), "no/such/folder/x.mp4", &o), AVSOUND_E_IO, "no/such/folder");
    const avsound_retime_options far = by(INT64_C(3600000001));
    ck_refused(avsound_media_retime(context, source(), path, &far), AVSOUND_E_INVALID_ARGUMENT, "audio_delay_us");
    ck_assert_int_ne(access(path, F_OK), 0);
    avsound_context_free(context);
}
END_TEST

static int32_t stop_at_once(double part, void *calls)
{
    ck_assert(part >= 0 && part <= 1);
    return ++*(int *)calls == 1;
}

START_TEST(stopping_leaves_nothing)
{
    int calls = 0;
    avsound_context *context = plain_context();
    avsound_retime_options o = by(40000);
    o.progress = stop_at_once;
    o.user_data = &calls;
    ck_assert_int_eq(avsound_media_retime(context, source(), temporary_path("stopped.mp4"), &o), AVSOUND_E_CANCELLED);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_ne(access(temporary_path("stopped.mp4"), F_OK), 0);
    avsound_context_free(context);
}
END_TEST

START_TEST(refused_memory_is_survived)
{
    failing f;
    avsound_context *context = failing_context(&f);
    const avsound_retime_options o = by(40000);
    const char *from = source(), *path = temporary_path("survived.mkv");
    ck_survives_refusals(&f, avsound_media_retime(context, from, path, &o), (void)0);
    avsound_context_free(context);
}
END_TEST

SUITE("media.retime", sound_moves_by_what_was_asked_for, packets_are_copied_as_they_are, moving_back_restores_the_times,
      an_encoder_that_begins_early_stays_in_place, what_cannot_be_done_is_refused_and_leaves_nothing,
      stopping_leaves_nothing, refused_memory_is_survived)
