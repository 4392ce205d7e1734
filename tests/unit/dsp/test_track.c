#include "suite.h"

#include <dlfcn.h>
#include <libavutil/tx.h>

#include "dsp/spectrogram.h"
#include "unit/dsp/refusing.h"

/* This program's av_tx_init stands before libavutil's: it hands the library a transform that counts. */
static av_tx_fn real_transform;
static int64_t transforms;

static void counting_transform(AVTXContext *context, void *out, void *in, ptrdiff_t stride)
{
    transforms++;
    real_transform(context, out, in, stride);
}

int av_tx_init(AVTXContext **context, av_tx_fn *transform, enum AVTXType type, int inverse, int length,
               const void *scale, uint64_t flags)
{
    int (*real)(AVTXContext **, av_tx_fn *, enum AVTXType, int, int, const void *, uint64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "av_tx_init");
    const int result = real(context, &real_transform, type, inverse, length, scale, flags);
    *transform = counting_transform;
    return result;
}

enum { BINS = 257, WIDTH = 200, SIZE = BINS * WIDTH };

static refusing memory;
static avsound_context *context;
static avsn_audio_frontend frontend;
static avsn_track *track;

static void setup(int64_t keep)
{
    memory = (refusing){0};
    context = refusing_context(&memory);
    if (!frontend.fft)
        avsn_audio_frontend_default(&frontend);
    ck_avsound(avsn_track_create(context, &frontend, keep, &track));
}

static void teardown(void)
{
    avsn_track_free(track);
    avsound_context_free(context);
    ck_assert_int_eq(memory.held, 0);
}

static float *noise(int64_t count)
{
    float *samples = malloc((size_t)count * sizeof *samples);
    uint32_t seed = 99;
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = (float)(int32_t)(seed >> 8 & 0xffff) / 32768 - 1;
    }
    return samples;
}

/* An input by another way: the recording, which starts at sample `first`, copied between zeros, and its columns one by one. */
static void input_by_hand(const float *samples, int64_t first, int64_t count, int64_t column, float *out)
{
    const avsn_audio_frontend *f = &frontend;
    const int32_t bins = avsn_audio_frontend_bins(f);
    const int64_t start = column * f->hop + f->offset, length = (f->columns - 1) * f->hop + f->window;
    float *window = calloc((size_t)length, sizeof *window);
    for (int64_t i = 0; i < length; i++)
        if (start + i >= first && start + i < first + count)
            window[i] = samples[start + i - first];
    float *columns = malloc((size_t)(f->columns * bins) * sizeof *columns);
    avsn_spectrogram *spectrogram;
    ck_avsound(avsn_spectrogram_create(context, f, &spectrogram));
    avsn_spectrogram_columns(spectrogram, window, f->columns, columns);
    for (int32_t b = 0; b < bins; b++)
        for (int32_t j = 0; j < f->columns; j++)
            out[b * f->columns + j] = (columns[j * bins + b] - f->mean) * (1 / f->std);
    avsn_spectrogram_free(spectrogram);
    free(columns);
    free(window);
}

static void ck_input_by_hand(const float *samples, int64_t first, int64_t count, int64_t column)
{
    static float got[SIZE], want[SIZE];
    ck_avsound(avsn_track_input(track, column, got));
    input_by_hand(samples, first, count, column, want);
    int i = 0;
    while (i < SIZE - 1 && got[i] == want[i])
        i++;
    ck_assert_msg(got[i] == want[i], "input at column %lld: bin %d, column %d is %g, want %g", (long long)column,
                  i / WIDTH, i % WIDTH, (double)got[i], (double)want[i]);
}

START_TEST(windows_before_the_start_and_after_the_end_are_zeros)
{
    const int64_t count = 60000 + 77;
    float *samples = noise(count);
    setup(1000);
    ck_avsound(avsn_track_push(track, samples, count));
    avsn_track_finish(track);
    ck_assert_int_eq(avsn_track_end(track), INT64_MAX);
    static const int64_t columns[] = {
        -1000000, -250, -201, -200, -199, -100, -1, 0, 1, 37, 50, 51, 100, 249, 250, 251, 252, 1000, INT64_MAX / 1000};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(columns); i++)
        ck_input_by_hand(samples, 0, count, columns[i]);
    teardown();
    free(samples);
}
END_TEST

