#include "media/feed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As in sound.c: time stamps that differ by less from the count of samples only jitter. */
enum { TOLERANCE_MS = 5 };
enum { MOST_STEP_S = 60, BLOCK = 8192, MOST_READERS = 4, REPEATS_AT_ONCE = 8 };

struct avsn_feed_reader {
    avsn_feed *feed;
    bool frames, sound;
    int64_t next, done; /* numbers of the frame to read, and of the first that its last view may be of */
    float *samples;     /* [BLOCK][channels] of the last read */
};

/* One that stands in for those that follow is held once. */
typedef struct shared_frame {
    avsn_kept_frame kept;
    int64_t users;
} shared_frame;

typedef struct moment {
    shared_frame *shared;
    int64_t time_us;
} moment;

struct avsn_feed {
    avsound_context *context;
    avsn_feed_options options;
    avsn_feed_counts counts;
    avsn_feed_reader *readers[MOST_READERS];
    bool ended;
    avsound_status broken; /* a failure that left a hole */
    int64_t newest_us;

    moment *frames; /* frame number first_frame and on; the newest stays */
    int64_t first_frame, frame_count;
    size_t frames_capacity, frame_bytes;
    int64_t first_frame_us;  /* of number 0 */
    bool stands_in;          /* the newest does, for one that is missing */

    /* In: mixed, at the rate it is pushed at. */
    avsn_resampler *mixer, *resampler; /* resampler NULL: none needed, or nothing came yet */
    int32_t in_rate;                   /* 0: nothing came yet */
    int64_t anchor_us, in_next;        /* time of sample 0; number of the next */
    /* Out: at the rate it is read at. */
    bool heard;                        /* start_us is known */
    int64_t start_us;                  /* time of sample 0 */
    float *samples;                    /* [passed + sample_count][channels], sample number first_sample behind those passed */
    int64_t passed, first_sample, sample_count;
    size_t samples_capacity;
};

/* ---- life ---- */

static void leave(avsn_feed *feed, shared_frame *shared)
{
    if (--shared->users)
        return;
    feed->frame_bytes -= shared->kept.capacity;
    avsn_free(feed->context, shared->kept.bytes);
    avsn_free(feed->context, shared);
}

avsound_status avsn_feed_create(avsound_context *context, const avsn_feed_options *options, avsn_feed **out)
{
    *out = NULL;
    avsn_feed *feed = avsn_alloc_zeroed(context, 1, sizeof *feed);
    if (!feed)
        return AVSOUND_E_NO_MEMORY;
    feed->context = avsn_context_ref(context);
    feed->options = *options;
    feed->newest_us = INT64_MIN;
    *out = feed;
    return AVSOUND_OK;
}

void avsn_feed_free(avsn_feed *feed)
{
    if (!feed)
        return;
    avsound_context *context = feed->context;
    for (int64_t i = 0; i < feed->frame_count; i++)
        leave(feed, feed->frames[i].shared);
    avsn_free(context, feed->frames);
    avsn_free(context, feed->samples);
    avsn_resampler_free(feed->mixer);
    avsn_resampler_free(feed->resampler);
    avsn_free(context, feed);
    avsound_context_free(context);
}

static avsound_status check_open(const avsn_feed *feed)
{
    if (feed->broken)
        return avsn_fail(feed->broken, "an earlier push failed and left a hole in the recording");
    if (feed->ended)
        AVSN_FAIL(AVSOUND_E_STATE, "the recording has ended, nothing can follow");
    return AVSOUND_OK;
}

/* ---- times ---- */

static avsound_status check_step(int64_t time_us, int64_t expected_us, const char *what)
{
    const double step = ((double)time_us - (double)expected_us) * 1e-6;
    if (fabs(step) > MOST_STEP_S)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s at %.3f s is %.3f s %s what came before, want at most %d s: a recording of its own "
                  "begins with a discontinuity", what, (double)time_us * 1e-6, fabs(step), step < 0 ? "before" : "behind",
                  MOST_STEP_S);
    return AVSOUND_OK;
}

