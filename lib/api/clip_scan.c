#include "api/clip_scan.h"

avsound_status avsn_clip_scan_check(const avsound_model *model, int32_t what)
{
    const avsn_arch *arch = model->arch;
    AVSN_TRY(arch->in_time || arch->lags ? AVSOUND_OK : avsn_model_need_picture(model, "a scan"));
    if (what & (AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s has no embeddings: it tells of a clip whether, and where, sound and picture are in "
                  "time", arch->name);
    if (model->config.classes && what & ~(AVSOUND_SCAN_CLASSES | AVSOUND_SCAN_FRAME))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "this %s tells classes apart: it does not tell whether, and where, sound and picture are "
                  "in time", arch->name);
    if (!model->config.classes && what & AVSOUND_SCAN_CLASSES)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "this %s tells whether sound and picture are in time: it knows no classes", arch->name);
    return AVSOUND_OK;
}

avsound_status avsn_clip_scan_create(avsound_model *model, const avsound_source *source, avsn_feed *feed,
                                     const avsound_scan_options *options,
                                     avsn_clip_scan **out)
{
    return model->arch->lags ? avsn_lag_scan_create(model, source, feed, options, out)
                             : avsn_window_scan_create(model, source, feed, options, out);
}

double avsn_clip_scan_latency(const avsound_model *model, const avsound_scan_options *options)
{
    return model->arch->lags ? avsn_lag_scan_latency(model, options) : avsn_window_scan_latency(model, options);
}

avsound_status avsn_clip_scan_show(avsn_clip_scan *s, const avsound_source *source, avsn_feed *feed)
{
    static const avsn_audio_frontend no_sound = {.sample_rate = 0};
    const avsn_recording_options shown = {.source = source, .feed = feed, .frames = true, .start_us = s->options.start_us};
    if (!(s->options.what & (AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME)))
        return AVSOUND_OK;
    return avsn_recording_open(&s->shown, s->context, &no_sound, &shown);
}

avsound_status avsn_clip_scan_pick(avsn_clip_scan *s)
{
    const avsound_scan_options *o = &s->options;
    if (s->picked)
        return AVSOUND_OK;
    if (o->hop_seconds > 0) {
        s->picked_us = avsn_scan_grid_time(o, s->delivered);
        AVSN_TRY(avsn_recording_frame_at(&s->shown, s->picked_us, &s->frame));
    } else {
        AVSN_TRY(avsn_recording_next_frame(&s->shown, o->start_us, &s->frame));
        s->picked_us = s->frame.view.time_us;
    }
    if (o->duration_us && s->picked_us >= o->start_us + o->duration_us)
        return avsn_fail(AVSOUND_E_END, "no more results");
    s->picked = true;
    return AVSOUND_OK;
}

void avsn_clip_scan_free(avsn_clip_scan *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    s->close(s);
    avsn_free(context, s->frame.bytes);
    avsn_recording_close(&s->shown);
    avsn_free(context, s);
}
