/* Masks over a spectrogram, and what a separator loses by: the distance of its two results from the two sources, as given or in
 * the nearer order. Each is level and phase, [2][cells]; absolute differences, phases not wrapped, or the error's energy. Sums are
 * in double. */
#include "base/decibels.h"
#include "op/families.h"

#include <math.h>
#include <string.h>

/* Of one item's four distances [result][source], levels and weighed phases in one; crossed ones where they are asked for. */
typedef struct distances {
    double of[2][2];
    double energy; /* of both sources together, where errors are measured */
} distances;

static double distance(const float *a, const float *b, int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += (double)fabsf(a[i] - b[i]);
    return sum;
}

static const float *source_of(const avsn_c_kernel *k, int64_t item, int source, int64_t cells)
{
    return (const float *)k->input[2] + (2 * item + source) * 2 * cells;
}

static const float *result_of(const avsn_c_kernel *k, int64_t item, int result, int64_t cells)
{
    return (const float *)k->input[result] + item * 2 * cells;
}

static bool is_asked_for(const avsn_c_kernel *k, int result, int source)
{
    return result == source || k->attributes.either > 0;
}

static distances measure(const avsn_c_kernel *k, int64_t item, int64_t cells)
{
    distances d = {0};
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 2; s++) {
            if (!is_asked_for(k, r, s))
                continue;
            const float *result = result_of(k, item, r, cells), *source = source_of(k, item, s, cells);
            d.of[r][s] = distance(result, source, cells) +
                         (double)k->attributes.phase * distance(result + cells, source + cells, cells);
        }
    return d;
}

/* diff = or += weight * sign(result - source): nothing where they are the same */
static void pull(const float *result, const float *source, int64_t count, float weight, bool first, float *diff)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const float apart = result[i] - source[i], sign = (float)(apart > 0) - (float)(apart < 0);
        diff[i] = (first ? 0 : diff[i]) + weight * sign;
    }
}

/* ---- or, where levels are decibels: how far the error lies below both sources ---- */

#define PI 3.14159265f

static float amplitude(const avsn_c_kernel *k, float level)
{
    return expf(AVSN_NEPERS_A_DECIBEL * k->attributes.decibels * level);
}

/* The energy of what separates a result from a source, both taken as complex numbers. */
static double error_energy(const avsn_c_kernel *k, const float *result, const float *source, int64_t cells)
{
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        const float a = amplitude(k, result[i]), b = amplitude(k, source[i]);
        sum += (double)(a * a + b * b - 2 * a * b * cosf(PI * (result[cells + i] - source[cells + i])));
    }
    return sum;
}

static double energy(const avsn_c_kernel *k, const float *source, int64_t cells)
{
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        const float b = amplitude(k, source[i]);
        sum += (double)(b * b);
    }
    return sum;
}

/* The logarithms to 10 of error over both sources' energy, no lower than that of `floor`. */
static distances measure_errors(const avsn_c_kernel *k, int64_t item, int64_t cells)
{
    distances d = {.energy = energy(k, source_of(k, item, 0, cells), cells) + energy(k, source_of(k, item, 1, cells), cells)};
    const double least = (double)k->attributes.floor * d.energy;
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 2; s++)
            if (is_asked_for(k, r, s))
                d.of[r][s] = log10((error_energy(k, result_of(k, item, r, cells), source_of(k, item, s, cells), cells) + least) *
                                   (double)k->attributes.floor / least);
    return d;
}

static void pull_errors(const avsn_c_kernel *k, const float *result, const float *source, int64_t cells, double weight, bool first,
                        float *diff)
{
    const float scale = (float)(2 * weight), grows = AVSN_NEPERS_A_DECIBEL * k->attributes.decibels;
    for (int64_t i = 0; i < cells; i++) {
        const float a = amplitude(k, result[i]), b = amplitude(k, source[i]);
        const float turn = PI * (result[cells + i] - source[cells + i]);
        diff[i] = (first ? 0 : diff[i]) + scale * grows * a * (a - b * cosf(turn));
        diff[cells + i] = (first ? 0 : diff[cells + i]) + scale * PI * a * b * sinf(turn);
    }
}

/* ---- the loss ---- */

