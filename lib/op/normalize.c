/* Batch norm with running statistics, where it can't be folded into a convolution. With the batch's: normalize_train.c. */
#include "op/families.h"
#include "op/onednn.h"

static avsn_md_arg src_md(const avsn_kernel_request *r)
{
    return avsn_md_of(avsn_layout_md(r->input[0]));
}

avsound_status avsn_make_batch_norm(const avsn_kernel_request *r, avsn_kernel **out)
{
    if (r->output->rank == 3)
        return avsn_make_batch_norm_rows(r, out);
    const avsn_shape *channels = avsn_layout_shape(r->input[1]);
    const bool weight = r->input_count > 4;
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, r->relu, NULL);
    if (!status) {
        status = avsn_pd_batch_norm(&pd, avsn_runtime_engine(r->runtime), attr, src_md(r), r->attributes->epsilon,
                                    weight);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype},
        {DNNL_ARG_SHIFT, 1, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_MEAN, 2, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_VARIANCE, 3, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
        {DNNL_ARG_SCALE, 4, dnnl_query_undef, 0, channels, AVSOUND_DTYPE_F32},
    };
    AVSN_TRY(avsn_onednn_complete(r, "batch norm", status, &pd, wires, weight ? 6 : 5, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}
