/* Every item of a batch with every other: what contrastive training compares and loses. Row i * N + j of a result is the first
 * operand's item i with the second's item j. Sums are in double where a batch goes in. */
#include "op/families.h"

#include <math.h>
#include <string.h>

static void pair_distance(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    float *dst = k->output[0];
#pragma omp parallel for
    for (int64_t i = 0; i < items; i++)
        for (int64_t j = 0; j < items; j++) {
            const float *a = (const float *)k->input[0] + i * c, *b = (const float *)k->input[1] + j * c;
            double squares = 0;
#pragma omp simd reduction(+ : squares)
            for (int64_t x = 0; x < c; x++) {
                const double d = (double)a[x] - (double)b[x];
                squares += d * d;
            }
            dst[i * items + j] = (float)sqrt(squares);
        }
}

/* One side's gradient: the mean pull of all partners. `step` leads from a row's pair to the next, `own` to the next row. */
static void pull(const float *self, const float *others, const float *dst, const float *diff_dst, int64_t items, int64_t c,
                 int64_t own, int64_t step, float *diff)
{
#pragma omp parallel for
    for (int64_t i = 0; i < items; i++) {
        float *out = diff + i * c;
        memset(out, 0, (size_t)c * sizeof *out);
        for (int64_t j = 0; j < items; j++) {
            const int64_t pair = i * own + j * step;
            /* As for single pairs, no gradient at distance 0. */
            const float scale = dst[pair] > 1e-6f ? diff_dst[pair] / dst[pair] : 0;
#pragma omp simd
            for (int64_t x = 0; x < c; x++)
                out[x] += scale * (self[i * c + x] - others[j * c + x]);
        }
    }
}

static void pair_distance_backward(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    pull(k->input[0], k->input[1], k->input[2], k->input[3], items, c, items, 1, k->output[0]);
    pull(k->input[1], k->input[0], k->input[2], k->input[3], items, c, 1, items, k->output[1]);
}

static int64_t cells_of(const avsn_c_kernel *k)
{
    return avsn_elements(k->base.input[0]) / (avsn_dim(k, 0, 0) * avsn_dim(k, 0, 1));
}

static void pair_inner_map(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1), cells = cells_of(k);
#pragma omp parallel for
    for (int64_t i = 0; i < items; i++)
        for (int64_t j = 0; j < items; j++) {
            const float *src = (const float *)k->input[0] + i * c * cells, *vector = (const float *)k->input[1] + j * c;
            float *map = (float *)k->output[0] + (i * items + j) * cells;
            memset(map, 0, (size_t)cells * sizeof *map);
            for (int64_t x = 0; x < c; x++)
#pragma omp simd
                for (int64_t s = 0; s < cells; s++)
                    map[s] += vector[x] * src[x * cells + s];
        }
}

/* Behind a maximum over cells nearly all of diff dst is zero. */
static void pair_inner_map_backward(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1), cells = cells_of(k);
    const float *src = k->input[0], *vectors = k->input[1], *diff_dst = k->input[2];
    float *diff_src = k->output[0], *diff_vectors = k->output[1];
    double *sums = k->scratchpad;
    memset(diff_src, 0, (size_t)(items * c * cells) * sizeof *diff_src);
    memset(sums, 0, (size_t)(items * c) * sizeof *sums);
#pragma omp parallel for
    for (int64_t i = 0; i < items; i++)
        for (int64_t j = 0; j < items; j++)
            for (int64_t s = 0; s < cells; s++) {
                const float diff = diff_dst[(i * items + j) * cells + s];
                for (int64_t x = 0; x < c && diff != 0; x++)
                    diff_src[(i * c + x) * cells + s] += diff * vectors[j * c + x];
            }
#pragma omp parallel for
    for (int64_t j = 0; j < items; j++) {
        for (int64_t i = 0; i < items; i++)
            for (int64_t s = 0; s < cells; s++) {
                const float diff = diff_dst[(i * items + j) * cells + s];
                for (int64_t x = 0; x < c && diff != 0; x++)
                    sums[j * c + x] += (double)diff * (double)src[(i * c + x) * cells + s];
            }
        for (int64_t x = 0; x < c; x++)
            diff_vectors[j * c + x] = (float)sums[j * c + x];
    }
}

/* ---- the loss ---- */

/* log(1 + exp(x)), which never overflows. */
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double logistic(double x)
{
    const double tail = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + tail) : tail / (1 + tail);
}

