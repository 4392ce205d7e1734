/* A run's options: completed, refused by name, and the same after the way through a checkpoint's text. */
#include "failing.h"

#include "train/settings.h"

static avsound_trainer_options plain(void)
{
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    return options;
}

START_TEST(zeros_are_the_defaults)
{
    avsound_context *context;
    avsn_settings s;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_settings_init(context, NULL, "clips", &s));
    ck_assert_str_eq(s.data, "clips");
    ck_assert_ptr_null(s.options.validation);
    ck_assert_int_eq(s.options.batch, 64);
    ck_assert_int_eq(s.options.epochs, 100);
    ck_assert_int_ge(s.options.threads, 1);
    ck_assert_double_eq(s.options.learning_rate, 3e-4);
    ck_assert_double_eq(s.options.weight_decay, 1e-5);
    ck_assert_double_eq(s.options.statistics_momentum, 0.1);
    ck_assert_float_eq(s.augmentation.crop_max, 0.875f);
    ck_assert_float_eq(s.augmentation.flip, 0.5f);
    ck_assert_float_eq(s.augmentation.gain, 0.1f);
    ck_assert_float_eq(s.augmentation.hue, 0);
    ck_assert_double_eq(s.options.shift_min, 2.17);
    ck_assert_double_eq(s.options.shift_max, 5.87);
    avsn_settings_free(context, &s);

    avsound_trainer_options o = plain();
    o.weight_decay = -1;
    o.objective = AVSOUND_OBJECTIVE_SHIFT;
    o.optimizer = AVSOUND_OPTIMIZER_MOMENTUM;
    o.shift_min = 7;
    ck_avsound(avsn_settings_init(context, &o, "clips", &s));
    ck_assert_double_eq(s.options.weight_decay, 0);
    ck_assert_int_eq(s.options.batch, 10);
    ck_assert_double_eq(s.options.learning_rate, 1e-2);
    ck_assert_double_eq(s.options.statistics_momentum, 0); /* the network's own */
    ck_assert_double_eq(s.options.shift_max, 7);
    avsn_settings_free(context, &s);
    avsound_context_free(context);
}
END_TEST

START_TEST(refusals_name_the_option)
{
    avsound_context *context;
    avsn_settings s;
    ck_avsound(avsound_context_create(NULL, &context));
    avsound_trainer_options o = plain();
    o.batch = 1;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "batch is 1, want 2...");
    o = plain();
    o.learning_rate = NAN;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "learning_rate is nan");
    o = plain();
    o.schedule = 3;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "schedule is 3");
    o = plain();
    o.shift_hard = 1.5;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "shift_hard is 1.5");
    o = plain();
    o.shift_min = 3;
    o.shift_max = 2;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "shift_min is 3, more than");
    avsound_augmentation a = {.struct_size = sizeof a, .crop_min = 0.9f, .crop_max = 0.5f};
    o = plain();
    o.augmentation = &a;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "crop_min is 0.9");
    a.crop_min = 2;
    ck_refused(avsn_settings_init(context, &o, "clips", &s), AVSOUND_E_INVALID_ARGUMENT, "crop_min is 2, want 0.05...1");
    avsound_context_free(context);
}
END_TEST

START_TEST(text_keeps_everything)
{
    avsound_context *context;
    avsn_settings s, back;
    char *text, *again;
    ck_avsound(avsound_context_create(NULL, &context));
    avsound_augmentation a = {.struct_size = sizeof a, .crop_min = 0.3f, .noise_db = -41.7f, .time_masks = 2};
    avsound_trainer_options o = plain();
    o.seed = UINT64_MAX - 5;
    o.learning_rate = 0.1 + 0.2;
    o.validation = "a \"quoted\" name";
    o.source = "these clips";
    o.augmentation = &a;
    ck_avsound(avsn_settings_init(context, &o, "clips", &s));
    ck_avsound(avsn_settings_text(context, &s, &text));
    ck_avsound(avsn_settings_parse(context, text, "run", &back));
    ck_avsound(avsn_settings_text(context, &back, &again));
    ck_assert_str_eq(text, again);
    ck_assert(back.options.seed == UINT64_MAX - 5);
    ck_assert(back.options.learning_rate == 0.1 + 0.2);
    ck_assert_str_eq(back.options.validation, "a \"quoted\" name");
    ck_assert_ptr_null(back.options.license);
    ck_assert_mem_eq(&back.augmentation, &s.augmentation, sizeof s.augmentation);
    avsn_free(context, text);
    avsn_free(context, again);
    avsn_settings_free(context, &s);
    avsn_settings_free(context, &back);
    avsound_context_free(context);
}
END_TEST

START_TEST(damaged_texts_are_refused)
{
    avsound_context *context;
    avsn_settings s;
    char *text;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_refused(avsn_settings_parse(context, "{", "run", &s), AVSOUND_E_FORMAT, "run: the run's options are no JSON");
    ck_refused(avsn_settings_parse(context, "[]", "run", &s), AVSOUND_E_FORMAT, "objective is missing");
    ck_avsound(avsn_settings_init(context, NULL, "clips", &s));
    ck_avsound(avsn_settings_text(context, &s, &text));
    avsn_settings_free(context, &s);
    char *batch = strstr(text, "\"batch\":64");
    ck_assert_ptr_nonnull(batch);
    memcpy(batch, "\"batch\":01", 10);
    ck_refused(avsn_settings_parse(context, text, "run", &s), AVSOUND_E_FORMAT, "no JSON");
    memcpy(batch, "\"batch\": 1", 10);
    ck_refused(avsn_settings_parse(context, text, "run", &s), AVSOUND_E_FORMAT, "batch is 1");
    memcpy(batch, "\"catch\":64", 10);
    ck_refused(avsn_settings_parse(context, text, "run", &s), AVSOUND_E_FORMAT, "batch is missing");
    avsn_free(context, text);
    avsound_context_free(context);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    avsound_context *context = failing_context(&f);
    avsound_trainer_options o = plain();
    o.license = "some";
    o.source = "clips";
    const long held = f.held;
    avsound_status status = AVSOUND_E_NO_MEMORY;
    for (long n = 1; status; n++) {
        avsn_settings s;
        f.requests = 0;
        f.refused = n;
        status = avsn_settings_init(context, &o, "clips", &s);
        ck_assert(status == AVSOUND_OK || status == AVSOUND_E_NO_MEMORY);
        if (!status) {
            ck_assert_int_gt(n, 2);
            avsn_settings_free(context, &s);
        }
        ck_assert_int_eq(f.held, held);
    }
    avsound_context_free(context);
}
END_TEST

SUITE("train.settings", zeros_are_the_defaults, refusals_name_the_option, text_keeps_everything, damaged_texts_are_refused,
      refused_memory_leaves_nothing)
