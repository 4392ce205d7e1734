/* How often which class was taken for which: shares of what is right, class by class, and the table of counts. */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

int eval_recognition_open(json_t *names, eval_recognition *out)
{
    const size_t count = json_array_size(names);
    *out = (eval_recognition){.names = names, .count = (int32_t)count};
    out->confusion = calloc(count * count + 1, sizeof *out->confusion);
    return out->confusion ? CLI_OK : cli_error(CLI_RESOURCES, "classes: out of memory");
}

void eval_recognition_close(eval_recognition *all)
{
    free(all->confusion);
    *all = (eval_recognition){0};
}

static const char *name_of(const eval_recognition *all, int32_t index)
{
    return json_string_value(json_array_get(all->names, (size_t)index));
}

void eval_recognition_count(eval_recognition *all, int32_t label, int32_t likeliest)
{
    all->confusion[(int64_t)label * all->count + likeliest]++;
}

int64_t eval_recognition_clips(const eval_recognition *all, int32_t label)
{
    int64_t n = 0;
    for (int32_t i = 0; i < all->count; i++)
        n += all->confusion[(int64_t)label * all->count + i];
    return n;
}

int64_t eval_recognition_right(const eval_recognition *all, int32_t label)
{
    return all->confusion[(int64_t)label * all->count + label];
}

/* "  dog as                   12 dog, 3 horse" */
static void add_line(eval_report *report, const eval_recognition *all, int32_t label)
{
    char title[64], line[4096];
    snprintf(title, sizeof title, "  %s as", name_of(all, label));
    size_t used = (size_t)snprintf(line, sizeof line, "%-24s", title);
    const char *between = " ";
    for (int32_t i = 0; i < all->count; i++) {
        const int64_t n = all->confusion[(int64_t)label * all->count + i];
        if (n && used < sizeof line)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%lld %s", between, (long long)n, name_of(all, i));
        between = n ? ", " : between;
    }
    json_array_append_new(report->lines, cli_json_text(line));
}

static void add_confusion(eval_report *report, const eval_recognition *all)
{
    json_t *counts = json_array();
    for (int32_t label = 0; label < all->count; label++) {
        json_t *row = json_array();
        for (int32_t i = 0; i < all->count; i++)
            json_array_append_new(row, json_integer((json_int_t)all->confusion[(int64_t)label * all->count + i]));
        json_array_append_new(counts, row);
    }
    json_object_set_new(report->root, "confusion", json_pack("{s:O, s:o}", "classes", all->names, "counts", counts));
    json_array_append_new(report->lines, json_string("labels and likeliest classes"));
    for (int32_t label = 0; label < all->count; label++)
        if (eval_recognition_clips(all, label))
            add_line(report, all, label);
}

void eval_recognition_summary(eval_report *report, const eval_recognition *all)
{
    int64_t n = 0, right = 0, most = 0;
    for (int32_t label = 0; label < all->count; label++) {
        const int64_t clips = eval_recognition_clips(all, label);
        n += clips;
        right += eval_recognition_right(all, label);
        most = clips > most ? clips : most;
    }
    eval_report_share(report, "", "top1", "likeliest is the label's", right, n, 1.0 / all->count);
    eval_report_figure(report, "", "commonest", "always the commonest", n ? (double)most / (double)n : NAN, NAN, NAN, "", NAN);
}

void eval_recognition_classes(eval_report *report, const eval_recognition *all)
{
    for (int32_t label = 0; label < all->count; label++) {
        char title[64];
        snprintf(title, sizeof title, "  %s", name_of(all, label));
        eval_report_share(report, "classes", name_of(all, label), title, eval_recognition_right(all, label),
                          eval_recognition_clips(all, label), NAN);
    }
    add_confusion(report, all);
}
