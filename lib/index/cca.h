/* Canonical correlations: what two sets of vectors have in common. */
#ifndef AVSN_INDEX_CCA_H
#define AVSN_INDEX_CCA_H

#include "base/zone.h"

enum { AVSN_CCA_MOST_DIMENSION = 1 << 14 };

typedef struct avsn_cca_side {
    int32_t dimension;
    float *mean;    /* [dimension] */
    float *weights; /* [components][dimension] */
} avsn_cca_side;

typedef struct avsn_cca {
    int32_t components;
    avsn_cca_side sides[2];
    float *correlations; /* [components], descending */
    bool unit;           /* vectors are made of length 1 before they are projected: those that were fitted are */
} avsn_cca;

typedef struct avsn_cca_vectors {
    const char *name; /* for errors */
    const float *vectors;
    const int64_t *rows; /* of each pair; NULL: 0, 1, 2... */
    int32_t dimension;
} avsn_cca_vectors;

typedef struct avsn_cca_pairs {
    int64_t count;
    avsn_cca_vectors sides[2];
    double regularisation;
} avsn_cca_pairs;

/* Room for a fit, to be filled in. */
avsound_status avsn_cca_allocate(avsn_zone *zone, int32_t components, const int32_t dimensions[2], avsn_cca *out);
/* Into one that was allocated for these dimensions; it may turn out to have fewer components. */
avsound_status avsn_cca_fit(avsound_context *context, const avsn_cca_pairs *pairs, avsn_cca *cca);
/* projected [count][components], of length 1. */
void avsn_cca_project(const avsn_cca *cca, int side, const float *vectors, int64_t count, float *projected);

#endif
