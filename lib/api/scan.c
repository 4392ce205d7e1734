/* Walking a recording. The caller's thread decodes and computes spectrogram columns, each once; worker threads with one-thread
 * sessions scale pictures and run the network; results come out in order. A ring of jobs bounds the memory. */
#include <avsound/tasks.h>

#include "api/session.h"
#include "base/cpu.h"
#include "base/threads.h"
#include "dsp/image.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define SCAN_OPTIONS_LEAST ((uint32_t)sizeof(avsound_scan_options))
#define NO_FRAME_HOP_SECONDS 0.04

/* A frame copied out of the decoder. */
typedef struct kept_frame {
    avsound_frame view;
    uint8_t *bytes;
    size_t capacity;
} kept_frame;

typedef struct job {
    avsound_scan *scan;
    int32_t index;
    int64_t time_us;
    kept_frame frame;
    float *spectrogram; /* [bins][columns] */
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
    avsound_media_info info;
    bool needs_frames, needs_sound;
    int32_t workers;
    avsound_session **sessions;
    int32_t output[OUT_COUNT]; /* of the sessions; -1: not wanted */
    uint64_t output_mask;
    int32_t dimension, rows, cols;
    avsn_pool *pool;
    job *jobs; /* ring */
    int32_t job_count;
    int64_t submitted, delivered; /* counts; the last delivered job stays the caller's until the next call */
    bool exhausted;               /* no more jobs to come */
    avsound_status end_status;    /* why: AVSOUND_E_END or an error */
    char end_detail[512];

    avsound_media *video;
    kept_frame ahead; /* the next frame, read before its time */
    bool ahead_valid, video_ended;
    kept_frame shown; /* with a hop: the frame on screen */
    bool shown_valid;

    avsound_media *audio;
    bool audio_repeats, audio_started, audio_ended;
    const float *pending; /* samples decoded, not yet pushed */
    int64_t pending_count, pushed;
    int64_t first_sample; /* number of the first one pushed */
    avsn_track *track;

    pthread_mutex_t mutex;
    pthread_cond_t job_done;
    double decode, spectrogram, prepare, network, wait;
    atomic_int cancel;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- frames ---- */

static void plane_size(const avsound_frame *frame, int plane, size_t *row_bytes, size_t *rows)
{
    const size_t w = (size_t)frame->width, h = (size_t)frame->height;
    const size_t half_w = (w + 1) / 2, half_h = (h + 1) / 2;
    *rows = 0;
    *row_bytes = 0;
    switch (frame->format) {
    case AVSOUND_PIXEL_RGB24:
    case AVSOUND_PIXEL_BGR24:
        *row_bytes = 3 * w;
        *rows = plane ? 0 : h;
        break;
    case AVSOUND_PIXEL_RGBA:
    case AVSOUND_PIXEL_BGRA:
        *row_bytes = 4 * w;
        *rows = plane ? 0 : h;
        break;
    case AVSOUND_PIXEL_GRAY8:
        *row_bytes = w;
        *rows = plane ? 0 : h;
        break;
    case AVSOUND_PIXEL_YUYV422:
        *row_bytes = 4 * half_w;
        *rows = plane ? 0 : h;
        break;
    case AVSOUND_PIXEL_NV12:
        *row_bytes = plane ? 2 * half_w : w;
        *rows = plane > 1 ? 0 : plane ? half_h : h;
        break;
    case AVSOUND_PIXEL_YUV420P:
        *row_bytes = plane ? half_w : w;
        *rows = plane > 2 ? 0 : plane ? half_h : h;
        break;
    case AVSOUND_PIXEL_YUV422P:
        *row_bytes = plane ? half_w : w;
        *rows = plane > 2 ? 0 : h;
        break;
    default:
        *row_bytes = w;
        *rows = plane > 2 ? 0 : h;
        break;
    }
}

static avsound_status keep_frame(avsound_context *context, const avsound_frame *frame, kept_frame *out)
{
    size_t total = 0, row_bytes, rows;
    for (int p = 0; p < 4; p++) {
        plane_size(frame, p, &row_bytes, &rows);
        total += (row_bytes + AVSN_ALIGNMENT) / AVSN_ALIGNMENT * AVSN_ALIGNMENT * rows;
    }
    AVSN_TRY(avsn_grow(context, (void **)&out->bytes, 1, 0, total, &out->capacity));
    out->view = *frame;
    uint8_t *to = out->bytes;
    for (int p = 0; p < 4; p++) {
        plane_size(frame, p, &row_bytes, &rows);
        const size_t stride = (row_bytes + AVSN_ALIGNMENT) / AVSN_ALIGNMENT * AVSN_ALIGNMENT;
        out->view.data[p] = rows ? to : NULL;
        out->view.stride[p] = rows ? (int32_t)stride : 0;
        for (size_t y = 0; y < rows; y++, to += stride)
            memcpy(to, frame->data[p] + (ptrdiff_t)y * frame->stride[p], row_bytes);
    }
    return AVSOUND_OK;
}

static void swap_frames(kept_frame *a, kept_frame *b)
{
    const kept_frame c = *a;
    *a = *b;
    *b = c;
}

static avsound_status read_ahead(avsound_scan *scan)
{
    if (scan->ahead_valid || scan->video_ended)
        return AVSOUND_OK;
    const double before = seconds();
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_status status = avsn_media_read_frame(scan->video, &frame);
    if (!status)
        status = keep_frame(scan->context, &frame, &scan->ahead);
    scan->decode += seconds() - before;
    scan->ahead_valid = !status;
    if (status == AVSOUND_E_END) {
        scan->video_ended = true;
        return AVSOUND_OK;
    }
    return status;
}

static int64_t end_us(const avsound_scan *scan)
{
    return scan->options.duration_us ? scan->options.start_us + scan->options.duration_us : INT64_MAX;
}

/* The next frame of the file. */
static avsound_status every_frame(avsound_scan *scan, job *j)
{
    do {
        scan->ahead_valid = false;
        AVSN_TRY(read_ahead(scan));
    } while (scan->ahead_valid && scan->ahead.view.time_us < scan->options.start_us);
    if (!scan->ahead_valid || scan->ahead.view.time_us >= end_us(scan))
        return avsn_fail(AVSOUND_E_END, "no more frames");
    swap_frames(&j->frame, &scan->ahead);
    j->time_us = j->frame.view.time_us;
    return AVSOUND_OK;
}

/* The frame on screen at the job's time. The last one stays for as long as a frame lasts. */
static avsound_status frame_at(avsound_scan *scan, job *j)
{
    for (;;) {
        AVSN_TRY(read_ahead(scan));
        if (!scan->ahead_valid || (scan->ahead.view.time_us > j->time_us && scan->shown_valid))
            break;
        swap_frames(&scan->shown, &scan->ahead);
        scan->shown_valid = true;
        scan->ahead_valid = false;
    }
    const avsound_media_info *info = &scan->info;
    const int64_t lasts = info->rate_num > 0 ? (int64_t)1000000 * info->rate_den / info->rate_num : 40000;
    if (!scan->shown_valid || (!scan->ahead_valid && j->time_us >= scan->shown.view.time_us + lasts))
        return avsn_fail(AVSOUND_E_END, "no more frames");
    return keep_frame(scan->context, &scan->shown.view, &j->frame);
}

/* ---- sound ---- */

static avsound_status read_sound(avsound_scan *scan)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    const double before = seconds();
    avsound_status status = avsn_media_read_audio(scan->audio, &audio);
    if (status == AVSOUND_E_END && scan->audio_repeats && scan->pushed) {
        status = avsn_media_seek(scan->audio, 0);
        if (!status)
            status = avsn_media_read_audio(scan->audio, &audio);
    }
    scan->decode += seconds() - before;
    if (status == AVSOUND_E_END) {
        scan->audio_ended = true;
        avsn_track_finish(scan->track);
        return AVSOUND_OK;
    }
    AVSN_TRY(status);
    if (!scan->audio_started) {
        const int64_t rate = scan->model->config.audio.sample_rate;
        scan->first_sample = llround((double)audio.time_us * 1e-6 * (double)rate);
        avsn_track_reset(scan->track, scan->first_sample);
        scan->audio_started = true;
    }
    scan->pending = audio.data;
    scan->pending_count = audio.frames;
    return AVSOUND_OK;
}

