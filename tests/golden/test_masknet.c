/* Mask-net against PyTorch in double precision, at a reduced width and odd pictures: what its masks let through as it is used, and
 * one step of training. make_masknet.py beside this file made the numbers. */
#include "clip_step.h"

#include <avsound/train.h>

#include "train/separate.h"

enum { BATCH = 3, COLUMNS = 16, BINS = 64 };

static const avsn_build_config config = {.batch = BATCH, .width = 0.25, .unet_width = 0.25, .image_height = 38, .image_width = 42,
                                         .frames = 14, .columns = COLUMNS, .bins = BINS, .decibels = 90};

static avsound_status training_graph(const avsn_graph *forward, avsn_graph **out)
{
    return avsn_separation_graph(forward, AVSOUND_SEPARATION_ORDERED, 90, 0.1f, out);
}

static float value(const char *input, int64_t index, float drawn)
{
    (void)index;
    return strcmp(input, "frames") ? 0.25f * drawn : drawn;
}

static const clip_step_network network = {"masknet.safetensors", &avsn_arch_masknet, training_graph, value};

START_TEST(masks_equal_pytorch)
{
    static const char *const outputs[] = {"on", "off"};
    static const avsn_shape shapes[] = {AVSN_SHAPE(BATCH, 2, COLUMNS, BINS), AVSN_SHAPE(BATCH, 2, COLUMNS, BINS)};
    clip_step_check_used(&network, &config, outputs, shapes, 2);
}
END_TEST

START_TEST(a_step_equals_pytorch)
{
    clip_step_check_training(&network, &config, 3 * (5 + 1 + 6 + 5) + 2);
}
END_TEST

SUITE("golden.masknet", masks_equal_pytorch, a_step_equals_pytorch)
