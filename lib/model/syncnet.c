/* Sync-net: by how much does the sound lead or lag the pictures?
 *
 * Two towers, one vector a frame and two in the same time of sound, compared at every lag at once: what is in time points the
 * same way. In the spirit of J. S. Chung and A. Zisserman, "Out of Time: Automated Lip Sync in the Wild", ACCV 2016 workshops,
 * with its own layers; learned by telling the true lag from all others of the same clip, so that nothing but time can help.
 *
 * No layer pads time: a vector depends on the frames or columns around it and on nothing else, and a recording cut into blocks
 * gives the vectors of the whole. Both towers lose AVSN_SYNC_CONTEXT frames, or as long a time, at either end. */
#include "model/syncnet.h"

#include <math.h>

#define EPSILON 1e-5f
#define VECTOR 128

static int64_t channels(double width, int64_t at_width_1)
{
    return AVSN_MAX((int64_t)1, (int64_t)lround((double)at_width_1 * width));
}

static avsn_value conv_bn_relu(avsn_graph *g, const char *name, avsn_value x, const avsn_window_args *window)
{
    x = avsn_conv_build(g, name, x, window);
    avsn_scope(g, name);
    x = avsn_batch_norm(g, "bn", x, .epsilon = EPSILON);
    avsn_end(g);
    return avsn_name(g, name, avsn_relu(g, x));
}

#define WINDOW(...) (&(avsn_window_args){__VA_ARGS__})

/* Whatever moves may be anywhere: the largest answer of each channel counts. */
avsn_value avsn_sync_motion(avsn_graph *g, avsn_value x, double width, bool padded, bool cells)
{
    const int64_t c = channels(width, 16), two = padded ? 2 : 0, one = padded ? 1 : 0;
    avsn_scope(g, "video");
    x = conv_bn_relu(g, "conv1", x, WINDOW(.out = c, .kernel = {5, 3, 3}, .stride = {1, 2, 2}, .pad = {two, 1, 1}));
    x = conv_bn_relu(g, "conv2", x, WINDOW(.out = 2 * c, .kernel = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}));
    x = conv_bn_relu(g, "conv3", x, WINDOW(.out = 4 * c, .kernel = {3, 3, 3}, .stride = {1, 2, 2}, .pad = {one, 1, 1}));
    x = conv_bn_relu(g, "conv4", x, WINDOW(.out = 8 * c, .kernel = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}));
    const avsn_shape *map = avsn_value_shape(g, x);
    if (!cells)
        x = avsn_name(g, "pool", avsn_max_pool(g, x, .kernel = {1, map->dim[3], map->dim[4]}));
    x = conv_bn_relu(g, "conv5", x, WINDOW(.out = 8 * c, .kernel = {3, 1, 1}, .pad = {one}));
    avsn_end(g);
    return x;
}

/* (N,3,F,H,W) -> (N,128,F-8,1,1), or (N,128,F-8,H/16,W/16) of cells */
static avsn_value see(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    x = avsn_sync_motion(g, x, config->width, false, config->cells);
    avsn_scope(g, "video");
    x = avsn_name(g, "conv6", avsn_conv(g, "conv6", x, .out = VECTOR, .bias = 1));
    avsn_end(g);
    return x;
}

/* (N,1,M,K) -> (N,128,(K-34)/2+1) */
static avsn_value hear(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    const int64_t c = channels(config->width, 32);
    avsn_scope(g, "audio");
    x = conv_bn_relu(g, "conv1", x, WINDOW(.out = c, .kernel = {3, 3}, .stride = {2, 1}, .pad = {1, 0}));
    x = conv_bn_relu(g, "conv2", x, WINDOW(.out = 2 * c, .kernel = {3, 4}, .stride = {2, 2}, .pad = {1, 0}));
    x = conv_bn_relu(g, "conv3", x, WINDOW(.out = 3 * c, .kernel = {3, 5}, .stride = {2, 1}, .pad = {1, 0}));
    x = conv_bn_relu(g, "conv4", x, WINDOW(.out = 4 * c, .kernel = {avsn_value_shape(g, x)->dim[2], 5}));
    x = conv_bn_relu(g, "conv5", x, WINDOW(.out = 4 * c, .kernel = {1, 7}));
    x = avsn_name(g, "conv6", avsn_conv(g, "conv6", x, .out = VECTOR, .bias = 1));
    avsn_end(g);
    return avsn_squash(g, x);
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value frames = avsn_input(
        g, "frames", AVSN_SHAPE(config->batch, 3, config->frames, config->image_height, config->image_width));
    const avsn_value seen = see(g, frames, config);
    if (config->cells) {
        avsn_output(g, "cells", seen); /* not squashed */
        return;
    }
    const avsn_value spectrogram = avsn_input(g, "spectrogram", AVSN_SHAPE(config->batch, 1, config->bins, config->columns));
    const avsn_value v = avsn_squash(g, seen);
    const avsn_value a = hear(g, spectrogram, config);
    const avsn_value lags = avsn_lags(g, v, a, AVSN_SYNC_STEPS, AVSN_SYNC_STEPS * config->lags);

    avsn_output(g, "embedding.video", v);
    avsn_output(g, "embedding.audio", a);
    avsn_output(g, "lags", lags); /* lag l at column l + the most */
    avsn_output(g, "logits", avsn_affine(g, "lags", lags, 10, 0)); /* their softmax: the probability of each lag */
}

const avsn_arch avsn_arch_syncnet = {
    .name = "sync-net",
    .citation = "after Chung and Zisserman, Out of Time: Automated Lip Sync in the Wild, ACCV 2016 workshops",
    .clip = true,
    .lags = true,
    .build = build,
};
