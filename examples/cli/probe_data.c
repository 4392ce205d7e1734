/* The clips of `avsound probe`: rows of tables as data sets bring them along, or the files of folders named for their class. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe.h"

/* A table's columns, -1: not there. */
typedef struct columns {
    int64_t file, label, fold, group;
    int64_t first; /* row with the first clip: 0 for a list without a header */
} columns;

static int no_memory(const char *path)
{
    return cli_error(CLI_RESOURCES, "%s: out of memory", path);
}

static bool is_there(const char *path)
{
    struct stat s;
    return !stat(path, &s);
}

static bool is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* ---- clips ---- */

static int add_clip(probe *p, size_t *room, const char *path, const char *label, const char *fold, const char *group)
{
    eval_data *data = &p->e.data;
    if ((size_t)data->count == *room) {
        const size_t more = *room ? 2 * *room : 256;
        eval_clip *clips = realloc(data->clips, more * sizeof *clips);
        data->clips = clips ? clips : data->clips;
        const char **folds = clips ? realloc(p->folds, more * sizeof *folds) : NULL;
        p->folds = folds ? folds : p->folds;
        if (!folds)
            return no_memory(path);
        *room = more;
    }
    eval_clip *clip = &data->clips[data->count];
    *clip = (eval_clip){.path = strdup(path), .file = "", .category = "", .group = group, .boxes = "", .labels = strdup(label),
                        .usable = true};
    p->folds[data->count++] = fold;
    clip->file = clip->path;
    return clip->path && clip->labels ? CLI_OK : no_memory(path);
}

/* ---- folders ---- */

/* The folder in which a file lies says its class. */
static int add_folder(probe *p, size_t *room, char *folder)
{
    char label[1024];
    cli_sources sources;
    int code = cli_sources_find(&folder, 1, &sources);
    if (!code && !sources.count)
        code = cli_error(CLI_INPUT, "%s: no pictures, sounds or videos there", folder);
    for (size_t i = 0; !code && i < sources.count; i++) {
        eval_folder_name(sources.paths[i], label, sizeof label);
        code = add_clip(p, room, sources.paths[i], label, "", "");
    }
    cli_sources_close(&sources);
    return code;
}

/* ---- tables ---- */

static int64_t any_column(const eval_csv *csv, const char *const *names)
{
    int64_t column = -1;
    for (; column < 0 && *names; names++)
        column = eval_csv_column(csv, *names);
    return column;
}

static int find_columns(const char *path, const eval_csv *csv, const char *label, columns *c)
{
    static const char *const files[] = {"file", "filename", NULL};
    static const char *const labels[] = {"label", "category", "scene_label", "class", "audible", "target", NULL};
    *c = (columns){any_column(csv, files), label ? eval_csv_column(csv, label) : any_column(csv, labels),
                   eval_csv_column(csv, "fold"), eval_csv_column(csv, "group"), 1};
    if (label && c->label < 0)
        return cli_error(CLI_INPUT, "%s: has no column \"%s\" for --labels", path, label);
    if (c->file < 0 && c->label < 0 && csv->columns >= 2 && csv->rows) {
        *c = (columns){0, 1, -1, -1, 0}; /* a list of the DCASE kind: file and label, no header */
        return CLI_OK;
    }
    if (c->file < 0)
        return cli_error(CLI_INPUT, "%s: has no column file or filename", path);
    if (c->label < 0)
        return cli_error(CLI_INPUT, "%s: has no column label, category or target; --labels names another", path);
    return CLI_OK;
}

/* Where a table's file lies: under --root, beside the table, or beside the table's folder, as DCASE's lists have it. */
static bool find_file(const cli_args *a, const char *table, const char *file, char *path, size_t size)
{
    const char *slash = strrchr(table, '/');
    int n;
    if (*file == '/' || (!a->root && !slash))
        n = snprintf(path, size, "%s", file);
    else if (a->root)
        n = snprintf(path, size, "%s/%s", a->root, file);
    else
        n = snprintf(path, size, "%.*s/%s", (int)(slash - table), table, file);
    if (n < 0 || (size_t)n >= size || is_there(path) || a->root || *file == '/')
        return n > 0 && (size_t)n < size && is_there(path);
    char above[4096];
    const int m = snprintf(above, sizeof above, "%.*s/../%s", slash ? (int)(slash - table) : 1, slash ? table : ".", file);
    if (m < 0 || (size_t)m >= sizeof above || !is_there(above))
        return false;
    snprintf(path, size, "%s", above);
    return true;
}

