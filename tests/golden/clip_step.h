/* A network of clips against PyTorch in double precision: as it is used, and one step of training. Weights and inputs are drawn by
 * name as the script beside the golden file draws them; of each tensor it keeps some elements and the root mean square. */
#ifndef AVSN_TEST_CLIP_STEP_H
#define AVSN_TEST_CLIP_STEP_H

#include "golden.h"

#include "base/cpu.h"
#include "exec/plan.h"
#include "model/arch.h"
#include "train/gradients.h"

enum { CLIP_STEP_SAMPLES = 16 };

/* f32 against double: of the larger of the value and the root mean square for what goes forward through some convolutions of up
 * to 500 products; gradients pass as many again and batch norms over few cells. */
#define CLIP_STEP_FORWARD 2e-5
#define CLIP_STEP_LOSS 1e-5
#define CLIP_STEP_GRADIENT 3e-4
/* Gradients of what moves all values before a batch norm, or all logits of a softmax, alike are 0. */
#define CLIP_STEP_CANCELLED 1e-4

typedef struct clip_step_network {
    const char *file; /* in tests/golden */
    const avsn_arch *arch;
    avsound_status (*training_graph)(const avsn_graph *forward, avsn_graph **out);
    /* Element `index` of an input, for which `drawn` was drawn. */
    float (*value)(const char *input, int64_t index, float drawn);
} clip_step_network;

typedef struct clip_step {
    avsound_context *context;
    avsn_safetensors *file;
    avsn_params params;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} clip_step;

static int clip_step_by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

static void clip_step_params(clip_step *r, const avsn_graph *graph, avsn_plan_options *options)
{
    r->params.count = avsn_graph_param_count(graph);
    r->params.items = calloc((size_t)r->params.count, sizeof *r->params.items);
    ck_assert_ptr_nonnull(r->params.items);
    for (int32_t i = 0; i < r->params.count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        float *data = malloc((size_t)golden_count(&spec->shape) * sizeof *data);
        char *name = malloc(strlen(spec->name) + 6);
        ck_assert(data && name);
        golden_values(spec->name, &spec->shape, data);
        sprintf(name, "grad.%s", spec->name);
        r->params.items[i] = (avsn_named_tensor){name + 5, spec->shape, data};
        if (options->train && !spec->state)
            options->wanted[options->wanted_count++] = name;
    }
    qsort(r->params.items, (size_t)r->params.count, sizeof *r->params.items, clip_step_by_name);
}

static void clip_step_feed(const clip_step *r, const clip_step_network *network)
{
    for (int32_t i = 0; i < avsn_plan_input_count(r->plan); i++) {
        const char *name = avsn_plan_input_name(r->plan, i);
        const int64_t count = golden_count(avsn_plan_input_shape(r->plan, i));
        for (int64_t k = 0; k < count; k++)
            avsn_plan_input_data(r->plan, i)[k] =
                network->value(name, k, (float)avsn_rng_normal(GOLDEN_SEED, avsn_rng_stream(name), (uint64_t)k));
    }
}

/* The plan keeps a pointer into the run. */
static void clip_step_start(clip_step *r, const clip_step_network *network, const avsn_build_config *sizes,
                            avsn_plan_options options)
{
    avsn_graph *graph, *forward = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/golden/%s", TEST_SOURCE_DIR, network->file);
    ck_avsound(avsound_context_create(NULL, &r->context));
    ck_avsound(avsn_safetensors_open(r->context, path, &r->file));
    ck_avsound(avsn_graph_create(r->context, &graph));
    network->arch->build(graph, sizes);
    ck_avsound(avsn_graph_finish(graph));
    if (options.train) {
        forward = graph;
        ck_avsound(network->training_graph(forward, &graph));
        avsn_graph_free(forward);
    }
    clip_step_params(r, graph, &options);
    ck_avsound(avsn_pack_cache_create(r->context, &r->cache));
    ck_avsound(avsn_plan_create(graph, &r->params, r->cache, &options, &r->plan));
    clip_step_feed(r, network);
}

static void clip_step_compute(const clip_step *r, int32_t threads)
{
    avsn_compute state;
    avsn_compute_enter(&state, threads);
    const avsound_status status = avsn_plan_run(r->plan, UINT64_MAX, NULL);
    avsn_compute_leave(&state);
    ck_avsound(status);
}

