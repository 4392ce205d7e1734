/* A run's history and its picture. */
#include "failing.h"
#include "suite.h"

#include <unistd.h>

#include "train/curves.h"

static avsound_context *context;

static avsn_history made(int64_t steps, int64_t per_epoch)
{
    avsn_history h;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    avsn_history_init(&h, context);
    for (int64_t s = 1; s <= steps; s++) {
        const avsn_history_step step = {.step = s, .epoch = (int32_t)(1 + s / per_epoch), .loss = 1.f / (float)s,
                                        .accuracy = .5f, .learning_rate = 1e-3f, .gradient_norm = 1};
        ck_avsound(avsn_history_add_step(&h, &step));
        const avsn_history_epoch epoch = {.step = s, .epoch = (int32_t)(s / per_epoch), .loss = .6f, .accuracy = .8f,
                                          .auc = NAN};
        if (s % per_epoch == 0)
            ck_avsound(avsn_history_add_epoch(&h, &epoch));
    }
    return h;
}

static void read_picture(const char *path, avsound_media **media, avsound_frame *frame)
{
    *frame = (avsound_frame){.struct_size = sizeof *frame};
    ck_avsound(avsound_media_open(context, path, NULL, media));
    ck_avsound(avsound_media_read_frame(*media, frame));
}

static int64_t count_colour(const avsound_frame *f, uint32_t colour, int32_t from, int32_t to)
{
    int64_t count = 0;
    for (int32_t y = 0; y < f->height; y++)
        for (int32_t x = from; x < to; x++) {
            const uint8_t *p = f->data[0] + y * f->stride[0] + x * 3;
            count += ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) == colour;
        }
    return count;
}

START_TEST(a_history_goes_forward_only)
{
    avsn_history h = made(10, 5);
    ck_assert_uint_eq(h.step_count, 10);
    ck_assert_uint_eq(h.epoch_count, 2);
    const avsn_history_step again = {.step = 10};
    ck_refused(avsn_history_add_step(&h, &again), AVSOUND_E_INVALID_ARGUMENT, "step 10");
    const avsn_history_epoch old = {.step = 7};
    ck_refused(avsn_history_add_epoch(&h, &old), AVSOUND_E_INVALID_ARGUMENT, "step 7");
    avsn_history_free(&h);
    ck_assert_uint_eq(h.step_count, 0);
}
END_TEST

START_TEST(smoothing_takes_the_neighbours_that_are_there)
{
    const double values[] = {1, 2, NAN, 4, 10}, wanted[] = {1.5, 1.5, 3, 7, 7};
    double smooth[5];
    avsn_smooth(values, 5, 1, smooth);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(smooth[i], wanted[i], 1e-12);
    avsn_smooth(values, 5, 100, smooth);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(smooth[i], 17. / 4, 1e-12);
    const double nothing[] = {NAN, INFINITY};
    avsn_smooth(nothing, 2, 0, smooth);
    ck_assert(isnan(smooth[0]) && isnan(smooth[1]));
}
END_TEST

START_TEST(the_picture_shows_both_panels_and_the_validation)
{
    const char *path = "test_curves.png";
    avsn_history h = made(500, 100);
    ck_avsound(avsn_curves_write(&h, .4, "facts of the run", path));
    avsound_media *media;
    avsound_frame frame;
    read_picture(path, &media, &frame);
    const int32_t half = frame.width / 2;
    for (int side = 0; side < 2; side++) {
        ck_assert_int_gt(count_colour(&frame, 0x2F6DB3, side * half, (side + 1) * half), 300); /* training */
        ck_assert_int_gt(count_colour(&frame, 0xD97B29, side * half, (side + 1) * half), 300); /* validation */
    }
    ck_assert_int_gt(count_colour(&frame, 0x9AA0A6, half, frame.width), 50); /* chance */
    ck_assert_int_eq(count_colour(&frame, 0x9AA0A6, 0, half), 0);
    ck_assert_int_eq(count_colour(&frame, 0x3B9A6D, 0, frame.width), 0); /* no AUC was measured */
    avsound_media_free(media);
    /* Again over itself, as a run does. */
    h.epochs[0].auc = h.epochs[1].auc = .7f;
    ck_avsound(avsn_curves_write(&h, .5, NULL, path));
    read_picture(path, &media, &frame);
    ck_assert_int_gt(count_colour(&frame, 0x3B9A6D, half, frame.width), 50);
    avsound_media_free(media);
    avsn_history_free(&h);
    unlink(path);
}
END_TEST

START_TEST(any_length_of_run_can_be_drawn)
{
    const char *path = "test_curves_length.png";
    const int64_t lengths[] = {0, 1, 2, 2399, 2400, 2401, 50000};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(lengths); i++) {
        avsn_history h = made(lengths[i], 1000);
        ck_avsound(avsn_curves_write(&h, .5, "", path));
        avsn_history_free(&h);
    }
    avsn_history h = made(20, 10);
    for (size_t i = 0; i < h.step_count; i++)
        h.steps[i].loss = h.steps[i].accuracy = NAN;
    ck_avsound(avsn_curves_write(&h, .5, "", path));
    ck_refused(avsn_curves_write(&h, .5, "", "no/such/folder/curves.png"), AVSOUND_E_IO, "no/such/folder");
    avsn_history_free(&h);
    unlink(path);
}
END_TEST

static avsound_status fill(avsound_context *poor, avsn_history *h)
{
    const avsn_history_step step = {.step = 1, .loss = 1, .accuracy = .5f};
    const avsn_history_epoch epoch = {.step = 1, .epoch = 1, .loss = 1, .accuracy = .5f, .auc = .5f};
    avsn_history_init(h, poor);
    avsound_status status = avsn_history_add_step(h, &step);
    if (!status)
        status = avsn_history_add_epoch(h, &epoch);
    if (!status)
        status = avsn_curves_write(h, .5, "title", "test_curves_memory.png");
    if (status)
        avsn_history_free(h);
    return status;
}

START_TEST(drawing_survives_refused_memory)
{
    failing f;
    avsound_context *poor = failing_context(&f);
    avsn_history h;
    ck_survives_refusals(&f, fill(poor, &h), avsn_history_free(&h));
    avsound_context_free(poor);
    unlink("test_curves_memory.png");
}
END_TEST

SUITE("train.curves", a_history_goes_forward_only, smoothing_takes_the_neighbours_that_are_there,
      the_picture_shows_both_panels_and_the_validation, any_length_of_run_can_be_drawn,
      drawing_survives_refused_memory)
