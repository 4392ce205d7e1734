#include "suite.h"

#include "dsp/cam.h"
#include "failing.h"

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Against a sorted copy; many equal values among them. */
START_TEST(range_starts_at_half_the_percentile)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    static float cam[3136], sorted[3136];
    for (int count = 1; count <= 3136; count = count < 60 ? count + 1 : count * 2 - 7)
        for (int percent = 0; percent <= 100; percent += percent == 96 ? 1 : 3) {
            uint32_t state = (uint32_t)(count + percent);
            for (int i = 0; i < count; i++) {
                state = state * 1664525 + 1013904223;
                cam[i] = (float)(int32_t)(state >> 16 & 1023) / 4 - 128;
                sorted[i] = fabsf(cam[i]);
            }
            qsort(sorted, (size_t)count, sizeof *sorted, by_value);
            const double at = percent / 100. * (count - 1);
            const int below = (int)at, above = AVSN_MIN(below + 1, count - 1);
            const double level = sorted[below] + (sorted[above] - sorted[below]) * (at - below);
            avsn_cam_range range;
            ck_avsound(avsn_cam_range_adapt(context, cam, count, percent, &range));
            ck_assert_msg(fabs(range.low - 0.5 * level) < 1e-5 && fabs(range.high - level - 0.001) < 1e-5,
                          "percentile %d of %d: %g...%g, want %g...%g", percent, count, (double)range.low,
                          (double)range.high, 0.5 * level, level + 0.001);
            ck_assert_int_eq(range.flat, sorted[count - 1] - sorted[0] <= 0.001f);
        }
    avsound_context_free(context);
}
END_TEST

START_TEST(level_may_be_fixed)
{
    const float cam[] = {-40, 3, NAN, 12}, even[] = {2.0005f, -2.001f, 2}, strange[] = {NAN, NAN, 0.5f};
    avsn_cam_range range;
    avsn_cam_range_at(cam, 4, AVSN_CAM_LEVEL, &range);
    ck_assert_double_eq_tol(range.low, 17.5, 1e-6);
    ck_assert_double_eq_tol(range.high, 35.001, 1e-5);
    ck_assert(!range.flat);
    avsn_cam_range_at(even, 3, AVSN_CAM_LEVEL, &range); /* |cam| counts, not the sign */
    ck_assert(range.flat);
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_cam_range_adapt(context, strange, 3, 50, &range)); /* the middle one of 0, 0, 0.5 */
    ck_assert_double_eq_tol(range.high, 0.001, 1e-7);
    ck_assert(!range.flat);
    avsound_context_free(context);
}
END_TEST

START_TEST(refused_allocations_leave_nothing_behind)
{
    failing f;
    avsound_context *context = failing_context(&f);
    const float cam[3] = {1, 2, 3};
    avsn_cam_range range;
    ck_survives_refusals(&f, avsn_cam_range_adapt(context, cam, 3, 97, &range), (void)range);
    avsound_context_free(context);
}
END_TEST

/* Frame 62 of 125 lies at step 16 * 62 / 125 = 7.936, and what comes after the last step is held. */
START_TEST(frames_lie_between_steps)
{
    float cam[16][2], map[2];
    for (int t = 0; t < 16; t++) {
        cam[t][0] = (float)(t * t);
        cam[t][1] = t % 2 ? -3 : 1;
    }
    avsn_cam_frame(cam[0], 16, 2, 62, 125, map);
    ck_assert_double_eq_tol(map[0], 49 + 15 * 0.936, 1e-4);
    ck_assert_double_eq_tol(map[1], 3 - 2 * 0.936, 1e-5);
    avsn_cam_frame(cam[0], 16, 2, 0, 125, map);
    ck_assert(map[0] == 0 && map[1] == 1);
    for (int i = 118; i < 125; i++) {
        avsn_cam_frame(cam[0], 16, 2, i, 125, map);
        ck_assert(map[0] == 225 && map[1] == 3);
    }
}
END_TEST

/* The colour table in whole numbers: a level between the breakpoints x0 and x1 (in thousandths) at y0 and y1 is the
 * fraction (255 y0 (x1 - x0) + (y1 - y0) (1000 j - 255 x0)) / (255 (x1 - x0)) of 255, here truncated. */
static int level(const int (*knots)[2], int j)
{
    while (1000 * j > 255 * knots[1][0])
        knots++;
    const long x0 = knots[0][0], y0 = knots[0][1], x1 = knots[1][0], y1 = knots[1][1];
    return (int)((255 * y0 * (x1 - x0) + (y1 - y0) * (1000 * j - 255 * x0)) / (1000 * (x1 - x0)));
}

static const int jet[3][6][2] = { /* thousandths */
    {{0, 0}, {350, 0}, {660, 1000}, {890, 1000}, {1000, 500}},
    {{0, 0}, {125, 0}, {375, 1000}, {640, 1000}, {910, 0}, {1000, 0}},
    {{0, 500}, {110, 1000}, {340, 1000}, {650, 0}, {1000, 0}},
};

