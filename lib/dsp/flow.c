/* C. Zach, T. Pock and H. Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007.
 *
 * Sought is the flow u that changes little from pixel to pixel, in the sense of total variation, and under which the second
 * picture, warped back, is like the first, in the sense of absolute differences. A copy v of the flow is tied to u by theta: v
 * answers to the pictures alone, pixel by pixel (proposition 3), u to its neighbours alone, by way of the dual field p
 * (proposition 1). Both take turns. Pictures are linearised anew where the flow so far leads, and from coarse to fine. */
#include "dsp/flow.h"

#include "dsp/blend.h"

#include <math.h>
#include <string.h>

enum { MOST_LEVELS = 16, LEAST_SIDE = 16, RADIUS = 4 };
#define TAU 0.25f         /* step of the dual field; the largest with which it settles in practice */
#define SMOOTHING 1.04f   /* deviation of the Gaussian before each halving */
#define LEAST_SQUARE 1e-6f /* of a gradient: below it a pixel tells nothing */

typedef struct level {
    int32_t width, height;
    float *from, *to;
} level;

/* Rows of flow and dual field have a cell more at either end, so that neighbours need no question asked; these stay as they are
 * wanted there: 0 for the dual field. */
struct avsn_flow {
    avsound_context *context;
    avsn_flow_params params;
    int32_t levels;
    level level[MOST_LEVELS];
    float *memory;
    float *u[2], *coarse[2]; /* flow, and the next coarser level's; rows of width + 2 */
    float *p[2][2];          /* [component][axis] */
    float *gradient[2], *inverse, *constant; /* of the linearisation, rows of width + 2 */
    float *rows;             /* of a picture, for smoothing */
    float *zeros;            /* a row of width + 2 */
};

/* ---- memory ---- */

void avsn_flow_params_default(avsn_flow_params *params)
{
    *params = (avsn_flow_params){.levels = 5, .warps = 5, .iterations = 30, .attachment = 0.15f, .tightness = 0.3f};
}

static void set_sizes(avsn_flow *f, int32_t width, int32_t height)
{
    f->levels = 0;
    do {
        f->level[f->levels++] = (level){.width = width, .height = height};
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    } while (f->levels < AVSN_MIN(f->params.levels, (int32_t)MOST_LEVELS) && AVSN_MIN(width, height) >= LEAST_SIDE);
}

/* All blocks in one: with a start of NULL only the size is counted. */
static float *take(float *memory, size_t *used, size_t count)
{
    float *block = memory ? memory + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return block;
}

static size_t lay_out(avsn_flow *f, float *memory)
{
    size_t used = 0;
    const size_t width = (size_t)f->level[0].width, height = (size_t)f->level[0].height;
    const size_t padded = (width + 2) * height;
    for (int32_t l = 0; l < f->levels; l++) {
        const size_t pixels = (size_t)f->level[l].width * (size_t)f->level[l].height;
        f->level[l].from = take(memory, &used, pixels);
        f->level[l].to = take(memory, &used, pixels);
    }
    for (int i = 0; i < 2; i++) {
        f->u[i] = take(memory, &used, padded);
        f->coarse[i] = take(memory, &used, padded);
        f->gradient[i] = take(memory, &used, padded);
        f->p[i][0] = take(memory, &used, padded);
        f->p[i][1] = take(memory, &used, padded);
    }
    f->inverse = take(memory, &used, padded);
    f->constant = take(memory, &used, padded);
    f->rows = take(memory, &used, width * height);
    f->zeros = take(memory, &used, width + 2);
    return used;
}

avsound_status avsn_flow_create(avsound_context *context, const avsn_flow_params *params, int32_t width, int32_t height,
                                avsn_flow **out)
{
    *out = NULL;
    avsn_flow *f = avsn_alloc_zeroed(context, 1, sizeof *f);
    if (!f)
        return AVSOUND_E_NO_MEMORY;
    f->context = avsn_context_ref(context);
    f->params = *params;
    set_sizes(f, width, height);
    f->memory = avsn_alloc_zeroed(context, lay_out(f, NULL), sizeof *f->memory);
    if (!f->memory) {
        avsn_flow_free(f);
        return AVSOUND_E_NO_MEMORY;
    }
    lay_out(f, f->memory);
    *out = f;
    return AVSOUND_OK;
}

