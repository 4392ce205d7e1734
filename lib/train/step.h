/* One step's computation: a batch through the training graph, its loss and gradients; and a batch through the network as it is
 * used, for validation. */
#ifndef AVSN_STEP_H
#define AVSN_STEP_H

#include "exec/plan.h"
#include "train/loader.h"
#include "train/parallel.h"
#include "train/store.h"

typedef struct avsn_step_options {
    int32_t objective; /* AVSOUND_OBJECTIVE_ constant */
    int32_t separation; /* of AVSOUND_OBJECTIVE_SEPARATE: AVSOUND_SEPARATION_ constant, not _AUTO */
    float decibels;     /* and of its levels, where errors count (separate.h) */
    int32_t compute;   /* AVSOUND_DTYPE_F32 or _BF16 */
    int32_t threads, batch; /* of views: two of each clip */
    int32_t sounds; /* as batches have them; 0: 1 */
    uint64_t seed; /* of what each step draws: windows of fractional pooling */
    float momentum; /* of the running statistics */
    avsn_parallel *parallel; /* processes that run the same step on other batches; NULL: none */
    int32_t accumulate;      /* runs from one clear to the next; only other processes need to know */
    bool local_statistics;   /* batch norm looks at this process's batch alone */
} avsn_step_options;

typedef struct avsn_step_result {
    double loss;     /* mean over the batch */
    double accuracy; /* share of pairs told right; contrastive: of pictures whose own sound ranks first; of views: of those
                        whose partner does; of lags: of clips whose likeliest is at most a frame off; of classes: whose
                        likeliest is the label's; of separation: the gain (separate.h) */
} avsn_step_result;

typedef struct avsn_step avsn_step;

/* The step of `model`'s network on `store`, which moves only by its running statistics. Both must outlive it. */
avsound_status avsn_step_create(const avsound_model *model, avsn_store *store, const avsn_step_options *options,
                                avsn_step **out);
void avsn_step_free(avsn_step *step);
/* The gradients are averaged over the calls since avsn_step_clear(), and with the last of them over all processes, while the
 * rest of them is still being computed. The result is this process's. */
avsound_status avsn_step_run(avsn_step *step, const avsn_batch *batch, avsn_step_result *result);
/* For avsn_optimizer_step(). Valid until the next run. */
const float *const *avsn_step_gradients(avsn_step *step);
void avsn_step_clear(avsn_step *step);
/* Runs the batch again and names what is not finite first; an empty text if nothing is. */
avsound_status avsn_step_find_not_finite(avsn_step *step, const avsn_batch *batch, char *where, size_t size);

typedef struct avsn_judge avsn_judge;

/* The network in inference mode on `params`, which may change between runs. */
avsound_status avsn_judge_create(const avsound_model *model, const avsn_params *params, const avsn_step_options *options,
                                 avsn_judge **out);
void avsn_judge_free(avsn_judge *judge);
/* scores: P(corresponds) of each pair of the batch; logits: log(P / (1 - P)). Not for views, lags, classes and
 * separation. */
avsound_status avsn_judge_run(avsn_judge *judge, const avsn_batch *batch, float *scores, float *logits);
/* Of views, lags, classes and separation: the loss and accuracy that training has. errors [size], unless NULL, receives of lags how
 * many each clip's likeliest is off. */
avsound_status avsn_judge_loss(avsn_judge *judge, const avsn_batch *batch, avsn_step_result *result, float *errors);

/* Which part of its clips an objective learns from: not both for those that compare views of one modality. */
avsn_part avsn_objective_part(int32_t objective);
/* "contrastive", as the command line has it. */
const char *avsn_objective_name(int32_t objective);
/* The objective that the architecture's logits have: of `objective` for `model`. */
avsound_status avsn_step_check_objective(const avsound_model *model, int32_t objective);

#endif
