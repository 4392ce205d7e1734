#include "weights/params.h"

#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *item)
{
    return strcmp(name, ((const avsn_named_tensor *)item)->name);
}

const avsn_named_tensor *avsn_params_find(const avsn_params *params, const char *name)
{
    if (!params->count)
        return NULL;
    return bsearch(name, params->items, (size_t)params->count, sizeof *params->items, compare_name);
}
