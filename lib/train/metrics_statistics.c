/* Shares, means and their intervals; audio-visual correspondence. */
#include "train/metrics.h"

#include <stdlib.h>

#include "base/rng.h"

enum { BOOTSTRAP_DRAWS = 1000 };

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void avsn_sort_doubles(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
}

/* Wilson 1927, as in Brown, Cai, DasGupta 2001, eq. 4. */
void avsn_wilson(double right, int64_t n, double *low, double *high)
{
    const double z2 = 1.959963984540054 * 1.959963984540054, count = (double)n;
    if (!n) {
        *low = *high = NAN;
        return;
    }
    const double p = right / count, centre = (p + z2 / (2 * count)) / (1 + z2 / count);
    const double half = sqrt(z2 * (p * (1 - p) / count + z2 / (4 * count * count))) / (1 + z2 / count);
    *low = AVSN_MAX(0.0, centre - half);
    *high = AVSN_MIN(1.0, centre + half);
}

avsound_status avsound_wilson_interval(double share, int64_t n, double *low, double *high)
{
    if (!low || !high)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "wilson_interval: low or high is NULL");
    if (n < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "wilson_interval: n is %lld, want at least 0", (long long)n);
    if (n && !(share >= 0 && share <= 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "wilson_interval: share is %g, want 0 to 1", share);
    avsn_wilson(n ? share * (double)n : 0, n, low, high);
    return AVSOUND_OK;
}

avsound_status avsn_metric_array(const char *call, const char *name, const void *array, int64_t count)
{
    if (count < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: count is %lld, want at least 0", call, (long long)count);
    if (count && !array)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is NULL", call, name);
    return AVSOUND_OK;
}

/* n, n_bad, n_skipped; returns the sum, in which bad items are 0. */
static double count_items(const double *items, int64_t count, avsound_estimate *e)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isnan(items[i])) {
            e->n_skipped++;
            continue;
        }
        e->n++;
        if (isinf(items[i]))
            e->n_bad++;
        else
            sum += items[i];
    }
    return sum;
}

avsound_status avsound_metric_share(const double *items, int64_t count, avsound_estimate *out)
{
    avsound_estimate e = {0};
    AVSN_TRY(avsn_metric_array("metric_share", "items", items, count));
    for (int64_t i = 0; i < count; i++)
        if (isfinite(items[i]) && (items[i] < 0 || items[i] > 1))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_share: items[%lld] is %g, want 0 to 1", (long long)i,
                      items[i]);
    const double right = count_items(items, count, &e);
    e.value = e.n ? right / (double)e.n : NAN;
    avsn_wilson(right, e.n, &e.low, &e.high);
    return avsn_struct_write(out, &e, sizeof e, "estimate");
}

/* ---- bootstrap ---- */

typedef struct cluster {
    int64_t clip;
    double sum;
    int64_t n;
} cluster;

static int compare_clusters(const void *a, const void *b)
{
    const int64_t x = ((const cluster *)a)->clip, y = ((const cluster *)b)->clip;
    return (x > y) - (x < y);
}

static int64_t merge_clusters(cluster *c, int64_t count)
{
    int64_t n = 0;
    qsort(c, (size_t)count, sizeof *c, compare_clusters);
    for (int64_t i = 0; i < count; i++) {
        if (n && c[n - 1].clip == c[i].clip) {
            c[n - 1].sum += c[i].sum;
            c[n - 1].n += c[i].n;
        } else {
            c[n++] = c[i];
        }
    }
    return n;
}

/* One item a scored item, then those of a clip together. Returns their number. */
static int64_t make_clusters(const double *items, const int64_t *clips, int64_t count, cluster *c)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(items[i]))
            c[n++] = (cluster){clips ? clips[i] : i, isinf(items[i]) ? 0 : items[i], 1};
    return clips ? merge_clusters(c, n) : n;
}

static double resampled_mean(const cluster *c, int64_t count, uint64_t seed, uint64_t stream, int64_t draw)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t index = (uint64_t)draw * (uint64_t)count + (uint64_t)i;
        const cluster *one = &c[avsn_rng_below(seed, stream, index, (uint64_t)count)];
        sum += one->sum;
        n += one->n;
    }
    return sum / (double)n;
}

double avsn_percentile(const double *sorted, int64_t count, double p)
{
    if (!count)
        return NAN;
    const double at = p * (double)(count - 1);
    const int64_t i = (int64_t)at;
    const double part = at - (double)i;
    if (i + 1 >= count || part == 0 || isinf(sorted[i]))
        return sorted[AVSN_MIN(i, count - 1)];
    return sorted[i] + part * (sorted[i + 1] - sorted[i]);
}

