#include "base/threads.h"

#include <pthread.h>

struct avsn_pool {
    avsound_context *context;
    avsn_job_fn run;
    void *user_data;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void **queue; /* ring of queue_length */
    size_t queue_length, head, queued;
    int32_t workers, started;
    bool stop;
    struct worker {
        avsn_pool *pool;
        int32_t index;
        pthread_t thread;
    } *worker;
};

static void *work(void *argument)
{
    const struct worker *self = argument;
    avsn_pool *pool = self->pool;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->queued && !pool->stop)
            pthread_cond_wait(&pool->changed, &pool->mutex);
        if (!pool->queued)
            break;
        void *job = pool->queue[pool->head];
        pool->head = (pool->head + 1) % pool->queue_length;
        pool->queued--;
        pthread_cond_broadcast(&pool->changed);
        pthread_mutex_unlock(&pool->mutex);
        pool->run(pool->user_data, job, self->index);
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

avsound_status avsn_pool_create(avsound_context *context, int32_t workers, size_t queue_length, avsn_job_fn run,
                                void *user_data, avsn_pool **out)
{
    *out = NULL;
    avsn_pool *pool = avsn_alloc_zeroed(context, 1, sizeof *pool);
    if (!pool)
        return AVSOUND_E_NO_MEMORY;
    *pool = (avsn_pool){.context = avsn_context_ref(context), .run = run, .user_data = user_data,
                        .queue_length = queue_length, .workers = workers};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->queue = avsn_alloc(context, queue_length, sizeof *pool->queue);
    pool->worker = avsn_alloc_zeroed(context, (size_t)workers, sizeof *pool->worker);
    avsound_status status = pool->queue && pool->worker ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; !status && i < workers; i++) {
        pool->worker[i] = (struct worker){.pool = pool, .index = i};
        if (pthread_create(&pool->worker[i].thread, NULL, work, &pool->worker[i]))
            status = avsn_fail(AVSOUND_E_NO_MEMORY, "worker thread %d of %d could not be started", i + 1, workers);
        else
            pool->started++;
    }
    if (status) {
        avsn_pool_free(pool);
        return status;
    }
    *out = pool;
    return AVSOUND_OK;
}

void avsn_pool_submit(avsn_pool *pool, void *job)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->queued == pool->queue_length)
        pthread_cond_wait(&pool->changed, &pool->mutex);
    pool->queue[(pool->head + pool->queued++) % pool->queue_length] = job;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}

void avsn_pool_free(avsn_pool *pool)
{
    if (!pool)
        return;
    avsound_context *context = pool->context;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    avsn_free(context, pool->worker);
    avsn_free(context, pool->queue);
    avsn_free(context, pool);
    avsound_context_free(context);
}
