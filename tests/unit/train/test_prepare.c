#include <avsound/train.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing.h"
#include "media/clip.h"
#include "media/intra.h"
#include "train/dataset.h"
#include "unit/media/make_files.h"

static avsound_context *context;
static char root[512];

static const char *in_root(const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void setup(void)
{
    snprintf(root, sizeof root, "%s", temporary_path("prepare"));
    ck_assert_int_eq(mkdir(root, 0777), 0);
    ck_assert_int_eq(mkdir(in_root("in"), 0777), 0);
    context = plain_context();
}

static void remove_folder(const char *path)
{
    char command[2048];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

static void teardown(void)
{
    avsound_context_free(context);
    remove_folder(root);
}

/* ---- sources ---- */

/* Three seconds, 25 frames a second, noise at 48 kHz; `change` what a test is about. */
static make_spec plain_spec(void)
{
    return (make_spec){
        .container = "matroska",
        .video_encoder = "mpeg4",
        .video_options = "qmin=2:qmax=2",
        .width = 160,
        .height = 96,
        .frames = 75,
        .pixel_format = AV_PIX_FMT_YUV420P,
        .tick = {1, 25},
        .audio_encoder = "pcm_s16le",
        .rate = 48000,
        .channels = 1,
        .samples = 144000,
    };
}

/* A file whose pictures and sound a test chooses. */
typedef struct drawing {
    int (*shade)(int picture, int x, int y);
    float (*sample)(int64_t sample);
    int pictures;
    int64_t samples;
} drawing;

static void draw_file(const char *path, const drawing *d)
{
    enum { SIDE = 64 };
    static uint8_t grey[SIDE * SIDE];
    const avsn_intra_options options = {
        .width = SIDE, .height = SIDE, .rate = 25, .sample_rate = 48000, .channels = 1, .scale = 2};
    avsn_intra *intra;
    ck_avsound(avsn_intra_create(context, path, &options, &intra));
    for (int i = 0; i < d->pictures; i++) {
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                grey[y * SIDE + x] = (uint8_t)d->shade(i, x, y);
        const avsound_frame frame = {.struct_size = sizeof frame,
                                     .format = AVSOUND_PIXEL_GRAY8,
                                     .width = SIDE,
                                     .height = SIDE,
                                     .data = {grey},
                                     .stride = {SIDE}};
        ck_avsound(avsn_intra_stage(intra, &frame));
        ck_avsound(avsn_intra_write_picture(intra));
    }
    for (int64_t i = 0; i < d->samples; i++) {
        const float value = d->sample(i);
        ck_avsound(avsn_intra_write_sound(intra, &value, 1));
    }
    ck_avsound(avsn_intra_finish(intra));
    avsn_intra_free(intra);
}

static int still_shade(int picture, int x, int y)
{
    (void)picture;
    return 40 + 2 * x + (y > 30 ? 50 : 0);
}

/* A bright bar that wanders. */
static int moving_shade(int picture, int x, int y)
{
    (void)y;
    return (x + 64 - picture % 64) % 64 < 8 ? 220 : 60;
}

/* A cut from one picture to another, and nothing else in twenty seconds. */
static int slides_shade(int picture, int x, int y)
{
    return picture < 250 ? 40 + 2 * x : 40 + 3 * y;
}

static float noise(int64_t sample)
{
    return (float)make_noise(sample, 0) / 32768;
}

static float other_noise(int64_t sample)
{
    return noise(sample + 1000000);
}

static float third_noise(int64_t sample)
{
    return noise(sample + 2000000);
}

static float nothing(int64_t sample)
{
    (void)sample;
    return 0;
}

static float impulses(int64_t sample)
{
    return sample == 777 || sample == 70001 ? 0.5f : 0;
}

/* ---- running ---- */

static avsound_prepare_options plain_options(void)
{
    avsound_prepare_options options;
    avsound_prepare_options_init(&options, sizeof options);
    options.workers = 2;
    return options;
}

static avsound_prepare_report *prepared(const char *path, const char *folder, const avsound_prepare_options *options)
{
    avsound_prepare_report *report;
    const avsound_prepare_options plain = plain_options();
    ck_avsound(avsound_prepare(context, &path, 1, folder, options ? options : &plain, &report));
    return report;
}

static avsound_prepared_clip clip_at(const avsound_prepare_report *report, int64_t index)
{
    avsound_prepared_clip clip = {.struct_size = sizeof clip};
    ck_avsound(avsound_prepare_report_clip(report, index, &clip));
    return clip;
}

/* The clip whose source has this name. */
static avsound_prepared_clip clip_of(const avsound_prepare_report *report, const char *name)
{
    for (int64_t i = 0; i < avsound_prepare_report_count(report); i++) {
        const avsound_prepared_clip clip = clip_at(report, i);
        if (!strcmp(strrchr(clip.source, '/') + 1, name))
            return clip;
    }
    ck_abort_msg("%s is not in the report", name);
}

static const char *file_of(const avsound_prepared_clip *clip, const char *folder)
{
    static char path[1024];
    ck_assert_msg(*clip->file, "%s: no file was made: %s", clip->source, clip->error);
    snprintf(path, sizeof path, "%s/%s", folder, clip->file);
    return path;
}

/* Prepares one file; returns the path of what was made. */
static const char *prepared_file(const make_spec *spec, avsound_prepared_clip *clip)
{
    make_media(in_root("in/clip.mkv"), spec);
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(avsound_prepare_report_count(report), 1);
    *clip = clip_at(report, 0);
    const char *path = file_of(clip, in_root("out"));
    clip->source = clip->file = clip->group = clip->duplicate_of = clip->error = NULL;
    avsound_prepare_report_free(report);
    return path;
}

/* ---- pictures ---- */

/* Which of the source's frames is nearest to time_ms? The earlier of two. */
static int nearest_frame(const int64_t *times_ms, int count, int64_t time_ms)
{
    int nearest = 0;
    for (int i = 1; i < count; i++)
        if (llabs(times_ms[i] - time_ms) < llabs(times_ms[nearest] - time_ms))
            nearest = i;
    return nearest;
}

static void check_nearest(const int64_t *times_ms, int count, int expected_pictures)
{
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    spec.tick = (AVRational){1, 1000};
    spec.pts = times_ms;
    spec.frames = count;
    const char *path = prepared_file(&spec, &clip);
    ck_assert_int_eq(clip.frames, expected_pictures);
    avsound_media *media = opened(context, path, NULL);
    ck_assert_str_eq(info_of(media).video_codec, "mjpeg");
    ck_assert_str_eq(info_of(media).audio_codec, "pcm_s16le");
    for (int i = 0; i < expected_pictures; i++) {
        const avsound_frame frame = next_frame(media);
        const int want = nearest_frame(times_ms, count, 40 * (int64_t)i);
        ck_assert_int_eq(frame.time_us, 40000 * (int64_t)i);
        ck_assert_msg(shown_number(&frame) == want, "picture %d shows frame %d, want %d", i, shown_number(&frame),
                      want);
    }
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_refused(avsound_media_read_frame(media, &frame), AVSOUND_E_END, "no more");
    avsound_media_free(media);
}

START_TEST(constant_rates_become_25_by_the_nearest_frame)
{
    static const struct {
        int num, den, frames, pictures;
    } rates[] = {{25, 1, 75, 75}, {30, 1, 90, 75}, {30000, 1001, 90, 75}, {50, 1, 150, 75}, {60, 1, 180, 75},
                 {24, 1, 72, 75}, {12, 1, 36, 75}, {5, 1, 15, 75},        {1, 1, 3, 75}};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        int64_t times[256];
        setup();
        for (int i = 0; i < rates[r].frames; i++)
            times[i] = (2000 * (int64_t)i * rates[r].den / rates[r].num + 1) / 2;
        check_nearest(times, rates[r].frames, rates[r].pictures);
        teardown();
    }
}
END_TEST

START_TEST(variable_rates_become_25_by_the_nearest_frame)
{
    setup();
    const int64_t times[] = {0, 20, 40, 41, 42, 100, 160, 500, 501, 1500, 1520, 1540, 1561, 2000, 2039, 2080};
    check_nearest(times, 16, 53); /* the last one lasts as long as the one before it: to 2121 ms */
    teardown();
}
END_TEST

START_TEST(pictures_that_start_late_are_shown_from_the_beginning)
{
    setup();
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    spec.offset = 10;
    const char *path = prepared_file(&spec, &clip);
    ck_assert_int_eq(clip.frames, 85);
    avsound_media *media = opened(context, path, NULL);
    for (int i = 0; i < clip.frames; i++) {
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(shown_number(&frame), i < 10 ? 0 : i - 10);
    }
    avsound_media_free(media);
    teardown();
}
END_TEST

START_TEST(sizes_follow_the_shorter_side_and_never_grow)
{
    static const int32_t turned[9] = {0, 65536, 0, -65536, 0, 0, 0, 0, 1073741824}; /* by a quarter */
    static const struct {
        int width, height, side, want_width, want_height, turn;
    } sizes[] = {{160, 96, 256, 160, 96, 0},   {640, 360, 256, 456, 256, 0}, {360, 640, 256, 256, 456, 0},
                 {320, 320, 64, 64, 64, 0},    {640, 360, 64, 64, 114, 1},   {322, 98, 49, 162, 49, 0},
                 {256, 300, 256, 256, 300, 0}, {640, 360, 1000, 640, 360, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        setup();
        make_spec spec = plain_spec();
        spec.container = sizes[i].turn ? "mov" : "matroska";
        spec.width = sizes[i].width;
        spec.height = sizes[i].height;
        spec.display_matrix = sizes[i].turn ? turned : NULL;
        spec.frames = 30;
        make_media(in_root("in/clip.mov"), &spec);
        avsound_prepare_options options = plain_options();
        options.short_side = sizes[i].side;
        avsound_prepare_report *report = prepared(in_root("in/clip.mov"), in_root("out"), &options);
        const avsound_prepared_clip clip = clip_at(report, 0);
        ck_assert_msg(clip.width == sizes[i].want_width && clip.height == sizes[i].want_height,
                      "%d x %d at %d became %d x %d", sizes[i].width, sizes[i].height, sizes[i].side, clip.width,
                      clip.height);
        avsound_media *media = opened(context, file_of(&clip, in_root("out")), NULL);
        const avsound_frame frame = next_frame(media);
        ck_assert_int_eq(frame.width, clip.width);
        ck_assert_int_eq(frame.height, clip.height);
        avsound_media_free(media);
        avsound_prepare_report_free(report);
        teardown();
    }
}
END_TEST

START_TEST(pictures_keep_their_values)
{
    setup();
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    const char *path = prepared_file(&spec, &clip);
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    avsound_media *made = opened(context, path, &options), *source = opened(context, in_root("in/clip.mkv"), &options);
    const avsound_frame a = next_frame(made), b = next_frame(source);
    uint8_t rgb[2][160 * 96 * 3];
    avsn_scaler *scaler;
    ck_avsound(avsn_scaler_create(context, &scaler));
    ck_avsound(avsn_scaler_rgb(scaler, &a, 160, 96, rgb[0], 160 * 3));
    ck_avsound(avsn_scaler_rgb(scaler, &b, 160, 96, rgb[1], 160 * 3));
    double difference = 0, bias = 0;
    for (size_t i = 0; i < sizeof rgb[0]; i++) {
        difference += abs(rgb[0][i] - rgb[1][i]);
        bias += rgb[0][i] - rgb[1][i];
    }
    /* A wrong range or matrix moves all values by ten and more. */
    ck_assert_double_le(difference / (double)sizeof rgb[0], 3);
    ck_assert_double_le(fabs(bias) / (double)sizeof rgb[0], 1);
    avsn_scaler_free(scaler);
    avsound_media_free(made);
    avsound_media_free(source);
    teardown();
}
END_TEST

/* ---- sound ---- */

static whole_sound sound_of(const char *path)
{
    avsound_media *media = opened(context, path, NULL);
    const whole_sound sound = read_sound(media);
    avsound_media_free(media);
    ck_assert_int_eq(sound.rate, 48000);
    ck_assert_int_eq(sound.start_us, 0);
    return sound;
}

START_TEST(sound_at_48_kHz_is_kept_to_the_bit)
{
    setup();
    avsound_prepared_clip clip;
    const make_spec spec = plain_spec();
    const whole_sound sound = sound_of(prepared_file(&spec, &clip));
    ck_assert_int_eq(sound.frames, 144000);
    ck_assert_int_eq(clip.samples, 144000);
    for (int64_t i = 0; i < sound.frames; i++)
        ck_assert_int_eq((int)lrintf(sound.samples[i] * 32768), make_noise(i, 0));
    free(sound.samples);
    teardown();
}
END_TEST

START_TEST(late_sound_is_padded_to_the_sample)
{
    setup();
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    spec.audio_offset = 48 * 317;
    const whole_sound sound = sound_of(prepared_file(&spec, &clip));
    ck_assert_int_eq(sound.frames, 144000 + spec.audio_offset);
    for (int64_t i = 0; i < sound.frames; i++)
        ck_assert_int_eq((int)lrintf(sound.samples[i] * 32768),
                         i < spec.audio_offset ? 0 : make_noise(i - spec.audio_offset, 0));
    ck_assert_double_eq_tol(clip.audio_seconds, 3, 1e-6);
    free(sound.samples);
    teardown();
}
END_TEST

/* The tone's closed form; a shift of a fifth of a sample would be seen. */
START_TEST(other_rates_are_resampled_in_place)
{
    static const int rates[] = {44100, 16000, 96000};
    for (size_t r = 0; r < 3; r++) {
        setup();
        avsound_prepared_clip clip;
        make_spec spec = plain_spec();
        spec.rate = rates[r];
        spec.samples = 3 * (int64_t)spec.rate;
        spec.tones = 1;
        const whole_sound sound = sound_of(prepared_file(&spec, &clip));
        ck_assert_int_le(llabs(sound.frames - 144000), 2);
        for (int64_t i = 480; i < 143000; i++) {
            const double t = (double)i / 48000;
            const double want = 0.25 * sin(2 * M_PI * 300 * t) * (1 + 0.5 * sin(2 * M_PI * 1.7 * t));
            ck_assert_double_eq_tol((double)sound.samples[i], want, 2e-3);
        }
        free(sound.samples);
        teardown();
    }
}
END_TEST

START_TEST(impulses_stay_where_they_are)
{
    setup();
    const drawing d = {moving_shade, impulses, 50, 96000};
    draw_file(in_root("in/clip.mkv"), &d);
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    const avsound_prepared_clip clip = clip_at(report, 0);
    const whole_sound sound = sound_of(file_of(&clip, in_root("out")));
    ck_assert_int_eq(sound.frames, 96000);
    for (int64_t i = 0; i < sound.frames; i++)
        ck_assert_float_eq(sound.samples[i], impulses(i));
    free(sound.samples);
    avsound_prepare_report_free(report);
    teardown();
}
END_TEST

START_TEST(stereo_is_averaged_or_kept)
{
    setup();
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    spec.channels = 2;
    whole_sound sound = sound_of(prepared_file(&spec, &clip));
    ck_assert_int_eq(sound.channels, 1);
    ck_assert_int_eq(sound.frames, 144000);
    for (int64_t i = 0; i < sound.frames; i++)
        ck_assert_double_eq_tol((double)sound.samples[i] * 32768, (make_noise(i, 0) + make_noise(i, 1)) / 2., 0.51);
    free(sound.samples);
    avsound_prepare_options options = plain_options();
    options.channels = 2;
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), &options);
    const avsound_prepared_clip again = clip_at(report, 0);
    ck_assert_int_eq(again.kept, 0); /* what was made with other options does not count */
    sound = sound_of(file_of(&again, in_root("out")));
    ck_assert_int_eq(sound.channels, 2);
    for (int64_t i = 0; i < 2 * sound.frames; i++)
        ck_assert_int_eq((int)lrintf(sound.samples[i] * 32768), make_noise(i / 2, (int)(i % 2)));
    free(sound.samples);
    avsound_prepare_report_free(report);
    teardown();
}
END_TEST

