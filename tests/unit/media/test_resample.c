#include "failing.h"
#include "media/media.h"

#define PI 3.14159265358979323846

static avsound_context *plain(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

static avsound_audio view(const void *data, int32_t format, int32_t rate, int32_t channels, int64_t frames)
{
    return (avsound_audio){.struct_size = sizeof(avsound_audio),
                           .format = format,
                           .sample_rate = rate,
                           .channels = channels,
                           .frames = frames,
                           .data = data};
}

typedef struct result {
    float *samples;
    int64_t frames;
} result;

static void append(result *r, const float *samples, int64_t frames, int32_t channels)
{
    r->samples = realloc(r->samples, (size_t)((r->frames + frames) * channels + 1) * sizeof(float));
    if (frames > 0)
        memcpy(r->samples + r->frames * channels, samples, (size_t)(frames * channels) * sizeof(float));
    r->frames += frames;
}

/* All of a mono signal, pushed `chunk` frames at a time. */
static result resampled(avsound_context *context, const float *x, int64_t frames, int32_t in, int32_t out,
                        int64_t chunk)
{
    result r = {NULL, 0};
    avsn_resampler *resampler;
    const float *samples;
    int64_t made;
    ck_avsound(avsn_resampler_create(context, out, 1, &resampler));
    for (int64_t i = 0; i < frames; i += chunk) {
        const avsound_audio part = view(x + i, AVSOUND_SAMPLE_F32, in, 1, frames - i < chunk ? frames - i : chunk);
        ck_avsound(avsn_resampler_push(resampler, &part, &samples, &made));
        append(&r, samples, made, 1);
    }
    ck_avsound(avsn_resampler_push(resampler, NULL, &samples, &made));
    append(&r, samples, made, 1);
    ck_refused(avsn_resampler_push(resampler, NULL, &samples, &made), AVSOUND_E_STATE, "ended");
    avsn_resampler_free(resampler);
    return r;
}

static const int32_t rates[][2] = {{44100, 48000}, {48000, 44100},  {8000, 48000},  {48000, 8000},
                                   {96000, 16000}, {22050, 48000},  {48000, 48000}, {44099, 48000},
                                   {48000, 47999}, {192000, 16000}, {11025, 16000}, {768000, 8000}};

enum { RATES = sizeof rates / sizeof rates[0] };

START_TEST(output_stands_where_the_input_does)
{
    avsound_context *context = plain();
    for (int k = 0; k < RATES; k++) {
        const int32_t in = rates[k][0], out = rates[k][1];
        const int64_t frames = in / 2 + 3;
        const double hz = 0.1 * (in < out ? in : out);
        float *x = malloc((size_t)frames * sizeof *x);
        for (int64_t i = 0; i < frames; i++)
            x[i] = (float)(0.5 * sin(2 * PI * hz * (double)i / in));
        const result r = resampled(context, x, frames, in, out, 1000);
        ck_assert_msg(r.frames == (int64_t)floor((double)frames * out / in + 0.5), "%d to %d: %lld samples", in, out,
                      (long long)r.frames);
        double largest = 0;
        for (int64_t n = out / 50; n < r.frames - out / 50; n++)
            largest = fmax(largest, fabs(r.samples[n] - 0.5 * sin(2 * PI * hz * (double)n / out)));
        /* swresample's default filter passes a tone in mid-band to within a few 1e-4. */
        ck_assert_msg(largest < 5e-4, "%d to %d: off by %g", in, out, largest);
        free(x);
        free(r.samples);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(chunks_make_no_difference)
{
    avsound_context *context = plain();
    for (int k = 0; k < RATES; k++) {
        const int32_t in = rates[k][0], out = rates[k][1];
        const int64_t frames = in < 100000 ? 30011 : 200000;
        static const int64_t chunks[] = {1 << 20, 4096, 977, 31};
        float *x = malloc((size_t)frames * sizeof *x);
        unsigned state = 5;
        for (int64_t i = 0; i < frames; i++) {
            state = state * 1103515245u + 12345u;
            x[i] = (float)(int)(state >> 8 & 0xffff) / 65536 - 0.5f;
        }
        const result whole = resampled(context, x, frames, in, out, chunks[0]);
        for (int c = 1; c < 4; c++) {
            const result parts = resampled(context, x, frames, in, out, chunks[c]);
            ck_assert_int_eq(parts.frames, whole.frames);
            ck_assert_msg(!memcmp(parts.samples, whole.samples, (size_t)whole.frames * sizeof(float)),
                          "%d to %d: chunks of %lld", in, out, (long long)chunks[c]);
            free(parts.samples);
        }
        free(x);
        free(whole.samples);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(short_and_empty_recordings)
{
    avsound_context *context = plain();
    const float x[40] = {0.25f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    for (int k = 0; k < RATES; k++)
        for (int64_t frames = 1; frames < 40; frames += 4) {
            const result r = resampled(context, x, frames, rates[k][0], rates[k][1], 3);
            ck_assert_int_eq(r.frames, (frames * rates[k][1] + rates[k][0] / 2) / rates[k][0]);
            for (int64_t n = 0; n < r.frames; n++)
                ck_assert(isfinite(r.samples[n]));
            free(r.samples);
        }
    avsn_resampler *resampler;
    const float *samples;
    int64_t made;
    ck_avsound(avsn_resampler_create(context, 16000, 1, &resampler));
    ck_avsound(avsn_resampler_push(resampler, NULL, &samples, &made));
    ck_assert_int_eq(made, 0);
    avsn_resampler_free(resampler);
    avsn_resampler_free(NULL);
    avsound_context_free(context);
}
END_TEST

START_TEST(formats_agree)
{
    enum { N = 500 };
    static int16_t s16[N][2];
    static int32_t s32[N][2];
    static float f32[N][2], planar[2][N];
    static double f64[N][2];
    for (int i = 0; i < N; i++)
        for (int c = 0; c < 2; c++) {
            const double v = sin(i * 0.05 * (c + 1)) * 0.5;
            s16[i][c] = (int16_t)lrint(v * 32768);
            f32[i][c] = planar[c][i] = s16[i][c] / 32768.0f;
            f64[i][c] = s16[i][c] / 32768.0;
            s32[i][c] = s16[i][c] * 65536;
        }
    const void *const planes[2] = {planar[0], planar[1]};
    avsound_context *context = plain();
    avsound_audio views[] = {view(f32, AVSOUND_SAMPLE_F32, 48000, 2, N), view(s16, AVSOUND_SAMPLE_S16, 48000, 2, N),
                             view(s32, AVSOUND_SAMPLE_S32, 48000, 2, N), view(f64, AVSOUND_SAMPLE_F64, 48000, 2, N),
                             view(NULL, AVSOUND_SAMPLE_F32, 48000, 2, N)};
    views[4].planar = 1;
    views[4].planes = planes;
    for (size_t v = 0; v < 5; v++)
        for (int32_t channels = 1; channels <= 2; channels++) {
            avsn_resampler *resampler;
            const float *samples;
            int64_t made;
            ck_avsound(avsn_resampler_create(context, 48000, channels, &resampler));
            ck_avsound(avsn_resampler_push(resampler, &views[v], &samples, &made));
            ck_assert_int_eq(made, N);
            for (int i = 0; i < N; i++)
                for (int c = 0; c < channels; c++) {
                    const float want = channels == 2 ? f32[i][c] : 0.5f * (f32[i][0] + f32[i][1]);
                    ck_assert_msg(fabsf(samples[i * channels + c] - want) <= 1e-7f, "view %zu sample %d", v, i);
                }
            avsn_resampler_free(resampler);
        }
    avsound_context_free(context);
}
END_TEST

START_TEST(sounds_are_checked)
{
    avsound_context *context = plain();
    float x[24] = {0};
    const avsound_audio good = view(x, AVSOUND_SAMPLE_F32, 48000, 2, 12);
    ck_avsound(avsn_audio_check(context, &good));
    ck_refused(avsn_audio_check(context, NULL), AVSOUND_E_INVALID_ARGUMENT, "NULL");
#define WITH(change, code, words)                               \
    do {                                                        \
        avsound_audio a = good;                                 \
        change;                                                 \
        ck_refused(avsn_audio_check(context, &a), code, words); \
    } while (0)
    const void *planes[2] = {x, NULL};
    WITH(a.struct_size = 4, AVSOUND_E_INVALID_ARGUMENT, "struct_size is 4");
    WITH(a.format = 5, AVSOUND_E_INVALID_ARGUMENT, "format is 5");
    WITH(a.sample_rate = 0, AVSOUND_E_INVALID_ARGUMENT, "0 Hz, want at least 1");
    WITH(a.sample_rate = 768001, AVSOUND_E_LIMIT, "768001 Hz, the context allows 768000");
    WITH(a.channels = 0, AVSOUND_E_INVALID_ARGUMENT, "0 channels");
    WITH(a.channels = 65, AVSOUND_E_LIMIT, "65 channels, the context allows 64");
    WITH(a.planar = 2, AVSOUND_E_INVALID_ARGUMENT, "planar is 2");
    WITH(a.frames = -1, AVSOUND_E_INVALID_ARGUMENT, "-1 frames");
    WITH(a.frames = INT64_MAX / 4, AVSOUND_E_INVALID_ARGUMENT, "frames");
    WITH(a.data = NULL, AVSOUND_E_INVALID_ARGUMENT, "data is NULL");
    WITH(a.data = (const char *)x + 1, AVSOUND_E_INVALID_ARGUMENT, "not aligned to its samples of 4 bytes");
    WITH(a.planar = 1, AVSOUND_E_INVALID_ARGUMENT, "planes is NULL");
    WITH((a.planar = 1, a.planes = planes), AVSOUND_E_INVALID_ARGUMENT, "plane 1 is NULL");
    avsound_audio empty = good;
    empty.frames = 0;
    empty.data = NULL;
    ck_avsound(avsn_audio_check(context, &empty));
    x[2 * 7 + 1] = NAN;
    ck_refused(avsn_audio_check(context, &good), AVSOUND_E_INVALID_ARGUMENT, "sample 7 of channel 1 is not finite");
    x[2 * 7 + 1] = 1e12f;
    ck_avsound(avsn_audio_check(context, &good));
    x[2 * 7 + 1] = -2e12f;
    ck_refused(avsn_audio_check(context, &good), AVSOUND_E_INVALID_ARGUMENT, "sample 7 of channel 1 is -2e+12, want at most 1e+12");
    x[2 * 3] = -INFINITY;
    ck_refused(avsn_audio_check(context, &good), AVSOUND_E_INVALID_ARGUMENT, "sample 3 of channel 0 is not finite");
    double d[6] = {0, 1, 2, 3, 4, INFINITY};
    const avsound_audio deep = view(d, AVSOUND_SAMPLE_F64, 48000, 1, 6);
    ck_refused(avsn_audio_check(context, &deep), AVSOUND_E_INVALID_ARGUMENT, "sample 5 of channel 0 is not finite");
    d[5] = 1e300;
    ck_refused(avsn_audio_check(context, &deep), AVSOUND_E_INVALID_ARGUMENT, "sample 5 of channel 0 is 1e+300");
    avsn_resampler *resampler;
    ck_refused(avsn_resampler_create(context, 0, 1, &resampler), AVSOUND_E_LIMIT, "0 Hz");
    ck_refused(avsn_resampler_create(context, 48000, 65, &resampler), AVSOUND_E_LIMIT, "65 channels");
    avsound_context_free(context);
}
END_TEST

START_TEST(a_recording_stays_of_one_kind)
{
    avsound_context *context = plain();
    avsn_resampler *resampler;
    const float x[100] = {0}, *samples;
    int64_t made;
    ck_avsound(avsn_resampler_create(context, 16000, 1, &resampler));
    avsound_audio a = view(x, AVSOUND_SAMPLE_F32, 48000, 1, 100);
    ck_avsound(avsn_resampler_push(resampler, &a, &samples, &made));
    a.sample_rate = 44100;
    ck_refused(avsn_resampler_push(resampler, &a, &samples, &made), AVSOUND_E_INVALID_ARGUMENT, "began with 48000 Hz");
    avsn_resampler_free(resampler);
    avsound_context_free(context);
}
END_TEST

static avsound_status resample_once(avsound_context *context, avsn_resampler **resampler)
{
    const float x[200] = {0}, *samples;
    int64_t made;
    const avsound_audio a = view(x, AVSOUND_SAMPLE_F32, 48000, 2, 100);
    avsound_status status = avsn_resampler_create(context, 16000, 1, resampler);
    if (!status && (status = avsn_resampler_push(*resampler, &a, &samples, &made)))
        avsn_resampler_free(*resampler);
    return status;
}

START_TEST(refused_memory_is_an_error)
{
    failing f;
    avsn_resampler *resampler;
    avsound_context *context = failing_context(&f);
    ck_survives_refusals(&f, resample_once(context, &resampler), avsn_resampler_free(resampler));
    avsound_context_free(context);
}
END_TEST

SUITE("media.resample", output_stands_where_the_input_does, chunks_make_no_difference, short_and_empty_recordings,
      formats_agree, sounds_are_checked, a_recording_stays_of_one_kind, refused_memory_is_an_error)
