/* Small graphs in which something can be folded or fused, each with every set of fusions left out, in f32 and bf16: all
 * must compute what the nodes one by one compute. */
#include "suite.h"

#include "op/kernel.h"
#include "oracle/net.h"

enum { SEED = 4711, ALL_SWITCHES = AVSN_WITHOUT_FOLD | AVSN_WITHOUT_RELU | AVSN_WITHOUT_ADD | AVSN_WITHOUT_JOIN };

/* f32: a few roundings a layer. bf16: two layers whose sources and (folded) weights are rounded to 8 bits. */
static const double bounds[2] = {1e-5, 6e-2}, mean_bounds[2] = {1e-6, 8e-3};

static avsn_value conv3(avsn_graph *g, const char *name, avsn_value x, int64_t out)
{
    return avsn_conv(g, name, x, .out = out, .kernel = {3, 3, 3}, .pad = {1, 1, 1});
}

static avsn_value picture(avsn_graph *g)
{
    return avsn_input(g, "src", AVSN_SHAPE(2, 16, 13, 17));
}

/* ---- running ---- */

typedef struct net_case {
    oracle_build build;
    const char *steps[6]; /* ops that the fused plan must list, in this order */
    int count;            /* of its steps that are no reorders */
    int reorders;         /* at most, where AVX-512 gives convolutions their order */
} net_case;

static void check_steps(const net_case *c, const char *text)
{
    const char *at = text;
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(c->steps) && c->steps[i]; i++) {
        char word[64];
        snprintf(word, sizeof word, " %s ", c->steps[i]);
        at = strstr(at, word);
        ck_assert_msg(at != NULL, "want a step \"%s\":\n%s", c->steps[i], text);
        at++;
    }
    int steps = 0, reorders = 0;
    ck_assert_int_eq(sscanf(text, "%d steps, %d reorders", &steps, &reorders), 2);
    ck_assert_msg(steps - reorders == c->count, "want %d steps:\n%s", c->count, text);
    if (avsn_op_isa() >= AVSN_ISA_AVX512)
        ck_assert_msg(reorders <= c->reorders, "want %d reorders:\n%s", c->reorders, text);
}

static void check_plan(const oracle_net *net, avsn_pack_cache *cache, const net_case *c,
                       const avsn_plan_options *options)
{
    const int i = options->compute == AVSOUND_DTYPE_BF16;
    avsn_plan *plan;
    ck_avsound(oracle_net_plan(net, cache, options, &plan));
    char *text = oracle_describe(plan);
    oracle_net_feed(net, plan);
    for (int again = 0; again < 2; again++)
        ck_avsound(oracle_run(plan, options->threads, UINT64_MAX));
    for (int32_t k = 0; k < avsn_plan_output_count(plan); k++) {
        const oracle_error error = oracle_output_error(net, plan, k);
        ck_assert_msg(error.largest < bounds[i] && error.mean < mean_bounds[i],
                      "%s, without %u: error %.3g, largest %.3g, seed %d\n%s", avsn_plan_output_name(plan, k),
                      options->without, error.mean, error.largest, SEED, text);
    }
    if (!options->without && !options->wanted_count)
        check_steps(c, text);
    if (options->without == ALL_SWITCHES)
        ck_assert_msg(!strchr(strchr(text, '\n'), '+'), "fused all the same:\n%s", text);
    free(text);
    avsn_plan_free(plan);
}

static void want_every_layer(const oracle_net *net, avsn_plan_options *options)
{
    options->wanted_count = 0;
    for (int32_t n = 0; n < avsn_graph_node_count(net->graph); n++) {
        const avsn_node *node = avsn_graph_node(net->graph, n);
        const char *name = avsn_value_name(net->graph, node->output[0]);
        if (node->kind != AVSN_OP_PARAM && *name && avsn_graph_find(net->graph, name).id == node->output[0].id)
            options->wanted[options->wanted_count++] = name;
    }
}

