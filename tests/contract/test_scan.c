#include "contract/place.h"

static avsound_scan_options options_for(int32_t what)
{
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = what;
    options.threads = 2;
    return options;
}

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_scan_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_scan_options_init((avsound_scan_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
    avsound_scan_options_init(NULL, sizeof(avsound_scan_options));
}
END_TEST

START_TEST(create_refuses_bad_arguments)
{
    place p;
    setup(&p, "ave-net", 0.48, 12);
    avsound_scan_options options = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan *scan = (avsound_scan *)1;
    ck_refused(avsound_scan_create(NULL, p.clip, &options, &scan), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_assert_ptr_null(scan);
    ck_refused(avsound_scan_create(p.model, NULL, &options, &scan), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_scan_create(p.model, p.clip, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_scan_create(p.model, "/no/such/file.mp4", &options, &scan), AVSOUND_E_IO, "/no/such/file.mp4");

    static const struct {
        int32_t struct_size, what, threads, precision;
        double hop_seconds;
        int64_t start_us, duration_us;
        const char *words;
    } bad[] = {
        {0, 4, 1, 0, 0, 0, 0, "struct_size"},
        {8, 4, 1, 0, 0, 0, 0, "struct_size"},
        {sizeof options, 0, 1, 0, 0, 0, 0, "what"},
        {sizeof options, 1 << 20, 1, 0, 0, 0, 0, "what"},
        {sizeof options, 4, -1, 0, 0, 0, 0, "threads"},
        {sizeof options, 4, 1 << 30, 0, 0, 0, 0, "threads"},
        {sizeof options, 4, 1, 7, 0, 0, 0, "precision"},
        {sizeof options, 4, 1, 0, -1, 0, 0, "hop"},
        {sizeof options, 4, 1, 0, NAN, 0, 0, "hop"},
        {sizeof options, 4, 1, 0, INFINITY, 0, 0, "hop"},
        {sizeof options, 4, 1, 0, 0, -1, 0, "start"},
        {sizeof options, 4, 1, 0, 0, 0, -1, "duration"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        avsound_scan_options_init(&options, sizeof options);
        options.struct_size = (uint32_t)bad[i].struct_size;
        options.what = bad[i].what;
        options.threads = bad[i].threads;
        options.precision = bad[i].precision;
        options.hop_seconds = bad[i].hop_seconds;
        options.start_us = bad[i].start_us;
        options.duration_us = bad[i].duration_us;
        scan = (avsound_scan *)1;
        const avsound_status status = avsound_scan_create(p.model, p.clip, &options, &scan);
        ck_assert_msg(status == AVSOUND_E_INVALID_ARGUMENT && strstr(avsound_error_detail(), bad[i].words),
                      "case %zu: %s (%s)", i, avsound_status_name(status), avsound_error_detail());
        ck_assert_ptr_null(scan);
    }
    teardown(&p);
}
END_TEST

START_TEST(create_refuses_what_cannot_be_computed)
{
    place p;
    setup(&p, "ave-net", 0.48, 12);
    avsound_scan *scan = (avsound_scan *)1;
    avsound_scan_options options = options_for(AVSOUND_SCAN_MAP);
    ck_refused(avsound_scan_create(p.model, p.clip, &options, &scan), AVSOUND_E_UNSUPPORTED, "");
    ck_assert_ptr_null(scan);
    options = options_for(AVSOUND_SCAN_SCORE);
    ck_refused(avsound_scan_create(p.model, p.mute, &options, &scan), AVSOUND_E_STATE, "mute.mkv");
    ck_refused(avsound_scan_create(p.model, p.sound, &options, &scan), AVSOUND_E_STATE, "sound.wav");
    options = options_for(AVSOUND_SCAN_EMBED_IMAGE);
    ck_refused(avsound_scan_create(p.model, p.sound, &options, &scan), AVSOUND_E_STATE, "sound.wav");
    options = options_for(AVSOUND_SCAN_SCORE);
    options.audio_path = "/no/such/sound.wav";
    ck_refused(avsound_scan_create(p.model, p.clip, &options, &scan), AVSOUND_E_IO, "/no/such/sound.wav");
    options.audio_path = p.mute;
    ck_refused(avsound_scan_create(p.model, p.clip, &options, &scan), AVSOUND_E_STATE, "mute.mkv");
    ck_assert_ptr_null(scan);
    teardown(&p);
}
END_TEST

START_TEST(accessors_take_null)
{
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_scan_result result = {.struct_size = sizeof result};
    avsound_scan_times times = {.struct_size = sizeof times};
    ck_refused(avsound_scan_get_info(NULL, &info), AVSOUND_E_INVALID_ARGUMENT, "scan");
    ck_refused(avsound_scan_next(NULL, &result), AVSOUND_E_INVALID_ARGUMENT, "scan");
    ck_refused(avsound_scan_get_times(NULL, &times), AVSOUND_E_INVALID_ARGUMENT, "scan");
    ck_assert_int_eq(avsound_scan_expected(NULL), -1);
    avsound_scan_cancel(NULL);
    avsound_scan_free(NULL);

    place p;
    setup(&p, "ave-net", 0.48, 12);
    avsound_scan_options options = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(p.model, p.clip, &options, &scan));
    ck_refused(avsound_scan_get_info(scan, NULL), AVSOUND_E_INVALID_ARGUMENT, "info");
    ck_refused(avsound_scan_next(scan, NULL), AVSOUND_E_INVALID_ARGUMENT, "result");
    ck_refused(avsound_scan_get_times(scan, NULL), AVSOUND_E_INVALID_ARGUMENT, "times");
    info.struct_size = 0;
    result.struct_size = 0;
    times.struct_size = 0;
    ck_refused(avsound_scan_get_info(scan, &info), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_refused(avsound_scan_next(scan, &result), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_refused(avsound_scan_get_times(scan, &times), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    result.struct_size = sizeof result;
    ck_avsound(avsound_scan_next(scan, &result)); /* the call that was refused took nothing */
    ck_assert_int_eq(result.index, 0);
    avsound_scan_free(scan);
    teardown(&p);
}
END_TEST

START_TEST(results_come_in_order_and_end)
{
    place p;
    setup(&p, "avol-net", 0.48, 12);
    avsound_scan_options options = options_for(AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE |
                                               AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME);
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(p.model, p.clip, &options, &scan));
    ck_assert_int_eq(avsound_scan_expected(scan), 12);
    avsound_scan_result result = {.struct_size = sizeof result};
    for (int32_t i = 0; i < 12; i++) {
        ck_avsound(avsound_scan_next(scan, &result));
        ck_assert_int_eq(result.index, i);
        ck_assert_int_eq(result.time_us, i * 40000);
        ck_assert_int_eq(result.dimension, 128);
        ck_assert_ptr_nonnull(result.embedding_image);
        ck_assert_ptr_nonnull(result.embedding_audio);
        ck_assert_ptr_nonnull(result.map);
        ck_assert_ptr_nonnull(result.frame);
        ck_assert_int_eq(result.frame->width, 64);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(avsound_scan_next(scan, &result), AVSOUND_E_END);
    avsound_scan_free(scan);
    teardown(&p);
}
END_TEST

START_TEST(what_was_not_asked_for_is_null)
{
    place p;
    setup(&p, "ave-net", 0.48, 12);
    avsound_scan_options options = options_for(AVSOUND_SCAN_EMBED_IMAGE);
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(p.model, p.mute, &options, &scan));
    avsound_scan_result result;
    memset(&result, 0xa5, sizeof result);
    result.struct_size = sizeof result;
    ck_avsound(avsound_scan_next(scan, &result));
    ck_assert_ptr_nonnull(result.embedding_image);
    ck_assert_ptr_null(result.embedding_audio);
    ck_assert_ptr_null(result.map);
    ck_assert_ptr_null(result.frame);
    avsound_scan_free(scan);
    teardown(&p);
}
END_TEST

START_TEST(free_at_any_moment_in_any_order)
{
    for (int taken = 0; taken < 4; taken++) {
        place p;
        setup(&p, "ave-net", 0.48, 12);
        avsound_scan_options options = options_for(AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME);
        avsound_scan *scan = NULL;
        ck_avsound(avsound_scan_create(p.model, p.clip, &options, &scan));
        avsound_model_free(p.model);
        avsound_context_free(p.context);
        p.model = NULL;
        p.context = NULL;
        avsound_scan_result result = {.struct_size = sizeof result};
        for (int i = 0; i < taken; i++)
            ck_avsound(avsound_scan_next(scan, &result));
        avsound_scan_free(scan);
        teardown(&p);
    }
}
END_TEST

START_TEST(cancel_ends_the_walk)
{
    place p;
    setup(&p, "ave-net", 0.48, 12);
    avsound_scan_options options = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(p.model, p.clip, &options, &scan));
    avsound_scan_result result = {.struct_size = sizeof result};
    ck_avsound(avsound_scan_next(scan, &result));
    avsound_scan_cancel(scan);
    avsound_status status;
    do
        status = avsound_scan_next(scan, &result);
    while (status == AVSOUND_OK);
    ck_assert_int_eq(status, AVSOUND_E_CANCELLED);
    avsound_scan_free(scan);
    teardown(&p);
}
END_TEST

START_TEST(one_worker_and_two_agree)
{
    place p;
    setup(&p, "avol-net", 0.48, 12);
    float scores[2][12];
    for (int32_t threads = 1; threads <= 2; threads++) {
        avsound_scan_options options = options_for(AVSOUND_SCAN_SCORE);
        options.threads = threads;
        avsound_scan *scan = NULL;
        ck_avsound(avsound_scan_create(p.model, p.clip, &options, &scan));
        avsound_scan_result result = {.struct_size = sizeof result};
        for (int i = 0; i < 12; i++) {
            ck_avsound(avsound_scan_next(scan, &result));
            scores[threads - 1][i] = result.probability;
        }
        avsound_scan_free(scan);
    }
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    teardown(&p);
}
END_TEST

START_TEST(scores_that_cannot_be_drawn_are_refused)
{
    const char *const path = "scores-refused.png";
    const double times[2] = {0, 10}, back[2] = {10, 0}, never[2] = {0, NAN}, half[2] = {0.5, 0.5};
    avsound_context *context = plain_context();
    const avsound_scores whole = {.struct_size = sizeof whole, .times_s = times, .probabilities = half, .confidences = half,
                                  .count = 2};
    avsound_scores s = whole;
    ck_refused(avsound_scores_draw(NULL, &s, path), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_scores_draw(context, NULL, path), AVSOUND_E_INVALID_ARGUMENT, "scores is NULL");
    ck_refused(avsound_scores_draw(context, &s, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_scores_draw(context, &s, "scores.txt"), AVSOUND_E_UNSUPPORTED, "scores.txt");
    s.count = 0;
    ck_refused(avsound_scores_draw(context, &s, path), AVSOUND_E_INVALID_ARGUMENT, "count is 0, want at least 1");
    s = whole;
    s.confidences = NULL;
    ck_refused(avsound_scores_draw(context, &s, path), AVSOUND_E_INVALID_ARGUMENT, "confidences is NULL");
    s = whole;
    s.times_s = back;
    ck_refused(avsound_scores_draw(context, &s, path), AVSOUND_E_INVALID_ARGUMENT, "times_s[1] is 0, want times that ascend");
    s.times_s = never;
    ck_refused(avsound_scores_draw(context, &s, path), AVSOUND_E_INVALID_ARGUMENT, "times_s[1] is nan");
    s = whole;
    s.struct_size = 8;
    ck_refused(avsound_scores_draw(context, &s, path), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 8");
    ck_assert_int_ne(access(path, F_OK), 0);
    avsound_context_free(context);
}
END_TEST

SUITE("contract.scan", options_init_stays_within_struct_size, create_refuses_bad_arguments,
      create_refuses_what_cannot_be_computed, accessors_take_null, results_come_in_order_and_end,
      what_was_not_asked_for_is_null, free_at_any_moment_in_any_order, cancel_ends_the_walk, one_worker_and_two_agree,
      scores_that_cannot_be_drawn_are_refused)
