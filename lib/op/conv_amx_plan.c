#include "op/conv_amx.h"

enum {
    PANEL_BYTES = 1 << 19, /* about; a panel has FEWEST positions all the same */
    FEWEST = 256
};

/* Zeros that each line begins with in all planes, and zeros behind it: as many as there are of both are shared. A `sliced`
 * axis has the cells of each tap apart. */
static void place_axis(avsn_conv_axis *a, bool sliced)
{
    const int64_t span = sliced ? 0 : a->span;
    a->planes = AVSN_MIN(a->stride, span + 1);
    a->reach = span / a->stride;
    const int64_t lead = AVSN_MAX(avsn_quotient_up(a->before - a->planes + 1, a->stride), (int64_t)0);
    const int64_t trail = AVSN_MAX(a->dst + a->reach - avsn_quotient_up(a->src + a->before, a->stride), (int64_t)0);
    a->pitch = a->dst + a->reach - AVSN_MIN(AVSN_MIN(lead, trail), a->reach);
}

bool avsn_conv_amx_reads_tap(const avsn_conv_axis *a, int64_t phase, int64_t tap, int64_t *cell)
{
    const int64_t at = phase + a->turned - tap * a->dilation;
    *cell = at / a->phases;
    return at % a->phases == 0;
}

/* One phase's convolution of those that are a gradient, with a window that holds every phase's. */
static void turn_axis(avsn_conv_axis *a)
{
    int64_t first = 0, last = 0;
    a->phases = a->stride;
    a->stride = 1;
    a->turned = a->before;
    a->dst = avsn_quotient_up(a->interleaved, a->phases);
    for (int64_t phase = 0; phase < a->phases; phase++)
        for (int64_t tap = 0, cell; tap < a->kernel; tap++)
            if (avsn_conv_amx_reads_tap(a, phase, tap, &cell)) {
                first = AVSN_MIN(first, cell);
                last = AVSN_MAX(last, cell);
            }
    a->before = -first;
    a->span = last - first;
}

size_t avsn_conv_amx_cells(const avsn_conv_plan *p)
{
    return (size_t)(p->in_blocks * p->slices * p->planes * p->plane);
}

static void place_panels(avsn_conv_plan *p)
{
    const avsn_conv_axis *a = p->axis;
    const int64_t halo = a[1].reach * a[2].pitch + a[2].reach;
    const int64_t fit = PANEL_BYTES / (p->in_blocks * p->slices * p->planes * 2 * AVSN_BLOCK) - halo;
    const int64_t last = ((a[0].dst - 1) * a[1].pitch + a[1].dst - 1) * a[2].pitch + a[2].dst;
    p->positions = (p->n - 1) * a[0].pitch * a[1].pitch * a[2].pitch + last;
    const int64_t panels = avsn_quotient_up(p->positions, AVSN_MAX(fit, (int64_t)FEWEST));
    p->count = avsn_quotient_up(avsn_quotient_up(p->positions, panels), AVSN_BLOCK) * AVSN_BLOCK;
    p->panels = avsn_quotient_up(p->positions, p->count);
    p->plane = (p->count + halo) | 1; /* odd: blocks of a cell don't fall into the same sets */
}

bool avsn_conv_amx_joins(const avsn_window *w, int64_t in, bool backward)
{
    return in < AVSN_BLOCK && w->kernel[w->spatial - 1] > 1 && w->dilation[w->spatial - 1] == 1 && !backward;
}

/* Leading axes that a convolution has not are of size 1. */
avsn_conv_plan avsn_conv_amx_plan(const avsn_window *w, const avsn_shape *src, const avsn_shape *dst, bool backward)
{
    avsn_conv_plan p = {.n = src->dim[0], .in = src->dim[1], .out = dst->dim[1], .backward = backward, .planes = 1, .taps = 1,
                        .phases = 1};
    for (int32_t i = 0; i < AVSN_AXES; i++) {
        const int32_t from = i - (AVSN_AXES - w->spatial);
        p.axis[i] = from < 0 ? (avsn_conv_axis){.src = 1, .dst = 1, .kernel = 1, .stride = 1, .dilation = 1}
                             : (avsn_conv_axis){.src = src->dim[2 + from], .dst = dst->dim[2 + from],
                                                .kernel = w->kernel[from], .stride = w->stride[from],
                                                .dilation = w->dilation[from], .before = w->before[from]};
        avsn_conv_axis *a = &p.axis[i];
        if (i == AVSN_AXES - 1 && avsn_conv_amx_joins(w, p.in, backward)) {
            p.window = a->kernel;
            a->kernel = 1;
        }
        a->span = (a->kernel - 1) * a->dilation;
        a->phases = 1;
        a->interleaved = a->dst;
        if (backward)
            turn_axis(a);
        place_axis(a, i == 0);
        p.taps *= a->kernel;
        p.phases *= a->phases;
        p.planes *= i > 0 ? a->planes : 1;
    }
    p.slices = backward ? p.axis[0].span + 1 : p.axis[0].kernel;
    p.in_blocks = avsn_quotient_up(p.window ? p.window * p.in : p.in, AVSN_BLOCK);
    p.out_tiles = avsn_quotient_up(p.out, AVSN_TILE);
    place_panels(&p);
    return p;
}
