/* Searching an index beside reading its vectors once: avsound-bench-search [VECTORS [DIMENSION [THREADS]]].
 *
 * Vectors are random, in memory that was written to. "read" sums all of their numbers; each line is the best and the median of
 * seven runs of it and of a search, in turn, so that both see the same neighbours. */
#include "bench.h"

#include "base/rng.h"
#include "index/search.h"

#include <math.h>
#include <string.h>

enum { RUNS = 7, K = 30, FILE_ITEMS = 500 };

/* Sixteen sums that do not wait for each other, so that the memory is what takes the time. */
static float sum_of(const float *values, int64_t count)
{
    float sums[64] = {0}, sum = 0;
    for (int64_t i = 0; i + 64 <= count; i += 64)
        for (int64_t l = 0; l < 64; l++)
            sums[l] += values[i + l];
    for (int64_t l = 0; l < 64; l++)
        sum += sums[l];
    return sum;
}

static double read_once(const float *values, int64_t count, int threads, float *kept)
{
    const double start = seconds(CLOCK_MONOTONIC);
    float sum = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(static)
    for (int t = 0; t < threads; t++)
        sum += sum_of(values + count / threads * t, count / threads);
    *kept += sum;
    return seconds(CLOCK_MONOTONIC) - start;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(avsound_context *context, avsn_search *search, int64_t floats, float *kept)
{
    double reads[RUNS], searches[RUNS];
    int64_t *items = malloc((size_t)search->query_count * K * sizeof *items);
    float *scores = malloc((size_t)search->query_count * K * sizeof *scores);
    for (int r = 0; items && scores && r < RUNS; r++) {
        reads[r] = read_once(search->vectors, floats, search->threads, kept);
        const double start = seconds(CLOCK_MONOTONIC);
        if (avsn_search_run(context, search, items, scores))
            exit(1);
        searches[r] = seconds(CLOCK_MONOTONIC) - start;
    }
    qsort(reads, RUNS, sizeof *reads, by_size);
    qsort(searches, RUNS, sizeof *searches, by_size);
    const double n = (double)search->query_count;
    printf("%7d %9.1f %9.1f %12.2f %12.2f %8.2f %8.2f %9.1f\n", (int)search->query_count, 1e3 * reads[0], 1e3 * reads[RUNS / 2],
           1e3 * searches[0] / n, 1e3 * searches[RUNS / 2] / n, searches[0] / n / reads[0],
           searches[RUNS / 2] / n / reads[RUNS / 2], 2e-9 * (double)floats * n / searches[0]);
    free(items);
    free(scores);
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 4, 16, 64, 256};
    const int64_t rows = argc > 1 ? atoll(argv[1]) : 1000000, dimension = argc > 2 ? atoll(argv[2]) : 128;
    const int threads = argc > 3 ? atoi(argv[3]) : 1;
    const int64_t run_count = (rows + FILE_ITEMS - 1) / FILE_ITEMS;
    float *vectors = aligned_alloc(64, (size_t)(rows * dimension) * sizeof *vectors + 64), kept = 0;
    float *queries = malloc((size_t)(256 * dimension) * sizeof *queries);
    avsn_run *runs = malloc((size_t)run_count * sizeof *runs);
    avsound_context *context;
    if (!vectors || !queries || !runs || avsound_context_create(NULL, &context))
        return 1;
    for (int64_t i = 0; i < rows * dimension; i++)
        vectors[i] = (float)((uint32_t)(i * 2654435761u) >> 8) / 8388608.0f - 1;
    for (int64_t i = 0; i < 256 * dimension; i++)
        queries[i] = (float)(2 * avsn_rng_uniform(1, 2, (uint64_t)i) - 1);
    for (int64_t r = 0; r < run_count; r++)
        runs[r] = (avsn_run){.row = r * FILE_ITEMS, .item = r * FILE_ITEMS, .file = r,
                             .count = r + 1 < run_count ? FILE_ITEMS : rows - r * FILE_ITEMS};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%lld vectors of %lld, %.0f MB, %d threads, %d answers\n", (long long)rows, (long long)dimension,
           4e-6 * (double)(rows * dimension), threads, K);
    printf("queries   read ms    median   a query ms       median    ratio   median  GFLOP/s\n");
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        avsn_search search = {.vectors = vectors, .dimension = dimension, .runs = runs, .run_count = run_count, .queries = queries,
                              .query_count = batches[b], .k = K, .threads = threads};
        measure(context, &search, rows * dimension, &kept);
    }
    fprintf(stderr, "%s", isnan(kept) ? "\n" : "");
    avsound_context_free(context);
    free(runs);
    free(queries);
    free(vectors);
    return 0;
}
