#include <avsound/tasks.h>

#include "dsp/flow.h"
#include "media/media.h"

enum { MOST_STEPS = 10000 };

void avsound_flow_options_init(avsound_flow_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check_count(const char *name, int32_t value, int32_t most)
{
    if (value < 0 || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "flow options: %s is %d, want 0...%d", name, value, most);
    return AVSOUND_OK;
}

static avsound_status check_weight(const char *name, float value)
{
    if (!(value >= 0 && value <= 1000) || (value > 0 && value < 1e-6f))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "flow options: %s is %g, want 0 or 0.000001...1000", name, (double)value);
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_flow_options *theirs, avsn_flow_params *params)
{
    avsound_flow_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, theirs, sizeof o, "flow options"));
    AVSN_TRY(check_count("levels", o.levels, 16));
    AVSN_TRY(check_count("warps", o.warps, MOST_STEPS));
    AVSN_TRY(check_count("iterations", o.iterations, MOST_STEPS));
    AVSN_TRY(check_weight("attachment", o.attachment));
    AVSN_TRY(check_weight("tightness", o.tightness));
    avsn_flow_params_default(params);
    params->levels = o.levels ? o.levels : params->levels;
    params->warps = o.warps ? o.warps : params->warps;
    params->iterations = o.iterations ? o.iterations : params->iterations;
    params->attachment = o.attachment > 0 ? o.attachment : params->attachment;
    params->tightness = o.tightness > 0 ? o.tightness : params->tightness;
    return AVSOUND_OK;
}

static avsound_status check_pictures(avsound_context *context, const avsound_frame *from, const avsound_frame *to)
{
    if (!context || !from || !to)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !context ? "context" : !from ? "from" : "to");
    AVSN_TRY(avsn_frame_check(context, from));
    AVSN_TRY(avsn_frame_check(context, to));
    if (from->width != to->width || from->height != to->height)
        AVSN_FAIL(AVSOUND_E_SHAPE, "the pictures are %dx%d and %dx%d, want one size", from->width, from->height, to->width,
                  to->height);
    return AVSOUND_OK;
}

typedef struct work {
    avsn_scaler *scaler;
    avsn_flow *flow;
    uint8_t *rgb;
    float *luma[2];
} work;

static avsound_status take_luma(work *w, const avsound_frame *frame, float *luma)
{
    const ptrdiff_t stride = 3 * (ptrdiff_t)frame->width;
    AVSN_TRY(avsn_scaler_rgb(w->scaler, frame, frame->width, frame->height, w->rgb, stride));
    avsn_flow_luma(w->rgb, stride, frame->width, frame->height, luma);
    return AVSOUND_OK;
}

static avsound_status compute(avsound_context *context, work *w, const avsound_frame *from, const avsound_frame *to,
                              const avsn_flow_params *params, float *flow)
{
    const size_t pixels = (size_t)from->width * (size_t)from->height;
    w->rgb = avsn_alloc(context, pixels, 3);
    w->luma[0] = avsn_alloc(context, pixels, sizeof(float));
    w->luma[1] = avsn_alloc(context, pixels, sizeof(float));
    if (!w->rgb || !w->luma[0] || !w->luma[1])
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(avsn_scaler_create(context, &w->scaler));
    AVSN_TRY(avsn_flow_create(context, params, from->width, from->height, &w->flow));
    AVSN_TRY(take_luma(w, from, w->luma[0]));
    AVSN_TRY(take_luma(w, to, w->luma[1]));
    avsn_flow_run(w->flow, w->luma[0], w->luma[1], flow);
    return AVSOUND_OK;
}

avsound_status avsound_optical_flow(avsound_context *context, const avsound_frame *from, const avsound_frame *to,
                                    const avsound_flow_options *options, float *flow, size_t *size)
{
    avsn_flow_params params;
    AVSN_TRY(check_pictures(context, from, to));
    if (!size)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "size is NULL");
    AVSN_TRY(read_options(options, &params));
    const size_t room = *size;
    *size = 2 * (size_t)from->width * (size_t)from->height;
    if (!flow)
        return AVSOUND_OK;
    if (room < *size)
        AVSN_FAIL(AVSOUND_E_BUFFER_SIZE, "the flow needs %zu floats, the buffer has %zu", *size, room);
    work w = {0};
    const avsound_status status = compute(context, &w, from, to, &params, flow);
    avsn_flow_free(w.flow);
    avsn_scaler_free(w.scaler);
    avsn_free(context, w.luma[1]);
    avsn_free(context, w.luma[0]);
    avsn_free(context, w.rgb);
    return status;
}
