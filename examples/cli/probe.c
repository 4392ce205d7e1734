/* avsound probe: linear classifiers on frozen features (docs/probe.md). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

enum { BEST = 3 /* classes that apply prints */, WINDOWS = 10 };

static const char *const bundled[] = {"ave-s", NULL};

/* What became of each clip. */
typedef struct outcome {
    int32_t *predicted; /* [clips] -1: not judged */
    double *score;      /* [clips] of the predicted class */
    double *scores;     /* [classes] room */
    eval_recognition recognized;
} outcome;

static int outcome_open(const probe *p, json_t *names, outcome *out)
{
    const size_t count = (size_t)p->e.data.count;
    *out = (outcome){.predicted = malloc(count * sizeof *out->predicted), .score = malloc(count * sizeof *out->score),
                     .scores = malloc(json_array_size(names) * sizeof *out->scores)};
    if (!out->predicted || !out->score || !out->scores)
        return cli_error(CLI_RESOURCES, "clips: out of memory");
    for (size_t i = 0; i < count; i++)
        out->predicted[i] = -1;
    return eval_recognition_open(names, &out->recognized);
}

static void outcome_close(outcome *o)
{
    free(o->predicted);
    free(o->score);
    free(o->scores);
    eval_recognition_close(&o->recognized);
}

static void judge(const probe *p, const probe_classifier *classifier, int64_t clip, outcome *o)
{
    const int32_t best = probe_classify(classifier, &p->clips[clip], o->scores);
    o->predicted[clip] = best;
    o->score[clip] = o->scores[best];
    eval_recognition_count(&o->recognized, p->label[clip], best);
}

static const char *class_name(const json_t *names, int32_t index)
{
    return json_string_value(json_array_get(names, (size_t)index));
}

/* ---- what is printed and written ---- */

static json_t *describe(const probe *p)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:i, s:i}", "features", p->view.log_mel ? "log-mel" : "network", "modality",
                     p->view.image ? "image" : "audio", "layer", cli_json_text(p->view.layer), "grid",
                     cli_json_text(p->view.grid), "windows", (int)p->view.windows, "dimension", (int)p->dimension);
}

static json_t *record_of(const probe *p, const outcome *o, int64_t clip)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:o}", "file", cli_json_text(p->e.data.clips[clip].path), "fold",
                     cli_json_text(p->folds[clip]), "label", class_name(p->names, p->label[clip]), "likeliest",
                     class_name(p->names, o->predicted[clip]), "score", cli_json_float((float)o->score[clip]));
}