/* `tiled`: the same in bf16 on a processor with tile registers. */
static void check_net_and(const net_case *c, const net_case *tiled)
{
    avsound_context *context;
    avsn_pack_cache *cache;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_pack_cache_create(context, &cache));
    for (int32_t compute = AVSOUND_DTYPE_F32; compute <= (oracle_has_bf16() ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32);
         compute++) {
        const net_case *here = compute == AVSOUND_DTYPE_BF16 && avsn_op_isa() >= AVSN_ISA_AMX ? tiled : c;
        oracle_net net;
        oracle_net_create(&net, context, SEED, c->build, NULL);
        oracle_net_evaluate(&net, compute);
        avsn_plan_options options = {.threads = 1, .compute = compute};
        for (options.without = 0; options.without <= ALL_SWITCHES; options.without++)
            check_plan(&net, cache, here, &options);
        options.without = 0;
        options.threads = 2;
        check_plan(&net, cache, here, &options);
        want_every_layer(&net, &options);
        check_plan(&net, cache, here, &options);
        oracle_net_free(&net);
    }
    avsn_pack_cache_free(cache);
    avsound_context_free(context);
}

static void check_net(const net_case *c)
{
    check_net_and(c, c);
}

/* ---- batch norm and ReLU ---- */

static void conv_bn_relu(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value x =
        avsn_name(g, "one", avsn_relu(g, avsn_batch_norm(g, "bn1", conv3(g, "conv1", picture(g), 32), .epsilon = 1e-5f)));
    x = avsn_relu(g, avsn_batch_norm(g, "bn2", conv3(g, "conv2", x, 48), .epsilon = 1e-3f));
    avsn_output(g, "dst", x);
}

START_TEST(batch_norm_and_relu_join_the_convolution)
{
    check_net(&(net_case){conv_bn_relu, {"conv+bn+relu", "conv+bn+relu"}, 2, 2});
}
END_TEST

static void biased_conv_bn(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_conv(g, "conv1", picture(g), .out = 17, .kernel = {3, 3}, .bias = 1);
    avsn_output(g, "dst", avsn_batch_norm(g, "bn1", x, .epsilon = 1e-3f));
}

START_TEST(batch_norm_folds_into_a_convolution_with_bias)
{
    check_net(&(net_case){biased_conv_bn, {"conv+bn"}, 1, 2});
}
END_TEST

/* As OpenL3's towers begin: batch norm on the one-channel input, and in the first block ReLU before batch norm. */
static void bn_alone(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value x = avsn_input(g, "src", AVSN_SHAPE(2, 1, 33, 20));
    x = avsn_batch_norm(g, "bn0", x, .epsilon = 1e-3f);
    x = avsn_relu(g, avsn_conv(g, "conv1", x, .out = 16, .kernel = {3, 3}, .same = 1, .bias = 1));
    x = avsn_max_pool(g, avsn_batch_norm(g, "bn1", x, .epsilon = 1e-3f), .kernel = {2, 2}, .stride = {2, 2}, .same = 1);
    avsn_output(g, "dst", avsn_conv(g, "conv2", x, .out = 5, .kernel = {3, 3}, .same = 1, .bias = 1));
}

START_TEST(batch_norm_stands_alone_first_and_after_relu)
{
    check_net(&(net_case){bn_alone, {"batch_norm", "conv+relu", "batch_norm", "pool", "conv"}, 5, 2});
}
END_TEST

static void bn_relu(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value x = avsn_average_pool(g, conv3(g, "conv1", picture(g), 31), .kernel = {2, 3}, .stride = {2, 2});
    x = avsn_relu(g, avsn_batch_norm(g, "bn1", x, .epsilon = 1e-5f));
    avsn_output(g, "dst", conv3(g, "conv2", x, 16));
}

START_TEST(relu_joins_a_batch_norm_that_stands_alone)
{
    check_net(&(net_case){bn_relu, {"conv", "pool", "batch_norm+relu", "conv"}, 4, 2});
}
END_TEST

static void sigmoid_stays(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_sigmoid(g, conv3(g, "conv1", picture(g), 32));
    avsn_output(g, "dst", conv3(g, "conv2", x, 16));
}

START_TEST(sigmoid_between_convolutions_stays_a_step)
{
    check_net(&(net_case){sigmoid_stays, {"conv", "eltwise", "conv"}, 3, 4});
}
END_TEST

static void dense_relu(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_global_pool(g, AVSN_POOL_MAX, conv3(g, "conv1", picture(g), 32));
    avsn_output(g, "dst", avsn_dense(g, "fc2", avsn_relu(g, avsn_dense(g, "fc1", x, 128, NULL)), 17, NULL));
}

