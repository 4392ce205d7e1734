/* Learning to be in time: a small network on clips whose loudness follows what is seen finds lags it was not shown, a resumed run
 * is the same to the bit, and what is refused. */
#include "suite.h"

#include <avsound/train.h>

#include "failing.h"
#include "train/lags.h"
#include "train/trainer.h"
#include "unit/train/make_clips.h"

#include <math.h>
#include <unistd.h>

/* A sixth of a frame's pixels changes with its number, and the sound's level with them. */
static double loudness(int clip, int64_t n)
{
    const double level = (clip_luma(clip, (int)(n / AVSN_FRAME_SAMPLES), 1) - 40) / 170.0;
    return 0.5 * level * level * sin(6.283185307179586 * (300 + 200 * clip) * (double)n / AVSN_SAMPLE_RATE);
}

static const clips_spec spec = {.clips = 6, .groups = 6, .width = 64, .height = 48, .frames = 44, .sound = loudness};

static const char tiny[] = "{\"width\": 0.25, \"lags\": 5, \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 32},"
                           " \"audio\": {\"mel_bands\": 16, \"columns\": 112}, \"clip\": {\"frames\": 28}}";

static const char *folder;

static const char *in_folder(const char *name)
{
    static char paths[4][700];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

typedef struct watcher {
    int64_t stop_at; /* step; 0: never */
    double first, last, error; /* loss; error in ms */
    double accuracy;
} watcher;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    watcher *w = user_data;
    if (state->event == AVSOUND_TRAINING_STEP) {
        w->first = state->step == 1 ? state->loss : w->first;
        w->last = state->loss;
    }
    w->accuracy = state->validation_accuracy;
    w->error = state->validation_error;
    return w->stop_at && state->step >= w->stop_at;
}

static avsound_trainer_options options_for(watcher *w)
{
    avsound_trainer_options o;
    avsound_trainer_options_init(&o, sizeof o);
    o.objective = AVSOUND_OBJECTIVE_LAGS;
    o.threads = 1;
    o.workers = 1;
    o.batch = 4;
    o.seed = 3;
    o.validation = folder;
    o.validation_draws = 4;
    o.progress = watch;
    o.user_data = w;
    return o;
}

static avsound_status create(avsound_context *context, const char *arch, const char *config, const char *run,
                             const avsound_trainer_options *o, avsound_trainer **out)
{
    avsound_model *model;
    ck_avsound(avsound_model_create(context, arch, config, 5, &model));
    const avsound_status status = avsound_trainer_create(context, model, folder, in_folder(run), o, out);
    avsound_model_free(model);
    return status;
}

