#include "graph/graph.h"

#include "base/zone.h"
#include "graph/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SCOPE_DEPTH = 16, MAX_PATH = 256, MAX_OUTPUTS_OF_GRAPH = 64 };

typedef struct value_info {
    avsn_shape shape;
    const char *name;
    int32_t producer;
} value_info;

struct avsn_graph {
    avsound_context *context;
    avsn_zone zone;
    avsn_node *nodes;
    value_info *values; /* entry 0 is the poisoned value */
    avsn_param_spec *params;
    avsn_value *inputs;
    size_t node_count, node_capacity, value_count, value_capacity, param_count, param_capacity, input_count,
        input_capacity;
    struct output {
        const char *name;
        avsn_value value;
    } outputs[MAX_OUTPUTS_OF_GRAPH];
    int32_t output_count;
    char path[MAX_PATH]; /* of the open scopes, each followed by "." */
    size_t scope_start[MAX_SCOPE_DEPTH];
    int32_t depth;
    avsound_status status;
    char detail[512];
};

avsound_status avsn_graph_create(avsound_context *context, avsn_graph **out)
{
    *out = NULL;
    avsn_graph *graph = avsn_alloc_zeroed(context, 1, sizeof *graph);
    if (!graph)
        return AVSOUND_E_NO_MEMORY;
    graph->context = avsn_context_ref(context);
    avsn_zone_init(&graph->zone, context);
    graph->value_count = 1;
    if (avsn_grow(context, (void **)&graph->values, sizeof *graph->values, 0, 64, &graph->value_capacity)) {
        avsn_graph_free(graph);
        return AVSOUND_E_NO_MEMORY;
    }
    memset(&graph->values[0], 0, sizeof graph->values[0]);
    *out = graph;
    return AVSOUND_OK;
}

void avsn_graph_free(avsn_graph *graph)
{
    if (!graph)
        return;
    avsound_context *context = graph->context;
    avsn_zone_free(&graph->zone);
    avsn_free(context, graph->nodes);
    avsn_free(context, graph->values);
    avsn_free(context, graph->params);
    avsn_free(context, graph->inputs);
    avsn_free(context, graph);
    avsound_context_free(context);
}

avsound_status avsn_graph_finish(avsn_graph *graph)
{
    if (graph->status)
        return avsn_fail(graph->status, "%s", graph->detail);
    return AVSOUND_OK;
}

avsound_context *avsn_graph_context(const avsn_graph *graph)
{
    return graph->context;
}

/* ---- failing ---- */

avsn_value avsn_graph_fail(avsn_graph *graph, avsound_status status, const char *op, const char *format, ...)
{
    if (graph->status)
        return AVSN_POISON;
    graph->status = status;
    int used = snprintf(graph->detail, sizeof graph->detail, "%s%s: ", graph->path, op);
    used = AVSN_MIN(used, (int)sizeof graph->detail - 1);
    va_list args;
    va_start(args, format);
    vsnprintf(graph->detail + used, sizeof graph->detail - (size_t)used, format, args);
    va_end(args);
    return AVSN_POISON;
}

static avsn_value out_of_memory(avsn_graph *graph)
{
    return avsn_graph_fail(graph, AVSOUND_E_NO_MEMORY, "graph", "%s", avsound_error_detail());
}

bool avsn_graph_stuck(const avsn_graph *graph, const avsn_value *values, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (!values[i].id)
            return true;
    return graph->status != AVSOUND_OK;
}

/* ---- scopes and names ---- */

void avsn_scope(avsn_graph *graph, const char *name)
{
    const size_t start = strlen(graph->path);
    if (graph->depth == MAX_SCOPE_DEPTH || start + strlen(name) + 2 > sizeof graph->path) {
        avsn_graph_fail(graph, AVSOUND_E_INTERNAL, name, "scopes nest too deeply");
        return;
    }
    graph->scope_start[graph->depth++] = start;
    snprintf(graph->path + start, sizeof graph->path - start, "%s.", name);
}

