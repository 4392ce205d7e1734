/* Run by mpirun as two processes: a training run over both is that of one process with the same batch, but for the order in
 * which floats are added. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <avsound/train.h>

#include "train/trainer.h"
#include "unit/train/make_clips.h"

enum { STEPS = 3, BATCH = 8 };

static int failures;
static avsound_context *context;
static avsn_parallel *all; /* to meet between runs */
static char folder[256], clips[300];

#define CHECK(condition)                                                                                       \
    do {                                                                                                       \
        if (!(condition)) {                                                                                    \
            printf("process %d: %s:%d: %s (%s)\n", avsn_parallel_rank(all), __FILE__, __LINE__, #condition,    \
                   avsound_error_detail());                                                                    \
            failures++;                                                                                        \
        }                                                                                                      \
    } while (0)

static bool first(void)
{
    return avsn_parallel_rank(all) == 0;
}

static void meet(void)
{
    CHECK(!avsn_parallel_agree(all, AVSOUND_OK, NULL));
}

/* ---- runs ---- */

typedef struct outcome {
    avsound_status status;
    avsound_trainer *trainer; /* NULL if it could not begin */
    float *start;             /* parameters and running statistics before its first step */
    double losses[STEPS + 1], accuracies[STEPS + 1];
    int64_t stop_at;          /* asked by the last process only; 0: never */
    bool local;
} outcome;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    outcome *o = user_data;
    if (state->event == AVSOUND_TRAINING_STEP && state->step <= STEPS) {
        o->losses[state->step] = state->loss;
        o->accuracies[state->step] = state->accuracy;
    }
    return o->stop_at && state->step >= o->stop_at && avsn_parallel_rank(all) == avsn_parallel_ranks(all) - 1;
}

typedef struct setup {
    const char *arch, *run;
    const char *clips; /* NULL: all processes' */
    int32_t ranks, local_statistics, accumulate, objective, batch;
    bool resume, spoil;
} setup;

/* Weights so large that their products are infinite in the first step. */
static void spoil(avsound_model *model)
{
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name = "";
    for (int32_t i = 0; strcmp(name, "fc1.weight") && i < avsound_model_parameter_count(model); i++)
        CHECK(!avsound_model_get_parameter(model, i, &name, &view));
    for (int k = 0; k < 64; k++)
        ((float *)(uintptr_t)view.data)[k] = 3e38f;
}

static avsound_status begin(const setup *s, const avsound_trainer_options *o, avsound_trainer **out)
{
    static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 48, \"height\": 48, \"short_side\": 56}}";
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, s->run);
    if (s->resume)
        return avsound_trainer_resume(context, path, o, out);
    avsound_model *model;
    avsound_status status = avsound_model_create(context, s->arch, tiny, 5, &model);
    if (!status && s->spoil)
        spoil(model);
    if (!status)
        status = avsound_trainer_create(context, model, s->clips ? s->clips : clips, path, o, out);
    avsound_model_free(model);
    return status;
}

static void run(const setup *s, int64_t stop_at, outcome *o)
{
    avsound_trainer_options options;
    *o = (outcome){.stop_at = stop_at, .local = s->local_statistics};
    avsound_trainer_options_init(&options, sizeof options);
    options.precision = AVSOUND_PRECISION_F32;
    options.threads = 1;
    options.workers = 1;
    options.batch = s->batch ? s->batch : BATCH;
    options.accumulate = s->accumulate;
    options.objective = s->objective;
    options.epochs = 1;
    options.steps_per_epoch = STEPS;
    options.learning_rate = 1e-3;
    options.seed = 7;
    options.validation = s->clips ? NULL : clips;
    options.ranks = s->ranks;
    options.local_statistics = s->local_statistics;
    options.progress = watch;
    options.user_data = o;
    o->status = begin(s, &options, &o->trainer);
    if (o->status)
        return;
    const size_t bytes = o->trainer->store->floats * sizeof *o->start;
    o->start = malloc(bytes);
    memcpy(o->start, o->trainer->store->values, bytes);
    o->status = avsound_trainer_run(o->trainer);
}

/* MPI frees its groups together. */
static void end(outcome *o)
{
    avsound_trainer_free(o->trainer);
    free(o->start);
    *o = (outcome){0};
}

/* ---- comparisons ---- */

typedef struct tensor {
    const float *a, *b, *start;
    size_t count;
} tensor;

/* ||a - b|| / ||a - start||; start NULL: 0. */
static double apart(const tensor *t)
{
    double difference = 0, way = 0;
    for (size_t k = 0; k < t->count; k++) {
        difference += pow((double)t->a[k] - (double)t->b[k], 2);
        way += pow((double)t->a[k] - (t->start ? (double)t->start[k] : 0), 2);
    }
    return difference > 0 ? sqrt(difference / way) : 0;
}

/* Of two runs, each the worst over steps or tensors. */
typedef struct distance {
    double losses;     /* relative */
    double gradients;  /* Adam's first moments: sums of gradients over the steps */
    double statistics; /* the running ones, of the way that they went */
    double parameters; /* likewise */
    double validation; /* loss, relative */
} distance;

