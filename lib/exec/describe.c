/* The plan as a table: what a bug report should hold. */
#include "exec/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct page {
    char *text;
    size_t size, used;
} page;

__attribute__((format(printf, 2, 3))) static void print(page *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(p->used < p->size ? p->text + p->used : NULL, p->used < p->size ? p->size - p->used : 0, format,
                            args);
    va_end(args);
    p->used += n > 0 ? (size_t)n : 0;
}

/* The sound's share is computed once a time. */
static double joined_multiply_adds(const avsn_plan *plan, const avsn_step *step)
{
    int64_t outputs = 0, heard = 0;
    const avsn_shape *shape = avsn_value_shape(plan->graph, step->input[0]);
    avsn_shape_count(avsn_value_shape(plan->graph, step->output[0]), &outputs);
    avsn_shape_count(avsn_value_shape(plan->graph, step->input[1]), &heard);
    return (double)outputs * (double)shape->dim[1] +
           (double)heard * (double)avsn_value_shape(plan->graph, step->output[0])->dim[1];
}

static double multiply_adds(const avsn_plan *plan, const avsn_step *step)
{
    if (step->kind == AVSN_OP_JOINED_CONV)
        return joined_multiply_adds(plan, step);
    if (!step->node || (step->node->kind != AVSN_OP_CONV && step->node->kind != AVSN_OP_DENSE))
        return 0;
    int64_t outputs = 0, weights = 0;
    const avsn_shape *shape = avsn_value_shape(plan->graph, step->node->input[1]);
    avsn_shape_count(avsn_value_shape(plan->graph, step->output[0]), &outputs);
    avsn_shape_count(shape, &weights);
    return (double)outputs * (double)(weights / shape->dim[0]);
}

static const char *relu_before(const avsn_step *step)
{
    for (int32_t i = 0; i < step->parts; i++)
        if (step->slope[i] < 1)
            return "relu+";
    return "";
}

static void print_op(page *p, const avsn_step *step)
{
    if (!step->node) {
        print(p, "%-24s", "REORDER");
        return;
    }
    char op[64];
    snprintf(op, sizeof op, "%s%s%s%s%s%s", relu_before(step), step->parts > 1 ? "concat+" : "", avsn_op_name(step->kind),
             step->fold ? "+bn" : "", step->add ? "+add" : "", step->relu ? "+relu" : "");
    print(p, "%-24s", op);
}

static size_t weight_bytes(const avsn_plan *plan, const avsn_step *step)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < step->input_count; i++)
        bytes += step->operand[i] == AVSN_FROM_CONV_WEIGHT ? plan->buffers[step->in[i]].bytes : 0;
    return bytes;
}

static void print_step(page *p, const avsn_plan *plan, int32_t index)
{
    const avsn_step *step = &plan->steps[index];
    const avsn_buffer *in = &plan->buffers[step->in[0]], *out = &plan->buffers[step->out[0]];
    char shape[AVSN_SHAPE_TEXT], from[AVSN_LAYOUT_TEXT], to[AVSN_LAYOUT_TEXT];
    print(p, "%4d %-22s ", index, avsn_value_name(plan->graph, step->output[0]));
    print_op(p, step);
    print(p, " %-20s %-30s %s %s -> %s %s  at %zu%s, %zu bytes", avsn_shape_text(avsn_layout_shape(out->layout), shape),
          step->kernel->impl, avsn_dtype_name(avsn_layout_dtype(in->layout)), avsn_layout_text(in->layout, from),
          avsn_dtype_name(avsn_layout_dtype(out->layout)), avsn_layout_text(out->layout, to), out->offset,
          out->alias >= 0 ? " (in place)" : "", out->bytes);
    if (step->scratchpad >= 0)
        print(p, ", scratchpad %zu", plan->buffers[step->scratchpad].bytes);
    if (step->node && step->node->kind == AVSN_OP_CONV)
        print(p, ", weights %zu, %.1f MMAC", weight_bytes(plan, step), multiply_adds(plan, step) * 1e-6);
    print(p, "\n");
}

size_t avsn_plan_describe(const avsn_plan *plan, char *text, size_t size)
{
    page p = {.text = text, .size = size};
    double total = 0;
    size_t constants = 0;
    int32_t reorders = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        total += multiply_adds(plan, &plan->steps[i]);
        reorders += !plan->steps[i].node;
    }
    for (size_t i = 0; i < plan->buffer_count; i++)
        constants += plan->buffers[i].constant ? plan->buffers[i].bytes : 0;
    print(&p, "%zu steps, %d reorders, %s, %d thread%s, arena %zu bytes, weights %zu bytes, %.1f MMAC\n", plan->step_count,
          reorders, avsn_dtype_name(plan->options.compute), plan->options.threads, plan->options.threads == 1 ? "" : "s",
          plan->arena_bytes, constants, total * 1e-6);
    for (int32_t i = 0; i < (int32_t)plan->step_count; i++)
        print_step(&p, plan, i);
    return p.used;
}
