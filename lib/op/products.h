/* Scalar products of many vectors with some: what searching comes to. Each is summed in an order that does not depend on where
 * its vector stands, so that equal vectors have equal products. */
#ifndef AVSN_PRODUCTS_H
#define AVSN_PRODUCTS_H

#include "base/base.h"

enum { AVSN_PRODUCTS_LANES = 16 };

/* Queries [count][dimension] as avsn_products() reads them fastest: [count / 16, rounded up][dimension][16], zeros behind the
 * last. `packed` has room for avsn_products_packed(count, dimension) floats. */
size_t avsn_products_packed(int64_t count, int64_t dimension);
void avsn_products_pack(const float *queries, int64_t count, int64_t dimension, float *packed);

/* products [row_count][query_count] of rows [row_count][dimension] and queries, both as they are and packed; on this thread. */
void avsn_products(const float *rows, int64_t row_count, const float *queries, const float *packed, int64_t query_count,
                   int64_t dimension, float *products);

/* The same of rows and queries of small whole numbers, whose sums fit 32 bits; a row's are times its scale. */
void avsn_products_rounded(const int8_t *rows, const float *scales, int64_t row_count, const int16_t *queries, int64_t query_count,
                           int64_t dimension, float *products);

#endif
