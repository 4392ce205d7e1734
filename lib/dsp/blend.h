/* Where a point of a stretched row lies among the row's own: bilinear interpolation, by three conventions. */
#ifndef AVSN_BLEND_H
#define AVSN_BLEND_H

#include "base/base.h"

/* Two neighbours and their shares in a point. */
typedef struct avsn_blend {
    int32_t first, second;
    float first_share, second_share;
} avsn_blend;

/* Point `index` of `points` over `cells` cells. */
typedef avsn_blend avsn_blend_rule(int64_t index, int64_t points, int64_t cells);

/* Both rows have the same ends, points and cells lie in the middle of their equal parts of it; held constant beyond the
 * outermost centres. */
avsn_blend_rule avsn_blend_centred;
/* The first point is the first cell, the last the last. */
avsn_blend_rule avsn_blend_aligned;
/* Point i lies at cell i * cells / points, so the last cell is held at the end. As the images.resize of TensorFlow 1,
 * in float like there. */
avsn_blend_rule avsn_blend_legacy;

#endif
