/* The scan by networks that see all of a window at once. Without maps each result is a window's: its probability, at the time of its middle. With maps each result is a picture's:
 * windows overlap by a quarter and fade into each other, and the steps of a window's map lie evenly over its pictures. */
#include "api/clip_scan.h"

#include "api/clips.h"
#include "api/session.h"
#include "base/cpu.h"
#include "dsp/blend.h"
#include "dsp/cam.h"
#include "dsp/waveform.h"

#include <math.h>
#include <string.h>

/* Windows that may share a picture: two, and the last, which moves back to end with the recording. */
enum { KEPT = 3 };

/* What the network made of a window. */
typedef struct view {
    int64_t first; /* number of its first picture */
    float probability, confidence, rms;
    avsn_cam_range range;
    float *cam;     /* [steps][cells] */
    float *weights; /* [frames], what it counts for at each of its pictures */
} view;

typedef struct window_scan {
    avsn_clip_scan base;
    avsound_session *session;
    int32_t score, map; /* outputs; score: the classes where these are wanted, map: -1, not wanted */
    int32_t steps, rows, cols;
    avsn_clips clips;
    avsn_windows windows;  /* in pictures; how many there are is INT64_MAX / 4096 until their end was seen */
    int64_t begin_us, span_us; /* what the network is shown of the recording; span: 0 to the end */
    int64_t most;          /* pictures of it */
    int64_t next;          /* window to run */
    view views[KEPT];      /* window j is at j mod KEPT */
    float *cam, *ink;      /* [cells] of the result */
    avsound_status damage; /* reported behind what came before it */
    char detail[512];
} window_scan;

static bool has_classes(const window_scan *s)
{
    return (s->base.options.what & AVSOUND_SCAN_CLASSES) != 0;
}

static bool has_map(const window_scan *s)
{
    return s->map >= 0;
}

/* ---- reading ---- */

static bool length_known(const window_scan *s)
{
    return s->clips.frames_total < INT64_MAX;
}

static avsound_status survive(window_scan *s, avsound_status status)
{
    if (status != AVSOUND_E_FORMAT || !s->clips.looked)
        return status;
    const char *detail = avsound_error_detail();
    s->damage = status;
    memset(s->detail, 0, sizeof s->detail);
    memcpy(s->detail, detail, AVSN_MIN(strlen(detail), sizeof s->detail - 1));
    return AVSOUND_OK;
}

/* Pictures up to `end`, which is no more than wanted. */
static avsound_status look(window_scan *s, int64_t end)
{
    int64_t frames;
    const avsound_status status = avsn_clips_look(&s->clips, end, &frames);
    AVSN_TRY(survive(s, status));
    if (status || (!length_known(s) && end == s->most))
        avsn_clips_end_pictures(&s->clips);
    if (length_known(s))
        s->windows.samples = s->clips.frames_total;
    if (s->windows.samples < 1)
        AVSN_FAIL(AVSOUND_E_FORMAT, "not one picture from the start asked for on");
    return AVSOUND_OK;
}

static avsound_status listen(window_scan *s, int64_t end)
{
    int64_t samples;
    const avsound_status status = avsn_clips_listen(&s->clips, avsn_pace_sample(&s->clips.pace, end), &samples);
    AVSN_TRY(survive(s, status));
    s->clips.sound_ended |= status != AVSOUND_OK;
    return AVSOUND_OK;
}

/* Pictures and sound up to picture `end`, as far as there are any. Window `next` and those behind it begin no earlier than
 * where it stands in line, unless the recording ends before: then a window's length before that. */
