#include "weights/internal.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The format nests three deep: the root, a tensor, its shape. */
#define MAX_DEPTH 8
/* Commas: three fields, a shape and two offsets a tensor, and the metadata. Each makes jansson allocate, so a header of
 * nothing but commas is refused before it is parsed. */
#define MAX_METADATA 4096
#define MAX_COMMAS ((size_t)(9 * AVSN_SAFETENSORS_MAX_TENSORS + MAX_METADATA))

static avsound_status scan(const avsn_safetensors *file, const char *text, size_t bytes)
{
    size_t depth = 0, commas = 0;
    bool in_string = false;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                AVSN_FAIL(AVSOUND_E_FORMAT, "%s: header nests deeper than %d levels at byte %zu", file->label, MAX_DEPTH,
                          AVSN_SAFETENSORS_PREFIX + i);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == ',' && ++commas > MAX_COMMAS) {
            AVSN_FAIL(AVSOUND_E_LIMIT, "%s: header has more than %zu commas, too many for %d tensors", file->label,
                      MAX_COMMAS, AVSN_SAFETENSORS_MAX_TENSORS);
        }
    }
    return AVSOUND_OK;
}

static avsound_status parse_json(const avsn_safetensors *file, const char *text, size_t bytes, json_t **root)
{
    avsn_shown reason;
    json_error_t error;
    *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (*root)
        return AVSOUND_OK;
    if (!error.text[0] || json_error_code(&error) == json_error_out_of_memory) /* jansson leaves some refusals wordless */
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: header of %zu bytes: no memory to parse it", file->label, bytes);
    AVSN_FAIL(AVSOUND_E_FORMAT, "%s: header is not the JSON wanted: %s, byte %zu", file->label, avsn_show(error.text, &reason),
              AVSN_SAFETENSORS_PREFIX + (size_t)AVSN_MAX(error.position, 0));
}

static avsound_status check_name(const avsn_safetensors *file, const char *what, const char *name)
{
    avsn_shown text;
    const size_t length = strlen(name);
    if (!length)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: a %s is empty", file->label, what);
    if (length > AVSN_SAFETENSORS_MAX_NAME)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %s %s has %zu bytes, want at most %d", file->label, what, avsn_show(name, &text), length,
                  AVSN_SAFETENSORS_MAX_NAME);
    if (avsn_has_control(name))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s %s has a control character", file->label, what, avsn_show(name, &text));
    return AVSOUND_OK;
}

/* Counts entries and checks all names, so that later steps may print them. */
static avsound_status measure(avsn_safetensors *file, json_t *root, size_t *string_bytes)
{
    const char *key;
    json_t *value;
    *string_bytes = 0;
    if (!json_is_object(root))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: header is not a JSON object", file->label);
    json_t *metadata = json_object_get(root, AVSN_METADATA_NAME);
    if (metadata && !json_is_object(metadata))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is not a JSON object", file->label, AVSN_METADATA_NAME);
    file->metadata_count = json_object_size(metadata);
    file->count = json_object_size(root) - (metadata != NULL);
    if (file->count > AVSN_SAFETENSORS_MAX_TENSORS)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %zu tensors, want at most %d", file->label, file->count,
                  AVSN_SAFETENSORS_MAX_TENSORS);
    if (file->metadata_count > MAX_METADATA)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %zu metadata keys, want at most %d", file->label, file->metadata_count,
                  MAX_METADATA);
    json_object_foreach(metadata, key, value) {
        AVSN_TRY(check_name(file, "metadata key", key));
        if (!json_is_string(value))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: metadata %s is not a string", file->label, key);
        *string_bytes += strlen(key) + 1 + strlen(json_string_value(value)) + 1;
    }
    json_object_foreach(root, key, value) {
        if (value == metadata)
            continue;
        AVSN_TRY(check_name(file, "tensor name", key));
        *string_bytes += strlen(key) + 1;
    }
    return AVSOUND_OK;
}