START_TEST(compressed_sound_keeps_its_place)
{
    setup();
    avsound_prepared_clip clip;
    make_spec spec = plain_spec();
    spec.container = "mp4";
    spec.audio_encoder = "aac";
    spec.tones = 1;
    const whole_sound sound = sound_of(prepared_file(&spec, &clip));
    double best = 0;
    int best_shift = 99;
    for (int shift = -64; shift <= 64; shift++) {
        double product = 0;
        for (int64_t i = 20000; i < 120000; i++)
            product += (double)sound.samples[i] * (double)make_tone(i + shift, 0, 48000);
        if (product > best) {
            best = product;
            best_shift = shift;
        }
    }
    ck_assert_int_eq(best_shift, 0);
    free(sound.samples);
    teardown();
}
END_TEST

/* ---- flags ---- */

static void cut_short(const char *path, double share)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(truncate(path, (off_t)((double)status.st_size * share)), 0);
}

static void put_bytes(const char *path, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static void make_flagged_files(void)
{
    make_spec spec = plain_spec();
    make_media(in_root("in/good.mkv"), &spec);
    spec.audio_encoder = NULL;
    make_media(in_root("in/mute.mkv"), &spec);
    spec = plain_spec();
    spec.video_encoder = NULL;
    make_media(in_root("in/blind.mkv"), &spec);
    spec = plain_spec();
    spec.samples = 72000;
    make_media(in_root("in/unequal.mkv"), &spec);
    spec.frames = 20;
    spec.samples = 38400;
    make_media(in_root("in/short.mkv"), &spec);
    spec = plain_spec();
    spec.audio_offset = 21 * 48000;
    make_media(in_root("in/late.mkv"), &spec);
    spec = plain_spec();
    make_media(in_root("in/cut.mkv"), &spec);
    cut_short(in_root("in/cut.mkv"), 0.6);
    const int64_t hole[] = {0, 40, 80, 21000, 21040};
    spec.tick = (AVRational){1, 1000};
    spec.pts = hole;
    spec.frames = 5;
    make_media(in_root("in/hole.mkv"), &spec);
    put_bytes(in_root("in/empty.mp4"), "", 0);
    put_bytes(in_root("in/random.mp4"), root, sizeof root);
    const drawing still = {still_shade, third_noise, 100, 192000}, slides = {slides_shade, other_noise, 500, 960000};
    const drawing silent = {moving_shade, nothing, 100, 192000};
    draw_file(in_root("in/still.mkv"), &still);
    draw_file(in_root("in/slides.mkv"), &slides);
    draw_file(in_root("in/silent.mkv"), &silent);
}

START_TEST(each_flag_is_raised_for_its_reason_alone)
{
    static const struct {
        const char *name;
        int32_t flags;
        const char *error;
    } wanted[] = {
        {"good.mkv", 0, ""},
        {"mute.mkv", AVSOUND_CLIP_NO_AUDIO, ""},
        {"blind.mkv", AVSOUND_CLIP_NO_VIDEO, ""},
        {"unequal.mkv", AVSOUND_CLIP_UNEQUAL, ""},
        {"short.mkv", AVSOUND_CLIP_SHORT, ""},
        {"late.mkv", AVSOUND_CLIP_BROKEN, "sound starts at 21.0 s, want it within the first 20 s"},
        {"cut.mkv", AVSOUND_CLIP_BROKEN, "video is damaged"},
        {"hole.mkv", AVSOUND_CLIP_BROKEN, "no picture from 0.1 s to 21.0 s, want one at least every 20 s"},
        {"empty.mp4", AVSOUND_CLIP_BROKEN, "is empty, want a media file"},
        {"random.mp4", AVSOUND_CLIP_BROKEN, ""},
        {"still.mkv", AVSOUND_CLIP_STILL, ""},
        {"slides.mkv", AVSOUND_CLIP_STILL, ""},
        {"silent.mkv", AVSOUND_CLIP_SILENT, ""},
    };
    const int count = sizeof wanted / sizeof wanted[0];
    setup();
    make_flagged_files();
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(avsound_prepare_report_count(report), count);
    for (int i = 0; i < count; i++) {
        const avsound_prepared_clip clip = clip_of(report, wanted[i].name);
        ck_assert_msg(clip.flags == wanted[i].flags, "%s: flags %d (%s), want %d", wanted[i].name, clip.flags,
                      clip.error, wanted[i].flags);
        ck_assert_msg(strstr(clip.error, wanted[i].error) != NULL, "%s: %s", wanted[i].name, clip.error);
        const bool unusable = clip.flags & (AVSOUND_CLIP_BROKEN | AVSOUND_CLIP_NO_AUDIO | AVSOUND_CLIP_NO_VIDEO);
        ck_assert_int_eq(*clip.file == 0, unusable);
        ck_assert_int_eq(clip.frames == 0, unusable);
        ck_assert_msg(!(clip.flags & AVSOUND_CLIP_BROKEN) == !*clip.error, "%s: %s", wanted[i].name, clip.error);
    }
    avsound_prepare_report_free(report);
    avsn_dataset *dataset;
    ck_avsound(avsn_dataset_open(context, in_root("out"), &dataset));
    ck_assert_int_eq(avsn_dataset_count(dataset), 1);
    ck_assert_int_eq(avsn_dataset_flagged(dataset), count - 1);
    ck_assert_int_eq(avsn_dataset_clip_at(dataset, 0)->frames, 75);
    ck_assert_int_eq(avsn_dataset_clip_at(dataset, 0)->samples, 144000);
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

/* A wave file and one with a still picture are worth their sound, for who asks for it; a video stays what it is. */
START_TEST(sounds_become_clips_of_their_own)
{
    setup();
    make_spec spec = plain_spec();
    make_media(in_root("in/video.mkv"), &spec);
    spec.audio_encoder = NULL;
    make_media(in_root("in/mute.mkv"), &spec);
    spec = plain_spec();
    spec.video_encoder = NULL;
    spec.container = "wav";
    make_media(in_root("in/tone.wav"), &spec);
    spec.samples = 40000;
    make_media(in_root("in/brief.WAV"), &spec);
    avsound_prepare_options options = plain_options();
    avsound_prepare_report_free(prepared(in_root("in"), in_root("out"), &options)); /* finds the videos alone */
    options.sounds = 1;
    for (int run = 0; run < 2; run++) {
        avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), &options);
        ck_assert_int_eq(avsound_prepare_report_count(report), 4);
        const avsound_prepared_clip tone = clip_of(report, "tone.wav"), brief = clip_of(report, "brief.WAV");
        const avsound_prepared_clip video = clip_of(report, "video.mkv"), mute = clip_of(report, "mute.mkv");
        ck_assert_int_eq(tone.flags, AVSOUND_CLIP_NO_VIDEO);
        ck_assert_int_eq(brief.flags, AVSOUND_CLIP_NO_VIDEO | AVSOUND_CLIP_SHORT);
        ck_assert_int_eq(video.flags, 0);
        ck_assert_int_eq(mute.flags, AVSOUND_CLIP_NO_AUDIO);
        ck_assert_str_eq(mute.file, "");
        ck_assert_int_eq(tone.kept, run);
        ck_assert_int_eq(video.kept, 1);
        ck_assert(!tone.frames && !tone.width && !tone.height && tone.video_seconds == 0 && tone.moving == 0);
        ck_assert_int_eq(tone.samples, 144000);
        ck_assert_double_eq_tol(tone.audio_seconds, 3, 1e-9);
        avsn_clip_index *index;
        ck_avsound(avsn_clip_index_create(context, file_of(&tone, in_root("out")), &index));
        ck_assert_int_eq(avsn_clip_index_frames(index), 0);
        ck_assert_int_eq(avsn_clip_index_samples(index), 144000);
        avsn_clip_index_free(index);
        avsound_prepare_report_free(report);
    }
    avsn_dataset *dataset;
    ck_avsound(avsn_dataset_open(context, in_root("out"), &dataset));
    ck_assert_int_eq(avsn_dataset_count(dataset), 1);
    avsn_dataset_free(dataset);
    ck_avsound(avsn_dataset_open_part(context, in_root("out"), AVSN_PART_SOUND, &dataset));
    ck_assert_int_eq(avsn_dataset_count(dataset), 2);
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

/* The samples of a file without pictures are those of its source. */
START_TEST(sound_alone_is_kept_to_the_bit)
{
    float mono[2000], source[2000];
    setup();
    make_spec spec = plain_spec();
    spec.video_encoder = NULL;
    spec.container = "wav";
    make_media(in_root("in/tone.wav"), &spec);
    avsound_prepare_options options = plain_options();
    options.sounds = 1;
    avsound_prepare_report *report = prepared(in_root("in/tone.wav"), in_root("out"), &options);
    const avsound_prepared_clip clip = clip_at(report, 0);
    avsn_clip_index *index;
    avsn_clip_reader *reader;
    ck_avsound(avsn_clip_index_create(context, file_of(&clip, in_root("out")), &index));
    ck_avsound(avsn_clip_reader_create(context, &reader));
    ck_avsound(avsn_clip_reader_audio(reader, index, 70001, 2000, mono));
    FILE *file = fopen(in_root("in/tone.wav"), "rb");
    ck_assert_int_eq(fseek(file, -2 * (144000 - 70001), SEEK_END), 0);
    for (int i = 0; i < 2000; i++) {
        const int low = fgetc(file), high = fgetc(file);
        source[i] = (float)(int16_t)(low | high << 8) / 32768;
    }
    fclose(file);
    ck_assert_mem_eq(mono, source, sizeof mono);
    avsound_frame view;
    ck_refused(avsn_clip_reader_frame(reader, index, 0, &view), AVSOUND_E_INVALID_ARGUMENT, "frame 0");
    avsn_clip_reader_free(reader);
    avsn_clip_index_free(index);
    avsound_prepare_report_free(report);
    teardown();
}
END_TEST

START_TEST(duplicates_are_found_in_another_encoding)
{
    static const int32_t upside_down[9] = {-65536, 0, 0, 0, -65536, 0, 0, 0, 1073741824};
    setup();
    make_spec spec = plain_spec();
    spec.tones = 1;
    make_media(in_root("in/a.mkv"), &spec);
    make_spec other = spec;
    other.container = "mp4";
    other.video_options = "qmin=9:qmax=9";
    other.width = 320;
    other.height = 200;
    other.audio_encoder = "aac";
    other.channels = 2;
    other.rate = 44100;
    other.samples = 3 * 44100;
    make_media(in_root("in/b.mp4"), &other);
    other = spec;
    other.tones = 0; /* another sound */
    make_media(in_root("in/c.mkv"), &other);
    other = spec;
    other.container = "mov";
    other.display_matrix = upside_down; /* another picture */
    make_media(in_root("in/d.mov"), &other);
    other = spec;
    other.frames = 200; /* the same, but flagged for itself: no original, no duplicate */
    make_media(in_root("in/Unequal.mkv"), &other);
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    const avsound_prepared_clip a = clip_of(report, "a.mkv"), b = clip_of(report, "b.mp4");
    ck_assert_int_eq(a.flags, 0);
    ck_assert_int_eq(b.flags, AVSOUND_CLIP_DUPLICATE);
    ck_assert_str_eq(b.duplicate_of, a.file);
    ck_assert_int_eq(clip_of(report, "c.mkv").flags, 0);
    ck_assert_int_eq(clip_of(report, "d.mov").flags, 0);
    ck_assert_int_eq(clip_of(report, "Unequal.mkv").flags, AVSOUND_CLIP_UNEQUAL);
    avsound_prepare_report_free(report);
    teardown();
}
END_TEST

START_TEST(flags_have_names)
{
    ck_assert_str_eq(avsound_clip_flag_name(AVSOUND_CLIP_BROKEN), "broken");
    ck_assert_str_eq(avsound_clip_flag_name(AVSOUND_CLIP_DUPLICATE), "duplicate");
    ck_assert_ptr_null(avsound_clip_flag_name(0));
    ck_assert_ptr_null(avsound_clip_flag_name(3));
    ck_assert_ptr_null(avsound_clip_flag_name(256));
}
END_TEST

/* ---- sources ---- */

static void make_small(const char *path, int seconds)
{
    make_spec spec = plain_spec();
    spec.frames = 25 * seconds;
    spec.samples = 48000 * seconds;
    make_media(path, &spec);
}

START_TEST(folders_lists_and_files_are_searched)
{
    setup();
    ck_assert_int_eq(mkdir(in_root("in/deep"), 0777), 0);
    ck_assert_int_eq(mkdir(in_root("in/deep/out"), 0777), 0);
    ck_assert_int_eq(mkdir(in_root("in/.hidden"), 0777), 0);
    make_small(in_root("in/one.MKV"), 2);
    make_small(in_root("in/deep/one.mkv"), 2);
    make_small(in_root("in/.hidden/no.mkv"), 2);
    make_small(in_root("other"), 2);
    put_bytes(in_root("in/one.json"), "{}", 2);
    ck_assert_int_eq(symlink("..", in_root("in/deep/up")), 0);
    ck_assert_int_eq(symlink("one.MKV", in_root("in/again.mkv")), 0);
    const char *list = "# both\n\nin\n  other\r\n";
    put_bytes(in_root("list.txt"), list, strlen(list));

    /* The folder made lies among the sources: what is in it is no source. */
    const char *paths[] = {in_root("list.txt"), in_root("in/deep/one.mkv")};
    const avsound_prepare_options options = plain_options();
    for (int run = 0; run < 2; run++) {
        avsound_prepare_report *report;
        ck_avsound(avsound_prepare(context, paths, 2, in_root("in/deep/out"), &options, &report));
        ck_assert_int_eq(avsound_prepare_report_count(report), 3);
        const avsound_prepared_clip deep = clip_at(report, 0), top = clip_at(report, 1), other = clip_at(report, 2);
        ck_assert_str_eq(strrchr(deep.source, '/'), "/one.mkv");
        ck_assert_str_eq(strrchr(top.source, '/'), "/one.MKV");
        ck_assert_str_eq(strrchr(other.source, '/'), "/other");
        ck_assert_str_ne(deep.file, top.file);
        ck_assert_str_ne(deep.group, top.group);
        ck_assert_int_eq(deep.kept, run);
        avsound_prepare_report_free(report);
    }
    teardown();
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    setup();
    make_small(in_root("in/a.mkv"), 2);
    const char *in = in_root("in"), *none = in_root("none"), *out = in_root("out");
    avsound_prepare_report *report;
    avsound_prepare_options options = plain_options();
    ck_refused(avsound_prepare(NULL, &in, 1, out, NULL, &report), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_prepare(context, NULL, 1, out, NULL, &report), AVSOUND_E_INVALID_ARGUMENT, "paths: 0");
    ck_refused(avsound_prepare(context, &in, 0, out, NULL, &report), AVSOUND_E_INVALID_ARGUMENT, "paths: 0");
    ck_refused(avsound_prepare(context, &in, 1, NULL, NULL, &report), AVSOUND_E_INVALID_ARGUMENT, "folder is NULL");
    ck_refused(avsound_prepare(context, &none, 1, out, NULL, &report), AVSOUND_E_IO, "No such file");
    ck_refused(avsound_prepare(context, &in, 1, in_root("in/a.mkv"), NULL, &report), AVSOUND_E_IO, "a.mkv");
    ck_refused(avsound_prepare(context, &in, 1, in_root("no/out"), NULL, &report), AVSOUND_E_IO, "No such file");
    ck_assert_int_eq(mkdir(in_root("empty"), 0777), 0);
    const char *empty = in_root("empty");
    ck_refused(avsound_prepare(context, &empty, 1, out, NULL, &report), AVSOUND_E_INVALID_ARGUMENT, "no video found");
    options.short_side = 8;
    ck_refused(avsound_prepare(context, &in, 1, out, &options, &report), AVSOUND_E_INVALID_ARGUMENT,
               "short_side is 8, want 16...4096");
    options = plain_options();
    options.shards = 3;
    ck_refused(avsound_prepare(context, &in, 1, out, &options, &report), AVSOUND_E_INVALID_ARGUMENT,
               "shard is 0, want 1...3");
    options = plain_options();
    options.sounds = 2;
    ck_refused(avsound_prepare(context, &in, 1, out, &options, &report), AVSOUND_E_INVALID_ARGUMENT, "sounds is 2, want 0...1");
    options.sounds = 1;
    options.flow = 1;
    ck_refused(avsound_prepare(context, &in, 1, out, &options, &report), AVSOUND_E_INVALID_ARGUMENT, "flow is 1, want 16...256");
    options.flow = 0;
    ck_refused(avsound_prepare(context, &empty, 1, out, &options, &report), AVSOUND_E_INVALID_ARGUMENT,
               "no video and no sound found");
    ck_assert_ptr_null(report);
    ck_refused(avsound_prepare_report_clip(NULL, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "report is NULL");
    ck_assert_int_eq(avsound_prepare_report_count(NULL), 0);
    avsound_prepare_report_free(NULL);
    teardown();
}
END_TEST

START_TEST(groups_come_from_the_manifest)
{
    setup();
    make_small(in_root("in/a.mkv"), 2);
    make_small(in_root("in/b.mkv"), 3);
    const char *manifest = "tier,file,group\nA,in/a.mkv,\"film, 1\"\nA,in/lost.mkv,film 2\n";
    put_bytes(in_root("clips.csv"), manifest, strlen(manifest));
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(strncmp(clip_of(report, "a.mkv").group, "a-", 2), 0);
    avsound_prepare_report_free(report);
    avsound_prepare_options options = plain_options();
    char path[1024];
    snprintf(path, sizeof path, "%s", in_root("clips.csv"));
    options.manifest = path;
    for (int run = 0; run < 2; run++) {
        report = prepared(in_root("in"), in_root("out"), &options);
        ck_assert_int_eq(clip_of(report, "a.mkv").kept, 1);
        ck_assert_str_eq(clip_of(report, "a.mkv").group, "film, 1");
        ck_assert_int_eq(strncmp(clip_of(report, "b.mkv").group, "b-", 2), 0);
        avsound_prepare_report_free(report);
        options.manifest = NULL; /* once given, they stay */
    }
    const char *in = in_root("in");
    put_bytes(path, "file\nx\n", 7);
    options.manifest = path;
    ck_refused(avsound_prepare(context, &in, 1, in_root("out"), &options, NULL), AVSOUND_E_FORMAT,
               "clips.csv line 1: no column \"group\"");
    teardown();
}
END_TEST

START_TEST(shards_share_the_work_and_unite)
{
    setup();
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%d.mkv", i);
        make_small(in_root(name), 2);
    }
    avsound_prepare_options options = plain_options();
    options.shards = 2;
    for (options.shard = 1; options.shard <= 2; options.shard++) {
        avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), &options);
        ck_assert_int_eq(avsound_prepare_report_count(report), options.shard == 1 ? 3 : 2);
        avsound_prepare_report_free(report);
    }
    ck_assert_int_eq(access(in_root("out/prepared-1-of-2.csv"), F_OK), 0);
    ck_assert_int_ne(access(in_root("out/prepared.csv"), F_OK), 0);
    avsn_dataset *dataset;
    ck_avsound(avsn_dataset_open(context, in_root("out"), &dataset));
    ck_assert_int_eq(avsn_dataset_count(dataset) + avsn_dataset_flagged(dataset), 5);
    avsn_dataset_free(dataset);

    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(avsound_prepare_report_count(report), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(clip_at(report, i).kept, 1);
    avsound_prepare_report_free(report);
    ck_assert_int_ne(access(in_root("out/prepared-1-of-2.csv"), F_OK), 0);
    ck_assert_int_eq(access(in_root("out/prepared.csv"), F_OK), 0);
    teardown();
}
END_TEST

