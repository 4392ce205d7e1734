/* avsound train: the options of a run, its progress on the terminal, and what to do after Ctrl-C. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "cli.h"

typedef struct training {
    const cli *c;
    cli_progress progress;
    int64_t first_step; /* of this process */
    char init[4096];    /* the model that gave some of its weights, else "" */
    int32_t taken, anew; /* tensors */
} training;

/* ---- options ---- */

/* Those that a run keeps for life. */
static const char *fixed_option(const cli_args *a)
{
    const cli_train_args *t = &a->train;
    const struct {
        const char *name;
        bool given;
    } fixed[] = {
        {"val", t->validation},
        {"init", t->init},
        {"init-except", t->init_except},
        {"like", t->like},
        {"arch", a->arch},
        {"config", a->config},
        {"width", t->width > 0},
        {"objective", strcmp(t->objective, "avc")},
        {"optimizer", strcmp(t->optimizer, "adam")},
        {"shift-min", t->shift_min > 0},
        {"shift-max", t->shift_max > 0},
        {"shift-hard", t->shift_hard > 0},
        {"separation-loss", strcmp(t->separation_loss, "auto")},
        {"silent-share", t->silent_share > 0},
        {"vision-only", t->vision_only},
        {"steps-per-epoch", t->steps_per_epoch},
        {"batch", a->batch},
        {"accumulate", t->accumulate},
        {"lr", t->learning_rate > 0},
        {"schedule", strcmp(t->schedule, "paper")},
        {"warmup", t->warmup},
        {"weight-decay", t->weight_decay >= 0},
        {"clip", t->clip > 0},
        {"ema", t->ema > 0},
        {"statistics-momentum", t->statistics_momentum > 0},
        {"patience", t->patience},
        {"val-draws", t->validation_draws},
        {"augment", t->augment},
        {"license", t->license},
        {"source", t->source},
        {"seed", a->seed != 1},
        {"precision", strcmp(a->precision, "auto")},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i].given)
            return fixed[i].name;
    return NULL;
}

static int check_args(const cli_args *a)
{
    const cli_train_args *t = &a->train;
    if (!a->output && (t->resume || !t->sheet))
        return cli_error(CLI_USAGE, "train: --output is missing: the folder of the run");
    if (t->sheet && !cli_ends_with(t->sheet, ".png"))
        return cli_error(CLI_USAGE, "train: --dry-run is %s, want a name that ends in .png", t->sheet);
    if (t->resume) {
        const char *fixed = fixed_option(a);
        if (a->input_count)
            return cli_error(CLI_USAGE, "train: --resume takes the run's own data, not %s", a->inputs[0]);
        if (fixed)
            return cli_error(CLI_USAGE, "train: --resume takes the run's own options: --%s can't be changed", fixed);
        return CLI_OK;
    }
    if (!a->input_count)
        return cli_error(CLI_USAGE, "train: wants DATA, or --resume (see avsound help train)");
    if (t->init_except && !t->init)
        return cli_error(CLI_USAGE, "train: --init-except belongs to --init, which is missing");
    if (t->like && (t->init || a->arch || a->config || t->width > 0))
        return cli_error(CLI_USAGE, "train: --like names the architecture: no --init, --arch, --config or --width");
    if (a->config && t->width > 0)
        return cli_error(CLI_USAGE, "train: --width and --config exclude each other");
    return CLI_OK;
}

static int32_t schedule_of(const char *name)
{
    return !strcmp(name, "cosine")     ? AVSOUND_SCHEDULE_COSINE
           : !strcmp(name, "constant") ? AVSOUND_SCHEDULE_CONSTANT
                                       : AVSOUND_SCHEDULE_PAPER;
}