START_TEST(any_number_of_columns_can_be_taken)
{
    const int64_t count = 60000;
    float *samples = noise(count);
    static float one[SIZE], many[BINS * 333], few[BINS * 7];
    setup(400);
    ck_avsound(avsn_track_push(track, samples, count));
    avsn_track_finish(track);
    ck_avsound(avsn_track_columns(track, -40, 333, many));
    ck_avsound(avsn_track_columns(track, 95, 7, few));
    for (int64_t first = -40; first <= 93; first += 133) {
        ck_avsound(avsn_track_input(track, first, one));
        for (int b = 0; b < BINS; b++)
            ck_assert_mem_eq(many + b * 333 + first + 40, one + b * WIDTH, sizeof(float) * WIDTH);
    }
    for (int b = 0; b < BINS; b++)
        ck_assert_mem_eq(few + b * 7, one + b * WIDTH + 2, sizeof(float) * 7);
    ck_refused(avsn_track_columns(track, 5, INT64_MAX, one), AVSOUND_E_INVALID_ARGUMENT, "out of range");
    teardown();
    free(samples);
}
END_TEST

START_TEST(any_chunks_give_the_same_bits)
{
    const int64_t count = 50000;
    float *samples = noise(count);
    static float whole[SIZE], chunked[SIZE];
    float whole_rms, chunked_rms;
    setup(400);
    ck_avsound(avsn_track_push(track, samples, count));
    avsn_track_finish(track);
    ck_avsound(avsn_track_input(track, 5, whole));
    ck_avsound(avsn_track_rms(track, 5, &whole_rms));
    uint32_t seed = 5;
    for (int round = 0; round < 8; round++) {
        static const int64_t most[] = {1, 2, 7, 239, 241, 1024, 6000, 40000};
        avsn_track_reset(track, 0);
        int refused = 0;
        for (int64_t done = 0; done < count;) {
            seed = seed * 1664525 + 1013904223;
            const int64_t chunk = AVSN_MIN((seed >> 8) % (most[round] + 1), count - done);
            /* exactly as many samples as said, for a sanitizer to see an overrun */
            float *copy = malloc((size_t)chunk * sizeof *copy);
            if (chunk)
                memcpy(copy, samples + done, (size_t)chunk * sizeof *copy);
            refused += avsn_track_push(track, copy, chunk) != AVSOUND_OK;
            free(copy);
            done += chunk;
        }
        ck_assert_int_eq(refused, 0);
        avsn_track_finish(track);
        ck_avsound(avsn_track_input(track, 5, chunked));
        ck_avsound(avsn_track_rms(track, 5, &chunked_rms));
        ck_assert_mem_eq(chunked, whole, sizeof whole);
        ck_assert(chunked_rms == whole_rms);
    }
    teardown();
    free(samples);
}
END_TEST

/* 5 s at 25 inputs a second: 25,000 columns are looked at, 1,002 computed (the last starts at 999.5 hops), and the one of
 * zeros that is made with the track. */
START_TEST(columns_are_computed_once)
{
    const int64_t count = 240000;
    float *samples = noise(count);
    transforms = 0;
    setup(400);
    static float out[SIZE];
    int64_t pushed = 0;
    for (int frame = 0; frame < 125; frame++) {
        const int64_t column = avsn_track_column_at(&frontend, frame * 40000);
        while (avsn_track_end(track) < column + WIDTH) {
            ck_avsound(avsn_track_push(track, samples + pushed, AVSN_MIN(1024, count - pushed)));
            pushed = AVSN_MIN(pushed + 1024, count);
            if (pushed == count)
                avsn_track_finish(track);
        }
        ck_avsound(avsn_track_input(track, column, out));
    }
    ck_assert_int_eq(transforms, 1 + 1002);
    teardown();
    free(samples);
}
END_TEST

