/* avsound separate: two WAV files, and the pictures with either. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "separate.h"

static const char *const bundled[] = {"sep-s", NULL};

/* ---- WAV files of mono floats ---- */

typedef struct wav {
    cli_outfile out;
    char path[4096];
    int64_t samples;
    double energy;
} wav;

static int write_header(wav *w, int32_t rate)
{
    unsigned char header[CLI_WAV_HEADER];
    cli_wav_header(header, 1, rate, w->samples);
    return fwrite(header, 1, sizeof header, w->out.file) == sizeof header ? CLI_OK : cli_write_failed(w->path);
}

static int wav_open(wav *w, const char *folder, const char *name)
{
    const size_t length = strlen(folder);
    const char *slash = length && folder[length - 1] == '/' ? "" : "/";
    if ((size_t)snprintf(w->path, sizeof w->path, "%s%s%s.wav", folder, slash, name) >= sizeof w->path)
        return cli_error(CLI_USAGE, "%s: the name is too long", folder);
    const int code = cli_outfile_open(&w->out, w->path);
    return code ? code : write_header(w, 0);
}

static int wav_append(wav *w, const float *samples, int64_t count)
{
    if (w->samples + count > CLI_WAV_MOST_SAMPLES)
        return cli_error(CLI_RESOURCES, "%s: longer than a WAV file can be; separate it in parts with --start", w->path);
    for (int64_t i = 0; i < count; i++)
        w->energy += (double)samples[i] * (double)samples[i];
    w->samples += count;
    return cli_wav_write(w->out.file, samples, count) ? CLI_OK : cli_write_failed(w->path);
}

static int wav_finish(wav *w, int32_t rate)
{
    if (fseek(w->out.file, 0, SEEK_SET))
        return cli_write_failed(w->path);
    const int code = write_header(w, rate);
    return code ? code : cli_outfile_finish(&w->out);
}

static double decibels(double energy, int64_t samples)
{
    return energy > 0 ? 10 * log10(energy / (double)samples) : -INFINITY;
}

/* ---- the job ---- */

typedef struct job {
    const cli *c;
    const cli_model *model;
    avsound_media_info info;
    bool blind, made_folder;
    float region[4]; /* left, top, right, bottom */
    wav stem[2];
    char video[2][4096]; /* paths; "" for none */
    char truth_text[8192];
    const char *truth[2]; /* of the two sounds, in truth_text; NULL without --truth */
    int64_t samples;
    int32_t rate, padded;
    double mixture, seconds;
    int damage;
} job;

static const char *const names[2][2] = {{"on-screen", "off-screen"}, {"first", "second"}};

static int read_region(const char *text, float region[4])
{
    static const float left[4] = {0, 0, 0.5f, 1}, right[4] = {0.5f, 0, 1, 1};
    char end;
    if (!text)
        return CLI_OK;
    if (!strcmp(text, "left") || !strcmp(text, "right")) {
        memcpy(region, *text == 'l' ? left : right, sizeof left);
        return CLI_OK;
    }
    const int read = sscanf(text, "%f,%f,%f,%f%c", &region[0], &region[1], &region[2], &region[3], &end);
    if (read == 4 && region[0] >= 0 && region[1] >= 0 && region[2] <= 1 && region[3] <= 1 && region[0] < region[2] &&
        region[1] < region[3])
        return CLI_OK;
    return cli_error(CLI_USAGE, "separate: --region %s: want left, right, or four shares from 0 to 1: left,top,right,bottom",
                     text);
}

/* --truth: two files with sound, the comma between them becomes the first one's end. */
static int read_truth(job *j)
{
    const cli_args *a = &j->c->args;
    avsound_media_info info;
    if (!a->true_stems)
        return CLI_OK;
    if (!a->picture)
        return cli_error(CLI_USAGE, "separate: --truth belongs to --picture, which is missing");
    snprintf(j->truth_text, sizeof j->truth_text, "%s", a->true_stems);
    char *comma = strchr(j->truth_text, ',');
    if (!comma || comma == j->truth_text || !comma[1])
        return cli_error(CLI_USAGE, "separate: --truth %s: want two files, such as on.wav,off.wav", a->true_stems);
    *comma = 0;
    j->truth[0] = j->truth_text;
    j->truth[1] = comma + 1;
    for (int i = 0; i < 2; i++) {
        const int code = cli_media_info(j->c, j->truth[i], &info);
        if (code)
            return code;
        if (!info.has_audio)
            return cli_error(CLI_INPUT, "%s: has no sound", j->truth[i]);
    }
    return CLI_OK;
}

