#include "suite.h"

#include "dsp/windows.h"

static const avsn_pace pace = {29.97, 21000};

START_TEST(clips_have_the_published_sizes)
{
    ck_assert_int_eq(avsn_pace_frames(&pace, 4.2), 125);
    ck_assert_int_eq(avsn_pace_frames(&pace, 2.135), 63);
    ck_assert_int_eq(avsn_pace_frames(&pace, 10.1), 302);
    ck_assert_int_eq(avsn_pace_frames(&pace, 5), 149);
    ck_assert_int_eq(avsn_pace_sample(&pace, 125), 87588);
    ck_assert_int_eq(avsn_pace_sample(&pace, 63), 44144);
    ck_assert_int_eq(avsn_pace_sample(&pace, 248), 173774);
    ck_assert_int_eq(avsn_pace_sample(&pace, 494), 346146);
    ck_assert_int_eq(avsn_pace_whole_samples(&pace, 125), 87587);
    ck_assert_int_eq(avsn_pace_whole_samples(&pace, 63), 44144);
}
END_TEST

START_TEST(halves_round_to_the_even_number)
{
    static const double x[] = {0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 2.51, -2.51, 7, -7,
                               4503599627370495.5};
    static const int64_t want[] = {0, 2, 2, 0, -2, -2, 0, 3, -3, 7, -7, 4503599627370496};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(x); i++)
        ck_assert_int_eq(avsn_round_half_even(x[i]), want[i]);
    const avsn_pace even = {2, 25}; /* 12.5 samples a frame */
    ck_assert_int_eq(avsn_pace_sample(&even, 1), 12);
    ck_assert_int_eq(avsn_pace_sample(&even, 3), 38);
}
END_TEST

