/* Whole networks as plans: layouts, shared memory, partial runs, threads, batches, cancelling, refused allocations, the
 * cache of packed weights. */
#include "failing.h"
#include "suite.h"

#include <pthread.h>

#include "base/cpu.h"
#include "exec/internal.h"
#include "model/arch.h"
#include "op/kernel.h"
#include "oracle/net.h"

enum { SEED = 1848 };

typedef struct network {
    const avsn_arch *arch;
    avsn_build_config config;
} network;

/* Small enough for the oracle, odd enough to drop rows. */
static const avsn_build_config small = {
    .batch = 1, .width = 0.25, .conv1_stride = 2, .image_height = 50, .image_width = 68, .bins = 65, .columns = 44,
    .audio_width = 0.125, .conv5_stride = 2, .frames = 9, .samples = 4801, .lags = 3, .decibels = 90, .pool_rows = 3,
    .pool_columns = 2};
static const avsn_build_config full = {
    .batch = 1, .width = 1, .conv1_stride = 2, .image_height = 224, .image_width = 224, .bins = 257, .columns = 200,
    .audio_width = 1, .conv5_stride = 2, .frames = 9, .samples = 6306, .lags = 3, .decibels = 90, .pool_rows = 7,
    .pool_columns = 8};

static void build(avsn_graph *g, const void *arg)
{
    const network *n = arg;
    n->arch->build(g, &n->config);
}

static size_t output_bytes(const avsn_plan *plan, int32_t k)
{
    size_t bytes;
    ck_assert(avsn_shape_bytes(avsn_plan_output_shape(plan, k), AVSOUND_DTYPE_F32, &bytes));
    return bytes;
}

static int32_t output_index(const avsn_plan *plan, const char *name)
{
    for (int32_t k = 0; k < avsn_plan_output_count(plan); k++)
        if (!strcmp(avsn_plan_output_name(plan, k), name))
            return k;
    ck_abort_msg("no output %s", name);
}

/* Copies of all outputs, to compare later runs with, bit for bit. */
static void **copy_outputs(const avsn_plan *plan)
{
    const int32_t count = avsn_plan_output_count(plan);
    void **copies = calloc((size_t)count, sizeof *copies);
    for (int32_t k = 0; k < count; k++) {
        copies[k] = malloc(output_bytes(plan, k));
        memcpy(copies[k], avsn_plan_output_data(plan, k), output_bytes(plan, k));
    }
    return copies;
}

static void free_copies(const avsn_plan *plan, void **copies)
{
    for (int32_t k = 0; k < avsn_plan_output_count(plan); k++)
        free(copies[k]);
    free(copies);
}

static bool output_is(const avsn_plan *plan, int32_t k, void *const *copies)
{
    return !memcmp(avsn_plan_output_data(plan, k), copies[k], output_bytes(plan, k));
}

/* Nothing that a run does not write itself can be read unnoticed. */
static void poison(const oracle_net *net, avsn_plan *plan)
{
    memset(plan->arena, 0xff, plan->arena_bytes);
    oracle_net_feed(net, plan);
}

/* Precisions to go through: f32, and bf16 where the processor has it. */
static int32_t last_precision(void)
{
    return oracle_has_bf16() ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32;
}

/* A network with its oracle, a cache and a plan. */
typedef struct fixture {
    avsound_context *context;
    network network;
    oracle_net net;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} fixture;

/* A separator's results are tanh and sigmoid of numbers that drawn weights put far beyond 1; between there and 0 these make
 * more of a number's error than of the number. Heads get smaller weights. */
static void calm(oracle_net *net)
{
    for (int32_t i = 0; i < avsn_graph_param_count(net->graph); i++) {
        const avsn_param_spec *p = avsn_graph_param(net->graph, i);
        int64_t count = 0;
        if (strcmp(p->name, "gen.fg.weight") && strcmp(p->name, "gen.bg.weight") && strcmp(p->name, "joint.logits.weight") &&
            strcmp(p->name, "mask.logits.weight"))
            continue;
        ck_assert(avsn_shape_count(&p->shape, &count));
        float *drawn = (float *)(uintptr_t)avsn_params_find(&net->params, p->name)->data;
        for (int64_t k = 0; k < count; k++)
            net->values[p->value.id].data[k] = (double)(drawn[k] /= 64);
    }
}

