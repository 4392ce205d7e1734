/* Media and models by path, descriptor, memory and callbacks: the same comes out, and what the callbacks do wrong is said. */
#include "contract/fixture.h"
#include "input.h"

#include <fcntl.h>
#include <sys/mman.h>

typedef struct scene {
    char folder[64], film[96], model[96];
    avsound_context *context;
} scene;

static void begin(scene *s)
{
    make_folder(s->folder);
    snprintf(s->film, sizeof s->film, "%s/film.mkv", s->folder);
    snprintf(s->model, sizeof s->model, "%s/model.safetensors", s->folder);
    s->context = plain_context();
    char wav[96];
    snprintf(wav, sizeof wav, "%s/sound.wav", s->folder);
    write_wav(wav, 0.4);
    write_clip(s->context, s->film, wav, 10);
    avsound_model *model = narrow_model(s->context, "ave-net");
    ck_avsound(avsound_model_save(model, s->model));
    avsound_model_free(model);
}

static void end(scene *s)
{
    avsound_context_free(s->context);
    remove_folder(s->folder);
}

static uint64_t digest(uint64_t hash, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return hash;
}

/* Everything, then from 200 ms on once more. */
static uint64_t digest_of(avsound_media *media)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int pass = 0; pass < 2; pass++) {
        avsound_frame frame = {.struct_size = sizeof frame};
        avsound_audio audio = {.struct_size = sizeof audio};
        avsound_status status;
        while (!(status = avsound_media_read_frame(media, &frame))) {
            hash = digest(hash, &frame.time_us, sizeof frame.time_us);
            for (int y = 0; y < frame.height; y++)
                hash = digest(hash, frame.data[0] + y * frame.stride[0], (size_t)frame.width);
        }
        ck_refused(status, AVSOUND_E_END, "no more video");
        while (!(status = avsound_media_read_audio(media, &audio)))
            hash = digest(hash, audio.data, (size_t)audio.frames * (size_t)audio.channels * sizeof(float));
        ck_refused(status, AVSOUND_E_END, "no more sound");
        ck_avsound(avsound_media_seek(media, 200000));
    }
    avsound_media_free(media);
    return hash;
}

START_TEST(media_are_the_same_from_everywhere)
{
    scene s;
    begin(&s);
    avsound_media *media = NULL;
    ck_avsound(avsound_media_open(s.context, s.film, NULL, &media));
    const uint64_t wanted = digest_of(media);

    input in = input_of_file(s.film);
    ck_avsound(avsound_media_open_memory(s.context, in.data, in.size, NULL, NULL, &media));
    ck_assert_uint_eq(digest_of(media), wanted);
    static const int64_t pieces[] = {INT64_MAX, 4096, 7, 1};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        in.piece = pieces[i];
        const avsound_io io = input_io(&in, "film.mkv");
        ck_avsound(avsound_media_open_io(s.context, &io, NULL, &media));
        ck_assert_uint_eq(digest_of(media), wanted);
    }
    ck_assert_int_gt(in.seeks, 0);
    input_drop(&in);

    const int fd = open(s.film, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(lseek(fd, 100, SEEK_SET), 100);
    ck_avsound(avsound_media_open_fd(s.context, fd, NULL, NULL, &media));
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100);
    ck_assert_int_eq(close(fd), 0); /* the media has its own */
    ck_assert_uint_eq(digest_of(media), wanted);
    end(&s);
}
END_TEST

/* Walks take paths; a file without a name has one as long as it is open. */
START_TEST(walks_read_what_has_no_name)
{
    scene s;
    begin(&s);
    input in = input_of_file(s.film);
    const int fd = memfd_create("film", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, in.data, in.size), (ssize_t)in.size);
    input_drop(&in);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    avsound_model *model = narrow_model(s.context, "ave-net");
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_SCORE;
    options.threads = 1;
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(model, path, &options, &scan));
    int results = 0;
    avsound_scan_result result = {.struct_size = sizeof result};
    avsound_status status;
    while (!(status = avsound_scan_next(scan, &result)))
        results++;
    ck_assert_int_eq(status, AVSOUND_E_END);
    ck_assert_int_eq(results, 10);
    avsound_scan_free(scan);
    avsound_model_free(model);
    close(fd);
    end(&s);
}
END_TEST

