#include "api/session.h"

#include "base/cpu.h"
#include "model/syncnet.h"

#include <math.h>
#include <string.h>

#define SESSION_OPTIONS_LEAST ((uint32_t)offsetof(avsound_session_options, frames)) /* as in 0.1.0 */

void avsound_session_options_init(avsound_session_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

/* ---- life ---- */

enum { MAX_THREADS = 1024, MAX_BATCH = 65536, MAX_SIDE = 16384 };

static avsound_status in_range(const char *name, int32_t value, int32_t most)
{
    if (value < 0 || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: %s is %d, want 0...%d", name, value, most);
    return AVSOUND_OK;
}

static avsound_status check_options(const avsound_session_options *o)
{
    AVSN_TRY(in_range("threads", o->threads, MAX_THREADS));
    AVSN_TRY(in_range("batch", o->batch, MAX_BATCH));
    AVSN_TRY(in_range("width", o->width, MAX_SIDE));
    AVSN_TRY(in_range("height", o->height, MAX_SIDE));
    if (!o->width != !o->height)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: width %d and height %d must be set together", o->width,
                  o->height);
    return AVSOUND_OK;
}

/* "a, b" -> "a\0b\0\0" */
static avsound_status split_outputs(avsound_session *session, const char *list)
{
    if (!list)
        return AVSOUND_OK;
    const size_t length = strlen(list);
    session->outputs = avsn_alloc_zeroed(session->context, length + 2, 1);
    if (!session->outputs)
        return AVSOUND_E_NO_MEMORY;
    char *to = session->outputs;
    for (const char *from = list; *from;) {
        const size_t n = strcspn(from, ",");
        size_t begin = 0, end = n;
        while (begin < end && from[begin] == ' ')
            begin++;
        while (end > begin && from[end - 1] == ' ')
            end--;
        if (begin == end)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: outputs \"%s\" has an empty name", list);
        memcpy(to, from + begin, end - begin);
        to += end - begin + 1;
        from += n + (from[n] == ',');
    }
    if (to == session->outputs)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: outputs is empty; NULL means all");
    return AVSOUND_OK;
}

/* 0: the model's own. */
static int64_t clip_columns(const avsound_session *session)
{
    return session->model->arch->lags ? (int64_t)AVSN_SYNC_COLUMNS * session->clip_frames : 0;
}

static avsound_status make_plan(avsound_session *session, int32_t width, int32_t height)
{
    const int64_t most = avsn_context_limits(session->context)->max_pixels;
    if ((int64_t)width * height > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "picture input of %dx%d, the context allows %lld pixels", width, height, (long long)most);
    avsn_plan_options o = {.threads = session->threads, .compute = session->compute};
    for (const char *name = session->outputs; name && *name; name += strlen(name) + 1) {
        if (o.wanted_count == AVSN_MAX_WANTED)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: more than %d outputs", AVSN_MAX_WANTED);
        o.wanted[o.wanted_count++] = name;
    }
    avsn_graph *graph;
    const avsn_model_shapes shapes = {.batch = session->batch,
                                      .image_height = height,
                                      .image_width = width,
                                      .frames = session->clip_frames,
                                      .samples = session->clip_samples,
                                      .columns = clip_columns(session)};
    AVSN_TRY(avsn_model_graph(session->model, &shapes, &graph));
    const avsound_status status = session->given ? avsn_graph_cut(graph, session->given) : AVSOUND_OK;
    if (status) {
        avsn_graph_free(graph);
        return status;
    }
    avsn_plan *plan;
    AVSN_TRY(avsn_plan_create(graph, &session->model->params, session->model->packed, &o, &plan));
    avsn_plan_free(session->plan);
    session->plan = plan;
    session->width = width;
    session->height = height;
    session->inputs_set = 0;
    return AVSOUND_OK;
}

/* Another number of frames has another number of samples, unless that is given, too, or of columns. */
static avsound_status size_clip(avsound_session *session, const avsound_session_options *o)
{
    avsn_clip_frontend clip = session->model->config.clip;
    if (!o->frames && !o->samples)
        return AVSOUND_OK;
    if (!session->model->arch->clip)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "session options: %s takes no clips, but frames is %d and samples %d",
                  session->model->arch->name, o->frames, o->samples);
    clip.frames = o->frames ? o->frames : clip.frames;
    clip.samples = o->samples;
    const avsound_status status = avsn_clip_frontend_complete(&clip);
    if (status)
        return avsn_fail_in(status, "session options");
    session->clip_frames = clip.frames;
    session->clip_samples = clip.samples;
    return AVSOUND_OK;
}

static avsound_status session_init(avsound_session *session, const avsound_session_options *o)
{
    const avsn_image_frontend *image = &session->model->config.image;
    session->threads = o->threads ? o->threads : 1;
    session->batch = o->batch ? o->batch : 1;
    AVSN_TRY(avsn_choose_compute(o->precision, &session->compute));
    AVSN_TRY(split_outputs(session, o->outputs));
    AVSN_TRY(size_clip(session, o));
    return make_plan(session, o->width ? o->width : image->width, o->height ? o->height : image->height);
}

