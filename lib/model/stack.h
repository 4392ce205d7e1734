/* The convolution stack that the correspondence networks share: VGG-like, eight 3x3 convolutions in four stages. */
#ifndef AVSN_STACK_H
#define AVSN_STACK_H

#include "model/arch.h"

#define AVSN_EMBEDDING 128 /* the heads' width, whatever the stacks' */

/* Along each axis a stack makes a cell of every AVSN_STACK_STRIDE * conv1_stride of its input, and what it finds there depends on
 * the input of AVSN_STACK_AROUND cells more on either side at most; AVSN_STACK_AROUND_LAST of them through the last stage alone, and
 * the pool before it, whose input has two cells for each. */
enum { AVSN_STACK_STRIDE = 8, AVSN_STACK_AROUND = 4, AVSN_STACK_AROUND_LAST = 2 };

/* (N,3,H,W) or (N,1,F,T) -> (N,512 w,H/16,W/16), names conv1_1...conv4_2 and pool1...pool3 in the open scope. Of frames
 * (N,3,T,H,W) everything is 3x3x3 and 2x2x2, as in space so in time, but that pools keep a last odd step: 25 -> 13, 7, 4, 2. */
avsn_value avsn_stack(avsn_graph *graph, avsn_value src, const avsn_build_config *config);
/* Stages first...last of the four alone, with the pool behind each of the first three. */
avsn_value avsn_stages(avsn_graph *graph, avsn_value src, const avsn_build_config *config, int32_t first, int32_t last);

/* Of stages 1-4: 64, 128, 256, 512 at width 1. */
int64_t avsn_stack_channels(const avsn_build_config *config, int32_t stage);

/* The two inputs every correspondence network has. */
avsn_value avsn_image_input(avsn_graph *graph, const avsn_build_config *config);
avsn_value avsn_spectrogram_input(avsn_graph *graph, const avsn_build_config *config);

#endif