static void check_model(avsound_model *model, const avsound_model *wanted)
{
    ck_assert_str_eq(avsound_model_config(model), avsound_model_config(wanted));
    ck_assert_int_eq(avsound_model_parameter_count(model), avsound_model_parameter_count(wanted));
    for (int32_t i = 0; i < avsound_model_parameter_count(model); i++) {
        const char *name, *wanted_name;
        avsound_tensor a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        ck_avsound(avsound_model_get_parameter(model, i, &name, &a));
        ck_avsound(avsound_model_get_parameter(wanted, i, &wanted_name, &b));
        ck_assert_str_eq(name, wanted_name);
        ck_assert_mem_eq(a.data, b.data, output_count(&a) * sizeof(float));
    }
    avsound_model_free(model);
}

START_TEST(models_are_the_same_from_everywhere)
{
    scene s;
    begin(&s);
    avsound_model *wanted = NULL, *model = NULL;
    ck_avsound(avsound_model_load(s.context, s.model, &wanted));
    input in = input_of_file(s.model);
    static const int64_t pieces[] = {INT64_MAX, 1000, 1};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        in.piece = pieces[i];
        const avsound_io io = input_io(&in, NULL);
        ck_avsound(avsound_model_load_io(s.context, &io, &model));
        check_model(model, wanted);
        ck_assert_int_ge(in.reads, (long)((int64_t)in.size / in.piece));
    }
    input_drop(&in);
    const int fd = open(s.model, O_RDONLY | O_CLOEXEC);
    ck_avsound(avsound_model_load_fd(s.context, fd, NULL, &model));
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    ck_assert_int_eq(close(fd), 0);
    check_model(model, wanted);
    avsound_model_free(wanted);
    end(&s);
}
END_TEST