/* Small pieces, so that the columns of one input are never pushed out of the track by what follows them. */
static avsound_status push_piece(avsound_scan *scan)
{
    const int64_t piece = AVSN_MIN(scan->pending_count, (int64_t)4096);
    const double before = seconds();
    const avsound_status status = avsn_track_push(scan->track, scan->pending, piece);
    scan->spectrogram += seconds() - before;
    scan->pending += piece;
    scan->pending_count -= piece;
    scan->pushed += piece;
    return status;
}

static avsound_status sound_at(avsound_scan *scan, job *j)
{
    const avsn_audio_frontend *f = &scan->model->config.audio;
    const int64_t column = avsn_track_column_at(f, j->time_us);
    while (avsn_track_end(scan->track) < column + f->columns)
        AVSN_TRY(scan->pending_count ? push_piece(scan) : read_sound(scan));
    const double before = seconds();
    AVSN_TRY(avsn_track_rms(scan->track, column, &j->rms));
    const avsound_status status = avsn_track_input(scan->track, column, j->spectrogram);
    scan->spectrogram += seconds() - before;
    return status;
}

/* Without frames the sound says where the recording ends. */
static bool past_the_sound(const avsound_scan *scan, int64_t time_us)
{
    const avsn_audio_frontend *f = &scan->model->config.audio;
    if (scan->needs_frames || !scan->audio_ended || scan->pending_count)
        return false;
    return (double)time_us * 1e-6 * f->sample_rate >= (double)(scan->first_sample + scan->pushed);
}

