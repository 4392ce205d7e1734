/* Synchronisation: aligned or shifted, search over offsets, errors of offsets. */
#include "train/metrics.h"

enum { DEFAULT_RANGE = 15, MOST_RANGE = 1 << 20 };

static const double default_frame_ms = 40, default_class_ms = 200;
static const double early_ms = 45, late_ms = 125; /* ITU-R BT.1359: what listeners begin to notice */
static const double rounding_ms = 1e-6;

/* ---- aligned or shifted ---- */

avsound_status avsound_metric_alignment(avsound_context *context, const float *aligned, const float *shifted,
                                        const uint8_t *skip, int64_t count, avsound_alignment_result *out)
{
    avsound_avc_result c = {.struct_size = sizeof c};
    AVSN_TRY(avsn_metric_array("metric_alignment", "aligned", aligned, count));
    AVSN_TRY(avsn_metric_array("metric_alignment", "shifted", shifted, count));
    AVSN_TRY(avsound_metric_avc(context, aligned, shifted, skip, count, &c));
    const avsound_alignment_result r = {
        .n = c.n,
        .n_bad = c.n_bad,
        .n_skipped = c.n_skipped,
        .accuracy = c.accuracy,
        .accuracy_low = c.accuracy_low,
        .accuracy_high = c.accuracy_high,
        .paired = c.paired,
        .paired_low = c.paired_low,
        .paired_high = c.paired_high,
        .paired_error = c.n ? 0.5 / sqrt((double)c.n) : NAN,
    };
    return avsn_struct_write(out, &r, sizeof r, "alignment_result");
}

/* ---- search ---- */

static double compare(const float *a, const float *b, int32_t dimension, int32_t measure)
{
    double sum = 0;
    for (int32_t k = 0; k < dimension; k++) {
        const double x = a[k], y = b[k];
        sum += measure == AVSOUND_SYNC_DISTANCE ? (x - y) * (x - y) : x * y;
    }
    return measure == AVSOUND_SYNC_DISTANCE ? sqrt(sum) : sum;
}

/* Mean over the pictures whose sound is there at this offset; NaN for none, infinite if a feature is not finite. */
static double mean_at(const avsound_sync_search_options *o, int64_t offset)
{
    /* picture i belongs to sound i + shift */
    const int64_t shift = o->video_first - offset;
    const int64_t begin = AVSN_MAX(0, -shift), end = AVSN_MIN(o->video_count, o->audio_count - shift);
    double sum = 0;
    if (end <= begin)
        return NAN;
    for (int64_t i = begin; i < end; i++)
        sum += compare(o->video + i * o->dimension, o->audio + (i + shift) * o->dimension, o->dimension, o->measure);
    return isfinite(sum) ? sum / (double)(end - begin) : INFINITY;
}

static avsound_status read_search(const avsound_sync_search_options *options, avsound_sync_search_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sync_search: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "sync_search_options"));
    if (o->range == 0)
        o->range = DEFAULT_RANGE;
    if (o->range < 0 || o->range > MOST_RANGE || o->dimension < 1 || o->measure < 0 || o->measure > 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sync_search: range is %d, dimension %d, measure %d", o->range,
                  o->dimension, o->measure);
    const int64_t most = INT64_MAX / 4 / o->dimension;
    if (o->video_count > most || o->audio_count > most || o->video_first > most || o->video_first < -most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sync_search: video_count is %lld, audio_count %lld, video_first %lld",
                  (long long)o->video_count, (long long)o->audio_count, (long long)o->video_first);
    AVSN_TRY(avsn_metric_array("sync_search", "video", o->video, o->video_count));
    return avsn_metric_array("sync_search", "audio", o->audio, o->audio_count);
}

