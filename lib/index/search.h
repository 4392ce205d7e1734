/* The nearest of many vectors by scalar product: every vector is looked at, exactly, or rounded first. */
#ifndef AVSN_INDEX_SEARCH_H
#define AVSN_INDEX_SEARCH_H

#include "index/rounded.h"

/* Items that lie together: of one file. */
typedef struct avsn_run {
    int64_t row, item, count; /* the first's row and number */
    int64_t file;
} avsn_run;

typedef struct avsn_search {
    const float *vectors; /* [rows][dimension] */
    int64_t dimension;
    const avsn_run *runs; /* rows and items ascend */
    int64_t run_count;
    const float *queries; /* [query_count][dimension] */
    int64_t query_count;
    int64_t k;        /* at least 1 */
    int64_t per_file; /* most answers of one file; 0: any number */
    int32_t threads;
    const avsn_rounded *rounded; /* NULL: every vector is looked at exactly */
    int64_t shortlist; /* of those found among the rounded ones, so many are; at least k */
} avsn_search;

/* The k best of each query, the best first, of equals the first: items [query_count][k], -1 behind the last, and scores. */
avsound_status avsn_search_run(avsound_context *context, const avsn_search *search, int64_t *items, float *scores);
/* The run that an item is in. */
int64_t avsn_run_of(const avsn_run *runs, int64_t count, int64_t item);

#endif
