#include "train/crop.h"

#include <math.h>
#include <string.h>

const float avsn_colour_identity[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};

/* How one side of a plane is resampled: output i is the sum of weight[i * taps + k] * sample[first[i] + k]. */
typedef struct axis {
    int32_t taps;
    int32_t *first;
    float *weight;
    size_t first_room, weight_room;
} axis;

struct avsn_cropper {
    avsound_context *context;
    axis luma_x, luma_y, chroma_x, chroma_y;
    float *column; /* one row of a plane, resampled vertically */
    float *row[3]; /* Y, U, V of one row of the output */
    size_t column_room, row_room[3];
};

avsound_status avsn_cropper_create(avsound_context *context, avsn_cropper **out)
{
    *out = avsn_alloc_zeroed(context, 1, sizeof **out);
    if (!*out)
        return AVSOUND_E_NO_MEMORY;
    (*out)->context = avsn_context_ref(context);
    return AVSOUND_OK;
}

static void free_axis(avsound_context *context, axis *a)
{
    avsn_free(context, a->first);
    avsn_free(context, a->weight);
}

void avsn_cropper_free(avsn_cropper *c)
{
    if (!c)
        return;
    avsound_context *context = c->context;
    free_axis(context, &c->luma_x);
    free_axis(context, &c->luma_y);
    free_axis(context, &c->chroma_x);
    free_axis(context, &c->chroma_y);
    avsn_free(context, c->column);
    for (int p = 0; p < 3; p++)
        avsn_free(context, c->row[p]);
    avsn_free(context, c);
    avsound_context_free(context);
}

/* ---- tables ---- */

static double hat(double distance, double radius)
{
    return fmax(0, 1 - fabs(distance) / radius);
}

/* Weights of the output whose centre is at sample `centre`; those of samples beyond the ends go to the end ones. */
static void weigh(double centre, double radius, int32_t size, int32_t taps, int32_t *first, float *weight)
{
    const int32_t low = (int32_t)floor(centre - radius) + 1, high = (int32_t)ceil(centre + radius) - 1;
    double sum = 0;
    for (int32_t k = low; k <= high; k++)
        sum += hat(k - centre, radius);
    *first = AVSN_MAX(AVSN_MIN(low, size - taps), 0);
    memset(weight, 0, (size_t)taps * sizeof *weight);
    for (int32_t k = low; k <= high; k++)
        weight[AVSN_MAX(AVSN_MIN(k, size - 1), 0) - *first] += (float)(hat(k - centre, radius) / sum);
}

/* Where the samples are taken as they are, one tap does. */
static void trim(axis *a, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 1; k < a->taps; k++)
            if (a->weight[(ptrdiff_t)i * a->taps + k] != 0)
                return;
    for (int32_t i = 0; i < count; i++)
        a->weight[i] = 1;
    a->taps = 1;
}

/* `start` and `length` in samples of the plane, sample k covering k...k + 1, and within it. */
static avsound_status make_axis(avsn_cropper *c, axis *a, double start, double length, int32_t count, int32_t size)
{
    const double step = length / count, radius = fmax(1, step);
    size_t weights;
    a->taps = (int32_t)fmin(ceil(2 * radius), size);
    if (!avsn_mul_size((size_t)count, (size_t)a->taps, &weights))
        AVSN_FAIL(AVSOUND_E_SHAPE, "crop of %g pixels to %d: too large", length, count);
    AVSN_TRY(avsn_grow(c->context, (void **)&a->first, sizeof *a->first, 0, (size_t)count, &a->first_room));
    AVSN_TRY(avsn_grow(c->context, (void **)&a->weight, sizeof *a->weight, 0, weights, &a->weight_room));
    for (int32_t i = 0; i < count; i++)
        weigh(start + (i + 0.5) * step - 0.5, radius, size, a->taps, &a->first[i], a->weight + (ptrdiff_t)i * a->taps);
    trim(a, count);
    return AVSOUND_OK;
}

/* ---- one row ---- */

