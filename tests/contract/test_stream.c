/* Streams: the order of calls, misuse, what is late, missing or too much. That they deliver what a file does is tested in
 * tests/unit/api/test_stream.c. */
#include "contract/fixture.h"

enum { RATE = 48000, WIDTH = 64, HEIGHT = 48, FRAME_US = 40000 };

/* ---- made-up pictures and sound ---- */

typedef struct world {
    avsound_context *context;
    avsound_model *model;
    avsound_stream *stream;
    avsound_frame frame;
    float *samples; /* a second */
} world;

static avsound_scan_options scan_options(int32_t what)
{
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    o.what = what;
    o.threads = 1;
    return o;
}

static void open_world(world *w, const char *arch, avsound_stream_options o)
{
    avsound_audio sound = make_audio(RATE, RATE, 3);
    *w = (world){.context = plain_context(), .frame = make_frame(WIDTH, HEIGHT, 1), .samples = (float *)(uintptr_t)sound.data};
    w->model = narrow_model(w->context, arch);
    o.struct_size = sizeof o;
    ck_avsound(avsound_stream_create(w->model, &o, &w->stream));
}

static void close_world(world *w)
{
    avsound_stream_free(w->stream);
    avsound_model_free(w->model);
    avsound_context_free(w->context);
    drop_frame(&w->frame);
    free(w->samples);
}

/* Scores of every frame. */
static void open_scores(world *w, avsound_stream_options o)
{
    const avsound_scan_options scan = scan_options(AVSOUND_SCAN_SCORE);
    o.scan = &scan;
    open_world(w, "ave-net", o);
}

static avsound_status show(world *w, int64_t time_us)
{
    w->frame.time_us = time_us;
    return avsound_stream_push_frame(w->stream, &w->frame);
}

static avsound_audio sound_of(const world *w, int64_t time_us, int64_t samples)
{
    return (avsound_audio){.struct_size = sizeof(avsound_audio), .format = AVSOUND_SAMPLE_F32, .sample_rate = RATE, .channels = 1,
                           .frames = samples, .data = w->samples, .time_us = time_us};
}

static avsound_status play(world *w, int64_t time_us, int64_t samples)
{
    const avsound_audio sound = sound_of(w, time_us, samples);
    return avsound_stream_push_audio(w->stream, &sound);
}

/* Pictures and sound from one time to another, in step. */
static void show_and_play(world *w, int64_t from_us, int64_t until_us)
{
    for (int64_t t = from_us; t < until_us; t += FRAME_US) {
        ck_avsound(show(w, t));
        ck_avsound(play(w, t, RATE / 25));
    }
}

typedef struct tally {
    int count;
    int64_t first_us, last_us, newest_us;
    int32_t segment;
    float rms;
    avsound_status status;
} tally;

/* All there is. */
static tally pull(world *w)
{
    tally t = {0};
    avsound_stream_result r = {.struct_size = sizeof r};
    while ((t.status = avsound_stream_next(w->stream, &r)) == AVSOUND_OK) {
        ck_assert_ptr_nonnull(r.scan);
        ck_assert(!t.count || r.time_us > t.last_us || r.segment > t.segment);
        ck_assert_int_eq(r.scan->time_us, r.time_us);
        ck_assert_int_ge(r.newest_us, r.time_us);
        t.first_us = t.count++ ? t.first_us : r.time_us;
        t.last_us = r.time_us;
        t.newest_us = r.newest_us;
        t.segment = r.segment;
        t.rms = r.scan->rms;
    }
    return t;
}

static avsound_stream_state state_of(const world *w)
{
    avsound_stream_state state = {.struct_size = sizeof state};
    ck_avsound(avsound_stream_get_state(w->stream, &state));
    return state;
}

/* ---- arguments ---- */

START_TEST(options_init_stays_within_struct_size)
{
    avsound_stream_options o;
    memset(&o, 0x5a, sizeof o);
    avsound_stream_options_init(&o, sizeof o);
    ck_assert_uint_eq(o.struct_size, sizeof o);
    ck_assert(!o.scan && !o.offset && !o.separator && o.patience_us == 0 && o.most_bytes == 0);
    memset(&o, 0x5a, sizeof o);
    avsound_stream_options_init(&o, 8);
    ck_assert_int_eq(o.rate_num, 0);
    ck_assert_int_eq(o.rate_den, 0x5a5a5a5a);
    avsound_stream_options_init(NULL, sizeof o);
}
END_TEST

static void refuse(avsound_model *model, avsound_stream_options o, avsound_status status, const char *words)
{
    avsound_stream *stream = (avsound_stream *)&o;
    o.struct_size = sizeof o;
    ck_refused(avsound_stream_create(model, &o, &stream), status, words);
    ck_assert_ptr_null(stream);
}

