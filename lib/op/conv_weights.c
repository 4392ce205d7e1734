/* The weights' gradient of 3x3 convolutions in bf16 with the processor's tile registers: the half of a training step for
 * which oneDNN 2.6 gets least out of them.
 *
 * The batch is one tall picture, each item followed by a line of zeros, and that one long row of pixels, each line followed
 * by one zero (the padding between two lines is shared), so that a tap of the kernel is a constant shift of the source
 * against the result's gradient. Then
 *     diff weights[o][i][tap] = sum over k of diff dst[o][k] * src[k + shift(tap)][i],
 * a product of matrices. The left side is turned over, once for all nine taps. The right side is wanted in pairs of pixels,
 * and a shift may be odd: it is there twice, once with the pairs that begin at even pixels and once with the others. So no
 * load of a tile ever crosses a cache line. That happens panel by panel, a few lines of some channels that stay in the
 * second-level cache while all their products are made.
 *
 * A source of three channels or fewer has too few for a tile: there the columns of the right side are all values that a
 * window covers, for any stride, and there is one product instead of nine. */
#include "op/families.h"
#include "op/onednn.h"
#include "op/tiles.h"

#include <omp.h>
#include <string.h>

enum {
    BLOCK = 32, /* channels */
    GROUP = 4,  /* blocks on either side of a task's products */
    TAPS = 9,
    STEP = 32,
    PANEL = 1024, /* pixels, about */
    TASKS = 16,
    SUMS = BLOCK * BLOCK,
    FEWEST = 16 /* channels, where they are not the columns of windows */
};

typedef struct plan {
    int64_t n, height, width, out;    /* of diff dst */
    int64_t src_height, src_width, in;
    int64_t stride[2], before[2];
    bool windows;                     /* the columns are those of windows */
    int64_t taps;                     /* products: 9, of windows 1 */
    int64_t in_blocks, out_blocks;    /* of BLOCK channels, zeros behind the last */
    int64_t in_groups, out_groups;    /* of GROUP blocks */
    int64_t pitch;                    /* pixels of a line, with the zero behind it */
    int64_t item;                     /* lines of an item, with the one of zeros */
    int64_t lines;                    /* of a panel */
    int64_t panels;
    int64_t length;                   /* of a panel's long row: a multiple of STEP */
    int64_t row;                      /* between the turned rows of two channels */
    int64_t pairs;                    /* of pixels of a panel's source, with all shifts */
    int64_t splits;                   /* each pair of groups sums over the panels in so many parts */
} plan;

static bool fits_windows(int64_t in)
{
    return in * TAPS <= BLOCK;
}

static plan plan_of(const avsn_window *w, const avsn_shape *src, const avsn_shape *dst)
{
    plan p = {.n = src->dim[0], .height = dst->dim[2], .width = dst->dim[3], .out = dst->dim[1],
              .src_height = src->dim[2], .src_width = src->dim[3], .in = src->dim[1],
              .stride = {w->stride[0], w->stride[1]}, .before = {w->before[0], w->before[1]}};
    p.windows = fits_windows(p.in);
    p.taps = p.windows ? 1 : TAPS;
    p.in_blocks = avsn_quotient_up(p.windows ? p.in * TAPS : p.in, BLOCK);
    p.out_blocks = avsn_quotient_up(p.out, BLOCK);
    p.in_groups = avsn_quotient_up(p.in_blocks, GROUP);
    p.out_groups = avsn_quotient_up(p.out_blocks, GROUP);
    p.pitch = p.width + !p.windows;
    p.item = p.height + !p.windows;
    p.lines = AVSN_MIN(AVSN_MAX(PANEL / p.pitch, (int64_t)1), p.n * p.item);
    p.panels = avsn_quotient_up(p.n * p.item, p.lines);
    p.length = avsn_quotient_up(p.lines * p.pitch, STEP) * STEP;
    /* An odd number of cache lines, or the rows of a tile would all fall into the same few sets. */
    p.row = p.length / STEP % 2 ? p.length : p.length + STEP;
    p.pairs = p.windows ? p.length / 2 : (p.length + 2 * p.pitch + 4) / 2;
    p.splits = AVSN_MIN(p.panels, avsn_quotient_up(TASKS, p.in_groups * p.out_groups));
    return p;
}

