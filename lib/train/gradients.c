#include "train/gradients.h"

#include "base/zone.h"
#include "train/classes.h"
#include "train/lags.h"
#include "train/rules.h"
#include "train/separate.h"
#include "train/views.h"

#include <stdio.h>
#include <string.h>

typedef struct transform {
    const avsn_graph *forward;
    avsn_graph *graph;
    avsn_zone zone;
    float momentum;
    avsn_value *map;      /* forward value id -> training value */
    int32_t *readers;     /* forward value id -> how many nodes read it */
    int32_t *reader;      /* forward value id -> the last of them */
    bool *wanted_output;  /* forward value id -> an output of the network */
    avsn_value *diff;     /* training value id -> its gradient, poisoned until it has one */
    bool *learns;         /* training value id -> depends on a learned parameter */
    int32_t forward_nodes; /* of the training graph: those before the loss */
    bool contrastive;
    float share;
    int32_t separation;   /* AVSOUND_SEPARATION_ constant; 0: another objective */
    float decibels;       /* of the separation's loss */
    bool partial;         /* the loss need not depend on every parameter */
    bool *paired;         /* contrastive: forward value id -> of all pairs, not of single ones */
    bool *leads;          /* contrastive: forward value id -> the logits depend on it */
} transform;

/* ---- what a contrastive objective changes ---- */

static bool compares(const avsn_node *node)
{
    return node->kind == AVSN_OP_DISTANCE || node->kind == AVSN_OP_INNER_MAP;
}

/* Marks what comes after the comparison of two embeddings. A value from before it has another batch size: the two can't
 * meet in one op. */
static avsound_status mark_paired(transform *t)
{
    bool any = false;
    for (int32_t n = 0; n < avsn_graph_node_count(t->forward); n++) {
        const avsn_node *node = avsn_graph_node(t->forward, n);
        bool paired = compares(node), single = false;
        for (int32_t i = 0; i < node->input_count && !compares(node); i++) {
            const int32_t producer = avsn_value_producer(t->forward, node->input[i]);
            paired |= t->paired[node->input[i].id];
            single |= !t->paired[node->input[i].id] && avsn_graph_node(t->forward, producer)->kind != AVSN_OP_PARAM;
        }
        if (paired && single)
            AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "contrastive: %s %s mixes pairs with single items", avsn_op_name(node->kind),
                      node->name);
        t->paired[node->output[0].id] = paired;
        any |= paired;
    }
    if (!any)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "contrastive: this network has no distance and no inner map, so it compares no "
                  "embeddings");
    return AVSOUND_OK;
}

static avsound_status mark_pairs(transform *t)
{
    AVSN_TRY(mark_paired(t));
    t->leads[avsn_graph_find(t->forward, "logits").id] = true;
    for (int32_t n = avsn_graph_node_count(t->forward) - 1; n >= 0; n--) {
        const avsn_node *node = avsn_graph_node(t->forward, n);
        for (int32_t i = 0; i < node->input_count; i++)
            t->leads[node->input[i].id] |= t->leads[node->output[0].id];
    }
    return AVSOUND_OK;
}

/* ---- forward, in training mode ---- */

/* The ReLU that alone reads a batch norm's result joins it: one pass less, forwards and backwards. */
static bool relu_follows(const transform *t, const avsn_node *node)
{
    const int32_t id = node->output[0].id;
    if (t->readers[id] != 1 || t->wanted_output[id])
        return false;
    const avsn_node *next = avsn_graph_node(t->forward, t->reader[id]);
    return next->kind == AVSN_OP_ELTWISE && next->attributes.eltwise == AVSN_RELU;
}

/* Values that one channel's statistics are over. */
static int64_t values_by_channel(const avsn_shape *shape)
{
    int64_t count = shape->dim[0];
    for (int32_t i = 2; i < shape->rank; i++)
        count *= shape->dim[i];
    return count;
}

const char *const avsn_renorm_names[AVSN_RENORM_NAMES] = {"renorm_mean", "renorm_mean_weight", "renorm_stddev",
                                                          "renorm_stddev_weight"};

