/* A stream delivers what the file path delivers of the same recording, however it is cut into pieces, no later than stated, in
 * bounded memory. The file path is the witness: it has others of its own. */
#include "contract/fixture.h"
#include "stream_pieces.h"

static const char narrow_sync[] = "{\"width\": 0.0625}";

/* ---- a recording ---- */

enum { RATE = 44100, PIECES = 4 };

static avsound_context *context;
static char folder[64], wav[96], clip[96];
static film *recording;

static void put(FILE *file, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 255), file);
}

/* Two different channels at a rate that no network has, with a rest in the middle. */
static void write_stereo(const char *path, double seconds)
{
    const uint32_t frames = (uint32_t)(seconds * RATE), bytes = 4 * frames;
    uint32_t noise = 1;
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fwrite("RIFF", 1, 4, file);
    put(file, 36 + bytes, 4);
    fwrite("WAVEfmt ", 1, 8, file);
    put(file, 16, 4);
    put(file, 1, 2);
    put(file, 2, 2);
    put(file, RATE, 4);
    put(file, 4 * RATE, 4);
    put(file, 4, 2);
    put(file, 16, 2);
    fwrite("data", 1, 4, file);
    put(file, bytes, 4);
    for (uint32_t i = 0; i < frames; i++) {
        const double t = (double)i / RATE, loud = t > 1 && t < 1.5 ? 0 : 1;
        noise = noise * 1664525u + 1013904223u;
        put(file, (uint16_t)(int16_t)(loud * 9000 * sin(6.2831853 * (200 + 300 * t) * t)), 2);
        put(file, (uint16_t)(int16_t)(loud * (6000 * sin(6.2831853 * 3000 * t) + (double)(noise >> 20) - 2048)), 2);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void begin(double seconds)
{
    context = plain_context();
    make_folder(folder);
    snprintf(wav, sizeof wav, "%s/sound.wav", folder);
    snprintf(clip, sizeof clip, "%s/clip.mkv", folder);
    write_stereo(wav, seconds);
    write_clip(context, clip, wav, (int)(seconds * 25));
    recording = film_of_file(context, clip);
    ck_assert_int_eq(recording->frame_count, (int)(seconds * 25));
}

static void end(avsound_model *model)
{
    film_free(recording);
    avsound_model_free(model);
    avsound_context_free(context);
    remove_folder(folder);
}

/* ---- what came out, as numbers in a row ---- */

typedef struct numbers {
    double *values;
    size_t count, capacity, results;
} numbers;

static void add(numbers *n, double value)
{
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? 2 * n->capacity : 1024;
        n->values = realloc(n->values, n->capacity * sizeof *n->values);
        ck_assert_ptr_nonnull(n->values);
    }
    n->values[n->count++] = value;
}

static void add_floats(numbers *n, const float *values, int64_t count)
{
    for (int64_t i = 0; values && i < count; i++)
        add(n, (double)values[i]);
}

static void add_scan(numbers *n, const avsound_scan_result *r, int64_t shift_us)
{
    n->results++;
    add(n, (double)(r->time_us - shift_us));
    add(n, (double)r->probability);
    add(n, (double)r->confidence);
    add(n, (double)r->rms);
    add_floats(n, r->embedding_image, r->dimension);
    add_floats(n, r->embedding_audio, r->dimension);
    add_floats(n, r->map, r->rows * r->cols);
    add_floats(n, r->cam, r->rows * r->cols);
    if (r->frame)
        add(n, (double)(r->frame->time_us - shift_us));
}

static void add_offset(numbers *n, const avsound_offset_result *r)
{
    n->results++;
    const double values[] = {r->verdict,    r->notes,     r->offset_ms, r->low_ms,  r->high_ms,         r->confidence,
                             r->likelihood, r->agreement, r->drift,     r->seconds, r->compared_seconds, r->frame_ms};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        add(n, values[i]);
}

static void add_separation(numbers *n, const avsound_separator_result *r, int64_t shift_us)
{
    n->results++;
    add(n, (double)(r->time_us - shift_us));
    add(n, (double)r->sample);
    add(n, (double)r->rms);
    add_floats(n, r->on, r->samples);
    add_floats(n, r->off, r->samples);
    add_floats(n, r->mixture, r->samples);
}

static void add_result(numbers *n, const avsound_stream_result *r, int64_t shift_us)
{
    if (r->scan)
        add_scan(n, r->scan, shift_us);
    if (r->offset)
        add_offset(n, r->offset);
    if (r->separation)
        add_separation(n, r->separation, shift_us);
}

/* Nothing but rounding apart. */
static void check_equal(const numbers *stream, const numbers *file)
{
    ck_assert_uint_gt(file->results, 0);
    ck_assert_uint_eq(stream->results, file->results);
    ck_assert_uint_eq(stream->count, file->count);
    for (size_t i = 0; i < file->count; i++)
        ck_assert_msg((isnan(stream->values[i]) && isnan(file->values[i])) ||
                          fabs(stream->values[i] - file->values[i]) <= 1e-6 * fmax(1, fabs(file->values[i])),
                      "number %zu of %zu: %.9g by the stream, %.9g by the file", i, file->count, stream->values[i],
                      file->values[i]);
}

/* ---- the file path ---- */

static numbers of_file(avsound_model *model, const avsound_stream_options *o)
{
    numbers n = {0};
    avsound_status status = AVSOUND_OK;
    avsound_scan *scan = NULL;
    avsound_offset *offset = NULL;
    avsound_separator *separator = NULL;
    if (o->scan)
        ck_avsound(avsound_scan_create(model, clip, o->scan, &scan));
    if (o->offset)
        ck_avsound(avsound_offset_create(model, clip, o->offset, &offset));
    if (o->separator)
        ck_avsound(avsound_separator_create(model, clip, o->separator, &separator));
    while (!status) {
        avsound_scan_result r = {.struct_size = sizeof r};
        avsound_offset_result f = {.struct_size = sizeof f};
        avsound_separator_result s = {.struct_size = sizeof s};
        status = scan     ? avsound_scan_next(scan, &r)
                 : offset ? avsound_offset_next(offset, NULL)
                          : avsound_separator_next(separator, &s);
        if (status)
            break;
        if (scan)
            add_scan(&n, &r, 0);
        if (separator)
            add_separation(&n, &s, 0);
        if (offset) {
            ck_avsound(avsound_offset_get_result(offset, &f));
            add_offset(&n, &f);
        }
    }
    ck_assert_msg(status == AVSOUND_E_END, "%s", avsound_error_detail());
    avsound_scan_free(scan);
    avsound_offset_free(offset);
    avsound_separator_free(separator);
    return n;
}

/* ---- the stream ---- */

/* Takes what there is. `reached_us`: what was there before the last push must not have sufficed for a result now. */
static avsound_status pull(avsound_stream *stream, numbers *n, int64_t reached_us)
{
    avsound_stream_result r = {.struct_size = sizeof r};
    avsound_status status;
    const int64_t latency_us = llround(1e6 * avsound_stream_latency(stream));
    while ((status = avsound_stream_next(stream, &r)) == AVSOUND_OK) {
        add_result(n, &r, recording->shift_us);
        const int64_t time_us = r.time_us - recording->shift_us;
        ck_assert_msg(reached_us == INT64_MAX || reached_us < time_us + latency_us,
                      "the result of %.3f s is stated to come %.3f s later, %.3f s were there", (double)time_us * 1e-6,
                      (double)latency_us * 1e-6, (double)reached_us * 1e-6);
    }
    return status;
}

static int64_t reached(const film *f)
{
    return film_seen(f) < film_heard(f) ? film_seen(f) : film_heard(f);
}

static numbers of_stream(avsound_model *model, const avsound_stream_options *o, bool sees, bool hears, uint32_t seed)
{
    static const uint32_t sizes[PIECES] = {300, 1500, 20000, 400000};
    numbers n = {0};
    avsound_stream *stream = NULL;
    ck_avsound(avsound_stream_create(model, o, &stream));
    film_rewind(recording, seed);
    while (!film_ended(recording)) {
        const int64_t before = reached(recording);
        ck_avsound(film_push(recording, stream, sees, hears, sizes[seed % PIECES]));
        ck_assert_int_eq(pull(stream, &n, before), AVSOUND_E_AGAIN);
    }
    ck_avsound(avsound_stream_flush(stream));
    ck_assert_int_eq(pull(stream, &n, INT64_MAX), AVSOUND_E_END);
    avsound_stream_free(stream);
    return n;
}

static void check_task(avsound_model *model, avsound_stream_options o, bool sees, bool hears)
{
    o.struct_size = sizeof o;
    o.rate_num = recording->rate_num;
    o.rate_den = recording->rate_den;
    o.patience_us = -1; /* a piece may be as long as all of it */
    const numbers file = of_file(model, &o);
    for (uint32_t seed = 0; seed < PIECES; seed++) {
        recording->shift_us = seed == 1 ? -123456789 : seed == 2 ? 86400000000000 : 0;
        numbers stream = of_stream(model, &o, sees, hears, seed);
        check_equal(&stream, &file);
        free(stream.values);
    }
    free(file.values);
}

static avsound_scan_options scan_of(int32_t what, double hop)
{
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    o.what = what;
    o.hop_seconds = hop;
    o.threads = 1;
    return o;
}

START_TEST(pictures_and_sounds_are_embedded_and_scored)
{
    begin(2.4);
    avsound_model *model = narrow_model(context, "ave-net");
    const int32_t both = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO;
    const avsound_scan_options all = scan_of(both | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME, 0), grid = scan_of(both, 0.1),
                               seen = scan_of(AVSOUND_SCAN_EMBED_IMAGE, 0), heard = scan_of(AVSOUND_SCAN_EMBED_AUDIO, 0);
    check_task(model, (avsound_stream_options){.scan = &all}, true, true);
    check_task(model, (avsound_stream_options){.scan = &grid}, true, true);
    check_task(model, (avsound_stream_options){.scan = &seen}, true, false);
    check_task(model, (avsound_stream_options){.scan = &heard}, false, true);
    end(model);
}
END_TEST

START_TEST(sounds_are_localised)
{
    begin(2.4);
    avsound_model *model = narrow_model(context, "avol-net");
    const avsound_scan_options each = scan_of(AVSOUND_SCAN_MAP, 0), grid = scan_of(AVSOUND_SCAN_MAP, 0.25);
    check_task(model, (avsound_stream_options){.scan = &each}, true, true);
    check_task(model, (avsound_stream_options){.scan = &grid}, true, true);
    end(model);
}
END_TEST

START_TEST(sounds_that_overlap_share_work)
{
    begin(5);
    avsound_model *model = narrow_model(context, "ave-net"), *maps = narrow_model(context, "avol-net");
    avsound_scan_options heard = scan_of(AVSOUND_SCAN_EMBED_AUDIO, 0.08), scored = scan_of(AVSOUND_SCAN_SCORE, 0),
                         localised = scan_of(AVSOUND_SCAN_MAP, 0.25);
    heard.dense = scored.dense = localised.dense = 1;
    check_task(model, (avsound_stream_options){.scan = &heard}, false, true);
    check_task(model, (avsound_stream_options){.scan = &scored}, true, true);
    check_task(maps, (avsound_stream_options){.scan = &localised}, true, true);
    avsound_model_free(maps);
    end(model);
}
END_TEST

START_TEST(clips_are_scored_and_localised)
{
    begin(2);
    avsound_model *model = narrow_model(context, "multisensory");
    const avsound_scan_options scores = scan_of(AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME, 0),
                               maps = scan_of(AVSOUND_SCAN_MAP, 0), grid = scan_of(AVSOUND_SCAN_MAP, 0.1);
    check_task(model, (avsound_stream_options){.scan = &scores}, true, true);
    check_task(model, (avsound_stream_options){.scan = &maps}, true, true);
    check_task(model, (avsound_stream_options){.scan = &grid}, true, true);
    end(model);
}
END_TEST

START_TEST(sound_is_taken_apart)
{
    static const char *const archs[] = {"mask-net", "mask-net-pit", "separator"};
    begin(3);
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        avsound_model *model = narrow_model(context, archs[i]);
        avsound_separator_options o;
        avsound_separator_options_init(&o, sizeof o);
        o.threads = 1;
        o.flags = i ? 0 : AVSOUND_SEPARATE_CONSISTENT;
        check_task(model, (avsound_stream_options){.separator = &o}, i != 1, true);
        avsound_model_free(model);
    }
    end(NULL);
}
END_TEST

