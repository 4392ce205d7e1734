#include "contract/fixture.h"

typedef struct bench {
    avsound_context *context;
    avsound_model *model;
    avsound_session *session;
    avsound_frame frame;
    avsound_audio sound;
} bench;

static void setup(bench *b, const char *arch)
{
    b->context = plain_context();
    b->model = narrow_model(b->context, arch);
    b->session = default_session(b->model);
    b->frame = make_frame(160, 120, 1);
    b->sound = make_audio(48000, 48000, 1);
}

static void teardown(bench *b)
{
    drop_frame(&b->frame);
    drop_audio(&b->sound);
    avsound_session_free(b->session);
    avsound_model_free(b->model);
    avsound_context_free(b->context);
}

/* Every way in which a frame can be wrong, with the status it must get. */
static const struct bad_frame {
    const char *what;
    avsound_status status;
    uint32_t struct_size;
    int32_t format, width, height, stride, no_data, range, matrix;
} bad_frames[] = {
    {"struct_size 0", AVSOUND_E_INVALID_ARGUMENT, 0, AVSOUND_PIXEL_RGB24, 160, 120, 480, 0, 0, 0},
    {"struct_size 16", AVSOUND_E_INVALID_ARGUMENT, 16, AVSOUND_PIXEL_RGB24, 160, 120, 480, 0, 0, 0},
    {"struct_size never set", AVSOUND_E_INVALID_ARGUMENT, 0xa5a5a5a5, AVSOUND_PIXEL_RGB24, 160, 120, 480, 0, 0, 0},
    {"no format", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), 0, 160, 120, 480, 0, 0, 0},
    {"unknown format", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), 99, 160, 120, 480, 0, 0, 0},
    {"no width", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 0, 120, 480, 0, 0, 0},
    {"negative height", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 160, -1, 480, 0, 0, 0},
    {"no data", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 160, 120, 480, 1, 0, 0},
    {"short stride", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 160, 120, 479, 0, 0, 0},
    {"missing planes", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_YUV420P, 160, 120, 480, 0, 0, 0},
    {"unknown range", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 160, 120, 480, 0, 9, 0},
    {"unknown matrix", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 160, 120, 480, 0, 0, -2},
    {"20,000 x 20,000", AVSOUND_E_LIMIT, sizeof(avsound_frame), AVSOUND_PIXEL_RGB24, 20000, 20000, 60000, 0, 0, 0},
    {"sizes that overflow", AVSOUND_E_LIMIT, sizeof(avsound_frame), AVSOUND_PIXEL_GRAY8, INT32_MAX, INT32_MAX, INT32_MAX,
     0, 0, 0},
};
enum { BAD_FRAMES = sizeof bad_frames / sizeof bad_frames[0] };

static avsound_frame spoil_frame(const avsound_frame *good, const struct bad_frame *bad)
{
    avsound_frame frame = *good;
    frame.struct_size = bad->struct_size;
    frame.format = bad->format;
    frame.width = bad->width;
    frame.height = bad->height;
    frame.stride[0] = bad->stride;
    frame.range = bad->range;
    frame.matrix = bad->matrix;
    if (bad->no_data)
        frame.data[0] = NULL;
    return frame;
}

static const struct bad_audio {
    const char *what;
    avsound_status status;
    uint32_t struct_size;
    int32_t format, sample_rate, channels, planar;
    int64_t frames;
    int no_data;
} bad_sounds[] = {
    {"struct_size 0", AVSOUND_E_INVALID_ARGUMENT, 0, AVSOUND_SAMPLE_F32, 48000, 1, 0, 48000, 0},
    {"no format", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), 0, 48000, 1, 0, 48000, 0},
    {"unknown format", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), 17, 48000, 1, 0, 48000, 0},
    {"0 Hz", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 0, 1, 0, 48000, 0},
    {"no channels", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 48000, 0, 0, 48000, 0},
    {"planar without planes", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 48000, 1, 1, 48000, 0},
    {"negative length", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 48000, 1, 0, -1, 0},
    {"no data", AVSOUND_E_INVALID_ARGUMENT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 48000, 1, 0, 48000, 1},
    {"10 MHz", AVSOUND_E_LIMIT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 10000000, 1, 0, 48000, 0},
    {"1000 channels", AVSOUND_E_LIMIT, sizeof(avsound_audio), AVSOUND_SAMPLE_F32, 48000, 1000, 0, 48, 0},
};
enum { BAD_SOUNDS = sizeof bad_sounds / sizeof bad_sounds[0] };

