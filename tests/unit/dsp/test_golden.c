#include "suite.h"

#include "dsp/spectrogram.h"
#include "weights/safetensors.h"

/* The signal of tests/golden/spectrogram.py. */
enum { LENGTH = 9600, RATE = 48000, SECOND = 48000, BEYOND = SECOND + 4096 };

static void make_signal(int length, float *samples)
{
    uint32_t state = 12345;
    for (int n = 0; n < length; n++) {
        state = state * 1664525 + 1013904223;
        const int noise = (int)((state >> 16) % 4096) - 2048;
        const double t = (double)n / RATE;
        const double chirp = floor(12000 * sin(2 * 3.14159265358979323846 * (200 * t + 50000 * t * t)) + 0.5);
        samples[n] = (float)((chirp + noise) / 32768);
    }
}

/* A float transform leaves an error in each |X| of some 2^-24 sqrt(log2 fft) of the largest one. How many dB that makes at
 * `level` (before what the front end takes off); 1e-5 dB besides for the rounding of the result: ulp(100) is 8e-6. */
static double tolerance(const avsn_audio_frontend *f, double level, double largest)
{
    double error = 0x1p-24 * sqrt(log2(f->fft)) * largest;
    if (f->mel_bands)
        error *= 1.5 * f->fft / f->sample_rate; /* the most a filter's weights sum to: area 1 over Hz, but few bins */
    const double scale = f->power ? 20 : 10;
    return 1e-5 + scale * log10(1 + error / pow(10, level / scale));
}

/* Input `column` of the golden signal against the tensors `name` and `name`.peak. Returns the largest difference. */
static double compare(const avsn_audio_frontend *f, const char *name, int64_t column)
{
    avsound_context *context;
    avsn_safetensors *file;
    avsn_track *track;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_safetensors_open(context, TEST_SOURCE_DIR "/golden/spectrogram.safetensors", &file));
    const avsn_file_tensor *golden = avsn_safetensors_find(file, name);
    const int32_t bins = avsn_audio_frontend_bins(f);
    ck_assert_ptr_nonnull(golden);
    ck_assert(avsn_shape_equal(&golden->shape, &AVSN_SHAPE(f->columns, bins)));
    char peak_name[64];
    snprintf(peak_name, sizeof peak_name, "%s.peak", name);
    const float *peak = avsn_safetensors_find(file, peak_name)->data;

    static float samples[LENGTH];
    make_signal(LENGTH, samples);
    float *out = malloc((size_t)(bins * f->columns) * sizeof *out);
    ck_avsound(avsn_track_create(context, f, 0, &track));
    ck_avsound(avsn_track_push(track, samples, LENGTH));
    avsn_track_finish(track);
    ck_avsound(avsn_track_input(track, column, out));

    const float *want = golden->data;
    double most = 0;
    for (int32_t j = 0; j < f->columns; j++)
        for (int32_t b = 0; b < bins; b++) {
            const double w = want[j * bins + b], difference = fabs(out[b * f->columns + j] - w);
            const double allowed = tolerance(f, w + peak[1], peak[0]);
            ck_assert_msg(difference <= allowed, "%s: column %d, bin %d: %g, want %g within %g", name, j, b,
                          (double)out[b * f->columns + j], w, allowed);
            most = fmax(most, difference);
        }
    free(out);
    avsn_track_free(track);
    avsn_safetensors_free(file);
    avsound_context_free(context);
    return most;
}

START_TEST(correspondence_networks)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    f.columns = 48;
    f.mean = 0;
    f.std = 1;
    ck_assert_double_lt(compare(&f, "avc", -6), 1e-3);
}
END_TEST

static void compare_openl3(const char *name, int32_t fft, int32_t mel_bands)
{
    const avsn_audio_frontend f = {.sample_rate = RATE,
                                   .window = fft,
                                   .hop = 242,
                                   .fft = fft,
                                   .columns = 44,
                                   .mel_bands = mel_bands,
                                   .mel_high = RATE / 2.f,
                                   .floor = 1e-10f,
                                   .range = 80,
                                   .std = 1};
    ck_assert_double_lt(compare(&f, name, 0), 1e-3);
}

