/* Programs compiled against 0.1 keep working: each struct, at the size it had then, is accepted, and no byte beyond that
 * size is read or written. The sizes are numbers because sizeof will grow; they never change. */
#include "contract/fixture.h"

enum {
    CONTEXT_OPTIONS_0_1 = 72,
    FRAME_0_1 = 80,
    AUDIO_0_1 = 56,
    TENSOR_0_1 = 72,
    MEDIA_OPTIONS_0_1 = 24,
    MEDIA_INFO_0_1 = 272,
    WRITER_OPTIONS_0_1 = 56,
    SESSION_OPTIONS_0_1 = 32,
    SCORE_0_1 = 16,
    SCAN_OPTIONS_0_1 = 48,
    SCAN_RESULT_0_1 = 72,
    SCAN_TIMES_0_1 = 48,
};

/* A struct of the size it had in 0.1 at the end of a block of its own, so that a sanitizer sees a step beyond. The compiler
 * must not, as it takes the fields for those of today's. */
__attribute__((noinline)) static void *old_struct(const void *values, uint32_t size)
{
    unsigned char *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    if (values)
        memcpy(bytes, values, size);
    else
        memset(bytes, 0, size);
    memcpy(bytes, &size, sizeof size);
    return bytes;
}

/* The same with bytes after it that must stay as they are. */
static void *guarded_struct(uint32_t size)
{
    unsigned char *bytes = malloc(size + 64u);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 0xa5, size + 64u);
    memcpy(bytes, &size, sizeof size);
    return bytes;
}

static void free_guarded(void *ptr, uint32_t size)
{
    const unsigned char *bytes = ptr;
    uint32_t kept;
    memcpy(&kept, bytes, sizeof kept);
    ck_assert_uint_eq(kept, size);
    for (uint32_t i = 0; i < 64; i++)
        ck_assert_msg(bytes[size + i] == 0xa5, "byte %u after a struct of %u was written", i, size);
    free(ptr);
}

START_TEST(options_of_0_1_are_accepted)
{
    avsound_context_options *context_options = old_struct(NULL, CONTEXT_OPTIONS_0_1);
    avsound_context_options_init(context_options, CONTEXT_OPTIONS_0_1);
    avsound_context *context = NULL;
    ck_avsound(avsound_context_create(context_options, &context));
    free(context_options);

    avsound_model *model = narrow_model(context, "avol-net");
    avsound_session_options *session_options = old_struct(NULL, SESSION_OPTIONS_0_1);
    avsound_session_options_init(session_options, SESSION_OPTIONS_0_1);
    avsound_session *session = NULL;
    ck_avsound(avsound_session_create(model, session_options, &session));
    free(session_options);

    avsound_frame picture = make_frame(64, 64, 1);
    avsound_audio tone = make_audio(48000, 48000, 1);
    avsound_frame *frame = old_struct(&picture, FRAME_0_1);
    avsound_audio *audio = old_struct(&tone, AUDIO_0_1);
    avsound_score *score = guarded_struct(SCORE_0_1);
    ck_avsound(avsound_correspondence(session, frame, audio, score));
    free_guarded(score, SCORE_0_1);
    free(frame);
    free(audio);
    drop_frame(&picture);
    drop_audio(&tone);

    avsound_tensor *tensor = guarded_struct(TENSOR_0_1);
    const char *name = NULL;
    ck_avsound(avsound_session_input(session, 0, &name, tensor));
    float *values = calloc(output_count(tensor), sizeof *values);
    tensor->data = values;
    ck_avsound(avsound_session_set_input(session, name, tensor));
    ck_avsound(avsound_session_get_output(session, "score", tensor));
    ck_avsound(avsound_model_get_parameter(model, 0, NULL, tensor));
    free_guarded(tensor, TENSOR_0_1);
    free(values);

    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(media_structs_of_0_1_are_accepted)
{
    char folder[64], clip[96], wav[96];
    make_folder(folder);
    snprintf(clip, sizeof clip, "%s/clip.mkv", folder);
    snprintf(wav, sizeof wav, "%s/sound.wav", folder);
    write_wav(wav, 0.4);
    avsound_context *context = plain_context();

    avsound_writer_options *writer_options = old_struct(NULL, WRITER_OPTIONS_0_1);
    avsound_writer_options_init(writer_options, WRITER_OPTIONS_0_1);
    writer_options->width = 64;
    writer_options->height = 48;
    writer_options->audio_path = wav;
    avsound_writer *writer = NULL;
    ck_avsound(avsound_writer_create(context, clip, writer_options, &writer));
    free(writer_options);
    for (int i = 0; i < 10; i++) {
        avsound_frame picture = make_frame(64, 48, (uint32_t)i);
        picture.time_us = i * 40000;
        avsound_frame *frame = old_struct(&picture, FRAME_0_1);
        ck_avsound(avsound_writer_write_frame(writer, frame));
        free(frame);
        drop_frame(&picture);
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);

    avsound_media_options *media_options = old_struct(NULL, MEDIA_OPTIONS_0_1);
    avsound_media_options_init(media_options, MEDIA_OPTIONS_0_1);
    avsound_media *media = NULL;
    ck_avsound(avsound_media_open(context, clip, media_options, &media));
    free(media_options);
    avsound_media_info *info = guarded_struct(MEDIA_INFO_0_1);
    ck_avsound(avsound_media_get_info(media, info));
    free_guarded(info, MEDIA_INFO_0_1);
    avsound_frame *frame = guarded_struct(FRAME_0_1);
    ck_avsound(avsound_media_read_frame(media, frame));
    free_guarded(frame, FRAME_0_1);
    avsound_audio *audio = guarded_struct(AUDIO_0_1);
    ck_avsound(avsound_media_read_audio(media, audio));
    free_guarded(audio, AUDIO_0_1);
    avsound_media_free(media);

    avsound_model *model = narrow_model(context, "ave-net");
    avsound_scan_options *scan_options = old_struct(NULL, SCAN_OPTIONS_0_1);
    avsound_scan_options_init(scan_options, SCAN_OPTIONS_0_1);
    scan_options->what = AVSOUND_SCAN_SCORE;
    scan_options->threads = 1;
    avsound_scan *scan = NULL;
    ck_avsound(avsound_scan_create(model, clip, scan_options, &scan));
    free(scan_options);
    avsound_scan_result *result = guarded_struct(SCAN_RESULT_0_1);
    ck_avsound(avsound_scan_next(scan, result));
    free_guarded(result, SCAN_RESULT_0_1);
    avsound_scan_times *times = guarded_struct(SCAN_TIMES_0_1);
    ck_avsound(avsound_scan_get_times(scan, times));
    free_guarded(times, SCAN_TIMES_0_1);
    info = guarded_struct(MEDIA_INFO_0_1);
    ck_avsound(avsound_scan_get_info(scan, info));
    free_guarded(info, MEDIA_INFO_0_1);
    avsound_scan_free(scan);
    avsound_model_free(model);
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

SUITE("contract.compatibility", options_of_0_1_are_accepted, media_structs_of_0_1_are_accepted)
