/* Every op as a graph of its own, run through a plan and compared with its plain-C twin, in f32 and bf16, on one thread
 * and on two. Errors are the largest one over the root mean square of what should be (oracle/net.h). */
#include "suite.h"

#include "base/rng.h"
#include "op/kernel.h"
#include "oracle/net.h"

enum { SEED = 20170611 };

/* One op, its operands' shapes and its numbers; what an op has no use for stays 0. window.out: windows of a fractional
 * pool, steps of a stretch. */
typedef struct op_case {
    avsn_op_kind kind;
    avsn_shape src;
    avsn_window_args window; /* conv, pool; out also: channels of dense */
    int32_t variant;         /* avsn_eltwise or avsn_pooling; concat: sources; batch norm: without weight; mask: the rest */
    int64_t begin, end;      /* tile: rows (0: of a row) and columns; lags: vectors of audio, and their most */
    double bound, bound_bf16; /* of the largest error; bf16's 0: as f32 */
} op_case;

static avsn_value second_input(avsn_graph *g, const op_case *c)
{
    return avsn_input(g, "other", c->kind == AVSN_OP_INNER_MAP ? AVSN_SHAPE(c->src.dim[0], c->src.dim[1]) : c->src);
}

static avsn_value concat(avsn_graph *g, const op_case *c, avsn_value first)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    avsn_value values[AVSN_MAX_INPUTS] = {first};
    for (int32_t i = 1; i < c->variant; i++) {
        avsn_shape shape = c->src;
        shape.dim[1] += i - 1;
        values[i] = avsn_input(g, names[i - 1], shape);
    }
    return avsn_concat(g, values, c->variant);
}

static avsn_value eltwise(avsn_graph *g, avsn_eltwise kind, avsn_value x)
{
    switch (kind) {
    case AVSN_RELU:
        return avsn_relu(g, x);
    case AVSN_SIGMOID:
        return avsn_sigmoid(g, x);
    case AVSN_TANH:
        return avsn_tanh(g, x);
    case AVSN_LEAKY_RELU:
        return avsn_leaky_relu(g, x, 0.2f);
    case AVSN_ZERO:
        return avsn_zeros_like(g, x);
    default:
        return avsn_companded(g, x);
    }
}

static avsn_value op(avsn_graph *g, const op_case *c, avsn_value x)
{
    switch (c->kind) {
    case AVSN_OP_CONV:
        return avsn_conv_build(g, "op", x, &c->window);
    case AVSN_OP_BATCH_NORM:
        return avsn_batch_norm(g, "op", x, .epsilon = 1e-3f, .no_weight = c->variant);
    case AVSN_OP_ELTWISE:
        return eltwise(g, (avsn_eltwise)c->variant, x);
    case AVSN_OP_POOL:
        return avsn_pool_build(g, (avsn_pooling)c->variant, x, &c->window);
    case AVSN_OP_GLOBAL_POOL:
        return avsn_global_pool(g, (avsn_pooling)c->variant, x);
    case AVSN_OP_DENSE:
        return avsn_dense(g, "op", x, c->window.out, NULL);
    case AVSN_OP_ADD:
        return avsn_add(g, x, second_input(g, c));
    case AVSN_OP_CONCAT:
        return concat(g, c, x);
    case AVSN_OP_SLICE:
        return avsn_slice(g, x, c->begin, c->end);
    case AVSN_OP_L2_NORMALIZE:
        return avsn_l2_normalize(g, x, 1e-12f);
    case AVSN_OP_DISTANCE:
        return avsn_distance(g, x, second_input(g, c));
    case AVSN_OP_INNER_MAP:
        return avsn_inner_map(g, x, second_input(g, c));
    case AVSN_OP_AFFINE:
        return avsn_affine(g, "op", x, 0.7f, -0.2f);
    case AVSN_OP_FRACTIONAL_POOL:
        return avsn_fractional_pool(g, "op", x, c->window.out);
    case AVSN_OP_TILE:
        return c->begin ? avsn_tile(g, x, c->begin, c->end) : avsn_tile_row(g, x, c->end);
    case AVSN_OP_REPEAT:
        return avsn_repeat(g, x, c->end);
    case AVSN_OP_DECONV:
        return avsn_deconv_build(g, "op", x, &c->window);
    case AVSN_OP_PICTURE_MEAN:
        return avsn_picture_mean(g, x);
    case AVSN_OP_STRETCH:
        return avsn_stretch(g, x, c->window.out);
    case AVSN_OP_SQUASH:
        return avsn_squash(g, x);
    case AVSN_OP_LAGS:
        return avsn_lags(g, x, avsn_input(g, "other", AVSN_SHAPE(c->src.dim[0], c->src.dim[1], c->begin)), 2, c->end);
    case AVSN_OP_MASK:
        return avsn_mask(g, x, avsn_input(g, "other", AVSN_SHAPE(c->src.dim[0], 2, c->src.dim[2], c->src.dim[3])), 90, c->variant);
    default:
        return avsn_softmax(g, x);
    }
}

