#include "train/item.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "dsp/flow.h"
#include "dsp/separation.h"
#include "dsp/spectrogram.h"
#include "dsp/waveform.h"
#include "train/motion.h"

/* ---- indices ---- */

typedef struct cached {
    avsn_clip_index *index;
    int64_t used; /* when last */
    int32_t users;
} cached;

struct avsn_clip_cache {
    avsound_context *context;
    const avsn_dataset *data;
    pthread_mutex_t mutex;
    cached *clip;
    int32_t count, held, most;
    int64_t clock;
};

avsound_status avsn_clip_cache_create(avsound_context *context, const avsn_dataset *data, int32_t most,
                                      avsn_clip_cache **out)
{
    *out = NULL;
    avsn_clip_cache *c = avsn_alloc_zeroed(context, 1, sizeof *c);
    if (!c)
        return AVSOUND_E_NO_MEMORY;
    c->count = avsn_dataset_count(data);
    c->clip = avsn_alloc_zeroed(context, (size_t)c->count, sizeof *c->clip);
    if (!c->clip) {
        avsn_free(context, c);
        return AVSOUND_E_NO_MEMORY;
    }
    c->context = avsn_context_ref(context);
    c->data = data;
    c->most = most;
    pthread_mutex_init(&c->mutex, NULL);
    *out = c;
    return AVSOUND_OK;
}

void avsn_clip_cache_free(avsn_clip_cache *c)
{
    if (!c)
        return;
    avsound_context *context = c->context;
    for (int32_t i = 0; i < c->count; i++)
        avsn_clip_index_free(c->clip[i].index);
    pthread_mutex_destroy(&c->mutex);
    avsn_free(context, c->clip);
    avsn_free(context, c);
    avsound_context_free(context);
}

static avsn_clip_index *take_oldest(avsn_clip_cache *c)
{
    cached *oldest = NULL;
    for (int32_t i = 0; c->held > c->most && i < c->count; i++) {
        cached *at = &c->clip[i];
        if (at->index && !at->users && (!oldest || at->used < oldest->used))
            oldest = at;
    }
    if (!oldest)
        return NULL;
    avsn_clip_index *index = oldest->index;
    oldest->index = NULL;
    c->held--;
    return index;
}

static bool find(avsn_clip_cache *c, int32_t clip, const avsn_clip_index **index)
{
    pthread_mutex_lock(&c->mutex);
    cached *at = &c->clip[clip];
    *index = at->index;
    if (at->index) {
        at->users++;
        at->used = ++c->clock;
    }
    pthread_mutex_unlock(&c->mutex);
    return *index != NULL;
}

/* Two threads may have made the same index at once: the first stays. */
static void keep(avsn_clip_cache *c, int32_t clip, avsn_clip_index *made, const avsn_clip_index **index)
{
    avsn_clip_index *old = NULL;
    pthread_mutex_lock(&c->mutex);
    cached *at = &c->clip[clip];
    if (!at->index) {
        at->index = made;
        made = NULL;
        c->held++;
    }
    at->users++;
    at->used = ++c->clock;
    *index = at->index;
    old = take_oldest(c);
    pthread_mutex_unlock(&c->mutex);
    avsn_clip_index_free(made);
    avsn_clip_index_free(old);
}

avsound_status avsn_clip_cache_get(avsn_clip_cache *c, int32_t clip, const avsn_clip_index **index)
{
    avsn_clip_index *made;
    if (find(c, clip, index))
        return AVSOUND_OK;
    AVSN_TRY(avsn_clip_index_create(c->context, avsn_dataset_clip_at(c->data, clip)->path, &made));
    keep(c, clip, made, index);
    return AVSOUND_OK;
}

void avsn_clip_cache_put(avsn_clip_cache *c, int32_t clip)
{
    pthread_mutex_lock(&c->mutex);
    c->clip[clip].users--;
    pthread_mutex_unlock(&c->mutex);
}

/* ---- items ---- */

struct avsn_item_maker {
    avsound_context *context;
    const avsn_item_plan *plan;
    avsn_clip_reader *reader;
    avsn_cropper *cropper;
    avsn_track *track;
    int64_t count; /* samples that an input's columns see */
    float *samples, *mixed; /* [count] */
    float *picture; /* [3][height][width] of one frame of many */
    avsn_flow *flow;
    float *luma; /* [2][height][width] */
    avsn_motion *motion; /* of clips that bring their flow */
    float *recorded; /* before a change of speed */
    size_t recorded_room;
    struct {
        avsn_stft_params params;
        avsn_polar_params polar;
        avsn_stft *stft;
        float *channels, *mono; /* [2][clip.samples], [clip.samples] of one sound */
        float *spectra;         /* [columns][bins][2] */
    } mixing;
};

