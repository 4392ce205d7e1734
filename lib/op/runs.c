/* Ops that copy or compare channels without computing with them: slices, and what brings sound to the picture's time and place,
 * fractional max-pooling of (N,C,T) and tiling; and the picture's features to the sound's, means over pictures, stretching
 * in time and repeating; and back. Sources are taken as they lie, in f32 or bf16, and results lie
 * alike. */
#include "graph/fractional.h"
#include "op/lanes.h"

#include <string.h>

enum { LANES = 64 };

/* A tensor as runs of channels that lie side by side: all (channels last), a block's with its zeros behind the last channel, or
 * one (row-major). */
typedef struct runs {
    avsn_cells at;
    int64_t width, groups;
    bool bf16;
} runs;

static bool find_runs(const avsn_layout *layout, runs *r)
{
    *r = (runs){.bf16 = avsn_layout_dtype(layout) == AVSOUND_DTYPE_BF16};
    if (!avsn_layout_cells(layout, &r->at))
        return false;
    r->width = r->at.block > 1 ? r->at.block : r->at.outer == 1 ? r->at.c : 1;
    r->groups = (r->at.c + r->width - 1) / r->width;
    return r->at.block == 1 || r->at.block == 8 || r->at.block == 16;
}

/* Element offset, in cell 0 of a tensor, of the first channel of run `index` of `r`, counted over items and groups. The two
 * tensors of an op lie alike, so the channels of a run are neighbours in both. */
static int64_t run_offset(const avsn_cells *at, const runs *r, int64_t index)
{
    return avsn_cells_channel(at, index / r->groups, index % r->groups * r->width);
}

static int64_t steps(const avsn_layout *layout)
{
    return avsn_layout_shape(layout)->dim[2];
}

/* ---- fractional max-pooling: B. Graham, "Fractional Max-Pooling", 2014 ---- */

/* The windows of this run of the plan in the scratchpad: given, or the release's. What is given wrong reads no foreign
 * memory: each window has at least a step of the source. */
static const int64_t *find_boundaries(const avsn_c_kernel *k, const float *given, int64_t length, int64_t outputs)
{
    int64_t *boundaries = k->scratchpad;
    if (!given) {
        const avsound_status status = avsn_fractional_boundaries(length, outputs, boundaries);
        return status ? NULL : boundaries;
    }
    for (int64_t i = 0; i <= outputs; i++)
        boundaries[i] = given[i] >= 0 && given[i] <= (float)length ? (int64_t)given[i] : 0;
    for (int64_t i = 0; i < outputs; i++) {
        boundaries[i] = AVSN_MIN(boundaries[i], length - 1);
        boundaries[i + 1] = AVSN_MAX(boundaries[i + 1], boundaries[i] + 1);
    }
    return boundaries;
}

/* The first step of begin...end-1 that holds lane `lane`'s maximum. */
static int64_t first_maximum(const void *src, const runs *r, int64_t lane, int64_t begin, int64_t end)
{
    int64_t best = begin;
    float top = avsn_lane(src, r->bf16, lane + begin * r->at.cell);
    for (int64_t t = begin + 1; t < end; t++) {
        const float value = avsn_lane(src, r->bf16, lane + t * r->at.cell);
        if (value > top) {
            top = value;
            best = t;
        }
    }
    return best;
}

static void fractional_pool(const avsn_c_kernel *k)
{
    runs src, dst;
    find_runs(k->base.input[0], &src);
    find_runs(k->base.output[0], &dst);
    const int64_t outputs = steps(k->base.output[0]), count = src.at.n * src.groups;
    const int64_t *boundaries =
        find_boundaries(k, k->base.input_count > 1 ? k->input[1] : NULL, steps(k->base.input[0]), outputs);
#pragma omp parallel for
    for (int64_t run = 0; run < count; run++)
        for (int64_t i = 0; i < outputs; i++)
            for (int64_t c = 0; c < src.width; c++) {
                const int64_t lane = run_offset(&src.at, &src, run) + c;
                const int64_t t = first_maximum(k->input[0], &src, lane, boundaries[i], boundaries[i + 1]);
                avsn_set_lane(k->output[0], dst.bf16, run_offset(&dst.at, &src, run) + i * dst.at.cell + c,
                              avsn_lane(k->input[0], src.bf16, lane + t * src.at.cell));
            }
}

