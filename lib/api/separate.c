/* Separation of a recording, window by window. Corrected: windows overlap and fade into each other, and the last one moves back
 * to end with the recording. As released: lib/dsp/windows.h has both. */
#include <avsound/tasks.h>

#include "api/clips.h"
#include "api/crew.h"
#include "api/walks.h"
#include "base/cpu.h"
#include "dsp/waveform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_LEAST ((uint32_t)offsetof(avsound_separator_options, audio_path))

/* Tracks of one recording: the two sounds, and the mixture. */
enum { ON = AVSN_CREW_ON, OFF = AVSN_CREW_OFF, MIXTURE = AVSN_CREW_MIXTURE, TRACKS = AVSN_CREW_TRACKS };

struct avsound_separator {
    avsound_context *context;
    avsound_model *model;
    avsound_separator_options options;
    avsn_crew *crew;
    avsn_clips clips;
    avsn_windows windows; /* samples: INT64_MAX / 4096 until the recording's end was heard */
    double release_seconds;
    int64_t index; /* of the next window to be put in */
    bool all_in; /* no more of them come: the last one is, or `failed` */
    bool broken; /* a window's network failed: those behind it are not told */
    avsound_status failed;
    char failure[256];
    int64_t delivered; /* results */
    int64_t first; /* number of the first sample that was not delivered */
    int64_t room; /* samples in `track`, from `first` on */
    float *track[TRACKS];
    int64_t reached; /* COMPAT: samples first...first + reached - 1 are taken */
    int64_t given; /* that the caller still looks at */
    float *weights; /* [output] of a window */
    bool ended;
    char damage[256]; /* of the file, told after the last result; "": none */
    atomic_int cancel;
};

static bool compat(const avsound_separator *s)
{
    return (s->options.flags & AVSOUND_SEPARATE_COMPAT) != 0;
}

/* ---- tracks ---- */

/* Forgets what was delivered. */
static void drop_given(avsound_separator *s)
{
    for (int t = 0; t < TRACKS; t++) {
        memmove(s->track[t], s->track[t] + s->given, (size_t)(s->room - s->given) * sizeof(float));
        memset(s->track[t] + s->room - s->given, 0, (size_t)s->given * sizeof(float));
    }
    s->first += s->given;
    s->reached = AVSN_MAX(s->reached - s->given, 0);
    s->given = 0;
}

/* ---- damage: a stream ends there, and what came before is separated ---- */

static bool ends_stream(avsound_separator *s, avsound_status status, bool *ended)
{
    if (status != AVSOUND_E_FORMAT || *ended)
        return false;
    if (!*s->damage)
        snprintf(s->damage, sizeof s->damage, "%s", avsound_error_detail());
    *ended = true;
    return true;
}

static avsound_status listen(avsound_separator *s, int64_t end, int64_t *samples)
{
    const avsound_status status = avsn_clips_listen(&s->clips, end, samples);
    return ends_stream(s, status, &s->clips.sound_ended) ? avsn_clips_listen(&s->clips, end, samples) : status;
}

static avsound_status look(avsound_separator *s, const avsn_clip_window *w, uint8_t *frames)
{
    const avsound_status status = avsn_clips_frames(&s->clips, w->frame, w->frames, frames);
    return ends_stream(s, status, &s->clips.pictures_ended) ? avsn_clips_frames(&s->clips, w->frame, w->frames, frames) : status;
}

static int64_t samples_of(const avsound_separator *s)
{
    return avsn_stems_samples(avsn_crew_stems(s->crew));
}

/* ---- corrected: where the next window lies ---- */

/* Where a window that is not the last starts. */
static int64_t regular_start(const avsound_separator *s, int64_t index)
{
    return avsn_pace_sample(&s->windows.pace, index * s->windows.step);
}

/* Whether the next window is the last decides how this one fades: the sound is heard to that one's end first. */
static avsound_status listen_ahead(avsound_separator *s)
{
    int64_t samples;
    AVSN_TRY(listen(s, regular_start(s, s->index + 1) + s->windows.output + 1, &samples));
    if (samples < 1)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s", *s->damage ? s->damage : "not one sample from the start asked for on");
    if (samples < INT64_MAX)
        s->windows.samples = samples;
    return AVSOUND_OK;
}

