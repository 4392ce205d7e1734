/* Convolutions: oneDNN's direct and Winograd kernels, and the choice between them. */
#include "op/families.h"
#include "op/onednn.h"

#include <string.h>

/* The order activations keep from the first convolution to the last. It follows from the processor and the precision alone, so
 * that neighbouring layers agree and nothing is reordered between them. */
typedef enum activation_order { ORDER_OPEN, ORDER_BLOCKED8, ORDER_BLOCKED16, ORDER_CHANNELS_LAST } activation_order;

static activation_order order_for(int32_t compute)
{
    const avsn_isa isa = avsn_op_isa();
    if (compute == AVSOUND_DTYPE_BF16 && isa >= AVSN_ISA_AMX)
        return ORDER_CHANNELS_LAST; /* all of oneDNN's AMX kernels */
    if (isa >= AVSN_ISA_AVX512)
        return ORDER_BLOCKED16; /* the only one its Winograd kernels take */
    return isa >= AVSN_ISA_AVX2 ? ORDER_BLOCKED8 : ORDER_OPEN;
}

static dnnl_format_tag_t order_tag(activation_order order, int32_t rank)
{
    static const dnnl_format_tag_t blocked8[6] = {0, 0, 0, dnnl_nCw8c, dnnl_nChw8c, dnnl_nCdhw8c};
    static const dnnl_format_tag_t blocked16[6] = {0, 0, 0, dnnl_nCw16c, dnnl_nChw16c, dnnl_nCdhw16c};
    static const dnnl_format_tag_t last[6] = {0, 0, 0, dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    switch (order) {
    case ORDER_BLOCKED8:
        return blocked8[rank];
    case ORDER_BLOCKED16:
        return blocked16[rank];
    case ORDER_CHANNELS_LAST:
        return last[rank];
    default:
        return dnnl_format_tag_any;
    }
}

static dnnl_format_tag_t plain_tag(int32_t rank)
{
    static const dnnl_format_tag_t tags[6] = {0, 0, 0, dnnl_ncw, dnnl_nchw, dnnl_ncdhw};
    return tags[rank];
}

dnnl_format_tag_t avsn_activation_tag(int32_t compute, int32_t rank)
{
    return order_tag(order_for(compute), rank);
}

/* oneDNN reads a picture's or a spectrogram's few channels row-major. */
static dnnl_format_tag_t src_tag(activation_order order, const avsn_shape *src)
{
    if ((order == ORDER_BLOCKED8 || order == ORDER_BLOCKED16) && src->dim[1] < 8)
        return plain_tag(src->rank);
    return order_tag(order, src->rank);
}

/* ---- the choice ---- */

static bool is_stride1_3x3(const avsn_window *w)
{
    if (w->spatial != 2)
        return false;
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1 || w->before[i] > 1 || w->after[i] > 1)
            return false;
    return true;
}

/* Winograd's F(4,3) has the fewer multiplications, F(2,3) the smaller tiles: measured in AVE-Net on an AVX-512 processor the
 * first wins from maps of 28x28 up, the second at 14x14 and 16x12 (docs/performance.md). NULL: direct. */
static const char *winograd_for(const avsn_kernel_request *request)
{
    const avsn_shape *src = avsn_layout_shape(request->input[0]);
    const avsn_shape *dst = request->output;
    if (request->compute != AVSOUND_DTYPE_F32 || avsn_op_isa() < AVSN_ISA_AVX512 || request->add ||
        !is_stride1_3x3(&request->attributes->window) || src->dim[1] % 16 || dst->dim[1] % 16 || src->dim[1] < 32)
        return NULL;
    return AVSN_MIN(dst->dim[2], dst->dim[3]) >= 20 ? "wino_4x3" : "wino_2x3";
}

typedef struct conv_mds {
    avsn_md src, weights, bias, dst, add;
} conv_mds;

static void mds_clear(conv_mds *m)
{
    avsn_md_clear(&m->src);
    avsn_md_clear(&m->weights);
    avsn_md_clear(&m->bias);
    avsn_md_clear(&m->dst);
    avsn_md_clear(&m->add);
}

static bool has_bias(const avsn_kernel_request *r)
{
    return r->input_count - (r->add ? 1 : 0) == 3;
}

static dnnl_status_t mds_init(conv_mds *m, const avsn_kernel_request *r, activation_order order)
{
    memset(m, 0, sizeof *m);
    const avsn_shape *src = avsn_layout_shape(r->input[0]);
    dnnl_status_t status = avsn_md_tag(&m->src, src, r->compute, src_tag(order, src));
    if (!status)
        status = avsn_md_any(&m->weights, avsn_layout_shape(r->input[1]), r->compute);
    if (!status && has_bias(r))
        status = avsn_md_tag(&m->bias, avsn_layout_shape(r->input[2]), AVSOUND_DTYPE_F32, dnnl_a);
    if (!status)
        status = avsn_md_tag(&m->dst, r->output, r->output_dtype, order_tag(order, r->output->rank));
    if (!status && r->add)
        status = avsn_md_tag(&m->add, r->output, r->output_dtype,
                             order == ORDER_OPEN ? plain_tag(r->output->rank) : order_tag(order, r->output->rank));
    return status;
}