static avsound_status check_time(int64_t time_us, const char *what)
{
    if (time_us < -((int64_t)1 << 60) || time_us > (int64_t)1 << 60)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s at %lld us, want -2^60...2^60", what, (long long)time_us);
    return AVSOUND_OK;
}

static int64_t frame_us(const avsn_feed *feed)
{
    return AVSN_MAX((int64_t)1000000 * feed->options.rate_den / feed->options.rate_num, (int64_t)1);
}

static int64_t samples_in(int64_t duration_us, int32_t rate)
{
    return llround((double)duration_us * 1e-6 * rate);
}

static int64_t duration_of(int64_t samples, int32_t rate)
{
    return llround((double)samples / rate * 1e6);
}

static const moment *last_frame(const avsn_feed *feed)
{
    return &feed->frames[feed->frame_count - 1];
}

/* Of the sound pushed so far; only where there is any. */
static int64_t sound_end(const avsn_feed *feed)
{
    if (feed->in_rate)
        return feed->anchor_us + duration_of(feed->in_next, feed->in_rate);
    return feed->start_us + duration_of(feed->first_sample + feed->sample_count, feed->options.rate);
}

/* The first of one kind against what there is of the other. */
static avsound_status check_meeting(int64_t time_us, int64_t from_us, int64_t until_us, const char *what)
{
    return check_step(time_us, AVSN_MIN(AVSN_MAX(time_us, from_us), until_us), what);
}

/* ---- frames ---- */

static avsound_status append_moment(avsn_feed *feed, shared_frame *shared, int64_t time_us)
{
    AVSN_TRY(avsn_grow(feed->context, (void **)&feed->frames, sizeof *feed->frames, (size_t)feed->frame_count,
                       (size_t)feed->frame_count + 1, &feed->frames_capacity));
    feed->frames[feed->frame_count++] = (moment){shared, time_us};
    shared->users++;
    return AVSOUND_OK;
}

static avsound_status append_frame(avsn_feed *feed, const avsound_frame *frame)
{
    shared_frame *shared = avsn_alloc_zeroed(feed->context, 1, sizeof *shared);
    if (!shared)
        return AVSOUND_E_NO_MEMORY;
    shared->users = 1;
    avsound_status status = avsn_frame_keep(feed->context, frame, &shared->kept);
    feed->frame_bytes += shared->kept.capacity;
    if (!status)
        status = append_moment(feed, shared, frame->time_us);
    leave(feed, shared);
    return status;
}

/* Lets go of what every reader has done with. */
static void drop_frames(avsn_feed *feed)
{
    int64_t done = INT64_MAX, dropped = 0;
    for (int i = 0; i < MOST_READERS; i++)
        if (feed->readers[i] && feed->readers[i]->frames)
            done = AVSN_MIN(done, feed->readers[i]->done);
    while (dropped + 1 < feed->frame_count && feed->first_frame + dropped < done)
        leave(feed, feed->frames[dropped++].shared);
    if (!dropped)
        return;
    feed->frame_count -= dropped;
    feed->first_frame += dropped;
    memmove(feed->frames, feed->frames + dropped, (size_t)feed->frame_count * sizeof *feed->frames);
}

static avsound_status repeat_frames(avsn_feed *feed, int64_t until_us, int most)
{
    for (int i = 0; i < most && last_frame(feed)->time_us + frame_us(feed) <= until_us; i++) {
        AVSN_TRY(append_moment(feed, last_frame(feed)->shared, last_frame(feed)->time_us + frame_us(feed)));
        feed->counts.stand_in_frames++;
        feed->stands_in = true;
    }
    return AVSOUND_OK;
}

/* ---- sound ---- */

/* `samples` NULL: silence. */
static avsound_status append_samples(avsn_feed *feed, const float *samples, int64_t count)
{
    const int64_t channels = feed->options.channels, there = feed->passed + feed->sample_count;
    const size_t bytes = sizeof(float) * (size_t)channels;
    AVSN_TRY(avsn_grow(feed->context, (void **)&feed->samples, bytes, (size_t)there, (size_t)(there + count),
                       &feed->samples_capacity));
    if (samples && count)
        memcpy(feed->samples + there * channels, samples, (size_t)count * bytes);
    else if (count)
        memset(feed->samples + there * channels, 0, (size_t)count * bytes);
    feed->sample_count += count;
    return AVSOUND_OK;
}

