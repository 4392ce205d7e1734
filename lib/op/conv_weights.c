/* The weights' gradient of 3x3 convolutions in bf16 with the processor's tile registers: the half of a training step for which
 * oneDNN 2.6 gets least out of them.
 *
 * A picture is one long row of pixels, each line followed by one zero (the padding between two lines is shared), so that a
 * tap of the kernel is a constant shift of the source against the result's gradient. Then
 *     diff weights[o][i][tap] = sum over k of diff dst[o][k] * src[k + shift(tap)][i],
 * a product of matrices. The left side is turned over once for all nine taps. The right side is wanted in pairs of pixels, and a
 * shift may be odd: it is there twice, once with the pairs that begin at even pixels and once with the others. So no load of
 * a tile ever crosses a cache line. */
#include "op/families.h"
#include "op/onednn.h"

#include <string.h>

enum { BLOCK = 32, TAPS = 9, STEP = 32, CHUNK = 256, TASKS = 16, FEWEST = 128 /* channels: below, turning over costs too much */ };

typedef struct plan {
    int64_t n, height, width, in, out;
    int64_t in_blocks, out_blocks; /* of BLOCK channels, zeros behind the last */
    int64_t pitch;                 /* pixels of a line and the zero behind it */
    int64_t length;                /* of the long row: a multiple of STEP */
    int64_t stride;                /* between the turned rows of two channels */
    int64_t pairs;                 /* of pixels of the source's long row, with all shifts */
    int64_t splits;                /* each pair of blocks sums over the batch in so many parts */
} plan;

static int64_t up(int64_t x, int64_t step)
{
    return (x + step - 1) / step * step;
}

static plan plan_of(const avsn_shape *src, const avsn_shape *dst)
{
    plan p = {.n = src->dim[0], .height = src->dim[2], .width = src->dim[3], .in = src->dim[1], .out = dst->dim[1]};
    p.in_blocks = up(p.in, BLOCK) / BLOCK;
    p.out_blocks = up(p.out, BLOCK) / BLOCK;
    p.pitch = p.width + 1;
    p.length = up(p.height * p.pitch, STEP);
    /* An odd number of cache lines, or the rows of a tile would all fall into the same few sets. */
    p.stride = p.length / STEP % 2 ? p.length : p.length + STEP;
    p.pairs = (p.length + 2 * p.pitch + 4) / 2;
    const int64_t wanted = (TASKS + p.in_blocks * p.out_blocks - 1) / (p.in_blocks * p.out_blocks);
    p.splits = AVSN_MIN(p.n, wanted);
    return p;
}

typedef struct scratch {
    float *sums;    /* [in block][out block][split][TAPS][BLOCK][BLOCK]: out, in */
    uint16_t *src;  /* [n][in block][2][pairs][BLOCK][2] */
    uint16_t *dst;  /* [n][out block][BLOCK][stride] */
} scratch;

static size_t sums_count(const plan *p)
{
    return (size_t)(p->in_blocks * p->out_blocks * p->splits * TAPS * BLOCK * BLOCK);
}

static size_t scratch_bytes(const plan *p)
{
    const int64_t pixels = p->in_blocks * 4 * p->pairs + p->out_blocks * p->stride;
    return (size_t)(p->n * pixels * BLOCK) * sizeof(uint16_t) + sums_count(p) * sizeof(float);
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define TILES __attribute__((target("amx-tile,amx-bf16")))

static scratch scratch_of(const plan *p, void *memory)
{
    scratch s = {.sums = memory};
    s.src = (uint16_t *)(s.sums + sums_count(p));
    s.dst = s.src + p->n * p->in_blocks * BLOCK * 4 * p->pairs;
    return s;
}

/* ---- turning over ---- */

/* Sixteen channels at `at` of one picture, of the pixel that position `p` of its long row holds; `first` is where the top
 * left one stands. */
typedef struct picture {
    const uint16_t *base;
    int64_t channels, height, width, pitch, first;
} picture;

static const uint16_t zeros[16];

static const uint16_t *pixel(const picture *v, int64_t p, int64_t channel)
{
    const int64_t at = p - v->first, y = at / v->pitch, x = at % v->pitch;
    return at < 0 || y >= v->height || x >= v->width || channel >= v->channels
               ? zeros
               : v->base + (y * v->width + x) * v->channels + channel;
}

/* Two neighbouring pixels: sixteen pairs. */
AVX512 static inline __m512i pair(const picture *v, int64_t p, int64_t channel)
{
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)pixel(v, p, channel));
    const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)pixel(v, p + 1, channel));
    return _mm512_or_si512(_mm512_cvtepu16_epi32(a), _mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16));
}

/* 16x16 numbers of 32 bits, rows to columns. */
AVX512 static inline void transpose(__m512i r[16])
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

AVX512 static void turn_dst(const plan *p, const picture *v, int64_t block, uint16_t *out)
{
    for (int64_t at = 0; at < p->length; at += STEP)
        for (int64_t half = 0; half < BLOCK; half += 16) {
            __m512i r[16];
            for (int i = 0; i < 16; i++)
                r[i] = pair(v, at + 2 * i, block * BLOCK + half);
            transpose(r);
            for (int i = 0; i < 16; i++)
                _mm512_storeu_si512(out + (half + i) * p->stride + at, r[i]);
        }
}

AVX512 static void pair_src(const plan *p, const picture *v, int64_t block, uint16_t *out)
{
    for (int64_t odd = 0; odd < 2; odd++)
        for (int64_t at = 0; at < p->pairs; at++, out += 2 * BLOCK)
            for (int64_t half = 0; half < BLOCK; half += 16)
                _mm512_storeu_si512(out + half * 2, pair(v, 2 * at + odd, block * BLOCK + half));
}

