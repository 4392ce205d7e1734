/* R. Arandjelovic and A. Zisserman, "Look, Listen and Learn", ICCV 2017, figure 2, and "Objects that Sound", ECCV 2018,
 * figure 2: the same stack for pictures and for spectrograms. */
#include "model/stack.h"

#include <math.h>
#include <stdio.h>

#define EPSILON 1e-5f

/* Layers conv1_1 and bn1_1 of stage 1, say. Axes that x does not have are left alone. */
static avsn_value conv_bn_relu(avsn_graph *g, int32_t stage, int32_t place, avsn_value x, int64_t out, int64_t stride)
{
    const bool frames = avsn_value_shape(g, x)->rank == 5;
    char conv[16], bn[16];
    snprintf(conv, sizeof conv, "conv%d_%d", stage, place);
    snprintf(bn, sizeof bn, "bn%d_%d", stage, place);
    if (frames)
        x = avsn_conv(g, conv, x, .out = out, .kernel = {3, 3, 3}, .stride = {stride, stride, stride}, .pad = {1, 1, 1});
    else
        x = avsn_conv(g, conv, x, .out = out, .kernel = {3, 3}, .stride = {stride, stride}, .pad = {1, 1});
    x = avsn_relu(g, avsn_batch_norm(g, bn, x, .epsilon = EPSILON));
    return avsn_name(g, conv, x);
}

static avsn_value pool(avsn_graph *g, int32_t stage, avsn_value x)
{
    const avsn_shape shape = *avsn_value_shape(g, x);
    char name[16];
    snprintf(name, sizeof name, "pool%d", stage);
    if (shape.rank == 5)
        x = avsn_max_pool(g, x, .kernel = {2, 2, 2}, .stride = {2, 2, 2}, .after = {shape.dim[2] % 2});
    else
        x = avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2});
    return avsn_name(g, name, x);
}

int64_t avsn_stack_channels(const avsn_build_config *config, int32_t stage)
{
    return AVSN_MAX((int64_t)1, (int64_t)lround(32.0 * (double)(1 << stage) * config->width));
}

avsn_value avsn_stages(avsn_graph *g, avsn_value x, const avsn_build_config *config, int32_t first, int32_t last)
{
    for (int32_t stage = first; stage <= last; stage++) {
        x = conv_bn_relu(g, stage, 1, x, avsn_stack_channels(config, stage), stage == 1 ? config->conv1_stride : 1);
        x = conv_bn_relu(g, stage, 2, x, avsn_stack_channels(config, stage), 1);
        x = stage < 4 ? pool(g, stage, x) : x;
    }
    return x;
}

avsn_value avsn_stack(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    return avsn_stages(g, x, config, 1, 4);
}

avsn_value avsn_image_input(avsn_graph *g, const avsn_build_config *config)
{
    return avsn_input(g, "image", AVSN_SHAPE(config->batch, 3, config->image_height, config->image_width));
}

avsn_value avsn_spectrogram_input(avsn_graph *g, const avsn_build_config *config)
{
    return avsn_input(g, "spectrogram", AVSN_SHAPE(config->batch, 1, config->bins, config->columns));
}
