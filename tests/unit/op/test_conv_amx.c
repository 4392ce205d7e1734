/* Convolutions with tile registers against their definition, exactly: operands are multiples of 1/8 below 2, whose products
 * and sums f32 holds without rounding; a result in bf16 is the exact one, rounded once. */
#include "failing.h"
#include "suite.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "op/families.h"
#include "oracle/ops.h"

enum { SEED = 1999, SRC, FIRST, SECOND, WEIGHTS, BIAS, ADD, OPERANDS };

typedef struct conv_case {
    avsn_shape src;
    int64_t out;
    avsn_window window;
    bool backward, bias, add, relu, narrow; /* narrow: the result is bf16 */
    bool transposed;                        /* backward, and its result is the network's */
    int64_t split;                          /* channels of the first of two parts of what is read; 0: one tensor, as it is */
    float slope[2];                         /* of the two */
} conv_case;

#define WINDOW1(k, s, d, b, a) {.spatial = 1, .kernel = {k}, .stride = {s}, .dilation = {d}, .before = {b}, .after = {a}}
#define WINDOW2(k, s, d, b, a)                                                                                       \
    {.spatial = 2, .kernel = {k, k}, .stride = {s, s}, .dilation = {d, d}, .before = {b, b}, .after = {a, a}}
#define WINDOW3(k, s, d, b, a)                                                                                       \
    {.spatial = 3, .kernel = {k, k, k}, .stride = {s, s, s}, .dilation = {d, d, d}, .before = {b, b, b},             \
     .after = {a, a, a}}

/* The tensors of one convolution, drawn. Backwards, operand SRC is the gradient by the result. FIRST and SECOND are its parts
 * before their ReLU. */
typedef struct tensors {
    avsn_shape src, weights, dst;
    oracle_tensor operand[OPERANDS], want;
} tensors;

static int64_t elements(const avsn_shape *shape)
{
    int64_t count = 0;
    avsn_shape_count(shape, &count);
    return count;
}

static oracle_tensor draw(const avsn_shape *shape, uint64_t stream)
{
    oracle_tensor t = {*shape, calloc((size_t)elements(shape), sizeof *t.data)};
    for (int64_t i = 0; i < elements(shape); i++)
        t.data[i] = ((double)avsn_rng_below(SEED, stream, (uint64_t)i, 31) - 15) / 8;
    return t;
}

static avsn_shape dst_shape(const conv_case *c)
{
    avsn_shape dst = {c->src.rank, {c->src.dim[0], c->out}};
    for (int32_t i = 0; i < c->window.spatial; i++) {
        const avsn_window *w = &c->window;
        const int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        dst.dim[2 + i] = (c->src.dim[2 + i] + w->before[i] + w->after[i] - span) / w->stride[i] + 1;
    }
    return dst;
}

/* Index of position `x` (-1 where the window reaches beyond the source) that tap `tap` sees from position `position`. */
static int64_t seen(const conv_case *c, const avsn_shape *dst, int64_t position, int64_t tap)
{
    int64_t at[3], index = 0;
    for (int32_t i = c->window.spatial - 1; i >= 0; i--) {
        const avsn_window *w = &c->window;
        at[i] = position % dst->dim[2 + i] * w->stride[i] - w->before[i] + tap % w->kernel[i] * w->dilation[i];
        position /= dst->dim[2 + i];
        tap /= w->kernel[i];
        if (at[i] < 0 || at[i] >= c->src.dim[2 + i])
            return -1;
    }
    for (int32_t i = 0; i < c->window.spatial; i++)
        index = index * c->src.dim[2 + i] + at[i];
    return index;
}

/* Each product of the forward pass, the other way. */
static void scatter(const conv_case *c, const tensors *t, oracle_tensor *diff_src)
{
    const int64_t in = c->src.dim[1], cells = elements(&c->src) / c->src.dim[0] / in;
    const int64_t positions = elements(&t->dst) / t->dst.dim[0] / c->out, taps = elements(&t->weights) / in / c->out;
    for (int64_t n = 0; n < c->src.dim[0]; n++)
        for (int64_t position = 0; position < positions; position++)
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t cell = seen(c, &t->dst, position, tap);
                for (int64_t k = 0; cell >= 0 && k < c->out * in; k++)
                    diff_src->data[(n * in + k % in) * cells + cell] +=
                        t->operand[SRC].data[(n * c->out + k / in) * positions + position] *
                        t->operand[WEIGHTS].data[k * taps + tap];
            }
}

