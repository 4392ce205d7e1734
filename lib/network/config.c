#include "network/network.h"
#include "weights/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration is a few hundred bytes; one from a file may claim to be anything. */
#define MAX_TEXT ((size_t)64 << 10)
#define MAX_DEPTH 8

enum { MOST_LAGS = 10000, MOST_CLASSES = 10000, MOST_POOL = 4096 };

/* One name of a JSON object and where its value lives. */
typedef enum field_kind { FIELD_I32, FIELD_F32, FIELD_F32_RGB, FIELD_F64 } field_kind;
typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
} field;

#define MODEL_FIELD(name, kind) {#name, kind, offsetof(avsn_model_config, name)}
#define IMAGE_FIELD(name, kind) {#name, kind, offsetof(avsn_image_frontend, name)}
#define CLIP_FIELD(name, kind) {#name, kind, offsetof(avsn_clip_frontend, name)}
#define SEPARATION_FIELD(name, kind) {#name, kind, offsetof(avsn_separation_frontend, name)}
#define AUDIO_FIELD(name, kind) {#name, kind, offsetof(avsn_audio_frontend, name)}

static const field picture_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(conv1_stride, FIELD_I32),
};
static const field pooled_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(pool_rows, FIELD_I32),
    MODEL_FIELD(pool_columns, FIELD_I32),
};
static const field clip_model_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(audio_width, FIELD_F64),
    MODEL_FIELD(conv5_stride, FIELD_I32),
    MODEL_FIELD(classes, FIELD_I32),
    MODEL_FIELD(vision_only, FIELD_I32),
};
static const field lag_model_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(lags, FIELD_I32),
};
static const field separator_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(audio_width, FIELD_F64),
    MODEL_FIELD(unet_width, FIELD_F64),
    MODEL_FIELD(conv5_stride, FIELD_I32),
};
static const field mask_fields[] = {
    MODEL_FIELD(width, FIELD_F64),
    MODEL_FIELD(unet_width, FIELD_F64),
};
static const field blind_separator_fields[] = {
    MODEL_FIELD(unet_width, FIELD_F64),
};
#define IMAGE_FIELDS \
    IMAGE_FIELD(width, FIELD_I32), IMAGE_FIELD(height, FIELD_I32),   IMAGE_FIELD(short_side, FIELD_I32), \
    IMAGE_FIELD(cell, FIELD_I32),  IMAGE_FIELD(mean, FIELD_F32_RGB), IMAGE_FIELD(std, FIELD_F32_RGB)
#define AUDIO_FIELDS \
    AUDIO_FIELD(sample_rate, FIELD_I32), AUDIO_FIELD(window, FIELD_I32),    AUDIO_FIELD(hop, FIELD_I32), \
    AUDIO_FIELD(fft, FIELD_I32),         AUDIO_FIELD(columns, FIELD_I32),   AUDIO_FIELD(offset, FIELD_I32), \
    AUDIO_FIELD(mel_bands, FIELD_I32),   AUDIO_FIELD(power, FIELD_I32),     AUDIO_FIELD(normalise, FIELD_I32), \
    AUDIO_FIELD(mel_low, FIELD_F32),     AUDIO_FIELD(mel_high, FIELD_F32),  AUDIO_FIELD(floor, FIELD_F32), \
    AUDIO_FIELD(range, FIELD_F32),       AUDIO_FIELD(mean, FIELD_F32),      AUDIO_FIELD(std, FIELD_F32)

static const field image_fields[] = {IMAGE_FIELDS};
static const field audio_fields[] = {AUDIO_FIELDS};

/* Of networks of one of the two. */
static const field sight_fields[] = {IMAGE_FIELDS, IMAGE_FIELD(shrink_only, FIELD_I32)};
static const field sound_fields[] = {AUDIO_FIELDS, AUDIO_FIELD(samples, FIELD_I32)};

static const field clip_fields[] = {
    CLIP_FIELD(frames, FIELD_I32),
    CLIP_FIELD(frame_rate, FIELD_F64),
    CLIP_FIELD(sample_rate, FIELD_I32),
    CLIP_FIELD(samples, FIELD_I32),
};

/* Of those that hear a spectrogram. */
static const field picture_clip_fields[] = {
    CLIP_FIELD(frames, FIELD_I32),
    CLIP_FIELD(frame_rate, FIELD_F64),
};