static void build(avsn_graph *g, const void *arg)
{
    const op_case *c = arg;
    avsn_output(g, "dst", op(g, c, avsn_input(g, "src", c->src)));
}

/* ---- running ---- */

static void describe_case(const oracle_net *net, char *text, size_t size)
{
    const int32_t last = avsn_graph_node_count(net->graph) - 1;
    const avsn_node *node = avsn_graph_node(net->graph, last);
    const avsn_window *w = &node->attributes.window;
    size_t used = strlen(avsn_node_text(net->graph, last, text, size));
    for (int32_t i = 0; i < w->spatial; i++)
        used += (size_t)snprintf(text + used, size - used, " k%lld s%lld d%lld p%lld,%lld", (long long)w->kernel[i],
                                 (long long)w->stride[i], (long long)w->dilation[i], (long long)w->before[i],
                                 (long long)w->after[i]);
}

static double check_plan(const oracle_net *net, int32_t compute, int32_t threads, double bound)
{
    const avsn_plan_options options = {.threads = threads, .compute = compute};
    char text[512];
    avsn_pack_cache *cache;
    avsn_plan *plan;
    describe_case(net, text, sizeof text);
    ck_avsound(avsn_pack_cache_create(net->context, &cache));
    const avsound_status made = oracle_net_plan(net, cache, &options, &plan);
    ck_assert_msg(!made, "%s, %s, seed %d: %s", text, avsn_dtype_name(compute), SEED, avsound_error_detail());
    oracle_net_feed(net, plan);
    ck_avsound(oracle_run(plan, threads, 1));
    const oracle_error error = oracle_output_error(net, plan, 0);
    if (error.largest > bound) {
        char *plan_text = oracle_describe(plan);
        ck_abort_msg("%s, %s, %d threads, seed %d: error %.3g, bound %.3g\n%s", text, avsn_dtype_name(compute), threads,
                     SEED, error.largest, bound, plan_text);
    }
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    return error.largest;
}

static void check_case(const op_case *c, double worst[2])
{
    const int32_t computes[2] = {AVSOUND_DTYPE_F32, AVSOUND_DTYPE_BF16};
    const double bounds[2] = {c->bound, c->bound_bf16 > 0 ? c->bound_bf16 : c->bound};
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int i = 0; i < (oracle_has_bf16() ? 2 : 1); i++) {
        oracle_net net;
        oracle_net_create(&net, context, SEED, build, c);
        oracle_net_evaluate(&net, computes[i]);
        for (int32_t threads = 1; threads <= 2; threads++)
            worst[i] = fmax(worst[i], check_plan(&net, computes[i], threads, bounds[i]) / bounds[i]);
        oracle_net_free(&net);
    }
    avsound_context_free(context);
}

static void check_cases(const op_case *cases, size_t count)
{
    double worst[2] = {0};
    for (size_t i = 0; i < count; i++)
        check_case(&cases[i], worst);
    printf("%zu cases of %s: worst error %.2f (f32), %.2f (bf16) of its bound%s\n", count, avsn_op_name(cases[0].kind),
           worst[0], worst[1], oracle_has_bf16() ? "" : "; no bf16 on this processor: skipped");
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof(cases)[0])

/* ---- convolutions ---- */

