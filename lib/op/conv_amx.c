/* Convolutions in bf16 with the processor's tile registers, of any window, in one to three dimensions.
 *
 * Pictures lie one behind the other in one long row of positions: each line followed by as many positions as a window
 * reaches beyond it (the padding behind a line and that before the next one are the same cells where both are zeros), each
 * picture by as many lines. So every tap of the window is a constant shift of the source against the result,
 * and a tile takes any sixteen positions in succession, wherever lines end; what falls between them is computed and
 * dropped. With a stride the source's cells are dealt out to one plane for each remainder, in which taps are shifts again.
 *
 * A task copies a panel, some positions with all their channels, in blocks of 32, into a buffer that stays in the
 * second-level cache: zeros where the padding is, cells of 64 bytes, so that no load of a tile crosses a cache line. Then
 * it multiplies: 32 positions by 32 channels of the result in four tiles, over all blocks of channels and all taps. What is
 * copied anyhow can come from several tensors, one behind the other along the channels, and through a leaky ReLU.
 *
 * Of a source with few channels a cell holds what the window covers of one line, which lies there in succession: all taps
 * of a line in one product.
 *
 * The gradient by the source, and the transposed convolution, which is that gradient, are convolutions with stride 1 and
 * with the taps turned round. Where the window has a stride, each of its remainders has a convolution of its own, with the
 * taps that meet it (kernel 4, stride 2: four of kernel 2); they share a panel, and their results interleave: phases. */
#include "op/conv_amx.h"
#include "op/lanes.h"
#include "op/onednn.h"
#include "op/tiles.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    TILE_VALUES = 512,   /* of bf16 */
    TASKS = 4,           /* of a thread: where panels are few, the result's channels are shared out too */
    TAPS = 512,          /* at most; */
    PHASES = 64,         /* these too */
    STREAMED = 1 << 21,  /* bytes of a result */
    PAYS = 64,           /* this is faster than oneDNN's kernels from so many channels of the source on, */
    PAYS_FORWARD = 1024, /* if one value takes so many products, */
    PAYS_BACKWARD = 576, /* or is one of a gradient with a stride; */
    PAYS_FEW = 4,        /* and up to so many channels, but of pictures, */
    PAYS_TAPS = 15       /* from so many taps on */
};

/* Positions in succession that share a line of the result, or that are dropped. */
typedef struct place {
    int64_t at;  /* the first channel in the result; -1: dropped */
    int64_t run; /* how many, from this one on */
} place;

/* Of one thread: the panel, and where each of its results goes, phase by phase. */
static size_t thread_bytes(const avsn_conv_plan *p)
{
    return avsn_conv_amx_cells(p) * AVSN_BLOCK * sizeof(uint16_t) + (size_t)(p->phases * p->count) * sizeof(place);
}

/* Those that a run makes itself. */
static size_t weights_bytes(const avsn_conv_plan *p)
{
    return p->window ? (size_t)(p->out_tiles * p->in_blocks * p->taps * TILE_VALUES) * sizeof(uint16_t) : 0;
}

typedef struct conv_kernel {
    avsn_c_kernel base;
    avsn_conv_plan plan;
    int32_t parts; /* of the source: the first inputs */
    float slope[AVSN_MAX_PARTS];
    bool bias, add, relu, narrow; /* narrow: the result is bf16, else f32 */
} conv_kernel;

#if defined(__x86_64__)

/* ---- multiplying ---- */

/* Where a tap's source and weights lie: values from a position's first cell and from a block's first tile. */
typedef struct tap_place {
    int32_t cells, weights;
} tap_place;

/* What a product of 32 positions by 32 channels adds up. */
typedef struct product {
    int64_t blocks, taps;
    const tap_place *tap;   /* one more: the next block's first, of which only the weights count */
    int64_t cells, weights; /* values from block to block */
    int64_t tile;           /* values of the weights to the second 16 channels */
} product;

/* What a product calls into the second-level cache for those of the next channels or phase: lines of 64 bytes, from `line` to
 * before `end` of the 32 of each tap's tiles. */
