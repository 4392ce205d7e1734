/* Inputs as files of a folder, for what is read by its path alone. The folder is there as long as the process. */
#ifndef AVSN_FUZZ_FOLDER_H
#define AVSN_FUZZ_FOLDER_H

#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static char folder_name[64];

static inline void empty_folder(void)
{
    char path[512];
    DIR *folder = opendir(folder_name);
    must(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s", folder_name, entry->d_name);
        must(entry->d_name[0] == '.' || unlink(path) == 0);
    }
    closedir(folder);
}

static inline void remove_it(void)
{
    empty_folder();
    rmdir(folder_name);
}

/* In memory where the system has such a place. */
static inline void need_folder(void)
{
    if (folder_name[0])
        return;
    snprintf(folder_name, sizeof folder_name, "%s/avsound-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    must(mkdtemp(folder_name) != NULL);
    atexit(remove_it);
}

static inline const char *in_folder(const char *name, char path[96])
{
    snprintf(path, 96, "%s/%s", folder_name, name);
    return path;
}

static inline FILE *new_file(const char *name)
{
    char path[96];
    FILE *file = fopen(in_folder(name, path), "wb");
    must(file != NULL);
    return file;
}

static inline void write_bytes(FILE *file, const void *data, size_t size)
{
    must(fwrite(data, 1, size, file) == size);
}

#endif
