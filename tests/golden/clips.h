/* Golden files of networks of clips, whose parameters and inputs are drawn by name, and the comparison of every layer. */
#ifndef AVSN_TEST_CLIPS_H
#define AVSN_TEST_CLIPS_H

#include "golden.h"

#include "network/network.h"
#include "op/kernel.h"

#define F32_TOLERANCE 1e-4 /* of the larger of the value and the layer's rms */
#define BF16_ERROR 0.02    /* root mean square of an output's errors, of the output's */

typedef struct fixture {
    avsound_context *context;
    avsn_safetensors *file;
    avsound_model *model;
    char layers[2048];
} fixture;

static inline const char *metadata(const fixture *f, const char *key)
{
    const char *value = avsn_safetensors_metadata(f->file, key);
    ck_assert_msg(value != NULL, "the golden file lacks %s", key);
    return value;
}

/* A model made from a seed is not shared yet: its parameters can still be written. */
static inline float *writable(const avsound_model *model, const char *name, int64_t *count)
{
    const avsn_named_tensor *item = avsn_params_find(&model->params, name);
    ck_assert_msg(item != NULL, "no %s", name);
    *count = golden_count(&item->shape);
    return (float *)(uintptr_t)item->data;
}

/* As in make_multisensory.py and make_separator.py. */
static inline void draw(const char *name, const avsn_shape *shape, float *data)
{
    const uint64_t stream = avsn_rng_stream(name);
    const int64_t count = golden_count(shape);
    const double fan_in = (double)(count / shape->dim[0]);
    const bool positive = ends_with(name, ".running_var") || (ends_with(name, ".weight") && shape->rank == 1);
    const bool head = !strcmp(name, "gen.fg.weight") || !strcmp(name, "gen.bg.weight"); /* a tanh follows */
    const double deviation =
        ends_with(name, ".weight") ? (head ? 0.1 : 1) * sqrt(2 / fan_in) : ends_with(name, ".running_mean") ? 0.2 : 0.1;
    for (int64_t i = 0; i < count; i++)
        data[i] = positive
                      ? (float)(0.5 + avsn_rng_uniform(GOLDEN_SEED, stream, (uint64_t)i))
                      : (float)(deviation * avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)i));
}

static inline void draw_parameters(fixture *f)
{
    int64_t total = 0, count;
    ck_assert_int_eq(f->model->params.count, atoi(metadata(f, "golden.tensors")));
    for (int32_t i = 0; i < f->model->params.count; i++) {
        const avsn_named_tensor *item = &f->model->params.items[i];
        draw(item->name, &item->shape, writable(f->model, item->name, &count));
        total += count;
    }
    ck_assert_int_eq(total, atoll(metadata(f, "golden.parameters")));
}

static inline void list_layers(fixture *f)
{
    for (size_t i = 0; i < avsn_safetensors_count(f->file); i++) {
        const char *name = avsn_safetensors_at(f->file, i)->name;
        if (strchr(name, ':'))
            continue;
        ck_assert_uint_lt(strlen(f->layers) + strlen(name) + 2, sizeof f->layers);
        strcat(strcat(f->layers, *f->layers ? "," : ""), name);
    }
}

static inline void set_up(fixture *f, const char *name)
{
    char path[512];
    memset(f, 0, sizeof *f);
    ck_avsound(avsound_context_create(NULL, &f->context));
    snprintf(path, sizeof path, "%s/golden/%s.safetensors", TEST_SOURCE_DIR, name);
    ck_avsound(avsn_safetensors_open(f->context, path, &f->file));
    ck_assert_int_eq(atoi(metadata(f, "golden.seed")), GOLDEN_SEED);
    ck_avsound(avsound_model_create(f->context, metadata(f, "avsound.arch"), metadata(f, "avsound.config"), 1, &f->model));
    draw_parameters(f);
    list_layers(f);
}

static inline void tear_down(fixture *f)
{
    avsound_model_free(f->model);
    avsn_safetensors_free(f->file);
    avsound_context_free(f->context);
}

/* Normal numbers; a sound's are as small as a sound's. */
static inline void set_inputs(avsound_session *session)
{
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        const char *name;
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_session_input(session, i, &name, &view));
        const double scale = strcmp(name, "waveform") ? 1 : 0.1;
        const uint64_t stream = avsn_rng_stream(name);
        int64_t count = 1;
        for (int32_t d = 0; d < view.rank; d++)
            count *= view.shape[d];
        float *data = malloc((size_t)count * sizeof *data);
        ck_assert_ptr_nonnull(data);
        for (int64_t k = 0; k < count; k++)
            data[k] = (float)(scale * avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)k));
        view.data = data;
        ck_avsound(avsound_session_set_input(session, name, &view));
        free(data);
    }
}

static inline avsound_session *run(const fixture *f, int32_t precision, const char *outputs)
{
    avsound_session *session = golden_session(f->model, precision, atoi(metadata(f, "golden.batch")), 0, 0, outputs);
    set_inputs(session);
    ck_avsound(avsound_session_run(session));
    return session;
}

