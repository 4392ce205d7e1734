/* CSV as spreadsheets write it: quoted fields, doubled quotes, line ends of either kind, a byte order mark. A table whose first
 * line has tabs and no comma is separated by tabs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eval.h"

#define MOST_BYTES ((int64_t)1 << 30)

static int read_text(const char *path, char **text, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return cli_error(CLI_INPUT, "%s: %s", path, strerror(errno));
    size_t room = 1 << 16, used = 0, got;
    char *grown, *buffer = malloc(room + 1);
    while (buffer && (got = fread(buffer + used, 1, room - used, file))) {
        used += got;
        if (used < room)
            continue;
        grown = (int64_t)room < MOST_BYTES ? realloc(buffer, 2 * room + 1) : NULL;
        if (!grown)
            free(buffer);
        buffer = grown;
        room *= 2;
    }
    const bool bad = ferror(file);
    fclose(file);
    if (!buffer)
        return cli_error(CLI_RESOURCES, "%s: too large", path);
    if (bad) {
        free(buffer);
        return cli_error(CLI_INPUT, "%s: can't be read", path);
    }
    buffer[used] = 0;
    *text = buffer;
    *size = used;
    return CLI_OK;
}

/* Takes the field at *at apart in place; returns the character behind it: the separator, '\n' or 0. */
static char take_field(char separator, char **at, char **field)
{
    char *from = *at, *to = *at;
    *field = to;
    if (*from == '"') {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            from += *from == '"';
            *to++ = *from;
        }
        from += *from == '"';
    }
    while (*from && *from != separator && *from != '\n' && *from != '\r')
        *to++ = *from++;
    char end = *from;
    if (end == '\r') {
        end = '\n';
        from += from[1] == '\n';
    }
    *at = from + (*from != 0);
    *to = 0;
    return end;
}

static int add_field(eval_csv *csv, int64_t *count, size_t *room, char *field)
{
    if ((size_t)*count == *room) {
        *room = *room ? 2 * *room : 256;
        char **grown = realloc(csv->fields, *room * sizeof *grown);
        if (!grown)
            return CLI_RESOURCES;
        csv->fields = grown;
    }
    csv->fields[(*count)++] = field;
    return CLI_OK;
}

static char separator_of(const char *text)
{
    const size_t line = strcspn(text, "\r\n");
    return memchr(text, '\t', line) && !memchr(text, ',', line) ? '\t' : ',';
}

static int parse(eval_csv *csv, const char *path, char *at)
{
    int64_t count = 0, line = 0;
    size_t room = 0;
    const char separator = separator_of(at);
    while (*at) {
        const int64_t start = count;
        char *field, end;
        line++;
        do {
            end = take_field(separator, &at, &field);
            if (add_field(csv, &count, &room, field))
                return cli_error(CLI_RESOURCES, "%s: out of memory", path);
        } while (end == separator);
        if (count - start == 1 && !*field) {
            count = start; /* an empty line */
            continue;
        }
        if (!csv->columns)
            csv->columns = count;
        if (count - start != csv->columns)
            return cli_error(CLI_INPUT, "%s: record %lld has %lld fields, want %lld as in the header", path,
                             (long long)line, (long long)(count - start), (long long)csv->columns);
        csv->rows++;
    }
    return CLI_OK;
}

int eval_csv_read(const char *path, eval_csv *out)
{
    size_t size = 0;
    *out = (eval_csv){0};
    int code = read_text(path, &out->text, &size);
    if (code)
        return code;
    if (strlen(out->text) != size)
        code = cli_error(CLI_INPUT, "%s: is no text", path);
    else
        code = parse(out, path, out->text + (strncmp(out->text, "\xef\xbb\xbf", 3) ? 0 : 3));
    if (code)
        eval_csv_free(out);
    return code;
}

int64_t eval_csv_column(const eval_csv *csv, const char *name)
{
    for (int64_t i = 0; csv->rows && i < csv->columns; i++)
        if (!strcmp(csv->fields[i], name))
            return i;
    return -1;
}

const char *eval_csv_field(const eval_csv *csv, int64_t row, int64_t column)
{
    return column < 0 ? "" : csv->fields[row * csv->columns + column];
}

void eval_csv_free(eval_csv *csv)
{
    free(csv->fields);
    free(csv->text);
    *csv = (eval_csv){0};
}
