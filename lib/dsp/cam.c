#include "dsp/cam.h"

#include <math.h>

#include "dsp/blend.h"

static float magnitude(float cam)
{
    return isnan(cam) ? 0 : fabsf(cam);
}

void avsn_cam_range_at(const float *cam, int64_t count, float level, avsn_cam_range *range)
{
    float least = INFINITY, most = 0;
    for (int64_t i = 0; i < count; i++) {
        const float value = magnitude(cam[i]);
        least = AVSN_MIN(least, value);
        most = AVSN_MAX(most, value);
    }
    *range = (avsn_cam_range){.low = 0.5f * level, .high = level + 0.001f, .flat = !(most - least > 0.001f)};
}

/* Hoare's FIND: puts the k-th smallest at its place, the smaller before it and the larger behind. No NaN. */
static float select_at(float *value, int64_t count, int64_t k)
{
    int64_t first = 0, last = count - 1;
    while (first < last) {
        const float pivot = value[k];
        int64_t i = first, j = last;
        while (i <= j) {
            while (value[i] < pivot)
                i++;
            while (value[j] > pivot)
                j--;
            if (i <= j) {
                const float swapped = value[i];
                value[i++] = value[j];
                value[j--] = swapped;
            }
        }
        if (j < k)
            first = i;
        if (i > k)
            last = j;
    }
    return value[k];
}

static float percentile(float *value, int64_t count, double percent)
{
    const double position = fmin(fmax(percent, 0), 100) / 100 * (double)(count - 1);
    const int64_t k = (int64_t)position;
    const float below = select_at(value, count, k);
    float above = k + 1 < count ? value[k + 1] : below;
    for (int64_t i = k + 2; i < count; i++)
        above = AVSN_MIN(above, value[i]);
    return (float)((double)below + ((double)above - (double)below) * (position - (double)k));
}

avsound_status avsn_cam_range_adapt(avsound_context *context, const float *cam, int64_t count, double percent,
                                    avsn_cam_range *range)
{
    float *value = avsn_alloc(context, (size_t)count, sizeof *value);
    if (!value)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t i = 0; i < count; i++)
        value[i] = magnitude(cam[i]);
    avsn_cam_range_at(cam, count, percentile(value, count, percent), range);
    avsn_free(context, value);
    return AVSOUND_OK;
}

void avsn_cam_frame(const float *cam, int32_t steps, int32_t cells, int64_t frame, int64_t frames, float *map)
{
    const avsn_blend b = avsn_blend_legacy(frame, frames, steps);
    const float *first = cam + (int64_t)b.first * cells, *second = cam + (int64_t)b.second * cells;
    for (int32_t i = 0; i < cells; i++)
        map[i] = magnitude(first[i]) * b.first_share + magnitude(second[i]) * b.second_share;
}
