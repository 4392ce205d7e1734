/* An index on disk: a SQLite database of files and times, and beside it two files of vectors, of pictures and of sounds. A row
 * of vectors is on disk before the database speaks of it, and stays as it is: whoever is stopped, by whatever, leaves at most
 * rows that nobody knows of, which the next writer drops. */
#ifndef AVSN_INDEX_STORE_H
#define AVSN_INDEX_STORE_H

#include "base/base.h"

enum { AVSN_STORE_IMAGE, AVSN_STORE_SOUND, AVSN_STORE_SIDES };

/* What all items of an index have in common. */
typedef struct avsn_store_about {
    char model[65]; /* which network made the vectors: a SHA-256 in hexadecimal */
    char arch[64];
    int32_t aligned;    /* pictures and sounds can be compared with each other */
    int32_t modalities; /* bit 1 << side */
    int32_t dimension[AVSN_STORE_SIDES];
    int64_t hop_us;
} avsn_store_about;

typedef struct avsn_store_file {
    const char *path;
    int64_t size, mtime_ns; /* when it was read */
    const char *error;      /* why it could not be read, or not to its end; NULL */
} avsn_store_file;

/* A file's vectors of a side: rows first...first + count - 1, in the order of time. */
typedef struct avsn_store_segment {
    int64_t file; /* its number in the database */
    int64_t first, count;
    const unsigned char *times; /* [count] 64-bit integers, microseconds; not aligned */
} avsn_store_segment;

typedef struct avsn_store avsn_store;

/* Opens an index. Whoever writes makes it where it is missing, and is alone in writing: AVSOUND_E_STATE where another does. The
 * reader's view is that of this moment, whatever is written later. */
avsound_status avsn_store_open(avsound_context *context, const char *path, bool writing, avsn_store **out);
/* NULL of an index that has just been made: it needs avsn_store_found() first. */
const avsn_store_about *avsn_store_get_about(const avsn_store *store);
const char *avsn_store_path(const avsn_store *store);
avsound_status avsn_store_found(avsn_store *store, const avsn_store_about *about);
void avsn_store_close(avsn_store *store); /* what was not committed is lost */

/* ---- reading; strings and pointers are valid during a call of `each` ---- */

typedef avsound_status (*avsn_store_file_fn)(void *user, int64_t number, const avsn_store_file *file);
typedef avsound_status (*avsn_store_segment_fn)(void *user, const avsn_store_segment *segment);
avsound_status avsn_store_each_file(avsn_store *store, avsn_store_file_fn each, void *user);       /* by number */
avsound_status avsn_store_each_segment(avsn_store *store, int side, avsn_store_segment_fn each, void *user); /* by row */
/* Lets go of the database, so that it may be written: only vectors can be read from here on. */
void avsn_store_settle(avsn_store *store);
/* Vectors of a reader. Rows that no segment has are of files that were replaced. */
const float *avsn_store_vectors(const avsn_store *store, int side);
/* Looks a path up. *known: it is there, and `size` and `mtime_ns` are as they were. */
avsound_status avsn_store_knows(avsn_store *store, const char *path, int64_t size, int64_t mtime_ns, bool *known);

/* ---- writing ---- */

/* Adds vectors of the file that avsn_store_put() will name. */
avsound_status avsn_store_append(avsn_store *store, int side, const float *vectors, int64_t count);
/* Takes a file in, in place of what there was of it, with all vectors appended since the last put. times: [side][their count].
 * On disk after avsn_store_commit(), which is called now and then. After a failure all since the last commit is lost. */
avsound_status avsn_store_put(avsn_store *store, const avsn_store_file *file, const int64_t *const times[AVSN_STORE_SIDES]);
avsound_status avsn_store_remove(avsn_store *store, const char *path);
/* Forgets what was appended since the last put. */
void avsn_store_forget(avsn_store *store);
avsound_status avsn_store_commit(avsn_store *store);

#endif
