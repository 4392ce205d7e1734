#include "train/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weights/text.h"

#define MOST_BYTES ((int64_t)1 << 30)

/* ---- text ---- */

static avsound_status read_all(int fd, const char *path, char *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t got = read(fd, to + done, bytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
        if (got == 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: became shorter while it was read", path);
        done += (size_t)got;
    }
    return AVSOUND_OK;
}

static avsound_status read_open(avsound_context *context, int fd, const char *path, int64_t most, char **text)
{
    struct stat status;
    if (fstat(fd, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        AVSN_FAIL(AVSOUND_E_IO, "%s: is a %s, want a regular file", path,
                  S_ISDIR(status.st_mode) ? "directory" : "device, pipe or socket");
    if (status.st_size > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %lld bytes, want at most %lld", path, (long long)status.st_size,
                  (long long)most);
    const size_t bytes = (size_t)status.st_size;
    *text = avsn_alloc(context, bytes + 1, 1);
    if (!*text)
        return AVSOUND_E_NO_MEMORY;
    (*text)[bytes] = 0;
    AVSN_TRY(read_all(fd, path, *text, bytes));
    const char *zero = memchr(*text, 0, bytes);
    if (zero)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: byte %td is 0, want text", path, zero - *text);
    return AVSOUND_OK;
}

avsound_status avsn_text_read(avsound_context *context, const char *path, int64_t most, char **text)
{
    *text = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    const avsound_status status = read_open(context, fd, path, most, text);
    close(fd);
    if (status) {
        avsn_free(context, *text);
        *text = NULL;
    }
    return status;
}

/* ---- records ---- */

static bool ends_record(char c)
{
    return c == '\n' || c == '\r' || c == 0;
}

/* Unquotes the field at csv->at in place and moves behind its closing quote. */
static avsound_status read_quoted(avsn_csv *csv, const char **field)
{
    char *from = csv->at + 1, *to = from;
    *field = from;
    for (;; from++) {
        if (!*from)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s line %lld: a quoted field never ends, want a closing \"", csv->path,
                      (long long)csv->line);
        if (*from == '"' && *++from != '"')
            break;
        csv->next_line += *from == '\n';
        *to++ = *from;
    }
    if (*from != ',' && !ends_record(*from)) {
        avsn_shown shown;
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s line %lld: \"%s\" behind a closing quote, want a comma or the line's end",
                  csv->path, (long long)csv->line, avsn_show(from, &shown));
    }
    csv->at = from;
    *to = 0;
    return AVSOUND_OK;
}

/* Ends the field where csv->at stands; true if another follows in this record. */
static bool end_field(avsn_csv *csv)
{
    const char ended_by = *csv->at;
    if (!ended_by)
        return false;
    *csv->at++ = 0;
    if (ended_by == ',')
        return true;
    if (ended_by == '\r' && *csv->at == '\n')
        csv->at++;
    csv->next_line++;
    return false;
}

static avsound_status read_record(avsn_csv *csv, const char **fields, int32_t *count)
{
    bool more = true;
    csv->line = csv->next_line;
    for (*count = 0; more; ++*count) {
        if (*count == AVSN_CSV_MOST_COLUMNS)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s line %lld: more than %d columns", csv->path, (long long)csv->line,
                      AVSN_CSV_MOST_COLUMNS);
        fields[*count] = csv->at;
        if (*csv->at == '"')
            AVSN_TRY(read_quoted(csv, &fields[*count]));
        else
            csv->at += strcspn(csv->at, ",\r\n");
        more = end_field(csv);
    }
    return AVSOUND_OK;
}

static avsound_status read_names(avsn_csv *csv)
{
    if (!strncmp(csv->at, "\xef\xbb\xbf", 3))
        csv->at += 3;
    if (!*csv->at)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is empty, want a line of column names", csv->path);
    AVSN_TRY(read_record(csv, csv->names, &csv->columns));
    for (int32_t i = 1; i < csv->columns; i++)
        for (int32_t j = 0; j < i; j++)
            if (!strcmp(csv->names[i], csv->names[j])) {
                avsn_shown shown;
                AVSN_FAIL(AVSOUND_E_FORMAT, "%s line 1: columns %d and %d are both \"%s\"", csv->path, j + 1, i + 1,
                          avsn_show(csv->names[i], &shown));
            }
    return AVSOUND_OK;
}

avsound_status avsn_csv_open(avsound_context *context, const char *path, avsn_csv *csv)
{
    *csv = (avsn_csv){.context = context, .next_line = 1};
    avsound_status status = avsn_text_read(context, path, MOST_BYTES, &csv->text);
    csv->at = csv->text;
    if (!status && !(csv->path = avsn_strdup(context, path)))
        status = AVSOUND_E_NO_MEMORY;
    if (!status)
        status = read_names(csv);
    if (status)
        avsn_csv_close(csv);
    return status;
}

