/* From nodes to steps: batch norm folds into the convolution before it; addition and ReLU join the op before them; where a
 * convolution's kernel can read its source so, concatenation and ReLU join the convolution behind them. Each fusion takes a
 * value that one node reads and nobody wants to see. */
#include "exec/internal.h"

avsn_step *avsn_plan_add_step(avsn_plan *plan)
{
    if (avsn_grow(plan->context, (void **)&plan->steps, sizeof *plan->steps, plan->step_count, plan->step_count + 1,
                  &plan->step_capacity))
        return NULL;
    avsn_step *step = &plan->steps[plan->step_count++];
    *step = (avsn_step){.output_count = 1, .scratchpad = -1};
    return step;
}

/* What a convolution reads, if its kernel takes it in parts. */
typedef struct source {
    int32_t parts; /* 0: it doesn't */
    avsn_value part[AVSN_MAX_PARTS];
    float slope[AVSN_MAX_PARTS];
} source;

/* What the fusions need to know of the graph. */
typedef struct view {
    const avsn_plan *plan;
    const avsn_graph *graph;
    int32_t *readers;   /* value id -> how many needed nodes read it */
    int32_t *reader;    /* value id -> the last of them */
    bool *fused;        /* node -> part of another node's step */
    int32_t *joins;     /* node -> the tiling that it convolves with what it is joined with; 0: none */
    source *source;      /* node -> its source's parts */
    avsn_step **step_at; /* node -> the step that ends there */
} view;

static bool wanted(const avsn_plan *plan, avsn_value value)
{
    for (int32_t i = 0; i < plan->options.wanted_count; i++)
        if (plan->wanted[i].id == value.id)
            return true;
    return false;
}

/* Marks, from the wanted outputs backwards, which outputs each value serves. */
static void mark_outputs(avsn_plan *plan)
{
    for (int32_t i = 0; i < plan->options.wanted_count; i++)
        plan->value_outputs[plan->wanted[i].id] |= (uint64_t)1 << AVSN_MIN(i, 63);
    for (int32_t n = avsn_graph_node_count(plan->graph) - 1; n >= 0; n--) {
        const avsn_node *node = avsn_graph_node(plan->graph, n);
        /* Running statistics serve no output: they go with the first. */
        if (node->kind == AVSN_OP_RUNNING_STATISTICS)
            plan->value_outputs[node->output[0].id] |= 1;
        uint64_t outputs = 0;
        for (int32_t i = 0; i < node->output_count; i++)
            outputs |= plan->value_outputs[node->output[i].id];
        for (int32_t i = 0; i < node->input_count; i++)
            plan->value_outputs[node->input[i].id] |= outputs;
    }
}

static bool needed(const avsn_plan *plan, const avsn_node *node)
{
    uint64_t outputs = 0;
    for (int32_t i = 0; i < node->output_count; i++)
        outputs |= plan->value_outputs[node->output[i].id];
    return outputs != 0;
}

static void count_readers(view *v)
{
    for (int32_t n = 0; n < avsn_graph_node_count(v->graph); n++) {
        const avsn_node *node = avsn_graph_node(v->graph, n);
        for (int32_t i = 0; needed(v->plan, node) && i < node->input_count; i++) {
            v->readers[node->input[i].id]++;
            v->reader[node->input[i].id] = n;
        }
    }
}

/* The node that alone reads a value nobody wants to see, if it is of this kind; -1 otherwise. */
static int32_t sole_reader(const view *v, avsn_value value, avsn_op_kind kind)
{
    if (v->readers[value.id] != 1 || wanted(v->plan, value))
        return -1;
    const int32_t n = v->reader[value.id];
    return avsn_graph_node(v->graph, n)->kind == kind && !v->fused[n] ? n : -1;
}

static void add_operand(avsn_step *step, avsn_operand operand, avsn_value value)
{
    step->operand[step->input_count] = operand;
    step->input[step->input_count++] = value;
}

static void add_columns(avsn_step *step, avsn_value weights, int64_t begin, int64_t end)
{
    step->columns[step->input_count].begin = begin;
    step->columns[step->input_count].end = end;
    add_operand(step, AVSN_FROM_CONV_WEIGHT, weights);
}