static void set_up(fixture *f, avsound_context *context, const char *arch, const avsn_build_config *config,
                   int32_t compute, int32_t threads)
{
    *f = (fixture){.network = {avsn_arch_find(arch), *config}};
    if (f->network.arch->separates) { /* as little as its halvings let it be */
        f->network.config.bins = 512;
        f->network.config.columns = 128;
        f->network.config.unet_width = f->network.config.unet_width > 0 ? f->network.config.unet_width : 0.0625;
    }
    if (context)
        f->context = context;
    else
        ck_avsound(avsound_context_create(NULL, &f->context));
    oracle_net_create(&f->net, f->context, SEED, build, &f->network);
    if (f->network.arch->separates)
        calm(&f->net);
    ck_avsound(avsn_pack_cache_create(f->context, &f->cache));
    ck_avsound(
        oracle_net_plan(&f->net, f->cache, &(avsn_plan_options){.threads = threads, .compute = compute}, &f->plan));
    oracle_net_feed(&f->net, f->plan);
}

static void tear_down(fixture *f)
{
    avsn_plan_free(f->plan);
    avsn_pack_cache_free(f->cache);
    oracle_net_free(&f->net);
    avsound_context_free(f->context);
}

/* ---- layouts ---- */

/* Every reorder brings an input into the convolutions' order: there is none from the first convolution on. But where oneDNN chooses
 * alone, in f32 and without tile registers, its convolutions over a sound's few thousand steps each want another order, and its
 * transposed ones that keep every step of time want rows; and maps, vectors and a separator's heads leave in rows. OpenL3's
 * input reaches its convolutions through a batch norm. */