START_TEST(relu_joins_a_dense_layer)
{
    check_net(&(net_case){dense_relu, {"conv", "global_pool", "dense+relu", "dense"}, 4, 1});
}
END_TEST

/* ---- addition ---- */

/* As the multisensory network's blocks: batch norm follows the addition or precedes it. */
static void block_of(avsn_graph *g, int64_t channels)
{
    avsn_value x = avsn_relu(g, conv3(g, "conv0", picture(g), channels));
    avsn_value y = avsn_relu(g, avsn_batch_norm(g, "bn1", conv3(g, "conv1", x, channels), .epsilon = 1e-3f));
    y = avsn_batch_norm(g, "bn2", conv3(g, "conv2", y, channels), .epsilon = 1e-3f);
    x = avsn_name(g, "block", avsn_relu(g, avsn_add(g, x, y)));
    avsn_output(g, "dst", conv3(g, "conv3", x, 16));
}

static void residual(avsn_graph *g, const void *arg)
{
    (void)arg;
    block_of(g, 32);
}

/* Enough channels for tile registers, where there are any. */
static void wide_residual(avsn_graph *g, const void *arg)
{
    (void)arg;
    block_of(g, 128);
}

START_TEST(residual_addition_and_relu_join_the_convolution)
{
    check_net(&(net_case){residual, {"conv+relu", "conv+bn+relu", "conv+bn+add+relu", "conv"}, 4, 2});
    check_net(&(net_case){wide_residual, {"conv+relu", "conv+bn+relu", "conv+bn+add+relu", "conv"}, 4, 2});
}
END_TEST

static void odd_residual(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_input(g, "src", AVSN_SHAPE(1, 5, 7, 9, 8));
    const avsn_value short_cut = avsn_conv(g, "short", x, .out = 17, .stride = {1, 2, 2});
    const avsn_value y = avsn_conv(g, "conv1", x, .out = 17, .kernel = {3, 3, 3}, .stride = {1, 2, 2}, .same = 1);
    avsn_output(g, "dst", avsn_relu(g, avsn_batch_norm(g, "bn", avsn_add(g, short_cut, y), .epsilon = 1e-3f)));
}

START_TEST(addition_joins_one_of_two_convolutions_in_3_d)
{
    check_net(&(net_case){odd_residual, {"conv", "conv+add", "batch_norm+relu"}, 3, 2});
}
END_TEST

static void two_pools(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_relu(g, conv3(g, "conv1", picture(g), 48));
    const avsn_value a = avsn_max_pool(g, x, .kernel = {3, 3}, .stride = {2, 2}, .same = 1);
    const avsn_value b = avsn_average_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}, .same = 1);
    avsn_output(g, "dst", conv3(g, "conv2", avsn_relu(g, avsn_add(g, a, b)), 16));
}

START_TEST(addition_of_two_pools_takes_the_relu)
{
    check_net(&(net_case){two_pools, {"conv+relu", "pool", "pool", "add+relu", "conv"}, 5, 2});
}
END_TEST

static void twice(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = conv3(g, "conv1", picture(g), 16);
    avsn_output(g, "doubled", avsn_relu(g, avsn_add(g, x, x)));
    const avsn_value src = avsn_input(g, "other", AVSN_SHAPE(2, 3, 5));
    avsn_output(g, "other_doubled", avsn_add(g, src, src));
}

START_TEST(a_value_added_to_itself_is_not_fused_away)
{
    check_net(&(net_case){twice, {"conv", "add+relu", "add"}, 3, 2});
}
END_TEST

/* ---- values that somebody else wants ---- */

static void read_twice(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = conv3(g, "conv1", picture(g), 32);
    const avsn_value relu = avsn_relu(g, x);
    const avsn_value normed = avsn_batch_norm(g, "bn", x, .epsilon = 1e-3f);
    avsn_output(g, "dst", conv3(g, "conv2", avsn_add(g, relu, normed), 16));
    avsn_output(g, "mean", avsn_global_pool(g, AVSN_POOL_AVERAGE, relu));
}

START_TEST(a_value_read_twice_is_not_fused_over)
{
    check_net(&(net_case){read_twice, {"conv", "eltwise", "batch_norm"}, 6, 2});
}
END_TEST

