#include "exec/plan.h"

#include "base/cpu.h"
#include "exec/internal.h"

#include <string.h>

/* ---- buffers ---- */

static avsound_status add_buffer(avsn_plan *plan, avsn_value value, avsn_layout *layout, size_t bytes, int32_t *out)
{
    AVSN_TRY(avsn_grow(plan->context, (void **)&plan->buffers, sizeof *plan->buffers, plan->buffer_count,
                       plan->buffer_count + 1, &plan->buffer_capacity));
    plan->buffers[plan->buffer_count] = (avsn_buffer){
        .value = value, .layout = avsn_layout_ref(layout), .bytes = bytes, .first = INT32_MAX, .last = -2, .alias = -1};
    *out = (int32_t)plan->buffer_count++;
    return AVSOUND_OK;
}

static avsound_status add_layout_buffer(avsn_plan *plan, avsn_value value, avsn_layout *layout, int32_t *out)
{
    return add_buffer(plan, value, layout, avsn_layout_bytes(layout), out);
}

static avsound_status plain_buffer(avsn_plan *plan, avsn_value value, int32_t *out)
{
    avsn_layout *layout;
    AVSN_TRY(avsn_layout_plain(plan->context, AVSOUND_DTYPE_F32, avsn_value_shape(plan->graph, value), &layout));
    const avsound_status status = add_layout_buffer(plan, value, layout, out);
    avsn_layout_unref(layout);
    return status;
}

/* ---- kernels ---- */

/* Ops whose first two operands flow through to the result, in whatever type they have. */
static bool passes_through(const avsn_node *node)
{
    switch (node->kind) {
    case AVSN_OP_BATCH_NORM:
    case AVSN_OP_BATCH_NORM_TRAIN:
    case AVSN_OP_BATCH_NORM_BACKWARD:
    case AVSN_OP_POOL:
    case AVSN_OP_POOL_TRAIN:
    case AVSN_OP_POOL_BACKWARD:
    case AVSN_OP_GLOBAL_POOL_BACKWARD:
    case AVSN_OP_INNER_MAP_BACKWARD:
    case AVSN_OP_RELU_BACKWARD:
    case AVSN_OP_ADD:
    case AVSN_OP_CONCAT:
    case AVSN_OP_SLICE:
    case AVSN_OP_SLICE_BACKWARD:
    case AVSN_OP_FRACTIONAL_POOL:
    case AVSN_OP_FRACTIONAL_POOL_BACKWARD:
    case AVSN_OP_TILE:
    case AVSN_OP_TILE_BACKWARD:
    case AVSN_OP_REPEAT:
    case AVSN_OP_REPEAT_BACKWARD:
    case AVSN_OP_PICTURE_MEAN:
    case AVSN_OP_PICTURE_MEAN_BACKWARD:
    case AVSN_OP_STRETCH:
    case AVSN_OP_STRETCH_BACKWARD:
        return true;
    case AVSN_OP_ELTWISE:
        return node->attributes.eltwise == AVSN_RELU || node->attributes.eltwise == AVSN_LEAKY_RELU;
    default:
        return false;
    }
}

static bool is_conv(avsn_op_kind kind)
{
    return kind == AVSN_OP_CONV || kind == AVSN_OP_DECONV || kind == AVSN_OP_CONV_BACKWARD_DATA ||
           kind == AVSN_OP_CONV_BACKWARD_WEIGHTS;
}

/* Marks the values that stay in the compute type: what a convolution reads, and what flows into that. A value that ends in an
 * output, a distance or a map is f32. Readers come after what they read, so one pass backwards sees all. */
static void mark_compute_type(avsn_plan *plan)
{
    for (int32_t n = avsn_graph_node_count(plan->graph) - 1; n >= 0; n--) {
        const avsn_node *node = avsn_graph_node(plan->graph, n);
        const bool through = passes_through(node) && plan->value_feeds_conv[node->output[0].id];
        for (int32_t i = 0; i < node->input_count; i++)
            if (is_conv(node->kind) || (through && (i < 2 || node->kind == AVSN_OP_CONCAT)))
                plan->value_feeds_conv[node->input[i].id] = true;
    }
}

