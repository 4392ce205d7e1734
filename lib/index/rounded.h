/* Vectors rounded to 8 bits, each by its own scale: a quarter of the bytes to read, to find whom to look at exactly. */
#ifndef AVSN_INDEX_ROUNDED_H
#define AVSN_INDEX_ROUNDED_H

#include "base/base.h"

typedef struct avsn_rounded {
    int8_t *values; /* [rows][dimension]; NULL: there are none */
    float *scales;  /* [rows] a vector is its values times this */
} avsn_rounded;

avsound_status avsn_rounded_create(avsound_context *context, const float *vectors, int64_t rows, int64_t dimension,
                                   avsn_rounded *out);
void avsn_rounded_free(avsound_context *context, avsn_rounded *rounded);

/* A query for avsn_products_rounded(): as fine as sums of products with 8-bit numbers allow. Its scale is dropped. */
void avsn_rounded_query(const float *query, int64_t dimension, int16_t *to);

#endif
