#include "oracle/ops.h"

#include <math.h>
#include <string.h>

/* ---- positions ---- */

/* Any activation as N, C and three axes; the missing ones, in front, have one cell. */
typedef struct volume {
    int64_t n, c, size[3];
} volume;

static volume volume_of(const oracle_tensor *t)
{
    volume v = {t->shape.dim[0], t->shape.dim[1], {1, 1, 1}};
    const int32_t spatial = t->shape.rank - 2;
    for (int32_t i = 0; i < spatial; i++)
        v.size[3 - spatial + i] = t->shape.dim[2 + i];
    return v;
}

static int64_t cells_of(const oracle_tensor *t)
{
    const volume v = volume_of(t);
    return v.size[0] * v.size[1] * v.size[2];
}

static int64_t count_of(const oracle_tensor *t)
{
    int64_t count = 1;
    for (int32_t i = 0; i < t->shape.rank; i++)
        count *= t->shape.dim[i];
    return count;
}

static int64_t position(const volume *v, int64_t n, int64_t c, const int64_t at[3])
{
    return (((n * v->c + c) * v->size[0] + at[0]) * v->size[1] + at[1]) * v->size[2] + at[2];
}

/* A window's numbers on three axes. */
typedef struct axes {
    int64_t kernel[3], stride[3], dilation[3], before[3];
} axes;

static axes axes_of(const avsn_window *w)
{
    axes a = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
    for (int32_t i = 0; i < w->spatial; i++) {
        const int32_t to = 3 - w->spatial + i;
        a.kernel[to] = w->kernel[i];
        a.stride[to] = w->stride[i];
        a.dilation[to] = w->dilation[i];
        a.before[to] = w->before[i];
    }
    return a;
}

/* The source cell under tap k of the window at `out`; false in the padding. */
static bool tap(const axes *a, const volume *src, const int64_t out[3], const int64_t k[3], int64_t at[3])
{
    for (int i = 0; i < 3; i++) {
        at[i] = out[i] * a->stride[i] - a->before[i] + k[i] * a->dilation[i];
        if (at[i] < 0 || at[i] >= src->size[i])
            return false;
    }
    return true;
}

#define EACH(i, size)                                   \
    for (i[0] = 0; i[0] < (size)[0]; i[0]++)            \
        for (i[1] = 0; i[1] < (size)[1]; i[1]++)        \
            for (i[2] = 0; i[2] < (size)[2]; i[2]++)

/* ---- windows ---- */

static double conv_at(const axes *a, const volume *vs, const oracle_tensor *src, const oracle_tensor *weights,
                      int64_t n, int64_t o, const int64_t out[3])
{
    const int64_t taps = a->kernel[0] * a->kernel[1] * a->kernel[2], cells = vs->size[0] * vs->size[1] * vs->size[2];
    const int64_t origin[3] = {0, 0, 0};
    const double *x = src->data + position(vs, n, 0, origin), *w = weights->data + o * vs->c * taps;
    double sum = 0;
    int64_t k[3], at[3], t = 0;
    EACH(k, a->kernel) {
        if (tap(a, vs, out, k, at)) {
            const int64_t cell = (at[0] * vs->size[1] + at[1]) * vs->size[2] + at[2];
            for (int64_t c = 0; c < vs->c; c++)
                sum += x[c * cells + cell] * w[c * taps + t];
        }
        t++;
    }
    return sum;
}

void oracle_conv(const avsn_window *window, const oracle_tensor *src, const oracle_tensor *weights,
                 const oracle_tensor *bias, oracle_tensor *dst)
{
    const axes a = axes_of(window);
    const volume vs = volume_of(src), vd = volume_of(dst);
    int64_t out[3];
    for (int64_t n = 0; n < vd.n; n++)
        for (int64_t o = 0; o < vd.c; o++)
            EACH(out, vd.size)
                dst->data[position(&vd, n, o, out)] =
                    conv_at(&a, &vs, src, weights, n, o, out) + (bias ? bias->data[o] : 0);
}

