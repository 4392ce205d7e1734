#include <stdlib.h>

#include "cli.h"

static const char *const bundled[] = {"ave-s", "avol-s", NULL};

/* What --curve draws. */
typedef struct score_curve {
    double *values; /* [count]: time, probability, confidence */
    size_t count, room;
    bool clips;
} score_curve;

static int curve_add(score_curve *curve, const char *path, const avsound_scan_result *r)
{
    if (curve->count == curve->room) {
        const size_t room = curve->room ? 2 * curve->room : 256;
        double *values = realloc(curve->values, 3 * room * sizeof *values);
        if (!values)
            return cli_error(CLI_RESOURCES, "%s: out of memory", path);
        curve->values = values;
        curve->room = room;
    }
    double *row = curve->values + 3 * curve->count++;
    row[0] = (double)r->time_us / 1e6;
    row[1] = (double)r->probability;
    row[2] = (double)r->confidence;
    curve->clips = r->seen_us > 0;
    return CLI_OK;
}

static int curve_draw(const cli *c, const score_curve *curve)
{
    const char *path = c->args.curve;
    double *lists = malloc(3 * curve->count * sizeof *lists);
    if (!lists)
        return cli_error(CLI_RESOURCES, "%s: out of memory", path);
    for (size_t i = 0; i < 3 * curve->count; i++)
        lists[i % 3 * curve->count + i / 3] = curve->values[i];
    const avsound_scores scores = {.struct_size = sizeof scores,
                                   .times_s = lists,
                                   .probabilities = lists + curve->count,
                                   .confidences = lists + 2 * curve->count,
                                   .count = (int64_t)curve->count,
                                   .title = curve->clips ? "probability that sound and picture are in time"
                                                         : "probability that sound and picture belong together"};
    const avsound_status status = avsound_scores_draw(c->context, &scores, path);
    free(lists);
    return status ? cli_output_failed(path, status) : CLI_OK;
}

static json_t *head(const cli *c, const cli_model *model)
{
    const cli_args *a = &c->args;
    return json_pack("{s:o, s:o, s:o, s:b}", "input", cli_json_text(a->inputs[0]), "sound",
                     cli_json_text(a->input_count > 1 ? a->inputs[1] : NULL), "model", cli_json_text(model->name),
                     "trained", model->trained);
}

static json_t *record(const cli_model *model, json_t *time, float probability, float confidence)
{
    return json_pack("{s:o, s:o, s:o, s:b}", "time", time, "probability", cli_json_float(probability), "confidence",
                     cli_json_float(confidence), "trained", model->trained);
}

static int score_pair(const cli *c, const cli_model *model, cli_records *records)
{
    cli_picture picture = {0};
    cli_sound sound = {0};
    avsound_session *session = NULL;
    avsound_score score = {.struct_size = sizeof score};
    int code = cli_picture_open(c, c->args.inputs[0], &picture);
    if (!code)
        code = cli_sound_open(c, c->args.inputs[c->args.input_count - 1], &sound);
    if (!code)
        code = cli_session(c, model, "score", &session);
    if (!code) {
        const avsound_status status = avsound_correspondence(session, &picture.frame, &sound.audio, &score);
        if (status)
            code = cli_input_failed(c->args.inputs[0], status);
    }
    if (!code)
        code = cli_records_add(records, record(model, json_null(), score.probability, score.confidence));
    cli_session_close(session);
    cli_sound_close(&sound);
    cli_picture_close(&picture);
    return code;
}

/* Of networks of clips: how much of the video each result is about. */
static void add_stretch(json_t *row, const avsound_scan_result *r)
{
    json_object_set_new(row, "seen", cli_json_seconds(r->seen_us));
    json_object_set_new(row, "padded", json_boolean(r->padded));
}

static int score_video(const cli *c, const cli_model *model, cli_records *records, score_curve *curve, int *damage)
{
    const cli_args *a = &c->args;
    avsound_scan *scan = NULL;
    cli_progress progress;
    bool more = true;
    int code = cli_scan_open(c, model, a->inputs[0], AVSOUND_SCAN_SCORE, a->hop < 0 ? 1 : a->hop, &scan);
    cli_progress_start(&progress, "scores", code ? 0 : avsound_scan_expected(scan),
                       a->quiet || cli_progress_disturbs(a));
    while (!code) {
        avsound_scan_result r;
        code = cli_scan_next(scan, a->inputs[0], &r, &more, damage);
        if (code || !more)
            break;
        json_t *row = record(model, cli_json_seconds(r.time_us), r.probability, r.confidence);
        if (row)
            json_object_set_new(row, "rms", cli_json_float(r.rms));
        if (row && r.seen_us)
            add_stretch(row, &r);
        cli_warn_padded(a->inputs[0], &r);
        code = cli_records_add(records, row);
        if (!code && a->curve)
            code = curve_add(curve, a->curve, &r);
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    cli_scan_close(scan);
    return code;
}

int cli_score(cli *c)
{
    const cli_args *a = &c->args;
    cli_model model = {0};
    cli_records records = {0};
    avsound_media_info info;
    json_t *description = NULL;
    score_curve curve = {0};
    int damage = CLI_OK;
    int code = cli_media_info(c, a->inputs[0], &info);
    if (!code && !info.has_video)
        code = cli_error(CLI_INPUT, "%s: has no picture to score", a->inputs[0]);
    if (!code && info.still && !info.has_audio && a->input_count < 2)
        code = cli_error(CLI_USAGE, "%s: is a still picture: score wants a sound too", a->inputs[0]);
    if (!code && info.still && a->curve)
        code = cli_error(CLI_USAGE, "%s: is a still picture: --curve wants a video", a->inputs[0]);
    if (!code)
        code = cli_model_open(c, bundled, &model);
    if (!code) {
        cli_model_warn(&model, "scores");
        description = head(c, &model);
        code = cli_records_open(&records, a->output ? a->output : "-", cli_format_of(a, CLI_TABLE), description);
    }
    if (!code)
        code = info.still ? score_pair(c, &model, &records) : score_video(c, &model, &records, &curve, &damage);
    if (!code && curve.count)
        code = curve_draw(c, &curve);
    if (!code && (!damage || records.count))
        code = cli_records_finish(&records);
    free(curve.values);
    cli_records_discard(&records);
    json_decref(description);
    cli_model_close(&model);
    return code ? code : damage;
}
