/* Reductions over cells in the order they lie, and their gradients. */
#include "op/families.h"

#include <float.h>
#include <string.h>

typedef struct cells_reader {
    avsn_cells at;
    const float *f32;
    const uint16_t *bf16;
} cells_reader;

static cells_reader read_cells(const avsn_c_kernel *k)
{
    cells_reader r = {0};
    avsn_layout_cells(k->base.input[0], &r.at);
    if (avsn_layout_dtype(k->base.input[0]) == AVSOUND_DTYPE_BF16)
        r.bf16 = k->input[0];
    else
        r.f32 = k->input[0];
    return r;
}

/* The channels that lie side by side: all (channels last), a block's, or one (row-major). */
static int64_t run_length(const avsn_cells *at)
{
    if (at->block > 1)
        return at->block;
    return at->outer == 1 ? at->c : 1;
}

static int64_t offset_of(const avsn_cells *at, int64_t n, int64_t c)
{
    return n * at->batch + (c / at->block) * at->outer + (c % at->block) * at->inner;
}

enum { RUN = 64 };

/* `count` neighbouring channels of one cell as f32. */
static void load(const cells_reader *r, int64_t offset, int64_t count, float *out)
{
    if (r->f32) {
        for (int64_t i = 0; i < count; i++)
            out[i] = r->f32[offset + i];
    } else {
        for (int64_t i = 0; i < count; i++)
            out[i] = avsn_bf16_to_f32(r->bf16[offset + i]);
    }
}

static void max_or_sum(const cells_reader *r, int64_t offset, int64_t count, bool maximum, float *out)
{
    float cell[RUN];
    for (int64_t i = 0; i < count; i++)
        out[i] = maximum ? -FLT_MAX : 0;
    for (int64_t s = 0; s < r->at.cells; s++) {
        load(r, offset + s * r->at.cell, count, cell);
        if (maximum)
            for (int64_t i = 0; i < count; i++)
                out[i] = cell[i] > out[i] ? cell[i] : out[i];
        else
            for (int64_t i = 0; i < count; i++)
                out[i] += cell[i];
    }
}

static void global_pool(const avsn_c_kernel *k)
{
    const cells_reader r = read_cells(k);
    const bool maximum = k->attributes.pooling == AVSN_POOL_MAX;
    const float scale = maximum ? 1.0f : 1.0f / (float)r.at.cells;
    const int64_t side_by_side = run_length(&r.at);
#pragma omp parallel for
    for (int64_t n = 0; n < r.at.n; n++)
        for (int64_t c = 0; c < r.at.c;) {
            float result[RUN];
            const int64_t left = side_by_side - c % side_by_side;
            const int64_t count = AVSN_MIN(AVSN_MIN(left, (int64_t)RUN), r.at.c - c);
            const int64_t offset = offset_of(&r.at, n, c);
            max_or_sum(&r, offset, count, maximum, result);
            for (int64_t i = 0; i < count; i++)
                ((float *)k->output[0])[n * r.at.c + c + i] = result[i] * scale;
            c += count;
        }
}

static void inner_map(const avsn_c_kernel *k)
{
    const cells_reader r = read_cells(k);
    const int64_t side_by_side = run_length(&r.at);
#pragma omp parallel for
    for (int64_t n = 0; n < r.at.n; n++) {
        const float *vector = (const float *)k->input[1] + n * r.at.c;
        float *map = (float *)k->output[0] + n * r.at.cells;
        memset(map, 0, (size_t)r.at.cells * sizeof *map);
        for (int64_t c = 0; c < r.at.c;) {
            const int64_t left = side_by_side - c % side_by_side;
            const int64_t count = AVSN_MIN(AVSN_MIN(left, (int64_t)RUN), r.at.c - c);
            const int64_t offset = offset_of(&r.at, n, c);
            for (int64_t s = 0; s < r.at.cells; s++) {
                float cell[RUN], sum = 0;
                load(&r, offset + s * r.at.cell, count, cell);
                for (int64_t i = 0; i < count; i++)
                    sum += cell[i] * vector[c + i];
                map[s] += sum;
            }
            c += count;
        }
    }
}

