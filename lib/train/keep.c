#include "train/checkpoint.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_KIND "avsound.checkpoint"

avsound_status avsn_trainer_path(const avsound_trainer *trainer, const char *name, char **path)
{
    const size_t bytes = strlen(trainer->folder) + strlen(name) + 2;
    *path = avsn_alloc(trainer->context, bytes, 1);
    if (!*path)
        return AVSOUND_E_NO_MEMORY;
    snprintf(*path, bytes, "%s/%s", trainer->folder, name);
    return AVSOUND_OK;
}

static avsn_checkpoint_blocks blocks_of(const avsound_trainer *t)
{
    return (avsn_checkpoint_blocks){
        .values = t->store->values, .mean = t->optimizer.mean, .square = t->optimizer.square, .average = t->average};
}

/* ---- progress as JSON ---- */

static char *progress_text(const avsound_trainer *t)
{
    const avsn_progress *p = &t->progress;
    json_t *json = json_pack("{s:I, s:i, s:i, s:o, s:f, s:f, s:I}", "step", (json_int_t)p->step, "epoch", (int)p->epoch,
                             "best_epoch", (int)p->best_epoch, "best_accuracy",
                             isfinite(p->best_accuracy) ? json_real(p->best_accuracy) : json_null(), "sum_loss", p->sum_loss,
                             "sum_accuracy", p->sum_accuracy, "optimizer_steps", (json_int_t)t->optimizer.steps);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    return text;
}

static avsound_status parse_progress(avsound_trainer *t, const char *text)
{
    avsn_progress *p = &t->progress;
    json_int_t step = 0, taken = 0;
    int epoch = 0, best_epoch = 0;
    json_t *best = NULL;
    json_t *json = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const int bad = !json || json_unpack(json, "{s:I, s:i, s:i, s:o, s:F, s:F, s:I}", "step", &step, "epoch", &epoch,
                                         "best_epoch", &best_epoch, "best_accuracy", &best, "sum_loss", &p->sum_loss,
                                         "sum_accuracy", &p->sum_accuracy, "optimizer_steps", &taken);
    if (!bad)
        p->best_accuracy = json_is_number(best) ? json_number_value(best) : NAN;
    json_decref(json);
    if (bad || step < 0 || epoch < 0 || taken < 0 || epoch > t->settings.options.epochs ||
        step / t->steps_per_epoch < epoch || step > (int64_t)t->settings.options.epochs * t->steps_per_epoch)
        AVSN_FAIL(AVSOUND_E_FORMAT, "its progress is missing or impossible");
    p->step = step;
    p->epoch = epoch;
    p->best_epoch = best_epoch;
    t->optimizer.steps = taken;
    return AVSOUND_OK;
}

/* ---- checkpoints ---- */

static avsound_status write_checkpoint(avsound_trainer *t, const char *path, const char *settings, const char *progress)
{
    const char *const keys[] = {KEY_KIND, "avsound.arch", "avsound.config", "data", "validation", "options", "progress"};
    const char *const texts[] = {"1",
                                 t->model->arch->name,
                                 t->model->config_text,
                                 avsn_dataset_digest(t->data),
                                 t->validation ? avsn_dataset_digest(t->validation) : "",
                                 settings,
                                 progress};
    const avsn_checkpoint_blocks blocks = blocks_of(t);
    return avsn_checkpoint_write(t->store, &blocks, path, keys, texts, AVSN_ARRAY_COUNT(keys));
}

avsound_status avsn_trainer_save_checkpoint(avsound_trainer *t)
{
    char *path, *settings = NULL, *progress;
    AVSN_TRY(avsn_trainer_path(t, "checkpoint.safetensors", &path));
    avsound_status status = avsn_settings_text(t->context, &t->settings, &settings);
    if (!status) {
        progress = progress_text(t);
        status = progress ? write_checkpoint(t, path, settings, progress)
                          : avsn_fail(AVSOUND_E_NO_MEMORY, "out of memory for a checkpoint");
        free(progress);
    }
    avsn_free(t->context, settings);
    avsn_free(t->context, path);
    return status;
}

/* The clips must be those that the run began with, or its pairs would be others. */
static avsound_status check_data(const avsn_safetensors *file, const char *key, const avsn_dataset *data)
{
    const char *then = avsn_safetensors_metadata(file, key), *now = data ? avsn_dataset_digest(data) : "";
    if (!then || strcmp(then, now))
        AVSN_FAIL(AVSOUND_E_STATE, "%s: the %s clips are no longer those that the run began with (%s then, %s now)",
                  avsn_safetensors_label(file), strcmp(key, "data") ? "validation" : "training", then ? then : "unknown", now);
    return AVSOUND_OK;
}

avsound_status avsn_trainer_load_checkpoint(avsound_trainer *t, const avsn_safetensors *file)
{
    const avsn_checkpoint_blocks blocks = blocks_of(t);
    AVSN_TRY(check_data(file, "data", t->data));
    AVSN_TRY(check_data(file, "validation", t->validation));
    const avsound_status status = parse_progress(t, avsn_safetensors_metadata(file, "progress"));
    if (status)
        return avsn_fail_in(status, "%s", avsn_safetensors_label(file));
    return avsn_checkpoint_read(t->store, &blocks, file);
}

/* ---- models ---- */

avsound_status avsound_trainer_model(const avsound_trainer *t, avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!t)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    const avsound_trainer_options *o = &t->settings.options;
    const char *keys[8], *values[8];
    char steps[32], accuracy[32], seed[32];
    size_t count = 0;
    snprintf(steps, sizeof steps, "%" PRId64, t->progress.step);
    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    keys[count] = "avsound.training.steps", values[count++] = steps;
    keys[count] = "avsound.training.seed", values[count++] = seed;
    keys[count] = "avsound.training.objective";
    values[count++] = avsn_objective_name(o->objective);
    if (isfinite(t->state.validation_accuracy)) {
        snprintf(accuracy, sizeof accuracy, "%.4f", t->state.validation_accuracy);
        keys[count] = "avsound.training.validation_accuracy", values[count++] = accuracy;
    }
    if (t->classes)
        keys[count] = AVSN_KEY_CLASSES, values[count++] = t->classes->text;
    if (o->license)
        keys[count] = "license", values[count++] = o->license;
    if (o->source)
        keys[count] = "source", values[count++] = o->source;
    return avsn_model_trained(t->model, t->average ? &t->averaged : &t->store->params, keys, values, count, out);
}

avsound_status avsn_trainer_save_model(avsound_trainer *t, const char *name)
{
    avsound_model *model;
    char *path;
    AVSN_TRY(avsn_trainer_path(t, name, &path));
    avsound_status status = avsound_trainer_model(t, &model);
    if (!status) {
        status = avsound_model_save(model, path);
        avsound_model_free(model);
    }
    avsn_free(t->context, path);
    return status;
}
