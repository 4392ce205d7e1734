/* Batch renormalisation: what the training ops compute over three steps, their gradients, and the state they leave, against the
 * definition in double; and the multisensory network's training graph as a whole. */
#include "suite.h"

#include "base/rng.h"
#include "network/network.h"
#include "oracle/net.h"
#include "train/gradients.h"
#include "train/rules.h"
#include "train/store.h"

enum { SEED = 1702, ITEMS = 3, CHANNELS = 5, CELLS = 12, VALUES = ITEMS * CHANNELS * CELLS };

static const double EPSILON = 1e-3, MOMENTUM = 0.25, STEP = 1e-5;

/* ---- the definition ---- */

typedef struct state {
    double mean[CHANNELS], mean_weight, deviation[CHANNELS], deviation_weight, running_mean[CHANNELS], running_var[CHANNELS];
} state;

typedef struct batch {
    double mean[CHANNELS], deviation[CHANNELS], r[CHANNELS], d[CHANNELS];
} batch;

static int64_t at(int64_t n, int64_t c, int64_t s)
{
    return (n * CHANNELS + c) * CELLS + s;
}

static void moments(const double *x, double *mean, double *deviation)
{
    for (int64_t c = 0; c < CHANNELS; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < ITEMS * CELLS; i++)
            sum += x[at(i / CELLS, c, i % CELLS)];
        mean[c] = sum / (ITEMS * CELLS);
        for (int64_t i = 0; i < ITEMS * CELLS; i++)
            squares += pow(x[at(i / CELLS, c, i % CELLS)] - mean[c], 2);
        deviation[c] = sqrt(squares / (ITEMS * CELLS) + EPSILON);
    }
}

static batch correct(const state *s, const double *x)
{
    batch b;
    moments(x, b.mean, b.deviation);
    for (int c = 0; c < CHANNELS; c++) {
        const double mean = s->mean[c] + (1 - s->mean_weight) * b.mean[c];
        const double deviation = s->deviation[c] + (1 - s->deviation_weight) * b.deviation[c];
        b.r[c] = b.deviation[c] / deviation;
        b.d[c] = (b.mean[c] - mean) / deviation;
    }
    return b;
}

static void move(state *s, const batch *b)
{
    s->mean_weight = 0.99 * s->mean_weight + 0.01;
    s->deviation_weight = 0.99 * s->deviation_weight + 0.01;
    for (int c = 0; c < CHANNELS; c++) {
        s->mean[c] = 0.99 * s->mean[c] + 0.01 * b->mean[c];
        s->deviation[c] = 0.99 * s->deviation[c] + 0.01 * b->deviation[c];
        const double variance = pow(s->deviation[c] / s->deviation_weight, 2) - EPSILON;
        s->running_mean[c] += MOMENTUM * (s->mean[c] / s->mean_weight - s->running_mean[c]);
        s->running_var[c] += MOMENTUM * (variance - s->running_var[c]);
    }
}

/* With r and d of another batch: no gradient flows through them. */
static void normalise(const batch *fixed, const double *x, const double *weight, const double *bias, bool relu, double *y)
{
    double mean[CHANNELS], deviation[CHANNELS];
    moments(x, mean, deviation);
    for (int64_t i = 0; i < VALUES; i++) {
        const int64_t c = i / CELLS % CHANNELS;
        y[i] = ((x[i] - mean[c]) / deviation[c] * fixed->r[c] + fixed->d[c]) * (weight ? weight[c] : 1) + bias[c];
        y[i] = relu && y[i] < 0 ? 0 : y[i];
    }
}

/* ---- the ops ---- */

typedef struct fixture {
    bool weight, relu;
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} fixture;

