/* Run by mpirun as two or more processes: sums, means, broadcasts, and agreement on what to do. Prints its failures and exits
 * with 1: Check's own processes would each be a stranger to MPI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>
#include <train/parallel.h>

static int failures;
static int32_t rank, ranks;

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            printf("process %d: %s:%d: %s\n", rank, __FILE__, __LINE__, #condition);        \
            failures++;                                                                     \
        }                                                                                   \
    } while (0)

/* Whole numbers, so that the sums are exact in any order. */
static void sums(avsn_parallel *p)
{
    enum { BLOCKS = 300, COUNT = 2000 }; /* more than one round of requests */
    float *values = malloc(BLOCKS * COUNT * sizeof *values);
    for (int i = 0; i < BLOCKS * COUNT; i++)
        values[i] = (float)(i % 1000 + rank);
    for (int b = 0; b < BLOCKS; b++) {
        avsn_parallel_start_sum(p, values + b * COUNT, COUNT);
        avsn_parallel_progress(p);
    }
    CHECK(!avsn_parallel_wait(p));
    int wrong = 0;
    for (int i = 0; i < BLOCKS * COUNT; i++)
        wrong += values[i] != (float)(ranks * (i % 1000) + ranks * (ranks - 1) / 2);
    CHECK(wrong == 0);
    free(values);

    double numbers[2] = {rank + 1, 10 * rank};
    avsn_parallel_sum(p, numbers, 2);
    CHECK(numbers[0] == ranks * (ranks + 1) / 2);
    CHECK(numbers[1] == 10 * (ranks * (ranks - 1) / 2));
    double mean[1] = {4 * rank};
    avsn_parallel_mean(p, mean, 1);
    CHECK(mean[0] == 2 * (ranks - 1));
}

static void broadcast(avsn_parallel *p)
{
    char text[32];
    snprintf(text, sizeof text, "from %d", rank);
    avsn_parallel_broadcast(p, text, sizeof text);
    CHECK(strcmp(text, "from 0") == 0);
}

static void agreement(avsn_parallel *p)
{
    bool stop = false;
    CHECK(avsn_parallel_agree(p, AVSOUND_OK, &stop) == AVSOUND_OK && !stop);
    stop = rank == ranks - 1;
    CHECK(avsn_parallel_agree(p, AVSOUND_OK, &stop) == AVSOUND_OK && stop);
    CHECK(!avsn_parallel_ended(p));
    avsound_status own = AVSOUND_OK;
    if (rank == 1)
        own = avsn_fail(AVSOUND_E_IO, "clip 7 is damaged");
    CHECK(avsn_parallel_agree(p, own, &stop) == AVSOUND_E_IO);
    CHECK(strcmp(avsound_error_detail(), rank == 1 ? "clip 7 is damaged" : "process 1: clip 7 is damaged") == 0);
    CHECK(avsn_parallel_ended(p));
    /* The others may have gone: no further call waits for them. */
    CHECK(avsn_parallel_agree(p, AVSOUND_OK, NULL) == AVSOUND_E_STATE);
}

int main(void)
{
    avsound_context *context;
    avsn_parallel *p = NULL;
    if (avsound_context_create(NULL, &context) || avsn_parallel_open(context, 0, &p)) {
        printf("%s\n", avsound_error_detail());
        return 1;
    }
    rank = avsn_parallel_rank(p);
    ranks = avsn_parallel_ranks(p);
    CHECK(ranks >= 2);
    CHECK(rank >= 0 && rank < ranks);
    sums(p);
    broadcast(p);
    agreement(p);
    avsn_parallel_free(p);
    /* Another run of the same program: MPI is still there. */
    if (avsn_parallel_open(context, ranks, &p)) {
        printf("%s\n", avsound_error_detail());
        return 1;
    }
    CHECK(avsn_parallel_rank(p) == rank);
    avsn_parallel_free(p);
    avsn_parallel *q;
    CHECK(avsn_parallel_open(context, ranks + 1, &q) == AVSOUND_E_INVALID_ARGUMENT && !q);
    avsound_context_free(context);
    return failures != 0;
}