static int add_rows(probe *p, size_t *room, const char *table, const eval_csv *csv, const columns *c)
{
    char path[4096], missing[4096] = "";
    int64_t lacking = 0;
    int code = CLI_OK;
    for (int64_t row = c->first; !code && row < csv->rows; row++) {
        const char *file = eval_csv_field(csv, row, c->file), *label = eval_csv_field(csv, row, c->label);
        const char *fold = c->fold < 0 ? table : eval_csv_field(csv, row, c->fold);
        if (!*file || !*label || !*fold)
            return cli_error(CLI_INPUT, "%s: record %lld has no %s", table, (long long)row + 1,
                             !*file ? "file" : !*label ? "label" : "fold");
        if (find_file(&p->e.c->args, table, file, path, sizeof path))
            code = add_clip(p, room, path, label, fold, eval_csv_field(csv, row, c->group));
        else if (!lacking++)
            snprintf(missing, sizeof missing, "%s", path);
    }
    if (!code && lacking)
        code = cli_error(CLI_INPUT, "%s: is not there, as %lld of the %lld files of %s are not", missing, (long long)lacking,
                         (long long)(csv->rows - c->first), table);
    return code;
}

static int add_table(probe *p, size_t *room, const char *path)
{
    columns c;
    eval_csv *csv = &p->tables[p->table_count];
    int code = eval_csv_read(path, csv);
    if (code)
        return code;
    p->table_count++;
    code = find_columns(path, csv, p->e.c->args.labels, &c);
    if (!code && csv->rows <= c.first)
        code = cli_error(CLI_INPUT, "%s: lists no clip", path);
    return code ? code : add_rows(p, room, path, csv, &c);
}

static int add_operand(probe *p, size_t *room, char *operand)
{
    char manifest[4096];
    const int n = snprintf(manifest, sizeof manifest, "%s/manifest.csv", operand);
    if (!is_folder(operand))
        return add_table(p, room, operand);
    if (n < 0 || (size_t)n >= sizeof manifest || !is_there(manifest))
        return add_folder(p, room, operand);
    char *kept = strdup(manifest); /* it may become the name of a fold */
    if (!kept)
        return no_memory(operand);
    p->manifests[p->manifest_count++] = kept;
    return add_table(p, room, kept);
}

/* ---- folds and labels ---- */

