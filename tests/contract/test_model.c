#include "contract/fixture.h"

#include <sys/stat.h>

static const char *const archs[] = {"l3-net", "ave-net", "avol-net"};

START_TEST(archs_have_names)
{
    ck_assert_int_ge(avsound_arch_count(), 3);
    ck_assert_ptr_null(avsound_arch_name(-1));
    ck_assert_ptr_null(avsound_arch_name(avsound_arch_count()));
    for (size_t i = 0; i < 3; i++) {
        int found = 0;
        for (int32_t k = 0; k < avsound_arch_count(); k++)
            found += strcmp(avsound_arch_name(k), archs[i]) == 0;
        ck_assert_msg(found == 1, "%s is there %d times", archs[i], found);
    }
}
END_TEST

START_TEST(create_refuses_bad_arguments)
{
    avsound_context *context = plain_context();
    avsound_model *model = (avsound_model *)1;
    ck_refused(avsound_model_create(NULL, "ave-net", narrow, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_assert_ptr_null(model);
    ck_refused(avsound_model_create(context, NULL, narrow, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "arch");
    ck_refused(avsound_model_create(context, "ave-net", narrow, 0, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_model_create(context, "", narrow, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "");
    model = (avsound_model *)1;
    ck_refused(avsound_model_create(context, "resnet", narrow, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "resnet");
    ck_assert_ptr_null(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(create_from_refuses_bad_arguments)
{
    avsound_context *context = plain_context();
    avsound_model *first, *model = (avsound_model *)1;
    int32_t taken = -1;
    ck_avsound(avsound_model_create(context, "ave-net", narrow, 0, &first));
    ck_refused(avsound_model_create_from(NULL, NULL, NULL, 0, NULL, &taken, &model), AVSOUND_E_INVALID_ARGUMENT, "from");
    ck_assert_ptr_null(model);
    ck_refused(avsound_model_create_from(first, NULL, NULL, 0, NULL, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_model_create_from(first, NULL, NULL, 0, "conv0", &taken, &model), AVSOUND_E_INVALID_ARGUMENT, "conv0");
    ck_assert_int_eq(taken, -1);
    ck_avsound(avsound_model_create_from(first, "l3-net", narrow, 0, "fc", &taken, &model));
    ck_assert_int_gt(taken, 0);
    ck_assert_int_lt(taken, avsound_model_parameter_count(model));
    avsound_model_free(first);
    ck_assert_str_eq(avsound_model_arch(model), "l3-net");
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(create_refuses_bad_configurations)
{
    static const struct {
        const char *config, *words;
    } bad[] = {
        {"", ""},
        {"{", ""},
        {"[]", ""},
        {"{\"width\": 0.0625} trailing", ""},
        {"{\"widht\": 1}", "widht"},
        {"{\"width\": 0}", "width"},
        {"{\"width\": 5}", "width"},
        {"{\"width\": -1}", "width"},
        {"{\"width\": \"1\"}", "width"},
        {"{\"width\": null}", "width"},
        {"{\"conv1_stride\": 3}", "conv1_stride"},
        {"{\"conv1_stride\": 1.5}", "conv1_stride"},
        {"{\"width\": 0.0625, \"width\": 0.125}", ""},
        {"{\"audio\": {\"sample_rate\": 0}}", "sample_rate"},
        {"{\"audio\": {\"hop\": -1}}", "hop"},
        {"{\"audio\": []}", "audio"},
        {"{\"image\": {\"width\": 0}}", "width"},
        {"{\"image\": {\"std\": [0, 0, 0]}}", "std"},
    };
    avsound_context *context = plain_context();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        avsound_model *model = (avsound_model *)1;
        const avsound_status status = avsound_model_create(context, "ave-net", bad[i].config, 0, &model);
        ck_assert_msg(status == AVSOUND_E_INVALID_ARGUMENT, "%s: %s (%s)", bad[i].config, avsound_status_name(status),
                      avsound_error_detail());
        ck_assert_msg(strstr(avsound_error_detail(), bad[i].words) != NULL, "%s: %s", bad[i].config,
                      avsound_error_detail());
        ck_assert_ptr_null(model);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(create_refuses_deep_configuration)
{
    enum { DEPTH = 200000 };
    char *deep = malloc(2 * DEPTH + 1);
    ck_assert_ptr_nonnull(deep);
    memset(deep, '[', DEPTH);
    memset(deep + DEPTH, ']', DEPTH);
    deep[2 * DEPTH] = 0;
    avsound_context *context = plain_context();
    avsound_model *model = NULL;
    ck_refused(avsound_model_create(context, "ave-net", deep, 0, &model), AVSOUND_E_INVALID_ARGUMENT, "");
    avsound_context_free(context);
    free(deep);
}
END_TEST

START_TEST(load_refuses_what_is_no_model)
{
    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/empty", folder);
    fclose(fopen(path, "wb"));
    avsound_context *context = plain_context();
    avsound_model *model = (avsound_model *)1;
    ck_refused(avsound_model_load(NULL, path, &model), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_assert_ptr_null(model);
    ck_refused(avsound_model_load(context, NULL, &model), AVSOUND_E_INVALID_ARGUMENT, "name");
    ck_refused(avsound_model_load(context, path, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    model = (avsound_model *)1;
    ck_refused(avsound_model_load(context, path, &model), AVSOUND_E_FORMAT, "empty");
    ck_assert_ptr_null(model);
    ck_refused(avsound_model_load(context, "", &model), AVSOUND_E_IO, "");
    snprintf(path, sizeof path, "%s/absent", folder);
    ck_refused(avsound_model_load(context, path, &model), AVSOUND_E_IO, "absent");
    const avsound_status status = avsound_model_load(context, folder, &model);
    ck_assert_msg(status == AVSOUND_E_IO || status == AVSOUND_E_FORMAT, "%s", avsound_status_name(status));
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

START_TEST(load_memory_refuses_what_is_no_model)
{
    static const unsigned char header[] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    static const unsigned char huge[] = {0, 0, 0, 0, 0xff, 0, 0, 0, '{', '}'};
    avsound_context *context = plain_context();
    avsound_model *model = NULL;
    ck_refused(avsound_model_load_memory(NULL, header, sizeof header, &model), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_model_load_memory(context, NULL, 10, &model), AVSOUND_E_INVALID_ARGUMENT, "data");
    ck_refused(avsound_model_load_memory(context, header, sizeof header, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    for (size_t size = 0; size <= sizeof header; size++)
        ck_refused(avsound_model_load_memory(context, header, size, &model), AVSOUND_E_FORMAT, "");
    ck_refused(avsound_model_load_memory(context, huge, sizeof huge, &model), AVSOUND_E_FORMAT, "");
    ck_assert_ptr_null(model);
    avsound_context_free(context);
}
END_TEST

static void read_whole(const char *path, unsigned char **data, size_t *size)
{
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    *size = (size_t)info.st_size;
    *data = malloc(*size);
    ck_assert_ptr_nonnull(*data);
    FILE *file = fopen(path, "rb");
    ck_assert_uint_eq(fread(*data, 1, *size, file), *size);
    fclose(file);
}

static void assert_same_parameters(const avsound_model *a, const avsound_model *b)
{
    ck_assert_int_eq(avsound_model_parameter_count(a), avsound_model_parameter_count(b));
    for (int32_t i = 0; i < avsound_model_parameter_count(a); i++) {
        avsound_tensor view_a = {.struct_size = sizeof view_a}, view_b = {.struct_size = sizeof view_b};
        const char *name_a, *name_b;
        ck_avsound(avsound_model_get_parameter(a, i, &name_a, &view_a));
        ck_avsound(avsound_model_get_parameter(b, i, &name_b, &view_b));
        ck_assert_str_eq(name_a, name_b);
        ck_assert_int_eq(view_a.rank, view_b.rank);
        ck_assert_mem_eq(view_a.shape, view_b.shape, sizeof view_a.shape);
        ck_assert_mem_eq(view_a.data, view_b.data, output_count(&view_a) * sizeof(float));
    }
}

START_TEST(save_and_load_keep_every_bit)
{
    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    avsound_context *context = plain_context();
    for (size_t i = 0; i < 3; i++) {
        avsound_model *made = narrow_model(context, archs[i]), *loaded = NULL, *copied = NULL;
        ck_avsound(avsound_model_save(made, path));
        ck_avsound(avsound_model_load(context, path, &loaded));
        unsigned char *data;
        size_t size;
        read_whole(path, &data, &size);
        ck_avsound(avsound_model_load_memory(context, data, size, &copied));
        memset(data, 0, size);
        free(data);
        assert_same_parameters(made, loaded);
        assert_same_parameters(made, copied);
        ck_assert_str_eq(avsound_model_arch(loaded), archs[i]);
        ck_assert_str_eq(avsound_model_config(loaded), avsound_model_config(made));
        ck_assert_int_eq(avsound_model_is_trained(loaded), 0);
        avsound_model_free(made);
        avsound_model_free(loaded);
        avsound_model_free(copied);
    }
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

static void write_whole(const char *path, const unsigned char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* Saved bytes with one thing changed at a time; loading asks for numbers only. */
START_TEST(verify_compares_the_data_with_the_hash)
{
    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net"), *loaded = NULL;
    ck_avsound(avsound_model_save(model, path));
    avsound_model_free(model);
    ck_avsound(avsound_model_verify(context, path));
    unsigned char *data;
    size_t size;
    read_whole(path, &data, &size);

    data[size - 4] ^= 1; /* the lowest bit of the last number */
    write_whole(path, data, size);
    ck_refused(avsound_model_verify(context, path), AVSOUND_E_FORMAT, "model.safetensors");
    ck_avsound(avsound_model_load(context, path, &loaded));
    avsound_model_free(loaded);
    data[size - 4] ^= 1;

    static const char key[] = "avsound.sha256";
    size_t at = 8;
    while (memcmp(data + at, key, sizeof key - 1) != 0)
        at++;
    data[at + sizeof key - 2] = '5';
    write_whole(path, data, size);
    ck_refused(avsound_model_verify(context, path), AVSOUND_E_UNSUPPORTED, key);
    ck_avsound(avsound_model_load(context, path, &loaded));
    avsound_model_free(loaded);

    write_whole(path, data, size - 1);
    ck_refused(avsound_model_verify(context, path), AVSOUND_E_FORMAT, "model.safetensors");
    ck_refused(avsound_model_verify(NULL, path), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_model_verify(context, NULL), AVSOUND_E_INVALID_ARGUMENT, "name");
    ck_refused(avsound_model_verify(context, folder), AVSOUND_E_IO, "");
    snprintf(path, sizeof path, "%s/absent", folder);
    ck_refused(avsound_model_verify(context, path), AVSOUND_E_IO, "absent");
    free(data);
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

START_TEST(load_refuses_every_truncation)
{
    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    ck_avsound(avsound_model_save(model, path));
    avsound_model_free(model);
    unsigned char *data;
    size_t size;
    read_whole(path, &data, &size);
    for (size_t part = 0; part < 64; part++) {
        avsound_model *broken = (avsound_model *)1;
        const size_t length = part < 32 ? part : size - 1 - (part - 32) * (size / 32);
        ck_refused(avsound_model_load_memory(context, data, length, &broken), AVSOUND_E_FORMAT, "");
        ck_assert_ptr_null(broken);
    }
    free(data);
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

START_TEST(save_leaves_nothing_when_it_fails)
{
    char folder[64], path[128];
    make_folder(folder);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    ck_refused(avsound_model_save(NULL, "x"), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_refused(avsound_model_save(model, NULL), AVSOUND_E_INVALID_ARGUMENT, "path");
    snprintf(path, sizeof path, "%s/absent/model", folder);
    ck_refused(avsound_model_save(model, path), AVSOUND_E_IO, "absent");
    ck_refused(avsound_model_save(model, ""), AVSOUND_E_IO, "");
    snprintf(path, sizeof path, "%s/folder", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_refused(avsound_model_save(model, path), AVSOUND_E_IO, "folder");
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(rmdir(folder), 0); /* fails if a temporary file is left */
    ck_refused(avsound_model_save(model, "/dev/full/model"), AVSOUND_E_IO, "");
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(accessors_take_null_and_bad_indices)
{
    ck_assert_ptr_null(avsound_model_arch(NULL));
    ck_assert_ptr_null(avsound_model_config(NULL));
    ck_assert_ptr_null(avsound_model_metadata(NULL, "license"));
    ck_assert_ptr_null(avsound_model_metadata_key(NULL, 0));
    ck_assert_int_eq(avsound_model_is_trained(NULL), 0);
    ck_assert_int_eq(avsound_model_frames(NULL), 0);
    ck_assert_int_eq(avsound_model_metadata_count(NULL), 0);
    ck_assert_int_eq(avsound_model_parameter_count(NULL), 0);
    avsound_model_free(NULL);

    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "avol-net");
    ck_assert_str_eq(avsound_model_arch(model), "avol-net");
    ck_assert_ptr_nonnull(strstr(avsound_model_config(model), "0.0625"));
    ck_assert_ptr_null(avsound_model_metadata(model, NULL));
    ck_assert_ptr_null(avsound_model_metadata(model, "no such key"));
    const int32_t entries = avsound_model_metadata_count(model);
    ck_assert_ptr_null(avsound_model_metadata_key(model, -1));
    ck_assert_ptr_null(avsound_model_metadata_key(model, entries));
    for (int32_t i = 0; i < entries; i++)
        ck_assert_ptr_nonnull(avsound_model_metadata(model, avsound_model_metadata_key(model, i)));
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(get_parameter_checks_its_arguments)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    const int32_t count = avsound_model_parameter_count(model);
    ck_assert_int_gt(count, 16);
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name = NULL, *last = "";
    ck_refused(avsound_model_get_parameter(NULL, 0, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_refused(avsound_model_get_parameter(model, -1, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_model_get_parameter(model, count, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "");
    view.struct_size = 0;
    ck_refused(avsound_model_get_parameter(model, 0, &name, &view), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    ck_avsound(avsound_model_get_parameter(model, 0, NULL, NULL));
    for (int32_t i = 0; i < count; i++) {
        view.struct_size = sizeof view;
        ck_avsound(avsound_model_get_parameter(model, i, &name, &view));
        ck_assert_int_gt(strcmp(name, last), 0);
        ck_assert_int_eq(view.dtype, AVSOUND_DTYPE_F32);
        ck_assert_ptr_nonnull(view.data);
        last = name;
    }
    /* A caller with an older, shorter struct gets the part it has. */
    unsigned char bytes[sizeof(avsound_tensor)];
    memset(bytes, 0xa5, sizeof bytes);
    const uint32_t shorter = 16;
    memcpy(bytes, &shorter, sizeof shorter);
    ck_avsound(avsound_model_get_parameter(model, 0, NULL, (avsound_tensor *)(void *)bytes));
    for (size_t i = shorter; i < sizeof bytes; i++)
        ck_assert_uint_eq(bytes[i], 0xa5);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(same_seed_same_weights)
{
    avsound_context *context = plain_context();
    avsound_model *a = narrow_model(context, "l3-net"), *b = narrow_model(context, "l3-net"), *other = NULL;
    assert_same_parameters(a, b);
    ck_avsound(avsound_model_create(context, "l3-net", narrow, 8, &other));
    int different = 0;
    for (int32_t i = 0; i < avsound_model_parameter_count(a); i++) {
        avsound_tensor view_a = {.struct_size = sizeof view_a}, view_b = {.struct_size = sizeof view_b};
        ck_avsound(avsound_model_get_parameter(a, i, NULL, &view_a));
        ck_avsound(avsound_model_get_parameter(other, i, NULL, &view_b));
        different += memcmp(view_a.data, view_b.data, output_count(&view_a) * sizeof(float)) != 0;
    }
    ck_assert_int_ge(different, 16);
    avsound_model_free(a);
    avsound_model_free(b);
    avsound_model_free(other);
    avsound_context_free(context);
}
END_TEST

START_TEST(limit_on_model_bytes_holds)
{
    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    ck_avsound(avsound_model_save(model, path));
    avsound_model_free(model);
    avsound_context_free(context);
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.max_model_bytes = 1000;
    ck_avsound(avsound_context_create(&options, &context));
    ck_refused(avsound_model_load(context, path, &model), AVSOUND_E_LIMIT, "1000");
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

/* ---- by name ---- */

static void write_model(avsound_context *context, const char *folder, const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    avsound_model *model = narrow_model(context, "ave-net");
    ck_avsound(avsound_model_save(model, path));
    avsound_model_free(model);
}

static void ck_found(avsound_context *context, const char *name, const char *folder, const char *file)
{
    char path[4096], wanted[192];
    size_t size = sizeof path;
    snprintf(wanted, sizeof wanted, "%s/%s", folder, file);
    ck_avsound(avsound_model_find(context, name, path, &size));
    ck_assert_str_eq(path, wanted);
    ck_assert_uint_eq(size, strlen(wanted) + 1);
    avsound_model *model;
    ck_avsound(avsound_model_load(context, name, &model));
    avsound_model_free(model);
}

START_TEST(names_are_found_in_the_folders_of_the_environment)
{
    char first[64], second[64], both[160];
    make_folder(first);
    make_folder(second);
    avsound_context *context = plain_context();
    write_model(context, first, "mine.safetensors");
    write_model(context, second, "mine.safetensors");
    write_model(context, second, "yours.v2");
    snprintf(both, sizeof both, "/absent::%s:%s:", first, second);
    ck_assert_int_eq(setenv("AVSOUND_MODEL_PATH", both, 1), 0);
    ck_found(context, "mine", first, "mine.safetensors");
    ck_found(context, "mine.safetensors", first, "mine.safetensors");
    ck_found(context, "yours.v2", second, "yours.v2");
    avsound_model *model;
    ck_refused(avsound_model_load(context, "yours", &model), AVSOUND_E_IO, "yours");
    /* What is a path is looked for nowhere else. */
    ck_refused(avsound_model_load(context, "./mine", &model), AVSOUND_E_IO, "./mine");
    ck_assert_ptr_null(strstr(avsound_error_detail(), first));
    ck_avsound(avsound_model_verify(context, "mine"));
    avsound_context_free(context);
    remove_folder(first);
    remove_folder(second);
}
END_TEST

START_TEST(a_file_at_hand_comes_before_a_name)
{
    char folder[64], other[64], path[4096];
    size_t size = sizeof path;
    make_folder(folder);
    make_folder(other);
    avsound_context *context = plain_context();
    write_model(context, folder, "mine");
    write_model(context, other, "mine");
    ck_assert_int_eq(setenv("AVSOUND_MODEL_PATH", other, 1), 0);
    ck_found(context, "mine", other, "mine");
    ck_assert_int_eq(chdir(folder), 0);
    ck_avsound(avsound_model_find(context, "mine", path, &size));
    ck_assert_str_eq(path, "mine");
    /* A folder is no model. */
    ck_assert_int_eq(mkdir("yours", 0700), 0);
    ck_refused(avsound_model_find(context, "./yours", path, &size), AVSOUND_E_IO, "yours");
    ck_refused(avsound_model_find(context, "yours", path, &size), AVSOUND_E_IO, other);
    avsound_context_free(context);
    ck_assert_int_eq(chdir("/"), 0);
    remove_folder(folder);
    remove_folder(other);
}
END_TEST

/* This program holds the static library, and lies in the build tree. */
START_TEST(bundled_models_are_found_beside_the_library)
{
    char path[4096], wanted[4096];
    size_t size = sizeof path;
    ck_assert_int_eq(unsetenv("AVSOUND_MODEL_PATH"), 0);
    avsound_context *context = plain_context();
    ck_avsound(avsound_model_find(context, "avol-s", path, &size));
    ck_assert_ptr_nonnull(realpath(path, wanted));
    ck_assert_ptr_nonnull(realpath(TEST_SOURCE_DIR "/../models/avol-s.safetensors", path));
    ck_assert_str_eq(path, wanted);
    avsound_context_free(context);
}
END_TEST

START_TEST(find_says_where_it_looked)
{
    char path[16], here[4096], name[5000];
    size_t size = 3;
    ck_assert_int_eq(setenv("AVSOUND_MODEL_PATH", "/one:/two", 1), 0);
    avsound_context *context = plain_context();
    static const char *const places[] = {"absent: no such model", "/one, /two", "share/avsound/models"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        ck_refused(avsound_model_find(context, "absent", path, &size), AVSOUND_E_IO, places[i]);
    ck_refused(avsound_model_find(NULL, "absent", path, &size), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_model_find(context, NULL, path, &size), AVSOUND_E_INVALID_ARGUMENT, "name");
    ck_refused(avsound_model_find(context, "absent", path, NULL), AVSOUND_E_INVALID_ARGUMENT, "size");
    ck_refused(avsound_model_find(context, "", path, &size), AVSOUND_E_IO, "");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_refused(avsound_model_find(context, name, NULL, &size), AVSOUND_E_IO, "nnn...");
    name[0] = '/';
    ck_refused(avsound_model_find(context, name, NULL, &size), AVSOUND_E_IO, "4999");
    /* The size is asked for first. */
    ck_assert_ptr_nonnull(realpath(TEST_SOURCE_DIR, here));
    ck_assert_int_eq(chdir(here), 0);
    ck_avsound(avsound_model_find(context, "suite.h", NULL, &size));
    ck_assert_uint_eq(size, sizeof "suite.h");
    size = 7;
    ck_refused(avsound_model_find(context, "suite.h", path, &size), AVSOUND_E_BUFFER_SIZE, "8 bytes");
    ck_assert_uint_eq(size, 8);
    ck_avsound(avsound_model_find(context, "suite.h", path, &size));
    ck_assert_str_eq(path, "suite.h");
    avsound_context_free(context);
}
END_TEST

SUITE("contract.model", archs_have_names, create_refuses_bad_arguments, create_from_refuses_bad_arguments, create_refuses_bad_configurations,
      create_refuses_deep_configuration, load_refuses_what_is_no_model, load_memory_refuses_what_is_no_model,
      save_and_load_keep_every_bit, verify_compares_the_data_with_the_hash, load_refuses_every_truncation,
      save_leaves_nothing_when_it_fails, accessors_take_null_and_bad_indices, get_parameter_checks_its_arguments,
      same_seed_same_weights, limit_on_model_bytes_holds, names_are_found_in_the_folders_of_the_environment,
      a_file_at_hand_comes_before_a_name, bundled_models_are_found_beside_the_library, find_says_where_it_looked)
