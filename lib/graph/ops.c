/* The builder's ops: each checks its operands, knows its result's shape and declares its parameters. */
#include "graph/internal.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LAGS = 65536 };

static const char *const op_names[AVSN_OP_COUNT] = {
    [AVSN_OP_INPUT] = "input",
    [AVSN_OP_PARAM] = "param",
    [AVSN_OP_CONV] = "conv",
    [AVSN_OP_BATCH_NORM] = "batch_norm",
    [AVSN_OP_ELTWISE] = "eltwise",
    [AVSN_OP_POOL] = "pool",
    [AVSN_OP_GLOBAL_POOL] = "global_pool",
    [AVSN_OP_DENSE] = "dense",
    [AVSN_OP_ADD] = "add",
    [AVSN_OP_CONCAT] = "concat",
    [AVSN_OP_SLICE] = "slice",
    [AVSN_OP_L2_NORMALIZE] = "l2_normalize",
    [AVSN_OP_DISTANCE] = "distance",
    [AVSN_OP_INNER_MAP] = "inner_map",
    [AVSN_OP_AFFINE] = "affine",
    [AVSN_OP_SOFTMAX] = "softmax",
    [AVSN_OP_FRACTIONAL_POOL] = "fractional_pool",
    [AVSN_OP_TILE] = "tile",
    [AVSN_OP_REPEAT] = "repeat",
    [AVSN_OP_DECONV] = "deconv",
    [AVSN_OP_BIAS] = "bias",
    [AVSN_OP_PICTURE_MEAN] = "picture_mean",
    [AVSN_OP_STRETCH] = "stretch",
    [AVSN_OP_MASK] = "mask",
    [AVSN_OP_JOINED_CONV] = "joined_conv",
    [AVSN_OP_SQUASH] = "squash",
    [AVSN_OP_LAGS] = "lags",
    [AVSN_OP_CONV_BACKWARD_DATA] = "conv_backward_data",
    [AVSN_OP_CONV_BACKWARD_WEIGHTS] = "conv_backward_weights",
    [AVSN_OP_BATCH_NORM_TRAIN] = "batch_norm_train",
    [AVSN_OP_BATCH_NORM_BACKWARD] = "batch_norm_backward",
    [AVSN_OP_RUNNING_STATISTICS] = "running_statistics",
    [AVSN_OP_RELU_BACKWARD] = "relu_backward",
    [AVSN_OP_SIGMOID_BACKWARD] = "sigmoid_backward",
    [AVSN_OP_COMPAND_BACKWARD] = "compand_backward",
    [AVSN_OP_TANH_BACKWARD] = "tanh_backward",
    [AVSN_OP_POOL_TRAIN] = "pool_train",
    [AVSN_OP_POOL_BACKWARD] = "pool_backward",
    [AVSN_OP_GLOBAL_POOL_BACKWARD] = "global_pool_backward",
    [AVSN_OP_DENSE_BACKWARD_DATA] = "dense_backward_data",
    [AVSN_OP_DENSE_BACKWARD_WEIGHTS] = "dense_backward_weights",
    [AVSN_OP_SLICE_BACKWARD] = "slice_backward",
    [AVSN_OP_FRACTIONAL_POOL_BACKWARD] = "fractional_pool_backward",
    [AVSN_OP_TILE_BACKWARD] = "tile_backward",
    [AVSN_OP_REPEAT_BACKWARD] = "repeat_backward",
    [AVSN_OP_SQUASH_BACKWARD] = "squash_backward",
    [AVSN_OP_LAGS_BACKWARD] = "lags_backward",
    [AVSN_OP_LAG_LOSS] = "lag_loss",
    [AVSN_OP_MASK_BACKWARD] = "mask_backward",
    [AVSN_OP_SEPARATION_LOSS] = "separation_loss",
    [AVSN_OP_BIAS_BACKWARD] = "bias_backward",
    [AVSN_OP_PICTURE_MEAN_BACKWARD] = "picture_mean_backward",
    [AVSN_OP_STRETCH_BACKWARD] = "stretch_backward",
    [AVSN_OP_L2_NORMALIZE_BACKWARD] = "l2_normalize_backward",
    [AVSN_OP_DISTANCE_BACKWARD] = "distance_backward",
    [AVSN_OP_INNER_MAP_BACKWARD] = "inner_map_backward",
    [AVSN_OP_AFFINE_BACKWARD] = "affine_backward",
    [AVSN_OP_SOFTMAX_BACKWARD] = "softmax_backward",
    [AVSN_OP_SOFTMAX_LOSS] = "softmax_loss",
    [AVSN_OP_SIGMOID_LOSS] = "sigmoid_loss",
    [AVSN_OP_PAIR_DISTANCE] = "pair_distance",
    [AVSN_OP_PAIR_DISTANCE_BACKWARD] = "pair_distance_backward",
    [AVSN_OP_PAIR_INNER_MAP] = "pair_inner_map",
    [AVSN_OP_PAIR_INNER_MAP_BACKWARD] = "pair_inner_map_backward",
    [AVSN_OP_PAIR_LOSS] = "pair_loss",
};