static void clip_step_finish(clip_step *r)
{
    avsn_plan_free(r->plan);
    avsn_pack_cache_free(r->cache);
    for (int32_t i = 0; i < r->params.count; i++) {
        free((void *)(r->params.items[i].name - 5));
        free((void *)r->params.items[i].data);
    }
    free(r->params.items);
    avsn_safetensors_free(r->file);
    avsound_context_free(r->context);
}

/* Errors over the larger of the root mean square of all and `least`. */
static void clip_step_check(const clip_step *r, const char *name, const float *got, int64_t count, double tolerance, double least)
{
    const avsn_file_tensor *tensor = avsn_safetensors_find(r->file, name);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", name);
    const float *want = tensor->data;
    const int64_t kept = AVSN_MIN(count, (int64_t)CLIP_STEP_SAMPLES);
    ck_assert_int_eq(tensor->shape.dim[0], kept + 1);
    const double rms = fmax((double)want[kept], least);
    for (int64_t k = 0; k < kept; k++) {
        const uint64_t at = ((uint64_t)k * 2654435761u + 12345) % (uint64_t)count;
        const double error = fabs((double)got[at] - (double)want[k]) / rms;
        ck_assert_msg(error <= tolerance, "%s[%llu] is %.9g, want %.9g: off by %.3g of the rms %.3g", name,
                      (unsigned long long)at, (double)got[at], (double)want[k], error, rms);
    }
}

/* Outputs of these names and shapes, in this order, on one thread and on two. */
static void clip_step_check_used(const clip_step_network *network, const avsn_build_config *sizes, const char *const *outputs,
                                 const avsn_shape *shapes, int32_t count)
{
    for (int32_t threads = 1; threads <= 2; threads++) {
        clip_step r = {.context = NULL};
        clip_step_start(&r, network, sizes, (avsn_plan_options){.threads = threads, .compute = AVSOUND_DTYPE_F32});
        clip_step_compute(&r, threads);
        ck_assert_int_eq(avsn_plan_output_count(r.plan), count);
        for (int32_t i = 0; i < count; i++) {
            char name[64];
            snprintf(name, sizeof name, "used.%s", outputs[i]);
            ck_assert_str_eq(avsn_plan_output_name(r.plan, i), outputs[i]);
            ck_assert(avsn_shape_equal(avsn_plan_output_shape(r.plan, i), &shapes[i]));
            clip_step_check(&r, name, avsn_plan_output_data(r.plan, i), golden_count(&shapes[i]), CLIP_STEP_FORWARD, 0);
        }
        clip_step_finish(&r);
    }
}

/* The loss, the gradients of so many parameters, the running statistics. */
static void clip_step_check_training(const clip_step_network *network, const avsn_build_config *sizes, int32_t learned)
{
    for (int32_t threads = 1; threads <= 2; threads++) {
        clip_step r = {.context = NULL};
        clip_step_start(&r, network, sizes,
                        (avsn_plan_options){.threads = threads, .compute = AVSOUND_DTYPE_F32, .train = true, .wanted_count = 1,
                                            .wanted = {"loss"}});
        clip_step_compute(&r, threads);
        const double want = (double)*(const float *)avsn_safetensors_find(r.file, "loss")->data;
        ck_assert_double_eq_tol((double)*avsn_plan_output_data(r.plan, 0), want, CLIP_STEP_LOSS * fabs(want));
        ck_assert_int_eq(avsn_plan_output_count(r.plan) - 1, learned);
        for (int32_t i = 1; i < avsn_plan_output_count(r.plan); i++)
            clip_step_check(&r, avsn_plan_output_name(r.plan, i) + 5, avsn_plan_output_data(r.plan, i),
                            golden_count(avsn_plan_output_shape(r.plan, i)), CLIP_STEP_GRADIENT, CLIP_STEP_CANCELLED);
        for (int32_t i = 0; i < r.params.count; i++)
            if (strstr(r.params.items[i].name, ".running_"))
                clip_step_check(&r, r.params.items[i].name, r.params.items[i].data, golden_count(&r.params.items[i].shape),
                                CLIP_STEP_FORWARD, 0);
        clip_step_finish(&r);
    }
}

#endif
