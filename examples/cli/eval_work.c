/* Clips spread over threads, each with a session of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval.h"

typedef struct job {
    const eval *e;
    eval_data *data;
    const char *outputs;
    eval_clip_fn work;
    void *user;
    pthread_mutex_t lock; /* of what follows, and of the terminal */
    cli_progress progress;
    int64_t next;
    int code;
} job;

uint64_t eval_random(int64_t seed, int64_t item, int64_t purpose, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t x = 0x9e3779b97f4a7c15u;
    const uint64_t words[] = {(uint64_t)seed, (uint64_t)item, (uint64_t)purpose};
    for (int i = 0; i < 3; i++) {
        x = (x ^ words[i]) + 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        x ^= x >> 31;
    }
    return (uint64_t)((wide)x * bound >> 64);
}

/* What a clip alone is to blame for. */
static bool is_clips_fault(avsound_status status)
{
    return status == AVSOUND_E_IO || status == AVSOUND_E_FORMAT || status == AVSOUND_E_UNSUPPORTED ||
           status == AVSOUND_E_STATE || status == AVSOUND_E_END || status == AVSOUND_E_LIMIT;
}

static void report(job *j, eval_clip *clip, avsound_status status)
{
    const char *detail = status == AVSOUND_E_NO_MEMORY ? "out of memory" : avsound_error_detail();
    const char *between = strncmp(detail, clip->path, strlen(clip->path)) ? ": " : "";
    const char *name = *between ? clip->path : "";
    pthread_mutex_lock(&j->lock);
    if (is_clips_fault(status)) {
        clip->usable = false;
        cli_warn("%s%s%s; left out", name, between, *detail ? detail : avsound_status_text(status));
    } else if (!j->code && status != AVSOUND_E_CANCELLED) {
        j->code = cli_error(status == AVSOUND_E_NO_MEMORY ? CLI_RESOURCES : CLI_FAILED, "%s%s%s", name, between,
                            *detail ? detail : avsound_status_text(status));
    }
    pthread_mutex_unlock(&j->lock);
}

static int64_t next_clip(job *j, bool first)
{
    pthread_mutex_lock(&j->lock);
    if (!first)
        cli_progress_step(&j->progress);
    while (j->next < j->data->count && !j->data->clips[j->next].usable)
        j->next++;
    const int64_t index = j->code || cli_interrupted() || j->next >= j->data->count ? -1 : j->next++;
    pthread_mutex_unlock(&j->lock);
    return index;
}

static int open_session(const job *j, avsound_session **out)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.threads = 1;
    options.precision = cli_precision(j->e->c->args.precision);
    options.outputs = j->outputs;
    const avsound_status status = j->outputs ? avsound_session_create(j->e->model.model, &options, out) : AVSOUND_OK;
    return status ? cli_input_failed(j->e->model.name, status) : CLI_OK;
}

static void *work(void *argument)
{
    job *j = argument;
    eval_worker worker = {.e = j->e, .user = j->user};
    pthread_mutex_lock(&j->lock);
    if (!j->code)
        j->code = open_session(j, &worker.session);
    pthread_mutex_unlock(&j->lock);
    for (int64_t i = next_clip(j, true); i >= 0; i = next_clip(j, false)) {
        const avsound_status status = j->work(&worker, j->data, i);
        if (status)
            report(j, &j->data->clips[i], status);
    }
    eval_sound_free(&worker.sound);
    avsound_session_free(worker.session);
    return NULL;
}

static int64_t count_usable(const eval_data *data)
{
    int64_t n = 0;
    for (int64_t i = 0; i < data->count; i++)
        n += data->clips[i].usable;
    return n;
}

int eval_run(const eval *e, eval_data *data, const char *outputs, const char *unit, eval_clip_fn fn, void *user)
{
    pthread_t threads[256];
    int started = 0;
    job j = {.e = e, .data = data, .outputs = outputs, .work = fn, .user = user};
    pthread_mutex_init(&j.lock, NULL);
    cli_progress_start(&j.progress, unit, count_usable(data), e->c->args.quiet);
    while (started < e->threads && started < 256 && !pthread_create(&threads[started], NULL, work, &j))
        started++;
    if (!started)
        work(&j);
    while (started)
        pthread_join(threads[--started], NULL);
    cli_progress_end(&j.progress);
    pthread_mutex_destroy(&j.lock);
    return cli_interrupted() ? CLI_FAILED : j.code;
}
