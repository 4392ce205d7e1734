#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define MOST_RUNS 200
#define SECONDS_PER_ROW 2.0

static const char *const bundled[] = {"avol-s", "ave-s", NULL};

typedef struct timing {
    double plan_ms, median_ms, least_ms, most_ms;
    int runs;
} timing;

/* Values as a prepared picture or spectrogram has them: about zero, a few units wide, never the same twice. */
static avsound_status fill_input(avsound_session *session, int32_t index)
{
    const char *name;
    avsound_tensor view = {.struct_size = sizeof view};
    avsound_status status = avsound_session_input(session, index, &name, &view);
    if (status)
        return status;
    size_t count = 1;
    for (int32_t d = 0; d < view.rank; d++)
        count *= (size_t)view.shape[d];
    float *values = malloc(count * sizeof *values);
    if (!values)
        return AVSOUND_E_NO_MEMORY;
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / (float)(1 << 22) - 2;
    }
    view.data = values;
    status = avsound_session_set_input(session, name, &view);
    free(values);
    return status;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static avsound_status time_runs(avsound_session *session, int64_t runs, timing *t)
{
    double ms[MOST_RUNS];
    const double begun = cli_now();
    avsound_status status = avsound_session_run(session);
    int n = 0;
    while (!status && n < MOST_RUNS && (runs ? n < runs : n < 3 || cli_now() - begun < SECONDS_PER_ROW)) {
        const double before = cli_now();
        status = avsound_session_run(session);
        ms[n++] = 1e3 * (cli_now() - before);
    }
    if (status)
        return status;
    qsort(ms, (size_t)n, sizeof *ms, ascending);
    t->runs = n;
    t->least_ms = ms[0];
    t->most_ms = ms[n - 1];
    t->median_ms = n % 2 ? ms[n / 2] : (ms[n / 2 - 1] + ms[n / 2]) / 2;
    return AVSOUND_OK;
}

static json_t *row(const cli *c, const char *outputs, const avsound_session *session, int32_t batch, const timing *t)
{
    const bool bf16 = avsound_session_precision(session) == AVSOUND_PRECISION_BF16;
    const int threads = c->args.threads ? (int)c->args.threads : 1;
    return json_pack("{s:s, s:i, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "outputs", outputs ? outputs : "all",
                     "batch", (int)batch, "precision", bf16 ? "bf16" : "f32", "threads", threads, "runs", t->runs,
                     "median_ms", t->median_ms, "min_ms", t->least_ms, "max_ms", t->most_ms, "items/s",
                     1e3 * batch / t->median_ms, "plan_ms", t->plan_ms, "memory_mb",
                     (double)avsound_session_memory(session) / 1e6);
}

static int bench_one(const cli *c, const cli_model *model, const char *outputs, int32_t batch, int32_t precision,
                     cli_records *records)
{
    avsound_session *session = NULL;
    avsound_session_options options;
    timing t = {0};
    avsound_session_options_init(&options, sizeof options);
    options.threads = (int32_t)c->args.threads;
    options.precision = precision;
    options.batch = batch;
    options.outputs = outputs;
    const double before = cli_now();
    avsound_status status = avsound_session_create(model->model, &options, &session);
    t.plan_ms = 1e3 * (cli_now() - before);
    cli_interrupt_session(session);
    for (int32_t i = 0; !status && i < avsound_session_input_count(session); i++)
        status = fill_input(session, i);
    if (!status)
        status = time_runs(session, c->args.runs, &t);
    const int code =
        status ? cli_input_failed(model->name, status) : cli_records_add(records, row(c, outputs, session, batch, &t));
    cli_session_close(session);
    return code;
}

static bool has_output(const cli_model *model, const char *name)
{
    avsound_session *session = NULL;
    bool found = false;
    if (avsound_session_create(model->model, NULL, &session))
        return false;
    for (int32_t i = 0; i < avsound_session_output_count(session); i++)
        found = found || !strcmp(avsound_session_output_name(session, i), name);
    avsound_session_free(session);
    return found;
}

/* Without --precision bf16 is measured too, unless this processor lacks it. */
static bool has_bf16(const cli_model *model)
{
    avsound_session *session = NULL;
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.precision = AVSOUND_PRECISION_BF16;
    const avsound_status status = avsound_session_create(model->model, &options, &session);
    avsound_session_free(session);
    return !status;
}

static int bench(const cli *c, const cli_model *model, cli_records *records)
{
    static const char *const parts[] = {NULL, "embedding.image", "embedding.audio"};
    const cli_args *a = &c->args;
    const bool any = !strcmp(a->precision, "auto");
    const bool bf16 = any && has_bf16(model);
    int code = CLI_OK;
    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        if (parts[part] && !has_output(model, parts[part]))
            continue;
        for (int step = 0; step < (a->batch ? 1 : 2); step++) {
            const int32_t batch = a->batch ? (int32_t)a->batch : step ? 16 : 1;
            for (int p = 0; !code && p < (bf16 ? 2 : 1); p++)
                code = bench_one(
                    c, model, parts[part], batch,
                    any ? (p ? AVSOUND_PRECISION_BF16 : AVSOUND_PRECISION_F32) : cli_precision(a->precision), records);
        }
    }
    return code;
}

int cli_bench(cli *c)
{
    cli_model model = {0};
    cli_records records = {0};
    int code = cli_model_open(c, bundled, &model);
    if (!code) {
        json_t *head = json_pack("{s:o, s:s, s:b}", "model", cli_json_text(model.name), "arch",
                                 avsound_model_arch(model.model), "trained", model.trained);
        code = cli_records_open(&records, "-", c->args.json ? CLI_JSON : CLI_TABLE, head);
        json_decref(head);
    }
    if (!code)
        code = bench(c, &model, &records);
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    cli_model_close(&model);
    return code;
}