const char *avsn_op_name(avsn_op_kind kind)
{
    return op_names[kind];
}

static avsn_value wrong_shape(avsn_graph *graph, const char *op, avsn_value value, const char *wanted)
{
    char text[AVSN_SHAPE_TEXT];
    return avsn_graph_fail(graph, AVSOUND_E_SHAPE, op, "source is %s, want %s",
                           avsn_shape_text(avsn_value_shape(graph, value), text), wanted);
}

/* ---- windows ---- */

static int64_t one_if_zero(int64_t x)
{
    return x ? x : 1;
}

/* TensorFlow's SAME puts the odd cell of padding after; symmetric padding would shift every map by half a stride. */
static void same_padding(int64_t in, int64_t extent, int64_t stride, int64_t *before, int64_t *after)
{
    const int64_t out = (in + stride - 1) / stride;
    const int64_t padding = AVSN_MAX((out - 1) * stride + extent - in, 0);
    *before = padding / 2;
    *after = padding - *before;
}

/* A ceil-mode pool keeps a last window that starts inside the source or its leading padding. */
static int64_t ceil_padding(int64_t in, int64_t extent, int64_t stride, int64_t before, int64_t after)
{
    const int64_t span = in + before + after - extent;
    int64_t out = (span + stride - 1) / stride + 1;
    if ((out - 1) * stride >= in + before)
        out--;
    return AVSN_MAX((out - 1) * stride + extent - in - before, after);
}

/* Fills one axis and returns its output size, or 0 if nothing fits. */
static int64_t window_axis(avsn_window *w, int32_t axis, int64_t in, const avsn_window_args *args)
{
    w->kernel[axis] = one_if_zero(args->kernel[axis]);
    w->stride[axis] = one_if_zero(args->stride[axis]);
    w->dilation[axis] = one_if_zero(args->dilation[axis]);
    w->before[axis] = args->pad[axis] + args->before[axis];
    w->after[axis] = args->pad[axis] + args->after[axis];
    if (w->kernel[axis] < 1 || w->stride[axis] < 1 || w->dilation[axis] < 1 || w->before[axis] < 0 || w->after[axis] < 0)
        return 0;
    const int64_t extent = (w->kernel[axis] - 1) * w->dilation[axis] + 1;
    if (args->same)
        same_padding(in, extent, w->stride[axis], &w->before[axis], &w->after[axis]);
    else if (args->ceil)
        w->after[axis] = ceil_padding(in, extent, w->stride[axis], w->before[axis], w->after[axis]);
    const int64_t span = in + w->before[axis] + w->after[axis] - extent;
    return span < 0 ? 0 : span / w->stride[axis] + 1;
}

static bool window_shape(avsn_graph *graph, const char *op, avsn_value src, const avsn_window_args *args, avsn_window *w,
                         avsn_shape *out)
{
    const avsn_shape *in = avsn_value_shape(graph, src);
    *w = (avsn_window){.spatial = in->rank - 2};
    if (w->spatial < 1 || w->spatial > AVSN_MAX_SPATIAL) {
        wrong_shape(graph, op, src, "N, C and 1-3 spatial axes");
        return false;
    }
    *out = *in;
    for (int32_t i = 0; i < AVSN_MAX_SPATIAL; i++) {
        w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
        if (i >= w->spatial)
            continue;
        out->dim[i + 2] = window_axis(w, i, in->dim[i + 2], args);
        if (out->dim[i + 2] < 1) {
            avsn_graph_fail(graph, AVSOUND_E_SHAPE, op, "axis %d of %lld cells is smaller than its window of %lld", i,
                            (long long)in->dim[i + 2], (long long)w->kernel[i]);
            return false;
        }
    }
    return true;
}

