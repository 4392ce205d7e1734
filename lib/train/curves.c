#include "train/curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw/draw.h"

/* ---- the table ---- */

void avsn_history_init(avsn_history *history, avsound_context *context)
{
    *history = (avsn_history){.context = context};
}

void avsn_history_free(avsn_history *history)
{
    avsn_free(history->context, history->steps);
    avsn_free(history->context, history->epochs);
    avsn_history_init(history, history->context);
}

avsound_status avsn_history_add_step(avsn_history *h, const avsn_history_step *step)
{
    if (h->step_count && step->step <= h->steps[h->step_count - 1].step)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "step %lld after step %lld", (long long)step->step,
                  (long long)h->steps[h->step_count - 1].step);
    void *steps = h->steps;
    const avsound_status status = avsn_grow(h->context, &steps, sizeof *step, h->step_count, h->step_count + 1,
                                            &h->step_capacity);
    h->steps = steps;
    if (!status)
        h->steps[h->step_count++] = *step;
    return status;
}

avsound_status avsn_history_add_epoch(avsn_history *h, const avsn_history_epoch *epoch)
{
    if (h->epoch_count && epoch->step <= h->epochs[h->epoch_count - 1].step)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "validation at step %lld after that at step %lld", (long long)epoch->step,
                  (long long)h->epochs[h->epoch_count - 1].step);
    void *epochs = h->epochs;
    const avsound_status status = avsn_grow(h->context, &epochs, sizeof *epoch, h->epoch_count, h->epoch_count + 1,
                                            &h->epoch_capacity);
    h->epochs = epochs;
    if (!status)
        h->epochs[h->epoch_count++] = *epoch;
    return status;
}

/* ---- the picture ---- */

void avsn_smooth(const double *values, size_t count, size_t radius, double *smooth)
{
    double sum = 0;
    size_t finite = 0, entered = 0;
    for (size_t i = 0; i < count; i++) {
        for (; entered < count && entered <= i + radius; entered++)
            if (isfinite(values[entered])) {
                sum += values[entered];
                finite++;
            }
        if (i > radius && isfinite(values[i - radius - 1])) {
            sum -= values[i - radius - 1];
            finite--;
        }
        smooth[i] = finite ? sum / (double)finite : NAN;
    }
}

/* More points than a panel has pixels cost time and show nothing. */
enum { MOST_POINTS = 2400, MOST_SMOOTH = 600 };

/* Columns of numbers cut from one block. */
typedef struct table {
    double *block;
    double *step, *loss, *accuracy;                    /* raw, thinned */
    double *smooth_step, *smooth_loss, *smooth_accuracy;
    double *epoch, *val_loss, *val_accuracy, *val_auc;
    size_t raw, smooth, epochs;
} table;

static avsound_status table_create(const avsn_history *h, table *t)
{
    const size_t n = h->step_count;
    const size_t most = 2 * n + 3 * ((size_t)MOST_POINTS + MOST_SMOOTH) + 4 * h->epoch_count;
    t->block = avsn_alloc(h->context, most, sizeof *t->block);
    if (!t->block)
        return AVSOUND_E_NO_MEMORY;
    double *next = t->block + 2 * n;
    double **columns[] = {&t->step, &t->loss, &t->accuracy, &t->smooth_step, &t->smooth_loss, &t->smooth_accuracy,
                          &t->epoch, &t->val_loss, &t->val_accuracy, &t->val_auc};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(columns); i++) {
        *columns[i] = next;
        next += i < 3 ? (size_t)MOST_POINTS : i < 6 ? (size_t)MOST_SMOOTH : h->epoch_count;
    }
    return AVSOUND_OK;
}

/* Every k-th value, so that at most `most` are left; the last is among them. */
static size_t thin(const double *values, size_t count, size_t most, double *out)
{
    const size_t each = (count + most - 1) / most;
    size_t kept = 0;
    for (size_t i = (count - 1) % AVSN_MAX(each, 1); i < count; i += each)
        out[kept++] = values[i];
    return kept;
}

static float value_of(const avsn_history_step *step, int which)
{
    return which == 0 ? (float)step->step : which == 1 ? step->loss : step->accuracy;
}

