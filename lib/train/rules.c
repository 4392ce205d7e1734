#include "train/rules.h"

static avsn_shape shape_of(const avsn_graph *g, avsn_value value)
{
    return *avsn_value_shape(g, value);
}

/* Appends a backward node with this op's attributes; its first output has the first shape. */
static avsn_value append(avsn_graph *g, avsn_op_kind kind, const avsn_node *node, const avsn_value *inputs, int32_t count,
                         const avsn_shape *shapes, int32_t outputs)
{
    return avsn_graph_append_many(g, kind, NULL, &node->attributes, inputs, count, shapes, outputs);
}

static avsn_value output(avsn_value first, int32_t index)
{
    return (avsn_value){first.id ? first.id + index : 0};
}

static void conv(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    const avsn_value src = node->input[0], weights = node->input[1];
    const avsn_shape shapes[3] = {shape_of(g, src), shape_of(g, weights), AVSN_SHAPE(shape_of(g, weights).dim[0])};
    if (wanted[0])
        diff_in[0] = append(g, AVSN_OP_CONV_BACKWARD_DATA, node, (avsn_value[]){diff, weights}, 2, &shapes[0], 1);
    const bool bias = node->input_count > 2;
    diff_in[1] = append(g, AVSN_OP_CONV_BACKWARD_WEIGHTS, node, (avsn_value[]){src, diff}, 2, &shapes[1], bias ? 2 : 1);
    if (bias)
        diff_in[2] = output(diff_in[1], 1);
}

/* The adjoint's gradients are the convolution's other two: forwards, and by the weights with source and result changed over. */
static void deconv(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    const avsn_value src = node->input[0], weights = node->input[1];
    const avsn_shape shapes[2] = {shape_of(g, src), shape_of(g, weights)};
    if (wanted[0])
        diff_in[0] = append(g, AVSN_OP_CONV, node, (avsn_value[]){diff, weights}, 2, &shapes[0], 1);
    diff_in[1] = append(g, AVSN_OP_CONV_BACKWARD_WEIGHTS, node, (avsn_value[]){diff, src}, 2, &shapes[1], 1);
}

static void bias(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[1]);
    diff_in[0] = diff;
    diff_in[1] = append(g, AVSN_OP_BIAS_BACKWARD, node, &diff, 1, &shape, 1);
}

static void batch_norm_train(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted,
                             avsn_value *diff_in)
{
    (void)wanted;
    const bool renorm = node->attributes.renorm, weight = node->input_count - (renorm ? 4 : 0) > 2;
    avsn_value inputs[7] = {diff, node->input[0], node->input[1], node->output[1], node->output[2], node->output[3]};
    const int32_t count = renorm ? 6 : 5;
    inputs[count] = node->input[2];
    const avsn_shape c = shape_of(g, node->input[1]);
    const avsn_shape shapes[3] = {shape_of(g, node->input[0]), c, c};
    diff_in[0] = append(g, AVSN_OP_BATCH_NORM_BACKWARD, node, inputs, weight ? count + 1 : count, shapes, weight ? 3 : 2);
    diff_in[1] = output(diff_in[0], 1);
    if (weight)
        diff_in[2] = output(diff_in[0], 2);
}

static void eltwise(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    static const avsn_op_kind kinds[] = {
        [AVSN_RELU] = AVSN_OP_RELU_BACKWARD, [AVSN_SIGMOID] = AVSN_OP_SIGMOID_BACKWARD, [AVSN_COMPAND] = AVSN_OP_COMPAND_BACKWARD,
        [AVSN_TANH] = AVSN_OP_TANH_BACKWARD, [AVSN_LEAKY_RELU] = AVSN_OP_RELU_BACKWARD};
    diff_in[0] = append(g, kinds[node->attributes.eltwise], node, (avsn_value[]){node->output[0], diff}, 2, &shape, 1);
}

static void pool(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[2] = {diff, node->output[1]};
    diff_in[0] = append(g, AVSN_OP_POOL_BACKWARD, node, inputs, node->output_count, &shape, 1);
}

static void global_pool(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[3] = {node->input[0], node->output[0], diff};
    diff_in[0] = append(g, AVSN_OP_GLOBAL_POOL_BACKWARD, node, inputs, 3, &shape, 1);
}

static void dense(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    const avsn_value src = node->input[0], weights = node->input[1];
    const avsn_shape shapes[3] = {shape_of(g, src), shape_of(g, weights), AVSN_SHAPE(shape_of(g, weights).dim[0])};
    if (wanted[0])
        diff_in[0] = append(g, AVSN_OP_DENSE_BACKWARD_DATA, node, (avsn_value[]){diff, weights}, 2, &shapes[0], 1);
    diff_in[1] = append(g, AVSN_OP_DENSE_BACKWARD_WEIGHTS, node, (avsn_value[]){src, diff}, 2, &shapes[1], 2);
    diff_in[2] = output(diff_in[1], 1);
}

static void add(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)g;
    (void)node;
    (void)wanted;
    diff_in[0] = diff_in[1] = diff;
}

static void concat(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    int64_t begin = 0;
    for (int32_t i = 0; i < node->input_count; i++) {
        const int64_t end = begin + shape_of(g, node->input[i]).dim[1];
        if (wanted[i])
            diff_in[i] = avsn_slice(g, diff, begin, end);
        begin = end;
    }
}

static void slice(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_SLICE_BACKWARD, node, &diff, 1, &shape, 1);
}

static void l2_normalize(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[3] = {node->input[0], node->output[0], diff};
    diff_in[0] = append(g, AVSN_OP_L2_NORMALIZE_BACKWARD, node, inputs, 3, &shape, 1);
}