/* Both of one thread. */
static size_t src_count(const plan *p)
{
    return (size_t)(AVSN_MIN(p->in_blocks, (int64_t)GROUP) * (p->windows ? 1 : 2) * p->pairs * 2 * BLOCK);
}

static size_t dst_count(const plan *p)
{
    return (size_t)(AVSN_MIN(p->out_blocks, (int64_t)GROUP) * BLOCK * p->row);
}

/* [in group][out group][split][in block][out block][tap][4 tiles][16][16]; groups that lack blocks have holes. */
static size_t task_sums(const plan *p)
{
    return (size_t)(AVSN_MIN(p->in_blocks, (int64_t)GROUP) * AVSN_MIN(p->out_blocks, (int64_t)GROUP) * p->taps * SUMS);
}

static int64_t tasks_of(const plan *p)
{
    return p->in_groups * p->out_groups * p->splits;
}

static size_t scratch_bytes(const plan *p, int32_t threads)
{
    return (size_t)tasks_of(p) * task_sums(p) * sizeof(float) +
           (size_t)threads * (src_count(p) + dst_count(p)) * sizeof(uint16_t);
}

#if defined(__x86_64__)

/* ---- the pixels of a panel ---- */

static const uint16_t zeros[GROUP * BLOCK];

/* Goes along a panel's long row, from the line `line` of the tall picture to before the line `end`; `x` is -1 at a zero
 * before. */
typedef struct walk {
    const plan *plan;
    const uint16_t *base; /* at the first channel wanted */
    int64_t channels, line, end, x;
    const uint16_t *at;   /* the line's first pixel; NULL: zeros */
} walk;

static void find_line(walk *w)
{
    const plan *p = w->plan;
    const int64_t y = w->line % p->item;
    w->at = w->line < 0 || w->line >= w->end || w->line >= p->n * p->item || y >= p->height
                ? NULL
                : w->base + (w->line / p->item * p->height + y) * p->width * w->channels;
}

static walk walk_from(const plan *p, const uint16_t *base, int64_t channels, int64_t line, int64_t end, int64_t x)
{
    walk w = {p, base, channels, line, end, x, NULL};
    find_line(&w);
    return w;
}

static inline const uint16_t *next(walk *w)
{
    if (w->x == w->plan->pitch) {
        w->x = 0;
        w->line++;
        find_line(w);
    }
    const int64_t x = w->x++;
    return w->at && x >= 0 && x < w->plan->width ? w->at + x * w->channels : zeros;
}

/* The lanes of block `block` that channels fill. */
static inline uint32_t lanes(int64_t channels, int64_t block)
{
    const int64_t left = channels - block * BLOCK;
    return left >= BLOCK ? UINT32_MAX : (uint32_t)((1ull << left) - 1);
}

/* ---- turning over ---- */

