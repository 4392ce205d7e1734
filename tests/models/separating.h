/* Separators made by hand, whose results are known.
 *
 * The one that sees: the mean brightness b of the pictures, 0 for black and mid-grey and 1 for white, goes through the
 * alignment network's first layers (which copy channel 0), the merge at the u-net's third level and three decoders to the
 * heads. Their levels are tanh(3 b - 3) and tanh(-3 b), the phase is 0: where b is 1 the first head is 89 dB above the second,
 * where b is 0 as far below, at every time and frequency. When results are made to sum to the mixture, the louder one gets it.
 *
 * The one that sees nothing: levels are constants. */
#ifndef AVSN_TEST_SEPARATING_H
#define AVSN_TEST_SEPARATING_H

#include "suite.h"

#include "network/network.h"

static const char separating_config[] =
    "{\"width\":0.0625,\"audio_width\":0.0625,\"unet_width\":0.0625,\"image\":{\"width\":32,\"height\":32,\"short_side\":32}}";
static const char blind_separating_config[] = "{\"unet_width\":0.0625}";

/* A model made from a seed is not shared yet: its parameters can still be written. */
static inline float *separating_writable(const avsound_model *model, const char *name, int64_t *count)
{
    const avsn_named_tensor *item = avsn_params_find(&model->params, name);
    ck_assert_msg(item != NULL, "no %s", name);
    ck_assert(avsn_shape_count(&item->shape, count));
    return (float *)(uintptr_t)item->data;
}

static inline void separating_set(const avsound_model *model, const char *name, int64_t index, float value)
{
    int64_t count;
    float *data = separating_writable(model, name, &count);
    ck_assert_int_lt(index, count);
    data[index] = value;
}

/* Nothing passes but what batch norms leave as it is. */
static inline void separating_clear(const avsound_model *model)
{
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_named_tensor *item = &model->params.items[i];
        const bool variance = strstr(item->name, "running_var") != NULL;
        const bool scale = item->shape.rank == 1 && strstr(item->name, ".weight") != NULL;
        int64_t count;
        float *data = separating_writable(model, item->name, &count);
        for (int64_t k = 0; k < count; k++)
            data[k] = variance || scale ? 1 : 0;
    }
}

/* The tap `time` and both middle taps of frequency, from channel `in` to channel 0 of `out`: with stride 2, each cell of the
 * source to its two of the result. */
static inline void separating_copy_up(const avsound_model *model, const char *name, int64_t in, int64_t out, int time, float value)
{
    for (int f = 1; f <= 2; f++)
        separating_set(model, name, (in * out * 4 + time) * 4 + f, value);
}

static inline avsound_model *separating_model(avsound_context *context)
{
    avsound_model *model;
    ck_avsound(avsound_model_create(context, "separator", separating_config, 1, &model));
    separating_clear(model);
    for (int c = 0; c < 3; c++) /* (4,3,5,7,7), the tap at every second frame, row and column */
        separating_set(model, "im.conv1.weight", ((c * 5 + 2) * 7 + 2) * 7 + 2, 1.0f / 3);
    /* deconv6's 16 channels and conv3's 16 stand before the pictures' 4 */
    separating_copy_up(model, "gen.deconv7.weight", 32, 8, 1, 1);
    separating_copy_up(model, "gen.deconv7.weight", 32, 8, 2, 1);
    separating_copy_up(model, "gen.deconv8.weight", 0, 4, 1, 1);
    separating_copy_up(model, "gen.fg.weight", 0, 2, 1, 3);
    separating_copy_up(model, "gen.bg.weight", 0, 2, 1, -3);
    separating_set(model, "gen.fg.bias", 0, -3);
    return model;
}

/* first and second: what the tanh of is each head's level, -100 to 80 dB for -1 to 1. */
static inline avsound_model *blind_separating_model(avsound_context *context, float first, float second)
{
    avsound_model *model;
    ck_avsound(avsound_model_create(context, "separator-pit", blind_separating_config, 1, &model));
    separating_clear(model);
    separating_set(model, "gen.fg.bias", 0, first);
    separating_set(model, "gen.bg.bias", 0, second);
    return model;
}

#endif
