/* Training by several processes, as one process sees it. tests/unit/train/mpirun_*.c are run by two. */
#include "failing.h"

#include <train/parallel.h>

static avsound_context *context;

static void open_context(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
}

static void close_context(void)
{
    avsound_context_free(context);
}

START_TEST(alone_there_is_nothing_to_do)
{
    open_context();
    unsetenv("OMPI_COMM_WORLD_SIZE");
    unsetenv("PMI_SIZE");
    unsetenv("MV2_COMM_WORLD_SIZE");
    avsn_parallel *parallel = (avsn_parallel *)&context; /* anything but NULL */
    ck_avsound(avsn_parallel_open(context, 0, &parallel));
    ck_assert_ptr_null(parallel);
    ck_assert_int_eq(avsn_parallel_rank(parallel), 0);
    ck_assert_int_eq(avsn_parallel_ranks(parallel), 1);
    float gradient[3] = {1, 2, 3};
    double numbers[2] = {4, 5};
    bool stop = true;
    avsn_parallel_start_sum(parallel, gradient, 3);
    avsn_parallel_progress(parallel);
    ck_avsound(avsn_parallel_wait(parallel));
    avsn_parallel_sum(parallel, numbers, 2);
    avsn_parallel_mean(parallel, numbers, 2);
    avsn_parallel_broadcast(parallel, numbers, sizeof numbers);
    ck_assert(gradient[0] == 1 && gradient[1] == 2 && gradient[2] == 3);
    ck_assert(numbers[0] == 4 && numbers[1] == 5);
    ck_avsound(avsn_parallel_agree(parallel, AVSOUND_OK, &stop));
    ck_assert(stop);
    ck_assert_int_eq(avsn_parallel_agree(parallel, AVSOUND_E_IO, NULL), AVSOUND_E_IO);
    ck_assert(!avsn_parallel_ended(parallel));
    avsn_parallel_give_up(parallel);
    avsn_parallel_free(parallel);
    close_context();
}
END_TEST

START_TEST(one_process_may_stay_alone_under_mpirun)
{
    open_context();
    setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
    avsn_parallel *parallel;
    ck_avsound(avsn_parallel_open(context, 1, &parallel));
    ck_assert_ptr_null(parallel);
    close_context();
}
END_TEST

START_TEST(a_launcher_of_one_starts_no_mpi)
{
    open_context();
    setenv("PMI_SIZE", "1", 1);
    setenv("OMPI_COMM_WORLD_SIZE", "many", 1);
    avsn_parallel *parallel;
    ck_avsound(avsn_parallel_open(context, 0, &parallel));
    ck_assert_ptr_null(parallel);
    close_context();
}
END_TEST

START_TEST(a_number_below_one_is_refused)
{
    open_context();
    avsn_parallel *parallel;
    ck_refused(avsn_parallel_open(context, -2, &parallel), AVSOUND_E_INVALID_ARGUMENT, "-2 processes");
    ck_assert_ptr_null(parallel);
    close_context();
}
END_TEST

SUITE("parallel", alone_there_is_nothing_to_do, one_process_may_stay_alone_under_mpirun, a_launcher_of_one_starts_no_mpi,
      a_number_below_one_is_refused)
