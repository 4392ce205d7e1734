#include "api/cca.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"

enum { DEFAULT_COMPONENTS = 128 };
static const double default_regularisation = 0.01;

/* ---- fitting ---- */

void avsound_cca_options_init(avsound_cca_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsn_cca_read_options(const avsound_cca_options *options, avsound_cca_options *o)
{
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "cca_options"));
    if (o->components < 0 || !(o->regularisation >= 0 && isfinite(o->regularisation)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: components is %d, regularisation %g, want neither negative", o->components,
                  o->regularisation);
    o->components = o->components ? o->components : DEFAULT_COMPONENTS;
    o->regularisation = o->regularisation > 0 ? o->regularisation : default_regularisation;
    return AVSOUND_OK;
}

static avsound_status new_cca(avsound_context *context, const char *arch, const char *model, avsound_cca **out)
{
    avsound_cca *cca = avsn_alloc_zeroed(context, 1, sizeof *cca);
    *out = cca;
    if (!cca)
        return AVSOUND_E_NO_MEMORY;
    cca->context = avsn_context_ref(context);
    avsn_zone_init(&cca->memory, context);
    cca->arch = model ? avsn_zone_printf(&cca->memory, "%s", arch) : NULL;
    cca->model = model ? avsn_zone_printf(&cca->memory, "%s", model) : NULL;
    return model && (!cca->arch || !cca->model) ? AVSOUND_E_NO_MEMORY : AVSOUND_OK;
}

avsound_status avsn_cca_create(avsound_context *context, const avsn_cca_pairs *pairs, int32_t components, const char *arch,
                               const char *model, avsound_cca **out)
{
    const int32_t dimensions[2] = {pairs->sides[0].dimension, pairs->sides[1].dimension};
    const int32_t least = AVSN_MIN(components, AVSN_MIN(dimensions[0], dimensions[1]));
    avsound_cca *cca;
    avsound_status status = new_cca(context, arch, model, &cca);
    if (!status) {
        cca->pairs = pairs->count;
        status = avsn_cca_allocate(&cca->memory, (int32_t)AVSN_MIN((int64_t)least, pairs->count - 1), dimensions, &cca->fit);
        cca->fit.unit = model != NULL;
    }
    if (!status)
        status = avsn_cca_fit(context, pairs, &cca->fit);
    if (status)
        avsound_cca_free(cca);
    else
        *out = cca;
    return status;
}

static avsound_status check_vectors(const char *name, const float *vectors, int64_t count, int32_t dimension)
{
    if (dimension < 1 || dimension > AVSN_CCA_MOST_DIMENSION || !vectors)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: %s is %s, its dimension %d, want 1...%d", name, vectors ? "set" : "NULL",
                  dimension, AVSN_CCA_MOST_DIMENSION);
    for (int64_t i = 0; i < count * dimension; i++)
        if (!isfinite(vectors[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: vector %lld of %s is not finite", (long long)i / dimension, name);
    return AVSOUND_OK;
}

avsound_status avsound_cca_fit(avsound_context *context, const avsound_cca_options *options, avsound_cca **out)
{
    avsound_cca_options o;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "options" : "context");
    AVSN_TRY(avsn_cca_read_options(options, &o));
    if (o.count < 2 || o.count > INT32_MAX)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "CCA: count is %lld, want at least 2", (long long)o.count);
    AVSN_TRY(check_vectors("x", o.x, o.count, o.dimension_x));
    AVSN_TRY(check_vectors("y", o.y, o.count, o.dimension_y));
    const avsn_cca_pairs pairs = {.count = o.count,
                                  .sides = {{.name = "x", .vectors = o.x, .dimension = o.dimension_x},
                                            {.name = "y", .vectors = o.y, .dimension = o.dimension_y}},
                                  .regularisation = o.regularisation};
    return avsn_cca_create(context, &pairs, o.components, NULL, NULL, out);
}