START_TEST(openl3_linear)
{
    compare_openl3("openl3.linear", 512, 0);
}
END_TEST

START_TEST(openl3_mel128)
{
    compare_openl3("openl3.mel128", 2048, 128);
}
END_TEST

START_TEST(openl3_mel256)
{
    compare_openl3("openl3.mel256", 2048, 256);
}
END_TEST

/* ---- seconds that stand alone ---- */

static void make_tone(int length, float *samples)
{
    for (int n = 0; n < length; n++)
        samples[n] = (float)(0.5 * sin(2 * 3.14159265358979323846 * 1000 * n / RATE));
}

/* The second within a longer recording, `before` samples after its start, at every value to 1e-4 dB. */
static void compare_second(const char *name, const avsn_audio_frontend *f, const float *samples, int64_t before)
{
    char columns_name[64];
    avsound_context *context;
    avsn_safetensors *file;
    avsn_track *track;
    snprintf(columns_name, sizeof columns_name, "%s.columns", name);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_safetensors_open(context, TEST_SOURCE_DIR "/golden/spectrogram.safetensors", &file));
    const avsn_file_tensor *golden = avsn_safetensors_find(file, name), *columns = avsn_safetensors_find(file, columns_name);
    ck_assert(golden && columns);
    const int32_t bins = avsn_audio_frontend_bins(f);
    ck_assert(avsn_shape_equal(&golden->shape, &AVSN_SHAPE(columns->shape.dim[0], bins)));

    float *out = malloc((size_t)bins * (size_t)f->columns * sizeof *out), *long_ago = calloc((size_t)before + 1, sizeof *long_ago);
    for (int64_t i = 0; i < before; i++)
        long_ago[i] = 0.9f - (float)(i % 7) / 7; /* loud, and none of the second's */
    ck_avsound(avsn_track_create(context, f, 0, &track));
    avsn_track_reset(track, -before);
    ck_avsound(avsn_track_push(track, long_ago, before));
    ck_avsound(avsn_track_push(track, samples, SECOND));
    ck_avsound(avsn_track_input(track, 0, out));
    double most = 0;
    for (int64_t i = 0; i < columns->shape.dim[0]; i++) {
        const int64_t column = lround((double)((const float *)columns->data)[i]);
        for (int32_t b = 0; b < bins; b++) {
            const double want = (double)((const float *)golden->data)[i * bins + b], got = (double)out[b * f->columns + column];
            ck_assert_msg(fabs(got - want) <= 1e-4, "%s: column %d, bin %d: %g, want %g", name, (int)column, b, got, want);
            most = fmax(most, fabs(got - want));
        }
    }
    printf("%s: largest difference %.2g dB\n", name, most);
    free(long_ago);
    free(out);
    avsn_track_free(track);
    avsn_safetensors_free(file);
    avsound_context_free(context);
}

START_TEST(openl3_seconds_stand_alone)
{
    static const struct {
        const char *name;
        int32_t fft, bands, columns;
    } variants[] = {{"linear", 512, 0, 197}, {"mel128", 2048, 128, 199}, {"mel256", 2048, 256, 199}};
    static float signal[BEYOND], tone[BEYOND];
    char name[32];
    avsn_audio_frontend f;
    make_signal(BEYOND, signal);
    make_tone(BEYOND, tone);
    avsn_alone_frontend_default(&f);
    f.fft = f.window = variants[_i].fft;
    f.mel_bands = variants[_i].bands;
    f.columns = variants[_i].columns;
    snprintf(name, sizeof name, "second.%s", variants[_i].name);
    compare_second(name, &f, signal, 0);
    compare_second(name, &f, signal, 100001);
    snprintf(name, sizeof name, "tone.%s", variants[_i].name);
    compare_second(name, &f, tone, 4800);
}
END_TEST

LOOP_SUITE("dsp.golden", {correspondence_networks, 0, 1}, {openl3_linear, 0, 1}, {openl3_mel128, 0, 1}, {openl3_mel256, 0, 1},
           {openl3_seconds_stand_alone, 0, 3})
