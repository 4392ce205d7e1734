#include "train/step.h"

#include "base/cpu.h"
#include "base/zone.h"
#include "graph/fractional.h"
#include "train/classes.h"
#include "train/gradients.h"
#include "train/lags.h"
#include "train/separate.h"
#include "train/views.h"

#include <avsound/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_POOLS = 8 };

struct avsn_step {
    avsound_context *context;
    const avsound_model *model;
    avsn_store *store;
    avsn_pack_cache *packed;
    avsn_plan *plan;
    avsn_step_options options;
    int32_t loss, logits;     /* outputs of the plan; of separation the first of two results instead of logits */
    int32_t *output;          /* parameter -> the plan's output that is its gradient; -1: state */
    int32_t *parameter;       /* and back; -1: another output */
    const float **gradients;  /* of each parameter: the plan's, or in `sum` */
    float *sum;               /* block of the store: of the runs since the last clear, once there are two */
    int32_t runs;
    struct {
        int32_t input; /* of the plan: boundaries of the windows */
        int64_t length, outputs;
    } pool[MOST_POOLS];
    int32_t pools;
    struct {
        float *block;      /* gradients in the order in which they are completed */
        size_t *place;     /* parameter -> its gradient in the block; NOWHERE until the first run */
        size_t used, sent; /* floats that have a place; of this run's, those whose sum was started */
    } joint; /* with other processes */
};

#define NOWHERE SIZE_MAX

/* Floats worth a message: sums of fewer cost more by the piece than by the float. */
#define BUCKET ((size_t)128 * 1024)

/* ---- the graph ---- */

static avsound_status forward_graph(const avsound_model *model, const avsn_step_options *o, avsn_graph **out)
{
    return avsn_model_graph(model, &(avsn_model_shapes){.batch = o->batch, .sounds = o->sounds}, out);
}

static int64_t logit_columns(const avsn_graph *graph)
{
    const avsn_value logits = avsn_graph_find(graph, "logits");
    return logits.id ? avsn_value_shape(graph, logits)->dim[1] : 0;
}

avsn_part avsn_objective_part(int32_t objective)
{
    return objective == AVSOUND_OBJECTIVE_VIEWS_IMAGE   ? AVSN_PART_PICTURE
           : objective == AVSOUND_OBJECTIVE_VIEWS_AUDIO ? AVSN_PART_SOUND
                                                        : AVSN_PART_BOTH;
}

const char *avsn_objective_name(int32_t objective)
{
    static const char *const names[] = {"avc", "contrastive", "views-image", "views-audio", "shift", "lags", "separate",
                                        "classify"};
    return names[objective];
}

static bool has_views(const avsn_step_options *o)
{
    return avsn_objective_part(o->objective) != AVSN_PART_BOTH;
}

static bool separates(const avsn_step_options *o)
{
    return o->objective == AVSOUND_OBJECTIVE_SEPARATE;
}

static bool classifies(const avsn_step_options *o)
{
    return o->objective == AVSOUND_OBJECTIVE_CLASSIFY;
}

/* The multisensory network's: in time or not, or of which class. */
static avsound_status check_alignment(const avsound_model *model, int32_t objective)
{
    const char *name = model->arch->name;
    const bool clips = model->arch->in_time, shift = objective == AVSOUND_OBJECTIVE_SHIFT;
    const bool classify = objective == AVSOUND_OBJECTIVE_CLASSIFY;
    if (clips && !shift && !classify)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes clips: it learns by nothing but AVSOUND_OBJECTIVE_SHIFT and _CLASSIFY", name);
    if (classify && !clips)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s tells no classes apart: it can't learn by AVSOUND_OBJECTIVE_CLASSIFY", name);
    if (shift && model->config.classes)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "this %s tells classes apart: it learns by nothing but AVSOUND_OBJECTIVE_CLASSIFY", name);
    return AVSOUND_OK;
}