/* What is left moves up when it is less than what has gone, so that each sample moves but once. */
static void drop_samples(avsn_feed *feed, int64_t count)
{
    const int64_t channels = feed->options.channels;
    feed->passed += count;
    feed->first_sample += count;
    feed->sample_count -= count;
    if (feed->passed < feed->sample_count)
        return;
    memmove(feed->samples, feed->samples + feed->passed * channels,
            (size_t)(feed->sample_count * channels) * sizeof *feed->samples);
    feed->passed = 0;
}

static avsound_audio audio_of(const float *samples, int64_t count, int32_t rate, int32_t channels)
{
    return (avsound_audio){.struct_size = sizeof(avsound_audio), .format = AVSOUND_SAMPLE_F32, .sample_rate = rate,
                           .channels = channels, .frames = count, .data = samples};
}

/* NULL: the end. */
static avsound_status resample(avsn_feed *feed, const float *samples, int64_t count)
{
    if (!feed->resampler)
        return append_samples(feed, samples, count);
    const avsound_audio audio = audio_of(samples, count, feed->in_rate, feed->options.channels);
    const float *made;
    int64_t made_count;
    for (int64_t first = 0; samples && first < count;) {
        AVSN_TRY(avsn_resampler_push_some(feed->resampler, &audio, &first, &made, &made_count));
        AVSN_TRY(append_samples(feed, made, made_count));
    }
    if (samples)
        return AVSOUND_OK;
    AVSN_TRY(avsn_resampler_push(feed->resampler, NULL, &made, &made_count));
    return append_samples(feed, made, made_count);
}

static avsound_status stay_silent(avsn_feed *feed, int64_t count)
{
    static const float zeros[BLOCK];
    const int64_t block = BLOCK / feed->options.channels;
    feed->counts.stand_in_samples += count;
    for (int64_t piece; count > 0; count -= piece) {
        piece = AVSN_MIN(count, block);
        AVSN_TRY(resample(feed, zeros, piece));
        feed->in_next += piece;
    }
    return AVSOUND_OK;
}

static avsound_status stay_silent_until(avsn_feed *feed, int64_t time_us)
{
    if (feed->in_rate)
        return stay_silent(feed, samples_in(time_us - feed->anchor_us, feed->in_rate) - feed->in_next);
    const int64_t count =
        samples_in(time_us - feed->start_us, feed->options.rate) - feed->first_sample - feed->sample_count;
    feed->counts.stand_in_samples += AVSN_MAX(count, (int64_t)0);
    return count > 0 ? append_samples(feed, NULL, count) : AVSOUND_OK;
}

/* Where nothing was heard silence begins with the pictures. */
static avsound_status miss_sound(avsn_feed *feed, int64_t until_us)
{
    if (!feed->heard)
        feed->start_us = feed->first_frame_us;
    feed->heard = true;
    return stay_silent_until(feed, until_us);
}

/* The first sound there is. Behind silence that stood in for it, it goes on where that ended. */
static avsound_status anchor(avsn_feed *feed, const avsound_audio *sound)
{
    if (!feed->heard)
        feed->start_us = sound->time_us;
    feed->heard = true;
    if (sound->time_us > sound_end(feed))
        AVSN_TRY(stay_silent_until(feed, sound->time_us));
    const int64_t anchor_us = sound_end(feed);
    AVSN_TRY(avsn_resampler_create(feed->context, sound->sample_rate, feed->options.channels, &feed->mixer));
    if (sound->sample_rate != feed->options.rate)
        AVSN_TRY(avsn_resampler_create(feed->context, feed->options.rate, feed->options.channels, &feed->resampler));
    feed->anchor_us = anchor_us;
    feed->in_rate = sound->sample_rate;
    return AVSOUND_OK;
}