/* Bit 0: the cells are taken as they lie, if their order is one that avsn_layout_cells knows. */
static uint32_t keep_cells(const avsn_kernel_request *request)
{
    avsn_cells cells;
    return avsn_layout_cells(request->input[0], &cells) ? 1 : 0;
}

avsound_status avsn_make_global_pool(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:global_pool", global_pool, keep_cells(request), out);
}

avsound_status avsn_make_inner_map(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:inner_map", inner_map, keep_cells(request), out);
}

/* ---- backward ---- */

static void store(void *base, bool bf16, int64_t offset, float value)
{
    if (bf16)
        ((uint16_t *)base)[offset] = avsn_bf16_from_f32(value);
    else
        ((float *)base)[offset] = value;
}

static float load_one(const cells_reader *r, int64_t offset)
{
    return r->f32 ? r->f32[offset] : avsn_bf16_to_f32(r->bf16[offset]);
}

/* A mean spreads its gradient evenly; a maximum gives it to the first cell that holds it. */
static void global_pool_backward(const avsn_c_kernel *k)
{
    const cells_reader r = read_cells(k);
    const bool bf16 = r.bf16 != NULL, maximum = k->attributes.pooling == AVSN_POOL_MAX;
    const float *dst = k->input[1], *diff_dst = k->input[2];
    memset(k->output[0], 0, avsn_layout_bytes(k->base.output[0]));
#pragma omp parallel for
    for (int64_t n = 0; n < r.at.n; n++)
        for (int64_t c = 0; c < r.at.c; c++) {
            const int64_t offset = offset_of(&r.at, n, c);
            const float diff = diff_dst[n * r.at.c + c];
            for (int64_t s = 0; s < r.at.cells; s++) {
                const int64_t at = offset + s * r.at.cell;
                if (!maximum) {
                    store(k->output[0], bf16, at, diff / (float)r.at.cells);
                } else if (load_one(&r, at) >= dst[n * r.at.c + c]) {
                    store(k->output[0], bf16, at, diff);
                    break;
                }
            }
        }
}

static void inner_map_backward(const avsn_c_kernel *k)
{
    const cells_reader r = read_cells(k);
    const bool bf16 = r.bf16 != NULL;
    memset(k->output[0], 0, avsn_layout_bytes(k->base.output[0]));
#pragma omp parallel for
    for (int64_t n = 0; n < r.at.n; n++) {
        const float *vector = (const float *)k->input[1] + n * r.at.c;
        const float *diff_dst = (const float *)k->input[2] + n * r.at.cells;
        for (int64_t c = 0; c < r.at.c; c++) {
            const int64_t offset = offset_of(&r.at, n, c);
            double sum = 0;
            for (int64_t s = 0; s < r.at.cells; s++) {
                const int64_t at = offset + s * r.at.cell;
                sum += (double)load_one(&r, at) * (double)diff_dst[s];
                store(k->output[0], bf16, at, diff_dst[s] * vector[c]);
            }
            ((float *)k->output[1])[n * r.at.c + c] = (float)sum;
        }
    }
}

/* The cells' gradient lies as they do. */
static avsound_status make_cells_backward(const avsn_kernel_request *request, const char *impl,
                                          void (*compute)(const avsn_c_kernel *kernel), avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, impl, compute, keep_cells(request), out));
    avsn_layout_unref((*out)->output[0]);
    (*out)->output[0] = avsn_layout_ref((*out)->input[0]);
    return AVSOUND_OK;
}

avsound_status avsn_make_global_pool_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return make_cells_backward(request, "c:global_pool_backward", global_pool_backward, out);
}

avsound_status avsn_make_inner_map_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return make_cells_backward(request, "c:inner_map_backward", inner_map_backward, out);
}