START_TEST(conv_in_the_shapes_of_the_networks)
{
    static const op_case cases[] = {
        /* conv1_1: three channels and one, stride 2; conv5: 1x1 with bias */
        {.kind = AVSN_OP_CONV, .src = {4, {1, 3, 56, 48}}, .bound = 2e-6,
         .window = {.out = 64, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}}},
        {.kind = AVSN_OP_CONV, .src = {4, {2, 1, 33, 20}}, .bound = 2e-6,
         .window = {.out = 64, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}}},
        {.kind = AVSN_OP_CONV, .src = {4, {1, 1, 33, 20}}, .bound = 2e-6,
         .window = {.out = 16, .kernel = {3, 3}, .pad = {1, 1}}},
        {.kind = AVSN_OP_CONV, .src = {4, {3, 48, 14, 24}}, .bound = 4e-6,
         .window = {.out = 128, .bias = 1}},
        /* enough channels for tile registers, where there are any */
        {.kind = AVSN_OP_CONV, .src = {4, {2, 128, 7, 6}}, .bound = 4e-6,
         .window = {.out = 160, .kernel = {3, 3}, .pad = {1, 1}, .bias = 1}},
        /* 5x7x7 over time, as the multisensory network's first layer sees pictures, and 65 taps over sound */
        {.kind = AVSN_OP_CONV, .src = {5, {1, 3, 9, 20, 22}}, .bound = 4e-6,
         .window = {.out = 16, .kernel = {5, 7, 7}, .stride = {2, 2, 2}, .same = 1}},
        {.kind = AVSN_OP_CONV, .src = {3, {2, 2, 1021}}, .bound = 2e-6,
         .window = {.out = 64, .kernel = {65}, .stride = {4}, .same = 1}},
        {.kind = AVSN_OP_CONV, .src = {3, {1, 64, 257}}, .bound = 4e-6,
         .window = {.out = 32, .kernel = {15}, .stride = {4}, .same = 1}},
    };
    CHECK_CASES(cases);
}
END_TEST

static int64_t pick(const int64_t *list, uint64_t count, uint64_t stream, uint64_t index)
{
    return list[avsn_rng_below(SEED, stream, index, count)];
}

#define PICK(list, stream, index) pick(list, sizeof(list) / sizeof(list)[0], stream, index)

/* A convolution drawn from odd sizes. Rounding every one of K additions leaves an error of about u sqrt(K) / 2 of the
 * result, u = 6e-8; the largest of ten thousand, at a cell with more than its share of the map's energy, is ten times
 * that. */
static bool draw_conv(uint64_t n, op_case *c)
{
    static const int64_t channels[] = {1, 2, 3, 5, 16, 17, 31, 32, 48, 64};
    static const int64_t sizes[3][6] = {{1, 7, 33, 64, 101, 255}, {1, 7, 13, 17, 20, 33}, {1, 2, 5, 7, 8, 13}};
    *c = (op_case){.kind = AVSN_OP_CONV};
    const int32_t spatial = 1 + (int32_t)avsn_rng_below(SEED, n, 0, 3);
    c->src.rank = 2 + spatial;
    c->src.dim[0] = 1 + (int64_t)avsn_rng_below(SEED, n, 1, 3);
    c->src.dim[1] = PICK(channels, n, 2);
    c->window.out = PICK(channels, n, 3);
    c->window.bias = (int32_t)avsn_rng_below(SEED, n, 4, 2);
    c->window.same = avsn_rng_below(SEED, n, 5, 3) == 0;
    double products = (double)c->src.dim[1], work = (double)c->src.dim[0] * (double)c->window.out;
    for (uint64_t i = 0; i < (uint64_t)spatial; i++) {
        avsn_window_args *w = &c->window;
        c->src.dim[2 + i] = PICK(sizes[spatial - 1], n, 10 + i);
        w->kernel[i] = 1 + (int64_t)avsn_rng_below(SEED, n, 20 + i, 7);
        w->stride[i] = 1 + (int64_t)avsn_rng_below(SEED, n, 30 + i, 4);
        w->dilation[i] = 1 + (int64_t)(avsn_rng_below(SEED, n, 40 + i, 4) == 0);
        if (!w->same) {
            w->before[i] = (int64_t)avsn_rng_below(SEED, n, 50 + i, (uint64_t)w->kernel[i]);
            w->after[i] = (int64_t)avsn_rng_below(SEED, n, 60 + i, (uint64_t)w->kernel[i]);
            if (c->src.dim[2 + i] + w->before[i] + w->after[i] < (w->kernel[i] - 1) * w->dilation[i] + 1)
                return false;
        }
        products *= (double)w->kernel[i];
        work *= (double)c->src.dim[2 + i] / (double)w->stride[i];
    }
    c->bound = 3e-7 * (4 + sqrt(products));
    return work * products < 2e7;
}

