/* Separation of recordings by networks whose results are known: what is heard follows what is seen, stems sum to the mixture,
 * nobody hears where windows meet, and the released program's way is its own. */
#include "suite.h"

#include <unistd.h>

#include "base/rng.h"
#include "models/separating.h"

enum { RATE = 21000, RATE_NUM = 30000, RATE_DEN = 1001, SIDE = 64, SEED = 5 };

static avsound_context *context;
static char wav_path[64], video_path[64];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    snprintf(wav_path, sizeof wav_path, "separate-%d.wav", (int)getpid());
    snprintf(video_path, sizeof video_path, "separate-%d.mkv", (int)getpid());
}

static void tear_down(void)
{
    remove(wav_path);
    remove(video_path);
    avsound_context_free(context);
}

/* ---- recordings ---- */

typedef struct sound {
    int32_t rate, channels;
    int64_t samples;
    double (*value)(int64_t n, int32_t channel);
} sound;

/* White noise whose level changes now and then. */
static double noise(int64_t n, int32_t channel)
{
    const double level = (n / 13000) % 3 ? 0.15 : 0.05;
    return level * (2 * avsn_rng_uniform(SEED, (uint64_t)channel, (uint64_t)n) - 1);
}

static double same_noise(int64_t n, int32_t channel)
{
    (void)channel;
    return 0.2 * (2 * avsn_rng_uniform(SEED, 0, (uint64_t)n) - 1);
}

static double silence(int64_t n, int32_t channel)
{
    (void)n;
    (void)channel;
    return 0;
}

static void put(FILE *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), f);
}

static int16_t pcm(const sound *s, int64_t n, int32_t channel)
{
    return (int16_t)lround(32767 * s->value(n, channel));
}

static void write_wav(const sound *s)
{
    const uint32_t frame = 2 * (uint32_t)s->channels, bytes = frame * (uint32_t)s->samples;
    FILE *f = fopen(wav_path, "wb");
    ck_assert_ptr_nonnull(f);
    fwrite("RIFF", 1, 4, f);
    put(f, 36 + bytes, 4);
    fwrite("WAVEfmt ", 1, 8, f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, (uint32_t)s->channels, 2);
    put(f, (uint32_t)s->rate, 4);
    put(f, frame * (uint32_t)s->rate, 4);
    put(f, frame, 2);
    put(f, 16, 2);
    fwrite("data", 1, 4, f);
    put(f, bytes, 4);
    for (int64_t n = 0; n < s->samples; n++)
        for (int32_t c = 0; c < s->channels; c++)
            put(f, (uint16_t)pcm(s, n, c), 2);
    fclose(f);
}

/* A picture that is white left of column `white` from frame `from` on, else black. */
static void write_video(int64_t frames, int64_t from, int white, const char *audio)
{
    static uint8_t pixels[3 * SIDE * SIDE];
    avsound_writer_options o;
    avsound_writer *writer;
    avsound_writer_options_init(&o, sizeof o);
    o.width = o.height = SIDE;
    o.rate_num = RATE_NUM;
    o.rate_den = RATE_DEN;
    o.quality = 95;
    o.audio_path = audio;
    ck_avsound(avsound_writer_create(context, video_path, &o, &writer));
    for (int64_t i = 0; i < frames; i++) {
        for (int p = 0; p < SIDE * SIDE; p++)
            memset(pixels + 3 * p, i >= from && p % SIDE < white ? 255 : 0, 3);
        const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = SIDE, .height = SIDE,
                                     .data = {pixels}, .stride = {3 * SIDE},
                                     .time_us = llround((double)i * RATE_DEN / RATE_NUM * 1e6)};
        ck_avsound(avsound_writer_write_frame(writer, &frame));
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
}

/* ---- results ---- */

typedef struct tracks {
    int64_t samples, results;
    int32_t padded;
    float *on, *off, *mixture;
} tracks;

static avsound_separator_options plain(int32_t flags)
{
    avsound_separator_options o;
    avsound_separator_options_init(&o, sizeof o);
    o.flags = flags;
    o.threads = 1;
    return o;
}