void avsn_end(avsn_graph *graph)
{
    if (graph->depth)
        graph->path[graph->scope_start[--graph->depth]] = 0;
}

static const char *scoped(avsn_graph *graph, const char *name)
{
    const char *path = name && *name ? avsn_zone_printf(&graph->zone, "%s%s", graph->path, name) : "";
    if (!path)
        out_of_memory(graph);
    return path;
}

avsn_value avsn_name(avsn_graph *graph, const char *name, avsn_value value)
{
    if (avsn_graph_stuck(graph, &value, 1))
        return AVSN_POISON;
    const char *path = scoped(graph, name);
    if (!path)
        return AVSN_POISON;
    graph->values[value.id].name = path;
    return value;
}

void avsn_output(avsn_graph *graph, const char *name, avsn_value value)
{
    if (!value.id)
        avsn_graph_fail(graph, AVSOUND_E_INTERNAL, name, "an output without a value");
    if (graph->status)
        return;
    if (graph->output_count == MAX_OUTPUTS_OF_GRAPH) {
        avsn_graph_fail(graph, AVSOUND_E_INTERNAL, name, "more than %d outputs", MAX_OUTPUTS_OF_GRAPH);
        return;
    }
    graph->outputs[graph->output_count++] = (struct output){name, value};
}

/* ---- appending ---- */

/* `name` within the open scope, for failures; `path` is its full name. */
static avsn_value add_value(avsn_graph *graph, const avsn_shape *shape, const char *name, const char *path)
{
    int64_t count;
    char text[AVSN_SHAPE_TEXT];
    if (!avsn_shape_count(shape, &count) || count < 1 || count > INT64_MAX / 64)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, name, "shape %s is empty or too large",
                               avsn_shape_text(shape, text));
    if (avsn_grow(graph->context, (void **)&graph->values, sizeof *graph->values, graph->value_count,
                  graph->value_count + 1, &graph->value_capacity))
        return out_of_memory(graph);
    graph->values[graph->value_count] =
        (value_info){.shape = *shape, .name = path, .producer = (int32_t)graph->node_count};
    return (avsn_value){(int32_t)graph->value_count++};
}

avsn_value avsn_graph_append_many(avsn_graph *graph, avsn_op_kind kind, const char *name,
                                  const avsn_attributes *attributes, const avsn_value *inputs, int32_t input_count,
                                  const avsn_shape *shapes, int32_t output_count)
{
    if (avsn_graph_stuck(graph, inputs, input_count))
        return AVSN_POISON;
    const char *path = scoped(graph, name);
    if (!path)
        return AVSN_POISON;
    if (avsn_grow(graph->context, (void **)&graph->nodes, sizeof *graph->nodes, graph->node_count, graph->node_count + 1,
                  &graph->node_capacity))
        return out_of_memory(graph);
    avsn_node node = {.kind = kind, .name = path, .input_count = input_count, .output_count = output_count};
    if (attributes)
        node.attributes = *attributes;
    for (int32_t i = 0; i < input_count; i++)
        node.input[i] = inputs[i];
    for (int32_t i = 0; i < output_count; i++) {
        node.output[i] = add_value(graph, &shapes[i], name ? name : avsn_op_name(kind), i ? "" : path);
        if (!node.output[i].id)
            return AVSN_POISON;
    }
    graph->nodes[graph->node_count++] = node;
    return node.output[0];
}

avsn_value avsn_graph_append(avsn_graph *graph, avsn_op_kind kind, const char *name, const avsn_attributes *attributes,
                             const avsn_value *inputs, int32_t input_count, const avsn_shape *shape)
{
    return avsn_graph_append_many(graph, kind, name, attributes, inputs, input_count, shape, 1);
}