void avsn_flow_free(avsn_flow *f)
{
    if (!f)
        return;
    avsound_context *context = f->context;
    avsn_free(context, f->memory);
    avsn_free(context, f);
    avsound_context_free(context);
}

/* ---- pyramid ---- */

void avsn_flow_luma(const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, float *luma)
{
    for (int32_t y = 0; y < height; y++, rgb += stride)
        for (int32_t x = 0; x < width; x++)
            *luma++ = 0.299f * rgb[3 * x] + 0.587f * rgb[3 * x + 1] + 0.114f * rgb[3 * x + 2];
}

static int32_t within(int32_t i, int32_t count)
{
    return i < 0 ? 0 : i >= count ? count - 1 : i;
}

/* Of a Gaussian, from the middle outwards. */
static void gaussian(float weights[RADIUS + 1])
{
    float sum = 0;
    for (int32_t i = 0; i <= RADIUS; i++) {
        weights[i] = expf(-(float)(i * i) / (2 * SMOOTHING * SMOOTHING));
        sum += i ? 2 * weights[i] : weights[i];
    }
    for (int32_t i = 0; i <= RADIUS; i++)
        weights[i] /= sum;
}

static void smooth_row(const float *in, int32_t width, const float *weights, float *out)
{
    for (int32_t x = 0; x < width; x++) {
        const bool inside = x >= RADIUS && x + RADIUS < width;
        float sum = weights[0] * in[x];
        for (int32_t i = 1; i <= RADIUS; i++)
            sum += weights[i] * (in[inside ? x - i : within(x - i, width)] + in[inside ? x + i : within(x + i, width)]);
        out[x] = sum;
    }
}

static void smooth(const float *in, int32_t width, int32_t height, float *rows, float *out)
{
    float weights[RADIUS + 1];
    gaussian(weights);
    for (int32_t y = 0; y < height; y++)
        smooth_row(in + (size_t)y * (size_t)width, width, weights, rows + (size_t)y * (size_t)width);
    for (int32_t y = 0; y < height; y++) {
        float *to = out + (size_t)y * (size_t)width;
        const float *middle = rows + (size_t)y * (size_t)width;
        for (int32_t x = 0; x < width; x++)
            to[x] = weights[0] * middle[x];
        for (int32_t i = 1; i <= RADIUS; i++) {
            const float *above = rows + (size_t)within(y - i, height) * (size_t)width;
            const float *below = rows + (size_t)within(y + i, height) * (size_t)width;
            for (int32_t x = 0; x < width; x++)
                to[x] += weights[i] * (above[x] + below[x]);
        }
    }
}

/* Bilinear, centres on centres; rows are `stride` and `to_stride` apart. */
static void resize(const float *in, int32_t width, int32_t height, int32_t stride, float scale, float *out, int32_t to_width,
                   int32_t to_height, int32_t to_stride)
{
    for (int32_t y = 0; y < to_height; y++) {
        const avsn_blend v = avsn_blend_centred(y, to_height, height);
        const float *above = in + (ptrdiff_t)v.first * stride, *below = in + (ptrdiff_t)v.second * stride;
        float *row = out + (ptrdiff_t)y * to_stride;
        for (int32_t x = 0; x < to_width; x++) {
            const avsn_blend h = avsn_blend_centred(x, to_width, width);
            row[x] = scale * (v.first_share * (h.first_share * above[h.first] + h.second_share * above[h.second]) +
                              v.second_share * (h.first_share * below[h.first] + h.second_share * below[h.second]));
        }
    }
}

static void halve(avsn_flow *f, const level *fine, const float *in, const level *half, float *out)
{
    smooth(in, fine->width, fine->height, f->rows, f->constant);
    resize(f->constant, fine->width, fine->height, fine->width, 1, out, half->width, half->height, half->width);
}