START_TEST(conv_over_odd_sizes_strides_dilations_and_paddings)
{
    enum { CASES = 150 };
    op_case *cases = calloc(CASES, sizeof *cases);
    for (uint64_t n = 0, count = 0; count < CASES; n++)
        count += draw_conv(n, &cases[count]);
    check_cases(cases, CASES);
    free(cases);
}
END_TEST

/* 3x3 layers with stride 1 and channels in sixteens: oneDNN's Winograd kernels, whose transforms cost a few bits. Their
 * relative error is that of the whole map: the root mean square of the error over that of the result. */
static void check_winograd(const avsn_shape *src, int64_t out, const char *impl)
{
    const op_case c = {.kind = AVSN_OP_CONV, .src = *src, .window = {.out = out, .kernel = {3, 3}, .pad = {1, 1}}};
    const avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32};
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    oracle_net net;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_pack_cache_create(context, &cache));
    oracle_net_create(&net, context, SEED, build, &c);
    oracle_net_evaluate(&net, AVSOUND_DTYPE_F32);
    ck_avsound(oracle_net_plan(&net, cache, &options, &plan));
    oracle_net_feed(&net, plan);
    ck_avsound(oracle_run(plan, 1, 1));
    char *text = oracle_describe(plan);
    const oracle_error error = oracle_output_error(&net, plan, 0);
    printf("%s: error %.2g of the whole, largest %.2g\n", impl, error.mean, error.largest);
    ck_assert_msg(strstr(text, impl) != NULL, "want %s:\n%s", impl, text);
    ck_assert_msg(error.mean < 5e-6, "error %.3g:\n%s", error.mean, text);
    ck_assert_msg(error.largest < 2e-5, "error %.3g:\n%s", error.largest, text);
    free(text);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    oracle_net_free(&net);
    avsound_context_free(context);
}

START_TEST(conv_3x3_by_winograd_within_5e_6)
{
    if (avsn_op_isa() < AVSN_ISA_AVX512) {
        printf("no AVX-512 on this processor: no Winograd, skipped\n");
        return;
    }
    check_winograd(&AVSN_SHAPE(1, 64, 56, 56), 64, "wino_4x3");
    check_winograd(&AVSN_SHAPE(1, 128, 28, 28), 64, "wino_4x3");
    check_winograd(&AVSN_SHAPE(2, 32, 33, 25), 48, "wino_4x3");
    check_winograd(&AVSN_SHAPE(1, 256, 14, 14), 128, "wino_2x3");
    check_winograd(&AVSN_SHAPE(1, 128, 16, 12), 256, "wino_2x3");
}
END_TEST

/* ---- pooling ---- */

START_TEST(pool_of_the_networks)
{
    static const op_case cases[] = {
        /* a trailing odd row is dropped (floor) or kept (ceil); 25 frames: 13, 7, 4, 2 with ceil in time */
        {.kind = AVSN_OP_POOL, .src = {4, {1, 64, 129, 25}}, .bound = 1e-7,
         .window = {.kernel = {2, 2}, .stride = {2, 2}}},
        {.kind = AVSN_OP_POOL, .src = {4, {2, 17, 33, 20}}, .bound = 1e-7,
         .window = {.kernel = {2, 2}, .stride = {2, 2}, .ceil = 1}},
        {.kind = AVSN_OP_POOL, .src = {5, {1, 16, 25, 9, 8}}, .bound = 1e-7,
         .window = {.kernel = {2, 2, 2}, .stride = {2, 2, 2}, .ceil = 1}},
        {.kind = AVSN_OP_POOL, .src = {4, {1, 64, 112, 33}}, .bound = 1e-7,
         .window = {.kernel = {3, 3}, .stride = {2, 2}, .same = 1}},
        {.kind = AVSN_OP_POOL, .src = {3, {1, 64, 5474}}, .bound = 1e-7,
         .window = {.kernel = {4}, .stride = {4}, .same = 1}},
        /* the multisensory network's: 3x3 in each picture, sound by fours without the rest, every second cell */
        {.kind = AVSN_OP_POOL, .src = {5, {1, 64, 3, 16, 15}}, .bound = 1e-7,
         .window = {.kernel = {1, 3, 3}, .stride = {1, 2, 2}, .same = 1}},
        {.kind = AVSN_OP_POOL, .src = {3, {1, 64, 1095}}, .bound = 1e-7, .window = {.kernel = {4}, .stride = {4}}},
        {.kind = AVSN_OP_POOL, .src = {5, {2, 64, 5, 7, 6}}, .bound = 1e-7, .window = {.stride = {2, 2, 2}}},
        {.kind = AVSN_OP_POOL, .src = {3, {2, 17, 1369}}, .bound = 1e-7, .window = {.stride = {4}}},
        {.kind = AVSN_OP_POOL, .src = {4, {1, 512, 16, 12}}, .bound = 1e-7,
         .window = {.kernel = {4, 4}, .stride = {4, 4}}},
        {.kind = AVSN_OP_POOL, .src = {4, {1, 3, 7, 7}}, .bound = 3e-7, .variant = AVSN_POOL_AVERAGE,
         .window = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .ceil = 1}},
    };
    CHECK_CASES(cases);
}
END_TEST

