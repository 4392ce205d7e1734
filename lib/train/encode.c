#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "media/flows.h"
#include "media/intra.h"
#include "train/motion.h"
#include "train/prepare.h"

enum {
    FRAME_US = 1000000 / AVSN_CLIP_RATE,
    FRAME_SAMPLES = AVSN_SAMPLE_RATE / AVSN_CLIP_RATE,
    LONGEST_SIDE = 16384,
    LONGEST_GAP_US = 20000000, /* of pictures, and of a late start */
    LONGEST_TAIL = 60 * AVSN_SAMPLE_RATE, /* samples of sound behind the last picture */
    WATCH_FRAMES = 5 * AVSN_CLIP_RATE
};

/* What a clip must have, or else is flagged: docs/data.md. */
#define LEAST_SECONDS 1
#define MISSING_SECONDS 0.5
#define MISSING_SHARE 0.05
#define UNEQUAL_SECONDS 0.5
#define UNEQUAL_SHARE 0.1
#define LEAST_MOVING 0.04
#define LEAST_AUDIBLE 0.05

typedef struct encoding {
    const avsn_encode_job *job;
    avsound_media *media;
    avsound_media_info info;
    avsn_intra *intra;
    avsn_motion_writer *motion; /* NULL: not wanted */
    bool shown; /* the staged picture was written once */
    avsn_measure measure;
    avsound_audio sound; /* what was read last */
    int64_t sound_used; /* samples of it that were written */
    int64_t sound_padding; /* zeros before the first */
    bool sound_ended;
    int64_t first_us, shown_us, end_us; /* of the source's pictures: the first, the staged one, the end */
    int64_t step_us; /* between its pictures */
    avsound_status broken; /* the source's fault: the detail says why */
} encoding;

/* A failure of the source, which ends its encoding, but not the run. */
static avsound_status blame(encoding *e, avsound_status status)
{
    if (status && status != AVSOUND_E_NO_MEMORY)
        e->broken = status;
    return status;
}

/* ---- sound ---- */

static avsound_status write_padding(encoding *e, int64_t frames)
{
    static const float zeros[2 * FRAME_SAMPLES];
    for (int64_t left = frames; left > 0; left -= FRAME_SAMPLES)
        AVSN_TRY(avsn_intra_write_sound(e->intra, zeros, AVSN_MIN(left, (int64_t)FRAME_SAMPLES)));
    return AVSOUND_OK;
}

static avsound_status start_sound(encoding *e)
{
    if (e->sound.time_us > LONGEST_GAP_US)
        return blame(e, avsn_fail(AVSOUND_E_FORMAT, "%s: sound starts at %.1f s, want it within the first %d s",
                                  e->job->source, (double)e->sound.time_us / 1e6, LONGEST_GAP_US / 1000000));
    e->sound_padding = llround((double)e->sound.time_us * AVSN_SAMPLE_RATE / 1e6);
    return write_padding(e, e->sound_padding);
}

static avsound_status read_sound(encoding *e)
{
    const avsound_status status = avsn_media_read_audio(e->media, &e->sound);
    e->sound_used = 0;
    if (status == AVSOUND_E_END) {
        e->sound.frames = 0;
        e->sound_ended = true;
        return AVSOUND_OK;
    }
    if (status)
        return blame(e, status);
    return avsn_intra_samples(e->intra) ? AVSOUND_OK : start_sound(e);
}

/* Brings the sound up to `target` samples, if it has as many. */
static avsound_status write_sound_until(encoding *e, int64_t target)
{
    const int32_t channels = e->job->channels;
    while (!e->sound_ended) {
        const int64_t left = e->sound.frames - e->sound_used, wanted = target - avsn_intra_samples(e->intra);
        if (wanted <= 0)
            break;
        if (!left) {
            AVSN_TRY(read_sound(e));
            continue;
        }
        const int64_t taken = AVSN_MIN(left, wanted);
        const float *samples = (const float *)e->sound.data + e->sound_used * channels;
        avsn_measure_sound(&e->measure, samples, taken, channels);
        AVSN_TRY(avsn_intra_write_sound(e->intra, samples, taken));
        e->sound_used += taken;
    }
    return AVSOUND_OK;
}

static avsound_status write_sound_alone(encoding *e)
{
    const int64_t step = (int64_t)WATCH_FRAMES * FRAME_SAMPLES;
    for (int64_t until = step; !e->sound_ended; until += step) {
        AVSN_TRY(write_sound_until(e, until));
        if (!e->sound_ended && e->job->watch(e->job->user_data, (double)WATCH_FRAMES / AVSN_CLIP_RATE))
            AVSN_FAIL(AVSOUND_E_CANCELLED, "stopped");
    }
    return AVSOUND_OK;
}

/* ---- pictures ---- */

static avsound_status stage(encoding *e, const avsound_frame *frame)
{
    e->shown_us = frame->time_us;
    e->shown = false;
    return avsn_intra_stage(e->intra, frame);
}