/* 16x16 numbers of 32 bits, rows to columns. */
AVSN_AVX512 static inline void transpose(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* Where unpacking two rows of 32 numbers of 16 bits puts the pair of number `lane`: in the low result's 16, or the high
 * one's. */
static inline int64_t place_of(int64_t lane)
{
    return lane / 4 % 2 * 16 + lane / 8 * 4 + lane % 4;
}

/* [out block][BLOCK][row], from the channels at the walk's base. */
AVSN_AVX512 static void turn_dst(const plan *p, walk w, int64_t channels, uint16_t *out)
{
    for (int64_t k = 0; k < p->length; k += STEP) {
        const uint16_t *at[STEP];
        for (int i = 0; i < STEP; i++)
            at[i] = next(&w);
        for (int64_t block = 0; block * BLOCK < channels; block++) {
            const uint32_t mask = lanes(channels, block);
            uint16_t *rows = out + block * BLOCK * p->row + k;
            __m512i low[16], high[16];
            for (int i = 0; i < 16; i++) {
                const __m512i a = _mm512_maskz_loadu_epi16(mask, at[2 * i] + block * BLOCK);
                const __m512i b = _mm512_maskz_loadu_epi16(mask, at[2 * i + 1] + block * BLOCK);
                low[i] = _mm512_unpacklo_epi16(a, b);
                high[i] = _mm512_unpackhi_epi16(a, b);
            }
            transpose(low);
            transpose(high);
            for (int i = 0; i < 16; i++) {
                const int64_t channel = i / 4 * 8 + i % 4;
                _mm512_storeu_si512(rows + channel * p->row, low[i]);
                _mm512_storeu_si512(rows + (channel + 4) * p->row, high[i]);
            }
        }
    }
}

/* [in block][2][pairs][BLOCK, at place_of][2]. */
AVSN_AVX512 static void pair_src(const plan *p, walk w, int64_t channels, uint16_t *out)
{
    const uint16_t *here = next(&w);
    for (int64_t k = 0; k < 2 * p->pairs; k++) {
        const uint16_t *there = next(&w);
        for (int64_t block = 0; block * BLOCK < channels; block++) {
            const uint32_t mask = lanes(channels, block);
            const __m512i a = _mm512_maskz_loadu_epi16(mask, here + block * BLOCK);
            const __m512i b = _mm512_maskz_loadu_epi16(mask, there + block * BLOCK);
            uint16_t *pair = out + ((2 * block + k % 2) * p->pairs + k / 2) * 2 * BLOCK;
            _mm512_storeu_si512(pair, _mm512_unpacklo_epi16(a, b));
            _mm512_storeu_si512(pair + BLOCK, _mm512_unpackhi_epi16(a, b));
        }
        here = there;
    }
}

/* What the window of pixel x of line `line` covers: [3][3][channels], zeros outside of the picture and behind. */
AVSN_AVX512 static inline __m512i window(const plan *p, const uint16_t *src, int64_t line, int64_t x)
{
    const int64_t y = line % p->height * p->stride[0] - p->before[0], left = x * p->stride[1] - p->before[1];
    const int64_t first = AVSN_MAX(-left, (int64_t)0), end = AVSN_MIN(p->src_width - left, (int64_t)3), run = 3 * p->in;
    const uint32_t inside = first < end ? ((1u << end * p->in) - 1) & ~((1u << first * p->in) - 1) : 0;
    __m512i all = _mm512_setzero_si512();
    for (int64_t i = 0; i < 3; i++) {
        if (y + i < 0 || y + i >= p->src_height)
            continue;
        /* The address of lane 0, which may lie before the source: masked lanes aren't read. */
        const int64_t offset = ((line / p->height * p->src_height + y + i) * p->src_width + left) * p->in - i * run;
        const uintptr_t at = (uintptr_t)src + (uintptr_t)offset * sizeof *src;
        all = _mm512_or_si512(all, _mm512_maskz_loadu_epi16(inside << i * run, (const void *)at));
    }
    return all;
}

/* [pairs][BLOCK, at place_of][2]. */
AVSN_AVX512 static void window_src(const plan *p, const uint16_t *src, int64_t line, uint16_t *out)
{
    const int64_t end = AVSN_MIN(line + p->lines, p->n * p->height);
    int64_t x = 0;
    for (int64_t k = 0; k < p->length; k += 2, out += 2 * BLOCK) {
        __m512i pixel[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (int i = 0; i < 2 && line < end; i++) {
            pixel[i] = window(p, src, line, x);
            if (++x == p->width) {
                x = 0;
                line++;
            }
        }
        _mm512_storeu_si512(out, _mm512_unpacklo_epi16(pixel[0], pixel[1]));
        _mm512_storeu_si512(out + BLOCK, _mm512_unpackhi_epi16(pixel[0], pixel[1]));
    }
}

/* ---- multiplying ---- */

/* Adds one tap's products of `steps` times STEP pixels: 0-3 sums, 4 and 5 gradients, 6 and 7 sources. Loads stand together
 * in front of the products; the next step's operands and two lines of the next tap's sums are called for. Both are worth
 * most while the core is shared. */
AVSN_TILES static void add_tap(const uint16_t *dst, int64_t row, const uint16_t *src, int64_t steps, bool first, float *sums)
{
    enum { TILE_ROW = 64, TILE = 256 };
    const int dst_row = (int)row * 2, src_row = BLOCK * 4;
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, TILE_ROW);
        _tile_loadd(1, sums + TILE, TILE_ROW);
        _tile_loadd(2, sums + 2 * TILE, TILE_ROW);
        _tile_loadd(3, sums + 3 * TILE, TILE_ROW);
    }
    for (int64_t step = 0; step < steps; step++, dst += STEP, src += STEP * BLOCK) {
        for (int64_t i = 0; i < STEP; i++) {
            _mm_prefetch(src + (STEP + i) * BLOCK, _MM_HINT_T0);
            _mm_prefetch(dst + STEP + i * row, _MM_HINT_T0);
        }
        _mm_prefetch(sums + SUMS + step * 32, _MM_HINT_T0);
        _mm_prefetch(sums + SUMS + step * 32 + 16, _MM_HINT_T0);
        _tile_loadd(4, dst, dst_row);
        _tile_loadd(5, dst + 16 * row, dst_row);
        _tile_loadd(6, src, src_row);
        _tile_loadd(7, src + 32, src_row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, TILE_ROW);
    _tile_stored(1, sums + TILE, TILE_ROW);
    _tile_stored(2, sums + 2 * TILE, TILE_ROW);
    _tile_stored(3, sums + 3 * TILE, TILE_ROW);
}

/* What a thread works on: a pair of groups and a part of the panels. */
typedef struct task {
    int64_t in, out;              /* first channels */
    int64_t in_count, out_count;  /* channels; in a task of windows the columns */
    int64_t panel, end;
    float *sums;
} task;

static task task_at(const plan *p, float *sums, int64_t index)
{
    const int64_t split = index % p->splits, groups = index / p->splits;
    const int64_t out = groups % p->out_groups, in = groups / p->out_groups;
    const int64_t wide = GROUP * BLOCK, columns = p->windows ? TAPS * p->in : p->in;
    return (task){.in = in * wide,
                  .out = out * wide,
                  .in_count = AVSN_MIN(columns - in * wide, wide),
                  .out_count = AVSN_MIN(p->out - out * wide, wide),
                  .panel = split * p->panels / p->splits,
                  .end = (split + 1) * p->panels / p->splits,
                  .sums = sums + (size_t)index * task_sums(p)};
}

static void multiply_panel(const plan *p, const task *t, const uint16_t *src, const uint16_t *dst, bool first)
{
    float *sums = t->sums;
    for (int64_t in = 0; in * BLOCK < t->in_count; in++)
        for (int64_t out = 0; out * BLOCK < t->out_count; out++)
            for (int64_t tap = 0; tap < p->taps; tap++, sums += SUMS) {
                const int64_t shift = tap / 3 * p->pitch + tap % 3;
                const uint16_t *pairs = src + ((2 * in + shift % 2) * p->pairs + shift / 2) * 2 * BLOCK;
                add_tap(dst + out * BLOCK * p->row, p->row, pairs, p->length / STEP, first, sums);
            }
}

static void run_task(const plan *p, const task *t, const uint16_t *src, const uint16_t *dst, uint16_t *buffer)
{
    uint16_t *pairs = buffer, *turned = buffer + src_count(p);
    avsn_tiles_begin();
    for (int64_t panel = t->panel; panel < t->end; panel++) {
        const int64_t line = panel * p->lines, end = line + p->lines;
        turn_dst(p, walk_from(p, dst + t->out, p->out, line, end, 0), t->out_count, turned);
        if (p->windows)
            window_src(p, src, line, pairs);
        else
            pair_src(p, walk_from(p, src + t->in, p->in, line - 1, end + 1, -1), t->in_count, pairs);
        multiply_panel(p, t, pairs, turned, panel == t->panel);
    }
    avsn_tiles_end();
}

/* ---- the sums' way to the weights ---- */

/* Of one result's channel and the `BLOCK` columns of one block: the parts' sums, always in the same order. */
static void add_parts(const plan *p, const float *all, int64_t o, int64_t block, float sum[TAPS][BLOCK])
{
    const int64_t groups = block / GROUP * p->out_groups + o / (GROUP * BLOCK), out = o / BLOCK % GROUP;
    const int64_t out_blocks = AVSN_MIN(p->out_blocks - o / (GROUP * BLOCK) * GROUP, (int64_t)GROUP);
    const float *from = all + (size_t)(groups * p->splits) * task_sums(p) +
                        (block % GROUP * out_blocks + out) * p->taps * SUMS + o % BLOCK / 16 * 512 + o % 16 * 16;
    memset(sum, 0, TAPS * sizeof *sum);
    for (int64_t split = 0; split < p->splits; split++, from += task_sums(p))
        for (int64_t tap = 0; tap < p->taps; tap++)
            for (int64_t i = 0; i < 16; i++) {
                sum[tap][i] += from[tap * SUMS + i];
                sum[tap][16 + i] += from[tap * SUMS + 256 + i];
            }
}

static void write_weights(const plan *p, const float *sums, float *weights)
{
#pragma omp parallel for
    for (int64_t o = 0; o < p->out; o++)
        for (int64_t block = 0; block < p->in_blocks; block++) {
            float sum[TAPS][BLOCK];
            add_parts(p, sums, o, block, sum);
            const int64_t first = block * BLOCK, count = AVSN_MIN(p->in - first, (int64_t)BLOCK);
            for (int64_t i = 0; i < count; i++)
                for (int64_t tap = 0; tap < TAPS; tap++)
                    weights[(o * p->in + first + i) * TAPS + tap] =
                        p->windows ? sum[0][place_of(tap * p->in + i)] : sum[tap][place_of(i)];
        }
}

static void backward_weights(const avsn_c_kernel *k)
{
    const plan p =
        plan_of(&k->attributes.window, avsn_layout_shape(k->base.input[0]), avsn_layout_shape(k->base.input[1]));
    const int64_t tasks = tasks_of(&p);
    const size_t buffer = src_count(&p) + dst_count(&p);
    float *sums = k->scratchpad;
    uint16_t *buffers = (uint16_t *)(sums + (size_t)tasks * task_sums(&p));
#pragma omp parallel for schedule(dynamic) num_threads(k->threads)
    for (int64_t i = 0; i < tasks; i++) {
        const task t = task_at(&p, sums, i);
        run_task(&p, &t, k->input[0], k->input[1], buffers + (size_t)omp_get_thread_num() * buffer);
    }
    write_weights(&p, sums, k->output[0]);
}

#else

static void backward_weights(const avsn_c_kernel *k)
{
    (void)k;
}

#endif

/* ---- making ---- */

bool avsn_conv_weights_serves(const avsn_kernel_request *r)
{
    const avsn_window *w = &r->attributes->window;
    if (r->compute != AVSOUND_DTYPE_BF16 || avsn_op_isa() < AVSN_ISA_AMX || r->output_count > 1 || w->spatial != 2)
        return false;
    const int64_t in = avsn_layout_shape(r->input[0])->dim[1], out = avsn_layout_shape(r->input[1])->dim[1];
    for (int i = 0; i < 2; i++) {
        if (w->kernel[i] != 3 || w->dilation[i] != 1)
            return false;
        if (!fits_windows(in) && (w->stride[i] != 1 || w->before[i] != 1 || w->after[i] != 1))
            return false;
    }
    return out >= FEWEST && (in >= FEWEST || fits_windows(in));
}

avsound_status avsn_make_conv_weights(const avsn_kernel_request *r, avsn_kernel **out)
{
    avsn_kernel *kernel;
    AVSN_TRY(avsn_c_kernel_create(r, "c:conv_weights_amx", backward_weights, 0, &kernel));
    const plan p = plan_of(&r->attributes->window, avsn_layout_shape(r->input[0]), avsn_layout_shape(r->input[1]));
    kernel->scratchpad_bytes = scratch_bytes(&p, ((avsn_c_kernel *)kernel)->threads);
    for (int32_t i = 0; i < 2; i++) {
        const avsn_shape *shape = avsn_layout_shape(r->input[i]);
        avsn_md md = {0};
        const dnnl_status_t status = avsn_md_tag(&md, shape, AVSOUND_DTYPE_BF16, dnnl_nhwc);
        avsn_layout *layout =
            status ? NULL : avsn_layout_from_md(r->context, avsn_md_of(&md), shape, AVSOUND_DTYPE_BF16);
        avsn_md_clear(&md);
        if (!layout) {
            avsn_kernel_free(kernel);
            return status ? avsn_onednn_fail(status, "convolution backward by weights", shape, NULL) : AVSOUND_E_NO_MEMORY;
        }
        avsn_layout_unref(kernel->input[i]);
        kernel->input[i] = layout;
    }
    *out = kernel;
    return AVSOUND_OK;
}