/* The state that renormalisation adds to a network, under the release's names. */
static bool declare_renorm(transform *t, const avsn_node *node, const avsn_shape *channels, avsn_value *out)
{
    for (int32_t i = 0; i < AVSN_RENORM_NAMES; i++) {
        const char *name = avsn_zone_printf(&t->zone, "%s.%s", node->name, avsn_renorm_names[i]);
        if (!name) {
            avsn_graph_fail(t->graph, AVSOUND_E_NO_MEMORY, node->name, "%s", avsound_error_detail());
            return false;
        }
        out[i] = avsn_param(t->graph, name, i % 2 ? AVSN_SHAPE(1) : *channels, (avsn_init){.kind = AVSN_INIT_CONSTANT}, true);
    }
    return true;
}

static avsn_value batch_norm(transform *t, const avsn_node *node, const avsn_value *inputs)
{
    const avsn_shape shape = *avsn_value_shape(t->graph, inputs[0]), c = *avsn_value_shape(t->graph, inputs[1]);
    const bool weight = node->input_count > 4, renorm = node->attributes.renorm;
    avsn_attributes attributes = node->attributes;
    attributes.relu = relu_follows(t, node);
    if (t->momentum > 0)
        attributes.momentum = t->momentum;
    attributes.values = values_by_channel(&shape);
    avsn_value operands[7] = {inputs[0], inputs[1], inputs[4]}, statistics[8] = {inputs[2], inputs[3]};
    const int32_t count = weight ? 3 : 2, more = renorm ? AVSN_RENORM_NAMES : 0;
    if (renorm && !declare_renorm(t, node, &c, operands + count))
        return (avsn_value){0};
    const avsn_shape shapes[4] = {shape, c, c, AVSN_SHAPE(2, c.dim[0])};
    const avsn_value dst = avsn_graph_append_many(t->graph, AVSN_OP_BATCH_NORM_TRAIN, node->name, &attributes, operands,
                                                  count + more, shapes, renorm ? 4 : 3);
    statistics[2] = (avsn_value){dst.id + 1};
    statistics[3] = (avsn_value){dst.id + 2};
    memcpy(statistics + 4, operands + count, (size_t)more * sizeof *statistics);
    if (dst.id)
        avsn_graph_append(t->graph, AVSN_OP_RUNNING_STATISTICS, NULL, &attributes, statistics, 4 + more, &AVSN_SHAPE(1));
    return dst;
}

/* In training the windows are drawn anew for each step, by whoever runs the plan. */
static avsn_value fractional_pool(transform *t, const avsn_node *node, avsn_value src)
{
    const avsn_shape shape = *avsn_value_shape(t->forward, node->output[0]);
    const char *name = avsn_zone_printf(&t->zone, "%s.boundaries", node->name);
    if (!name)
        return avsn_graph_fail(t->graph, AVSOUND_E_NO_MEMORY, node->name, "%s", avsound_error_detail());
    const avsn_value inputs[2] = {src, avsn_input(t->graph, name, AVSN_SHAPE(shape.dim[2] + 1))};
    return avsn_graph_append(t->graph, AVSN_OP_FRACTIONAL_POOL, node->name, NULL, inputs, 2, &shape);
}

static avsn_op_kind training_kind(const transform *t, const avsn_node *node)
{
    switch (node->kind) {
    case AVSN_OP_POOL:
        return node->attributes.pooling == AVSN_POOL_MAX ? AVSN_OP_POOL_TRAIN : AVSN_OP_POOL;
    case AVSN_OP_DISTANCE:
        return t->contrastive ? AVSN_OP_PAIR_DISTANCE : AVSN_OP_DISTANCE;
    case AVSN_OP_INNER_MAP:
        return t->contrastive ? AVSN_OP_PAIR_INNER_MAP : AVSN_OP_INNER_MAP;
    default:
        return node->kind;
    }
}

static avsn_value copy_node(transform *t, const avsn_node *node, const avsn_value *inputs)
{
    avsn_shape shapes[2] = {*avsn_value_shape(t->forward, node->output[0]), AVSN_SHAPE(1)};
    if (t->paired[node->output[0].id])
        shapes[0].dim[0] *= shapes[0].dim[0];
    const avsn_op_kind kind = training_kind(t, node);
    return avsn_graph_append_many(t->graph, kind, node->name, &node->attributes, inputs, node->input_count, shapes,
                                  kind == AVSN_OP_POOL_TRAIN ? 2 : 1);
}

