#include "suite.h"

#include "dsp/stft.h"
#include "failing.h"

static const double pi = 3.14159265358979323846;

static avsn_stft_params default_params(void)
{
    avsn_stft_params p;
    avsn_stft_params_default(&p);
    return p;
}

static void fill_noise(float *samples, int64_t count, uint32_t seed)
{
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = (float)(int32_t)(seed >> 8 & 0xffff) / 32768 - 1;
    }
}

static double hann(const avsn_stft_params *p, int64_t n)
{
    return 0.5 - 0.5 * cos(2 * pi * (double)n / p->window);
}

static void forward(const avsn_stft_params *p, const float *samples, int64_t frames, float *spectra)
{
    failing f;
    avsound_context *context = failing_context(&f);
    avsn_stft *stft;
    ck_avsound(avsn_stft_create(context, p, &stft));
    avsound_context_free(context);
    avsn_stft_run(stft, samples, frames, spectra);
    avsn_stft_free(stft);
    ck_assert_int_eq(f.held, 0);
}

static void inverse(const avsn_stft_params *p, const float *spectra, int64_t frames, float *samples)
{
    failing f;
    avsound_context *context = failing_context(&f);
    avsn_istft *istft;
    ck_avsound(avsn_istft_create(context, p, &istft));
    avsound_context_free(context);
    avsn_istft_run(istft, spectra, frames, samples);
    avsn_istft_free(istft);
    ck_assert_int_eq(f.held, 0);
}

START_TEST(frames_are_whole_windows)
{
    const avsn_stft_params p = default_params();
    ck_assert_int_eq(avsn_stft_frames(&p, 44144), 128);
    ck_assert_int_eq(avsn_stft_frames(&p, 87588), 257);
    ck_assert_int_eq(avsn_stft_frames(&p, 173774), 514);
    ck_assert_int_eq(avsn_stft_frames(&p, 105000), 309);
    ck_assert_int_eq(avsn_stft_frames(&p, 1343), 0);
    ck_assert_int_eq(avsn_stft_frames(&p, 1344), 1);
    ck_assert_int_eq(avsn_stft_frames(&p, 1679), 1);
    ck_assert_int_eq(avsn_stft_frames(&p, 1680), 2);
    ck_assert_int_eq(avsn_stft_samples(&p, 128), 44016);
    ck_assert_int_eq(avsn_stft_samples(&p, 512), 173040);
    ck_assert_int_eq(avsn_stft_samples(&p, 1), 1344);
    ck_assert_int_eq(avsn_stft_samples(&p, 0), 0);
    ck_assert_int_eq(avsn_stft_bins(&p), 1025);
}
END_TEST

static const int32_t sizes[][3] = { /* window, hop, fft */
    {1344, 336, 2048}, {42, 10, 48}, {42, 42, 64}, {7, 3, 8}, {2, 1, 4}, {60, 15, 60}, {33, 32, 36}, {1000, 250, 1024},
};

/* Every value by the definition of the transform, in double. */
START_TEST(spectra_agree_with_the_definition)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++) {
        const avsn_stft_params p = {.window = sizes[i][0], .hop = sizes[i][1], .fft = sizes[i][2]};
        const int64_t frames = 3, samples = avsn_stft_samples(&p, frames), bins = avsn_stft_bins(&p);
        /* blocks of their exact size, so that a sanitizer sees a step too far */
        float *x = malloc((size_t)samples * sizeof *x);
        float *spectra = malloc((size_t)(frames * bins * 2) * sizeof *spectra);
        fill_noise(x, samples, (uint32_t)i);
        forward(&p, x, frames, spectra);
        for (int64_t j = 0; j < frames; j++) {
            double energy = 0, worst = 0;
            for (int64_t n = 0; n < p.window; n++)
                energy += pow(x[j * p.hop + n] * hann(&p, n), 2);
            for (int64_t k = 0; k < bins; k += 1 + bins / 50) {
                double re = 0, im = 0;
                for (int64_t n = 0; n < p.window; n++) {
                    const double angle = 2 * pi * (double)(n * k % p.fft) / p.fft;
                    re += x[j * p.hop + n] * hann(&p, n) * cos(angle);
                    im -= x[j * p.hop + n] * hann(&p, n) * sin(angle);
                }
                const float *value = spectra + (j * bins + k) * 2;
                worst = fmax(worst, hypot(value[0] - re, value[1] - im));
            }
            ck_assert_msg(worst <= 2 * log2(p.fft) * sqrt(energy) * 0x1p-24 + 1e-12,
                          "fft %d, frame %d: off by %g of %g", p.fft, (int)j, worst, sqrt(energy));
        }
        free(x);
        free(spectra);
    }
}
END_TEST

