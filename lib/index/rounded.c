#include "index/rounded.h"

#include <math.h>

enum { MOST_CODE = 127, MOST_SHORT = 32767 };

static float largest(const float *values, int64_t count)
{
    float most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(values[i]));
    return most;
}

avsound_status avsn_rounded_create(avsound_context *context, const float *vectors, int64_t rows, int64_t dimension,
                                   avsn_rounded *out)
{
    *out = (avsn_rounded){0};
    out->values = avsn_alloc(context, (size_t)AVSN_MAX(rows, (int64_t)1), (size_t)dimension);
    out->scales = out->values ? avsn_alloc(context, (size_t)AVSN_MAX(rows, (int64_t)1), sizeof *out->scales) : NULL;
    if (!out->scales) {
        avsn_rounded_free(context, out);
        return AVSOUND_E_NO_MEMORY;
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *from = vectors + r * dimension, most = largest(from, dimension), times = most > 0 ? MOST_CODE / most : 0;
        out->scales[r] = most / MOST_CODE;
        for (int64_t i = 0; i < dimension; i++)
            out->values[r * dimension + i] = (int8_t)lrintf(from[i] * times);
    }
    return AVSOUND_OK;
}

void avsn_rounded_free(avsound_context *context, avsn_rounded *rounded)
{
    avsn_free(context, rounded->values);
    avsn_free(context, rounded->scales);
    *rounded = (avsn_rounded){0};
}

void avsn_rounded_query(const float *query, int64_t dimension, int16_t *to)
{
    const int64_t most = AVSN_MIN(INT32_MAX / (MOST_CODE * dimension), (int64_t)MOST_SHORT);
    const float times = (float)most / fmaxf(largest(query, dimension), 1e-30f);
    for (int64_t i = 0; i < dimension; i++)
        to[i] = (int16_t)lrintf(query[i] * times);
}