static bool may_be_reordered(const char *name, int32_t compute)
{
    static const char *const names[] = {"image",       "spectrogram", "frames",     "sf.compand", "joint.logits", "flow",
                                        "video.conv6", "audio.conv6", "gen.fg.sum", "gen.bg.sum", "mask.logits.sum",
                                        "level",       "audio.bn0",   "vision.bn0", "audio.pool4", "vision.pool4"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            return true;
    const bool row_major = !strcmp(name, "gen.joined2") || !strcmp(name, "gen.beside1") || !strcmp(name, "mask.joined2") ||
                           !strcmp(name, "mask.conv1");
    return (compute == AVSOUND_DTYPE_F32 || avsn_op_isa() < AVSN_ISA_AMX) && (!strncmp(name, "sf.", 3) || row_major);
}

static void check_reorders(const char *text, int32_t compute)
{
    for (const char *at = text; (at = strstr(at, "REORDER")) != NULL; at++) {
        const char *line = at;
        while (line > text && line[-1] != '\n')
            line--;
        char name[64] = "";
        sscanf(line, "%*d %63s", name);
        ck_assert_msg(may_be_reordered(name, compute), "a reorder of \"%s\":\n%.4000s", name, text);
    }
}

START_TEST(nothing_is_reordered_after_the_first_convolution)
{
    if (avsn_op_isa() < AVSN_ISA_AVX2) {
        printf("no AVX2 on this processor: convolutions have no order of their own, skipped\n");
        return;
    }
    for (int32_t a = 0; a < avsn_arch_count(); a++)
        for (int32_t compute = AVSOUND_DTYPE_F32; compute <= last_precision(); compute++) {
            fixture f;
            avsn_build_config config = full;
            const bool light = avsn_arch_at(a)->lags || avsn_arch_at(a)->masks, large = avsn_arch_at(a)->clip && !light;
            config.width = large ? 0.5 : 1; /* its 36 million weights take long to draw */
            config.unet_width = large ? 0.25 : 1; /* as these; no fewer channels than fill a block */
            set_up(&f, NULL, avsn_arch_at(a)->name, &config, compute, 1);
            char *text = oracle_describe(f.plan);
            check_reorders(text, compute);
            ck_assert_msg(strstr(text, "ref") == NULL, "a reference kernel:\n%.4000s", text);
            free(text);
            tear_down(&f);
        }
}
END_TEST

/* ---- memory ---- */

static void want_all_names(const oracle_net *net, avsn_plan_options *options)
{
    for (int32_t n = 0; n < avsn_graph_node_count(net->graph); n++) {
        const avsn_node *node = avsn_graph_node(net->graph, n);
        const char *name = avsn_value_name(net->graph, node->output[0]);
        if (node->kind != AVSN_OP_PARAM && *name && avsn_graph_find(net->graph, name).id == node->output[0].id)
            options->wanted[options->wanted_count++] = name;
    }
    for (int32_t k = 0; k < avsn_graph_output_count(net->graph); k++)
        options->wanted[options->wanted_count++] = avsn_graph_output_name(net->graph, k);
}

/* All layers wanted, nothing shares memory and fewer ops fuse. f32 is off by roundings only; in bf16 every layer that
 * is wanted is rounded once more. */
static void check_layers(const char *arch, int32_t compute)
{
    const double largest = compute == AVSOUND_DTYPE_F32 ? 2e-5 : 0.12,
                 mean = compute == AVSOUND_DTYPE_F32 ? 1e-5 : 0.03;
    avsn_plan_options options = {.threads = 1, .compute = compute};
    avsn_plan *all;
    fixture f;
    set_up(&f, NULL, arch, &small, compute, 1);
    oracle_net_evaluate(&f.net, compute);
    want_all_names(&f.net, &options);
    ck_avsound(oracle_net_plan(&f.net, f.cache, &options, &all));
    ck_assert_uint_gt(avsn_plan_bytes(all), avsn_plan_bytes(f.plan));
    avsn_plan *const plans[2] = {f.plan, all};
    for (int i = 0; i < 2; i++) {
        poison(&f.net, plans[i]);
        ck_avsound(oracle_run(plans[i], 1, UINT64_MAX));
        for (int32_t k = 0; k < avsn_plan_output_count(plans[i]); k++) {
            const oracle_error error = oracle_output_error(&f.net, plans[i], k);
            ck_assert_msg(error.largest < largest && error.mean < mean, "%s, %s, %s: error %.3g, largest %.3g", arch,
                          avsn_dtype_name(compute), avsn_plan_output_name(plans[i], k), error.mean, error.largest);
        }
    }
    avsn_plan_free(all);
    tear_down(&f);
}

START_TEST(every_layer_is_right_whatever_memory_held_before)
{
    for (int32_t a = 0; a < avsn_arch_count(); a++)
        for (int32_t compute = AVSOUND_DTYPE_F32; compute <= last_precision(); compute++)
            check_layers(avsn_arch_at(a)->name, compute);
}
END_TEST

START_TEST(a_poisoned_arena_changes_no_bit_of_a_full_sized_run)
{
    for (int32_t compute = AVSOUND_DTYPE_F32; compute <= last_precision(); compute++) {
        fixture f;
        set_up(&f, NULL, "avol-net", &full, compute, 1);
        ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
        void **first = copy_outputs(f.plan);
        poison(&f.net, f.plan);
        ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
        for (int32_t k = 0; k < avsn_plan_output_count(f.plan); k++)
            ck_assert_msg(output_is(f.plan, k, first), "%s, %s", avsn_dtype_name(compute),
                          avsn_plan_output_name(f.plan, k));
        free_copies(f.plan, first);
        tear_down(&f);
    }
}
END_TEST

START_TEST(inputs_keep_their_values_from_run_to_run)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    void **first = copy_outputs(f.plan);
    for (int again = 0; again < 2; again++) {
        ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
        for (int32_t i = 0; i < avsn_plan_input_count(f.plan); i++) {
            size_t bytes;
            ck_assert(avsn_shape_bytes(avsn_plan_input_shape(f.plan, i), AVSOUND_DTYPE_F32, &bytes));
            ck_assert_mem_eq(avsn_plan_input_data(f.plan, i), f.net.inputs[i], bytes);
        }
        for (int32_t k = 0; k < avsn_plan_output_count(f.plan); k++)
            ck_assert(output_is(f.plan, k, first));
    }
    free_copies(f.plan, first);
    tear_down(&f);
}
END_TEST

/* ---- partial runs ---- */

START_TEST(a_partial_run_equals_the_full_one)
{
    for (int32_t a = 0; a < avsn_arch_count(); a++) {
        fixture f;
        set_up(&f, NULL, avsn_arch_at(a)->name, &small, AVSOUND_DTYPE_F32, 1);
        ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
        void **whole = copy_outputs(f.plan);
        for (int32_t k = 0; k < avsn_plan_output_count(f.plan); k++) {
            poison(&f.net, f.plan);
            ck_avsound(oracle_run(f.plan, 1, (uint64_t)1 << k));
            ck_assert_msg(output_is(f.plan, k, whole), "%s of %s", avsn_plan_output_name(f.plan, k),
                          avsn_arch_at(a)->name);
        }
        free_copies(f.plan, whole);
        tear_down(&f);
    }
}
END_TEST

