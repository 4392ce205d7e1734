#include "api/recording.h"

#include "dsp/waveform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double avsn_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- frames ---- */

static void swap_frames(avsn_kept_frame *a, avsn_kept_frame *b)
{
    const avsn_kept_frame c = *a;
    *a = *b;
    *b = c;
}

static avsound_status read_ahead(avsn_recording *r)
{
    if (r->ahead_valid || r->video_ended)
        return AVSOUND_OK;
    const double before = avsn_seconds();
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_status status = avsn_media_read_frame(r->video, &frame);
    if (!status)
        status = avsn_frame_keep(r->context, &frame, &r->ahead);
    r->decode_seconds += avsn_seconds() - before;
    r->ahead_valid = !status;
    if (status == AVSOUND_E_END) {
        r->video_ended = true;
        return AVSOUND_OK;
    }
    return status;
}

avsound_status avsn_recording_next_frame(avsn_recording *r, int64_t from_us, avsn_kept_frame *frame)
{
    do {
        r->ahead_valid = false;
        AVSN_TRY(read_ahead(r));
    } while (r->ahead_valid && r->ahead.view.time_us < from_us);
    if (!r->ahead_valid)
        return avsn_fail(AVSOUND_E_END, "no more frames");
    swap_frames(frame, &r->ahead);
    return AVSOUND_OK;
}

/* How long a frame lasts. */
static int64_t frame_us(const avsn_recording *r)
{
    return r->info.rate_num > 0 ? (int64_t)1000000 * r->info.rate_den / r->info.rate_num : 40000;
}

avsound_status avsn_recording_look_at(avsn_recording *r, int64_t time_us, const avsn_kept_frame **frame)
{
    for (;;) {
        AVSN_TRY(read_ahead(r));
        if (!r->ahead_valid || (r->ahead.view.time_us > time_us && r->shown_valid))
            break;
        swap_frames(&r->shown, &r->ahead);
        r->shown_valid = true;
        r->ahead_valid = false;
    }
    if (!r->shown_valid || (!r->ahead_valid && time_us >= r->shown.view.time_us + frame_us(r)))
        return avsn_fail(AVSOUND_E_END, "no more frames");
    *frame = &r->shown;
    return AVSOUND_OK;
}

avsound_status avsn_recording_frame_at(avsn_recording *r, int64_t time_us, avsn_kept_frame *frame)
{
    const avsn_kept_frame *shown;
    AVSN_TRY(avsn_recording_look_at(r, time_us, &shown));
    return avsn_frame_keep(r->context, &shown->view, frame);
}

static int64_t distance(const avsn_kept_frame *frame, int64_t time_us)
{
    return llabs(frame->view.time_us - time_us);
}

avsound_status avsn_recording_frame_near(avsn_recording *r, int64_t time_us, avsn_kept_frame *frame)
{
    for (;;) {
        AVSN_TRY(read_ahead(r));
        if (!r->ahead_valid || (r->shown_valid && distance(&r->shown, time_us) <= distance(&r->ahead, time_us)))
            break;
        swap_frames(&r->shown, &r->ahead);
        r->shown_valid = true;
        r->ahead_valid = false;
    }
    if (!r->shown_valid || (!r->ahead_valid && time_us >= r->shown.view.time_us + frame_us(r)))
        return avsn_fail(AVSOUND_E_END, "no more frames");
    return avsn_frame_keep(r->context, &r->shown.view, frame);
}

avsound_status avsn_recording_next_time(avsn_recording *r, int64_t from_us, int64_t *time_us)
{
    AVSN_TRY(read_ahead(r));
    while (r->ahead_valid && r->ahead.view.time_us < from_us) {
        r->ahead_valid = false;
        AVSN_TRY(read_ahead(r));
    }
    if (!r->ahead_valid)
        return avsn_fail(AVSOUND_E_END, "no more frames");
    *time_us = r->ahead.view.time_us;
    return AVSOUND_OK;
}

