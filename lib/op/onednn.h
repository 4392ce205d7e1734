/* oneDNN 2.x and 3.x behind one vocabulary: all that differs between them is in this header.
 *
 * 2.x describes memory by a struct, 3.x by a handle; 2.x goes from an operation's descriptor through an iterator to a
 * primitive descriptor, 3.x makes the latter at once and steps it to the next implementation. Here: avsn_md owns a memory
 * descriptor, avsn_pd a primitive descriptor that avsn_pd_next steps. */
#ifndef AVSN_ONEDNN_H
#define AVSN_ONEDNN_H

#include <dnnl.h>
#include <string.h>

#include "op/kernel.h"

#define AVSN_ONEDNN3 (DNNL_VERSION_MAJOR >= 3)

/* ---- memory descriptors ---- */

#if AVSN_ONEDNN3
typedef struct avsn_md {
    dnnl_memory_desc_t handle;
} avsn_md;
typedef const_dnnl_memory_desc_t avsn_md_arg;
#else
typedef struct avsn_md {
    dnnl_memory_desc_t desc;
} avsn_md;
typedef const dnnl_memory_desc_t *avsn_md_arg;
#endif

static inline avsn_md_arg avsn_md_of(const avsn_md *md)
{
#if AVSN_ONEDNN3
    return md ? md->handle : NULL;
#else
    return md ? &md->desc : NULL;
#endif
}

static inline dnnl_status_t avsn_md_init_tag(avsn_md *md, int rank, const dnnl_dims_t dims, dnnl_data_type_t type,
                                             dnnl_format_tag_t tag)
{
#if AVSN_ONEDNN3
    return dnnl_memory_desc_create_with_tag(&md->handle, rank, dims, type, tag);
#else
    return dnnl_memory_desc_init_by_tag(&md->desc, rank, dims, type, tag);
#endif
}

static inline dnnl_status_t avsn_md_copy(avsn_md *md, avsn_md_arg from)
{
#if AVSN_ONEDNN3
    return dnnl_memory_desc_clone(&md->handle, from);
#else
    md->desc = *from;
    return dnnl_success;
#endif
}

static inline void avsn_md_clear(avsn_md *md)
{
#if AVSN_ONEDNN3
    dnnl_memory_desc_destroy(md->handle);
    md->handle = NULL;
#else
    memset(md, 0, sizeof *md);
#endif
}

/* Strides of the outer dimensions and the inner blocks of a blocked descriptor; false for any other kind. */
typedef struct avsn_md_blocks {
    dnnl_dims_t strides;
    int count;
    dnnl_dims_t block, axis;
} avsn_md_blocks;

static inline bool avsn_md_read_blocks(avsn_md_arg md, avsn_md_blocks *blocks)
{
    memset(blocks, 0, sizeof *blocks);
#if AVSN_ONEDNN3
    dnnl_format_kind_t kind;
    const dnnl_dims_t *strides, *block, *axis;
    if (dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind) || kind != dnnl_blocked)
        return false;
    dnnl_memory_desc_query(md, dnnl_query_strides, &strides);
    dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &blocks->count);
    dnnl_memory_desc_query(md, dnnl_query_inner_blks, &block);
    dnnl_memory_desc_query(md, dnnl_query_inner_idxs, &axis);
    memcpy(blocks->strides, *strides, sizeof blocks->strides);
    memcpy(blocks->block, *block, sizeof blocks->block);
    memcpy(blocks->axis, *axis, sizeof blocks->axis);
#else
    if (md->format_kind != dnnl_blocked)
        return false;
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    memcpy(blocks->strides, b->strides, sizeof blocks->strides);
    memcpy(blocks->block, b->inner_blks, sizeof blocks->block);
    memcpy(blocks->axis, b->inner_idxs, sizeof blocks->axis);
    blocks->count = b->inner_nblks;
#endif
    return true;
}

/* ---- primitive descriptors ---- */

