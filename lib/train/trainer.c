#include "train/lags.h"
#include "train/separate.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- making ---- */

/* Sound and pictures from anywhere in the network's range of each other. */
static avsound_status show_clips(const avsound_trainer *t, avsn_loader_options *options)
{
    const avsn_model_config *config = &t->model->config;
    options->clip = config->clip;
    options->sampler.misalignment = config->lags * AVSN_FRAME_SAMPLES;
    return avsn_lag_samples(&config->audio, &options->lag);
}

/* Both items of a clip show the same; an odd share of a batch begins or ends between two. */
static int32_t sounds_of(const avsound_trainer *t)
{
    return t->settings.options.objective == AVSOUND_OBJECTIVE_SHIFT && t->batch % 2 == 0 ? 2 : 1;
}

static void shift_clips(const avsound_trainer *t, avsn_loader_options *options)
{
    const avsound_trainer_options *o = &t->settings.options;
    options->clip = t->model->config.clip;
    options->sampler.shift_least = (int32_t)AVSN_MAX(lrint(o->shift_min * AVSN_FRAME_RATE), 1);
    options->sampler.shift_most = (int32_t)AVSN_MAX(lrint(o->shift_max * AVSN_FRAME_RATE), options->sampler.shift_least);
    options->sampler.hard = o->shift_hard;
    options->sounds = sounds_of(t);
}

/* The sound begins up to 3 frames before the pictures or behind them, as in the release's separator, whose reader alone it kept. */
static void label_clips(const avsound_trainer *t, bool training, avsn_loader_options *options)
{
    options->clip = t->model->config.clip;
    options->classes = true;
    options->sampler.misalignment = training ? 3 * AVSN_FRAME_SAMPLES : 0;
}

/* A separator without pictures gets none. */
static void mix_clips(const avsound_trainer *t, avsn_loader_options *options)
{
    options->clip = t->model->config.clip;
    options->separation = t->model->config.separation;
    options->sampler.silent = t->settings.options.silent_share;
    if (t->model->arch->blind)
        options->sampler.part = AVSN_PART_SOUND;
}

/* Validation sees each pair as the network will be used, training varies it; views are always varied. */
static avsound_status open_loader(avsound_trainer *t, const avsn_dataset *data, avsn_sampler_mode mode,
                                  avsn_loader **out)
{
    const avsound_trainer_options *o = &t->settings.options;
    const avsn_model_config *config = &t->model->config;
    const bool training = data == t->data, views = t->part != AVSN_PART_BOTH, lags = t->model->arch->lags;
    const bool clips = t->model->arch->clip;
    const bool shifted = training && !views && !clips && !t->model->arch->aligned; /* L3-Net, spec section 4 */
    avsn_loader_options options = {
        .data = data,
        .sampler = {.mode = mode,
                    .smaller = !training,
                    .part = t->part,
                    .misalignment = shifted ? AVSN_SAMPLE_RATE : 0,
                    .seed = o->seed},
        .augmentation = t->settings.augmentation,
        .image = config->image,
        .audio = config->audio,
        .around = t->model->arch->around,
        .flow = t->model->arch->flow,
        .batch = t->batch,
        .workers = o->workers,
        .ahead = training ? 4 : 2,
        .rank = avsn_parallel_rank(t->parallel),
        .ranks = avsn_parallel_ranks(t->parallel),
        .steps = training ? (uint64_t)(t->steps_per_epoch * o->accumulate) : 0,
    };
    if (lags)
        AVSN_TRY(show_clips(t, &options));
    else if (t->model->arch->separates)
        mix_clips(t, &options);
    else if (t->classes)
        label_clips(t, training, &options);
    else if (clips)
        shift_clips(t, &options);
    if (!training && !views) /* two views that nobody has changed are too easily found to be one thing's */
        avsn_augmentation_none(&options.augmentation);
    return avsn_loader_create(t->context, &options, out);
}