/* Other networks of clips have one objective each, which no other has. */
static avsound_status check_clips(const avsn_arch *arch, int32_t objective)
{
    const bool lags = objective == AVSOUND_OBJECTIVE_LAGS, shift = objective == AVSOUND_OBJECTIVE_SHIFT;
    const bool separate = objective == AVSOUND_OBJECTIVE_SEPARATE;
    if (arch->lags && !lags)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s compares lags: it learns by nothing but AVSOUND_OBJECTIVE_LAGS", arch->name);
    if (arch->separates && !separate)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes sound apart: it learns by nothing but AVSOUND_OBJECTIVE_SEPARATE", arch->name);
    if (separate && !arch->separates)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes no sound apart: it can't learn by AVSOUND_OBJECTIVE_SEPARATE", arch->name);
    if (lags && !arch->lags)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s compares no lags: it can't learn by AVSOUND_OBJECTIVE_LAGS", arch->name);
    if (shift && !arch->clip)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes no clips: it can't learn by AVSOUND_OBJECTIVE_SHIFT", arch->name);
    return AVSOUND_OK;
}

avsound_status avsn_step_check_objective(const avsound_model *model, int32_t objective)
{
    if (objective < AVSOUND_OBJECTIVE_AVC || objective > AVSOUND_OBJECTIVE_CLASSIFY)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "trainer options: objective is %d, want an AVSOUND_OBJECTIVE_ constant",
                  objective);
    if (model->arch->pools)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s is half of a network: it can't be trained", model->arch->name);
    AVSN_TRY(check_clips(model->arch, objective));
    AVSN_TRY(check_alignment(model, objective));
    if (objective == AVSOUND_OBJECTIVE_CONTRASTIVE && !model->arch->aligned)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s has no comparable embeddings: it can learn by AVSOUND_OBJECTIVE_AVC only",
                  model->arch->name);
    return AVSOUND_OK;
}

/* The tower that learns from views, to be trained or, with the loss, to be judged. */
static avsound_status view_graph(const avsound_model *model, const avsn_step_options *o, bool loss, avsn_graph **out)
{
    const bool image = avsn_objective_part(o->objective) == AVSN_PART_PICTURE;
    avsn_graph *forward;
    AVSN_TRY(forward_graph(model, o, &forward));
    const avsound_status status = avsn_view_graph(forward, image ? "embedding.image" : "embedding.audio", loss, out);
    avsn_graph_free(forward);
    return status;
}

static void result_names(const avsound_model *model, const char *names[2])
{
    avsn_separation_outputs(model->arch->blind, names);
}

/* The network with its loss, to be judged: of lags, of classes or of separation. */
static avsound_status judged_graph(const avsound_model *model, const avsn_step_options *o, avsn_graph **out)
{
    avsn_graph *graph;
    const char *names[2];
    *out = NULL;
    AVSN_TRY(forward_graph(model, o, &graph));
    result_names(model, names);
    if (separates(o))
        avsn_separation_loss(graph, (avsn_value[]){avsn_graph_find(graph, names[0]), avsn_graph_find(graph, names[1])},
                             o->separation, o->decibels);
    else if (classifies(o))
        avsn_class_loss(graph, avsn_graph_find(graph, "logits"));
    else
        avsn_lag_loss(graph, avsn_graph_find(graph, "logits"));
    const avsound_status status = avsn_graph_finish(graph);
    if (status)
        avsn_graph_free(graph);
    else
        *out = graph;
    return status;
}

