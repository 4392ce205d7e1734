/* Pooling: oneDNN's, and the halving by maxima of 2x2 cells that the networks train with. */
#include "op/lanes.h"
#include "op/onednn.h"

static dnnl_alg_kind_t pooling_algorithm(const avsn_kernel_request *r)
{
    return r->attributes->pooling == AVSN_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
}

static dnnl_status_t start_pool(avsn_pd *pd, const avsn_kernel_request *r, dnnl_prop_kind_t prop, avsn_md_arg src,
                                const avsn_shape *dst_shape, int32_t dtype, dnnl_primitive_attr_t attr)
{
    const avsn_onednn_window window = avsn_onednn_window_of(&r->attributes->window);
    avsn_md dst;
    dnnl_status_t status = avsn_md_any(&dst, dst_shape, dtype);
    if (!status)
        status = avsn_pd_pool(pd, avsn_runtime_engine(r->runtime), attr, prop, pooling_algorithm(r), src, avsn_md_of(&dst),
                              &window);
    avsn_md_clear(&dst);
    return status;
}

static avsound_status make_pool_forward(const avsn_kernel_request *r, dnnl_prop_kind_t prop, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    dnnl_primitive_attr_t attr;
    avsn_pd pd = {0};
    dnnl_status_t status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status) {
        status = start_pool(&pd, r, prop, avsn_md_of(avsn_layout_md(r->input[0])), r->output, dtype, attr);
        dnnl_primitive_attr_destroy(attr);
    }
    const avsn_wire wires[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md, 0, avsn_layout_shape(r->input[0]), dtype},
        {DNNL_ARG_DST, -1, dnnl_query_dst_md, 0, r->output, dtype},
        {DNNL_ARG_WORKSPACE, -2, dnnl_query_workspace_md, 0, r->outputs[1], AVSOUND_DTYPE_U8},
    };
    return avsn_onednn_complete(r, "pooling", status, &pd, wires, r->output_count > 1 ? 3 : 2, out);
}

avsound_status avsn_make_pool(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make_pool_forward(r, dnnl_forward_inference, out);
}

/* Both gradients lie as diff dst does. */
static avsound_status make_pool_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    const avsn_onednn_window window = avsn_onednn_window_of(&r->attributes->window);
    const avsn_shape *dst_shape = avsn_layout_shape(r->input[0]);
    avsn_md_arg diff_dst = avsn_md_of(avsn_layout_md(r->input[0]));
    avsn_md src = {0};
    dnnl_primitive_attr_t attr = NULL;
    avsn_pd pd = {0}, hint = {0};
    dnnl_status_t status = avsn_layout_like(r->input[0], r->output, dtype, &src);
    if (!status)
        status = avsn_onednn_attributes(&attr, false, NULL);
    if (!status)
        status = start_pool(&hint, r, dnnl_forward_training, avsn_md_of(&src), dst_shape, dtype, attr);
    if (!status)
        status = avsn_pd_pool_backward(&pd, avsn_runtime_engine(r->runtime), attr, pooling_algorithm(r), avsn_md_of(&src),
                                       diff_dst, &window, &hint);
    avsn_pd_clear(&hint);
    avsn_md_clear(&src);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    const avsn_wire wires[] = {
        {DNNL_ARG_DIFF_DST, 0, dnnl_query_diff_dst_md, 0, dst_shape, dtype},
        {DNNL_ARG_DIFF_SRC, -1, dnnl_query_diff_src_md, 0, r->output, dtype},
        {DNNL_ARG_WORKSPACE, 1, dnnl_query_workspace_md, 0, r->input_count > 1 ? avsn_layout_shape(r->input[1]) : NULL,
         AVSOUND_DTYPE_U8},
    };
    return avsn_onednn_complete(r, "pooling backward", status, &pd, wires, r->input_count > 1 ? 3 : 2, out);
}

/* ---- the maxima of 2x2 cells, two apart, in training: four reads, one comparison each, one byte of where ---- */

static bool is_halving(const avsn_attributes *a)
{
    const avsn_window *w = &a->window;
    bool halving = a->pooling == AVSN_POOL_MAX && w->spatial == 2;
    for (int i = 0; halving && i < 2; i++)
        halving = w->kernel[i] == 2 && w->stride[i] == 2 && w->dilation[i] == 1 && !w->before[i] && !w->after[i];
    return halving;
}

/* A source of neighbouring channels, as many as `width`, by item, group of channels, row and column. */
typedef struct source {
    int64_t n, groups, width, height, columns;
    int64_t item, group; /* strides in elements; a row has columns * width */
} source;

enum {
    NARROWEST = 8, /* fewer neighbouring channels make poor vectors */
    LANES = 16     /* at a time: the narrowest networks have no more channels */
};

