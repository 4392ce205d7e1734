/* Three steps of gradient descent of each network against PyTorch in double precision: losses, gradients of every
 * parameter, running statistics, the state of renormalising batch norms. make_training.py beside this file made the numbers. */
#include "golden.h"

#include "base/cpu.h"
#include "exec/plan.h"
#include "model/arch.h"
#include "train/gradients.h"

#define STEPS 3
#define RATE 0.002f
#define SAMPLES 16

/* f32 against double. The loss is a mean of few numbers of magnitude 1. A gradient passes up to 9 convolutions of up to 1440
 * products and as many batch norms over a handful of cells, each of which divides by a spread: its error, over the
 * gradient's root mean square, came to 7e-5 at most. A maximum or a ReLU that goes the other way would show at 1e-3. */
#define LOSS_TOLERANCE 1e-5
#define GRADIENT_TOLERANCE 3e-4
#define STATISTICS_TOLERANCE 1e-5
#define NO_GRADIENT 1e-3 /* of a bias that a batch norm takes away again it is 0 but for rounding */

typedef struct training_case {
    const char *name, *arch;
    avsn_build_config config;
    avsn_objective objective;
} training_case;

#define CONFIG(w, n, h, x, f, t) \
    {.batch = n, .width = w, .conv1_stride = 2, .image_height = h, .image_width = x, .bins = f, .columns = t}

static const training_case cases[] = {
    {"l3-net", "l3-net", CONFIG(0.125, 4, 40, 56, 49, 40), AVSN_OBJECTIVE_SOFTMAX},
    {"ave-net", "ave-net", CONFIG(0.25, 4, 48, 40, 57, 48), AVSN_OBJECTIVE_SOFTMAX},
    {"avol-net", "avol-net", CONFIG(0.3125, 4, 48, 64, 49, 40), AVSN_OBJECTIVE_SIGMOID},
    {"ave-net-pairs", "ave-net", CONFIG(0.25, 5, 48, 40, 57, 48), AVSN_OBJECTIVE_CONTRASTIVE},
    {"avol-net-pairs", "avol-net", CONFIG(0.125, 4, 48, 64, 49, 40), AVSN_OBJECTIVE_CONTRASTIVE},
    {"multisensory", "multisensory",
     {.batch = 2, .width = 0.0625, .audio_width = 0.125, .conv5_stride = 2, .frames = 16, .image_height = 40, .image_width = 36,
      .samples = 11211},
     AVSN_OBJECTIVE_SIGMOID},
};

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

/* Renormalising batch norms begin as if 0.4 of all that they will ever count had been seen. */
static void begin_renorm(const char *name, int64_t count, float *data)
{
    const uint64_t stream = avsn_rng_stream(name);
    for (int64_t i = 0; i < count; i++) {
        double value = 1;
        if (ends_with(name, ".renorm_mean"))
            value = 0.2 * avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)i);
        else if (ends_with(name, ".renorm_stddev"))
            value = 0.5 + avsn_rng_uniform(GOLDEN_SEED, stream, (uint64_t)i);
        data[i] = (float)(0.4 * value);
    }
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
        if (strstr(spec->name, ".renorm_"))
            begin_renorm(spec->name, golden_count(&spec->shape), data);
        else
            golden_values(spec->name, &spec->shape, data);
        sprintf(name, "grad.%s", spec->name);
        r->params.items[i] = (avsn_named_tensor){name + 5, spec->shape, data};
        if (!spec->state)
            options->wanted[options->wanted_count++] = name;
    }
    qsort(r->params.items, (size_t)r->params.count, sizeof *r->params.items, by_name);
}

static void feed(const run *r)
{
    for (int32_t i = 0; i < avsn_plan_input_count(r->plan); i++) {
        const char *name = avsn_plan_input_name(r->plan, i);
        const avsn_shape *shape = avsn_plan_input_shape(r->plan, i);
        float *values = golden_input(name, shape), *data = avsn_plan_input_data(r->plan, i);
        for (int64_t k = 0; k < golden_count(shape); k++)
            data[k] = strcmp(name, "label") ? values[k] : (float)(k % 2);
        free(values);
    }
}

