/* Separation: BSS Eval v3 (Vincent, Gribonval, Fevotte 2006), SI-SDR (Le Roux et al. 2019), off-screen suppression.
 *
 * The projections solve normal equations. Their matrix holds correlations of the delayed references: element
 * (i, a; j, b) depends on a - b alone, so it is computed where it is wanted and only its Cholesky factor is stored.
 * Pivoting makes that a least squares solution where the references depend on one another; a second solution, of what
 * the first one left over, gives back the digits that normal equations lose. */
#include "train/metrics.h"

#include <string.h>

#include "dsp/delays.h"

enum { MOST_SOURCES = 8, MOST_UNKNOWNS = 4096, DEFAULT_TAPS = 512, SOLUTIONS = 2 };

static const double negligible = 1e-20; /* of the estimate's energy: rounding */
static const double least_db = -50, most_db = 100, infinite_db = 1000, tie_db = 1e-6;

/* The factor of the references from `first` on. Row (i, a) is number i * taps + a; those whose turn has not come when
 * the rest vanishes are not in use. */
typedef struct basis {
    int32_t first, sources;
    int64_t rows, rank;
    double *factor; /* [rows][rows] row of the matrix, column of the factor */
    int32_t *pivots; /* [rank] rows in the order of their turns */
} basis;

struct avsound_separation {
    avsound_context *context;
    int32_t sources, taps;
    int64_t samples, total;
    float *references[MOST_SOURCES]; /* [samples] */
    bool silent[MOST_SOURCES];
    avsn_delays *delays; /* the references at unit energy */
    double *correlations; /* [sources i][sources j][taps k]: sum of j(t) i(t + k) */
    basis all, single[MOST_SOURCES];
    double *padded, *own, *joint, *rest; /* [total] the estimate, its two projections, what is left over */
    double *weights, *products, *solution; /* [sources * taps] */
    bool mixed;
    avsound_separation_result mixture[MOST_SOURCES];
};

/* ---- sums over signals ---- */

static bool all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static double mean_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : 0;
}

/* Sum of squares of x less `mean`. */
static double energy_of(const float *x, int64_t n, double mean)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

/* Sum of squares of a - b; b NULL: of a. */
static double difference(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = b ? a[i] - b[i] : a[i];
        sum += d * d;
    }
    return sum;
}

