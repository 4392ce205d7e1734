/* Ops on each element by itself, and their gradients. */
#include "op/families.h"

#include <math.h>
#include <string.h>

static void sigmoid(const avsn_c_kernel *k)
{
    const float *src = k->input[0];
    float *dst = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
    for (int64_t i = 0; i < count; i++)
        dst[i] = 1.0f / (1.0f + expf(-src[i]));
}

avsound_status avsn_make_sigmoid(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:sigmoid", sigmoid, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

static void zeros(const avsn_c_kernel *k)
{
    memset(k->output[0], 0, (size_t)avsn_elements(k->base.output[0]) * sizeof(float));
}

avsound_status avsn_make_zeros(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:zeros", zeros, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* A. Owens and A. Efros, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features", ECCV 2018: the released
 * network's first step. */
#define MU 255.0f
#define LN_256 5.545177444479562f

static void compand(const avsn_c_kernel *k)
{
    const float *src = k->input[0];
    float *dst = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++)
        dst[i] = copysignf(log1pf(MU * fabsf(src[i])) / LN_256, src[i]);
}

avsound_status avsn_make_compand(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:compand", compand, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

static void affine(const avsn_c_kernel *k)
{
    const float *src = k->input[0];
    const float scale = *(const float *)k->input[1], shift = *(const float *)k->input[2];
    float *dst = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
    for (int64_t i = 0; i < count; i++)
        dst[i] = scale * src[i] + shift;
}

avsound_status avsn_make_affine(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:affine", affine, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

static int64_t cells_by_channel(const avsn_layout *layout)
{
    const avsn_shape *shape = avsn_layout_shape(layout);
    return avsn_elements(layout) / (shape->dim[0] * shape->dim[1]);
}

static void bias(const avsn_c_kernel *k)
{
    const float *src = k->input[0], *shift = k->input[1];
    float *dst = k->output[0];
    const int64_t cells = cells_by_channel(k->base.output[0]), channels = avsn_dim(k, 0, 1);
    const int64_t rows = avsn_dim(k, 0, 0) * channels;
#pragma omp parallel for
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = row * cells; i < (row + 1) * cells; i++)
            dst[i] = src[i] + shift[row % channels];
}

avsound_status avsn_make_bias(const avsn_kernel_request *request, avsn_kernel **out)
{
    AVSN_TRY(avsn_c_kernel_create(request, "c:bias", bias, 0, out));
    (*out)->in_place = true;
    return AVSOUND_OK;
}

/* ---- backward ---- */

static void sigmoid_backward(const avsn_c_kernel *k)
{
    const float *dst = k->input[0], *diff_dst = k->input[1];
    float *diff_src = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
    for (int64_t i = 0; i < count; i++)
        diff_src[i] = diff_dst[i] * dst[i] * (1.0f - dst[i]);
}

avsound_status avsn_make_sigmoid_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:sigmoid_backward", sigmoid_backward, 0, out);
}

static void tanh_backward(const avsn_c_kernel *k)
{
    const float *dst = k->input[0], *diff_dst = k->input[1];
    float *diff_src = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++)
        diff_src[i] = diff_dst[i] * (1.0f - dst[i] * dst[i]);
}

avsound_status avsn_make_tanh_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:tanh_backward", tanh_backward, 0, out);
}

static void bias_backward(const avsn_c_kernel *k)
{
    const float *diff_dst = k->input[0];
    float *diff_bias = k->output[0];
    const int64_t items = avsn_dim(k, 0, 0), channels = avsn_dim(k, 0, 1), cells = cells_by_channel(k->base.input[0]);
#pragma omp parallel for
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t n = 0; n < items; n++)
            for (int64_t i = 0; i < cells; i++)
                sum += (double)diff_dst[(n * channels + c) * cells + i];
        diff_bias[c] = (float)sum;
    }
}

avsound_status avsn_make_bias_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:bias_backward", bias_backward, 0, out);
}

/* 1 + 255 |x| is 256 to the power of |dst|. */
static void compand_backward(const avsn_c_kernel *k)
{
    const float *dst = k->input[0], *diff_dst = k->input[1];
    float *diff_src = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
    for (int64_t i = 0; i < count; i++)
        diff_src[i] = diff_dst[i] * (MU / LN_256) * expf(-LN_256 * fabsf(dst[i]));
}

