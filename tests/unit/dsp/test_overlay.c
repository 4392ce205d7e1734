#include "suite.h"

#include "dsp/image.h"

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 151 + i / 251 * 7);
}

/* By the definition, in double, one pixel at a time. */
static double value_at(const float *map, int rows, int cols, double x, double y)
{
    const double u = fmin(fmax(x * cols - 0.5, 0), cols - 1), v = fmin(fmax(y * rows - 0.5, 0), rows - 1);
    const int c0 = (int)u, r0 = (int)v, c1 = AVSN_MIN(c0 + 1, cols - 1), r1 = AVSN_MIN(r0 + 1, rows - 1);
    const double above = map[r0 * cols + c0] * (1 - (u - c0)) + map[r0 * cols + c1] * (u - c0);
    const double below = map[r1 * cols + c0] * (1 - (u - c0)) + map[r1 * cols + c1] * (u - c0);
    return above * (1 - (v - r0)) + below * (v - r0);
}

/* Where a colour map is steepest a channel rises by 4.3 a step of the value's 256; half a step each for the value and the
 * opacity (1/256 of up to 255), half a level for the result. */
static const double drawing_error = 4.3 / 2 + 1 + 0.5;

static void ck_drawn(int width, int height, int rows, int cols, int colour, float alpha, int weighted)
{
    const int stride = 3 * width + 7;
    const size_t bytes = (size_t)((height - 1) * stride + 3 * width);
    uint8_t *before = malloc(bytes), *rgb = malloc(bytes);
    float *map = malloc((size_t)(rows * cols) * sizeof *map);
    fill(before, bytes);
    memcpy(rgb, before, bytes);
    for (int i = 0; i < rows * cols; i++)
        map[i] = (float)((i * 37 + 11) % 101) / 100;
    avsn_overlay(rgb, stride, width, height, map, rows, cols, colour, alpha, weighted);
    double most = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double value = value_at(map, rows, cols, (x + 0.5) / width, (y + 0.5) / height);
            const double a = alpha * (weighted ? value : 1);
            uint8_t ink[3];
            avsn_colour(colour, (float)value, ink);
            for (int c = 0; c < 3; c++) {
                const int at = y * stride + 3 * x + c;
                most = fmax(most, fabs(rgb[at] - ((1 - a) * before[at] + a * ink[c])));
            }
        }
    ck_assert_msg(most <= drawing_error, "%dx%d under %dx%d, colour %d, alpha %g: off by %g", width, height, cols, rows,
                  colour, (double)alpha, most);
    for (int y = 0; y < height - 1; y++) /* between the rows nothing is written */
        ck_assert_mem_eq(rgb + y * stride + 3 * width, before + y * stride + 3 * width, 7);
    free(map);
    free(rgb);
    free(before);
}

START_TEST(agrees_with_the_definition)
{
    static const int sizes[][4] = {{1, 1, 1, 1},     {1, 1, 14, 14},  {7, 5, 1, 1},      {255, 9, 3, 5},
                                   {256, 9, 14, 14}, {257, 40, 4, 7}, {513, 31, 7, 200}, {854, 480, 14, 25},
                                   {40, 300, 25, 2}, {1000, 1, 1, 9}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++)
        for (int colour = 0; colour < AVSN_COLOUR_COUNT; colour++) {
            ck_drawn(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], colour, 0.35f, 1);
            ck_drawn(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], colour, 1, 0);
        }
}
END_TEST

/* One cell is 1: the brightest pixels are those nearest to its centre, in a black picture. */
START_TEST(maximum_lands_at_the_cells_centre)
{
    static const int sizes[][4] = {{224, 224, 14, 14}, {854, 480, 14, 25}, {480, 854, 25, 14}, {640, 352, 3, 5}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++) {
        const int width = sizes[i][0], height = sizes[i][1], rows = sizes[i][2], cols = sizes[i][3];
        uint8_t *rgb = malloc((size_t)(width * height * 3));
        float *map = calloc((size_t)(rows * cols), sizeof *map);
        for (int cell = 0; cell < rows * cols; cell += 11) {
            memset(rgb, 0, (size_t)(width * height * 3));
            map[cell] = 1;
            avsn_overlay(rgb, 3 * width, width, height, map, rows, cols, AVSN_COLOUR_GREY, 1, 0);
            map[cell] = 0;
            double sum_x = 0, sum_y = 0, brightest = 0, count = 0;
            for (int p = 0; p < width * height; p++)
                brightest = fmax(brightest, rgb[3 * p]);
            for (int p = 0; p < width * height; p++)
                if (rgb[3 * p] == brightest) {
                    sum_x += p % width + 0.5;
                    sum_y += p / width + 0.5;
                    count++;
                }
            const int r = cell / cols, c = cell % cols;
            const double x = (c + 0.5) * width / cols, y = (r + 0.5) * height / rows;
            /* cells at the edge are held constant from their centre outwards */
            const bool edge_x = c == 0 || c == cols - 1, edge_y = r == 0 || r == rows - 1;
            if (!edge_x)
                ck_assert_double_eq_tol(sum_x / count, x, 1);
            if (!edge_y)
                ck_assert_double_eq_tol(sum_y / count, y, 1);
            /* the pixel with the cell's centre in it has its own centre half a pixel away at most */
            ck_assert_int_ge(rgb[3 * ((int)y * width + (int)x)],
                             (int)(255 * (1 - 0.5 * cols / width) * (1 - 0.5 * rows / height)));
        }
        free(map);
        free(rgb);
    }
}
END_TEST

