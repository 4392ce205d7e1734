/* Every gradient rule by itself: what its nodes compute, in f32 on one thread and on two, against central differences in
 * double of the op's plain-C twin; the losses likewise. L = sum(diff * dst) with random diff. Errors are the largest one
 * over the root mean square of what should be. */
#include "suite.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "oracle/net.h"
#include "train/gradients.h"
#include "train/rules.h"

enum { SEED = 20180908, SAMPLES = 24 };

/* An op as training appends it. */
typedef struct rule_case {
    avsn_op_kind kind;
    int32_t count; /* of operands */
    avsn_shape operand[3], dst;
    avsn_attributes attributes;
    int32_t results; /* of the op; 0: 1 */
    double bound;
} rule_case;

#define WINDOW(k, s, d, b, a)                                                                                    \
    .window = {.spatial = 2, .kernel = {k, k, 1}, .stride = {s, s, 1}, .dilation = {d, d, 1}, .before = {b, b}, .after = {a, a}}

#define WINDOW_OF(axes, ...) .window = {.spatial = axes, .dilation = {1, 1, 1}, __VA_ARGS__}

/* Sums of so few products leave a few units of f32's rounding; batch norm's differences of them some more. */
static const rule_case cases[] = {
    {AVSN_OP_CONV, 3, {AVSN_SHAPE(2, 3, 7, 6), AVSN_SHAPE(5, 3, 3, 3), AVSN_SHAPE(5)}, AVSN_SHAPE(2, 5, 7, 6),
     {WINDOW(3, 1, 1, 1, 1)}, 1, 1e-5},
    {AVSN_OP_CONV, 2, {AVSN_SHAPE(1, 1, 9, 8), AVSN_SHAPE(16, 1, 3, 3)}, AVSN_SHAPE(1, 16, 5, 4), {WINDOW(3, 2, 1, 1, 1)}, 1, 1e-5},
    {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 16, 6, 5), AVSN_SHAPE(20, 16, 3, 3)}, AVSN_SHAPE(2, 20, 6, 5),
     {WINDOW(3, 1, 1, 1, 1)}, 1, 1e-5},
    {AVSN_OP_CONV, 3, {AVSN_SHAPE(2, 32, 3, 4), AVSN_SHAPE(16, 32, 1, 1), AVSN_SHAPE(16)}, AVSN_SHAPE(2, 16, 3, 4),
     {WINDOW(1, 1, 1, 0, 0)}, 1, 1e-5},
    /* as the multisensory networks have them, TensorFlow's padding: three axes of odd and even sizes; one axis */
    {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 3, 5, 7, 6), AVSN_SHAPE(8, 3, 3, 3, 3)}, AVSN_SHAPE(2, 8, 3, 4, 3),
     {WINDOW_OF(3, .kernel = {3, 3, 3}, .stride = {2, 2, 2}, .before = {1, 1, 0}, .after = {1, 1, 1})}, 1, 1e-5},
    {AVSN_OP_CONV, 2, {AVSN_SHAPE(1, 16, 4, 3, 5), AVSN_SHAPE(16, 16, 3, 3, 3)}, AVSN_SHAPE(1, 16, 4, 2, 3),
     {WINDOW_OF(3, .kernel = {3, 3, 3}, .stride = {1, 2, 2}, .before = {1, 1, 1}, .after = {1, 1, 1})}, 1, 1e-5},
    {AVSN_OP_CONV, 3, {AVSN_SHAPE(2, 17, 3, 4, 3), AVSN_SHAPE(5, 17, 1, 1, 1), AVSN_SHAPE(5)}, AVSN_SHAPE(2, 5, 3, 4, 3),
     {WINDOW_OF(3, .kernel = {1, 1, 1}, .stride = {1, 1, 1})}, 1, 1e-5},
    {AVSN_OP_CONV, 3, {AVSN_SHAPE(2, 2, 41), AVSN_SHAPE(8, 2, 15), AVSN_SHAPE(8)}, AVSN_SHAPE(2, 8, 11),
     {WINDOW_OF(1, .kernel = {15, 1, 1}, .stride = {4, 1, 1}, .before = {7}, .after = {7})}, 1, 1e-5},
    {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 16, 22), AVSN_SHAPE(32, 16, 1)}, AVSN_SHAPE(2, 32, 6),
     {WINDOW_OF(1, .kernel = {1, 1, 1}, .stride = {4, 1, 1})}, 1, 1e-5},
    {AVSN_OP_BATCH_NORM_TRAIN, 2, {AVSN_SHAPE(2, 5, 3, 4, 5), AVSN_SHAPE(5)}, AVSN_SHAPE(2, 5, 3, 4, 5),
     {.epsilon = 1e-3f}, 3, 1e-4},
    {AVSN_OP_BATCH_NORM_TRAIN, 2, {AVSN_SHAPE(2, 17, 31), AVSN_SHAPE(17)}, AVSN_SHAPE(2, 17, 31),
     {.epsilon = 1e-3f, .relu = true}, 3, 1e-4},
    {AVSN_OP_BATCH_NORM_TRAIN, 3, {AVSN_SHAPE(3, 5, 4, 3), AVSN_SHAPE(5), AVSN_SHAPE(5)}, AVSN_SHAPE(3, 5, 4, 3),
     {.epsilon = 1e-3f}, 3, 1e-4},
    {AVSN_OP_BATCH_NORM_TRAIN, 3, {AVSN_SHAPE(2, 7, 13, 11), AVSN_SHAPE(7), AVSN_SHAPE(7)}, AVSN_SHAPE(2, 7, 13, 11),
     {.epsilon = 1e-5f, .relu = true}, 3, 1e-4},
    {AVSN_OP_BATCH_NORM_TRAIN, 3, {AVSN_SHAPE(5, 700), AVSN_SHAPE(700), AVSN_SHAPE(700)}, AVSN_SHAPE(5, 700),
     {.epsilon = 1e-2f, .relu = true}, 3, 1e-4},
    {AVSN_OP_ELTWISE, 1, {AVSN_SHAPE(2, 3, 5)}, AVSN_SHAPE(2, 3, 5), {.eltwise = AVSN_RELU}, 1, 1e-6},
    {AVSN_OP_ELTWISE, 1, {AVSN_SHAPE(2, 3, 5)}, AVSN_SHAPE(2, 3, 5), {.eltwise = AVSN_SIGMOID}, 1, 1e-5},
    {AVSN_OP_ELTWISE, 1, {AVSN_SHAPE(2, 2, 9)}, AVSN_SHAPE(2, 2, 9), {.eltwise = AVSN_COMPAND}, 1, 1e-5},
    {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 3, 4, 7, 6)}, AVSN_SHAPE(2, 3, 4, 4, 3),
     {WINDOW_OF(3, .kernel = {1, 3, 3}, .stride = {1, 2, 2}, .before = {0, 1, 0}, .after = {0, 1, 1})}, 2, 1e-6},
    {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 16, 5, 7, 6)}, AVSN_SHAPE(2, 16, 3, 4, 3),
     {WINDOW_OF(3, .kernel = {1, 1, 1}, .stride = {2, 2, 2})}, 2, 1e-6},
    {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 3, 22)}, AVSN_SHAPE(2, 3, 5),
     {WINDOW_OF(1, .kernel = {4, 1, 1}, .stride = {4, 1, 1})}, 2, 1e-6},
    {AVSN_OP_GLOBAL_POOL, 1, {AVSN_SHAPE(2, 5, 3, 4, 5)}, AVSN_SHAPE(2, 5), {.pooling = AVSN_POOL_AVERAGE}, 1, 1e-5},
    {AVSN_OP_FRACTIONAL_POOL, 1, {AVSN_SHAPE(2, 5, 44)}, AVSN_SHAPE(2, 5, 16), {.epsilon = 0}, 1, 1e-6},
    {AVSN_OP_FRACTIONAL_POOL, 1, {AVSN_SHAPE(1, 3, 7)}, AVSN_SHAPE(1, 3, 1), {.epsilon = 0}, 1, 1e-6},
    {AVSN_OP_TILE, 1, {AVSN_SHAPE(2, 3, 4)}, AVSN_SHAPE(2, 3, 4, 5, 3), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_TILE, 1, {AVSN_SHAPE(2, 3, 1)}, AVSN_SHAPE(2, 3, 1, 2, 2), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_REPEAT, 1, {AVSN_SHAPE(2, 3, 4, 5, 3)}, AVSN_SHAPE(4, 3, 4, 5, 3), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_REPEAT, 1, {AVSN_SHAPE(3, 17, 4)}, AVSN_SHAPE(9, 17, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_SQUASH, 1, {AVSN_SHAPE(2, 5, 4, 1, 1)}, AVSN_SHAPE(2, 5, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_SQUASH, 1, {AVSN_SHAPE(3, 2, 1, 7)}, AVSN_SHAPE(3, 2, 7), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_LAGS, 2, {AVSN_SHAPE(2, 5, 7), AVSN_SHAPE(2, 5, 14)}, AVSN_SHAPE(2, 13), {.steps = 2, .lags = 6}, 1, 1e-5},
    /* lags at which nothing meets; more sound than pictures; three steps a frame */
    {AVSN_OP_LAGS, 2, {AVSN_SHAPE(1, 3, 4), AVSN_SHAPE(1, 3, 5)}, AVSN_SHAPE(1, 19), {.steps = 1, .lags = 9}, 1, 1e-5},
    {AVSN_OP_LAGS, 2, {AVSN_SHAPE(3, 4, 3), AVSN_SHAPE(3, 4, 20)}, AVSN_SHAPE(3, 23), {.steps = 3, .lags = 11}, 1, 1e-5},
    {AVSN_OP_TILE, 1, {AVSN_SHAPE(2, 3, 4)}, AVSN_SHAPE(2, 3, 4, 5), {.epsilon = 0}, 1, 1e-5},
    /* as the separator has them */
    {AVSN_OP_DECONV, 2, {AVSN_SHAPE(2, 16, 3, 4), AVSN_SHAPE(16, 32, 4, 4)}, AVSN_SHAPE(2, 32, 6, 8), {WINDOW(4, 2, 1, 1, 1)}, 1, 1e-5},
    {AVSN_OP_DECONV, 2, {AVSN_SHAPE(2, 5, 6, 3), AVSN_SHAPE(5, 2, 4, 4)}, AVSN_SHAPE(2, 2, 6, 6),
     {WINDOW_OF(2, .kernel = {4, 4, 1}, .stride = {1, 2, 1}, .before = {1, 1}, .after = {2, 1})}, 1, 1e-5},
    {AVSN_OP_DECONV, 2, {AVSN_SHAPE(1, 3, 2, 3, 2), AVSN_SHAPE(3, 4, 3, 3, 3)}, AVSN_SHAPE(1, 4, 2, 6, 4),
     {WINDOW_OF(3, .kernel = {3, 3, 3}, .stride = {1, 2, 2}, .before = {1, 0, 0}, .after = {1, 1, 1})}, 1, 1e-5},
    {AVSN_OP_BIAS, 2, {AVSN_SHAPE(2, 3, 4, 5), AVSN_SHAPE(3)}, AVSN_SHAPE(2, 3, 4, 5), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_ELTWISE, 1, {AVSN_SHAPE(2, 3, 5)}, AVSN_SHAPE(2, 3, 5), {.eltwise = AVSN_TANH}, 1, 1e-5},
    {AVSN_OP_ELTWISE, 1, {AVSN_SHAPE(2, 3, 5)}, AVSN_SHAPE(2, 3, 5), {.eltwise = AVSN_LEAKY_RELU, .slope = 0.2f}, 1, 1e-6},
    {AVSN_OP_PICTURE_MEAN, 1, {AVSN_SHAPE(2, 3, 4, 5, 3)}, AVSN_SHAPE(2, 3, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_STRETCH, 1, {AVSN_SHAPE(2, 3, 4)}, AVSN_SHAPE(2, 3, 16), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_STRETCH, 1, {AVSN_SHAPE(1, 5, 7)}, AVSN_SHAPE(1, 5, 5), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_STRETCH, 1, {AVSN_SHAPE(2, 3, 1)}, AVSN_SHAPE(2, 3, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_MASK, 2, {AVSN_SHAPE(2, 1, 3, 5), AVSN_SHAPE(2, 2, 3, 5)}, AVSN_SHAPE(2, 2, 3, 5), {.decibels = 3}, 1, 1e-5},
    {AVSN_OP_MASK, 2, {AVSN_SHAPE(3, 1, 4, 2), AVSN_SHAPE(3, 2, 4, 2)}, AVSN_SHAPE(3, 2, 4, 2), {.decibels = 3, .rest = true}, 1,
     1e-5},
    {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 3, 7, 5)}, AVSN_SHAPE(2, 3, 3, 2), {WINDOW(2, 2, 1, 0, 0)}, 2, 1e-6},
    {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 3, 7, 7)}, AVSN_SHAPE(2, 3, 4, 4), {WINDOW(3, 2, 1, 1, 1)}, 2, 1e-5},
    {AVSN_OP_POOL, 1, {AVSN_SHAPE(2, 3, 7, 7)}, AVSN_SHAPE(2, 3, 4, 4),
     {WINDOW(3, 2, 1, 1, 1), .pooling = AVSN_POOL_AVERAGE}, 1, 1e-5},
    {AVSN_OP_GLOBAL_POOL, 1, {AVSN_SHAPE(3, 5, 4, 3)}, AVSN_SHAPE(3, 5), {.pooling = AVSN_POOL_MAX}, 1, 1e-6},
    {AVSN_OP_GLOBAL_POOL, 1, {AVSN_SHAPE(3, 5, 4, 3)}, AVSN_SHAPE(3, 5), {.pooling = AVSN_POOL_AVERAGE}, 1, 1e-6},
    {AVSN_OP_DENSE, 3, {AVSN_SHAPE(5, 7), AVSN_SHAPE(3, 7), AVSN_SHAPE(3)}, AVSN_SHAPE(5, 3), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_CONCAT, 3, {AVSN_SHAPE(2, 3), AVSN_SHAPE(2, 1), AVSN_SHAPE(2, 4)}, AVSN_SHAPE(2, 8), {.epsilon = 0}, 1, 1e-6},
    {AVSN_OP_SLICE, 1, {AVSN_SHAPE(3, 5, 2)}, AVSN_SHAPE(3, 2, 2), {.begin = 2, .end = 4}, 1, 1e-6},
    {AVSN_OP_L2_NORMALIZE, 1, {AVSN_SHAPE(3, 7)}, AVSN_SHAPE(3, 7), {.epsilon = 1e-12f}, 1, 1e-5},
    {AVSN_OP_L2_NORMALIZE, 1, {AVSN_SHAPE(3, 7)}, AVSN_SHAPE(3, 7), {.epsilon = 100}, 1, 1e-5},
    {AVSN_OP_DISTANCE, 2, {AVSN_SHAPE(3, 7), AVSN_SHAPE(3, 7)}, AVSN_SHAPE(3, 1), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_INNER_MAP, 2, {AVSN_SHAPE(2, 5, 3, 4), AVSN_SHAPE(2, 5)}, AVSN_SHAPE(2, 1, 3, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_AFFINE, 3, {AVSN_SHAPE(2, 1, 3, 4), AVSN_SHAPE(1), AVSN_SHAPE(1)}, AVSN_SHAPE(2, 1, 3, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_SOFTMAX, 1, {AVSN_SHAPE(3, 5)}, AVSN_SHAPE(3, 5), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_PAIR_DISTANCE, 2, {AVSN_SHAPE(4, 7), AVSN_SHAPE(4, 7)}, AVSN_SHAPE(16, 1), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_PAIR_INNER_MAP, 2, {AVSN_SHAPE(3, 5, 3, 4), AVSN_SHAPE(3, 5)}, AVSN_SHAPE(9, 1, 3, 4), {.epsilon = 0}, 1, 1e-5},
    {AVSN_OP_PAIR_INNER_MAP, 2, {AVSN_SHAPE(5, 7), AVSN_SHAPE(5, 7)}, AVSN_SHAPE(25, 1), {.epsilon = 0}, 1, 1e-5},
};

/* ---- numbers ---- */

static int64_t elements(const avsn_shape *shape)
{
    int64_t count = 0;
    ck_assert(avsn_shape_count(shape, &count));
    return count;
}

static oracle_tensor draw(const avsn_shape *shape, uint64_t stream)
{
    oracle_tensor t = {*shape, malloc((size_t)elements(shape) * sizeof(double))};
    ck_assert_ptr_nonnull(t.data);
    for (int64_t i = 0; i < elements(shape); i++)
        t.data[i] = (double)(float)avsn_rng_normal(SEED, stream, (uint64_t)i);
    return t;
}

/* The part of `t` that is item `i`. */
static oracle_tensor item(const oracle_tensor *t, int64_t i)
{
    oracle_tensor part = *t;
    part.shape.dim[0] = 1;
    part.data += i * elements(&part.shape);
    return part;
}

/* ---- the op in double ---- */

static void batch_norm(const rule_case *c, const oracle_tensor *in, oracle_tensor *dst)
{
    const avsn_shape *s = &in[0].shape;
    const int64_t channels = s->dim[1], cells = elements(s) / (s->dim[0] * channels);
    oracle_tensor mean = draw(&AVSN_SHAPE(channels), 0), variance = draw(&AVSN_SHAPE(channels), 0);
    for (int64_t k = 0; k < channels; k++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < s->dim[0] * cells; i++)
            sum += in[0].data[(i / cells * channels + k) * cells + i % cells];
        mean.data[k] = sum / (double)(s->dim[0] * cells);
        for (int64_t i = 0; i < s->dim[0] * cells; i++)
            squares += pow(in[0].data[(i / cells * channels + k) * cells + i % cells] - mean.data[k], 2);
        variance.data[k] = squares / (double)(s->dim[0] * cells);
    }
    oracle_batch_norm((double)c->attributes.epsilon, &in[0], c->count > 2 ? &in[2] : NULL, &in[1], &mean, &variance, dst);
    if (c->attributes.relu)
        oracle_relu(dst, dst);
    free(mean.data);
    free(variance.data);
}

