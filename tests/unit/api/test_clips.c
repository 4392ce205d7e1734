/* A network of clips by the public functions: it runs, and what is for networks of a picture and a spectrogram says so. */
#include "suite.h"

#include <avsound/train.h>

static const char tiny[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":40,\"height\":32},"
                           "\"clip\":{\"frames\":9,\"samples\":4500}}";

static avsound_context *context;
static avsound_model *model;

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, "multisensory", tiny, 1, &model));
}

static void tear_down(void)
{
    avsound_model_free(model);
    avsound_context_free(context);
}

static void set_zeros(avsound_session *session, const char *name, avsound_tensor view)
{
    size_t count = 1;
    for (int32_t d = 0; d < view.rank; d++)
        count *= (size_t)view.shape[d];
    float *zeros = calloc(count, sizeof *zeros);
    ck_assert_ptr_nonnull(zeros);
    view.data = zeros;
    ck_avsound(avsound_session_set_input(session, name, &view));
    free(zeros);
}

START_TEST(a_clip_runs)
{
    avsound_session *session;
    avsound_session_options options;
    const char *name;
    avsound_tensor view = {.struct_size = sizeof view}, cam = view, score = view;
    set_up();
    avsound_session_options_init(&options, sizeof options);
    options.batch = 2;
    ck_avsound(avsound_session_create(model, &options, &session));
    ck_assert_int_eq(avsound_session_input_count(session), 2);
    ck_avsound(avsound_session_input(session, 0, &name, &view));
    ck_assert_str_eq(name, "frames");
    ck_assert_mem_eq(view.shape, ((int64_t[]){2, 3, 9, 32, 40}), 5 * sizeof(int64_t));
    ck_refused(avsound_session_set_input(session, "image", &view), AVSOUND_E_INVALID_ARGUMENT,
               "\"image\" is not an input; inputs are \"frames\" and \"waveform\"");
    set_zeros(session, name, view);
    ck_refused(avsound_session_run(session), AVSOUND_E_STATE, "\"waveform\" was never set");
    ck_avsound(avsound_session_input(session, 1, &name, &view));
    ck_assert_mem_eq(view.shape, ((int64_t[]){2, 2, 4500}), 3 * sizeof(int64_t));
    set_zeros(session, name, view);
    ck_avsound(avsound_session_run(session));
    ck_avsound(avsound_session_get_output(session, "cam", &cam));
    ck_assert_mem_eq(cam.shape, ((int64_t[]){2, 1, 2, 1, 2}), 5 * sizeof(int64_t));
    /* from a seed all biases are 0: nothing seen and nothing heard is even odds */
    ck_avsound(avsound_session_get_output(session, "score", &score));
    ck_assert_float_eq(((const float *)score.data)[1], 0.5f);
    avsound_session_free(session);
    tear_down();
}
END_TEST

static void check_clip(int32_t frames, int32_t samples, int64_t wanted, int64_t steps)
{
    avsound_session *session;
    avsound_session_options options;
    avsound_tensor view = {.struct_size = sizeof view}, cam = view;
    avsound_session_options_init(&options, sizeof options);
    options.frames = frames;
    options.samples = samples;
    ck_avsound(avsound_session_create(model, &options, &session));
    ck_avsound(avsound_session_input(session, 0, NULL, &view));
    ck_assert_int_eq(view.shape[2], frames ? frames : 9);
    set_zeros(session, "frames", view);
    ck_avsound(avsound_session_input(session, 1, NULL, &view));
    ck_assert_int_eq(view.shape[2], wanted);
    set_zeros(session, "waveform", view);
    ck_avsound(avsound_session_run(session));
    ck_avsound(avsound_session_get_output(session, "cam", &cam));
    ck_assert_int_eq(cam.shape[2], steps); /* ceil(frames / 8) */
    avsound_session_free(session);
}

/* The numbers of samples are the specification's of 63 and 125 frames: 21000 / 29.97 a frame, rounded. */
START_TEST(a_clip_has_any_number_of_frames)
{
    set_up();
    check_clip(0, 0, 4500, 2);
    check_clip(63, 0, 44144, 8);
    check_clip(125, 0, 87588, 16);
    check_clip(125, 87587, 87587, 16);
    check_clip(17, 9000, 9000, 3);
    check_clip(0, 6306, 6306, 2);
    tear_down();
}
END_TEST

