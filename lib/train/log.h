/* A run's log: JSON Lines, an object a line, each written at once. docs/training.md documents the keys. */
#ifndef AVSN_RUN_LOG_H
#define AVSN_RUN_LOG_H

#include <jansson.h>

#include "train/curves.h"

typedef struct avsn_run_log avsn_run_log;

/* Opens the log of a new run (resume_step < 0, the file begins empty), or of one that goes on from a checkpoint: the
 * file is cut before the first line that is beyond its step or cannot be read, as these steps will be taken again. What
 * stays is put into `history`, which may be NULL. A missing file is no error. */
avsound_status avsn_run_log_open(avsound_context *context, const char *path, int64_t resume_step, avsn_history *history,
                                 avsn_run_log **out);
void avsn_run_log_free(avsn_run_log *log);

/* {"event": event, "step": step, "time": now in UTC, ...fields}. Takes `fields` over; NULL: none. */
avsound_status avsn_run_log_event(avsn_run_log *log, const char *event, int64_t step, json_t *fields);
/* {"event": event, ..., "message": message} */
avsound_status avsn_run_log_message(avsn_run_log *log, const char *event, int64_t step, const char *message);

/* A step or epoch that the log has already is left out: each occurs once. `seconds` and `waited` are those of this
 * process: spent training, and of these spent waiting for data. */
avsound_status avsn_run_log_step(avsn_run_log *log, const avsn_history_step *step, double seconds, double waited);
avsound_status avsn_run_log_epoch(avsn_run_log *log, const avsn_history_epoch *epoch, double train_loss,
                                  double train_accuracy, double seconds, double waited);

#endif