void oracle_deconv(const avsn_window *window, const oracle_tensor *src, const oracle_tensor *weights, oracle_tensor *dst)
{
    const axes a = axes_of(window);
    const volume vs = volume_of(src), vd = volume_of(dst);
    const int64_t taps = a.kernel[0] * a.kernel[1] * a.kernel[2];
    memset(dst->data, 0, (size_t)count_of(dst) * sizeof *dst->data);
    for (int64_t n = 0; n < vs.n; n++)
        for (int64_t c = 0; c < vs.c; c++)
            for (int64_t o = 0; o < vd.c; o++) {
                int64_t from[3], k[3], to[3];
                EACH(from, vs.size) {
                    int64_t t = 0;
                    EACH(k, a.kernel) {
                        if (tap(&a, &vd, from, k, to))
                            dst->data[position(&vd, n, o, to)] +=
                                src->data[position(&vs, n, c, from)] * weights->data[(c * vd.c + o) * taps + t];
                        t++;
                    }
                }
            }
}

static double pool_at(avsn_pooling pooling, const axes *a, const volume *vs, const oracle_tensor *src, int64_t n,
                      int64_t c, const int64_t out[3])
{
    double sum = 0, top = -INFINITY;
    int64_t real = 0, k[3], at[3];
    EACH(k, a->kernel) {
        if (!tap(a, vs, out, k, at))
            continue;
        const double x = src->data[position(vs, n, c, at)];
        sum += x;
        top = fmax(top, x);
        real++;
    }
    return pooling == AVSN_POOL_MAX ? top : sum / (double)real;
}

void oracle_pool(avsn_pooling pooling, const avsn_window *window, const oracle_tensor *src, oracle_tensor *dst)
{
    const axes a = axes_of(window);
    const volume vs = volume_of(src), vd = volume_of(dst);
    int64_t out[3];
    for (int64_t n = 0; n < vd.n; n++)
        for (int64_t c = 0; c < vd.c; c++)
            EACH(out, vd.size)
                dst->data[position(&vd, n, c, out)] = pool_at(pooling, &a, &vs, src, n, c, out);
}

void oracle_global_pool(avsn_pooling pooling, const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t cells = cells_of(src), planes = count_of(dst);
    for (int64_t p = 0; p < planes; p++) {
        double sum = 0, top = -INFINITY;
        for (int64_t s = 0; s < cells; s++) {
            sum += src->data[p * cells + s];
            top = fmax(top, src->data[p * cells + s]);
        }
        dst->data[p] = pooling == AVSN_POOL_MAX ? top : sum / (double)cells;
    }
}

/* ---- element by element ---- */

void oracle_batch_norm(double epsilon, const oracle_tensor *src, const oracle_tensor *weight, const oracle_tensor *bias,
                       const oracle_tensor *mean, const oracle_tensor *variance, oracle_tensor *dst)
{
    const int64_t cells = cells_of(src), channels = src->shape.dim[1], count = count_of(src);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i / cells % channels;
        dst->data[i] =
            (src->data[i] - mean->data[c]) / sqrt(variance->data[c] + epsilon) * (weight ? weight->data[c] : 1) + bias->data[c];
    }
}

void oracle_relu(const oracle_tensor *src, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = src->data[i] > 0 ? src->data[i] : 0;
}

void oracle_leaky_relu(double slope, const oracle_tensor *src, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = src->data[i] > 0 ? src->data[i] : slope * src->data[i];
}

void oracle_tanh(const oracle_tensor *src, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = tanh(src->data[i]);
}

void oracle_bias(const oracle_tensor *src, const oracle_tensor *bias, oracle_tensor *dst)
{
    const int64_t cells = cells_of(src), channels = src->shape.dim[1];
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = src->data[i] + bias->data[i / cells % channels];
}

void oracle_sigmoid(const oracle_tensor *src, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = 1 / (1 + exp(-src->data[i]));
}

void oracle_compand(const oracle_tensor *src, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++) {
        const double size = log(1 + 255 * fabs(src->data[i])) / log(256);
        dst->data[i] = src->data[i] < 0 ? -size : size;
    }
}

void oracle_eltwise(const avsn_attributes *attributes, const oracle_tensor *src, oracle_tensor *dst)
{
    switch (attributes->eltwise) {
    case AVSN_RELU:
        oracle_relu(src, dst);
        return;
    case AVSN_SIGMOID:
        oracle_sigmoid(src, dst);
        return;
    case AVSN_COMPAND:
        oracle_compand(src, dst);
        return;
    case AVSN_TANH:
        oracle_tanh(src, dst);
        return;
    case AVSN_LEAKY_RELU:
        oracle_leaky_relu((double)attributes->slope, src, dst);
        return;
    case AVSN_ZERO:
        for (int64_t i = 0; i < count_of(dst); i++)
            dst->data[i] = 0;
        return;
    }
}

