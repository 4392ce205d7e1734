/* Canonical correlations: of an index's pictures and sounds, in a file, in place of an index's vectors. */
#include "contract/place.h"

#include "index/cca.h"
#include "weights/safetensors.h"

enum { MOST = 64 };

typedef struct library {
    place p;
    char path[96], file[96];
    avsound_index *index;
    avsound_index_info info;
} library;

/* Of a clip, the same without sound, and the sound. */
static void open_library(library *l)
{
    avsound_indexer *indexer;
    avsound_indexer_options o;
    setup(&l->p, "l3-net", 3.2, 80);
    snprintf(l->path, sizeof l->path, "%s/a.db", l->p.folder);
    snprintf(l->file, sizeof l->file, "%s/a.cca", l->p.folder);
    avsound_indexer_options_init(&o, sizeof o);
    o.hop_seconds = 0.2;
    o.threads = 1;
    ck_avsound(avsound_indexer_create(l->p.context, l->p.model, l->path, &o, &indexer));
    ck_avsound(avsound_indexer_add(indexer, l->p.mute, NULL));
    ck_avsound(avsound_indexer_add(indexer, l->p.clip, NULL));
    ck_avsound(avsound_indexer_add(indexer, l->p.sound, NULL));
    ck_avsound(avsound_indexer_commit(indexer));
    avsound_indexer_free(indexer);
    ck_avsound(avsound_index_open(l->p.context, l->path, &l->index));
    l->info = (avsound_index_info){.struct_size = sizeof l->info};
    ck_avsound(avsound_index_get_info(l->index, &l->info));
    ck_assert_int_le(l->info.images, MOST);
    ck_assert_int_le(l->info.sounds, MOST);
}

static void close_library(library *l)
{
    avsound_index_free(l->index);
    teardown(&l->p);
}

static avsound_index_item item_of(const library *l, int32_t modality, int64_t number)
{
    avsound_index_item item = {.struct_size = sizeof item};
    ck_avsound(avsound_index_get_item(l->index, modality, number, &item));
    return item;
}

static avsound_cca_options few_components(void)
{
    avsound_cca_options o;
    avsound_cca_options_init(&o, sizeof o);
    o.components = 3;
    o.regularisation = 0.1;
    return o;
}

static avsound_cca *fit_index(const library *l)
{
    const avsound_cca_options o = few_components();
    avsound_cca *cca = NULL;
    ck_avsound(avsound_index_fit_cca(l->index, &o, &cca));
    return cca;
}

/* All items of a side, projected. */
static void project(const library *l, const avsound_cca *cca, int32_t modality, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++)
        ck_avsound(avsound_cca_apply(cca, modality == AVSOUND_INDEX_SOUND, item_of(l, modality, i).vector, 1,
                                     to + i * avsound_cca_components(cca)));
}

/* An embedding may be of any length: the index's are of length 1. */
static void ck_length_is_nothing(const library *l, const avsound_cca *cca)
{
    const avsound_index_item item = item_of(l, AVSOUND_INDEX_SOUND, 2);
    float loud[512], a[3], b[3];
    for (int32_t i = 0; i < item.dimension; i++)
        loud[i] = 7 * item.vector[i];
    ck_avsound(avsound_cca_apply(cca, 1, item.vector, 1, a));
    ck_avsound(avsound_cca_apply(cca, 1, loud, 1, b));
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq_tol(a[i], b[i], 1e-4f);
}

static void ck_same_fit(const library *l, const avsound_cca *a, const avsound_cca *b, float tolerance)
{
    float pa[MOST * 3], pb[MOST * 3];
    ck_assert_int_eq(avsound_cca_components(a), avsound_cca_components(b));
    for (int32_t i = 0; i < avsound_cca_components(a); i++)
        ck_assert_double_eq(avsound_cca_correlation(a, i), avsound_cca_correlation(b, i));
    for (int32_t m = AVSOUND_INDEX_IMAGE; m <= AVSOUND_INDEX_SOUND; m++) {
        const int64_t count = m == AVSOUND_INDEX_IMAGE ? l->info.images : l->info.sounds;
        project(l, a, m, count, pa);
        project(l, b, m, count, pb);
        for (int64_t i = 0; i < count * avsound_cca_components(a); i++)
            ck_assert_float_le(fabsf(pa[i] - pb[i]), tolerance);
    }
}

