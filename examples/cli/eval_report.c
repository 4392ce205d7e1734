/* The figures of a task, as a table for people or as JSON. */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

int eval_report_open(eval_report *report, const eval *e, const char *task, int64_t n, int64_t n_bad, int64_t n_skipped)
{
    report->lines = json_array();
    report->root =
        json_pack("{s:s, s:o, s:b, s:o, s:I, s:I, s:I, s:I}", "task", task, "model", cli_json_text(e->model.name),
                  "trained", e->model.trained, "data", cli_json_text(e->data.path), "seed", (json_int_t)e->c->args.seed,
                  "n", (json_int_t)n, "n_bad", (json_int_t)n_bad, "n_skipped", (json_int_t)n_skipped);
    if (report->root && report->lines)
        return CLI_OK;
    return cli_error(CLI_RESOURCES, "report: out of memory");
}

static json_t *group_of(json_t *root, const char *group)
{
    json_t *found = *group ? json_object_get(root, group) : root;
    if (!found) {
        found = json_object();
        json_object_set_new(root, group, found);
    }
    return found;
}

void eval_report_figure(eval_report *report, const char *group, const char *key, const char *title, double value,
                        double low, double high, const char *baseline_name, double baseline)
{
    char line[200], interval[40] = "", beside[60] = "";
    json_t *figure = json_pack("{s:o}", "value", number(value));
    if (isfinite(low)) {
        snprintf(interval, sizeof interval, "%.4f ... %.4f", low, high);
        json_object_set_new(figure, "low", number(low));
        json_object_set_new(figure, "high", number(high));
    }
    if (*baseline_name) {
        if (isfinite(baseline))
            snprintf(beside, sizeof beside, "%s %.4f", baseline_name, baseline);
        json_object_set_new(figure, baseline_name, number(baseline));
    }
    json_object_set_new(group_of(report->root, group), key, figure);
    if (isfinite(value))
        snprintf(line, sizeof line, "%-24s %9.4f   %-19s   %s", title, value, interval, beside);
    else
        snprintf(line, sizeof line, "%-24s %9s   %-19s   %s", title, "-", interval, beside);
    for (size_t length = strlen(line); length && line[length - 1] == ' ';)
        line[--length] = 0;
    json_array_append_new(report->lines, json_string(line));
}

void eval_report_share(eval_report *report, const char *group, const char *key, const char *title, int64_t right, int64_t n,
                      double chance)
{
    double low = NAN, high = NAN;
    const double share = n ? (double)right / (double)n : NAN;
    if (n && avsound_wilson_interval(share, n, &low, &high))
        low = high = NAN;
    eval_report_figure(report, group, key, title, share, low, high, isnan(chance) ? "" : "chance", chance);
}

void eval_report_note(eval_report *report, const char *key, const char *title, json_t *value)
{
    char line[4400];
    if (json_is_string(value))
        snprintf(line, sizeof line, "%-24s %s", title, json_string_value(value));
    else if (json_is_integer(value))
        snprintf(line, sizeof line, "%-24s %9lld", title, (long long)json_integer_value(value));
    else
        snprintf(line, sizeof line, "%-24s %9.4f", title, json_number_value(value));
    json_object_set_new(report->root, key, value);
    json_array_append_new(report->lines, cli_json_text(line));
}

static long long integer(const eval_report *report, const char *key)
{
    return (long long)json_integer_value(json_object_get(report->root, key));
}

int eval_report_print(eval_report *report, bool json)
{
    if (json) {
        const int code = cli_json_print(report->root);
        report->root = NULL;
        return code;
    }
    size_t index;
    json_t *line;
    printf("%s of %s on %s\n", json_string_value(json_object_get(report->root, "task")),
           json_string_value(json_object_get(report->root, "model")),
           json_string_value(json_object_get(report->root, "data")));
    printf("%lld clips, %lld with outputs that are not finite, %lld left out; 95 %% intervals\n\n",
           integer(report, "n"), integer(report, "n_bad"), integer(report, "n_skipped"));
    json_array_foreach(report->lines, index, line) puts(json_string_value(line));
    return CLI_OK;
}

void eval_report_free(eval_report *report)
{
    json_decref(report->root);
    json_decref(report->lines);
    *report = (eval_report){0};
}
