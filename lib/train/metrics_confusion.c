/* What was taken for what, as a picture. */
#include "train/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "draw/draw.h"

enum { MOST_CLASSES = 256, LARGEST = 48, LEAST = 14, FOR_TEXT = 26, MARGIN = 16, HEAD = 92 };

static const uint32_t paper = 0xFFFFFF, dark = 0x202124, faint = 0x5F6368, blue = 0x1A56B0, frame = 0xDADCE0;
static const double unit = 1.5;
static const char legend[] = "rows: what it is; columns: what it was taken for";

typedef struct confusion_table {
    const int64_t *counts; /* [count][count] */
    const char *const *names;
    int32_t count, side;   /* pixels of a cell */
    int32_t left;          /* where the cells begin */
    avsn_canvas *canvas;
} confusion_table;

static avsound_status check(const int64_t *counts, const char *const *names, int32_t count)
{
    if (!counts || !names)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "confusion_draw: %s is NULL", counts ? "names" : "counts");
    if (count < 1 || count > MOST_CLASSES)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "confusion_draw: count is %d, want 1 to %d", count, MOST_CLASSES);
    for (int32_t i = 0; i < count; i++)
        if (!names[i])
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "confusion_draw: names[%d] is NULL", i);
    for (int32_t i = 0; i < count * count; i++)
        if (counts[i] < 0)
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "confusion_draw: counts[%d][%d] is %" PRId64 ", want at least 0", i / count,
                      i % count, counts[i]);
    return AVSOUND_OK;
}

static void write_centred(const confusion_table *t, double x, double y, uint32_t colour, const char *text)
{
    avsn_canvas_text(t->canvas, x - avsn_text_width(unit, text) / 2, y - AVSN_TEXT_HEIGHT * unit / 2, unit, colour, text);
}

/* A column's number stands above it where there is room; its name is beside the row of the same number. */
static void draw_names(const confusion_table *t, int32_t i)
{
    char text[160];
    const double top = HEAD + (i + 0.5) * t->side - AVSN_TEXT_HEIGHT * unit / 2;
    snprintf(text, sizeof text, "%.100s  %d", t->names[i], i + 1);
    avsn_canvas_text(t->canvas, t->left - 8 - avsn_text_width(unit, text), top, unit, dark, text);
    snprintf(text, sizeof text, "%d", i + 1);
    if (t->side >= FOR_TEXT || i % 5 == 4)
        write_centred(t, t->left + (i + 0.5) * t->side, HEAD - 12, faint, text);
}

/* As blue as the cell's share of its row. */
static void draw_cell(const confusion_table *t, int32_t row, int32_t col, int64_t all)
{
    char text[24];
    const int64_t n = t->counts[row * t->count + col];
    const float share = all ? (float)n / (float)all : 0;
    const avsn_box box = {t->left + col * t->side, HEAD + row * t->side, t->side, t->side};
    avsn_canvas_fill(t->canvas, box, blue, share);
    avsn_canvas_outline(t->canvas, box, frame);
    snprintf(text, sizeof text, "%" PRId64, n);
    if (n && t->side >= FOR_TEXT && avsn_text_width(unit, text) < t->side - 4)
        write_centred(t, box.x + t->side / 2.0, box.y + t->side / 2.0, share > 0.45f ? paper : dark, text);
}

static void draw(const confusion_table *t, const char *title)
{
    avsn_canvas_text(t->canvas, MARGIN, MARGIN, 2, dark, title);
    avsn_canvas_text(t->canvas, MARGIN, MARGIN + 26, unit, faint, legend);
    for (int32_t row = 0; row < t->count; row++) {
        int64_t all = 0;
        for (int32_t col = 0; col < t->count; col++)
            all += t->counts[row * t->count + col];
        draw_names(t, row);
        for (int32_t col = 0; col < t->count; col++)
            draw_cell(t, row, col, all);
    }
}

static int32_t room_for_names(const char *const *names, int32_t count)
{
    char text[160];
    double widest = 0;
    for (int32_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%.100s  %d", names[i], i + 1);
        widest = AVSN_MAX(widest, avsn_text_width(unit, text));
    }
    return (int32_t)widest + 8 + MARGIN;
}

avsound_status avsound_confusion_draw(avsound_context *context, const int64_t *counts, const char *const *names, int32_t count,
                                      const char *title, const char *path)
{
    if (!context || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "confusion_draw: %s is NULL", context ? "path" : "context");
    AVSN_TRY(check(counts, names, count));
    const char *head = title ? title : "confusion";
    confusion_table t = {.counts = counts, .names = names, .count = count, .left = room_for_names(names, count)};
    t.side = AVSN_MIN(LARGEST, AVSN_MAX(LEAST, 900 / count));
    const double words = AVSN_MAX(avsn_text_width(2, head), avsn_text_width(unit, legend));
    const int32_t width = AVSN_MAX(t.left + count * t.side, MARGIN + (int32_t)words) + MARGIN;
    AVSN_TRY(avsn_canvas_create(context, width, HEAD + count * t.side + MARGIN, paper, &t.canvas));
    draw(&t, head);
    const avsound_status status = avsn_canvas_write(t.canvas, path);
    avsn_canvas_free(t.canvas);
    return status;
}