typedef struct avsn_pd {
#if !AVSN_ONEDNN3
    dnnl_primitive_desc_iterator_t iterator;
    union { /* read by the iterator at every step */
        dnnl_convolution_desc_t conv;
        dnnl_pooling_v2_desc_t pool;
        dnnl_batch_normalization_desc_t batch_norm;
        dnnl_inner_product_desc_t inner_product;
        dnnl_eltwise_desc_t eltwise;
        dnnl_binary_desc_t binary;
    } op;
#endif
    dnnl_primitive_desc_t pd; /* the implementation stepped to */
} avsn_pd;

static inline void avsn_pd_clear(avsn_pd *p)
{
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
#if !AVSN_ONEDNN3
    if (p->iterator)
        dnnl_primitive_desc_iterator_destroy(p->iterator);
#endif
    memset(p, 0, sizeof *p);
}

static inline dnnl_status_t avsn_pd_next(avsn_pd *p)
{
#if AVSN_ONEDNN3
    return dnnl_primitive_desc_next_impl(p->pd);
#else
    const dnnl_status_t status = dnnl_primitive_desc_iterator_next(p->iterator);
    if (status)
        return status;
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
    p->pd = dnnl_primitive_desc_iterator_fetch(p->iterator);
    return p->pd ? dnnl_success : dnnl_out_of_memory;
#endif
}

#if !AVSN_ONEDNN3
/* From p->op, which holds an operation's descriptor; a backward one needs the forward one as a hint. */
static inline dnnl_status_t avsn_pd_start_with(avsn_pd *p, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
                                               const avsn_pd *hint)
{
    p->pd = NULL;
    const dnnl_status_t status =
        dnnl_primitive_desc_iterator_create(&p->iterator, &p->op, attr, engine, hint ? hint->pd : NULL);
    if (status)
        return status;
    p->pd = dnnl_primitive_desc_iterator_fetch(p->iterator);
    return p->pd ? dnnl_success : dnnl_out_of_memory;
}

static inline dnnl_status_t avsn_pd_start(avsn_pd *p, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine)
{
    return avsn_pd_start_with(p, attr, engine, NULL);
}
#endif

/* Sliding-window geometry in oneDNN's terms. */
typedef struct avsn_onednn_window {
    dnnl_dims_t stride, dilation, before, after, kernel;
} avsn_onednn_window;

static inline avsn_onednn_window avsn_onednn_window_of(const avsn_window *w)
{
    avsn_onednn_window o;
    memset(&o, 0, sizeof o);
    for (int i = 0; i < w->spatial; i++) {
        o.stride[i] = w->stride[i];
        o.dilation[i] = w->dilation[i] - 1;
        o.before[i] = w->before[i];
        o.after[i] = w->after[i];
        o.kernel[i] = w->kernel[i];
    }
    return o;
}

static inline dnnl_status_t avsn_pd_conv(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                         dnnl_prop_kind_t prop, dnnl_alg_kind_t algorithm, avsn_md_arg src,
                                         avsn_md_arg weights, avsn_md_arg bias, avsn_md_arg dst,
                                         const avsn_onednn_window *w)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_convolution_forward_primitive_desc_create(&p->pd, engine, prop, algorithm, src, weights, bias, dst,
                                                          w->stride, w->dilation, w->before, w->after, attr);
#else
    const dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &p->op.conv, prop, algorithm, src, weights, bias, dst, w->stride, w->dilation, w->before, w->after);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

static inline dnnl_status_t avsn_pd_conv_backward_data(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                                       avsn_md_arg diff_src, avsn_md_arg weights, avsn_md_arg diff_dst,
                                                       const avsn_onednn_window *w, const avsn_pd *hint)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_convolution_backward_data_primitive_desc_create(&p->pd, engine, dnnl_convolution_direct, diff_src, weights,
                                                                diff_dst, w->stride, w->dilation, w->before, w->after,
                                                                hint->pd, attr);
#else
    const dnnl_status_t status =
        dnnl_dilated_convolution_backward_data_desc_init(&p->op.conv, dnnl_convolution_direct, diff_src, weights, diff_dst,
                                                         w->stride, w->dilation, w->before, w->after);
    return status ? status : avsn_pd_start_with(p, attr, engine, hint);
#endif
}

