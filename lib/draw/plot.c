/* Plots on a canvas: range, ticks, grid, series, legend. */
#include <math.h>
#include <stdio.h>

#include "draw/draw.h"

static const uint32_t ink_text = 0x3C4043, ink_faint = 0x80868B, ink_grid = 0xE8EAED, ink_axis = 0xBDC1C6;

static const double unit = 1.5;

/* ---- ticks ---- */

static double round_step(double step)
{
    const double power = pow(10, floor(log10(step)));
    const double part = step / power;
    return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

size_t avsn_ticks(double low, double high, size_t wanted, double ticks[AVSN_MOST_TICKS], double *step)
{
    *step = 1;
    ticks[0] = low;
    if (!(low < high) || !isfinite(high - low) || !wanted)
        return 1;
    *step = round_step((high - low) / (double)AVSN_MIN(wanted, AVSN_MOST_TICKS / 2));
    size_t count = 0;
    const double slack = *step * 1e-9;
    for (double n = ceil((low - slack) / *step); n * *step <= high + slack && count < AVSN_MOST_TICKS; n++)
        ticks[count++] = n * *step;
    return count;
}

size_t avsn_log_ticks(double low, double high, double ticks[AVSN_MOST_TICKS])
{
    static const double parts[] = {1, 2, 5};
    const bool few = high / low < 1000;
    size_t count = 0;
    for (double power = pow(10, floor(log10(low))); power <= high * (1 + 1e-9); power *= 10)
        for (int p = 0; p < (few ? 3 : 1); p++) {
            const double tick = power * parts[p];
            if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9) && count < AVSN_MOST_TICKS)
                ticks[count++] = tick;
        }
    return count;
}

/* "0.25", "25 %", "1500", "20k", "1.5M" */
static void label_of(double value, double step, bool percent, char text[32])
{
    double shown = percent ? value * 100 : value, apart = percent ? step * 100 : step;
    const char *ending = percent ? " %" : "";
    if (!percent && fabs(value) >= 1e6) {
        shown /= 1e6;
        apart /= 1e6;
        ending = "M";
    } else if (!percent && fabs(value) >= 1e4) {
        shown /= 1e3;
        apart /= 1e3;
        ending = "k";
    }
    const double digits = apart > 0 ? -floor(log10(apart) + 1e-9) : 0;
    snprintf(text, 32, "%.*f%s", digits > 0 ? (int)fmin(digits, 9) : 0, fabs(shown) < apart / 1e3 ? 0 : shown, ending);
}

/* ---- where a value stands ---- */

typedef struct scale {
    double low, high; /* of the axis, logarithms where it is logarithmic */
    double start, length; /* in pixels; negative length: upwards */
} scale;

static double place(const scale *s, double value)
{
    return s->start + (s->high > s->low ? (value - s->low) / (s->high - s->low) : .5) * s->length;
}

static double on_x(const avsn_plot *plot, double value)
{
    return plot->log_x ? log10(value < 1 ? 1 : value) : value;
}

