/* What the measuring programs share: clocks, and giving up. */
#ifndef AVSOUND_TESTS_BENCH_H
#define AVSOUND_TESTS_BENCH_H

#include <avsound/base.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline double seconds(clockid_t clock)
{
    return 1e-9 * (double)now_ns(clock);
}

static inline void require(avsound_status status, const char *what)
{
    if (status == AVSOUND_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, avsound_status_name(status), avsound_error_detail());
    exit(EXIT_FAILURE);
}

#endif
