#include "api/dense.h"

#include <string.h>

#include "base/cpu.h"
#include "exec/plan.h"
#include "model/stack.h"

/* The map that windows share. */
static const char map_layer[] = "audio.conv4_2";
const char avsn_dense_layer[] = "audio.pool4";

/* Cells left out at each end of a window's part of the map. Those hear more of what is outside the window than of what is in it:
 * without them the vectors are nearer to those of the window alone (docs/concepts.md). */
enum { EDGE = 1 };

/* Windows begin at any column, cells at every `stride`-th: there are `stride` grids of cells, each computed when a window first
 * lies on it. Cell i of grid g begins at column stride * i + g. */
typedef struct grid {
    float *cells; /* [ring][dimension]: cell i at i mod ring */
    int64_t end;  /* one past the last that was computed */
} grid;

struct avsn_dense_sound {
    avsound_context *context;
    avsn_recording *recording;
    avsn_plan *plan;
    int32_t threads;
    float *spectrogram;      /* the plan's input [bins][columns] */
    int64_t columns, stride; /* of it; from cell to cell */
    int64_t block;           /* cells of a run that are like those of an endless spectrogram */
    int64_t first, count;    /* cells that count in a window: how many after its own first one, and how many */
    int64_t dimension, rows; /* of the map: channels and frequencies */
    int64_t ring;
    grid *grids; /* [stride] */
    float *cells;
    double seconds;
};

/* ---- geometry ---- */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t stride_of(const avsound_model *model)
{
    return (int64_t)AVSN_STACK_STRIDE * model->config.conv1_stride;
}

static double seconds_of(const avsound_model *model, int64_t columns)
{
    return (double)columns * model->config.audio.hop / model->config.audio.sample_rate;
}

avsound_status avsn_dense_check(const avsound_model *model)
{
    const avsn_audio_frontend *f = &model->config.audio;
    if (model->arch->clip || !model->config.conv1_stride)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "dense: %s shares nothing between windows; l3-net, ave-net and avol-net do", model->arch->name);
    if (f->range > 0 || f->samples > 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "dense: spectrograms of this model's windows have nothing in common (audio.range %g, "
                  "audio.samples %d; want 0 and 0)", (double)f->range, f->samples);
    return AVSOUND_OK;
}

int64_t avsn_dense_columns(const avsound_model *model, int64_t block)
{
    return (block + 2 * AVSN_STACK_AROUND) * stride_of(model);
}

double avsn_dense_lead(const avsound_model *model)
{
    return seconds_of(model, AVSN_STACK_AROUND * stride_of(model));
}

/* A window's last cell may be the first of a block. */
double avsn_dense_lag(const avsound_model *model, int64_t block)
{
    return seconds_of(model, (block + AVSN_STACK_AROUND) * stride_of(model));
}

/* How many cells a window alone has, of which the features must be the maximum. */
static avsound_status count_cells(const avsound_model *model, int64_t *cells)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1}, &graph));
    const avsn_value map = avsn_graph_find(graph, map_layer), pooled = avsn_graph_find(graph, avsn_dense_layer);
    const bool has = map.id && pooled.id && avsn_value_shape(graph, pooled)->rank == 2;
    *cells = has ? avsn_value_shape(graph, map)->dim[3] : 0;
    avsn_graph_free(graph);
    if (!has)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "dense: %s has no layers %s and, its maximum, %s", model->arch->name, map_layer, avsn_dense_layer);
    return AVSOUND_OK;
}

/* ---- life ---- */

static avsound_status make_plan(avsn_dense_sound *d, const avsound_model *model, int32_t compute)
{
    const avsn_plan_options options = {.threads = d->threads, .compute = compute, .wanted = {map_layer}, .wanted_count = 1};
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1, .columns = d->columns}, &graph));
    AVSN_TRY(avsn_plan_create(graph, &model->params, model->packed, &options, &d->plan));
    const avsn_shape *map = avsn_plan_output_shape(d->plan, 0);
    d->dimension = map->dim[1];
    d->rows = map->dim[2];
    for (int32_t i = 0; i < avsn_plan_input_count(d->plan); i++)
        if (!strcmp(avsn_plan_input_name(d->plan, i), "spectrogram"))
            d->spectrogram = avsn_plan_input_data(d->plan, i);
    return AVSOUND_OK;
}

static avsound_status make_grids(avsn_dense_sound *d)
{
    const size_t cells = (size_t)d->ring * (size_t)d->dimension;
    d->grids = avsn_alloc(d->context, (size_t)d->stride, sizeof *d->grids);
    d->cells = avsn_alloc(d->context, (size_t)d->stride, cells * sizeof *d->cells);
    if (!d->grids || !d->cells)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t g = 0; g < d->stride; g++)
        d->grids[g] = (grid){.cells = d->cells + (size_t)g * cells, .end = INT64_MIN};
    return AVSOUND_OK;
}

