/* Weights in the layouts that kernels want, made once per model and shared by its sessions. */
#ifndef AVSN_PACK_H
#define AVSN_PACK_H

#include "base/base.h"

typedef struct avsn_pack_cache avsn_pack_cache;

AVSN_SHARED avsound_status avsn_pack_cache_create(avsound_context *context, avsn_pack_cache **out);
AVSN_SHARED void avsn_pack_cache_free(avsn_pack_cache *cache);
/* Bytes held. */
size_t avsn_pack_cache_bytes(avsn_pack_cache *cache);

#endif
