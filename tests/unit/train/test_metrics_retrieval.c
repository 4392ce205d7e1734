/* Label distances and retrieval: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

/* ---- labels ---- */

/* Music: instruments: plucked (guitar: acoustic, electric), drums: drum. */
enum { MUSIC, PLUCKED, GUITAR, ACOUSTIC, ELECTRIC, PERCUSSION, DRUM, ANIMAL, DOG, NODES };
static const int32_t tree[][2] = {{PLUCKED, MUSIC},    {GUITAR, PLUCKED},  {ACOUSTIC, GUITAR}, {ELECTRIC, GUITAR},
                                  {PERCUSSION, MUSIC}, {DRUM, PERCUSSION}, {DOG, ANIMAL}};

static void distances_of(const int32_t *labels, int32_t count, int32_t *distances)
{
    avsound_context *c = context();
    ck_avsound(avsound_label_distances(c, NODES, tree[0], 7, labels, count, distances));
    avsound_context_free(c);
}

START_TEST(distances_are_edges_and_the_root_is_virtual)
{
    const int32_t labels[] = {ACOUSTIC, ELECTRIC, DRUM, DOG};
    int32_t d[4][4];
    distances_of(labels, 4, d[0]);
    ck_assert_int_eq(d[0][0], 0);
    ck_assert_int_eq(d[0][1], 2);
    ck_assert_int_eq(d[0][2], 5); /* guitar, plucked, music, percussion, drum */
    ck_assert_int_eq(d[0][3], 3 + 2 + 1); /* up to music, over the root to animal, down to the dog */
    ck_assert_int_eq(d[3][0], d[0][3]);
}
END_TEST

START_TEST(a_second_parent_shortens_the_way)
{
    avsound_context *c = context();
    const int32_t edges[][2] = {{2, 0}, {3, 1}, {2, 1}}, labels[] = {2, 3};
    int32_t d[2][2];
    ck_avsound(avsound_label_distances(c, 4, edges[0], 2, labels, 2, d[0]));
    ck_assert_int_eq(d[0][1], 4);
    ck_avsound(avsound_label_distances(c, 4, edges[0], 3, labels, 2, d[0]));
    ck_assert_int_eq(d[0][1], 2);
    avsound_context_free(c);
}
END_TEST

START_TEST(impossible_trees_are_refused)
{
    avsound_context *c = context();
    const int32_t circle[][2] = {{0, 1}, {1, 0}}, beyond[] = {0, 7}, self[] = {1, 1}, labels[] = {0};
    int32_t d;
    ck_refused(avsound_label_distances(c, 2, circle[0], 2, labels, 1, &d), AVSOUND_E_FORMAT, "circle");
    ck_refused(avsound_label_distances(c, 2, beyond, 1, labels, 1, &d), AVSOUND_E_INVALID_ARGUMENT, "0 and 7");
    ck_refused(avsound_label_distances(c, 2, self, 1, labels, 1, &d), AVSOUND_E_INVALID_ARGUMENT, "1 and 1");
    ck_refused(avsound_label_distances(c, 0, NULL, 0, labels, 1, &d), AVSOUND_E_INVALID_ARGUMENT, "labels[0]");
    avsound_context_free(c);
}
END_TEST

START_TEST(distances_agree_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("labels");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(3, k);
        int32_t edges[64][2], labels[27], d[27 * 27];
        double figures[27 * 27];
        int64_t count;
        const int nodes = draw_tree(&s, edges, &count);
        for (int i = 0; i < nodes; i++)
            labels[i] = i;
        ck_avsound(avsound_label_distances(c, nodes, edges[0], count, labels, nodes, d));
        for (int i = 0; i < nodes * nodes; i++)
            figures[i] = d[i];
        ck_golden("labels", k, golden, figures, (size_t)(nodes * nodes));
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

/* ---- retrieval ---- */

typedef struct set {
    avsound_retrieval_options o;
    float queries[64 * 8], database[64 * 8];
    int64_t starts[65];
    int32_t labels[256], distances[32 * 32];
    double ndcg[64];
    int64_t ranks[64];
} set;

static void set_up(set *s, int64_t count, int32_t dimension)
{
    avsound_retrieval_options_init(&s->o, sizeof s->o);
    s->o.count = count;
    s->o.dimension = dimension;
    s->o.queries = s->queries;
    s->o.database = s->database;
}

static avsound_retrieval_result retrieve(set *s)
{
    avsound_context *c = context();
    avsound_retrieval_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_retrieval(c, &s->o, s->ndcg, s->ranks, &r));
    avsound_context_free(c);
    return r;
}