static void all_pairs(const rule_case *c, const oracle_tensor *in, oracle_tensor *dst)
{
    const int64_t items = in[0].shape.dim[0];
    for (int64_t i = 0; i < items * items; i++) {
        const oracle_tensor a = item(&in[0], i / items), b = item(&in[1], i % items);
        oracle_tensor out = item(dst, i);
        if (c->kind == AVSN_OP_PAIR_DISTANCE)
            oracle_distance(&a, &b, &out);
        else
            oracle_inner_map(&a, &b, &out);
    }
}

static void evaluate(const rule_case *c, const oracle_tensor *in, oracle_tensor *dst)
{
    const avsn_attributes *a = &c->attributes;
    const oracle_tensor *const list[3] = {&in[0], &in[1], &in[2]};
    double boundaries[64];
    switch (c->kind) {
    case AVSN_OP_CONV:
        oracle_conv(&a->window, &in[0], &in[1], c->count > 2 ? &in[2] : NULL, dst);
        break;
    case AVSN_OP_BATCH_NORM_TRAIN:
        batch_norm(c, in, dst);
        break;
    case AVSN_OP_ELTWISE:
        oracle_eltwise(a, &in[0], dst);
        break;
    case AVSN_OP_POOL:
    case AVSN_OP_POOL_TRAIN:
        oracle_pool(a->pooling, &a->window, &in[0], dst);
        break;
    case AVSN_OP_GLOBAL_POOL:
        oracle_global_pool(a->pooling, &in[0], dst);
        break;
    case AVSN_OP_DENSE:
        oracle_dense(&in[0], &in[1], &in[2], dst);
        break;
    case AVSN_OP_CONCAT:
        oracle_concat(list, c->count, dst);
        break;
    case AVSN_OP_SLICE:
        oracle_slice(a->begin, &in[0], dst);
        break;
    case AVSN_OP_L2_NORMALIZE:
        oracle_l2_normalize((double)a->epsilon, &in[0], dst);
        break;
    case AVSN_OP_DISTANCE:
        oracle_distance(&in[0], &in[1], dst);
        break;
    case AVSN_OP_INNER_MAP:
        oracle_inner_map(&in[0], &in[1], dst);
        break;
    case AVSN_OP_AFFINE:
        oracle_affine(&in[0], in[1].data[0], in[2].data[0], dst);
        break;
    case AVSN_OP_SOFTMAX:
        oracle_softmax(&in[0], dst);
        break;
    case AVSN_OP_FRACTIONAL_POOL:
        oracle_fractional_boundaries(in[0].shape.dim[2], dst->shape.dim[2], boundaries);
        oracle_fractional_pool(boundaries, &in[0], dst);
        break;
    case AVSN_OP_TILE:
        oracle_tile(&in[0], dst);
        break;
    case AVSN_OP_REPEAT:
        oracle_repeat(&in[0], dst);
        break;
    case AVSN_OP_SQUASH:
        oracle_squash(&in[0], dst);
        break;
    case AVSN_OP_LAGS:
        oracle_lags(a->steps, a->lags, &in[0], &in[1], dst);
        break;
    case AVSN_OP_DECONV:
        oracle_deconv(&a->window, &in[0], &in[1], dst);
        break;
    case AVSN_OP_BIAS:
        oracle_bias(&in[0], &in[1], dst);
        break;
    case AVSN_OP_PICTURE_MEAN:
        oracle_picture_mean(&in[0], dst);
        break;
    case AVSN_OP_STRETCH:
        oracle_stretch(&in[0], dst);
        break;
    case AVSN_OP_MASK:
        oracle_mask((double)a->decibels, a->rest, &in[0], &in[1], dst);
        break;
    case AVSN_OP_PAIR_DISTANCE:
    case AVSN_OP_PAIR_INNER_MAP:
        all_pairs(c, in, dst);
        break;
    default:
        ck_abort_msg("%s has no twin here", avsn_op_name(c->kind));
    }
}

