/* The plugin libavsound_mpi.so: the only code that sees MPI. */
#include "train/parallel_backend.h"

#include <mpi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SUMS = 256 };

typedef struct group {
    MPI_Comm comm;
    MPI_Request sums[MAX_SUMS];
    int count;
    bool joined;
} group;

/* MPI is the process's, and so is how the process leaves it: in peace, or in the middle of something that others wait for. */
static atomic_bool given_up;
static atomic_int open_groups;

static void leave(void)
{
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized)
        return;
    if (atomic_load(&given_up) || atomic_load(&open_groups))
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Finalize();
}

static int join(void)
{
    int initialized, provided;
    int code = MPI_Initialized(&initialized);
    if (code || initialized)
        return code;
    code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (!code)
        code = atexit(leave) ? MPI_ERR_NO_MEM : MPI_SUCCESS;
    return code;
}

static int open_group(void *state, int32_t *rank, int32_t *ranks)
{
    group *g = state;
    int own = 0, all = 1;
    int code = join();
    if (!code)
        code = MPI_Comm_dup(MPI_COMM_WORLD, &g->comm);
    if (code)
        return code;
    g->joined = true;
    atomic_fetch_add(&open_groups, 1);
    code = MPI_Comm_set_errhandler(g->comm, MPI_ERRORS_RETURN);
    if (!code)
        code = MPI_Comm_rank(g->comm, &own);
    if (!code)
        code = MPI_Comm_size(g->comm, &all);
    *rank = own;
    *ranks = all;
    return code;
}

/* A communicator is freed by all its processes together; after giving up there is no together. */
static void close_group(void *state)
{
    group *g = state;
    if (!g->joined)
        return;
    if (!atomic_load(&given_up))
        MPI_Comm_free(&g->comm);
    atomic_fetch_sub(&open_groups, 1);
    g->joined = false;
}

static int wait_all(void *state)
{
    group *g = state;
    const int count = g->count;
    g->count = 0;
    return MPI_Waitall(count, g->sums, MPI_STATUSES_IGNORE);
}

static int start_sum(void *state, float *values, size_t count)
{
    group *g = state;
    const int code = g->count == MAX_SUMS ? wait_all(state) : MPI_SUCCESS;
    if (code)
        return code;
    return MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, g->comm, &g->sums[g->count++]);
}

static int progress(void *state)
{
    group *g = state;
    int all;
    return g->count ? MPI_Testall(g->count, g->sums, &all, MPI_STATUSES_IGNORE) : MPI_SUCCESS;
}

static int sum(void *state, double *values, size_t count)
{
    return MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, ((group *)state)->comm);
}

static int broadcast(void *state, void *bytes, size_t count, int32_t root)
{
    return MPI_Bcast(bytes, (int)count, MPI_BYTE, root, ((group *)state)->comm);
}

static void give_up(void *state)
{
    (void)state;
    atomic_store(&given_up, true);
}

static void text(int code, char *out, size_t size)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, words, &length);
    snprintf(out, size, "%s", words);
}

__attribute__((visibility("default"))) const avsn_parallel_backend *avsn_parallel_backend_get(void);

const avsn_parallel_backend *avsn_parallel_backend_get(void)
{
    static const avsn_parallel_backend backend = {
        .version = AVSN_PARALLEL_VERSION,
        .state_bytes = sizeof(group),
        .open = open_group,
        .close = close_group,
        .start_sum = start_sum,
        .progress = progress,
        .wait = wait_all,
        .sum = sum,
        .broadcast = broadcast,
        .give_up = give_up,
        .text = text,
    };
    return &backend;
}
