#include "train/store.h"

#include <string.h>

/* Which of the network's parameters are state; the graph declares them in another order than the model's. */
static avsound_status mark_state(avsn_store *store, const avsound_model *model)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1}, &graph));
    for (int32_t i = 0; i < avsn_graph_param_count(graph); i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        const avsn_named_tensor *item = avsn_params_find(&store->params, spec->name);
        store->items[item - store->params.items].state = spec->state;
    }
    avsn_graph_free(graph);
    return AVSOUND_OK;
}

static avsound_status list_items(avsn_store *store, const avsound_model *model)
{
    const size_t count = (size_t)model->params.count;
    size_t bytes = count * sizeof *store->params.items;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(model->params.items[i].name) + 1;
    store->params.items = avsn_alloc(store->context, bytes, 1); /* the names follow in the same block */
    store->items = avsn_alloc_zeroed(store->context, count, sizeof *store->items);
    if (!store->params.items || !store->items)
        return AVSOUND_E_NO_MEMORY;
    store->params.count = model->params.count;
    char *names = (char *)(store->params.items + count);
    for (size_t i = 0; i < count; i++) {
        const avsn_named_tensor *theirs = &model->params.items[i];
        const size_t length = strlen(theirs->name) + 1;
        int64_t floats;
        avsn_shape_count(&theirs->shape, &floats);
        store->params.items[i] =
            (avsn_named_tensor){.name = memcpy(names, theirs->name, length), .shape = theirs->shape};
        store->items[i] = (avsn_store_item){
            .begin = store->floats, .count = (size_t)floats, .decays = theirs->shape.rank > 1};
        names += length;
        store->floats += ((size_t)floats + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status init(avsn_store *store, const avsound_model *model)
{
    AVSN_TRY(list_items(store, model));
    store->values = avsn_store_block(store);
    if (!store->values)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < store->params.count; i++) {
        float *values = store->values + store->items[i].begin;
        memcpy(values, model->params.items[i].data, store->items[i].count * sizeof *values);
        store->params.items[i].data = values;
    }
    return mark_state(store, model);
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
