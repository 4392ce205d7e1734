/* Adam or momentum, and what goes with them: learning-rate schedules, shortening of long gradients, averaged weights. */
#ifndef AVSN_OPTIMIZER_H
#define AVSN_OPTIMIZER_H

#include "train/store.h"

typedef struct avsn_optimizer {
    int32_t kind;        /* AVSOUND_OPTIMIZER_ constant */
    double weight_decay; /* L2: added to the gradient, as in the paper's optimiser; 0: none */
    double clip_norm;    /* 0: never */
    int64_t steps;       /* taken */
    float *mean, *square; /* blocks of the store: the moments; of momentum `mean` is the velocity, and there is no square */
} avsn_optimizer;

/* gradients[i] is parameter i's, NULL for state. Returns their Euclidean norm over all parameters, before clipping and without
 * weight decay; where it is not finite nothing is changed. Kingma and Ba 2015, algorithm 1, with beta 0.9 and 0.999,
 * epsilon 1e-8; or v = 0.9 v + g, w -= rate v. */
double avsn_optimizer_step(avsn_optimizer *optimizer, avsn_store *store, const float *const *gradients, double rate);

/* average = decay * average + (1 - decay) * values, state included. With few steps taken, a smaller decay,
 * (1 + steps) / (10 + steps), lets go of the first weights sooner. */
void avsn_average_step(const avsn_store *store, float *average, double decay, int64_t steps);

typedef struct avsn_schedule {
    int32_t kind; /* AVSOUND_SCHEDULE_ constant */
    double rate;
    int64_t warmup, steps, steps_per_epoch;
} avsn_schedule;

/* Rate of step 0, 1, ... */
double avsn_schedule_rate(const avsn_schedule *schedule, int64_t step);

#endif