static void wanted_inside(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value bare = conv3(g, "conv1", picture(g), 32);
    const avsn_value normed = avsn_batch_norm(g, "bn1", bare, .epsilon = 1e-3f);
    const avsn_value clipped = avsn_relu(g, normed);
    avsn_output(g, "normed", normed);
    avsn_output(g, "dst", conv3(g, "conv2", clipped, 16));
    avsn_output(g, "src again", avsn_graph_find(g, "src"));
}

START_TEST(a_wanted_value_is_not_fused_over)
{
    check_net(&(net_case){wanted_inside, {"conv+bn", "eltwise", "conv"}, 3, 3});
}
END_TEST

static void in_place_on_input(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value src = picture(g);
    const avsn_value x = avsn_relu(g, src), y = avsn_affine(g, "a", x, 2, 1), z = avsn_sigmoid(g, y);
    avsn_output(g, "x", x);
    avsn_output(g, "z", z);
    avsn_output(g, "w", avsn_add(g, z, src));
}

START_TEST(ops_in_place_leave_inputs_and_outputs_alone)
{
    check_net(&(net_case){in_place_on_input, {"eltwise", "affine", "eltwise", "add"}, 4, 0});
}
END_TEST

/* As AVE+OF: two streams meet in the middle. */
static void streams(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value stream[2] = {picture(g), avsn_input(g, "flow", AVSN_SHAPE(2, 20, 13, 17))};
    for (int i = 0; i < 2; i++) {
        avsn_scope(g, i ? "flow" : "frame");
        stream[i] = avsn_relu(g, avsn_batch_norm(g, "bn1", conv3(g, "conv1", stream[i], i ? 48 : 32), .epsilon = 1e-5f));
        stream[i] = avsn_max_pool(g, stream[i], .kernel = {2, 2}, .stride = {2, 2});
        avsn_end(g);
    }
    const avsn_value x = avsn_concat(g, stream, 2);
    avsn_output(g, "dst", avsn_relu(g, avsn_batch_norm(g, "bn2", conv3(g, "conv2", x, 64), .epsilon = 1e-5f)));
    avsn_output(g, "part", avsn_slice(g, x, 7, 40));
}

START_TEST(two_streams_concatenated_and_sliced)
{
    /* two inputs, one output, and the slice, whose kernel is row-major */
    check_net(&(net_case){streams, {"conv+bn+relu", "pool", "conv+bn+relu", "pool", "concat"}, 7, 4});
}
END_TEST

/* ---- what convolutions read ---- */

/* As the separator's u-net: a level's result goes down through a leaky ReLU, and beside the decoder through ReLU to where both
 * heads read it. */
static void hourglass(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value src = avsn_input(g, "src", AVSN_SHAPE(1, 2, 12, 16));
    const avsn_value skip =
        avsn_batch_norm(g, "bn1", avsn_conv(g, "conv1", src, .out = 64, .kernel = {4, 4}, .stride = {1, 2}, .same = 1),
                        .epsilon = 1e-5f);
    avsn_value x = avsn_leaky_relu(g, skip, 0.2f);
    x = avsn_conv(g, "conv2", x, .out = 64, .kernel = {4, 4}, .stride = {2, 2}, .same = 1);
    x = avsn_relu(g, avsn_batch_norm(g, "bn2", x, .epsilon = 1e-5f));
    x = avsn_deconv(g, "deconv1", x, .out = 32, .kernel = {4, 4}, .stride = {2, 2}, .same = 1);
    const avsn_value below = avsn_relu(g, avsn_batch_norm(g, "bn3", x, .epsilon = 1e-5f));
    const avsn_value both[2] = {below, avsn_relu(g, skip)}, joined = avsn_concat(g, both, 2);
    avsn_output(g, "on", avsn_deconv(g, "on", joined, .out = 2, .kernel = {4, 4}, .stride = {1, 2}, .same = 1, .bias = 1));
    avsn_output(g, "off", avsn_deconv(g, "off", joined, .out = 2, .kernel = {4, 4}, .stride = {1, 2}, .same = 1, .bias = 1));
}

START_TEST(concatenation_and_relu_join_the_convolutions_behind_them)
{
    const char *const deconv = "relu+concat+deconv";
    check_net_and(
        &(net_case){hourglass, {"conv+bn", "eltwise", "conv+bn+relu", "deconv", "batch_norm+relu", "concat"}, 11, 6},
        &(net_case){hourglass, {"conv+bn", "relu+conv+bn+relu", "deconv+bn", deconv, deconv}, 5, 6});
}
END_TEST

