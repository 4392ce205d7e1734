#define _DEFAULT_SOURCE /* flock() */
#include "index/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "vectors are used where they lie in the file, and files are little-endian"
#endif

enum { VERSION = 1, PAGE = 4096 };

/* The first page; zeros follow. */
typedef struct first_page {
    char magic[16];
    uint32_t version, dimension;
    char identity[40];
} first_page;

static const char magic[16] = "avsound vectors";

static avsound_status fail_errno(const avsn_vectors *v, const char *what)
{
    AVSN_FAIL(AVSOUND_E_IO, "%s: %s: %s", v->path, what, strerror(errno));
}

static int64_t row_bytes(const avsn_vectors *v)
{
    return (int64_t)v->dimension * (int64_t)sizeof(float);
}

avsound_status avsn_vectors_open(avsound_context *context, const char *path, avsn_vectors_mode mode, avsn_vectors *out)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT};
    *out = (avsn_vectors){.context = context, .fd = -1};
    out->path = avsn_strdup(context, path);
    if (!out->path)
        return AVSOUND_E_NO_MEMORY;
    out->fd = open(path, flags[mode] | O_CLOEXEC, 0666);
    return out->fd < 0 ? fail_errno(out, "the vectors could not be opened") : AVSOUND_OK;
}

avsound_status avsn_vectors_lock(avsn_vectors *vectors)
{
    if (!flock(vectors->fd, LOCK_EX | LOCK_NB))
        return AVSOUND_OK;
    if (errno != EWOULDBLOCK)
        return fail_errno(vectors, "could not be locked");
    AVSN_FAIL(AVSOUND_E_STATE, "%s: another process is writing this index", vectors->path);
}

static avsound_status write_at(const avsn_vectors *v, const void *data, int64_t bytes, int64_t position)
{
    const char *from = data;
    while (bytes > 0) {
        const ssize_t done = pwrite(v->fd, from, (size_t)bytes, position);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail_errno(v, "could not be written");
        from += done;
        position += done;
        bytes -= done;
    }
    return AVSOUND_OK;
}

avsound_status avsn_vectors_begin(avsn_vectors *vectors, const char *identity, int32_t dimension)
{
    static const char zeros[PAGE];
    first_page page = {.version = VERSION, .dimension = (uint32_t)dimension};
    memcpy(page.magic, magic, sizeof magic);
    memcpy(page.identity, identity, AVSN_INDEX_IDENTITY);
    if (ftruncate(vectors->fd, 0))
        return fail_errno(vectors, "could not be written");
    AVSN_TRY(write_at(vectors, zeros, PAGE, 0));
    AVSN_TRY(write_at(vectors, &page, sizeof page, 0));
    vectors->dimension = dimension;
    vectors->rows = 0;
    return avsn_vectors_sync(vectors);
}

static avsound_status check_length(avsn_vectors *v, int64_t rows, bool writing)
{
    struct stat s;
    int64_t wanted;
    if (fstat(v->fd, &s))
        return fail_errno(v, "could not be read");
    if (rows < 0 || !avsn_mul_i64(rows, row_bytes(v), &wanted) || wanted > INT64_MAX - PAGE || s.st_size < PAGE + wanted)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is cut short: it has %lld bytes, its index wants %lld vectors of %d", v->path,
                  (long long)s.st_size, (long long)rows, v->dimension);
    if (writing && ftruncate(v->fd, PAGE + wanted))
        return fail_errno(v, "could not be written");
    v->rows = rows;
    return AVSOUND_OK;
}

avsound_status avsn_vectors_check(avsn_vectors *vectors, const char *identity, int32_t dimension, int64_t rows, bool writing)
{
    first_page page;
    const ssize_t got = pread(vectors->fd, &page, sizeof page, 0);
    if (got < 0)
        return fail_errno(vectors, "could not be read");
    if (got < (ssize_t)sizeof page || memcmp(page.magic, magic, sizeof magic) || page.version != VERSION)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: holds no vectors of an index, or is cut short", vectors->path);
    if (memcmp(page.identity, identity, AVSN_INDEX_IDENTITY) || page.dimension != (uint32_t)dimension)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: belongs to another index than the database beside it", vectors->path);
    vectors->dimension = dimension;
    return check_length(vectors, rows, writing);
}

avsound_status avsn_vectors_map(avsn_vectors *vectors)
{
    if (!vectors->rows)
        return AVSOUND_OK;
    vectors->mapping_bytes = (size_t)(PAGE + vectors->rows * row_bytes(vectors));
    void *mapping = mmap(NULL, vectors->mapping_bytes, PROT_READ, MAP_SHARED, vectors->fd, 0);
    if (mapping == MAP_FAILED)
        return fail_errno(vectors, "could not be mapped");
    vectors->mapping = mapping;
    vectors->data = (const float *)((const char *)mapping + PAGE);
    return AVSOUND_OK;
}

avsound_status avsn_vectors_append(avsn_vectors *vectors, const float *rows, int64_t count)
{
    AVSN_TRY(write_at(vectors, rows, count * row_bytes(vectors), PAGE + vectors->rows * row_bytes(vectors)));
    vectors->rows += count;
    return AVSOUND_OK;
}

avsound_status avsn_vectors_sync(avsn_vectors *vectors)
{
    return fsync(vectors->fd) ? fail_errno(vectors, "could not be written") : AVSOUND_OK;
}

void avsn_vectors_close(avsn_vectors *vectors)
{
    if (vectors->mapping)
        munmap(vectors->mapping, vectors->mapping_bytes);
    if (vectors->context && vectors->fd >= 0)
        close(vectors->fd);
    if (vectors->context)
        avsn_free(vectors->context, vectors->path);
    *vectors = (avsn_vectors){.fd = -1};
}