static avsound_context *begin(void)
{
    avsound_context *context;
    folder = temporary_folder();
    make_clips(folder, &spec);
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

START_TEST(a_small_network_learns_to_be_in_time)
{
    avsound_context *context = begin();
    watcher w = {0};
    avsound_trainer_options o = options_for(&w);
    avsound_trainer *trainer;
    o.batch = 6;
    o.epochs = 1;
    o.steps_per_epoch = 60;
    o.learning_rate = 5e-3;
    o.statistics_momentum = 0.3;
    ck_avsound(create(context, "sync-net", tiny, "run", &o, &trainer));
    ck_avsound(avsound_trainer_run(trainer));
    /* a guess among 21 lags costs ln 21 = 3.04; the target's own entropy is 1.06 */
    ck_assert_double_gt(w.first, 2.8);
    ck_assert_msg(w.last < 1.9, "the loss is %g after 60 steps", w.last);
    ck_assert_msg(w.accuracy > 0.9, "accuracy %g", w.accuracy);
    ck_assert_msg(w.error < 20, "median error %g ms", w.error);
    ck_assert(isnan(avsound_trainer_state(trainer)->validation_auc));
    avsound_trainer_free(trainer);
    avsound_context_free(context);
}
END_TEST

static void same_bytes(const char *a, const char *b)
{
    char bytes[2][4096];
    FILE *files[2] = {fopen(in_folder(a), "rb"), fopen(in_folder(b), "rb")};
    ck_assert(files[0] && files[1]);
    for (size_t n = 1; n;) {
        n = fread(bytes[0], 1, sizeof bytes[0], files[0]);
        ck_assert_uint_eq(fread(bytes[1], 1, sizeof bytes[1], files[1]), n);
        ck_assert_msg(!memcmp(bytes[0], bytes[1], n), "%s and %s differ", a, b);
    }
    fclose(files[0]);
    fclose(files[1]);
}

START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    avsound_context *context = begin();
    watcher w = {0};
    avsound_trainer_options o = options_for(&w);
    avsound_trainer *trainer;
    o.epochs = 2;
    o.steps_per_epoch = 3;
    o.ema = 0.9;
    ck_avsound(create(context, "sync-net", tiny, "whole", &o, &trainer));
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    w.stop_at = 2;
    ck_avsound(create(context, "sync-net", tiny, "pieces", &o, &trainer));
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, "stopped after step 2 of 6");
    avsound_trainer_free(trainer);
    for (int k = 0; k < 2; k++) {
        w.stop_at = k ? 0 : 4;
        ck_avsound(avsound_trainer_resume(context, in_folder("pieces"), &o, &trainer));
        ck_assert_int_eq(avsound_trainer_run(trainer), k ? AVSOUND_OK : AVSOUND_E_CANCELLED);
        avsound_trainer_free(trainer);
    }
    same_bytes("whole/checkpoint.safetensors", "pieces/checkpoint.safetensors");
    same_bytes("whole/last.safetensors", "pieces/last.safetensors");
    same_bytes("whole/best.safetensors", "pieces/best.safetensors");
    avsound_context_free(context);
}
END_TEST

START_TEST(networks_and_objectives_must_fit)
{
    avsound_context *context = begin();
    watcher w = {0};
    avsound_trainer_options o = options_for(&w);
    avsound_trainer *trainer;
    ck_refused(create(context, "ave-net", "{\"width\": 0.0625}", "run", &o, &trainer), AVSOUND_E_UNSUPPORTED,
               "ave-net compares no lags");
    o.objective = AVSOUND_OBJECTIVE_AVC;
    ck_refused(create(context, "sync-net", tiny, "run", &o, &trainer), AVSOUND_E_UNSUPPORTED, "sync-net compares lags");
    o.objective = AVSOUND_OBJECTIVE_LAGS;
    ck_refused(create(context, "sync-net", "{\"audio\": {\"hop\": 150}}", "run", &o, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "4 columns of 150 samples at 16000 Hz");
    ck_refused(create(context, "sync-net", "{\"clip\": {\"frames\": 48}}", "run", &o, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "none of 6 clips holds 48 frames");
    ck_avsound(create(context, "sync-net", tiny, "run", &o, &trainer));
    ck_refused(avsound_trainer_sheet(trainer, in_folder("sheet.png")), AVSOUND_E_UNSUPPORTED, "no sheet shows clips");
    avsound_trainer_free(trainer);
    avsound_context_free(context);
}
END_TEST

START_TEST(the_likeliest_lag_counts)
{
    /* lags -3...3, one row in three a tie, which the first wins */
    const float logits[3][7] = {{0, 1, 2, 3, 2, 1, 0}, {0, 5, 0, 0, 0, 5, 0}, {-9, -9, -9, -9, -9, -9, -8}};
    const float label[3] = {0.25f, -2, 0.5f};
    float errors[3];
    ck_assert_double_eq_tol(avsn_lag_accuracy(&logits[0][0], 7, label, 3, errors), 2 / 3.0, 1e-12);
    ck_assert_float_eq(errors[0], 0.25f);
    ck_assert_float_eq(errors[1], 0);
    ck_assert_float_eq(errors[2], 2.5f);
    ck_assert_double_eq_tol(avsn_lag_accuracy(&logits[1][0], 7, label + 1, 1, NULL), 1, 1e-12);
    ck_assert_double_eq_tol(avsn_lag_accuracy(&logits[2][0], 7, label + 2, 1, NULL), 0, 1e-12);
}
END_TEST

SUITE("train.lags", a_small_network_learns_to_be_in_time, resumed_runs_are_the_same_to_the_bit, networks_and_objectives_must_fit,
      the_likeliest_lag_counts)