/* The clip's pictures and sounds alone have partners, so fitting on the index is fitting on those. */
START_TEST(pairs_are_of_one_file_and_time)
{
    library l;
    open_library(&l);
    const int32_t n = l.info.image_dimension;
    float *x = malloc(MOST * (size_t)n * sizeof *x), *y = malloc(MOST * (size_t)n * sizeof *y);
    int64_t count = 0;
    for (int64_t i = 0; i < l.info.images; i++)
        for (int64_t j = 0; j < l.info.sounds; j++) {
            const avsound_index_item a = item_of(&l, AVSOUND_INDEX_IMAGE, i), b = item_of(&l, AVSOUND_INDEX_SOUND, j);
            if (a.file != b.file || a.time_us != b.time_us)
                continue;
            memcpy(x + count * n, a.vector, (size_t)n * sizeof *x);
            memcpy(y + count++ * n, b.vector, (size_t)n * sizeof *y);
        }
    ck_assert_int_eq(count, 16);
    avsound_cca_options o = few_components();
    avsound_cca *cca = fit_index(&l), *same;
    avsound_cca_info info = {.struct_size = sizeof info};
    o.dimension_x = o.dimension_y = n;
    o.count = count;
    o.x = x;
    o.y = y;
    ck_avsound(avsound_cca_fit(l.p.context, &o, &same));
    ck_same_fit(&l, cca, same, 1e-4f); /* lengths that are not quite 1 are made so */
    ck_length_is_nothing(&l, cca);
    ck_avsound(avsound_cca_get_info(cca, &info));
    ck_assert_int_eq(info.components, 3);
    ck_assert_int_eq(info.dimension_x, n);
    ck_assert_int_eq(info.dimension_y, n);
    ck_assert_int_eq(info.pairs, 16);
    ck_assert_str_eq(info.arch, "l3-net");
    ck_assert_str_eq(info.model, l.info.model);
    ck_avsound(avsound_cca_get_info(same, &info));
    ck_assert_ptr_null(info.model);
    avsound_cca_free(cca);
    o = few_components();
    o.count = 8;
    ck_avsound(avsound_index_fit_cca(l.index, &o, &cca));
    ck_avsound(avsound_cca_get_info(cca, &info));
    ck_assert_int_eq(info.pairs, 8);
    avsound_cca_free(cca);
    avsound_cca_free(same);
    free(x);
    free(y);
    close_library(&l);
}
END_TEST

START_TEST(a_saved_fit_is_the_same)
{
    library l;
    open_library(&l);
    avsound_cca *cca = fit_index(&l), *loaded = NULL;
    avsound_cca_info info = {.struct_size = sizeof info};
    ck_avsound(avsound_cca_save(cca, l.file));
    ck_avsound(avsound_cca_load(l.p.context, l.file, &loaded));
    ck_same_fit(&l, cca, loaded, 0);
    ck_length_is_nothing(&l, loaded);
    ck_avsound(avsound_cca_get_info(loaded, &info));
    ck_assert_int_eq(info.pairs, 16);
    ck_assert_str_eq(info.model, l.info.model);
    ck_avsound(avsound_cca_check_model(loaded, l.p.model));
    avsound_cca_free(cca);
    avsound_cca_free(loaded);
    close_library(&l);
}
END_TEST

