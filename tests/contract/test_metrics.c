/* metrics.h as a caller may misuse it: NULL, short structs, structs never set up. */
#include "contract/fixture.h"

#include <avsound/metrics.h>

static avsound_context *c;

static void open_context(void)
{
    ck_avsound(avsound_context_create(NULL, &c));
}

START_TEST(null_arguments_are_refused)
{
    open_context();
    double low;
    avsound_estimate e = {.struct_size = sizeof e};
    avsound_avc_result a = {.struct_size = sizeof a};
    avsound_retrieval_result r = {.struct_size = sizeof r};
    avsound_map_measure_result m = {.struct_size = sizeof m};
    avsound_ciou_result o = {.struct_size = sizeof o};
    avsound_negatives_result n = {.struct_size = sizeof n};
    const double items[] = {0};
    const float scores[] = {0};
    const uint8_t flags[] = {0};
    const int32_t labels[] = {0};
    ck_refused(avsound_wilson_interval(0.5, 2, &low, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_metric_share(NULL, 1, &e), AVSOUND_E_INVALID_ARGUMENT, "items is NULL");
    ck_refused(avsound_metric_share(items, -1, &e), AVSOUND_E_INVALID_ARGUMENT, "count is -1");
    ck_refused(avsound_metric_share(items, 1, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_metric_mean(NULL, items, NULL, 1, 0, &e), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_metric_mean(c, items, NULL, 1, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_metric_avc(NULL, scores, scores, NULL, 1, &a), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_metric_avc(c, scores, NULL, NULL, 1, &a), AVSOUND_E_INVALID_ARGUMENT, "negative is NULL");
    ck_refused(avsound_metric_avc(c, scores, scores, NULL, 1, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_label_distances(c, 1, NULL, 0, labels, 1, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_label_distances(NULL, 1, NULL, 0, labels, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_metric_retrieval(c, NULL, NULL, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_map_measure(c, NULL, &m), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_metric_ciou(NULL, 1, &o), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_metric_negatives(c, items, NULL, flags, 1, &n), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    avsound_context_free(c);
}
END_TEST

START_TEST(confusions_that_make_no_table_are_refused)
{
    open_context();
    const int64_t counts[] = {1, 2, 3, -4};
    const char *const names[] = {"a", NULL}, *const full[] = {"a", "b"};
    const char *path = "never-there.png";
    ck_refused(avsound_confusion_draw(NULL, counts, full, 2, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_confusion_draw(c, NULL, full, 2, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "counts is NULL");
    ck_refused(avsound_confusion_draw(c, counts, NULL, 2, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "names is NULL");
    ck_refused(avsound_confusion_draw(c, counts, full, 2, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_confusion_draw(c, counts, full, 0, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "count is 0, want 1 to 256");
    ck_refused(avsound_confusion_draw(c, counts, names, 2, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "names[1] is NULL");
    ck_refused(avsound_confusion_draw(c, counts, full, 2, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "counts[1][1] is -4");
    ck_refused(avsound_confusion_draw(c, counts, full, 1, NULL, "never-there.txt"), AVSOUND_E_UNSUPPORTED, "never-there.txt");
    avsound_context_free(c);
}
END_TEST

START_TEST(structs_never_set_up_are_refused)
{
    open_context();
    avsound_estimate e = {0};
    avsound_retrieval_options retrieval = {0};
    avsound_retrieval_result r = {.struct_size = sizeof r};
    avsound_map_options map = {0};
    avsound_map_measure_result m = {.struct_size = sizeof m};
    avsound_cca_options cca = {0};
    avsound_cca *out;
    ck_refused(avsound_metric_share(NULL, 0, &e), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    ck_refused(avsound_metric_retrieval(c, &retrieval, NULL, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    ck_refused(avsound_map_measure(c, &map, &m), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    ck_refused(avsound_cca_fit(c, &cca, &out), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    avsound_retrieval_options_init(&retrieval, sizeof retrieval);
    avsound_map_options_init(&map, sizeof map);
    avsound_cca_options_init(&cca, sizeof cca);
    ck_assert_uint_eq(retrieval.struct_size, sizeof retrieval);
    ck_assert_uint_eq(map.struct_size, sizeof map);
    ck_assert_uint_eq(cca.struct_size, sizeof cca);
    avsound_context_free(c);
}
END_TEST

START_TEST(nothing_correlates_without_a_fit)
{
    open_context();
    float out;
    avsound_cca_options o;
    avsound_cca_options_init(&o, sizeof o);
    ck_refused(avsound_cca_fit(c, &o, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(avsound_cca_components(NULL), 0);
    ck_assert_double_nan(avsound_cca_correlation(NULL, 0));
    ck_refused(avsound_cca_apply(NULL, 0, &out, 1, &out), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    avsound_cca_free(NULL);
    avsound_context_free(c);
}
END_TEST

START_TEST(a_fit_outlives_its_context_handle)
{
    open_context();
    avsound_cca *cca;
    const float x[] = {1, 2, 4}, y[] = {3, 1, 9};
    float projected[3];
    avsound_cca_options o;
    avsound_cca_options_init(&o, sizeof o);
    o.dimension_x = o.dimension_y = 1;
    o.count = 3;
    o.x = x;
    o.y = y;
    ck_avsound(avsound_cca_fit(c, &o, &cca));
    avsound_context_free(c);
    ck_avsound(avsound_cca_apply(cca, 1, y, 3, projected));
    ck_assert_float_eq(fabsf(projected[0]), 1);
    ck_refused(avsound_cca_apply(cca, 2, y, 3, projected), AVSOUND_E_INVALID_ARGUMENT, "side (2)");
    avsound_cca_free(cca);
}
END_TEST

START_TEST(separation_is_as_careful)
{
    open_context();
    const float x[] = {1, 2, 4}, *const references[] = {x};
    double value;
    float mask[3];
    int32_t order;
    avsound_separation *s = NULL;
    avsound_separation_result r = {.struct_size = sizeof r};
    avsound_decibels_result d = {.struct_size = sizeof d};
    avsound_separation_options o = {0};
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    avsound_separation_options_init(&o, sizeof o);
    ck_assert_uint_eq(o.struct_size, sizeof o);
    o.sources = 1;
    o.samples = 3;
    o.taps = 2;
    ck_refused(avsound_separation_create(c, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "references NULL");
    o.references = references;
    ck_refused(avsound_separation_create(c, &o, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_separation_create(NULL, &o, &s), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_separation_create(c, NULL, &s), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_separation_measure(NULL, x, 0, &r), AVSOUND_E_INVALID_ARGUMENT, "separation is NULL");
    ck_avsound(avsound_separation_create(c, &o, &s));
    avsound_context_free(c); /* the object keeps its context */
    ck_refused(avsound_separation_measure(s, NULL, 0, &r), AVSOUND_E_INVALID_ARGUMENT, "estimate is NULL");
    ck_refused(avsound_separation_measure(s, x, 1, &r), AVSOUND_E_INVALID_ARGUMENT, "source 1");
    ck_refused(avsound_separation_measure(s, x, -1, &r), AVSOUND_E_INVALID_ARGUMENT, "source -1");
    ck_refused(avsound_separation_measure(s, x, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_avsound(avsound_separation_measure(s, x, 0, &r));
    ck_refused(avsound_separation_order(s, NULL, &order), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_avsound(avsound_separation_order(s, references, &order));
    ck_assert_int_eq(order, 0);
    avsound_separation_free(s);
    avsound_separation_free(NULL);
    ck_refused(avsound_metric_si_sdr(x, NULL, 3, &value), AVSOUND_E_INVALID_ARGUMENT, "estimate is NULL");
    ck_refused(avsound_metric_si_sdr(x, x, 3, NULL), AVSOUND_E_INVALID_ARGUMENT, "value is NULL");
    ck_refused(avsound_metric_osr(NULL, x, 3, &value), AVSOUND_E_INVALID_ARGUMENT, "mixture is NULL");
    ck_refused(avsound_metric_osr(x, x, 3, NULL), AVSOUND_E_INVALID_ARGUMENT, "value is NULL");
    ck_refused(avsound_metric_ideal_mask(NULL, x, x, 3, mask), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_metric_decibels(NULL, NULL, NULL, NULL, 0, 0, &d), AVSOUND_E_INVALID_ARGUMENT, "context");
}
END_TEST

START_TEST(synchronisation_is_as_careful)
{
    open_context();
    const double offsets[] = {0};
    const float x[] = {1};
    double offset, confidence;
    avsound_alignment_result a = {.struct_size = sizeof a};
    avsound_sync_result r = {.struct_size = sizeof r};
    avsound_sync_search_options search = {0};
    avsound_sync_options o = {0};
    ck_refused(avsound_metric_alignment(NULL, x, x, NULL, 1, &a), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_metric_alignment(c, x, NULL, NULL, 1, &a), AVSOUND_E_INVALID_ARGUMENT, "shifted is NULL");
    ck_refused(avsound_metric_alignment(c, x, x, NULL, 1, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_sync_search(c, &search, NULL, &offset, &confidence), AVSOUND_E_INVALID_ARGUMENT,
               "struct_size is 0");
    avsound_sync_search_options_init(&search, sizeof search);
    ck_assert_uint_eq(search.struct_size, sizeof search);
    search.dimension = 1;
    search.audio_count = 1;
    ck_refused(avsound_sync_search(c, &search, NULL, &offset, &confidence), AVSOUND_E_INVALID_ARGUMENT,
               "audio is NULL");
    ck_refused(avsound_sync_search(c, &search, NULL, NULL, &confidence), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_sync_search(c, NULL, NULL, &offset, &confidence), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_metric_sync(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 0");
    avsound_sync_options_init(&o, sizeof o);
    ck_assert_uint_eq(o.struct_size, sizeof o);
    o.count = 1;
    o.answers = offsets;
    ck_refused(avsound_metric_sync(c, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "truth is NULL");
    o.truth = offsets;
    ck_refused(avsound_metric_sync(NULL, &o, &r), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_metric_sync(c, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_metric_sync(c, &o, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_avsound(avsound_metric_sync(c, &o, &r));
    avsound_context_free(c);
}
END_TEST

SUITE("contract.metrics", null_arguments_are_refused, confusions_that_make_no_table_are_refused, structs_never_set_up_are_refused,
      nothing_correlates_without_a_fit, a_fit_outlives_its_context_handle, separation_is_as_careful,
      synchronisation_is_as_careful)
