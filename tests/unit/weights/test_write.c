#include "suite.h"

#include "failing.h"
#include "weights/safetensors.h"

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each test works in a folder of its own, so that what a failed write leaves is seen. */
static avsound_context *context;

static void enter(const char *folder)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder); /* of a run that failed */
    ck_assert_int_eq(system(command), 0);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(chdir(folder), 0);
}

static int files_here(void)
{
    int count = 0;
    DIR *folder = opendir(".");
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

static void leave(const char *folder)
{
    ck_assert_int_eq(files_here(), 0);
    ck_assert_int_eq(chdir(".."), 0);
    rmdir(folder);
    avsound_context_free(context);
}

static const uint32_t patterns[6] = {0x3f800000, 0x80000000, 0x7fc01234, 0x00000001, 0xff800000, 0x7f7fffff};
static const uint16_t halves[3] = {0x3f80, 0x7fff, 0x8001};
static const float one = 1;

static const avsn_file_tensor samples[] = {
    {"z.weight", AVSOUND_DTYPE_F32, {2, {2, 3}}, patterns, sizeof patterns},
    {"b", AVSOUND_DTYPE_BF16, {1, {3}}, halves, sizeof halves},
    {"a/\"quoted\" caf\xc3\xa9", AVSOUND_DTYPE_F32, {0, {0}}, &one, sizeof one},
    {"none", AVSOUND_DTYPE_F32, {2, {0, 5}}, &one, 0},
};
static const char *const keys[] = {"license", "avsound.sha256", "text"};
static const char *const values[] = {"CC0-1.0", "of another file", "two\nlines, \"quotes\", caf\xc3\xa9"};

static avsound_status write_samples(const char *path)
{
    return avsn_safetensors_write(context, path, samples, 4, keys, values, 3);
}

START_TEST(tensors_come_back_bit_for_bit)
{
    enter("write-round-trip");
    ck_avsound(write_samples("x.safetensors"));
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open(context, "x.safetensors", &file));
    ck_assert_uint_eq(avsn_safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        const avsn_file_tensor *found = avsn_safetensors_find(file, samples[i].name);
        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(found->dtype, samples[i].dtype);
        ck_assert(avsn_shape_equal(&found->shape, &samples[i].shape));
        ck_assert_uint_eq(found->bytes, samples[i].bytes);
        if (found->bytes)
            ck_assert_mem_eq(found->data, samples[i].data, found->bytes);
    }
    /* f32 in the order of names, then bf16, at a multiple of 64 */
    const char *first = avsn_safetensors_find(file, samples[2].name)->data;
    ck_assert_uint_eq((uintptr_t)first % 64, 0);
    ck_assert_ptr_eq(avsn_safetensors_find(file, "z.weight")->data, first + 4);
    ck_assert_ptr_eq(avsn_safetensors_find(file, "b")->data, first + 28);
    ck_assert_str_eq(avsn_safetensors_metadata(file, "license"), "CC0-1.0");
    ck_assert_str_eq(avsn_safetensors_metadata(file, "text"), values[2]);
    ck_assert_uint_eq(avsn_safetensors_metadata_count(file), 3);
    const char *key, *value;
    avsn_safetensors_metadata_at(file, 0, &key, &value);
    ck_assert_str_eq(key, "avsound.sha256");
    ck_assert_uint_eq(strlen(value), 64);
    ck_avsound(avsn_safetensors_verify(file));
    avsn_safetensors_free(file);
    remove("x.safetensors");
    leave("write-round-trip");
}
END_TEST

static char *slurp(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    ck_assert_ptr_nonnull(in);
    fseek(in, 0, SEEK_END);
    *size = (size_t)ftell(in);
    rewind(in);
    char *bytes = malloc(*size + 1);
    ck_assert_uint_eq(fread(bytes, 1, *size, in), *size);
    bytes[*size] = 0;
    fclose(in);
    return bytes;
}

START_TEST(the_same_tensors_make_the_same_file)
{
    enter("write-same");
    size_t x_size, y_size;
    const avsn_file_tensor turned[] = {samples[3], samples[1], samples[2], samples[0]};
    ck_avsound(write_samples("x.safetensors"));
    ck_avsound(avsn_safetensors_write(context, "y.safetensors", turned, 4, keys, values, 3));
    char *x = slurp("x.safetensors", &x_size), *y = slurp("y.safetensors", &y_size);
    ck_assert_uint_eq(x_size, y_size);
    ck_assert_mem_eq(x, y, x_size);
    free(x);
    free(y);
    remove("x.safetensors");
    remove("y.safetensors");
    leave("write-same");
}
END_TEST

START_TEST(damage_is_noticed)
{
    enter("write-damage");
    size_t size;
    ck_avsound(write_samples("x.safetensors"));
    char *bytes = slurp("x.safetensors", &size);
    bytes[size - 1] ^= 1;
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open_memory(context, bytes, size, false, &file));
    ck_refused(avsn_safetensors_verify(file), AVSOUND_E_FORMAT, "damaged");
    avsn_safetensors_free(file);
    free(bytes);
    remove("x.safetensors");
    leave("write-damage");
}
END_TEST