START_TEST(projections_are_searched)
{
    library l;
    open_library(&l);
    avsound_cca *cca = fit_index(&l);
    float images[MOST * 3], sounds[MOST * 3], scores[MOST];
    int64_t items[MOST];
    avsound_index_search_options o;
    avsound_index_search_options_init(&o, sizeof o);
    o.query = AVSOUND_INDEX_IMAGE;
    o.want = AVSOUND_INDEX_SOUND;
    o.k = (int32_t)l.info.sounds;
    project(&l, cca, AVSOUND_INDEX_IMAGE, l.info.images, images);
    project(&l, cca, AVSOUND_INDEX_SOUND, l.info.sounds, sounds);
    ck_refused(avsound_index_search(l.index, &o, item_of(&l, AVSOUND_INDEX_IMAGE, 0).vector, 1, items, scores),
               AVSOUND_E_UNSUPPORTED, "avsound cca");
    ck_avsound(avsound_index_use_cca(l.index, cca));
    ck_avsound(avsound_index_use_cca(l.index, cca)); /* again: of the index's own vectors, not of projections */
    for (int64_t q = 0; q < l.info.images; q++) {
        ck_avsound(avsound_index_search(l.index, &o, images + 3 * q, 1, items, scores));
        for (int64_t k = 0; k < l.info.sounds; k++) {
            const float *a = images + 3 * q, *b = sounds + 3 * items[k];
            ck_assert_float_eq_tol(scores[k], a[0] * b[0] + a[1] * b[1] + a[2] * b[2], 1e-5f);
            ck_assert(!k || scores[k] <= scores[k - 1]);
        }
    }
    ck_avsound(avsound_index_use_cca(l.index, NULL));
    ck_refused(avsound_index_search(l.index, &o, item_of(&l, AVSOUND_INDEX_IMAGE, 0).vector, 1, items, scores),
               AVSOUND_E_UNSUPPORTED, "avsound cca");
    avsound_cca_free(cca);
    close_library(&l);
}
END_TEST

