#include "api/reel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/image.h"

avsound_status avsn_reel_open(avsn_reel *reel, avsound_context *context, const avsn_reel_options *options)
{
    /* sound from before the first picture is heard, too */
    const int64_t around_us = llround(options->around_s * 1e6) + llabs(options->audio_delay_us);
    const avsn_recording_options recording = {.source = options->source, .feed = options->feed, .frames = true, .sound = true,
                                              .sound_source = options->sound_source,
                                              .start_us = AVSN_MAX(options->start_us - around_us, 0)};
    const size_t pixels = (size_t)options->image->width * (size_t)options->image->height;
    reel->context = context;
    reel->options = *options;
    AVSN_TRY(avsn_recording_open(&reel->recording, context, options->audio, &recording));
    reel->options.source = reel->options.sound_source = NULL; /* the caller's */
    reel->planes = avsn_alloc(context, pixels, 3 * sizeof *reel->planes);
    reel->last = avsn_alloc(context, pixels, 3);
    if (!reel->planes || !reel->last)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(avsn_recording_next_time(&reel->recording, options->start_us, &reel->first_us));
    reel->recording.origin_us = reel->first_us - options->audio_delay_us;
    return AVSOUND_OK;
}

void avsn_reel_close(avsn_reel *reel)
{
    if (!reel->context)
        return;
    avsn_framer_free(reel->context, &reel->framer);
    avsn_framer_free(reel->context, &reel->whole);
    avsn_free(reel->context, reel->frame.bytes);
    avsn_free(reel->context, reel->planes);
    avsn_free(reel->context, reel->whole_planes);
    avsn_free(reel->context, reel->last);
    avsn_recording_close(&reel->recording);
}

static void measure_motion(avsn_reel *reel, const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height)
{
    const size_t row = 3 * (size_t)width;
    if (reel->pictures > 0)
        reel->motion =
            fmaxf(reel->motion, avsn_image_motion(reel->last, (ptrdiff_t)row, rgb, stride, width, height));
    for (int32_t y = 0; y < height; y++)
        memcpy(reel->last + (size_t)y * row, rgb + y * stride, row);
}

/* What the network sees of a picture, into its place among others. */
static void place(const avsn_image_frontend *f, const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height,
                  float *planes, float *to, size_t channel_stride)
{
    const size_t pixels = (size_t)width * (size_t)height;
    avsn_image_normalise(f, rgb, stride, width, height, planes);
    for (size_t c = 0; c < 3; c++)
        memcpy(to + c * channel_stride, planes + c * pixels, pixels * sizeof *to);
}

avsound_status avsn_reel_next(avsn_reel *reel, float *to, size_t channel_stride)
{
    const avsn_image_frontend *f = reel->options.image;
    const int64_t time_us = reel->first_us + llround((double)reel->pictures * 1e6 / reel->options.rate);
    if (reel->options.duration_us && time_us >= reel->options.start_us + reel->options.duration_us)
        return avsn_fail(AVSOUND_E_END, "no more pictures wanted");
    const uint8_t *rgb = NULL;
    ptrdiff_t stride = 0;
    AVSN_TRY(avsn_recording_frame_near(&reel->recording, time_us, &reel->frame));
    AVSN_TRY(avsn_framer_cut(reel->context, &reel->framer, f, &reel->frame.view, AVSN_CENTRE, f->width, f->height, &rgb,
                             &stride));
    measure_motion(reel, rgb, stride, f->width, f->height);
    place(f, rgb, stride, f->width, f->height, reel->planes, to, channel_stride);
    reel->pictures++;
    return AVSOUND_OK;
}

avsound_status avsn_reel_whole(avsn_reel *reel, int32_t width, int32_t height, float *to, size_t channel_stride)
{
    const avsn_image_frontend *f = reel->options.image;
    const uint8_t *rgb = NULL;
    ptrdiff_t stride = 0;
    if (!reel->whole_planes)
        reel->whole_planes = avsn_alloc(reel->context, (size_t)width * (size_t)height, 3 * sizeof *reel->whole_planes);
    if (!reel->whole_planes)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(avsn_framer_cut(reel->context, &reel->whole, f, &reel->frame.view, AVSN_WHOLE, width, height, &rgb, &stride));
    place(f, rgb, stride, width, height, reel->whole_planes, to, channel_stride);
    return AVSOUND_OK;
}
