/* Mask-net: which of a clip's sound comes from what is on screen? A share of every cell of the mixture's spectrogram.
 *
 * A light separator beside the multisensory one: a u-net over levels that is told, once on its way down, what moves. It says
 * how much of each cell to keep, not what is in it, as H. Zhao et al., "The Sound of Pixels", ECCV 2018, do, so that what nobody
 * sounds apart from is left alone from the start; what it holds back is the other result. What it is told are the features of
 * sync-net's pictures, whose file it can begin with. "mask-net-pit" is told nothing. */
#include "model/syncnet.h"

#include <math.h>
#include <stdio.h>

#define EPSILON 1e-5f
#define SLOPE 0.2f

/* The encoder's convolutions, 4x4; each halves frequency. The decoder goes the same way back. */
enum { LEVELS = 6, TOLD = 2, TOLD_CHANNELS = 48 };
static const struct level {
    int64_t channels, time_stride;
} levels[LEVELS] = {{16, 1}, {32, 1}, {48, 2}, {64, 2}, {96, 2}, {128, 2}};

#define WINDOW(level, ...) \
    (&(avsn_window_args){.kernel = {4, 4}, .stride = {levels[level].time_stride, 2}, .same = 1, __VA_ARGS__})

static int64_t channels(const avsn_build_config *config, int64_t at_width_1)
{
    return AVSN_MAX((int64_t)1, (int64_t)lround((double)at_width_1 * config->unet_width));
}

static avsn_value norm(avsn_graph *g, const char *name, avsn_value x)
{
    avsn_scope(g, name);
    x = avsn_batch_norm(g, "bn", x, .epsilon = EPSILON);
    avsn_end(g);
    return x;
}

/* (N,3,F,H,W) -> (N,48,T) */
static avsn_value see(avsn_graph *g, int64_t steps, const avsn_build_config *config)
{
    const avsn_value frames = avsn_input(
        g, "frames", AVSN_SHAPE(config->batch, 3, config->frames, config->image_height, config->image_width));
    avsn_value x = avsn_sync_motion(g, frames, config->width, true, false);
    avsn_scope(g, "told");
    x = avsn_relu(g, norm(g, "conv", avsn_conv(g, "conv", x, .out = channels(config, TOLD_CHANNELS))));
    avsn_end(g);
    return avsn_stretch(g, avsn_picture_mean(g, x), steps);
}

/* Level `level`'s convolution, and from TOLD on what is seen behind its channels. */
static avsn_value down(avsn_graph *g, int level, avsn_value x, bool blind, const avsn_build_config *config)
{
    char name[16];
    snprintf(name, sizeof name, "conv%d", level + 1);
    x = avsn_conv_build(g, name, x, WINDOW(level, .out = channels(config, levels[level].channels)));
    x = avsn_name(g, name, avsn_leaky_relu(g, norm(g, name, x), SLOPE));
    if (blind || level != TOLD)
        return x;
    const avsn_shape shape = *avsn_value_shape(g, x);
    avsn_end(g);
    const avsn_value both[2] = {x, avsn_tile_row(g, see(g, shape.dim[2], config), shape.dim[3])};
    avsn_scope(g, "mask");
    return avsn_concat(g, both, 2);
}

static avsn_value up(avsn_graph *g, int level, avsn_value x, avsn_value beside, const avsn_build_config *config)
{
    char name[16], joined[16];
    snprintf(name, sizeof name, "deconv%d", LEVELS - level);
    snprintf(joined, sizeof joined, "joined%d", level);
    x = avsn_deconv_build(g, name, x, WINDOW(level, .out = channels(config, levels[level - 1].channels)));
    const avsn_value both[2] = {avsn_name(g, name, avsn_relu(g, norm(g, name, x))), beside};
    return avsn_name(g, joined, avsn_concat(g, both, 2));
}

/* (N,2,T,F) -> (N,1,T,F) */
static avsn_value unet(avsn_graph *g, avsn_value mixture, bool blind, const avsn_build_config *config)
{
    avsn_value beside[LEVELS], x = avsn_name(g, "level", avsn_slice(g, mixture, 0, 1));
    avsn_scope(g, "mask");
    for (int level = 0; level < LEVELS; level++)
        x = beside[level] = down(g, level, x, blind, config);
    for (int level = LEVELS - 1; level >= 1; level--)
        x = up(g, level, x, beside[level - 1], config);
    x = avsn_deconv_build(g, "logits", x, WINDOW(0, .out = 1, .bias = 1));
    avsn_end(g);
    return x;
}

static void separate(avsn_graph *g, bool blind, const char *const outputs[2], const avsn_build_config *config)
{
    const avsn_value mixture = avsn_input(g, "spectrogram", AVSN_SHAPE(config->batch, 2, config->columns, config->bins));
    const avsn_value logits = unet(g, mixture, blind, config);
    avsn_output(g, outputs[0], avsn_mask(g, logits, mixture, config->decibels, false));
    avsn_output(g, outputs[1], avsn_mask(g, logits, mixture, config->decibels, true));
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    separate(g, false, (const char *const[2]){"on", "off"}, config);
}

static void build_pit(avsn_graph *g, const avsn_build_config *config)
{
    separate(g, true, (const char *const[2]){"first", "second"}, config);
}

#define CITATION "after Zhao et al., The Sound of Pixels, ECCV 2018"

const avsn_arch avsn_arch_masknet = {
    .name = "mask-net",
    .citation = CITATION,
    .clip = true,
    .separates = true,
    .masks = true,
    .build = build,
};

const avsn_arch avsn_arch_masknet_pit = {
    .name = "mask-net-pit",
    .citation = CITATION,
    .clip = true,
    .separates = true,
    .masks = true,
    .blind = true,
    .build = build_pit,
};
