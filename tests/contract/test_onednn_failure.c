/* oneDNN made to fail: of all calls by which the library makes or runs something of oneDNN's, one after the other fails, alone and
 * with all that follow. The linker's --wrap, for which tests/CMakeLists.txt reads the names here, puts these functions between. */
#include "contract/fixture.h"

#include <avsound/train.h>

#include "op/onednn.h"

static struct faults {
    atomic_long calls, failed;
    long fail_at; /* 0: none */
    int for_good;
    dnnl_status_t with;
    const char *last; /* that failed */
} faults;

static int fails(const char *function)
{
    const long call = atomic_fetch_add(&faults.calls, 1) + 1;
    const int now = faults.fail_at && (call == faults.fail_at || (faults.for_good && call > faults.fail_at));
    atomic_fetch_add(&faults.failed, now);
    faults.last = now ? function : faults.last;
    return now;
}

#define WRAP(function, parameters, arguments)                        \
    dnnl_status_t __real_##function parameters;                      \
    dnnl_status_t __wrap_##function parameters;                      \
    dnnl_status_t __wrap_##function parameters                       \
    {                                                                \
        return fails(#function) ? faults.with : __real_##function arguments; \
    }

WRAP(dnnl_engine_create, (dnnl_engine_t *out, dnnl_engine_kind_t kind, size_t index), (out, kind, index))
WRAP(dnnl_stream_create, (dnnl_stream_t *out, dnnl_engine_t engine, unsigned flags), (out, engine, flags))
WRAP(dnnl_primitive_attr_create, (dnnl_primitive_attr_t *out), (out))
WRAP(dnnl_primitive_attr_set_scratchpad_mode, (dnnl_primitive_attr_t attr, dnnl_scratchpad_mode_t mode), (attr, mode))
WRAP(dnnl_primitive_attr_set_post_ops, (dnnl_primitive_attr_t attr, const_dnnl_post_ops_t ops), (attr, ops))
WRAP(dnnl_post_ops_create, (dnnl_post_ops_t *out), (out))
WRAP(dnnl_memory_create, (dnnl_memory_t *out, avsn_md_arg md, dnnl_engine_t engine, void *data), (out, md, engine, data))
WRAP(dnnl_primitive_create, (dnnl_primitive_t *out, const_dnnl_primitive_desc_t pd), (out, pd))
WRAP(dnnl_primitive_execute, (const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args),
     (primitive, stream, count, args))
WRAP(dnnl_reorder_primitive_desc_create,
     (dnnl_primitive_desc_t *out, avsn_md_arg src, dnnl_engine_t from, avsn_md_arg dst, dnnl_engine_t to,
      const_dnnl_primitive_attr_t attr),
     (out, src, from, dst, to, attr))

#if !AVSN_ONEDNN3
typedef const dnnl_memory_desc_t *md_in;

WRAP(dnnl_memory_desc_init_by_tag,
     (dnnl_memory_desc_t * out, int rank, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag),
     (out, rank, dims, type, tag))
WRAP(dnnl_primitive_desc_iterator_create,
     (dnnl_primitive_desc_iterator_t * out, const_dnnl_op_desc_t op, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
      const_dnnl_primitive_desc_t hint),
     (out, op, attr, engine, hint))
WRAP(dnnl_primitive_desc_iterator_next, (dnnl_primitive_desc_iterator_t iterator), (iterator))
WRAP(dnnl_post_ops_append_eltwise, (dnnl_post_ops_t ops, float scale, dnnl_alg_kind_t kind, float alpha, float beta),
     (ops, scale, kind, alpha, beta))
WRAP(dnnl_post_ops_append_binary, (dnnl_post_ops_t ops, dnnl_alg_kind_t kind, md_in md), (ops, kind, md))
WRAP(dnnl_concat_primitive_desc_create,
     (dnnl_primitive_desc_t *out, md_in dst, int count, int axis, md_in srcs, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine),
     (out, dst, count, axis, srcs, attr, engine))
WRAP(dnnl_dilated_convolution_forward_desc_init,
     (dnnl_convolution_desc_t * out, dnnl_prop_kind_t prop, dnnl_alg_kind_t kind, md_in src, md_in weights, md_in bias, md_in dst,
      const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after),
     (out, prop, kind, src, weights, bias, dst, strides, dilates, before, after))
WRAP(dnnl_dilated_convolution_backward_data_desc_init,
     (dnnl_convolution_desc_t * out, dnnl_alg_kind_t kind, md_in src, md_in weights, md_in dst, const dnnl_dims_t strides,
      const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after),
     (out, kind, src, weights, dst, strides, dilates, before, after))
WRAP(dnnl_dilated_convolution_backward_weights_desc_init,
     (dnnl_convolution_desc_t * out, dnnl_alg_kind_t kind, md_in src, md_in weights, md_in bias, md_in dst,
      const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after),
     (out, kind, src, weights, bias, dst, strides, dilates, before, after))
WRAP(dnnl_pooling_v2_forward_desc_init,
     (dnnl_pooling_v2_desc_t * out, dnnl_prop_kind_t prop, dnnl_alg_kind_t kind, md_in src, md_in dst, const dnnl_dims_t strides,
      const dnnl_dims_t kernel, const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after),
     (out, prop, kind, src, dst, strides, kernel, dilates, before, after))
WRAP(dnnl_pooling_v2_backward_desc_init,
     (dnnl_pooling_v2_desc_t * out, dnnl_alg_kind_t kind, md_in src, md_in dst, const dnnl_dims_t strides, const dnnl_dims_t kernel,
      const dnnl_dims_t dilates, const dnnl_dims_t before, const dnnl_dims_t after),
     (out, kind, src, dst, strides, kernel, dilates, before, after))
WRAP(dnnl_batch_normalization_forward_desc_init,
     (dnnl_batch_normalization_desc_t * out, dnnl_prop_kind_t prop, md_in data, float epsilon, unsigned flags),
     (out, prop, data, epsilon, flags))
WRAP(dnnl_inner_product_forward_desc_init,
     (dnnl_inner_product_desc_t * out, dnnl_prop_kind_t prop, md_in src, md_in weights, md_in bias, md_in dst),
     (out, prop, src, weights, bias, dst))
WRAP(dnnl_inner_product_backward_data_desc_init, (dnnl_inner_product_desc_t * out, md_in src, md_in weights, md_in dst),
     (out, src, weights, dst))
WRAP(dnnl_inner_product_backward_weights_desc_init,
     (dnnl_inner_product_desc_t * out, md_in src, md_in weights, md_in bias, md_in dst), (out, src, weights, bias, dst))
WRAP(dnnl_eltwise_forward_desc_init,
     (dnnl_eltwise_desc_t * out, dnnl_prop_kind_t prop, dnnl_alg_kind_t kind, md_in data, float alpha, float beta),
     (out, prop, kind, data, alpha, beta))
WRAP(dnnl_eltwise_backward_desc_init,
     (dnnl_eltwise_desc_t * out, dnnl_alg_kind_t kind, md_in diff, md_in data, float alpha, float beta),
     (out, kind, diff, data, alpha, beta))
WRAP(dnnl_binary_desc_init, (dnnl_binary_desc_t * out, dnnl_alg_kind_t kind, md_in a, md_in b, md_in dst), (out, kind, a, b, dst))
#endif

/* ---- failing in turn ---- */

static void arm(long fail_at, int for_good)
{
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.failed, 0);
    faults.for_good = for_good;
    faults.with = for_good ? dnnl_out_of_memory : dnnl_runtime_error;
    faults.fail_at = fail_at;
}

