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

/* Other vectors in place of an index's own. */
typedef struct avsn_index_projection {
    float *vectors; /* [items][dimension]; NULL: there are none */
    avsn_run *runs; /* in their rows */
    int32_t dimension;
} avsn_index_projection;

/* The items of one modality. */
typedef struct avsn_index_side {
    avsn_run *runs; /* one a file */
    int64_t run_count, items;
    size_t run_room, time_room;
    int64_t *times;       /* [items] */
    const float *vectors; /* of the rows that runs speak of */
    int32_t dimension;
    avsn_index_projection replaced;
    avsn_rounded rounded; /* of what is searched */
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
/* Room for vectors of so many numbers, side `side`'s items one behind the other. */
avsound_status avsn_index_projection_create(const avsound_index *index, int side, int32_t dimension, avsn_index_projection *out);
void avsn_index_projection_free(const avsound_index *index, avsn_index_projection *projection);
/* Searches them from now on; they are the index's then. */
void avsn_index_projection_use(avsound_index *index, int side, avsn_index_projection *projection);
/* Which network a model is: what an index keeps of it. */
avsound_status avsn_index_identify(const avsound_model *model, char text[AVSN_DIGEST_TEXT]);

#endif