/* ---- jobs ---- */

static int64_t grid_time(const avsound_scan *scan, int64_t index)
{
    double hop = scan->options.hop_seconds;
    if (hop <= 0)
        hop = NO_FRAME_HOP_SECONDS;
    const double first = ceil((double)scan->options.start_us * 1e-6 / hop - 1e-9);
    return llround((first + (double)index) * hop * 1e6);
}

static avsound_status fill_job(avsound_scan *scan, job *j)
{
    const bool grid = scan->options.hop_seconds > 0 || !scan->needs_frames;
    j->index = (int32_t)scan->submitted;
    if (grid) {
        j->time_us = grid_time(scan, scan->submitted);
        if (j->time_us >= end_us(scan))
            return avsn_fail(AVSOUND_E_END, "no more results");
    }
    if (scan->needs_frames)
        AVSN_TRY(grid ? frame_at(scan, j) : every_frame(scan, j));
    if (scan->needs_sound) {
        AVSN_TRY(sound_at(scan, j));
        if (past_the_sound(scan, j->time_us))
            return avsn_fail(AVSOUND_E_END, "no more sound");
    }
    return AVSOUND_OK;
}

static void copy_output(const avsound_scan *scan, const avsound_session *session, int which, float *to)
{
    const int32_t output = scan->output[which];
    int64_t count = 0;
    if (output < 0)
        return;
    avsn_shape_count(avsn_plan_output_shape(session->plan, output), &count);
    memcpy(to, avsn_plan_output_data(session->plan, output), (size_t)count * sizeof *to);
}