static int make_folder(job *j)
{
    const char *path = j->c->args.output;
    struct stat s;
    j->made_folder = !mkdir(path, 0777);
    if (j->made_folder)
        return CLI_OK;
    if (errno != EEXIST)
        return cli_write_failed(path);
    if (stat(path, &s) || !S_ISDIR(s.st_mode))
        return cli_error(CLI_USAGE, "%s: is there and no folder", path);
    return CLI_OK;
}

static int open_separator(const job *j, avsound_separator **out)
{
    const cli_args *a = &j->c->args;
    avsound_separator_options o;
    avsound_separator_options_init(&o, sizeof o);
    o.flags = (a->compat ? AVSOUND_SEPARATE_COMPAT : 0) | (a->consistent ? AVSOUND_SEPARATE_CONSISTENT : 0) |
              (strcmp(a->phase, "original") ? 0 : AVSOUND_SEPARATE_ORIGINAL_PHASE);
    o.threads = (int32_t)a->threads;
    o.precision = cli_precision(a->precision);
    o.start_us = a->start_us >= 0 ? a->start_us : 0;
    o.duration_us = a->duration_us >= 0 ? a->duration_us : 0;
    o.left = j->region[0];
    o.top = j->region[1];
    o.right = j->region[2];
    o.bottom = j->region[3];
    o.audio_path = a->audio;
    const avsound_status status = avsound_separator_create(j->model->model, a->inputs[0], &o, out);
    if (status)
        return cli_input_failed(a->inputs[0], status);
    cli_interrupt_separator(*out);
    return CLI_OK;
}

static int take(job *j, const avsound_separator_result *r)
{
    int code = wav_append(&j->stem[0], r->on, r->samples);
    if (!code)
        code = wav_append(&j->stem[1], r->off, r->samples);
    for (int64_t i = 0; i < r->samples; i++)
        j->mixture += (double)r->mixture[i] * (double)r->mixture[i];
    j->samples += r->samples;
    j->rate = r->sample_rate;
    j->padded = r->padded;
    return code;
}

/* What came before damage is kept, and the exit code says that there was some. */
static int walk(job *j, avsound_separator *separator)
{
    const char *path = j->c->args.inputs[0];
    cli_progress progress;
    int code = make_folder(j);
    for (int i = 0; !code && i < 2; i++)
        code = wav_open(&j->stem[i], j->c->args.output, names[j->blind][i]);
    cli_progress_start(&progress, "windows", code ? 0 : avsound_separator_expected(separator), j->c->args.quiet);
    while (!code) {
        avsound_separator_result r = {.struct_size = sizeof r};
        const avsound_status status = avsound_separator_next(separator, &r);
        if (cli_interrupted())
            code = CLI_FAILED;
        else if (status == AVSOUND_E_FORMAT && j->samples)
            j->damage = cli_input_failed(path, status);
        else if (status && status != AVSOUND_E_END)
            code = cli_input_failed(path, status);
        if (code || status)
            break;
        code = take(j, &r);
        cli_progress_step(&progress);
    }
    cli_progress_end(&progress);
    return code;
}

static int separate(job *j)
{
    avsound_separator *separator = NULL;
    int code = open_separator(j, &separator);
    if (!code)
        code = walk(j, separator);
    cli_interrupt_separator(NULL);
    avsound_separator_free(separator);
    return code;
}

/* ---- pictures with a stem ---- */

static int open_writer(job *j, int which, avsound_writer **out)
{
    avsound_writer_options o;
    avsound_writer_options_init(&o, sizeof o);
    o.width = j->info.width;
    o.height = j->info.height;
    o.rate_num = j->info.rate_num;
    o.rate_den = j->info.rate_den;
    o.threads = (int32_t)j->c->args.threads;
    o.audio_path = j->stem[which].path;
    snprintf(j->video[which], sizeof j->video[which], "%.*s.mp4", (int)strlen(j->stem[which].path) - 4, j->stem[which].path);
    const avsound_status status = avsound_writer_create(j->c->context, j->video[which], &o, out);
    return status ? cli_output_failed(j->video[which], status) : CLI_OK;
}

