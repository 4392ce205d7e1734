/* The contact sheet shows what is in the batch: colours of pictures, levels of spectrograms, labels. */
#include "failing.h"
#include "suite.h"

#include <sys/stat.h>
#include <unistd.h>

#include "train/sheet.h"

enum { SIDE = 32, BINS = 9, COLUMNS = 20 };

static avsound_context *context;
static avsn_dataset *data;
static char folder[64];
static avsn_image_frontend image;
static avsn_audio_frontend audio;

#define LONG_NAME "a-name-so-long-that-it-can-not-stand-in-one-line-of-the-sheet.mkv"

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    strcpy(folder, "/tmp/avsound-sheet-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    put("a.mkv", "x");
    put(LONG_NAME, "x");
    put("prepared.csv", "file,group,frames,samples,flags\na.mkv,a,250,480000,\n" LONG_NAME ",b,250,480000,\n");
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_dataset_open(context, folder, &data));
    avsn_image_frontend_default(&image);
    avsn_audio_frontend_default(&audio);
    image.width = image.height = SIDE;
    audio.fft = 2 * (BINS - 1);
    audio.columns = COLUMNS;
}

static void teardown(void)
{
    char command[128];
    avsn_dataset_free(data);
    avsound_context_free(context);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Item i is a picture of one colour; its spectrogram is 1 in its lower half and 0 above. */
static const uint8_t colours[4][3] = {{200, 10, 90}, {0, 255, 0}, {17, 18, 19}, {255, 254, 120}};

static avsn_batch made(int32_t size)
{
    avsn_batch b = {.size = size, .sounds = 1, .epoch = 3, .step = 14};
    const size_t n = (size_t)size;
    b.image = calloc(n * 3 * SIDE * SIDE, sizeof *b.image);
    b.spectrogram = calloc(n * BINS * COLUMNS, sizeof *b.spectrogram);
    b.label = calloc(n, sizeof *b.label);
    b.pair = calloc(n, sizeof *b.pair);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < 3; c++)
            for (size_t p = 0; p < SIDE * SIDE; p++) {
                const float value = (float)colours[i % 4][c] / 255;
                b.image[(i * 3 + c) * SIDE * SIDE + p] = (value - image.mean[c]) / image.std[c];
            }
        for (size_t v = 0; v < BINS * COLUMNS; v++)
            b.spectrogram[i * BINS * COLUMNS + v] = v < BINS / 2 * COLUMNS;
        b.label[i] = i % 4 == 1;
        b.pair[i] = (avsn_pair){.frame_clip = (int32_t)(i % 2), .frame = 100, .audio_clip = 1, .audio_frame = 31,
                                .audio_shift = -4800, .corresponds = i % 4 == 1};
    }
    return b;
}

static void unmake(avsn_batch *b)
{
    free(b->image);
    free(b->spectrogram);
    free(b->label);
    free(b->pair);
}

static const char *sheet_path(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/sheet.png", folder);
    return path;
}

static avsound_media *opened(avsound_frame *frame)
{
    avsound_media *media;
    *frame = (avsound_frame){.struct_size = sizeof *frame};
    ck_avsound(avsound_media_open(context, sheet_path(), NULL, &media));
    ck_avsound(avsound_media_read_frame(media, frame));
    return media;
}

typedef struct area {
    int64_t count;
    int32_t left, top, right, bottom;
} area;

static area find(const avsound_frame *f, const uint8_t rgb[3])
{
    area a = {0, INT32_MAX, INT32_MAX, -1, -1};
    for (int32_t y = 0; y < f->height; y++)
        for (int32_t x = 0; x < f->width; x++) {
            const uint8_t *p = f->data[0] + y * f->stride[0] + x * 3;
            if (abs(p[0] - rgb[0]) > 1 || abs(p[1] - rgb[1]) > 1 || abs(p[2] - rgb[2]) > 1)
                continue;
            a.count++;
            a.left = x < a.left ? x : a.left;
            a.top = y < a.top ? y : a.top;
            a.right = x > a.right ? x : a.right;
            a.bottom = y > a.bottom ? y : a.bottom;
        }
    return a;
}

