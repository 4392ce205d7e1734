/* Scans by the multisensory network against its graph run by hand: pictures decoded and set one by one, sound cut by counting,
 * windows, fades and percentiles computed from their definitions. */
#include "suite.h"

#include <math.h>
#include <unistd.h>

#include "base/rng.h"
#include "failing.h"

enum { SIDE = 64, RATE = 21000, LENGTH = 16, SAMPLES = 11211, PIXELS = SIDE * SIDE };
static const double frame_rate = 29.97;

/* The picture is the network's, so nothing is scaled or cropped; for maps it is so whatever short_side is. */
#define CONFIG(short_side)                                                                                              \
    "{\"width\":0.0625,\"audio_width\":0.0625,\"conv5_stride\":1,\"image\":{\"width\":64,\"height\":64,\"short_side\":" \
    #short_side "},\"clip\":{\"frames\":16}}"

static avsound_context *context;
static avsound_model *model;
static char video_path[64], wav_path[64], other_path[64];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, "multisensory", CONFIG(64), 3, &model));
    snprintf(video_path, sizeof video_path, "clip-scan-%d.mp4", (int)getpid());
    snprintf(wav_path, sizeof wav_path, "clip-scan-%d.wav", (int)getpid());
    snprintf(other_path, sizeof other_path, "clip-scan-other-%d.wav", (int)getpid());
}

static void tear_down(void)
{
    remove(video_path);
    remove(wav_path);
    remove(other_path);
    avsound_model_free(model);
    avsound_context_free(context);
}

/* ---- recordings ---- */

static void put(FILE *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), f);
}

/* Noise of two channels at the network's rate; level 0: silence. */
static void write_wav(const char *path, int64_t samples, double level, uint64_t seed)
{
    const uint32_t bytes = 4 * (uint32_t)samples;
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fwrite("RIFF", 1, 4, f);
    put(f, 36 + bytes, 4);
    fwrite("WAVEfmt ", 1, 8, f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, 2, 2);
    put(f, RATE, 4);
    put(f, 4 * RATE, 4);
    put(f, 4, 2);
    put(f, 16, 2);
    fwrite("data", 1, 4, f);
    put(f, bytes, 4);
    for (int64_t n = 0; n < 2 * samples; n++)
        put(f, (uint16_t)(int16_t)lround(32767 * level * (2 * avsn_rng_uniform(seed, 1, (uint64_t)n) - 1)), 2);
    fclose(f);
}

typedef struct filming {
    int32_t rate_num, rate_den;
    int frames;
    bool still;
} filming;

static const filming ordinary = {30000, 1001, 40, false};

/* A bright box that wanders over grey. */
static void write_video(const filming *film, const char *audio)
{
    static uint8_t pixels[3 * PIXELS];
    avsound_writer_options o;
    avsound_writer *writer;
    avsound_writer_options_init(&o, sizeof o);
    o.width = o.height = SIDE;
    o.rate_num = film->rate_num;
    o.rate_den = film->rate_den;
    o.quality = 95;
    o.audio_path = audio;
    ck_avsound(avsound_writer_create(context, video_path, &o, &writer));
    for (int i = 0; i < film->frames; i++) {
        const int at = film->still ? 0 : i;
        memset(pixels, 60, sizeof pixels);
        for (int y = 0; y < 16; y++)
            memset(pixels + 3 * ((7 * at % 48 + y) * SIDE + 3 * at % 48), 230, 3 * 16);
        const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = SIDE, .height = SIDE,
                                     .data = {pixels}, .stride = {3 * SIDE},
                                     .time_us = llround((double)i * film->rate_den / film->rate_num * 1e6)};
        ck_avsound(avsound_writer_write_frame(writer, &frame));
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
}

static void write_recording(const filming *film, double level)
{
    write_wav(wav_path, llround((double)film->frames * film->rate_den / film->rate_num * RATE), level, 7);
    write_video(film, wav_path);
}

/* What a decoder makes of it. */
typedef struct decoded {
    int frames;
    float *pictures; /* [frames][3][SIDE][SIDE] */
    int64_t samples;
    float *sound;    /* [samples][2] */
} decoded;

