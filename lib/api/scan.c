/* Walking a recording. The caller's thread decodes and computes spectrogram columns, each once; worker threads with one-thread
 * sessions scale pictures and run the network; results come out in order. A ring of jobs bounds the memory. */
#include <avsound/tasks.h>

#include "api/clip_scan.h"
#include "api/dense.h"
#include "api/recording.h"
#include "api/session.h"
#include "api/strip.h"
#include "api/walks.h"
#include "base/cpu.h"
#include "base/threads.h"
#include "dsp/image.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SCAN_OPTIONS_LEAST ((uint32_t)offsetof(avsound_scan_options, layer))
#define NO_FRAME_HOP_SECONDS 0.04

typedef struct job {
    avsound_scan *scan;
    int32_t index;
    int64_t time_us;
    avsn_kept_frame frame;
    uint8_t *pictures;  /* [frames][height][width][3] of a network that sees those around it, */
    float *flow;        /* and what it sees of their flow; or NULL */
    float *sound; /* what the sessions are given of it: a spectrogram [bins][columns], or dense features */
    float rms, contrast;
    float *embedding_image, *embedding_audio, *map, probability;
    avsound_status status;
    char detail[512];
    bool done;
} job;

enum { OUT_EMBED_IMAGE, OUT_EMBED_AUDIO, OUT_SCORE, OUT_MAP, OUT_COUNT };
static const char *const output_names[OUT_COUNT] = {"embedding.image", "embedding.audio", "score", "map"};

struct avsound_scan {
    avsound_context *context;
    avsound_model *model;
    avsound_scan_options options;
    avsn_strip *strip;    /* frames around pictures, if the network sees them */
    avsn_clip_scan *clip; /* which does it all, if the network is one of clips */
    bool needs_frames, needs_sound;
    int64_t sound_ahead_us; /* the middle of a result's sound lies so much behind its time */
    int32_t workers;
    avsound_session **sessions;
    int32_t output[OUT_COUNT]; /* of the sessions; -1: not wanted */
    uint64_t output_mask;
    int32_t dimension, rows, cols;
    avsn_pool *pool; /* NULL: the caller's thread does it all */
    job *jobs; /* ring */
    int32_t job_count;
    int64_t submitted, delivered; /* counts; the last delivered job stays the caller's until the next call */
    bool seen;                    /* the next job has its frame and waits for its sound */
    bool exhausted;               /* no more jobs to come */
    avsound_status end_status;    /* why: AVSOUND_E_END or an error */
    char end_detail[512];

    avsn_recording recording;
    avsn_dense_sound *dense; /* NULL: each window alone */

    pthread_mutex_t mutex;
    pthread_cond_t job_done;
    double prepare, network, wait;
    atomic_int cancel;
};

/* ---- jobs ---- */

int64_t avsn_scan_grid_time(const avsound_scan_options *options, int64_t index)
{
    const double hop = options->hop_seconds > 0 ? options->hop_seconds : NO_FRAME_HOP_SECONDS;
    const double first = ceil((double)options->start_us * 1e-6 / hop - 1e-9);
    return llround((first + (double)index) * hop * 1e6);
}

static int64_t end_us(const avsound_scan *scan)
{
    return scan->options.duration_us ? scan->options.start_us + scan->options.duration_us : INT64_MAX;
}

static avsound_status show_strip(avsound_scan *scan, job *j)
{
    AVSN_TRY(avsn_strip_show(scan->strip, &scan->recording, (j->time_us + AVSN_STRIP_US / 2) / AVSN_STRIP_US));
    avsn_strip_copy(scan->strip, j->pictures, j->flow);
    return AVSOUND_OK;
}