/* The gradient goes to the first step that holds the maximum. */
static void fractional_pool_backward(const avsn_c_kernel *k)
{
    runs diff, src;
    find_runs(k->base.input[0], &diff);
    find_runs(k->base.input[1], &src);
    const int64_t outputs = steps(k->base.input[0]), count = src.at.n * src.groups;
    const int64_t *boundaries =
        find_boundaries(k, k->base.input_count > 2 ? k->input[2] : NULL, steps(k->base.input[1]), outputs);
    memset(k->output[0], 0, avsn_layout_bytes(k->base.output[0]));
#pragma omp parallel for
    for (int64_t run = 0; run < count; run++)
        for (int64_t i = 0; i < outputs; i++)
            for (int64_t c = 0; c < src.width; c++) {
                const int64_t lane = run_offset(&src.at, &src, run) + c;
                const int64_t t = first_maximum(k->input[1], &src, lane, boundaries[i], boundaries[i + 1]);
                avsn_set_lane(k->output[0], src.bf16, lane + t * src.at.cell,
                              avsn_lane(k->input[0], diff.bf16, run_offset(&diff.at, &src, run) + i * diff.at.cell + c));
            }
}

/* ---- tiling ---- */

static void tile(const avsn_c_kernel *k)
{
    runs src, dst;
    find_runs(k->base.input[0], &src);
    find_runs(k->base.output[0], &dst);
    const int64_t length = src.at.cells, picture = dst.at.cells / length, count = src.at.n * src.groups;
    const size_t size = src.bf16 ? 2 : 4, bytes = (size_t)src.width * size;
#pragma omp parallel for collapse(2)
    for (int64_t run = 0; run < count; run++)
        for (int64_t t = 0; t < length; t++) {
            const unsigned char *from = (const unsigned char *)k->input[0];
            unsigned char *to = (unsigned char *)k->output[0];
            from += (size_t)(run_offset(&src.at, &src, run) + t * src.at.cell) * size;
            to += (size_t)(run_offset(&dst.at, &src, run) + t * picture * dst.at.cell) * size;
            for (int64_t s = 0; s < picture; s++)
                memcpy(to + (size_t)(s * dst.at.cell) * size, from, bytes);
        }
}

/* Sums of `count` lanes over the cells of one picture. */
static void sum_cells(const void *base, const runs *r, int64_t offset, int64_t cells, int64_t count, double *sums)
{
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int64_t s = 0; s < cells; s++)
        for (int64_t c = 0; c < count; c++)
            sums[c] += (double)avsn_lane(base, r->bf16, offset + s * r->at.cell + c);
}

/* A picture's cells to one, their sum or (share 1 / cells) their mean. */
static void sum_pictures(const avsn_c_kernel *k, double share)
{
    runs diff, src;
    find_runs(k->base.input[0], &diff);
    find_runs(k->base.output[0], &src);
    const int64_t length = src.at.cells, picture = diff.at.cells / length, count = diff.at.n * diff.groups;
#pragma omp parallel for collapse(2)
    for (int64_t run = 0; run < count; run++)
        for (int64_t t = 0; t < length; t++)
            for (int64_t c = 0; c < diff.width; c += LANES) {
                const int64_t lanes = AVSN_MIN((int64_t)LANES, diff.width - c);
                const int64_t from = run_offset(&diff.at, &diff, run) + t * picture * diff.at.cell + c;
                const int64_t to = run_offset(&src.at, &diff, run) + t * src.at.cell + c;
                double sums[LANES];
                sum_cells(k->input[0], &diff, from, picture, lanes, sums);
                for (int64_t i = 0; i < lanes; i++)
                    avsn_set_lane(k->output[0], src.bf16, to + i, (float)(share * sums[i]));
            }
}

