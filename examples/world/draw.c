#include <math.h>

#include "draw.h"

enum { MOST_POINTS = 16, PROFILE = 65 };

/* A shape: its distance function, that function's numbers, and what it lies within. */
typedef struct shape {
    double (*distance)(const struct shape *s, double x, double y);
    const double *numbers;
    int count;
    double x, y, half_width, half_height;
    double per_width, per_height; /* 1 / half_width, 1 / half_height */
} shape;

typedef double (*distance_function)(const shape *s, double x, double y);

static shape shape_make(distance_function distance, const double *numbers, int count, double x, double y,
                        double half_width, double half_height)
{
    return (shape){distance, numbers, count, x, y, half_width, half_height, 1 / half_width, 1 / half_height};
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Without hypot's care for very large and very small numbers, which takes longer than all the rest. */
static double length_of(double x, double y)
{
    return sqrt(x * x + y * y);
}

painter painter_moved(const painter *p, double x, double y)
{
    painter q = *p;
    q.ox += p->ux * x + p->vx * y;
    q.oy += p->uy * x + p->vy * y;
    return q;
}

painter painter_turned(const painter *p, double x, double y, double angle)
{
    painter q = painter_moved(p, x, y);
    const double c = cos(angle), s = sin(angle);
    q.ux = p->ux * c + p->vx * s;
    q.uy = p->uy * c + p->vy * s;
    q.vx = p->vx * c - p->ux * s;
    q.vy = p->vy * c - p->uy * s;
    return painter_moved(&q, -x, -y);
}

painter painter_stretched(const painter *p, double x, double y, double sx, double sy)
{
    painter q = painter_moved(p, x, y);
    q.ux *= sx;
    q.uy *= sx;
    q.vx *= sy;
    q.vy *= sy;
    return painter_moved(&q, -x, -y);
}

painter painter_flat(const painter *p)
{
    painter q = *p;
    q.flat = true;
    return q;
}

painter painter_ghost(const painter *p, double alpha)
{
    painter q = painter_flat(p);
    q.alpha *= alpha;
    q.extent = NULL;
    return q;
}

static void count_pixel(box *b, int x, int y)
{
    if (b->x1 <= b->x0) {
        *b = (box){x, y, x + 1, y + 1};
        return;
    }
    b->x0 = x < b->x0 ? x : b->x0;
    b->y0 = y < b->y0 ? y : b->y0;
    b->x1 = x + 1 > b->x1 ? x + 1 : b->x1;
    b->y1 = y + 1 > b->y1 ? y + 1 : b->y1;
}

static uint8_t blend(uint8_t under, double over, double alpha)
{
    return (uint8_t)clamp((double)under + (over - (double)under) * alpha + 0.5, 0, 255);
}

static double texture(const look *l, double x, double y)
{
    const double scale = l->tile_scale * TILE, far = 64 * TILE; /* keeps the number positive, so that int rounds down */
    const int i = (int)(x * scale + far) & (TILE - 1), j = (int)(y * scale + far) & (TILE - 1);
    return (double)l->tile[j * TILE + i];
}

/* Colour at (x, y), which lies `depth` pixels inside the shape: a rounded body in the light, with a highlight and a
 * darker rim. */
static colour shaded(const painter *p, const shape *s, ink i, const double light[2], double x, double y, double depth)
{
    const look *l = p->look;
    const colour inks[] = {
        [BODY] = l->body, [PART] = l->part, [ACCENT] = l->accent, [DARK] = l->dark, [LIGHT] = l->light};
    colour c = inks[i];
    if (p->flat)
        return c;
    const double nx = (x - s->x) * s->per_width, ny = (y - s->y) * s->per_height;
    const double tilt = nx * light[0] + ny * light[1];
    double factor = 1 + l->shade * (0.3 * tilt - 0.12 * (nx * nx + ny * ny));
    if (i == BODY || i == PART)
        factor *= texture(l, x, y);
    if (depth < l->outline)
        factor *= 0.35 + 0.3 * clamp(depth / l->outline, 0, 1);
    const double hx = nx - 0.45 * light[0], hy = ny - 0.45 * light[1];
    const double spot = 1 - 5 * (hx * hx + hy * hy);
    const double gloss = spot > 0 && i != DARK ? 255 * l->gloss * spot * spot : 0;
    return (colour){c.r * factor + gloss, c.g * factor + gloss, c.b * factor + gloss};
}

static void pixel_range(const painter *p, const shape *s, int range[4])
{
    const double cx = p->ox + p->ux * s->x + p->vx * s->y, cy = p->oy + p->uy * s->x + p->vy * s->y;
    const double hx = fabs(p->ux) * s->half_width + fabs(p->vx) * s->half_height + p->soft + 1;
    const double hy = fabs(p->uy) * s->half_width + fabs(p->vy) * s->half_height + p->soft + 1;
    const double w = p->canvas->width, h = p->canvas->height;
    range[0] = (int)clamp(floor(cx - hx), 0, w);
    range[1] = (int)clamp(ceil(cx + hx), 0, w);
    range[2] = (int)clamp(floor(cy - hy), 0, h);
    range[3] = (int)clamp(ceil(cy + hy), 0, h);
}

static void fill(const painter *p, ink i, shape form)
{
    const shape *s = &form;
    const double det = p->ux * p->vy - p->uy * p->vx;
    if (fabs(det) < 1e-9)
        return;
    const double unit = sqrt(fabs(det)), xx = p->vy / det, xy = -p->vx / det, yx = -p->uy / det, yy = p->ux / det;
    const double light[2] = {(p->light[0] * p->ux + p->light[1] * p->uy) / length_of(p->ux, p->uy),
                             (p->light[0] * p->vx + p->light[1] * p->vy) / length_of(p->vx, p->vy)};
    int range[4];
    pixel_range(p, s, range);
    for (int py = range[2]; py < range[3]; py++) {
        uint8_t *row = p->canvas->rgb + (size_t)py * (size_t)p->canvas->width * 3;
        const double dy = py + 0.5 - p->oy;
        for (int px = range[0]; px < range[1]; px++) {
            const double dx = px + 0.5 - p->ox;
            const double x = xx * dx + xy * dy, y = yx * dx + yy * dy;
            const double depth = -s->distance(s, x, y) * unit;
            if (depth <= -0.5 * p->soft) {
                px += (int)(0.4 * (-0.5 * p->soft - depth)); /* no shape comes nearer that fast */
                continue;
            }
            const double alpha = clamp(0.5 + depth / p->soft, 0, 1) * p->alpha;
            const colour c = shaded(p, s, i, light, x, y, depth);
            uint8_t *to = row + 3 * (size_t)px;
            to[0] = blend(to[0], c.r, alpha);
            to[1] = blend(to[1], c.g, alpha);
            to[2] = blend(to[2], c.b, alpha);
            if (p->extent && alpha > 0.5)
                count_pixel(p->extent, px, py);
        }
    }
}

/* Distance to an ellipse to first order: its implicit function over that function's gradient. Exact for circles. */
static double ellipse_distance(const shape *s, double x, double y)
{
    const double rx = s->half_width, ry = s->half_height;
    const double ax = (x - s->x) * s->per_width, ay = (y - s->y) * s->per_height;
    const double k0 = length_of(ax, ay), k1 = length_of(ax * s->per_width, ay * s->per_height);
    return k1 > 0 ? k0 * (k0 - 1) / k1 : -(rx < ry ? rx : ry);
}

static double circle_distance(const shape *s, double x, double y)
{
    return length_of(x - s->x, y - s->y) - s->half_width;
}

void draw_ellipse(const painter *p, ink i, double x, double y, double rx, double ry)
{
    if (rx > 0 && ry > 0)
        fill(p, i, shape_make(rx < ry || rx > ry ? ellipse_distance : circle_distance, NULL, 0, x, y, rx, ry));
}

static double box_distance(const shape *s, double x, double y)
{
    const double round = s->numbers[0];
    const double qx = fabs(x - s->x) - s->half_width + round, qy = fabs(y - s->y) - s->half_height + round;
    const double outside = length_of(qx > 0 ? qx : 0, qy > 0 ? qy : 0), inside = qx > qy ? qx : qy;
    return outside + (inside < 0 ? inside : 0) - round;
}

void draw_box(const painter *p, ink i, double x, double y, double half_width, double half_height, double round)
{
    if (half_width > 0 && half_height > 0)
        fill(p, i, shape_make(box_distance, &round, 1, x, y, half_width, half_height));
}

static double line_distance(const shape *s, double x, double y)
{
    const double *n = s->numbers;
    const double bx = n[2] - n[0], by = n[3] - n[1], ax = x - n[0], ay = y - n[1];
    const double length = bx * bx + by * by;
    const double along = length > 0 ? clamp((ax * bx + ay * by) / length, 0, 1) : 0;
    return length_of(ax - along * bx, ay - along * by) - (n[4] + (n[5] - n[4]) * along);
}

void draw_line(const painter *p, ink i, double x0, double y0, double x1, double y1, double r0, double r1)
{
    const double numbers[] = {x0, y0, x1, y1, r0, r1}, r = r0 > r1 ? r0 : r1;
    fill(p, i,
         shape_make(line_distance, numbers, 6, (x0 + x1) / 2, (y0 + y1) / 2, fabs(x1 - x0) / 2 + r,
                    fabs(y1 - y0) / 2 + r));
}

/* In the arc's own axes: its middle lies to the right, and above mirrors below. */
static double arc_distance(const shape *s, double x, double y)
{
    const double *n = s->numbers; /* centre, radius, half width, towards the middle, half opening as cosine and sine */
    const double dx = x - n[0], dy = y - n[1];
    const double along = dx * n[4] + dy * n[5], across = fabs(dy * n[4] - dx * n[5]);
    if (across * n[6] <= along * n[7])
        return fabs(length_of(along, across) - n[2]) - n[3];
    return length_of(along - n[2] * n[6], across - n[2] * n[7]) - n[3];
}

/* A ring is two halves: the test above holds up to half a turn. */
static void draw_half_arc(const painter *p, ink i, double x, double y, double radius, double half_width, double from,
                          double to)
{
    const double middle = (from + to) / 2, half = (to - from) / 2;
    const double numbers[] = {x, y, radius, half_width, cos(middle), sin(middle), cos(half), sin(half)};
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
    for (int k = 0; k <= 8; k++) {
        const double angle = from + (to - from) * k / 8, place[] = {x + radius * cos(angle), y + radius * sin(angle)};
        for (int axis = 0; axis < 2; axis++) {
            low[axis] = fmin(low[axis], place[axis]);
            high[axis] = fmax(high[axis], place[axis]);
        }
    }
    /* Between two of the points the arc bulges by no more than this. */
    const double reach = half_width + radius * (1 - cos(half / 8));
    fill(p, i,
         shape_make(arc_distance, numbers, 8, (low[0] + high[0]) / 2, (low[1] + high[1]) / 2,
                    (high[0] - low[0]) / 2 + reach, (high[1] - low[1]) / 2 + reach));
}

void draw_arc(const painter *p, ink i, double x, double y, double radius, double half_width, double from, double to)
{
    const int parts = to - from > 0.75 * PI ? 3 : 1; /* each lies within a smaller rectangle than the whole */
    for (int k = 0; k < parts; k++)
        draw_half_arc(p, i, x, y, radius, half_width, from + (to - from) * k / parts,
                      from + (to - from) * (k + 1) / parts);
}

/* Nearest edge, negative inside; the sign by the number of edges crossed on the way to the left. */
static double polygon_distance(const shape *s, double x, double y)
{
    const double *n = s->numbers + 1;
    double nearest = HUGE_VAL;
    bool inside = false;
    for (int k = 0, j = s->count - 1; k < s->count; j = k++) {
        const double ex = n[2 * j] - n[2 * k], ey = n[2 * j + 1] - n[2 * k + 1];
        const double wx = x - n[2 * k], wy = y - n[2 * k + 1];
        const double along = clamp((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1);
        const double dx = wx - ex * along, dy = wy - ey * along;
        nearest = fmin(nearest, dx * dx + dy * dy);
        if ((n[2 * k + 1] > y) != (n[2 * j + 1] > y) && x < ex * wy / ey + n[2 * k])
            inside = !inside;
    }
    return (inside ? -sqrt(nearest) : sqrt(nearest)) - s->numbers[0];
}

void draw_polygon(const painter *p, ink i, const double (*points)[2], int count, double round)
{
    double numbers[1 + 2 * MOST_POINTS] = {round};
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
    for (int k = 0; k < count && k < MOST_POINTS; k++) {
        for (int axis = 0; axis < 2; axis++) {
            numbers[1 + 2 * k + axis] = points[k][axis];
            low[axis] = fmin(low[axis], points[k][axis]);
            high[axis] = fmax(high[axis], points[k][axis]);
        }
    }
    fill(p, i,
         shape_make(polygon_distance, numbers, count, (low[0] + high[0]) / 2, (low[1] + high[1]) / 2,
                    (high[0] - low[0]) / 2 + round, (high[1] - low[1]) / 2 + round));
}

/* Half width and its slope at y, from the table in numbers. */
static double profile_distance(const shape *s, double x, double y)
{
    const double top = s->y - s->half_height, bottom = s->y + s->half_height;
    const double at = clamp((y - top) / (bottom - top), 0, 1) * (PROFILE - 1);
    const int k = at < PROFILE - 2 ? (int)at : PROFILE - 2;
    const double rise = s->numbers[k + 1] - s->numbers[k], step = (bottom - top) / (PROFILE - 1);
    const double side = (fabs(x) - s->numbers[k] - rise * (at - k)) / length_of(1, rise / step);
    return fmax(side, fmax(top - y, y - bottom));
}

static double catmull_rom(double a, double b, double c, double d, double t)
{
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

void draw_profile(const painter *p, ink i, const double (*points)[2], int count)
{
    double table[PROFILE], widest = 0;
    const double top = points[0][0], bottom = points[count - 1][0];
    for (int j = 0, k = 0; j < PROFILE; j++) {
        const double y = top + (bottom - top) * j / (PROFILE - 1);
        while (k < count - 2 && y > points[k + 1][0])
            k++;
        const double t = clamp((y - points[k][0]) / (points[k + 1][0] - points[k][0]), 0, 1);
        table[j] = catmull_rom(points[k ? k - 1 : 0][1], points[k][1], points[k + 1][1],
                               points[k + 2 < count ? k + 2 : count - 1][1], t);
        widest = fmax(widest, table[j]);
    }
    fill(p, i, shape_make(profile_distance, table, PROFILE, 0, (top + bottom) / 2, widest, (bottom - top) / 2));
}

static double cloud_distance(const shape *s, double x, double y)
{
    double nearest = HUGE_VAL;
    for (int k = 0; k < s->count; k++) {
        const double *c = s->numbers + 3 * k;
        nearest = fmin(nearest, length_of(x - c[0], y - c[1]) - c[2]);
    }
    return nearest;
}

void draw_cloud(const painter *p, ink i, const double (*circles)[3], int count)
{
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
    for (int k = 0; k < count; k++) {
        for (int axis = 0; axis < 2; axis++) {
            low[axis] = fmin(low[axis], circles[k][axis] - circles[k][2]);
            high[axis] = fmax(high[axis], circles[k][axis] + circles[k][2]);
        }
    }
    fill(p, i,
         shape_make(cloud_distance, &circles[0][0], count, (low[0] + high[0]) / 2, (low[1] + high[1]) / 2,
                    (high[0] - low[0]) / 2, (high[1] - low[1]) / 2));
}
