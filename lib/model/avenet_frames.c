/* AVE+MF: AVE-Net that sees the second it hears, 25 frames, by convolutions in time as in space.
 *
 * R. Arandjelovic and A. Zisserman, "Objects that Sound", ECCV 2018, section 3.3. The strides in time are ours: those in space. */
#include "model/avenet.h"

enum { AROUND = 12, FRAMES = 2 * AROUND + 1 };

/* (N,3,25,224,224) -> unit vectors (N,128) */
static avsn_value vision_tower(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value frames =
        avsn_input(g, "frames", AVSN_SHAPE(config->batch, 3, FRAMES, config->image_height, config->image_width));
    avsn_scope(g, "vision");
    return avsn_ave_embed(g, avsn_stack(g, frames, config));
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value v = vision_tower(g, config);
    avsn_ave_compare(g, v, avsn_ave_audio(g, config));
}

const avsn_arch avsn_arch_avenet_frames = {
    .name = "ave-net-mf",
    .citation = AVSN_AVENET_CITATION,
    .aligned = true,
    .around = AROUND,
    .conv1_stride = 2,
    .build = build,
};