static avsound_status open_loaders(avsound_trainer *t)
{
    const bool contrastive = t->settings.options.objective == AVSOUND_OBJECTIVE_CONTRASTIVE;
    const bool views = t->part != AVSN_PART_BOTH, lags = t->model->arch->lags, clips = t->model->arch->clip;
    const bool separates = t->model->arch->separates;
    const avsn_sampler_mode mode = views         ? AVSN_SAMPLE_VIEWS
                                   : lags        ? AVSN_SAMPLE_CLIPS
                                   : separates   ? AVSN_SAMPLE_MIXTURES
                                   : t->classes  ? AVSN_SAMPLE_CLIPS
                                   : clips       ? AVSN_SAMPLE_SHIFTS
                                   : contrastive ? AVSN_SAMPLE_POSITIVES
                                                 : AVSN_SAMPLE_PAIRS;
    AVSN_TRY(open_loader(t, t->data, mode, &t->loader));
    if (!t->validation)
        return AVSOUND_OK;
    return open_loader(t, t->validation, views || clips ? mode : AVSN_SAMPLE_VALIDATION, &t->validation_loader);
}

/* A network that tells just these classes apart; a resumed run has it already. */
static avsound_status open_classes(avsound_trainer *t)
{
    const avsound_trainer_options *o = &t->settings.options;
    AVSN_TRY(avsn_classes_create(t->context, t->data, &t->classes));
    AVSN_TRY(avsn_dataset_classify(t->data, t->classes));
    if (t->validation)
        AVSN_TRY(avsn_dataset_classify(t->validation, t->classes));
    if (t->resumed && t->model->config.classes != t->classes->count)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: the clips have %d labels, the run began with %d", t->settings.data, t->classes->count,
                  t->model->config.classes);
    if (t->resumed)
        return AVSOUND_OK;
    avsound_model *classifier;
    AVSN_TRY(avsn_model_classifier(t->model, t->classes->text, t->classes->count, o->vision_only != 0, o->seed, &classifier));
    avsound_model_free(t->model);
    t->model = classifier;
    return AVSOUND_OK;
}

static avsound_status open_data(avsound_trainer *t)
{
    const char *validation = t->settings.validation;
    AVSN_TRY(avsn_dataset_open_part(t->context, t->settings.data, t->part, &t->data));
    if (validation)
        AVSN_TRY(avsn_dataset_open_part(t->context, validation, t->part, &t->validation));
    return t->settings.options.objective == AVSOUND_OBJECTIVE_CLASSIFY ? open_classes(t) : AVSOUND_OK;
}

static avsound_status open_blocks(avsound_trainer *t)
{
    const avsound_trainer_options *o = &t->settings.options;
    AVSN_TRY(avsn_store_create(t->model, &t->store));
    const bool adam = o->optimizer == AVSOUND_OPTIMIZER_ADAM;
    t->optimizer = (avsn_optimizer){.kind = o->optimizer,
                                    .weight_decay = o->weight_decay,
                                    .clip_norm = o->clip_norm,
                                    .mean = avsn_store_block(t->store),
                                    .square = adam ? avsn_store_block(t->store) : NULL};
    if (!t->optimizer.mean || (adam && !t->optimizer.square))
        return AVSOUND_E_NO_MEMORY;
    if (o->ema <= 0)
        return AVSOUND_OK;
    t->average = avsn_store_block(t->store);
    if (!t->average)
        return AVSOUND_E_NO_MEMORY;
    memcpy(t->average, t->store->values, t->store->floats * sizeof *t->average);
    return avsn_store_view(t->store, t->average, &t->averaged);
}

static avsound_status separation_loss(const avsound_trainer *t, int32_t *loss)
{
    const bool blind = t->model->arch->blind;
    *loss = t->settings.options.separation_loss;
    if (*loss == AVSOUND_SEPARATION_AUTO)
        *loss = blind ? AVSOUND_SEPARATION_EITHER : AVSOUND_SEPARATION_ORDERED;
    if (blind && *loss != AVSOUND_SEPARATION_EITHER)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s sees nothing: it can't know the order that separation_loss asks for",
                  t->model->arch->name);
    return AVSOUND_OK;
}