START_TEST(a_partial_run_leaves_other_outputs_alone)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    const int32_t image = output_index(f.plan, "embedding.image"), audio = output_index(f.plan, "embedding.audio");
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    void **whole = copy_outputs(f.plan);
    avsn_plan_input_data(f.plan, 0)[100] += 50;
    ck_avsound(oracle_run(f.plan, 1, (uint64_t)1 << image));
    ck_assert(!output_is(f.plan, image, whole));
    ck_assert(output_is(f.plan, audio, whole));
    poison(&f.net, f.plan);
    ck_avsound(oracle_run(f.plan, 1, (uint64_t)1 << image));
    ck_assert(output_is(f.plan, image, whole));
    ck_assert(!output_is(f.plan, audio, whole)); /* not computed at all */
    free_copies(f.plan, whole);
    tear_down(&f);
}
END_TEST

START_TEST(an_input_knows_the_outputs_that_depend_on_it)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    const uint64_t image = (uint64_t)1 << output_index(f.plan, "embedding.image");
    const uint64_t audio = (uint64_t)1 << output_index(f.plan, "embedding.audio");
    const uint64_t score = (uint64_t)1 << output_index(f.plan, "score");
    ck_assert_str_eq(avsn_plan_input_name(f.plan, 0), "image");
    ck_assert_str_eq(avsn_plan_input_name(f.plan, 1), "spectrogram");
    ck_assert_uint_eq(avsn_plan_input_outputs(f.plan, 0) & (image | audio | score), image | score);
    ck_assert_uint_eq(avsn_plan_input_outputs(f.plan, 1) & (image | audio | score), audio | score);
    tear_down(&f);
}
END_TEST

/* An output of one input alone needs no memory for the other's tower. */
START_TEST(unwanted_towers_take_no_steps)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    avsn_plan *half;
    const avsn_plan_options options = {
        .threads = 1, .compute = AVSOUND_DTYPE_F32, .wanted_count = 1, .wanted = {"embedding.audio"}};
    ck_avsound(oracle_net_plan(&f.net, f.cache, &options, &half));
    char *text = oracle_describe(half);
    ck_assert_msg(strstr(text, "vision") == NULL, "%s", text);
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    oracle_net_feed(&f.net, half);
    ck_avsound(oracle_run(half, 1, UINT64_MAX));
    const oracle_error error = oracle_plans_error(half, 0, f.plan, output_index(f.plan, "embedding.audio"));
    ck_assert_msg(error.largest == 0, "error %.3g", error.largest);
    free(text);
    avsn_plan_free(half);
    tear_down(&f);
}
END_TEST

/* ---- threads and batches ---- */

START_TEST(two_threads_agree_with_one)
{
    for (int32_t compute = AVSOUND_DTYPE_F32; compute <= last_precision(); compute++) {
        fixture one, two;
        set_up(&one, NULL, "avol-net", &small, compute, 1);
        set_up(&two, NULL, "avol-net", &small, compute, 2);
        ck_avsound(oracle_run(one.plan, 1, UINT64_MAX));
        ck_avsound(oracle_run(two.plan, 2, UINT64_MAX));
        for (int32_t k = 0; k < avsn_plan_output_count(one.plan); k++) {
            const oracle_error error = oracle_plans_error(two.plan, k, one.plan, k);
            ck_assert_msg(error.largest < (compute == AVSOUND_DTYPE_F32 ? 2e-5 : 5e-2), "%s, %s: error %.3g",
                          avsn_dtype_name(compute), avsn_plan_output_name(one.plan, k), error.largest);
        }
        tear_down(&two);
        tear_down(&one);
    }
}
END_TEST

static void *run_elsewhere(void *arg)
{
    const avsound_status status = oracle_run(arg, 1, UINT64_MAX);
    return status ? arg : NULL;
}

