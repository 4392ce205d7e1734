#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* A safetensors file starts with its header's length, 8 bytes, then that header, a JSON object. */
static bool looks_like_model(const char *path)
{
    unsigned char head[9];
    if (cli_ends_with(path, ".safetensors"))
        return true;
    FILE *file = fopen(path, "rb");
    const bool whole = file && fread(head, sizeof head, 1, file) == 1;
    if (file)
        fclose(file);
    return whole && head[8] == '{' && !head[5] && !head[6] && !head[7];
}

static json_t *or_null(bool known, json_t *value)
{
    if (known)
        return value;
    json_decref(value);
    return json_null();
}

static json_t *describe_video(const avsound_media_info *i)
{
    char aspect[32];
    snprintf(aspect, sizeof aspect, "%d:%d", i->sar_num, i->sar_den);
    const bool rate = i->rate_num > 0 && i->rate_den > 0;
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:o, s:b, s:o, s:o}", "codec", i->video_codec,
                     "pixel_format", i->pixel_format, "bits", (int)i->pixel_bits, "width", (int)i->width, "height",
                     (int)i->height, "coded_width", (int)i->coded_width, "coded_height", (int)i->coded_height,
                     "rotation", (int)i->rotation, "sample_aspect_ratio", aspect, "frame_rate",
                     or_null(rate, json_real(rate ? (double)i->rate_num / i->rate_den : 0)), "still", (int)i->still,
                     "start", cli_json_seconds(i->video_start_us), "duration", cli_json_seconds(i->video_duration_us));
}

static json_t *describe_audio(const avsound_media_info *i)
{
    return json_pack("{s:s, s:i, s:i, s:o, s:o}", "codec", i->audio_codec, "sample_rate", (int)i->sample_rate,
                     "channels", (int)i->channels, "start", cli_json_seconds(i->audio_start_us), "duration",
                     cli_json_seconds(i->audio_duration_us));
}

static json_t *describe_media(const char *path, const avsound_media_info *i)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "kind", "media", "file", cli_json_text(path), "container",
                     i->container, "duration", cli_json_seconds(i->duration_us), "bit_rate",
                     or_null(i->bit_rate >= 0, json_integer(i->bit_rate)), "video",
                     i->has_video ? describe_video(i) : json_null(), "audio",
                     i->has_audio ? describe_audio(i) : json_null());
}

/* "bit_rate" -> "bit rate" */
static void print_key(const char *key, int indent)
{
    char text[32];
    snprintf(text, sizeof text, "%s", key);
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = ' ';
    printf("%*s%-*s ", indent, "", 22 - indent, text);
}

/* Prints an object as indented lines; what is unknown is left out. */
static void print_object(json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (json_is_null(value) || (json_is_string(value) && !*json_string_value(value)))
            continue;
        print_key(key, indent);
        if (json_is_object(value)) {
            putchar('\n');
            print_object(value, indent + 2);
            continue;
        }
        if (json_is_string(value))
            puts(json_string_value(value));
        else if (json_is_boolean(value))
            puts(json_is_true(value) ? "yes" : "no");
        else if (json_is_integer(value))
            printf("%lld\n", (long long)json_integer_value(value));
        else if (json_is_real(value))
            printf("%.6g\n", json_real_value(value));
        else {
            json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
            putchar('\n');
        }
    }
}

static int print_description(const cli *c, json_t *object)
{
    if (!object)
        return cli_error(CLI_RESOURCES, "%s: out of memory", c->args.input_count ? c->args.inputs[0] : c->args.arch);
    if (c->args.json)
        return cli_json_print(object);
    print_object(object, 0);
    json_decref(object);
    return CLI_OK;
}

static json_t *list_parameters(const avsound_model *model, int64_t *total)
{
    json_t *list = json_array();
    for (int32_t i = 0; list && i < avsound_model_parameter_count(model); i++) {
        const char *name;
        avsound_tensor view = {.struct_size = sizeof view};
        if (avsound_model_get_parameter(model, i, &name, &view))
            break;
        int64_t elements = 1;
        json_t *shape = json_array();
        for (int32_t d = 0; d < view.rank; d++) {
            elements *= view.shape[d];
            json_array_append_new(shape, json_integer(view.shape[d]));
        }
        *total += elements;
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", name, "shape", shape));
    }
    return list;
}

