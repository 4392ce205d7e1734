/* Moments out of clips of any form: the frame on screen at a time, the second of sound around it. */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

#define MARGIN_US 50000 /* the spectrogram's first and last columns, and a resampler, look beyond the second */

/* ---- how long a clip is ---- */

static void set_grid(const avsound_media_info *info, eval_clip *clip)
{
    const int64_t half = EVAL_WINDOW_US / 2, whole = info->duration_us;
    const int64_t video_end = info->video_duration_us >= 0 ? info->video_start_us + info->video_duration_us : whole;
    const int64_t audio_end = info->audio_duration_us >= 0 ? info->audio_start_us + info->audio_duration_us : whole;
    const int64_t start = info->video_start_us > info->audio_start_us ? info->video_start_us : info->audio_start_us;
    const int64_t end = video_end < audio_end ? video_end : audio_end;
    clip->first = (start + half + EVAL_GRID_US - 1) / EVAL_GRID_US;
    clip->last = end < half ? -1 : (end - half) / EVAL_GRID_US;
    clip->usable = clip->last >= clip->first;
}

bool eval_probe(avsound_context *context, eval_clip *clip)
{
    avsound_media *media = NULL;
    avsound_media_info info = {.struct_size = sizeof info};
    clip->usable = false;
    avsound_status status = avsound_media_open(context, clip->path, NULL, &media);
    if (!status)
        status = avsound_media_get_info(media, &info);
    if (!status && info.has_video && info.has_audio && !info.still)
        set_grid(&info, clip);
    avsound_media_free(media);
    return !status;
}

/* ---- sound ---- */

avsound_status eval_open_sound(avsound_context *context, const char *path, avsound_media **out)
{
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.ignore_video = 1;
    return avsound_media_open(context, path, &options, out);
}

/* Zeros for a window of the piece's rate and channels. */
static avsound_status begin(eval_sound *sound, const avsound_audio *piece)
{
    const int64_t frames = (int64_t)(EVAL_WINDOW_US + 2 * MARGIN_US) * piece->sample_rate / 1000000;
    const size_t count = (size_t)frames * (size_t)piece->channels;
    if (count > sound->room) {
        float *grown = realloc(sound->samples, count * sizeof *grown);
        if (!grown)
            return AVSOUND_E_NO_MEMORY;
        sound->samples = grown;
        sound->room = count;
    }
    memset(sound->samples, 0, count * sizeof *sound->samples);
    sound->audio = *piece;
    sound->audio.frames = frames;
    sound->audio.data = sound->samples;
    return AVSOUND_OK;
}

/* Copies what of `piece` falls into the window that starts at `start_us`. False: it lies behind it. */
static bool place(eval_sound *sound, const avsound_audio *piece, int64_t start_us)
{
    const avsound_audio *a = &sound->audio;
    int64_t at = llround((double)(piece->time_us - start_us) * 1e-6 * a->sample_rate), from = 0, n = piece->frames;
    if (at >= a->frames)
        return false;
    if (at < 0) {
        from = -at;
        at = 0;
    }
    if (n - from > a->frames - at)
        n = a->frames - at + from;
    const size_t channels = (size_t)a->channels;
    if (n > from)
        memcpy(sound->samples + (size_t)at * channels, (const float *)piece->data + (size_t)from * channels,
               (size_t)(n - from) * channels * sizeof(float));
    return at + n - from < a->frames;
}

avsound_status eval_read_sound(avsound_media *media, int64_t time_us, eval_sound *sound)
{
    const int64_t start_us = time_us - EVAL_WINDOW_US / 2 - MARGIN_US;
    avsound_audio piece = {.struct_size = sizeof piece};
    bool begun = false, more = true;
    avsound_status status = avsound_media_seek(media, start_us > 0 ? start_us : 0);
    while (!status && more && !(status = avsound_media_read_audio(media, &piece))) {
        if (!begun)
            status = begin(sound, &piece);
        begun = !status;
        more = begun && place(sound, &piece, start_us);
    }
    return status == AVSOUND_E_END && begun ? AVSOUND_OK : status;
}

void eval_sound_free(eval_sound *sound)
{
    free(sound->samples);
    *sound = (eval_sound){0};
}

/* ---- frames ---- */

typedef struct held_frame {
    avsound_frame view; /* over `bytes` */
    uint8_t *bytes;
    size_t room;
} held_frame;