/* False where a window would lie in padding alone: its maximum has no meaning. */
static bool draw_pool(uint64_t n, op_case *c)
{
    static const int64_t channels[] = {1, 2, 3, 5, 16, 17, 31, 32, 48, 64};
    static const int64_t sizes[3][5] = {{1, 7, 33, 64, 255}, {1, 7, 13, 17, 33}, {1, 2, 5, 8, 13}};
    *c = (op_case){.kind = AVSN_OP_POOL, .bound = 1e-6};
    const int32_t spatial = 1 + (int32_t)avsn_rng_below(SEED, n, 70, 3);
    c->src.rank = 2 + spatial;
    c->src.dim[0] = 1 + (int64_t)avsn_rng_below(SEED, n, 71, 3);
    c->src.dim[1] = PICK(channels, n, 72);
    c->variant = (int32_t)avsn_rng_below(SEED, n, 73, 2);
    c->window.same = avsn_rng_below(SEED, n, 74, 3) == 0;
    c->window.ceil = !c->window.same && avsn_rng_below(SEED, n, 75, 2);
    for (uint64_t i = 0; i < (uint64_t)spatial; i++) {
        avsn_window_args *w = &c->window;
        c->src.dim[2 + i] = PICK(sizes[spatial - 1], n, 80 + i);
        w->kernel[i] = 1 + (int64_t)avsn_rng_below(SEED, n, 90 + i, 5);
        w->stride[i] = 1 + (int64_t)avsn_rng_below(SEED, n, 100 + i, 4);
        if (w->same)
            continue;
        w->before[i] = (int64_t)avsn_rng_below(SEED, n, 110 + i, (uint64_t)(w->kernel[i] + 1) / 2);
        w->after[i] = (int64_t)avsn_rng_below(SEED, n, 120 + i, (uint64_t)(w->kernel[i] + 1) / 2);
        if (c->src.dim[2 + i] + w->before[i] + w->after[i] < w->kernel[i])
            return false;
    }
    return true;
}

START_TEST(pool_over_odd_sizes_strides_and_paddings)
{
    enum { CASES = 120 };
    op_case *cases = calloc(CASES, sizeof *cases);
    for (uint64_t n = 0, count = 0; count < CASES; n++)
        count += draw_pool(n, &cases[count]);
    check_cases(cases, CASES);
    free(cases);
}
END_TEST

static const avsn_shape activations[] = {
    {3, {1, 1, 1}},    {3, {2, 17, 101}},    {4, {1, 1, 1, 7}},    {4, {3, 2, 7, 1}},     {4, {1, 5, 13, 17}},
    {4, {2, 16, 33, 20}}, {4, {1, 31, 13, 17}}, {4, {1, 48, 14, 14}}, {4, {2, 64, 16, 12}}, {5, {1, 3, 5, 7, 9}},
    {5, {2, 32, 4, 6, 5}}, {5, {1, 17, 3, 5, 5}},
};

/* The case over every shape of the table. */
static void check_over_activations(op_case c)
{
    op_case cases[AVSN_ARRAY_COUNT(activations)];
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(activations); i++) {
        cases[i] = c;
        cases[i].src = activations[i];
    }
    CHECK_CASES(cases);
}

