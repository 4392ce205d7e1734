/* Retrieval: recall, median rank, nDCG with exponential gains over a tree of labels. */
#include "train/metrics.h"

#include <string.h>

enum { FARTHEST = 20, DEFAULT_DEPTH = 30, MOST_DEPTH = 1 << 20 };
static const int places[3] = {1, 5, 10};

/* Gain of an item at distance d, scaled by 2^-20 to stay in range: 2^(20 - d) - 1. */
static double gain(int32_t d)
{
    return d < FARTHEST ? ldexp(1, -d) - 0x1p-20 : 0;
}

static double discount(int64_t place)
{
    return 1 / log2((double)place + 1);
}

/* ---- embeddings ---- */

/* Unit vectors in double; false for one that is zero or not finite, which is left zero. */
static bool normalise(const float *src, int32_t dimension, double *dst)
{
    double sum = 0;
    for (int32_t k = 0; k < dimension; k++)
        sum += (double)src[k] * src[k];
    const bool good = isfinite(sum) && sum > 0;
    const double scale = good ? 1 / sqrt(sum) : 0;
    for (int32_t k = 0; k < dimension; k++)
        dst[k] = good ? scale * src[k] : 0;
    return good;
}

static bool is_finite(const float *src, int32_t dimension)
{
    for (int32_t k = 0; k < dimension; k++)
        if (!isfinite(src[k]))
            return false;
    return true;
}

