/* Multisensory network: are picture and sound of this clip in time with each other? With classes: what is seen and heard?
 *
 * A. Owens and A. Efros, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features", ECCV 2018, section 3 and
 * figure 2, of classes section 5; sizes, padding, names and order of layers as in the released network. Scopes are the
 * release's: "sf" hears, "im" sees and, from the merge on, does both; "joint" and "lb" are the heads. */
#include "model/multisensory.h"

#include <stdio.h>

#define EPSILON 1e-3f
#define MOMENTUM 3e-4f /* running statistics keep 0.9997 of themselves */

/* The released alignment network has no weights here, those that were trained on from it have. Renormalised in training: those
 * behind additions. */
static avsn_value batch_norm(avsn_graph *g, const avsn_build_config *config, const char *name, avsn_value x, bool renorm)
{
    return avsn_batch_norm(g, name, x, .epsilon = EPSILON, .no_weight = !config->norm_weight, .momentum = MOMENTUM,
                           .renorm = renorm);
}

static avsn_value conv(avsn_graph *g, const char *name, avsn_value x, const avsn_window_args *window)
{
    avsn_window_args args = *window;
    args.truncated = 1;
    return avsn_conv_build(g, name, x, &args);
}

static avsn_value conv_bn(avsn_graph *g, const avsn_build_config *config, const char *name, avsn_value x,
                          const avsn_window_args *window)
{
    x = conv(g, name, x, window);
    avsn_scope(g, name);
    x = batch_norm(g, config, "bn", x, false);
    avsn_end(g);
    return x;
}

static avsn_value conv_bn_relu(avsn_graph *g, const avsn_build_config *config, const char *name, avsn_value x,
                               const avsn_window_args *window)
{
    return avsn_name(g, name, avsn_relu(g, conv_bn(g, config, name, x, window)));
}

/* The block's input in the size and with the channels of its result. Subsampling takes the cells 0, stride, 2 stride..., on
 * every axis, whatever the padding of the convolutions beside it. */
static avsn_value shortcut(avsn_graph *g, const avsn_build_config *config, const char *name, avsn_value x,
                           const avsn_window_args *window)
{
    bool strided = false;
    avsn_window_args point = {.out = window->out};
    for (int i = 0; i < AVSN_MAX_SPATIAL; i++) {
        point.stride[i] = window->stride[i];
        strided |= window->stride[i] > 1;
    }
    if (avsn_value_shape(g, x)->dim[1] != window->out)
        return conv_bn(g, config, name, x, &point);
    return strided ? avsn_name(g, name, avsn_pool_build(g, AVSN_POOL_MAX, x, &point)) : x;
}

/* ReLU(BN(shortcut + conv_2(ReLU(BN(conv_1(x)))))): batch norm after the addition, none on the second convolution. */
static avsn_value block(avsn_graph *g, const avsn_build_config *config, const char *name, avsn_value x,
                        const avsn_window_args *window)
{
    char first[32], second[32], direct[32], norm[32];
    snprintf(first, sizeof first, "%s_1", name);
    snprintf(second, sizeof second, "%s_2", name);
    snprintf(direct, sizeof direct, "%s_short", name);
    snprintf(norm, sizeof norm, "%s_bn", name);
    avsn_window_args again = {.out = window->out, .same = 1, .bias = 1};
    for (int i = 0; i < AVSN_MAX_SPATIAL; i++)
        again.kernel[i] = window->kernel[i];
    const avsn_value side = shortcut(g, config, direct, x, window);
    x = conv_bn_relu(g, config, first, x, window);
    x = conv(g, second, x, &again);
    return avsn_name(g, name, avsn_relu(g, batch_norm(g, config, norm, avsn_add(g, side, x), true)));
}

#define WINDOW(...) (&(avsn_window_args){.same = 1, __VA_ARGS__})

/* (N,2,S) -> (N,128 w,T), as many steps as the pictures have; w is the pictures' width: it is theirs from here on */
static avsn_value hear(avsn_graph *g, avsn_value x, int64_t steps, const avsn_build_config *config)
{
    const double w = config->audio_width;
    avsn_scope(g, "sf");
    x = avsn_name(g, "compand", avsn_companded(g, x));
    x = conv_bn_relu(g, config, "conv1_1", x, WINDOW(.out = avsn_channels(w, 64), .kernel = {65}, .stride = {4}));
    x = avsn_name(g, "pool1", avsn_max_pool(g, x, .kernel = {4}, .stride = {4})); /* drops what doesn't fill a window */
    x = block(g, config, "conv2_1", x, WINDOW(.out = avsn_channels(w, 128), .kernel = {15}, .stride = {4}));
    x = block(g, config, "conv3_1", x, WINDOW(.out = avsn_channels(w, 128), .kernel = {15}, .stride = {4}));
    x = block(g, config, "conv4_1", x, WINDOW(.out = avsn_channels(w, 256), .kernel = {15}, .stride = {4}));
    x = avsn_fractional_pool(g, "pool", x, steps);
    x = conv_bn_relu(g, config, "conv5_1", x, WINDOW(.out = avsn_channels(config->width, 128), .kernel = {3}));
    avsn_end(g);
    return x;
}

/* (N,3,T,H,W) -> (N,64 w,T/4,H/8,W/8) */
static avsn_value see(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    const int64_t c = avsn_channels(config->width, 64);
    avsn_scope(g, "im");
    x = conv_bn_relu(g, config, "conv1", x, WINDOW(.out = c, .kernel = {5, 7, 7}, .stride = {2, 2, 2}));
    x = avsn_name(g, "pool1", avsn_max_pool(g, x, .kernel = {1, 3, 3}, .stride = {1, 2, 2}, .same = 1));
    x = block(g, config, "conv2_1", x, WINDOW(.out = c, .kernel = {3, 3, 3}));
    x = block(g, config, "conv2_2", x, WINDOW(.out = c, .kernel = {3, 3, 3}, .stride = {2, 2, 2}));
    avsn_end(g);
    return x;
}