static avsound_status place_corrected(avsound_separator *s, avsn_crew_window *w)
{
    AVSN_TRY(listen_ahead(s));
    w->last = s->index + 1 == avsn_windows_count(&s->windows);
    avsn_windows_at(&s->windows, s->index, &w->place);
    avsn_windows_at(&s->windows, s->index + 1, &w->next);
    return AVSOUND_OK;
}

/* ---- as released: where the next window lies ---- */

/* Window `index` by itself: a span of a window's duration and a hundredth of a second has exactly one. */
static avsn_clip_window release_window(const avsound_separator *s, int64_t index)
{
    const avsn_release_list list = {.pace = s->windows.pace,
                                    .seconds = s->release_seconds,
                                    .start = (double)index * s->release_seconds / 2,
                                    .span = s->release_seconds + 0.01,
                                    .samples = INT64_MAX / 4};
    avsn_clip_window w = {0};
    avsn_release_windows(&list, &w, 1);
    return w;
}

static avsound_status place_released(avsound_separator *s, avsn_crew_window *w)
{
    const int64_t length = samples_of(s);
    int64_t samples;
    w->place = release_window(s, s->index);
    w->next = release_window(s, s->index + 1);
    AVSN_TRY(listen(s, w->next.sample + length, &samples));
    if (w->place.sample + length > samples)
        AVSN_FAIL(AVSOUND_E_STATE, "%lld samples are less than a window of %lld, which the released program leaves out",
                  (long long)samples, (long long)length);
    w->last = w->next.sample + length > samples;
    return AVSOUND_OK;
}

/* ---- windows in ---- */

static avsound_status fill_window(avsound_separator *s, avsn_crew_window *w)
{
    AVSN_TRY(compat(s) ? place_released(s, w) : place_corrected(s, w));
    avsn_clips_sound(&s->clips, w->place.sample, samples_of(s), w->left, w->right);
    w->index = s->index;
    return w->frames ? look(s, &w->place, w->frames) : AVSOUND_OK;
}

static void keep_failure(avsound_separator *s, avsound_status status)
{
    s->failed = status;
    snprintf(s->failure, sizeof s->failure, "%s", avsound_error_detail());
}

/* What is read meanwhile must not keep back a window that is done. A feed that lacks something is asked again later: nothing of
 * it is on its way then, and nothing was put in. What else goes wrong is told behind the windows that came before it. */
static avsound_status put_in(avsound_separator *s)
{
    do {
        avsn_crew_window *w = avsn_crew_vacant(s->crew);
        if (!w)
            return AVSOUND_OK;
        const avsound_status status = fill_window(s, w);
        if (status == AVSOUND_E_AGAIN)
            return status;
        if (status)
            keep_failure(s, status);
        else
            avsn_crew_submit(s->crew);
        s->all_in = status || w->last;
        s->index++;
        if (!s->all_in)
            avsn_clips_forget(&s->clips, w->next.frame, w->next.sample);
    } while (!s->all_in && !avsn_crew_ready(s->crew));
    return AVSOUND_OK;
}

static avsound_status next_window(avsound_separator *s, avsn_crew_window **w)
{
    *w = NULL;
    if (!s->all_in)
        AVSN_TRY(put_in(s));
    const avsound_status status = s->broken ? AVSOUND_OK : avsn_crew_take(s->crew, w);
    if (status)
        keep_failure(s, status);
    s->all_in |= s->broken |= status != AVSOUND_OK;
    return *w ? AVSOUND_OK : avsn_fail(s->failed, "%s", s->failure);
}

/* ---- and out ---- */

/* At the recording's ends, where one analysis window alone covers it, and by rounding elsewhere, something is left over: both
 * get of it by their power over so many samples. */
enum { REST_PIECE = 256 };