static dnnl_status_t start(avsn_pd *pd, const avsn_kernel_request *r, const conv_mds *m, dnnl_alg_kind_t algorithm)
{
    const avsn_onednn_window window = avsn_onednn_window_of(&r->attributes->window);
    dnnl_primitive_attr_t attr;
    dnnl_status_t status = avsn_onednn_attributes(&attr, r->relu, r->add ? avsn_md_of(&m->add) : NULL);
    if (status)
        return status;
    status = avsn_pd_conv(pd, avsn_runtime_engine(r->runtime), attr, dnnl_forward_inference, algorithm, avsn_md_of(&m->src),
                          avsn_md_of(&m->weights), has_bias(r) ? avsn_md_of(&m->bias) : NULL, avsn_md_of(&m->dst),
                          &window);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static bool impl_contains(const avsn_pd *pd, const char *word)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd->pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, word) != NULL;
}

/* dnnl_unimplemented: not for this convolution. Where memory is short or oneDNN breaks down it must not be taken for that: the direct
 * algorithm's sums are not quite the same. */
static dnnl_status_t start_winograd(avsn_pd *pd, const avsn_kernel_request *r, const conv_mds *m, const char *wanted)
{
    memset(pd, 0, sizeof *pd);
    dnnl_status_t status = start(pd, r, m, dnnl_convolution_winograd);
    while (!status && !impl_contains(pd, wanted))
        status = avsn_pd_next(pd);
    if (!status)
        return dnnl_success;
    avsn_pd_clear(pd);
    return status == dnnl_out_of_memory || status == dnnl_runtime_error ? status : dnnl_unimplemented;
}

static dnnl_status_t start_direct(avsn_pd *pd, const avsn_kernel_request *r, const conv_mds *m, bool reference_too)
{
    dnnl_status_t status = start(pd, r, m, dnnl_convolution_direct);
    if (!status && !reference_too && impl_contains(pd, "ref"))
        status = dnnl_unimplemented;
    if (status)
        avsn_pd_clear(pd);
    return status;
}

/* Finds an implementation for one activation order; dnnl_unimplemented if there is none but a reference kernel. */
static dnnl_status_t choose(avsn_pd *pd, const avsn_kernel_request *r, activation_order order, bool reference_too)
{
    conv_mds m;
    dnnl_status_t status = mds_init(&m, r, order);
    if (!status) {
        const char *winograd = winograd_for(r);
        status = winograd ? start_winograd(pd, r, &m, winograd) : dnnl_unimplemented;
        if (status == dnnl_unimplemented)
            status = start_direct(pd, r, &m, reference_too);
    }
    mds_clear(&m);
    return status;
}

avsound_status avsn_make_conv(const avsn_kernel_request *r, avsn_kernel **out)
{
    if (avsn_conv_amx_pays(r))
        return avsn_make_conv_amx(r, out);
    avsn_pd pd = {0};
    dnnl_status_t status = choose(&pd, r, order_for(r->compute), false);
    if (status == dnnl_unimplemented)
        status = choose(&pd, r, ORDER_OPEN, true);
    avsn_wire wires[5] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, avsn_layout_shape(r->input[0]), r->compute},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, avsn_layout_shape(r->input[1]), r->compute},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, r->output_dtype},
    };
    int count = 3;
    if (has_bias(r))
        wires[count++] = (avsn_wire){DNNL_ARG_BIAS, 2, dnnl_query_weights_md, 1, avsn_layout_shape(r->input[2]),
                                     AVSOUND_DTYPE_F32};
    if (r->add)
        wires[count++] = (avsn_wire){DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, r->input_count - 1,
                                     dnnl_query_dst_md, 0, r->output, r->output_dtype};
    return avsn_onednn_complete(r, "convolution", status, &pd, wires, count, out);
}

/* ---- backward ---- */

/* The three tensors of a convolution whose gradients are wanted. */
typedef struct backward_shapes {
    const avsn_shape *src, *weights, *dst;
} backward_shapes;

