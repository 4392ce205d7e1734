/* What every module stands on: failing with a reason, memory through the context, sizes that cannot overflow. */
#ifndef AVSN_BASE_H
#define AVSN_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <avsound/base.h>

/* What libavsound_train uses of this library: exported, under a version node that binds the two to the same version. */
#define AVSN_SHARED __attribute__((visibility("default")))

#define AVSN_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AVSN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define AVSN_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- failure: set this thread's detail, return the code ---- */

AVSN_SHARED avsound_status avsn_fail(avsound_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "what: " before the detail that is already set, as a caller learns more about the place. */
AVSN_SHARED avsound_status avsn_fail_in(avsound_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define AVSN_FAIL(code, ...) return avsn_fail((code), __VA_ARGS__)
#define AVSN_TRY(expr)                                  \
    do {                                                \
        const avsound_status avsn_try_status_ = (expr); \
        if (avsn_try_status_)                           \
            return avsn_try_status_;                    \
    } while (0)

/* ---- context ---- */

typedef struct avsn_limits {
    int64_t max_pixels, max_model_bytes, max_packet_bytes;
    int32_t max_channels, max_sample_rate;
} avsn_limits;

AVSN_SHARED avsound_context *avsn_context_ref(avsound_context *context);
const avsn_limits *avsn_context_limits(const avsound_context *context);
AVSN_SHARED void avsn_log(const avsound_context *context, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- memory: every long-lived object comes from the context's allocator; NULL (with detail set) when refused.
 * avsn_free takes NULL. Sizes are (count, size) so that no caller multiplies. ---- */

#define AVSN_ALIGNMENT ((size_t)64)
AVSN_SHARED void *avsn_alloc(avsound_context *context, size_t count, size_t size);        /* 64-byte aligned, not cleared */
AVSN_SHARED void *avsn_alloc_zeroed(avsound_context *context, size_t count, size_t size); /* 64-byte aligned, zeros */
AVSN_SHARED char *avsn_strdup(avsound_context *context, const char *text);
AVSN_SHARED void avsn_free(avsound_context *context, void *ptr);
/* Grows *ptr (holding `used` items) to hold at least `wanted`; *capacity in items. Keeps *ptr on failure. */
AVSN_SHARED avsound_status avsn_grow(avsound_context *context, void **ptr, size_t size, size_t used, size_t wanted,
                         size_t *capacity);

/* ---- checked sizes: false on overflow ---- */

static inline bool avsn_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool avsn_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool avsn_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline int64_t avsn_quotient_up(int64_t x, int64_t step)
{
    return (x + step - 1) / step;
}
static inline bool avsn_align_size(size_t a, size_t alignment, size_t *out)
{
    size_t up;
    if (!avsn_add_size(a, alignment - 1, &up))
        return false;
    *out = up / alignment * alignment;
    return true;
}

/* ---- options structs: copies what the caller's older or newer struct shares with ours; zeros mean defaults ---- */

/* Refuses a struct of the caller's whose struct_size is below `least` or absurd, or that sets a field beyond `our_size`. */
avsound_status avsn_struct_check(const void *theirs, uint32_t our_size, uint32_t least, const char *name);
/* `ours` (of `our_size`) is zeroed, then the first min(struct_size, our_size) bytes of `theirs` are copied over it.
 * theirs may be NULL. Fails where avsn_struct_check() does. */
AVSN_SHARED avsound_status avsn_options_read(void *ours, uint32_t our_size, const void *theirs, uint32_t least, const char *name);
/* Zeroes min(struct_size, our_size) bytes and stores struct_size. */
AVSN_SHARED void avsn_options_clear(void *options, uint32_t struct_size, uint32_t our_size);
/* Copies a filled struct of ours out to a caller whose struct may be smaller; theirs->struct_size must be set. */
AVSN_SHARED avsound_status avsn_struct_write(void *theirs, const void *ours, uint32_t our_size, const char *name);

#endif