static double weighted(const rule_case *c, const oracle_tensor *in, oracle_tensor *dst, const oracle_tensor *diff)
{
    double sum = 0;
    evaluate(c, in, dst);
    for (int64_t i = 0; i < elements(&dst->shape); i++)
        sum += diff->data[i] * dst->data[i];
    return sum;
}

/* ---- the rule in a plan ---- */

typedef struct bench {
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
} bench;

static const char *const operand_names[3] = {"in0", "in1", "in2"};
static const char *const gradient_names[3] = {"grad0", "grad1", "grad2"};

/* The op with inputs for operands, and its rule's nodes. */
static void append_case(avsn_graph *g, const rule_case *c)
{
    avsn_value in[3], diff_in[AVSN_MAX_INPUTS] = {{0}};
    bool wanted[AVSN_MAX_INPUTS] = {true, true, true};
    avsn_shape shapes[4] = {c->dst, c->operand[1], c->operand[1], AVSN_SHAPE(1)};
    if (c->kind == AVSN_OP_POOL_TRAIN)
        shapes[1] = AVSN_SHAPE(1);
    for (int32_t i = 0; i < c->count; i++)
        in[i] = avsn_input(g, operand_names[i], c->operand[i]);
    const avsn_value diff = avsn_input(g, "diff", c->dst);
    const avsn_value dst = avsn_graph_append_many(g, c->kind, "dst", &c->attributes, in, c->count, shapes,
                                                  AVSN_MAX(c->results, 1));
    const avsn_node node = *avsn_graph_node(g, avsn_value_producer(g, dst));
    const avsn_rule rule = avsn_rule_of(c->kind);
    ck_assert_ptr_nonnull(rule);
    rule(g, &node, diff, wanted, diff_in);
    for (int32_t i = 0; i < c->count; i++) {
        /* what passes unchanged has a name already: a copy of it can have another */
        if (diff_in[i].id == diff.id)
            diff_in[i] = avsn_slice(g, diff, 0, c->dst.dim[1]);
        avsn_name(g, gradient_names[i], diff_in[i]);
    }
    ck_avsound(avsn_graph_finish(g));
}