static avsound_audio spoil_audio(const avsound_audio *good, const struct bad_audio *bad)
{
    avsound_audio audio = *good;
    audio.struct_size = bad->struct_size;
    audio.format = bad->format;
    audio.sample_rate = bad->sample_rate;
    audio.channels = bad->channels;
    audio.planar = bad->planar;
    audio.frames = bad->frames;
    if (bad->no_data)
        audio.data = NULL;
    return audio;
}

static void assert_status(avsound_status got, avsound_status want, const char *call, const char *what)
{
    ck_assert_msg(got == want, "%s, %s: got %s (%s), want %s", call, what, avsound_status_name(got), avsound_error_detail(),
                  avsound_status_name(want));
}

START_TEST(bad_frames_are_refused_everywhere)
{
    bench b;
    setup(&b, "avol-net");
    float values[1024];
    size_t size;
    int32_t rows, cols;
    uint8_t *rgb = malloc(160 * 120 * 3);
    for (size_t i = 0; i < BAD_FRAMES; i++) {
        const avsound_frame bad = spoil_frame(&b.frame, &bad_frames[i]);
        avsound_score score = {.struct_size = sizeof score};
        size = 1024;
        assert_status(avsound_embed_image(b.session, &bad, 1, values, &size), bad_frames[i].status, "embed_image",
                      bad_frames[i].what);
        assert_status(avsound_correspondence(b.session, &bad, &b.sound, &score), bad_frames[i].status, "correspondence",
                      bad_frames[i].what);
        size = 1024;
        assert_status(avsound_localize(b.session, &bad, &b.sound, values, &size, &rows, &cols, NULL),
                      bad_frames[i].status, "localize", bad_frames[i].what);
        const float map[4] = {0};
        assert_status(avsound_draw_map(b.context, &bad, map, 2, 2, "jet", 1, rgb, 480), bad_frames[i].status, "draw_map",
                      bad_frames[i].what);
    }
    free(rgb);
    teardown(&b);
}
END_TEST

START_TEST(bad_sounds_are_refused_everywhere)
{
    bench b;
    setup(&b, "avol-net");
    float values[1024];
    for (size_t i = 0; i < BAD_SOUNDS; i++) {
        const avsound_audio bad = spoil_audio(&b.sound, &bad_sounds[i]);
        avsound_score score = {.struct_size = sizeof score};
        size_t size = 1024;
        int32_t rows, cols;
        int64_t columns;
        assert_status(avsound_embed_audio(b.session, &bad, 1, values, &size), bad_sounds[i].status, "embed_audio",
                      bad_sounds[i].what);
        assert_status(avsound_correspondence(b.session, &b.frame, &bad, &score), bad_sounds[i].status, "correspondence",
                      bad_sounds[i].what);
        size = 1024;
        assert_status(avsound_localize(b.session, &b.frame, &bad, values, &size, &rows, &cols, NULL),
                      bad_sounds[i].status, "localize", bad_sounds[i].what);
        size = 0;
        assert_status(avsound_spectrogram(b.model, &bad, NULL, &size, &rows, &columns), bad_sounds[i].status,
                      "spectrogram", bad_sounds[i].what);
    }
    teardown(&b);
}
END_TEST

