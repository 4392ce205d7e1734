/* What the papers' definitions imply, whatever the weights: shapes, unit norms, a score that falls with the distance,
 * items that do not see each other, a map that is the scalar products it claims to be. */
#include "golden.h"

#include "op/kernel.h"

#define NARROW "{\"width\": 0.25, \"conv1_stride\": 2}"
#define BINS 257
#define COLUMNS 200

typedef struct fixture {
    avsound_context *context;
    avsound_model *model;
    avsound_session *session;
    int32_t batch, height, width;
} fixture;

static void open_fixture(fixture *f, const char *arch, int32_t precision, int32_t batch, int32_t width,
                         const char *outputs)
{
    *f = (fixture){.batch = batch, .height = 224, .width = width};
    ck_avsound(avsound_context_create(NULL, &f->context));
    f->model = golden_model(f->context, arch, NARROW, 0.25);
    f->session = golden_session(f->model, precision, batch, 224, width, outputs);
}

static void close_fixture(fixture *f)
{
    avsound_session_free(f->session);
    avsound_model_free(f->model);
    avsound_context_free(f->context);
}

/* Inputs of `items` items; item i's amplitude differs from the others', so that distances and scores do too. */
typedef struct inputs {
    float *image, *spectrogram;
    int64_t pixels; /* values of one image */
} inputs;

static inputs make_inputs(int32_t items, int32_t width)
{
    const avsn_shape image = AVSN_SHAPE(items, 3, 224, width), spectrogram = AVSN_SHAPE(items, 1, BINS, COLUMNS);
    inputs in = {golden_input("image", &image), golden_input("spectrogram", &spectrogram), 3 * 224 * (int64_t)width};
    for (int64_t i = 0; i < items * in.pixels; i++)
        in.image[i] *= 0.3f + 0.5f * (float)(i / in.pixels);
    for (int64_t i = 0; i < (int64_t)items * BINS * COLUMNS; i++)
        in.spectrogram[i] *= 1.5f / (1.0f + (float)(i / (BINS * COLUMNS)));
    return in;
}

static void free_inputs(inputs *in)
{
    free(in->image);
    free(in->spectrogram);
}

static void run_on(const fixture *f, const float *image, const float *spectrogram)
{
    golden_set(f->session, "image", AVSN_SHAPE(f->batch, 3, f->height, f->width), image);
    golden_set(f->session, "spectrogram", AVSN_SHAPE(f->batch, 1, BINS, COLUMNS), spectrogram);
    ck_avsound(avsound_session_run(f->session));
}

static bool lacks(int32_t precision)
{
    if (precision == AVSOUND_PRECISION_F32 || avsn_op_isa() >= AVSN_ISA_AVX512_BF16)
        return false;
    printf("bf16: skipped, this processor has neither AVX512-BF16 nor AMX\n");
    return true;
}

static void check_shape(const fixture *f, const char *name, avsn_shape want)
{
    avsn_shape got;
    char got_text[AVSN_SHAPE_TEXT], want_text[AVSN_SHAPE_TEXT];
    golden_output(f->session, name, &got);
    ck_assert_msg(avsn_shape_equal(&got, &want), "%s is %s, want %s", name, avsn_shape_text(&got, got_text),
                  avsn_shape_text(&want, want_text));
}

