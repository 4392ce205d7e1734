#include "train/augment.h"

#include "base/base.h"
#include "dsp/image.h"
#include "failing.h"
#include "media/media.h"
#include "train/stretch.h"

enum { KEYS = 2000 };

static avsn_augmentation paper(void)
{
    return (avsn_augmentation){.struct_size = sizeof(avsn_augmentation),
                               .crop_min = 0.875f,
                               .crop_max = 0.875f,
                               .flip = 0.5f,
                               .brightness = 0.1f,
                               .saturation = 0.1f,
                               .gain = 0.1f};
}

static avsn_augmentation none(void)
{
    avsn_augmentation a;
    avsn_augmentation_none(&a);
    return a;
}

static avsn_image_frontend plain_input(int32_t width, int32_t height, int32_t short_side)
{
    return (avsn_image_frontend){.width = width,
                                 .height = height,
                                 .short_side = short_side,
                                 .cell = 16,
                                 .std = {1 / 255.f, 1 / 255.f, 1 / 255.f}}; /* values come out in 0...255 */
}

static avsn_crop crop_for(const avsn_augmentation *a, uint64_t key, int32_t width, int32_t height)
{
    const avsn_image_frontend f = plain_input(224, 224, 256);
    avsn_crop crop;
    avsn_augment_picture(a, &f, key, width, height, &crop);
    return crop;
}

static avsound_context *plain(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

/* ---- pictures to crop ---- */

typedef struct picture {
    avsound_frame frame;
    uint8_t *plane[3];
} picture;

static picture new_picture(int32_t width, int32_t height)
{
    picture p;
    const int32_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    p.plane[0] = malloc((size_t)width * (size_t)height);
    p.plane[1] = malloc((size_t)half_width * (size_t)half_height);
    p.plane[2] = malloc((size_t)half_width * (size_t)half_height);
    memset(p.plane[1], 128, (size_t)half_width * (size_t)half_height);
    memset(p.plane[2], 128, (size_t)half_width * (size_t)half_height);
    p.frame = (avsound_frame){.struct_size = sizeof p.frame,
                              .format = AVSOUND_PIXEL_YUV420P,
                              .width = width,
                              .height = height,
                              .data = {p.plane[0], p.plane[1], p.plane[2]},
                              .stride = {width, half_width, half_width},
                              .range = AVSOUND_RANGE_FULL,
                              .matrix = AVSOUND_MATRIX_BT601};
    return p;
}

static void free_picture(picture *p)
{
    for (int i = 0; i < 3; i++)
        free(p->plane[i]);
}

static uint8_t speckle(int32_t x, int32_t y)
{
    return (uint8_t)(((uint32_t)x * 2654435761u ^ (uint32_t)y * 2246822519u) >> 24);
}

static void fill_luma(picture *p, uint8_t (*at)(int32_t x, int32_t y))
{
    for (int32_t y = 0; y < p->frame.height; y++)
        for (int32_t x = 0; x < p->frame.width; x++)
            p->plane[0][y * p->frame.width + x] = at(x, y);
}

static float *cropped(const picture *p, const avsn_crop *crop, const avsn_image_frontend *f)
{
    avsound_context *context = plain();
    avsn_cropper *cropper;
    float *planes = malloc((size_t)3 * (size_t)f->width * (size_t)f->height * sizeof *planes);
    ck_avsound(avsn_cropper_create(context, &cropper));
    ck_avsound(avsn_cropper_run(cropper, &p->frame, crop, f, planes));
    avsn_cropper_free(cropper);
    avsound_context_free(context);
    return planes;
}

static avsn_crop plain_crop(double x, double y, double width, double height)
{
    avsn_crop crop = {.x = x, .y = y, .width = width, .height = height};
    memcpy(crop.colour, avsn_colour_identity, sizeof crop.colour);
    return crop;
}

START_TEST(a_crop_of_the_inputs_size_takes_pixels_as_they_are)
{
    const avsn_image_frontend f = plain_input(48, 32, 64);
    picture p = new_picture(91, 67);
    fill_luma(&p, speckle);
    for (int way = 0; way < 4; way++) {
        const bool mirrored = way & 1, upended = way & 2;
        avsn_crop crop = plain_crop(43, 35, 48, 32);
        crop.mirrored = mirrored;
        crop.upended = upended;
        float *planes = cropped(&p, &crop, &f);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 48; x++)
                    ck_assert_float_eq_tol(planes[(c * 32 + y) * 48 + x],
                                           speckle(43 + (mirrored ? 47 - x : x), 35 + (upended ? 31 - y : y)), 1e-4f);
        free(planes);
    }
    free_picture(&p);
}
END_TEST