static distance between(const outcome *x, const outcome *y)
{
    const avsound_trainer *a = x->trainer, *b = y->trainer;
    distance d = {.validation = fabs(a->state.validation_loss / b->state.validation_loss - 1)};
    for (int i = 1; i <= STEPS; i++) {
        d.losses = fmax(d.losses, fabs(x->losses[i] / y->losses[i] - 1));
        CHECK(x->accuracies[i] == y->accuracies[i] || x->local || y->local);
    }
    for (int32_t i = 0; i < a->store->params.count; i++) {
        const avsn_store_item *item = &a->store->items[i];
        const size_t at = item->begin;
        const tensor values = {a->store->values + at, b->store->values + at, x->start + at, item->count};
        const tensor moments = {a->optimizer.mean + at, b->optimizer.mean + at, NULL, item->count};
        double *worst = item->state ? &d.statistics : &d.parameters;
        *worst = fmax(*worst, apart(&values));
        d.gradients = item->state ? d.gradients : fmax(d.gradients, apart(&moments));
    }
    return d;
}

static void print(const char *what, const distance *d)
{
    printf("%s: losses %.1e, gradients %.1e, statistics %.1e, parameters %.1e, validation %.1e\n", what, d->losses,
           d->gradients, d->statistics, d->parameters, d->validation);
}

/* Sums of f32 in another order differ by some 1e-7 of their terms, and what cancels makes that more: a gradient is a sum of
 * thousands of terms of either sign. Adam divides each gradient by its own size, so a parameter whose gradient is nothing but
 * rounding moves as far as any other, in a direction of chance: the parameters have the widest bound. */
static void check_equal(const distance *d)
{
    CHECK(d->losses < 1e-5);
    CHECK(d->gradients < 1e-3);
    CHECK(d->statistics < 1e-4);
    CHECK(d->parameters < 1e-2);
    CHECK(d->validation < 1e-4);
}

static bool same_bits(const outcome *a, const outcome *b)
{
    const size_t bytes = a->trainer->store->floats * sizeof(float);
    return !memcmp(a->trainer->store->values, b->trainer->store->values, bytes) &&
           !memcmp(a->trainer->optimizer.square, b->trainer->optimizer.square, bytes);
}

/* ---- cases ---- */

static char *named(char *name, const char *what, const setup *s)
{
    sprintf(name, "%s-%s-%d-%d", what, s->arch, (int)s->accumulate, (int)s->objective);
    return name;
}

static void equals_one_process(const char *arch, int32_t accumulate)
{
    char name[64];
    outcome alone = {0}, both, local;
    setup s = {.arch = arch, .ranks = 1, .accumulate = accumulate};
    if (first()) {
        s.run = named(name, "alone", &s);
        run(&s, 0, &alone);
        CHECK(!alone.status);
    }
    meet();
    s.ranks = 0;
    s.run = named(name, "both", &s);
    run(&s, 0, &both);
    CHECK(!both.status);
    s.local_statistics = 1;
    s.run = named(name, "local", &s);
    run(&s, 0, &local);
    CHECK(!local.status);
    if (first() && !alone.status && !both.status && !local.status) {
        const distance whole = between(&alone, &both), parts = between(&alone, &local);
        printf("%s, %d batches a step\n", arch, (int)accumulate);
        print("  two processes against one", &whole);
        print("  with local statistics", &parts);
        check_equal(&whole);
        CHECK(parts.losses > 1e-3 && parts.gradients > 0.1 && parts.statistics > 1e-2); /* or this could not fail */
    }
    meet();
    end(&local);
    end(&both);
    end(&alone);
}

/* Objectives that compare a process's items with each other: two processes with half a batch each, their statistics apart, take
 * the steps of one that goes through the two halves one after the other. Not so the running statistics: one process's see both. */
static void equals_halves_of_one_process(const char *arch, int32_t objective)
{
    char name[64];
    outcome halves = {0}, both;
    setup s = {.arch = arch, .objective = objective, .ranks = 1, .accumulate = 2, .batch = BATCH / 2};
    if (first()) {
        s.run = named(name, "halves", &s);
        run(&s, 0, &halves);
        CHECK(!halves.status);
    }
    meet();
    s = (setup){.arch = arch, .objective = objective, .accumulate = 1, .local_statistics = 1};
    s.run = named(name, "shares", &s);
    run(&s, 0, &both);
    CHECK(!both.status);
    if (first() && !halves.status && !both.status) {
        const distance d = between(&halves, &both);
        printf("%s, objective %d\n", arch, (int)objective);
        print("  two processes against two halves", &d);
        CHECK(d.losses < 1e-5);
        CHECK(d.gradients < 1e-3);
        CHECK(d.parameters < 1e-2);
    }
    meet();
    end(&both);
    end(&halves);
}

