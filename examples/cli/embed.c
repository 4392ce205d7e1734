#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

static const char *const bundled[] = {"ave-s", NULL};

/* Where a file's vectors go: an array with times, or records. */
typedef struct sink {
    const cli *c;
    const cli_model *model;
    const char *input, *output;
    cli_format format;
    cli_records records;
    cli_series series;
    cli_npz npz;
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
    const char *path = s->output ? s->output : "-";
    if (s->format == CLI_NPZ)
        return cli_npz_open(&s->npz, path, dimension);
    if (s->format == CLI_NPY) {
        const int64_t shape[] = {2, dimension};
        s->both = malloc(2 * (size_t)dimension * sizeof *s->both);
        if (!s->both)
            return cli_error(CLI_RESOURCES, "%s: out of memory", path);
        return is_both(s) ? cli_series_open(&s->series, path, 2, shape)
                          : cli_series_open(&s->series, path, 1, shape + 1);
    }
    json_t *head = json_pack("{s:o, s:o, s:b, s:i}", "input", cli_json_text(s->input), "model",
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
        return cli_error(CLI_INPUT, "%s: nothing to embed at %.3f s", s->input, (double)time_us / 1e6);
    int code = s->count++ ? CLI_OK : open_sink(s, dimension);
    if (code)
        return code;
    if (s->format == CLI_NPZ)
        return cli_npz_append(&s->npz, image ? image : audio, (double)time_us / 1e6);
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

static int finish(sink *s, bool still)
{
    if (!s->count)
        return cli_error(CLI_INPUT, "%s: nothing to embed there", s->input);
    if (s->format == CLI_NPZ)
        return cli_npz_finish(&s->npz, !still);
    return s->format == CLI_NPY ? cli_series_finish(&s->series) : cli_records_finish(&s->records);
}

static void discard(sink *s)
{
    cli_records_discard(&s->records);
    cli_series_discard(&s->series);
    cli_npz_discard(&s->npz);
    free(s->both);
}

static int embed_picture(sink *s)
{
    const cli *c = s->c;
    cli_picture picture = {0};
    avsound_session *session = NULL;
    float *vector = NULL;
    size_t size = 0;
    int code = cli_picture_open(c, s->input, &picture);
    if (!code)
        code = cli_session(c, s->model, "embedding.image", &session);
    if (!code) {
        avsound_status status = cli_picture_embed(&picture, s->model, session, NULL, &size);
        if (!status || status == AVSOUND_E_BUFFER_SIZE) {
            vector = malloc(size * sizeof *vector);
            status = vector ? cli_picture_embed(&picture, s->model, session, vector, &size) : AVSOUND_E_NO_MEMORY;
        }
        code = status ? cli_input_failed(s->input, status) : add(s, 0, vector, NULL, (int32_t)size);
    }
    free(vector);
    cli_session_close(session);
    cli_picture_close(&picture);
    return code;
}

/* npz is for those who come from openl3. */
static double usual_hop(const sink *s)
{
    return s->format != CLI_NPZ ? 1 : s->what == AVSOUND_SCAN_EMBED_AUDIO ? 0.1 : 0;
}

static int embed_recording(sink *s, int *damage)
{
    const cli_args *a = &s->c->args;
    avsound_scan *scan = NULL;
    cli_progress progress;
    bool more = true;
    int code = cli_scan_open(s->c, s->model, s->input, s->what, a->hop < 0 ? usual_hop(s) : a->hop, &scan);
    cli_progress_start(&progress, "embeddings", code ? 0 : avsound_scan_expected(scan),
                       a->quiet || cli_progress_disturbs(a));
    while (!code) {
        avsound_scan_result r;
        code = cli_scan_next(scan, s->input, &r, &more, damage);
        if (code || !more)
            break;
        code = add(s, r.time_us, r.embedding_image, r.embedding_audio, r.dimension);
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    cli_scan_close(scan);
    return code;
}

/* AVSOUND_SCAN_ bits of what the model embeds, and the layer if one is wanted. */
static int32_t able(const sink *s)
{
    const char *arch = avsound_model_arch(s->model->model), *layer = s->c->args.layer;
    if (layer)
        return strncmp(layer, "audio.", 6) ? AVSOUND_SCAN_EMBED_IMAGE : AVSOUND_SCAN_EMBED_AUDIO;
    if (!strcmp(arch, "openl3-audio"))
        return AVSOUND_SCAN_EMBED_AUDIO;
    return AVSOUND_SCAN_EMBED_IMAGE | (strcmp(arch, "openl3-image") ? AVSOUND_SCAN_EMBED_AUDIO : 0);
}

/* AVSOUND_SCAN_ bits of --modality, or of what the file has and the model embeds; 0 after an error. */
static int32_t choose(const sink *s, const avsound_media_info *info)
{
    const char *modality = s->c->args.modality;
    const int32_t has =
        (info->has_video ? AVSOUND_SCAN_EMBED_IMAGE : 0) | (info->has_audio ? AVSOUND_SCAN_EMBED_AUDIO : 0);
    int32_t wanted = has & able(s) ? has & able(s) : able(s);
    if (modality)
        wanted = !strcmp(modality, "image")   ? AVSOUND_SCAN_EMBED_IMAGE
                 : !strcmp(modality, "audio") ? AVSOUND_SCAN_EMBED_AUDIO
                                              : AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO;
    if (wanted & ~has) {
        cli_error(CLI_INPUT, "%s: has no %s to embed", s->input, wanted & ~has & AVSOUND_SCAN_EMBED_IMAGE ? "picture" : "sound");
        return 0;
    }
    return wanted;
}

static int embed(sink *s, const avsound_media_info *info, int *damage)
{
    const bool still = info->still && s->what == AVSOUND_SCAN_EMBED_IMAGE;
    const int code = still && !s->c->args.layer ? embed_picture(s) : embed_recording(s, damage);
    return code || (*damage && !s->count) ? code : finish(s, still);
}

static int embed_file(sink *s)
{
    avsound_media_info info;
    int damage = CLI_OK, code = cli_media_info(s->c, s->input, &info);
    if (code)
        return code;
    s->what = choose(s, &info);
    code = s->what ? embed(s, &info, &damage) : CLI_INPUT;
    discard(s);
    return code ? code : damage;
}

/* ---- archives, in the manner of openl3: one beside each file, or all in a folder ---- */

typedef struct archives {
    const cli *c;
    const cli_model *model;
    int code; /* of the first file that failed */
} archives;

/* FOLDER/NAME[_audio|_image][_SUFFIX].npz; of a video, which has both, the name says which. */
static bool name_archive(const sink *s, const avsound_media_info *info, char *path, size_t size)
{
    const cli_args *a = &s->c->args;
    const char *slash = strrchr(s->input, '/'), *name = slash ? slash + 1 : s->input, *dot = strrchr(name, '.');
    const int stem = (int)(dot && dot > name ? dot - name : (ptrdiff_t)strlen(name));
    const int folder = a->output_dir ? (int)strlen(a->output_dir) : slash ? (int)(slash - s->input) : 0;
    const char *kind = !info->has_video || info->still || !info->has_audio ? ""
                       : s->what == AVSOUND_SCAN_EMBED_AUDIO               ? "_audio"
                                                                           : "_image";
    const int n = snprintf(path, size, "%.*s%s%.*s%s%s%s.npz", folder, a->output_dir ? a->output_dir : s->input,
                           a->output_dir || slash ? "/" : "", stem, name, kind, a->suffix ? "_" : "", a->suffix ? a->suffix : "");
    return n > 0 && (size_t)n < size;
}

static int embed_into_archive(const archives *all, const char *input)
{
    char path[4096];
    avsound_media_info info;
    struct stat there;
    const cli_args *a = &all->c->args;
    sink s = {.c = all->c, .model = all->model, .input = input, .output = a->output, .format = CLI_NPZ};
    int code = cli_media_info(s.c, input, &info);
    if (code)
        return code;
    s.what = choose(&s, &info);
    if (!s.what)
        return CLI_INPUT;
    if (is_both(&s))
        return cli_error(CLI_USAGE, "embed: npz holds vectors of one kind; want --modality image or audio");
    if (!s.output) {
        if (!name_archive(&s, &info, path, sizeof path))
            return cli_error(CLI_USAGE, "%s: the name is too long", input);
        s.output = path;
        if (!a->overwrite && !stat(path, &there)) {
            cli_warn("%s: is there already, skipped; --overwrite replaces it", path);
            return CLI_OK;
        }
    }
    return embed_file(&s);
}

static void embed_next(archives *all, const char *input)
{
    const int code = cli_interrupted() ? CLI_SIGNAL + cli_interrupted() : embed_into_archive(all, input);
    all->code = all->code ? all->code : code;
}

/* The files in a folder, but not those of folders in it. */
static void embed_folder(archives *all, const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat s;
        const int n = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (n > 0 && (size_t)n < sizeof path && !stat(path, &s) && S_ISREG(s.st_mode))
            embed_next(all, path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static int embed_archives(const cli *c, const cli_model *model)
{
    archives all = {.c = c, .model = model};
    const cli_args *a = &c->args;
    if (a->output_dir && mkdir(a->output_dir, 0777) && errno != EEXIST)
        return cli_write_failed(a->output_dir);
    for (int i = 0; i < a->operand_count; i++) {
        struct stat s;
        if (!stat(a->operands[i], &s) && S_ISDIR(s.st_mode))
            embed_folder(&all, a->operands[i]);
        else
            embed_next(&all, a->operands[i]);
    }
    return all.code;
}

static int check_args(const cli_args *a, cli_format format)
{
    if (format == CLI_NPY && (!a->output || !cli_ends_with(a->output, ".npy")))
        return cli_error(CLI_USAGE, "embed: npy wants --output NAME.npy");
    if (format == CLI_NPZ && a->output && (a->operand_count > 1 || a->output_dir || a->suffix || !strcmp(a->output, "-")))
        return cli_error(CLI_USAGE, "embed: --output names the archive of one file; want --output-dir and --suffix, or neither");
    if (format != CLI_NPZ && a->operand_count > 1)
        return cli_error(CLI_USAGE, "embed: %d files want --format npz", a->operand_count);
    if (format != CLI_NPZ && (a->output_dir || a->suffix || a->overwrite))
        return cli_error(CLI_USAGE, "embed: --output-dir, --suffix and --overwrite are for --format npz");
    if (a->grid && !a->layer)
        return cli_error(CLI_USAGE, "embed: --grid is for --layer");
    return CLI_OK;
}

int cli_embed(cli *c)
{
    cli_model model = {0};
    const cli_format format = cli_format_of(&c->args, CLI_CSV);
    sink s = {.c = c, .model = &model, .input = c->args.inputs[0], .output = c->args.output, .format = format};
    int code = check_args(&c->args, format);
    if (!code)
        code = cli_model_open(c, bundled, &model);
    if (!code) {
        cli_model_warn(&model, "embeddings");
        code = format == CLI_NPZ ? embed_archives(c, &model) : embed_file(&s);
    }
    cli_model_close(&model);
    return code;
}