static void read_pictures(decoded *d)
{
    static uint8_t rgb[3 * PIXELS];
    const float zero = 0;
    avsound_media *media;
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_avsound(avsound_media_open(context, video_path, NULL, &media));
    while (avsound_media_read_frame(media, &frame) == AVSOUND_OK) {
        ck_avsound(avsound_draw_map(context, &frame, &zero, 1, 1, "grey", 0, rgb, 3 * SIDE));
        d->pictures = realloc(d->pictures, (size_t)(d->frames + 1) * 3 * PIXELS * sizeof *d->pictures);
        float *to = d->pictures + (size_t)d->frames++ * 3 * PIXELS;
        for (int c = 0; c < 3; c++)
            for (int p = 0; p < PIXELS; p++)
                to[c * PIXELS + p] = ((float)rgb[3 * p + c] / 255 - 0.5f) / 0.5f;
    }
    avsound_media_free(media);
}

static void read_sound(decoded *d, const char *path)
{
    avsound_media_options o;
    avsound_media *media;
    avsound_audio piece = {.struct_size = sizeof piece};
    avsound_media_options_init(&o, sizeof o);
    o.audio_rate = RATE;
    o.audio_channels = 2;
    o.ignore_video = 1;
    ck_avsound(avsound_media_open(context, path, &o, &media));
    while (avsound_media_read_audio(media, &piece) == AVSOUND_OK) {
        d->sound = realloc(d->sound, (size_t)(d->samples + piece.frames) * 2 * sizeof *d->sound);
        memcpy(d->sound + 2 * d->samples, piece.data, (size_t)piece.frames * 2 * sizeof *d->sound);
        d->samples += piece.frames;
    }
    avsound_media_free(media);
}

static decoded decode(const char *sound)
{
    decoded d = {0};
    read_pictures(&d);
    read_sound(&d, sound);
    return d;
}

static void drop(decoded *d)
{
    free(d->pictures);
    free(d->sound);
}

/* ---- by hand ---- */

typedef struct answer {
    float probability, logit;
    int64_t steps, cells;
    float cam[4 * 64];
    double classes[3];
} answer;

static void set_input(avsound_session *session, const char *name, float *values)
{
    avsound_tensor view = {.struct_size = sizeof view};
    for (int32_t i = 0; i < 2; i++) {
        const char *other;
        ck_avsound(avsound_session_input(session, i, &other, &view));
        if (!strcmp(name, other))
            break;
    }
    view.data = values;
    ck_avsound(avsound_session_set_input(session, name, &view));
}

static float output(avsound_session *session, const char *name, avsound_tensor *view)
{
    *view = (avsound_tensor){.struct_size = sizeof *view};
    ck_avsound(avsound_session_get_output(session, name, view));
    return ((const float *)view->data)[0];
}

/* Softmax by its definition. */
static void read_classes(avsound_session *session, double classes[3])
{
    avsound_tensor view;
    double sum = 0;
    output(session, "logits", &view);
    ck_assert_int_eq(view.shape[1], 3);
    for (int i = 0; i < 3; i++)
        sum += classes[i] = exp((double)((const float *)view.data)[i]);
    for (int i = 0; i < 3; i++)
        classes[i] /= sum;
}

/* The window that begins with the network's picture `first`, of which picture_at gives the film's. Sound repeats or ends. */
static answer run_by_hand(const decoded *d, int64_t first, int (*picture_at)(int64_t), bool repeats)
{
    static float frames[3][LENGTH][PIXELS], waveform[2][SAMPLES];
    const int64_t sample = llrint(RATE / frame_rate * (double)first);
    avsound_session *session;
    avsound_tensor view;
    answer a = {.probability = 0};
    for (int i = 0; i < LENGTH; i++) {
        const int at = picture_at(first + i) < d->frames ? picture_at(first + i) : d->frames - 1;
        for (int c = 0; c < 3; c++)
            memcpy(frames[c][i], d->pictures + ((size_t)at * 3 + (size_t)c) * PIXELS, sizeof frames[c][i]);
    }
    for (int64_t n = 0; n < SAMPLES; n++)
        for (int c = 0; c < 2; c++) {
            const int64_t at = repeats ? (sample + n) % d->samples : sample + n;
            waveform[c][n] = at < d->samples ? d->sound[2 * at + c] : 0;
        }
    ck_avsound(avsound_session_create(model, NULL, &session));
    set_input(session, "frames", frames[0][0]);
    set_input(session, "waveform", waveform[0]);
    ck_avsound(avsound_session_run(session));
    if (strstr(avsound_model_config(model), "\"classes\":3")) {
        read_classes(session, a.classes);
        avsound_session_free(session);
        return a;
    }
    a.probability = output(session, "score", &view);
    a.logit = output(session, "logits", &view);
    output(session, "cam", &view);
    a.steps = view.shape[2];
    a.cells = view.shape[3] * view.shape[4];
    ck_assert_int_le(a.steps * a.cells, (int64_t)(sizeof a.cam / sizeof *a.cam));
    memcpy(a.cam, view.data, (size_t)(a.steps * a.cells) * sizeof *a.cam);
    avsound_session_free(session);
    return a;
}

