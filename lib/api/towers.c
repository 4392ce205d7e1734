/* Two towers (sync-net): every picture and every step of sound has a vector, and a lag's score is the mean of their scalar
 * products. Each vector is computed once and compared with all lags at once, so a wide search costs hardly more than a
 * narrow one, and nothing is gained by going from coarse to fine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/meter.h"
#include "base/cpu.h"
#include "model/syncnet.h"

enum {
    BLOCK = 32,                          /* vectors of pictures made at once */
    FRAMES = BLOCK + 2 * AVSN_SYNC_CONTEXT,
    COLUMNS = FRAMES * AVSN_SYNC_COLUMNS,
    STEPS = BLOCK * AVSN_SYNC_STEPS,     /* vectors of sound made at once */
    COLUMNS_A_STEP = AVSN_SYNC_COLUMNS / AVSN_SYNC_STEPS,
    BEFORE = AVSN_SYNC_CONTEXT * AVSN_SYNC_COLUMNS, /* columns that a step's vector reaches back */
    REACH = 2 * BEFORE + COLUMNS_A_STEP             /* columns that it depends on */
};

typedef struct towers {
    avsn_meter base;
    avsn_audio_frontend audio; /* the model's, with COLUMNS of columns */
    avsn_plan *see, *hear;
    float *pictures, *spectrogram; /* their inputs */
    int32_t threads;
    int64_t dimension, pixels;
    int64_t held;        /* pictures at the start of see's input, the first of which is number */
    int64_t first;
    bool last;           /* no picture follows those held, and why: */
    avsound_status end;
    char end_detail[256];
    float *vectors;      /* [BLOCK][dimension] of pictures */

    float *sound;        /* [ring][dimension]: step j at j mod ring */
    int64_t ring;
    bool located;        /* where the sound begins is known: */
    int64_t begin, next; /* its first step, and the first that has no vector yet */
} towers;

/* ---- sound ---- */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static float *sound_at(const towers *t, int64_t step)
{
    return t->sound + (size_t)(step - floor_divide(step, t->ring) * t->ring) * (size_t)t->dimension;
}

/* One past the last step with a whole vector, or whose own time is heard where the recording is too short for any. */
static int64_t end_step(const towers *t)
{
    const int64_t end = avsn_recording_end_sample(&t->base.reel.recording);
    if (end == INT64_MAX)
        return INT64_MAX;
    const int64_t columns = floor_divide(end, t->audio.hop);
    return t->base.padded ? floor_divide(columns, COLUMNS_A_STEP)
                          : floor_divide(columns - REACH + BEFORE, COLUMNS_A_STEP) + 1;
}

/* No step is heard whose vector would reach to before the sound, nor any that no lag compares with a picture. */
static avsound_status locate(towers *t)
{
    int64_t sample;
    bool heard;
    AVSN_TRY(avsn_recording_first_sample(&t->base.reel.recording, &sample, &heard));
    const int64_t column = -floor_divide(-sample, t->audio.hop) + (t->base.padded ? 0 : BEFORE);
    t->begin = AVSN_MAX(-floor_divide(-column, COLUMNS_A_STEP), -(int64_t)t->base.most);
    if (!heard)
        t->begin = INT64_MAX / 2;
    t->next = t->begin;
    t->located = true;
    return AVSOUND_OK;
}