static avsound_status allocate(avsn_safetensors *file, size_t string_bytes)
{
    file->tensors = avsn_alloc_zeroed(file->context, file->count, sizeof *file->tensors);
    if (!file->tensors)
        return AVSOUND_E_NO_MEMORY;
    file->metadata = avsn_alloc_zeroed(file->context, file->metadata_count, sizeof *file->metadata);
    if (!file->metadata)
        return AVSOUND_E_NO_MEMORY;
    file->strings = avsn_alloc(file->context, string_bytes, 1);
    return file->strings ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static const char *keep(char **cursor, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    const char *kept = memcpy(*cursor, text, bytes);
    *cursor += bytes;
    return kept;
}

static avsound_status read_dtype(const avsn_safetensors *file, const char *name, const json_t *json, int32_t *dtype)
{
    static const char *const known[] = {"BOOL", "U8",  "I8",  "F8_E5M2", "F8_E4M3", "I16", "U16",
                                        "F16",  "I32", "U32", "F64",     "I64",     "U64"};
    avsn_shown text;
    const char *found = json_string_value(json);
    if (!found)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: dtype is not a string", file->label, name);
    *dtype = strcmp(found, "F32") == 0 ? AVSOUND_DTYPE_F32 : strcmp(found, "BF16") == 0 ? AVSOUND_DTYPE_BF16 : 0;
    if (*dtype)
        return AVSOUND_OK;
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(known); i++)
        if (strcmp(found, known[i]) == 0)
            AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: tensor %s: dtype is %s, want F32 or BF16", file->label, name, found);
    AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: dtype is \"%s\", want F32 or BF16", file->label, name,
              avsn_show(found, &text));
}

static avsound_status read_shape(const avsn_safetensors *file, const char *name, const json_t *json, avsn_shape *shape)
{
    if (!json_is_array(json))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: shape is not a list", file->label, name);
    const size_t rank = json_array_size(json);
    if (rank > AVSOUND_MAX_RANK)
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: tensor %s: rank is %zu, want at most %d", file->label, name, rank,
                  AVSOUND_MAX_RANK);
    shape->rank = (int32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(json, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: dimension %zu is not a whole number of 0 or more", file->label,
                      name, i);
        shape->dim[i] = json_integer_value(dim);
    }
    return AVSOUND_OK;
}

static avsound_status read_place(const avsn_safetensors *file, const json_t *json, avsn_file_tensor *tensor)
{
    const json_t *first = json_array_get(json, 0), *last = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(first) || !json_is_integer(last))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: data_offsets are not two whole numbers", file->label, tensor->name);
    const json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uintmax_t)end > file->data_bytes)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: data_offsets are [%lld,%lld], want them within 0...%zu", file->label,
                  tensor->name, (long long)begin, (long long)end, file->data_bytes);
    tensor->data = file->data + begin;
    tensor->bytes = (size_t)(end - begin);
    return AVSOUND_OK;
}

static avsound_status read_tensor(const avsn_safetensors *file, const json_t *entry, avsn_file_tensor *tensor)
{
    const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!dtype || !shape || !offsets || json_object_size(entry) != 3)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: want dtype, shape and data_offsets, nothing else", file->label,
                  tensor->name);
    AVSN_TRY(read_dtype(file, tensor->name, dtype, &tensor->dtype));
    AVSN_TRY(read_shape(file, tensor->name, shape, &tensor->shape));
    AVSN_TRY(read_place(file, offsets, tensor));
    char text[AVSN_SHAPE_TEXT];
    size_t bytes;
    if (!avsn_shape_bytes(&tensor->shape, tensor->dtype, &bytes))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: tensor %s: shape %s is too large", file->label, tensor->name,
                  avsn_shape_text(&tensor->shape, text));
    if (bytes != tensor->bytes)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s: data_offsets span %zu bytes, %s of %s wants %zu", file->label,
                  tensor->name, tensor->bytes, avsn_shape_text(&tensor->shape, text), avsn_dtype_name(tensor->dtype),
                  bytes);
    return AVSOUND_OK;
}

