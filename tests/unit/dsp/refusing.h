/* A context that counts its allocations, refuses the n-th, and knows what is still held. What it hands out is full of NaN. */
#ifndef AVSN_TEST_REFUSING_H
#define AVSN_TEST_REFUSING_H

#include "suite.h"

typedef struct refusing {
    int64_t refuse, asked, held;
} refusing;

static inline void *refusing_alloc(size_t size, size_t align, void *user_data)
{
    refusing *r = user_data;
    if (++r->asked == r->refuse)
        return NULL;
    void *ptr = aligned_alloc(align, (size + align - 1) / align * align);
    ck_assert_ptr_nonnull(ptr);
    memset(ptr, 0xff, size);
    r->held++;
    return ptr;
}

static inline void refusing_dealloc(void *ptr, void *user_data)
{
    ((refusing *)user_data)->held--;
    free(ptr);
}

static inline avsound_context *refusing_context(refusing *r)
{
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.alloc = refusing_alloc;
    options.dealloc = refusing_dealloc;
    options.user_data = r;
    avsound_context *context;
    ck_avsound(avsound_context_create(&options, &context));
    r->asked = 0;
    return context;
}

#endif
