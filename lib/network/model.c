#include "network/network.h"

#include "base/rng.h"
#include "op/kernel.h"
#include "weights/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_ARCH "avsound.arch"
#define KEY_CONFIG "avsound.config"
#define KEY_TRAINING "avsound.training"

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

/* ---- parts that creating and loading share ---- */

static const avsn_model_shapes one_item = {.batch = 1};

/* `name` opens the details about the configuration. */
static avsound_status begin(avsound_context *context, const avsn_arch *arch, const char *config, const char *name,
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

typedef struct entry {
    const char *key, *value;
} entry;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->key, ((const entry *)b)->key);
}

/* One block: keys, values, their texts. Orders `entries`. */
static avsound_status keep_metadata(avsound_model *model, entry *entries, size_t count)
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
    entry *entries = avsn_alloc(model->context, count + 3, sizeof *entries);
    if (!entries)
        return AVSOUND_E_NO_MEMORY;
    entries[0] = (entry){KEY_ARCH, model->arch->name};
    entries[1] = (entry){KEY_CONFIG, model->config_text};
    entries[2] = (entry){KEY_TRAINING, training};
    for (size_t i = 0; i < count; i++)
        entries[3 + i] = (entry){keys[i], values[i]};
    const avsound_status status = keep_metadata(model, entries, count + 3);
    avsn_free(model->context, entries);
    return status;
}

static avsound_status finish(avsound_model *model, avsound_status status, avsound_model **out)
{
    if (status) {
        avsound_model_free(model);
        return status;
    }
    *out = model;
    return AVSOUND_OK;
}

/* ---- created from a seed ---- */

/* Normal within two deviations; one draw in 22 takes another. */
static double draw_truncated(uint64_t seed, uint64_t stream, uint64_t index)
{
    double value;
    do
        value = avsn_rng_normal(seed, stream++, index);
    while (fabs(value) > 2);
    return value;
}

static void initialise(const avsn_param_spec *spec, uint64_t seed, int64_t count, float *data)
{
    const avsn_init *init = &spec->init;
    const uint64_t stream = avsn_rng_stream(spec->name);
    const double he = sqrt(2.0 / (double)AVSN_MAX(init->fan_in, (int64_t)1));
    for (int64_t i = 0; i < count; i++) {
        switch (init->kind) {
        case AVSN_INIT_CONSTANT:
            data[i] = init->values[0];
            break;
        case AVSN_INIT_LIST:
            data[i] = init->values[i];
            break;
        case AVSN_INIT_HE:
            data[i] = (float)(he * avsn_rng_normal(seed, stream, (uint64_t)i));
            break;
        case AVSN_INIT_TRUNCATED:
            data[i] = (float)(he * sqrt(1.3) * draw_truncated(seed, stream, (uint64_t)i));
            break;
        case AVSN_INIT_NORMAL:
            data[i] = (float)((double)init->values[0] + (double)init->values[1] * avsn_rng_normal(seed, stream, (uint64_t)i));
            break;
        }
    }
}

/* Parameters begin at multiples of 16 floats. */
static bool storage_size(const avsn_params *params, size_t *floats)
{
    *floats = 0;
    for (int32_t i = 0; i < params->count; i++) {
        int64_t count;
        size_t rounded;
        if (!avsn_shape_count(&params->items[i].shape, &count) || !avsn_align_size((size_t)count, 16, &rounded) ||
            !avsn_add_size(*floats, rounded, floats))
            return false;
    }
    return true;
}