static const field separation_fields[] = {
    SEPARATION_FIELD(window, FIELD_I32), SEPARATION_FIELD(hop, FIELD_I32), SEPARATION_FIELD(fft, FIELD_I32),
    SEPARATION_FIELD(columns, FIELD_I32), SEPARATION_FIELD(floor, FIELD_F32), SEPARATION_FIELD(low, FIELD_F32),
    SEPARATION_FIELD(high, FIELD_F32),
};

typedef struct section {
    const char *name; /* "" for the outermost object; NULL ends a list */
    const field *fields;
    size_t count;
    size_t offset; /* in avsn_model_config */
} section;

/* Of networks of a picture and its spectrogram, of one of the two, of clips, of clips that hear a spectrogram, and of those that separate a
 * clip's sound. */
static const section picture_sections[] = {
    {"", picture_fields, AVSN_ARRAY_COUNT(picture_fields), 0},
    {"image", image_fields, AVSN_ARRAY_COUNT(image_fields), offsetof(avsn_model_config, image)},
    {"audio", audio_fields, AVSN_ARRAY_COUNT(audio_fields), offsetof(avsn_model_config, audio)},
    {NULL, NULL, 0, 0},
};
static const section sound_sections[] = {
    {"", pooled_fields, AVSN_ARRAY_COUNT(pooled_fields), 0},
    {"audio", sound_fields, AVSN_ARRAY_COUNT(sound_fields), offsetof(avsn_model_config, audio)},
    {NULL, NULL, 0, 0},
};
static const section sight_sections[] = {
    {"", pooled_fields, AVSN_ARRAY_COUNT(pooled_fields), 0},
    {"image", sight_fields, AVSN_ARRAY_COUNT(sight_fields), offsetof(avsn_model_config, image)},
    {NULL, NULL, 0, 0},
};
static const section clip_sections[] = {
    {"", clip_model_fields, AVSN_ARRAY_COUNT(clip_model_fields), 0},
    {"image", image_fields, AVSN_ARRAY_COUNT(image_fields), offsetof(avsn_model_config, image)},
    {"clip", clip_fields, AVSN_ARRAY_COUNT(clip_fields), offsetof(avsn_model_config, clip)},
    {NULL, NULL, 0, 0},
};
static const section lag_sections[] = {
    {"", lag_model_fields, AVSN_ARRAY_COUNT(lag_model_fields), 0},
    {"image", image_fields, AVSN_ARRAY_COUNT(image_fields), offsetof(avsn_model_config, image)},
    {"audio", audio_fields, AVSN_ARRAY_COUNT(audio_fields), offsetof(avsn_model_config, audio)},
    {"clip", picture_clip_fields, AVSN_ARRAY_COUNT(picture_clip_fields), offsetof(avsn_model_config, clip)},
    {NULL, NULL, 0, 0},
};
static const section separator_sections[] = {
    {"", separator_fields, AVSN_ARRAY_COUNT(separator_fields), 0},
    {"image", image_fields, AVSN_ARRAY_COUNT(image_fields), offsetof(avsn_model_config, image)},
    {"clip", clip_fields, AVSN_ARRAY_COUNT(clip_fields), offsetof(avsn_model_config, clip)},
    {"separation", separation_fields, AVSN_ARRAY_COUNT(separation_fields), offsetof(avsn_model_config, separation)},
    {NULL, NULL, 0, 0},
};
static const section mask_sections[] = {
    {"", mask_fields, AVSN_ARRAY_COUNT(mask_fields), 0},
    {"image", image_fields, AVSN_ARRAY_COUNT(image_fields), offsetof(avsn_model_config, image)},
    {"clip", clip_fields, AVSN_ARRAY_COUNT(clip_fields), offsetof(avsn_model_config, clip)},
    {"separation", separation_fields, AVSN_ARRAY_COUNT(separation_fields), offsetof(avsn_model_config, separation)},
    {NULL, NULL, 0, 0},
};
static const section blind_separator_sections[] = {
    {"", blind_separator_fields, AVSN_ARRAY_COUNT(blind_separator_fields), 0},
    {"clip", clip_fields, AVSN_ARRAY_COUNT(clip_fields), offsetof(avsn_model_config, clip)},
    {"separation", separation_fields, AVSN_ARRAY_COUNT(separation_fields), offsetof(avsn_model_config, separation)},
    {NULL, NULL, 0, 0},
};

