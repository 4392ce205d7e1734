#include "contract/fixture.h"

#include <pthread.h>

typedef struct handles {
    budget budget;
    avsound_context *context;
    avsound_model *model;
    avsound_session *session;
} handles;

static void setup(handles *h, const char *arch)
{
    memset(h, 0, sizeof *h);
    h->context = counting_context(&h->budget);
    h->model = narrow_model(h->context, arch);
    h->session = default_session(h->model);
}

static void teardown(handles *h)
{
    avsound_session_free(h->session);
    avsound_model_free(h->model);
    avsound_context_free(h->context);
    ck_assert_int_eq(atomic_load(&h->budget.live), 0);
}

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_session_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_session_options_init((avsound_session_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
    avsound_session_options_init(NULL, sizeof(avsound_session_options));
}
END_TEST

START_TEST(create_refuses_bad_arguments)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session *session = (avsound_session *)1;
    ck_refused(avsound_session_create(NULL, NULL, &session), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_assert_ptr_null(session);
    ck_refused(avsound_session_create(model, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    static const struct {
        avsound_session_options options;
        avsound_status status;
        const char *words;
    } bad[] = {
        {{.struct_size = 0}, AVSOUND_E_INVALID_ARGUMENT, "struct_size"},
        {{.struct_size = 3}, AVSOUND_E_INVALID_ARGUMENT, "struct_size"},
        {{.struct_size = sizeof(avsound_session_options), .threads = -1}, AVSOUND_E_INVALID_ARGUMENT, "threads"},
        {{.struct_size = sizeof(avsound_session_options), .threads = 1 << 30}, AVSOUND_E_INVALID_ARGUMENT, "threads"},
        {{.struct_size = sizeof(avsound_session_options), .precision = 9}, AVSOUND_E_INVALID_ARGUMENT, "precision"},
        {{.struct_size = sizeof(avsound_session_options), .precision = -1}, AVSOUND_E_INVALID_ARGUMENT, "precision"},
        {{.struct_size = sizeof(avsound_session_options), .batch = -1}, AVSOUND_E_INVALID_ARGUMENT, "batch"},
        {{.struct_size = sizeof(avsound_session_options), .width = -5, .height = 224}, AVSOUND_E_INVALID_ARGUMENT, ""},
        {{.struct_size = sizeof(avsound_session_options), .width = 1, .height = 1}, AVSOUND_E_SHAPE, ""},
        {{.struct_size = sizeof(avsound_session_options), .frames = 9}, AVSOUND_E_INVALID_ARGUMENT, "takes no clips"},
        {{.struct_size = sizeof(avsound_session_options), .outputs = "no.such"}, AVSOUND_E_INVALID_ARGUMENT, "no.such"},
        {{.struct_size = sizeof(avsound_session_options), .outputs = "score,,"}, AVSOUND_E_INVALID_ARGUMENT, ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        session = (avsound_session *)1;
        const avsound_status status = avsound_session_create(model, &bad[i].options, &session);
        ck_assert_msg(status == bad[i].status, "case %zu: %s (%s)", i, avsound_status_name(status), avsound_error_detail());
        ck_assert_msg(strstr(avsound_error_detail(), bad[i].words) != NULL, "case %zu: %s", i, avsound_error_detail());
        ck_assert_ptr_null(session);
    }
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(create_refuses_sizes_over_the_limits)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "avol-net");
    avsound_session_options options;
    avsound_session *session = NULL;
    avsound_session_options_init(&options, sizeof options);
    options.width = options.height = INT32_MAX;
    ck_refused(avsound_session_create(model, &options, &session), AVSOUND_E_INVALID_ARGUMENT, "width");
    options.width = options.height = 16384; /* twice the pixels that the context allows */
    ck_refused(avsound_session_create(model, &options, &session), AVSOUND_E_LIMIT, "pixels");
    avsound_session_options_init(&options, sizeof options);
    options.batch = INT32_MAX;
    ck_refused(avsound_session_create(model, &options, &session), AVSOUND_E_INVALID_ARGUMENT, "batch");
    ck_assert_ptr_null(session);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(options_of_a_newer_header)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    struct {
        avsound_session_options base;
        uint64_t future;
    } newer;
    memset(&newer, 0, sizeof newer);
    newer.base.struct_size = sizeof newer;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &newer.base, &session));
    avsound_session_free(session);
    newer.future = 1;
    ck_refused(avsound_session_create(model, &newer.base, &session), AVSOUND_E_UNSUPPORTED, "");
    ck_assert_ptr_null(session);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(accessors_take_null_and_bad_indices)
{
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name = NULL;
    size_t size = 0;
    ck_assert_int_eq(avsound_session_input_count(NULL), 0);
    ck_assert_int_eq(avsound_session_output_count(NULL), 0);
    ck_assert_ptr_null(avsound_session_output_name(NULL, 0));
    ck_assert_int_eq(avsound_session_precision(NULL), AVSOUND_PRECISION_F32);
    ck_assert_int_eq(avsound_session_memory(NULL), 0);
    ck_refused(avsound_session_input(NULL, 0, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_session_set_input(NULL, "image", &view), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_session_run(NULL), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_session_get_output(NULL, "score", &view), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_session_describe(NULL, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "session");
    avsound_session_cancel(NULL);
    avsound_session_free(NULL);

    handles h;
    setup(&h, "ave-net");
    ck_assert_int_eq(avsound_session_input_count(h.session), 2);
    ck_refused(avsound_session_input(h.session, -1, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_session_input(h.session, 2, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "2");
    ck_refused(avsound_session_input(h.session, 0, &name, &(avsound_tensor){0}), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_assert_ptr_null(avsound_session_output_name(h.session, -1));
    ck_assert_ptr_null(avsound_session_output_name(h.session, avsound_session_output_count(h.session)));
    ck_assert_int_gt(avsound_session_memory(h.session), 0);
    teardown(&h);
}
END_TEST

START_TEST(set_input_checks_name_shape_and_values)
{
    handles h;
    setup(&h, "ave-net");
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name = NULL;
    ck_avsound(avsound_session_input(h.session, 0, &name, &view));
    float *values = calloc(output_count(&view), sizeof *values);
    view.data = values;
    ck_avsound(avsound_session_set_input(h.session, name, &view));
    ck_refused(avsound_session_set_input(h.session, NULL, &view), AVSOUND_E_INVALID_ARGUMENT, "name");
    ck_refused(avsound_session_set_input(h.session, "smell", &view), AVSOUND_E_INVALID_ARGUMENT, "smell");
    ck_refused(avsound_session_set_input(h.session, name, NULL), AVSOUND_E_INVALID_ARGUMENT, "");

    avsound_tensor bad = view;
    bad.data = NULL;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_INVALID_ARGUMENT, "data");
    bad = view;
    bad.struct_size = 4;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    bad = view;
    bad.dtype = AVSOUND_DTYPE_BF16;
    ck_assert_int_ne(avsound_session_set_input(h.session, name, &bad), AVSOUND_OK);
    bad = view;
    bad.rank = 3;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_SHAPE, name);
    bad = view;
    bad.shape[3] -= 1;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_SHAPE, name);
    bad.shape[3] = -1;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_SHAPE, "");
    bad = view;
    bad.rank = AVSOUND_MAX_RANK + 1;
    ck_refused(avsound_session_set_input(h.session, name, &bad), AVSOUND_E_SHAPE, "");

    const float not_finite[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        values[output_count(&view) - 1] = not_finite[i];
        ck_refused(avsound_session_set_input(h.session, name, &view), AVSOUND_E_INVALID_ARGUMENT, name);
    }
    free(values);
    teardown(&h);
}
END_TEST

START_TEST(run_wants_every_input)
{
    handles h;
    setup(&h, "avol-net");
    ck_refused(avsound_session_run(h.session), AVSOUND_E_STATE, "");
    avsound_tensor view = {.struct_size = sizeof view};
    const char *first = NULL, *second = NULL;
    ck_avsound(avsound_session_input(h.session, 0, &first, &view));
    float *values = calloc(output_count(&view), sizeof *values);
    view.data = values;
    ck_avsound(avsound_session_set_input(h.session, first, &view));
    free(values);
    ck_avsound(avsound_session_input(h.session, 1, &second, &(avsound_tensor){.struct_size = sizeof view}));
    ck_refused(avsound_session_run(h.session), AVSOUND_E_STATE, second);
    fill_inputs(h.session, 1);
    ck_avsound(avsound_session_run(h.session));
    ck_avsound(avsound_session_run(h.session)); /* inputs stay set */
    teardown(&h);
}
END_TEST

START_TEST(cancel_stops_one_run)
{
    handles h;
    setup(&h, "ave-net");
    fill_inputs(h.session, 1);
    ck_avsound(avsound_session_run(h.session));
    const uint64_t digest = outputs_digest(h.session);
    avsound_session_cancel(h.session);
    ck_refused(avsound_session_run(h.session), AVSOUND_E_CANCELLED, "");
    ck_avsound(avsound_session_run(h.session));
    ck_assert_uint_eq(outputs_digest(h.session), digest);
    teardown(&h);
}
END_TEST

static void *run_until_cancelled(void *argument)
{
    avsound_status status;
    do
        status = avsound_session_run(argument);
    while (status == AVSOUND_OK);
    return (void *)(intptr_t)status;
}

START_TEST(cancel_reaches_a_run_in_another_thread)
{
    handles h;
    setup(&h, "ave-net");
    fill_inputs(h.session, 1);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, run_until_cancelled, h.session), 0);
        usleep((useconds_t)(i * 500));
        avsound_session_cancel(h.session);
        void *status = NULL;
        ck_assert_int_eq(pthread_join(thread, &status), 0);
        ck_assert_int_eq((intptr_t)status, AVSOUND_E_CANCELLED);
    }
    teardown(&h);
}
END_TEST

