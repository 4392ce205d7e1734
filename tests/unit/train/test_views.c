/* Whole runs on views of one modality: what can be told apart is. */
#include "suite.h"

#include <avsound/train.h>

#include <math.h>

#include "unit/train/make_clips.h"

enum { CLIPS = 6, STEPS = 60 };

typedef struct curve {
    double losses[STEPS + 1], accuracies[STEPS + 1];
} curve;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    curve *c = user_data;
    if (state->event == AVSOUND_TRAINING_STEP) {
        c->losses[state->step] = state->loss;
        c->accuracies[state->step] = state->accuracy;
    }
    return 0;
}

/* Brightness and place are all that tells these clips' pictures apart. */
static const avsound_augmentation little = {
    .struct_size = sizeof little, .crop_min = 0.95f, .crop_max = 1, .flip = -1, .brightness = -1, .saturation = -1};

static void train(int32_t objective, curve *c, avsound_training_state *end)
{
    static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 48, \"height\": 48, \"short_side\": 56}}";
    const clips_spec clips = {.clips = CLIPS, .groups = CLIPS, .width = 64, .height = 64, .frames = 80};
    const char *folder = temporary_folder();
    char run[512];
    avsound_context *context;
    avsound_model *model;
    avsound_trainer *trainer;
    avsound_trainer_options o;
    make_clips(folder, &clips);
    snprintf(run, sizeof run, "%s/run", folder);
    avsound_trainer_options_init(&o, sizeof o);
    o.objective = objective;
    o.threads = o.workers = 1;
    o.batch = CLIPS;
    o.epochs = 1;
    o.steps_per_epoch = STEPS;
    o.learning_rate = 3e-3;
    o.seed = 7;
    o.validation = folder;
    o.augmentation = &little;
    o.progress = watch;
    o.user_data = c;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, "ave-net", tiny, 5, &model));
    ck_avsound(avsound_trainer_create(context, model, folder, run, &o, &trainer));
    ck_avsound(avsound_trainer_run(trainer));
    *end = *avsound_trainer_state(trainer);
    avsound_trainer_free(trainer);
    avsound_model_free(model);
    avsound_context_free(context);
}

/* All six clips are in each batch: guessing costs ln 11 and is right once in 11 times. */
static void check_learned(const char *what, const curve *c, const avsound_training_state *end)
{
    const double chance = log(2 * CLIPS - 1);
    double loss = 0, accuracy = 0;
    for (int i = STEPS - 9; i <= STEPS; i++) {
        loss += c->losses[i] / 10;
        accuracy += c->accuracies[i] / 10;
    }
    ck_assert_msg(loss < 0.75 * chance, "%s: loss %g, chance is %g", what, loss, chance);
    ck_assert_msg(accuracy > 3.0 / (2 * CLIPS - 1), "%s: accuracy %g", what, accuracy);
    ck_assert_msg(isfinite(end->validation_loss) && isnan(end->validation_auc), "%s: validation %g, AUC %g", what,
                  end->validation_loss, end->validation_auc);
}

START_TEST(views_of_pictures_are_told_apart)
{
    curve c;
    avsound_training_state end;
    train(AVSOUND_OBJECTIVE_VIEWS_IMAGE, &c, &end);
    check_learned("pictures", &c, &end);
}
END_TEST

START_TEST(views_of_sounds_are_told_apart)
{
    curve c;
    avsound_training_state end;
    train(AVSOUND_OBJECTIVE_VIEWS_AUDIO, &c, &end);
    check_learned("sounds", &c, &end);
}
END_TEST

SUITE("train.views", views_of_pictures_are_told_apart, views_of_sounds_are_told_apart)