static void disarm(void)
{
    faults.fail_at = 0;
}

typedef struct scene {
    budget budget;
    avsound_context *context;
    avsound_model *model;
    const char *arch, *config;
    int32_t precision;
    uint64_t digest; /* of the outputs, when nothing fails */
    char folder[64], clips[96], run[96];
} scene;

typedef avsound_status (*attempt_fn)(scene *s);

/* Each failure must end the call with its status and leave nothing behind. Every `step`-th call fails. */
static long fail_in_turn(const char *name, scene *s, attempt_fn attempt, int for_good, int step)
{
    long failures = 0;
    const avsound_status wanted = for_good ? AVSOUND_E_NO_MEMORY : AVSOUND_E_BACKEND;
    const long live = atomic_load(&s->budget.live);
    for (long n = 1;; n += step) {
        arm(n, for_good);
        const avsound_status status = attempt(s);
        disarm();
        const long failed = atomic_load(&faults.failed);
        ck_assert_msg(atomic_load(&s->budget.live) == live, "%s, call %ld failed: %ld blocks left behind", name, n,
                      atomic_load(&s->budget.live) - live);
        ck_assert_msg(status == (failed ? wanted : AVSOUND_OK), "%s, call %ld (%s) failed %ld times: %s (%s)", name, n,
                      faults.last, failed, avsound_status_name(status), avsound_error_detail());
        if (!failed)
            return failures;
        failures++;
    }
}

static void fail_each(const char *name, scene *s, attempt_fn attempt, int step)
{
    arm(0, 0);
    ck_avsound(attempt(s));
    const long once = fail_in_turn(name, s, attempt, 0, step), for_good = fail_in_turn(name, s, attempt, 1, step);
    ck_assert_int_gt(once, 0);
    ck_avsound(attempt(s));
    printf("%s: oneDNN failed %ld times\n", name, once + for_good);
}

/* ---- sessions ---- */