static int32_t find_name(const char *const *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

/* "2" before "10". */
static int compare_folds(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    const long m = strtol(*x, NULL, 10), n = strtol(*y, NULL, 10);
    return m != n ? (m > n) - (m < n) : strcmp(*x, *y);
}

static int number_folds(probe *p)
{
    const size_t count = (size_t)p->e.data.count;
    p->fold = malloc(count * sizeof *p->fold);
    p->fold_names = malloc(count * sizeof *p->fold_names);
    if (!p->fold || !p->fold_names)
        return no_memory("folds");
    for (size_t i = 0; i < count; i++)
        if (*p->folds[i] && find_name(p->fold_names, p->fold_count, p->folds[i]) < 0)
            p->fold_names[p->fold_count++] = p->folds[i];
    qsort(p->fold_names, (size_t)p->fold_count, sizeof *p->fold_names, compare_folds);
    for (size_t i = 0; i < count; i++)
        p->fold[i] = find_name(p->fold_names, p->fold_count, p->folds[i]);
    return CLI_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What stood in both halves of a division would be known beforehand. */
static int refuse_doubles(const eval_data *data)
{
    const char **paths = malloc((size_t)data->count * sizeof *paths);
    int code = paths ? CLI_OK : no_memory(data->path);
    for (int64_t i = 0; !code && i < data->count; i++)
        paths[i] = data->clips[i].path;
    if (!code)
        qsort(paths, (size_t)data->count, sizeof *paths, compare_names);
    for (int64_t i = 1; !code && i < data->count; i++)
        if (!strcmp(paths[i - 1], paths[i]))
            code = cli_error(CLI_INPUT, "%s: is listed twice", paths[i]);
    free(paths);
    return code;
}

json_t *probe_label_names(const probe *p)
{
    const eval_data *data = &p->e.data;
    const char **labels = malloc((size_t)data->count * sizeof *labels);
    json_t *names = labels ? json_array() : NULL;
    for (int64_t i = 0; names && i < data->count; i++)
        labels[i] = data->clips[i].labels;
    if (names)
        qsort(labels, (size_t)data->count, sizeof *labels, compare_names);
    for (int64_t i = 0; names && i < data->count; i++)
        if (!i || strcmp(labels[i - 1], labels[i]))
            json_array_append_new(names, cli_json_text(labels[i]));
    free(labels);
    return names;
}

int probe_label(probe *p, json_t *names)
{
    const eval_data *data = &p->e.data;
    const size_t count = json_array_size(names);
    p->names = names;
    p->label = malloc((size_t)data->count * sizeof *p->label);
    if (!names || !p->label)
        return no_memory("labels");
    for (int64_t i = 0; i < data->count; i++) {
        size_t at = 0;
        while (at < count && strcmp(json_string_value(json_array_get(names, at)), data->clips[i].labels))
            at++;
        if (at == count)
            return cli_error(CLI_INPUT, "%s: has the label \"%s\", which is none of the classifier's %zu classes",
                             data->clips[i].path, data->clips[i].labels, count);
        p->label[i] = (int32_t)at;
    }
    return CLI_OK;
}

/* ---- all of it ---- */

static int open_clips(probe *p)
{
    p->clips = calloc((size_t)p->e.data.count + 1, sizeof *p->clips);
    return p->clips ? CLI_OK : no_memory("clips");
}

int probe_data_open(probe *p)
{
    const cli_args *a = &p->e.c->args;
    const size_t most = (size_t)a->operand_count;
    size_t room = 0;
    p->e.data.path = a->operands[1];
    p->tables = calloc(most, sizeof *p->tables);
    p->manifests = calloc(most, sizeof *p->manifests);
    int code = p->tables && p->manifests ? CLI_OK : no_memory("tables");
    for (int i = 1; !code && i < a->operand_count; i++)
        code = add_operand(p, &room, a->operands[i]);
    if (!code)
        code = refuse_doubles(&p->e.data);
    if (!code)
        code = number_folds(p);
    return code ? code : open_clips(p);
}

int probe_data_list(probe *p)
{
    const cli_args *a = &p->e.c->args;
    size_t room = 0;
    cli_sources sources;
    p->e.data.path = a->operands[1];
    int code = cli_sources_find(a->operands + 1, a->operand_count - 1, &sources);
    if (!code && !sources.count)
        code = cli_error(CLI_INPUT, "%s: no pictures, sounds or videos there", a->operands[1]);
    for (size_t i = 0; !code && i < sources.count; i++)
        code = add_clip(p, &room, sources.paths[i], "", "", "");
    cli_sources_close(&sources);
    return code ? code : open_clips(p);
}

void probe_data_close(probe *p)
{
    for (int64_t i = 0; p->clips && i < p->e.data.count; i++)
        free(p->clips[i].values);
    for (int i = 0; i < p->table_count; i++)
        eval_csv_free(&p->tables[i]);
    for (int i = 0; i < p->manifest_count; i++)
        free(p->manifests[i]);
    free(p->manifests);
    free(p->tables);
    free(p->clips);
    free(p->folds);
    free(p->fold);
    free(p->fold_names);
    free(p->label);
    free(p->dimensions);
    free(p->fold_costs);
    json_decref(p->file);
    json_decref(p->names);
    eval_data_close(&p->e.data);
}
