/* Training graphs of whole networks: their gradients along random directions against differences of their own loss, in
 * bf16 against f32, on two threads against one; and what graphs are refused. */
#include "suite.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "failing.h"
#include "golden/views.h"
#include "model/arch.h"
#include "oracle/net.h"
#include "train/gradients.h"
#include "train/views.h"

#include <avsound/train.h>

enum { SEED = 20180909 };

/* ---- a training graph with drawn parameters in a plan ---- */

typedef struct net {
    avsn_params *params; /* the plan keeps the pointer */
    avsn_pack_cache *cache;
    avsn_plan *plan;
} net;

static int64_t elements(const avsn_shape *shape)
{
    int64_t count = 0;
    ck_assert(avsn_shape_count(shape, &count));
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

/* Batch norms' biases of 1.5 leave most ReLUs open, so that few have their kink in a difference's way. */
static float draw(const avsn_param_spec *spec, int64_t i)
{
    const bool bias = strstr(spec->name, "bn") && strstr(spec->name, ".bias");
    const double normal = avsn_rng_normal(SEED, avsn_rng_stream(spec->name), (uint64_t)i);
    switch (spec->init.kind) {
    case AVSN_INIT_HE:
    case AVSN_INIT_TRUNCATED:
        return (float)(normal * sqrt(2.0 / (double)spec->init.fan_in));
    case AVSN_INIT_LIST:
        return spec->init.values[i];
    default:
        return spec->init.values[0] + (bias ? 1.5f : 0) + (spec->state ? 0 : (float)(0.2 * normal));
    }
}

/* Takes the graph over. */
static net net_create(avsn_graph *graph, int32_t compute, int32_t threads)
{
    net t = {.params = calloc(1, sizeof *t.params)};
    ck_assert_ptr_nonnull(t.params);
    t.params->count = avsn_graph_param_count(graph);
    avsn_plan_options o = {.threads = threads, .compute = compute, .train = true, .wanted_count = 1, .wanted = {"loss"}};
    t.params->items = calloc((size_t)t.params->count, sizeof *t.params->items);
    for (int32_t i = 0; i < t.params->count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        float *data = malloc((size_t)elements(&spec->shape) * sizeof *data);
        char *name = malloc(strlen(spec->name) + 6);
        for (int64_t k = 0; k < elements(&spec->shape); k++)
            data[k] = draw(spec, k);
        sprintf(name, "grad.%s", spec->name);
        t.params->items[i] = (avsn_named_tensor){name + 5, spec->shape, data};
        if (!spec->state && avsn_graph_find(graph, name).id)
            o.wanted[o.wanted_count++] = name;
    }
    qsort(t.params->items, (size_t)t.params->count, sizeof *t.params->items, by_name);
    ck_avsound(avsn_pack_cache_create(avsn_graph_context(graph), &t.cache));
    ck_avsound(avsn_plan_create(graph, t.params, t.cache, &o, &t.plan));
    for (int32_t i = 0; i < avsn_plan_input_count(t.plan); i++)
        for (int64_t k = 0; k < elements(avsn_plan_input_shape(t.plan, i)); k++)
            avsn_plan_input_data(t.plan, i)[k] = strcmp(avsn_plan_input_name(t.plan, i), "label")
                                                     ? (float)avsn_rng_normal(SEED, (uint64_t)i, (uint64_t)k)
                                                     : (float)(k % 2);
    return t;
}

static void net_free(net *t)
{
    avsn_plan_free(t->plan);
    avsn_pack_cache_free(t->cache);
    for (int32_t i = 0; i < t->params->count; i++) {
        free((void *)(t->params->items[i].name - 5));
        free((void *)t->params->items[i].data);
    }
    free(t->params->items);
    free(t->params);
}

/* The loss alone: nothing of the way back is computed. */
static double loss_of(const net *t)
{
    ck_avsound(oracle_run(t->plan, 1, 1));
    return (double)*avsn_plan_output_data(t->plan, 0);
}

static double loss_with_gradients(const net *t)
{
    ck_avsound(oracle_run(t->plan, 1, UINT64_MAX));
    return (double)*avsn_plan_output_data(t->plan, 0);
}

/* ---- differences of the loss ---- */

enum { STEPS = 3 };
static const double good_enough = 5e-3; /* a better step need not be looked for */

/* A parameter moved along its own gradient, where a wrong gradient can't hide in the orthogonal. The step is the best of
 * several: a short one drowns in f32's rounding, a long one crosses a kink of a ReLU or a maximum. */
static double direction_error(const net *t, int32_t output)
{
    const avsn_named_tensor *param = avsn_params_find(t->params, avsn_plan_output_name(t->plan, output) + 5);
    const int64_t count = elements(&param->shape);
    float *values = (float *)param->data, *kept = malloc((size_t)count * sizeof *kept);
    double *direction = malloc((size_t)count * sizeof *direction), norm = 0, best = INFINITY;
    loss_with_gradients(t);
    memcpy(kept, values, (size_t)count * sizeof *kept);
    for (int64_t i = 0; i < count; i++) {
        direction[i] = (double)avsn_plan_output_data(t->plan, output)[i];
        norm += direction[i] * direction[i];
    }
    norm = sqrt(norm);
    double step = 1e-2;
    for (int tried = 0; tried < STEPS && best > good_enough; tried++, step /= 5) {
        double loss[2];
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < count; i++)
                values[i] = (float)((double)kept[i] + (side ? -step : step) * direction[i] / fmax(norm, 1e-12));
            loss[side] = loss_of(t);
        }
        best = fmin(best, fabs((loss[0] - loss[1]) / (2 * step) - norm) / (norm + 1e-2));
    }
    memcpy(values, kept, (size_t)count * sizeof *kept);
    free(kept);
    free(direction);
    return best;
}