/* ---- sound ---- */

/* Small pieces, so that the columns of one input are never pushed out of the track by what follows them. They lie on a grid of
 * their own, whatever the pieces that are decoded, as their levels tell. */
enum { PIECE = 4096 };

static void measure_piece(avsn_recording *r, const float *samples, int64_t count)
{
    const int64_t before = r->pushed % PIECE;
    r->piece_energy = (before ? r->piece_energy : 0) + avsn_sum_of_squares(samples, count);
    if (before + count == PIECE)
        r->loudest = fmaxf(r->loudest, (float)sqrt(r->piece_energy / PIECE));
}

static void measure_last_piece(avsn_recording *r)
{
    if (r->pushed % PIECE)
        r->loudest = fmaxf(r->loudest, (float)sqrt(r->piece_energy / (double)(r->pushed % PIECE)));
}

static avsound_status read_sound(avsn_recording *r)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    const double before = avsn_seconds();
    avsound_status status = avsn_media_read_audio(r->audio, &audio);
    if (status == AVSOUND_E_END && r->repeats && r->pushed) {
        status = avsn_media_seek(r->audio, 0);
        if (!status)
            status = avsn_media_read_audio(r->audio, &audio);
    }
    r->decode_seconds += avsn_seconds() - before;
    if (status == AVSOUND_E_END) {
        r->ended = true;
        measure_last_piece(r);
        avsn_track_finish(r->track);
        return AVSOUND_OK;
    }
    AVSN_TRY(status);
    if (!r->started) {
        r->first_sample = llround((double)(audio.time_us - r->origin_us) * 1e-6 * (double)r->frontend->sample_rate);
        avsn_track_reset(r->track, r->first_sample);
        r->started = true;
    }
    r->pending = audio.data;
    r->pending_count = audio.frames;
    return AVSOUND_OK;
}

static avsound_status push_piece(avsn_recording *r)
{
    const int64_t piece = AVSN_MIN(r->pending_count, PIECE - r->pushed % PIECE);
    measure_piece(r, r->pending, piece);
    const double before = avsn_seconds();
    const avsound_status status = avsn_track_push(r->track, r->pending, piece);
    r->spectrogram_seconds += avsn_seconds() - before;
    r->pending += piece;
    r->pending_count -= piece;
    r->pushed += piece;
    return status;
}

avsound_status avsn_recording_sound_at(avsn_recording *r, int64_t time_us, float *spectrogram, float *rms)
{
    const int64_t column = avsn_track_column_at(r->frontend, time_us), end = column + avsn_audio_frontend_steps(r->frontend);
    while (avsn_track_end(r->track) < end)
        AVSN_TRY(r->pending_count ? push_piece(r) : read_sound(r));
    const double before = avsn_seconds();
    AVSN_TRY(avsn_track_rms(r->track, column, rms));
    const avsound_status status = spectrogram ? avsn_track_input(r->track, column, spectrogram) : AVSOUND_OK;
    r->spectrogram_seconds += avsn_seconds() - before;
    r->reached_before = r->reached;
    r->reached = end;
    return status;
}

avsound_status avsn_recording_columns(avsn_recording *r, int64_t column, int64_t count, float *spectrogram)
{
    while (avsn_track_end(r->track) < column + count)
        AVSN_TRY(r->pending_count ? push_piece(r) : read_sound(r));
    const double before = avsn_seconds();
    const avsound_status status = avsn_track_columns(r->track, column, count, spectrogram);
    r->spectrogram_seconds += avsn_seconds() - before;
    return status;
}

avsound_status avsn_recording_first_sample(avsn_recording *r, int64_t *sample, bool *heard)
{
    if (!r->started && !r->ended)
        AVSN_TRY(read_sound(r));
    *heard = r->started;
    *sample = r->first_sample;
    return AVSOUND_OK;
}

