/* An AVOL-Net made by hand, whose map is known: whatever it hears, a cell of the map is near 1 where the picture under it is
 * bright and near 0 where it is black.
 *
 * Every convolution copies channel 0's centre, so channel 0 of a cell is the largest brightness of its 16x16 pixels (at even
 * coordinates, as conv1_1 strides by 2); the sound's vector is constant; conv7 turns brightness 0 into -6 and 1 into +6. */
#ifndef AVSN_TEST_BRIGHTNESS_H
#define AVSN_TEST_BRIGHTNESS_H

#include "suite.h"

#include "weights/safetensors.h"

static inline int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

static inline void brightness_values(const char *name, const avsound_tensor *shape, float *values, size_t count)
{
    memset(values, 0, count * sizeof *values);
    if (ends_with(name, "running_var") || strstr(name, ".bn")) {
        const float one = ends_with(name, ".weight") || ends_with(name, "running_var") ? 1 : 0;
        for (size_t i = 0; i < count; i++)
            values[i] = one;
    } else if (!strncmp(name, "vision.conv1_1.weight", 21)) {
        for (int c = 0; c < 3; c++)
            values[c * 9 + 4] = 1.0f / 3;
    } else if (shape->rank == 4 && !strncmp(name, "vision.", 7)) {
        values[shape->shape[2] == 3 ? 4 : 0] = 1;
    } else if (!strcmp(name, "audio.fc2.bias")) {
        values[0] = 1;
    } else if (!strcmp(name, "conv7.weight")) {
        values[0] = 12;
    } else if (!strcmp(name, "conv7.bias")) {
        values[0] = -6;
    }
}

/* Writes the model file. */
static inline void brightness_model(avsound_context *context, const char *path)
{
    const char *config = "{\"width\": 0.0625, \"image\": {\"mean\": [0, 0, 0], \"std\": [1, 1, 1]}}";
    avsound_model *shapes;
    ck_avsound(avsound_model_create(context, "avol-net", config, 1, &shapes));
    const int32_t count = avsound_model_parameter_count(shapes);
    avsn_file_tensor *tensors = calloc((size_t)count, sizeof *tensors);
    for (int32_t i = 0; i < count; i++) {
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_model_get_parameter(shapes, i, &tensors[i].name, &view));
        size_t elements = 1;
        tensors[i].shape.rank = view.rank;
        for (int32_t d = 0; d < view.rank; d++)
            elements *= (size_t)(tensors[i].shape.dim[d] = view.shape[d]);
        float *values = malloc(elements * sizeof *values);
        brightness_values(tensors[i].name, &view, values, elements);
        tensors[i].dtype = AVSOUND_DTYPE_F32;
        tensors[i].data = values;
        tensors[i].bytes = elements * sizeof *values;
    }
    const char *keys[] = {"avsound.arch", "avsound.config", "avsound.training", "source"};
    const char *values[] = {"avol-net", avsound_model_config(shapes), "trained", "made by hand"};
    ck_avsound(avsn_safetensors_write(context, path, tensors, (size_t)count, keys, values, 4));
    for (int32_t i = 0; i < count; i++)
        free((void *)tensors[i].data);
    free(tensors);
    avsound_model_free(shapes);
}

#endif
