/* The scan by networks that compare lags (sync-net): P(in time) is what their score of each lag, over a window around a picture,
 * gives the lags within a frame; and in each cell of the picture, how much better what moves there agrees with the sound of its
 * own time than with that before and behind it. A cell of something that moves at other times, or that is silent, is near 0. */
#include "api/clip_scan.h"
#include "api/session.h"
#include "api/towers.h"
#include "base/cpu.h"
#include "model/syncnet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELLS_SIDE = 8, /* cells along the shorter side: pictures are seen twice as large as those learned from */
    NEAR = 1        /* steps of sound to either side that count as the picture's own */
};

/* What was found of one picture. */
typedef struct row {
    bool heard;
    float motion, level;
    double *sum, *weight; /* [2 most + 1] of its scalar products with the sound at each lag */
    float *evidence;      /* [cells] */
} row;

typedef struct lag_scan {
    avsn_clip_scan base;
    avsn_towers towers;
    int32_t reach;         /* pictures of a window to either side of its middle */
    double *window;        /* [reach + 1] weights, from the middle outwards */
    row *rows;             /* [ring]: picture p at p mod ring */
    int64_t ring, begin, end; /* rows of pictures begin...end - 1 are there */
    double *sum, *weight;  /* of a window */
    float *own;            /* [dimension] what the sound of a picture's time has that others have not */
    float *lengths;        /* [cells] */
    float *cam, *ink;      /* [cells] of the result */
    avsound_status ended;  /* no rows follow, and why */
    char end_detail[512];
    atomic_int cancel;
} lag_scan;

static bool has_map(const lag_scan *s)
{
    return (s->base.options.what & AVSOUND_SCAN_MAP) != 0;
}

static int64_t cells_of(const lag_scan *s)
{
    return (int64_t)s->towers.rows * s->towers.cols;
}

static row *row_at(const lag_scan *s, int64_t picture)
{
    return &s->rows[picture % s->ring];
}

/* ---- rows ---- */

static void add_vector(const lag_scan *s, int64_t step, float *sum, int32_t *count)
{
    const float *vector = avsn_towers_sound(&s->towers, step);
    if (!vector)
        return;
    for (int64_t d = 0; d < s->towers.dimension; d++)
        sum[d] += vector[d];
    (*count)++;
}

/* The mean vector of the sound at a picture, less that around it. False where nothing is heard. */
static bool find_own(lag_scan *s, int64_t picture)
{
    const avsn_towers *t = &s->towers;
    const int64_t step = AVSN_SYNC_STEPS * picture;
    float *near = s->own, *all = s->own + t->dimension;
    int32_t near_count = 0, all_count = 0;
    memset(s->own, 0, 2 * (size_t)t->dimension * sizeof *s->own);
    for (int64_t j = step - NEAR; j <= step + NEAR; j++)
        add_vector(s, j, near, &near_count);
    for (int64_t j = step - t->most; j <= step + t->most; j++)
        add_vector(s, j, all, &all_count);
    for (int64_t d = 0; near_count && d < t->dimension; d++)
        near[d] = near[d] / (float)near_count - all[d] / (float)all_count;
    return near_count > 0;
}

/* The scalar product of each cell's vector, squashed as the network squashes the whole picture's, with `own`. */
static void weigh_cells(lag_scan *s, int64_t index, float *evidence)
{
    const avsn_towers *t = &s->towers;
    const int64_t cells = cells_of(s), plane = avsn_towers_block() * cells;
    const float *from = t->cells + index * cells;
    memset(evidence, 0, (size_t)cells * sizeof *evidence);
    memset(s->lengths, 0, (size_t)cells * sizeof *s->lengths);
    for (int64_t d = 0; d < t->dimension; d++, from += plane) {
        for (int64_t i = 0; i < cells; i++) {
            evidence[i] += from[i] * s->own[d];
            s->lengths[i] += from[i] * from[i];
        }
    }
    for (int64_t i = 0; i < cells; i++)
        evidence[i] /= sqrtf(1 + s->lengths[i]);
}

