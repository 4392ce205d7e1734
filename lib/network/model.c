#include "network/making.h"

#include "op/kernel.h"
#include "weights/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t avsound_arch_count(void)
{
    return avsn_arch_count();
}

const char *avsound_arch_name(int32_t index)
{
    const avsn_arch *arch = avsn_arch_at(index);
    return arch ? arch->name : NULL;
}

int32_t avsound_model_frames(const avsound_model *model)
{
    return !model || model->arch->clip ? 0 : 2 * model->arch->around + 1;
}

avsound_model *avsn_model_ref(avsound_model *model)
{
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

void avsound_model_free(avsound_model *model)
{
    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    avsound_context *context = model->context;
    avsn_pack_cache_free(model->packed);
    avsn_free(context, model->keys); /* the values and their texts follow in the same block */
    avsn_free(context, model->params.items);
    avsn_free(context, model->storage);
    avsn_safetensors_free(model->file);
    avsn_free(context, model->config_text);
    avsn_free(context, model);
    avsound_context_free(context);
}

avsound_status avsn_model_graph(const avsound_model *model, const avsn_model_shapes *shapes, avsn_graph **out)
{
    const avsn_model_config *config = &model->config;
    const bool separates = model->arch->separates;
    const avsn_build_config build = {
        .batch = shapes->batch,
        .sounds = shapes->sounds,
        .width = config->width,
        .image_height = shapes->image_height ? shapes->image_height : config->image.height,
        .image_width = shapes->image_width ? shapes->image_width : config->image.width,
        .conv1_stride = config->conv1_stride,
        .bins = separates ? config->separation.fft / 2 : avsn_audio_frontend_bins(&config->audio),
        .columns = separates ? config->separation.columns : shapes->columns ? shapes->columns : config->audio.columns,
        .audio_width = config->audio_width,
        .conv5_stride = config->conv5_stride,
        .frames = shapes->frames ? shapes->frames : config->clip.frames,
        .samples = shapes->samples ? shapes->samples : config->clip.samples,
        .lags = config->lags,
        .cells = shapes->cells,
        .unet_width = config->unet_width,
        .decibels = avsn_separation_decibels(&config->separation),
        .classes = config->classes,
        .vision_only = config->vision_only != 0,
        .pool_rows = config->pool_rows,
        .pool_columns = config->pool_columns,
    };
    avsn_graph *graph;
    *out = NULL;
    AVSN_TRY(avsn_graph_create(model->context, &graph));
    model->arch->build(graph, &build);
    const avsound_status status = avsn_graph_finish(graph);
    if (status) {
        avsn_graph_free(graph);
        return status;
    }
    *out = graph;
    return AVSOUND_OK;
}

avsound_status avsn_model_need_picture(const avsound_model *model, const char *task)
{
    if (model->arch->clip)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes clips, frames and their sound: %s wants a network of a picture and a "
                  "spectrogram", model->arch->name, task);
    return AVSOUND_OK;
}

avsound_status avsn_model_need_pair(const avsound_model *model, const char *task)
{
    AVSN_TRY(avsn_model_need_picture(model, task));
    if (model->arch->blind || model->arch->deaf)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s takes %s alone: %s wants a network of a picture and a spectrogram", model->arch->name,
                  model->arch->blind ? "a spectrogram" : "a picture", task);
    return AVSOUND_OK;
}

/* ---- what making shares ---- */

avsound_status avsn_unknown_arch(avsound_status code, const char *name)
{
    avsn_shown shown;
    char known[200] = "";
    size_t used = 0;
    for (int32_t i = 0; i < avsn_arch_count() && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", avsn_arch_at(i)->name);
    AVSN_FAIL(code, "architecture is \"%s\", want one of %s", avsn_show(name, &shown), known);
}

avsound_status avsn_model_begin(avsound_context *context, const avsn_arch *arch, const char *config, const char *name,
                                avsound_model **out)
{
    avsound_model *model = avsn_alloc_zeroed(context, 1, sizeof *model);
    if (!model)
        return AVSOUND_E_NO_MEMORY;
    model->context = avsn_context_ref(context);
    atomic_init(&model->references, 1);
    model->arch = arch;
    avsound_status status = avsn_config_parse(arch, config, name, &model->config);
    if (!status)
        status = avsn_config_text(context, arch, &model->config, &model->config_text);
    if (!status)
        status = avsn_pack_cache_create(context, &model->packed);
    if (status) {
        avsound_model_free(model);
        return status;
    }
    *out = model;
    return AVSOUND_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const avsn_named_tensor *)a)->name, ((const avsn_named_tensor *)b)->name);
}

/* Items with names and shapes, ordered by name, without data; the names follow the items in the same block. */
static avsound_status list_params(avsound_model *model, const avsn_graph *graph)
{
    const int32_t count = avsn_graph_param_count(graph);
    size_t bytes = (size_t)count * sizeof *model->params.items;
    for (int32_t i = 0; i < count; i++)
        bytes += strlen(avsn_graph_param(graph, i)->name) + 1;
    avsn_named_tensor *items = avsn_alloc(model->context, bytes, 1);
    if (!items)
        return AVSOUND_E_NO_MEMORY;
    char *names = (char *)(items + count);
    for (int32_t i = 0; i < count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        const size_t length = strlen(spec->name) + 1;
        items[i] = (avsn_named_tensor){.name = memcpy(names, spec->name, length), .shape = spec->shape};
        names += length;
    }
    qsort(items, (size_t)count, sizeof *items, by_name);
    model->params = (avsn_params){.items = items, .count = count};
    return AVSOUND_OK;
}