static void fill_table(const avsn_history *h, table *t)
{
    const size_t n = h->step_count;
    double *values = t->block, *smooth = t->block + n;
    double *raw[] = {t->step, t->loss, t->accuracy}, *lines[] = {t->smooth_step, t->smooth_loss, t->smooth_accuracy};
    for (int which = 0; which < 3 && n; which++) {
        for (size_t i = 0; i < n; i++)
            values[i] = (double)value_of(&h->steps[i], which);
        t->raw = thin(values, n, MOST_POINTS, raw[which]);
        /* Twice over the same stretch: a value enters and leaves gradually. */
        avsn_smooth(values, n, which ? n / 60 : 0, smooth);
        avsn_smooth(smooth, n, which ? n / 60 : 0, values);
        t->smooth = thin(values, n, MOST_SMOOTH, lines[which]);
    }
    t->epochs = h->epoch_count;
    for (size_t i = 0; i < t->epochs; i++) {
        t->epoch[i] = (double)h->epochs[i].step;
        t->val_loss[i] = (double)h->epochs[i].loss;
        t->val_accuracy[i] = (double)h->epochs[i].accuracy;
        t->val_auc[i] = (double)h->epochs[i].auc;
    }
}

static bool any_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            return true;
    return false;
}

enum { WIDTH = 1320, HEIGHT = 500, PANEL_TOP = 44, MARGIN = 12 };
static const uint32_t blue = 0x2F6DB3, orange = 0xD97B29, green = 0x3B9A6D, grey = 0x9AA0A6;

static void draw_loss(avsn_canvas *canvas, const table *t)
{
    const char *validation = any_finite(t->val_loss, t->epochs) ? "validation" : NULL;
    const int32_t dotted = AVSN_SERIES_LINE | AVSN_SERIES_DOTS;
    const avsn_series series[] = {
        {NULL, blue, AVSN_SERIES_CLOUD, 1, t->step, t->loss, t->raw},
        {"training", blue, AVSN_SERIES_LINE, 2, t->smooth_step, t->smooth_loss, t->smooth},
        {validation, orange, dotted, 2, t->epoch, t->val_loss, t->epochs},
    };
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {MARGIN, PANEL_TOP, WIDTH / 2 - MARGIN, HEIGHT - PANEL_TOP},
                                          .title = "Loss", .x_label = "steps", .low = 1, .high = 0,
                                          .series = series, .count = AVSN_ARRAY_COUNT(series)});
}

static void draw_accuracy(avsn_canvas *canvas, const table *t, double chance)
{
    const double ends[2] = {t->raw ? t->step[0] : 0, t->raw ? t->step[t->raw - 1] : 1}, level[2] = {chance, chance};
    const char *auc = any_finite(t->val_auc, t->epochs) ? "validation AUC" : NULL;
    const char *validation = any_finite(t->val_accuracy, t->epochs) ? "validation" : NULL;
    const int32_t dotted = AVSN_SERIES_LINE | AVSN_SERIES_DOTS;
    const avsn_series series[] = {
        {NULL, blue, AVSN_SERIES_CLOUD, 1, t->step, t->accuracy, t->raw},
        {"chance", grey, AVSN_SERIES_LINE | AVSN_SERIES_DASHED, 2, ends, level, 2},
        {"training", blue, AVSN_SERIES_LINE, 2, t->smooth_step, t->smooth_accuracy, t->smooth},
        {auc, green, dotted, 1.6f, t->epoch, t->val_auc, t->epochs},
        {validation, orange, dotted, 2, t->epoch, t->val_accuracy, t->epochs},
    };
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {WIDTH / 2, PANEL_TOP, WIDTH / 2 - MARGIN, HEIGHT - PANEL_TOP},
                                          .title = "Accuracy", .x_label = "steps", .percent = true,
                                          .low = chance - .05, .high = chance + .1,
                                          .series = series, .count = AVSN_ARRAY_COUNT(series)});
}

static avsound_status draw(const avsn_history *h, const table *t, double chance, const char *title, const char *path)
{
    avsn_canvas *canvas;
    AVSN_TRY(avsn_canvas_create(h->context, WIDTH, HEIGHT, 0xFFFFFF, &canvas));
    if (title) {
        char line[512];
        snprintf(line, sizeof line, "%s", title);
        line[avsn_text_fit(1.5, line, WIDTH - 2 * MARGIN - 58)] = 0;
        avsn_canvas_text(canvas, MARGIN + 58, 18, 1.5, 0x202124, line);
    }
    draw_loss(canvas, t);
    draw_accuracy(canvas, t, chance);
    const avsound_status status = avsn_canvas_write(canvas, path);
    avsn_canvas_free(canvas);
    return status;
}

avsound_status avsn_curves_write(const avsn_history *history, double chance, const char *title, const char *path)
{
    table t = {0};
    AVSN_TRY(table_create(history, &t));
    fill_table(history, &t);
    const avsound_status status = draw(history, &t, chance, title, path);
    avsn_free(history->context, t.block);
    return status;
}