static void ck_hash(const avsn_file_tensor *tensors, size_t count, const char *digest)
{
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_write(context, "x.safetensors", tensors, count, NULL, NULL, 0));
    ck_avsound(avsn_safetensors_open(context, "x.safetensors", &file));
    ck_assert_str_eq(avsn_safetensors_metadata(file, "avsound.sha256"), digest);
    ck_avsound(avsn_safetensors_verify(file));
    avsn_safetensors_free(file);
    remove("x.safetensors");
}

/* The examples of NIST for FIPS 180 whose length is even: nothing, two blocks, a million letters; in pieces that are no
 * blocks. */
START_TEST(hashes_are_the_published_ones)
{
    enter("write-hashes");
    static const char letters[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static char many[1000000];
    memset(many, 'a', sizeof many);
    const avsn_file_tensor two_blocks[] = {{"a", AVSOUND_DTYPE_F32, {1, {11}}, letters, 44},
                                           {"b", AVSOUND_DTYPE_BF16, {1, {6}}, letters + 44, 12}};
    const avsn_file_tensor million[] = {{"a", AVSOUND_DTYPE_F32, {2, {3, 12345}}, many, 148140},
                                        {"b", AVSOUND_DTYPE_F32, {0, {0}}, many, 4},
                                        {"c", AVSOUND_DTYPE_BF16, {1, {425928}}, many, 851856}};
    ck_hash(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_hash(two_blocks, 2, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    ck_hash(million, 3, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    leave("write-hashes");
}
END_TEST

START_TEST(another_program_reads_the_file)
{
    if (system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
        puts("skipped: no /usr/bin/python3 with numpy");
        return;
    }
    enter("write-foreign");
    ck_avsound(write_samples("x.safetensors"));
    ck_assert_int_eq(system("/usr/bin/python3 " TEST_SOURCE_DIR "/unit/weights/safetensors_numpy.py read x.safetensors > out.txt"),
                     0);
    ck_assert_int_eq(system("tail -c 34 x.safetensors | sha256sum | cut -c1-64 > sum.txt"),
                     0);
    size_t size;
    char *out = slurp("out.txt", &size), *sum = slurp("sum.txt", &size);
    sum[64] = 0;
    ck_assert_ptr_nonnull(strstr(out, "z.weight F32 (2,3) 3f800000 80000000 7fc01234 00000001 ff800000 7f7fffff\n"));
    ck_assert_ptr_nonnull(strstr(out, "b BF16 (3) 3f80 7fff 8001\n"));
    ck_assert_ptr_nonnull(strstr(out, "a/\"quoted\" caf\xc3\xa9 F32 () 3f800000\n"));
    ck_assert_ptr_nonnull(strstr(out, "none F32 (0,5)"));
    ck_assert_ptr_nonnull(strstr(out, "license=CC0-1.0\n"));
    ck_assert_ptr_nonnull(strstr(out, sum));
    free(out);
    free(sum);
    remove("out.txt");
    remove("sum.txt");
    remove("x.safetensors");
    leave("write-foreign");
}
END_TEST

START_TEST(the_umask_decides_who_reads_the_file)
{
    enter("write-umask");
    struct stat info;
    const mode_t before = umask(027);
    ck_avsound(write_samples("x.safetensors"));
    umask(before);
    ck_assert_int_eq(stat("x.safetensors", &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0640);
    remove("x.safetensors");
    leave("write-umask");
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file)
{
    enter("write-full");
    static float big[65536];
    const avsn_file_tensor tensor = {"big", AVSOUND_DTYPE_F32, {1, {65536}}, big, sizeof big};
    size_t before_size, after_size;
    ck_avsound(write_samples("x.safetensors"));
    char *before = slurp("x.safetensors", &before_size);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {100000, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &small);
    ck_refused(avsn_safetensors_write(context, "x.safetensors", &tensor, 1, NULL, NULL, 0), AVSOUND_E_IO,
               "x.safetensors: could not be written");
    ck_refused(avsn_safetensors_write(context, "y.safetensors", &tensor, 1, NULL, NULL, 0), AVSOUND_E_IO,
               "y.safetensors: could not be written");
    ck_assert_int_eq(files_here(), 1);
    char *after = slurp("x.safetensors", &after_size);
    ck_assert_uint_eq(before_size, after_size);
    ck_assert_mem_eq(before, after, before_size);
    free(before);
    free(after);
    remove("x.safetensors");
    leave("write-full");
}
END_TEST

START_TEST(places_that_cannot_be_written_are_refused)
{
    enter("write-places");
    mkdir("folder", 0700);
    ck_refused(write_samples("no-such-folder/x"), AVSOUND_E_IO, "no-such-folder/x: could not make a temporary file");
    ck_refused(write_samples("folder"), AVSOUND_E_IO, "folder: exists and is not a regular file");
    ck_refused(write_samples("folder/"), AVSOUND_E_IO, "want a file's name");
    ck_refused(write_samples(""), AVSOUND_E_IO, "want a file's name");
    ck_refused(write_samples("/dev/null"), AVSOUND_E_IO, "not a regular file");
    char name[400];
    memset(name, 'n', sizeof name);
    name[399] = 0;
    ck_refused(write_samples(name), AVSOUND_E_IO, "could not be put in place");
    ck_avsound(write_samples("folder/x.safetensors"));
    remove("folder/x.safetensors");
    ck_assert_int_eq(rmdir("folder"), 0);
    leave("write-places");
}
END_TEST

START_TEST(tensors_that_no_reader_would_take_are_refused)
{
    enter("write-bad");
    avsn_file_tensor t = samples[0];
    const char *key = "", *value = "x";
#define ck_tensor_refused(code, words) \
    ck_refused(avsn_safetensors_write(context, "x", &t, 1, &key, &value, 1), code, words)
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "no metadata key");
    key = "\xff";
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "\"?\" is no metadata key");
    key = "k";
    /* a byte that begins nothing, an overlong slash, a surrogate, beyond U+10FFFF, a cut sequence */
    static const char *const no_utf8[] = {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "x\xe2\x82"};
    for (size_t i = 0; i < sizeof no_utf8 / sizeof *no_utf8; i++) {
        value = no_utf8[i];
        ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "metadata k is not UTF-8");
    }
    value = "v \xf4\x8f\xbf\xbf \xed\x9f\xbf \xe0\xa0\x80";
    ck_avsound(avsn_safetensors_write(context, "x", &t, 1, &key, &value, 1));
    remove("x");
    t.bytes = 20;
    ck_tensor_refused(AVSOUND_E_SHAPE, "tensor z.weight: 20 bytes do not fit its shape");
    t = samples[0];
    t.dtype = AVSOUND_DTYPE_S32;
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "dtype is s32");
    t = samples[0];
    t.name = "__metadata__";
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "no name for a tensor");
    t.name = "a\nb";
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "no name for a tensor");
    t.name = "";
    ck_tensor_refused(AVSOUND_E_INVALID_ARGUMENT, "no name for a tensor");
    const avsn_file_tensor twice[2] = {samples[0], samples[0]};
    ck_refused(avsn_safetensors_write(context, "x", twice, 2, NULL, NULL, 0), AVSOUND_E_INVALID_ARGUMENT,
               "z.weight is there twice");
    leave("write-bad");
}
END_TEST