/* Stopped by the last process, and gone on with by both, or by the first one alone. */
static void stops_and_goes_on(int32_t objective)
{
    char name[3][64];
    outcome whole, pieces, alone = {0};
    setup s = {.arch = "avol-net", .accumulate = 1, .objective = objective};
    s.run = named(name[0], "whole", &s);
    run(&s, 0, &whole);
    CHECK(!whole.status);
    for (int part = 0; part < 2; part++) {
        s.run = named(name[1], part ? "pieces-one" : "pieces-both", &s);
        s.resume = false;
        s.ranks = 0;
        run(&s, 2, &pieces);
        CHECK(pieces.status == AVSOUND_E_CANCELLED);
        CHECK(avsound_trainer_state(pieces.trainer)->step == 2);
        end(&pieces);
        s.resume = true;
        s.ranks = part;
        if (part == 0) {
            run(&s, 0, &pieces);
            CHECK(!pieces.status);
            CHECK(same_bits(&whole, &pieces));
            end(&pieces);
        } else if (first() && objective == AVSOUND_OBJECTIVE_AVC) {
            run(&s, 0, &alone);
            CHECK(!alone.status);
            memcpy(alone.losses, whole.losses, 3 * sizeof *alone.losses);         /* of the steps before */
            memcpy(alone.accuracies, whole.accuracies, 3 * sizeof *alone.accuracies);
            const distance d = between(&whole, &alone);
            print("  gone on with by one process", &d);
            check_equal(&d);
            end(&alone);
        }
        meet();
    }
    end(&whole);
}

/* Only the last process has a clip that cannot be read. */
static void one_failure_ends_all(void)
{
    char broken[400], path[500];
    outcome o;
    const bool last = avsn_parallel_rank(all) == avsn_parallel_ranks(all) - 1;
    snprintf(broken, sizeof broken, "%s/broken", folder);
    if (first()) {
        const clips_spec spec = {.clips = 12, .groups = 12, .width = 64, .height = 64, .frames = 40};
        mkdir(broken, 0777);
        make_clips(broken, &spec);
        for (int i = 0; i < 12; i++) {
            snprintf(path, sizeof path, "%s/%03d.mkv", broken, i);
            CHECK(!truncate(path, 1000));
        }
    }
    meet();
    const setup s = {.arch = "avol-net", .run = "broken-run", .clips = last ? broken : clips, .accumulate = 1};
    run(&s, 0, &o);
    CHECK(o.status == AVSOUND_E_FORMAT);
    CHECK(strstr(avsound_error_detail(), ".mkv") != NULL);
    CHECK(last || strstr(avsound_error_detail(), "process 1: ") == avsound_error_detail());
    end(&o);
    const setup odd = {.arch = "avol-net", .run = "odd", .accumulate = 1, .batch = BATCH + 1};
    run(&odd, 0, &o);
    CHECK(o.status == AVSOUND_E_INVALID_ARGUMENT);
    CHECK(strstr(avsound_error_detail(), "a batch of 9 pairs over 2 processes") != NULL);
    end(&o);
    const setup infinite = {.arch = "l3-net", .run = "infinite", .accumulate = 1, .spoil = true};
    run(&infinite, 0, &o);
    CHECK(o.status == AVSOUND_E_BACKEND);
    CHECK(strstr(avsound_error_detail(), "step 1: the loss is not finite") && strstr(avsound_error_detail(), "fc1"));
    end(&o);
}

/* Check's own processes would each be a stranger to MPI: the one case runs in this process. */
START_TEST(two_processes_train_as_one)
{
    if (avsound_context_create(NULL, &context) || avsn_parallel_open(context, 0, &all)) {
        printf("%s\n", avsound_error_detail());
        failures++;
        return;
    }
    if (first()) {
        const clips_spec spec = {.clips = 12, .groups = 12, .width = 64, .height = 64, .frames = 40};
        snprintf(folder, sizeof folder, "%s", temporary_folder());
        snprintf(clips, sizeof clips, "%s/clips", folder);
        mkdir(clips, 0777);
        make_clips(clips, &spec);
    }
    avsn_parallel_broadcast(all, folder, sizeof folder);
    snprintf(clips, sizeof clips, "%s/clips", folder);
    equals_one_process("ave-net", 1);
    equals_one_process("l3-net", 1);
    equals_one_process("avol-net", 1);
    equals_one_process("avol-net", 2);
    equals_halves_of_one_process("ave-net", AVSOUND_OBJECTIVE_CONTRASTIVE);
    equals_halves_of_one_process("ave-net", AVSOUND_OBJECTIVE_VIEWS_IMAGE);
    equals_halves_of_one_process("avol-net", AVSOUND_OBJECTIVE_VIEWS_AUDIO);
    stops_and_goes_on(AVSOUND_OBJECTIVE_AVC);
    stops_and_goes_on(AVSOUND_OBJECTIVE_CONTRASTIVE);
    stops_and_goes_on(AVSOUND_OBJECTIVE_VIEWS_IMAGE);
    one_failure_ends_all();
    meet();
    avsn_parallel_free(all);
    avsound_context_free(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mpirun.training");
    TCase *tcase = tcase_create("mpirun.training");
    tcase_add_test(tcase, two_processes_train_as_one);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures += srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
