/* Localisation figures: closed forms, and numpy on random cases. */
#include "golden/metrics.h"

#include "failing.h"

static avsound_context *context(void)
{
    avsound_context *c;
    ck_avsound(avsound_context_create(NULL, &c));
    return c;
}

static avsound_map_measure_result measure(const avsound_map_options *o)
{
    avsound_context *c = context();
    avsound_map_measure_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_map_measure(c, o, &r));
    avsound_context_free(c);
    return r;
}

/* A frame of 280 x 140 under a map of 14 x 14: cells of 20 x 10 pixels. */
static avsound_map_options frame_with(const float *map, const double *boxes, int32_t box_count)
{
    avsound_map_options o;
    avsound_map_options_init(&o, sizeof o);
    o.rows = o.cols = 14;
    o.width = 280;
    o.height = 140;
    o.map = map;
    o.boxes = boxes;
    o.box_count = box_count;
    return o;
}

/* ---- pointing ---- */

START_TEST(the_peak_cells_centre_decides)
{
    float map[196] = {[3 * 14 + 5] = 1};
    double box[] = {105, 30, 110, 40}; /* the centre of the cell is (110, 35): half-open */
    avsound_map_options o = frame_with(map, box, 1);
    ck_assert_double_eq(measure(&o).x, 110);
    ck_assert_double_eq(measure(&o).y, 35);
    ck_assert_double_eq(measure(&o).hit, 0);
    box[2] = 110.5;
    ck_assert_double_eq(measure(&o).hit, 1);
    box[0] = 110;
    ck_assert_double_eq(measure(&o).hit, 1);
    ck_assert_double_eq(measure(&o).centre_hit, 0);
    const double centre[] = {0, 0, 1, 1, 140, 70, 141, 71};
    o.boxes = centre;
    o.box_count = 2;
    ck_assert_double_eq(measure(&o).centre_hit, 1);
}
END_TEST

START_TEST(a_constant_map_is_a_miss_and_ties_go_to_the_lowest)
{
    float map[196] = {0};
    const double all[] = {0, 0, 280, 140}, corner[] = {0, 0, 20, 10};
    avsound_map_options o = frame_with(map, all, 1);
    ck_assert_double_eq(measure(&o).hit, 0);
    ck_assert_double_eq(measure(&o).centre_hit, 1);
    map[0] = map[100] = 1;
    o.boxes = corner;
    ck_assert_double_eq(measure(&o).hit, 1);
}
END_TEST

START_TEST(boxes_are_clipped_and_empty_ones_dropped)
{
    const float map[196] = {1};
    const double outside[] = {-50, -50, 0, 0, 30, 30, 30, 50}, across[] = {-1e6, -1e6, 11, 6};
    avsound_map_options o = frame_with(map, outside, 2);
    ck_assert_double_nan(measure(&o).hit);
    ck_assert_double_nan(measure(&o).ciou);
    o.boxes = across;
    o.box_count = 1;
    ck_assert_double_eq(measure(&o).hit, 1);
    o.box_count = 0;
    ck_assert_double_nan(measure(&o).hit);
    ck_assert_double_nan(measure(&o).centre_hit);
}
END_TEST

START_TEST(a_map_that_is_not_finite_is_bad)
{
    const float map[196] = {[50] = NAN};
    const double box[] = {0, 0, 280, 140};
    avsound_map_options o = frame_with(map, box, 1);
    avsound_map_measure_result r = measure(&o);
    ck_assert_double_eq(r.hit, -INFINITY);
    ck_assert_double_eq(r.ciou, -INFINITY);
    ck_assert_double_eq(r.confidence, -INFINITY);
    ck_assert_double_eq(r.centre_hit, 1);
    o.box_count = 0;
    r = measure(&o);
    ck_assert_double_nan(r.hit);
    ck_assert_double_nan(r.ciou);
}
END_TEST

START_TEST(confidence_is_the_mean_of_the_largest_quarter)
{
    float map[196];
    for (int i = 0; i < 196; i++)
        map[i] = (float)((i * 37) % 196);
    avsound_map_options o = frame_with(map, NULL, 0);
    ck_assert_double_eq_tol(measure(&o).confidence, 195 - 24.0, 1e-12); /* 147...195 */
    ck_assert_double_eq(measure(&o).maximum, 195);
    o.rows = 1;
    o.cols = 5;
    const float five[] = {1, 2, 3, 4, 5};
    o.map = five;
    ck_assert_double_eq(measure(&o).confidence, 4.5);
}
END_TEST

/* ---- cIoU ---- */

/* The map is 1 on the left half, 0 on the right; a ramp of one cell lies between. */
static void fill_left(float *map)
{
    for (int i = 0; i < 196; i++)
        map[i] = i % 14 < 7;
}