int64_t avsn_recording_end_sample(const avsn_recording *r)
{
    return r->ended && !r->pending_count ? r->first_sample + r->pushed : INT64_MAX;
}

bool avsn_recording_sound_ended(const avsn_recording *r, int64_t time_us)
{
    if (r->frontend->samples)
        return avsn_recording_end_sample(r) <= (r->pushed ? r->reached_before : INT64_MAX - 1);
    return r->ended && !r->pending_count &&
           (double)time_us * 1e-6 * r->frontend->sample_rate >= (double)(r->first_sample + r->pushed);
}

/* ---- life ---- */

static avsound_status open_other_sound(avsn_recording *r, avsound_media_options media, const avsound_source *source)
{
    avsound_media_info info;
    media.ignore_video = 1;
    media.ignore_audio = 0;
    AVSN_TRY(avsn_media_open_source(r->context, source, &media, &r->audio));
    avsn_media_info(r->audio, &info);
    if (!info.has_audio)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound", avsn_media_name(r->audio));
    r->repeats = true;
    return AVSOUND_OK;
}

static avsound_status open_media(avsn_recording *r, const avsn_recording_options *o)
{
    if (o->feed) {
        AVSN_TRY(avsn_media_open_feed(r->context, o->feed, o->frames, o->sound, &r->video));
        avsn_media_info(r->video, &r->info);
        r->audio = o->sound ? r->video : NULL;
        return AVSOUND_OK;
    }
    const avsound_media_options media = {
        .struct_size = sizeof media,
        .audio_rate = r->frontend->sample_rate,
        .audio_channels = 1,
        .ignore_video = !o->frames,
        .ignore_audio = !o->sound || o->sound_source,
    };
    AVSN_TRY(avsn_media_open_source(r->context, o->source, &media, &r->video));
    avsn_media_info(r->video, &r->info);
    if (o->frames && !r->info.has_video)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no pictures, and what was asked for needs them", avsn_media_name(r->video));
    if (!o->sound)
        return AVSOUND_OK;
    if (o->sound_source)
        return open_other_sound(r, media, o->sound_source);
    if (!r->info.has_audio)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound, and what was asked for needs it; another file's sound can be given",
                  avsn_media_name(r->video));
    r->audio = r->video;
    return AVSOUND_OK;
}

/* The columns of the first input reach back before its time. */
static avsound_status seek_to_start(avsn_recording *r, int64_t start_us)
{
    if (!start_us)
        return AVSOUND_OK;
    const avsn_audio_frontend *f = r->frontend;
    const double reach = ((double)avsn_audio_frontend_samples(f) / 2 + f->window + f->hop) / f->sample_rate;
    const bool both = r->audio == r->video;
    return avsn_media_seek(r->video, both ? AVSN_MAX(start_us - (int64_t)(reach * 1e6) - 1, 0) : start_us);
}

avsound_status avsn_recording_open(avsn_recording *recording, avsound_context *context,
                                   const avsn_audio_frontend *frontend, const avsn_recording_options *options)
{
    recording->context = avsn_context_ref(context);
    recording->frontend = frontend;
    recording->reached = recording->reached_before = INT64_MIN;
    AVSN_TRY(open_media(recording, options));
    AVSN_TRY(seek_to_start(recording, options->start_us));
    if (!options->sound)
        return AVSOUND_OK;
    const int64_t columns = AVSN_MAX((int64_t)frontend->columns, options->columns);
    return avsn_track_create(context, frontend, 2 * columns + PIECE / frontend->hop + 8, &recording->track);
}

void avsn_recording_close(avsn_recording *recording)
{
    avsound_context *context = recording->context;
    if (!context)
        return;
    avsn_free(context, recording->ahead.bytes);
    avsn_free(context, recording->shown.bytes);
    avsn_track_free(recording->track);
    if (recording->audio != recording->video)
        avsn_media_free(recording->audio);
    avsn_media_free(recording->video);
    avsound_context_free(context);
}
