/* Pictures for people: an RGB canvas with antialiased lines, text and plots. Coordinates are in pixels, x to the right
 * and y down; the centre of the top left pixel stands at (0.5, 0.5). What lies outside the canvas is cut off. */
#ifndef AVSN_DRAW_H
#define AVSN_DRAW_H

#include "base/base.h"

typedef struct avsn_box {
    int32_t x, y, width, height;
} avsn_box;

typedef struct avsn_canvas {
    avsound_context *context;
    int32_t width, height;
    uint8_t *rgb;   /* [height][width][3] */
    uint8_t *cover; /* [height][width]: strokes laid down, not yet inked */
    avsn_box dirty; /* where `cover` may be above 0 */
    avsn_box clip;  /* the only part that is drawn on */
} avsn_canvas;

/* Colours are 0xRRGGBB. */
AVSN_SHARED avsound_status avsn_canvas_create(avsound_context *context, int32_t width, int32_t height, uint32_t colour,
                                  avsn_canvas **out);
AVSN_SHARED void avsn_canvas_free(avsn_canvas *canvas);
/* A .png or .jpg file, complete or not at all. */
AVSN_SHARED avsound_status avsn_canvas_write(const avsn_canvas *canvas, const char *path);

void avsn_canvas_clip(avsn_canvas *canvas, avsn_box box); /* cut to the canvas */
void avsn_canvas_unclip(avsn_canvas *canvas);

AVSN_SHARED void avsn_canvas_fill(avsn_canvas *canvas, avsn_box box, uint32_t colour, float opacity);
AVSN_SHARED void avsn_canvas_outline(avsn_canvas *canvas, avsn_box box, uint32_t colour); /* one pixel, inside the box */
/* `thickness` in pixels, round ends. A dash is `dash` pixels long, the gap as well; 0: no gaps. */
void avsn_canvas_line(avsn_canvas *canvas, double x0, double y0, double x1, double y1, float thickness, float dash,
                      uint32_t colour, float opacity);
/* A line of several parts: strokes, then the ink for all of them at once. `phase`, 0 at first, carries dashes on. */
void avsn_canvas_stroke(avsn_canvas *canvas, double x0, double y0, double x1, double y1, float thickness, float dash,
                        double *phase);
void avsn_canvas_ink(avsn_canvas *canvas, uint32_t colour, float opacity);
void avsn_canvas_dot(avsn_canvas *canvas, double x, double y, float radius, uint32_t colour, float opacity);

/* Text in ASCII; any other character becomes a '?'. The font's capitals are 7 units high, its descenders go 2 further
 * down; `unit` is a unit's pixels, 1.5 for a plot's labels. (x, y) is the top left corner of the first capital. */
#define AVSN_TEXT_HEIGHT 7
#define AVSN_TEXT_DESCENT 2
AVSN_SHARED void avsn_canvas_text(avsn_canvas *canvas, double x, double y, double unit, uint32_t colour, const char *text);
AVSN_SHARED double avsn_text_width(double unit, const char *text);
/* How many bytes of the text, from its start, fit into `width` pixels. */
AVSN_SHARED size_t avsn_text_fit(double unit, const char *text, double width);

/* RGB24 rows, `stride` bytes apart, scaled to the box: means of the pixels under each when shrinking, else bilinear. */
AVSN_SHARED void avsn_canvas_image(avsn_canvas *canvas, avsn_box box, const uint8_t *rgb, ptrdiff_t stride, int32_t width,
                       int32_t height);
/* A matrix [rows][cols] in a colour map (AVSN_COLOUR_ of dsp/image.h), `low` at its dark end and `high` at its bright
 * one, row 0 at the bottom as in a spectrogram. */
AVSN_SHARED void avsn_canvas_matrix(avsn_canvas *canvas, avsn_box box, const float *values, int32_t rows, int32_t cols, float low,
                        float high, int32_t map);

/* ---- plots ---- */

enum {
    AVSN_SERIES_LINE = 1,
    AVSN_SERIES_DASHED = 2, /* with LINE */
    AVSN_SERIES_DOTS = 4,   /* a dot of the line's colour at every value */
    AVSN_SERIES_CLOUD = 8   /* small faint dots, which do not widen the plot's range */
};

typedef struct avsn_series {
    const char *label; /* in the legend; NULL: not there */
    uint32_t colour;
    int32_t style;          /* AVSN_SERIES_ bits */
    float thickness;
    const double *x, *y;    /* x ascending; a y that is not finite leaves a gap */
    size_t count;
} avsn_series;

typedef struct avsn_plot {
    avsn_box box; /* everything, labels included */
    const char *title, *x_label;
    bool log_x;   /* values below 1 stand at 1 */
    bool percent; /* the values of y are shares */
    double low, high; /* range of y at least; low > high: none asked for */
    const avsn_series *series;
    size_t count;
} avsn_plot;

AVSN_SHARED void avsn_canvas_plot(avsn_canvas *canvas, const avsn_plot *plot);

/* Round numbers (1, 2 or 5 times a power of ten apart) in low...high, about `wanted` of them, at most AVSN_MOST_TICKS;
 * *step is their distance. For low >= high one tick. */
#define AVSN_MOST_TICKS 24
size_t avsn_ticks(double low, double high, size_t wanted, double ticks[AVSN_MOST_TICKS], double *step);
/* 1, 2, 5, 10, ... or only the powers of ten where those are many. 1 <= low. */
size_t avsn_log_ticks(double low, double high, double ticks[AVSN_MOST_TICKS]);

#endif