static avsound_status input_layout(avsn_plan *plan, const avsn_step *step, int32_t i, avsn_layout **out)
{
    if (step->operand[i] == AVSN_FROM_VALUE) {
        *out = avsn_layout_ref(plan->buffers[plan->value_buffer[step->input[i].id]].layout);
        return AVSOUND_OK;
    }
    avsn_shape shape = AVSN_SHAPE(avsn_value_shape(plan->graph, step->output[0])->dim[1]);
    if (step->input[i].id)
        shape = *avsn_value_shape(plan->graph, step->input[i]);
    if (step->columns[i].end)
        shape.dim[1] = step->columns[i].end - step->columns[i].begin;
    return avsn_layout_plain(plan->context, AVSOUND_DTYPE_F32, &shape, out);
}

static avsound_status make_kernel(avsn_plan *plan, avsn_step *step)
{
    avsn_kernel_request r = {
        .context = plan->context,
        .runtime = plan->runtime,
        .kind = step->kind,
        .attributes = &step->node->attributes,
        .output_count = step->output_count,
        .output = avsn_value_shape(plan->graph, step->output[0]),
        .compute = plan->options.compute,
        .output_dtype = plan->value_feeds_conv[step->output[0].id] ? plan->options.compute : AVSOUND_DTYPE_F32,
        .relu = step->relu,
        .add = step->add,
        .parts = step->parts,
        .group = plan->options.group,
    };
    memcpy(r.slope, step->slope, sizeof r.slope);
    avsound_status status = AVSOUND_OK;
    for (int32_t i = 0; i < step->output_count; i++)
        r.outputs[i] = avsn_value_shape(plan->graph, step->output[i]);
    for (; !status && r.input_count < step->input_count; r.input_count++)
        status = input_layout(plan, step, r.input_count, &r.input[r.input_count]);
    if (!status)
        status = avsn_kernel_create(&r, &step->kernel);
    for (int32_t i = 0; i < r.input_count; i++)
        avsn_layout_unref(r.input[i]);
    return status ? avsn_fail_in(status, "%s", step->node->name) : AVSOUND_OK;
}

/* ---- connecting ---- */

/* A buffer of this value in this layout that an earlier reorder made; -1: none. */
static int32_t find_buffer(const avsn_plan *plan, avsn_value value, const avsn_layout *layout)
{
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (plan->buffers[i].value.id == value.id && plan->buffers[i].layout &&
            (plan->options.train || !plan->buffers[i].constant) &&
            avsn_layout_equal(plan->buffers[i].layout, layout))
            return (int32_t)i;
    return -1;
}

static avsound_status add_scratchpad(avsn_plan *plan, avsn_step *step)
{
    if (!step->kernel->scratchpad_bytes)
        return AVSOUND_OK;
    return add_buffer(plan, (avsn_value){0}, NULL, step->kernel->scratchpad_bytes, &step->scratchpad);
}

/* Appends a reorder of `value` into `layout` to `steps`. */
static avsound_status add_reorder(avsn_plan *plan, avsn_value value, avsn_layout *layout, int32_t *buffer)
{
    const int32_t from = plan->value_buffer[value.id];
    AVSN_TRY(add_layout_buffer(plan, value, layout, buffer));
    avsn_step *step = avsn_plan_add_step(plan);
    if (!step)
        return AVSOUND_E_NO_MEMORY;
    step->input_count = 1;
    step->input[0] = step->output[0] = value;
    step->in[0] = from;
    step->out[0] = *buffer;
    step->outputs = plan->value_outputs[value.id];
    AVSN_TRY(avsn_kernel_create_reorder(plan->context, plan->runtime, plan->buffers[from].layout, layout, &step->kernel));
    return add_scratchpad(plan, step);
}

/* Outputs are row-major f32. One that lies otherwise is put right as soon as it is there: who waits for it need not wait for
 * the rest of the run. */
