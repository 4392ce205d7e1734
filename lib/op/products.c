#include "op/products.h"

#include "op/lanes.h"

/* For so few queries the time goes into reading the rows, and lanes over their elements keep up with the memory. For more,
 * lanes are over queries, and TILE rows share each query's element. */
enum { FEW = 4, LANES = AVSN_PRODUCTS_LANES, TILE = 8, WIDE = 2048 };

AVSN_LOOP one_by_one(const float *restrict rows, int64_t row_count, const float *restrict queries, int64_t query_count,
                     int64_t dimension, float *restrict products)
{
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t q = 0; q < query_count; q++) {
            const float *row = rows + r * dimension, *query = queries + q * dimension;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < dimension; i++)
                sum += row[i] * query[i];
            products[r * query_count + q] = sum;
        }
}

/* `count` rows, TILE at most, with one group of queries. */
AVSN_LOOP tile(const float *restrict rows, int64_t count, const float *restrict packed, int64_t dimension,
               float sums[TILE][LANES])
{
    const float *row[TILE];
    for (int64_t t = 0; t < TILE; t++) {
        row[t] = rows + AVSN_MIN(t, count - 1) * dimension;
        for (int64_t q = 0; q < LANES; q++)
            sums[t][q] = 0;
    }
    for (int64_t i = 0; i < dimension; i++)
        for (int64_t t = 0; t < TILE; t++) {
            const float x = row[t][i];
#pragma omp simd
            for (int64_t q = 0; q < LANES; q++)
                sums[t][q] += x * packed[i * LANES + q];
        }
}

AVSN_LOOP by_tiles(const float *restrict rows, int64_t row_count, const float *restrict packed, int64_t query_count,
                   int64_t dimension, float *restrict products)
{
    for (int64_t r = 0; r < row_count; r += TILE)
        for (int64_t q = 0; q < query_count; q += LANES) {
            float sums[TILE][LANES];
            const int64_t count = AVSN_MIN(row_count - r, TILE), lanes = AVSN_MIN(query_count - q, LANES);
            tile(rows + r * dimension, count, packed + q * dimension, dimension, sums);
            for (int64_t t = 0; t < count; t++)
                for (int64_t l = 0; l < lanes; l++)
                    products[(r + t) * query_count + q + l] = sums[t][l];
        }
}

AVSN_LOOP_VARIANTS(one_by_one,
                   (const float *restrict rows, int64_t row_count, const float *restrict queries, int64_t query_count,
                    int64_t dimension, float *restrict products),
                   (rows, row_count, queries, query_count, dimension, products))
AVSN_LOOP_VARIANTS(by_tiles,
                   (const float *restrict rows, int64_t row_count, const float *restrict packed, int64_t query_count,
                    int64_t dimension, float *restrict products),
                   (rows, row_count, packed, query_count, dimension, products))

/* Rows are widened once for all queries: then two products of 16 bits and their sum are one instruction. */
AVSN_LOOP small_numbers(const int8_t *restrict rows, const float *restrict scales, int64_t row_count,
                        const int16_t *restrict queries, int64_t query_count, int64_t dimension, float *restrict products)
{
    int16_t wide[WIDE];
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t begin = 0; begin < dimension; begin += WIDE) {
            const int64_t count = AVSN_MIN(dimension - begin, (int64_t)WIDE);
            const int8_t *row = rows + r * dimension + begin;
#pragma omp simd
            for (int64_t i = 0; i < count; i++)
                wide[i] = row[i];
            for (int64_t q = 0; q < query_count; q++) {
                const int16_t *query = queries + q * dimension + begin;
                float *to = &products[r * query_count + q];
                int32_t sum = 0;
                for (int64_t i = 0; i < count; i++) /* no "omp simd" here: gcc 12 then misses that instruction */
                    sum += wide[i] * query[i];
                *to = (begin ? *to : 0) + scales[r] * (float)sum;
            }
        }
}

AVSN_LOOP_VARIANTS(small_numbers,
                   (const int8_t *restrict rows, const float *restrict scales, int64_t row_count,
                    const int16_t *restrict queries, int64_t query_count, int64_t dimension, float *restrict products),
                   (rows, scales, row_count, queries, query_count, dimension, products))

void avsn_products_rounded(const int8_t *rows, const float *scales, int64_t row_count, const int16_t *queries, int64_t query_count,
                           int64_t dimension, float *products)
{
    small_numbers_variants[avsn_loop_variant()](rows, scales, row_count, queries, query_count, dimension, products);
}

size_t avsn_products_packed(int64_t count, int64_t dimension)
{
    return (size_t)((count + LANES - 1) / LANES * LANES) * (size_t)dimension;
}

void avsn_products_pack(const float *queries, int64_t count, int64_t dimension, float *packed)
{
    const int64_t whole = (count + LANES - 1) / LANES * LANES;
    for (int64_t q = 0; q < whole; q++)
        for (int64_t i = 0; i < dimension; i++)
            packed[q / LANES * LANES * dimension + i * LANES + q % LANES] = q < count ? queries[q * dimension + i] : 0;
}

void avsn_products(const float *rows, int64_t row_count, const float *queries, const float *packed, int64_t query_count,
                   int64_t dimension, float *products)
{
    if (query_count <= FEW)
        one_by_one_variants[avsn_loop_variant()](rows, row_count, queries, query_count, dimension, products);
    else
        by_tiles_variants[avsn_loop_variant()](rows, row_count, packed, query_count, dimension, products);
}
