/* Spectrograms of tones whose place in the picture is known. */
#include "failing.h"
#include "suite.h"

#include <unistd.h>

enum { RATE = 21000, LEFT = 64, COLUMNS = 804, TITLE = 30, ROWS = 152, PANEL = 186 };

static avsound_context *context;
static char first_path[64], second_path[64], picture_path[64];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    snprintf(first_path, sizeof first_path, "spectrograms-%d-a.wav", (int)getpid());
    snprintf(second_path, sizeof second_path, "spectrograms-%d-b.wav", (int)getpid());
    snprintf(picture_path, sizeof picture_path, "spectrograms-%d.png", (int)getpid());
}

static void tear_down(void)
{
    remove(first_path);
    remove(second_path);
    remove(picture_path);
    avsound_context_free(context);
}

static void put(FILE *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), f);
}

typedef struct tone {
    double hertz, level, from, to; /* seconds; of `seconds` in all */
    double seconds;
} tone;

static void write_tone(const char *path, const tone *t)
{
    const uint32_t samples = (uint32_t)lround(t->seconds * RATE);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fwrite("RIFF", 1, 4, f);
    put(f, 36 + 2 * samples, 4);
    fwrite("WAVEfmt ", 1, 8, f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, 1, 2);
    put(f, RATE, 4);
    put(f, 2 * RATE, 4);
    put(f, 2, 2);
    put(f, 16, 2);
    fwrite("data", 1, 4, f);
    put(f, 2 * samples, 4);
    for (uint32_t n = 0; n < samples; n++) {
        const double time = (double)n / RATE;
        const int on = time >= t->from && time < t->to;
        put(f, (uint16_t)lround(on ? 32767 * t->level * sin(2 * M_PI * t->hertz * time) : 0), 2);
    }
    fclose(f);
}

/* ---- the picture ---- */

typedef struct image {
    avsound_media *media;
    avsound_frame frame;
} image;

static image open_image(void)
{
    image m = {.frame.struct_size = sizeof m.frame};
    ck_avsound(avsound_media_open(context, picture_path, NULL, &m.media));
    ck_avsound(avsound_media_read_frame(m.media, &m.frame));
    ck_assert_int_eq(m.frame.format, AVSOUND_PIXEL_RGB24);
    return m;
}

static int brightness(const image *m, int x, int y)
{
    const uint8_t *rgb = m->frame.data[0] + y * m->frame.stride[0] + 3 * x;
    return rgb[0] + rgb[1] + rgb[2];
}

/* Of a panel's column, from the top; -1 where all is black. */
static int brightest_row(const image *m, int panel, int column)
{
    int best = -1, most = 30;
    for (int row = 0; row < ROWS; row++) {
        const int b = brightness(m, LEFT + column, panel * PANEL + TITLE + row);
        if (b > most) {
            most = b;
            best = row;
        }
    }
    return best;
}

/* From the top, by Slaney's mel scale up to half the rate. */
static double row_of(double hertz)
{
    const double step = log(6.4) / 27, most = 15 + log(RATE / 2.0 / 1000) / step;
    const double mel = hertz < 1000 ? hertz * 0.015 : 15 + log(hertz / 1000) / step;
    return ROWS * (1 - mel / most);
}

static avsound_spectrograms_options both(void)
{
    static const char *paths[2];
    static const char *const titles[] = {"first", "second"};
    avsound_spectrograms_options o;
    avsound_spectrograms_options_init(&o, sizeof o);
    paths[0] = first_path;
    paths[1] = second_path;
    o.count = 2;
    o.paths = paths;
    o.titles = titles;
    return o;
}

START_TEST(a_tone_stands_at_its_row_while_it_lasts)
{
    static const double tones[] = {150, 440, 1000, 3000, 8000};
    set_up();
    for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++) {
        const tone a = {tones[i], 0.5, 1, 2.5, 4}, b = {2000, 0.5, 0, 4, 4};
        write_tone(first_path, &a);
        write_tone(second_path, &b);
        const avsound_spectrograms_options o = both();
        ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
        image m = open_image();
        ck_assert_int_eq(m.frame.width, 960);
        ck_assert_int_eq(m.frame.height, 2 * PANEL + 48);
        for (int column = 4; column < COLUMNS - 4; column++) {
            const double time = 4.0 * column / COLUMNS;
            if (time < 0.9 || time > 2.6)
                ck_assert_int_eq(brightest_row(&m, 0, column), -1);
            else if (time > 1.1 && time < 2.4)
                ck_assert_double_eq_tol(brightest_row(&m, 0, column) + 0.5, row_of(tones[i]), 1.5);
            ck_assert_double_eq_tol(brightest_row(&m, 1, column) + 0.5, row_of(2000), 1.5);
        }
        avsound_media_free(m.media);
    }
    tear_down();
}
END_TEST