static json_t *list_metadata(const avsound_model *model)
{
    json_t *object = json_object();
    for (int32_t i = 0; object && i < avsound_model_metadata_count(model); i++) {
        const char *key = avsound_model_metadata_key(model, i);
        const char *value = key ? avsound_model_metadata(model, key) : NULL;
        /* The configuration stands on its own. */
        if (value && strcmp(key, "avsound.config"))
            json_object_set_new(object, key, json_string(value));
    }
    return object;
}

/* Parameters one by one are for JSON; people get their number. */
static json_t *describe_model(const cli *c, const char *path, const avsound_model *model, const char *hash)
{
    int64_t total = 0;
    json_t *parameters = list_parameters(model, &total);
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:b, s:I, s:I, s:o, s:o, s:o}", "kind", "model", "file", cli_json_text(path), "arch",
        avsound_model_arch(model), "trained", (int)avsound_model_is_trained(model), "tensors",
        (json_int_t)avsound_model_parameter_count(model), "parameters", (json_int_t)total, "hash", cli_json_text(hash),
        "config", json_loads(avsound_model_config(model), 0, NULL), "metadata", list_metadata(model));
    if (object && c->args.json)
        json_object_set(object, "parameter_list", parameters);
    json_decref(parameters);
    return object;
}

static int print_plan(const cli *c, const cli_model *model)
{
    avsound_session *session = NULL;
    size_t size = 0;
    char *text = NULL;
    const int code = cli_session(c, model, NULL, &session);
    if (code)
        return code;
    avsound_status status = avsound_session_describe(session, NULL, &size);
    if (!status || status == AVSOUND_E_BUFFER_SIZE) {
        text = malloc(size);
        status = text ? avsound_session_describe(session, text, &size) : AVSOUND_E_NO_MEMORY;
    }
    if (!status)
        fputs(text, stdout);
    free(text);
    cli_session_close(session);
    return status ? cli_input_failed(model->name, status) : CLI_OK;
}

/* A damaged file is described all the same. */
static int print_file(const cli *c, const char *path, const avsound_model *model)
{
    const char *hash = "ok";
    int damage = CLI_OK;
    const avsound_status status = avsound_model_verify(c->context, path);
    if (status == AVSOUND_E_UNSUPPORTED) {
        hash = "none";
    } else if (status) {
        hash = "differs";
        damage = cli_input_failed(path, status);
        if (status != AVSOUND_E_FORMAT)
            return damage;
    }
    const int code = print_description(c, describe_model(c, path, model, hash));
    return code ? code : damage;
}

static int info_model(const cli *c, const char *path)
{
    cli_model model = {0};
    avsound_status status;
    if (path)
        status = avsound_model_load(c->context, path, &model.model);
    else
        status = avsound_model_create(c->context, c->args.arch, c->args.config, (uint64_t)c->args.seed, &model.model);
    snprintf(model.name, sizeof model.name, "%s", path ? path : c->args.arch);
    if (status)
        return status == AVSOUND_E_INVALID_ARGUMENT ? cli_error(CLI_USAGE, "%s: %s", model.name, avsound_error_detail())
                                                    : cli_input_failed(model.name, status);
    int code;
    if (c->args.plan)
        code = print_plan(c, &model);
    else if (path)
        code = print_file(c, path, model.model);
    else
        code = print_description(c, describe_model(c, NULL, model.model, NULL));
    cli_model_close(&model);
    return code;
}

int cli_info(cli *c)
{
    const cli_args *a = &c->args;
    char path[4096];
    if ((a->input_count == 1) == (a->arch != NULL))
        return cli_error(CLI_USAGE, "info: wants a file, a model or --arch, one of them (see avsound help info)");
    if (a->arch)
        return info_model(c, NULL);
    const bool found = cli_model_find(c, a->inputs[0], path, sizeof path);
    if (found && looks_like_model(path))
        return info_model(c, path);
    if (a->plan)
        return cli_error(CLI_INPUT, "%s: --plan is of a model, and this is none", a->inputs[0]);
    avsound_media_info info;
    const int code = cli_media_info(c, a->inputs[0], &info);
    return code ? code : print_description(c, describe_media(a->inputs[0], &info));
}
