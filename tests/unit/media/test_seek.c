#include "base/base.h"
#include "unit/media/make_files.h"

#include <libavutil/mathematics.h>

/* The number of the frame on screen at `time`, from the times that the file was told. */
static int wanted_at(const video_file *file, int64_t time)
{
    int i = 0;
    while (i + 1 < file->spec.frames && video_file_time(file, i + 1) <= time)
        i++;
    return i;
}

static void check_frame_at(avsound_media *media, const video_file *file, int64_t time)
{
    ck_avsound(avsound_media_seek(media, time));
    const int wanted = wanted_at(file, time);
    for (int i = wanted; i < wanted + 3 && i < file->spec.frames; i++) {
        avsound_frame frame = {.struct_size = sizeof frame};
        const avsound_status status = avsound_media_read_frame(media, &frame);
        ck_assert_msg(!status, "%s: after a seek to %lld, frame %d: %s", file->name, (long long)time, i,
                      avsound_error_detail());
        ck_assert_msg(shown_number(&frame) == i, "%s: after a seek to %lld us, frame %d shows %d", file->name,
                      (long long)time, i, shown_number(&frame));
        ck_assert_msg(llabs(frame.time_us - video_file_time(file, i)) <= 1,
                      "%s: after a seek, frame %d at %lld us, want %lld", file->name, i, (long long)frame.time_us,
                      (long long)video_file_time(file, i));
    }
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

START_TEST(seeks_are_accurate_to_the_frame)
{
    unsigned random = 1;
    for (const video_file *file = video_files(); file->name; file++) {
        avsound_context *context = plain_context();
        avsound_media *media = opened(context, make_video_file(file), NULL);
        const int64_t end = video_file_time(file, file->spec.frames - 1);
        for (int i = file->spec.frames - 1; i >= 0; i -= 4) /* on a frame's time, backwards */
            check_frame_at(media, file, video_file_time(file, i) + 1);
        for (int n = 0; n < 15; n++)
            check_frame_at(media, file, next_random(&random) % (end + 1));
        for (int64_t time = 0; time <= end; time += 333333) /* forwards */
            check_frame_at(media, file, time);
        check_frame_at(media, file, end + 10000000);
        avsound_frame frame = {.struct_size = sizeof frame};
        ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more video");
        check_frame_at(media, file, 0);
        ck_refused(avsound_media_seek(media, -1), AVSOUND_E_INVALID_ARGUMENT, "want 0");
        avsound_media_free(media);
        avsound_context_free(context);
    }
}
END_TEST

/* ---- sound ---- */

typedef struct sound_file {
    const char *name;
    make_spec spec;
    int lossy; /* decoders start from silence after a seek, AC-3 adds noise of its own: equal to within so many 1e-6 */
} sound_file;

#define SOUND(encoder, hz) .audio_encoder = encoder, .rate = hz, .channels = 2, .samples = 8 * (hz)

static const sound_file sounds[] = {
    {"pcm.wav", {SOUND("pcm_s16le", 44100), .container = "wav"}, 0},
    {"pcm.mov", {SOUND("pcm_s16le", 48000), .container = "mov"}, 0},
    {"pcm.mkv", {SOUND("pcm_s16le", 44100), .container = "matroska"}, 0},
    {"flac.flac", {SOUND("flac", 48000), .container = "flac"}, 0},
    {"flac.mkv", {SOUND("flac", 44100), .container = "matroska"}, 0},
    {"alac.mp4", {SOUND("alac", 44100), .container = "mp4"}, 0},
    {"aac.mp4", {SOUND("aac", 48000), .container = "mp4", .tones = 1}, 20},
    {"aac.mkv", {SOUND("aac", 44100), .container = "matroska", .tones = 1}, 20},
    {"aac.ts", {SOUND("aac", 44100), .container = "mpegts", .tones = 1}, 20},
    {"aac.aac", {SOUND("aac", 44100), .container = "adts", .tones = 1}, 20},
    {"mp3.mp3", {SOUND("libmp3lame", 44100), .container = "mp3", .tones = 1}, 20},
    {"mp3.avi", {SOUND("libmp3lame", 48000), .container = "avi", .tones = 1}, 20},
    {"mp2.ts", {SOUND("mp2", 44100), .container = "mpegts", .tones = 1}, 20},
    {"ac3.ts", {SOUND("ac3", 48000), .container = "mpegts", .tones = 1}, 200},
    {"opus.webm", {SOUND("libopus", 48000), .container = "webm", .tones = 1}, 1000},
    {"opus.ogg", {SOUND("libopus", 48000), .container = "ogg", .tones = 1}, 1000},
    {"vorbis.webm", {SOUND("libvorbis", 44100), .container = "webm", .tones = 1}, 20},
    {"vorbis.ogg", {SOUND("libvorbis", 44100), .container = "ogg", .tones = 1}, 20},
    {"aac.flv", {SOUND("aac", 44100), .container = "flv", .tones = 1}, 20},
};

static float largest_difference(const float *a, const float *b, int64_t count)
{
    float largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(a[i] - b[i]));
    return largest;
}