typedef struct ahead {
    const uint16_t *weights;
    const tap_place *tap;
    int64_t taps, line, end;
} ahead;

/* Into the first-level cache, whose share of the weights of one step is never used twice in a row. */
static inline void fetch_tile(const uint16_t *weights)
{
    for (int64_t i = 0; i < AVSN_TILE; i++)
        _mm_prefetch(weights + i * AVSN_BLOCK, _MM_HINT_T0);
}

/* Sums: tiles 0 to 3, [16 positions][16 channels] each, 0 and 1 of the first positions. Loads stand together in front of the
 * products: between them they cost more where two threads share a core. */
AVSN_TILES static inline __attribute__((always_inline)) void multiply(const product *m, const uint16_t *cells,
                                                                      const uint16_t *weights, ahead next, float *sums,
                                                                      bool rows, bool columns)
{
    enum { ROW = 64, SUMS = 256 };
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t block = 0; block < m->blocks; block++) {
        for (int64_t i = 0; i < m->taps; i++) {
            const uint16_t *a = cells + m->tap[i].cells, *b = weights + m->tap[i].weights;
            fetch_tile(weights + m->tap[i + 1].weights);
            if (columns)
                fetch_tile(weights + m->tap[i + 1].weights + m->tile);
            for (int64_t line = next.line, end = i < next.taps ? next.end : line; line < end; line++)
                _mm_prefetch(next.weights + next.tap[i].weights + line / AVSN_TILE * m->tile + line % AVSN_TILE * AVSN_BLOCK,
                             _MM_HINT_T1);
            _tile_loadd(4, a, ROW);
            if (rows)
                _tile_loadd(5, a + AVSN_TILE * AVSN_BLOCK, ROW);
            _tile_loadd(6, b, ROW);
            if (columns)
                _tile_loadd(7, b + m->tile, ROW);
            _tile_dpbf16ps(0, 4, 6);
            if (columns)
                _tile_dpbf16ps(1, 4, 7);
            if (rows)
                _tile_dpbf16ps(2, 5, 6);
            if (rows && columns)
                _tile_dpbf16ps(3, 5, 7);
        }
        cells += m->cells;
        weights += m->weights;
        next.weights += m->weights;
    }
    _tile_stored(0, sums, ROW);
    _tile_stored(1, sums + SUMS, ROW);
    _tile_stored(2, sums + 2 * SUMS, ROW);
    _tile_stored(3, sums + 3 * SUMS, ROW);
}

AVSN_TILES static void multiply_22(const product *m, const uint16_t *cells, const uint16_t *weights, ahead next, float *sums)
{
    multiply(m, cells, weights, next, sums, true, true);
}

AVSN_TILES static void multiply_21(const product *m, const uint16_t *cells, const uint16_t *weights, ahead next, float *sums)
{
    multiply(m, cells, weights, next, sums, true, false);
}

AVSN_TILES static void multiply_12(const product *m, const uint16_t *cells, const uint16_t *weights, ahead next, float *sums)
{
    multiply(m, cells, weights, next, sums, false, true);
}

AVSN_TILES static void multiply_11(const product *m, const uint16_t *cells, const uint16_t *weights, ahead next, float *sums)
{
    multiply(m, cells, weights, next, sums, false, false);
}

static void (*const multipliers[2][2])(const product *, const uint16_t *, const uint16_t *, ahead, float *) = {
    {multiply_11, multiply_12}, {multiply_21, multiply_22}};

/* ---- results ---- */

/* What happens to sums on their way to the result. */
typedef struct ending {
    const float *bias; /* NULL: none */
    const void *add;   /* as the result lies; NULL: none */
    void *dst;
    bool relu, narrow; /* narrow: bf16, else f32 */
    bool stream;       /* past the caches: whole cache lines of a result that they wouldn't hold */
} ending;

AVSN_AVX512 static inline __m512 added(const ending *e, int64_t at, __mmask16 mask)
{
    if (!e->narrow)
        return _mm512_maskz_loadu_ps(mask, (const float *)e->add + at);
    const __m256i bits = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)e->add + at);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* One run: up to 32 channels from `first` on. NaN stays NaN. */
