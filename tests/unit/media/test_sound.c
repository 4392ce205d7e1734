#include "base/base.h"
#include "unit/media/make_files.h"

#include <malloc.h>

static whole_sound sound_of(const char *path, const avsound_media_options *options, avsound_media_info *info)
{
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, options);
    avsound_context_free(context); /* the media keeps it */
    *info = info_of(media);
    const whole_sound all = read_sound(media);
    avsound_media_free(media);
    return all;
}

static const char *made(const char *name, const make_spec *spec)
{
    const char *path = temporary_path(name);
    make_media(path, spec);
    return path;
}

/* Samples from `at` on are the noise from `from` on. */
static void check_noise(const whole_sound *all, int64_t at, int64_t from, int64_t count, float tolerance)
{
    ck_assert_int_ge(all->frames, at + count);
    float largest = 0;
    for (int64_t i = 0; i < count; i++)
        for (int c = 0; c < all->channels; c++)
            largest = fmaxf(largest,
                            fabsf(all->samples[(at + i) * all->channels + c] - (float)make_noise(from + i, c) / 32768));
    ck_assert_msg(largest <= tolerance, "samples %lld...: off by %g", (long long)at, (double)largest);
}

static void check_silence(const whole_sound *all, int64_t at, int64_t count)
{
    int64_t loud = 0;
    for (int64_t i = at * all->channels; i < (at + count) * all->channels; i++)
        loud += all->samples[i] != 0;
    ck_assert_int_eq(loud, 0);
}

/* ---- what is stored comes out ---- */

START_TEST(samples_come_out_as_stored)
{
    const struct {
        const char *name, *container, *encoder;
        int rate, channels;
        float tolerance;
    } cases[] = {
        {"a.wav", "wav", "pcm_s16le", 44100, 2, 0},   {"b.wav", "wav", "pcm_s16le", 8000, 1, 0},
        {"c.wav", "wav", "pcm_s24le", 48000, 3, 0},   {"d.wav", "wav", "pcm_f32le", 96000, 2, 0},
        {"e.wav", "wav", "pcm_f64le", 48000, 2, 0},   {"f.wav", "wav", "pcm_u8", 11025, 1, 0.5f / 128 + 1e-6f},
        {"g.wav", "wav", "pcm_s32le", 192000, 1, 0},  {"h.flac", "flac", "flac", 44100, 8, 0},
        {"i.wav", "wav", "pcm_s16le", 48000, 8, 0},   {"j.wav", "wav", "pcm_s16le", 48000, 12, 0},
        {"k.mkv", "matroska", "flac", 48000, 6, 0},   {"l.mov", "mov", "pcm_s16be", 22050, 2, 0},
        {"m.aiff", "aiff", "pcm_s16be", 44100, 2, 0}, {"n.m4a", "mp4", "alac", 44100, 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = cases[i].container,
                                .audio_encoder = cases[i].encoder,
                                .rate = cases[i].rate,
                                .channels = cases[i].channels,
                                .samples = 2 * cases[i].rate + 17};
        avsound_media_info info;
        const whole_sound all = sound_of(made(cases[i].name, &spec), NULL, &info);
        ck_assert(info.has_audio && !info.has_video);
        ck_assert_int_eq(info.sample_rate, cases[i].rate);
        ck_assert_int_eq(info.channels, cases[i].channels);
        ck_assert_int_eq(all.rate, cases[i].rate);
        ck_assert_int_eq(all.channels, cases[i].channels);
        ck_assert_int_eq(all.start_us, 0);
        ck_assert_msg(all.frames == spec.samples, "%s: %lld samples", cases[i].name, (long long)all.frames);
        check_noise(&all, 0, 0, spec.samples, cases[i].tolerance);
        free(all.samples);
    }
}
END_TEST

