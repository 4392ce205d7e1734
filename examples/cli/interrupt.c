/* Signals are taken by a thread of their own, so that what they set off may take locks. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cli.h"

static atomic_int received;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static avsound_scan *current_scan;
static avsound_session *current_session;
static avsound_offset *current_offset;
static avsound_separator *current_separator;
static avsound_stream *current_stream;
static avsound_indexer *current_indexer;
static sigset_t watched;

static void cancel_current(void)
{
    if (current_scan)
        avsound_scan_cancel(current_scan);
    if (current_session)
        avsound_session_cancel(current_session);
    if (current_offset)
        avsound_offset_cancel(current_offset);
    if (current_separator)
        avsound_separator_cancel(current_separator);
    if (current_stream)
        avsound_stream_cancel(current_stream);
    if (current_indexer)
        avsound_indexer_cancel(current_indexer);
}

static void *watch(void *unused)
{
    (void)unused;
    for (;;) {
        int number;
        if (sigwait(&watched, &number))
            return NULL;
        if (atomic_exchange(&received, number))
            _exit(CLI_SIGNAL + number);
        pthread_mutex_lock(&lock);
        cancel_current();
        pthread_mutex_unlock(&lock);
    }
}

/* A signal ignored from outside (nohup, a shell's background job) stays ignored. */
static void watch_unless_ignored(int number)
{
    struct sigaction action;
    if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_IGN)
        sigaddset(&watched, number);
}

void cli_interrupt_start(void)
{
    sigemptyset(&watched);
    watch_unless_ignored(SIGINT);
    watch_unless_ignored(SIGTERM);
    watch_unless_ignored(SIGHUP);
    /* Every thread made later inherits the mask, so only the watcher sees them. */
    if (pthread_sigmask(SIG_BLOCK, &watched, NULL))
        return;
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL))
        pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
    else
        pthread_detach(thread);
}

int cli_interrupted(void)
{
    return atomic_load(&received);
}

void cli_interrupt_scan(avsound_scan *scan)
{
    pthread_mutex_lock(&lock);
    current_scan = scan;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}

void cli_interrupt_session(avsound_session *session)
{
    pthread_mutex_lock(&lock);
    current_session = session;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}

void cli_interrupt_offset(avsound_offset *offset)
{
    pthread_mutex_lock(&lock);
    current_offset = offset;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}

void cli_interrupt_separator(avsound_separator *separator)
{
    pthread_mutex_lock(&lock);
    current_separator = separator;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}

void cli_interrupt_stream(avsound_stream *stream)
{
    pthread_mutex_lock(&lock);
    current_stream = stream;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}

void cli_interrupt_indexer(avsound_indexer *indexer)
{
    pthread_mutex_lock(&lock);
    current_indexer = indexer;
    if (atomic_load(&received))
        cancel_current();
    pthread_mutex_unlock(&lock);
}