AVSN_AVX512 static inline __attribute__((always_inline)) void write_run(const ending *e, const float *sums, int64_t row,
                                                                        place run, int64_t stride, int64_t first,
                                                                        int64_t channels, bool add, bool narrow)
{
    const uint32_t mask = channels >= AVSN_BLOCK ? UINT32_MAX : (uint32_t)((1ull << channels) - 1);
    const __mmask16 low = (__mmask16)mask, high = (__mmask16)(mask >> 16);
    const __m512 least = _mm512_set1_ps(e->relu ? 0.0f : -INFINITY);
    const __m512 bias_low = e->bias ? _mm512_maskz_loadu_ps(low, e->bias + first) : _mm512_setzero_ps();
    const __m512 bias_high = e->bias ? _mm512_maskz_loadu_ps(high, e->bias + first + AVSN_TILE) : _mm512_setzero_ps();
    int64_t at = run.at + first;
    for (const int64_t end = row + run.run; row < end; row++, at += stride) {
        const float *sum = sums + row / AVSN_TILE * 512 + row % AVSN_TILE * 16;
        __m512 a = _mm512_add_ps(_mm512_load_ps(sum), bias_low), b = _mm512_add_ps(_mm512_load_ps(sum + 256), bias_high);
        if (add) {
            a = _mm512_add_ps(a, added(e, at, low));
            b = _mm512_add_ps(b, added(e, at + AVSN_TILE, high));
        }
        a = _mm512_max_ps(least, a);
        b = _mm512_max_ps(least, b);
        if (narrow) {
            const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
            if (e->stream)
                _mm512_stream_si512((__m512i *)((uint16_t *)e->dst + at), both);
            else
                _mm512_mask_storeu_epi16((uint16_t *)e->dst + at, mask, both);
        } else {
            _mm512_mask_storeu_ps((float *)e->dst + at, low, a);
            _mm512_mask_storeu_ps((float *)e->dst + at + AVSN_TILE, high, b);
        }
    }
}

AVSN_AVX512 static void write_results(const avsn_conv_plan *p, const ending *e, const float *sums, const place *places,
                                      int64_t rows, int64_t first, int64_t channels)
{
    const int64_t stride = p->axis[2].phases * p->out;
    for (int64_t i = 0; i < rows;) {
        place run = places[i];
        run.run = AVSN_MIN(run.run, rows - i);
        if (run.at >= 0 && e->add)
            write_run(e, sums, i, run, stride, first, channels, true, e->narrow);
        else if (run.at >= 0 && e->narrow)
            write_run(e, sums, i, run, stride, first, channels, false, true);
        else if (run.at >= 0)
            write_run(e, sums, i, run, stride, first, channels, false, false);
        i += run.run;
    }
}

/* Of the phase that lies so far along each axis. */
static void find_places(const avsn_conv_plan *p, int64_t first, const int64_t phase[AVSN_AXES], place *places)
{
    const avsn_conv_axis *a = p->axis;
    int64_t size[AVSN_AXES];
    for (int i = 0; i < AVSN_AXES; i++)
        size[i] = avsn_quotient_up(a[i].interleaved - phase[i], a[i].phases);
    int64_t line = first / a[2].pitch, x = first % a[2].pitch;
    for (int64_t i = 0; i < p->count; line++, x = 0) {
        const int64_t y = line % a[1].pitch, t = line / a[1].pitch % a[0].pitch, item = line / a[1].pitch / a[0].pitch;
        const int64_t counts = item < p->n && t < size[0] && y < size[1] ? size[2] : 0;
        const int64_t frame = item * a[0].interleaved + t * a[0].phases + phase[0];
        const int64_t start = (frame * a[1].interleaved + y * a[1].phases + phase[1]) * a[2].interleaved + phase[2];
        for (; x < a[2].pitch && i < p->count; x++, i++)
            places[i] = x < counts ? (place){(start + x * a[2].phases) * p->out, counts - x} : (place){-1, a[2].pitch - x};
    }
}

/* ---- tasks ---- */

/* What the phases multiply. */
typedef struct schedule {
    tap_place taps[TAPS + PHASES]; /* each phase's, and one behind them */
    product product[PHASES];
} schedule;