/* Eight sums side by side, because the compiler may not reorder one. */
static double dot(const double *a, const double *b, int64_t n)
{
    double sum[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* ---- projections ---- */

static double element(const avsound_separation *s, const basis *b, int64_t row, int64_t column)
{
    const int64_t i = b->first + row / s->taps, j = b->first + column / s->taps, lag = row % s->taps - column % s->taps;
    /* delayed by a and c: sum of i(t - a) j(t - c) = sum of i(u) j(u + a - c) */
    return lag >= 0 ? s->correlations[(j * s->sources + i) * s->taps + lag]
                    : s->correlations[(i * s->sources + j) * s->taps - lag];
}

/* Cholesky with diagonal pivoting; `left` is what remains of the diagonal, negative where a row has had its turn. The
 * tolerance is LAPACK's (dpstrf). */
static void factorise(const avsound_separation *s, basis *b, double *left)
{
    double tolerance = 0;
    for (int64_t i = 0; i < b->rows; i++) {
        left[i] = element(s, b, i, i);
        tolerance = AVSN_MAX(tolerance, left[i] * (double)b->rows * 2.220446049250313e-16);
    }
    for (b->rank = 0; b->rank < b->rows; b->rank++) {
        int64_t pivot = 0;
        for (int64_t i = 1; i < b->rows; i++)
            if (left[i] > left[pivot])
                pivot = i;
        if (!(left[pivot] > tolerance))
            return;
        const double *row = b->factor + pivot * b->rows, root = sqrt(left[pivot]);
        b->pivots[b->rank] = (int32_t)pivot;
        b->factor[pivot * b->rows + b->rank] = root;
        left[pivot] = -1;
        for (int64_t i = 0; i < b->rows; i++) {
            if (left[i] < 0)
                continue;
            double *to = b->factor + i * b->rows;
            to[b->rank] = (element(s, b, i, pivot) - dot(to, row, b->rank)) / root;
            left[i] = AVSN_MAX(0.0, left[i] - to[b->rank] * to[b->rank]);
        }
    }
}

/* `products` is spoilt. */
static void solve(const basis *b, double *products, double *solution)
{
    memset(solution, 0, (size_t)b->rows * sizeof *solution);
    for (int64_t k = 0; k < b->rank; k++) {
        const int64_t pivot = b->pivots[k];
        const double *row = b->factor + pivot * b->rows;
        double value = products[pivot];
        for (int64_t m = 0; m < k; m++)
            value -= row[m] * solution[b->pivots[m]];
        solution[pivot] = value / row[k];
    }
    for (int64_t k = b->rank - 1; k >= 0; k--) {
        const int64_t pivot = b->pivots[k];
        const double *row = b->factor + pivot * b->rows;
        solution[pivot] /= row[k];
        for (int64_t m = 0; m < k; m++)
            solution[b->pivots[m]] -= row[m] * solution[pivot];
    }
}

/* to [total] becomes the projection of the padded estimate. */
static void project(avsound_separation *s, const basis *b, double *to)
{
    memset(s->weights, 0, (size_t)b->rows * sizeof *s->weights);
    memcpy(s->rest, s->padded, (size_t)s->total * sizeof *s->rest);
    for (int n = 0; n < SOLUTIONS; n++) {
        avsn_delays_correlate(s->delays, b->first, b->sources, s->rest, s->products);
        solve(b, s->products, s->solution);
        for (int64_t i = 0; i < b->rows; i++)
            s->weights[i] += s->solution[i];
        avsn_delays_sum(s->delays, b->first, b->sources, s->weights, to);
        for (int64_t t = 0; t < s->total; t++)
            s->rest[t] = s->padded[t] - to[t];
    }
}

/* ---- figures ---- */

/* What lies more than 200 dB below `whole` is nothing. */
static double decibels(double wanted, double unwanted, double whole)
{
    if (wanted <= negligible * whole)
        return -INFINITY;
    return unwanted <= negligible * whole ? INFINITY : 10 * log10(wanted / unwanted);
}

/* With the joint projection in place. `all`: SDR and SAR too. */
static void compare(avsound_separation *s, int32_t source, bool all, avsound_separation_result *r)
{
    const double whole = difference(s->padded, NULL, s->total);
    const double *own = s->sources > 1 ? s->own : s->joint;
    if (s->sources > 1)
        project(s, &s->single[source], s->own);
    const double target = difference(own, NULL, s->total);
    r->sir = decibels(target, difference(s->joint, own, s->total), whole);
    if (!all)
        return;
    r->sdr = decibels(target, difference(s->padded, own, s->total), whole);
    r->sar = decibels(difference(s->joint, NULL, s->total), difference(s->padded, s->joint, s->total), whole);
}

static double si_sdr(const float *reference, const float *estimate, int64_t samples)
{
    const double reference_mean = mean_of(reference, samples), estimate_mean = mean_of(estimate, samples);
    const double energy = energy_of(reference, samples, reference_mean);
    double product = 0, wanted = 0, unwanted = 0;
    if (!(energy > 0))
        return NAN;
    if (!all_finite(estimate, samples))
        return -INFINITY;
    for (int64_t i = 0; i < samples; i++)
        product += (reference[i] - reference_mean) * (estimate[i] - estimate_mean);
    const double scale = product / energy;
    for (int64_t i = 0; i < samples; i++) {
        const double part = scale * (reference[i] - reference_mean), rest = part - (estimate[i] - estimate_mean);
        wanted += part * part;
        unwanted += rest * rest;
    }
    return wanted > 0 ? 10 * log10(wanted / unwanted) : -INFINITY;
}

/* Sets what needs no projection; true if nothing is left to do. */
static bool settle(const avsound_separation *s, const float *estimate, int32_t source, avsound_separation_result *r)
{
    double value = -INFINITY;
    if (s->silent[source]) {
        value = NAN;
        r->flags |= AVSOUND_SEPARATION_SKIPPED;
    } else if (!all_finite(estimate, s->samples)) {
        r->flags |= AVSOUND_SEPARATION_BAD;
    } else if (!(energy_of(estimate, s->samples, 0) > 0)) {
        r->flags |= AVSOUND_SEPARATION_SILENT;
    } else {
        return false;
    }
    r->sdr = r->sir = r->sar = r->si_sdr = value;
    return true;
}

static void pad(avsound_separation *s, const float *estimate)
{
    for (int64_t t = 0; t < s->samples; t++)
        s->padded[t] = estimate[t];
    memset(s->padded + s->samples, 0, (size_t)(s->total - s->samples) * sizeof *s->padded);
}

static bool dependent(const avsound_separation *s)
{
    int64_t live = 0;
    for (int32_t j = 0; j < s->sources; j++)
        live += s->silent[j] ? 0 : s->taps;
    return s->all.rank < live;
}

static void measure(avsound_separation *s, const float *estimate, int32_t source, avsound_separation_result *r)
{
    if (settle(s, estimate, source, r))
        return;
    r->flags |= dependent(s) ? AVSOUND_SEPARATION_SINGULAR : 0;
    pad(s, estimate);
    project(s, &s->all, s->joint);
    compare(s, source, true, r);
    r->si_sdr = si_sdr(s->references[source], estimate, s->samples);
}

/* Infinite both: not a number. */
static void improve(const avsound_separation *s, int32_t source, avsound_separation_result *r)
{
    r->sdr_improvement = r->sir_improvement = r->si_sdr_improvement = NAN;
    if (!s->mixed)
        return;
    r->sdr_improvement = r->sdr - s->mixture[source].sdr;
    r->sir_improvement = r->sir - s->mixture[source].sir;
    r->si_sdr_improvement = r->si_sdr - s->mixture[source].si_sdr;
}

/* ---- making ---- */

static avsound_status allocate_basis(avsound_separation *s, basis *b, int32_t first, int32_t sources)
{
    b->first = first;
    b->sources = sources;
    b->rows = (int64_t)sources * s->taps;
    b->factor = avsn_alloc(s->context, (size_t)b->rows * (size_t)b->rows, sizeof *b->factor);
    b->pivots = b->factor ? avsn_alloc(s->context, (size_t)b->rows, sizeof *b->pivots) : NULL;
    return b->pivots ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status allocate(avsound_separation *s)
{
    const size_t total = (size_t)s->total, unknowns = (size_t)s->sources * (size_t)s->taps;
    double **const lines[] = {&s->padded, &s->own, &s->joint, &s->rest},
                   **const columns[] = {&s->weights, &s->products, &s->solution};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(lines); i++)
        if (!(*lines[i] = avsn_alloc(s->context, total, sizeof(double))))
            return AVSOUND_E_NO_MEMORY;
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(columns); i++)
        if (!(*columns[i] = avsn_alloc(s->context, unknowns, sizeof(double))))
            return AVSOUND_E_NO_MEMORY;
    s->correlations = avsn_alloc(s->context, (size_t)s->sources * unknowns, sizeof(double));
    if (!s->correlations)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(avsn_delays_create(s->context, s->sources, s->samples, s->taps, &s->delays));
    for (int32_t j = 0; j < s->sources; j++) {
        s->references[j] = avsn_alloc(s->context, (size_t)AVSN_MAX(s->samples, 1), sizeof(float));
        if (!s->references[j])
            return AVSOUND_E_NO_MEMORY;
        if (s->sources > 1)
            AVSN_TRY(allocate_basis(s, &s->single[j], j, 1));
    }
    return allocate_basis(s, &s->all, 0, s->sources);
}

/* At unit energy the quiet reference is as good a direction as the loud one. Leaves it in `padded`. */
static void pad_reference(avsound_separation *s, int32_t source)
{
    const double energy = energy_of(s->references[source], s->samples, 0);
    const double scale = energy > 0 ? 1 / sqrt(energy) : 0;
    s->silent[source] = !(energy > 0);
    pad(s, s->references[source]);
    for (int64_t t = 0; t < s->samples; t++)
        s->padded[t] *= scale;
}

static void prepare(avsound_separation *s, const float *const *references)
{
    for (int32_t j = 0; j < s->sources; j++) {
        if (s->samples)
            memcpy(s->references[j], references[j], (size_t)s->samples * sizeof(float));
        pad_reference(s, j);
        avsn_delays_set(s->delays, j, s->padded);
    }
    for (int32_t i = 0; i < s->sources; i++) {
        pad_reference(s, i);
        avsn_delays_correlate(s->delays, 0, s->sources, s->padded, s->correlations + (int64_t)i * s->sources * s->taps);
    }
    for (int32_t j = 0; s->sources > 1 && j < s->sources; j++)
        factorise(s, &s->single[j], s->solution);
    factorise(s, &s->all, s->solution);
}

void avsound_separation_free(avsound_separation *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    for (int32_t j = 0; j < MOST_SOURCES; j++) {
        avsn_free(context, s->single[j].pivots);
        avsn_free(context, s->single[j].factor);
        avsn_free(context, s->references[j]);
    }
    avsn_free(context, s->all.pivots);
    avsn_free(context, s->all.factor);
    avsn_delays_free(s->delays);
    avsn_free(context, s->correlations);
    avsn_free(context, s->solution);
    avsn_free(context, s->products);
    avsn_free(context, s->weights);
    avsn_free(context, s->rest);
    avsn_free(context, s->joint);
    avsn_free(context, s->own);
    avsn_free(context, s->padded);
    avsn_free(context, s);
    avsound_context_free(context);
}

/* ---- calls ---- */

static avsound_status check_signal(const char *call, const char *name, const float *x, int64_t samples)
{
    AVSN_TRY(avsn_metric_array(call, name, x, samples));
    if (!all_finite(x, samples))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s holds samples that are not finite", call, name);
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_separation_options *options, avsound_separation_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "separation_options"));
    if (o->taps == 0)
        o->taps = DEFAULT_TAPS;
    if (o->sources < 1 || o->sources > MOST_SOURCES || !o->references)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: sources is %d, want 1...%d, references %s",
                  o->sources, MOST_SOURCES, o->references ? "set" : "NULL");
    if (o->taps < 1 || o->taps > MOST_UNKNOWNS / o->sources)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: taps is %d, want 1...%d with %d sources", o->taps,
                  MOST_UNKNOWNS / o->sources, o->sources);
    if (o->samples > INT64_MAX / 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: samples is %lld", (long long)o->samples);
    for (int32_t j = 0; j < o->sources; j++)
        AVSN_TRY(check_signal("separation_create", "a reference", o->references[j], o->samples));
    return o->mixture ? check_signal("separation_create", "mixture", o->mixture, o->samples) : AVSOUND_OK;
}