static void fill_row(lag_scan *s, int64_t index)
{
    const avsn_towers *t = &s->towers;
    const int64_t picture = t->picture + index;
    const size_t lags = 2 * (size_t)t->most + 1;
    row *r = row_at(s, picture);
    memset(r->sum, 0, lags * sizeof *r->sum);
    memset(r->weight, 0, lags * sizeof *r->weight);
    r->motion = t->motion[index];
    r->level = avsn_towers_level(t, AVSN_SYNC_STEPS * picture);
    avsn_towers_compare(t, picture, t->vectors + index * t->dimension, r->sum, r->weight);
    r->heard = has_map(s) && find_own(s, picture);
    if (r->heard)
        weigh_cells(s, index, r->evidence);
}

/* Rows up to picture `last`, so far as there are pictures. */
static avsound_status read_until(lag_scan *s, int64_t last)
{
    while (s->end <= last && !s->ended) {
        const double before = avsn_seconds();
        const avsound_status status = avsn_towers_next(&s->towers, &s->cancel);
        s->base.network += avsn_seconds() - before;
        if (status && status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
            return status;
        if (status) {
            s->ended = status;
            strncpy(s->end_detail, avsound_error_detail(), sizeof s->end_detail - 1);
            break;
        }
        if (!s->end)
            s->begin = s->towers.picture;
        for (int64_t i = 0; i < s->towers.count; i++)
            fill_row(s, i);
        s->end = s->towers.picture + s->towers.count;
        s->begin = AVSN_MAX(s->begin, s->end - s->ring);
    }
    if (!s->end)
        return avsn_fail(s->ended, "%s", s->end_detail);
    return AVSOUND_OK;
}

/* ---- a window ---- */

/* How likely it is that the lag is at most a frame, if any of them is as likely as another before anything is seen. */
static double probability_in_time(const lag_scan *s)
{
    const avsn_towers *t = &s->towers;
    double most = -1, near = 0, all = 0;
    for (int32_t l = 0; l <= 2 * t->most; l++)
        most = s->weight[l] > 0 ? fmax(most, s->sum[l] / s->weight[l]) : most;
    for (int32_t l = 0; l <= 2 * t->most; l++) {
        if (s->weight[l] <= 0)
            continue;
        const double p = exp(t->scale * (s->sum[l] / s->weight[l] - most));
        all += p;
        near += abs(l - t->most) <= AVSN_SYNC_STEPS ? p : 0;
    }
    return all > 0 ? near / all : 0;
}

static void add_row(lag_scan *s, const row *r, double weight)
{
    for (int32_t l = 0; l <= 2 * s->towers.most; l++) {
        s->sum[l] += weight * r->sum[l];
        s->weight[l] += weight * r->weight[l];
    }
    if (r->heard)
        for (int64_t i = 0; i < cells_of(s); i++)
            s->cam[i] += (float)weight * r->evidence[i];
}

/* What is drawn of a cell: 0 if it speaks for this time no more than for others, near 1 if it alone settles that it is this. */
static float ink_of(const lag_scan *s, float evidence)
{
    return evidence > 0 ? tanhf(0.5f * (float)s->towers.scale * evidence) : 0;
}

static void sum_window(lag_scan *s, int64_t picture, avsound_scan_result *r)
{
    const size_t lags = 2 * (size_t)s->towers.most + 1, cells = has_map(s) ? (size_t)cells_of(s) : 0;
    double weights = 0;
    float motion = 0;
    memset(s->sum, 0, lags * sizeof *s->sum);
    memset(s->weight, 0, lags * sizeof *s->weight);
    if (cells)
        memset(s->cam, 0, cells * sizeof *s->cam);
    const int64_t begin = AVSN_MAX(picture - s->reach, s->begin), end = AVSN_MIN(picture + s->reach + 1, s->end);
    for (int64_t p = begin; p < end; p++) {
        const double weight = s->window[llabs(p - picture)];
        add_row(s, row_at(s, p), weight);
        weights += weight;
        motion = fmaxf(motion, row_at(s, p)->motion);
    }
    for (size_t i = 0; i < cells; i++) {
        s->cam[i] /= (float)weights;
        s->ink[i] = ink_of(s, s->cam[i]);
    }
    r->probability = (float)probability_in_time(s);
    r->rms = row_at(s, AVSN_MIN(AVSN_MAX(picture, s->begin), s->end - 1))->level;
    r->confidence = avsn_clip_confidence(motion, r->rms) * (s->towers.padded ? 0.5f : 1);
    r->seen_us = llround((double)(end - begin) * s->towers.frame_ms * 1e3);
    r->padded = s->towers.padded;
}

/* ---- results ---- */

static avsound_status end_scan(const lag_scan *s)
{
    return avsn_fail(s->ended ? s->ended : AVSOUND_E_END, "%s", s->ended ? s->end_detail : "no more results");
}

static int64_t picture_at(const lag_scan *s, int64_t time_us)
{
    return AVSN_MAX(llround((double)(time_us - s->towers.reel.first_us) * 1e-3 / s->towers.frame_ms), 0LL);
}

/* The time of the next result of a scan that shows nothing: it ends with the pictures. */
static avsound_status next_time(lag_scan *s, int64_t *time_us)
{
    const avsound_scan_options *o = &s->base.options;
    const avsn_reel *reel = &s->towers.reel;
    *time_us = avsn_scan_grid_time(o, s->base.delivered);
    if (o->duration_us && *time_us >= o->start_us + o->duration_us)
        return avsn_fail(AVSOUND_E_END, "no more results");
    AVSN_TRY(read_until(s, picture_at(s, *time_us) + s->reach));
    const int64_t end_us = reel->first_us + llround((double)reel->pictures * s->towers.frame_ms * 1e3);
    return s->ended && *time_us >= end_us ? end_scan(s) : AVSOUND_OK;
}

static avsound_status next(avsn_clip_scan *base, avsound_scan_result *r)
{
    lag_scan *s = (lag_scan *)base;
    const bool shows = (base->options.what & (AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME)) != 0;
    int64_t time_us;
    *r = (avsound_scan_result){.index = (int32_t)base->delivered};
    if (shows) {
        AVSN_TRY(avsn_clip_scan_pick(base));
        time_us = base->picked_us;
        AVSN_TRY(read_until(s, picture_at(s, time_us) + s->reach));
    } else {
        AVSN_TRY(next_time(s, &time_us));
    }
    base->picked = false;
    r->time_us = time_us;
    const int64_t picture = AVSN_MIN(picture_at(s, time_us), s->end + s->reach - 1);
    sum_window(s, AVSN_MAX(picture, s->begin - s->reach), r);
    if (has_map(s)) {
        r->rows = s->towers.rows;
        r->cols = s->towers.cols;
        r->cam = s->cam;
        r->map = s->ink;
    }
    if (base->options.what & AVSOUND_SCAN_FRAME)
        r->frame = &base->frame.view;
    base->delivered++;
    return AVSOUND_OK;
}

/* ---- asking ---- */

static const avsound_media_info *info(const avsn_clip_scan *base)
{
    return &((const lag_scan *)base)->towers.reel.recording.info;
}

static int64_t windows(const avsn_clip_scan *base, int64_t duration_us)
{
    return (int64_t)ceil((double)duration_us * 1e-6 / base->options.hop_seconds - 1e-6);
}

static double decode_seconds(const avsn_clip_scan *base)
{
    return ((const lag_scan *)base)->towers.reel.recording.decode_seconds;
}

static void cancel(avsn_clip_scan *base)
{
    atomic_store(&((lag_scan *)base)->cancel, 1);
}

/* ---- life ---- */

/* A raised cosine, twice as long as what the network learned from and so as heavy as that. */
static int32_t reach_of(const avsn_model_config *config)
{
    return AVSN_MAX(config->clip.frames, 1);
}

static avsound_status take(lag_scan *s, int64_t count, size_t size, void *out)
{
    void *memory = avsn_alloc_zeroed(s->base.context, (size_t)count, size);
    memcpy(out, &memory, sizeof memory);
    return memory ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_rows(lag_scan *s)
{
    const int64_t lags = 2 * (int64_t)s->towers.most + 1, cells = cells_of(s);
    s->ring = 2 * (int64_t)s->reach + 1 + avsn_towers_block();
    AVSN_TRY(take(s, s->ring, sizeof *s->rows, &s->rows));
    for (int64_t i = 0; i < s->ring; i++) {
        row *r = &s->rows[i];
        AVSN_TRY(take(s, lags, sizeof *r->sum, &r->sum));
        AVSN_TRY(take(s, lags, sizeof *r->weight, &r->weight));
        if (has_map(s))
            AVSN_TRY(take(s, cells, sizeof *r->evidence, &r->evidence));
    }
    return AVSOUND_OK;
}

static avsound_status make_buffers(lag_scan *s)
{
    const int64_t lags = 2 * (int64_t)s->towers.most + 1, cells = cells_of(s);
    AVSN_TRY(take(s, s->reach + 1, sizeof *s->window, &s->window));
    for (int32_t i = 0; i <= s->reach; i++)
        s->window[i] = 0.5 + 0.5 * cos(acos(-1.0) * i / (s->reach + 1));
    AVSN_TRY(take(s, lags, sizeof *s->sum, &s->sum));
    AVSN_TRY(take(s, lags, sizeof *s->weight, &s->weight));
    AVSN_TRY(take(s, 2 * s->towers.dimension, sizeof *s->own, &s->own));
    if (!has_map(s))
        return AVSOUND_OK;
    AVSN_TRY(take(s, cells, sizeof *s->lengths, &s->lengths));
    AVSN_TRY(take(s, cells, sizeof *s->cam, &s->cam));
    return take(s, cells, sizeof *s->ink, &s->ink);
}

static int64_t around_us(const avsn_model_config *config)
{
    return llround((reach_of(config) + AVSN_SYNC_CONTEXT) * 1e6 / config->clip.frame_rate);
}

static avsound_status init(lag_scan *s, const avsound_source *source, avsn_feed *feed)
{
    avsound_scan_options *o = &s->base.options;
    const avsn_model_config *config = &s->base.model->config;
    const int64_t around = around_us(config), start = AVSN_MAX(o->start_us - around, (int64_t)0);
    avsn_towers_options towers = {
        .source = source, .feed = feed, .sound_source = o->audio_source,
        .range_seconds = (double)config->lags / config->clip.frame_rate,
        .start_us = start, .duration_us = o->duration_us ? o->start_us - start + o->duration_us + around : 0,
        .threads = o->threads ? o->threads : avsn_cpu_count(),
        .cell_side = o->what & AVSOUND_SCAN_MAP ? CELLS_SIDE * config->image.cell : 0};
    AVSN_TRY(avsn_choose_compute(o->precision, &towers.compute));
    AVSN_TRY(avsn_towers_open(&s->towers, s->base.model, &towers));
    AVSN_TRY(avsn_clip_scan_show(&s->base, source, feed));
    o->audio_path = NULL, o->audio_source = NULL; /* the caller's */
    if (!has_map(s) && o->hop_seconds <= 0)
        o->hop_seconds = s->towers.trained_s / 2;
    s->reach = reach_of(config);
    AVSN_TRY(make_buffers(s));
    return make_rows(s);
}

static void close(avsn_clip_scan *base)
{
    lag_scan *s = (lag_scan *)base;
    for (int64_t i = 0; s->rows && i < s->ring; i++) {
        avsn_free(base->context, s->rows[i].sum);
        avsn_free(base->context, s->rows[i].weight);
        avsn_free(base->context, s->rows[i].evidence);
    }
    avsn_free(base->context, s->rows);
    avsn_free(base->context, s->window);
    avsn_free(base->context, s->sum);
    avsn_free(base->context, s->weight);
    avsn_free(base->context, s->own);
    avsn_free(base->context, s->lengths);
    avsn_free(base->context, s->cam);
    avsn_free(base->context, s->ink);
    avsn_towers_close(&s->towers);
}

/* The last picture of a window may be the first of a block of them. */
double avsn_lag_scan_latency(const avsound_model *model, const avsound_scan_options *options)
{
    const avsn_model_config *config = &model->config;
    const double pictures = (double)(reach_of(config) + avsn_towers_block()) / config->clip.frame_rate;
    (void)options;
    return pictures + avsn_towers_latency(model, (double)config->lags / config->clip.frame_rate);
}

avsound_status avsn_lag_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                    const avsound_scan_options *options, avsn_clip_scan **out)
{
    *out = NULL;
    lag_scan *s = avsn_alloc_zeroed(model->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->base = (avsn_clip_scan){.context = model->context, .model = model, .options = *options, .next = next, .info = info,
                               .windows = windows, .decode_seconds = decode_seconds, .cancel = cancel, .close = close};
    atomic_init(&s->cancel, 0);
    const avsound_status status = init(s, source, feed);
    if (status)
        avsn_clip_scan_free(&s->base);
    else
        *out = &s->base;
    return status;
}
