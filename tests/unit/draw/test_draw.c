/* The canvas against areas, means and numbers known from geometry. */
#include "failing.h"
#include "suite.h"

#include <unistd.h>

#include "dsp/image.h"
#include "draw/draw.h"

static avsound_context *context;

static avsn_canvas *blank(int32_t width, int32_t height)
{
    avsn_canvas *canvas;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_canvas_create(context, width, height, 0xFFFFFF, &canvas));
    return canvas;
}

static const uint8_t *at(const avsn_canvas *canvas, int32_t x, int32_t y)
{
    return canvas->rgb + (y * canvas->width + x) * 3;
}

/* How many pixels' worth of black ink there is in a box of a white canvas. */
static double ink_in(const avsn_canvas *canvas, avsn_box b)
{
    double sum = 0;
    for (int32_t y = b.y; y < b.y + b.height; y++)
        for (int32_t x = b.x; x < b.x + b.width; x++)
            sum += (255 - at(canvas, x, y)[1]) / 255.0;
    return sum;
}

static double all_ink(const avsn_canvas *canvas)
{
    return ink_in(canvas, (avsn_box){0, 0, canvas->width, canvas->height});
}

START_TEST(a_line_covers_its_area_in_any_direction)
{
    const double length = 60, thickness = 4;
    for (int degrees = 0; degrees < 180; degrees += 13) {
        avsn_canvas *canvas = blank(100, 100);
        const double dx = cos(degrees * M_PI / 180) * length / 2, dy = sin(degrees * M_PI / 180) * length / 2;
        avsn_canvas_line(canvas, 50.3 - dx, 49.6 - dy, 50.3 + dx, 49.6 + dy, (float)thickness, 0, 0, 1);
        const double area = length * thickness + M_PI * thickness * thickness / 4; /* round ends */
        ck_assert_double_eq_tol(all_ink(canvas), area, area * .02);
        ck_assert_int_eq(at(canvas, 50, 49)[0], 0);
        avsn_canvas_free(canvas);
    }
}
END_TEST