static avsound_offset_options offset_of(double window)
{
    avsound_offset_options o;
    avsound_offset_options_init(&o, sizeof o);
    o.threads = 1;
    o.range_seconds = 0.4;
    o.window_seconds = window;
    return o;
}

static avsound_model *sync_model(void)
{
    avsound_model *model = NULL;
    ck_avsound(avsound_model_create(context, "sync-net", narrow_sync, 7, &model));
    return model;
}

START_TEST(clips_are_localised_by_their_lags)
{
    begin(4);
    avsound_model *model = sync_model();
    const avsound_scan_options maps = scan_of(AVSOUND_SCAN_MAP | AVSOUND_SCAN_SCORE, 0), scores = scan_of(AVSOUND_SCAN_SCORE, 0.3);
    check_task(model, (avsound_stream_options){.scan = &maps}, true, true);
    check_task(model, (avsound_stream_options){.scan = &scores}, true, true);
    end(model);
}
END_TEST

START_TEST(offsets_are_measured)
{
    begin(4);
    avsound_model *model = sync_model();
    const avsound_offset_options o = offset_of(10);
    check_task(model, (avsound_stream_options){.offset = &o}, true, true);
    end(model);
}
END_TEST

/* A window that holds all equals the file; a shorter one tells of its own seconds, and no more. */
START_TEST(an_offset_is_of_the_last_seconds)
{
    begin(12);
    avsound_model *model = sync_model();
    const avsound_offset_options o = offset_of(2);
    const avsound_stream_options options = {.struct_size = sizeof options, .offset = &o};
    avsound_stream *stream = NULL;
    avsound_stream_result r = {.struct_size = sizeof r};
    int results = 0, silent = 0;
    ck_avsound(avsound_stream_create(model, &options, &stream));
    memset(recording->samples + 5LL * RATE * recording->channels, 0,
           (size_t)(recording->sample_count - 5LL * RATE) * (size_t)recording->channels * sizeof(float));
    film_rewind(recording, 5);
    while (!film_ended(recording)) {
        ck_avsound(film_push(recording, stream, true, true, 9000));
        while (avsound_stream_next(stream, &r) == AVSOUND_OK) {
            const double at = (double)r.time_us * 1e-6;
            ck_assert_double_le(r.offset->seconds, 2 + 2 * 1.6);
            ck_assert_double_le(r.offset->compared_seconds, r.offset->seconds + 1e-9);
            if (at > 5 + 2 + 2 * 1.28)
                ck_assert_int_eq(r.offset->verdict, AVSOUND_OFFSET_SILENT);
            else if (at < 4)
                ck_assert_int_ne(r.offset->verdict, AVSOUND_OFFSET_SILENT);
            silent += r.offset->verdict == AVSOUND_OFFSET_SILENT;
            results++;
        }
    }
    ck_assert_int_ge(results, 6);
    ck_assert_int_ge(silent, 2);
    avsound_stream_free(stream);
    end(model);
}
END_TEST