static void tile_backward(const avsn_c_kernel *k)
{
    sum_pictures(k, 1);
}

/* ---- repeating: each item `times` times in succession ---- */

static void repeat(const avsn_c_kernel *k)
{
    const int64_t n = avsn_layout_shape(k->base.output[0])->dim[0], times = n / avsn_layout_shape(k->base.input[0])->dim[0];
    const size_t item = avsn_layout_bytes(k->base.output[0]) / (size_t)n;
    const unsigned char *src = k->input[0];
    unsigned char *dst = k->output[0];
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + (size_t)i * item, src + (size_t)(i / times) * item, item);
}

/* Sums over what an item became. */
static void repeat_backward(const avsn_c_kernel *k)
{
    const int64_t n = avsn_layout_shape(k->base.output[0])->dim[0], times = avsn_layout_shape(k->base.input[0])->dim[0] / n;
    const bool bf16 = avsn_layout_dtype(k->base.output[0]) == AVSOUND_DTYPE_BF16;
    const int64_t item = (int64_t)(avsn_layout_bytes(k->base.output[0]) / (bf16 ? 2 : 4)) / n;
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < item; c++) {
            float sum = 0;
            for (int64_t t = 0; t < times; t++)
                sum += avsn_lane(k->input[0], bf16, (i * times + t) * item + c);
            avsn_set_lane(k->output[0], bf16, i * item + c, sum);
        }
}

/* ---- means over pictures ---- */

static int64_t cells_of_picture(const avsn_layout *layout)
{
    const avsn_shape *shape = avsn_layout_shape(layout);
    return shape->dim[3] * shape->dim[4];
}

static void picture_mean(const avsn_c_kernel *k)
{
    sum_pictures(k, 1 / (double)cells_of_picture(k->base.input[0]));
}

static void picture_mean_backward(const avsn_c_kernel *k)
{
    runs dst, src;
    find_runs(k->base.input[0], &dst);
    find_runs(k->base.output[0], &src);
    const int64_t length = dst.at.cells, picture = src.at.cells / length, count = dst.at.n * dst.groups;
    const float share = 1.0f / (float)picture;
#pragma omp parallel for collapse(2)
    for (int64_t run = 0; run < count; run++)
        for (int64_t t = 0; t < length; t++)
            for (int64_t c = 0; c < dst.width; c++) {
                const float diff = avsn_lane(k->input[0], dst.bf16, run_offset(&dst.at, &dst, run) + t * dst.at.cell + c);
                const int64_t to = run_offset(&src.at, &dst, run) + t * picture * src.at.cell + c;
                for (int64_t s = 0; s < picture; s++)
                    avsn_set_lane(k->output[0], src.bf16, to + s * src.at.cell, share * diff);
            }
}

/* ---- stretching in time ---- */

/* Where step `i` of `steps` lies among `length`: TensorFlow 1 computes it in float. */
typedef struct between {
    int64_t first, second;
    float share; /* of the second */
} between;

static between find_between(int64_t i, int64_t steps, int64_t length)
{
    const float at = (float)i * ((float)length / (float)steps);
    const int64_t first = AVSN_MIN((int64_t)at, length - 1);
    return (between){first, AVSN_MIN(first + 1, length - 1), at - (float)first};
}