START_TEST(create_refuses_bad_arguments)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net"), *mask = narrow_model(context, "mask-net");
    avsound_model *sync = narrow_model(context, "sync-net");
    avsound_stream *stream = NULL;
    avsound_scan_options scan = scan_options(AVSOUND_SCAN_SCORE), map = scan_options(AVSOUND_SCAN_MAP);
    avsound_offset_options offset = {.struct_size = sizeof offset};
    avsound_separator_options separator = {.struct_size = sizeof separator};
    const avsound_stream_options good = {.struct_size = sizeof good, .scan = &scan};
    ck_refused(avsound_stream_create(model, &good, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_stream_create(NULL, &good, &stream), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_refused(avsound_stream_create(model, NULL, &stream), AVSOUND_E_INVALID_ARGUMENT, "options");
    refuse(model, (avsound_stream_options){0}, AVSOUND_E_INVALID_ARGUMENT, "0 of scan");
    refuse(model, (avsound_stream_options){.scan = &scan, .offset = &offset}, AVSOUND_E_INVALID_ARGUMENT, "2 of scan");
    refuse(model, (avsound_stream_options){.scan = &map}, AVSOUND_E_UNSUPPORTED, "map");
    refuse(model, (avsound_stream_options){.offset = &offset}, AVSOUND_E_UNSUPPORTED, "sync-net");
    refuse(model, (avsound_stream_options){.separator = &separator}, AVSOUND_E_UNSUPPORTED, "separates nothing");
    refuse(model, (avsound_stream_options){.scan = &scan, .rate_num = 25}, AVSOUND_E_INVALID_ARGUMENT, "25/0");
    refuse(model, (avsound_stream_options){.scan = &scan, .rate_num = -1, .rate_den = 1}, AVSOUND_E_INVALID_ARGUMENT, "-1/1");
    refuse(model, (avsound_stream_options){.scan = &scan, .rate_num = 2000, .rate_den = 1}, AVSOUND_E_INVALID_ARGUMENT, "2000/1");
    refuse(model, (avsound_stream_options){.scan = &scan, .most_bytes = -1}, AVSOUND_E_INVALID_ARGUMENT, "most_bytes");
    scan.start_us = 1;
    refuse(model, (avsound_stream_options){.scan = &scan}, AVSOUND_E_INVALID_ARGUMENT, "start_us");
    offset.window_seconds = 41;
    refuse(sync, (avsound_stream_options){.offset = &offset}, AVSOUND_E_INVALID_ARGUMENT, "window_seconds");
    offset.window_seconds = 0;
    offset.audio_delay_us = 1;
    refuse(sync, (avsound_stream_options){.offset = &offset}, AVSOUND_E_INVALID_ARGUMENT, "audio_delay_us");
    separator.flags = AVSOUND_SEPARATE_COMPAT;
    refuse(mask, (avsound_stream_options){.separator = &separator}, AVSOUND_E_INVALID_ARGUMENT, "COMPAT");
    avsound_model_free(model);
    avsound_model_free(mask);
    avsound_model_free(sync);
    avsound_context_free(context);
}
END_TEST

START_TEST(calls_check_their_arguments)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    avsound_stream_result r = {.struct_size = sizeof r};
    avsound_stream_state state = {.struct_size = 4};
    avsound_audio sound = sound_of(&w, 0, 100);
    ck_refused(avsound_stream_push_frame(NULL, &w.frame), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_push_frame(w.stream, NULL), AVSOUND_E_INVALID_ARGUMENT, "frame");
    ck_refused(avsound_stream_push_audio(NULL, &sound), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_push_audio(w.stream, NULL), AVSOUND_E_INVALID_ARGUMENT, "sound");
    ck_refused(avsound_stream_next(NULL, &r), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_next(w.stream, NULL), AVSOUND_E_INVALID_ARGUMENT, "result");
    ck_refused(avsound_stream_flush(NULL), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_discontinuity(NULL), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_get_state(NULL, &state), AVSOUND_E_INVALID_ARGUMENT, "stream");
    ck_refused(avsound_stream_get_state(w.stream, &state), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_assert_double_eq(avsound_stream_latency(NULL), 0);
    avsound_stream_reset(NULL);
    avsound_stream_cancel(NULL);
    avsound_stream_free(NULL);
    sound.channels = 0;
    ck_refused(avsound_stream_push_audio(w.stream, &sound), AVSOUND_E_INVALID_ARGUMENT, "channels");
    w.frame.width = 0;
    ck_refused(show(&w, 0), AVSOUND_E_INVALID_ARGUMENT, "size");
    w.frame.width = WIDTH;
    ck_refused(show(&w, INT64_MAX), AVSOUND_E_INVALID_ARGUMENT, "2^60");
    ck_refused(play(&w, INT64_MIN, 100), AVSOUND_E_INVALID_ARGUMENT, "2^60");
    ck_assert_int_eq(state_of(&w).frames + state_of(&w).samples, 0);
    show_and_play(&w, 0, 2000000);
    ck_assert_int_gt(pull(&w).count, 0); /* nothing above did harm */
    close_world(&w);
}
END_TEST

START_TEST(a_task_takes_what_it_needs)
{
    const avsound_scan_options seen = scan_options(AVSOUND_SCAN_EMBED_IMAGE), heard = scan_options(AVSOUND_SCAN_EMBED_AUDIO);
    world w;
    open_world(&w, "ave-net", (avsound_stream_options){.scan = &seen});
    ck_refused(play(&w, 0, 100), AVSOUND_E_STATE, "takes no sound");
    ck_avsound(show(&w, 0));
    ck_assert_int_eq(pull(&w).count, 1); /* at once */
    close_world(&w);
    open_world(&w, "ave-net", (avsound_stream_options){.scan = &heard});
    ck_refused(show(&w, 0), AVSOUND_E_STATE, "takes no frame");
    ck_avsound(play(&w, 0, RATE));
    ck_assert_int_gt(pull(&w).count, 5);
    close_world(&w);
}
END_TEST

/* ---- the order of calls ---- */

START_TEST(a_stream_goes_on_until_it_is_flushed)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_AGAIN);
    ck_avsound(show(&w, 5000000));
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_AGAIN); /* sound might come that is earlier */
    ck_avsound(play(&w, 5000000, RATE / 25));
    show_and_play(&w, 5040000, 6000000);
    tally t = pull(&w);
    ck_assert_int_eq(t.status, AVSOUND_E_AGAIN);
    ck_assert_int_eq(t.first_us, 5000000);
    ck_assert_int_gt(t.count, 10);
    const int64_t last_us = t.last_us;
    ck_avsound(avsound_stream_flush(w.stream));
    ck_refused(show(&w, 6000000), AVSOUND_E_STATE, "reset");
    ck_refused(play(&w, 6000000, 10), AVSOUND_E_STATE, "reset");
    ck_refused(avsound_stream_discontinuity(w.stream), AVSOUND_E_STATE, "reset");
    t = pull(&w);
    ck_assert_int_eq(t.status, AVSOUND_E_END);
    ck_assert_int_eq(t.first_us, last_us + FRAME_US);
    ck_assert_int_eq(t.last_us, 5960000);
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_END);
    ck_avsound(avsound_stream_flush(w.stream));
    ck_assert_int_eq(state_of(&w).results, 25);
    ck_assert_int_eq(state_of(&w).bytes, 0);
    close_world(&w);
}
END_TEST

