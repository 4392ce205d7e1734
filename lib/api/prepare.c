/* From what people have (any frame, any sound) to what the network wants, by the numbers of the model's front end. */
#include "api/session.h"
#include "dsp/image.h"

#include <math.h>
#include <string.h>

/* ---- pictures ---- */

/* The scaled picture covers the input with the margin that the model's short side leaves: 256 for 224 in the spec. */
static void centre_size(const avsn_image_frontend *f, const avsound_frame *frame, int32_t *width, int32_t *height)
{
    const double margin = (double)f->short_side / (double)AVSN_MIN(f->width, f->height);
    const double least = fmax((double)*width / frame->width, (double)*height / frame->height);
    const double scale = f->shrink_only ? fmin(margin * least, fmax(least, 1)) : margin * least;
    *width = (int32_t)fmax(round(frame->width * scale), *width);
    *height = (int32_t)fmax(round(frame->height * scale), *height);
}

/* A strip of a picture would be scaled up to something huge before its centre is cut out. */
static avsound_status check_scaled(const avsound_context *context, const avsound_frame *frame, int32_t width,
                                   int32_t height)
{
    const int64_t most = avsn_context_limits(context)->max_pixels;
    if ((int64_t)width * height > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "frame of %dx%d is %dx%d when scaled for the network; the context allows %lld pixels",
                  frame->width, frame->height, width, height, (long long)most);
    return AVSOUND_OK;
}

avsound_status avsn_framer_cut(avsound_context *context, avsn_framer *framer, const avsn_image_frontend *frontend,
                               const avsound_frame *frame, avsn_framing framing, int32_t width, int32_t height,
                               const uint8_t **corner, ptrdiff_t *stride)
{
    AVSN_TRY(avsn_frame_check(context, frame));
    int32_t whole_width = width, whole_height = height;
    size_t bytes;
    if (framing == AVSN_CENTRE)
        centre_size(frontend, frame, &whole_width, &whole_height);
    AVSN_TRY(check_scaled(context, frame, whole_width, whole_height));
    if (!framer->scaler)
        AVSN_TRY(avsn_scaler_create(context, &framer->scaler));
    if (!avsn_mul_size((size_t)whole_width * 3, (size_t)whole_height, &bytes))
        AVSN_FAIL(AVSOUND_E_SHAPE, "scaled picture of %dx%d is too large", whole_width, whole_height);
    AVSN_TRY(avsn_grow(context, (void **)&framer->rgb, 1, 0, bytes, &framer->capacity));
    *stride = (ptrdiff_t)whole_width * 3;
    *corner = framer->rgb + (whole_height - height) / 2 * *stride + (ptrdiff_t)((whole_width - width) / 2) * 3;
    return avsn_scaler_rgb(framer->scaler, frame, whole_width, whole_height, framer->rgb, *stride);
}

void avsn_framer_free(avsound_context *context, avsn_framer *framer)
{
    avsn_scaler_free(framer->scaler);
    avsn_free(context, framer->rgb);
}

avsound_status avsn_session_set_frame(avsound_session *session, int32_t item, const avsound_frame *frame,
                                      avsn_framing framing, float *contrast)
{
    const avsn_image_frontend *f = &session->model->config.image;
    const uint8_t *corner = NULL;
    ptrdiff_t stride = 0;
    if (session->model->arch->around)
        return avsn_session_set_run(session, item, frame, 1, contrast);
    AVSN_TRY(avsn_framer_cut(session->context, &session->framer, f, frame, framing, session->width, session->height,
                             &corner, &stride));
    const int32_t index = avsn_session_input_index(session, "image");
    const size_t count = (size_t)3 * (size_t)session->width * (size_t)session->height;
    avsn_image_normalise(f, corner, stride, session->width, session->height,
                         avsn_plan_input_data(session->plan, index) + (size_t)item * count);
    session->inputs_set |= (uint64_t)1 << index;
    if (contrast)
        *contrast = avsn_image_contrast(corner, stride, session->width, session->height);
    return AVSOUND_OK;
}

/* ---- frames around a picture ---- */

static int32_t run_length(const avsound_session *session)
{
    return 2 * session->model->arch->around + 1;
}

static float *input_of(avsound_session *session, const char *name, size_t item_count, int32_t item)
{
    const int32_t index = avsn_session_input_index(session, name);
    session->inputs_set |= (uint64_t)1 << index;
    return avsn_plan_input_data(session->plan, index) + (size_t)item * item_count;
}

