/* The networks' golden weights and inputs, drawn by the same rule as tests/golden/networks.py, as model files and
 * tensors. */
#ifndef AVSN_TEST_GOLDEN_H
#define AVSN_TEST_GOLDEN_H

#include <unistd.h>

#include "base/rng.h"
#include "suite.h"
#include "weights/safetensors.h"

#define GOLDEN_SEED 2018
#define GOLDEN_HEAD 128
#define GOLDEN_MAX_PARAMS 128

typedef struct golden_weights {
    avsn_file_tensor tensors[GOLDEN_MAX_PARAMS];
    char names[GOLDEN_MAX_PARAMS][32];
    size_t count;
} golden_weights;

static inline int64_t golden_count(const avsn_shape *shape)
{
    int64_t count = 0;
    ck_assert(avsn_shape_count(shape, &count));
    return count;
}

static inline bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* Values that a draw would put out of the useful range; false for every other parameter. */
static inline bool golden_constant(const char *name, float *data)
{
    if (!strcmp(name, "fc3.weight"))
        data[0] = 0.7f, data[1] = -0.7f;
    else if (!strcmp(name, "fc3.bias"))
        data[0] = -1.2f, data[1] = 1.2f;
    else if (!strcmp(name, "conv7.weight"))
        data[0] = 0.002f;
    else if (!strcmp(name, "conv7.bias"))
        data[0] = -1.0f;
    else if (!strcmp(name, "lags.weight"))
        data[0] = 10.0f;
    else if (!strcmp(name, "lags.bias"))
        data[0] = 0.5f;
    else
        return false;
    return true;
}

static inline void golden_values(const char *name, const avsn_shape *shape, float *data)
{
    if (golden_constant(name, data))
        return;
    const uint64_t stream = avsn_rng_stream(name);
    const int64_t count = golden_count(shape);
    const bool bn = strstr(name, ".bn") != NULL;
    const bool positive = ends_with(name, ".running_var") || (bn && ends_with(name, ".weight"));
    double scale = 0.1;
    if (bn || ends_with(name, ".running_mean"))
        scale = 0.2;
    else if (ends_with(name, ".weight"))
        scale = (strcmp(name, "fc2.weight") ? 1.0 : 0.1) * sqrt(2.0 * (double)shape->dim[0] / (double)count);
    for (int64_t i = 0; i < count; i++)
        data[i] = positive ? (float)(0.5 + avsn_rng_uniform(GOLDEN_SEED, stream, (uint64_t)i))
                           : (float)(avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)i) * scale);
}

static inline void golden_add(golden_weights *weights, const char *scope, const char *name, avsn_shape shape)
{
    ck_assert_uint_lt(weights->count, GOLDEN_MAX_PARAMS);
    char *path = weights->names[weights->count];
    snprintf(path, sizeof weights->names[0], "%s%s", scope, name);
    const size_t bytes = (size_t)golden_count(&shape) * sizeof(float);
    float *data = malloc(bytes);
    ck_assert_ptr_nonnull(data);
    golden_values(path, &shape, data);
    weights->tensors[weights->count++] =
        (avsn_file_tensor){.name = path, .dtype = AVSOUND_DTYPE_F32, .shape = shape, .data = data, .bytes = bytes};
}

static inline void golden_add_dense(golden_weights *weights, const char *scope, const char *name, int64_t out,
                                    int64_t in)
{
    char path[32];
    golden_add(weights, scope, (snprintf(path, sizeof path, "%s.weight", name), path), AVSN_SHAPE(out, in));
    golden_add(weights, scope, (snprintf(path, sizeof path, "%s.bias", name), path), AVSN_SHAPE(out));
}

static inline void golden_add_point_conv(golden_weights *weights, const char *scope, const char *name, int64_t out,
                                         int64_t in)
{
    char path[32];
    golden_add(weights, scope, (snprintf(path, sizeof path, "%s.weight", name), path), AVSN_SHAPE(out, in, 1, 1));
    golden_add(weights, scope, (snprintf(path, sizeof path, "%s.bias", name), path), AVSN_SHAPE(out));
}

/* Blocks first...last of a stack, of one more axis for frames. Returns the channels of the last convolution. */
static inline int64_t golden_add_blocks(golden_weights *weights, const char *scope, int64_t in, double width, char first,
                                        char last, bool frames)
{
    static const struct {
        const char *name;
        int channels;
    } layers[] = {{"1_1", 64},  {"1_2", 64},  {"2_1", 128}, {"2_2", 128},
                  {"3_1", 256}, {"3_2", 256}, {"4_1", 512}, {"4_2", 512}};
    static const char *const statistics[] = {"weight", "bias", "running_mean", "running_var"};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const int64_t out = lround(layers[i].channels * width);
        char path[32];
        if (layers[i].name[0] < first || layers[i].name[0] > last)
            continue;
        snprintf(path, sizeof path, "conv%s.weight", layers[i].name);
        golden_add(weights, scope, path, frames ? AVSN_SHAPE(out, in, 3, 3, 3) : AVSN_SHAPE(out, in, 3, 3));
        for (size_t s = 0; s < 4; s++) {
            snprintf(path, sizeof path, "bn%s.%s", layers[i].name, statistics[s]);
            golden_add(weights, scope, path, AVSN_SHAPE(out));
        }
        in = out;
    }
    return in;
}

