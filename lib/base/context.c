#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct avsound_context {
    avsound_context_options options;
    avsn_limits limits;
    atomic_int references;
};

static void *default_alloc(size_t size, size_t align, void *user_data)
{
    (void)user_data;
    size_t rounded;
    if (!avsn_align_size(size, align, &rounded))
        return NULL;
    return aligned_alloc(align, rounded);
}

static void default_dealloc(void *ptr, void *user_data)
{
    (void)user_data;
    free(ptr);
}

#define CONTEXT_OPTIONS_LEAST ((uint32_t)sizeof(avsound_context_options))

void avsound_context_options_init(avsound_context_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status limits_from_options(const avsound_context_options *o, avsn_limits *limits)
{
    if (o->max_pixels < 0 || o->max_model_bytes < 0 || o->max_packet_bytes < 0 || o->max_channels < 0 ||
        o->max_sample_rate < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context options: a limit is negative, want 0 (default) or more");
    *limits = (avsn_limits){
        .max_pixels = o->max_pixels ? o->max_pixels : (int64_t)16384 * 8192,
        .max_model_bytes = o->max_model_bytes ? o->max_model_bytes : (int64_t)4 << 30,
        .max_packet_bytes = o->max_packet_bytes ? o->max_packet_bytes : (int64_t)256 << 20,
        .max_channels = o->max_channels ? o->max_channels : 64,
        .max_sample_rate = o->max_sample_rate ? o->max_sample_rate : 768000,
    };
    return AVSOUND_OK;
}

avsound_status avsound_context_create(const avsound_context_options *options, avsound_context **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    avsound_context_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, CONTEXT_OPTIONS_LEAST, "context options"));
    if (!o.alloc != !o.dealloc)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context options: alloc and dealloc must be set together");
    if (!o.alloc) {
        o.alloc = default_alloc;
        o.dealloc = default_dealloc;
    }
    if (!o.log_level)
        o.log_level = AVSOUND_LOG_WARNING;
    avsn_limits limits;
    AVSN_TRY(limits_from_options(&o, &limits));
    avsound_context *context = o.alloc(sizeof *context, AVSN_ALIGNMENT, o.user_data);
    if (!context)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "context: %zu bytes refused", sizeof *context);
    context->options = o;
    context->limits = limits;
    atomic_init(&context->references, 1);
    *out = context;
    return AVSOUND_OK;
}

avsound_context *avsn_context_ref(avsound_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void avsound_context_free(avsound_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    context->options.dealloc(context, context->options.user_data);
}

const avsn_limits *avsn_context_limits(const avsound_context *context)
{
    return &context->limits;
}

void avsn_log(const avsound_context *context, int32_t level, const char *format, ...)
{
    if (!context->options.log || level > context->options.log_level)
        return;
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    context->options.log(level, message, context->options.user_data);
}

void *avsn_alloc(avsound_context *context, size_t count, size_t size)
{
    size_t bytes;
    if (!avsn_mul_size(count, size, &bytes) || bytes > PTRDIFF_MAX - AVSN_ALIGNMENT) {
        avsn_fail(AVSOUND_E_NO_MEMORY, "%zu x %zu bytes: too large", count, size);
        return NULL;
    }
    void *ptr = context->options.alloc(bytes ? bytes : 1, AVSN_ALIGNMENT, context->options.user_data);
    if (!ptr)
        avsn_fail(AVSOUND_E_NO_MEMORY, "%zu bytes refused", bytes);
    return ptr;
}

void *avsn_alloc_zeroed(avsound_context *context, size_t count, size_t size)
{
    void *ptr = avsn_alloc(context, count, size);
    if (ptr)
        memset(ptr, 0, count * size);
    return ptr;
}

char *avsn_strdup(avsound_context *context, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = avsn_alloc(context, bytes, 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void avsn_free(avsound_context *context, void *ptr)
{
    if (ptr)
        context->options.dealloc(ptr, context->options.user_data);
}

avsound_status avsn_grow(avsound_context *context, void **ptr, size_t size, size_t used, size_t wanted, size_t *capacity)
{
    if (wanted <= *capacity)
        return AVSOUND_OK;
    size_t more = *capacity < 8 ? 8 : *capacity;
    while (more < wanted) {
        if (!avsn_mul_size(more, 2, &more))
            AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%zu items: too many", wanted);
    }
    void *grown = avsn_alloc(context, more, size);
    if (!grown)
        return AVSOUND_E_NO_MEMORY;
    if (used)
        memcpy(grown, *ptr, used * size);
    avsn_free(context, *ptr);
    *ptr = grown;
    *capacity = more;
    return AVSOUND_OK;
}