static avsound_status make_track(avsn_item_maker *m)
{
    const avsn_audio_frontend *f = &m->plan->audio;
    if (f->columns <= 0)
        return AVSOUND_OK;
    m->count = (int64_t)(f->columns - 1) * f->hop + f->window;
    m->samples = avsn_alloc(m->context, (size_t)m->count, sizeof *m->samples);
    m->mixed = avsn_alloc(m->context, (size_t)m->count, sizeof *m->mixed);
    if (!m->samples || !m->mixed)
        return AVSOUND_E_NO_MEMORY;
    return avsn_track_create(m->context, f, f->columns + 2, &m->track);
}

static avsound_status make_mixing(avsn_item_maker *m)
{
    const avsn_separation_frontend *f = &m->plan->separation;
    const size_t samples = (size_t)m->plan->clip.samples;
    if (!m->plan->mixtures)
        return AVSOUND_OK;
    avsn_separation_params(f, &m->mixing.params, &m->mixing.polar);
    m->mixing.channels = avsn_alloc(m->context, 2 * samples, sizeof(float));
    m->mixing.mono = avsn_alloc(m->context, samples, sizeof(float));
    m->mixing.spectra = avsn_alloc(m->context, 2 * (size_t)f->columns * (size_t)avsn_stft_bins(&m->mixing.params), sizeof(float));
    if (!m->mixing.channels || !m->mixing.mono || !m->mixing.spectra)
        return AVSOUND_E_NO_MEMORY;
    return avsn_stft_create(m->context, &m->mixing.params, &m->mixing.stft);
}

static avsound_status make_flow(avsn_item_maker *m)
{
    const avsn_image_frontend *image = &m->plan->image;
    avsn_flow_params params;
    if (!m->plan->flow)
        return AVSOUND_OK;
    avsn_flow_params_default(&params);
    m->luma = avsn_alloc(m->context, (size_t)image->width * (size_t)image->height, 2 * sizeof *m->luma);
    if (!m->luma)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(avsn_motion_create(m->context, image, &m->motion));
    return avsn_flow_create(m->context, &params, image->width, image->height, &m->flow);
}

static avsound_status make_parts(avsn_item_maker *m)
{
    if (m->plan->clip.frames > 0 || m->plan->around > 0) {
        const avsn_image_frontend *image = &m->plan->image;
        m->picture = avsn_alloc(m->context, (size_t)3 * (size_t)image->width * (size_t)image->height, sizeof *m->picture);
        if (!m->picture)
            return AVSOUND_E_NO_MEMORY;
    }
    AVSN_TRY(make_flow(m));
    AVSN_TRY(avsn_clip_reader_create(m->context, &m->reader));
    AVSN_TRY(avsn_cropper_create(m->context, &m->cropper));
    AVSN_TRY(make_mixing(m));
    return make_track(m);
}

avsound_status avsn_item_maker_create(avsound_context *context, const avsn_item_plan *plan, avsn_item_maker **out)
{
    *out = NULL;
    avsn_item_maker *m = avsn_alloc_zeroed(context, 1, sizeof *m);
    if (!m)
        return AVSOUND_E_NO_MEMORY;
    m->context = avsn_context_ref(context);
    m->plan = plan;
    const avsound_status status = make_parts(m);
    if (status) {
        avsn_item_maker_free(m);
        return status;
    }
    *out = m;
    return AVSOUND_OK;
}

void avsn_item_maker_free(avsn_item_maker *m)
{
    if (!m)
        return;
    avsound_context *context = m->context;
    avsn_stft_free(m->mixing.stft);
    avsn_free(context, m->mixing.spectra);
    avsn_free(context, m->mixing.mono);
    avsn_free(context, m->mixing.channels);
    avsn_track_free(m->track);
    avsn_cropper_free(m->cropper);
    avsn_clip_reader_free(m->reader);
    avsn_motion_free(m->motion);
    avsn_flow_free(m->flow);
    avsn_free(context, m->luma);
    avsn_free(context, m->picture);
    avsn_free(context, m->recorded);
    avsn_free(context, m->mixed);
    avsn_free(context, m->samples);
    avsn_free(context, m);
    avsound_context_free(context);
}

