#include "suite.h"

#include "failing.h"
#include "weights/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

static avsound_context *context_of_test(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

/* A file's bytes in a block of exactly their size, so that AddressSanitizer sees a read past the end. */
static uint8_t *file_bytes(const char *header, size_t header_length, const void *data, size_t data_bytes, size_t *size)
{
    *size = 8 + header_length + data_bytes;
    uint8_t *bytes = malloc(*size);
    const uint64_t length = header_length;
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, header_length);
    if (data_bytes)
        memcpy(bytes + 8 + header_length, data, data_bytes);
    return bytes;
}

static avsound_status open_text(const char *header, size_t data_bytes, avsn_safetensors **out)
{
    static const uint8_t zeros[64];
    size_t size;
    avsound_context *context = context_of_test();
    uint8_t *bytes = file_bytes(header, strlen(header), zeros, data_bytes, &size);
    const avsound_status status = avsn_safetensors_open_memory(context, bytes, size, false, out);
    avsound_context_free(context);
    free(bytes);
    return status;
}

#define ck_header_refused(header, data_bytes, code, words)               \
    do {                                                                 \
        avsn_safetensors *out_ = (avsn_safetensors *)&out_;              \
        ck_refused(open_text(header, data_bytes, &out_), code, words);   \
        ck_assert_ptr_null(out_);                                        \
    } while (0)

#define A(dtype, shape, offsets) "\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define B(dtype, shape, offsets) "\"b\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define F "\"F32\""

START_TEST(small_files_open)
{
    avsn_safetensors *file;
    ck_avsound(open_text("{}", 0, &file));
    ck_assert_uint_eq(avsn_safetensors_count(file), 0);
    ck_assert_ptr_null(avsn_safetensors_find(file, "a"));
    ck_assert_ptr_null(avsn_safetensors_metadata(file, "license"));
    avsn_safetensors_free(file);
    ck_avsound(open_text("{" A(F, "[2]", "[0,8]") "," B(F, "[]", "[8,12]") "}   ", 12, &file));
    ck_assert_uint_eq(avsn_safetensors_count(file), 2);
    ck_assert_str_eq(avsn_safetensors_at(file, 1)->name, "b");
    avsn_safetensors_free(file);
}
END_TEST

START_TEST(what_is_no_header_is_refused)
{
    ck_header_refused("", 0, AVSOUND_E_FORMAT, "does not begin with '{'");
    ck_header_refused("[]", 0, AVSOUND_E_FORMAT, "does not begin with '{'");
    ck_header_refused(" {}", 0, AVSOUND_E_FORMAT, "does not begin with '{'");
    ck_header_refused("{", 0, AVSOUND_E_FORMAT, "not the JSON wanted");
    ck_header_refused("{} {}", 0, AVSOUND_E_FORMAT, "not the JSON wanted");
    ck_header_refused("{\"a\":\"\xff\"}", 0, AVSOUND_E_FORMAT, "not the JSON wanted");
    ck_header_refused("{\"__metadata__\":{\"k\\u0000\":\"v\"}}", 0, AVSOUND_E_FORMAT, "not the JSON wanted");
    ck_header_refused("{\"a\":1}", 0, AVSOUND_E_FORMAT, "tensor a: want dtype, shape and data_offsets");
}
END_TEST

START_TEST(lengths_are_bounded_before_they_are_believed)
{
    avsound_context *context = context_of_test();
    avsn_safetensors *file;
    uint64_t bytes[2] = {(uint64_t)100 << 30, 0x7b7b7b7b7b7b7b7b};
    ck_refused(avsn_safetensors_open_memory(context, bytes, sizeof bytes, true, &file), AVSOUND_E_FORMAT,
               "header length is 107374182400, but 8 bytes follow it");
    bytes[0] = UINT64_MAX;
    ck_refused(avsn_safetensors_open_memory(context, bytes, sizeof bytes, true, &file), AVSOUND_E_FORMAT,
               "header length is 18446744073709551615");
    bytes[0] = 9;
    ck_refused(avsn_safetensors_open_memory(context, bytes, sizeof bytes, true, &file), AVSOUND_E_FORMAT, "truncated");
    ck_refused(avsn_safetensors_open_memory(context, bytes, 7, true, &file), AVSOUND_E_FORMAT, "7 bytes");
    ck_refused(avsn_safetensors_open_memory(context, NULL, 0, true, &file), AVSOUND_E_FORMAT, "0 bytes");
    avsound_context_free(context);
}
END_TEST