/* A maximum of a pool now and then changes its cell within even the shortest step and costs its parameter some percent; a
 * wrong rule costs all parameters before it everything. */
static void check_directions(const net *t, const char *what)
{
    double sum = 0;
    for (int32_t i = 1; i < avsn_plan_output_count(t->plan); i++) {
        const double error = direction_error(t, i);
        sum += error;
        ck_assert_msg(error < 0.1, "%s, %s: off by %.3g of the gradient", what, avsn_plan_output_name(t->plan, i), error);
    }
    ck_assert_double_lt(sum / (avsn_plan_output_count(t->plan) - 1), 0.01);
}

/* ---- networks ---- */

static avsn_graph *network(avsound_context *context, const char *arch, double width, int64_t batch)
{
    const avsn_build_config config = {.batch = batch, .width = width, .conv1_stride = 2, .image_height = 34,
                                      .image_width = 48, .bins = 35, .columns = avsn_arch_find(arch)->lags ? 48 : 33,
                                      .frames = 12, .lags = 3};
    avsn_graph *graph;
    ck_avsound(avsn_graph_create(context, &graph));
    avsn_arch_find(arch)->build(graph, &config);
    ck_avsound(avsn_graph_finish(graph));
    return graph;
}

static avsn_graph *training(avsound_context *context, const char *arch, double width, int64_t batch, avsn_objective objective)
{
    avsn_graph *forward = network(context, arch, width, batch), *graph;
    ck_avsound(avsn_training_graph(forward, objective, 0.1f, &graph));
    avsn_graph_free(forward);
    return graph;
}

/* Of a tower that learns from two views each of `things`. */
static avsn_graph *view_training(avsound_context *context, const char *arch, const char *embedding, double width, int64_t things)
{
    avsn_graph *forward = network(context, arch, width, 2 * things), *tower, *graph;
    ck_avsound(avsn_view_graph(forward, embedding, false, &tower));
    ck_avsound(avsn_training_graph(tower, AVSN_OBJECTIVE_VIEWS, 0.1f, &graph));
    avsn_graph_free(forward);
    avsn_graph_free(tower);
    return graph;
}

typedef struct training_case {
    const char *arch;
    avsn_objective objective;
    const char *embedding; /* of views */
} training_case;

/* The first KERNELS have between them all kernels that there are; the others put the same ones together in other ways. */
enum { KERNELS = 8 };
static const training_case trainings[] = {
    {"l3-net", AVSN_OBJECTIVE_SOFTMAX, NULL},
    {"avol-net", AVSN_OBJECTIVE_SIGMOID, NULL},
    {"ave-net-mf", AVSN_OBJECTIVE_SOFTMAX, NULL},
    {"ave-net-of", AVSN_OBJECTIVE_SOFTMAX, NULL},
    {"ave-net", AVSN_OBJECTIVE_CONTRASTIVE, NULL},
    {"sync-net", AVSN_OBJECTIVE_LAGS, NULL},
    {"ave-net", AVSN_OBJECTIVE_VIEWS, "embedding.image"},
    {"avol-net", AVSN_OBJECTIVE_VIEWS, "embedding.audio"},
    {"ave-net", AVSN_OBJECTIVE_SOFTMAX, NULL},
    {"avol-net", AVSN_OBJECTIVE_CONTRASTIVE, NULL},
    {"l3-net", AVSN_OBJECTIVE_VIEWS, "embedding.audio"},
    {"avol-net", AVSN_OBJECTIVE_VIEWS, "embedding.image"},
};

