/* One picture with every kind, each in a scene of its own, at the moment of a sound. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <avsound/avsound.h>

#include "world.h"

enum { COLUMNS = 6, CELL = 144 };

/* The last frame before a second has passed that lies nearest to an event. */
static int frame_of_event(const scene *s)
{
    const event *e = event_after(&s->things[0], 0.7);
    const double time = e ? e->start + fmin(0.06, 0.5 * (e->end - e->start)) : 0.7;
    const int frame = (int)(time * s->options->fps + 0.5);
    return frame < s->frames ? frame : s->frames - 1;
}

static bool paint_cell(const options *base, int index, canvas *sheet)
{
    options o = *base;
    o.width = o.height = CELL;
    o.kinds[0] = kinds[index];
    o.kind_count = o.least_things = o.most_things = 1;
    o.no_source = o.silent = 0;
    scene *s = calloc(1, sizeof *s);
    canvas frame = {CELL, CELL, malloc(3 * (size_t)CELL * CELL)};
    bool good = s && frame.rgb && scene_plan(s, &o, base->first + index);
    if (good) {
        box boxes[MOST_THINGS];
        scene_paint(s, frame_of_event(s), &frame, boxes);
        for (int y = 0; y < CELL; y++)
            memcpy(sheet->rgb + 3 * ((size_t)(index / COLUMNS * CELL + y) * (size_t)sheet->width +
                                     (size_t)(index % COLUMNS * CELL)),
                   frame.rgb + 3 * (size_t)y * CELL, 3 * (size_t)CELL);
    }
    if (s)
        scene_free(s);
    free(s);
    free(frame.rgb);
    return good;
}

static bool save(const canvas *c, const char *path)
{
    avsound_context *context = NULL;
    avsound_frame frame = {.struct_size = sizeof frame,
                           .format = AVSOUND_PIXEL_RGB24,
                           .width = c->width,
                           .height = c->height,
                           .data = {c->rgb},
                           .stride = {3 * c->width}};
    avsound_status status = avsound_context_create(NULL, &context);
    if (!status)
        status = avsound_picture_write(context, path, &frame);
    if (status)
        world_fail("%s", avsound_error_detail());
    avsound_context_free(context);
    return !status;
}

bool sheet_write(const options *o, const char *path)
{
    canvas sheet = {COLUMNS * CELL, (kind_count + COLUMNS - 1) / COLUMNS * CELL, NULL};
    sheet.rgb = calloc(3 * (size_t)sheet.width, (size_t)sheet.height);
    bool good = sheet.rgb || world_fail("out of memory");
    for (int k = 0; good && k < kind_count; k++)
        good = paint_cell(o, k, &sheet);
    good = good && save(&sheet, path);
    free(sheet.rgb);
    return good;
}
