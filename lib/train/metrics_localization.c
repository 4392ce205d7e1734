/* Localisation over a set: cIoU, and detection among clips where nothing visible sounds. */
#include "train/metrics.h"

#include <stdlib.h>

enum { STEPS = 20 };

avsound_status avsound_metric_ciou(const double *ciou, int64_t count, avsound_ciou_result *out)
{
    avsound_ciou_result r = {0};
    int64_t reached[STEPS + 1] = {0};
    if (count < 0 || (count && !ciou))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_ciou: ciou is %s, count %lld", ciou ? "set" : "NULL",
                  (long long)count);
    for (int64_t i = 0; i < count; i++) {
        if (isnan(ciou[i])) {
            r.n_skipped++;
            continue;
        }
        r.n++;
        r.n_bad += isinf(ciou[i]) != 0;
        for (int k = 0; k <= STEPS; k++) /* k / 20 is the double nearest to 0.05 k, 0.05 * k is not always */
            reached[k] += (isinf(ciou[i]) ? 0 : ciou[i]) >= (double)k / STEPS;
    }
    for (int k = 0; k < STEPS; k++)
        r.auc += 0.5 * (double)(reached[k] + reached[k + 1]) / STEPS;
    r.auc = r.n ? r.auc / (double)r.n : NAN;
    r.at_half = r.n ? (double)reached[STEPS / 2] / (double)r.n : NAN;
    avsn_wilson((double)reached[STEPS / 2], r.n, &r.at_half_low, &r.at_half_high);
    return avsn_struct_write(out, &r, sizeof r, "ciou_result");
}

/* ---- with negatives ---- */

/* What an item becomes once it fires. A bad one is an error at every threshold: a bad negative has always fired, a bad
 * positive never does. */
typedef struct detection {
    double confidence;
    int right; /* 1: true positive, 0: false positive */
    int negative;
} detection;

typedef struct curve {
    detection *items; /* [n] by confidence, descending */
    double *precision, *recall;
    int64_t n, positives;
} curve;

static int by_confidence(const void *a, const void *b)
{
    const double x = ((const detection *)a)->confidence, y = ((const detection *)b)->confidence;
    return (x < y) - (x > y);
}

static void take_items(const double *ciou, const double *confidence, const uint8_t *positive, int64_t count, curve *c,
                       avsound_negatives_result *r)
{
    for (int64_t i = 0; i < count; i++) {
        if (positive[i] && isnan(ciou[i])) {
            r->n_skipped++;
            continue;
        }
        const bool bad = !isfinite(confidence[i]) || (positive[i] && isinf(ciou[i]));
        detection *d = &c->items[c->n++];
        *d = (detection){confidence[i], !bad && positive[i] && ciou[i] >= 0.5, !positive[i]};
        if (bad)
            d->confidence = positive[i] ? -INFINITY : INFINITY;
        r->n_bad += bad;
        r->n_negative += !positive[i];
        c->positives += positive[i] != 0;
    }
    r->n = c->n;
}

typedef struct counts {
    int64_t right, wrong, false_alarms, fired_positives;
} counts;

static counts fire(counts now, const detection *d)
{
    now.right += d->right;
    now.wrong += !d->right;
    now.false_alarms += d->negative;
    now.fired_positives += !d->negative;
    return now;
}

static double share(int64_t part, int64_t whole, double otherwise)
{
    return whole ? (double)part / (double)whole : otherwise;
}

/* The figures at the threshold where all of `now` have fired. */
static void note_point(curve *c, int64_t points, counts now, double threshold, avsound_negatives_result *r)
{
    const int64_t missed = c->positives - now.fired_positives;
    const double p = share(now.right, now.right + now.wrong, 1), q = share(now.right, now.right + missed, 0);
    c->precision[points] = p;
    c->recall[points] = q;
    const double f1 = p + q > 0 ? 2 * p * q / (p + q) : 0;
    if (points && !(f1 > r->max_f1))
        return;
    r->max_f1 = f1;
    r->threshold = threshold;
    r->false_alarms = share(now.false_alarms, r->n_negative, NAN);
}

/* Bad positives stay silent at every threshold: they lie behind the last one. */
static int64_t sweep(curve *c, avsound_negatives_result *r)
{
    counts now = {0};
    int64_t i = 0, points = 0;
    while (i < c->n && c->items[i].confidence == INFINITY)
        now = fire(now, &c->items[i++]);
    note_point(c, points++, now, INFINITY, r);
    while (i < c->n && isfinite(c->items[i].confidence)) {
        const double threshold = c->items[i].confidence;
        while (i < c->n && c->items[i].confidence == threshold)
            now = fire(now, &c->items[i++]);
        note_point(c, points++, now, threshold, r);
    }
    return points;
}

/* Recall does not fall as the threshold does, so the best precision at any higher recall is that of a later point. */
static double average_precision(const curve *c, int64_t points)
{
    double area = 0, best = 0;
    for (int64_t i = points - 1; i >= 0; i--) {
        best = AVSN_MAX(best, c->precision[i]);
        area += best * (c->recall[i] - (i ? c->recall[i - 1] : 0));
    }
    return area;
}

static avsound_status allocate(avsound_context *context, int64_t count, curve *c)
{
    const size_t room = (size_t)count + 1;
    c->items = avsn_alloc(context, room, sizeof *c->items);
    c->precision = c->items ? avsn_alloc(context, room, sizeof *c->precision) : NULL;
    c->recall = c->precision ? avsn_alloc(context, room, sizeof *c->recall) : NULL;
    return c->recall ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static void detect(curve *c, avsound_negatives_result *r)
{
    r->max_f1 = r->threshold = r->average_precision = r->false_alarms = NAN;
    if (!c->positives)
        return;
    qsort(c->items, (size_t)c->n, sizeof *c->items, by_confidence);
    const int64_t points = sweep(c, r);
    r->average_precision = average_precision(c, points);
}

avsound_status avsound_metric_negatives(avsound_context *context, const double *ciou, const double *confidence,
                                        const uint8_t *positive, int64_t count, avsound_negatives_result *out)
{
    avsound_negatives_result r = {0};
    curve c = {0};
    if (!context || count < 0 || (count && (!ciou || !confidence || !positive)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_negatives: an argument is NULL, or count (%lld) negative",
                  (long long)count);
    avsound_status status = allocate(context, count, &c);
    if (!status) {
        take_items(ciou, confidence, positive, count, &c, &r);
        detect(&c, &r);
        status = avsn_struct_write(out, &r, sizeof r, "negatives_result");
    }
    avsn_free(context, c.recall);
    avsn_free(context, c.precision);
    avsn_free(context, c.items);
    return status;
}
