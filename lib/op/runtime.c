/* What all kernels made of a oneDNN primitive have in common. */
#include "op/onednn.h"

#include <stdio.h>

struct avsn_runtime {
    avsound_context *context;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int32_t threads;
};

avsound_status avsn_onednn_fail(dnnl_status_t status, const char *what, const avsn_shape *src, const avsn_shape *dst)
{
    char a[AVSN_SHAPE_TEXT] = "", b[AVSN_SHAPE_TEXT] = "";
    if (src)
        avsn_shape_text(src, a);
    if (dst)
        avsn_shape_text(dst, b);
    switch (status) {
    case dnnl_out_of_memory:
        return avsn_fail(AVSOUND_E_NO_MEMORY, "%s %s -> %s: oneDNN is out of memory", what, a, b);
    case dnnl_unimplemented:
        return avsn_fail(AVSOUND_E_UNSUPPORTED, "%s %s -> %s: oneDNN has no implementation for this processor", what, a, b);
    default:
        return avsn_fail(AVSOUND_E_BACKEND, "%s %s -> %s: oneDNN returned %d", what, a, b, (int)status);
    }
}

avsn_isa avsn_op_isa(void)
{
    static const struct {
        unsigned bits; /* each of oneDNN's instruction sets includes those whose bits it has */
        avsn_isa isa;
    } sets[] = {
        {dnnl_cpu_isa_avx512_core_amx, AVSN_ISA_AMX},
        {dnnl_cpu_isa_avx512_core_bf16, AVSN_ISA_AVX512_BF16},
        {dnnl_cpu_isa_avx512_core, AVSN_ISA_AVX512},
        {dnnl_cpu_isa_avx2, AVSN_ISA_AVX2},
    };
    const unsigned effective = (unsigned)dnnl_get_effective_cpu_isa();
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sets); i++)
        if ((effective & sets[i].bits) == sets[i].bits)
            return sets[i].isa;
    return AVSN_ISA_LESS;
}

avsound_status avsn_runtime_create(avsound_context *context, int32_t threads, avsn_runtime **out)
{
    *out = NULL;
    avsn_runtime *runtime = avsn_alloc_zeroed(context, 1, sizeof *runtime);
    if (!runtime)
        return AVSOUND_E_NO_MEMORY;
    runtime->context = avsn_context_ref(context);
    runtime->threads = threads;
    dnnl_status_t status = dnnl_engine_create(&runtime->engine, dnnl_cpu, 0);
    if (!status)
        status = dnnl_stream_create(&runtime->stream, runtime->engine, dnnl_stream_default_flags);
    if (status) {
        avsn_runtime_free(runtime);
        return avsn_onednn_fail(status, "engine", NULL, NULL);
    }
    *out = runtime;
    return AVSOUND_OK;
}

void avsn_runtime_free(avsn_runtime *runtime)
{
    if (!runtime)
        return;
    avsound_context *context = runtime->context;
    if (runtime->stream)
        dnnl_stream_destroy(runtime->stream);
    if (runtime->engine)
        dnnl_engine_destroy(runtime->engine);
    avsn_free(context, runtime);
    avsound_context_free(context);
}

int32_t avsn_runtime_threads(const avsn_runtime *runtime)
{
    return runtime->threads;
}

dnnl_engine_t avsn_runtime_engine(const avsn_runtime *runtime)
{
    return runtime->engine;
}

dnnl_stream_t avsn_runtime_stream(const avsn_runtime *runtime)
{
    return runtime->stream;
}

dnnl_status_t avsn_onednn_attributes(dnnl_primitive_attr_t *attr, bool relu, avsn_md_arg add)
{
    dnnl_post_ops_t post_ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attr);
    if (status)
        return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (!status && (relu || add)) {
        status = dnnl_post_ops_create(&post_ops);
        if (!status && add)
            status = dnnl_post_ops_append_binary(post_ops, dnnl_binary_add, add);
        if (!status && relu)
            status = avsn_post_op_relu(post_ops);
        if (!status)
            status = dnnl_primitive_attr_set_post_ops(*attr, post_ops);
        if (post_ops)
            dnnl_post_ops_destroy(post_ops);
    }
    if (status) {
        dnnl_primitive_attr_destroy(*attr);
        *attr = NULL;
    }
    return status;
}

/* ---- the kernel ---- */

static void *address(const avsn_onednn_kernel *kernel, int wire, void *const *inputs, void *const *outputs,
                     void *scratchpad)
{
    const int source = kernel->wiring[wire].source;
    if (source == AVSN_SCRATCHPAD)
        return scratchpad;
    return source < 0 ? outputs[-1 - source] : inputs[source];
}

static avsound_status bind(avsn_kernel *base, void *const *inputs, void *const *outputs, void *scratchpad)
{
    avsn_onednn_kernel *kernel = (avsn_onednn_kernel *)base;
    for (int i = 0; i < kernel->arg_count; i++) {
        const avsn_layout *layout = kernel->wiring[i].layout;
        const avsn_md *md = layout ? avsn_layout_md(layout) : &kernel->scratchpad;
        kernel->args[i].arg = kernel->wiring[i].arg;
        const dnnl_status_t status =
            dnnl_memory_create(&kernel->args[i].memory, avsn_md_of(md), avsn_runtime_engine(kernel->runtime),
                               address(kernel, i, inputs, outputs, scratchpad));
        if (status)
            return avsn_onednn_fail(status, base->impl, layout ? avsn_layout_shape(layout) : NULL, NULL);
    }
    return AVSOUND_OK;
}