static const avsn_params no_params;

static bench bench_create(const rule_case *c, int32_t threads, int32_t compute)
{
    bench b = {0};
    avsn_graph *g;
    avsn_plan_options options = {.threads = threads, .compute = compute, .train = true, .wanted_count = c->count + 1,
                                 .wanted = {"dst"}};
    memcpy(options.wanted + 1, gradient_names, sizeof gradient_names);
    ck_avsound(avsound_context_create(NULL, &b.context));
    ck_avsound(avsn_graph_create(b.context, &g));
    append_case(g, c);
    ck_avsound(avsn_pack_cache_create(b.context, &b.cache));
    ck_avsound(avsn_plan_create(g, &no_params, b.cache, &options, &b.plan));
    return b;
}

static void bench_free(bench *b)
{
    avsn_plan_free(b->plan);
    avsn_pack_cache_free(b->cache);
    avsound_context_free(b->context);
}

static void feed(const bench *b, const char *name, const double *values)
{
    for (int32_t i = 0; i < avsn_plan_input_count(b->plan); i++)
        if (!strcmp(avsn_plan_input_name(b->plan, i), name))
            for (int64_t k = 0; k < elements(avsn_plan_input_shape(b->plan, i)); k++)
                avsn_plan_input_data(b->plan, i)[k] = (float)values[k];
}

static void run_case(const bench *b, const rule_case *c, const oracle_tensor *in, const oracle_tensor *diff, int32_t threads)
{
    for (int32_t i = 0; i < c->count; i++)
        feed(b, operand_names[i], in[i].data);
    feed(b, "diff", diff->data);
    ck_avsound(oracle_run(b->plan, threads, UINT64_MAX));
}

/* ---- comparing ---- */

/* Central differences of some of operand k's elements against the rule's. */
static double operand_error(const rule_case *c, oracle_tensor *in, oracle_tensor *dst, const oracle_tensor *diff, int32_t k,
                            const float *got)
{
    const int64_t count = elements(&in[k].shape), samples = AVSN_MIN(count, (int64_t)SAMPLES);
    const double step = 1e-5;
    double largest = 0, squares = 0;
    for (int64_t s = 0; s < samples; s++) {
        const int64_t i = count <= SAMPLES ? s : (int64_t)(avsn_rng_uniform(SEED, 77, (uint64_t)s) * (double)count);
        const double kept = in[k].data[i];
        in[k].data[i] = kept + step;
        const double above = weighted(c, in, dst, diff);
        in[k].data[i] = kept - step;
        const double below = weighted(c, in, dst, diff);
        in[k].data[i] = kept;
        const double want = (above - below) / (2 * step);
        largest = fmax(largest, fabs((double)got[i] - want));
        squares += want * want;
    }
    return squares > 0 ? largest / sqrt(squares / (double)samples) : largest;
}

static void check_case(const rule_case *c, int32_t index, int32_t threads)
{
    oracle_tensor in[3] = {{{0}, NULL}}, dst = draw(&c->dst, 10), diff = draw(&c->dst, 11);
    bench b = bench_create(c, threads, AVSOUND_DTYPE_F32);
    for (int32_t i = 0; i < c->count; i++)
        in[i] = draw(&c->operand[i], (uint64_t)i);
    run_case(&b, c, in, &diff, threads);
    evaluate(c, in, &dst);
    const oracle_error forward = oracle_compare(avsn_plan_output_data(b.plan, 0), dst.data, elements(&c->dst));
    ck_assert_msg(forward.largest < c->bound, "case %d, %s: forward error %.3g", index, avsn_op_name(c->kind), forward.largest);
    for (int32_t k = 0; k < c->count; k++) {
        const double error = operand_error(c, in, &dst, &diff, k, avsn_plan_output_data(b.plan, 1 + k));
        ck_assert_msg(error < c->bound, "case %d, %s, operand %d, %d threads: error %.3g, bound %.3g", index,
                      avsn_op_name(c->kind), k, threads, error, c->bound);
    }
    for (int32_t k = 0; k < c->count; k++)
        free(in[k].data);
    free(dst.data);
    free(diff.data);
    bench_free(&b);
}

