/* Segments wait in feeds; over the first of them goes the same walk that goes over a file. */
#include <avsound/stream.h>

#include <pthread.h>
#include <string.h>

#include "api/walks.h"
#include "network/network.h"

#define OPTIONS_LEAST ((uint32_t)sizeof(avsound_stream_options))

enum { DEFAULT_PATIENCE_US = 2000000, DEFAULT_BYTES = 256 << 20, FEED_BYTES = 4096 };

/* What a resampler's filter holds back, of sound at 8 kHz or more. */
static const double resampling_seconds = 0.005;

struct avsound_stream {
    avsound_context *context;
    avsound_model *model;
    avsn_feed_options feed; /* of each segment */
    /* One of these is wanted. */
    bool scans, measures, separates;
    avsound_scan_options scan_options;
    avsound_offset_options offset_options;
    avsound_separator_options separator_options;

    avsn_feed **feeds; /* segment number `segment` and on; what is pushed goes to the last, unless it has ended */
    int32_t segment;
    int64_t feed_count;
    size_t feeds_capacity;
    bool flushed, starved; /* starved: the last call for a result found that more must be pushed */
    avsn_feed_counts past; /* of feeds that are gone */
    int64_t results;

    /* What the results point to. */
    avsound_scan_result scan_result;
    avsound_frame frame;
    avsound_offset_result offset_result;
    avsound_separator_result separator_result;

    pthread_mutex_t mutex; /* of the walk's pointers and `cancelled`, which another thread may look at */
    bool cancelled;
    avsound_scan *scan;
    avsound_offset *offset;
    avsound_separator *separator;
};

/* ---- options ---- */

void avsound_stream_options_init(avsound_stream_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status refuse_span(int64_t start_us, int64_t duration_us, bool other_sound)
{
    if (start_us || duration_us || other_sound)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: the task has a start_us, a duration_us, an audio_path or an "
                  "audio_source, which a stream does not");
    return AVSOUND_OK;
}

static avsound_status set_scan(avsound_stream *s, const avsound_scan_options *theirs)
{
    avsound_scan_options *o = &s->scan_options;
    const bool clip = s->model->arch->clip, waveform = clip && !s->model->arch->lags;
    AVSN_TRY(avsn_scan_check(s->model, theirs, o));
    AVSN_TRY(refuse_span(o->start_us, o->duration_us, o->audio_path || o->audio_source));
    s->scans = true;
    s->feed.frames = clip || (o->what & ~AVSOUND_SCAN_EMBED_AUDIO) != 0;
    s->feed.sound = clip || (o->what & (AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP)) != 0;
    s->feed.rate = waveform ? s->model->config.clip.sample_rate : s->model->config.audio.sample_rate;
    s->feed.channels = waveform ? 2 : 1;
    return AVSOUND_OK;
}

static avsound_status set_offset(avsound_stream *s, const avsound_offset_options *theirs)
{
    avsound_offset_options *o = &s->offset_options;
    AVSN_TRY(avsn_offset_check(s->model, theirs, o));
    AVSN_TRY(refuse_span(o->start_us, o->duration_us, NULL));
    if (o->audio_delay_us)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: audio_delay_us is %lld, want 0", (long long)o->audio_delay_us);
    if (o->window_seconds > AVSN_OFFSET_MOST_MOVING)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: window_seconds is %g, want at most %d", o->window_seconds,
                  AVSN_OFFSET_MOST_MOVING);
    s->measures = true;
    s->feed.frames = s->feed.sound = true;
    s->feed.rate = s->model->config.audio.sample_rate;
    s->feed.channels = 1;
    return AVSOUND_OK;
}

static avsound_status set_separator(avsound_stream *s, const avsound_separator_options *theirs)
{
    avsound_separator_options *o = &s->separator_options;
    AVSN_TRY(avsn_separator_check(s->model, theirs, o));
    AVSN_TRY(refuse_span(o->start_us, o->duration_us, o->audio_path || o->audio_source));
    if (o->flags & AVSOUND_SEPARATE_COMPAT)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: AVSOUND_SEPARATE_COMPAT leaves out the end of what it "
                  "separates, which a stream does not know");
    s->separates = true;
    s->feed.frames = !s->model->arch->blind;
    s->feed.sound = true;
    s->feed.rate = s->model->config.clip.sample_rate;
    s->feed.channels = 2;
    return AVSOUND_OK;
}

