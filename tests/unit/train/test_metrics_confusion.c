/* What was taken for what, as a picture: where the cells stand and how blue they are. */
#include <avsound/metrics.h>
#include <avsound/tasks.h>

#include "failing.h"
#include "suite.h"

#include <unistd.h>

enum { COUNT = 10, SIDE = 48, HEAD = 92, MARGIN = 16 };

static const char *const names[COUNT] = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};
static avsound_context *context;
static char path[64];
static int64_t counts[COUNT * COUNT];

static void set_up(void)
{
    ck_avsound(avsound_context_create(NULL, &context));
    snprintf(path, sizeof path, "confusion-%d.png", (int)getpid());
    for (int i = 0; i < COUNT; i++)
        counts[i * COUNT + i] = i == 4 ? 0 : i == 2 ? 5 : 10;
    counts[2 * COUNT + 7] = 5; /* row 4 has nothing at all */
}

static void tear_down(void)
{
    remove(path);
    avsound_context_free(context);
}

/* By how much blue outweighs red, 0 for white, near a corner of the cell, where no number stands. */
static int blueness(const avsound_frame *f, int row, int col)
{
    const int x = f->width - MARGIN - (COUNT - col) * SIDE + 5, y = HEAD + row * SIDE + 5;
    const uint8_t *rgb = f->data[0] + y * f->stride[0] + 3 * x;
    return rgb[2] - rgb[0];
}

START_TEST(cells_are_as_blue_as_their_share_of_the_row)
{
    avsound_media *media;
    avsound_frame f = {.struct_size = sizeof f};
    set_up();
    ck_avsound(avsound_confusion_draw(context, counts, names, COUNT, NULL, path));
    ck_avsound(avsound_media_open(context, path, NULL, &media));
    ck_avsound(avsound_media_read_frame(media, &f));
    const int full = blueness(&f, 0, 0);
    ck_assert_int_gt(full, 100);
    for (int row = 0; row < COUNT; row++)
        for (int col = 0; col < COUNT; col++) {
            const int wanted = row == 2 && (col == 2 || col == 7) ? full / 2 : row == col && row != 4 ? full : 0;
            ck_assert_msg(abs(blueness(&f, row, col) - wanted) <= 2, "cell %d, %d: %d, want %d", row, col,
                          blueness(&f, row, col), wanted);
        }
    avsound_media_free(media);
    tear_down();
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    failing f;
    set_up();
    avsound_context *counted = failing_context(&f);
    ck_survives_refusals(&f, avsound_confusion_draw(counted, counts, names, COUNT, "title", path), (void)0);
    avsound_context_free(counted);
    tear_down();
}
END_TEST

SUITE("metrics_confusion", cells_are_as_blue_as_their_share_of_the_row, refused_memory_leaves_nothing)