START_TEST(samples_that_are_not_finite_are_refused)
{
    bench b;
    setup(&b, "avol-net");
    float values[1024];
    float *samples = (float *)(uintptr_t)b.sound.data;
    const float not_finite[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        samples[30000] = not_finite[i];
        size_t size = 1024;
        avsound_score score = {.struct_size = sizeof score};
        ck_refused(avsound_embed_audio(b.session, &b.sound, 1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "30000");
        ck_refused(avsound_correspondence(b.session, &b.frame, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "30000");
    }
    samples[30000] = 0;
    size_t size = 1024;
    ck_avsound(avsound_embed_audio(b.session, &b.sound, 1, values, &size)); /* as usable as before */
    teardown(&b);
}
END_TEST

START_TEST(embed_checks_arguments_and_sizes)
{
    bench b;
    setup(&b, "ave-net");
    float values[300];
    size_t size = 300;
    ck_refused(avsound_embed_image(NULL, &b.frame, 1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_embed_image(b.session, NULL, 1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_embed_image(b.session, &b.frame, -1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_embed_image(b.session, &b.frame, 1, values, NULL), AVSOUND_E_INVALID_ARGUMENT, "size");
    ck_assert_int_ne(avsound_embed_image(b.session, &b.frame, INT64_MAX, values, &size), AVSOUND_OK);
    ck_refused(avsound_embed_audio(NULL, &b.sound, 1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_embed_audio(b.session, NULL, 1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_embed_audio(b.session, &b.sound, -1, values, &size), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_embed_audio(b.session, &b.sound, 1, values, NULL), AVSOUND_E_INVALID_ARGUMENT, "size");

    size = 0;
    ck_avsound(avsound_embed_image(b.session, &b.frame, 1, NULL, &size));
    ck_assert_uint_eq(size, 128);
    size = 127;
    values[0] = 42;
    ck_refused(avsound_embed_image(b.session, &b.frame, 1, values, &size), AVSOUND_E_BUFFER_SIZE, "128");
    ck_assert_uint_eq(size, 128);
    ck_assert(values[0] == 42);
    ck_avsound(avsound_embed_image(b.session, &b.frame, 1, values, &size));
    size = 0;
    ck_avsound(avsound_embed_audio(b.session, &b.sound, 1, NULL, &size));
    ck_assert_uint_eq(size, 128);
    size = 1;
    ck_refused(avsound_embed_audio(b.session, &b.sound, 1, values, &size), AVSOUND_E_BUFFER_SIZE, "128");
    ck_assert_uint_eq(size, 128);
    size = 300;
    ck_avsound(avsound_embed_audio(b.session, &b.sound, 1, values, &size));
    ck_assert_uint_eq(size, 128);
    teardown(&b);
}
END_TEST

/* A caller whose header is newer has larger structs: the items of an array lie struct_size apart. */
START_TEST(arrays_of_larger_structs)
{
    bench b;
    setup(&b, "ave-net");
    struct {
        avsound_frame frame;
        uint64_t future;
    } frames[2];
    struct {
        avsound_audio audio;
        uint64_t future;
    } sounds[2];
    memset(frames, 0, sizeof frames);
    memset(sounds, 0, sizeof sounds);
    frames[0].frame = b.frame;
    frames[1].frame = make_frame(120, 160, 5);
    sounds[0].audio = b.sound;
    sounds[1].audio = make_audio(44100, 44100, 5);
    for (int i = 0; i < 2; i++) {
        frames[i].frame.struct_size = sizeof frames[0];
        sounds[i].audio.struct_size = sizeof sounds[0];
    }
    float together[256], alone[128];
    size_t size = 256, single = 128;
    ck_avsound(avsound_embed_image(b.session, &frames[0].frame, 2, together, &size));
    ck_avsound(avsound_embed_image(b.session, &frames[1].frame, 1, alone, &single));
    ck_assert_mem_eq(together + 128, alone, sizeof alone);
    ck_avsound(avsound_embed_audio(b.session, &sounds[0].audio, 2, together, &size));
    ck_avsound(avsound_embed_audio(b.session, &sounds[1].audio, 1, alone, &single));
    ck_assert_mem_eq(together + 128, alone, sizeof alone);
    frames[1].future = 1;
    ck_refused(avsound_embed_image(b.session, &frames[0].frame, 2, together, &size), AVSOUND_E_UNSUPPORTED, "");
    drop_frame(&frames[1].frame);
    drop_audio(&sounds[1].audio);
    teardown(&b);
}
END_TEST

START_TEST(embed_wants_its_output)
{
    bench b;
    setup(&b, "ave-net");
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.outputs = "score";
    avsound_session *only_score = NULL;
    ck_avsound(avsound_session_create(b.model, &options, &only_score));
    float values[128];
    size_t size = 128;
    ck_refused(avsound_embed_image(only_score, &b.frame, 1, values, &size), AVSOUND_E_STATE, "embedding.image");
    ck_refused(avsound_embed_audio(only_score, &b.sound, 1, values, &size), AVSOUND_E_STATE, "embedding.audio");
    avsound_score score = {.struct_size = sizeof score};
    ck_avsound(avsound_correspondence(only_score, &b.frame, &b.sound, &score));
    avsound_session_free(only_score);
    options.outputs = "embedding.image";
    ck_avsound(avsound_session_create(b.model, &options, &only_score));
    ck_refused(avsound_correspondence(only_score, &b.frame, &b.sound, &score), AVSOUND_E_STATE, "score");
    avsound_session_free(only_score);
    teardown(&b);
}
END_TEST

START_TEST(correspondence_checks_arguments)
{
    bench b;
    setup(&b, "ave-net");
    avsound_score score = {.struct_size = sizeof score};
    ck_refused(avsound_correspondence(NULL, &b.frame, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_correspondence(b.session, NULL, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "frame");
    ck_refused(avsound_correspondence(b.session, &b.frame, NULL, &score), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_correspondence(b.session, &b.frame, &b.sound, NULL), AVSOUND_E_INVALID_ARGUMENT, "score");
    score.struct_size = 0;
    ck_refused(avsound_correspondence(b.session, &b.frame, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "struct_size");
    score.struct_size = 8; /* a header that knew nothing of confidence */
    score.confidence = 42;
    ck_avsound(avsound_correspondence(b.session, &b.frame, &b.sound, &score));
    ck_assert(score.probability >= 0 && score.probability <= 1);
    ck_assert(score.confidence == 42);
    teardown(&b);
}
END_TEST

START_TEST(localize_checks_arguments_and_sizes)
{
    bench b;
    setup(&b, "avol-net");
    float map[1024];
    size_t size = 1024;
    int32_t rows = 0, cols = 0;
    ck_refused(avsound_localize(NULL, &b.frame, &b.sound, map, &size, &rows, &cols, NULL), AVSOUND_E_INVALID_ARGUMENT,
               "session");
    ck_refused(avsound_localize(b.session, NULL, &b.sound, map, &size, &rows, &cols, NULL), AVSOUND_E_INVALID_ARGUMENT,
               "frame");
    ck_refused(avsound_localize(b.session, &b.frame, NULL, map, &size, &rows, &cols, NULL), AVSOUND_E_INVALID_ARGUMENT,
               "NULL");
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, NULL, &rows, &cols, NULL),
               AVSOUND_E_INVALID_ARGUMENT, "size");
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, &size, NULL, &cols, NULL),
               AVSOUND_E_INVALID_ARGUMENT, "rows");
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, &size, &rows, NULL, NULL),
               AVSOUND_E_INVALID_ARGUMENT, "cols");
    avsound_score score = {0};
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, &size, &rows, &cols, &score),
               AVSOUND_E_INVALID_ARGUMENT, "struct_size");

    size = 0;
    ck_avsound(avsound_localize(b.session, &b.frame, &b.sound, NULL, &size, &rows, &cols, NULL));
    ck_assert_int_eq(rows, 14); /* 160 x 120 with its short side at 224, rounded to cells of 16: 304 x 224 */
    ck_assert_int_eq(cols, 19);
    ck_assert_uint_eq(size, 14 * 19);
    size--;
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, &size, &rows, &cols, NULL), AVSOUND_E_BUFFER_SIZE,
               "266");
    ck_assert_uint_eq(size, 14 * 19);
    score.struct_size = sizeof score;
    ck_avsound(avsound_localize(b.session, &b.frame, &b.sound, map, &size, &rows, &cols, &score));
    float greatest = 0;
    for (size_t i = 0; i < size; i++) {
        ck_assert(map[i] >= 0 && map[i] <= 1);
        greatest = fmaxf(greatest, map[i]);
    }
    ck_assert(score.probability == greatest);
    teardown(&b);
}
END_TEST

