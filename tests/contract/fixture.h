/* What the contract tests share: small models, pictures, sounds, and an allocator that counts and refuses. */
#ifndef AVSN_TEST_CONTRACT_FIXTURE_H
#define AVSN_TEST_CONTRACT_FIXTURE_H

#include "suite.h"

#include <stdatomic.h>
#include <unistd.h>

static const char narrow[] = "{\"width\": 0.0625}"; /* the narrowest network: 4 channels to begin with */
static const char narrow_clip[] = "{\"width\": 0.0625, \"audio_width\": 0.0625, \"clip\": {\"frames\": 9},"
                                  " \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 32}}";

static const char narrow_separator[] =
    "{\"width\": 0.0625, \"audio_width\": 0.0625, \"unet_width\": 0.0625, \"clip\": {\"frames\": 37},"
    " \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 32}, \"separation\": {\"fft\": 1024, \"window\": 800,"
    " \"hop\": 197}}";
static const char narrow_blind_separator[] =
    "{\"unet_width\": 0.0625, \"clip\": {\"frames\": 37}, \"separation\": {\"fft\": 1024, \"window\": 800, \"hop\": 197}}";

static const char narrow_mask[] =
    "{\"width\": 0.0625, \"unet_width\": 0.0625, \"clip\": {\"frames\": 12}, \"image\": {\"width\": 32, \"height\": 32,"
    " \"short_side\": 32}, \"separation\": {\"fft\": 512, \"window\": 512, \"hop\": 256, \"columns\": 32}}";
static const char narrow_blind_mask[] =
    "{\"unet_width\": 0.0625, \"clip\": {\"frames\": 12}, \"separation\": {\"fft\": 512, \"window\": 512, \"hop\": 256,"
    " \"columns\": 32}}";

static const char narrow_picture[] =
    "{\"width\": 0.0625, \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 32}}";

/* Refuses call number `refuse_at` to its allocator (0: none), and with `for_good` every later one too. */
typedef struct budget {
    atomic_long calls, live, refused;
    long refuse_at;
    int for_good;
} budget;

__attribute__((unused)) static void *budget_alloc(size_t size, size_t align, void *user_data)
{
    budget *b = user_data;
    const long call = atomic_fetch_add(&b->calls, 1) + 1;
    if (b->refuse_at && (call == b->refuse_at || (b->for_good && call > b->refuse_at))) {
        atomic_fetch_add(&b->refused, 1);
        return NULL;
    }
    void *ptr = NULL;
    if (posix_memalign(&ptr, align < sizeof(void *) ? sizeof(void *) : align, size))
        return NULL;
    atomic_fetch_add(&b->live, 1);
    return ptr;
}

__attribute__((unused)) static void budget_dealloc(void *ptr, void *user_data)
{
    atomic_fetch_sub(&((budget *)user_data)->live, 1);
    free(ptr);
}

__attribute__((unused)) static avsound_context *counting_context(budget *b)
{
    avsound_context_options options;
    avsound_context_options_init(&options, sizeof options);
    options.alloc = budget_alloc;
    options.dealloc = budget_dealloc;
    options.user_data = b;
    avsound_context *context = NULL;
    ck_avsound(avsound_context_create(&options, &context));
    return context;
}

__attribute__((unused)) static avsound_context *plain_context(void)
{
    avsound_context *context = NULL;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

static const char *narrow_config(const char *arch)
{
    if (!strcmp(arch, "separator"))
        return narrow_separator;
    if (!strcmp(arch, "separator-pit"))
        return narrow_blind_separator;
    if (!strcmp(arch, "mask-net"))
        return narrow_mask;
    if (!strcmp(arch, "mask-net-pit"))
        return narrow_blind_mask;
    if (!strncmp(arch, "ave-net-", 8))
        return narrow_picture;
    return strcmp(arch, "multisensory") ? narrow : narrow_clip;
}

/* For what is made over and over again. */
__attribute__((unused)) static const char *smallest_config(const char *arch)
{
    const char *const pictured[] = {"avol-net", "ave-net", "openl3-image"};
    for (size_t i = 0; i < sizeof pictured / sizeof *pictured; i++)
        if (!strcmp(arch, pictured[i]))
            return narrow_picture;
    return narrow_config(arch);
}

__attribute__((unused)) static avsound_model *narrow_model(avsound_context *context, const char *arch)
{
    avsound_model *model = NULL;
    ck_avsound(avsound_model_create(context, arch, narrow_config(arch), 7, &model));
    return model;
}

__attribute__((unused)) static avsound_session *default_session(avsound_model *model)
{
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, NULL, &session));
    return session;
}

/* A picture of blocks whose colours depend on `seed`; free with drop_frame(). */
__attribute__((unused)) static avsound_frame make_frame(int32_t width, int32_t height, uint32_t seed)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
    ck_assert_ptr_nonnull(pixels);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < 3; c++) {
                const uint32_t block = (uint32_t)(x / 16 * 31 + y / 16 * 17 + c * 7) * 2654435761u + seed * 40503u;
                pixels[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c] = (uint8_t)(block >> 13);
            }
    return (avsound_frame){.struct_size = sizeof(avsound_frame),
                           .format = AVSOUND_PIXEL_RGB24,
                           .width = width,
                           .height = height,
                           .data = {pixels},
                           .stride = {width * 3}};
}

