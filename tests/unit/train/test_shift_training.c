/* Training of the multisensory network by shifted clips: it learns what can be learned, goes on to the bit, draws its batches. */
#include "suite.h"

#include <avsound/train.h>

#include "base/rng.h"
#include "network/network.h"
#include "train/step.h"
#include "unit/train/make_clips.h"

#include <sys/stat.h>

enum { MOST_STEPS = 256 };

static const char tiny[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":32,\"height\":32,\"short_side\":36},"
                           "\"clip\":{\"frames\":13,\"frame_rate\":25,\"sample_rate\":8000}}";

/* 30 dB a second less and less, as the pictures' right half grows brighter: either tells the time. */
static double falling(int clip, int64_t n)
{
    const double t = (double)n / 48000;
    return 0.9 * pow(10, -1.5 * t) * sin(6.283185307179586 * (300 + 50 * clip) * t);
}

static const clips_spec clips = {.clips = 4, .groups = 4, .width = 48, .height = 48, .frames = 24, .sound = falling};

typedef struct watcher {
    int64_t stop_at; /* step; 0: never */
    double accuracy[MOST_STEPS];
} watcher;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    watcher *w = user_data;
    if (state->event == AVSOUND_TRAINING_STEP && state->step < MOST_STEPS)
        w->accuracy[state->step] = state->accuracy;
    return w->stop_at && state->step >= w->stop_at;
}

typedef struct fixture {
    avsound_context *context;
    const char *folder;
    avsound_augmentation augmentation;
    avsound_trainer_options options;
    watcher watcher;
} fixture;

static const char *path_in(const fixture *f, const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    return path;
}

static void set_up(fixture *f)
{
    *f = (fixture){.folder = temporary_folder(), .augmentation = {.struct_size = sizeof f->augmentation, .flip = -1}};
    ck_avsound(avsound_context_create(NULL, &f->context));
    ck_assert_int_eq(mkdir(path_in(f, "clips"), 0777), 0);
    make_clips(path_in(f, "clips"), &clips);
    avsound_trainer_options_init(&f->options, sizeof f->options);
    f->options.objective = AVSOUND_OBJECTIVE_SHIFT;
    f->options.threads = 1;
    f->options.workers = 2;
    f->options.batch = 8;
    f->options.epochs = 1;
    f->options.shift_min = 0.24;
    f->options.augmentation = &f->augmentation;
    f->options.progress = watch;
    f->options.user_data = &f->watcher;
}

static void tear_down(fixture *f)
{
    avsound_context_free(f->context);
}

static avsound_trainer *started(fixture *f, const char *run)
{
    avsound_model *model;
    avsound_trainer *trainer;
    ck_avsound(avsound_model_create(f->context, "multisensory", tiny, 5, &model));
    ck_avsound(avsound_trainer_create(f->context, model, path_in(f, "clips"), path_in(f, run), &f->options, &trainer));
    avsound_model_free(model);
    return trainer;
}

START_TEST(sound_out_of_time_is_told_on_few_clips)
{
    fixture f;
    set_up(&f);
    f.options.steps_per_epoch = 240;
    f.options.learning_rate = 4e-3;
    f.options.statistics_momentum = 0.1;
    f.options.validation = path_in(&f, "clips");
    f.options.validation_draws = 8;
    avsound_trainer *trainer = started(&f, "run");
    ck_avsound(avsound_trainer_run(trainer));
    double first = 0, last = 0;
    for (int i = 1; i <= 20; i++) {
        first += f.watcher.accuracy[i] / 20;
        last += f.watcher.accuracy[220 + i] / 20;
    }
    const avsound_training_state *state = avsound_trainer_state(trainer);
    printf("accuracy %.3f at first, %.3f at last; validation %.3f, AUC %.3f\n", first, last, state->validation_accuracy,
           state->validation_auc);
    ck_assert_double_gt(last, 0.85);
    ck_assert_double_gt(state->validation_accuracy, 0.75);
    ck_assert_double_gt(state->validation_auc, 0.85);
    avsound_trainer_free(trainer);
    tear_down(&f);
}
END_TEST

static char *bytes_of(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void ck_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    char *bytes_a = bytes_of(a, &size_a), *bytes_b = bytes_of(b, &size_b);
    ck_assert_msg(size_a == size_b && !memcmp(bytes_a, bytes_b, size_a), "%s and %s differ", a, b);
    free(bytes_a);
    free(bytes_b);
}

static void check_resumed(int32_t optimizer)
{
    avsound_trainer *trainer;
    fixture f;
    set_up(&f);
    f.options.optimizer = optimizer;
    f.options.shift_hard = 0.5;
    f.options.steps_per_epoch = 5;
    trainer = started(&f, "whole");
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    f.watcher.stop_at = 2;
    trainer = started(&f, "pieces");
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, "stopped after step 2 of 5");
    avsound_trainer_free(trainer);
    f.watcher.stop_at = 0;
    ck_avsound(avsound_trainer_resume(f.context, path_in(&f, "pieces"), &f.options, &trainer));
    ck_avsound(avsound_trainer_sheet(trainer, path_in(&f, "sheet.png"))); /* changes nothing */
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    ck_same_file(path_in(&f, "whole/checkpoint.safetensors"), path_in(&f, "pieces/checkpoint.safetensors"));
    ck_same_file(path_in(&f, "whole/last.safetensors"), path_in(&f, "pieces/last.safetensors"));
    struct stat found;
    ck_assert_int_eq(stat(path_in(&f, "sheet.png"), &found), 0);
    tear_down(&f);
}

