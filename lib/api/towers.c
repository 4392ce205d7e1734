#include "api/towers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "dsp/image.h"
#include "model/syncnet.h"

enum {
    BLOCK = 32,                          /* vectors of pictures made at once */
    FRAMES = BLOCK + 2 * AVSN_SYNC_CONTEXT,
    COLUMNS = FRAMES * AVSN_SYNC_COLUMNS,
    STEPS = BLOCK * AVSN_SYNC_STEPS,     /* vectors of sound made at once */
    COLUMNS_A_STEP = AVSN_SYNC_COLUMNS / AVSN_SYNC_STEPS,
    BEFORE = AVSN_SYNC_CONTEXT * AVSN_SYNC_COLUMNS, /* columns that a step's vector reaches back */
    REACH = 2 * BEFORE + COLUMNS_A_STEP,            /* columns that it depends on */
    LEVELS_BEHIND = 32                   /* steps that levels lag behind vectors, as they reach further ahead */
};

typedef struct avsn_towers_state {
    avsn_audio_frontend audio; /* the model's, with COLUMNS of columns */
    avsn_plan *see, *hear, *see_cells;
    float *pictures, *whole, *spectrogram; /* their inputs: see, see_cells, hear */
    int32_t whole_width, whole_height;
    int32_t threads;
    int64_t pixels, whole_pixels;
    int64_t held;        /* pictures at the start of see's input, the first of which is number */
    int64_t first;
    float motion[FRAMES]; /* of those held */
    bool last;           /* no picture follows those held, and why: */
    avsound_status end;
    char end_detail[256];

    float *sound;        /* [ring][dimension]: step j at j mod ring */
    float *levels;       /* [ring] */
    int64_t ring;
    bool located;        /* where the sound begins is known: */
    int64_t begin, next; /* its first step, and the first that has no vector yet */
    int64_t measured;    /* the first that has no level yet */
} state;

/* ---- sound ---- */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static size_t slot_of(const state *s, int64_t step)
{
    return (size_t)(step - floor_divide(step, s->ring) * s->ring);
}

static float *sound_at(const avsn_towers *t, int64_t step)
{
    return t->state->sound + slot_of(t->state, step) * (size_t)t->dimension;
}

/* One past the last step with a whole vector, or whose own time is heard where the recording is too short for any. */
static int64_t end_step(const avsn_towers *t)
{
    const int64_t end = avsn_recording_end_sample(&t->reel.recording);
    if (end == INT64_MAX)
        return INT64_MAX;
    const int64_t columns = floor_divide(end, t->state->audio.hop);
    return t->padded ? floor_divide(columns, COLUMNS_A_STEP) : floor_divide(columns - REACH + BEFORE, COLUMNS_A_STEP) + 1;
}

/* No step is heard whose vector would reach to before the sound, nor any that is not asked for. */
static avsound_status locate(avsn_towers *t)
{
    state *s = t->state;
    int64_t sample;
    bool heard;
    AVSN_TRY(avsn_recording_first_sample(&t->reel.recording, &sample, &heard));
    const int64_t column = -floor_divide(-sample, s->audio.hop) + (t->padded ? 0 : BEFORE);
    s->begin = AVSN_MAX(-floor_divide(-column, COLUMNS_A_STEP), -(int64_t)t->most);
    if (!heard)
        s->begin = INT64_MAX / 2;
    s->next = s->begin;
    s->measured = s->begin - LEVELS_BEHIND;
    s->located = true;
    return AVSOUND_OK;
}

static avsound_status run(const state *s, avsn_plan *plan, const atomic_int *cancel)
{
    avsn_compute compute;
    avsn_compute_enter(&compute, s->threads);
    const avsound_status status = avsn_plan_run(plan, 1, cancel);
    avsn_compute_leave(&compute);
    return status;
}

/* A plan's vectors are [dimension][count]. */
static void take_vector(const avsn_plan *plan, int64_t index, int64_t dimension, float *to)
{
    const avsn_shape *shape = avsn_plan_output_shape(plan, 0);
    const float *from = avsn_plan_output_data(plan, 0) + index;
    for (int64_t d = 0; d < dimension; d++)
        to[d] = from[d * shape->dim[2]];
}