static avsound_status allocate_storage(avsound_model *model)
{
    size_t floats;
    if (!storage_size(&model->params, &floats))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: the parameters are too large", model->arch->name);
    model->storage = avsn_alloc(model->context, floats, sizeof *model->storage);
    return model->storage ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status draw_params(avsound_model *model, const avsn_graph *graph, uint64_t seed)
{
    AVSN_TRY(allocate_storage(model));
    float *next = model->storage;
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_param_spec *spec = avsn_graph_param(graph, i);
        avsn_named_tensor *item = (avsn_named_tensor *)avsn_params_find(&model->params, spec->name);
        int64_t count;
        avsn_shape_count(&spec->shape, &count);
        initialise(spec, seed, count, next);
        item->data = next;
        next += (count + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status draw(avsound_model *model, const avsn_graph *graph, uint64_t seed)
{
    char source[80];
    snprintf(source, sizeof source, "avsound %s, weights drawn from seed %" PRIu64, avsound_version_string(), seed);
    AVSN_TRY(list_params(model, graph));
    AVSN_TRY(draw_params(model, graph, seed));
    return avsn_model_set_metadata(model, "none", (const char *const[]){"source"}, (const char *const[]){source}, 1);
}

static avsound_status unknown_arch(avsound_status code, const char *name)
{
    avsn_shown shown;
    char known[200] = "";
    size_t used = 0;
    for (int32_t i = 0; i < avsn_arch_count() && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", avsn_arch_at(i)->name);
    AVSN_FAIL(code, "architecture is \"%s\", want one of %s", avsn_show(name, &shown), known);
}

avsound_status avsound_model_create(avsound_context *context, const char *arch, const char *config, uint64_t seed,
                                    avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !arch)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "arch" : "context");
    const avsn_arch *known = avsn_arch_find(arch);
    if (!known)
        return unknown_arch(AVSOUND_E_INVALID_ARGUMENT, arch);
    avsound_model *model;
    avsn_graph *graph;
    AVSN_TRY(begin(context, known, config, "config", &model));
    avsound_status status = avsn_model_graph(model, &one_item, &graph);
    if (!status) {
        status = draw(model, graph, seed);
        avsn_graph_free(graph);
    }
    return finish(model, status, out);
}

/* ---- loaded from a file ---- */

static avsound_status report_missing(const avsound_model *model, const avsn_safetensors *file)
{
    const char *first = NULL;
    char shape[AVSN_SHAPE_TEXT] = "";
    int32_t missing = 0;
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_named_tensor *item = &model->params.items[i];
        if (avsn_safetensors_find(file, item->name))
            continue;
        if (!missing++) {
            first = item->name;
            avsn_shape_text(&item->shape, shape);
        }
    }
    if (missing)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is missing (%d of %s's %d tensors are), %s wants it as %s",
                  avsn_safetensors_label(file), first, missing, model->arch->name, model->params.count, model->arch->name,
                  shape);
    return AVSOUND_OK;
}

static avsound_status report_superfluous(const avsound_model *model, const avsn_safetensors *file)
{
    for (size_t i = 0; i < avsn_safetensors_count(file); i++) {
        const char *name = avsn_safetensors_at(file, i)->name;
        if (!avsn_params_find(&model->params, name))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is no tensor of %s", avsn_safetensors_label(file), name, model->arch->name);
    }
    return AVSOUND_OK;
}

/* Room for the tensors that must be widened. */
static avsound_status reserve_widened(avsound_model *model, const avsn_safetensors *file)
{
    size_t floats = 0;
    for (size_t i = 0; i < avsn_safetensors_count(file); i++) {
        const avsn_file_tensor *tensor = avsn_safetensors_at(file, i);
        if (tensor->dtype == AVSOUND_DTYPE_BF16 && !avsn_add_size(floats, tensor->bytes / 2, &floats))
            AVSN_FAIL(AVSOUND_E_LIMIT, "%s: the tensors are too large", avsn_safetensors_label(file));
    }
    if (!floats)
        return AVSOUND_OK;
    model->storage = avsn_alloc(model->context, floats, sizeof *model->storage);
    return model->storage ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static const float *widen(const avsn_file_tensor *tensor, float **next)
{
    const uint16_t *halves = tensor->data;
    float *wide = *next;
    for (size_t i = 0; i < tensor->bytes / 2; i++)
        wide[i] = avsn_bf16_to_f32(halves[i]);
    *next += tensor->bytes / 2;
    return wide;
}

/* Index of the first value that is no number or infinite, or count. */
static size_t first_not_finite(const float *data, size_t count)
{
    const uint32_t exponent = 0x7f800000;
    for (size_t begin = 0; begin < count; begin += 4096) {
        const size_t end = AVSN_MIN(count, begin + 4096);
        uint32_t found = 0;
        for (size_t i = begin; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, &data[i], sizeof bits);
            found |= (uint32_t)((bits & exponent) == exponent);
        }
        for (size_t i = begin; found && i < end; i++)
            if (!isfinite(data[i]))
                return i;
    }
    return count;
}

static bool is_variance(const char *name)
{
    static const char ending[] = ".running_var";
    const size_t length = strlen(name);
    return length >= sizeof ending && !strcmp(name + length - (sizeof ending - 1), ending);
}

static avsound_status check_values(const avsn_safetensors *file, const avsn_named_tensor *item, size_t count)
{
    const size_t bad = first_not_finite(item->data, count);
    if (bad < count)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s holds %g at element %zu, want finite numbers", avsn_safetensors_label(file),
                  item->name, (double)item->data[bad], bad);
    for (size_t i = 0; is_variance(item->name) && i < count; i++)
        if (item->data[i] < 0)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s holds %g at element %zu, a variance is 0 or more",
                      avsn_safetensors_label(file), item->name, (double)item->data[i], i);
    return AVSOUND_OK;
}

