#include "train/trainer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- telling ---- */

static int64_t step_in_epoch(const avsound_trainer *t)
{
    return t->progress.step - t->progress.epoch * t->steps_per_epoch;
}

static void update_state(avsound_trainer *t)
{
    const avsn_progress *p = &t->progress;
    avsound_training_state *s = &t->state;
    const double in_epoch = (double)step_in_epoch(t);
    s->epoch = p->epoch;
    s->step = p->step;
    s->epochs = t->settings.options.epochs;
    s->steps = t->steps_per_epoch * s->epochs;
    s->best_accuracy = p->best_accuracy;
    s->best_epoch = p->best_epoch;
    s->waited = avsn_loader_waited(t->loader);
    if (in_epoch > 0) {
        s->mean_loss = p->sum_loss / in_epoch;
        s->mean_accuracy = p->sum_accuracy / in_epoch;
    }
}

/* Non-zero: the caller asks to stop. */
static int32_t tell(avsound_trainer *t, int32_t event, const char *message)
{
    const avsound_trainer_options *o = &t->settings.options;
    t->state.event = event;
    t->state.message = message;
    const int32_t stop = o->progress ? o->progress(&t->state, o->user_data) : 0;
    t->state.message = NULL;
    return stop;
}

double avsn_trainer_chance(const avsound_trainer *t, bool validation)
{
    const avsn_loader *loader = validation ? t->validation_loader : t->loader;
    if (t->part != AVSN_PART_BOTH)
        return loader ? 1.0 / (avsn_loader_items(loader) - 1) : 0.5;
    if (t->settings.options.objective == AVSOUND_OBJECTIVE_LAGS)
        return 3.0 / (2 * t->model->config.lags + 1);
    if (t->classes)
        return 1.0 / t->classes->count;
    if (t->settings.options.objective == AVSOUND_OBJECTIVE_SEPARATE)
        return 0;
    return t->settings.options.objective == AVSOUND_OBJECTIVE_CONTRASTIVE && !validation ? 1.0 / t->batch : 0.5;
}

/* ---- one step ---- */

/* A process that fails while it computes leaves the others waiting for its part of a sum. */
static avsound_status run_step(avsound_trainer *t, const avsn_batch *batch, avsn_step_result *result)
{
    const avsound_status status = avsn_step_run(t->step, batch, result);
    if (status)
        avsn_parallel_give_up(t->parallel);
    double means[] = {result->loss, result->accuracy};
    avsn_parallel_mean(t->parallel, means, 2);
    *result = (avsn_step_result){.loss = means[0], .accuracy = means[1]};
    return status;
}

static avsound_status compute_gradients(avsound_trainer *t, const avsn_batch **batch)
{
    const int32_t runs = t->settings.options.accumulate;
    t->state.loss = t->state.accuracy = 0;
    avsn_step_clear(t->step);
    for (int32_t i = 0; i < runs; i++) {
        avsn_step_result result = {NAN, NAN};
        AVSN_TRY(avsn_parallel_agree(t->parallel, avsn_loader_next(t->loader, batch), NULL));
        AVSN_TRY(run_step(t, *batch, &result));
        t->state.loss += result.loss / runs;
        t->state.accuracy += result.accuracy / runs;
        if (!isfinite(result.loss))
            break;
    }
    return AVSOUND_OK;
}

/* Names the step, the first layer whose values are not finite, and the clips that went in. */
static avsound_status explain_not_finite(avsound_trainer *t, const avsn_batch *batch, const char *what)
{
    static const char nowhere[] = "no layer's values, the gradients only";
    char where[160] = "";
    const avsound_status status = avsn_step_find_not_finite(t->step, batch, where, sizeof where);
    /* The process that has found the layer speaks for all. */
    double found = *where != 0;
    avsn_parallel_sum(t->parallel, &found, 1);
    if (status || (found > 0 && !*where))
        return avsn_parallel_agree(t->parallel, status, NULL);
    const avsn_pair *first = &batch->pair[0];
    AVSN_FAIL(AVSOUND_E_BACKEND,
              "step %" PRId64 ": the %s is not finite (loss %g, gradient norm %g, learning rate %g); first seen in %s; the "
              "batch begins with %s, frame %d; the last checkpoint is untouched: a smaller learning rate, a warm-up or "
              "clipping may help",
              t->progress.step + 1, what, t->state.loss, t->state.gradient_norm, t->state.learning_rate, *where ? where : nowhere,
              avsn_dataset_clip_at(t->data, first->frame_clip)->path, first->frame);
}