START_TEST(every_rule_agrees_with_central_differences)
{
    for (int32_t i = 0; i < (int32_t)AVSN_ARRAY_COUNT(cases); i++)
        for (int32_t threads = 1; threads <= 2; threads++)
            check_case(&cases[i], i, threads);
}
END_TEST

/* The last three of a shape's axes behind N and C, missing ones 1. */
static void cells_of(const avsn_shape *shape, int64_t size[3])
{
    for (int32_t i = 0; i < 3; i++)
        size[2 - i] = i < shape->rank - 2 ? shape->dim[shape->rank - 1 - i] : 1;
}

/* The source's cell under tap k of the window at `at_out`, row-major; -1: none. */
static int64_t cell_under(const avsn_window *w, const int64_t size[3], const int64_t at_out[3], const int64_t k[3])
{
    int64_t cell = 0;
    for (int32_t i = 0; i < 3; i++) {
        const int32_t axis = i - (3 - w->spatial);
        const int64_t at = axis < 0 ? 0 : at_out[i] * w->stride[axis] - w->before[axis] + k[i];
        if (at < 0 || at >= size[i])
            return -1;
        cell = cell * size[i] + at;
    }
    return cell;
}

static void split(int64_t index, const int64_t size[3], int64_t at[3])
{
    for (int32_t i = 2; i >= 0; i--) {
        at[i] = index % size[i];
        index /= size[i];
    }
}

/* The gradient of weight (o, i, tap) by its definition. */
static double weight_gradient(const rule_case *c, const oracle_tensor *src, const oracle_tensor *diff, int64_t o, int64_t i,
                              int64_t tap)
{
    int64_t in[3], out[3], taps[3], k[3], at[3];
    double sum = 0;
    cells_of(&src->shape, in);
    cells_of(&diff->shape, out);
    cells_of(&c->operand[1], taps);
    split(tap, taps, k);
    const int64_t cells = out[0] * out[1] * out[2], size = in[0] * in[1] * in[2];
    for (int64_t n = 0; n < diff->shape.dim[0]; n++)
        for (int64_t cell = 0; cell < cells; cell++) {
            split(cell, out, at);
            const int64_t under = cell_under(&c->attributes.window, in, at, k);
            if (under >= 0)
                sum += src->data[(n * src->shape.dim[1] + i) * size + under] *
                       diff->data[(n * diff->shape.dim[1] + o) * cells + cell];
        }
    return sum;
}

static void check_weight_gradients(const rule_case *c, int32_t index, int32_t threads)
{
    oracle_tensor in[3] = {draw(&c->operand[0], 0), draw(&c->operand[1], 1)}, diff = draw(&c->dst, 2);
    const int64_t channels = in[0].shape.dim[1], all = elements(&in[1].shape), taps = all / channels / in[1].shape.dim[0];
    for (int64_t i = 0; i < elements(&in[0].shape); i++)
        in[0].data[i] = rint(fmod(in[0].data[i], 2) * 16) / 16;
    for (int64_t i = 0; i < elements(&diff.shape); i++)
        diff.data[i] = rint(fmod(diff.data[i], 2) * 16) / 16;
    bench b = bench_create(c, threads, AVSOUND_DTYPE_BF16);
    run_case(&b, c, in, &diff, threads);
    const float *got = avsn_plan_output_data(b.plan, 2);
    for (int64_t i = 0; i < all; i++) {
        const double want = weight_gradient(c, &in[0], &diff, i / taps / channels, i / taps % channels, i % taps);
        ck_assert_msg((double)got[i] == want, "convolution %d, %d threads: gradient %lld is %g, want %g", index, threads,
                      (long long)i, (double)got[i], want);
    }
    bench_free(&b);
    free(in[0].data);
    free(in[1].data);
    free(diff.data);
}

/* Multiples of 1/16 below 2 are exact in bf16, and sums of a few thousand of their products in f32. The shapes leave blocks,
 * groups of blocks, lines, panels and last steps of the tiles part-filled, have lines longer than a panel, and panels that
 * don't divide evenly; of few channels whole windows are columns, over every edge, with lines that no window reaches. */
START_TEST(weights_gradients_in_bf16_lose_nothing)
{
    static const rule_case convs[] = {
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(3, 128, 2, 3), AVSN_SHAPE(144, 128, 3, 3)}, AVSN_SHAPE(3, 144, 2, 3), {WINDOW(3, 1, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(3, 16, 5, 4), AVSN_SHAPE(32, 16, 3, 3)}, AVSN_SHAPE(3, 32, 5, 4),
         {WINDOW(3, 1, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(1, 144, 1, 5), AVSN_SHAPE(128, 144, 3, 3)}, AVSN_SHAPE(1, 128, 1, 5), {WINDOW(3, 1, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(3, 20, 15, 50), AVSN_SHAPE(37, 20, 3, 3)}, AVSN_SHAPE(3, 37, 15, 50),
         {WINDOW(3, 1, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(1, 32, 3, 1100), AVSN_SHAPE(16, 32, 3, 3)}, AVSN_SHAPE(1, 16, 3, 1100),
         {WINDOW(3, 1, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 3, 9, 8), AVSN_SHAPE(16, 3, 3, 3)}, AVSN_SHAPE(2, 16, 5, 4), {WINDOW(3, 2, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(3, 1, 53, 70), AVSN_SHAPE(40, 1, 3, 3)}, AVSN_SHAPE(3, 40, 27, 35), {WINDOW(3, 2, 1, 1, 1)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 3, 8, 9), AVSN_SHAPE(16, 3, 3, 3)}, AVSN_SHAPE(2, 16, 6, 7), {WINDOW(3, 1, 1, 0, 0)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 2, 1, 2), AVSN_SHAPE(16, 2, 3, 3)}, AVSN_SHAPE(2, 16, 3, 4), {WINDOW(3, 1, 1, 2, 2)}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 16, 3, 4, 5), AVSN_SHAPE(32, 16, 3, 3, 3)}, AVSN_SHAPE(2, 32, 3, 4, 5),
         {WINDOW_OF(3, .kernel = {3, 3, 3}, .stride = {1, 1, 1}, .before = {1, 1, 1}, .after = {1, 1, 1})}, 1, 0},
        {AVSN_OP_CONV, 2, {AVSN_SHAPE(2, 16, 41), AVSN_SHAPE(32, 16, 15)}, AVSN_SHAPE(2, 32, 11),
         {WINDOW_OF(1, .kernel = {15, 1, 1}, .stride = {4, 1, 1}, .before = {7}, .after = {7})}, 1, 0},
    };
    if (!oracle_has_bf16())
        return;
    for (int32_t n = 0; n < (int32_t)AVSN_ARRAY_COUNT(convs); n++)
        for (int32_t threads = 1; threads <= 2; threads++)
            check_weight_gradients(&convs[n], n, threads);
}
END_TEST

