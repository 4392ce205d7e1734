#include <string.h>

#include "sync.h"

static const char *const bundled[] = {"sync-s", NULL};

const char *sync_reason(int32_t verdict)
{
    static const char *const reasons[] = {
        [AVSOUND_OFFSET_SILENT] = "the sound is silent",
        [AVSOUND_OFFSET_STILL] = "nothing moves in the picture",
        [AVSOUND_OFFSET_SHORT] = "there is too little picture with sound",
        [AVSOUND_OFFSET_EDGE] = "the best offset lies at the end of the range; try a larger --range",
        [AVSOUND_OFFSET_UNSURE] = "no offset stands out",
    };
    return verdict == AVSOUND_OFFSET_MEASURED ? NULL : reasons[verdict];
}

const char *const sync_notes[SYNC_NOTES] = {
    "shorter than the network looks at once: its ends were repeated, and the confidence halved",
    "part of the picture has no sound beside it",
    "few pictures a second: nothing can be told within the time that one is shown",
    "the offset drifts: no single delay puts the whole file right",
};

/* ---- measuring ---- */

static int run(avsound_offset *offset, const char *path, bool quiet, int *damage)
{
    cli_progress progress;
    avsound_status status = AVSOUND_OK;
    cli_progress_start(&progress, "", -1, quiet);
    while (!status && !cli_interrupted()) {
        double part;
        status = avsound_offset_next(offset, &part);
        if (!status && cli_progress_due(&progress))
            cli_progress_line(&progress, part, path);
    }
    cli_progress_end(&progress);
    if (cli_interrupted())
        return CLI_FAILED;
    if (status == AVSOUND_E_FORMAT)
        *damage = cli_input_failed(path, status);
    return status == AVSOUND_E_END || status == AVSOUND_E_FORMAT ? CLI_OK : cli_input_failed(path, status);
}

int sync_measure(const cli *c, const cli_model *model, const char *path, sync_measurement *out)
{
    const cli_args *a = &c->args;
    avsound_offset_options options;
    avsound_offset_options_init(&options, sizeof options);
    options.threads = (int32_t)a->threads;
    options.precision = cli_precision(a->precision);
    options.range_seconds = a->range;
    options.start_us = a->start_us >= 0 ? a->start_us : 0;
    options.duration_us = a->duration_us >= 0 ? a->duration_us : 0;
    *out = (sync_measurement){.result.struct_size = sizeof out->result};
    avsound_status status = avsound_offset_create(model->model, path, &options, &out->offset);
    if (status == AVSOUND_E_UNSUPPORTED && strcmp(avsound_model_arch(model->model), "sync-net"))
        return cli_error(CLI_UNSUPPORTED, "%s: %s", model->name, avsound_error_detail());
    if (status)
        return cli_input_failed(path, status);
    cli_interrupt_offset(out->offset);
    int code = run(out->offset, path, a->quiet, &out->damage);
    if (!code && (status = avsound_offset_get_result(out->offset, &out->result)))
        code = cli_input_failed(path, status);
    return code;
}

void sync_close(sync_measurement *measurement)
{
    cli_interrupt_offset(NULL);
    avsound_offset_free(measurement->offset);
    measurement->offset = NULL;
}

/* ---- what was found, for people ---- */

/* Whole milliseconds, of which none is -0. */
static double whole(double ms)
{
    return rint(ms) + 0.0;
}

/* Sure enough of the answer, one is sure that the offset lies within a frame of it: then 0 lies there, or it is not in sync. */
static bool in_sync(const avsound_offset_result *r)
{
    return r->low_ms <= 0 && r->high_ms >= 0 && fabs(r->offset_ms) <= r->frame_ms;
}

void sync_answer(const avsound_offset_result *r, char *text, size_t size)
{
    const char *reason = sync_reason(r->verdict);
    const double offset = whole(r->offset_ms), low = whole(r->low_ms), high = whole(r->high_ms);
    if (reason)
        snprintf(text, size, "cannot tell: %s", reason);
    else if (in_sync(r))
        snprintf(text, size, "in sync: %+.0f ms (%+.0f to %+.0f), confidence %.2f", offset, low, high, r->confidence);
    else
        snprintf(text, size, "audio %s by %.0f ms: %+.0f ms (%+.0f to %+.0f), confidence %.2f",
                 r->offset_ms > 0 ? "leads" : "lags", fabs(offset), offset, low, high, r->confidence);
}