/* Cross-entropy of the logits `step` apart against the `wanted`-th; adds its gradient, times `weight`, to diff. */
static double cross_entropy(const double *logit, double *diff, int64_t items, int64_t step, int64_t wanted, double weight)
{
    double top = logit[0], sum = 0;
    for (int64_t i = 1; i < items; i++)
        top = fmax(top, logit[i * step]);
    for (int64_t i = 0; i < items; i++)
        sum += exp(logit[i * step] - top);
    for (int64_t i = 0; i < items; i++)
        diff[i * step] += weight * (exp(logit[i * step] - top) / sum - (i == wanted));
    return top + log(sum) - logit[wanted * step];
}

static double contrastive(const double *logit, double *diff, int64_t items)
{
    const double weight = 0.5 / (double)items;
    double loss = 0;
    for (int64_t i = 0; i < items; i++) {
        loss += weight * cross_entropy(logit + i * items, diff + i * items, items, 1, i, weight);
        loss += weight * cross_entropy(logit + i, diff + i, items, items, i, weight);
    }
    return loss;
}

/* Do picture and sound correspond? Those that do count half, all others together the other half. */
static double correspondence(const double *logit, double *diff, int64_t items, double share)
{
    const double same = share * 0.5 / (double)items;
    const double other = items > 1 ? share * 0.5 / ((double)items * (double)(items - 1)) : 0;
    double loss = 0;
    for (int64_t i = 0; i < items * items; i++) {
        const bool match = i / items == i % items;
        loss += match ? same * softplus(-logit[i]) : other * softplus(logit[i]);
        diff[i] += match ? -same * logistic(-logit[i]) : other * logistic(logit[i]);
    }
    return loss;
}

/* NT-Xent (Chen et al. 2020, equation 1), the mean over all views: item i is told from all others but itself, which stands no
 * chance, as item i + N/2, counted around. */
static double between_views(double *logit, double *diff, int64_t items, double temperature)
{
    const double weight = 1 / (double)items;
    double loss = 0;
    for (int64_t i = 0; i < items * items; i++)
        logit[i] = i / items == i % items ? -(double)INFINITY : logit[i] / temperature;
    for (int64_t i = 0; i < items; i++)
        loss += weight * cross_entropy(logit + i * items, diff + i * items, items, 1, (i + items / 2) % items, weight);
    for (int64_t i = 0; i < items * items; i++)
        diff[i] /= temperature;
    return loss;
}

static double loss_of(const avsn_attributes *a, double *logit, double *diff, int64_t items)
{
    if (a->views)
        return between_views(logit, diff, items, (double)a->temperature);
    const double loss = contrastive(logit, diff, items);
    return loss + correspondence(logit, diff, items, (double)a->share);
}

static void pair_loss(const avsn_c_kernel *k)
{
    const int64_t pairs = avsn_dim(k, 0, 0), columns = avsn_dim(k, 0, 1);
    const int64_t items = (int64_t)lround(sqrt((double)pairs));
    const float *src = k->input[0];
    double *logit = k->scratchpad, *diff = logit + pairs;
    float *diff_src = k->output[1];
    memset(diff, 0, (size_t)pairs * sizeof *diff);
    for (int64_t i = 0; i < pairs; i++)
        logit[i] = columns == 1 ? (double)src[i] : (double)src[2 * i + 1] - (double)src[2 * i];
    *(float *)k->output[0] = (float)loss_of(&k->attributes, logit, diff, items);
    for (int64_t i = 0; i < pairs; i++) {
        diff_src[i * columns + columns - 1] = (float)diff[i];
        if (columns == 2)
            diff_src[i * 2] = -(float)diff[i];
    }
}

static avsound_status make_with_doubles(const avsn_kernel_request *r, const char *impl,
                                        void (*compute)(const avsn_c_kernel *kernel), int64_t doubles, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(r, impl, compute, 0, out));
    (*out)->scratchpad_bytes = (size_t)doubles * sizeof(double);
    return AVSOUND_OK;
}

avsound_status avsn_make_pairs(const avsn_kernel_request *r, avsn_kernel **out)
{
    switch (r->kind) {
    case AVSN_OP_PAIR_DISTANCE:
        return avsn_c_kernel_create(r, "c:pair_distance", pair_distance, 0, out);
    case AVSN_OP_PAIR_DISTANCE_BACKWARD:
        return avsn_c_kernel_create(r, "c:pair_distance_backward", pair_distance_backward, 0, out);
    case AVSN_OP_PAIR_INNER_MAP:
        return avsn_c_kernel_create(r, "c:pair_inner_map", pair_inner_map, 0, out);
    case AVSN_OP_PAIR_INNER_MAP_BACKWARD:
        return make_with_doubles(r, "c:pair_inner_map_backward", pair_inner_map_backward, avsn_elements(r->input[1]), out);
    default:
        return make_with_doubles(r, "c:pair_loss", pair_loss, 2 * avsn_layout_shape(r->input[0])->dim[0], out);
    }
}