/* ---- going on ---- */

static int64_t made_at(const char *path)
{
    struct stat status;
    ck_assert_msg(stat(path, &status) == 0, "%s is missing", path);
    return (int64_t)status.st_ino;
}

START_TEST(what_is_there_is_kept_until_its_source_changes)
{
    setup();
    make_small(in_root("in/a.mkv"), 2);
    make_small(in_root("in/b.mkv"), 3);
    char file_a[1024], file_b[1024];
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    const avsound_prepared_clip a = clip_of(report, "a.mkv"), b = clip_of(report, "b.mkv");
    snprintf(file_a, sizeof file_a, "%s", file_of(&a, in_root("out")));
    snprintf(file_b, sizeof file_b, "%s", file_of(&b, in_root("out")));
    const int64_t node_a = made_at(file_a), node_b = made_at(file_b);
    const int frames_a = a.frames;
    avsound_prepare_report_free(report);

    make_small(in_root("in/c.mkv"), 4); /* the folder has grown, and one of its files is another */
    make_small(in_root("in/b.mkv"), 5);
    report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(avsound_prepare_report_count(report), 3);
    ck_assert_int_eq(clip_of(report, "a.mkv").kept, 1);
    ck_assert_int_eq(clip_of(report, "a.mkv").frames, frames_a);
    ck_assert_int_eq(clip_of(report, "b.mkv").kept, 0);
    ck_assert_int_eq(clip_of(report, "b.mkv").frames, 125);
    ck_assert_int_eq(clip_of(report, "c.mkv").kept, 0);
    ck_assert_int_eq(made_at(file_a), node_a);
    ck_assert_int_ne(made_at(file_b), node_b);
    avsound_prepare_report_free(report);

    ck_assert_int_eq(unlink(file_a), 0);
    report = prepared(in_root("in/a.mkv"), in_root("out"), NULL); /* the others stay listed */
    ck_assert_int_eq(avsound_prepare_report_count(report), 1);
    ck_assert_int_eq(clip_at(report, 0).kept, 0);
    avsound_prepare_report_free(report);
    avsn_dataset *dataset;
    ck_avsound(avsn_dataset_open(context, in_root("out"), &dataset));
    ck_assert_int_eq(avsn_dataset_count(dataset) + avsn_dataset_flagged(dataset), 3);
    avsn_dataset_free(dataset);
    teardown();
}
END_TEST