static uint8_t slope(int32_t x, int32_t y)
{
    return (uint8_t)(x + 2 * y);
}

/* Triangles a whole number of samples wide add up to a straight line where they stand on one. */
START_TEST(scaling_keeps_a_slope)
{
    static const double part[][4] = {{10, 12, 24, 16}, {20.25, 7.125, 30, 20}, {8.25, 9.5, 60, 40}, {5, 5, 90, 60}};
    const avsn_image_frontend f = plain_input(30, 20, 30);
    picture p = new_picture(100, 70);
    fill_luma(&p, slope);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(part); i++) {
        const avsn_crop crop = plain_crop(part[i][0], part[i][1], part[i][2], part[i][3]);
        float *planes = cropped(&p, &crop, &f);
        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 30; x++) {
                const double at_x = crop.x + (x + 0.5) * crop.width / 30 - 0.5;
                const double at_y = crop.y + (y + 0.5) * crop.height / 20 - 0.5;
                ck_assert_double_eq_tol((double)planes[y * 30 + x], at_x + 2 * at_y, 1e-3);
            }
        free(planes);
    }
    free_picture(&p);
}
END_TEST

static uint8_t smooth(int32_t x, int32_t y)
{
    return (uint8_t)lrint(128 + 60 * sin(0.11 * x + 0.02 * y) + 50 * cos(0.07 * y - 0.05 * x));
}

/* swscale goes the same way in whole numbers, scaling all of the picture before the middle is taken. */
START_TEST(the_middle_is_what_evaluation_sees)
{
    static const int32_t sizes[][5] = {{342, 256, 224, 224, 256},
                                       {256, 342, 224, 224, 256},
                                       {342, 256, 128, 128, 146},
                                       {200, 180, 224, 224, 256},
                                       {455, 256, 192, 96, 224}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++) {
        const int32_t *s = sizes[i];
        const avsn_image_frontend f = plain_input(s[2], s[3], s[4]);
        picture p = new_picture(s[0], s[1]);
        fill_luma(&p, smooth);
        for (int32_t y = 0; y < (s[1] + 1) / 2; y++)
            for (int32_t x = 0; x < (s[0] + 1) / 2; x++) {
                p.plane[1][y * ((s[0] + 1) / 2) + x] = (uint8_t)(100 + x * 60 / s[0]);
                p.plane[2][y * ((s[0] + 1) / 2) + x] = (uint8_t)(150 - y * 60 / s[1]);
            }
        const double scale = (double)s[4] / AVSN_MIN(s[2], s[3]) * fmax((double)s[2] / s[0], (double)s[3] / s[1]);
        const int32_t width = (int32_t)lrint(s[0] * scale), height = (int32_t)lrint(s[1] * scale);
        uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
        avsound_context *context = plain();
        avsn_scaler *scaler;
        ck_avsound(avsn_scaler_create(context, &scaler));
        ck_avsound(avsn_scaler_rgb(scaler, &p.frame, width, height, rgb, (ptrdiff_t)width * 3));
        avsn_scaler_free(scaler);
        avsound_context_free(context);
        avsn_augmentation a = none();
        avsn_crop crop;
        avsn_augment_picture(&a, &f, 1, s[0], s[1], &crop);
        float *planes = cropped(&p, &crop, &f);
        double sum = 0, most = 0;
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < s[3]; y++)
                for (int x = 0; x < s[2]; x++) {
                    const int want = rgb[((height - s[3]) / 2 + y) * width * 3 + ((width - s[2]) / 2 + x) * 3 + c];
                    const double error = fabs((double)planes[(c * s[3] + y) * s[2] + x] - want);
                    sum += error;
                    most = fmax(most, error);
                }
        ck_assert_double_le(sum / (3. * s[2] * s[3]), 0.75);
        ck_assert_double_le(most, 4);
        free(planes);
        free(rgb);
        free_picture(&p);
    }
}
END_TEST