/* oneDNN binds primitives with a scratchpad of its own to the thread that made them: ours are not. */
START_TEST(a_plan_runs_on_another_thread_than_it_was_made_on)
{
    fixture f;
    set_up(&f, NULL, "l3-net", &small, AVSOUND_DTYPE_F32, 1);
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    void **here = copy_outputs(f.plan);
    pthread_t thread;
    void *failed;
    poison(&f.net, f.plan);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_elsewhere, f.plan), 0);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    for (int32_t k = 0; k < avsn_plan_output_count(f.plan); k++)
        ck_assert(output_is(f.plan, k, here));
    free_copies(f.plan, here);
    tear_down(&f);
}
END_TEST

static void check_sample(const fixture *batch, const fixture *single, int64_t n)
{
    for (int32_t i = 0; i < avsn_plan_input_count(single->plan); i++) {
        int64_t count;
        ck_assert(avsn_shape_count(avsn_plan_input_shape(single->plan, i), &count));
        memcpy(avsn_plan_input_data(single->plan, i), avsn_plan_input_data(batch->plan, i) + n * count,
               (size_t)count * sizeof(float));
    }
    ck_avsound(oracle_run(single->plan, 1, UINT64_MAX));
    for (int32_t k = 0; k < avsn_plan_output_count(single->plan); k++) {
        const size_t count = output_bytes(single->plan, k) / sizeof(float);
        double *want = calloc(count, sizeof *want);
        for (size_t i = 0; i < count; i++)
            want[i] = (double)avsn_plan_output_data(batch->plan, k)[(size_t)n * count + i];
        const oracle_error error = oracle_compare(avsn_plan_output_data(single->plan, k), want, (int64_t)count);
        ck_assert_msg(error.largest < 2e-5, "sample %lld, %s: error %.3g", (long long)n,
                      avsn_plan_output_name(single->plan, k), error.largest);
        free(want);
    }
}

START_TEST(a_batch_equals_its_samples_one_by_one)
{
    for (int32_t a = 0; a < avsn_arch_count(); a++) {
        avsn_build_config three = small;
        three.batch = 3;
        fixture batch, single;
        set_up(&batch, NULL, avsn_arch_at(a)->name, &three, AVSOUND_DTYPE_F32, 1);
        set_up(&single, NULL, avsn_arch_at(a)->name, &small, AVSOUND_DTYPE_F32, 1);
        ck_avsound(oracle_run(batch.plan, 1, UINT64_MAX));
        for (int64_t n = 0; n < 3; n++)
            check_sample(&batch, &single, n);
        tear_down(&single);
        tear_down(&batch);
    }
}
END_TEST

/* ---- denormals ---- */

static void one_conv(avsn_graph *g, const void *arg)
{
    (void)arg;
    const avsn_value x = avsn_input(g, "src", AVSN_SHAPE(2, 16, 40, 40));
    avsn_output(g, "dst", avsn_conv(g, "conv", x, .out = 32, .kernel = {3, 3}, .pad = {1, 1}));
}

/* Denormal numbers, which slow a convolution many-fold, are zeros to every thread that computes: 1e-40 times 1e38 would
 * be 0.01, and is 0. */
START_TEST(denormals_are_zeros_on_every_thread)
{
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    oracle_net net;
    const avsn_plan_options options = {.threads = 2, .compute = AVSOUND_DTYPE_F32};
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_pack_cache_create(context, &cache));
    oracle_net_create(&net, context, SEED, one_conv, NULL);
    float *weights = (float *)net.params.items[0].data;
    for (int i = 0; i < 32 * 16 * 9; i++)
        weights[i] = 1e38f;
    for (int i = 0; i < 2 * 16 * 40 * 40; i++)
        net.inputs[0][i] = 1e-40f;
    ck_avsound(oracle_net_plan(&net, cache, &options, &plan));
    oracle_net_feed(&net, plan);
    ck_avsound(oracle_run(plan, 2, 1));
    for (int i = 0; i < 2 * 32 * 40 * 40; i++)
        ck_assert_msg(fabsf(avsn_plan_output_data(plan, 0)[i]) <= 0, "element %d is %g", i,
                      (double)avsn_plan_output_data(plan, 0)[i]);
    volatile float denormal = 1e-40f;
    ck_assert_double_gt((double)(denormal * 1e38f), 0.009); /* the caller's own arithmetic is as it was */
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    oracle_net_free(&net);
    avsound_context_free(context);
}
END_TEST