START_TEST(half_a_line_is_gaps_when_dashed)
{
    avsn_canvas *canvas = blank(140, 20);
    avsn_canvas_line(canvas, 10, 10, 130, 10, 2, 10, 0, 1);
    /* Six dashes, each with its round ends. */
    ck_assert_double_eq_tol(all_ink(canvas), 6 * (10 * 2 + M_PI), 6);
    ck_assert_int_eq(at(canvas, 15, 9)[0], 0);
    ck_assert_int_eq(at(canvas, 25, 9)[0], 255);
    ck_assert_int_eq(at(canvas, 35, 9)[0], 0);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(joints_of_a_translucent_line_do_not_show)
{
    avsn_canvas *canvas = blank(60, 20);
    double phase = 0;
    for (int i = 0; i < 8; i++)
        avsn_canvas_stroke(canvas, 10 + 5 * i, 10, 15 + 5 * i, 10, 4, 0, &phase);
    avsn_canvas_ink(canvas, 0, .5f);
    for (int32_t x = 12; x < 48; x++)
        ck_assert_int_eq(at(canvas, x, 10)[0], at(canvas, 12, 10)[0]);
    ck_assert_int_eq(at(canvas, 12, 10)[0], 128);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(nothing_is_drawn_outside_the_clip)
{
    avsn_canvas *canvas = blank(50, 50);
    const avsn_box clip = {10, 12, 20, 9};
    avsn_canvas_clip(canvas, clip);
    avsn_canvas_fill(canvas, (avsn_box){-100, -100, 500, 500}, 0, 1);
    avsn_canvas_line(canvas, -30, -1e9, 80, 1e9, 9, 0, 0, 1);
    avsn_canvas_text(canvas, 0, 10, 2, 0, "WWWWWWWWWW");
    ck_assert_double_eq(all_ink(canvas), 20 * 9);
    ck_assert_double_eq(ink_in(canvas, clip), 20 * 9);
    avsn_canvas_unclip(canvas);
    avsn_canvas_line(canvas, NAN, 3, INFINITY, 4, 2, 3, 0, 1);
    avsn_canvas_line(canvas, -1e12, 40, 1e12, 40, 2, 3, 0, 1);
    ck_assert_int_eq(at(canvas, 25, 39)[0], 0);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(text_stays_in_the_box_that_its_width_says)
{
    for (double unit = 1; unit <= 3; unit += .5) {
        avsn_canvas *canvas = blank(400, 60);
        const char *text = "Gap {jy} 0.5 %|@";
        const int32_t width = (int32_t)ceil(avsn_text_width(unit, text)) + 2;
        const int32_t height = (int32_t)ceil(unit * (AVSN_TEXT_HEIGHT + AVSN_TEXT_DESCENT)) + 2;
        avsn_canvas_text(canvas, 20, 20, unit, 0, text);
        ck_assert_double_gt(all_ink(canvas), 40);
        ck_assert_double_eq(ink_in(canvas, (avsn_box){19, 19, width, height}), all_ink(canvas));
        avsn_canvas_free(canvas);
    }
}
END_TEST

/* Everything that can be printed has a form of its own, and figures have one width. */
START_TEST(every_character_differs_from_every_other)
{
    uint8_t seen[95][24 * 16];
    for (int c = ' '; c <= '~'; c++) {
        const char text[2] = {(char)c, 0};
        avsn_canvas *canvas = blank(16, 24);
        avsn_canvas_text(canvas, 2, 2, 2, 0, text);
        for (int32_t i = 0; i < 24 * 16; i++)
            seen[c - ' '][i] = canvas->rgb[i * 3];
        for (int other = ' '; other < c; other++)
            ck_assert_msg(memcmp(seen[c - ' '], seen[other - ' '], sizeof seen[0]), "%c looks like %c", c, other);
        ck_assert_double_eq(all_ink(canvas) == 0, c == ' ');
        avsn_canvas_free(canvas);
        if (c >= '0' && c <= '9')
            ck_assert_double_eq(avsn_text_width(1, text), avsn_text_width(1, "0"));
    }
}
END_TEST

START_TEST(text_is_measured_by_characters_and_cut_where_it_fits)
{
    ck_assert_double_eq(avsn_text_width(2, ""), 0);
    ck_assert_double_eq(avsn_text_width(1, "00"), 11);
    ck_assert_double_eq(avsn_text_width(1, "\xc3\xa9"), avsn_text_width(1, "?"));
    const char *text = "a longer piece of text";
    ck_assert_uint_eq(avsn_text_fit(1.5, text, 1e6), strlen(text));
    ck_assert_uint_eq(avsn_text_fit(1.5, text, avsn_text_width(1.5, text)), strlen(text));
    ck_assert_uint_eq(avsn_text_fit(1.5, text, avsn_text_width(1.5, text) - .01), strlen(text) - 1);
    ck_assert_uint_eq(avsn_text_fit(1, "\xc3\xa9\xc3\xa9", 6), 2);
    ck_assert_uint_eq(avsn_text_fit(1, "W", 2), 0);
}
END_TEST

START_TEST(pictures_keep_their_pixels_at_their_size_and_their_mean_when_shrunk)
{
    uint8_t rgb[12 * 9 * 3];
    double mean = 0;
    for (size_t i = 0; i < sizeof rgb; i++)
        mean += rgb[i] = (uint8_t)(i * 7919 % 251);
    mean /= sizeof rgb;
    avsn_canvas *canvas = blank(40, 40);
    avsn_canvas_image(canvas, (avsn_box){3, 5, 12, 9}, rgb, 36, 12, 9);
    for (int32_t y = 0; y < 9; y++)
        ck_assert_mem_eq(at(canvas, 3, 5 + y), rgb + y * 36, 36);
    avsn_canvas_image(canvas, (avsn_box){20, 20, 5, 4}, rgb, 36, 12, 9);
    double shrunk = 0;
    for (int32_t y = 20; y < 24; y++)
        for (int32_t x = 20; x < 25; x++)
            for (int c = 0; c < 3; c++)
                shrunk += at(canvas, x, y)[c] / 60.0;
    ck_assert_double_eq_tol(shrunk, mean, .5); /* rounding of each pixel */
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(pictures_grow_along_straight_lines)
{
    const uint8_t rgb[2 * 3] = {0, 0, 0, 200, 200, 200};
    avsn_canvas *canvas = blank(8, 2);
    avsn_canvas_image(canvas, (avsn_box){0, 0, 8, 2}, rgb, 6, 2, 1);
    /* Centres at 1/8 ... of the way between the two pixels' centres at 2 and 6. */
    const uint8_t wanted[8] = {0, 0, 25, 75, 125, 175, 200, 200};
    for (int32_t x = 0; x < 8; x++)
        ck_assert_int_eq(at(canvas, x, 1)[0], wanted[x]);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(a_matrix_stands_on_its_first_row)
{
    const float values[2 * 3] = {0, .5f, 1, 1, 1, 1};
    avsn_canvas *canvas = blank(3, 2);
    avsn_canvas_matrix(canvas, (avsn_box){0, 0, 3, 2}, values, 2, 3, 0, 1, AVSN_COLOUR_GREY);
    const uint8_t wanted[6] = {255, 255, 255, 0, 128, 255};
    for (int32_t i = 0; i < 6; i++)
        ck_assert_int_eq(canvas->rgb[i * 3], wanted[i]);
    avsn_canvas_matrix(canvas, (avsn_box){0, 0, 3, 2}, values, 2, 3, -1, 3, AVSN_COLOUR_GREY);
    ck_assert_int_eq(at(canvas, 0, 1)[0], 64);
    ck_assert_int_eq(at(canvas, 2, 1)[0], 128);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(ticks_are_round_and_inside)
{
    double ticks[AVSN_MOST_TICKS], step;
    const struct {
        double low, high;
        size_t wanted;
        double first, step;
        size_t count;
    } cases[] = {{0, 1, 5, 0, .2, 6},          {0.18, 0.71, 5, .2, .1, 6},     {-3, 4, 3, -2, 2, 4},
                 {1, 12000, 6, 2000, 2000, 6}, {0.4999, 0.5001, 4, .4999, 5e-5, 5}, {99990, 100010, 4, 99990, 5, 5}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(cases); i++) {
        const size_t count = avsn_ticks(cases[i].low, cases[i].high, cases[i].wanted, ticks, &step);
        ck_assert_uint_eq(count, cases[i].count);
        ck_assert_double_eq_tol(step, cases[i].step, cases[i].step * 1e-9);
        for (size_t n = 0; n < count; n++)
            ck_assert_double_eq_tol(ticks[n], cases[i].first + (double)n * cases[i].step, cases[i].step * 1e-6);
    }
    ck_assert_uint_eq(avsn_ticks(2, 2, 5, ticks, &step), 1);
    ck_assert_double_eq(ticks[0], 2);
    ck_assert_uint_le(avsn_ticks(0, 1, 1000, ticks, &step), AVSN_MOST_TICKS);
    ck_assert_uint_eq(avsn_ticks(NAN, 1, 5, ticks, &step), 1);
}
END_TEST

START_TEST(logarithmic_ticks_thin_out_over_many_powers)
{
    double ticks[AVSN_MOST_TICKS];
    const double narrow[] = {1, 2, 5, 10, 20, 50, 100, 200}, wide[] = {1, 10, 100, 1000, 10000};
    ck_assert_uint_eq(avsn_log_ticks(1, 300, ticks), 8);
    for (int i = 0; i < 8; i++)
        ck_assert_double_eq_tol(ticks[i], narrow[i], 1e-9);
    ck_assert_uint_eq(avsn_log_ticks(1, 30000, ticks), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(ticks[i], wide[i], 1e-9);
}
END_TEST

/* Of the colour of the only series, the leftmost and rightmost columns and where they stand. */
static void find_series(const avsn_canvas *canvas, avsn_box within, double first[2], double last[2])
{
    int32_t left = INT32_MAX, right = -1;
    double sum_left = 0, sum_right = 0, n_left = 0, n_right = 0;
    for (int32_t x = within.x; x < within.x + within.width; x++)
        for (int32_t y = within.y; y < within.y + within.height; y++) {
            if (at(canvas, x, y)[0] != 255 || at(canvas, x, y)[1] != 0)
                continue;
            if (x < left)
                left = x, sum_left = n_left = 0;
            if (x > right)
                right = x, sum_right = n_right = 0;
            if (x == left)
                sum_left += y + .5, n_left++;
            sum_right += y + .5, n_right++;
        }
    first[0] = left;
    first[1] = sum_left / n_left;
    last[0] = right + 1;
    last[1] = sum_right / n_right;
}

START_TEST(a_plot_rises_where_its_values_do)
{
    const double x[] = {0, 10}, y[] = {0, 1};
    for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
        avsn_canvas *canvas = blank(400, 300);
        const avsn_series series = {NULL, 0xFF0000, AVSN_SERIES_LINE, 2, x, y, 2};
        avsn_canvas_plot(canvas, &(avsn_plot){.box = {10, 10, 380, 280}, .title = "Title", .x_label = "steps",
                                              .log_x = logarithmic, .low = 1, .high = 0, .series = &series,
                                              .count = 1});
        double first[2], last[2];
        find_series(canvas, (avsn_box){0, 0, 400, 300}, first, last);
        ck_assert_double_lt(first[0], 90);
        ck_assert_double_gt(last[0], 360);
        ck_assert_double_gt(first[1], last[1] + 150);
        ck_assert_double_gt(ink_in(canvas, (avsn_box){0, 0, 60, 300}), 20); /* the axis' numbers */
        avsn_canvas_free(canvas);
    }
}
END_TEST

/* Half of it stands beyond the last value. */
START_TEST(the_last_number_of_an_axis_is_whole)
{
    const double x[] = {0, 2000}, y[] = {0, 1};
    avsn_canvas *canvas = blank(400, 300);
    const avsn_series series = {NULL, 0xFF0000, AVSN_SERIES_LINE, 2, x, y, 2};
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, 400, 300}, .low = 1, .high = 0, .series = &series, .count = 1});
    ck_assert_double_gt(ink_in(canvas, (avsn_box){380, 257, 18, 20}), 20);
    ck_assert_double_eq(ink_in(canvas, (avsn_box){398, 0, 2, 300}), 0);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(values_that_are_not_numbers_leave_gaps)
{
    const double x[] = {0, 1, 2, 3, 4}, y[] = {1, 1, NAN, 1, 1};
    avsn_canvas *canvas = blank(470, 300);
    const avsn_series series = {NULL, 0xFF0000, AVSN_SERIES_LINE, 3, x, y, 5};
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, 470, 300}, .low = 0, .high = 2, .series = &series, .count = 1});
    int red = 0;
    for (int32_t column = 58 + 110; column < 58 + 290; column++) /* between the second value and the fourth */
        for (int32_t row = 0; row < 300; row++)
            red += at(canvas, column, row)[0] == 255 && at(canvas, column, row)[1] == 0;
    ck_assert_int_eq(red, 0);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(a_plot_of_nothing_or_in_no_room_is_no_accident)
{
    avsn_canvas *canvas = blank(300, 200);
    const double x[] = {1}, y[] = {INFINITY};
    const avsn_series series = {"label", 0xFF0000, AVSN_SERIES_CLOUD | AVSN_SERIES_DOTS | AVSN_SERIES_LINE, 2, x, y, 1};
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, 300, 200}, .low = 1, .high = 0});
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, 300, 200}, .low = 1, .high = 0, .series = &series, .count = 1});
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, 10, 10}, .low = 1, .high = 0, .series = &series, .count = 1});
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(a_written_canvas_reads_back_the_same)
{
    avsn_canvas *canvas = blank(37, 23);
    avsn_canvas_line(canvas, 3, 4, 30, 20, 3, 0, 0x123456, 1);
    const char *path = "test_draw_written.png";
    ck_avsound(avsn_canvas_write(canvas, path));
    avsound_media *media;
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_avsound(avsound_media_open(context, path, NULL, &media));
    ck_avsound(avsound_media_read_frame(media, &frame));
    ck_assert_int_eq(frame.width, 37);
    ck_assert_int_eq(frame.height, 23);
    ck_assert_int_eq(frame.format, AVSOUND_PIXEL_RGB24);
    for (int32_t y = 0; y < 23; y++)
        ck_assert_mem_eq(frame.data[0] + y * frame.stride[0], at(canvas, 0, y), 37 * 3);
    avsound_media_free(media);
    unlink(path);
    avsn_canvas_free(canvas);
}
END_TEST