static avsound_status bind_param(const avsound_model *model, const avsn_safetensors *file, avsn_named_tensor *item,
                                 float **next)
{
    const avsn_file_tensor *tensor = avsn_safetensors_find(file, item->name);
    char found[AVSN_SHAPE_TEXT], wanted[AVSN_SHAPE_TEXT];
    if (!avsn_shape_equal(&tensor->shape, &item->shape))
        AVSN_FAIL(AVSOUND_E_SHAPE, "%s: %s is %s, %s wants %s", avsn_safetensors_label(file), item->name,
                  avsn_shape_text(&tensor->shape, found), model->arch->name, avsn_shape_text(&item->shape, wanted));
    item->data = tensor->dtype == AVSOUND_DTYPE_BF16 ? widen(tensor, next) : tensor->data;
    return check_values(file, item, tensor->bytes / avsn_dtype_size(tensor->dtype));
}

static avsound_status bind_params(avsound_model *model, const avsn_safetensors *file)
{
    AVSN_TRY(report_missing(model, file));
    AVSN_TRY(report_superfluous(model, file));
    AVSN_TRY(reserve_widened(model, file));
    float *next = model->storage;
    for (int32_t i = 0; i < model->params.count; i++)
        AVSN_TRY(bind_param(model, file, &model->params.items[i], &next));
    return AVSOUND_OK;
}

/* The file's metadata with the configuration completed, so that a file saved today means the same when defaults change. */
static avsound_status keep_file_metadata(avsound_model *model, const avsn_safetensors *file)
{
    const size_t count = avsn_safetensors_metadata_count(file);
    entry *entries = avsn_alloc(model->context, count + 1, sizeof *entries);
    if (!entries)
        return AVSOUND_E_NO_MEMORY;
    bool has_config = false;
    for (size_t i = 0; i < count; i++) {
        avsn_safetensors_metadata_at(file, i, &entries[i].key, &entries[i].value);
        if (!strcmp(entries[i].key, KEY_CONFIG)) {
            entries[i].value = model->config_text;
            has_config = true;
        }
    }
    entries[count] = (entry){KEY_CONFIG, model->config_text};
    const avsound_status status = keep_metadata(model, entries, count + !has_config);
    avsn_free(model->context, entries);
    return status;
}

static avsound_status adopt(avsound_model *model, const avsn_safetensors *file)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &one_item, &graph));
    avsound_status status = list_params(model, graph);
    avsn_graph_free(graph);
    if (!status)
        status = bind_params(model, file);
    if (!status)
        status = keep_file_metadata(model, file);
    return status;
}

/* A mistake in a file's configuration is the file's, not the caller's. */
static avsound_status begin_from_file(avsound_context *context, const avsn_safetensors *file, avsound_model **out)
{
    const char *label = avsn_safetensors_label(file);
    const char *arch = avsn_safetensors_metadata(file, KEY_ARCH);
    if (!arch)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: no metadata key %s: not a model of this library", label, KEY_ARCH);
    const avsn_arch *known = avsn_arch_find(arch);
    if (!known) {
        unknown_arch(AVSOUND_E_FORMAT, arch);
        return avsn_fail_in(AVSOUND_E_FORMAT, "%s", label);
    }
    const avsound_status status =
        begin(context, known, avsn_safetensors_metadata(file, KEY_CONFIG), KEY_CONFIG, out);
    if (status)
        return avsn_fail_in(status == AVSOUND_E_INVALID_ARGUMENT ? AVSOUND_E_FORMAT : status, "%s", label);
    return AVSOUND_OK;
}

