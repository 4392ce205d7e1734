/* Directions by two channels: symmetries, places and kinds. The figures are tested beside numpy (tests/python). */
#include "suite.h"

#include <math.h>

#include "dsp/stereo.h"

enum { RATE = 48000, SAMPLES = 24000 };

static float draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (1 << 24) - 0.5f;
}

/* Noise that the left channel has `late` samples after the right one, at `gain` of its level, and noise of each one's own. */
static void make_sound(float *sound, int32_t late, float gain, float own)
{
    static float source[SAMPLES + 64];
    uint32_t state = 7;
    for (int32_t i = 0; i < SAMPLES + 64; i++)
        source[i] = draw(&state);
    for (int32_t i = 0; i < SAMPLES; i++) {
        sound[2 * i] = gain * source[i + 32 - late] + own * draw(&state);
        sound[2 * i + 1] = source[i + 32] + own * draw(&state);
    }
}

static avsn_stereo_finding find(const float *sound, int32_t cues)
{
    const avsn_stereo_params p = {.sample_rate = RATE, .samples = SAMPLES, .edge_delay = 3e-4, .edge_level = 12.4, .cues = cues};
    avsound_context *c;
    avsn_stereo *s;
    avsn_stereo_finding f;
    ck_avsound(avsound_context_create(NULL, &c));
    ck_avsound(avsn_stereo_create(c, &p, &s));
    avsn_stereo_measure(s, sound, &f);
    const avsn_stereo_finding again = f;
    avsn_stereo_measure(s, sound, &f);
    ck_assert_mem_eq(&again, &f, sizeof f);
    avsn_stereo_free(s);
    avsound_context_free(c);
    return f;
}

START_TEST(each_cue_says_the_side)
{
    static float sound[2 * SAMPLES];
    make_sound(sound, 9, 1, 0.1f); /* 9 of 14.4 samples: the right one is early */
    avsn_stereo_finding f = find(sound, 0);
    ck_assert_int_eq(f.kind, AVSN_STEREO_DIRECTION);
    ck_assert_int_eq(f.cues, AVSN_STEREO_DELAY);
    ck_assert_double_eq_tol((double)f.direction, 9 / 14.4, 0.005);
    ck_assert_double_eq_tol((double)f.delay * RATE, -9, 0.05);
    make_sound(sound, 0, 0.5f, 0.05f);
    f = find(sound, 0);
    ck_assert_int_eq(f.cues, AVSN_STEREO_LEVEL);
    ck_assert_double_eq_tol((double)f.level_db, 6.02, 0.1);
    ck_assert_double_gt((double)f.direction, 0.5);
    make_sound(sound, 9, 0.5f, 0.05f);
    f = find(sound, 0);
    ck_assert_int_eq(f.cues, AVSN_STEREO_LEVEL | AVSN_STEREO_DELAY);
    f = find(sound, AVSN_STEREO_DELAY);
    ck_assert_double_eq_tol((double)f.direction, 9 / 14.4, 0.005);
}
END_TEST

START_TEST(swapped_channels_are_mirrored)
{
    static float sound[2 * SAMPLES];
    make_sound(sound, -7, 1.5f, 0.2f);
    const avsn_stereo_finding f = find(sound, 0);
    for (int32_t i = 0; i < SAMPLES; i++) {
        const float left = sound[2 * i];
        sound[2 * i] = sound[2 * i + 1];
        sound[2 * i + 1] = left;
    }
    const avsn_stereo_finding g = find(sound, 0);
    ck_assert_double_lt((double)f.direction, -0.3);
    ck_assert_double_eq_tol((double)(f.direction + g.direction), 0, 1e-4);
    ck_assert_double_eq_tol((double)(f.delay + g.delay), 0, 1e-9);
    ck_assert_double_eq_tol((double)(f.level_db + g.level_db), 0, 1e-5);
    for (int32_t c = 0; c < AVSN_STEREO_CELLS; c++)
        ck_assert_double_eq_tol((double)f.evidence[c], (double)g.evidence[AVSN_STEREO_CELLS - 1 - c], 1e-4);
}
END_TEST

START_TEST(evidence_stands_at_the_direction)
{
    static float sound[2 * SAMPLES];
    for (int32_t late = -14; late <= 14; late += 4) {
        make_sound(sound, late, 1, 0.1f);
        const avsn_stereo_finding f = find(sound, AVSN_STEREO_DELAY);
        int32_t best = 0;
        for (int32_t c = 1; c < AVSN_STEREO_CELLS; c++)
            best = f.evidence[c] > f.evidence[best] ? c : best;
        ck_assert_double_eq_tol((best + 0.5) * 2 / AVSN_STEREO_CELLS - 1, (double)f.direction, 1.0 / AVSN_STEREO_CELLS + 1e-6);
        ck_assert_double_eq_tol((double)f.evidence[best], (double)f.confidence, 1e-6);
    }
}
END_TEST

START_TEST(what_lies_beyond_an_edge_is_told)
{
    static float sound[2 * SAMPLES];
    make_sound(sound, 19, 1, 0.1f);
    const avsn_stereo_finding f = find(sound, 0);
    ck_assert_int_eq(f.kind, AVSN_STEREO_DIRECTION);
    ck_assert_double_eq_tol((double)f.direction, 19 / 14.4, 0.01);
}
END_TEST

START_TEST(bands_rise)
{
    for (int32_t b = 0; b < AVSN_STEREO_BANDS; b++)
        ck_assert_double_lt(avsn_stereo_band_edge(8000, b), avsn_stereo_band_edge(8000, b + 1));
    ck_assert_double_eq_tol(avsn_stereo_band_edge(8000, 0), 100, 1e-9);
    ck_assert_double_eq_tol(avsn_stereo_band_edge(8000, AVSN_STEREO_BANDS), 3600, 1e-9);
    ck_assert_double_eq_tol(avsn_stereo_band_edge(48000, AVSN_STEREO_BANDS), 16000, 1e-9);
}
END_TEST

SUITE("unit.dsp.stereo", each_cue_says_the_side, swapped_channels_are_mirrored, evidence_stands_at_the_direction,
      what_lies_beyond_an_edge_is_told, bands_rise)