static int same(int64_t picture)
{
    return (int)picture;
}

static int of_25(int64_t picture)
{
    return (int)floor((double)picture / frame_rate * 25 + 1e-4);
}

static int of_60(int64_t picture)
{
    return (int)floor((double)picture / frame_rate * 60 + 1e-4);
}

/* ---- scans ---- */

static avsound_scan_options options_for(int32_t what)
{
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    o.what = what;
    o.threads = 1;
    o.precision = AVSOUND_PRECISION_F32;
    return o;
}

static avsound_scan *start(const avsound_scan_options *o)
{
    avsound_scan *scan;
    ck_avsound(avsound_scan_create(model, video_path, o, &scan));
    return scan;
}

static bool next(avsound_scan *scan, avsound_scan_result *r)
{
    *r = (avsound_scan_result){.struct_size = sizeof *r};
    const avsound_status status = avsound_scan_next(scan, r);
    if (status == AVSOUND_E_END)
        return false;
    ck_avsound(status);
    return true;
}

static int64_t us_at(double picture)
{
    return llround(picture / frame_rate * 1e6);
}

START_TEST(a_stretch_has_the_networks_probability)
{
    static const int64_t starts[] = {0, 10, 20, 24}; /* of 40 pictures, 16 at a time, the last one moved back */
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    set_up();
    write_recording(&ordinary, 0.2);
    decoded d = decode(video_path);
    o.hop_seconds = 10 / frame_rate;
    avsound_scan *scan = start(&o);
    ck_assert_int_eq(avsound_scan_expected(scan), 4);
    for (int i = 0; i < 4; i++) {
        const answer want = run_by_hand(&d, starts[i], same, false);
        ck_assert(next(scan, &r));
        ck_assert_int_eq(r.index, i);
        ck_assert_int_eq(r.time_us, us_at((double)starts[i] + 8));
        ck_assert_float_eq(r.probability, want.probability);
        ck_assert_float_eq_tol(r.rms, 0.2f / sqrtf(3), 2e-2f);
        ck_assert_float_eq(r.confidence, 1);
        ck_assert_int_eq(r.seen_us, us_at(16));
        ck_assert_int_eq(r.padded, 0);
        ck_assert_ptr_null(r.map);
        ck_assert_ptr_null(r.cam);
    }
    ck_assert(!next(scan, &r));
    ck_assert(!next(scan, &r));
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

static const char recognises[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"classes\":3,\"image\":{\"width\":64,\"height\":64,"
                                 "\"short_side\":64},\"clip\":{\"frames\":16}}";

START_TEST(a_stretch_has_its_classes)
{
    static const int64_t starts[] = {0, 10, 20, 24};
    avsound_scan_options o = options_for(AVSOUND_SCAN_CLASSES | AVSOUND_SCAN_FRAME);
    avsound_scan_result r;
    avsound_scan *scan;
    set_up();
    write_recording(&ordinary, 0.2);
    decoded d = decode(video_path);
    o.hop_seconds = 10 / frame_rate;
    ck_refused(avsound_scan_create(model, video_path, &o, &scan), AVSOUND_E_UNSUPPORTED, "knows no classes");
    avsound_model_free(model);
    ck_avsound(avsound_model_create(context, "multisensory", recognises, 3, &model));
    scan = start(&o);
    for (int i = 0; i < 4; i++) {
        const answer want = run_by_hand(&d, starts[i], same, false);
        ck_assert(next(scan, &r));
        ck_assert_int_eq(r.class_count, 3);
        for (int k = 0; k < 3; k++)
            ck_assert_double_eq_tol((double)r.classes[k], want.classes[k], 1e-6);
        ck_assert_int_eq(r.time_us, us_at((double)starts[i] + 8));
        ck_assert_float_eq(r.confidence, 1);
        ck_assert_ptr_nonnull(r.frame);
    }
    ck_assert(!next(scan, &r));
    avsound_scan_free(scan);
    o.what = AVSOUND_SCAN_CLASSES | AVSOUND_SCAN_SCORE;
    ck_refused(avsound_scan_create(model, video_path, &o, &scan), AVSOUND_E_UNSUPPORTED, "this multisensory tells classes apart");
    o.what = AVSOUND_SCAN_MAP;
    ck_refused(avsound_scan_create(model, video_path, &o, &scan), AVSOUND_E_UNSUPPORTED, "this multisensory tells classes apart");
    drop(&d);
    tear_down();
}
END_TEST

/* Hops longer than a stretch leave something out; without a hop it is half a stretch. */
START_TEST(hops_of_any_length)
{
    static const struct {
        double hop;
        int results;
        int64_t starts[6];
    } cases[] = {{0, 4, {0, 8, 16, 24}}, {20, 3, {0, 20, 24}}, {1000, 2, {0, 24}}, {23.4, 3, {0, 23, 24}}};
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME);
    avsound_scan_result r;
    set_up();
    write_recording(&ordinary, 0.2);
    decoded d = decode(video_path);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        o.hop_seconds = cases[c].hop / frame_rate;
        avsound_scan *scan = start(&o);
        ck_assert_int_eq(avsound_scan_expected(scan), cases[c].results);
        for (int i = 0; i < cases[c].results; i++) {
            ck_assert(next(scan, &r));
            ck_assert_int_eq(r.time_us, us_at((double)cases[c].starts[i] + 8));
            ck_assert_float_eq(r.probability, run_by_hand(&d, cases[c].starts[i], same, false).probability);
            ck_assert_int_le(llabs(r.frame->time_us - r.time_us), 33400);
        }
        ck_assert(!next(scan, &r));
        avsound_scan_free(scan);
    }
    drop(&d);
    tear_down();
}
END_TEST

