#include <stdlib.h>

#include "overlay.h"
#include "witness.h"

static const char *const bundled[] = {"avol-s", NULL};

typedef struct job {
    const cli *c;
    const cli_model *model;
    avsound_media_info info;
    overlay overlay;
    witness witness; /* of --stereo */
    avsound_scan_times times;
    double seconds; /* end to end */
    int damage;
} job;

static int localize_picture(job *j)
{
    const cli_args *a = &j->c->args;
    cli_picture picture = {0};
    cli_sound sound = {0};
    avsound_session *session = NULL;
    float *map = NULL;
    size_t size = 0;
    int32_t rows = 0, cols = 0;
    avsound_score score = {.struct_size = sizeof score};
    int code = cli_picture_open(j->c, a->inputs[0], &picture);
    if (!code)
        code = cli_sound_open(j->c, a->audio ? a->audio : a->inputs[0], &sound);
    if (!code)
        code = cli_session(j->c, j->model, NULL, &session);
    if (!code) {
        avsound_status status =
            avsound_localize(session, &picture.frame, &sound.audio, NULL, &size, &rows, &cols, NULL);
        if (!status || status == AVSOUND_E_BUFFER_SIZE) {
            map = malloc(size * sizeof *map);
            status = map ? avsound_localize(session, &picture.frame, &sound.audio, map, &size, &rows, &cols, &score)
                         : AVSOUND_E_NO_MEMORY;
        }
        code = status ? cli_input_failed(a->inputs[0], status)
                      : overlay_add(&j->overlay, &picture.frame, &(overlay_map){map, NULL, rows, cols, score.confidence}, 0);
    }
    free(map);
    cli_session_close(session);
    cli_sound_close(&sound);
    cli_picture_close(&picture);
    return code;
}

static int localize_video(job *j)
{
    const cli_args *a = &j->c->args;
    avsound_scan *scan = NULL;
    cli_progress progress;
    bool more = true;
    const int32_t what =
        AVSOUND_SCAN_MAP | AVSOUND_SCAN_SCORE | (j->overlay.kind == OVERLAY_MAPS ? 0 : AVSOUND_SCAN_FRAME);
    int code = cli_scan_open(j->c, j->model, a->inputs[0], what, a->fps > 0 ? 1 / a->fps : 0, &scan);
    cli_progress_start(&progress, "frames", code ? 0 : avsound_scan_expected(scan), a->quiet);
    while (!code) {
        avsound_scan_result r;
        code = cli_scan_next(scan, a->inputs[0], &r, &more, &j->damage);
        if (code || !more)
            break;
        if (a->compat && !r.cam)
            code = cli_error(CLI_USAGE, "localize: --compat is of networks of clips, such as multisensory");
        cli_warn_padded(a->inputs[0], &r);
        if (!code)
            code = witness_hear(&j->witness, &r);
        const overlay_map map = {r.map, r.cam, r.rows, r.cols, r.confidence};
        if (!code)
            code = overlay_add(&j->overlay, r.frame, &map, r.time_us);
        cli_progress_step(&progress);
        if (j->overlay.kind == OVERLAY_PICTURE)
            break;
    }
    cli_progress_end(&progress);
    if (!code) {
        const avsound_status status = avsound_scan_get_times(scan, &j->times);
        code = status ? cli_input_failed(a->inputs[0], status) : CLI_OK;
    }
    cli_scan_close(scan);
    return code;
}

static int localize(job *j)
{
    const double started = cli_now();
    j->times = (avsound_scan_times){.struct_size = sizeof j->times};
    int code = j->info.still ? localize_picture(j) : localize_video(j);
    if (!code && !j->overlay.count)
        code = j->damage ? j->damage : cli_error(CLI_INPUT, "%s: no frame there", j->c->args.inputs[0]);
    /* A signal that came with the last frame still means: leave nothing. */
    if (!code && cli_interrupted())
        code = CLI_FAILED;
    if (!code)
        code = overlay_finish(&j->overlay);
    if (!code)
        code = witness_finish(&j->witness);
    j->seconds = cli_now() - started;
    return code;
}

static double frames_per_second(const job *j)
{
    return j->seconds > 0 ? (double)j->overlay.count / j->seconds : 0;
}

static void print_timing(const job *j)
{
    const struct {
        const char *what;
        double seconds;
    } rows[] = {
        {"decode", j->times.decode},     {"spectrogram", j->times.spectrogram},
        {"prepare", j->times.prepare},   {"network", j->times.network},
        {"wait", j->times.wait},         {"drawing", j->overlay.drawing},
        {"encode", j->overlay.encoding},
    };
    printf("%-12s %9s %12s\n", "", "seconds", "ms/frame");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("%-12s %9.3f %12.3f\n", rows[i].what, rows[i].seconds, 1e3 * rows[i].seconds / (double)j->overlay.count);
    printf("%-12s %9.3f %12.3f  %.1f frames/s\n", "end to end", j->seconds, 1e3 * j->seconds / (double)j->overlay.count,
           frames_per_second(j));
}

static int print_json(const job *j)
{
    const cli_args *a = &j->c->args;
    return cli_json_print(json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:I, s:f, s:f, s:{s:f, s:f, s:f, s:f, s:f, s:f, s:f}, s:o*}", "input",
        cli_json_text(a->inputs[0]), "output", cli_json_text(a->output), "sound", cli_json_text(a->audio), "model",
        cli_json_text(j->model->name), "trained", j->model->trained, "frames", (json_int_t)j->overlay.count, "seconds",
        j->seconds, "frames_per_second", frames_per_second(j), "timing", "decode", j->times.decode, "spectrogram",
        j->times.spectrogram, "prepare", j->times.prepare, "network", j->times.network, "wait", j->times.wait,
        "drawing", j->overlay.drawing, "encode", j->overlay.encoding, "stereo", witness_json(&j->witness)));
}

static int report(const job *j)
{
    if (j->c->args.json)
        return print_json(j);
    if (!j->c->args.quiet)
        printf("%s: %lld %s, %.1f s, %.1f frames/s\n", j->c->args.output, (long long)j->overlay.count,
               j->overlay.count == 1 ? "frame" : "frames", j->seconds, frames_per_second(j));
    if (!j->c->args.quiet)
        witness_print(&j->witness);
    if (j->c->args.timing)
        print_timing(j);
    return CLI_OK;
}

static int check_input(const cli_args *a, const avsound_media_info *info)
{
    if (!info->has_video)
        return cli_error(CLI_INPUT, "%s: has no picture to look at", a->inputs[0]);
    if (!info->has_audio && !a->audio)
        return cli_error(CLI_INPUT, "%s: has no sound; --audio FILE gives it one", a->inputs[0]);
    return CLI_OK;
}

int cli_localize(cli *c)
{
    cli_model model = {0};
    job j = {.c = c, .model = &model};
    if (!c->args.output)
        return cli_error(CLI_USAGE, "localize: --output is missing: what to write? (see avsound help localize)");
    int code = cli_media_info(c, c->args.inputs[0], &j.info);
    if (!code)
        code = check_input(&c->args, &j.info);
    if (!code)
        code = witness_open(&j.witness, c, &j.info);
    if (!code)
        code = overlay_open(&j.overlay, c, &j.info, &j.witness);
    if (!code)
        code = cli_model_open(c, bundled, &model);
    if (!code)
        cli_model_warn(&model, "maps");
    if (!code)
        code = localize(&j);
    if (!code)
        code = report(&j);
    overlay_discard(&j.overlay);
    witness_close(&j.witness);
    cli_model_close(&model);
    return code ? code : j.damage;
}