void avsound_sync_search_options_init(avsound_sync_search_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

/* The best of `count` means and how far it lies from their median; `curve` becomes the scored means, sorted. */
static void pick(double *curve, const avsound_sync_search_options *o, double *offset, double *confidence)
{
    const int64_t count = 2 * (int64_t)o->range + 1;
    const double sign = o->measure == AVSOUND_SYNC_DISTANCE ? 1 : -1;
    int64_t best = -1, n = 0;
    *offset = *confidence = NAN;
    for (int64_t k = 0; k < count; k++) {
        if (isinf(curve[k])) {
            *offset = *confidence = INFINITY;
            return;
        }
        if (!isnan(curve[k]) && (best < 0 || sign * curve[k] < sign * curve[best]))
            best = k;
    }
    if (best < 0)
        return;
    const double least = curve[best];
    for (int64_t k = 0; k < count; k++)
        if (!isnan(curve[k]))
            curve[n++] = curve[k];
    avsn_sort_doubles(curve, n);
    *offset = (double)(best - o->range);
    *confidence = sign * (avsn_percentile(curve, n, 0.5) - least);
}

avsound_status avsound_sync_search(avsound_context *context, const avsound_sync_search_options *options, double *curve,
                                   double *offset, double *confidence)
{
    avsound_sync_search_options o;
    if (!context || !offset || !confidence)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sync_search: an argument is NULL");
    AVSN_TRY(read_search(options, &o));
    const int64_t count = 2 * (int64_t)o.range + 1;
    double *means = avsn_alloc(context, (size_t)count, sizeof *means);
    if (!means)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t k = 0; k < count; k++) {
        means[k] = mean_at(&o, k - o.range);
        if (curve)
            curve[k] = means[k];
    }
    pick(means, &o, offset, confidence);
    avsn_free(context, means);
    return AVSOUND_OK;
}

/* ---- errors ---- */

typedef struct tally {
    int64_t within, tolerable, exact, near, abstained;
    int64_t right_count, wrong_count;
    double *errors; /* [n_answered] absolute */
    double *signed_errors; /* [count] NaN where there is none or the answer is bad */
    double *right, *wrong; /* confidences of the right and the wrong answers */
} tally;

static double class_of(double offset, double width)
{
    return floor(offset / width + 0.5);
}

static void take_confidence(const avsound_sync_options *o, int64_t i, bool right, tally *t)
{
    const double c = o->confidence ? o->confidence[i] : 0;
    if (right)
        t->right[t->right_count++] = isfinite(c) ? c : -INFINITY;
    else
        t->wrong[t->wrong_count++] = isfinite(c) ? c : INFINITY;
}

static void take_answer(const avsound_sync_options *o, int64_t i, tally *t, avsound_sync_result *r)
{
    const double answer = o->answers[i], truth = o->truth[i], error = answer - truth;
    const bool bad = isinf(answer), right = !bad && fabs(error) <= o->frame_ms + rounding_ms;
    t->errors[r->n_answered++] = bad ? INFINITY : fabs(error);
    take_confidence(o, i, right, t);
    if (bad) {
        r->n_bad++;
        return;
    }
    const double apart = fabs(class_of(answer, o->class_ms) - class_of(truth, o->class_ms));
    t->signed_errors[i] = error;
    t->within += right;
    t->tolerable += -error <= early_ms + rounding_ms && error <= late_ms + rounding_ms;
    t->exact += apart < 0.5;
    t->near += apart < 1.5;
}

static void take_clips(const avsound_sync_options *o, tally *t, avsound_sync_result *r)
{
    for (int64_t i = 0; i < o->count; i++) {
        t->signed_errors[i] = NAN;
        if (o->undecidable && o->undecidable[i]) {
            r->n_undecidable++;
            t->abstained += isnan(o->answers[i]);
        } else if (isnan(o->truth[i])) {
            r->n_skipped++;
        } else {
            r->n++;
            if (!isnan(o->answers[i]))
                take_answer(o, i, t, r);
        }
    }
}

static void set_share(int64_t part, int64_t whole, double *value, double *low, double *high)
{
    *value = whole ? (double)part / (double)whole : NAN;
    avsn_wilson((double)part, whole, low, high);
}

