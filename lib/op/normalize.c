/* Batch norm with running statistics, for where it can't be folded into a convolution before it. */
#include "op/families.h"
#include "op/onednn.h"

static avsound_status wire(avsn_onednn_kernel *kernel, const avsn_kernel_request *r, const avsn_pd *pd)
{
    const avsn_shape *channels = avsn_layout_shape(r->input[1]);
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, r->output, dtype));
    const int args[4] = {DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE};
    for (int i = 0; i < 4; i++) {
        avsn_layout *layout;
        AVSN_TRY(avsn_layout_plain(r->context, AVSOUND_DTYPE_F32, channels, &layout));
        kernel->wiring[kernel->arg_count].arg = args[i];
        kernel->wiring[kernel->arg_count].source = 1 + i;
        kernel->wiring[kernel->arg_count].layout = layout;
        kernel->arg_count++;
        kernel->base.input[1 + i] = avsn_layout_ref(layout);
    }
    AVSN_TRY(avsn_onednn_wire(kernel, pd, DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype));
    return avsn_onednn_finish(kernel, pd);
}

avsound_status avsn_make_batch_norm(const avsn_kernel_request *request, avsn_kernel **out)
{
    dnnl_primitive_attr_t attr;
    dnnl_status_t status = avsn_onednn_attributes(&attr, request->relu, NULL);
    avsn_pd pd = {0};
    if (!status) {
        status = avsn_pd_batch_norm(&pd, avsn_runtime_engine(request->runtime), attr,
                                    avsn_md_of(avsn_layout_md(request->input[0])), request->attributes->epsilon);
        dnnl_primitive_attr_destroy(attr);
    }
    if (status) {
        avsn_pd_clear(&pd);
        return avsn_onednn_fail(status, "batch norm", request->output, NULL);
    }
    avsn_onednn_kernel *kernel;
    avsound_status result = avsn_onednn_kernel_create(request, &kernel);
    if (!result)
        result = wire(kernel, request, &pd);
    avsn_pd_clear(&pd);
    if (result) {
        avsn_kernel_free(kernel ? &kernel->base : NULL);
        return result;
    }
    kernel->base.in_place = true;
    *out = &kernel->base;
    return AVSOUND_OK;
}
