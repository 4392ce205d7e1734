#include "media/private.h"

#include <stdlib.h>
#include <string.h>

/* FFmpeg's display matrix takes the stored (x, y) to (x a + y c, x b + y d), stored as a b u c d v x y w. */
avsn_orientation avsn_orientation_of(const int32_t matrix[9])
{
    const int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    if (llabs(a) + llabs(d) >= llabs(b) + llabs(c))
        return (avsn_orientation){false, a < 0, d < 0};
    return (avsn_orientation){true, c < 0, b < 0};
}

int32_t avsn_orientation_degrees(avsn_orientation o)
{
    if (o.transposed)
        return o.flip_y ? 270 : 90;
    return o.flip_x && o.flip_y ? 180 : 0;
}

/* Tiles, since one side of a transposition walks down columns. */
#define TILE 32

#define GATHER(name, bytes)                                                                                          \
    static void name(const uint8_t *src, ptrdiff_t step_x, ptrdiff_t step_y, int32_t width, int32_t height,          \
                     uint8_t *dst, ptrdiff_t dst_stride)                                                             \
    {                                                                                                                \
        for (int32_t y0 = 0; y0 < height; y0 += TILE)                                                                \
            for (int32_t x0 = 0; x0 < width; x0 += TILE)                                                             \
                for (int32_t y = y0; y < AVSN_MIN(y0 + TILE, height); y++)                                           \
                    for (int32_t x = x0; x < AVSN_MIN(x0 + TILE, width); x++)                                        \
                        memcpy(dst + y * dst_stride + (ptrdiff_t)x * (bytes), src + x * step_x + y * step_y, bytes); \
    }

GATHER(gather_1, 1)
GATHER(gather_3, 3)

void avsn_orientation_apply(avsn_orientation o, const uint8_t *src, ptrdiff_t src_stride, int32_t src_width,
                            int32_t src_height, int bytes, uint8_t *dst, ptrdiff_t dst_stride)
{
    ptrdiff_t step_x = o.transposed ? src_stride : bytes, step_y = o.transposed ? bytes : src_stride;
    const int32_t width = o.transposed ? src_height : src_width, height = o.transposed ? src_width : src_height;
    if (o.flip_x) {
        src += (width - 1) * step_x;
        step_x = -step_x;
    }
    if (o.flip_y) {
        src += (height - 1) * step_y;
        step_y = -step_y;
    }
    if (bytes == 1)
        gather_1(src, step_x, step_y, width, height, dst, dst_stride);
    else
        gather_3(src, step_x, step_y, width, height, dst, dst_stride);
}
