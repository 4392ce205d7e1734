/* Batch norm: with running statistics where it can't be folded into a convolution, with the batch's in training, and back. */
#include "op/families.h"
#include "op/onednn.h"

static avsn_md_arg src_md(const avsn_kernel_request *r)
{
    return avsn_md_of(avsn_layout_md(r->input[0]));
}

avsound_status avsn_make_batch_norm(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *channels = avsn_layout_shape(r->input[1]);
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, r->relu, NULL);
    if (!status) {
        status = avsn_pd_batch_norm(&pd, avsn_runtime_engine(r->runtime), attr, dnnl_forward_inference, src_md(r),
                                    r->attributes->epsilon, false);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_SCALE, 1, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_SHIFT, 2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_MEAN, 3, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_VARIANCE, 4, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
    };
    AVSN_TRY(avsn_onednn_complete(r, "batch norm", status, &pd, wires, 6, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* ---- training ---- */

static dnnl_status_t start_training(avsn_pd *pd, const avsn_kernel_request *r, dnnl_primitive_attr_t attr)
{
    return avsn_pd_batch_norm(pd, avsn_runtime_engine(r->runtime), attr, dnnl_forward_training, src_md(r),
                              r->attributes->epsilon, r->attributes->relu);
}

avsound_status avsn_make_batch_norm_train(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *channels = avsn_layout_shape(r->input[1]);
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = start_training(&pd, r, attr);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_SCALE, 1, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_SHIFT, 2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
        {DNNL_ARG_MEAN, -2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_VARIANCE, -3, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_WORKSPACE, -4, dnnl_query_workspace_md, 0, r->outputs[3], AVSOUND_DTYPE_U8},
    };
    return avsn_onednn_complete(r, "batch norm in training", status, &pd, wires, r->attributes->relu ? 7 : 6, out);
}

avsound_status avsn_make_batch_norm_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *channels = avsn_layout_shape(r->input[2]);
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0}, hint = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = start_training(&hint, r, attr);
        if (!status)
            status = avsn_pd_batch_norm_backward(&pd, avsn_runtime_engine(r->runtime), attr, src_md(r),
                                                 r->attributes->epsilon, r->attributes->relu, &hint);
        avsn_pd_clear(&hint);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_DIFF_DST, 1, dnnl_query_diff_dst_md, 0, r->output, dtype},
        {DNNL_ARG_SCALE, 2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_SHIFT, 3, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_MEAN, 4, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_VARIANCE, 5, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, r->output, dtype},
        {DNNL_ARG_DIFF_SCALE, -2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DIFF_SHIFT, -3, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_WORKSPACE, 6, dnnl_query_workspace_md, 0, r->input_count > 6 ? avsn_layout_shape(r->input[6]) : NULL,
         AVSOUND_DTYPE_U8},
    };
    return avsn_onednn_complete(r, "batch norm backward", status, &pd, wires, r->attributes->relu ? 10 : 9, out);
}