static avsn_init weights_start(const avsn_window_args *args, int64_t fan_in)
{
    if (args->deviation > 0)
        return (avsn_init){.kind = AVSN_INIT_NORMAL, .values = {0, args->deviation}, .fan_in = fan_in};
    return (avsn_init){.kind = args->truncated ? AVSN_INIT_TRUNCATED : AVSN_INIT_HE, .fan_in = fan_in};
}

avsn_value avsn_conv_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_window_args *args)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_attributes attributes = {0};
    avsn_shape shape;
    if (!window_shape(graph, name, src, args, &attributes.window, &shape))
        return AVSN_POISON;
    const avsn_window *w = &attributes.window;
    avsn_shape weights = {.rank = 2 + w->spatial, .dim = {args->out, shape.dim[1]}};
    int64_t fan_in = shape.dim[1];
    for (int32_t i = 0; i < w->spatial; i++)
        fan_in *= weights.dim[2 + i] = w->kernel[i];
    shape.dim[1] = args->out;

    avsn_value inputs[3] = {src};
    avsn_scope(graph, name);
    inputs[1] = avsn_param(graph, "weight", weights, weights_start(args, fan_in), false);
    if (args->bias)
        inputs[2] = avsn_param(graph, "bias", AVSN_SHAPE(args->out), (avsn_init){.kind = AVSN_INIT_CONSTANT}, false);
    avsn_end(graph);
    return avsn_graph_append(graph, AVSN_OP_CONV, name, &attributes, inputs, args->bias ? 3 : 2, &shape);
}

/* The adjoint's window: the sizes that the convolution would have from the result back to the source. */
static bool deconv_shape(avsn_graph *graph, const char *name, avsn_value src, const avsn_window_args *args, avsn_window *w,
                         avsn_shape *out)
{
    const avsn_shape *in = avsn_value_shape(graph, src);
    const avsn_window_args same = {.same = 1};
    *w = (avsn_window){.spatial = in->rank - 2};
    if (w->spatial < 1 || w->spatial > AVSN_MAX_SPATIAL) {
        wrong_shape(graph, name, src, "N, C and 1-3 spatial axes");
        return false;
    }
    *out = *in;
    out->dim[1] = args->out;
    for (int32_t i = 0; i < AVSN_MAX_SPATIAL; i++) {
        w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
        if (i >= w->spatial)
            continue;
        avsn_window_args axis = same;
        axis.kernel[i] = args->kernel[i];
        axis.stride[i] = args->stride[i];
        if (!avsn_mul_i64(in->dim[i + 2], one_if_zero(args->stride[i]), &out->dim[i + 2]) ||
            window_axis(w, i, out->dim[i + 2], &axis) != in->dim[i + 2]) {
            avsn_graph_fail(graph, AVSOUND_E_SHAPE, name, "axis %d: a kernel of %lld and a stride of %lld fit no convolution",
                            i, (long long)args->kernel[i], (long long)args->stride[i]);
            return false;
        }
    }
    return true;
}

static avsn_value biased(avsn_graph *graph, const char *name, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, src);
    avsn_scope(graph, name);
    const avsn_value bias =
        avsn_param(graph, "bias", AVSN_SHAPE(shape.dim[1]), (avsn_init){.kind = AVSN_INIT_CONSTANT}, false);
    avsn_end(graph);
    return avsn_graph_append(graph, AVSN_OP_BIAS, name, NULL, (avsn_value[]){src, bias}, 2, &shape);
}

