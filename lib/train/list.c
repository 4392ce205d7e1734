#include "train/list.h"

#include "train/csv.h"

#include <stdio.h>
#include <string.h>

#define MOST_BYTES ((int64_t)1 << 28)

static char *trim(char *line)
{
    line += strspn(line, " \t");
    size_t length = strlen(line);
    while (length && strchr(" \t\r", line[length - 1]))
        line[--length] = 0;
    return *line == '#' ? line + length : line;
}

static avsound_status tell(avsound_context *context, const char *list, const char *line, avsn_list_fn each, void *user_data)
{
    const char *slash = strrchr(list, '/');
    const int folder = slash && *line != '/' ? (int)(slash + 1 - list) : 0;
    const size_t bytes = (size_t)folder + strlen(line) + 1;
    char *path = avsn_alloc(context, bytes, 1);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    snprintf(path, bytes, "%.*s%s", folder, list, line);
    const avsound_status status = each(user_data, path);
    avsn_free(context, path);
    return status;
}

avsound_status avsn_list_read(avsound_context *context, const char *list, avsn_list_fn each, void *user_data)
{
    char *text;
    AVSN_TRY(avsn_text_read(context, list, MOST_BYTES, &text));
    avsound_status status = AVSOUND_OK;
    char *line = text;
    for (int64_t number = 1; !status && line; number++) {
        char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;
        if (end)
            *end = 0;
        line = trim(line);
        if (*line && (status = tell(context, list, line, each, user_data)))
            avsn_fail_in(status, "%s line %lld", list, (long long)number);
        line = next;
    }
    avsn_free(context, text);
    return status;
}
