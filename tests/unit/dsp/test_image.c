#include "suite.h"

#include "dsp/image.h"

static void ck_scaled(int32_t width, int32_t height, int32_t short_side, int32_t want_width, int32_t want_height)
{
    int32_t w, h;
    avsn_image_scaled_size(width, height, short_side, &w, &h);
    ck_assert_msg(w == want_width && h == want_height, "%dx%d with short side %d: %dx%d, want %dx%d", width, height,
                  short_side, w, h, want_width, want_height);
}

START_TEST(short_side_is_exact_and_the_other_rounded_half_up)
{
    ck_scaled(256, 256, 256, 256, 256);
    ck_scaled(854, 480, 256, 455, 256); /* 455.47 */
    ck_scaled(480, 854, 256, 256, 455);
    ck_scaled(1920, 1080, 256, 455, 256); /* 455.11 */
    ck_scaled(15, 10, 5, 8, 5); /* 7.5 */
    ck_scaled(13, 10, 5, 7, 5); /* 6.5 */
    ck_scaled(129, 100, 50, 65, 50); /* 64.5 */
    ck_scaled(1, 1, 256, 256, 256);
    ck_scaled(10000, 10, 256, 256000, 256);
    ck_scaled(INT32_MAX, 1, 1, INT32_MAX, 1);
    ck_scaled(INT32_MAX, 1, 16384, INT32_MAX, 16384); /* as much as the type holds */
}
END_TEST

static void ck_map(int32_t width, int32_t height, int32_t want_width, int32_t want_height)
{
    avsn_image_frontend f;
    avsn_image_frontend_default(&f);
    int32_t w, h;
    avsn_image_map_size(&f, width, height, &w, &h);
    ck_assert_msg(w == want_width && h == want_height, "%dx%d: %dx%d, want %dx%d", width, height, w, h, want_width,
                  want_height);
}

START_TEST(map_inputs_are_whole_cells)
{
    ck_map(224, 224, 224, 224);
    ck_map(854, 480, 400, 224); /* 398.5 */
    ck_map(480, 854, 224, 400);
    ck_map(1920, 1080, 400, 224); /* 398.2 */
    ck_map(640, 480, 304, 224); /* 298.7 */
    ck_map(384, 224, 384, 224);
    ck_map(391, 224, 384, 224);
    ck_map(392, 224, 400, 224); /* half a cell rounds up */
    ck_map(1, 1, 224, 224);
    ck_map(10000, 10, 224000, 224);
    ck_map(3, 2, 336, 224);
}
END_TEST

START_TEST(map_inputs_are_never_empty_and_keep_the_shape)
{
    avsn_image_frontend f;
    avsn_image_frontend_default(&f);
    for (int32_t width = 1; width < 3000; width += 1 + width / 7)
        for (int32_t height = 1; height < 3000; height += 1 + height / 9) {
            int32_t w, h;
            avsn_image_map_size(&f, width, height, &w, &h);
            ck_assert(w % 16 == 0 && h % 16 == 0 && AVSN_MIN(w, h) == 224);
            const double exact = 224. * AVSN_MAX(width, height) / AVSN_MIN(width, height);
            ck_assert_double_le(fabs(AVSN_MAX(w, h) - exact), 8);
        }
    f.width = f.height = f.short_side = 5; /* less than half a cell */
    int32_t w, h;
    avsn_image_map_size(&f, 100, 60, &w, &h);
    ck_assert(w == 16 && h == 16);
    avsn_image_map_size(&f, INT32_MAX, 1, &w, &h);
    ck_assert(w > INT32_MAX - 16 && w % 16 == 0 && h == 16);
}
END_TEST