static avsound_status fill_picture(avsound_scan *scan, job *j)
{
    const bool grid = scan->options.hop_seconds > 0 || !scan->needs_frames || scan->strip;
    j->index = (int32_t)scan->submitted;
    if (grid) {
        j->time_us = avsn_scan_grid_time(&scan->options, scan->submitted);
    } else {
        AVSN_TRY(avsn_recording_next_frame(&scan->recording, scan->options.start_us, &j->frame));
        j->time_us = j->frame.view.time_us;
    }
    if (j->time_us >= end_us(scan))
        return avsn_fail(AVSOUND_E_END, "no more results");
    if (scan->strip)
        return show_strip(scan, j);
    if (grid && scan->needs_frames)
        AVSN_TRY(avsn_recording_frame_at(&scan->recording, j->time_us, &j->frame));
    return AVSOUND_OK;
}

static avsound_status hear(avsound_scan *scan, job *j)
{
    const int64_t time_us = j->time_us + scan->sound_ahead_us;
    if (scan->dense)
        return avsn_dense_sound_at(scan->dense, time_us, &scan->cancel, j->sound, &j->rms);
    return avsn_recording_sound_at(&scan->recording, time_us, j->sound, &j->rms);
}

static avsound_status fill_job(avsound_scan *scan, job *j)
{
    if (!scan->seen)
        AVSN_TRY(fill_picture(scan, j));
    scan->seen = true;
    if (scan->needs_sound)
        AVSN_TRY(hear(scan, j));
    if (scan->needs_sound && !scan->needs_frames && avsn_recording_sound_ended(&scan->recording, j->time_us))
        return avsn_fail(AVSOUND_E_END, "no more sound");
    scan->seen = false;
    return AVSOUND_OK;
}

static void copy_output(const avsound_scan *scan, const avsound_session *session, int which, float *to)
{
    const avsound_scan_options *o = &scan->options;
    if (scan->output[which] >= 0 && o->grid_rows)
        avsn_session_take_grid(session, scan->output[which], 0, o->grid_rows, o->grid_cols, to);
    else if (scan->output[which] >= 0)
        avsn_session_take(session, scan->output[which], 0, to);
}

static avsound_status compute(avsound_scan *scan, job *j, avsound_session *session, double *prepare, double *network)
{
    const double start = avsn_seconds();
    const bool sees = scan->needs_frames && avsn_session_input_index(session, "image") >= 0;
    if (scan->strip)
        AVSN_TRY(avsn_session_set_frames(session, 0, j->pictures, j->flow, &j->contrast));
    else if (sees && scan->options.what & ~AVSOUND_SCAN_FRAME)
        AVSN_TRY(avsn_session_set_frame(session, 0, &j->frame.view,
                                        scan->options.what & AVSOUND_SCAN_MAP ? AVSN_WHOLE : AVSN_CENTRE, &j->contrast));
    if (scan->needs_sound)
        avsn_session_set_values(session, scan->dense ? avsn_dense_layer : "spectrogram", 0, j->sound);
    const double prepared = avsn_seconds();
    *prepare = prepared - start;
    if (scan->output_mask)
        AVSN_TRY(avsn_session_run(session, scan->output_mask));
    *network = avsn_seconds() - prepared;
    copy_output(scan, session, OUT_EMBED_IMAGE, j->embedding_image);
    copy_output(scan, session, OUT_EMBED_AUDIO, j->embedding_audio);
    copy_output(scan, session, OUT_SCORE, &j->probability);
    copy_output(scan, session, OUT_MAP, j->map);
    return AVSOUND_OK;
}

static void run_job(void *user_data, void *argument, int32_t worker)
{
    avsound_scan *scan = user_data;
    job *j = argument;
    double prepare = 0, network = 0;
    j->status = compute(scan, j, scan->sessions[worker], &prepare, &network);
    if (j->status) {
        const char *detail = avsound_error_detail();
        memcpy(j->detail, detail, AVSN_MIN(strlen(detail), sizeof j->detail - 1) + 1);
        j->detail[sizeof j->detail - 1] = 0;
    }
    pthread_mutex_lock(&scan->mutex);
    scan->prepare += prepare;
    scan->network += network;
    j->done = true;
    pthread_cond_signal(&scan->job_done);
    pthread_mutex_unlock(&scan->mutex);
}

