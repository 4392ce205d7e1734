/* The truth about a clip as JSON, the folder's own description, and the manifest as CSV; docs/world.md explains every
 * field. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "files.h"

static const char format_name[] = "avsound-world/1";
static const double audible_db = -50;

static double rounded(double x, double steps)
{
    return floor(x * steps + 0.5) / steps;
}

static json_t *tree(void)
{
    json_t *t = json_object();
    for (int k = 0; k < branch_count; k++)
        json_object_set_new(t, branches[k].name, json_string(branches[k].parent));
    for (int k = 0; k < kind_count; k++)
        json_object_set_new(t, kinds[k]->name, json_string(kinds[k]->parent));
    return t;
}

static json_t *events(const scene *s, const thing *t)
{
    json_t *list = json_array();
    const double from = fmin(0, s->offset), to = s->options->seconds + fmax(0, s->offset);
    for (int k = 0; k < t->event_count; k++) {
        const event *e = &t->events[k];
        if (e->end < from || e->start >= to)
            continue;
        json_t *one = json_pack("{s:f, s:f, s:f}", "start", rounded(e->start, 1e5), "end", rounded(e->end, 1e5),
                                "strength", rounded(e->strength, 1e3));
        if (e->pitch > 0)
            json_object_set_new(one, "pitch_hz", json_real(rounded(e->pitch, 10)));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *thing_boxes(const scene *s, int index, const box *boxes)
{
    json_t *list = json_array();
    for (int frame = 0; frame < s->frames; frame++) {
        const box b = boxes[(size_t)frame * MOST_THINGS + (size_t)index];
        json_array_append_new(list, b.x1 > b.x0 ? json_pack("[i,i,i,i]", b.x0, b.y0, b.x1, b.y1) : json_null());
    }
    return list;
}

/* dBFS of a track during each frame. */
static json_t *levels(const scene *s, const int16_t *track)
{
    json_t *list = json_array();
    const int64_t samples = scene_samples(s);
    for (int frame = 0; frame < s->frames; frame++) {
        const int64_t first = samples * frame / s->frames, last = samples * (frame + 1) / s->frames;
        double sum = 0;
        for (int64_t i = 2 * first; i < 2 * last; i++)
            sum += (double)track[i] * track[i];
        const double rms = sqrt(sum / (2 * (double)(last - first))) / 32768;
        json_array_append_new(list, json_integer(rms > 1e-6 ? (json_int_t)floor(20 * log10(rms) + 0.5) : -120));
    }
    return list;
}

static double steady_pan(const scene *s, const thing *t)
{
    return t->on_screen ? 2 * t->x / s->options->width - 1 : t->pan;
}

/* How much stronger the right channel has the thing's sound, and how much later. */
static json_t *thing_channels(const scene *s, const thing *t)
{
    const channels c = channels_at(s->options->stereo, steady_pan(s, t));
    return json_pack("{s:f, s:f}", "level_db", rounded(20 * log10(c.right / c.left), 1e3), "delay_ms",
                     rounded(-2000 * c.lag, 1e4));
}

static json_t *thing_truth(const scene *s, int index, const box *boxes, int16_t *const *tracks)
{
    const thing *t = &s->things[index];
    json_t *j = json_pack("{s:s, s:b, s:b}", "kind", t->kind->name, "on_screen", t->on_screen, "sounding", t->sounding);
    json_object_set_new(j, "stem", t->stem ? json_integer(t->stem) : json_null());
    json_object_set_new(j, "pan", json_real(rounded(steady_pan(s, t), 1e3)));
    json_object_set_new(j, "channels", t->stem ? thing_channels(s, t) : json_null());
    json_object_set_new(j, "events", events(s, t));
    json_object_set_new(j, "level_db", t->stem ? levels(s, tracks[t->stem]) : json_null());
    json_object_set_new(j, "boxes", t->on_screen ? thing_boxes(s, index, boxes) : json_null());
    return j;
}

static json_t *track_names(const scene *s)
{
    json_t *names = json_pack("[s]", "mixture");
    if (!s->options->stems)
        return names;
    for (int k = 0; k < s->thing_count; k++)
        if (s->things[k].stem)
            json_array_append_new(names, json_string(s->things[k].kind->name));
    json_array_append_new(names, json_string("ambience"));
    return names;
}

