/* Everything a run needs to go on, in one safetensors file: "value.NAME", "mean.NAME", "square.NAME" and "average.NAME" of each
 * parameter, and texts. */
#ifndef AVSN_CHECKPOINT_H
#define AVSN_CHECKPOINT_H

#include "train/store.h"

/* Blocks of one store; NULL: not kept. */
typedef struct avsn_checkpoint_blocks {
    float *values, *mean, *square, *average;
} avsn_checkpoint_blocks;

/* Whole or not at all, like every file of a run. */
avsound_status avsn_checkpoint_write(const avsn_store *store, const avsn_checkpoint_blocks *blocks, const char *path,
                                     const char *const *keys, const char *const *texts, size_t count);
/* Copies the file's tensors into the blocks. AVSOUND_E_FORMAT, E_SHAPE with names for what is missing or differs. */
avsound_status avsn_checkpoint_read(const avsn_store *store, const avsn_checkpoint_blocks *blocks,
                                    const avsn_safetensors *file);

#endif
