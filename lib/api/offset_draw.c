/* A measurement as a picture: score over offset, and below it, for long recordings, offset over time. */
#include <math.h>
#include <stdio.h>

#include "api/offset.h"
#include "draw/draw.h"

enum { WIDTH = 960, CURVE_HEIGHT = 400, TIME_HEIGHT = 300, LEAST_WINDOWS = 3 };

static const uint32_t blue = 0x1A73E8, red = 0xD93025, grey = 0x9AA0A6, white = 0xFFFFFF;
static const double sure = 0.5; /* likelihood from which on a window's offset is drawn full */

typedef struct drawing {
    const avsound_offset *offset;
    double *x, *y; /* room for the curve, then for two sets of windows */
} drawing;

static void describe(const avsound_offset_result *r, char *text, size_t size)
{
    static const char *const reasons[] = {"", "the sound is silent", "nothing moves", "too short",
                                          "the best is at the range's end", "nothing stands out"};
    if (r->verdict != AVSOUND_OFFSET_MEASURED)
        snprintf(text, size, "cannot tell: %s", reasons[r->verdict]);
    else
        snprintf(text, size, "%+.0f ms (%+.0f to %+.0f), confidence %.2f", r->offset_ms, r->low_ms, r->high_ms,
                 r->confidence);
}

static avsn_series upright(const double x[2], const double y[2], uint32_t colour, int32_t style, const char *label)
{
    return (avsn_series){.label = label, .colour = colour, .style = AVSN_SERIES_LINE | style, .thickness = 1.5f, .x = x,
                         .y = y, .count = 2};
}

static void draw_curve(const drawing *d, avsn_canvas *canvas)
{
    const avsound_offset_result *r = &d->offset->result;
    const int32_t most = d->offset->curves.most;
    double ends[2] = {INFINITY, -INFINITY};
    char title[128];
    describe(r, title, sizeof title);
    for (int32_t l = 0; l <= 2 * most; l++) {
        d->x[l] = (l - most) * d->offset->towers.step_ms;
        d->y[l] = d->offset->curve[l];
        ends[0] = fmin(ends[0], d->y[l]);
        ends[1] = fmax(ends[1], d->y[l]);
    }
    const double best[2] = {r->offset_ms, r->offset_ms}, low[2] = {r->low_ms, r->low_ms};
    const double high[2] = {r->high_ms, r->high_ms};
    const bool told = r->verdict == AVSOUND_OFFSET_MEASURED;
    const avsn_series series[] = {
        {.label = "score", .colour = blue, .style = AVSN_SERIES_LINE, .thickness = 1.5f, .x = d->x, .y = d->y,
         .count = (size_t)(2 * most + 1)},
        upright(best, ends, told ? red : grey, 0, told ? "offset" : "best"),
        upright(low, ends, told ? red : grey, AVSN_SERIES_DASHED, "95 %"),
        upright(high, ends, told ? red : grey, AVSN_SERIES_DASHED, NULL),
    };
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, 0, WIDTH, CURVE_HEIGHT}, .title = title,
                                          .x_label = "ms by which the audio leads", .low = 1, .high = 0,
                                          .series = series, .count = isnan(r->offset_ms) ? 1 : 4});
}

static avsn_series windows(const drawing *d, int32_t first, bool wanted, uint32_t colour, const char *label)
{
    const avsound_offset *o = d->offset;
    size_t count = 0;
    for (int32_t i = 0; i < o->result.windows; i++)
        if ((o->windows[i].likelihood >= sure) == wanted) {
            d->x[(size_t)first + count] = o->windows[i].time_s;
            d->y[(size_t)first + count++] = o->windows[i].offset_ms;
        }
    return (avsn_series){.label = label, .colour = colour, .style = wanted ? AVSN_SERIES_DOTS : AVSN_SERIES_CLOUD,
                         .thickness = 2, .x = d->x + first, .y = d->y + first, .count = count};
}

static void draw_windows(const drawing *d, avsn_canvas *canvas)
{
    const avsound_offset_result *r = &d->offset->result;
    const double ends[2] = {0, r->seconds};
    const double slope = isnan(r->drift) ? 0 : r->drift / 60;
    const double line[2] = {r->offset_ms - slope * r->seconds / 2, r->offset_ms + slope * r->seconds / 2};
    const avsn_series series[] = {
        windows(d, 0, true, blue, "window"),
        windows(d, AVSN_LAG_CURVES_MOST, false, grey, "unsure"),
        {.label = "offset and drift", .colour = red, .style = AVSN_SERIES_LINE, .thickness = 1.5f, .x = ends, .y = line,
         .count = 2},
    };
    avsn_canvas_plot(canvas, &(avsn_plot){.box = {0, CURVE_HEIGHT, WIDTH, TIME_HEIGHT}, .title = "offset over time, ms",
                                          .x_label = "seconds", .low = 1, .high = 0, .series = series, .count = 3});
}

avsound_status avsound_offset_draw(const avsound_offset *offset, const char *path)
{
    if (!offset || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", offset ? "path" : "offset");
    if (!offset->told)
        AVSN_FAIL(AVSOUND_E_STATE, "nothing was decided yet: avsound_offset_get_result comes first");
    const bool over_time = offset->result.windows >= LEAST_WINDOWS;
    const size_t room = (size_t)AVSN_MAX(2 * offset->curves.most + 1, 2 * AVSN_LAG_CURVES_MOST);
    drawing d = {.offset = offset, .x = avsn_alloc(offset->context, 2 * room, sizeof *d.x)};
    d.y = d.x ? d.x + room : NULL;
    avsn_canvas *canvas = NULL;
    avsound_status status = d.x ? avsn_canvas_create(offset->context, WIDTH, CURVE_HEIGHT + (over_time ? TIME_HEIGHT : 0),
                                                     white, &canvas)
                                : AVSOUND_E_NO_MEMORY;
    if (!status) {
        draw_curve(&d, canvas);
        if (over_time)
            draw_windows(&d, canvas);
        status = avsn_canvas_write(canvas, path);
    }
    avsn_canvas_free(canvas);
    avsn_free(offset->context, d.x);
    return status;
}