/* What is joined, and each one's part of the weights. */
static void joined_operands(const view *v, avsn_step *step, const avsn_node *tile)
{
    const avsn_node *conv = step->node;
    const avsn_node *concat = avsn_graph_node(v->graph, avsn_value_producer(v->graph, conv->input[0]));
    const int64_t pictures = avsn_value_shape(v->graph, concat->input[0])->dim[1];
    step->kind = AVSN_OP_JOINED_CONV;
    add_operand(step, AVSN_FROM_VALUE, concat->input[0]);
    add_operand(step, AVSN_FROM_VALUE, tile->input[0]);
    add_columns(step, conv->input[1], 0, pictures);
    add_columns(step, conv->input[1], pictures, avsn_value_shape(v->graph, conv->input[1])->dim[1]);
    if (conv->input_count > 2)
        add_operand(step, AVSN_FROM_CONV_BIAS, conv->input[2]);
}

static void node_operands(avsn_step *step, const view *v, const source *s)
{
    for (; step->parts < s->parts; step->parts++) {
        step->slope[step->parts] = s->slope[step->parts];
        add_operand(step, AVSN_FROM_VALUE, s->part[step->parts]);
    }
    for (int32_t i = s->parts ? 1 : 0; i < step->node->input_count; i++) {
        const avsn_value value = step->node->input[i];
        const bool param =
            !v->plan->options.train &&
            avsn_graph_node(v->graph, avsn_value_producer(v->graph, value))->kind == AVSN_OP_PARAM;
        const bool conv = step->node->kind == AVSN_OP_CONV || step->node->kind == AVSN_OP_DECONV;
        add_operand(step, !param ? AVSN_FROM_VALUE : !conv ? AVSN_FROM_PARAM : i == 1 ? AVSN_FROM_CONV_WEIGHT
                                                                                     : AVSN_FROM_CONV_BIAS, value);
    }
}

/* Transposed convolutions take a bias where they take parts. */
static bool folds(const view *v, const avsn_step *step)
{
    const bool takes = step->node->kind == AVSN_OP_CONV || (step->node->kind == AVSN_OP_DECONV && step->parts);
    return takes && !(v->plan->options.without & AVSN_WITHOUT_FOLD) && !v->plan->options.train;
}

/* Folded weights are made once: parameters that change between runs stay apart. */
static int32_t fold_batch_norm(view *v, avsn_step *step, int32_t end)
{
    const int32_t n = sole_reader(v, step->output[0], AVSN_OP_BATCH_NORM);
    if (n < 0 || !folds(v, step))
        return end;
    step->fold = avsn_graph_node(v->graph, n);
    if (step->node->input_count == 2)
        add_operand(step, AVSN_FROM_CONV_BIAS, (avsn_value){0});
    step->output[0] = step->fold->output[0];
    v->fused[n] = true;
    return n;
}

static int32_t fold_bias(view *v, avsn_step *step, int32_t end)
{
    const int32_t n = sole_reader(v, step->output[0], AVSN_OP_BIAS);
    if (n < 0 || step->node->kind != AVSN_OP_DECONV || !folds(v, step) || step->fold)
        return end;
    add_operand(step, AVSN_FROM_PARAM, avsn_graph_node(v->graph, n)->input[1]);
    step->output[0] = avsn_graph_node(v->graph, n)->output[0];
    v->fused[n] = true;
    return n;
}

static int32_t fuse_add(view *v, avsn_step *step, int32_t end)
{
    const int32_t n = sole_reader(v, step->output[0], AVSN_OP_ADD);
    if (n < 0 || !avsn_op_fuses_add(step->kind) || v->plan->options.without & AVSN_WITHOUT_ADD)
        return end;
    const avsn_node *add = avsn_graph_node(v->graph, n);
    const avsn_value other = add->input[add->input[0].id == step->output[0].id ? 1 : 0];
    if (other.id == step->output[0].id)
        return end;
    add_operand(step, AVSN_FROM_VALUE, other);
    step->add = true;
    step->output[0] = add->output[0];
    v->fused[n] = true;
    return n;
}

