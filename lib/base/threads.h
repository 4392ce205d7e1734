/* Worker threads that take jobs in order. */
#ifndef AVSN_THREADS_H
#define AVSN_THREADS_H

#include "base/base.h"

typedef struct avsn_pool avsn_pool;

/* Runs `run(user_data, job, worker)` on one of `workers` threads; `job` is the caller's, `worker` is 0...workers-1. */
typedef void (*avsn_job_fn)(void *user_data, void *job, int32_t worker);

AVSN_SHARED avsound_status avsn_pool_create(avsound_context *context, int32_t workers, size_t queue_length, avsn_job_fn run,
                                void *user_data, avsn_pool **out);
/* Hands a job in; waits while the queue is full. */
AVSN_SHARED void avsn_pool_submit(avsn_pool *pool, void *job);
/* Waits until every job handed in has run. */
AVSN_SHARED void avsn_pool_free(avsn_pool *pool);

#endif
