#include "train/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <avsound/train.h>

#include "train/classes.h"
#include "train/csv.h"
#include "train/list.h"
#include "weights/text.h"

enum { MOST_CLIPS = INT32_MAX - 1, LEAST_FLOW = 16, MOST_FLOW = 4096 };
#define MOST_SAMPLES ((int64_t)1 << 48)

struct avsn_dataset {
    avsound_context *context;
    avsn_part part;
    avsn_dataset_clip *clips;
    size_t count, capacity;
    int64_t flagged;
    char digest[64];
};

/* ---- tables ---- */

typedef struct table_columns {
    int32_t file, group, frames, samples, flags;
    int32_t label, source, settings; /* -1: none */
} table_columns;

static avsound_status find_columns(const avsn_csv *csv, table_columns *columns)
{
    AVSN_TRY(avsn_csv_want(csv, "file", &columns->file));
    AVSN_TRY(avsn_csv_want(csv, "group", &columns->group));
    AVSN_TRY(avsn_csv_want(csv, "frames", &columns->frames));
    AVSN_TRY(avsn_csv_want(csv, "samples", &columns->samples));
    columns->label = avsn_csv_find(csv, "label");
    columns->source = avsn_csv_find(csv, "source");
    columns->settings = avsn_csv_find(csv, "settings");
    return avsn_csv_want(csv, "flags", &columns->flags);
}

/* folder/name; NULL without memory. */
static char *join(avsound_context *context, const char *folder, size_t folder_length, const char *name)
{
    const size_t bytes = folder_length + strlen(name) + 2;
    char *path = avsn_alloc(context, bytes, 1);
    if (path)
        snprintf(path, bytes, "%.*s%s%s", (int)folder_length, folder,
                 folder_length && folder[folder_length - 1] != '/' ? "/" : "", name);
    return path;
}

/* The name of the folder in which a file lies; "" if the path has none. */
static avsound_status folder_name(avsound_context *context, const char *path, char **out)
{
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    const size_t length = end ? (size_t)(end - begin) : 0;
    *out = avsn_alloc(context, length + 1, 1);
    if (!*out)
        return AVSOUND_E_NO_MEMORY;
    memcpy(*out, length ? begin : "", length);
    (*out)[length] = 0;
    return AVSOUND_OK;
}

