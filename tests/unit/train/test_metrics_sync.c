/* Synchronisation: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

/* ---- aligned or shifted ---- */

static avsound_alignment_result alignment(const float *aligned, const float *shifted, const uint8_t *skip, int64_t n)
{
    avsound_context *c = context();
    avsound_alignment_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_alignment(c, aligned, shifted, skip, n, &r));
    avsound_context_free(c);
    return r;
}

START_TEST(perfect_worst_tied_and_broken_scores)
{
    const float high[] = {0.9f, 0.6f, 0.7f, 0.8f}, low[] = {0.1f, 0.2f, 0.4f, 0.5f}, half[] = {0.5f, 0.5f};
    const float broken[] = {NAN, 0.9f};
    const uint8_t skip[] = {0, 1, 0, 0};
    const avsound_alignment_result best = alignment(high, low, NULL, 4), worst = alignment(low, high, skip, 4);
    const avsound_alignment_result tied = alignment(half, half, NULL, 2), bad = alignment(broken, half, NULL, 2);
    const avsound_alignment_result empty = alignment(NULL, NULL, NULL, 0);
    ck_assert_double_eq(best.accuracy, 1);
    ck_assert_double_eq(best.paired, 1);
    ck_assert_double_eq(best.paired_error, 0.25);
    ck_assert_double_eq(worst.accuracy, 0);
    ck_assert_double_eq(worst.paired, 0);
    ck_assert_int_eq(worst.n, 3);
    ck_assert_int_eq(worst.n_skipped, 1);
    ck_assert_double_eq(tied.accuracy, 0.5);
    ck_assert_double_eq(tied.paired, 0.5);
    ck_assert_int_eq(bad.n_bad, 1);
    ck_assert_double_eq(bad.paired, 0.5);
    ck_assert_double_eq(bad.accuracy, 0.75);
    ck_assert_double_nan(empty.accuracy);
    ck_assert_double_nan(empty.paired_error);
}
END_TEST

START_TEST(alignment_agrees_with_numpy)
{
    json_t *golden = golden_metrics("alignment");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(11, k);
        float scores[40][2], p[40], q[40];
        const int n = 1 + draw_below(&s, 40), coarse = draw_below(&s, 2), broken = draw_below(&s, 4) == 0;
        for (int i = 0; i < n; i++) {
            for (int m = 0; m < 2; m++)
                scores[i][m] = coarse ? (float)draw_below(&s, 9) / 8 : (float)draw_uniform(&s);
            if (broken && draw_below(&s, 5) == 0)
                scores[i][draw_below(&s, 2)] = NAN;
            p[i] = scores[i][0];
            q[i] = scores[i][1];
        }
        const avsound_alignment_result r = alignment(p, q, NULL, n);
        const double figures[] = {(double)r.n,     (double)r.n_bad, (double)r.n_skipped, r.accuracy,    r.accuracy_low,
                                  r.accuracy_high, r.paired,        r.paired_low,        r.paired_high, r.paired_error};
        ck_golden("alignment", k, golden, figures, 10);
    }
    json_decref(golden);
}
END_TEST

/* ---- search ---- */

static avsound_sync_search_options search_of(const float *video, int64_t videos, const float *audio, int64_t audios,
                                             int32_t dimension)
{
    avsound_sync_search_options o;
    avsound_sync_search_options_init(&o, sizeof o);
    o.video = video;
    o.video_count = videos;
    o.audio = audio;
    o.audio_count = audios;
    o.dimension = dimension;
    return o;
}

/* What is seen at step t + 4 is heard at step t: the audio leads by 4. */
START_TEST(audio_that_leads_has_a_positive_offset)
{
    draws s = {13};
    float video[20], audio[20];
    double curve[31], offset, confidence;
    for (int t = 0; t < 20; t++)
        video[t] = (float)draw_uniform(&s);
    for (int t = 0; t < 20; t++)
        audio[t] = t < 16 ? video[t + 4] : 3;
    avsound_context *c = context();
    avsound_sync_search_options o = search_of(video, 20, audio, 20, 1);
    ck_avsound(avsound_sync_search(c, &o, curve, &offset, &confidence));
    ck_assert_double_eq(offset, 4);
    ck_assert_double_eq(curve[15 + 4], 0);
    ck_assert_double_gt(confidence, 0.1);
    /* the same clip without its first 8 pictures */
    o.video = video + 8;
    o.video_count = 12;
    o.video_first = 8;
    ck_avsound(avsound_sync_search(c, &o, NULL, &offset, &confidence));
    ck_assert_double_eq(offset, 4);
    avsound_context_free(c);
}
END_TEST