START_TEST(layers_have_the_shapes_of_the_table)
{
    static const struct {
        const char *name;
        int64_t channels, rows, columns;
    } table[] = {
        {"vision.conv1_1", 16, 112, 112}, {"vision.conv1_2", 16, 112, 112}, {"vision.pool1", 16, 56, 56},
        {"vision.conv2_1", 32, 56, 56},   {"vision.conv2_2", 32, 56, 56},   {"vision.pool2", 32, 28, 28},
        {"vision.conv3_1", 64, 28, 28},   {"vision.conv3_2", 64, 28, 28},   {"vision.pool3", 64, 14, 14},
        {"vision.conv4_1", 128, 14, 14},  {"vision.conv4_2", 128, 14, 14},  {"audio.conv1_1", 16, 129, 100},
        {"audio.conv1_2", 16, 129, 100},  {"audio.pool1", 16, 64, 50},      {"audio.conv2_1", 32, 64, 50},
        {"audio.conv2_2", 32, 64, 50},    {"audio.pool2", 32, 32, 25},      {"audio.conv3_1", 64, 32, 25},
        {"audio.conv3_2", 64, 32, 25},    {"audio.pool3", 64, 16, 12},      {"audio.conv4_1", 128, 16, 12},
        {"audio.conv4_2", 128, 16, 12},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture f;
        open_fixture(&f, "ave-net", AVSOUND_PRECISION_F32, 1, 224, table[i].name);
        check_shape(&f, table[i].name, AVSN_SHAPE(1, table[i].channels, table[i].rows, table[i].columns));
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_wide_picture_has_a_wide_map)
{
    fixture f;
    open_fixture(&f, "avol-net", AVSOUND_PRECISION_F32, 1, 384, NULL);
    check_shape(&f, "map", AVSN_SHAPE(1, 1, 14, 24));
    check_shape(&f, "score", AVSN_SHAPE(1, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(embeddings_have_unit_norm)
{
    if (lacks(_i))
        return;
    fixture f;
    open_fixture(&f, "ave-net", _i, 4, 224, NULL);
    inputs in = make_inputs(4, 224);
    run_on(&f, in.image, in.spectrogram);
    static const char *const names[] = {"embedding.image", "embedding.audio"};
    for (int e = 0; e < 2; e++) {
        check_shape(&f, names[e], AVSN_SHAPE(4, GOLDEN_HEAD));
        const float *embedding = golden_output(f.session, names[e], NULL);
        for (int n = 0; n < 4; n++) {
            double norm = 0;
            for (int i = 0; i < GOLDEN_HEAD; i++)
                norm += (double)embedding[n * GOLDEN_HEAD + i] * embedding[n * GOLDEN_HEAD + i];
            ck_assert_double_eq_tol(sqrt(norm), 1.0, 1e-5);
        }
    }
    free_inputs(&in);
    close_fixture(&f);
}
END_TEST

/* fc3 is (0.7, -0.7) d + (-1.2, 1.2), so P(corresponds) = 1 / (1 + exp(1.4 d - 2.4)). */
START_TEST(the_score_falls_with_the_distance)
{
    enum { ITEMS = 6 };
    fixture f;
    open_fixture(&f, "ave-net", AVSOUND_PRECISION_F32, ITEMS, 224, NULL);
    inputs in = make_inputs(ITEMS, 224);
    run_on(&f, in.image, in.spectrogram);
    const float *v = golden_output(f.session, "embedding.image", NULL),
                *a = golden_output(f.session, "embedding.audio", NULL);
    const float *distance = golden_output(f.session, "distance", NULL),
                *score = golden_output(f.session, "score", NULL);
    for (int n = 0; n < ITEMS; n++) {
        double square = 0;
        for (int i = n * GOLDEN_HEAD; i < (n + 1) * GOLDEN_HEAD; i++)
            square += ((double)v[i] - a[i]) * ((double)v[i] - a[i]);
        ck_assert_double_eq_tol(distance[n], sqrt(square), 1e-5);
        ck_assert_double_eq_tol(score[n], 1.0 / (1.0 + exp(1.4 * sqrt(square) - 2.4)), 1e-5);
        for (int m = 0; m < n; m++)
            if (fabsf(distance[m] - distance[n]) > 1e-4f)
                ck_assert_msg((distance[m] < distance[n]) == (score[m] > score[n]),
                              "distances %g, %g but scores %g, %g", distance[m], distance[n], score[m], score[n]);
    }
    free_inputs(&in);
    close_fixture(&f);
}
END_TEST

/* Item 0's score, its company made of the items `company` and `company` + 1. */
static float score_beside(const fixture *f, const inputs *in, int company)
{
    const int64_t pixels = in->pixels, cells = BINS * COLUMNS;
    float *image = malloc((size_t)(3 * pixels) * sizeof *image),
          *spectrogram = malloc((size_t)(3 * cells) * sizeof *image);
    ck_assert(image && spectrogram);
    memcpy(image, in->image, (size_t)pixels * sizeof *image);
    memcpy(image + pixels, in->image + company * pixels, (size_t)(2 * pixels) * sizeof *image);
    memcpy(spectrogram, in->spectrogram, (size_t)cells * sizeof *image);
    memcpy(spectrogram + cells, in->spectrogram + company * cells, (size_t)(2 * cells) * sizeof *image);
    run_on(f, image, spectrogram);
    free(image);
    free(spectrogram);
    return golden_output(f->session, "score", NULL)[0];
}

static void check_company(const char *arch, int32_t precision)
{
    fixture three, one;
    inputs in = make_inputs(5, 224);
    open_fixture(&three, arch, precision, 3, 224, NULL);
    open_fixture(&one, arch, precision, 1, 224, NULL);
    const float beside_1 = score_beside(&three, &in, 1), beside_3 = score_beside(&three, &in, 3);
    run_on(&one, in.image, in.spectrogram);
    const float alone = golden_output(one.session, "score", NULL)[0];
    ck_assert_msg(beside_1 == beside_3, "%s: score is %.9g beside items 1 and 2, %.9g beside 3 and 4", arch, beside_1,
                  beside_3);
    /* Another batch may get other kernels, which add in another order. */
    ck_assert_double_eq_tol(alone, beside_1, precision == AVSOUND_PRECISION_F32 ? 1e-5 : 5e-3);
    free_inputs(&in);
    close_fixture(&three);
    close_fixture(&one);
}

START_TEST(items_do_not_see_each_other)
{
    static const char *const archs[] = {"l3-net", "ave-net", "avol-net"};
    for (int a = 0; a < 3 && !lacks(_i); a++)
        check_company(archs[a], _i);
}
END_TEST

START_TEST(the_avol_score_is_the_maximum_of_its_map)
{
    if (lacks(_i))
        return;
    fixture f;
    open_fixture(&f, "avol-net", _i, 3, 384, NULL);
    inputs in = make_inputs(3, 384);
    run_on(&f, in.image, in.spectrogram);
    const float *map = golden_output(f.session, "map", NULL), *score = golden_output(f.session, "score", NULL);
    for (int n = 0; n < 3; n++) {
        float most = 0;
        for (int i = 0; i < 14 * 24; i++) {
            const float cell = map[n * 14 * 24 + i];
            ck_assert(cell >= 0 && cell <= 1);
            most = fmaxf(most, cell);
        }
        ck_assert_double_eq_tol(score[n], most, 1e-6);
    }
    free_inputs(&in);
    close_fixture(&f);
}
END_TEST

START_TEST(the_map_is_descriptors_times_sound)
{
    enum { CELLS = 14 * 24 };
    fixture f;
    open_fixture(&f, "avol-net", AVSOUND_PRECISION_F32, 2, 384, "vision.conv6,audio.fc2,map");
    inputs in = make_inputs(2, 384);
    run_on(&f, in.image, in.spectrogram);
    const float *cells = golden_output(f.session, "vision.conv6", NULL),
                *sound = golden_output(f.session, "audio.fc2", NULL);
    const float *map = golden_output(f.session, "map", NULL);
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < CELLS; i++) {
            double product = 0;
            for (int c = 0; c < GOLDEN_HEAD; c++)
                product += (double)cells[(n * GOLDEN_HEAD + c) * CELLS + i] * sound[n * GOLDEN_HEAD + c];
            ck_assert_double_eq_tol(map[n * CELLS + i], 1.0 / (1.0 + exp(1.0 - 0.002 * product)), 1e-5);
        }
    free_inputs(&in);
    close_fixture(&f);
}
END_TEST

/* The stack divides time by 16: a spectrogram that starts 16 columns later gives the same features one column
 * earlier. A column of features sees 73 spectrogram columns to either side, so only the middle ones are free of the
 * padding. */
START_TEST(a_shifted_sound_shifts_its_features)
{
    enum { ROWS = 16, FEATURE_COLUMNS = 12, CHANNELS = 128, LONG = COLUMNS + 16 };
    fixture f;
    open_fixture(&f, "ave-net", AVSOUND_PRECISION_F32, 2, 224, "audio.conv4_2");
    const avsn_shape shape = AVSN_SHAPE(1, 1, BINS, LONG);
    float *recording = golden_input("spectrogram", &shape), *windows = malloc(sizeof *windows * 2 * BINS * COLUMNS);
    ck_assert_ptr_nonnull(windows);
    for (int start = 0; start < 2; start++)
        for (int row = 0; row < BINS; row++)
            memcpy(windows + (start * BINS + row) * COLUMNS, recording + row * LONG + 16 * start,
                   COLUMNS * sizeof *windows);
    golden_set(f.session, "spectrogram", AVSN_SHAPE(2, 1, BINS, COLUMNS), windows);
    ck_avsound(avsound_session_run(f.session));
    const float *early = golden_output(f.session, "audio.conv4_2", NULL),
                *late = early + CHANNELS * ROWS * FEATURE_COLUMNS;
    for (int row = 0; row < CHANNELS * ROWS; row++)
        for (int column = 5; column < 7; column++)
            ck_assert_double_eq_tol(late[row * FEATURE_COLUMNS + column], early[row * FEATURE_COLUMNS + column + 1],
                                    1e-4);
    free(recording);
    free(windows);
    close_fixture(&f);
}
END_TEST

LOOP_SUITE("golden.conformance", {layers_have_the_shapes_of_the_table, 0, 1}, {a_wide_picture_has_a_wide_map, 0, 1},
           {embeddings_have_unit_norm, AVSOUND_PRECISION_F32, AVSOUND_PRECISION_BF16 + 1},
           {the_score_falls_with_the_distance, 0, 1},
           {items_do_not_see_each_other, AVSOUND_PRECISION_F32, AVSOUND_PRECISION_BF16 + 1},
           {the_avol_score_is_the_maximum_of_its_map, AVSOUND_PRECISION_F32, AVSOUND_PRECISION_BF16 + 1},
           {the_map_is_descriptors_times_sound, 0, 1}, {a_shifted_sound_shifts_its_features, 0, 1})
