/* Bytes read through callbacks that can be told to be slow or to fail. */
#ifndef AVSN_TEST_INPUT_H
#define AVSN_TEST_INPUT_H

#include "suite.h"

typedef struct input {
    uint8_t *data;
    size_t size;
    int64_t position, piece; /* most bytes a read brings */
    int64_t fails_at,
        answer; /* a read that would begin at this byte returns `answer`; one before it ends there; -1: none */
    int64_t break_at; /* a read that begins before this byte ends there; 0: none */
    int32_t seek_answer; /* what every seek returns, 0: it succeeds */
    long reads, seeks;
} input;

static inline input input_of(const void *data, size_t size)
{
    /* Of exactly this size, so that a read past the end is seen. */
    uint8_t *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    if (size)
        memcpy(copy, data, size);
    return (input){.data = copy, .size = size, .piece = INT64_MAX, .fails_at = -1};
}

static inline input input_of_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    uint8_t *data = malloc(size + 1);
    ck_assert_ptr_nonnull(data);
    rewind(file);
    ck_assert_uint_eq(fread(data, 1, size, file), size);
    fclose(file);
    const input in = input_of(data, size);
    free(data);
    return in;
}

static inline void input_drop(input *in)
{
    free(in->data);
    in->data = NULL;
}

static inline int64_t input_read(void *buffer, int64_t size, void *user_data)
{
    input *in = user_data;
    in->reads++;
    int64_t end = (int64_t)in->size;
    if (in->fails_at >= 0 && in->position >= in->fails_at)
        return in->answer;
    if (in->fails_at >= 0 && in->fails_at < end)
        end = in->fails_at;
    if (in->position < in->break_at && in->break_at < end)
        end = in->break_at;
    int64_t count = end - in->position < size ? end - in->position : size;
    count = count < in->piece ? count : in->piece;
    memcpy(buffer, in->data + in->position, (size_t)count);
    in->position += count;
    return count;
}

static inline int32_t input_seek(int64_t position, void *user_data)
{
    input *in = user_data;
    in->seeks++;
    if (in->seek_answer)
        return in->seek_answer;
    ck_assert_msg(position >= 0 && position <= (int64_t)in->size, "seek to %lld", (long long)position);
    in->position = position;
    return 0;
}

/* Reading begins anew. */
static inline avsound_io input_io(input *in, const char *name)
{
    in->position = in->reads = in->seeks = 0;
    return (avsound_io){.struct_size = sizeof(avsound_io),
                        .size = (int64_t)in->size,
                        .read = input_read,
                        .seek = input_seek,
                        .user_data = in,
                        .name = name};
}

#endif