static void share_rest(avsound_separator *s)
{
    for (int64_t from = 0; from < s->given; from += REST_PIECE) {
        const int64_t count = AVSN_MIN((int64_t)REST_PIECE, s->given - from);
        float *on = s->track[ON] + from, *off = s->track[OFF] + from, *mixture = s->track[MIXTURE] + from;
        const double first = avsn_sum_of_squares(on, count), both = first + avsn_sum_of_squares(off, count);
        const float share = both > 0 ? (float)(first / both) : 0.5f;
        for (int64_t i = 0; i < count; i++) {
            on[i] += share * (mixture[i] - on[i] - off[i]);
            off[i] = mixture[i] - on[i];
        }
    }
}

static void join_corrected(avsound_separator *s, const avsn_crew_window *w)
{
    avsn_windows_weights(&s->windows, w->index, s->weights);
    for (int t = 0; t < TRACKS; t++)
        avsn_windows_add(&s->windows, w->index, s->weights, w->track[t], s->first, s->room, s->track[t]);
    s->given = (w->last ? s->windows.samples : w->next.sample) - s->first;
    if (s->options.flags & AVSOUND_SEPARATE_CONSISTENT)
        share_rest(s);
}

static void join_released(avsound_separator *s, const avsn_crew_window *w)
{
    const avsn_clip_window here = {.sample = w->place.sample - s->first};
    int64_t reached = s->reached;
    for (int t = 0; t < TRACKS; t++)
        reached = avsn_release_join(&here, w->track[t], s->windows.output, s->reached, s->track[t], s->room);
    s->reached = reached;
    s->given = w->last ? s->reached : w->next.sample - s->first;
}

static avsound_status next_stretch(avsound_separator *s)
{
    avsn_crew_window *w;
    AVSN_TRY(next_window(s, &w));
    if (compat(s))
        join_released(s, w);
    else
        join_corrected(s, w);
    s->ended = w->last;
    return AVSOUND_OK;
}

/* ---- results ---- */

static float level_of(const float *samples, int64_t count)
{
    return count ? (float)sqrt(avsn_sum_of_squares(samples, count) / (double)count) : 0;
}

avsound_status avsound_separator_next(avsound_separator *s, avsound_separator_result *result)
{
    if (!s || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", s ? "result" : "separator");
    AVSN_TRY(avsn_struct_write(result, &(avsound_separator_result){0}, sizeof *result, "result"));
    if (atomic_load(&s->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "separation cancelled after %lld results", (long long)s->delivered);
    drop_given(s);
    if (s->ended && *s->damage)
        return avsn_fail(AVSOUND_E_FORMAT, "%s", s->damage);
    if (s->ended)
        return avsn_fail(AVSOUND_E_END, "no more results");
    const avsound_status status = next_stretch(s);
    if (status)
        return avsn_fail_in(status, "separation at %.3f s",
                            (double)s->options.start_us * 1e-6 + (double)s->first / s->windows.pace.sample_rate);
    const int32_t rate = s->model->config.clip.sample_rate;
    const avsound_separator_result r = {
        .index = (int32_t)s->delivered++,
        .time_us = s->options.start_us + llround((double)s->first / rate * 1e6),
        .sample = s->first,
        .samples = s->given,
        .sample_rate = rate,
        .padded = !compat(s) && s->windows.samples < s->windows.output,
        .rms = level_of(s->track[MIXTURE], s->given),
        .on = s->track[ON],
        .off = s->track[OFF],
        .mixture = s->track[MIXTURE],
    };
    return avsn_struct_write(result, &r, sizeof r, "result");
}

avsound_status avsound_separator_get_info(const avsound_separator *s, avsound_media_info *info)
{
    if (!s)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separator is NULL");
    return avsn_struct_write(info, &s->clips.info, sizeof s->clips.info, "info");
}

int64_t avsound_separator_expected(const avsound_separator *s)
{
    if (!s || s->clips.info.duration_us < 0)
        return -1;
    int64_t lasts = AVSN_MAX(s->clips.info.duration_us - s->options.start_us, 0);
    if (s->options.duration_us)
        lasts = AVSN_MIN(lasts, s->options.duration_us);
    avsn_windows w = s->windows;
    w.samples = AVSN_MAX(llround((double)lasts * 1e-6 * w.pace.sample_rate), 1LL);
    if (!compat(s))
        return avsn_windows_count(&w);
    int64_t windows = 0;
    while (release_window(s, windows).sample + samples_of(s) <= w.samples)
        windows++;
    return windows;
}

/* ---- setting up ---- */

void avsound_separator_options_init(avsound_separator_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_region(const avsound_separator_options *o, avsn_region *region)
{
    *region = (avsn_region){o->left, o->top, o->right, o->bottom};
    const float sides[4] = {o->left, o->top, o->right, o->bottom};
    bool none = true;
    for (int i = 0; i < 4; i++) {
        if (!(sides[i] >= 0 && sides[i] <= 1))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation options: the region has a side at %g, want 0...1",
                      (double)sides[i]);
        none = none && !(sides[i] > 0);
    }
    if (none)
        *region = (avsn_region){0, 0, 1, 1};
    if (!(region->left < region->right && region->top < region->bottom))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation options: the region %g,%g...%g,%g is empty", (double)o->left,
                  (double)o->top, (double)o->right, (double)o->bottom);
    return AVSOUND_OK;
}

static avsound_status check_options(const avsound_separator_options *o, avsn_region *region)
{
    if (o->audio_path && o->audio_source)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separator options: audio_path and audio_source are both given, want one");
    const int32_t known = AVSOUND_SEPARATE_COMPAT | AVSOUND_SEPARATE_CONSISTENT | AVSOUND_SEPARATE_ORIGINAL_PHASE;
    if (o->flags & ~known)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation options: flags is %#x, want AVSOUND_SEPARATE_ constants or-ed",
                  (unsigned)o->flags);
    if (o->flags & AVSOUND_SEPARATE_COMPAT && o->flags & AVSOUND_SEPARATE_CONSISTENT)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation options: COMPAT is what was released, which is not CONSISTENT");
    if (o->start_us < 0 || o->duration_us < 0 || o->start_us > INT64_MAX / 4 || o->duration_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation options: start_us is %lld and duration_us %lld, want 0 or more",
                  (long long)o->start_us, (long long)o->duration_us);
    return check_region(o, region);
}

