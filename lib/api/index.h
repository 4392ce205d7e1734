/* An index in memory: all but its vectors, which are mapped. */
#ifndef AVSN_API_INDEX_H
#define AVSN_API_INDEX_H

#include <avsound/index.h>

#include "base/zone.h"
#include "index/search.h"
#include "index/store.h"
#include "network/network.h"

typedef struct avsn_index_file {
    int64_t number; /* in the database */
    const char *path, *error;
    int64_t size, mtime_ns;
    int64_t run[AVSN_STORE_SIDES]; /* -1: no items */
} avsn_index_file;

/* The items of one modality. */
typedef struct avsn_index_side {
    avsn_run *runs; /* one a file */
    int64_t run_count, items;
    size_t run_room, time_room;
    int64_t *times;       /* [items] */
    const float *vectors; /* of the rows that runs speak of */
    int32_t dimension;
    avsn_run *packed; /* where vectors were replaced: runs in rows of `replaced`; else NULL */
    float *replaced;
    int32_t replaced_dimension;
} avsn_index_side;

struct avsound_index {
    avsound_context *context;
    avsn_store *store;
    avsn_store_about about;
    avsn_zone strings;
    avsn_index_file *files; /* by number */
    int64_t file_count, failed;
    size_t file_room;
    avsn_index_side sides[AVSN_STORE_SIDES];
};

/* Index of a file with this path and these properties; -1: none. */
int64_t avsn_index_find(const avsound_index *index, const char *path, int64_t size, int64_t mtime_ns);
/* Copies a vector and makes it of length 1; false if it has no direction, or is not finite. */
bool avsn_index_normalise(const float *vector, int64_t dimension, float *to);
/* Which network a model is: what an index keeps of it. */
avsound_status avsn_index_identify(const avsound_model *model, char text[AVSN_DIGEST_TEXT]);

#endif