/* After a seek to `time` comes the very sample that reading from the start has there, and what follows it. */
static void check_sound_at(avsound_media *media, const whole_sound *all, const sound_file *file, int64_t time)
{
    ck_avsound(avsound_media_seek(media, time));
    int64_t index = 0;
    while (index < all->frames && all->start_us + av_rescale(index, 1000000, all->rate) < time)
        index++;
    for (int stretch = 0; stretch < 3 && index < all->frames; stretch++) {
        avsound_audio audio = {.struct_size = sizeof audio};
        const avsound_status status = avsound_media_read_audio(media, &audio);
        ck_assert_msg(!status, "%s: after a seek to %lld of %lld: %s", file->name, (long long)time,
                      (long long)all->frames, avsound_error_detail());
        const int64_t wanted = all->start_us + av_rescale(index, 1000000, all->rate);
        ck_assert_msg(audio.time_us == wanted, "%s at %d Hz: after a seek to %lld: at %lld us, want %lld", file->name,
                      all->rate, (long long)time, (long long)audio.time_us, (long long)wanted);
        const int64_t count = AVSN_MIN(audio.frames, all->frames - index) * audio.channels;
        const float error = largest_difference(audio.data, all->samples + index * all->channels, count);
        ck_assert_msg(error <= (float)file->lossy * 1e-6f, "%s at %d Hz: after a seek to %lld, samples differ by %g",
                      file->name, all->rate, (long long)time, (double)error);
        index += audio.frames;
    }
}

static void check_sound_seeks(const sound_file *file, const char *path, int32_t rate)
{
    unsigned random = 7;
    avsound_context *context = plain_context();
    const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = rate};
    avsound_media *media = opened(context, path, &options);
    whole_sound all = read_sound(media);
    ck_assert_int_ge(all.frames, 7 * all.rate);
    for (int n = 0; n < 8; n++)
        check_sound_at(media, &all, file, next_random(&random) % 8000000);
    for (int64_t time = 0; time < 8000000; time += 1300001)
        check_sound_at(media, &all, file, time);
    check_sound_at(media, &all, file, 0);
    ck_avsound(avsound_media_seek(media, 60000000));
    avsound_audio audio = {.struct_size = sizeof audio};
    ck_refused(avsound_media_read_audio(media, &audio), AVSOUND_E_END, "no more sound");
    check_sound_at(media, &all, file, 4000000);
    free(all.samples);
    avsound_media_free(media);
    avsound_context_free(context);
}

START_TEST(seeks_are_accurate_to_the_sample)
{
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        const char *path = temporary_path(sounds[i].name);
        make_media(path, &sounds[i].spec);
        check_sound_seeks(&sounds[i], path, 0);
    }
}
END_TEST

START_TEST(seeks_are_accurate_to_the_resampled_sample)
{
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        const char *path = temporary_path(sounds[i].name);
        make_media(path, &sounds[i].spec);
        const int32_t other = sounds[i].spec.rate == 48000 ? 44100 : 48000;
        check_sound_seeks(&sounds[i], path, i % 2 ? 16000 : other);
    }
}
END_TEST

SUITE("media.seek", seeks_are_accurate_to_the_frame, seeks_are_accurate_to_the_sample,
      seeks_are_accurate_to_the_resampled_sample)
