#include "train/views.h"

#include "base/zone.h"

#include <math.h>
#include <string.h>

typedef struct cut {
    const avsn_graph *forward;
    avsn_graph *graph;
    avsn_value embedding; /* of `forward` */
    bool *leads;          /* forward value id -> the embedding depends on it */
    avsn_value *map;      /* forward value id -> value of the graph */
} cut;

static void mark(cut *c)
{
    c->leads[c->embedding.id] = true;
    for (int32_t n = avsn_graph_node_count(c->forward) - 1; n >= 0; n--) {
        const avsn_node *node = avsn_graph_node(c->forward, n);
        for (int32_t i = 0; i < node->input_count; i++)
            c->leads[node->input[i].id] |= c->leads[node->output[0].id];
    }
}

static avsn_value copy_node(cut *c, const avsn_node *node, const avsn_param_spec *param)
{
    avsn_value inputs[AVSN_MAX_INPUTS];
    const avsn_shape shape = *avsn_value_shape(c->forward, node->output[0]);
    for (int32_t i = 0; i < node->input_count; i++)
        inputs[i] = c->map[node->input[i].id];
    if (param)
        return avsn_param(c->graph, param->name, param->shape, param->init, param->state);
    if (node->kind == AVSN_OP_INPUT)
        return avsn_input(c->graph, node->name, shape);
    return avsn_graph_append(c->graph, node->kind, node->name, &node->attributes, inputs, node->input_count, &shape);
}

static void copy_tower(cut *c)
{
    int32_t param = 0;
    for (int32_t n = 0; n < avsn_graph_node_count(c->forward); n++) {
        const avsn_node *node = avsn_graph_node(c->forward, n);
        const avsn_param_spec *spec =
            node->kind == AVSN_OP_PARAM ? avsn_graph_param(c->forward, param++) : NULL;
        if (!c->leads[node->output[0].id])
            continue;
        const avsn_value value = copy_node(c, node, spec);
        const char *name = avsn_value_name(c->forward, node->output[0]);
        c->map[node->output[0].id] = *name ? avsn_name(c->graph, name, value) : value;
    }
}

/* Unit vectors need not be made so twice. */
static avsn_value normalized(cut *c, avsn_value embedding)
{
    const avsn_shape shape = *avsn_value_shape(c->graph, embedding);
    const avsn_node *last = avsn_graph_node(c->graph, avsn_value_producer(c->graph, embedding));
    const avsn_attributes attributes = {.epsilon = 1e-12f};
    if (last->kind == AVSN_OP_L2_NORMALIZE)
        return embedding;
    return avsn_graph_append(c->graph, AVSN_OP_L2_NORMALIZE, NULL, &attributes, &embedding, 1, &shape);
}

static void compare(cut *c, const char *name, bool loss)
{
    const avsn_value embedding = c->map[c->embedding.id];
    if (avsn_graph_stuck(c->graph, &embedding, 1))
        return;
    avsn_output(c->graph, name, embedding);
    const avsn_value unit = normalized(c, embedding);
    if (avsn_graph_stuck(c->graph, &unit, 1))
        return;
    const int64_t views = avsn_value_shape(c->graph, unit)->dim[0];
    const avsn_value logits = avsn_graph_append(c->graph, AVSN_OP_PAIR_INNER_MAP, NULL, NULL, (avsn_value[]){unit, unit}, 2,
                                                &AVSN_SHAPE(views * views, 1));
    avsn_output(c->graph, "logits", logits);
    if (loss)
        avsn_view_loss(c->graph, logits);
}

static avsound_status check(const cut *c, const char *embedding)
{
    const bool image = c->leads[avsn_graph_find(c->forward, "image").id];
    const bool sound = c->leads[avsn_graph_find(c->forward, "spectrogram").id];
    const avsn_shape *shape = avsn_value_shape(c->forward, c->embedding);
    if (image == sound)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "views: %s comes of %s the picture and the sound, want one of them", embedding,
                  image ? "both" : "neither");
    if (shape->rank != 2)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "views: %s has %d axes, want a vector a view", embedding, shape->rank);
    return AVSOUND_OK;
}

static avsound_status make(cut *c, const char *embedding, bool loss)
{
    mark(c);
    AVSN_TRY(check(c, embedding));
    AVSN_TRY(avsn_graph_create(avsn_graph_context(c->forward), &c->graph));
    copy_tower(c);
    compare(c, embedding, loss);
    return avsn_graph_finish(c->graph);
}

avsound_status avsn_view_graph(const avsn_graph *forward, const char *embedding, bool loss, avsn_graph **out)
{
    const size_t values = (size_t)avsn_graph_value_count(forward) + 1;
    cut c = {.forward = forward, .embedding = avsn_graph_find(forward, embedding)};
    avsn_zone zone;
    *out = NULL;
    if (!c.embedding.id)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "views: the network has no output \"%s\"", embedding);
    avsn_zone_init(&zone, avsn_graph_context(forward));
    c.leads = avsn_zone_alloc(&zone, values, sizeof *c.leads);
    c.map = avsn_zone_alloc(&zone, values, sizeof *c.map);
    const avsound_status status = c.leads && c.map ? make(&c, embedding, loss) : AVSOUND_E_NO_MEMORY;
    avsn_zone_free(&zone);
    if (status)
        avsn_graph_free(c.graph);
    else
        *out = c.graph;
    return status;
}

avsn_value avsn_view_loss(avsn_graph *graph, avsn_value logits)
{
    if (avsn_graph_stuck(graph, &logits, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, logits);
    const int64_t views = llround(sqrt((double)shape.dim[0]));
    if (views % 2 || views < 2)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, "loss", "%lld views, want two of each thing", (long long)views);
    const avsn_attributes attributes = {.views = true, .temperature = AVSN_VIEW_TEMPERATURE};
    const avsn_shape shapes[2] = {AVSN_SHAPE(1, 1), shape};
    const avsn_value loss = avsn_graph_append_many(graph, AVSN_OP_PAIR_LOSS, "loss", &attributes, &logits, 1, shapes, 2);
    avsn_output(graph, "loss", loss);
    return loss;
}