START_TEST(a_prediction_of_the_box_itself_is_perfect)
{
    float map[196];
    fill_left(map);
    const double left[] = {0, 0, 140, 140}, right[] = {140, 0, 280, 140};
    avsound_map_options o = frame_with(map, left, 1);
    o.mode = AVSOUND_CIOU_ADAPTIVE;
    ck_assert_double_eq(measure(&o).ciou, 1);
    o.mode = AVSOUND_CIOU_FIXED;
    o.threshold = 0.5;
    ck_assert_double_eq(measure(&o).ciou, 1);
    o.boxes = right;
    ck_assert_double_eq(measure(&o).ciou, 0);
    ck_assert_double_eq(measure(&o).whole_frame_ciou, 0.5);
    o.mode = AVSOUND_CIOU_ADAPTIVE;
    ck_assert_double_eq(measure(&o).ciou, 0);
}
END_TEST

START_TEST(half_splits_at_the_median)
{
    /* One row above the other: the upper half is predicted; of a box over the upper quarter that is twice as much. */
    const float map[] = {1, 0};
    const double quarter[] = {0, 0, 280, 35};
    avsound_map_options o = frame_with(map, quarter, 1);
    o.rows = 2;
    o.cols = 1;
    const avsound_map_measure_result above = measure(&o);
    ck_assert_double_eq(above.ciou, (double)(56 * 224) / (56 * 224 + 55 * 224)); /* v is a row's, which is left out */
    o.mode = AVSOUND_CIOU_HALF_OR_EQUAL;
    ck_assert_double_eq(measure(&o).ciou, 0.5);
}
END_TEST

START_TEST(of_a_constant_map_half_predicts_nothing_or_all)
{
    const float map[196] = {0};
    const double quarter[] = {0, 0, 140, 70};
    avsound_map_options o = frame_with(map, quarter, 1);
    ck_assert_double_eq(measure(&o).ciou, 0);
    o.mode = AVSOUND_CIOU_HALF_OR_EQUAL;
    ck_assert_double_eq(measure(&o).ciou, 0.25);
    ck_assert_double_eq(measure(&o).whole_frame_ciou, 0.25);
    o.mode = AVSOUND_CIOU_ADAPTIVE; /* the first quarter of all rows */
    ck_assert_double_eq(measure(&o).ciou, (double)(56 * 112) / (112 * 112 + 56 * 112));
}
END_TEST

START_TEST(consensus_weighs_by_annotators)
{
    float map[196];
    fill_left(map);
    const double two[] = {0, 0, 140, 140, 0, 0, 70, 140};
    avsound_map_options o = frame_with(map, two, 2);
    o.mode = AVSOUND_CIOU_FIXED;
    o.threshold = 2;
    ck_assert_double_eq(measure(&o).ciou, 0);
    o.threshold = 0;
    o.truth = AVSOUND_TRUTH_CONSENSUS;
    /* a quarter of the frame weighs 1, another 1/2, half of it nothing */
    ck_assert_double_eq(measure(&o).ciou, 0.375 / (0.375 + 0.5));
    ck_assert_double_eq(measure(&o).whole_frame_ciou, 0.375 / (0.375 + 0.5));
}
END_TEST