static avsound_status read_until(window_scan *s, int64_t end)
{
    const int64_t length = s->windows.frames;
    for (int64_t reached = s->clips.first_frame + s->clips.frame_count; reached < end && !length_known(s);) {
        const int64_t kept = AVSN_MAX(AVSN_MIN(s->next * s->windows.step, reached - length), (int64_t)0);
        reached = AVSN_MIN(AVSN_MIN(end, reached + length), s->most);
        AVSN_TRY(look(s, reached));
        AVSN_TRY(listen(s, reached));
        avsn_clips_forget(&s->clips, kept, avsn_pace_sample(&s->clips.pace, kept));
    }
    return listen(s, end);
}

/* ---- a window ---- */

static float *input_of(window_scan *s, const char *name)
{
    const int32_t input = avsn_session_input_index(s->session, name);
    s->session->inputs_set |= (uint64_t)1 << input;
    return avsn_plan_input_data(s->session->plan, input);
}

/* Level of what is heard of a window. */
static float level(const window_scan *s, const avsn_clip_window *w, const float *samples)
{
    const int64_t end = AVSN_MIN(s->clips.first_sample + s->clips.sample_count, s->clips.most_samples);
    const int64_t there = AVSN_MIN(AVSN_MAX(end - w->sample, (int64_t)1), w->samples);
    return (float)sqrt(avsn_sum_of_squares(samples, 2 * w->samples) / (double)(2 * there));
}

static avsound_status prepare_inputs(window_scan *s, const avsn_clip_window *w, view *v)
{
    static const avsn_region all = {0, 0, 1, 1};
    const double before = avsn_seconds();
    float *waveform = input_of(s, "waveform");
    avsn_clips_sound(&s->clips, w->sample, w->samples, waveform, waveform + w->samples);
    AVSN_TRY(avsn_clips_pictures(&s->clips, w->frame, w->frames, &all, input_of(s, "frames")));
    v->rms = level(s, w, waveform);
    v->confidence = avsn_clip_confidence(avsn_clips_motion(&s->clips, w->frame, w->frames), v->rms);
    s->base.prepare += avsn_seconds() - before;
    return AVSOUND_OK;
}

static avsound_status run_network(window_scan *s)
{
    const double before = avsn_seconds();
    const avsound_status status = avsn_session_run(s->session, ~(uint64_t)0);
    s->base.network += avsn_seconds() - before;
    return status;
}

static int64_t cells_of(const window_scan *s)
{
    return (int64_t)s->rows * s->cols;
}

static avsound_status run_window(window_scan *s)
{
    avsn_clip_window w;
    view *v = &s->views[s->next % KEPT];
    avsn_windows_at(&s->windows, s->next, &w);
    w.sample = avsn_pace_sample(&s->clips.pace, w.frame);
    w.samples = s->base.model->config.clip.samples;
    v->first = w.frame;
    AVSN_TRY(prepare_inputs(s, &w, v));
    AVSN_TRY(run_network(s));
    v->probability = has_classes(s) ? 0 : avsn_plan_output_data(s->session->plan, s->score)[0];
    s->next++;
    if (!has_map(s))
        return AVSOUND_OK;
    const int64_t count = s->steps * cells_of(s);
    memcpy(v->cam, avsn_plan_output_data(s->session->plan, s->map), (size_t)count * sizeof *v->cam);
    avsn_windows_weights(&s->windows, s->next - 1, v->weights);
    return avsn_cam_range_adapt(s->base.context, v->cam, count, AVSN_CAM_PERCENT, &v->range);
}

static bool all_run(const window_scan *s)
{
    return s->next > 0 && length_known(s) && s->next >= avsn_windows_count(&s->windows);
}

/* ---- results ---- */

static double seconds_at(const window_scan *s, double picture)
{
    return (double)s->begin_us * 1e-6 + picture / s->clips.pace.frame_rate;
}

static avsound_status end(const window_scan *s)
{
    if (s->damage)
        return avsn_fail(s->damage, "%s", s->detail);
    return avsn_fail(AVSOUND_E_END, "no more results");
}