static avsound_status read_label(const avsn_dataset *dataset, const avsn_csv *csv, const table_columns *columns, char **out)
{
    const char *label = columns->label >= 0 ? csv->fields[columns->label] : "";
    if (!*label)
        return folder_name(dataset->context, columns->source >= 0 ? csv->fields[columns->source] : "", out);
    *out = avsn_strdup(dataset->context, label);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* Of the options that a clip was prepared with, the one that says that its flow lies beside it. */
static avsound_status read_flow(const avsn_csv *csv, int32_t column, int32_t *flow)
{
    const char *option = column >= 0 ? strstr(csv->fields[column], AVSN_DATASET_FLOW) : NULL;
    *flow = 0;
    if (!option)
        return AVSOUND_OK;
    char *end;
    const long side = strtol(option + strlen(AVSN_DATASET_FLOW), &end, 10);
    if (*end || side < LEAST_FLOW || side > MOST_FLOW)
        return avsn_csv_refuse(csv, column, "what avsound prepare wrote");
    *flow = (int32_t)side;
    return AVSOUND_OK;
}

/* Takes the label over. */
static avsound_status append(avsn_dataset *dataset, const avsn_dataset_clip *clip)
{
    if (dataset->count == MOST_CLIPS)
        AVSN_FAIL(AVSOUND_E_LIMIT, "more than %d clips", MOST_CLIPS);
    AVSN_TRY(avsn_grow(dataset->context, (void **)&dataset->clips, sizeof *dataset->clips, dataset->count,
                       dataset->count + 1, &dataset->capacity));
    avsn_dataset_clip *slot = &dataset->clips[dataset->count];
    *slot = *clip;
    slot->group = avsn_strdup(dataset->context, clip->group);
    if (!slot->group)
        return AVSOUND_E_NO_MEMORY;
    dataset->count++;
    return AVSOUND_OK;
}

static avsound_status add_clip(avsn_dataset *dataset, const avsn_csv *csv, const table_columns *columns, char *path)
{
    struct stat status;
    int64_t frames, samples;
    const int64_t least = dataset->part == AVSN_PART_SOUND ? 0 : 1;
    AVSN_TRY(avsn_csv_integer(csv, columns->frames, least, INT32_MAX, &frames));
    AVSN_TRY(avsn_csv_integer(csv, columns->samples, 1, MOST_SAMPLES, &samples));
    if (!*csv->fields[columns->group])
        return avsn_csv_refuse(csv, columns->group, "the name of a group");
    if (stat(path, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s line %lld: %s: %s", csv->path, (long long)csv->line, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        AVSN_FAIL(AVSOUND_E_IO, "%s line %lld: %s is no regular file", csv->path, (long long)csv->line, path);
    char *label;
    int32_t flow;
    AVSN_TRY(read_flow(csv, columns->settings, &flow));
    AVSN_TRY(read_label(dataset, csv, columns, &label));
    const avsn_dataset_clip clip = {.path = path,
                                    .group = csv->fields[columns->group],
                                    .label = label,
                                    .label_class = -1,
                                    .frames = (int32_t)frames,
                                    .samples = samples,
                                    .flow = frames > 0 ? flow : 0};
    const avsound_status appended = append(dataset, &clip);
    if (appended)
        avsn_free(dataset->context, label);
    return appended;
}

/* Does the word stand for something that does not matter to who looks at this part alone? */
static bool is_forgiven(avsn_part part, const char *word, size_t length)
{
    static const int32_t forgiven[] = {
        [AVSN_PART_BOTH] = 0,
        [AVSN_PART_PICTURE] = AVSOUND_CLIP_SILENT | AVSOUND_CLIP_UNEQUAL,
        [AVSN_PART_SOUND] = AVSOUND_CLIP_NO_VIDEO | AVSOUND_CLIP_STILL | AVSOUND_CLIP_UNEQUAL,
    };
    for (int32_t flag = 1; flag <= forgiven[part]; flag *= 2) {
        const char *name = forgiven[part] & flag ? avsound_clip_flag_name(flag) : NULL;
        if (name && strlen(name) == length && !strncmp(name, word, length))
            return true;
    }
    return false;
}

/* Words are separated by single spaces. Without its file no clip can be looked at, whatever the flag. */
static bool is_left_out(const avsn_dataset *dataset, const char *flags, const char *file)
{
    if (*flags && !*file)
        return true;
    while (*flags) {
        const size_t length = strcspn(flags, " ");
        if (!is_forgiven(dataset->part, flags, length))
            return true;
        flags += length + (flags[length] == ' ');
    }
    return false;
}

static avsound_status add_row(avsn_dataset *dataset, const avsn_csv *csv, const table_columns *columns,
                              size_t folder_length)
{
    const char *file = csv->fields[columns->file];
    if (is_left_out(dataset, csv->fields[columns->flags], file)) {
        dataset->flagged++;
        return AVSOUND_OK;
    }
    if (!*file || *file == '.' || strchr(file, '/') || avsn_has_control(file))
        return avsn_csv_refuse(csv, columns->file, "the name of a file in the same folder");
    char *path = join(dataset->context, csv->path, folder_length, file);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    const avsound_status status = add_clip(dataset, csv, columns, path);
    if (status)
        avsn_free(dataset->context, path);
    return status;
}

static size_t folder_length_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash + 1 - path) : 0;
}

/* The rows of a table; with `only`, the one of this file. */
static avsound_status add_table(avsn_dataset *dataset, const char *path, const char *only, bool *found)
{
    avsn_csv csv;
    table_columns columns;
    AVSN_TRY(avsn_csv_open(dataset->context, path, &csv));
    avsound_status status = find_columns(&csv, &columns);
    while (!status && !(status = avsn_csv_next(&csv))) {
        if (only && strcmp(csv.fields[columns.file], only) != 0)
            continue;
        *found = true;
        status = add_row(dataset, &csv, &columns, folder_length_of(path));
    }
    avsn_csv_close(&csv);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* ---- folders ---- */

static bool is_table(const char *name)
{
    const size_t prefix = sizeof AVSN_DATASET_SHARD_PREFIX - 1, length = strlen(name);
    if (!strcmp(name, AVSN_DATASET_TABLE))
        return true;
    return !strncmp(name, AVSN_DATASET_SHARD_PREFIX, prefix) && length > prefix + 4 && strstr(name, "-of-") &&
           !strcmp(name + length - 4, ".csv");
}

/* Adds from each of the folder's tables; with `only`, the row of this file. */
static avsound_status add_tables(avsn_dataset *dataset, const char *folder, const char *only, bool *found)
{
    DIR *listing = opendir(*folder ? folder : ".");
    if (!listing)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", folder, strerror(errno));
    avsound_status status = AVSOUND_OK;
    bool any = false;
    for (struct dirent *entry; !status && (entry = readdir(listing));) {
        if (!is_table(entry->d_name))
            continue;
        any = true;
        char *path = join(dataset->context, folder, strlen(folder), entry->d_name);
        status = path ? add_table(dataset, path, only, found) : AVSOUND_E_NO_MEMORY;
        avsn_free(dataset->context, path);
    }
    closedir(listing);
    if (!status && !any)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: no %s in it, want a folder made by avsound prepare", *folder ? folder : ".",
                  AVSN_DATASET_TABLE);
    return status;
}

static avsound_status add_one(avsn_dataset *dataset, const char *path)
{
    const size_t length = folder_length_of(path);
    bool found = false;
    char *folder = avsn_strdup(dataset->context, path);
    if (!folder)
        return AVSOUND_E_NO_MEMORY;
    folder[length] = 0;
    avsound_status status = add_tables(dataset, folder, path + length, &found);
    avsn_free(dataset->context, folder);
    if (!status && !found)
        status =
            avsn_fail(AVSOUND_E_FORMAT, "%s: not listed in the %s of its folder, want a clip made by avsound prepare",
                      path, AVSN_DATASET_TABLE);
    return status;
}

/* ---- lists ---- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && !strcmp(text + length - tail, ending);
}

/* A folder, a table or a clip. */
static avsound_status add_member(avsn_dataset *dataset, const char *path)
{
    struct stat status;
    bool found;
    if (stat(path, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return add_tables(dataset, path, NULL, &found);
    return ends_with(path, ".csv") ? add_table(dataset, path, NULL, &found) : add_one(dataset, path);
}

static avsound_status add_listed(void *dataset, const char *path)
{
    return add_member(dataset, path);
}

/* ---- the whole ---- */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const avsn_dataset_clip *)a)->path, ((const avsn_dataset_clip *)b)->path);
}

