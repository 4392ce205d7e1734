#include "dsp/blend.h"

/* `rest` / `spacing` behind a cell, which is before the last one. */
static avsn_blend between(int64_t cell, int64_t rest, int64_t spacing)
{
    return (avsn_blend){(int32_t)cell, (int32_t)cell + 1, (float)(spacing - rest) / (float)spacing,
                        (float)rest / (float)spacing};
}

static avsn_blend at_cell(int64_t cell)
{
    return (avsn_blend){(int32_t)cell, (int32_t)cell, 1, 0};
}

/* The point's centre lies (2 index + 1) cells / (2 points) - 1/2 cells behind the centre of cell 0; in whole numbers up
 * to the last step, so that mirrored points get mirrored shares bit for bit. */
avsn_blend avsn_blend_centred(int64_t index, int64_t points, int64_t cells)
{
    const int64_t from_first = (2 * index + 1) * cells - points, spacing = 2 * points;
    if (from_first <= 0)
        return at_cell(0);
    const int64_t cell = from_first / spacing;
    return cell >= cells - 1 ? at_cell(cells - 1) : between(cell, from_first % spacing, spacing);
}

avsn_blend avsn_blend_aligned(int64_t index, int64_t points, int64_t cells)
{
    const int64_t spacing = AVSN_MAX(points - 1, 1), from_first = index * (cells - 1);
    const int64_t cell = from_first / spacing;
    return cell >= cells - 1 ? at_cell(cells - 1) : between(cell, from_first % spacing, spacing);
}

avsn_blend avsn_blend_legacy(int64_t index, int64_t points, int64_t cells)
{
    const float scale = (float)cells / (float)points, at = (float)index * scale;
    const int64_t cell = (int64_t)at;
    if (cell >= cells - 1)
        return at_cell(cells - 1);
    const float behind = at - (float)cell;
    return (avsn_blend){(int32_t)cell, (int32_t)cell + 1, 1 - behind, behind};
}
