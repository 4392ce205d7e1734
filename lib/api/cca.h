/* A fit of canonical correlations behind the handle, and whose vectors it is of. */
#ifndef AVSN_API_CCA_H
#define AVSN_API_CCA_H

#include <avsound/cca.h>

#include "index/cca.h"
#include "weights/params.h"

struct avsound_cca {
    avsound_context *context;
    avsn_zone memory;
    avsn_cca fit;
    int64_t pairs;
    const char *arch, *model; /* NULL: not known */
};

/* Fills in components, count (0: all there are) and regularisation where they are 0. */
avsound_status avsn_cca_read_options(const avsound_cca_options *options, avsound_cca_options *o);
/* Fits, with the pairs' dimensions. model: NULL, or its SHA-256, and arch its network: the vectors are of length 1 then. */
avsound_status avsn_cca_create(avsound_context *context, const avsn_cca_pairs *pairs, int32_t components, const char *arch,
                               const char *model, avsound_cca **out);

#endif