void oracle_affine(const oracle_tensor *src, double scale, double shift, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(src); i++)
        dst->data[i] = scale * src->data[i] + shift;
}

void oracle_add(const oracle_tensor *a, const oracle_tensor *b, oracle_tensor *dst)
{
    for (int64_t i = 0; i < count_of(a); i++)
        dst->data[i] = a->data[i] + b->data[i];
}

/* ---- channels ---- */

/* Copies channels [from, from + count) of src to channels [to, ...) of dst. */
static void copy_channels(const oracle_tensor *src, int64_t from, int64_t count, oracle_tensor *dst, int64_t to)
{
    const int64_t cells = cells_of(src);
    for (int64_t n = 0; n < src->shape.dim[0]; n++)
        for (int64_t c = 0; c < count; c++)
            memcpy(dst->data + (n * dst->shape.dim[1] + to + c) * cells,
                   src->data + (n * src->shape.dim[1] + from + c) * cells, (size_t)cells * sizeof *dst->data);
}

void oracle_concat(const oracle_tensor *const *srcs, int32_t count, oracle_tensor *dst)
{
    int64_t to = 0;
    for (int32_t i = 0; i < count; i++) {
        copy_channels(srcs[i], 0, srcs[i]->shape.dim[1], dst, to);
        to += srcs[i]->shape.dim[1];
    }
}

void oracle_slice(int64_t begin, const oracle_tensor *src, oracle_tensor *dst)
{
    copy_channels(src, begin, dst->shape.dim[1], dst, 0);
}

void oracle_inner_map(const oracle_tensor *cells, const oracle_tensor *vector, oracle_tensor *dst)
{
    const int64_t size = cells_of(cells), channels = cells->shape.dim[1];
    for (int64_t i = 0; i < count_of(dst); i++) {
        const int64_t n = i / size, s = i % size;
        dst->data[i] = 0;
        for (int64_t c = 0; c < channels; c++)
            dst->data[i] += cells->data[(n * channels + c) * size + s] * vector->data[n * channels + c];
    }
}

/* ---- rows (N,C) ---- */

void oracle_dense(const oracle_tensor *src, const oracle_tensor *weights, const oracle_tensor *bias, oracle_tensor *dst)
{
    const int64_t in = src->shape.dim[1], out = dst->shape.dim[1];
    for (int64_t n = 0; n < src->shape.dim[0]; n++)
        for (int64_t o = 0; o < out; o++) {
            double sum = bias ? bias->data[o] : 0;
            for (int64_t i = 0; i < in; i++)
                sum += src->data[n * in + i] * weights->data[o * in + i];
            dst->data[n * out + o] = sum;
        }
}

void oracle_l2_normalize(double epsilon, const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t channels = src->shape.dim[1];
    for (int64_t n = 0; n < src->shape.dim[0]; n++) {
        const double *x = src->data + n * channels;
        double squares = 0;
        for (int64_t c = 0; c < channels; c++)
            squares += x[c] * x[c];
        for (int64_t c = 0; c < channels; c++)
            dst->data[n * channels + c] = x[c] / fmax(sqrt(squares), epsilon);
    }
}

void oracle_distance(const oracle_tensor *a, const oracle_tensor *b, oracle_tensor *dst)
{
    const int64_t channels = a->shape.dim[1];
    for (int64_t n = 0; n < a->shape.dim[0]; n++) {
        double squares = 0;
        for (int64_t c = 0; c < channels; c++)
            squares += pow(a->data[n * channels + c] - b->data[n * channels + c], 2);
        dst->data[n] = sqrt(squares);
    }
}

void oracle_softmax(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t channels = src->shape.dim[1];
    for (int64_t n = 0; n < src->shape.dim[0]; n++) {
        const double *x = src->data + n * channels;
        double top = x[0], sum = 0;
        for (int64_t c = 0; c < channels; c++)
            top = fmax(top, x[c]);
        for (int64_t c = 0; c < channels; c++)
            sum += exp(x[c] - top);
        for (int64_t c = 0; c < channels; c++)
            dst->data[n * channels + c] = exp(x[c] - top) / sum;
    }
}

/* ---- sequences ---- */

void oracle_fractional_pool(const double *boundaries, const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t length = src->shape.dim[2], outputs = dst->shape.dim[2];
    for (int64_t row = 0; row < src->shape.dim[0] * src->shape.dim[1]; row++)
        for (int64_t i = 0; i < outputs; i++) {
            double top = -INFINITY;
            for (int64_t t = (int64_t)boundaries[i]; t < (int64_t)boundaries[i + 1]; t++)
                top = fmax(top, src->data[row * length + t]);
            dst->data[row * outputs + i] = top;
        }
}