/* ---- memory ---- */

typedef struct meter {
    atomic_llong held, most;
} meter;

typedef struct head {
    size_t size;
    size_t lead;
} head;

static void *metered_alloc(size_t size, size_t align, void *user_data)
{
    meter *m = user_data;
    const size_t lead = align > sizeof(head) ? align : 64;
    char *block = aligned_alloc(lead, (size + 2 * lead - 1) / lead * lead);
    if (!block)
        return NULL;
    *(head *)(void *)(block + lead - sizeof(head)) = (head){size, lead};
    const long long held = atomic_fetch_add(&m->held, (long long)size) + (long long)size;
    if (held > atomic_load(&m->most))
        atomic_store(&m->most, held);
    return block + lead;
}

static void metered_dealloc(void *ptr, void *user_data)
{
    const head h = *(head *)(void *)((char *)ptr - sizeof(head));
    atomic_fetch_sub(&((meter *)user_data)->held, (long long)h.size);
    free((char *)ptr - h.lead);
}

/* The same film again and again, without a gap. */
static void push_rounds(avsound_stream *stream, int rounds)
{
    avsound_stream_result r = {.struct_size = sizeof r};
    const int64_t lasts_us = (int64_t)recording->frame_count * 40000;
    for (int round = 0; round < rounds; round++) {
        recording->shift_us = round * lasts_us;
        film_rewind(recording, (uint32_t)round);
        while (!film_ended(recording)) {
            ck_avsound(film_push(recording, stream, true, true, 3000));
            while (avsound_stream_next(stream, &r) == AVSOUND_OK)
                continue;
        }
    }
}