static inline dnnl_status_t avsn_pd_conv_backward_weights(avsn_pd *p, dnnl_engine_t engine,
                                                          const_dnnl_primitive_attr_t attr, avsn_md_arg src,
                                                          avsn_md_arg diff_weights, avsn_md_arg diff_bias,
                                                          avsn_md_arg diff_dst, const avsn_onednn_window *w,
                                                          const avsn_pd *hint)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_convolution_backward_weights_primitive_desc_create(&p->pd, engine, dnnl_convolution_direct, src,
                                                                   diff_weights, diff_bias, diff_dst, w->stride,
                                                                   w->dilation, w->before, w->after, hint->pd, attr);
#else
    const dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &p->op.conv, dnnl_convolution_direct, src, diff_weights, diff_bias, diff_dst, w->stride, w->dilation, w->before,
        w->after);
    return status ? status : avsn_pd_start_with(p, attr, engine, hint);
#endif
}

static inline dnnl_status_t avsn_pd_pool(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                         dnnl_prop_kind_t prop, dnnl_alg_kind_t algorithm, avsn_md_arg src,
                                         avsn_md_arg dst, const avsn_onednn_window *w)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_pooling_forward_primitive_desc_create(&p->pd, engine, prop, algorithm, src, dst, w->stride, w->kernel,
                                                      w->dilation, w->before, w->after, attr);
#else
    const dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(&p->op.pool, prop, algorithm, src, dst, w->stride,
                                                                   w->kernel, w->dilation, w->before, w->after);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

static inline dnnl_status_t avsn_pd_pool_backward(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                                  dnnl_alg_kind_t algorithm, avsn_md_arg diff_src, avsn_md_arg diff_dst,
                                                  const avsn_onednn_window *w, const avsn_pd *hint)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_pooling_backward_primitive_desc_create(&p->pd, engine, algorithm, diff_src, diff_dst, w->stride, w->kernel,
                                                       w->dilation, w->before, w->after, hint->pd, attr);
#else
    const dnnl_status_t status = dnnl_pooling_v2_backward_desc_init(&p->op.pool, algorithm, diff_src, diff_dst, w->stride,
                                                                    w->kernel, w->dilation, w->before, w->after);
    return status ? status : avsn_pd_start_with(p, attr, engine, hint);
#endif
}

