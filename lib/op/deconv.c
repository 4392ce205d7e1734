/* Transposed convolutions: oneDNN's gradient of a convolution by its source, which is the same sum. The weights lie as that
 * convolution's, its result being the source here. */
#include "op/families.h"
#include "op/onednn.h"

#include <string.h>

typedef struct deconv_mds {
    avsn_md src, weights, dst;
} deconv_mds;

static void mds_clear(deconv_mds *m)
{
    avsn_md_clear(&m->src);
    avsn_md_clear(&m->weights);
    avsn_md_clear(&m->dst);
}

static dnnl_status_t mds_init(deconv_mds *m, const avsn_kernel_request *r, dnnl_format_tag_t order)
{
    memset(m, 0, sizeof *m);
    dnnl_status_t status = avsn_md_tag(&m->src, avsn_layout_shape(r->input[0]), r->compute, order);
    if (!status)
        status = avsn_md_any(&m->weights, avsn_layout_shape(r->input[1]), r->compute);
    if (!status)
        status = avsn_md_tag(&m->dst, r->output, r->output_dtype, order);
    return status;
}

/* The convolution forwards is the hint that oneDNN demands; it reads in the compute type what the gradient may write in f32. */
static dnnl_status_t start_hint(avsn_pd *hint, const avsn_kernel_request *r, const deconv_mds *m, dnnl_format_tag_t order,
                                const avsn_onednn_window *w, dnnl_primitive_attr_t attr)
{
    avsn_md dst = {0};
    dnnl_status_t status = avsn_md_tag(&dst, r->output, r->compute, order);
    if (!status)
        status = avsn_pd_conv(hint, avsn_runtime_engine(r->runtime), attr, dnnl_forward_training, dnnl_convolution_direct,
                              avsn_md_of(&dst), avsn_md_of(&m->weights), NULL, avsn_md_of(&m->src), w);
    avsn_md_clear(&dst);
    return status;
}

static dnnl_status_t start(avsn_pd *pd, const avsn_kernel_request *r, dnnl_format_tag_t order)
{
    const avsn_onednn_window w = avsn_onednn_window_of(&r->attributes->window);
    dnnl_primitive_attr_t attr;
    avsn_pd hint = {0};
    deconv_mds m;
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (status)
        return status;
    status = mds_init(&m, r, order);
    if (!status)
        status = start_hint(&hint, r, &m, order, &w, attr);
    if (!status)
        status = avsn_pd_conv_backward_data(pd, avsn_runtime_engine(r->runtime), attr, avsn_md_of(&m.dst),
                                            avsn_md_of(&m.weights), avsn_md_of(&m.src), &w, &hint);
    avsn_pd_clear(&hint);
    mds_clear(&m);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static bool is_reference(const avsn_pd *pd)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd->pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, "ref") != NULL;
}

avsound_status avsn_make_deconv(const avsn_kernel_request *r, avsn_kernel **out)
{
    if (avsn_conv_amx_pays(r))
        return avsn_make_conv_amx(r, out);
    const avsn_shape *src = avsn_layout_shape(r->input[0]), *weights = avsn_layout_shape(r->input[1]);
    avsn_pd pd = {0};
    dnnl_status_t status = start(&pd, r, avsn_activation_tag(r->compute, r->output->rank));
    if (status == dnnl_unimplemented || (!status && is_reference(&pd))) {
        avsn_pd_clear(&pd);
        status = start(&pd, r, dnnl_format_tag_any);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_DIFF_DST, 0, dnnl_query_diff_dst_md, 0, src, r->compute},
        {DNNL_ARG_WEIGHTS, 1, dnnl_query_weights_md, 0, weights, r->compute},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, r->output, r->output_dtype},
    };
    return avsn_onednn_complete(r, "transposed convolution", status, &pd, wires, 3, out);
}