avsound_status avsn_model_list_params(avsound_model *model, avsn_graph **graph)
{
    AVSN_TRY(avsn_model_graph(model, &(avsn_model_shapes){.batch = 1}, graph));
    const avsound_status status = list_params(model, *graph);
    if (status) {
        avsn_graph_free(*graph);
        *graph = NULL;
    }
    return status;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const avsn_metadata *)a)->key, ((const avsn_metadata *)b)->key);
}

/* One block: keys, values, their texts. */
avsound_status avsn_model_keep_metadata(avsound_model *model, avsn_metadata *entries, size_t count)
{
    qsort(entries, count, sizeof *entries, by_key);
    size_t bytes = 2 * count * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(entries[i].key) + strlen(entries[i].value) + 2;
    char **block = avsn_alloc(model->context, bytes, 1);
    if (!block)
        return AVSOUND_E_NO_MEMORY;
    char *text = (char *)(block + 2 * count);
    for (size_t i = 0; i < count; i++) {
        const size_t key = strlen(entries[i].key) + 1, value = strlen(entries[i].value) + 1;
        block[i] = memcpy(text, entries[i].key, key);
        block[count + i] = memcpy(text + key, entries[i].value, value);
        text += key + value;
    }
    avsn_free(model->context, model->keys);
    model->keys = block;
    model->values = block + count;
    model->metadata_count = (int32_t)count;
    return AVSOUND_OK;
}

avsound_status avsn_model_set_metadata(avsound_model *model, const char *training, const char *const *keys,
                                       const char *const *values, size_t count)
{
    avsn_metadata *entries = avsn_alloc(model->context, count + 3, sizeof *entries);
    if (!entries)
        return AVSOUND_E_NO_MEMORY;
    entries[0] = (avsn_metadata){AVSN_KEY_ARCH, model->arch->name};
    entries[1] = (avsn_metadata){AVSN_KEY_CONFIG, model->config_text};
    entries[2] = (avsn_metadata){AVSN_KEY_TRAINING, training};
    for (size_t i = 0; i < count; i++)
        entries[3 + i] = (avsn_metadata){keys[i], values[i]};
    const avsound_status status = avsn_model_keep_metadata(model, entries, count + 3);
    avsn_free(model->context, entries);
    return status;
}

avsound_status avsn_model_finish(avsound_model *model, avsound_status status, avsound_model **out)
{
    if (status) {
        avsound_model_free(model);
        return status;
    }
    *out = model;
    return AVSOUND_OK;
}

/* ---- precision ---- */

avsound_status avsn_choose_compute(int32_t precision, int32_t *compute)
{
    switch (precision) {
    case AVSOUND_PRECISION_F32:
        *compute = AVSOUND_DTYPE_F32;
        return AVSOUND_OK;
    case AVSOUND_PRECISION_BF16:
        if (avsn_op_isa() < AVSN_ISA_AVX512_BF16)
            AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "precision bf16: this processor has neither AVX512-BF16 nor AMX; use f32 or "
                                             "auto");
        *compute = AVSOUND_DTYPE_BF16;
        return AVSOUND_OK;
    case AVSOUND_PRECISION_AUTO:
        /* Without AMX, bf16 dot products are slower than f32 Winograd. */
        *compute = avsn_op_isa() >= AVSN_ISA_AMX ? AVSOUND_DTYPE_BF16 : AVSOUND_DTYPE_F32;
        return AVSOUND_OK;
    default:
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "precision is %d, want an AVSOUND_PRECISION_ constant",
                  precision);
    }
}

/* ---- looking inside ---- */

const char *avsound_model_arch(const avsound_model *model)
{
    return model ? model->arch->name : NULL;
}

const char *avsound_model_config(const avsound_model *model)
{
    return model ? model->config_text : NULL;
}

int32_t avsound_model_is_trained(const avsound_model *model)
{
    const char *training = avsound_model_metadata(model, AVSN_KEY_TRAINING);
    return training && !strcmp(training, "trained");
}

const char *avsound_model_metadata(const avsound_model *model, const char *key)
{
    for (int32_t i = 0; key && i < avsound_model_metadata_count(model); i++)
        if (!strcmp(model->keys[i], key))
            return model->values[i];
    return NULL;
}

int32_t avsound_model_metadata_count(const avsound_model *model)
{
    return model ? model->metadata_count : 0;
}

const char *avsound_model_metadata_key(const avsound_model *model, int32_t index)
{
    return index >= 0 && index < avsound_model_metadata_count(model) ? model->keys[index] : NULL;
}

int32_t avsound_model_parameter_count(const avsound_model *model)
{
    return model ? model->params.count : 0;
}

avsound_status avsound_model_get_parameter(const avsound_model *model, int32_t index, const char **name,
                                           avsound_tensor *view)
{
    if (name)
        *name = NULL;
    if (!model)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "model is NULL");
    if (index < 0 || index >= model->params.count)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "parameter %d, want 0...%d", index, model->params.count - 1);
    const avsn_named_tensor *item = &model->params.items[index];
    if (view) {
        avsound_tensor ours;
        avsn_tensor_view(&ours, AVSOUND_DTYPE_F32, &item->shape, item->data);
        AVSN_TRY(avsn_struct_write(view, &ours, sizeof ours, "view"));
    }
    if (name)
        *name = item->name;
    return AVSOUND_OK;
}
