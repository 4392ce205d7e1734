#include "api/dense.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "exec/plan.h"
#include "model/stack.h"

/* The map that windows share, and what it is made of: twice as fine in time. */
static const char map_layer[] = "audio.conv4_2", half_layer[] = "audio.conv3_2";
const char avsn_dense_layer[] = "audio.pool4";

/* Cells left out at each end of a window's part of the map. Those hear more of what is outside the window than of what is in it:
 * without them the vectors are nearer to those of the window alone (docs/concepts.md). */
enum { EDGE = 1 };

/* Windows begin at any column, cells at every `stride`-th: there are `stride` grids of cells, each computed when a window first
 * lies on it. Cell i of grid g begins at column stride * i + g. Grids half a stride apart can come from one run of the first stages,
 * whose cells are half as far apart: the last pool begins at an even one, or at an odd one. In two parts the stack costs a fifth more,
 * which one grid alone does not bring in again. */
typedef struct grid {
    float *cells; /* [ring][dimension]: cell i at i mod ring */
    int64_t end;  /* one past the last that was computed, a multiple of the block; INT64_MIN: none was wanted */
} grid;

/* A part of the stack. */
typedef struct part {
    avsn_plan *plan;
    float *input;
} part;

struct avsn_dense_sound {
    avsound_context *context;
    avsn_recording *recording;
    part first, last;        /* stages: from the spectrogram [bins][columns] to half_layer, and from there to the map; without
                                halves the last does it all, and there is no first */
    int32_t threads;
    int64_t columns, stride; /* of the spectrogram; from cell to cell */
    int64_t block;           /* cells of a run that are like those of an endless spectrogram */
    int64_t inner, count;    /* cells that count in a window: how many after its own first one, and how many */
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

/* Of a run: a block on a grid, and what is around it, and on the grid half a stride later. */
static int64_t columns_of(const avsound_model *model, int64_t block)
{
    return (block + 2 * AVSN_STACK_AROUND) * stride_of(model) + stride_of(model) / 2;
}

/* Twice a run's would do if it began at the oldest window; it begins with a block, and windows reach beyond its end. */
int64_t avsn_dense_columns(const avsound_model *model, int64_t block)
{
    return columns_of(model, block) + model->config.audio.columns;
}

double avsn_dense_lead(const avsound_model *model)
{
    return seconds_of(model, AVSN_STACK_AROUND * stride_of(model));
}

/* A window's last cell may be the first of a block. */
double avsn_dense_lag(const avsound_model *model, int64_t block)
{
    return seconds_of(model, (block + AVSN_STACK_AROUND) * stride_of(model) + stride_of(model) / 2);
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

bool avsn_dense_halves(const avsound_model *model, double hop_seconds)
{
    const double cells = hop_seconds / seconds_of(model, stride_of(model));
    return hop_seconds <= 0 || fabs(cells - round(cells)) > 1e-6;
}

/* ---- life ---- */

/* Of the stack over so many columns, from its input, a layer or the spectrogram, to another layer. */
static avsound_status make_part(const avsn_dense_sound *d, const avsound_model *model, int32_t compute, int64_t columns,
                                const char *from, const char *to, part *p)
{
    const avsn_plan_options options = {.threads = d->threads, .compute = compute, .wanted = {to}, .wanted_count = 1};
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1, .columns = columns}, &graph));
    const avsound_status status = strcmp(from, "spectrogram") ? avsn_graph_cut(graph, from) : AVSOUND_OK;
    if (status) {
        avsn_graph_free(graph);
        return status;
    }
    AVSN_TRY(avsn_plan_create(graph, &model->params, model->packed, &options, &p->plan));
    for (int32_t i = 0; i < avsn_plan_input_count(p->plan); i++)
        if (!strcmp(avsn_plan_input_name(p->plan, i), from))
            p->input = avsn_plan_input_data(p->plan, i);
    return AVSOUND_OK;
}