START_TEST(grey_and_other_subsamplings_are_read)
{
    const avsn_image_frontend f = plain_input(24, 20, 24);
    const avsn_crop crop = plain_crop(4, 2, 24, 20);
    picture p = new_picture(64, 64);
    fill_luma(&p, speckle);
    uint8_t *chroma[2] = {malloc(64 * 64), malloc(64 * 64)};
    memset(chroma[0], 90, 64 * 64);
    memset(chroma[1], 140, 64 * 64);
    static const int32_t formats[] = {AVSOUND_PIXEL_GRAY8, AVSOUND_PIXEL_YUV420P, AVSOUND_PIXEL_YUV422P,
                                      AVSOUND_PIXEL_YUV444P};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(formats); i++)
        for (int limited = 0; limited < 2; limited++) {
            picture q = p;
            q.frame.format = formats[i];
            q.frame.range = limited ? AVSOUND_RANGE_LIMITED : AVSOUND_RANGE_FULL;
            q.frame.data[1] = chroma[0];
            q.frame.data[2] = chroma[1];
            q.frame.stride[1] = q.frame.stride[2] = formats[i] == AVSOUND_PIXEL_YUV444P ? 64 : 32;
            float *planes = cropped(&q, &crop, &f);
            const double u = i ? -38 : 0, v = i ? 12 : 0, cs = limited ? 255 / 224. : 1;
            for (int y = 0; y < 20; y++)
                for (int x = 0; x < 24; x++) {
                    const double luma = limited ? (speckle(4 + x, 2 + y) - 16) * 255 / 219. : speckle(4 + x, 2 + y);
                    const double want[3] = {luma + 1.402 * cs * v, luma - 0.344136 * cs * u - 0.714136 * cs * v,
                                            luma + 1.772 * cs * u};
                    for (int c = 0; c < 3; c++)
                        ck_assert_double_eq_tol((double)planes[(c * 20 + y) * 24 + x], fmin(fmax(want[c], 0), 255),
                                                2e-3);
                }
            free(planes);
        }
    free(chroma[0]);
    free(chroma[1]);
    free_picture(&p);
}
END_TEST

START_TEST(packed_pictures_are_refused)
{
    const avsn_image_frontend f = plain_input(8, 8, 8);
    const avsn_crop crop = plain_crop(0, 0, 8, 8);
    avsound_context *context = plain();
    avsn_cropper *cropper;
    uint8_t rgb[192] = {0};
    float planes[192];
    const avsound_frame frame = {.struct_size = sizeof frame,
                                 .format = AVSOUND_PIXEL_RGB24,
                                 .width = 8,
                                 .height = 8,
                                 .data = {rgb},
                                 .stride = {24}};
    ck_avsound(avsn_cropper_create(context, &cropper));
    ck_refused(avsn_cropper_run(cropper, &frame, &crop, &f, planes), AVSOUND_E_UNSUPPORTED, "pixel format 1");
    avsn_cropper_free(cropper);
    avsound_context_free(context);
}
END_TEST

/* ---- what is drawn for pictures ---- */

static int near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

START_TEST(off_means_the_middle_as_it_is)
{
    const avsn_augmentation a = none();
    for (uint64_t key = 0; key < 50; key++) {
        const avsn_crop crop = crop_for(&a, key * 12345, 456, 256);
        ck_assert(crop.x == 116 && crop.y == 16 && crop.width == 224 && crop.height == 224 && !crop.mirrored &&
                  !crop.upended);
        ck_assert_mem_eq(crop.colour, avsn_colour_identity, sizeof crop.colour);
    }
}
END_TEST