/* ---- maps ---- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The 97th percentile as NumPy's default has it. */
static double level_of(const answer *a)
{
    float sorted[sizeof a->cam / sizeof *a->cam];
    const int64_t count = a->steps * a->cells;
    for (int64_t i = 0; i < count; i++)
        sorted[i] = fabsf(a->cam[i]);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    const double at = 0.97 * (double)(count - 1), share = at - floor(at);
    return (1 - share) * (double)sorted[(int)at] + share * (double)sorted[(int)at + 1];
}

/* Share of the later of two windows, 12 pictures apart, in picture 0...15 of the earlier one: the outermost picture of either
 * is left to the other, between them it rises as a raised cosine. */
static double later_share(int64_t at)
{
    return at < 13 ? 0 : at >= 15 ? 1 : 0.5 - 0.5 * cos(3.14159265358979 * ((double)at - 13 + 0.5) / 2);
}

typedef struct blended {
    double cam[64], map[64], probability;
} blended;

static void add(blended *b, const answer *a, int64_t at, double weight)
{
    const double f = (double)(a->steps * at) / LENGTH, share = f - floor(f);
    const int64_t left = (int64_t)f, right = left + 1 < a->steps ? left + 1 : a->steps - 1;
    const double level = level_of(a), low = 0.5 * level, high = level + 0.001;
    for (int64_t i = 0; i < a->cells; i++) {
        const double x = (double)a->cam[left * a->cells + i], y = (double)a->cam[right * a->cells + i];
        b->cam[i] += weight * ((1 - share) * x + share * y);
        b->map[i] += weight * ((1 - share) * fabs(x) + share * fabs(y) - low) / (high - low);
    }
    b->probability += weight * (double)a->probability;
}

static void check_result(const avsound_scan_result *r, const blended *want)
{
    ck_assert_float_eq_tol(r->probability, (float)want->probability, 1e-5f);
    ck_assert_int_eq(r->rows, 4); /* 64 pixels, a cell for each 16 as the last stride is 1 */
    ck_assert_int_eq(r->cols, 4);
    for (int i = 0; i < 16; i++) {
        ck_assert_double_eq_tol((double)r->cam[i], want->cam[i], 1e-4 * (1 + fabs(want->cam[i])));
        ck_assert_double_eq_tol((double)r->map[i], want->map[i], 1e-3 * (1 + fabs(want->map[i])));
    }
}