static avsound_status training_graph(const avsound_model *model, const avsn_step_options *o, avsn_graph **out)
{
    avsn_graph *forward;
    AVSN_TRY(has_views(o) ? view_graph(model, o, false, &forward) : forward_graph(model, o, &forward));
    const avsn_objective objective = has_views(o)                                    ? AVSN_OBJECTIVE_VIEWS
                                     : o->objective == AVSOUND_OBJECTIVE_LAGS        ? AVSN_OBJECTIVE_LAGS
                                     : classifies(o)                                 ? AVSN_OBJECTIVE_CLASSES
                                     : o->objective == AVSOUND_OBJECTIVE_CONTRASTIVE ? AVSN_OBJECTIVE_CONTRASTIVE
                                     : logit_columns(forward) == 2                   ? AVSN_OBJECTIVE_SOFTMAX
                                                                                     : AVSN_OBJECTIVE_SIGMOID;
    const avsound_status status = separates(o) ? avsn_separation_graph(forward, o->separation, o->decibels, o->momentum, out)
                                               : avsn_training_graph(forward, objective, o->momentum, out);
    avsn_graph_free(forward);
    return status;
}

/* ---- gradients of several processes ---- */

static bool is_last_run(const avsn_step *step)
{
    return step->runs + 1 == step->options.accumulate;
}

/* Takes parameter i's gradient into the mean over runs, with the last one into the mean over processes. */
static void join_gradient(avsn_step *step, int32_t i)
{
    const size_t count = step->store->items[i].count;
    const float *gradient = avsn_plan_output_data(step->plan, step->output[i]);
    if (step->joint.place[i] == NOWHERE) {
        step->joint.place[i] = step->joint.used;
        step->joint.used += count;
    }
    float *mean = step->joint.block + step->joint.place[i];
    const float share = 1 / (float)(step->runs + 1);
    const float scale = is_last_run(step) ? 1 / (float)avsn_parallel_ranks(step->options.parallel) : 1;
    for (size_t k = 0; k < count; k++) {
        const float before = step->runs ? mean[k] : 0;
        mean[k] = scale * (before + share * (gradient[k] - before));
    }
    step->gradients[i] = mean;
}

/* Starts the sum of what is complete up to `end` and not yet under way. */
static void send_up_to(avsn_step *step, size_t end)
{
    avsn_parallel_start_sum(step->options.parallel, step->joint.block + step->joint.sent, end - step->joint.sent);
    step->joint.sent = end;
}

/* The plan's steps are the same in every process, and so are the sums. */
static void on_step(void *user, int32_t output)
{
    avsn_step *step = user;
    const int32_t i = output < 0 ? -1 : step->parameter[output];
    if (i >= 0) {
        join_gradient(step, i);
        const size_t end = step->joint.place[i] + step->store->items[i].count;
        if (is_last_run(step) && end - step->joint.sent >= BUCKET)
            send_up_to(step, end);
    }
    avsn_parallel_progress(step->options.parallel);
}

static avsound_status open_joint(avsn_step *step, avsn_plan_options *o)
{
    const avsn_store *store = step->store;
    if (!step->options.parallel)
        return AVSOUND_OK;
    step->joint.block = avsn_store_block(store);
    step->joint.place = avsn_alloc(step->context, (size_t)store->params.count, sizeof *step->joint.place);
    if (!step->joint.block || !step->joint.place)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < store->params.count; i++)
        step->joint.place[i] = NOWHERE;
    o->on_step = on_step;
    o->user = step;
    if (!step->options.local_statistics)
        o->group = (avsn_group){avsn_parallel_ranks(step->options.parallel), avsn_parallel_mean, step->options.parallel};
    return AVSOUND_OK;
}

/* ---- making the plan ---- */

/* "loss", "logits" or two results, then "grad.NAME" for each parameter that is learned. With views that is one tower's, of a
 * separator not its logits': others stay. */
static avsound_status want_outputs(avsn_step *step, const avsn_graph *graph, avsn_plan_options *o, avsn_zone *zone)
{
    const char *names[2] = {"logits"};
    if (separates(&step->options))
        result_names(step->model, names);
    o->wanted[o->wanted_count++] = "loss";
    for (int i = 0; i < 2 && names[i]; i++)
        o->wanted[o->wanted_count++] = names[i];
    for (int32_t i = 0; i < step->store->params.count; i++) {
        const char *parameter = step->store->params.items[i].name;
        step->output[i] = -1;
        const char *name = avsn_zone_printf(zone, "grad.%s", parameter);
        if (!name)
            return AVSOUND_E_NO_MEMORY;
        if (step->store->items[i].state || !avsn_graph_find(graph, name).id)
            continue;
        if (o->wanted_count == AVSN_MAX_WANTED)
            AVSN_FAIL(AVSOUND_E_LIMIT, "more than %d gradients", AVSN_MAX_WANTED - 3);
        step->output[i] = o->wanted_count;
        step->parameter[o->wanted_count] = i;
        o->wanted[o->wanted_count++] = name;
    }
    return AVSOUND_OK;
}

