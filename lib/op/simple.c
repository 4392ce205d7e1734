/* Ops that are one oneDNN primitive with nothing to choose: pooling, dense layers, ReLU, addition, concatenation, reorders. */
#include "op/families.h"
#include "op/onednn.h"

#include <string.h>

typedef struct wire_spec {
    int arg, source;
    dnnl_query_t query;
    int index;
    const avsn_shape *shape;
    int32_t dtype;
} wire_spec;

/* Makes the kernel of an implementation that was found, or reports why none was; clears pd. */
static avsound_status complete(const avsn_kernel_request *r, const char *what, dnnl_status_t status, avsn_pd *pd,
                               const wire_spec *specs, int count, avsn_kernel **out)
{
    avsound_status result;
    avsn_onednn_kernel *kernel = NULL;
    if (status)
        result = avsn_onednn_fail(status, what, avsn_layout_shape(r->input[0]), r->output);
    else
        result = avsn_onednn_kernel_create(r, &kernel);
    for (int i = 0; !result && i < count; i++)
        result = avsn_onednn_wire(kernel, pd, specs[i].arg, specs[i].source, specs[i].query, specs[i].index,
                                  specs[i].shape, specs[i].dtype);
    if (!result)
        result = avsn_onednn_finish(kernel, pd);
    avsn_pd_clear(pd);
    if (result) {
        avsn_kernel_free(kernel ? &kernel->base : NULL);
        return result;
    }
    *out = &kernel->base;
    return AVSOUND_OK;
}

avsound_status avsn_make_pool(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_window *w = &r->attributes->window;
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_dims_t stride = {0}, kernel = {0}, dilation = {0}, before = {0}, after = {0};
    for (int i = 0; i < w->spatial; i++) {
        stride[i] = w->stride[i];
        kernel[i] = w->kernel[i];
        dilation[i] = w->dilation[i] - 1;
        before[i] = w->before[i];
        after[i] = w->after[i];
    }
    const dnnl_alg_kind_t algorithm =
        r->attributes->pooling == AVSN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
    avsn_md dst;
    dnnl_primitive_attr_t attr = NULL;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_md_any(&dst, r->output, dtype);
    if (!status)
        status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status)
        status = avsn_pd_pool(&pd, avsn_runtime_engine(r->runtime), attr, algorithm,
                              avsn_md_of(avsn_layout_md(r->input[0])), avsn_md_of(&dst), stride, kernel, dilation, before,
                              after);
    avsn_md_clear(&dst);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    const wire_spec specs[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, avsn_layout_shape(r->input[0]), dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    return complete(r, "pooling", status, &pd, specs, 2, out);
}

/* Dense layers stay in f32: they are a thousandth of a network's work and the last word on its result. */
avsound_status avsn_make_dense(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *src_shape = avsn_layout_shape(r->input[0]), *weights_shape = avsn_layout_shape(r->input[1]);
    avsn_md src = {0}, weights = {0}, bias = {0}, dst = {0};
    dnnl_primitive_attr_t attr = NULL;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_md_tag(&src, src_shape, AVSOUND_DTYPE_F32, dnnl_ab);
    if (!status)
        status = avsn_md_any(&weights, weights_shape, AVSOUND_DTYPE_F32);
    if (!status && r->input_count > 2)
        status = avsn_md_tag(&bias, avsn_layout_shape(r->input[2]), AVSOUND_DTYPE_F32, dnnl_a);
    if (!status)
        status = avsn_md_tag(&dst, r->output, AVSOUND_DTYPE_F32, dnnl_ab);
    if (!status)
        status = avsn_onednn_attributes(&attr, r->relu, NULL);
    if (!status)
        status = avsn_pd_inner_product(&pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&src), avsn_md_of(&weights),
                                       r->input_count > 2 ? avsn_md_of(&bias) : NULL, avsn_md_of(&dst));
    avsn_md_clear(&src);
    avsn_md_clear(&weights);
    avsn_md_clear(&bias);
    avsn_md_clear(&dst);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    const wire_spec specs[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, src_shape, AVSOUND_DTYPE_F32},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, weights_shape, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, AVSOUND_DTYPE_F32},
        {DNNL_ARG_BIAS, 2, dnnl_query_weights_md, 1, r->input_count > 2 ? avsn_layout_shape(r->input[2]) : NULL,
         AVSOUND_DTYPE_F32},
    };
    return complete(r, "dense", status, &pd, specs, r->input_count > 2 ? 4 : 3, out);
}