static avsound_status one_step(avsound_trainer *t)
{
    const avsound_trainer_options *o = &t->settings.options;
    const avsn_batch *batch = NULL;
    AVSN_TRY(compute_gradients(t, &batch));
    t->state.learning_rate = avsn_schedule_rate(&t->schedule, t->progress.step);
    t->state.gradient_norm = NAN;
    if (!isfinite(t->state.loss))
        return explain_not_finite(t, batch, "loss");
    t->state.gradient_norm =
        avsn_optimizer_step(&t->optimizer, t->store, avsn_step_gradients(t->step), t->state.learning_rate);
    if (!isfinite(t->state.gradient_norm))
        return explain_not_finite(t, batch, "gradient");
    if (t->average)
        avsn_average_step(t->store, t->average, o->ema, t->optimizer.steps);
    t->progress.step++;
    t->progress.sum_loss += t->state.loss;
    t->progress.sum_accuracy += t->state.accuracy;
    update_state(t);
    return AVSOUND_OK;
}

static avsound_status record_step(avsound_trainer *t)
{
    const double limit = t->settings.options.clip_norm;
    const avsn_history_step step = {.step = t->progress.step,
                                    .epoch = t->progress.epoch + 1,
                                    .clipped = limit > 0 && t->state.gradient_norm > limit,
                                    .loss = (float)t->state.loss,
                                    .accuracy = (float)t->state.accuracy,
                                    .learning_rate = (float)t->state.learning_rate,
                                    .gradient_norm = (float)t->state.gradient_norm};
    AVSN_TRY(avsn_history_add_step(&t->history, &step));
    if (!avsn_trainer_writes(t))
        return AVSOUND_OK;
    return avsn_run_log_step(t->log, &step, t->state.seconds, t->state.waited);
}

/* Looked at now and then: each look goes over the history's end. */
static avsound_status watch_health(avsound_trainer *t, int32_t *stop)
{
    enum { EVERY = 100 };
    const avsound_trainer_options *o = &t->settings.options;
    const int32_t each = t->part == AVSN_PART_BOTH ? 1 : 2; /* of two views either one's partner is looked for */
    const avsn_health_facts facts = {.chance = avsn_trainer_chance(t, false),
                                     .validation_chance = avsn_trainer_chance(t, true),
                                     .pairs = (double)o->batch * o->accumulate * each,
                                     .clip_norm = o->clip_norm,
                                     .seconds = t->state.seconds,
                                     .waited = t->state.waited};
    char line[400];
    if (!avsn_trainer_writes(t) || t->progress.step % EVERY ||
        !avsn_health_next(&t->health, &t->history, &facts, line, sizeof line))
        return AVSOUND_OK;
    AVSN_TRY(avsn_run_log_message(t->log, "health", t->progress.step, line));
    *stop |= tell(t, AVSOUND_TRAINING_HEALTH, line);
    return AVSOUND_OK;
}

/* ---- an epoch's end ---- */

static avsound_status validate(avsound_trainer *t, bool *better)
{
    avsn_validation v = {NAN, NAN, NAN, NAN};
    if (t->validation)
        AVSN_TRY(avsn_validate(t, &v));
    t->state.validation_loss = v.loss;
    t->state.validation_accuracy = v.accuracy;
    t->state.validation_auc = v.auc;
    t->state.validation_error = v.error;
    *better = isfinite(v.accuracy) && !(v.accuracy <= t->progress.best_accuracy);
    if (*better) {
        t->progress.best_accuracy = v.accuracy;
        t->progress.best_epoch = t->progress.epoch;
    }
    const avsn_history_epoch epoch = {.step = t->progress.step,
                                      .epoch = t->progress.epoch,
                                      .loss = (float)v.loss,
                                      .accuracy = (float)v.accuracy,
                                      .auc = (float)v.auc,
                                      .error = (float)v.error};
    AVSN_TRY(avsn_history_add_epoch(&t->history, &epoch));
    if (!avsn_trainer_writes(t))
        return AVSOUND_OK;
    return avsn_run_log_epoch(t->log, &epoch, t->state.mean_loss, t->state.mean_accuracy, t->state.seconds,
                              t->state.waited);
}