avsound_status avsn_make_compand_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:compand_backward", compand_backward, 0, out);
}

static void affine_backward(const avsn_c_kernel *k)
{
    const float *src = k->input[0], *diff_dst = k->input[2];
    const float scale = *(const float *)k->input[1];
    float *diff_src = k->output[0];
    const int64_t count = avsn_elements(k->base.output[0]);
    double diff_scale = 0, diff_bias = 0;
    for (int64_t i = 0; i < count; i++) {
        diff_src[i] = diff_dst[i] * scale;
        diff_scale += (double)diff_dst[i] * (double)src[i];
        diff_bias += (double)diff_dst[i];
    }
    *(float *)k->output[1] = (float)diff_scale;
    *(float *)k->output[2] = (float)diff_bias;
}

avsound_status avsn_make_affine_backward(const avsn_kernel_request *request, avsn_kernel **out)
{
    return avsn_c_kernel_create(request, "c:affine_backward", affine_backward, 0, out);
}

/* What is state changes where it lies, once a step, and no gradient flows. */
static float *state(const avsn_c_kernel *k, int32_t input)
{
    const union {
        const void *read;
        float *write;
    } where = {.read = k->input[input]};
    return where.write;
}

/* TensorFlow's constant for the sums that batch renormalisation corrects by. */
#define RENORM_SHARE 0.01

static void move_sums(float *sums, int64_t count, float *weight, const float *batch, bool deviation, double epsilon)
{
    for (int64_t c = 0; c < count; c++) {
        const double value = deviation ? sqrt((double)batch[c] + epsilon) : (double)batch[c];
        sums[c] = (float)((1 - RENORM_SHARE) * (double)sums[c] + RENORM_SHARE * value);
    }
    *weight = (float)((1 - RENORM_SHARE) * (double)*weight + RENORM_SHARE);
}

/* The running statistics follow the sums' means, not the batch's. */
static void running_renorm(const avsn_c_kernel *k)
{
    const double share = (double)k->attributes.momentum, epsilon = (double)k->attributes.epsilon;
    const int64_t channels = avsn_elements(k->base.input[0]);
    float *mean = state(k, 0), *variance = state(k, 1), *means = state(k, 4), *deviations = state(k, 6);
    float *mean_weight = state(k, 5), *deviation_weight = state(k, 7);
    move_sums(means, channels, mean_weight, k->input[2], false, epsilon);
    move_sums(deviations, channels, deviation_weight, k->input[3], true, epsilon);
    for (int64_t c = 0; c < channels; c++) {
        const double deviation = (double)deviations[c] / (double)*deviation_weight;
        mean[c] = (float)((1 - share) * (double)mean[c] + share * (double)means[c] / (double)*mean_weight);
        variance[c] = (float)((1 - share) * (double)variance[c] + share * fmax(deviation * deviation - epsilon, 0));
    }
    *(float *)k->output[0] = 0;
}

static void running_statistics(const avsn_c_kernel *k)
{
    const float share = k->attributes.momentum;
    const int64_t channels = avsn_elements(k->base.input[0]);
    const int64_t values = k->attributes.values * AVSN_MAX(k->group.ranks, 1);
    for (int which = 0; which < 2; which++) {
        float *running = state(k, which);
        const float *batch = k->input[2 + which];
        /* PyTorch's convention: the running variance takes the unbiased one, n / (n - 1) of the batch's. */
        const float unbias = which && values > 1 ? (float)values / (float)(values - 1) : 1.0f;
        for (int64_t c = 0; c < channels; c++)
            running[c] = (1.0f - share) * running[c] + share * unbias * batch[c];
    }
    *(float *)k->output[0] = 0;
}

avsound_status avsn_make_running_statistics(const avsn_kernel_request *request, avsn_kernel **out)
{
    const bool renorm = request->attributes->renorm;
    return avsn_c_kernel_create(request, "c:running_statistics", renorm ? running_renorm : running_statistics, 0, out);
}
