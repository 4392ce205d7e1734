/* The log of a run: what stands in it, and that a resumed run has each line once. */
#include "failing.h"
#include "suite.h"

#include <sys/stat.h>
#include <unistd.h>

#include "train/log.h"

static const char *const path = "test_run_log.jsonl";
static avsound_context *context;

static void setup(void)
{
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    unlink(path);
}

static char *text_of(const char *name)
{
    struct stat about;
    FILE *file = fopen(name, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &about), 0);
    char *text = calloc(1, (size_t)about.st_size + 1);
    ck_assert_uint_eq(fread(text, 1, (size_t)about.st_size, file), (size_t)about.st_size);
    fclose(file);
    return text;
}

static void put_text(const char *text)
{
    FILE *file = fopen(path, "wb");
    fputs(text, file);
    fclose(file);
}

static avsn_history_step step_at(int64_t step)
{
    return (avsn_history_step){.step = step, .epoch = (int32_t)((step - 1) / 10 + 1), .clipped = step % 2,
                               .loss = 1.f / (float)step, .accuracy = .5f, .learning_rate = 3e-4f,
                               .gradient_norm = (float)step};
}

/* Steps from...to with a validation after each tenth. */
static void run(avsn_run_log *log, int64_t from, int64_t to)
{
    for (int64_t s = from; s <= to; s++) {
        const avsn_history_step step = step_at(s);
        ck_avsound(avsn_run_log_step(log, &step, .25 * (double)s, .01));
        const avsn_history_epoch epoch = {.step = s, .epoch = (int32_t)(s / 10), .loss = .5f, .accuracy = .75f,
                                          .auc = NAN};
        if (s % 10 == 0)
            ck_avsound(avsn_run_log_epoch(log, &epoch, .4, .8, 2, .1));
    }
}

static avsn_run_log *opened(int64_t resume_step, avsn_history *history)
{
    avsn_run_log *log;
    ck_avsound(avsn_run_log_open(context, path, resume_step, history, &log));
    return log;
}

START_TEST(every_line_is_an_object_with_its_keys)
{
    setup();
    avsn_run_log *log = opened(-1, NULL);
    ck_avsound(avsn_run_log_event(log, "start", 0, json_pack("{s:s, s:i}", "arch", "ave-net", "clips", 7)));
    run(log, 1, 10);
    ck_avsound(avsn_run_log_message(log, "health", 10, "a \"quoted\" word\nand a line"));
    ck_avsound(avsn_run_log_event(log, "stop", 10, NULL));
    /* It can be read while the run goes on. */
    char *text = text_of(path);
    size_t lines = 0;
    json_t *objects[32];
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        ck_assert_ptr_nonnull(objects[lines++] = json_loads(at, 0, NULL));
    }
    ck_assert_uint_eq(lines, 14);
    const char *const keys[] = {"event", "step", "epoch", "loss", "accuracy", "learning_rate", "gradient_norm",
                                "clipped", "seconds", "waited"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(keys); i++)
        ck_assert_msg(json_object_get(objects[3], keys[i]) != NULL, "no %s", keys[i]);
    ck_assert_uint_eq(json_object_size(objects[3]), AVSN_ARRAY_COUNT(keys));
    ck_assert_double_eq_tol(json_number_value(json_object_get(objects[3], "loss")), 1. / 3, 1e-6);
    ck_assert_str_eq(json_string_value(json_object_get(objects[0], "arch")), "ave-net");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(objects[0], "time"))), 20);
    ck_assert(json_is_null(json_object_get(objects[11], "validation_auc")));
    ck_assert_double_eq_tol(json_number_value(json_object_get(objects[11], "validation_accuracy")), .75, 1e-6);
    ck_assert_str_eq(json_string_value(json_object_get(objects[12], "message")), "a \"quoted\" word\nand a line");
    for (size_t i = 0; i < lines; i++)
        json_decref(objects[i]);
    free(text);
    avsn_run_log_free(log);
}
END_TEST

