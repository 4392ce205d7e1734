#include "base/rng.h"

#include <math.h>

__extension__ typedef unsigned __int128 avsn_u128;

/* Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011, table 2 and section 4.3. */
void avsn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static uint64_t draw(uint64_t seed, uint64_t stream, uint64_t index)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t x[4];
    avsn_philox(key, counter, x);
    return (uint64_t)x[0] << 32 | x[1];
}

double avsn_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (double)(draw(seed, stream, index) >> 11) * 0x1p-53;
}

double avsn_rng_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    const double two_pi = 6.283185307179586;
    const double radius = 1.0 - avsn_rng_uniform(seed, stream, 2 * index); /* (0, 1] */
    const double angle = avsn_rng_uniform(seed, stream, 2 * index + 1);
    return sqrt(-2.0 * log(radius)) * cos(two_pi * angle);
}

uint64_t avsn_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound)
{
    return (uint64_t)(((avsn_u128)draw(seed, stream, index) * bound) >> 64);
}

uint64_t avsn_rng_stream(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}
