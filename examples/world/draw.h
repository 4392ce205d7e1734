/* Painting with signed distances: every shape is a function of a place that says how far outside it lies, so that
 * edges come out smooth at any size and angle. */
#ifndef WORLD_DRAW_H
#define WORLD_DRAW_H

#include "world.h"

typedef enum ink { BODY, PART, ACCENT, DARK, LIGHT } ink;

typedef struct painter {
    canvas *canvas;
    const look *look;
    double ox, oy; /* pixel where (0, 0) of the thing lies */
    double ux, uy, vx, vy; /* pixels that one unit to the right, one unit down, go in x and in y */
    double light[2]; /* towards the light, in pixels' directions, length 1 */
    double alpha; /* 1: opaque */
    double soft; /* width of the edges, pixels */
    bool flat; /* no shading, texture or outline */
    box *extent; /* grows by what is painted; NULL: not counted */
} painter;

/* The same painter in another place, turned clockwise by `angle` or stretched about (x, y), or see-through. */
painter painter_moved(const painter *p, double x, double y);
painter painter_turned(const painter *p, double x, double y, double angle);
painter painter_stretched(const painter *p, double x, double y, double sx, double sy);
painter painter_ghost(const painter *p, double alpha); /* see-through, flat, not counted in the box */
painter painter_flat(const painter *p);

void draw_ellipse(const painter *p, ink i, double x, double y, double rx, double ry);
void draw_box(const painter *p, ink i, double x, double y, double half_width, double half_height, double round);
/* A line with round ends, thick as given at each end (radii). */
void draw_line(const painter *p, ink i, double x0, double y0, double x1, double y1, double r0, double r1);
/* Part of a ring, from angle `from` to `to` (radians, clockwise from the right, to - from <= 2 pi). */
void draw_arc(const painter *p, ink i, double x, double y, double radius, double half_width, double from, double to);
/* A convex or concave polygon of up to 16 points (x, y), corners rounded. */
void draw_polygon(const painter *p, ink i, const double (*points)[2], int count, double round);
/* A silhouette symmetric about x = 0: pairs (y, half the width there), y rising, a smooth curve between them. */
void draw_profile(const painter *p, ink i, const double (*points)[2], int count);
/* The union of circles (x, y, radius), as one shape. */
void draw_cloud(const painter *p, ink i, const double (*circles)[3], int count);

#endif