START_TEST(shift_by_16_hops_moves_columns_by_16)
{
    const int64_t count = 60000, shift = 240 * 16;
    float *samples = noise(count);
    static float here[SIZE], there[SIZE];
    setup(400);
    ck_avsound(avsn_track_push(track, samples, count));
    ck_avsound(avsn_track_input(track, 20, here));
    avsn_track_reset(track, 0);
    ck_avsound(avsn_track_push(track, samples + shift, count - shift));
    ck_avsound(avsn_track_input(track, 4, there));
    ck_assert_mem_eq(here, there, sizeof here);
    ck_avsound(avsn_track_input(track, 8, there));
    for (int b = 0; b < BINS; b++)
        ck_assert_mem_eq(here + b * WIDTH + 4, there + b * WIDTH, (WIDTH - 4) * sizeof *here);
    teardown();
    free(samples);
}
END_TEST

START_TEST(reset_starts_at_any_sample)
{
    static const int64_t firsts[] = {0,   1,   119,   120,    121,           239, 240,   359,
                                     360, 361, 48000, 123457, 9999999999999, -1,  -12345};
    const int64_t count = 55555;
    float *samples = noise(count);
    setup(400);
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(firsts); i++) {
        const int64_t first = firsts[i], column = (first >= 0 ? first : first - 239) / 240;
        avsn_track_reset(track, first);
        ck_avsound(avsn_track_push(track, samples, 1000));
        avsn_track_reset(track, first); /* forgets the thousand */
        ck_avsound(avsn_track_push(track, samples, count));
        ck_input_by_hand(samples, first, count, column + 20);
        ck_input_by_hand(samples, first, count, column - 3);
        ck_input_by_hand(samples, first, count, column - 150);
        avsn_track_finish(track);
        ck_input_by_hand(samples, first, count, column + 100);
        ck_input_by_hand(samples, first, count, column + 231);
        ck_input_by_hand(samples, first, count, column + 300);
    }
    teardown();
    free(samples);
}
END_TEST

START_TEST(too_early_and_too_late_are_refused)
{
    float *samples = noise(240 * 2000);
    static float out[SIZE];
    float rms;
    setup(300);
    ck_assert_int_eq(avsn_track_end(track), -1); /* column -1 ends at sample 120, the first that sees one */
    ck_avsound(avsn_track_input(track, -300, out));
    ck_refused(avsn_track_input(track, 0, out), AVSOUND_E_STATE, "columns up to 199 are not there yet");
    ck_refused(avsn_track_rms(track, 0, &rms), AVSOUND_E_STATE, "not there yet");
    ck_avsound(avsn_track_push(track, samples, 119));
    ck_assert_int_eq(avsn_track_end(track), -1);
    ck_avsound(avsn_track_push(track, samples, 1));
    ck_assert_int_eq(avsn_track_end(track), 0);
    ck_avsound(avsn_track_push(track, samples, 240 * 199 + 239));
    ck_refused(avsn_track_input(track, 0, out), AVSOUND_E_STATE, "have those before 199");
    ck_avsound(avsn_track_push(track, samples, 1));
    ck_avsound(avsn_track_input(track, 0, out));
    ck_avsound(avsn_track_push(track, samples, 240 * 99));
    ck_avsound(avsn_track_input(track, -1, out));
    ck_avsound(avsn_track_push(track, samples, 240 * 10));
    ck_refused(avsn_track_input(track, 8, out), AVSOUND_E_STATE, "column 8 is gone, have those from 9 on");
    ck_refused(avsn_track_rms(track, 8, &rms), AVSOUND_E_STATE, "gone");
    ck_refused(avsn_track_input(track, -150, out), AVSOUND_E_STATE, "column -1 is gone");
    ck_avsound(avsn_track_input(track, -201, out)); /* all before the start */
    ck_avsound(avsn_track_input(track, 9, out));
    avsn_track_finish(track);
    avsn_track_finish(track);
    ck_refused(avsn_track_push(track, samples, 1), AVSOUND_E_STATE, "after its end");
    ck_refused(avsn_track_input(track, INT64_MAX - 100, out), AVSOUND_E_INVALID_ARGUMENT, "out of range");
    ck_avsound(avsn_track_input(track, INT64_MIN, out));
    teardown();
    free(samples);
}
END_TEST

