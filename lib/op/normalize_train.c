/* Batch norm in training, and back, each with the ReLU that follows in the same passes; with running statistics, too. The statistics are sums over pieces
 * that depend on the shape alone, so any number of threads finds the same bits.
 *
 * S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015, algorithm 1 and the gradients after it. S. Ioffe, "Batch
 * Renormalization", NeurIPS 2017, algorithm 1, with running sums that start at 0 and know how much they hold, as in
 * TensorFlow's layer up to 1.8. */
#include "op/lanes.h"

#include <math.h>
#include <string.h>

/* An activation as panels: neighbouring rows of `width` neighbouring channels. Channels-last memory is one panel, cut into
 * several; a channel block, or row-major memory's single channel, of one item is a panel each. */
typedef struct panels {
    avsn_cells at;
    bool last;
    int64_t width, groups; /* of channels: width * groups, at least all of them */
    int64_t count, rows;   /* of a panel; channels last: the last one may have fewer */
} panels;

enum { TILE = 512, MERGED = 128, PIECES = 64, PIECE_ROWS = 64, FLUSH = 16, SAMPLES = 16 };

static bool find_panels(const avsn_layout *layout, panels *p)
{
    *p = (panels){.last = false};
    avsn_cells *at = &p->at;
    if (!avsn_layout_cells(layout, at))
        return false;
    p->last = at->block == 1 && at->outer == 1 && at->batch == at->cells * at->c && (at->cell == at->c || at->cells == 1);
    if (!p->last && at->cell != at->block && at->cells > 1)
        return false;
    if (p->last) {
        const int64_t rows = at->n * at->cells;
        p->width = at->c;
        p->groups = 1;
        p->rows = AVSN_MAX((rows + PIECES - 1) / PIECES, AVSN_MIN(rows, (int64_t)PIECE_ROWS));
        p->count = (rows + p->rows - 1) / p->rows;
    } else {
        p->width = at->block;
        p->groups = (at->c + at->block - 1) / at->block;
        p->rows = at->cells;
        p->count = at->n * p->groups;
    }
    return true;
}

typedef struct panel {
    int64_t offset, rows, channel;
} panel;

static panel panel_at(const panels *p, int64_t index)
{
    if (p->last) {
        const int64_t rows = p->at.n * p->at.cells, first = index * p->rows;
        return (panel){first * p->width, AVSN_MIN(p->rows, rows - first), 0};
    }
    const int64_t n = index / p->groups, group = index % p->groups;
    return (panel){n * p->at.batch + group * p->at.outer, p->rows, group * p->width};
}

/* What both directions keep in the scratchpad: partial sums by panel, and numbers by channel with zeros behind the last. */
typedef struct scratch {
    double *sums;  /* [panel][2][width] */
    double *whole; /* [2][channels]: over the panels of all processes */
    float *mean, *scale, *shift, *slope, *offset;
} scratch;

static size_t scratch_bytes(const panels *p)
{
    const int64_t channels = p->width * p->groups;
    return (size_t)(p->count * 2 * p->width + 2 * channels) * sizeof(double) + (size_t)(5 * channels) * sizeof(float);
}

static scratch scratch_of(const avsn_c_kernel *k, const panels *p)
{
    const int64_t channels = p->width * p->groups;
    scratch s = {.sums = k->scratchpad};
    s.whole = s.sums + p->count * 2 * p->width;
    float *floats = (float *)(s.whole + 2 * channels);
    memset(floats, 0, (size_t)(5 * channels) * sizeof *floats);
    s.mean = floats;
    s.scale = floats + channels;
    s.shift = floats + 2 * channels;
    s.slope = floats + 3 * channels;
    s.offset = floats + 4 * channels;
    return s;
}

/* ---- the loops: `rows` rows of `width` elements, `stride` apart ---- */

/* What a pass works on; the coefficients are as many as the rows are wide. */
typedef struct strip {
    const void *src, *diff_dst;
    void *dst;
    int64_t rows, width, stride;
    const float *mean, *scale, *shift, *slope, *offset;
    double *sum, *product; /* added to */
} strip;

AVSN_LOOP sums_loop(const strip *s, bool bf16)
{
    float sum[TILE], square[TILE];
    const float *restrict mean = s->mean;
    for (int64_t r = 0; r < s->rows;) {
        memset(sum, 0, sizeof sum);
        memset(square, 0, sizeof square);
        const int64_t end = AVSN_MIN(s->rows, r + FLUSH);
        for (; r < end; r++) {
            const int64_t at = r * s->stride;
#pragma omp simd
            for (int64_t i = 0; i < s->width; i++) {
                const float x = avsn_lane(s->src, bf16, at + i) - mean[i];
                sum[i] += x;
                square[i] += x * x;
            }
        }
        for (int64_t i = 0; i < s->width; i++) {
            s->sum[i] += (double)sum[i];
            s->product[i] += (double)square[i];
        }
    }
}

