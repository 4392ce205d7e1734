#include "dsp/waveform.h"

#include <math.h>

/* Eight sums side by side, because the compiler may not reorder one. */
double avsn_sum_of_squares(const float *x, int64_t count)
{
    double sum[8] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int32_t k = 0; k < 8; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < count; i++)
        sum[0] += (double)x[i] * (double)x[i];
    for (int32_t k = 0; k < 8; k++)
        total += sum[k];
    return total;
}

void avsn_compand(const float *samples, int64_t count, float *out)
{
    const float factor = 0.18033688f; /* 1 / ln 256 */
    for (int64_t i = 0; i < count; i++)
        out[i] = copysignf(log1pf(255 * fabsf(samples[i])) * factor, samples[i]);
}

float avsn_rms_gain(const float *samples, int64_t count, float target, float quiet)
{
    const double rms = count > 0 ? sqrt(avsn_sum_of_squares(samples, count) / (double)count) : 0;
    return (float)((double)target / fmax((double)quiet, rms));
}

void avsn_rms_normalise(float *samples, int32_t channels, int64_t count, float target, float quiet)
{
    for (int32_t c = 0; c < channels; c++) {
        float *x = samples + c * count;
        const float gain = avsn_rms_gain(x, count, target, quiet);
        for (int64_t i = 0; i < count; i++)
            x[i] *= gain;
    }
}