static void set_shares(const tally *t, avsound_sync_result *r)
{
    const int64_t n = r->n_answered;
    set_share(n, r->n, &r->answered, &r->answered_low, &r->answered_high);
    set_share(t->within, n, &r->within, &r->within_low, &r->within_high);
    set_share(t->within, r->n, &r->within_all, &r->within_all_low, &r->within_all_high);
    set_share(t->tolerable, n, &r->tolerable, &r->tolerable_low, &r->tolerable_high);
    set_share(t->exact, n, &r->exact_class, &r->exact_class_low, &r->exact_class_high);
    set_share(t->near, n, &r->near_class, &r->near_class_low, &r->near_class_high);
    set_share(t->abstained, r->n_undecidable, &r->abstained, &r->abstained_low, &r->abstained_high);
}

static avsound_status judge(avsound_context *context, const avsound_sync_options *o, tally *t, avsound_sync_result *r)
{
    avsound_estimate bias = {.struct_size = sizeof bias};
    take_clips(o, t, r);
    set_shares(t, r);
    avsn_sort_doubles(t->errors, r->n_answered);
    r->median_error = avsn_percentile(t->errors, r->n_answered, 0.5);
    r->p95_error = avsn_percentile(t->errors, r->n_answered, 0.95);
    avsn_sort_doubles(t->right, t->right_count);
    avsn_sort_doubles(t->wrong, t->wrong_count);
    r->confidence_auc = o->confidence ? avsn_area_under_curve(t->right, t->right_count, t->wrong, t->wrong_count) : NAN;
    AVSN_TRY(avsound_metric_mean(context, t->signed_errors, NULL, o->count, o->seed, &bias));
    r->bias = bias.value;
    r->bias_low = bias.low;
    r->bias_high = bias.high;
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_sync_options *options, avsound_sync_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_sync: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "sync_options"));
    AVSN_TRY(avsn_metric_array("metric_sync", "truth", o->truth, o->count));
    AVSN_TRY(avsn_metric_array("metric_sync", "answers", o->answers, o->count));
    if (o->frame_ms == 0)
        o->frame_ms = default_frame_ms;
    if (o->class_ms == 0)
        o->class_ms = default_class_ms;
    if (!(o->frame_ms > 0 && o->class_ms > 0 && isfinite(o->frame_ms) && isfinite(o->class_ms)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_sync: frame_ms is %g, class_ms %g", o->frame_ms, o->class_ms);
    for (int64_t i = 0; i < o->count; i++)
        if (isinf(o->truth[i]) && !(o->undecidable && o->undecidable[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_sync: truth[%lld] is infinite", (long long)i);
    return AVSOUND_OK;
}

void avsound_sync_options_init(avsound_sync_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_metric_sync(avsound_context *context, const avsound_sync_options *options,
                                   avsound_sync_result *out)
{
    avsound_sync_options o;
    avsound_sync_result r = {0};
    tally t = {0};
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_sync: context is NULL");
    AVSN_TRY(read_options(options, &o));
    const size_t room = (size_t)AVSN_MAX(o.count, 1);
    t.errors = avsn_alloc(context, room, sizeof *t.errors);
    t.signed_errors = t.errors ? avsn_alloc(context, room, sizeof *t.signed_errors) : NULL;
    t.right = t.signed_errors ? avsn_alloc(context, room, sizeof *t.right) : NULL;
    t.wrong = t.right ? avsn_alloc(context, room, sizeof *t.wrong) : NULL;
    avsound_status status = t.wrong ? judge(context, &o, &t, &r) : AVSOUND_E_NO_MEMORY;
    avsn_free(context, t.wrong);
    avsn_free(context, t.right);
    avsn_free(context, t.signed_errors);
    avsn_free(context, t.errors);
    if (status)
        return status;
    return avsn_struct_write(out, &r, sizeof r, "sync_result");
}
