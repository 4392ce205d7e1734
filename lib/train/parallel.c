#include "train/parallel.h"

#include "train/parallel_backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct avsn_parallel {
    avsound_context *context;
    const avsn_parallel_backend *backend;
    void *state;
    int32_t rank, ranks;
    int code;   /* the first failure of MPI, 0: none */
    bool ended;
    bool given_up, rests;
};

enum { DETAIL_BYTES = 1024 };

/* ---- joining ---- */

/* How many processes the launcher says it started: Open MPI's, MPICH's and its relatives', MVAPICH's word for it. */
static int32_t launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(names); i++) {
        const char *text = getenv(names[i]);
        char *end;
        const long count = text ? strtol(text, &end, 10) : 0;
        if (count > 0 && count <= INT32_MAX && !*end)
            return (int32_t)count;
    }
    return 1;
}

/* The plugin stays loaded: MPI cannot be unloaded from a process. Its names are global because MPI libraries' own plugins look
 * for them there. */
static avsound_status find_backend(int32_t ranks, const avsn_parallel_backend **out)
{
    void *plugin = dlopen(AVSN_PARALLEL_PLUGIN, RTLD_NOW | RTLD_GLOBAL);
    if (!plugin)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%d processes are to train together, which takes " AVSN_PARALLEL_PLUGIN
                  " of a build with MPI: %s", ranks, dlerror());
    /* POSIX's way from an object pointer to a function pointer, which ISO C does not know. */
    union {
        void *object;
        avsn_parallel_backend_get_fn get;
    } symbol = {.object = dlsym(plugin, AVSN_PARALLEL_SYMBOL)};
    const avsn_parallel_backend *backend = symbol.object ? symbol.get() : NULL;
    if (!backend || backend->version != AVSN_PARALLEL_VERSION)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, AVSN_PARALLEL_PLUGIN " is not of this version of the library");
    *out = backend;
    return AVSOUND_OK;
}

/* Keeps the first failure's code; true while there is none. */
static bool took(avsn_parallel *p, int code)
{
    if (code && !p->code)
        p->code = code;
    return !p->code;
}

static avsound_status failure(avsn_parallel *p)
{
    char words[256];
    if (!p->code)
        return AVSOUND_OK;
    p->ended = true;
    avsn_parallel_give_up(p);
    p->backend->text(p->code, words, sizeof words);
    AVSN_FAIL(AVSOUND_E_BACKEND, "process %d of %d: MPI: %s", p->rank, p->ranks, words);
}

static avsound_status join(avsn_parallel *p, int32_t ranks)
{
    AVSN_TRY(find_backend(ranks, &p->backend));
    p->state = avsn_alloc_zeroed(p->context, 1, p->backend->state_bytes);
    if (!p->state)
        return AVSOUND_E_NO_MEMORY;
    if (!took(p, p->backend->open(p->state, &p->rank, &p->ranks)))
        return failure(p);
    if (p->ranks != ranks)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%d processes were started together, want %d", p->ranks, ranks);
    return AVSOUND_OK;
}

