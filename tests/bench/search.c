/* Searching an index beside reading its vectors once: avsound-bench-search [VECTORS [DIMENSION [THREADS [SHORTLIST]]]].
 *
 * Vectors are random, of length 1, in memory that was written to. "read" sums all of their numbers; each line is the best and the
 * median of seven runs of it, of a search, and of one by way of a shortlist among vectors rounded to 8 bits, in turn, so that all
 * see the same neighbours. "found" is the share of the exact search's answers that the other finds, too. */
#include "bench.h"

#include "base/rng.h"
#include "index/search.h"

#include <math.h>
#include <string.h>

enum { RUNS = 7, K = 30, FILE_ITEMS = 500 };

/* The processor's, of all threads: other programs slow down what needs the memory, but take no time that is counted. */
static double now(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

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
    const double start = now();
    float sum = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(static)
    for (int t = 0; t < threads; t++)
        sum += sum_of(values + count / threads * t, count / threads);
    *kept += sum;
    return now() - start;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double search_once(avsound_context *context, const avsn_search *search, int64_t *items, float *scores)
{
    const double start = now();
    require(avsn_search_run(context, search, items, scores), "search");
    return now() - start;
}

/* Share of `wanted`, K for each query, that is in `found`. */
static double recall(const int64_t *wanted, const int64_t *found, int64_t queries)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < queries * K; i++)
        for (int64_t j = i / K * K; j < (i / K + 1) * K; j++)
            hits += wanted[i] == found[j];
    return (double)hits / (double)(queries * K);
}

static void measure(avsound_context *context, const avsn_search *search, const avsn_search *rounded, int64_t floats, float *kept)
{
    enum { READ, EXACT, ROUNDED, KINDS };
    const double n = (double)search->query_count;
    const size_t answers = (size_t)search->query_count * K;
    double times[KINDS][RUNS];
    int64_t *items = malloc(2 * answers * sizeof *items);
    float *scores = malloc(answers * sizeof *scores);
    if (!items || !scores)
        exit(1);
    for (int r = 0; r < RUNS; r++) {
        times[READ][r] = read_once(search->vectors, floats, search->threads, kept);
        times[EXACT][r] = search_once(context, search, items, scores) / n;
        times[ROUNDED][r] = search_once(context, rounded, items + answers, scores) / n;
    }
    for (int i = 0; i < KINDS; i++)
        qsort(times[i], RUNS, sizeof *times[i], by_size);
    printf("%7d %9.1f %9.1f %12.2f %12.2f %8.2f %8.2f %12.2f %12.2f %9.4f\n", (int)search->query_count, 1e3 * times[READ][0],
           1e3 * times[READ][RUNS / 2], 1e3 * times[EXACT][0], 1e3 * times[EXACT][RUNS / 2], times[EXACT][0] / times[READ][0],
           times[EXACT][RUNS / 2] / times[READ][RUNS / 2], 1e3 * times[ROUNDED][0], 1e3 * times[ROUNDED][RUNS / 2],
           recall(items, items + answers, search->query_count));
    free(items);
    free(scores);
}

/* Made of length 1, as those of an index are. */
static void draw(float *values, int64_t rows, int64_t dimension, uint64_t stream)
{
    for (int64_t r = 0; r < rows; r++) {
        double squares = 0;
        for (int64_t i = r * dimension; i < (r + 1) * dimension; i++) {
            values[i] = (float)(2 * avsn_rng_uniform(1, stream, (uint64_t)i) - 1);
            squares += (double)values[i] * (double)values[i];
        }
        for (int64_t i = r * dimension; i < (r + 1) * dimension; i++)
            values[i] = (float)((double)values[i] / sqrt(squares));
    }
}

int main(int argc, char **argv)
{
    static const int64_t batches[] = {1, 4, 16, 64, 256};
    const int64_t rows = argc > 1 ? atoll(argv[1]) : 1000000, dimension = argc > 2 ? atoll(argv[2]) : 128;
    const int threads = argc > 3 ? atoi(argv[3]) : 1, shortlist = argc > 4 ? atoi(argv[4]) : 4 * K;
    const int64_t run_count = (rows + FILE_ITEMS - 1) / FILE_ITEMS;
    float *vectors = aligned_alloc(64, (size_t)(rows * dimension) * sizeof *vectors + 64), kept = 0;
    float *queries = malloc((size_t)(256 * dimension) * sizeof *queries);
    avsn_run *runs = malloc((size_t)run_count * sizeof *runs);
    avsound_context *context;
    if (!vectors || !queries || !runs || avsound_context_create(NULL, &context))
        return 1;
    draw(vectors, rows, dimension, 1);
    draw(queries, 256, dimension, 2);
    for (int64_t r = 0; r < run_count; r++)
        runs[r] = (avsn_run){.row = r * FILE_ITEMS, .item = r * FILE_ITEMS, .file = r,
                             .count = r + 1 < run_count ? FILE_ITEMS : rows - r * FILE_ITEMS};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const double start = now();
    avsn_rounded rounded;
    if (avsn_rounded_create(context, vectors, rows, dimension, &rounded))
        return 1;
    printf("%lld vectors of %lld, %.0f MB, %d threads, %d answers; rounded in %.0f ms, shortlists of %d\n", (long long)rows,
           (long long)dimension, 4e-6 * (double)(rows * dimension), threads, K, 1e3 * (now() - start), shortlist);
    printf("queries   read ms    median   a query ms       median    ratio   median  by shortlist       median     found\n");
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        const avsn_search search = {.vectors = vectors, .dimension = dimension, .runs = runs, .run_count = run_count,
                                    .queries = queries, .query_count = batches[b], .k = K, .threads = threads};
        avsn_search short_search = search;
        short_search.rounded = &rounded;
        short_search.shortlist = shortlist;
        measure(context, &search, &short_search, rows * dimension, &kept);
    }
    avsn_rounded_free(context, &rounded);
    fprintf(stderr, "%s", isnan(kept) ? "\n" : "");
    avsound_context_free(context);
    free(runs);
    free(queries);
    free(vectors);
    return 0;
}
