#include "weights/internal.h"

#include <libavutil/sha.h>
#include <stdio.h>
#include <string.h>

struct AVSHA *avsn_digest_start(avsound_context *context)
{
    struct AVSHA *sha = avsn_alloc_zeroed(context, 1, (size_t)av_sha_size);
    if (sha)
        av_sha_init(sha, 256);
    return sha;
}

void avsn_digest_add(struct AVSHA *sha, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    while (bytes) {
        /* av_sha_update counts with an unsigned int, whatever its parameter's type. */
        const size_t piece = AVSN_MIN(bytes, (size_t)1 << 30);
        av_sha_update(sha, p, piece);
        p += piece;
        bytes -= piece;
    }
}

void avsn_digest_finish(avsound_context *context, struct AVSHA *sha, char text[AVSN_DIGEST_TEXT])
{
    uint8_t digest[32];
    av_sha_final(sha, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    avsn_free(context, sha);
}

avsound_status avsn_params_digest(avsound_context *context, const char *words, const avsn_params *params,
                                  char text[AVSN_DIGEST_TEXT])
{
    struct AVSHA *sha = avsn_digest_start(context);
    if (!sha)
        return AVSOUND_E_NO_MEMORY;
    avsn_digest_add(sha, words, strlen(words) + 1);
    for (int32_t i = 0; i < params->count; i++) {
        const avsn_named_tensor *tensor = &params->items[i];
        int64_t count = 0;
        avsn_shape_count(&tensor->shape, &count);
        avsn_digest_add(sha, tensor->name, strlen(tensor->name) + 1);
        avsn_digest_add(sha, tensor->data, (size_t)count * sizeof *tensor->data);
    }
    avsn_digest_finish(context, sha, text);
    return AVSOUND_OK;
}
