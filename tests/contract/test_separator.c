#include "contract/place.h"

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_separator_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_separator_options_init((avsound_separator_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
    avsound_separator_options_init(NULL, sizeof(avsound_separator_options));
}
END_TEST

START_TEST(every_function_refuses_null)
{
    place p;
    setup(&p, "separator-pit", 3, 0);
    avsound_separator *separator = (avsound_separator *)1;
    avsound_separator_result result = {.struct_size = sizeof result};
    avsound_media_info info = {.struct_size = sizeof info};
    ck_refused(avsound_separator_create(NULL, p.sound, NULL, &separator), AVSOUND_E_INVALID_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(separator);
    ck_refused(avsound_separator_create(p.model, NULL, NULL, &separator), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_separator_create(p.model, p.sound, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_separator_next(NULL, &result), AVSOUND_E_INVALID_ARGUMENT, "separator is NULL");
    ck_refused(avsound_separator_get_info(NULL, &info), AVSOUND_E_INVALID_ARGUMENT, "separator is NULL");
    ck_assert_int_eq(avsound_separator_expected(NULL), -1);
    avsound_separator_cancel(NULL);
    avsound_separator_free(NULL);
    ck_avsound(avsound_separator_create(p.model, p.sound, NULL, &separator));
    ck_refused(avsound_separator_next(separator, NULL), AVSOUND_E_INVALID_ARGUMENT, "result is NULL");
    result.struct_size = 0;
    ck_refused(avsound_separator_next(separator, &result), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_refused(avsound_separator_get_info(separator, NULL), AVSOUND_E_INVALID_ARGUMENT, "info");
    avsound_separator_free(separator);
    teardown(&p);
}
END_TEST

START_TEST(a_separator_keeps_what_it_needs)
{
    place p;
    setup(&p, "separator-pit", 3, 0);
    avsound_separator *separator;
    avsound_separator_result result = {.struct_size = sizeof result};
    avsound_media_info info = {.struct_size = sizeof info};
    char path[96];
    strcpy(path, p.sound);
    ck_avsound(avsound_separator_create(p.model, path, NULL, &separator));
    memset(path, 0, sizeof path);
    avsound_model_free(p.model);
    avsound_context_free(p.context);
    ck_avsound(avsound_separator_get_info(separator, &info));
    ck_assert_int_eq(info.has_audio, 1);
    ck_assert_int_gt(avsound_separator_expected(separator), 1);
    int64_t results = 0;
    avsound_status status;
    while (!(status = avsound_separator_next(separator, &result)))
        results++;
    ck_assert_int_eq(status, AVSOUND_E_END);
    ck_assert_int_eq(results, avsound_separator_expected(separator));
    ck_assert_int_eq(avsound_separator_next(separator, &result), AVSOUND_E_END);
    avsound_separator_cancel(separator);
    ck_assert_int_eq(avsound_separator_next(separator, &result), AVSOUND_E_CANCELLED);
    avsound_separator_free(separator);
    remove_folder(p.folder);
}
END_TEST

/* ---- spectrograms of what was separated ---- */

START_TEST(spectrograms_refuse_what_they_cannot_draw)
{
    place p;
    setup(&p, "separator-pit", 3, 0);
    const char *const paths[] = {p.sound, NULL};
    const int64_t starts[] = {-1};
    avsound_spectrograms_options o;
    avsound_spectrograms_options_init(NULL, sizeof o);
    avsound_spectrograms_options_init(&o, sizeof o);
    ck_refused(avsound_spectrograms_draw(NULL, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_spectrograms_draw(p.context, NULL, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    ck_refused(avsound_spectrograms_draw(p.context, &o, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "count is 0, want 1...8");
    o.count = 9;
    o.paths = paths;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "count is 9");
    o.count = 2;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "path or title 1");
    o.count = 1;
    o.starts_us = starts;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "negative");
    o.starts_us = NULL;
    o.sample_rate = 100;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "sample_rate is 100");
    o.sample_rate = 0;
    o.duration_us = -1;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "duration_us is -1");
    o.duration_us = 0;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.txt"), AVSOUND_E_UNSUPPORTED, "a.txt");
    o.struct_size = 4;
    ck_refused(avsound_spectrograms_draw(p.context, &o, "a.png"), AVSOUND_E_INVALID_ARGUMENT, "struct_size is 4");
    teardown(&p);
}
END_TEST

static avsound_status separate_all(avsound_model *model, const char *path, int32_t threads)
{
    const avsound_separator_options options = {.struct_size = sizeof options, .threads = threads,
                                               .flags = AVSOUND_SEPARATE_CONSISTENT};
    avsound_separator_result result = {.struct_size = sizeof result};
    avsound_separator *separator;
    avsound_status status = avsound_separator_create(model, path, &options, &separator);
    while (!status)
        status = avsound_separator_next(separator, &result);
    avsound_separator_free(separator);
    return status;
}

START_TEST(refused_allocations_are_survived)
{
    place p;
    budget b = {0};
    setup(&p, "separator-pit", 3, 0);
    avsound_context *context = counting_context(&b);
    avsound_model *model = narrow_model(context, "separator-pit");
    ck_assert_int_eq(separate_all(model, p.sound, 1), AVSOUND_E_END); /* weights are packed from here on */
    const long live = b.live;
    for (int32_t threads = 1; threads <= 2; threads++)
        for (long n = 1; n < 100000; n++) {
            b.calls = 0;
            b.refuse_at = n;
            const avsound_status status = separate_all(model, p.sound, threads);
            b.refuse_at = 0;
            ck_assert_int_eq(b.live, live);
            if (status == AVSOUND_E_END)
                break;
            ck_assert_msg(status == AVSOUND_E_NO_MEMORY, "allocation %ld refused: %s", n, avsound_error_detail());
        }
    avsound_model_free(model);
    avsound_context_free(context);
    teardown(&p);
}
END_TEST

SUITE("contract.separator", options_init_stays_within_struct_size, every_function_refuses_null,
      a_separator_keeps_what_it_needs, spectrograms_refuse_what_they_cannot_draw, refused_allocations_are_survived)
