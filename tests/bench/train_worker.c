/* The training bench's own engine: the loss and all gradients of one network, again and again.
 *
 *     avsound-bench-train NETWORK BATCH PRECISION THREADS WIDTH SIDE
 *
 * PRECISION is f32 or bf16, WIDTH the width multiplier, SIDE the picture's. Weights and inputs are those of
 * tests/golden/networks.py. After the first step it prints one line of JSON; "run N" makes one step unmeasured, then N,
 * and prints N durations in nanoseconds; "profile N" prints to standard error the least time of N that each op took;
 * the end of input ends it. */
#include "bench.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "exec/internal.h"
#include "model/arch.h"
#include "train/gradients.h"

#include <avsound/avsound.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SEED 2018

typedef struct worker {
    avsound_context *context;
    avsn_params params;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    avsn_compute state;
} worker;

static void *require_memory(void *pointer)
{
    if (!pointer) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return pointer;
}

static int64_t elements(const avsn_shape *shape)
{
    int64_t count = 0;
    avsn_shape_count(shape, &count);
    return count;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* The same rule as golden_values in tests/golden/networks.py. */
static void draw(const char *name, const avsn_shape *shape, float *data)
{
    static const struct {
        const char *name;
        float values[2];
    } constants[] = {{"fc3.weight", {0.7f, -0.7f}}, {"fc3.bias", {-1.2f, 1.2f}}, {"conv7.weight", {0.002f}},
                     {"conv7.bias", {-1.0f}}};
    const int64_t count = elements(shape);
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (!strcmp(name, constants[i].name)) {
            memcpy(data, constants[i].values, (size_t)count * sizeof *data);
            return;
        }
    const bool bn = strstr(name, ".bn") != NULL;
    const bool positive = ends_with(name, ".running_var") || (bn && ends_with(name, ".weight"));
    double scale = bn ? 0.2 : 0.1;
    if (!bn && ends_with(name, ".weight"))
        scale = (strcmp(name, "fc2.weight") ? 1.0 : 0.1) * sqrt(2.0 * (double)shape->dim[0] / (double)count);
    const uint64_t stream = avsn_rng_stream(name);
    for (int64_t i = 0; i < count; i++)
        data[i] = positive ? (float)(0.5 + avsn_rng_uniform(SEED, stream, (uint64_t)i))
                           : (float)(scale * avsn_rng_normal(SEED, stream, (uint64_t)i));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

/* Parameters and the list of what a step delivers: the loss, and every gradient. */
static void make_params(worker *w, const avsn_graph *graph, avsn_plan_options *options)
{
    w->params.count = avsn_graph_param_count(graph);
    w->params.items = require_memory(calloc((size_t)w->params.count, sizeof *w->params.items));
    options->wanted[options->wanted_count++] = "loss";
    for (int32_t i = 0; i < w->params.count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        float *data = require_memory(malloc((size_t)elements(&spec->shape) * sizeof *data));
        draw(spec->name, &spec->shape, data);
        w->params.items[i] = (avsn_named_tensor){spec->name, spec->shape, data};
        if (spec->state)
            continue;
        const size_t size = strlen(spec->name) + sizeof "grad.";
        char *name = require_memory(malloc(size));
        snprintf(name, size, "grad.%s", spec->name);
        options->wanted[options->wanted_count++] = name;
    }
    qsort(w->params.items, (size_t)w->params.count, sizeof *w->params.items, by_name);
}

static void fill_inputs(const worker *w)
{
    for (int32_t i = 0; i < avsn_plan_input_count(w->plan); i++) {
        const char *name = avsn_plan_input_name(w->plan, i);
        float *data = avsn_plan_input_data(w->plan, i);
        const int64_t count = elements(avsn_plan_input_shape(w->plan, i));
        for (int64_t k = 0; k < count; k++)
            data[k] = strcmp(name, "label") ? (float)avsn_rng_normal(SEED, avsn_rng_stream(name), (uint64_t)k)
                                            : (float)(k % 2);
    }
}

static void prepare(worker *w, char **argv)
{
    const avsn_arch *arch = avsn_arch_find(argv[1]);
    if (!arch) {
        fprintf(stderr, "%s: unknown network\n", argv[1]);
        exit(EXIT_FAILURE);
    }
    const int64_t side = atoi(argv[6]);
    const avsn_build_config config = {.batch = atoi(argv[2]), .width = atof(argv[5]), .conv1_stride = 2,
                                      .image_height = side, .image_width = side, .bins = 257, .columns = 200};
    avsn_plan_options options = {.threads = atoi(argv[4]), .train = true,
                                 .compute = strcmp(argv[3], "bf16") ? AVSOUND_DTYPE_F32 : AVSOUND_DTYPE_BF16};
    avsn_graph *forward, *graph;
    require(avsound_context_create(NULL, &w->context), "context");
    require(avsn_graph_create(w->context, &forward), "graph");
    arch->build(forward, &config);
    require(avsn_graph_finish(forward), argv[1]);
    const avsn_objective objective = arch->map ? AVSN_OBJECTIVE_SIGMOID : AVSN_OBJECTIVE_SOFTMAX;
    require(avsn_training_graph(forward, objective, 0.1f, &graph), "gradients");
    avsn_graph_free(forward);
    make_params(w, graph, &options);
    require(avsn_pack_cache_create(w->context, &w->cache), "cache");
    require(avsn_plan_create(graph, &w->params, w->cache, &options, &w->plan), "plan");
    fill_inputs(w);
    avsn_compute_enter(&w->state, options.threads);
}

static void step(const worker *w)
{
    require(avsn_plan_run(w->plan, UINT64_MAX, NULL), "step");
}

static void measure(const worker *w, int runs)
{
    step(w);
    for (int i = 0; i < runs; i++) {
        const int64_t start = now_ns(CLOCK_MONOTONIC);
        step(w);
        printf("%" PRId64 "%s", now_ns(CLOCK_MONOTONIC) - start, i + 1 < runs ? " " : "");
    }
    printf("\n");
    fflush(stdout);
}

/* One line of the plan's description, and the time before it. */
static void print_profile(const worker *w, const int64_t *least)
{
    const size_t size = avsn_plan_describe(w->plan, NULL, 0) + 1;
    char *text = require_memory(malloc(size)), *save = NULL;
    avsn_plan_describe(w->plan, text, size);
    fprintf(stderr, "%s\n", strtok_r(text, "\n", &save));
    for (size_t i = 0; i < w->plan->step_count; i++)
        fprintf(stderr, "%9.3f ms %s\n", (double)least[i] * 1e-6, strtok_r(NULL, "\n", &save));
    free(text);
}

static void profile(const worker *w, int runs)
{
    const avsn_plan *plan = w->plan;
    int64_t *least = require_memory(malloc(plan->step_count * sizeof *least));
    for (size_t i = 0; i < plan->step_count; i++)
        least[i] = INT64_MAX;
    for (int r = 0; r < runs; r++)
        for (size_t i = 0; i < plan->step_count; i++) {
            const int64_t start = now_ns(CLOCK_MONOTONIC);
            require(plan->steps[i].kernel->run(plan->steps[i].kernel), "step");
            least[i] = AVSN_MIN(least[i], now_ns(CLOCK_MONOTONIC) - start);
        }
    print_profile(w, least);
    free(least);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s NETWORK BATCH PRECISION THREADS WIDTH SIDE\n", argv[0]);
        return EXIT_FAILURE;
    }
    worker w = {.context = NULL};
    const int64_t start = now_ns(CLOCK_MONOTONIC);
    prepare(&w, argv);
    const int64_t prepared = now_ns(CLOCK_MONOTONIC);
    step(&w);
    printf("{\"version\": \"%s\", \"prepare_ns\": %" PRId64 ", \"arena_bytes\": %zu, \"loss\": %.9g}\n",
           avsound_version_string(), prepared - start, avsn_plan_bytes(w.plan), (double)*avsn_plan_output_data(w.plan, 0));
    fflush(stdout);

    char line[64];
    int runs;
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "run %d", &runs) == 1)
            measure(&w, runs);
        else if (sscanf(line, "profile %d", &runs) == 1)
            profile(&w, runs);
    avsn_compute_leave(&w.state);
    avsn_plan_free(w.plan);
    avsn_pack_cache_free(w.cache);
    avsound_context_free(w.context);
    return EXIT_SUCCESS;
}