/* Clip i points at angle i; one label each, all of the labels in one circle of the tree's leaves. */
static void fan(set *s, int64_t count)
{
    static const int32_t labels[] = {ACOUSTIC, ELECTRIC, DRUM, DOG};
    set_up(s, count, 2);
    distances_of(labels, 4, s->distances);
    for (int64_t i = 0; i < count; i++) {
        const double angle = 0.04 * (double)i;
        s->queries[2 * i] = s->database[2 * i] = (float)cos(angle);
        s->queries[2 * i + 1] = s->database[2 * i + 1] = (float)sin(angle);
        s->starts[i + 1] = i + 1;
        s->labels[i] = (int32_t)(4 * i / count);
    }
    s->o.label_starts = s->starts;
    s->o.labels = s->labels;
    s->o.distances = s->distances;
    s->o.label_count = 4;
}

START_TEST(a_perfect_order_scores_one)
{
    set s = {0};
    fan(&s, 40);
    static const float places[4][2] = {{1, 0}, {1, 0.02f}, {0, 1}, {-1, -2}};
    for (int64_t i = 0; i < 40; i++) { /* a place a label: the nearer label is the nearer place */
        memcpy(s.queries + 2 * i, places[s.labels[i]], sizeof places[0]);
        memcpy(s.database + 2 * i, places[s.labels[i]], sizeof places[0]);
    }
    s.o.same_modality = 1;
    const avsound_retrieval_result same = retrieve(&s);
    ck_assert_int_eq(same.n, 0);
    ck_assert_int_eq(same.n_skipped, 40);
    ck_assert_double_nan(same.recall[0]);
    ck_assert_double_nan(same.median_rank);
    ck_assert_int_eq(same.n_ndcg, 40);
    for (int i = 0; i < 20; i++) /* both guitars find their own, then the other, then the drum */
        ck_assert_double_eq_tol(s.ndcg[i], 1, 1e-12);
}
END_TEST

START_TEST(own_counterparts_are_found_first)
{
    set s = {0};
    fan(&s, 20);
    const avsound_retrieval_result r = retrieve(&s);
    ck_assert_int_eq(r.n, 20);
    ck_assert_double_eq(r.recall[0], 1);
    ck_assert_double_eq(r.median_rank, 1);
    ck_assert_double_eq(r.recall_chance[0], 0.05);
    ck_assert_double_eq(r.recall_chance[2], 0.5);
    ck_assert_double_eq(r.median_rank_chance, 10.5);
}
END_TEST

START_TEST(the_farthest_counterpart_ranks_last)
{
    set s = {0};
    fan(&s, 20);
    for (int k = 0; k < 40; k++)
        s.queries[k] = -s.queries[k];
    s.o.count = 2;
    const avsound_retrieval_result r = retrieve(&s);
    ck_assert_double_eq(r.recall[0], 0);
    ck_assert_double_eq(r.median_rank, 2);
}
END_TEST

/* Two clips of distance 2 and one of distance 5: gains 2^18 - 1 and 2^15 - 1. */
START_TEST(ndcg_has_the_closed_form)
{
    static const int32_t labels[] = {ACOUSTIC, ELECTRIC, DRUM};
    set s = {0};
    set_up(&s, 3, 2);
    distances_of(labels, 3, s.distances);
    const float at[] = {1, 0, 0.6f, 0.8f, 0.8f, 0.6f};
    memcpy(s.queries, at, sizeof at);
    memcpy(s.database, at, sizeof at);
    for (int i = 0; i < 3; i++) {
        s.labels[i] = i;
        s.starts[i + 1] = i + 1;
    }
    s.o.label_starts = s.starts;
    s.o.labels = s.labels;
    s.o.distances = s.distances;
    s.o.label_count = 3;
    s.o.same_modality = 1;
    const avsound_retrieval_result r = retrieve(&s);
    const double near = exp2(18) - 1, far = exp2(15) - 1, second = 1 / log2(3);
    ck_assert_double_eq_tol(s.ndcg[0], (far + near * second) / (near + far * second), 1e-12);
    ck_assert_double_eq_tol(s.ndcg[2], 1, 1e-12); /* both guitars are as far */
    ck_assert_double_eq_tol(r.ndcg, (s.ndcg[0] + s.ndcg[1] + s.ndcg[2]) / 3, 1e-12);
    s.o.depth = 1;
    (void)retrieve(&s);
    ck_assert_double_eq_tol(s.ndcg[0], far / near, 1e-12);
}
END_TEST