static bool find_source(const avsn_layout *layout, source *s)
{
    avsn_cells at;
    const avsn_shape *shape = avsn_layout_shape(layout);
    if (shape->rank != 4 || !avsn_layout_cells(layout, &at))
        return false;
    const bool last = at.block == 1 && at.outer == 1;
    *s = (source){at.n, last ? 1 : (at.c + at.block - 1) / at.block, last ? at.c : at.block, shape->dim[2], shape->dim[3],
                  at.batch, at.outer};
    return at.cell == s->width && s->width >= NARROWEST;
}

/* Floats as signed integers in the same order: comparisons of those are free of traps and so become vector code. NaN with
 * its sign clear is the largest. */
#define MAXIMA(name, integer, magnitude)                                                                            \
    static inline integer name##_key(integer bits)                                                                  \
    {                                                                                                               \
        return (integer)(bits < 0 ? bits ^ magnitude : bits);                                                       \
    }                                                                                                               \
    AVSN_LOOP name##_cells(const integer *restrict upper, const integer *restrict lower, int64_t right,             \
                           int64_t count, integer *restrict dst, uint8_t *restrict where)                           \
    {                                                                                                               \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++)                                                     \
        {                                                                                                           \
            const integer a = name##_key(upper[i]), b = name##_key(upper[right + i]);                               \
            const integer c = name##_key(lower[i]), d = name##_key(lower[right + i]);                               \
            const integer ab = b > a ? b : a, cd = d > c ? d : c;                                                   \
            const integer first = b > a ? 1 : 0, second = d > c ? 3 : 2;                                            \
            dst[i] = name##_key(cd > ab ? cd : ab);                                                                 \
            where[i] = (uint8_t)(cd > ab ? second : first);                                                         \
        }                                                                                                           \
    }                                                                                                               \
    AVSN_LOOP name(const integer *upper, const integer *lower, int64_t columns, int64_t width, integer *dst,        \
                   uint8_t *where)                                                                                  \
    {                                                                                                               \
        for (int64_t x = 0; x < columns; x++, upper += width, lower += width) {                                     \
            int64_t i = 0;                                                                                          \
            for (; i + LANES <= width; i += LANES, upper += LANES, lower += LANES, dst += LANES, where += LANES)    \
                name##_cells(upper, lower, width, LANES, dst, where);                                               \
            name##_cells(upper, lower, width, width - i, dst, where);                                               \
            upper += width - i, lower += width - i, dst += width - i, where += width - i;                           \
        }                                                                                                           \
    }

MAXIMA(maxima16, int16_t, 0x7fff)
MAXIMA(maxima32, int32_t, 0x7fffffff)

AVSN_LOOP maxima_row(const void *upper, const void *lower, bool bf16, int64_t columns, int64_t width, void *dst,
                     uint8_t *where)
{
    if (bf16)
        maxima16(upper, lower, columns, width, dst, where);
    else
        maxima32(upper, lower, columns, width, dst, where);
}

AVSN_LOOP_VARIANTS(maxima_row,
                   (const void *upper, const void *lower, bool bf16, int64_t columns, int64_t width, void *dst,
                    uint8_t *where),
                   (upper, lower, bf16, columns, width, dst, where))

/* The gradient goes to the cell that held the maximum; bits, whatever they mean. */
#define SPREAD(name, bits)                                                                                          \
    AVSN_LOOP name##_cells(const bits *restrict diff, const uint8_t *restrict where, int64_t right, int64_t count,  \
                           bits *restrict upper, bits *restrict lower)                                              \
    {                                                                                                               \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++)                                                     \
        {                                                                                                           \
            const bits d = diff[i], at = where[i];                                                                  \
            upper[i] = at == 0 ? d : 0;                                                                             \
            upper[right + i] = at == 1 ? d : 0;                                                                     \
            lower[i] = at == 2 ? d : 0;                                                                             \
            lower[right + i] = at == 3 ? d : 0;                                                                     \
        }                                                                                                           \
    }                                                                                                               \
    AVSN_LOOP name(const bits *diff, const uint8_t *where, int64_t columns, int64_t width, bits *upper, bits *lower) \
    {                                                                                                               \
        for (int64_t x = 0; x < columns; x++, upper += width, lower += width) {                                     \
            int64_t i = 0;                                                                                          \
            for (; i + LANES <= width; i += LANES, diff += LANES, where += LANES, upper += LANES, lower += LANES)   \
                name##_cells(diff, where, width, LANES, upper, lower);                                              \
            name##_cells(diff, where, width, width - i, upper, lower);                                              \
            diff += width - i, where += width - i, upper += width - i, lower += width - i;                          \
        }                                                                                                           \
    }

SPREAD(spread16, uint16_t)
SPREAD(spread32, uint32_t)

