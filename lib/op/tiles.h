/* The processor's tile registers, as the convolutions use them: all of 16 rows of 64 bytes. */
#ifndef AVSN_TILES_H
#define AVSN_TILES_H

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define AVSN_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define AVSN_TILES __attribute__((target("amx-tile,amx-bf16")))

/* As LDTILECFG reads it. A constant, since compilers may take the instruction to read less of it than it does. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} avsn_tile_config = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/* Between the two a thread may use its tiles. */
AVSN_TILES static inline void avsn_tiles_begin(void)
{
    _tile_loadconfig(&avsn_tile_config);
}

AVSN_TILES static inline void avsn_tiles_end(void)
{
    _tile_release();
}

#endif

#endif