START_TEST(empty_recording_is_silence)
{
    static float out[SIZE];
    float rms = 1;
    setup(0);
    avsn_track_finish(track);
    for (int64_t column = -201; column < 10; column += 7) {
        ck_avsound(avsn_track_input(track, column, out));
        double most = 0;
        for (int i = 0; i < SIZE; i++)
            most = fmax(most, fabs(out[i] - (-100 - frontend.mean) / frontend.std));
        ck_assert_double_lt(most, 1e-5);
        ck_avsound(avsn_track_rms(track, column, &rms));
        ck_assert(rms == 0);
    }
    teardown();
}
END_TEST

START_TEST(memory_is_bounded)
{
    float *samples = noise(48000);
    setup(300);
    const int64_t asked = memory.asked;
    for (int second = 0; second < 100; second++)
        ck_avsound(avsn_track_push(track, samples, 48000));
    ck_assert_int_eq(memory.asked, asked);
    teardown();
    free(samples);
}
END_TEST

/* Of the input's own 48,000 samples, whatever its outermost windows see besides. */
START_TEST(rms_is_of_the_inputs_own_samples)
{
    const int64_t count = 100001;
    float *samples = noise(count);
    setup(1000);
    ck_avsound(avsn_track_push(track, samples, count));
    avsn_track_finish(track);
    for (int64_t column = -210; column < 430; column += 13) {
        double energy = 0;
        for (int64_t i = AVSN_MAX(0, column * 240); i < AVSN_MIN(count, column * 240 + 48000); i++)
            energy += (double)samples[i] * samples[i];
        float rms;
        ck_avsound(avsn_track_rms(track, column, &rms));
        ck_assert_double_eq_tol(rms, sqrt(energy / 48000), 1e-7);
    }
    teardown();
    free(samples);
}
END_TEST

static void inputs_with(float range, float mean, float std, const float *samples, const int64_t columns[3], float *out)
{
    avsn_audio_frontend_default(&frontend);
    frontend.range = range;
    frontend.mean = mean;
    frontend.std = std;
    setup(1000);
    ck_avsound(avsn_track_push(track, samples, 100000));
    avsn_track_finish(track);
    for (int i = 0; i < 3; i++)
        ck_avsound(avsn_track_input(track, columns[i], out + i * SIZE));
    teardown();
}

START_TEST(range_is_relative_to_the_inputs_largest)
{
    float *samples = noise(100000);
    for (int i = 20000; i < 70000; i++)
        samples[i] *= 1e-3f;
    const int64_t columns[3] = {-50, 85, 350}; /* silence and noise, soft noise alone, noise and silence */
    static float plain[3][SIZE], relative[3][SIZE];
    inputs_with(0, 0, 1, samples, columns, plain[0]);
    inputs_with(65, -40, 20, samples, columns, relative[0]);
    for (int i = 0; i < 3; i++) {
        double largest = -1e9, difference = 0, least = 1e9;
        for (int k = 0; k < SIZE; k++)
            largest = fmax(largest, plain[i][k]);
        for (int k = 0; k < SIZE; k++) {
            difference = fmax(difference, fabs(relative[i][k] - (fmax(plain[i][k] - largest, -65) + 40) / 20));
            least = fmin(least, relative[i][k]);
        }
        ck_assert_double_lt(difference, 1e-5);
        if (i != 1)
            ck_assert_double_eq_tol(least, -1.25, 1e-6);
    }
    free(samples);
}
END_TEST