avsn_value avsn_deconv_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_window_args *args)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_attributes attributes = {0};
    avsn_shape shape;
    if (!deconv_shape(graph, name, src, args, &attributes.window, &shape))
        return AVSN_POISON;
    const avsn_window *w = &attributes.window;
    avsn_shape weights = {.rank = 2 + w->spatial, .dim = {avsn_value_shape(graph, src)->dim[1], args->out}};
    int64_t fan_in = weights.dim[0];
    for (int32_t i = 0; i < w->spatial; i++) {
        weights.dim[2 + i] = w->kernel[i];
        fan_in *= AVSN_MAX(w->kernel[i] / w->stride[i], (int64_t)1); /* taps that meet a cell of the source */
    }
    avsn_value inputs[2] = {src};
    avsn_scope(graph, name);
    inputs[1] = avsn_param(graph, "weight", weights, weights_start(args, fan_in), false);
    const avsn_value sum =
        args->bias ? avsn_graph_append(graph, AVSN_OP_DECONV, "sum", &attributes, inputs, 2, &shape) : AVSN_POISON;
    avsn_end(graph);
    return args->bias ? biased(graph, name, sum) : avsn_graph_append(graph, AVSN_OP_DECONV, name, &attributes, inputs, 2, &shape);
}

avsn_value avsn_pool_build(avsn_graph *graph, avsn_pooling pooling, avsn_value src, const avsn_window_args *args)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_attributes attributes = {.pooling = pooling};
    avsn_shape shape;
    if (!window_shape(graph, "pool", src, args, &attributes.window, &shape))
        return AVSN_POISON;
    return avsn_graph_append(graph, AVSN_OP_POOL, NULL, &attributes, &src, 1, &shape);
}

avsn_value avsn_global_pool(avsn_graph *graph, avsn_pooling pooling, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape *in = avsn_value_shape(graph, src);
    if (in->rank < 3 || in->rank > 2 + AVSN_MAX_SPATIAL)
        return wrong_shape(graph, "global pool", src, "N, C and 1-3 spatial axes");
    const avsn_shape shape = AVSN_SHAPE(in->dim[0], in->dim[1]);
    return avsn_graph_append(graph, AVSN_OP_GLOBAL_POOL, NULL, &(avsn_attributes){.pooling = pooling}, &src, 1, &shape);
}

/* ---- one source ---- */

avsn_value avsn_batch_norm_build(avsn_graph *graph, const char *name, avsn_value src, const avsn_norm_args *args)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, src);
    if (shape.rank < 2)
        return wrong_shape(graph, name, src, "N, C, ...");
    const avsn_shape channels = AVSN_SHAPE(shape.dim[1]);
    const avsn_init zero = {.kind = AVSN_INIT_CONSTANT}, one = {.kind = AVSN_INIT_CONSTANT, .values = {1}};
    const avsn_init around_one = {.kind = AVSN_INIT_NORMAL, .values = {1, args->deviation}};
    const avsn_attributes attributes = {.epsilon = args->epsilon, .momentum = args->momentum, .renorm = args->renorm != 0};
    avsn_value inputs[5] = {src};
    avsn_scope(graph, name);
    if (!args->no_weight)
        inputs[4] = avsn_param(graph, "weight", channels, args->deviation > 0 ? around_one : one, false);
    inputs[1] = avsn_param(graph, "bias", channels, zero, false);
    inputs[2] = avsn_param(graph, "running_mean", channels, zero, true);
    inputs[3] = avsn_param(graph, "running_var", channels, one, true);
    avsn_end(graph);
    return avsn_graph_append(graph, AVSN_OP_BATCH_NORM, name, &attributes, inputs, args->no_weight ? 4 : 5, &shape);
}

static avsn_value same_shape(avsn_graph *graph, avsn_op_kind kind, const avsn_attributes *attributes, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, src);
    return avsn_graph_append(graph, kind, NULL, attributes, &src, 1, &shape);
}

avsn_value avsn_relu(avsn_graph *graph, avsn_value src)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_RELU}, src);
}

avsn_value avsn_sigmoid(avsn_graph *graph, avsn_value src)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_SIGMOID}, src);
}

avsn_value avsn_companded(avsn_graph *graph, avsn_value src)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_COMPAND}, src);
}

avsn_value avsn_tanh(avsn_graph *graph, avsn_value src)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_TANH}, src);
}

avsn_value avsn_leaky_relu(avsn_graph *graph, avsn_value src, float slope)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_LEAKY_RELU, .slope = slope}, src);
}

