#include "api/strip.h"

#include <string.h>

#include "dsp/flow.h"

#define NONE INT64_MIN

/* Frame k stands in slot k mod slots, and the flow from it to the next beside it. */
struct avsn_strip {
    avsound_context *context;
    const avsn_image_frontend *image;
    int32_t around, slots;
    size_t pixels;
    avsn_framer framer;
    avsn_kept_frame frame;
    int64_t first, next; /* frames in the slots; before: none was read */
    int64_t centre;
    bool ended;          /* no frame behind next - 1 */
    uint8_t *rgb;        /* [slots][height][width][3] */
    avsn_flow *engine;   /* NULL: no flow */
    int64_t *flows;      /* [slots] whose flow there is */
    float *flow, *luma;  /* [slots][2][height][width], as the network takes it; [2][height][width] */
};

static avsound_status make_flow(avsn_strip *s)
{
    avsn_flow_params params;
    avsn_flow_params_default(&params);
    s->flows = avsn_alloc(s->context, (size_t)s->slots, sizeof *s->flows);
    s->flow = avsn_alloc(s->context, (size_t)s->slots * s->pixels, 2 * sizeof *s->flow);
    s->luma = avsn_alloc(s->context, s->pixels, 2 * sizeof *s->luma);
    if (!s->flows || !s->flow || !s->luma)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < s->slots; i++)
        s->flows[i] = NONE;
    return avsn_flow_create(s->context, &params, s->image->width, s->image->height, &s->engine);
}

avsound_status avsn_strip_create(const avsound_model *model, avsn_strip **out)
{
    *out = NULL;
    avsn_strip *s = avsn_alloc_zeroed(model->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(model->context);
    s->image = &model->config.image;
    s->around = model->arch->around;
    s->slots = 2 * s->around + 1;
    s->pixels = (size_t)s->image->width * (size_t)s->image->height;
    s->rgb = avsn_alloc(s->context, (size_t)s->slots * s->pixels, 3);
    avsound_status status = s->rgb ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    if (!status && model->arch->flow)
        status = make_flow(s);
    if (status) {
        avsn_strip_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsn_strip_free(avsn_strip *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_flow_free(s->engine);
    avsn_framer_free(context, &s->framer);
    avsn_free(context, s->frame.bytes);
    avsn_free(context, s->luma);
    avsn_free(context, s->flow);
    avsn_free(context, s->flows);
    avsn_free(context, s->rgb);
    avsn_free(context, s);
    avsound_context_free(context);
}

static int64_t slot_of(const avsn_strip *s, int64_t frame)
{
    return frame % s->slots;
}

static uint8_t *picture_at(const avsn_strip *s, int64_t frame)
{
    return s->rgb + (size_t)slot_of(s, frame) * 3 * s->pixels;
}

static float *flow_at(const avsn_strip *s, int64_t frame)
{
    return s->flow + (size_t)slot_of(s, frame) * 2 * s->pixels;
}

static avsound_status read_frame(avsn_strip *s, avsn_recording *recording)
{
    const avsn_image_frontend *f = s->image;
    const size_t row = 3 * (size_t)f->width;
    const uint8_t *corner;
    ptrdiff_t stride;
    AVSN_TRY(avsn_recording_frame_near(recording, s->next * AVSN_STRIP_US, &s->frame));
    AVSN_TRY(avsn_framer_cut(s->context, &s->framer, f, &s->frame.view, AVSN_CENTRE, f->width, f->height, &corner, &stride));
    uint8_t *to = picture_at(s, s->next);
    for (int32_t y = 0; y < f->height; y++)
        memcpy(to + (size_t)y * row, corner + y * stride, row);
    s->next++;
    s->first = AVSN_MAX(s->first, s->next - s->slots);
    return AVSOUND_OK;
}

/* The frame that stands for number `frame`. */
static int64_t held(const avsn_strip *s, int64_t frame)
{
    return AVSN_MIN(AVSN_MAX(frame, s->first), s->next - 1);
}

static void find_flow(avsn_strip *s, int64_t frame)
{
    const avsn_image_frontend *f = s->image;
    const ptrdiff_t row = 3 * (ptrdiff_t)f->width;
    float *flow = flow_at(s, frame);
    if (s->flows[slot_of(s, frame)] == frame)
        return;
    avsn_flow_luma(picture_at(s, frame), row, f->width, f->height, s->luma);
    avsn_flow_luma(picture_at(s, frame + 1), row, f->width, f->height, s->luma + s->pixels);
    avsn_flow_run(s->engine, s->luma, s->luma + s->pixels, flow);
    avsn_flow_scale(flow, f->width, f->height);
    s->flows[slot_of(s, frame)] = frame;
}

avsound_status avsn_strip_show(avsn_strip *s, avsn_recording *recording, int64_t centre)
{
    const int64_t first = AVSN_MAX(centre - s->around, 0);
    if (!s->ended && s->next < first)
        s->first = s->next = first;
    while (!s->ended && s->next <= centre + s->around) {
        const avsound_status status = read_frame(s, recording);
        s->ended = status == AVSOUND_E_END && s->next > s->first;
        if (status && !s->ended)
            return status;
    }
    if (centre >= s->next)
        return avsn_fail(AVSOUND_E_END, "no more frames");
    for (int64_t k = held(s, first); s->engine && k < held(s, centre + s->around); k++)
        find_flow(s, k);
    s->centre = centre;
    return AVSOUND_OK;
}

void avsn_strip_copy(const avsn_strip *s, uint8_t *rgb, float *flow)
{
    const size_t picture = 3 * s->pixels, field = 2 * s->pixels;
    for (int32_t i = 0; i < s->slots; i++)
        memcpy(rgb + (size_t)i * picture, picture_at(s, held(s, s->centre - s->around + i)), picture);
    for (int32_t i = 0; flow && i < s->slots - 1; i++, flow += field) {
        const int64_t from = held(s, s->centre - s->around + i), to = held(s, s->centre - s->around + i + 1);
        if (from == to)
            memset(flow, 0, field * sizeof *flow);
        else
            memcpy(flow, flow_at(s, from), field * sizeof *flow);
    }
}
