#define _GNU_SOURCE
#include "base/cpu.h"

#include <omp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

int32_t avsn_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return AVSN_MAX(1, CPU_COUNT(&set));
    return 1;
}

#if defined(__x86_64__)

/* XCR0 says which register states the operating system saves: bits 1,2 SSE and AVX, 5...7 AVX-512, 17 and 18 AMX. */
static uint64_t saved_register_states(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27))
        return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool leaf7(uint32_t subleaf, uint32_t out[4])
{
    return __get_cpuid_count(7, subleaf, &out[0], &out[1], &out[2], &out[3]);
}

bool avsn_cpu_has_avx512(void)
{
    uint32_t r[4];
    const uint32_t wanted = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    return (saved_register_states() & 0xe6) == 0xe6 && leaf7(0, r) && (r[1] & wanted) == wanted;
}

/* Linux hands out AMX tile data per process on request; oneDNN makes the same request. */
static bool amx_permitted(void)
{
    enum { ARCH_REQ_XCOMP_PERM_ = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM_, XFEATURE_XTILEDATA) == 0;
}

bool avsn_cpu_has_amx_bf16(void)
{
    uint32_t r[4];
    const uint32_t wanted = 1u << 22 | 1u << 24; /* AMX-BF16, AMX-TILE */
    return (saved_register_states() & 0x60000) == 0x60000 && leaf7(0, r) && (r[3] & wanted) == wanted && amx_permitted();
}

bool avsn_cpu_has_bf16(void)
{
    uint32_t r[4];
    return avsn_cpu_has_avx512() && leaf7(1, r) && (r[0] & 1u << 5);
}

enum { FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040 };

static uint32_t float_state(void)
{
    return _mm_getcsr();
}

static void set_float_state(uint32_t state)
{
    _mm_setcsr(state);
}

/* Round to nearest, all exceptions masked. */
static uint32_t compute_float_state(void)
{
    return 0x1f80 | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO;
}

#else

bool avsn_cpu_has_avx512(void)
{
    return false;
}
bool avsn_cpu_has_amx_bf16(void)
{
    return false;
}
bool avsn_cpu_has_bf16(void)
{
    return false;
}

#if defined(__aarch64__)
static uint32_t float_state(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (uint32_t)fpcr;
}
static void set_float_state(uint32_t state)
{
    const uint64_t fpcr = state;
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
}
static uint32_t compute_float_state(void)
{
    return 1u << 24; /* FZ: inputs and results */
}
#else
static uint32_t float_state(void)
{
    return 0;
}
static void set_float_state(uint32_t state)
{
    (void)state;
}
static uint32_t compute_float_state(void)
{
    return 0;
}
#endif
#endif

/* The team's threads outlive the call, so theirs is set and put back too; they all had the state of the thread that
 * started them, which is this one's. */
static void set_team_float_state(int32_t threads, uint32_t state)
{
    if (threads == 1) {
        set_float_state(state);
        return;
    }
#pragma omp parallel num_threads(threads)
    set_float_state(state);
}

void avsn_compute_enter(avsn_compute *state, int32_t threads)
{
    state->mxcsr = float_state();
    state->omp_threads = omp_get_max_threads();
    state->threads = threads;
    omp_set_num_threads(threads);
    set_team_float_state(threads, compute_float_state());
}

void avsn_compute_leave(const avsn_compute *state)
{
    set_team_float_state(state->threads, state->mxcsr);
    omp_set_num_threads(state->omp_threads);
}
