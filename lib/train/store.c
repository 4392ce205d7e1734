#include "train/store.h"

#include "base/zone.h"
#include "train/gradients.h"

#include <stdlib.h>
#include <string.h>

/* What one parameter begins as: the model's, or zeros for what only training has. */
typedef struct origin {
    avsn_named_tensor item; /* `name` may die with the zone */
    bool state;
} origin;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const origin *)a)->item.name, ((const origin *)b)->item.name);
}

static bool renormalises(const avsn_node *node)
{
    return node->kind == AVSN_OP_BATCH_NORM && node->attributes.renorm;
}

/* All parameters of the training graph, ordered by name. */
static avsound_status list_origins(const avsound_model *model, const avsn_graph *graph, avsn_zone *zone, origin **out,
                                   size_t *count)
{
    size_t most = (size_t)avsn_graph_param_count(graph), n = 0;
    for (int32_t i = 0; i < avsn_graph_node_count(graph); i++)
        most += renormalises(avsn_graph_node(graph, i)) ? AVSN_RENORM_NAMES : 0;
    origin *list = avsn_zone_alloc(zone, most, sizeof *list);
    if (!list)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < avsn_graph_param_count(graph); i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        list[n++] = (origin){*avsn_params_find(&model->params, spec->name), spec->state};
    }
    for (int32_t i = 0; i < avsn_graph_node_count(graph); i++) {
        const avsn_node *node = avsn_graph_node(graph, i);
        for (int32_t k = 0; renormalises(node) && k < AVSN_RENORM_NAMES; k++) {
            const char *name = avsn_zone_printf(zone, "%s.%s", node->name, avsn_renorm_names[k]);
            if (!name)
                return AVSOUND_E_NO_MEMORY;
            const avsn_shape shape = k % 2 ? AVSN_SHAPE(1) : *avsn_value_shape(graph, node->input[1]);
            list[n++] = (origin){{.name = name, .shape = shape}, true};
        }
    }
    qsort(list, n, sizeof *list, by_name);
    *out = list;
    *count = n;
    return AVSOUND_OK;
}

static avsound_status list_items(avsn_store *store, const origin *origins, size_t count)
{
    size_t bytes = count * sizeof *store->params.items;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(origins[i].item.name) + 1;
    store->params.items = avsn_alloc(store->context, bytes, 1); /* the names follow in the same block */
    store->items = avsn_alloc_zeroed(store->context, count, sizeof *store->items);
    if (!store->params.items || !store->items)
        return AVSOUND_E_NO_MEMORY;
    store->params.count = (int32_t)count;
    char *names = (char *)(store->params.items + count);
    for (size_t i = 0; i < count; i++) {
        const avsn_named_tensor *theirs = &origins[i].item;
        const size_t length = strlen(theirs->name) + 1;
        int64_t floats;
        avsn_shape_count(&theirs->shape, &floats);
        store->params.items[i] =
            (avsn_named_tensor){.name = memcpy(names, theirs->name, length), .shape = theirs->shape};
        store->items[i] = (avsn_store_item){.begin = store->floats, .count = (size_t)floats, .state = origins[i].state,
                                            .decays = theirs->shape.rank > 1};
        names += length;
        store->floats += ((size_t)floats + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status fill(avsn_store *store, const origin *origins)
{
    store->values = avsn_store_block(store);
    if (!store->values)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < store->params.count; i++) {
        float *values = store->values + store->items[i].begin;
        if (origins[i].item.data)
            memcpy(values, origins[i].item.data, store->items[i].count * sizeof *values);
        store->params.items[i].data = values;
    }
    return AVSOUND_OK;
}

static avsound_status init(avsn_store *store, const avsound_model *model)
{
    avsn_graph *graph;
    avsn_zone zone;
    origin *origins = NULL;
    size_t count = 0;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1}, &graph));
    avsn_zone_init(&zone, store->context);
    avsound_status status = list_origins(model, graph, &zone, &origins, &count);
    if (!status)
        status = list_items(store, origins, count);
    if (!status)
        status = fill(store, origins);
    avsn_zone_free(&zone);
    avsn_graph_free(graph);
    return status;
}

avsound_status avsn_store_create(const avsound_model *model, avsn_store **out)
{
    *out = NULL;
    avsn_store *store = avsn_alloc_zeroed(model->context, 1, sizeof *store);
    if (!store)
        return AVSOUND_E_NO_MEMORY;
    store->context = avsn_context_ref(model->context);
    const avsound_status status = init(store, model);
    if (status) {
        avsn_store_free(store);
        return status;
    }
    *out = store;
    return AVSOUND_OK;
}

void avsn_store_free(avsn_store *store)
{
    if (!store)
        return;
    avsound_context *context = store->context;
    avsn_free(context, store->values);
    avsn_free(context, store->items);
    avsn_free(context, store->params.items);
    avsn_free(context, store);
    avsound_context_free(context);
}

float *avsn_store_block(const avsn_store *store)
{
    return avsn_alloc_zeroed(store->context, store->floats, sizeof(float));
}

avsound_status avsn_store_view(const avsn_store *store, const float *block, avsn_params *out)
{
    const size_t count = (size_t)store->params.count;
    out->items = avsn_alloc(store->context, count, sizeof *out->items);
    if (!out->items)
        return AVSOUND_E_NO_MEMORY;
    memcpy(out->items, store->params.items, count * sizeof *out->items);
    for (size_t i = 0; i < count; i++)
        out->items[i].data = block + store->items[i].begin;
    out->count = store->params.count;
    return AVSOUND_OK;
}