static avsound_status open_session(const scene *s, avsound_session **out)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = s->precision;
    return avsound_session_create(s->model, &options, out);
}

static void check_outputs(scene *s, const avsound_session *session)
{
    const uint64_t digest = outputs_digest(session);
    s->digest = s->digest ? s->digest : digest;
    ck_assert_uint_eq(digest, s->digest);
}

/* A model of its own, so that its weights are packed anew. After the failure the model makes a session that works, and a session
 * whose run failed runs. */
static avsound_status make_and_run(scene *s)
{
    avsound_session *session = NULL;
    ck_avsound(avsound_model_create(s->context, s->arch, s->config, 7, &s->model));
    avsound_status status = open_session(s, &session);
    ck_assert((status == AVSOUND_OK) == (session != NULL));
    if (!status) {
        fill_inputs(session, 5);
        status = avsound_session_run(session);
    }
    disarm();
    if (!session) {
        ck_avsound(open_session(s, &session));
        fill_inputs(session, 5);
    }
    if (status)
        ck_avsound(avsound_session_run(session));
    check_outputs(s, session);
    avsound_session_free(session);
    avsound_model_free(s->model);
    return status;
}

static void check_sessions(const char *arch, int32_t precision, int step)
{
    char name[64];
    scene s = {.arch = arch, .config = smallest_config(arch), .precision = precision};
    s.context = counting_context(&s.budget);
    snprintf(name, sizeof name, "%s, %s", arch, precision == AVSOUND_PRECISION_BF16 ? "bf16" : "f32");
    fail_each(name, &s, make_and_run, step);
    avsound_context_free(s.context);
    ck_assert_int_eq(atomic_load(&s.budget.live), 0);
}

/* Of the larger networks every 11th call fails. */
static const struct {
    const char *arch;
    int step;
} networks[] = {{"avol-net", 1},    {"mask-net", 1},    {"multisensory", 11},  {"separator", 11},
                {"ave-net-mf", 11}, {"ave-net-of", 11}, {"openl3-audio", 11}, {"openl3-image", 11}};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

START_TEST(sessions_survive)
{
    check_sessions(networks[_i].arch, AVSOUND_PRECISION_F32, networks[_i].step);
}
END_TEST

START_TEST(bfloat16_survives)
{
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("bf16: skipped, this processor multiplies none\n");
        return;
    }
    check_sessions("avol-net", AVSOUND_PRECISION_BF16, 3);
    check_sessions("mask-net", AVSOUND_PRECISION_BF16, 3);
}
END_TEST

/* ---- training ---- */

static void make_clips(scene *s)
{
    char path[128], sound[128];
    const char *const videos[] = {s->folder};
    avsound_prepare_report *report = NULL;
    avsound_prepare_options options;
    avsound_prepare_options_init(&options, sizeof options);
    options.workers = 1;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%d.mkv", s->folder, i);
        snprintf(sound, sizeof sound, "%s/%d.wav", s->folder, i);
        write_wav(sound, 1.2 + 0.1 * i);
        write_clip(s->context, path, sound, 30 + i);
        ck_assert_int_eq(unlink(sound), 0);
    }
    snprintf(s->clips, sizeof s->clips, "%s-clips", s->folder);
    snprintf(s->run, sizeof s->run, "%s-run", s->folder);
    ck_avsound(avsound_prepare(s->context, videos, 1, s->clips, &options, &report));
    avsound_prepare_report_free(report);
}

/* A step, a validation and what is written at the end. */
static avsound_status train(scene *s)
{
    avsound_trainer *trainer = NULL;
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    options.batch = 2;
    options.epochs = options.steps_per_epoch = 1;
    options.threads = options.workers = 1;
    avsound_status status = avsound_trainer_create(s->context, s->model, s->clips, s->run, &options, &trainer);
    ck_assert((status == AVSOUND_OK) == (trainer != NULL));
    if (!status)
        status = avsound_trainer_run(trainer);
    disarm();
    avsound_trainer_free(trainer);
    if (access(s->run, F_OK) == 0)
        remove_folder(s->run);
    return status;
}

START_TEST(training_survives)
{
    scene s = {.arch = "avol-net"};
    make_folder(s.folder);
    s.context = counting_context(&s.budget);
    ck_avsound(avsound_model_create(s.context, "avol-net", smallest_config("avol-net"), 7, &s.model));
    make_clips(&s);
    fail_each("training", &s, train, 1);
    avsound_model_free(s.model);
    avsound_context_free(s.context);
    ck_assert_int_eq(atomic_load(&s.budget.live), 0);
    remove_folder(s.clips);
    remove_folder(s.folder);
}
END_TEST

LOOP_SUITE("contract.onednn_failure", {sessions_survive, 0, NETWORKS}, {bfloat16_survives, 0, 1}, {training_survives, 0, 1})