static void end_scan(avsound_scan *scan, avsound_status status)
{
    const char *detail = avsound_error_detail();
    scan->exhausted = true;
    scan->end_status = status;
    memcpy(scan->end_detail, detail, AVSN_MIN(strlen(detail), sizeof scan->end_detail - 1));
}

/* Keeps the ring full, as far as the recording reaches; the job that the caller still looks at is left alone. */
static void submit_jobs(avsound_scan *scan)
{
    while (!scan->exhausted && scan->submitted - scan->delivered < scan->job_count - 1) {
        job *j = &scan->jobs[scan->submitted % scan->job_count];
        const avsound_status status = fill_job(scan, j);
        if (status == AVSOUND_E_AGAIN)
            return;
        if (status) {
            end_scan(scan, status);
            return;
        }
        j->done = false;
        j->status = AVSOUND_OK;
        scan->submitted++;
        if (scan->pool)
            avsn_pool_submit(scan->pool, j);
        else
            run_job(scan, j, 0);
    }
}

static void await(avsound_scan *scan, const job *j)
{
    const double before = avsn_seconds();
    pthread_mutex_lock(&scan->mutex);
    while (!j->done)
        pthread_cond_wait(&scan->job_done, &scan->mutex);
    pthread_mutex_unlock(&scan->mutex);
    scan->wait += avsn_seconds() - before;
}

static avsound_status next_of_clip(avsound_scan *scan, avsound_scan_result *result)
{
    avsound_scan_result r;
    AVSN_TRY(scan->clip->next(scan->clip, &r));
    scan->delivered++;
    return avsn_struct_write(result, &r, sizeof r, "result");
}

static avsound_status next_of_pictures(avsound_scan *scan, avsound_scan_result *result)
{
    submit_jobs(scan);
    if (scan->submitted == scan->delivered && !scan->exhausted)
        return avsn_fail(AVSOUND_E_AGAIN, "the next result needs more of the recording");
    if (scan->submitted == scan->delivered)
        return avsn_fail(scan->end_status, "%s", scan->end_detail);
    const job *j = &scan->jobs[scan->delivered % scan->job_count];
    await(scan, j);
    scan->delivered++;
    if (j->status)
        return avsn_fail(j->status, "result %d at %.3f s: %s", j->index, (double)j->time_us * 1e-6, j->detail);
    const int32_t what = scan->options.what;
    const bool both = scan->needs_frames && scan->needs_sound;
    const avsound_scan_result r = {
        .index = j->index,
        .time_us = j->time_us,
        .dimension = scan->dimension,
        .rows = scan->rows,
        .cols = scan->cols,
        .probability = scan->output[OUT_SCORE] >= 0 ? j->probability : 0,
        .confidence = both ? avsn_confidence(j->contrast, j->rms) : 0,
        .rms = j->rms,
        .embedding_image = what & AVSOUND_SCAN_EMBED_IMAGE ? j->embedding_image : NULL,
        .embedding_audio = what & AVSOUND_SCAN_EMBED_AUDIO ? j->embedding_audio : NULL,
        .map = what & AVSOUND_SCAN_MAP ? j->map : NULL,
        .frame = what & AVSOUND_SCAN_FRAME ? &j->frame.view : NULL,
    };
    return avsn_struct_write(result, &r, sizeof r, "result");
}