START_TEST(an_empty_stream_ends)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    ck_avsound(avsound_stream_discontinuity(w.stream));
    ck_avsound(avsound_stream_flush(w.stream));
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_END);
    avsound_stream_reset(w.stream);
    ck_avsound(play(&w, 0, RATE)); /* and no picture */
    ck_avsound(avsound_stream_flush(w.stream));
    ck_assert_int_eq(pull(&w).count, 0);
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_END);
    close_world(&w);
}
END_TEST

START_TEST(a_reset_forgets)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    show_and_play(&w, 9000000, 10000000);
    const tally before = pull(&w);
    avsound_stream_reset(w.stream);
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_AGAIN);
    ck_assert_int_eq(state_of(&w).frames, 0);
    avsound_stream_cancel(w.stream);
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_CANCELLED);
    avsound_stream_reset(w.stream);
    show_and_play(&w, -1000000, 0);
    const tally after = pull(&w);
    ck_assert_int_eq(after.count, before.count);
    ck_assert_int_eq(after.first_us, -1000000);
    ck_assert_int_eq(after.segment, 0);
    ck_assert_float_eq(after.rms, before.rms);
    close_world(&w);
}
END_TEST

/* Two recordings on clocks of their own: each comes out whole, as by itself. */
START_TEST(a_discontinuity_begins_another_recording)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    show_and_play(&w, 7000000, 8000000);
    ck_refused(show(&w, 100000000), AVSOUND_E_INVALID_ARGUMENT, "discontinuity");
    ck_refused(play(&w, -100000000, 10), AVSOUND_E_INVALID_ARGUMENT, "discontinuity");
    w.frame.height = HEIGHT / 2;
    ck_refused(show(&w, 8000000), AVSOUND_E_INVALID_ARGUMENT, "discontinuity");
    ck_avsound(avsound_stream_discontinuity(w.stream));
    ck_avsound(avsound_stream_discontinuity(w.stream));
    show_and_play(&w, 1000000, 2000000);
    avsound_stream_result r = {.struct_size = sizeof r};
    for (int i = 0; i < 25; i++) {
        ck_avsound(avsound_stream_next(w.stream, &r));
        ck_assert_int_eq(r.segment, 0);
        ck_assert_int_eq(r.time_us, 7000000 + i * FRAME_US);
        ck_assert_int_eq(r.index, i);
    }
    ck_avsound(avsound_stream_next(w.stream, &r));
    ck_assert_int_eq(r.segment, 1);
    ck_assert_int_eq(r.time_us, 1000000);
    ck_assert_int_eq(r.index, 25);
    ck_avsound(avsound_stream_flush(w.stream));
    const tally t = pull(&w);
    ck_assert_int_eq(t.count, 24);
    ck_assert_int_eq(t.status, AVSOUND_E_END);
    ck_assert_int_eq(state_of(&w).frames, 50);
    close_world(&w);
}
END_TEST

