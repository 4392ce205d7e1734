/* Geometry of maps: a model whose map is known must light the cells over what is bright, for frames of any shape. */
#include "suite.h"

#include <unistd.h>

#include "models/brightness.h"

typedef struct box {
    int x, y, w, h;
} box;

static avsound_context *context;
static avsound_model *model;
static char path[64];

static void load_model(void)
{
    snprintf(path, sizeof path, "brightness-%d.safetensors", (int)getpid());
    ck_avsound(avsound_context_create(NULL, &context));
    brightness_model(context, path);
    ck_avsound(avsound_model_load(context, path, &model));
    ck_assert_int_eq(avsound_model_is_trained(model), 1);
}

static void free_model(void)
{
    avsound_model_free(model);
    avsound_context_free(context);
    remove(path);
}

static avsound_frame black_frame_with(int width, int height, box b)
{
    uint8_t *rgb = calloc((size_t)width * (size_t)height, 3);
    for (int y = b.y; y < b.y + b.h; y++)
        memset(rgb + 3 * ((size_t)y * (size_t)width + (size_t)b.x), 255, (size_t)b.w * 3);
    avsound_frame f = {.struct_size = sizeof f, .format = AVSOUND_PIXEL_RGB24, .width = width, .height = height};
    f.data[0] = rgb;
    f.stride[0] = 3 * width;
    return f;
}

static avsound_audio one_second(float *samples)
{
    for (int i = 0; i < 48000; i++)
        samples[i] = 0.5f * sinf(0.1f * (float)i);
    return (avsound_audio){.struct_size = sizeof(avsound_audio), .format = AVSOUND_SAMPLE_F32, .sample_rate = 48000,
                           .channels = 1, .frames = 48000, .data = samples};
}

/* Cells wholly inside the box are lit, cells further from it than a cell are dark. */
static void check_map(const float *map, int rows, int cols, int width, int height, box b)
{
    const double cw = (double)width / cols, ch = (double)height / rows;
    int lit = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            const double x0 = c * cw, x1 = x0 + cw, y0 = r * ch, y1 = y0 + ch;
            const float value = map[r * cols + c];
            const int inside = x0 >= b.x && x1 <= b.x + b.w && y0 >= b.y && y1 <= b.y + b.h;
            const int away = x1 < b.x - cw / 2 || x0 > b.x + b.w + cw / 2 || y1 < b.y - ch / 2 || y0 > b.y + b.h + ch / 2;
            lit += inside;
            if (inside)
                ck_assert_msg(value > 0.99f, "%dx%d: cell %d,%d inside the box is %g", width, height, r, c, (double)value);
            if (away)
                ck_assert_msg(value < 0.01f, "%dx%d: cell %d,%d away from the box is %g", width, height, r, c,
                              (double)value);
        }
    ck_assert_int_gt(lit, 0);
}

static const int sizes[][2] = {{224, 224}, {640, 360}, {360, 640}, {854, 480}, {97, 411}, {1920, 1080}, {33, 31}};

START_TEST(map_covers_frames_of_any_shape)
{
    load_model();
    avsound_session *session;
    ck_avsound(avsound_session_create(model, NULL, &session));
    float *samples = malloc(48000 * sizeof *samples);
    const avsound_audio sound = one_second(samples);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int w = sizes[i][0], h = sizes[i][1];
        const box boxes[] = {{0, 0, w / 3, h / 3}, {w - w / 4, h / 2, w / 4, h / 3}, {w / 3, h - h / 4, w / 3, h / 4}};
        for (size_t k = 0; k < 3; k++) {
            const avsound_frame frame = black_frame_with(w, h, boxes[k]);
            size_t size = 0;
            int32_t rows, cols;
            ck_avsound(avsound_localize(session, &frame, NULL, NULL, &size, &rows, &cols, NULL));
            ck_assert_int_eq((int64_t)size, (int64_t)rows * cols);
            ck_assert_int_eq(AVSN_MIN(rows, cols), 14);
            float *map = malloc(size * sizeof *map);
            avsound_score score = {.struct_size = sizeof score};
            ck_avsound(avsound_localize(session, &frame, &sound, map, &size, &rows, &cols, &score));
            check_map(map, rows, cols, w, h, boxes[k]);
            float top = 0;
            for (size_t c = 0; c < size; c++)
                top = fmaxf(top, map[c]);
            ck_assert_float_eq(score.probability, top);
            ck_assert_float_eq(score.confidence, 1);
            free(map);
            free((void *)frame.data[0]);
        }
    }
    free(samples);
    avsound_session_free(session);
    free_model();
}
END_TEST

START_TEST(silence_and_black_frames_have_no_confidence)
{
    load_model();
    avsound_session *session;
    ck_avsound(avsound_session_create(model, NULL, &session));
    float *samples = malloc(48000 * sizeof *samples);
    avsound_audio sound = one_second(samples);
    avsound_score score = {.struct_size = sizeof score};
    const avsound_frame black = black_frame_with(320, 240, (box){0, 0, 0, 0});
    ck_avsound(avsound_correspondence(session, &black, &sound, &score));
    ck_assert_float_eq(score.confidence, 0);
    memset(samples, 0, 48000 * sizeof *samples);
    const avsound_frame lit = black_frame_with(320, 240, (box){100, 50, 100, 100});
    ck_avsound(avsound_correspondence(session, &lit, &sound, &score));
    ck_assert_float_eq(score.confidence, 0);
    free((void *)black.data[0]);
    free((void *)lit.data[0]);
    free(samples);
    avsound_session_free(session);
    free_model();
}
END_TEST

START_TEST(only_avol_net_has_a_map)
{
    ck_avsound(avsound_context_create(NULL, &context));
    for (int32_t i = 0; i < avsound_arch_count(); i++) {
        if (!strcmp(avsound_arch_name(i), "avol-net"))
            continue;
        avsound_session *session;
        const char *name = avsound_arch_name(i);
        const bool half = strstr(name, "openl3"), clip = !half && strcmp(name, "l3-net") && strncmp(name, "ave-net", 7);
        const char *config = "{\"width\": 0.0625}";
        if (!strcmp(name, "multisensory"))
            config = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":32,\"height\":32},\"clip\":{\"frames\":9}}";
        if (!strcmp(name, "separator"))
            config = "{\"width\":0.0625,\"audio_width\":0.0625,\"unet_width\":0.0625,\"image\":{\"width\":32,\"height\":32}}";
        if (!strcmp(name, "mask-net"))
            config = "{\"width\":0.0625,\"unet_width\":0.0625,\"image\":{\"width\":32,\"height\":32}}";
        if (strstr(name, "-pit"))
            config = "{\"unet_width\":0.0625}";
        ck_avsound(avsound_model_create(context, name, config, 1, &model));
        ck_avsound(avsound_session_create(model, NULL, &session));
        const avsound_frame frame = black_frame_with(32, 32, (box){0, 0, 8, 8});
        size_t size = 0;
        int32_t rows, cols;
        ck_refused(avsound_localize(session, &frame, NULL, NULL, &size, &rows, &cols, NULL), AVSOUND_E_UNSUPPORTED,
                   clip ? "takes clips" : half ? "alone" : "has no map");
        free((void *)frame.data[0]);
        avsound_session_free(session);
        avsound_model_free(model);
    }
    avsound_context_free(context);
}
END_TEST

SUITE("localize", map_covers_frames_of_any_shape, silence_and_black_frames_have_no_confidence, only_avol_net_has_a_map)