static bool is_fused_relu(const transform *t, const avsn_node *node)
{
    if (node->kind != AVSN_OP_ELTWISE || node->attributes.eltwise != AVSN_RELU)
        return false;
    const avsn_node *before = avsn_graph_node(t->forward, avsn_value_producer(t->forward, node->input[0]));
    return before->kind == AVSN_OP_BATCH_NORM && relu_follows(t, before);
}

static avsn_value forward_node(transform *t, int32_t n, int32_t *param)
{
    const avsn_node *node = avsn_graph_node(t->forward, n);
    avsn_value inputs[AVSN_MAX_INPUTS] = {{0}};
    for (int32_t i = 0; i < node->input_count; i++)
        inputs[i] = t->map[node->input[i].id];
    switch (node->kind) {
    case AVSN_OP_INPUT:
        return avsn_input(t->graph, node->name, *avsn_value_shape(t->forward, node->output[0]));
    case AVSN_OP_PARAM: {
        const avsn_param_spec *spec = avsn_graph_param(t->forward, (*param)++);
        return avsn_param(t->graph, spec->name, spec->shape, spec->init, spec->state);
    }
    case AVSN_OP_BATCH_NORM:
        return batch_norm(t, node, inputs);
    case AVSN_OP_FRACTIONAL_POOL:
        return fractional_pool(t, node, inputs[0]);
    default:
        return is_fused_relu(t, node) ? inputs[0] : copy_node(t, node, inputs);
    }
}

static void forward_pass(transform *t)
{
    int32_t param = 0;
    for (int32_t n = 0; n < avsn_graph_node_count(t->forward); n++) {
        const avsn_node *node = avsn_graph_node(t->forward, n);
        if (t->paired[node->output[0].id] && !t->leads[node->output[0].id])
            continue;
        const avsn_value value = forward_node(t, n, &param);
        const char *name = avsn_value_name(t->forward, node->output[0]);
        t->map[node->output[0].id] = *name ? avsn_name(t->graph, name, value) : value;
    }
    for (int32_t i = 0; i < avsn_graph_output_count(t->forward); i++) {
        const char *name = avsn_graph_output_name(t->forward, i);
        const avsn_value value = avsn_graph_output(t->forward, i);
        if (!t->paired[value.id] || !strcmp(name, "logits"))
            avsn_output(t->graph, name, t->map[value.id]);
    }
    t->forward_nodes = avsn_graph_node_count(t->graph);
}

/* ---- backward ---- */

static bool is_zero(const avsn_node *node)
{
    return node->kind == AVSN_OP_ELTWISE && node->attributes.eltwise == AVSN_ZERO;
}

static void mark_learning(transform *t)
{
    for (int32_t i = 0; i < avsn_graph_param_count(t->graph); i++) {
        const avsn_param_spec *spec = avsn_graph_param(t->graph, i);
        t->learns[spec->value.id] = !spec->state;
    }
    for (int32_t n = 0; n < t->forward_nodes; n++) {
        const avsn_node *node = avsn_graph_node(t->graph, n);
        bool learns = false;
        for (int32_t i = 0; i < node->input_count; i++)
            learns |= t->learns[node->input[i].id];
        t->partial |= is_zero(node);
        for (int32_t i = 0; node->input_count && i < node->output_count; i++)
            t->learns[node->output[i].id] = learns && !is_zero(node) && node->kind != AVSN_OP_RUNNING_STATISTICS;
    }
}

static void accumulate(transform *t, avsn_value value, avsn_value diff)
{
    avsn_value *sum = &t->diff[value.id];
    *sum = sum->id ? avsn_add(t->graph, *sum, diff) : diff;
}

static void backward_node(transform *t, int32_t n)
{
    const avsn_node node = *avsn_graph_node(t->graph, n); /* a copy: appending moves the nodes */
    const avsn_value diff = t->diff[node.output[0].id];
    if (!diff.id || !t->learns[node.output[0].id] || !node.input_count)
        return;
    const avsn_rule rule = avsn_rule_of(node.kind);
    if (!rule) {
        avsn_graph_fail(t->graph, AVSOUND_E_UNSUPPORTED, avsn_op_name(node.kind), "no gradient rule");
        return;
    }
    bool wanted[AVSN_MAX_INPUTS] = {0};
    avsn_value diff_in[AVSN_MAX_INPUTS] = {{0}};
    for (int32_t i = 0; i < node.input_count; i++)
        wanted[i] = t->learns[node.input[i].id];
    rule(t->graph, &node, diff, wanted, diff_in);
    for (int32_t i = 0; i < node.input_count; i++)
        if (wanted[i] && !avsn_graph_stuck(t->graph, NULL, 0))
            accumulate(t, node.input[i], diff_in[i]);
}