START_TEST(hostile_tables_stop_a_run_by_line)
{
    setup();
    make_small(in_root("in/a.mkv"), 2);
    avsound_prepare_report_free(prepared(in_root("in"), in_root("out"), NULL));
    char head[2048], row[4096];
    FILE *file = fopen(in_root("out/prepared.csv"), "rb");
    ck_assert_ptr_nonnull(fgets(head, sizeof head, file));
    ck_assert_ptr_nonnull(fgets(row, sizeof row, file));
    fclose(file);
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {",50,96000,,", ",50,96000,odd,", "line 2: flags is \"odd\", want names of flags"},
        {",50,96000,,", ",5x,96000,,", "line 2: frames is \"5x\", want a whole number"},
        {"/in/a.mkv", "/in/a.mkv,more", "line 2: 20 fields, want 19"},
        {"a-", "../a-", "line 2: file is \"../a-"},
        {",160,96,", ",160,nan,", "line 2: height is \"nan\""},
        {":o", ":p", "line 2: fingerprint is "},
    };
    const char *in = in_root("in");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *at = strstr(row, cases[i].from);
        ck_assert_msg(at != NULL, "no \"%s\" in %s", cases[i].from, row);
        file = fopen(in_root("out/prepared.csv"), "wb");
        fprintf(file, "%s%.*s%s%s", head, (int)(at - row), row, cases[i].to, at + strlen(cases[i].from));
        fclose(file);
        ck_refused(avsound_prepare(context, &in, 1, in_root("out"), NULL, NULL), AVSOUND_E_FORMAT, cases[i].words);
    }
    teardown();
}
END_TEST