avsound_status avsound_scan_next(avsound_scan *scan, avsound_scan_result *result)
{
    if (!scan || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", scan ? "result" : "scan");
    AVSN_TRY(avsn_struct_write(result, &(avsound_scan_result){0}, sizeof *result, "result"));
    if (atomic_load(&scan->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "scan cancelled after %lld results", (long long)scan->delivered);
    return scan->clip ? next_of_clip(scan, result) : next_of_pictures(scan, result);
}

/* ---- setting up ---- */

void avsound_scan_options_init(avsound_scan_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_what(const avsound_model *model, int32_t what)
{
    if (model->arch->clip)
        return avsn_clip_scan_check(model, what);
    if (what & (AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP))
        AVSN_TRY(avsn_model_need_pair(model, "correspondence"));
    if ((what & AVSOUND_SCAN_EMBED_IMAGE && model->arch->blind) || (what & AVSOUND_SCAN_EMBED_AUDIO && model->arch->deaf))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s embeds no %s", model->arch->name, model->arch->blind ? "pictures" : "sounds");
    if (what & AVSOUND_SCAN_CLASSES)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s knows no classes: a multisensory network that was trained for it does",
                  model->arch->name);
    if (what & AVSOUND_SCAN_MAP && !model->arch->map)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s has no map: avol-net says where a sound comes from, and of clips sync-net and multisensory",
                  model->arch->name);
    if (what & AVSOUND_SCAN_FRAME && model->arch->around)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s sees %d frames at once, of which a scan delivers none", model->arch->name,
                  avsound_model_frames(model));
    return AVSOUND_OK;
}

static avsound_status check_options(const avsound_scan_options *o)
{
    const int32_t known = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP |
                          AVSOUND_SCAN_FRAME | AVSOUND_SCAN_CLASSES;
    if (!o->what || o->what & ~known)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: what is %#x, want AVSOUND_SCAN_ constants or-ed",
                  (unsigned)o->what);
    if (o->threads < 0 || o->threads > 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: threads is %d, want 0...256", o->threads);
    if (!(o->hop_seconds >= 0 && o->hop_seconds <= 86400) || (o->hop_seconds > 0 && o->hop_seconds < 1e-4))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: hop_seconds is %g, want 0 or 0.0001...86400", o->hop_seconds);
    if (o->dense < 0 || o->dense > 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: dense is %d, want 0 or 1", o->dense);
    if (o->dense && o->layer)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: dense does not go with the layer %s", o->layer);
    if (o->audio_path && o->audio_source)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: audio_path and audio_source are both given, want one");
    if (o->start_us < 0 || o->duration_us < 0 || o->start_us > INT64_MAX / 4 || o->duration_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: start_us is %lld and duration_us %lld, want 0 or more",
                  (long long)o->start_us, (long long)o->duration_us);
    return AVSOUND_OK;
}

/* A layer and its grid. */
static avsound_status check_layer(const avsound_model *model, const avsound_scan_options *o)
{
    if (o->sound_begins < 0 || o->sound_begins > 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: sound_begins is %d, want 0 or 1", o->sound_begins);
    if (o->grid_rows < 0 || o->grid_cols < 0 || !o->grid_rows != !o->grid_cols)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: grid_rows is %d and grid_cols %d, want 0, or 1 and more, both",
                  o->grid_rows, o->grid_cols);
    if ((o->layer || o->grid_rows || o->sound_begins) && model->arch->clip)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes clips: layer, grid and sound_begins are for networks of pictures and sounds",
                  model->arch->name);
    if (o->layer && (!*o->layer || strpbrk(o->layer, ", ")))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: layer is \"%s\", want the name of one", o->layer);
    if (!o->layer && o->grid_rows)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: a grid of %dx%d without a layer", o->grid_rows, o->grid_cols);
    if (o->layer && o->what != AVSOUND_SCAN_EMBED_IMAGE && o->what != AVSOUND_SCAN_EMBED_AUDIO)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: what is %#x, want AVSOUND_SCAN_EMBED_IMAGE or _AUDIO alone for layer %s",
                  (unsigned)o->what, o->layer);
    return AVSOUND_OK;
}

static bool needs_sound(int32_t what)
{
    return (what & (AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP)) != 0;
}

static bool wants(const avsound_scan *scan, int which)
{
    static const int32_t asked_by[OUT_COUNT] = {AVSOUND_SCAN_EMBED_IMAGE, AVSOUND_SCAN_EMBED_AUDIO,
                                                AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP, AVSOUND_SCAN_MAP};
    return (scan->options.what & asked_by[which]) != 0;
}