static avsound_status make_picture(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair,
                                   float *image)
{
    const avsn_item_plan *plan = m->plan;
    avsound_frame view;
    avsn_crop crop;
    AVSN_TRY(avsn_clip_reader_frame(m->reader, index, pair->frame, &view));
    avsn_augment_picture(&plan->augmentation, &plan->image, pair->draw, view.width, view.height, &crop);
    return avsn_cropper_run(m->cropper, &view, &crop, &plan->image, image);
}

/* One frame of many: the same part of the picture in the same colours. */
static avsound_status make_frame(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, int32_t i,
                                 float *frames)
{
    const avsn_image_frontend *f = &m->plan->image;
    const size_t plane = (size_t)f->width * (size_t)f->height, count = (size_t)m->plan->clip.frames;
    avsn_pair at = *pair;
    at.frame += (int32_t)lrint((double)i * AVSN_FRAME_RATE / m->plan->clip.frame_rate);
    AVSN_TRY(make_picture(m, index, &at, m->picture));
    for (size_t c = 0; c < 3; c++)
        memcpy(frames + (c * count + (size_t)i) * plane, m->picture + c * plane, plane * sizeof *frames);
    return AVSOUND_OK;
}

static avsound_status make_frames(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *frames)
{
    for (int32_t i = 0; i < m->plan->clip.frames; i++)
        AVSN_TRY(make_frame(m, index, pair, i, frames));
    return AVSOUND_OK;
}

/* ---- frames around a picture ---- */

/* The i-th of them, from 0 on, in m->picture. */
static avsound_status make_neighbour(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, int32_t i)
{
    avsn_pair at = *pair;
    at.frame = AVSN_MAX(AVSN_MIN(pair->frame - m->plan->around + i, avsn_clip_index_frames(index) - 1), 0);
    return make_picture(m, index, &at, m->picture);
}

static avsound_status make_run(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *frames)
{
    const avsn_image_frontend *f = &m->plan->image;
    const size_t plane = (size_t)f->width * (size_t)f->height, count = 2 * (size_t)m->plan->around + 1;
    for (size_t i = 0; i < count; i++) {
        AVSN_TRY(make_neighbour(m, index, pair, (int32_t)i));
        for (size_t c = 0; c < 3; c++)
            memcpy(frames + (c * count + i) * plane, m->picture + c * plane, plane * sizeof *frames);
    }
    return AVSOUND_OK;
}

static void take_luma(const avsn_item_maker *m, float *luma)
{
    static const float share[3] = {0.299f, 0.587f, 0.114f};
    const avsn_image_frontend *f = &m->plan->image;
    const size_t plane = (size_t)f->width * (size_t)f->height;
    memset(luma, 0, plane * sizeof *luma);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++)
            luma[i] += 255 * share[c] * (m->picture[c * plane + i] * f->std[c] + f->mean[c]);
}

/* From what the clip brings with it. */
static avsound_status take_motion(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *image,
                                  float *flow)
{
    const avsn_item_plan *plan = m->plan;
    const int32_t width = avsn_clip_index_width(index), height = avsn_clip_index_height(index);
    avsn_crop crop;
    avsn_augment_picture(&plan->augmentation, &plan->image, pair->draw, width, height, &crop);
    AVSN_TRY(make_picture(m, index, pair, image));
    return avsn_motion_read(m->motion, avsn_clip_index_path(index), avsn_clip_index_frames(index), width, height, &crop,
                            pair->frame - plan->around, 2 * plan->around, flow);
}

static avsound_status make_motion(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *image,
                                  float *flow)
{
    if (avsn_dataset_clip_at(m->plan->clips->data, pair->frame_clip)->flow)
        return take_motion(m, index, pair, image, flow);
    const avsn_image_frontend *f = &m->plan->image;
    const size_t plane = (size_t)f->width * (size_t)f->height;
    for (int32_t i = 0; i <= 2 * m->plan->around; i++) {
        float *now = m->luma + (size_t)(i % 2) * plane, *before = m->luma + (size_t)((i + 1) % 2) * plane;
        AVSN_TRY(make_neighbour(m, index, pair, i));
        take_luma(m, now);
        if (i == m->plan->around)
            memcpy(image, m->picture, 3 * plane * sizeof *image);
        if (!i)
            continue;
        avsn_flow_run(m->flow, before, now, flow);
        avsn_flow_scale(flow, f->width, f->height);
        flow += 2 * plane;
    }
    return AVSOUND_OK;
}

avsound_status avsn_item_see(avsn_item_maker *m, const avsn_pair *pair, float *pictures, float *flow)
{
    const avsn_clip_index *index;
    AVSN_TRY(avsn_clip_cache_get(m->plan->clips, pair->frame_clip, &index));
    const avsound_status status = flow ? make_motion(m, index, pair, pictures, flow) : make_run(m, index, pair, pictures);
    avsn_clip_cache_put(m->plan->clips, pair->frame_clip);
    return status;
}

