/* Safetensors files: an 8-byte little-endian header length, a JSON header, then raw little-endian tensors.
 * Everything read is bounded before it is believed. */
#ifndef AVSN_SAFETENSORS_H
#define AVSN_SAFETENSORS_H

#include <avsound/io.h>

#include "tensor/tensor.h"

#define AVSN_SAFETENSORS_MAX_HEADER ((size_t)64 << 20) /* bytes */
#define AVSN_SAFETENSORS_MAX_TENSORS 100000
#define AVSN_SAFETENSORS_MAX_NAME 512 /* bytes */

typedef struct avsn_file_tensor {
    const char *name;
    int32_t dtype; /* AVSOUND_DTYPE_F32 or _BF16 (others are refused) */
    avsn_shape shape;
    const void *data; /* in the mapping, or copied where its place there does not suit the type */
    size_t bytes;
} avsn_file_tensor;

typedef struct avsn_safetensors avsn_safetensors;

/* Maps the file read-only. Error details begin with the path. The tensors must cover what follows the header exactly: no
 * holes, no overlaps. Values are not looked at. A file that another program shortens while it is mapped raises SIGBUS;
 * replacing it by rename, as the writer below does, is harmless. */
AVSN_SHARED avsound_status avsn_safetensors_open(avsound_context *context, const char *path, avsn_safetensors **out);
/* Reads from memory, which must outlive the object unless `copy` is true. */
avsound_status avsn_safetensors_open_memory(avsound_context *context, const void *data, size_t size, bool copy,
                                            avsn_safetensors **out);
/* As the public calls: by a descriptor, which stays the caller's; through callbacks, into memory. */
avsound_status avsn_safetensors_open_fd(avsound_context *context, int fd, const char *name, avsn_safetensors **out);
avsound_status avsn_safetensors_open_io(avsound_context *context, const avsound_io *io, avsn_safetensors **out);
AVSN_SHARED void avsn_safetensors_free(avsn_safetensors *file);
/* What its error details begin with: the path or name, or "model in memory". */
AVSN_SHARED const char *avsn_safetensors_label(const avsn_safetensors *file);

size_t avsn_safetensors_count(const avsn_safetensors *file);
const avsn_file_tensor *avsn_safetensors_at(const avsn_safetensors *file, size_t index); /* ordered by name */
const avsn_file_tensor *avsn_safetensors_find(const avsn_safetensors *file, const char *name); /* NULL if absent */
/* Copies a tensor, f32 and of this shape, all of it finite: AVSOUND_E_FORMAT or AVSOUND_E_SHAPE for another, or none. */
AVSN_SHARED avsound_status avsn_safetensors_read(const avsn_safetensors *file, const char *name, const avsn_shape *shape, float *out);
/* Value of a __metadata__ key, NULL if absent. */
AVSN_SHARED const char *avsn_safetensors_metadata(const avsn_safetensors *file, const char *key);
size_t avsn_safetensors_metadata_count(const avsn_safetensors *file);
void avsn_safetensors_metadata_at(const avsn_safetensors *file, size_t index, const char **key, const char **value);
/* Compares the data section with the metadata key "avsound.sha256"; AVSOUND_E_FORMAT if they differ, AVSOUND_E_UNSUPPORTED
 * if the key is absent. */
avsound_status avsn_safetensors_verify(const avsn_safetensors *file);

/* Writes under a temporary name in the same folder, fsyncs, renames: the target is whole or untouched. Adds
 * "avsound.sha256" of the data section to the metadata. The data section begins at a multiple of 64 bytes of the file
 * (spaces end the header); in it lie f32 tensors, then bf16 ones, each kind in the order of their names and without holes,
 * which other readers refuse. So a tensor is aligned to its own type and no further. */
AVSN_SHARED avsound_status avsn_safetensors_write(avsound_context *context, const char *path, const avsn_file_tensor *tensors,
                                      size_t count, const char *const *keys, const char *const *values,
                                      size_t metadata_count);

#endif
