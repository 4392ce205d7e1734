/* A film in memory, to be pushed into streams in pieces: the pictures and the sound that a file yields, or made up ones. */
#ifndef AVSN_TEST_STREAM_PIECES_H
#define AVSN_TEST_STREAM_PIECES_H

#include <stdbool.h>

#include "suite.h"

enum { PIECES_MOST_FRAMES = 4096 };

typedef struct film {
    avsound_frame frames[PIECES_MOST_FRAMES]; /* RGB24, owned */
    int frame_count;
    float *samples; /* [sample_count][channels] */
    int64_t sample_count, audio_us;
    int32_t rate, channels;
    int rate_num, rate_den;
    int64_t shift_us; /* added to every time when pushed */
    /* what of it was pushed */
    int frame;
    int64_t sample;
    uint32_t state;
} film;

static inline uint32_t film_random(film *f, uint32_t below)
{
    f->state = f->state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(f->state >> 8) * below) >> 24);
}

/* A copy of the bytes of each plane, rows as they are. */
static inline avsound_frame film_keep(const avsound_frame *frame)
{
    avsound_frame kept = *frame;
    for (int p = 0; p < 4 && frame->data[p]; p++) {
        const int32_t rows = p && frame->format == AVSOUND_PIXEL_YUV420P ? (frame->height + 1) / 2 : frame->height;
        const int32_t stride = frame->stride[p];
        uint8_t *bytes = malloc((size_t)stride * (size_t)rows);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, frame->data[p], (size_t)stride * (size_t)(rows - 1));
        /* what lies behind the last row's pixels is not the frame's */
        const int32_t pixels = p && frame->format == AVSOUND_PIXEL_YUV420P ? (frame->width + 1) / 2 : frame->width;
        const int32_t row = frame->format == AVSOUND_PIXEL_RGB24 ? 3 * pixels : pixels;
        memset(bytes + (size_t)stride * (size_t)(rows - 1), 0, (size_t)stride);
        memcpy(bytes + (size_t)stride * (size_t)(rows - 1), frame->data[p] + (size_t)stride * (size_t)(rows - 1), (size_t)row);
        kept.data[p] = bytes;
    }
    return kept;
}

static inline void film_read_frames(film *f, avsound_media *media)
{
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_status status;
    while ((status = avsound_media_read_frame(media, &frame)) == AVSOUND_OK) {
        ck_assert_int_lt(f->frame_count, PIECES_MOST_FRAMES);
        ck_assert(frame.format == AVSOUND_PIXEL_YUV420P || frame.format == AVSOUND_PIXEL_RGB24);
        f->frames[f->frame_count++] = film_keep(&frame);
    }
    ck_assert_int_eq(status, AVSOUND_E_END);
}

static inline void film_read_sound(film *f, avsound_media *media)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    avsound_status status;
    while ((status = avsound_media_read_audio(media, &audio)) == AVSOUND_OK) {
        if (!f->sample_count)
            f->audio_us = audio.time_us;
        f->rate = audio.sample_rate;
        f->channels = audio.channels;
        const size_t bytes = (size_t)audio.channels * sizeof(float), there = (size_t)f->sample_count * bytes;
        f->samples = realloc(f->samples, there + (size_t)audio.frames * bytes);
        ck_assert_ptr_nonnull(f->samples);
        memcpy((char *)f->samples + there, audio.data, (size_t)audio.frames * bytes);
        f->sample_count += audio.frames;
    }
    ck_assert_int_eq(status, AVSOUND_E_END);
}

/* What a file yields at its own rates. */
static inline film *film_of_file(avsound_context *context, const char *path)
{
    film *f = calloc(1, sizeof *f);
    avsound_media *media = NULL;
    avsound_media_info info = {.struct_size = sizeof info};
    ck_assert_ptr_nonnull(f);
    ck_avsound(avsound_media_open(context, path, NULL, &media));
    ck_avsound(avsound_media_get_info(media, &info));
    f->rate_num = info.rate_num;
    f->rate_den = info.rate_den;
    if (info.has_video)
        film_read_frames(f, media);
    if (info.has_audio)
        film_read_sound(f, media);
    avsound_media_free(media);
    return f;
}

static inline void film_free(film *f)
{
    for (int i = 0; i < f->frame_count; i++)
        for (int p = 0; p < 4; p++)
            free((void *)(uintptr_t)f->frames[i].data[p]);
    free(f->samples);
    free(f);
}

static inline void film_rewind(film *f, uint32_t seed)
{
    f->frame = 0;
    f->sample = 0;
    f->state = seed;
}

static inline bool film_ended(const film *f)
{
    return f->frame == f->frame_count && f->sample == f->sample_count;
}

/* Times up to which pictures and sound were pushed, unshifted. */
static inline int64_t film_seen(const film *f)
{
    return f->frame == f->frame_count ? INT64_MAX : f->frame ? f->frames[f->frame - 1].time_us : INT64_MIN;
}

static inline int64_t film_heard(const film *f)
{
    if (f->sample == f->sample_count)
        return INT64_MAX;
    return f->sample ? f->audio_us + (int64_t)((double)f->sample * 1e6 / f->rate) : INT64_MIN;
}

static inline avsound_status film_push_frame(film *f, avsound_stream *stream)
{
    avsound_frame frame = f->frames[f->frame];
    frame.time_us += f->shift_us;
    const avsound_status status = avsound_stream_push_frame(stream, &frame);
    f->frame += status == AVSOUND_OK;
    return status;
}

static inline avsound_status film_push_sound(film *f, avsound_stream *stream, int64_t most)
{
    const int64_t left = f->sample_count - f->sample;
    const avsound_audio audio = {.struct_size = sizeof audio,
                                 .format = AVSOUND_SAMPLE_F32,
                                 .sample_rate = f->rate,
                                 .channels = f->channels,
                                 .frames = most < left ? most : left,
                                 .data = f->samples + f->sample * f->channels,
                                 .time_us = f->shift_us + f->audio_us + llround((double)f->sample * 1e6 / f->rate)};
    const avsound_status status = avsound_stream_push_audio(stream, &audio);
    f->sample += status == AVSOUND_OK ? audio.frames : 0;
    return status;
}

/* The next piece: of the kind that is behind, or now and then of the other, of 1 to `most` samples. `sees`, `hears`: what
 * the stream takes. */
static inline avsound_status film_push(film *f, avsound_stream *stream, bool sees, bool hears, uint32_t most)
{
    if (!sees)
        f->frame = f->frame_count;
    if (!hears)
        f->sample = f->sample_count;
    bool picture = film_seen(f) <= film_heard(f);
    if (!film_random(f, 4))
        picture = !picture;
    if (f->frame == f->frame_count)
        picture = false;
    if (f->sample == f->sample_count)
        picture = true;
    return picture ? film_push_frame(f, stream) : film_push_sound(f, stream, 1 + film_random(f, most));
}

#endif
