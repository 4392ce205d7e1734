#include "suite.h"

#include "dsp/spectrogram.h"
#include "unit/dsp/refusing.h"

static const double pi = 3.14159265358979323846;

static avsn_audio_frontend default_frontend(void)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    return f;
}

/* `count` columns of samples, with a spectrogram of its own. */
static void columns_of(const avsn_audio_frontend *f, const float *samples, int64_t count, float *out)
{
    refusing memory = {0};
    avsound_context *context = refusing_context(&memory);
    avsn_spectrogram *spectrogram;
    ck_avsound(avsn_spectrogram_create(context, f, &spectrogram));
    avsound_context_free(context);
    avsn_spectrogram_columns(spectrogram, samples, count, out);
    avsn_spectrogram_free(spectrogram);
    ck_assert_int_eq(memory.held, 0);
}

/* A full-scale sine has |X|^2 = 1/4 (-6.02 dB) at its own frequency. Row 11 lies a third of a row from 1 kHz, where the lobe
 * of the Hann window, sinc(d) / (1 - d^2) with d in units of 1/480 of the rate, has fallen by 0.55 dB. */
START_TEST(sine_of_1_khz_peaks_in_row_11_at_minus_6_decibel)
{
    const avsn_audio_frontend f = default_frontend();
    float samples[480], column[257];
    for (int i = 0; i < 480; i++)
        samples[i] = (float)sin(2 * pi * 1000 * i / 48000);
    columns_of(&f, samples, 1, column);
    int row = 0;
    for (int k = 0; k < 257; k++)
        if (column[k] > column[row])
            row = k;
    ck_assert_int_eq(row, 11);
    const double d = (1000 / 93.75 - 11) * 480 / 512;
    const double lobe = sin(pi * d) / (pi * d) / (1 - d * d);
    /* the sine's mirror image at -1 kHz, 20 bins away, adds less than 1e-4 of the amplitude: 1e-3 dB */
    ck_assert_double_eq_tol(column[11], 20 * log10(lobe / 2), 2e-3);
}
END_TEST

START_TEST(silence_is_the_floor)
{
    const avsn_audio_frontend f = default_frontend();
    const float samples[480] = {0};
    float column[257];
    columns_of(&f, samples, 1, column);
    for (int k = 0; k < 257; k++)
        ck_assert_double_eq_tol(column[k], -100, 1e-5);
}
END_TEST

START_TEST(constant_stands_in_row_0_at_its_square)
{
    const avsn_audio_frontend f = default_frontend();
    float samples[480], column[257];
    for (int i = 0; i < 480; i++)
        samples[i] = 0.5f;
    columns_of(&f, samples, 1, column);
    ck_assert_double_eq_tol(column[0], 20 * log10(0.5), 1e-5);
    /* zeros of the lobe: row 64 k / 4 = 16 of 512 points is exactly 15 of the window's own 480 */
    for (int k = 16; k < 257; k += 16)
        ck_assert_double_lt(column[k], -99);
}
END_TEST

/* An impulse of height a at the window's middle (where it is 1) has |X| = a in every bin: the decibels' scale over their
 * whole range, to the rounding of a float near 100 (4e-6) and of |X|. */
START_TEST(impulse_is_flat_at_every_level)
{
    avsn_audio_frontend f = default_frontend();
    f.normalise = 0;
    f.floor = 1e-30f;
    float samples[480] = {0}, column[257];
    for (double level = 1e-12; level < 1e12; level *= 1.37) {
        samples[240] = (float)level;
        columns_of(&f, samples, 1, column);
        for (int k = 0; k < 257; k++)
            ck_assert_double_eq_tol(column[k], 20 * log10((double)samples[240]), 3e-5);
    }
}
END_TEST

