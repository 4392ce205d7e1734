#define _XOPEN_SOURCE 700 /* realpath() */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "train/csv.h"
#include "train/list.h"
#include "train/prepare.h"

enum { DEEPEST = 64 };

/* Other files of a folder are left alone: its captions, tables and stills are no videos. */
static const char *const endings[] = {".mp4",  ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts",
                                      ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",  ".mxf", ".vob", ".asf",  ".y4m"};

static const char *const sound_endings[] = {".wav", ".flac", ".ogg", ".oga",  ".opus", ".mp3", ".m4a",
                                            ".aac", ".aif",  ".wma", ".aiff", ".mka",  ".weba"};

static bool has_ending(const char *name, const char *ending)
{
    const size_t length = strlen(name), tail = strlen(ending);
    return length > tail && !strcasecmp(name + length - tail, ending);
}

static bool is_named_like_one(const char *name, bool sounds)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(endings); i++)
        if (has_ending(name, endings[i]))
            return true;
    for (size_t i = 0; sounds && i < AVSN_ARRAY_COUNT(sound_endings); i++)
        if (has_ending(name, sound_endings[i]))
            return true;
    return false;
}

/* realpath() allocates where no context sees it. */
static avsound_status absolute(avsound_context *context, const char *path, char **out)
{
    char *real = realpath(path, NULL);
    *out = NULL;
    if (!real)
        AVSN_FAIL(errno == ENOMEM ? AVSOUND_E_NO_MEMORY : AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    *out = avsn_strdup(context, real);
    free(real);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status add_file(avsn_paths *paths, const char *path)
{
    AVSN_TRY(avsn_grow(paths->context, (void **)&paths->paths, sizeof *paths->paths, paths->count, paths->count + 1,
                       &paths->capacity));
    AVSN_TRY(absolute(paths->context, path, &paths->paths[paths->count]));
    paths->count++;
    return AVSOUND_OK;
}

/* ---- folders ---- */

typedef struct search {
    avsn_paths *paths;
    dev_t except_device;
    ino_t except_inode;
    bool except;
    int depth;
} search;

static avsound_status search_folder(search *s, const char *folder);

static avsound_status search_entry(search *s, const char *path, const char *name)
{
    struct stat status, link;
    if (lstat(path, &link) || stat(path, &status)) {
        avsn_log(s->paths->context, AVSOUND_LOG_WARNING, "%s: %s, passed over", path, strerror(errno));
        return AVSOUND_OK;
    }
    /* A link to a folder may lead back to where it is. */
    if (S_ISDIR(link.st_mode))
        return search_folder(s, path);
    const bool taken = S_ISREG(status.st_mode) && is_named_like_one(name, s->paths->sounds);
    return taken ? add_file(s->paths, path) : AVSOUND_OK;
}

static avsound_status search_listing(search *s, const char *folder, DIR *listing)
{
    avsound_status status = AVSOUND_OK;
    for (struct dirent *entry; !status && (entry = readdir(listing));) {
        if (entry->d_name[0] == '.')
            continue;
        const size_t bytes = strlen(folder) + strlen(entry->d_name) + 2;
        char *path = avsn_alloc(s->paths->context, bytes, 1);
        if (!path)
            return AVSOUND_E_NO_MEMORY;
        snprintf(path, bytes, "%s/%s", folder, entry->d_name);
        status = search_entry(s, path, entry->d_name);
        avsn_free(s->paths->context, path);
    }
    return status;
}

static avsound_status search_folder(search *s, const char *folder)
{
    struct stat status;
    if (s->except && !stat(folder, &status) && status.st_dev == s->except_device && status.st_ino == s->except_inode)
        return AVSOUND_OK;
    DIR *listing = s->depth < DEEPEST ? opendir(folder) : NULL;
    if (!listing) {
        if (s->depth == 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: %s", folder, strerror(errno));
        avsn_log(s->paths->context, AVSOUND_LOG_WARNING, "%s: %s, passed over", folder,
                 s->depth < DEEPEST ? strerror(errno) : "too deep");
        return AVSOUND_OK;
    }
    s->depth++;
    const avsound_status found = search_listing(s, folder, listing);
    s->depth--;
    closedir(listing);
    return found;
}

/* ---- lists ---- */

static avsound_status collect(avsn_paths *paths, const char *path, const char *except, bool listed);

typedef struct listing {
    avsn_paths *paths;
    const char *except;
} listing;

static avsound_status collect_listed(void *user_data, const char *path)
{
    const listing *l = user_data;
    return collect(l->paths, path, l->except, true);
}

static avsound_status collect(avsn_paths *paths, const char *path, const char *except, bool listed)
{
    struct stat status, excluded;
    if (stat(path, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode)) {
        search s = {.paths = paths, .except = except && !stat(except, &excluded)};
        if (s.except) {
            s.except_device = excluded.st_dev;
            s.except_inode = excluded.st_ino;
        }
        return search_folder(&s, path);
    }
    /* A list within a list could hold itself. */
    if (listed || !has_ending(path, ".txt"))
        return add_file(paths, path);
    return avsn_list_read(paths->context, path, collect_listed, &(listing){.paths = paths, .except = except});
}

avsound_status avsn_paths_collect(avsn_paths *paths, const char *path, const char *except)
{
    return collect(paths, path, except, false);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void avsn_paths_sort(avsn_paths *paths)
{
    size_t kept = 0;
    if (paths->count)
        qsort(paths->paths, paths->count, sizeof *paths->paths, compare_paths);
    for (size_t i = 0; i < paths->count; i++) {
        if (kept && !strcmp(paths->paths[kept - 1], paths->paths[i]))
            avsn_free(paths->context, paths->paths[i]);
        else
            paths->paths[kept++] = paths->paths[i];
    }
    paths->count = kept;
}

void avsn_paths_clear(avsn_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        avsn_free(paths->context, paths->paths[i]);
    avsn_free(paths->context, paths->paths);
    *paths = (avsn_paths){.context = paths->context};
}

/* ---- manifests ---- */

typedef struct avsn_manifest_entry entry;

static avsound_status add_entry(avsn_manifest *manifest, const char *path, const char *group)
{
    entry e = {0};
    avsound_status status = absolute(manifest->context, path, &e.path);
    if (status == AVSOUND_E_IO)
        return AVSOUND_OK; /* a manifest may tell of more files than are there */
    if (!status && !(e.group = avsn_strdup(manifest->context, group)))
        status = AVSOUND_E_NO_MEMORY;
    if (!status)
        status = avsn_grow(manifest->context, (void **)&manifest->entries, sizeof *manifest->entries, manifest->count,
                           manifest->count + 1, &manifest->capacity);
    if (status) {
        avsn_free(manifest->context, e.path);
        avsn_free(manifest->context, e.group);
        return status;
    }
    manifest->entries[manifest->count++] = e;
    return AVSOUND_OK;
}

static avsound_status add_record(avsn_manifest *manifest, const avsn_csv *csv, int32_t file, int32_t group)
{
    const char *name = csv->fields[file], *slash = strrchr(csv->path, '/');
    if (!*name)
        return avsn_csv_refuse(csv, file, "a path");
    if (!*csv->fields[group])
        return avsn_csv_refuse(csv, group, "the name of a group");
    const int folder = slash && *name != '/' ? (int)(slash + 1 - csv->path) : 0;
    const size_t bytes = (size_t)folder + strlen(name) + 1;
    char *path = avsn_alloc(manifest->context, bytes, 1);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    snprintf(path, bytes, "%.*s%s", folder, csv->path, name);
    const avsound_status status = add_entry(manifest, path, csv->fields[group]);
    avsn_free(manifest->context, path);
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->path, ((const entry *)b)->path);
}

avsound_status avsn_manifest_read(avsound_context *context, const char *path, avsn_manifest *manifest)
{
    avsn_csv csv;
    int32_t file = 0, group = 0;
    *manifest = (avsn_manifest){.context = context};
    AVSN_TRY(avsn_csv_open(context, path, &csv));
    avsound_status status = avsn_csv_want(&csv, "file", &file);
    if (!status)
        status = avsn_csv_want(&csv, "group", &group);
    while (!status && !(status = avsn_csv_next(&csv)))
        status = add_record(manifest, &csv, file, group);
    avsn_csv_close(&csv);
    if (status != AVSOUND_E_END) {
        avsn_manifest_clear(manifest);
        return status;
    }
    if (manifest->count)
        qsort(manifest->entries, manifest->count, sizeof *manifest->entries, compare_entries);
    return AVSOUND_OK;
}

const char *avsn_manifest_group(const avsn_manifest *manifest, const char *path)
{
    const entry key = {.path = (char *)(uintptr_t)path};
    const entry *found =
        manifest->count ? bsearch(&key, manifest->entries, manifest->count, sizeof key, compare_entries) : NULL;
    return found ? found->group : NULL;
}

void avsn_manifest_clear(avsn_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        avsn_free(manifest->context, manifest->entries[i].path);
        avsn_free(manifest->context, manifest->entries[i].group);
    }
    avsn_free(manifest->context, manifest->entries);
    *manifest = (avsn_manifest){.context = manifest->context};
}
