/* What the files of avsound_prepare() share: prepare.c runs it, sources.c finds the videos, encode.c turns one into a
 * file, table.c reads and writes prepared.csv. */
#ifndef AVSN_PREPARE_H
#define AVSN_PREPARE_H

#include <avsound/train.h>

#include "base/base.h"
#include "train/measure.h"

enum {
    AVSN_CLIP_RATE = 25, /* pictures per second */
    AVSN_SAMPLE_RATE = 48000,
    AVSN_CLIP_NAME = 128, /* bytes of a prepared file's name */
    AVSN_CLIP_SETTINGS = 48
};

/* ---- table.c ---- */

typedef struct avsn_clip_row {
    char *source, *group, *error; /* from the context's memory; error NULL: none */
    char file[AVSN_CLIP_NAME], duplicate_of[AVSN_CLIP_NAME];
    char settings[AVSN_CLIP_SETTINGS]; /* what it was prepared with */
    int64_t source_bytes, source_time; /* what a source is known again by; time of modification in nanoseconds */
    int64_t samples;
    int32_t flags, frames, width, height;
    double video_seconds, audio_seconds, moving, audible, level_db;
    avsn_fingerprint print;
    bool kept; /* from an earlier run */
    bool ours; /* a source of this call */
    bool pending; /* nothing is known of it yet */
    bool elsewhere; /* another shard's table has it */
} avsn_clip_row;

typedef struct avsn_clip_table {
    avsound_context *context;
    avsn_clip_row *rows;
    size_t count, capacity;
} avsn_clip_table;

/* Adds the rows of a prepared.csv. */
avsound_status avsn_clip_table_read(avsn_clip_table *table, const char *path);
/* Writes the rows that are neither pending nor elsewhere. */
avsound_status avsn_clip_table_write(const avsn_clip_table *table, const char *path);
avsound_status avsn_clip_table_add(avsn_clip_table *table, const avsn_clip_row *row); /* takes its strings over */
void avsn_clip_table_sort(avsn_clip_table *table); /* by source */
/* In a sorted table; NULL. */
avsn_clip_row *avsn_clip_table_find(const avsn_clip_table *table, const char *source);
/* Sets AVSOUND_CLIP_DUPLICATE anew in every row that repeats an earlier one. */
void avsn_clip_table_mark_duplicates(avsn_clip_table *table);
void avsn_clip_row_clear(avsound_context *context, avsn_clip_row *row);
void avsn_clip_table_clear(avsn_clip_table *table);

/* ---- sources.c ---- */

typedef struct avsn_paths {
    avsound_context *context;
    char **paths;
    size_t count, capacity;
    bool sounds;
} avsn_paths;

/* Absolute paths of all videos that `path`, a video, folder or list, stands for; with `sounds` set, of sounds as well.
 * `except`: the folder of prepared files, which is not searched. */
avsound_status avsn_paths_collect(avsn_paths *paths, const char *path, const char *except);
void avsn_paths_sort(avsn_paths *paths); /* and drops what is there twice */
void avsn_paths_clear(avsn_paths *paths);

typedef struct avsn_manifest {
    avsound_context *context;
    struct avsn_manifest_entry {
        char *path, *group;
    } * entries;
    size_t count, capacity;
} avsn_manifest;

/* Groups by absolute path. */
avsound_status avsn_manifest_read(avsound_context *context, const char *path, avsn_manifest *manifest);
const char *avsn_manifest_group(const avsn_manifest *manifest, const char *path); /* NULL: not in it */
void avsn_manifest_clear(avsn_manifest *manifest);

/* ---- encode.c ---- */

typedef struct avsn_encode_job {
    avsound_context *context;
    const char *source, *path; /* of the prepared file */
    int32_t short_side, channels, scale;
    int32_t flow; /* short side of the optical flow written beside it; 0: none */
    bool sounds; /* also without pictures */
    /* Called every few seconds of video; true: stop. */
    bool (*watch)(void *user_data, double seconds);
    void *user_data;
} avsn_encode_job;

/* Fills what can be learned from the source alone. A source that can't be used is no failure: `row` says so, and no
 * file is made. */
avsound_status avsn_encode_clip(const avsn_encode_job *job, avsn_clip_row *row);

#endif
