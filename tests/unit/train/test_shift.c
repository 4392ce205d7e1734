#include "suite.h"

#include "base/rng.h"
#include "train/shift.h"

/* Counts every pair of starts: those in range once, all others never. */
static void ck_bijection(int64_t starts, int64_t least, int64_t most)
{
    const avsn_shift_range r = {starts, least, most};
    ck_avsound(avsn_shift_range_check(&r));
    unsigned char *seen = calloc((size_t)(starts * starts), 1);
    const int64_t count = avsn_shift_count(&r);
    int64_t outside = 0, wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        const avsn_shift s = avsn_shift_at(&r, i);
        if (s.frame < 0 || s.frame >= starts || s.audio_frame < 0 || s.audio_frame >= starts)
            outside++;
        else
            seen[s.frame * starts + s.audio_frame]++;
    }
    for (int64_t a = 0; a < starts; a++)
        for (int64_t b = 0; b < starts; b++) {
            const int64_t apart = a > b ? a - b : b - a;
            wrong += seen[a * starts + b] != (apart >= least && apart <= most);
        }
    ck_assert_msg(!outside && !wrong, "%d starts, %d...%d: %d pairs outside, %d not once", (int)starts, (int)least,
                  (int)most, (int)outside, (int)wrong);
    free(seen);
}

START_TEST(there_are_12656_pairs)
{
    avsn_shift_range r;
    avsn_shift_range_default(&r);
    ck_assert_int_eq(avsn_shift_count(&r), 12656);
    ck_assert_int_eq(r.least, 65);
    ck_assert_int_eq(r.most, 176);
    ck_bijection(r.starts, r.least, r.most);
}
END_TEST

START_TEST(every_pair_of_any_range_once)
{
    for (int64_t starts = 2; starts < 12; starts++)
        for (int64_t least = 1; least < starts; least++)
            for (int64_t most = least; most < starts; most++)
                ck_bijection(starts, least, most);
    ck_bijection(177, 8, 30); /* hard ones */
}
END_TEST

/* The first and last words draw the first and last pairs; random ones hit shift d in proportion to 177 - d, mean 3.40
 * s. */
START_TEST(words_draw_all_pairs_alike)
{
    avsn_shift_range r;
    avsn_shift_range_default(&r);
    const avsn_shift first = avsn_shift_draw(&r, 0), last = avsn_shift_draw(&r, UINT64_MAX);
    const avsn_shift at_first = avsn_shift_at(&r, 0), at_last = avsn_shift_at(&r, 12655);
    ck_assert(first.frame == at_first.frame && first.audio_frame == at_first.audio_frame);
    ck_assert(last.frame == at_last.frame && last.audio_frame == at_last.audio_frame);
    enum { DRAWS = 200000 };
    static int hits[177];
    double sum = 0, later = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const uint64_t word = avsn_rng_below(3, 4, i, (uint64_t)1 << 32) << 32 |
                              avsn_rng_below(3, 5, i, (uint64_t)1 << 32);
        const avsn_shift s = avsn_shift_draw(&r, word);
        const int64_t shift = s.audio_frame - s.frame;
        hits[shift < 0 ? -shift : shift]++;
        sum += (double)(shift < 0 ? -shift : shift);
        later += shift > 0;
    }
    double chi = 0;
    for (int d = 65; d <= 176; d++) {
        const double want = DRAWS * 2. * (177 - d) / 12656;
        chi += (hits[d] - want) * (hits[d] - want) / want;
    }
    ck_assert_double_lt(chi, 111 + 5 * sqrt(2 * 111)); /* 111 degrees of freedom, five standard deviations */
    ck_assert_double_eq_tol(sum / DRAWS, 102, 0.5);
    ck_assert_double_eq_tol(later / DRAWS, 0.5, 5 * 0.5 / sqrt(DRAWS));
}
END_TEST

START_TEST(wide_ranges_do_not_overflow)
{
    const int64_t starts = (int64_t)1 << 31;
    const avsn_shift_range r = {starts, 1, starts - 1};
    ck_avsound(avsn_shift_range_check(&r));
    ck_assert_int_eq(avsn_shift_count(&r), starts * (starts - 1));
    const avsn_shift last = avsn_shift_draw(&r, UINT64_MAX);
    ck_assert(last.frame == starts - 1 && last.audio_frame == 0);
}
END_TEST

START_TEST(impossible_ranges_are_refused)
{
    static const avsn_shift_range bad[] = {{177, 0, 5}, {177, 6, 5}, {177, 5, 177}, {((int64_t)1 << 31) + 1, 1, 2},
                                         {0, 1, 1}};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(bad); i++)
        ck_refused(avsn_shift_range_check(&bad[i]), AVSOUND_E_INVALID_ARGUMENT, "shifts: ");
}
END_TEST

SUITE("train shift", there_are_12656_pairs, every_pair_of_any_range_once, words_draw_all_pairs_alike,
      wide_ranges_do_not_overflow, impossible_ranges_are_refused)
