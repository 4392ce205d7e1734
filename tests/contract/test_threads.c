#include "contract/fixture.h"

#include <pthread.h>

enum { THREADS = 4, RUNS = 6 };

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
static void threads_agree_with_one(const char *arch, int made_elsewhere)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, arch);
    worker workers[THREADS], alone = {.model = model};
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){.model = model, .index = i, .session = made_elsewhere ? default_session(model) : NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);

    avsound_session *session = default_session(model);
    for (uint32_t i = 0; i < THREADS; i++) {
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
        threads_agree_with_one(avsound_arch_name(i), 0);
}
END_TEST

START_TEST(session_may_run_off_the_thread_that_made_it)
{
    for (int32_t i = 0; i < avsound_arch_count(); i++)
        threads_agree_with_one(avsound_arch_name(i), 1);
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

SUITE("contract.threads", threads_sharing_a_model_give_the_bits_of_one, session_may_run_off_the_thread_that_made_it,
      runs_repeat_bit_for_bit, error_detail_belongs_to_its_thread)
