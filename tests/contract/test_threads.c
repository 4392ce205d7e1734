#include "contract/fixture.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

enum { THREADS = 4, MOST_THREADS = 16, RUNS = 6 };

typedef struct worker {
    avsound_model *model;
    avsound_session *session; /* NULL: the thread makes its own */
    uint32_t index;
    uint64_t digest[RUNS];
} worker;

static void run_all(worker *w, avsound_session *session)
{
    for (uint32_t i = 0; i < RUNS; i++) {
        fill_inputs(session, w->index * RUNS + i);
        ck_avsound(avsound_session_run(session));
        w->digest[i] = outputs_digest(session);
    }
}

static void *work(void *argument)
{
    worker *w = argument;
    avsound_session *session = w->session ? w->session : default_session(w->model);
    run_all(w, session);
    avsound_session_free(session);
    return NULL;
}

/* `made_elsewhere`: the main thread makes the sessions, other threads run them. */
static void threads_agree_with_one(const char *arch, uint32_t count, int made_elsewhere)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, arch);
    worker workers[MOST_THREADS], alone = {.model = model};
    pthread_t threads[MOST_THREADS];
    for (uint32_t i = 0; i < count; i++) {
        workers[i] = (worker){.model = model, .index = i, .session = made_elsewhere ? default_session(model) : NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);

    avsound_session *session = default_session(model);
    for (uint32_t i = 0; i < count; i++) {
        alone.index = i;
        run_all(&alone, session);
        ck_assert_mem_eq(alone.digest, workers[i].digest, sizeof alone.digest);
    }
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
}

START_TEST(threads_sharing_a_model_give_the_bits_of_one)
{
    for (int32_t i = 0; i < avsound_arch_count(); i++)
        threads_agree_with_one(avsound_arch_name(i), THREADS, 0);
}
END_TEST

START_TEST(two_to_sixteen_threads_share_a_model)
{
    static const uint32_t counts[] = {2, 3, 7, MOST_THREADS};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        threads_agree_with_one("avol-net", counts[i], 0);
}
END_TEST

START_TEST(session_may_run_off_the_thread_that_made_it)
{
    for (int32_t i = 0; i < avsound_arch_count(); i++)
        threads_agree_with_one(avsound_arch_name(i), THREADS, 1);
}
END_TEST

START_TEST(runs_repeat_bit_for_bit)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "avol-net");
    for (int32_t threads = 1; threads <= 2; threads++) {
        avsound_session_options options;
        avsound_session_options_init(&options, sizeof options);
        options.threads = threads;
        uint64_t first = 0;
        for (int i = 0; i < 3; i++) {
            avsound_session *session = NULL;
            ck_avsound(avsound_session_create(model, &options, &session));
            for (int run = 0; run < 3; run++) {
                fill_inputs(session, 9);
                ck_avsound(avsound_session_run(session));
                const uint64_t digest = outputs_digest(session);
                if (i == 0 && run == 0)
                    first = digest;
                ck_assert_msg(digest == first, "%d threads: session %d, run %d differs", threads, i, run);
            }
            avsound_session_free(session);
        }
    }
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

static int threads_of_this_process(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    int count = 0;
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Threads: %d", &count) != 1)
        continue;
    if (file)
        fclose(file);
    return count;
}

static avsound_session *session_of(avsound_model *model, int32_t threads)
{
    avsound_session_options options;
    avsound_session *session = NULL;
    avsound_session_options_init(&options, sizeof options);
    options.threads = threads;
    ck_avsound(avsound_session_create(model, &options, &session));
    return session;
}

static uint64_t digest_of(avsound_model *model, int32_t threads)
{
    avsound_session *session = session_of(model, threads);
    fill_inputs(session, 3);
    ck_avsound(avsound_session_run(session));
    const uint64_t digest = outputs_digest(session);
    avsound_session_free(session);
    return digest;
}

/* OpenMP's team of N is the caller and N - 1 others, and there is nobody else. */
START_TEST(sessions_have_the_threads_asked_for)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "avol-net");
    const int before = threads_of_this_process();
    ck_assert_int_gt(before, 0);
    digest_of(model, 1);
    ck_assert_int_eq(threads_of_this_process(), before);
    digest_of(model, 3);
    ck_assert_int_le(threads_of_this_process(), before + 2);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

typedef struct in_child {
    avsound_model *model;
    uint64_t wanted[2];
} in_child;

static void *run_with_two(void *argument)
{
    const in_child *c = argument;
    return digest_of(c->model, 2) == c->wanted[1] ? argument : NULL;
}

/* The thread sanitizer allows no threads after a fork. */
#ifdef __SANITIZE_THREAD__
static const bool threads_after_fork = false;
#else
static const bool threads_after_fork = true;
#endif

/* The child's exit status: 0, or what failed first. */
static int use_after_fork(in_child *c)
{
    pthread_t thread;
    void *good = NULL;
    if (digest_of(c->model, 1) != c->wanted[0])
        return 1;
    if (threads_after_fork && (pthread_create(&thread, NULL, run_with_two, c) || pthread_join(thread, &good) || !good))
        return 2;
    avsound_model_free(c->model);
    return 0;
}

/* The parent has used the model with one thread and with several; the child has the model, but none of those threads. */
START_TEST(a_forked_child_goes_on_with_a_session_of_its_own)
{
    avsound_context *context = plain_context();
    in_child c = {.model = narrow_model(context, "avol-net")};
    avsound_session *kept = session_of(c.model, 2);
    c.wanted[0] = digest_of(c.model, 1);
    c.wanted[1] = digest_of(c.model, 2);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        alarm(100);
        _exit(use_after_fork(&c));
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "the child ended with %#x", (unsigned)status);
    ck_assert(digest_of(c.model, 2) == c.wanted[1]);
    avsound_session_free(kept);
    avsound_model_free(c.model);
    avsound_context_free(context);
}
END_TEST

static void *fail_elsewhere(void *argument)
{
    avsound_model *model = NULL;
    ck_assert_str_eq(avsound_error_detail(), "");
    ck_assert_int_ne(avsound_model_create(argument, "other-thread", NULL, 0, &model), AVSOUND_OK);
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), "other-thread"));
    return NULL;
}

START_TEST(error_detail_belongs_to_its_thread)
{
    avsound_context *context = plain_context();
    avsound_model *model = NULL;
    ck_refused(avsound_model_create(context, "this-thread", NULL, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "this-thread");
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, context), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), "this-thread"));
    avsound_context_free(context);
}
END_TEST

SUITE("contract.threads", threads_sharing_a_model_give_the_bits_of_one, two_to_sixteen_threads_share_a_model,
      session_may_run_off_the_thread_that_made_it, runs_repeat_bit_for_bit, sessions_have_the_threads_asked_for,
      a_forked_child_goes_on_with_a_session_of_its_own, error_detail_belongs_to_its_thread)