static const char *name_of(const avsound_scan *scan, int which)
{
    return scan->options.layer ? scan->options.layer : output_names[which];
}

/* A layer must depend on what is embedded and on nothing else, and have the cells for its grid. */
static avsound_status check_depends(const avsound_scan *scan, const avsn_shape *shape, int32_t output)
{
    const avsound_scan_options *o = &scan->options;
    const avsn_plan *plan = scan->sessions[0]->plan;
    const bool audio = o->what == AVSOUND_SCAN_EMBED_AUDIO;
    bool seen = false;
    for (int32_t i = 0; o->layer && i < avsn_plan_input_count(plan); i++) {
        const char *input = avsn_plan_input_name(plan, i);
        const bool depends = avsn_plan_input_outputs(plan, i) >> output & 1, fits = !strcmp(input, "spectrogram") == audio;
        if (depends && !fits)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "layer %s depends on the %s", o->layer, input);
        seen = seen || depends;
    }
    if (o->layer && !seen)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "layer %s does not depend on the %s", o->layer, audio ? "sound" : "picture");
    char text[AVSN_SHAPE_TEXT];
    if (o->grid_rows && (shape->rank != 4 || o->grid_rows > shape->dim[2] || o->grid_cols > shape->dim[3]))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "layer %s is %s, which makes no grid of %dx%d", o->layer,
                  avsn_shape_text(shape, text), o->grid_rows, o->grid_cols);
    return AVSOUND_OK;
}

/* No layer's map has as many numbers as 31 bits count: the context bounds pictures, the configuration spectrograms. */
static int32_t dimension_of(const avsound_scan *scan, const avsn_shape *shape)
{
    const avsound_scan_options *o = &scan->options;
    return o->grid_rows ? (int32_t)shape->dim[1] * o->grid_rows * o->grid_cols : (int32_t)avsn_embedding_size(shape);
}

static avsound_status make_sessions(avsound_scan *scan)
{
    char outputs[256] = "";
    size_t used = 0;
    for (int i = 0; i < OUT_COUNT; i++)
        if (wants(scan, i))
            used += (size_t)snprintf(outputs + used, sizeof outputs - used, "%s%s", used ? "," : "", name_of(scan, i));
    avsound_session_options o = {.struct_size = sizeof o, .threads = 1, .precision = scan->options.precision,
                                 .outputs = outputs};
    if (scan->options.what & AVSOUND_SCAN_MAP)
        avsn_image_map_size(&scan->model->config.image, scan->recording.info.width, scan->recording.info.height, &o.width, &o.height);
    if (!*outputs)
        o.outputs = "score"; /* frames alone: the sessions are never run */
    scan->sessions = avsn_alloc_zeroed(scan->context, (size_t)scan->workers, sizeof(avsound_session *));
    if (!scan->sessions)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < scan->workers; i++)
        AVSN_TRY(avsn_session_create(scan->model, &o, scan->dense ? avsn_dense_layer : NULL, &scan->sessions[i]));
    const avsound_session *session = scan->sessions[0];
    for (int i = 0; i < OUT_COUNT; i++) {
        scan->output[i] = wants(scan, i) ? avsn_session_output(session, name_of(scan, i)) : -1;
        if (scan->output[i] < 0)
            continue;
        const avsn_shape *shape = avsn_plan_output_shape(session->plan, scan->output[i]);
        scan->output_mask |= (uint64_t)1 << scan->output[i];
        AVSN_TRY(check_depends(scan, shape, scan->output[i]));
        if (i == OUT_EMBED_IMAGE || i == OUT_EMBED_AUDIO)
            scan->dimension = dimension_of(scan, shape);
        if (i == OUT_MAP) {
            scan->rows = (int32_t)shape->dim[2];
            scan->cols = (int32_t)shape->dim[3];
        }
    }
    return AVSOUND_OK;
}