/* ---- stopping, telling, refusing ---- */

START_TEST(a_set_flag_cancels_the_run)
{
    fixture f;
    set_up(&f, NULL, "l3-net", &small, AVSOUND_DTYPE_F32, 1);
    atomic_int cancel = 1;
    avsn_compute state;
    avsn_compute_enter(&state, 1);
    const avsound_status status = avsn_plan_run(f.plan, UINT64_MAX, &cancel);
    atomic_store(&cancel, 0);
    const avsound_status again = avsn_plan_run(f.plan, UINT64_MAX, &cancel);
    avsn_compute_leave(&state);
    ck_assert_int_eq(status, AVSOUND_E_CANCELLED);
    ck_assert_int_eq(again, AVSOUND_OK);
    tear_down(&f);
}
END_TEST

START_TEST(describe_fills_short_buffers_and_tells_the_whole_length)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    char *whole = oracle_describe(f.plan);
    const size_t length = strlen(whole);
    for (size_t size = 0; size <= length + 1; size += size < 200 ? 1 : 97) {
        char *text = malloc(size + 1);
        memset(text, '!', size + 1);
        ck_assert_uint_eq(avsn_plan_describe(f.plan, text, size), length);
        ck_assert_int_eq(text[size], '!');
        if (size) {
            ck_assert_uint_eq(strlen(text), AVSN_MIN(size - 1, length));
            ck_assert_int_eq(strncmp(text, whole, strlen(text)), 0);
        }
        free(text);
    }
    free(whole);
    tear_down(&f);
}
END_TEST

static avsound_status plan_wanting(fixture *f, const char *name)
{
    avsn_plan *plan;
    const avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32, .wanted_count = 1, .wanted = {name}};
    const avsound_status status = oracle_net_plan(&f->net, f->cache, &options, &plan);
    ck_assert(status ? plan == NULL : plan != NULL);
    avsn_plan_free(plan);
    return status;
}

START_TEST(unknown_layers_are_refused_by_name)
{
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    ck_avsound(plan_wanting(&f, "vision.conv1_1"));
    ck_refused(plan_wanting(&f, "vision.conv9_9"), AVSOUND_E_INVALID_ARGUMENT, "vision.conv9_9");
    ck_refused(plan_wanting(&f, ""), AVSOUND_E_INVALID_ARGUMENT, "\"\"");
    ck_refused(plan_wanting(&f, "vision.conv1_1.weight"), AVSOUND_E_INVALID_ARGUMENT, "vision.conv1_1.weight");
    tear_down(&f);
}
END_TEST

static avsn_named_tensor *tensor(fixture *f, const char *name)
{
    for (int32_t i = 0; i < f->net.params.count; i++)
        if (!strcmp(f->net.params.items[i].name, name))
            return &f->net.params.items[i];
    ck_abort_msg("no %s", name);
}

/* A cache that holds nothing yet: what it holds is taken as it is. */
static avsound_status plan_afresh(fixture *f)
{
    avsn_pack_cache_free(f->cache);
    ck_avsound(avsn_pack_cache_create(f->context, &f->cache));
    return plan_wanting(f, "score");
}

START_TEST(missing_and_misshapen_tensors_are_refused_by_name)
{
    static const char *const names[] = {"audio.conv2_1.weight", "audio.bn1_1.running_var", "vision.fc1.bias",
                                        "fc3.weight"};
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(names); i++) {
        avsn_named_tensor *t = tensor(&f, names[i]), kept = *t;
        t->shape.dim[0]++;
        ck_refused(plan_afresh(&f), AVSOUND_E_SHAPE, names[i]);
        *t = kept;
        t->name = f.net.params.items[0].name; /* twice the first: still in order, one missing */
        memmove(&f.net.params.items[1], &f.net.params.items[0], (size_t)(t - f.net.params.items) * sizeof *t);
        ck_refused(plan_afresh(&f), AVSOUND_E_FORMAT, names[i]);
        memmove(&f.net.params.items[0], &f.net.params.items[1], (size_t)(t - f.net.params.items) * sizeof *t);
        *t = kept;
    }
    ck_avsound(plan_afresh(&f));
    tear_down(&f);
}
END_TEST

/* ---- refused memory ---- */

