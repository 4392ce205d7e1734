/* A classifier as a JSON file: what it looks at, and a weight vector a class. */
#include <stdlib.h>
#include <string.h>

#include "probe.h"

enum { FORMAT = 1 };

/* ---- writing ---- */

static json_t *numbers(const double *values, int32_t count)
{
    json_t *list = json_array();
    for (int32_t i = 0; list && i < count; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *weight_lists(const probe_classifier *c)
{
    json_t *lists = json_array();
    for (int32_t i = 0; lists && i < c->classes; i++)
        json_array_append_new(lists, numbers(c->weights + (ptrdiff_t)i * c->dimension, c->dimension));
    return lists;
}

/* Keys with NULL are left out. */
static json_t *describe(const probe *p, const probe_classifier *c)
{
    const cli_args *a = &p->c->args;
    const bool drawn = !p->view.log_mel && a->arch;
    json_t *j = json_pack("{s:i, s:s, s:s, s:s, s:i, s:f, s:i, s:O, s:o, s:o}", "avsound_classifier", FORMAT, "features",
                          p->view.log_mel ? "log-mel" : "network", "identity", p->identity, "modality",
                          p->view.image ? "image" : "audio", "windows", (int)p->view.windows, "cost", c->cost, "dimension",
                          (int)c->dimension, "classes", c->names, "bias", numbers(c->bias, c->classes), "weights",
                          weight_lists(c));
    if (!j)
        return NULL;
    if (drawn)
        json_object_set_new(j, "seed", json_integer((json_int_t)a->seed));
    const char *const texts[][2] = {{"model", p->view.log_mel || drawn ? NULL : a->model ? a->model : p->e.model.name},
                                    {"arch", drawn ? a->arch : NULL},
                                    {"config", drawn ? a->config : NULL},
                                    {"layer", p->view.layer},
                                    {"grid", p->view.grid}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i][1])
            json_object_set_new(j, texts[i][0], cli_json_text(texts[i][1]));
    return j;
}

int probe_classifier_write(const probe *p, const probe_classifier *classifier, const char *path)
{
    cli_outfile out = {0};
    json_t *j = describe(p, classifier);
    int code = j ? cli_outfile_open(&out, path) : cli_error(CLI_RESOURCES, "%s: out of memory", path);
    if (!code) {
        json_dumpf(j, out.file, JSON_REAL_PRECISION(12));
        fputc('\n', out.file);
        code = cli_outfile_finish(&out);
    }
    cli_outfile_discard(&out);
    json_decref(j);
    return code;
}

/* ---- reading ---- */

static bool read_numbers(const json_t *list, int32_t count, double *out)
{
    bool good = json_array_size(list) == (size_t)count;
    for (int32_t i = 0; good && i < count; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        out[i] = json_number_value(value);
        good = json_is_number(value) && isfinite(out[i]);
    }
    return good;
}

static bool are_names(const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name))
            return false;
    }
    return json_array_size(names) >= 2 && json_array_size(names) <= 100000;
}

static const char *text_of(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

/* What is wrong with it; NULL: nothing. */
static const char *take_weights(const json_t *j, probe_classifier *out)
{
    json_t *names = json_object_get(j, "classes"), *rows = json_object_get(j, "weights");
    const json_int_t dimension = json_integer_value(json_object_get(j, "dimension"));
    if (!are_names(names))
        return "classes are not two names at least";
    if (dimension < 1 || dimension > 1 << 24)
        return "dimension is not 1 to 16777216";
    *out = (probe_classifier){.names = json_incref(names), .classes = (int32_t)json_array_size(names),
                              .dimension = (int32_t)dimension, .cost = json_number_value(json_object_get(j, "cost"))};
    if (json_array_size(rows) != (size_t)out->classes)
        return "weights are not a list for each class";
    out->bias = calloc((size_t)out->classes, sizeof *out->bias);
    out->weights = calloc((size_t)out->classes, (size_t)dimension * sizeof *out->weights);
    if (!out->bias || !out->weights)
        return "out of memory";
    if (!read_numbers(json_object_get(j, "bias"), out->classes, out->bias))
        return "bias is not a number for each class";
    for (int32_t i = 0; i < out->classes; i++)
        if (!read_numbers(json_array_get(rows, (size_t)i), out->dimension, out->weights + (ptrdiff_t)i * out->dimension))
            return "a class's weights are not `dimension` numbers";
    return NULL;
}

static const char *take_view(probe *p, const json_t *j)
{
    const char *features = text_of(j, "features"), *modality = text_of(j, "modality");
    const json_int_t windows = json_integer_value(json_object_get(j, "windows"));
    if (!features || (strcmp(features, "network") && strcmp(features, "log-mel")))
        return "features are neither network nor log-mel";
    if (!modality || (strcmp(modality, "image") && strcmp(modality, "audio")))
        return "modality is neither image nor audio";
    if (windows < 1 || windows > 100000)
        return "windows are not 1 to 100000";
    int32_t rows, cols;
    if (text_of(j, "grid") && !cli_read_grid(text_of(j, "grid"), &rows, &cols))
        return "grid is not ROWSxCOLUMNS";
    p->view = (probe_view){.log_mel = !strcmp(features, "log-mel"), .image = !strcmp(modality, "image"),
                           .layer = text_of(j, "layer"), .grid = text_of(j, "grid"), .windows = (int32_t)windows};
    return NULL;
}

/* The model that the file names, unless the command line names one. */
static int open_model(probe *p, const json_t *j, const char *path)
{
    cli_args *a = &p->c->args;
    const char *wanted = text_of(j, "identity"), *name = text_of(j, "model");
    if (!a->model && !a->arch) {
        a->model = name;
        a->arch = text_of(j, "arch");
        a->config = text_of(j, "config");
        a->seed = json_integer_value(json_object_get(j, "seed"));
    }
    if (!p->view.log_mel && !a->model && !a->arch)
        return cli_error(CLI_INPUT, "%s: names no model", path);
    const int code = probe_model_open(p, NULL);
    if (code || (wanted && !strcmp(wanted, p->identity)))
        return code;
    return cli_error(CLI_INPUT, "%s: was learned on another model's features (%s, %s) than those of %s (%s)", path,
                     name ? name : a->arch ? a->arch : "log-mel", wanted ? wanted : "not told", p->e.model.name, p->identity);
}

int probe_classifier_read(probe *p, const char *path, probe_classifier *out)
{
    json_error_t error;
    *out = (probe_classifier){0};
    json_t *j = p->file = json_load_file(path, 0, &error);
    if (!j)
        return cli_error(CLI_INPUT, "%s: %s%s", path, error.line < 0 ? "" : "is no classifier: ", error.text);
    const json_int_t format = json_integer_value(json_object_get(j, "avsound_classifier"));
    if (format != FORMAT)
        return cli_error(CLI_INPUT, "%s: is no classifier: avsound_classifier is %lld, want %d", path, (long long)format, FORMAT);
    const char *wrong = take_view(p, j);
    wrong = wrong ? wrong : take_weights(j, out);
    return wrong ? cli_error(CLI_INPUT, "%s: is damaged: %s", path, wrong) : open_model(p, j, path);
}
