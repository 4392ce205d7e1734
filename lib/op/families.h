/* One maker a family of ops; avsn_kernel_create dispatches to them. */
#ifndef AVSN_FAMILIES_H
#define AVSN_FAMILIES_H

#include "op/kernel.h"

avsound_status avsn_make_conv(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_batch_norm(const avsn_kernel_request *request, avsn_kernel **out);
/* In plain C, for what oneDNN has only a reference kernel for: one axis. */
avsound_status avsn_make_batch_norm_rows(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_conv_backward_data(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_conv_backward_weights(const avsn_kernel_request *request, avsn_kernel **out);
/* The result and the gradient by the source in plain C with tile registers: where they can be made, where they are faster
 * than oneDNN's. */
bool avsn_conv_amx_serves(const avsn_kernel_request *request);
bool avsn_conv_amx_pays(const avsn_kernel_request *request);
bool avsn_conv_amx_reads(const avsn_op_parts *parts);
avsound_status avsn_make_conv_amx(const avsn_kernel_request *request, avsn_kernel **out);
/* The weights' gradient in plain C with tile registers, where it serves. */
bool avsn_conv_weights_serves(const avsn_kernel_request *request);
avsound_status avsn_make_conv_weights(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_batch_norm_train(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_batch_norm_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_pool_train(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_pool_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_dense_backward_data(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_dense_backward_weights(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_relu_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_sigmoid_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_compand_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_tanh_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_affine_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_slice_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_running_statistics(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_vector_training(const avsn_kernel_request *request, avsn_kernel **out); /* backward, losses */
avsound_status avsn_make_pairs(const avsn_kernel_request *request, avsn_kernel **out); /* every item with every other */
avsound_status avsn_make_separation_loss(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_mask(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_mask_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_fractional_pool_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_tile_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_repeat_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_bias_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_picture_mean_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_stretch_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_global_pool_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_inner_map_backward(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_relu(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_compand(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_sigmoid(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_tanh(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_zeros(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_pool(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_global_pool(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_dense(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_add(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_concat(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_slice(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_vector(const avsn_kernel_request *request, avsn_kernel **out); /* L2, distance, softmax */
avsound_status avsn_make_fractional_pool(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_joined_conv(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_tile(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_repeat(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_lags(const avsn_kernel_request *request, avsn_kernel **out); /* squash, too; backward, loss */
avsound_status avsn_make_deconv(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_bias(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_picture_mean(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_stretch(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_affine(const avsn_kernel_request *request, avsn_kernel **out);
avsound_status avsn_make_inner_map(const avsn_kernel_request *request, avsn_kernel **out);

/* ---- kernels in plain C on f32 (or bf16 where a family says so) ---- */

typedef struct avsn_c_kernel {
    avsn_kernel base;
    avsn_attributes attributes;
    avsn_op_kind kind;
    avsn_group group;
    int32_t threads;
    const void *input[AVSN_MAX_INPUTS];
    void *output[AVSN_MAX_OUTPUTS];
    void *scratchpad; /* where base.scratchpad_bytes asks for one */
    void (*compute)(const struct avsn_c_kernel *kernel);
} avsn_c_kernel;

/* A kernel whose inputs must be row-major f32 (keep != 0: the layouts of these inputs, a bit each, are taken as they lie) and
 * whose output is row-major f32. */
avsound_status avsn_c_kernel_create(const avsn_kernel_request *request, const char *impl,
                                    void (*compute)(const avsn_c_kernel *kernel), uint32_t keep, avsn_kernel **out);
/* As part of a larger struct of `size` bytes, the rest zeros. */
avsound_status avsn_c_kernel_create_sized(const avsn_kernel_request *request, size_t size, const char *impl,
                                          void (*compute)(const avsn_c_kernel *kernel), uint32_t keep, avsn_kernel **out);

/* Puts a layout of this shape and type, in the order of `like` (NULL: row-major), in a slot. */
avsound_status avsn_replace_layout(avsn_layout **slot, const avsn_kernel_request *request, const avsn_layout *like,
                                   const avsn_shape *shape, int32_t dtype);

int64_t avsn_elements(const avsn_layout *layout);
int64_t avsn_dim(const avsn_c_kernel *kernel, int32_t input, int32_t axis);

#endif