START_TEST(maps_fade_from_window_to_window)
{
    const avsound_scan_options o = options_for(AVSOUND_SCAN_MAP | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME);
    avsound_scan_result r;
    answer windows[3];
    set_up();
    write_recording(&ordinary, 0.2);
    decoded d = decode(video_path);
    for (int j = 0; j < 3; j++)
        windows[j] = run_by_hand(&d, 12 * j, same, false);
    avsound_scan *scan = start(&o);
    ck_assert_int_le(llabs(avsound_scan_expected(scan) - 40), 1); /* the file's duration is rounded up */
    for (int i = 0; i < 40; i++) {
        blended want = {{0}, {0}, 0};
        const int j = i / 12 < 3 ? i / 12 : 2;
        const double earlier = j > 0 && i - 12 * j < 4 ? 1 - later_share(i - 12 * (j - 1)) : 0;
        if (earlier > 0)
            add(&want, &windows[j - 1], i - 12 * (j - 1), earlier);
        add(&want, &windows[j], i - 12 * j, 1 - earlier);
        ck_assert(next(scan, &r));
        ck_assert_int_eq(r.index, i);
        ck_assert_int_eq(r.frame->time_us, r.time_us);
        ck_assert_int_le(llabs(r.time_us - us_at(i)), 2);
        check_result(&r, &want);
    }
    ck_assert(!next(scan, &r));
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

/* The last window moves back to end with the recording, and may then share a picture with both before it. */
START_TEST(every_picture_of_any_length_has_a_map)
{
    const avsound_scan_options o = options_for(AVSOUND_SCAN_MAP);
    avsound_scan_result r;
    set_up();
    for (int frames = 15; frames < 31; frames += 3) {
        const filming film = {30000, 1001, frames, false};
        int count = 0;
        write_recording(&film, 0.2);
        avsound_scan *scan = start(&o);
        for (; next(scan, &r); count++) {
            ck_assert_float_eq_tol(r.confidence, 1, 1e-6f); /* weights sum to 1 */
            ck_assert(isfinite(r.cam[0]) && isfinite(r.map[15]));
            ck_assert_ptr_null(r.frame);
        }
        ck_assert_int_eq(count, frames);
        avsound_scan_free(scan);
    }
    tear_down();
}
END_TEST

/* With one window of two steps, pictures 0 and 8 lie on them. */
START_TEST(the_mean_of_the_map_is_the_logit)
{
    const filming film = {30000, 1001, LENGTH, false};
    const avsound_scan_options o = options_for(AVSOUND_SCAN_MAP);
    avsound_scan_result r;
    double sum = 0;
    set_up();
    write_recording(&film, 0.2);
    decoded d = decode(video_path);
    const answer want = run_by_hand(&d, 0, same, false);
    ck_assert_int_eq(want.steps, 2);
    avsound_scan *scan = start(&o);
    for (int i = 0; next(scan, &r); i++)
        for (int c = 0; i % 8 == 0 && c < 16; c++)
            sum += (double)r.cam[c];
    ck_assert_double_eq_tol(sum / 32, (double)want.logit, 1e-4 * fmax(1, fabs((double)want.logit)));
    ck_assert_double_gt(fabs((double)want.logit), 1e-2); /* else this says nothing */
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

/* The same weights, but learned from the middle of pictures half as large again. */
START_TEST(a_map_is_of_the_whole_picture)
{
    avsound_scan_options o = options_for(AVSOUND_SCAN_MAP);
    avsound_scan_result map, score;
    set_up();
    const filming film = {30000, 1001, LENGTH, false};
    write_recording(&film, 0.2);
    decoded d = decode(video_path);
    const float whole = run_by_hand(&d, 0, same, false).probability;
    avsound_model_free(model);
    ck_avsound(avsound_model_create(context, "multisensory", CONFIG(96), 3, &model));
    avsound_scan *scan = start(&o);
    ck_assert(next(scan, &map));
    ck_assert_float_eq(map.probability, whole);
    avsound_scan_free(scan);
    o.what = AVSOUND_SCAN_SCORE;
    scan = start(&o);
    ck_assert(next(scan, &score));
    ck_assert_float_ne(score.probability, whole);
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

/* ---- parts, and another sound ---- */

START_TEST(a_part_is_scored_by_itself_and_mapped_with_what_is_around)
{
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    int64_t count = 0;
    set_up();
    const filming film = {30, 1, 90, false};
    write_recording(&film, 0.2);
    o.start_us = 1000000;
    o.duration_us = 500000; /* 14.985 of the network's pictures: 15 */
    avsound_scan *scan = start(&o);
    ck_assert_int_eq(avsound_scan_expected(scan), 1);
    ck_assert(next(scan, &r));
    ck_assert_int_eq(r.padded, 1);
    ck_assert_int_eq(r.seen_us, us_at(15));
    ck_assert_int_eq(r.time_us, 1000000 + us_at(7.5));
    ck_assert(!next(scan, &r));
    avsound_scan_free(scan);
    o.what = AVSOUND_SCAN_MAP;
    scan = start(&o);
    for (; next(scan, &r); count++) {
        ck_assert_int_eq(r.padded, 0);
        ck_assert_int_eq(r.time_us, 1000000 + llround((double)count * 1e6 / 30));
    }
    ck_assert_int_eq(count, 15);
    avsound_scan_free(scan);
    o.what = AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME;
    o.hop_seconds = 0.25;
    scan = start(&o);
    for (count = 0; next(scan, &r); count++)
        ck_assert_int_eq(r.time_us, 1000000 + 250000 * count);
    ck_assert_int_eq(count, 2);
    avsound_scan_free(scan);
    tear_down();
}
END_TEST

START_TEST(another_sound_is_heard_over_and_over)
{
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    set_up();
    write_recording(&ordinary, 0.2);
    write_wav(other_path, 9000, 0.1, 11);
    decoded d = {0};
    read_pictures(&d);
    read_sound(&d, other_path);
    ck_assert_int_eq(d.samples, 9000);
    o.audio_path = other_path;
    o.hop_seconds = 12 / frame_rate;
    avsound_scan *scan = start(&o);
    for (int64_t first = 0; first <= 24; first += 12) {
        ck_assert(next(scan, &r));
        ck_assert_float_eq(r.probability, run_by_hand(&d, first, same, true).probability);
    }
    avsound_scan_free(scan);
    o.start_us = us_at(20); /* the other file's sound goes on from where it began with the pictures */
    o.duration_us = us_at(16);
    scan = start(&o);
    ck_assert(next(scan, &r));
    ck_assert_float_eq_tol(r.probability, run_by_hand(&d, 20, same, true).probability, 1e-5f);
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

/* ---- odd recordings ---- */

START_TEST(what_is_too_short_is_filled_up)
{
    static const filming film = {30000, 1001, 10, false};
    const avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    set_up();
    write_recording(&film, 0.2);
    decoded d = decode(video_path);
    avsound_scan *scan = start(&o);
    ck_assert_int_eq(avsound_scan_expected(scan), 1);
    ck_assert(next(scan, &r));
    ck_assert_int_eq(r.padded, 1);
    ck_assert_int_eq(r.seen_us, us_at(10));
    ck_assert_int_eq(r.time_us, us_at(5));
    ck_assert_float_eq(r.probability, run_by_hand(&d, 0, same, false).probability);
    ck_assert_float_eq_tol(r.rms, 0.2f / sqrtf(3), 2e-2f); /* of what there is to hear */
    ck_assert(!next(scan, &r));
    avsound_scan_free(scan);
    drop(&d);
    tear_down();
}
END_TEST

START_TEST(pictures_of_any_rate)
{
    static const struct {
        filming film;
        int (*picture_at)(int64_t);
    } cases[] = {{{25, 1, 20, false}, of_25}, {{60, 1, 48, false}, of_60}};
    const avsound_scan_options score = options_for(AVSOUND_SCAN_SCORE), maps = options_for(AVSOUND_SCAN_MAP);
    avsound_scan_result r;
    set_up();
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        write_recording(&cases[c].film, 0.2);
        decoded d = decode(video_path);
        avsound_scan *scan = start(&score);
        ck_assert(next(scan, &r));
        ck_assert_float_eq(r.probability, run_by_hand(&d, 0, cases[c].picture_at, false).probability);
        avsound_scan_free(scan);
        int count = 0;
        for (scan = start(&maps); next(scan, &r);)
            count++;
        ck_assert_int_eq(count, cases[c].film.frames);
        avsound_scan_free(scan);
        drop(&d);
    }
    tear_down();
}
END_TEST

START_TEST(silence_and_stills_have_no_confidence)
{
    static const filming still = {30000, 1001, 20, true}, moves = {30000, 1001, 20, false};
    static const struct {
        const filming *film;
        double level;
        float confidence;
    } cases[] = {{&moves, 0.2, 1}, {&still, 0.2, 0}, {&moves, 0, 0}};
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    set_up();
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        for (int maps = 0; maps < 2; maps++) {
            write_recording(cases[c].film, cases[c].level);
            o.what = maps ? AVSOUND_SCAN_MAP : AVSOUND_SCAN_SCORE;
            avsound_scan *scan = start(&o);
            ck_assert(next(scan, &r));
            ck_assert_float_eq_tol(r.confidence, cases[c].confidence, 1e-6f);
            avsound_scan_free(scan);
        }
    tear_down();
}
END_TEST

START_TEST(what_cannot_be_scanned_is_refused)
{
    static const filming film = {30, 1, 10, false};
    avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan *scan;
    set_up();
    write_wav(wav_path, RATE, 0.2, 1);
    ck_refused(avsound_scan_create(model, wav_path, &o, &scan), AVSOUND_E_STATE, "no pictures");
    write_video(&film, NULL);
    ck_refused(avsound_scan_create(model, video_path, &o, &scan), AVSOUND_E_STATE, "no sound");
    o.what = AVSOUND_SCAN_SCORE | AVSOUND_SCAN_EMBED_IMAGE;
    ck_refused(avsound_scan_create(model, video_path, &o, &scan), AVSOUND_E_UNSUPPORTED, "no embeddings");
    ck_assert_ptr_null(scan);
    tear_down();
}
END_TEST

START_TEST(cancelled_scans_stop)
{
    const avsound_scan_options o = options_for(AVSOUND_SCAN_SCORE);
    avsound_scan_result r;
    set_up();
    write_recording(&ordinary, 0.2);
    avsound_scan *scan = start(&o);
    ck_assert(next(scan, &r));
    avsound_scan_cancel(scan);
    ck_assert_int_eq(avsound_scan_next(scan, &r), AVSOUND_E_CANCELLED);
    avsound_scan_free(scan);
    tear_down();
}
END_TEST

/* ---- memory ---- */

static avsound_status scan_all(avsound_model *of)
{
    const avsound_scan_options o = options_for(AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME);
    avsound_scan_result r = {.struct_size = sizeof r};
    avsound_scan *scan;
    avsound_status status = avsound_scan_create(of, video_path, &o, &scan);
    while (!status)
        status = avsound_scan_next(scan, &r);
    avsound_scan_free(scan);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

START_TEST(refused_memory_leaves_nothing)
{
    static const filming film = {30, 1, 4, false};
    failing f;
    avsound_model *counted;
    set_up();
    write_recording(&film, 0.2);
    avsound_context *refusing = failing_context(&f);
    ck_avsound(avsound_model_create(refusing, "multisensory", CONFIG(64), 3, &counted));
    ck_avsound(scan_all(counted)); /* packed weights stay with the model */
    ck_survives_refusals(&f, scan_all(counted), (void)0);
    avsound_model_free(counted);
    avsound_context_free(refusing);
    ck_assert_int_eq(f.held, 0);
    tear_down();
}
END_TEST

SUITE("api.clip_scan", a_stretch_has_the_networks_probability, a_stretch_has_its_classes,
      hops_of_any_length, maps_fade_from_window_to_window,
      every_picture_of_any_length_has_a_map, the_mean_of_the_map_is_the_logit, a_map_is_of_the_whole_picture,
      a_part_is_scored_by_itself_and_mapped_with_what_is_around, another_sound_is_heard_over_and_over,
      what_is_too_short_is_filled_up, pictures_of_any_rate, silence_and_stills_have_no_confidence,
      what_cannot_be_scanned_is_refused, cancelled_scans_stop, refused_memory_leaves_nothing)
