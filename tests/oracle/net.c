#include "oracle/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "op/kernel.h"
#include "suite.h"

static void *get(size_t count, size_t size)
{
    void *ptr = calloc(count ? count : 1, size);
    ck_assert_ptr_nonnull(ptr);
    return ptr;
}

static int64_t count_of(const avsn_shape *shape)
{
    int64_t count = 0;
    ck_assert(avsn_shape_count(shape, &count));
    return count;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

/* ---- drawing ---- */

static double draw_param(const avsn_param_spec *spec, uint64_t seed, uint64_t stream, uint64_t i)
{
    if (ends_with(spec->name, "running_var"))
        return 0.5 + 1.5 * avsn_rng_uniform(seed, stream, i);
    const double normal = avsn_rng_normal(seed, stream, i);
    if (spec->init.fan_in) /* whatever the deviation of its own */
        return normal * sqrt(2.0 / (double)spec->init.fan_in);
    const double start = (double)spec->init.values[spec->init.kind == AVSN_INIT_LIST ? i % 4 : 0];
    return start + 0.3 * normal * (fabs(start) > 0 ? fabs(start) : 1);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

static void make_room(oracle_tensor *t)
{
    if (!t->data)
        t->data = get((size_t)count_of(&t->shape), sizeof *t->data);
}

static void widen(const float *from, oracle_tensor *to)
{
    const int64_t count = count_of(&to->shape);
    make_room(to);
    for (int64_t i = 0; i < count; i++)
        to->data[i] = (double)from[i];
}

static void draw_params(oracle_net *net)
{
    net->params.count = avsn_graph_param_count(net->graph);
    net->params.items = get((size_t)net->params.count, sizeof *net->params.items);
    for (int32_t p = 0; p < net->params.count; p++) {
        const avsn_param_spec *spec = avsn_graph_param(net->graph, p);
        const int64_t count = count_of(&spec->shape);
        float *data = get((size_t)count, sizeof *data);
        for (int64_t i = 0; i < count; i++)
            data[i] = (float)draw_param(spec, net->seed, avsn_rng_stream(spec->name), (uint64_t)i);
        net->params.items[p] = (avsn_named_tensor){spec->name, spec->shape, data};
        widen(data, &net->values[spec->value.id]);
    }
    qsort(net->params.items, (size_t)net->params.count, sizeof *net->params.items, compare_names);
}

static void draw_inputs(oracle_net *net)
{
    const int32_t inputs = avsn_graph_input_count(net->graph);
    net->inputs = get((size_t)inputs, sizeof *net->inputs);
    for (int32_t n = 0; n < inputs; n++) {
        const avsn_value value = avsn_graph_input(net->graph, n);
        const int64_t count = count_of(avsn_value_shape(net->graph, value));
        net->inputs[n] = get((size_t)count, sizeof **net->inputs);
        for (int64_t i = 0; i < count; i++)
            net->inputs[n][i] =
                (float)avsn_rng_normal(net->seed, avsn_rng_stream(avsn_value_name(net->graph, value)), (uint64_t)i);
        widen(net->inputs[n], &net->values[value.id]);
    }
}

/* ---- evaluating ---- */

static oracle_tensor rounded(const oracle_tensor *t)
{
    const int64_t count = count_of(&t->shape);
    oracle_tensor out = {t->shape, get((size_t)count, sizeof *out.data)};
    for (int64_t i = 0; i < count; i++)
        out.data[i] = (double)avsn_bf16_to_f32(avsn_bf16_from_f32((float)t->data[i]));
    return out;
}

static void eval_conv(const avsn_node *node, const oracle_tensor *const *in, int32_t compute, oracle_tensor *dst)
{
    if (compute != AVSOUND_DTYPE_BF16) {
        oracle_conv(&node->attributes.window, in[0], in[1], in[2], dst);
        return;
    }
    const oracle_tensor src = rounded(in[0]), weights = rounded(in[1]);
    oracle_conv(&node->attributes.window, &src, &weights, in[2], dst);
    free(src.data);
    free(weights.data);
}

static void eval_deconv(const avsn_node *node, const oracle_tensor *const *in, int32_t compute, oracle_tensor *dst)
{
    if (compute != AVSOUND_DTYPE_BF16) {
        oracle_deconv(&node->attributes.window, in[0], in[1], dst);
        return;
    }
    const oracle_tensor src = rounded(in[0]), weights = rounded(in[1]);
    oracle_deconv(&node->attributes.window, &src, &weights, dst);
    free(src.data);
    free(weights.data);
}

static void eval_fractional_pool(const oracle_tensor *src, oracle_tensor *dst)
{
    double *boundaries = get((size_t)dst->shape.dim[2] + 1, sizeof *boundaries);
    oracle_fractional_boundaries(src->shape.dim[2], dst->shape.dim[2], boundaries);
    oracle_fractional_pool(boundaries, src, dst);
    free(boundaries);
}

static void eval(const avsn_node *node, const oracle_tensor *const *in, int32_t compute, oracle_tensor *dst)
{
    const avsn_attributes *a = &node->attributes;
    switch (node->kind) {
    case AVSN_OP_CONV:
        eval_conv(node, in, compute, dst);
        return;
    case AVSN_OP_BATCH_NORM:
        oracle_batch_norm((double)a->epsilon, in[0], in[4], in[1], in[2], in[3], dst);
        return;
    case AVSN_OP_ELTWISE:
        oracle_eltwise(a, in[0], dst);
        return;
    case AVSN_OP_POOL:
        oracle_pool(a->pooling, &a->window, in[0], dst);
        return;
    case AVSN_OP_GLOBAL_POOL:
        oracle_global_pool(a->pooling, in[0], dst);
        return;
    case AVSN_OP_DENSE:
        oracle_dense(in[0], in[1], in[2], dst);
        return;
    case AVSN_OP_ADD:
        oracle_add(in[0], in[1], dst);
        return;
    case AVSN_OP_CONCAT:
        oracle_concat(in, node->input_count, dst);
        return;
    case AVSN_OP_SLICE:
        oracle_slice(a->begin, in[0], dst);
        return;
    case AVSN_OP_L2_NORMALIZE:
        oracle_l2_normalize((double)a->epsilon, in[0], dst);
        return;
    case AVSN_OP_DISTANCE:
        oracle_distance(in[0], in[1], dst);
        return;
    case AVSN_OP_INNER_MAP:
        oracle_inner_map(in[0], in[1], dst);
        return;
    case AVSN_OP_AFFINE:
        oracle_affine(in[0], in[1]->data[0], in[2]->data[0], dst);
        return;
    case AVSN_OP_SOFTMAX:
        oracle_softmax(in[0], dst);
        return;
    case AVSN_OP_FRACTIONAL_POOL:
        eval_fractional_pool(in[0], dst);
        return;
    case AVSN_OP_TILE:
        oracle_tile(in[0], dst);
        return;
    case AVSN_OP_REPEAT:
        oracle_repeat(in[0], dst);
        return;
    case AVSN_OP_SQUASH:
        oracle_squash(in[0], dst);
        return;
    case AVSN_OP_LAGS:
        oracle_lags(a->steps, a->lags, in[0], in[1], dst);
        return;
    case AVSN_OP_DECONV:
        eval_deconv(node, in, compute, dst);
        return;
    case AVSN_OP_BIAS:
        oracle_bias(in[0], in[1], dst);
        return;
    case AVSN_OP_PICTURE_MEAN:
        oracle_picture_mean(in[0], dst);
        return;
    case AVSN_OP_STRETCH:
        oracle_stretch(in[0], dst);
        return;
    case AVSN_OP_MASK:
        oracle_mask((double)a->decibels, a->rest, in[0], in[1], dst);
        return;
    case AVSN_OP_INPUT:
    case AVSN_OP_PARAM:
        return;
    default:
        ck_abort_msg("no oracle for op %s", avsn_op_name(node->kind));
    }
}

void oracle_net_create(oracle_net *net, avsound_context *context, uint64_t seed, oracle_build build, const void *arg)
{
    *net = (oracle_net){.context = context, .build = build, .arg = arg, .seed = seed};
    ck_avsound(avsn_graph_create(context, &net->graph));
    build(net->graph, arg);
    ck_avsound(avsn_graph_finish(net->graph));
    const int32_t values = avsn_graph_value_count(net->graph);
    net->values = get((size_t)values + 1, sizeof *net->values);
    for (int32_t i = 1; i <= values; i++)
        net->values[i].shape = *avsn_value_shape(net->graph, (avsn_value){i});
    draw_params(net);
    draw_inputs(net);
}

void oracle_net_evaluate(oracle_net *net, int32_t compute)
{
    for (int32_t n = 0; n < avsn_graph_node_count(net->graph); n++) {
        const avsn_node *node = avsn_graph_node(net->graph, n);
        const oracle_tensor *in[AVSN_MAX_INPUTS] = {0};
        for (int32_t i = 0; i < node->input_count; i++)
            in[i] = &net->values[node->input[i].id];
        make_room(&net->values[node->output[0].id]);
        eval(node, in, compute, &net->values[node->output[0].id]);
    }
}

void oracle_net_free(oracle_net *net)
{
    for (int32_t i = 0; i < net->params.count; i++)
        free((float *)net->params.items[i].data);
    free(net->params.items);
    for (int32_t i = 0; i < avsn_graph_input_count(net->graph); i++)
        free(net->inputs[i]);
    free(net->inputs);
    for (int32_t i = 1; i <= avsn_graph_value_count(net->graph); i++)
        free(net->values[i].data);
    free(net->values);
    avsn_graph_free(net->graph);
}

/* ---- plans ---- */

avsound_status oracle_net_plan(const oracle_net *net, avsn_pack_cache *cache, const avsn_plan_options *options,
                               avsn_plan **out)
{
    avsn_graph *graph;
    *out = NULL;
    AVSN_TRY(avsn_graph_create(net->context, &graph));
    net->build(graph, net->arg);
    const avsound_status status = avsn_graph_finish(graph);
    if (status) {
        avsn_graph_free(graph);
        return status;
    }
    return avsn_plan_create(graph, &net->params, cache, options, out);
}

void oracle_net_feed(const oracle_net *net, avsn_plan *plan)
{
    for (int32_t i = 0; i < avsn_plan_input_count(plan); i++)
        memcpy(avsn_plan_input_data(plan, i), net->inputs[i],
               (size_t)count_of(avsn_plan_input_shape(plan, i)) * sizeof(float));
}

avsound_status oracle_run(avsn_plan *plan, int32_t threads, uint64_t outputs)
{
    avsn_compute state;
    avsn_compute_enter(&state, threads);
    const avsound_status status = avsn_plan_run(plan, outputs, NULL);
    avsn_compute_leave(&state);
    return status;
}

/* ---- comparing ---- */

oracle_error oracle_compare(const float *got, const double *want, int64_t count)
{
    double largest = 0, errors = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs((double)got[i] - want[i]);
        if (!isfinite(error))
            return (oracle_error){INFINITY, INFINITY};
        largest = fmax(largest, error);
        errors += error * error;
        squares += want[i] * want[i];
    }
    const double rms = squares > 0 ? sqrt(squares / (double)count) : 1;
    return (oracle_error){largest / rms, sqrt(errors / (double)count) / rms};
}

oracle_error oracle_output_error(const oracle_net *net, const avsn_plan *plan, int32_t index)
{
    const avsn_value value = avsn_graph_find(net->graph, avsn_plan_output_name(plan, index));
    ck_assert_int_ne(value.id, 0);
    ck_assert(avsn_shape_equal(avsn_plan_output_shape(plan, index), &net->values[value.id].shape));
    return oracle_compare(avsn_plan_output_data(plan, index), net->values[value.id].data,
                          count_of(avsn_plan_output_shape(plan, index)));
}

oracle_error oracle_plans_error(const avsn_plan *plan, int32_t index, const avsn_plan *right, int32_t right_index)
{
    ck_assert(avsn_shape_equal(avsn_plan_output_shape(plan, index), avsn_plan_output_shape(right, right_index)));
    const int64_t count = count_of(avsn_plan_output_shape(plan, index));
    double *want = get((size_t)count, sizeof *want);
    for (int64_t i = 0; i < count; i++)
        want[i] = (double)avsn_plan_output_data(right, right_index)[i];
    const oracle_error error = oracle_compare(avsn_plan_output_data(plan, index), want, count);
    free(want);
    return error;
}

bool oracle_has_bf16(void)
{
    return avsn_op_isa() >= AVSN_ISA_AVX512_BF16;
}

char *oracle_describe(const avsn_plan *plan)
{
    const size_t size = avsn_plan_describe(plan, NULL, 0) + 1;
    char *text = get(size, 1);
    ck_assert_uint_eq(avsn_plan_describe(plan, text, size), size - 1);
    return text;
}