START_TEST(the_papers_crops_are_whole_pixels_anywhere)
{
    const avsn_augmentation a = paper();
    int left[233] = {0}, top[33] = {0}, mirrored = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        const avsn_crop crop = crop_for(&a, key, 456, 256);
        ck_assert(near(crop.width, 224) && near(crop.height, 224));
        ck_assert(crop.x == floor(crop.x) && crop.x >= 0 && crop.x <= 232);
        ck_assert(crop.y == floor(crop.y) && crop.y >= 0 && crop.y <= 32);
        left[(int)crop.x]++;
        top[(int)crop.y]++;
        mirrored += crop.mirrored;
    }
    ck_assert(left[0] && left[232] && top[0] && top[32]);
    for (int y = 0; y <= 32; y++) /* 60.6 expected, deviation 7.7 */
        ck_assert_int_le(abs(top[y] - 61), 35);
    ck_assert_int_le(abs(mirrored - KEYS / 2), 100); /* deviation 22 */
}
END_TEST

START_TEST(upside_down_is_drawn_for_itself)
{
    avsn_augmentation a = paper();
    a.flip_vertical = 0.25f;
    int count[2][2] = {{0}};
    for (uint64_t key = 0; key < KEYS; key++) {
        const avsn_crop crop = crop_for(&a, key, 456, 256);
        count[crop.mirrored][crop.upended]++;
    }
    for (int mirrored = 0; mirrored < 2; mirrored++) { /* deviation 19 or less */
        ck_assert_int_le(abs(count[mirrored][1] - KEYS / 8), 90);
        ck_assert_int_le(abs(count[mirrored][0] - KEYS * 3 / 8), 90);
    }
}
END_TEST

START_TEST(crops_have_the_shares_asked_for)
{
    avsn_augmentation a = none();
    double least = 1, most = 0;
    a.crop_min = 0.3f;
    a.crop_max = 1;
    for (uint64_t key = 0; key < KEYS; key++) {
        const avsn_crop crop = crop_for(&a, key, 300, 200);
        ck_assert(near(crop.width, crop.height));
        ck_assert(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= 300 + 1e-9 &&
                  crop.y + crop.height <= 200 + 1e-9);
        least = fmin(least, crop.height / 200);
        most = fmax(most, crop.height / 200);
    }
    ck_assert(least >= 0.3 && least < 0.31 && most <= 1 && most > 0.99);
}
END_TEST

