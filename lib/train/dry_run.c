#include "train/sheet.h"
#include "train/trainer.h"

/* The batch that the next step begins with; a run under way gets it again. */
avsound_status avsound_trainer_sheet(avsound_trainer *t, const char *path)
{
    if (!t || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", t ? "path" : "trainer");
    if (t->settings.options.objective == AVSOUND_OBJECTIVE_LAGS)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "no sheet shows clips of any lag yet: sheets show what belongs together or does not");
    if (t->model->arch->blind)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "no sheet shows mixtures without pictures yet");
    const int64_t batches = t->steps_per_epoch * t->settings.options.accumulate;
    const int64_t done = t->progress.step * t->settings.options.accumulate;
    const uint64_t epoch = (uint64_t)(done / batches), step = (uint64_t)(done % batches);
    const avsn_batch *batch;
    AVSN_TRY(avsn_loader_start(t->loader, epoch, step));
    AVSN_TRY(avsn_loader_next(t->loader, &batch));
    const avsn_model_config *config = &t->model->config;
    AVSN_TRY(avsn_sheet_write(t->context, batch, t->data, &config->image, &config->audio, &config->clip, NULL, path));
    return avsn_loader_start(t->loader, epoch, step);
}
