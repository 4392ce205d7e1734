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
    bool has_bias, has_add;
} conv_mds;

static void mds_clear(conv_mds *m)
{
    avsn_md_clear(&m->src);
    avsn_md_clear(&m->weights);
    avsn_md_clear(&m->bias);
    avsn_md_clear(&m->dst);
    avsn_md_clear(&m->add);
}

static dnnl_status_t mds_init(conv_mds *m, const avsn_kernel_request *r, activation_order order)
{
    memset(m, 0, sizeof *m);
    const avsn_shape *src = avsn_layout_shape(r->input[0]);
    m->has_bias = r->input_count - (r->add ? 1 : 0) == 3;
    m->has_add = r->add;
    dnnl_status_t status = avsn_md_tag(&m->src, src, r->compute, src_tag(order, src));
    if (!status)
        status = avsn_md_any(&m->weights, avsn_layout_shape(r->input[1]), r->compute);
    if (!status && m->has_bias)
        status = avsn_md_tag(&m->bias, avsn_layout_shape(r->input[2]), AVSOUND_DTYPE_F32, dnnl_a);
    if (!status)
        status = avsn_md_tag(&m->dst, r->output, r->output_dtype, order_tag(order, r->output->rank));
    if (!status && m->has_add)
        status = avsn_md_tag(&m->add, r->output, r->output_dtype,
                             order == ORDER_OPEN ? plain_tag(r->output->rank) : order_tag(order, r->output->rank));
    return status;
}

static dnnl_status_t start(avsn_pd *pd, const avsn_kernel_request *r, const conv_mds *m, dnnl_alg_kind_t algorithm)
{
    dnnl_dims_t stride = {0}, dilation = {0}, before = {0}, after = {0};
    const avsn_window *w = &r->attributes->window;
    for (int i = 0; i < w->spatial; i++) {
        stride[i] = w->stride[i];
        dilation[i] = w->dilation[i] - 1;
        before[i] = w->before[i];
        after[i] = w->after[i];
    }
    dnnl_primitive_attr_t attr;
    dnnl_status_t status = avsn_onednn_attributes(&attr, r->relu, m->has_add ? avsn_md_of(&m->add) : NULL);
    if (status)
        return status;
    status = avsn_pd_conv(pd, avsn_runtime_engine(r->runtime), attr, algorithm, avsn_md_of(&m->src),
                          avsn_md_of(&m->weights), m->has_bias ? avsn_md_of(&m->bias) : NULL, avsn_md_of(&m->dst), stride,
                          dilation, before, after);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static bool impl_contains(const avsn_pd *pd, const char *word)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd->pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, word) != NULL;
}

static bool start_winograd(avsn_pd *pd, const avsn_kernel_request *r, const conv_mds *m, const char *wanted)
{
    memset(pd, 0, sizeof *pd);
    if (start(pd, r, m, dnnl_convolution_winograd))
        return false;
    do {
        if (impl_contains(pd, wanted))
            return true;
    } while (!avsn_pd_next(pd));
    avsn_pd_clear(pd);
    return false;
}

/* Finds an implementation for one activation order; dnnl_unimplemented if there is none but a reference kernel. */
static dnnl_status_t choose(avsn_pd *pd, const avsn_kernel_request *r, activation_order order, bool reference_too)
{
    conv_mds m;
    dnnl_status_t status = mds_init(&m, r, order);
    const char *winograd = winograd_for(r);
    if (!status && !(winograd && start_winograd(pd, r, &m, winograd))) {
        status = start(pd, r, &m, dnnl_convolution_direct);
        if (!status && !reference_too && impl_contains(pd, "ref")) {
            avsn_pd_clear(pd);
            status = dnnl_unimplemented;
        }
        if (status)
            avsn_pd_clear(pd);
    }
    mds_clear(&m);
    return status;
}

static avsound_status wire(avsn_onednn_kernel *kernel, const avsn_kernel_request *r, const avsn_pd *pd)
{
    const int bias_count = r->input_count - (r->add ? 1 : 0) - 2;
    AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, avsn_layout_shape(r->input[0]),
                              r->compute));
    AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0,
                              avsn_layout_shape(r->input[1]), r->compute));
    if (bias_count)
        AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_BIAS, 2, dnnl_query_weights_md, 1,
                                  avsn_layout_shape(r->input[2]), AVSOUND_DTYPE_F32));
    AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, r->output_dtype));
    if (r->add)
        AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, r->input_count - 1,
                                  dnnl_query_dst_md, 0, r->output, r->output_dtype));
    return avsn_onednn_finish(kernel, pd);
}

avsound_status avsn_make_conv(const avsn_kernel_request *request, avsn_kernel **out)
{
    const avsn_shape *src = avsn_layout_shape(request->input[0]);
    avsn_pd pd = {0};
    dnnl_status_t status = choose(&pd, request, order_for(request->compute), false);
    if (status == dnnl_unimplemented)
        status = choose(&pd, request, ORDER_OPEN, true);
    if (status)
        return avsn_onednn_fail(status, "convolution", src, request->output);
    avsn_onednn_kernel *kernel;
    avsound_status result = avsn_onednn_kernel_create(request, &kernel);
    if (!result)
        result = wire(kernel, request, &pd);
    avsn_pd_clear(&pd);
    if (result) {
        avsn_kernel_free(kernel ? &kernel->base : NULL);
        return result;
    }
    *out = &kernel->base;
    return AVSOUND_OK;
}