START_TEST(of_similarities_the_largest_wins)
{
    float video[20] = {0}, audio[20] = {0};
    double curve[31], offset, confidence;
    video[10] = audio[6] = 1;
    avsound_context *c = context();
    avsound_sync_search_options o = search_of(video, 20, audio, 20, 1);
    o.measure = AVSOUND_SYNC_SIMILARITY;
    ck_avsound(avsound_sync_search(c, &o, curve, &offset, &confidence));
    ck_assert_double_eq(offset, 4);
    ck_assert_double_eq(curve[15 + 4], 1 / 16.0);
    ck_assert_double_eq(curve[15], 0);
    ck_assert_double_eq(confidence, 1 / 16.0);
    avsound_context_free(c);
}
END_TEST

START_TEST(missing_sound_is_left_out_and_never_padded)
{
    /* Every picture is far from zeros; where sound is there it is far, too, but for one step at the very end. */
    const float video[] = {5, 5, 5}, audio[] = {9, 9, 5};
    double curve[7], offset, confidence;
    avsound_context *c = context();
    avsound_sync_search_options o = search_of(video, 3, audio, 3, 1);
    o.range = 3;
    ck_avsound(avsound_sync_search(c, &o, curve, &offset, &confidence));
    ck_assert_double_nan(curve[0]);
    ck_assert_double_nan(curve[6]);
    ck_assert_double_eq(offset, -2); /* only the first picture with the last sound */
    ck_assert_double_eq(curve[1], 0);
    ck_assert_double_eq(curve[5], 4);
    o.audio_count = 0;
    ck_avsound(avsound_sync_search(c, &o, curve, &offset, &confidence));
    ck_assert_double_nan(offset);
    ck_assert_double_nan(confidence);
    avsound_context_free(c);
}
END_TEST

START_TEST(ties_go_to_the_lowest_offset_and_broken_features_are_bad)
{
    const float same[] = {1, 1, 1, 1}, broken[] = {1, 1, NAN, 1};
    double offset, confidence;
    avsound_context *c = context();
    avsound_sync_search_options o = search_of(same, 4, same, 4, 1);
    o.range = 2;
    ck_avsound(avsound_sync_search(c, &o, NULL, &offset, &confidence));
    ck_assert_double_eq(offset, -2);
    ck_assert_double_eq(confidence, 0);
    o.audio = broken;
    ck_avsound(avsound_sync_search(c, &o, NULL, &offset, &confidence));
    ck_assert_double_eq(offset, INFINITY);
    o.dimension = 0;
    ck_refused(avsound_sync_search(c, &o, NULL, &offset, &confidence), AVSOUND_E_INVALID_ARGUMENT, "dimension 0");
    avsound_context_free(c);
}
END_TEST

START_TEST(search_agrees_with_numpy)
{
    avsound_context *c = context();
    json_t *golden = golden_metrics("search");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(12, k);
        float video[12 * 5], audio[24 * 5];
        double figures[2 + 17];
        const int dimension = 1 + draw_below(&s, 5), range = 1 + draw_below(&s, 8), similar = draw_below(&s, 2);
        const int videos = 1 + draw_below(&s, 12), audios = draw_below(&s, 24), first = draw_below(&s, 7) - 3;
        const int coarse = draw_below(&s, 2), broken = draw_below(&s, 10) == 0;
        for (int i = 0; i < videos * dimension; i++)
            video[i] = coarse ? (float)draw_below(&s, 3) / 2 : (float)draw_uniform(&s);
        for (int i = 0; i < audios * dimension; i++)
            audio[i] = coarse ? (float)draw_below(&s, 3) / 2 : (float)draw_uniform(&s);
        if (broken)
            video[draw_below(&s, videos) * dimension] = NAN;
        avsound_sync_search_options o = search_of(video, videos, audio, audios, dimension);
        o.range = range;
        o.measure = similar;
        o.video_first = first;
        ck_avsound(avsound_sync_search(c, &o, figures + 2, &figures[0], &figures[1]));
        ck_golden("search", k, golden, figures, (size_t)(2 + 2 * range + 1));
    }
    json_decref(golden);
    avsound_context_free(c);
}
END_TEST

