#include "op/conv_amx.h"
#include "op/tiles.h"

#if defined(__x86_64__)

#include <string.h>

/* The line of positions that begins at `line` of a slice: where its cells come from. */
typedef struct slice {
    const avsn_conv_plan *plan;
    const avsn_conv_part *part;
    int64_t frame;     /* its first */
    int64_t row, cell; /* remainders */
} slice;

/* The first cell of the picture's line; NULL where there is none. */
static const uint16_t *line_at(const slice *s, int64_t line)
{
    const avsn_conv_axis *a = s->plan->axis;
    const int64_t picture = line / a[1].pitch, item = picture / a[0].pitch;
    const int64_t t = picture % a[0].pitch * a[0].stride + s->frame - a[0].before;
    const int64_t y = line % a[1].pitch * a[1].stride + s->row - a[1].before;
    if (item >= s->plan->n || t < 0 || t >= a[0].src || y < 0 || y >= a[1].src)
        return NULL;
    return s->part->src + ((item * a[0].src + t) * a[1].src + y) * a[2].src * s->part->channels;
}

AVSN_AVX512 static void clear_cells(int64_t blocks, uint16_t *out, int64_t stride, int64_t count)
{
    for (int64_t block = 0; block < blocks; block++)
        memset(out + block * stride, 0, (size_t)count * AVSN_BLOCK * sizeof *out);
}

/* Bits from negative zero to negative infinity become zero; NaN stays. */
AVSN_AVX512 static inline __m512i rectified(__m512i cell)
{
    const __m512i above = _mm512_sub_epi16(cell, _mm512_set1_epi16(INT16_MIN));
    return _mm512_maskz_mov_epi16(_mm512_cmpgt_epu16_mask(above, _mm512_set1_epi16(0x7f80)), cell);
}

/* Of half a cell, in f32. */
AVSN_AVX512 static inline __m512 leaked_half(__m256i half, __m512 slope)
{
    const __m512 x = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), x, slope);
}

AVSN_AVX512 static inline __m512i leaked(__m512i cell, __m512 slope)
{
    return (__m512i)_mm512_cvtne2ps_pbh(leaked_half(_mm512_extracti64x4_epi64(cell, 1), slope),
                                        leaked_half(_mm512_castsi512_si256(cell), slope));
}

typedef enum reading { AS_IT_IS, RECTIFIED, LEAKED } reading;

AVSN_AVX512 static inline __m512i read_cell(__m512i cell, reading how, __m512 slope)
{
    return how == AS_IT_IS ? cell : how == RECTIFIED ? rectified(cell) : leaked(cell, slope);
}

AVSN_AVX512 static inline __attribute__((always_inline)) void copy_as(const avsn_conv_part *p, const uint16_t *from, int64_t step,
                                                                      uint16_t *out, int64_t stride, int64_t count,
                                                                      reading how)
{
    const int64_t whole = p->channels / AVSN_BLOCK;
    const uint32_t mask = (uint32_t)((1ull << p->channels % AVSN_BLOCK) - 1);
    const __m512 slope = _mm512_set1_ps(p->slope);
    for (int64_t i = 0; i < count; i++, from += step, out += AVSN_BLOCK) {
        for (int64_t block = 0; block < whole; block++)
            _mm512_store_si512(out + block * stride, read_cell(_mm512_loadu_si512(from + block * AVSN_BLOCK), how, slope));
        if (mask)
            _mm512_store_si512(out + whole * stride,
                               read_cell(_mm512_maskz_loadu_epi16(mask, from + whole * AVSN_BLOCK), how, slope));
    }
}

AVSN_AVX512 static void copy_cells(const avsn_conv_part *p, const uint16_t *from, int64_t step, uint16_t *out, int64_t stride,
                                   int64_t count)
{
    if (p->slope >= 1)
        copy_as(p, from, step, out, stride, count, AS_IT_IS);
    else if (p->slope > 0)
        copy_as(p, from, step, out, stride, count, LEAKED);
    else
        copy_as(p, from, step, out, stride, count, RECTIFIED);
}

