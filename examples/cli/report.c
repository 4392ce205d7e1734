/* avsound report: everything the bundled models say of a video, on one page that needs nothing else. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay.h"
#include "report.h"
#include "separate.h"
#include "sync.h"

#define MOST_US INT64_C(600000000) /* the page holds all pictures and sounds */

static const char *const eye[] = {"avol-s", NULL}, *const timekeeper[] = {"sync-s", NULL};

enum { VIDEO, ON, OFF, SPECTROGRAMS, FILES };

typedef struct job {
    cli c; /* the command's, with outputs of its own */
    avsound_media_info info;
    char folder[4096], path[FILES][4200];
    json_t *data;
    int damage;
} job;

static int set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) ? cli_error(CLI_RESOURCES, "report: out of memory") : CLI_OK;
}

/* ---- models ---- */

static char *card_of(const char *model)
{
    char path[4200];
    size_t size;
    const char *dot = strrchr(model, '.');
    snprintf(path, sizeof path, "%.*s.md", (int)(dot ? dot - model : (long)strlen(model)), model);
    return report_read(path, &size);
}

static int add_model(job *j, const cli_model *model, const char *task)
{
    static const char *const keys[][2] = {{"network", "avsound.arch"}, {"license", "license"}, {"trained on", "source"},
                                          {"configuration", "avsound.config"}, {"SHA-256 of the weights", "avsound.sha256"}};
    const char *slash = strrchr(model->name, '/'), *base = slash ? slash + 1 : model->name;
    char *card = card_of(model->name);
    json_t *facts = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = avsound_model_metadata(model->model, keys[i][1]);
        if (value)
            json_object_set_new(facts, keys[i][0], cli_json_text(value));
    }
    json_t *entry = json_pack("{s:o, s:s, s:o, s:o}", "name", cli_json_text(base), "task", task, "facts", facts, "card",
                              cli_json_text(card));
    free(card);
    const int code = json_array_append_new(json_object_get(j->data, "models"), entry);
    return code ? cli_error(CLI_RESOURCES, "report: out of memory") : CLI_OK;
}

static bool installed(const job *j, const char *name)
{
    char path[4096];
    return cli_model_find(&j->c, name, path, sizeof path);
}

static int skip(job *j, const char *section, const char *name)
{
    char text[256];
    snprintf(text, sizeof text, "Not asked: the model %s is not installed.", name);
    return set(json_object_get(j->data, "missing"), section, json_string(text));
}

/* ---- where, and whether they belong together ---- */

