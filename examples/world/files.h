#ifndef WORLD_FILES_H
#define WORLD_FILES_H

#include "world.h"

char *path_temporary(const char *path); /* the caller frees it */
bool file_exists(const char *path);
bool file_rename(const char *from, const char *to);
bool text_write(const char *path, const char *text, size_t size);

#endif