START_TEST(clips_that_cannot_be_are_refused)
{
    static const struct {
        int32_t frames, samples;
        avsound_status status;
        const char *words;
    } bad[] = {
        {-1, 0, AVSOUND_E_INVALID_ARGUMENT, "frames is -1"},
        {0, -1, AVSOUND_E_INVALID_ARGUMENT, "samples is -1"},
        {1 << 30, 0, AVSOUND_E_INVALID_ARGUMENT, "frames is 1073741824"},
        {64, 1024, AVSOUND_E_SHAPE, "steps of time"}, /* one step of sound for 16 of pictures */
    };
    avsound_session *session;
    avsound_session_options options;
    set_up();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        avsound_session_options_init(&options, sizeof options);
        options.frames = bad[i].frames;
        options.samples = bad[i].samples;
        ck_refused(avsound_session_create(model, &options, &session), bad[i].status, bad[i].words);
        ck_assert_ptr_null(session);
    }
    avsound_model *pictures;
    ck_avsound(avsound_model_create(context, "ave-net", "{\"width\":0.0625}", 1, &pictures));
    ck_refused(avsound_session_create(pictures, &options, &session), AVSOUND_E_INVALID_ARGUMENT, "ave-net takes no clips");
    avsound_model_free(pictures);
    tear_down();
}
END_TEST

START_TEST(tasks_of_pictures_refuse_it)
{
    static const char words[] = "multisensory takes clips";
    uint8_t pixels[3 * 16 * 16] = {0};
    float samples[64] = {0}, room[1024];
    const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = 16, .height = 16,
                                 .data = {pixels}, .stride = {48}};
    const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = 48000,
                                 .channels = 1, .frames = 64, .data = samples};
    avsound_score score = {.struct_size = sizeof score};
    avsound_session *session;
    size_t size = 1024;
    int32_t rows, cols;
    int64_t columns;
    set_up();
    ck_avsound(avsound_session_create(model, NULL, &session));
    ck_refused(avsound_embed_image(session, &frame, 1, room, &size), AVSOUND_E_UNSUPPORTED, words);
    ck_refused(avsound_embed_audio(session, &sound, 1, room, &size), AVSOUND_E_UNSUPPORTED, words);
    ck_refused(avsound_correspondence(session, &frame, &sound, &score), AVSOUND_E_UNSUPPORTED, words);
    ck_refused(avsound_localize(session, &frame, &sound, room, &size, &rows, &cols, &score), AVSOUND_E_UNSUPPORTED, words);
    ck_refused(avsound_spectrogram(model, &sound, room, &size, &rows, &columns), AVSOUND_E_UNSUPPORTED, words);
    avsound_session_free(session);
    const avsound_scan_options scan_options = {.struct_size = sizeof scan_options, .what = AVSOUND_SCAN_EMBED_IMAGE};
    avsound_scan *scan;
    ck_refused(avsound_scan_create(model, "no-such-file", &scan_options, &scan), AVSOUND_E_UNSUPPORTED,
               "multisensory has no embeddings");
    ck_assert_ptr_null(scan);
    avsound_trainer *trainer;
    ck_refused(avsound_trainer_create(context, model, "no-such-folder", "no-run-here", NULL, &trainer), AVSOUND_E_UNSUPPORTED,
               words);
    ck_assert_ptr_null(trainer);
    tear_down();
}
END_TEST

/* Frames and columns that go with them; either vector alone needs its own input only. */
START_TEST(a_clip_with_a_spectrogram_has_four_columns_a_frame)
{
    avsound_session *session;
    avsound_session_options options;
    avsound_model *lags;
    const char *name;
    avsound_tensor view = {.struct_size = sizeof view}, vectors = view;
    set_up();
    ck_avsound(avsound_model_create(context, "sync-net", "{\"width\":0.0625,\"image\":{\"width\":32,\"height\":24}}", 1, &lags));
    avsound_session_options_init(&options, sizeof options);
    options.frames = 20;
    options.outputs = "embedding.audio";
    ck_avsound(avsound_session_create(lags, &options, &session));
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        ck_avsound(avsound_session_input(session, i, &name, &view));
        if (strcmp(name, "spectrogram"))
            continue;
        ck_assert_mem_eq(view.shape, ((int64_t[]){1, 1, 40, 80}), 4 * sizeof(int64_t));
        set_zeros(session, name, view);
    }
    ck_avsound(avsound_session_run(session));
    ck_avsound(avsound_session_get_output(session, "embedding.audio", &vectors));
    ck_assert_mem_eq(vectors.shape, ((int64_t[]){1, 128, 2 * (20 - 8)}), 3 * sizeof(int64_t));
    avsound_session_free(session);
    avsound_model_free(lags);
    tear_down();
}
END_TEST

SUITE("api.clips", a_clip_runs, a_clip_with_a_spectrogram_has_four_columns_a_frame, a_clip_has_any_number_of_frames,
      clips_that_cannot_be_are_refused, tasks_of_pictures_refuse_it)