static oracle_tensor channels_of(const oracle_tensor *t, int64_t begin, int64_t end)
{
    oracle_tensor part = {t->shape, NULL};
    const int64_t items = t->shape.dim[0], all = t->shape.dim[1], cells = elements(&t->shape) / items / all;
    part.shape.dim[1] = end - begin;
    part.data = calloc((size_t)elements(&part.shape), sizeof *part.data);
    for (int64_t n = 0; n < items; n++)
        memcpy(part.data + n * (end - begin) * cells, t->data + (n * all + begin) * cells,
               (size_t)((end - begin) * cells) * sizeof *part.data);
    return part;
}

static void take_apart(const conv_case *c, tensors *t)
{
    oracle_tensor *src = &t->operand[SRC];
    const int64_t all = src->shape.dim[1], cells = elements(&src->shape) / src->shape.dim[0] / all;
    t->operand[FIRST] = channels_of(src, 0, c->split);
    t->operand[SECOND] = channels_of(src, c->split, all);
    for (int64_t i = 0; i < elements(&src->shape); i++)
        src->data[i] *= src->data[i] < 0 ? (double)c->slope[i / cells % all >= c->split] : 1;
}

/* To the nearest with eight significant bits, ties to even. */
static double rounded(double value)
{
    int exponent;
    const double fraction = frexp(value, &exponent);
    return ldexp(rint(ldexp(fraction, 8)), exponent - 8);
}

static tensors tensors_of(const conv_case *c)
{
    tensors t = {.src = c->src, .dst = dst_shape(c), .weights = {c->src.rank, {c->out, c->src.dim[1]}}};
    for (int32_t i = 0; i < c->window.spatial; i++)
        t.weights.dim[2 + i] = c->window.kernel[i];
    const avsn_shape *result = c->backward ? &t.src : &t.dst;
    t.operand[SRC] = draw(c->backward ? &t.dst : &t.src, SRC);
    t.operand[WEIGHTS] = draw(&t.weights, WEIGHTS);
    t.operand[BIAS] = draw(&AVSN_SHAPE(result->dim[1]), BIAS);
    t.operand[ADD] = draw(result, ADD);
    t.want = (oracle_tensor){*result, calloc((size_t)elements(result), sizeof *t.want.data)};
    if (c->split)
        take_apart(c, &t);
    if (c->backward)
        scatter(c, &t, &t.want);
    else
        oracle_conv(&c->window, &t.operand[SRC], &t.operand[WEIGHTS], c->bias ? &t.operand[BIAS] : NULL, &t.want);
    const int64_t cells = elements(result) / result->dim[0] / result->dim[1];
    for (int64_t i = 0; i < elements(result); i++) {
        double *value = &t.want.data[i];
        *value += c->backward && c->bias ? t.operand[BIAS].data[i / cells % result->dim[1]] : 0;
        *value += c->add ? t.operand[ADD].data[i] : 0;
        *value = c->relu ? fmax(*value, 0) : *value;
        *value = c->narrow || (c->backward && !c->transposed) ? rounded(*value) : *value;
    }
    return t;
}

static void tensors_free(tensors *t)
{
    for (int i = SRC; i < OPERANDS; i++)
        free(t->operand[i].data);
    free(t->want.data);
}

/* ---- the kernel ---- */

typedef struct maker {
    avsound_context *context;
    avsn_runtime *runtime;
    avsn_attributes attributes;
    avsn_kernel_request request;
    int operand[OPERANDS]; /* of each input */
} maker;