static avsound_status compute(avsound_scan *scan, job *j, avsound_session *session, double *prepare, double *network)
{
    const double start = seconds();
    const bool sees = scan->needs_frames && avsn_session_input_index(session, "image") >= 0;
    if (sees && scan->options.what & ~AVSOUND_SCAN_FRAME)
        AVSN_TRY(avsn_session_set_frame(session, 0, &j->frame.view,
                                        scan->options.what & AVSOUND_SCAN_MAP ? AVSN_WHOLE : AVSN_CENTRE, &j->contrast));
    if (scan->needs_sound)
        avsn_session_set_spectrogram(session, 0, j->spectrogram);
    const double prepared = seconds();
    *prepare = prepared - start;
    if (scan->output_mask)
        AVSN_TRY(avsn_session_run(session, scan->output_mask));
    *network = seconds() - prepared;
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

/* Keeps the ring full; the job that the caller still looks at is left alone. */
static void submit_jobs(avsound_scan *scan)
{
    while (!scan->exhausted && scan->submitted - scan->delivered < scan->job_count - 1) {
        job *j = &scan->jobs[scan->submitted % scan->job_count];
        const avsound_status status = fill_job(scan, j);
        if (status) {
            end_scan(scan, status);
            return;
        }
        j->done = false;
        j->status = AVSOUND_OK;
        scan->submitted++;
        avsn_pool_submit(scan->pool, j);
    }
}

static void await(avsound_scan *scan, const job *j)
{
    const double before = seconds();
    pthread_mutex_lock(&scan->mutex);
    while (!j->done)
        pthread_cond_wait(&scan->job_done, &scan->mutex);
    pthread_mutex_unlock(&scan->mutex);
    scan->wait += seconds() - before;
}

avsound_status avsound_scan_next(avsound_scan *scan, avsound_scan_result *result)
{
    if (!scan || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", scan ? "result" : "scan");
    AVSN_TRY(avsn_struct_write(result, &(avsound_scan_result){0}, sizeof *result, "result"));
    if (atomic_load(&scan->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "scan cancelled after %lld results", (long long)scan->delivered);
    submit_jobs(scan);
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

/* ---- setting up ---- */

void avsound_scan_options_init(avsound_scan_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_options(const avsound_scan_options *o)
{
    const int32_t known = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP |
                          AVSOUND_SCAN_FRAME;
    if (!o->what || o->what & ~known)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: what is %#x, want AVSOUND_SCAN_ constants or-ed",
                  (unsigned)o->what);
    if (o->threads < 0 || o->threads > 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: threads is %d, want 0...256", o->threads);
    if (!(o->hop_seconds >= 0 && o->hop_seconds <= 86400) || (o->hop_seconds > 0 && o->hop_seconds < 1e-4))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: hop_seconds is %g, want 0 or 0.0001...86400", o->hop_seconds);
    if (o->start_us < 0 || o->duration_us < 0 || o->start_us > INT64_MAX / 4 || o->duration_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan options: start_us is %lld and duration_us %lld, want 0 or more",
                  (long long)o->start_us, (long long)o->duration_us);
    return AVSOUND_OK;
}

static avsound_status open_media(avsound_scan *scan, const char *path)
{
    const avsound_media_options o = {
        .struct_size = sizeof o,
        .audio_rate = scan->model->config.audio.sample_rate,
        .audio_channels = 1,
        .ignore_video = !scan->needs_frames,
        .ignore_audio = !scan->needs_sound || scan->options.audio_path,
    };
    AVSN_TRY(avsn_media_open(scan->context, path, &o, &scan->video));
    avsn_media_info(scan->video, &scan->info);
    if (scan->needs_frames && !scan->info.has_video)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no pictures, and what was asked for needs them", path);
    if (!scan->needs_sound)
        return AVSOUND_OK;
    if (!scan->options.audio_path) {
        if (!scan->info.has_audio)
            AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound, and what was asked for needs it; another file's sound can be given",
                      path);
        scan->audio = scan->video;
        return AVSOUND_OK;
    }
    avsound_media_options sound = o;
    sound.ignore_video = 1;
    sound.ignore_audio = 0;
    AVSN_TRY(avsn_media_open(scan->context, scan->options.audio_path, &sound, &scan->audio));
    avsound_media_info info;
    avsn_media_info(scan->audio, &info);
    if (!info.has_audio)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound", scan->options.audio_path);
    scan->audio_repeats = true;
    return AVSOUND_OK;
}

/* The columns of the first input reach back before its time. */
static avsound_status seek_to_start(avsound_scan *scan)
{
    if (!scan->options.start_us)
        return AVSOUND_OK;
    const avsn_audio_frontend *f = &scan->model->config.audio;
    const double reach = ((double)avsn_audio_frontend_samples(f) / 2 + f->window + f->hop) / f->sample_rate;
    const int64_t from = scan->needs_sound && !scan->audio_repeats
                             ? AVSN_MAX(scan->options.start_us - (int64_t)(reach * 1e6) - 1, 0)
                             : scan->options.start_us;
    return avsn_media_seek(scan->video, from);
}

static bool wants(const avsound_scan *scan, int which)
{
    static const int32_t asked_by[OUT_COUNT] = {AVSOUND_SCAN_EMBED_IMAGE, AVSOUND_SCAN_EMBED_AUDIO,
                                                AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP, AVSOUND_SCAN_MAP};
    return (scan->options.what & asked_by[which]) != 0;
}

static avsound_status make_sessions(avsound_scan *scan)
{
    char outputs[128] = "";
    for (int i = 0; i < OUT_COUNT; i++)
        if (wants(scan, i)) {
            strcat(outputs, *outputs ? "," : "");
            strcat(outputs, output_names[i]);
        }
    avsound_session_options o = {.struct_size = sizeof o, .threads = 1, .precision = scan->options.precision,
                                 .outputs = outputs};
    if (scan->options.what & AVSOUND_SCAN_MAP)
        avsn_image_map_size(&scan->model->config.image, scan->info.width, scan->info.height, &o.width, &o.height);
    if (!*outputs)
        o.outputs = "score"; /* frames alone: the sessions are never run */
    scan->sessions = avsn_alloc_zeroed(scan->context, (size_t)scan->workers, sizeof(avsound_session *));
    if (!scan->sessions)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < scan->workers; i++)
        AVSN_TRY(avsound_session_create(scan->model, &o, &scan->sessions[i]));
    const avsound_session *session = scan->sessions[0];
    for (int i = 0; i < OUT_COUNT; i++) {
        scan->output[i] = wants(scan, i) ? avsn_session_output(session, output_names[i]) : -1;
        if (scan->output[i] < 0)
            continue;
        const avsn_shape *shape = avsn_plan_output_shape(session->plan, scan->output[i]);
        scan->output_mask |= (uint64_t)1 << scan->output[i];
        if (i == OUT_EMBED_IMAGE || i == OUT_EMBED_AUDIO)
            scan->dimension = (int32_t)shape->dim[1];
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
    const size_t input = (size_t)avsn_audio_frontend_bins(f) * (size_t)f->columns;
    scan->job_count = 2 * scan->workers + 2;
    scan->jobs = avsn_alloc_zeroed(scan->context, (size_t)scan->job_count, sizeof *scan->jobs);
    if (!scan->jobs)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < scan->job_count; i++) {
        job *j = &scan->jobs[i];
        j->scan = scan;
        AVSN_TRY(alloc_floats(scan, scan->needs_sound, input, &j->spectrogram));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_EMBED_IMAGE), (size_t)scan->dimension, &j->embedding_image));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_EMBED_AUDIO), (size_t)scan->dimension, &j->embedding_audio));
        AVSN_TRY(alloc_floats(scan, wants(scan, OUT_MAP), (size_t)scan->rows * (size_t)scan->cols, &j->map));
    }
    return AVSOUND_OK;
}