static avsound_status place_sound(avsn_feed *feed, const avsound_audio *sound)
{
    const float *mixed;
    int64_t count;
    if (!feed->in_rate)
        AVSN_TRY(anchor(feed, sound));
    AVSN_TRY(avsn_resampler_push(feed->mixer, sound, &mixed, &count));
    int64_t ahead = samples_in(sound->time_us - feed->anchor_us, feed->in_rate) - feed->in_next;
    if (llabs(ahead) * 1000 <= (int64_t)TOLERANCE_MS * feed->in_rate)
        ahead = 0;
    if (ahead > 0)
        AVSN_TRY(stay_silent(feed, ahead));
    const int64_t late = AVSN_MIN(AVSN_MAX(-ahead, (int64_t)0), count);
    feed->counts.late_samples += late;
    feed->counts.samples += count;
    AVSN_TRY(resample(feed, mixed + late * feed->options.channels, count - late));
    feed->in_next += count - late;
    return AVSOUND_OK;
}

/* ---- what is missing ---- */

static avsound_status miss(avsn_feed *feed)
{
    const int64_t patience = feed->options.patience_us;
    if (patience < 0 || !feed->options.frames || !feed->options.sound || !feed->frame_count)
        return AVSOUND_OK;
    const int64_t seen = last_frame(feed)->time_us;
    if (seen - patience > (feed->heard ? sound_end(feed) : feed->first_frame_us))
        return miss_sound(feed, seen - patience);
    return feed->heard ? repeat_frames(feed, sound_end(feed) - patience, INT32_MAX) : AVSOUND_OK;
}

/* Of the sound before the first picture, no more is kept than is waited for. */
static void forget_overture(avsn_feed *feed)
{
    const int64_t patience = feed->options.patience_us;
    if (patience < 0 || !feed->options.frames || feed->frame_count)
        return;
    const int64_t excess = feed->sample_count - samples_in(patience, feed->options.rate);
    if (excess <= 0)
        return;
    drop_samples(feed, excess);
    feed->start_us += duration_of(excess, feed->options.rate);
    feed->first_sample = 0;
}

avsound_status avsn_feed_give_up(avsn_feed *feed, bool *gave)
{
    *gave = false;
    if (!feed->options.frames || !feed->options.sound || !feed->frame_count || feed->options.patience_us < 0)
        return AVSOUND_OK;
    const int64_t seen = last_frame(feed)->time_us;
    if (!feed->heard || sound_end(feed) < seen) {
        *gave = true;
        feed->broken = miss_sound(feed, seen);
    } else if (sound_end(feed) >= seen + frame_us(feed)) {
        *gave = true;
        feed->broken = repeat_frames(feed, sound_end(feed), REPEATS_AT_ONCE);
    }
    return feed->broken;
}

/* ---- pushing ---- */

static avsound_status check_frame(const avsn_feed *feed, const avsound_frame *frame)
{
    AVSN_TRY(avsn_frame_check(feed->context, frame));
    AVSN_TRY(check_time(frame->time_us, "a frame"));
    if (!feed->frame_count)
        return feed->heard ? check_meeting(frame->time_us, feed->start_us, sound_end(feed), "a frame") : AVSOUND_OK;
    const avsound_frame *last = &last_frame(feed)->shared->kept.view;
    if (frame->width != last->width || frame->height != last->height)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: %d x %d behind %d x %d: a recording of its own begins with a discontinuity",
                  frame->width, frame->height, last->width, last->height);
    return check_step(frame->time_us, last_frame(feed)->time_us, "a frame");
}

static bool is_late(const avsn_feed *feed, const avsound_frame *frame)
{
    if (!feed->frame_count)
        return false;
    const int64_t passed_us = last_frame(feed)->time_us;
    return frame->time_us < passed_us || (feed->stands_in && frame->time_us == passed_us);
}

avsound_status avsn_feed_push_frame(avsn_feed *feed, const avsound_frame *frame)
{
    AVSN_TRY(check_open(feed));
    AVSN_TRY(check_frame(feed, frame));
    const bool late = is_late(feed, frame);
    if (!late)
        AVSN_TRY(append_frame(feed, frame));
    if (!feed->counts.frames++)
        feed->first_frame_us = frame->time_us;
    feed->counts.late_frames += late;
    if (late)
        return AVSOUND_OK;
    feed->stands_in = false;
    feed->newest_us = AVSN_MAX(feed->newest_us, frame->time_us);
    feed->broken = miss(feed);
    return feed->broken;
}