static void print_result(const char *path, const avsound_offset_result *r)
{
    char answer[256];
    sync_answer(r, answer, sizeof answer);
    printf("%s: %s\n", path, answer);
    if (isfinite(r->drift) && r->verdict == AVSOUND_OFFSET_MEASURED)
        printf("  drift %+.1f ms a minute (%+.1f to %+.1f)\n", r->drift, r->drift_low, r->drift_high);
    for (int i = 0; i < SYNC_NOTES; i++)
        if (r->notes >> i & 1)
            printf("  note: %s\n", sync_notes[i]);
}

/* ---- and for programs ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, number(values[i]));
    return list;
}

static json_t *curve_json(const avsound_offset *offset)
{
    size_t count = 0;
    double *values = NULL;
    if (avsound_offset_get_curve(offset, NULL, NULL, &count) || !(values = malloc(2 * count * sizeof *values)) ||
        avsound_offset_get_curve(offset, values, values + count, &count)) {
        free(values);
        return NULL;
    }
    json_t *curve = json_pack("{s:o, s:o}", "offset_ms", numbers(values, count), "score", numbers(values + count, count));
    free(values);
    return curve;
}

static json_t *windows_json(const avsound_offset *offset)
{
    size_t count = 0;
    double *values = NULL;
    if (avsound_offset_get_windows(offset, NULL, NULL, NULL, &count) ||
        !(values = malloc((3 * count + 1) * sizeof *values)) ||
        avsound_offset_get_windows(offset, values, values + count, values + 2 * count, &count)) {
        free(values);
        return NULL;
    }
    json_t *windows = json_pack("{s:o, s:o, s:o}", "time", numbers(values, count), "offset_ms",
                                numbers(values + count, count), "likelihood", numbers(values + 2 * count, count));
    free(values);
    return windows;
}

static json_t *notes_json(int32_t notes)
{
    static const char *const names[SYNC_NOTES] = {"padded", "partly", "slow", "drifts"};
    json_t *list = json_array();
    for (int i = 0; i < SYNC_NOTES; i++)
        if (notes >> i & 1)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

json_t *sync_json(const avsound_offset_result *r)
{
    static const char *const verdicts[] = {"measured", "silent", "still", "short", "edge", "unsure"};
    const bool told = r->verdict == AVSOUND_OFFSET_MEASURED;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:{s:o, s:o, s:o}, s:f, s:f, s:o}", "verdict",
                     verdicts[r->verdict], "offset_ms", number(told ? r->offset_ms : NAN), "low_ms",
                     number(told ? r->low_ms : NAN), "high_ms", number(told ? r->high_ms : NAN), "best_guess_ms",
                     number(r->offset_ms), "confidence", r->confidence, "likelihood", r->likelihood, "agreement",
                     r->agreement, "drift_ms_per_minute", "value", number(r->drift), "low", number(r->drift_low), "high",
                     number(r->drift_high), "seconds", r->seconds, "compared_seconds", r->compared_seconds, "notes",
                     notes_json(r->notes));
}

int sync_facts(const cli *c, const cli_model *model, const sync_measurement *m, json_t **facts)
{
    const cli_args *a = &c->args;
    *facts = json_pack("{s:o, s:o, s:b, s:f}", "input", cli_json_text(a->inputs[0]), "model", cli_json_text(model->name),
                       "trained", model->trained, "range_seconds", a->range > 0 ? a->range : 2.0);
    json_t *result = sync_json(&m->result), *curve = curve_json(m->offset), *windows = windows_json(m->offset);
    const bool complete = *facts && result && curve && windows;
    if (complete) {
        json_object_update(*facts, result);
        json_object_set(*facts, "curve", curve);
        json_object_set(*facts, "windows", windows);
    }
    json_decref(result);
    json_decref(curve);
    json_decref(windows);
    return complete ? CLI_OK : cli_error(CLI_RESOURCES, "sync: out of memory");
}

/* ---- fixing ---- */

