/* avsound eval classify: is a clip's label the likeliest class? */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

typedef struct class_item {
    int32_t label, likeliest; /* classes */
    double probability;       /* of the likeliest */
    bool judged;
} class_item;

typedef struct recognition {
    cli_classes classes; /* their names */
    class_item *items;   /* [clips] */
    int64_t *confusion;  /* [classes][classes], label by likeliest */
} recognition;

/* ---- labels ---- */

/* The name of the folder in which a file lies; "" if the path has none. */
static void folder_name(const char *path, char *name, size_t size)
{
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    snprintf(name, size, "%.*s", end ? (int)(end - begin) : 0, begin ? begin : "");
}

static const char *field(const eval_data *data, int64_t index, const char *column)
{
    return eval_csv_field(&data->csv, index + 1, eval_csv_column(&data->csv, column));
}

/* The manifest's; without one the folder of the source, for which `avsound prepare` has a column, or of the clip. */
static void label_of(const eval *e, int64_t index, char *label, size_t size)
{
    const eval_clip *clip = &e->data.clips[index];
    const char *own = field(&e->data, index, "label"), *category = field(&e->data, index, "category");
    const char *given = e->c->args.labels ? clip->labels : *own ? own : category;
    const char *source = field(&e->data, index, "source");
    if (*given)
        snprintf(label, size, "%s", given);
    else
        folder_name(*source ? source : clip->path, label, size);
}

static int find_class(const cli_classes *classes, const char *label)
{
    for (int32_t i = 0; i < classes->count; i++)
        if (!strcmp(cli_classes_name(classes, i), label))
            return i;
    return -1;
}

static int read_labels(const eval *e, recognition *all)
{
    char label[1024];
    for (int64_t i = 0; i < e->data.count; i++) {
        if (!e->data.clips[i].usable)
            continue;
        label_of(e, i, label, sizeof label);
        all->items[i].label = find_class(&all->classes, label);
        if (!*label)
            return cli_error(CLI_INPUT, "%s: has no label: neither a column names it, nor a folder that it lies in",
                             e->data.clips[i].path);
        if (all->items[i].label < 0)
            return cli_error(CLI_INPUT, "%s: has the label \"%s\", which is none of the %d classes of %s", e->data.clips[i].path,
                             label, (int)all->classes.count, e->model.name);
    }
    return CLI_OK;
}

/* ---- judging ---- */

static avsound_status judge_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    recognition *all = worker->user;
    const cli_args *a = &worker->e->c->args;
    class_item *item = &all->items[index];
    avsound_scan_options options;
    avsound_scan *scan = NULL;
    cli_classes found = {.count = all->classes.count, .probability = calloc((size_t)all->classes.count, sizeof(double))};
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_CLASSES;
    options.threads = 1;
    options.precision = cli_precision(a->precision);
    avsound_status status = found.probability ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    if (!status)
        status = avsound_scan_create(worker->e->model.model, data->clips[index].path, &options, &scan);
    if (!status)
        status = cli_classes_run(&found, scan);
    if (!status) {
        item->likeliest = cli_classes_best(&found);
        item->probability = found.probability[item->likeliest];
        item->judged = true;
    }
    avsound_scan_free(scan);
    cli_classes_close(&found);
    return status;
}

static void count(const eval *e, recognition *all)
{
    for (int64_t i = 0; i < e->data.count; i++) {
        const class_item *item = &all->items[i];
        if (item->judged)
            all->confusion[(int64_t)item->label * all->classes.count + item->likeliest]++;
    }
}

/* ---- the report ---- */

static int64_t clips_of(const recognition *all, int32_t label)
{
    int64_t n = 0;
    for (int32_t i = 0; i < all->classes.count; i++)
        n += all->confusion[(int64_t)label * all->classes.count + i];
    return n;
}

static int64_t right_of(const recognition *all, int32_t label)
{
    return all->confusion[(int64_t)label * all->classes.count + label];
}

static void add_share(eval_report *report, const char *group, const char *key, const char *title, int64_t right, int64_t n,
                      double chance)
{
    double low = NAN, high = NAN;
    const double share = n ? (double)right / (double)n : NAN;
    if (n && avsound_wilson_interval(share, n, &low, &high))
        low = high = NAN;
    eval_report_figure(report, group, key, title, share, low, high, isnan(chance) ? "" : "chance", chance);
}