static avsound_status grow(const avsound_session *session, float **values, size_t count)
{
    if (!*values)
        *values = avsn_alloc(session->context, count, sizeof **values);
    return *values ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* [frames][height][width][3] -> [3][frames][height][width] */
static avsound_status set_all(avsound_session *session, int32_t item, const uint8_t *rgb)
{
    const size_t plane = (size_t)session->width * (size_t)session->height, frames = (size_t)run_length(session);
    AVSN_TRY(grow(session, &session->run.planes, 3 * plane));
    float *input = input_of(session, "frames", 3 * frames * plane, item);
    for (size_t i = 0; i < frames; i++) {
        avsn_image_normalise(&session->model->config.image, rgb + i * 3 * plane, 3 * (ptrdiff_t)session->width, session->width,
                             session->height, session->run.planes);
        for (size_t c = 0; c < 3; c++)
            memcpy(input + (c * frames + i) * plane, session->run.planes + c * plane, plane * sizeof *input);
    }
    return AVSOUND_OK;
}

avsound_status avsn_session_set_frames(avsound_session *session, int32_t item, const uint8_t *rgb, const float *flow,
                                       float *contrast)
{
    const int32_t width = session->width, height = session->height;
    const ptrdiff_t stride = 3 * (ptrdiff_t)width;
    const size_t plane = (size_t)width * (size_t)height, around = (size_t)session->model->arch->around;
    const uint8_t *middle = rgb + around * 3 * plane;
    if (flow) {
        const size_t fields = 4 * around * plane;
        avsn_image_normalise(&session->model->config.image, middle, stride, width, height,
                             input_of(session, "image", 3 * plane, item));
        memcpy(input_of(session, "flow", fields, item), flow, fields * sizeof *flow);
    } else {
        AVSN_TRY(set_all(session, item, rgb));
    }
    if (contrast)
        *contrast = avsn_image_contrast(middle, stride, width, height);
    return AVSOUND_OK;
}

/* The flow between neighbours in session->run.rgb of which one has changed: a bit for each. */
static avsound_status find_flow(avsound_session *session, uint64_t changed)
{
    const int32_t width = session->width, height = session->height;
    const size_t plane = (size_t)width * (size_t)height;
    avsn_flow_params params;
    avsn_flow_params_default(&params);
    AVSN_TRY(grow(session, &session->run.flow, 2 * (size_t)(run_length(session) - 1) * plane));
    AVSN_TRY(grow(session, &session->run.luma, 2 * plane));
    if (!session->run.engine)
        AVSN_TRY(avsn_flow_create(session->context, &params, width, height, &session->run.engine));
    for (int32_t i = 0; i < run_length(session) - 1; i++, changed >>= 1) {
        const uint8_t *from = session->run.rgb + (size_t)i * 3 * plane;
        float *field = session->run.flow + 2 * (size_t)i * plane, *luma = session->run.luma;
        if (!(changed & 3))
            continue;
        avsn_flow_luma(from, 3 * (ptrdiff_t)width, width, height, luma);
        avsn_flow_luma(from + 3 * plane, 3 * (ptrdiff_t)width, width, height, luma + plane);
        avsn_flow_run(session->run.engine, luma, luma + plane, field);
        avsn_flow_scale(field, width, height);
    }
    return AVSOUND_OK;
}

/* Was there another picture before? */
static bool put_picture(uint8_t *to, const uint8_t *from, ptrdiff_t stride, size_t row, int32_t height)
{
    bool changed = false;
    for (int32_t y = 0; y < height; y++, to += row, from += stride) {
        changed = changed || memcmp(to, from, row) != 0;
        memcpy(to, from, row);
    }
    return changed;
}

static const avsound_frame *frame_at(const avsound_frame *frames, int32_t index)
{
    return (const avsound_frame *)(const void *)((const char *)frames + (size_t)index * frames->struct_size);
}

avsound_status avsn_session_set_run(avsound_session *session, int32_t item, const avsound_frame *frames, int32_t count,
                                    float *contrast)
{
    const int32_t width = session->width, height = session->height, length = run_length(session);
    const size_t row = 3 * (size_t)width, picture = row * (size_t)height;
    if (!session->run.rgb)
        session->run.rgb = avsn_alloc_zeroed(session->context, (size_t)length, picture);
    if (!session->run.rgb)
        return AVSOUND_E_NO_MEMORY;
    uint64_t changed = session->run.found ? 0 : UINT64_MAX;
    session->run.found = false; /* should this fail on the way */
    for (int32_t i = 0; i < length; i++) {
        const uint8_t *corner = NULL;
        ptrdiff_t stride = 0;
        AVSN_TRY(avsn_framer_cut(session->context, &session->framer, &session->model->config.image, frame_at(frames, count > 1 ? i : 0),
                                 AVSN_CENTRE, width, height, &corner, &stride));
        changed |= (uint64_t)put_picture(session->run.rgb + (size_t)i * picture, corner, stride, row, height) << i;
    }
    if (session->model->arch->flow) {
        AVSN_TRY(find_flow(session, changed));
        session->run.found = true;
    }
    return avsn_session_set_frames(session, item, session->run.rgb, session->run.flow, contrast);
}

/* ---- sounds ---- */

static size_t spectrogram_count(const avsn_audio_frontend *f)
{
    return (size_t)avsn_audio_frontend_bins(f) * (size_t)f->columns;
}

void avsn_session_set_values(avsound_session *session, const char *input, int32_t item, const float *values)
{
    const int32_t index = avsn_session_input_index(session, input);
    int64_t count = 0;
    avsn_shape_count(avsn_plan_input_shape(session->plan, index), &count);
    count /= session->batch;
    memcpy(avsn_plan_input_data(session->plan, index) + item * count, values, (size_t)count * sizeof *values);
    session->inputs_set |= (uint64_t)1 << index;
}

/* What session->samples holds of a resampled sound: `kept` samples from `begin` on, of which `passed` have come. */
typedef struct stretch {
    int64_t begin, end, passed;
    size_t kept;
} stretch;

static avsound_status keep_samples(avsound_session *session, const float *samples, int64_t count, stretch *s)
{
    const int64_t first = AVSN_MIN(AVSN_MAX(s->begin - s->passed, (int64_t)0), count);
    const size_t some = (size_t)AVSN_MAX(AVSN_MIN(s->end - s->passed, count) - first, (int64_t)0);
    AVSN_TRY(avsn_grow(session->context, (void **)&session->samples, sizeof *samples, s->kept, s->kept + some,
                       &session->samples_capacity));
    if (some)
        memcpy(session->samples + s->kept, samples + first, some * sizeof *samples);
    s->kept += some;
    s->passed += count;
    return AVSOUND_OK;
}

/* The sound as mono at the front end's rate. */
static avsound_status resample(avsound_session *session, const avsound_audio *sound, stretch *s)
{
    const float *samples;
    int64_t count;
    avsn_resampler_free(session->resampler);
    session->resampler = NULL;
    AVSN_TRY(avsn_resampler_create(session->context, session->model->config.audio.sample_rate, 1, &session->resampler));
    for (int64_t first = 0; first < sound->frames && s->passed < s->end;) {
        AVSN_TRY(avsn_resampler_push_some(session->resampler, sound, &first, &samples, &count));
        AVSN_TRY(keep_samples(session, samples, count, s));
    }
    AVSN_TRY(avsn_resampler_push(session->resampler, NULL, &samples, &count));
    return keep_samples(session, samples, count, s);
}

avsound_status avsn_session_set_sound(avsound_session *session, int32_t item, const avsound_audio *sound, float *rms)
{
    const avsn_audio_frontend *f = &session->model->config.audio;
    AVSN_TRY(avsn_audio_check(session->context, sound));
    const int64_t used = avsn_resampled_frames(sound->frames, sound->sample_rate, f->sample_rate);
    /* The middle stretch begins at sample `start` of the sound, and at column 1 of the track: the window of its first column
     * reaches back before it. */
    const int64_t start = (used - avsn_audio_frontend_samples(f)) / 2, step = avsn_audio_frontend_step(f);
    stretch s = {.begin = AVSN_MAX(start - step, 0)};
    s.end = AVSN_MIN(s.begin + avsn_audio_frontend_samples(f) + 2 * step + f->window, used);
    AVSN_TRY(resample(session, sound, &s));
    if (!session->track)
        AVSN_TRY(avsn_track_create(session->context, f, f->columns + 8, &session->track));
    avsn_track_reset(session->track, AVSN_MAX(step - start, 0));
    AVSN_TRY(avsn_track_push(session->track, session->samples, (int64_t)s.kept));
    avsn_track_finish(session->track);
    if (rms)
        AVSN_TRY(avsn_track_rms(session->track, 1, rms));
    const int32_t index = avsn_session_input_index(session, "spectrogram");
    session->inputs_set |= (uint64_t)1 << index;
    return avsn_track_input(session->track, 1,
                            avsn_plan_input_data(session->plan, index) + (size_t)item * spectrogram_count(f));
}

/* ---- evidence ---- */

static float ramp(float value, float zero, float one)
{
    return fminf(fmaxf((value - zero) / (one - zero), 0), 1);
}

float avsn_confidence(float contrast, float rms)
{
    const float level = rms > 0 ? 20 * log10f(rms) : -200;
    return ramp(level, -60, -40) * ramp(contrast, 2, 12);
}

float avsn_clip_confidence(float motion, float rms)
{
    const float level = rms > 0 ? 20 * log10f(rms) : -200;
    return ramp(level, -60, -40) * ramp(motion, AVSN_STILL, 4);
}
