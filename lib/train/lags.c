#include "train/lags.h"

#include "model/syncnet.h"

#include <math.h>

avsn_value avsn_lag_loss(avsn_graph *graph, avsn_value logits)
{
    if (avsn_graph_stuck(graph, &logits, 1))
        return AVSN_POISON;
    const avsn_shape shape = *avsn_value_shape(graph, logits);
    if (shape.rank != 2 || shape.dim[1] % 2 == 0 || shape.dim[1] < 3)
        return avsn_graph_fail(graph, AVSOUND_E_SHAPE, "loss", "logits have %lld columns, want those of lags -L...L",
                               (long long)shape.dim[1]);
    const avsn_attributes attributes = {.spread = AVSN_LAG_SPREAD};
    const avsn_value inputs[2] = {logits, avsn_input(graph, "label", AVSN_SHAPE(shape.dim[0], 1))};
    const avsn_shape shapes[2] = {AVSN_SHAPE(1, 1), shape};
    const avsn_value loss = avsn_graph_append_many(graph, AVSN_OP_LAG_LOSS, "loss", &attributes, inputs, 2, shapes, 2);
    avsn_output(graph, "loss", loss);
    return loss;
}

avsound_status avsn_lag_samples(const avsn_audio_frontend *audio, int32_t *samples)
{
    const int64_t hops = AVSN_SYNC_COLUMNS / AVSN_SYNC_STEPS, at_rate = hops * audio->hop * AVSN_SAMPLE_RATE;
    if (at_rate % audio->sample_rate || at_rate / audio->sample_rate * AVSN_SYNC_STEPS != AVSN_FRAME_SAMPLES)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %d columns of %d samples at %d Hz, want them to last a frame of %d Hz",
                  AVSN_SYNC_COLUMNS, audio->hop, audio->sample_rate, AVSN_FRAME_RATE);
    *samples = (int32_t)(at_rate / audio->sample_rate);
    return AVSOUND_OK;
}

double avsn_lag_accuracy(const float *logits, int64_t row, const float *label, int32_t items, float *errors)
{
    int32_t right = 0;
    for (int32_t n = 0; n < items; n++) {
        const float *logit = logits + n * row;
        int64_t best = 0;
        for (int64_t m = 1; m < row; m++)
            best = logit[m] > logit[best] ? m : best;
        const float error = fabsf((float)(best - row / 2) - label[n]);
        right += error <= AVSN_SYNC_STEPS;
        if (errors)
            errors[n] = error;
    }
    return (double)right / items;
}