START_TEST(outputs_are_known_before_the_first_run)
{
    handles h;
    setup(&h, "avol-net");
    avsound_tensor view = {.struct_size = sizeof view};
    for (int32_t i = 0; i < avsound_session_output_count(h.session); i++) {
        view.struct_size = sizeof view;
        ck_avsound(avsound_session_get_output(h.session, avsound_session_output_name(h.session, i), &view));
        ck_assert_int_gt(view.rank, 0);
        ck_assert_int_eq(view.shape[0], 1);
    }
    ck_refused(avsound_session_get_output(h.session, NULL, &view), AVSOUND_E_INVALID_ARGUMENT, "name");
    ck_refused(avsound_session_get_output(h.session, "smell", &view), AVSOUND_E_INVALID_ARGUMENT, "smell");
    ck_refused(avsound_session_get_output(h.session, "score", NULL), AVSOUND_E_INVALID_ARGUMENT, "");
    view.struct_size = 0;
    ck_refused(avsound_session_get_output(h.session, "score", &view), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    teardown(&h);
}
END_TEST

START_TEST(outputs_wanted_are_the_outputs_given)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.outputs = "vision.conv4_2,score";
    options.batch = 2;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &options, &session));
    ck_assert_int_eq(avsound_session_output_count(session), 2);
    avsound_tensor view = {.struct_size = sizeof view};
    ck_avsound(avsound_session_get_output(session, "vision.conv4_2", &view));
    ck_assert_int_eq(view.shape[0], 2);
    ck_assert_int_eq(view.shape[1], 32);
    ck_assert_int_eq(view.shape[2], 14);
    ck_refused(avsound_session_get_output(session, "embedding.image", &view), AVSOUND_E_INVALID_ARGUMENT, "embedding.image");
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(describe_follows_the_buffer_idiom)
{
    handles h;
    setup(&h, "ave-net");
    ck_refused(avsound_session_describe(h.session, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "size");
    size_t wanted = 0;
    ck_avsound(avsound_session_describe(h.session, NULL, &wanted));
    ck_assert_uint_gt(wanted, 200);
    char *text = malloc(wanted);
    memset(text, 0x7f, wanted);
    size_t size = wanted - 1;
    ck_refused(avsound_session_describe(h.session, text, &size), AVSOUND_E_BUFFER_SIZE, "");
    ck_assert_uint_eq(size, wanted);
    size = 0;
    ck_refused(avsound_session_describe(h.session, text, &size), AVSOUND_E_BUFFER_SIZE, "");
    ck_assert_uint_eq(size, wanted);
    ck_avsound(avsound_session_describe(h.session, text, &size));
    ck_assert_uint_eq(size, wanted);
    ck_assert_uint_eq(strlen(text) + 1, wanted);
    ck_assert_ptr_nonnull(strstr(text, "conv"));
    free(text);
    teardown(&h);
}
END_TEST

START_TEST(any_order_of_freeing)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        handles h;
        setup(&h, "ave-net");
        fill_inputs(h.session, 1);
        for (int k = 0; k < 3; k++) {
            if (orders[i][k] == 0)
                avsound_context_free(h.context);
            else if (orders[i][k] == 1)
                avsound_model_free(h.model);
            else
                avsound_session_free(h.session);
            if (k == 1 && orders[i][2] == 2) { /* the session is alone now, and still works */
                ck_avsound(avsound_session_run(h.session));
                ck_assert_int_gt(atomic_load(&h.budget.live), 0);
            }
        }
        ck_assert_int_eq(atomic_load(&h.budget.live), 0);
    }
}
END_TEST

