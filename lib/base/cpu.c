#define _GNU_SOURCE
#include "base/cpu.h"

#include <omp.h>
#include <sched.h>

#if defined(__x86_64__)
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

#elif defined(__aarch64__)
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
