#include "suite.h"

#include "dsp/waveform.h"

START_TEST(companding_has_the_published_values)
{
    const float x[] = {0.001f, 0.01f, 0.1f, 0.5f, 1, 0, -0.1f, -1};
    const double want[] = {0.0409609, 0.2284774, 0.5909901, 0.8757031, 1, 0, -0.5909901, -1};
    float out[8];
    avsn_compand(x, 8, out);
    for (int i = 0; i < 8; i++)
        ck_assert_double_eq_tol(out[i], want[i], 1e-7);
}
END_TEST

START_TEST(companding_agrees_with_the_definition)
{
    enum { COUNT = 3001 };
    float x[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)pow(10, -9 + 9.5 * i / COUNT); /* up to 3 */
    avsn_compand(x, COUNT, out);
    for (int i = 0; i < COUNT; i++) {
        const double want = log1p(255 * (double)x[i]) / log(256);
        ck_assert_double_eq_tol(out[i], want, 4e-7 * want);
    }
    for (int i = 0; i < COUNT; i++)
        x[i] = -x[i];
    avsn_compand(x, COUNT, x); /* in place, and odd */
    for (int i = 0; i < COUNT; i++)
        ck_assert(x[i] == -out[i]);
}
END_TEST

/* A channel of RMS 0.2 beside silence and one too quiet to be brought up all the way. */
START_TEST(channels_are_normalised_each_by_itself)
{
    enum { COUNT = 1001 };
    float x[3][COUNT];
    const float target = 0.1414214f;
    for (int i = 0; i < COUNT; i++) {
        x[0][i] = i % 2 ? 0.2f : -0.2f;
        x[1][i] = 0;
        x[2][i] = i % 3 ? 1e-5f : -1e-5f;
    }
    ck_assert_double_eq_tol(avsn_rms_gain(x[0], COUNT, target, 1e-4f), 0.7071068, 2e-7);
    ck_assert_double_eq_tol(avsn_rms_gain(x[1], COUNT, target, 1e-4f), 1414.214, 1e-3);
    avsn_rms_normalise(x[0], 3, COUNT, target, 1e-4f);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_double_eq_tol(fabsf(x[0][i]), target, 1e-7);
        ck_assert(x[1][i] == 0);
        ck_assert_double_eq_tol(x[2][i], i % 3 ? 0.01414214 : -0.01414214, 1e-7);
    }
}
END_TEST

/* Halves of 0.1 and 0.7: the mean square is 0.25. */
START_TEST(sums_are_exact_for_many_samples)
{
    enum { COUNT = 1 << 20 };
    static float x[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = i < COUNT / 2 ? 0.1f : -0.7f;
    const double want = COUNT / 2 * ((double)0.1f * (double)0.1f + (double)0.7f * (double)0.7f);
    ck_assert_double_eq_tol(avsn_sum_of_squares(x, COUNT), want, 1e-10 * want);
    ck_assert_double_eq_tol(avsn_rms_gain(x, COUNT, 0.1f, 1e-4f), 0.2, 1e-7);
    for (int count = 0; count < 20; count++)
        ck_assert_double_eq_tol(avsn_sum_of_squares(x, count), 0.01 * count, 1e-8);
    ck_assert_double_eq_tol(avsn_rms_gain(x, 0, 0.1f, 1e-4f), 1000, 1e-3);
}
END_TEST

SUITE("dsp waveform", companding_has_the_published_values, companding_agrees_with_the_definition,
      channels_are_normalised_each_by_itself, sums_are_exact_for_many_samples)
