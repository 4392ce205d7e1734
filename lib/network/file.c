#include "network/making.h"

#include "weights/text.h"

#include <math.h>
#include <string.h>

/* ---- loading ---- */

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
    avsn_metadata *entries = avsn_alloc(model->context, count + 1, sizeof *entries);
    if (!entries)
        return AVSOUND_E_NO_MEMORY;
    bool has_config = false;
    for (size_t i = 0; i < count; i++) {
        avsn_safetensors_metadata_at(file, i, &entries[i].key, &entries[i].value);
        if (!strcmp(entries[i].key, AVSN_KEY_CONFIG)) {
            entries[i].value = model->config_text;
            has_config = true;
        }
    }
    entries[count] = (avsn_metadata){AVSN_KEY_CONFIG, model->config_text};
    const avsound_status status = avsn_model_keep_metadata(model, entries, count + !has_config);
    avsn_free(model->context, entries);
    return status;
}

static avsound_status adopt(avsound_model *model, const avsn_safetensors *file)
{
    avsn_graph *graph;
    AVSN_TRY(avsn_model_list_params(model, &graph));
    avsn_graph_free(graph);
    AVSN_TRY(bind_params(model, file));
    return keep_file_metadata(model, file);
}

/* A mistake in a file's configuration is the file's, not the caller's. */
static avsound_status begin_from_file(avsound_context *context, const avsn_safetensors *file, avsound_model **out)
{
    const char *label = avsn_safetensors_label(file);
    const char *arch = avsn_safetensors_metadata(file, AVSN_KEY_ARCH);
    if (!arch)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: no metadata key %s: not a model of this library", label, AVSN_KEY_ARCH);
    const avsn_arch *known = avsn_arch_find(arch);
    if (!known) {
        avsn_unknown_arch(AVSOUND_E_FORMAT, arch);
        return avsn_fail_in(AVSOUND_E_FORMAT, "%s", label);
    }
    const avsound_status status =
        avsn_model_begin(context, known, avsn_safetensors_metadata(file, AVSN_KEY_CONFIG), AVSN_KEY_CONFIG, out);
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
    return avsn_model_finish(model, adopt(model, file), out);
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