/* Durations of the released program's windows: 2.135 s, or multiples of another. */
static double release_seconds(const avsn_model_config *config)
{
    if (config->clip.frame_rate < 29.969 || config->clip.frame_rate > 29.971 || config->separation.columns % 128)
        return config->clip.frames / config->clip.frame_rate;
    return config->separation.columns == 128 ? 2.135 : avsn_release_seconds(config->separation.columns / 128);
}

static int64_t step_of(const avsn_clip_frontend *clip)
{
    return AVSN_MAX(clip->frames * 3 / 4, 1);
}

/* Neighbours overlap by a quarter of a window, the ends of which are left to each other. */
static avsound_status set_windows(avsound_separator *s)
{
    const avsn_clip_frontend *clip = &s->model->config.clip;
    s->windows = (avsn_windows){
        .pace = {.frame_rate = clip->frame_rate, .sample_rate = clip->sample_rate},
        .frames = clip->frames,
        .step = step_of(clip),
        .output = avsn_stems_output(avsn_crew_stems(s->crew)),
        .guard = avsn_stems_guard(avsn_crew_stems(s->crew)),
        .samples = INT64_MAX / 4096,
    };
    s->release_seconds = release_seconds(&s->model->config);
    s->room = s->windows.output; /* a window starts where the last result ended */
    return compat(s) ? AVSOUND_OK : avsn_windows_check(&s->windows);
}