static void append(float **to, int64_t at, const float *from, int64_t count)
{
    *to = realloc(*to, (size_t)(at + count) * sizeof **to);
    ck_assert_ptr_nonnull(*to);
    memcpy(*to + at, from, (size_t)count * sizeof **to);
}

static tracks separate(avsound_model *model, const char *path, const avsound_separator_options *o)
{
    avsound_separator *s;
    tracks t = {0};
    ck_avsound(avsound_separator_create(model, path, o, &s));
    const int64_t expected = avsound_separator_expected(s);
    for (;;) {
        avsound_separator_result r = {.struct_size = sizeof r};
        const avsound_status status = avsound_separator_next(s, &r);
        if (status == AVSOUND_E_END)
            break;
        ck_assert_msg(!status, "%s", avsound_error_detail());
        ck_assert_int_eq(r.index, t.results++);
        ck_assert_int_eq(r.sample, t.samples);
        ck_assert_int_eq(r.sample_rate, RATE);
        ck_assert_int_eq(r.time_us, o->start_us + llround((double)r.sample / RATE * 1e6));
        append(&t.on, t.samples, r.on, r.samples);
        append(&t.off, t.samples, r.off, r.samples);
        append(&t.mixture, t.samples, r.mixture, r.samples);
        t.samples += r.samples;
        t.padded = r.padded;
    }
    ck_assert_int_eq(t.results, expected);
    avsound_separator_free(s);
    return t;
}

static void drop(tracks *t)
{
    free(t->on);
    free(t->off);
    free(t->mixture);
}

static double level(const float *x, int64_t from, int64_t to)
{
    double sum = 0;
    for (int64_t i = from; i < to; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)(to - from));
}

/* The recording's samples come out as the mixture, and what the stems sum to is that. */
static void check_mixture(const tracks *t, const sound *s, bool sums)
{
    ck_assert_int_eq(t->samples, s->samples);
    for (int64_t n = 0; n < t->samples; n++) {
        double want = 0;
        for (int32_t c = 0; c < s->channels; c++)
            want += (double)pcm(s, n, c) / 32768 / s->channels;
        ck_assert_double_eq_tol((double)t->mixture[n], want, 2e-6);
        if (sums)
            ck_assert_double_eq_tol((double)t->on[n] + (double)t->off[n], (double)t->mixture[n], 1e-7);
    }
}

/* ---- what is seen decides ---- */

START_TEST(sound_goes_where_the_pictures_send_it)
{
    const sound s = {RATE, 2, 6 * RATE + 123, noise};
    set_up();
    write_wav(&s);
    write_video(180, 90, SIDE, wav_path); /* black, then white from 3.0 s on */
    avsound_model *model = separating_model(context);
    const avsound_separator_options o = plain(AVSOUND_SEPARATE_CONSISTENT);
    tracks t = separate(model, video_path, &o);
    check_mixture(&t, &s, true);
    const int64_t dark = 2 * RATE + RATE / 2, bright = 3 * RATE + RATE / 2;
    ck_assert_double_lt(level(t.on, RATE / 10, dark), 1e-3 * level(t.mixture, RATE / 10, dark));
    ck_assert_double_lt(level(t.off, bright, 6 * RATE), 1e-3 * level(t.mixture, bright, 6 * RATE));
    for (int64_t n = bright; n < 6 * RATE; n++)
        ck_assert_double_eq_tol((double)t.on[n], (double)t.mixture[n], 1e-4);
    drop(&t);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* Seconds until the separation ends, and how it does; its detail is the thread's. */
static double separated(avsound_model *model, const avsound_separator_options *o, avsound_status *end)
{
    avsound_separator *s;
    int64_t samples = 0;
    ck_avsound(avsound_separator_create(model, video_path, o, &s));
    do {
        avsound_separator_result r = {.struct_size = sizeof r};
        *end = avsound_separator_next(s, &r);
        samples += *end ? 0 : r.samples;
    } while (!*end);
    avsound_separator_free(s);
    return (double)samples / RATE;
}

/* With more than one thread two windows are computed at a time, while the file is read on. */
START_TEST(windows_beside_each_other_change_nothing)
{
    static const int32_t flags[] = {0, AVSOUND_SEPARATE_CONSISTENT, AVSOUND_SEPARATE_COMPAT};
    const sound s = {RATE, 2, 12 * RATE + 123, noise};
    set_up();
    write_wav(&s);
    write_video(360, 90, SIDE, wav_path);
    avsound_model *model = separating_model(context);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        avsound_separator_options o = plain(flags[i]);
        tracks one = separate(model, video_path, &o);
        ck_assert_int_ge(one.results, 7);
        for (o.threads = 2; o.threads <= 4; o.threads++) {
            tracks more = separate(model, video_path, &o);
            ck_assert_int_eq(more.samples, one.samples);
            for (int64_t n = 0; n < one.samples; n++) {
                ck_assert_double_eq_tol((double)more.on[n], (double)one.on[n], 1e-5);
                ck_assert_double_eq_tol((double)more.off[n], (double)one.off[n], 1e-5);
                ck_assert(more.mixture[n] == one.mixture[n]);
            }
            drop(&more);
        }
        drop(&one);
    }
    avsound_model_free(model);
    tear_down();
}
END_TEST