/* Writes the staged picture as often as it is the nearest, up to the picture before `until`. */
static avsound_status write_pictures(encoding *e, int64_t until)
{
    for (int64_t i = avsn_intra_pictures(e->intra); i < until; i++) {
        ptrdiff_t stride;
        const uint8_t *luma = avsn_intra_luma(e->intra, &stride);
        avsn_measure_picture(&e->measure, luma, stride, e->info.width, e->info.height);
        AVSN_TRY(write_sound_until(e, i * FRAME_SAMPLES));
        AVSN_TRY(avsn_intra_write_picture(e->intra));
        if (e->motion)
            AVSN_TRY(avsn_motion_write(e->motion, luma, stride, e->shown));
        e->shown = true;
        if (i % WATCH_FRAMES == WATCH_FRAMES - 1 &&
            e->job->watch(e->job->user_data, (double)WATCH_FRAMES / AVSN_CLIP_RATE))
            AVSN_FAIL(AVSOUND_E_CANCELLED, "stopped");
    }
    return AVSOUND_OK;
}

static avsound_status check_gap(encoding *e, int64_t next_us)
{
    if (next_us - e->shown_us <= LONGEST_GAP_US)
        return AVSOUND_OK;
    return blame(e,
                 avsn_fail(AVSOUND_E_FORMAT, "%s: no picture from %.1f s to %.1f s, want one at least every %d s",
                           e->job->source, (double)e->shown_us / 1e6, (double)next_us / 1e6, LONGEST_GAP_US / 1000000));
}

/* Picture i shows the source's frame nearest to i / 25 s; of two as near, the earlier. */
static avsound_status write_video(encoding *e)
{
    avsound_frame frame;
    AVSN_TRY(blame(e, avsn_media_read_frame(e->media, &frame)));
    e->first_us = frame.time_us;
    AVSN_TRY(check_gap(e, frame.time_us));
    AVSN_TRY(stage(e, &frame));
    for (;;) {
        const avsound_status status = avsn_media_read_frame(e->media, &frame);
        if (status == AVSOUND_E_END)
            break;
        AVSN_TRY(blame(e, status));
        AVSN_TRY(check_gap(e, frame.time_us));
        e->step_us = frame.time_us - e->shown_us;
        AVSN_TRY(write_pictures(e, (e->shown_us + frame.time_us) / (2 * FRAME_US) + 1));
        AVSN_TRY(stage(e, &frame));
    }
    e->end_us = e->shown_us + AVSN_MIN(e->step_us, 1000000);
    return write_pictures(e, AVSN_MAX((e->end_us + FRAME_US / 2) / FRAME_US, (int64_t)1));
}

/* ---- one file ---- */

/* Some containers do not notice that their end is missing. */
static avsound_status check_length(encoding *e)
{
    const double told = (double)e->info.duration_us / 1e6;
    const double found = fmax((double)e->end_us / 1e6, (double)avsn_intra_samples(e->intra) / AVSN_SAMPLE_RATE);
    if (told - found <= fmax(MISSING_SECONDS, MISSING_SHARE * told) || !e->sound_ended)
        return AVSOUND_OK;
    return blame(
        e, avsn_fail(AVSOUND_E_FORMAT, "%s: ends at %.1f s, but the file says %.1f s", e->job->source, found, told));
}

static void choose_size(int32_t short_side, int32_t *width, int32_t *height)
{
    const int32_t shorter = AVSN_MIN(*width, *height);
    if (shorter <= short_side)
        return;
    int32_t *longer = *width < *height ? height : width;
    *longer = (int32_t)((2 * (int64_t)*longer * short_side + 2 * shorter) / (4 * (int64_t)shorter)) * 2;
    *(longer == width ? height : width) = short_side;
    if (*width == *height || *longer < short_side)
        *longer = short_side;
}

static avsound_status open_source(encoding *e)
{
    const avsound_media_options options = {
        .struct_size = sizeof options,
        .decode_threads = 1,
        .audio_rate = AVSN_SAMPLE_RATE,
        .audio_channels = e->job->channels,
    };
    AVSN_TRY(blame(e, avsn_media_open(e->job->context, e->job->source, &options, &e->media)));
    avsn_media_info(e->media, &e->info);
    choose_size(e->job->short_side, &e->info.width, &e->info.height);
    if (e->info.width > LONGEST_SIDE || e->info.height > LONGEST_SIDE)
        return blame(e, avsn_fail(AVSOUND_E_LIMIT, "%s: %d x %d pixels once scaled, want at most %d a side",
                                  e->job->source, e->info.width, e->info.height, LONGEST_SIDE));
    e->step_us =
        e->info.rate_num > 0 && e->info.rate_den > 0 ? llround(1e6 * e->info.rate_den / e->info.rate_num) : FRAME_US;
    return AVSOUND_OK;
}