static double squared_distance(const double *a, const double *b, int32_t dimension)
{
    double sum = 0;
    for (int32_t k = 0; k < dimension; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

/* ---- one query ---- */

typedef struct ranking {
    const avsound_retrieval_options *o;
    double *database; /* [count][dimension] unit vectors */
    uint8_t *last; /* [count] ranks behind all others */
    double *query; /* [dimension] */
    double *distance; /* [count] of this query; infinite: last */
    double *order; /* [depth] distances of the best, ascending */
    int64_t *best; /* [depth] their clips */
    double *ndcg; /* [count] */
    double *chance; /* [count] expected nDCG of a random order */
    int64_t *rank; /* [count] */
} ranking;

static void measure_distances(ranking *r, int64_t q)
{
    const avsound_retrieval_options *o = r->o;
    /* From a query without a direction all are equally far; computed, rounding would order them. */
    const bool good = normalise(o->queries + q * o->dimension, o->dimension, r->query);
    for (int64_t j = 0; j < o->count; j++)
        r->distance[j] = r->last[j] ? INFINITY
                         : good     ? squared_distance(r->query, r->database + j * o->dimension, o->dimension)
                                    : 1;
}

static int64_t rank_of(const ranking *r, int64_t clip)
{
    int64_t rank = 1;
    for (int64_t j = 0; j < r->o->count; j++)
        rank += r->distance[j] < r->distance[clip] || (r->distance[j] == r->distance[clip] && j < clip);
    return rank;
}

static int64_t label_count(const avsound_retrieval_options *o, int64_t clip)
{
    return o->label_starts[clip + 1] - o->label_starts[clip];
}

/* Least distance of their labels. */
static int32_t label_distance(const avsound_retrieval_options *o, int64_t a, int64_t b)
{
    int32_t least = INT32_MAX;
    for (int64_t i = o->label_starts[a]; i < o->label_starts[a + 1]; i++)
        for (int64_t j = o->label_starts[b]; j < o->label_starts[b + 1]; j++)
            least = AVSN_MIN(least, o->distances[(int64_t)o->labels[i] * o->label_count + o->labels[j]]);
    return least;
}

/* Whether clip j stands in the database of query q's nDCG. */
static bool competes(const avsound_retrieval_options *o, int64_t q, int64_t j)
{
    return label_count(o, j) && !(o->same_modality && j == q);
}

/* Keeps the first `depth` in r->best; returns how many there are. */
static int32_t take_best(ranking *r, int64_t q)
{
    int32_t n = 0;
    for (int64_t j = 0; j < r->o->count; j++) {
        const double d = r->distance[j];
        if (!competes(r->o, q, j) || (n == r->o->depth && d >= r->order[n - 1]))
            continue;
        int32_t at = n < r->o->depth ? n++ : n - 1;
        for (; at && r->order[at - 1] > d; at--) {
            r->order[at] = r->order[at - 1];
            r->best[at] = r->best[at - 1];
        }
        r->order[at] = d;
        r->best[at] = j;
    }
    return n;
}

/* DCG of the ideal order, and of the average order. */
static double ideal_gain(const ranking *r, int64_t q, int32_t n, double *average)
{
    int64_t histogram[FARTHEST + 1] = {0}, competitors = 0;
    double ideal = 0, all = 0, discounts = 0;
    for (int64_t j = 0; j < r->o->count; j++)
        if (competes(r->o, q, j)) {
            const int32_t d = label_distance(r->o, q, j);
            histogram[AVSN_MIN(d, FARTHEST)]++;
            all += gain(d);
            competitors++;
        }
    for (int32_t place = 1, d = 0; place <= n; place++) {
        while (!histogram[d])
            d++;
        histogram[d]--;
        ideal += gain(d) * discount(place);
        discounts += discount(place);
    }
    *average = competitors ? all / (double)competitors * discounts : 0;
    return ideal;
}

static void score_query(ranking *r, int64_t q, bool bad)
{
    double average, found = 0;
    r->ndcg[q] = r->chance[q] = NAN;
    if (!r->o->label_starts || !label_count(r->o, q))
        return;
    const int32_t n = take_best(r, q);
    const double ideal = ideal_gain(r, q, n, &average);
    for (int32_t i = 0; i < n; i++)
        found += gain(label_distance(r->o, q, r->best[i])) * discount(i + 1);
    if (!(ideal > 0))
        return;
    r->ndcg[q] = bad ? -INFINITY : found / ideal;
    r->chance[q] = average / ideal;
}

/* ---- the set ---- */

static avsound_status check_labels(const avsound_retrieval_options *o)
{
    if (!o->label_starts)
        return AVSOUND_OK;
    if (o->label_starts[0] != 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: label_starts[0] is %lld, want 0",
                  (long long)o->label_starts[0]);
    for (int64_t i = 0; i < o->count; i++)
        if (o->label_starts[i + 1] < o->label_starts[i])
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: label_starts falls at %lld", (long long)i + 1);
    const int64_t total = o->label_starts[o->count];
    if (o->label_count < 0 || (total && (!o->labels || !o->distances)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: labels or distances is NULL");
    for (int64_t i = 0; i < total; i++)
        if (o->labels[i] < 0 || o->labels[i] >= o->label_count)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: labels[%lld] is %d, want 0...%d", (long long)i,
                      o->labels[i], o->label_count - 1);
    for (int64_t i = 0; total && i < (int64_t)o->label_count * o->label_count; i++)
        if (o->distances[i] < 0)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: distances[%lld] is %d, want at least 0",
                      (long long)i, o->distances[i]);
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_retrieval_options *options, avsound_retrieval_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "retrieval_options"));
    if (o->dimension < 1 || o->count < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: dimension is %d, count %lld", o->dimension,
                  (long long)o->count);
    if (o->count && (!o->queries || !o->database))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: queries or database is NULL");
    if (o->depth < 0 || o->depth > MOST_DEPTH)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: depth is %d, want 0...%d", o->depth, MOST_DEPTH);
    if (!o->depth)
        o->depth = DEFAULT_DEPTH;
    return check_labels(o);
}

static avsound_status allocate(avsound_context *context, ranking *r)
{
    const size_t n = (size_t)AVSN_MAX(r->o->count, 1), dimension = (size_t)r->o->dimension, depth = (size_t)r->o->depth;
    size_t total;
    if (!avsn_mul_size(n, dimension, &total))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: the embeddings are too large");
    r->database = avsn_alloc(context, total, sizeof *r->database);
    r->last = r->database ? avsn_alloc_zeroed(context, n, 1) : NULL;
    r->query = r->last ? avsn_alloc(context, dimension, sizeof *r->query) : NULL;
    r->distance = r->query ? avsn_alloc(context, n, sizeof *r->distance) : NULL;
    r->order = r->distance ? avsn_alloc(context, depth, sizeof *r->order) : NULL;
    r->best = r->order ? avsn_alloc(context, depth, sizeof *r->best) : NULL;
    r->ndcg = r->best ? avsn_alloc(context, n, sizeof *r->ndcg) : NULL;
    r->chance = r->ndcg ? avsn_alloc(context, n, sizeof *r->chance) : NULL;
    r->rank = r->chance ? avsn_alloc_zeroed(context, n, sizeof *r->rank) : NULL;
    return r->rank ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static void release(avsound_context *context, ranking *r)
{
    void *const all[] = {r->rank, r->chance, r->ndcg, r->best, r->order, r->distance, r->query, r->last, r->database};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(all); i++)
        avsn_free(context, all[i]);
}

