/* Separation: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

enum { MOST = 1600 };

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

static avsound_separation *prepared(avsound_context *c, const float *const *references, int32_t sources,
                                    int64_t samples, int32_t taps, const float *mixture)
{
    avsound_separation_options o;
    avsound_separation *s;
    avsound_separation_options_init(&o, sizeof o);
    o.references = references;
    o.sources = sources;
    o.samples = samples;
    o.taps = taps;
    o.mixture = mixture;
    ck_avsound(avsound_separation_create(c, &o, &s));
    return s;
}

static avsound_separation_result measured(avsound_separation *s, const float *estimate, int32_t source)
{
    avsound_separation_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_separation_measure(s, estimate, source, &r));
    return r;
}

/* Cosines over a whole number of periods, and their sines: all orthogonal. */
static void fill_wave(float *x, int n, int periods, double phase)
{
    for (int t = 0; t < n; t++)
        x[t] = (float)cos(2 * 3.14159265358979323846 * periods * t / n + phase);
}

/* ---- SI-SDR and OSR ---- */

static double si_sdr_of(const float *s, const float *e, int64_t n)
{
    double value;
    ck_avsound(avsound_metric_si_sdr(s, e, n, &value));
    return value;
}

START_TEST(si_sdr_of_orthogonal_noise_is_the_ratio_of_energies)
{
    float s[400], other[400], e[400], louder[400];
    fill_wave(s, 400, 5, 0);
    fill_wave(other, 400, 9, 0);
    for (int t = 0; t < 400; t++) {
        e[t] = s[t] + 0.1f * other[t] + 3;
        louder[t] = 8 * e[t] - 1;
    }
    ck_assert_double_eq_tol(si_sdr_of(s, e, 400), 20, 1e-5);
    ck_assert_double_eq_tol(si_sdr_of(s, louder, 400), si_sdr_of(s, e, 400), 1e-5);
    ck_assert_double_eq(si_sdr_of(s, s, 400), INFINITY);
}
END_TEST

START_TEST(si_sdr_at_the_edges)
{
    const float s[] = {1, -1, 1, -1}, silent[4] = {0}, steady[] = {2, 2, 2, 2}, broken[] = {1, NAN, 0, 0};
    const float orthogonal[] = {1, 1, -1, -1};
    ck_assert_double_nan(si_sdr_of(silent, s, 4));
    ck_assert_double_nan(si_sdr_of(steady, s, 4));
    ck_assert_double_nan(si_sdr_of(NULL, NULL, 0));
    ck_assert_double_eq(si_sdr_of(s, silent, 4), -INFINITY);
    ck_assert_double_eq(si_sdr_of(s, steady, 4), -INFINITY);
    ck_assert_double_eq(si_sdr_of(s, broken, 4), -INFINITY);
    ck_assert_double_eq(si_sdr_of(s, orthogonal, 4), -INFINITY);
    double value;
    ck_refused(avsound_metric_si_sdr(broken, s, 4, &value), AVSOUND_E_INVALID_ARGUMENT, "reference holds");
    ck_refused(avsound_metric_si_sdr(s, s, -1, &value), AVSOUND_E_INVALID_ARGUMENT, "count is -1");
}
END_TEST

START_TEST(osr_is_the_ratio_of_energies)
{
    const float x[] = {3, -3, 3, 3}, tenth[] = {0.3f, 0.3f, 0.3f, 0.3f}, silent[4] = {0},
                broken[] = {0, INFINITY, 0, 0};
    double value;
    ck_avsound(avsound_metric_osr(x, tenth, 4, &value));
    ck_assert_double_eq_tol(value, 20, 1e-6);
    ck_avsound(avsound_metric_osr(x, x, 4, &value));
    ck_assert_double_eq(value, 0);
    ck_avsound(avsound_metric_osr(x, silent, 4, &value));
    ck_assert_double_eq(value, INFINITY);
    ck_avsound(avsound_metric_osr(x, broken, 4, &value));
    ck_assert_double_eq(value, -INFINITY);
    ck_avsound(avsound_metric_osr(silent, x, 4, &value));
    ck_assert_double_nan(value);
    ck_refused(avsound_metric_osr(broken, x, 4, &value), AVSOUND_E_INVALID_ARGUMENT, "mixture holds");
}
END_TEST

/* ---- BSS Eval ---- */