static avsound_status settle_output(avsn_plan *plan, int32_t output)
{
    const avsn_value value = plan->wanted[output];
    int32_t *buffer = &plan->output_buffer[output];
    avsn_layout *plain;
    AVSN_TRY(avsn_layout_plain(plan->context, AVSOUND_DTYPE_F32, avsn_value_shape(plan->graph, value), &plain));
    *buffer = find_buffer(plan, value, plain);
    const avsound_status status = *buffer < 0 ? add_reorder(plan, value, plain, buffer) : AVSOUND_OK;
    avsn_layout_unref(plain);
    return status;
}

static avsound_status settle_outputs_of(avsn_plan *plan, const avsn_value *values, int32_t count)
{
    for (int32_t i = 0; i < plan->options.wanted_count; i++)
        for (int32_t k = 0; k < count; k++)
            if (plan->wanted[i].id == values[k].id)
                AVSN_TRY(settle_output(plan, i));
    return AVSOUND_OK;
}

static avsound_status connect_input(avsn_plan *plan, avsn_step *step, int32_t i)
{
    avsn_layout *layout = step->kernel->input[i];
    if (step->operand[i] == AVSN_FROM_VALUE) {
        step->in[i] = find_buffer(plan, step->input[i], layout);
        return step->in[i] >= 0 ? AVSOUND_OK : add_reorder(plan, step->input[i], layout, &step->in[i]);
    }
    const void *data;
    AVSN_TRY(avsn_plan_constant(plan, step, i, &data));
    AVSN_TRY(add_layout_buffer(plan, step->input[i], layout, &step->in[i]));
    plan->buffers[step->in[i]].constant = data;
    return AVSOUND_OK;
}

/* Appends a fused step behind the reorders it needs. */
static avsound_status settle(avsn_plan *plan, avsn_step step)
{
    avsound_status status = make_kernel(plan, &step);
    for (int32_t i = 0; !status && i < step.input_count; i++)
        status = connect_input(plan, &step, i);
    for (int32_t i = 0; !status && i < step.output_count; i++)
        status = add_layout_buffer(plan, step.output[i], step.kernel->output[i], &step.out[i]);
    if (!status)
        status = add_scratchpad(plan, &step);
    avsn_step *slot = status ? NULL : avsn_plan_add_step(plan);
    if (!slot) {
        avsn_kernel_free(step.kernel);
        return status ? status : AVSOUND_E_NO_MEMORY;
    }
    for (int32_t i = 0; i < step.output_count; i++)
        plan->value_buffer[step.output[i].id] = step.out[i];
    *slot = step;
    return settle_outputs_of(plan, step.output, step.output_count);
}

/* In training, parameters are values like others, but for lying outside the arena. */
static avsound_status add_param_buffers(avsn_plan *plan)
{
    for (int32_t i = 0; i < avsn_graph_param_count(plan->graph); i++) {
        const avsn_value value = avsn_graph_param(plan->graph, i)->value;
        const float *data;
        AVSN_TRY(avsn_plan_param(plan, value, &data));
        AVSN_TRY(plain_buffer(plan, value, &plan->value_buffer[value.id]));
        plan->buffers[plan->value_buffer[value.id]].constant = data;
    }
    return AVSOUND_OK;
}

static avsound_status settle_all(avsn_plan *plan)
{
    const size_t count = plan->step_count;
    avsn_step *fused = avsn_zone_alloc(&plan->zone, count, sizeof *fused);
    if (!fused)
        return AVSOUND_E_NO_MEMORY;
    if (count)
        memcpy(fused, plan->steps, count * sizeof *fused);
    plan->step_count = 0;
    for (int32_t i = 0; i < avsn_graph_input_count(plan->graph); i++) {
        const avsn_value value = avsn_graph_input(plan->graph, i);
        AVSN_TRY(plain_buffer(plan, value, &plan->value_buffer[value.id]));
        AVSN_TRY(settle_outputs_of(plan, &value, 1));
    }
    if (plan->options.train)
        AVSN_TRY(add_param_buffers(plan));
    for (size_t i = 0; i < count; i++)
        AVSN_TRY(settle(plan, fused[i]));
    return AVSOUND_OK;
}

