/* What a clip is like: whether anything moves in it or can be heard, and a fingerprint that survives reencoding. */
#ifndef AVSN_MEASURE_H
#define AVSN_MEASURE_H

#include "base/base.h"

enum {
    AVSN_GRID = 16, /* cells across and down a picture */
    AVSN_MOTION_LAG = 10, /* frames between the pictures that are compared: 0.4 s */
    AVSN_PRINT_PICTURES = 8, /* one a second, from 0.5 s on */
    AVSN_PRINT_BINS = 320, /* 16 s of sound */
    AVSN_BIN_SAMPLES = 2400, /* 50 ms at 48 kHz */
    AVSN_MOTION_LEVELS = 4 /* grey levels by which a cell must differ to count as moved */
};

/* A bin is audible above this level. */
#define AVSN_AUDIBLE_DB (-60.0)

/* Of the first seconds of a clip. */
typedef struct avsn_fingerprint {
    uint64_t picture[AVSN_PRINT_PICTURES]; /* a bit a block of the picture: brighter than its right neighbour? */
    uint8_t bin[AVSN_PRINT_BINS]; /* level in dB above the loudest's less 63; 0: lower, or not audible */
    int32_t pictures, bins;
} avsn_fingerprint;

typedef struct avsn_measure {
    uint8_t grid[AVSN_MOTION_LAG][AVSN_GRID * AVSN_GRID]; /* mean luminance of the latest pictures' cells; a ring */
    int64_t pictures, moved;
    double energy, bin_energy; /* sums of squares: of all, of the bin not full yet */
    int64_t samples, bins, audible;
    int32_t bin_samples;
    float bin_level[AVSN_PRINT_BINS]; /* mean squares */
    avsn_fingerprint print;
} avsn_measure;

void avsn_measure_start(avsn_measure *measure);
/* The next picture, one 25th of a second after the last. */
void avsn_measure_picture(avsn_measure *measure, const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height);
/* The next stretch of sound: interleaved, at 48 kHz. */
void avsn_measure_sound(avsn_measure *measure, const float *samples, int64_t frames, int32_t channels);
/* The share of pictures in which something moved, and of bins that are audible, 0...1; the level in dB below full
 * scale, -120 for less. */
double avsn_measure_moving(const avsn_measure *measure);
double avsn_measure_audible(const avsn_measure *measure);
double avsn_measure_level(const avsn_measure *measure);
void avsn_measure_fingerprint(const avsn_measure *measure, avsn_fingerprint *print);

/* Are these the same recording, from the same first frame on? False where there is too little to tell by. */
bool avsn_fingerprint_same(const avsn_fingerprint *a, const avsn_fingerprint *b);
/* As text without commas, and back. */
#define AVSN_PRINT_TEXT (AVSN_PRINT_PICTURES * 16 + AVSN_PRINT_BINS + 2)
void avsn_fingerprint_write(const avsn_fingerprint *print, char text[AVSN_PRINT_TEXT]);
bool avsn_fingerprint_read(const char *text, avsn_fingerprint *print);

#endif
