/* Picture geometry and drawing on packed RGB. */
#ifndef AVSN_IMAGE_H
#define AVSN_IMAGE_H

#include "dsp/frontend.h"

/* Size of a width x height picture after scaling its short side to short_side (round half up, at least 1). */
AVSN_SHARED void avsn_image_scaled_size(int32_t width, int32_t height, int32_t short_side, int32_t *scaled_width,
                                        int32_t *scaled_height);
/* Size of the network's input for a map over a whole width x height picture: short side scaled to the front end's
 * height or width (224), each side rounded to the nearest multiple of cell, at least one cell. */
void avsn_image_map_size(const avsn_image_frontend *f, int32_t width, int32_t height, int32_t *input_width,
                         int32_t *input_height);
/* RGB24 rows `stride` bytes apart to planes [3][height][width] of (value / 255 - mean) / std. */
void avsn_image_normalise(const avsn_image_frontend *f, const uint8_t *rgb, ptrdiff_t stride, int32_t width,
                          int32_t height, float *planes);
/* Standard deviation of the picture's luma, 0...127.5: near 0 for a black or uniform frame. */
float avsn_image_contrast(const uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height);
/* How much moved from one picture to the next, 0...255: by so much do the pixels (their green) of the tile of 8 x 8 that
 * changed most differ on average. Coding of a still picture does not reach AVSN_STILL. */
float avsn_image_motion(const uint8_t *before, ptrdiff_t before_stride, const uint8_t *after, ptrdiff_t after_stride,
                        int32_t width, int32_t height);
#define AVSN_STILL 1.f

/* Colour maps for drawing. */
enum { AVSN_COLOUR_JET, AVSN_COLOUR_INFERNO, AVSN_COLOUR_GREY, AVSN_COLOUR_COUNT };
void avsn_colour(int32_t map, float value, uint8_t rgb[3]); /* value is clipped to 0...1 */
/* Entry j is the colour at j / 255, its channels truncated where avsn_colour rounds. */
void avsn_colour_table(int32_t map, uint8_t table[256][3]);

/* Lays a map of rows x cols values in 0...1 over a picture in place: bilinear between cell centres (cell (r,c) is
 * centred at ((c+1/2) width/cols, (r+1/2) height/rows); held constant outside the outermost centres); each pixel
 * becomes (1 - a) picture + a colour(value) with a = alpha * value for weighted = 1, a = alpha for weighted = 0. */
void avsn_overlay(uint8_t *rgb, ptrdiff_t stride, int32_t width, int32_t height, const float *map, int32_t rows,
                  int32_t cols, int32_t colour, float alpha, int32_t weighted);

#endif
