/* The training run behind its handle. */
#ifndef AVSN_TRAINER_H
#define AVSN_TRAINER_H

#include <avsound/train.h>

#include "train/classes.h"
#include "train/curves.h"
#include "train/dataset.h"
#include "train/health.h"
#include "train/loader.h"
#include "train/log.h"
#include "train/optimizer.h"
#include "train/settings.h"
#include "train/step.h"
#include "train/store.h"

/* What a checkpoint keeps besides the blocks. */
typedef struct avsn_progress {
    int64_t step;      /* completed */
    int32_t epoch;     /* completed */
    int32_t best_epoch;
    double best_accuracy; /* NaN: none yet */
    double sum_loss, sum_accuracy; /* over this epoch's steps so far */
} avsn_progress;

struct avsound_trainer {
    avsound_context *context;
    avsn_parallel *parallel; /* NULL: this process alone */
    int32_t batch;           /* this process's share of the run's */
    avsn_part part;          /* of the clips: what the objective looks at; one alone: it compares views */
    avsound_model *model; /* what the run began with */
    avsn_settings settings;
    char *folder;
    avsn_dataset *data, *validation; /* validation may be NULL */
    avsn_classes *classes;           /* NULL: another objective than AVSOUND_OBJECTIVE_CLASSIFY */
    avsn_loader *loader, *validation_loader;
    avsn_store *store;
    avsn_optimizer optimizer;
    float *average;       /* block; NULL: the run does not average */
    avsn_params averaged; /* of that block */
    avsn_step *step;
    avsn_judge *judge; /* NULL: nothing to validate on */
    avsn_schedule schedule;
    int64_t steps_per_epoch;
    avsn_progress progress;
    bool resumed;
    avsn_history history;
    avsn_health health;
    avsn_run_log *log; /* while it runs */
    avsound_training_state state;
    double saved_at;    /* seconds of the clock at the last checkpoint */
};

/* What is written, drawn and logged is written by one process of those that train together. */
static inline bool avsn_trainer_writes(const avsound_trainer *trainer)
{
    return avsn_parallel_rank(trainer->parallel) == 0;
}

/* Process 0's weights and moments go to all. Nothing but different machines' roundings can have made others differ. */
void avsn_trainer_share(avsound_trainer *trainer);

/* Of views, lags, classes and separation: what is judged are batches, not pairs. */
bool avsn_trainer_judges_batches(const avsound_trainer *trainer);

/* The accuracy of a guess, in training or validation. */
double avsn_trainer_chance(const avsound_trainer *trainer, bool validation);

/* ---- validate.c ---- */

typedef struct avsn_validation {
    double loss, accuracy, auc;
    double error; /* of lags: median, in ms */
} avsn_validation;

/* One positive and one negative pair a clip and draw, the same ones every time. Of views: as many batches as show each clip once
 * a draw, as in training; they have no AUC. Of lags, classes and separation: each clip once a draw. */
avsound_status avsn_validate(avsound_trainer *trainer, avsn_validation *out);

/* ---- keep.c: what a run leaves in its folder ---- */

/* "FOLDER/NAME"; the caller frees with avsn_free. */
avsound_status avsn_trainer_path(const avsound_trainer *trainer, const char *name, char **path);
avsound_status avsn_trainer_save_checkpoint(avsound_trainer *trainer);
avsound_status avsn_trainer_load_checkpoint(avsound_trainer *trainer, const avsn_safetensors *file);
avsound_status avsn_trainer_save_model(avsound_trainer *trainer, const char *name);

#endif