START_TEST(mirrored_map_gives_mirrored_picture)
{
    enum { WIDTH = 611, HEIGHT = 203, ROWS = 6, COLS = 11 };
    static uint8_t here[WIDTH * HEIGHT * 3], there[WIDTH * HEIGHT * 3];
    float map[ROWS * COLS], mirrored[ROWS * COLS];
    memset(here, 77, sizeof here);
    memset(there, 77, sizeof there);
    for (int i = 0; i < ROWS * COLS; i++)
        mirrored[ROWS * COLS - 1 - i] = map[i] = (float)((i * 29 + 3) % 67) / 66;
    avsn_overlay(here, 3 * WIDTH, WIDTH, HEIGHT, map, ROWS, COLS, AVSN_COLOUR_JET, 0.7f, 1);
    avsn_overlay(there, 3 * WIDTH, WIDTH, HEIGHT, mirrored, ROWS, COLS, AVSN_COLOUR_JET, 0.7f, 1);
    int different = 0;
    for (int p = 0; p < WIDTH * HEIGHT; p++)
        different += memcmp(here + 3 * p, there + 3 * (WIDTH * HEIGHT - 1 - p), 3) != 0;
    ck_assert_int_eq(different, 0);
}
END_TEST

START_TEST(nothing_opaque_leaves_the_picture_as_it_is)
{
    enum { WIDTH = 300, HEIGHT = 20 };
    uint8_t rgb[WIDTH * HEIGHT * 3], before[WIDTH * HEIGHT * 3];
    fill(before, sizeof before);
    memcpy(rgb, before, sizeof rgb);
    const float map[4] = {0.1f, 1, 0.5f, 0}, zeros[4] = {0}, strange[4] = {NAN, -3, -INFINITY, NAN};
    avsn_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, map, 2, 2, AVSN_COLOUR_JET, 0, 1);
    avsn_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, map, 2, 2, AVSN_COLOUR_JET, 0, 0);
    avsn_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, zeros, 2, 2, AVSN_COLOUR_JET, 1, 1);
    avsn_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, map, 2, 2, AVSN_COLOUR_JET, NAN, 1);
    avsn_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, strange, 2, 2, AVSN_COLOUR_JET, 1, 1); /* count as 0 */
    ck_assert_mem_eq(rgb, before, sizeof rgb);
}
END_TEST

START_TEST(full_opacity_paints_the_colour)
{
    uint8_t rgb[3 * 50], want[3];
    for (int colour = 0; colour < AVSN_COLOUR_COUNT; colour++)
        for (int i = 0; i < 256; i++) {
            const float value = (float)i / 255;
            memset(rgb, 200, sizeof rgb);
            avsn_overlay(rgb, 15, 5, 10, &value, 1, 1, colour, 2, 0); /* alpha is clipped too */
            avsn_colour(colour, value, want);
            ck_assert_mem_eq(rgb + 3 * 27, want, 3);
        }
}
END_TEST

static void ck_colour(int colour, float value, int r, int g, int b)
{
    uint8_t rgb[3];
    avsn_colour(colour, value, rgb);
    ck_assert_msg(rgb[0] == r && rgb[1] == g && rgb[2] == b, "colour %d at %g: (%d,%d,%d), want (%d,%d,%d)", colour,
                  (double)value, rgb[0], rgb[1], rgb[2], r, g, b);
}

START_TEST(jet_passes_through_its_breakpoints)
{
    ck_colour(AVSN_COLOUR_JET, 0, 0, 0, 128);
    ck_colour(AVSN_COLOUR_JET, 0.11f, 0, 0, 255);
    ck_colour(AVSN_COLOUR_JET, 0.125f, 0, 0, 255);
    ck_colour(AVSN_COLOUR_JET, 0.375f, 21, 255, 226); /* 255 (.375 - .35) / .31, 255 (.65 - .375) / .31 */
    ck_colour(AVSN_COLOUR_JET, 0.5f, 123, 255, 123);
    ck_colour(AVSN_COLOUR_JET, 0.66f, 255, 236, 0); /* 255 (.91 - .66) / .27 */
    ck_colour(AVSN_COLOUR_JET, 0.91f, 232, 0, 0); /* 255 (1 - .5 (.91 - .89) / .11) */
    ck_colour(AVSN_COLOUR_JET, 1, 128, 0, 0);
    ck_colour(AVSN_COLOUR_JET, -1, 0, 0, 128);
    ck_colour(AVSN_COLOUR_JET, NAN, 0, 0, 128);
    ck_colour(AVSN_COLOUR_JET, INFINITY, 128, 0, 0);
}
END_TEST

START_TEST(inferno_and_grey_get_lighter_all_the_way)
{
    ck_colour(AVSN_COLOUR_GREY, 0, 0, 0, 0);
    ck_colour(AVSN_COLOUR_GREY, 0.2f, 51, 51, 51);
    ck_colour(AVSN_COLOUR_GREY, 1, 255, 255, 255);
    double last = -1;
    for (int i = 0; i <= 64; i++) {
        uint8_t rgb[3];
        avsn_colour(AVSN_COLOUR_INFERNO, (float)i / 64, rgb);
        const double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        ck_assert_double_gt(luma, last);
        last = luma;
    }
    ck_assert_double_gt(last, 220);
}
END_TEST

SUITE("dsp overlay", agrees_with_the_definition, maximum_lands_at_the_cells_centre, mirrored_map_gives_mirrored_picture,
      nothing_opaque_leaves_the_picture_as_it_is, full_opacity_paints_the_colour, jet_passes_through_its_breakpoints,
      inferno_and_grey_get_lighter_all_the_way)