/* Frames on screen while the stems last, their times counted from there. */
static int copy_frames(job *j, avsound_media *media, avsound_writer *const writers[2])
{
    const char *path = j->c->args.inputs[0];
    const int64_t start = j->c->args.start_us > 0 ? j->c->args.start_us : 0;
    const int64_t end = start + llround((double)j->samples / j->rate * 1e6);
    int64_t last = -1;
    for (;;) {
        avsound_frame frame = {.struct_size = sizeof frame};
        avsound_status status = avsound_media_read_frame(media, &frame);
        if (cli_interrupted())
            return CLI_FAILED;
        if (status == AVSOUND_E_FORMAT)
            j->damage = cli_input_failed(path, status);
        else if (status && status != AVSOUND_E_END)
            return cli_input_failed(path, status);
        if (status || frame.time_us >= end)
            return CLI_OK;
        frame.time_us = frame.time_us > start ? frame.time_us - start : 0;
        if (frame.time_us <= last)
            continue;
        last = frame.time_us;
        for (int i = 0; i < 2; i++)
            if ((status = avsound_writer_write_frame(writers[i], &frame)))
                return cli_output_failed(j->video[i], status);
    }
}

static int finish_writers(job *j, avsound_writer *const writers[2])
{
    for (int i = 0; i < 2; i++) {
        const avsound_status status = avsound_writer_finish(writers[i]);
        if (status)
            return cli_output_failed(j->video[i], status);
    }
    return CLI_OK;
}

static int write_videos(job *j)
{
    const cli_args *a = &j->c->args;
    const avsound_media_options options = {.struct_size = sizeof options, .ignore_audio = 1};
    avsound_media *media = NULL;
    avsound_writer *writers[2] = {NULL, NULL};
    avsound_status status = avsound_media_open(j->c->context, a->inputs[0], &options, &media);
    if (!status && a->start_us > 0)
        status = avsound_media_seek(media, a->start_us);
    int code = status ? cli_input_failed(a->inputs[0], status) : CLI_OK;
    for (int i = 0; !code && i < 2; i++)
        code = open_writer(j, i, &writers[i]);
    if (!code)
        code = copy_frames(j, media, writers);
    if (!code)
        code = finish_writers(j, writers);
    avsound_writer_free(writers[0]);
    avsound_writer_free(writers[1]);
    avsound_media_free(media);
    return code;
}

/* ---- spectrograms ---- */

static const char *sound_of(const cli_args *a)
{
    return a->audio ? a->audio : a->inputs[0];
}

static int draw(const job *j)
{
    static const char *const titles[2][5] = {{"mixture", "on screen", "on screen, truth", "off screen", "off screen, truth"},
                                             {"mixture", "first", "first, truth", "second", "second, truth"}};
    const cli_args *a = &j->c->args;
    const char *paths[5] = {sound_of(a)}, *names_of[5] = {titles[j->blind][0]};
    int64_t starts[5] = {a->start_us > 0 ? a->start_us : 0};
    avsound_spectrograms_options o;
    avsound_spectrograms_options_init(&o, sizeof o);
    o.count = 1;
    for (int i = 0; i < 2; i++) {
        names_of[o.count] = titles[j->blind][1 + 2 * i];
        paths[o.count++] = j->stem[i].path;
        names_of[o.count] = titles[j->blind][2 + 2 * i];
        starts[o.count] = starts[0];
        paths[o.count] = j->truth[i];
        o.count += j->truth[i] != NULL;
    }
    o.paths = paths;
    o.titles = names_of;
    o.starts_us = starts;
    o.duration_us = llround((double)j->samples / j->rate * 1e6);
    o.sample_rate = j->rate;
    const avsound_status status = avsound_spectrograms_draw(j->c->context, &o, a->picture);
    return status ? cli_output_failed(a->picture, status) : CLI_OK;
}

/* ---- report ---- */

static json_t *level(double energy, int64_t samples)
{
    return cli_json_float((float)decibels(energy, samples));
}

static json_t *facts_of(const job *j)
{
    const cli_args *a = &j->c->args;
    json_t *stems = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(stems, json_pack("{s:s, s:o, s:o, s:o}", "name", names[j->blind][i], "file",
                                               cli_json_text(j->stem[i].path), "video",
                                               cli_json_text(*j->video[i] ? j->video[i] : NULL), "level_db",
                                               level(j->stem[i].energy, j->samples)));
    return json_pack(
        "{s:o, s:o, s:b, s:o, s:i, s:I, s:o, s:o, s:b, s:b, s:b, s:s, s:f}", "input", cli_json_text(a->inputs[0]), "model",
        cli_json_text(j->model->name), "trained", j->model->trained, "stems", stems, "sample_rate", (int)j->rate, "samples",
        (json_int_t)j->samples, "start", cli_json_seconds(a->start_us > 0 ? a->start_us : 0), "level_db",
        level(j->mixture, j->samples), "padded", j->padded, "compat", a->compat, "consistent", a->consistent, "phase", a->phase,
        "seconds", j->seconds);
}

