/* avsound eval: how well a model does, in figures that can be compared (docs/evaluation.md). */
#include <string.h>
#include <unistd.h>

#include "eval.h"

typedef struct task {
    const char *name;
    const char *const *bundled; /* models to look for */
    int (*run)(eval *e);
} task;

static const char *const embeds[] = {"ave-s", "avol-s", NULL};
static const char *const maps[] = {"avol-s", NULL};
static const char *const lags[] = {"sync-s", NULL};
static const char *const stems[] = {"sep-s", NULL};

static const task tasks[] = {
    {"avc", embeds, eval_avc},
    {"retrieval", embeds, eval_retrieval},
    {"localize", maps, eval_localize},
    {"sync", lags, eval_sync},
    {"separate", stems, eval_separate},
    {"classify", NULL, eval_classify},
};

static const char *task_name(size_t index)
{
    return tasks[index].name;
}

static const task *find_task(const char *name)
{
    const size_t count = sizeof tasks / sizeof tasks[0];
    for (size_t i = 0; i < count; i++)
        if (!strcmp(tasks[i].name, name))
            return &tasks[i];
    const char *near = cli_nearest(name, task_name, count);
    cli_error(CLI_USAGE,
              near ? "eval: %s is no task; did you mean %s?"
                   : "eval: %s is no task, want avc, retrieval, "
                     "localize, sync, separate or classify",
              name, near);
    return NULL;
}

static avsound_status probe(eval_worker *worker, eval_data *data, int64_t index)
{
    return eval_probe(worker->e->c->context, &data->clips[index]) ? AVSOUND_OK : AVSOUND_E_FORMAT;
}

int eval_probe_all(const eval *e, eval_data *data)
{
    const int code = eval_run(e, data, NULL, "files", probe, NULL);
    if (code)
        return code;
    for (int64_t i = 0; i < data->count; i++)
        if (data->clips[i].usable)
            return CLI_OK;
    return cli_error(CLI_INPUT, "%s: no clip there has picture and sound for one second", data->path);
}

static int open_data(eval *e)
{
    const cli_args *a = &e->c->args;
    const int code = eval_data_open(a->data, a->labels, a->limit, &e->data);
    return code ? code : eval_probe_all(e, &e->data);
}

int cli_eval(cli *c)
{
    const task *t = find_task(c->args.inputs[0]);
    eval e = {.c = c, .threads = (int32_t)c->args.threads};
    if (!t)
        return CLI_USAGE;
    if (!c->args.data)
        return cli_error(CLI_USAGE, "eval: --data is missing: a folder of videos, or a manifest");
    if (!e.threads)
        e.threads = (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
    int code = cli_model_open(c, t->bundled, &e.model);
    if (!code)
        code = open_data(&e);
    if (!code)
        code = t->run(&e);
    eval_data_close(&e.data);
    cli_model_close(&e.model);
    return code;
}