static void widen(double value, double *low, double *high)
{
    if (!isfinite(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static bool sets_range(const avsn_plot *plot, const avsn_series *s)
{
    bool only_clouds = true;
    for (size_t i = 0; i < plot->count; i++)
        only_clouds &= plot->series[i].style == AVSN_SERIES_CLOUD;
    return only_clouds || s->style != AVSN_SERIES_CLOUD;
}

static void find_ranges(const avsn_plot *plot, scale *sx, scale *sy)
{
    *sx = *sy = (scale){.low = INFINITY, .high = -INFINITY};
    if (plot->low <= plot->high) {
        widen(plot->low, &sy->low, &sy->high);
        widen(plot->high, &sy->low, &sy->high);
    }
    for (size_t i = 0; i < plot->count; i++) {
        const avsn_series *s = &plot->series[i];
        for (size_t n = 0; n < s->count; n++) {
            widen(on_x(plot, s->x[n]), &sx->low, &sx->high);
            if (sets_range(plot, s))
                widen(s->y[n], &sy->low, &sy->high);
        }
    }
    if (!(sx->low <= sx->high))
        sx->low = 0, sx->high = 1;
    if (!(sy->low <= sy->high))
        sy->low = 0, sy->high = 1;
    if (sx->low == sx->high)
        sx->high += 1;
    const double spread = sy->high - sy->low, margin = spread > 0 ? spread * .06 : fmax(fabs(sy->high) * .1, .01);
    sy->low -= margin;
    sy->high += margin;
    if (plot->percent) {
        sy->low = fmax(sy->low, 0);
        sy->high = fmin(sy->high, 1);
    }
}

/* ---- drawing ---- */

static void draw_y_axis(avsn_canvas *canvas, const avsn_plot *plot, avsn_box area, const scale *sy)
{
    double ticks[AVSN_MOST_TICKS], step;
    const size_t count = avsn_ticks(sy->low, sy->high, (size_t)AVSN_MAX(2, area.height / 48), ticks, &step);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        const double y = place(sy, ticks[i]);
        label_of(ticks[i], step, plot->percent, text);
        avsn_canvas_fill(canvas, (avsn_box){area.x, (int32_t)y, area.width, 1}, ink_grid, 1);
        avsn_canvas_text(canvas, area.x - 8 - avsn_text_width(unit, text), floor(y) + .5 - unit * AVSN_TEXT_HEIGHT / 2,
                         unit, ink_faint, text);
    }
}

static void draw_x_axis(avsn_canvas *canvas, const avsn_plot *plot, avsn_box area, const scale *sx)
{
    double ticks[AVSN_MOST_TICKS], step = 0;
    const size_t wanted = (size_t)AVSN_MAX(2, area.width / 90);
    const size_t count = plot->log_x ? avsn_log_ticks(pow(10, sx->low), pow(10, sx->high), ticks)
                                     : avsn_ticks(sx->low, sx->high, wanted, ticks, &step);
    const int32_t bottom = area.y + area.height;
    double taken = -1e9;
    for (size_t i = 0; i < count; i++) {
        char text[32];
        label_of(ticks[i], plot->log_x ? ticks[i] : step, false, text);
        const double x = place(sx, on_x(plot, ticks[i])), width = avsn_text_width(unit, text);
        avsn_canvas_fill(canvas, (avsn_box){(int32_t)x, bottom, 1, 4}, ink_axis, 1);
        if (x - width / 2 < taken)
            continue;
        avsn_canvas_text(canvas, floor(x - width / 2) + .5, bottom + 9, unit, ink_faint, text);
        taken = x + width / 2 + 10;
    }
    avsn_canvas_fill(canvas, (avsn_box){area.x, bottom, area.width, 1}, ink_axis, 1);
    if (plot->x_label)
        avsn_canvas_text(canvas, area.x + area.width - avsn_text_width(unit, plot->x_label), bottom + 27, unit,
                         ink_faint, plot->x_label);
}

static double y_of(const scale *sy, double value)
{
    return isfinite(value) ? place(sy, value) : NAN;
}

static void draw_line(avsn_canvas *canvas, const avsn_plot *plot, const avsn_series *s, const scale *sx,
                      const scale *sy)
{
    double last_x = NAN, last_y = NAN, phase = 0;
    for (size_t n = 0; n < s->count; n++) {
        const double x = place(sx, on_x(plot, s->x[n])), y = y_of(sy, s->y[n]);
        if (isfinite(y) && isfinite(last_y))
            avsn_canvas_stroke(canvas, last_x, last_y, x, y, s->thickness, s->style & AVSN_SERIES_DASHED ? 6 : 0,
                               &phase);
        last_x = x;
        last_y = y;
    }
    avsn_canvas_ink(canvas, s->colour, 1);
}

static void draw_marks(avsn_canvas *canvas, const avsn_plot *plot, const avsn_series *s, const scale *sx,
                       const scale *sy)
{
    for (size_t n = 0; n < s->count; n++) {
        const double x = place(sx, on_x(plot, s->x[n])), y = y_of(sy, s->y[n]);
        if (s->style & AVSN_SERIES_CLOUD)
            avsn_canvas_dot(canvas, x, y, 1.2f, s->colour, .18f);
        if (s->style & AVSN_SERIES_DOTS) {
            avsn_canvas_dot(canvas, x, y, s->thickness * 2.1f, 0xFFFFFF, 1);
            avsn_canvas_dot(canvas, x, y, s->thickness * 1.5f, s->colour, 1);
        }
    }
}

/* From the right end of the title's line to the left, the last series first. */
static void draw_legend(avsn_canvas *canvas, const avsn_plot *plot, int32_t right, int32_t top)
{
    const double swatch = 22, middle = top + unit * AVSN_TEXT_HEIGHT / 2;
    double phase = 0;
    for (size_t i = plot->count; i-- > 0;) {
        const avsn_series *s = &plot->series[i];
        if (!s->label)
            continue;
        const double x = floor(right - avsn_text_width(unit, s->label));
        avsn_canvas_text(canvas, x, top, unit, ink_text, s->label);
        if (s->style & AVSN_SERIES_LINE) {
            avsn_canvas_stroke(canvas, x - 8 - swatch, middle, x - 8, middle, s->thickness,
                               s->style & AVSN_SERIES_DASHED ? 6 : 0, &phase);
            avsn_canvas_ink(canvas, s->colour, 1);
        }
        if (s->style & (AVSN_SERIES_DOTS | AVSN_SERIES_CLOUD))
            avsn_canvas_dot(canvas, x - 8 - swatch / 2, middle, s->thickness * 1.5f, s->colour, 1);
        right = (int32_t)(x - 8 - swatch - 20);
    }
}

void avsn_canvas_plot(avsn_canvas *canvas, const avsn_plot *plot)
{
    const avsn_box b = plot->box;
    const avsn_box area = {b.x + 58, b.y + 36, b.width - 58 - 24, b.height - 36 - 44};
    if (area.width < 20 || area.height < 20)
        return;
    scale sx, sy;
    find_ranges(plot, &sx, &sy);
    sx.start = area.x;
    sx.length = area.width;
    sy.start = area.y + area.height;
    sy.length = -area.height;
    draw_y_axis(canvas, plot, area, &sy);
    draw_x_axis(canvas, plot, area, &sx);
    if (plot->title)
        avsn_canvas_text(canvas, area.x, b.y + 10, 1.75, ink_text, plot->title);
    draw_legend(canvas, plot, area.x + area.width, b.y + 11);
    /* Dots at the edge are whole. */
    avsn_canvas_clip(canvas, (avsn_box){area.x - 6, area.y - 6, area.width + 12, area.height + 12});
    for (size_t i = 0; i < plot->count; i++) {
        if (plot->series[i].style & AVSN_SERIES_LINE)
            draw_line(canvas, plot, &plot->series[i], &sx, &sy);
        draw_marks(canvas, plot, &plot->series[i], &sx, &sy);
    }
    avsn_canvas_unclip(canvas);
}