/* With one tap the projections are those of plain vectors: target 1, interference 1/10, noise 1/100. */
START_TEST(parts_have_their_closed_form)
{
    float s[2][600], noise[600], e[600];
    fill_wave(s[0], 600, 7, 0);
    fill_wave(s[1], 600, 11, 0);
    fill_wave(noise, 600, 23, 0);
    for (int t = 0; t < 600; t++)
        e[t] = s[0][t] + 0.1f * s[1][t] + 0.01f * noise[t];
    avsound_context *c = context();
    const float *const references[] = {s[0], s[1]};
    avsound_separation *separation = prepared(c, references, 2, 600, 1, NULL);
    const avsound_separation_result r = measured(separation, e, 0);
    ck_assert_double_eq_tol(r.sdr, 10 * log10(1 / (0.01 + 0.0001)), 1e-4);
    ck_assert_double_eq_tol(r.sir, 20, 1e-4);
    ck_assert_double_eq_tol(r.sar, 10 * log10(1.01 / 0.0001), 1e-4);
    ck_assert_double_eq_tol(r.si_sdr, r.sdr, 1e-4);
    ck_assert_int_eq(r.flags, 0);
    ck_assert_double_nan(r.sdr_improvement);
    const avsound_separation_result wrong = measured(separation, e, 1);
    ck_assert_double_eq_tol(wrong.sir, -20, 1e-4);
    avsound_separation_free(separation);
    avsound_context_free(c);
}
END_TEST

/* Whatever a filter of so many taps does to a source is allowed; longer delays are not. */
START_TEST(delays_are_allowed_up_to_the_number_of_taps)
{
    draws g = {3};
    float s[2][900], e[900], late[900] = {0};
    for (int t = 0; t < 900; t++)
        for (int j = 0; j < 2; j++)
            s[j][t] = t < 800 ? (float)(2 * draw_uniform(&g) - 1) : 0;
    for (int t = 0; t < 900; t++) {
        e[t] = s[0][t] - (t >= 63 ? s[0][t - 63] / 2 : 0);
        late[t] = t >= 64 ? s[0][t - 64] : 0;
    }
    avsound_context *c = context();
    const float *const references[] = {s[0], s[1]};
    avsound_separation *separation = prepared(c, references, 2, 900, 64, NULL);
    avsound_separation_result r = measured(separation, e, 0);
    ck_assert_double_gt(r.sdr, 140); /* the samples are rounded to float */
    ck_assert_double_gt(r.sir, 140);
    ck_assert_double_gt(r.sar, 140);
    ck_assert_double_lt(r.si_sdr, 10);
    ck_assert_double_lt(measured(separation, late, 0).sdr, 0);
    r = measured(separation, s[0], 0);
    ck_assert_double_eq(r.sdr, INFINITY);
    ck_assert_double_eq(r.sir, INFINITY);
    ck_assert_double_eq(r.sar, INFINITY);
    ck_assert_double_eq(r.si_sdr, INFINITY);
    avsound_separation_free(separation);
    avsound_context_free(c);
}
END_TEST

START_TEST(the_mixture_improves_nothing)
{
    draws g = {4};
    float s[2][500], mixture[500], scaled[500];
    for (int t = 0; t < 500; t++) {
        s[0][t] = (float)draw_uniform(&g);
        s[1][t] = (float)draw_uniform(&g) - 0.5f;
        mixture[t] = s[0][t] + s[1][t];
        scaled[t] = 4 * mixture[t];
    }
    avsound_context *c = context();
    const float *const references[] = {s[0], s[1]};
    avsound_separation *separation = prepared(c, references, 2, 500, 20, mixture);
    for (int32_t j = 0; j < 2; j++) {
        const avsound_separation_result r = measured(separation, scaled, j), best = measured(separation, s[j], j);
        ck_assert_double_eq_tol(r.sdr_improvement, 0, 1e-6);
        ck_assert_double_eq_tol(r.sir_improvement, 0, 1e-6);
        ck_assert_double_eq_tol(r.si_sdr_improvement, 0, 1e-6);
        ck_assert_double_eq(best.sdr_improvement, INFINITY);
    }
    avsound_separation_free(separation);
    avsound_context_free(c);
}
END_TEST