static avsound_status alloc_floats(avsound_scan *scan, bool wanted, size_t count, float **out)
{
    if (!wanted)
        return AVSOUND_OK;
    *out = avsn_alloc_zeroed(scan->context, count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_jobs(avsound_scan *scan)
{
    const avsn_audio_frontend *f = &scan->model->config.audio;
    const size_t input = scan->dense ? (size_t)avsn_dense_dimension(scan->dense)
                                     : (size_t)avsn_audio_frontend_bins(f) * (size_t)f->columns;
    const size_t pixels = (size_t)scan->model->config.image.width * (size_t)scan->model->config.image.height;
    const size_t around = (size_t)scan->model->arch->around, frames = scan->strip ? 2 * around + 1 : 0;
    const bool flow = scan->strip && scan->model->arch->flow;
    scan->job_count = 2 * scan->workers + 2;
    scan->jobs = avsn_alloc_zeroed(scan->context, (size_t)scan->job_count, sizeof *scan->jobs);
    if (!scan->jobs)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < scan->job_count; i++) {
        job *j = &scan->jobs[i];
        j->scan = scan;
        j->pictures = frames ? avsn_alloc(scan->context, frames * pixels, 3) : NULL;
        if (frames && !j->pictures)
            return AVSOUND_E_NO_MEMORY;
        AVSN_TRY(alloc_floats(scan, flow, 4 * around * pixels, &j->flow));
        AVSN_TRY(alloc_floats(scan, scan->needs_sound, input, &j->sound));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_EMBED_IMAGE), (size_t)scan->dimension, &j->embedding_image));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_EMBED_AUDIO), (size_t)scan->dimension, &j->embedding_audio));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_MAP), (size_t)scan->rows * (size_t)scan->cols, &j->map));
    }
    return AVSOUND_OK;
}

/* Half of what the network hears at once. */
static int64_t half_us(const avsn_audio_frontend *f)
{
    return llround(5e5 * avsn_audio_frontend_samples(f) / f->sample_rate);
}

static int64_t block_of(const avsn_feed *feed)
{
    return feed ? AVSN_DENSE_FEED : AVSN_DENSE_FILE;
}

static avsound_status open_recording(avsound_scan *scan, const avsound_source *source, avsn_feed *feed)
{
    const bool dense = scan->options.dense && scan->needs_sound;
    const int64_t lead_us = dense ? (int64_t)ceil(avsn_dense_lead(scan->model) * 1e6) : 0;
    const int64_t around_us = (int64_t)scan->model->arch->around * AVSN_STRIP_US;
    const avsn_recording_options options = {
        .source = source,
        .feed = feed,
        .frames = scan->needs_frames,
        .sound = scan->needs_sound,
        .sound_source = scan->options.audio_source,
        .start_us = AVSN_MAX(scan->options.start_us - AVSN_MAX(lead_us, around_us), (int64_t)0),
        .columns = dense ? avsn_dense_columns(scan->model, block_of(feed)) : 0,
    };
    return avsn_recording_open(&scan->recording, scan->context, &scan->model->config.audio, &options);
}

static avsound_status make_dense(avsound_scan *scan, const avsn_feed *feed)
{
    avsn_dense_options o = {.block = block_of(feed), .threads = scan->workers,
                            .halves = avsn_dense_halves(scan->model, scan->options.hop_seconds)};
    if (!scan->options.dense || !scan->needs_sound)
        return AVSOUND_OK;
    AVSN_TRY(avsn_choose_compute(scan->options.precision, &o.compute));
    return avsn_dense_create(scan->model, &scan->recording, &o, &scan->dense);
}