/* At a rate far below the network's a little is a lot. */
static avsound_status check_growth(const avsn_feed *feed, const avsound_audio *sound)
{
    const double frame_bytes = (double)feed->options.channels * sizeof(float), pushed = (double)sound->frames * frame_bytes;
    const double kept = pushed * feed->options.rate / sound->sample_rate;
    if (feed->options.most_bytes && kept > pushed + (double)feed->options.most_bytes)
        AVSN_FAIL(AVSOUND_E_LIMIT, "audio: %lld samples at %d Hz take %.0f bytes at %d Hz, most_bytes is %lld: push fewer at a time",
                  (long long)sound->frames, sound->sample_rate, kept, feed->options.rate, (long long)feed->options.most_bytes);
    return AVSOUND_OK;
}

static avsound_status check_sound(const avsn_feed *feed, const avsound_audio *sound)
{
    AVSN_TRY(avsn_audio_check(feed->context, sound));
    AVSN_TRY(check_time(sound->time_us, "sound"));
    if (feed->in_rate && sound->sample_rate != feed->in_rate)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %d Hz behind %d Hz: a recording of its own begins with a discontinuity",
                  sound->sample_rate, feed->in_rate);
    AVSN_TRY(check_growth(feed, sound));
    if (feed->heard)
        return check_step(sound->time_us, sound_end(feed), "sound");
    return feed->frame_count ? check_meeting(sound->time_us, feed->first_frame_us, last_frame(feed)->time_us, "sound") : AVSOUND_OK;
}

avsound_status avsn_feed_push_sound(avsn_feed *feed, const avsound_audio *sound)
{
    AVSN_TRY(check_open(feed));
    AVSN_TRY(check_sound(feed, sound));
    if (!sound->frames)
        return AVSOUND_OK;
    const avsound_status status = place_sound(feed, sound);
    if (status == AVSOUND_E_INVALID_ARGUMENT) /* sound of another kind, of which nothing was taken */
        return status;
    feed->broken = status;
    if (!status) {
        feed->newest_us = AVSN_MAX(feed->newest_us, sound_end(feed));
        forget_overture(feed);
        feed->broken = miss(feed);
    }
    return feed->broken;
}

avsound_status avsn_feed_end(avsn_feed *feed)
{
    if (feed->ended || feed->broken)
        return feed->broken;
    if (feed->options.sound && feed->options.frames && feed->frame_count && !feed->heard)
        feed->broken = miss_sound(feed, last_frame(feed)->time_us + frame_us(feed));
    if (!feed->broken && feed->resampler)
        feed->broken = resample(feed, NULL, 0);
    feed->ended = true;
    return feed->broken;
}

/* ---- asking ---- */

bool avsn_feed_readable(const avsn_feed *feed)
{
    return (!feed->options.frames || feed->frame_count) && (!feed->options.sound || feed->heard);
}

bool avsn_feed_located(const avsn_feed *feed)
{
    return feed->ended || avsn_feed_readable(feed);
}

bool avsn_feed_ended(const avsn_feed *feed)
{
    return feed->ended;
}

int64_t avsn_feed_origin(const avsn_feed *feed)
{
    if (!feed->frame_count)
        return feed->start_us;
    return feed->heard ? AVSN_MIN(feed->start_us, feed->first_frame_us) : feed->first_frame_us;
}

int64_t avsn_feed_newest(const avsn_feed *feed)
{
    return feed->newest_us;
}

size_t avsn_feed_bytes(const avsn_feed *feed)
{
    return feed->frame_bytes + (size_t)feed->frame_count * sizeof *feed->frames +
           (size_t)((feed->passed + feed->sample_count) * feed->options.channels) * sizeof *feed->samples;
}

void avsn_feed_count(const avsn_feed *feed, avsn_feed_counts *counts)
{
    *counts = feed->counts;
}

/* ---- reading ---- */