START_TEST(localize_needs_a_map)
{
    bench b;
    setup(&b, "ave-net");
    float map[1024];
    size_t size = 1024;
    int32_t rows, cols;
    ck_refused(avsound_localize(b.session, &b.frame, &b.sound, map, &size, &rows, &cols, NULL), AVSOUND_E_UNSUPPORTED,
               "ave-net");
    teardown(&b);
}
END_TEST

START_TEST(cancel_stops_one_task)
{
    bench b;
    setup(&b, "avol-net");
    avsound_score score = {.struct_size = sizeof score};
    avsound_session_cancel(b.session);
    ck_refused(avsound_correspondence(b.session, &b.frame, &b.sound, &score), AVSOUND_E_CANCELLED, "");
    ck_avsound(avsound_correspondence(b.session, &b.frame, &b.sound, &score));
    teardown(&b);
}
END_TEST

START_TEST(draw_map_checks_arguments)
{
    bench b;
    setup(&b, "avol-net");
    uint8_t *rgb = malloc(160 * 120 * 3);
    const float map[6] = {0, 0.2f, 0.4f, 0.6f, 0.8f, 1};
    const struct {
        const char *what;
        avsound_status status;
    } results[] = {
        {"context", avsound_draw_map(NULL, &b.frame, map, 2, 3, "jet", 0.5f, rgb, 480)},
        {"frame", avsound_draw_map(b.context, NULL, map, 2, 3, "jet", 0.5f, rgb, 480)},
        {"map", avsound_draw_map(b.context, &b.frame, NULL, 2, 3, "jet", 0.5f, rgb, 480)},
        {"rows", avsound_draw_map(b.context, &b.frame, map, 0, 3, "jet", 0.5f, rgb, 480)},
        {"cols", avsound_draw_map(b.context, &b.frame, map, 2, -3, "jet", 0.5f, rgb, 480)},
        {"colour", avsound_draw_map(b.context, &b.frame, map, 2, 3, NULL, 0.5f, rgb, 480)},
        {"unknown colour", avsound_draw_map(b.context, &b.frame, map, 2, 3, "plaid", 0.5f, rgb, 480)},
        {"alpha", avsound_draw_map(b.context, &b.frame, map, 2, 3, "jet", 1.5f, rgb, 480)},
        {"alpha nan", avsound_draw_map(b.context, &b.frame, map, 2, 3, "jet", NAN, rgb, 480)},
        {"rgb", avsound_draw_map(b.context, &b.frame, map, 2, 3, "jet", 0.5f, NULL, 480)},
        {"stride", avsound_draw_map(b.context, &b.frame, map, 2, 3, "jet", 0.5f, rgb, 479)},
    };
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        assert_status(results[i].status, AVSOUND_E_INVALID_ARGUMENT, "draw_map", results[i].what);
    ck_avsound(avsound_draw_map(b.context, &b.frame, map, 2, 3, "grey", 0, rgb, 480));
    ck_assert_mem_eq(rgb, b.frame.data[0], 160 * 120 * 3); /* alpha 0 leaves the picture as it is */
    free(rgb);
    teardown(&b);
}
END_TEST

