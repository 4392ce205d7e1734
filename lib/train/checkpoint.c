#include "train/checkpoint.h"

#include "base/zone.h"

#include <string.h>

enum { BLOCKS = 4 };
static const char *const names[BLOCKS] = {"value", "mean", "square", "average"};

static void list_blocks(const avsn_checkpoint_blocks *blocks, float *list[BLOCKS])
{
    list[0] = blocks->values;
    list[1] = blocks->mean;
    list[2] = blocks->square;
    list[3] = blocks->average;
}

avsound_status avsn_checkpoint_write(const avsn_store *store, const avsn_checkpoint_blocks *blocks, const char *path,
                                     const char *const *keys, const char *const *texts, size_t count)
{
    float *list[BLOCKS];
    avsn_zone zone;
    size_t used = 0;
    list_blocks(blocks, list);
    avsn_zone_init(&zone, store->context);
    avsound_status status = AVSOUND_E_NO_MEMORY;
    avsn_file_tensor *tensors = avsn_zone_alloc(&zone, (size_t)store->params.count * BLOCKS, sizeof *tensors);
    for (size_t b = 0; tensors && b < BLOCKS; b++) {
        for (int32_t i = 0; list[b] && i < store->params.count; i++) {
            const avsn_named_tensor *item = &store->params.items[i];
            const char *name = avsn_zone_printf(&zone, "%s.%s", names[b], item->name);
            if (!name)
                goto done;
            tensors[used++] = (avsn_file_tensor){.name = name,
                                                 .dtype = AVSOUND_DTYPE_F32,
                                                 .shape = item->shape,
                                                 .data = list[b] + store->items[i].begin,
                                                 .bytes = store->items[i].count * sizeof(float)};
        }
    }
    if (tensors)
        status = avsn_safetensors_write(store->context, path, tensors, used, keys, texts, count);
done:
    avsn_zone_free(&zone);
    return status;
}

avsound_status avsn_checkpoint_read(const avsn_store *store, const avsn_checkpoint_blocks *blocks,
                                    const avsn_safetensors *file)
{
    float *list[BLOCKS];
    avsn_zone zone;
    avsound_status status = AVSOUND_OK;
    list_blocks(blocks, list);
    avsn_zone_init(&zone, store->context);
    for (size_t b = 0; b < BLOCKS; b++)
        for (int32_t i = 0; !status && list[b] && i < store->params.count; i++) {
            const avsn_named_tensor *item = &store->params.items[i];
            const char *name = avsn_zone_printf(&zone, "%s.%s", names[b], item->name);
            status = name ? avsn_safetensors_read(file, name, &item->shape, list[b] + store->items[i].begin)
                          : AVSOUND_E_NO_MEMORY;
        }
    avsn_zone_free(&zone);
    return status;
}
