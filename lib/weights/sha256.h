/* SHA-256 (FIPS 180-4). Files are checked whenever a model is loaded, so this uses the processor's SHA instructions where it
 * has them; libavutil's portable code would take longer than everything else a load does. */
#ifndef AVSN_SHA256_H
#define AVSN_SHA256_H

#include "base/base.h"

#define AVSN_SHA256_TEXT 65 /* lower-case hexadecimal and a final 0 */

typedef struct avsn_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* taken in so far */
    uint8_t block[64];
    bool portable; /* set it after avsn_sha256_start to keep to plain C */
} avsn_sha256;

void avsn_sha256_start(avsn_sha256 *hash);
void avsn_sha256_update(avsn_sha256 *hash, const void *data, size_t bytes);
void avsn_sha256_finish(avsn_sha256 *hash, char text[AVSN_SHA256_TEXT]);

#endif
