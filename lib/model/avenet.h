/* What AVE-Net shares with its kin that see motion. */
#ifndef AVSN_AVENET_H
#define AVSN_AVENET_H

#include "model/stack.h"

#define AVSN_AVENET_CITATION "Arandjelovic and Zisserman, Objects that Sound, ECCV 2018"

/* What the fourth stage makes of pictures or sound, of any number of axes -> unit vectors (N,128), names pool4, fc1, fc2. Closes
 * the open scope. */
avsn_value avsn_ave_embed(avsn_graph *graph, avsn_value src);
/* The sound's tower and its input -> unit vectors. */
avsn_value avsn_ave_audio(avsn_graph *graph, const avsn_build_config *config);
/* All outputs, from the two embeddings. */
void avsn_ave_compare(avsn_graph *graph, avsn_value vision, avsn_value audio);

#endif