START_TEST(a_header_over_the_limit_is_refused)
{
    const size_t size = 8 + AVSN_SAFETENSORS_MAX_HEADER + 1;
    uint8_t *bytes = calloc(size, 1);
    const uint64_t length = size - 8;
    memcpy(bytes, &length, 8);
    avsound_context *context = context_of_test();
    avsn_safetensors *file;
    ck_refused(avsn_safetensors_open_memory(context, bytes, size, false, &file), AVSOUND_E_LIMIT, "want at most 67108864");
    avsound_context_free(context);
    free(bytes);
}
END_TEST

START_TEST(a_limit_of_the_context_holds)
{
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.max_model_bytes = 100;
    avsound_context *context;
    ck_avsound(avsound_context_create(&options, &context));
    uint8_t bytes[101] = {0};
    avsn_safetensors *file;
    ck_refused(avsn_safetensors_open_memory(context, bytes, sizeof bytes, true, &file), AVSOUND_E_LIMIT,
               "101 bytes, the context's limit is 100");
    FILE *out = fopen("limit.safetensors", "wb");
    fwrite(bytes, 1, sizeof bytes, out);
    fclose(out);
    ck_refused(avsn_safetensors_open(context, "limit.safetensors", &file), AVSOUND_E_LIMIT, "limit is 100");
    remove("limit.safetensors");
    avsound_context_free(context);
}
END_TEST

START_TEST(deep_json_is_refused)
{
    enum { LEVELS = 1000000 };
    char *header = malloc(LEVELS + 16);
    strcpy(header, "{\"a\":");
    memset(header + 5, '[', LEVELS);
    header[5 + LEVELS] = 0;
    ck_header_refused(header, 0, AVSOUND_E_FORMAT, "nests deeper than 8 levels");
    free(header);
    ck_header_refused("{\"a\":[[[[[[[[1]]]]]]]]}", 0, AVSOUND_E_FORMAT, "nests deeper than 8 levels");
    ck_header_refused("{\"[[[[[[[[[\\\"[[[[\":1}", 0, AVSOUND_E_FORMAT, "want dtype");
}
END_TEST

START_TEST(names_are_unique_short_and_printable)
{
    char header[2048];
    ck_header_refused("{" A(F, "[1]", "[0,4]") "," A(F, "[1]", "[4,8]") "}", 8, AVSOUND_E_FORMAT,
                      "duplicate object key near '\"a\"'");
    ck_header_refused("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, AVSOUND_E_FORMAT, "duplicate object key");
    ck_header_refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, AVSOUND_E_FORMAT, "duplicate object key");
    ck_header_refused("{\"\":{}}", 0, AVSOUND_E_FORMAT, "a tensor name is empty");
    ck_header_refused("{\"x\\u001b[2J\":{}}", 0, AVSOUND_E_FORMAT, "x?[2J has a control character");
    ck_header_refused("{\"x\\u009b\":{}}", 0, AVSOUND_E_FORMAT, "control character");
    ck_header_refused("{\"__metadata__\":{\"\\n\":\"1\"}}", 0, AVSOUND_E_FORMAT, "metadata key ? has a control");
    sprintf(header, "{\"%0513d\":{}}", 1);
    ck_header_refused(header, 0, AVSOUND_E_LIMIT, "513 bytes, want at most 512");
}
END_TEST

START_TEST(metadata_holds_strings)
{
    ck_header_refused("{\"__metadata__\":[]}", 0, AVSOUND_E_FORMAT, "__metadata__ is not a JSON object");
    ck_header_refused("{\"__metadata__\":{\"license\":1}}", 0, AVSOUND_E_FORMAT, "metadata license is not a string");
}
END_TEST

