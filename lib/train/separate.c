#include "train/separate.h"

#include "base/decibels.h"

#include <avsound/train.h>

#include <math.h>

float avsn_separation_errors(const avsound_model *model)
{
    return model->arch->masks ? avsn_separation_decibels(&model->config.separation) : 0;
}

void avsn_separation_outputs(bool blind, const char *names[2])
{
    names[0] = blind ? "first" : "on";
    names[1] = blind ? "second" : "off";
}

avsn_value avsn_separation_loss(avsn_graph *graph, const avsn_value results[2], int32_t loss, float decibels)
{
    if (avsn_graph_stuck(graph, results, 2))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, results[0]);
    avsn_shape sources = shape;
    sources.dim[1] *= 2;
    const avsn_attributes attributes = {.ordered = loss == AVSOUND_SEPARATION_EITHER ? 0 : 1,
                                        .either = loss == AVSOUND_SEPARATION_ORDERED ? 0 : 1,
                                        .phase = AVSN_PHASE_WEIGHT,
                                        .floor = decibels > 0 ? AVSN_MASK_FLOOR : 0,
                                        .decibels = decibels};
    const avsn_value inputs[3] = {results[0], results[1], avsn_input(graph, "sources", sources)};
    const avsn_shape shapes[3] = {AVSN_SHAPE(1, 1), shape, shape};
    const avsn_value value =
        avsn_graph_append_many(graph, AVSN_OP_SEPARATION_LOSS, "loss", &attributes, inputs, 3, shapes, 3);
    avsn_output(graph, "loss", value);
    return value;
}

static double distance(const float *a, const float *b, int64_t count, float decibels)
{
    const float power = 0.5f * AVSN_NEPERS_A_DECIBEL * decibels;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)(power > 0 ? fabsf(expf(power * a[i]) - expf(power * b[i])) : fabsf(a[i] - b[i]));
    return sum;
}

double avsn_separation_gain(const float *const results[2], const float *sources, const float *mixture, int32_t items,
                            int64_t cells, bool either, float decibels)
{
    double left = 0, whole = 0;
    for (int64_t n = 0; n < items; n++) {
        const float *first = results[0] + 2 * n * cells, *second = results[1] + 2 * n * cells, *both = mixture + 2 * n * cells;
        const float *one = sources + 4 * n * cells, *other = one + 2 * cells;
        const double ordered = distance(first, one, cells, decibels) + distance(second, other, cells, decibels);
        const double crossed = either ? distance(first, other, cells, decibels) + distance(second, one, cells, decibels) : ordered;
        left += fmin(ordered, crossed);
        whole += distance(both, one, cells, decibels) + distance(both, other, cells, decibels);
    }
    return whole > 0 ? 1 - left / whole : 0;
}