static int32_t input_index(const avsn_graph *graph, avsn_value value)
{
    int32_t index = 0;
    while (avsn_graph_input(graph, index).id != value.id)
        index++;
    return index;
}

/* Fractional poolings whose windows are an input. */
static avsound_status find_pools(avsn_step *step, const avsn_graph *graph)
{
    for (int32_t n = 0; n < avsn_graph_node_count(graph); n++) {
        const avsn_node *node = avsn_graph_node(graph, n);
        if (node->kind != AVSN_OP_FRACTIONAL_POOL || node->input_count < 2)
            continue;
        if (step->pools == MOST_POOLS)
            AVSN_FAIL(AVSOUND_E_LIMIT, "more than %d fractional poolings", MOST_POOLS);
        step->pool[step->pools].input = input_index(graph, node->input[1]);
        step->pool[step->pools].length = avsn_value_shape(graph, node->input[0])->dim[2];
        step->pool[step->pools++].outputs = avsn_value_shape(graph, node->output[0])->dim[2];
    }
    return AVSOUND_OK;
}

static avsound_status make_plan(avsn_step *step)
{
    avsn_plan_options o = {.threads = step->options.threads, .compute = step->options.compute, .train = true};
    avsn_zone zone;
    avsn_graph *graph;
    AVSN_TRY(open_joint(step, &o));
    AVSN_TRY(training_graph(step->model, &step->options, &graph));
    avsn_zone_init(&zone, step->context);
    avsound_status status = want_outputs(step, graph, &o, &zone);
    if (!status)
        status = find_pools(step, graph);
    if (status)
        avsn_graph_free(graph);
    else
        status = avsn_plan_create(graph, &step->store->params, step->packed, &o, &step->plan);
    avsn_zone_free(&zone);
    return status;
}

static avsound_status init(avsn_step *step)
{
    const size_t count = (size_t)step->store->params.count;
    AVSN_TRY(avsn_step_check_objective(step->model, step->options.objective));
    step->output = avsn_alloc(step->context, count, sizeof *step->output);
    step->parameter = avsn_alloc(step->context, AVSN_MAX_WANTED, sizeof *step->parameter);
    step->gradients = avsn_alloc_zeroed(step->context, count, sizeof *step->gradients);
    if (!step->output || !step->parameter || !step->gradients)
        return AVSOUND_E_NO_MEMORY;
    memset(step->parameter, 0xff, AVSN_MAX_WANTED * sizeof *step->parameter); /* -1 */
    AVSN_TRY(avsn_pack_cache_create(step->context, &step->packed));
    step->logits = 1;
    return make_plan(step);
}

avsound_status avsn_step_create(const avsound_model *model, avsn_store *store, const avsn_step_options *options,
                                avsn_step **out)
{
    *out = NULL;
    avsn_step *step = avsn_alloc_zeroed(store->context, 1, sizeof *step);
    if (!step)
        return AVSOUND_E_NO_MEMORY;
    step->context = avsn_context_ref(store->context);
    step->model = model;
    step->store = store;
    step->options = *options;
    const avsound_status status = init(step);
    if (status) {
        avsn_step_free(step);
        return status;
    }
    *out = step;
    return AVSOUND_OK;
}

