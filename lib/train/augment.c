#include "train/augment.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

void avsn_augmentation_none(avsn_augmentation *a)
{
    *a = (avsn_augmentation){.struct_size = sizeof *a, .crop_min = -1, .crop_max = -1};
}

/* ---- draws: each has a stream of its own, so that switching one on leaves the others' as they were ---- */

static double uniform(uint64_t key, const char *name, uint64_t index)
{
    return avsn_rng_uniform(key, avsn_rng_stream(name), index);
}

static double within(uint64_t key, const char *name, double most)
{
    return most > 0 ? most * (2 * uniform(key, name, 0) - 1) : 0;
}

static bool happens(uint64_t key, const char *name, double chance)
{
    return chance > 0 && uniform(key, name, 0) < chance;
}

/* ---- pictures ---- */

/* The largest part of the picture with the input's sides, times `share`. */
static void size_crop(const avsn_image_frontend *f, double share, int32_t width, int32_t height, avsn_crop *crop)
{
    const double scale = share * fmin((double)width / f->width, (double)height / f->height);
    crop->width = scale * f->width;
    crop->height = scale * f->height;
}

/* What is left out when the picture's short side is scaled to the front end's before the input is cut out. */
static void centre_crop(const avsn_image_frontend *f, int32_t width, int32_t height, avsn_crop *crop)
{
    const double margin = (double)f->short_side / AVSN_MIN(f->width, f->height);
    const double scale = margin * fmax((double)f->width / width, (double)f->height / height);
    const double scaled_width = fmax(round(width * scale), f->width);
    const double scaled_height = fmax(round(height * scale), f->height);
    crop->x = floor((scaled_width - f->width) / 2) * width / scaled_width;
    crop->y = floor((scaled_height - f->height) / 2) * height / scaled_height;
    crop->width = f->width * (double)width / scaled_width;
    crop->height = f->height * (double)height / scaled_height;
}

/* Begins on whole pixels, so that a crop of the input's own size is not blurred. */
static void random_crop(const avsn_augmentation *a, const avsn_image_frontend *f, uint64_t key, int32_t width,
                        int32_t height, avsn_crop *crop)
{
    const double least = a->crop_min, most = a->crop_max;
    size_crop(f, least + (most - least) * uniform(key, "crop", 0), width, height, crop);
    crop->x = floor(uniform(key, "crop.x", 0) * (floor(width - crop->width) + 1));
    crop->y = floor(uniform(key, "crop.y", 0) * (floor(height - crop->height) + 1));
}

/* m = change * m, where a change of the RGB vector p is change p + offset. */
static void then(float m[3][4], double change[3][3], double offset)
{
    float out[3][4];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            double sum = j == 3 ? offset : 0;
            for (int k = 0; k < 3; k++)
                sum += change[i][k] * m[k][j];
            out[i][j] = (float)sum;
        }
    memcpy(m, out, sizeof out);
}

static const double luma_share[3] = {0.299, 0.587, 0.114};

static void change_contrast(float m[3][4], double factor)
{
    double change[3][3] = {{factor, 0, 0}, {0, factor, 0}, {0, 0, factor}};
    then(m, change, 127.5 * (1 - factor));
}

static void change_brightness(float m[3][4], double factor)
{
    double change[3][3] = {{factor, 0, 0}, {0, factor, 0}, {0, 0, factor}};
    then(m, change, 0);
}

static void change_saturation(float m[3][4], double factor)
{
    double change[3][3];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            change[i][k] = (1 - factor) * luma_share[k] + (i == k ? factor : 0);
    then(m, change, 0);
}

/* Turns the two chroma components against each other; luma stays. */
static void change_hue(float m[3][4], double degrees)
{
    const double angle = degrees * 3.14159265358979323846 / 180, c = cos(angle), s = sin(angle);
    double change[3][3];
    for (int k = 0; k < 3; k++) {
        const double luma = luma_share[k];
        const double blue = ((k == 2) - luma) / 1.772, red = ((k == 0) - luma) / 1.402;
        const double turned_blue = c * blue - s * red, turned_red = s * blue + c * red;
        change[0][k] = luma + 1.402 * turned_red;
        change[1][k] = luma - (0.299 * 1.402 * turned_red + 0.114 * 1.772 * turned_blue) / 0.587;
        change[2][k] = luma + 1.772 * turned_blue;
    }
    then(m, change, 0);
}

static void draw_colours(const avsn_augmentation *a, uint64_t key, float m[3][4])
{
    memcpy(m, avsn_colour_identity, sizeof avsn_colour_identity);
    if (a->brightness > 0)
        change_brightness(m, 1 + within(key, "brightness", a->brightness));
    if (a->contrast > 0)
        change_contrast(m, 1 + within(key, "contrast", a->contrast));
    if (a->saturation > 0)
        change_saturation(m, 1 + within(key, "saturation", a->saturation));
    if (a->hue > 0)
        change_hue(m, 360 * within(key, "hue", a->hue));
    if (happens(key, "grey", a->grey))
        change_saturation(m, 0);
}

