/* Layouts: names, sizes, where elements lie; reorders between them. */
#include "failing.h"
#include "suite.h"

#include "base/rng.h"
#include "op/onednn.h"

typedef struct fixture {
    avsound_context *context;
    avsn_runtime *runtime;
} fixture;

static fixture set_up(void)
{
    fixture f;
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsn_runtime_create(f.context, 1, &f.runtime));
    return f;
}

static void tear_down(fixture *f)
{
    avsn_runtime_free(f->runtime);
    avsound_context_free(f->context);
}

static avsn_layout *layout_of(avsound_context *context, const avsn_shape *shape, int32_t dtype, dnnl_format_tag_t tag)
{
    avsn_md md;
    ck_assert_int_eq(avsn_md_tag(&md, shape, dtype, tag), dnnl_success);
    avsn_layout *layout = avsn_layout_from_md(context, avsn_md_of(&md), shape, dtype);
    avsn_md_clear(&md);
    ck_assert_ptr_nonnull(layout);
    return layout;
}

static const struct order {
    avsn_shape shape;
    dnnl_format_tag_t tag;
    const char *text;
    bool plain;
    int64_t elements; /* with padding */
} orders[] = {
    {{2, {3, 5}}, dnnl_ab, "nc", true, 15},
    {{3, {2, 17, 9}}, dnnl_ncw, "ncw", true, 306},
    {{3, {2, 17, 9}}, dnnl_nwc, "nwc", false, 306},
    {{3, {2, 17, 9}}, dnnl_nCw16c, "nCw16c", false, 576},
    {{4, {2, 17, 5, 7}}, dnnl_nchw, "nchw", true, 1190},
    {{4, {2, 17, 5, 7}}, dnnl_nhwc, "nhwc", false, 1190},
    {{4, {2, 17, 5, 7}}, dnnl_nChw16c, "nChw16c", false, 2240},
    {{4, {2, 17, 5, 7}}, dnnl_nChw8c, "nChw8c", false, 1680},
    {{5, {2, 17, 3, 4, 5}}, dnnl_ncdhw, "ncdhw", true, 2040},
    {{5, {2, 17, 3, 4, 5}}, dnnl_ndhwc, "ndhwc", false, 2040},
    {{5, {2, 17, 3, 4, 5}}, dnnl_nCdhw16c, "nCdhw16c", false, 3840},
};

START_TEST(layouts_know_their_name_and_size)
{
    fixture f = set_up();
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char text[AVSN_LAYOUT_TEXT];
        avsn_layout *layout = layout_of(f.context, &orders[i].shape, AVSOUND_DTYPE_F32, orders[i].tag);
        ck_assert_str_eq(avsn_layout_text(layout, text), orders[i].text);
        ck_assert_int_eq(avsn_layout_is_plain(layout), orders[i].plain);
        ck_assert_uint_eq(avsn_layout_bytes(layout), (size_t)orders[i].elements * 4);
        ck_assert_int_eq(avsn_layout_dtype(layout), AVSOUND_DTYPE_F32);
        ck_assert(avsn_shape_equal(avsn_layout_shape(layout), &orders[i].shape));
        avsn_layout_unref(layout);
    }
    tear_down(&f);
}
END_TEST

START_TEST(layouts_differ_by_order_type_and_shape)
{
    fixture f = set_up();
    const avsn_shape shape = {4, {2, 32, 5, 7}}, other = {4, {2, 32, 7, 5}};
    avsn_layout *const a = layout_of(f.context, &shape, AVSOUND_DTYPE_F32, dnnl_nchw);
    avsn_layout *const others[] = {layout_of(f.context, &shape, AVSOUND_DTYPE_F32, dnnl_nhwc),
                                   layout_of(f.context, &shape, AVSOUND_DTYPE_BF16, dnnl_nchw),
                                   layout_of(f.context, &other, AVSOUND_DTYPE_F32, dnnl_nchw)};
    avsn_layout *plain;
    ck_avsound(avsn_layout_plain(f.context, AVSOUND_DTYPE_F32, &shape, &plain));
    ck_assert(avsn_layout_equal(a, plain));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert(!avsn_layout_equal(a, others[i]));
        avsn_layout_unref(others[i]);
    }
    avsn_layout_unref(plain);
    avsn_layout_unref(avsn_layout_ref(a));
    avsn_layout_unref(a);
    tear_down(&f);
}
END_TEST