static void make_pyramid(avsn_flow *f, const float *from, const float *to)
{
    const size_t bytes = (size_t)f->level[0].width * (size_t)f->level[0].height * sizeof(float);
    memcpy(f->level[0].from, from, bytes);
    memcpy(f->level[0].to, to, bytes);
    for (int32_t l = 1; l < f->levels; l++) {
        halve(f, &f->level[l - 1], f->level[l - 1].from, &f->level[l], f->level[l].from);
        halve(f, &f->level[l - 1], f->level[l - 1].to, &f->level[l], f->level[l].to);
    }
}

/* ---- linearisation ---- */

/* Catmull and Rom's cubic through four neighbours at 0...1 between the middle two, and its slope. */
static void cubic(float t, float weights[4], float slopes[4])
{
    const float t2 = t * t, t3 = t2 * t;
    weights[0] = 0.5f * (-t3 + 2 * t2 - t);
    weights[1] = 0.5f * (3 * t3 - 5 * t2 + 2);
    weights[2] = 0.5f * (-3 * t3 + 4 * t2 + t);
    weights[3] = 0.5f * (t3 - t2);
    slopes[0] = 0.5f * (-3 * t2 + 4 * t - 1);
    slopes[1] = 0.5f * (9 * t2 - 10 * t);
    slopes[2] = 0.5f * (-9 * t2 + 8 * t + 1);
    slopes[3] = 0.5f * (3 * t2 - 2 * t);
}

typedef struct sample {
    float value, dx, dy;
} sample;

static sample sample_at(const level *l, float x, float y)
{
    const int32_t left = (int32_t)x, top = (int32_t)y;
    float wx[4], sx[4], wy[4], sy[4];
    sample s = {0};
    cubic(x - (float)left, wx, sx);
    cubic(y - (float)top, wy, sy);
    const bool inside = left >= 1 && left + 2 < l->width;
    for (int32_t j = 0; j < 4; j++) {
        const float *row = l->to + (size_t)within(top + j - 1, l->height) * (size_t)l->width;
        float value = 0, slope = 0;
        for (int32_t i = 0; i < 4; i++) {
            const float pixel = row[inside ? left + i - 1 : within(left + i - 1, l->width)];
            value += wx[i] * pixel;
            slope += sx[i] * pixel;
        }
        s.value += wy[j] * value;
        s.dx += wy[j] * slope;
        s.dy += sy[j] * value;
    }
    return s;
}

/* rho(u), what the pictures differ by: constant + gradient . u about the flow so far. Where that leads out of the picture,
 * nothing is known: the neighbours decide. */
static void linearise(avsn_flow *f, const level *l)
{
    for (int32_t y = 0; y < l->height; y++) {
        const ptrdiff_t row = (ptrdiff_t)y * (l->width + 2) + 1;
        for (int32_t x = 0; x < l->width; x++) {
            const float dx = f->u[0][row + x], dy = f->u[1][row + x], px = (float)x + dx, py = (float)y + dy;
            sample s = {0};
            if (px >= 0 && py >= 0 && px <= (float)(l->width - 1) && py <= (float)(l->height - 1))
                s = sample_at(l, px, py);
            const float square = s.dx * s.dx + s.dy * s.dy;
            f->gradient[0][row + x] = s.dx;
            f->gradient[1][row + x] = s.dy;
            f->inverse[row + x] = square > LEAST_SQUARE ? 1 / square : 0;
            f->constant[row + x] = s.value - l->from[(ptrdiff_t)y * l->width + x] - s.dx * dx - s.dy * dy;
        }
    }
}

/* ---- descent ---- */

/* v of proposition 3 is u + step * gradient: its three cases are a clip. The new u is, by proposition 1, v + theta div p. */
static void move_row(avsn_flow *f, int32_t width, ptrdiff_t row, ptrdiff_t above)
{
    const float theta = f->params.tightness, most = f->params.attachment * theta;
    const float *gx = f->gradient[0] + row, *gy = f->gradient[1] + row;
    const float *inverse = f->inverse + row, *constant = f->constant + row;
    const float *px[2] = {f->p[0][0] + row, f->p[1][0] + row}, *py[2] = {f->p[0][1] + row, f->p[1][1] + row};
    const float *over[2] = {above < 0 ? f->zeros + 1 : f->p[0][1] + above, above < 0 ? f->zeros + 1 : f->p[1][1] + above};
    float *u0 = f->u[0] + row, *u1 = f->u[1] + row;
#pragma omp simd
    for (int32_t x = 0; x < width; x++) {
        const float rho = constant[x] + gx[x] * u0[x] + gy[x] * u1[x];
        float step = -rho * inverse[x];
        step = step < -most ? -most : step;
        step = step > most ? most : step;
        u0[x] += step * gx[x] + theta * (px[0][x] - px[0][x - 1] + py[0][x] - over[0][x]);
        u1[x] += step * gy[x] + theta * (px[1][x] - px[1][x - 1] + py[1][x] - over[1][x]);
    }
    u0[width] = u0[width - 1];
    u1[width] = u1[width - 1];
}

