#include "api/clips.h"

#include "dsp/image.h"

#include <math.h>
#include <string.h>

/* ---- sound ---- */

static avsound_status append(avsn_clips *c, const float *samples, int64_t count)
{
    size_t wanted;
    if (!avsn_add_size((size_t)c->sample_count, (size_t)count, &wanted))
        AVSN_FAIL(AVSOUND_E_LIMIT, "%lld samples: too many", (long long)count);
    AVSN_TRY(avsn_grow(c->context, (void **)&c->samples, 2 * sizeof *c->samples, (size_t)c->sample_count, wanted,
                       &c->samples_capacity));
    float *to = c->samples + 2 * c->sample_count;
    if (samples)
        memcpy(to, samples, (size_t)count * 2 * sizeof *to);
    else
        memset(to, 0, (size_t)count * 2 * sizeof *to);
    c->sample_count += count;
    return AVSOUND_OK;
}

/* Sound that starts late has silence before it; after a seek, the first sample is at or behind the time asked for. Another
 * file's sound begins with this one's pictures, not with the first that is wanted. */
static avsound_status start_sound(avsn_clips *c, int64_t time_us)
{
    const int64_t late = llround((double)(time_us - c->start_us) * 1e-6 * c->pace.sample_rate);
    c->started = true;
    if (late <= 0 && c->repeats)
        c->first_sample = late;
    if (late <= 0)
        return AVSOUND_OK;
    if (late > (int64_t)(86400 * c->pace.sample_rate))
        AVSN_FAIL(AVSOUND_E_LIMIT, "the sound starts %lld s late, want at most a day", (long long)(time_us / 1000000));
    return append(c, NULL, late);
}

static avsound_status read_sound(avsn_clips *c)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    const avsound_status status = avsn_media_read_audio(c->sound, &audio);
    if (status == AVSOUND_E_END && c->repeats && c->started)
        return avsn_media_seek(c->sound, 0);
    if (status == AVSOUND_E_END) {
        c->sound_ended = true;
        return AVSOUND_OK;
    }
    AVSN_TRY(status);
    if (!c->started)
        AVSN_TRY(start_sound(c, audio.time_us));
    AVSN_TRY(append(c, audio.data, audio.frames));
    if (c->first_sample < 0)
        avsn_clips_forget(c, c->first_frame, 0);
    return AVSOUND_OK;
}

avsound_status avsn_clips_listen(avsn_clips *c, int64_t end, int64_t *samples)
{
    end = AVSN_MIN(end, c->most_samples);
    while (!c->sound_ended && c->first_sample + c->sample_count < end)
        AVSN_TRY(read_sound(c));
    const int64_t there = c->first_sample + c->sample_count;
    *samples = there >= c->most_samples ? c->most_samples : c->sound_ended ? there : INT64_MAX;
    return AVSOUND_OK;
}

void avsn_clips_sound(const avsn_clips *c, int64_t first, int64_t count, float *left, float *right)
{
    const int64_t end = AVSN_MIN(c->first_sample + c->sample_count, c->most_samples);
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = first + i - c->first_sample;
        const bool there = at >= 0 && first + i < end;
        left[i] = there ? c->samples[2 * at] : 0;
        right[i] = there ? c->samples[2 * at + 1] : 0;
    }
}

/* ---- pictures ---- */

/* Frames are squeezed to short_side on both sides of a square input, as those that the released networks learned from. */
static void set_sizes(avsn_clips *c)
{
    const avsn_image_frontend *f = &c->image;
    const double scale = (double)f->short_side / AVSN_MIN(f->width, f->height);
    c->whole_width = (int32_t)lround(f->width * scale);
    c->whole_height = (int32_t)lround(f->height * scale);
    c->frame_bytes = (size_t)f->width * (size_t)f->height * 3;
}

static void crop(const avsn_clips *c, uint8_t *to)
{
    const size_t row = (size_t)c->image.width * 3, stride = (size_t)c->whole_width * 3;
    const int32_t x = (c->whole_width - c->image.width) / 2, y = (c->whole_height - c->image.height) / 2;
    for (int32_t r = 0; r < c->image.height; r++)
        memcpy(to + (size_t)r * row, c->whole + (size_t)(y + r) * stride + (size_t)x * 3, row);
}

/* Scales the frame on screen at this time, unless it is the last one scaled; past the end that one stays. */
static avsound_status look(avsn_clips *c, int64_t time_us, uint8_t *to)
{
    const avsn_kept_frame *shown = NULL;
    const avsound_status status = c->pictures_ended ? AVSOUND_E_END : avsn_recording_look_at(&c->pictures, time_us, &shown);
    c->pictures_ended |= status == AVSOUND_E_END;
    if (status && status != AVSOUND_E_END)
        return status;
    if (!shown && !c->looked)
        AVSN_FAIL(AVSOUND_E_FORMAT, "no frame at %.3f s or later", (double)time_us * 1e-6);
    if (shown && !(c->looked && shown->view.time_us == c->shown_us))
        AVSN_TRY(avsn_scaler_kept_rgb(c->scaler, shown, c->whole_width, c->whole_height, c->whole,
                                      3 * (ptrdiff_t)c->whole_width));
    if (shown)
        c->shown_us = shown->view.time_us;
    c->looked = true;
    crop(c, to);
    return AVSOUND_OK;
}