static int32_t fuse_relu(view *v, avsn_step *step, int32_t end)
{
    const int32_t n = sole_reader(v, step->output[0], AVSN_OP_ELTWISE);
    if (n < 0 || avsn_graph_node(v->graph, n)->attributes.eltwise != AVSN_RELU ||
        !avsn_op_fuses_relu(step->kind) || v->plan->options.without & AVSN_WITHOUT_RELU)
        return end;
    step->relu = true;
    step->output[0] = avsn_graph_node(v->graph, n)->output[0];
    v->fused[n] = true;
    return n;
}

/* A step stands where its last node stood: by then all its operands are there. */
static avsound_status make_step(view *v, avsn_plan *plan, int32_t n)
{
    avsn_step *step = avsn_zone_alloc(&plan->zone, 1, sizeof *step);
    if (!step)
        return AVSOUND_E_NO_MEMORY;
    step->node = avsn_graph_node(v->graph, n);
    step->kind = step->node->kind;
    step->output_count = step->node->output_count;
    for (int32_t i = 0; i < step->output_count; i++)
        step->output[i] = step->node->output[i];
    if (v->joins[n])
        joined_operands(v, step, avsn_graph_node(v->graph, v->joins[n]));
    else
        node_operands(step, v, &v->source[n]);
    int32_t end = fold_batch_norm(v, step, n);
    end = fold_bias(v, step, end);
    end = fuse_add(v, step, end);
    end = fuse_relu(v, step, end);
    for (int32_t i = 0; i < step->output_count; i++)
        step->outputs |= plan->value_outputs[step->output[i].id];
    v->step_at[end] = step;
    return AVSOUND_OK;
}

static bool is_point(const avsn_window *w)
{
    bool point = w->spatial == 3;
    for (int32_t i = 0; point && i < w->spatial; i++)
        point = w->kernel[i] == 1 && w->stride[i] == 1 && !w->before[i] && !w->after[i];
    return point;
}

/* The node that makes `value` for its sole reader, if it is of this kind; -1 otherwise. */
static int32_t sole_producer(const view *v, avsn_value value, avsn_op_kind kind)
{
    const int32_t n = avsn_value_producer(v->graph, value);
    return avsn_graph_node(v->graph, n)->kind == kind && v->readers[value.id] == 1 && !wanted(v->plan, value) ? n : -1;
}

/* A point convolution of a concatenation whose second part is a tiling needs neither of the two. */
static void find_joined(view *v, int32_t n)
{
    const avsn_node *node = avsn_graph_node(v->graph, n);
    if (node->kind != AVSN_OP_CONV || !is_point(&node->attributes.window) || !needed(v->plan, node))
        return;
    const int32_t c = sole_producer(v, node->input[0], AVSN_OP_CONCAT);
    const avsn_node *concat = c < 0 ? NULL : avsn_graph_node(v->graph, c);
    const int32_t t = concat && concat->input_count == 2 ? sole_producer(v, concat->input[1], AVSN_OP_TILE) : -1;
    if (t < 0)
        return;
    v->joins[n] = t;
    v->fused[c] = v->fused[t] = true;
}

static bool reads(const view *v, const avsn_node *node, const source *s)
{
    avsn_op_parts parts = {.kind = node->kind,
                           .attributes = &node->attributes,
                           .compute = v->plan->options.compute,
                           .count = s->parts,
                           .output = avsn_value_shape(v->graph, node->output[0])};
    for (int32_t i = 0; i < s->parts; i++)
        parts.part[i] = avsn_value_shape(v->graph, s->part[i]);
    return avsn_op_reads_parts(&parts);
}

/* ReLU behind an op that does it in passing stays there. */
static void take_relu(view *v, source *s, int32_t i, bool joined)
{
    const int32_t n = sole_producer(v, s->part[i], AVSN_OP_ELTWISE);
    const avsn_node *relu = n < 0 ? NULL : avsn_graph_node(v->graph, n);
    s->slope[i] = 1;
    if (!relu || (relu->attributes.eltwise != AVSN_RELU && relu->attributes.eltwise != AVSN_LEAKY_RELU))
        return;
    const float slope = relu->attributes.eltwise == AVSN_RELU ? 0 : relu->attributes.slope;
    if (!(slope >= 0 && slope < 1) || (!(slope > 0) && !joined && v->readers[relu->input[0].id] == 1))
        return;
    s->slope[i] = slope;
    s->part[i] = relu->input[0];
    v->fused[n] = true;
}