/* ---- layers ---- */

static inline const float *golden_part(const fixture *f, const char *layer, const char *part, int64_t *count)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", layer, part);
    const avsn_file_tensor *tensor = avsn_safetensors_find(f->file, name);
    ck_assert_msg(tensor != NULL, "the golden file lacks %s", name);
    *count = tensor->shape.dim[0];
    return tensor->data;
}

static inline double layer_error(const fixture *f, const avsound_session *session, const char *layer)
{
    avsn_shape shape;
    char stream[96];
    int64_t kept, rank, one;
    const float *got = golden_output(session, layer, &shape), *want = golden_part(f, layer, "", &kept);
    const float *dims = golden_part(f, layer, ":shape", &rank), rms = golden_part(f, layer, ":rms", &one)[0];
    ck_assert_msg(shape.rank == rank, "%s has rank %d", layer, shape.rank);
    for (int32_t d = 0; d < shape.rank; d++)
        ck_assert_msg(shape.dim[d] == (int64_t)dims[d], "%s: dimension %d is %lld, want %g", layer, d,
                      (long long)shape.dim[d], (double)dims[d]);
    const int64_t count = golden_count(&shape);
    double worst = 0;
    snprintf(stream, sizeof stream, "golden.sample.%s", layer);
    for (int64_t k = 0; k < kept; k++) {
        const uint64_t sampled = avsn_rng_below(GOLDEN_SEED, avsn_rng_stream(stream), (uint64_t)k, (uint64_t)count);
        const double value = (double)want[k], mine = (double)got[kept == count ? (uint64_t)k : sampled];
        const double error = fabs(mine - value) / fmax(fabs(value), (double)rms);
        worst = error <= worst ? worst : error; /* NaN stays */
    }
    return worst;
}

static inline void check_layers(const fixture *f, const avsound_session *session, const char *list, const char *label)
{
    char names[2048], *rest = NULL;
    double worst = 0;
    strcpy(names, list);
    for (char *layer = strtok_r(names, ",", &rest); layer; layer = strtok_r(NULL, ",", &rest)) {
        const double error = layer_error(f, session, layer);
        ck_assert_msg(error <= F32_TOLERANCE, "%s: %s is off by %g relative", label, layer, error);
        worst = fmax(worst, error);
    }
    printf("%s f32: largest relative error %.2g\n", label, worst);
}

/* Every layer; and the outputs that `used` lists, of the network fused as it is used. */
static inline void check_in_f32(const char *name, const char *used)
{
    fixture f;
    set_up(&f, name);
    avsound_session *session = run(&f, AVSOUND_PRECISION_F32, f.layers);
    check_layers(&f, session, f.layers, name);
    avsound_session_free(session);
    session = run(&f, AVSOUND_PRECISION_F32, used);
    check_layers(&f, session, used, name);
    avsound_session_free(session);
    tear_down(&f);
}

/* Root mean square of an output's errors, of the output's in `exact`. */
static inline double error_of(const avsound_session *session, const avsound_session *exact, const char *layer)
{
    avsn_shape shape;
    const float *want = golden_output(exact, layer, &shape), *got = golden_output(session, layer, NULL);
    double errors = 0, squares = 0;
    for (int64_t i = 0; i < golden_count(&shape); i++) {
        errors += pow((double)got[i] - (double)want[i], 2);
        squares += pow((double)want[i], 2);
    }
    return sqrt(errors / squares);
}

/* Of the outputs that `used` lists: errors of at most BF16_ERROR of their size. */
static inline void check_in_bf16(const char *name, const char *used)
{
    fixture f;
    char names[256], *rest = NULL;
    if (avsn_op_isa() < AVSN_ISA_AVX512_BF16) {
        printf("%s bf16: skipped, this processor has neither AVX512-BF16 nor AMX\n", name);
        return;
    }
    set_up(&f, name);
    avsound_session *exact = run(&f, AVSOUND_PRECISION_F32, used), *session = run(&f, AVSOUND_PRECISION_BF16, used);
    ck_assert_uint_lt(strlen(used), sizeof names);
    strcpy(names, used);
    for (char *layer = strtok_r(names, ",", &rest); layer; layer = strtok_r(NULL, ",", &rest)) {
        const double error = error_of(session, exact, layer);
        printf("%s bf16: error of %s %.2g of its size\n", name, layer, error);
        ck_assert_msg(error <= BF16_ERROR, "%s: %s is off by %g of its size", name, layer, error);
    }
    avsound_session_free(session);
    avsound_session_free(exact);
    tear_down(&f);
}

static inline void fill(const fixture *f, const char *name, float value)
{
    int64_t count;
    float *data = writable(f->model, name, &count);
    for (int64_t i = 0; i < count; i++)
        data[i] = value;
}

#endif