static void describe(const avsound_trainer *t, char *line, size_t size)
{
    static const char *const schedules[] = {"", ", cosine", ", constant"};
    const avsound_trainer_options *o = &t->settings.options;
    snprintf(line, size, "%s, width %g  |  %d clips  |  %s, batch %d  |  rate %g%s  |  epoch %d of %d, step %" PRId64,
             t->model->arch->name, t->model->config.width, avsn_dataset_count(t->data),
             avsn_objective_name(o->objective), o->batch * o->accumulate, o->learning_rate, schedules[o->schedule],
             t->progress.epoch, o->epochs, t->progress.step);
    if (t->progress.best_epoch)
        snprintf(line + strlen(line), size - strlen(line), "  |  best %.1f %% after epoch %d",
                 t->progress.best_accuracy * 100, t->progress.best_epoch);
}

static avsound_status draw_curves(avsound_trainer *t)
{
    char title[300], *path;
    describe(t, title, sizeof title);
    AVSN_TRY(avsn_trainer_path(t, "curves.png", &path));
    const avsound_status status = avsn_curves_write(&t->history, avsn_trainer_chance(t, false), title, path);
    avsn_free(t->context, path);
    return status;
}

static avsound_status save(avsound_trainer *t)
{
    t->saved_at = seconds_now();
    return avsn_trainer_writes(t) ? avsn_trainer_save_checkpoint(t) : AVSOUND_OK;
}

/* Running statistics that each process took of its own batches alone become their mean. */
static avsound_status join_statistics(avsound_trainer *t)
{
    const avsn_store *store = t->store;
    const float share = 1 / (float)avsn_parallel_ranks(t->parallel);
    for (int32_t i = 0; t->settings.options.local_statistics && i < store->params.count; i++) {
        float *values = store->values + store->items[i].begin;
        if (!store->items[i].state)
            continue;
        for (size_t k = 0; k < store->items[i].count; k++)
            values[k] *= share;
        avsn_parallel_start_sum(t->parallel, values, store->items[i].count);
    }
    return avsn_parallel_wait(t->parallel);
}

/* The checkpoint comes last: a run that is cut off before it repeats the epoch's end. */
static avsound_status write_epoch(avsound_trainer *t, bool better)
{
    if (!avsn_trainer_writes(t))
        return AVSOUND_OK;
    AVSN_TRY(avsn_trainer_save_model(t, "last.safetensors"));
    if (better)
        AVSN_TRY(avsn_trainer_save_model(t, "best.safetensors"));
    AVSN_TRY(draw_curves(t));
    return save(t);
}

static avsound_status end_epoch(avsound_trainer *t)
{
    bool better;
    t->progress.epoch++;
    AVSN_TRY(join_statistics(t));
    avsn_trainer_share(t);
    AVSN_TRY(validate(t, &better));
    update_state(t);
    t->progress.sum_loss = t->progress.sum_accuracy = 0;
    return write_epoch(t, better);
}

/* ---- the run ---- */

static avsound_status make_folder(const char *folder)
{
    if (mkdir(folder, 0777) && errno != EEXIST)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", folder, strerror(errno));
    return AVSOUND_OK;
}

static avsound_status stopped(avsound_trainer *t)
{
    AVSN_TRY(avsn_parallel_agree(t->parallel, save(t), NULL));
    AVSN_FAIL(AVSOUND_E_CANCELLED, "stopped after step %" PRId64 " of %" PRId64 "; saved", t->progress.step, t->state.steps);
}

