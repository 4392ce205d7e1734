/* What `avsound search` has found; search.c fills it in. */
#ifndef SEARCH_H
#define SEARCH_H

#include "cli.h"

typedef struct search_query {
    const cli_query *asked;
    char path[4096];   /* without the time */
    int64_t time_us;   /* -1: none given */
    int32_t from, want; /* AVSOUND_INDEX_ constants */
    float *vector;     /* [dimension] */
    int64_t *items;    /* [answers], -1 behind the last */
    float *scores;
} search_query;

typedef struct search_job {
    const cli *c;
    cli_model model;
    avsound_index *index;
    avsound_index_info info;
    avsound_cca *cca; /* NULL: none is given */
    search_query *queries; /* [count] */
    int count;
} search_job;

/* One answer. */
typedef struct search_answer {
    avsound_index_item item;
    avsound_index_file file;
    float score;
    const char *state; /* "missing", "changed", or NULL: the file is as it was */
} search_answer;

/* The answer at this place, 0 first; CLI_OK with *there false behind the last. */
int search_answer_at(const search_job *j, const search_query *q, int64_t place, search_answer *out, bool *there);
const char *search_word(int32_t modality); /* "picture", "sound" */

/* Writes the page with all answers (search_page.c). */
int search_page(const search_job *j, const char *path);

#endif