static avsn_graph *training_of(avsound_context *context, const training_case *c, double width, int64_t batch)
{
    return c->embedding ? view_training(context, c->arch, c->embedding, width, batch)
                        : training(context, c->arch, width, batch, c->objective);
}

START_TEST(gradients_are_slopes_of_the_loss)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    net t = net_create(training_of(context, &trainings[_i], 0.0625, 3), AVSOUND_DTYPE_F32, 1);
    check_directions(&t, trainings[_i].arch);
    net_free(&t);
    avsound_context_free(context);
}
END_TEST

/* Windows as even as can be. */
static void set_boundaries(const net *t, int64_t length)
{
    for (int32_t i = 0; i < avsn_plan_input_count(t->plan); i++) {
        const int64_t windows = avsn_plan_input_shape(t->plan, i)->dim[0] - 1;
        for (int64_t k = 0; strstr(avsn_plan_input_name(t->plan, i), ".boundaries") && k <= windows; k++)
            avsn_plan_input_data(t->plan, i)[k] = (float)(k * length / windows);
    }
}

/* From either result's distance back through the u-net, the pictures that it is told of and the sound that they are joined with;
 * the alignment's own answer is not asked for, and nothing moves it. */
START_TEST(a_separators_loss_reaches_its_eyes_and_ears)
{
    static const char *const names[] = {"gen.fg.weight", "gen.bg.bias", "gen.deconv3.weight", "gen.conv5.bn.weight",
                                        "gen.conv1.weight", "im.conv5_2_1.weight", "im.conv1.weight", "sf.conv1_1.weight"};
    const avsn_build_config config = {.batch = 2, .width = 0.0625, .audio_width = 0.0625, .unet_width = 0.0625,
                                      .image_height = 24, .image_width = 24, .conv5_stride = 2, .bins = 512, .columns = 128,
                                      .frames = 12, .samples = 6144};
    avsound_context *context;
    avsn_graph *forward, *graph;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &forward));
    avsn_arch_find("separator")->build(forward, &config);
    ck_avsound(avsn_graph_finish(forward));
    ck_avsound(avsn_separation_graph(forward, AVSOUND_SEPARATION_BOTH, 0, 0.1f, &graph));
    ck_assert(!avsn_graph_find(graph, "grad.joint.logits.weight").id && !avsn_graph_find(graph, "grad.joint.logits.bias").id);
    avsn_graph_free(forward);
    net t = net_create(graph, AVSOUND_DTYPE_F32, 1);
    set_boundaries(&t, 6);
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(names); n++)
        for (int32_t i = 1; i < avsn_plan_output_count(t.plan); i++) {
            if (strcmp(avsn_plan_output_name(t.plan, i) + 5, names[n]))
                continue;
            const double error = direction_error(&t, i);
            printf("%s: %.3g\n", names[n], error);
            ck_assert_msg(error < 0.1, "%s: off by %.3g of the gradient", names[n], error);
        }
    net_free(&t);
    avsound_context_free(context);
}
END_TEST

START_TEST(two_threads_agree_with_one)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int n = 0; n < KERNELS; n++) {
        net one = net_create(training_of(context, &trainings[n], 0.25, 4), AVSOUND_DTYPE_F32, 1);
        net two = net_create(training_of(context, &trainings[n], 0.25, 4), AVSOUND_DTYPE_F32, 2);
        ck_avsound(oracle_run(one.plan, 1, UINT64_MAX));
        ck_avsound(oracle_run(two.plan, 2, UINT64_MAX));
        for (int32_t i = 0; i < avsn_plan_output_count(one.plan); i++) {
            if (!strcmp(avsn_plan_output_name(one.plan, i), "grad.lags.bias"))
                continue; /* moves all lags alike: nothing but roundings */
            /* Weights' gradients are summed in other orders. */
            const oracle_error error = oracle_plans_error(two.plan, i, one.plan, i);
            ck_assert_msg(error.largest < 2e-3 && error.mean < 1e-4, "%s, %s: %.3g, mean %.3g", trainings[n].arch,
                          avsn_plan_output_name(one.plan, i), error.largest, error.mean);
        }
        net_free(&one);
        net_free(&two);
    }
    avsound_context_free(context);
}
END_TEST