static avsound_status scan_init(avsound_scan *scan, const avsound_source *source, avsn_feed *feed)
{
    const int32_t what = scan->options.what;
    if (scan->model->arch->clip)
        return avsn_clip_scan_create(scan->model, source, feed, &scan->options, &scan->clip);
    scan->needs_frames = (what & ~AVSOUND_SCAN_EMBED_AUDIO) != 0;
    scan->needs_sound = needs_sound(what);
    if (scan->options.sound_begins)
        scan->sound_ahead_us = half_us(&scan->model->config.audio);
    scan->workers = scan->options.threads ? scan->options.threads : avsn_cpu_count();
    AVSN_TRY(open_recording(scan, source, feed));
    AVSN_TRY(make_dense(scan, feed));
    const bool alone = scan->dense && !scan->needs_frames;
    if (alone) /* what is left costs less than handing it to a worker */
        scan->workers = 1;
    if (scan->needs_frames && scan->model->arch->around)
        AVSN_TRY(avsn_strip_create(scan->model, &scan->strip));
    AVSN_TRY(make_sessions(scan));
    AVSN_TRY(make_jobs(scan));
    return alone ? AVSOUND_OK : avsn_pool_create(scan->context, scan->workers, (size_t)scan->job_count, run_job, scan, &scan->pool);
}

avsound_status avsn_scan_check(const avsound_model *model, const avsound_scan_options *theirs, avsound_scan_options *options)
{
    AVSN_TRY(avsn_options_read(options, sizeof *options, theirs, SCAN_OPTIONS_LEAST, "scan options"));
    AVSN_TRY(check_options(options));
    AVSN_TRY(check_layer(model, options));
    AVSN_TRY(check_what(model, options->what));
    return options->dense ? avsn_dense_check(model) : AVSOUND_OK;
}

/* The network hears half of its stretch, to the end of the last column's window; a column begins within half a hop of where it
 * should; what it shares with other windows is computed in blocks. What is on screen is known when the next frame comes, and which
 * frame is nearest to a time; those around a picture are around the nearest multiple of 0.04 s. */
double avsn_scan_latency(const avsound_model *model, const avsound_scan_options *options)
{
    const avsn_audio_frontend *f = &model->config.audio;
    if (model->arch->clip)
        return avsn_clip_scan_latency(model, options);
    const double halves = options->sound_begins ? 2 : 1, dense = options->dense ? avsn_dense_lag(model, AVSN_DENSE_FEED) : 0;
    const double sound =
        needs_sound(options->what) ? (halves * avsn_audio_frontend_samples(f) / 2 + f->window + f->hop) / f->sample_rate + dense : 0;
    const double frames = model->arch->around ? (model->arch->around + 1) * AVSN_STRIP_US * 1e-6 : 0;
    return AVSN_MAX(sound, frames);
}

avsound_status avsn_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                const avsound_scan_options *options, avsound_scan **out)
{
    *out = NULL;
    avsound_scan *scan = avsn_alloc_zeroed(model->context, 1, sizeof *scan);
    if (!scan)
        return AVSOUND_E_NO_MEMORY;
    scan->context = avsn_context_ref(model->context);
    scan->model = avsn_model_ref(model);
    scan->options = *options;
    pthread_mutex_init(&scan->mutex, NULL);
    pthread_cond_init(&scan->job_done, NULL);
    atomic_init(&scan->cancel, 0);
    const avsound_status status = scan_init(scan, source, feed);
    scan->options.audio_path = scan->options.layer = NULL, scan->options.audio_source = NULL; /* the caller's */
    if (status) {
        avsound_scan_free(scan);
        return status;
    }
    *out = scan;
    return AVSOUND_OK;
}

static avsound_status create(avsound_model *model, const avsound_source *source, const char *named,
                             const avsound_scan_options *options, avsound_scan **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model || !source || !options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !model ? "model" : !source ? named : "options");
    avsound_scan_options o;
    AVSN_TRY(avsn_scan_check(model, options, &o));
    const avsound_source other = avsn_path_source(o.audio_path);
    if (o.audio_path)
        o.audio_source = &other;
    return avsn_scan_create(model, source, NULL, &o, out);
}

avsound_status avsound_scan_create(avsound_model *model, const char *path, const avsound_scan_options *options,
                                   avsound_scan **out)
{
    const avsound_source source = avsn_path_source(path);
    return create(model, path ? &source : NULL, "path", options, out);
}

avsound_status avsound_scan_create_source(avsound_model *model, const avsound_source *source,
                                          const avsound_scan_options *options, avsound_scan **out)
{
    return create(model, source, "source", options, out);
}

