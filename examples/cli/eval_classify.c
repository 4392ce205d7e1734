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
    eval_recognition recognized;
} recognition;

/* ---- labels ---- */

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
        eval_folder_name(*source ? source : clip->path, label, size);
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
            eval_recognition_count(&all->recognized, item->label, item->likeliest);
    }
}

/* ---- the report ---- */

static int print_report(const eval *e, const recognition *all)
{
    int64_t n = 0;
    for (int32_t label = 0; label < all->recognized.count; label++)
        n += eval_recognition_clips(&all->recognized, label);
    eval_report report = {0};
    int code = eval_report_open(&report, e, "classify", n, 0, e->data.count - n);
    if (!code) {
        eval_recognition_summary(&report, &all->recognized);
        eval_recognition_classes(&report, &all->recognized);
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
    code = all.items ? eval_recognition_open(all.classes.names, &all.recognized)
                     : cli_error(CLI_RESOURCES, "eval: out of memory");
    if (!code)
        code = judge(e, &all);
    eval_recognition_close(&all.recognized);
    free(all.items);
    cli_classes_close(&all.classes);
    return code;
}