void avsn_step_free(avsn_step *step)
{
    if (!step)
        return;
    avsound_context *context = step->context;
    avsn_plan_free(step->plan);
    avsn_pack_cache_free(step->packed);
    avsn_free(context, step->joint.block);
    avsn_free(context, step->joint.place);
    avsn_free(context, step->sum);
    avsn_free(context, step->gradients);
    avsn_free(context, step->parameter);
    avsn_free(context, step->output);
    avsn_free(context, step);
    avsound_context_free(context);
}

/* ---- running ---- */

static void put_input(avsn_plan *plan, const char *name, const float *values)
{
    for (int32_t i = 0; i < avsn_plan_input_count(plan); i++) {
        if (strcmp(avsn_plan_input_name(plan, i), name))
            continue;
        int64_t count;
        avsn_shape_count(avsn_plan_input_shape(plan, i), &count);
        memcpy(avsn_plan_input_data(plan, i), values, (size_t)count * sizeof *values);
    }
}

static avsound_status put_batch(avsn_plan *plan, const avsn_batch *batch, int32_t size)
{
    if (batch->size != size)
        AVSN_FAIL(AVSOUND_E_INTERNAL, "a batch of %d where %d were planned", batch->size, size);
    put_input(plan, "image", batch->image);
    put_input(plan, "frames", batch->frames);
    put_input(plan, "flow", batch->flow);
    put_input(plan, "waveform", batch->waveform);
    put_input(plan, "spectrogram", batch->spectrogram);
    put_input(plan, "sources", batch->sources);
    put_input(plan, "label", batch->label);
    return AVSOUND_OK;
}

/* The same in each process that takes part in the step. */
static void draw_windows(const avsn_step *step, const avsn_batch *batch)
{
    const uint64_t draw = batch->epoch << 32 ^ batch->step;
    for (int32_t i = 0; i < step->pools; i++)
        avsn_fractional_draw(step->options.seed, draw, step->pool[i].length, step->pool[i].outputs,
                             avsn_plan_input_data(step->plan, step->pool[i].input));
}

static avsound_status run_plan(avsn_plan *plan, int32_t threads)
{
    avsn_compute state;
    avsn_compute_enter(&state, threads);
    const avsound_status status = avsn_plan_run(plan, UINT64_MAX, NULL);
    avsn_compute_leave(&state);
    return status;
}

/* "Corresponds" against "does not": of one column, or of the difference of two. */
static float logit_at(const float *logits, int64_t columns, int64_t row)
{
    return columns == 2 ? logits[2 * row + 1] - logits[2 * row] : logits[row];
}

static double pair_accuracy(const float *logits, int64_t columns, const avsn_batch *batch)
{
    int32_t right = 0;
    for (int32_t i = 0; i < batch->size; i++)
        right += (logit_at(logits, columns, i) > 0) == (batch->label[i] > 0);
    return (double)right / batch->size;
}

/* Rows are pictures, columns sounds. */
static double first_rank_accuracy(const float *logits, int64_t columns, int32_t size)
{
    int32_t right = 0;
    for (int32_t i = 0; i < size; i++) {
        const float own = logit_at(logits, columns, (int64_t)i * size + i);
        bool first = true;
        for (int32_t j = 0; first && j < size; j++)
            first = j == i || logit_at(logits, columns, (int64_t)i * size + j) < own;
        right += first;
    }
    return (double)right / size;
}

/* A view's own column is left out. */
static double partner_accuracy(const float *logits, int32_t views)
{
    int32_t right = 0;
    for (int32_t i = 0; i < views; i++) {
        const float *row = logits + (int64_t)i * views;
        const int32_t partner = (i + views / 2) % views;
        bool first = true;
        for (int32_t j = 0; first && j < views; j++)
            first = j == i || j == partner || row[j] < row[partner];
        right += first;
    }
    return (double)right / views;
}

static double separation_gain(const avsn_plan *plan, int32_t output, const avsn_step_options *o, const avsn_batch *batch)
{
    const avsn_shape *shape = avsn_plan_output_shape(plan, output);
    const float *const results[2] = {avsn_plan_output_data(plan, output), avsn_plan_output_data(plan, output + 1)};
    return avsn_separation_gain(results, batch->sources, batch->spectrogram, batch->size, shape->dim[2] * shape->dim[3],
                                o->separation == AVSOUND_SEPARATION_EITHER, o->decibels);
}