avsn_value avsn_input(avsn_graph *graph, const char *name, avsn_shape shape)
{
    if (avsn_grow(graph->context, (void **)&graph->inputs, sizeof *graph->inputs, graph->input_count,
                  graph->input_count + 1, &graph->input_capacity))
        return out_of_memory(graph);
    const avsn_value value = avsn_graph_append(graph, AVSN_OP_INPUT, name, NULL, NULL, 0, &shape);
    if (value.id)
        graph->inputs[graph->input_count++] = value;
    return value;
}

avsn_value avsn_param(avsn_graph *graph, const char *name, avsn_shape shape, avsn_init init, bool state)
{
    if (avsn_grow(graph->context, (void **)&graph->params, sizeof *graph->params, graph->param_count,
                  graph->param_count + 1, &graph->param_capacity))
        return out_of_memory(graph);
    const avsn_value value = avsn_graph_append(graph, AVSN_OP_PARAM, name, NULL, NULL, 0, &shape);
    if (value.id)
        graph->params[graph->param_count++] = (avsn_param_spec){
            .name = graph->values[value.id].name, .shape = shape, .init = init, .state = state, .value = value};
    return value;
}

avsound_status avsn_graph_cut(avsn_graph *graph, const char *name)
{
    const avsn_value value = avsn_graph_find(graph, name);
    if (!value.id)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "this network has no layer %s", name);
    AVSN_TRY(avsn_grow(graph->context, (void **)&graph->inputs, sizeof *graph->inputs, graph->input_count, graph->input_count + 1,
                       &graph->input_capacity));
    avsn_node *node = &graph->nodes[graph->values[value.id].producer];
    *node = (avsn_node){.kind = AVSN_OP_INPUT, .name = node->name, .output_count = 1, .output = {value}};
    graph->inputs[graph->input_count++] = value;
    return AVSOUND_OK;
}

/* ---- reading ---- */

int32_t avsn_graph_node_count(const avsn_graph *graph)
{
    return (int32_t)graph->node_count;
}

const avsn_node *avsn_graph_node(const avsn_graph *graph, int32_t index)
{
    return &graph->nodes[index];
}

int32_t avsn_graph_value_count(const avsn_graph *graph)
{
    return (int32_t)graph->value_count - 1;
}

const avsn_shape *avsn_value_shape(const avsn_graph *graph, avsn_value value)
{
    return &graph->values[value.id].shape;
}

const char *avsn_value_name(const avsn_graph *graph, avsn_value value)
{
    const char *name = graph->values[value.id].name;
    return name ? name : "";
}

int32_t avsn_value_producer(const avsn_graph *graph, avsn_value value)
{
    return graph->values[value.id].producer;
}

avsn_value avsn_graph_find(const avsn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->output_count; i++)
        if (!strcmp(graph->outputs[i].name, name))
            return graph->outputs[i].value;
    /* A layer's last value has its name: after batch norm and ReLU, not the bare convolution before them. */
    for (int32_t i = avsn_graph_value_count(graph); i > 0; i--)
        if (*name && !strcmp(avsn_value_name(graph, (avsn_value){i}), name))
            return (avsn_value){i};
    return AVSN_POISON;
}

int32_t avsn_graph_param_count(const avsn_graph *graph)
{
    return (int32_t)graph->param_count;
}

const avsn_param_spec *avsn_graph_param(const avsn_graph *graph, int32_t index)
{
    return &graph->params[index];
}

int32_t avsn_graph_input_count(const avsn_graph *graph)
{
    return (int32_t)graph->input_count;
}

avsn_value avsn_graph_input(const avsn_graph *graph, int32_t index)
{
    return graph->inputs[index];
}

int32_t avsn_graph_output_count(const avsn_graph *graph)
{
    return graph->output_count;
}

const char *avsn_graph_output_name(const avsn_graph *graph, int32_t index)
{
    return graph->outputs[index].name;
}

avsn_value avsn_graph_output(const avsn_graph *graph, int32_t index)
{
    return graph->outputs[index].value;
}
