/* The measurement of offsets: arguments, states, ends. What it measures is tested on films made for it (tests/cli). */
#include "contract/place.h"

static avsound_offset_options some_options(void)
{
    avsound_offset_options options;
    avsound_offset_options_init(&options, sizeof options);
    options.threads = 1;
    return options;
}

static avsound_offset *begun(const place *p)
{
    avsound_offset *offset = NULL;
    const avsound_offset_options options = some_options();
    ck_avsound(avsound_offset_create(p->model, p->clip, &options, &offset));
    return offset;
}

static void finish(avsound_offset *offset)
{
    avsound_status status;
    double part = 0, last = 0;
    while ((status = avsound_offset_next(offset, &part)) == AVSOUND_OK) {
        ck_assert(part >= last && part <= 1);
        last = part;
    }
    ck_assert_int_eq(status, AVSOUND_E_END);
}

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_offset_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_offset_options_init((avsound_offset_options *)(void *)bytes, size);
        avsound_retime_options_init((avsound_retime_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
    avsound_offset_options_init(NULL, sizeof(avsound_offset_options));
    avsound_retime_options_init(NULL, sizeof(avsound_retime_options));
}
END_TEST

START_TEST(create_refuses_bad_arguments)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_offset *offset = (avsound_offset *)1;
    avsound_offset_options options = some_options();
    ck_refused(avsound_offset_create(NULL, p.clip, &options, &offset), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_assert_ptr_null(offset);
    ck_refused(avsound_offset_create(p.model, NULL, &options, &offset), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_offset_create(p.model, p.clip, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_offset_create(p.model, "/no/such/film.mp4", NULL, &offset), AVSOUND_E_IO, "/no/such/film.mp4");
    ck_refused(avsound_offset_create(p.model, p.mute, NULL, &offset), AVSOUND_E_STATE, "no sound");
    ck_refused(avsound_offset_create(p.model, p.sound, NULL, &offset), AVSOUND_E_STATE, "no pictures");
    static const struct {
        double range, window, confidence;
        int32_t threads, precision;
        const char *words;
    } bad[] = {{-1, 0, 0, 1, 0, "range"},      {11, 0, 0, 1, 0, "range"},   {NAN, 0, 0, 1, 0, "range"},
               {0.01, 0, 0, 1, 0, "range"},    {0, 0.5, 0, 1, 0, "window"}, {0, NAN, 0, 1, 0, "window"},
               {0, 0, NAN, 1, 0, "confidence"}, {0, 0, 2, 1, 0, "confidence"}, {0, 0, 0, -1, 0, "threads"},
               {0, 0, 0, 1, 77, "precision"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options = some_options();
        options.range_seconds = bad[i].range;
        options.window_seconds = bad[i].window;
        options.least_confidence = bad[i].confidence;
        options.threads = bad[i].threads;
        options.precision = bad[i].precision;
        offset = (avsound_offset *)1;
        ck_refused(avsound_offset_create(p.model, p.clip, &options, &offset), AVSOUND_E_INVALID_ARGUMENT, bad[i].words);
        ck_assert_ptr_null(offset);
    }
    options = some_options();
    options.struct_size = 8;
    ck_refused(avsound_offset_create(p.model, p.clip, &options, &offset), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    teardown(&p);
}
END_TEST

START_TEST(networks_without_lags_are_refused)
{
    place p;
    setup(&p, "ave-net", 1.6, 40);
    avsound_offset *offset = (avsound_offset *)1;
    ck_refused(avsound_offset_create(p.model, p.clip, NULL, &offset), AVSOUND_E_UNSUPPORTED, "sync-net");
    ck_assert_ptr_null(offset);
    teardown(&p);
}
END_TEST

START_TEST(accessors_check_their_arguments)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_offset *offset = begun(&p);
    avsound_offset_result result = {.struct_size = sizeof result};
    double values[512];
    size_t count = 512;
    ck_refused(avsound_offset_get_curve(offset, values, NULL, &count), AVSOUND_E_STATE, "get_result");
    ck_refused(avsound_offset_get_windows(offset, values, NULL, NULL, &count), AVSOUND_E_STATE, "get_result");
    ck_refused(avsound_offset_draw(offset, "x.png"), AVSOUND_E_STATE, "get_result");
    finish(offset);
    ck_refused(avsound_offset_next(NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "offset");
    ck_refused(avsound_offset_get_result(NULL, &result), AVSOUND_E_INVALID_ARGUMENT, "offset");
    ck_refused(avsound_offset_get_result(offset, NULL), AVSOUND_E_INVALID_ARGUMENT, "result");
    avsound_offset_result empty = {.struct_size = 0};
    ck_refused(avsound_offset_get_result(offset, &empty), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_avsound(avsound_offset_get_result(offset, &result));
    ck_refused(avsound_offset_get_curve(NULL, values, NULL, &count), AVSOUND_E_INVALID_ARGUMENT, "offset");
    ck_refused(avsound_offset_get_curve(offset, values, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "count");
    ck_refused(avsound_offset_get_windows(NULL, values, NULL, NULL, &count), AVSOUND_E_INVALID_ARGUMENT, "offset");
    ck_refused(avsound_offset_draw(NULL, "x.png"), AVSOUND_E_INVALID_ARGUMENT, "offset");
    ck_refused(avsound_offset_draw(offset, NULL), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_offset_draw(offset, "x.tiff"), AVSOUND_E_UNSUPPORTED, "x.tiff");
    count = 3;
    ck_refused(avsound_offset_get_curve(offset, values, NULL, &count), AVSOUND_E_BUFFER_SIZE, "201");
    ck_assert_uint_eq(count, 201);
    ck_avsound(avsound_offset_get_curve(offset, values, NULL, &count));
    ck_assert_double_eq(values[0], -2000);
    ck_assert_double_eq(values[200], 2000);
    avsound_offset_free(offset);
    teardown(&p);
}
END_TEST

START_TEST(a_result_is_of_what_was_read_so_far)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_offset *offset = begun(&p);
    avsound_offset_result result = {.struct_size = sizeof result};
    ck_avsound(avsound_offset_get_result(offset, &result));
    ck_assert(result.verdict != AVSOUND_OFFSET_MEASURED && isnan(result.offset_ms) && result.seconds == 0);
    ck_assert_double_eq(result.confidence, 0);
    ck_avsound(avsound_offset_next(offset, NULL));
    ck_avsound(avsound_offset_get_result(offset, &result));
    const double before = result.compared_seconds;
    ck_assert_double_gt(before, 0);
    finish(offset);
    ck_avsound(avsound_offset_get_result(offset, &result));
    ck_assert_double_ge(result.compared_seconds, before);
    ck_assert_double_eq_tol(result.seconds, 1.6, 1e-9);
    ck_assert_double_eq(result.frame_ms, 40);
    ck_assert_int_eq(avsound_offset_next(offset, NULL), AVSOUND_E_END);
    avsound_offset_free(offset);
    teardown(&p);
}
END_TEST

START_TEST(cancel_ends_the_measurement)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_offset *offset = begun(&p);
    avsound_offset_cancel(offset);
    ck_assert_int_eq(avsound_offset_next(offset, NULL), AVSOUND_E_CANCELLED);
    avsound_offset_cancel(NULL);
    avsound_offset_free(offset);
    teardown(&p);
}
END_TEST

START_TEST(free_in_any_order)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_offset *offset = begun(&p);
    avsound_model_free(p.model);
    avsound_context_free(p.context);
    ck_avsound(avsound_offset_next(offset, NULL));
    avsound_offset_free(offset);
    avsound_offset_free(NULL);
    remove_folder(p.folder);
}
END_TEST

START_TEST(retime_checks_its_arguments)
{
    place p;
    setup(&p, "sync-net", 1.6, 40);
    avsound_retime_options options;
    avsound_retime_options_init(&options, sizeof options);
    ck_refused(avsound_media_retime(NULL, p.clip, "x.mp4", &options), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_media_retime(p.context, NULL, "x.mp4", &options), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_media_retime(p.context, p.clip, NULL, &options), AVSOUND_E_INVALID_ARGUMENT, "out_path");
    ck_refused(avsound_media_retime(p.context, p.clip, "", &options), AVSOUND_E_INVALID_ARGUMENT, "out_path");
    ck_refused(avsound_media_retime(p.context, p.clip, "x.mp4", NULL), AVSOUND_E_INVALID_ARGUMENT, "options");
    options.struct_size = 4;
    ck_refused(avsound_media_retime(p.context, p.clip, "x.mp4", &options), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    teardown(&p);
}
END_TEST

SUITE("contract.offset", options_init_stays_within_struct_size, create_refuses_bad_arguments,
      networks_without_lags_are_refused, accessors_check_their_arguments, a_result_is_of_what_was_read_so_far,
      cancel_ends_the_measurement, free_in_any_order, retime_checks_its_arguments)