/* By trying: of the columns around, the one whose input's centre is nearest to the time; the later of two as near. */
START_TEST(column_at_centres_the_input)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    ck_assert_int_eq(avsn_track_column_at(&f, 0), -100);
    ck_assert_int_eq(avsn_track_column_at(&f, 500000), 0);
    ck_assert_int_eq(avsn_track_column_at(&f, 502499), 0);
    ck_assert_int_eq(avsn_track_column_at(&f, 502500), 1);
    ck_assert_int_eq(avsn_track_column_at(&f, -1000000), -300);
    static const int32_t rates[] = {48000, 44100, 22050, 8000}, hops[] = {240, 242, 441, 160},
                         widths[] = {200, 197, 63, 1};
    for (int k = 0; k < 4; k++) {
        f.sample_rate = rates[k];
        f.hop = hops[k];
        f.columns = widths[k];
        for (int64_t time = -7000001; time < 90000000; time += 33367) {
            const int64_t got = avsn_track_column_at(&f, time);
            /* in millionths of a half sample all is whole */
            const int64_t time2 = 2 * time * f.sample_rate;
            int64_t best = got - 3;
            for (int64_t c = got - 2; c <= got + 3; c++) {
                const int64_t near = llabs((2 * c * f.hop + (int64_t)f.columns * f.hop) * 1000000 - time2);
                if (near <= llabs((2 * best * f.hop + (int64_t)f.columns * f.hop) * 1000000 - time2))
                    best = c;
            }
            ck_assert_int_eq(got, best);
        }
    }
    avsn_audio_frontend_default(&f);
    const int64_t year = (int64_t)365 * 86400; /* no overflow after a thousand of them */
    ck_assert_int_eq(avsn_track_column_at(&f, 1000 * year * 1000000), 1000 * year * 200 - 100);
}
END_TEST

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(*seed >> 8) * below >> 24);
}

/* Fields in and around what is accepted. */
static avsn_audio_frontend any_frontend(uint32_t *seed)
{
    static const int32_t odd[] = {1, 1, 3, 5, 7, 9, 15, 11};
    avsn_audio_frontend f = {0};
    f.sample_rate = 1000 + (int32_t)draw(seed, 100000);
    f.fft = odd[draw(seed, 8)] << (2 + draw(seed, 5));
    f.window = 2 + (int32_t)draw(seed, (uint32_t)f.fft);
    f.hop = 1 + (int32_t)draw(seed, (uint32_t)f.window);
    f.columns = 1 + (int32_t)draw(seed, 40);
    f.offset = -(int32_t)draw(seed, (uint32_t)(f.window - f.hop + 1));
    f.mel_bands = draw(seed, 2) ? (int32_t)draw(seed, (uint32_t)f.fft / 2 + 2) : 0;
    f.power = (int32_t)draw(seed, 2);
    f.normalise = (int32_t)draw(seed, 2);
    f.mel_low = (float)draw(seed, 400);
    f.mel_high = f.mel_low + (float)draw(seed, (uint32_t)f.sample_rate / 2);
    f.floor = powf(10, -(float)draw(seed, 38));
    f.range = draw(seed, 2) ? (float)draw(seed, 100) : 0;
    f.mean = (float)draw(seed, 100) - 50;
    f.std = 1 + (float)draw(seed, 40);
    return f;
}

/* For a sanitizer above all; and whatever comes out is a number. Chunks as exact as in any_chunks_give_the_same_bits. */
START_TEST(any_accepted_front_end_gives_numbers)
{
    float *samples = noise(4000);
    int accepted = 0;
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t seed = round;
        const avsn_audio_frontend f = any_frontend(&seed);
        if (avsn_audio_frontend_check(&f))
            continue;
        accepted++;
        refusing r = {0};
        avsound_context *maker = refusing_context(&r);
        avsn_track *made;
        ck_avsound(avsn_track_create(maker, &f, draw(&seed, 90), &made));
        avsn_track_reset(made, draw(&seed, 3000) - (int64_t)1000);
        ck_avsound(avsn_track_push(made, samples, draw(&seed, 4000)));
        if (draw(&seed, 2))
            avsn_track_finish(made);
        const size_t size = (size_t)avsn_audio_frontend_bins(&f) * (size_t)f.columns;
        float *out = malloc(size * sizeof *out), rms;
        for (int i = 0; i < 20; i++) {
            const int64_t column = AVSN_MIN(avsn_track_end(made), 1000) - (int64_t)draw(&seed, 100);
            if (avsn_track_input(made, column, out))
                continue;
            for (size_t k = 0; k < size; k++)
                if (!isfinite(out[k]))
                    ck_abort_msg("front end %u: value %zu is %g", round, k, (double)out[k]);
            ck_avsound(avsn_track_rms(made, column, &rms));
            ck_assert(rms >= 0 && rms <= 1);
        }
        free(out);
        avsn_track_free(made);
        avsound_context_free(maker);
        ck_assert_int_eq(r.held, 0);
    }
    ck_assert_int_gt(accepted, 100);
    free(samples);
}
END_TEST

