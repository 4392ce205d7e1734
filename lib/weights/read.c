#include "base/io.h"
#include "weights/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

avsound_status avsn_fail_errno(const char *label, const char *what)
{
    const int error = errno;
    char reason[128] = "";
    strerror_r(error, reason, sizeof reason);
    AVSN_FAIL(error == ENOMEM ? AVSOUND_E_NO_MEMORY : AVSOUND_E_IO, "%s: %s: %s", label, what, reason);
}

static avsound_status create(avsound_context *context, const char *label, avsn_safetensors **out)
{
    *out = NULL;
    avsn_safetensors *file = avsn_alloc_zeroed(context, 1, sizeof *file);
    if (!file)
        return AVSOUND_E_NO_MEMORY;
    file->context = avsn_context_ref(context);
    file->label = avsn_strdup(context, label);
    if (!file->label) {
        avsn_safetensors_free(file);
        return AVSOUND_E_NO_MEMORY;
    }
    *out = file;
    return AVSOUND_OK;
}

static avsound_status map(avsn_safetensors *file, int fd)
{
    struct stat info;
    if (fstat(fd, &info))
        return avsn_fail_errno(file->label, "could not be read");
    if (!S_ISREG(info.st_mode))
        AVSN_FAIL(AVSOUND_E_IO, "%s: not a regular file", file->label);
    const int64_t most = avsn_context_limits(file->context)->max_model_bytes;
    if (info.st_size > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %lld bytes, the context's limit is %lld", file->label, (long long)info.st_size,
                  (long long)most);
    if (info.st_size < (off_t)AVSN_SAFETENSORS_PREFIX)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %lld bytes, a model file has more", file->label, (long long)info.st_size);
    void *mapping = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED)
        return avsn_fail_errno(file->label, "could not be mapped");
    file->mapping = mapping;
    file->mapping_bytes = (size_t)info.st_size;
    return AVSOUND_OK;
}