/* Real-valued ends of the spectrum carry +0, so that their phases are 0 or pi and never -pi. */
START_TEST(first_and_last_bin_are_real)
{
    const avsn_stft_params p = default_params();
    static float x[1344], spectrum[2 * 1025];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int n = 0; n < 1344; n++)
            x[n] = (float)(sign * (1 + (n % 2 ? -1 : 1) * 0.5));
        forward(&p, x, 1, spectrum);
        ck_assert(spectrum[1] == 0 && !signbit(spectrum[1]));
        ck_assert(spectrum[2 * 1024 + 1] == 0 && !signbit(spectrum[2 * 1024 + 1]));
        float decibel[1025], phase[1025];
        avsn_polar_params polar;
        avsn_polar_params_default(&polar);
        avsn_polar_from_complex(&polar, spectrum, 1025, decibel, phase);
        ck_assert_double_eq_tol(phase[0], sign > 0 ? 0 : pi, 1e-6);
        ck_assert_double_eq_tol(phase[1024], sign > 0 ? 0 : pi, 1e-6);
    }
}
END_TEST

/* Frames of any numbers, the imaginary parts of the real bins not zero; each by the definition of the inverse. */
START_TEST(inverse_agrees_with_the_definition)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++)
        for (int compensated = 0; compensated < 2; compensated++) {
            const avsn_stft_params p = {sizes[i][0], sizes[i][1], sizes[i][2], compensated, 0.01f};
            const int64_t frames = 5, samples = avsn_stft_samples(&p, frames), bins = avsn_stft_bins(&p);
            float *y = malloc((size_t)samples * sizeof *y), *spectra = malloc((size_t)(frames * bins * 2) * sizeof *y);
            fill_noise(spectra, frames * bins * 2, (uint32_t)i + 7);
            inverse(&p, spectra, frames, y);
            double worst = 0;
            for (int64_t n = 0; n < samples; n += 1 + samples / 97) {
                double sum = 0, cover = 0;
                for (int64_t j = 0; j < frames; j++) {
                    const int64_t at = n - j * p.hop;
                    if (at < 0 || at >= p.window)
                        continue;
                    const float *s = spectra + j * bins * 2;
                    double value = s[0] + (at % 2 ? -s[2 * (bins - 1)] : s[2 * (bins - 1)]);
                    for (int64_t k = 1; k < bins - 1; k++) {
                        const double angle = 2 * pi * (double)(at * k % p.fft) / p.fft;
                        value += 2 * (s[2 * k] * cos(angle) - s[2 * k + 1] * sin(angle));
                    }
                    sum += value / p.fft * hann(&p, at);
                    cover += pow(hann(&p, at), 2);
                }
                worst = fmax(worst, fabs(y[n] - (compensated ? sum / fmax(cover, 0.01) : sum)));
            }
            /* values of a frame are some 1 / sqrt(fft) large; by the least cover an error may grow tenfold */
            ck_assert_msg(worst <= 2 * log2(p.fft) / sqrt(p.fft) * 0x1p-24 * (compensated ? 10 : 1),
                          "fft %d: off by %g", p.fft, worst);
            free(y);
            free(spectra);
        }
}
END_TEST

/* A quarter of a window's hop: gain 1.5 inside, and over the ends what the squared windows sum to. */
START_TEST(release_gains_one_and_a_half)
{
    const avsn_stft_params p = default_params();
    static float x[44144], y[44016], spectra[128 * 1025 * 2];
    fill_noise(x, 44144, 5);
    forward(&p, x, 128, spectra);
    inverse(&p, spectra, 128, y);
    double worst = 0, inside = 0;
    for (int64_t n = 0; n < 44016; n++) {
        double cover = 0;
        for (int64_t j = 0; j < 128; j++)
            if (n - j * 336 >= 0 && n - j * 336 < 1344)
                cover += pow(hann(&p, n - j * 336), 2);
        worst = fmax(worst, fabs(y[n] - cover * x[n]));
        if (n >= 1344 && n < 44016 - 1344)
            inside = fmax(inside, fabs(y[n] - 1.5 * x[n]));
    }
    ck_assert_double_lt(inside, 1e-5 * 0.1);
    ck_assert_double_lt(worst, 1e-5 * 0.1);
    ck_assert(y[0] == 0);
}
END_TEST