/* ---- errors ---- */

static avsound_sync_result judged(const avsound_sync_options *o)
{
    avsound_context *c = context();
    avsound_sync_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_sync(c, o, &r));
    avsound_context_free(c);
    return r;
}

static avsound_sync_options options(const double *truth, const double *answers, const double *confidence, int64_t count)
{
    avsound_sync_options o;
    avsound_sync_options_init(&o, sizeof o);
    o.truth = truth;
    o.answers = answers;
    o.confidence = confidence;
    o.count = count;
    return o;
}

START_TEST(perfect_and_worst_answers)
{
    const double truth[] = {-600, 0, 40, 600}, reversed[] = {600, 2000, -400, -600}, sure[] = {3, 2, 5, 4};
    avsound_sync_options o = options(truth, truth, sure, 4);
    const avsound_sync_result best = judged(&o);
    ck_assert_double_eq(best.within, 1);
    ck_assert_double_eq(best.tolerable, 1);
    ck_assert_double_eq(best.exact_class, 1);
    ck_assert_double_eq(best.bias, 0);
    ck_assert_double_eq(best.p95_error, 0);
    ck_assert_double_eq(best.answered, 1);
    ck_assert_double_nan(best.confidence_auc);
    ck_assert_double_nan(best.abstained);
    o.answers = reversed;
    const avsound_sync_result worst = judged(&o);
    ck_assert_double_eq(worst.within, 0);
    ck_assert_double_eq(worst.within_all, 0);
    ck_assert_double_eq(worst.tolerable, 0);
    ck_assert_double_eq(worst.near_class, 0);
    ck_assert_double_eq(worst.median_error, 1200);
}
END_TEST

/* Of a detector whose answers are uniform over 31 frames three hit a truth of 0. */
START_TEST(chance_is_three_in_thirty_one)
{
    double truth[31] = {0}, answers[31], confidence[31];
    for (int i = 0; i < 31; i++) {
        answers[i] = 40.0 * (i - 15);
        confidence[i] = 1;
    }
    avsound_sync_options o = options(truth, answers, confidence, 31);
    const avsound_sync_result r = judged(&o);
    ck_assert_double_eq(r.within, 3 / 31.0);
    ck_assert_double_eq(r.bias, 0);
    ck_assert_double_eq(r.confidence_auc, 0.5);
    ck_assert_double_eq(r.median_error, 320); /* |k| has every value but 0 twice: the 16th of 31 */
    ck_assert_double_eq(r.tolerable, 5 / 31.0); /* -40 ... 120 */
}
END_TEST

/* Twenty-one classes of 0.2 s: 1/21 of uniform answers agree, 61/441 of uniform pairs differ by one at most. */
START_TEST(classes_have_their_chance)
{
    double truth[441], answers[441];
    for (int i = 0; i < 441; i++) {
        truth[i] = 200.0 * (i / 21 - 10);
        answers[i] = 200.0 * (i % 21 - 10) + (i % 3 ? 99 : -100);
    }
    avsound_sync_options o = options(truth, answers, NULL, 441);
    const avsound_sync_result r = judged(&o);
    ck_assert_double_eq_tol(r.exact_class, 1 / 21.0, 1e-12);
    ck_assert_double_eq_tol(r.near_class, 61 / 441.0, 1e-12);
}
END_TEST