/* Every file under its final name is whole: 25 pictures for each second asked for, as many samples. */
static int check_folder(const char *folder, int seconds)
{
    int clips = 0;
    DIR *listing = opendir(folder);
    ck_assert_ptr_nonnull(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (entry->d_name[0] == '.' || !dot || strcmp(dot, ".mkv") != 0)
            continue;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        avsound_media *media = opened(context, path, NULL);
        for (int i = 0; i < 25 * seconds; i++)
            (void)next_frame(media);
        const whole_sound sound = read_sound(media);
        ck_assert_int_eq(sound.frames, 48000 * seconds);
        free(sound.samples);
        avsound_media_free(media);
        clips++;
    }
    closedir(listing);
    return clips;
}

static int32_t stop_after_two(const avsound_prepare_state *state, void *user_data)
{
    *(int64_t *)user_data = state->done;
    return state->done == 2;
}

START_TEST(a_stopped_run_is_gone_on_with)
{
    setup();
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%d.mkv", i);
        make_small(in_root(name), 2);
    }
    avsound_prepare_options options = plain_options();
    int64_t done = 0;
    options.workers = 1;
    options.progress = stop_after_two;
    options.user_data = &done;
    const char *in = in_root("in");
    avsound_prepare_report *report;
    ck_refused(avsound_prepare(context, &in, 1, in_root("out"), &options, &report), AVSOUND_E_CANCELLED, "request");
    ck_assert_ptr_null(report);
    ck_assert_int_eq(done, 2);
    ck_assert_int_eq(check_folder(in_root("out"), 2), 2);
    report = prepared(in_root("in"), in_root("out"), NULL);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(clip_at(report, i).kept, i < 2);
    avsound_prepare_report_free(report);
    ck_assert_int_eq(check_folder(in_root("out"), 2), 5);
    teardown();
}
END_TEST