/* Divided by the squared windows' sum every sample comes back, but for the feet of the outermost windows. */
START_TEST(compensated_inverse_gives_the_signal_back)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(sizes); i++) {
        avsn_stft_params p = {sizes[i][0], sizes[i][1], sizes[i][2], 1, 1e-4f};
        const int64_t frames = 9, samples = avsn_stft_samples(&p, frames), bins = avsn_stft_bins(&p);
        float *x = malloc((size_t)samples * sizeof *x), *y = malloc((size_t)samples * sizeof *y);
        float *spectra = malloc((size_t)(frames * bins * 2) * sizeof *spectra);
        fill_noise(x, samples, (uint32_t)i);
        forward(&p, x, frames, spectra);
        inverse(&p, spectra, frames, y);
        for (int64_t n = 0; n < samples; n++) {
            double cover = 0;
            for (int64_t j = 0; j < frames; j++)
                if (n - j * p.hop >= 0 && n - j * p.hop < p.window)
                    cover += pow(hann(&p, n - j * p.hop), 2);
            const double want = x[n] * fmin(1, cover / 1e-4);
            const double tolerance = 4e-7 / sqrt(fmax(fmin(cover, 1), 1e-4)); /* rounding of a frame over its window */
            ck_assert_msg(fabs(y[n] - want) <= tolerance,
                          "window %d, hop %d, sample %d: %g, want %g within %g", p.window, p.hop, (int)n,
                          (double)y[n], want, tolerance);
        }
        free(x);
        free(y);
        free(spectra);
    }
}
END_TEST

/* A stream of frames gives the same bits as all at once, and a finished or reset one knows nothing of what was
 * before. */
START_TEST(frames_can_be_pushed_one_by_one)
{
    const avsn_stft_params p = {.window = 42, .hop = 10, .fft = 48, .compensated = 1, .least_cover = 0.1f};
    enum { FRAMES = 6, BINS = 25, SAMPLES = 5 * 10 + 42 };
    float spectra[FRAMES][2 * BINS], want[SAMPLES], got[SAMPLES];
    fill_noise(spectra[0], FRAMES * 2 * BINS, 1);
    inverse(&p, spectra[0], FRAMES, want);
    avsound_context *context;
    avsn_istft *istft;
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_istft_create(context, &p, &istft));
    for (int round = 0; round < 3; round++) {
        for (int j = 0; j < FRAMES; j++)
            avsn_istft_push(istft, spectra[j], got + 10 * j);
        avsn_istft_finish(istft, got + 10 * FRAMES);
        ck_assert_mem_eq(got, want, sizeof want);
        memset(got, 0, sizeof got);
        if (round == 1) {
            avsn_istft_push(istft, spectra[3], got);
            avsn_istft_reset(istft);
        }
    }
    avsn_istft_free(istft);
    avsound_context_free(context);
}
END_TEST

/* The same stretch of sound has the same spectra, whatever call it came with. */
START_TEST(overlapping_stretches_share_their_frames)
{
    const avsn_stft_params p = {.window = 60, .hop = 15, .fft = 64};
    enum { BINS = 33, FRAMES = 9 };
    float x[8 * 15 + 60], all[FRAMES][2 * BINS], some[4][2 * BINS];
    fill_noise(x, (int64_t)AVSN_ARRAY_COUNT(x), 2);
    forward(&p, x, FRAMES, all[0]);
    forward(&p, x + 3 * 15, 4, some[0]);
    ck_assert_mem_eq(some, all[3], sizeof some);
}
END_TEST

START_TEST(constant_and_silence_have_known_levels)
{
    const avsn_stft_params p = default_params();
    avsn_polar_params polar;
    avsn_polar_params_default(&polar);
    static float x[1344], spectrum[2 * 1025];
    float decibel[1025], phase[1025];
    for (int n = 0; n < 1344; n++)
        x[n] = 1;
    forward(&p, x, 1, spectrum);
    ck_assert_double_eq_tol(spectrum[0], 672, 1e-3); /* the window's sum */
    avsn_polar_from_complex(&polar, spectrum, 1025, decibel, phase);
    ck_assert_double_eq_tol(decibel[0], 56.5474, 5e-5);
    avsn_polar_normalise(&polar, 1025, decibel, phase);
    ck_assert_double_eq_tol(decibel[0], 0.739415, 1e-6);
    memset(x, 0, sizeof x);
    forward(&p, x, 1, spectrum);
    avsn_polar_from_complex(&polar, spectrum, 1025, decibel, phase);
    for (int k = 0; k < 1025; k++)
        ck_assert_double_eq_tol(decibel[k], -100, 1e-5);
    avsn_polar_normalise(&polar, 1025, decibel, phase);
    for (int k = 0; k < 1025; k++)
        ck_assert_double_eq_tol(decibel[k], -1, 1e-6);
}
END_TEST

