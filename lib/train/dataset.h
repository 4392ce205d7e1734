/* Clips to learn from: what the prepared.csv of one or more folders of prepared clips lists (docs/data.md). */
#ifndef AVSN_DATASET_H
#define AVSN_DATASET_H

#include "base/base.h"

/* The table of a folder, and those that the shards of a run leave beside it: prepared-1-of-4.csv. */
#define AVSN_DATASET_TABLE "prepared.csv"
#define AVSN_DATASET_SHARD_PREFIX "prepared-"
#define AVSN_DATASET_FLOW " flow=" /* in the column settings, last, before its short side */

typedef struct avsn_dataset_clip {
    const char *path;
    const char *group; /* clips of one group come from the same recording */
    const char *label; /* of the table's column label, or where it has none or nothing there, the folder that the source lies in;
                          "": neither */
    int32_t label_class; /* -1 until avsn_dataset_classify() */
    int32_t frames; /* at 25 per second */
    int64_t samples; /* per channel at 48 kHz */
    int32_t flow; /* short side of the optical flow that lies beside it (train/motion.h); 0: there is none */
} avsn_dataset_clip;

/* What of its clips is looked at. */
typedef enum avsn_part { AVSN_PART_BOTH, AVSN_PART_PICTURE, AVSN_PART_SOUND } avsn_part;

/* Immutable, shared by threads. */
typedef struct avsn_dataset avsn_dataset;

/* `path`: a folder of prepared clips, a table in the manner of prepared.csv whose files lie beside it, or a text file
 * that names folders, tables and clips, one a line, relative to itself; # begins a comment. Clips with a flag are left
 * out, clips named twice are taken once. Fails if none remains. Clips stand in the order of their paths. */
avsound_status avsn_dataset_open(avsound_context *context, const char *path, avsn_dataset **out);
/* For those who look at one part alone, flags that speak against the other or against the two together do not count; clips of
 * sound alone have 0 frames. */
avsound_status avsn_dataset_open_part(avsound_context *context, const char *path, avsn_part part, avsn_dataset **out);
int32_t avsn_dataset_count(const avsn_dataset *dataset);
const avsn_dataset_clip *avsn_dataset_clip_at(const avsn_dataset *dataset, int32_t index);
/* How many clips the flags left out. */
int32_t avsn_dataset_flagged(const avsn_dataset *dataset);
/* Text that changes with the list: a resumed run compares it. The folder's own place is no part of it. */
const char *avsn_dataset_digest(const avsn_dataset *dataset);
struct avsn_classes;
/* Numbers the clips' labels; from here on they are a part of the digest. AVSOUND_E_INVALID_ARGUMENT for a label that is none of
 * them. */
avsound_status avsn_dataset_classify(avsn_dataset *dataset, const struct avsn_classes *classes);
void avsn_dataset_free(avsn_dataset *dataset);

#endif