START_TEST(normalise_makes_planes_of_scaled_values)
{
    enum { WIDTH = 37, HEIGHT = 11, STRIDE = 3 * WIDTH + 5 };
    avsn_image_frontend f;
    avsn_image_frontend_default(&f);
    const size_t bytes = (HEIGHT - 1) * STRIDE + 3 * WIDTH; /* the last row's padding may not be there */
    uint8_t *rgb = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        rgb[i] = (uint8_t)(i * 97 + i / 256);
    float *planes = malloc(3 * WIDTH * HEIGHT * sizeof *planes);
    avsn_image_normalise(&f, rgb, STRIDE, WIDTH, HEIGHT, planes);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                const double want = (rgb[y * STRIDE + 3 * x + c] / 255. - (double)f.mean[c]) / (double)f.std[c];
                ck_assert_double_eq_tol(planes[(c * HEIGHT + y) * WIDTH + x], want, 1e-6);
            }
    /* upside down through a negative stride */
    float *flipped = malloc(3 * WIDTH * HEIGHT * sizeof *flipped);
    avsn_image_normalise(&f, rgb + (HEIGHT - 1) * STRIDE, -STRIDE, WIDTH, HEIGHT, flipped);
    for (int y = 0; y < HEIGHT; y++)
        ck_assert_mem_eq(flipped + y * WIDTH, planes + (HEIGHT - 1 - y) * WIDTH, WIDTH * sizeof *planes);
    free(flipped);
    free(planes);
    free(rgb);
}
END_TEST

static float contrast_of(int32_t width, int32_t height, uint8_t (*value)(int32_t x, int32_t y, int c))
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                rgb[((ptrdiff_t)y * width + x) * 3 + c] = value(x, y, c);
    const float contrast = avsn_image_contrast(rgb, (ptrdiff_t)3 * width, width, height);
    free(rgb);
    return contrast;
}

static uint8_t uniform(int32_t x, int32_t y, int c)
{
    (void)x;
    (void)y;
    return (uint8_t)(80 + 50 * c);
}

static uint8_t halves(int32_t x, int32_t y, int c)
{
    (void)x;
    (void)c;
    return y % 2 ? 255 : 0;
}

static uint8_t ramp(int32_t x, int32_t y, int c)
{
    (void)y;
    (void)c;
    return (uint8_t)x;
}

static uint8_t red_or_green(int32_t x, int32_t y, int c)
{
    return c == (x + y) % 2 ? 255 : 0;
}

START_TEST(contrast_has_its_closed_forms)
{
    ck_assert(contrast_of(61, 31, uniform) == 0);
    ck_assert(contrast_of(1, 1, uniform) == 0);
    ck_assert_double_eq_tol(contrast_of(9000, 2, halves), 127.5, 1e-4);
    ck_assert_double_eq_tol(contrast_of(256, 7, ramp), sqrt((256. * 256 - 1) / 12), 1e-4);
    /* luma 76.2 and 149.7, each rounded, and its weights to 1/256 */
    ck_assert_double_eq_tol(contrast_of(32, 32, red_or_green), (149.7 - 76.2) / 2, 1);
}
END_TEST

/* 20 x 12 pixels: tiles of 8 x 8, but 4 wide on the right and 4 high at the bottom. */
START_TEST(motion_is_that_of_the_worst_tile)
{
    enum { WIDE = 20, HIGH = 12, STRIDE = 3 * WIDE + 5 };
    static const struct {
        int x, y, channel, by;
        float want;
    } cases[] = {{3, 3, 1, 64, 1}, {3, 3, 1, -64, 1}, {17, 3, 1, 64, 2}, {3, 9, 1, 64, 2}, {19, 11, 1, 64, 4}, {3, 3, 0, 64, 0}};
    uint8_t before[HIGH * STRIDE], after[HIGH * STRIDE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(before, 100, sizeof before);
        memset(after, 100, sizeof after);
        after[0] = 90; /* red: does not count */
        after[STRIDE - 1] = 0; /* behind the row */
        after[cases[i].y * STRIDE + 3 * cases[i].x + cases[i].channel] = (uint8_t)(100 + cases[i].by);
        ck_assert_float_eq(avsn_image_motion(before, STRIDE, after, STRIDE, WIDE, HIGH), cases[i].want);
    }
    memset(after, 103, sizeof after);
    ck_assert_float_eq(avsn_image_motion(before, STRIDE, after, STRIDE, WIDE, HIGH), 3);
}
END_TEST

SUITE("dsp image", short_side_is_exact_and_the_other_rounded_half_up, map_inputs_are_whole_cells,
      map_inputs_are_never_empty_and_keep_the_shape, normalise_makes_planes_of_scaled_values,
      contrast_has_its_closed_forms, motion_is_that_of_the_worst_tile)
