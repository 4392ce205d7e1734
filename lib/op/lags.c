/* Sequences of vectors compared at every lag: what a synchronisation network ends in, its gradients and its loss. Sums over time
 * are in double. */
#include "op/families.h"

#include <math.h>
#include <string.h>

/* ---- vectors of a length below 1 ---- */

static int64_t cells_of(const avsn_c_kernel *k)
{
    return avsn_elements(k->base.input[0]) / (avsn_dim(k, 0, 0) * avsn_dim(k, 0, 1));
}

/* 1 / sqrt(1 + |x|^2) of each cell of one item. */
static void shrinkage(const float *src, int64_t c, int64_t cells, double *scale)
{
    for (int64_t s = 0; s < cells; s++)
        scale[s] = 1;
    for (int64_t x = 0; x < c; x++)
        for (int64_t s = 0; s < cells; s++)
            scale[s] += (double)src[x * cells + s] * (double)src[x * cells + s];
    for (int64_t s = 0; s < cells; s++)
        scale[s] = 1 / sqrt(scale[s]);
}

static void squash(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1), cells = cells_of(k);
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const float *src = (const float *)k->input[0] + n * c * cells;
        float *dst = (float *)k->output[0] + n * c * cells;
        double *scale = (double *)k->scratchpad + n * cells;
        shrinkage(src, c, cells, scale);
        for (int64_t x = 0; x < c; x++)
            for (int64_t s = 0; s < cells; s++)
                dst[x * cells + s] = (float)(scale[s] * (double)src[x * cells + s]);
    }
}

/* y = x r with r = 1 / sqrt(1 + |x|^2): dx = r (dy - y (y . dy)) */
static void squash_backward(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1), cells = cells_of(k);
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const int64_t at = n * c * cells;
        const float *src = (const float *)k->input[0] + at, *dst = (const float *)k->input[1] + at;
        const float *diff_dst = (const float *)k->input[2] + at;
        float *diff_src = (float *)k->output[0] + at;
        double *scale = (double *)k->scratchpad + 2 * n * cells, *along = scale + cells;
        shrinkage(src, c, cells, scale);
        memset(along, 0, (size_t)cells * sizeof *along);
        for (int64_t x = 0; x < c; x++)
            for (int64_t s = 0; s < cells; s++)
                along[s] += (double)dst[x * cells + s] * (double)diff_dst[x * cells + s];
        for (int64_t x = 0; x < c; x++)
            for (int64_t s = 0; s < cells; s++) {
                const int64_t i = x * cells + s;
                diff_src[i] = (float)(scale[s] * ((double)diff_dst[i] - (double)dst[i] * along[s]));
            }
    }
}

/* ---- the curve over lags ---- */

typedef struct curve {
    int64_t d, frames, sounds; /* a vector's length; vectors of video, of audio */
    int64_t steps, most;       /* vectors of audio a frame; lags -most...most */
} curve;

static curve curve_of(const avsn_c_kernel *k)
{
    return (curve){.d = avsn_dim(k, 0, 1),
                   .frames = avsn_dim(k, 0, 2),
                   .sounds = avsn_dim(k, 1, 2),
                   .steps = k->attributes.steps,
                   .most = k->attributes.lags};
}

/* Frame i meets the sounds steps * i - lag: those of index begin...end - 1 in a row that starts with lag `most`. */
static int64_t first_sound(const curve *c, int64_t i)
{
    return c->steps * i - c->most;
}
static int64_t begin_of(const curve *c, int64_t i)
{
    return AVSN_MAX(-first_sound(c, i), (int64_t)0);
}
static int64_t end_of(const curve *c, int64_t i)
{
    return AVSN_MIN(c->sounds - first_sound(c, i), 2 * c->most + 1);
}

/* How many frames have a sound at the lag of row index m. */
static int64_t overlap(const curve *c, int64_t m)
{
    int64_t count = 0;
    for (int64_t i = 0; i < c->frames; i++)
        count += m >= begin_of(c, i) && m < end_of(c, i);
    return count;
}

static void lags(const avsn_c_kernel *k)
{
    const curve c = curve_of(k);
    const int64_t items = avsn_dim(k, 0, 0), row = 2 * c.most + 1;
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const float *video = (const float *)k->input[0] + n * c.d * c.frames;
        const float *audio = (const float *)k->input[1] + n * c.d * c.sounds;
        float *dst = (float *)k->output[0] + n * row;
        double *sum = (double *)k->scratchpad + n * row;
        memset(sum, 0, (size_t)row * sizeof *sum);
        for (int64_t x = 0; x < c.d; x++)
            for (int64_t i = 0; i < c.frames; i++) {
                const double v = (double)video[x * c.frames + i];
                const float *a = audio + x * c.sounds;
                const int64_t first = first_sound(&c, i), end = end_of(&c, i);
#pragma omp simd
                for (int64_t m = begin_of(&c, i); m < end; m++)
                    sum[m] += v * (double)a[first + m];
            }
        for (int64_t m = 0; m < row; m++) {
            const int64_t count = overlap(&c, m);
            dst[row - 1 - m] = count ? (float)(sum[m] / (double)count) : -1;
        }
    }
}