/* All gradients as one long vector: bf16 keeps 8 bits of each factor, its errors are as good as random and so nearly
 * orthogonal to the gradient, but each maximum and ReLU that goes the other way turns a part of it. */
static double cosine(const net *a, const net *b)
{
    double product = 0, squares[2] = {0};
    for (int32_t i = 1; i < avsn_plan_output_count(a->plan); i++) {
        const float *x = avsn_plan_output_data(a->plan, i), *y = avsn_plan_output_data(b->plan, i);
        double norm[2] = {0}, inner = 0;
        for (int64_t k = 0; k < elements(avsn_plan_output_shape(a->plan, i)); k++) {
            inner += (double)x[k] * (double)y[k];
            norm[0] += (double)x[k] * (double)x[k];
            norm[1] += (double)y[k] * (double)y[k];
        }
        product += inner;
        squares[0] += norm[0];
        squares[1] += norm[1];
    }
    return product / sqrt(squares[0] * squares[1]);
}

/* Views that can be told apart: waves, another one for each thing, under noise. To a tower that has learned nothing all views
 * of noise alone look alike, and the gradient of their loss is made of differences of nearly equal vectors. */
static void show_things(const net *t, int64_t things)
{
    const avsn_shape *shape = avsn_plan_input_shape(t->plan, 0);
    const int64_t width = shape->dim[3], item = elements(shape) / shape->dim[0];
    float *data = avsn_plan_input_data(t->plan, 0);
    for (int64_t i = 0; i < elements(shape); i++) {
        const int64_t thing = i / item % things;
        const double along = (double)(i % width) * (double)(thing + 1) + (double)(i % item / width) * (double)(things - thing);
        data[i] = (float)(2 * sin(0.1 * along) + 0.3 * avsn_rng_normal(SEED, 0, (uint64_t)i));
    }
}

