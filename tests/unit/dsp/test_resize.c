#include "suite.h"

#include "dsp/blend.h"
#include "dsp/image.h"
#include "dsp/resize.h"

/* Video features of 63 frames on the spectrogram's 64 columns: sources 0, 1/4, 1/2, ... 15 3/4, and behind the last
 * held. */
START_TEST(sixteen_steps_become_sixty_four)
{
    float src[16], dst[64];
    for (int i = 0; i < 16; i++)
        src[i] = (float)(i * i);
    avsn_resize_axis(src, 1, 16, 1, 64, dst);
    for (int i = 0; i < 64; i++) {
        const int low = i / 4, high = AVSN_MIN(low + 1, 15);
        ck_assert_double_eq_tol(dst[i], low * low + (high * high - low * low) * (i % 4) / 4., 1e-5);
    }
    for (int i = 60; i < 64; i++)
        ck_assert(dst[i] == src[15]);
}
END_TEST

/* A straight line comes out straight: step 62/256 = 0.2421875, up to the last input. */
START_TEST(sixty_two_steps_become_two_hundred_and_fifty_six)
{
    float src[62], dst[256];
    for (int i = 0; i < 62; i++)
        src[i] = (float)i;
    avsn_resize_axis(src, 1, 62, 1, 256, dst);
    for (int i = 0; i < 256; i++)
        ck_assert_double_eq_tol(dst[i], fmin(i * 0.2421875, 61), 1e-5);
}
END_TEST

/* [outer][in][inner], every element by the definition. */
START_TEST(middle_axis_is_resized)
{
    static const int sizes[][4] = {{1, 1, 1, 1}, {2, 8, 3, 16}, {3, 5, 7, 11}, {2, 11, 4, 5}, {1, 7, 512, 1},
                                   {4, 1, 2, 9}};
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(sizes); n++) {
        const int outer = sizes[n][0], in = sizes[n][1], inner = sizes[n][2], out = sizes[n][3];
        float *src = malloc((size_t)(outer * in * inner) * sizeof *src);
        float *dst = malloc((size_t)(outer * out * inner) * sizeof *dst);
        for (int i = 0; i < outer * in * inner; i++)
            src[i] = (float)(i * 37 % 101) / 50 - 1;
        avsn_resize_axis(src, outer, in, inner, out, dst);
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < out; i++)
                for (int k = 0; k < inner; k++) {
                    const int low = i * in / out, high = AVSN_MIN(low + 1, in - 1);
                    const double share = (double)(i * in % out) / out;
                    const double a = src[(o * in + low) * inner + k], b = src[(o * in + high) * inner + k];
                    ck_assert_double_eq_tol(dst[(o * out + i) * inner + k], a + (b - a) * share, 2e-6);
                }
        free(src);
        free(dst);
    }
}
END_TEST

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 151 + i / 251 * 7);
}

START_TEST(pictures_agree_with_the_definition)
{
    static const int sizes[][4] = {{1, 1, 5, 3}, {7, 5, 7, 5}, {640, 360, 224, 224}, {31, 200, 300, 17},
                                   {3, 2, 257, 4}};
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(sizes); n++) {
        const int width = sizes[n][0], height = sizes[n][1], stride = 3 * width + 5;
        const avsn_image_frontend f = {.width = sizes[n][2], .height = sizes[n][3], .mean = {0.5f, 0.4f, 0.3f},
                                       .std = {0.5f, 0.25f, 0.2f}};
        const size_t bytes = (size_t)((height - 1) * stride + 3 * width);
        uint8_t *rgb = malloc(bytes);
        float *planes = malloc((size_t)(3 * f.width * f.height) * sizeof *planes);
        fill(rgb, bytes);
        avsn_resize_rgb(&f, rgb, stride, width, height, planes);
        double worst = 0;
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < f.height; y++)
                for (int x = 0; x < f.width; x++) {
                    const double at_x = (double)x * width / f.width, at_y = (double)y * height / f.height;
                    const int left = (int)at_x, right = AVSN_MIN(left + 1, width - 1);
                    const int top = (int)at_y, bottom = AVSN_MIN(top + 1, height - 1);
                    const double u = at_x - left, v = at_y - top;
                    const double above =
                        rgb[top * stride + 3 * left + c] * (1 - u) + rgb[top * stride + 3 * right + c] * u;
                    const double below =
                        rgb[bottom * stride + 3 * left + c] * (1 - u) + rgb[bottom * stride + 3 * right + c] * u;
                    const double want = ((above * (1 - v) + below * v) / 255 - (double)f.mean[c]) / (double)f.std[c];
                    worst = fmax(worst, fabs(planes[(c * f.height + y) * f.width + x] - want));
                }
        /* places are kept to 2^-24 of the picture's size, and neighbours may differ by 1 / std */
        ck_assert_msg(worst <= 5 * AVSN_MAX(width, height) * 0x1p-23 + 1e-6, "%dx%d to %dx%d: off by %g", width, height,
                      f.width, f.height, worst);
        free(rgb);
        free(planes);
    }
}
END_TEST

/* Where nothing is to be resized it is the plain normalisation, -1 + 2 p / 255: a crop is a pointer into the
 * picture. */
START_TEST(pixels_become_minus_one_to_one)
{
    const avsn_image_frontend f = {.width = 16, .height = 16, .mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}};
    uint8_t rgb[256 * 3];
    float resized[3 * 256], normalised[3 * 256];
    for (int i = 0; i < 256; i++)
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = (uint8_t)i;
    avsn_resize_rgb(&f, rgb, 48, 16, 16, resized);
    avsn_image_normalise(&f, rgb, 48, 16, 16, normalised);
    ck_assert_mem_eq(resized, normalised, sizeof resized);
    ck_assert(resized[0] == -1 && resized[255] == 1);
    ck_assert_double_eq_tol(resized[128], 0.00392157, 1e-7);
    for (int i = 0; i < 3 * 256; i++)
        ck_assert_double_eq_tol(resized[i], -1 + 2. * (i % 256) / 255, 1.5e-7);
}
END_TEST

/* All three conventions: the shares sum to 1, and a straight line keeps its values where it is not held. */
START_TEST(blends_are_where_they_should_be)
{
    avsn_blend_rule *const rules[] = {avsn_blend_centred, avsn_blend_aligned, avsn_blend_legacy};
    for (int points = 1; points < 40; points++)
        for (int cells = 1; cells < 40; cells++)
            for (int i = 0; i < points; i++) {
                const double want[] = {(i + 0.5) * cells / points - 0.5,
                                       points > 1 ? (double)i * (cells - 1) / (points - 1) : 0,
                                       (double)i * cells / points};
                double worst = 0;
                bool inside = true;
                for (int r = 0; r < 3; r++) {
                    const avsn_blend b = rules[r](i, points, cells);
                    inside &= b.first >= 0 && b.second < cells && (b.second == b.first || b.second == b.first + 1);
                    worst = fmax(worst, fabs((double)b.first_share + (double)b.second_share - 1));
                    const double at = b.first * (double)b.first_share + b.second * (double)b.second_share;
                    worst = fmax(worst, fabs(at - fmin(fmax(want[r], 0), cells - 1)));
                }
                ck_assert_msg(inside && worst < 5e-6, "point %d of %d over %d: off by %g", i, points, cells, worst);
            }
}
END_TEST

SUITE("dsp resize", sixteen_steps_become_sixty_four, sixty_two_steps_become_two_hundred_and_fifty_six,
      middle_axis_is_resized, pictures_agree_with_the_definition, pixels_become_minus_one_to_one,
      blends_are_where_they_should_be)