START_TEST(silence_and_broken_estimates_are_told_apart)
{
    draws g = {5};
    float s[2][100] = {{0}}, e[100], broken[100], silent[100] = {0};
    for (int t = 0; t < 100; t++)
        broken[t] = e[t] = s[0][t] = (float)draw_uniform(&g);
    broken[99] = INFINITY;
    avsound_context *c = context();
    const float *const references[] = {s[0], s[1]};
    avsound_separation *separation = prepared(c, references, 2, 100, 8, e);
    avsound_separation_result r = measured(separation, e, 1);
    ck_assert_int_eq(r.flags, AVSOUND_SEPARATION_SKIPPED);
    ck_assert_double_nan(r.sdr);
    ck_assert_double_nan(r.sar);
    ck_assert_double_nan(r.si_sdr_improvement);
    r = measured(separation, broken, 0);
    ck_assert_int_eq(r.flags, AVSOUND_SEPARATION_BAD);
    ck_assert_double_eq(r.sir, -INFINITY);
    r = measured(separation, silent, 0);
    ck_assert_int_eq(r.flags, AVSOUND_SEPARATION_SILENT);
    ck_assert_double_eq(r.sdr, -INFINITY);
    r = measured(separation, e, 0);
    ck_assert_int_eq(r.flags, 0);
    ck_assert_double_eq(r.sir, INFINITY); /* the other source gives nothing to interfere with */
    ck_assert_double_nan(r.sir_improvement);
    avsound_separation_free(separation);
    separation = prepared(c, references, 1, 0, 8, NULL);
    ck_assert_int_eq(measured(separation, NULL, 0).flags, AVSOUND_SEPARATION_SKIPPED);
    avsound_separation_free(separation);
    avsound_context_free(c);
}
END_TEST

/* Two microphones of one source: everything can be explained, nothing tells who interferes. */
START_TEST(dependent_references_are_flagged_and_solved)
{
    draws g = {6};
    float s[2][300], e[300];
    for (int t = 0; t < 300; t++) {
        s[0][t] = (float)draw_uniform(&g) - 0.5f;
        s[1][t] = -0.25f * s[0][t];
        e[t] = s[0][t] + (float)(0.1 * draw_uniform(&g));
    }
    avsound_context *c = context();
    const float *const both[] = {s[0], s[1]};
    avsound_separation *two = prepared(c, both, 2, 300, 16, NULL), *one = prepared(c, both, 1, 300, 16, NULL);
    const avsound_separation_result r = measured(two, e, 0), alone = measured(one, e, 0);
    ck_assert_int_eq(r.flags, AVSOUND_SEPARATION_SINGULAR);
    ck_assert_int_eq(alone.flags, 0);
    ck_assert_double_eq_tol(r.sdr, alone.sdr, 1e-6);
    ck_assert_double_eq_tol(r.sar, alone.sar, 1e-6);
    ck_assert_double_eq(r.sir, INFINITY);
    ck_assert_double_eq(alone.sir, INFINITY);
    avsound_separation_free(two);
    avsound_separation_free(one);
    avsound_context_free(c);
}
END_TEST

START_TEST(outputs_without_names_are_put_in_order)
{
    draws g = {7};
    float s[3][200], e[3][200];
    static const int turned[] = {2, 0, 1}; /* estimate i is source turned[i] */
    for (int t = 0; t < 200; t++)
        for (int j = 0; j < 3; j++)
            s[j][t] = (float)draw_uniform(&g) - 0.5f;
    for (int i = 0; i < 3; i++)
        for (int t = 0; t < 200; t++)
            e[i][t] = s[turned[i]][t] + 0.3f * s[i][t];
    avsound_context *c = context();
    const float *const references[] = {s[0], s[1], s[2]}, *const estimates[] = {e[0], e[1], e[2]};
    const float *const same[] = {e[0], e[0], e[0]}, *const silent[] = {s[0], s[1], (const float[200]){0}};
    avsound_separation *separation = prepared(c, references, 3, 200, 4, NULL);
    int32_t order[3];
    ck_avsound(avsound_separation_order(separation, estimates, order));
    for (int j = 0; j < 3; j++)
        ck_assert_int_eq(turned[order[j]], j);
    ck_avsound(avsound_separation_order(separation, same, order));
    for (int j = 0; j < 3; j++)
        ck_assert_int_eq(order[j], j);
    ck_avsound(avsound_separation_order(separation, silent, order));
    for (int j = 0; j < 3; j++)
        ck_assert_int_eq(order[j], j);
    avsound_separation_free(separation);
    avsound_context_free(c);
}
END_TEST

