/* Where every buffer lies: lifetimes from the steps, then offsets in one arena, the largest first, each as low as the buffers
 * alive at the same time allow. A run of fewer steps needs a subset of these lifetimes, so one placement serves all. */
#include "exec/internal.h"

#include <stdlib.h>

static void use(avsn_plan *plan, int32_t buffer, int32_t step)
{
    for (int32_t b = buffer; b >= 0; b = plan->buffers[b].alias) {
        plan->buffers[b].first = AVSN_MIN(plan->buffers[b].first, step);
        plan->buffers[b].last = AVSN_MAX(plan->buffers[b].last, step);
    }
}

static void find_lifetimes(avsn_plan *plan)
{
    const int32_t steps = (int32_t)plan->step_count;
    for (int32_t s = 0; s < steps; s++) {
        const avsn_step *step = &plan->steps[s];
        for (int32_t i = 0; i < step->input_count; i++)
            use(plan, step->in[i], s);
        for (int32_t i = 0; i < step->output_count; i++)
            use(plan, step->out[i], s);
        if (step->scratchpad >= 0)
            use(plan, step->scratchpad, s);
    }
    for (int32_t i = 0; i < avsn_plan_input_count(plan); i++) {
        const int32_t b = plan->value_buffer[avsn_graph_input(plan->graph, i).id];
        use(plan, b, -1);
        use(plan, b, steps);
    }
    for (int32_t i = 0; i < plan->options.wanted_count; i++) {
        use(plan, plan->output_buffer[i], -1);
        use(plan, plan->output_buffer[i], steps);
    }
}

/* An op that may write over its source does so where nobody reads the source any more. */
static void find_aliases(avsn_plan *plan)
{
    for (int32_t s = 0; s < (int32_t)plan->step_count; s++) {
        const avsn_step *step = &plan->steps[s];
        avsn_buffer *in = &plan->buffers[step->in[0]], *out = &plan->buffers[step->out[0]];
        bool again = false;
        for (int32_t i = 1; i < step->input_count; i++)
            again |= step->in[i] == step->in[0];
        if (!step->kernel->in_place || again || in->constant || in->last != s || in->bytes < out->bytes ||
            out->first < s || out->last > (int32_t)plan->step_count - 1)
            continue;
        out->alias = step->in[0];
        use(plan, step->out[0], out->last);
    }
}

typedef struct order {
    size_t bytes;
    int32_t buffer;
} order;

static int larger_first(const void *a, const void *b)
{
    const order *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->buffer < y->buffer ? -1 : 1;
}

static bool alive_together(const avsn_buffer *a, const avsn_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which `buffer` meets none of those placed before it that live at the same time. */
static size_t lowest_offset(const avsn_plan *plan, const order *placed, size_t count, const avsn_buffer *buffer)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const avsn_buffer *other = &plan->buffers[placed[i].buffer];
            if (alive_together(buffer, other) && offset < other->offset + other->bytes &&
                other->offset < offset + buffer->bytes) {
                offset = other->offset + other->bytes;
                moved = true;
            }
        }
    }
    return offset;
}

static bool in_arena(const avsn_buffer *buffer)
{
    return !buffer->constant && buffer->alias < 0;
}

static avsound_status assign_offsets(avsn_plan *plan)
{
    order *list = avsn_zone_alloc(&plan->zone, plan->buffer_count, sizeof *list);
    if (!list)
        return AVSOUND_E_NO_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < plan->buffer_count; i++) {
        avsn_buffer *b = &plan->buffers[i];
        if (!in_arena(b))
            continue;
        if (!avsn_align_size(b->bytes, AVSN_ALIGNMENT, &b->bytes))
            AVSN_FAIL(AVSOUND_E_SHAPE, "a buffer of %zu bytes is too large", b->bytes);
        list[count++] = (order){b->bytes, (int32_t)i};
    }
    qsort(list, count, sizeof *list, larger_first);
    for (size_t i = 0; i < count; i++) {
        avsn_buffer *b = &plan->buffers[list[i].buffer];
        b->offset = lowest_offset(plan, list, i, b);
        size_t end;
        if (!avsn_add_size(b->offset, b->bytes, &end) || end > PTRDIFF_MAX)
            AVSN_FAIL(AVSOUND_E_SHAPE, "the network's buffers are too large together");
        plan->arena_bytes = AVSN_MAX(plan->arena_bytes, end);
    }
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (plan->buffers[i].alias >= 0)
            plan->buffers[i].offset = plan->buffers[plan->buffers[i].alias].offset;
    return AVSOUND_OK;
}

avsound_status avsn_plan_place(avsn_plan *plan)
{
    find_lifetimes(plan);
    find_aliases(plan);
    AVSN_TRY(assign_offsets(plan));
    plan->arena = avsn_alloc_zeroed(plan->context, plan->arena_bytes, 1);
    return plan->arena ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}
