/* --augment: a preset, then settings by name. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct setting {
    const char *name;
    size_t offset;
    bool whole; /* an int32_t, else a float */
} setting;

#define OFFSET(field) offsetof(avsound_augmentation, field)

static const setting settings[] = {
    {"crop-min", OFFSET(crop_min), false},
    {"crop-max", OFFSET(crop_max), false},
    {"flip", OFFSET(flip), false},
    {"flip-vertical", OFFSET(flip_vertical), false},
    {"brightness", OFFSET(brightness), false},
    {"saturation", OFFSET(saturation), false},
    {"contrast", OFFSET(contrast), false},
    {"hue", OFFSET(hue), false},
    {"grey", OFFSET(grey), false},
    {"gain", OFFSET(gain), false},
    {"gain-db", OFFSET(gain_db), false},
    {"tilt-db", OFFSET(tilt_db), false},
    {"noise-db", OFFSET(noise_db), false},
    {"speed", OFFSET(speed), false},
    {"mix", OFFSET(mix), false},
    {"time-masks", OFFSET(time_masks), true},
    {"time-mask", OFFSET(time_mask), true},
    {"frequency-masks", OFFSET(frequency_masks), true},
    {"frequency-mask", OFFSET(frequency_mask), true},
};

enum { SETTINGS = sizeof settings / sizeof settings[0] };

static const char *setting_name(size_t index)
{
    return settings[index].name;
}

/* What helps where clips are few: nothing that a person would not recognise. */
static void set_strong(avsound_augmentation *a)
{
    a->crop_min = 0.5f;
    a->crop_max = 1;
    a->brightness = a->saturation = a->contrast = 0.3f;
    a->hue = 0.04f;
    a->grey = 0.1f;
    a->gain_db = 6;
    a->tilt_db = 6;
    a->noise_db = -50;
    a->speed = 0.1f;
    a->mix = 0.2f;
    a->time_masks = a->frequency_masks = 2;
}

static bool set_preset(const char *word, avsound_augmentation *a)
{
    const bool none = !strcmp(word, "none"), strong = !strcmp(word, "strong");
    if (!none && !strong && strcmp(word, "paper"))
        return false;
    *a = (avsound_augmentation){.struct_size = sizeof *a};
    if (strong)
        set_strong(a);
    if (none)
        a->flip = a->brightness = a->saturation = a->gain = -1;
    return true;
}

/* 0 switches off, as everyone expects; in the struct that is a negative number. The library knows the ranges. */
static int set_value(const setting *s, const char *text, avsound_augmentation *a)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || fabs(value) > 1e6 || (s->whole && value != floor(value)))
        return cli_error(CLI_USAGE, "train: --augment: %s is %s, want a %snumber", s->name, text,
                         s->whole ? "whole " : "");
    void *field = (char *)a + s->offset;
    const bool can_be_off = !s->whole && s->offset != OFFSET(crop_min) && s->offset != OFFSET(crop_max) &&
                            s->offset != OFFSET(noise_db);
    if (s->whole)
        *(int32_t *)field = (int32_t)value;
    else
        *(float *)field = value == 0 && can_be_off ? -1 : (float)value;
    return CLI_OK;
}

static int set_word(const char *word, avsound_augmentation *a)
{
    char name[32];
    const size_t length = strcspn(word, "=");
    if (!word[length] && set_preset(word, a))
        return CLI_OK;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    for (size_t i = 0; word[length] && i < SETTINGS; i++)
        if (!strcmp(settings[i].name, name))
            return set_value(&settings[i], word + length + 1, a);
    const char *near = cli_nearest(name, setting_name, SETTINGS);
    return cli_error(CLI_USAGE, "train: --augment: %s is neither paper, none, strong nor NAME=NUMBER%s%s%s", word,
                     near ? "; did you mean " : "", near ? near : "", near ? "=NUMBER?" : "");
}

int cli_augmentation(const char *list, avsound_augmentation *out)
{
    *out = (avsound_augmentation){.struct_size = sizeof *out};
    while (list && *list) {
        char word[64];
        const size_t length = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, list);
        const int code = set_word(word, out);
        if (code)
            return code;
        list += length + (list[length] == ',');
    }
    return CLI_OK;
}