static void apply(const float m[3][4], const double in[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = (double)m[i][0] * in[0] + (double)m[i][1] * in[1] + (double)m[i][2] * in[2] + (double)m[i][3];
}

static double luma(const double p[3])
{
    return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

static const double sample_colour[3] = {200, 90, 40};

START_TEST(colour_switches_change_what_they_say)
{
    const double *in = sample_colour;
    double out[3], low[4] = {9, 9, 9, 9}, high[4] = {-9, -9, -9, -9};
    int greys = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        double factor[4] = {1, 1, 1, 0};
        avsn_augmentation a = none();
        a.brightness = 0.2f;
        avsn_crop crop = crop_for(&a, key, 256, 256);
        apply((const float(*)[4])crop.colour, in, out);
        factor[0] = out[0] / in[0];
        ck_assert(fabs(out[1] / in[1] - factor[0]) < 1e-5 && fabs(out[2] / in[2] - factor[0]) < 1e-5);

        a = none();
        a.contrast = 0.2f;
        crop = crop_for(&a, key, 256, 256);
        apply((const float(*)[4])crop.colour, in, out);
        factor[1] = (out[0] - 127.5) / (in[0] - 127.5);
        ck_assert_double_eq_tol((out[2] - 127.5) / (in[2] - 127.5), factor[1], 1e-5);

        a = none();
        a.saturation = 0.2f;
        crop = crop_for(&a, key, 256, 256);
        apply((const float(*)[4])crop.colour, in, out);
        ck_assert_double_eq_tol(luma(out), luma(in), 1e-3);
        factor[2] = (out[0] - luma(out)) / (in[0] - luma(in));
        ck_assert_double_eq_tol((out[2] - luma(out)) / (in[2] - luma(in)), factor[2], 1e-5);

        a = none();
        a.hue = 0.2f;
        crop = crop_for(&a, key, 256, 256);
        apply((const float(*)[4])crop.colour, in, out);
        ck_assert_double_eq_tol(luma(out), luma(in), 1e-3);
        const double u0 = (in[2] - luma(in)) / 1.772, v0 = (in[0] - luma(in)) / 1.402;
        const double u1 = (out[2] - luma(out)) / 1.772, v1 = (out[0] - luma(out)) / 1.402;
        ck_assert_double_eq_tol(hypot(u1, v1), hypot(u0, v0), 1e-3);
        factor[3] = atan2(u0 * v1 - v0 * u1, u0 * u1 + v0 * v1) / 6.283185307179586; /* in turns */

        a = none();
        a.grey = 0.25f;
        crop = crop_for(&a, key, 256, 256);
        apply((const float(*)[4])crop.colour, in, out);
        const int grey =
            fabs(out[0] - luma(in)) < 1e-3 && fabs(out[1] - luma(in)) < 1e-3 && fabs(out[2] - luma(in)) < 1e-3;
        ck_assert(grey || !memcmp(crop.colour, avsn_colour_identity, sizeof crop.colour));
        greys += grey;
        for (int k = 0; k < 4; k++) {
            low[k] = fmin(low[k], factor[k]);
            high[k] = fmax(high[k], factor[k]);
        }
    }
    for (int k = 0; k < 4; k++) {
        const double middle = k == 3 ? 0 : 1;
        ck_assert_msg(low[k] >= middle - 0.2001 && low[k] < middle - 0.19, "%d: %g", k, low[k]);
        ck_assert_msg(high[k] <= middle + 0.2001 && high[k] > middle + 0.19, "%d: %g", k, high[k]);
    }
    ck_assert_int_le(abs(greys - KEYS / 4), 90); /* deviation 19 */
}
END_TEST

START_TEST(changed_colours_stay_within_black_and_white)
{
    const avsn_image_frontend f = plain_input(32, 32, 32);
    picture p = new_picture(32, 32);
    fill_luma(&p, speckle);
    avsn_crop crop = plain_crop(0, 0, 32, 32);
    for (int i = 0; i < 3; i++) {
        crop.colour[i][i] = 3;
        crop.colour[i][3] = -200;
    }
    float *planes = cropped(&p, &crop, &f);
    int clipped = 0;
    for (int i = 0; i < 3 * 32 * 32; i++) {
        const double want = 3. * speckle(i % 32, i / 32 % 32) - 200;
        ck_assert_double_eq_tol((double)planes[i], fmin(fmax(want, 0), 255), 1e-3);
        clipped += want < 0 || want > 255;
    }
    ck_assert_int_gt(clipped, 100);
    free(planes);
    free_picture(&p);
}
END_TEST

/* ---- sounds ---- */

START_TEST(off_leaves_sounds_as_they_are)
{
    enum { COUNT = 1000 };
    const avsn_augmentation a = none();
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    float samples[COUNT], kept[COUNT], *values = malloc(257 * 200 * sizeof *values),
                                       *before = malloc(257 * 200 * sizeof *values);
    for (int i = 0; i < COUNT; i++)
        kept[i] = samples[i] = (float)sin(i);
    for (int i = 0; i < 257 * 200; i++)
        before[i] = values[i] = (float)cos(i);
    for (uint64_t key = 0; key < 20; key++) {
        avsn_sound_change change;
        avsn_augment_sound(&a, key, &change);
        ck_assert(change.speed == 1 && change.mixed == 0);
        avsn_change_samples(&change, COUNT, samples);
        ck_assert_mem_eq(samples, kept, sizeof kept);
        avsn_change_spectrogram(&a, &change, &f, values);
        ck_assert(!memcmp(values, before, 257 * 200 * sizeof *values));
    }
    free(values);
    free(before);
}
END_TEST

START_TEST(sounds_change_within_their_ranges)
{
    avsn_augmentation a = none();
    double low[6], high[6];
    int mixed = 0;
    for (int k = 0; k < 6; k++)
        low[k] = 1e9, high[k] = -1e9;
    for (uint64_t key = 0; key < KEYS; key++) {
        avsn_sound_change c;
        double value[6];
        a = none();
        a.gain = 0.1f;
        avsn_augment_sound(&a, key, &c);
        value[0] = (double)c.gain;
        a = none();
        a.gain_db = 6;
        avsn_augment_sound(&a, key, &c);
        value[1] = 20 * log10((double)c.gain);
        a = none();
        a.speed = 0.05f;
        avsn_augment_sound(&a, key, &c);
        value[2] = c.speed;
        a = none();
        a.tilt_db = 8;
        avsn_augment_sound(&a, key, &c);
        value[3] = (double)c.tilt_db;
        a = none();
        a.noise_db = -40;
        avsn_augment_sound(&a, key, &c);
        value[4] = 20 * log10((double)c.noise);
        a = none();
        a.mix = 0.3f;
        avsn_augment_sound(&a, key, &c);
        value[5] = c.mixed > 0 ? 20 * log10((double)c.mixed) : -6;
        mixed += c.mixed > 0;
        for (int k = 0; k < 6; k++) {
            low[k] = fmin(low[k], value[k]);
            high[k] = fmax(high[k], value[k]);
        }
    }
    static const double range[6][2] = {{0.9, 1.1}, {-6, 6}, {0.95, 1.05}, {-8, 8}, {-70, -40}, {-12, 0}};
    for (int k = 0; k < 6; k++) {
        const double slack = 0.02 * (range[k][1] - range[k][0]);
        ck_assert_msg(low[k] > range[k][0] - 1e-4 && low[k] < range[k][0] + slack, "%d: %g", k, low[k]);
        ck_assert_msg(high[k] < range[k][1] + 1e-4 && high[k] > range[k][1] - slack, "%d: %g", k, high[k]);
    }
    ck_assert_int_le(abs(mixed - KEYS * 3 / 10), 90);
}
END_TEST

START_TEST(switches_do_not_move_each_others_draws)
{
    avsn_augmentation all = paper();
    all.gain_db = 6, all.tilt_db = 6, all.noise_db = -40, all.speed = 0.1f, all.mix = 0.5f, all.hue = 0.1f,
    all.contrast = 0.3f;
    for (uint64_t key = 0; key < 100; key++) {
        avsn_augmentation one = none();
        avsn_sound_change a, b;
        one.tilt_db = 6;
        one.speed = 0.1f;
        avsn_augment_sound(&all, key, &a);
        avsn_augment_sound(&one, key, &b);
        ck_assert(a.tilt_db == b.tilt_db && a.speed == b.speed);
        const avsn_augmentation plain_paper = paper();
        const avsn_crop with = crop_for(&all, key, 342, 256), without = crop_for(&plain_paper, key, 342, 256);
        ck_assert(with.x == without.x && with.y == without.y && with.mirrored == without.mirrored);
    }
}
END_TEST

START_TEST(noise_is_white_and_as_loud_as_drawn)
{
    enum { COUNT = 48480 };
    float *samples = calloc(COUNT, sizeof *samples), *again = calloc(COUNT, sizeof *samples);
    const avsn_sound_change change = {.speed = 1, .gain = 1, .noise = 0.01f, .key = 99};
    avsn_change_samples(&change, COUNT, samples);
    avsn_change_samples(&change, COUNT, again);
    ck_assert(!memcmp(samples, again, COUNT * sizeof *samples));
    double mean = 0, energy = 0, lagged[8] = {0};
    for (int i = 0; i < COUNT; i++) {
        mean += (double)samples[i];
        energy += (double)samples[i] * (double)samples[i];
        for (int k = 1; k < 8 && i >= k; k++)
            lagged[k] += (double)samples[i] * (double)samples[i - k];
    }
    ck_assert_double_eq_tol(sqrt(energy / COUNT), 0.01, 0.0001);
    ck_assert_double_le(fabs(mean / COUNT), 0.0003); /* deviation 0.01 / 220 */
    for (int k = 1; k < 8; k++)
        ck_assert_double_le(fabs(lagged[k] / energy), 0.025); /* deviation 1 / 220 */
    free(samples);
    free(again);
}
END_TEST

START_TEST(a_tilt_is_a_straight_line_over_octaves)
{
    avsn_augmentation a = none();
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    float *values = calloc(257 * 200, sizeof *values);
    const avsn_sound_change change = {.speed = 1, .gain = 1, .tilt_db = 8};
    a.tilt_db = 8;
    avsn_change_spectrogram(&a, &change, &f, values);
    for (int row = 1; row <= 256; row *= 2)
        for (int c = 0; c < 200; c += 50) {
            const double want = (log2(row) / 8 - 0.5) * 8 / 20; /* 8 octaves; values are in units of 20 dB */
            ck_assert_double_eq_tol((double)values[row * 200 + c], want, 1e-5);
        }
    ck_assert_float_eq(values[0], values[200]);
    free(values);
}
END_TEST

static int run_of_masked(const char *masked, int count, int *longest)
{
    int runs = 0, length = 0;
    *longest = 0;
    for (int i = 0; i < count; i++) {
        length = masked[i] ? length + 1 : 0;
        runs += length == 1;
        *longest = length > *longest ? length : *longest;
    }
    return runs;
}

START_TEST(masks_hide_whole_rows_and_columns)
{
    enum { ROWS = 257, COLUMNS = 200 };
    avsn_augmentation a = none();
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    float *values = malloc(ROWS * COLUMNS * sizeof *values), *before = malloc(ROWS * COLUMNS * sizeof *values);
    double mean = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        before[i] = (float)(1 + sin(i * 0.37) + 0.1 * (i % 13));
        mean += (double)before[i] / (ROWS * COLUMNS);
    }
    a.time_masks = 2;
    a.time_mask = 20;
    a.frequency_masks = 3;
    a.frequency_mask = 24;
    int most_rows = 0, most_columns = 0;
    for (uint64_t key = 0; key < 60; key++) {
        avsn_sound_change change;
        char row[ROWS], column[COLUMNS];
        int longest;
        avsn_augment_sound(&a, key, &change);
        memcpy(values, before, ROWS * COLUMNS * sizeof *values);
        avsn_change_spectrogram(&a, &change, &f, values);
        memset(row, 1, sizeof row);
        memset(column, 1, sizeof column);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++)
                if (fabs((double)values[r * COLUMNS + c] - mean) > 1e-4)
                    row[r] = column[c] = 0;
        int changed = 0;
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++)
                changed += !row[r] && !column[c] && values[r * COLUMNS + c] != before[r * COLUMNS + c];
        ck_assert_int_eq(changed, 0);
        ck_assert_int_le(run_of_masked(column, COLUMNS, &longest), 2);
        ck_assert_int_le(longest, 40);
        most_columns = AVSN_MAX(most_columns, longest);
        ck_assert_int_le(run_of_masked(row, ROWS, &longest), 3);
        ck_assert_int_le(longest, 72);
        most_rows = AVSN_MAX(most_rows, longest);
    }
    ck_assert(most_columns >= 15 && most_rows >= 18);
    free(values);
    free(before);
}
END_TEST

