/* The search against the definition: every cosine in double, sorted. */
#include "suite.h"

#include "base/rng.h"
#include "index/search.h"
#include "op/products.h"

typedef struct scene {
    avsn_run runs[64];
    int64_t run_count, rows, items, dimension;
    float *vectors; /* [rows][dimension], those of no run too large to be overlooked */
} scene;

/* Files of odd sizes, with rows between some of them that are nobody's. */
static scene make(int64_t run_count, int64_t dimension, int64_t longest, uint64_t seed)
{
    scene s = {.run_count = run_count, .dimension = dimension};
    for (int64_t r = 0; r < run_count; r++) {
        const int64_t count = 1 + (int64_t)(avsn_rng_uniform(seed, 1, (uint64_t)r) * (double)longest);
        s.rows += r % 3 == 2 ? 5 : 0;
        s.runs[r] = (avsn_run){.row = s.rows, .item = s.items, .count = count, .file = r / 2};
        s.rows += count;
        s.items += count;
    }
    s.vectors = malloc((size_t)(s.rows * dimension) * sizeof *s.vectors);
    for (int64_t i = 0; i < s.rows * dimension; i++)
        s.vectors[i] = 1e3f;
    for (int64_t r = 0; r < run_count; r++)
        for (int64_t i = s.runs[r].row * dimension; i < (s.runs[r].row + s.runs[r].count) * dimension; i++)
            s.vectors[i] = (float)(2 * avsn_rng_uniform(seed, 2, (uint64_t)i) - 1);
    return s;
}

typedef struct answer {
    double score;
    int64_t item, file;
} answer;

static int by_score(const void *a, const void *b)
{
    const answer *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : x->item < y->item ? -1 : 1;
}

/* All items, the nearest first, without those of a file that has had its share. */
static int64_t by_definition(const scene *s, const float *query, int64_t per_file, answer *out)
{
    static int64_t had[64];
    int64_t count = 0, kept = 0;
    memset(had, 0, sizeof had);
    for (int64_t r = 0; r < s->run_count; r++)
        for (int64_t i = 0; i < s->runs[r].count; i++) {
            double sum = 0;
            for (int64_t d = 0; d < s->dimension; d++)
                sum += (double)query[d] * (double)s->vectors[(s->runs[r].row + i) * s->dimension + d];
            out[count++] = (answer){(double)(float)sum, s->runs[r].item + i, s->runs[r].file};
        }
    qsort(out, (size_t)count, sizeof *out, by_score);
    for (int64_t i = 0; i < count; i++)
        if (!per_file || had[out[i].file]++ < per_file)
            out[kept++] = out[i];
    return kept;
}

static void check(const scene *s, int64_t query_count, int64_t k, int64_t per_file, int32_t threads)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    float *queries = malloc((size_t)(query_count * s->dimension) * sizeof *queries);
    float *scores = malloc((size_t)(query_count * k) * sizeof *scores);
    int64_t *items = malloc((size_t)(query_count * k) * sizeof *items);
    answer *truth = malloc((size_t)s->items * sizeof *truth);
    for (int64_t i = 0; i < query_count * s->dimension; i++)
        queries[i] = (float)(2 * avsn_rng_uniform(99, 3, (uint64_t)i) - 1);
    const avsn_search search = {.vectors = s->vectors, .dimension = s->dimension, .runs = s->runs, .run_count = s->run_count,
                                .queries = queries, .query_count = query_count, .k = k, .per_file = per_file, .threads = threads};
    ck_avsound(avsn_search_run(context, &search, items, scores));
    for (int64_t q = 0; q < query_count; q++) {
        const int64_t there = by_definition(s, queries + q * s->dimension, per_file, truth);
        for (int64_t i = 0; i < k; i++) {
            ck_assert_int_eq(items[q * k + i], i < there ? truth[i].item : -1);
            if (i < there)
                ck_assert(scores[q * k + i] == (float)truth[i].score);
            else
                ck_assert(scores[q * k + i] == -INFINITY);
        }
    }
    free(truth);
    free(items);
    free(scores);
    free(queries);
    avsound_context_free(context);
}