/* The residual is truth - answer: early sound is noticed sooner than late. */
START_TEST(bounds_are_where_they_are_documented)
{
    const double truth[] = {0, 0, 0, 0, 0, 0}, answers[] = {40, -40, 125, 125.1, -45, -45.1};
    avsound_sync_options o = options(truth, answers, NULL, 6);
    avsound_sync_result r = judged(&o);
    ck_assert_double_eq(r.within, 2 / 6.0);
    ck_assert_double_eq(r.tolerable, 4 / 6.0);
    o.frame_ms = 45;
    r = judged(&o);
    ck_assert_double_eq(r.within, 3 / 6.0);
    ck_assert_double_nan(r.confidence_auc);
}
END_TEST

START_TEST(cannot_tell_is_scored_apart)
{
    const double truth[] = {0, 0, 0, 7, NAN}, answers[] = {NAN, 0, INFINITY, 0, 3};
    const double nothing[] = {NAN, 0}, confidence[] = {9, NAN, 1, 5, 5};
    const uint8_t undecidable[] = {0, 0, 0, 1, 0}, all[] = {1, 1};
    avsound_sync_options o = options(truth, answers, confidence, 5);
    o.undecidable = undecidable;
    const avsound_sync_result r = judged(&o);
    ck_assert_int_eq(r.n, 3);
    ck_assert_int_eq(r.n_answered, 2);
    ck_assert_int_eq(r.n_bad, 1);
    ck_assert_int_eq(r.n_skipped, 1);
    ck_assert_int_eq(r.n_undecidable, 1);
    ck_assert_double_eq(r.answered, 2 / 3.0);
    ck_assert_double_eq(r.within, 0.5);
    ck_assert_double_eq(r.within_all, 1 / 3.0);
    ck_assert_double_eq(r.abstained, 0);
    ck_assert_double_eq(r.bias, 0);
    ck_assert_double_eq(r.median_error, INFINITY);
    ck_assert_double_eq(r.confidence_auc, 0); /* the right answer's confidence is no number */
    o = options(nothing, nothing, NULL, 2);
    o.undecidable = all;
    const avsound_sync_result still = judged(&o);
    ck_assert_int_eq(still.n, 0);
    ck_assert_double_eq(still.abstained, 0.5);
    ck_assert_double_nan(still.within);
    ck_assert_double_nan(still.bias);
    o = options(NULL, NULL, NULL, 0);
    ck_assert_double_nan(judged(&o).within_all);
    ck_assert_double_nan(judged(&o).p95_error);
}
END_TEST

START_TEST(order_of_the_clips_and_scale_of_the_confidence_do_not_matter)
{
    draws s = {12};
    double truth[2][50], answers[2][50], confidence[2][50];
    for (int i = 0; i < 50; i++) {
        truth[1][49 - i] = truth[0][i] = 40.0 * draw_below(&s, 9);
        answers[1][49 - i] = answers[0][i] = 40.0 * draw_below(&s, 9);
        confidence[0][i] = draw_below(&s, 20);
        confidence[1][49 - i] = 4 * confidence[0][i] + 1;
    }
    avsound_sync_options o = options(truth[0], answers[0], confidence[0], 50);
    const avsound_sync_result a = judged(&o);
    o = options(truth[1], answers[1], confidence[1], 50);
    const avsound_sync_result b = judged(&o);
    ck_assert_double_eq(a.within, b.within);
    ck_assert_double_eq(a.tolerable, b.tolerable);
    ck_assert_double_eq(a.bias, b.bias);
    ck_assert_double_eq(a.p95_error, b.p95_error);
    ck_assert_double_eq(a.confidence_auc, b.confidence_auc);
    ck_assert_double_gt(a.confidence_auc, 0);
    ck_assert_double_lt(a.confidence_auc, 1);
}
END_TEST