/* ---- sound over pictures ---- */

/* As the multisensory networks merge the two: the sound at the pictures' rate, laid over every cell, which the plan computes once
 * a time. Nothing goes row-major on the way. */
static void merged(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value v = avsn_input(g, "frames", AVSN_SHAPE(2, 3, 5, 9, 8)), a = avsn_input(g, "sound", AVSN_SHAPE(2, 2, 61));
    v = avsn_conv(g, "conv1", v, .out = 16, .kernel = {3, 3, 3}, .stride = {2, 2, 2}, .same = 1);
    v = avsn_relu(g, avsn_batch_norm(g, "bn1", v, .epsilon = 1e-3f, .no_weight = 1));
    a = avsn_relu(g, avsn_conv(g, "sound1", a, .out = 32, .kernel = {5}, .stride = {4}, .same = 1, .bias = 1));
    a = avsn_fractional_pool(g, "pool", a, 3);
    a = avsn_relu(g, avsn_conv(g, "sound2", a, .out = 48, .kernel = {3}, .same = 1, .bias = 1));
    const avsn_value parts[2] = {v, avsn_tile(g, a, 5, 4)};
    const avsn_value x = avsn_conv(g, "merge", avsn_concat(g, parts, 2), .out = 32);
    avsn_output(g, "dst", avsn_relu(g, avsn_batch_norm(g, "bn2", x, .epsilon = 1e-3f, .no_weight = 1)));
}

START_TEST(sound_is_laid_over_pictures)
{
    check_net(&(net_case){merged, {"conv+relu", "fractional_pool", "conv+relu", "joined_conv+bn+relu"}, 5, 3});
}
END_TEST

/* With channels that fill no block, a bias, and nothing to fold or to clip. */
static void merged_oddly(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value v = avsn_input(g, "frames", AVSN_SHAPE(3, 3, 4, 5, 7)), a = avsn_input(g, "sound", AVSN_SHAPE(3, 2, 9));
    v = avsn_conv(g, "conv1", v, .out = 19, .kernel = {3, 3, 3}, .same = 1);
    a = avsn_fractional_pool(g, "pool", avsn_conv(g, "sound1", a, .out = 21, .kernel = {3}, .same = 1), 4);
    const avsn_value parts[2] = {v, avsn_tile(g, a, 5, 7)};
    avsn_output(g, "dst", avsn_conv(g, "merge", avsn_concat(g, parts, 2), .out = 37, .bias = 1));
}

START_TEST(sound_is_laid_over_odd_pictures)
{
    check_net(&(net_case){merged_oddly, {"conv", "conv", "fractional_pool", "joined_conv"}, 4, 3});
}
END_TEST

/* Who reads the joined picture and sound besides gets them. */
static void merged_and_read(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value v = avsn_input(g, "frames", AVSN_SHAPE(1, 16, 2, 3, 3)), a = avsn_input(g, "sound", AVSN_SHAPE(1, 16, 2));
    const avsn_value parts[2] = {v, avsn_tile(g, a, 3, 3)}, joined = avsn_concat(g, parts, 2);
    avsn_output(g, "dst", avsn_conv(g, "merge", joined, .out = 16));
    avsn_output(g, "joined", joined);
}

START_TEST(a_joined_value_that_is_wanted_stays)
{
    check_net(&(net_case){merged_and_read, {"tile", "concat", "conv"}, 3, 5});
}
END_TEST

SUITE("exec.fusion", batch_norm_and_relu_join_the_convolution, batch_norm_folds_into_a_convolution_with_bias,
      batch_norm_stands_alone_first_and_after_relu, relu_joins_a_batch_norm_that_stands_alone,
      sigmoid_between_convolutions_stays_a_step, relu_joins_a_dense_layer,
      residual_addition_and_relu_join_the_convolution, addition_joins_one_of_two_convolutions_in_3_d,
      addition_of_two_pools_takes_the_relu, a_value_added_to_itself_is_not_fused_away,
      a_value_read_twice_is_not_fused_over, a_wanted_value_is_not_fused_over,
      ops_in_place_leave_inputs_and_outputs_alone, two_streams_concatenated_and_sliced,
      concatenation_and_relu_join_the_convolutions_behind_them, sound_is_laid_over_pictures,
      sound_is_laid_over_odd_pictures, a_joined_value_that_is_wanted_stays)
