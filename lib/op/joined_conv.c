/* The 1x1x1 convolution of pictures joined with a sound that is the same at every cell of one time. It is linear, so the sound's
 * share is computed once a time instead of once a cell, and added to the convolution of the pictures alone; then ReLU. */
#include "op/families.h"
#include "op/lanes.h"

#include <math.h>
#include <stdio.h>

typedef struct joined_conv {
    avsn_kernel base;
    avsn_kernel *pictures; /* the convolution of the first operand */
    avsn_cells dst, sound;
    int64_t width, groups; /* channels that lie side by side; runs of them */
    bool bf16, sound_bf16, relu;
    const void *heard;
    const float *weights, *bias; /* (channels, sound's channels); bias may be NULL */
    void *result;
    float *share; /* [n * times][groups * width], zeros behind the last channel */
} joined_conv;

enum { PICTURES, SOUND, PICTURE_WEIGHTS, SOUND_WEIGHTS, BIAS };

static void sound_share(const joined_conv *k, int64_t row)
{
    const int64_t n = row / k->sound.cells, t = row % k->sound.cells, padded = k->groups * k->width;
    float *share = k->share + row * padded;
    for (int64_t c = 0; c < padded; c++)
        share[c] = k->bias && c < k->dst.c ? k->bias[c] : 0;
    for (int64_t c = 0; c < k->dst.c; c++) {
        float sum = 0;
        for (int64_t i = 0; i < k->sound.c; i++) {
            const int64_t at = avsn_cells_channel(&k->sound, n, i) + t * k->sound.cell;
            sum += k->weights[c * k->sound.c + i] * avsn_lane(k->heard, k->sound_bf16, at);
        }
        share[c] += sum;
    }
}

AVSN_LOOP add_cells(void *result, bool bf16, int64_t cells, int64_t cell, int64_t width, float least,
                    const float *restrict share)
{
    for (int64_t s = 0; s < cells; s++)
        for (int64_t c = 0; c < width; c++) {
            const float value = avsn_lane(result, bf16, s * cell + c) + share[c];
            avsn_set_lane(result, bf16, s * cell + c, value < least ? least : value);
        }
}

/* One run of channels over the cells of one picture. */
AVSN_LOOP add_run(const joined_conv *k, int64_t begin, const float *share)
{
    const int64_t picture = k->dst.cells / k->sound.cells, cell = k->dst.cell, width = k->width;
    const float least = k->relu ? 0 : -INFINITY;
    if (k->bf16)
        add_cells((uint16_t *)k->result + begin, true, picture, cell, width, least, share);
    else
        add_cells((float *)k->result + begin, false, picture, cell, width, least, share);
}
AVSN_LOOP_VARIANTS(add_run, (const joined_conv *k, int64_t begin, const float *share), (k, begin, share))

static void add_share(const joined_conv *k, int64_t row, int64_t group)
{
    const int64_t n = row / k->sound.cells, t = row % k->sound.cells, picture = k->dst.cells / k->sound.cells;
    const int64_t begin = avsn_cells_channel(&k->dst, n, group * k->width) + t * picture * k->dst.cell;
    const float *share = k->share + (row * k->groups + group) * k->width;
    add_run_variants[avsn_loop_variant()](k, begin, share);
}

static avsound_status run(avsn_kernel *base)
{
    const joined_conv *k = (const joined_conv *)base;
    const int64_t rows = k->sound.n * k->sound.cells;
    AVSN_TRY(k->pictures->run(k->pictures));
#pragma omp parallel
    {
#pragma omp for
        for (int64_t row = 0; row < rows; row++)
            sound_share(k, row);
#pragma omp for collapse(2)
        for (int64_t row = 0; row < rows; row++)
            for (int64_t group = 0; group < k->groups; group++)
                add_share(k, row, group);
    }
    return AVSOUND_OK;
}

static size_t share_bytes(const joined_conv *k)
{
    return (size_t)(k->sound.n * k->sound.cells * k->groups * k->width) * sizeof(float);
}

