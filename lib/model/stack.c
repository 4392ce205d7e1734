/* R. Arandjelovic and A. Zisserman, "Look, Listen and Learn", ICCV 2017, figure 2, and "Objects that Sound", ECCV 2018,
 * figure 2: the same stack for pictures and for spectrograms. */
#include "model/stack.h"

#include <math.h>

#define EPSILON 1e-5f

static avsn_value conv_bn_relu(avsn_graph *g, const char *conv, const char *bn, avsn_value x, int64_t out, int64_t stride)
{
    x = avsn_conv(g, conv, x, .out = out, .kernel = {3, 3}, .stride = {stride, stride}, .pad = {1, 1});
    x = avsn_relu(g, avsn_batch_norm(g, bn, x, .epsilon = EPSILON));
    return avsn_name(g, conv, x);
}

static avsn_value pool(avsn_graph *g, const char *name, avsn_value x)
{
    return avsn_name(g, name, avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}));
}

int64_t avsn_stack_channels(const avsn_build_config *config, int32_t stage)
{
    return AVSN_MAX((int64_t)1, (int64_t)lround(32.0 * (double)(1 << stage) * config->width));
}

avsn_value avsn_stack(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    x = conv_bn_relu(g, "conv1_1", "bn1_1", x, avsn_stack_channels(config, 1), config->conv1_stride);
    x = conv_bn_relu(g, "conv1_2", "bn1_2", x, avsn_stack_channels(config, 1), 1);
    x = pool(g, "pool1", x);
    x = conv_bn_relu(g, "conv2_1", "bn2_1", x, avsn_stack_channels(config, 2), 1);
    x = conv_bn_relu(g, "conv2_2", "bn2_2", x, avsn_stack_channels(config, 2), 1);
    x = pool(g, "pool2", x);
    x = conv_bn_relu(g, "conv3_1", "bn3_1", x, avsn_stack_channels(config, 3), 1);
    x = conv_bn_relu(g, "conv3_2", "bn3_2", x, avsn_stack_channels(config, 3), 1);
    x = pool(g, "pool3", x);
    x = conv_bn_relu(g, "conv4_1", "bn4_1", x, avsn_stack_channels(config, 4), 1);
    return conv_bn_relu(g, "conv4_2", "bn4_2", x, avsn_stack_channels(config, 4), 1);
}

avsn_value avsn_image_input(avsn_graph *g, const avsn_build_config *config)
{
    return avsn_input(g, "image", AVSN_SHAPE(config->batch, 3, config->image_height, config->image_width));
}

avsn_value avsn_spectrogram_input(avsn_graph *g, const avsn_build_config *config)
{
    return avsn_input(g, "spectrogram", AVSN_SHAPE(config->batch, 1, config->bins, config->columns));
}