START_TEST(a_canvas_survives_refused_memory)
{
    failing f;
    avsound_context *poor = failing_context(&f);
    avsn_canvas *canvas;
    ck_survives_refusals(&f, avsn_canvas_create(poor, 30, 20, 0, &canvas), avsn_canvas_free(canvas));
    ck_refused(avsn_canvas_create(poor, 0, 20, 0, &canvas), AVSOUND_E_INVALID_ARGUMENT, "0 x 20");
    ck_assert_ptr_null(canvas);
    avsound_context_free(poor);
}
END_TEST

SUITE("draw.draw", a_line_covers_its_area_in_any_direction, half_a_line_is_gaps_when_dashed,
      joints_of_a_translucent_line_do_not_show, nothing_is_drawn_outside_the_clip,
      text_stays_in_the_box_that_its_width_says, every_character_differs_from_every_other,
      text_is_measured_by_characters_and_cut_where_it_fits,
      pictures_keep_their_pixels_at_their_size_and_their_mean_when_shrunk, pictures_grow_along_straight_lines,
      a_matrix_stands_on_its_first_row, ticks_are_round_and_inside, logarithmic_ticks_thin_out_over_many_powers,
      a_plot_rises_where_its_values_do, the_last_number_of_an_axis_is_whole, values_that_are_not_numbers_leave_gaps,
      a_plot_of_nothing_or_in_no_room_is_no_accident, a_written_canvas_reads_back_the_same,
      a_canvas_survives_refused_memory)