static avsound_status scan_init(avsound_scan *scan, const char *path)
{
    const int32_t what = scan->options.what;
    scan->needs_frames = (what & ~AVSOUND_SCAN_EMBED_AUDIO) != 0;
    scan->needs_sound = (what & (AVSOUND_SCAN_EMBED_AUDIO | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP)) != 0;
    scan->workers = scan->options.threads ? scan->options.threads : avsn_cpu_count();
    if (what & AVSOUND_SCAN_MAP && !scan->model->arch->map)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s has no map: only avol-net says where a sound comes from",
                  scan->model->arch->name);
    AVSN_TRY(open_media(scan, path));
    AVSN_TRY(seek_to_start(scan));
    AVSN_TRY(make_sessions(scan));
    AVSN_TRY(make_jobs(scan));
    const avsn_audio_frontend *f = &scan->model->config.audio;
    if (scan->needs_sound)
        AVSN_TRY(avsn_track_create(scan->context, f, 2 * (int64_t)f->columns + 4096 / f->hop + 8, &scan->track));
    return avsn_pool_create(scan->context, scan->workers, (size_t)scan->job_count, run_job, scan, &scan->pool);
}

avsound_status avsound_scan_create(avsound_model *model, const char *path, const avsound_scan_options *options,
                                   avsound_scan **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model || !path || !options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !model ? "model" : !path ? "path" : "options");
    avsound_scan_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, SCAN_OPTIONS_LEAST, "scan options"));
    AVSN_TRY(check_options(&o));
    avsound_scan *scan = avsn_alloc_zeroed(model->context, 1, sizeof *scan);
    if (!scan)
        return AVSOUND_E_NO_MEMORY;
    scan->context = avsn_context_ref(model->context);
    scan->model = avsn_model_ref(model);
    scan->options = o;
    pthread_mutex_init(&scan->mutex, NULL);
    pthread_cond_init(&scan->job_done, NULL);
    atomic_init(&scan->cancel, 0);
    const avsound_status status = scan_init(scan, path);
    scan->options.audio_path = NULL; /* the caller's string */
    if (status) {
        avsound_scan_free(scan);
        return status;
    }
    *out = scan;
    return AVSOUND_OK;
}