START_TEST(what_cannot_be_judged_is_refused)
{
    avsound_context *c = context();
    const double truth[] = {INFINITY}, answers[] = {0};
    const uint8_t undecidable[] = {1};
    avsound_sync_result r = {.struct_size = sizeof r};
    avsound_sync_options o = options(truth, answers, NULL, 1);
    ck_refused(avsound_metric_sync(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "truth[0] is infinite");
    o.undecidable = undecidable;
    ck_avsound(avsound_metric_sync(c, &o, &r));
    o.frame_ms = -1;
    ck_refused(avsound_metric_sync(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "frame_ms is -1");
    o = options(truth, NULL, NULL, 1);
    ck_refused(avsound_metric_sync(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "answers is NULL");
    avsound_context_free(c);
}
END_TEST

START_TEST(sync_agrees_with_numpy)
{
    json_t *golden = golden_metrics("sync");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(13, k);
        double truth[40], answers[40], confidence[40];
        uint8_t undecidable[40];
        const int n = 1 + draw_below(&s, 40), gaps = draw_below(&s, 3) == 0, frame = 25 + 5 * draw_below(&s, 5);
        const uint64_t seed = draw_word(&s);
        for (int i = 0; i < n; i++) {
            truth[i] = (draw_below(&s, 31) - 15) * 40.0;
            if (draw_below(&s, 2))
                answers[i] = truth[i] + (draw_below(&s, 13) - 6) * 20;
            else
                answers[i] = truth[i] + 400 * draw_uniform(&s) - 200;
            confidence[i] = draw_below(&s, 2) ? draw_below(&s, 9) / 8.0 : draw_uniform(&s);
            const int what = gaps ? draw_below(&s, 8) : 9;
            truth[i] = what == 0 ? NAN : truth[i];
            answers[i] = what == 1 || what == 4 ? NAN : what == 2 ? INFINITY : answers[i];
            confidence[i] = what == 5 ? NAN : confidence[i];
            undecidable[i] = what == 3 || what == 4;
        }
        avsound_sync_options o = options(truth, answers, confidence, n);
        o.undecidable = undecidable;
        o.frame_ms = frame;
        o.seed = seed;
        const avsound_sync_result r = judged(&o);
        const double figures[] = {(double)r.n,
                                  (double)r.n_bad,
                                  (double)r.n_skipped,
                                  (double)r.n_answered,
                                  (double)r.n_undecidable,
                                  r.answered,
                                  r.answered_low,
                                  r.answered_high,
                                  r.within,
                                  r.within_low,
                                  r.within_high,
                                  r.within_all,
                                  r.within_all_low,
                                  r.within_all_high,
                                  r.tolerable,
                                  r.tolerable_low,
                                  r.tolerable_high,
                                  r.exact_class,
                                  r.exact_class_low,
                                  r.exact_class_high,
                                  r.near_class,
                                  r.near_class_low,
                                  r.near_class_high,
                                  r.bias,
                                  r.bias_low,
                                  r.bias_high,
                                  r.median_error,
                                  r.p95_error,
                                  r.confidence_auc,
                                  r.abstained,
                                  r.abstained_low,
                                  r.abstained_high};
        ck_golden("sync", k, golden, figures, sizeof figures / sizeof figures[0]);
    }
    json_decref(golden);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    const float scores[] = {0.75f, 0.5f};
    const double offsets[] = {0, 40};
    double offset, confidence;
    avsound_alignment_result a = {.struct_size = sizeof a};
    avsound_sync_result r = {.struct_size = sizeof r};
    avsound_sync_search_options search = search_of(scores, 2, scores, 2, 1);
    avsound_sync_options o = options(offsets, offsets, offsets, 2);
    ck_survives_refusals(&f, avsound_metric_alignment(c, scores, scores, NULL, 2, &a), (void)0);
    ck_survives_refusals(&f, avsound_sync_search(c, &search, NULL, &offset, &confidence), (void)0);
    ck_survives_refusals(&f, avsound_metric_sync(c, &o, &r), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_sync", perfect_worst_tied_and_broken_scores, alignment_agrees_with_numpy,
      audio_that_leads_has_a_positive_offset, of_similarities_the_largest_wins,
      missing_sound_is_left_out_and_never_padded, ties_go_to_the_lowest_offset_and_broken_features_are_bad,
      search_agrees_with_numpy, perfect_and_worst_answers, chance_is_three_in_thirty_one, classes_have_their_chance,
      bounds_are_where_they_are_documented, cannot_tell_is_scored_apart,
      order_of_the_clips_and_scale_of_the_confidence_do_not_matter, what_cannot_be_judged_is_refused,
      sync_agrees_with_numpy, refused_memory_leaves_nothing)