static int64_t cells_shift(const avsn_conv_plan *p, int64_t t, int64_t y, int64_t x)
{
    const avsn_conv_axis *a = p->axis;
    const int64_t plane = t * p->planes + y % a[1].stride * a[2].planes + x % a[2].stride;
    return (plane * p->plane + y / a[1].stride * a[2].pitch + x / a[2].stride) * AVSN_BLOCK;
}

static void split_phase(const avsn_conv_plan *p, int64_t index, int64_t phase[AVSN_AXES])
{
    phase[2] = index % p->axis[2].phases;
    phase[1] = index / p->axis[2].phases % p->axis[1].phases;
    phase[0] = index / p->axis[2].phases / p->axis[1].phases;
}

/* False: this phase has no such tap. */
static bool find_tap(const avsn_conv_plan *p, const int64_t phase[AVSN_AXES], int64_t index, tap_place *found)
{
    const avsn_conv_axis *a = p->axis;
    const int64_t at[AVSN_AXES] = {index / a[2].kernel / a[1].kernel, index / a[2].kernel % a[1].kernel, index % a[2].kernel};
    int64_t cell[AVSN_AXES];
    for (int i = 0; i < AVSN_AXES; i++) {
        if (p->backward && !avsn_conv_amx_reads_tap(&a[i], phase[i], at[i], &cell[i]))
            return false;
        cell[i] = p->backward ? cell[i] + a[i].before : i > 0 ? at[i] * a[i].dilation : at[i];
    }
    *found = (tap_place){(int32_t)cells_shift(p, cell[0], cell[1], cell[2]), (int32_t)(index * TILE_VALUES)};
    return true;
}

/* Weights lie in tiles of 32 channels of the source by 16 of the result, all taps of a pair of blocks in succession; blocks
 * of the result are outer, backwards those of the source. */
static product product_of(const avsn_conv_plan *p, const tap_place *taps, int64_t count)
{
    const int64_t pair = p->taps * TILE_VALUES;
    return (product){.blocks = p->in_blocks,
                     .taps = count,
                     .tap = taps,
                     .cells = p->slices * p->planes * p->plane * AVSN_BLOCK,
                     .weights = p->backward ? p->out_tiles * pair : pair,
                     .tile = p->backward ? pair : p->in_blocks * pair};
}

static void find_schedule(const avsn_conv_plan *p, schedule *s)
{
    tap_place *taps = s->taps;
    for (int64_t i = 0; i < p->phases; i++) {
        int64_t phase[AVSN_AXES], count = 0;
        split_phase(p, i, phase);
        for (int64_t index = 0; index < p->taps; index++)
            count += find_tap(p, phase, index, &taps[count]);
        s->product[i] = product_of(p, taps, count);
        taps[count].weights = count ? (int32_t)s->product[i].weights + taps[0].weights : 0;
        taps += count + 1;
    }
}

/* Weights of windows are few: they come as they are and are laid in tiles here. */
static void pack_windows(const avsn_conv_plan *p, const float *weights, uint16_t *tiles)
{
    const int64_t run = p->window * p->in, all = p->out_tiles * p->in_blocks * p->taps;
    memset(tiles, 0, (size_t)(all * TILE_VALUES) * sizeof *tiles);
    for (int64_t o = 0; o < p->out; o++)
        for (int64_t lane = 0; lane < run; lane++) {
            const float *from = weights + (o * p->in + lane % p->in) * p->taps * p->window + lane / p->in;
            uint16_t *to = tiles + (o / AVSN_TILE * p->in_blocks + lane / AVSN_BLOCK) * p->taps * TILE_VALUES +
                           lane % AVSN_BLOCK / 2 * AVSN_BLOCK + o % AVSN_TILE * 2 + lane % 2;
            for (int64_t tap = 0; tap < p->taps; tap++)
                to[tap * TILE_VALUES] = avsn_narrow(from[tap * p->window]);
        }
}

/* What all tasks of a run share. */
typedef struct job {
    const avsn_conv_plan *plan;
    const schedule *schedule;
    const ending *ending;
    const avsn_conv_part *part;
    int32_t parts;
    const uint16_t *weights;
} job;

