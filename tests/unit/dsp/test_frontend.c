#include "suite.h"

#include "dsp/frontend.h"

START_TEST(defaults_are_those_of_the_correspondence_networks)
{
    avsn_audio_frontend audio;
    avsn_audio_frontend_default(&audio);
    ck_avsound(avsn_audio_frontend_check(&audio));
    ck_assert_int_eq(avsn_audio_frontend_bins(&audio), 257);
    ck_assert_int_eq(audio.columns, 200);
    ck_assert_int_eq(avsn_audio_frontend_samples(&audio), 48000);
    avsn_image_frontend image;
    avsn_image_frontend_default(&image);
    ck_avsound(avsn_image_frontend_check(&image));
    ck_assert_int_eq(image.width, 224);
    ck_assert_int_eq(image.height, 224);
}
END_TEST

START_TEST(openl3_front_ends_are_accepted)
{
    avsn_audio_frontend f = {.sample_rate = 48000,
                             .window = 512,
                             .hop = 242,
                             .fft = 512,
                             .columns = 197,
                             .floor = 1e-10f,
                             .range = 80,
                             .std = 1};
    ck_avsound(avsn_audio_frontend_check(&f));
    f.window = f.fft = 2048;
    f.columns = 199;
    f.mel_bands = 256;
    f.mel_high = 24000;
    ck_avsound(avsn_audio_frontend_check(&f));
    ck_assert_int_eq(avsn_audio_frontend_bins(&f), 256);
}
END_TEST

/* Sets one field of the default front end and expects a refusal that names it. */
#define AUDIO_REFUSED(field, value, code)                         \
    do {                                                          \
        avsn_audio_frontend f_;                                   \
        avsn_audio_frontend_default(&f_);                         \
        f_.field = (value);                                       \
        ck_refused(avsn_audio_frontend_check(&f_), code, #field); \
    } while (0)

START_TEST(audio_numbers_nothing_can_be_computed_with)
{
    const avsound_status invalid = AVSOUND_E_INVALID_ARGUMENT;
    AUDIO_REFUSED(sample_rate, 0, invalid);
    AUDIO_REFUSED(sample_rate, INT32_MIN, invalid);
    AUDIO_REFUSED(fft, 0, invalid);
    AUDIO_REFUSED(fft, INT32_MAX, invalid);
    AUDIO_REFUSED(fft, 514, AVSOUND_E_UNSUPPORTED);
    AUDIO_REFUSED(fft, 500, AVSOUND_E_UNSUPPORTED);
    AUDIO_REFUSED(fft, 1764, AVSOUND_E_UNSUPPORTED);
    AUDIO_REFUSED(window, 1, invalid);
    AUDIO_REFUSED(window, 513, invalid);
    AUDIO_REFUSED(hop, 0, invalid);
    AUDIO_REFUSED(hop, 481, invalid);
    AUDIO_REFUSED(columns, 0, invalid);
    AUDIO_REFUSED(columns, INT32_MAX, invalid);
    AUDIO_REFUSED(offset, 1, invalid);
    AUDIO_REFUSED(offset, -241, invalid);
    AUDIO_REFUSED(power, 2, invalid);
    AUDIO_REFUSED(normalise, -1, invalid);
    AUDIO_REFUSED(mel_bands, -1, invalid);
    AUDIO_REFUSED(mel_bands, 258, invalid);
    AUDIO_REFUSED(floor, 0, invalid);
    AUDIO_REFUSED(floor, NAN, invalid);
    AUDIO_REFUSED(floor, INFINITY, invalid);
    AUDIO_REFUSED(range, -1, invalid);
    AUDIO_REFUSED(range, NAN, invalid);
    AUDIO_REFUSED(mean, NAN, invalid);
    AUDIO_REFUSED(mean, -INFINITY, invalid);
    AUDIO_REFUSED(std, 0, invalid);
    AUDIO_REFUSED(std, -1, invalid);
    AUDIO_REFUSED(std, NAN, invalid);
}
END_TEST

START_TEST(mel_edges_must_be_in_order_and_below_half_the_rate)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    f.mel_bands = 64;
    ck_avsound(avsn_audio_frontend_check(&f));
    f.mel_high = 24001;
    ck_refused(avsn_audio_frontend_check(&f), AVSOUND_E_INVALID_ARGUMENT, "mel_high is 24001");
    f.mel_high = f.mel_low = 300;
    ck_refused(avsn_audio_frontend_check(&f), AVSOUND_E_INVALID_ARGUMENT, "mel_low");
    f.mel_low = NAN;
    ck_refused(avsn_audio_frontend_check(&f), AVSOUND_E_INVALID_ARGUMENT, "mel_low");
    f.mel_bands = 0; /* not looked at */
    ck_avsound(avsn_audio_frontend_check(&f));
}
END_TEST

#define IMAGE_REFUSED(field, value, words)                                             \
    do {                                                                               \
        avsn_image_frontend f_;                                                        \
        avsn_image_frontend_default(&f_);                                              \
        f_.field = (value);                                                            \
        ck_refused(avsn_image_frontend_check(&f_), AVSOUND_E_INVALID_ARGUMENT, words); \
    } while (0)

START_TEST(image_numbers_nothing_can_be_computed_with)
{
    IMAGE_REFUSED(width, 0, "width");
    IMAGE_REFUSED(height, -5, "height");
    IMAGE_REFUSED(height, 1000000, "height");
    IMAGE_REFUSED(short_side, 223, "short_side is 223, want 224");
    IMAGE_REFUSED(cell, 0, "cell");
    IMAGE_REFUSED(mean[1], NAN, "mean");
    IMAGE_REFUSED(std[2], 0, "std");
}
END_TEST

SUITE("dsp frontend", defaults_are_those_of_the_correspondence_networks, openl3_front_ends_are_accepted,
      audio_numbers_nothing_can_be_computed_with, mel_edges_must_be_in_order_and_below_half_the_rate,
      image_numbers_nothing_can_be_computed_with)
