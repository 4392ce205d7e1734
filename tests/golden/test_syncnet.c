/* The synchronisation network against PyTorch in double precision, at a reduced width and odd sizes: its vectors and its curve
 * as it is used, and one step of training. make_syncnet.py beside this file made the numbers. And what its users rely on:
 * vectors that do not depend on where a recording is cut. */
#include "golden.h"

#include "base/cpu.h"
#include "exec/plan.h"
#include "model/syncnet.h"
#include "train/gradients.h"

enum { BATCH = 3, FRAMES = 14, HEIGHT = 38, WIDTH = 42, BANDS = 24, COLUMNS = 61, LAGS = 5, SAMPLES = 16 };

/* f32 against double: of the larger of the value and the root mean square for what goes forward through six convolutions of up
 * to 500 products; gradients pass as many again and batch norms over few cells. */
#define FORWARD_TOLERANCE 2e-5
#define LOSS_TOLERANCE 1e-5
#define GRADIENT_TOLERANCE 3e-4
/* Gradients of what moves all values before a batch norm, or all logits of a softmax, alike are 0. */
#define CANCELLED 1e-4

static const avsn_build_config config = {.batch = BATCH, .width = 0.25, .image_height = HEIGHT, .image_width = WIDTH,
                                         .bins = BANDS, .columns = COLUMNS, .frames = FRAMES, .lags = LAGS};
static const float labels[BATCH] = {-3.3f, 0, 6.75f};

typedef struct run {
    avsound_context *context;
    avsn_safetensors *file;
    avsn_params params;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} run;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

static void make_params(run *r, const avsn_graph *graph, avsn_plan_options *options)
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
    qsort(r->params.items, (size_t)r->params.count, sizeof *r->params.items, by_name);
}

static void feed(const run *r)
{
    for (int32_t i = 0; i < avsn_plan_input_count(r->plan); i++) {
        const char *name = avsn_plan_input_name(r->plan, i);
        const int64_t count = golden_count(avsn_plan_input_shape(r->plan, i));
        for (int64_t k = 0; k < count; k++)
            avsn_plan_input_data(r->plan, i)[k] = strcmp(name, "label")
                                                      ? (float)avsn_rng_normal(GOLDEN_SEED, avsn_rng_stream(name), (uint64_t)k)
                                                      : labels[k];
    }
}

/* The plan keeps a pointer into the run. */
static void start(run *r, const avsn_build_config *sizes, avsn_plan_options options)
{
    avsn_graph *graph, *forward = NULL;
    ck_avsound(avsound_context_create(NULL, &r->context));
    ck_avsound(avsn_safetensors_open(r->context, TEST_SOURCE_DIR "/golden/syncnet.safetensors", &r->file));
    ck_avsound(avsn_graph_create(r->context, &graph));
    avsn_arch_syncnet.build(graph, sizes);
    ck_avsound(avsn_graph_finish(graph));
    if (options.train) {
        forward = graph;
        ck_avsound(avsn_training_graph(forward, AVSN_OBJECTIVE_LAGS, 0.1f, &graph));
        avsn_graph_free(forward);
    }
    make_params(r, graph, &options);
    ck_avsound(avsn_pack_cache_create(r->context, &r->cache));
    ck_avsound(avsn_plan_create(graph, &r->params, r->cache, &options, &r->plan));
    feed(r);
}

static void compute(const run *r, int32_t threads)
{
    avsn_compute state;
    avsn_compute_enter(&state, threads);
    const avsound_status status = avsn_plan_run(r->plan, UINT64_MAX, NULL);
    avsn_compute_leave(&state);
    ck_avsound(status);
}

static void finish(run *r)
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
static void check(const run *r, const char *name, const float *got, int64_t count, double tolerance, double least)
{
    const avsn_file_tensor *tensor = avsn_safetensors_find(r->file, name);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", name);
    const float *want = tensor->data;
    const int64_t kept = AVSN_MIN(count, (int64_t)SAMPLES);
    ck_assert_int_eq(tensor->shape.dim[0], kept + 1);
    const double rms = fmax((double)want[kept], least);
    for (int64_t k = 0; k < kept; k++) {
        const uint64_t at = ((uint64_t)k * 2654435761u + 12345) % (uint64_t)count;
        const double error = fabs((double)got[at] - (double)want[k]) / rms;
        ck_assert_msg(error <= tolerance, "%s[%llu] is %.9g, want %.9g: off by %.3g of the rms %.3g", name,
                      (unsigned long long)at, (double)got[at], (double)want[k], error, rms);
    }
}