__attribute__((unused)) static void drop_frame(avsound_frame *frame)
{
    free((void *)(uintptr_t)frame->data[0]);
}

/* A mono sound of two sines whose pitch depends on `seed`; free with drop_audio(). */
__attribute__((unused)) static avsound_audio make_audio(int64_t frames, int32_t rate, uint32_t seed)
{
    float *samples = malloc((size_t)frames * sizeof *samples);
    ck_assert_ptr_nonnull(samples);
    const double low = 220.0 + 35.0 * seed, high = 1760.0 + 111.0 * seed;
    for (int64_t i = 0; i < frames; i++) {
        const double t = (double)i / rate;
        samples[i] = (float)(0.3 * sin(6.283185307179586 * low * t) + 0.2 * sin(6.283185307179586 * high * t));
    }
    return (avsound_audio){.struct_size = sizeof(avsound_audio),
                           .format = AVSOUND_SAMPLE_F32,
                           .sample_rate = rate,
                           .channels = 1,
                           .frames = frames,
                           .data = samples};
}

__attribute__((unused)) static void drop_audio(avsound_audio *audio)
{
    free((void *)(uintptr_t)audio->data);
}

/* Sets every input of a session to values in -1...1 that depend on `seed`. */
__attribute__((unused)) static void fill_inputs(avsound_session *session, uint32_t seed)
{
    for (int32_t i = 0; i < avsound_session_input_count(session); i++) {
        avsound_tensor view = {.struct_size = sizeof view};
        const char *name = NULL;
        ck_avsound(avsound_session_input(session, i, &name, &view));
        size_t count = 1;
        for (int32_t axis = 0; axis < view.rank; axis++)
            count *= (size_t)view.shape[axis];
        float *values = malloc(count * sizeof *values);
        ck_assert_ptr_nonnull(values);
        uint32_t state = seed * 2654435761u + (uint32_t)i + 1;
        for (size_t k = 0; k < count; k++) {
            state = state * 1664525u + 1013904223u;
            values[k] = (float)(state >> 8) * 0x1p-23f - 1.0f;
        }
        view.data = values;
        ck_avsound(avsound_session_set_input(session, name, &view));
        free(values);
    }
}

__attribute__((unused)) static size_t output_count(const avsound_tensor *view)
{
    size_t count = 1;
    for (int32_t axis = 0; axis < view->rank; axis++)
        count *= (size_t)view->shape[axis];
    return count;
}

/* Folds every bit of every output into one number. */
__attribute__((unused)) static uint64_t outputs_digest(const avsound_session *session)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int32_t i = 0; i < avsound_session_output_count(session); i++) {
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_session_get_output(session, avsound_session_output_name(session, i), &view));
        const unsigned char *bytes = view.data;
        for (size_t k = 0; k < output_count(&view) * sizeof(float); k++)
            hash = (hash ^ bytes[k]) * 0x100000001b3u;
    }
    return hash;
}

/* A folder of its own for each test; remove_folder() removes it with the files in it. */
__attribute__((unused)) static void make_folder(char path[64])
{
    strcpy(path, "/tmp/avsound-contract-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

__attribute__((unused)) static void remove_folder(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

/* A mono 16-bit WAV file of `seconds` at 48 kHz. */
__attribute__((unused)) static void write_wav(const char *path, double seconds)
{
    const uint32_t frames = (uint32_t)(seconds * 48000), bytes = frames * 2, rate = 48000;
    const uint32_t head[11] = {0x46464952u, 36 + bytes, 0x45564157u, 0x20746d66u, 16, 1u << 16 | 1u,
                               rate,        rate * 2,   16u << 16 | 2u, 0x61746164u, bytes};
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(head, 4, 11, file), 11);
    for (uint32_t i = 0; i < frames; i++) {
        const int16_t sample = (int16_t)(9000 * sin(i * 0.0576) * (i / 4800 % 2 ? 1 : 0.1));
        ck_assert_uint_eq(fwrite(&sample, 2, 1, file), 1);
    }
    ck_assert_int_eq(fclose(file), 0);
}

/* A clip of `frames` pictures at 25 a second, with the sound of `wav` unless NULL. */
__attribute__((unused)) static void write_clip(avsound_context *context, const char *path, const char *wav, int frames)
{
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = 64;
    options.height = 48;
    options.audio_path = wav;
    avsound_writer *writer = NULL;
    ck_avsound(avsound_writer_create(context, path, &options, &writer));
    for (int i = 0; i < frames; i++) {
        avsound_frame frame = make_frame(64, 48, (uint32_t)i);
        frame.time_us = i * 40000;
        ck_avsound(avsound_writer_write_frame(writer, &frame));
        drop_frame(&frame);
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
}

#endif