/* output: the logits, or the first of two results. errors [size], unless NULL: of lags. */
static double accuracy_of(const avsn_plan *plan, int32_t output, const avsn_step_options *o, const avsn_batch *batch,
                          float *errors)
{
    const float *logits = avsn_plan_output_data(plan, output);
    const int64_t columns = avsn_plan_output_shape(plan, output)->dim[1];
    if (separates(o))
        return separation_gain(plan, output, o, batch);
    if (has_views(o))
        return partner_accuracy(logits, batch->size);
    if (o->objective == AVSOUND_OBJECTIVE_LAGS)
        return avsn_lag_accuracy(logits, columns, batch->label, batch->size, errors);
    if (classifies(o))
        return avsn_class_accuracy(logits, columns, batch->label, batch->size);
    return o->objective == AVSOUND_OBJECTIVE_CONTRASTIVE ? first_rank_accuracy(logits, columns, batch->size)
                                                         : pair_accuracy(logits, columns, batch);
}

static void take_gradients(avsn_step *step)
{
    for (int32_t i = 0; i < step->store->params.count; i++)
        if (step->output[i] >= 0)
            step->gradients[i] = avsn_plan_output_data(step->plan, step->output[i]);
}

/* The plan's gradients live until its next run: with a second run they move to a block of their own. */
static avsound_status keep_sum(avsn_step *step)
{
    if (!step->sum) {
        step->sum = avsn_store_block(step->store);
        if (!step->sum)
            return AVSOUND_E_NO_MEMORY;
    }
    for (int32_t i = 0; step->runs == 1 && i < step->store->params.count; i++)
        if (step->output[i] >= 0)
            memcpy(step->sum + step->store->items[i].begin, step->gradients[i],
                   step->store->items[i].count * sizeof(float));
    return AVSOUND_OK;
}

/* The mean over runs: gradients are means over each batch already. */
static void add_gradients(avsn_step *step)
{
    const float share = 1 / (float)step->runs;
    for (int32_t i = 0; i < step->store->params.count; i++) {
        if (step->output[i] < 0)
            continue;
        const float *gradient = avsn_plan_output_data(step->plan, step->output[i]);
        float *sum = step->sum + step->store->items[i].begin;
        for (size_t k = 0; k < step->store->items[i].count; k++)
            sum[k] += share * (gradient[k] - sum[k]);
        step->gradients[i] = sum;
    }
}

/* What `on_step` has left over. */
static avsound_status end_joint_run(avsn_step *step)
{
    if (is_last_run(step))
        send_up_to(step, step->joint.used);
    step->runs++;
    return avsn_parallel_wait(step->options.parallel);
}

avsound_status avsn_step_run(avsn_step *step, const avsn_batch *batch, avsn_step_result *result)
{
    const bool joint = step->options.parallel != NULL;
    step->joint.sent = 0;
    if (step->runs && !joint)
        AVSN_TRY(keep_sum(step));
    AVSN_TRY(put_batch(step->plan, batch, step->options.batch));
    draw_windows(step, batch);
    AVSN_TRY(run_plan(step->plan, step->options.threads));
    result->loss = avsn_plan_output_data(step->plan, step->loss)[0];
    result->accuracy = accuracy_of(step->plan, step->logits, &step->options, batch, NULL);
    if (joint)
        return end_joint_run(step);
    if (++step->runs == 1)
        take_gradients(step);
    else
        add_gradients(step);
    return AVSOUND_OK;
}

const float *const *avsn_step_gradients(avsn_step *step)
{
    return step->gradients;
}

void avsn_step_clear(avsn_step *step)
{
    step->runs = 0;
}

