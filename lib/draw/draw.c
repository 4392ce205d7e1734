/* Strokes are laid down as coverage first, the larger of two where they meet, and inked together: joints do not show,
 * and a translucent line is evenly so. */
#include "draw/draw.h"

#include <math.h>
#include <string.h>

#include "dsp/image.h"
#include "media/media.h"

/* ---- the canvas ---- */

static avsn_box intersect(avsn_box a, avsn_box b)
{
    const int64_t x0 = AVSN_MAX(a.x, b.x), y0 = AVSN_MAX(a.y, b.y);
    const int64_t x1 = AVSN_MIN((int64_t)a.x + a.width, (int64_t)b.x + b.width);
    const int64_t y1 = AVSN_MIN((int64_t)a.y + a.height, (int64_t)b.y + b.height);
    return (avsn_box){(int32_t)x0, (int32_t)y0, (int32_t)AVSN_MAX(x1 - x0, 0), (int32_t)AVSN_MAX(y1 - y0, 0)};
}

avsound_status avsn_canvas_create(avsound_context *context, int32_t width, int32_t height, uint32_t colour,
                                  avsn_canvas **out)
{
    *out = NULL;
    if (width < 1 || height < 1 || width > 16384 || height > 65535)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "canvas of %d x %d, want 1 x 1 to 16384 x 65535", width, height);
    avsn_canvas *canvas = avsn_alloc_zeroed(context, 1, sizeof *canvas);
    if (!canvas)
        return AVSOUND_E_NO_MEMORY;
    canvas->context = avsn_context_ref(context);
    canvas->width = width;
    canvas->height = height;
    const size_t pixels = (size_t)width * (size_t)height;
    canvas->rgb = avsn_alloc(context, pixels, 3);
    canvas->cover = canvas->rgb ? avsn_alloc_zeroed(context, pixels, 1) : NULL;
    if (!canvas->cover) {
        avsn_canvas_free(canvas);
        return AVSOUND_E_NO_MEMORY;
    }
    avsn_canvas_unclip(canvas);
    avsn_canvas_fill(canvas, canvas->clip, colour, 1);
    *out = canvas;
    return AVSOUND_OK;
}

void avsn_canvas_free(avsn_canvas *canvas)
{
    if (!canvas)
        return;
    avsound_context *context = canvas->context;
    avsn_free(context, canvas->rgb);
    avsn_free(context, canvas->cover);
    avsn_free(context, canvas);
    avsound_context_free(context);
}

avsound_status avsn_canvas_write(const avsn_canvas *canvas, const char *path)
{
    const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = canvas->width,
                                 .height = canvas->height, .data = {canvas->rgb}, .stride = {canvas->width * 3}};
    return avsn_picture_write(canvas->context, path, &frame);
}

void avsn_canvas_clip(avsn_canvas *canvas, avsn_box box)
{
    canvas->clip = intersect(box, (avsn_box){0, 0, canvas->width, canvas->height});
}

void avsn_canvas_unclip(avsn_canvas *canvas)
{
    canvas->clip = (avsn_box){0, 0, canvas->width, canvas->height};
}

static uint8_t *pixel_at(const avsn_canvas *canvas, int32_t x, int32_t y)
{
    return canvas->rgb + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
}

static void blend(uint8_t *pixel, uint32_t colour, float opacity)
{
    for (int c = 0; c < 3; c++) {
        const float ink = (float)(colour >> (16 - 8 * c) & 255), paper = pixel[c];
        pixel[c] = (uint8_t)(paper + (ink - paper) * opacity + .5f);
    }
}

void avsn_canvas_fill(avsn_canvas *canvas, avsn_box box, uint32_t colour, float opacity)
{
    const avsn_box b = intersect(box, canvas->clip);
    for (int32_t y = b.y; y < b.y + b.height; y++)
        for (int32_t x = b.x; x < b.x + b.width; x++)
            blend(pixel_at(canvas, x, y), colour, opacity);
}

