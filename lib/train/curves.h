/* The history of a training run, and its picture. */
#ifndef AVSN_CURVES_H
#define AVSN_CURVES_H

#include "base/base.h"

/* One optimiser step. NAN: not measured. */
typedef struct avsn_history_step {
    int64_t step;   /* counted from 1 */
    int32_t epoch;  /* counted from 1 */
    bool clipped;   /* the gradient was scaled down to the limit of its norm */
    float loss;
    float accuracy; /* 0...1 */
    float learning_rate;
    float gradient_norm; /* before clipping */
} avsn_history_step;

/* The validation after an epoch. NAN: not measured. */
typedef struct avsn_history_epoch {
    int64_t step; /* steps done */
    int32_t epoch;
    float loss, accuracy, auc, error;
} avsn_history_epoch;

typedef struct avsn_history {
    avsound_context *context;
    avsn_history_step *steps; /* ascending */
    size_t step_count, step_capacity;
    avsn_history_epoch *epochs; /* ascending */
    size_t epoch_count, epoch_capacity;
} avsn_history;

void avsn_history_init(avsn_history *history, avsound_context *context);
void avsn_history_free(avsn_history *history); /* what it holds; may be filled again after init */
/* A step or epoch that is not behind the last one is refused: AVSOUND_E_INVALID_ARGUMENT. */
avsound_status avsn_history_add_step(avsn_history *history, const avsn_history_step *step);
avsound_status avsn_history_add_epoch(avsn_history *history, const avsn_history_epoch *epoch);

/* Draws loss and accuracy over the steps: training smoothed over its faint raw values, validation as dots, chance
 * dashed. `title` (NULL: none) stands on top: the run's facts in a line. The file appears whole or not at all. */
avsound_status avsn_curves_write(const avsn_history *history, double chance, const char *title, const char *path);

/* The mean over `radius` neighbours on either side, those that exist and are finite; NAN where none is. */
void avsn_smooth(const double *values, size_t count, size_t radius, double *smooth);

#endif