static void blend_rows(const uint8_t *plane, ptrdiff_t stride, const axis *y, int32_t row, int32_t from, int32_t to,
                       float *out)
{
    const float *weight = y->weight + (ptrdiff_t)row * y->taps;
    const uint8_t *in = plane + y->first[row] * stride;
    for (int32_t x = from; x < to; x++)
        out[x] = weight[0] * (float)in[x];
    for (int32_t k = 1; k < y->taps; k++) {
        in += stride;
        if (weight[k] != 0)
            for (int32_t x = from; x < to; x++)
                out[x] += weight[k] * (float)in[x];
    }
}

static void blend_columns(const float *in, const axis *x, int32_t count, float *out)
{
    const int32_t taps = x->taps;
    if (taps == 1) {
        for (int32_t i = 0; i < count; i++)
            out[i] = in[x->first[i]];
        return;
    }
    if (taps == 2) {
        for (int32_t i = 0; i < count; i++)
            out[i] = x->weight[2 * i] * in[x->first[i]] + x->weight[2 * i + 1] * in[x->first[i] + 1];
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        const float *weight = x->weight + (ptrdiff_t)i * taps, *from = in + x->first[i];
        float sum = 0;
        for (int32_t k = 0; k < taps; k++)
            sum += weight[k] * from[k];
        out[i] = sum;
    }
}

static void resample_row(avsn_cropper *c, const uint8_t *plane, ptrdiff_t stride, const axis *x, const axis *y,
                         int32_t row, int32_t count, float *out)
{
    const int32_t from = x->first[0], to = x->first[count - 1] + x->taps;
    blend_rows(plane, stride, y, row, from, to, c->column);
    blend_columns(c->column, x, count, out);
}

/* ---- colours ---- */

/* From YUV as stored to RGB in 0...255, then the crop's own change, then the network's scale, in one matrix each
 * where nothing is clipped between. */
typedef struct colours {
    float luma_scale, luma_offset, chroma_scale;
    bool changed;
    float change[3][4];
    float scale[3], offset[3];
} colours;

static colours colours_of(const avsound_frame *frame, const avsn_crop *crop, const avsn_image_frontend *f)
{
    const bool full = frame->range == AVSOUND_RANGE_FULL ||
                      (frame->format == AVSOUND_PIXEL_GRAY8 && frame->range == AVSOUND_RANGE_DEFAULT);
    colours c = {.luma_scale = full ? 1 : 255.f / 219, .chroma_scale = full ? 1 : 255.f / 224};
    c.luma_offset = full ? 0 : -16 * c.luma_scale;
    c.changed = memcmp(crop->colour, avsn_colour_identity, sizeof crop->colour) != 0;
    memcpy(c.change, crop->colour, sizeof c.change);
    for (int k = 0; k < 3; k++) {
        c.scale[k] = 1 / (255 * f->std[k]);
        c.offset[k] = -f->mean[k] / f->std[k];
    }
    return c;
}

static inline float clipped(float value)
{
    value = value > 0 ? value : 0;
    return value < 255 ? value : 255;
}

/* BT.601, which is JPEG's. */
static void to_rgb(const colours *c, int32_t count, float *restrict y, float *restrict u, float *restrict v)
{
    for (int32_t i = 0; i < count; i++) {
        const float luma = y[i] * c->luma_scale + c->luma_offset;
        const float blue = (u[i] - 128) * c->chroma_scale, red = (v[i] - 128) * c->chroma_scale;
        y[i] = clipped(luma + 1.402f * red);
        u[i] = clipped(luma - 0.344136f * blue - 0.714136f * red);
        v[i] = clipped(luma + 1.772f * blue);
    }
}

static void change_colours(float m[3][4], int32_t count, float *restrict r, float *restrict g, float *restrict b)
{
    for (int32_t i = 0; i < count; i++) {
        const float red = r[i], green = g[i], blue = b[i];
        r[i] = clipped(m[0][0] * red + m[0][1] * green + m[0][2] * blue + m[0][3]);
        g[i] = clipped(m[1][0] * red + m[1][1] * green + m[1][2] * blue + m[1][3]);
        b[i] = clipped(m[2][0] * red + m[2][1] * green + m[2][2] * blue + m[2][3]);
    }
}