static void *buffer_address(const avsn_plan *plan, int32_t buffer)
{
    const avsn_buffer *b = &plan->buffers[buffer];
    /* oneDNN's handles are not const; kernels only read constants. */
    union {
        const void *read;
        void *any;
    } constant = {.read = b->constant};
    return constant.read ? constant.any : plan->arena + b->offset;
}

static avsound_status bind_all(avsn_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        const avsn_step *step = &plan->steps[s];
        void *inputs[AVSN_MAX_INPUTS], *outputs[AVSN_MAX_OUTPUTS];
        for (int32_t i = 0; i < step->input_count; i++)
            inputs[i] = buffer_address(plan, step->in[i]);
        for (int32_t i = 0; i < step->output_count; i++)
            outputs[i] = buffer_address(plan, step->out[i]);
        AVSN_TRY(step->kernel->bind(step->kernel, inputs, outputs,
                                    step->scratchpad >= 0 ? buffer_address(plan, step->scratchpad) : NULL));
    }
    return AVSOUND_OK;
}

/* ---- life ---- */

static avsound_status find_wanted(avsn_plan *plan)
{
    avsn_plan_options *o = &plan->options;
    if (!o->wanted_count) {
        o->wanted_count = avsn_graph_output_count(plan->graph);
        for (int32_t i = 0; i < o->wanted_count; i++)
            o->wanted[i] = avsn_graph_output_name(plan->graph, i);
    }
    for (int32_t i = 0; i < o->wanted_count; i++) {
        plan->wanted[i] = avsn_graph_find(plan->graph, o->wanted[i]);
        const int32_t producer = plan->wanted[i].id ? avsn_value_producer(plan->graph, plan->wanted[i]) : -1;
        if (producer < 0 || avsn_graph_node(plan->graph, producer)->kind == AVSN_OP_PARAM)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "\"%s\" is neither an output nor a layer of this network", o->wanted[i]);
        if (!(o->wanted[i] = avsn_zone_printf(&plan->zone, "%s", o->wanted[i])))
            return AVSOUND_E_NO_MEMORY;
    }
    return AVSOUND_OK;
}

static avsound_status prepare(avsn_plan *plan)
{
    const size_t values = (size_t)avsn_graph_value_count(plan->graph) + 1;
    plan->value_buffer = avsn_zone_alloc(&plan->zone, values, sizeof *plan->value_buffer);
    plan->value_outputs = avsn_zone_alloc(&plan->zone, values, sizeof *plan->value_outputs);
    plan->value_feeds_conv = avsn_zone_alloc(&plan->zone, values, sizeof *plan->value_feeds_conv);
    if (!plan->value_buffer || !plan->value_outputs || !plan->value_feeds_conv)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(find_wanted(plan));
    AVSN_TRY(avsn_runtime_create(plan->context, plan->options.threads, &plan->runtime));
    AVSN_TRY(avsn_plan_fuse(plan));
    mark_compute_type(plan);
    AVSN_TRY(settle_all(plan));
    AVSN_TRY(avsn_plan_place(plan));
    return bind_all(plan);
}

static avsound_status try_create(avsn_graph *graph, const avsn_params *params, avsn_pack_cache *cache,
                                 const avsn_plan_options *options, avsn_plan **out)
{
    avsn_plan *plan = avsn_alloc_zeroed(avsn_graph_context(graph), 1, sizeof *plan);
    if (!plan)
        return AVSOUND_E_NO_MEMORY;
    plan->context = avsn_context_ref(avsn_graph_context(graph));
    plan->graph = graph;
    plan->params = params;
    plan->cache = cache;
    plan->options = *options;
    avsn_zone_init(&plan->zone, plan->context);
    const avsound_status status = prepare(plan);
    if (status) {
        plan->graph = NULL; /* stays the caller's */
        avsn_plan_free(plan);
        return status;
    }
    *out = plan;
    return AVSOUND_OK;
}

