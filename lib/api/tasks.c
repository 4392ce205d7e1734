#include <avsound/tasks.h>

#include "api/session.h"
#include "dsp/cam.h"

#include <string.h>

#define REQUIRE(pointer)                                                      \
    do {                                                                      \
        if (!(pointer))                                                       \
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", #pointer);    \
    } while (0)

static avsound_status need_output(const avsound_session *session, const char *name, int32_t *index)
{
    *index = avsn_session_output(session, name);
    if (*index < 0)
        AVSN_FAIL(AVSOUND_E_STATE, "this session was made without the output \"%s\"", name);
    return AVSOUND_OK;
}

/* Compares the room a caller has with what is wanted, and stores the latter. AVSOUND_OK with *ask set: only the size was asked
 * for. */
static avsound_status check_room(const float *buffer, size_t *size, size_t wanted, bool *ask)
{
    const size_t room = *size;
    *size = wanted;
    *ask = buffer == NULL;
    if (buffer && room < wanted)
        AVSN_FAIL(AVSOUND_E_BUFFER_SIZE, "the result needs %zu floats, the buffer has %zu", wanted, room);
    return AVSOUND_OK;
}

/* ---- embedding ---- */

/* Structs of a newer header are larger than ours; the first one tells how far apart they lie. */
static const void *item_at(const void *list, int64_t index)
{
    uint32_t size;
    memcpy(&size, list, sizeof size);
    return (const char *)list + (size_t)index * size;
}

typedef avsound_status (*set_item)(avsound_session *session, int32_t item, const void *list, int64_t index);

static avsound_status set_frame(avsound_session *session, int32_t item, const void *list, int64_t index)
{
    const int32_t run = avsound_model_frames(session->model);
    return run > 1 ? avsn_session_set_run(session, item, item_at(list, index * run), run, NULL)
                   : avsn_session_set_frame(session, item, item_at(list, index), AVSN_CENTRE, NULL);
}

static avsound_status set_sound(avsound_session *session, int32_t item, const void *list, int64_t index)
{
    return avsn_session_set_sound(session, item, item_at(list, index), NULL);
}

static avsound_status embed(avsound_session *session, const char *output, const char *what, set_item set,
                            const void *list, int64_t count, float *embeddings, size_t *size)
{
    REQUIRE(session);
    REQUIRE(size);
    if (count < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "count is %lld, want 0 or more", (long long)count);
    if (count && !list)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%ss is NULL", what);
    int32_t index;
    AVSN_TRY(avsn_model_need_picture(session->model, "embedding"));
    AVSN_TRY(need_output(session, output, &index));
    const size_t dimension = (size_t)avsn_embedding_size(avsn_plan_output_shape(session->plan, index));
    size_t wanted;
    bool ask;
    if (!avsn_mul_size((size_t)count, dimension, &wanted))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%lld %s: too many", (long long)count, what);
    AVSN_TRY(check_room(embeddings, size, wanted, &ask));
    for (int64_t first = 0; !ask && first < count; first += session->batch) {
        const int64_t items = AVSN_MIN((int64_t)session->batch, count - first);
        for (int32_t i = 0; i < items; i++) {
            const avsound_status status = set(session, i, list, first + i);
            if (status)
                return avsn_fail_in(status, "%s %lld", what, (long long)(first + i));
        }
        AVSN_TRY(avsn_session_run(session, (uint64_t)1 << index));
        for (int64_t i = 0; i < items; i++)
            avsn_session_take(session, index, i, embeddings + (size_t)(first + i) * dimension);
    }
    return AVSOUND_OK;
}

avsound_status avsound_embed_image(avsound_session *session, const avsound_frame *frames, int64_t count,
                                   float *embeddings, size_t *size)
{
    const int32_t run = session ? avsound_model_frames(session->model) : 1;
    if (run > 1 && count % run)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "count is %lld, %s wants runs of %d frames", (long long)count,
                  session->model->arch->name, run);
    return embed(session, "embedding.image", "frame", set_frame, frames, run > 1 ? count / run : count, embeddings, size);
}

avsound_status avsound_embed_audio(avsound_session *session, const avsound_audio *sounds, int64_t count,
                                   float *embeddings, size_t *size)
{
    return embed(session, "embedding.audio", "sound", set_sound, sounds, count, embeddings, size);
}

/* ---- correspondence and localisation ---- */

static avsound_status write_score(const avsound_session *session, int32_t output, float contrast, float rms,
                                  avsound_score *score)
{
    const avsound_score result = {.probability = avsn_plan_output_data(session->plan, output)[0],
                                  .confidence = avsn_confidence(contrast, rms)};
    return avsn_struct_write(score, &result, sizeof result, "score");
}