void avsound_cca_free(avsound_cca *cca)
{
    if (!cca)
        return;
    avsound_context *context = cca->context;
    avsn_zone_free(&cca->memory);
    avsn_free(context, cca);
    avsound_context_free(context);
}

/* ---- a file ---- */

static const char key_kind[] = "avsound.kind", kind[] = "cca", key_version[] = "avsound.cca.version", version[] = "1",
                  key_pairs[] = "avsound.cca.pairs", key_unit[] = "avsound.cca.unit", key_arch[] = "avsound.cca.arch", key_model[] = "avsound.cca.model";

enum { TENSORS = 5 };

/* What of a fit is in a file, by name. */
static void list_tensors(const avsn_cca *fit, avsn_file_tensor out[TENSORS])
{
    const int64_t c = fit->components, x = fit->sides[0].dimension, y = fit->sides[1].dimension;
    const avsn_file_tensor all[TENSORS] = {
        {.name = "correlations", .shape = AVSN_SHAPE(c), .data = fit->correlations},
        {.name = "x.mean", .shape = AVSN_SHAPE(x), .data = fit->sides[0].mean},
        {.name = "x.weight", .shape = AVSN_SHAPE(c, x), .data = fit->sides[0].weights},
        {.name = "y.mean", .shape = AVSN_SHAPE(y), .data = fit->sides[1].mean},
        {.name = "y.weight", .shape = AVSN_SHAPE(c, y), .data = fit->sides[1].weights},
    };
    for (int i = 0; i < TENSORS; i++) {
        out[i] = all[i];
        out[i].dtype = AVSOUND_DTYPE_F32;
        avsn_shape_bytes(&out[i].shape, out[i].dtype, &out[i].bytes);
    }
}

avsound_status avsound_cca_save(const avsound_cca *cca, const char *path)
{
    avsn_file_tensor tensors[TENSORS];
    char pairs[24];
    if (!cca || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", cca ? "path" : "cca");
    if (!cca->fit.components)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "the fit has no components: nothing correlates");
    list_tensors(&cca->fit, tensors);
    snprintf(pairs, sizeof pairs, "%lld", (long long)cca->pairs);
    const char *const keys[] = {key_kind, key_version, key_pairs, key_unit, key_arch, key_model};
    const char *const values[] = {kind, version, pairs, cca->fit.unit ? "1" : "0", cca->arch, cca->model};
    return avsn_safetensors_write(cca->context, path, tensors, TENSORS, keys, values, cca->model ? 6 : 4);
}

static avsound_status check_kind(const avsn_safetensors *file)
{
    const char *label = avsn_safetensors_label(file), *found = avsn_safetensors_metadata(file, key_kind);
    const char *of = avsn_safetensors_metadata(file, key_version), *arch = avsn_safetensors_metadata(file, "avsound.arch");
    if (!found || strcmp(found, kind))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is %s%s, want a file of avsound cca", label, arch ? "a model, " : "something else",
                  arch ? arch : "");
    if (!of || strcmp(of, version))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: is a CCA of version %s, this library knows version %s", label, of ? of : "unknown",
                  version);
    return avsn_safetensors_verify(file);
}

/* The sizes are those of the matrices; all else must fit them. */
static avsound_status read_sizes(const avsn_safetensors *file, int32_t *components, int32_t dimensions[2])
{
    static const char *const names[2] = {"x.weight", "y.weight"};
    const char *label = avsn_safetensors_label(file);
    for (int s = 0; s < 2; s++) {
        const avsn_file_tensor *t = avsn_safetensors_find(file, names[s]);
        char found[AVSN_SHAPE_TEXT];
        if (!t)
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s: %s is missing", label, names[s]);
        const int64_t c = t->shape.rank == 2 ? t->shape.dim[0] : 0, n = c ? t->shape.dim[1] : 0;
        if (c < 1 || n < 1 || n > AVSN_CCA_MOST_DIMENSION || c > n)
            AVSN_FAIL(AVSOUND_E_SHAPE, "%s: %s is %s, want components x dimension, 1...%d of the latter and no more of the former",
                      label, names[s], avsn_shape_text(&t->shape, found), AVSN_CCA_MOST_DIMENSION);
        *components = (int32_t)c; /* the one side's; the other is held against it with the rest */
        dimensions[s] = (int32_t)n;
    }
    return AVSOUND_OK;
}