static avsound_status look_until(avsn_clips *c, int64_t end)
{
    while (c->first_frame + c->frame_count < end) {
        const int64_t frame = c->first_frame + c->frame_count;
        size_t used, wanted;
        if (!avsn_mul_size((size_t)c->frame_count, c->frame_bytes, &used) || !avsn_add_size(used, c->frame_bytes, &wanted))
            AVSN_FAIL(AVSOUND_E_LIMIT, "%lld frames: too many", (long long)c->frame_count);
        AVSN_TRY(avsn_grow(c->context, (void **)&c->frames, 1, used, wanted, &c->frames_capacity));
        AVSN_TRY(look(c, c->start_us + llround((double)frame / c->pace.frame_rate * 1e6), c->frames + used));
        if (c->pictures_ended)
            c->frames_total = AVSN_MIN(c->frames_total, frame);
        c->frame_count++;
    }
    return AVSOUND_OK;
}

avsound_status avsn_clips_look(avsn_clips *c, int64_t end, int64_t *frames)
{
    while (!c->pictures_ended && c->first_frame + c->frame_count < end)
        AVSN_TRY(look_until(c, c->first_frame + c->frame_count + 1));
    *frames = c->frames_total;
    return AVSOUND_OK;
}

void avsn_clips_end_pictures(avsn_clips *c)
{
    c->pictures_ended = true;
    c->frames_total = AVSN_MIN(c->frames_total, c->first_frame + c->frame_count);
}

static const uint8_t *frame_at(const avsn_clips *c, int64_t frame)
{
    return c->frames + (size_t)(frame - c->first_frame) * c->frame_bytes;
}

float avsn_clips_motion(const avsn_clips *c, int64_t first, int64_t count)
{
    const ptrdiff_t row = 3 * (ptrdiff_t)c->image.width;
    float most = 0;
    for (int64_t i = first + 1; i < first + count; i++)
        most = fmaxf(most, avsn_image_motion(frame_at(c, i - 1), row, frame_at(c, i), row, c->image.width, c->image.height));
    return most;
}

typedef struct pixels {
    int32_t left, top, right, bottom;
} pixels;

static int32_t pixel_of(float share, int32_t whole, int32_t size)
{
    const double at = rint((double)share * whole - (whole - size) / 2.0);
    return (int32_t)fmin(fmax(at, 0), size);
}

static pixels pixels_of(const avsn_clips *c, const avsn_region *r)
{
    const avsn_image_frontend *f = &c->image;
    return (pixels){pixel_of(r->left, c->whole_width, f->width), pixel_of(r->top, c->whole_height, f->height),
                    pixel_of(r->right, c->whole_width, f->width), pixel_of(r->bottom, c->whole_height, f->height)};
}

#define GREY 128

typedef struct shades {
    float of[3][256]; /* what a channel's values become */
} shades;

static void grey_out(const shades *s, int64_t count, float *planes, size_t plane)
{
    for (int channel = 0; channel < 3; channel++)
        for (int64_t i = 0; i < count; i++)
            planes[(size_t)channel * plane + (size_t)i] = s->of[channel][GREY];
}

/* Three channels at a time: one by one takes twice as long. */
static void fill_row(const shades *s, const uint8_t *rgb, int32_t count, float *red, float *green, float *blue)
{
    for (int32_t x = 0; x < count; x++) {
        red[x] = s->of[0][rgb[3 * x]];
        green[x] = s->of[1][rgb[3 * x + 1]];
        blue[x] = s->of[2][rgb[3 * x + 2]];
    }
}

/* One frame of planes that lie `plane` values apart. */
static void fill_frame(const shades *s, const uint8_t *rgb, int32_t width, int32_t height, const pixels *kept, float *planes,
                       size_t plane)
{
    for (int32_t y = 0; y < height; y++, planes += width, rgb += 3 * width) {
        const bool inside = y >= kept->top && y < kept->bottom;
        const int32_t left = inside ? kept->left : width, right = inside ? AVSN_MAX(kept->right, left) : width;
        grey_out(s, left, planes, plane);
        fill_row(s, rgb + 3 * left, right - left, planes + left, planes + plane + left, planes + 2 * plane + left);
        grey_out(s, width - right, planes + right, plane);
    }
}

void avsn_clips_planes(const avsn_clips *c, const uint8_t *frames, int64_t count, const avsn_region *region, float *planes)
{
    const avsn_image_frontend *f = &c->image;
    const pixels kept = pixels_of(c, region);
    const size_t cells = c->frame_bytes / 3;
    shades s;
    for (int channel = 0; channel < 3; channel++)
        for (int i = 0; i < 256; i++)
            s.of[channel][i] = ((float)i / 255 - f->mean[channel]) / f->std[channel];
    for (int64_t i = 0; i < count; i++)
        fill_frame(&s, frames + (size_t)i * c->frame_bytes, f->width, f->height, &kept, planes + (size_t)i * cells,
                   (size_t)count * cells);
}