/* ---- multiplying ---- */

/* As LDTILECFG reads it: eight tiles of 16 rows of 64 bytes. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* Adds one tap's products of `steps` times STEP pixels: 0-3 sums, 4 and 5 gradients, 6 and 7 sources. */
TILES static void add_tap(const uint16_t *dst, int64_t stride, const uint16_t *src, int64_t steps, float *sums)
{
    const int row = BLOCK * (int)sizeof(float), dst_row = (int)stride * 2, src_row = BLOCK * 4;
    _tile_loadd(0, sums, row);
    _tile_loadd(1, sums + 16, row);
    _tile_loadd(2, sums + 16 * BLOCK, row);
    _tile_loadd(3, sums + 16 * BLOCK + 16, row);
    for (int64_t i = 0; i < steps; i++, dst += STEP, src += STEP * BLOCK) {
        _tile_loadd(4, dst, dst_row);
        _tile_loadd(6, src, src_row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, src + 32, src_row);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, dst + 16 * stride, dst_row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, row);
    _tile_stored(1, sums + 16, row);
    _tile_stored(2, sums + 16 * BLOCK, row);
    _tile_stored(3, sums + 16 * BLOCK + 16, row);
}

TILES static void multiply(const plan *p, const scratch *s, int64_t task)
{
    const int64_t split = task % p->splits, out = task / p->splits % p->out_blocks, in = task / p->splits / p->out_blocks;
    float *sums = s->sums + task * TAPS * BLOCK * BLOCK;
    tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    memset(sums, 0, TAPS * BLOCK * BLOCK * sizeof *sums);
    _tile_loadconfig(&config);
    for (int64_t n = split * p->n / p->splits; n < (split + 1) * p->n / p->splits; n++) {
        const uint16_t *src = s->src + (n * p->in_blocks + in) * BLOCK * 4 * p->pairs;
        const uint16_t *dst = s->dst + (n * p->out_blocks + out) * BLOCK * p->stride;
        for (int64_t k = 0; k < p->length; k += CHUNK)
            for (int64_t tap = 0; tap < TAPS; tap++) {
                const int64_t first = k + tap / 3 * p->pitch + tap % 3;
                add_tap(dst + k, p->stride, src + (first % 2 * p->pairs + first / 2) * 2 * BLOCK,
                        (AVSN_MIN(k + CHUNK, p->length) - k) / STEP, sums + tap * BLOCK * BLOCK);
            }
    }
    _tile_release();
}

static void turn_over(const plan *p, const scratch *s, const uint16_t *src, const uint16_t *dst)
{
    const int64_t blocks = p->in_blocks + p->out_blocks, cells = p->height * p->width;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < p->n * blocks; i++) {
        const int64_t n = i / blocks, block = i % blocks, out = block - p->in_blocks;
        if (out < 0)
            pair_src(p, &(picture){src + n * cells * p->in, p->in, p->height, p->width, p->pitch, p->pitch + 1}, block,
                     s->src + (n * p->in_blocks + block) * BLOCK * 4 * p->pairs);
        else
            turn_dst(p, &(picture){dst + n * cells * p->out, p->out, p->height, p->width, p->pitch, 0}, out,
                     s->dst + (n * p->out_blocks + out) * BLOCK * p->stride);
    }
}

/* The parts' sums, always in the same order. */
static void write_weights(const plan *p, const scratch *s, float *weights)
{
#pragma omp parallel for
    for (int64_t o = 0; o < p->out; o++)
        for (int64_t i = 0; i < p->in; i++) {
            const int64_t pair_of_blocks = i / BLOCK * p->out_blocks + o / BLOCK;
            const float *sums = s->sums + pair_of_blocks * p->splits * TAPS * BLOCK * BLOCK + o % BLOCK * BLOCK + i % BLOCK;
            for (int64_t tap = 0; tap < TAPS; tap++) {
                float sum = 0;
                for (int64_t split = 0; split < p->splits; split++)
                    sum += sums[(split * TAPS + tap) * BLOCK * BLOCK];
                weights[(o * p->in + i) * TAPS + tap] = sum;
            }
        }
}

static void backward_weights(const avsn_c_kernel *k)
{
    const plan p = plan_of(avsn_layout_shape(k->base.input[0]), avsn_layout_shape(k->base.input[1]));
    const scratch s = scratch_of(&p, k->scratchpad);
    const int64_t tasks = p.in_blocks * p.out_blocks * p.splits;
    turn_over(&p, &s, k->input[0], k->input[1]);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < tasks; i++)
        multiply(&p, &s, i);
    write_weights(&p, &s, k->output[0]);
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
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1 || w->before[i] != 1 || w->after[i] != 1)
            return false;
    const int64_t in = avsn_layout_shape(r->input[0])->dim[1], out = avsn_layout_shape(r->input[1])->dim[1];
    return in % 16 == 0 && out % 16 == 0 && in >= FEWEST && out >= FEWEST;
}

avsound_status avsn_make_conv_weights(const avsn_kernel_request *r, avsn_kernel **out)
{
    avsn_kernel *kernel;
    AVSN_TRY(avsn_c_kernel_create(r, "c:conv_weights_amx", backward_weights, 0, &kernel));
    const plan p = plan_of(avsn_layout_shape(r->input[0]), avsn_layout_shape(r->input[1]));
    kernel->scratchpad_bytes = scratch_bytes(&p);
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
