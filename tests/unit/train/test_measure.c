#include "suite.h"
#include "train/measure.h"

/* One place, and `audible` bins of a sound that wavers, in the middle of silence. */
static avsn_fingerprint place_with_sound(int32_t bins, int32_t audible, int32_t phase)
{
    avsn_fingerprint print = {.pictures = 3, .bins = bins};
    for (int32_t i = 0; i < print.pictures; i++)
        print.picture[i] = 0x2737377343071f4bu;
    for (int32_t i = 0; i < audible; i++)
        print.bin[(bins - audible) / 2 + i] = (uint8_t)(40 + (i + phase) * 7 % 20);
    return print;
}

START_TEST(one_sound_of_one_place_is_the_same)
{
    const avsn_fingerprint a = place_with_sound(60, 40, 0), b = place_with_sound(60, 40, 0);
    ck_assert(avsn_fingerprint_same(&a, &b));
}
END_TEST

/* Silence before and after agrees of itself; over all sixty stretches these two correlate by 0.97. */
START_TEST(other_sounds_between_like_silences_are_not)
{
    const avsn_fingerprint a = place_with_sound(60, 40, 0), b = place_with_sound(60, 40, 9);
    ck_assert(!avsn_fingerprint_same(&a, &b));
}
END_TEST

START_TEST(a_word_in_silence_is_too_little_to_tell)
{
    const avsn_fingerprint a = place_with_sound(60, 39, 0), b = place_with_sound(60, 39, 0);
    ck_assert(!avsn_fingerprint_same(&a, &b));
}
END_TEST

SUITE("train.measure", one_sound_of_one_place_is_the_same, other_sounds_between_like_silences_are_not,
      a_word_in_silence_is_too_little_to_tell)