void avsn_canvas_outline(avsn_canvas *canvas, avsn_box box, uint32_t colour)
{
    const int32_t right = box.x + box.width - 1, bottom = box.y + box.height - 1;
    avsn_canvas_fill(canvas, (avsn_box){box.x, box.y, box.width, 1}, colour, 1);
    avsn_canvas_fill(canvas, (avsn_box){box.x, bottom, box.width, 1}, colour, 1);
    avsn_canvas_fill(canvas, (avsn_box){box.x, box.y, 1, box.height}, colour, 1);
    avsn_canvas_fill(canvas, (avsn_box){right, box.y, 1, box.height}, colour, 1);
}

/* ---- strokes ---- */

static double clamped(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Smallest box around both that is not empty. */
static avsn_box unite(avsn_box a, avsn_box b)
{
    if (!a.width || !a.height)
        return b;
    const int32_t x0 = AVSN_MIN(a.x, b.x), y0 = AVSN_MIN(a.y, b.y);
    const int32_t x1 = AVSN_MAX(a.x + a.width, b.x + b.width), y1 = AVSN_MAX(a.y + a.height, b.y + b.height);
    return (avsn_box){x0, y0, x1 - x0, y1 - y0};
}

static avsn_box box_of_segment(const avsn_canvas *canvas, double x0, double y0, double x1, double y1, double reach)
{
    const double far = 1e6;
    const int32_t left = (int32_t)floor(clamped(fmin(x0, x1) - reach, -far, far));
    const int32_t top = (int32_t)floor(clamped(fmin(y0, y1) - reach, -far, far));
    const int32_t right = (int32_t)ceil(clamped(fmax(x0, x1) + reach, -far, far));
    const int32_t bottom = (int32_t)ceil(clamped(fmax(y0, y1) + reach, -far, far));
    return intersect((avsn_box){left, top, right - left, bottom - top}, canvas->clip);
}

/* All pixels nearer to the segment than `radius`, those at its edge in part. */
static void stroke(avsn_canvas *canvas, double x0, double y0, double x1, double y1, double radius)
{
    if (!isfinite(x0) || !isfinite(y0) || !isfinite(x1) || !isfinite(y1))
        return;
    const avsn_box b = box_of_segment(canvas, x0, y0, x1, y1, radius + 1);
    if (!b.width || !b.height)
        return;
    const double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    for (int32_t y = b.y; y < b.y + b.height; y++) {
        uint8_t *row = canvas->cover + (size_t)y * (size_t)canvas->width;
        for (int32_t x = b.x; x < b.x + b.width; x++) {
            const double px = x + .5 - x0, py = y + .5 - y0;
            const double along = length > 0 ? clamped((px * dx + py * dy) / length, 0, 1) : 0;
            const double distance = hypot(px - along * dx, py - along * dy);
            const uint8_t cover = (uint8_t)(clamped(radius + .5 - distance, 0, 1) * 255 + .5);
            row[x] = AVSN_MAX(row[x], cover);
        }
    }
    canvas->dirty = unite(canvas->dirty, b);
}

void avsn_canvas_ink(avsn_canvas *canvas, uint32_t colour, float opacity)
{
    const avsn_box b = canvas->dirty;
    for (int32_t y = b.y; y < b.y + b.height; y++) {
        uint8_t *row = canvas->cover + (size_t)y * (size_t)canvas->width;
        for (int32_t x = b.x; x < b.x + b.width; x++)
            if (row[x])
                blend(pixel_at(canvas, x, y), colour, opacity * (float)row[x] / 255);
        memset(row + b.x, 0, (size_t)b.width);
    }
    canvas->dirty = (avsn_box){0};
}

void avsn_canvas_stroke(avsn_canvas *canvas, double x0, double y0, double x1, double y1, float thickness, float dash,
                        double *phase)
{
    const double length = hypot(x1 - x0, y1 - y0);
    if (!(dash > 0) || !(length < 1e5)) {
        stroke(canvas, x0, y0, x1, y1, thickness / 2);
        return;
    }
    for (double at = 0; at < length;) {
        const double in_pattern = fmod(*phase + at, 2 * dash);
        const double end = fmin(length, at + (in_pattern < dash ? dash : 2 * dash) - in_pattern + 1e-6);
        if (in_pattern < dash)
            stroke(canvas, x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length, x0 + (x1 - x0) * end / length,
                   y0 + (y1 - y0) * end / length, thickness / 2);
        at = end;
    }
    *phase += length;
}

void avsn_canvas_line(avsn_canvas *canvas, double x0, double y0, double x1, double y1, float thickness, float dash,
                      uint32_t colour, float opacity)
{
    double phase = 0;
    avsn_canvas_stroke(canvas, x0, y0, x1, y1, thickness, dash, &phase);
    avsn_canvas_ink(canvas, colour, opacity);
}

void avsn_canvas_dot(avsn_canvas *canvas, double x, double y, float radius, uint32_t colour, float opacity)
{
    stroke(canvas, x, y, x, y, radius);
    avsn_canvas_ink(canvas, colour, opacity);
}

/* ---- text ---- */

enum { GLYPH_ROWS = AVSN_TEXT_HEIGHT + AVSN_TEXT_DESCENT, GLYPH_COLUMNS = 5 };

/* Rows from the top, five bits each, the highest on the left; the baseline is under row 6. */
static const uint8_t font[95][GLYPH_ROWS] = {
    [' ' - ' '] = {0}, ['!' - ' '] = {4, 4, 4, 4, 4, 0, 4}, ['"' - ' '] = {0x0a, 0x0a, 0x0a},
    ['#' - ' '] = {0x0a, 0x0a, 0x1f, 0x0a, 0x1f, 0x0a, 0x0a}, ['$' - ' '] = {4, 0x0f, 0x14, 0x0e, 5, 0x1e, 4},
    ['%' - ' '] = {0x11, 0x11, 2, 4, 8, 0x11, 0x11}, ['&' - ' '] = {0x0c, 0x12, 0x14, 8, 0x15, 0x12, 0x0d},
    ['\'' - ' '] = {4, 4, 4}, ['(' - ' '] = {2, 4, 8, 8, 8, 4, 2}, [')' - ' '] = {8, 4, 2, 2, 2, 4, 8},
    ['*' - ' '] = {0, 4, 0x15, 0x0e, 0x15, 4}, ['+' - ' '] = {0, 4, 4, 0x1f, 4, 4},
    [',' - ' '] = {0, 0, 0, 0, 0, 0, 4, 4, 8}, ['-' - ' '] = {0, 0, 0, 0x0e}, ['.' - ' '] = {0, 0, 0, 0, 0, 0, 4},
    ['/' - ' '] = {1, 1, 2, 4, 8, 0x10, 0x10}, ['0' - ' '] = {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e},
    ['1' - ' '] = {4, 0x0c, 4, 4, 4, 4, 0x0e}, ['2' - ' '] = {0x0e, 0x11, 1, 2, 4, 8, 0x1f},
    ['3' - ' '] = {0x0e, 0x11, 1, 6, 1, 0x11, 0x0e}, ['4' - ' '] = {2, 6, 0x0a, 0x12, 0x1f, 2, 2},
    ['5' - ' '] = {0x1f, 0x10, 0x1e, 1, 1, 0x11, 0x0e}, ['6' - ' '] = {6, 8, 0x10, 0x1e, 0x11, 0x11, 0x0e},
    ['7' - ' '] = {0x1f, 1, 2, 2, 4, 4, 4}, ['8' - ' '] = {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e},
    ['9' - ' '] = {0x0e, 0x11, 0x11, 0x0f, 1, 2, 0x0c}, [':' - ' '] = {0, 0, 4, 0, 0, 0, 4},
    [';' - ' '] = {0, 0, 4, 0, 0, 0, 4, 4, 8}, ['<' - ' '] = {0, 2, 4, 8, 4, 2}, ['=' - ' '] = {0, 0, 0x1f, 0, 0x1f},
    ['>' - ' '] = {0, 8, 4, 2, 4, 8}, ['?' - ' '] = {0x0e, 0x11, 1, 2, 4, 0, 4},
    ['@' - ' '] = {0x0e, 0x11, 0x17, 0x15, 0x17, 0x10, 0x0e}, ['A' - ' '] = {4, 0x0a, 0x11, 0x11, 0x1f, 0x11, 0x11},
    ['B' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e},
    ['C' - ' '] = {0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e},
    ['D' - ' '] = {0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e},
    ['E' - ' '] = {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f},
    ['F' - ' '] = {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10},
    ['G' - ' '] = {0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0e},
    ['H' - ' '] = {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}, ['I' - ' '] = {0x0e, 4, 4, 4, 4, 4, 0x0e},
    ['J' - ' '] = {7, 2, 2, 2, 2, 0x12, 0x0c}, ['K' - ' '] = {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11},
    ['L' - ' '] = {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f},
    ['M' - ' '] = {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11},
    ['N' - ' '] = {0x11, 0x11, 0x19, 0x15, 0x13, 0x11, 0x11},
    ['O' - ' '] = {4, 0x0a, 0x11, 0x11, 0x11, 0x0a, 4},
    ['P' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10},
    ['Q' - ' '] = {0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d},
    ['R' - ' '] = {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11}, ['S' - ' '] = {0x0e, 0x11, 0x10, 0x0e, 1, 0x11, 0x0e},
    ['T' - ' '] = {0x1f, 4, 4, 4, 4, 4, 4}, ['U' - ' '] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e},
    ['V' - ' '] = {0x11, 0x11, 0x11, 0x11, 0x0a, 0x0a, 4}, ['W' - ' '] = {0x11, 0x11, 0x11, 0x15, 0x15, 0x15, 0x0a},
    ['X' - ' '] = {0x11, 0x11, 0x0a, 4, 0x0a, 0x11, 0x11}, ['Y' - ' '] = {0x11, 0x11, 0x0a, 4, 4, 4, 4},
    ['Z' - ' '] = {0x1f, 1, 2, 4, 8, 0x10, 0x1f}, ['[' - ' '] = {0x0e, 8, 8, 8, 8, 8, 0x0e},
    ['\\' - ' '] = {0x10, 0x10, 8, 4, 2, 1, 1}, [']' - ' '] = {0x0e, 2, 2, 2, 2, 2, 0x0e},
    ['^' - ' '] = {4, 0x0a, 0x11}, ['_' - ' '] = {0, 0, 0, 0, 0, 0, 0, 0x1f}, ['`' - ' '] = {8, 4},
    ['a' - ' '] = {0, 0, 0x0e, 1, 0x0f, 0x11, 0x0f}, ['b' - ' '] = {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e},
    ['c' - ' '] = {0, 0, 0x0e, 0x11, 0x10, 0x11, 0x0e}, ['d' - ' '] = {1, 1, 0x0f, 0x11, 0x11, 0x11, 0x0f},
    ['e' - ' '] = {0, 0, 0x0e, 0x11, 0x1f, 0x10, 0x0e}, ['f' - ' '] = {6, 8, 0x1c, 8, 8, 8, 8},
    ['g' - ' '] = {0, 0, 0x0f, 0x11, 0x11, 0x11, 0x0f, 1, 0x0e},
    ['h' - ' '] = {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x11}, ['i' - ' '] = {4, 0, 4, 4, 4, 4, 4},
    ['j' - ' '] = {2, 0, 2, 2, 2, 2, 2, 2, 0x0c}, ['k' - ' '] = {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12},
    ['l' - ' '] = {8, 8, 8, 8, 8, 8, 4}, ['m' - ' '] = {0, 0, 0x1a, 0x15, 0x15, 0x15, 0x15},
    ['n' - ' '] = {0, 0, 0x1e, 0x11, 0x11, 0x11, 0x11}, ['o' - ' '] = {0, 0, 0x0e, 0x11, 0x11, 0x11, 0x0e},
    ['p' - ' '] = {0, 0, 0x1e, 0x11, 0x11, 0x11, 0x1e, 0x10, 0x10},
    ['q' - ' '] = {0, 0, 0x0f, 0x11, 0x11, 0x11, 0x0f, 1, 1}, ['r' - ' '] = {0, 0, 0x0b, 0x0c, 8, 8, 8},
    ['s' - ' '] = {0, 0, 0x0f, 0x10, 0x0e, 1, 0x1e}, ['t' - ' '] = {8, 8, 0x1c, 8, 8, 8, 6},
    ['u' - ' '] = {0, 0, 0x11, 0x11, 0x11, 0x13, 0x0d}, ['v' - ' '] = {0, 0, 0x11, 0x11, 0x0a, 0x0a, 4},
    ['w' - ' '] = {0, 0, 0x11, 0x11, 0x15, 0x15, 0x0a}, ['x' - ' '] = {0, 0, 0x11, 0x0a, 4, 0x0a, 0x11},
    ['y' - ' '] = {0, 0, 0x11, 0x11, 0x11, 0x11, 0x0f, 1, 0x0e}, ['z' - ' '] = {0, 0, 0x1f, 2, 4, 8, 0x1f},
    ['{' - ' '] = {2, 4, 4, 8, 4, 4, 2}, ['|' - ' '] = {4, 4, 4, 4, 4, 4, 4, 4, 4},
    ['}' - ' '] = {8, 4, 4, 2, 4, 4, 8}, ['~' - ' '] = {0, 0, 0, 8, 0x15, 2},
};

