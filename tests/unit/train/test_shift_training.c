/* Training of the multisensory network by shifted clips: it learns what can be learned, goes on to the bit, draws its batches. */
#include "base/rng.h"
#include "network/network.h"
#include "train/step.h"
#include "unit/train/clip_training.h"

static const char tiny[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":32,\"height\":32,\"short_side\":36},"
                           "\"clip\":{\"frames\":13,\"frame_rate\":25,\"sample_rate\":8000}}";

/* 30 dB a second less and less, as the pictures' right half grows brighter: either tells the time. */
static double falling(int clip, int64_t n)
{
    const double t = (double)n / 48000;
    return 0.9 * pow(10, -1.5 * t) * sin(6.283185307179586 * (300 + 50 * clip) * t);
}

static const clips_spec clips = {.clips = 4, .groups = 4, .width = 48, .height = 48, .frames = 24, .sound = falling};

static void set_up(fixture *f)
{
    set_up_training(f, &clips, AVSOUND_OBJECTIVE_SHIFT, 8);
    f->options.shift_min = 0.24;
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
    avsound_trainer *trainer = started(&f, "multisensory", tiny, "run");
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

/* The blocks' state among it, which only a checkpoint has, and the windows that each step draws. */
START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    static const int32_t optimizers[] = {AVSOUND_OPTIMIZER_ADAM, AVSOUND_OPTIMIZER_MOMENTUM};
    for (int i = 0; i < 2; i++) {
        fixture f;
        set_up(&f);
        f.options.optimizer = optimizers[i];
        f.options.shift_hard = 0.5;
        check_resumed(&f, "multisensory", tiny, 5);
        tear_down(&f);
    }
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
