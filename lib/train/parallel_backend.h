/* What parallel.c asks of the plugin that speaks MPI. The plugin is a file of its own (libavsound_mpi.so), loaded only into
 * processes that train together: nobody else loads an MPI library, and a site's own MPI means rebuilding this one file. */
#ifndef AVSN_PARALLEL_BACKEND_H
#define AVSN_PARALLEL_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AVSN_PARALLEL_PLUGIN "libavsound_mpi.so"
#define AVSN_PARALLEL_SYMBOL "avsn_parallel_backend_get"
#define AVSN_PARALLEL_VERSION 1u

/* Calls return 0 or a code that `text` explains. All are made by one thread. Counts are below 2^31. */
typedef struct avsn_parallel_backend {
    uint32_t version;
    size_t state_bytes; /* what the caller allocates for `state`, zeroed */
    /* Joins the processes of this job; MPI is left at the process's end, by a handler, where this call was its start. */
    int (*open)(void *state, int32_t *rank, int32_t *ranks);
    void (*close)(void *state);
    /* Sums in place. The first does not wait: the values are the backend's until `wait`. */
    int (*start_sum)(void *state, float *values, size_t count);
    int (*progress)(void *state);
    int (*wait)(void *state);
    int (*sum)(void *state, double *values, size_t count);
    int (*broadcast)(void *state, void *bytes, size_t count, int32_t root);
    /* This process has left the others in the middle of something: at its end it ends them too. */
    void (*give_up)(void *state);
    void (*text)(int code, char *out, size_t size);
} avsn_parallel_backend;

typedef const avsn_parallel_backend *(*avsn_parallel_backend_get_fn)(void);

#endif