static int count_clips(const char *folder)
{
    int count = 0;
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        count += entry->d_name[0] != '.' && strstr(entry->d_name, ".mkv") != NULL;
    if (listing)
        closedir(listing);
    return count;
}

START_TEST(a_killed_run_leaves_whole_files_alone)
{
    setup();
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/%d.mkv", i);
        make_small(in_root(name), 3);
    }
    const pid_t child = fork();
    if (child == 0) {
        const char *in = in_root("in");
        avsound_prepare_options options = plain_options();
        options.workers = 1;
        _exit(avsound_prepare(context, &in, 1, in_root("out"), &options, NULL) == AVSOUND_OK ? 0 : 1);
    }
    ck_assert_int_gt(child, 0);
    for (int wait = 0; wait < 6000 && count_clips(in_root("out")) < 2; wait++)
        usleep(10000);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_ge(check_folder(in_root("out"), 3), 2);
    avsound_prepare_report *report = prepared(in_root("in"), in_root("out"), NULL);
    ck_assert_int_eq(avsound_prepare_report_count(report), 8);
    avsound_prepare_report_free(report);
    ck_assert_int_eq(check_folder(in_root("out"), 3), 8);
    teardown();
}
END_TEST

START_TEST(the_same_source_makes_the_same_bytes)
{
    setup();
    make_small(in_root("in/a.mkv"), 2);
    char command[2200];
    avsound_prepare_report_free(prepared(in_root("in"), in_root("out"), NULL));
    avsound_prepare_report_free(prepared(in_root("in"), in_root("out2"), NULL));
    snprintf(command, sizeof command, "diff -r '%s' '%s'", in_root("out"), in_root("out2"));
    ck_assert_int_eq(system(command), 0);
    teardown();
}
END_TEST

