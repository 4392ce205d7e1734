/* The page that `avsound report` writes, and what other pages are made of. */
#ifndef REPORT_H
#define REPORT_H

#include "cli.h"

/* A file that becomes part of the page, as base64 in the script element of this id; NULL ends a list. */
typedef struct report_file {
    const char *id, *path;
    bool sound; /* a WAV file of this command's: halved to 16-bit integers */
} report_file;

/* Writes report.html with the data, borrowed, and the files in their places. */
int report_page_write(FILE *out, const char *path, const json_t *data, const report_file *files);

/* A whole file, with a 0 behind it, for the caller to free; NULL if it can't be read. */
char *report_read(const char *path, size_t *size);

/* JSON for a script element, which "<" could end; false where writing fails. */
bool report_put_data(FILE *out, const json_t *data);
bool report_put_base64(FILE *out, const unsigned char *bytes, size_t count);

#endif