avsn_value avsn_zeros_like(avsn_graph *graph, avsn_value src)
{
    return same_shape(graph, AVSN_OP_ELTWISE, &(avsn_attributes){.eltwise = AVSN_ZERO}, src);
}

static avsn_value over_channels(avsn_graph *graph, avsn_op_kind kind, const avsn_attributes *attributes, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    if (avsn_value_shape(graph, src)->rank != 2)
        return wrong_shape(graph, avsn_op_name(kind), src, "(N,C)");
    return same_shape(graph, kind, attributes, src);
}

avsn_value avsn_l2_normalize(avsn_graph *graph, avsn_value src, float epsilon)
{
    return over_channels(graph, AVSN_OP_L2_NORMALIZE, &(avsn_attributes){.epsilon = epsilon}, src);
}

avsn_value avsn_softmax(avsn_graph *graph, avsn_value src)
{
    return over_channels(graph, AVSN_OP_SOFTMAX, NULL, src);
}

avsn_value avsn_slice(avsn_graph *graph, avsn_value src, int64_t begin, int64_t end)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, src);
    if (shape.rank < 2 || begin < 0 || end <= begin || end > shape.dim[1])
        return wrong_shape(graph, "slice", src, "more channels than the slice's end");
    shape.dim[1] = end - begin;
    return avsn_graph_append(graph, AVSN_OP_SLICE, NULL, &(avsn_attributes){.begin = begin, .end = end}, &src, 1, &shape);
}

avsn_value avsn_fractional_pool(avsn_graph *graph, const char *name, avsn_value src, int64_t outputs)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, src);
    if (shape.rank != 3)
        return wrong_shape(graph, name, src, "(N,C,T)");
    if (outputs < 1 || outputs > shape.dim[2] || shape.dim[2] > INT32_MAX)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, name, "%lld steps of time, want %lld or more for as many windows",
                               (long long)shape.dim[2], (long long)AVSN_MAX(outputs, (int64_t)1));
    shape.dim[2] = outputs;
    return avsn_graph_append(graph, AVSN_OP_FRACTIONAL_POOL, name, NULL, &src, 1, &shape);
}