/* ---- sound ---- */

enum { AVERAGE = -1 }; /* instead of a channel */

static avsound_status read_channel(avsn_item_maker *m, const avsn_clip_index *index, int32_t channel, int64_t first,
                                   int64_t count, float *out)
{
    return channel == AVERAGE ? avsn_clip_reader_audio(m->reader, index, first, count, out)
                              : avsn_clip_reader_channel(m->reader, index, channel, first, count, out);
}

/* `count` samples from `start` on, each `step` samples of the clip after the one before. */
static avsound_status read_samples(avsn_item_maker *m, const avsn_clip_index *index, int32_t channel, double start, double step,
                                   int64_t count, float *out)
{
    const avsn_stretch *stretch = m->plan->stretch;
    const double whole = floor(start);
    if (step == 1 && whole == start)
        return read_channel(m, index, channel, (int64_t)start, count, out);
    const int64_t length = avsn_stretch_length(stretch, step, count), first = (int64_t)whole - avsn_stretch_before(stretch);
    AVSN_TRY(avsn_grow(m->context, (void **)&m->recorded, sizeof(float), 0, (size_t)length, &m->recorded_room));
    AVSN_TRY(read_channel(m, index, channel, first, length, m->recorded));
    avsn_stretch_run(stretch, m->recorded, start - whole, step, count, out);
    return AVSOUND_OK;
}

/* The samples that the columns of a window see, `speed` times as fast; `at`, in samples at 48 kHz, is the window's centre, of
 * a clip its beginning. */
static avsound_status read_window(avsn_item_maker *m, const avsn_clip_index *index, int64_t at, double speed, float *out)
{
    const avsn_audio_frontend *f = &m->plan->audio;
    const double rate = avsn_clip_index_rate(index), step = rate / f->sample_rate * speed;
    const int32_t before = m->plan->clip.frames > 0 ? 0 : avsn_audio_frontend_samples(f) / 2;
    const double start = (double)at * rate / AVSN_SAMPLE_RATE + step * (f->offset - before);
    return read_samples(m, index, AVERAGE, start, step, m->count, out);
}

static avsound_status add_other(avsn_item_maker *m, const avsn_pair *pair, float factor)
{
    int32_t clip, frame;
    const avsn_clip_index *index;
    avsn_sampler_other(m->plan->sampler, pair, &clip, &frame);
    AVSN_TRY(avsn_clip_cache_get(m->plan->clips, clip, &index));
    const avsound_status status = read_window(m, index, (int64_t)frame * AVSN_FRAME_SAMPLES, 1, m->mixed);
    avsn_clip_cache_put(m->plan->clips, clip);
    for (int64_t i = 0; !status && i < m->count; i++)
        m->samples[i] += factor * m->mixed[i];
    return status;
}

static avsound_status make_sound(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *out)
{
    const avsn_item_plan *plan = m->plan;
    const avsn_audio_frontend *f = &plan->audio;
    avsn_sound_change change;
    avsn_augment_sound(&plan->augmentation, pair->draw, &change);
    const int64_t at = (int64_t)pair->audio_frame * AVSN_FRAME_SAMPLES + pair->audio_shift;
    AVSN_TRY(read_window(m, index, at, change.speed, m->samples));
    if (change.mixed > 0)
        AVSN_TRY(add_other(m, pair, change.mixed));
    avsn_change_samples(&change, m->count, m->samples);
    avsn_track_reset(m->track, f->offset);
    AVSN_TRY(avsn_track_push(m->track, m->samples, m->count));
    AVSN_TRY(avsn_track_input(m->track, 0, out));
    avsn_change_spectrogram(&plan->augmentation, &change, f, out);
    return AVSOUND_OK;
}

/* Both channels [2][clip.samples] of a clip's sound from a sample at 48 kHz on. */
static avsound_status read_stereo(avsn_item_maker *m, const avsn_clip_index *index, int64_t at, float *out)
{
    const avsn_clip_frontend *f = &m->plan->clip;
    const double rate = avsn_clip_index_rate(index), step = rate / f->sample_rate;
    const double start = (double)at * rate / AVSN_SAMPLE_RATE;
    for (int32_t c = 0; c < 2; c++)
        AVSN_TRY(read_samples(m, index, c, start, step, f->samples, out + (ptrdiff_t)c * f->samples));
    return AVSOUND_OK;
}