/* With given statistics, a scale and a shift. */
static inline dnnl_status_t avsn_pd_batch_norm(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                               avsn_md_arg src, float epsilon, bool scale)
{
    const dnnl_prop_kind_t prop = dnnl_forward_inference;
    const unsigned flags = (scale ? dnnl_use_scale : 0U) | dnnl_use_shift | dnnl_use_global_stats;
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_batch_normalization_forward_primitive_desc_create(&p->pd, engine, prop, src, src, epsilon, flags, attr);
#else
    const dnnl_status_t status =
        dnnl_batch_normalization_forward_desc_init(&p->op.batch_norm, prop, src, epsilon, flags);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

static inline dnnl_status_t avsn_pd_inner_product(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                                  avsn_md_arg src, avsn_md_arg weights, avsn_md_arg bias, avsn_md_arg dst)
{
#if AVSN_ONEDNN3
    memset(p, 0, sizeof *p);
    return dnnl_inner_product_forward_primitive_desc_create(&p->pd, engine, dnnl_forward_inference, src, weights, bias, dst,
                                                            attr);
#else
    memset(p, 0, sizeof *p);
    const dnnl_status_t status =
        dnnl_inner_product_forward_desc_init(&p->op.inner_product, dnnl_forward_inference, src, weights, bias, dst);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

/* Given the forward one as a hint: diff_src, or (diff_src NULL) diff_weights and diff_bias. */
static inline dnnl_status_t avsn_pd_inner_product_backward(avsn_pd *p, dnnl_engine_t engine,
                                                           const_dnnl_primitive_attr_t attr, avsn_md_arg src,
                                                           avsn_md_arg weights, avsn_md_arg bias, avsn_md_arg dst,
                                                           bool data, const avsn_pd *hint)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return data ? dnnl_inner_product_backward_data_primitive_desc_create(&p->pd, engine, src, weights, dst, hint->pd, attr)
                : dnnl_inner_product_backward_weights_primitive_desc_create(&p->pd, engine, src, weights, bias, dst,
                                                                            hint->pd, attr);
#else
    const dnnl_status_t status =
        data ? dnnl_inner_product_backward_data_desc_init(&p->op.inner_product, src, weights, dst)
             : dnnl_inner_product_backward_weights_desc_init(&p->op.inner_product, src, weights, bias, dst);
    return status ? status : avsn_pd_start_with(p, attr, engine, hint);
#endif
}

/* What is below 0 is multiplied by the slope, 0 or more. */
static inline dnnl_status_t avsn_pd_eltwise(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                            dnnl_prop_kind_t prop, dnnl_alg_kind_t algorithm, float alpha, avsn_md_arg src)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_eltwise_forward_primitive_desc_create(&p->pd, engine, prop, algorithm, src, src, alpha, 0, attr);
#else
    const dnnl_status_t status = dnnl_eltwise_forward_desc_init(&p->op.eltwise, prop, algorithm, src, alpha, 0);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

static inline dnnl_status_t avsn_pd_relu(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                         dnnl_prop_kind_t prop, float slope, avsn_md_arg src)
{
    const dnnl_alg_kind_t algorithm =
        prop == dnnl_forward_inference ? dnnl_eltwise_relu : dnnl_eltwise_relu_use_dst_for_bwd;
    return avsn_pd_eltwise(p, engine, attr, prop, algorithm, slope, src);
}

/* From the result, which is all that ReLU's gradient needs. */
static inline dnnl_status_t avsn_pd_relu_backward(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                                  float slope, avsn_md_arg dst, const avsn_pd *hint)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    return dnnl_eltwise_backward_primitive_desc_create(&p->pd, engine, dnnl_eltwise_relu_use_dst_for_bwd, dst, dst, dst,
                                                       slope, 0, hint->pd, attr);
#else
    const dnnl_status_t status =
        dnnl_eltwise_backward_desc_init(&p->op.eltwise, dnnl_eltwise_relu_use_dst_for_bwd, dst, dst, slope, 0);
    return status ? status : avsn_pd_start_with(p, attr, engine, hint);
#endif
}

static inline dnnl_status_t avsn_pd_add(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr, avsn_md_arg a,
                                        avsn_md_arg b, avsn_md_arg dst)
{
#if AVSN_ONEDNN3
    memset(p, 0, sizeof *p);
    return dnnl_binary_primitive_desc_create(&p->pd, engine, dnnl_binary_add, a, b, dst, attr);
#else
    memset(p, 0, sizeof *p);
    const dnnl_status_t status = dnnl_binary_desc_init(&p->op.binary, dnnl_binary_add, a, b, dst);
    return status ? status : avsn_pd_start(p, attr, engine);
#endif
}

static inline dnnl_status_t avsn_pd_reorder(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr,
                                            avsn_md_arg src, avsn_md_arg dst)
{
    memset(p, 0, sizeof *p);
    return dnnl_reorder_primitive_desc_create(&p->pd, src, engine, dst, engine, attr);
}

static inline dnnl_status_t avsn_pd_concat(avsn_pd *p, dnnl_engine_t engine, const_dnnl_primitive_attr_t attr, int count,
                                           int axis, const avsn_md *srcs)
{
    memset(p, 0, sizeof *p);
#if AVSN_ONEDNN3
    const_dnnl_memory_desc_t list[AVSN_MAX_INPUTS];
    for (int i = 0; i < count; i++)
        list[i] = srcs[i].handle;
    return dnnl_concat_primitive_desc_create(&p->pd, engine, NULL, count, axis, list, attr);
#else
    dnnl_memory_desc_t list[AVSN_MAX_INPUTS];
    for (int i = 0; i < count; i++)
        list[i] = srcs[i].desc;
    return dnnl_concat_primitive_desc_create(&p->pd, NULL, count, axis, list, attr, engine);
#endif
}