START_TEST(draw_cam_checks_arguments)
{
    bench b;
    setup(&b, "avol-net");
    uint8_t *rgb = malloc(160 * 120 * 3);
    const float map[6] = {0, -1, -INFINITY, NAN, -0.5f, 0}, high[1] = {4};
    const struct {
        const char *what;
        avsound_status status;
    } results[] = {
        {"context", avsound_draw_cam(NULL, &b.frame, map, 2, 3, rgb, 480)},
        {"frame", avsound_draw_cam(b.context, NULL, map, 2, 3, rgb, 480)},
        {"map", avsound_draw_cam(b.context, &b.frame, NULL, 2, 3, rgb, 480)},
        {"rows", avsound_draw_cam(b.context, &b.frame, map, 0, 3, rgb, 480)},
        {"cols", avsound_draw_cam(b.context, &b.frame, map, 2, -3, rgb, 480)},
        {"rgb", avsound_draw_cam(b.context, &b.frame, map, 2, 3, NULL, 480)},
        {"stride", avsound_draw_cam(b.context, &b.frame, map, 2, 3, rgb, 479)},
    };
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        assert_status(results[i].status, AVSOUND_E_INVALID_ARGUMENT, "draw_cam", results[i].what);
    ck_avsound(avsound_draw_cam(b.context, &b.frame, map, 2, 3, rgb, 480));
    ck_assert_mem_eq(rgb, b.frame.data[0], 160 * 120 * 3); /* nothing above 0 */
    ck_avsound(avsound_draw_cam(b.context, &b.frame, high, 1, 1, rgb, 480));
    for (int p = 0; p < 160 * 120; p++) { /* 0.35 of jet(1), which is (0.5, 0, 0) */
        ck_assert_int_eq(rgb[3 * p], (int)(b.frame.data[0][3 * p] * 0.65f + 127 * 0.35f));
        ck_assert_int_eq(rgb[3 * p + 1], (int)(b.frame.data[0][3 * p + 1] * 0.65f));
    }
    free(rgb);
    teardown(&b);
}
END_TEST