static avsound_status fill(avsn_safetensors *file, json_t *root)
{
    const char *key;
    json_t *value;
    char *cursor = file->strings;
    json_t *metadata = json_object_get(root, AVSN_METADATA_NAME);
    avsn_metadata_entry *item = file->metadata;
    json_object_foreach(metadata, key, value) {
        item->key = keep(&cursor, key);
        item->value = keep(&cursor, json_string_value(value));
        item++;
    }
    avsn_file_tensor *tensor = file->tensors;
    json_object_foreach(root, key, value) {
        if (value == metadata)
            continue;
        tensor->name = keep(&cursor, key);
        AVSN_TRY(read_tensor(file, value, tensor));
        tensor++;
    }
    return AVSOUND_OK;
}

static int by_place(const void *a, const void *b)
{
    const avsn_file_tensor *x = a, *y = b;
    const uint8_t *p = x->data, *q = y->data;
    if (p != q)
        return p < q ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_file_tensor *)a)->name, ((const avsn_file_tensor *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const avsn_metadata_entry *)a)->key, ((const avsn_metadata_entry *)b)->key);
}

/* The tensors must cover the data section exactly: bytes nobody owns could hide anything, and shared ones would change two
 * tensors at once. */
static avsound_status check_cover(const avsn_safetensors *file)
{
    const uint8_t *expected = file->data;
    for (size_t i = 0; i < file->count; i++) {
        const avsn_file_tensor *tensor = &file->tensors[i];
        const uint8_t *begin = tensor->data;
        if (begin < expected)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: tensor %s overlaps tensor %s", file->label, tensor->name,
                      file->tensors[i - 1].name);
        if (begin > expected)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %zu bytes before tensor %s belong to no tensor", file->label,
                      (size_t)(begin - expected), tensor->name);
        expected = begin + tensor->bytes;
    }
    const size_t left = file->data_bytes - (size_t)(expected - file->data);
    if (left)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: the last %zu bytes belong to no tensor", file->label, left);
    return AVSOUND_OK;
}

static bool is_aligned(const avsn_file_tensor *tensor)
{
    return (uintptr_t)tensor->data % avsn_dtype_size(tensor->dtype) == 0;
}

static avsound_status align(avsn_safetensors *file)
{
    size_t bytes = 0;
    for (size_t i = 0; i < file->count; i++)
        if (!is_aligned(&file->tensors[i]))
            bytes += (file->tensors[i].bytes + 3) & ~(size_t)3;
    if (!bytes)
        return AVSOUND_OK;
    uint8_t *cursor = file->aligned = avsn_alloc(file->context, bytes, 1);
    if (!cursor)
        return AVSOUND_E_NO_MEMORY;
    for (size_t i = 0; i < file->count; i++) {
        avsn_file_tensor *tensor = &file->tensors[i];
        if (is_aligned(tensor))
            continue;
        tensor->data = memcpy(cursor, tensor->data, tensor->bytes);
        cursor += (tensor->bytes + 3) & ~(size_t)3;
    }
    return AVSOUND_OK;
}

static avsound_status build(avsn_safetensors *file, json_t *root)
{
    size_t string_bytes;
    AVSN_TRY(measure(file, root, &string_bytes));
    AVSN_TRY(allocate(file, string_bytes));
    AVSN_TRY(fill(file, root));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    AVSN_TRY(check_cover(file));
    AVSN_TRY(align(file));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    qsort(file->metadata, file->metadata_count, sizeof *file->metadata, by_key);
    return AVSOUND_OK;
}

avsound_status avsn_header_parse(avsn_safetensors *file, const char *text, size_t bytes)
{
    json_t *root;
    AVSN_TRY(scan(file, text, bytes));
    AVSN_TRY(parse_json(file, text, bytes, &root));
    const avsound_status status = build(file, root);
    json_decref(root);
    return status;
}