/* A run of frames, or one picture, which stands still where a run is wanted. */
static avsound_status correspond(avsound_session *session, const avsound_frame *frames, int64_t count,
                                 const avsound_audio *sound, avsound_score *score)
{
    REQUIRE(sound);
    REQUIRE(score);
    int32_t output = 0;
    float contrast, rms;
    AVSN_TRY(avsn_model_need_pair(session->model, "correspondence"));
    AVSN_TRY(need_output(session, "score", &output));
    AVSN_TRY(count > 1 ? avsn_session_set_run(session, 0, frames, (int32_t)count, &contrast)
                       : avsn_session_set_frame(session, 0, frames, AVSN_CENTRE, &contrast));
    AVSN_TRY(avsn_session_set_sound(session, 0, sound, &rms));
    AVSN_TRY(avsn_session_run(session, (uint64_t)1 << output));
    return write_score(session, output, contrast, rms, score);
}

avsound_status avsound_correspondence(avsound_session *session, const avsound_frame *frame, const avsound_audio *sound,
                                      avsound_score *score)
{
    REQUIRE(session);
    REQUIRE(frame);
    return correspond(session, frame, 1, sound, score);
}

avsound_status avsound_correspondence_frames(avsound_session *session, const avsound_frame *frames, int64_t count,
                                             const avsound_audio *sound, avsound_score *score)
{
    REQUIRE(session);
    REQUIRE(frames);
    const int32_t run = avsound_model_frames(session->model);
    AVSN_TRY(avsn_model_need_pair(session->model, "correspondence"));
    if (count != run)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "count is %lld, %s wants %d frame%s", (long long)count, session->model->arch->name,
                  run, run > 1 ? "s" : "");
    return correspond(session, frames, count, sound, score);
}

static avsound_status need_map(const avsound_session *session, int32_t *map, int32_t *score)
{
    AVSN_TRY(avsn_model_need_pair(session->model, "localisation"));
    if (!session->model->arch->map)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s has no map: avol-net says where a sound comes from, and of clips sync-net and multisensory",
                  session->model->arch->name);
    AVSN_TRY(need_output(session, "map", map));
    return need_output(session, "score", score);
}

avsound_status avsound_localize(avsound_session *session, const avsound_frame *frame, const avsound_audio *sound,
                                float *map, size_t *size, int32_t *rows, int32_t *cols, avsound_score *score)
{
    REQUIRE(session);
    REQUIRE(frame);
    REQUIRE(size);
    REQUIRE(rows);
    REQUIRE(cols);
    int32_t map_output = 0, score_output = 0, width, height;
    AVSN_TRY(need_map(session, &map_output, &score_output));
    AVSN_TRY(avsn_frame_check(session->context, frame));
    avsn_image_map_size(&session->model->config.image, frame->width, frame->height, &width, &height);
    AVSN_TRY(avsn_session_resize(session, width, height));
    const avsn_shape *shape = avsn_plan_output_shape(session->plan, map_output);
    *rows = (int32_t)shape->dim[2];
    *cols = (int32_t)shape->dim[3];
    bool ask;
    const size_t count = (size_t)*rows * (size_t)*cols;
    AVSN_TRY(check_room(map, size, count, &ask));
    if (ask)
        return AVSOUND_OK;
    REQUIRE(sound);
    float contrast, rms;
    AVSN_TRY(avsn_session_set_frame(session, 0, frame, AVSN_WHOLE, &contrast));
    AVSN_TRY(avsn_session_set_sound(session, 0, sound, &rms));
    AVSN_TRY(avsn_session_run(session, (uint64_t)1 << map_output | (uint64_t)1 << score_output));
    memcpy(map, avsn_plan_output_data(session->plan, map_output), count * sizeof *map);
    return score ? write_score(session, score_output, contrast, rms, score) : AVSOUND_OK;
}

/* ---- drawing ---- */

static avsound_status find_colour(const char *name, int32_t *colour)
{
    static const char *const names[AVSN_COLOUR_COUNT] = {
        [AVSN_COLOUR_JET] = "jet", [AVSN_COLOUR_INFERNO] = "inferno", [AVSN_COLOUR_GREY] = "grey"};
    for (int32_t i = 0; i < AVSN_COLOUR_COUNT; i++)
        if (!strcmp(name, names[i])) {
            *colour = i;
            return AVSOUND_OK;
        }
    AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "colour map is \"%s\", want jet, inferno or grey", name);
}

