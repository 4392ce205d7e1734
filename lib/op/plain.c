/* Kernels in plain C: ops on a handful of values, and reductions over cells in whatever order they lie. All add in f32 over
 * short rows, in double over long ones. */
#include "op/families.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the common part ---- */

static avsound_status bind(avsn_kernel *base, void *const *inputs, void *output, void *scratchpad)
{
    (void)scratchpad;
    avsn_c_kernel *kernel = (avsn_c_kernel *)base;
    for (int32_t i = 0; i < base->input_count; i++)
        kernel->input[i] = inputs[i];
    kernel->output = output;
    return AVSOUND_OK;
}

static avsound_status run(avsn_kernel *base)
{
    const avsn_c_kernel *kernel = (const avsn_c_kernel *)base;
    kernel->compute(kernel);
    return AVSOUND_OK;
}

avsound_status avsn_c_kernel_create(const avsn_kernel_request *request, const char *impl,
                                    void (*compute)(const avsn_c_kernel *kernel), uint32_t keep, avsn_kernel **out)
{
    avsn_c_kernel *kernel = avsn_alloc_zeroed(request->context, 1, sizeof *kernel);
    if (!kernel)
        return AVSOUND_E_NO_MEMORY;
    avsn_kernel *base = &kernel->base;
    base->context = avsn_context_ref(request->context);
    base->bind = bind;
    base->run = run;
    base->input_count = request->input_count;
    snprintf(base->impl, sizeof base->impl, "%s", impl);
    kernel->attributes = *request->attributes;
    kernel->kind = request->kind;
    kernel->compute = compute;
    avsound_status status = AVSOUND_OK;
    for (int32_t i = 0; !status && i < request->input_count; i++) {
        avsn_layout *input = request->input[i];
        if (keep & 1u << i)
            base->input[i] = avsn_layout_ref(input);
        else
            status = avsn_layout_plain(request->context, AVSOUND_DTYPE_F32, avsn_layout_shape(input), &base->input[i]);
    }
    if (!status)
        status = avsn_layout_plain(request->context, AVSOUND_DTYPE_F32, request->output, &base->output);
    if (status) {
        avsn_kernel_free(base);
        return status;
    }
    *out = base;
    return AVSOUND_OK;
}

static int64_t elements(const avsn_layout *layout)
{
    int64_t count = 0;
    avsn_shape_count(avsn_layout_shape(layout), &count);
    return count;
}

static int64_t dim(const avsn_c_kernel *kernel, int32_t input, int32_t axis)
{
    return avsn_layout_shape(kernel->base.input[input])->dim[axis];
}

/* ---- element by element ---- */

static void sigmoid(const avsn_c_kernel *k)
{
    const float *src = k->input[0];
    float *dst = k->output;
    const int64_t count = elements(k->base.output);
    for (int64_t i = 0; i < count; i++)
        dst[i] = 1.0f / (1.0f + expf(-src[i]));
}

