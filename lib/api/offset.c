#include "api/offset.h"

#include <math.h>
#include <string.h>

#include "api/walks.h"
#include "base/cpu.h"
#include "dsp/image.h"

#define OPTIONS_LEAST ((uint32_t)sizeof(avsound_offset_options))

enum { STRETCH_US = 200000, DRIFT_US = 30000000 };

static const double default_range = 2, most_range = 10, default_confidence = 0.5, default_window = 10;
static const double silent_level = 1e-3;  /* -60 dBFS */
static const double least_compared = 0.2; /* seconds */
/* Evidence adds up over time, as far as this was found to hold: in recordings twice as long as those trained on. */
static const double most_evidence = 2;

/* ---- life ---- */

void avsound_offset_options_init(avsound_offset_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_options(avsound_offset_options *o)
{
    if (o->threads < 0 || o->threads > 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: threads is %d, want 0...256", o->threads);
    if (!(o->range_seconds == 0 || (o->range_seconds >= 0.1 && o->range_seconds <= most_range)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: range_seconds is %g, want 0.1...%g", o->range_seconds,
                  most_range);
    if (!(o->least_confidence <= 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: least_confidence is %g, want 1 at most",
                  o->least_confidence);
    if (!(o->window_seconds == 0 || (o->window_seconds >= 1 && o->window_seconds <= 86400)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: window_seconds is %g, want 1...86400", o->window_seconds);
    if (o->audio_delay_us < -((int64_t)1 << 40) || o->audio_delay_us > (int64_t)1 << 40)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: audio_delay_us is %lld", (long long)o->audio_delay_us);
    if (o->start_us < 0 || o->duration_us < 0 || o->start_us > INT64_MAX / 4 || o->duration_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset options: start_us is %lld and duration_us %lld, want 0 or more",
                  (long long)o->start_us, (long long)o->duration_us);
    o->threads = o->threads ? o->threads : avsn_cpu_count();
    o->range_seconds = o->range_seconds > 0 ? o->range_seconds : default_range;
    o->least_confidence = o->least_confidence == 0 ? default_confidence : o->least_confidence;
    o->window_seconds = o->window_seconds > 0 ? o->window_seconds : default_window;
    return AVSOUND_OK;
}

static avsound_status init(avsound_offset *offset, const avsound_source *source, avsn_feed *feed)
{
    const avsound_offset_options *o = &offset->options;
    avsn_towers_options towers = {.source = source, .feed = feed, .range_seconds = o->range_seconds, .audio_delay_us = o->audio_delay_us,
                                  .start_us = o->start_us, .duration_us = o->duration_us, .threads = o->threads};
    AVSN_TRY(avsn_choose_compute(o->precision, &towers.compute));
    AVSN_TRY(avsn_towers_open(&offset->towers, offset->model, &towers));
    const int32_t most = offset->towers.most;
    AVSN_TRY(avsn_lag_curves_init(&offset->curves, offset->context, most, STRETCH_US));
    offset->curve = avsn_alloc(offset->context, (size_t)(2 * most + 1), sizeof *offset->curve);
    return offset->curve ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_offset_check(const avsound_model *model, const avsound_offset_options *theirs,
                                 avsound_offset_options *options)
{
    AVSN_TRY(avsn_options_read(options, sizeof *options, theirs, OPTIONS_LEAST, "offset options"));
    AVSN_TRY(check_options(options));
    return avsn_towers_check(model);
}

avsound_status avsn_offset_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                  const avsound_offset_options *options, avsound_offset **out)
{
    *out = NULL;
    avsound_offset *offset = avsn_alloc_zeroed(model->context, 1, sizeof *offset);
    if (!offset)
        return AVSOUND_E_NO_MEMORY;
    offset->context = avsn_context_ref(model->context);
    offset->model = avsn_model_ref(model);
    offset->options = *options;
    atomic_init(&offset->cancel, 0);
    const avsound_status status = init(offset, source, feed);
    if (status)
        avsound_offset_free(offset);
    else
        *out = offset;
    return status;
}

static avsound_status create(avsound_model *model, const avsound_source *source, const char *named,
                             const avsound_offset_options *options, avsound_offset **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model || !source)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", model ? named : "model");
    avsound_offset_options o;
    AVSN_TRY(avsn_offset_check(model, options, &o));
    return avsn_offset_create(model, source, NULL, &o, out);
}

avsound_status avsound_offset_create(avsound_model *model, const char *path, const avsound_offset_options *options,
                                     avsound_offset **out)
{
    const avsound_source source = avsn_path_source(path);
    return create(model, path ? &source : NULL, "path", options, out);
}

avsound_status avsound_offset_create_source(avsound_model *model, const avsound_source *source,
                                            const avsound_offset_options *options, avsound_offset **out)
{
    return create(model, source, "source", options, out);
}

double avsn_offset_latency(const avsound_model *model, const avsound_offset_options *options)
{
    return avsn_towers_latency(model, options->range_seconds);
}

void avsound_offset_free(avsound_offset *offset)
{
    if (!offset)
        return;
    avsound_context *context = offset->context;
    avsn_towers_close(&offset->towers);
    avsn_lag_curves_free(&offset->curves);
    avsn_free(context, offset->curve);
    avsound_model_free(offset->model);
    avsn_free(context, offset);
    avsound_context_free(context);
}

/* ---- measuring ---- */

void avsound_offset_cancel(avsound_offset *offset)
{
    if (offset)
        atomic_store(&offset->cancel, 1);
}

static double seconds_seen(const avsound_offset *offset)
{
    return (double)offset->towers.reel.pictures * offset->towers.frame_ms * 1e-3;
}

/* ---- the last seconds alone ---- */

void avsn_offset_move(avsound_offset *offset)
{
    offset->moving = true;
}

int64_t avsn_offset_reached(const avsound_offset *offset)
{
    return offset->towers.reel.first_us + llround((double)(offset->measured - 1) * offset->towers.frame_ms * 1e3);
}

/* The sums count on and keep the most there was: what is new since the last step is taken out of it. */
static void take_step(avsound_offset *offset)
{
    avsn_towers *towers = &offset->towers;
    const avsn_offset_step now = {.seconds = seconds_seen(offset), .compared_s = offset->compared_s};
    if (offset->step_count == AVSN_OFFSET_STEPS)
        memmove(offset->steps, offset->steps + 1, (size_t)--offset->step_count * sizeof *offset->steps);
    offset->steps[offset->step_count++] = (avsn_offset_step){.seconds = now.seconds - offset->done.seconds,
                                                             .compared_s = now.compared_s - offset->done.compared_s,
                                                             .loudest = towers->reel.recording.loudest,
                                                             .motion = towers->reel.motion};
    offset->done = now;
    towers->reel.recording.loudest = towers->reel.motion = 0;
}

static avsn_offset_step sum_steps(const avsound_offset *offset)
{
    avsn_offset_step sum = {0};
    for (int32_t i = 0; i < offset->step_count; i++) {
        const avsn_offset_step *step = &offset->steps[i];
        sum.seconds += step->seconds;
        sum.compared_s += step->compared_s;
        sum.loudest = fmaxf(sum.loudest, step->loudest);
        sum.motion = fmaxf(sum.motion, step->motion);
    }
    return sum;
}

/* Whole steps, so that what is told of always lasts the window's length at least, once so much was seen. */
static void move_window(avsound_offset *offset)
{
    double seconds = sum_steps(offset).seconds;
    int32_t gone = 0;
    while (gone + 1 < offset->step_count && seconds - offset->steps[gone].seconds >= offset->options.window_seconds)
        seconds -= offset->steps[gone++].seconds;
    offset->step_count -= gone;
    memmove(offset->steps, offset->steps + gone, (size_t)offset->step_count * sizeof *offset->steps);
    avsn_lag_curves_forget(&offset->curves, llround((offset->done.seconds - seconds) * 1e6));
}

/* What is told of. */
static avsn_offset_step seen(const avsound_offset *offset)
{
    const avsn_towers *towers = &offset->towers;
    if (offset->moving)
        return sum_steps(offset);
    return (avsn_offset_step){.seconds = seconds_seen(offset), .compared_s = offset->compared_s,
                              .loudest = towers->reel.recording.loudest, .motion = towers->reel.motion};
}

/* ---- going on ---- */

/* How long the pictures to be compared last; negative: unknown. */
static int64_t wanted_us(const avsound_offset *offset)
{
    const avsound_media_info *info = &offset->towers.reel.recording.info;
    const int64_t whole_us = info->video_duration_us > 0 ? info->video_duration_us : info->duration_us;
    const int64_t left_us = whole_us - offset->options.start_us;
    const int64_t most_us = offset->options.duration_us;
    return most_us && most_us < left_us ? most_us : left_us;
}

static avsound_status advance(avsound_offset *offset)
{
    avsn_towers *t = &offset->towers;
    AVSN_TRY(avsn_towers_next(t, &offset->cancel));
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t picture = t->picture + i;
        double *sum, *weight;
        if (!avsn_towers_meet(t, picture))
            continue;
        avsn_lag_curves_at(&offset->curves, llround((double)picture * t->frame_ms * 1e3), &sum, &weight);
        avsn_towers_compare(t, picture, t->vectors + i * t->dimension, sum, weight);
        offset->compared_s += t->frame_ms * 1e-3;
    }
    offset->measured = t->picture + t->count;
    return AVSOUND_OK;
}

avsound_status avsound_offset_next(avsound_offset *offset, double *part)
{
    if (!offset)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset is NULL");
    const int64_t whole_us = wanted_us(offset);
    if (atomic_load(&offset->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "measurement cancelled after %.1f s", seconds_seen(offset));
    const avsound_status status = advance(offset);
    if (!status && offset->moving) {
        take_step(offset);
        move_window(offset);
    }
    if (part)
        *part = whole_us > 0 ? fmin(seconds_seen(offset) * 1e6 / (double)whole_us, 1) : -1;
    return status;
}

/* ---- the answer ---- */

static int32_t find_notes(const avsound_offset *offset, const avsound_offset_result *r)
{
    const avsound_media_info *info = &offset->towers.reel.recording.info;
    const double rate = info->rate_den > 0 ? (double)info->rate_num / info->rate_den : 0;
    const double travel = r->drift * r->seconds / 60;
    int32_t notes = offset->towers.padded ? AVSOUND_OFFSET_PADDED : 0;
    /* what a network must see before its first answer and after its last is missing from every recording */
    if (r->compared_seconds < 0.9 * r->seconds - 0.4)
        notes |= AVSOUND_OFFSET_PARTLY;
    if (rate > 0 && rate * r->frame_ms < 500)
        notes |= AVSOUND_OFFSET_SLOW;
    if (r->verdict == AVSOUND_OFFSET_MEASURED && r->drift_low * r->drift_high > 0 && fabs(travel) > r->frame_ms)
        notes |= AVSOUND_OFFSET_DRIFTS;
    return notes;
}

static int32_t decide(const avsound_offset *offset, const avsn_peak *peak, const avsound_offset_result *r)
{
    const avsn_offset_step there = seen(offset);
    if ((double)there.loudest < silent_level)
        return AVSOUND_OFFSET_SILENT;
    if (there.motion < AVSN_STILL)
        return AVSOUND_OFFSET_STILL;
    if (!peak->found || r->compared_seconds < least_compared)
        return AVSOUND_OFFSET_SHORT;
    if (r->confidence < offset->options.least_confidence)
        return AVSOUND_OFFSET_UNSURE;
    return peak->at_edge ? AVSOUND_OFFSET_EDGE : AVSOUND_OFFSET_MEASURED;
}

/* Half of how long the file shows a picture, which nothing can be told within. */
static double narrowest(const avsound_offset *offset)
{
    const avsound_media_info *info = &offset->towers.reel.recording.info;
    const double shown = info->rate_num > 0 ? 1e3 * info->rate_den / info->rate_num : offset->towers.frame_ms;
    return fmax(shown, offset->towers.step_ms) / 4;
}

static avsound_status find_peak(avsound_offset *offset, avsn_peak *peak)
{
    const avsn_towers *towers = &offset->towers;
    const avsn_peak_options options = {
        .step_ms = towers->step_ms,
        .near_ms = towers->frame_ms,
        .least_ms = narrowest(offset),
        .scale = towers->scale * fmin(seen(offset).compared_s / towers->trained_s, most_evidence),
        .window_us = llround(offset->options.window_seconds * 1e6),
        .drift_us = DRIFT_US,
    };
    return avsn_lag_curves_peak(&offset->curves, &options, offset->curve, offset->windows, peak);
}

static avsound_status find_result(avsound_offset *offset)
{
    const avsn_offset_step there = seen(offset);
    avsn_peak peak;
    AVSN_TRY(find_peak(offset, &peak));
    avsound_offset_result r = {
        .struct_size = sizeof r,
        .windows = peak.windows,
        .offset_ms = peak.offset_ms,
        .low_ms = peak.low_ms,
        .high_ms = peak.high_ms,
        .confidence = peak.likelihood * peak.agreement * (offset->towers.padded ? 0.5 : 1),
        .likelihood = peak.likelihood,
        .agreement = peak.agreement,
        .drift = peak.drift,
        .drift_low = peak.drift_low,
        .drift_high = peak.drift_high,
        .seconds = there.seconds,
        .compared_seconds = there.compared_s,
        .frame_ms = offset->towers.frame_ms,
    };
    r.verdict = decide(offset, &peak, &r);
    r.notes = find_notes(offset, &r);
    if (r.verdict >= AVSOUND_OFFSET_SILENT && r.verdict <= AVSOUND_OFFSET_SHORT)
        r.confidence = 0;
    offset->result = r;
    offset->told = true;
    return AVSOUND_OK;
}

avsound_status avsound_offset_get_result(avsound_offset *offset, avsound_offset_result *result)
{
    if (!offset)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "offset is NULL");
    AVSN_TRY(avsn_struct_write(result, &(avsound_offset_result){0}, sizeof *result, "result"));
    AVSN_TRY(find_result(offset));
    return avsn_struct_write(result, &offset->result, sizeof offset->result, "result");
}

/* ---- arrays ---- */

/* AVSOUND_OK with *ask set: only the count was asked for. */
static avsound_status check_arrays(const avsound_offset *offset, bool any, size_t *count, size_t wanted, bool *ask)
{
    if (!offset || !count)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", offset ? "count" : "offset");
    if (!offset->told)
        AVSN_FAIL(AVSOUND_E_STATE, "nothing was decided yet: avsound_offset_get_result comes first");
    const size_t room = *count;
    *count = wanted;
    *ask = !any;
    if (any && room < wanted)
        AVSN_FAIL(AVSOUND_E_BUFFER_SIZE, "the result needs %zu values, the buffers have %zu", wanted, room);
    return AVSOUND_OK;
}

avsound_status avsound_offset_get_curve(const avsound_offset *offset, double *lags_ms, double *scores, size_t *count)
{
    const int32_t most = offset ? offset->curves.most : 0;
    bool ask;
    AVSN_TRY(check_arrays(offset, lags_ms || scores, count, (size_t)(2 * most + 1), &ask));
    for (int32_t l = -most; !ask && l <= most; l++) {
        if (lags_ms)
            lags_ms[l + most] = l * offset->towers.step_ms;
        if (scores)
            scores[l + most] = offset->curve[l + most];
    }
    return AVSOUND_OK;
}

avsound_status avsound_offset_get_windows(const avsound_offset *offset, double *times_s, double *offsets_ms,
                                          double *likelihoods, size_t *count)
{
    const int32_t windows = offset ? offset->result.windows : 0;
    bool ask;
    AVSN_TRY(check_arrays(offset, times_s || offsets_ms || likelihoods, count, (size_t)windows, &ask));
    for (int32_t i = 0; !ask && i < windows; i++) {
        if (times_s)
            times_s[i] = offset->windows[i].time_s;
        if (offsets_ms)
            offsets_ms[i] = offset->windows[i].offset_ms;
        if (likelihoods)
            likelihoods[i] = offset->windows[i].likelihood;
    }
    return AVSOUND_OK;
}