/* Every frame's own start is on that frame, though k / 29.97 * 29.97 is now and then below k. */
START_TEST(frame_boundaries_stay_on_their_frame)
{
    int wrong = 0;
    for (int64_t k = 0; k < 200000; k++) {
        wrong += avsn_pace_frame_at(&pace, (double)k / 29.97) != k;
        wrong += avsn_pace_frame_at(&pace, ((double)k + 0.99) / 29.97) != k;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(durations_of_the_release)
{
    static const struct {
        double multiple, seconds;
        int64_t frames, columns;
    } want[] = {{1, 2.12, 63, 128}, {2, 4.176, 125, 256}, {4, 8.288, 248, 512}, {8, 16.512, 494, 1024}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(want); i++) {
        const double seconds = avsn_release_seconds(want[i].multiple);
        ck_assert_double_eq_tol(seconds, want[i].seconds, 1e-12);
        ck_assert_int_eq(avsn_pace_frames(&pace, seconds), want[i].frames);
        ck_assert_int_eq(avsn_release_columns(seconds), want[i].columns);
    }
    ck_assert_int_eq(avsn_release_columns(2.135), 128);
}
END_TEST

START_TEST(release_list_goes_by_half_windows)
{
    avsn_clip_window w[16];
    avsn_release_list l = {pace, 2.135, 0, 2.145, 1000000};
    ck_assert_int_eq(avsn_release_windows(&l, w, 16), 1); /* just one in its duration and 0.01 s */
    ck_assert(w[0].frame == 0 && w[0].frames == 63 && w[0].sample == 0 && w[0].samples == 44144);
    l.span = 10;
    l.start = 1.01; /* frame 30.27 */
    ck_assert_int_eq(avsn_release_windows(&l, w, 16), 8); /* j 1.0675 < 7.865 */
    for (int j = 0; j < 8; j++) {
        const int64_t frame = (int64_t)(30 + j * 1.0675 * 29.97); /* 31.99... frames a step */
        ck_assert_int_eq(w[j].frame, frame);
        ck_assert_int_eq(w[j].sample, llround((double)frame * 21000 / 29.97));
    }
    ck_assert_int_eq(avsn_release_windows(&l, w, 0), 8);
    l.samples = w[5].sample + 44144; /* the sixth just fits */
    ck_assert_int_eq(avsn_release_windows(&l, w, 16), 6);
    l.samples--;
    ck_assert_int_eq(avsn_release_windows(&l, w, 16), 5);
    l.seconds = 0.01; /* not a frame */
    ck_assert_int_eq(avsn_release_windows(&l, w, 16), 0);
}
END_TEST

/* A second window must not touch what the first has written: samples 0...44015. */
START_TEST(first_writer_wins)
{
    static float first[44016], second[44016], recording[80000];
    for (int i = 0; i < 44016; i++) {
        first[i] = 0.25f;
        second[i] = i % 2 ? -3 : 3;
    }
    const avsn_clip_window a = {0, 63, 0, 44144}, b = {31, 63, 21722, 44144}, c = {100, 63, 70070, 44144};
    int64_t filled = avsn_release_join(&a, first, 44016, 0, recording, 80000);
    ck_assert_int_eq(filled, 44016);
    filled = avsn_release_join(&b, second, 44016, filled, recording, 80000);
    ck_assert_int_eq(filled, 21722 + 44016);
    filled = avsn_release_join(&c, first, 44016, filled, recording, 80000);
    ck_assert_int_eq(filled, 80000);
    int wrong = 0;
    for (int i = 0; i < 80000; i++) {
        const float clipped = (i - 21722) % 2 ? -1 : 1;
        wrong += recording[i] != (i < 44016 ? 0.25f : i < 65738 ? clipped : i < 70070 ? 0 : 0.25f);
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(avsn_release_join(&c, first, 44016, 10, recording, 60000), 60000);
}
END_TEST

/* The sum of all windows' weights at every sample of recordings of any length, and that they keep clear of the
 * guards. */
static void ck_partition(const avsn_windows *w)
{
    ck_avsound(avsn_windows_check(w));
    const int64_t count = avsn_windows_count(w);
    float *weights = malloc((size_t)w->output * sizeof *weights), *ones = malloc((size_t)w->output * sizeof *ones);
    float *sum = calloc((size_t)w->samples, sizeof *sum);
    int64_t bad = 0;
    for (int64_t i = 0; i < w->output; i++)
        ones[i] = 1;
    avsn_clip_window last = {0};
    for (int64_t j = 0; j < count; j++) {
        avsn_clip_window at;
        avsn_windows_at(w, j, &at);
        bad += at.frames != w->frames || at.sample != avsn_pace_sample(&w->pace, at.frame);
        bad += j ? at.frame <= last.frame || at.frame > last.frame + w->step : at.frame != 0;
        avsn_windows_weights(w, j, weights);
        for (int64_t i = 0; i < w->output; i++) {
            const bool guarded = (j > 0 && i < w->guard) || (j < count - 1 && i >= w->output - w->guard);
            bad += !(weights[i] >= 0 && weights[i] <= 1) || (guarded && weights[i] != 0);
        }
        avsn_windows_add(w, j, weights, ones, 0, w->samples / 2, sum); /* in two stretches */
        avsn_windows_add(w, j, weights, ones, w->samples / 2, w->samples - w->samples / 2, sum + w->samples / 2);
        last = at;
    }
    double worst = 0;
    for (int64_t i = 0; i < w->samples; i++)
        worst = fmax(worst, fabs(sum[i] - 1.));
    /* a window less at the end would leave samples out */
    bad += count > 1 && last.sample + w->output < w->samples;
    bad += count > 1 && avsn_pace_sample(&w->pace, last.frame - 1) + w->output >= w->samples;
    ck_assert_msg(!bad && worst <= 3e-7, "%d samples, step %d, guard %d, %d windows: sum off by %g, %d wrong",
                  (int)w->samples, (int)w->step, (int)w->guard, (int)count, worst, (int)bad);
    free(weights);
    free(ones);
    free(sum);
}

START_TEST(weights_sum_to_one_for_any_length)
{
    static const int64_t lengths[] = {1,     100,   44015, 44016, 44017, 44144, 44717, 65000,
                                      65738, 65739, 66439, 88888, 130001, 210000};
    static const int64_t steps[] = {10, 31, 40, 60}, guards[] = {0, 336, 900};
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(lengths); n++)
        for (size_t s = 0; s < AVSN_ARRAY_COUNT(steps); s++) {
            const avsn_windows w = {pace, 63, steps[s], 44016, guards[n % 3], lengths[n]};
            ck_partition(&w);
        }
    for (int64_t samples = 1; samples < 700; samples++) { /* small ones, as tight as may be */
        const avsn_windows w = {{10, 103}, 7, 5, 70, (70 - 53) / 2, samples};
        ck_partition(&w);
    }
}
END_TEST

/* However long the recording is, the windows but for the last are at the same places. */
START_TEST(only_the_last_window_knows_the_length)
{
    for (int64_t samples = 50000; samples < 300000; samples += 7001) {
        const avsn_windows w = {pace, 63, 31, 44016, 336, samples};
        const int64_t count = avsn_windows_count(&w);
        for (int64_t j = 0; j < count - 1; j++) {
            avsn_clip_window at;
            avsn_windows_at(&w, j, &at);
            ck_assert_int_eq(at.frame, 31 * j);
        }
    }
}
END_TEST

/* In the middle between two windows both count half. */
START_TEST(neighbours_fade_as_a_raised_cosine)
{
    const avsn_windows w = {{1, 100}, 2, 1, 200, 20, 300};
    ck_assert_int_eq(avsn_windows_count(&w), 2);
    static float first[200], second[200];
    avsn_windows_weights(&w, 0, first);
    avsn_windows_weights(&w, 1, second);
    for (int n = 0; n < 100; n++) { /* sample 100 + n: the fade goes over n = 20...79 */
        const double in = n < 20 ? 0 : n >= 80 ? 1 : pow(sin(3.14159265358979 / 2 * (n - 20 + 0.5) / 60), 2);
        ck_assert_double_eq_tol(second[n], in, 1e-6);
        ck_assert_double_eq_tol(first[100 + n], 1 - in, 1e-6);
    }
}
END_TEST

START_TEST(windows_that_leave_gaps_are_refused)
{
    const avsn_windows good = {pace, 63, 31, 44016, 336, 100000};
    ck_avsound(avsn_windows_check(&good));
    avsn_windows w = good;
    w.step = 63; /* 44144 samples apart, 44016 come back */
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "output is 44016");
    w.step = 64;
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "step is 64");
    w = good;
    w.guard = 20000;
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "guard is 20000");
    w = good;
    w.output = 44145;
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "output is 44145");
    w = good;
    w.samples = 0;
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "0 samples");
    w = good;
    w.pace.frame_rate = NAN;
    ck_refused(avsn_windows_check(&w), AVSOUND_E_INVALID_ARGUMENT, "frames and 21000 samples");
}
END_TEST

SUITE("dsp windows", clips_have_the_published_sizes, halves_round_to_the_even_number,
      frame_boundaries_stay_on_their_frame, durations_of_the_release, release_list_goes_by_half_windows,
      first_writer_wins, weights_sum_to_one_for_any_length, only_the_last_window_knows_the_length,
      neighbours_fade_as_a_raised_cosine, windows_that_leave_gaps_are_refused)
