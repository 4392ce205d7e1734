/* A file of vectors, to be mapped: a page that says what it is, then row after row of 32-bit floats. Rows that a reader may know
 * never change. */
#ifndef AVSN_INDEX_VECTORS_H
#define AVSN_INDEX_VECTORS_H

#include "base/base.h"

#define AVSN_INDEX_IDENTITY 33 /* 32 hexadecimal digits and a final 0 */

typedef struct avsn_vectors {
    avsound_context *context;
    char *path;
    int fd; /* -1: closed */
    int32_t dimension;
    int64_t rows;    /* that the database knows of, and whoever writes has added since */
    void *mapping;   /* of a reader */
    size_t mapping_bytes;
    const float *data; /* [rows][dimension] */
} avsn_vectors;

typedef enum avsn_vectors_mode {
    AVSN_VECTORS_READ,
    AVSN_VECTORS_WRITE,
    AVSN_VECTORS_MAKE /* writes, and makes the file where there is none */
} avsn_vectors_mode;

/* Opens `path`; nothing is read yet. Before that, and after close, fd is -1. */
avsound_status avsn_vectors_open(avsound_context *context, const char *path, avsn_vectors_mode mode, avsn_vectors *out);
/* AVSOUND_E_STATE if another holds it. The lock ends with the process, however that ends. */
avsound_status avsn_vectors_lock(avsn_vectors *vectors);
/* Empties the file, and writes its first page. */
avsound_status avsn_vectors_begin(avsn_vectors *vectors, const char *identity, int32_t dimension);
/* Holds the first page and the length against what the database says; a writer drops what lies beyond `rows`. */
avsound_status avsn_vectors_check(avsn_vectors *vectors, const char *identity, int32_t dimension, int64_t rows, bool writing);
avsound_status avsn_vectors_map(avsn_vectors *vectors);
avsound_status avsn_vectors_append(avsn_vectors *vectors, const float *rows, int64_t count);
avsound_status avsn_vectors_sync(avsn_vectors *vectors);
void avsn_vectors_close(avsn_vectors *vectors);

#endif
