#include "train/settings.h"

#include "base/cpu.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_LEAST ((uint32_t)offsetof(avsound_trainer_options, optimizer))
#define AUGMENTATION_LEAST ((uint32_t)sizeof(avsound_augmentation))

/* Everything that a checkpoint keeps, with the range it must lie in once it is complete. */
typedef enum field_kind { FIELD_I32, FIELD_F32, FIELD_F64 } field_kind;
typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset; /* in the struct */
    double least, most;
} field;

#define FIELD(name, kind, least, most) {#name, kind, offsetof(avsound_trainer_options, name), least, most}
static const field fields[] = {
    FIELD(objective, FIELD_I32, 0, 7),
    FIELD(optimizer, FIELD_I32, 0, 1),
    FIELD(precision, FIELD_I32, 0, 2),
    FIELD(threads, FIELD_I32, 1, 1024),
    FIELD(workers, FIELD_I32, 1, 256),
    FIELD(batch, FIELD_I32, 2, 65536),
    FIELD(accumulate, FIELD_I32, 1, 65536),
    FIELD(epochs, FIELD_I32, 1, 1e9),
    FIELD(steps_per_epoch, FIELD_I32, 0, 1e9),
    FIELD(schedule, FIELD_I32, 0, 2),
    FIELD(warmup_steps, FIELD_I32, 0, 1e9),
    FIELD(patience, FIELD_I32, 0, 1e9),
    FIELD(validation_draws, FIELD_I32, 1, 1000),
    FIELD(save_minutes, FIELD_I32, 1, 1e6),
    FIELD(learning_rate, FIELD_F64, 1e-12, 10),
    FIELD(weight_decay, FIELD_F64, 0, 10),
    FIELD(clip_norm, FIELD_F64, 0, 1e9),
    FIELD(ema, FIELD_F64, 0, 0.999999),
    FIELD(statistics_momentum, FIELD_F64, 0, 1),
    FIELD(shift_min, FIELD_F64, 0.02, 3600),
    FIELD(shift_max, FIELD_F64, 0.02, 3600),
    FIELD(shift_hard, FIELD_F64, 0, 1),
    FIELD(separation_loss, FIELD_I32, 0, 3),
    FIELD(silent_share, FIELD_F64, 0, 1),
};

#define AUGMENT(name, kind, least, most) {#name, kind, offsetof(avsound_augmentation, name), least, most}
static const field augmentation_fields[] = {
    AUGMENT(crop_min, FIELD_F32, 0.05, 1),       AUGMENT(crop_max, FIELD_F32, 0.05, 1),
    AUGMENT(flip, FIELD_F32, -1, 1),             AUGMENT(brightness, FIELD_F32, -1, 0.9),
    AUGMENT(saturation, FIELD_F32, -1, 1),       AUGMENT(contrast, FIELD_F32, -1, 0.9),
    AUGMENT(hue, FIELD_F32, -1, 0.5),            AUGMENT(grey, FIELD_F32, -1, 1),
    AUGMENT(gain, FIELD_F32, -1, 0.9),           AUGMENT(gain_db, FIELD_F32, -1, 60),
    AUGMENT(tilt_db, FIELD_F32, -1, 60),         AUGMENT(noise_db, FIELD_F32, -200, 0),
    AUGMENT(speed, FIELD_F32, -1, 0.5),          AUGMENT(mix, FIELD_F32, -1, 1),
    AUGMENT(time_masks, FIELD_I32, 0, 16),       AUGMENT(time_mask, FIELD_I32, 1, 1000),
    AUGMENT(frequency_masks, FIELD_I32, 0, 16),  AUGMENT(frequency_mask, FIELD_I32, 1, 4096),
    AUGMENT(flip_vertical, FIELD_F32, -1, 1),
};

static double get(const void *from, const field *f)
{
    const void *at = (const char *)from + f->offset;
    return f->kind == FIELD_I32   ? *(const int32_t *)at
           : f->kind == FIELD_F32 ? (double)*(const float *)at
                                  : *(const double *)at;
}

static void put(void *to, const field *f, double value)
{
    void *at = (char *)to + f->offset;
    if (f->kind == FIELD_I32)
        *(int32_t *)at = (int32_t)value;
    else if (f->kind == FIELD_F32)
        *(float *)at = (float)value;
    else
        *(double *)at = value;
}