/* Over all orders of the database the mean nDCG is what ndcg_chance says. */
START_TEST(chance_is_the_mean_over_all_orders)
{
    static const int32_t labels[] = {ACOUSTIC, ELECTRIC, DRUM, DOG};
    set s = {0};
    fan(&s, 4);
    distances_of(labels, 4, s.distances);
    s.o.depth = 3;
    double sum = 0, chance = 0;
    for (int order = 0; order < 24; order++) {
        int left[] = {0, 1, 2, 3}, n = 4, code = order;
        for (int i = 0; i < 4; i++) {
            const int pick = code % n, angle = left[pick];
            code /= n;
            left[pick] = left[--n];
            s.database[2 * i] = (float)cos(0.1 * angle);
            s.database[2 * i + 1] = (float)sin(0.1 * angle);
            s.queries[2 * i] = 1;
            s.queries[2 * i + 1] = 0;
        }
        const avsound_retrieval_result r = retrieve(&s);
        sum += r.ndcg;
        chance = r.ndcg_chance;
    }
    ck_assert_double_eq_tol(sum / 24, chance, 1e-12);
}
END_TEST

START_TEST(zero_vectors_rank_last_and_ties_go_to_the_lowest)
{
    set s = {0};
    set_up(&s, 3, 2);
    const float database[] = {0, 0, 1, 0, 2, 0}, queries[] = {-1, 0, -1, 0, -1, 0};
    memcpy(s.database, database, sizeof database);
    memcpy(s.queries, queries, sizeof queries);
    (void)retrieve(&s);
    ck_assert_int_eq(s.ranks[0], 3); /* though nothing is farther than what points the other way */
    ck_assert_int_eq(s.ranks[1], 1);
    ck_assert_int_eq(s.ranks[2], 2);
    memset(s.database, 0, sizeof s.database);
    const avsound_retrieval_result tied = retrieve(&s);
    ck_assert_int_eq(s.ranks[0], 1);
    ck_assert_int_eq(s.ranks[2], 3);
    ck_assert_double_eq(tied.median_rank, 2);
}
END_TEST

START_TEST(nan_queries_are_errors)
{
    set s = {0};
    fan(&s, 10);
    s.queries[0] = NAN;
    const avsound_retrieval_result r = retrieve(&s);
    ck_assert_int_eq(r.n, 10);
    ck_assert_int_eq(r.n_bad, 1);
    ck_assert_int_eq(s.ranks[0], 10);
    ck_assert_double_eq(r.recall[0], 0.9);
    ck_assert_int_eq(r.n_ndcg_bad, 1);
}
END_TEST

START_TEST(scaling_embeddings_changes_nothing)
{
    set s = {0};
    fan(&s, 30);
    for (int k = 0; k < 60; k++)
        s.queries[k] += 0.01f * (float)(k * 7 % 5);
    const avsound_retrieval_result a = retrieve(&s);
    for (int k = 0; k < 60; k++) {
        s.queries[k] *= 4;
        s.database[k] *= 0.5f;
    }
    const avsound_retrieval_result b = retrieve(&s);
    ck_assert_mem_eq(&a, &b, sizeof a);
}
END_TEST

START_TEST(order_of_the_clips_does_not_matter)
{
    set s = {0}, back = {0};
    fan(&s, 30);
    fan(&back, 30);
    for (int i = 0; i < 30; i++) {
        s.queries[2 * i] += 0.003f * (float)(i * 7 % 5);
        for (int m = 0; m < 2; m++) {
            back.queries[2 * (29 - i) + m] = s.queries[2 * i + m];
            back.database[2 * (29 - i) + m] = s.database[2 * i + m];
        }
        back.labels[29 - i] = s.labels[i];
    }
    const avsound_retrieval_result a = retrieve(&s), b = retrieve(&back);
    ck_assert_double_eq_tol(a.ndcg, b.ndcg, 1e-12);
    ck_assert_double_eq(a.recall[1], b.recall[1]);
    ck_assert_double_eq(a.median_rank, b.median_rank);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(s.ranks[i], back.ranks[29 - i]);
}
END_TEST

START_TEST(empty_and_single_databases)
{
    set s = {0};
    fan(&s, 1);
    const avsound_retrieval_result one = retrieve(&s);
    ck_assert_double_eq(one.recall[0], 1);
    ck_assert_double_eq(one.ndcg, 1);
    s.o.same_modality = 1;
    const avsound_retrieval_result alone = retrieve(&s);
    ck_assert_int_eq(alone.n_ndcg, 0);
    ck_assert_int_eq(alone.n_ndcg_skipped, 1);
    ck_assert_double_nan(alone.ndcg);
    s.o.count = 0;
    s.o.same_modality = 0;
    const avsound_retrieval_result none = retrieve(&s);
    ck_assert_int_eq(none.n, 0);
    ck_assert_double_nan(none.recall[2]);
    ck_assert_double_nan(none.median_rank);
}
END_TEST

