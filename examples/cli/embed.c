#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *const bundled[] = {"ave-s", NULL};

/* Where vectors go: an array with times, or records. */
typedef struct sink {
    const cli *c;
    const cli_model *model;
    cli_format format;
    cli_records records;
    cli_series series;
    float *both; /* [2][dimension], for one item of the array */
    int32_t what; /* AVSOUND_SCAN_EMBED_ bits */
    int64_t count;
} sink;

static bool is_both(const sink *s)
{
    return s->what == (AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO);
}

static int open_sink(sink *s, int32_t dimension)
{
    const char *path = s->c->args.output ? s->c->args.output : "-";
    if (s->format == CLI_NPY) {
        const int64_t shape[] = {2, dimension};
        s->both = malloc(2 * (size_t)dimension * sizeof *s->both);
        if (!s->both)
            return cli_error(CLI_RESOURCES, "%s: out of memory", path);
        return is_both(s) ? cli_series_open(&s->series, path, 2, shape)
                          : cli_series_open(&s->series, path, 1, shape + 1);
    }
    json_t *head = json_pack("{s:o, s:o, s:b, s:i}", "input", cli_json_text(s->c->args.inputs[0]), "model",
                             cli_json_text(s->model->name), "trained", s->model->trained, "dimension", (int)dimension);
    const int code = cli_records_open(&s->records, path, s->format, head);
    json_decref(head);
    return code;
}

static int add_record(sink *s, int64_t time_us, const char *modality, const float *vector, int32_t dimension)
{
    if (!vector)
        return CLI_OK;
    return cli_records_add(&s->records, json_pack("{s:o, s:s, s:o}", "time", cli_json_seconds(time_us), "modality",
                                                  modality, "embedding", cli_json_floats(vector, dimension)));
}

/* A vector that is not of s->what is not looked at. */
static int add(sink *s, int64_t time_us, const float *image, const float *audio, int32_t dimension)
{
    image = s->what & AVSOUND_SCAN_EMBED_IMAGE ? image : NULL;
    audio = s->what & AVSOUND_SCAN_EMBED_AUDIO ? audio : NULL;
    if (is_both(s) ? !image || !audio : !image && !audio)
        return cli_error(CLI_INPUT, "%s: nothing to embed at %.3f s", s->c->args.inputs[0], (double)time_us / 1e6);
    int code = s->count++ ? CLI_OK : open_sink(s, dimension);
    if (code)
        return code;
    if (s->format != CLI_NPY) {
        code = add_record(s, time_us, "image", image, dimension);
        return code ? code : add_record(s, time_us, "audio", audio, dimension);
    }
    const size_t bytes = (size_t)dimension * sizeof(float);
    if (is_both(s)) {
        memcpy(s->both, image, bytes);
        memcpy(s->both + dimension, audio, bytes);
        return cli_series_append(&s->series, s->both, time_us);
    }
    return cli_series_append(&s->series, image ? image : audio, time_us);
}

static int finish(sink *s)
{
    if (!s->count)
        return cli_error(CLI_INPUT, "%s: nothing to embed there", s->c->args.inputs[0]);
    return s->format == CLI_NPY ? cli_series_finish(&s->series) : cli_records_finish(&s->records);
}

static void discard(sink *s)
{
    cli_records_discard(&s->records);
    cli_series_discard(&s->series);
    free(s->both);
}

static int embed_picture(sink *s)
{
    const cli *c = s->c;
    cli_picture picture = {0};
    avsound_session *session = NULL;
    float *vector = NULL;
    size_t size = 0;
    int code = cli_picture_open(c, c->args.inputs[0], &picture);
    if (!code)
        code = cli_session(c, s->model, "embedding.image", &session);
    if (!code) {
        avsound_status status = avsound_embed_image(session, &picture.frame, 1, NULL, &size);
        if (!status || status == AVSOUND_E_BUFFER_SIZE) {
            vector = malloc(size * sizeof *vector);
            status = vector ? avsound_embed_image(session, &picture.frame, 1, vector, &size) : AVSOUND_E_NO_MEMORY;
        }
        code = status ? cli_input_failed(c->args.inputs[0], status) : add(s, 0, vector, NULL, (int32_t)size);
    }
    free(vector);
    cli_session_close(session);
    cli_picture_close(&picture);
    return code;
}

static int embed_recording(sink *s, int *damage)
{
    const cli_args *a = &s->c->args;
    avsound_scan *scan = NULL;
    cli_progress progress;
    bool more = true;
    int code = cli_scan_open(s->c, s->model, a->inputs[0], s->what, a->hop < 0 ? 1 : a->hop, &scan);
    cli_progress_start(&progress, "embeddings", code ? 0 : avsound_scan_expected(scan),
                       a->quiet || cli_progress_disturbs(a));
    while (!code) {
        avsound_scan_result r;
        code = cli_scan_next(scan, a->inputs[0], &r, &more, damage);
        if (code || !more)
            break;
        code = add(s, r.time_us, r.embedding_image, r.embedding_audio, r.dimension);
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    cli_scan_close(scan);
    return code;
}

/* AVSOUND_SCAN_ bits of --modality, or of what the file has; 0 after an error. */
static int32_t choose(const cli_args *a, const avsound_media_info *info)
{
    const int32_t has =
        (info->has_video ? AVSOUND_SCAN_EMBED_IMAGE : 0) | (info->has_audio ? AVSOUND_SCAN_EMBED_AUDIO : 0);
    int32_t wanted = has;
    if (a->modality)
        wanted = !strcmp(a->modality, "image")   ? AVSOUND_SCAN_EMBED_IMAGE
                 : !strcmp(a->modality, "audio") ? AVSOUND_SCAN_EMBED_AUDIO
                                                 : AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO;
    if (wanted && !(wanted & ~has))
        return wanted;
    cli_error(CLI_INPUT, "%s: has no %s to embed", a->inputs[0],
              wanted & ~has & AVSOUND_SCAN_EMBED_IMAGE ? "picture" : "sound");
    return 0;
}

static int embed(sink *s, const avsound_media_info *info, int *damage)
{
    const bool picture = info->still && s->what == AVSOUND_SCAN_EMBED_IMAGE;
    const int code = picture ? embed_picture(s) : embed_recording(s, damage);
    return code || (*damage && !s->count) ? code : finish(s);
}

int cli_embed(cli *c)
{
    const cli_args *a = &c->args;
    cli_model model = {0};
    avsound_media_info info;
    int damage = CLI_OK;
    sink s = {.c = c, .model = &model, .format = cli_format_of(a, CLI_CSV)};
    if (s.format == CLI_NPY && (!a->output || !cli_ends_with(a->output, ".npy")))
        return cli_error(CLI_USAGE, "embed: npy wants --output NAME.npy");
    int code = cli_media_info(c, a->inputs[0], &info);
    if (code)
        return code;
    s.what = choose(a, &info);
    if (!s.what)
        return CLI_INPUT;
    code = cli_model_open(c, bundled, &model);
    if (!code)
        cli_model_warn(&model, "embeddings");
    if (!code)
        code = embed(&s, &info, &damage);
    discard(&s);
    cli_model_close(&model);
    return code ? code : damage;
}