static avsound_status make_parts(avsn_dense_sound *d, const avsound_model *model, const avsn_dense_options *o)
{
    const int64_t columns = (d->block + 2 * AVSN_STACK_AROUND_LAST) * d->stride;
    if (o->halves)
        AVSN_TRY(make_part(d, model, o->compute, d->columns, "spectrogram", half_layer, &d->first));
    AVSN_TRY(o->halves ? make_part(d, model, o->compute, columns, half_layer, map_layer, &d->last)
                       : make_part(d, model, o->compute, d->columns, "spectrogram", map_layer, &d->last));
    const avsn_shape *map = avsn_plan_output_shape(d->last.plan, 0);
    d->dimension = map->dim[1];
    d->rows = map->dim[2];
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
    d->columns = columns_of(model, o->block) - (o->halves ? 0 : stride_of(model) / 2);
    d->stride = stride_of(model);
    d->inner = AVSN_MIN((int64_t)EDGE, (cells - 1) / 2);
    d->count = cells - 2 * d->inner;
    d->ring = d->count + d->block;
    AVSN_TRY(make_parts(d, model, o));
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
    avsn_plan_free(d->first.plan);
    avsn_plan_free(d->last.plan);
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

/* What the last stages see of a grid: all but what is around it that only the first stages need. */
static void take_half(const avsn_dense_sound *d, int64_t later)
{
    const avsn_shape *from = avsn_plan_output_shape(d->first.plan, 0);
    const float *half = avsn_plan_output_data(d->first.plan, 0) + 2 * (AVSN_STACK_AROUND - AVSN_STACK_AROUND_LAST) + later;
    const int64_t width = from->dim[3], seen = 2 * (d->block + 2 * AVSN_STACK_AROUND_LAST);
    for (int64_t row = 0; row < from->dim[1] * from->dim[2]; row++)
        memcpy(d->last.input + row * seen, half + row * width, (size_t)seen * sizeof *half);
}

/* Of each cell the maximum over its frequencies. Cells at the block's ends depend on the zeros around it. */
static void take_cells(const avsn_dense_sound *d, const grid *g)
{
    const int64_t width = avsn_plan_output_shape(d->last.plan, 0)->dim[3];
    const float *map = avsn_plan_output_data(d->last.plan, 0) + (d->first.plan ? AVSN_STACK_AROUND_LAST : AVSN_STACK_AROUND);
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

static avsound_status run(avsn_dense_sound *d, const part *p, const atomic_int *cancel)
{
    const double before = avsn_seconds();
    avsn_compute state;
    avsn_compute_enter(&state, d->threads);
    const avsound_status status = avsn_plan_run(p->plan, 1, cancel);
    avsn_compute_leave(&state);
    d->seconds += avsn_seconds() - before;
    return status;
}

static avsound_status finish_block(avsn_dense_sound *d, grid *g, const atomic_int *cancel)
{
    AVSN_TRY(run(d, &d->last, cancel));
    take_cells(d, g);
    g->end += d->block;
    return AVSOUND_OK;
}

/* What a run sees of the block that begins at the end of this grid. */
static avsound_status see(avsn_dense_sound *d, int64_t number, int64_t grid_of_run, const part *p)
{
    const int64_t column = (d->grids[number].end - AVSN_STACK_AROUND) * d->stride + grid_of_run;
    return avsn_recording_columns(d->recording, column, d->columns, p->input);
}

/* The block of this grid that begins at its end, and of the other one of its pair, if that has come as far. */
static avsound_status compute_pair(avsn_dense_sound *d, int64_t number, const atomic_int *cancel)
{
    const int64_t half = d->stride / 2, from = d->grids[number].end;
    AVSN_TRY(see(d, number, number % half, &d->first));
    AVSN_TRY(run(d, &d->first, cancel));
    for (int64_t later = 0; later < 2; later++) {
        grid *g = &d->grids[number % half + later * half];
        if (g->end != from)
            continue;
        take_half(d, later);
        AVSN_TRY(finish_block(d, g, cancel));
    }
    return AVSOUND_OK;
}

static avsound_status compute_block(avsn_dense_sound *d, int64_t number, const atomic_int *cancel)
{
    if (d->first.plan)
        return compute_pair(d, number, cancel);
    AVSN_TRY(see(d, number, number, &d->last));
    return finish_block(d, &d->grids[number], cancel);
}

/* What came before `from` is not needed any more; a gap is not computed. Blocks lie at the same cells in all grids. */
static avsound_status compute(avsn_dense_sound *d, int64_t number, int64_t from, int64_t to, const atomic_int *cancel)
{
    grid *g = &d->grids[number];
    g->end = AVSN_MAX(g->end, floor_divide(from, d->block) * d->block);
    while (g->end < to)
        AVSN_TRY(compute_block(d, number, cancel));
    return AVSOUND_OK;
}

avsound_status avsn_dense_sound_at(avsn_dense_sound *d, int64_t time_us, const atomic_int *cancel, float *features, float *rms)
{
    const int64_t column = avsn_track_column_at(d->recording->frontend, time_us);
    const int64_t cell = floor_divide(column, d->stride), number = column - cell * d->stride, from = cell + d->inner;
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