static int write_clips(const probe *p, const outcome *o)
{
    cli_records records = {0};
    int code = cli_records_open(&records, p->e.c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        if (o->predicted[i] >= 0)
            code = cli_records_add(&records, record_of(p, o, i));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

static int draw_confusion(const probe *p, const outcome *o)
{
    char title[200];
    const int32_t count = o->recognized.count;
    const char **names = malloc((size_t)count * sizeof *names);
    if (!names)
        return cli_error(CLI_RESOURCES, "%s: out of memory", p->e.c->args.confusion);
    for (int32_t i = 0; i < count; i++)
        names[i] = class_name(p->names, i);
    const char *name = strrchr(p->e.model.name, '/');
    snprintf(title, sizeof title, "%.80s, %.80s", name ? name + 1 : p->e.model.name,
             p->view.layer ? p->view.layer : p->view.image ? "pictures" : "sounds");
    const avsound_status status =
        avsound_confusion_draw(p->e.c->context, o->recognized.confusion, names, count, title, p->e.c->args.confusion);
    free(names);
    return status ? cli_output_failed(p->e.c->args.confusion, status) : CLI_OK;
}

static int64_t judged(const outcome *o)
{
    int64_t n = 0;
    for (int32_t c = 0; c < o->recognized.count; c++)
        n += eval_recognition_clips(&o->recognized, c);
    return n;
}

/* `more`: adds figures; NULL: none. */
static int finish(const probe *p, const outcome *o, const char *task, int (*more)(const probe *, const outcome *, eval_report *))
{
    eval_report report = {0};
    int code = p->e.c->args.csv ? write_clips(p, o) : CLI_OK;
    if (!code && p->e.c->args.confusion)
        code = draw_confusion(p, o);
    const int64_t n = judged(o);
    if (!code)
        code = eval_report_open(&report, &p->e, task, n, 0, p->e.data.count - n);
    if (!code) {
        json_object_set_new(report.root, "view", describe(p));
        eval_recognition_summary(&report, &o->recognized);
        code = more ? more(p, o, &report) : CLI_OK;
    }
    if (!code) {
        eval_recognition_classes(&report, &o->recognized);
        code = eval_report_print(&report, p->e.c->args.json);
    }
    eval_report_free(&report);
    return code;
}

/* ---- data and features to learn from ---- */

static int read_view(probe *p)
{
    const cli_args *a = &p->e.c->args;
    const bool pictures = a->layer && strncmp(a->layer, "audio.", 6);
    p->view = (probe_view){.log_mel = !strcmp(a->features, "log-mel"), .layer = a->layer, .grid = a->grid,
                           .windows = a->windows ? (int32_t)a->windows : WINDOWS,
                           .image = a->modality ? !strcmp(a->modality, "image") : pictures};
    if (p->view.log_mel && (a->model || a->arch || a->layer || a->grid || p->view.image))
        return cli_error(CLI_USAGE, "probe: --features log-mel is of sound alone: it excludes --model, --arch, --layer, --grid "
                                    "and --modality image");
    if (a->layer && a->modality && p->view.image != pictures)
        return cli_error(CLI_USAGE, "probe: --layer %s is none of --modality %s", a->layer, a->modality);
    if (a->grid && !a->layer)
        return cli_error(CLI_USAGE, "probe: --grid is for --layer");
    int32_t rows, cols;
    if (a->grid && !cli_read_grid(a->grid, &rows, &cols))
        return cli_error(CLI_USAGE, "probe: --grid is %s, want ROWSxCOLUMNS such as 4x3", a->grid);
    return CLI_OK;
}

static int count_clips(const probe *p, int32_t label)
{
    int n = 0;
    for (int64_t i = 0; i < p->e.data.count; i++)
        n += p->e.data.clips[i].usable && p->label[i] == label;
    return n;
}

static int check_classes(const probe *p)
{
    const size_t count = json_array_size(p->names);
    if (count < 2)
        return cli_error(CLI_INPUT, "%s: all clips have the label \"%s\", want two classes at least", p->e.data.path,
                         class_name(p->names, 0));
    for (size_t c = 0; c < count; c++)
        if (!count_clips(p, (int32_t)c))
            return cli_error(CLI_INPUT, "%s: no clip with the label \"%s\" can be used", p->e.data.path,
                             class_name(p->names, (int32_t)c));
    return CLI_OK;
}

static int open_lessons(probe *p)
{
    if (!probe_can_learn())
        return cli_error(CLI_UNSUPPORTED, "probe: this avsound was built without liblinear, which train and folds need");
    int code = read_view(p);
    if (!code)
        code = probe_data_open(p);
    if (!code)
        code = probe_label(p, probe_label_names(p));
    if (!code)
        code = check_classes(p);
    return code;
}

static int take_features(probe *p)
{
    int code = probe_model_open(p, bundled);
    if (!code && !p->view.log_mel)
        cli_model_warn(&p->e.model, "features");
    if (!code)
        code = probe_features_take(p);
    return code ? code : check_classes(p);
}

/* ---- train ---- */

static bool *usable_clips(const probe *p)
{
    bool *taken = malloc((size_t)p->e.data.count * sizeof *taken);
    for (int64_t i = 0; taken && i < p->e.data.count; i++)
        taken[i] = p->e.data.clips[i].usable;
    return taken;
}

static int tell_trained(const probe *p, const probe_classifier *classifier, double share)
{
    int64_t clips = 0;
    for (int32_t c = 0; c < classifier->classes; c++)
        clips += count_clips(p, c);
    if (p->e.c->args.json) {
        json_t *told = describe(p);
        json_object_set_new(told, "classifier", cli_json_text(p->e.c->args.output));
        json_object_set_new(told, "model", cli_json_text(p->e.model.name));
        json_object_set_new(told, "trained", json_boolean(p->e.model.trained));
        json_object_set_new(told, "clips", json_integer((json_int_t)clips));
        json_object_set(told, "classes", classifier->names);
        json_object_set_new(told, "cost", json_real(classifier->cost));
        json_object_set_new(told, "right_held_out", isnan(share) ? json_null() : json_real(share));
        return cli_json_print(told);
    }
    if (p->e.c->args.quiet)
        return CLI_OK;
    printf("%s: %d classes from %lld clips of %s, %d numbers each window, C %g", p->e.c->args.output, (int)classifier->classes,
           (long long)clips, p->e.model.name, (int)p->dimension, classifier->cost);
    if (!isnan(share))
        printf(" (%.1f %% right on the part held out)", 100 * share);
    putchar('\n');
    return CLI_OK;
}

static int train_classifier(probe *p)
{
    probe_classifier classifier = {0};
    double cost = 0, share;
    if (!p->e.c->args.output)
        return cli_error(CLI_USAGE, "probe: train wants --output CLASSIFIER.json");
    int code = open_lessons(p);
    if (!code)
        code = take_features(p);
    bool *taken = code ? NULL : usable_clips(p);
    if (!code)
        code = taken ? probe_choose_cost(p, taken, &cost, &share) : cli_error(CLI_RESOURCES, "clips: out of memory");
    if (!code)
        code = probe_learn(p, taken, cost, &classifier);
    if (!code)
        code = probe_classifier_write(p, &classifier, p->e.c->args.output);
    if (!code)
        code = tell_trained(p, &classifier, share);
    free(taken);
    probe_classifier_free(&classifier);
    return code;
}

/* ---- folds ---- */

static int judge_fold(probe *p, int32_t fold, bool *taken, outcome *o, double *cost)
{
    probe_classifier classifier = {0};
    double share;
    for (int64_t i = 0; i < p->e.data.count; i++)
        taken[i] = p->e.data.clips[i].usable && p->fold[i] != fold;
    int code = probe_choose_cost(p, taken, cost, &share);
    if (!code)
        code = probe_learn(p, taken, *cost, &classifier);
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        if (p->e.data.clips[i].usable && p->fold[i] == fold)
            judge(p, &classifier, i, o);
    probe_classifier_free(&classifier);
    return code;
}

/* Shares right of each fold, and their mean, which is what data sets with folds are compared by. */
static int add_folds(const probe *p, const outcome *o, eval_report *report)
{
    double sum = 0;
    int32_t judged_folds = 0;
    for (int32_t fold = 0; fold < p->fold_count; fold++) {
        char title[96];
        int64_t n = 0, right = 0;
        for (int64_t i = 0; i < p->e.data.count; i++)
            if (p->fold[i] == fold && o->predicted[i] >= 0) {
                n++;
                right += o->predicted[i] == p->label[i];
            }
        snprintf(title, sizeof title, "  fold %.50s, C %g", p->fold_names[fold], p->fold_costs[fold]);
        eval_report_share(report, "folds", p->fold_names[fold], title, right, n, NAN);
        sum += n ? (double)right / (double)n : 0;
        judged_folds += n > 0;
    }
    eval_report_figure(report, "", "mean_of_folds", "mean of folds", sum / judged_folds, NAN, NAN, "", NAN);
    return CLI_OK;
}

static int judge_folds(probe *p, outcome *o)
{
    cli_progress progress;
    bool *taken = malloc((size_t)p->e.data.count * sizeof *taken);
    p->fold_costs = calloc((size_t)p->fold_count, sizeof *p->fold_costs);
    int code = taken && p->fold_costs ? CLI_OK : cli_error(CLI_RESOURCES, "clips: out of memory");
    cli_progress_start(&progress, "folds", p->fold_count, p->e.c->args.quiet);
    for (int32_t fold = 0; !code && fold < p->fold_count; fold++) {
        code = judge_fold(p, fold, taken, o, &p->fold_costs[fold]);
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    free(taken);
    return code;
}

static int cross_validate(probe *p)
{
    outcome o = {0};
    int code = open_lessons(p);
    if (!code && p->fold_count < 2)
        code = cli_error(CLI_INPUT, "%s: has %s, want two folds at least: a column fold, or a table for each", p->e.data.path,
                         p->fold_count ? "one fold" : "no folds");
    if (!code)
        code = take_features(p);
    if (!code)
        code = outcome_open(p, p->names, &o);
    if (!code)
        code = judge_folds(p, &o);
    if (!code)
        code = finish(p, &o, "probe folds", add_folds);
    outcome_close(&o);
    return code;
}

/* ---- test, apply ---- */

static int open_classifier(probe *p, probe_classifier *classifier)
{
    const cli_args *a = &p->e.c->args;
    if (!a->classifier)
        return cli_error(CLI_USAGE, "probe: --classifier is missing: a file that probe train has written");
    if (a->layer || a->grid || a->modality || a->windows || strcmp(a->features, "network"))
        return cli_error(CLI_USAGE, "probe: --features, --layer, --grid, --modality and --windows are for train and folds; the "
                                    "classifier has its own");
    return probe_classifier_read(p, a->classifier, classifier);
}

static int take_as_learned(probe *p, const probe_classifier *classifier)
{
    const int code = probe_features_take(p);
    if (code || p->dimension == classifier->dimension)
        return code;
    return cli_error(CLI_INPUT, "%s: wants %d numbers, %s gives %d", p->e.c->args.classifier, (int)classifier->dimension,
                     p->e.model.name, (int)p->dimension);
}

static int test_classifier(probe *p)
{
    probe_classifier classifier = {0};
    outcome o = {0};
    int code = open_classifier(p, &classifier);
    if (!code)
        code = probe_data_open(p);
    if (!code)
        code = probe_label(p, json_incref(classifier.names));
    if (!code)
        code = take_as_learned(p, &classifier);
    if (!code)
        code = outcome_open(p, p->names, &o);
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        if (p->e.data.clips[i].usable)
            judge(p, &classifier, i, &o);
    if (!code)
        code = finish(p, &o, "probe test", NULL);
    outcome_close(&o);
    probe_classifier_free(&classifier);
    return code;
}

/* A record for each of the likeliest classes; as JSON for all of them. */
static int add_answers(const probe *p, const probe_classifier *classifier, int64_t clip, double *scores, cli_records *records)
{
    int code = CLI_OK;
    const bool all = records->format == CLI_JSON || records->format == CLI_JSON_LINES;
    probe_classify(classifier, &p->clips[clip], scores);
    for (int32_t rank = 0; !code && rank < classifier->classes && (all || rank < BEST); rank++) {
        int32_t best = 0;
        for (int32_t c = 1; c < classifier->classes; c++)
            best = scores[c] > scores[best] ? c : best;
        code = cli_records_add(records, json_pack("{s:o, s:i, s:s, s:o}", "file", cli_json_text(p->e.data.clips[clip].path),
                                                  "rank", (int)rank + 1, "label", class_name(classifier->names, best), "score",
                                                  cli_json_float((float)scores[best])));
        scores[best] = -INFINITY;
    }
    return code;
}

static int print_answers(const probe *p, const probe_classifier *classifier)
{
    cli_records records = {0};
    const cli_args *a = &p->e.c->args;
    double *scores = malloc((size_t)classifier->classes * sizeof *scores);
    json_t *head = json_pack("{s:o, s:o}", "classifier", cli_json_text(a->classifier), "model", cli_json_text(p->e.model.name));
    int code = scores ? cli_records_open(&records, a->output ? a->output : "-", cli_format_of(a, CLI_TABLE), head)
                      : cli_error(CLI_RESOURCES, "scores: out of memory");
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        if (p->e.data.clips[i].usable)
            code = add_answers(p, classifier, i, scores, &records);
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    json_decref(head);
    free(scores);
    return code;
}

/* A file that can't be read is told of, and the others are answered for; that it was not all shows in the exit status. */
static int apply_classifier(probe *p)
{
    probe_classifier classifier = {0};
    int code = open_classifier(p, &classifier);
    if (!code)
        code = probe_data_list(p);
    if (!code)
        code = take_as_learned(p, &classifier);
    if (!code)
        code = print_answers(p, &classifier);
    for (int64_t i = 0; !code && i < p->e.data.count; i++)
        code = p->e.data.clips[i].usable ? CLI_OK : CLI_INPUT;
    probe_classifier_free(&classifier);
    return code;
}

/* ---- the command ---- */

typedef struct task {
    const char *name;
    int (*run)(probe *p);
} task;

static const task tasks[] = {
    {"train", train_classifier},
    {"test", test_classifier},
    {"folds", cross_validate},
    {"apply", apply_classifier},
};

int cli_probe(cli *c)
{
    const char *name = c->args.operands[0];
    const task *t = NULL;
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        t = strcmp(tasks[i].name, name) ? t : &tasks[i];
    if (!t)
        return cli_error(CLI_USAGE, "probe: %s is no task, want train, test, folds or apply", name);
    probe p = {.c = c, .e = {.c = c, .threads = (int32_t)c->args.threads}};
    if (!p.e.threads)
        p.e.threads = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    const int code = t->run(&p);
    probe_data_close(&p);
    cli_model_close(&p.e.model);
    return code;
}
