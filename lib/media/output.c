#include "media/private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { IO_BYTES = 1 << 16, NAME_ATTEMPTS = 100, LONGEST_BASE = 200 };

void avsn_path_ending(const char *path, char *ending, size_t size)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t n = 0;
    if (dot && (!slash || dot > slash))
        for (; dot[n] && n + 1 < size; n++)
            ending[n] = (char)tolower((unsigned char)dot[n]);
    ending[n] = 0;
}

/* Hidden, in the same folder so that renaming is atomic, and unlike any other's. */
static void temporary_name(const char *path, unsigned attempt, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(name, size, "%.*s.%.*s.%lx%lx%x", folder, path, LONGEST_BASE, path + folder, (unsigned long)getpid(),
             (unsigned long)now.tv_nsec, attempt);
}

static avsound_status open_temporary(avsn_output *output)
{
    const size_t size = strlen(output->path) + 64;
    output->temporary = avsn_alloc(output->context, size, 1);
    if (!output->temporary)
        return AVSOUND_E_NO_MEMORY;
    for (unsigned attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        temporary_name(output->path, attempt, output->temporary, size);
        output->fd = open(output->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (output->fd >= 0)
            return AVSOUND_OK;
        if (errno != EEXIST)
            break;
    }
    AVSN_FAIL(AVSOUND_E_IO, "%s: cannot be written: %s", output->path, strerror(errno));
}

avsound_status avsn_output_create(avsound_context *context, const char *path, avsn_output *output)
{
    *output = (avsn_output){.context = context, .fd = -1};
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        AVSN_FAIL(AVSOUND_E_IO, "%s: cannot be written: is a directory", path);
    output->path = avsn_strdup(context, path);
    if (!output->path)
        return AVSOUND_E_NO_MEMORY;
    const avsound_status result = open_temporary(output);
    if (result)
        avsn_output_abandon(output);
    return result;
}

avsound_status avsn_output_write(avsn_output *output, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        const ssize_t wrote = pwrite(output->fd, from, size, (off_t)output->position);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            output->error = errno;
            AVSN_FAIL(AVSOUND_E_IO, "%s: writing at byte %lld: %s", output->path, (long long)output->position,
                      strerror(errno));
        }
        output->position += wrote;
        from += wrote;
        size -= (size_t)wrote;
    }
    return AVSOUND_OK;
}

static void release(avsn_output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    avsn_free(output->context, output->path);
    avsn_free(output->context, output->temporary);
    output->path = output->temporary = NULL;
    output->fd = -1;
}

void avsn_output_abandon(avsn_output *output)
{
    if (output->fd >= 0)
        unlink(output->temporary);
    release(output);
}

/* So that the new name survives a power cut as the content does; a file system that can't is none of the caller's trouble. */
static void sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash + 1 - path) : 0;
    if (snprintf(folder, sizeof folder, "%.*s", length, path) >= (int)sizeof folder)
        return;
    const int fd = open(length ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

avsound_status avsn_output_commit(avsn_output *output)
{
    const char *failed = fsync(output->fd) && errno != EINVAL && errno != EROFS ? "flushing" : NULL;
    if (!failed && rename(output->temporary, output->path))
        failed = "renaming";
    if (failed) {
        avsn_fail(AVSOUND_E_IO, "%s: %s: %s", output->path, failed, strerror(errno));
        avsn_output_abandon(output);
        return AVSOUND_E_IO;
    }
    sync_folder(output->path);
    release(output);
    return AVSOUND_OK;
}

/* ---- as FFmpeg's byte stream ---- */

/* What one AVIOContext stands at: the muxer's own writes from `output->position`, readers have a place of their own. */
typedef struct reader {
    const avsn_output *output;
    int64_t position;
} reader;

#if LIBAVFORMAT_VERSION_MAJOR >= 61
static int write_bytes(void *opaque, const uint8_t *data, int size)
#else
static int write_bytes(void *opaque, uint8_t *data, int size)
#endif
{
    avsn_output *output = opaque;
    return avsn_output_write(output, data, (size_t)size) ? AVERROR(output->error) : size;
}

static int64_t seek_to(const avsn_output *output, int64_t *position, int64_t offset, int whence)
{
    struct stat status;
    if (fstat(output->fd, &status))
        return AVERROR(errno);
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return status.st_size;
    if (whence == SEEK_CUR)
        offset += *position;
    else if (whence == SEEK_END)
        offset += status.st_size;
    return offset < 0 ? AVERROR(EINVAL) : (*position = offset);
}

static int64_t seek_write(void *opaque, int64_t offset, int whence)
{
    avsn_output *output = opaque;
    return seek_to(output, &output->position, offset, whence);
}

static int read_bytes(void *opaque, uint8_t *buffer, int size)
{
    reader *r = opaque;
    const ssize_t got = pread(r->output->fd, buffer, (size_t)size, (off_t)r->position);
    if (got < 0)
        return AVERROR(errno);
    r->position += got;
    return got ? (int)got : AVERROR_EOF;
}

static int64_t seek_read(void *opaque, int64_t offset, int whence)
{
    reader *r = opaque;
    return seek_to(r->output, &r->position, offset, whence);
}

/* Moving the index to the front makes the muxer read its own file back. */
static int open_reader(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    (void)url, (void)options;
    *io = NULL;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EPERM);
    reader *r = av_mallocz(sizeof *r);
    uint8_t *buffer = av_malloc(IO_BYTES);
    if (r && buffer)
        *io = avio_alloc_context(buffer, IO_BYTES, 0, r, read_bytes, NULL, seek_read);
    if (!*io) {
        av_free(buffer);
        av_free(r);
        return AVERROR(ENOMEM);
    }
    r->output = format->opaque;
    return 0;
}

static int close_reader(AVFormatContext *format, AVIOContext *io)
{
    (void)format;
    if (!io)
        return 0;
    av_free(io->opaque);
    av_freep(&io->buffer);
    avio_context_free(&io);
    return 0;
}

avsound_status avsn_output_attach(avsn_output *output, AVFormatContext *format)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    format->pb = buffer ? avio_alloc_context(buffer, IO_BYTES, 1, output, NULL, write_bytes, seek_write) : NULL;
    if (!format->pb) {
        av_free(buffer);
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", output->path);
    }
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    format->opaque = output;
    format->io_open = open_reader;
    format->io_close2 = close_reader;
    return AVSOUND_OK;
}

void avsn_output_detach(AVFormatContext *format)
{
    if (!format || !format->pb)
        return;
    av_freep(&format->pb->buffer);
    avio_context_free(&format->pb);
}