/* "  dog as                   12 dog, 3 horse" */
static void add_line(eval_report *report, const recognition *all, int32_t label)
{
    char title[64], line[4096];
    const cli_classes *c = &all->classes;
    snprintf(title, sizeof title, "  %s as", cli_classes_name(c, label));
    size_t used = (size_t)snprintf(line, sizeof line, "%-24s", title);
    const char *between = " ";
    for (int32_t i = 0; i < c->count; i++) {
        const int64_t n = all->confusion[(int64_t)label * c->count + i];
        if (n && used < sizeof line)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%lld %s", between, (long long)n, cli_classes_name(c, i));
        between = n ? ", " : between;
    }
    json_array_append_new(report->lines, cli_json_text(line));
}

static void add_confusion(eval_report *report, const recognition *all)
{
    const cli_classes *c = &all->classes;
    json_t *counts = json_array();
    for (int32_t label = 0; label < c->count; label++) {
        json_t *row = json_array();
        for (int32_t i = 0; i < c->count; i++)
            json_array_append_new(row, json_integer((json_int_t)all->confusion[(int64_t)label * c->count + i]));
        json_array_append_new(counts, row);
    }
    json_object_set_new(report->root, "confusion", json_pack("{s:O, s:o}", "classes", c->names, "counts", counts));
    json_array_append_new(report->lines, json_string("labels and likeliest classes"));
    for (int32_t label = 0; label < c->count; label++)
        if (clips_of(all, label))
            add_line(report, all, label);
}

static int print_report(const eval *e, const recognition *all)
{
    int64_t n = 0, right = 0, most = 0;
    for (int32_t label = 0; label < all->classes.count; label++) {
        const int64_t clips = clips_of(all, label);
        n += clips;
        right += right_of(all, label);
        most = clips > most ? clips : most;
    }
    eval_report report = {0};
    int code = eval_report_open(&report, e, "classify", n, 0, e->data.count - n);
    if (!code) {
        add_share(&report, "", "top1", "likeliest is the label's", right, n, 1.0 / all->classes.count);
        eval_report_figure(&report, "", "commonest", "always the commonest", n ? (double)most / (double)n : NAN, NAN, NAN, "", NAN);
        for (int32_t label = 0; label < all->classes.count; label++) {
            char title[64];
            snprintf(title, sizeof title, "  %s", cli_classes_name(&all->classes, label));
            add_share(&report, "classes", cli_classes_name(&all->classes, label), title, right_of(all, label), clips_of(all, label),
                      NAN);
        }
        add_confusion(&report, all);
        code = eval_report_print(&report, e->c->args.json);
    }
    eval_report_free(&report);
    return code;
}

static int write_items(const eval *e, const recognition *all)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; !code && i < e->data.count; i++) {
        const class_item *item = &all->items[i];
        if (item->judged)
            code = cli_records_add(&records, json_pack("{s:o, s:s, s:s, s:o}", "file", cli_json_text(e->data.clips[i].file), "label",
                                                       cli_classes_name(&all->classes, item->label), "likeliest",
                                                       cli_classes_name(&all->classes, item->likeliest), "probability",
                                                       cli_json_float((float)item->probability)));
    }
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

static int judge(eval *e, recognition *all)
{
    int code = read_labels(e, all);
    if (!code) {
        cli_model_warn(&e->model, "figures");
        code = eval_run(e, &e->data, NULL, "clips", judge_clip, all);
    }
    if (!code)
        count(e, all);
    if (!code && e->c->args.csv)
        code = write_items(e, all);
    return code ? code : print_report(e, all);
}

int eval_classify(eval *e)
{
    recognition all = {0};
    int code = cli_classes_open(&e->model, &all.classes);
    if (code)
        return code;
    all.items = calloc((size_t)e->data.count + 1, sizeof *all.items);
    all.confusion = calloc((size_t)all.classes.count * (size_t)all.classes.count, sizeof *all.confusion);
    code = all.items && all.confusion ? judge(e, &all) : cli_error(CLI_RESOURCES, "eval: out of memory");
    free(all.confusion);
    free(all.items);
    cli_classes_close(&all.classes);
    return code;
}