START_TEST(normalisation_divides_by_the_windows_sum)
{
    avsn_audio_frontend f = default_frontend();
    float samples[480] = {[240] = 1}, column[257];
    columns_of(&f, samples, 1, column);
    for (int k = 0; k < 257; k++)
        ck_assert_double_eq_tol(column[k], -20 * log10(240), 1e-5); /* periodic Hann: the sum is half the length */
    f.power = 0;
    columns_of(&f, samples, 1, column);
    for (int k = 0; k < 257; k++)
        ck_assert_double_eq_tol(column[k], -10 * log10(240), 1e-5);
}
END_TEST

START_TEST(values_that_are_no_numbers_stay_inside_the_column)
{
    const avsn_audio_frontend f = default_frontend();
    float samples[720] = {[100] = NAN}, columns[2][257];
    columns_of(&f, samples, 2, columns[0]);
    for (int k = 0; k < 257; k++) {
        ck_assert(isfinite(columns[0][k]));
        ck_assert_double_eq_tol(columns[1][k], -100, 1e-5);
    }
}
END_TEST

/* One column by the definition of the Fourier transform, in double: |X| of bin k. */
static double magnitude_by_definition(const float *samples, int window, int fft, int k)
{
    double re = 0, im = 0;
    for (int i = 0; i < window; i++) {
        const double x = samples[i] * (0.5 - 0.5 * cos(2 * pi * i / window));
        re += x * cos(2 * pi * ((int64_t)i * k % fft) / fft);
        im -= x * sin(2 * pi * ((int64_t)i * k % fft) / fft);
    }
    return hypot(re, im);
}

static void fill_noise(float *samples, int count, uint32_t seed)
{
    for (int i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = (float)(int32_t)(seed >> 8 & 0xffff) / 32768 - 1;
    }
}

START_TEST(every_length_agrees_with_the_definition)
{
    static const int lengths[] = {4,   8,   12,  20,  28,  32,  36,  60,   64,   72,   96,   120,  144,  160,  224, 240,
                                  288, 448, 480, 512, 640, 768, 960, 1024, 1152, 1536, 1792, 1920, 2048, 3840, 4096};
    static float samples[4096], column[2049];
    fill_noise(samples, 4096, 1);
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(lengths); n++) {
        const int fft = lengths[n];
        avsn_audio_frontend f = default_frontend();
        f.fft = fft;
        f.window = fft - fft / 8;
        f.hop = 1;
        f.offset = 0;
        f.normalise = 0;
        columns_of(&f, samples, 1, column);
        /* rounding: some 2^-24 of the column's energy a bin; -60 dB below the typical bin that is 1e-3 of the value */
        double energy = 0;
        for (int i = 0; i < f.window; i++)
            energy += pow(samples[i] * (0.5 - 0.5 * cos(2 * pi * i / f.window)), 2);
        const double error = log2(fft) * sqrt(energy) * 0x1p-24;
        for (int k = 0; k <= fft / 2; k += 1 + fft / 96) {
            const double x = magnitude_by_definition(samples, f.window, fft, k);
            const double tolerance = 2e-5 + 8.686 * error / x;
            ck_assert_msg(fabs(column[k] - 20 * log10(x)) < tolerance, "fft %d, bin %d: %g dB, want %g", fft, k,
                          (double)column[k], 20 * log10(x));
        }
    }
}
END_TEST

START_TEST(longest_transform_of_an_impulse_is_flat)
{
    static float samples[32768], column[16385];
    avsn_audio_frontend f = default_frontend();
    f.fft = f.window = 32768;
    f.offset = -120;
    f.normalise = 0;
    f.hop = 240;
    samples[16384] = 1;
    columns_of(&f, samples, 1, column);
    for (int k = 0; k < 16385; k++)
        ck_assert_double_eq_tol(column[k], 0, 1e-5);
}
END_TEST