static avsound_status bind(avsn_kernel *base, void *const *inputs, void *const *outputs, void *scratchpad)
{
    joined_conv *k = (joined_conv *)base;
    void *const pictures[2] = {inputs[PICTURES], inputs[PICTURE_WEIGHTS]};
    k->heard = inputs[SOUND];
    k->weights = inputs[SOUND_WEIGHTS];
    k->bias = base->input_count > BIAS ? inputs[BIAS] : NULL;
    k->result = outputs[0];
    k->share = (float *)((unsigned char *)scratchpad + base->scratchpad_bytes - share_bytes(k));
    return k->pictures->bind(k->pictures, pictures, outputs, scratchpad);
}

static void destroy(avsn_kernel *base)
{
    avsn_kernel_free(((joined_conv *)base)->pictures);
}

static avsound_status make_pictures(const avsn_kernel_request *r, avsn_kernel **out)
{
    avsn_kernel_request pictures = *r;
    pictures.kind = AVSN_OP_CONV;
    pictures.input_count = 2;
    pictures.input[1] = r->input[PICTURE_WEIGHTS];
    pictures.relu = false;
    return avsn_kernel_create(&pictures, out);
}

static avsound_status find_order(joined_conv *k, const avsn_kernel_request *r)
{
    const avsn_layout *dst = k->pictures->output[0], *sound = r->input[SOUND];
    if (!avsn_layout_cells(dst, &k->dst) || !avsn_layout_cells(sound, &k->sound))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "joined convolution: its result lies in an order that nothing can be added in");
    k->width = k->dst.block > 1 ? k->dst.block : k->dst.outer == 1 ? k->dst.c : 1;
    k->groups = (k->dst.c + k->width - 1) / k->width;
    k->bf16 = avsn_layout_dtype(dst) == AVSOUND_DTYPE_BF16;
    k->sound_bf16 = avsn_layout_dtype(sound) == AVSOUND_DTYPE_BF16;
    k->relu = r->relu;
    return AVSOUND_OK;
}

static avsound_status make(joined_conv *k, const avsn_kernel_request *r)
{
    avsn_kernel *base = &k->base;
    AVSN_TRY(make_pictures(r, &k->pictures));
    AVSN_TRY(find_order(k, r));
    base->input[PICTURES] = avsn_layout_ref(k->pictures->input[0]);
    base->input[SOUND] = avsn_layout_ref(r->input[SOUND]);
    base->input[PICTURE_WEIGHTS] = avsn_layout_ref(k->pictures->input[1]);
    base->output[0] = avsn_layout_ref(k->pictures->output[0]);
    for (int32_t i = SOUND_WEIGHTS; i < r->input_count; i++)
        AVSN_TRY(avsn_layout_plain(r->context, AVSOUND_DTYPE_F32, avsn_layout_shape(r->input[i]), &base->input[i]));
    if (!avsn_align_size(k->pictures->scratchpad_bytes, AVSN_ALIGNMENT, &base->scratchpad_bytes) ||
        !avsn_add_size(base->scratchpad_bytes, share_bytes(k), &base->scratchpad_bytes))
        AVSN_FAIL(AVSOUND_E_SHAPE, "joined convolution: too large");
    snprintf(base->impl, sizeof base->impl, "c:share+%.38s", k->pictures->impl);
    return AVSOUND_OK;
}

avsound_status avsn_make_joined_conv(const avsn_kernel_request *r, avsn_kernel **out)
{
    joined_conv *k = avsn_alloc_zeroed(r->context, 1, sizeof *k);
    if (!k)
        return AVSOUND_E_NO_MEMORY;
    k->base = (avsn_kernel){.context = avsn_context_ref(r->context),
                            .input_count = r->input_count,
                            .output_count = 1,
                            .bind = bind,
                            .run = run,
                            .destroy = destroy};
    const avsound_status status = make(k, r);
    if (status) {
        avsn_kernel_free(&k->base);
        return status;
    }
    *out = &k->base;
    return AVSOUND_OK;
}
