#include "train/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    FRAMES_PER_SECOND = 25,
    PRINT_BLOCKS = AVSN_GRID / 2, /* of 2 x 2 cells, across and down */
    PRINT_MARGIN = 8, /* summed over a block's 4 cells: flat blocks differ by noise alone */
    MOST_PICTURE_BITS = 6, /* of 64 that may differ, on average */
    HOPELESS_PICTURE_BITS = 24, /* that end the comparison at once */
    PRINT_RANGE = 63, /* dB */
    LEAST_BINS = 40, /* that it takes to judge */
    MOST_LAG = 2 /* bins that a codec's delay may shift the sound by */
};
#define LEAST_CORRELATION 0.85
#define LEAST_VARIANCE 2.0 /* dB^2: what does not rise and fall tells nothing */

void avsn_measure_start(avsn_measure *measure)
{
    memset(measure, 0, sizeof *measure);
}

/* ---- pictures ---- */

static uint8_t mean_of(const uint8_t *luma, ptrdiff_t stride, int32_t x0, int32_t x1, int32_t y0, int32_t y1)
{
    uint64_t sum = 0;
    for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++)
            sum += luma[y * stride + x];
    const uint64_t count = (uint64_t)(x1 - x0) * (uint64_t)(y1 - y0);
    return (uint8_t)((sum + count / 2) / count);
}

/* Cells of pictures smaller than the grid overlap. */
static void fill_grid(const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height, uint8_t *grid)
{
    for (int32_t row = 0; row < AVSN_GRID; row++) {
        const int32_t y0 = (int32_t)((int64_t)row * height / AVSN_GRID);
        const int32_t y1 = AVSN_MAX((int32_t)((int64_t)(row + 1) * height / AVSN_GRID), y0 + 1);
        for (int32_t column = 0; column < AVSN_GRID; column++) {
            const int32_t x0 = (int32_t)((int64_t)column * width / AVSN_GRID);
            const int32_t x1 = AVSN_MAX((int32_t)((int64_t)(column + 1) * width / AVSN_GRID), x0 + 1);
            *grid++ = mean_of(luma, stride, x0, x1, y0, y1);
        }
    }
}

static bool has_moved(const uint8_t *a, const uint8_t *b)
{
    for (int i = 0; i < AVSN_GRID * AVSN_GRID; i++)
        if (a[i] - b[i] > AVSN_MOTION_LEVELS || b[i] - a[i] > AVSN_MOTION_LEVELS)
            return true;
    return false;
}

static int block_sum(const uint8_t *grid, int row, int column)
{
    const uint8_t *at = grid + 2 * row * AVSN_GRID + 2 * column;
    return at[0] + at[1] + at[AVSN_GRID] + at[AVSN_GRID + 1];
}

static uint64_t picture_bits(const uint8_t *grid)
{
    uint64_t bits = 0;
    for (int row = 0; row < PRINT_BLOCKS; row++)
        for (int column = 0; column < PRINT_BLOCKS; column++) {
            const int right = block_sum(grid, row, (column + 1) % PRINT_BLOCKS);
            bits = bits << 1 | (block_sum(grid, row, column) > right + PRINT_MARGIN);
        }
    return bits;
}

void avsn_measure_picture(avsn_measure *measure, const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height)
{
    uint8_t grid[AVSN_GRID * AVSN_GRID];
    uint8_t *slot = measure->grid[measure->pictures % AVSN_MOTION_LAG];
    avsn_fingerprint *print = &measure->print;
    fill_grid(luma, stride, width, height, grid);
    measure->moved += measure->pictures >= AVSN_MOTION_LAG && has_moved(grid, slot);
    memcpy(slot, grid, sizeof grid);
    if (measure->pictures % FRAMES_PER_SECOND == FRAMES_PER_SECOND / 2 && print->pictures < AVSN_PRINT_PICTURES)
        print->picture[print->pictures++] = picture_bits(grid);
    measure->pictures++;
}

double avsn_measure_moving(const avsn_measure *measure)
{
    const int64_t compared = measure->pictures - AVSN_MOTION_LAG;
    return compared > 0 ? (double)measure->moved / (double)compared : 0;
}

/* ---- sound ---- */

static void end_bin(avsn_measure *measure)
{
    const double mean = measure->bin_energy / AVSN_BIN_SAMPLES;
    if (measure->bins < AVSN_PRINT_BINS)
        measure->bin_level[measure->bins] = (float)mean;
    measure->audible += mean > pow(10, AVSN_AUDIBLE_DB / 10);
    measure->bins++;
    measure->bin_energy = 0;
    measure->bin_samples = 0;
}

void avsn_measure_sound(avsn_measure *measure, const float *samples, int64_t frames, int32_t channels)
{
    for (int64_t i = 0; i < frames; i++) {
        double square = 0;
        for (int32_t c = 0; c < channels; c++)
            square += (double)samples[i * channels + c] * (double)samples[i * channels + c];
        measure->energy += square / channels;
        measure->bin_energy += square / channels;
        if (++measure->bin_samples == AVSN_BIN_SAMPLES)
            end_bin(measure);
    }
    measure->samples += frames;
}