/* 32 channels of the result, at all positions of a panel, in one phase. */
static void multiply_panel(const job *j, int64_t phase, int64_t count, const uint16_t *cells, const place *places,
                           int64_t out, int64_t columns, ahead next)
{
    _Alignas(64) float sums[AVSN_BLOCK * AVSN_BLOCK];
    const product *m = &j->schedule->product[phase];
    const int64_t lines = avsn_quotient_up(2 * AVSN_TILE, avsn_quotient_up(count, AVSN_BLOCK));
    for (int64_t i = 0; i < count; i += AVSN_BLOCK) {
        const int64_t rows = AVSN_MIN(count - i, (int64_t)AVSN_BLOCK);
        next.line = AVSN_MIN(i / AVSN_BLOCK * lines, (int64_t)2 * AVSN_TILE);
        next.end = AVSN_MIN(next.line + lines, (int64_t)2 * AVSN_TILE);
        multipliers[rows > AVSN_TILE][columns > AVSN_TILE](m, cells + i * AVSN_BLOCK, j->weights + out / AVSN_TILE * m->tile, next,
                                                           sums);
        write_results(j->plan, j->ending, sums, places + i, rows, out, columns);
    }
}

/* One panel, the result's channels from `begin` to before `end`. */
static void run_task(const job *j, int64_t panel, int64_t begin, int64_t end, unsigned char *buffer)
{
    const avsn_conv_plan *p = j->plan;
    uint16_t *cells = (uint16_t *)buffer;
    place *places = (place *)(buffer + avsn_conv_amx_cells(p) * AVSN_BLOCK * sizeof *cells);
    const int64_t first = panel * p->count, count = AVSN_MIN(p->count, p->positions - first);
    for (int32_t i = 0; i < j->parts; i++)
        avsn_conv_amx_fill(p, &j->part[i], first, cells);
    for (int64_t i = 0; i < p->phases; i++) {
        int64_t phase[AVSN_AXES];
        split_phase(p, i, phase);
        find_places(p, first, phase, places + i * p->count);
    }
    avsn_tiles_begin();
    for (int64_t out = begin; out < end; out += AVSN_BLOCK)
        for (int64_t phase = 0; phase < p->phases; phase++) {
            const int64_t following = phase + 1 < p->phases ? out : out + AVSN_BLOCK < end ? out + AVSN_BLOCK : begin;
            const product *m = &j->schedule->product[(phase + 1) % p->phases];
            const ahead next = {.weights = j->weights + following / AVSN_TILE * m->tile, .tap = m->tap, .taps = m->taps};
            multiply_panel(j, phase, count, cells, places + phase * p->count, out, AVSN_MIN(end - out, (int64_t)AVSN_BLOCK),
                           next);
        }
    avsn_tiles_end();
    _mm_sfence(); /* streamed results, before others read them */
}

static void find_parts(const conv_kernel *k, avsn_conv_part parts[AVSN_MAX_PARTS])
{
    int64_t block = 0;
    for (int32_t i = 0; i < k->parts; i++) {
        parts[i] = (avsn_conv_part){k->base.input[i], avsn_dim(&k->base, i, 1), block, k->slope[i]};
        block += avsn_quotient_up(parts[i].channels, AVSN_BLOCK);
    }
}

