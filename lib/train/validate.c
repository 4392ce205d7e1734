#include "train/lags.h"
#include "train/trainer.h"

#include <avsound/metrics.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of all pairs, in their order; each process fills in those that it has judged, the rest is 0. */
typedef struct answers {
    float *scores, *logits, *labels;
    float *positive, *negative; /* the scores, sorted into either kind */
    int64_t pairs, positives, negatives;
    double loss;
} answers;

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static void sort(answers *a)
{
    for (int64_t i = 0; i < a->pairs; i++) {
        const bool corresponds = a->labels[i] > 0;
        a->loss += softplus(corresponds ? -(double)a->logits[i] : (double)a->logits[i]);
        if (corresponds)
            a->positive[a->positives++] = a->scores[i];
        else
            a->negative[a->negatives++] = a->scores[i];
    }
}

/* This process's share of the pairs. */
static avsound_status judge_own(avsound_trainer *t, float *scores, float *logits, answers *a)
{
    const int64_t size = t->batch, stride = size * avsn_parallel_ranks(t->parallel);
    AVSN_TRY(avsn_loader_start(t->validation_loader, 0, 0));
    for (int64_t begin = size * avsn_parallel_rank(t->parallel); begin < a->pairs; begin += stride) {
        const avsn_batch *batch;
        const size_t count = (size_t)AVSN_MIN(size, a->pairs - begin);
        AVSN_TRY(avsn_loader_next(t->validation_loader, &batch));
        AVSN_TRY(avsn_judge_run(t->judge, batch, scores, logits));
        memcpy(a->scores + begin, scores, count * sizeof *scores);
        memcpy(a->logits + begin, logits, count * sizeof *logits);
        memcpy(a->labels + begin, batch->label, count * sizeof *batch->label);
    }
    return AVSOUND_OK;
}

bool avsn_trainer_judges_batches(const avsound_trainer *t)
{
    return t->part != AVSN_PART_BOTH || t->settings.options.objective == AVSOUND_OBJECTIVE_LAGS ||
           t->settings.options.objective == AVSOUND_OBJECTIVE_SEPARATE || t->classes != NULL;
}

static int64_t count_batches(const avsound_trainer *t)
{
    const int64_t items = avsn_loader_items(t->validation_loader), draws = t->settings.options.validation_draws;
    const int64_t round = avsn_loader_round(t->validation_loader);
    return t->part != AVSN_PART_BOTH ? round / items * draws : (round * draws + items - 1) / items;
}

/* Sums of losses and accuracies, and the number of batches; of lags the errors, 0 for other processes' clips. */
static avsound_status judge_own_batches(avsound_trainer *t, int64_t batches, double sums[3], float *errors)
{
    const int64_t items = avsn_loader_items(t->validation_loader), ranks = avsn_parallel_ranks(t->parallel);
    AVSN_TRY(avsn_loader_start(t->validation_loader, 0, 0));
    for (int64_t i = avsn_parallel_rank(t->parallel); i < batches; i += ranks) {
        const avsn_batch *batch;
        avsn_step_result result;
        AVSN_TRY(avsn_loader_next(t->validation_loader, &batch));
        AVSN_TRY(avsn_judge_loss(t->judge, batch, &result, errors + i * items));
        sums[0] += result.loss;
        sums[1] += result.accuracy;
        sums[2]++;
    }
    return AVSOUND_OK;
}

static int compare_floats(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

/* In ms; the upper of two in the middle. */
static double median_error(const avsound_trainer *t, float *errors, int64_t count)
{
    int32_t lag;
    if (t->settings.options.objective != AVSOUND_OBJECTIVE_LAGS || avsn_lag_samples(&t->model->config.audio, &lag))
        return NAN;
    qsort(errors, (size_t)count, sizeof *errors, compare_floats);
    return (double)errors[count / 2] * lag * 1000 / AVSN_SAMPLE_RATE;
}

static avsound_status validate_batches(avsound_trainer *t, avsn_validation *out)
{
    double sums[3] = {0};
    const int64_t batches = count_batches(t), count = batches * avsn_loader_items(t->validation_loader);
    float *errors = avsn_alloc_zeroed(t->context, (size_t)AVSN_MAX(count, 1), sizeof *errors);
    if (!errors)
        return AVSOUND_E_NO_MEMORY;
    avsound_status status = avsn_parallel_agree(t->parallel, judge_own_batches(t, batches, sums, errors), NULL);
    if (!status) {
        avsn_parallel_start_sum(t->parallel, errors, (size_t)count);
        status = avsn_parallel_wait(t->parallel);
    }
    if (!status) {
        avsn_parallel_sum(t->parallel, sums, 3);
        *out = (avsn_validation){.loss = sums[0] / sums[2],
                                 .accuracy = sums[1] / sums[2],
                                 .auc = NAN,
                                 .error = median_error(t, errors, count)};
    }
    avsn_free(t->context, errors);
    return status;
}

avsound_status avsn_validate(avsound_trainer *t, avsn_validation *out)
{
    *out = (avsn_validation){NAN, NAN, NAN, NAN};
    if (avsn_trainer_judges_batches(t))
        return validate_batches(t, out);
    const size_t half = (size_t)avsn_loader_usable(t->validation_loader) * (size_t)t->settings.options.validation_draws;
    const size_t batch = (size_t)t->batch, pairs = 2 * half;
    float *block = avsn_alloc_zeroed(t->context, 5 * pairs + 2 * batch, sizeof *block);
    if (!block)
        return AVSOUND_E_NO_MEMORY;
    answers a = {.scores = block,
                 .logits = block + pairs,
                 .labels = block + 2 * pairs,
                 .positive = block + 3 * pairs,
                 .negative = block + 4 * pairs,
                 .pairs = (int64_t)pairs};
    avsound_avc_result result = {.struct_size = sizeof result};
    avsound_status status = judge_own(t, block + 5 * pairs, block + 5 * pairs + batch, &a);
    status = avsn_parallel_agree(t->parallel, status, NULL);
    if (!status) {
        avsn_parallel_start_sum(t->parallel, block, 3 * pairs);
        status = avsn_parallel_wait(t->parallel);
    }
    if (!status) {
        sort(&a);
        status = avsound_metric_avc(t->context, a.positive, a.negative, NULL, AVSN_MIN(a.positives, a.negatives), &result);
    }
    avsn_free(t->context, block);
    if (!status)
        *out = (avsn_validation){.loss = a.loss / (double)pairs, .accuracy = result.accuracy, .auc = result.auc,
                                 .error = NAN};
    return status;
}
