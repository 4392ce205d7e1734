/* What avsound sync, eval sync and report share. */
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
/* The answer as an object; NULL: out of memory. */
json_t *sync_json(const avsound_offset_result *result);
/* Why there is no answer; NULL for AVSOUND_OFFSET_MEASURED. */
const char *sync_reason(int32_t verdict);
/* A sentence of the offset, its interval and the confidence, or why there is none. */
void sync_answer(const avsound_offset_result *result, char *text, size_t size);
/* What each bit of the result's notes means. */
enum { SYNC_NOTES = 4 };
extern const char *const sync_notes[SYNC_NOTES];
/* What --json prints; the caller's. */
int sync_facts(const cli *c, const cli_model *model, const sync_measurement *measurement, json_t **facts);

#endif
