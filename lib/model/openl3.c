/* OpenL3: the two halves of the Look, Listen and Learn network whose trained weights are published, each a network of its own.
 *
 * J. Cramer, H.-H. Wu, J. Salamon, J. P. Bello, "Look, Listen and Learn More: Design Choices for Deep Audio Embeddings",
 * ICASSP 2019; layers as in its Keras program, of which some are not the paper's. */
#include "model/stack.h"

#define EPSILON 1e-3f /* Keras's default */

/* A bias stays where no batch norm follows at once that could take it in. */
static avsn_value conv(avsn_graph *g, const char *name, avsn_value x, int64_t out, int32_t bias)
{
    return avsn_conv(g, name, x, .out = out, .kernel = {3, 3}, .pad = {1, 1}, .bias = bias);
}

static avsn_value conv_bn_relu(avsn_graph *g, const char *name, const char *bn, avsn_value x, int64_t out)
{
    x = avsn_relu(g, avsn_batch_norm(g, bn, conv(g, name, x, out, 0), .epsilon = EPSILON));
    return avsn_name(g, name, x);
}

/* So is the picture's first block: the order is the other way round. */
static avsn_value conv_relu_bn(avsn_graph *g, const char *name, const char *bn, avsn_value x, int64_t out)
{
    x = avsn_batch_norm(g, bn, avsn_relu(g, conv(g, name, x, out, 1)), .epsilon = EPSILON);
    return avsn_name(g, name, x);
}

/* Of sounds an odd last row or column is dropped, of pictures it makes a window of its own. */
static avsn_value halve(avsn_graph *g, const char *name, avsn_value x, bool picture)
{
    return avsn_name(g, name, avsn_max_pool(g, x, .kernel = {2, 2}, .stride = {2, 2}, .same = picture));
}

/* (N,3,224,224) -> (N,512 w,4,4) with pools of 7 x 7, (N,1,256,199) -> (N,512 w,4,3) with pools of 8 x 8 */
static avsn_value tower(avsn_graph *g, avsn_value x, const avsn_build_config *config, bool picture)
{
    const int64_t pool[2] = {config->pool_rows, config->pool_columns};
    int64_t channels[5];
    for (int32_t stage = 1; stage <= 4; stage++)
        channels[stage] = avsn_stack_channels(config, stage);

    x = avsn_batch_norm(g, "bn0", x, .epsilon = EPSILON);
    x = conv_bn_relu(g, "conv1_1", "bn1_1", x, channels[1]);
    x = (picture ? conv_relu_bn : conv_bn_relu)(g, "conv1_2", "bn1_2", x, channels[1]);
    x = halve(g, "pool1", x, picture);
    x = conv_bn_relu(g, "conv2_1", "bn2_1", x, channels[2]);
    x = conv_bn_relu(g, "conv2_2", "bn2_2", x, channels[2]);
    x = halve(g, "pool2", x, picture);
    x = conv_bn_relu(g, "conv3_1", "bn3_1", x, channels[3]);
    x = conv_bn_relu(g, "conv3_2", "bn3_2", x, channels[3]);
    x = halve(g, "pool3", x, picture);
    x = conv_bn_relu(g, "conv4_1", "bn4_1", x, channels[4]);
    x = avsn_name(g, "conv4_2", conv(g, "conv4_2", x, channels[4], 1));
    x = avsn_max_pool(g, x, .kernel = {pool[0], pool[1]}, .stride = {pool[0], pool[1]}, .same = 1);
    return avsn_name(g, "pool4", x);
}

static void build_audio(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value x = avsn_spectrogram_input(g, config);
    avsn_scope(g, "audio");
    const avsn_value embedding = tower(g, x, config, false);
    avsn_end(g);
    avsn_output(g, "embedding.audio", embedding);
}

static void build_image(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value x = avsn_image_input(g, config);
    avsn_scope(g, "vision");
    const avsn_value embedding = tower(g, x, config, true);
    avsn_end(g);
    avsn_output(g, "embedding.image", embedding);
}

#define CITATION "Cramer, Wu, Salamon and Bello, Look, Listen and Learn More, ICASSP 2019"

const avsn_arch avsn_arch_openl3_audio = {
    .name = "openl3-audio",
    .citation = CITATION,
    .blind = true,
    .pools = true,
    .build = build_audio,
};

const avsn_arch avsn_arch_openl3_image = {
    .name = "openl3-image",
    .citation = CITATION,
    .deaf = true,
    .pools = true,
    .build = build_image,
};