static void refusals_build(avsn_graph *g, const void *arg)
{
    (void)arg;
    avsn_value x = avsn_input(g, "src", AVSN_SHAPE(1, 3, 9, 8));
    x = avsn_relu(g, avsn_batch_norm(g, "bn1", avsn_conv(g, "conv1", x, .out = 16, .kernel = {3, 3}), .epsilon = 1e-5f));
    x = avsn_relu(g, avsn_add(g, x, avsn_conv(g, "conv2", x, .out = 16, .kernel = {3, 3}, .pad = {1, 1}, .bias = 1)));
    const avsn_value parts[2] = {avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}),
                                 avsn_slice(g, avsn_average_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}), 3, 9)};
    x = avsn_global_pool(g, AVSN_POOL_MAX, avsn_batch_norm(g, "bn2", avsn_concat(g, parts, 2), .epsilon = 1e-5f));
    const avsn_value v = avsn_l2_normalize(g, avsn_dense(g, "fc1", x, 16, NULL), 1e-12f);
    avsn_output(g, "map", avsn_sigmoid(g, avsn_affine(g, "scale", avsn_inner_map(g, parts[0], v), 1, 0)));
    avsn_output(g, "distance", avsn_softmax(g, avsn_distance(g, v, avsn_dense(g, "fc2", x, 16, NULL))));
}

typedef struct attempt {
    const oracle_net *net;
    avsn_plan_options options;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} attempt;

static avsound_status try_plan(attempt *a)
{
    avsound_status status = avsn_pack_cache_create(a->net->context, &a->cache);
    if (!status)
        status = oracle_net_plan(a->net, a->cache, &a->options, &a->plan);
    if (status) {
        avsn_pack_cache_free(a->cache);
        a->cache = NULL;
    }
    return status;
}

static void give_up(attempt *a)
{
    avsn_plan_free(a->plan);
    avsn_pack_cache_free(a->cache);
}

START_TEST(a_plan_survives_the_refusal_of_each_allocation)
{
    for (int32_t compute = AVSOUND_DTYPE_F32; compute <= last_precision(); compute++) {
        failing f;
        avsound_context *context = failing_context(&f);
        oracle_net net;
        oracle_net_create(&net, context, SEED, refusals_build, NULL);
        attempt a = {.net = &net, .options = {.threads = 1, .compute = compute}};
        ck_survives_refusals(&f, try_plan(&a), give_up(&a));
        ck_assert_int_gt(f.requests, 100);
        oracle_net_free(&net);
        avsound_context_free(context);
        ck_assert_int_eq(f.held, 0);
    }
}
END_TEST

/* What a failed attempt packed is whole: the plan that succeeds at last computes the right thing from it. */
START_TEST(a_cache_outlives_failed_attempts)
{
    failing f;
    avsound_context *context = failing_context(&f);
    avsn_pack_cache *cache;
    avsn_plan *plan;
    oracle_net net;
    const avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32};
    oracle_net_create(&net, context, SEED, refusals_build, NULL);
    oracle_net_evaluate(&net, AVSOUND_DTYPE_F32);
    ck_avsound(avsn_pack_cache_create(context, &cache));
    avsound_status status = AVSOUND_E_NO_MEMORY;
    for (long n = 1; status; n++) {
        f.requests = 0;
        f.refused = n;
        status = oracle_net_plan(&net, cache, &options, &plan);
        ck_assert(!status || status == AVSOUND_E_NO_MEMORY);
    }
    oracle_net_feed(&net, plan);
    ck_avsound(oracle_run(plan, 1, UINT64_MAX));
    for (int32_t k = 0; k < avsn_plan_output_count(plan); k++)
        ck_assert_double_lt(oracle_output_error(&net, plan, k).largest, 1e-5);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    oracle_net_free(&net);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

START_TEST(a_run_asks_the_allocator_for_nothing)
{
    failing f;
    fixture fix;
    set_up(&fix, failing_context(&f), "avol-net", &small, last_precision(), 2);
    const long before = f.requests;
    ck_avsound(oracle_run(fix.plan, 2, UINT64_MAX));
    ck_assert_int_eq(f.requests, before);
    tear_down(&fix);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

/* ---- packed weights ---- */

START_TEST(weights_are_packed_once_a_precision)
{
    fixture f;
    avsn_plan *second;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    const size_t bytes = avsn_pack_cache_bytes(f.cache);
    ck_assert_uint_gt(bytes, 0);
    avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32};
    ck_avsound(oracle_net_plan(&f.net, f.cache, &options, &second));
    ck_assert_uint_eq(avsn_pack_cache_bytes(f.cache), bytes);
    avsn_plan_free(second);
    options.compute = last_precision();
    ck_avsound(oracle_net_plan(&f.net, f.cache, &options, &second));
    if (options.compute == AVSOUND_DTYPE_BF16)
        ck_assert_uint_gt(avsn_pack_cache_bytes(f.cache), bytes);
    avsn_plan_free(second);
    tear_down(&f);
}
END_TEST

