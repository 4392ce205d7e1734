#include "exec/internal.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef struct entry {
    struct entry *next;
    char *key; /* the parameter and what was folded into it */
    avsn_layout *layout;
    void *data;
} entry;

struct avsn_pack_cache {
    avsound_context *context;
    pthread_mutex_t mutex;
    entry *entries;
    size_t bytes;
};

avsound_status avsn_pack_cache_create(avsound_context *context, avsn_pack_cache **out)
{
    avsn_pack_cache *cache = avsn_alloc_zeroed(context, 1, sizeof *cache);
    *out = cache;
    if (!cache)
        return AVSOUND_E_NO_MEMORY;
    cache->context = avsn_context_ref(context);
    pthread_mutex_init(&cache->mutex, NULL);
    return AVSOUND_OK;
}

static void entry_free(avsound_context *context, entry *e)
{
    if (!e)
        return;
    avsn_free(context, e->key);
    avsn_free(context, e->data);
    avsn_layout_unref(e->layout);
    avsn_free(context, e);
}

void avsn_pack_cache_free(avsn_pack_cache *cache)
{
    if (!cache)
        return;
    avsound_context *context = cache->context;
    while (cache->entries) {
        entry *e = cache->entries;
        cache->entries = e->next;
        entry_free(context, e);
    }
    pthread_mutex_destroy(&cache->mutex);
    avsn_free(context, cache);
    avsound_context_free(context);
}

size_t avsn_pack_cache_bytes(avsn_pack_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    const size_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->mutex);
    return bytes;
}

/* ---- what goes in ---- */

static avsound_status find_param(const avsn_plan *plan, avsn_value value, const avsn_named_tensor **out)
{
    const char *name = avsn_value_name(plan->graph, value);
    const avsn_named_tensor *param = avsn_params_find(plan->params, name);
    char got[AVSN_SHAPE_TEXT], want[AVSN_SHAPE_TEXT];
    if (!param)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: the model has no such tensor", name);
    const avsn_shape *shape = avsn_value_shape(plan->graph, value);
    if (!avsn_shape_equal(&param->shape, shape))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s is %s, want %s", name, avsn_shape_text(&param->shape, got),
                  avsn_shape_text(shape, want));
    *out = param;
    return AVSOUND_OK;
}

avsound_status avsn_plan_param(const avsn_plan *plan, avsn_value value, const float **data)
{
    const avsn_named_tensor *param;
    AVSN_TRY(find_param(plan, value, &param));
    *data = param->data;
    return AVSOUND_OK;
}

/* y = weight (x - mean) / sqrt(variance + eps) + bias of channel c, as scale and shift of x. */
typedef struct fold {
    const float *bias, *mean, *variance, *weight; /* weight NULL: 1 */
    double epsilon;
} fold;

static avsound_status read_fold(const avsn_plan *plan, const avsn_node *node, fold *f)
{
    const float **const part[4] = {&f->bias, &f->mean, &f->variance, &f->weight};
    for (int32_t i = 0; i < node->input_count - 1; i++) {
        const avsn_named_tensor *param;
        AVSN_TRY(find_param(plan, node->input[1 + i], &param));
        *part[i] = param->data;
    }
    f->epsilon = (double)node->attributes.epsilon;
    return AVSOUND_OK;
}

static double fold_scale(const fold *f, int64_t c)
{
    return (f->weight ? (double)f->weight[c] : 1) / sqrt((double)f->variance[c] + f->epsilon);
}

/* `row` of each channel's `stride` weights; f NULL: as they are. */
static void fold_weights(const fold *f, const float *weights, int64_t channels, int64_t row, int64_t stride, float *out)
{
    for (int64_t c = 0; c < channels; c++) {
        const double scale = f ? fold_scale(f, c) : 1;
        for (int64_t i = 0; i < row; i++)
            out[c * row + i] = (float)((double)weights[c * stride + i] * scale);
    }
}

/* A transposed convolution's: channels are the second axis. */
static void fold_transposed(const fold *f, const float *weights, const avsn_shape *shape, int64_t row, float *out)
{
    for (int64_t i = 0; i < shape->dim[0] * shape->dim[1]; i++) {
        const double scale = fold_scale(f, i % shape->dim[1]);
        for (int64_t k = i * row; k < (i + 1) * row; k++)
            out[k] = (float)((double)weights[k] * scale);
    }
}

static void fold_bias(const fold *f, const float *bias, int64_t channels, float *out)
{
    for (int64_t c = 0; c < channels; c++) {
        const double centred = (bias ? (double)bias[c] : 0) - (double)f->mean[c];
        out[c] = (float)((double)f->bias[c] + centred * fold_scale(f, c));
    }
}

