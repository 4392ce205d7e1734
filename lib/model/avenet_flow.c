/* AVE+OF: AVE-Net that sees a picture and how it moves, as optical flow between it and its neighbours.
 *
 * R. Arandjelovic and A. Zisserman, "Objects that Sound", ECCV 2018, section 3.3. Two streams that meet before the fourth stage. */
#include "model/avenet.h"

enum { AROUND = 5, FIELDS = 2 * AROUND };

/* (N,3,224,224) or (N,20,224,224) -> (N,256 w,14,14) */
static avsn_value stream(avsn_graph *g, const char *name, avsn_value x, const avsn_build_config *config)
{
    avsn_scope(g, name);
    x = avsn_stages(g, x, config, 1, 3);
    avsn_end(g);
    return x;
}

/* -> unit vectors (N,128) */
static avsn_value vision_tower(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value image = avsn_image_input(g, config);
    const avsn_value flow =
        avsn_input(g, "flow", AVSN_SHAPE(config->batch, 2 * FIELDS, config->image_height, config->image_width));
    const avsn_value both[2] = {stream(g, "vision", image, config), stream(g, "flow", flow, config)};
    const avsn_value x = avsn_concat(g, both, 2);
    avsn_scope(g, "vision");
    return avsn_ave_embed(g, avsn_stages(g, x, config, 4, 4));
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value v = vision_tower(g, config);
    avsn_ave_compare(g, v, avsn_ave_audio(g, config));
}

const avsn_arch avsn_arch_avenet_flow = {
    .name = "ave-net-of",
    .citation = AVSN_AVENET_CITATION,
    .aligned = true,
    .around = AROUND,
    .flow = true,
    .conv1_stride = 2,
    .build = build,
};