/* A step of the dual field (proposition 1) for one component: `below` is the row itself at the picture's foot. */
static void tense_row(const avsn_flow *f, int component, int32_t width, ptrdiff_t row, ptrdiff_t below)
{
    const float rate = TAU / f->params.tightness;
    const float *u = f->u[component] + row, *under = f->u[component] + below;
    float *px = f->p[component][0] + row, *py = f->p[component][1] + row;
#pragma omp simd
    for (int32_t x = 0; x < width; x++) {
        const float dx = u[x + 1] - u[x], dy = under[x] - u[x];
        const float share = 1 / (1 + rate * sqrtf(dx * dx + dy * dy));
        px[x] = (px[x] + rate * dx) * share;
        py[x] = (py[x] + rate * dy) * share;
    }
}

/* Both halves in one pass over memory: a row of the dual field follows one row behind the flow. */
static void descend(avsn_flow *f, const level *l)
{
    const ptrdiff_t stride = l->width + 2;
    for (int32_t y = 0; y <= l->height; y++) {
        const ptrdiff_t row = y * stride + 1;
        if (y < l->height)
            move_row(f, l->width, row, y ? row - stride : -1);
        for (int i = 0; y && i < 2; i++)
            tense_row(f, i, l->width, row - stride, y < l->height ? row : row - stride);
    }
}

static void clear(float *padded, const level *l)
{
    memset(padded, 0, (size_t)(l->width + 2) * (size_t)l->height * sizeof *padded);
}

/* The coarser level's flow in this one's pixels. */
static void refine(avsn_flow *f, const level *l, const level *coarser)
{
    const float scale[2] = {(float)l->width / (float)coarser->width, (float)l->height / (float)coarser->height};
    for (int i = 0; i < 2; i++) {
        float *const coarse = f->u[i];
        f->u[i] = f->coarse[i];
        f->coarse[i] = coarse;
        resize(coarse + 1, coarser->width, coarser->height, coarser->width + 2, scale[i], f->u[i] + 1, l->width, l->height,
               l->width + 2);
    }
}

static void solve(avsn_flow *f, const level *l)
{
    for (int i = 0; i < 4; i++)
        clear(f->p[i / 2][i % 2], l);
    for (int32_t warp = 0; warp < f->params.warps; warp++) {
        linearise(f, l);
        for (int32_t i = 0; i < f->params.iterations; i++)
            descend(f, l);
    }
}

void avsn_flow_run(avsn_flow *f, const float *from, const float *to, float *field)
{
    const level *finest = &f->level[0], *coarsest = &f->level[f->levels - 1];
    make_pyramid(f, from, to);
    clear(f->u[0], coarsest);
    clear(f->u[1], coarsest);
    for (int32_t l = f->levels - 1; l >= 0; l--) {
        if (l < f->levels - 1)
            refine(f, &f->level[l], &f->level[l + 1]);
        solve(f, &f->level[l]);
    }
    for (int i = 0; i < 2; i++)
        for (int32_t y = 0; y < finest->height; y++, field += finest->width)
            memcpy(field, f->u[i] + (ptrdiff_t)y * (finest->width + 2) + 1, (size_t)finest->width * sizeof *field);
}

void avsn_flow_scale(float *field, int32_t width, int32_t height)
{
    const float scale = 224 / (20 * (float)width);
    const size_t count = 2 * (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++) {
        const float share = scale * field[i];
        field[i] = share < -1 ? -1 : share > 1 ? 1 : share;
    }
}