static avsound_status init(avsn_dense_sound *d, const avsound_model *model, const avsn_dense_options *o)
{
    int64_t cells = 0;
    AVSN_TRY(count_cells(model, &cells));
    d->threads = o->threads;
    d->block = o->block;
    d->columns = avsn_dense_columns(model, o->block);
    d->stride = stride_of(model);
    d->first = AVSN_MIN((int64_t)EDGE, (cells - 1) / 2);
    d->count = cells - 2 * d->first;
    d->ring = d->count + d->block;
    AVSN_TRY(make_plan(d, model, o->compute));
    return make_grids(d);
}

avsound_status avsn_dense_create(const avsound_model *model, avsn_recording *recording, const avsn_dense_options *options,
                                 avsn_dense_sound **out)
{
    *out = NULL;
    avsn_dense_sound *d = avsn_alloc_zeroed(model->context, 1, sizeof *d);
    if (!d)
        return AVSOUND_E_NO_MEMORY;
    d->context = model->context;
    d->recording = recording;
    const avsound_status status = init(d, model, options);
    if (status)
        avsn_dense_free(d);
    else
        *out = d;
    return status;
}

void avsn_dense_free(avsn_dense_sound *d)
{
    if (!d)
        return;
    avsn_plan_free(d->plan);
    avsn_free(d->context, d->cells);
    avsn_free(d->context, d->grids);
    avsn_free(d->context, d);
}

int64_t avsn_dense_dimension(const avsn_dense_sound *d)
{
    return d->dimension;
}

double avsn_dense_seconds(const avsn_dense_sound *d)
{
    return d->seconds;
}

/* ---- cells ---- */

static float *cell_at(const avsn_dense_sound *d, const grid *g, int64_t cell)
{
    return g->cells + (size_t)(cell - floor_divide(cell, d->ring) * d->ring) * (size_t)d->dimension;
}

/* Of each cell the maximum over its frequencies. Cells at the block's ends depend on the zeros around it. */
static void take_cells(const avsn_dense_sound *d, const grid *g)
{
    const int64_t width = avsn_plan_output_shape(d->plan, 0)->dim[3];
    const float *map = avsn_plan_output_data(d->plan, 0) + AVSN_STACK_AROUND;
    for (int64_t i = 0; i < d->block; i++) {
        float *cell = cell_at(d, g, g->end + i);
        for (int64_t c = 0; c < d->dimension; c++) {
            const float *column = map + c * d->rows * width + i;
            cell[c] = column[0];
            for (int64_t r = 1; r < d->rows; r++)
                cell[c] = AVSN_MAX(cell[c], column[r * width]);
        }
    }
}

static avsound_status run(avsn_dense_sound *d, const atomic_int *cancel)
{
    const double before = avsn_seconds();
    avsn_compute state;
    avsn_compute_enter(&state, d->threads);
    const avsound_status status = avsn_plan_run(d->plan, 1, cancel);
    avsn_compute_leave(&state);
    d->seconds += avsn_seconds() - before;
    return status;
}

/* What came before `from` is not needed any more; a gap is not computed. */
static avsound_status compute(avsn_dense_sound *d, int64_t number, int64_t from, int64_t to, const atomic_int *cancel)
{
    grid *g = &d->grids[number];
    g->end = AVSN_MAX(g->end, from);
    while (g->end < to) {
        const int64_t column = (g->end - AVSN_STACK_AROUND) * d->stride + number;
        AVSN_TRY(avsn_recording_columns(d->recording, column, d->columns, d->spectrogram));
        AVSN_TRY(run(d, cancel));
        take_cells(d, g);
        g->end += d->block;
    }
    return AVSOUND_OK;
}

avsound_status avsn_dense_sound_at(avsn_dense_sound *d, int64_t time_us, const atomic_int *cancel, float *features, float *rms)
{
    const int64_t column = avsn_track_column_at(d->recording->frontend, time_us);
    const int64_t cell = floor_divide(column, d->stride), number = column - cell * d->stride, from = cell + d->first;
    AVSN_TRY(compute(d, number, from, from + d->count, cancel));
    const grid *g = &d->grids[number];
    memcpy(features, cell_at(d, g, from), (size_t)d->dimension * sizeof *features);
    for (int64_t i = 1; i < d->count; i++) {
        const float *next = cell_at(d, g, from + i);
        for (int64_t c = 0; c < d->dimension; c++)
            features[c] = AVSN_MAX(features[c], next[c]);
    }
    return avsn_recording_sound_at(d->recording, time_us, NULL, rms);
}