/* Lanes of `block` that see values of a line: of the window's `run` values the first sees the line's value `left`. */
static inline uint32_t lanes_inside(int64_t block, int64_t left, int64_t run, int64_t end)
{
    const int64_t first = AVSN_MAX(-left - block * AVSN_BLOCK, (int64_t)0);
    const int64_t last = AVSN_MIN(AVSN_MIN(run, end - left) - block * AVSN_BLOCK, (int64_t)AVSN_BLOCK);
    return first < last ? (uint32_t)((1ull << last) - (1ull << first)) : 0;
}

/* Windows of the positions from x on. */
AVSN_AVX512 static void copy_windows(const avsn_conv_plan *p, const uint16_t *line, int64_t x, uint16_t *out, int64_t stride,
                                     int64_t count)
{
    const avsn_conv_axis *a = &p->axis[2];
    const int64_t run = p->window * p->in, end = a->src * p->in, step = a->stride * p->in;
    for (int64_t block = 0; block < p->in_blocks; block++) {
        const uint32_t all = lanes_inside(block, 0, run, run);
        uint16_t *to = out + block * stride;
        int64_t left = (x * a->stride - a->before) * p->in;
        for (int64_t i = 0; i < count; i++, left += step, to += AVSN_BLOCK) {
            const uint32_t mask = left >= 0 && left + run <= end ? all : lanes_inside(block, left, run, end);
            /* The address of lane 0, which may lie outside of the line: masked lanes aren't read. */
            const uintptr_t at = (uintptr_t)line + (uintptr_t)(left + block * AVSN_BLOCK) * sizeof *line;
            _mm512_store_si512(to, _mm512_maskz_loadu_epi16(mask, (const void *)at));
        }
    }
}

/* Positions from `first` on of one plane of one slice, all blocks of a part, `stride` apart. */
AVSN_AVX512 static void fill_plane(const slice *s, int64_t first, uint16_t *out, int64_t stride)
{
    const avsn_conv_plan *p = s->plan;
    const avsn_conv_axis *a = &p->axis[2];
    const int64_t blocks = p->window ? p->in_blocks : avsn_quotient_up(s->part->channels, AVSN_BLOCK);
    const int64_t left = a->before - s->cell; /* cell j is the source's j * stride - left */
    const int64_t inside = left > 0 && !p->window ? avsn_quotient_up(left, a->stride) : 0;
    const int64_t outside = p->window ? a->dst : avsn_quotient_up(a->src + left, a->stride);
    int64_t line = first / a->pitch, x = first % a->pitch;
    for (int64_t done = 0; done < p->plane; line++, x = 0) {
        const int64_t end = AVSN_MIN(a->pitch, x + p->plane - done);
        const uint16_t *from = line_at(s, line);
        const int64_t begin = from ? AVSN_MIN(AVSN_MAX(inside, x), end) : end;
        const int64_t stop = AVSN_MAX(AVSN_MIN(outside, end), begin);
        clear_cells(blocks, out + done * AVSN_BLOCK, stride, begin - x);
        uint16_t *to = out + (done + begin - x) * AVSN_BLOCK;
        if (stop > begin && p->window)
            copy_windows(p, from, begin, to, stride, stop - begin);
        else if (stop > begin)
            copy_cells(s->part, from + (begin * a->stride - left) * s->part->channels, a->stride * s->part->channels, to, stride,
                       stop - begin);
        clear_cells(blocks, out + (done + stop - x) * AVSN_BLOCK, stride, end - stop);
        done += end - x;
    }
}

void avsn_conv_amx_fill(const avsn_conv_plan *p, const avsn_conv_part *from, int64_t first, uint16_t *out)
{
    const avsn_conv_axis *a = p->axis;
    const int64_t slice_values = p->planes * p->plane * AVSN_BLOCK;
    out += from->block * p->slices * slice_values;
    for (int64_t i = 0; i < p->slices; i++) {
        slice s = {p, from, p->backward ? i : i * a[0].dilation, 0, 0};
        for (int64_t plane = 0; plane < p->planes; plane++) {
            s.row = plane / a[2].planes;
            s.cell = plane % a[2].planes;
            fill_plane(&s, first, out + i * slice_values + plane * p->plane * AVSN_BLOCK, p->slices * slice_values);
        }
    }
}

#endif