static int watch(job *j, avsound_scan *scan, overlay *drawn, json_t *times, json_t *probabilities, json_t *confidences)
{
    const char *path = j->c.args.inputs[0];
    cli_progress progress;
    bool more = true;
    int code = CLI_OK;
    cli_progress_start(&progress, "frames", avsound_scan_expected(scan), j->c.args.quiet);
    while (!code) {
        avsound_scan_result r;
        code = cli_scan_next(scan, path, &r, &more, &j->damage);
        if (code || !more)
            break;
        code = overlay_add(drawn, r.frame, &(overlay_map){r.map, NULL, r.rows, r.cols, r.confidence}, r.time_us);
        json_array_append_new(times, json_real((double)r.time_us / 1e6));
        json_array_append_new(probabilities, cli_json_float(r.probability));
        json_array_append_new(confidences, cli_json_float(r.confidence));
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    if (!code && cli_interrupted())
        code = CLI_FAILED;
    return code ? code : drawn->count ? overlay_finish(drawn) : cli_error(CLI_INPUT, "%s: no frame there", path);
}

static int look(job *j)
{
    cli_model model = {0};
    overlay drawn = {0};
    avsound_scan *scan = NULL;
    if (!j->c.args.model && !installed(j, eye[0]))
        return cli_error(CLI_UNSUPPORTED, "report: the model %s is not installed, nor in $AVSOUND_MODEL_PATH", eye[0]);
    j->c.args.output = j->path[VIDEO];
    int code = cli_model_open(&j->c, eye, &model);
    if (!code)
        code = add_model(j, &model, "where the sound comes from, and whether picture and sound belong together");
    if (!code)
        code = overlay_open(&drawn, &j->c, &j->info, NULL);
    if (!code)
        code = cli_scan_open(&j->c, &model, j->c.args.inputs[0], AVSOUND_SCAN_MAP | AVSOUND_SCAN_SCORE | AVSOUND_SCAN_FRAME, 0,
                             &scan);
    if (!code) {
        json_t *times = json_array(), *probabilities = json_array(), *confidences = json_array();
        code = watch(j, scan, &drawn, times, probabilities, confidences);
        json_t *score = json_pack("{s:o, s:o, s:o}", "time", times, "probability", probabilities, "confidence", confidences);
        code = code ? (json_decref(score), code) : set(j->data, "score", score);
    }
    cli_scan_close(scan);
    overlay_discard(&drawn);
    cli_model_close(&model);
    j->c.args.model = NULL; /* the other questions go to others */
    return code;
}

/* ---- in time ---- */

static int add_sync(job *j, const cli_model *model, const sync_measurement *m)
{
    char answer[256], notes[1024] = "";
    json_t *facts = NULL;
    const int code = sync_facts(&j->c, model, m, &facts);
    if (code)
        return code;
    sync_answer(&m->result, answer, sizeof answer);
    for (int i = 0; i < SYNC_NOTES; i++)
        if (m->result.notes >> i & 1)
            snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%s%s.", *notes ? " " : "Note: ", sync_notes[i]);
    json_object_set_new(facts, "answer", json_string(answer));
    json_object_set_new(facts, "notes", json_string(notes));
    return set(j->data, "sync", facts);
}

static int compare(job *j)
{
    cli_model model = {0};
    sync_measurement m = {0};
    if (!installed(j, timekeeper[0]))
        return skip(j, "sync", timekeeper[0]);
    int code = cli_model_open(&j->c, timekeeper, &model);
    if (!code)
        code = add_model(j, &model, "by how much picture and sound are out of sync");
    if (!code)
        code = sync_measure(&j->c, &model, j->c.args.inputs[0], &m);
    if (!code)
        code = add_sync(j, &model, &m);
    sync_close(&m);
    cli_model_close(&model);
    return code;
}

/* ---- on screen and off ---- */

static int add_separation(job *j, json_t *facts)
{
    char answer[256];
    json_t *stems = json_object_get(facts, "stems");
    const json_t *mixture = json_object_get(facts, "level_db");
    const double whole = json_number_value(mixture), on = json_number_value(json_object_get(json_array_get(stems, 0), "level_db")),
                 off = json_number_value(json_object_get(json_array_get(stems, 1), "level_db"));
    if (json_is_number(mixture))
        snprintf(answer, sizeof answer, "From on screen: %+.1f dB of the recording's level; the rest: %+.1f dB.", on - whole,
                 off - whole);
    else
        snprintf(answer, sizeof answer, "Silence: there is nothing to take apart.");
    return set(j->data, "separation", json_pack("{s:s}", "answer", answer));
}

static int take_apart(job *j)
{
    static const char *const listener[] = {"sep-s", NULL};
    json_t *facts = NULL;
    cli_model model = {0};
    if (!installed(j, listener[0]))
        return skip(j, "separation", listener[0]);
    j->c.args.output = j->folder;
    j->c.args.picture = j->path[SPECTROGRAMS];
    int code = separate_files(&j->c, &facts);
    if (facts)
        code = add_separation(j, facts);
    json_decref(facts);
    if (!code)
        code = cli_model_open(&j->c, listener, &model);
    if (!code)
        code = add_model(j, &model, "what of the sound comes from on screen");
    cli_model_close(&model);
    return code;
}

/* ---- all of it ---- */

static int check(const job *j)
{
    const cli_args *a = &j->c.args;
    const char *path = a->inputs[0];
    const int64_t start = a->start_us > 0 ? a->start_us : 0;
    const int64_t length = a->duration_us > 0 ? a->duration_us : j->info.duration_us - start;
    if (!j->info.has_video || j->info.still)
        return cli_error(CLI_INPUT, "%s: has no video to report on", path);
    if (!j->info.has_audio)
        return cli_error(CLI_INPUT, "%s: has no sound to report on", path);
    if (length > MOST_US)
        return cli_error(CLI_USAGE, "%s: %.0f s are too much for a page; --start and --duration choose up to %.0f s", path,
                         (double)length / 1e6, (double)MOST_US / 1e6);
    return CLI_OK;
}

static int make_folder(job *j)
{
    static const char *const names[FILES] = {"overlay.mp4", "on-screen.wav", "off-screen.wav", "spectrograms.png"};
    const int code = cli_temporary_folder("report", j->folder, sizeof j->folder);
    if (code)
        return code;
    for (int i = 0; i < FILES; i++)
        snprintf(j->path[i], sizeof j->path[i], "%s/%s", j->folder, names[i]);
    return CLI_OK;
}

static void remove_folder(const job *j)
{
    for (int i = 0; *j->folder && i < FILES; i++)
        unlink(j->path[i]);
    if (*j->folder)
        rmdir(j->folder);
}

static int describe(job *j)
{
    const cli_args *a = &j->c.args;
    const avsound_media_info *info = &j->info;
    const char *slash = strrchr(a->inputs[0], '/');
    char facts[512];
    const double start = a->start_us > 0 ? (double)a->start_us / 1e6 : 0;
    snprintf(facts, sizeof facts, "%.1f s, %d x %d, %.4g frames/s, %s; %s, %d Hz, %d channel%s", (double)info->duration_us / 1e6,
             info->width, info->height, info->rate_den ? (double)info->rate_num / info->rate_den : 0, info->video_codec,
             info->audio_codec, info->sample_rate, info->channels, info->channels == 1 ? "" : "s");
    j->data = json_pack("{s:o, s:s, s:s, s:f, s:[], s:{}}", "name", cli_json_text(slash ? slash + 1 : a->inputs[0]), "facts", facts,
                        "overlay", "Red: what makes the sound. It fades where there is too little to see or to hear.", "start", start,
                        "models", "missing");
    return j->data ? CLI_OK : cli_error(CLI_RESOURCES, "report: out of memory");
}

/* The time that the plots share. */
static int add_span(job *j)
{
    const json_t *times = json_object_get(json_object_get(j->data, "score"), "time");
    const double start = json_number_value(json_object_get(j->data, "start"));
    const double last = json_number_value(json_array_get(times, json_array_size(times) - 1));
    return set(j->data, "span", json_pack("[f, f]", start, last > start ? last : start + 1));
}

static int write_page(job *j, const char *path)
{
    const bool stems = json_object_get(j->data, "separation");
    const report_file files[] = {{"media-video", j->path[VIDEO], false},
                                 {stems ? "media-on" : NULL, j->path[ON], true},
                                 {"media-off", j->path[OFF], true},
                                 {"media-spectrograms", j->path[SPECTROGRAMS], false},
                                 {NULL, NULL, false}};
    cli_outfile out;
    int code = cli_outfile_open(&out, path);
    if (!code)
        code = report_page_write(out.file, path, j->data, files);
    if (!code)
        code = cli_outfile_finish(&out);
    cli_outfile_discard(&out);
    return code;
}

int cli_report(cli *c)
{
    job *j = calloc(1, sizeof *j);
    if (!j)
        return cli_error(CLI_RESOURCES, "out of memory");
    int code = CLI_OK;
    j->c = *c;
    if (!c->args.output)
        code = cli_error(CLI_USAGE, "report: --output is missing: which page to write?");
    if (!code)
        code = cli_media_info(c, c->args.inputs[0], &j->info);
    if (!code)
        code = check(j);
    if (!code)
        code = describe(j);
    if (!code)
        code = make_folder(j);
    if (!code)
        code = look(j);
    if (!code)
        code = add_span(j);
    if (!code)
        code = compare(j);
    if (!code)
        code = take_apart(j);
    if (!code)
        code = write_page(j, c->args.output);
    if (!code && !c->args.quiet)
        printf("%s: open it in a browser\n", c->args.output);
    remove_folder(j);
    json_decref(j->data);
    code = code ? code : j->damage;
    free(j);
    return code;
}