START_TEST(global_pool_over_1_to_3_axes)
{
    check_over_activations((op_case){.kind = AVSN_OP_GLOBAL_POOL, .variant = AVSN_POOL_MAX, .bound = 1e-7});
    check_over_activations((op_case){.kind = AVSN_OP_GLOBAL_POOL, .variant = AVSN_POOL_AVERAGE, .bound = 5e-6});
}
END_TEST

/* ---- element by element ---- */

START_TEST(eltwise_batch_norm_affine_and_add)
{
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_RELU, .bound = 1e-7});
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_SIGMOID, .bound = 5e-7});
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_COMPAND, .bound = 1e-6});
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_TANH, .bound = 1e-6});
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_LEAKY_RELU, .bound = 2e-7});
    check_over_activations((op_case){.kind = AVSN_OP_ELTWISE, .variant = AVSN_ZERO, .bound = 0});
    check_over_activations((op_case){.kind = AVSN_OP_BATCH_NORM, .bound = 2e-6});
    check_over_activations((op_case){.kind = AVSN_OP_BATCH_NORM, .variant = 1, .bound = 2e-6});
    check_over_activations((op_case){.kind = AVSN_OP_AFFINE, .bound = 1e-6});
    check_over_activations((op_case){.kind = AVSN_OP_ADD, .bound = 1e-6});
}
END_TEST

static void companding(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_output(g, "dst", avsn_companded(g, avsn_input(g, "src", AVSN_SHAPE(1, 2, 5))));
}

START_TEST(companding_has_the_specified_values)
{
    static const float src[10] = {0.001f, 0.01f, 0.1f, 0.5f, 1, 0, -0.001f, -0.1f, -0.5f, -1};
    static const double want[10] = {0.0409609, 0.2284774, 0.5909901, 0.8757031, 1, 0, -0.0409609, -0.5909901, -0.8757031, -1};
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    oracle_net net;
    ck_avsound(avsound_context_create(NULL, &context));
    oracle_net_create(&net, context, SEED, companding, NULL);
    ck_avsound(avsn_pack_cache_create(context, &cache));
    ck_avsound(oracle_net_plan(&net, cache, &(avsn_plan_options){.threads = 1}, &plan));
    memcpy(avsn_plan_input_data(plan, 0), src, sizeof src);
    ck_avsound(oracle_run(plan, 1, 1));
    for (int i = 0; i < 10; i++)
        ck_assert_double_eq_tol((double)avsn_plan_output_data(plan, 0)[i], want[i], 1e-7);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    oracle_net_free(&net);
    avsound_context_free(context);
}
END_TEST

START_TEST(concat_of_2_to_8_and_slice)
{
    for (int32_t sources = 2; sources <= AVSN_MAX_INPUTS; sources += 3)
        check_over_activations((op_case){.kind = AVSN_OP_CONCAT, .variant = sources, .bound = 1e-9});
    static const op_case slices[] = {
        {.kind = AVSN_OP_SLICE, .src = {2, {3, 2}}, .begin = 1, .end = 2, .bound = 1e-9},
        {.kind = AVSN_OP_SLICE, .src = {4, {2, 17, 7, 5}}, .begin = 3, .end = 16, .bound = 1e-9},
        {.kind = AVSN_OP_SLICE, .src = {5, {2, 5, 3, 4, 5}}, .begin = 0, .end = 5, .bound = 1e-9},
    };
    CHECK_CASES(slices);
}
END_TEST

START_TEST(inner_map_over_1_to_3_axes)
{
    check_over_activations((op_case){.kind = AVSN_OP_INNER_MAP, .bound = 2e-6});
}
END_TEST