static avsound_status next_window(window_scan *s, avsound_scan_result *r)
{
    if (all_run(s))
        return end(s);
    AVSN_TRY(read_until(s, s->next * s->windows.step + s->windows.frames + 1));
    if (all_run(s))
        return end(s);
    AVSN_TRY(run_window(s));
    const view *v = &s->views[(s->next - 1) % KEPT];
    const double middle = (double)v->first + 0.5 * (double)AVSN_MIN(s->windows.frames, s->windows.samples);
    r->time_us = llround(seconds_at(s, middle) * 1e6);
    r->probability = v->probability;
    r->confidence = v->confidence;
    r->rms = v->rms;
    r->classes = has_classes(s) ? avsn_plan_output_data(s->session->plan, s->score) : NULL;
    r->class_count = has_classes(s) ? s->base.model->config.classes : 0;
    return s->base.options.what & AVSOUND_SCAN_FRAME ? avsn_recording_frame_at(&s->base.shown, r->time_us, &s->base.frame) : AVSOUND_OK;
}

/* Whether the next window is the last decides how this one fades: the recording is read to that one's end first. */
static avsound_status run_windows_until(window_scan *s, int64_t picture)
{
    for (;;) {
        avsn_clip_window w = {.frame = 0};
        if (s->next)
            avsn_windows_at(&s->windows, s->next, &w);
        if (all_run(s) || w.frame > picture)
            return AVSOUND_OK;
        AVSN_TRY(read_until(s, (s->next + 1) * s->windows.step + s->windows.frames + 1));
        AVSN_TRY(run_window(s));
    }
}

/* |cam| of a cell against the range: 0 where drawing begins, 1 where it is in full colour. */
static float ink_of(const avsn_cam_range *range, float magnitude)
{
    return range->flat ? 0 : (magnitude - range->low) / (range->high - range->low);
}

static void add_view(window_scan *s, const view *v, int64_t picture, avsound_scan_result *r)
{
    const int64_t at = picture - v->first, cells = cells_of(s);
    if (at < 0 || at >= s->windows.frames || v->weights[at] <= 0)
        return;
    const float weight = v->weights[at];
    const avsn_blend b = avsn_blend_legacy(at, s->windows.frames, s->steps);
    const float *first = v->cam + b.first * cells, *second = v->cam + b.second * cells;
    for (int64_t i = 0; i < cells; i++) {
        const float magnitude = fabsf(first[i]) * b.first_share + fabsf(second[i]) * b.second_share;
        s->cam[i] += weight * (first[i] * b.first_share + second[i] * b.second_share);
        s->ink[i] += weight * ink_of(&v->range, magnitude);
    }
    r->probability += weight * v->probability;
    r->confidence += weight * v->confidence;
    r->rms += weight * v->rms;
}

static avsound_status next_map(window_scan *s, avsound_scan_result *r)
{
    const avsound_status status = avsn_clip_scan_pick(&s->base);
    if (status == AVSOUND_E_END)
        return end(s);
    AVSN_TRY(status);
    r->time_us = s->base.picked_us;
    int64_t picture = llround((double)(r->time_us - s->begin_us) * 1e-6 * s->clips.pace.frame_rate);
    picture = AVSN_MAX(picture, (int64_t)0);
    AVSN_TRY(run_windows_until(s, picture));
    s->base.picked = false;
    if (length_known(s))
        picture = AVSN_MIN(picture, s->windows.samples - 1);
    memset(s->cam, 0, (size_t)cells_of(s) * sizeof *s->cam);
    memset(s->ink, 0, (size_t)cells_of(s) * sizeof *s->ink);
    for (int64_t j = AVSN_MAX(s->next - KEPT, (int64_t)0); j < s->next; j++)
        add_view(s, &s->views[j % KEPT], picture, r);
    r->rows = s->rows;
    r->cols = s->cols;
    r->cam = s->cam;
    r->map = s->ink;
    return AVSOUND_OK;
}