avsound_status avsn_plan_create(avsn_graph *graph, const avsn_params *params, avsn_pack_cache *cache,
                                const avsn_plan_options *options, avsn_plan **out)
{
    *out = NULL;
    avsn_plan_options o = *options;
    avsn_compute state;
    avsn_compute_enter(&state, o.threads);
    avsound_status status = try_create(graph, params, cache, &o, out);
    if (status == AVSOUND_E_UNSUPPORTED && !(o.without & AVSN_WITHOUT_ADD)) {
        /* Not every convolution can add in the same pass, or lies in an order that it can be added to. */
        o.without |= AVSN_WITHOUT_ADD | AVSN_WITHOUT_JOIN;
        status = try_create(graph, params, cache, &o, out);
    }
    avsn_compute_leave(&state);
    if (status)
        avsn_graph_free(graph);
    return status;
}

void avsn_plan_free(avsn_plan *plan)
{
    if (!plan)
        return;
    avsound_context *context = plan->context;
    for (size_t i = 0; i < plan->step_count; i++)
        avsn_kernel_free(plan->steps[i].kernel);
    for (size_t i = 0; i < plan->buffer_count; i++)
        avsn_layout_unref(plan->buffers[i].layout);
    avsn_runtime_free(plan->runtime);
    avsn_free(context, plan->steps);
    avsn_free(context, plan->buffers);
    avsn_free(context, plan->arena);
    avsn_zone_free(&plan->zone);
    avsn_graph_free(plan->graph);
    avsn_free(context, plan);
    avsound_context_free(context);
}

/* ---- running ---- */

static void tell_step(const avsn_plan *plan, size_t index)
{
    const avsn_step *step = &plan->steps[index];
    bool told = false;
    for (int32_t i = 0; i < plan->options.wanted_count; i++) {
        bool completes = false;
        for (int32_t k = 0; k < step->output_count; k++)
            completes |= step->out[k] == plan->output_buffer[i];
        if (completes)
            plan->options.on_step(plan->options.user, i);
        told |= completes;
    }
    if (!told)
        plan->options.on_step(plan->options.user, -1);
}

avsound_status avsn_plan_run(avsn_plan *plan, uint64_t outputs, const atomic_int *cancel)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            AVSN_FAIL(AVSOUND_E_CANCELLED, "cancelled before step %zu of %zu", i + 1, plan->step_count);
        if (plan->steps[i].outputs & outputs)
            AVSN_TRY(plan->steps[i].kernel->run(plan->steps[i].kernel));
        if (plan->options.on_step && plan->steps[i].outputs & outputs)
            tell_step(plan, i);
    }
    return AVSOUND_OK;
}

int32_t avsn_plan_input_count(const avsn_plan *plan)
{
    return avsn_graph_input_count(plan->graph);
}

const char *avsn_plan_input_name(const avsn_plan *plan, int32_t index)
{
    return avsn_value_name(plan->graph, avsn_graph_input(plan->graph, index));
}

const avsn_shape *avsn_plan_input_shape(const avsn_plan *plan, int32_t index)
{
    return avsn_value_shape(plan->graph, avsn_graph_input(plan->graph, index));
}

float *avsn_plan_input_data(avsn_plan *plan, int32_t index)
{
    return buffer_address(plan, plan->value_buffer[avsn_graph_input(plan->graph, index).id]);
}

uint64_t avsn_plan_input_outputs(const avsn_plan *plan, int32_t index)
{
    return plan->value_outputs[avsn_graph_input(plan->graph, index).id];
}

int32_t avsn_plan_output_count(const avsn_plan *plan)
{
    return plan->options.wanted_count;
}

const char *avsn_plan_output_name(const avsn_plan *plan, int32_t index)
{
    return plan->options.wanted[index];
}

const avsn_shape *avsn_plan_output_shape(const avsn_plan *plan, int32_t index)
{
    return avsn_value_shape(plan->graph, plan->wanted[index]);
}

const float *avsn_plan_output_data(const avsn_plan *plan, int32_t index)
{
    return buffer_address(plan, plan->output_buffer[index]);
}

size_t avsn_plan_bytes(const avsn_plan *plan)
{
    return plan->arena_bytes;
}