START_TEST(damage_that_reading_on_meets_is_told_in_its_turn)
{
    const sound s = {RATE, 2, 8 * RATE, noise};
    avsound_status ends[2];
    char detail[256];
    set_up();
    write_wav(&s);
    write_video(240, 90, SIDE, wav_path);
    FILE *f = fopen(video_path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    fclose(f);
    ck_assert_int_eq(truncate(video_path, size * 7 / 10), 0);
    avsound_model *model = separating_model(context);
    avsound_separator_options o = plain(0);
    const double alone = separated(model, &o, &ends[0]);
    snprintf(detail, sizeof detail, "%s", avsound_error_detail());
    o.threads = 2;
    ck_assert_double_eq_tol(separated(model, &o, &ends[1]), alone, 1e-9);
    ck_assert_double_gt(alone, 3);
    ck_assert_int_eq(ends[0], AVSOUND_E_FORMAT);
    ck_assert_int_eq(ends[1], AVSOUND_E_FORMAT);
    ck_assert_str_eq(avsound_error_detail(), detail);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* White on the left: alone it is half of the picture's mean, which shares the sound out evenly; hidden, nothing is bright. */
START_TEST(what_lies_outside_the_region_is_not_seen)
{
    const sound s = {RATE, 1, 3 * RATE, noise};
    set_up();
    write_wav(&s);
    write_video(90, 0, SIDE / 2, wav_path);
    avsound_model *model = separating_model(context);
    avsound_separator_options o = plain(AVSOUND_SEPARATE_CONSISTENT);
    o.right = 0.5f;
    o.bottom = 1;
    tracks left = separate(model, video_path, &o);
    o.left = 0.5f;
    o.right = 1;
    tracks right = separate(model, video_path, &o);
    o.left = 0;
    o.right = 0.25f;
    o.bottom = 0.5f; /* an eighth of it all, a quarter of what is white */
    tracks corner = separate(model, video_path, &o);
    check_mixture(&left, &s, true);
    const int64_t from = RATE / 10, to = 29 * RATE / 10;
    const double whole = level(left.mixture, from, to);
    ck_assert_double_eq_tol(level(left.on, from, to) / whole, 0.5, 0.02);
    ck_assert_double_lt(level(right.on, from, to) / whole, 1e-3);
    ck_assert_double_lt(level(corner.on, from, to), 0.1 * level(left.on, from, to));
    drop(&left);
    drop(&right);
    drop(&corner);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* ---- seams ---- */

/* Samples around which windows of 63 frames meet: 47 frames apart, one fades into the next over what both have. */
static bool near_seam(int64_t n)
{
    const double step = 47.0 / 29.97 * RATE;
    const double in_window = fmod((double)n, step);
    return n > (int64_t)step - 336 && in_window < 44016 - step;
}

/* Energy of both kinds of stretches, 16 ms each, in `bands` bands of frequency, and their worst ratio in dB. */
static double seam_contrast(const float *x, int64_t samples)
{
    enum { PIECE = 336, BANDS = 4 };
    double energy[2][BANDS] = {{0}}, worst = 0;
    int64_t count[2] = {0};
    for (int64_t at = RATE / 5; at + PIECE < samples - RATE / 5; at += PIECE) {
        const int seam = near_seam(at) && near_seam(at + PIECE);
        if (!seam && (near_seam(at) || near_seam(at + PIECE)))
            continue;
        count[seam]++;
        for (int b = 0; b < BANDS; b++)
            for (int k = 1; k <= 12; k++) { /* single frequencies of the piece's own transform */
                double re = 0, im = 0;
                for (int i = 0; i < PIECE; i++) {
                    const double phase = 6.283185307179586 * (b * 40 + 3 * k) * i / PIECE;
                    re += (double)x[at + i] * cos(phase);
                    im += (double)x[at + i] * sin(phase);
                }
                energy[seam][b] += re * re + im * im;
            }
    }
    ck_assert_int_gt(count[0], 100);
    ck_assert_int_gt(count[1], 100);
    for (int b = 0; b < BANDS; b++)
        worst = fmax(worst, fabs(10 * log10(energy[1][b] / (double)count[1] * (double)count[0] / energy[0][b])));
    return worst;
}

/* The largest jump of level between neighbouring hops, as a share of the whole's. */
static double deepest_gap(const float *x, int64_t samples)
{
    const double whole = level(x, RATE / 5, samples - RATE / 5);
    double least = whole;
    for (int64_t at = RATE / 5; at + 100 < samples - RATE / 5; at += 50)
        least = fmin(least, level(x, at, at + 100));
    return least / whole;
}

START_TEST(nobody_hears_where_windows_meet)
{
    const sound s = {RATE, 2, 12 * RATE, same_noise};
    set_up();
    write_wav(&s);
    avsound_model *model = blind_separating_model(context, 0.2f, -0.5f);
    const avsound_separator_options corrected = plain(AVSOUND_SEPARATE_ORIGINAL_PHASE);
    const avsound_separator_options released = plain(AVSOUND_SEPARATE_ORIGINAL_PHASE | AVSOUND_SEPARATE_COMPAT);
    tracks t = separate(model, wav_path, &corrected), r = separate(model, wav_path, &released);
    check_mixture(&t, &s, false);
    printf("at seams: %.2f dB from elsewhere, deepest gap %.2f of the level; as released: deepest gap %.3f\n",
           seam_contrast(t.on, t.samples), deepest_gap(t.on, t.samples), deepest_gap(r.on, r.samples));
    ck_assert_double_lt(seam_contrast(t.on, t.samples), 1);
    ck_assert_double_lt(seam_contrast(t.off, t.samples), 1);
    ck_assert_double_gt(deepest_gap(t.on, t.samples), 0.5);
    /* and the measure sees seams where there are some */
    ck_assert_double_lt(deepest_gap(r.on, r.samples), 0.1);
    drop(&t);
    drop(&r);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* ---- masks ---- */

static double tone(int64_t n, int32_t channel)
{
    return 0.3 * sin(6.283185307179586 * (channel ? 1000.0 : 440.0) * (double)n / RATE);
}

/* One logit everywhere: the share sigmoid(0.5) of the recording and the rest of it, in the recording's phases. */
START_TEST(masks_share_what_is_heard)
{
    const sound s = {RATE, 2, 4 * RATE + 77, tone};
    const float share = 0.62245933f;
    set_up();
    write_wav(&s);
    avsound_model *model;
    ck_avsound(avsound_model_create(context, "mask-net-pit", blind_separating_config, 1, &model));
    separating_clear(model);
    separating_set(model, "mask.logits.bias", 0, 0.5f);
    const avsound_separator_options o = plain(0);
    tracks t = separate(model, wav_path, &o);
    check_mixture(&t, &s, false);
    for (int64_t n = RATE / 10; n < t.samples - RATE / 10; n++) {
        ck_assert_float_eq_tol(t.on[n], share * t.mixture[n], 1e-4f);
        ck_assert_float_eq_tol(t.off[n], (1 - share) * t.mixture[n], 1e-4f);
    }
    drop(&t);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* ---- the released program ---- */

START_TEST(compat_is_half_as_loud_again_and_the_first_window_stays)
{
    const sound one = {RATE, 2, 44144, same_noise}, more = {RATE, 2, 3 * 44144, same_noise};
    set_up();
    avsound_model *model = blind_separating_model(context, 0.2f, -0.5f);
    const avsound_separator_options compat = plain(AVSOUND_SEPARATE_ORIGINAL_PHASE | AVSOUND_SEPARATE_COMPAT);
    const avsound_separator_options corrected = plain(AVSOUND_SEPARATE_ORIGINAL_PHASE);
    write_wav(&one);
    tracks a = separate(model, wav_path, &compat);
    write_wav(&more);
    tracks b = separate(model, wav_path, &compat), c = separate(model, wav_path, &corrected);
    ck_assert_int_eq(a.samples, 44016);
    ck_assert_int_eq(a.results, 1);
    ck_assert_float_eq(a.on[0], 0);
    ck_assert_int_gt(b.results, 3);
    ck_assert_mem_eq(a.on, b.on, 44016 * sizeof *a.on);
    /* The network's loudness is undone by the corrected way; of one window that is one factor. */
    const double gain = 0.1414213562 / level(c.mixture, 0, 44144);
    for (int64_t n = 1344; n < 20000; n++) {
        ck_assert_double_eq_tol((double)b.on[n], fmax(-1, fmin(1, 1.5 * gain * (double)c.on[n])), 2e-4);
        ck_assert_double_eq_tol((double)b.mixture[n], gain * (double)c.mixture[n], 1e-5);
    }
    drop(&a);
    drop(&b);
    drop(&c);
    const sound shorter = {RATE, 2, 40000, same_noise};
    avsound_separator *s;
    avsound_separator_result result = {.struct_size = sizeof result};
    write_wav(&shorter);
    ck_avsound(avsound_separator_create(model, wav_path, &compat, &s));
    ck_refused(avsound_separator_next(s, &result), AVSOUND_E_STATE, "40000 samples are less than a window of 44144");
    avsound_separator_free(s);
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* ---- odd recordings ---- */

START_TEST(silence_stays_silent)
{
    const sound s = {RATE, 2, 3 * RATE, silence};
    set_up();
    write_wav(&s);
    avsound_model *model = blind_separating_model(context, 0.9f, 0.9f);
    const avsound_separator_options o = plain(0);
    tracks t = separate(model, wav_path, &o);
    ck_assert_int_eq(t.samples, s.samples);
    for (int64_t n = 0; n < t.samples; n++)
        ck_assert(!(fabsf(t.on[n]) > 0) && !(fabsf(t.off[n]) > 0));
    drop(&t);
    avsound_model_free(model);
    tear_down();
}
END_TEST

START_TEST(recordings_of_any_length_rate_and_channels)
{
    static const struct {
        int32_t rate, channels;
        double seconds;
        int32_t padded;
    } cases[] = {{RATE, 2, 0.5, 1}, {RATE, 1, 2.1, 0}, {8000, 1, 2.5, 0}, {48000, 6, 2.5, 0}, {44100, 2, 5, 0}};
    set_up();
    avsound_model *model = blind_separating_model(context, -0.5f, -0.5f);
    const avsound_separator_options o = plain(AVSOUND_SEPARATE_CONSISTENT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sound s = {cases[i].rate, cases[i].channels, (int64_t)(cases[i].seconds * cases[i].rate), noise};
        write_wav(&s);
        tracks t = separate(model, wav_path, &o);
        ck_assert_int_le(llabs(t.samples - llround(cases[i].seconds * RATE)), 2);
        ck_assert_int_eq(t.padded, cases[i].padded);
        ck_assert_double_eq_tol(level(t.on, 2000, t.samples - 2000) / level(t.mixture, 2000, t.samples - 2000), 0.5, 0.01);
        drop(&t);
    }
    avsound_model_free(model);
    tear_down();
}
END_TEST

START_TEST(a_stretch_is_as_long_as_asked)
{
    const sound s = {RATE, 2, 8 * RATE, noise};
    set_up();
    write_wav(&s);
    avsound_model *model = blind_separating_model(context, -0.5f, -0.5f);
    avsound_separator_options o = plain(AVSOUND_SEPARATE_CONSISTENT);
    o.start_us = 2000000;
    o.duration_us = 3500000;
    tracks t = separate(model, wav_path, &o);
    ck_assert_int_eq(t.samples, 7 * RATE / 2);
    for (int64_t n = 0; n < t.samples; n += 97)
        ck_assert_double_eq_tol((double)t.mixture[n],
                                (double)(pcm(&s, n + 2 * RATE, 0) + pcm(&s, n + 2 * RATE, 1)) / 65536, 2e-6);
    drop(&t);
    avsound_model_free(model);
    tear_down();
}
END_TEST

START_TEST(what_a_model_needs_and_a_file_lacks_is_told)
{
    const sound s = {RATE, 2, RATE, noise};
    set_up();
    write_wav(&s);
    write_video(30, 0, SIDE, NULL);
    avsound_model *seeing = separating_model(context), *blind = blind_separating_model(context, 0, 0), *other;
    avsound_separator *separation;
    avsound_separator_options o = plain(0);
    ck_avsound(avsound_model_create(context, "ave-net", "{\"width\":0.0625}", 1, &other));
    ck_refused(avsound_separator_create(other, wav_path, &o, &separation), AVSOUND_E_UNSUPPORTED, "ave-net separates nothing");
    ck_refused(avsound_separator_create(seeing, wav_path, &o, &separation), AVSOUND_E_STATE, "has no pictures");
    ck_refused(avsound_separator_create(seeing, video_path, &o, &separation), AVSOUND_E_STATE, "has no sound");
    ck_refused(avsound_separator_create(blind, video_path, &o, &separation), AVSOUND_E_STATE, "has no sound");
    ck_assert_ptr_null(separation);
    o.left = 0.5f;
    o.right = 0.25f;
    o.bottom = 1;
    ck_refused(avsound_separator_create(blind, wav_path, &o, &separation), AVSOUND_E_INVALID_ARGUMENT, "is empty");
    o.right = 1.5f;
    ck_refused(avsound_separator_create(blind, wav_path, &o, &separation), AVSOUND_E_INVALID_ARGUMENT, "1.5, want 0...1");
    o = plain(AVSOUND_SEPARATE_COMPAT | AVSOUND_SEPARATE_CONSISTENT);
    ck_refused(avsound_separator_create(blind, wav_path, &o, &separation), AVSOUND_E_INVALID_ARGUMENT, "not CONSISTENT");
    o = plain(64);
    ck_refused(avsound_separator_create(blind, wav_path, &o, &separation), AVSOUND_E_INVALID_ARGUMENT, "flags is 0x40");
    avsound_model_free(other);
    avsound_model_free(blind);
    avsound_model_free(seeing);
    tear_down();
}
END_TEST

/* One that nobody waits for any more, while windows are on their way, too. */
START_TEST(a_cancelled_separation_stops)
{
    const sound s = {RATE, 2, 12 * RATE, noise};
    set_up();
    write_wav(&s);
    avsound_model *model = blind_separating_model(context, 0, 0);
    avsound_separator *separation;
    avsound_separator_options o = plain(0);
    avsound_separator_result r = {.struct_size = sizeof r};
    for (o.threads = 1; o.threads <= 2; o.threads++) {
        ck_avsound(avsound_separator_create(model, wav_path, &o, &separation));
        ck_avsound(avsound_separator_next(separation, &r));
        avsound_separator_free(separation);
        ck_avsound(avsound_separator_create(model, wav_path, &o, &separation));
        ck_avsound(avsound_separator_next(separation, &r));
        avsound_separator_cancel(separation);
        ck_refused(avsound_separator_next(separation, &r), AVSOUND_E_CANCELLED, "after 1 results");
        avsound_separator_free(separation);
    }
    avsound_model_free(model);
    tear_down();
}
END_TEST

START_TEST(the_sound_may_come_from_another_file)
{
    const sound own = {RATE, 2, 3 * RATE, silence}, other = {RATE, 1, 3 * RATE - 77, noise};
    set_up();
    write_wav(&own);
    write_video(90, 0, SIDE, wav_path); /* white: all that is heard is on screen */
    write_wav(&other);
    avsound_model *model = separating_model(context);
    avsound_separator_options o = plain(AVSOUND_SEPARATE_CONSISTENT);
    o.audio_path = wav_path;
    tracks t = separate(model, video_path, &o);
    check_mixture(&t, &other, true);
    ck_assert_double_lt(level(t.off, RATE / 10, 29 * RATE / 10), 1e-3 * level(t.mixture, RATE / 10, 29 * RATE / 10));
    drop(&t);
    avsound_separator *separation;
    o.audio_path = "missing.wav";
    ck_refused(avsound_separator_create(model, video_path, &o, &separation), AVSOUND_E_IO, "missing.wav");
    avsound_model_free(model);
    tear_down();
}
END_TEST

/* ---- memory ---- */

typedef struct meter {
    size_t held, most;
} meter;

static void *meter_alloc(size_t size, size_t align, void *user_data)
{
    meter *m = user_data;
    size_t *block = aligned_alloc(align, align + (size + align - 1) / align * align);
    if (!block)
        return NULL;
    *block = size;
    m->held += size;
    m->most = m->held > m->most ? m->held : m->most;
    return (char *)block + align;
}

static void meter_dealloc(void *ptr, void *user_data)
{
    if (!ptr)
        return;
    size_t *block = (size_t *)(void *)((char *)ptr - 64);
    ((meter *)user_data)->held -= *block;
    free(block);
}

static size_t most_memory(const char *path)
{
    meter m = {0};
    avsound_context_options options;
    avsound_context *counted;
    avsound_context_options_init(&options, sizeof options);
    options.alloc = meter_alloc;
    options.dealloc = meter_dealloc;
    options.user_data = &m;
    ck_avsound(avsound_context_create(&options, &counted));
    avsound_model *model = separating_model(counted);
    const avsound_separator_options o = plain(0);
    tracks t = separate(model, path, &o);
    drop(&t);
    avsound_model_free(model);
    avsound_context_free(counted);
    ck_assert_uint_eq(m.held, 0);
    return m.most;
}

START_TEST(a_long_recording_needs_no_more_memory_than_a_short_one)
{
    const sound brief = {RATE, 2, 6 * RATE, noise}, lengthy = {RATE, 2, 24 * RATE, noise};
    set_up();
    write_wav(&brief);
    write_video(180, 90, SIDE, wav_path);
    const size_t least = most_memory(video_path);
    write_wav(&lengthy);
    write_video(720, 90, SIDE, wav_path);
    ck_assert_uint_le(most_memory(video_path), least + least / 50);
    tear_down();
}
END_TEST

SUITE("api.separate", sound_goes_where_the_pictures_send_it, windows_beside_each_other_change_nothing,
      damage_that_reading_on_meets_is_told_in_its_turn, what_lies_outside_the_region_is_not_seen,
      nobody_hears_where_windows_meet, masks_share_what_is_heard, compat_is_half_as_loud_again_and_the_first_window_stays,
      silence_stays_silent, recordings_of_any_length_rate_and_channels, a_stretch_is_as_long_as_asked,
      what_a_model_needs_and_a_file_lacks_is_told, a_cancelled_separation_stops, the_sound_may_come_from_another_file,
      a_long_recording_needs_no_more_memory_than_a_short_one)