void avsound_separation_options_init(avsound_separation_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_separation_create(avsound_context *context, const avsound_separation_options *options,
                                         avsound_separation **out)
{
    avsound_separation_options o;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: out is NULL");
    *out = NULL;
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_create: context is NULL");
    AVSN_TRY(read_options(options, &o));
    avsound_separation *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->sources = o.sources;
    s->taps = o.taps;
    s->samples = o.samples;
    s->total = o.samples + o.taps - 1;
    const avsound_status status = allocate(s);
    if (status) {
        avsound_separation_free(s);
        return status;
    }
    prepare(s, o.references);
    s->mixed = o.mixture != NULL;
    for (int32_t j = 0; s->mixed && j < s->sources; j++)
        measure(s, o.mixture, j, &s->mixture[j]);
    *out = s;
    return AVSOUND_OK;
}

avsound_status avsound_separation_measure(avsound_separation *s, const float *estimate, int32_t source,
                                          avsound_separation_result *out)
{
    avsound_separation_result r = {0};
    if (!s || source < 0 || source >= s->sources)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_measure: separation is %s, source %d", s ? "set" : "NULL",
                  source);
    AVSN_TRY(avsn_metric_array("separation_measure", "estimate", estimate, s->samples));
    measure(s, estimate, source, &r);
    improve(s, source, &r);
    return avsn_struct_write(out, &r, sizeof r, "separation_result");
}