static avsound_status set_options(avsound_stream *s, const avsound_stream_options *theirs)
{
    avsound_stream_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, theirs, OPTIONS_LEAST, "stream options"));
    const int tasks = (o.scan != NULL) + (o.offset != NULL) + (o.separator != NULL);
    if (tasks != 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: %d of scan, offset and separator are set, want one", tasks);
    const bool told = o.rate_num || o.rate_den;
    if (told && !(o.rate_num > 0 && o.rate_den > 0 && o.rate_num / o.rate_den <= 1000))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: %d/%d frames a second, want more than 0, at most 1000", o.rate_num,
                  o.rate_den);
    if (o.most_bytes < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream options: most_bytes is %lld, want 0 or more", (long long)o.most_bytes);
    s->feed.rate_num = told ? o.rate_num : 25;
    s->feed.rate_den = told ? o.rate_den : 1;
    s->feed.patience_us = o.patience_us ? AVSN_MIN(o.patience_us, (int64_t)1 << 50) : DEFAULT_PATIENCE_US;
    s->feed.most_bytes = o.most_bytes ? o.most_bytes : DEFAULT_BYTES;
    if (o.scan)
        return set_scan(s, o.scan);
    return o.offset ? set_offset(s, o.offset) : set_separator(s, o.separator);
}

/* ---- life ---- */

avsound_status avsound_stream_create(avsound_model *model, const avsound_stream_options *options, avsound_stream **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model || !options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", model ? "options" : "model");
    avsound_stream *s = avsn_alloc_zeroed(model->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(model->context);
    s->model = avsn_model_ref(model);
    pthread_mutex_init(&s->mutex, NULL);
    const avsound_status status = set_options(s, options);
    if (status)
        avsound_stream_free(s);
    else
        *out = s;
    return status;
}

static void close_walk(avsound_stream *s)
{
    pthread_mutex_lock(&s->mutex);
    avsound_scan *scan = s->scan;
    avsound_offset *offset = s->offset;
    avsound_separator *separator = s->separator;
    s->scan = NULL;
    s->offset = NULL;
    s->separator = NULL;
    pthread_mutex_unlock(&s->mutex);
    avsound_scan_free(scan);
    avsound_offset_free(offset);
    avsound_separator_free(separator);
}

static void add_counts(avsn_feed_counts *sum, const avsn_feed *feed)
{
    avsn_feed_counts c;
    avsn_feed_count(feed, &c);
    sum->frames += c.frames;
    sum->samples += c.samples;
    sum->late_frames += c.late_frames;
    sum->late_samples += c.late_samples;
    sum->stand_in_frames += c.stand_in_frames;
    sum->stand_in_samples += c.stand_in_samples;
}

static void drop_segment(avsound_stream *s)
{
    close_walk(s);
    add_counts(&s->past, s->feeds[0]);
    avsn_feed_free(s->feeds[0]);
    s->feed_count--;
    s->segment++;
    memmove(s->feeds, s->feeds + 1, (size_t)s->feed_count * sizeof(avsn_feed *));
}

void avsound_stream_reset(avsound_stream *s)
{
    if (!s)
        return;
    while (s->feed_count)
        drop_segment(s);
    s->past = (avsn_feed_counts){0};
    s->segment = 0;
    s->results = 0;
    s->flushed = s->starved = false;
    pthread_mutex_lock(&s->mutex);
    s->cancelled = false;
    pthread_mutex_unlock(&s->mutex);
}

void avsound_stream_free(avsound_stream *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    while (s->feed_count)
        drop_segment(s);
    avsn_free(context, s->feeds);
    avsound_model_free(s->model);
    pthread_mutex_destroy(&s->mutex);
    avsn_free(context, s);
    avsound_context_free(context);
}

/* Whoever has the mutex. */
static void cancel_walk(avsound_stream *s)
{
    avsound_scan_cancel(s->scan);
    avsound_offset_cancel(s->offset);
    avsound_separator_cancel(s->separator);
}

void avsound_stream_cancel(avsound_stream *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->cancelled = true;
    cancel_walk(s);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- in ---- */

static int64_t bytes_held(const avsound_stream *s)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < s->feed_count; i++)
        bytes += FEED_BYTES + avsn_feed_bytes(s->feeds[i]);
    return (int64_t)bytes;
}

static avsn_feed *newest_feed(const avsound_stream *s)
{
    return s->feed_count ? s->feeds[s->feed_count - 1] : NULL;
}