START_TEST(scaling_a_map_changes_only_fixed)
{
    draws s = {3};
    float map[196], scaled[196];
    for (int i = 0; i < 196; i++) {
        map[i] = (float)draw_uniform(&s);
        scaled[i] = 0.25f * map[i];
    }
    const double box[] = {20, 20, 100, 90};
    avsound_map_options a = frame_with(map, box, 1), b = frame_with(scaled, box, 1);
    for (int mode = AVSOUND_CIOU_HALF; mode <= AVSOUND_CIOU_FIXED; mode++) {
        a.mode = b.mode = mode;
        a.threshold = b.threshold = 0.3;
        const avsound_map_measure_result x = measure(&a), y = measure(&b);
        ck_assert_double_eq(x.hit, y.hit);
        if (mode == AVSOUND_CIOU_FIXED)
            ck_assert_double_ne(x.ciou, y.ciou);
        else
            ck_assert_double_eq(x.ciou, y.ciou);
    }
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    avsound_context *c = context();
    avsound_map_measure_result r = {.struct_size = sizeof r};
    const float map[196] = {0};
    const double box[] = {0, 0, NAN, 1};
    avsound_map_options o = frame_with(map, box, 1);
    ck_refused(avsound_map_measure(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "box 0");
    o.box_count = 0;
    o.mode = 4;
    ck_refused(avsound_map_measure(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "mode is 4");
    o.mode = 0;
    o.width = 0;
    ck_refused(avsound_map_measure(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "frame is 0");
    o.width = 1;
    o.rows = 0;
    ck_refused(avsound_map_measure(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "0 x 14");
    avsound_context_free(c);
}
END_TEST

START_TEST(maps_agree_with_numpy)
{
    json_t *golden = golden_metrics("maps");
    static const int sizes[] = {7, 14, 28, 1, 56, 9}, steps[] = {2, 5, 1 << 12};
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(5, k);
        static float map[56 * 56];
        double boxes[4][4];
        avsound_map_options o;
        avsound_map_options_init(&o, sizeof o);
        o.rows = sizes[draw_below(&s, 6)];
        o.cols = sizes[draw_below(&s, 6)];
        o.width = 16 + draw_below(&s, 400);
        o.height = 16 + draw_below(&s, 400);
        o.mode = draw_below(&s, 4);
        o.truth = draw_below(&s, 2);
        const int levels = steps[draw_below(&s, 3)], broken = draw_below(&s, 12) == 0;
        o.threshold = draw_uniform(&s);
        for (int i = 0; i < o.rows * o.cols; i++)
            map[i] = (float)draw_below(&s, levels) / 4096 * (float)(4096 / levels);
        if (broken)
            map[o.rows * o.cols / 2] = -INFINITY;
        o.box_count = draw_below(&s, 4);
        for (int i = 0; i < o.box_count; i++) {
            const double x = (draw_uniform(&s) * 1.4 - 0.3) * o.width, y = (draw_uniform(&s) * 1.4 - 0.3) * o.height;
            boxes[i][0] = x;
            boxes[i][1] = y;
            boxes[i][2] = x + (draw_uniform(&s) - 0.1) * o.width;
            boxes[i][3] = y + (draw_uniform(&s) - 0.1) * o.height;
        }
        o.map = map;
        o.boxes = boxes[0];
        const avsound_map_measure_result r = measure(&o);
        const double figures[] = {r.hit, r.centre_hit, r.x, r.y, r.ciou, r.whole_frame_ciou, r.confidence, r.maximum};
        ck_golden("maps", k, golden, figures, 8);
    }
    json_decref(golden);
}
END_TEST

/* ---- sets ---- */

START_TEST(area_of_all_zero_and_all_one)
{
    const double zero[] = {0, 0, 0}, one[] = {1, 1, 1}, mixed[] = {0.5, NAN, -INFINITY, 0.49};
    avsound_ciou_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_ciou(zero, 3, &r));
    ck_assert_double_eq_tol(r.auc, 0.025, 1e-12);
    ck_assert_double_eq(r.at_half, 0);
    ck_avsound(avsound_metric_ciou(one, 3, &r));
    ck_assert_double_eq_tol(r.auc, 1, 1e-12);
    ck_assert_double_eq(r.at_half, 1);
    ck_avsound(avsound_metric_ciou(mixed, 4, &r));
    ck_assert_int_eq(r.n, 3);
    ck_assert_int_eq(r.n_bad, 1);
    ck_assert_int_eq(r.n_skipped, 1);
    ck_assert_double_eq_tol(r.at_half, 1.0 / 3, 1e-12);
    ck_avsound(avsound_metric_ciou(NULL, 0, &r));
    ck_assert_double_nan(r.auc);
    ck_assert_double_nan(r.at_half_low);
}
END_TEST

static double draw_item(draws *s, int gaps)
{
    const double value = draw_below(s, 2) ? draw_below(s, 21) / 20. : draw_uniform(s);
    const int what = gaps ? draw_below(s, 5) : 9;
    return what == 0 ? NAN : what == 1 ? -INFINITY : value;
}

START_TEST(ciou_sets_agree_with_numpy)
{
    json_t *golden = golden_metrics("ciou");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(6, k);
        double items[40];
        const int n = 1 + draw_below(&s, 40), gaps = draw_below(&s, 3) == 0;
        for (int i = 0; i < n; i++)
            items[i] = draw_item(&s, gaps);
        avsound_ciou_result r = {.struct_size = sizeof r};
        ck_avsound(avsound_metric_ciou(items, n, &r));
        const double figures[] = {
            (double)r.n, (double)r.n_bad, (double)r.n_skipped, r.at_half, r.at_half_low, r.at_half_high, r.auc};
        ck_golden("ciou", k, golden, figures, 7);
    }
    json_decref(golden);
}
END_TEST

static avsound_negatives_result detect(const double *ciou, const double *confidence, const uint8_t *positive, int64_t n)
{
    avsound_context *c = context();
    avsound_negatives_result r = {.struct_size = sizeof r};
    ck_avsound(avsound_metric_negatives(c, ciou, confidence, positive, n, &r));
    avsound_context_free(c);
    return r;
}

START_TEST(detection_that_separates_is_perfect)
{
    const double ciou[] = {1, 0.5, NAN, NAN}, confidence[] = {0.9, 0.8, 0.7, 0.1}, other[] = {0.1, 0.2, 0.7, 0.9};
    const uint8_t positive[] = {1, 1, 0, 0};
    avsound_negatives_result r = detect(ciou, confidence, positive, 4);
    ck_assert_double_eq(r.max_f1, 1);
    ck_assert_double_eq(r.average_precision, 1);
    ck_assert_double_eq(r.false_alarms, 0);
    ck_assert_double_eq(r.threshold, 0.8);
    ck_assert_int_eq(r.n_negative, 2);
    r = detect(ciou, other, positive, 4); /* the negatives fire first: 2 right of 4 at full recall */
    ck_assert_double_eq_tol(r.max_f1, 2 * 0.5 / 1.5, 1e-12);
    ck_assert_double_eq(r.average_precision, 0.5);
    ck_assert_double_eq(r.false_alarms, 1);
    const double missed[] = {0.1, 0.2, NAN, NAN};
    r = detect(missed, confidence, positive, 4);
    ck_assert_double_eq(r.max_f1, 0);
    ck_assert_double_eq(r.average_precision, 0);
    ck_assert_double_eq(r.threshold, INFINITY);
}
END_TEST

START_TEST(detection_of_nothing_is_nan)
{
    const double none[] = {NAN}, confidence[] = {1};
    const uint8_t negative[] = {0}, positive[] = {1};
    avsound_negatives_result r = detect(NULL, NULL, NULL, 0);
    ck_assert_double_nan(r.max_f1);
    r = detect(none, confidence, negative, 1);
    ck_assert_double_nan(r.average_precision);
    ck_assert_int_eq(r.n_negative, 1);
    r = detect(none, confidence, positive, 1);
    ck_assert_int_eq(r.n_skipped, 1);
    ck_assert_int_eq(r.n, 0);
}
END_TEST

START_TEST(detection_agrees_with_numpy)
{
    json_t *golden = golden_metrics("negatives");
    for (int k = 0; k < METRIC_CASES; k++) {
        draws s = draws_of(7, k);
        double ciou[40], confidence[40];
        uint8_t positive[40];
        const int n = 1 + draw_below(&s, 40), gaps = draw_below(&s, 3) == 0, coarse = draw_below(&s, 2);
        const int part = 1 + draw_below(&s, 4);
        for (int i = 0; i < n; i++) {
            positive[i] = draw_below(&s, part + 1) > 0;
            ciou[i] = draw_item(&s, gaps);
            confidence[i] = coarse ? draw_below(&s, 6) / 5. : draw_uniform(&s);
            if (gaps && draw_below(&s, 6) == 0)
                confidence[i] = NAN;
        }
        const avsound_negatives_result r = detect(ciou, confidence, positive, n);
        const double figures[] = {(double)r.n, (double)r.n_bad, (double)r.n_skipped, (double)r.n_negative,
                                  r.max_f1,    r.threshold,     r.average_precision, r.false_alarms};
        ck_golden("negatives", k, golden, figures, 8);
    }
    json_decref(golden);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *c = failing_context(&f);
    const float map[196] = {0};
    const double one[] = {1};
    const uint8_t positive[] = {1};
    avsound_map_options o = frame_with(map, NULL, 0);
    avsound_map_measure_result r = {.struct_size = sizeof r};
    avsound_negatives_result d = {.struct_size = sizeof d};
    ck_survives_refusals(&f, avsound_map_measure(c, &o, &r), (void)0);
    ck_survives_refusals(&f, avsound_metric_negatives(c, one, one, positive, 1, &d), (void)0);
    avsound_context_free(c);
}
END_TEST

SUITE("train.metrics_localization", the_peak_cells_centre_decides, a_constant_map_is_a_miss_and_ties_go_to_the_lowest,
      boxes_are_clipped_and_empty_ones_dropped, a_map_that_is_not_finite_is_bad,
      confidence_is_the_mean_of_the_largest_quarter, a_prediction_of_the_box_itself_is_perfect,
      half_splits_at_the_median, of_a_constant_map_half_predicts_nothing_or_all, consensus_weighs_by_annotators,
      scaling_a_map_changes_only_fixed, wrong_options_are_refused, maps_agree_with_numpy, area_of_all_zero_and_all_one,
      ciou_sets_agree_with_numpy, detection_that_separates_is_perfect, detection_of_nothing_is_nan,
      detection_agrees_with_numpy, refused_memory_leaves_nothing)