avsound_status avsn_make_sigmoid(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:sigmoid", sigmoid, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

static void affine(const avsn_c_kernel *k)
{
    const float *src = k->input[0];
    const float scale = *(const float *)k->input[1], shift = *(const float *)k->input[2];
    float *dst = k->output;
    const int64_t count = elements(k->base.output);
    for (int64_t i = 0; i < count; i++)
        dst[i] = scale * src[i] + shift;
}

avsound_status avsn_make_affine(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:affine", affine, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

static void slice(const avsn_c_kernel *k)
{
    const avsn_shape *shape = avsn_layout_shape(k->base.input[0]);
    int64_t inner = 1;
    for (int32_t i = 2; i < shape->rank; i++)
        inner *= shape->dim[i];
    const int64_t row = shape->dim[1] * inner, begin = k->attributes.begin * inner;
    const int64_t length = (k->attributes.end - k->attributes.begin) * inner;
    const float *src = k->input[0];
    float *dst = k->output;
    for (int64_t n = 0; n < shape->dim[0]; n++)
        memcpy(dst + n * length, src + n * row + begin, (size_t)length * sizeof *dst);
}

avsound_status avsn_make_slice(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:slice", slice, 0, out);
}

/* ---- vectors (N,C) ---- */

static void l2_normalize(const avsn_c_kernel *k)
{
    const int64_t rows = dim(k, 0, 0), c = dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *src = (const float *)k->input[0] + n * c;
        float *dst = (float *)k->output + n * c;
        double squares = 0;
        for (int64_t i = 0; i < c; i++)
            squares += (double)src[i] * (double)src[i];
        const float scale = (float)(1.0 / fmax(sqrt(squares), (double)k->attributes.epsilon));
        for (int64_t i = 0; i < c; i++)
            dst[i] = src[i] * scale;
    }
}

static void distance(const avsn_c_kernel *k)
{
    const int64_t rows = dim(k, 0, 0), c = dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *a = (const float *)k->input[0] + n * c, *b = (const float *)k->input[1] + n * c;
        double squares = 0;
        for (int64_t i = 0; i < c; i++) {
            const double d = (double)a[i] - (double)b[i];
            squares += d * d;
        }
        ((float *)k->output)[n] = (float)sqrt(squares);
    }
}

static void softmax(const avsn_c_kernel *k)
{
    const int64_t rows = dim(k, 0, 0), c = dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *src = (const float *)k->input[0] + n * c;
        float *dst = (float *)k->output + n * c;
        float top = src[0];
        for (int64_t i = 1; i < c; i++)
            top = fmaxf(top, src[i]);
        double sum = 0;
        for (int64_t i = 0; i < c; i++)
            sum += (double)(dst[i] = expf(src[i] - top));
        const float scale = (float)(1.0 / sum);
        for (int64_t i = 0; i < c; i++)
            dst[i] *= scale;
    }
}

avsound_status avsn_make_vector(const avsn_kernel_request *request, avsn_kernel **out)
{
    switch (request->kind) {
    case AVSN_OP_L2_NORMALIZE:
        return avsn_c_kernel_create(request, "c:l2_normalize", l2_normalize, 0, out);
    case AVSN_OP_DISTANCE:
        return avsn_c_kernel_create(request, "c:distance", distance, 0, out);
    default:
        return avsn_c_kernel_create(request, "c:softmax", softmax, 0, out);
    }
}

/* ---- reductions over cells, in the order they lie ---- */

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
    for (int64_t n = 0; n < r.at.n; n++)
        for (int64_t c = 0; c < r.at.c;) {
            float result[RUN];
            const int64_t left = side_by_side - c % side_by_side;
            const int64_t count = AVSN_MIN(AVSN_MIN(left, (int64_t)RUN), r.at.c - c);
            const int64_t offset =
                n * r.at.batch + (c / r.at.block) * r.at.outer + (c % r.at.block) * r.at.inner;
            max_or_sum(&r, offset, count, maximum, result);
            for (int64_t i = 0; i < count; i++)
                ((float *)k->output)[n * r.at.c + c + i] = result[i] * scale;
            c += count;
        }
}

static void inner_map(const avsn_c_kernel *k)
{
    const cells_reader r = read_cells(k);
    const int64_t side_by_side = run_length(&r.at);
    for (int64_t n = 0; n < r.at.n; n++) {
        const float *vector = (const float *)k->input[1] + n * r.at.c;
        float *map = (float *)k->output + n * r.at.cells;
        memset(map, 0, (size_t)r.at.cells * sizeof *map);
        for (int64_t c = 0; c < r.at.c;) {
            const int64_t left = side_by_side - c % side_by_side;
            const int64_t count = AVSN_MIN(AVSN_MIN(left, (int64_t)RUN), r.at.c - c);
            const int64_t offset =
                n * r.at.batch + (c / r.at.block) * r.at.outer + (c % r.at.block) * r.at.inner;
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
