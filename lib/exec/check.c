/* A run that looks at every result: for the run after one that ended in NaN. */
#include "exec/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool finite_bf16(const uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((values[i] & 0x7f80u) == 0x7f80u)
            return false;
    return true;
}

static bool finite_f32(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* Whatever its layout: the padding of channel blocks holds zeros. */
static bool is_finite(const avsn_plan *plan, int32_t index)
{
    const avsn_buffer *b = &plan->buffers[index];
    const void *data = b->constant ? b->constant : plan->arena + b->offset;
    const size_t bytes = avsn_layout_bytes(b->layout);
    switch (avsn_layout_dtype(b->layout)) {
    case AVSOUND_DTYPE_F32:
        return finite_f32(data, bytes / sizeof(float));
    case AVSOUND_DTYPE_BF16:
        return finite_bf16(data, bytes / sizeof(uint16_t));
    default:
        return true;
    }
}

static void name_step(const avsn_plan *plan, const avsn_step *step, int32_t output, char *where, size_t size)
{
    char shape[AVSN_SHAPE_TEXT];
    const char *name = avsn_value_name(plan->graph, step->output[output]);
    const char *op = step->node ? avsn_op_name(step->kind) : "reorder";
    avsn_shape_text(avsn_value_shape(plan->graph, step->output[output]), shape);
    if (*name)
        snprintf(where, size, "%s (%s)", name, op);
    else
        snprintf(where, size, "%s %s", op, shape);
}

/* What is there before the first step. */
static bool starts_finite(const avsn_plan *plan, char *where, size_t size)
{
    for (int32_t i = 0; i < avsn_plan_input_count(plan); i++)
        if (!is_finite(plan, plan->value_buffer[avsn_graph_input(plan->graph, i).id])) {
            snprintf(where, size, "input %s", avsn_plan_input_name(plan, i));
            return false;
        }
    /* Running statistics are left out: they took what is not finite from the run before, and no gradient comes from them. */
    for (int32_t i = 0; i < avsn_graph_param_count(plan->graph); i++) {
        const avsn_param_spec *spec = avsn_graph_param(plan->graph, i);
        const avsn_named_tensor *param = avsn_params_find(plan->params, spec->name);
        int64_t count = 0;
        avsn_shape_count(&param->shape, &count);
        if (!spec->state && !finite_f32(param->data, (size_t)count)) {
            snprintf(where, size, "parameter %s", param->name);
            return false;
        }
    }
    return true;
}

avsound_status avsn_plan_run_checked(avsn_plan *plan, const atomic_int *cancel, char *where, size_t size)
{
    if (size)
        *where = '\0';
    bool finite = starts_finite(plan, where, size);
    for (size_t i = 0; i < plan->step_count; i++) {
        const avsn_step *step = &plan->steps[i];
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            AVSN_FAIL(AVSOUND_E_CANCELLED, "cancelled before step %zu of %zu", i + 1, plan->step_count);
        AVSN_TRY(step->kernel->run(step->kernel));
        for (int32_t k = 0; finite && k < step->output_count; k++)
            if (!is_finite(plan, step->out[k])) {
                name_step(plan, step, k, where, size);
                finite = false;
            }
    }
    return AVSOUND_OK;
}