avsound_status avsn_make_relu(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = avsn_pd_relu(&pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(avsn_layout_md(r->input[0])));
        dnnl_primitive_attr_destroy(attr);
    }
    const wire_spec specs[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(complete(r, "relu", status, &pd, specs, 2, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* The second source is brought to the first one's layout. */
avsound_status avsn_make_add(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    avsn_md_arg md = avsn_md_of(avsn_layout_md(r->input[0]));
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, r->relu, NULL);
    if (!status) {
        status = avsn_pd_add(&pd, avsn_runtime_engine(r->runtime), attr, md, md, md);
        dnnl_primitive_attr_destroy(attr);
    }
    const wire_spec specs[] = {
        {DNNL_ARG_SRC_0, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_SRC_1, 1, dnnl_query_src_md, 1, r->output, dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(complete(r, "add", status, &pd, specs, 3, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* The order that all sources are brought to: the first one's. A channel block that a source would leave part-filled has no place
 * in the result; then everything goes row-major. */
static dnnl_format_tag_t concat_tag(const avsn_kernel_request *r)
{
    static const dnnl_format_tag_t plain[6] = {0, 0, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
    static const dnnl_format_tag_t last[6] = {0, 0, dnnl_ab, dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    static const dnnl_format_tag_t blocked8[6] = {0, 0, dnnl_ab, dnnl_nCw8c, dnnl_nChw8c, dnnl_nCdhw8c};
    static const dnnl_format_tag_t blocked16[6] = {0, 0, dnnl_ab, dnnl_nCw16c, dnnl_nChw16c, dnnl_nCdhw16c};
    const int32_t rank = r->output->rank;
    avsn_cells cells;
    if (!avsn_layout_cells(r->input[0], &cells))
        return plain[rank];
    for (int32_t i = 0; i < r->input_count; i++)
        if (avsn_layout_shape(r->input[i])->dim[1] % cells.block)
            return plain[rank];
    switch (cells.block) {
    case 8:
        return blocked8[rank];
    case 16:
        return blocked16[rank];
    default:
        return cells.outer == 1 ? last[rank] : plain[rank];
    }
}

avsound_status avsn_make_concat(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    avsn_md srcs[AVSN_MAX_INPUTS] = {0};
    wire_spec specs[AVSN_MAX_INPUTS + 1];
    dnnl_status_t status = dnnl_success;
    const dnnl_format_tag_t tag = concat_tag(r);
    for (int32_t i = 0; !status && i < r->input_count; i++) {
        const avsn_shape *shape = avsn_layout_shape(r->input[i]);
        status = avsn_md_tag(&srcs[i], shape, dtype, tag);
        specs[i] = (wire_spec){DNNL_ARG_MULTIPLE_SRC + i, i, dnnl_query_src_md, i, shape, dtype};
    }
    specs[r->input_count] = (wire_spec){DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype};
    dnnl_primitive_attr_t attr = NULL;
    avsn_pd pd = {0};
    if (!status)
        status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status)
        status = avsn_pd_concat(&pd, avsn_runtime_engine(r->runtime), attr, r->input_count, 1, srcs);
    for (int32_t i = 0; i < r->input_count; i++)
        avsn_md_clear(&srcs[i]);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return complete(r, "concat", status, &pd, specs, r->input_count + 1, out);
}

avsound_status avsn_kernel_create_reorder(avsound_context *context, avsn_runtime *runtime, avsn_layout *from,
                                          avsn_layout *to, avsn_kernel **out)
{
    const avsn_kernel_request r = {.context = context, .runtime = runtime, .input_count = 1, .input = {from},
                                   .output = avsn_layout_shape(to)};
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = avsn_pd_reorder(&pd, avsn_runtime_engine(runtime), attr, avsn_md_of(avsn_layout_md(from)),
                                 avsn_md_of(avsn_layout_md(to)));
        dnnl_primitive_attr_destroy(attr);
    }
    const wire_spec specs[] = {
        {DNNL_ARG_FROM, 0, dnnl_query_src_md, 0, r.output, avsn_layout_dtype(from)},
        {DNNL_ARG_TO, -1, dnnl_query_dst_md, 0, r.output, avsn_layout_dtype(to)},
    };
    return complete(&r, "reorder", status, &pd, specs, 2, out);
}
