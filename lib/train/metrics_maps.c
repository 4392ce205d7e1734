/* Localisation maps against boxes: pointing, cIoU, confidence. */
#include "train/metrics.h"

#include <string.h>

enum { SIDE = 224, PIXELS = SIDE * SIDE, MOST_CELLS = 1 << 24, MOST_BOXES = 1 << 16 };

/* ---- the map's own figures ---- */

typedef struct cells {
    int64_t count, peak;
    float least, most;
    bool finite;
} cells;

static cells look_at(const float *map, int64_t count)
{
    cells c = {count, 0, map[0], map[0], true};
    for (int64_t i = 0; i < count; i++) {
        c.finite = c.finite && isfinite(map[i]);
        if (map[i] > c.most) {
            c.most = map[i];
            c.peak = i;
        }
        c.least = map[i] < c.least ? map[i] : c.least;
    }
    return c;
}

static double confidence(const float *map, int64_t count, double *sorted)
{
    const int64_t quarter = (count + 3) / 4;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sorted[i] = map[i];
    avsn_sort_doubles(sorted, count);
    for (int64_t i = count - quarter; i < count; i++)
        sum += sorted[i];
    return sum / (double)quarter;
}

/* ---- pointing ---- */

/* Clips box `i` to the frame; false if nothing is left. */
static bool clip_box(const avsound_map_options *o, int32_t i, double box[4])
{
    const double *b = o->boxes + 4 * (int64_t)i;
    box[0] = AVSN_MAX(b[0], 0.0);
    box[1] = AVSN_MAX(b[1], 0.0);
    box[2] = AVSN_MIN(b[2], o->width);
    box[3] = AVSN_MIN(b[3], o->height);
    return box[2] > box[0] && box[3] > box[1];
}

static bool any_box(const avsound_map_options *o)
{
    double box[4];
    for (int32_t i = 0; i < o->box_count; i++)
        if (clip_box(o, i, box))
            return true;
    return false;
}

static bool inside(const avsound_map_options *o, double x, double y)
{
    double b[4];
    for (int32_t i = 0; i < o->box_count; i++)
        if (clip_box(o, i, b) && x >= b[0] && x < b[2] && y >= b[1] && y < b[3])
            return true;
    return false;
}

static void point(const avsound_map_options *o, const cells *c, avsound_map_measure_result *r)
{
    r->x = ((double)(c->peak % o->cols) + 0.5) * o->width / o->cols;
    r->y = ((double)(c->peak / o->cols) + 0.5) * o->height / o->rows;
    r->hit = c->most > c->least && inside(o, r->x, r->y);
    r->centre_hit = inside(o, 0.5 * o->width, 0.5 * o->height);
}

/* ---- cIoU ---- */

typedef struct grid {
    double score[PIXELS], sorted[PIXELS], truth[PIXELS];
} grid;

typedef struct tap {
    int32_t first, second;
    double weight; /* of the second */
} tap;

/* Pixel centres over cell centres; beyond the outermost centres the edge cell goes on. */
static tap tap_at(int32_t pixel, int32_t count)
{
    const double at = AVSN_MAX(0.0, (pixel + 0.5) * count / SIDE - 0.5);
    const int32_t first = AVSN_MIN((int32_t)at, count - 1), second = AVSN_MIN(first + 1, count - 1);
    return (tap){first, second, AVSN_MIN(1.0, at - first)};
}

static void resize(const avsound_map_options *o, double *score)
{
    for (int32_t y = 0; y < SIDE; y++) {
        const tap v = tap_at(y, o->rows);
        const float *upper = o->map + (int64_t)v.first * o->cols, *lower = o->map + (int64_t)v.second * o->cols;
        for (int32_t x = 0; x < SIDE; x++) {
            const tap h = tap_at(x, o->cols);
            const double top = upper[h.first] + h.weight * ((double)upper[h.second] - upper[h.first]);
            const double bottom = lower[h.first] + h.weight * ((double)lower[h.second] - lower[h.first]);
            score[y * SIDE + x] = top + v.weight * (bottom - top);
        }
    }
}

static int32_t scaled(double coordinate, double extent)
{
    const double at = coordinate * SIDE / extent;
    return at > 0 ? at < SIDE ? (int32_t)at : SIDE : 0;
}

static void draw_truth(const avsound_map_options *o, double *truth)
{
    memset(truth, 0, PIXELS * sizeof *truth);
    for (int32_t i = 0; i < o->box_count; i++) {
        const double *b = o->boxes + 4 * (int64_t)i;
        const int32_t x0 = scaled(b[0], o->width), x1 = scaled(b[2], o->width);
        for (int32_t y = scaled(b[1], o->height); y < scaled(b[3], o->height); y++)
            for (int32_t x = x0; x < x1; x++)
                truth[y * SIDE + x] += o->truth == AVSOUND_TRUTH_CONSENSUS ? 0.5 : 1;
    }
    for (int32_t p = 0; p < PIXELS; p++)
        truth[p] = AVSN_MIN(1.0, truth[p]);
}

/* What is predicted: above `bound`, and of those that equal it the first `equal`. */
typedef struct prediction {
    double bound;
    int64_t equal;
} prediction;