START_TEST(free_in_any_order)
{
    world w;
    open_scores(&w, (avsound_stream_options){0});
    avsound_model_free(w.model);
    avsound_context_free(w.context);
    w.model = NULL;
    w.context = NULL;
    show_and_play(&w, 0, 1000000);
    ck_assert_int_gt(pull(&w).count, 0);
    close_world(&w);
}
END_TEST

/* ---- late and missing ---- */

START_TEST(gaps_are_silent_and_overlaps_cut)
{
    world w;
    open_scores(&w, (avsound_stream_options){.patience_us = -1});
    ck_avsound(show(&w, 0));
    ck_avsound(play(&w, 0, RATE / 2));
    ck_avsound(play(&w, 503000, RATE / 2));  /* jitter: no gap */
    ck_avsound(play(&w, 1500000, RATE / 2)); /* half a second is missing */
    ck_assert_int_eq(state_of(&w).stand_in_samples, RATE / 2);
    ck_avsound(play(&w, 1750000, RATE / 2)); /* a quarter comes again */
    ck_assert_int_eq(state_of(&w).late_samples, RATE / 4);
    ck_avsound(play(&w, 100000, 480)); /* long past */
    ck_assert_int_eq(state_of(&w).late_samples, RATE / 4 + 480);
    for (int64_t t = FRAME_US; t < 1400000; t += FRAME_US)
        ck_avsound(show(&w, t));
    ck_avsound(show(&w, 40000)); /* was there already */
    ck_assert_int_eq(state_of(&w).late_frames, 1);
    const tally t = pull(&w);
    ck_assert_int_eq(t.last_us, 1360000);
    close_world(&w);
}
END_TEST

START_TEST(missing_sound_is_silence_after_a_while)
{
    world w;
    open_scores(&w, (avsound_stream_options){.patience_us = 500000});
    for (int64_t t = 0; t <= 500000; t += FRAME_US)
        ck_avsound(show(&w, t));
    ck_assert_int_eq(pull(&w).count, 0);
    for (int64_t t = 520000; t <= 3000000; t += FRAME_US)
        ck_avsound(show(&w, t));
    tally t = pull(&w);
    ck_assert_int_gt(t.count, 40);
    ck_assert_float_eq(t.rms, 0);
    /* sound that comes after all is heard from where silence ended */
    const int64_t silent_until = 3000000 - 500000;
    ck_avsound(play(&w, 2000000, RATE));
    ck_assert_int_ge(state_of(&w).late_samples, (silent_until - 2000000) * RATE / 1000000 - RATE / 25);
    ck_avsound(play(&w, 3000000, RATE));
    t = pull(&w);
    ck_assert_int_eq(t.last_us, 3480000); /* then pictures are missing for half a second */
    ck_assert_float_gt(t.rms, 0.1f);
    close_world(&w);
}
END_TEST

START_TEST(a_missing_picture_is_the_last_one)
{
    world w;
    open_scores(&w, (avsound_stream_options){.patience_us = 500000});
    ck_avsound(show(&w, 0));
    ck_avsound(play(&w, 0, RATE));
    ck_avsound(play(&w, 1000000, RATE));
    ck_assert_int_eq(state_of(&w).stand_in_frames, 37); /* until 1.5 s */
    const tally t = pull(&w);
    ck_assert_int_eq(t.last_us - t.first_us, (t.count - 1) * FRAME_US);
    ck_assert_int_gt(t.count, 30);
    ck_avsound(show(&w, 1000000));
    ck_assert_int_eq(state_of(&w).late_frames, 1);
    ck_avsound(show(&w, 1520000));
    ck_assert_int_eq(state_of(&w).late_frames, 1);
    close_world(&w);
}
END_TEST