static maker maker_of(avsound_context *context, const conv_case *c, const tensors *t, int32_t threads)
{
    maker m = {.context = context, .attributes = {.window = c->window}};
    ck_avsound(avsn_runtime_create(context, threads, &m.runtime));
    m.request = (avsn_kernel_request){.context = context,
                                      .runtime = m.runtime,
                                      .kind = c->transposed ? AVSN_OP_DECONV
                                              : c->backward ? AVSN_OP_CONV_BACKWARD_DATA
                                                            : AVSN_OP_CONV,
                                      .output_count = 1,
                                      .output = &t->want.shape,
                                      .outputs = {&t->want.shape},
                                      .compute = AVSOUND_DTYPE_BF16,
                                      .output_dtype = c->narrow ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32,
                                      .relu = c->relu,
                                      .add = c->add,
                                      .parts = c->split ? 2 : 0,
                                      .slope = {c->slope[0], c->slope[1]}};
    const bool split = c->split > 0;
    const bool wanted[OPERANDS] = {[SRC] = !split, [FIRST] = split, [SECOND] = split, [WEIGHTS] = true, [BIAS] = c->bias,
                                   [ADD] = c->add};
    for (int i = SRC; i < OPERANDS; i++)
        if (wanted[i]) {
            m.operand[m.request.input_count] = i;
            ck_avsound(avsn_layout_plain(context, AVSOUND_DTYPE_F32, &t->operand[i].shape,
                                         &m.request.input[m.request.input_count++]));
        }
    return m;
}

static void maker_free(maker *m)
{
    for (int32_t i = 0; i < m->request.input_count; i++)
        avsn_layout_unref(m->request.input[i]);
    avsn_runtime_free(m->runtime);
}

static void *memory_of(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0x7f, bytes); /* large numbers */
    return memory;
}

static void *reordered(const maker *m, avsn_layout *from, void *src, avsn_layout *to)
{
    avsn_kernel *kernel;
    void *dst = memory_of(avsn_layout_bytes(to));
    ck_avsound(avsn_kernel_create_reorder(m->context, m->runtime, from, to, &kernel));
    void *scratchpad = memory_of(kernel->scratchpad_bytes);
    ck_avsound(kernel->bind(kernel, &src, &dst, scratchpad));
    ck_avsound(kernel->run(kernel));
    avsn_kernel_free(kernel);
    free(scratchpad);
    free(src);
    return dst;
}

static void *operand_of(const maker *m, const oracle_tensor *t, avsn_layout *to)
{
    avsn_layout *plain;
    ck_avsound(avsn_layout_plain(m->context, AVSOUND_DTYPE_F32, &t->shape, &plain));
    float *values = memory_of(avsn_layout_bytes(plain));
    for (int64_t i = 0; i < elements(&t->shape); i++)
        values[i] = (float)t->data[i];
    void *operand = reordered(m, plain, values, to);
    avsn_layout_unref(plain);
    return operand;
}

/* Row-major f32; the caller frees it. */
static float *result_of(const conv_case *c, const tensors *t, int32_t threads)
{
    avsound_context *context;
    avsn_kernel *kernel;
    avsn_layout *plain;
    avsn_compute state;
    void *inputs[OPERANDS];
    ck_avsound(avsound_context_create(NULL, &context));
    avsn_compute_enter(&state, threads);
    maker m = maker_of(context, c, t, threads);
    m.request.attributes = &m.attributes;
    ck_assert(avsn_conv_amx_serves(&m.request));
    ck_avsound(avsn_make_conv_amx(&m.request, &kernel));
    for (int32_t i = 0; i < kernel->input_count; i++)
        inputs[i] = operand_of(&m, &t->operand[m.operand[i]], kernel->input[i]);
    void *result = memory_of(avsn_layout_bytes(kernel->output[0])), *scratchpad = memory_of(kernel->scratchpad_bytes);
    ck_avsound(kernel->bind(kernel, inputs, &result, scratchpad));
    ck_avsound(kernel->run(kernel));
    ck_avsound(avsn_layout_plain(context, AVSOUND_DTYPE_F32, &t->want.shape, &plain));
    result = reordered(&m, kernel->output[0], result, plain);
    for (int32_t i = 0; i < kernel->input_count; i++)
        free(inputs[i]);
    free(scratchpad);
    avsn_layout_unref(plain);
    avsn_kernel_free(kernel);
    maker_free(&m);
    avsn_compute_leave(&state);
    avsound_context_free(context);
    return result;
}

static bool has_tiles(void)
{
    if (avsn_op_isa() < AVSN_ISA_AMX)
        printf("no tile registers on this processor: skipped\n");
    return avsn_op_isa() >= AVSN_ISA_AMX;
}

