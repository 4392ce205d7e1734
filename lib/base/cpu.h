/* The processor and the calling thread's state: thread counts, denormals. */
#ifndef AVSN_CPU_H
#define AVSN_CPU_H

#include "base/base.h"

/* Cores this process may run on. */
AVSN_SHARED int32_t avsn_cpu_count(void);

/* Between enter and leave this thread (and the OpenMP team it leads) computes with `threads` threads, denormal inputs
 * read as zero and denormal results flushed to zero; leave restores what the caller had. Without it, denormals slow a
 * convolution many-fold, and a host program's own rounding modes would change under it. */
typedef struct avsn_compute {
    uint32_t mxcsr;
    int32_t omp_threads, threads;
} avsn_compute;
AVSN_SHARED void avsn_compute_enter(avsn_compute *state, int32_t threads);
AVSN_SHARED void avsn_compute_leave(const avsn_compute *state);

#endif