/* In the order given with one weight, in the nearer one, crossed or not, with another. */
static void give_gradients(const avsn_c_kernel *k, int64_t item, int64_t cells, bool crossed, const distances *d, double share)
{
    const float weight[2] = {k->attributes.ordered + (crossed ? 0 : k->attributes.either), crossed ? k->attributes.either : 0};
    for (int r = 0; r < 2; r++)
        for (int other = 0; other <= (crossed ? 1 : 0); other++) {
            const int s = other ? 1 - r : r;
            const float *result = result_of(k, item, r, cells), *source = source_of(k, item, s, cells);
            float *diff = (float *)k->output[1 + r] + item * 2 * cells;
            if (k->attributes.floor > 0) {
                const double slope = 1 / (log(10) * d->energy * pow(10, d->of[r][s]));
                pull_errors(k, result, source, cells, share * (double)weight[other] * slope, !other, diff);
            } else {
                const float level = (float)share * weight[other];
                pull(result, source, cells, level, !other, diff);
                pull(result + cells, source + cells, cells, level * k->attributes.phase, !other, diff + cells);
            }
        }
}

/* The last bin, of which a separator says nothing, counts as right: the means are over it, too. */
static void separation_loss(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), columns = avsn_dim(k, 0, 2), bins = avsn_dim(k, 0, 3);
    const bool errors = k->attributes.floor > 0;
    const double share = 1 / (double)(errors ? items : items * columns * (bins + 1));
    double *losses = k->scratchpad, loss = 0;
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const distances d = errors ? measure_errors(k, n, columns * bins) : measure(k, n, columns * bins);
        const double ordered = d.of[0][0] + d.of[1][1];
        const double nearer = is_asked_for(k, 0, 1) ? fmin(ordered, d.of[0][1] + d.of[1][0]) : ordered;
        losses[n] = (double)k->attributes.ordered * ordered + (double)k->attributes.either * nearer;
        give_gradients(k, n, columns * bins, nearer < ordered, &d, share);
    }
    for (int64_t n = 0; n < items; n++)
        loss += losses[n];
    *(float *)k->output[0] = (float)(share * loss);
}

avsound_status avsn_make_separation_loss(const avsn_kernel_request *r, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(r, "c:separation_loss", separation_loss, 0, out));
    (*out)->scratchpad_bytes = (size_t)avsn_layout_shape(r->input[0])->dim[0] * sizeof(double);
    return AVSOUND_OK;
}

/* ---- masks ---- */

/* 20 log10(sigmoid(x)), which is 0 at most, as a level. */
static float let_through(const avsn_c_kernel *k, float logit)
{
    const float x = k->attributes.rest ? -logit : logit;
    return (x < 0 ? x - log1pf(expf(x)) : -log1pf(expf(-x))) * (AVSN_DECIBELS_A_NEPER / k->attributes.decibels);
}

static void mask(const avsn_c_kernel *k)
{
    const float *logits = k->input[0], *spectrogram = k->input[1];
    float *dst = k->output[0];
    const int64_t items = avsn_dim(k, 0, 0), cells = avsn_dim(k, 0, 2) * avsn_dim(k, 0, 3);
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const float *level = spectrogram + 2 * n * cells, *logit = logits + n * cells;
        float *out = dst + 2 * n * cells;
        for (int64_t i = 0; i < cells; i++)
            out[i] = level[i] + let_through(k, logit[i]);
        memcpy(out + cells, level + cells, (size_t)cells * sizeof *out);
    }
}

avsound_status avsn_make_mask(const avsn_kernel_request *r, avsn_kernel **out)
{
    return avsn_c_kernel_create(r, "c:mask", mask, 0, out);
}

static void mask_backward(const avsn_c_kernel *k)
{
    const float *logits = k->input[0], *diff_dst = k->input[1];
    float *diff = k->output[0];
    const int64_t items = avsn_dim(k, 0, 0), cells = avsn_dim(k, 0, 2) * avsn_dim(k, 0, 3);
    const float side = k->attributes.rest ? -1 : 1, scale = side * AVSN_DECIBELS_A_NEPER / k->attributes.decibels;
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++)
        for (int64_t i = 0; i < cells; i++)
            diff[n * cells + i] = diff_dst[2 * n * cells + i] * scale / (1 + expf(side * logits[n * cells + i]));
}

avsound_status avsn_make_mask_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return avsn_c_kernel_create(r, "c:mask_backward", mask_backward, 0, out);
}
