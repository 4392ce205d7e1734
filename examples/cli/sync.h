/* What avsound sync and avsound eval sync share. */
#ifndef SYNC_H
#define SYNC_H

#include <math.h>
#include <stdlib.h>

#include "cli.h"

typedef struct sync_measurement {
    avsound_offset *offset;
    avsound_offset_result result;
    int damage; /* exit code of a file whose end could not be read */
} sync_measurement;

/* Measures a file with the command's options; sync_close also after a failure. */
int sync_measure(const cli *c, const cli_model *model, const char *path, sync_measurement *out);
void sync_close(sync_measurement *measurement);
/* Why there is no answer; NULL for AVSOUND_OFFSET_MEASURED. */
const char *sync_reason(int32_t verdict);

#endif
