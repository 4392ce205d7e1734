/* AVOL-Net: which part of the picture makes the sound?
 *
 * R. Arandjelovic and A. Zisserman, "Objects that Sound", ECCV 2018, section 4 and figure 6. Every cell of the picture gets a
 * descriptor; the sound's vector is compared with each, and the best cell decides (multiple-instance learning). */
#include "model/stack.h"

/* (N,3,H,W) -> descriptors (N,128,H/16,W/16), not normalised */
static avsn_value vision_tower(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    avsn_scope(g, "vision");
    x = avsn_stack(g, x, config);
    x = avsn_name(g, "conv5", avsn_relu(g, avsn_conv(g, "conv5", x, .out = AVSN_EMBEDDING, .bias = 1)));
    x = avsn_conv(g, "conv6", x, .out = AVSN_EMBEDDING, .bias = 1);
    avsn_end(g);
    return x;
}

/* (N,1,257,200) -> (N,128), not normalised */
static avsn_value audio_tower(avsn_graph *g, avsn_value x, const avsn_build_config *config)
{
    avsn_scope(g, "audio");
    x = avsn_stack(g, x, config);
    x = avsn_name(g, "pool4", avsn_global_pool(g, AVSN_POOL_MAX, x));
    x = avsn_name(g, "fc1", avsn_relu(g, avsn_dense(g, "fc1", x, AVSN_EMBEDDING, NULL)));
    x = avsn_dense(g, "fc2", x, AVSN_EMBEDDING, NULL);
    avsn_end(g);
    return x;
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value cells = vision_tower(g, avsn_image_input(g, config), config);
    const avsn_value sound = audio_tower(g, avsn_spectrogram_input(g, config), config);

    /* conv7 is one scale and one bias. In training the largest of the 196 products of new descriptors is 20...150, 65 on
     * average: random pairs begin near one half. */
    avsn_value map = avsn_inner_map(g, cells, sound);                                /* (N,1,H/16,W/16) */
    map = avsn_name(g, "map_logits", avsn_affine(g, "conv7", map, 0.02f, -1.3f));
    const avsn_value logits = avsn_global_pool(g, AVSN_POOL_MAX, map);               /* (N,1) */

    avsn_output(g, "embedding.image", avsn_global_pool(g, AVSN_POOL_MAX, cells));
    avsn_output(g, "embedding.audio", sound);
    avsn_output(g, "map", avsn_sigmoid(g, map));
    avsn_output(g, "logits", logits);
    avsn_output(g, "score", avsn_sigmoid(g, logits));
}

const avsn_arch avsn_arch_avolnet = {
    .name = "avol-net",
    .citation = "Arandjelovic and Zisserman, Objects that Sound, ECCV 2018",
    .aligned = true,
    .map = true,
    .conv1_stride = 2,
    .build = build,
};