avsound_status avsn_parallel_open(avsound_context *context, int32_t ranks, avsn_parallel **out)
{
    *out = NULL;
    ranks = ranks ? ranks : launched();
    if (ranks == 1)
        return AVSOUND_OK;
    if (ranks < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%d processes cannot train together, want at least 1", ranks);
    avsn_parallel *p = avsn_alloc_zeroed(context, 1, sizeof *p);
    if (!p)
        return AVSOUND_E_NO_MEMORY;
    p->context = avsn_context_ref(context);
    p->ranks = 1;
    const avsound_status status = join(p, ranks);
    if (status) {
        avsn_parallel_free(p);
        return status;
    }
    *out = p;
    return AVSOUND_OK;
}

void avsn_parallel_free(avsn_parallel *p)
{
    if (!p)
        return;
    avsound_context *context = p->context;
    if (p->state)
        p->backend->close(p->state);
    avsn_free(context, p->state);
    avsn_free(context, p);
    avsound_context_free(context);
}

int32_t avsn_parallel_rank(const avsn_parallel *p)
{
    return p ? p->rank : 0;
}

int32_t avsn_parallel_ranks(const avsn_parallel *p)
{
    return p ? p->ranks : 1;
}

/* ---- sums ---- */

/* MPI counts in int. */
#define MOST ((size_t)1 << 30)

void avsn_parallel_start_sum(avsn_parallel *p, float *values, size_t count)
{
    for (size_t at = 0; p && !p->code && at < count; at += MOST)
        took(p, p->backend->start_sum(p->state, values + at, AVSN_MIN(count - at, MOST)));
}

void avsn_parallel_progress(avsn_parallel *p)
{
    if (p && !p->code)
        took(p, p->backend->progress(p->state));
}

avsound_status avsn_parallel_wait(avsn_parallel *p)
{
    if (!p)
        return AVSOUND_OK;
    if (!p->code)
        took(p, p->backend->wait(p->state));
    return failure(p);
}

void avsn_parallel_sum(avsn_parallel *p, double *values, size_t count)
{
    for (size_t at = 0; p && !p->code && at < count; at += MOST)
        took(p, p->backend->sum(p->state, values + at, AVSN_MIN(count - at, MOST)));
}

void avsn_parallel_mean(void *parallel, double *values, int64_t count)
{
    avsn_parallel *p = parallel;
    if (!p || p->rests)
        return;
    avsn_parallel_sum(p, values, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        values[i] /= p->ranks;
}

void avsn_parallel_rest(avsn_parallel *p, bool rest)
{
    if (p)
        p->rests = rest;
}

static void broadcast_from(avsn_parallel *p, void *bytes, size_t count, int32_t root)
{
    unsigned char *from = bytes;
    for (size_t at = 0; p && !p->code && at < count; at += MOST)
        took(p, p->backend->broadcast(p->state, from + at, AVSN_MIN(count - at, MOST), root));
}

void avsn_parallel_broadcast(avsn_parallel *p, void *bytes, size_t count)
{
    broadcast_from(p, bytes, count, 0);
}

/* ---- agreeing ---- */

/* Everyone fails as process `root` did. */
static avsound_status fail_like(avsn_parallel *p, int32_t root, avsound_status own)
{
    struct {
        avsound_status status;
        char detail[DETAIL_BYTES];
    } news = {.status = own};
    snprintf(news.detail, sizeof news.detail, "%s", avsound_error_detail());
    broadcast_from(p, &news, sizeof news, root);
    AVSN_TRY(failure(p));
    p->ended = true;
    if (p->rank == root)
        return own; /* its detail is set */
    news.detail[sizeof news.detail - 1] = 0;
    AVSN_FAIL(news.status, "process %d: %s", root, news.detail);
}

avsound_status avsn_parallel_agree(avsn_parallel *p, avsound_status own, bool *stop)
{
    if (!p)
        return own;
    if (p->ended)
        return own ? own : avsn_fail(AVSOUND_E_STATE, "the processes have parted after a failure");
    /* How many want to stop, how many failed; then, process by process, whether it was this one. */
    double asked[2] = {stop && *stop, own != AVSOUND_OK};
    avsn_parallel_sum(p, asked, 2);
    AVSN_TRY(failure(p));
    if (stop)
        *stop = asked[0] > 0;
    for (int32_t rank = 0; asked[1] > 0; rank++) {
        double failed = rank == p->rank && own;
        avsn_parallel_sum(p, &failed, 1);
        AVSN_TRY(failure(p));
        if (failed > 0)
            return fail_like(p, rank, own);
    }
    return AVSOUND_OK;
}

bool avsn_parallel_ended(const avsn_parallel *p)
{
    return p && p->ended;
}

void avsn_parallel_give_up(avsn_parallel *p)
{
    if (!p || p->given_up)
        return;
    p->given_up = p->ended = true;
    p->backend->give_up(p->state);
}