/* Where neither more can be pushed nor a result be had, what is behind is missing. */
static avsound_status check_room(avsound_stream *s)
{
    const int64_t held = bytes_held(s);
    bool gave = false;
    if (held < s->feed.most_bytes)
        return AVSOUND_OK;
    if (s->starved && newest_feed(s))
        AVSN_TRY(avsn_feed_give_up(newest_feed(s), &gave));
    if (s->starved && !gave)
        AVSN_FAIL(AVSOUND_E_LIMIT, "stream: %lld bytes wait to be used, and the next result still needs more of the other kind, or of "
                  "both: most_bytes is %lld", (long long)held, (long long)s->feed.most_bytes);
    s->starved = false;
    AVSN_FAIL(AVSOUND_E_AGAIN, "stream: %lld bytes wait to be used, most_bytes is %lld: take results first", (long long)held,
              (long long)s->feed.most_bytes);
}

static avsound_status open_feed(avsound_stream *s, avsn_feed **feed)
{
    *feed = newest_feed(s);
    if (*feed && !avsn_feed_ended(*feed))
        return AVSOUND_OK;
    AVSN_TRY(avsn_grow(s->context, (void **)&s->feeds, sizeof(avsn_feed *), (size_t)s->feed_count, (size_t)s->feed_count + 1,
                       &s->feeds_capacity));
    AVSN_TRY(avsn_feed_create(s->context, &s->feed, feed));
    s->feeds[s->feed_count++] = *feed;
    return AVSOUND_OK;
}

static avsound_status begin_push(avsound_stream *s, const void *what, const char *name, bool wanted, avsn_feed **feed)
{
    if (!s || !what)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", s ? name : "stream");
    if (!wanted)
        AVSN_FAIL(AVSOUND_E_STATE, "this stream's task takes no %s", name);
    if (s->flushed)
        AVSN_FAIL(AVSOUND_E_STATE, "the stream was flushed: nothing can follow but after a reset");
    AVSN_TRY(check_room(s));
    return open_feed(s, feed);
}

avsound_status avsound_stream_push_frame(avsound_stream *s, const avsound_frame *frame)
{
    avsn_feed *feed = NULL;
    AVSN_TRY(begin_push(s, frame, "frame", s && s->feed.frames, &feed));
    AVSN_TRY(avsn_feed_push_frame(feed, frame));
    s->starved = false;
    return AVSOUND_OK;
}

avsound_status avsound_stream_push_audio(avsound_stream *s, const avsound_audio *sound)
{
    avsn_feed *feed = NULL;
    AVSN_TRY(begin_push(s, sound, "sound", s && s->feed.sound, &feed));
    AVSN_TRY(avsn_feed_push_sound(feed, sound));
    s->starved = false;
    return AVSOUND_OK;
}

avsound_status avsound_stream_discontinuity(avsound_stream *s)
{
    if (!s)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream is NULL");
    if (s->flushed)
        AVSN_FAIL(AVSOUND_E_STATE, "the stream was flushed: nothing can follow but after a reset");
    return newest_feed(s) ? avsn_feed_end(newest_feed(s)) : AVSOUND_OK;
}

avsound_status avsound_stream_flush(avsound_stream *s)
{
    if (!s)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream is NULL");
    s->flushed = true;
    return newest_feed(s) ? avsn_feed_end(newest_feed(s)) : AVSOUND_OK;
}

/* ---- out ---- */

static avsound_status open_walk(avsound_stream *s)
{
    avsound_scan *scan = NULL;
    avsound_offset *offset = NULL;
    avsound_separator *separator = NULL;
    if (s->scan || s->offset || s->separator)
        return AVSOUND_OK;
    if (s->scans)
        AVSN_TRY(avsn_scan_create(s->model, NULL, s->feeds[0], &s->scan_options, &scan));
    if (s->measures)
        AVSN_TRY(avsn_offset_create(s->model, NULL, s->feeds[0], &s->offset_options, &offset));
    if (s->separates)
        AVSN_TRY(avsn_separator_create(s->model, NULL, s->feeds[0], &s->separator_options, &separator));
    if (offset)
        avsn_offset_move(offset);
    pthread_mutex_lock(&s->mutex);
    s->scan = scan;
    s->offset = offset;
    s->separator = separator;
    if (s->cancelled) /* while it was made */
        cancel_walk(s);
    pthread_mutex_unlock(&s->mutex);
    return AVSOUND_OK;
}

static avsound_status next_of_scan(avsound_stream *s, int64_t origin, avsound_stream_result *r)
{
    avsound_scan_result *scan = &s->scan_result;
    *scan = (avsound_scan_result){.struct_size = sizeof *scan};
    AVSN_TRY(avsound_scan_next(s->scan, scan));
    scan->time_us += origin;
    if (scan->frame) {
        s->frame = *scan->frame;
        s->frame.time_us += origin;
        scan->frame = &s->frame;
    }
    r->scan = scan;
    r->time_us = scan->time_us;
    return AVSOUND_OK;
}