static void store_row(const float *row, int32_t count, bool mirrored, float scale, float offset, float *out)
{
    if (mirrored)
        for (int32_t i = 0; i < count; i++)
            out[i] = row[count - 1 - i] * scale + offset;
    else
        for (int32_t i = 0; i < count; i++)
            out[i] = row[i] * scale + offset;
}

/* ---- the whole ---- */

typedef struct subsampling {
    int32_t width_shift, height_shift;
    bool colour;
} subsampling;

static avsound_status check_format(const avsound_frame *frame)
{
    switch (frame->format) {
    case AVSOUND_PIXEL_GRAY8:
    case AVSOUND_PIXEL_YUV420P:
    case AVSOUND_PIXEL_YUV422P:
    case AVSOUND_PIXEL_YUV444P:
        return AVSOUND_OK;
    default:
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "crop: pixel format %d, want planar YUV or grey", frame->format);
    }
}

static subsampling subsampling_of(const avsound_frame *frame)
{
    return (subsampling){
        .width_shift = frame->format == AVSOUND_PIXEL_YUV420P || frame->format == AVSOUND_PIXEL_YUV422P,
        .height_shift = frame->format == AVSOUND_PIXEL_YUV420P,
        .colour = frame->format != AVSOUND_PIXEL_GRAY8,
    };
}

static avsound_status make_tables(avsn_cropper *c, const avsound_frame *frame, const avsn_crop *crop, subsampling s,
                                  const avsn_image_frontend *f)
{
    const int32_t chroma_width = (frame->width + s.width_shift) >> s.width_shift;
    const int32_t chroma_height = (frame->height + s.height_shift) >> s.height_shift;
    const double fx = 1 << s.width_shift, fy = 1 << s.height_shift;
    AVSN_TRY(make_axis(c, &c->luma_x, crop->x, crop->width, f->width, frame->width));
    AVSN_TRY(make_axis(c, &c->luma_y, crop->y, crop->height, f->height, frame->height));
    AVSN_TRY(make_axis(c, &c->chroma_x, crop->x / fx, crop->width / fx, f->width, chroma_width));
    AVSN_TRY(make_axis(c, &c->chroma_y, crop->y / fy, crop->height / fy, f->height, chroma_height));
    AVSN_TRY(avsn_grow(c->context, (void **)&c->column, sizeof(float), 0, (size_t)frame->width, &c->column_room));
    for (int p = 0; p < 3; p++)
        AVSN_TRY(avsn_grow(c->context, (void **)&c->row[p], sizeof(float), 0, (size_t)f->width, &c->row_room[p]));
    return AVSOUND_OK;
}

avsound_status avsn_cropper_run(avsn_cropper *c, const avsound_frame *frame, const avsn_crop *crop,
                                const avsn_image_frontend *f, float *planes)
{
    AVSN_TRY(check_format(frame));
    const subsampling s = subsampling_of(frame);
    AVSN_TRY(make_tables(c, frame, crop, s, f));
    colours k = colours_of(frame, crop, f);
    const ptrdiff_t plane = (ptrdiff_t)f->width * f->height;
    for (int32_t y = 0; y < f->height; y++) {
        resample_row(c, frame->data[0], frame->stride[0], &c->luma_x, &c->luma_y, y, f->width, c->row[0]);
        for (int p = 1; p < 3; p++) {
            if (s.colour)
                resample_row(c, frame->data[p], frame->stride[p], &c->chroma_x, &c->chroma_y, y, f->width, c->row[p]);
            else
                for (int32_t x = 0; x < f->width; x++)
                    c->row[p][x] = 128;
        }
        to_rgb(&k, f->width, c->row[0], c->row[1], c->row[2]);
        if (k.changed)
            change_colours(k.change, f->width, c->row[0], c->row[1], c->row[2]);
        const int32_t row = crop->upended ? f->height - 1 - y : y;
        for (int p = 0; p < 3; p++)
            store_row(c->row[p], f->width, crop->mirrored, k.scale[p], k.offset[p],
                      planes + p * plane + (ptrdiff_t)row * f->width);
    }
    return AVSOUND_OK;
}