/* ---- inputs that stand alone ---- */

/* Windows before the first sample of an input as well as behind its last. */
static void setup_alone(int64_t keep)
{
    avsn_alone_frontend_default(&frontend);
    frontend.fft = frontend.window = 512;
    frontend.hop = 100;
    frontend.columns = 41;
    frontend.offset = -150;
    frontend.samples = 4001;
    frontend.mel_bands = 20;
    frontend.range = 0;
    setup(keep);
}

/* What input_by_hand makes of these samples alone. */
static void alone_by_hand(const float *samples, int64_t first, int64_t count, int64_t start, float *out)
{
    float *own = calloc((size_t)frontend.samples, sizeof *own);
    for (int64_t i = 0; i < frontend.samples; i++)
        if (start + i >= first && start + i < first + count)
            own[i] = samples[start + i - first];
    input_by_hand(own, 0, frontend.samples, 0, out);
    free(own);
}

START_TEST(inputs_that_stand_alone_see_zeros_around_them)
{
    enum { COUNT = 30000, FIRST = -777 };
    static const int64_t starts[] = {-9000, -4778, -4777, -2500, -1, 0, 1, 7919, 25222, 25223, 27000, 29222, 29223, 40000};
    float *samples = noise(COUNT), *out = malloc(sizeof(float) * 20 * 41), *want = malloc(sizeof(float) * 20 * 41), rms;
    for (int64_t piece = 1; piece <= 9001; piece += 3000) {
        size_t next = 0;
        setup_alone(200); /* so that no piece pushes away what nobody took yet */
        avsn_track_reset(track, FIRST);
        for (int64_t done = 0; done < COUNT; done += piece) {
            ck_avsound(avsn_track_push(track, samples + done, AVSN_MIN(piece, COUNT - done)));
            if (done + piece >= COUNT)
                avsn_track_finish(track);
            for (; next < AVSN_ARRAY_COUNT(starts) && avsn_track_end(track) >= starts[next] + 4001; next++) {
                double squares = 0;
                ck_avsound(avsn_track_input(track, starts[next], out));
                alone_by_hand(samples, FIRST, COUNT, starts[next], want);
                ck_assert_mem_eq(out, want, sizeof(float) * 20 * 41);
                ck_avsound(avsn_track_rms(track, starts[next], &rms));
                for (int64_t i = AVSN_MAX(starts[next], FIRST); i < AVSN_MIN(starts[next] + 4001, FIRST + COUNT); i++)
                    squares += (double)samples[i - FIRST] * (double)samples[i - FIRST];
                ck_assert_double_eq_tol((double)rms, sqrt(squares / 4001), 1e-6);
            }
        }
        ck_assert_uint_eq(next, AVSN_ARRAY_COUNT(starts));
        teardown();
    }
    free(want);
    free(out);
    free(samples);
}
END_TEST

START_TEST(inputs_that_stand_alone_come_neither_too_early_nor_too_late)
{
    float *samples = noise(20000), *out = malloc(sizeof(float) * 20 * 41), rms;
    setup_alone(50);
    ck_assert_int_eq(avsn_track_end(track), 0);
    ck_refused(avsn_track_input(track, 0, out), AVSOUND_E_STATE, "samples up to 4000 are not there yet, have those before 0");
    ck_avsound(avsn_track_push(track, samples, 4000));
    ck_refused(avsn_track_rms(track, 0, &rms), AVSOUND_E_STATE, "not there yet");
    ck_avsound(avsn_track_push(track, samples, 1));
    ck_avsound(avsn_track_input(track, 0, out));
    ck_avsound(avsn_track_push(track, samples, 1512)); /* 50 hops and a window are kept */
    ck_refused(avsn_track_input(track, 0, out), AVSOUND_E_STATE, "sample 0 is gone, have those from 1 on");
    ck_avsound(avsn_track_input(track, 1, out));
    avsn_track_finish(track);
    ck_refused(avsn_track_push(track, samples, 1), AVSOUND_E_STATE, "after its end");
    ck_refused(avsn_track_input(track, INT64_MAX - 100, out), AVSOUND_E_INVALID_ARGUMENT, "out of range");
    ck_avsound(avsn_track_input(track, INT64_MIN, out));
    teardown();
    free(out);
    free(samples);
}
END_TEST