/* sirs [estimate][source], infinite ones replaced; 0 for a silent source, which fits any. */
static void compare_all(avsound_separation *s, const float *const *estimates, double sirs[][MOST_SOURCES])
{
    for (int32_t i = 0; i < s->sources; i++) {
        bool projected = false;
        for (int32_t j = 0; j < s->sources; j++) {
            avsound_separation_result r = {0};
            if (!settle(s, estimates[i], j, &r)) {
                if (!projected) {
                    pad(s, estimates[i]);
                    project(s, &s->all, s->joint);
                    projected = true;
                }
                compare(s, j, false, &r);
            }
            sirs[i][j] = isnan(r.sir) ? 0 : AVSN_MIN(infinite_db, AVSN_MAX(-infinite_db, r.sir));
        }
    }
}

typedef struct ordering {
    const double (*sirs)[MOST_SOURCES];
    int32_t sources;
    double best;
    int32_t now[MOST_SOURCES], found[MOST_SOURCES];
} ordering;

/* Tries every estimate not taken yet for source j and those after it, the lowest first. */
static void try_orders(ordering *o, int32_t j, uint32_t taken, double sum)
{
    if (j == o->sources && sum > o->best + tie_db) {
        o->best = sum;
        memcpy(o->found, o->now, sizeof o->now);
    }
    for (int32_t i = 0; i < o->sources && j < o->sources; i++) {
        if (taken >> i & 1)
            continue;
        o->now[j] = i;
        try_orders(o, j + 1, taken | 1u << i, sum + o->sirs[i][j]);
    }
}