/* Takes the file over. */
static avsound_status load(avsound_context *context, avsn_safetensors *file, avsound_model **out)
{
    avsound_model *model = NULL;
    const avsound_status status = begin_from_file(context, file, &model);
    if (status) {
        avsn_safetensors_free(file);
        return status;
    }
    model->file = file;
    return finish(model, adopt(model, file), out);
}

static avsound_status open_named(avsound_context *context, const char *name, avsn_safetensors **out)
{
    char path[AVSN_MODEL_PATH];
    AVSN_TRY(avsn_model_find(context, name, path));
    return avsn_safetensors_open(context, path, out);
}

avsound_status avsound_model_load(avsound_context *context, const char *name, avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !name)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "name" : "context");
    avsn_safetensors *file;
    AVSN_TRY(open_named(context, name, &file));
    return load(context, file, out);
}

avsound_status avsound_model_load_memory(avsound_context *context, const void *data, size_t size, avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !data)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "data" : "context");
    avsn_safetensors *file;
    AVSN_TRY(avsn_safetensors_open_memory(context, data, size, true, &file));
    return load(context, file, out);
}

avsound_status avsound_model_load_fd(avsound_context *context, int32_t fd, const char *name, avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    avsn_safetensors *file;
    AVSN_TRY(avsn_safetensors_open_fd(context, fd, name, &file));
    return load(context, file, out);
}

avsound_status avsound_model_load_io(avsound_context *context, const avsound_io *io, avsound_model **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    avsn_safetensors *file;
    AVSN_TRY(avsn_safetensors_open_io(context, io, &file));
    return load(context, file, out);
}

avsound_status avsound_model_verify(avsound_context *context, const char *name)
{
    if (!context || !name)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "name" : "context");
    avsn_safetensors *file;
    AVSN_TRY(open_named(context, name, &file));
    const avsound_status status = avsn_safetensors_verify(file);
    avsn_safetensors_free(file);
    return status;
}

/* ---- trained ---- */

static avsound_status copy_params(avsound_model *model, const avsn_params *params)
{
    AVSN_TRY(allocate_storage(model));
    float *next = model->storage;
    for (int32_t i = 0; i < model->params.count; i++) {
        avsn_named_tensor *item = &model->params.items[i];
        const avsn_named_tensor *theirs = avsn_params_find(params, item->name);
        int64_t count;
        avsn_shape_count(&item->shape, &count);
        item->data = memcpy(next, theirs->data, (size_t)count * sizeof *next);
        next += (count + 15) / 16 * 16;
    }
    return AVSOUND_OK;
}

static avsound_status take_params(avsound_model *model, const avsn_params *params, const char *const *keys,
                                  const char *const *values, size_t count)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_graph(model, &one_item, &graph));
    avsound_status status = list_params(model, graph);
    avsn_graph_free(graph);
    if (!status)
        status = copy_params(model, params);
    return status ? status : avsn_model_set_metadata(model, "trained", keys, values, count);
}

avsound_status avsn_model_trained(const avsound_model *like, const avsn_params *params, const char *const *keys,
                                  const char *const *values, size_t count, avsound_model **out)
{
    avsound_model *model;
    *out = NULL;
    AVSN_TRY(begin(like->context, like->arch, like->config_text, "config", &model));
    return finish(model, take_params(model, params, keys, values, count), out);
}

/* ---- saving ---- */

avsound_status avsound_model_save(const avsound_model *model, const char *path)
{
    if (!model || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", model ? "path" : "model");
    const avsn_params *params = &model->params;
    avsn_file_tensor *tensors = avsn_alloc(model->context, (size_t)params->count, sizeof *tensors);
    if (!tensors)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < params->count; i++) {
        const avsn_named_tensor *item = &params->items[i];
        tensors[i] = (avsn_file_tensor){
            .name = item->name, .dtype = AVSOUND_DTYPE_F32, .shape = item->shape, .data = item->data};
        avsn_shape_bytes(&item->shape, AVSOUND_DTYPE_F32, &tensors[i].bytes);
    }
    const avsound_status status =
        avsn_safetensors_write(model->context, path, tensors, (size_t)params->count, (const char *const *)model->keys,
                               (const char *const *)model->values, (size_t)model->metadata_count);
    avsn_free(model->context, tensors);
    return status;
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
    const char *training = avsound_model_metadata(model, KEY_TRAINING);
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