AVSN_LOOP spread_row(const void *diff, const uint8_t *where, bool bf16, int64_t columns, int64_t width, void *upper,
                     void *lower)
{
    if (bf16)
        spread16(diff, where, columns, width, upper, lower);
    else
        spread32(diff, where, columns, width, upper, lower);
}

AVSN_LOOP_VARIANTS(spread_row,
                   (const void *diff, const uint8_t *where, bool bf16, int64_t columns, int64_t width, void *upper,
                    void *lower),
                   (diff, where, bf16, columns, width, upper, lower))

/* Where row `row` of all rows of the result, and the two of the source that it is made of, begin. */
typedef struct rows {
    int64_t src, dst, y;
} rows;

static rows rows_at(const source *s, int64_t row)
{
    const int64_t height = s->height / 2, columns = s->columns / 2, y = row % height, group = row / height % s->groups;
    const int64_t n = row / height / s->groups, line = s->columns * s->width;
    return (rows){n * s->item + group * s->group + 2 * y * line, row * columns * s->width, y};
}

static void halve(const avsn_c_kernel *k)
{
    source s;
    find_source(k->base.input[0], &s);
    const bool bf16 = avsn_layout_dtype(k->base.input[0]) == AVSOUND_DTYPE_BF16;
    const int64_t size = bf16 ? 2 : 4, line = s.columns * s.width, count = s.n * s.groups * (s.height / 2);
    const int variant = avsn_loop_variant();
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t row = 0; row < count; row++) {
        const rows at = rows_at(&s, row);
        const unsigned char *src = (const unsigned char *)k->input[0] + at.src * size;
        maxima_row_variants[variant](src, src + line * size, bf16, s.columns / 2, s.width,
                                     (unsigned char *)k->output[0] + at.dst * size, (uint8_t *)k->output[1] + at.dst);
    }
}

static void halve_backward(const avsn_c_kernel *k)
{
    source s;
    find_source(k->base.output[0], &s);
    const bool bf16 = avsn_layout_dtype(k->base.output[0]) == AVSOUND_DTYPE_BF16;
    const int64_t size = bf16 ? 2 : 4, line = s.columns * s.width, count = s.n * s.groups * (s.height / 2);
    const int64_t used = s.columns / 2 * 2 * s.width;
    const int variant = avsn_loop_variant();
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t row = 0; row < count; row++) {
        const rows at = rows_at(&s, row);
        unsigned char *upper = (unsigned char *)k->output[0] + at.src * size, *lower = upper + line * size;
        spread_row_variants[variant]((const unsigned char *)k->input[0] + at.dst * size,
                                     (const uint8_t *)k->input[1] + at.dst, bf16, s.columns / 2, s.width, upper, lower);
        memset(upper + used * size, 0, (size_t)((line - used) * size));
        memset(lower + used * size, 0, (size_t)((line - used) * size));
        if (s.height % 2 && at.y == s.height / 2 - 1)
            memset(lower + line * size, 0, (size_t)(line * size));
    }
}

avsound_status avsn_make_pool_train(const avsn_kernel_request *r, avsn_kernel **out)
{
    source s;
    avsn_layout *src = r->input[0];
    if (!is_halving(r->attributes) || !find_source(src, &s) || s.height < 2 || s.columns < 2)
        return make_pool_forward(r, dnnl_forward_training, out);
    avsn_kernel *kernel;
    AVSN_TRY(avsn_c_kernel_create(r, "c:halve", halve, 1, &kernel));
    avsound_status status = avsn_replace_layout(&kernel->output[0], r, src, r->output, avsn_layout_dtype(src));
    if (!status)
        status = avsn_replace_layout(&kernel->output[1], r, src, r->output, AVSOUND_DTYPE_U8);
    if (status)
        avsn_kernel_free(kernel);
    else
        *out = kernel;
    return status;
}

/* The layout of where the maxima were tells whose forward pass it was. */
avsound_status avsn_make_pool_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    source s;
    const avsn_layout *where = r->input_count > 1 ? r->input[1] : NULL;
    const avsn_shape *dst = avsn_layout_shape(r->input[0]);
    if (!where || !is_halving(r->attributes) || !avsn_shape_equal(avsn_layout_shape(where), dst) || !find_source(where, &s))
        return make_pool_backward(r, out);
    const int32_t dtype = avsn_layout_dtype(r->input[0]);
    avsn_kernel *kernel;
    AVSN_TRY(avsn_c_kernel_create(r, "c:halve_backward", halve_backward, 2, &kernel));
    avsound_status status = avsn_replace_layout(&kernel->input[0], r, where, dst, dtype);
    if (!status)
        status = avsn_replace_layout(&kernel->output[0], r, where, r->output, dtype);
    if (status)
        avsn_kernel_free(kernel);
    else
        *out = kernel;
    return status;
}