static avsound_status open_network(avsound_trainer *t, int32_t compute)
{
    const avsound_trainer_options *o = &t->settings.options;
    avsn_step_options options = {.objective = o->objective,
                                 .compute = compute,
                                 .threads = o->threads,
                                 .batch = avsn_loader_items(t->loader),
                                 .sounds = sounds_of(t),
                                 .seed = o->seed,
                                 .momentum = (float)o->statistics_momentum,
                                 .parallel = t->parallel,
                                 .accumulate = o->accumulate,
                                 .local_statistics = o->local_statistics != 0};
    AVSN_TRY(separation_loss(t, &options.separation));
    options.decibels = avsn_separation_errors(t->model);
    AVSN_TRY(avsn_step_create(t->model, t->store, &options, &t->step));
    if (!t->validation)
        return AVSOUND_OK;
    options.batch = avsn_loader_items(t->validation_loader);
    return avsn_judge_create(t->model, t->average ? &t->averaged : &t->store->params, &options, &t->judge);
}

static void plan_steps(avsound_trainer *t)
{
    const avsound_trainer_options *o = &t->settings.options;
    const int64_t items = o->objective == AVSOUND_OBJECTIVE_SHIFT ? 2 : 1; /* of a clip, that show its pictures */
    const int64_t pass = avsn_dataset_count(t->data) * items / ((int64_t)o->batch * o->accumulate);
    t->steps_per_epoch = o->steps_per_epoch ? o->steps_per_epoch : AVSN_MAX(pass, 1);
    t->schedule = (avsn_schedule){.kind = o->schedule,
                                  .rate = o->learning_rate,
                                  .warmup = o->warmup_steps,
                                  .steps = t->steps_per_epoch * o->epochs,
                                  .steps_per_epoch = t->steps_per_epoch};
}

static void begin_state(avsound_trainer *t)
{
    t->progress.best_accuracy = NAN;
    t->state = (avsound_training_state){.struct_size = sizeof t->state,
                                        .rank = avsn_parallel_rank(t->parallel),
                                        .epochs = t->settings.options.epochs,
                                        .steps = t->schedule.steps,
                                        .loss = NAN,
                                        .accuracy = NAN,
                                        .mean_loss = NAN,
                                        .mean_accuracy = NAN,
                                        .gradient_norm = NAN,
                                        .validation_loss = NAN,
                                        .validation_accuracy = NAN,
                                        .validation_auc = NAN,
                                        .validation_error = NAN,
                                        .best_accuracy = NAN};
}

static avsound_status share_batch(avsound_trainer *t)
{
    const int32_t batch = t->settings.options.batch, ranks = avsn_parallel_ranks(t->parallel);
    if (batch % ranks || batch / ranks < 2)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "a batch of %d pairs over %d processes, want a multiple of %d, at least %d",
                  batch, ranks, ranks, 2 * ranks);
    t->batch = batch / ranks;
    return AVSOUND_OK;
}

/* What each process does for itself. */
static avsound_status open_own(avsound_trainer *t, int32_t *compute)
{
    AVSN_TRY(avsn_step_check_objective(t->model, t->settings.options.objective));
    t->part = avsn_objective_part(t->settings.options.objective);
    AVSN_TRY(avsn_choose_compute(t->settings.options.precision, compute));
    AVSN_TRY(share_batch(t));
    AVSN_TRY(open_data(t));
    plan_steps(t);
    begin_state(t);
    AVSN_TRY(open_loaders(t));
    return open_blocks(t);
}

/* All processes compute in the precision that each of them has. */
static void agree_on_compute(avsn_parallel *parallel, int32_t *compute)
{
    double without = *compute == AVSOUND_DTYPE_F32;
    avsn_parallel_sum(parallel, &without, 1);
    if (without > 0)
        *compute = AVSOUND_DTYPE_F32;
}