static avsound_status next(avsn_clip_scan *base, avsound_scan_result *r)
{
    window_scan *s = (window_scan *)base;
    *r = (avsound_scan_result){.index = (int32_t)base->delivered};
    const avsound_status status = has_map(s) ? next_map(s, r) : next_window(s, r);
    if (status == AVSOUND_E_END)
        return status;
    if (status)
        return avsn_fail_in(status, "result %d", r->index);
    const int64_t seen = AVSN_MIN(s->windows.frames, s->windows.samples);
    r->seen_us = llround((double)seen / s->clips.pace.frame_rate * 1e6);
    r->padded = seen < s->windows.frames;
    if (base->options.what & AVSOUND_SCAN_FRAME)
        r->frame = &base->frame.view;
    base->delivered++;
    return AVSOUND_OK;
}

/* ---- asking ---- */

static const avsound_media_info *info(const avsn_clip_scan *base)
{
    return &((const window_scan *)base)->clips.info;
}

static int64_t windows(const avsn_clip_scan *base, int64_t duration_us)
{
    const window_scan *s = (const window_scan *)base;
    avsn_windows w = s->windows;
    w.samples = AVSN_MAX(llround((double)duration_us * 1e-6 * s->clips.pace.frame_rate), 1LL);
    return avsn_windows_count(&w);
}

static double decode_seconds(const avsn_clip_scan *base)
{
    return ((const window_scan *)base)->clips.pictures.decode_seconds;
}

static void cancel(avsn_clip_scan *base)
{
    avsound_session_cancel(((window_scan *)base)->session);
}

/* ---- life ---- */

static void set_span(window_scan *s)
{
    const avsound_scan_options *o = &s->base.options;
    const avsn_clip_frontend *clip = &s->base.model->config.clip;
    const int64_t around = o->what & AVSOUND_SCAN_MAP ? llround(clip->frames / clip->frame_rate / 2 * 1e6) : 0;
    s->begin_us = AVSN_MAX(o->start_us - around, (int64_t)0);
    s->span_us = o->duration_us ? o->start_us - s->begin_us + o->duration_us + around : 0;
    s->most = s->span_us ? AVSN_MAX((int64_t)ceil((double)s->span_us * 1e-6 * clip->frame_rate - 1e-6), (int64_t)1) : INT64_MAX;
}

/* A map is of the whole picture, squeezed to the network's size; a score, of what the network learned to look at. */
static avsound_status open_files(window_scan *s, const avsound_source *source, avsn_feed *feed)
{
    const avsound_scan_options *o = &s->base.options;
    avsn_image_frontend image = s->base.model->config.image;
    const avsn_clips_options clips = {.source = source, .feed = feed, .sound_source = o->audio_source,
                                      .repeats = o->audio_source != NULL, .frames = true,
                                      .start_us = s->begin_us, .duration_us = s->span_us};
    if (o->what & AVSOUND_SCAN_MAP)
        image.short_side = AVSN_MIN(image.width, image.height);
    AVSN_TRY(avsn_clips_open(&s->clips, s->base.context, &image, &s->base.model->config.clip, &clips));
    return avsn_clip_scan_show(&s->base, source, feed);
}

static avsound_status make_session(window_scan *s)
{
    const bool maps = (s->base.options.what & AVSOUND_SCAN_MAP) != 0;
    const char *score = has_classes(s) ? "classes" : "score";
    const avsound_session_options o = {.struct_size = sizeof o,
                                       .threads = s->base.options.threads ? s->base.options.threads : avsn_cpu_count(),
                                       .precision = s->base.options.precision,
                                       .outputs = maps ? "score,cam" : score};
    AVSN_TRY(avsound_session_create(s->base.model, &o, &s->session));
    s->score = avsn_session_output(s->session, score);
    s->map = avsn_session_output(s->session, "cam");
    if (!maps)
        return AVSOUND_OK;
    const avsn_shape *shape = avsn_plan_output_shape(s->session->plan, s->map);
    s->steps = (int32_t)shape->dim[2];
    s->rows = (int32_t)shape->dim[3];
    s->cols = (int32_t)shape->dim[4];
    return AVSOUND_OK;
}