/* Runs one reorder on memory the caller gives. */
static void reorder(const fixture *f, avsn_layout *from, void *src, avsn_layout *to, void *dst)
{
    avsn_kernel *kernel;
    ck_avsound(avsn_kernel_create_reorder(f->context, f->runtime, from, to, &kernel));
    void *scratchpad = kernel->scratchpad_bytes ? aligned_alloc(64, (kernel->scratchpad_bytes + 63) / 64 * 64) : NULL;
    ck_avsound(kernel->bind(kernel, &src, &dst, scratchpad));
    ck_avsound(kernel->run(kernel));
    avsn_kernel_free(kernel);
    free(scratchpad);
}

/* oneDNN puts each element where avsn_layout_cells says: numbers of their own position tell. */
START_TEST(cells_lie_where_the_layout_says)
{
    fixture f = set_up();
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        avsn_layout *plain, *layout = layout_of(f.context, &orders[i].shape, AVSOUND_DTYPE_F32, orders[i].tag);
        ck_avsound(avsn_layout_plain(f.context, AVSOUND_DTYPE_F32, &orders[i].shape, &plain));
        const size_t count = avsn_layout_bytes(plain) / 4;
        float *src = calloc(count, sizeof *src), *dst = calloc((size_t)orders[i].elements, sizeof *dst);
        for (size_t e = 0; e < count; e++)
            src[e] = (float)e;
        reorder(&f, plain, src, layout, dst);
        avsn_cells c;
        ck_assert(avsn_layout_cells(layout, &c));
        for (int64_t n = 0; n < c.n; n++)
            for (int64_t ch = 0; ch < c.c; ch++)
                for (int64_t s = 0; s < c.cells; s++) {
                    const int64_t at = n * c.batch + (ch / c.block) * c.outer + (ch % c.block) * c.inner + s * c.cell;
                    ck_assert_msg((int64_t)dst[at] == (n * c.c + ch) * c.cells + s, "%s", orders[i].text);
                }
        free(src);
        free(dst);
        avsn_layout_unref(layout);
        avsn_layout_unref(plain);
    }
    tear_down(&f);
}
END_TEST

START_TEST(other_orders_have_no_cells)
{
    fixture f = set_up();
    avsn_cells cells;
    static const struct {
        avsn_shape shape;
        dnnl_format_tag_t tag;
    } strange[] = {
        {{4, {16, 32, 5, 7}}, dnnl_chwn}, {{4, {2, 32, 5, 7}}, dnnl_abdc}, {{4, {16, 16, 3, 3}}, dnnl_OIhw16i16o}};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        avsn_layout *layout = layout_of(f.context, &strange[i].shape, AVSOUND_DTYPE_F32, strange[i].tag);
        if (strange[i].tag == dnnl_chwn) /* cells in order, though batches lie innermost: still addressable */
            ck_assert(avsn_layout_cells(layout, &cells) && cells.batch == 1);
        else
            ck_assert(!avsn_layout_cells(layout, &cells));
        avsn_layout_unref(layout);
    }
    tear_down(&f);
}
END_TEST

