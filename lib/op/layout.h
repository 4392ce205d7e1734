/* How a tensor lies in memory: shape, element type and the order oneDNN chose. Immutable, reference-counted. */
#ifndef AVSN_LAYOUT_H
#define AVSN_LAYOUT_H

#include "tensor/tensor.h"

typedef struct avsn_layout avsn_layout;

/* Row-major. */
avsound_status avsn_layout_plain(avsound_context *context, int32_t dtype, const avsn_shape *shape, avsn_layout **out);
avsn_layout *avsn_layout_ref(avsn_layout *layout); /* NULL stays NULL */
void avsn_layout_unref(avsn_layout *layout);       /* NULL is allowed */

bool avsn_layout_equal(const avsn_layout *a, const avsn_layout *b);
bool avsn_layout_is_plain(const avsn_layout *layout);
size_t avsn_layout_bytes(const avsn_layout *layout);
int32_t avsn_layout_dtype(const avsn_layout *layout);
const avsn_shape *avsn_layout_shape(const avsn_layout *layout);
/* "nchw", "nhwc", "nChw16c"; for what has no such name "blocked" or "winograd". Returns text. */
#define AVSN_LAYOUT_TEXT 32
const char *avsn_layout_text(const avsn_layout *layout, char text[AVSN_LAYOUT_TEXT]);

/* Element offsets of an activation (N,C,cells): n * batch + (c / block) * outer + (c % block) * inner + cell * cell. Holds for
 * plain, channels-last and channel-blocked layouts; false for any other. */
typedef struct avsn_cells {
    int64_t n, c, cells;
    int64_t block, batch, outer, inner, cell;
} avsn_cells;
bool avsn_layout_cells(const avsn_layout *layout, avsn_cells *cells);
/* Element offset of channel c of item n at cell 0. */
static inline int64_t avsn_cells_channel(const avsn_cells *at, int64_t n, int64_t c)
{
    return n * at->batch + c / at->block * at->outer + c % at->block * at->inner;
}

#endif
