/* The optical flow of a prepared clip, in a file beside it: a byte a value, so that training reads what preparation computed once.
 *
 * All numbers are little-endian. 8 bytes "AVSFLOW1"; then, of 4 bytes each, width, height, how many fields, and 0; then the
 * fields, each the planes dx and dy, [2][height][width]. Field i lies between the clip's pictures i and i + 1. */
#ifndef AVSN_FLOWS_H
#define AVSN_FLOWS_H

#include "base/base.h"

/* NAME.flow of the clip NAME.mkv; the caller frees with avsn_free. NULL without memory. */
AVSN_SHARED char *avsn_flows_path(avsound_context *context, const char *clip);

/* ---- writing ---- */

typedef struct avsn_flows_writer avsn_flows_writer;

/* Begins a file under a temporary name. */
AVSN_SHARED avsound_status avsn_flows_create(avsound_context *context, const char *path, int32_t width, int32_t height,
                                             avsn_flows_writer **out);
AVSN_SHARED avsound_status avsn_flows_write(avsn_flows_writer *writer, const uint8_t *field);
/* Completes the file and gives it its name. */
AVSN_SHARED avsound_status avsn_flows_finish(avsn_flows_writer *writer);
/* One that was not finished leaves nothing behind. */
AVSN_SHARED void avsn_flows_writer_free(avsn_flows_writer *writer);

/* ---- reading: any number of threads, each its own ---- */

typedef struct avsn_flows {
    const char *path; /* the caller's */
    int fd;
    int32_t width, height, count;
} avsn_flows;

/* AVSOUND_E_FORMAT where the file is none or is cut off; AVSOUND_E_IO. Closed with avsn_flows_close(). */
AVSN_SHARED avsound_status avsn_flows_open(const char *path, avsn_flows *out);
/* `count` fields from number `first` on; both must lie within the file. */
AVSN_SHARED avsound_status avsn_flows_read(const avsn_flows *flows, int32_t first, int32_t count, uint8_t *fields);
AVSN_SHARED void avsn_flows_close(avsn_flows *flows);

#endif
