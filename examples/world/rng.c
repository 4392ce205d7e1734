#include <math.h>

#include "world.h"

uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

rng rng_stream(uint64_t seed, uint64_t clip, uint64_t purpose)
{
    rng r = {seed};
    r.state = rng_next(&r) ^ clip;
    r.state = rng_next(&r) ^ purpose;
    r.state = rng_next(&r);
    return r;
}

double rng_unit(rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_between(rng *r, double low, double high)
{
    return low + (high - low) * rng_unit(r);
}

double rng_log_between(rng *r, double low, double high)
{
    return low * exp(log(high / low) * rng_unit(r));
}

double rng_normal(rng *r)
{
    const double radius = sqrt(-2 * log(1 - rng_unit(r)));
    return radius * cos(2 * PI * rng_unit(r));
}

int rng_below(rng *r, int count)
{
    return (int)((double)count * rng_unit(r));
}

bool rng_chance(rng *r, double probability)
{
    return rng_unit(r) < probability;
}