avsound_status avsound_separation_order(avsound_separation *s, const float *const *estimates, int32_t *order)
{
    double sirs[MOST_SOURCES][MOST_SOURCES] = {{0}};
    if (!s || !estimates || !order)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation_order: an argument is NULL");
    for (int32_t i = 0; i < s->sources; i++)
        AVSN_TRY(avsn_metric_array("separation_order", "an estimate", estimates[i], s->samples));
    compare_all(s, estimates, sirs);
    ordering o = {.sirs = (const double(*)[MOST_SOURCES])sirs, .sources = s->sources, .best = -INFINITY};
    try_orders(&o, 0, 0, 0);
    memcpy(order, o.found, (size_t)s->sources * sizeof *order);
    return AVSOUND_OK;
}

avsound_status avsound_metric_si_sdr(const float *reference, const float *estimate, int64_t samples, double *value)
{
    if (!value)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_si_sdr: value is NULL");
    AVSN_TRY(check_signal("metric_si_sdr", "reference", reference, samples));
    AVSN_TRY(avsn_metric_array("metric_si_sdr", "estimate", estimate, samples));
    *value = si_sdr(reference, estimate, samples);
    return AVSOUND_OK;
}

avsound_status avsound_metric_osr(const float *mixture, const float *on_screen, int64_t samples, double *value)
{
    if (!value)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_osr: value is NULL");
    AVSN_TRY(check_signal("metric_osr", "mixture", mixture, samples));
    AVSN_TRY(avsn_metric_array("metric_osr", "on_screen", on_screen, samples));
    const double whole = energy_of(mixture, samples, 0), left = energy_of(on_screen, samples, 0);
    *value = !(whole > 0) ? NAN : !all_finite(on_screen, samples) ? -INFINITY : 10 * log10(whole / left);
    return AVSOUND_OK;
}

/* ---- over a set ---- */

/* Fills the scored items' values, clamped ones into `clamped`, where NaN stays; returns the number scored. */
static int64_t take_decibels(const double *items, const uint8_t *bad, int64_t count, double *scored, double *clamped,
                             avsound_decibels_result *r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        const bool broken = bad && bad[i];
        clamped[i] = NAN;
        if (!broken && isnan(items[i]))
            continue;
        r->n_bad += broken;
        scored[n] = broken ? -INFINITY : items[i];
        clamped[i] = AVSN_MIN(most_db, AVSN_MAX(least_db, scored[n]));
        n++;
    }
    return n;
}

avsound_status avsound_metric_decibels(avsound_context *context, const double *items, const uint8_t *bad,
                                       const int64_t *clips, int64_t count, uint64_t seed, avsound_decibels_result *out)
{
    avsound_decibels_result r = {0};
    avsound_estimate mean = {.struct_size = sizeof mean};
    AVSN_TRY(avsn_metric_array("metric_decibels", "items", items, count));
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "metric_decibels: context is NULL");
    const size_t room = (size_t)AVSN_MAX(count, 1);
    double *scored = avsn_alloc(context, room, sizeof *scored);
    double *clamped = scored ? avsn_alloc(context, room, sizeof *clamped) : NULL;
    avsound_status status = AVSOUND_E_NO_MEMORY;
    if (clamped) {
        r.n = take_decibels(items, bad, count, scored, clamped, &r);
        r.n_skipped = count - r.n;
        avsn_sort_doubles(scored, r.n);
        r.median = avsn_percentile(scored, r.n, 0.5);
        status = avsound_metric_mean(context, clamped, clips, count, seed, &mean);
    }
    avsn_free(context, clamped);
    avsn_free(context, scored);
    if (status)
        return status;
    r.mean = mean.value;
    r.mean_low = mean.low;
    r.mean_high = mean.high;
    return avsn_struct_write(out, &r, sizeof r, "decibels_result");
}
