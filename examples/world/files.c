/* Names, and files that are there whole or not at all. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

bool world_fail(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "avsound-world: %s\n", text);
    return false;
}

void clip_name(int64_t clip, const char *ending, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "clip-%06" PRId64 "%s", clip, ending);
}

char *path_join(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    else
        world_fail("out of memory");
    return path;
}

char *path_temporary(const char *path)
{
    const size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (temporary)
        snprintf(temporary, size, "%s.part-%ld", path, (long)getpid());
    else
        world_fail("out of memory");
    return temporary;
}

bool file_exists(const char *path)
{
    return !access(path, R_OK);
}

bool file_rename(const char *from, const char *to)
{
    return !rename(from, to) || world_fail("%s: %s", to, strerror(errno));
}

bool text_write(const char *path, const char *text, size_t size)
{
    char *temporary = path_temporary(path);
    FILE *f = temporary ? fopen(temporary, "wb") : NULL;
    bool good = f && fwrite(text, 1, size, f) == size;
    if (f)
        good = !fclose(f) && good;
    if (temporary && !good) {
        world_fail("%s: %s", path, strerror(errno));
        remove(temporary);
    }
    good = good && file_rename(temporary, path);
    free(temporary);
    return good;
}