static avsound_status read_fit(avsound_cca *cca, const avsn_safetensors *file)
{
    avsn_file_tensor tensors[TENSORS];
    int32_t components = 0, dimensions[2];
    const char *unit = avsn_safetensors_metadata(file, key_unit);
    AVSN_TRY(read_sizes(file, &components, dimensions));
    AVSN_TRY(avsn_cca_allocate(&cca->memory, components, dimensions, &cca->fit));
    cca->fit.unit = unit && !strcmp(unit, "1");
    list_tensors(&cca->fit, tensors);
    for (int i = 0; i < TENSORS; i++)
        AVSN_TRY(avsn_safetensors_read(file, tensors[i].name, &tensors[i].shape, (float *)tensors[i].data));
    return AVSOUND_OK;
}

static avsound_status read_cca(avsound_context *context, const avsn_safetensors *file, avsound_cca **out)
{
    const char *pairs = avsn_safetensors_metadata(file, key_pairs), *model = avsn_safetensors_metadata(file, key_model);
    const char *arch = avsn_safetensors_metadata(file, key_arch);
    AVSN_TRY(check_kind(file));
    AVSN_TRY(new_cca(context, arch ? arch : "unknown", model, out));
    (*out)->pairs = pairs ? strtoll(pairs, NULL, 10) : 0;
    return read_fit(*out, file);
}

avsound_status avsound_cca_load(avsound_context *context, const char *path, avsound_cca **out)
{
    avsn_safetensors *file;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "path" : "context");
    AVSN_TRY(avsn_safetensors_open(context, path, &file));
    const avsound_status status = read_cca(context, file, out);
    avsn_safetensors_free(file);
    if (status) {
        avsound_cca_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- asking ---- */

avsound_status avsound_cca_get_info(const avsound_cca *cca, avsound_cca_info *info)
{
    if (!cca)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca is NULL");
    const avsound_cca_info i = {.components = cca->fit.components,
                                .dimension_x = cca->fit.sides[0].dimension,
                                .dimension_y = cca->fit.sides[1].dimension,
                                .pairs = cca->pairs,
                                .arch = cca->arch,
                                .model = cca->model};
    return avsn_struct_write(info, &i, sizeof i, "info");
}

avsound_status avsound_cca_check_model(const avsound_cca *cca, const avsound_model *model)
{
    char text[AVSN_DIGEST_TEXT];
    if (!cca || !model)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", cca ? "model" : "cca");
    AVSN_TRY(avsn_index_identify(model, text));
    if (cca->model && strcmp(text, cca->model))
        AVSN_FAIL(AVSOUND_E_STATE, "the CCA was fitted on another model's vectors: %s %.12s..., this one is %s %.12s...", cca->arch,
                  cca->model, model->arch->name, text);
    return AVSOUND_OK;
}

int32_t avsound_cca_components(const avsound_cca *cca)
{
    return cca ? cca->fit.components : 0;
}

double avsound_cca_correlation(const avsound_cca *cca, int32_t index)
{
    return cca && index >= 0 && index < cca->fit.components ? (double)cca->fit.correlations[index] : NAN;
}

avsound_status avsound_cca_apply(const avsound_cca *cca, int32_t side, const float *vectors, int64_t count, float *projected)
{
    if (!cca || side < 0 || side > 1 || count < 0 || (count && (!vectors || !projected)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "cca_apply: an argument is NULL, side (%d) not 0 or 1, or count negative", side);
    avsn_cca_project(&cca->fit, side, vectors, count, projected);
    return AVSOUND_OK;
}