static avsound_status map_path(avsn_safetensors *file, const char *path)
{
    /* Opening a named pipe would wait for a writer without O_NONBLOCK; regular files ignore it. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return avsn_fail_errno(path, "could not be opened");
    const avsound_status status = map(file, fd);
    close(fd);
    return status;
}

static avsound_status parse(avsn_safetensors *file, const uint8_t *bytes, size_t size)
{
    if (size < AVSN_SAFETENSORS_PREFIX)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %zu bytes, a model file has more", file->label, size);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    if (header > size - AVSN_SAFETENSORS_PREFIX)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: header length is %llu, but %zu bytes follow it (truncated, or no safetensors file)",
                  file->label, (unsigned long long)header, size - AVSN_SAFETENSORS_PREFIX);
    if (header > AVSN_SAFETENSORS_MAX_HEADER)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: header length is %llu, want at most %zu", file->label, (unsigned long long)header,
                  AVSN_SAFETENSORS_MAX_HEADER);
    const char *text = (const char *)bytes + AVSN_SAFETENSORS_PREFIX;
    if (!header || text[0] != '{')
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: header does not begin with '{': no safetensors file", file->label);
    file->data = bytes + AVSN_SAFETENSORS_PREFIX + header;
    file->data_bytes = size - AVSN_SAFETENSORS_PREFIX - (size_t)header;
    return avsn_header_parse(file, text, (size_t)header);
}

static avsound_status open_path(avsn_safetensors *file, const char *path)
{
    AVSN_TRY(map_path(file, path));
    return parse(file, file->mapping, file->mapping_bytes);
}

static avsound_status finish(avsn_safetensors *file, avsound_status status, avsn_safetensors **out)
{
    *out = status ? NULL : file;
    if (status)
        avsn_safetensors_free(file);
    return status;
}

avsound_status avsn_safetensors_open(avsound_context *context, const char *path, avsn_safetensors **out)
{
    AVSN_TRY(create(context, path, out));
    return finish(*out, open_path(*out, path), out);
}

static avsound_status open_memory(avsn_safetensors *file, const void *data, size_t size, bool copy)
{
    const int64_t most = avsn_context_limits(file->context)->max_model_bytes;
    if ((uintmax_t)size > (uintmax_t)most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %zu bytes, the context's limit is %lld", file->label, size, (long long)most);
    if (copy) {
        file->copy = avsn_alloc(file->context, size, 1);
        if (!file->copy)
            return AVSOUND_E_NO_MEMORY;
        if (size)
            memcpy(file->copy, data, size);
        data = file->copy;
    }
    return parse(file, data, size);
}

avsound_status avsn_safetensors_open_memory(avsound_context *context, const void *data, size_t size, bool copy,
                                            avsn_safetensors **out)
{
    AVSN_TRY(create(context, "model in memory", out));
    return finish(*out, open_memory(*out, data, size, copy), out);
}

avsound_status avsn_safetensors_open_fd(avsound_context *context, int fd, const char *name, avsn_safetensors **out)
{
    char number[32];
    snprintf(number, sizeof number, "descriptor %d", fd);
    AVSN_TRY(create(context, name ? name : number, out));
    avsound_status status = map(*out, fd);
    if (!status)
        status = parse(*out, (*out)->mapping, (*out)->mapping_bytes);
    return finish(*out, status, out);
}

static avsound_status open_io(avsn_safetensors *file, avsn_io *io)
{
    const int64_t size = io->calls.size, most = avsn_context_limits(file->context)->max_model_bytes;
    if (size > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %lld bytes, the context's limit is %lld", file->label, (long long)size,
                  (long long)most);
    uint8_t *copy = file->copy = avsn_alloc(file->context, (size_t)size, 1);
    if (!copy)
        return AVSOUND_E_NO_MEMORY;
    size_t got;
    for (int64_t at = 0; at < size; at += (int64_t)got)
        AVSN_TRY(avsn_io_read(io, file->label, at, copy + at, (size_t)(size - at), &got));
    return parse(file, copy, (size_t)size);
}

avsound_status avsn_safetensors_open_io(avsound_context *context, const avsound_io *calls, avsn_safetensors **out)
{
    avsn_io io;
    *out = NULL;
    AVSN_TRY(avsn_io_init(&io, calls));
    AVSN_TRY(create(context, avsn_io_name(calls), out));
    return finish(*out, open_io(*out, &io), out);
}

void avsn_safetensors_free(avsn_safetensors *file)
{
    if (!file)
        return;
    avsound_context *context = file->context;
    avsn_free(context, file->aligned);
    avsn_free(context, file->strings);
    avsn_free(context, file->metadata);
    avsn_free(context, file->tensors);
    avsn_free(context, file->copy);
    if (file->mapping)
        munmap(file->mapping, file->mapping_bytes);
    avsn_free(context, file->label);
    avsn_free(context, file);
    avsound_context_free(context);
}

const char *avsn_safetensors_label(const avsn_safetensors *file)
{
    return file->label;
}

size_t avsn_safetensors_count(const avsn_safetensors *file)
{
    return file->count;
}

const avsn_file_tensor *avsn_safetensors_at(const avsn_safetensors *file, size_t index)
{
    return &file->tensors[index];
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, ((const avsn_file_tensor *)tensor)->name);
}

const avsn_file_tensor *avsn_safetensors_find(const avsn_safetensors *file, const char *name)
{
    return bsearch(name, file->tensors, file->count, sizeof *file->tensors, compare_name);
}

avsound_status avsn_safetensors_read(const avsn_safetensors *file, const char *name, const avsn_shape *shape, float *out)
{
    const avsn_file_tensor *tensor = avsn_safetensors_find(file, name);
    char found[AVSN_SHAPE_TEXT], wanted[AVSN_SHAPE_TEXT];
    if (!tensor)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is missing", file->label, name);
    if (tensor->dtype != AVSOUND_DTYPE_F32 || !avsn_shape_equal(&tensor->shape, shape))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: %s is %s, want %s in f32", file->label, name, avsn_shape_text(&tensor->shape, found),
                  avsn_shape_text(shape, wanted));
    memcpy(out, tensor->data, tensor->bytes);
    for (size_t k = 0; k < tensor->bytes / sizeof *out; k++)
        if (!isfinite(out[k]))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s holds %g at element %zu, want finite numbers", file->label, name, (double)out[k], k);
    return AVSOUND_OK;
}

static int compare_key(const void *key, const void *entry)
{
    return strcmp(key, ((const avsn_metadata_entry *)entry)->key);
}

const char *avsn_safetensors_metadata(const avsn_safetensors *file, const char *key)
{
    const avsn_metadata_entry *entry =
        bsearch(key, file->metadata, file->metadata_count, sizeof *file->metadata, compare_key);
    return entry ? entry->value : NULL;
}

size_t avsn_safetensors_metadata_count(const avsn_safetensors *file)
{
    return file->metadata_count;
}

void avsn_safetensors_metadata_at(const avsn_safetensors *file, size_t index, const char **key, const char **value)
{
    *key = file->metadata[index].key;
    *value = file->metadata[index].value;
}

avsound_status avsn_safetensors_verify(const avsn_safetensors *file)
{
    const char *wanted = avsn_safetensors_metadata(file, AVSN_SHA256_KEY);
    if (!wanted)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: no metadata key %s to compare the data with", file->label, AVSN_SHA256_KEY);
    struct AVSHA *sha = avsn_digest_start(file->context);
    if (!sha)
        return AVSOUND_E_NO_MEMORY;
    char found[AVSN_DIGEST_TEXT];
    avsn_digest_add(sha, file->data, file->data_bytes);
    avsn_digest_finish(file->context, sha, found);
    if (strcmp(found, wanted) != 0)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: damaged: the tensors' SHA-256 is %.16s..., the metadata says %.16s...",
                  file->label, found, avsn_has_control(wanted) ? "?" : wanted);
    return AVSOUND_OK;
}