/* Of steps up to `end` - 1, whose columns are there still, and there already. */
static avsound_status measure_levels(avsn_towers *t, int64_t end)
{
    state *s = t->state;
    for (; s->measured < end; s->measured++) {
        const int64_t column = COLUMNS_A_STEP * s->measured + (COLUMNS_A_STEP - COLUMNS) / 2;
        AVSN_TRY(avsn_track_rms(t->reel.recording.track, column, &s->levels[slot_of(s, s->measured)]));
    }
    return AVSOUND_OK;
}

/* Makes vectors up to step `last`, so far as there is sound. */
static avsound_status hear_until(avsn_towers *t, int64_t last, const atomic_int *cancel)
{
    state *s = t->state;
    if (!s->located)
        AVSN_TRY(locate(t));
    while (s->next <= last && s->next < end_step(t)) {
        AVSN_TRY(avsn_recording_columns(&t->reel.recording, s->next * COLUMNS_A_STEP - BEFORE, COLUMNS, s->spectrogram));
        AVSN_TRY(measure_levels(t, s->next + STEPS - LEVELS_BEHIND));
        AVSN_TRY(run(s, s->hear, cancel));
        for (int64_t i = 0; i < STEPS; i++)
            take_vector(s->hear, i, t->dimension, sound_at(t, s->next + i));
        s->next += STEPS;
    }
    return AVSOUND_OK;
}

void avsn_towers_heard(const avsn_towers *t, int64_t *begin, int64_t *end)
{
    *begin = t->state->begin;
    *end = AVSN_MIN(t->state->next, end_step(t));
}

const float *avsn_towers_sound(const avsn_towers *t, int64_t step)
{
    int64_t begin, end;
    avsn_towers_heard(t, &begin, &end);
    return step >= begin && step < end ? sound_at(t, step) : NULL;
}

float avsn_towers_level(const avsn_towers *t, int64_t step)
{
    const state *s = t->state;
    return step >= s->begin - LEVELS_BEHIND && step < s->measured ? s->levels[slot_of(s, step)] : 0;
}

/* ---- pictures ---- */

/* Slots from...from + count - 1 of every channel, moved to `to`. */
static void move_planes(float *planes, int64_t pixels, int64_t to, int64_t from, int64_t count)
{
    for (int64_t c = 0; c < 3; c++)
        memmove(planes + (c * FRAMES + to) * pixels, planes + (c * FRAMES + from) * pixels,
                (size_t)(count * pixels) * sizeof(float));
}

static void move_pictures(state *s, int64_t to, int64_t from, int64_t count)
{
    move_planes(s->pictures, s->pixels, to, from, count);
    if (s->whole)
        move_planes(s->whole, s->whole_pixels, to, from, count);
    memmove(s->motion + to, s->motion + from, (size_t)count * sizeof *s->motion);
}

/* Damage is reported when all that came before it has been compared. */
static void end_pictures(state *s, avsound_status status)
{
    s->last = true;
    s->end = status;
    snprintf(s->end_detail, sizeof s->end_detail, "%s", avsound_error_detail());
}

static avsound_status fill_slot(avsn_towers *t)
{
    state *s = t->state;
    const float most = t->reel.motion;
    t->reel.motion = 0;
    const avsound_status status = avsn_reel_next(&t->reel, s->pictures + s->held * s->pixels, (size_t)(FRAMES * s->pixels));
    s->motion[s->held] = t->reel.motion;
    t->reel.motion = fmaxf(most, t->reel.motion);
    AVSN_TRY(status);
    if (s->whole)
        AVSN_TRY(avsn_reel_whole(&t->reel, s->whole_width, s->whole_height, s->whole + s->held * s->whole_pixels,
                                 (size_t)(FRAMES * s->whole_pixels)));
    s->held++;
    return AVSOUND_OK;
}

