#include "train/checkpoint.h"

#include "base/zone.h"

#include <math.h>
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

static avsound_status read_tensor(const avsn_safetensors *file, const char *name, const avsn_shape *shape, size_t count,
                                  float *out)
{
    const char *label = avsn_safetensors_label(file);
    const avsn_file_tensor *tensor = avsn_safetensors_find(file, name);
    char found[AVSN_SHAPE_TEXT], wanted[AVSN_SHAPE_TEXT];
    if (!tensor)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is missing", label, name);
    if (tensor->dtype != AVSOUND_DTYPE_F32 || !avsn_shape_equal(&tensor->shape, shape))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: %s is %s, want %s in f32", label, name, avsn_shape_text(&tensor->shape, found),
                  avsn_shape_text(shape, wanted));
    memcpy(out, tensor->data, count * sizeof *out);
    for (size_t k = 0; k < count; k++)
        if (!isfinite(out[k]))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s holds %g at element %zu, want finite numbers", label, name, (double)out[k],
                      k);
    return AVSOUND_OK;
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
            status = name ? read_tensor(file, name, &item->shape, store->items[i].count, list[b] + store->items[i].begin)
                          : AVSOUND_E_NO_MEMORY;
        }
    avsn_zone_free(&zone);
    return status;
}