static const uint8_t *glyph_of(unsigned char c)
{
    return font[(c >= ' ' && c <= '~' ? c : '?') - ' '];
}

/* The inner bytes of a character of more than one (UTF-8). */
static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* First and last column in use. Figures have one width, so that columns of numbers align. */
static void glyph_columns(unsigned char c, int32_t *first, int32_t *last)
{
    const uint8_t *rows = glyph_of(c);
    unsigned used = 0;
    for (int32_t r = 0; r < GLYPH_ROWS; r++)
        used |= rows[r];
    *first = 0;
    *last = c == ' ' ? 2 : GLYPH_COLUMNS - 1;
    if (!used || (c >= '0' && c <= '9'))
        return;
    while (!(used >> (GLYPH_COLUMNS - 1 - *first) & 1))
        ++*first;
    while (!(used >> (GLYPH_COLUMNS - 1 - *last) & 1))
        --*last;
}

static int32_t advance(unsigned char c)
{
    int32_t first, last;
    glyph_columns(c, &first, &last);
    return last - first + 2;
}

double avsn_text_width(double unit, const char *text)
{
    int32_t units = 0;
    for (; *text; text++)
        if (!is_tail((unsigned char)*text))
            units += advance((unsigned char)*text);
    return unit * (double)AVSN_MAX(units - 1, 0);
}