START_TEST(inputs_that_stand_alone_begin_at_the_nearest_sample)
{
    avsn_audio_frontend f;
    avsn_alone_frontend_default(&f);
    ck_assert_int_eq(avsn_track_column_at(&f, 0), -24000);
    ck_assert_int_eq(avsn_track_column_at(&f, 100000), -19200);
    ck_assert_int_eq(avsn_track_column_at(&f, 3600000021), 172800000 - 24000 + 1);
    ck_assert_int_eq(avsn_track_column_at(&f, 10), -24000); /* 0.48 of a sample */
    f.samples = f.columns * f.hop - f.hop;
    ck_refused(avsn_audio_frontend_check(&f), AVSOUND_E_INVALID_ARGUMENT, "column 198 begins at sample 47916");
}
END_TEST

static void refuse_each_allocation(const avsn_audio_frontend *f, int64_t least)
{
    for (int64_t n = 1;; n++) {
        refusing r = {0};
        avsound_context *refuser = refusing_context(&r);
        r.refuse = n;
        avsn_track *made;
        const avsound_status status = avsn_track_create(refuser, f, 300, &made);
        ck_assert(status == AVSOUND_OK || status == AVSOUND_E_NO_MEMORY);
        ck_assert_int_eq(status == AVSOUND_OK, made != NULL);
        avsn_track_free(made);
        avsound_context_free(refuser);
        ck_assert_int_eq(r.held, 0);
        if (!status) {
            ck_assert_int_gt(n, least);
            break;
        }
    }
}

START_TEST(refused_allocations_leave_nothing_behind)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    refuse_each_allocation(&f, 10);
}
END_TEST

START_TEST(refused_allocations_of_inputs_that_stand_alone_leave_nothing_behind)
{
    avsn_audio_frontend f;
    avsn_alone_frontend_default(&f);
    refuse_each_allocation(&f, 10);
}
END_TEST

START_TEST(too_many_columns_to_keep_are_refused)
{
    avsn_audio_frontend f;
    avsn_audio_frontend_default(&f);
    refusing r = {0};
    avsound_context *refuser = refusing_context(&r);
    avsn_track *made;
    ck_refused(avsn_track_create(refuser, &f, INT64_MAX, &made), AVSOUND_E_NO_MEMORY, "too large");
    avsn_alone_frontend_default(&f);
    ck_refused(avsn_track_create(refuser, &f, INT64_MAX / 4, &made), AVSOUND_E_NO_MEMORY, "too large");
    avsound_context_free(refuser);
    ck_assert_int_eq(r.held, 0);
}
END_TEST

SUITE("dsp track", windows_before_the_start_and_after_the_end_are_zeros, any_number_of_columns_can_be_taken, any_chunks_give_the_same_bits,
      columns_are_computed_once, shift_by_16_hops_moves_columns_by_16, reset_starts_at_any_sample,
      too_early_and_too_late_are_refused, empty_recording_is_silence, memory_is_bounded,
      rms_is_of_the_inputs_own_samples, range_is_relative_to_the_inputs_largest, column_at_centres_the_input,
      any_accepted_front_end_gives_numbers, inputs_that_stand_alone_see_zeros_around_them,
      inputs_that_stand_alone_come_neither_too_early_nor_too_late, inputs_that_stand_alone_begin_at_the_nearest_sample,
      refused_allocations_leave_nothing_behind, refused_allocations_of_inputs_that_stand_alone_leave_nothing_behind,
      too_many_columns_to_keep_are_refused)