static inline dnnl_status_t avsn_post_op_relu(dnnl_post_ops_t post_ops)
{
#if AVSN_ONEDNN3
    return dnnl_post_ops_append_eltwise(post_ops, dnnl_eltwise_relu, 0, 0);
#else
    return dnnl_post_ops_append_eltwise(post_ops, 1.0f, dnnl_eltwise_relu, 0, 0);
#endif
}

/* ---- layouts seen from inside lib/op ---- */

const avsn_md *avsn_layout_md(const avsn_layout *layout);
avsn_layout *avsn_layout_from_md(avsound_context *context, avsn_md_arg md, const avsn_shape *shape, int32_t dtype);
dnnl_data_type_t avsn_onednn_type(int32_t dtype);
/* A descriptor with the layout left open, for oneDNN to choose. */
dnnl_status_t avsn_md_any(avsn_md *md, const avsn_shape *shape, int32_t dtype);
dnnl_status_t avsn_md_tag(avsn_md *md, const avsn_shape *shape, int32_t dtype, dnnl_format_tag_t tag);

/* The order that activations of this rank keep from convolution to convolution. */
dnnl_format_tag_t avsn_activation_tag(int32_t compute, int32_t rank);
/* A descriptor of another shape in the order of `layout` (channels last, channel-blocked; row-major for any other and NULL). */
dnnl_status_t avsn_layout_like(const avsn_layout *layout, const avsn_shape *shape, int32_t dtype, avsn_md *md);

/* Turns oneDNN's refusal into a status with the op, the shapes and the reason. */
avsound_status avsn_onednn_fail(dnnl_status_t status, const char *what, const avsn_shape *src, const avsn_shape *dst);

/* ---- a kernel that is one primitive ---- */

typedef struct avsn_onednn_kernel {
    avsn_kernel base;
    avsn_runtime *runtime;
    dnnl_primitive_t primitive;
    int arg_count;
    struct {
        int arg;            /* DNNL_ARG_ */
        int source;         /* >= 0: input; -1 - k: output k; AVSN_SCRATCHPAD */
        avsn_layout *layout; /* NULL for the scratchpad */
    } wiring[AVSN_MAX_INPUTS + AVSN_MAX_OUTPUTS + 1];
    avsn_md scratchpad;
    dnnl_exec_arg_t args[AVSN_MAX_INPUTS + AVSN_MAX_OUTPUTS + 1];
} avsn_onednn_kernel;

#define AVSN_SCRATCHPAD 1000

dnnl_engine_t avsn_runtime_engine(const avsn_runtime *runtime);
dnnl_stream_t avsn_runtime_stream(const avsn_runtime *runtime);

/* Attributes with the scratchpad in the caller's hands; relu and add become post-ops. */
dnnl_status_t avsn_onednn_attributes(dnnl_primitive_attr_t *attr, bool relu, avsn_md_arg add);

/* An empty kernel with `inputs` inputs and one output; avsn_onednn_wire and avsn_onednn_finish complete it. */
avsound_status avsn_onednn_kernel_create(const avsn_kernel_request *request, avsn_onednn_kernel **out);
/* Input i (or output -1 - k) is passed as `arg`; takes the layout from the descriptor's query unless it is given. */
avsound_status avsn_onednn_wire(avsn_onednn_kernel *kernel, const avsn_pd *pd, int arg, int source, dnnl_query_t query,
                                int index, const avsn_shape *shape, int32_t dtype);
/* Makes the primitive; takes pd's implementation name and scratchpad. */
avsound_status avsn_onednn_finish(avsn_onednn_kernel *kernel, const avsn_pd *pd);

typedef struct avsn_wire {
    int arg, source;
    dnnl_query_t query; /* dnnl_query_undef: a vector of f32 */
    int index;
    const avsn_shape *shape;
    int32_t dtype;
} avsn_wire;

/* All of the above for an implementation that was found, or the report why none was; clears pd. */
avsound_status avsn_onednn_complete(const avsn_kernel_request *request, const char *what, dnnl_status_t status, avsn_pd *pd,
                                    const avsn_wire *wires, int count, avsn_kernel **out);

#endif