void avsound_trainer_options_init(avsound_trainer_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static void complete(avsound_trainer_options *o)
{
    const int32_t cores = avsn_cpu_count();
    o->threads = o->threads ? o->threads : cores;
    o->workers = o->workers ? o->workers : cores;
    o->batch = o->batch ? o->batch : o->objective == AVSOUND_OBJECTIVE_SHIFT      ? 10
                                   : o->objective == AVSOUND_OBJECTIVE_SEPARATE ? 12
                                   : o->objective == AVSOUND_OBJECTIVE_CLASSIFY ? 8
                                                                                : 64;
    o->accumulate = o->accumulate ? o->accumulate : 1;
    o->epochs = o->epochs ? o->epochs : 100;
    o->validation_draws = o->validation_draws ? o->validation_draws : 4;
    o->save_minutes = o->save_minutes ? o->save_minutes : 10;
    o->learning_rate = o->learning_rate != 0 ? o->learning_rate : o->optimizer == AVSOUND_OPTIMIZER_ADAM ? 3e-4 : 1e-2;
    o->weight_decay = o->weight_decay != 0 ? AVSN_MAX(o->weight_decay, 0) : 1e-5;
    if (o->objective != AVSOUND_OBJECTIVE_SHIFT && o->objective != AVSOUND_OBJECTIVE_SEPARATE &&
        o->objective != AVSOUND_OBJECTIVE_CLASSIFY) /* 0: the network's own */
        o->statistics_momentum = o->statistics_momentum != 0 ? o->statistics_momentum : 0.1;
    o->shift_min = o->shift_min != 0 ? o->shift_min : 2.17;
    o->shift_max = o->shift_max != 0 ? o->shift_max : AVSN_MAX(5.87, o->shift_min);
}

static void complete_augmentation(avsound_augmentation *a)
{
    a->crop_min = a->crop_min != 0 ? a->crop_min : 0.875f;
    a->crop_max = a->crop_max != 0 ? a->crop_max : 0.875f;
    a->flip = a->flip != 0 ? a->flip : 0.5f;
    a->brightness = a->brightness != 0 ? a->brightness : 0.1f;
    a->saturation = a->saturation != 0 ? a->saturation : 0.1f;
    a->gain = a->gain != 0 ? a->gain : 0.1f;
    a->time_mask = a->time_mask ? a->time_mask : 20;
    a->frequency_mask = a->frequency_mask ? a->frequency_mask : 24;
}

static avsound_status check_field(const void *from, const field *f)
{
    const double value = get(from, f);
    if (!(value >= f->least && value <= f->most))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %g, want %g...%g", f->name, value, f->least, f->most);
    return AVSOUND_OK;
}

static avsound_status check(const avsn_settings *settings)
{
    const avsound_augmentation *a = &settings->augmentation;
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(fields); i++)
        AVSN_TRY(check_field(&settings->options, &fields[i]));
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(augmentation_fields); i++)
        AVSN_TRY(check_field(a, &augmentation_fields[i]));
    AVSN_TRY(check_field(&settings->options, &(field)FIELD(ranks, FIELD_I32, 0, 1 << 20)));
    AVSN_TRY(check_field(&settings->options, &(field)FIELD(local_statistics, FIELD_I32, 0, 1)));
    AVSN_TRY(check_field(&settings->options, &(field)FIELD(vision_only, FIELD_I32, 0, 1)));
    if (settings->options.shift_min > settings->options.shift_max)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "shift_min is %g, more than shift_max, %g", settings->options.shift_min,
                  settings->options.shift_max);
    if (a->crop_min > a->crop_max)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "crop_min is %g, more than crop_max, %g", (double)a->crop_min,
                  (double)a->crop_max);
    return AVSOUND_OK;
}

/* NULL stays NULL. */
static avsound_status copy_text(avsound_context *context, const char *text, char **out)
{
    *out = text ? avsn_strdup(context, text) : NULL;
    return text && !*out ? AVSOUND_E_NO_MEMORY : AVSOUND_OK;
}

/* The texts that the caller's options point to must not outlive the call through ours. */
static void own(avsn_settings *settings)
{
    settings->options.validation = settings->validation;
    settings->options.license = settings->license;
    settings->options.source = settings->source;
    settings->options.augmentation = &settings->augmentation;
}

static avsound_status settings_init(avsound_context *context, const avsound_trainer_options *theirs, const char *data,
                                    avsn_settings *settings)
{
    avsound_trainer_options *o = &settings->options;
    AVSN_TRY(avsn_options_read(o, sizeof *o, theirs, OPTIONS_LEAST, "trainer options"));
    AVSN_TRY(avsn_options_read(&settings->augmentation, sizeof settings->augmentation, o->augmentation, AUGMENTATION_LEAST,
                               "augmentation"));
    complete(o);
    complete_augmentation(&settings->augmentation);
    const avsound_status status = check(settings);
    if (status)
        return avsn_fail_in(status, "trainer options");
    AVSN_TRY(copy_text(context, data, &settings->data));
    AVSN_TRY(copy_text(context, o->validation, &settings->validation));
    AVSN_TRY(copy_text(context, o->license, &settings->license));
    return copy_text(context, o->source, &settings->source);
}

