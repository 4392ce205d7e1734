/* A model's parameters by name: f32, wherever they lie (mapped file or memory). */
#ifndef AVSN_PARAMS_H
#define AVSN_PARAMS_H

#include "tensor/tensor.h"

typedef struct avsn_named_tensor {
    const char *name;
    avsn_shape shape;
    const float *data;
} avsn_named_tensor;

typedef struct avsn_params {
    avsn_named_tensor *items; /* ordered by name (strcmp) */
    int32_t count;
} avsn_params;

AVSN_SHARED const avsn_named_tensor *avsn_params_find(const avsn_params *params, const char *name); /* NULL if absent */

#define AVSN_DIGEST_TEXT 65 /* a SHA-256 in lower-case hexadecimal and a final 0 */
/* Of these words, and of all names and values: which network it is, wherever it came from. */
avsound_status avsn_params_digest(avsound_context *context, const char *words, const avsn_params *params,
                                  char text[AVSN_DIGEST_TEXT]);

#endif