double avsn_measure_audible(const avsn_measure *measure)
{
    return measure->bins ? (double)measure->audible / (double)measure->bins : 0;
}

double avsn_measure_level(const avsn_measure *measure)
{
    const double mean = measure->samples ? measure->energy / (double)measure->samples : 0;
    return mean > 1e-12 ? 10 * log10(mean) : -120;
}

/* ---- fingerprints ---- */

void avsn_measure_fingerprint(const avsn_measure *measure, avsn_fingerprint *print)
{
    *print = measure->print;
    print->bins = (int32_t)AVSN_MIN(measure->bins, (int64_t)AVSN_PRINT_BINS);
    double loudest = 1e-12;
    for (int32_t i = 0; i < print->bins; i++)
        loudest = fmax(loudest, (double)measure->bin_level[i]);
    for (int32_t i = 0; i < print->bins; i++) {
        const double level = 10 * log10((double)measure->bin_level[i] + 1e-12);
        const double above = level - 10 * log10(loudest) + PRINT_RANGE;
        print->bin[i] = level > AVSN_AUDIBLE_DB && above > 0 ? (uint8_t)fmin(rint(above), PRINT_RANGE) : 0;
    }
}

static int count_bits(uint64_t bits)
{
    int count = 0;
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

static bool pictures_agree(const avsn_fingerprint *a, const avsn_fingerprint *b)
{
    const int32_t pictures = AVSN_MIN(a->pictures, b->pictures);
    int different = 0;
    for (int32_t i = 0; i < pictures; i++) {
        const int bits = count_bits(a->picture[i] ^ b->picture[i]);
        if (bits > HOPELESS_PICTURE_BITS)
            return false;
        different += bits;
    }
    return pictures > 0 && different <= MOST_PICTURE_BITS * pictures;
}

/* Do the levels rise and fall together? Where neither is audible there is nothing to compare: that two clips of one place hold
 * one word each, in the middle, does not make them the same. */
static bool levels_agree(const uint8_t *a, const uint8_t *b, int32_t count)
{
    double sum_a = 0, sum_b = 0, square_a = 0, square_b = 0, product = 0;
    int32_t bins = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!a[i] && !b[i])
            continue;
        bins++;
        sum_a += a[i];
        sum_b += b[i];
        square_a += a[i] * a[i];
        square_b += b[i] * b[i];
        product += a[i] * b[i];
    }
    if (bins < LEAST_BINS)
        return false;
    const double variance_a = square_a / bins - sum_a / bins * (sum_a / bins);
    const double variance_b = square_b / bins - sum_b / bins * (sum_b / bins);
    const double covariance = product / bins - sum_a / bins * (sum_b / bins);
    return variance_a >= LEAST_VARIANCE && variance_b >= LEAST_VARIANCE &&
           covariance >= LEAST_CORRELATION * sqrt(variance_a * variance_b);
}

static bool sounds_agree(const avsn_fingerprint *a, const avsn_fingerprint *b)
{
    for (int32_t lag = -MOST_LAG; lag <= MOST_LAG; lag++) {
        const int32_t skip_a = AVSN_MAX(lag, 0), skip_b = AVSN_MAX(-lag, 0);
        const int32_t bins = AVSN_MIN(a->bins - skip_a, b->bins - skip_b);
        if (levels_agree(a->bin + skip_a, b->bin + skip_b, bins))
            return true;
    }
    return false;
}

bool avsn_fingerprint_same(const avsn_fingerprint *a, const avsn_fingerprint *b)
{
    return pictures_agree(a, b) && sounds_agree(a, b);
}

void avsn_fingerprint_write(const avsn_fingerprint *print, char text[AVSN_PRINT_TEXT])
{
    for (int32_t i = 0; i < print->pictures; i++, text += 16)
        snprintf(text, 17, "%016llx", (unsigned long long)print->picture[i]);
    *text++ = ':';
    for (int32_t i = 0; i < print->bins; i++)
        *text++ = (char)('0' + print->bin[i]);
    *text = 0;
}

static bool read_hexadecimal(const char *text, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        *value = *value << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

bool avsn_fingerprint_read(const char *text, avsn_fingerprint *print)
{
    memset(print, 0, sizeof *print);
    for (; *text && *text != ':'; text += 16)
        if (print->pictures == AVSN_PRINT_PICTURES || !read_hexadecimal(text, &print->picture[print->pictures++]))
            return false;
    if (*text++ != ':')
        return false;
    for (; *text; text++) {
        if (print->bins == AVSN_PRINT_BINS || *text < '0' || *text > '0' + PRINT_RANGE)
            return false;
        print->bin[print->bins++] = (uint8_t)(*text - '0');
    }
    return true;
}