void avsound_scan_free(avsound_scan *scan)
{
    if (!scan)
        return;
    avsound_context *context = scan->context;
    avsound_scan_cancel(scan);
    avsn_pool_free(scan->pool);
    avsn_clip_scan_free(scan->clip);
    avsn_strip_free(scan->strip);
    for (int32_t i = 0; scan->sessions && i < scan->workers; i++)
        avsound_session_free(scan->sessions[i]);
    for (int32_t i = 0; scan->jobs && i < scan->job_count; i++) {
        job *j = &scan->jobs[i];
        avsn_free(context, j->frame.bytes);
        avsn_free(context, j->pictures);
        avsn_free(context, j->flow);
        avsn_free(context, j->sound);
        avsn_free(context, j->embedding_image);
        avsn_free(context, j->embedding_audio);
        avsn_free(context, j->map);
    }
    avsn_free(context, scan->jobs);
    avsn_dense_free(scan->dense);
    avsn_free(context, scan->sessions);
    avsn_recording_close(&scan->recording);
    pthread_cond_destroy(&scan->job_done);
    pthread_mutex_destroy(&scan->mutex);
    avsound_model_free(scan->model);
    avsn_free(context, scan);
    avsound_context_free(context);
}

/* ---- asking ---- */

static const avsound_media_info *info_of(const avsound_scan *scan)
{
    return scan->clip ? scan->clip->info(scan->clip) : &scan->recording.info;
}

avsound_status avsound_scan_get_info(const avsound_scan *scan, avsound_media_info *info)
{
    if (!scan)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan is NULL");
    return avsn_struct_write(info, info_of(scan), sizeof *info, "info");
}

int64_t avsound_scan_expected(const avsound_scan *scan)
{
    if (!scan)
        return -1;
    const avsound_media_info *info = info_of(scan);
    const bool sees = scan->needs_frames || scan->clip;
    if (sees && info->still)
        return 1;
    int64_t duration = sees ? info->video_duration_us : info->audio_duration_us;
    if (duration < 0)
        duration = info->duration_us;
    if (duration < 0)
        return -1;
    duration = AVSN_MAX(duration - scan->options.start_us, 0);
    if (scan->options.duration_us)
        duration = AVSN_MIN(duration, scan->options.duration_us);
    if (scan->clip && !(scan->options.what & AVSOUND_SCAN_MAP))
        return scan->clip->windows(scan->clip, duration);
    double hop = scan->options.hop_seconds;
    if (hop <= 0 && sees && !scan->strip) {
        if (info->rate_num <= 0)
            return -1;
        hop = (double)info->rate_den / info->rate_num;
    } else if (hop <= 0) {
        hop = NO_FRAME_HOP_SECONDS;
    }
    return (int64_t)ceil((double)duration * 1e-6 / hop - 1e-6);
}

avsound_status avsound_scan_get_times(const avsound_scan *scan, avsound_scan_times *times)
{
    if (!scan)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan is NULL");
    avsound_scan_times t = {.decode = scan->recording.decode_seconds,
                            .spectrogram = scan->recording.spectrogram_seconds, .prepare = scan->prepare,
                            .network = scan->network, .wait = scan->wait};
    if (scan->dense)
        t.network += avsn_dense_seconds(scan->dense);
    if (scan->clip)
        t = (avsound_scan_times){.decode = scan->clip->decode_seconds(scan->clip) + scan->clip->shown.decode_seconds,
                                 .prepare = scan->clip->prepare, .network = scan->clip->network};
    return avsn_struct_write(times, &t, sizeof t, "times");
}

void avsound_scan_cancel(avsound_scan *scan)
{
    if (!scan)
        return;
    atomic_store(&scan->cancel, 1);
    if (scan->clip)
        scan->clip->cancel(scan->clip);
    for (int32_t i = 0; scan->sessions && i < scan->workers; i++)
        avsound_session_cancel(scan->sessions[i]);
}
