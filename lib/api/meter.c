#include "api/meter.h"

avsound_status avsn_meter_check(const avsound_model *model)
{
    if (!model->arch->lags)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s cannot tell by how much sound and picture are apart: sync-net can",
                  model->arch->name);
    return AVSOUND_OK;
}

avsound_status avsn_meter_create(const avsound_model *model, const avsn_meter_options *options, avsn_meter **out)
{
    return avsn_towers_create(model, options, out);
}

double avsn_meter_latency(const avsound_model *model, double range_seconds)
{
    return avsn_towers_latency(model, range_seconds);
}

void avsn_meter_free(avsn_meter *meter)
{
    if (!meter)
        return;
    avsound_context *context = meter->context;
    meter->free(meter);
    avsn_reel_close(&meter->reel);
    avsn_free(context, meter);
}