static void build(const fixture *f, avsn_graph *g)
{
    const avsn_shape c = AVSN_SHAPE(CHANNELS), one = AVSN_SHAPE(1), x = AVSN_SHAPE(ITEMS, CHANNELS, 3, 4);
    const avsn_attributes attributes = {.epsilon = 1e-3f, .momentum = 0.25f, .relu = f->relu, .renorm = true};
    const int32_t first = f->weight ? 3 : 2;
    avsn_value in[7] = {avsn_input(g, "x", x), avsn_input(g, "bias", c)}, diff_in[AVSN_MAX_INPUTS] = {{0}};
    avsn_value moved[8] = {avsn_input(g, "running_mean", c), avsn_input(g, "running_var", c)};
    if (f->weight)
        in[2] = avsn_input(g, "weight", c);
    in[first] = moved[4] = avsn_input(g, "mean", c);
    in[first + 1] = moved[5] = avsn_input(g, "mean_weight", one);
    in[first + 2] = moved[6] = avsn_input(g, "deviation", c);
    in[first + 3] = moved[7] = avsn_input(g, "deviation_weight", one);
    const avsn_shape shapes[4] = {x, c, c, AVSN_SHAPE(2, CHANNELS)};
    const avsn_value y =
        avsn_graph_append_many(g, AVSN_OP_BATCH_NORM_TRAIN, "y", &attributes, in, first + 4, shapes, 4);
    moved[2] = (avsn_value){y.id + 1};
    moved[3] = (avsn_value){y.id + 2};
    avsn_graph_append(g, AVSN_OP_RUNNING_STATISTICS, NULL, &attributes, moved, 8, &one);
    const avsn_node node = *avsn_graph_node(g, avsn_value_producer(g, y));
    avsn_rule_of(AVSN_OP_BATCH_NORM_TRAIN)(g, &node, avsn_input(g, "diff", x), (bool[AVSN_MAX_INPUTS]){true, true, true}, diff_in);
    avsn_output(g, "y", y);
    avsn_output(g, "grad x", diff_in[0]);
    avsn_output(g, "grad bias", diff_in[1]);
    if (f->weight)
        avsn_output(g, "grad weight", diff_in[2]);
    ck_avsound(avsn_graph_finish(g));
}

static void set_up(fixture *f)
{
    static const avsn_params none;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &f->context));
    ck_avsound(avsn_graph_create(f->context, &g));
    build(f, g);
    ck_avsound(avsn_pack_cache_create(f->context, &f->cache));
    ck_avsound(avsn_plan_create(g, &none, f->cache,
                                &(avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true}, &f->plan));
}

static void tear_down(fixture *f)
{
    avsn_plan_free(f->plan);
    avsn_pack_cache_free(f->cache);
    avsound_context_free(f->context);
}

static float *input(const fixture *f, const char *name)
{
    for (int32_t i = 0; i < avsn_plan_input_count(f->plan); i++)
        if (!strcmp(avsn_plan_input_name(f->plan, i), name))
            return avsn_plan_input_data(f->plan, i);
    ck_abort_msg("no input %s", name);
}

static void draw(double *out, int64_t count, uint64_t stream, double scale, double offset)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (double)(float)(offset + scale * avsn_rng_normal(SEED, stream, (uint64_t)i));
}

static void feed(const fixture *f, const char *name, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        input(f, name)[i] = (float)values[i];
}

static void check_near(const fixture *f, const char *name, const double *want, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(fabs((double)input(f, name)[i] - want[i]) < 2e-6 * fmax(1, fabs(want[i])), "%s %d is %g, want %g", name,
                      (int)i, (double)input(f, name)[i], want[i]);
}

static void check_state(const fixture *f, const state *s)
{
    check_near(f, "mean", s->mean, CHANNELS);
    check_near(f, "mean_weight", &s->mean_weight, 1);
    check_near(f, "deviation", s->deviation, CHANNELS);
    check_near(f, "deviation_weight", &s->deviation_weight, 1);
    check_near(f, "running_mean", s->running_mean, CHANNELS);
    check_near(f, "running_var", s->running_var, CHANNELS);
}

/* Central differences with respect to `moving`, which is x, weight or bias. */
static void check_gradient(const fixture *f, const batch *fixed, const double *x, const double *weight, const double *bias,
                           double *moving, int64_t count, const double *diff, const float *got)
{
    double y[VALUES], want[VALUES], squares = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        const double kept = moving[i];
        double sum = 0;
        for (int side = -1; side <= 1; side += 2) {
            moving[i] = kept + side * STEP;
            normalise(fixed, x, weight, bias, f->relu, y);
            for (int64_t k = 0; k < VALUES; k++)
                sum += side * diff[k] * y[k];
        }
        moving[i] = kept;
        want[i] = sum / (2 * STEP);
        squares += want[i] * want[i];
    }
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)got[i] - want[i]));
    ck_assert_msg(largest < 1e-4 * sqrt(squares / (double)count), "error %.3g", largest);
}