static avsound_status make_waveform(avsn_item_maker *m, const avsn_clip_index *index, const avsn_pair *pair, float *out)
{
    const int64_t samples = m->plan->clip.samples;
    avsn_sound_change change;
    avsn_augment_sound(&m->plan->augmentation, pair->draw, &change);
    if (avsn_clip_index_channels(index) < 2)
        change.gain *= 0.70710678f;
    AVSN_TRY(read_stereo(m, index, (int64_t)pair->audio_frame * AVSN_FRAME_SAMPLES + pair->audio_shift, out));
    for (int32_t c = 0; c < 2; c++)
        avsn_change_samples(&change, samples, out + c * samples);
    return AVSOUND_OK;
}

/* ---- mixtures ---- */

static avsound_status read_source(avsn_item_maker *m, int32_t clip, int32_t frame, float loudness)
{
    const avsn_clip_index *index;
    AVSN_TRY(avsn_clip_cache_get(m->plan->clips, clip, &index));
    const avsound_status status = read_stereo(m, index, (int64_t)frame * AVSN_FRAME_SAMPLES, m->mixing.channels);
    avsn_clip_cache_put(m->plan->clips, clip);
    if (!status)
        avsn_rms_normalise(m->mixing.channels, 2, m->plan->clip.samples, loudness, AVSN_QUIET);
    return status;
}

/* What is separated is one channel, the average. planes: its level, then its phase. */
static void make_planes(avsn_item_maker *m, const float *channels, float *planes)
{
    const int64_t samples = m->plan->clip.samples, columns = m->plan->separation.columns;
    const int64_t bins = avsn_stft_bins(&m->mixing.params);
    for (int64_t i = 0; i < samples; i++)
        m->mixing.mono[i] = 0.5f * (channels[i] + channels[samples + i]);
    avsn_stft_run(m->mixing.stft, m->mixing.mono, columns, m->mixing.spectra);
    avsn_separation_planes(&m->mixing.polar, m->mixing.spectra, columns, bins, planes, planes + columns * (bins - 1));
}

/* Root mean squares of a mixture's two sounds: together always as loud. */
static void balance(const avsn_item_maker *m, const avsn_pair *pair, float loudness[2])
{
    const float ratio = avsn_augment_balance(&m->plan->augmentation, pair->draw), square = ratio * ratio;
    loudness[0] = pair->corresponds ? AVSN_SOURCE_LOUDNESS * sqrtf(2 * square / (1 + square)) : 0;
    loudness[1] = pair->corresponds ? AVSN_SOURCE_LOUDNESS * sqrtf(2 / (1 + square)) : AVSN_MIXTURE_LOUDNESS;
}

avsound_status avsn_item_mix(avsn_item_maker *m, const avsn_pair *pair, float *waveform, float *spectrogram, float *sources)
{
    const int64_t values = 2 * (int64_t)m->plan->clip.samples, planes = m->plan->separation.columns * m->plan->separation.fft;
    float *channels = m->mixing.channels, loudness[2];
    balance(m, pair, loudness);
    memset(channels, 0, (size_t)values * sizeof *channels);
    if (pair->corresponds)
        AVSN_TRY(read_source(m, pair->audio_clip, pair->audio_frame, loudness[0]));
    memcpy(waveform, channels, (size_t)values * sizeof *waveform);
    make_planes(m, channels, sources);
    AVSN_TRY(read_source(m, pair->other_clip, pair->other_frame, loudness[1]));
    for (int64_t i = 0; i < values; i++)
        waveform[i] += channels[i];
    make_planes(m, channels, sources + planes);
    make_planes(m, waveform, spectrogram);
    return AVSOUND_OK;
}

avsound_status avsn_item_make(avsn_item_maker *m, const avsn_pair *pair, float *image, float *sound)
{
    avsn_clip_cache *clips = m->plan->clips;
    const avsn_clip_index *index;
    avsound_status status = AVSOUND_OK;
    if (image) {
        AVSN_TRY(avsn_clip_cache_get(clips, pair->frame_clip, &index));
        status = m->plan->clip.frames > 0 ? make_frames(m, index, pair, image) : make_picture(m, index, pair, image);
        avsn_clip_cache_put(clips, pair->frame_clip);
    }
    if (status || !sound)
        return status;
    AVSN_TRY(avsn_clip_cache_get(clips, pair->audio_clip, &index));
    status = m->plan->audio.columns > 0 ? make_sound(m, index, pair, sound) : make_waveform(m, index, pair, sound);
    avsn_clip_cache_put(clips, pair->audio_clip);
    return status;
}