START_TEST(wrong_labels_are_refused)
{
    set s = {0};
    avsound_context *c = context();
    avsound_retrieval_result r = {.struct_size = sizeof r};
    fan(&s, 4);
    s.labels[2] = 4;
    ck_refused(avsound_metric_retrieval(c, &s.o, NULL, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "labels[2] is 4");
    s.labels[2] = 0;
    s.starts[2] = 0;
    ck_refused(avsound_metric_retrieval(c, &s.o, NULL, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "falls at 2");
    s.o.queries = NULL;
    s.o.label_starts = NULL;
    ck_refused(avsound_metric_retrieval(c, &s.o, NULL, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    avsound_context_free(c);
}
END_TEST

static void draw_vectors(draws *s, int n, int dimension, int rough, float *vectors)
{
    for (int i = 0; i < n; i++) {
        float *v = vectors + i * dimension;
        for (int m = 0; m < dimension; m++)
            v[m] = (float)(2 * draw_uniform(s) - 1);
        const int what = rough ? draw_below(s, 8) : 9;
        for (int m = 0; m < dimension && what < 3; m++)
            v[m] = what == 0 ? 0 : what == 1 ? NAN : i ? vectors[i / 2 * dimension + m] : v[m];
    }
}

START_TEST(retrieval_agrees_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("retrieval");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws d = draws_of(4, k);
        set s = {0};
        int32_t edges[64][2], nodes_asked[27];
        int64_t edge_count;
        const int nodes = draw_tree(&d, edges, &edge_count);
        const int n = 1 + draw_below(&d, 45), dimension = 2 + draw_below(&d, 7);
        set_up(&s, n, dimension);
        s.o.same_modality = draw_below(&d, 2);
        s.o.depth = draw_below(&d, 2) ? 30 : 1 + draw_below(&d, 12);
        s.o.seed = draw_word(&d);
        const int rough = draw_below(&d, 3) == 0;
        draw_vectors(&d, n, dimension, rough, s.queries);
        draw_vectors(&d, n, dimension, rough, s.database);
        for (int i = 0; i < n; i++) {
            s.starts[i + 1] = s.starts[i];
            for (int m = draw_below(&d, 4); m; m--)
                s.labels[s.starts[i + 1]++] = draw_below(&d, nodes);
        }
        for (int i = 0; i < nodes; i++)
            nodes_asked[i] = i;
        ck_avsound(avsound_label_distances(c, nodes, edges[0], edge_count, nodes_asked, nodes, s.distances));
        s.o.label_starts = s.starts;
        s.o.labels = s.labels;
        s.o.distances = s.distances;
        s.o.label_count = nodes;
        const avsound_retrieval_result r = retrieve(&s);
        const double figures[] = {
            (double)r.n,
            (double)r.n_bad,
            (double)r.n_skipped,
            r.recall[0],
            r.recall_low[0],
            r.recall_high[0],
            r.recall[1],
            r.recall_low[1],
            r.recall_high[1],
            r.recall[2],
            r.recall_low[2],
            r.recall_high[2],
            r.median_rank,
            r.recall_chance[0],
            r.recall_chance[1],
            r.recall_chance[2],
            r.median_rank_chance,
            (double)r.n_ndcg,
            r.ndcg,
            r.ndcg_low,
            r.ndcg_high,
            r.ndcg_chance,
        };
        ck_golden("retrieval", k, golden, figures, sizeof figures / sizeof figures[0]);
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    set s = {0};
    int32_t labels[] = {DOG}, d;
    avsound_retrieval_result r = {.struct_size = sizeof r};
    fan(&s, 4);
    ck_survives_refusals(&f, avsound_metric_retrieval(c, &s.o, NULL, NULL, &r), (void)0);
    ck_survives_refusals(&f, avsound_label_distances(c, NODES, tree[0], 7, labels, 1, &d), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_retrieval", distances_are_edges_and_the_root_is_virtual, a_second_parent_shortens_the_way,
      impossible_trees_are_refused, distances_agree_with_numpy, a_perfect_order_scores_one,
      own_counterparts_are_found_first, the_farthest_counterpart_ranks_last, ndcg_has_the_closed_form,
      chance_is_the_mean_over_all_orders, zero_vectors_rank_last_and_ties_go_to_the_lowest, nan_queries_are_errors,
      scaling_embeddings_changes_nothing, order_of_the_clips_does_not_matter, empty_and_single_databases,
      wrong_labels_are_refused, retrieval_agrees_with_numpy, refused_memory_leaves_nothing)
