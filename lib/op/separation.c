/* What a separator loses by: the distance of its two results from the two sources, as given or in the nearer order. Each is level
 * and phase, [2][cells]; absolute differences, phases not wrapped. Sums are in double. */
#include "op/families.h"

#include <math.h>
#include <string.h>

/* Of one item's four distances [result][source], levels and weighed phases in one. */
typedef struct distances {
    double of[2][2];
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

static distances measure(const avsn_c_kernel *k, int64_t item, int64_t cells)
{
    distances d;
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 2; s++) {
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

/* In the order given with one weight, in the nearer one, crossed or not, with another. */
static void give_gradients(const avsn_c_kernel *k, int64_t item, int64_t cells, bool crossed, double share)
{
    const float weight[2] = {k->attributes.ordered + (crossed ? 0 : k->attributes.either), crossed ? k->attributes.either : 0};
    for (int r = 0; r < 2; r++)
        for (int other = 0; other <= (crossed ? 1 : 0); other++) {
            const float *result = result_of(k, item, r, cells), *source = source_of(k, item, other ? 1 - r : r, cells);
            float *diff = (float *)k->output[1 + r] + item * 2 * cells;
            const float level = (float)share * weight[other];
            pull(result, source, cells, level, !other, diff);
            pull(result + cells, source + cells, cells, level * k->attributes.phase, !other, diff + cells);
        }
}

/* The last bin, of which a separator says nothing, counts as right: the means are over it, too. */
static void separation_loss(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), columns = avsn_dim(k, 0, 2), bins = avsn_dim(k, 0, 3);
    const double share = 1 / (double)(items * columns * (bins + 1));
    double *losses = k->scratchpad, loss = 0;
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const distances d = measure(k, n, columns * bins);
        const double ordered = d.of[0][0] + d.of[1][1], crossed = d.of[0][1] + d.of[1][0];
        losses[n] = (double)k->attributes.ordered * ordered + (double)k->attributes.either * fmin(ordered, crossed);
        give_gradients(k, n, columns * bins, crossed < ordered, share);
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