START_TEST(what_cannot_be_prepared_is_refused)
{
    avsound_context *c = context();
    const float x[] = {1, 2}, broken[] = {1, NAN}, *const good[] = {x}, *const bad[] = {broken};
    avsound_separation_options o;
    avsound_separation *s;
    avsound_separation_options_init(&o, sizeof o);
    o.references = good;
    o.samples = 2;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "sources is 0");
    o.sources = 9;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "want 1...8");
    o.sources = 1;
    o.taps = 4097;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "taps is 4097");
    o.taps = 0;
    o.samples = -1;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "count is -1");
    o.samples = 2;
    o.references = bad;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "a reference holds");
    o.references = good;
    o.mixture = broken;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "mixture holds");
    ck_assert_ptr_null(s);
    avsound_context_free(c);
}
END_TEST

/* ---- numpy ---- */

typedef struct sounds {
    int32_t sources, taps;
    int n;
    float references[3][MOST], mixture[MOST], estimates[3][MOST];
} sounds;

static void draw_references(draws *s, sounds *x, int what, double colour)
{
    for (int32_t j = 0; j < x->sources; j++) {
        double value = 0;
        for (int t = 0; t < x->n; t++) {
            value = colour * value + (2 * draw_uniform(s) - 1);
            x->references[j][t] = (float)value;
        }
    }
    for (int t = 0; t < x->n; t++) {
        float *last = &x->references[x->sources - 1][t];
        *last = what == 0 ? x->references[0][t] / 2 : what == 1 ? 0 : *last;
        double sum = 0;
        for (int32_t j = 0; j < x->sources; j++)
            sum += x->references[j][t];
        x->mixture[t] = (float)sum;
    }
}

static void draw_estimates(draws *s, sounds *x, int what, int turned)
{
    for (int32_t i = 0; i < x->sources; i++) {
        const float *own = x->references[turned ? x->sources - 1 - i : i];
        const double leak = 0.5 * draw_uniform(s), echo = draw_uniform(s), noise = 0.5 * draw_uniform(s);
        for (int t = 0; t < x->n; t++)
            x->estimates[i][t] =
                (float)(own[t] + echo * own[t ? t - 1 : 0] + leak * x->mixture[t] + noise * (2 * draw_uniform(s) - 1));
    }
    for (int t = 0; t < x->n; t++)
        x->estimates[0][t] = what == 2 ? 0 : what == 3 ? x->references[0][t] : x->estimates[0][t];
    if (what == 4)
        x->estimates[0][x->n / 2] = NAN;
}

static void draw_sounds(int number, sounds *x)
{
    draws s = draws_of(9, number);
    const bool is_long = number >= METRIC_CASES - 2;
    x->sources = 1 + draw_below(&s, 3);
    x->taps = 1 + draw_below(&s, 16);
    x->n = 60 + draw_below(&s, 140);
    if (is_long) {
        x->sources = 2;
        x->taps = 512;
        x->n = 1200 + draw_below(&s, 400);
    }
    const int what = is_long ? 5 : draw_below(&s, 10);
    draw_references(&s, x, what, 0.9 * draw_uniform(&s));
    const int turned = draw_below(&s, 2);
    draw_estimates(&s, x, what, turned);
}

