#include "suite.h"

#include "base/base.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "base/threads.h"

#include <float.h>

START_TEST(philox_matches_published_vectors)
{
    /* Random123's known-answer vectors: zero key and counter, and all ones. */
    const uint32_t zero[4] = {0}, ones[4] = {~0u, ~0u, ~0u, ~0u};
    uint32_t out[4];
    avsn_philox(zero, zero, out);
    const uint32_t want_zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    ck_assert_mem_eq(out, want_zero, sizeof out);
    avsn_philox(ones, ones, out);
    const uint32_t want_ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    ck_assert_mem_eq(out, want_ones, sizeof out);
}
END_TEST

START_TEST(normal_draws_have_their_moments)
{
    double sum = 0, squares = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        const double x = avsn_rng_normal(7, 1, (uint64_t)i);
        sum += x;
        squares += x * x;
    }
    ck_assert_double_lt(fabs(sum / n), 0.01);
    ck_assert_double_lt(fabs(squares / n - 1), 0.02);
}
END_TEST

START_TEST(compute_flushes_denormals_and_restores_the_caller)
{
    volatile float tiny = FLT_MIN, half = 0.5f;
    for (int32_t threads = 1; threads <= 2; threads++) {
        ck_assert(tiny * half > 0);
        avsn_compute state;
        avsn_compute_enter(&state, threads);
        int flushed = 0;
#pragma omp parallel num_threads(threads) reduction(+ : flushed)
        flushed += tiny * half == 0;
        ck_assert_int_eq(flushed, threads);
        avsn_compute_leave(&state);
        int kept = 0;
#pragma omp parallel num_threads(threads) reduction(+ : kept)
        kept += tiny * half > 0;
        ck_assert_int_eq(kept, threads);
    }
}
END_TEST

START_TEST(sizes_are_checked)
{
    size_t out;
    ck_assert(!avsn_mul_size(SIZE_MAX / 2, 3, &out));
    ck_assert(!avsn_add_size(SIZE_MAX, 1, &out));
    ck_assert(!avsn_align_size(SIZE_MAX - 3, 64, &out));
    ck_assert(avsn_align_size(65, 64, &out) && out == 128);
}
END_TEST

START_TEST(options_of_other_sizes)
{
    avsound_context *context;
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.struct_size = 4;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 4");
    ck_assert_ptr_null(context);
    struct {
        avsound_context_options base;
        uint64_t future;
    } newer;
    memset(&newer, 0, sizeof newer);
    newer.base.struct_size = sizeof newer;
    ck_avsound(avsound_context_create(&newer.base, &context));
    avsound_context_free(context);
    newer.future = 1;
    ck_refused(avsound_context_create(&newer.base, &context), AVSOUND_E_UNSUPPORTED, "does not know");
}
END_TEST

static void add_job(void *user_data, void *job, int32_t worker)
{
    (void)worker;
    atomic_fetch_add((atomic_int *)user_data, *(int *)job);
}

START_TEST(pool_runs_every_job)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    atomic_int sum = 0;
    int jobs[1000];
    avsn_pool *pool;
    ck_avsound(avsn_pool_create(context, 3, 4, add_job, &sum, &pool));
    for (int i = 0; i < 1000; i++) {
        jobs[i] = i;
        avsn_pool_submit(pool, &jobs[i]);
    }
    avsn_pool_free(pool);
    ck_assert_int_eq(atomic_load(&sum), 499500);
    avsound_context_free(context);
}
END_TEST

START_TEST(every_status_has_name_and_text)
{
    ck_assert_str_eq(avsound_status_name(AVSOUND_E_FORMAT), "AVSOUND_E_FORMAT");
    ck_assert_str_eq(avsound_status_name(-99), "AVSOUND_E_?");
    ck_assert_str_eq(avsound_status_text(AVSOUND_OK), "success");
    ck_assert_str_eq(avsound_version_string(), "0.1.0");
}
END_TEST

SUITE("base", philox_matches_published_vectors, normal_draws_have_their_moments,
      compute_flushes_denormals_and_restores_the_caller, sizes_are_checked, options_of_other_sizes, pool_runs_every_job,
      every_status_has_name_and_text)