/* The frame as RGB24. */
static avsound_status copy_frame(avsound_context *context, const avsound_frame *frame, int32_t rows, int32_t cols, uint8_t *rgb,
                                 int32_t stride)
{
    AVSN_TRY(avsn_frame_check(context, frame));
    if (rows < 1 || cols < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map is %dx%d, want at least 1x1", rows, cols);
    if (stride / 3 < frame->width)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stride is %d bytes, want at least %d", stride, 3 * frame->width);
    avsn_scaler *scaler;
    AVSN_TRY(avsn_scaler_create(context, &scaler));
    const avsound_status status = avsn_scaler_rgb(scaler, frame, frame->width, frame->height, rgb, stride);
    avsn_scaler_free(scaler);
    return status;
}

avsound_status avsound_draw_map(avsound_context *context, const avsound_frame *frame, const float *map, int32_t rows,
                                int32_t cols, const char *colour, float alpha, uint8_t *rgb, int32_t stride)
{
    REQUIRE(context);
    REQUIRE(frame);
    REQUIRE(map);
    REQUIRE(colour);
    REQUIRE(rgb);
    int32_t chosen = 0;
    AVSN_TRY(find_colour(colour, &chosen));
    if (!(alpha >= 0 && alpha <= 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "alpha is %g, want 0...1", (double)alpha);
    AVSN_TRY(copy_frame(context, frame, rows, cols, rgb, stride));
    avsn_overlay(rgb, stride, frame->width, frame->height, map, rows, cols, chosen, alpha, 1);
    return AVSOUND_OK;
}

avsound_status avsound_draw_cam(avsound_context *context, const avsound_frame *frame, const float *map, int32_t rows,
                                int32_t cols, uint8_t *rgb, int32_t stride)
{
    static const avsn_cam_range range = {.low = 0, .high = 1};
    REQUIRE(context);
    REQUIRE(frame);
    REQUIRE(map);
    REQUIRE(rgb);
    AVSN_TRY(copy_frame(context, frame, rows, cols, rgb, stride));
    avsn_cam_overlay(rgb, stride, frame->width, frame->height, map, rows, cols, &range, AVSN_COLOUR_JET, AVSN_CAM_OPACITY);
    return AVSOUND_OK;
}

/* ---- spectrograms ---- */

static avsound_status push_sound(avsn_track *track, avsn_resampler *resampler, const avsound_audio *sound)
{
    const float *samples;
    int64_t count;
    for (int64_t first = 0; first < sound->frames;) {
        AVSN_TRY(avsn_resampler_push_some(resampler, sound, &first, &samples, &count));
        AVSN_TRY(avsn_track_push(track, samples, count));
    }
    AVSN_TRY(avsn_resampler_push(resampler, NULL, &samples, &count));
    return avsn_track_push(track, samples, count);
}

static avsound_status compute_spectrogram(avsound_context *context, const avsn_audio_frontend *f,
                                          const avsound_audio *sound, float *spectrogram)
{
    avsn_resampler *resampler = NULL;
    avsn_track *track = NULL;
    avsound_status status = avsn_resampler_create(context, f->sample_rate, 1, &resampler);
    if (!status)
        status = avsn_track_create(context, f, f->columns + 8, &track); /* and what the windows of the last reach into */
    if (!status)
        status = push_sound(track, resampler, sound);
    if (!status) {
        avsn_track_finish(track);
        status = avsn_track_input(track, 0, spectrogram);
    }
    avsn_track_free(track);
    avsn_resampler_free(resampler);
    return status;
}

avsound_status avsound_spectrogram(const avsound_model *model, const avsound_audio *sound, float *spectrogram,
                                   size_t *size, int32_t *bins, int64_t *columns)
{
    REQUIRE(model);
    REQUIRE(size);
    REQUIRE(bins);
    REQUIRE(columns);
    AVSN_TRY(avsn_model_need_picture(model, "a spectrogram"));
    AVSN_TRY(avsn_audio_check(model->context, sound));
    avsn_audio_frontend f = model->config.audio;
    /* The count of samples that resampling makes: n * to / from, rounded. */
    const double samples = (double)sound->frames * f.sample_rate / sound->sample_rate;
    if (samples / f.hop > INT32_MAX / 2)
        AVSN_FAIL(AVSOUND_E_LIMIT, "sound of %lld samples is too long for one spectrogram", (long long)sound->frames);
    f.columns = (int32_t)((int64_t)(samples + 0.5) / f.hop);
    f.samples = 0; /* all of the sound is one recording */
    *bins = avsn_audio_frontend_bins(&f);
    *columns = f.columns;
    bool ask;
    AVSN_TRY(check_room(spectrogram, size, (size_t)*bins * (size_t)f.columns, &ask));
    return ask || !f.columns ? AVSOUND_OK : compute_spectrogram(model->context, &f, sound, spectrogram);
}