/* The operand in row-major f32, written to `out`. */
static avsound_status operand_values(const avsn_plan *plan, const avsn_step *step, int32_t input, float *out)
{
    const avsn_layout *wanted = step->kernel->input[input];
    const avsn_shape *shape = avsn_layout_shape(wanted);
    int64_t count = 0;
    avsn_shape_count(shape, &count);
    const avsn_named_tensor *param = NULL;
    if (step->input[input].id)
        AVSN_TRY(find_param(plan, step->input[input], &param));
    fold f = {0};
    if (step->fold)
        AVSN_TRY(read_fold(plan, step->fold, &f));
    if (step->operand[input] == AVSN_FROM_CONV_WEIGHT && step->kind == AVSN_OP_DECONV && step->fold) {
        fold_transposed(&f, param->data, shape, count / shape->dim[0] / shape->dim[1], out);
    } else if (step->operand[input] == AVSN_FROM_CONV_WEIGHT) {
        const int64_t channels = shape->dim[0], row = count / channels, begin = step->columns[input].begin;
        int64_t whole = 0;
        avsn_shape_count(&param->shape, &whole);
        fold_weights(step->fold ? &f : NULL, param->data + begin * (row / shape->dim[1]), channels, row, whole / channels, out);
    } else if (step->fold) {
        fold_bias(&f, param ? param->data : NULL, count, out);
    } else {
        memcpy(out, param->data, (size_t)count * sizeof *out);
    }
    return AVSOUND_OK;
}

static avsound_status reorder(const avsn_plan *plan, avsn_layout *from, void *src, avsn_layout *to, void *dst)
{
    avsn_kernel *kernel;
    AVSN_TRY(avsn_kernel_create_reorder(plan->context, plan->runtime, from, to, &kernel));
    void *scratchpad = NULL;
    avsound_status status = AVSOUND_OK;
    if (kernel->scratchpad_bytes && !(scratchpad = avsn_alloc(plan->context, kernel->scratchpad_bytes, 1)))
        status = AVSOUND_E_NO_MEMORY;
    if (!status)
        status = kernel->bind(kernel, &src, &dst, scratchpad);
    if (!status)
        status = kernel->run(kernel);
    avsn_free(plan->context, scratchpad);
    avsn_kernel_free(kernel);
    return status;
}

static avsound_status pack(const avsn_plan *plan, const avsn_step *step, int32_t input, void *data)
{
    avsn_layout *wanted = step->kernel->input[input], *plain = NULL;
    if (avsn_layout_is_plain(wanted) && avsn_layout_dtype(wanted) == AVSOUND_DTYPE_F32)
        return operand_values(plan, step, input, data);
    AVSN_TRY(avsn_layout_plain(plan->context, AVSOUND_DTYPE_F32, avsn_layout_shape(wanted), &plain));
    float *values = avsn_alloc(plan->context, avsn_layout_bytes(plain), 1);
    avsound_status status = values ? operand_values(plan, step, input, values) : AVSOUND_E_NO_MEMORY;
    if (!status)
        status = reorder(plan, plain, values, wanted, data);
    avsn_free(plan->context, values);
    avsn_layout_unref(plain);
    return status;
}

/* ---- the cache ---- */

enum { KEY_BYTES = 640 };

static void key_of(const avsn_plan *plan, const avsn_step *step, int32_t input, char key[KEY_BYTES])
{
    static const char *const kinds[] = {"", "param", "weight", "bias"};
    snprintf(key, KEY_BYTES, "%s %s %s", kinds[step->operand[input]], step->node->name,
             step->fold ? step->fold->name : "");
    if (step->input[input].id)
        snprintf(key + strlen(key), KEY_BYTES - strlen(key), " %s", avsn_value_name(plan->graph, step->input[input]));
    if (step->columns[input].end)
        snprintf(key + strlen(key), KEY_BYTES - strlen(key), " %lld...%lld", (long long)step->columns[input].begin,
                 (long long)step->columns[input].end);
}

static entry *lookup(const avsn_pack_cache *cache, const char *key, const avsn_layout *layout)
{
    for (entry *e = cache->entries; e; e = e->next)
        if (!strcmp(e->key, key) && avsn_layout_equal(e->layout, layout))
            return e;
    return NULL;
}

static avsound_status make_entry(avsn_plan *plan, const avsn_step *step, int32_t input, const char *key, entry **out)
{
    avsn_layout *layout = step->kernel->input[input];
    entry *e = avsn_alloc_zeroed(plan->context, 1, sizeof *e);
    if (!e)
        return AVSOUND_E_NO_MEMORY;
    e->layout = avsn_layout_ref(layout);
    e->key = avsn_strdup(plan->context, key);
    e->data = avsn_alloc_zeroed(plan->context, avsn_layout_bytes(layout), 1);
    const avsound_status status = e->key && e->data ? pack(plan, step, input, e->data) : AVSOUND_E_NO_MEMORY;
    if (status) {
        entry_free(plan->context, e);
        return status;
    }
    e->next = plan->cache->entries;
    plan->cache->entries = e;
    plan->cache->bytes += avsn_layout_bytes(layout);
    *out = e;
    return AVSOUND_OK;
}

avsound_status avsn_plan_constant(avsn_plan *plan, const avsn_step *step, int32_t input, const void **data)
{
    const avsn_layout *layout = step->kernel->input[input];
    if (!step->fold && !step->columns[input].end && avsn_layout_is_plain(layout) && avsn_layout_dtype(layout) == AVSOUND_DTYPE_F32) {
        const avsn_named_tensor *param;
        AVSN_TRY(find_param(plan, step->input[input], &param));
        *data = param->data;
        return AVSOUND_OK;
    }
    char key[KEY_BYTES];
    key_of(plan, step, input, key);
    pthread_mutex_lock(&plan->cache->mutex);
    entry *e = lookup(plan->cache, key, layout);
    const avsound_status status = e ? AVSOUND_OK : make_entry(plan, step, input, key, &e);
    pthread_mutex_unlock(&plan->cache->mutex);
    if (!status)
        *data = e->data;
    return status;
}