static void add_pair_loss(transform *t, avsn_value logits, const avsn_shape *shape)
{
    if (shape->rank != 2 || shape->dim[1] > 2) {
        char text[AVSN_SHAPE_TEXT];
        avsn_graph_fail(t->graph, AVSOUND_E_SHAPE, "loss", "logits are %s, want one or two columns",
                        avsn_shape_text(shape, text));
        return;
    }
    const avsn_attributes attributes = {.share = t->share};
    const avsn_shape shapes[2] = {AVSN_SHAPE(1, 1), *shape};
    const avsn_value loss = avsn_graph_append_many(t->graph, AVSN_OP_PAIR_LOSS, "loss", &attributes, &logits, 1, shapes, 2);
    avsn_output(t->graph, "loss", loss);
    if (loss.id)
        t->diff[logits.id] = (avsn_value){loss.id + 1};
}

static void add_separation_loss(transform *t)
{
    const char *names[2];
    avsn_separation_outputs(avsn_graph_find(t->graph, "first").id != 0, names);
    const avsn_value results[2] = {avsn_graph_find(t->graph, names[0]), avsn_graph_find(t->graph, names[1])};
    if (!results[0].id || !results[1].id) {
        avsn_graph_fail(t->graph, AVSOUND_E_UNSUPPORTED, "loss", "the network has no outputs \"%s\" and \"%s\"", names[0],
                        names[1]);
        return;
    }
    const avsn_value loss = avsn_separation_loss(t->graph, results, t->separation, t->decibels);
    for (int i = 0; i < 2 && loss.id; i++)
        t->diff[results[i].id] = (avsn_value){loss.id + 1 + i};
}

static void add_loss(transform *t, avsn_objective objective)
{
    if (objective == AVSN_OBJECTIVE_SEPARATE) {
        add_separation_loss(t);
        return;
    }
    const avsn_value logits = avsn_graph_find(t->graph, "logits");
    if (!logits.id) {
        avsn_graph_fail(t->graph, AVSOUND_E_UNSUPPORTED, "loss", "the network has no output \"logits\"");
        return;
    }
    const avsn_shape shape = *avsn_value_shape(t->graph, logits);
    if (t->contrastive) {
        add_pair_loss(t, logits, &shape);
        return;
    }
    if (objective == AVSN_OBJECTIVE_VIEWS || objective == AVSN_OBJECTIVE_LAGS || objective == AVSN_OBJECTIVE_CLASSES) {
        const avsn_value loss = objective == AVSN_OBJECTIVE_VIEWS  ? avsn_view_loss(t->graph, logits)
                                : objective == AVSN_OBJECTIVE_LAGS ? avsn_lag_loss(t->graph, logits)
                                                                   : avsn_class_loss(t->graph, logits);
        t->diff[logits.id] = (avsn_value){loss.id ? loss.id + 1 : 0};
        return;
    }
    const int64_t classes = objective == AVSN_OBJECTIVE_SOFTMAX ? 2 : 1;
    if (shape.rank != 2 || shape.dim[1] != classes) {
        avsn_graph_fail(t->graph, AVSOUND_E_SHAPE, "loss", "logits have %lld columns, this objective wants %lld",
                        (long long)shape.dim[1], (long long)classes);
        return;
    }
    const avsn_value label = avsn_input(t->graph, "label", AVSN_SHAPE(shape.dim[0], 1));
    const avsn_op_kind kind = objective == AVSN_OBJECTIVE_SOFTMAX ? AVSN_OP_SOFTMAX_LOSS : AVSN_OP_SIGMOID_LOSS;
    const avsn_value loss = avsn_graph_append_many(t->graph, kind, "loss", NULL, (avsn_value[]){logits, label}, 2,
                                                   (avsn_shape[]){AVSN_SHAPE(1, 1), shape}, 2);
    avsn_output(t->graph, "loss", loss);
    if (loss.id)
        t->diff[logits.id] = (avsn_value){loss.id + 1};
}