size_t avsn_text_fit(double unit, const char *text, double width)
{
    double units = 0;
    size_t n = 0;
    for (; text[n]; n++) {
        if (is_tail((unsigned char)text[n]))
            continue;
        units += advance((unsigned char)text[n]);
        if ((units - 1) * unit > width)
            break;
    }
    return n;
}

static bool lit(const uint8_t *rows, int32_t r, int32_t c)
{
    return r >= 0 && r < GLYPH_ROWS && c >= 0 && c < GLYPH_COLUMNS && rows[r] >> (GLYPH_COLUMNS - 1 - c) & 1;
}

/* Neighbouring dots of the pattern are joined by strokes; across a corner only where no straight way leads round it. */
static void stroke_glyph(avsn_canvas *canvas, double x, double y, double unit, const uint8_t *rows)
{
    static const int32_t ways[4][2] = {{0, 1}, {1, 0}, {1, 1}, {1, -1}};
    const double radius = fmax(.5, unit * .47);
    for (int32_t r = 0; r < GLYPH_ROWS; r++)
        for (int32_t c = 0; c < GLYPH_COLUMNS; c++) {
            if (!lit(rows, r, c))
                continue;
            const double cx = x + (c + .5) * unit, cy = y + (r + .5) * unit;
            stroke(canvas, cx, cy, cx, cy, radius);
            for (int w = 0; w < 4; w++) {
                const int32_t down = ways[w][0], right = ways[w][1];
                const bool corner = down && right && (lit(rows, r + down, c) || lit(rows, r, c + right));
                if (lit(rows, r + down, c + right) && !corner)
                    stroke(canvas, cx, cy, cx + right * unit, cy + down * unit, radius);
            }
        }
}