static avsound_status write_file(encoding *e, bool pictures)
{
    const avsn_intra_options options = {
        .width = pictures ? e->info.width : 0,
        .height = pictures ? e->info.height : 0,
        .rate = AVSN_CLIP_RATE,
        .sample_rate = AVSN_SAMPLE_RATE,
        .channels = e->job->channels,
        .scale = e->job->scale,
    };
    AVSN_TRY(avsn_intra_create(e->job->context, e->job->path, &options, &e->intra));
    if (pictures && e->job->flow)
        AVSN_TRY(avsn_motion_writer_create(e->job->context, e->job->path, e->job->flow, options.width, options.height, &e->motion));
    AVSN_TRY(pictures ? write_video(e) : write_sound_alone(e));
    AVSN_TRY(write_sound_until(e, avsn_intra_pictures(e->intra) * FRAME_SAMPLES + LONGEST_TAIL));
    return check_length(e);
}

static void judge(const encoding *e, avsn_clip_row *row)
{
    const bool silent = row->audible < LEAST_AUDIBLE, brief = row->samples < LEAST_SECONDS * AVSN_SAMPLE_RATE;
    const double longer = fmax(row->video_seconds, row->audio_seconds);
    const double apart = fabs(row->video_seconds - row->audio_seconds);
    row->flags |= (silent ? AVSOUND_CLIP_SILENT : 0) | (brief ? AVSOUND_CLIP_SHORT : 0);
    avsn_measure_fingerprint(&e->measure, &row->print);
    if (!row->frames) /* of sound alone: the rest is about pictures */
        return;
    if (row->frames < LEAST_SECONDS * AVSN_CLIP_RATE)
        row->flags |= AVSOUND_CLIP_SHORT;
    if (apart > UNEQUAL_SECONDS && apart > UNEQUAL_SHARE * longer)
        row->flags |= AVSOUND_CLIP_UNEQUAL;
    if (row->moving < LEAST_MOVING)
        row->flags |= AVSOUND_CLIP_STILL;
}

static void describe(const encoding *e, avsn_clip_row *row)
{
    row->frames = (int32_t)AVSN_MIN(avsn_intra_pictures(e->intra), (int64_t)INT32_MAX);
    row->samples = avsn_intra_samples(e->intra);
    row->width = row->frames ? e->info.width : 0;
    row->height = row->frames ? e->info.height : 0;
    row->video_seconds = (double)(e->end_us - e->first_us) / 1e6;
    row->audio_seconds = (double)(row->samples - e->sound_padding) / AVSN_SAMPLE_RATE;
    row->moving = avsn_measure_moving(&e->measure);
    row->audible = avsn_measure_audible(&e->measure);
    row->level_db = avsn_measure_level(&e->measure);
    judge(e, row);
}

static avsound_status encode(encoding *e, avsn_clip_row *row)
{
    AVSN_TRY(open_source(e));
    const bool video = e->info.has_video && !e->info.still;
    row->flags |= (video ? 0 : AVSOUND_CLIP_NO_VIDEO) | (e->info.has_audio ? 0 : AVSOUND_CLIP_NO_AUDIO);
    if (!e->info.has_audio || (!video && !e->job->sounds))
        return AVSOUND_OK;
    AVSN_TRY(write_file(e, video));
    if (!avsn_intra_samples(e->intra)) {
        row->flags |= AVSOUND_CLIP_NO_AUDIO;
        return AVSOUND_OK;
    }
    if (e->motion)
        AVSN_TRY(avsn_motion_finish(e->motion));
    AVSN_TRY(avsn_intra_finish(e->intra));
    describe(e, row);
    return AVSOUND_OK;
}

/* Without the source's path, which the row has already. */
static avsound_status explain(const encoding *e, avsn_clip_row *row)
{
    const char *detail = avsound_error_detail();
    const size_t length = strlen(e->job->source);
    if (!strncmp(detail, e->job->source, length) && !strncmp(detail + length, ": ", 2))
        detail += length + 2;
    row->flags = AVSOUND_CLIP_BROKEN;
    row->error = avsn_strdup(e->job->context, *detail ? detail : avsound_status_text(e->broken));
    if (e->broken == AVSOUND_E_IO)
        row->source_bytes = -1; /* a disk's failure may pass: to be tried again */
    return row->error ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* What an earlier version of the source, or other options, left. */
static avsound_status remove_old(const avsn_encode_job *job, const avsn_clip_row *row)
{
    if (!row->samples)
        unlink(job->path);
    if (row->frames && job->flow)
        return AVSOUND_OK;
    char *path = avsn_flows_path(job->context, job->path);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    unlink(path);
    avsn_free(job->context, path);
    return AVSOUND_OK;
}

avsound_status avsn_encode_clip(const avsn_encode_job *job, avsn_clip_row *row)
{
    encoding *e = avsn_alloc_zeroed(job->context, 1, sizeof *e);
    if (!e)
        return AVSOUND_E_NO_MEMORY;
    e->job = job;
    avsn_measure_start(&e->measure);
    row->level_db = -120;
    avsound_status status = encode(e, row);
    avsn_motion_writer_free(e->motion);
    avsn_intra_free(e->intra);
    avsn_media_free(e->media);
    if (status && e->broken == status)
        status = explain(e, row);
    avsn_free(job->context, e);
    return status ? status : remove_old(job, row);
}
