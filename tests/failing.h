/* A context whose allocator refuses one request of the caller's choice, and knows what has not been given back. */
#ifndef AVSN_TEST_FAILING_H
#define AVSN_TEST_FAILING_H

#include "suite.h"

typedef struct failing {
    long requests, refused; /* the `refused`-th request from now on fails, counted from 1; 0: none */
    long held;              /* blocks not given back */
} failing;

static inline void *failing_alloc(size_t size, size_t align, void *user_data)
{
    failing *f = user_data;
    if (++f->requests == f->refused)
        return NULL;
    void *ptr = aligned_alloc(align, (size + align - 1) / align * align);
    f->held += ptr != NULL;
    return ptr;
}

static inline void failing_dealloc(void *ptr, void *user_data)
{
    ((failing *)user_data)->held--;
    free(ptr);
}

static inline avsound_context *failing_context(failing *f)
{
    avsound_context_options options;
    avsound_context *context;
    *f = (failing){0};
    avsound_context_options_init(&options, sizeof options);
    options.user_data = f;
    options.alloc = failing_alloc;
    options.dealloc = failing_dealloc;
    ck_avsound(avsound_context_create(&options, &context));
    return context;
}

/* Runs `call`, an expression of type avsound_status, with its 1st, 2nd, ... allocation refused until none is; each failure
 * must say AVSOUND_E_NO_MEMORY and keep nothing. `undo` frees what the success made. */
#define ck_survives_refusals(f, call, undo)                                                            \
    do {                                                                                               \
        const long before_ = (f)->held;                                                                \
        avsound_status survived_ = AVSOUND_E_NO_MEMORY;                                                \
        for (long n_ = 1; survived_; n_++) {                                                           \
            (f)->requests = 0;                                                                         \
            (f)->refused = n_;                                                                         \
            survived_ = (call);                                                                        \
            ck_assert_msg(!survived_ || survived_ == AVSOUND_E_NO_MEMORY, "allocation %ld refused: %s (%s)", n_, \
                          avsound_status_name(survived_), avsound_error_detail());                     \
            ck_assert_msg(!survived_ || (f)->held == before_, "allocation %ld refused: %ld blocks kept", n_, \
                          (f)->held - before_);                                                        \
            ck_assert_msg(survived_ || (f)->requests < n_, "allocation %ld refused, yet the call succeeded", n_); \
        }                                                                                              \
        (f)->refused = 0;                                                                              \
        undo;                                                                                          \
        ck_assert_int_eq((f)->held, before_);                                                          \
    } while (0)

#endif