static int report(const job *j)
{
    const double lasts = (double)j->samples / j->rate;
    if (j->c->args.json)
        return cli_json_print(facts_of(j));
    if (j->c->args.quiet)
        return CLI_OK;
    for (int i = 0; i < 2; i++)
        printf("%s: %.1f s, %.1f dB of the recording\n", *j->video[i] ? j->video[i] : j->stem[i].path, lasts,
               decibels(j->stem[i].energy, j->samples) - decibels(j->mixture, j->samples));
    printf("%.1f s, %.1f times as fast as it plays\n", j->seconds, lasts / j->seconds);
    return CLI_OK;
}

/* ---- the command ---- */

static int check(job *j)
{
    const cli_args *a = &j->c->args;
    if (!j->info.has_audio && !a->audio)
        return cli_error(CLI_INPUT, "%s: has no sound to take apart", a->inputs[0]);
    if (!j->blind && !j->info.has_video)
        return cli_error(CLI_INPUT, "%s: has no pictures, which %s looks at; a separator-pit or mask-net-pit needs none", a->inputs[0],
                         j->model->name);
    if (a->video && (!j->info.has_video || j->info.still))
        return cli_error(CLI_INPUT, "%s: has no video for --video", a->inputs[0]);
    if (a->compat && a->consistent)
        return cli_error(CLI_USAGE, "separate: --compat and --consistent exclude each other");
    return CLI_OK;
}

static int run(job *j)
{
    const double started = cli_now();
    int code = separate(j);
    /* A signal that came with the last window still means: leave nothing. */
    if (!code && cli_interrupted())
        code = CLI_FAILED;
    for (int i = 0; !code && i < 2; i++)
        code = wav_finish(&j->stem[i], j->rate);
    if (!code && j->padded)
        cli_warn("%s: shorter than the %s's window, which silence and the last frame fill up", j->c->args.inputs[0],
                 j->model->name);
    if (!code && !(j->mixture > 0))
        cli_warn("%s: is silent, and so is what comes of it", j->c->args.inputs[0]);
    if (!code && j->c->args.video)
        code = write_videos(j);
    if (!code && j->c->args.picture)
        code = draw(j);
    j->seconds = cli_now() - started;
    return code;
}

static int open_model(const cli *c, cli_model *model)
{
    char path[4096];
    if (!c->args.model && !c->args.arch && !cli_model_find(c, bundled[0], path, sizeof path))
        return cli_error(CLI_USAGE, "separate: --model is missing, and no model that separates is installed");
    return cli_model_open(c, bundled, model);
}

/* Everything but what is told at the end. */
static int work(job *j, cli_model *model)
{
    int code = read_region(j->c->args.region, j->region);
    if (!code)
        code = read_truth(j);
    if (!code)
        code = cli_media_info(j->c, j->c->args.inputs[0], &j->info);
    if (!code)
        code = open_model(j->c, model);
    if (code)
        return code;
    j->model = model;
    cli_separates(avsound_model_arch(model->model), &j->blind);
    code = check(j);
    if (code)
        return code;
    cli_model_warn(model, "its sounds");
    return run(j);
}

static int hand_over(const job *j, json_t **facts)
{
    *facts = facts_of(j);
    return *facts ? CLI_OK : cli_error(CLI_RESOURCES, "out of memory");
}

/* Hands the facts over, or tells them where nobody asks. */
static int do_job(const cli *c, json_t **facts)
{
    cli_model model = {0};
    job *j = calloc(1, sizeof *j);
    if (!j)
        return cli_error(CLI_RESOURCES, "out of memory");
    j->c = c;
    int code = work(j, &model);
    if (!code)
        code = facts ? hand_over(j, facts) : report(j);
    cli_outfile_discard(&j->stem[0].out);
    cli_outfile_discard(&j->stem[1].out);
    if (code && j->made_folder)
        rmdir(c->args.output); /* if nothing is in it */
    cli_model_close(&model);
    code = code ? code : j->damage;
    free(j);
    return code;
}

int separate_files(const cli *c, json_t **facts)
{
    *facts = NULL;
    return do_job(c, facts);
}

int cli_separate(cli *c)
{
    if (!c->args.output)
        return cli_error(CLI_USAGE, "separate: --output is missing: which folder to write to?");
    return do_job(c, NULL);
}
