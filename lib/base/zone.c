#include "base/zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct avsn_zone_block {
    struct avsn_zone_block *previous;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

enum { BLOCK_BYTES = 16384 };

void avsn_zone_init(avsn_zone *zone, avsound_context *context)
{
    zone->context = context;
    zone->last = NULL;
}

static struct avsn_zone_block *add_block(avsn_zone *zone, size_t bytes)
{
    const size_t size = AVSN_MAX(bytes, (size_t)BLOCK_BYTES);
    struct avsn_zone_block *block = avsn_alloc(zone->context, 1, sizeof *block + size);
    if (!block)
        return NULL;
    block->previous = zone->last;
    block->used = 0;
    block->size = size;
    zone->last = block;
    return block;
}

void *avsn_zone_alloc(avsn_zone *zone, size_t count, size_t size)
{
    size_t bytes;
    if (!avsn_mul_size(count, size, &bytes) || !avsn_align_size(bytes, 16, &bytes) || bytes > PTRDIFF_MAX / 2) {
        avsn_fail(AVSOUND_E_NO_MEMORY, "%zu x %zu bytes: too large", count, size);
        return NULL;
    }
    struct avsn_zone_block *block = zone->last;
    if (!block || block->size - block->used < bytes)
        block = add_block(zone, bytes);
    if (!block)
        return NULL;
    void *ptr = block->bytes + block->used;
    block->used += bytes;
    return memset(ptr, 0, bytes);
}

char *avsn_zone_printf(avsn_zone *zone, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : avsn_zone_alloc(zone, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void avsn_zone_free(avsn_zone *zone)
{
    while (zone->last) {
        struct avsn_zone_block *block = zone->last;
        zone->last = block->previous;
        avsn_free(zone->context, block);
    }
}
