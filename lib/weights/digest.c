#include "weights/internal.h"

#include <libavutil/sha.h>
#include <stdio.h>

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