static int32_t objective_of(const char *name)
{
    return !strcmp(name, "contrastive")   ? AVSOUND_OBJECTIVE_CONTRASTIVE
           : !strcmp(name, "views-image") ? AVSOUND_OBJECTIVE_VIEWS_IMAGE
           : !strcmp(name, "views-audio") ? AVSOUND_OBJECTIVE_VIEWS_AUDIO
           : !strcmp(name, "shift")       ? AVSOUND_OBJECTIVE_SHIFT
           : !strcmp(name, "lags")        ? AVSOUND_OBJECTIVE_LAGS
           : !strcmp(name, "separate")    ? AVSOUND_OBJECTIVE_SEPARATE
           : !strcmp(name, "classify")    ? AVSOUND_OBJECTIVE_CLASSIFY
                                          : AVSOUND_OBJECTIVE_AVC;
}

static int32_t separation_loss_of(const char *name)
{
    return !strcmp(name, "fg-bg")  ? AVSOUND_SEPARATION_ORDERED
           : !strcmp(name, "pit")  ? AVSOUND_SEPARATION_EITHER
           : !strcmp(name, "both") ? AVSOUND_SEPARATION_BOTH
                                   : AVSOUND_SEPARATION_AUTO;
}

static int32_t on_progress(const avsound_training_state *state, void *user_data);

static void fill_options(training *t, const avsound_augmentation *augmentation, avsound_trainer_options *o)
{
    const cli_args *a = &t->c->args;
    const cli_train_args *own = &a->train;
    avsound_trainer_options_init(o, sizeof *o);
    o->objective = objective_of(own->objective);
    o->precision = cli_precision(a->precision);
    o->threads = (int32_t)a->threads;
    o->workers = (int32_t)a->workers;
    o->optimizer = strcmp(own->optimizer, "momentum") ? AVSOUND_OPTIMIZER_ADAM : AVSOUND_OPTIMIZER_MOMENTUM;
    o->shift_min = own->shift_min;
    o->shift_max = own->shift_max;
    o->shift_hard = own->shift_hard;
    o->separation_loss = separation_loss_of(own->separation_loss);
    o->silent_share = own->silent_share;
    o->vision_only = own->vision_only;
    o->batch = (int32_t)a->batch;
    o->accumulate = (int32_t)own->accumulate;
    o->epochs = (int32_t)own->epochs;
    o->steps_per_epoch = (int32_t)own->steps_per_epoch;
    o->schedule = schedule_of(own->schedule);
    o->warmup_steps = (int32_t)own->warmup;
    o->patience = (int32_t)own->patience;
    o->validation_draws = (int32_t)own->validation_draws;
    o->save_minutes = (int32_t)own->save_minutes;
    o->learning_rate = own->learning_rate;
    o->weight_decay = own->weight_decay > 0 ? own->weight_decay : own->weight_decay < 0 ? 0 : -1; /* -1: none */
    o->clip_norm = own->clip;
    o->ema = own->ema;
    o->statistics_momentum = own->statistics_momentum;
    o->local_statistics = own->local_statistics;
    o->seed = (uint64_t)a->seed;
    o->validation = own->validation;
    o->augmentation = augmentation;
    o->license = own->license;
    o->source = own->source;
    o->progress = on_progress;
    o->user_data = t;
}

/* ---- what a person sees ---- */

/* "1e-04", "3e-04", "2.82e-04" */
static void format_rate(double rate, char text[24])
{
    snprintf(text, 24, "%.2e", rate);
    char *zeros = strstr(text, "0e");
    while (zeros && zeros > text && (*zeros == '0' || *zeros == '.')) {
        memmove(zeros, zeros + 1, strlen(zeros));
        zeros--;
    }
}

static void show_step(training *t, const avsound_training_state *s)
{
    char line[256], rate[24], left[32];
    if (!cli_progress_due(&t->progress))
        return;
    const double done = (double)(s->step - t->first_step);
    const double speed = s->seconds > 0 ? done / s->seconds : 0;
    format_rate(s->learning_rate, rate);
    cli_format_duration(speed > 0 ? (double)(s->steps - s->step) / speed : 0, left, sizeof left);
    snprintf(line, sizeof line, "%d/%d  loss %.3f  acc %.1f %%  lr %s  %.*f/s  wait %.0f %%  %s left",
             (int)(s->epoch < s->epochs ? s->epoch + 1 : s->epochs), (int)s->epochs, s->mean_loss,
             s->mean_accuracy * 100, rate, speed < 10 ? 2 : 0, speed,
             s->seconds > 0 ? 100 * s->waited / s->seconds : 0, left);
    cli_progress_line(&t->progress, s->steps > 0 ? (double)s->step / (double)s->steps : 0, line);
}