/* The `count` highest, ties to the lowest index. */
static prediction highest(const double *sorted, int64_t count)
{
    prediction p = {INFINITY, 0};
    if (!count)
        return p;
    p.bound = sorted[PIXELS - count];
    for (int64_t i = PIXELS - count; i < PIXELS && sorted[i] == p.bound; i++)
        p.equal++;
    return p;
}

static prediction predict(const avsound_map_options *o, grid *g)
{
    if (o->mode == AVSOUND_CIOU_FIXED)
        return (prediction){o->threshold, PIXELS};
    memcpy(g->sorted, g->score, sizeof g->sorted);
    avsn_sort_doubles(g->sorted, PIXELS);
    if (o->mode == AVSOUND_CIOU_ADAPTIVE) {
        int64_t positive = 0;
        for (int32_t i = 0; i < PIXELS; i++)
            positive += g->truth[i] > 0;
        return highest(g->sorted, positive);
    }
    return (prediction){g->sorted[PIXELS / 2], o->mode == AVSOUND_CIOU_HALF ? 0 : PIXELS};
}

/* cIoU of the prediction, and of the whole frame. NaN where the truth is empty. */
static double intersect(const grid *g, prediction p, double *whole)
{
    double all = 0, hit = 0;
    int64_t outside = 0, empty = 0;
    for (int32_t i = 0; i < PIXELS; i++) {
        const bool taken = g->score[i] > p.bound || (g->score[i] == p.bound && p.equal-- > 0);
        all += g->truth[i];
        hit += taken ? g->truth[i] : 0;
        outside += taken && g->truth[i] == 0;
        empty += g->truth[i] == 0;
    }
    *whole = all > 0 ? all / (all + (double)empty) : NAN;
    return all > 0 ? hit / (all + (double)outside) : NAN;
}

static void measure_overlap(const avsound_map_options *o, grid *g, bool finite, avsound_map_measure_result *r)
{
    draw_truth(o, g->truth);
    if (finite)
        resize(o, g->score);
    else
        memset(g->score, 0, sizeof g->score);
    const double ciou = intersect(g, predict(o, g), &r->whole_frame_ciou);
    r->ciou = finite || isnan(ciou) ? ciou : -INFINITY;
}

/* ---- the call ---- */

static avsound_status read_options(const avsound_map_options *options, avsound_map_options *o)
{
    if (!options)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, options, sizeof *o, "map_options"));
    if (o->rows < 1 || o->cols < 1 || (int64_t)o->rows * o->cols > MOST_CELLS || !o->map)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: map is %s of %d x %d", o->map ? "one" : "NULL", o->rows,
                  o->cols);
    if (!(o->width > 0 && o->height > 0 && isfinite(o->width) && isfinite(o->height)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: the frame is %g x %g", o->width, o->height);
    if (o->box_count < 0 || o->box_count > MOST_BOXES || (o->box_count && !o->boxes))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: box_count is %d, want 0...%d, boxes %s", o->box_count,
                  MOST_BOXES, o->boxes ? "set" : "NULL");
    for (int64_t i = 0; i < 4 * (int64_t)o->box_count; i++)
        if (!isfinite(o->boxes[i]))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: box %lld is not finite", (long long)i / 4);
    if (o->mode < AVSOUND_CIOU_HALF || o->mode > AVSOUND_CIOU_FIXED)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: mode is %d, want an AVSOUND_CIOU_ constant", o->mode);
    if (o->truth < AVSOUND_TRUTH_UNION || o->truth > AVSOUND_TRUTH_CONSENSUS)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: truth is %d, want an AVSOUND_TRUTH_ constant", o->truth);
    return AVSOUND_OK;
}

static void measure(const avsound_map_options *o, grid *g, double *sorted, avsound_map_measure_result *r)
{
    const cells c = look_at(o->map, (int64_t)o->rows * o->cols);
    const bool annotated = any_box(o);
    if (c.finite) {
        point(o, &c, r);
        r->confidence = confidence(o->map, c.count, sorted);
        r->maximum = (double)c.most;
    } else {
        r->x = r->y = NAN;
        r->centre_hit = inside(o, 0.5 * o->width, 0.5 * o->height);
        r->hit = r->confidence = r->maximum = -INFINITY;
    }
    measure_overlap(o, g, c.finite, r);
    if (!annotated)
        r->hit = r->centre_hit = NAN;
}

void avsound_map_options_init(avsound_map_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

avsound_status avsound_map_measure(avsound_context *context, const avsound_map_options *options,
                                   avsound_map_measure_result *out)
{
    avsound_map_options o;
    avsound_map_measure_result r = {0};
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "map_measure: context is NULL");
    AVSN_TRY(read_options(options, &o));
    grid *g = avsn_alloc(context, 1, sizeof *g);
    double *sorted = g ? avsn_alloc(context, (size_t)o.rows * (size_t)o.cols, sizeof *sorted) : NULL;
    avsound_status status = sorted ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    if (!status) {
        measure(&o, g, sorted, &r);
        status = avsn_struct_write(out, &r, sizeof r, "map_measure_result");
    }
    avsn_free(context, sorted);
    avsn_free(context, g);
    return status;
}
