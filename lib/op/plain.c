/* What all kernels in plain C have in common. */
#include "op/families.h"

#include <stdio.h>

static avsound_status bind(avsn_kernel *base, void *const *inputs, void *const *outputs, void *scratchpad)
{
    avsn_c_kernel *kernel = (avsn_c_kernel *)base;
    kernel->scratchpad = scratchpad;
    for (int32_t i = 0; i < base->input_count; i++)
        kernel->input[i] = inputs[i];
    for (int32_t i = 0; i < base->output_count; i++)
        kernel->output[i] = outputs[i];
    return AVSOUND_OK;
}

static avsound_status run(avsn_kernel *base)
{
    const avsn_c_kernel *kernel = (const avsn_c_kernel *)base;
    kernel->compute(kernel);
    return AVSOUND_OK;
}

avsound_status avsn_c_kernel_create(const avsn_kernel_request *request, const char *impl,
                                    void (*compute)(const avsn_c_kernel *kernel), uint32_t keep, avsn_kernel **out)
{
    return avsn_c_kernel_create_sized(request, sizeof(avsn_c_kernel), impl, compute, keep, out);
}

avsound_status avsn_c_kernel_create_sized(const avsn_kernel_request *request, size_t size, const char *impl,
                                          void (*compute)(const avsn_c_kernel *kernel), uint32_t keep, avsn_kernel **out)
{
    avsn_c_kernel *kernel = avsn_alloc_zeroed(request->context, 1, size);
    if (!kernel)
        return AVSOUND_E_NO_MEMORY;
    avsn_kernel *base = &kernel->base;
    base->context = avsn_context_ref(request->context);
    base->bind = bind;
    base->run = run;
    base->input_count = request->input_count;
    base->output_count = AVSN_MAX(request->output_count, 1);
    snprintf(base->impl, sizeof base->impl, "%s", impl);
    kernel->attributes = *request->attributes;
    kernel->kind = request->kind;
    kernel->group = request->group;
    kernel->threads = avsn_runtime_threads(request->runtime);
    kernel->compute = compute;
    avsound_status status = AVSOUND_OK;
    for (int32_t i = 0; !status && i < request->input_count; i++) {
        avsn_layout *input = request->input[i];
        if (keep & 1u << i)
            base->input[i] = avsn_layout_ref(input);
        else
            status = avsn_layout_plain(request->context, AVSOUND_DTYPE_F32, avsn_layout_shape(input), &base->input[i]);
    }
    for (int32_t i = 0; !status && i < base->output_count; i++)
        status = avsn_layout_plain(request->context, AVSOUND_DTYPE_F32, i ? request->outputs[i] : request->output,
                                   &base->output[i]);
    if (status) {
        avsn_kernel_free(base);
        return status;
    }
    *out = base;
    return AVSOUND_OK;
}

int64_t avsn_elements(const avsn_layout *layout)
{
    int64_t count = 0;
    avsn_shape_count(avsn_layout_shape(layout), &count);
    return count;
}

int64_t avsn_dim(const avsn_c_kernel *kernel, int32_t input, int32_t axis)
{
    return avsn_layout_shape(kernel->base.input[input])->dim[axis];
}