static avsound_status run(towers *t, avsn_plan *plan, const atomic_int *cancel)
{
    avsn_compute state;
    avsn_compute_enter(&state, t->threads);
    const avsound_status status = avsn_plan_run(plan, 1, cancel);
    avsn_compute_leave(&state);
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

/* Makes vectors up to step `last`, so far as there is sound. */
static avsound_status hear_until(towers *t, int64_t last, const atomic_int *cancel)
{
    if (!t->located)
        AVSN_TRY(locate(t));
    while (t->next <= last && t->next < end_step(t)) {
        AVSN_TRY(avsn_recording_columns(&t->base.reel.recording, t->next * COLUMNS_A_STEP - BEFORE, t->spectrogram));
        AVSN_TRY(run(t, t->hear, cancel));
        for (int64_t i = 0; i < STEPS; i++)
            take_vector(t->hear, i, t->dimension, sound_at(t, t->next + i));
        t->next += STEPS;
    }
    return AVSOUND_OK;
}

/* ---- pictures ---- */

static float *picture_at(const towers *t, int64_t slot)
{
    return t->pictures + slot * t->pixels;
}

/* Slots from...from + count - 1 of every channel, moved to `to`. */
static void move_pictures(const towers *t, int64_t to, int64_t from, int64_t count)
{
    for (int64_t c = 0; c < 3; c++)
        memmove(picture_at(t, c * FRAMES + to), picture_at(t, c * FRAMES + from),
                (size_t)(count * t->pixels) * sizeof(float));
}

/* Damage is reported when all that came before it has been compared. */
static void end_pictures(towers *t, avsound_status status)
{
    t->last = true;
    t->end = status;
    snprintf(t->end_detail, sizeof t->end_detail, "%s", avsound_error_detail());
}

static avsound_status fill_pictures(towers *t)
{
    while (!t->last && t->held < FRAMES) {
        const avsound_status status =
            avsn_reel_next(&t->base.reel, picture_at(t, t->held), (size_t)(FRAMES * t->pixels));
        if (status && status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
            return status;
        if (status)
            end_pictures(t, status);
        else
            t->held++;
    }
    return AVSOUND_OK;
}

/* What is too short for a single vector stands between copies of its ends. */
static void pad_pictures(towers *t)
{
    const int64_t count = t->held;
    t->base.padded = true;
    move_pictures(t, AVSN_SYNC_CONTEXT, 0, count);
    for (int64_t s = 0; s < AVSN_SYNC_CONTEXT; s++) {
        move_pictures(t, s, AVSN_SYNC_CONTEXT, 1);
        move_pictures(t, AVSN_SYNC_CONTEXT + count + s, AVSN_SYNC_CONTEXT + count - 1, 1);
    }
    t->held = count + 2 * AVSN_SYNC_CONTEXT;
    t->first -= AVSN_SYNC_CONTEXT;
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

/* Lag l compares a picture with the sound of step steps * picture - l: a positive one means that the sound is early. */
static void compare(towers *t, int64_t picture, const float *vector, avsn_lag_curves *curves)
{
    const int64_t step = AVSN_SYNC_STEPS * picture, most = t->base.most;
    const int64_t end = AVSN_MIN(t->next, end_step(t));
    const int64_t begin = AVSN_MAX(t->begin, step - most), stop = AVSN_MIN(end, step + most + 1);
    double *sum, *weight;
    if (begin >= stop)
        return;
    avsn_lag_curves_at(curves, llround((double)picture * t->base.frame_ms * 1e3), &sum, &weight);
    for (int64_t j = begin; j < stop; j++) {
        sum[step - j + most] += product(vector, sound_at(t, j), t->dimension);
        weight[step - j + most]++;
    }
    t->base.compared_s += t->base.frame_ms * 1e-3;
}

static avsound_status advance(avsn_meter *meter, avsn_lag_curves *curves, const atomic_int *cancel)
{
    towers *t = (towers *)meter;
    AVSN_TRY(fill_pictures(t));
    if (t->held && t->held <= 2 * AVSN_SYNC_CONTEXT && !t->first)
        pad_pictures(t);
    const int64_t count = t->held - 2 * AVSN_SYNC_CONTEXT, picture = t->first + AVSN_SYNC_CONTEXT;
    if (count <= 0)
        return avsn_fail(t->end, "%s", t->end_detail);
    AVSN_TRY(hear_until(t, AVSN_SYNC_STEPS * (picture + count - 1) + meter->most, cancel));
    AVSN_TRY(run(t, t->see, cancel));
    for (int64_t i = 0; i < count; i++) {
        take_vector(t->see, i, t->dimension, t->vectors);
        compare(t, picture + i, t->vectors, curves);
    }
    meter->measured = picture + count;
    move_pictures(t, 0, count, t->held - count);
    t->held -= count;
    t->first += count;
    return AVSOUND_OK;
}

/* ---- life ---- */

static avsound_status plan(const towers *t, const avsound_model *model, const char *output, int32_t compute,
                           avsn_plan **out)
{
    const avsn_plan_options options = {.threads = t->threads, .compute = compute, .wanted = {output}, .wanted_count = 1};
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1, .frames = FRAMES, .columns = COLUMNS}, &graph));
    return avsn_plan_create(graph, &model->params, model->packed, &options, out);
}

static void free_towers(avsn_meter *meter)
{
    towers *t = (towers *)meter;
    avsn_plan_free(t->see);
    avsn_plan_free(t->hear);
    avsn_free(meter->context, t->vectors);
    avsn_free(meter->context, t->sound);
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

/* What the last run made and what the next one needs stay in the ring together. */
static avsound_status allocate(towers *t)
{
    t->pictures = input_of(t->see, "frames");
    t->spectrogram = input_of(t->hear, "spectrogram");
    t->ring = 2 * (int64_t)t->base.most + 4 * STEPS;
    t->dimension = avsn_plan_output_shape(t->see, 0)->dim[1];
    t->vectors = avsn_alloc(t->base.context, (size_t)t->dimension, sizeof *t->vectors);
    t->sound = avsn_alloc(t->base.context, (size_t)t->ring, (size_t)t->dimension * sizeof *t->sound);
    return t->vectors && t->sound ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status init(towers *t, const avsound_model *model, const avsn_meter_options *o)
{
    const avsn_model_config *config = &model->config;
    const avsn_named_tensor *scale = avsn_params_find(&model->params, "lags.weight");
    t->audio = config->audio;
    t->audio.columns = COLUMNS;
    t->threads = o->threads;
    t->pixels = (int64_t)config->image.width * config->image.height;
    t->base.frame_ms = 1e3 / config->clip.frame_rate;
    t->base.step_ms = t->base.frame_ms / AVSN_SYNC_STEPS;
    t->base.most = (int32_t)lround(o->range_seconds * 1e3 / t->base.step_ms);
    t->base.scale = scale ? (double)scale->data[0] : 1;
    t->base.trained_s = config->clip.frames / config->clip.frame_rate;
    const avsn_reel_options reel = {.path = o->path, .feed = o->feed, .audio = &t->audio, .image = &config->image,
                                    .rate = config->clip.frame_rate, .audio_delay_us = o->audio_delay_us,
                                    .start_us = o->start_us, .duration_us = o->duration_us,
                                    .around_s = o->range_seconds};
    AVSN_TRY(avsn_reel_open(&t->base.reel, t->base.context, &reel));
    AVSN_TRY(plan(t, model, "embedding.video", o->compute, &t->see));
    AVSN_TRY(plan(t, model, "embedding.audio", o->compute, &t->hear));
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

avsound_status avsn_towers_create(const avsound_model *model, const avsn_meter_options *options, avsn_meter **out)
{
    *out = NULL;
    towers *t = avsn_alloc_zeroed(model->context, 1, sizeof *t);
    if (!t)
        return AVSOUND_E_NO_MEMORY;
    t->base = (avsn_meter){.context = model->context, .advance = advance, .free = free_towers};
    const avsound_status status = init(t, model, options);
    if (status)
        avsn_meter_free(&t->base);
    else
        *out = &t->base;
    return status;
}
