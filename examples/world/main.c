/* avsound-world: clips made side by side by worker threads, each from its plan to its files. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "world.h"

enum { OK = 0, FAILED = 1, INTERRUPTED = 130 };

typedef struct job {
    const options *options;
    atomic_int_fast64_t next, made, kept;
    atomic_bool failed;
    pthread_mutex_t print;
    struct timespec started;
} job;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

static void show(job *j)
{
    if (j->options->quiet || !isatty(STDERR_FILENO))
        return;
    pthread_mutex_lock(&j->print);
    const int64_t made = j->made, kept = j->kept;
    fprintf(stderr, "\r%" PRId64 " clips made, %" PRId64 " kept, %.1f clips/s \033[K", made, kept,
            (double)made / (seconds_since(&j->started) + 1e-3));
    pthread_mutex_unlock(&j->print);
}

static void *work(void *argument)
{
    job *j = argument;
    const options *o = j->options;
    while (!interrupted && !j->failed) {
        const int64_t index = atomic_fetch_add(&j->next, 1);
        if (index >= o->clips)
            break;
        const int64_t clip = o->first + index;
        if (index % o->shards != o->shard)
            continue;
        if (clip_is_complete(o, clip))
            j->kept++;
        else if (clip_make(o, clip))
            j->made++;
        else
            j->failed = true;
        show(j);
    }
    return NULL;
}

static void run(job *j)
{
    enum { MOST_THREADS = 256 };
    pthread_t threads[MOST_THREADS];
    int count = 0;
    while (count + 1 < j->options->threads && !pthread_create(&threads[count], NULL, work, j))
        count++;
    work(j); /* this thread works too, and alone where no other can be had */
    for (int k = 0; k < count; k++)
        pthread_join(threads[k], NULL);
}

static int make_clips(const options *o)
{
    if (mkdir(o->out, 0777) && errno != EEXIST) {
        world_fail("%s: %s", o->out, strerror(errno));
        return FAILED;
    }
    if (!world_settle(o))
        return FAILED;
    job j = {.options = o, .print = PTHREAD_MUTEX_INITIALIZER};
    clock_gettime(CLOCK_MONOTONIC, &j.started);
    run(&j);
    if (!o->quiet)
        fprintf(stderr, "%s%" PRId64 " clips made, %" PRId64 " kept, in %.1f s\n",
                isatty(STDERR_FILENO) ? "\r\033[K" : "", (int64_t)j.made, (int64_t)j.kept, seconds_since(&j.started));
    if (interrupted)
        return INTERRUPTED;
    return j.failed || !manifest_write(o) ? FAILED : OK;
}

int main(int argc, char **argv)
{
    options o;
    const char *sheet;
    const int code = options_read(&o, &sheet, argc, argv);
    if (code)
        return code < 0 ? OK : code;
    if (!o.threads) {
        const long cores = sysconf(_SC_NPROCESSORS_ONLN);
        o.threads = cores > 256 ? 256 : cores > 1 ? (int)cores : 1;
    }
    av_log_set_level(AV_LOG_ERROR);
    if (sheet)
        return sheet_write(&o, sheet) ? OK : FAILED;
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return make_clips(&o);
}
