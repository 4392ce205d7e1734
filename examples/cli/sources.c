#define _XOPEN_SOURCE 700 /* realpath() */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

enum { DEEPEST = 64 };

/* Other files of a folder are left alone. */
static const char *const endings[] = {
    ".mp4", ".m4v", ".mov",  ".mkv",  ".webm", ".avi", ".mpg",  ".mpeg", ".ts",  ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",
    ".mxf", ".vob", ".asf",  ".y4m",  ".wav",  ".flac", ".ogg", ".oga",  ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma",
    ".mka", ".weba", ".jpg", ".jpeg", ".png",  ".webp", ".bmp", ".tif",  ".tiff", ".ppm", NULL};

static bool is_named_like_media(const char *name)
{
    for (const char *const *ending = endings; *ending; ending++)
        if (cli_ends_with(name, *ending))
            return true;
    return false;
}

static int add_file(cli_sources *s, const char *path)
{
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 256;
        char **paths = realloc(s->paths, room * sizeof *paths);
        if (!paths)
            return cli_error(CLI_RESOURCES, "%s: out of memory", path);
        s->paths = paths;
        s->room = room;
    }
    s->paths[s->count] = strdup(path);
    return s->paths[s->count++] ? CLI_OK : cli_error(CLI_RESOURCES, "%s: out of memory", path);
}

/* The folder's links are followed, the file's own is not: results name it as people know it. */
static int add_absolute(cli_sources *s, const char *path)
{
    char folder[4096], whole[8192];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1, slash ? path : ".");
    char *real = realpath(folder, NULL);
    if (!real)
        return cli_error(CLI_INPUT, "%s: %s", path, strerror(errno));
    snprintf(whole, sizeof whole, "%s/%s", strcmp(real, "/") ? real : "", slash ? slash + 1 : path);
    free(real);
    return add_file(s, whole);
}

static int add_folder(cli_sources *s, const char *folder, int depth);

/* Links to folders could lead around in circles. */
static int add_entry(cli_sources *s, const char *folder, const char *name, int depth)
{
    char path[4096];
    struct stat info, target;
    if (name[0] == '.')
        return CLI_OK;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return cli_error(CLI_INPUT, "%s/%s: the name is too long", folder, name);
    if (lstat(path, &info) || stat(path, &target)) {
        cli_warn("%s: %s", path, strerror(errno));
        return CLI_OK;
    }
    if (S_ISDIR(info.st_mode))
        return add_folder(s, path, depth + 1);
    return S_ISREG(target.st_mode) && is_named_like_media(name) ? add_file(s, path) : CLI_OK;
}

static int add_folder(cli_sources *s, const char *folder, int depth)
{
    const struct dirent *entry;
    int code = CLI_OK;
    if (depth > DEEPEST)
        return cli_error(CLI_INPUT, "%s: folders are nested more than %d deep", folder, DEEPEST);
    DIR *dir = opendir(folder);
    if (!dir)
        return cli_error(CLI_INPUT, "%s: %s", folder, strerror(errno));
    while (!code && (entry = readdir(dir)))
        code = add_entry(s, folder, entry->d_name, depth);
    closedir(dir);
    return code;
}

static int add_list(cli_sources *s, const char *list);

static int add_operand(cli_sources *s, const char *path, bool listed)
{
    struct stat info;
    if (stat(path, &info))
        return cli_error(CLI_INPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        char *real = realpath(path, NULL);
        const int code = real ? add_folder(s, real, 0) : cli_error(CLI_INPUT, "%s: %s", path, strerror(errno));
        free(real);
        return code;
    }
    return !listed && cli_ends_with(path, ".txt") ? add_list(s, path) : add_absolute(s, path);
}

/* A line's path stands beside the list, where it is relative. */
static int add_line(cli_sources *s, const char *list, char *line)
{
    char path[4096];
    const char *slash = strrchr(list, '/');
    line += strspn(line, " \t");
    for (size_t n = strlen(line); n && strchr(" \t\r\n", line[n - 1]); n--)
        line[n - 1] = 0;
    if (!*line || *line == '#')
        return CLI_OK;
    const int folder = slash && *line != '/' ? (int)(slash + 1 - list) : 0;
    if ((size_t)snprintf(path, sizeof path, "%.*s%s", folder, list, line) >= sizeof path)
        return cli_error(CLI_INPUT, "%s: the name %s is too long", list, line);
    return add_operand(s, path, true);
}

static int add_list(cli_sources *s, const char *list)
{
    char *line = NULL;
    size_t room = 0;
    int code = CLI_OK;
    FILE *file = fopen(list, "r");
    if (!file)
        return cli_error(CLI_INPUT, "%s: %s", list, strerror(errno));
    while (!code && getline(&line, &room, file) >= 0)
        code = add_line(s, list, line);
    free(line);
    fclose(file);
    return code;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int cli_sources_find(char *const *operands, int count, cli_sources *out)
{
    size_t kept = 0;
    int code = CLI_OK;
    *out = (cli_sources){0};
    for (int i = 0; !code && i < count; i++)
        code = add_operand(out, operands[i], false);
    if (out->count)
        qsort(out->paths, out->count, sizeof *out->paths, compare);
    for (size_t i = 0; i < out->count; i++) {
        if (kept && !strcmp(out->paths[kept - 1], out->paths[i]))
            free(out->paths[i]);
        else
            out->paths[kept++] = out->paths[i];
    }
    out->count = kept;
    return code;
}

int cli_sources_shard(cli_sources *sources, const char *shard, const char *command)
{
    int index, count, end = 0;
    size_t kept = 0;
    if (!shard)
        return CLI_OK;
    if (sscanf(shard, "%d/%d%n", &index, &count, &end) != 2 || shard[end] || index < 1 || index > count)
        return cli_error(CLI_USAGE, "%s: --shard is %s, want I/N with I from 1 to N", command, shard);
    for (size_t i = 0; i < sources->count; i++) {
        if (i % (size_t)count == (size_t)index - 1)
            sources->paths[kept++] = sources->paths[i];
        else
            free(sources->paths[i]);
    }
    sources->count = kept;
    return CLI_OK;
}

void cli_sources_close(cli_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        free(sources->paths[i]);
    free(sources->paths);
    *sources = (cli_sources){0};
}