START_TEST(patience_may_be_endless)
{
    world w;
    open_scores(&w, (avsound_stream_options){.patience_us = -1});
    for (int64_t t = 0; t < 20000000; t += FRAME_US)
        ck_avsound(show(&w, t));
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_AGAIN);
    ck_avsound(play(&w, 0, RATE));
    ck_assert_int_gt(pull(&w).count, 5);
    ck_assert_int_eq(state_of(&w).stand_in_samples, 0);
    close_world(&w);
}
END_TEST

START_TEST(sound_alone_waits_for_the_first_picture_no_longer_than_patience)
{
    world w;
    open_scores(&w, (avsound_stream_options){.patience_us = 500000});
    for (int64_t t = 0; t < 20000000; t += 1000000)
        ck_avsound(play(&w, t, RATE));
    ck_assert_int_eq(pull(&w).status, AVSOUND_E_AGAIN);
    ck_assert_int_lt(state_of(&w).bytes, 4 * 4 * RATE);
    for (int64_t t = 19000000; t < 20000000; t += FRAME_US)
        ck_avsound(show(&w, t));
    const tally t = pull(&w);
    ck_assert_int_eq(t.first_us, 19000000);
    close_world(&w);
}
END_TEST

/* ---- too much ---- */

START_TEST(memory_is_bounded)
{
    const int64_t most = 40 * WIDTH * HEIGHT * 4;
    world w;
    open_scores(&w, (avsound_stream_options){.most_bytes = most});
    avsound_status status = AVSOUND_OK;
    int64_t t = 0;
    for (; !status && t < 60000000; t += FRAME_US) {
        status = show(&w, t);
        if (!status)
            status = play(&w, t, RATE / 25);
    }
    ck_assert_int_eq(status, AVSOUND_E_AGAIN);
    ck_assert_int_ge(state_of(&w).bytes, most);
    ck_assert_int_lt(state_of(&w).bytes, 2 * most);
    ck_refused(show(&w, t), AVSOUND_E_AGAIN, "most_bytes");
    ck_assert_int_gt(pull(&w).count, 5);
    ck_avsound(play(&w, t, RATE / 25));
    ck_avsound(show(&w, t));
    close_world(&w);
}
END_TEST

/* A caller who has only frames to give, and endless patience asked of nobody, is not stuck: silence stands in. */
START_TEST(full_memory_gives_up_what_is_missing)
{
    const int64_t most = 40 * WIDTH * HEIGHT * 4;
    world w;
    open_scores(&w, (avsound_stream_options){.most_bytes = most, .patience_us = 1000000000});
    int results = 0;
    for (int64_t t = 0; t < 20000000; t += FRAME_US) {
        avsound_status status;
        while ((status = show(&w, t)) == AVSOUND_E_AGAIN)
            results += pull(&w).count;
        ck_avsound(status);
        ck_assert_int_lt(state_of(&w).bytes, 2 * most);
    }
    ck_assert_int_gt(results, 400);
    close_world(&w);
}
END_TEST

START_TEST(too_little_memory_for_the_task_is_told)
{
    world w;
    open_scores(&w, (avsound_stream_options){.most_bytes = 6 * WIDTH * HEIGHT * 4, .patience_us = -1});
    avsound_status status = AVSOUND_OK;
    int64_t t = 0;
    for (; t < 20000000 && status != AVSOUND_E_LIMIT; t += FRAME_US)
        while ((status = show(&w, t)) == AVSOUND_E_AGAIN)
            ck_assert_int_eq(pull(&w).count, 0);
    ck_refused(show(&w, t), AVSOUND_E_LIMIT, "most_bytes");
    close_world(&w);
}
END_TEST

SUITE("stream", options_init_stays_within_struct_size, create_refuses_bad_arguments, calls_check_their_arguments,
      a_task_takes_what_it_needs, a_stream_goes_on_until_it_is_flushed, an_empty_stream_ends, a_reset_forgets,
      a_discontinuity_begins_another_recording, free_in_any_order, gaps_are_silent_and_overlaps_cut,
      missing_sound_is_silence_after_a_while, a_missing_picture_is_the_last_one, patience_may_be_endless,
      sound_alone_waits_for_the_first_picture_no_longer_than_patience, memory_is_bounded, full_memory_gives_up_what_is_missing,
      too_little_memory_for_the_task_is_told)