AVSN_LOOP normalize_loop(const strip *s, bool bf16, bool relu)
{
    const float *restrict mean = s->mean, *restrict scale = s->scale, *restrict shift = s->shift;
    for (int64_t r = 0; r < s->rows; r++) {
        const int64_t at = r * s->stride;
#pragma omp simd
        for (int64_t i = 0; i < s->width; i++) {
            const float y = (avsn_lane(s->src, bf16, at + i) - mean[i]) * scale[i] + shift[i];
            avsn_set_lane(s->dst, bf16, at + i, relu && !(y > 0) && y == y ? 0 : y);
        }
    }
}

/* The gradient that passes the ReLU: where normalize_loop found more than zero, by the same arithmetic. */
static inline float passing(float diff, float centred, float scale, float shift, bool relu)
{
    return !relu || centred * scale + shift > 0 ? diff : 0;
}

AVSN_LOOP diff_sums_loop(const strip *s, bool bf16, bool relu)
{
    float sum[TILE], product[TILE];
    const float *restrict mean = s->mean, *restrict scale = s->scale, *restrict shift = s->shift;
    for (int64_t r = 0; r < s->rows;) {
        memset(sum, 0, sizeof sum);
        memset(product, 0, sizeof product);
        const int64_t end = AVSN_MIN(s->rows, r + FLUSH);
        for (; r < end; r++) {
            const int64_t at = r * s->stride;
#pragma omp simd
            for (int64_t i = 0; i < s->width; i++) {
                const float x = avsn_lane(s->src, bf16, at + i) - mean[i];
                const float diff = passing(avsn_lane(s->diff_dst, bf16, at + i), x, scale[i], shift[i], relu);
                sum[i] += diff;
                product[i] += diff * x;
            }
        }
        for (int64_t i = 0; i < s->width; i++) {
            s->sum[i] += (double)sum[i];
            s->product[i] += (double)product[i];
        }
    }
}

AVSN_LOOP diff_src_loop(const strip *s, bool bf16, bool relu)
{
    const float *restrict mean = s->mean, *restrict scale = s->scale, *restrict shift = s->shift;
    const float *restrict slope = s->slope, *restrict offset = s->offset;
    for (int64_t r = 0; r < s->rows; r++) {
        const int64_t at = r * s->stride;
#pragma omp simd
        for (int64_t i = 0; i < s->width; i++) {
            const float x = avsn_lane(s->src, bf16, at + i) - mean[i];
            const float diff = passing(avsn_lane(s->diff_dst, bf16, at + i), x, scale[i], shift[i], relu);
            avsn_set_lane(s->dst, bf16, at + i, scale[i] * diff + slope[i] * x + offset[i]);
        }
    }
}

AVSN_LOOP sums(const strip *s, bool bf16, bool relu)
{
    (void)relu;
    if (bf16)
        sums_loop(s, true);
    else
        sums_loop(s, false);
}

#define BY_TYPE(name)                                \
    AVSN_LOOP name(const strip *s, bool bf16, bool relu) \
    {                                                \
        if (bf16 && relu)                            \
            name##_loop(s, true, true);              \
        else if (bf16)                               \
            name##_loop(s, true, false);             \
        else if (relu)                               \
            name##_loop(s, false, true);             \
        else                                         \
            name##_loop(s, false, false);            \
    }

BY_TYPE(normalize)
BY_TYPE(diff_sums)
BY_TYPE(diff_src)

AVSN_LOOP_VARIANTS(sums, (const strip *s, bool bf16, bool relu), (s, bf16, relu))
AVSN_LOOP_VARIANTS(normalize, (const strip *s, bool bf16, bool relu), (s, bf16, relu))
AVSN_LOOP_VARIANTS(diff_sums, (const strip *s, bool bf16, bool relu), (s, bf16, relu))
AVSN_LOOP_VARIANTS(diff_src, (const strip *s, bool bf16, bool relu), (s, bf16, relu))

/* ---- a pass over all panels ---- */

typedef void (*loop)(const strip *s, bool bf16, bool relu);

typedef struct pass {
    const panels *panels;
    const scratch *scratch;
    const void *src, *diff_dst;
    void *dst; /* NULL: the pass makes sums */
    bool bf16, relu;
    loop run;
} pass;