START_TEST(bf16_gradients_point_where_those_of_f32_do)
{
    avsound_context *context;
    if (!oracle_has_bf16())
        return;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int n = 0; n < KERNELS; n++) {
        net f32 = net_create(training_of(context, &trainings[n], 0.25, 6), AVSOUND_DTYPE_F32, 1);
        net bf16 = net_create(training_of(context, &trainings[n], 0.25, 6), AVSOUND_DTYPE_BF16, 1);
        if (trainings[n].embedding) {
            show_things(&f32, 6);
            show_things(&bf16, 6);
        }
        const double want = loss_with_gradients(&f32), got = loss_with_gradients(&bf16);
        ck_assert_msg(fabs(got - want) < 0.02 * want, "%s: loss %g, f32's is %g", trainings[n].arch, got, want);
        ck_assert_msg(cosine(&bf16, &f32) > 0.98, "%s: cosine %g", trainings[n].arch, cosine(&bf16, &f32));
        net_free(&f32);
        net_free(&bf16);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- small graphs ---- */

static avsn_graph *train(avsn_graph *forward, avsn_objective objective)
{
    avsn_graph *graph;
    ck_avsound(avsn_graph_finish(forward));
    ck_avsound(avsn_training_graph(forward, objective, 0.1f, &graph));
    avsn_graph_free(forward);
    return graph;
}

/* One value read four times: by a sum with itself, a product's two sides and a slice. */
START_TEST(readers_of_one_value_add_their_gradients)
{
    avsound_context *context;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value x = avsn_dense(g, "first", avsn_input(g, "x", AVSN_SHAPE(3, 5)), 4, NULL);
    const avsn_value twice = avsn_add(g, x, x), part = avsn_slice(g, x, 1, 3);
    const avsn_value all = avsn_concat(g, (avsn_value[]){twice, part, avsn_sigmoid(g, x)}, 3);
    avsn_output(g, "logits", avsn_dense(g, "last", all, 1, NULL));
    net t = net_create(train(g, AVSN_OBJECTIVE_SIGMOID), AVSOUND_DTYPE_F32, 1);
    check_directions(&t, "several readers");
    net_free(&t);
    avsound_context_free(context);
}
END_TEST

/* Batch norm without ReLU, with one that others read too, and before a pool. */
START_TEST(batch_norm_joins_only_a_relu_of_its_own)
{
    avsound_context *context;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    avsn_value x = avsn_conv(g, "c1", avsn_input(g, "x", AVSN_SHAPE(3, 2, 8, 6)), .out = 6, .kernel = {3, 3}, .pad = {1, 1});
    const avsn_value shared = avsn_batch_norm(g, "b1", x, .epsilon = 1e-3f);
    x = avsn_add(g, avsn_relu(g, shared), shared);
    x = avsn_max_pool(g, avsn_batch_norm(g, "b2", x, .epsilon = 1e-3f), .kernel = {2, 2}, .stride = {2, 2});
    x = avsn_global_pool(g, AVSN_POOL_AVERAGE, avsn_sigmoid(g, x));
    avsn_output(g, "logits", avsn_dense(g, "last", x, 2, NULL));
    net t = net_create(train(g, AVSN_OBJECTIVE_SOFTMAX), AVSOUND_DTYPE_F32, 1);
    check_directions(&t, "batch norms");
    net_free(&t);
    avsound_context_free(context);
}
END_TEST

/* Nothing computes a picture's gradient: of the first convolution only the weights' part is there. */
START_TEST(gradients_of_inputs_are_left_out)
{
    avsound_context *context;
    int32_t data = 0, weights = 0;
    ck_avsound(avsound_context_create(NULL, &context));
    avsn_graph *graph = training(context, "ave-net", 0.0625, 2, AVSN_OBJECTIVE_SOFTMAX);
    for (int32_t n = 0; n < avsn_graph_node_count(graph); n++) {
        data += avsn_graph_node(graph, n)->kind == AVSN_OP_CONV_BACKWARD_DATA;
        weights += avsn_graph_node(graph, n)->kind == AVSN_OP_CONV_BACKWARD_WEIGHTS;
    }
    ck_assert_int_eq(weights, 16);
    ck_assert_int_eq(data, 14);
    avsn_graph_free(graph);
    avsound_context_free(context);
}
END_TEST

START_TEST(contrastive_logits_are_of_all_pairs)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    avsn_graph *graph = training(context, "avol-net", 0.0625, 3, AVSN_OBJECTIVE_CONTRASTIVE);
    ck_assert(avsn_shape_equal(avsn_value_shape(graph, avsn_graph_find(graph, "logits")), &AVSN_SHAPE(9, 1)));
    ck_assert_int_eq(avsn_graph_find(graph, "score").id, 0);
    ck_assert_int_eq(avsn_graph_find(graph, "map").id, 0);
    ck_assert_int_eq(avsn_graph_find(graph, "label").id, 0);
    ck_assert_int_ne(avsn_graph_find(graph, "embedding.audio").id, 0);
    avsn_graph_free(graph);
    avsound_context_free(context);
}
END_TEST

/* ---- views ---- */

START_TEST(a_tower_that_learns_from_views_stands_alone)
{
    static const char *const archs[] = {"l3-net", "ave-net", "avol-net"};
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(archs); n++)
        for (int sound = 0; sound < 2; sound++) {
            avsn_graph *graph =
                view_training(context, archs[n], sound ? "embedding.audio" : "embedding.image", 0.0625, 3);
            ck_assert_int_ne(avsn_graph_find(graph, sound ? "spectrogram" : "image").id, 0);
            ck_assert_int_eq(avsn_graph_find(graph, sound ? "image" : "spectrogram").id, 0);
            ck_assert_int_eq(avsn_graph_find(graph, "label").id, 0);
            ck_assert(avsn_shape_equal(avsn_value_shape(graph, avsn_graph_find(graph, "logits")), &AVSN_SHAPE(36, 1)));
            for (int32_t i = 0; i < avsn_graph_param_count(graph); i++)
                ck_assert_msg(!strncmp(avsn_graph_param(graph, i)->name, sound ? "audio." : "vision.", 6), "%s: %s", archs[n],
                              avsn_graph_param(graph, i)->name);
            ck_assert_int_ge(avsn_graph_param_count(graph), 8 * 5);
            avsn_graph_free(graph);
        }
    avsound_context_free(context);
}
END_TEST

/* One dense layer whose input is a vector. */
static avsn_graph *dense_views(avsound_context *context)
{
    avsn_graph *g;
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value x = avsn_input(g, "image", AVSN_SHAPE(2 * VIEW_THINGS, VIEW_INPUTS));
    avsn_output(g, "embedding.image", avsn_dense(g, "d", x, VIEW_OUTPUTS, NULL));
    ck_avsound(avsn_graph_finish(g));
    return g;
}