void avsound_scan_free(avsound_scan *scan)
{
    if (!scan)
        return;
    avsound_context *context = scan->context;
    avsound_scan_cancel(scan);
    avsn_pool_free(scan->pool);
    for (int32_t i = 0; scan->sessions && i < scan->workers; i++)
        avsound_session_free(scan->sessions[i]);
    for (int32_t i = 0; scan->jobs && i < scan->job_count; i++) {
        job *j = &scan->jobs[i];
        avsn_free(context, j->frame.bytes);
        avsn_free(context, j->spectrogram);
        avsn_free(context, j->embedding_image);
        avsn_free(context, j->embedding_audio);
        avsn_free(context, j->map);
    }
    avsn_free(context, scan->jobs);
    avsn_free(context, scan->sessions);
    avsn_free(context, scan->ahead.bytes);
    avsn_free(context, scan->shown.bytes);
    avsn_track_free(scan->track);
    if (scan->audio != scan->video)
        avsn_media_free(scan->audio);
    avsn_media_free(scan->video);
    pthread_cond_destroy(&scan->job_done);
    pthread_mutex_destroy(&scan->mutex);
    avsound_model_free(scan->model);
    avsn_free(context, scan);
    avsound_context_free(context);
}

/* ---- asking ---- */

avsound_status avsound_scan_get_info(const avsound_scan *scan, avsound_media_info *info)
{
    if (!scan)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "scan is NULL");
    return avsn_struct_write(info, &scan->info, sizeof scan->info, "info");
}

int64_t avsound_scan_expected(const avsound_scan *scan)
{
    if (!scan)
        return -1;
    const avsound_media_info *info = &scan->info;
    if (scan->needs_frames && info->still)
        return 1;
    int64_t duration = scan->needs_frames ? info->video_duration_us : info->audio_duration_us;
    if (duration < 0)
        duration = info->duration_us;
    if (duration < 0)
        return -1;
    duration = AVSN_MAX(duration - scan->options.start_us, 0);
    if (scan->options.duration_us)
        duration = AVSN_MIN(duration, scan->options.duration_us);
    double hop = scan->options.hop_seconds;
    if (hop <= 0 && scan->needs_frames) {
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
    const avsound_scan_times t = {.decode = scan->decode, .spectrogram = scan->spectrogram, .prepare = scan->prepare,
                                  .network = scan->network, .wait = scan->wait};
    return avsn_struct_write(times, &t, sizeof t, "times");
}

void avsound_scan_cancel(avsound_scan *scan)
{
    if (!scan)
        return;
    atomic_store(&scan->cancel, 1);
    for (int32_t i = 0; scan->sessions && i < scan->workers; i++)
        avsound_session_cancel(scan->sessions[i]);
}