/* Each process sees only its share of a batch: whether the clips are the same ones must be asked. */
static avsound_status check_same_clips(avsound_trainer *t)
{
    char digest[128] = "";
    snprintf(digest, sizeof digest, "%s", avsn_dataset_digest(t->data));
    avsn_parallel_broadcast(t->parallel, digest, sizeof digest);
    if (strncmp(digest, avsn_dataset_digest(t->data), sizeof digest - 1))
        AVSN_FAIL(AVSOUND_E_STATE, "%s: not the clips that process 0 has (%s there, %s here)", t->settings.data, digest,
                  avsn_dataset_digest(t->data));
    return AVSOUND_OK;
}

/* After the settings are there: everything else that a run stands on. */
static avsound_status open_all(avsound_trainer *t)
{
    int32_t compute;
    AVSN_TRY(avsn_parallel_agree(t->parallel, open_own(t, &compute), NULL));
    agree_on_compute(t->parallel, &compute);
    AVSN_TRY(check_same_clips(t));
    return open_network(t, compute);
}

void avsn_trainer_share(avsound_trainer *t)
{
    const size_t bytes = t->store->floats * sizeof *t->store->values;
    avsn_parallel_broadcast(t->parallel, t->store->values, bytes);
    avsn_parallel_broadcast(t->parallel, t->optimizer.mean, bytes);
    if (t->optimizer.square)
        avsn_parallel_broadcast(t->parallel, t->optimizer.square, bytes);
    if (t->average)
        avsn_parallel_broadcast(t->parallel, t->average, bytes);
}

/* Meets the other processes first of all: what fails from here on fails in all of them. */
static avsound_status trainer_new(avsound_context *context, const char *folder, const avsound_trainer_options *options,
                                  avsound_trainer **out)
{
    avsound_trainer_options given;
    AVSN_TRY(avsn_options_read(&given, sizeof given, options, (uint32_t)sizeof given, "trainer options"));
    avsound_trainer *t = avsn_alloc_zeroed(context, 1, sizeof *t);
    if (!t)
        return AVSOUND_E_NO_MEMORY;
    t->context = avsn_context_ref(context);
    avsn_history_init(&t->history, context);
    *out = t;
    AVSN_TRY(avsn_parallel_open(context, given.ranks, &t->parallel));
    t->folder = avsn_strdup(context, folder);
    return t->folder ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* All processes have a trainer, or none has. */
static avsound_status finish(avsound_trainer *t, avsound_status status, avsound_trainer **out)
{
    if (t && t->parallel && !avsn_parallel_ended(t->parallel))
        status = avsn_parallel_agree(t->parallel, status, NULL);
    if (!status)
        avsn_trainer_share(t);
    if (status) {
        avsound_trainer_free(t);
        return status;
    }
    *out = t;
    return AVSOUND_OK;
}

static avsound_status refuse_second_run(avsound_trainer *t)
{
    char *path;
    struct stat found;
    AVSN_TRY(avsn_trainer_path(t, "checkpoint.safetensors", &path));
    const bool there = stat(path, &found) == 0;
    avsn_free(t->context, path);
    if (there)
        AVSN_FAIL(AVSOUND_E_STATE, "%s holds a run already: resume it, or choose another folder", t->folder);
    return AVSOUND_OK;
}

avsound_status avsound_trainer_create(avsound_context *context, avsound_model *init, const char *data, const char *folder,
                                      const avsound_trainer_options *options, avsound_trainer **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !init || !data || !folder)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL",
                  !context ? "context" : !init ? "init" : !data ? "data" : "folder");
    avsound_trainer *t = NULL;
    avsound_status status = trainer_new(context, folder, options, &t);
    if (!status) {
        t->model = avsn_model_ref(init);
        status = refuse_second_run(t);
    }
    if (!status)
        status = avsn_settings_init(context, options, data, &t->settings);
    if (!status)
        status = open_all(t);
    return finish(t, status, out);
}

/* ---- resuming ---- */

