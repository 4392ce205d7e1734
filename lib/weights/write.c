#include "weights/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The section of the tensors starts at a multiple of this, so that a mapped file's first tensor suits any instruction. */
#define SECTION_ALIGNMENT 64

typedef const avsn_file_tensor *tensor_ref;

/* Wider types first: then each tensor is aligned to its own type with no hole between two. */
static int by_size_and_name(const void *a, const void *b)
{
    tensor_ref x = *(const tensor_ref *)a, y = *(const tensor_ref *)b;
    const size_t p = avsn_dtype_size(x->dtype), q = avsn_dtype_size(y->dtype);
    if (p != q)
        return p > q ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool is_name(const char *text)
{
    const size_t length = strlen(text);
    return length && length <= AVSN_SAFETENSORS_MAX_NAME && !avsn_has_control(text) && avsn_is_utf8(text);
}

static avsound_status check_tensor(const char *path, tensor_ref tensor)
{
    size_t bytes;
    avsn_shown shown;
    if (!is_name(tensor->name) || strcmp(tensor->name, AVSN_METADATA_NAME) == 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: \"%s\" is no name for a tensor", path,
                  avsn_show(tensor->name, &shown));
    if (tensor->dtype != AVSOUND_DTYPE_F32 && tensor->dtype != AVSOUND_DTYPE_BF16)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: tensor %s: dtype is %s, want f32 or bf16", path, tensor->name,
                  avsn_dtype_name(tensor->dtype));
    if (!avsn_shape_bytes(&tensor->shape, tensor->dtype, &bytes) || bytes != tensor->bytes)
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: tensor %s: %zu bytes do not fit its shape", path, tensor->name, tensor->bytes);
    return AVSOUND_OK;
}

static avsound_status sort_tensors(const char *path, const avsn_file_tensor *tensors, size_t count, tensor_ref *sorted)
{
    if (count > AVSN_SAFETENSORS_MAX_TENSORS)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %zu tensors, want at most %d", path, count, AVSN_SAFETENSORS_MAX_TENSORS);
    for (size_t i = 0; i < count; i++) {
        AVSN_TRY(check_tensor(path, &tensors[i]));
        sorted[i] = &tensors[i];
    }
    qsort(sorted, count, sizeof *sorted, by_size_and_name);
    return AVSOUND_OK;
}

static avsound_status hash_tensors(avsound_context *context, const tensor_ref *tensors, size_t count,
                                   char text[AVSN_DIGEST_TEXT])
{
    struct AVSHA *sha = avsn_digest_start(context);
    if (!sha)
        return AVSOUND_E_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        avsn_digest_add(sha, tensors[i]->data, tensors[i]->bytes);
    avsn_digest_finish(context, sha, text);
    return AVSOUND_OK;
}

/* json_object_set_new takes the value over even when it fails. */
static avsound_status put(const char *path, json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key)) {
        json_decref(value);
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is there twice", path, key);
    }
    if (!value || json_object_set_new(object, key, value))
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for the header", path);
    return AVSOUND_OK;
}

static avsound_status metadata_json(const char *path, json_t *root, const char *const *keys, const char *const *values,
                                    size_t count, const char *sha256)
{
    avsn_shown shown;
    json_t *metadata = json_object();
    AVSN_TRY(put(path, root, AVSN_METADATA_NAME, metadata));
    for (size_t i = 0; i < count; i++) {
        if (!is_name(keys[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: \"%s\" is no metadata key", path, avsn_show(keys[i], &shown));
        if (!avsn_is_utf8(values[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: metadata %s is not UTF-8", path, keys[i]);
        if (strcmp(keys[i], AVSN_SHA256_KEY) != 0)
            AVSN_TRY(put(path, metadata, keys[i], json_string(values[i])));
    }
    return put(path, metadata, AVSN_SHA256_KEY, json_string(sha256));
}

static avsound_status tensor_json(const char *path, json_t *root, tensor_ref tensor, size_t begin)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < tensor->shape.rank; i++)
        json_array_append_new(shape, json_integer(tensor->shape.dim[i]));
    json_t *offsets = json_array();
    json_array_append_new(offsets, json_integer((json_int_t)begin));
    json_array_append_new(offsets, json_integer((json_int_t)(begin + tensor->bytes)));
    json_t *entry = json_object();
    json_object_set_new(entry, "dtype", json_string(tensor->dtype == AVSOUND_DTYPE_F32 ? "F32" : "BF16"));
    json_object_set_new(entry, "shape", shape);
    json_object_set_new(entry, "data_offsets", offsets);
    if (json_object_size(entry) != 3 || json_array_size(offsets) != 2 ||
        json_array_size(shape) != (size_t)tensor->shape.rank) {
        json_decref(entry);
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for the header", path);
    }
    return put(path, root, tensor->name, entry);
}

static avsound_status header_json(avsound_context *context, const char *path, json_t *root, const tensor_ref *tensors,
                                  size_t count, const char *const *keys, const char *const *values,
                                  size_t metadata_count)
{
    char sha256[AVSN_DIGEST_TEXT];
    AVSN_TRY(hash_tensors(context, tensors, count, sha256));
    AVSN_TRY(metadata_json(path, root, keys, values, metadata_count, sha256));
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        AVSN_TRY(tensor_json(path, root, tensors[i], place));
        if (!avsn_add_size(place, tensors[i]->bytes, &place) || place > INT64_MAX)
            AVSN_FAIL(AVSOUND_E_LIMIT, "%s: the tensors are too large together", path);
    }
    return AVSOUND_OK;
}

/* Length, JSON, then spaces up to where the tensors begin. */
static avsound_status render_header(avsound_context *context, const char *path, const json_t *root, char **out,
                                    size_t *bytes)
{
    const size_t text = json_dumpb(root, NULL, 0, JSON_COMPACT);
    if (!text)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for the header", path);
    if (text > AVSN_SAFETENSORS_MAX_HEADER - SECTION_ALIGNMENT)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: header of %zu bytes, want at most %zu", path, text,
                  AVSN_SAFETENSORS_MAX_HEADER - SECTION_ALIGNMENT);
    *bytes = (AVSN_SAFETENSORS_PREFIX + text + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
    char *header = avsn_alloc(context, *bytes, 1);
    if (!header)
        return AVSOUND_E_NO_MEMORY;
    memset(header, ' ', *bytes);
    const uint64_t length = *bytes - AVSN_SAFETENSORS_PREFIX;
    memcpy(header, &length, sizeof length);
    *out = header;
    if (json_dumpb(root, header + AVSN_SAFETENSORS_PREFIX, text, JSON_COMPACT) != text)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for the header", path);
    return AVSOUND_OK;
}

static avsound_status make_header(avsound_context *context, const char *path, const tensor_ref *tensors, size_t count,
                                  const char *const *keys, const char *const *values, size_t metadata_count, char **out,
                                  size_t *bytes)
{
    json_t *root = json_object();
    if (!root)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory for the header", path);
    avsound_status status = header_json(context, path, root, tensors, count, keys, values, metadata_count);
    if (!status)
        status = render_header(context, path, root, out, bytes);
    json_decref(root);
    return status;
}

/* Length of the folder's part of a path, its last slash counted; 0 for none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A name that no other file of the folder has. Not mkstemp, whose files nobody but the owner can read whatever the umask. */
static avsound_status open_temporary(const char *path, char *name, size_t capacity, int *fd)
{
    const size_t folder = folder_length(path);
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(name, capacity, "%.*s.avsound-%ld-%lld-%09ld-%u.tmp", (int)folder, path, (long)getpid(),
                 (long long)now.tv_sec, now.tv_nsec, attempt);
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return AVSOUND_OK;
        if (errno != EEXIST)
            break;
    }
    return avsn_fail_errno(path, "could not make a temporary file beside it");
}

static avsound_status write_bytes(const char *path, int fd, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes) {
        const ssize_t written = write(fd, p, AVSN_MIN(bytes, (size_t)1 << 30));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return avsn_fail_errno(path, "could not be written");
        p += written;
        bytes -= (size_t)written;
    }
    return AVSOUND_OK;
}