static void stretch(const avsn_c_kernel *k)
{
    runs src, dst;
    find_runs(k->base.input[0], &src);
    find_runs(k->base.output[0], &dst);
    const int64_t length = src.at.cells, outputs = dst.at.cells, count = src.at.n * src.groups;
#pragma omp parallel for collapse(2)
    for (int64_t run = 0; run < count; run++)
        for (int64_t i = 0; i < outputs; i++) {
            const between b = find_between(i, outputs, length);
            const int64_t from = run_offset(&src.at, &src, run), to = run_offset(&dst.at, &src, run) + i * dst.at.cell;
            for (int64_t c = 0; c < src.width; c++) {
                const float first = avsn_lane(k->input[0], src.bf16, from + b.first * src.at.cell + c);
                const float second = avsn_lane(k->input[0], src.bf16, from + b.second * src.at.cell + c);
                avsn_set_lane(k->output[0], dst.bf16, to + c, first + (second - first) * b.share);
            }
        }
}

/* Each step of the source gathers what its steps of the result took of it. */
static void stretch_backward(const avsn_c_kernel *k)
{
    runs dst, src;
    find_runs(k->base.input[0], &dst);
    find_runs(k->base.output[0], &src);
    const int64_t outputs = dst.at.cells, length = src.at.cells, count = dst.at.n * dst.groups;
#pragma omp parallel for collapse(2)
    for (int64_t run = 0; run < count; run++)
        for (int64_t c = 0; c < dst.width; c++) {
            const int64_t from = run_offset(&dst.at, &dst, run) + c, to = run_offset(&src.at, &dst, run) + c;
            for (int64_t t = 0, i = 0; t < length; t++) {
                float sum = 0;
                while (i > 0 && find_between(i - 1, outputs, length).second >= t)
                    i--;
                for (; i < outputs && find_between(i, outputs, length).first <= t; i++) {
                    const between b = find_between(i, outputs, length);
                    const float diff = avsn_lane(k->input[0], dst.bf16, from + i * dst.at.cell);
                    sum += (b.first == t ? diff * (1 - b.share) : 0) + (b.second == t ? diff * b.share : 0);
                }
                avsn_set_lane(k->output[0], src.bf16, to + t * src.at.cell, sum);
            }
        }
}

/* ---- slices ---- */

/* One item's channels as rows that are copied whole: of all its cells (channels last), or of a run of channels in all cells. */
static void copy_channels(const runs *narrow, const runs *wide, int64_t n, int64_t begin, const unsigned char *src,
                          unsigned char *dst, bool back)
{
    const bool last = wide->groups == 1 && wide->at.block == 1;
    const size_t size = wide->bf16 ? 2 : 4;
    const int64_t cells = narrow->at.cells, run = last ? narrow->at.c : wide->width * cells;
    const int64_t rows = last ? cells : (narrow->at.c + wide->width - 1) / wide->width;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t c = last ? 0 : i * wide->width;
        const int64_t in_narrow = avsn_cells_channel(&narrow->at, n, c) + (last ? i * narrow->at.cell : 0);
        const int64_t in_wide = avsn_cells_channel(&wide->at, n, begin + c) + (last ? i * wide->at.cell : 0);
        memcpy(dst + (size_t)(back ? in_wide : in_narrow) * size, src + (size_t)(back ? in_narrow : in_wide) * size,
               (size_t)run * size);
    }
}

static void slice(const avsn_c_kernel *k)
{
    runs src, dst;
    find_runs(k->base.input[0], &src);
    find_runs(k->base.output[0], &dst);
#pragma omp parallel for
    for (int64_t n = 0; n < src.at.n; n++)
        copy_channels(&dst, &src, n, k->attributes.begin, k->input[0], k->output[0], false);
}

static void slice_backward(const avsn_c_kernel *k)
{
    runs narrow, wide;
    find_runs(k->base.input[0], &narrow);
    find_runs(k->base.output[0], &wide);
    memset(k->output[0], 0, avsn_layout_bytes(k->base.output[0]));
#pragma omp parallel for
    for (int64_t n = 0; n < wide.at.n; n++)
        copy_channels(&narrow, &wide, n, k->attributes.begin, k->input[0], k->output[0], true);
}

