#include "graph/fractional.h"

#include "base/rng.h"

#include <math.h>

/* First double of Philox4x32-10 with key (1,0) and counter (0,0,2,0): both seeds are fixed, so the op draws the same
 * one every time. */
static const double drawn = 0.2511744980841868;

/* The offset must leave k or k + 1 rows to the first window and to the last; those between have them anyway. */
static double largest_offset(int64_t length, int64_t outputs)
{
    const double ratio = (double)length / (double)outputs;
    const int64_t k = length / outputs;
    const double first = (double)(k + 2) / ratio - 1;
    const double last = (double)(length + 1 - k) / ratio - (double)(outputs - 1);
    return AVSN_MIN(first, last);
}

avsound_status avsn_fractional_boundaries(int64_t length, int64_t outputs, int64_t *boundaries)
{
    if (outputs < 1 || outputs > length || length > INT32_MAX)
        AVSN_FAIL(AVSOUND_E_SHAPE, "fractional pooling: %lld rows to %lld, want 1...rows outputs of 1...%d rows",
                  (long long)length, (long long)outputs, INT32_MAX);
    const double ratio = (double)length / (double)outputs;
    const double offset = drawn * largest_offset(length, outputs);
    boundaries[0] = 0;
    for (int64_t i = 1; i < outputs; i++)
        boundaries[i] = (int64_t)ceil(ratio * ((double)i + offset)) - 1;
    boundaries[outputs] = length;
    return AVSOUND_OK;
}

/* Where `longer` of `left` windows are still to be long ones, the next is with their share: every order is as likely. */
void avsn_fractional_draw(uint64_t seed, uint64_t draw, int64_t length, int64_t outputs, float *boundaries)
{
    const uint64_t stream = avsn_rng_stream("fractional pooling") + draw;
    int64_t at = 0, longer = length % outputs;
    boundaries[0] = 0;
    for (int64_t i = 0; i < outputs; i++) {
        const bool is_long = avsn_rng_below(seed, stream, (uint64_t)i, (uint64_t)(outputs - i)) < (uint64_t)longer;
        longer -= is_long;
        at += length / outputs + is_long;
        boundaries[i + 1] = (float)at;
    }
}
