/* What avsound separate and avsound report share. */
#ifndef SEPARATE_H
#define SEPARATE_H

#include "cli.h"

/* Writes the two sounds, and what else the options ask for, into the folder of --output. *facts receives what --json says; a
 * damaged file's exit code may come with them. */
int separate_files(const cli *c, json_t **facts);

#endif