static void bootstrap(const cluster *c, int64_t count, uint64_t seed, double *means, avsound_estimate *e)
{
    const uint64_t stream = avsn_rng_stream("bootstrap");
    for (int64_t k = 0; k < BOOTSTRAP_DRAWS; k++)
        means[k] = resampled_mean(c, count, seed, stream, k);
    avsn_sort_doubles(means, BOOTSTRAP_DRAWS);
    e->low = avsn_percentile(means, BOOTSTRAP_DRAWS, 0.025);
    e->high = avsn_percentile(means, BOOTSTRAP_DRAWS, 0.975);
}

avsound_status avsound_metric_mean(avsound_context *context, const double *items, const int64_t *clips, int64_t count,
                                   uint64_t seed, avsound_estimate *out)
{
    avsound_estimate e = {.value = NAN, .low = NAN, .high = NAN};
    AVSN_TRY(avsn_metric_array("metric_mean", "items", items, count));
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_mean: context is NULL");
    const double sum = count_items(items, count, &e);
    if (e.n) {
        cluster *c = avsn_alloc(context, (size_t)e.n, sizeof *c);
        double *means = c ? avsn_alloc(context, BOOTSTRAP_DRAWS, sizeof *means) : NULL;
        if (means) {
            e.value = sum / (double)e.n;
            bootstrap(c, make_clusters(items, clips, count, c), seed, means, &e);
        }
        const bool good = means != NULL;
        avsn_free(context, means);
        avsn_free(context, c);
        if (!good)
            return AVSOUND_E_NO_MEMORY;
    }
    return avsn_struct_write(out, &e, sizeof e, "estimate");
}

/* ---- correspondence ---- */

/* The wins of each p are counted by walking both arrays. */
double avsn_area_under_curve(const double *p, int64_t p_count, const double *q, int64_t q_count)
{
    double wins = 0;
    if (!p_count || !q_count)
        return NAN;
    for (int64_t i = 0, below = 0, up_to = 0; i < p_count; i++) {
        while (below < q_count && q[below] < p[i])
            below++;
        while (up_to < q_count && q[up_to] <= p[i])
            up_to++;
        wins += 0.5 * (double)(below + up_to);
    }
    return wins / ((double)p_count * (double)q_count);
}

typedef struct answers {
    double *positive, *negative; /* of the clips not skipped; a bad one on the wrong side of everything */
    double right, paired;
} answers;

static void take_answers(const float *positive, const float *negative, const uint8_t *skip, int64_t count, answers *a,
                         avsound_avc_result *r)
{
    for (int64_t i = 0; i < count; i++) {
        if (skip && skip[i]) {
            r->n_skipped++;
            continue;
        }
        const double p = isfinite(positive[i]) ? (double)positive[i] : -INFINITY;
        const double q = isfinite(negative[i]) ? (double)negative[i] : INFINITY;
        r->n_bad += isinf(p) || isinf(q);
        a->right += (p > 0.5) + (q <= 0.5);
        a->paired += p > q ? 1 : p == q ? 0.5 : 0;
        a->positive[r->n] = p;
        a->negative[r->n++] = q;
    }
}

static void finish_answers(answers *a, avsound_avc_result *r)
{
    r->accuracy = r->auc = r->paired = NAN;
    if (r->n) {
        avsn_sort_doubles(a->positive, r->n);
        avsn_sort_doubles(a->negative, r->n);
        r->accuracy = a->right / (2 * (double)r->n);
        r->paired = a->paired / (double)r->n;
        r->auc = avsn_area_under_curve(a->positive, r->n, a->negative, r->n);
    }
    avsn_wilson(a->right, 2 * r->n, &r->accuracy_low, &r->accuracy_high);
    avsn_wilson(a->paired, r->n, &r->paired_low, &r->paired_high);
}

avsound_status avsound_metric_avc(avsound_context *context, const float *positive, const float *negative,
                                  const uint8_t *skip, int64_t count, avsound_avc_result *out)
{
    avsound_avc_result r = {0};
    answers a = {0};
    AVSN_TRY(avsn_metric_array("metric_avc", "positive", positive, count));
    AVSN_TRY(avsn_metric_array("metric_avc", "negative", negative, count));
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_avc: context is NULL");
    const size_t room = (size_t)AVSN_MAX(count, 1);
    a.positive = avsn_alloc(context, room, sizeof *a.positive);
    a.negative = a.positive ? avsn_alloc(context, room, sizeof *a.negative) : NULL;
    avsound_status status = AVSOUND_E_NO_MEMORY;
    if (a.negative) {
        take_answers(positive, negative, skip, count, &a, &r);
        finish_answers(&a, &r);
        status = avsn_struct_write(out, &r, sizeof r, "avc_result");
    }
    avsn_free(context, a.negative);
    avsn_free(context, a.positive);
    return status;
}
