#include "base/base.h"

#include <string.h>

/* struct_size is every public struct's first member. */
static uint32_t size_of_struct(const void *options)
{
    uint32_t size;
    memcpy(&size, options, sizeof size);
    return size;
}

void avsn_options_clear(void *options, uint32_t struct_size, uint32_t our_size)
{
    if (!options || struct_size < sizeof struct_size)
        return;
    memset(options, 0, struct_size < our_size ? struct_size : our_size);
    memcpy(options, &struct_size, sizeof struct_size);
}

/* Far above any struct: a struct_size beyond it was never set. */
enum { LARGEST_STRUCT = 4096 };

avsound_status avsn_struct_check(const void *theirs, uint32_t our_size, uint32_t least, const char *name)
{
    const uint32_t size = size_of_struct(theirs);
    if (size < least)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: struct_size is %u, want at least %u", name, size, least);
    if (size > LARGEST_STRUCT)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: struct_size is %u, want at most %d", name, size, LARGEST_STRUCT);
    for (uint32_t i = our_size; i < size; i++)
        if (((const unsigned char *)theirs)[i])
            AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: a field at byte %u is set that this version does not know", name, i);
    return AVSOUND_OK;
}

avsound_status avsn_options_read(void *ours, uint32_t our_size, const void *theirs, uint32_t least, const char *name)
{
    memset(ours, 0, our_size);
    if (!theirs)
        return AVSOUND_OK;
    AVSN_TRY(avsn_struct_check(theirs, our_size, least, name));
    const uint32_t size = size_of_struct(theirs);
    memcpy(ours, theirs, size < our_size ? size : our_size);
    return AVSOUND_OK;
}

avsound_status avsn_struct_write(void *theirs, const void *ours, uint32_t our_size, const char *name)
{
    if (!theirs)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", name);
    const uint32_t size = size_of_struct(theirs);
    if (size < 8)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: struct_size is %u, want %u", name, size, our_size);
    memcpy(theirs, ours, size < our_size ? size : our_size);
    memcpy(theirs, &size, sizeof size);
    return AVSOUND_OK;
}
