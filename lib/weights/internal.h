/* Shared by the files of this folder. */
#ifndef AVSN_WEIGHTS_INTERNAL_H
#define AVSN_WEIGHTS_INTERNAL_H

#include "weights/params.h"
#include "weights/safetensors.h"
#include "weights/text.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are used where they lie in the file, and files are little-endian"
#endif

#define AVSN_SAFETENSORS_PREFIX ((size_t)8) /* bytes of the header's length */
#define AVSN_METADATA_NAME "__metadata__"
#define AVSN_SHA256_KEY "avsound.sha256"

typedef struct avsn_metadata_entry {
    const char *key, *value;
} avsn_metadata_entry;

struct avsn_safetensors {
    avsound_context *context;
    char *label;         /* opens every error detail: the path or name, or "model in memory" */
    void *mapping;
    size_t mapping_bytes;
    void *copy;          /* of the caller's memory, or of what callbacks read */
    const uint8_t *data; /* the section of the tensors */
    size_t data_bytes;
    avsn_file_tensor *tensors; /* ordered by name */
    size_t count;
    avsn_metadata_entry *metadata; /* ordered by key */
    size_t metadata_count;
    char *strings; /* what names, keys and values point into */
    void *aligned; /* copies of tensors whose place in the file does not suit their type */
};

/* Fills tensors and metadata from the JSON header; data and data_bytes are set. */
avsound_status avsn_header_parse(avsn_safetensors *file, const char *text, size_t bytes);

/* SHA-256 of what is added between start, NULL without memory, and finish, which frees. */
struct AVSHA *avsn_digest_start(avsound_context *context);
void avsn_digest_add(struct AVSHA *sha, const void *data, size_t bytes);
void avsn_digest_finish(avsound_context *context, struct AVSHA *sha, char text[AVSN_DIGEST_TEXT]);

/* Fails with what errno says. */
avsound_status avsn_fail_errno(const char *label, const char *what);

#endif
