#include "train/trainer.h"

#include <avsound/metrics.h>

#include <math.h>

typedef struct answers {
    float *scores, *logits; /* of one batch */
    float *positive, *negative; /* of all pairs of either kind */
    int64_t positives, negatives;
    double loss;
} answers;

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static void sort_in(answers *a, const avsn_batch *batch, int64_t pairs)
{
    for (int32_t i = 0; i < batch->size && i < pairs; i++) {
        const bool corresponds = batch->label[i] > 0;
        a->loss += softplus(corresponds ? -(double)a->logits[i] : (double)a->logits[i]);
        if (corresponds)
            a->positive[a->positives++] = a->scores[i];
        else
            a->negative[a->negatives++] = a->scores[i];
    }
}

static avsound_status judge_all(avsound_trainer *t, int64_t pairs, answers *a)
{
    const int32_t size = t->settings.options.batch;
    AVSN_TRY(avsn_loader_start(t->validation_loader, 0, 0));
    for (int64_t begin = 0; begin < pairs; begin += size) {
        const avsn_batch *batch;
        AVSN_TRY(avsn_loader_next(t->validation_loader, &batch));
        AVSN_TRY(avsn_judge_run(t->judge, batch, a->scores, a->logits));
        sort_in(a, batch, pairs - begin);
    }
    return AVSOUND_OK;
}

avsound_status avsn_validate(avsound_trainer *t, avsn_validation *out)
{
    const int64_t half = (int64_t)avsn_loader_usable(t->validation_loader) * t->settings.options.validation_draws;
    const size_t batch = (size_t)t->settings.options.batch;
    float *block = avsn_alloc(t->context, 2 * batch + 4 * (size_t)half, sizeof *block);
    if (!block)
        return AVSOUND_E_NO_MEMORY;
    answers a = {.scores = block,
                 .logits = block + batch,
                 .positive = block + 2 * batch,
                 .negative = block + 2 * batch + 2 * half};
    avsound_avc_result result = {.struct_size = sizeof result};
    avsound_status status = judge_all(t, 2 * half, &a);
    if (!status)
        status = avsound_metric_avc(t->context, a.positive, a.negative, NULL, AVSN_MIN(a.positives, a.negatives), &result);
    avsn_free(t->context, block);
    *out = (avsn_validation){
        .loss = a.loss / (double)(2 * half), .accuracy = result.accuracy, .auc = result.auc};
    return status;
}