START_TEST(colour_table_is_truncated)
{
    uint8_t table[256][3];
    avsn_colour_table(AVSN_COLOUR_JET, table);
    for (int j = 0; j < 256; j++)
        for (int c = 0; c < 3; c++)
            ck_assert_msg(table[j][c] == level(jet[c], j), "entry %d, channel %d: %d, want %d", j, c, table[j][c],
                          level(jet[c], j));
    ck_assert_int_eq(table[0][2], 127);
}
END_TEST

/* By the definition, in double. Where a step of the colour or of the truncation is a rounding away both sides will
 * do. */
static void ck_drawn(int width, int height, int rows, int cols, float opacity)
{
    const int stride = 3 * width + 7;
    const size_t bytes = (size_t)((height - 1) * stride + 3 * width);
    uint8_t *before = malloc(bytes), *rgb = malloc(bytes);
    float *map = malloc((size_t)(rows * cols) * sizeof *map);
    for (size_t i = 0; i < bytes; i++)
        before[i] = (uint8_t)(i * 151 + i / 251 * 7);
    memcpy(rgb, before, bytes);
    for (int i = 0; i < rows * cols; i++)
        map[i] = (float)((i * 37 + 11) % 101) / 2;
    const avsn_cam_range range = {.low = 17.5f, .high = 35.001f};
    avsn_cam_overlay(rgb, stride, width, height, map, rows, cols, &range, AVSN_COLOUR_JET, opacity);
    int wrong = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double u = width > 1 ? (double)x * (cols - 1) / (width - 1) : 0;
            const double v = height > 1 ? (double)y * (rows - 1) / (height - 1) : 0;
            const int c0 = (int)u, r0 = (int)v, c1 = AVSN_MIN(c0 + 1, cols - 1), r1 = AVSN_MIN(r0 + 1, rows - 1);
            const double above = map[r0 * cols + c0] * (1 - (u - c0)) + map[r0 * cols + c1] * (u - c0);
            const double below = map[r1 * cols + c0] * (1 - (u - c0)) + map[r1 * cols + c1] * (u - c0);
            const double q = (above * (1 - (v - r0)) + below * (v - r0) - 17.5) / (35.001 - 17.5);
            const double a = fmin(fmax(q, 0), (double)opacity);
            for (int c = 0; c < 3; c++) {
                const int at = y * stride + 3 * x + c;
                bool right = false;
                for (int side = 0; side < 4; side++) { /* of the one rounding and of the other */
                    const int j = (int)fmin(fmax(256 * (q + (side % 2 ? 2e-6 : -2e-6)), 0), 255);
                    const double mixed = before[at] * (1 - a) + level(jet[c], j) * a;
                    right |= rgb[at] == (int)(mixed + (side / 2 ? 1e-3 : -1e-3));
                }
                wrong += !right;
            }
        }
    ck_assert_msg(!wrong, "%dx%d under %dx%d: %d values are wrong", width, height, cols, rows, wrong);
    for (int y = 0; y < height - 1; y++) /* between the rows nothing is written */
        ck_assert_mem_eq(rgb + y * stride + 3 * width, before + y * stride + 3 * width, 7);
    free(map);
    free(rgb);
    free(before);
}

START_TEST(overlay_agrees_with_the_definition)
{
    static const int sizes[][4] = {{1, 1, 1, 1},    {1, 1, 14, 14},  {7, 5, 1, 1},     {255, 9, 3, 5},
                                   {256, 9, 14, 14}, {257, 40, 4, 7}, {513, 31, 7, 20}, {640, 360, 14, 14},
                                   {40, 300, 25, 2}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++) {
        ck_drawn(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], AVSN_CAM_OPACITY);
        ck_drawn(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], 1);
    }
}
END_TEST

START_TEST(what_is_below_the_range_or_flat_stays_as_it_is)
{
    enum { WIDTH = 300, HEIGHT = 20 };
    static uint8_t rgb[WIDTH * HEIGHT * 3], before[WIDTH * HEIGHT * 3];
    for (size_t i = 0; i < sizeof before; i++)
        before[i] = (uint8_t)(i * 151);
    memcpy(rgb, before, sizeof rgb);
    const float map[4] = {50, 50, 50, 50}, low[4] = {0, 1, 10, 17.5f}, strange[4] = {NAN, NAN, -INFINITY, -1e38f};
    const avsn_cam_range flat = {17.5f, 35.001f, true}, range = {17.5f, 35.001f, false};
    avsn_cam_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, map, 2, 2, &flat, AVSN_COLOUR_JET, 0.35f);
    avsn_cam_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, low, 2, 2, &range, AVSN_COLOUR_JET, 0.35f);
    avsn_cam_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, strange, 2, 2, &range, AVSN_COLOUR_JET, 0.35f);
    avsn_cam_overlay(rgb, 3 * WIDTH, WIDTH, HEIGHT, map, 2, 2, &range, AVSN_COLOUR_JET, NAN);
    ck_assert_mem_eq(rgb, before, sizeof rgb);
}
END_TEST

SUITE("dsp cam", range_starts_at_half_the_percentile, level_may_be_fixed, refused_allocations_leave_nothing_behind,
      frames_lie_between_steps, colour_table_is_truncated, overlay_agrees_with_the_definition,
      what_is_below_the_range_or_flat_stays_as_it_is)