avsound_status avsn_session_create(avsound_model *model, const avsound_session_options *options, const char *given,
                                   avsound_session **out)
{
    *out = NULL;
    avsound_session_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, SESSION_OPTIONS_LEAST, "session options"));
    AVSN_TRY(check_options(&o));
    avsound_session *session = avsn_alloc_zeroed(model->context, 1, sizeof *session);
    if (!session)
        return AVSOUND_E_NO_MEMORY;
    session->model = avsn_model_ref(model);
    session->context = avsn_context_ref(model->context);
    session->given = given;
    atomic_init(&session->cancel, 0);
    const avsound_status status = session_init(session, &o);
    if (status) {
        avsound_session_free(session);
        return status;
    }
    *out = session;
    return AVSOUND_OK;
}

avsound_status avsound_session_create(avsound_model *model, const avsound_session_options *options,
                                      avsound_session **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!model)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "model is NULL");
    return avsn_session_create(model, options, NULL, out);
}

void avsound_session_free(avsound_session *session)
{
    if (!session)
        return;
    avsound_context *context = session->context;
    avsn_plan_free(session->plan);
    avsn_framer_free(context, &session->framer);
    avsn_resampler_free(session->resampler);
    avsn_track_free(session->track);
    avsn_flow_free(session->run.engine);
    avsn_free(context, session->run.luma);
    avsn_free(context, session->run.flow);
    avsn_free(context, session->run.planes);
    avsn_free(context, session->run.rgb);
    avsn_free(context, session->samples);
    avsn_free(context, session->outputs);
    avsound_model_free(session->model);
    avsn_free(context, session);
    avsound_context_free(context);
}

avsound_status avsn_session_resize(avsound_session *session, int32_t width, int32_t height)
{
    if (width == session->width && height == session->height)
        return AVSOUND_OK;
    return make_plan(session, width, height);
}

/* ---- inputs ---- */

#define REQUIRE(pointer)                                                      \
    do {                                                                      \
        if (!(pointer))                                                       \
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", #pointer);    \
    } while (0)

int32_t avsound_session_input_count(const avsound_session *session)
{
    return session ? avsn_plan_input_count(session->plan) : 0;
}

avsound_status avsound_session_input(const avsound_session *session, int32_t index, const char **name,
                                     avsound_tensor *view)
{
    REQUIRE(session);
    const int32_t count = avsn_plan_input_count(session->plan);
    if (index < 0 || index >= count)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "input index is %d, want 0...%d", index, count - 1);
    if (name)
        *name = avsn_plan_input_name(session->plan, index);
    if (!view)
        return AVSOUND_OK;
    avsound_tensor tensor;
    avsn_tensor_view(&tensor, AVSOUND_DTYPE_F32, avsn_plan_input_shape(session->plan, index), NULL);
    return avsn_struct_write(view, &tensor, sizeof tensor, "view");
}

int32_t avsn_session_input_index(const avsound_session *session, const char *name)
{
    for (int32_t i = 0; i < avsn_plan_input_count(session->plan); i++)
        if (!strcmp(avsn_plan_input_name(session->plan, i), name))
            return i;
    return -1;
}

static avsound_status check_finite(const char *name, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "input \"%s\": element %lld is %g, want a finite value", name,
                      (long long)i, (double)values[i]);
    return AVSOUND_OK;
}

avsound_status avsound_session_set_input(avsound_session *session, const char *name, const avsound_tensor *view)
{
    REQUIRE(session);
    REQUIRE(name);
    const int32_t index = avsn_session_input_index(session, name);
    if (index < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "\"%s\" is not an input; inputs are \"%s\" and \"%s\"", name,
                  avsn_plan_input_name(session->plan, 0), avsn_plan_input_name(session->plan, 1));
    avsn_shape shape;
    AVSN_TRY(avsn_tensor_check(view, name, &shape));
    if (view->dtype != AVSOUND_DTYPE_F32)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "input \"%s\": dtype is %s, want f32", name, avsn_dtype_name(view->dtype));
    const avsn_shape *wanted = avsn_plan_input_shape(session->plan, index);
    char a[AVSN_SHAPE_TEXT], b[AVSN_SHAPE_TEXT];
    if (!avsn_shape_equal(&shape, wanted))
        AVSN_FAIL(AVSOUND_E_SHAPE, "input \"%s\" is %s, want %s", name, avsn_shape_text(&shape, a),
                  avsn_shape_text(wanted, b));
    int64_t count = 0;
    avsn_shape_count(wanted, &count);
    AVSN_TRY(check_finite(name, view->data, count));
    memcpy(avsn_plan_input_data(session->plan, index), view->data, (size_t)count * sizeof(float));
    session->inputs_set |= (uint64_t)1 << index;
    return AVSOUND_OK;
}

/* ---- running ---- */