avsound_status avsn_settings_init(avsound_context *context, const avsound_trainer_options *theirs, const char *data,
                                  avsn_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    const avsound_status status = settings_init(context, theirs, data, settings);
    if (status)
        avsn_settings_free(context, settings);
    else
        own(settings);
    return status;
}

void avsn_settings_free(avsound_context *context, avsn_settings *settings)
{
    avsn_free(context, settings->data);
    avsn_free(context, settings->validation);
    avsn_free(context, settings->license);
    avsn_free(context, settings->source);
    memset(settings, 0, sizeof *settings);
}

/* ---- as JSON ---- */

static json_t *fields_to_json(const void *from, const field *list, size_t count)
{
    json_t *json = json_object();
    for (size_t i = 0; i < count; i++) {
        const double value = get(from, &list[i]);
        json_object_set_new(json, list[i].name,
                            list[i].kind == FIELD_I32 ? json_integer((json_int_t)value) : json_real(value));
    }
    return json;
}

static json_t *to_json(const avsn_settings *s)
{
    json_t *json = fields_to_json(&s->options, fields, AVSN_ARRAY_COUNT(fields));
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, s->options.seed);
    json_object_set_new(json, "seed", json_string(seed)); /* JSON's numbers lose the last digits of such a long one */
    json_object_set_new(json, "data", json_string(s->data));
    json_object_set_new(json, "validation", s->validation ? json_string(s->validation) : json_null());
    json_object_set_new(json, "license", s->license ? json_string(s->license) : json_null());
    json_object_set_new(json, "source", s->source ? json_string(s->source) : json_null());
    json_object_set_new(json, "augmentation",
                        fields_to_json(&s->augmentation, augmentation_fields, AVSN_ARRAY_COUNT(augmentation_fields)));
    return json;
}

avsound_status avsn_settings_text(avsound_context *context, const avsn_settings *settings, char **text)
{
    json_t *json = to_json(settings);
    char *dumped = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    *text = dumped ? avsn_strdup(context, dumped) : NULL;
    free(dumped);
    json_decref(json);
    return *text ? AVSOUND_OK : avsn_fail(AVSOUND_E_NO_MEMORY, "out of memory for a run's options");
}

static avsound_status read_text(avsound_context *context, const json_t *json, const char *name, char **out)
{
    const json_t *value = json_object_get(json, name);
    if (value && !json_is_null(value) && !json_is_string(value))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s is no string", name);
    return copy_text(context, json_string_value(value), out);
}

static avsound_status read_fields(const json_t *json, const field *list, size_t count, void *to)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(json, list[i].name);
        if (!json_is_number(value) || (list[i].kind == FIELD_I32 && !json_is_integer(value)))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s is missing or no number of its kind", list[i].name);
        const double number = json_number_value(value);
        if (!(number >= list[i].least && number <= list[i].most))
            AVSN_FAIL(AVSOUND_E_FORMAT, "%s is %g, want %g...%g", list[i].name, number, list[i].least, list[i].most);
        put(to, &list[i], number);
    }
    return AVSOUND_OK;
}

static avsound_status read_seed(const json_t *json, uint64_t *out)
{
    const char *seed = json_string_value(json_object_get(json, "seed"));
    char *end = NULL;
    *out = seed ? strtoull(seed, &end, 10) : 0;
    if (!seed || end == seed || *end)
        AVSN_FAIL(AVSOUND_E_FORMAT, "seed is missing or no number");
    return AVSOUND_OK;
}

static avsound_status from_json(avsound_context *context, const json_t *json, avsn_settings *settings)
{
    settings->options.struct_size = sizeof settings->options;
    settings->augmentation.struct_size = sizeof settings->augmentation;
    AVSN_TRY(read_fields(json, fields, AVSN_ARRAY_COUNT(fields), &settings->options));
    AVSN_TRY(read_seed(json, &settings->options.seed));
    AVSN_TRY(read_fields(json_object_get(json, "augmentation"), augmentation_fields, AVSN_ARRAY_COUNT(augmentation_fields),
                         &settings->augmentation));
    AVSN_TRY(read_text(context, json, "data", &settings->data));
    AVSN_TRY(read_text(context, json, "validation", &settings->validation));
    AVSN_TRY(read_text(context, json, "license", &settings->license));
    return read_text(context, json, "source", &settings->source);
}

avsound_status avsn_settings_parse(avsound_context *context, const char *text, const char *label, avsn_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: the run's options are no JSON: %s", label, error.text);
    const avsound_status status = from_json(context, json, settings);
    json_decref(json);
    if (status) {
        avsn_settings_free(context, settings);
        return avsn_fail_in(status, "%s: the run's options", label);
    }
    own(settings);
    return AVSOUND_OK;
}
