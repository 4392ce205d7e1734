/* The separator: which of a clip's sound comes from what is on screen? A u-net over the mixture's spectrogram that is told, at
 * three scales, what the multisensory network saw and heard.
 *
 * A. Owens and A. Efros, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features", ECCV 2018, section 6 and
 * figure 7; sizes, padding, names and order of layers as in the released networks: "full" and, without pictures and trained
 * for either order of its two results (permutation-invariant training), "unet-pit". */
#include "model/multisensory.h"

#include <stdio.h>

#define EPSILON 1e-5f
#define MOMENTUM 3e-4f  /* running statistics keep 0.9997 of themselves */
#define DEVIATION 0.02f /* of weights at the start */
#define SLOPE 0.2f

/* The encoder's convolutions; each halves frequency. The decoder goes the same way back. */
enum { LEVELS = 9, FIRST_MERGE = 2, MERGES = 3 };
static const struct level {
    int64_t channels, time_stride;
} levels[LEVELS] = {{64, 1}, {128, 1}, {256, 2}, {512, 2}, {512, 2}, {512, 2}, {512, 2}, {512, 2}, {512, 2}};

#define WINDOW(level, ...)                                                                                  \
    (&(avsn_window_args){.kernel = {4, 4}, .stride = {levels[level].time_stride, 2}, .same = 1,              \
                         .deviation = DEVIATION, __VA_ARGS__})

static int64_t channels(const avsn_build_config *config, int level)
{
    return avsn_channels(config->unet_width, levels[level].channels);
}

static avsn_value norm(avsn_graph *g, const char *name, avsn_value x)
{
    avsn_scope(g, name);
    x = avsn_batch_norm(g, "bn", x, .epsilon = EPSILON, .momentum = MOMENTUM, .renorm = 1, .deviation = DEVIATION);
    avsn_end(g);
    return avsn_name(g, name, x);
}

static avsn_value conv_bn(avsn_graph *g, int level, avsn_value x, const avsn_build_config *config)
{
    char name[16];
    snprintf(name, sizeof name, "conv%d", level + 1);
    return norm(g, name, avsn_conv_build(g, name, x, WINDOW(level, .out = channels(config, level))));
}

/* Behind the spectrogram's channels those of pictures (N,C,T,H,W): their means over the picture, stretched to the spectrogram's
 * time, the same at every frequency. */
static avsn_value merged(avsn_graph *g, int level, avsn_value x, avsn_value seen)
{
    char name[16];
    const avsn_shape shape = *avsn_value_shape(g, x);
    seen = avsn_picture_mean(g, seen);
    if (avsn_value_shape(g, seen)->dim[2] != shape.dim[2])
        seen = avsn_stretch(g, seen, shape.dim[2]);
    const avsn_value both[2] = {x, avsn_tile_row(g, seen, shape.dim[3])};
    snprintf(name, sizeof name, "merge%d", level + 1);
    return avsn_name(g, name, avsn_concat(g, both, 2));
}

/* (N,2,T,F) -> (N,512 w,T/128,F/512). Beside the decoder go the levels' results before activation, the merged ones after it.
 * seen: of the levels FIRST_MERGE and on, or NULL. */
static void encode(avsn_graph *g, avsn_value x, const avsn_value *seen, const avsn_build_config *config,
                   avsn_value skips[LEVELS])
{
    for (int level = 0; level < LEVELS; level++) {
        skips[level] = conv_bn(g, level, x, config);
        x = avsn_leaky_relu(g, skips[level], SLOPE);
        if (seen && level >= FIRST_MERGE && level < FIRST_MERGE + MERGES)
            x = skips[level] = merged(g, level, x, seen[level - FIRST_MERGE]);
    }
}

/* ReLU of what comes from below and from beside, of level `level`. */
static avsn_value rectified(avsn_graph *g, int level, avsn_value below, avsn_value beside)
{
    char side[16], joined[16];
    snprintf(side, sizeof side, "beside%d", level + 1);
    snprintf(joined, sizeof joined, "joined%d", level + 1);
    const avsn_value both[2] = {avsn_relu(g, below), avsn_name(g, side, avsn_relu(g, beside))};
    return avsn_name(g, joined, avsn_concat(g, both, 2));
}

/* -> (N,128 w,T,F/2), what both heads read */
static avsn_value decode(avsn_graph *g, const avsn_value skips[LEVELS], const avsn_build_config *config)
{
    avsn_value x = avsn_relu(g, skips[LEVELS - 1]);
    for (int level = LEVELS - 1; level >= 1; level--) {
        char name[16];
        snprintf(name, sizeof name, "deconv%d", LEVELS - level);
        x = norm(g, name, avsn_deconv_build(g, name, x, WINDOW(level, .out = channels(config, level - 1))));
        x = rectified(g, level - 1, x, skips[level - 1]);
    }
    return x;
}

/* -> (N,2,T,F): level and phase, both in -1...1 */
static avsn_value head(avsn_graph *g, const char *name, avsn_value x)
{
    return avsn_tanh(g, avsn_deconv_build(g, name, x, WINDOW(0, .out = 2, .bias = 1)));
}

static void unet(avsn_graph *g, const avsn_value *seen, const avsn_build_config *config, const char *const outputs[2])
{
    const avsn_value mixture = avsn_input(g, "spectrogram", AVSN_SHAPE(config->batch, 2, config->columns, config->bins));
    avsn_value skips[LEVELS];
    avsn_scope(g, "gen");
    encode(g, mixture, seen, config, skips);
    const avsn_value x = decode(g, skips, config);
    const avsn_value first = head(g, "fg", x), second = head(g, "bg", x);
    avsn_end(g);
    avsn_output(g, outputs[0], first);
    avsn_output(g, outputs[1], second);
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    static const char *const outputs[2] = {"on", "off"};
    avsn_build_config trained_on = *config;
    trained_on.norm_weight = true;
    const avsn_multisensory_features f = avsn_multisensory(g, &trained_on);
    const avsn_value seen[MERGES] = {f.conv2_2, f.conv3_2, f.conv5_2};
    unet(g, seen, config, outputs);
}

static void build_pit(avsn_graph *g, const avsn_build_config *config)
{
    static const char *const outputs[2] = {"first", "second"};
    unet(g, NULL, config, outputs);
}

#define CITATION "Owens and Efros, Audio-Visual Scene Analysis with Self-Supervised Multisensory Features, ECCV 2018"

const avsn_arch avsn_arch_separator = {
    .name = "separator",
    .citation = CITATION,
    .clip = true,
    .separates = true,
    .conv5_stride = 2,
    .build = build,
};

const avsn_arch avsn_arch_separator_pit = {
    .name = "separator-pit",
    .citation = CITATION,
    .clip = true,
    .separates = true,
    .blind = true,
    .build = build_pit,
};