START_TEST(dtypes_are_known)
{
    ck_header_refused("{" A("\"F16\"", "[2]", "[0,4]") "}", 4, AVSOUND_E_UNSUPPORTED,
                      "tensor a: dtype is F16, want F32 or BF16");
    ck_header_refused("{" A("\"I64\"", "[2]", "[0,16]") "}", 16, AVSOUND_E_UNSUPPORTED, "I64");
    ck_header_refused("{" A("\"F33\"", "[1]", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "dtype is \"F33\"");
    ck_header_refused("{" A("32", "[1]", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "dtype is not a string");
}
END_TEST

START_TEST(shapes_are_possible)
{
    ck_header_refused("{" A(F, "[-1]", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "tensor a: dimension 0 is not a whole number");
    ck_header_refused("{" A(F, "[1,1.0]", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "dimension 1");
    ck_header_refused("{" A(F, "[99999999999999999999]", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "too big integer");
    ck_header_refused("{" A(F, "{}", "[0,4]") "}", 4, AVSOUND_E_FORMAT, "shape is not a list");
    ck_header_refused("{" A(F, "[1,1,1,1,1,1,1]", "[0,4]") "}", 4, AVSOUND_E_SHAPE, "rank is 7, want at most 6");
    ck_header_refused("{" A(F, "[4294967296,4294967296]", "[0,4]") "}", 4, AVSOUND_E_SHAPE, "too large");
    ck_header_refused("{" A(F, "[4611686018427387904]", "[0,0]") "}", 0, AVSOUND_E_SHAPE, "too large");
    ck_header_refused("{" A(F, "[3]", "[0,8]") "}", 8, AVSOUND_E_FORMAT,
                      "data_offsets span 8 bytes, (3) of f32 wants 12");
    ck_header_refused("{" A(F, "[3]", "[0,8]") ",\"x\":1}", 8, AVSOUND_E_FORMAT, "span 8 bytes");
}
END_TEST

START_TEST(offsets_stay_inside)
{
    ck_header_refused("{" A(F, "[1]", "[0,5000000000]") "}", 4, AVSOUND_E_FORMAT, "[0,5000000000], want them within 0...4");
    ck_header_refused("{" A(F, "[1]", "[-4,0]") "}", 4, AVSOUND_E_FORMAT, "[-4,0]");
    ck_header_refused("{" A(F, "[1]", "[4,0]") "}", 4, AVSOUND_E_FORMAT, "[4,0]");
    ck_header_refused("{" A(F, "[1]", "[0.0,4.0]") "}", 4, AVSOUND_E_FORMAT, "not two whole numbers");
    ck_header_refused("{" A(F, "[1]", "[0]") "}", 4, AVSOUND_E_FORMAT, "not two whole numbers");
    ck_header_refused("{" A(F, "[1]", "[0,4,8]") "}", 4, AVSOUND_E_FORMAT, "not two whole numbers");
    ck_header_refused("{" A(F, "[1]", "[9223372036854775807,9223372036854775807]") "}", 4, AVSOUND_E_FORMAT, "within");
}
END_TEST

START_TEST(tensors_cover_the_section_once)
{
    ck_header_refused("{" A(F, "[2]", "[0,8]") "," B(F, "[2]", "[4,12]") "}", 12, AVSOUND_E_FORMAT,
                      "tensor b overlaps tensor a");
    ck_header_refused("{" A(F, "[2]", "[0,8]") "," B(F, "[2]", "[0,8]") "}", 8, AVSOUND_E_FORMAT, "overlaps");
    ck_header_refused("{" A(F, "[1]", "[0,4]") "," B(F, "[1]", "[8,12]") "}", 12, AVSOUND_E_FORMAT,
                      "4 bytes before tensor b belong to no tensor");
    ck_header_refused("{" A(F, "[1]", "[0,4]") "}", 5, AVSOUND_E_FORMAT, "the last 1 bytes belong to no tensor");
    ck_header_refused("{}", 5, AVSOUND_E_FORMAT, "the last 5 bytes belong to no tensor");
}
END_TEST

START_TEST(too_many_tensors_are_refused)
{
    const size_t count = AVSN_SAFETENSORS_MAX_TENSORS + 1;
    char *header = malloc(count * 64 + 8), *p = header;
    for (size_t i = 0; i < count; i++)
        p += sprintf(p, "%c\"%zu\":0", i ? ',' : '{', i);
    strcpy(p, "}");
    ck_header_refused(header, 0, AVSOUND_E_LIMIT, "100001 tensors, want at most 100000");
    p = header;
    p += sprintf(p, "{\"a\":[1");
    for (size_t i = 0; i < 1000000; i++)
        p += sprintf(p, ",1");
    strcpy(p, "]}");
    ck_header_refused(header, 0, AVSOUND_E_LIMIT, "commas");
    free(header);
}
END_TEST

static const char whole_header[] =
    "{\"__metadata__\":{\"license\":\"CC0\"}," A(F, "[2,1]", "[0,8]") "," B("\"BF16\"", "[3]", "[8,14]") "}";

START_TEST(every_prefix_is_refused)
{
    const uint8_t data[14] = {1};
    size_t size;
    uint8_t *whole = file_bytes(whole_header, strlen(whole_header), data, sizeof data, &size);
    avsound_context *context = context_of_test();
    avsn_safetensors *file;
    for (size_t length = 0; length < size; length++) {
        uint8_t *prefix = malloc(length ? length : 1);
        memcpy(prefix, whole, length);
        ck_refused(avsn_safetensors_open_memory(context, prefix, length, false, &file), AVSOUND_E_FORMAT,
                   "model in memory: ");
        free(prefix);
    }
    ck_avsound(avsn_safetensors_open_memory(context, whole, size, false, &file));
    avsn_safetensors_free(file);
    avsound_context_free(context);
    free(whole);
}
END_TEST

START_TEST(flipped_bits_never_crash)
{
    const uint8_t data[14] = {1};
    size_t size;
    uint8_t *bytes = file_bytes(whole_header, strlen(whole_header), data, sizeof data, &size);
    avsound_context *context = context_of_test();
    int accepted = 0;
    for (size_t i = 0; i < 8 + strlen(whole_header); i++) {
        for (int bit = 0; bit < 8; bit++) {
            avsn_safetensors *file;
            bytes[i] ^= (uint8_t)(1 << bit);
            if (avsn_safetensors_open_memory(context, bytes, size, false, &file) == AVSOUND_OK)
                accepted++; /* a letter of a name or of the license became another letter */
            avsn_safetensors_free(file);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    ck_assert_int_lt(accepted, 150);
    avsound_context_free(context);
    free(bytes);
}
END_TEST

START_TEST(tensors_out_of_line_are_copied)
{
    const float values[2] = {1.5f, -3.0f};
    for (size_t pad = 0; pad < 4; pad++) {
        char header[160];
        sprintf(header, "{" A(F, "[2]", "[0,8]") "}%.*s", (int)pad, "   ");
        size_t size;
        uint8_t *bytes = file_bytes(header, strlen(header), values, sizeof values, &size);
        avsound_context *context = context_of_test();
        avsn_safetensors *file;
        ck_avsound(avsn_safetensors_open_memory(context, bytes, size, false, &file));
        const avsn_file_tensor *tensor = avsn_safetensors_find(file, "a");
        ck_assert_uint_eq((uintptr_t)tensor->data % 4, 0);
        ck_assert_mem_eq(tensor->data, values, sizeof values);
        avsn_safetensors_free(file);
        avsound_context_free(context);
        free(bytes);
    }
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    avsound_context *context = context_of_test();
    avsn_safetensors *file;
    ck_refused(avsn_safetensors_open(context, "no-such-folder/x", &file), AVSOUND_E_IO, "no-such-folder/x: could not be");
    ck_refused(avsn_safetensors_open(context, ".", &file), AVSOUND_E_IO, "not a regular file");
    ck_refused(avsn_safetensors_open(context, "/dev/zero", &file), AVSOUND_E_IO, "not a regular file");
    remove("pipe.safetensors");
    ck_assert_int_eq(mkfifo("pipe.safetensors", 0600), 0);
    ck_refused(avsn_safetensors_open(context, "pipe.safetensors", &file), AVSOUND_E_IO, "not a regular file");
    remove("pipe.safetensors");
    fclose(fopen("empty.safetensors", "wb"));
    ck_refused(avsn_safetensors_open(context, "empty.safetensors", &file), AVSOUND_E_FORMAT, "0 bytes");
    remove("empty.safetensors");
    ck_assert_ptr_null(file);
    avsound_context_free(context);
}
END_TEST

static bool has_numpy(void)
{
    if (system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") == 0)
        return true;
    puts("skipped: no /usr/bin/python3 with numpy");
    return false;
}

START_TEST(another_programs_file_is_read)
{
    if (!has_numpy())
        return;
    ck_assert_int_eq(system("/usr/bin/python3 " TEST_SOURCE_DIR "/unit/weights/safetensors_numpy.py write foreign.safetensors"),
                     0);
    avsound_context *context = context_of_test();
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open(context, "foreign.safetensors", &file));
    ck_assert_uint_eq(avsn_safetensors_count(file), 4);
    ck_assert_str_eq(avsn_safetensors_metadata(file, "note"), "caf\xc3\xa9");
    const avsn_file_tensor *a = avsn_safetensors_at(file, 0), *b = avsn_safetensors_at(file, 1);
    const avsn_file_tensor *empty = avsn_safetensors_at(file, 2), *scalar = avsn_safetensors_at(file, 3);
    ck_assert_int_eq(a->dtype, AVSOUND_DTYPE_BF16);
    ck_assert(avsn_shape_equal(&a->shape, &AVSN_SHAPE(3)));
    ck_assert_mem_eq(a->data, ((uint16_t[]){0x3f80, 0xc000, 0x0001}), 6);
    ck_assert(avsn_shape_equal(&b->shape, &AVSN_SHAPE(2, 3)));
    ck_assert_mem_eq(b->data, ((float[]){0, 0.125f, 0.25f, 0.375f, 0.5f, 0.625f}), 24);
    ck_assert(avsn_shape_equal(&empty->shape, &AVSN_SHAPE(0, 4)));
    ck_assert_uint_eq(empty->bytes, 0);
    ck_assert_int_eq(scalar->shape.rank, 0);
    ck_assert_uint_eq((uintptr_t)scalar->data % 4, 0);
    ck_assert_mem_eq(scalar->data, ((float[]){-2.5f}), 4);
    ck_refused(avsn_safetensors_verify(file), AVSOUND_E_UNSUPPORTED, "foreign.safetensors: no metadata key avsound.sha256");
    avsn_safetensors_free(file);
    avsound_context_free(context);
    remove("foreign.safetensors");
}
END_TEST

START_TEST(refused_allocations_leave_nothing)
{
    const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," A(F, "[2]", "[0,8]") "}";
    const float values[2] = {1, 2};
    size_t size;
    uint8_t *bytes = file_bytes(header, strlen(header), values, sizeof values, &size);
    uint8_t *shifted = malloc(size + 1); /* the tensor must be copied in one of the two places */
    memcpy(shifted + 1, bytes, size);
    failing f;
    avsound_context *context = failing_context(&f);
    avsn_safetensors *file;
    ck_survives_refusals(&f, avsn_safetensors_open_memory(context, bytes, size, true, &file), avsn_safetensors_free(file));
    ck_survives_refusals(&f, avsn_safetensors_open_memory(context, shifted + 1, size, false, &file),
                         avsn_safetensors_free(file));
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
    free(bytes);
    free(shifted);
}
END_TEST

SUITE("weights.safetensors", small_files_open, what_is_no_header_is_refused, lengths_are_bounded_before_they_are_believed,
      a_header_over_the_limit_is_refused, a_limit_of_the_context_holds, deep_json_is_refused,
      names_are_unique_short_and_printable, metadata_holds_strings, dtypes_are_known, shapes_are_possible,
      offsets_stay_inside, tensors_cover_the_section_once, too_many_tensors_are_refused, every_prefix_is_refused,
      flipped_bits_never_crash, tensors_out_of_line_are_copied, what_is_no_file_is_refused, another_programs_file_is_read,
      refused_allocations_leave_nothing)