static avsound_status take(avsound_separator *s, int64_t count, float **out)
{
    *out = avsn_alloc_zeroed(s->context, (size_t)count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_buffers(avsound_separator *s)
{
    for (int t = 0; t < TRACKS; t++)
        AVSN_TRY(take(s, s->room, &s->track[t]));
    return take(s, s->windows.output, &s->weights);
}

/* A stream's windows come one at a time, each to be done as soon as can be: all threads compute it. */
static avsound_status separation_init(avsound_separator *s, const avsound_source *source, avsn_feed *feed)
{
    const avsn_clips_options clips = {.source = source, .feed = feed, .sound_source = s->options.audio_source,
                                      .frames = !s->model->arch->blind, .start_us = s->options.start_us,
                                      .duration_us = s->options.duration_us};
    const int32_t flags = s->options.flags;
    avsn_crew_options crew = {
        .beside = !feed,
        .threads = s->options.threads ? s->options.threads : avsn_cpu_count(),
        .precision = s->options.precision,
        .stems = {.release = compat(s),
                  .original_phase = (flags & AVSOUND_SEPARATE_ORIGINAL_PHASE) != 0,
                  .consistent = (flags & AVSOUND_SEPARATE_CONSISTENT) != 0},
    };
    AVSN_TRY(check_region(&s->options, &crew.region));
    AVSN_TRY(avsn_clips_open(&s->clips, s->context, &s->model->config.image, &s->model->config.clip, &clips));
    AVSN_TRY(avsn_crew_create(s->model, &s->clips, &crew, &s->cancel, &s->crew));
    AVSN_TRY(set_windows(s));
    return make_buffers(s);
}

/* The first sample of a result waits for the end of the window behind its own, and whether the recording ends there. */
double avsn_separator_latency(const avsound_model *model, const avsound_separator_options *options)
{
    const avsn_clip_frontend *clip = &model->config.clip;
    const double window = AVSN_MAX((double)clip->samples / clip->sample_rate, clip->frames / clip->frame_rate);
    const double step = options->flags & AVSOUND_SEPARATE_COMPAT ? release_seconds(&model->config) / 2
                                                                 : (double)step_of(clip) / clip->frame_rate;
    return step + window + 2 / clip->frame_rate;
}

avsound_status avsn_separator_check(const avsound_model *model, const avsound_separator_options *theirs,
                                    avsound_separator_options *options)
{
    avsn_region region;
    AVSN_TRY(avsn_options_read(options, sizeof *options, theirs, OPTIONS_LEAST, "separation options"));
    AVSN_TRY(check_options(options, &region));
    if (!model->arch->separates)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s separates nothing: want a separator or a mask-net", model->arch->name);
    return AVSOUND_OK;
}

avsound_status avsn_separator_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                     const avsound_separator_options *options, avsound_separator **out)
{
    *out = NULL;
    avsound_separator *s = avsn_alloc_zeroed(model->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(model->context);
    s->model = avsn_model_ref(model);
    s->options = *options;
    atomic_init(&s->cancel, 0);
    const avsound_status status = separation_init(s, source, feed);
    s->options.audio_path = NULL, s->options.audio_source = NULL; /* the caller's */
    if (status) {
        avsound_separator_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

static avsound_status create(avsound_model *model, const avsound_source *source, const char *named,
                             const avsound_separator_options *options, avsound_separator **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model || !source)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", model ? named : "model");
    avsound_separator_options o;
    AVSN_TRY(avsn_separator_check(model, options, &o));
    const avsound_source other = avsn_path_source(o.audio_path);
    if (o.audio_path)
        o.audio_source = &other;
    return avsn_separator_create(model, source, NULL, &o, out);
}

avsound_status avsound_separator_create(avsound_model *model, const char *path, const avsound_separator_options *options,
                                        avsound_separator **out)
{
    const avsound_source source = avsn_path_source(path);
    return create(model, path ? &source : NULL, "path", options, out);
}

avsound_status avsound_separator_create_source(avsound_model *model, const avsound_source *source,
                                               const avsound_separator_options *options, avsound_separator **out)
{
    return create(model, source, "source", options, out);
}

void avsound_separator_cancel(avsound_separator *s)
{
    if (!s)
        return;
    atomic_store(&s->cancel, 1);
    avsn_crew_cancel(s->crew);
}

void avsound_separator_free(avsound_separator *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    if (s->crew)
        avsound_separator_cancel(s);
    avsn_crew_free(s->crew);
    for (int t = 0; t < TRACKS; t++)
        avsn_free(context, s->track[t]);
    avsn_free(context, s->weights);
    avsn_clips_close(&s->clips);
    avsound_model_free(s->model);
    avsn_free(context, s);
    avsound_context_free(context);
}