static avsound_status check_inputs(const avsound_session *session, uint64_t outputs)
{
    for (int32_t i = 0; i < avsn_plan_input_count(session->plan); i++)
        if (avsn_plan_input_outputs(session->plan, i) & outputs && !(session->inputs_set & (uint64_t)1 << i))
            AVSN_FAIL(AVSOUND_E_STATE, "input \"%s\" was never set", avsn_plan_input_name(session->plan, i));
    return AVSOUND_OK;
}

avsound_status avsn_session_run(avsound_session *session, uint64_t outputs)
{
    AVSN_TRY(check_inputs(session, outputs));
    avsn_compute state;
    avsn_compute_enter(&state, session->threads);
    const avsound_status status = avsn_plan_run(session->plan, outputs, &session->cancel);
    avsn_compute_leave(&state);
    /* One that came too late for this run is the next one's. */
    if (status == AVSOUND_E_CANCELLED)
        atomic_store(&session->cancel, 0);
    return status;
}

avsound_status avsound_session_run(avsound_session *session)
{
    REQUIRE(session);
    return avsn_session_run(session, ~(uint64_t)0);
}

void avsound_session_cancel(avsound_session *session)
{
    if (session)
        atomic_store(&session->cancel, 1);
}

/* ---- outputs ---- */

int32_t avsound_session_output_count(const avsound_session *session)
{
    return session ? avsn_plan_output_count(session->plan) : 0;
}

const char *avsound_session_output_name(const avsound_session *session, int32_t index)
{
    if (!session || index < 0 || index >= avsn_plan_output_count(session->plan))
        return NULL;
    return avsn_plan_output_name(session->plan, index);
}

int32_t avsn_session_output(const avsound_session *session, const char *name)
{
    for (int32_t i = 0; i < avsn_plan_output_count(session->plan); i++)
        if (!strcmp(avsn_plan_output_name(session->plan, i), name))
            return i;
    return -1;
}

int64_t avsn_embedding_size(const avsn_shape *shape)
{
    int64_t size = 1;
    for (int32_t d = 1; d < shape->rank; d++)
        size *= shape->dim[d];
    return size;
}

void avsn_session_take(const avsound_session *session, int32_t output, int64_t item, float *vector)
{
    const avsn_shape *shape = avsn_plan_output_shape(session->plan, output);
    const int64_t size = avsn_embedding_size(shape), channels = shape->dim[1], cells = size / channels;
    const float *from = avsn_plan_output_data(session->plan, output) + item * size;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < cells; i++)
            vector[i * channels + c] = from[c * cells + i];
}

static float largest_in(const float *map, int64_t cols, const int64_t from[2], const int64_t to[2])
{
    float most = map[from[0] * cols + from[1]];
    for (int64_t r = from[0]; r < to[0]; r++)
        for (int64_t c = from[1]; c < to[1]; c++)
            most = map[r * cols + c] > most ? map[r * cols + c] : most;
    return most;
}

void avsn_session_take_grid(const avsound_session *session, int32_t output, int64_t item, int64_t rows, int64_t cols,
                            float *vector)
{
    const avsn_shape *shape = avsn_plan_output_shape(session->plan, output);
    const int64_t channels = shape->dim[1], high = shape->dim[2], wide = shape->dim[3];
    const float *maps = avsn_plan_output_data(session->plan, output) + item * channels * high * wide;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            const int64_t from[2] = {r * high / rows, c * wide / cols};
            const int64_t to[2] = {((r + 1) * high + rows - 1) / rows, ((c + 1) * wide + cols - 1) / cols};
            for (int64_t k = 0; k < channels; k++)
                *vector++ = largest_in(maps + k * high * wide, wide, from, to);
        }
}

avsound_status avsound_session_get_output(const avsound_session *session, const char *name, avsound_tensor *view)
{
    REQUIRE(session);
    REQUIRE(name);
    REQUIRE(view);
    const int32_t index = avsn_session_output(session, name);
    if (index < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "this session has no output \"%s\"", name);
    avsound_tensor tensor;
    avsn_tensor_view(&tensor, AVSOUND_DTYPE_F32, avsn_plan_output_shape(session->plan, index),
                     avsn_plan_output_data(session->plan, index));
    return avsn_struct_write(view, &tensor, sizeof tensor, "view");
}

int32_t avsound_session_precision(const avsound_session *session)
{
    return session && session->compute == AVSOUND_DTYPE_BF16 ? AVSOUND_PRECISION_BF16 : AVSOUND_PRECISION_F32;
}

int64_t avsound_session_memory(const avsound_session *session)
{
    return session ? (int64_t)(avsn_plan_bytes(session->plan) + session->framer.capacity +
                               session->samples_capacity * sizeof(float))
                   : 0;
}

avsound_status avsound_session_describe(const avsound_session *session, char *text, size_t *size)
{
    REQUIRE(session);
    REQUIRE(size);
    const size_t room = text ? *size : 0;
    *size = avsn_plan_describe(session->plan, text, room) + 1;
    if (text && room < *size)
        AVSN_FAIL(AVSOUND_E_BUFFER_SIZE, "the description needs %zu bytes, the buffer has %zu", *size, room);
    return AVSOUND_OK;
}