START_TEST(vectors_and_curve_equal_pytorch)
{
    static const char *const outputs[] = {"embedding.video", "embedding.audio", "lags", "logits"};
    static const avsn_shape shapes[] = {AVSN_SHAPE(BATCH, 128, FRAMES - 8), AVSN_SHAPE(BATCH, 128, (COLUMNS - 34) / 2 + 1),
                                        AVSN_SHAPE(BATCH, 4 * LAGS + 1), AVSN_SHAPE(BATCH, 4 * LAGS + 1)};
    for (int32_t threads = 1; threads <= 2; threads++) {
        run r = {.context = NULL};
        start(&r, &config, (avsn_plan_options){.threads = threads, .compute = AVSOUND_DTYPE_F32});
        compute(&r, threads);
        ck_assert_int_eq(avsn_plan_output_count(r.plan), 4);
        for (int32_t i = 0; i < 4; i++) {
            char name[64];
            snprintf(name, sizeof name, "used.%s", outputs[i]);
            ck_assert_str_eq(avsn_plan_output_name(r.plan, i), outputs[i]);
            ck_assert(avsn_shape_equal(avsn_plan_output_shape(r.plan, i), &shapes[i]));
            check(&r, name, avsn_plan_output_data(r.plan, i), golden_count(&shapes[i]), FORWARD_TOLERANCE, 0);
        }
        finish(&r);
    }
}
END_TEST

START_TEST(a_step_equals_pytorch)
{
    for (int32_t threads = 1; threads <= 2; threads++) {
        run r = {.context = NULL};
        start(&r, &config, (avsn_plan_options){.threads = threads, .compute = AVSOUND_DTYPE_F32, .train = true, .wanted_count = 1,
                                               .wanted = {"loss"}});
        compute(&r, threads);
        const double want = (double)*(const float *)avsn_safetensors_find(r.file, "loss")->data;
        ck_assert_double_eq_tol((double)*avsn_plan_output_data(r.plan, 0), want, LOSS_TOLERANCE * want);
        ck_assert_int_eq(avsn_plan_output_count(r.plan) - 1, 2 * (5 * 3 + 2) + 2);
        for (int32_t i = 1; i < avsn_plan_output_count(r.plan); i++) {
            const char *name = avsn_plan_output_name(r.plan, i) + 5;
            check(&r, name, avsn_plan_output_data(r.plan, i), golden_count(avsn_plan_output_shape(r.plan, i)), GRADIENT_TOLERANCE,
                  CANCELLED);
        }
        for (int32_t i = 0; i < r.params.count; i++)
            if (strstr(r.params.items[i].name, ".running_"))
                check(&r, r.params.items[i].name, r.params.items[i].data, golden_count(&r.params.items[i].shape),
                      FORWARD_TOLERANCE, 0);
        finish(&r);
    }
}
END_TEST

/* ---- blocks ---- */

/* Frames first...first + frames - 1 of the golden clip, and the columns that go with them, through the network. */
static void run_block(const run *whole, int64_t first, int64_t frames, run *r)
{
    avsn_build_config sizes = config;
    sizes.frames = frames;
    sizes.columns = frames * AVSN_SYNC_COLUMNS;
    start(r, &sizes, (avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32});
    const int64_t starts[2] = {first * HEIGHT * WIDTH, first * AVSN_SYNC_COLUMNS};
    const int64_t lengths[2] = {frames * HEIGHT * WIDTH, sizes.columns};
    const int64_t strides[2] = {FRAMES * HEIGHT * WIDTH, COLUMNS}, rows[2] = {BATCH * 3, BATCH * BANDS};
    for (int32_t i = 0; i < 2; i++)
        for (int64_t k = 0; k < rows[i]; k++)
            memcpy(avsn_plan_input_data(r->plan, i) + k * lengths[i],
                   avsn_plan_input_data(whole->plan, i) + k * strides[i] + starts[i], (size_t)lengths[i] * sizeof(float));
    compute(r, 1);
}

START_TEST(blocks_give_the_vectors_of_the_whole)
{
    run whole = {.context = NULL};
    start(&whole, &config, (avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32});
    compute(&whole, 1);
    for (int64_t first = 0; first + 2 * AVSN_SYNC_CONTEXT + 1 <= FRAMES; first++) {
        run r = {.context = NULL};
        run_block(&whole, first, 2 * AVSN_SYNC_CONTEXT + 1, &r);
        for (int32_t tower = 0; tower < 2; tower++) {
            const int64_t steps = tower ? AVSN_SYNC_STEPS : 1;
            const int64_t all = avsn_plan_output_shape(whole.plan, tower)->dim[2];
            ck_assert_int_eq(avsn_plan_output_shape(r.plan, tower)->dim[2], steps);
            for (int64_t row = 0; row < BATCH * 128; row++)
                for (int64_t s = 0; s < steps; s++)
                    ck_assert_float_eq_tol(avsn_plan_output_data(r.plan, tower)[row * steps + s],
                                           avsn_plan_output_data(whole.plan, tower)[row * all + first * steps + s], 1e-5f);
        }
        finish(&r);
    }
    finish(&whole);
}
END_TEST

SUITE("golden.syncnet", vectors_and_curve_equal_pytorch, a_step_equals_pytorch, blocks_give_the_vectors_of_the_whole)