static void print_epoch(const avsound_training_state *s)
{
    char time[32];
    cli_progress_clear();
    cli_format_duration(s->seconds, time, sizeof time);
    printf("epoch %d/%d  step %lld  loss %.4f  accuracy %.1f %%", (int)s->epoch, (int)s->epochs, (long long)s->step,
           s->mean_loss, s->mean_accuracy * 100);
    if (isfinite(s->validation_loss))
        printf("  validation: loss %.4f  accuracy %.1f %%", s->validation_loss, s->validation_accuracy * 100);
    if (isfinite(s->validation_auc))
        printf("  AUC %.3f", s->validation_auc);
    if (isfinite(s->validation_error))
        printf("  median error %.0f ms", s->validation_error);
    if (s->best_epoch == s->epoch)
        printf(" (best)");
    printf("  %s\n", time);
    fflush(stdout);
}

static int32_t on_progress(const avsound_training_state *s, void *user_data)
{
    training *t = user_data;
    const bool quiet = t->c->args.quiet;
    if (s->event == AVSOUND_TRAINING_STEP)
        show_step(t, s);
    else if (s->event == AVSOUND_TRAINING_EPOCH && !quiet)
        print_epoch(s);
    else if (s->event == AVSOUND_TRAINING_HEALTH && s->message)
        cli_warn("step %lld: %s", (long long)s->step, s->message);
    return cli_interrupted();
}

static void print_end(const training *t, const avsound_training_state *s)
{
    const char *folder = t->c->args.output;
    if (t->c->args.quiet)
        return;
    if (s->best_epoch)
        printf("best: validation accuracy %.1f %% after epoch %d: %s/best.safetensors\n", s->best_accuracy * 100,
               (int)s->best_epoch, folder);
    else
        printf("last: after epoch %d: %s/last.safetensors\n", (int)s->epoch, folder);
    printf("curves: %s/curves.png\n", folder);
}

/* ---- the run ---- */

/* A new network shaped as the model that `c` names. */
static int open_like(const cli *c, cli_model *out)
{
    cli_model shape;
    int code = cli_model_open(c, NULL, &shape);
    if (code)
        return code;
    cli fresh = *c;
    fresh.args.model = NULL;
    fresh.args.arch = avsound_model_arch(shape.model);
    fresh.args.config = avsound_model_config(shape.model);
    code = cli_model_open(&fresh, NULL, out);
    cli_model_close(&shape);
    return code;
}

/* The network that `c` describes, or else the other's, with weights of the model that it names. */
static int open_from(training *t, const cli *c, cli_model *out)
{
    const cli_args *a = &c->args;
    cli_model from;
    const int code = cli_model_open(c, NULL, &from);
    if (code)
        return code;
    *out = from;
    const avsound_status status = avsound_model_create_from(from.model, a->arch, a->config, (uint64_t)a->seed,
                                                            a->train.init_except, &t->taken, &out->model);
    cli_model_close(&from);
    if (status == AVSOUND_E_INVALID_ARGUMENT || status == AVSOUND_E_SHAPE)
        return cli_error(CLI_USAGE, "train: --init %s: %s", out->name, avsound_error_detail());
    if (status)
        return cli_input_failed(out->name, status);
    t->anew = avsound_model_parameter_count(out->model) - t->taken;
    snprintf(t->init, sizeof t->init, "%s", out->name);
    return CLI_OK;
}

static int open_beginning(training *t, cli_model *out)
{
    char width[64];
    cli init = *t->c;
    const cli_train_args *own = &init.args.train;
    init.args.model = own->like ? own->like : own->init;
    if (own->like)
        return open_like(&init, out);
    if (!init.args.model && !init.args.arch)
        init.args.arch = !strcmp(own->objective, "shift") || !strcmp(own->objective, "classify") ? "multisensory"
                         : !strcmp(own->objective, "separate") ? "separator"
                                                               : "ave-net";
    if (own->width > 0) {
        snprintf(width, sizeof width, "{\"width\": %.9g}", own->width);
        init.args.config = width;
    }
    if (own->init && (init.args.arch || init.args.config || own->init_except))
        return open_from(t, &init, out);
    return cli_model_open(&init, NULL, out);
}