avsound_status avsn_step_find_not_finite(avsn_step *step, const avsn_batch *batch, char *where, size_t size)
{
    avsn_compute state;
    AVSN_TRY(put_batch(step->plan, batch, step->options.batch));
    draw_windows(step, batch);
    /* Through batch norm, what is not finite in one process would show in all of them. */
    avsn_parallel_rest(step->options.parallel, true);
    avsn_compute_enter(&state, step->options.threads);
    const avsound_status status = avsn_plan_run_checked(step->plan, NULL, where, size);
    avsn_compute_leave(&state);
    avsn_parallel_rest(step->options.parallel, false);
    return status;
}

/* ---- the network as it is used ---- */

struct avsn_judge {
    avsound_context *context;
    avsn_pack_cache *packed;
    avsn_plan *plan;
    avsn_step_options options;
};

static avsound_status judge_init(avsn_judge *judge, const avsound_model *model, const avsn_params *params)
{
    const bool views = has_views(&judge->options), separation = separates(&judge->options);
    const bool losses = judge->options.objective == AVSOUND_OBJECTIVE_LAGS || classifies(&judge->options);
    const char *names[2] = {"logits"};
    if (separation)
        result_names(model, names);
    avsn_plan_options o = {.threads = judge->options.threads,
                           .compute = judge->options.compute,
                           .train = true,
                           .wanted_count = separation ? 3 : views || losses ? 2 : 1,
                           .wanted = {"loss", names[0], names[1]}};
    if (o.wanted_count == 1)
        o.wanted[0] = names[0];
    avsn_graph *graph;
    AVSN_TRY(avsn_pack_cache_create(judge->context, &judge->packed));
    AVSN_TRY(views                  ? view_graph(model, &judge->options, true, &graph)
             : losses || separation ? judged_graph(model, &judge->options, &graph)
                                    : forward_graph(model, &judge->options, &graph));
    return avsn_plan_create(graph, params, judge->packed, &o, &judge->plan);
}

avsound_status avsn_judge_create(const avsound_model *model, const avsn_params *params, const avsn_step_options *options,
                                 avsn_judge **out)
{
    *out = NULL;
    avsn_judge *judge = avsn_alloc_zeroed(model->context, 1, sizeof *judge);
    if (!judge)
        return AVSOUND_E_NO_MEMORY;
    judge->context = avsn_context_ref(model->context);
    judge->options = *options;
    const avsound_status status = judge_init(judge, model, params);
    if (status) {
        avsn_judge_free(judge);
        return status;
    }
    *out = judge;
    return AVSOUND_OK;
}

void avsn_judge_free(avsn_judge *judge)
{
    if (!judge)
        return;
    avsound_context *context = judge->context;
    avsn_plan_free(judge->plan);
    avsn_pack_cache_free(judge->packed);
    avsn_free(context, judge);
    avsound_context_free(context);
}

avsound_status avsn_judge_run(avsn_judge *judge, const avsn_batch *batch, float *scores, float *logits)
{
    AVSN_TRY(put_batch(judge->plan, batch, judge->options.batch));
    AVSN_TRY(run_plan(judge->plan, judge->options.threads));
    const float *values = avsn_plan_output_data(judge->plan, 0);
    const int64_t columns = avsn_plan_output_shape(judge->plan, 0)->dim[1];
    for (int32_t i = 0; i < batch->size; i++) {
        logits[i] = logit_at(values, columns, i);
        scores[i] = 1 / (1 + expf(-logits[i]));
    }
    return AVSOUND_OK;
}

avsound_status avsn_judge_loss(avsn_judge *judge, const avsn_batch *batch, avsn_step_result *result, float *errors)
{
    AVSN_TRY(put_batch(judge->plan, batch, judge->options.batch));
    AVSN_TRY(run_plan(judge->plan, judge->options.threads));
    result->loss = avsn_plan_output_data(judge->plan, 0)[0];
    result->accuracy = accuracy_of(judge->plan, 1, &judge->options, batch, errors);
    return AVSOUND_OK;
}
