/* Memory that is freed all at once: small pieces cut from larger blocks. */
#ifndef AVSN_ZONE_H
#define AVSN_ZONE_H

#include "base/base.h"

typedef struct avsn_zone {
    avsound_context *context;
    struct avsn_zone_block *last;
} avsn_zone;

AVSN_SHARED void avsn_zone_init(avsn_zone *zone, avsound_context *context);
AVSN_SHARED void *avsn_zone_alloc(avsn_zone *zone, size_t count, size_t size); /* zeroed, 16-byte aligned; NULL when refused */
AVSN_SHARED char *avsn_zone_printf(avsn_zone *zone, const char *format, ...) __attribute__((format(printf, 2, 3)));
AVSN_SHARED void avsn_zone_free(avsn_zone *zone);

#endif