static void check_steps(bool weighted, bool relu)
{
    fixture f = {.weight = weighted, .relu = relu};
    state s = {.running_var = {1, 1, 1, 1, 1}};
    double x[VALUES], y[VALUES], diff[VALUES], weight[CHANNELS], bias[CHANNELS];
    set_up(&f);
    draw(weight, CHANNELS, 1, 0.5, 1);
    draw(bias, CHANNELS, 2, 0.5, 0);
    draw(diff, VALUES, 3, 1, 0);
    feed(&f, "running_var", s.running_var, CHANNELS);
    feed(&f, "bias", bias, CHANNELS);
    feed(&f, "diff", diff, VALUES);
    if (weighted)
        feed(&f, "weight", weight, CHANNELS);
    for (uint64_t step = 0; step < 3; step++) {
        draw(x, VALUES, 10 + step, 1 + (double)step, 2 * (double)step); /* the batches drift */
        feed(&f, "x", x, VALUES);
        const batch b = correct(&s, x);
        ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
        normalise(&b, x, weighted ? weight : NULL, bias, relu, y);
        ck_assert_double_lt(oracle_compare(avsn_plan_output_data(f.plan, 0), y, VALUES).largest, 1e-5);
        check_gradient(&f, &b, x, weighted ? weight : NULL, bias, x, VALUES, diff, avsn_plan_output_data(f.plan, 1));
        check_gradient(&f, &b, x, weighted ? weight : NULL, bias, bias, CHANNELS, diff, avsn_plan_output_data(f.plan, 2));
        if (weighted)
            check_gradient(&f, &b, x, weight, bias, weight, CHANNELS, diff, avsn_plan_output_data(f.plan, 3));
        if (step == 0) /* nothing is known but this batch */
            for (int c = 0; c < CHANNELS; c++)
                ck_assert(b.r[c] == 1 && b.d[c] == 0);
        else /* and then it matters */
            ck_assert_double_gt(fabs(b.d[0]), 0.005);
        move(&s, &b);
        check_state(&f, &s);
    }
    tear_down(&f);
}

START_TEST(three_steps_follow_the_definition)
{
    for (int weighted = 0; weighted < 2; weighted++)
        for (int relu = 0; relu < 2; relu++)
            check_steps(weighted, relu);
}
END_TEST

/* ---- a network ---- */

static const char tiny[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":64,\"height\":64},"
                           "\"clip\":{\"frames\":17,\"samples\":11912}}";

/* The release's 186 variables: a model's 138 and four for each of the twelve blocks. */
START_TEST(training_adds_the_state_of_the_blocks)
{
    avsound_context *context;
    avsound_model *model;
    avsn_store *store;
    int added = 0;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, "multisensory", tiny, 1, &model));
    ck_avsound(avsn_store_create(model, &store));
    ck_assert_int_eq(model->params.count, 138);
    ck_assert_int_eq(store->params.count, 186);
    for (int32_t i = 0; i < store->params.count; i++) {
        const avsn_named_tensor *item = &store->params.items[i], *theirs = avsn_params_find(&model->params, item->name);
        int64_t count;
        ck_assert(i == 0 || strcmp(store->params.items[i - 1].name, item->name) < 0);
        ck_assert(avsn_shape_count(&item->shape, &count));
        ck_assert_uint_eq(store->items[i].count, (size_t)count);
        if (theirs) {
            ck_assert_mem_eq(item->data, theirs->data, (size_t)count * sizeof(float));
            ck_assert_int_eq(store->items[i].state, strstr(item->name, ".running_") != NULL);
            continue;
        }
        ck_assert_ptr_nonnull(strstr(item->name, "_bn.renorm_"));
        ck_assert(store->items[i].state);
        for (int64_t k = 0; k < count; k++)
            ck_assert(item->data[k] == 0);
        added++;
    }
    ck_assert_int_eq(added, 48);
    avsn_store_free(store);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

typedef struct training {
    avsound_context *context;
    avsound_model *model;
    avsn_store *store;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    int32_t gradient[256]; /* parameter -> the plan's output */
} training;