START_TEST(spectrogram_checks_arguments_and_sizes)
{
    bench b;
    setup(&b, "ave-net");
    size_t size = 0;
    int32_t bins = 0;
    int64_t columns = 0;
    ck_refused(avsound_spectrogram(NULL, &b.sound, NULL, &size, &bins, &columns), AVSOUND_E_INVALID_ARGUMENT, "model");
    ck_refused(avsound_spectrogram(b.model, NULL, NULL, &size, &bins, &columns), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_spectrogram(b.model, &b.sound, NULL, NULL, &bins, &columns), AVSOUND_E_INVALID_ARGUMENT, "size");
    ck_refused(avsound_spectrogram(b.model, &b.sound, NULL, &size, NULL, &columns), AVSOUND_E_INVALID_ARGUMENT, "bins");
    ck_refused(avsound_spectrogram(b.model, &b.sound, NULL, &size, &bins, NULL), AVSOUND_E_INVALID_ARGUMENT, "columns");
    ck_avsound(avsound_spectrogram(b.model, &b.sound, NULL, &size, &bins, &columns));
    ck_assert_int_eq(bins, 257);
    ck_assert_int_eq(columns, 200);
    ck_assert_uint_eq(size, 257 * 200);
    float *values = malloc(size * sizeof *values);
    size--;
    ck_refused(avsound_spectrogram(b.model, &b.sound, values, &size, &bins, &columns), AVSOUND_E_BUFFER_SIZE, "51400");
    ck_assert_uint_eq(size, 257 * 200);
    ck_avsound(avsound_spectrogram(b.model, &b.sound, values, &size, &bins, &columns));
    free(values);
    teardown(&b);
}
END_TEST