/* Folded and bare weights of one layer are two things. */
START_TEST(folded_weights_do_not_serve_a_plan_without_folding)
{
    fixture f;
    avsn_plan *bare;
    set_up(&f, NULL, "l3-net", &small, AVSOUND_DTYPE_F32, 1);
    const avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32, .without = AVSN_WITHOUT_FOLD};
    ck_avsound(oracle_net_plan(&f.net, f.cache, &options, &bare));
    oracle_net_feed(&f.net, bare);
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    ck_avsound(oracle_run(bare, 1, UINT64_MAX));
    for (int32_t k = 0; k < avsn_plan_output_count(bare); k++)
        ck_assert_double_lt(oracle_plans_error(bare, k, f.plan, k).largest, 5e-5);
    avsn_plan_free(bare);
    tear_down(&f);
}
END_TEST

typedef struct worker {
    fixture *shared;
    avsn_plan *plan;
    avsound_status status;
} worker;

static void *plan_and_run(void *arg)
{
    worker *w = arg;
    const avsn_plan_options options = {.threads = 1, .compute = AVSOUND_DTYPE_F32};
    w->status = oracle_net_plan(&w->shared->net, w->shared->cache, &options, &w->plan);
    if (!w->status) {
        oracle_net_feed(&w->shared->net, w->plan);
        w->status = oracle_run(w->plan, 1, UINT64_MAX);
    }
    return NULL;
}

START_TEST(plans_of_one_model_are_made_and_run_side_by_side)
{
    enum { WORKERS = 4 };
    worker workers[WORKERS];
    pthread_t threads[WORKERS];
    fixture f;
    set_up(&f, NULL, "ave-net", &small, AVSOUND_DTYPE_F32, 1);
    ck_avsound(oracle_run(f.plan, 1, UINT64_MAX));
    avsn_pack_cache *empty;
    ck_avsound(avsn_pack_cache_create(f.context, &empty));
    avsn_pack_cache *const first = f.cache;
    f.cache = empty;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.shared = &f};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, plan_and_run, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(workers[i].status, AVSOUND_OK);
        for (int32_t k = 0; k < avsn_plan_output_count(f.plan); k++)
            ck_assert_double_le(oracle_plans_error(workers[i].plan, k, f.plan, k).largest, 0);
        avsn_plan_free(workers[i].plan);
    }
    ck_assert_uint_eq(avsn_pack_cache_bytes(empty), avsn_pack_cache_bytes(first));
    avsn_pack_cache_free(empty);
    f.cache = first;
    tear_down(&f);
}
END_TEST

SUITE("exec.plan", nothing_is_reordered_after_the_first_convolution, every_layer_is_right_whatever_memory_held_before,
      a_poisoned_arena_changes_no_bit_of_a_full_sized_run, inputs_keep_their_values_from_run_to_run,
      a_partial_run_equals_the_full_one, a_partial_run_leaves_other_outputs_alone,
      an_input_knows_the_outputs_that_depend_on_it, unwanted_towers_take_no_steps, two_threads_agree_with_one,
      a_plan_runs_on_another_thread_than_it_was_made_on, a_batch_equals_its_samples_one_by_one,
      denormals_are_zeros_on_every_thread, a_set_flag_cancels_the_run,
      describe_fills_short_buffers_and_tells_the_whole_length, unknown_layers_are_refused_by_name,
      missing_and_misshapen_tensors_are_refused_by_name, a_plan_survives_the_refusal_of_each_allocation,
      a_cache_outlives_failed_attempts, a_run_asks_the_allocator_for_nothing, weights_are_packed_once_a_precision,
      folded_weights_do_not_serve_a_plan_without_folding, plans_of_one_model_are_made_and_run_side_by_side)