static void free_clip(const avsn_dataset *dataset, avsn_dataset_clip *clip)
{
    avsn_free(dataset->context, (char *)(uintptr_t)clip->path);
    avsn_free(dataset->context, (char *)(uintptr_t)clip->group);
    avsn_free(dataset->context, (char *)(uintptr_t)clip->label);
}

/* A folder's listing comes in no order, and a run must not depend on it. */
static void sort_and_unite(avsn_dataset *dataset)
{
    size_t kept = 0;
    if (dataset->count)
        qsort(dataset->clips, dataset->count, sizeof *dataset->clips, compare_paths);
    for (size_t i = 0; i < dataset->count; i++) {
        if (kept && !strcmp(dataset->clips[kept - 1].path, dataset->clips[i].path))
            free_clip(dataset, &dataset->clips[i]);
        else
            dataset->clips[kept++] = dataset->clips[i];
    }
    dataset->count = kept;
}

/* FNV-1a, 64 bits. */
static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    for (const unsigned char *p = data, *end = p + bytes; p < end; p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return hash;
}

static void make_digest(avsn_dataset *dataset)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < dataset->count; i++) {
        const avsn_dataset_clip *clip = &dataset->clips[i];
        const char *name = clip->path + folder_length_of(clip->path);
        char lengths[64];
        const int bytes = snprintf(lengths, sizeof lengths, "%d/%lld", clip->frames, (long long)clip->samples);
        hash = mix(hash, name, strlen(name) + 1);
        hash = mix(hash, clip->group, strlen(clip->group) + 1);
        hash = mix(hash, lengths, (size_t)bytes + 1);
        if (clip->label_class >= 0)
            hash = mix(hash, clip->label, strlen(clip->label) + 1);
        if (clip->flow)
            hash = mix(hash, &clip->flow, sizeof clip->flow);
    }
    snprintf(dataset->digest, sizeof dataset->digest, "%zu clips %016llx", dataset->count, (unsigned long long)hash);
}