static const void *skip(const void *base, bool bf16, int64_t elements)
{
    return base ? (const unsigned char *)base + elements * (bf16 ? 2 : 4) : NULL;
}

static void *skip_dst(void *base, bool bf16, int64_t elements)
{
    return base ? (unsigned char *)base + elements * (bf16 ? 2 : 4) : NULL;
}

/* One number by channel, `times` over. */
static const float *repeat(const float *numbers, int64_t count, int64_t times, float *out)
{
    for (int64_t t = 0; t < times; t++)
        memcpy(out + t * count, numbers, (size_t)count * sizeof *out);
    return out;
}

/* Runs over rows of `columns` of the panel's channels, `merged` rows taken as one: short rows make poor vectors. */
static void run_strip(const pass *p, int64_t offset, int64_t rows, int64_t channel, int64_t columns, int64_t merged,
                      double *sum, double *product)
{
    float numbers[5][TILE];
    double sums[2][TILE] = {{0}};
    const int64_t width = columns * merged;
    const scratch *from = p->scratch;
    const strip s = {
        .src = skip(p->src, p->bf16, offset),
        .diff_dst = skip(p->diff_dst, p->bf16, offset),
        .dst = skip_dst(p->dst, p->bf16, offset),
        .rows = rows,
        .width = width,
        .stride = p->panels->width * merged,
        .mean = repeat(from->mean + channel, columns, merged, numbers[0]),
        .scale = repeat(from->scale + channel, columns, merged, numbers[1]),
        .shift = repeat(from->shift + channel, columns, merged, numbers[2]),
        .slope = repeat(from->slope + channel, columns, merged, numbers[3]),
        .offset = repeat(from->offset + channel, columns, merged, numbers[4]),
        .sum = sums[0],
        .product = sums[1],
    };
    p->run(&s, p->bf16, p->relu);
    for (int64_t i = 0; !p->dst && i < width; i++) {
        sum[i % columns] += sums[0][i];
        product[i % columns] += sums[1][i];
    }
}

static void run_panel(const pass *p, int64_t index)
{
    const panel at = panel_at(p->panels, index);
    const int64_t width = p->panels->width, merged = AVSN_MAX(MERGED / width, (int64_t)1);
    double *sums = p->scratch->sums + index * 2 * width;
    if (!p->dst)
        memset(sums, 0, (size_t)(2 * width) * sizeof *sums);
    for (int64_t column = 0; column < width; column += TILE) {
        const int64_t columns = AVSN_MIN((int64_t)TILE, width - column);
        const int64_t whole = at.rows / merged, offset = at.offset + column, channel = at.channel + column;
        double *sum = sums + column, *product = sums + width + column;
        run_strip(p, offset, whole, channel, columns, merged, sum, product);
        if (at.rows % merged)
            run_strip(p, offset + whole * merged * width, at.rows % merged, channel, columns, 1, sum, product);
    }
}

static void run_pass(const pass *p)
{
    const int64_t count = p->panels->count;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < count; i++)
        run_panel(p, i);
}

/* The sums of channel `c` over all panels, always in the same order. */
static void add_up(const panels *p, const scratch *s, int64_t c, double *sum, double *product)
{
    *sum = *product = 0;
    const int64_t first = p->last ? 0 : c / p->width, step = p->last ? 1 : p->groups, column = p->last ? c : c % p->width;
    for (int64_t i = first; i < p->count; i += step) {
        *sum += s->sums[i * 2 * p->width + column];
        *product += s->sums[(i * 2 + 1) * p->width + column];
    }
}

/* ---- forward ---- */

/* A rough mean of each channel: sums of differences from it don't cancel. */
static void sample_means(const panels *p, const void *src, bool bf16, float *mean)
{
    const avsn_cells *at = &p->at;
    const int64_t rows = at->n * at->cells, samples = AVSN_MIN(rows, (int64_t)SAMPLES);
    for (int64_t c = 0; c < at->c; c++) {
        const int64_t channel = (c / at->block) * at->outer + (c % at->block) * at->inner;
        float sum = 0;
        for (int64_t i = 0; i < samples; i++) {
            const int64_t row = i * rows / samples;
            sum += avsn_lane(src, bf16, row / at->cells * at->batch + row % at->cells * at->cell + channel);
        }
        mean[c] = sum / (float)samples;
    }
}

/* What normalises a channel; weight and correction NULL: 1, and 1 and 0. */
typedef struct norm {
    const float *weight, *bias, *mean, *variance, *correction;
    double epsilon;
} norm;

