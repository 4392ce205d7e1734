/* Scores over time in a picture whose axis is found from known values. */
#include "failing.h"
#include "suite.h"

#include <stdbool.h>
#include <unistd.h>

enum { WIDTH = 960, HEIGHT = 400, LEGEND = 35 /* its rows and the title's */, MIDDLE = 300 /* a column */ };

static avsound_context *context;
static char path[64];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    snprintf(path, sizeof path, "scores-%d.png", (int)getpid());
}

static void tear_down(void)
{
    remove(path);
    avsound_context_free(context);
}

typedef struct image {
    avsound_media *media;
    avsound_frame frame;
} image;

static image open_image(void)
{
    image m = {.frame.struct_size = sizeof m.frame};
    ck_avsound(avsound_media_open(context, path, NULL, &m.media));
    ck_avsound(avsound_media_read_frame(m.media, &m.frame));
    ck_assert_int_eq(m.frame.width, WIDTH);
    ck_assert_int_eq(m.frame.height, HEIGHT);
    return m;
}

/* Far more blue than red, as of all that is drawn only the line and dots of what is sure are. */
static bool is_blue(const image *m, int x, int y)
{
    const uint8_t *rgb = m->frame.data[0] + y * m->frame.stride[0] + 3 * x;
    return rgb[2] > rgb[0] + 60;
}

/* Mean row of what is blue in a column; NaN: nothing is. */
static double blue_row(const image *m, int x)
{
    double sum = 0;
    int count = 0;
    for (int y = LEGEND; y < HEIGHT; y++)
        if (is_blue(m, x, y)) {
            sum += y;
            count++;
        }
    return count ? sum / count : NAN;
}

static avsound_scores scores_of(const double *times, const double *probabilities, const double *confidences, int64_t count)
{
    return (avsound_scores){.struct_size = sizeof(avsound_scores), .times_s = times, .probabilities = probabilities,
                            .confidences = confidences, .count = count};
}

/* Row of a probability that stays the same for 10 s. */
static double row_of(double probability)
{
    const double times[2] = {0, 10}, probabilities[2] = {probability, probability}, confidences[2] = {1, 1};
    const avsound_scores s = scores_of(times, probabilities, confidences, 2);
    ck_avsound(avsound_scores_draw(context, &s, path));
    image m = open_image();
    const double row = blue_row(&m, MIDDLE);
    avsound_media_free(m.media);
    return row;
}

START_TEST(probabilities_stand_on_one_scale_from_0_to_1)
{
    set_up();
    const double bottom = row_of(0), top = row_of(1);
    ck_assert_double_gt(bottom - top, HEIGHT / 2.0);
    ck_assert_double_eq_tol(row_of(0.5), (bottom + top) / 2, 1);
    ck_assert_double_eq_tol(row_of(0.25), (3 * bottom + top) / 4, 1);
    tear_down();
}
END_TEST

/* The first half is unsure; the other's dots have a white rim, so of a few columns one at least is blue. */
static void check_gap(int count)
{
    enum { MOST = 900, FEW_COLUMNS = 8 };
    double times[MOST], probabilities[MOST], confidences[MOST];
    for (int i = 0; i < count; i++) {
        times[i] = i;
        probabilities[i] = 0.25;
        confidences[i] = i < count / 2 ? 0 : 1;
    }
    const avsound_scores s = scores_of(times, probabilities, confidences, count);
    ck_avsound(avsound_scores_draw(context, &s, path));
    image m = open_image();
    for (int x = 60; x < WIDTH / 2; x++)
        ck_assert_msg(isnan(blue_row(&m, x)), "%d scores: column %d has blue", count, x);
    for (int x = WIDTH / 2 + 40, without = 0; x < WIDTH - 40; x++) {
        without = isnan(blue_row(&m, x)) ? without + 1 : 0;
        ck_assert_msg(without < FEW_COLUMNS, "%d scores: columns up to %d have no blue", count, x);
    }
    avsound_media_free(m.media);
}

START_TEST(what_is_unsure_is_a_gap)
{
    set_up();
    check_gap(101);
    check_gap(900);
    tear_down();
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    const double times[2] = {0, 10}, half[2] = {0.5, 0.5};
    set_up();
    avsound_context *counted = failing_context(&f);
    const avsound_scores s = scores_of(times, half, half, 2);
    ck_survives_refusals(&f, avsound_scores_draw(counted, &s, path), (void)0);
    avsound_context_free(counted);
    tear_down();
}
END_TEST

SUITE("api.scores", probabilities_stand_on_one_scale_from_0_to_1, what_is_unsure_is_a_gap, refused_memory_leaves_nothing)