START_TEST(what_does_not_belong_is_refused)
{
    library l;
    open_library(&l);
    avsound_cca *cca = fit_index(&l), *plain, *none = NULL;
    avsound_cca_info info = {.struct_size = sizeof info};
    avsound_model *other;
    ck_avsound(avsound_model_create(l.p.context, "l3-net", narrow, 2, &other));
    ck_refused(avsound_cca_check_model(cca, other), AVSOUND_E_STATE, "another model");
    avsound_indexer *indexer;
    avsound_index *index;
    char path[96];
    snprintf(path, sizeof path, "%s/b.db", l.p.folder);
    ck_avsound(avsound_indexer_create(l.p.context, other, path, NULL, &indexer));
    ck_avsound(avsound_indexer_commit(indexer));
    avsound_indexer_free(indexer);
    ck_avsound(avsound_index_open(l.p.context, path, &index));
    ck_refused(avsound_index_use_cca(index, cca), AVSOUND_E_STATE, "another model");
    ck_refused(avsound_index_fit_cca(index, NULL, &none), AVSOUND_E_STATE, "has 0 pictures with their sounds");
    avsound_index_free(index);
    avsound_model_free(other);
    ck_refused(avsound_index_fit_cca(l.index, NULL, &none), AVSOUND_E_STATE, "has 16 pictures");
    ck_assert_ptr_null(none);
    const float x[] = {1, 2, 4, 3}, y[] = {3, 1, 9, 2};
    avsound_cca_options o = few_components();
    o.dimension_x = o.dimension_y = 1;
    o.count = 4;
    o.x = x;
    o.y = y;
    ck_refused(avsound_index_fit_cca(l.index, &o, &none), AVSOUND_E_INVALID_ARGUMENT, "are the index's");
    ck_avsound(avsound_cca_fit(l.p.context, &o, &plain));
    ck_avsound(avsound_cca_check_model(plain, l.p.model)); /* it knows no model */
    ck_refused(avsound_index_use_cca(l.index, plain), AVSOUND_E_SHAPE, "pictures of 1 numbers");
    ck_refused(avsound_index_fit_cca(NULL, NULL, &none), AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    ck_refused(avsound_index_fit_cca(l.index, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_index_use_cca(NULL, cca), AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    ck_refused(avsound_cca_check_model(NULL, l.p.model), AVSOUND_E_INVALID_ARGUMENT, "cca is NULL");
    ck_refused(avsound_cca_check_model(cca, NULL), AVSOUND_E_INVALID_ARGUMENT, "model is NULL");
    ck_refused(avsound_cca_get_info(NULL, &info), AVSOUND_E_INVALID_ARGUMENT, "cca is NULL");
    ck_refused(avsound_cca_save(NULL, l.file), AVSOUND_E_INVALID_ARGUMENT, "cca is NULL");
    ck_refused(avsound_cca_save(cca, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_cca_save(cca, "/no/such/folder/a.cca"), AVSOUND_E_IO, "/no/such/folder");
    ck_refused(avsound_cca_load(NULL, l.file, &none), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_cca_load(l.p.context, NULL, &none), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_cca_load(l.p.context, l.file, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_cca_load(l.p.context, l.file, &none), AVSOUND_E_IO, "a.cca");
    avsound_cca_free(plain);
    avsound_cca_free(cca);
    close_library(&l);
}
END_TEST

/* A file of a fit of two components on vectors of three numbers and of four, but for what a test changes. */
static void write_file(avsound_context *context, const char *path, int64_t y_components, float value, const char *kind,
                       const char *version, size_t tensors)
{
    static float numbers[16];
    const avsn_file_tensor all[] = {
        {"correlations", AVSOUND_DTYPE_F32, AVSN_SHAPE(2), numbers, 8},
        {"x.mean", AVSOUND_DTYPE_F32, AVSN_SHAPE(3), numbers, 12},
        {"x.weight", AVSOUND_DTYPE_F32, AVSN_SHAPE(2, 3), numbers, 24},
        {"y.weight", AVSOUND_DTYPE_F32, AVSN_SHAPE(y_components, 4), numbers, (size_t)y_components * 16},
        {"y.mean", AVSOUND_DTYPE_F32, AVSN_SHAPE(4), numbers, 16},
    };
    const char *const keys[] = {"avsound.kind", "avsound.cca.version"}, *const values[] = {kind, version};
    numbers[2] = value;
    ck_avsound(avsn_safetensors_write(context, path, all, tensors, keys, values, 2));
}

START_TEST(damaged_files_are_refused)
{
    library l;
    avsound_cca *cca = (avsound_cca *)1;
    open_library(&l);
    avsound_context *c = l.p.context;
    write_file(c, l.file, 2, 1, "cca", "1", 5);
    ck_avsound(avsound_cca_load(c, l.file, &cca));
    ck_assert_int_eq(avsound_cca_components(cca), 2);
    avsound_cca_free(cca);
    write_file(c, l.file, 3, 1, "cca", "1", 5);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_SHAPE, "correlations");
    ck_assert_ptr_null(cca);
    write_file(c, l.file, 2, 1, "cca", "1", 4);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_FORMAT, "y.mean is missing");
    write_file(c, l.file, 2, 1, "cca", "1", 2);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_FORMAT, "x.weight is missing");
    write_file(c, l.file, 2, NAN, "cca", "1", 5);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_FORMAT, "finite");
    write_file(c, l.file, 2, 1, "cca", "2", 5);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_UNSUPPORTED, "version 2");
    write_file(c, l.file, 2, 1, "soup", "1", 5);
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_FORMAT, "something else");
    ck_avsound(avsound_model_save(l.p.model, l.file));
    ck_refused(avsound_cca_load(c, l.file, &cca), AVSOUND_E_FORMAT, "is a model, l3-net");
    ck_refused(avsound_cca_load(c, l.path, &cca), AVSOUND_E_FORMAT, "a.db");
    close_library(&l);
}
END_TEST

SUITE("contract.cca", pairs_are_of_one_file_and_time, a_saved_fit_is_the_same, projections_are_searched,
      what_does_not_belong_is_refused, damaged_files_are_refused)