START_TEST(pictures_have_their_own_colours_and_labels_theirs)
{
    setup();
    avsn_batch b = made(4);
    const float scores[4] = {.9f, .9f, .8f, .7f};
    ck_avsound(avsn_sheet_write(context, &b, data, &image, &audio, NULL, scores, sheet_path()));
    avsound_frame frame;
    avsound_media *media = opened(&frame);
    const uint8_t green[3] = {0x2E, 0x8B, 0x57}, red[3] = {0xC8, 0x48, 0x3E}, bright[3] = {252, 255, 163};
    area before = {0};
    for (int i = 0; i < 4; i++) {
        const area a = find(&frame, colours[i]);
        ck_assert_int_ge(a.count, 150 * 150);
        ck_assert_int_eq(a.count, (int64_t)(a.right - a.left + 1) * (a.bottom - a.top + 1)); /* a rectangle, whole */
        if (i)
            ck_assert_int_gt(a.left, before.right + 150); /* the spectrogram lies between */
        before = a;
    }
    /* The only positive is the second: the green bar stands over its picture and spectrogram alone. */
    const area second = find(&frame, colours[1]), bar = find(&frame, green), bars = find(&frame, red);
    ck_assert_int_eq(bar.left, second.left);
    ck_assert_int_lt(bar.top, second.top);
    ck_assert_int_lt(bar.right, find(&frame, colours[2]).left);
    ck_assert_int_gt(bars.count, 2 * bar.count);
    /* Bright below, dark above. */
    const area sound = find(&frame, bright);
    ck_assert_int_gt(sound.count, 4 * 150 * 60);
    ck_assert_int_gt(sound.bottom, second.bottom - 2);
    const uint8_t *high = frame.data[0] + (second.top + 20) * frame.stride[0] + (second.right + 60) * 3;
    const uint8_t *low = frame.data[0] + (second.bottom - 20) * frame.stride[0] + (second.right + 60) * 3;
    ck_assert_int_lt(high[0] + high[1] + high[2], 30);
    ck_assert_int_gt(low[0] + low[1] + low[2], 600);
    avsound_media_free(media);
    unmake(&b);
    teardown();
}
END_TEST

START_TEST(large_batches_are_cut_and_small_ones_fit)
{
    setup();
    const int32_t sizes[] = {1, 5, 64, 70};
    int32_t heights[4];
    for (size_t i = 0; i < 4; i++) {
        avsn_batch b = made(sizes[i]);
        avsound_frame frame;
        ck_avsound(avsn_sheet_write(context, &b, data, &image, &audio, NULL, NULL, sheet_path()));
        avsound_media *media = opened(&frame);
        heights[i] = frame.height;
        avsound_media_free(media);
        unmake(&b);
    }
    ck_assert_int_gt(heights[1], heights[0] + 200);
    ck_assert_int_gt(heights[2], heights[1] + 200);
    ck_assert_int_eq(heights[3], heights[2]);
    teardown();
}
END_TEST

START_TEST(values_that_are_not_numbers_and_wide_pictures_are_drawn)
{
    setup();
    avsn_batch b = made(2);
    for (size_t i = 0; i < 2 * BINS * COLUMNS; i++)
        b.spectrogram[i] = i % 2 ? NAN : INFINITY;
    b.image[0] = NAN;
    b.image[1] = INFINITY;
    b.pair[0].frame_clip = 77;
    ck_avsound(avsn_sheet_write(context, &b, data, &image, &audio, NULL, NULL, sheet_path()));
    image.width = 2 * SIDE; /* of both pictures' memory, one wide picture */
    b.size = 1;
    ck_avsound(avsn_sheet_write(context, &b, data, &image, &audio, NULL, NULL, sheet_path()));
    b.size = 0;
    ck_refused(avsn_sheet_write(context, &b, data, &image, &audio, NULL, NULL, sheet_path()), AVSOUND_E_INVALID_ARGUMENT,
               "batch of 0");
    b.size = 1;
    ck_refused(avsn_sheet_write(context, &b, data, &image, &audio, NULL, NULL, "no/such/folder/a.png"), AVSOUND_E_IO,
               "no/such/folder");
    unmake(&b);
    teardown();
}
END_TEST

START_TEST(a_sheet_survives_refused_memory)
{
    setup();
    avsn_batch b = made(2);
    failing f;
    avsound_context *poor = failing_context(&f);
    ck_survives_refusals(&f, avsn_sheet_write(poor, &b, data, &image, &audio, NULL, NULL, sheet_path()), (void)0);
    avsound_context_free(poor);
    unmake(&b);
    teardown();
}
END_TEST

SUITE("train.sheet", pictures_have_their_own_colours_and_labels_theirs, large_batches_are_cut_and_small_ones_fit,
      values_that_are_not_numbers_and_wide_pictures_are_drawn, a_sheet_survives_refused_memory)