/* ---- memory ---- */

static avsound_status prepare_anew(avsound_context *strict, avsound_prepare_report **report)
{
    const char *in = in_root("in");
    avsound_prepare_options options = plain_options();
    options.workers = 1;
    remove_folder(in_root("out"));
    return avsound_prepare(strict, &in, 1, in_root("out"), &options, report);
}

START_TEST(refused_memory_is_survived)
{
    setup();
    make_spec spec = plain_spec();
    spec.frames = 3;
    spec.samples = 5760;
    make_media(in_root("in/a.mkv"), &spec);
    put_bytes(in_root("in/b.mkv"), "none", 4);
    failing f;
    avsound_context *strict = failing_context(&f);
    avsound_prepare_report *report;
    ck_survives_refusals(&f, prepare_anew(strict, &report), avsound_prepare_report_free(report));
    avsound_context_free(strict);
    teardown();
}
END_TEST

SUITE("train.prepare", constant_rates_become_25_by_the_nearest_frame, variable_rates_become_25_by_the_nearest_frame,
      pictures_that_start_late_are_shown_from_the_beginning, sizes_follow_the_shorter_side_and_never_grow,
      pictures_keep_their_values, sound_at_48_kHz_is_kept_to_the_bit, late_sound_is_padded_to_the_sample,
      other_rates_are_resampled_in_place, impulses_stay_where_they_are, stereo_is_averaged_or_kept,
      compressed_sound_keeps_its_place, each_flag_is_raised_for_its_reason_alone, sounds_become_clips_of_their_own,
      sound_alone_is_kept_to_the_bit,
      duplicates_are_found_in_another_encoding, flags_have_names, folders_lists_and_files_are_searched,
      wrong_arguments_are_refused, groups_come_from_the_manifest, shards_share_the_work_and_unite,
      what_is_there_is_kept_until_its_source_changes, hostile_tables_stop_a_run_by_line, a_stopped_run_is_gone_on_with,
      a_killed_run_leaves_whole_files_alone, the_same_source_makes_the_same_bytes, refused_memory_is_survived)