/* Bytes of a row and number of rows of plane `p`; false behind the last plane. */
static bool plane_size(const avsound_frame *f, int p, size_t *row, size_t *rows)
{
    const size_t w = (size_t)f->width, h = (size_t)f->height, half_w = (w + 1) / 2, half_h = (h + 1) / 2;
    *rows = h;
    switch (f->format) {
    case AVSOUND_PIXEL_YUV420P:
        *row = p ? half_w : w;
        *rows = p ? half_h : h;
        return p < 3;
    case AVSOUND_PIXEL_NV12:
        *row = p ? 2 * half_w : w;
        *rows = p ? half_h : h;
        return p < 2;
    case AVSOUND_PIXEL_YUV422P:
        *row = p ? half_w : w;
        return p < 3;
    case AVSOUND_PIXEL_YUV444P:
        *row = w;
        return p < 3;
    case AVSOUND_PIXEL_YUYV422:
        *row = 4 * half_w;
        return p < 1;
    case AVSOUND_PIXEL_GRAY8:
        *row = w;
        return p < 1;
    case AVSOUND_PIXEL_RGBA:
    case AVSOUND_PIXEL_BGRA:
        *row = 4 * w;
        return p < 1;
    default:
        *row = 3 * w;
        return p < 1;
    }
}

static avsound_status hold(held_frame *held, const avsound_frame *frame)
{
    size_t row, rows, bytes = 0;
    for (int p = 0; p < 4 && plane_size(frame, p, &row, &rows); p++)
        bytes += row * rows;
    if (bytes > held->room) {
        uint8_t *grown = realloc(held->bytes, bytes);
        if (!grown)
            return AVSOUND_E_NO_MEMORY;
        held->bytes = grown;
        held->room = bytes;
    }
    held->view = *frame;
    uint8_t *to = held->bytes;
    for (int p = 0; p < 4 && plane_size(frame, p, &row, &rows); p++) {
        held->view.data[p] = to;
        held->view.stride[p] = (int32_t)row;
        for (size_t y = 0; y < rows; y++, to += row)
            memcpy(to, frame->data[p] + (ptrdiff_t)y * frame->stride[p], row);
    }
    return AVSOUND_OK;
}

/* A frame is on screen until the next one: only when that has come is it known to be the one. */
static avsound_status walk(avsound_media *media, const int64_t *times, int64_t count, eval_frame_fn take, void *user,
                           held_frame *held)
{
    int64_t next = 0;
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_status status = avsound_media_seek(media, times[0]);
    while (!status && next < count) {
        status = avsound_media_read_frame(media, &frame);
        const bool end = status == AVSOUND_E_END && held->bytes;
        if (status && !end)
            return status;
        for (status = AVSOUND_OK; !status && held->bytes && next < count && (end || times[next] < frame.time_us);
             next++)
            status = take(user, next, &held->view);
        if (!status && !end && next < count)
            status = hold(held, &frame);
    }
    return status;
}

static avsound_status walk_file(avsound_context *context, const char *path, const int64_t *times, int64_t count,
                                eval_frame_fn take, void *user)
{
    avsound_media *media = NULL;
    held_frame held = {0};
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.ignore_audio = 1;
    avsound_status status = avsound_media_open(context, path, &options, &media);
    if (!status)
        status = walk(media, times, count, take, user, &held);
    free(held.bytes);
    avsound_media_free(media);
    return status;
}

enum { MOST_RUN = 64 };

static avsound_status keep_frame(void *user, int64_t index, const avsound_frame *frame)
{
    return hold((held_frame *)user + index, frame);
}

/* The frames around one time. */
static avsound_status take_run(avsound_context *context, const char *path, int32_t run, int64_t time_us, int64_t index,
                               eval_frame_fn take, void *user, held_frame *kept)
{
    int64_t times[MOST_RUN];
    avsound_frame frames[MOST_RUN];
    for (int32_t i = 0; i < run; i++) {
        const int64_t at = time_us + (i - run / 2) * (int64_t)EVAL_GRID_US;
        times[i] = at > 0 ? at : 0;
    }
    const avsound_status status = walk_file(context, path, times, run, keep_frame, kept);
    for (int32_t i = 0; !status && i < run; i++)
        frames[i] = kept[i].view;
    return status ? status : take(user, index, frames);
}

static avsound_status walk_runs(avsound_context *context, const char *path, int32_t run, const int64_t *times, int64_t count,
                                eval_frame_fn take, void *user)
{
    held_frame kept[MOST_RUN] = {0};
    avsound_status status = run > MOST_RUN ? AVSOUND_E_LIMIT : AVSOUND_OK;
    for (int64_t i = 0; !status && i < count; i++)
        status = take_run(context, path, run, times[i], i, take, user, kept);
    for (int32_t i = 0; i < MOST_RUN; i++)
        free(kept[i].bytes);
    return status;
}

avsound_status eval_walk_frames(avsound_context *context, const char *path, int32_t run, const int64_t *times, int64_t count,
                                eval_frame_fn take, void *user)
{
    if (count < 1)
        return AVSOUND_OK;
    return run > 1 ? walk_runs(context, path, run, times, count, take, user)
                   : walk_file(context, path, times, count, take, user);
}
