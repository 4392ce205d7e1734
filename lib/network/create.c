#include "network/making.h"

#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- from a seed ---- */

/* Normal within two deviations; one draw in 22 takes another. */
static double draw_truncated(uint64_t seed, uint64_t stream, uint64_t index)
{
    double value;
    do
        value = avsn_rng_normal(seed, stream++, index);
    while (fabs(value) > 2);
    return value;
}

static void initialise(const avsn_param_spec *spec, uint64_t seed, int64_t count, float *data)
{
    const avsn_init *init = &spec->init;
    const uint64_t stream = avsn_rng_stream(spec->name);
    const double he = sqrt(2.0 / (double)AVSN_MAX(init->fan_in, (int64_t)1));
    for (int64_t i = 0; i < count; i++) {
        switch (init->kind) {
        case AVSN_INIT_CONSTANT:
            data[i] = init->values[0];
            break;
        case AVSN_INIT_LIST:
            data[i] = init->values[i];
            break;
        case AVSN_INIT_HE:
            data[i] = (float)(he * avsn_rng_normal(seed, stream, (uint64_t)i));
            break;
        case AVSN_INIT_TRUNCATED:
            data[i] = (float)(he * sqrt(1.3) * draw_truncated(seed, stream, (uint64_t)i));
            break;
        case AVSN_INIT_NORMAL:
            data[i] = (float)((double)init->values[0] + (double)init->values[1] * avsn_rng_normal(seed, stream, (uint64_t)i));
            break;
        }
    }
}

/* Parameters begin at multiples of 16 floats. */
static bool storage_size(const avsn_params *params, size_t *floats)
{
    *floats = 0;
    for (int32_t i = 0; i < params->count; i++) {
        int64_t count;
        size_t rounded;
        if (!avsn_shape_count(&params->items[i].shape, &count) || !avsn_align_size((size_t)count, 16, &rounded) ||
            !avsn_add_size(*floats, rounded, floats))
            return false;
    }
    return true;
}

static avsound_status allocate_storage(avsound_model *model)
{
    size_t floats;
    if (!storage_size(&model->params, &floats))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: the parameters are too large", model->arch->name);
    model->storage = avsn_alloc(model->context, floats, sizeof *model->storage);
    return model->storage ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status draw_params(avsound_model *model, const avsn_graph *graph, uint64_t seed)
{
    AVSN_TRY(allocate_storage(model));
    float *next = model->storage;
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        avsn_named_tensor *item = (avsn_named_tensor *)avsn_params_find(&model->params, spec->name);
        int64_t count;
        avsn_shape_count(&spec->shape, &count);
        initialise(spec, seed, count, next);
        item->data = next;
        next += (count + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status draw(avsound_model *model, uint64_t seed)
{
    char source[80];
    avsn_graph *graph;
    snprintf(source, sizeof source, "avsound %s, weights drawn from seed %" PRIu64, avsound_version_string(), seed);
    AVSN_TRY(avsn_model_list_params(model, &graph));
    const avsound_status status = draw_params(model, graph, seed);
    avsn_graph_free(graph);
    AVSN_TRY(status);
    return avsn_model_set_metadata(model, "none", (const char *const[]){"source"}, (const char *const[]){source}, 1);
}

avsound_status avsound_model_create(avsound_context *context, const char *arch, const char *config, uint64_t seed,
                                    avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !arch)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "arch" : "context");
    const avsn_arch *known = avsn_arch_find(arch);
    if (!known)
        return avsn_unknown_arch(AVSOUND_E_INVALID_ARGUMENT, arch);
    avsound_model *model;
    AVSN_TRY(avsn_model_begin(context, known, config, "config", &model));
    return avsn_model_finish(model, draw(model, seed), out);
}

/* ---- from trained parameters ---- */

static avsound_status copy_params(avsound_model *model, const avsn_params *params)
{
    AVSN_TRY(allocate_storage(model));
    float *next = model->storage;
    for (int32_t i = 0; i < model->params.count; i++) {
        avsn_named_tensor *item = &model->params.items[i];
        const avsn_named_tensor *theirs = avsn_params_find(params, item->name);
        int64_t count;
        avsn_shape_count(&item->shape, &count);
        item->data = memcpy(next, theirs->data, (size_t)count * sizeof *next);
        next += (count + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status take_params(avsound_model *model, const avsn_params *params, const char *const *keys,
                                  const char *const *values, size_t count)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_list_params(model, &graph));
    avsn_graph_free(graph);
    AVSN_TRY(copy_params(model, params));
    return avsn_model_set_metadata(model, "trained", keys, values, count);
}

avsound_status avsn_model_trained(const avsound_model *like, const avsn_params *params, const char *const *keys,
                                  const char *const *values, size_t count, avsound_model **out)
{
    avsound_model *model;
    *out = NULL;
    AVSN_TRY(avsn_model_begin(like->context, like->arch, like->config_text, "config", &model));
    return avsn_model_finish(model, take_params(model, params, keys, values, count), out);
}
