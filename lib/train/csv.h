/* Comma-separated values as RFC 4180 has them, read with suspicion: a first line of column names, then one record
 * a line. */
#ifndef AVSN_CSV_H
#define AVSN_CSV_H

#include "base/base.h"

#define AVSN_CSV_MOST_COLUMNS 64

typedef struct avsn_csv {
    avsound_context *context;
    char *path, *text, *at; /* fields point into `text`, unquoted in place; `at` is where the next record begins */
    int32_t columns;
    const char *names[AVSN_CSV_MOST_COLUMNS];
    const char *fields[AVSN_CSV_MOST_COLUMNS]; /* of the record read last; valid until the table is closed */
    int64_t line, next_line; /* where that record began; where the next one does */
} avsn_csv;

/* Reads the whole file and its first line. Names may stand in any order, each once. */
avsound_status avsn_csv_open(avsound_context *context, const char *path, avsn_csv *csv);
/* The next record into csv->fields; AVSOUND_E_END after the last. */
avsound_status avsn_csv_next(avsn_csv *csv);
/* A column's index, -1 if there is none of this name. */
int32_t avsn_csv_find(const avsn_csv *csv, const char *name);
/* The same; without the column it fails, naming what is there. */
avsound_status avsn_csv_want(const avsn_csv *csv, const char *name, int32_t *column);
/* The field as a whole number within least...most, or as a finite number. */
avsound_status avsn_csv_integer(const avsn_csv *csv, int32_t column, int64_t least, int64_t most, int64_t *value);
avsound_status avsn_csv_number(const avsn_csv *csv, int32_t column, double *value);
/* Fails with "PATH line N: COLUMN is FOUND, want WANT". */
avsound_status avsn_csv_refuse(const avsn_csv *csv, int32_t column, const char *want);
void avsn_csv_close(avsn_csv *csv);

/* A whole text file of at most `most` bytes, ended with a 0 that is not counted; zeros within are refused. */
avsound_status avsn_text_read(avsound_context *context, const char *path, int64_t most, char **text);
/* Replaces the file by rename once all is on the disk: whole or untouched. */
avsound_status avsn_text_write(avsound_context *context, const char *path, const char *text, size_t bytes);

/* Text that grows. Failure sticks: `status` tells in the end. */
typedef struct avsn_text {
    avsound_context *context;
    char *data; /* not ended with 0 */
    size_t bytes, capacity;
    avsound_status status;
} avsn_text;

void avsn_text_add(avsn_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A field of a table, quoted where it must be. */
void avsn_text_add_field(avsn_text *text, const char *field);

#endif