void avsn_canvas_text(avsn_canvas *canvas, double x, double y, double unit, uint32_t colour, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        int32_t first, last;
        if (is_tail(c))
            continue;
        glyph_columns(c, &first, &last);
        stroke_glyph(canvas, x - first * unit, y, unit, glyph_of(c));
        x += (last - first + 2) * unit;
    }
    avsn_canvas_ink(canvas, colour, 1);
}

/* ---- pictures ---- */

/* Mean of the source under (or, where it is enlarged, the straight line between the sources around) one output pixel:
 * weights along one axis, first...last. */
typedef struct span {
    int32_t first, last;
    double weight_first, weight_last, weight_inner;
} span;

static span span_of(int32_t index, int32_t out, int32_t in)
{
    const double scale = (double)in / out;
    if (scale <= 1) {
        const double at = clamped((index + .5) * scale - .5, 0, in - 1);
        const int32_t first = (int32_t)at;
        return (span){first, AVSN_MIN(first + 1, in - 1), 1 - (at - first), at - first, 0};
    }
    const double low = index * scale, high = fmin(in, low + scale);
    const int32_t first = (int32_t)low, last = AVSN_MIN((int32_t)ceil(high), in) - 1;
    if (first >= last)
        return (span){first, first, 1, 0, 0};
    return (span){first, last, (first + 1 - low) / scale, (high - last) / scale, 1 / scale};
}