avsound_status avsn_csv_next(avsn_csv *csv)
{
    while (*csv->at == '\n' || *csv->at == '\r') {
        csv->next_line += *csv->at == '\n';
        csv->at++;
    }
    if (!*csv->at)
        return AVSOUND_E_END;
    int32_t count;
    AVSN_TRY(read_record(csv, csv->fields, &count));
    if (count != csv->columns)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s line %lld: %d fields, want %d as in the first line", csv->path,
                  (long long)csv->line, count, csv->columns);
    return AVSOUND_OK;
}

/* ---- fields ---- */

int32_t avsn_csv_find(const avsn_csv *csv, const char *name)
{
    for (int32_t i = 0; i < csv->columns; i++)
        if (!strcmp(csv->names[i], name))
            return i;
    return -1;
}

avsound_status avsn_csv_want(const avsn_csv *csv, const char *name, int32_t *column)
{
    *column = avsn_csv_find(csv, name);
    if (*column >= 0)
        return AVSOUND_OK;
    avsn_shown first;
    AVSN_FAIL(AVSOUND_E_FORMAT, "%s line 1: no column \"%s\" among the %d (the first is \"%s\")", csv->path, name,
              csv->columns, avsn_show(csv->names[0], &first));
}

avsound_status avsn_csv_refuse(const avsn_csv *csv, int32_t column, const char *want)
{
    avsn_shown found, name;
    AVSN_FAIL(AVSOUND_E_FORMAT, "%s line %lld: %s is \"%s\", want %s", csv->path, (long long)csv->line,
              avsn_show(csv->names[column], &name), avsn_show(csv->fields[column], &found), want);
}

avsound_status avsn_csv_integer(const avsn_csv *csv, int32_t column, int64_t least, int64_t most, int64_t *value)
{
    const char *text = csv->fields[column];
    const size_t sign = *text == '-', digits = strspn(text + sign, "0123456789");
    errno = 0;
    *value = strtoll(text, NULL, 10);
    if (digits && !text[sign + digits] && !errno && *value >= least && *value <= most)
        return AVSOUND_OK;
    char want[80];
    snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)least, (long long)most);
    return avsn_csv_refuse(csv, column, want);
}

avsound_status avsn_csv_number(const avsn_csv *csv, int32_t column, double *value)
{
    char *end;
    const char *text = csv->fields[column];
    *value = strtod(text, &end);
    if (end != text && !*end && *text != ' ' && isfinite(*value))
        return AVSOUND_OK;
    return avsn_csv_refuse(csv, column, "a number");
}

void avsn_csv_close(avsn_csv *csv)
{
    avsn_free(csv->context, csv->text);
    avsn_free(csv->context, csv->path);
    csv->text = csv->path = csv->at = NULL;
}

/* ---- writing ---- */

static avsound_status write_all(int fd, const char *path, const char *text, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t wrote = write(fd, text, bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: writing: %s", path, strerror(errno));
        text += wrote;
        bytes -= (size_t)wrote;
    }
    if (fsync(fd) && errno != EINVAL && errno != EROFS)
        AVSN_FAIL(AVSOUND_E_IO, "%s: flushing: %s", path, strerror(errno));
    return AVSOUND_OK;
}

static avsound_status write_and_rename(const char *path, const char *temporary, const char *text, size_t bytes)
{
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    avsound_status status = write_all(fd, path, text, bytes);
    if (close(fd) && !status)
        status = avsn_fail(AVSOUND_E_IO, "%s: closing: %s", path, strerror(errno));
    if (!status && rename(temporary, path))
        status = avsn_fail(AVSOUND_E_IO, "%s: renaming: %s", path, strerror(errno));
    if (status)
        unlink(temporary);
    return status;
}

avsound_status avsn_text_write(avsound_context *context, const char *path, const char *text, size_t bytes)
{
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    const size_t size = strlen(path) + 32;
    char *temporary = avsn_alloc(context, size, 1);
    if (!temporary)
        return AVSOUND_E_NO_MEMORY;
    snprintf(temporary, size, "%.*s.%s.%lx", folder, path, path + folder, (unsigned long)getpid());
    const avsound_status status = write_and_rename(path, temporary, text, bytes);
    avsn_free(context, temporary);
    return status;
}

static bool reserve(avsn_text *text, size_t more)
{
    if (!text->status)
        text->status =
            avsn_grow(text->context, (void **)&text->data, 1, text->bytes, text->bytes + more, &text->capacity);
    return !text->status;
}

void avsn_text_add(avsn_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(text, (size_t)length + 1)) {
        vsnprintf(text->data + text->bytes, (size_t)length + 1, format, again);
        text->bytes += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void avsn_text_add_field(avsn_text *text, const char *field)
{
    if (!field[strcspn(field, ",\"\r\n")]) {
        avsn_text_add(text, "%s", field);
        return;
    }
    if (!reserve(text, 2 * strlen(field) + 2))
        return;
    char *to = text->data + text->bytes;
    *to++ = '"';
    for (; *field; field++) {
        if (*field == '"')
            *to++ = '"';
        *to++ = *field;
    }
    *to++ = '"';
    text->bytes = (size_t)(to - text->data);
}