static avsound_status fill_pictures(avsn_towers *t)
{
    state *s = t->state;
    while (!s->last && s->held < FRAMES) {
        const avsound_status status = fill_slot(t);
        if (status && status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
            return status;
        if (status)
            end_pictures(s, status);
    }
    return AVSOUND_OK;
}

/* What is too short for a single vector stands between copies of its ends. */
static void pad_pictures(avsn_towers *t)
{
    state *s = t->state;
    const int64_t count = s->held;
    t->padded = true;
    move_pictures(s, AVSN_SYNC_CONTEXT, 0, count);
    for (int64_t k = 0; k < AVSN_SYNC_CONTEXT; k++) {
        move_pictures(s, k, AVSN_SYNC_CONTEXT, 1);
        move_pictures(s, AVSN_SYNC_CONTEXT + count + k, AVSN_SYNC_CONTEXT + count - 1, 1);
    }
    s->held = count + 2 * AVSN_SYNC_CONTEXT;
    s->first -= AVSN_SYNC_CONTEXT;
}

avsound_status avsn_towers_next(avsn_towers *t, const atomic_int *cancel)
{
    state *s = t->state;
    AVSN_TRY(fill_pictures(t));
    if (s->held && s->held <= 2 * AVSN_SYNC_CONTEXT && !s->first)
        pad_pictures(t);
    const int64_t count = s->held - 2 * AVSN_SYNC_CONTEXT, picture = s->first + AVSN_SYNC_CONTEXT;
    if (count <= 0)
        return avsn_fail(s->end, "%s", s->end_detail);
    const int64_t last = AVSN_SYNC_STEPS * (picture + count - 1) + t->most;
    AVSN_TRY(hear_until(t, last, cancel));
    if (s->next <= last && s->next > s->begin)
        AVSN_TRY(measure_levels(t, s->next + LEVELS_BEHIND));
    AVSN_TRY(run(s, s->see, cancel));
    if (s->see_cells)
        AVSN_TRY(run(s, s->see_cells, cancel));
    for (int64_t i = 0; i < count; i++)
        take_vector(s->see, i, t->dimension, t->vectors + i * t->dimension);
    memcpy(t->motion, s->motion + AVSN_SYNC_CONTEXT, (size_t)count * sizeof *t->motion);
    t->picture = picture;
    t->count = count;
    move_pictures(s, 0, count, s->held - count);
    s->held -= count;
    s->first += count;
    return AVSOUND_OK;
}

int64_t avsn_towers_block(void)
{
    return BLOCK;
}

/* ---- curves ---- */

static double product(const float *a, const float *b, int64_t count)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return (double)sum;
}

/* Steps that lags find for a picture. */
static void find_steps(const avsn_towers *t, int64_t picture, int64_t *begin, int64_t *end)
{
    const int64_t step = AVSN_SYNC_STEPS * picture;
    avsn_towers_heard(t, begin, end);
    *begin = AVSN_MAX(*begin, step - t->most);
    *end = AVSN_MIN(*end, step + t->most + 1);
}

bool avsn_towers_meet(const avsn_towers *t, int64_t picture)
{
    int64_t begin, end;
    find_steps(t, picture, &begin, &end);
    return begin < end;
}

void avsn_towers_compare(const avsn_towers *t, int64_t picture, const float *vector, double *sum, double *weight)
{
    int64_t begin, end;
    find_steps(t, picture, &begin, &end);
    for (int64_t j = begin; j < end; j++) {
        const int64_t lag = AVSN_SYNC_STEPS * picture - j + t->most;
        sum[lag] += product(vector, sound_at(t, j), t->dimension);
        weight[lag]++;
    }
}

/* ---- life ---- */

avsound_status avsn_towers_check(const avsound_model *model)
{
    if (!model->arch->lags)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s cannot tell by how much sound and picture are apart: sync-net can",
                  model->arch->name);
    return AVSOUND_OK;
}

static avsound_status plan(const avsn_towers *t, const avsound_model *model, const char *output, int32_t compute,
                           avsn_plan **out)
{
    const state *s = t->state;
    const avsn_plan_options options = {.threads = s->threads, .compute = compute, .wanted = {output}, .wanted_count = 1};
    avsn_model_shapes shapes = {.batch = 1, .frames = FRAMES, .columns = COLUMNS};
    if (!strcmp(output, "cells")) {
        shapes.cells = true;
        shapes.image_width = s->whole_width;
        shapes.image_height = s->whole_height;
    }
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &shapes, &graph));
    return avsn_plan_create(graph, &model->params, model->packed, &options, out);
}

void avsn_towers_close(avsn_towers *t)
{
    state *s = t->state;
    if (!t->context)
        return;
    if (s) {
        avsn_plan_free(s->see);
        avsn_plan_free(s->hear);
        avsn_plan_free(s->see_cells);
        avsn_free(t->context, s->sound);
        avsn_free(t->context, s->levels);
    }
    avsn_reel_close(&t->reel);
    avsn_free(t->context, t->vectors);
    avsn_free(t->context, t->motion);
    avsn_free(t->context, s);
}

