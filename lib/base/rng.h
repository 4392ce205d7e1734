/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011). A draw is a pure function of (seed, stream, index), so
 * any element of any sequence can be made alone and in any order. */
#ifndef AVSN_RNG_H
#define AVSN_RNG_H

#include "base/base.h"

void avsn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* Uniform in [0, 1), 53 bits. */
AVSN_SHARED double avsn_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Standard normal (Box-Muller). */
double avsn_rng_normal(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in 0...bound-1, bound >= 1. */
AVSN_SHARED uint64_t avsn_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound);
/* A stream number from a name (FNV-1a, 64 bits). */
AVSN_SHARED uint64_t avsn_rng_stream(const char *name);

#endif