static void rank_all(ranking *r, avsound_retrieval_result *out)
{
    const avsound_retrieval_options *o = r->o;
    for (int64_t j = 0; j < o->count; j++) {
        const float *item = o->database + j * o->dimension;
        r->last[j] = !normalise(item, o->dimension, r->database + j * o->dimension);
    }
    for (int64_t q = 0; q < o->count; q++) {
        const bool bad = !is_finite(o->queries + q * o->dimension, o->dimension);
        measure_distances(r, q);
        score_query(r, q, bad);
        if (o->same_modality) {
            out->n_skipped++;
            continue;
        }
        r->rank[q] = bad ? o->count : rank_of(r, q);
        out->n_bad += bad;
        out->n++;
    }
}

static void summarise_ranks(ranking *r, avsound_retrieval_result *out)
{
    const double n = (double)out->n;
    for (int k = 0; k < 3; k++) {
        double found = 0;
        for (int64_t q = 0; q < out->n; q++)
            found += r->rank[q] <= places[k];
        out->recall[k] = out->n ? found / n : NAN;
        out->recall_chance[k] = out->n ? AVSN_MIN(1.0, places[k] / n) : NAN;
        avsn_wilson(found, out->n, &out->recall_low[k], &out->recall_high[k]);
    }
    out->median_rank = out->median_rank_chance = NAN;
    if (!out->n)
        return;
    for (int64_t q = 0; q < out->n; q++) /* the distances are not needed any more */
        r->distance[q] = (double)r->rank[q];
    avsn_sort_doubles(r->distance, out->n);
    out->median_rank = 0.5 * (r->distance[(out->n - 1) / 2] + r->distance[out->n / 2]);
    out->median_rank_chance = 0.5 * (n + 1);
}

static avsound_status summarise_ndcg(avsound_context *context, ranking *r, avsound_retrieval_result *out)
{
    avsound_estimate mean = {.struct_size = sizeof mean};
    AVSN_TRY(avsound_metric_mean(context, r->ndcg, NULL, r->o->count, r->o->seed, &mean));
    out->n_ndcg = mean.n;
    out->n_ndcg_bad = mean.n_bad;
    out->n_ndcg_skipped = mean.n_skipped;
    out->ndcg = mean.value;
    out->ndcg_low = mean.low;
    out->ndcg_high = mean.high;
    double sum = 0;
    for (int64_t q = 0; q < r->o->count; q++)
        sum += isnan(r->chance[q]) ? 0 : r->chance[q];
    out->ndcg_chance = mean.n ? sum / (double)mean.n : NAN;
    return AVSOUND_OK;
}

void avsound_retrieval_options_init(avsound_retrieval_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_metric_retrieval(avsound_context *context, const avsound_retrieval_options *options,
                                        double *ndcg, int64_t *ranks, avsound_retrieval_result *out)
{
    avsound_retrieval_options o;
    avsound_retrieval_result result = {0};
    ranking r = {.o = &o};
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_retrieval: context is NULL");
    AVSN_TRY(read_options(options, &o));
    avsound_status status = allocate(context, &r);
    if (!status) {
        rank_all(&r, &result);
        summarise_ranks(&r, &result);
        status = summarise_ndcg(context, &r, &result);
    }
    if (!status)
        status = avsn_struct_write(out, &result, sizeof result, "retrieval_result");
    if (!status && ndcg && o.count)
        memcpy(ndcg, r.ndcg, (size_t)o.count * sizeof *ndcg);
    if (!status && ranks && o.count)
        memcpy(ranks, r.rank, (size_t)o.count * sizeof *ranks);
    release(context, &r);
    return status;
}