/* Tells of the step, puts it down, and saves when it is time. */
static avsound_status after_step(avsound_trainer *t, int32_t *stop)
{
    *stop = tell(t, AVSOUND_TRAINING_STEP, NULL);
    AVSN_TRY(record_step(t));
    AVSN_TRY(watch_health(t, stop));
    if (*stop || seconds_now() - t->saved_at < 60.0 * t->settings.options.save_minutes)
        return AVSOUND_OK;
    AVSN_TRY(save(t));
    *stop = tell(t, AVSOUND_TRAINING_SAVED, NULL);
    return AVSOUND_OK;
}

/* All processes go on, or stop together. */
static avsound_status agree(avsound_trainer *t, avsound_status status, int32_t asked, bool *stop)
{
    *stop = asked != 0;
    return avsn_parallel_agree(t->parallel, status, stop);
}

static avsound_status run_epoch(avsound_trainer *t)
{
    int32_t asked;
    bool stop;
    while (step_in_epoch(t) < t->steps_per_epoch) {
        const double begin = seconds_now();
        AVSN_TRY(one_step(t));
        t->state.seconds += seconds_now() - begin;
        const avsound_status status = after_step(t, &asked);
        AVSN_TRY(agree(t, status, asked, &stop));
        if (stop)
            return stopped(t);
    }
    AVSN_TRY(end_epoch(t));
    asked = tell(t, AVSOUND_TRAINING_EPOCH, NULL);
    AVSN_TRY(agree(t, AVSOUND_OK, asked, &stop));
    return stop ? stopped(t) : AVSOUND_OK;
}

static bool is_over(const avsound_trainer *t)
{
    const avsound_trainer_options *o = &t->settings.options;
    const avsn_progress *p = &t->progress;
    return p->epoch >= o->epochs ||
           (o->patience && p->best_epoch && p->epoch - p->best_epoch >= o->patience);
}

static avsound_status open_log(avsound_trainer *t)
{
    char *path, *options = NULL;
    if (t->log || !avsn_trainer_writes(t))
        return AVSOUND_OK;
    AVSN_TRY(avsn_trainer_path(t, "log.jsonl", &path));
    avsound_status status =
        avsn_run_log_open(t->context, path, t->resumed ? t->progress.step : -1, &t->history, &t->log);
    avsn_free(t->context, path);
    if (!status)
        status = avsn_settings_text(t->context, &t->settings, &options);
    if (!status)
        status = avsn_run_log_event(t->log, t->resumed ? "resume" : "begin", t->progress.step,
                                    json_pack("{s:s, s:s, s:o}", "arch", t->model->arch->name, "config",
                                              t->model->config_text, "options", json_loads(options, 0, NULL)));
    avsn_free(t->context, options);
    return status;
}

static avsound_status run(avsound_trainer *t)
{
    /* A run that stopped at an epoch's last step has that epoch's end before it, and no batch. */
    const int64_t batches = t->steps_per_epoch * t->settings.options.accumulate;
    const int64_t done = t->progress.step * t->settings.options.accumulate;
    if (avsn_trainer_writes(t))
        AVSN_TRY(make_folder(t->folder));
    AVSN_TRY(open_log(t));
    update_state(t);
    t->saved_at = seconds_now();
    AVSN_TRY(avsn_loader_start(t->loader, (uint64_t)(done / batches), (uint64_t)(done % batches)));
    while (!is_over(t))
        AVSN_TRY(run_epoch(t));
    return AVSOUND_OK;
}

/* Whatever fails in one process alone fails before the next time that all of them agree. */
avsound_status avsound_trainer_run(avsound_trainer *t)
{
    if (!t)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    const avsound_status status = run(t);
    if (!status || status == AVSOUND_E_CANCELLED || avsn_parallel_ended(t->parallel))
        return status;
    return avsn_parallel_agree(t->parallel, status, NULL);
}

const avsound_training_state *avsound_trainer_state(const avsound_trainer *t)
{
    return t ? &t->state : NULL;
}