/* ---- coverage ---- */

static bool has_case(avsn_op_kind kind)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(cases); i++)
        if (cases[i].kind == kind)
            return true;
    return false;
}

START_TEST(every_op_of_a_model_file_has_a_rule_and_a_case)
{
    for (int32_t kind = AVSN_OP_CONV; kind < AVSN_OP_JOINED_CONV; kind++) {
        ck_assert_msg(avsn_has_gradient((avsn_op_kind)kind), "%s has no gradient rule", avsn_op_name((avsn_op_kind)kind));
        const avsn_op_kind trained = kind == AVSN_OP_BATCH_NORM ? AVSN_OP_BATCH_NORM_TRAIN : (avsn_op_kind)kind;
        ck_assert_msg(kind == AVSN_OP_ADD || has_case(trained), "%s has no case in this file",
                      avsn_op_name((avsn_op_kind)kind));
    }
    for (int32_t kind = 0; kind < AVSN_OP_COUNT; kind++)
        ck_assert_msg(!avsn_rule_of((avsn_op_kind)kind) || kind == AVSN_OP_ADD || has_case((avsn_op_kind)kind),
                      "the rule of %s has no case in this file", avsn_op_name((avsn_op_kind)kind));
    ck_assert(!avsn_has_gradient(AVSN_OP_INPUT));
    ck_assert(!avsn_has_gradient(AVSN_OP_RUNNING_STATISTICS));
}
END_TEST

START_TEST(a_sum_passes_its_gradient_to_both)
{
    avsound_context *context;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value a = avsn_input(g, "a", AVSN_SHAPE(2, 3)), b = avsn_input(g, "b", AVSN_SHAPE(2, 3));
    const avsn_node node = *avsn_graph_node(g, avsn_value_producer(g, avsn_add(g, a, b)));
    const avsn_value diff = avsn_input(g, "diff", AVSN_SHAPE(2, 3));
    avsn_value diff_in[AVSN_MAX_INPUTS] = {{0}};
    avsn_rule_of(AVSN_OP_ADD)(g, &node, diff, (bool[AVSN_MAX_INPUTS]){true, true}, diff_in);
    ck_assert_int_eq(diff_in[0].id, diff.id);
    ck_assert_int_eq(diff_in[1].id, diff.id);
    avsn_graph_free(g);
    avsound_context_free(context);
}
END_TEST

/* ---- edges ---- */

/* Maxima that tie: one cell of each window takes the whole gradient. 3 channels go oneDNN's way, and all layouts there are
 * in the networks' own tests. */
START_TEST(tied_maxima_pass_each_gradient_once)
{
    const rule_case c = {AVSN_OP_POOL_TRAIN, 1, {AVSN_SHAPE(2, 3, 6, 4)}, AVSN_SHAPE(2, 3, 3, 2), {WINDOW(2, 2, 1, 0, 0)}, 2, 0};
    bench b = bench_create(&c, 1, AVSOUND_DTYPE_F32);
    oracle_tensor in = draw(&c.operand[0], 0), diff = draw(&c.dst, 1);
    for (int64_t i = 0; i < elements(&in.shape); i++)
        in.data[i] = 1.5;
    run_case(&b, &c, &in, &diff, 1);
    const float *got = avsn_plan_output_data(b.plan, 1);
    for (int64_t w = 0; w < elements(&c.dst); w++) {
        const int64_t plane = w / 6, y = w % 6 / 2, x = w % 2;
        int32_t taken = 0;
        for (int32_t i = 0; i < 4; i++) {
            const float cell = got[plane * 24 + (2 * y + i / 2) * 4 + 2 * x + i % 2];
            taken += cell == (float)diff.data[w];
            ck_assert(cell == 0 || cell == (float)diff.data[w]);
        }
        ck_assert_int_eq(taken, 1);
    }
    free(in.data);
    free(diff.data);
    bench_free(&b);
}
END_TEST

static void check_distance_zero(avsn_op_kind kind, int64_t rows)
{
    const rule_case c = {kind, 2, {AVSN_SHAPE(2, 5), AVSN_SHAPE(2, 5)}, AVSN_SHAPE(rows, 1), {.epsilon = 0}, 1, 0};
    bench b = bench_create(&c, 1, AVSOUND_DTYPE_F32);
    oracle_tensor in[2] = {draw(&c.operand[0], 0), draw(&c.operand[1], 0)}, diff = draw(&c.dst, 1);
    for (int64_t i = 0; i < 5; i++) /* all rows alike: every distance is 0 */
        in[0].data[5 + i] = in[1].data[i] = in[1].data[5 + i] = in[0].data[i];
    run_case(&b, &c, in, &diff, 1);
    for (int32_t k = 1; k <= 2; k++)
        for (int64_t i = 0; i < 10; i++)
            ck_assert_msg(avsn_plan_output_data(b.plan, k)[i] == 0, "gradient %d of operand %d is %g", (int)i, k,
                          (double)avsn_plan_output_data(b.plan, k)[i]);
    free(in[0].data);
    free(in[1].data);
    free(diff.data);
    bench_free(&b);
}

START_TEST(distance_zero_has_no_gradient)
{
    check_distance_zero(AVSN_OP_DISTANCE, 2);
    check_distance_zero(AVSN_OP_PAIR_DISTANCE, 4);
}
END_TEST