/* The plan keeps a pointer into the run. */
static void start(run *r, const training_case *c, int32_t threads)
{
    avsn_graph *forward, *graph;
    avsn_plan_options options = {.threads = threads, .compute = AVSOUND_DTYPE_F32, .train = true, .wanted_count = 1,
                                 .wanted = {"loss"}};
    ck_avsound(avsound_context_create(NULL, &r->context));
    ck_avsound(avsn_safetensors_open(r->context, TEST_SOURCE_DIR "/golden/training.safetensors", &r->file));
    ck_avsound(avsn_graph_create(r->context, &forward));
    avsn_arch_find(c->arch)->build(forward, &c->config);
    ck_avsound(avsn_graph_finish(forward));
    ck_avsound(avsn_training_graph(forward, c->objective, c->config.frames ? 0 : 0.1f, &graph));
    avsn_graph_free(forward);
    make_params(r, graph, &options);
    ck_avsound(avsn_pack_cache_create(r->context, &r->cache));
    ck_avsound(avsn_plan_create(graph, &r->params, r->cache, &options, &r->plan));
    feed(r);
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

static const avsn_file_tensor *golden(const run *r, const training_case *c, int32_t step, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%d.%s", c->name, step, name);
    const avsn_file_tensor *tensor = avsn_safetensors_find(r->file, key);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", key);
    return tensor;
}

/* The largest error of the kept elements over the root mean square of all. */
static void check(const run *r, const training_case *c, int32_t step, const char *name, const float *got, int64_t count,
                  double tolerance)
{
    const avsn_file_tensor *tensor = golden(r, c, step, name);
    const float *want = tensor->data;
    const int64_t kept = AVSN_MIN(count, (int64_t)SAMPLES);
    ck_assert_int_eq(tensor->shape.dim[0], kept + 1);
    const double rms = (double)want[kept];
    for (int64_t k = 0; k < kept; k++) {
        const uint64_t at = ((uint64_t)k * 2654435761u + 12345) % (uint64_t)count;
        const double error = fabs((double)got[at] - (double)want[k]);
        ck_assert_msg(error <= tolerance * fmax(rms, NO_GRADIENT), "%s, step %d, %s[%llu] is %.9g, want %.9g: off by %.3g of the rms %.3g", c->name,
                      step, name, (unsigned long long)at, (double)got[at], (double)want[k], error / rms, rms);
    }
}

/* Plain gradient descent, as the script's. */
static void descend(const run *r, const char *name, const float *gradient, int64_t count)
{
    float *values = (float *)avsn_params_find(&r->params, name)->data;
    for (int64_t i = 0; i < count; i++)
        values[i] -= RATE * gradient[i];
}

/* Windows of pooling in time, which each step has its own of. */
static void feed_boundaries(const run *r, const training_case *c, int32_t step)
{
    for (int32_t i = 0; i < avsn_plan_input_count(r->plan); i++) {
        const char *name = avsn_plan_input_name(r->plan, i);
        if (!ends_with(name, ".boundaries"))
            continue;
        const avsn_file_tensor *tensor = golden(r, c, step, name);
        ck_assert(avsn_shape_equal(avsn_plan_input_shape(r->plan, i), &tensor->shape));
        memcpy(avsn_plan_input_data(r->plan, i), tensor->data, tensor->bytes);
    }
}

static void take_step(const run *r, const training_case *c, int32_t step, int32_t threads)
{
    avsn_compute state;
    feed_boundaries(r, c, step);
    avsn_compute_enter(&state, threads);
    const avsound_status status = avsn_plan_run(r->plan, UINT64_MAX, NULL);
    avsn_compute_leave(&state);
    ck_avsound(status);
    const double loss = (double)*avsn_plan_output_data(r->plan, 0), want = (double)*(const float *)golden(r, c, step, "loss")->data;
    ck_assert_msg(fabs(loss - want) <= LOSS_TOLERANCE * fmax(want, 1), "%s, step %d: loss %.9g, want %.9g", c->name, step, loss,
                  want);
    for (int32_t i = 1; i < avsn_plan_output_count(r->plan); i++)
        check(r, c, step, avsn_plan_output_name(r->plan, i) + 5, avsn_plan_output_data(r->plan, i),
              golden_count(avsn_plan_output_shape(r->plan, i)), GRADIENT_TOLERANCE);
    for (int32_t i = 1; i < avsn_plan_output_count(r->plan); i++)
        descend(r, avsn_plan_output_name(r->plan, i) + 5, avsn_plan_output_data(r->plan, i),
                golden_count(avsn_plan_output_shape(r->plan, i)));
    for (int32_t i = 0; i < r->params.count; i++)
        if (strstr(r->params.items[i].name, ".running_") || strstr(r->params.items[i].name, ".renorm_"))
            check(r, c, step, r->params.items[i].name, r->params.items[i].data, golden_count(&r->params.items[i].shape),
                  STATISTICS_TOLERANCE);
}

static void check_case(const training_case *c)
{
    for (int32_t threads = 1; threads <= 2; threads++) {
        run r = {.context = NULL};
        start(&r, c, threads);
        for (int32_t step = 0; step < STEPS; step++)
            take_step(&r, c, step, threads);
        finish(&r);
    }
}

START_TEST(three_steps_equal_pytorch)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(cases); i++)
        check_case(&cases[i]);
}
END_TEST

SUITE("golden.training", three_steps_equal_pytorch)