START_TEST(polar_form_agrees_with_the_definition)
{
    enum { COUNT = 4000 };
    static float spectrum[2 * COUNT], decibel[COUNT], phase[COUNT], back[2 * COUNT];
    avsn_polar_params p;
    avsn_polar_params_default(&p);
    for (int k = 0; k < COUNT; k++) { /* magnitudes from 1e-6 to 1e6, all angles */
        const double magnitude = pow(10, -6 + 12. * k / COUNT), angle = 2.39996 * k;
        spectrum[2 * k] = (float)(magnitude * cos(angle));
        spectrum[2 * k + 1] = (float)(magnitude * sin(angle));
    }
    avsn_polar_from_complex(&p, spectrum, COUNT, decibel, phase);
    for (int k = 0; k < COUNT; k++) {
        const double magnitude = hypot(spectrum[2 * k], spectrum[2 * k + 1]);
        ck_assert_double_eq_tol(decibel[k], 20 * log10(fmax(1e-5, magnitude)), 2e-5);
        ck_assert_double_eq_tol(phase[k], atan2(spectrum[2 * k + 1], spectrum[2 * k]), 4e-7);
    }
    avsn_polar_to_complex(decibel, phase, COUNT, back);
    for (int k = 0; k < COUNT; k++) {
        const double magnitude = pow(10, (double)decibel[k] / 20);
        ck_assert_double_eq_tol(back[2 * k] / magnitude, cos(phase[k]), 2e-6);
        ck_assert_double_eq_tol(back[2 * k + 1] / magnitude, sin(phase[k]), 2e-6);
    }
}
END_TEST

START_TEST(normalisation_is_linear_and_undone)
{
    avsn_polar_params p;
    avsn_polar_params_default(&p);
    float decibel[] = {-100, 80, -10, 170, -190}, phase[] = {-3.14159265f, 3.14159265f, 0, 1.57079633f, 6.2831853f};
    const double levels[] = {-1, 1, 0, 2, -2}, turns[] = {-1, 1, 0, 0.5, 2};
    const double want_decibel[] = {-100, 80, -10, 170, -190}, want_phase[] = {-pi, pi, 0, pi / 2, 2 * pi};
    avsn_polar_normalise(&p, 5, decibel, phase);
    for (int k = 0; k < 5; k++) {
        ck_assert_double_eq_tol(decibel[k], levels[k], 3e-7);
        ck_assert_double_eq_tol(phase[k], turns[k], 3e-7);
    }
    avsn_polar_denormalise(&p, 5, decibel, phase);
    for (int k = 0; k < 5; k++) {
        ck_assert_double_eq_tol(decibel[k], want_decibel[k], 5e-5);
        ck_assert_double_eq_tol(phase[k], want_phase[k], 1e-6);
    }
    p.low = -80;
    p.high = 20;
    decibel[0] = -55;
    avsn_polar_normalise(&p, 1, decibel, phase);
    ck_assert_double_eq_tol(decibel[0], -0.5, 1e-7);
}
END_TEST

START_TEST(impossible_parameters_are_refused)
{
    avsn_stft_params p = default_params();
    p.fft = 2046;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_UNSUPPORTED, "stft: fft is 2046");
    p.fft = 65536;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "stft: fft is 65536");
    p = default_params();
    p.window = 2049;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "window is 2049");
    p = default_params();
    p.hop = 1345;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "hop is 1345");
    p.hop = 0;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "hop is 0");
    p = default_params();
    p.compensated = 1;
    p.least_cover = NAN;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "least_cover");
    p.compensated = 2;
    ck_refused(avsn_stft_params_check(&p), AVSOUND_E_INVALID_ARGUMENT, "compensated is 2");
    avsn_polar_params polar = {.floor = 0, .low = -100, .high = 80};
    ck_refused(avsn_polar_params_check(&polar), AVSOUND_E_INVALID_ARGUMENT, "floor is 0");
    polar = (avsn_polar_params){.floor = 1e-5f, .low = 80, .high = 80};
    ck_refused(avsn_polar_params_check(&polar), AVSOUND_E_INVALID_ARGUMENT, "80...80 dB");
    avsn_polar_params_default(&polar);
    ck_avsound(avsn_polar_params_check(&polar));
}
END_TEST

START_TEST(refused_allocations_leave_nothing_behind)
{
    failing f;
    avsound_context *context = failing_context(&f);
    const avsn_stft_params p = default_params();
    avsn_stft *stft;
    avsn_istft *istft;
    ck_survives_refusals(&f, avsn_stft_create(context, &p, &stft), avsn_stft_free(stft));
    ck_survives_refusals(&f, avsn_istft_create(context, &p, &istft), avsn_istft_free(istft));
    avsn_stft_free(NULL);
    avsn_istft_free(NULL);
    avsound_context_free(context);
}
END_TEST

SUITE("dsp stft", frames_are_whole_windows, spectra_agree_with_the_definition, first_and_last_bin_are_real,
      inverse_agrees_with_the_definition, release_gains_one_and_a_half, compensated_inverse_gives_the_signal_back,
      frames_can_be_pushed_one_by_one, overlapping_stretches_share_their_frames,
      constant_and_silence_have_known_levels, polar_form_agrees_with_the_definition,
      normalisation_is_linear_and_undone, impossible_parameters_are_refused, refused_allocations_leave_nothing_behind)