/* By way of a shortlist of all, and of one long enough for vectors as random as these. */
static void check_shortlist(const scene *s, int64_t query_count, int64_t k, int64_t per_file, int64_t shortlist)
{
    avsound_context *context;
    avsn_rounded rounded;
    int64_t items[2][128];
    float scores[2][128], queries[1024];
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_rounded_create(context, s->vectors, s->rows, s->dimension, &rounded));
    ck_assert_int_le(query_count * k, 128);
    ck_assert_int_le(query_count * s->dimension, 1024);
    for (int64_t i = 0; i < query_count * s->dimension; i++)
        queries[i] = (float)(2 * avsn_rng_uniform(98, 3, (uint64_t)i) - 1);
    avsn_search search = {.vectors = s->vectors, .dimension = s->dimension, .runs = s->runs, .run_count = s->run_count,
                          .queries = queries, .query_count = query_count, .k = k, .per_file = per_file, .threads = 2};
    ck_avsound(avsn_search_run(context, &search, items[0], scores[0]));
    search.rounded = &rounded;
    search.shortlist = shortlist;
    ck_avsound(avsn_search_run(context, &search, items[1], scores[1]));
    ck_assert_mem_eq(items[0], items[1], (size_t)(query_count * k) * sizeof items[0][0]);
    ck_assert_mem_eq(scores[0], scores[1], (size_t)(query_count * k) * sizeof scores[0][0]);
    avsn_rounded_free(context, &rounded);
    avsound_context_free(context);
}

START_TEST(a_shortlist_has_the_best)
{
    static const int64_t dimensions[] = {1, 7, 128, 520};
    for (size_t d = 0; d < 4; d++) {
        scene s = make(31, dimensions[d], 40, 5 + d);
        check_shortlist(&s, 1, 10, 0, s.items);
        check_shortlist(&s, dimensions[d] > 128 ? 1 : 6, 20, 0, s.items);
        if (dimensions[d] >= 128)
            check_shortlist(&s, 1, 10, 0, 40);
        check_shortlist(&s, 1, 8, 2, s.items);
        free(s.vectors);
    }
}
END_TEST

/* Rows wider than those that are widened at once. */
START_TEST(wide_rows_are_rounded_whole)
{
    static float vectors[3][5000], products[3];
    static int16_t query[5000];
    avsound_context *context;
    avsn_rounded rounded;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int64_t i = 0; i < 15000; i++)
        vectors[i / 5000][i % 5000] = (float)(2 * avsn_rng_uniform(9, 3, (uint64_t)i) - 1);
    ck_avsound(avsn_rounded_create(context, vectors[0], 3, 5000, &rounded));
    avsn_rounded_query(vectors[1], 5000, query);
    avsn_products_rounded(rounded.values, rounded.scales, 3, query, 1, 5000, products);
    for (int r = 0; r < 3; r++) {
        double sum = 0;
        for (int64_t i = 0; i < 5000; i++)
            sum += (double)rounded.values[r * 5000 + i] * query[i];
        ck_assert_double_eq_tol(products[r], (double)rounded.scales[r] * sum, 1e-5 * fabs(sum * (double)rounded.scales[r]) + 1e-3);
        for (int64_t i = 0; i < 5000; i++)
            ck_assert_float_le(fabsf((float)rounded.values[r * 5000 + i] * rounded.scales[r] - vectors[r][i]),
                               0.501f * rounded.scales[r]);
    }
    avsn_rounded_free(context, &rounded);
    avsound_context_free(context);
}
END_TEST

START_TEST(it_finds_what_the_definition_does)
{
    static const int64_t dimensions[] = {1, 7, 128, 520};
    for (size_t d = 0; d < 4; d++) {
        scene s = make(31, dimensions[d], 40, 5 + d);
        check(&s, 1, 10, 0, 1);
        check(&s, 3, 30, 0, 3);
        check(&s, 70, 5, 0, 2); /* more than are multiplied at once */
        check(&s, 2, s.items + 3, 0, 2);
        free(s.vectors);
    }
}
END_TEST

START_TEST(a_file_has_no_more_than_its_share)
{
    scene s = make(20, 16, 50, 11);
    check(&s, 4, 5, 1, 1);
    check(&s, 4, 8, 2, 3);
    check(&s, 4, 400, 7, 2);
    free(s.vectors);
}
END_TEST

START_TEST(runs_longer_than_a_block_are_gone_through)
{
    scene s = make(3, 3000, 90, 12); /* blocks of 16 rows */
    check(&s, 2, 20, 0, 2);
    free(s.vectors);
}
END_TEST

START_TEST(of_equals_the_first_comes_first)
{
    scene s = make(9, 8, 20, 13);
    for (int64_t r = 0; r < s.rows; r++)
        memcpy(s.vectors + r * 8, s.vectors, 8 * sizeof *s.vectors);
    check(&s, 6, 15, 0, 3);
    check(&s, 1, 15, 1, 2);
    free(s.vectors);
}
END_TEST

START_TEST(nothing_to_search_gives_nothing)
{
    const scene s = {.dimension = 4};
    check(&s, 2, 3, 0, 4);
}
END_TEST

SUITE("search", a_shortlist_has_the_best, wide_rows_are_rounded_whole, it_finds_what_the_definition_does, a_file_has_no_more_than_its_share, runs_longer_than_a_block_are_gone_through,
      of_equals_the_first_comes_first, nothing_to_search_gives_nothing)