/* y = (x - mean) scale + shift. */
static void take_scales(const scratch *s, int64_t channels, const norm *n)
{
    for (int64_t c = 0; c < channels; c++) {
        const double weight = n->weight ? (double)n->weight[c] : 1, r = n->correction ? (double)n->correction[c] : 1;
        const double d = n->correction ? (double)n->correction[channels + c] : 0;
        s->mean[c] = n->mean[c];
        s->scale[c] = (float)(weight * r / sqrt((double)n->variance[c] + n->epsilon));
        s->shift[c] = (float)((double)n->bias[c] + weight * d);
    }
}

/* By how much the batch's mean and deviation differ from the running ones, into which they are counted once: what is missing
 * to their weights of 1 is the batch's. No gradient flows through it. */
static void find_correction(int64_t channels, const float *mean, const float *variance, const float *const renorm[4],
                            double epsilon, float *correction)
{
    const double mean_left = 1 - (double)*renorm[1], deviation_left = 1 - (double)*renorm[3];
    for (int64_t c = 0; c < channels; c++) {
        const double batch = sqrt((double)variance[c] + epsilon);
        const double running = (double)renorm[2][c] + deviation_left * batch;
        correction[c] = (float)(batch / running);
        correction[channels + c] = (float)(((double)mean[c] - (double)renorm[0][c] - mean_left * (double)mean[c]) / running);
    }
}

/* This process's mean and variance of each channel become those over all processes, each of which has as many values: the mean
 * of squares adds up, the variance does not. */
static void merge_statistics(const avsn_group *group, int64_t channels, double *mean, double *variance)
{
    if (group->ranks < 2)
        return;
    for (int64_t c = 0; c < channels; c++)
        variance[c] += mean[c] * mean[c];
    group->mean(group->user, mean, 2 * channels);
    for (int64_t c = 0; c < channels; c++)
        variance[c] = fmax(variance[c] - mean[c] * mean[c], 0);
}

static void train(const avsn_c_kernel *k)
{
    panels p;
    find_panels(k->base.input[0], &p);
    const scratch s = scratch_of(k, &p);
    float *mean = k->output[1], *variance = k->output[2];
    const double count = (double)(p.at.n * p.at.cells);
    pass a_pass = {.panels = &p,
                   .scratch = &s,
                   .src = k->input[0],
                   .bf16 = avsn_layout_dtype(k->base.input[0]) == AVSOUND_DTYPE_BF16,
                   .relu = k->attributes.relu,
                   .run = sums_variants[avsn_loop_variant()]};
    sample_means(&p, a_pass.src, a_pass.bf16, s.mean);
    run_pass(&a_pass);
    for (int64_t c = 0; c < p.at.c; c++) {
        double sum, square;
        add_up(&p, &s, c, &sum, &square);
        const double beyond = sum / count; /* the rough mean */
        s.whole[c] = (double)s.mean[c] + beyond;
        s.whole[p.at.c + c] = fmax(square / count - beyond * beyond, 0);
    }
    merge_statistics(&k->group, p.at.c, s.whole, s.whole + p.at.c);
    for (int64_t c = 0; c < p.at.c; c++) {
        mean[c] = (float)s.whole[c];
        variance[c] = (float)s.whole[p.at.c + c];
    }
    const int32_t renorm = k->base.input_count - 4; /* of its operands the first */
    const bool weight = k->attributes.renorm ? renorm > 2 : k->base.input_count > 2;
    norm n = {.weight = weight ? k->input[2] : NULL, .bias = k->input[1], .mean = mean, .variance = variance,
              .epsilon = (double)k->attributes.epsilon};
    if (k->attributes.renorm) {
        const float *const sums[4] = {k->input[renorm], k->input[renorm + 1], k->input[renorm + 2], k->input[renorm + 3]};
        find_correction(p.at.c, mean, variance, sums, n.epsilon, k->output[3]);
        n.correction = k->output[3];
    }
    take_scales(&s, p.at.c, &n);
    a_pass.dst = k->output[0];
    a_pass.run = normalize_variants[avsn_loop_variant()];
    run_pass(&a_pass);
}

/* The first `count` inputs and the result lie as input `reference` does. */
static avsound_status make(const avsn_kernel_request *r, const char *impl, void (*compute)(const avsn_c_kernel *kernel),
                           int32_t count, int32_t reference, avsn_kernel **out)
{
    panels p;
    AVSN_TRY(avsn_c_kernel_create(r, impl, compute, 0, out));
    avsn_kernel *kernel = *out;
    if (find_panels(r->input[reference], &p))
        for (int32_t i = 0; i < count; i++) {
            avsn_layout_unref(kernel->input[i]);
            kernel->input[i] = avsn_layout_ref(r->input[reference]);
        }
    avsn_layout_unref(kernel->output[0]);
    kernel->output[0] = avsn_layout_ref(kernel->input[0]);
    find_panels(kernel->input[0], &p);
    kernel->scratchpad_bytes = scratch_bytes(&p);
    return AVSOUND_OK;
}