START_TEST(arguments_are_checked)
{
    scene s;
    begin(&s);
    input in = input_of_file(s.film);
    const avsound_io good = input_io(&in, NULL);
    avsound_io io = good;
    avsound_media *media = (avsound_media *)&s;
    avsound_model *model = (avsound_model *)&s;
    const avsound_media_options bad = {.struct_size = sizeof bad, .decode_threads = -1};
#define REFUSED(call, out, words)                            \
    do {                                                     \
        ck_refused(call, AVSOUND_E_INVALID_ARGUMENT, words); \
        ck_assert_ptr_null(out);                             \
    } while (0)
    REFUSED(avsound_media_open_io(NULL, &io, NULL, &media), media, "context is NULL");
    REFUSED(avsound_media_open_io(s.context, NULL, NULL, &media), media, "io is NULL");
    REFUSED(avsound_media_open_io(s.context, &io, &bad, &media), media, "decode_threads is -1");
    ck_refused(avsound_media_open_io(s.context, &io, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    REFUSED(avsound_media_open_memory(NULL, in.data, in.size, NULL, NULL, &media), media, "context is NULL");
    REFUSED(avsound_media_open_memory(s.context, NULL, in.size, NULL, NULL, &media), media, "data is NULL");
    REFUSED(avsound_media_open_memory(s.context, in.data, in.size, NULL, &bad, &media), media, "decode_threads is -1");
    ck_refused(avsound_media_open_memory(s.context, in.data, in.size, NULL, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT,
               "out is NULL");
    ck_refused(avsound_media_open_memory(s.context, in.data, 0, "none.mkv", NULL, &media), AVSOUND_E_FORMAT,
               "none.mkv: is empty");
    REFUSED(avsound_media_open_fd(NULL, 0, NULL, NULL, &media), media, "context is NULL");
    REFUSED(avsound_media_open_fd(s.context, 0, NULL, &bad, &media), media, "decode_threads is -1");
    ck_refused(avsound_media_open_fd(s.context, 0, NULL, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    REFUSED(avsound_model_load_io(NULL, &io, &model), model, "context is NULL");
    REFUSED(avsound_model_load_io(s.context, NULL, &model), model, "io is NULL");
    ck_refused(avsound_model_load_io(s.context, &io, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    REFUSED(avsound_model_load_fd(NULL, 0, NULL, &model), model, "context is NULL");
    ck_refused(avsound_model_load_fd(s.context, 0, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
#define REFUSES(change, words)                                                      \
    do {                                                                            \
        io = good;                                                                  \
        change;                                                                     \
        REFUSED(avsound_media_open_io(s.context, &io, NULL, &media), media, words); \
        REFUSED(avsound_model_load_io(s.context, &io, &model), model, words);       \
    } while (0)
    REFUSES(io.struct_size = 8, "io: struct_size is 8");
    REFUSES(io.read = NULL, "io: read is NULL");
    REFUSES(io.seek = NULL, "io: seek is NULL");
    REFUSES(io.size = 0, "io: size is 0");
    REFUSES(io.size = -1, "io: size is -1");
    ck_assert_int_eq(in.reads + in.seeks, 0);
    input_drop(&in);
    end(&s);
}
END_TEST

START_TEST(descriptors_must_be_of_files)
{
    scene s;
    begin(&s);
    avsound_media *media;
    avsound_model *model;
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    ck_refused(avsound_media_open_fd(s.context, pipes[0], "camera", NULL, &media), AVSOUND_E_IO,
               "camera: is a device, pipe or socket, want a regular file");
    ck_refused(avsound_model_load_fd(s.context, pipes[0], "camera", &model), AVSOUND_E_IO,
               "camera: not a regular file");
    close(pipes[0]);
    close(pipes[1]);
    ck_refused(avsound_media_open_fd(s.context, -1, NULL, NULL, &media), AVSOUND_E_IO, "descriptor -1: Bad file");
    ck_refused(avsound_model_load_fd(s.context, -1, NULL, &model), AVSOUND_E_IO, "descriptor -1: ");
    const int fd = open(s.film, O_WRONLY | O_CLOEXEC);
    ck_refused(avsound_media_open_fd(s.context, fd, "film", NULL, &media), AVSOUND_E_IO,
               "film: reading at byte 0: Bad file");
    close(fd);
    end(&s);
}
END_TEST

START_TEST(callbacks_are_held_to_their_word)
{
    scene s;
    begin(&s);
    input in = input_of_file(s.film);
    avsound_io io = input_io(&in, "tape");
    avsound_media *media;
    avsound_model *model;
    io.size++;
    in.piece = 4096;
    in.fails_at = (int64_t)in.size;
    in.answer = 0;
    ck_refused(avsound_model_load_io(s.context, &io, &model), AVSOUND_E_IO, "tape: ends at byte");
    in.fails_at = 0;
    in.answer = -7;
    ck_refused(avsound_model_load_io(s.context, &io, &model), AVSOUND_E_IO,
               "tape: reading at byte 0: the callback returned -7");
    ck_refused(avsound_media_open_io(s.context, &io, NULL, &media), AVSOUND_E_IO,
               "tape: reading at byte 0: the callback returned -7");
    in.answer = INT64_MAX;
    ck_refused(avsound_media_open_io(s.context, &io, NULL, &media), AVSOUND_E_IO, "want 1...");
    in.fails_at = -1;
    in.seek_answer = 3;
    ck_refused(avsound_media_open_io(s.context, &io, NULL, &media), AVSOUND_E_IO, "the callback returned 3");
    input_drop(&in);
    end(&s);
}
END_TEST

/* The size is the caller's word: it is held against the limit before anything is read or allocated. */
START_TEST(models_over_the_limit_are_not_read)
{
    budget b = {0};
    avsound_context *context;
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.alloc = budget_alloc;
    options.dealloc = budget_dealloc;
    options.user_data = &b;
    options.max_model_bytes = 1000;
    ck_avsound(avsound_context_create(&options, &context));
    const long calls = atomic_load(&b.calls);
    input in = {0};
    avsound_io io = input_io(&in, "vast");
    io.size = INT64_MAX;
    avsound_model *model;
    ck_refused(avsound_model_load_io(context, &io, &model), AVSOUND_E_LIMIT, "vast: 9223372036854775807 bytes");
    ck_assert_int_eq(in.reads, 0);
    ck_assert_int_le(atomic_load(&b.calls) - calls, 2);
    ck_assert_int_eq(atomic_load(&b.live), 1);
    avsound_context_free(context);
}
END_TEST

SUITE("contract.input", media_are_the_same_from_everywhere, walks_read_what_has_no_name,
      models_are_the_same_from_everywhere, arguments_are_checked, descriptors_must_be_of_files,
      callbacks_are_held_to_their_word, models_over_the_limit_are_not_read)