static bool json_write(const char *path, json_t *j)
{
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    const size_t size = text ? strlen(text) : 0;
    if (!text)
        return world_fail("%s: out of memory", path);
    text[size] = '\n'; /* in place of the 0: the length is known */
    const bool good = text_write(path, text, size + 1);
    free(text);
    return good;
}

bool truth_write(const char *path, const scene *s, const box *boxes, int16_t *const *tracks)
{
    char video[NAME_SIZE];
    clip_name(s->clip, ".mp4", video);
    const options *o = s->options;
    json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:f, s:i, s:f}", "format", format_name, "video",
                          video, "seed", (json_int_t)o->seed, "clip", (json_int_t)s->clip, "width", o->width, "height",
                          o->height, "fps", o->fps, "frames", s->frames, "duration", (double)s->frames / o->fps,
                          "sample_rate", WORLD_RATE, "offset_ms", rounded(1000 * s->offset, 1e3));
    json_t *things = json_array();
    for (int k = 0; k < s->thing_count; k++)
        json_array_append_new(things, thing_truth(s, k, boxes, tracks));
    json_object_set_new(j, "tracks", track_names(s));
    json_object_set_new(j, "things", things);
    json_object_set_new(j, "tree", tree());
    const bool good = json_write(path, j);
    json_decref(j);
    return good;
}

/* ---- world.json ---- */

static json_t *world_options(const options *o)
{
    json_t *names = json_array();
    for (int k = 0; k < o->kind_count; k++)
        json_array_append_new(names, json_string(o->kinds[k]->name));
    return json_pack("{s:I, s:f, s:i, s:i, s:i, s:[i,i], s:f, s:f, s:f, s:f, s:f, s:[f,f], s:s, s:b, s:o}", "seed",
                     (json_int_t)o->seed, "seconds", o->seconds, "width", o->width, "height", o->height, "fps", o->fps,
                     "things", o->least_things, o->most_things, "off_screen", o->off_screen, "silent", o->silent,
                     "no_source", o->no_source, "twins", o->twins, "mimes", o->mimes, "offset_ms", o->least_offset, o->most_offset,
                     "stereo", stereo_names[o->stereo], "stems", o->stems, "kinds", names);
}

/* The first option in which two worlds differ. */
static const char *difference(json_t *found, json_t *wanted)
{
    const char *key;
    json_t *value;
    json_object_foreach(wanted, key, value)
    {
        if (!json_equal(json_object_get(found, key), value))
            return key;
    }
    return NULL;
}

static bool settle_beside(const char *path, json_t *wanted)
{
    json_error_t error;
    json_t *found = json_load_file(path, 0, &error);
    if (!found)
        return world_fail("%s: %s", path, error.text);
    json_t *were = json_object_get(found, "options");
    if (!json_object_get(were, "stereo")) /* written before there was a choice */
        json_object_set_new(were, "stereo", json_string(stereo_names[STEREO_BOTH]));
    const char *key = difference(were, wanted);
    if (key) {
        char *was = json_dumps(json_object_get(were, key), JSON_ENCODE_ANY | JSON_COMPACT);
        char *is = json_dumps(json_object_get(wanted, key), JSON_ENCODE_ANY | JSON_COMPACT);
        world_fail("%s: the clips there were made with %s %s, not %s; choose another folder", path, key,
                   was ? was : "unknown", is ? is : "unknown");
        free(was);
        free(is);
    }
    json_decref(found);
    return !key;
}

bool world_settle(const options *o)
{
    char *path = path_join(o->out, "world.json");
    json_t *wanted = world_options(o);
    bool good = path && wanted;
    if (good && file_exists(path)) {
        good = settle_beside(path, wanted);
    } else if (good) {
        json_t *j = json_pack("{s:s, s:O, s:o}", "format", format_name, "options", wanted, "tree", tree());
        good = json_write(path, j);
        json_decref(j);
    }
    json_decref(wanted);
    free(path);
    return good;
}

/* ---- manifest.csv ---- */

