#include "train/motion.h"

#include <math.h>
#include <string.h>

#include "dsp/flow.h"
#include "dsp/image.h"
#include "media/flows.h"

enum { STILL = 128, MOST = 127 };

/* ---- when a clip is prepared ---- */

struct avsn_motion_writer {
    avsound_context *context;
    avsn_flows_writer *file;
    avsn_cropper *cropper;
    avsn_flow *engine;
    avsn_image_frontend size; /* of the fields; its scale leaves bytes as they are */
    avsn_crop whole;
    size_t plane;
    float *luma;              /* three planes each, which are alike: the picture before, and this one */
    float *field;             /* [2][height][width] */
    uint8_t *bytes;
    int64_t pictures;
};

static avsound_status open_parts(avsn_motion_writer *w, const char *clip)
{
    avsn_flow_params params;
    avsn_flow_params_default(&params);
    w->luma = avsn_alloc(w->context, w->plane, 6 * sizeof *w->luma);
    w->field = avsn_alloc(w->context, w->plane, 2 * sizeof *w->field);
    w->bytes = avsn_alloc(w->context, w->plane, 2);
    char *path = avsn_flows_path(w->context, clip);
    avsound_status status = w->luma && w->field && w->bytes && path ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    if (!status)
        status = avsn_cropper_create(w->context, &w->cropper);
    if (!status)
        status = avsn_flow_create(w->context, &params, w->size.width, w->size.height, &w->engine);
    if (!status)
        status = avsn_flows_create(w->context, path, w->size.width, w->size.height, &w->file);
    avsn_free(w->context, path);
    return status;
}

avsound_status avsn_motion_writer_create(avsound_context *context, const char *clip, int32_t side, int32_t width, int32_t height,
                                         avsn_motion_writer **out)
{
    *out = NULL;
    avsn_motion_writer *w = avsn_alloc_zeroed(context, 1, sizeof *w);
    if (!w)
        return AVSOUND_E_NO_MEMORY;
    w->context = avsn_context_ref(context);
    w->whole = (avsn_crop){.width = width, .height = height};
    memcpy(w->whole.colour, avsn_colour_identity, sizeof w->whole.colour);
    for (int c = 0; c < 3; c++)
        w->size.std[c] = 1.f / 255;
    avsn_image_scaled_size(width, height, AVSN_MIN(side, AVSN_MIN(width, height)), &w->size.width, &w->size.height);
    w->plane = (size_t)w->size.width * (size_t)w->size.height;
    const avsound_status status = open_parts(w, clip);
    if (status) {
        avsn_motion_writer_free(w);
        return status;
    }
    *out = w;
    return AVSOUND_OK;
}

void avsn_motion_writer_free(avsn_motion_writer *w)
{
    if (!w)
        return;
    avsound_context *context = w->context;
    avsn_flows_writer_free(w->file);
    avsn_flow_free(w->engine);
    avsn_cropper_free(w->cropper);
    avsn_free(context, w->bytes);
    avsn_free(context, w->field);
    avsn_free(context, w->luma);
    avsn_free(context, w);
    avsound_context_free(context);
}

static void find_motion(avsn_motion_writer *w, const float *before, const float *now)
{
    const float scale = MOST * 224 / (20 * (float)AVSN_MIN(w->size.width, w->size.height));
    avsn_flow_run(w->engine, before, now, w->field);
    for (size_t i = 0; i < 2 * w->plane; i++)
        w->bytes[i] = (uint8_t)(STILL + lrintf(fmaxf(-MOST, fminf(MOST, scale * w->field[i]))));
}

avsound_status avsn_motion_write(avsn_motion_writer *w, const uint8_t *luma, ptrdiff_t stride, bool again)
{
    float *const before = w->luma, *const now = w->luma + 3 * w->plane;
    const avsound_frame frame = {.struct_size = sizeof frame,
                                 .format = AVSOUND_PIXEL_GRAY8,
                                 .range = AVSOUND_RANGE_FULL,
                                 .width = (int32_t)w->whole.width,
                                 .height = (int32_t)w->whole.height,
                                 .data = {luma},
                                 .stride = {(int32_t)stride}};
    if (!again)
        AVSN_TRY(avsn_cropper_run(w->cropper, &frame, &w->whole, &w->size, now));
    if (w->pictures++) {
        if (again)
            memset(w->bytes, STILL, 2 * w->plane);
        else
            find_motion(w, before, now);
        AVSN_TRY(avsn_flows_write(w->file, w->bytes));
    }
    memcpy(before, now, w->plane * sizeof *before);
    return AVSOUND_OK;
}

avsound_status avsn_motion_finish(avsn_motion_writer *w)
{
    return avsn_flows_finish(w->file);
}

/* ---- when a batch is made ---- */