static void convolve(const avsn_c_kernel *k)
{
    const conv_kernel *kernel = (const conv_kernel *)k;
    const avsn_conv_plan *p = &kernel->plan;
    schedule s;
    avsn_conv_part parts[AVSN_MAX_PARTS];
    find_schedule(p, &s);
    find_parts(kernel, parts);
    const void *weights = k->input[kernel->parts];
    const int32_t last = k->base.input_count - 1;
    const ending e = {.bias = kernel->bias ? k->input[kernel->parts + 1] : NULL,
                      .add = kernel->add ? k->input[last] : NULL,
                      .dst = k->output[0],
                      .relu = kernel->relu,
                      .narrow = kernel->narrow,
                      .stream = p->out % AVSN_BLOCK == 0 && (uintptr_t)k->output[0] % 64 == 0 &&
                                avsn_layout_bytes(k->base.output[0]) >= STREAMED};
    unsigned char *buffers = (unsigned char *)k->scratchpad + weights_bytes(p);
    if (p->window)
        pack_windows(p, weights, k->scratchpad);
    const job j = {p, &s, &e, parts, kernel->parts, p->window ? k->scratchpad : weights};
    const int64_t blocks = avsn_quotient_up(p->out, AVSN_BLOCK);
    const int64_t shares = k->threads > 1 ? AVSN_MIN(avsn_quotient_up(TASKS * k->threads, p->panels), blocks) : 1;
#pragma omp parallel for schedule(dynamic) num_threads(k->threads)
    for (int64_t i = 0; i < p->panels * shares; i++) {
        const int64_t share = i % shares, end = (share + 1) * blocks / shares * AVSN_BLOCK;
        run_task(&j, i / shares, share * blocks / shares * AVSN_BLOCK, AVSN_MIN(end, p->out),
                 buffers + (size_t)omp_get_thread_num() * thread_bytes(p));
    }
}

#else

static void convolve(const avsn_c_kernel *k)
{
    (void)k;
}

#endif

/* ---- making ---- */

static int64_t product_over(const int64_t *numbers, int32_t count)
{
    int64_t all = 1;
    for (int32_t i = 0; i < count; i++)
        all *= numbers[i];
    return all;
}

/* What decides whether a convolution is made here, and how. */
typedef struct problem {
    const avsn_window *window;
    avsn_shape src, dst;
    int32_t compute;
    bool backward;
} problem;

/* A transposed convolution is the gradient by its result of the convolution that goes the other way. */
static bool is_backward(avsn_op_kind kind)
{
    return kind == AVSN_OP_CONV_BACKWARD_DATA || kind == AVSN_OP_DECONV;
}

static problem problem_of(const avsn_kernel_request *r)
{
    problem c = {.window = &r->attributes->window, .src = *avsn_layout_shape(r->input[0]), .dst = *r->output,
                 .compute = r->compute, .backward = is_backward(r->kind)};
    for (int32_t i = 1; i < r->parts; i++)
        c.src.dim[1] += avsn_layout_shape(r->input[i])->dim[1];
    return c;
}

static avsn_conv_plan plan_for(const problem *c)
{
    return avsn_conv_amx_plan(c->window, &c->src, &c->dst, c->backward);
}

static bool serves(const problem *c)
{
    const avsn_window *w = c->window;
    if (c->compute != AVSOUND_DTYPE_BF16 || avsn_op_isa() < AVSN_ISA_AMX || w->spatial > AVSN_AXES ||
        product_over(w->kernel, w->spatial) > TAPS)
        return false;
    if (c->backward && product_over(w->stride, w->spatial) > PHASES)
        return false;
    const avsn_conv_plan p = plan_for(c);
    const int64_t block = p.taps * TILE_VALUES * (p.backward ? p.out_tiles + 1 : 2);
    return avsn_conv_amx_cells(&p) <= INT32_MAX / AVSN_BLOCK && block <= INT32_MAX; /* a tap's places are 32 bits wide */
}

/* Measured on a processor with tile registers against oneDNN 2.6 (docs/performance.md). */
static bool pays(const problem *c)
{
    const avsn_window *w = c->window;
    const int64_t in = c->src.dim[1], taps = product_over(w->kernel, w->spatial);
    if (!serves(c))
        return false;
    if (c->backward && product_over(w->stride, w->spatial) > 1)
        return in >= PAYS && taps > 1;
    if (c->dst.dim[1] < AVSN_BLOCK)
        return false;
    if (in <= PAYS_FEW)
        return w->spatial != 2 && taps >= PAYS_TAPS && avsn_conv_amx_joins(w, in, c->backward);
    return in >= PAYS && taps > 1 && in * taps >= (c->backward ? PAYS_BACKWARD : PAYS_FORWARD);
}

bool avsn_conv_amx_serves(const avsn_kernel_request *r)
{
    const problem c = problem_of(r);
    return serves(&c);
}

