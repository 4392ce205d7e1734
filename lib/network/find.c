#define _GNU_SOURCE /* dladdr1(), secure_getenv() */
#include "network/network.h"

#include "weights/text.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* From the build: MODELS_BELOW_PREFIX, empty where the folder was chosen absolute, and MODELS_DIR as it is installed. */

typedef struct search {
    const char *name;
    char path[AVSN_MODEL_PATH];
    char places[640]; /* looked at in vain, for the error */
} search;

static bool is_file(const char *path)
{
    struct stat s;
    return !stat(path, &s) && !S_ISDIR(s.st_mode);
}

/* FOLDER/NAME or FOLDER/NAME.safetensors, in s->path. */
static bool look_in(search *s, const char *folder, size_t length)
{
    static const char *const endings[] = {"", ".safetensors"};
    for (size_t i = 0; length && i < AVSN_ARRAY_COUNT(endings); i++) {
        const int n = snprintf(s->path, sizeof s->path, "%.*s/%s%s", (int)length, folder, s->name, endings[i]);
        if (n > 0 && (size_t)n < sizeof s->path && is_file(s->path))
            return true;
    }
    const size_t used = strlen(s->places);
    if (length)
        snprintf(s->places + used, sizeof s->places - used, "%s%.*s", used ? ", " : "", (int)length, folder);
    return false;
}

static bool look_along(search *s, const char *folders)
{
    while (folders && *folders) {
        const size_t length = strcspn(folders, ":");
        if (look_in(s, folders, length))
            return true;
        folders += length + (folders[length] == ':');
    }
    return false;
}

/* The file that this code was loaded from: the shared library, or a program that was linked with the static one. */
static bool own_file(char path[PATH_MAX])
{
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1(avsound_version_string(), &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
        return false;
    return realpath(map->l_name[0] ? map->l_name : "/proc/self/exe", path) != NULL;
}

/* The models of an installed tree lie beside the library, wherever the tree was put: below its folder (a build), the one above
 * (lib) or the one above that (lib/x86_64-linux-gnu). */
static bool look_beside_library(search *s)
{
    char folder[PATH_MAX + sizeof MODELS_BELOW_PREFIX];
    if (!MODELS_BELOW_PREFIX[0] || !own_file(folder))
        return false;
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(folder, '/');
        if (!slash)
            return false;
        struct stat st;
        strcpy(slash, "/" MODELS_BELOW_PREFIX);
        if (!stat(folder, &st))
            return look_in(s, folder, strlen(folder));
        *slash = '\0';
    }
    return false;
}

static avsound_status find_by_name(const char *name, char *path)
{
    search s = {.name = name};
    if (!look_along(&s, secure_getenv("AVSOUND_MODEL_PATH")) && !look_beside_library(&s) &&
        !look_in(&s, MODELS_DIR, strlen(MODELS_DIR))) {
        avsn_shown shown;
        AVSN_FAIL(AVSOUND_E_IO, "%s: no such model: no file here, and none of this name in %s", avsn_show(name, &shown),
                  s.places);
    }
    strcpy(path, s.path);
    return AVSOUND_OK;
}

avsound_status avsn_model_find(avsound_context *context, const char *name, char path[AVSN_MODEL_PATH])
{
    const bool is_path = strchr(name, '/') || !name[0] || is_file(name);
    if (!is_path) {
        AVSN_TRY(find_by_name(name, path));
        avsn_log(context, AVSOUND_LOG_DEBUG, "model %s: %s", name, path);
        return AVSOUND_OK;
    }
    if (strlen(name) >= AVSN_MODEL_PATH)
        AVSN_FAIL(AVSOUND_E_IO, "path of %zu bytes, want less than %d", strlen(name), AVSN_MODEL_PATH);
    strcpy(path, name);
    return AVSOUND_OK;
}

avsound_status avsound_model_find(avsound_context *context, const char *name, char *path, size_t *size)
{
    char found[AVSN_MODEL_PATH];
    if (!context || !name || !size)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !context ? "context" : name ? "size" : "name");
    AVSN_TRY(avsn_model_find(context, name, found));
    if (!is_file(found))
        AVSN_FAIL(AVSOUND_E_IO, "%s: no such file", found);
    const size_t room = *size;
    *size = strlen(found) + 1;
    if (path && room < *size)
        AVSN_FAIL(AVSOUND_E_BUFFER_SIZE, "the path needs %zu bytes, the buffer has %zu", *size, room);
    if (path)
        memcpy(path, found, *size);
    return AVSOUND_OK;
}