avsound_status avsn_make_batch_norm_train(const avsn_kernel_request *r, avsn_kernel **out)
{
    return make(r, "c:batch_norm_train", train, 1, 0, out);
}

/* ---- with running statistics ---- */

static void normalize_rows(const avsn_c_kernel *k)
{
    panels p;
    find_panels(k->base.input[0], &p);
    const scratch s = scratch_of(k, &p);
    const pass a_pass = {.panels = &p,
                         .scratch = &s,
                         .src = k->input[0],
                         .dst = k->output[0],
                         .bf16 = avsn_layout_dtype(k->base.input[0]) == AVSOUND_DTYPE_BF16,
                         .relu = k->attributes.relu,
                         .run = normalize_variants[avsn_loop_variant()]};
    take_scales(&s, p.at.c, &(norm){.weight = k->base.input_count > 4 ? k->input[4] : NULL, .bias = k->input[1],
                                    .mean = k->input[2], .variance = k->input[3], .epsilon = (double)k->attributes.epsilon});
    run_pass(&a_pass);
}

avsound_status avsn_make_batch_norm_rows(const avsn_kernel_request *r, avsn_kernel **out)
{
    AVSN_TRY(make(r, "c:batch_norm", normalize_rows, 1, 0, out));
    ((avsn_c_kernel *)*out)->attributes.relu = r->relu;
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* ---- backward ---- */

/* The gradients of weight and bias are those of this process's loss, like all others; what batch norm takes from diff src is
 * over the batch that its statistics are of. */
static void backward(const avsn_c_kernel *k)
{
    panels p;
    find_panels(k->base.input[0], &p);
    const scratch s = scratch_of(k, &p);
    const int32_t extra = k->attributes.renorm ? 1 : 0;
    const float *variance = k->input[4];
    const norm n = {.weight = k->base.input_count > 5 + extra ? k->input[5 + extra] : NULL, .bias = k->input[2],
                    .mean = k->input[3], .variance = variance, .correction = extra ? k->input[5] : NULL,
                    .epsilon = (double)k->attributes.epsilon};
    double *mean_diff = s.whole, *mean_product = s.whole + p.at.c;
    float *diff_bias = k->output[1], *diff_weight = n.weight ? k->output[2] : NULL;
    const double count = (double)(p.at.n * p.at.cells);
    pass a_pass = {.panels = &p,
                   .scratch = &s,
                   .src = k->input[1],
                   .diff_dst = k->input[0],
                   .bf16 = avsn_layout_dtype(k->base.input[0]) == AVSOUND_DTYPE_BF16,
                   .relu = k->attributes.relu,
                   .run = diff_sums_variants[avsn_loop_variant()]};
    take_scales(&s, p.at.c, &n);
    run_pass(&a_pass);
    for (int64_t c = 0; c < p.at.c; c++) {
        double sum, product;
        add_up(&p, &s, c, &sum, &product);
        const double inverse = 1 / sqrt((double)variance[c] + n.epsilon);
        const double r = extra ? (double)n.correction[c] : 1, d = extra ? (double)n.correction[p.at.c + c] : 0;
        diff_bias[c] = (float)sum;
        if (diff_weight)
            diff_weight[c] = (float)(product * inverse * r + d * sum);
        mean_diff[c] = sum / count;
        mean_product[c] = product / count;
    }
    if (k->group.ranks > 1)
        k->group.mean(k->group.user, s.whole, 2 * p.at.c);
    for (int64_t c = 0; c < p.at.c; c++) {
        const double square = (double)variance[c] + (double)k->attributes.epsilon;
        s.slope[c] = (float)(-(double)s.scale[c] * mean_product[c] / square);
        s.offset[c] = (float)(-(double)s.scale[c] * mean_diff[c]);
    }
    a_pass.dst = k->output[0];
    a_pass.run = diff_src_variants[avsn_loop_variant()];
    run_pass(&a_pass);
}

avsound_status avsn_make_batch_norm_backward(const avsn_kernel_request *r, avsn_kernel **out)
{
    AVSN_TRY(make(r, "c:batch_norm_backward", backward, 2, 1, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}