static void check_cases(const conv_case *cases, size_t count)
{
    for (size_t n = 0; has_tiles() && n < count; n++) {
        tensors t = tensors_of(&cases[n]);
        for (int32_t threads = 1; threads <= 2; threads++) {
            float *got = result_of(&cases[n], &t, threads);
            for (int64_t i = 0; i < elements(&t.want.shape); i++)
                if ((double)got[i] != t.want.data[i])
                    ck_abort_msg("case %zu, %d threads: value %lld is %g, want %g", n, threads, (long long)i,
                                 (double)got[i], t.want.data[i]);
            free(got);
        }
        tensors_free(&t);
    }
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof(cases)[0])

/* ---- cases ---- */

/* Blocks of channels and of positions are part-filled on either side; lines are longer than a panel, panels end within
 * lines, and items within panels. */
START_TEST(pictures)
{
    static const conv_case cases[] = {
        {.src = {4, {2, 3, 7, 5}}, .out = 16, .window = WINDOW2(3, 1, 1, 1, 1)},
        {.src = {4, {3, 32, 5, 4}}, .out = 32, .window = WINDOW2(3, 1, 1, 1, 1), .narrow = true},
        {.src = {4, {1, 24, 9, 11}}, .out = 37, .window = WINDOW2(3, 1, 1, 1, 1), .narrow = true},
        {.src = {4, {2, 96, 3, 3}}, .out = 48, .window = WINDOW2(3, 1, 1, 1, 1)},
        {.src = {4, {1, 512, 17, 20}}, .out = 17, .window = WINDOW2(3, 1, 1, 1, 1), .narrow = true},
        {.src = {4, {2, 3, 75, 90}}, .out = 32, .window = WINDOW2(3, 1, 1, 1, 1), .narrow = true},
        {.src = {4, {1, 2, 2, 9000}}, .out = 20, .window = WINDOW2(3, 1, 1, 1, 1), .narrow = true},
        {.src = {4, {1, 40, 1, 1}}, .out = 96, .window = WINDOW2(3, 1, 1, 1, 1)},
        {.src = {4, {2, 64, 6, 5}}, .out = 64, .window = WINDOW2(1, 1, 1, 0, 0), .narrow = true},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(strides_dilations_and_uneven_paddings)
{
    static const conv_case cases[] = {
        {.src = {4, {2, 33, 9, 8}}, .out = 32, .window = WINDOW2(3, 2, 1, 1, 1), .narrow = true},
        {.src = {4, {2, 33, 8, 9}}, .out = 32, .window = WINDOW2(3, 2, 1, 0, 1)},
        {.src = {4, {2, 5, 10, 7}}, .out = 17, .window = WINDOW2(3, 1, 1, 0, 2)},
        {.src = {4, {2, 5, 7, 10}}, .out = 17, .window = WINDOW2(3, 1, 1, 2, 0)},
        {.src = {4, {2, 5, 7, 10}}, .out = 17, .window = WINDOW2(3, 1, 1, 0, 0)},
        {.src = {4, {1, 5, 4, 5}}, .out = 17, .window = WINDOW2(3, 3, 1, 2, 2)},
        {.src = {4, {2, 8, 11, 13}}, .out = 32, .window = WINDOW2(3, 1, 2, 2, 2)},
        {.src = {4, {2, 8, 11, 13}}, .out = 32, .window = WINDOW2(4, 3, 2, 3, 1)},
        {.src = {4, {2, 32, 9, 9}}, .out = 16, .window = WINDOW2(1, 2, 1, 0, 0)},
        {.src = {4, {1, 2, 20, 24}}, .out = 16,
         .window = {.spatial = 2, .kernel = {5, 2}, .stride = {1, 3}, .dilation = {1, 4}, .before = {4, 0}, .after = {1, 5}}},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(one_dimension_and_three)
{
    static const conv_case cases[] = {
        {.src = {3, {2, 2, 501}}, .out = 64, .window = WINDOW1(65, 4, 1, 30, 31), .narrow = true},
        {.src = {3, {2, 64, 90}}, .out = 32, .window = WINDOW1(15, 1, 1, 7, 7), .narrow = true},
        {.src = {5, {2, 32, 4, 5, 6}}, .out = 32, .window = WINDOW3(3, 1, 1, 1, 1), .narrow = true},
        {.src = {5, {1, 64, 5, 7, 7}}, .out = 32, .window = WINDOW3(3, 2, 1, 0, 1), .narrow = true},
        {.src = {5, {2, 5, 5, 7, 4}}, .out = 20, .window = WINDOW3(3, 1, 2, 2, 2)},
        {.src = {5, {1, 3, 9, 20, 22}}, .out = 16,
         .window = {.spatial = 3, .kernel = {5, 7, 7}, .stride = {2, 2, 2}, .dilation = {1, 1, 1}, .before = {2, 2, 3},
                    .after = {2, 3, 2}}},
        {.src = {5, {1, 24, 4, 8, 8}}, .out = 64,
         .window = {.spatial = 3, .kernel = {3, 4, 4}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .before = {1, 1, 1},
                    .after = {1, 2, 2}}},
        {.src = {5, {1, 40, 2, 6, 7}}, .out = 32,
         .window = {.spatial = 3, .kernel = {3, 3, 3}, .stride = {1, 2, 2}, .dilation = {1, 1, 1}, .before = {1, 0, 1},
                    .after = {1, 1, 0}}},
    };
    CHECK_CASES(cases);
}
END_TEST

/* The last is large enough to go past the caches. */
START_TEST(bias_addition_and_relu)
{
    static const conv_case cases[] = {
        {.src = {4, {2, 32, 6, 7}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .bias = true},
        {.src = {4, {2, 32, 6, 7}}, .out = 64, .window = WINDOW2(3, 1, 1, 1, 1), .bias = true, .relu = true, .narrow = true},
        {.src = {4, {2, 32, 6, 7}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .add = true, .narrow = true},
        {.src = {4, {2, 32, 6, 7}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .bias = true, .add = true, .relu = true},
        {.src = {5, {1, 32, 3, 6, 7}}, .out = 64, .window = WINDOW3(3, 1, 1, 1, 1), .bias = true, .add = true, .relu = true,
         .narrow = true},
        {.src = {4, {2, 32, 6, 7}}, .out = 32, .window = WINDOW2(3, 1, 1, 1, 1), .relu = true},
        {.src = {4, {1, 1, 160, 120}}, .out = 64, .window = WINDOW2(3, 1, 1, 1, 1), .bias = true, .relu = true,
         .narrow = true},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(gradients_by_the_source)
{
    static const conv_case cases[] = {
        {.src = {4, {2, 32, 6, 7}}, .out = 64, .window = WINDOW2(3, 1, 1, 1, 1), .backward = true},
        {.src = {4, {2, 70, 6, 7}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .backward = true},
        {.src = {4, {1, 16, 6, 7}}, .out = 96, .window = WINDOW2(3, 1, 1, 0, 2), .backward = true},
        {.src = {4, {1, 16, 6, 7}}, .out = 32, .window = WINDOW2(3, 1, 1, 0, 0), .backward = true},
        {.src = {4, {1, 33, 8, 9}}, .out = 33, .window = WINDOW2(3, 1, 2, 2, 1), .backward = true},
        {.src = {4, {1, 32, 80, 4}}, .out = 256, .window = WINDOW2(3, 1, 1, 1, 1), .backward = true},
        {.src = {3, {2, 32, 40}}, .out = 64, .window = WINDOW1(15, 1, 1, 7, 7), .backward = true},
        {.src = {5, {2, 20, 3, 4, 5}}, .out = 64, .window = WINDOW3(3, 1, 1, 1, 1), .backward = true},
    };
    CHECK_CASES(cases);
}
END_TEST

/* Remainders of the stride have windows of different sizes, or (kernel below stride) none at all; sizes that it does not
 * divide; cells at the end that no window reaches; dilations that meet some remainders only; panels that end within lines. */
START_TEST(gradients_by_the_source_with_strides)
{
    static const conv_case cases[] = {
        {.src = {4, {1, 64, 8, 16}}, .out = 32, .window = WINDOW2(4, 2, 1, 1, 1), .backward = true},
        {.src = {4, {2, 40, 7, 9}}, .out = 70, .window = WINDOW2(4, 2, 1, 1, 2), .backward = true},
        {.src = {4, {3, 16, 11, 8}}, .out = 33, .window = WINDOW2(3, 2, 1, 0, 1), .backward = true},
        {.src = {4, {2, 17, 10, 13}}, .out = 32, .window = WINDOW2(3, 3, 1, 1, 0), .backward = true},
        {.src = {4, {2, 17, 9, 12}}, .out = 32, .window = WINDOW2(2, 3, 1, 0, 0), .backward = true},
        {.src = {4, {2, 32, 9, 9}}, .out = 16, .window = WINDOW2(1, 2, 1, 0, 0), .backward = true},
        {.src = {4, {1, 24, 13, 11}}, .out = 48, .window = WINDOW2(3, 2, 2, 2, 1), .backward = true},
        {.src = {4, {2, 24, 12, 15}}, .out = 48, .window = WINDOW2(4, 3, 2, 3, 1), .backward = true},
        {.src = {4, {1, 2, 12, 64}}, .out = 128, .backward = true,
         .window = {.spatial = 2, .kernel = {4, 4}, .stride = {1, 2}, .dilation = {1, 1}, .before = {1, 1}, .after = {2, 1}}},
        {.src = {4, {1, 64, 160, 66}}, .out = 320, .window = WINDOW2(4, 2, 1, 1, 1), .backward = true},
        {.src = {3, {2, 32, 41}}, .out = 64, .window = WINDOW1(15, 4, 1, 7, 7), .backward = true},
        {.src = {5, {2, 20, 5, 8, 7}}, .out = 64, .window = WINDOW3(3, 2, 1, 0, 1), .backward = true},
        {.src = {5, {1, 20, 7, 6, 6}}, .out = 40, .window = WINDOW3(3, 2, 2, 2, 2), .backward = true},
        {.src = {4, {1, 20, 6, 6}}, .out = 40, .window = WINDOW2(2, 1, 1, 4, 0), .backward = true},
    };
    CHECK_CASES(cases);
}
END_TEST

/* Two tensors as one source, with and without ReLU, leaky or not; transposed with a bias, too. */
START_TEST(sources_in_parts)
{
    static const conv_case cases[] = {
        {.src = {4, {2, 72, 9, 8}}, .out = 32, .window = WINDOW2(4, 2, 1, 1, 1), .narrow = true, .split = 64, .slope = {0, 0}},
        {.src = {4, {2, 64, 9, 8}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .split = 32, .slope = {0.25f, 1}},
        {.src = {4, {2, 40, 9, 8}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .split = 32, .slope = {1, 0.25f}},
        {.src = {4, {2, 32, 8, 16}}, .out = 96, .window = WINDOW2(4, 2, 1, 1, 1), .backward = true, .transposed = true,
         .narrow = true, .bias = true, .split = 64, .slope = {0, 0}},
        {.src = {4, {1, 2, 12, 64}}, .out = 100, .backward = true, .transposed = true, .bias = true, .split = 32,
         .slope = {0, 0.25f},
         .window = {.spatial = 2, .kernel = {4, 4}, .stride = {1, 2}, .dilation = {1, 1}, .before = {1, 1}, .after = {2, 1}}},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(refusals_of_memory_are_survived)
{
    const conv_case c = {.src = {4, {2, 32, 6, 7}}, .out = 40, .window = WINDOW2(3, 1, 1, 1, 1), .bias = true, .add = true};
    if (!has_tiles())
        return;
    failing f;
    avsound_context *context = failing_context(&f);
    tensors t = tensors_of(&c);
    maker m = maker_of(context, &c, &t, 1);
    m.request.attributes = &m.attributes;
    avsn_kernel *kernel = NULL;
    ck_survives_refusals(&f, avsn_make_conv_amx(&m.request, &kernel), avsn_kernel_free(kernel));
    maker_free(&m);
    tensors_free(&t);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("op.conv_amx", pictures, strides_dilations_and_uneven_paddings, one_dimension_and_three, bias_addition_and_relu,
      gradients_by_the_source, gradients_by_the_source_with_strides, sources_in_parts, refusals_of_memory_are_survived)
