/* A clip's plan: which things, where, how they look, when they sound, how the camera moves; and its pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"

/* Each purpose has its own stream of chance, so that one more draw for one changes nothing of the others. */
enum { CAST, CAMERA, BACKGROUND, QUALITY, THINGS = 16 };
enum { PLACE, LOOK, EVENTS, SOUND, PER_THING };

int options_frames(const options *o)
{
    return (int)(o->seconds * o->fps + 0.5);
}

static rng thing_stream(const scene *s, int index, int purpose)
{
    return rng_stream(s->options->seed, (uint64_t)s->clip, (uint64_t)(THINGS + PER_THING * index + purpose));
}

static thing *thing_add(scene *s, const kind *k, bool on_screen, bool sounding)
{
    thing *t = &s->things[s->thing_count++];
    *t = (thing){.kind = k, .on_screen = on_screen, .sounding = sounding};
    return t;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Which things play: kinds all different, so that a sound has one cause on screen; but for the silent twins. */
static void choose_cast(scene *s)
{
    const options *o = s->options;
    rng r = rng_stream(o->seed, (uint64_t)s->clip, CAST);
    const kind *left[MOST_KINDS];
    int left_count = o->kind_count;
    memcpy(left, o->kinds, sizeof left);
    for (int k = left_count - 1; k > 0; k--) {
        const int other = rng_below(&r, k + 1);
        const kind *swap = left[k];
        left[k] = left[other];
        left[other] = swap;
    }
    const bool no_source = rng_chance(&r, o->no_source);
    const int visible = smaller(o->least_things + rng_below(&r, o->most_things - o->least_things + 1), left_count);
    const int heard = no_source ? -1 : rng_below(&r, visible);
    for (int k = 0; k < visible; k++) {
        const bool silent = rng_chance(&r, o->silent);
        thing_add(s, left[--left_count], true, !no_source && (k == heard || !silent));
    }
    for (int k = 0; k < visible; k++) {
        const bool twin = rng_chance(&r, o->twins);
        if (twin && s->things[k].sounding && s->thing_count < MOST_VISIBLE)
            thing_add(s, s->things[k].kind, true, false);
    }
    const int twins = s->thing_count;
    /* Half the scenes without a visible source are to be heard nevertheless, if anything sounds off screen at all. */
    const double off_screen = no_source && o->off_screen > 0 ? fmax(o->off_screen, 0.5) : o->off_screen;
    if (rng_chance(&r, off_screen) && left_count > 0)
        thing_add(s, left[--left_count], false, true);
    for (int k = visible; k < twins; k++)
        s->things[k].mimed = rng_chance(&r, o->mimes);
}

static bool overlaps(const scene *s, const thing *t)
{
    for (const thing *other = s->things; other < t; other++)
        if (other->on_screen && hypot(t->x - other->x, t->y - other->y) < 0.95 * (t->radius + other->radius))
            return true;
    return false;
}

static void place(scene *s, thing *t, int visible, rng *r)
{
    static const double largest[] = {0.36, 0.32, 0.26, 0.22, 0.2};
    const options *o = s->options;
    const double side = smaller(o->width, o->height);
    t->radius = side * rng_between(r, 0.17, largest[visible]);
    for (int attempt = 0; attempt < 400; attempt++) {
        const double edge = 1.05 * t->radius + 0.02 * side;
        t->x = rng_between(r, edge, o->width - edge);
        t->y = rng_between(r, edge, o->height - edge);
        if (!t->on_screen || !overlaps(s, t))
            break;
        t->radius *= 0.99;
    }
    t->angle = rng_between(r, -0.35, 0.35);
    t->mirrored = rng_chance(r, 0.5);
    for (int axis = 0; axis < 2; axis++)
        t->sway[axis] = side * rng_between(r, 0, 0.025);
    t->swing = rng_between(r, 0, 0.06);
    for (int k = 0; k < 3; k++) {
        t->sway_rate[k] = rng_between(r, 0.1, 0.5);
        t->sway_phase[k] = rng_between(r, 0, 2 * PI);
    }
    /* Off screen: beyond an edge, or behind the camera and so anywhere. */
    const double beyond = rng_between(r, 1.05, 1.4) * (rng_chance(r, 0.5) ? 1 : -1), behind = rng_between(r, -1, 1);
    t->pan = rng_chance(r, 0.5) ? beyond : behind;
}

static void plan_thing(scene *s, int index, int visible, colour against)
{
    const options *o = s->options;
    thing *t = &s->things[index];
    rng r = thing_stream(s, index, PLACE);
    place(s, t, visible, &r);
    for (int k = 0; k < 4; k++)
        t->trait[k] = rng_unit(&r);
    r = thing_stream(s, index, LOOK);
    look_draw(&t->look, against, &r);
    r = thing_stream(s, index, EVENTS);
    /* Large things sound lower. */
    const double side = smaller(o->width, o->height);
    t->pitch = rng_log_between(&r, 0.85, 1.2) * pow(t->radius / (0.24 * side), -0.3);
    t->tempo = rng_log_between(&r, 0.8, 1.25);
    t->level = rng_between(&r, -26, -14);
    t->noise = thing_stream(s, index, SOUND);
    if (t->sounding)
        t->stem = ++s->stem_count;
    if (t->sounding || t->mimed)
        t->kind->plan(t, &r, fmin(0, s->offset) - 1.2, o->seconds + fmax(0, s->offset) + 0.5);
}

static void plan_camera(scene *s)
{
    const options *o = s->options;
    rng r = rng_stream(o->seed, (uint64_t)s->clip, CAMERA);
    const double side = smaller(o->width, o->height), angle = rng_between(&r, -PI, 0);
    s->offset = rng_between(&r, o->least_offset, o->most_offset) / 1000;
    s->light[0] = cos(angle);
    s->light[1] = sin(angle);
    const double shaking = rng_chance(&r, 0.6) ? 0.015 * side : 0;
    for (int axis = 0; axis < 2; axis++)
        s->shake[axis] = shaking * rng_between(&r, 0.1, 1);
    for (int k = 0; k < 4; k++) {
        s->shake_rate[k] = rng_between(&r, 0.2, k % 2 ? 0.8 : 3);
        s->shake_phase[k] = rng_between(&r, 0, 2 * PI);
    }
    s->margin = (int)ceil(0.03 * side) + 2;
    const double contrast = rng_between(&r, 0.8, 1.1), lift = rng_between(&r, -14, 14);
    for (int c = 0; c < 3; c++) {
        const double balance = contrast * rng_between(&r, 0.92, 1.08);
        for (int v = 0; v < 256; v++)
            s->tone[c][v] = (uint8_t)fmin(fmax(128 + balance * (v - 128) + lift + 0.5, 0), 255);
    }
    const double noise = rng_between(&r, 0, 6);
    for (int k = 0; k < NOISE; k++)
        s->noise[k] = (int8_t)fmin(fmax(floor(noise * rng_normal(&r) + 0.5), -100), 100);
}

static void plan_quality(scene *s)
{
    static const int bit_rates[] = {64000, 96000, 128000, 192000};
    rng r = rng_stream(s->options->seed, (uint64_t)s->clip, QUALITY);
    s->quality = 20 + rng_below(&r, 15);
    s->keyframes = 12 + rng_below(&r, 60);
    s->audio_bit_rate = bit_rates[rng_below(&r, 4)];
    s->ambience = rng_between(&r, -66, -44);
    s->room[0] = rng_chance(&r, 0.7) ? rng_between(&r, 0.02, 0.3) : 0;
    s->room[1] = rng_unit(&r);
}

bool scene_plan(scene *s, const options *o, int64_t clip)
{
    *s = (scene){.options = o, .clip = clip, .frames = options_frames(o)};
    plan_camera(s);
    plan_quality(s);
    canvas *b = &s->background;
    *b = (canvas){o->width + 2 * s->margin, o->height + 2 * s->margin, NULL};
    b->rgb = malloc(3 * (size_t)b->width * (size_t)b->height);
    if (!b->rgb)
        return world_fail("out of memory");
    rng r = rng_stream(o->seed, (uint64_t)clip, BACKGROUND);
    background_paint(b, s->light, &r);
    choose_cast(s);
    int visible = 0;
    for (int k = 0; k < s->thing_count; k++)
        visible += s->things[k].on_screen;
    const colour mean = background_mean(b);
    for (int k = 0; k < s->thing_count; k++)
        plan_thing(s, k, visible, mean);
    return true;
}

void scene_free(scene *s)
{
    free(s->background.rgb);
    s->background.rgb = NULL;
}

void thing_place(const thing *t, double time, double *x, double *y, double *angle)
{
    double wave[3];
    for (int k = 0; k < 3; k++)
        wave[k] = sin(2 * PI * t->sway_rate[k] * time + t->sway_phase[k]);
    *x = t->x + t->sway[0] * wave[0];
    *y = t->y + t->sway[1] * wave[1];
    *angle = t->angle + t->swing * wave[2];
}

/* Where the camera looks at a time, pixels from its steady place; never beyond the margin. */
static void camera(const scene *s, double time, double shift[2])
{
    for (int axis = 0; axis < 2; axis++) {
        const double fast = sin(2 * PI * s->shake_rate[2 * axis] * time + s->shake_phase[2 * axis]);
        const double slow = sin(2 * PI * s->shake_rate[2 * axis + 1] * time + s->shake_phase[2 * axis + 1]);
        shift[axis] = s->shake[axis] * (0.4 * fast + slow);
    }
}

/* The background, shifted by parts of a pixel. */
static void paint_background(const scene *s, const double shift[2], canvas *frame)
{
    const double x = s->margin + shift[0], y = s->margin + shift[1];
    const int x0 = (int)floor(x), y0 = (int)floor(y);
    const unsigned u = (unsigned)((x - x0) * 16), v = (unsigned)((y - y0) * 16);
    const unsigned w00 = (16 - u) * (16 - v), w01 = u * (16 - v), w10 = (16 - u) * v, w11 = u * v;
    const size_t stride = 3 * (size_t)s->background.width, bytes = 3 * (size_t)frame->width;
    for (int row = 0; row < frame->height; row++) {
        const uint8_t *a = s->background.rgb + (size_t)(y0 + row) * stride + 3 * (size_t)x0, *b = a + stride;
        uint8_t *to = frame->rgb + (size_t)row * bytes;
        for (size_t k = 0; k < bytes; k++)
            to[k] = (uint8_t)((a[k] * w00 + a[k + 3] * w01 + b[k] * w10 + b[k + 3] * w11 + 128) >> 8);
    }
}

static void develop(const scene *s, int index, canvas *frame)
{
    rng r = rng_stream(s->options->seed, (uint64_t)s->clip, (uint64_t)1 << 32 | (uint64_t)index);
    uint8_t *to = frame->rgb;
    for (int row = 0; row < frame->height; row++) {
        size_t k = (size_t)rng_below(&r, NOISE);
        for (int x = 0; x < frame->width; x++, to += 3, k = (k + 1) % NOISE) {
            for (int c = 0; c < 3; c++) {
                const int v = s->tone[c][to[c]] + s->noise[k];
                to[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    }
}

static void paint_thing(const scene *s, const thing *t, double time, const double shift[2], canvas *frame, box *extent)
{
    double x, y, angle;
    thing_place(t, time, &x, &y, &angle);
    const double c = t->radius * cos(angle), d = t->radius * sin(angle), flip = t->mirrored ? -1 : 1;
    const painter p = {.canvas = frame,
                       .look = &t->look,
                       .ox = x - shift[0],
                       .oy = y - shift[1],
                       .ux = flip * c,
                       .uy = flip * d,
                       .vx = -d,
                       .vy = c,
                       .light = {s->light[0], s->light[1]},
                       .alpha = 1,
                       .soft = 1,
                       .extent = extent};
    painter shadow = painter_ghost(&p, 0.22);
    shadow.soft = 0.35 * t->radius;
    shadow.ox -= 0.12 * t->radius * s->light[0];
    shadow.oy += 0.15 * t->radius;
    draw_ellipse(&shadow, DARK, 0, 0.1, 0.7, 0.7);
    /* A frame is on screen for a while, and shows a strike if one comes within half that time of its time stamp. What
     * lasts would be seen up to a whole frame late; it is painted as in the middle of that while. */
    t->kind->draw(t, t->kind->lasting ? time + 0.5 / s->options->fps : time, &p);
}

void scene_paint(const scene *s, int index, canvas *frame, box *boxes)
{
    const double time = (double)index / s->options->fps;
    double shift[2];
    camera(s, time, shift);
    paint_background(s, shift, frame);
    for (int k = 0; k < s->thing_count; k++) {
        boxes[k] = (box){0};
        if (s->things[k].on_screen)
            paint_thing(s, &s->things[k], time, shift, frame, &boxes[k]);
    }
    develop(s, index, frame);
}
