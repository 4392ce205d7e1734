/* A caller's callbacks, held to their contract. */
#ifndef AVSN_IO_H
#define AVSN_IO_H

#include "base/base.h"

#include <avsound/io.h>

typedef struct avsn_io {
    avsound_io calls;
    int64_t position; /* where the next read begins; -1: unknown, at first and after a failure */
    bool shared;      /* others read through the same callbacks: each read follows a seek */
} avsn_io;

/* The name stays the caller's: calls.name is NULL afterwards. */
avsound_status avsn_io_init(avsn_io *io, const avsound_io *calls);
const char *avsn_io_name(const avsound_io *calls);
/* Up to `size` bytes from `position` on in one read; *got is 0 only at the end. Error details begin with `label`. */
avsound_status avsn_io_read(avsn_io *io, const char *label, int64_t position, void *buffer, size_t size, size_t *got);

#endif
