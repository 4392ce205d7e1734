/* How the convolutions of conv_amx.c lie in memory (conv_amx_plan.c), and how their source gets there (conv_amx_panel.c). */
#ifndef AVSN_CONV_AMX_H
#define AVSN_CONV_AMX_H

#include "op/kernel.h"

enum {
    AVSN_AXES = 3,   /* frames, lines, cells of a line */
    AVSN_BLOCK = 32, /* channels of a cell; positions and channels of a product */
    AVSN_TILE = 16   /* rows of a tile; channels of the result in one */
};

typedef struct avsn_conv_axis {
    int64_t src, dst;            /* cells; of the result those of one phase */
    int64_t kernel, dilation;    /* taps, and cells from one to the next */
    int64_t stride, before;      /* of a phase's window over the source */
    int64_t phases, interleaved; /* how many, and the cells of all their results */
    int64_t turned;              /* backwards: what the request calls `before` */
    int64_t span;                /* cells from a window's first to its last */
    int64_t planes;              /* remainders that taps have */
    int64_t reach;               /* positions from a window's first to its last in a plane */
    int64_t pitch;               /* positions from one line (picture, item) to the next */
} avsn_conv_axis;

typedef struct avsn_conv_plan {
    int64_t n, in, out;
    int64_t window;     /* cells of a line that are one of the panel's; 0: one, of a single block */
    int64_t in_blocks;  /* of AVSN_BLOCK values of one of the panel's cells */
    int64_t out_tiles;  /* of AVSN_TILE */
    avsn_conv_axis axis[AVSN_AXES];
    int64_t taps, phases;
    int64_t slices;       /* of frames, that a panel holds */
    int64_t planes;       /* of a slice: those of lines times those of cells */
    int64_t positions;    /* up to the last that counts */
    int64_t count;        /* of a panel, a multiple of AVSN_BLOCK */
    int64_t panels;
    int64_t plane;        /* cells of a panel's plane */
    bool backward;
} avsn_conv_plan;

/* src and dst: [n][channels][frames][height][width], or without the axes that the window has not. */
avsn_conv_plan avsn_conv_amx_plan(const avsn_window *window, const avsn_shape *src, const avsn_shape *dst, bool backward);

/* Whether a cell holds what the window covers of a line. */
bool avsn_conv_amx_joins(const avsn_window *window, int64_t in, bool backward);

/* Cells of a panel, AVSN_BLOCK values each. */
size_t avsn_conv_amx_cells(const avsn_conv_plan *plan);

/* Backwards: the source's cell that tap `tap` reads for the first of a phase's results; false: it reads none of that phase. */
bool avsn_conv_amx_reads_tap(const avsn_conv_axis *axis, int64_t phase, int64_t tap, int64_t *cell);

/* Some of the source's channels: a tensor of their own. */
typedef struct avsn_conv_part {
    const uint16_t *src;
    int64_t channels, block; /* the first of its blocks in the panel */
    float slope;             /* of what is below zero */
} avsn_conv_part;

#if defined(__x86_64__)
/* A part's cells of the panel that begins at position `first`: out [in block][slice][plane][cell][AVSN_BLOCK], on 64 bytes. */
void avsn_conv_amx_fill(const avsn_conv_plan *plan, const avsn_conv_part *from, int64_t first, uint16_t *out);
#endif

#endif