START_TEST(refused_allocations_leave_no_file)
{
    enter("write-refusals");
    avsound_context_free(context);
    failing f;
    context = failing_context(&f);
    ck_survives_refusals(&f, files_here() ? AVSOUND_E_INTERNAL : write_samples("x.safetensors"), remove("x.safetensors"));
    leave("write-refusals");
    ck_assert_int_eq(f.held, 0);
}
END_TEST

/* jansson allocates with malloc, out of the context's sight. */
static long json_requests, json_refused;

static void *json_alloc(size_t size)
{
    return ++json_requests == json_refused ? NULL : malloc(size);
}

START_TEST(memory_that_jansson_lacks_is_missed)
{
    enter("write-jansson");
    avsn_safetensors *file;
    json_set_alloc_funcs(json_alloc, free);
    avsound_status status = AVSOUND_E_NO_MEMORY;
    for (json_refused = 1; status; json_refused++) {
        json_requests = 0;
        status = write_samples("x.safetensors");
        ck_assert_msg(!status || status == AVSOUND_E_NO_MEMORY, "%ld: %s", json_refused, avsound_error_detail());
        ck_assert_int_eq(files_here(), status ? 0 : 1);
        ck_assert(status || json_requests < json_refused);
    }
    /* Its parser takes a string it could not store for a syntax error, and drops characters that its buffer has no room
     * for, so any status may come; nothing may crash or leak. */
    json_requests = json_refused = 0;
    do {
        json_refused++;
        json_requests = 0;
        status = avsn_safetensors_open(context, "x.safetensors", &file);
        ck_assert(!status == (file != NULL));
        avsn_safetensors_free(file);
    } while (json_requests >= json_refused);
    ck_assert_int_eq(status, AVSOUND_OK);
    remove("x.safetensors");
    leave("write-jansson");
}
END_TEST

SUITE("weights.write", tensors_come_back_bit_for_bit, the_same_tensors_make_the_same_file, damage_is_noticed,
      hashes_are_the_published_ones, another_program_reads_the_file, the_umask_decides_who_reads_the_file, a_full_disk_leaves_the_old_file,
      places_that_cannot_be_written_are_refused, tensors_that_no_reader_would_take_are_refused,
      refused_allocations_leave_no_file, memory_that_jansson_lacks_is_missed)