START_TEST(fractional_pool_and_tile)
{
    static const op_case pools[] = {
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {2, 17, 44}}, .window.out = 16, .bound = 1e-7},
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {1, 64, 86}}, .window.out = 32, .bound = 1e-7},
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {1, 3, 170}}, .window.out = 62, .bound = 1e-7},
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {3, 5, 86}}, .window.out = 8, .bound = 1e-7},
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {2, 5, 7}}, .window.out = 1, .bound = 1e-7},
        {.kind = AVSN_OP_FRACTIONAL_POOL, .src = {3, {2, 5, 7}}, .window.out = 7, .bound = 1e-7},
    };
    static const op_case tiles[] = {
        {.kind = AVSN_OP_TILE, .src = {3, {2, 17, 5}}, .begin = 3, .end = 4, .bound = 1e-7},
        {.kind = AVSN_OP_TILE, .src = {3, {1, 128, 4}}, .begin = 7, .end = 7, .bound = 1e-7},
        {.kind = AVSN_OP_TILE, .src = {3, {2, 5, 1}}, .begin = 2, .end = 1, .bound = 1e-7},
        {.kind = AVSN_OP_TILE, .src = {3, {2, 17, 5}}, .end = 7, .bound = 1e-7},
        {.kind = AVSN_OP_TILE, .src = {3, {1, 32, 6}}, .end = 1, .bound = 1e-7},
        {.kind = AVSN_OP_REPEAT, .src = {5, {3, 17, 2, 3, 4}}, .end = 2, .bound = 1e-7},
        {.kind = AVSN_OP_REPEAT, .src = {2, {2, 5}}, .end = 3, .bound = 1e-7},
    };
    CHECK_CASES(pools);
    CHECK_CASES(tiles);
}
END_TEST

START_TEST(squash_and_lags)
{
    static const op_case squashes[] = {
        {.kind = AVSN_OP_SQUASH, .src = {3, {2, 17, 5}}, .bound = 1e-6},
        {.kind = AVSN_OP_SQUASH, .src = {4, {1, 128, 1, 9}}, .bound = 1e-6},
        {.kind = AVSN_OP_SQUASH, .src = {5, {3, 4, 6, 1, 1}}, .bound = 1e-6},
        {.kind = AVSN_OP_SQUASH, .src = {5, {2, 3, 4, 5, 2}}, .bound = 1e-6},
        {.kind = AVSN_OP_SQUASH, .src = {3, {2, 6, 1}}, .bound = 1e-6},
    };
    static const op_case curves[] = {
        {.kind = AVSN_OP_LAGS, .src = {3, {2, 17, 8}}, .begin = 16, .end = 7, .bound = 3e-6},
        {.kind = AVSN_OP_LAGS, .src = {3, {1, 128, 3}}, .begin = 50, .end = 40, .bound = 3e-6}, /* nothing meets at some */
        {.kind = AVSN_OP_LAGS, .src = {3, {3, 2, 1}}, .begin = 1, .end = 1, .bound = 3e-6},
        {.kind = AVSN_OP_LAGS, .src = {3, {2, 5, 40}}, .begin = 9, .end = 30, .bound = 3e-6},
    };
    CHECK_CASES(squashes);
    CHECK_CASES(curves);
}
END_TEST

/* ---- as the separator has them ---- */