typedef struct fixing {
    cli_progress progress;
    const char *path;
} fixing;

static int32_t show_copy(double part, void *user)
{
    fixing *f = user;
    if (cli_progress_due(&f->progress))
        cli_progress_line(&f->progress, part, f->path);
    return cli_interrupted();
}

static int fix(const cli *c, double offset_ms)
{
    const cli_args *a = &c->args;
    fixing f = {.path = a->fix};
    avsound_retime_options options;
    avsound_retime_options_init(&options, sizeof options);
    options.audio_delay_us = llround(offset_ms * 1e3);
    options.progress = show_copy;
    options.user_data = &f;
    cli_progress_start(&f.progress, "", -1, a->quiet);
    const avsound_status status = avsound_media_retime(c->context, a->inputs[0], a->fix, &options);
    cli_progress_end(&f.progress);
    if (cli_interrupted())
        return CLI_FAILED;
    return status == AVSOUND_E_IO ? cli_output_failed(a->fix, status)
           : status               ? cli_input_failed(a->inputs[0], status)
                                  : CLI_OK;
}

static int fix_and_measure(const cli *c, const cli_model *model, const avsound_offset_result *found, json_t *json)
{
    const cli_args *a = &c->args;
    sync_measurement after = {0};
    if (found->verdict != AVSOUND_OFFSET_MEASURED)
        return cli_error(CLI_FAILED, "%s: cannot tell by how much it is out of sync: %s is not written", a->inputs[0],
                         a->fix);
    int code = fix(c, found->offset_ms);
    if (!code)
        code = sync_measure(c, model, a->fix, &after);
    if (!code && a->json)
        json_object_set_new(json, "fix",
                            json_pack("{s:o, s:f, s:o}", "output", cli_json_text(a->fix), "audio_delay_ms",
                                      found->offset_ms, "residual", sync_json(&after.result)));
    if (!code && !a->json) {
        printf("%s: audio %s by %.0f ms; measured again:\n", a->fix, found->offset_ms < 0 ? "brought forward" : "delayed",
               fabs(found->offset_ms));
        print_result(a->fix, &after.result);
    }
    sync_close(&after);
    return code;
}

/* ---- all of it ---- */

static int check_input(const cli *c)
{
    avsound_media_info info;
    const char *path = c->args.inputs[0];
    const int code = cli_media_info(c, path, &info);
    if (code)
        return code;
    if (!info.has_video)
        return cli_error(CLI_INPUT, "%s: has no picture for the sound to be in time with", path);
    if (!info.has_audio)
        return cli_error(CLI_INPUT, "%s: has no sound to be in time with the picture", path);
    return CLI_OK;
}

static int open_model(const cli *c, cli_model *model)
{
    char path[4096];
    const cli_args *a = &c->args;
    if (!a->model && !a->arch && !cli_model_find(c, bundled[0], path, sizeof path))
        return cli_error(CLI_UNSUPPORTED, "sync: no synchronisation model is installed; --model names one");
    const int code = cli_model_open(c, bundled, model);
    if (!code)
        cli_model_warn(model, "offsets");
    return code;
}

static int report(const cli *c, const cli_model *model, const sync_measurement *m, json_t **json)
{
    if (c->args.json)
        return sync_facts(c, model, m, json);
    print_result(c->args.inputs[0], &m->result);
    return CLI_OK;
}

int cli_sync(cli *c)
{
    const cli_args *a = &c->args;
    cli_model model = {0};
    sync_measurement m = {0};
    json_t *json = NULL;
    int code = check_input(c);
    if (!code)
        code = open_model(c, &model);
    if (!code)
        code = sync_measure(c, &model, a->inputs[0], &m);
    if (!code)
        code = report(c, &model, &m, &json);
    if (!code && a->curve) {
        const avsound_status status = avsound_offset_draw(m.offset, a->curve);
        code = status ? cli_output_failed(a->curve, status) : CLI_OK;
    }
    if (!code && a->fix)
        code = fix_and_measure(c, &model, &m.result, json);
    if (json && !code) {
        code = cli_json_print(json);
        json = NULL;
    }
    json_decref(json);
    sync_close(&m);
    cli_model_close(&model);
    return code ? code : m.damage;
}