/* The architecture and configuration that a checkpoint names; its weights come from the blocks. */
static avsound_status model_of(avsound_trainer *t, const avsn_safetensors *file)
{
    const char *arch = avsn_safetensors_metadata(file, "avsound.arch");
    const char *config = avsn_safetensors_metadata(file, "avsound.config");
    if (!avsn_safetensors_metadata(file, "avsound.checkpoint") || !arch || !config)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s is no checkpoint of a training run", avsn_safetensors_label(file));
    const avsound_status status = avsound_model_create(t->context, arch, config, 0, &t->model);
    /* A mistake in the file's configuration is the file's; what memory or limits refuse is not. */
    if (status)
        return avsn_fail_in(status == AVSOUND_E_INVALID_ARGUMENT ? AVSOUND_E_FORMAT : status, "%s",
                            avsn_safetensors_label(file));
    return AVSOUND_OK;
}

/* What may differ from one sitting to the next. */
static avsound_status take_over(avsound_trainer *t, const avsound_trainer_options *theirs)
{
    avsound_trainer_options given, *o = &t->settings.options;
    avsn_settings now;
    AVSN_TRY(avsn_settings_init(t->context, theirs, t->settings.data, &now)); /* checks, completes */
    AVSN_TRY(avsn_options_read(&given, sizeof given, theirs, (uint32_t)sizeof given, "trainer options"));
    o->threads = given.threads ? now.options.threads : o->threads;
    o->workers = given.workers ? now.options.workers : o->workers;
    o->save_minutes = given.save_minutes ? now.options.save_minutes : o->save_minutes;
    o->epochs = given.epochs ? AVSN_MAX(o->epochs, now.options.epochs) : o->epochs;
    o->ranks = given.ranks;
    o->local_statistics = given.local_statistics;
    o->progress = given.progress;
    o->user_data = given.user_data;
    avsn_settings_free(t->context, &now);
    return AVSOUND_OK;
}

static avsound_status resume(avsound_trainer *t, const avsn_safetensors *file, const avsound_trainer_options *options)
{
    const char *text = avsn_safetensors_metadata(file, "options");
    AVSN_TRY(model_of(t, file));
    if (!text)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: no metadata key options", avsn_safetensors_label(file));
    AVSN_TRY(avsn_settings_parse(t->context, text, avsn_safetensors_label(file), &t->settings));
    if (options)
        AVSN_TRY(take_over(t, options));
    t->resumed = true;
    AVSN_TRY(open_all(t));
    return avsn_trainer_load_checkpoint(t, file);
}

avsound_status avsound_trainer_resume(avsound_context *context, const char *folder, const avsound_trainer_options *options,
                                      avsound_trainer **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !folder)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "folder" : "context");
    avsound_trainer *t = NULL;
    avsn_safetensors *file = NULL;
    char *path = NULL;
    avsound_status status = trainer_new(context, folder, options, &t);
    if (!status)
        status = avsn_trainer_path(t, "checkpoint.safetensors", &path);
    if (!status)
        status = avsn_safetensors_open(context, path, &file);
    if (!status)
        status = resume(t, file, options);
    avsn_safetensors_free(file);
    avsn_free(context, path);
    return finish(t, status, out);
}

void avsound_trainer_free(avsound_trainer *t)
{
    if (!t)
        return;
    avsound_context *context = t->context;
    avsn_loader_free(t->loader);
    avsn_loader_free(t->validation_loader);
    avsn_judge_free(t->judge);
    avsn_step_free(t->step);
    avsn_free(context, t->averaged.items);
    avsn_free(context, t->average);
    avsn_free(context, t->optimizer.mean);
    avsn_free(context, t->optimizer.square);
    avsn_store_free(t->store);
    avsn_classes_free(t->classes);
    avsn_dataset_free(t->data);
    avsn_dataset_free(t->validation);
    avsn_run_log_free(t->log);
    avsn_history_free(&t->history);
    avsn_settings_free(context, &t->settings);
    avsound_model_free(t->model);
    avsn_parallel_free(t->parallel);
    avsn_free(context, t->folder);
    avsn_free(context, t);
    avsound_context_free(context);
}