/* The input of this name, zeros at first. */
static float *input_of(avsn_plan *plan, const char *name)
{
    int32_t i = 0;
    int64_t count = 0;
    while (strcmp(avsn_plan_input_name(plan, i), name))
        i++;
    avsn_shape_count(avsn_plan_input_shape(plan, i), &count);
    return memset(avsn_plan_input_data(plan, i), 0, (size_t)count * sizeof(float));
}

static avsound_status plan_cells(avsn_towers *t, const avsound_model *model, const avsn_towers_options *o)
{
    state *s = t->state;
    avsn_image_frontend image = model->config.image;
    image.width = image.height = o->cell_side;
    avsn_image_map_size(&image, t->reel.recording.info.width, t->reel.recording.info.height, &s->whole_width, &s->whole_height);
    s->whole_pixels = (int64_t)s->whole_width * s->whole_height;
    AVSN_TRY(plan(t, model, "cells", o->compute, &s->see_cells));
    s->whole = input_of(s->see_cells, "frames");
    t->cells = avsn_plan_output_data(s->see_cells, 0);
    t->rows = (int32_t)avsn_plan_output_shape(s->see_cells, 0)->dim[3];
    t->cols = (int32_t)avsn_plan_output_shape(s->see_cells, 0)->dim[4];
    return AVSOUND_OK;
}

/* What the last run made and what the next one needs stay in the ring together. */
static avsound_status allocate(avsn_towers *t)
{
    state *s = t->state;
    s->pictures = input_of(s->see, "frames");
    s->spectrogram = input_of(s->hear, "spectrogram");
    s->ring = 2 * (int64_t)t->most + 4 * STEPS;
    t->dimension = avsn_plan_output_shape(s->see, 0)->dim[1];
    t->vectors = avsn_alloc(t->context, BLOCK, (size_t)t->dimension * sizeof *t->vectors);
    t->motion = avsn_alloc(t->context, BLOCK, sizeof *t->motion);
    s->sound = avsn_alloc(t->context, (size_t)s->ring, (size_t)t->dimension * sizeof *s->sound);
    s->levels = avsn_alloc(t->context, (size_t)s->ring, sizeof *s->levels);
    return t->vectors && t->motion && s->sound && s->levels ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_towers_open(avsn_towers *t, const avsound_model *model, const avsn_towers_options *o)
{
    const avsn_model_config *config = &model->config;
    const avsn_named_tensor *scale = avsn_params_find(&model->params, "lags.weight");
    t->context = model->context;
    state *s = t->state = avsn_alloc_zeroed(t->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->audio = config->audio;
    s->audio.columns = COLUMNS;
    s->threads = o->threads;
    s->pixels = (int64_t)config->image.width * config->image.height;
    t->frame_ms = 1e3 / config->clip.frame_rate;
    t->step_ms = t->frame_ms / AVSN_SYNC_STEPS;
    t->most = (int32_t)lround(o->range_seconds * 1e3 / t->step_ms);
    t->scale = scale ? (double)scale->data[0] : 1;
    t->trained_s = config->clip.frames / config->clip.frame_rate;
    const avsn_reel_options reel = {.source = o->source, .feed = o->feed, .sound_source = o->sound_source, .audio = &s->audio,
                                    .image = &config->image, .rate = config->clip.frame_rate,
                                    .audio_delay_us = o->audio_delay_us, .start_us = o->start_us,
                                    .duration_us = o->duration_us, .around_s = o->range_seconds};
    AVSN_TRY(avsn_reel_open(&t->reel, t->context, &reel));
    AVSN_TRY(plan(t, model, "embedding.video", o->compute, &s->see));
    AVSN_TRY(plan(t, model, "embedding.audio", o->compute, &s->hear));
    if (o->cell_side)
        AVSN_TRY(plan_cells(t, model, o));
    return allocate(t);
}

/* Vectors of sound are made in runs, the last of which may begin with the last vector that a lag compares. */
double avsn_towers_latency(const avsound_model *model, double range_seconds)
{
    const avsn_audio_frontend *f = &model->config.audio;
    const double pictures = (AVSN_SYNC_CONTEXT + 1) / model->config.clip.frame_rate;
    const double sound = range_seconds + (double)((int64_t)COLUMNS * f->hop + f->window) / f->sample_rate;
    return AVSN_MAX(pictures, sound);
}