/* The frame a clip is judged at: its sound is the second around it. */
static int frame_judged(const options *o, int64_t clip)
{
    const int frames = options_frames(o), half = (o->fps + 1) / 2;
    rng r = rng_stream(o->seed, (uint64_t)clip, (uint64_t)1 << 34);
    return frames > 2 * half ? half + rng_below(&r, frames - 2 * half + 1) : frames / 2;
}

static bool audible(const options *o, json_t *one, int frame)
{
    const json_t *level = json_object_get(one, "level_db");
    for (int k = frame - o->fps / 2; k < frame + o->fps / 2; k++)
        if (k >= 0 && (double)json_integer_value(json_array_get(level, (size_t)k)) > audible_db &&
            (size_t)k < json_array_size(level))
            return true;
    return false;
}

enum { VISIBLE = 1, AUDIBLE = 2, OFF_SCREEN = 4 };

/* The kinds of the things that have all of these properties, "a|b". */
static void list_kinds(FILE *f, const options *o, const json_t *things, int frame, int wanted)
{
    size_t index;
    json_t *one;
    const char *between = "";
    json_array_foreach(things, index, one)
    {
        const bool on_screen = json_is_true(json_object_get(one, "on_screen"));
        const int has = (on_screen ? VISIBLE : OFF_SCREEN) | (audible(o, one, frame) ? AUDIBLE : 0);
        if ((has & wanted) != wanted)
            continue;
        fprintf(f, "%s%s", between, json_string_value(json_object_get(one, "kind")));
        between = "|";
    }
    fputc(',', f);
}

/* The boxes of what is seen and heard, "x0 y0 x1 y1|...". */
static void list_boxes(FILE *f, const options *o, const json_t *things, int frame)
{
    size_t index;
    json_t *one;
    const char *between = "";
    json_array_foreach(things, index, one)
    {
        json_t *b = json_array_get(json_object_get(one, "boxes"), (size_t)frame);
        int edge[4];
        if (!audible(o, one, frame) || json_unpack(b, "[i,i,i,i]", &edge[0], &edge[1], &edge[2], &edge[3]))
            continue;
        fprintf(f, "%s%d %d %d %d", between, edge[0], edge[1], edge[2], edge[3]);
        between = "|";
    }
}

static bool manifest_row(FILE *f, const options *o, int64_t clip)
{
    char name[NAME_SIZE];
    clip_name(clip, ".json", name);
    char *path = path_join(o->out, name);
    json_error_t error;
    json_t *truth = path ? json_load_file(path, 0, &error) : NULL;
    if (path && !truth)
        world_fail("%s: %s", path, error.text);
    if (truth) {
        const json_t *things = json_object_get(truth, "things");
        const int frame = frame_judged(o, clip);
        fprintf(f, "%s,%g,%.9g,%d,%d,%g,", json_string_value(json_object_get(truth, "video")),
                (double)options_frames(o) / o->fps, (double)frame / o->fps, o->width, o->height,
                json_number_value(json_object_get(truth, "offset_ms")));
        list_kinds(f, o, things, frame, VISIBLE);
        list_kinds(f, o, things, frame, AUDIBLE);
        list_kinds(f, o, things, frame, VISIBLE | AUDIBLE);
        list_kinds(f, o, things, frame, OFF_SCREEN | AUDIBLE);
        list_boxes(f, o, things, frame);
        fputc('\n', f);
    }
    free(path);
    json_decref(truth);
    return truth;
}

bool manifest_write(const options *o)
{
    char *path = path_join(o->out, "manifest.csv"), *temporary = path ? path_temporary(path) : NULL;
    FILE *f = temporary ? fopen(temporary, "wb") : NULL;
    bool good = f;
    if (temporary && !f)
        world_fail("%s: %s", path, strerror(errno));
    if (f)
        fputs("file,duration,time,width,height,offset_ms,visible,audible,sources,off_screen,boxes\n", f);
    for (int64_t clip = o->first; good && clip < o->first + o->clips; clip++)
        if (clip_is_complete(o, clip))
            good = manifest_row(f, o, clip);
    if (f) {
        const bool written = !ferror(f);
        good = !fclose(f) && written && good;
        good = good ? file_rename(temporary, path) : (remove(temporary), false);
    }
    free(path);
    free(temporary);
    return good;
}