static int create(training *t, avsound_trainer **out)
{
    const cli *c = t->c;
    cli_model model;
    avsound_augmentation augmentation;
    avsound_trainer_options options;
    int code = cli_augmentation(c->args.train.augment, &augmentation);
    if (!code)
        code = open_beginning(t, &model);
    if (code)
        return code;
    fill_options(t, &augmentation, &options);
    const char *folder = c->args.output ? c->args.output : "avsound-dry-run";
    const avsound_status status = avsound_trainer_create(c->context, model.model, c->args.inputs[0], folder, &options, out);
    if (status == AVSOUND_E_STATE)
        code = cli_error(CLI_INPUT, "%s (--resume goes on with a run)", avsound_error_detail());
    else if (status == AVSOUND_E_INVALID_ARGUMENT || status == AVSOUND_E_UNSUPPORTED)
        code = cli_error(status == AVSOUND_E_UNSUPPORTED ? CLI_UNSUPPORTED : CLI_USAGE, "train: %s",
                         avsound_error_detail());
    else if (status)
        code = cli_input_failed(c->args.inputs[0], status);
    cli_model_close(&model);
    return code;
}

static int resume(training *t, avsound_trainer **out)
{
    avsound_trainer_options options;
    fill_options(t, NULL, &options);
    const avsound_status status = avsound_trainer_resume(t->c->context, t->c->args.output, &options, out);
    return status ? cli_input_failed(t->c->args.output, status) : CLI_OK;
}

static int draw_sheet(const training *t, avsound_trainer *trainer)
{
    const char *path = t->c->args.train.sheet;
    if (avsound_trainer_state(trainer)->rank)
        return CLI_OK;
    const avsound_status status = avsound_trainer_sheet(trainer, path);
    if (status)
        return cli_output_failed(path, status);
    if (!t->c->args.quiet)
        printf("%s: the next batch as the network sees it; nothing was trained\n", path);
    return CLI_OK;
}

static int train(training *t, avsound_trainer *trainer)
{
    const avsound_training_state *state = avsound_trainer_state(trainer);
    t->first_step = state->step;
    if (!t->c->args.quiet) {
        printf("training in %s: from step %lld of %lld, %d epochs\n", t->c->args.output, (long long)state->step,
               (long long)state->steps, (int)state->epochs);
        fflush(stdout);
    }
    cli_progress_start(&t->progress, "steps", -1, t->c->args.quiet);
    const avsound_status status = avsound_trainer_run(trainer);
    cli_progress_end(&t->progress);
    state = avsound_trainer_state(trainer);
    if (status == AVSOUND_E_CANCELLED) {
        if (!t->c->args.quiet)
            fprintf(stderr, "saved at step %lld of %lld; go on with: avsound train --resume -o %s\n",
                    (long long)state->step, (long long)state->steps, t->c->args.output);
        return CLI_FAILED; /* main says "interrupted" */
    }
    if (status)
        return cli_output_failed(t->c->args.output, status);
    print_end(t, state);
    return CLI_OK;
}

int cli_train(cli *c)
{
    training t = {.c = c};
    avsound_trainer *trainer = NULL;
    int code = check_args(&c->args);
    if (!code)
        code = c->args.train.resume ? resume(&t, &trainer) : create(&t, &trainer);
    /* Of the processes that mpirun started one speaks; where one fails, each says why it ends. */
    if (!code && avsound_trainer_state(trainer)->rank)
        c->args.quiet = 1;
    if (!code && *t.init && !c->args.quiet)
        printf("begins with %d tensors of %s; %d begin anew\n", (int)t.taken, t.init, (int)t.anew);
    if (!code)
        code = c->args.train.sheet ? draw_sheet(&t, trainer) : train(&t, trainer);
    avsound_trainer_free(trainer);
    return code;
}