/* Blocks are copied whole, with the zeros behind the last channel. */
static bool slices_whole_blocks(const avsn_kernel_request *r, const avsn_shape *wide)
{
    runs known;
    const avsn_attributes *a = r->attributes;
    return find_runs(r->input[0], &known) && a->begin % known.at.block == 0 &&
           (a->end % known.at.block == 0 || a->end == wide->dim[1]);
}

/* ---- making them ---- */

/* Operand 0 and the result lie as `like`, or row-major, in its type. */
static avsound_status make_like(const avsn_kernel_request *r, const char *impl, void (*compute)(const avsn_c_kernel *kernel),
                                const avsn_layout *like, int32_t dtype, int32_t kept, avsn_kernel **out)
{
    avsn_kernel *kernel;
    AVSN_TRY(avsn_c_kernel_create(r, impl, compute, 0, &kernel));
    avsound_status status = AVSOUND_OK;
    for (int32_t i = 0; !status && i < kept; i++)
        status = avsn_replace_layout(&kernel->input[i], r, like, avsn_layout_shape(r->input[i]), dtype);
    if (!status)
        status = avsn_replace_layout(&kernel->output[0], r, like, r->output, dtype);
    if (status)
        avsn_kernel_free(kernel);
    else
        *out = kernel;
    return status;
}

/* As the last of the first `kept` operands lies, if that is in an order that runs are known of. */
static avsound_status make(const avsn_kernel_request *r, const char *impl, void (*compute)(const avsn_c_kernel *kernel),
                           int32_t kept, avsn_kernel **out)
{
    runs known;
    avsn_layout *last = r->input[kept - 1];
    return make_like(r, impl, compute, find_runs(last, &known) ? last : NULL, avsn_layout_dtype(last), kept, out);
}

static avsound_status make_slice(const avsn_kernel_request *r, const char *impl, void (*compute)(const avsn_c_kernel *kernel),
                                 const avsn_shape *wide, avsn_kernel **out)
{
    if (slices_whole_blocks(r, wide))
        return make_like(r, impl, compute, r->input[0], avsn_layout_dtype(r->input[0]), 1, out);
    /* What has to be put into another order can change its type on the way, which saves the next one that. */
    return make_like(r, impl, compute, NULL, AVSOUND_DTYPE_F32, 1, out);
}

avsound_status avsn_make_slice(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make_slice(r, "c:slice", slice, avsn_layout_shape(r->input[0]), out);
}

avsound_status avsn_make_slice_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make_slice(r, "c:slice_backward", slice_backward, r->output, out);
}

avsound_status avsn_make_fractional_pool(const avsn_kernel_request *r, avsn_kernel **out)
{
    AVSN_TRY(make(r, "c:fractional_pool", fractional_pool, 1, out));
    (*out)->scratchpad_bytes = (size_t)(r->output->dim[2] + 1) * sizeof(int64_t);
    return AVSOUND_OK;
}

avsound_status avsn_make_fractional_pool_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    AVSN_TRY(make(r, "c:fractional_pool_backward", fractional_pool_backward, 2, out));
    (*out)->scratchpad_bytes = (size_t)(steps(r->input[0]) + 1) * sizeof(int64_t);
    return AVSOUND_OK;
}

avsound_status avsn_make_tile(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:tile", tile, 1, out);
}

avsound_status avsn_make_tile_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:tile_backward", tile_backward, 1, out);
}

avsound_status avsn_make_repeat(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:repeat", repeat, 1, out);
}

avsound_status avsn_make_repeat_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:repeat_backward", repeat_backward, 1, out);
}

avsound_status avsn_make_picture_mean(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:picture_mean", picture_mean, 1, out);
}

avsound_status avsn_make_picture_mean_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:picture_mean_backward", picture_mean_backward, 1, out);
}

avsound_status avsn_make_stretch(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:stretch", stretch, 1, out);
}

avsound_status avsn_make_stretch_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:stretch_backward", stretch_backward, 1, out);
}