bool avsn_conv_amx_pays(const avsn_kernel_request *r)
{
    const problem c = problem_of(r);
    return pays(&c);
}

/* Parts begin with a block: only the last may end within one. */
bool avsn_conv_amx_reads(const avsn_op_parts *parts)
{
    problem c = {.window = &parts->attributes->window, .src = *parts->part[0], .dst = *parts->output,
                 .compute = parts->compute, .backward = is_backward(parts->kind)};
    for (int32_t i = 1; i < parts->count; i++) {
        if (parts->part[i - 1]->dim[1] % AVSN_BLOCK)
            return false;
        c.src.dim[1] += parts->part[i]->dim[1];
    }
    return pays(&c) && !avsn_conv_amx_joins(c.window, c.src.dim[1], c.backward);
}

static avsound_status set_layout(avsn_kernel *kernel, avsn_layout **slot, const avsn_shape *shape, int32_t dtype,
                                 dnnl_format_tag_t tag)
{
    avsn_md md = {0};
    const dnnl_status_t status = avsn_md_tag(&md, shape, dtype, tag);
    if (status)
        return avsn_onednn_fail(status, "convolution", shape, NULL);
    avsn_layout *layout = avsn_layout_from_md(kernel->context, avsn_md_of(&md), shape, dtype);
    avsn_md_clear(&md);
    if (!layout)
        return AVSOUND_E_NO_MEMORY;
    avsn_layout_unref(*slot);
    *slot = layout;
    return AVSOUND_OK;
}

static avsound_status set_layouts(const avsn_kernel_request *r, conv_kernel *k)
{
    static const dnnl_format_tag_t last[6] = {0, 0, 0, dnnl_nwc, dnnl_nhwc, dnnl_ndhwc};
    static const dnnl_format_tag_t tiles[2][6] = {{0, 0, 0, dnnl_OIw16i16o2i, dnnl_OIhw16i16o2i, dnnl_OIdhw16i16o2i},
                                                  {0, 0, 0, dnnl_OIw16o16i2o, dnnl_OIhw16o16i2o, dnnl_OIdhw16o16i2o}};
    avsn_kernel *base = &k->base.base;
    const int32_t rank = r->output->rank, dtype = k->narrow ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32;
    for (int32_t i = 0; i < k->parts; i++)
        AVSN_TRY(set_layout(base, &base->input[i], avsn_layout_shape(r->input[i]), AVSOUND_DTYPE_BF16, last[rank]));
    if (!k->plan.window)
        AVSN_TRY(set_layout(base, &base->input[k->parts], avsn_layout_shape(r->input[k->parts]), AVSOUND_DTYPE_BF16,
                            tiles[k->plan.backward][rank]));
    if (r->add)
        AVSN_TRY(set_layout(base, &base->input[r->input_count - 1], r->output, dtype, last[rank]));
    return set_layout(base, &base->output[0], r->output, dtype, last[rank]);
}

avsound_status avsn_make_conv_amx(const avsn_kernel_request *r, avsn_kernel **out)
{
    avsn_kernel *base;
    AVSN_TRY(avsn_c_kernel_create_sized(r, sizeof(conv_kernel), "c:conv_amx", convolve, 0, &base));
    conv_kernel *k = (conv_kernel *)base;
    const problem c = problem_of(r);
    k->plan = plan_for(&c);
    k->parts = AVSN_MAX(r->parts, 1);
    for (int32_t i = 0; i < k->parts; i++)
        k->slope[i] = r->parts ? r->slope[i] : 1;
    k->bias = r->input_count - (r->add ? 1 : 0) == k->parts + 2;
    k->add = r->add;
    k->relu = r->relu;
    k->narrow = r->kind == AVSN_OP_CONV_BACKWARD_DATA || r->output_dtype == AVSOUND_DTYPE_BF16;
    base->scratchpad_bytes = weights_bytes(&k->plan) + (size_t)k->base.threads * thread_bytes(&k->plan);
    const avsound_status status = set_layouts(r, k);
    if (status) {
        avsn_kernel_free(base);
        return status;
    }
    *out = base;
    return AVSOUND_OK;
}
