/* Shares, means, correspondence: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

/* ---- intervals ---- */

START_TEST(wilson_agrees_with_published_values)
{
    /* Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29, at four digits. */
    static const struct {
        int right, n;
        double low, high;
    } cases[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double low, high;
        ck_avsound(avsound_wilson_interval((double)cases[i].right / cases[i].n, cases[i].n, &low, &high));
        ck_assert_double_eq_tol(low, cases[i].low, 5e-5);
        ck_assert_double_eq_tol(high, cases[i].high, 5e-5);
    }
}
END_TEST

START_TEST(wilson_of_nothing_is_nan)
{
    double low, high;
    ck_avsound(avsound_wilson_interval(NAN, 0, &low, &high));
    ck_assert_double_nan(low);
    ck_assert_double_nan(high);
    ck_refused(avsound_wilson_interval(1.5, 3, &low, &high), AVSOUND_E_INVALID_ARGUMENT, "share is 1.5");
    ck_refused(avsound_wilson_interval(NAN, 3, &low, &high), AVSOUND_E_INVALID_ARGUMENT, "share is");
    ck_refused(avsound_wilson_interval(0.5, -1, &low, &high), AVSOUND_E_INVALID_ARGUMENT, "n is -1");
}
END_TEST

START_TEST(share_counts_bad_as_wrong_and_leaves_skipped_out)
{
    const double items[] = {1, 0.5, NAN, INFINITY, 0};
    avsound_estimate e = {.struct_size = sizeof e};
    ck_avsound(avsound_metric_share(items, 5, &e));
    ck_assert_int_eq(e.n, 4);
    ck_assert_int_eq(e.n_bad, 1);
    ck_assert_int_eq(e.n_skipped, 1);
    ck_assert_double_eq(e.value, 1.5 / 4);
    ck_avsound(avsound_metric_share(items, 0, &e));
    ck_assert_double_nan(e.value);
    ck_assert_int_eq(e.n, 0);
    const double beyond[] = {2};
    ck_refused(avsound_metric_share(beyond, 1, &e), AVSOUND_E_INVALID_ARGUMENT, "items[0] is 2");
}
END_TEST

START_TEST(mean_of_equal_items_has_no_width)
{
    avsound_context *c = context();
    const double items[] = {0.25, 0.25, 0.25, NAN};
    avsound_estimate e = {.struct_size = sizeof e};
    ck_avsound(avsound_metric_mean(c, items, NULL, 4, 1, &e));
    ck_assert_double_eq(e.value, 0.25);
    ck_assert_double_eq(e.low, 0.25);
    ck_assert_double_eq(e.high, 0.25);
    ck_avsound(avsound_metric_mean(c, items + 3, NULL, 1, 1, &e));
    ck_assert_double_nan(e.value);
    ck_assert_double_nan(e.low);
    ck_assert_int_eq(e.n_skipped, 1);
    avsound_context_free(c);
}
END_TEST

/* The bootstrap of n coin flips has the standard error sqrt(p (1 - p) / n). */
START_TEST(bootstrap_has_the_width_of_the_standard_error)
{
    avsound_context *c = context();
    double items[400];
    for (int i = 0; i < 400; i++)
        items[i] = i % 4 == 0;
    avsound_estimate e = {.struct_size = sizeof e};
    ck_avsound(avsound_metric_mean(c, items, NULL, 400, 5, &e));
    const double error = sqrt(0.25 * 0.75 / 400);
    ck_assert_double_eq_tol(e.high - e.low, 2 * 1.96 * error, 0.15 * error * 2 * 1.96);
    avsound_context_free(c);
}
END_TEST

START_TEST(items_of_one_clip_are_drawn_together)
{
    avsound_context *c = context();
    double items[40];
    int64_t clips[40];
    for (int i = 0; i < 40; i++) {
        items[i] = i / 4 % 2;
        clips[i] = i / 4;
    }
    avsound_estimate alone = {.struct_size = sizeof alone}, together = alone;
    ck_avsound(avsound_metric_mean(c, items, NULL, 40, 1, &alone));
    ck_avsound(avsound_metric_mean(c, items, clips, 40, 1, &together));
    ck_assert_double_eq(alone.value, together.value);
    ck_assert_double_gt(together.high - together.low, 1.5 * (alone.high - alone.low));
    avsound_context_free(c);
}
END_TEST

START_TEST(mean_agrees_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("mean");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(2, k);
        double items[30];
        int64_t clips[30];
        const int n = 1 + draw_below(&s, 30), clustered = draw_below(&s, 2), gaps = draw_below(&s, 3) == 0;
        const uint64_t seed = draw_word(&s);
        for (int i = 0; i < n; i++) {
            const double value = 4 * draw_uniform(&s) - 2;
            const int what = gaps ? draw_below(&s, 4) : 9;
            items[i] = what == 0 ? NAN : what == 1 ? INFINITY : value;
            clips[i] = draw_below(&s, 6);
        }
        avsound_estimate e = {.struct_size = sizeof e};
        ck_avsound(avsound_metric_mean(c, items, clustered ? clips : NULL, n, seed, &e));
        const double figures[] = {(double)e.n, (double)e.n_bad, (double)e.n_skipped, e.value, e.low, e.high};
        ck_golden("mean", k, golden, figures, 6);
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

/* ---- correspondence ---- */

static avsound_avc_result avc(const float *positive, const float *negative, const uint8_t *skip, int64_t n)
{
    avsound_context *c = context();
    avsound_avc_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_avc(c, positive, negative, skip, n, &r));
    avsound_context_free(c);
    return r;
}

