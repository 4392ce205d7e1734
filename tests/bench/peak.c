/* How many multiply-adds this processor can do when nothing but its registers is involved: the floor of every timing.
 *
 *     avsound-bench-peak THREADS
 *
 * prints {"f32": GFLOP/s, "bf16": GFLOP/s}, an addition and a multiplication counted as two; null where the processor
 * has no such instructions. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECONDS 0.4
#define WINDOWS 8 /* the best of so many windows counts: other processes take from the rest */
#define MAX_THREADS 256

typedef double (*kernel)(int64_t rounds); /* returns the floating-point operations done */

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool cpu_bit(unsigned leaf, unsigned subleaf, int reg, int bit)
{
    unsigned r[4] = {0};
    return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

/* Ten independent chains cover the latency of two units. The empty asm keeps the compiler from folding the loop. */
#define CHAINS 10

__attribute__((target("avx512f"))) static double fma_avx512(int64_t rounds)
{
    __m512 sum[CHAINS];
    const __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 10
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = _mm512_fmadd_ps(sum[i], x, y);
            __asm__ volatile("" : "+v"(sum[i]));
        }
    return (double)rounds * CHAINS * 16 * 2;
}

__attribute__((target("avx2,fma"))) static double fma_avx2(int64_t rounds)
{
    __m256 sum[CHAINS];
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 10
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = _mm256_fmadd_ps(sum[i], x, y);
            __asm__ volatile("" : "+x"(sum[i]));
        }
    return (double)rounds * CHAINS * 8 * 2;
}

__attribute__((target("avx512f,avx512bf16"))) static double dot_avx512_bf16(int64_t rounds)
{
    __m512 sum[CHAINS];
    const __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 10
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = _mm512_dpbf16_ps(sum[i], x, x);
            __asm__ volatile("" : "+v"(sum[i]));
        }
    return (double)rounds * CHAINS * 32 * 2;
}

/* Six tiles of 16 rows of 64 bytes: four sums, one picture, one set of weights; no memory in the loop. */
__attribute__((target("amx-tile,amx-bf16"))) static double dot_amx(int64_t rounds)
{
    /* In memory before the loop: gcc 12 thinks that the instruction reads eight bytes, and drops other stores. */
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16}};
    static const uint16_t zeros[16 * 32];
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, zeros, 64);
    _tile_loadd(5, zeros, 64);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_release();
    return (double)rounds * 4 * 16 * 16 * 32 * 2;
}

/* Linux gives a process its tile registers on request only. */
static bool amx_granted(void)
{
    const long request_permission = 0x1023, tile_data = 18;
    return cpu_bit(7, 0, 3, 22) && cpu_bit(7, 0, 3, 24) &&
           syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

static kernel f32_kernel(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return fma_avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? fma_avx2 : NULL;
}

static kernel bf16_kernel(void)
{
    if (amx_granted())
        return dot_amx;
    return __builtin_cpu_supports("avx512f") && cpu_bit(7, 1, 0, 5) ? dot_avx512_bf16 : NULL;
}
#else
static kernel f32_kernel(void)
{
    return NULL;
}

static kernel bf16_kernel(void)
{
    return NULL;
}
#endif

typedef struct job {
    kernel run;
    int64_t rounds;
    double best; /* FLOP/s */
    pthread_barrier_t *start;
} job;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *argument)
{
    job *j = argument;
    j->run(j->rounds / 8); /* the clock settles */
    for (int w = 0; w < WINDOWS; w++) {
        pthread_barrier_wait(j->start);
        const double start = seconds();
        const double rate = j->run(j->rounds) / (seconds() - start);
        j->best = rate > j->best ? rate : j->best;
    }
    return NULL;
}

/* Rounds that fill one window. */
static int64_t calibrate(kernel run)
{
    int64_t rounds = 1 << 16;
    for (;;) {
        const double start = seconds();
        run(rounds);
        const double taken = seconds() - start;
        if (taken > 0.01)
            return (int64_t)((double)rounds * SECONDS / WINDOWS / taken);
        rounds *= 4;
    }
}

/* GFLOP/s of `threads` threads together, 0 without a kernel. */
static double peak(kernel run, int threads)
{
    if (!run)
        return 0;
    pthread_t ids[MAX_THREADS];
    job jobs[MAX_THREADS];
    pthread_barrier_t start;
    if (pthread_barrier_init(&start, NULL, (unsigned)threads))
        return 0;
    const int64_t rounds = calibrate(run);
    for (int t = 0; t < threads; t++) {
        jobs[t] = (job){.run = run, .rounds = rounds, .start = &start};
        if (pthread_create(&ids[t], NULL, work, &jobs[t]))
            exit(EXIT_FAILURE);
    }
    double total = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        total += jobs[t].best;
    }
    pthread_barrier_destroy(&start);
    return total * 1e-9;
}

static void print_rate(const char *name, double rate)
{
    if (rate > 0)
        printf("\"%s\": %.1f", name, rate);
    else
        printf("\"%s\": null", name);
}

int main(int argc, char **argv)
{
    const int threads = argc == 2 ? atoi(argv[1]) : 0;
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: %s THREADS\n", argv[0]);
        return EXIT_FAILURE;
    }
    printf("{");
    print_rate("f32", peak(f32_kernel(), threads));
    printf(", ");
    print_rate("bf16", peak(bf16_kernel(), threads));
    printf("}\n");
    return EXIT_SUCCESS;
}