/* Windows that training draws are an operand, without a gradient of its own. */
START_TEST(windows_of_a_fractional_pool_can_be_given)
{
    static const double boundaries[4] = {0, 1, 5, 7};
    const rule_case c = {AVSN_OP_FRACTIONAL_POOL, 2, {AVSN_SHAPE(2, 3, 7), AVSN_SHAPE(4)}, AVSN_SHAPE(2, 3, 3), {.epsilon = 0}, 1, 0};
    avsound_context *context;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    avsn_graph *g;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value in[2] = {avsn_input(g, "in0", c.operand[0]), avsn_input(g, "in1", c.operand[1])};
    const avsn_value given = avsn_input(g, "diff", c.dst);
    const avsn_value pooled = avsn_graph_append(g, c.kind, "dst", &c.attributes, in, 2, &c.dst);
    const avsn_node node = *avsn_graph_node(g, avsn_value_producer(g, pooled));
    avsn_value diff_in[AVSN_MAX_INPUTS] = {{0}};
    avsn_rule_of(c.kind)(g, &node, given, (bool[AVSN_MAX_INPUTS]){true}, diff_in);
    ck_assert_int_eq(diff_in[1].id, 0);
    avsn_output(g, "dst", pooled);
    avsn_output(g, "grad0", diff_in[0]);
    ck_avsound(avsn_pack_cache_create(context, &cache));
    ck_avsound(avsn_plan_create(g, &no_params, cache, &(avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true},
                                &plan));
    const bench b = {context, cache, plan};
    oracle_tensor src = draw(&c.operand[0], 0), diff = draw(&c.dst, 1), dst = draw(&c.dst, 2);
    feed(&b, "in0", src.data);
    feed(&b, "in1", boundaries);
    feed(&b, "diff", diff.data);
    ck_avsound(oracle_run(plan, 1, UINT64_MAX));
    oracle_fractional_pool(boundaries, &src, &dst);
    for (int64_t i = 0; i < elements(&c.dst); i++) {
        const int64_t row = i / 3, window = i % 3;
        ck_assert_float_eq(avsn_plan_output_data(plan, 0)[i], (float)dst.data[i]);
        for (int64_t t = (int64_t)boundaries[window]; t < (int64_t)boundaries[window + 1]; t++) {
            const bool largest = src.data[row * 7 + t] >= dst.data[i];
            ck_assert_float_eq(avsn_plan_output_data(plan, 1)[row * 7 + t], largest ? (float)diff.data[i] : 0);
        }
    }
    /* Not set, or nonsense: every window still has a step of the source. */
    const double wrong[3][4] = {{0, 0, 0, 0}, {7, 7, 7, 7}, {-1, 1e30, NAN, 2.5}};
    for (int w = 0; w < 3; w++) {
        feed(&b, "in1", wrong[w]);
        ck_avsound(oracle_run(plan, 1, UINT64_MAX));
        for (int64_t i = 0; i < elements(&c.dst); i++)
            ck_assert(isfinite(avsn_plan_output_data(plan, 0)[i]));
    }
    free(src.data);
    free(diff.data);
    free(dst.data);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    avsound_context_free(context);
}
END_TEST

/* Sums are over pieces of fixed size: whoever computes them. */
START_TEST(batch_norm_does_not_depend_on_threads)
{
    const rule_case c = {AVSN_OP_BATCH_NORM_TRAIN, 3, {AVSN_SHAPE(6, 9, 17, 5), AVSN_SHAPE(9), AVSN_SHAPE(9)},
                         AVSN_SHAPE(6, 9, 17, 5), {.epsilon = 1e-5f, .relu = true}, 3, 0};
    bench one = bench_create(&c, 1, AVSOUND_DTYPE_F32), two = bench_create(&c, 2, AVSOUND_DTYPE_F32);
    oracle_tensor in[3] = {draw(&c.operand[0], 0), draw(&c.operand[1], 1), draw(&c.operand[2], 2)}, diff = draw(&c.dst, 3);
    run_case(&one, &c, in, &diff, 1);
    run_case(&two, &c, in, &diff, 2);
    for (int32_t k = 0; k < 4; k++)
        ck_assert_mem_eq(avsn_plan_output_data(one.plan, k), avsn_plan_output_data(two.plan, k),
                         (size_t)elements(avsn_plan_output_shape(one.plan, k)) * sizeof(float));
    for (int32_t k = 0; k < 3; k++)
        free(in[k].data);
    free(diff.data);
    bench_free(&one);
    bench_free(&two);
}
END_TEST

/* A mean far from zero: the variance must not drown in its square. */
START_TEST(batch_norm_stands_large_means)
{
    const rule_case c = {AVSN_OP_BATCH_NORM_TRAIN, 3, {AVSN_SHAPE(8, 3, 9, 9), AVSN_SHAPE(3), AVSN_SHAPE(3)},
                         AVSN_SHAPE(8, 3, 9, 9), {.epsilon = 1e-5f}, 3, 0};
    bench b = bench_create(&c, 1, AVSOUND_DTYPE_F32);
    oracle_tensor in[3] = {draw(&c.operand[0], 0), draw(&c.operand[1], 1), draw(&c.operand[2], 2)}, diff = draw(&c.dst, 3);
    oracle_tensor dst = draw(&c.dst, 4);
    for (int64_t i = 0; i < elements(&c.dst); i++)
        in[0].data[i] = (double)(float)(1000 + in[0].data[i]);
    run_case(&b, &c, in, &diff, 1);
    evaluate(&c, in, &dst);
    /* The mean itself is off by up to half a unit of f32 at 1000, 3e-5, and every result with it. */
    ck_assert_double_lt(oracle_compare(avsn_plan_output_data(b.plan, 0), dst.data, elements(&c.dst)).largest, 1e-4);
    for (int32_t k = 0; k < 3; k++)
        free(in[k].data);
    free(diff.data);
    free(dst.data);
    bench_free(&b);
}
END_TEST

START_TEST(running_statistics_move_by_momentum)
{
    avsound_context *context;
    avsn_graph *g;
    avsn_params params = {0};
    avsn_pack_cache *cache;
    avsn_plan *plan;
    const avsn_shape c = AVSN_SHAPE(2);
    const avsn_attributes attributes = {.momentum = 0.25f, .values = 3};
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value in[4] = {avsn_input(g, "running mean", c), avsn_input(g, "running variance", c),
                              avsn_input(g, "mean", c), avsn_input(g, "variance", c)};
    avsn_output(g, "done", avsn_graph_append(g, AVSN_OP_RUNNING_STATISTICS, NULL, &attributes, in, 4, &AVSN_SHAPE(1)));
    ck_avsound(avsn_pack_cache_create(context, &cache));
    ck_avsound(avsn_plan_create(g, &params, cache, &(avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true},
                                &plan));
    const float values[4][2] = {{1, -2}, {3, 4}, {5, 6}, {8, 2}};
    for (int32_t i = 0; i < 4; i++)
        memcpy(avsn_plan_input_data(plan, i), values[i], sizeof values[i]);
    ck_avsound(oracle_run(plan, 1, UINT64_MAX));
    /* 3/4 of the old, 1/4 of the new; the variance unbiased: by 3 / 2: 8 becomes 12, 2 becomes 3. */
    ck_assert_float_eq(avsn_plan_input_data(plan, 0)[0], 2);
    ck_assert_float_eq(avsn_plan_input_data(plan, 0)[1], 0);
    ck_assert_float_eq(avsn_plan_input_data(plan, 1)[0], 5.25f);
    ck_assert_float_eq(avsn_plan_input_data(plan, 1)[1], 3.75f);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    avsound_context_free(context);
}
END_TEST

/* ---- losses ---- */

/* As their definitions say, with no care for overflow. */
static double softmax_loss(const double *x, const double *label, int64_t rows, int64_t columns)
{
    double loss = 0;
    for (int64_t n = 0; n < rows; n++) {
        double sum = 0;
        for (int64_t i = 0; i < columns; i++)
            sum += exp(x[n * columns + i]);
        loss -= log(exp(x[n * columns + (int64_t)label[n]]) / sum);
    }
    return loss / (double)rows;
}