/* The scale is common: a tone 40 dB below the brightest is as dark beside it as by itself under it. */
START_TEST(levels_are_on_one_scale)
{
    const tone a = {1000, 0.9, 0, 2, 2}, b = {1000, 0.009, 0, 2, 2}, c = {1000, 0.9e-4, 0, 2, 2};
    set_up();
    write_tone(first_path, &a);
    write_tone(second_path, &b);
    const avsound_spectrograms_options o = both();
    ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
    image m = open_image();
    const int row = (int)row_of(1000), bright = brightness(&m, LEFT + 400, TITLE + row);
    const int dim = brightness(&m, LEFT + 400, PANEL + TITLE + row);
    ck_assert_int_gt(bright, 500); /* inferno's light end */
    ck_assert_int_lt(dim, bright - 150);
    ck_assert_int_gt(dim, 100);
    avsound_media_free(m.media);
    write_tone(second_path, &c); /* 80 dB below: beyond the scale */
    ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
    m = open_image();
    ck_assert_int_lt(brightness(&m, LEFT + 400, PANEL + TITLE + row), 40);
    avsound_media_free(m.media);
    tear_down();
}
END_TEST

START_TEST(each_file_has_its_own_start)
{
    const tone a = {1000, 0.5, 3, 4, 6}, b = {1000, 0.5, 1, 2, 3};
    const int64_t starts[] = {2500000, 500000};
    set_up();
    write_tone(first_path, &a);
    write_tone(second_path, &b);
    avsound_spectrograms_options o = both();
    o.starts_us = starts;
    o.duration_us = 2000000; /* both tones from 0.5 to 1.5 s of it */
    ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
    image m = open_image();
    for (int panel = 0; panel < 2; panel++)
        for (int column = 4; column < COLUMNS - 4; column++) {
            const double time = 2.0 * column / COLUMNS;
            if (time < 0.45 || time > 1.55)
                ck_assert_int_eq(brightest_row(&m, panel, column), -1);
            else if (time > 0.55 && time < 1.45)
                ck_assert_double_eq_tol(brightest_row(&m, panel, column) + 0.5, row_of(1000), 1.5);
        }
    avsound_media_free(m.media);
    tear_down();
}
END_TEST

/* Few samples a column, and many. */
START_TEST(any_length_fills_the_picture)
{
    static const double lengths[] = {0.05, 0.3, 120};
    set_up();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const tone a = {1000, 0.5, 0, lengths[i], lengths[i]};
        write_tone(first_path, &a);
        avsound_spectrograms_options o = both();
        o.count = 1;
        ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
        image m = open_image();
        ck_assert_int_eq(m.frame.height, PANEL + 48);
        for (int column = 100; column < COLUMNS - 100; column++)
            ck_assert_double_eq_tol(brightest_row(&m, 0, column) + 0.5, row_of(1000), 1.5);
        avsound_media_free(m.media);
    }
    tear_down();
}
END_TEST

START_TEST(silence_is_black_and_what_has_no_sound_is_refused)
{
    const tone a = {1000, 0, 0, 1, 1};
    set_up();
    write_tone(first_path, &a);
    avsound_spectrograms_options o = both();
    ck_refused(avsound_spectrograms_draw(context, &o, picture_path), AVSOUND_E_IO, second_path);
    o.count = 1;
    ck_avsound(avsound_spectrograms_draw(context, &o, picture_path));
    image m = open_image();
    for (int column = 0; column < COLUMNS; column++)
        ck_assert_int_eq(brightest_row(&m, 0, column), -1);
    avsound_media_free(m.media);
    const char *const picture[] = {picture_path};
    o.paths = picture;
    ck_refused(avsound_spectrograms_draw(context, &o, first_path), AVSOUND_E_STATE, "has no sound");
    tear_down();
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    const tone a = {1000, 0.5, 0, 0.1, 0.1};
    set_up();
    write_tone(first_path, &a);
    avsound_context *counted = failing_context(&f);
    avsound_spectrograms_options o = both();
    o.count = 1;
    ck_survives_refusals(&f, avsound_spectrograms_draw(counted, &o, picture_path), (void)0);
    avsound_context_free(counted);
    tear_down();
}
END_TEST

SUITE("api.spectrograms", a_tone_stands_at_its_row_while_it_lasts, levels_are_on_one_scale, each_file_has_its_own_start,
      any_length_fills_the_picture, silence_is_black_and_what_has_no_sound_is_refused, refused_memory_leaves_nothing)
