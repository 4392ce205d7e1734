#include "contract/fixture.h"

START_TEST(statuses_keep_names_and_texts)
{
    static const struct {
        avsound_status status;
        const char *name;
    } all[] = {
        {0, "AVSOUND_OK"},
        {-1, "AVSOUND_E_INVALID_ARGUMENT"},
        {-2, "AVSOUND_E_NO_MEMORY"},
        {-3, "AVSOUND_E_IO"},
        {-4, "AVSOUND_E_FORMAT"},
        {-5, "AVSOUND_E_UNSUPPORTED"},
        {-6, "AVSOUND_E_SHAPE"},
        {-7, "AVSOUND_E_STATE"},
        {-8, "AVSOUND_E_END"},
        {-9, "AVSOUND_E_BACKEND"},
        {-10, "AVSOUND_E_CANCELLED"},
        {-11, "AVSOUND_E_BUFFER_SIZE"},
        {-12, "AVSOUND_E_LIMIT"},
        {-13, "AVSOUND_E_AGAIN"},
        {-100, "AVSOUND_E_INTERNAL"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert_str_eq(avsound_status_name(all[i].status), all[i].name);
        ck_assert_uint_gt(strlen(avsound_status_text(all[i].status)), 3);
    }
    const avsound_status unknown[] = {1, -14, -99, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        ck_assert_str_eq(avsound_status_name(unknown[i]), "AVSOUND_E_?");
        ck_assert_ptr_nonnull(avsound_status_text(unknown[i]));
    }
}
END_TEST

START_TEST(version_is_the_headers)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", AVSOUND_VERSION_MAJOR, AVSOUND_VERSION_MINOR, AVSOUND_VERSION_PATCH);
    ck_assert_str_eq(avsound_version_string(), text);
    ck_assert_uint_eq(avsound_version(),
                      AVSOUND_VERSION_MAJOR * 10000 + AVSOUND_VERSION_MINOR * 100 + AVSOUND_VERSION_PATCH);
}
END_TEST

START_TEST(detail_is_empty_before_the_first_failure)
{
    ck_assert_str_eq(avsound_error_detail(), "");
}
END_TEST

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_context_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_context_options_init((avsound_context_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_msg(bytes[i] == 0xa5, "struct_size %u: byte %zu was written", size, i);
    }
    avsound_context_options_init(NULL, sizeof(avsound_context_options));
}
END_TEST

START_TEST(context_create_refuses_bad_options)
{
    avsound_context *context = (avsound_context *)1;
    ck_refused(avsound_context_create(NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    avsound_context_options options;
    for (uint32_t size = 0; size < 8; size++) {
        avsound_context_options_init(&options, sizeof options);
        options.struct_size = size;
        ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
        ck_assert_ptr_null(context);
    }
    options.struct_size = 0xa5a5a5a5; /* never set */
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    budget b = {0};
    avsound_context_options_init(&options, sizeof options);
    options.user_data = &b;
    options.alloc = budget_alloc;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "dealloc");
    options.alloc = NULL;
    options.dealloc = budget_dealloc;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "alloc");
    avsound_context_options_init(&options, sizeof options);
    options.max_pixels = -1;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "limit");
    options.max_pixels = 0;
    options.max_sample_rate = -1;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_INVALID_ARGUMENT, "limit");
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(context_uses_its_allocator_alone)
{
    budget b = {0};
    avsound_context *context = counting_context(&b);
    ck_assert_int_gt(atomic_load(&b.live), 0);
    avsound_context_free(context);
    ck_assert_int_eq(atomic_load(&b.live), 0);
    avsound_context_free(NULL);

    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.alloc = budget_alloc;
    options.dealloc = budget_dealloc;
    options.user_data = &b;
    atomic_store(&b.calls, 0);
    b.refuse_at = 1;
    ck_refused(avsound_context_create(&options, &context), AVSOUND_E_NO_MEMORY, "refused");
    ck_assert_ptr_null(context);
    ck_assert_int_eq(atomic_load(&b.live), 0);
}
END_TEST

SUITE("contract.base", statuses_keep_names_and_texts, version_is_the_headers, detail_is_empty_before_the_first_failure,
      options_init_stays_within_struct_size, context_create_refuses_bad_options, context_uses_its_allocator_alone)