/* ---- speed ---- */

static void stretched(double largest, double step, double offset, double frequency, int count, float *out)
{
    avsound_context *context = plain();
    avsn_stretch *s;
    ck_avsound(avsn_stretch_create(context, largest, &s));
    const int64_t before = avsn_stretch_before(s), length = avsn_stretch_length(s, step, count);
    float *in = malloc((size_t)length * sizeof *in);
    for (int64_t i = 0; i < length; i++)
        in[i] = (float)cos(6.283185307179586 * frequency * (double)(i - before));
    avsn_stretch_run(s, in, offset, step, count, out);
    free(in);
    avsn_stretch_free(s);
    avsound_context_free(context);
}

/* A tone read at another speed is a tone of another pitch. */
START_TEST(a_tone_played_faster_is_a_higher_tone)
{
    enum { COUNT = 2000 };
    static const double steps[] = {1, 0.9, 1.1, 1.0371, 0.5, 2, 3, 48000 / 22050.},
                        frequencies[] = {0, 0.003, 0.05, 0.12};
    float out[COUNT];
    for (size_t s = 0; s < AVSN_ARRAY_COUNT(steps); s++)
        for (size_t k = 0; k < AVSN_ARRAY_COUNT(frequencies); k++) {
            const double step = steps[s], frequency = frequencies[k], offset = 0.3;
            if (frequency * fmax(1, step) > 0.4)
                continue;
            stretched(fmax(step, 1), step, offset, frequency, COUNT, out);
            double most = 0;
            for (int i = 0; i < COUNT; i++)
                most = fmax(most, fabs((double)out[i] - cos(6.283185307179586 * frequency * (offset + i * step))));
            ck_assert_msg(most < 1e-3, "step %g, frequency %g: %g", step, frequency, most);
        }
}
END_TEST