static double sigmoid_loss(const double *x, const double *label, int64_t rows, int64_t columns)
{
    double loss = 0;
    (void)columns;
    for (int64_t n = 0; n < rows; n++) {
        const double p = 1 / (1 + exp(-x[n]));
        loss -= label[n] > 0 ? log(p) : log(1 - p);
    }
    return loss / (double)rows;
}

static const double SPREAD = 0.75;

/* Labels are no whole numbers. */
static double lag_loss(const double *x, const double *label, int64_t rows, int64_t columns)
{
    double loss = 0;
    for (int64_t n = 0; n < rows; n++) {
        double sum = 0, shares = 0, cross = 0;
        for (int64_t i = 0; i < columns; i++)
            sum += exp(x[n * columns + i]);
        for (int64_t i = 0; i < columns; i++) {
            const double apart = (double)(i - columns / 2) - label[n], share = exp(-apart * apart / (2 * SPREAD * SPREAD));
            shares += share;
            cross -= share * log(exp(x[n * columns + i]) / sum);
        }
        loss += cross / shares;
    }
    return loss / (double)rows;
}

enum { ITEMS = 4 };
static const double SHARE = 0.625;

static double pair_loss(const double *x, const double *label, int64_t rows, int64_t columns)
{
    double loss = 0, logit[ITEMS][ITEMS];
    (void)label;
    (void)rows;
    for (int i = 0; i < ITEMS * ITEMS; i++)
        logit[i / ITEMS][i % ITEMS] = columns == 1 ? x[i] : x[2 * i + 1] - x[2 * i];
    for (int i = 0; i < ITEMS; i++) {
        double row = 0, column = 0;
        for (int j = 0; j < ITEMS; j++) {
            row += exp(logit[i][j]);
            column += exp(logit[j][i]);
            const double p = 1 / (1 + exp(-logit[i][j]));
            loss -= SHARE * 0.5 * (i == j ? log(p) / ITEMS : log(1 - p) / (ITEMS * (ITEMS - 1)));
        }
        loss -= (log(exp(logit[i][i]) / row) + log(exp(logit[i][i]) / column)) / (2 * ITEMS);
    }
    return loss;
}

/* Of 2 * THINGS views; view i + THINGS is view i's partner. */
enum { THINGS = 3 };
static const double TEMPERATURE = 0.375;

static double view_loss(const double *x, const double *label, int64_t rows, int64_t columns)
{
    double loss = 0;
    (void)label;
    (void)rows;
    (void)columns;
    for (int i = 0; i < 2 * THINGS; i++) {
        const double *row = x + i * 2 * THINGS;
        double others = 0;
        for (int k = 0; k < 2 * THINGS; k++)
            others += k == i ? 0 : exp(row[k] / TEMPERATURE);
        const int partner = i < THINGS ? i + THINGS : i - THINGS;
        loss -= log(exp(row[partner] / TEMPERATURE) / others);
    }
    return loss / (2 * THINGS);
}

static void check_loss(avsn_op_kind kind, int64_t rows, int64_t columns, const avsn_attributes *attributes,
                       double (*reference)(const double *x, const double *label, int64_t rows, int64_t columns))
{
    avsound_context *context;
    avsn_graph *g;
    avsn_params params = {0};
    avsn_pack_cache *cache;
    avsn_plan *plan;
    const avsn_shape shape = AVSN_SHAPE(rows, columns), labels = AVSN_SHAPE(rows, 1);
    oracle_tensor x = draw(&shape, 5), label = draw(&labels, 6);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value in[2] = {avsn_input(g, "logits", shape), avsn_input(g, "label", labels)};
    const avsn_shape shapes[2] = {AVSN_SHAPE(1, 1), shape};
    const avsn_value loss =
        avsn_graph_append_many(g, kind, NULL, attributes, in, kind == AVSN_OP_PAIR_LOSS ? 1 : 2, shapes, 2);
    avsn_output(g, "loss", loss);
    avsn_output(g, "diff", (avsn_value){loss.id + 1});
    ck_avsound(avsn_pack_cache_create(context, &cache));
    ck_avsound(avsn_plan_create(g, &params, cache, &(avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true},
                                &plan));
    for (int64_t i = 0; i < elements(&shape); i++)
        avsn_plan_input_data(plan, 0)[i] = (float)(x.data[i] = (double)(float)(3 * x.data[i]));
    for (int64_t i = 0; i < rows; i++)
        label.data[i] = kind == AVSN_OP_LAG_LOSS ? (double)(float)(3 * label.data[i])
                        : columns > 2              ? (double)(i * 3 % columns)
                                                   : label.data[i] > 0;
    for (int64_t i = 0; i < rows; i++)
        avsn_plan_input_data(plan, 1)[i] = (float)label.data[i];
    ck_avsound(oracle_run(plan, 1, UINT64_MAX));
    ck_assert_double_eq_tol((double)avsn_plan_output_data(plan, 0)[0], reference(x.data, label.data, rows, columns), 1e-6);
    for (int64_t i = 0; i < elements(&shape); i++) {
        const double kept = x.data[i], step = 1e-5;
        x.data[i] = kept + step;
        const double above = reference(x.data, label.data, rows, columns);
        x.data[i] = kept - step;
        const double want = (above - reference(x.data, label.data, rows, columns)) / (2 * step);
        x.data[i] = kept;
        ck_assert_double_eq_tol((double)avsn_plan_output_data(plan, 1)[i], want, 1e-7);
    }
    free(x.data);
    free(label.data);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    avsound_context_free(context);
}

START_TEST(losses_agree_with_their_definitions)
{
    const avsn_attributes pairs = {.share = (float)SHARE};
    const avsn_attributes views = {.views = true, .temperature = (float)TEMPERATURE};
    const avsn_attributes lags = {.spread = (float)SPREAD};
    check_loss(AVSN_OP_SOFTMAX_LOSS, 5, 2, NULL, softmax_loss);
    check_loss(AVSN_OP_SOFTMAX_LOSS, 6, 7, NULL, softmax_loss);
    check_loss(AVSN_OP_SIGMOID_LOSS, 7, 1, NULL, sigmoid_loss);
    check_loss(AVSN_OP_LAG_LOSS, 5, 9, &lags, lag_loss);
    check_loss(AVSN_OP_PAIR_LOSS, ITEMS * ITEMS, 1, &pairs, pair_loss);
    check_loss(AVSN_OP_PAIR_LOSS, ITEMS * ITEMS, 2, &pairs, pair_loss);
    check_loss(AVSN_OP_PAIR_LOSS, 4 * THINGS * THINGS, 1, &views, view_loss);
}
END_TEST

SUITE("train.rules", every_rule_agrees_with_central_differences, weights_gradients_in_bf16_lose_nothing,
      every_op_of_a_model_file_has_a_rule_and_a_case,
      a_sum_passes_its_gradient_to_both, tied_maxima_pass_each_gradient_once,
      windows_of_a_fractional_pool_can_be_given, distance_zero_has_no_gradient,
      batch_norm_does_not_depend_on_threads, batch_norm_stands_large_means, running_statistics_move_by_momentum,
      losses_agree_with_their_definitions)