avsn_value avsn_tile(avsn_graph *graph, avsn_value src, int64_t rows, int64_t columns)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape *in = avsn_value_shape(graph, src);
    if (in->rank != 3)
        return wrong_shape(graph, "tile", src, "(N,C,T)");
    const avsn_shape shape = AVSN_SHAPE(in->dim[0], in->dim[1], in->dim[2], rows, columns);
    return avsn_graph_append(graph, AVSN_OP_TILE, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_tile_row(avsn_graph *graph, avsn_value src, int64_t columns)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape *in = avsn_value_shape(graph, src);
    if (in->rank != 3)
        return wrong_shape(graph, "tile", src, "(N,C,T)");
    const avsn_shape shape = AVSN_SHAPE(in->dim[0], in->dim[1], in->dim[2], columns);
    return avsn_graph_append(graph, AVSN_OP_TILE, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_repeat(avsn_graph *graph, avsn_value src, int64_t times)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, src);
    shape.dim[0] *= times;
    return avsn_graph_append(graph, AVSN_OP_REPEAT, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_picture_mean(avsn_graph *graph, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape *in = avsn_value_shape(graph, src);
    if (in->rank != 5)
        return wrong_shape(graph, "picture_mean", src, "(N,C,T,H,W)");
    const avsn_shape shape = AVSN_SHAPE(in->dim[0], in->dim[1], in->dim[2]);
    return avsn_graph_append(graph, AVSN_OP_PICTURE_MEAN, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_stretch(avsn_graph *graph, avsn_value src, int64_t steps)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, src);
    if (shape.rank != 3 || shape.dim[2] > INT32_MAX || steps > INT32_MAX)
        return wrong_shape(graph, "stretch", src, "(N,C,T)");
    shape.dim[2] = steps;
    return avsn_graph_append(graph, AVSN_OP_STRETCH, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_mask(avsn_graph *graph, avsn_value logits, avsn_value spectrogram, float decibels, bool rest)
{
    const avsn_value both[2] = {logits, spectrogram};
    if (avsn_graph_stuck(graph, both, 2))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, logits);
    if (shape.rank != 4 || shape.dim[1] != 1)
        return wrong_shape(graph, "mask", logits, "(N,1,T,F)");
    shape.dim[1] = 2;
    if (!avsn_shape_equal(&shape, avsn_value_shape(graph, spectrogram)))
        return wrong_shape(graph, "mask", spectrogram, "(N,2,T,F), as the mask has cells");
    const avsn_attributes attributes = {.decibels = decibels, .rest = rest};
    return avsn_graph_append(graph, AVSN_OP_MASK, NULL, &attributes, both, 2, &shape);
}

avsn_value avsn_squash(avsn_graph *graph, avsn_value src)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape in = *avsn_value_shape(graph, src);
    if (in.rank < 3)
        return wrong_shape(graph, "squash", src, "(N,C,spatial)");
    avsn_shape shape = AVSN_SHAPE(in.dim[0], in.dim[1]);
    for (int32_t i = 2; i < in.rank; i++)
        if (in.dim[i] != 1)
            shape.dim[shape.rank++] = in.dim[i];
    if (shape.rank == 2)
        shape.dim[shape.rank++] = 1;
    return avsn_graph_append(graph, AVSN_OP_SQUASH, NULL, NULL, &src, 1, &shape);
}

avsn_value avsn_dense(avsn_graph *graph, const char *name, avsn_value src, int64_t out, const avsn_dense_starts *starts)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape *in = avsn_value_shape(graph, src);
    if (in->rank != 2)
        return wrong_shape(graph, name, src, "(N,C)");
    const int64_t n = in->dim[0], c = in->dim[1];
    avsn_dense_starts init = {.weight = {.kind = AVSN_INIT_HE, .fan_in = c}};
    if (starts)
        init = *starts;
    avsn_value inputs[3] = {src};
    avsn_scope(graph, name);
    inputs[1] = avsn_param(graph, "weight", AVSN_SHAPE(out, c), init.weight, false);
    inputs[2] = avsn_param(graph, "bias", AVSN_SHAPE(out), init.bias, false);
    avsn_end(graph);
    return avsn_graph_append(graph, AVSN_OP_DENSE, name, NULL, inputs, 3, &AVSN_SHAPE(n, out));
}

avsn_value avsn_affine(avsn_graph *graph, const char *name, avsn_value src, float weight, float bias)
{
    if (avsn_graph_stuck(graph, &src, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, src);
    avsn_value inputs[3] = {src};
    avsn_scope(graph, name);
    inputs[1] = avsn_param(graph, "weight", AVSN_SHAPE(1),
                           (avsn_init){.kind = AVSN_INIT_CONSTANT, .values = {weight}}, false);
    inputs[2] = avsn_param(graph, "bias", AVSN_SHAPE(1), (avsn_init){.kind = AVSN_INIT_CONSTANT, .values = {bias}},
                           false);
    avsn_end(graph);
    return avsn_graph_append(graph, AVSN_OP_AFFINE, name, NULL, inputs, 3, &shape);
}

/* ---- several sources ---- */

avsn_value avsn_add(avsn_graph *graph, avsn_value a, avsn_value b)
{
    const avsn_value inputs[2] = {a, b};
    if (avsn_graph_stuck(graph, inputs, 2))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, a);
    char text[AVSN_SHAPE_TEXT];
    if (!avsn_shape_equal(&shape, avsn_value_shape(graph, b)))
        return wrong_shape(graph, "add", b, avsn_shape_text(&shape, text));
    return avsn_graph_append(graph, AVSN_OP_ADD, NULL, NULL, inputs, 2, &shape);
}

avsn_value avsn_concat(avsn_graph *graph, const avsn_value *values, int32_t count)
{
    if (count < 1 || count > AVSN_MAX_INPUTS)
        return avsn_graph_fail(graph, AVSOUND_E_INTERNAL, "concat", "%d sources, want 1...%d", count, AVSN_MAX_INPUTS);
    if (avsn_graph_stuck(graph, values, count))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, values[0]);
    if (shape.rank < 2)
        return wrong_shape(graph, "concat", values[0], "N, C, ...");
    int64_t channels = shape.dim[1];
    for (int32_t i = 1; i < count; i++) {
        avsn_shape other = *avsn_value_shape(graph, values[i]);
        channels += other.dim[1];
        other.dim[1] = shape.dim[1];
        if (!avsn_shape_equal(&shape, &other))
            return wrong_shape(graph, "concat", values[i], "the first source's shape in all but channels");
    }
    shape.dim[1] = channels;
    return avsn_graph_append(graph, AVSN_OP_CONCAT, NULL, NULL, values, count, &shape);
}

