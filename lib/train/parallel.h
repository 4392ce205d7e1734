/* Processes that train one network together, each on its share of every batch. Without others all of this is free: a NULL
 * group is one process, alone. Calls come from one thread, and from every process in the same order. */
#ifndef AVSN_PARALLEL_H
#define AVSN_PARALLEL_H

#include "base/base.h"

typedef struct avsn_parallel avsn_parallel;

/* `ranks`: how many processes there must be; 0: as many as mpirun started. *out is NULL for a process alone, and MPI is then
 * not touched. Every process of the job must call this. */
avsound_status avsn_parallel_open(avsound_context *context, int32_t ranks, avsn_parallel **out);
/* Waits for the other processes to call it too, unless avsn_parallel_give_up() was called. */
void avsn_parallel_free(avsn_parallel *parallel);
int32_t avsn_parallel_rank(const avsn_parallel *parallel);  /* 0 alone */
int32_t avsn_parallel_ranks(const avsn_parallel *parallel); /* 1 alone */

/* A failure of MPI sticks: what comes after it does nothing, and avsn_parallel_wait() and avsn_parallel_agree() report it. */

/* In place, over all processes, not waiting: the values may be neither read nor written before avsn_parallel_wait(). */
void avsn_parallel_start_sum(avsn_parallel *parallel, float *values, size_t count);
/* Gives MPI a moment to move the sums under way: most MPI libraries do so only while they are called. */
void avsn_parallel_progress(avsn_parallel *parallel);
avsound_status avsn_parallel_wait(avsn_parallel *parallel);

/* In place; they wait. All processes get the same bits. */
void avsn_parallel_sum(avsn_parallel *parallel, double *values, size_t count);
void avsn_parallel_mean(void *parallel, double *values, int64_t count); /* an avsn_group's function (op/kernel.h) */
/* While it rests, a mean is over this process alone and waits for no other. */
void avsn_parallel_rest(avsn_parallel *parallel, bool rest);
void avsn_parallel_broadcast(avsn_parallel *parallel, void *bytes, size_t count); /* process 0's to all */

/* Where processes may have fared differently: succeeds where all bring AVSOUND_OK, else fails everywhere with the status and
 * detail of the first process that failed. *stop (may be NULL) becomes true where it is true in any process. */
avsound_status avsn_parallel_agree(avsn_parallel *parallel, avsound_status own, bool *stop);
/* True once avsn_parallel_agree() or MPI itself has failed: all processes know, or none can be told. */
bool avsn_parallel_ended(const avsn_parallel *parallel);
/* This process cannot go on and the others wait for it inside a sum: they end when this process does. */
void avsn_parallel_give_up(avsn_parallel *parallel);

#endif