static avsound_status next_of_offset(avsound_stream *s, int64_t origin, avsound_stream_result *r)
{
    avsound_offset_result *offset = &s->offset_result;
    *offset = (avsound_offset_result){.struct_size = sizeof *offset};
    AVSN_TRY(avsound_offset_next(s->offset, NULL));
    AVSN_TRY(avsound_offset_get_result(s->offset, offset));
    offset->windows = 0;
    r->offset = offset;
    r->time_us = origin + avsn_offset_reached(s->offset);
    return AVSOUND_OK;
}

static avsound_status next_of_separator(avsound_stream *s, int64_t origin, avsound_stream_result *r)
{
    avsound_separator_result *separation = &s->separator_result;
    *separation = (avsound_separator_result){.struct_size = sizeof *separation};
    AVSN_TRY(avsound_separator_next(s->separator, separation));
    separation->time_us += origin;
    r->separation = separation;
    r->time_us = separation->time_us;
    return AVSOUND_OK;
}

/* Of the first segment. AVSOUND_E_END: it has no more. */
static avsound_status next_of_segment(avsound_stream *s, avsound_stream_result *r)
{
    const avsn_feed *feed = s->feeds[0];
    if (!avsn_feed_located(feed))
        AVSN_FAIL(AVSOUND_E_AGAIN, "stream: %s must be pushed first",
                  s->feed.frames && s->feed.sound ? "pictures and sound" : "more");
    if (!avsn_feed_readable(feed))
        return AVSOUND_E_END;
    const int64_t origin = avsn_feed_origin(feed);
    AVSN_TRY(open_walk(s));
    avsound_status status = s->scan     ? next_of_scan(s, origin, r)
                            : s->offset ? next_of_offset(s, origin, r)
                                        : next_of_separator(s, origin, r);
    /* A recording with nothing in it is no damaged file here. */
    if (status == AVSOUND_E_FORMAT)
        status = AVSOUND_E_END;
    r->newest_us = avsn_feed_newest(feed);
    return status;
}

static bool is_cancelled(avsound_stream *s)
{
    pthread_mutex_lock(&s->mutex);
    const bool cancelled = s->cancelled;
    pthread_mutex_unlock(&s->mutex);
    return cancelled;
}

static avsound_status find_next(avsound_stream *s, avsound_stream_result *r)
{
    while (s->feed_count) {
        const avsound_status status = next_of_segment(s, r);
        if (status != AVSOUND_E_END)
            return status;
        drop_segment(s);
    }
    if (s->flushed)
        AVSN_FAIL(AVSOUND_E_END, "the stream was flushed, and no more results are to come");
    AVSN_FAIL(AVSOUND_E_AGAIN, "stream: nothing waits to be used");
}

avsound_status avsound_stream_next(avsound_stream *s, avsound_stream_result *result)
{
    if (!s || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", s ? "result" : "stream");
    avsound_stream_result r = {0};
    AVSN_TRY(avsn_struct_write(result, &r, sizeof *result, "result"));
    if (is_cancelled(s))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "stream cancelled after %lld results", (long long)s->results);
    const avsound_status status = find_next(s, &r);
    s->starved = status == AVSOUND_E_AGAIN;
    if (status)
        return status;
    r.segment = s->segment;
    r.index = s->results++;
    return avsn_struct_write(result, &r, sizeof r, "result");
}

/* ---- asking ---- */

double avsound_stream_latency(const avsound_stream *s)
{
    if (!s)
        return 0;
    const double walk = s->scans      ? avsn_scan_latency(s->model, &s->scan_options)
                        : s->measures ? avsn_offset_latency(s->model, &s->offset_options)
                                      : avsn_separator_latency(s->model, &s->separator_options);
    const double frame = s->feed.frames ? (double)s->feed.rate_den / s->feed.rate_num : 0;
    return walk + frame + (s->feed.sound ? resampling_seconds : 0);
}

avsound_status avsound_stream_get_state(const avsound_stream *s, avsound_stream_state *state)
{
    if (!s)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stream is NULL");
    avsn_feed_counts counts = s->past;
    for (int64_t i = 0; i < s->feed_count; i++)
        add_counts(&counts, s->feeds[i]);
    const avsound_stream_state now = {
        .bytes = bytes_held(s),
        .results = s->results,
        .frames = counts.frames,
        .samples = counts.samples,
        .late_frames = counts.late_frames,
        .late_samples = counts.late_samples,
        .stand_in_frames = counts.stand_in_frames,
        .stand_in_samples = counts.stand_in_samples,
    };
    return avsn_struct_write(state, &now, sizeof now, "state");
}