/* Gradients of one item; pull[m] is what a scalar product at that lag weighs. */
static void lags_backward_item(const curve *c, const float *video, const float *audio, const float *pull, float *diff_video,
                               float *diff_audio)
{
    memset(diff_audio, 0, (size_t)(c->d * c->sounds) * sizeof *diff_audio);
    for (int64_t x = 0; x < c->d; x++)
        for (int64_t i = 0; i < c->frames; i++) {
            const float v = video[x * c->frames + i], *a = audio + x * c->sounds;
            const int64_t first = first_sound(c, i), end = end_of(c, i);
            float *diff_a = diff_audio + x * c->sounds, sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t m = begin_of(c, i); m < end; m++) {
                sum += pull[m] * a[first + m];
                diff_a[first + m] += pull[m] * v;
            }
            diff_video[x * c->frames + i] = sum;
        }
}

static void lags_backward(const avsn_c_kernel *k)
{
    const curve c = curve_of(k);
    const int64_t items = avsn_dim(k, 0, 0), row = 2 * c.most + 1;
#pragma omp parallel for
    for (int64_t n = 0; n < items; n++) {
        const float *diff = (const float *)k->input[2] + n * row;
        float *pull = (float *)k->scratchpad + n * row;
        for (int64_t m = 0; m < row; m++) {
            const int64_t count = overlap(&c, m);
            pull[m] = count ? diff[row - 1 - m] / (float)count : 0;
        }
        lags_backward_item(&c, (const float *)k->input[0] + n * c.d * c.frames,
                           (const float *)k->input[1] + n * c.d * c.sounds, pull,
                           (float *)k->output[0] + n * c.d * c.frames, (float *)k->output[1] + n * c.d * c.sounds);
    }
}

/* ---- the loss ---- */

/* The lags wanted: a Gaussian about the true one, which may lie between two. */
static void target(const avsn_attributes *a, double lag, int64_t row, double *share)
{
    double top = -INFINITY, sum = 0;
    for (int64_t m = 0; m < row; m++) {
        const double apart = ((double)(m - row / 2) - lag) / (double)a->spread;
        share[m] = -apart * apart / 2;
        top = fmax(top, share[m]);
    }
    for (int64_t m = 0; m < row; m++)
        sum += share[m] = exp(share[m] - top);
    for (int64_t m = 0; m < row; m++)
        share[m] /= sum;
}

/* Mean cross-entropy of the softmax over lags against the target, and its gradient. */
static void lag_loss(const avsn_c_kernel *k)
{
    const int64_t items = avsn_dim(k, 0, 0), row = avsn_dim(k, 0, 1);
    const float *lag = k->input[1];
    double *share = k->scratchpad, loss = 0;
    for (int64_t n = 0; n < items; n++) {
        const float *logit = (const float *)k->input[0] + n * row;
        float *diff = (float *)k->output[1] + n * row;
        double top = (double)logit[0], sum = 0;
        target(&k->attributes, (double)lag[n], row, share);
        for (int64_t m = 1; m < row; m++)
            top = fmax(top, (double)logit[m]);
        for (int64_t m = 0; m < row; m++)
            sum += exp((double)logit[m] - top);
        for (int64_t m = 0; m < row; m++) {
            const double log_p = (double)logit[m] - top - log(sum);
            loss -= share[m] * log_p;
            diff[m] = (float)((exp(log_p) - share[m]) / (double)items);
        }
    }
    *(float *)k->output[0] = (float)(loss / (double)items);
}

/* ---- making them ---- */

static avsound_status make(const avsn_kernel_request *r, const char *impl, void (*compute)(const avsn_c_kernel *kernel),
                           int64_t doubles, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(r, impl, compute, 0, out));
    (*out)->scratchpad_bytes = (size_t)doubles * sizeof(double);
    return AVSOUND_OK;
}

avsound_status avsn_make_lags(const avsn_kernel_request *r, avsn_kernel **out)
{
    const avsn_shape *first = avsn_layout_shape(r->input[0]);
    const int64_t rows = first->dim[0] * (2 * r->attributes->lags + 1);
    switch (r->kind) {
    case AVSN_OP_SQUASH:
        return make(r, "c:squash", squash, avsn_elements(r->input[0]) / first->dim[1], out);
    case AVSN_OP_SQUASH_BACKWARD:
        return make(r, "c:squash_backward", squash_backward, 2 * avsn_elements(r->input[0]) / first->dim[1], out);
    case AVSN_OP_LAGS:
        return make(r, "c:lags", lags, rows, out);
    case AVSN_OP_LAGS_BACKWARD:
        return make(r, "c:lags_backward", lags_backward, rows, out);
    default:
        return make(r, "c:lag_loss", lag_loss, first->dim[1], out);
    }
}