static void put_numbers(const net *t, const char *name, const double *values)
{
    const avsn_named_tensor *to = avsn_params_find(t->params, name);
    for (int64_t i = 0; i < elements(&to->shape); i++)
        ((float *)to->data)[i] = (float)values[i];
}

static void ck_output(const net *t, const char *name, const double *values)
{
    for (int32_t i = 0; i < avsn_plan_output_count(t->plan); i++)
        for (int64_t k = 0; !strcmp(avsn_plan_output_name(t->plan, i), name) && k < elements(avsn_plan_output_shape(t->plan, i)); k++)
            ck_assert_double_eq_tol((double)avsn_plan_output_data(t->plan, i)[k], values[k], 2e-5);
}

START_TEST(the_loss_of_views_and_its_gradients_are_pytorchs)
{
    avsound_context *context;
    avsn_graph *tower, *graph;
    ck_avsound(avsound_context_create(NULL, &context));
    avsn_graph *forward = dense_views(context);
    ck_avsound(avsn_view_graph(forward, "embedding.image", false, &tower));
    ck_avsound(avsn_training_graph(tower, AVSN_OBJECTIVE_VIEWS, 0.1f, &graph));
    net t = net_create(graph, AVSOUND_DTYPE_F32, 1);
    put_numbers(&t, "d.weight", views_weight);
    put_numbers(&t, "d.bias", views_bias);
    for (int i = 0; i < 2 * VIEW_THINGS * VIEW_INPUTS; i++)
        avsn_plan_input_data(t.plan, 0)[i] = (float)views_src[i];
    ck_assert_double_eq_tol(loss_with_gradients(&t), views_loss[0], 1e-5);
    ck_assert_int_eq(avsn_plan_output_count(t.plan), 3);
    ck_output(&t, "grad.d.weight", views_grad_weight);
    ck_output(&t, "grad.d.bias", views_grad_bias);
    net_free(&t);
    avsn_graph_free(tower);
    avsn_graph_free(forward);
    avsound_context_free(context);
}
END_TEST

START_TEST(views_of_what_is_no_tower_are_refused)
{
    avsound_context *context;
    avsn_graph *g, *graph;
    ck_avsound(avsound_context_create(NULL, &context));
    g = network(context, "ave-net", 0.0625, 2);
    ck_refused(avsn_view_graph(g, "embedding", false, &graph), AVSOUND_E_UNSUPPORTED, "no output \"embedding\"");
    ck_refused(avsn_view_graph(g, "logits", false, &graph), AVSOUND_E_UNSUPPORTED, "both the picture and the sound");
    avsn_graph_free(g);
    g = network(context, "avol-net", 0.0625, 2);
    ck_refused(avsn_view_graph(g, "vision.conv5", false, &graph), AVSOUND_E_UNSUPPORTED, "4 axes");
    avsn_graph_free(g);
    g = network(context, "ave-net", 0.0625, 3);
    ck_refused(avsn_view_graph(g, "embedding.image", true, &graph), AVSOUND_E_SHAPE, "3 views");
    ck_assert_ptr_null(graph);
    avsn_graph_free(g);
    avsound_context_free(context);
}
END_TEST

static void check_where(const net *t, const char *want)
{
    char where[128];
    avsn_compute state;
    avsn_compute_enter(&state, 1);
    const avsound_status status = avsn_plan_run_checked(t->plan, NULL, where, sizeof where);
    avsn_compute_leave(&state);
    ck_avsound(status);
    ck_assert_str_eq(where, want);
}

START_TEST(a_checked_run_names_the_first_value_that_is_not_finite)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int32_t compute = 0; compute < (oracle_has_bf16() ? 2 : 1); compute++) {
        net t = net_create(training(context, "ave-net", 0.25, 2, AVSN_OBJECTIVE_SOFTMAX),
                           compute ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32, 1);
        check_where(&t, "");
        float *weight = (float *)avsn_params_find(t.params, "audio.conv3_2.weight")->data, kept = weight[7];
        weight[7] = INFINITY;
        check_where(&t, "parameter audio.conv3_2.weight");
        weight[7] = 3e38f; /* times more than 1.1 overflows */
        check_where(&t, "audio.conv3_2 (conv)");
        weight[7] = kept;
        float *image = avsn_plan_input_data(t.plan, 0);
        image[5] = NAN;
        check_where(&t, "input image");
        net_free(&t);
    }
    avsound_context_free(context);
}
END_TEST