/* Lossy codecs: the decoded tone lies where it was encoded, not later by the encoder's delay. */
START_TEST(encoders_delay_is_taken_off)
{
    const struct {
        const char *name, *container, *encoder, *options;
        int rate;
    } cases[] = {{"a.mp4", "mp4", "aac", "b=192k", 48000},         {"a.mp3", "mp3", "libmp3lame", "b=256k", 44100},
                 {"a.webm", "webm", "libopus", "b=192k", 48000},   {"a.ogg", "ogg", "libopus", "b=192k", 48000},
                 {"b.mp4", "mp4", "aac", "b=96k", 22050},          {"b.ogg", "ogg", "libvorbis", "b=192k", 44100},
                 {"a.mkv", "matroska", "libopus", "b=192k", 48000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = cases[i].container,
                                .audio_encoder = cases[i].encoder,
                                .audio_options = cases[i].options,
                                .rate = cases[i].rate,
                                .channels = 1,
                                .samples = 3 * cases[i].rate,
                                .tones = 1};
        avsound_media_info info;
        const whole_sound all = sound_of(made(cases[i].name, &spec), NULL, &info);
        ck_assert_msg(all.start_us == 0, "%s begins at %lld", cases[i].name, (long long)all.start_us);
        double best = 1e9;
        int best_lag = 0;
        for (int lag = -5; lag <= 5; lag++) {
            double error = 0;
            for (int64_t n = 4000; n < 2 * spec.rate; n++)
                error += pow(all.samples[n] - make_tone(n - lag, 0, spec.rate), 2);
            if (error < best) {
                best = error;
                best_lag = lag;
            }
        }
        ck_assert_msg(best_lag == 0, "%s: late by %d samples", cases[i].name, best_lag);
        ck_assert_msg(sqrt(best / (2 * spec.rate)) < 0.01, "%s: error %g", cases[i].name, sqrt(best / (2 * spec.rate)));
        free(all.samples);
    }
}
END_TEST

/* ---- time ---- */

#define VIDEO                                                                                    \
    .video_encoder = "libx264", .video_options = "preset=ultrafast", .width = 160, .height = 96, \
    .pixel_format = AV_PIX_FMT_YUV420P, .tick = {1, 25}
#define PCM .audio_encoder = "pcm_s16le", .rate = 48000, .channels = 2

