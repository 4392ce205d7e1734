#include "api/meter.h"

avsound_status avsn_meter_create(const avsound_model *model, const avsn_meter_options *options, avsn_meter **out)
{
    *out = NULL;
    if (model->arch->lags)
        return avsn_towers_create(model, options, out);
    AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s cannot tell by how much sound and picture are apart: sync-net can",
              model->arch->name);
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