START_TEST(deconv_over_sizes_strides_and_paddings)
{
    static const op_case cases[] = {
        /* the u-net's: kernel 4, strides (2,2) and (1,2); its heads have two channels and a bias */
        {.kind = AVSN_OP_DECONV, .src = {4, {1, 64, 2, 4}}, .bound = 4e-6, .window = {.out = 64, .kernel = {4, 4}, .stride = {2, 2}}},
        {.kind = AVSN_OP_DECONV, .src = {4, {2, 48, 8, 16}}, .bound = 4e-6, .window = {.out = 32, .kernel = {4, 4}, .stride = {2, 2}}},
        {.kind = AVSN_OP_DECONV, .src = {4, {1, 32, 9, 16}}, .bound = 4e-6, .window = {.out = 16, .kernel = {4, 4}, .stride = {1, 2}}},
        {.kind = AVSN_OP_DECONV, .src = {4, {2, 16, 12, 16}}, .bound = 4e-6,
         .window = {.out = 2, .kernel = {4, 4}, .stride = {1, 2}, .bias = 1}},
        /* odd sizes and channels, strides above the kernel, one axis and three */
        {.kind = AVSN_OP_DECONV, .src = {4, {3, 5, 7, 3}}, .bound = 4e-6, .window = {.out = 3, .kernel = {4, 4}, .stride = {2, 2}}},
        {.kind = AVSN_OP_DECONV, .src = {4, {1, 17, 3, 5}}, .bound = 4e-6, .window = {.out = 9, .kernel = {3, 2}, .stride = {3, 4}}},
        {.kind = AVSN_OP_DECONV, .src = {4, {1, 1, 1, 1}}, .bound = 4e-6, .window = {.out = 1, .kernel = {4, 4}, .stride = {2, 2}}},
        {.kind = AVSN_OP_DECONV, .src = {3, {2, 16, 11}}, .bound = 4e-6, .window = {.out = 8, .kernel = {5}, .stride = {3}}},
        {.kind = AVSN_OP_DECONV, .src = {5, {1, 16, 2, 3, 4}}, .bound = 4e-6,
         .window = {.out = 16, .kernel = {3, 3, 3}, .stride = {1, 2, 2}}},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(pictures_features_in_the_sounds_time)
{
    static const op_case means[] = {
        {.kind = AVSN_OP_PICTURE_MEAN, .src = {5, {2, 17, 3, 5, 4}}, .bound = 1e-6},
        {.kind = AVSN_OP_PICTURE_MEAN, .src = {5, {1, 64, 4, 7, 7}}, .bound = 1e-6},
        {.kind = AVSN_OP_PICTURE_MEAN, .src = {5, {2, 3, 1, 1, 1}}, .bound = 1e-7},
    };
    /* the networks' own, 16 to 64, 62 to 256 and 8 to 16; the same size; fewer */
    static const op_case stretches[] = {
        {.kind = AVSN_OP_STRETCH, .src = {3, {2, 17, 16}}, .window.out = 64, .bound = 1e-6},
        {.kind = AVSN_OP_STRETCH, .src = {3, {1, 32, 62}}, .window.out = 256, .bound = 2e-5},
        {.kind = AVSN_OP_STRETCH, .src = {3, {1, 16, 8}}, .window.out = 16, .bound = 1e-6},
        {.kind = AVSN_OP_STRETCH, .src = {3, {2, 3, 7}}, .window.out = 7, .bound = 1e-7},
        {.kind = AVSN_OP_STRETCH, .src = {3, {2, 3, 7}}, .window.out = 5, .bound = 2e-6},
        {.kind = AVSN_OP_STRETCH, .src = {3, {2, 3, 1}}, .window.out = 4, .bound = 1e-7},
    };
    CHECK_CASES(means);
    CHECK_CASES(stretches);
}
END_TEST

START_TEST(masks_and_what_they_hold_back)
{
    static const op_case cases[] = {
        {.kind = AVSN_OP_MASK, .src = {4, {2, 1, 5, 7}}, .bound = 1e-6},
        {.kind = AVSN_OP_MASK, .src = {4, {3, 1, 1, 33}}, .variant = 1, .bound = 1e-6},
        {.kind = AVSN_OP_MASK, .src = {4, {1, 1, 16, 64}}, .variant = 1, .bound = 1e-6},
    };
    CHECK_CASES(cases);
}
END_TEST

/* ---- rows ---- */

START_TEST(dense_l2_distance_softmax)
{
    static const int64_t rows[] = {1, 2, 3, 16}, columns[] = {1, 2, 3, 17, 128, 512, 1024};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(columns); i++) {
        op_case cases[4 * AVSN_ARRAY_COUNT(rows)];
        for (size_t n = 0; n < AVSN_ARRAY_COUNT(rows); n++) {
            const avsn_shape src = {2, {rows[n], columns[i]}};
            cases[4 * n] = (op_case){.kind = AVSN_OP_DENSE, .src = src, .window.out = n % 2 ? 128 : 2,
                                     .bound = 3e-7 * (4 + sqrt((double)columns[i]))};
            cases[4 * n + 1] = (op_case){.kind = AVSN_OP_L2_NORMALIZE, .src = src, .bound = 1e-6};
            cases[4 * n + 2] = (op_case){.kind = AVSN_OP_DISTANCE, .src = src, .bound = 5e-7};
            cases[4 * n + 3] = (op_case){.kind = AVSN_OP_SOFTMAX, .src = src, .bound = 2e-6};
        }
        CHECK_CASES(cases);
    }
}
END_TEST

SUITE("exec.ops", conv_in_the_shapes_of_the_networks, conv_over_odd_sizes_strides_dilations_and_paddings,
      conv_3x3_by_winograd_within_5e_6, pool_of_the_networks, pool_over_odd_sizes_strides_and_paddings,
      global_pool_over_1_to_3_axes, eltwise_batch_norm_affine_and_add, companding_has_the_specified_values,
      concat_of_2_to_8_and_slice, inner_map_over_1_to_3_axes, fractional_pool_and_tile, squash_and_lags,
      deconv_over_sizes_strides_and_paddings, pictures_features_in_the_sounds_time,
      masks_and_what_they_hold_back, dense_l2_distance_softmax)