static avsound_status write_content(const char *path, int fd, const char *header, size_t header_size,
                                    const tensor_ref *tensors, size_t count)
{
    AVSN_TRY(write_bytes(path, fd, header, header_size));
    for (size_t i = 0; i < count; i++)
        AVSN_TRY(write_bytes(path, fd, tensors[i]->data, tensors[i]->bytes));
    if (fsync(fd))
        return avsn_fail_errno(path, "could not be written");
    return AVSOUND_OK;
}

/* Makes the rename last through a power cut. File systems that cannot sync a folder say EINVAL. */
static avsound_status sync_folder(const char *path, char *scratch)
{
    const size_t length = folder_length(path);
    memcpy(scratch, length ? path : "./", length ? length : 2);
    scratch[length ? length : 2] = 0;
    const int fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? AVSOUND_OK : avsn_fail_errno(path, "its folder could not be opened");
    const int error = fsync(fd) ? errno : 0;
    close(fd);
    errno = error;
    return error && error != EINVAL ? avsn_fail_errno(path, "its folder could not be written") : AVSOUND_OK;
}

static avsound_status replace(const char *path, char *temporary, size_t capacity, const char *header, size_t bytes,
                              const tensor_ref *tensors, size_t count)
{
    int fd;
    AVSN_TRY(open_temporary(path, temporary, capacity, &fd));
    avsound_status status = write_content(path, fd, header, bytes, tensors, count);
    if (close(fd) && !status)
        status = avsn_fail_errno(path, "could not be written");
    if (!status && rename(temporary, path))
        status = avsn_fail_errno(path, "could not be put in place");
    if (status) {
        unlink(temporary);
        return status;
    }
    return sync_folder(path, temporary);
}

static avsound_status check_target(const char *path)
{
    struct stat info;
    const size_t folder = folder_length(path);
    if (!path[folder])
        AVSN_FAIL(AVSOUND_E_IO, "%s: want a file's name", path);
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* renaming over /dev/null would remove it */
        AVSN_FAIL(AVSOUND_E_IO, "%s: exists and is not a regular file", path);
    return AVSOUND_OK;
}

avsound_status avsn_safetensors_write(avsound_context *context, const char *path, const avsn_file_tensor *tensors,
                                      size_t count, const char *const *keys, const char *const *values,
                                      size_t metadata_count)
{
    char *header = NULL, *temporary = NULL;
    size_t bytes = 0;
    const size_t capacity = folder_length(path) + 128;
    avsound_status status = AVSOUND_E_NO_MEMORY;
    AVSN_TRY(check_target(path));
    tensor_ref *sorted = avsn_alloc(context, count, sizeof *sorted);
    if (!sorted)
        return AVSOUND_E_NO_MEMORY;
    temporary = avsn_alloc(context, capacity, 1);
    if (!temporary)
        goto done;
    status = sort_tensors(path, tensors, count, sorted);
    if (!status)
        status = make_header(context, path, sorted, count, keys, values, metadata_count, &header, &bytes);
    if (!status)
        status = replace(path, temporary, capacity, header, bytes, sorted, count);
done:
    avsn_free(context, header);
    avsn_free(context, temporary);
    avsn_free(context, sorted);
    return status;
}