avsn_value avsn_distance(avsn_graph *graph, avsn_value a, avsn_value b)
{
    const avsn_value inputs[2] = {a, b};
    if (avsn_graph_stuck(graph, inputs, 2))
        return AVSN_POISON;
    const avsn_shape *shape = avsn_value_shape(graph, a);
    if (shape->rank != 2 || !avsn_shape_equal(shape, avsn_value_shape(graph, b)))
        return wrong_shape(graph, "distance", b, "two of (N,C)");
    return avsn_graph_append(graph, AVSN_OP_DISTANCE, NULL, NULL, inputs, 2, &AVSN_SHAPE(shape->dim[0], 1));
}

avsn_value avsn_inner_map(avsn_graph *graph, avsn_value cells, avsn_value vector)
{
    const avsn_value inputs[2] = {cells, vector};
    if (avsn_graph_stuck(graph, inputs, 2))
        return AVSN_POISON;
    avsn_shape shape = *avsn_value_shape(graph, cells);
    const avsn_shape *v = avsn_value_shape(graph, vector);
    if (shape.rank < 3 || shape.rank > 2 + AVSN_MAX_SPATIAL || v->rank != 2 || v->dim[0] != shape.dim[0] || v->dim[1] != shape.dim[1])
        return wrong_shape(graph, "inner map", vector, "(N,C) of the cells' N and C");
    shape.dim[1] = 1;
    return avsn_graph_append(graph, AVSN_OP_INNER_MAP, NULL, NULL, inputs, 2, &shape);
}

avsn_value avsn_lags(avsn_graph *graph, avsn_value video, avsn_value audio, int64_t steps, int64_t lags)
{
    const avsn_value inputs[2] = {video, audio};
    if (avsn_graph_stuck(graph, inputs, 2))
        return AVSN_POISON;
    const avsn_shape *v = avsn_value_shape(graph, video), *a = avsn_value_shape(graph, audio);
    if (v->rank != 3)
        return wrong_shape(graph, "lags", video, "(N,D,T)");
    if (a->rank != 3 || a->dim[0] != v->dim[0] || a->dim[1] != v->dim[1])
        return wrong_shape(graph, "lags", audio, "(N,D,S) of the video's N and D");
    if (steps < 1 || steps > MOST_LAGS || lags < 1 || lags > MOST_LAGS)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, "lags", "%lld steps and %lld lags, want 1...%d of each",
                               (long long)steps, (long long)lags, MOST_LAGS);
    return avsn_graph_append(graph, AVSN_OP_LAGS, NULL, &(avsn_attributes){.steps = steps, .lags = lags}, inputs, 2,
                             &AVSN_SHAPE(v->dim[0], 2 * lags + 1));
}

/* ---- printing ---- */

static size_t print(char *text, size_t size, size_t used, const char *a, const char *b)
{
    const int n = used < size ? snprintf(text + used, size - used, "%s%s", a, b) : 0;
    return used + (size_t)AVSN_MAX(n, 0);
}

const char *avsn_node_text(const avsn_graph *graph, int32_t index, char *text, size_t size)
{
    const avsn_node *node = avsn_graph_node(graph, index);
    char shape[AVSN_SHAPE_TEXT];
    size_t used = print(text, size, 0, avsn_value_name(graph, node->output[0]), " = ");
    used = print(text, size, used, avsn_op_name(node->kind), "(");
    for (int32_t i = 0; i < node->input_count; i++)
        used = print(text, size, used, i ? ", " : "", avsn_value_name(graph, node->input[i]));
    if (node->input_count)
        used = print(text, size, used, ") ", avsn_shape_text(avsn_value_shape(graph, node->input[0]), shape));
    print(text, size, used, " -> ", avsn_shape_text(avsn_value_shape(graph, node->output[0]), shape));
    return text;
}
