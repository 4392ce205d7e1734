/* The truth that avsound-world writes beside each clip: kinds, boxes and levels by the frame. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval.h"

#define AUDIBLE_DB (-50)

static bool read_boxes(const json_t *list, int32_t frames, eval_thing *t)
{
    t->boxes = calloc((size_t)frames, sizeof *t->boxes);
    for (int32_t k = 0; t->boxes && k < frames; k++) {
        int edge[4];
        if (!json_unpack(json_array_get(list, (size_t)k), "[i,i,i,i]", &edge[0], &edge[1], &edge[2], &edge[3]))
            for (int i = 0; i < 4; i++)
                t->boxes[k][i] = (int16_t)(edge[i] < -32768 ? -32768 : edge[i] > 32767 ? 32767 : edge[i]);
    }
    return t->boxes;
}

static bool read_levels(const json_t *list, int32_t frames, eval_thing *t)
{
    if (!json_is_array(list))
        return true;
    t->level = calloc((size_t)frames, sizeof *t->level);
    for (int32_t k = 0; t->level && k < frames; k++) {
        const json_t *value = json_array_get(list, (size_t)k);
        const double level = json_is_number(value) ? json_number_value(value) : -120;
        t->level[k] = (int8_t)(level < -120 ? -120 : level > 0 ? 0 : level);
    }
    return t->level;
}

static bool read_thing(json_t *one, int32_t frames, eval_thing *t)
{
    const char *kind = json_string_value(json_object_get(one, "kind"));
    const json_t *stem = json_object_get(one, "stem");
    t->on_screen = json_is_true(json_object_get(one, "on_screen"));
    t->stem = json_is_integer(stem) ? (int32_t)json_integer_value(stem) : -1;
    t->kind = kind ? strdup(kind) : NULL;
    return t->kind && read_boxes(json_object_get(one, "boxes"), frames, t) &&
           read_levels(json_object_get(one, "level_db"), frames, t);
}

static bool read_things(const json_t *list, eval_truth *t)
{
    size_t index;
    json_t *one;
    if (json_array_size(list) > EVAL_MOST_THINGS)
        return false;
    json_array_foreach(list, index, one)
    {
        t->thing_count++;
        if (!read_thing(one, t->frames, &t->things[index]))
            return false;
    }
    return true;
}

static bool is_world(json_t *j)
{
    const char *format = json_string_value(json_object_get(j, "format"));
    return format && !strncmp(format, "avsound-world/", 14);
}

static int take(const char *path, json_t *j, eval_truth **out)
{
    eval_truth *t = calloc(1, sizeof *t);
    const bool good = t && !json_unpack(j, "{s:F, s:i, s:i, s:i}", "fps", &t->fps, "frames", &t->frames, "width",
                                        &t->width, "height", &t->height);
    if (good) {
        t->offset_ms = json_number_value(json_object_get(j, "offset_ms"));
        t->track_count = (int32_t)json_array_size(json_object_get(j, "tracks"));
    }
    if (good && t->fps > 0 && t->frames > 0 && t->frames < 1 << 24 && read_things(json_object_get(j, "things"), t)) {
        *out = t;
        return CLI_OK;
    }
    eval_truth_free(t);
    return cli_error(CLI_INPUT, "%s: is no truth as avsound-world writes it", path);
}

int eval_truth_read(const char *video, eval_truth **out)
{
    char path[4096];
    *out = NULL;
    const char *dot = strrchr(video, '.'), *slash = strrchr(video, '/');
    const int stem = (int)(dot && (!slash || dot > slash) ? (size_t)(dot - video) : strlen(video));
    if (snprintf(path, sizeof path, "%.*s.json", stem, video) >= (int)sizeof path || access(path, R_OK))
        return CLI_OK;
    json_error_t error;
    json_t *j = json_load_file(path, 0, &error);
    const int code = j && is_world(j) ? take(path, j, out) : CLI_OK;
    json_decref(j);
    return code;
}

void eval_truth_free(eval_truth *truth)
{
    for (int32_t k = 0; truth && k < truth->thing_count; k++) {
        free(truth->things[k].kind);
        free(truth->things[k].boxes);
        free(truth->things[k].level);
    }
    free(truth);
}

static int64_t frame_at(const eval_truth *truth, int64_t time_us)
{
    return llround((double)time_us / 1e6 * truth->fps);
}

bool eval_truth_visible(const eval_truth *truth, const eval_thing *thing, int64_t time_us)
{
    const int64_t k = frame_at(truth, time_us);
    return thing->on_screen && k >= 0 && k < truth->frames && thing->boxes[k][2] > thing->boxes[k][0] &&
           thing->boxes[k][3] > thing->boxes[k][1];
}

bool eval_truth_audible(const eval_truth *truth, const eval_thing *thing, int64_t time_us)
{
    const int64_t middle = frame_at(truth, time_us), half = (int64_t)(truth->fps / 2);
    for (int64_t k = middle - half; thing->level && k < middle + half; k++)
        if (k >= 0 && k < truth->frames && thing->level[k] > AUDIBLE_DB)
            return true;
    return false;
}

bool eval_truth_decidable(const eval_truth *truth)
{
    for (int32_t i = 0; i < truth->thing_count; i++) {
        const eval_thing *thing = &truth->things[i];
        for (int32_t k = 0; thing->level && k < truth->frames; k++)
            if (thing->level[k] > AUDIBLE_DB && eval_truth_visible(truth, thing, llround(k * 1e6 / truth->fps)))
                return true;
    }
    return false;
}

bool eval_truth_sounds(const eval_truth *truth, bool on_screen)
{
    for (int32_t i = 0; i < truth->thing_count; i++) {
        const eval_thing *thing = &truth->things[i];
        for (int32_t k = 0; thing->on_screen == on_screen && thing->level && k < truth->frames; k++)
            if (thing->level[k] > AUDIBLE_DB)
                return true;
    }
    return false;
}