static void name_gradients(transform *t)
{
    for (int32_t i = 0; i < avsn_graph_param_count(t->graph); i++) {
        const avsn_param_spec spec = *avsn_graph_param(t->graph, i);
        const avsn_value diff = t->diff[spec.value.id];
        const char *name = avsn_zone_printf(&t->zone, "grad.%s", spec.name);
        if (!spec.state && diff.id && name)
            avsn_name(t->graph, name, diff);
        else if (!spec.state && !t->partial)
            avsn_graph_fail(t->graph, AVSOUND_E_INTERNAL, spec.name, "no gradient reaches it");
    }
}

/* ---- the whole ---- */

static avsound_status prepare(transform *t)
{
    const size_t forward = (size_t)avsn_graph_value_count(t->forward) + 1;
    /* Each forward value has at most: itself, three more results, one marker, and the loss's few. */
    const size_t training = 6 * forward + 16;
    t->map = avsn_zone_alloc(&t->zone, forward, sizeof *t->map);
    t->readers = avsn_zone_alloc(&t->zone, forward, sizeof *t->readers);
    t->reader = avsn_zone_alloc(&t->zone, forward, sizeof *t->reader);
    t->wanted_output = avsn_zone_alloc(&t->zone, forward, sizeof *t->wanted_output);
    t->diff = avsn_zone_alloc(&t->zone, training, sizeof *t->diff);
    t->learns = avsn_zone_alloc(&t->zone, training, sizeof *t->learns);
    t->paired = avsn_zone_alloc(&t->zone, forward, sizeof *t->paired);
    t->leads = avsn_zone_alloc(&t->zone, forward, sizeof *t->leads);
    if (!t->paired || !t->leads || !t->map || !t->readers || !t->reader || !t->wanted_output || !t->diff || !t->learns)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t n = 0; n < avsn_graph_node_count(t->forward); n++) {
        const avsn_node *node = avsn_graph_node(t->forward, n);
        for (int32_t i = 0; i < node->input_count; i++) {
            t->readers[node->input[i].id]++;
            t->reader[node->input[i].id] = n;
        }
    }
    for (int32_t i = 0; i < avsn_graph_output_count(t->forward); i++)
        t->wanted_output[avsn_graph_output(t->forward, i).id] = true;
    return AVSOUND_OK;
}

static avsound_status make_graph(transform t, avsn_objective objective, avsn_graph **out)
{
    const avsn_graph *forward = t.forward;
    *out = NULL;
    t.contrastive = objective == AVSN_OBJECTIVE_CONTRASTIVE;
    AVSN_TRY(avsn_graph_create(avsn_graph_context(forward), &t.graph));
    avsn_zone_init(&t.zone, avsn_graph_context(forward));
    avsound_status status = prepare(&t);
    if (!status && t.contrastive)
        status = mark_pairs(&t);
    if (!status) {
        forward_pass(&t);
        mark_learning(&t);
        add_loss(&t, objective);
        for (int32_t n = t.forward_nodes - 1; n >= 0; n--)
            backward_node(&t, n);
        name_gradients(&t);
        status = avsn_graph_finish(t.graph);
    }
    avsn_zone_free(&t.zone);
    if (status) {
        avsn_graph_free(t.graph);
        return status;
    }
    *out = t.graph;
    return AVSOUND_OK;
}

avsound_status avsn_training_graph(const avsn_graph *forward, avsn_objective objective, float momentum, avsn_graph **out)
{
    return make_graph((transform){.forward = forward, .momentum = momentum, .share = 1}, objective, out);
}

avsound_status avsn_contrastive_graph(const avsn_graph *forward, float share, float momentum, avsn_graph **out)
{
    return make_graph((transform){.forward = forward, .momentum = momentum, .share = share}, AVSN_OBJECTIVE_CONTRASTIVE, out);
}

avsound_status avsn_separation_graph(const avsn_graph *forward, int32_t loss, float decibels, float momentum, avsn_graph **out)
{
    return make_graph((transform){.forward = forward, .momentum = momentum, .separation = loss, .decibels = decibels,
                                  .partial = true},
                      AVSN_OBJECTIVE_SEPARATE, out);
}

bool avsn_has_gradient(avsn_op_kind kind)
{
    return kind == AVSN_OP_BATCH_NORM || avsn_rule_of(kind) != NULL;
}
