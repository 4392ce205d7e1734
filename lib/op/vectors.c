/* Ops on vectors (N,C) along C, their gradients, and the losses. Sums are in double. */
#include "op/families.h"

#include <math.h>

static void l2_normalize(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *src = (const float *)k->input[0] + n * c;
        float *dst = (float *)k->output[0] + n * c;
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
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *a = (const float *)k->input[0] + n * c, *b = (const float *)k->input[1] + n * c;
        double squares = 0;
        for (int64_t i = 0; i < c; i++) {
            const double d = (double)a[i] - (double)b[i];
            squares += d * d;
        }
        ((float *)k->output[0])[n] = (float)sqrt(squares);
    }
}

static void softmax(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *src = (const float *)k->input[0] + n * c;
        float *dst = (float *)k->output[0] + n * c;
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

/* ---- backward ---- */

/* y = x / |x|: dx = (dy - y (y . dy)) / |x|; below epsilon y = x / epsilon. */
static void l2_normalize_backward(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *src = (const float *)k->input[0] + n * c, *dst = (const float *)k->input[1] + n * c;
        const float *diff_dst = (const float *)k->input[2] + n * c;
        float *diff_src = (float *)k->output[0] + n * c;
        double squares = 0, along = 0;
        for (int64_t i = 0; i < c; i++) {
            squares += (double)src[i] * (double)src[i];
            along += (double)dst[i] * (double)diff_dst[i];
        }
        const double norm = sqrt(squares), epsilon = (double)k->attributes.epsilon;
        if (norm <= epsilon)
            along = 0;
        for (int64_t i = 0; i < c; i++)
            diff_src[i] = (float)(((double)diff_dst[i] - (double)dst[i] * along) / fmax(norm, epsilon));
    }
}

/* d = |a - b| has no gradient at 0; there it counts as 0. */
static void distance_backward(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *a = (const float *)k->input[0] + n * c, *b = (const float *)k->input[1] + n * c;
        const float dst = ((const float *)k->input[2])[n], diff_dst = ((const float *)k->input[3])[n];
        const float scale = dst > 1e-6f ? diff_dst / dst : 0;
        for (int64_t i = 0; i < c; i++) {
            const float diff = scale * (a[i] - b[i]);
            ((float *)k->output[0])[n * c + i] = diff;
            ((float *)k->output[1])[n * c + i] = -diff;
        }
    }
}

static void softmax_backward(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    for (int64_t n = 0; n < rows; n++) {
        const float *dst = (const float *)k->input[0] + n * c, *diff_dst = (const float *)k->input[1] + n * c;
        double along = 0;
        for (int64_t i = 0; i < c; i++)
            along += (double)dst[i] * (double)diff_dst[i];
        for (int64_t i = 0; i < c; i++)
            ((float *)k->output[0])[n * c + i] = (float)((double)dst[i] * ((double)diff_dst[i] - along));
    }
}

/* ---- losses: the mean over the batch, and its gradient by the logits ---- */

static void softmax_loss(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0), c = avsn_dim(k, 0, 1);
    double loss = 0;
    for (int64_t n = 0; n < rows; n++) {
        const float *logits = (const float *)k->input[0] + n * c;
        float *diff = (float *)k->output[1] + n * c;
        const int64_t wanted = (int64_t)((const float *)k->input[1])[n];
        double top = (double)logits[0], sum = 0;
        for (int64_t i = 1; i < c; i++)
            top = fmax(top, (double)logits[i]);
        for (int64_t i = 0; i < c; i++)
            sum += exp((double)logits[i] - top);
        for (int64_t i = 0; i < c; i++)
            diff[i] = (float)((exp((double)logits[i] - top) / sum - (i == wanted)) / (double)rows);
        loss += top + log(sum) - (double)logits[wanted];
    }
    *(float *)k->output[0] = (float)(loss / (double)rows);
}

/* -y log p - (1 - y) log (1 - p) of the logit x: max(x, 0) - x y + log(1 + exp(-|x|)), which never overflows. */
static void sigmoid_loss(const avsn_c_kernel *k)
{
    const int64_t rows = avsn_dim(k, 0, 0);
    double loss = 0;
    for (int64_t n = 0; n < rows; n++) {
        const double x = (double)((const float *)k->input[0])[n], y = (double)((const float *)k->input[1])[n];
        const double tail = exp(-fabs(x));
        const double p = x >= 0 ? 1 / (1 + tail) : tail / (1 + tail);
        loss += fmax(x, 0) - x * y + log1p(tail);
        ((float *)k->output[1])[n] = (float)((p - y) / (double)rows);
    }
    *(float *)k->output[0] = (float)(loss / (double)rows);
}

avsound_status avsn_make_vector_training(const avsn_kernel_request *request, avsn_kernel **out)
{
    switch (request->kind) {
    case AVSN_OP_L2_NORMALIZE_BACKWARD:
        return avsn_c_kernel_create(request, "c:l2_normalize_backward", l2_normalize_backward, 0, out);
    case AVSN_OP_DISTANCE_BACKWARD:
        return avsn_c_kernel_create(request, "c:distance_backward", distance_backward, 0, out);
    case AVSN_OP_SOFTMAX_BACKWARD:
        return avsn_c_kernel_create(request, "c:softmax_backward", softmax_backward, 0, out);
    case AVSN_OP_SOFTMAX_LOSS:
        return avsn_c_kernel_create(request, "c:softmax_loss", softmax_loss, 0, out);
    default:
        return avsn_c_kernel_create(request, "c:sigmoid_loss", sigmoid_loss, 0, out);
    }
}