START_TEST(separation_agrees_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("separation");
    sounds *x = malloc(sizeof *x);
    for (int k = 0; k < METRIC_CASES; k++) {
        double figures[27];
        size_t count = 0;
        int32_t order[3];
        draw_sounds(k, x);
        const float *const references[] = {x->references[0], x->references[1], x->references[2]};
        const float *const estimates[] = {x->estimates[0], x->estimates[1], x->estimates[2]};
        avsound_separation *s = prepared(c, references, x->sources, x->n, x->taps == 512 ? 0 : x->taps, x->mixture);
        ck_avsound(avsound_separation_order(s, estimates, order));
        for (int32_t j = 0; j < x->sources; j++)
            figures[count++] = order[j];
        for (int32_t j = 0; j < x->sources; j++) {
            const avsound_separation_result r = measured(s, estimates[order[j]], j);
            const double row[] = {
                r.flags, r.sdr, r.sir, r.sar, r.si_sdr, r.sdr_improvement, r.sir_improvement, r.si_sdr_improvement};
            memcpy(figures + count, row, sizeof row);
            count += 8;
        }
        ck_golden("separation", k, golden, figures, count);
        avsound_separation_free(s);
    }
    free(x);
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

/* ---- over a set ---- */

START_TEST(infinite_figures_move_the_median_and_clamp_the_mean)
{
    avsound_context *c = context();
    const double items[] = {INFINITY, 10, -INFINITY, 20, NAN, 5, 1000};
    const uint8_t bad[] = {0, 0, 0, 0, 0, 1, 0};
    avsound_decibels_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_decibels(c, items, bad, NULL, 7, 1, &r));
    ck_assert_int_eq(r.n, 6);
    ck_assert_int_eq(r.n_bad, 1);
    ck_assert_int_eq(r.n_skipped, 1);
    ck_assert_double_eq(r.median, 15);
    ck_assert_double_eq_tol(r.mean, (100 + 10 - 50 + 20 - 50 + 100) / 6.0, 1e-12);
    ck_assert_double_lt(r.mean_low, r.mean);
    ck_avsound(avsound_metric_decibels(c, items + 2, NULL, NULL, 1, 1, &r));
    ck_assert_double_eq(r.median, -INFINITY);
    ck_assert_double_eq(r.mean, -50);
    ck_avsound(avsound_metric_decibels(c, items + 4, NULL, NULL, 1, 1, &r));
    ck_assert_double_nan(r.median);
    ck_assert_double_nan(r.mean);
    ck_avsound(avsound_metric_decibels(c, NULL, NULL, NULL, 0, 1, &r));
    ck_assert_double_nan(r.median);
    ck_assert_int_eq(r.n, 0);
    avsound_context_free(c);
}
END_TEST

START_TEST(decibels_agree_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("decibels");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(10, k);
        double items[30];
        uint8_t bad[30];
        int64_t clips[30];
        const int n = 1 + draw_below(&s, 30), clustered = draw_below(&s, 2), gaps = draw_below(&s, 3) == 0;
        const uint64_t seed = draw_word(&s);
        for (int i = 0; i < n; i++) {
            const double value = 300 * draw_uniform(&s) - 100;
            const int what = gaps ? draw_below(&s, 6) : 9;
            items[i] = what == 0 ? NAN : what == 1 ? INFINITY : what == 2 ? -INFINITY : value;
            bad[i] = what == 3;
            clips[i] = draw_below(&s, 6);
        }
        avsound_decibels_result r = {.struct_size = sizeof r};
        ck_avsound(avsound_metric_decibels(c, items, bad, clustered ? clips : NULL, n, seed, &r));
        const double figures[] = {(double)r.n, (double)r.n_bad, (double)r.n_skipped, r.median,
                                  r.mean,      r.mean_low,      r.mean_high};
        ck_golden("decibels", k, golden, figures, 7);
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    const float a[] = {1, 2, 4, 3, 9, 7}, b[] = {1, 0, 0, 5, -2, 1};
    const float *const references[] = {a, b};
    const double items[] = {1, 2};
    avsound_separation *s = NULL;
    avsound_decibels_result r = {.struct_size = sizeof r};
    avsound_separation_options o;
    avsound_separation_options_init(&o, sizeof o);
    o.references = references;
    o.sources = 2;
    o.samples = 6;
    o.taps = 2;
    ck_survives_refusals(&f, avsound_separation_create(c, &o, &s), avsound_separation_free(s));
    ck_survives_refusals(&f, avsound_metric_decibels(c, items, NULL, NULL, 2, 1, &r), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_separation", si_sdr_of_orthogonal_noise_is_the_ratio_of_energies, si_sdr_at_the_edges,
      osr_is_the_ratio_of_energies, parts_have_their_closed_form, delays_are_allowed_up_to_the_number_of_taps,
      the_mixture_improves_nothing, silence_and_broken_estimates_are_told_apart,
      dependent_references_are_flagged_and_solved, outputs_without_names_are_put_in_order,
      what_cannot_be_prepared_is_refused, separation_agrees_with_numpy,
      infinite_figures_move_the_median_and_clamp_the_mean, decibels_agree_with_numpy, refused_memory_leaves_nothing)