/* The blocks' state among it, which only a checkpoint has, and the windows that each step draws. */
START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    check_resumed(AVSOUND_OPTIMIZER_ADAM);
    check_resumed(AVSOUND_OPTIMIZER_MOMENTUM);
}
END_TEST

enum { ITEMS = 4 };

/* One training step of `model`, each picture computed for so many sounds in succession: its gradients, joined. */
static double *gradients_of(const avsound_model *model, avsn_batch *batch, int32_t sounds, double *loss, size_t *count)
{
    const avsn_step_options o = {.objective = AVSOUND_OBJECTIVE_SHIFT, .compute = AVSOUND_DTYPE_F32, .threads = 1,
                                 .batch = ITEMS, .sounds = sounds, .momentum = 0.1f, .accumulate = 1};
    avsn_store *store;
    avsn_step *step;
    avsn_step_result result;
    batch->sounds = sounds;
    ck_avsound(avsn_store_create(model, &store));
    ck_avsound(avsn_step_create(model, store, &o, &step));
    ck_avsound(avsn_step_run(step, batch, &result));
    *loss = result.loss;
    double *all = calloc(store->floats, sizeof *all);
    *count = 0;
    for (int32_t i = 0; i < store->params.count; i++)
        for (size_t k = 0; avsn_step_gradients(step)[i] && k < store->items[i].count; k++)
            all[(*count)++] = (double)avsn_step_gradients(step)[i][k];
    avsn_step_free(step);
    avsn_store_free(store);
    return all;
}

static float *noise(size_t count, uint64_t key)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(avsn_rng_uniform(key, 1, i) - 0.5);
    return values;
}

/* A batch's statistics are the same with pictures in it once or each as often. */
START_TEST(pictures_computed_once_teach_the_same)
{
    avsound_context *context;
    avsound_model *model;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, "multisensory", tiny, 5, &model));
    const size_t frames = (size_t)3 * 13 * 32 * 32, samples = 2 * (size_t)model->config.clip.samples;
    float labels[ITEMS] = {1, 0, 1, 0}, *once = noise(ITEMS / 2 * frames, 1), *each = malloc(ITEMS * frames * sizeof *each);
    for (size_t i = 0; i < ITEMS; i++)
        memcpy(each + i * frames, once + i / 2 * frames, frames * sizeof *each);
    avsn_batch batch = {.size = ITEMS, .frames = each, .waveform = noise(ITEMS * samples, 2), .label = labels};
    double loss[2], squares = 0, differences = 0;
    size_t count[2];
    double *want = gradients_of(model, &batch, 1, &loss[0], &count[0]);
    batch.frames = once;
    double *got = gradients_of(model, &batch, 2, &loss[1], &count[1]);
    ck_assert_uint_eq(count[0], count[1]);
    for (size_t i = 0; i < count[0]; i++) {
        squares += want[i] * want[i];
        differences += (got[i] - want[i]) * (got[i] - want[i]);
    }
    printf("loss %.9g and %.9g, gradients' relative distance %.3g\n", loss[0], loss[1], sqrt(differences / squares));
    ck_assert_double_eq_tol(loss[1], loss[0], 1e-5);
    ck_assert_double_gt(squares, 1e-4);
    ck_assert_double_lt(sqrt(differences / squares), 1e-3);
    free(want);
    free(got);
    free(once);
    free(each);
    free(batch.waveform);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

static void ck_no_trainer(fixture *f, const char *arch, const char *config, avsound_status status, const char *words)
{
    avsound_model *model;
    avsound_trainer *trainer;
    ck_avsound(avsound_model_create(f->context, arch, config, 5, &model));
    ck_refused(avsound_trainer_create(f->context, model, path_in(f, "clips"), path_in(f, "none"), &f->options, &trainer), status,
               words);
    ck_assert_ptr_null(trainer);
    avsound_model_free(model);
}

START_TEST(what_cannot_be_learned_is_refused)
{
    fixture f;
    set_up(&f);
    ck_no_trainer(&f, "ave-net", "{\"width\":0.0625}", AVSOUND_E_UNSUPPORTED, "ave-net takes no clips");
    ck_no_trainer(&f, "separator", "{\"width\":0.0625,\"unet_width\":0.0625}", AVSOUND_E_UNSUPPORTED, "takes sound apart: it learns by nothing but");
    f.options.shift_min = 0.6; /* 13 of 24 frames leave room for 11 */
    ck_no_trainer(&f, "multisensory", tiny, AVSOUND_E_INVALID_ARGUMENT, "none of 4 clips holds 13 frames and 0.52 s of sound and");
    f.options.shift_max = 0.3;
    ck_no_trainer(&f, "multisensory", tiny, AVSOUND_E_INVALID_ARGUMENT, "shift_min is 0.6, more than shift_max, 0.3");
    f.options.shift_max = 0;
    f.options.objective = AVSOUND_OBJECTIVE_AVC;
    ck_no_trainer(&f, "multisensory", tiny, AVSOUND_E_UNSUPPORTED, "nothing but AVSOUND_OBJECTIVE_SHIFT");
    tear_down(&f);
}
END_TEST

SUITE("train.shift_training", sound_out_of_time_is_told_on_few_clips, resumed_runs_are_the_same_to_the_bit,
      pictures_computed_once_teach_the_same, what_cannot_be_learned_is_refused)