START_TEST(perfect_and_worst_scores)
{
    const float high[] = {0.9f, 0.8f, 0.6f}, low[] = {0.1f, 0.4f, 0.2f};
    const avsound_avc_result best = avc(high, low, NULL, 3), worst = avc(low, high, NULL, 3);
    ck_assert_double_eq(best.accuracy, 1);
    ck_assert_double_eq(best.auc, 1);
    ck_assert_double_eq(best.paired, 1);
    ck_assert_double_eq(worst.accuracy, 0);
    ck_assert_double_eq(worst.auc, 0);
    ck_assert_double_eq(worst.paired, 0);
}
END_TEST

START_TEST(a_half_means_no_and_ties_count_half)
{
    const float half[] = {0.5f, 0.5f};
    const avsound_avc_result r = avc(half, half, NULL, 2);
    ck_assert_double_eq(r.accuracy, 0.5); /* both positives missed, both negatives right */
    ck_assert_double_eq(r.auc, 0.5);
    ck_assert_double_eq(r.paired, 0.5);
}
END_TEST

START_TEST(scaled_scores_change_no_rank_figure)
{
    draws s = {7};
    float p[50], q[50], scaled_p[50], scaled_q[50];
    for (int i = 0; i < 50; i++) {
        p[i] = (float)draw_below(&s, 64);
        q[i] = (float)draw_below(&s, 64);
        scaled_p[i] = 8 * p[i] + 1;
        scaled_q[i] = 8 * q[i] + 1;
    }
    const avsound_avc_result a = avc(p, q, NULL, 50), b = avc(scaled_p, scaled_q, NULL, 50);
    ck_assert_double_eq(a.auc, b.auc);
    ck_assert_double_eq(a.paired, b.paired);
    ck_assert_double_gt(a.auc, 0);
}
END_TEST

START_TEST(order_of_the_clips_does_not_matter)
{
    draws s = {8};
    float p[33], q[33], back_p[33], back_q[33];
    for (int i = 0; i < 33; i++) {
        back_p[32 - i] = p[i] = (float)draw_uniform(&s);
        back_q[32 - i] = q[i] = (float)draw_uniform(&s);
    }
    const avsound_avc_result a = avc(p, q, NULL, 33), b = avc(back_p, back_q, NULL, 33);
    ck_assert_mem_eq(&a, &b, sizeof a);
}
END_TEST

START_TEST(nan_is_an_error_everywhere)
{
    const float p[] = {NAN, 0.9f}, q[] = {0.1f, INFINITY};
    const avsound_avc_result r = avc(p, q, NULL, 2);
    ck_assert_int_eq(r.n, 2);
    ck_assert_int_eq(r.n_bad, 2);
    ck_assert_double_eq(r.accuracy, 0.5);
    ck_assert_double_eq(r.paired, 0);
    ck_assert_double_eq(r.auc, 0.25); /* only 0.9 against 0.1 */
}
END_TEST

START_TEST(empty_and_single_sets)
{
    const float p[] = {0.75f}, q[] = {0.25f};
    const uint8_t skip[] = {1};
    const avsound_avc_result empty = avc(NULL, NULL, NULL, 0), skipped = avc(p, q, skip, 1), one = avc(p, q, NULL, 1);
    ck_assert_double_nan(empty.accuracy);
    ck_assert_double_nan(empty.auc);
    ck_assert_double_nan(empty.paired_low);
    ck_assert_int_eq(skipped.n_skipped, 1);
    ck_assert_double_nan(skipped.accuracy);
    ck_assert_double_eq(one.auc, 1);
    ck_assert_int_eq(one.n, 1);
}
END_TEST

START_TEST(correspondence_agrees_with_numpy)
{
    json_t *golden = golden_metrics("avc");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(1, k);
        float scores[40][2], p[40], q[40];
        uint8_t skip[40];
        const int n = 1 + draw_below(&s, 40), coarse = draw_below(&s, 2), broken = draw_below(&s, 4) == 0;
        const int skipping = draw_below(&s, 4) == 0;
        for (int i = 0; i < n; i++) {
            for (int m = 0; m < 2; m++) {
                scores[i][m] = coarse ? (float)draw_below(&s, 9) / 8 : (float)draw_uniform(&s);
                if (broken && draw_below(&s, 5) == 0)
                    scores[i][m] = NAN;
            }
            p[i] = scores[i][0];
            q[i] = scores[i][1];
            skip[i] = skipping && draw_below(&s, 3) == 0;
        }
        const avsound_avc_result r = avc(p, q, skip, n);
        const double figures[] = {
            (double)r.n, (double)r.n_bad, (double)r.n_skipped, r.accuracy,   r.accuracy_low, r.accuracy_high,
            r.auc,       r.paired,        r.paired_low,        r.paired_high};
        ck_golden("avc", k, golden, figures, 10);
    }
    json_decref(golden);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    const float p[] = {0.75f, 0.5f}, q[] = {0.25f, 0.5f};
    const double items[] = {1, 2};
    avsound_avc_result r = {.struct_size = sizeof r};
    avsound_estimate e = {.struct_size = sizeof e};
    ck_survives_refusals(&f, avsound_metric_avc(c, p, q, NULL, 2, &r), (void)0);
    ck_survives_refusals(&f, avsound_metric_mean(c, items, NULL, 2, 1, &e), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_statistics", wilson_agrees_with_published_values, wilson_of_nothing_is_nan,
      share_counts_bad_as_wrong_and_leaves_skipped_out, mean_of_equal_items_has_no_width,
      bootstrap_has_the_width_of_the_standard_error, items_of_one_clip_are_drawn_together, mean_agrees_with_numpy,
      perfect_and_worst_scores, a_half_means_no_and_ties_count_half, scaled_scores_change_no_rank_figure,
      order_of_the_clips_does_not_matter, nan_is_an_error_everywhere, empty_and_single_sets,
      correspondence_agrees_with_numpy, refused_memory_leaves_nothing)