static void make_plan(training *t)
{
    static char names[256][64];
    avsn_graph *forward, *graph;
    avsn_plan_options o = {.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true, .wanted_count = 1, .wanted = {"loss"}};
    ck_avsound(avsn_model_graph(t->model, &(avsn_model_shapes){.batch = 4}, &forward));
    ck_avsound(avsn_training_graph(forward, AVSN_OBJECTIVE_SIGMOID, 0.1f, &graph));
    avsn_graph_free(forward);
    for (int32_t i = 0; i < t->store->params.count; i++) {
        t->gradient[i] = -1;
        if (t->store->items[i].state)
            continue;
        snprintf(names[i], sizeof names[i], "grad.%s", t->store->params.items[i].name);
        t->gradient[i] = o.wanted_count;
        o.wanted[o.wanted_count++] = names[i];
    }
    ck_avsound(avsn_pack_cache_create(t->context, &t->cache));
    ck_avsound(avsn_plan_create(graph, &t->store->params, t->cache, &o, &t->plan));
}

static void set_inputs(const training *t)
{
    static const float boundaries[6] = {0, 2, 4, 6, 9, 12};
    for (int32_t i = 0; i < avsn_plan_input_count(t->plan); i++) {
        const char *name = avsn_plan_input_name(t->plan, i);
        int64_t count;
        ck_assert(avsn_shape_count(avsn_plan_input_shape(t->plan, i), &count));
        for (int64_t k = 0; k < count; k++)
            avsn_plan_input_data(t->plan, i)[k] = (float)avsn_rng_normal(SEED, avsn_rng_stream(name), (uint64_t)k);
        if (!strcmp(name, "label"))
            memcpy(avsn_plan_input_data(t->plan, i), ((float[]){0, 1, 0, 1}), 4 * sizeof(float));
        if (!strcmp(name, "sf.pool.boundaries")) {
            ck_assert_int_eq(count, 6);
            memcpy(avsn_plan_input_data(t->plan, i), boundaries, sizeof boundaries);
        }
    }
}

static double run(const training *t)
{
    for (int32_t i = 0; i < t->store->params.count; i++)
        if (strstr(t->store->params.items[i].name, ".renorm_"))
            memset(t->store->values + t->store->items[i].begin, 0, t->store->items[i].count * sizeof(float));
    ck_avsound(oracle_run(t->plan, 1, UINT64_MAX));
    return (double)avsn_plan_output_data(t->plan, 0)[0];
}

/* At a first step r is 1 and d 0 whatever the batch, so all the loss does is in the gradient: along it, the loss changes by
 * its squared length. */
START_TEST(the_networks_gradient_is_the_slope_of_its_loss)
{
    training t = {0};
    ck_avsound(avsound_context_create(NULL, &t.context));
    ck_avsound(avsound_model_create(t.context, "multisensory", tiny, 1, &t.model));
    ck_avsound(avsn_store_create(t.model, &t.store));
    make_plan(&t);
    set_inputs(&t);
    run(&t);
    float *kept = avsn_store_block(t.store), *gradient = avsn_store_block(t.store);
    double square = 0, losses[2];
    memcpy(kept, t.store->values, t.store->floats * sizeof *kept);
    for (int32_t i = 0; i < t.store->params.count; i++)
        for (size_t k = 0; t.gradient[i] >= 0 && k < t.store->items[i].count; k++) {
            const float g = avsn_plan_output_data(t.plan, t.gradient[i])[k];
            gradient[t.store->items[i].begin + k] = g;
            square += (double)g * (double)g;
        }
    ck_assert_double_gt(square, 1e-6);
    const double length = 4e-5 / sqrt(square);
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < t.store->floats; k++)
            t.store->values[k] = (float)((double)kept[k] + (side ? length : -length) * (double)gradient[k]);
        losses[side] = run(&t);
    }
    const double slope = (losses[1] - losses[0]) / (2 * length);
    printf("squared length %.6g, slope %.6g\n", square, slope);
    ck_assert_double_eq_tol(slope / square, 1, 0.02);
    avsn_free(t.context, kept);
    avsn_free(t.context, gradient);
    avsn_plan_free(t.plan);
    avsn_pack_cache_free(t.cache);
    avsn_store_free(t.store);
    avsound_model_free(t.model);
    avsound_context_free(t.context);
}
END_TEST

SUITE("train.renorm", three_steps_follow_the_definition, training_adds_the_state_of_the_blocks,
      the_networks_gradient_is_the_slope_of_its_loss)