static const section *sections_of(const avsn_arch *arch)
{
    if (arch->separates)
        return arch->blind ? blind_separator_sections : arch->masks ? mask_sections : separator_sections;
    if (arch->pools)
        return arch->blind ? sound_sections : sight_sections;
    return arch->lags ? lag_sections : arch->clip ? clip_sections : picture_sections;
}

/* ---- reading ---- */

typedef struct place {
    const char *config; /* opens every detail */
    const char *section;
} place;

#define FAIL_AT(at, key, ...)                                                                               \
    do {                                                                                                    \
        avsn_shown shown_;                                                                                  \
        avsn_fail(AVSOUND_E_INVALID_ARGUMENT, __VA_ARGS__);                                                 \
        return avsn_fail_in(AVSOUND_E_INVALID_ARGUMENT, "%s: %s%s%s", (at)->config, (at)->section,          \
                            (at)->section[0] ? "." : "", avsn_show(key, &shown_));                          \
    } while (0)

static avsound_status read_i32(const place *at, const char *key, const json_t *json, void *out)
{
    if (!json_is_integer(json))
        FAIL_AT(at, key, "want a whole number");
    const json_int_t value = json_integer_value(json);
    if (value < INT32_MIN || value > INT32_MAX)
        FAIL_AT(at, key, "%lld is out of range", (long long)value);
    memcpy(out, &(int32_t){(int32_t)value}, sizeof(int32_t));
    return AVSOUND_OK;
}

static avsound_status read_f32(const place *at, const char *key, const json_t *json, void *out)
{
    const double value = json_number_value(json);
    if (!json_is_number(json))
        FAIL_AT(at, key, "want a number");
    if (value > 1e30 || value < -1e30)
        FAIL_AT(at, key, "%g is out of range", value);
    memcpy(out, &(float){(float)value}, sizeof(float));
    return AVSOUND_OK;
}

static avsound_status read_rgb(const place *at, const char *key, const json_t *json, void *out)
{
    if (json_array_size(json) != 3)
        FAIL_AT(at, key, "want a list of three numbers");
    for (size_t i = 0; i < 3; i++)
        AVSN_TRY(read_f32(at, key, json_array_get(json, i), (float *)out + i));
    return AVSOUND_OK;
}

static avsound_status read_f64(const place *at, const char *key, const json_t *json, void *out)
{
    if (!json_is_number(json))
        FAIL_AT(at, key, "want a number");
    memcpy(out, &(double){json_number_value(json)}, sizeof(double));
    return AVSOUND_OK;
}

static avsound_status read_field(const place *at, const field *f, const json_t *json, void *object)
{
    void *out = (char *)object + f->offset;
    switch (f->kind) {
    case FIELD_I32:
        return read_i32(at, f->name, json, out);
    case FIELD_F32:
        return read_f32(at, f->name, json, out);
    case FIELD_F32_RGB:
        return read_rgb(at, f->name, json, out);
    default:
        return read_f64(at, f->name, json, out);
    }
}

static const field *find_field(const section *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->fields[i].name, name))
            return &s->fields[i];
    return NULL;
}

static const section *find_section(const section *sections, const char *name)
{
    for (size_t i = 1; sections[i].name; i++)
        if (!strcmp(sections[i].name, name))
            return &sections[i];
    return NULL;
}

/* Sections stand in the outermost one, s->name "", which the others follow. */
static avsound_status read_section(const char *config_name, const section *s, json_t *json, avsn_model_config *config)
{
    const char *key;
    json_t *value;
    const place at = {config_name, s->name};
    if (!json_is_object(json))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is not a JSON object", config_name, s->name[0] ? s->name : "it");
    json_object_foreach(json, key, value) {
        const field *f = find_field(s, key);
        const section *inner = !s->name[0] ? find_section(s, key) : NULL;
        if (inner)
            AVSN_TRY(read_section(config_name, inner, value, config));
        else if (f)
            AVSN_TRY(read_field(&at, f, value, (char *)config + s->offset));
        else
            FAIL_AT(&at, key, "unknown name");
    }
    return AVSOUND_OK;
}