static avsound_status run(avsn_kernel *base)
{
    avsn_onednn_kernel *kernel = (avsn_onednn_kernel *)base;
    const dnnl_status_t status = dnnl_primitive_execute(kernel->primitive, avsn_runtime_stream(kernel->runtime),
                                                        kernel->arg_count, kernel->args);
    return status ? avsn_onednn_fail(status, base->impl, NULL, NULL) : AVSOUND_OK;
}

static void destroy(avsn_kernel *base)
{
    avsn_onednn_kernel *kernel = (avsn_onednn_kernel *)base;
    for (int i = 0; i < kernel->arg_count; i++) {
        if (kernel->args[i].memory)
            dnnl_memory_destroy(kernel->args[i].memory);
        avsn_layout_unref(kernel->wiring[i].layout);
    }
    if (kernel->primitive)
        dnnl_primitive_destroy(kernel->primitive);
    avsn_md_clear(&kernel->scratchpad);
}

avsound_status avsn_onednn_kernel_create(const avsn_kernel_request *request, avsn_onednn_kernel **out)
{
    *out = avsn_alloc_zeroed(request->context, 1, sizeof **out);
    if (!*out)
        return AVSOUND_E_NO_MEMORY;
    avsn_kernel *base = &(*out)->base;
    base->context = avsn_context_ref(request->context);
    base->input_count = request->input_count;
    base->output_count = AVSN_MAX(request->output_count, 1);
    base->bind = bind;
    base->run = run;
    base->destroy = destroy;
    (*out)->runtime = request->runtime;
    return AVSOUND_OK;
}

avsound_status avsn_onednn_wire(avsn_onednn_kernel *kernel, const avsn_pd *pd, int arg, int source, dnnl_query_t query,
                                int index, const avsn_shape *shape, int32_t dtype)
{
    avsn_md_arg md = dnnl_primitive_desc_query_md(pd->pd, query, index);
    if (!md)
        return avsn_onednn_fail(dnnl_invalid_arguments, "descriptor query", shape, NULL);
    avsn_layout *layout = avsn_layout_from_md(kernel->base.context, md, shape, dtype);
    if (!layout)
        return AVSOUND_E_NO_MEMORY;
    kernel->wiring[kernel->arg_count].arg = arg;
    kernel->wiring[kernel->arg_count].source = source;
    kernel->wiring[kernel->arg_count].layout = layout;
    kernel->arg_count++;
    avsn_layout **slot = source < 0 ? &kernel->base.output[-1 - source] : &kernel->base.input[source];
    if (!*slot)
        *slot = avsn_layout_ref(layout);
    return AVSOUND_OK;
}

avsound_status avsn_onednn_finish(avsn_onednn_kernel *kernel, const avsn_pd *pd)
{
    avsn_md_arg scratchpad = dnnl_primitive_desc_query_md(pd->pd, dnnl_query_scratchpad_md, 0);
    kernel->base.scratchpad_bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
    if (kernel->base.scratchpad_bytes) {
        const dnnl_status_t copied = avsn_md_copy(&kernel->scratchpad, scratchpad);
        if (copied)
            return avsn_onednn_fail(copied, "scratchpad", NULL, NULL);
        kernel->wiring[kernel->arg_count].arg = DNNL_ARG_SCRATCHPAD;
        kernel->wiring[kernel->arg_count].source = AVSN_SCRATCHPAD;
        kernel->arg_count++;
    }
    const char *name = "";
    dnnl_primitive_desc_query(pd->pd, dnnl_query_impl_info_str, 0, &name);
    snprintf(kernel->base.impl, sizeof kernel->base.impl, "%s", name);
    const dnnl_status_t status = dnnl_primitive_create(&kernel->primitive, pd->pd);
    return status ? avsn_onednn_fail(status, name, NULL, NULL) : AVSOUND_OK;
}

/* Statistics and scales have no choice of layout, and not every descriptor can be asked for theirs. */
static avsound_status wire_vector(avsn_onednn_kernel *kernel, const avsn_wire *w)
{
    avsn_layout *layout;
    AVSN_TRY(avsn_layout_plain(kernel->base.context, AVSOUND_DTYPE_F32, w->shape, &layout));
    kernel->wiring[kernel->arg_count].arg = w->arg;
    kernel->wiring[kernel->arg_count].source = w->source;
    kernel->wiring[kernel->arg_count].layout = layout;
    kernel->arg_count++;
    avsn_layout **slot = w->source < 0 ? &kernel->base.output[-1 - w->source] : &kernel->base.input[w->source];
    *slot = avsn_layout_ref(layout);
    return AVSOUND_OK;
}

avsound_status avsn_onednn_complete(const avsn_kernel_request *request, const char *what, dnnl_status_t status, avsn_pd *pd,
                                    const avsn_wire *wires, int count, avsn_kernel **out)
{
    avsound_status result;
    avsn_onednn_kernel *kernel = NULL;
    if (status)
        result = avsn_onednn_fail(status, what, avsn_layout_shape(request->input[0]), request->output);
    else
        result = avsn_onednn_kernel_create(request, &kernel);
    for (int i = 0; !result && i < count; i++) {
        const avsn_wire *w = &wires[i];
        result = w->query == dnnl_query_undef
                     ? wire_vector(kernel, w)
                     : avsn_onednn_wire(kernel, pd, w->arg, w->source, w->query, w->index, w->shape, w->dtype);
    }
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