START_TEST(sessions_of_one_model_agree_and_outlive_each_other)
{
    handles h;
    setup(&h, "ave-net");
    fill_inputs(h.session, 3);
    ck_avsound(avsound_session_run(h.session));
    const uint64_t digest = outputs_digest(h.session);
    avsound_session *second = default_session(h.model);
    avsound_session_free(h.session);
    h.session = second;
    fill_inputs(second, 3);
    ck_avsound(avsound_session_run(second));
    ck_assert_uint_eq(outputs_digest(second), digest);
    teardown(&h);
}
END_TEST

START_TEST(precision_auto_is_resolved_and_bf16_refused_by_name)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = AVSOUND_PRECISION_AUTO;
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, &options, &session));
    const int32_t resolved = avsound_session_precision(session);
    avsound_session_free(session);
    session = NULL;
    ck_assert(resolved == AVSOUND_PRECISION_F32 || resolved == AVSOUND_PRECISION_BF16);
    /* auto may leave bf16 aside where the processor has it, but never takes what it has not */
    options.precision = AVSOUND_PRECISION_BF16;
    if (resolved == AVSOUND_PRECISION_BF16 || avsound_session_create(model, &options, &session) == AVSOUND_OK) {
        if (session == NULL)
            ck_avsound(avsound_session_create(model, &options, &session));
        ck_assert_int_eq(avsound_session_precision(session), AVSOUND_PRECISION_BF16);
        avsound_session_free(session);
    } else {
        ck_refused(avsound_session_create(model, &options, &session), AVSOUND_E_UNSUPPORTED, "bf16");
    }
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

SUITE("contract.session", options_init_stays_within_struct_size, create_refuses_bad_arguments,
      create_refuses_sizes_over_the_limits, options_of_a_newer_header, accessors_take_null_and_bad_indices,
      set_input_checks_name_shape_and_values, run_wants_every_input, cancel_stops_one_run,
      cancel_reaches_a_run_in_another_thread, outputs_are_known_before_the_first_run,
      outputs_wanted_are_the_outputs_given, describe_follows_the_buffer_idiom, any_order_of_freeing,
      sessions_of_one_model_agree_and_outlive_each_other, precision_auto_is_resolved_and_bf16_refused_by_name)