START_TEST(late_and_early_sound_keeps_its_time)
{
    const struct {
        const char *name, *container;
        int64_t video_offset, audio_offset, video_start, audio_start;
    } cases[] = {
        {"late.mkv", "matroska", 0, 24000, 0, 500000},    {"late.mov", "mov", 0, 24000, 0, 500000},
        {"early.mkv", "matroska", 25, 0, 1000000, 0},     {"early.mov", "mov", 25, 0, 1000000, 0},
        {"negative.nut", "nut", -50, -48000, 0, 1000000}, {"both.nut", "nut", 75, 72000, 1500000, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {VIDEO,
                                PCM,
                                .container = cases[i].container,
                                .frames = 50,
                                .samples = 96000,
                                .offset = cases[i].video_offset,
                                .audio_offset = cases[i].audio_offset};
        const char *path = made(cases[i].name, &spec);
        avsound_media_info info;
        whole_sound all = sound_of(path, NULL, &info);
        ck_assert_msg(info.video_start_us == cases[i].video_start, "%s: video at %lld", cases[i].name,
                      (long long)info.video_start_us);
        ck_assert_msg(info.audio_start_us == cases[i].audio_start, "%s: sound at %lld", cases[i].name,
                      (long long)info.audio_start_us);
        ck_assert_int_eq(all.start_us, cases[i].audio_start);
        check_noise(&all, 0, 0, spec.samples, 0);
        free(all.samples);
        /* The times do not depend on what is read. */
        avsound_media_options options = {.struct_size = sizeof options, .ignore_video = 1};
        all = sound_of(path, &options, &info);
        ck_assert(all.start_us == cases[i].audio_start && !info.has_video);
        free(all.samples);
        options = (avsound_media_options){.struct_size = sizeof options, .ignore_audio = 1};
        avsound_context *context = plain_context();
        avsound_media *media = opened(context, path, &options);
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(frame.time_us, cases[i].video_start);
        ck_assert_int_eq(info_of(media).has_audio, 0);
        avsound_media_free(media);
        avsound_context_free(context);
    }
}
END_TEST

START_TEST(gaps_are_silence_and_overlaps_are_cut)
{
    const struct {
        int64_t gap, silence, cut;
    } cases[] = {{9600, 9600, 0}, {240, 0, 0}, {-240, 0, 0}, {-600, 0, 600}, {480000, 480000, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {PCM, .container = "nut", .samples = 96000, .gap_at = 48000, .gap = cases[i].gap};
        avsound_media_info info;
        const whole_sound all = sound_of(made("gap.nut", &spec), NULL, &info);
        ck_assert_int_eq(all.frames, 96000 + cases[i].silence - cases[i].cut);
        check_noise(&all, 0, 0, 48000, 0);
        check_silence(&all, 48000, cases[i].silence);
        check_noise(&all, 48000 + cases[i].silence, 48000 + cases[i].cut, 48000 - cases[i].cut, 0);
        free(all.samples);
    }
}
END_TEST

START_TEST(seeking_into_a_gap_is_silent)
{
    const make_spec spec = {PCM, .container = "nut", .samples = 480000, .gap_at = 240000, .gap = 192000};
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, made("gap.nut", &spec), NULL);
    ck_avsound(avsound_media_seek(media, 8000000)); /* the gap: 5 s ... 9 s */
    const whole_sound all = read_sound(media);
    ck_assert_int_eq(all.start_us, 8000000);
    check_silence(&all, 0, 48000);
    check_noise(&all, 48000, 240000, 240000, 0);
    free(all.samples);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

START_TEST(sound_may_stop_halfway)
{
    const make_spec spec = {VIDEO, PCM, .container = "mov", .frames = 100, .samples = 96000};
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, made("half.mov", &spec), NULL);
    const avsound_media_info info = info_of(media);
    ck_assert_int_eq(info.duration_us, 4000000);
    ck_assert_int_eq(info.video_duration_us, 4000000);
    ck_assert_int_eq(info.audio_duration_us, 2000000);
    whole_sound all = read_sound(media);
    ck_assert_int_eq(all.frames, 96000);
    free(all.samples);
    for (int i = 0; i < 100; i++) {
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(shown_number(&frame), i);
    }
    ck_avsound(avsound_media_seek(media, 3000000));
    avsound_audio audio = {.struct_size = sizeof audio};
    ck_refused(avsound_media_read_audio(media, &audio), AVSOUND_E_END, "no more sound");
    const avsound_frame frame = next_frame(media);
    ck_assert_int_eq(shown_number(&frame), 75);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

/* ---- channels and rates ---- */

START_TEST(channels_are_mixed)
{
    const make_spec stereo = {PCM, .container = "wav", .samples = 48000};
    make_spec mono = stereo, eight = stereo, odd = stereo;
    mono.channels = 1;
    eight.channels = 8;
    odd.channels = 11;
    avsound_media_info info;
    avsound_media_options options = {.struct_size = sizeof options, .audio_channels = 1};
    whole_sound all = sound_of(made("stereo.wav", &stereo), &options, &info);
    ck_assert(all.channels == 1 && info.channels == 2 && all.frames == 48000);
    float largest = 0;
    for (int64_t n = 0; n < all.frames; n++)
        largest = fmaxf(largest, fabsf(all.samples[n] - 0.5f * (make_noise(n, 0) + make_noise(n, 1)) / 32768));
    ck_assert_float_eq(largest, 0);
    free(all.samples);

    options.audio_channels = 2;
    all = sound_of(made("mono.wav", &mono), &options, &info);
    largest = 0;
    for (int64_t n = 0; n < 2 * all.frames; n++)
        largest = fmaxf(largest, fabsf(all.samples[n] - (float)make_noise(n / 2, 0) / 32768));
    ck_assert_float_eq(largest, 0);
    free(all.samples);

    /* 7.1 to mono: FFmpeg's weights L R .7071, C 1, LFE 0, the others half, scaled to a sum of 1. */
    options.audio_channels = 1;
    all = sound_of(made("eight.wav", &eight), &options, &info);
    const double weights[8] = {0.70710678, 0.70710678, 1, 0, 0.5, 0.5, 0.5, 0.5};
    largest = 0;
    for (int64_t n = 0; n < all.frames; n++) {
        double want = 0, sum = 0;
        for (int c = 0; c < 8; c++) {
            want += weights[c] * make_noise(n, c) / 32768;
            sum += weights[c];
        }
        largest = fmaxf(largest, fabsf(all.samples[n] - (float)(want / sum)));
    }
    ck_assert_float_le(largest, 1e-6f);
    free(all.samples);

    /* A layout nobody knows: folded, averaged. */
    options.audio_channels = 2;
    all = sound_of(made("odd.wav", &odd), &options, &info);
    largest = 0;
    for (int64_t n = 0; n < all.frames; n++)
        for (int o = 0; o < 2; o++) {
            double want = 0;
            for (int c = o; c < 11; c += 2)
                want += make_noise(n, c) / 32768.0 / (o ? 5 : 6);
            largest = fmaxf(largest, fabsf(all.samples[2 * n + o] - (float)want));
        }
    ck_assert_float_le(largest, 1e-6f);
    free(all.samples);
}
END_TEST

START_TEST(rates_are_converted_in_place)
{
    const int rates[][2] = {{8000, 48000}, {44100, 48000}, {48000, 22050}, {96000, 16000}, {44100, 8000}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const int in = rates[i][0], out = rates[i][1];
        const make_spec spec = {.container = "wav",
                                .audio_encoder = "pcm_s16le",
                                .rate = in,
                                .channels = 2,
                                .samples = 3 * in + 11,
                                .tones = 1};
        const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = out};
        avsound_media_info info;
        const whole_sound all = sound_of(made("rate.wav", &spec), &options, &info);
        ck_assert_int_eq(info.sample_rate, in);
        ck_assert_int_eq(all.rate, out);
        ck_assert_int_eq(all.frames, lrint((double)spec.samples * out / in));
        float largest = 0;
        for (int64_t n = out / 10; n < all.frames - out / 10; n++)
            for (int c = 0; c < 2; c++)
                largest = fmaxf(largest, fabsf(all.samples[2 * n + c] - make_tone(n, c, out)));
        ck_assert_msg(largest < 3e-4f, "%d to %d Hz: off by %g", in, out, (double)largest);
        free(all.samples);
    }
}
END_TEST

/* ---- odd files ---- */

START_TEST(cover_art_is_not_video)
{
    const struct {
        const char *name, *container, *encoder;
    } cases[] = {{"cover.m4a", "ipod", "aac"}, {"cover.mp3", "mp3", "libmp3lame"}, {"cover.flac", "flac", "flac"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const make_spec spec = {.container = cases[i].container,
                                .audio_encoder = cases[i].encoder,
                                .rate = 44100,
                                .channels = 2,
                                .samples = 44100,
                                .tones = 1,
                                .cover_encoder = "mjpeg",
                                .width = 64,
                                .height = 64,
                                .pixel_format = AV_PIX_FMT_YUVJ420P};
        avsound_media_info info;
        const whole_sound all = sound_of(made(cases[i].name, &spec), NULL, &info);
        ck_assert_msg(!info.has_video && info.has_audio && info.width == 0, "%s", cases[i].name);
        ck_assert_int_ge(all.frames, 44100);
        free(all.samples);
    }
}
END_TEST

/* All of the video lies before the first sample in the file: a reader with one demuxer for both would hold it all. */
START_TEST(bad_interleaving_is_read_in_bounded_memory)
{
    const make_spec spec = {.video_encoder = "rawvideo",
                            .width = 320,
                            .height = 240,
                            .frames = 250,
                            .pixel_format = AV_PIX_FMT_RGB24,
                            .tick = {1, 25},
                            PCM,
                            .samples = 480000,
                            .container = "mov",
                            .video_first = 1};
    const char *path = made("apart.mov", &spec); /* 57.6 MB of video */
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    int64_t heard = 0;
    size_t least = SIZE_MAX, most = 0;
    for (int i = 0; i < 250; i++) {
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(shown_number(&frame), i);
        while (heard * 1000000 / 48000 <= frame.time_us)
            heard += next_audio(media).frames;
        const struct mallinfo2 memory = mallinfo2();
        const size_t held = memory.uordblks + memory.hblkhd;
        if (i >= 50) { /* what opening had read ahead is used up */
            least = AVSN_MIN(least, held);
            most = AVSN_MAX(most, held);
        }
    }
    ck_assert_msg(most - least < 500000, "between %zu and %zu bytes", least, most);
    ck_assert_msg(most < 10000000, "%zu bytes", most);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

/* Broadcast recordings put end to end: time stamps start over, time goes on. */
START_TEST(recordings_end_to_end_are_one)
{
    make_spec spec = {VIDEO,        .audio_encoder = "mp2", .rate = 48000, .channels = 2, .container = "mpegts",
                      .frames = 75, .samples = 144000,      .tones = 1};
    const char *parts[2] = {made("one.ts", &spec), NULL};
    spec.frames = 100;
    spec.samples = 192000;
    parts[1] = made("two.ts", &spec);
    const char *path = temporary_path("both.ts");
    FILE *both = fopen(path, "wb");
    for (int i = 0; i < 2; i++) {
        FILE *part = fopen(parts[i], "rb");
        for (int c; (c = getc(part)) != EOF;)
            putc(c, both);
        fclose(part);
    }
    fclose(both);
    avsound_context *context = plain_context();
    avsound_media *media = opened(context, path, NULL);
    const whole_sound all = read_sound(media);
    ck_assert_int_lt(llabs(all.frames - 336000), 5000);
    free(all.samples);
    int64_t last = -1;
    for (int i = 0; i < 175; i++) {
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(shown_number(&frame), i < 75 ? i : i - 75);
        ck_assert_int_gt(frame.time_us, last);
        ck_assert(i == 0 || frame.time_us - last < 100000);
        last = frame.time_us;
    }
    ck_avsound(avsound_media_seek(media, last - 2000000)); /* a second time, the stamps' steps known by now */
    const avsound_frame frame = next_frame(media);
    ck_assert_int_eq(shown_number(&frame), 49);
    avsound_media_free(media);
    avsound_context_free(context);
}
END_TEST

START_TEST(the_given_clips_are_read)
{
    static const char *const clips[] = {"train/003e7bda94_00.mp4", "train/03f99aaa94_00.mp4",
                                        "train/04d6243773_00.mp4"};
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof clips / sizeof clips[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", SHARED_DATA_DIR, clips[i]);
        FILE *there = fopen(path, "rb");
        if (!there) {
            printf("skipped: no %s\n", path);
            break;
        }
        fclose(there);
        const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = 48000, .audio_channels = 1};
        avsound_media *media = opened(context, path, &options);
        const avsound_media_info info = info_of(media);
        ck_assert(info.has_video && info.has_audio);
        const whole_sound all = read_sound(media);
        ck_assert_int_lt(llabs(all.frames * 1000000 / 48000 - info.audio_duration_us), 50000);
        int64_t frames = 0;
        avsound_frame frame = {.struct_size = sizeof frame};
        while (avsound_media_read_frame(media, &frame) == AVSOUND_OK)
            ck_assert_int_eq(frame.time_us, info.video_start_us + frames++ * 40000);
        ck_assert_int_eq(frames * 40000, info.video_duration_us);
        free(all.samples);
        avsound_media_free(media);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(any_track_is_read_by_its_number)
{
    const make_spec spec = {.container = "matroska", .video_encoder = "ffv1", .width = 64, .height = 48, .frames = 25,
                            .pixel_format = AV_PIX_FMT_YUV420P, .tick = {1, 25}, .audio_encoder = "flac", .rate = 21000,
                            .channels = 2, .samples = 21000, .tracks = 3};
    const char *path = made("tracks.mkv", &spec);
    avsound_context *context = plain_context();
    avsound_media *media;
    for (int32_t track = 0; track <= 3; track++) {
        const avsound_media_options options = {.struct_size = sizeof options, .ignore_video = track > 1, .audio_track = track};
        avsound_media_info info;
        const whole_sound all = sound_of(path, &options, &info);
        ck_assert_int_eq(all.frames, spec.samples);
        for (int64_t i = 0; i < all.frames; i++)
            for (int c = 0; c < 2; c++)
                ck_assert_float_eq(all.samples[2 * i + c], (float)make_noise(i, 2 * (track > 1 ? track - 1 : 0) + c) / 32768);
        free(all.samples);
    }
    const avsound_media_options options = {.struct_size = sizeof options, .audio_track = 4};
    ck_refused(avsound_media_open(context, path, &options, &media), AVSOUND_E_STATE, "has 3 audio tracks, number 4");
    avsound_context_free(context);
}
END_TEST

SUITE("media.sound", samples_come_out_as_stored, encoders_delay_is_taken_off, late_and_early_sound_keeps_its_time,
      gaps_are_silence_and_overlaps_are_cut, seeking_into_a_gap_is_silent, sound_may_stop_halfway, channels_are_mixed,
      rates_are_converted_in_place, cover_art_is_not_video, bad_interleaving_is_read_in_bounded_memory,
      recordings_end_to_end_are_one, any_track_is_read_by_its_number, the_given_clips_are_read)