struct avsn_motion {
    avsound_context *context;
    const avsn_image_frontend *frontend;
    avsn_cropper *cropper;
    uint8_t *bytes;
    float *planes; /* [3][height][width], which are alike */
    size_t room;
};

avsound_status avsn_motion_create(avsound_context *context, const avsn_image_frontend *frontend, avsn_motion **out)
{
    *out = NULL;
    avsn_motion *m = avsn_alloc_zeroed(context, 1, sizeof *m);
    if (!m)
        return AVSOUND_E_NO_MEMORY;
    m->context = avsn_context_ref(context);
    m->frontend = frontend;
    m->planes = avsn_alloc(context, (size_t)frontend->width * (size_t)frontend->height, 3 * sizeof *m->planes);
    const avsound_status status = m->planes ? avsn_cropper_create(context, &m->cropper) : AVSOUND_E_NO_MEMORY;
    if (status) {
        avsn_motion_free(m);
        return status;
    }
    *out = m;
    return AVSOUND_OK;
}

void avsn_motion_free(avsn_motion *m)
{
    if (!m)
        return;
    avsound_context *context = m->context;
    avsn_cropper_free(m->cropper);
    avsn_free(context, m->planes);
    avsn_free(context, m->bytes);
    avsn_free(context, m);
    avsound_context_free(context);
}

/* One plane of a field; `zoom` is by how much the crop enlarges the picture. */
static avsound_status show(avsn_motion *m, const avsn_flows *f, const uint8_t *plane, const avsn_crop *crop, float zoom,
                           bool reversed, float *out)
{
    const avsound_frame frame = {.struct_size = sizeof frame,
                                 .format = AVSOUND_PIXEL_GRAY8,
                                 .range = AVSOUND_RANGE_FULL,
                                 .width = f->width,
                                 .height = f->height,
                                 .data = {plane},
                                 .stride = {f->width}};
    const size_t pixels = (size_t)m->frontend->width * (size_t)m->frontend->height;
    avsn_image_frontend scale = *m->frontend;
    for (int c = 0; c < 3; c++) {
        scale.mean[c] = STILL / 255.f;
        scale.std[c] = (reversed ? -MOST : MOST) / (255 * zoom);
    }
    AVSN_TRY(avsn_cropper_run(m->cropper, &frame, crop, &scale, m->planes));
    for (size_t i = 0; i < pixels; i++)
        out[i] = fmaxf(-1, fminf(1, m->planes[i]));
    return AVSOUND_OK;
}

static avsound_status read_fields(avsn_motion *m, const avsn_flows *f, const avsn_crop *crop, int32_t first, int32_t count,
                                  float *flow)
{
    const size_t plane = (size_t)f->width * (size_t)f->height, pixels = (size_t)m->frontend->width * (size_t)m->frontend->height;
    const int32_t from = AVSN_MAX(first, 0), to = AVSN_MAX(AVSN_MIN(first + count, f->count), from);
    const float zoom = (float)(AVSN_MIN(f->width, f->height) / crop->width);
    memset(flow, 0, 2 * (size_t)count * pixels * sizeof *flow);
    if (from == to)
        return AVSOUND_OK;
    AVSN_TRY(avsn_grow(m->context, (void **)&m->bytes, 1, 0, 2 * plane * (size_t)(to - from), &m->room));
    AVSN_TRY(avsn_flows_read(f, from, to - from, m->bytes));
    for (int32_t i = 0; i < to - from; i++) {
        const uint8_t *field = m->bytes + 2 * plane * (size_t)i;
        float *out = flow + 2 * pixels * (size_t)(from - first + i);
        AVSN_TRY(show(m, f, field, crop, zoom, crop->mirrored, out));
        AVSN_TRY(show(m, f, field + plane, crop, zoom, crop->upended, out + pixels));
    }
    return AVSOUND_OK;
}

avsound_status avsn_motion_read(avsn_motion *m, const char *clip, int32_t frames, int32_t width, int32_t height,
                                const avsn_crop *crop, int32_t first, int32_t count, float *flow)
{
    avsn_flows file;
    char *path = avsn_flows_path(m->context, clip);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    avsound_status status = avsn_flows_open(path, &file);
    if (!status) {
        const double across = (double)file.width / width, down = (double)file.height / height;
        const avsn_crop part = {.x = crop->x * across,
                                .y = crop->y * down,
                                .width = crop->width * across,
                                .height = crop->height * down,
                                .mirrored = crop->mirrored,
                                .upended = crop->upended,
                                .colour = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
        status = file.count == AVSN_MAX(frames - 1, 0)
                     ? read_fields(m, &file, &part, first, count, flow)
                     : avsn_fail(AVSOUND_E_FORMAT, "%s: has %d fields, the clip's %d pictures want %d", path, file.count, frames,
                                 AVSN_MAX(frames - 1, 0));
        avsn_flows_close(&file);
    }
    avsn_free(m->context, path);
    return status;
}
