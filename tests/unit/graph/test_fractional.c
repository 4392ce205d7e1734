#include "suite.h"

#include "base/rng.h"
#include "graph/fractional.h"

/* Widths as text, one digit a window, or separated by commas where one has two digits. */
static void ck_widths(int64_t length, int64_t outputs, const char *want)
{
    int64_t boundaries[64];
    char widths[256] = "", *end = widths;
    ck_avsound(avsn_fractional_boundaries(length, outputs, boundaries));
    const bool long_ones = length / outputs > 8;
    for (int64_t i = 0; i < outputs; i++)
        end += sprintf(end, "%s%d", long_ones && i ? "," : "", (int)(boundaries[i + 1] - boundaries[i]));
    ck_assert_str_eq(widths, want);
    ck_assert_int_eq(boundaries[0], 0);
    ck_assert_int_eq(boundaries[outputs], length);
}

/* What the released op does to clips of 63, 125 and 248 frames, and to 125 at a quarter of the rate. */
START_TEST(windows_are_those_of_the_release)
{
    ck_widths(44, 16, "3233323332333233");
    ck_widths(86, 32, "32332332332332333233233233233233");
    ck_widths(170, 62, "32333233233323332333233323332333233323323332333233323332333233");
    ck_widths(86, 8, "11,10,11,11,11,10,11,11");
}
END_TEST

/* The op's own words: a generator whose key and counter come from the two seeds, 52 of its bits as a fraction. */
static double first_double(void)
{
    const uint32_t key[2] = {1, 0}, counter[4] = {0, 0, 2, 0};
    uint32_t x[4];
    avsn_philox(key, counter, x);
    return (double)((uint64_t)(x[0] & 0xfffff) << 32 | x[1]) * 0x1p-52;
}

/* The offset is that double times the largest one allowed. Every boundary b bounds it from both sides,
 * b < ratio (i + offset) <= b + 1, and a hundred thousand of them leave little room. */
START_TEST(offset_is_the_generators_first_double)
{
    const double u = first_double();
    ck_assert_double_eq_tol(u, 0.2511744980841868, 1e-16);
    static int64_t boundaries[100001];
    const int64_t lengths[] = {100001, 149999, 199999, 250001, 299993};
    for (size_t n = 0; n < AVSN_ARRAY_COUNT(lengths); n++) {
        const int64_t length = lengths[n], outputs = 100000, k = length / outputs;
        ck_avsound(avsn_fractional_boundaries(length, outputs, boundaries));
        const long double ratio = (long double)length / outputs;
        const long double largest = fminl((k + 2) / ratio - 1, (length + 1 - k) / ratio - (outputs - 1));
        long double low = 0, high = 10;
        for (int64_t i = 1; i < outputs; i++) {
            low = fmaxl(low, boundaries[i] / ratio - i);
            high = fminl(high, (boundaries[i] + 1) / ratio - i);
        }
        ck_assert_msg(low - 1e-9L <= u * largest && u * largest <= high + 1e-9L,
                      "%d rows: offset in %Lg...%Lg, want %Lg", (int)length, low, high, u * largest);
        ck_assert_double_lt((double)(high - low), 2e-5);
    }
}
END_TEST

START_TEST(every_window_has_k_rows_or_one_more)
{
    int64_t boundaries[201];
    for (int64_t length = 1; length <= 200; length++)
        for (int64_t outputs = 1; outputs <= length; outputs++) {
            ck_avsound(avsn_fractional_boundaries(length, outputs, boundaries));
            const int64_t k = length / outputs;
            int64_t longer = 0, others = boundaries[0] != 0;
            for (int64_t i = 0; i < outputs; i++) {
                const int64_t rows = boundaries[i + 1] - boundaries[i];
                longer += rows == k + 1;
                others += rows != k && rows != k + 1;
            }
            ck_assert_msg(!others && longer == length % outputs, "%d rows to %d: %d windows of %d, %d of other widths",
                          (int)length, (int)outputs, (int)longer, (int)k + 1, (int)others);
        }
}
END_TEST

START_TEST(impossible_pools_are_refused)
{
    int64_t boundaries[2] = {7, 7};
    ck_refused(avsn_fractional_boundaries(5, 6, boundaries), AVSOUND_E_SHAPE, "5 rows to 6");
    ck_refused(avsn_fractional_boundaries(5, 0, boundaries), AVSOUND_E_SHAPE, "5 rows to 0");
    ck_refused(avsn_fractional_boundaries(0, 0, boundaries), AVSOUND_E_SHAPE, "0 rows to 0");
    ck_refused(avsn_fractional_boundaries((int64_t)1 << 31, 1, boundaries), AVSOUND_E_SHAPE, "2147483648 rows");
    ck_assert_int_eq(boundaries[0], 7);
}
END_TEST

/* ---- drawn ---- */

START_TEST(drawn_windows_have_the_same_widths)
{
    float boundaries[33], again[33];
    for (uint64_t draw = 0; draw < 200; draw++) {
        int64_t longer = 0;
        avsn_fractional_draw(7, draw, 86, 32, boundaries);
        avsn_fractional_draw(7, draw, 86, 32, again);
        ck_assert_mem_eq(boundaries, again, sizeof boundaries);
        for (int i = 0; i < 32; i++) {
            const int64_t rows = (int64_t)boundaries[i + 1] - (int64_t)boundaries[i];
            ck_assert(rows == 2 || rows == 3);
            longer += rows == 3;
        }
        ck_assert_int_eq(longer, 86 % 32);
        ck_assert(boundaries[0] == 0 && boundaries[32] == 86);
        avsn_fractional_draw(8, draw, 86, 32, again);
        ck_assert(memcmp(boundaries, again, sizeof boundaries) != 0);
    }
}
END_TEST

/* 2 long windows of 5: ten orders, each as often as any other within five standard deviations. */
START_TEST(every_order_is_as_likely)
{
    enum { DRAWS = 20000 };
    int seen[32] = {0};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        float boundaries[6];
        int order = 0;
        avsn_fractional_draw(3, draw, 12, 5, boundaries);
        for (int i = 0; i < 5; i++)
            order = 2 * order + ((int)(boundaries[i + 1] - boundaries[i]) == 3);
        seen[order]++;
    }
    const double deviation = sqrt(DRAWS * 0.1 * 0.9);
    for (int order = 0; order < 32; order++) {
        const bool possible = __builtin_popcount((unsigned)order) == 2;
        ck_assert_msg(possible ? fabs(seen[order] - 0.1 * DRAWS) < 5 * deviation : !seen[order], "order %d: %d times", order,
                      seen[order]);
    }
}
END_TEST

SUITE("graph fractional", windows_are_those_of_the_release, offset_is_the_generators_first_double,
      every_window_has_k_rows_or_one_more, impossible_pools_are_refused,
      drawn_windows_have_the_same_widths, every_order_is_as_likely)