static inline int64_t golden_add_vision(golden_weights *weights, const char *arch, double width)
{
    if (strcmp(arch, "ave-net-of"))
        return golden_add_blocks(weights, "vision.", 3, width, '1', '4', !strcmp(arch, "ave-net-mf"));
    const int64_t image = golden_add_blocks(weights, "vision.", 3, width, '1', '3', false);
    const int64_t flow = golden_add_blocks(weights, "flow.", 20, width, '1', '3', false);
    return golden_add_blocks(weights, "vision.", image + flow, width, '4', '4', false);
}

static inline golden_weights *golden_weights_create(const char *arch, double width)
{
    golden_weights *weights = calloc(1, sizeof *weights);
    ck_assert_ptr_nonnull(weights);
    const int64_t vision = golden_add_vision(weights, arch, width);
    const int64_t audio = golden_add_blocks(weights, "audio.", 1, width, '1', '4', false);
    if (!strcmp(arch, "l3-net")) {
        golden_add_dense(weights, "", "fc1", GOLDEN_HEAD, vision + audio);
        golden_add_dense(weights, "", "fc2", 2, GOLDEN_HEAD);
        return weights;
    }
    golden_add_dense(weights, "audio.", "fc1", GOLDEN_HEAD, audio);
    golden_add_dense(weights, "audio.", "fc2", GOLDEN_HEAD, GOLDEN_HEAD);
    if (!strncmp(arch, "ave-net", 7)) {
        golden_add_dense(weights, "vision.", "fc1", GOLDEN_HEAD, vision);
        golden_add_dense(weights, "vision.", "fc2", GOLDEN_HEAD, GOLDEN_HEAD);
        golden_add_dense(weights, "", "fc3", 2, 1);
    } else {
        golden_add_point_conv(weights, "vision.", "conv5", GOLDEN_HEAD, vision);
        golden_add_point_conv(weights, "vision.", "conv6", GOLDEN_HEAD, GOLDEN_HEAD);
        golden_add(weights, "", "conv7.weight", AVSN_SHAPE(1));
        golden_add(weights, "", "conv7.bias", AVSN_SHAPE(1));
    }
    return weights;
}

static inline void golden_weights_free(golden_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++)
        free((void *)weights->tensors[i].data);
    free(weights);
}

/* Writes the weights as a model file, loads it, and removes it. `config` is the file's avsound.config. */
static inline avsound_model *golden_model(avsound_context *context, const char *arch, const char *config,
                                          double width)
{
    golden_weights *weights = golden_weights_create(arch, width);
    char path[] = "golden-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    const char *keys[] = {"avsound.arch", "avsound.config", "avsound.training"};
    const char *values[] = {arch, config, "none"};
    ck_avsound(avsn_safetensors_write(context, path, weights->tensors, weights->count, keys, values, 3));
    golden_weights_free(weights);
    avsound_model *model = NULL;
    ck_avsound(avsound_model_load(context, path, &model));
    unlink(path);
    return model;
}

/* Standard normal numbers of the stream "image" or "spectrogram", one item after the other. */
static inline float *golden_input(const char *name, const avsn_shape *shape)
{
    const int64_t count = golden_count(shape);
    float *data = malloc((size_t)count * sizeof *data);
    ck_assert_ptr_nonnull(data);
    const uint64_t stream = avsn_rng_stream(name);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)avsn_rng_normal(GOLDEN_SEED, stream, (uint64_t)i);
    return data;
}

static inline avsound_session *golden_session(avsound_model *model, int32_t precision, int32_t batch, int32_t height,
                                              int32_t width, const char *outputs)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = precision;
    options.batch = batch;
    options.height = height;
    options.width = width;
    options.outputs = outputs;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &options, &session));
    return session;
}

static inline void golden_set(avsound_session *session, const char *name, avsn_shape shape, const float *data)
{
    avsound_tensor view = {.struct_size = sizeof view};
    avsn_tensor_view(&view, AVSOUND_DTYPE_F32, &shape, data);
    ck_avsound(avsound_session_set_input(session, name, &view));
}

static inline const float *golden_output(const avsound_session *session, const char *name, avsn_shape *shape)
{
    avsound_tensor view = {.struct_size = sizeof view};
    ck_avsound(avsound_session_get_output(session, name, &view));
    ck_assert_int_eq(view.dtype, AVSOUND_DTYPE_F32);
    if (shape) {
        shape->rank = view.rank;
        memcpy(shape->dim, view.shape, sizeof view.shape);
    }
    return view.data;
}

#endif
