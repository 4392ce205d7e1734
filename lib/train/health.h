/* What looks wrong with a run, in a sentence that says where to look. */
#ifndef AVSN_HEALTH_H
#define AVSN_HEALTH_H

#include "train/curves.h"

enum {
    AVSN_HEALTH_CHANCE,    /* training accuracy does not leave chance */
    AVSN_HEALTH_DIVERGES,  /* training loss climbs */
    AVSN_HEALTH_VANISHES,  /* gradients are next to nothing */
    AVSN_HEALTH_CLIPPED,   /* nearly every gradient is shortened */
    AVSN_HEALTH_OVERFITS,  /* validation loss rises while training loss falls */
    AVSN_HEALTH_MEMORISES, /* training accuracy is high, validation accuracy at chance */
    AVSN_HEALTH_STARVES,   /* steps wait for data */
    AVSN_HEALTH_COUNT
};

/* What the history does not say. */
typedef struct avsn_health_facts {
    double chance;            /* training accuracy of a guess: 0.5; contrastive 1 / batch */
    double validation_chance; /* 0.5 */
    double pairs;             /* per step */
    double clip_norm;         /* 0: none */
    double seconds, waited;   /* of this process: training, and waiting for data meanwhile */
} avsn_health_facts;

/* Looks for one thing at the history's end. Returns the steps that it has lasted, with the sentence in `line`, or 0. */
int64_t avsn_health_look(const avsn_history *history, const avsn_health_facts *facts, int32_t kind, char *line,
                         size_t size);

/* The step at which each thing was told last; zeros at first. */
typedef struct avsn_health {
    int64_t told[AVSN_HEALTH_COUNT];
} avsn_health;

/* The next sentence that is worth telling at this point, if any: a thing is told when it is first seen, and again when
 * the run is twice as old and it is still so. Cheap enough for every hundred steps. */
bool avsn_health_next(avsn_health *health, const avsn_history *history, const avsn_health_facts *facts, char *line,
                      size_t size);

#endif