/* ---- refusals ---- */

static void check_refused(avsn_graph *forward, avsn_objective objective, avsound_status status, const char *words)
{
    avsn_graph *graph;
    ck_avsound(avsn_graph_finish(forward));
    ck_refused(avsn_training_graph(forward, objective, 0.1f, &graph), status, words);
    ck_assert_ptr_null(graph);
    avsn_graph_free(forward);
}

START_TEST(graphs_without_what_the_objective_wants_are_refused)
{
    avsound_context *context;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &context));
    check_refused(network(context, "ave-net", 0.0625, 2), AVSN_OBJECTIVE_SIGMOID, AVSOUND_E_SHAPE, "2 columns");
    check_refused(network(context, "avol-net", 0.0625, 2), AVSN_OBJECTIVE_SOFTMAX, AVSOUND_E_SHAPE, "1 columns");
    check_refused(network(context, "l3-net", 0.0625, 2), AVSN_OBJECTIVE_CONTRASTIVE, AVSOUND_E_UNSUPPORTED, "no distance");

    ck_avsound(avsn_graph_create(context, &g));
    avsn_output(g, "score", avsn_dense(g, "d", avsn_input(g, "x", AVSN_SHAPE(2, 3)), 1, NULL));
    check_refused(g, AVSN_OBJECTIVE_SIGMOID, AVSOUND_E_UNSUPPORTED, "logits");

    ck_avsound(avsn_graph_create(context, &g));
    avsn_value x = avsn_input(g, "x", AVSN_SHAPE(2, 3));
    avsn_dense(g, "aside", x, 1, NULL);
    avsn_output(g, "logits", avsn_dense(g, "d", x, 1, NULL));
    check_refused(g, AVSN_OBJECTIVE_SIGMOID, AVSOUND_E_INTERNAL, "aside");

    ck_avsound(avsn_graph_create(context, &g));
    x = avsn_dense(g, "d", avsn_input(g, "x", AVSN_SHAPE(2, 3)), 3, NULL);
    const avsn_value distance = avsn_distance(g, x, avsn_input(g, "y", AVSN_SHAPE(2, 3)));
    avsn_output(g, "logits", avsn_add(g, distance, avsn_slice(g, x, 0, 1)));
    check_refused(g, AVSN_OBJECTIVE_CONTRASTIVE, AVSOUND_E_UNSUPPORTED, "mixes pairs");
    avsound_context_free(context);
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    failing f;
    avsn_graph *graph;
    avsound_context *context = failing_context(&f);
    avsn_graph *forward = network(context, "avol-net", 0.0625, 2);
    ck_survives_refusals(&f, avsn_training_graph(forward, AVSN_OBJECTIVE_SIGMOID, 0.1f, &graph), avsn_graph_free(graph));
    ck_survives_refusals(&f, avsn_contrastive_graph(forward, 0.5f, 0.1f, &graph), avsn_graph_free(graph));
    ck_survives_refusals(&f, avsn_view_graph(forward, "embedding.image", true, &graph), avsn_graph_free(graph));
    avsn_graph_free(forward);
    avsound_context_free(context);
}
END_TEST

LOOP_SUITE("train.gradients", {gradients_are_slopes_of_the_loss, 0, (int)AVSN_ARRAY_COUNT(trainings)},
           {a_separators_loss_reaches_its_eyes_and_ears, 0, 1}, {two_threads_agree_with_one, 0, 1},
           {bf16_gradients_point_where_those_of_f32_do, 0, 1}, {readers_of_one_value_add_their_gradients, 0, 1},
           {batch_norm_joins_only_a_relu_of_its_own, 0, 1}, {gradients_of_inputs_are_left_out, 0, 1},
           {contrastive_logits_are_of_all_pairs, 0, 1}, {a_tower_that_learns_from_views_stands_alone, 0, 1},
           {the_loss_of_views_and_its_gradients_are_pytorchs, 0, 1}, {views_of_what_is_no_tower_are_refused, 0, 1},
           {a_checked_run_names_the_first_value_that_is_not_finite, 0, 1},
           {graphs_without_what_the_objective_wants_are_refused, 0, 1}, {refused_memory_leaves_nothing_behind, 0, 1})