void avsn_augment_picture(const avsn_augmentation *a, const avsn_image_frontend *f, uint64_t key, int32_t width,
                          int32_t height, avsn_crop *crop)
{
    if (a->crop_max > 0)
        random_crop(a, f, key, width, height, crop);
    else
        centre_crop(f, width, height, crop);
    crop->mirrored = happens(key, "flip", a->flip);
    crop->upended = happens(key, "flip_vertical", a->flip_vertical);
    draw_colours(a, key, crop->colour);
}

/* ---- sounds ---- */

enum { NOISE_RANGE_DB = 30, MIX_RANGE_DB = 12 };

static float decibels(double level)
{
    return (float)pow(10, level / 20);
}

void avsn_augment_sound(const avsn_augmentation *a, uint64_t key, avsn_sound_change *change)
{
    *change = (avsn_sound_change){.speed = 1 + within(key, "speed", a->speed), .key = key};
    change->gain = (float)(1 + within(key, "gain", a->gain)) * decibels(within(key, "gain_db", a->gain_db));
    if (a->noise_db < 0)
        change->noise = decibels(a->noise_db - NOISE_RANGE_DB * uniform(key, "noise", 0));
    if (happens(key, "mix", a->mix))
        change->mixed = decibels(-MIX_RANGE_DB * uniform(key, "mix.gain", 0));
    change->tilt_db = (float)within(key, "tilt", a->tilt_db);
}

float avsn_augment_balance(const avsn_augmentation *a, uint64_t key)
{
    return decibels(within(key, "balance", a->gain_db));
}

/* SplitMix64 (Steele, Lea, Flood 2014): a number's hash, ten times as fast as Philox, and noise need not be better. */
static uint64_t hash(uint64_t number)
{
    uint64_t z = number * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Evenly distributed rather than normal: a window of either has the same spectrum. */
static void add_noise(uint64_t key, float rms, int64_t count, float *samples)
{
    const float step = rms * 1.7320508f * 0x1p-31f; /* evenly in -most...most: the root mean square is most / sqrt(3) */
    for (int64_t i = 0; i < count; i++)
        samples[i] += step * (float)(int32_t)(uint32_t)(hash(key + (uint64_t)i) >> 32);
}

void avsn_change_samples(const avsn_sound_change *change, int64_t count, float *samples)
{
    if (change->noise > 0)
        add_noise(change->key, change->noise, count, samples);
    if (change->gain != 1)
        for (int64_t i = 0; i < count; i++)
            samples[i] *= change->gain;
}

static float mean_of(const float *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)values[i];
    return (float)(sum / (double)count);
}

/* Stretch number `index` of a masked axis of `size` places: none to `longest` of them. */
static void draw_mask(uint64_t key, const char *name, int32_t index, int32_t longest, int32_t size, int32_t *from,
                      int32_t *to)
{
    const int32_t most = AVSN_MIN(longest, size);
    const int32_t length = (int32_t)(uniform(key, name, 2 * (uint64_t)index) * (most + 1));
    *from = (int32_t)(uniform(key, name, 2 * (uint64_t)index + 1) * (size - length + 1));
    *to = *from + length;
}

static void fill(float *values, int32_t columns, int32_t row0, int32_t row1, int32_t column0, int32_t column1,
                 float value)
{
    for (int32_t r = row0; r < row1; r++)
        for (int32_t c = column0; c < column1; c++)
            values[(ptrdiff_t)r * columns + c] = value;
}

static void mask(const avsn_augmentation *a, uint64_t key, int32_t bins, int32_t columns, float *values)
{
    /* silence itself would be the loudest thing about it */
    const float mean = mean_of(values, (int64_t)bins * columns);
    int32_t from, to;
    for (int32_t i = 0; i < a->time_masks; i++) {
        draw_mask(key, "mask.time", i, a->time_mask, columns, &from, &to);
        fill(values, columns, 0, bins, from, to, mean);
    }
    for (int32_t i = 0; i < a->frequency_masks; i++) {
        draw_mask(key, "mask.frequency", i, a->frequency_mask, bins, &from, &to);
        fill(values, columns, from, to, 0, columns, mean);
    }
}

/* -1/2...1/2 along the octaves of what the rows hear, from an octave above the lowest row's own width. */
static double tilt_of(const avsn_audio_frontend *f, int32_t row)
{
    if (f->mel_bands) /* near enough to octaves */
        return (double)row / AVSN_MAX(f->mel_bands - 1, 1) - 0.5;
    return log2(AVSN_MAX(row, 1)) / log2(AVSN_MAX(f->fft / 2, 2)) - 0.5;
}

void avsn_change_spectrogram(const avsn_augmentation *a, const avsn_sound_change *change, const avsn_audio_frontend *f,
                             float *values)
{
    const int32_t bins = avsn_audio_frontend_bins(f), columns = f->columns;
    if (change->tilt_db != 0)
        for (int32_t b = 0; b < bins; b++) {
            const float raise = change->tilt_db * (float)tilt_of(f, b) / f->std;
            for (int32_t c = 0; c < columns; c++)
                values[(ptrdiff_t)b * columns + c] += raise;
        }
    if (a->time_masks > 0 || a->frequency_masks > 0)
        mask(a, change->key, bins, columns, values);
}