static double weight_at(const span *s, int32_t i)
{
    if (i == s->first)
        return s->first == s->last ? s->weight_first + s->weight_last : s->weight_first;
    return i == s->last ? s->weight_last : s->weight_inner;
}

void avsn_canvas_image(avsn_canvas *canvas, avsn_box box, const uint8_t *rgb, ptrdiff_t stride, int32_t width,
                       int32_t height)
{
    const avsn_box b = intersect(box, canvas->clip);
    for (int32_t y = b.y; y < b.y + b.height; y++) {
        const span rows = span_of(y - box.y, box.height, height);
        for (int32_t x = b.x; x < b.x + b.width; x++) {
            const span cols = span_of(x - box.x, box.width, width);
            double sum[3] = {0};
            for (int32_t r = rows.first; r <= rows.last; r++)
                for (int32_t c = cols.first; c <= cols.last; c++)
                    for (int k = 0; k < 3; k++)
                        sum[k] += weight_at(&rows, r) * weight_at(&cols, c) * rgb[r * stride + c * 3 + k];
            for (int k = 0; k < 3; k++)
                pixel_at(canvas, x, y)[k] = (uint8_t)(clamped(sum[k], 0, 255) + .5);
        }
    }
}

void avsn_canvas_matrix(avsn_canvas *canvas, avsn_box box, const float *values, int32_t rows, int32_t cols, float low,
                        float high, int32_t map)
{
    const avsn_box b = intersect(box, canvas->clip);
    const float range = high > low ? high - low : 1;
    for (int32_t y = b.y; y < b.y + b.height; y++) {
        const span from = span_of(box.height - 1 - (y - box.y), box.height, rows);
        for (int32_t x = b.x; x < b.x + b.width; x++) {
            const span cut = span_of(x - box.x, box.width, cols);
            double sum = 0;
            for (int32_t r = from.first; r <= from.last; r++)
                for (int32_t c = cut.first; c <= cut.last; c++)
                    sum += weight_at(&from, r) * weight_at(&cut, c) * (double)values[(int64_t)r * cols + c];
            avsn_colour(map, ((float)sum - low) / range, pixel_at(canvas, x, y));
        }
    }
}
