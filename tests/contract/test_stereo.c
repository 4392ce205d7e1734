/* Directions by two channels: arguments, states, ends. What is measured is tested beside numpy (tests/python). */
#include "contract/place.h"

#include <math.h>

static avsound_stereo *begun(const place *p, const char *path)
{
    avsound_stereo *stereo = NULL;
    ck_avsound(avsound_stereo_create(p->context, path, NULL, &stereo));
    return stereo;
}

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[sizeof(avsound_stereo_options) + 32];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_stereo_options_init((avsound_stereo_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
    avsound_stereo_options_init(NULL, sizeof(avsound_stereo_options));
}
END_TEST

static void refuse_options(const place *p, const avsound_stereo_options *options, const char *what)
{
    avsound_stereo *stereo = (avsound_stereo *)1;
    ck_refused(avsound_stereo_create(p->context, p->sound, options, &stereo), AVSOUND_E_INVALID_ARGUMENT, what);
    ck_assert_ptr_null(stereo);
}

START_TEST(create_refuses_bad_arguments)
{
    place p;
    setup(&p, "ave-net", 1, 3);
    avsound_stereo *stereo = (avsound_stereo *)1;
    ck_refused(avsound_stereo_create(NULL, p.sound, NULL, &stereo), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_stereo_create(p.context, p.sound, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_stereo_create(p.context, p.folder, NULL, &stereo), AVSOUND_E_IO, p.folder);
    ck_assert_ptr_null(stereo);
    ck_refused(avsound_stereo_create(p.context, p.mute, NULL, &stereo), AVSOUND_E_STATE, "no sound");
    ck_assert_ptr_null(stereo);
    avsound_stereo_options o;
    avsound_stereo_options_init(&o, sizeof o);
    static const double wrong[] = {-1, 1e9, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o.window_seconds = wrong[i];
        refuse_options(&p, &o, "window_seconds");
        o.window_seconds = 0;
        o.edge_delay_us = wrong[i];
        refuse_options(&p, &o, "edge_delay_us");
        o.edge_delay_us = 0;
        o.edge_level_db = wrong[i];
        refuse_options(&p, &o, "edge_level_db");
        o.edge_level_db = 0;
    }
    o.cues = 4;
    refuse_options(&p, &o, "cues is 4");
    o.cues = 0;
    o.struct_size = 3;
    refuse_options(&p, &o, "struct_size");
    avsound_stereo_free(NULL);
    teardown(&p);
}
END_TEST

START_TEST(a_file_is_measured_forwards_to_its_end)
{
    place p;
    setup(&p, "ave-net", 2, 0);
    avsound_stereo *stereo = begun(&p, p.sound);
    avsound_stereo_result r = {.struct_size = sizeof r};
    ck_refused(avsound_stereo_at(NULL, 0, &r), AVSOUND_E_INVALID_ARGUMENT, "stereo");
    ck_refused(avsound_stereo_at(stereo, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "result");
    ck_refused(avsound_stereo_at(stereo, -1, &r), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_stereo_at(stereo, INT64_MAX, &r), AVSOUND_E_INVALID_ARGUMENT, "time_us");
    for (int64_t time = 0; time < 2000000; time += 250000) {
        ck_avsound(avsound_stereo_at(stereo, time, &r));
        ck_assert_int_eq(r.time_us, time);
        ck_assert_int_eq(r.kind, AVSOUND_STEREO_MONO);
        ck_assert(r.confidence == 0 && r.direction == 0 && r.rms > 0);
        for (int i = 0; i < AVSOUND_STEREO_CELLS; i++)
            ck_assert(r.evidence[i] == 0);
        for (int i = 0; i < AVSOUND_STEREO_BANDS; i++)
            ck_assert(r.band_hz[i] < r.band_hz[i + 1]);
    }
    ck_refused(avsound_stereo_at(stereo, 1000000, &r), AVSOUND_E_INVALID_ARGUMENT, "1750000");
    ck_refused(avsound_stereo_at(stereo, 2000000, &r), AVSOUND_E_END, "no more");
    ck_refused(avsound_stereo_at(stereo, INT64_MAX / 8, &r), AVSOUND_E_END, "no more");
    avsound_stereo_free(stereo);
    teardown(&p);
}
END_TEST

/* Noise, the right channel `gain` times the left one; `own` of each channel's own. */
static void make_noise(float *samples, int64_t count, float gain, float own)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < count; i++) {
        float x[3];
        for (int k = 0; k < 3; k++) {
            state = state * 1664525u + 1013904223u;
            x[k] = (float)(state >> 8) / (1 << 24) - 0.5f;
        }
        samples[2 * i] = x[0] + own * x[1];
        samples[2 * i + 1] = gain * x[0] + own * x[2];
    }
}

START_TEST(sounds_in_memory_are_measured)
{
    place p;
    setup(&p, "ave-net", 1, 0);
    static float samples[2 * 48000];
    avsound_stereo *stereo = begun(&p, NULL), *file = begun(&p, p.sound);
    avsound_stereo_result r = {.struct_size = sizeof r};
    avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = 48000, .channels = 2,
                           .frames = 48000, .data = samples, .time_us = 7000000};
    make_noise(samples, 48000, 2, 0.1f);
    ck_refused(avsound_stereo_measure(NULL, &sound, &r), AVSOUND_E_INVALID_ARGUMENT, "stereo");
    ck_refused(avsound_stereo_measure(stereo, NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "sound");
    ck_refused(avsound_stereo_measure(stereo, &sound, NULL), AVSOUND_E_INVALID_ARGUMENT, "result");
    ck_refused(avsound_stereo_measure(file, &sound, &r), AVSOUND_E_STATE, "measures a file");
    ck_refused(avsound_stereo_at(stereo, 0, &r), AVSOUND_E_STATE, "without a file");
    ck_avsound(avsound_stereo_measure(stereo, &sound, &r));
    ck_assert_int_eq(r.kind, AVSOUND_STEREO_DIRECTION);
    ck_assert_int_eq(r.cues, AVSOUND_STEREO_LEVEL);
    ck_assert_int_eq(r.time_us, 7500000);
    ck_assert(r.direction > 0.5f && r.direction < 0.7f && fabsf(r.level_db - 6) < 0.1f);
    sound.frames = 256;
    ck_avsound(avsound_stereo_measure(stereo, &sound, &r));
    sound.frames = 255;
    ck_refused(avsound_stereo_measure(stereo, &sound, &r), AVSOUND_E_INVALID_ARGUMENT, "255");
    sound.frames = 48000;
    samples[99] = NAN;
    ck_refused(avsound_stereo_measure(stereo, &sound, &r), AVSOUND_E_INVALID_ARGUMENT, "finite");
    avsound_stereo_free(file);
    avsound_stereo_free(stereo);
    teardown(&p);
}
END_TEST

START_TEST(extreme_samples_and_rates_do_no_harm)
{
    place p;
    setup(&p, "ave-net", 1, 0);
    static float samples[2 * 4000];
    static const int32_t rates[] = {1, 100, 300, 8000, 384000};
    avsound_stereo *stereo = begun(&p, NULL);
    avsound_stereo_result r = {.struct_size = sizeof r};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (int loud = 0; loud < 3; loud++) {
            make_noise(samples, 4000, 2, 0.1f);
            for (int k = 0; k < 8000; k++)
                samples[k] *= loud == 2 ? 2e11f : loud ? 1 : 1e-38f;
            const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = rates[i],
                                         .channels = 2, .frames = 4000, .data = samples};
            ck_avsound(avsound_stereo_measure(stereo, &sound, &r));
            ck_assert(isfinite(r.direction) && isfinite(r.confidence) && isfinite(r.level_db) && isfinite(r.copy_db));
            ck_assert_int_eq(r.kind == AVSOUND_STEREO_SILENT, loud == 0);
        }
    avsound_stereo_free(stereo);
    teardown(&p);
}
END_TEST

SUITE("contract.stereo", options_init_stays_within_struct_size, create_refuses_bad_arguments,
      a_file_is_measured_forwards_to_its_end, sounds_in_memory_are_measured, extreme_samples_and_rates_do_no_harm)