avsound_status avsn_clips_pictures(avsn_clips *c, int64_t first, int64_t count, const avsn_region *region, float *planes)
{
    AVSN_TRY(look_until(c, first + count));
    avsn_clips_planes(c, frame_at(c, first), count, region, planes);
    return AVSOUND_OK;
}

avsound_status avsn_clips_frames(avsn_clips *c, int64_t first, int64_t count, uint8_t *frames)
{
    AVSN_TRY(look_until(c, first + count));
    memcpy(frames, frame_at(c, first), (size_t)count * c->frame_bytes);
    return AVSOUND_OK;
}

void avsn_clips_forget(avsn_clips *c, int64_t frame, int64_t sample)
{
    const int64_t frames = AVSN_MIN(AVSN_MAX(frame - c->first_frame, 0), c->frame_count);
    const int64_t samples = AVSN_MIN(AVSN_MAX(sample - c->first_sample, 0), c->sample_count);
    c->first_frame += frames;
    c->frame_count -= frames;
    c->first_sample += samples;
    c->sample_count -= samples;
    if (frames && c->frame_count)
        memmove(c->frames, c->frames + (size_t)frames * c->frame_bytes, (size_t)c->frame_count * c->frame_bytes);
    if (samples && c->sample_count)
        memmove(c->samples, c->samples + 2 * samples, (size_t)c->sample_count * 2 * sizeof *c->samples);
}

/* ---- life ---- */

static avsound_status open_sound(avsn_clips *c, const avsn_clips_options *o)
{
    const avsound_media_options media = {.struct_size = sizeof media, .audio_rate = c->clip.sample_rate, .audio_channels = 2,
                                         .ignore_video = 1};
    const avsound_source *source = o->sound_source ? o->sound_source : o->source;
    AVSN_TRY(o->feed ? avsn_media_open_feed(c->context, o->feed, false, true, &c->sound)
                     : avsn_media_open_source(c->context, source, &media, &c->sound));
    avsn_media_info(c->sound, &c->info);
    if (!c->info.has_audio)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound", avsn_media_name(c->sound));
    c->repeats = o->repeats;
    return o->start_us && !c->repeats ? avsn_media_seek(c->sound, o->start_us) : AVSOUND_OK;
}

static avsound_status open_pictures(avsn_clips *c, const avsn_clips_options *o)
{
    static const avsn_audio_frontend no_sound = {.sample_rate = 0};
    const avsn_recording_options recording = {.source = o->source, .feed = o->feed, .frames = true};
    AVSN_TRY(avsn_recording_open(&c->pictures, c->context, &no_sound, &recording));
    const avsound_media_info sound = c->info;
    c->info = c->pictures.info;
    c->info.has_audio = 1;
    c->info.sample_rate = sound.sample_rate;
    c->info.channels = sound.channels;
    c->info.audio_start_us = sound.audio_start_us;
    c->info.audio_duration_us = sound.audio_duration_us;
    c->info.duration_us = AVSN_MAX(c->info.duration_us, sound.duration_us);
    memcpy(c->info.audio_codec, sound.audio_codec, sizeof sound.audio_codec);
    if (o->start_us)
        AVSN_TRY(avsn_media_seek(c->pictures.video, o->start_us));
    set_sizes(c);
    c->whole = avsn_alloc(c->context, (size_t)c->whole_width * (size_t)c->whole_height, 3);
    if (!c->whole)
        return AVSOUND_E_NO_MEMORY;
    return avsn_scaler_create(c->context, &c->scaler);
}

avsound_status avsn_clips_open(avsn_clips *c, avsound_context *context, const avsn_image_frontend *image,
                               const avsn_clip_frontend *clip, const avsn_clips_options *o)
{
    c->context = avsn_context_ref(context);
    c->image = *image;
    c->clip = *clip;
    c->pace = (avsn_pace){.frame_rate = clip->frame_rate, .sample_rate = clip->sample_rate};
    c->start_us = o->start_us;
    c->frames_total = INT64_MAX;
    c->most_samples = o->duration_us ? AVSN_MAX(llround((double)o->duration_us * 1e-6 * clip->sample_rate), 1LL) : INT64_MAX;
    AVSN_TRY(open_sound(c, o));
    return o->frames ? open_pictures(c, o) : AVSOUND_OK;
}

void avsn_clips_close(avsn_clips *c)
{
    avsound_context *context = c->context;
    if (!context)
        return;
    avsn_recording_close(&c->pictures);
    avsn_scaler_free(c->scaler);
    avsn_media_free(c->sound);
    avsn_free(context, c->whole);
    avsn_free(context, c->frames);
    avsn_free(context, c->samples);
    avsound_context_free(context);
}