/* All that need a concatenation read it in parts. */
static bool comes_apart(const view *v, const avsn_node *concat, const source *apart)
{
    const avsn_value joined = concat->output[0];
    if (wanted(v->plan, joined))
        return false;
    for (int32_t n = 0; n < avsn_graph_node_count(v->graph); n++) {
        const avsn_node *node = avsn_graph_node(v->graph, n);
        for (int32_t i = 0; needed(v->plan, node) && i < node->input_count; i++)
            if (node->input[i].id == joined.id && (i > 0 || !reads(v, node, apart)))
                return false;
    }
    return true;
}

static void find_source(view *v, int32_t n)
{
    const avsn_node *node = avsn_graph_node(v->graph, n);
    if ((node->kind != AVSN_OP_CONV && node->kind != AVSN_OP_DECONV) || !needed(v->plan, node) || v->joins[n])
        return;
    source s = {.parts = 1, .part = {node->input[0]}};
    const int32_t c = avsn_value_producer(v->graph, node->input[0]);
    const avsn_node *before = avsn_graph_node(v->graph, c);
    if (before->kind == AVSN_OP_CONCAT && before->input_count <= AVSN_MAX_PARTS) {
        source apart = {.parts = before->input_count};
        for (int32_t i = 0; i < apart.parts; i++)
            apart.part[i] = before->input[i];
        v->fused[c] = comes_apart(v, before, &apart);
        s = v->fused[c] ? apart : s;
    }
    if (!reads(v, node, &s))
        return;
    for (int32_t i = 0; i < s.parts; i++)
        take_relu(v, &s, i, s.parts > 1);
    v->source[n] = s;
}

static avsound_status make_steps(view *v, avsn_plan *plan)
{
    const int32_t nodes = avsn_graph_node_count(v->graph);
    for (int32_t n = 0; n < nodes && !plan->options.train && !(plan->options.without & AVSN_WITHOUT_JOIN); n++) {
        find_joined(v, n);
        find_source(v, n);
    }
    for (int32_t n = 0; n < nodes; n++) {
        const avsn_node *node = avsn_graph_node(v->graph, n);
        if (node->kind != AVSN_OP_INPUT && node->kind != AVSN_OP_PARAM && needed(plan, node) && !v->fused[n])
            AVSN_TRY(make_step(v, plan, n));
    }
    for (int32_t n = 0; n < nodes; n++) {
        if (!v->step_at[n])
            continue;
        avsn_step *step = avsn_plan_add_step(plan);
        if (!step)
            return AVSOUND_E_NO_MEMORY;
        *step = *v->step_at[n];
        step->scratchpad = -1;
    }
    return AVSOUND_OK;
}

avsound_status avsn_plan_fuse(avsn_plan *plan)
{
    mark_outputs(plan);
    const size_t values = (size_t)avsn_graph_value_count(plan->graph) + 1;
    const size_t nodes = (size_t)avsn_graph_node_count(plan->graph);
    view v = {
        .plan = plan,
        .graph = plan->graph,
        .readers = avsn_zone_alloc(&plan->zone, values, sizeof *v.readers),
        .reader = avsn_zone_alloc(&plan->zone, values, sizeof *v.reader),
        .fused = avsn_zone_alloc(&plan->zone, nodes, sizeof *v.fused),
        .joins = avsn_zone_alloc(&plan->zone, nodes, sizeof *v.joins),
        .source = avsn_zone_alloc(&plan->zone, nodes, sizeof *v.source),
        .step_at = avsn_zone_alloc(&plan->zone, nodes, sizeof(avsn_step *)),
    };
    if (!v.readers || !v.reader || !v.fused || !v.joins || !v.source || !v.step_at)
        return AVSOUND_E_NO_MEMORY;
    count_readers(&v);
    return make_steps(&v, plan);
}