static int64_t map_step(const avsn_clip_frontend *clip)
{
    return clip->frames - clip->frames / 4;
}

/* Windows of maps overlap by a quarter, of which the outermost part, where the network sees nothing on one side, is left to
 * the neighbour. */
static avsound_status set_windows(window_scan *s)
{
    const avsn_clip_frontend *clip = &s->base.model->config.clip;
    const double hop = s->base.options.hop_seconds > 0 ? s->base.options.hop_seconds : clip->frames / clip->frame_rate / 2;
    const int64_t quarter = clip->frames / 4, length = clip->frames;
    s->windows = (avsn_windows){
        .pace = {.frame_rate = clip->frame_rate, .sample_rate = clip->frame_rate}, /* counts pictures, not samples */
        .frames = length,
        .step = AVSN_MAX(has_map(s) ? map_step(clip) : llround(hop * clip->frame_rate), 1LL),
        .output = length,
        .guard = AVSN_MAX(AVSN_MIN(length / 16, (quarter - 1) / 2), (int64_t)0),
        .samples = INT64_MAX / 4096,
    };
    return has_map(s) ? avsn_windows_check(&s->windows) : AVSOUND_OK;
}

/* Whether a window is the last is known by the picture behind it; a map is that of the picture nearest in time. */
double avsn_window_scan_latency(const avsound_model *model, const avsound_scan_options *options)
{
    const avsn_clip_frontend *clip = &model->config.clip;
    if (options->what & AVSOUND_SCAN_MAP)
        return (double)(map_step(clip) + clip->frames + 1 + 1) / clip->frame_rate;
    return (0.5 * clip->frames + 1) / clip->frame_rate;
}

static avsound_status take(window_scan *s, int64_t count, float **out)
{
    *out = avsn_alloc_zeroed(s->base.context, (size_t)count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_buffers(window_scan *s)
{
    const int64_t cells = cells_of(s);
    if (!has_map(s))
        return AVSOUND_OK;
    for (int i = 0; i < KEPT; i++) {
        AVSN_TRY(take(s, s->steps * cells, &s->views[i].cam));
        AVSN_TRY(take(s, s->windows.frames, &s->views[i].weights));
    }
    AVSN_TRY(take(s, cells, &s->cam));
    return take(s, cells, &s->ink);
}

static avsound_status init(window_scan *s, const avsound_source *source, avsn_feed *feed)
{
    set_span(s);
    AVSN_TRY(open_files(s, source, feed));
    s->base.options.audio_path = NULL, s->base.options.audio_source = NULL; /* the caller's */
    AVSN_TRY(make_session(s));
    AVSN_TRY(set_windows(s));
    return make_buffers(s);
}

static void close(avsn_clip_scan *base)
{
    window_scan *s = (window_scan *)base;
    for (int i = 0; i < KEPT; i++) {
        avsn_free(base->context, s->views[i].cam);
        avsn_free(base->context, s->views[i].weights);
    }
    avsn_free(base->context, s->cam);
    avsn_free(base->context, s->ink);
    avsn_clips_close(&s->clips);
    avsound_session_free(s->session);
}

avsound_status avsn_window_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                       const avsound_scan_options *options, avsn_clip_scan **out)
{
    *out = NULL;
    window_scan *s = avsn_alloc_zeroed(model->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->base = (avsn_clip_scan){.context = model->context, .model = model, .options = *options, .next = next, .info = info,
                               .windows = windows, .decode_seconds = decode_seconds, .cancel = cancel, .close = close};
    const avsound_status status = init(s, source, feed);
    if (status)
        avsn_clip_scan_free(&s->base);
    else
        *out = &s->base;
    return status;
}