avsound_status avsn_feed_reader_create(avsn_feed *feed, bool frames, bool sound, avsn_feed_reader **out)
{
    int slot = 0;
    *out = NULL;
    while (slot < MOST_READERS && feed->readers[slot])
        slot++;
    if (slot == MOST_READERS)
        AVSN_FAIL(AVSOUND_E_INTERNAL, "a feed has at most %d readers", MOST_READERS);
    avsn_feed_reader *reader = avsn_alloc_zeroed(feed->context, 1, sizeof *reader);
    if (!reader)
        return AVSOUND_E_NO_MEMORY;
    *reader = (avsn_feed_reader){.feed = feed, .frames = frames && feed->options.frames, .sound = sound && feed->options.sound,
                                 .next = feed->first_frame, .done = feed->first_frame};
    feed->readers[slot] = reader;
    if (reader->sound) {
        reader->samples = avsn_alloc(feed->context, BLOCK * (size_t)feed->options.channels, sizeof *reader->samples);
        if (!reader->samples) {
            avsn_feed_reader_free(reader);
            return AVSOUND_E_NO_MEMORY;
        }
    }
    *out = reader;
    return AVSOUND_OK;
}

void avsn_feed_reader_free(avsn_feed_reader *reader)
{
    if (!reader)
        return;
    avsn_feed *feed = reader->feed;
    for (int i = 0; i < MOST_READERS; i++)
        if (feed->readers[i] == reader)
            feed->readers[i] = NULL;
    avsn_free(feed->context, reader->samples);
    avsn_free(feed->context, reader);
}

void avsn_feed_reader_info(const avsn_feed_reader *reader, avsound_media_info *info)
{
    const avsn_feed *feed = reader->feed;
    const int64_t origin = avsn_feed_origin(feed);
    *info = (avsound_media_info){
        .struct_size = sizeof *info,
        .has_video = reader->frames && feed->frame_count,
        .has_audio = reader->sound,
        .sar_num = 1,
        .sar_den = 1,
        .rate_num = feed->options.rate_num,
        .rate_den = feed->options.rate_den,
        .sample_rate = feed->in_rate,
        .channels = feed->options.channels,
        .duration_us = -1,
        .video_start_us = feed->frame_count ? feed->first_frame_us - origin : -1,
        .audio_start_us = feed->heard ? feed->start_us - origin : -1,
        .video_duration_us = -1,
        .audio_duration_us = -1,
        .bit_rate = -1,
    };
    if (!info->has_video)
        return;
    const avsound_frame *last = &last_frame(feed)->shared->kept.view;
    info->width = info->coded_width = last->width;
    info->height = info->coded_height = last->height;
}

static avsound_status nothing_there(const avsn_feed *feed)
{
    if (feed->broken)
        return avsn_fail(feed->broken, "an earlier push failed and left a hole in the recording");
    if (feed->ended)
        return avsn_fail(AVSOUND_E_END, "the recording has ended");
    return avsn_fail(AVSOUND_E_AGAIN, "more must be pushed first");
}

avsound_status avsn_feed_reader_frame(avsn_feed_reader *reader, avsound_frame *frame)
{
    avsn_feed *feed = reader->feed;
    reader->done = reader->next;
    drop_frames(feed);
    const int64_t slot = reader->next - feed->first_frame;
    if (slot >= feed->frame_count)
        return nothing_there(feed);
    *frame = feed->frames[slot].shared->kept.view;
    frame->time_us = feed->frames[slot].time_us - avsn_feed_origin(feed);
    reader->next++;
    return AVSOUND_OK;
}

avsound_status avsn_feed_reader_sound(avsn_feed_reader *reader, avsound_audio *audio)
{
    avsn_feed *feed = reader->feed;
    const int64_t count = AVSN_MIN(feed->sample_count, (int64_t)BLOCK), first = feed->first_sample;
    if (!count)
        return nothing_there(feed);
    memcpy(reader->samples, feed->samples + feed->passed * feed->options.channels,
           (size_t)(count * feed->options.channels) * sizeof *reader->samples);
    drop_samples(feed, count);
    *audio = audio_of(reader->samples, count, feed->options.rate, feed->options.channels);
    audio->time_us = feed->start_us + duration_of(first, feed->options.rate) - avsn_feed_origin(feed);
    return AVSOUND_OK;
}
