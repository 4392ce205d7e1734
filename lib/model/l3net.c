/* L3-Net: do this picture and this sound belong together?
 *
 * R. Arandjelovic and A. Zisserman, "Look, Listen and Learn", ICCV 2017, figure 2; as the baseline of "Objects that Sound",
 * ECCV 2018. The two embeddings meet only in the classifier, so they can't be compared with each other. */
#include "model/stack.h"

/* (N,3,224,224) or (N,1,257,200) -> (N,512 w) */
static avsn_value tower(avsn_graph *g, const char *name, avsn_value x, const avsn_build_config *config)
{
    avsn_scope(g, name);
    x = avsn_stack(g, x, config);
    x = avsn_name(g, "pool4", avsn_global_pool(g, AVSN_POOL_MAX, x));
    avsn_end(g);
    return x;
}

static void build(avsn_graph *g, const avsn_build_config *config)
{
    const avsn_value embedding[2] = {
        tower(g, "vision", avsn_image_input(g, config), config),
        tower(g, "audio", avsn_spectrogram_input(g, config), config),
    };
    avsn_value x = avsn_concat(g, embedding, 2);
    x = avsn_name(g, "fc1", avsn_relu(g, avsn_dense(g, "fc1", x, AVSN_EMBEDDING, NULL)));
    const avsn_value logits = avsn_dense(g, "fc2", x, 2, NULL); /* does not correspond, corresponds */

    avsn_output(g, "embedding.image", embedding[0]);
    avsn_output(g, "embedding.audio", embedding[1]);
    avsn_output(g, "logits", logits);
    avsn_output(g, "score", avsn_slice(g, avsn_softmax(g, logits), 1, 2));
}

const avsn_arch avsn_arch_l3net = {
    .name = "l3-net",
    .citation = "Arandjelovic and Zisserman, Look, Listen and Learn, ICCV 2017",
    .conv1_stride = 2,
    .build = build,
};