/* Rounding to bf16 is to nearest even, as avsn_bf16_from_f32 does it. */
START_TEST(reorders_convert_to_bf16_and_back)
{
    fixture f = set_up();
    enum { C = 17, CELLS = 35, COUNT = C * CELLS };
    const avsn_shape shape = {4, {1, C, 5, 7}};
    float src[COUNT], back[COUNT];
    uint16_t middle[48 * CELLS];
    for (uint64_t i = 0; i < COUNT; i++)
        src[i] = (float)avsn_rng_normal(1, 2, i);
    src[0] = 1.00390625f; /* half way between two numbers of bf16: down to the even one */
    src[1] = 1.01171875f; /* half way: up to the even one */
    avsn_layout *plain, *bf16 = layout_of(f.context, &shape, AVSOUND_DTYPE_BF16, dnnl_nhwc);
    ck_avsound(avsn_layout_plain(f.context, AVSOUND_DTYPE_F32, &shape, &plain));
    reorder(&f, plain, src, bf16, middle);
    reorder(&f, bf16, middle, plain, back);
    for (int i = 0; i < COUNT; i++)
        ck_assert_msg(memcmp(&back[i], &(float){avsn_bf16_to_f32(avsn_bf16_from_f32(src[i]))}, sizeof back[i]) == 0,
                      "element %d: %.9g -> %.9g", i, (double)src[i], (double)back[i]);
    avsn_layout_unref(bf16);
    avsn_layout_unref(plain);
    tear_down(&f);
}
END_TEST

START_TEST(layouts_survive_refused_allocations)
{
    failing f;
    avsn_layout *layout;
    avsound_context *context = failing_context(&f);
    const avsn_shape shape = {4, {1, 3, 5, 7}};
    ck_survives_refusals(&f, avsn_layout_plain(context, AVSOUND_DTYPE_F32, &shape, &layout), avsn_layout_unref(layout));
    avsn_runtime *runtime;
    ck_survives_refusals(&f, avsn_runtime_create(context, 1, &runtime), avsn_runtime_free(runtime));
    avsn_layout_unref(NULL);
    avsn_runtime_free(NULL);
    avsn_kernel_free(NULL);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

/* ---- kernels ---- */

START_TEST(kernels_that_do_not_exist_say_so)
{
    fixture f = set_up();
    const avsn_shape shape = {4, {1, 16, 5, 7}}, channels = {1, {16}};
    const avsn_attributes attributes = {.epsilon = 1e-5f};
    avsn_kernel_request r = {.context = f.context,
                             .runtime = f.runtime,
                             .kind = AVSN_OP_BATCH_NORM,
                             .attributes = &attributes,
                             .input_count = 5,
                             .output = &shape};
    avsn_kernel *kernel = (avsn_kernel *)&r;
    ck_avsound(avsn_layout_plain(f.context, AVSOUND_DTYPE_S32, &shape, &r.input[0]));
    for (int i = 1; i < 5; i++)
        ck_avsound(avsn_layout_plain(f.context, AVSOUND_DTYPE_F32, &channels, &r.input[i]));
    ck_refused(avsn_kernel_create(&r, &kernel), AVSOUND_E_UNSUPPORTED, "batch norm (1,16,5,7)");
    ck_assert_ptr_null(kernel);
    r.kind = AVSN_OP_PARAM;
    ck_refused(avsn_kernel_create(&r, &kernel), AVSOUND_E_INTERNAL, "param");
    for (int i = 0; i < 5; i++)
        avsn_layout_unref(r.input[i]);
    tear_down(&f);
}
END_TEST

START_TEST(instruction_sets_heed_the_environment)
{
    ck_assert_int_eq(setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1), 0);
    ck_assert_int_eq(avsn_op_isa(), AVSN_ISA_LESS);
}
END_TEST

SUITE("op.layout", layouts_know_their_name_and_size, layouts_differ_by_order_type_and_shape,
      cells_lie_where_the_layout_says, other_orders_have_no_cells, reorders_convert_to_bf16_and_back,
      layouts_survive_refused_allocations, kernels_that_do_not_exist_say_so, instruction_sets_heed_the_environment)