/* (N,64 w,T,H,W) and (N,128 w,T) -> (N,128 w,T,H,W). Past the two convolutions go the pictures and the sound's second half. */
static avsn_value merge(avsn_graph *g, avsn_value seen, avsn_value heard, const avsn_build_config *config)
{
    const avsn_shape *size = avsn_value_shape(g, seen);
    const int64_t rows = size->dim[3], columns = size->dim[4], pictures = avsn_channels(config->width, 64);
    const int64_t out = avsn_channels(config->width, 128);
    const avsn_value both[2] = {seen, avsn_tile(g, heard, rows, columns)};
    const avsn_value past[2] = {seen, avsn_tile(g, avsn_slice(g, heard, pictures, out), rows, columns)};
    avsn_scope(g, "im");
    avsn_value x = avsn_concat(g, both, 2);
    x = conv_bn_relu(g, config, "merge1", x, WINDOW(.out = avsn_channels(config->width, 512)));
    x = conv(g, "merge2", x, WINDOW(.out = out, .bias = 1));
    x = avsn_relu(g, batch_norm(g, config, "merge_block_bn", avsn_add(g, avsn_concat(g, past, 2), x), true));
    x = avsn_name(g, "merge_block", x);
    avsn_end(g);
    return x;
}

typedef struct trunk {
    avsn_value middle, last; /* conv3_2, conv5_2 */
} trunk;

/* (N,128 w,T,H,W) -> (N,512 w,T/2,H/4,W/4), H/2 and W/2 where the last stride is 1 */
static trunk look_and_listen(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    const double w = config->width;
    const int64_t last = config->conv5_stride;
    avsn_scope(g, "im");
    x = block(g, config, "conv3_1", x, WINDOW(.out = avsn_channels(w, 128), .kernel = {3, 3, 3}));
    x = block(g, config, "conv3_2", x, WINDOW(.out = avsn_channels(w, 128), .kernel = {3, 3, 3}));
    const avsn_value middle = x;
    x = block(g, config, "conv4_1", x, WINDOW(.out = avsn_channels(w, 256), .kernel = {3, 3, 3}, .stride = {2, 2, 2}));
    x = block(g, config, "conv4_2", x, WINDOW(.out = avsn_channels(w, 256), .kernel = {3, 3, 3}));
    x = block(g, config, "conv5_1", x, WINDOW(.out = avsn_channels(w, 512), .kernel = {3, 3, 3}, .stride = {1, last, last}));
    x = block(g, config, "conv5_2", x, WINDOW(.out = avsn_channels(w, 512), .kernel = {3, 3, 3}));
    avsn_end(g);
    return (trunk){middle, x};
}

/* The heads are linear: the mean of a head's map is what it makes of the mean of the features. */
static avsn_value head(avsn_graph *g, const char *scope, avsn_value features, int64_t out)
{
    avsn_scope(g, scope);
    const avsn_value map = conv(g, "logits", features, WINDOW(.out = out, .bias = 1));
    avsn_end(g);
    return map;
}

static void align(avsn_graph *g, avsn_value features)
{
    const avsn_value cam = head(g, "joint", features, 1); /* (N,1,T/8,H/32,W/32) */
    const avsn_value logits = avsn_global_pool(g, AVSN_POOL_AVERAGE, cam);
    avsn_output(g, "cam", cam);
    avsn_output(g, "logits", logits); /* above 0: in time */
    avsn_output(g, "score", avsn_sigmoid(g, logits));
}

static void recognise(avsn_graph *g, avsn_value features, int64_t classes)
{
    const avsn_value logits = avsn_global_pool(g, AVSN_POOL_AVERAGE, head(g, "lb", features, classes));
    avsn_output(g, "logits", logits);
    avsn_output(g, "classes", avsn_softmax(g, logits));
}

avsn_multisensory_features avsn_multisensory(avsn_graph *g, const avsn_build_config *config)
{
    const int64_t sounds = AVSN_MAX(config->sounds, (int64_t)1), shown = config->batch / sounds;
    const avsn_value frames =
        avsn_input(g, "frames", AVSN_SHAPE(shown, 3, config->frames, config->image_height, config->image_width));
    const avsn_value waveform = avsn_input(g, "waveform", AVSN_SHAPE(config->batch, 2, config->samples));
    avsn_value seen = see(g, frames, config);
    if (sounds > 1)
        seen = avsn_repeat(g, seen, sounds);
    avsn_value heard = hear(g, waveform, avsn_value_shape(g, seen)->dim[2], config);
    if (config->vision_only)
        heard = avsn_zeros_like(g, heard);
    const trunk both = look_and_listen(g, merge(g, seen, heard, config), config);
    if (config->classes)
        recognise(g, both.last, config->classes);
    else
        align(g, both.last);
    return (avsn_multisensory_features){seen, both.middle, both.last};
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    avsn_build_config own = *config;
    own.norm_weight = config->classes > 0;
    avsn_multisensory(g, &own);
}

const avsn_arch avsn_arch_multisensory = {
    .name = "multisensory",
    .citation = "Owens and Efros, Audio-Visual Scene Analysis with Self-Supervised Multisensory Features, ECCV 2018",
    .clip = true,
    .in_time = true,
    .conv5_stride = 2,
    .build = build,
};