static size_t nesting(const char *text)
{
    size_t depth = 0, deepest = 0;
    for (; *text; text++) {
        depth += *text == '{' || *text == '[';
        deepest = AVSN_MAX(deepest, depth);
        depth -= depth && (*text == '}' || *text == ']');
    }
    return deepest;
}

static avsound_status parse_text(const char *name, const char *text, json_t **root)
{
    json_error_t error;
    if (strlen(text) > MAX_TEXT)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %zu bytes, want at most %zu", name, strlen(text), MAX_TEXT);
    if (nesting(text) > MAX_DEPTH)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: nests deeper than %d levels", name, MAX_DEPTH);
    *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (*root)
        return AVSOUND_OK;
    if (!error.text[0] || json_error_code(&error) == json_error_out_of_memory) /* jansson leaves some refusals wordless */
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: no memory to parse it", name);
    AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: not the JSON wanted: byte %d", name, error.position);
}

static avsound_status check_width(const char *name, const char *key, double width)
{
    if (!(width >= 0.0625 && width <= 4))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is %g, want 0.0625...4", name, key, width);
    return AVSOUND_OK;
}

static avsound_status check_stride(const char *name, const char *key, int32_t stride)
{
    if (stride != 1 && stride != 2)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is %d, want 1 or 2", name, key, stride);
    return AVSOUND_OK;
}

static avsound_status check_lags(const char *name, const avsn_model_config *config)
{
    if (config->lags < 1 || config->lags > MOST_LAGS)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: lags is %d, want 1...%d", name, config->lags, MOST_LAGS);
    return AVSOUND_OK;
}

static avsound_status check_classes(const char *name, const avsn_model_config *config)
{
    if (config->classes < 0 || config->classes == 1 || config->classes > MOST_CLASSES)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: classes is %d, want 2...%d, or 0 for none", name, config->classes, MOST_CLASSES);
    if (config->vision_only < 0 || config->vision_only > (config->classes > 0))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: vision_only is %d, want 0, or 1 with classes", name, config->vision_only);
    return AVSOUND_OK;
}

static avsound_status check_pool(const char *name, const char *key, int32_t cells)
{
    if (cells < 1 || cells > MOST_POOL)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %s is %d, want 1...%d", name, key, cells, MOST_POOL);
    return AVSOUND_OK;
}

/* Completes a clip's numbers, too. */
static avsound_status check(const avsn_arch *arch, const char *name, avsn_model_config *config)
{
    AVSN_TRY(check_width(name, "width", config->width));
    if (arch->lags) {
        AVSN_TRY(check_lags(name, config));
    } else if (arch->clip && !arch->blind && !arch->masks) {
        AVSN_TRY(check_width(name, "audio_width", config->audio_width));
        AVSN_TRY(check_stride(name, "conv5_stride", config->conv5_stride));
        AVSN_TRY(check_classes(name, config));
    }
    if (arch->separates)
        AVSN_TRY(check_width(name, "unet_width", config->unet_width));
    if (arch->pools) {
        AVSN_TRY(check_pool(name, "pool_rows", config->pool_rows));
        AVSN_TRY(check_pool(name, "pool_columns", config->pool_columns));
    } else if (!arch->clip) {
        AVSN_TRY(check_stride(name, "conv1_stride", config->conv1_stride));
    }
    const bool sees = arch->clip || !arch->blind, hears = arch->lags || (!arch->clip && !arch->deaf);
    avsound_status status = sees ? avsn_image_frontend_check(&config->image) : AVSOUND_OK;
    if (!status && arch->clip)
        status = avsn_clip_frontend_complete(&config->clip);
    if (!status && hears)
        status = avsn_audio_frontend_check(&config->audio);
    if (!status && arch->separates)
        status = avsn_separation_frontend_check(&config->separation, &config->clip, arch->masks);
    return status ? avsn_fail_in(status, "%s", name) : AVSOUND_OK;
}