START_TEST(memory_does_not_grow_with_the_stream)
{
    begin(2.4);
    meter m = {0};
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.user_data = &m;
    options.alloc = metered_alloc;
    options.dealloc = metered_dealloc;
    avsound_context *metered = NULL;
    ck_avsound(avsound_context_create(&options, &metered));
    avsound_model *model = narrow_model(metered, "ave-net");
    const avsound_scan_options scan = scan_of(AVSOUND_SCAN_SCORE, 0.2);
    const avsound_stream_options o = {.struct_size = sizeof o, .scan = &scan};
    avsound_stream *stream = NULL;
    ck_avsound(avsound_stream_create(model, &o, &stream));
    push_rounds(stream, 2);
    const long long soon = atomic_load(&m.most);
    avsound_stream_reset(stream);
    push_rounds(stream, 20);
    /* less than two seconds of the sound, by which pieces in another order may be apart */
    ck_assert_int_le(atomic_load(&m.most), soon + 2 * 48000 * (long long)sizeof(float));
    avsound_stream_state state = {.struct_size = sizeof state};
    ck_avsound(avsound_stream_get_state(stream, &state));
    ck_assert_int_eq(state.frames, 20 * recording->frame_count);
    ck_assert_int_eq(state.results, 1 + (20 * 2400 - 600) / 200); /* a time, and half a second of sound behind it */
    avsound_stream_free(stream);
    avsound_model_free(model);
    avsound_context_free(metered);
    ck_assert_int_eq(atomic_load(&m.held), 0);
    end(NULL);
}
END_TEST

SUITE("stream", pictures_and_sounds_are_embedded_and_scored, sounds_are_localised, sounds_that_overlap_share_work,
      clips_are_scored_and_localised, clips_are_localised_by_their_lags,
      sound_is_taken_apart, offsets_are_measured, an_offset_is_of_the_last_seconds, memory_does_not_grow_with_the_stream)
