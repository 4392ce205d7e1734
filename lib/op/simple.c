/* Ops that are one oneDNN primitive with nothing to choose: dense layers, ReLU, tanh, addition, concatenation, reorders. */
#include "op/families.h"
#include "op/onednn.h"

#include <string.h>

/* ---- dense layers ---- */

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
    const avsn_wire specs[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, src_shape, AVSOUND_DTYPE_F32},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, weights_shape, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, AVSOUND_DTYPE_F32},
        {DNNL_ARG_BIAS, 2, dnnl_query_weights_md, 1, r->input_count > 2 ? avsn_layout_shape(r->input[2]) : NULL,
         AVSOUND_DTYPE_F32},
    };
    return avsn_onednn_complete(r, "dense", status, &pd, specs, r->input_count > 2 ? 4 : 3, out);
}

static avsound_status make_dense_backward(const avsn_kernel_request *r, bool data, const avsn_shape *src_shape,
                                          const avsn_shape *weights_shape, const avsn_shape *dst_shape,
                                          const avsn_wire *wires, int count, avsn_kernel **out)
{
    avsn_md src = {0}, weights = {0}, bias = {0}, dst = {0};
    dnnl_primitive_attr_t attr = NULL;
    avsn_pd pd = {0}, hint = {0};
    dnnl_status_t status = avsn_md_tag(&src, src_shape, AVSOUND_DTYPE_F32, dnnl_ab);
    if (!status)
        status = avsn_md_tag(&weights, weights_shape, AVSOUND_DTYPE_F32, dnnl_ab);
    if (!status)
        status = avsn_md_tag(&bias, &AVSN_SHAPE(weights_shape->dim[0]), AVSOUND_DTYPE_F32, dnnl_a);
    if (!status)
        status = avsn_md_tag(&dst, dst_shape, AVSOUND_DTYPE_F32, dnnl_ab);
    if (!status)
        status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status)
        status = avsn_pd_inner_product(&hint, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&src),
                                       avsn_md_of(&weights), avsn_md_of(&bias), avsn_md_of(&dst));
    if (!status)
        status = avsn_pd_inner_product_backward(&pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&src),
                                                avsn_md_of(&weights), avsn_md_of(&bias), avsn_md_of(&dst), data, &hint);
    avsn_pd_clear(&hint);
    avsn_md_clear(&src);
    avsn_md_clear(&weights);
    avsn_md_clear(&bias);
    avsn_md_clear(&dst);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return avsn_onednn_complete(r, "dense backward", status, &pd, wires, count, out);
}

avsound_status avsn_make_dense_backward_data(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *dst = avsn_layout_shape(r->input[0]), *weights = avsn_layout_shape(r->input[1]);
    const avsn_wire wires[] = {
        {DNNL_ARG_DIFF_DST, 0, dnnl_query_diff_dst_md, 0, dst, AVSOUND_DTYPE_F32},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, weights, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, r->output, AVSOUND_DTYPE_F32},
    };
    return make_dense_backward(r, true, r->output, weights, dst, wires, 3, out);
}

avsound_status avsn_make_dense_backward_weights(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *src = avsn_layout_shape(r->input[0]), *dst = avsn_layout_shape(r->input[1]);
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, src, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_DST, 1, dnnl_query_diff_dst_md, 0, dst, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_WEIGHTS, -1, dnnl_query_diff_weights_md, 0, r->output, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_BIAS, -2, dnnl_query_diff_weights_md, 1, r->outputs[1], AVSOUND_DTYPE_F32},
    };
    return make_dense_backward(r, false, src, r->output, dst, wires, 4, out);
}

/* ---- element by element ---- */

/* Leaky, too: the slope is 0 or its own. */
avsound_status avsn_make_relu(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = avsn_pd_relu(&pd, avsn_runtime_engine(r->runtime), attr, dnnl_forward_inference, r->attributes->slope,
                              avsn_md_of(avsn_layout_md(r->input[0])));
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire specs[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(avsn_onednn_complete(r, "relu", status, &pd, specs, 2, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

avsound_status avsn_make_tanh(const avsn_kernel_request *r, avsn_kernel **out)
{
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = avsn_pd_eltwise(&pd, avsn_runtime_engine(r->runtime), attr, dnnl_forward_inference, dnnl_eltwise_tanh, 0,
                                 avsn_md_of(avsn_layout_md(r->input[0])));
        dnnl_primitive_attr_destroy(attr);
    }
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(avsn_onednn_complete(r, "tanh", status, &pd, wires, 2, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* From the result, which is all that ReLU's gradient needs; diff dst is brought to its layout. */
avsound_status avsn_make_relu_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    avsn_md_arg md = avsn_md_of(avsn_layout_md(r->input[0]));
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0}, hint = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = avsn_pd_relu(&hint, avsn_runtime_engine(r->runtime), attr, dnnl_forward_training, r->attributes->slope, md);
        if (!status)
            status = avsn_pd_relu_backward(&pd, avsn_runtime_engine(r->runtime), attr, r->attributes->slope, md, &hint);
        avsn_pd_clear(&hint);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_DST, 0, dnnl_query_dst_md, 0, r->output, dtype},
        {DNNL_ARG_DIFF_DST, 1, dnnl_query_diff_dst_md, 0, r->output, dtype},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, r->output, dtype},
    };
    return avsn_onednn_complete(r, "relu backward", status, &pd, wires, 3, out);
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
    const avsn_wire specs[] = {
        {DNNL_ARG_SRC_0, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_SRC_1, 1, dnnl_query_src_md, 1, r->output, dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(avsn_onednn_complete(r, "add", status, &pd, specs, 3, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* Sources are brought to the first one's order. A channel block that a source would leave part-filled has no place in the
 * result; then everything goes row-major. */
static dnnl_status_t concat_md(const avsn_kernel_request *r, const avsn_shape *shape, avsn_md *md)
{
    avsn_cells cells;
    bool whole = avsn_layout_cells(r->input[0], &cells);
    for (int32_t i = 0; whole && i < r->input_count; i++)
        whole = avsn_layout_shape(r->input[i])->dim[1] % cells.block == 0;
    return avsn_layout_like(whole ? r->input[0] : NULL, shape, avsn_layout_dtype(r->input[0]), md);
}

avsound_status avsn_make_concat(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    avsn_md srcs[AVSN_MAX_INPUTS] = {0};
    avsn_wire specs[AVSN_MAX_INPUTS + 1];
    dnnl_status_t status = dnnl_success;
    for (int32_t i = 0; !status && i < r->input_count; i++) {
        const avsn_shape *shape = avsn_layout_shape(r->input[i]);
        status = concat_md(r, shape, &srcs[i]);
        specs[i] = (avsn_wire){DNNL_ARG_MULTIPLE_SRC + i, i, dnnl_query_src_md, i, shape, dtype};
    }
    specs[r->input_count] = (avsn_wire){DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype};
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
    return avsn_onednn_complete(r, "concat", status, &pd, specs, r->input_count + 1, out);
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
    const avsn_wire specs[] = {
        {DNNL_ARG_FROM, 0, dnnl_query_src_md, 0, r.output, avsn_layout_dtype(from)},
        {DNNL_ARG_TO, -1, dnnl_query_dst_md, 0, r.output, avsn_layout_dtype(to)},
    };
    return avsn_onednn_complete(&r, "reorder", status, &pd, specs, 2, out);
}