static void distance(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[4] = {node->input[0], node->input[1], node->output[0], diff};
    diff_in[0] = append(g, AVSN_OP_DISTANCE_BACKWARD, node, inputs, 4, (avsn_shape[]){shape, shape}, 2);
    diff_in[1] = output(diff_in[0], 1);
}

static void inner_map(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shapes[2] = {shape_of(g, node->input[0]), shape_of(g, node->input[1])};
    const avsn_value inputs[3] = {node->input[0], node->input[1], diff};
    diff_in[0] = append(g, AVSN_OP_INNER_MAP_BACKWARD, node, inputs, 3, shapes, 2);
    diff_in[1] = output(diff_in[0], 1);
}

static void affine(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape one = AVSN_SHAPE(1), shapes[3] = {shape_of(g, node->input[0]), one, one};
    const avsn_value inputs[3] = {node->input[0], node->input[1], diff};
    diff_in[0] = append(g, AVSN_OP_AFFINE_BACKWARD, node, inputs, 3, shapes, 3);
    diff_in[1] = output(diff_in[0], 1);
    diff_in[2] = output(diff_in[0], 2);
}

static void softmax(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_SOFTMAX_BACKWARD, node, (avsn_value[]){node->output[0], diff}, 2, &shape, 1);
}

static void fractional_pool(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[3] = {diff, node->input[0], node->input[1]};
    diff_in[0] = append(g, AVSN_OP_FRACTIONAL_POOL_BACKWARD, node, inputs, node->input_count + 1, &shape, 1);
}

static void tile(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_TILE_BACKWARD, node, &diff, 1, &shape, 1);
}

static void repeat(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_REPEAT_BACKWARD, node, &diff, 1, &shape, 1);
}

static void squash(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[3] = {node->input[0], node->output[0], diff};
    diff_in[0] = append(g, AVSN_OP_SQUASH_BACKWARD, node, inputs, 3, &shape, 1);
}

static void lags(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shapes[2] = {shape_of(g, node->input[0]), shape_of(g, node->input[1])};
    const avsn_value inputs[3] = {node->input[0], node->input[1], diff};
    diff_in[0] = append(g, AVSN_OP_LAGS_BACKWARD, node, inputs, 3, shapes, 2);
    diff_in[1] = output(diff_in[0], 1);
}

static void picture_mean(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_PICTURE_MEAN_BACKWARD, node, &diff, 1, &shape, 1);
}

static void stretch(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_STRETCH_BACKWARD, node, &diff, 1, &shape, 1);
}

static void mask(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    diff_in[0] = append(g, AVSN_OP_MASK_BACKWARD, node, (avsn_value[]){node->input[0], diff}, 2, &shape, 1);
    diff_in[1] = diff;
}

static void pair_distance(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shape = shape_of(g, node->input[0]);
    const avsn_value inputs[4] = {node->input[0], node->input[1], node->output[0], diff};
    diff_in[0] = append(g, AVSN_OP_PAIR_DISTANCE_BACKWARD, node, inputs, 4, (avsn_shape[]){shape, shape}, 2);
    diff_in[1] = output(diff_in[0], 1);
}

static void pair_inner_map(avsn_graph *g, const avsn_node *node, avsn_value diff, const bool *wanted, avsn_value *diff_in)
{
    (void)wanted;
    const avsn_shape shapes[2] = {shape_of(g, node->input[0]), shape_of(g, node->input[1])};
    const avsn_value inputs[3] = {node->input[0], node->input[1], diff};
    diff_in[0] = append(g, AVSN_OP_PAIR_INNER_MAP_BACKWARD, node, inputs, 3, shapes, 2);
    diff_in[1] = output(diff_in[0], 1);
}

static const avsn_rule rules[AVSN_OP_COUNT] = {
    [AVSN_OP_CONV] = conv,
    [AVSN_OP_BATCH_NORM_TRAIN] = batch_norm_train,
    [AVSN_OP_ELTWISE] = eltwise,
    [AVSN_OP_POOL] = pool,
    [AVSN_OP_POOL_TRAIN] = pool,
    [AVSN_OP_GLOBAL_POOL] = global_pool,
    [AVSN_OP_DENSE] = dense,
    [AVSN_OP_ADD] = add,
    [AVSN_OP_CONCAT] = concat,
    [AVSN_OP_SLICE] = slice,
    [AVSN_OP_L2_NORMALIZE] = l2_normalize,
    [AVSN_OP_DISTANCE] = distance,
    [AVSN_OP_INNER_MAP] = inner_map,
    [AVSN_OP_AFFINE] = affine,
    [AVSN_OP_SOFTMAX] = softmax,
    [AVSN_OP_FRACTIONAL_POOL] = fractional_pool,
    [AVSN_OP_TILE] = tile,
    [AVSN_OP_REPEAT] = repeat,
    [AVSN_OP_SQUASH] = squash,
    [AVSN_OP_LAGS] = lags,
    [AVSN_OP_DECONV] = deconv,
    [AVSN_OP_BIAS] = bias,
    [AVSN_OP_PICTURE_MEAN] = picture_mean,
    [AVSN_OP_STRETCH] = stretch,
    [AVSN_OP_MASK] = mask,
    [AVSN_OP_PAIR_DISTANCE] = pair_distance,
    [AVSN_OP_PAIR_INNER_MAP] = pair_inner_map,
};

avsn_rule avsn_rule_of(avsn_op_kind kind)
{
    return rules[kind];
}
