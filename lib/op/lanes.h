/* Loops over neighbouring elements, of which the compiler makes vector code: written once, compiled for several instruction
 * sets, chosen when they run. */
#ifndef AVSN_LANES_H
#define AVSN_LANES_H

#include "op/families.h"

#define AVSN_LOOP static inline __attribute__((always_inline)) void

#if defined(__x86_64__)
/* A table of the AVSN_LOOP `name` compiled for plain x86-64, AVX2 and AVX-512. */
#define AVSN_LOOP_VARIANTS(name, parameters, arguments)                                                         \
    static void name##_base parameters                                                                          \
    {                                                                                                           \
        name arguments;                                                                                         \
    }                                                                                                           \
    __attribute__((target("avx2"))) static void name##_avx2 parameters                                          \
    {                                                                                                           \
        name arguments;                                                                                         \
    }                                                                                                           \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void name##_avx512 parameters          \
    {                                                                                                           \
        name arguments;                                                                                         \
    }                                                                                                           \
    static void(*const name##_variants[]) parameters = {name##_base, name##_avx2, name##_avx512};

static inline int avsn_loop_variant(void)
{
    const avsn_isa isa = avsn_op_isa();
    return isa >= AVSN_ISA_AVX512 ? 2 : isa >= AVSN_ISA_AVX2 ? 1 : 0;
}
#else
#define AVSN_LOOP_VARIANTS(name, parameters, arguments)                                                         \
    static void name##_base parameters                                                                          \
    {                                                                                                           \
        name arguments;                                                                                         \
    }                                                                                                           \
    static void(*const name##_variants[]) parameters = {name##_base};

static inline int avsn_loop_variant(void)
{
    return 0;
}
#endif

static inline float avsn_widen(uint16_t bits)
{
    const union {
        uint32_t bits;
        float value;
    } wide = {.bits = (uint32_t)bits << 16};
    return wide.value;
}

/* To the nearest, ties to even; NaN stays NaN. */
static inline uint16_t avsn_narrow(float value)
{
    const union {
        float value;
        uint32_t bits;
    } wide = {.value = value};
    const uint32_t rounded = (wide.bits + 0x7fffu + (wide.bits >> 16 & 1u)) >> 16;
    return (uint16_t)((wide.bits & 0x7fffffffu) > 0x7f800000u ? wide.bits >> 16 | 0x40u : rounded);
}

/* Element `i` of f32 or bf16 memory; `bf16` is a constant where loops are to be fast. */
static inline float avsn_lane(const void *base, bool bf16, int64_t i)
{
    return bf16 ? avsn_widen(((const uint16_t *)base)[i]) : ((const float *)base)[i];
}

static inline void avsn_set_lane(void *base, bool bf16, int64_t i, float value)
{
    if (bf16)
        ((uint16_t *)base)[i] = avsn_narrow(value);
    else
        ((float *)base)[i] = value;
}

#endif
