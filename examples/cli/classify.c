/* avsound classify: which of a model's classes a recording shows. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { PRINTED = 5 };

/* ---- the classes of a recording ---- */

static int32_t class_count(const avsound_model *model)
{
    json_t *config = json_loads(avsound_model_config(model), 0, NULL);
    const json_int_t count = json_integer_value(json_object_get(config, "classes"));
    json_decref(config);
    return (int32_t)count;
}

/* What the file says is only believed where it fits. */
static json_t *names_of(const avsound_model *model, int32_t count)
{
    const char *text = avsound_model_metadata(model, "avsound.classes");
    json_t *names = text ? json_loads(text, 0, NULL) : NULL;
    bool fits = json_array_size(names) == (size_t)count;
    for (size_t i = 0; fits && i < (size_t)count; i++)
        fits = json_is_string(json_array_get(names, i));
    if (fits)
        return names;
    json_decref(names);
    names = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(names, json_sprintf("class %d", (int)i + 1));
    return names;
}

int cli_classes_open(const cli_model *model, cli_classes *out)
{
    *out = (cli_classes){.count = class_count(model->model)};
    if (out->count < 2)
        return cli_error(CLI_UNSUPPORTED, "%s knows no classes: train --objective classify makes models that do", model->name);
    out->names = names_of(model->model, out->count);
    out->probability = calloc((size_t)out->count, sizeof *out->probability);
    if (json_array_size(out->names) == (size_t)out->count && out->probability)
        return CLI_OK;
    cli_classes_close(out);
    return cli_error(CLI_RESOURCES, "%s: out of memory", model->name);
}

void cli_classes_close(cli_classes *classes)
{
    json_decref(classes->names);
    free(classes->probability);
    *classes = (cli_classes){0};
}

static void add(cli_classes *classes, const avsound_scan_result *r)
{
    for (int32_t i = 0; i < classes->count && i < r->class_count; i++)
        classes->probability[i] += (double)r->classes[i];
    classes->stretches++;
    classes->seen_us = r->seen_us;
    classes->padded = r->padded;
}

avsound_status cli_classes_run(cli_classes *classes, avsound_scan *scan)
{
    avsound_status status = AVSOUND_OK;
    while (!status && !cli_interrupted()) {
        avsound_scan_result r = {.struct_size = sizeof r};
        status = avsound_scan_next(scan, &r);
        if (!status)
            add(classes, &r);
    }
    for (int32_t i = 0; classes->stretches && i < classes->count; i++)
        classes->probability[i] /= (double)classes->stretches;
    return status == AVSOUND_E_END ? AVSOUND_OK : status ? status : AVSOUND_E_CANCELLED;
}

int32_t cli_classes_best(const cli_classes *classes)
{
    int32_t best = 0;
    for (int32_t i = 1; i < classes->count; i++)
        best = classes->probability[i] > classes->probability[best] ? i : best;
    return best;
}

const char *cli_classes_name(const cli_classes *classes, int32_t index)
{
    return json_string_value(json_array_get(classes->names, (size_t)index));
}

/* ---- the command ---- */

/* The classes by falling probability, those of the same in their own order; NULL without memory. */
static int32_t *order(const cli_classes *classes)
{
    int32_t *list = malloc((size_t)classes->count * sizeof *list);
    for (int32_t i = 0; list && i < classes->count; i++) {
        int32_t at = i;
        for (; at > 0 && classes->probability[list[at - 1]] < classes->probability[i]; at--)
            list[at] = list[at - 1];
        list[at] = i;
    }
    return list;
}

static int print_json(const cli *c, const cli_model *model, const cli_classes *classes, const int32_t *list)
{
    json_t *rows = json_array();
    for (int32_t i = 0; i < classes->count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:f}", "name", cli_classes_name(classes, list[i]), "probability",
                                              classes->probability[list[i]]));
    return cli_json_print(json_pack("{s:o, s:o, s:b, s:I, s:o, s:b, s:o}", "input", cli_json_text(c->args.inputs[0]), "model",
                                    cli_json_text(model->name), "trained", model->trained, "stretches",
                                    (json_int_t)classes->stretches, "seen", cli_json_seconds(classes->seen_us), "padded",
                                    classes->padded, "classes", rows));
}

static int print_text(const cli_classes *classes, const int32_t *list)
{
    for (int32_t i = 0; i < classes->count && i < PRINTED; i++)
        printf("%6.3f  %s\n", classes->probability[list[i]], cli_classes_name(classes, list[i]));
    return CLI_OK;
}

static int print(const cli *c, const cli_model *model, const cli_classes *classes)
{
    int32_t *list = order(classes);
    if (!list)
        return cli_error(CLI_RESOURCES, "%s: out of memory", c->args.inputs[0]);
    const int code = c->args.json ? print_json(c, model, classes, list) : print_text(classes, list);
    free(list);
    return code;
}

static int run(const cli *c, const cli_model *model, cli_classes *classes, int *damage)
{
    const char *path = c->args.inputs[0];
    avsound_scan *scan = NULL;
    int code = cli_scan_open(c, model, path, AVSOUND_SCAN_CLASSES, 0, &scan);
    if (code)
        return code;
    const avsound_status status = cli_classes_run(classes, scan);
    cli_scan_close(scan);
    if (status == AVSOUND_E_FORMAT && classes->stretches)
        *damage = cli_input_failed(path, status);
    else if (status)
        code = cli_interrupted() ? CLI_FAILED : cli_input_failed(path, status);
    if (!code && classes->padded)
        cli_warn_padded(path, &(avsound_scan_result){.padded = 1, .seen_us = classes->seen_us});
    return code ? code : print(c, model, classes);
}

int cli_classify(cli *c)
{
    cli_model model = {0};
    cli_classes classes = {0};
    int damage = CLI_OK, code = CLI_OK;
    if (!c->args.model && !c->args.arch)
        return cli_error(CLI_USAGE, "classify: --model is missing: one that train --objective classify has made");
    code = cli_model_open(c, NULL, &model);
    if (!code)
        code = cli_classes_open(&model, &classes);
    if (!code) {
        cli_model_warn(&model, "probabilities");
        code = run(c, &model, &classes, &damage);
    }
    cli_classes_close(&classes);
    cli_model_close(&model);
    return code ? code : damage;
}