/* Pictures that another program's larger struct holds, and one that is wrong among them. */
START_TEST(a_network_of_motion_wants_runs_of_pictures)
{
    static const struct {
        const char *arch;
        int32_t frames;
    } networks[] = {{"ave-net", 1}, {"ave-net-mf", 25}, {"ave-net-of", 11}, {"multisensory", 0}};
    for (size_t n = 0; n < sizeof networks / sizeof networks[0]; n++) {
        avsound_context *context = plain_context();
        avsound_model *model = narrow_model(context, networks[n].arch);
        ck_assert_int_eq(avsound_model_frames(model), networks[n].frames);
        avsound_model_free(model);
        avsound_context_free(context);
    }
    bench b;
    setup(&b, "ave-net-of");
    struct larger {
        avsound_frame frame;
        int64_t more;
    } frames[22] = {0};
    avsound_frame plain[22], moved = make_frame(160, 120, 5);
    for (int i = 0; i < 22; i++) {
        plain[i] = i % 3 ? b.frame : moved;
        frames[i].frame = plain[i];
        frames[i].frame.struct_size = sizeof frames[0];
    }
    float one[256], other[256];
    size_t size = 256;
    ck_avsound(avsound_embed_image(b.session, plain, 22, one, &size));
    ck_assert_uint_eq(size, 256);
    ck_avsound(avsound_embed_image(b.session, &frames[0].frame, 22, other, &size));
    ck_assert_mem_eq(one, other, sizeof one);
    size = 128;
    ck_refused(avsound_embed_image(b.session, plain, 1, other, &size), AVSOUND_E_INVALID_ARGUMENT, "runs of 11");
    ck_avsound(avsound_embed_image(b.session, plain + 11, 11, other, &size));
    ck_assert_mem_eq(one + 128, other, 128 * sizeof *one);
    ck_assert_mem_ne(one, other, 128 * sizeof *one);
    avsound_score score = {.struct_size = sizeof score};
    ck_avsound(avsound_correspondence_frames(b.session, plain, 11, &b.sound, &score));
    ck_assert(score.probability > 0 && score.probability < 1 && score.confidence == 1);
    const float moving = score.probability;
    for (int i = 0; i < 11; i++)
        frames[i].frame = plain[5];
    ck_avsound(avsound_correspondence(b.session, &plain[5], &b.sound, &score)); /* which stands still */
    const float still = score.probability;
    ck_assert(still != moving);
    for (int i = 0; i < 11; i++)
        frames[i].frame.struct_size = sizeof frames[0];
    ck_avsound(avsound_correspondence_frames(b.session, &frames[0].frame, 11, &b.sound, &score));
    ck_assert(still == score.probability);
    ck_refused(avsound_correspondence_frames(b.session, plain, 1, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "11 frames");
    ck_refused(avsound_correspondence_frames(NULL, plain, 11, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "session");
    ck_refused(avsound_correspondence_frames(b.session, NULL, 11, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "frames");
    plain[7].width = 0;
    ck_refused(avsound_correspondence_frames(b.session, plain, 11, &b.sound, &score), AVSOUND_E_INVALID_ARGUMENT, "0 x 120");
    drop_frame(&moved);
    teardown(&b);
}
END_TEST

START_TEST(optical_flow_checks_arguments_and_sizes)
{
    bench b;
    setup(&b, "ave-net");
    avsound_frame other = make_frame(161, 120, 1);
    size_t size = 0;
    avsound_flow_options o;
    avsound_flow_options_init(NULL, sizeof o);
    avsound_flow_options_init(&o, sizeof o);
    ck_refused(avsound_optical_flow(NULL, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_refused(avsound_optical_flow(b.context, NULL, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "from");
    ck_refused(avsound_optical_flow(b.context, &b.frame, NULL, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "to");
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "size");
    ck_refused(avsound_optical_flow(b.context, &b.frame, &other, &o, NULL, &size), AVSOUND_E_SHAPE, "160x120 and 161x120");
    for (size_t i = 0; i < BAD_FRAMES; i++) {
        const avsound_frame bad = spoil_frame(&b.frame, &bad_frames[i]);
        assert_status(avsound_optical_flow(b.context, &bad, &b.frame, &o, NULL, &size), bad_frames[i].status, "from",
                      bad_frames[i].what);
        assert_status(avsound_optical_flow(b.context, &b.frame, &bad, &o, NULL, &size), bad_frames[i].status, "to",
                      bad_frames[i].what);
    }
    o.levels = -1;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "levels");
    o.levels = 17;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "levels");
    o.levels = 1;
    o.warps = -1;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "warps");
    o.warps = 1;
    o.iterations = 10001;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "iterations");
    o.iterations = 1;
    o.attachment = NAN;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "attachment");
    o.attachment = 0;
    o.tightness = -1;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size), AVSOUND_E_INVALID_ARGUMENT, "tightness");
    o.tightness = 0;
    ck_avsound(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, NULL, &size));
    ck_assert_uint_eq(size, 2 * 160 * 120);
    float *flow = malloc(size * sizeof *flow);
    size--;
    ck_refused(avsound_optical_flow(b.context, &b.frame, &b.frame, &o, flow, &size), AVSOUND_E_BUFFER_SIZE, "38400");
    ck_avsound(avsound_optical_flow(b.context, &b.frame, &b.frame, NULL, flow, &size));
    for (size_t i = 0; i < size; i++)
        ck_assert(flow[i] == 0);
    free(flow);
    drop_frame(&other);
    teardown(&b);
}
END_TEST

SUITE("contract.tasks", bad_frames_are_refused_everywhere, bad_sounds_are_refused_everywhere,
      samples_that_are_not_finite_are_refused, embed_checks_arguments_and_sizes, arrays_of_larger_structs,
      embed_wants_its_output, correspondence_checks_arguments, localize_checks_arguments_and_sizes, localize_needs_a_map,
      cancel_stops_one_task, draw_map_checks_arguments, draw_cam_checks_arguments,
      spectrogram_checks_arguments_and_sizes,
      a_network_of_motion_wants_runs_of_pictures, optical_flow_checks_arguments_and_sizes)