static void set_defaults(const avsn_arch *arch, avsn_model_config *config)
{
    *config = (avsn_model_config){.width = 1, .conv1_stride = arch->conv1_stride, .conv5_stride = arch->conv5_stride};
    if (arch->lags) {
        config->lags = 20;
        avsn_lag_frontend_default(&config->clip, &config->image, &config->audio);
    } else if (arch->clip) {
        config->audio_width = 1;
        avsn_clip_frontend_default(&config->clip, &config->image);
        if (arch->separates) {
            config->unet_width = 1;
            avsn_separation_frontend_default(&config->separation, &config->clip);
            if (arch->masks)
                avsn_mask_frontend_default(&config->clip, &config->image, &config->separation);
        }
    } else if (arch->pools && arch->blind) {
        config->pool_rows = config->pool_columns = 8;
        avsn_alone_frontend_default(&config->audio);
    } else if (arch->pools) {
        config->pool_rows = config->pool_columns = 7;
        avsn_signed_frontend_default(&config->image);
    } else {
        avsn_image_frontend_default(&config->image);
        avsn_audio_frontend_default(&config->audio);
    }
}

avsound_status avsn_config_parse(const avsn_arch *arch, const char *text, const char *name, avsn_model_config *config)
{
    set_defaults(arch, config);
    if (text) {
        json_t *root;
        AVSN_TRY(parse_text(name, text, &root));
        const avsound_status status = read_section(name, sections_of(arch), root, config);
        json_decref(root);
        AVSN_TRY(status);
    }
    return check(arch, name, config);
}

/* ---- writing ---- */

typedef struct writer {
    char *text; /* NULL: only measures */
    size_t used;
} writer;

static void put(writer *w, const char *text)
{
    const size_t length = strlen(text);
    if (w->text)
        memcpy(w->text + w->used, text, length + 1);
    w->used += length;
}

static void put_i32(writer *w, int32_t value)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", value);
    put(w, digits);
}

static bool reads_back(const char *digits, double value, bool is_float)
{
    const double back = strtod(digits, NULL);
    return is_float ? (float)back == (float)value : back == value;
}

/* The shortest decimal that reads back as the same number, whatever the locale's decimal point. */
static void put_real(writer *w, double value, bool is_float)
{
    char digits[40], plain[40];
    const double size = fabs(value);
    /* %g turns to exponents when the precision is below the digits before the point */
    const int least = size >= 10 && size < 1e9 ? (int)log10(size) + 1 : 1;
    for (int precision = least; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (reads_back(digits, value, is_float))
            break;
    }
    size_t n = 0;
    for (const char *p = digits; *p; p++) {
        if (strchr("0123456789+-e", *p))
            plain[n++] = *p;
        else if (!n || plain[n - 1] != '.')
            plain[n++] = '.';
    }
    plain[n] = 0;
    put(w, plain);
}

static void put_field(writer *w, const field *f, const void *object)
{
    const char *at = (const char *)object + f->offset;
    put(w, "\"");
    put(w, f->name);
    put(w, f->kind == FIELD_F32_RGB ? "\":[" : "\":");
    if (f->kind == FIELD_I32) {
        int32_t value;
        memcpy(&value, at, sizeof value);
        put_i32(w, value);
    } else if (f->kind == FIELD_F64) {
        double value;
        memcpy(&value, at, sizeof value);
        put_real(w, value, false);
    } else {
        const size_t count = f->kind == FIELD_F32_RGB ? 3 : 1;
        for (size_t i = 0; i < count; i++) {
            float value;
            memcpy(&value, at + i * sizeof value, sizeof value);
            put(w, i ? "," : "");
            put_real(w, value, true);
        }
    }
    put(w, f->kind == FIELD_F32_RGB ? "]" : "");
}

static void put_fields(writer *w, const section *s, const avsn_model_config *config)
{
    for (size_t i = 0; i < s->count; i++) {
        put(w, i ? "," : "");
        put_field(w, &s->fields[i], (const char *)config + s->offset);
    }
}

static void put_config(writer *w, const section *sections, const avsn_model_config *config)
{
    put(w, "{");
    put_fields(w, &sections[0], config);
    for (size_t i = 1; sections[i].name; i++) {
        put(w, ",\"");
        put(w, sections[i].name);
        put(w, "\":{");
        put_fields(w, &sections[i], config);
        put(w, "}");
    }
    put(w, "}");
}

avsound_status avsn_config_text(avsound_context *context, const avsn_arch *arch, const avsn_model_config *config, char **text)
{
    writer measure = {0}, w = {0};
    put_config(&measure, sections_of(arch), config);
    w.text = *text = avsn_alloc(context, measure.used + 1, 1);
    if (!*text)
        return AVSOUND_E_NO_MEMORY;
    put_config(&w, sections_of(arch), config);
    return AVSOUND_OK;
}