static avsound_status fill(avsn_dataset *dataset, const char *path)
{
    struct stat status;
    bool found;
    if (stat(path, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        AVSN_TRY(add_tables(dataset, path, NULL, &found));
    else if (ends_with(path, ".csv"))
        AVSN_TRY(add_table(dataset, path, NULL, &found));
    else
        AVSN_TRY(avsn_list_read(dataset->context, path, add_listed, dataset));
    sort_and_unite(dataset);
    if (!dataset->count)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: no clip to learn from (%lld were left out for their flags)", path,
                  (long long)dataset->flagged);
    make_digest(dataset);
    return AVSOUND_OK;
}

avsound_status avsn_dataset_open(avsound_context *context, const char *path, avsn_dataset **out)
{
    return avsn_dataset_open_part(context, path, AVSN_PART_BOTH, out);
}

avsound_status avsn_dataset_open_part(avsound_context *context, const char *path, avsn_part part, avsn_dataset **out)
{
    *out = NULL;
    avsn_dataset *dataset = avsn_alloc_zeroed(context, 1, sizeof *dataset);
    if (!dataset)
        return AVSOUND_E_NO_MEMORY;
    dataset->context = avsn_context_ref(context);
    dataset->part = part;
    const avsound_status status = fill(dataset, path);
    if (status)
        avsn_dataset_free(dataset);
    else
        *out = dataset;
    return status;
}

avsound_status avsn_dataset_classify(avsn_dataset *dataset, const avsn_classes *classes)
{
    for (size_t i = 0; i < dataset->count; i++) {
        avsn_dataset_clip *clip = &dataset->clips[i];
        avsn_shown shown;
        clip->label_class = avsn_classes_find(classes, clip->label);
        if (clip->label_class < 0)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s has the label \"%s\", which is none of the %d that are learned", clip->path,
                      avsn_show(clip->label, &shown), classes->count);
    }
    make_digest(dataset);
    return AVSOUND_OK;
}

int32_t avsn_dataset_count(const avsn_dataset *dataset)
{
    return (int32_t)dataset->count;
}

const avsn_dataset_clip *avsn_dataset_clip_at(const avsn_dataset *dataset, int32_t index)
{
    return &dataset->clips[index];
}

int32_t avsn_dataset_flagged(const avsn_dataset *dataset)
{
    return (int32_t)AVSN_MIN(dataset->flagged, (int64_t)INT32_MAX);
}

const char *avsn_dataset_digest(const avsn_dataset *dataset)
{
    return dataset->digest;
}

void avsn_dataset_free(avsn_dataset *dataset)
{
    if (!dataset)
        return;
    avsound_context *context = dataset->context;
    for (size_t i = 0; i < dataset->count; i++)
        free_clip(dataset, &dataset->clips[i]);
    avsn_free(context, dataset->clips);
    avsn_free(context, dataset);
    avsound_context_free(context);
}