/* Descriptors for one order, and the forward convolution that oneDNN demands as a hint. */
static dnnl_status_t start_hint(avsn_pd *hint, conv_mds *m, const avsn_kernel_request *r, const backward_shapes *s,
                                int32_t weights_dtype, activation_order order, const avsn_onednn_window *w,
                                dnnl_primitive_attr_t attr)
{
    memset(m, 0, sizeof *m);
    dnnl_status_t status = avsn_md_tag(&m->src, s->src, r->compute, src_tag(order, s->src));
    if (!status)
        status = avsn_md_any(&m->weights, s->weights, r->compute);
    if (!status)
        status = avsn_md_tag(&m->dst, s->dst, r->compute, order_tag(order, s->dst->rank));
    if (!status)
        status = avsn_pd_conv(hint, avsn_runtime_engine(r->runtime), attr, dnnl_forward_training, dnnl_convolution_direct,
                              avsn_md_of(&m->src), avsn_md_of(&m->weights), NULL, avsn_md_of(&m->dst), w);
    if (!status && weights_dtype != r->compute) {
        avsn_md_clear(&m->weights);
        status = avsn_md_any(&m->weights, s->weights, weights_dtype);
    }
    return status;
}

static dnnl_status_t start_backward_data(avsn_pd *pd, const avsn_kernel_request *r, const backward_shapes *s,
                                         activation_order order)
{
    const avsn_onednn_window w = avsn_onednn_window_of(&r->attributes->window);
    dnnl_primitive_attr_t attr;
    avsn_pd hint = {0};
    conv_mds m = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (status)
        return status;
    status = start_hint(&hint, &m, r, s, r->compute, order, &w, attr);
    if (!status)
        status = avsn_pd_conv_backward_data(pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&m.src),
                                            avsn_md_of(&m.weights), avsn_md_of(&m.dst), &w, &hint);
    avsn_pd_clear(&hint);
    mds_clear(&m);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static dnnl_status_t start_backward_weights(avsn_pd *pd, const avsn_kernel_request *r, const backward_shapes *s,
                                            activation_order order)
{
    const avsn_onednn_window w = avsn_onednn_window_of(&r->attributes->window);
    dnnl_primitive_attr_t attr;
    avsn_pd hint = {0};
    conv_mds m = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (status)
        return status;
    status = start_hint(&hint, &m, r, s, AVSOUND_DTYPE_F32, order, &w, attr);
    if (!status && r->output_count > 1)
        status = avsn_md_tag(&m.bias, r->outputs[1], AVSOUND_DTYPE_F32, dnnl_a);
    if (!status)
        status = avsn_pd_conv_backward_weights(pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&m.src),
                                               avsn_md_of(&m.weights), r->output_count > 1 ? avsn_md_of(&m.bias) : NULL,
                                               avsn_md_of(&m.dst), &w, &hint);
    avsn_pd_clear(&hint);
    mds_clear(&m);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

/* Finds an implementation in the order that the forward pass keeps, or failing that in whichever oneDNN likes. */
static dnnl_status_t choose_backward(avsn_pd *pd, const avsn_kernel_request *r, const backward_shapes *s,
                                     dnnl_status_t (*begin)(avsn_pd *, const avsn_kernel_request *,
                                                            const backward_shapes *, activation_order))
{
    const dnnl_status_t status = begin(pd, r, s, order_for(r->compute));
    if (status && status != dnnl_unimplemented)
        return status;
    if (!status && !impl_contains(pd, "ref"))
        return dnnl_success;
    avsn_pd_clear(pd);
    return begin(pd, r, s, ORDER_OPEN);
}

avsound_status avsn_make_conv_backward_data(const avsn_kernel_request *r, avsn_kernel **out)
{
    if (avsn_conv_amx_pays(r))
        return avsn_make_conv_amx(r, out);
    const backward_shapes s = {r->output, avsn_layout_shape(r->input[1]), avsn_layout_shape(r->input[0])};
    avsn_pd pd = {0};
    const dnnl_status_t status = choose_backward(&pd, r, &s, start_backward_data);
    const avsn_wire wires[] = {
        {DNNL_ARG_DIFF_DST, 0, dnnl_query_diff_dst_md, 0, s.dst, r->compute},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, s.weights, r->compute},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, s.src, r->compute},
    };
    return avsn_onednn_complete(r, "convolution backward by data", status, &pd, wires, 3, out);
}

avsound_status avsn_make_conv_backward_weights(const avsn_kernel_request *r, avsn_kernel **out)
{
    if (avsn_conv_weights_serves(r))
        return avsn_make_conv_weights(r, out);
    const backward_shapes s = {avsn_layout_shape(r->input[0]), r->output, avsn_layout_shape(r->input[1])};
    avsn_pd pd = {0};
    const dnnl_status_t status = choose_backward(&pd, r, &s, start_backward_weights);
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, s.src, r->compute},
        {DNNL_ARG_DIFF_DST, 1, dnnl_query_diff_dst_md, 0, s.dst, r->compute},
        {DNNL_ARG_DIFF_WEIGHTS, -1, dnnl_query_diff_weights_md, 0, s.weights, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_BIAS, -2, dnnl_query_diff_weights_md, 1, r->outputs[1], AVSOUND_DTYPE_F32},
    };
    return avsn_onednn_complete(r, "convolution backward by weights", status, &pd, wires, r->output_count > 1 ? 4 : 3, out);
}