/* Interrupted at step 27, the checkpoint at 20: afterwards the file is the same as of a run without the accident. */
START_TEST(a_resumed_run_has_each_line_once)
{
    setup();
    avsn_run_log *log = opened(-1, NULL);
    run(log, 1, 40);
    avsn_run_log_free(log);
    char *whole = text_of(path);

    log = opened(-1, NULL);
    run(log, 1, 27);
    avsn_run_log_free(log);
    avsn_history history;
    avsn_history_init(&history, context);
    log = opened(20, &history);
    ck_assert_uint_eq(history.step_count, 20);
    ck_assert_uint_eq(history.epoch_count, 2);
    for (int64_t s = 1; s <= 20; s++) {
        const avsn_history_step wanted = step_at(s), *found = &history.steps[s - 1];
        ck_assert_int_eq(found->step, s);
        ck_assert_int_eq(found->epoch, wanted.epoch);
        ck_assert_int_eq(found->clipped, wanted.clipped);
        ck_assert_float_eq_tol(found->loss, wanted.loss, 1e-6f);
        ck_assert_float_eq_tol(found->learning_rate, wanted.learning_rate, 1e-9f);
        ck_assert_float_eq_tol(found->gradient_norm, wanted.gradient_norm, 1e-5f);
    }
    ck_assert_float_eq(history.epochs[1].accuracy, .75f);
    ck_assert(isnan(history.epochs[1].auc));
    run(log, 20, 40); /* step 20 and its validation come again, as from a checkpoint made before them */
    avsn_run_log_free(log);
    char *resumed = text_of(path);
    /* But for the times of day. */
    size_t lines = 0;
    char *a = whole, *b = resumed;
    for (; *a && *b; lines++) {
        char *end_a = strchr(a, '\n'), *end_b = strchr(b, '\n');
        ck_assert(end_a && end_b);
        if (!strstr(a, "\"time\"") || strstr(a, "\"time\"") > end_a)
            ck_assert(end_a - a == end_b - b && !memcmp(a, b, (size_t)(end_a - a)));
        a = end_a + 1;
        b = end_b + 1;
    }
    ck_assert_uint_eq(lines, 44);
    ck_assert_int_eq(*a | *b, 0);
    free(whole);
    free(resumed);
    avsn_history_free(&history);
}
END_TEST

START_TEST(a_torn_or_foreign_line_is_cut_off)
{
    const char *const good = "{\"event\":\"step\",\"step\":1,\"epoch\":1,\"loss\":0.5,\"accuracy\":0.5}\n";
    const char *const ends[] = {"{\"event\":\"step\",\"st", "no json\n", "[1]\n", "{\"step\":2}\n", "\n",
                                "{\"event\":\"step\",\"step\":3}\n", "{\"event\":\"step\",\"step\":\"2\"}\n",
                                "{\"event\":7,\"step\":1}\n", "\x80\x81\n", ""};
    setup();
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(ends); i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", good, ends[i]);
        put_text(text);
        avsn_history history;
        avsn_history_init(&history, context);
        avsn_run_log_free(opened(2, &history));
        ck_assert_uint_eq(history.step_count, 1);
        ck_assert(isnan(history.steps[0].gradient_norm));
        char *left = text_of(path);
        ck_assert_str_eq(left, good);
        free(left);
        avsn_history_free(&history);
    }
}
END_TEST

START_TEST(a_new_run_begins_an_empty_file_and_a_missing_one_is_made)
{
    setup();
    put_text("old\n");
    avsn_run_log_free(opened(-1, NULL));
    char *text = text_of(path);
    ck_assert_str_eq(text, "");
    free(text);
    unlink(path);
    avsn_run_log *log = opened(100, NULL);
    run(log, 101, 101);
    avsn_run_log_free(log);
    text = text_of(path);
    ck_assert_ptr_nonnull(strstr(text, "\"step\":101"));
    free(text);
    ck_refused(avsn_run_log_open(context, "no/such/folder/log.jsonl", -1, NULL, &log), AVSOUND_E_IO, "no/such/folder");
    ck_assert_ptr_null(log);
}
END_TEST

START_TEST(a_full_disk_is_said)
{
    avsn_run_log *log;
    setup();
    if (access("/dev/full", W_OK))
        return;
    /* What cannot be cut cannot be a log. */
    ck_refused(avsn_run_log_open(context, "/dev/full", -1, NULL, &log), AVSOUND_E_IO, "/dev/full");
}
END_TEST

static avsound_status reopen(avsound_context *poor, avsn_history *history, avsn_run_log **log)
{
    avsn_history_init(history, poor);
    const avsound_status status = avsn_run_log_open(poor, path, 50, history, log);
    if (status)
        avsn_history_free(history);
    return status;
}

START_TEST(opening_survives_refused_memory)
{
    setup();
    avsn_run_log *log = opened(-1, NULL);
    run(log, 1, 30);
    avsn_run_log_free(log);
    failing f;
    avsound_context *poor = failing_context(&f);
    avsn_history history;
    ck_survives_refusals(&f, reopen(poor, &history, &log), (avsn_run_log_free(log), avsn_history_free(&history)));
    avsound_context_free(poor);
    avsn_history_init(&history, context);
    avsn_run_log_free(opened(50, &history));
    ck_assert_uint_eq(history.step_count, 30); /* the failures cut nothing off */
    avsn_history_free(&history);
    unlink(path);
}
END_TEST

SUITE("train.log", every_line_is_an_object_with_its_keys, a_resumed_run_has_each_line_once,
      a_torn_or_foreign_line_is_cut_off, a_new_run_begins_an_empty_file_and_a_missing_one_is_made, a_full_disk_is_said,
      opening_survives_refused_memory)
