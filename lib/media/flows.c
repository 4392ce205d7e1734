#include "media/flows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/private.h"

enum { HEADER = 24, MOST_SIDE = 16384 };

static const char magic[8] = "AVSFLOW1";

struct avsn_flows_writer {
    avsound_context *context;
    avsn_output output;
    int32_t width, height;
    int64_t count;
};

char *avsn_flows_path(avsound_context *context, const char *clip)
{
    const char *slash = strrchr(clip, '/'), *dot = strrchr(clip, '.');
    const size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - clip) : strlen(clip), bytes = stem + sizeof ".flow";
    char *path = avsn_alloc(context, bytes, 1);
    if (path)
        snprintf(path, bytes, "%.*s.flow", (int)stem, clip);
    return path;
}

static size_t field_bytes(int32_t width, int32_t height)
{
    return 2 * (size_t)width * (size_t)height;
}

static void put(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* ---- writing ---- */

static avsound_status write_header(avsn_flows_writer *w)
{
    uint8_t header[HEADER] = {0};
    memcpy(header, magic, sizeof magic);
    put(header + 8, (uint32_t)w->width);
    put(header + 12, (uint32_t)w->height);
    put(header + 16, (uint32_t)w->count);
    w->output.position = 0;
    return avsn_output_write(&w->output, header, sizeof header);
}

avsound_status avsn_flows_create(avsound_context *context, const char *path, int32_t width, int32_t height,
                                 avsn_flows_writer **out)
{
    *out = NULL;
    avsn_flows_writer *w = avsn_alloc_zeroed(context, 1, sizeof *w);
    if (!w)
        return AVSOUND_E_NO_MEMORY;
    w->context = avsn_context_ref(context);
    w->width = width;
    w->height = height;
    avsound_status status = avsn_output_create(context, path, &w->output);
    if (!status)
        status = write_header(w);
    if (status) {
        avsn_flows_writer_free(w);
        return status;
    }
    *out = w;
    return AVSOUND_OK;
}

avsound_status avsn_flows_write(avsn_flows_writer *w, const uint8_t *field)
{
    if (w->count == INT32_MAX)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: more than %d fields", w->output.path, INT32_MAX);
    AVSN_TRY(avsn_output_write(&w->output, field, field_bytes(w->width, w->height)));
    w->count++;
    return AVSOUND_OK;
}

avsound_status avsn_flows_finish(avsn_flows_writer *w)
{
    AVSN_TRY(write_header(w));
    return avsn_output_commit(&w->output);
}

void avsn_flows_writer_free(avsn_flows_writer *w)
{
    if (!w)
        return;
    avsound_context *context = w->context;
    if (w->output.path)
        avsn_output_abandon(&w->output);
    avsn_free(context, w);
    avsound_context_free(context);
}

/* ---- reading ---- */

static avsound_status read_at(const avsn_flows *f, int64_t position, void *to, size_t count)
{
    for (size_t got = 0; got < count;) {
        const ssize_t n = pread(f->fd, (uint8_t *)to + got, count - got, (off_t)(position + (int64_t)got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: reading at byte %lld: %s", f->path, (long long)position, strerror(errno));
        if (n == 0)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: ends at byte %lld: cut off", f->path, (long long)(position + (int64_t)got));
        got += (size_t)n;
    }
    return AVSOUND_OK;
}

static avsound_status read_header(avsn_flows *f, int64_t size)
{
    uint8_t header[HEADER];
    AVSN_TRY(read_at(f, 0, header, sizeof header));
    if (memcmp(header, magic, sizeof magic) != 0)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: does not begin with %.8s, want the flow that avsound prepare wrote", f->path, magic);
    const uint32_t width = get(header + 8), height = get(header + 12), count = get(header + 16);
    if (!width || width > MOST_SIDE || !height || height > MOST_SIDE || count > INT32_MAX)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %u fields of %u x %u, want 1 to %d a side", f->path, count, width, height, MOST_SIDE);
    f->width = (int32_t)width;
    f->height = (int32_t)height;
    f->count = (int32_t)count;
    const int64_t wanted = HEADER + f->count * (int64_t)field_bytes(f->width, f->height);
    if (size != wanted)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: has %lld bytes, want %lld for %d fields of %d x %d", f->path, (long long)size,
                  (long long)wanted, f->count, f->width, f->height);
    return AVSOUND_OK;
}

avsound_status avsn_flows_open(const char *path, avsn_flows *out)
{
    struct stat status;
    *out = (avsn_flows){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (out->fd < 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    avsound_status result = AVSOUND_OK;
    if (fstat(out->fd, &status) || !S_ISREG(status.st_mode))
        result = avsn_fail(AVSOUND_E_IO, "%s: is no regular file", path);
    else
        result = read_header(out, status.st_size);
    if (result)
        avsn_flows_close(out);
    return result;
}

avsound_status avsn_flows_read(const avsn_flows *f, int32_t first, int32_t count, uint8_t *fields)
{
    const size_t bytes = field_bytes(f->width, f->height);
    if (first < 0 || count < 0 || first > f->count - count)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: has %d fields, want %d from number %d on", f->path, f->count, count, first);
    return read_at(f, HEADER + first * (int64_t)bytes, fields, (size_t)count * bytes);
}

void avsn_flows_close(avsn_flows *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}