/* Slaney's filters have area 1 over Hz, so where bins are much finer than bands a flat |X| = 1 gives the bins per Hz. */
START_TEST(mel_bands_have_area_one)
{
    static float samples[16384];
    avsn_audio_frontend f = default_frontend();
    f.fft = f.window = 16384;
    f.power = f.normalise = 0;
    f.mel_bands = 32;
    samples[8192] = 1;
    float column[32];
    columns_of(&f, samples, 1, column);
    for (int b = 0; b < 32; b++)
        ck_assert_double_eq_tol(column[b], 10 * log10(16384 / 48000.), 0.01);
}
END_TEST

/* 3 mel per 200 Hz below 1 kHz: with the edges at 0, 200, 400 ... Hz a sine of 600 Hz belongs to band 2 alone. */
START_TEST(mel_bands_are_linear_below_1_khz)
{
    static float samples[9600];
    avsn_audio_frontend f = default_frontend();
    f.fft = 15360;
    f.window = 9600;
    f.power = 0;
    f.mel_bands = 4;
    f.mel_high = 1000;
    for (int i = 0; i < 9600; i++)
        samples[i] = (float)sin(2 * pi * 600 * i / 48000);
    float column[4];
    columns_of(&f, samples, 1, column);
    ck_assert_double_gt(column[2], column[0] + 20);
    ck_assert_double_gt(column[2], column[1] + 15);
    ck_assert_double_gt(column[2], column[3] + 15);
    ck_assert_double_eq_tol(column[1], column[3], 0.01);
}
END_TEST

START_TEST(bands_narrower_than_a_bin_are_at_the_floor)
{
    avsn_audio_frontend f = default_frontend();
    f.mel_bands = 257;
    float samples[480], column[257];
    fill_noise(samples, 480, 3);
    columns_of(&f, samples, 1, column);
    int empty = 0;
    for (int b = 0; b < 257; b++) {
        ck_assert(isfinite(column[b]));
        empty += column[b] < -99.99f;
    }
    ck_assert_int_gt(empty, 0);
    ck_assert_int_lt(empty, 200);
}
END_TEST

START_TEST(reads_no_sample_too_many)
{
    const avsn_audio_frontend f = default_frontend();
    const int count = 5, needed = (count - 1) * 240 + 480;
    float *samples = malloc((size_t)needed * sizeof *samples), *out = malloc((size_t)count * 257 * sizeof *out);
    fill_noise(samples, needed, 4);
    columns_of(&f, samples, count, out);
    free(samples);
    free(out);
}
END_TEST

START_TEST(refused_allocations_leave_nothing_behind)
{
    avsn_audio_frontend f = default_frontend();
    f.mel_bands = 40;
    for (int64_t n = 1;; n++) {
        refusing r = {0};
        avsound_context *context = refusing_context(&r);
        r.refuse = n;
        avsn_spectrogram *spectrogram;
        const avsound_status status = avsn_spectrogram_create(context, &f, &spectrogram);
        ck_assert(status == AVSOUND_OK || status == AVSOUND_E_NO_MEMORY);
        ck_assert_int_eq(status == AVSOUND_OK, spectrogram != NULL);
        avsn_spectrogram_free(spectrogram);
        avsound_context_free(context);
        ck_assert_int_eq(r.held, 0);
        if (!status) {
            ck_assert_int_gt(n, 6);
            break;
        }
    }
}
END_TEST

SUITE("dsp spectrogram", sine_of_1_khz_peaks_in_row_11_at_minus_6_decibel, silence_is_the_floor,
      constant_stands_in_row_0_at_its_square, impulse_is_flat_at_every_level, normalisation_divides_by_the_windows_sum,
      values_that_are_no_numbers_stay_inside_the_column, every_length_agrees_with_the_definition,
      longest_transform_of_an_impulse_is_flat, mel_bands_have_area_one, mel_bands_are_linear_below_1_khz,
      bands_narrower_than_a_bin_are_at_the_floor, reads_no_sample_too_many, refused_allocations_leave_nothing_behind)
