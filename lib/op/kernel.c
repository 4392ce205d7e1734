#include "op/kernel.h"

#include "op/families.h"

static avsound_status make_eltwise(const avsn_kernel_request *request, avsn_kernel **out)
{
    switch (request->attributes->eltwise) {
    case AVSN_RELU:
        return avsn_make_relu(request, out);
    case AVSN_SIGMOID:
        return avsn_make_sigmoid(request, out);
    case AVSN_TANH:
        return avsn_make_tanh(request, out);
    case AVSN_ZERO:
        return avsn_make_zeros(request, out);
    case AVSN_LEAKY_RELU:
        return avsn_make_relu(request, out);
    default:
        return avsn_make_compand(request, out);
    }
}

typedef avsound_status (*maker)(const avsn_kernel_request *request, avsn_kernel **out);

static const struct family {
    maker make;
    bool relu, add; /* fused */
} families[AVSN_OP_COUNT] = {
    [AVSN_OP_CONV] = {avsn_make_conv, true, true},
    [AVSN_OP_BATCH_NORM] = {avsn_make_batch_norm, true, false},
    [AVSN_OP_ELTWISE] = {make_eltwise, false, false},
    [AVSN_OP_POOL] = {avsn_make_pool, false, false},
    [AVSN_OP_GLOBAL_POOL] = {avsn_make_global_pool, false, false},
    [AVSN_OP_DENSE] = {avsn_make_dense, true, false},
    [AVSN_OP_ADD] = {avsn_make_add, true, false},
    [AVSN_OP_CONCAT] = {avsn_make_concat, false, false},
    [AVSN_OP_SLICE] = {avsn_make_slice, false, false},
    [AVSN_OP_L2_NORMALIZE] = {avsn_make_vector, false, false},
    [AVSN_OP_DISTANCE] = {avsn_make_vector, false, false},
    [AVSN_OP_SOFTMAX] = {avsn_make_vector, false, false},
    [AVSN_OP_INNER_MAP] = {avsn_make_inner_map, false, false},
    [AVSN_OP_AFFINE] = {avsn_make_affine, false, false},
    [AVSN_OP_FRACTIONAL_POOL] = {avsn_make_fractional_pool, false, false},
    [AVSN_OP_TILE] = {avsn_make_tile, false, false},
    [AVSN_OP_REPEAT] = {avsn_make_repeat, false, false},
    [AVSN_OP_DECONV] = {avsn_make_deconv, false, false},
    [AVSN_OP_BIAS] = {avsn_make_bias, false, false},
    [AVSN_OP_PICTURE_MEAN] = {avsn_make_picture_mean, false, false},
    [AVSN_OP_STRETCH] = {avsn_make_stretch, false, false},
    [AVSN_OP_MASK] = {avsn_make_mask, false, false},
    [AVSN_OP_JOINED_CONV] = {avsn_make_joined_conv, true, false},
    [AVSN_OP_SQUASH] = {avsn_make_lags, false, false},
    [AVSN_OP_LAGS] = {avsn_make_lags, false, false},
    [AVSN_OP_CONV_BACKWARD_DATA] = {avsn_make_conv_backward_data, false, false},
    [AVSN_OP_CONV_BACKWARD_WEIGHTS] = {avsn_make_conv_backward_weights, false, false},
    [AVSN_OP_BATCH_NORM_TRAIN] = {avsn_make_batch_norm_train, false, false},
    [AVSN_OP_BATCH_NORM_BACKWARD] = {avsn_make_batch_norm_backward, false, false},
    [AVSN_OP_RUNNING_STATISTICS] = {avsn_make_running_statistics, false, false},
    [AVSN_OP_RELU_BACKWARD] = {avsn_make_relu_backward, false, false},
    [AVSN_OP_SIGMOID_BACKWARD] = {avsn_make_sigmoid_backward, false, false},
    [AVSN_OP_COMPAND_BACKWARD] = {avsn_make_compand_backward, false, false},
    [AVSN_OP_TANH_BACKWARD] = {avsn_make_tanh_backward, false, false},
    [AVSN_OP_POOL_TRAIN] = {avsn_make_pool_train, false, false},
    [AVSN_OP_POOL_BACKWARD] = {avsn_make_pool_backward, false, false},
    [AVSN_OP_GLOBAL_POOL_BACKWARD] = {avsn_make_global_pool_backward, false, false},
    [AVSN_OP_DENSE_BACKWARD_DATA] = {avsn_make_dense_backward_data, false, false},
    [AVSN_OP_DENSE_BACKWARD_WEIGHTS] = {avsn_make_dense_backward_weights, false, false},
    [AVSN_OP_SLICE_BACKWARD] = {avsn_make_slice_backward, false, false},
    [AVSN_OP_FRACTIONAL_POOL_BACKWARD] = {avsn_make_fractional_pool_backward, false, false},
    [AVSN_OP_TILE_BACKWARD] = {avsn_make_tile_backward, false, false},
    [AVSN_OP_REPEAT_BACKWARD] = {avsn_make_repeat_backward, false, false},
    [AVSN_OP_SQUASH_BACKWARD] = {avsn_make_lags, false, false},
    [AVSN_OP_LAGS_BACKWARD] = {avsn_make_lags, false, false},
    [AVSN_OP_LAG_LOSS] = {avsn_make_lags, false, false},
    [AVSN_OP_MASK_BACKWARD] = {avsn_make_mask_backward, false, false},
    [AVSN_OP_SEPARATION_LOSS] = {avsn_make_separation_loss, false, false},
    [AVSN_OP_BIAS_BACKWARD] = {avsn_make_bias_backward, false, false},
    [AVSN_OP_PICTURE_MEAN_BACKWARD] = {avsn_make_picture_mean_backward, false, false},
    [AVSN_OP_STRETCH_BACKWARD] = {avsn_make_stretch_backward, false, false},
    [AVSN_OP_L2_NORMALIZE_BACKWARD] = {avsn_make_vector_training, false, false},
    [AVSN_OP_DISTANCE_BACKWARD] = {avsn_make_vector_training, false, false},
    [AVSN_OP_INNER_MAP_BACKWARD] = {avsn_make_inner_map_backward, false, false},
    [AVSN_OP_AFFINE_BACKWARD] = {avsn_make_affine_backward, false, false},
    [AVSN_OP_SOFTMAX_BACKWARD] = {avsn_make_vector_training, false, false},
    [AVSN_OP_SOFTMAX_LOSS] = {avsn_make_vector_training, false, false},
    [AVSN_OP_SIGMOID_LOSS] = {avsn_make_vector_training, false, false},
    [AVSN_OP_PAIR_DISTANCE] = {avsn_make_pairs, false, false},
    [AVSN_OP_PAIR_DISTANCE_BACKWARD] = {avsn_make_pairs, false, false},
    [AVSN_OP_PAIR_INNER_MAP] = {avsn_make_pairs, false, false},
    [AVSN_OP_PAIR_INNER_MAP_BACKWARD] = {avsn_make_pairs, false, false},
    [AVSN_OP_PAIR_LOSS] = {avsn_make_pairs, false, false},
};

avsound_status avsn_kernel_create(const avsn_kernel_request *request, avsn_kernel **out)
{
    *out = NULL;
    const maker make = families[request->kind].make;
    if (!make)
        AVSN_FAIL(AVSOUND_E_INTERNAL, "no kernel for op %s", avsn_op_name(request->kind));
    return make(request, out);
}

bool avsn_op_fuses_relu(avsn_op_kind kind)
{
    return families[kind].relu;
}

bool avsn_op_fuses_add(avsn_op_kind kind)
{
    return families[kind].add;
}

bool avsn_op_reads_parts(const avsn_op_parts *parts)
{
    return (parts->kind == AVSN_OP_CONV || parts->kind == AVSN_OP_DECONV) && avsn_conv_amx_reads(parts);
}

void avsn_kernel_free(avsn_kernel *kernel)
{
    if (!kernel)
        return;
    avsound_context *context = kernel->context;
    if (kernel->destroy)
        kernel->destroy(kernel);
    for (int32_t i = 0; i < kernel->input_count; i++)
        avsn_layout_unref(kernel->input[i]);
    for (int32_t i = 0; i < kernel->output_count; i++)
        avsn_layout_unref(kernel->output[i]);
    avsn_free(context, kernel);
    avsound_context_free(context);
}
