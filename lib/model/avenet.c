/* AVE-Net: picture and sound as points of one space.
 *
 * R. Arandjelovic and A. Zisserman, "Objects that Sound", ECCV 2018, section 3.1 and figure 2(d). */
#include "model/avenet.h"

avsn_value avsn_ave_embed(avsn_graph *g, avsn_value x)
{
    x = avsn_name(g, "pool4", avsn_global_pool(g, AVSN_POOL_MAX, x));
    x = avsn_name(g, "fc1", avsn_relu(g, avsn_dense(g, "fc1", x, AVSN_EMBEDDING, NULL)));
    x = avsn_dense(g, "fc2", x, AVSN_EMBEDDING, NULL);
    avsn_end(g);
    return avsn_l2_normalize(g, x, 1e-12f);
}

/* (N,3,224,224) or (N,1,257,200) -> unit vectors (N,128) */
static avsn_value tower(avsn_graph *g, const char *name, avsn_value x, const avsn_build_config *config)
{
    avsn_scope(g, name);
    return avsn_ave_embed(g, avsn_stack(g, x, config));
}

avsn_value avsn_ave_audio(avsn_graph *g, const avsn_build_config *config)
{
    return tower(g, "audio", avsn_spectrogram_input(g, config), config);
}

/* The distance alone decides, through a scale and a shift per class: that is what aligns the two embeddings. It starts with the
 * right sign: "corresponds" falls as the distance grows. */
void avsn_ave_compare(avsn_graph *g, avsn_value v, avsn_value a)
{
    const avsn_value distance = avsn_distance(g, v, a);
    const avsn_dense_starts starts = {
        .weight = {.kind = AVSN_INIT_LIST, .values = {0.7f, -0.7f}},
        .bias = {.kind = AVSN_INIT_LIST, .values = {-1.2f, 1.2f}},
    };
    const avsn_value logits = avsn_dense(g, "fc3", distance, 2, &starts); /* does not correspond, corresponds */

    avsn_output(g, "embedding.image", v);
    avsn_output(g, "embedding.audio", a);
    avsn_output(g, "distance", distance);
    avsn_output(g, "logits", logits);
    avsn_output(g, "score", avsn_slice(g, avsn_softmax(g, logits), 1, 2));
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value v = tower(g, "vision", avsn_image_input(g, config), config);
    avsn_ave_compare(g, v, avsn_ave_audio(g, config));
}

const avsn_arch avsn_arch_avenet = {
    .name = "ave-net",
    .citation = AVSN_AVENET_CITATION,
    .aligned = true,
    .conv1_stride = 2,
    .build = build,
};