void oracle_fractional_boundaries(int64_t length, int64_t outputs, double *boundaries)
{
    const double alpha = (double)length / (double)outputs, k = floor(alpha);
    const double most = fmin((k + 2) / alpha - 1, ((double)length + 1 - k) / alpha - ((double)outputs - 1));
    for (int64_t i = 0; i <= outputs; i++)
        boundaries[i] = ceil(alpha * ((double)i + 0.2511744980841868 * most)) - 1;
    boundaries[0] = 0;
    boundaries[outputs] = (double)length;
}

void oracle_tile(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t picture = count_of(dst) / count_of(src);
    for (int64_t i = 0; i < count_of(dst); i++)
        dst->data[i] = src->data[i / picture];
}

void oracle_repeat(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t item = count_of(src) / src->shape.dim[0], times = dst->shape.dim[0] / src->shape.dim[0];
    for (int64_t n = 0; n < src->shape.dim[0]; n++)
        for (int64_t t = 0; t < times; t++)
            for (int64_t i = 0; i < item; i++)
                dst->data[(n * times + t) * item + i] = src->data[n * item + i];
}

void oracle_squash(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t c = src->shape.dim[1], cells = count_of(src) / (src->shape.dim[0] * c);
    for (int64_t i = 0; i < count_of(src); i++) {
        const int64_t first = i / (c * cells) * c * cells + i % cells;
        double squares = 0;
        for (int64_t x = 0; x < c; x++)
            squares += src->data[first + x * cells] * src->data[first + x * cells];
        dst->data[i] = src->data[i] / sqrt(1 + squares);
    }
}

void oracle_lags(int64_t steps, int64_t lags, const oracle_tensor *video, const oracle_tensor *audio, oracle_tensor *dst)
{
    const int64_t d = video->shape.dim[1], frames = video->shape.dim[2], sounds = audio->shape.dim[2];
    for (int64_t n = 0; n < dst->shape.dim[0]; n++)
        for (int64_t lag = -lags; lag <= lags; lag++) {
            double sum = 0, count = 0;
            for (int64_t i = 0; i < frames; i++) {
                const int64_t j = steps * i - lag;
                for (int64_t x = 0; x < d && j >= 0 && j < sounds; x++)
                    sum += video->data[(n * d + x) * frames + i] * audio->data[(n * d + x) * sounds + j];
                count += j >= 0 && j < sounds;
            }
            dst->data[n * (2 * lags + 1) + lag + lags] = count > 0 ? sum / count : -1;
        }
}

void oracle_picture_mean(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t picture = count_of(src) / count_of(dst);
    for (int64_t i = 0; i < count_of(dst); i++) {
        dst->data[i] = 0;
        for (int64_t s = 0; s < picture; s++)
            dst->data[i] += src->data[i * picture + s] / (double)picture;
    }
}

/* Point i at i * in / out; what would lie behind the last step is the last step. */
void oracle_stretch(const oracle_tensor *src, oracle_tensor *dst)
{
    const int64_t in = src->shape.dim[2], out = dst->shape.dim[2];
    for (int64_t i = 0; i < count_of(dst); i++) {
        const double at = (double)(i % out) * (double)in / (double)out, whole = floor(at);
        const double *row = src->data + i / out * in;
        const int64_t low = (int64_t)whole, high = low + 1 < in ? low + 1 : in - 1;
        dst->data[i] = row[low] * (1 - (at - whole)) + row[high] * (at - whole);
    }
}

/* Amplitudes times sigmoid(logit), or 1 - that, in decibels over `decibels`; phases as they are. */
void oracle_mask(double decibels, bool rest, const oracle_tensor *logits, const oracle_tensor *spectrogram, oracle_tensor *dst)
{
    const int64_t cells = spectrogram->shape.dim[2] * spectrogram->shape.dim[3];
    for (int64_t i = 0; i < count_of(dst); i++) {
        const int64_t plane = i / cells;
        const double share = 1 / (1 + exp((rest ? 1 : -1) * logits->data[plane / 2 * cells + i % cells]));
        dst->data[i] = spectrogram->data[i] + (plane % 2 ? 0 : 20 * log10(share) / decibels);
    }
}