START_TEST(what_would_fold_back_is_filtered_out)
{
    enum { COUNT = 2000 };
    float out[COUNT];
    for (double frequency = 0.18; frequency < 0.5; frequency += 0.04) { /* a third of the rate ends at 1/6 */
        stretched(3, 3, 0, frequency, COUNT, out);
        for (int i = 0; i < COUNT; i++)
            ck_assert_double_le(fabs((double)out[i]), 0.003);
    }
}
END_TEST

START_TEST(objects_survive_refused_allocations)
{
    failing f;
    avsn_stretch *stretch;
    avsn_cropper *cropper = NULL;
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, avsn_stretch_create(context, 1.1, &stretch), avsn_stretch_free(stretch));
    ck_survives_refusals(&f, avsn_cropper_create(context, &cropper), avsn_cropper_free(cropper));
    const avsn_image_frontend input = plain_input(24, 20, 24);
    const avsn_crop crop = plain_crop(4, 2, 24, 20);
    picture p = new_picture(64, 64);
    fill_luma(&p, speckle);
    float planes[3 * 24 * 20];
    for (long n = 1;; n++) { /* what one run could not get the next one asks for again */
        ck_avsound(avsn_cropper_create(context, &cropper));
        f.requests = 0;
        f.refused = n;
        const avsound_status status = avsn_cropper_run(cropper, &p.frame, &crop, &input, planes);
        f.refused = 0;
        ck_assert(status == AVSOUND_OK || status == AVSOUND_E_NO_MEMORY);
        ck_avsound(avsn_cropper_run(cropper, &p.frame, &crop, &input, planes));
        ck_assert_float_eq_tol(planes[5], speckle(9, 2), 1e-4f);
        avsn_cropper_free(cropper);
        if (status == AVSOUND_OK)
            break;
    }
    free_picture(&p);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("train.augment", a_crop_of_the_inputs_size_takes_pixels_as_they_are, scaling_keeps_a_slope,
      the_middle_is_what_evaluation_sees, grey_and_other_subsamplings_are_read, packed_pictures_are_refused,
      off_means_the_middle_as_it_is, the_papers_crops_are_whole_pixels_anywhere, upside_down_is_drawn_for_itself, crops_have_the_shares_asked_for,
      colour_switches_change_what_they_say, changed_colours_stay_within_black_and_white, off_leaves_sounds_as_they_are,
      sounds_change_within_their_ranges, switches_do_not_move_each_others_draws, noise_is_white_and_as_loud_as_drawn,
      a_tilt_is_a_straight_line_over_octaves, masks_hide_whole_rows_and_columns, a_tone_played_faster_is_a_higher_tone,
      what_would_fold_back_is_filtered_out, objects_survive_refused_allocations)
