/* Raw pictures and raw sound from two inputs, JSON lines out: ffmpeg or a camera at one end, any program at the other. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync.h"

/* Neither input is read so far ahead of the other, in microseconds of media, while that one still has something to say. */
#define MOST_AHEAD_US 1000000

enum { PICTURES, SOUND, INPUTS };

/* One input: bytes that make up frames or samples. */
typedef struct input {
    const char *path; /* NULL: there is none */
    int fd;
    bool ended;
    uint8_t *unit;    /* a frame, or a stretch of samples */
    size_t size, have;
    int64_t pushed;   /* frames, or samples per channel */
} input;

typedef struct job {
    const cli *c;
    const cli_model *model;
    const char *task;
    int32_t what; /* AVSOUND_SCAN_ constants, of scans */
    avsound_stream *stream;
    input in[INPUTS];
    avsound_frame frame; /* over in[PICTURES].unit */
    avsound_audio audio; /* over in[SOUND].unit */
    size_t sample_bytes; /* of all channels */
    int32_t rate_num, rate_den;
    cli_records records;
    FILE *stems;
    bool patient;        /* an input that runs ahead waits for the other */
} job;

/* ---- formats ---- */

typedef struct named {
    const char *name;
    int32_t value, bytes; /* of a sample */
} named;

static const named pixel_formats[] = {
    {"yuv420p", AVSOUND_PIXEL_YUV420P, 0}, {"nv12", AVSOUND_PIXEL_NV12, 0},       {"yuv422p", AVSOUND_PIXEL_YUV422P, 0},
    {"yuyv422", AVSOUND_PIXEL_YUYV422, 0}, {"yuv444p", AVSOUND_PIXEL_YUV444P, 0}, {"rgb24", AVSOUND_PIXEL_RGB24, 0},
    {"bgr24", AVSOUND_PIXEL_BGR24, 0},     {"rgba", AVSOUND_PIXEL_RGBA, 0},       {"bgra", AVSOUND_PIXEL_BGRA, 0},
    {"gray8", AVSOUND_PIXEL_GRAY8, 0},
};

static const named sample_formats[] = {
    {"f32", AVSOUND_SAMPLE_F32, 4}, {"s16", AVSOUND_SAMPLE_S16, 2}, {"s32", AVSOUND_SAMPLE_S32, 4}, {"f64", AVSOUND_SAMPLE_F64, 8},
};

/* The names are choices of the option: one fits. */
static const named *find(const named *list, const char *name)
{
    while (strcmp(list->name, name))
        list++;
    return list;
}

/* Planes one behind the other, rows without gaps, chroma rounded up: what ffmpeg -f rawvideo writes. */
static size_t set_planes(avsound_frame *f, const uint8_t *data)
{
    const int32_t half_w = (f->width + 1) / 2, half_h = (f->height + 1) / 2;
    int32_t stride[3] = {f->width, 0, 0}, rows[3] = {f->height, 0, 0};
    size_t at = 0;
    switch (f->format) {
    case AVSOUND_PIXEL_YUV420P:
        stride[1] = stride[2] = half_w;
        rows[1] = rows[2] = half_h;
        break;
    case AVSOUND_PIXEL_NV12:
        stride[1] = 2 * half_w;
        rows[1] = half_h;
        break;
    case AVSOUND_PIXEL_YUV422P:
        stride[1] = stride[2] = half_w;
        rows[1] = rows[2] = f->height;
        break;
    case AVSOUND_PIXEL_YUV444P:
        stride[1] = stride[2] = f->width;
        rows[1] = rows[2] = f->height;
        break;
    case AVSOUND_PIXEL_YUYV422:
        stride[0] = 4 * half_w;
        break;
    case AVSOUND_PIXEL_GRAY8:
        break;
    default:
        stride[0] = f->width * (f->format == AVSOUND_PIXEL_RGB24 || f->format == AVSOUND_PIXEL_BGR24 ? 3 : 4);
    }
    for (int p = 0; p < 3; p++) {
        f->data[p] = rows[p] && data ? data + at : NULL;
        f->stride[p] = stride[p];
        at += (size_t)stride[p] * (size_t)rows[p];
    }
    return at;
}

/* ---- inputs ---- */

static int open_pictures(job *j, const char *path)
{
    const cli_args *a = &j->c->args;
    int width = 0, height = 0, end = 0;
    if (!a->size || sscanf(a->size, "%dx%d%n", &width, &height, &end) != 2 || a->size[end] || width < 1 || height < 1 ||
        width > 32768 || height > 32768)
        return cli_error(CLI_USAGE, "stream: --size is %s, want WIDTHxHEIGHT of the pictures", a->size ? a->size : "missing");
    j->frame = (avsound_frame){.struct_size = sizeof j->frame, .width = width, .height = height,
                               .format = find(pixel_formats, a->pixels)->value};
    input *in = &j->in[PICTURES];
    in->path = path;
    in->size = set_planes(&j->frame, NULL);
    in->unit = malloc(in->size);
    if (!in->unit)
        return cli_error(CLI_RESOURCES, "%s: out of memory", path);
    set_planes(&j->frame, in->unit);
    return CLI_OK;
}

static int open_sound(job *j, const char *path)
{
    const cli_args *a = &j->c->args;
    const int32_t channels = a->channels ? (int32_t)a->channels : 1;
    const named *format = find(sample_formats, a->samples);
    input *in = &j->in[SOUND];
    in->path = path;
    j->sample_bytes = (size_t)format->bytes * (size_t)channels;
    in->size = j->sample_bytes * (size_t)(a->sample_rate / 50 + 1);
    in->unit = malloc(in->size);
    if (!in->unit)
        return cli_error(CLI_RESOURCES, "%s: out of memory", path);
    j->audio = (avsound_audio){.struct_size = sizeof j->audio, .format = format->value, .sample_rate = (int32_t)a->sample_rate,
                               .channels = channels, .data = in->unit};
    return CLI_OK;
}

/* Without waiting for a pipe's other end: ffmpeg opens its outputs one after the other, in whatever order. */
static int open_input(input *in)
{
    in->ended = !in->path;
    in->fd = -1;
    if (!in->path)
        return CLI_OK;
    in->fd = strcmp(in->path, "-") ? open(in->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : dup(STDIN_FILENO);
    return in->fd < 0 ? cli_error(CLI_INPUT, "%s: %s", in->path, strerror(errno)) : CLI_OK;
}

static int64_t time_of(const job *j, int kind, int64_t pushed)
{
    if (kind == PICTURES)
        return llround((double)pushed * j->rate_den / j->rate_num * 1e6);
    return llround((double)pushed / j->audio.sample_rate * 1e6);
}

static bool may_read(const job *j, int kind)
{
    const input *in = &j->in[kind], *other = &j->in[1 - kind];
    if (in->ended || other->ended || !j->patient)
        return !in->ended;
    return time_of(j, kind, in->pushed) - time_of(j, 1 - kind, other->pushed) < MOST_AHEAD_US;
}

/* ---- results ---- */

static json_t *record_of_scan(int32_t what, const avsound_scan_result *r)
{
    json_t *record = json_pack("{s:o}", "time", cli_json_seconds(r->time_us));
    if (what & AVSOUND_SCAN_SCORE)
        json_object_set_new(record, "probability", cli_json_float(r->probability));
    if (what & (AVSOUND_SCAN_SCORE | AVSOUND_SCAN_CLASSES))
        json_object_set_new(record, "confidence", cli_json_float(r->confidence));
    if (r->embedding_image)
        json_object_set_new(record, "image", cli_json_floats(r->embedding_image, r->dimension));
    if (r->embedding_audio)
        json_object_set_new(record, "audio", cli_json_floats(r->embedding_audio, r->dimension));
    if (r->classes)
        json_object_set_new(record, "classes", cli_json_floats(r->classes, r->class_count));
    if (r->map) {
        json_object_set_new(record, "rows", json_integer(r->rows));
        json_object_set_new(record, "columns", json_integer(r->cols));
        json_object_set_new(record, "map", cli_json_floats(r->map, (int64_t)r->rows * r->cols));
    }
    return record;
}

static double level_of(const float *samples, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)samples[i] * (double)samples[i];
    return count ? sqrt(sum / (double)count) : 0;
}

static json_t *record_of_separation(const avsound_separator_result *r)
{
    return json_pack("{s:o, s:I, s:i, s:o, s:o, s:o}", "time", cli_json_seconds(r->time_us), "samples", (json_int_t)r->samples,
                     "sample_rate", r->sample_rate, "mixture_rms", cli_json_float(r->rms), "on_rms",
                     cli_json_float((float)level_of(r->on, r->samples)), "off_rms",
                     cli_json_float((float)level_of(r->off, r->samples)));
}

static json_t *record_of_offset(const avsound_stream_result *r)
{
    json_t *record = sync_json(r->offset);
    json_object_set_new(record, "time", cli_json_seconds(r->time_us));
    return record;
}

static int write_stems(job *j, const avsound_separator_result *r)
{
    for (int64_t i = 0; i < r->samples; i++) {
        const float both[2] = {r->on[i], r->off[i]};
        fwrite(both, sizeof both, 1, j->stems);
    }
    return fflush(j->stems) ? cli_write_failed(j->c->args.stems) : CLI_OK;
}

static int add(job *j, const avsound_stream_result *r)
{
    const int code = r->separation && j->stems ? write_stems(j, r->separation) : CLI_OK;
    json_t *record = r->scan     ? record_of_scan(j->what, r->scan)
                     : r->offset ? record_of_offset(r)
                                 : record_of_separation(r->separation);
    if (record)
        json_object_set_new(record, "latency", json_real((double)(r->newest_us - r->time_us) * 1e-6));
    if (!code)
        return cli_records_add(&j->records, record);
    json_decref(record);
    return code;
}

/* All there is; AVSOUND_E_END once flushed. */
static int take_results(job *j)
{
    avsound_stream_result r = {.struct_size = sizeof r};
    avsound_status status;
    int code = CLI_OK;
    while (!code && (status = avsound_stream_next(j->stream, &r)) != AVSOUND_E_AGAIN && status != AVSOUND_E_END)
        code = status ? cli_input_failed(j->task, status) : add(j, &r);
    return code;
}

/* ---- going on ---- */

static avsound_status push_unit(job *j, int kind)
{
    const input *in = &j->in[kind];
    const int64_t time_us = time_of(j, kind, in->pushed);
    if (kind == PICTURES) {
        j->frame.time_us = time_us;
        return avsound_stream_push_frame(j->stream, &j->frame);
    }
    j->audio.time_us = time_us;
    j->audio.frames = (int64_t)(in->have / j->sample_bytes);
    return avsound_stream_push_audio(j->stream, &j->audio);
}

/* Pushes what makes up a frame, or whole samples; the rest of a sample stays. */
static int push(job *j, int kind)
{
    input *in = &j->in[kind];
    const int64_t count = kind == PICTURES ? in->have == in->size : (int64_t)(in->have / j->sample_bytes);
    if (!count)
        return CLI_OK;
    avsound_status status = push_unit(j, kind);
    int code = CLI_OK;
    while (status == AVSOUND_E_AGAIN && !code) {
        code = take_results(j);
        status = push_unit(j, kind);
    }
    if (code || status)
        return code ? code : cli_input_failed(in->path, status);
    const size_t used = kind == PICTURES ? in->size : (size_t)count * j->sample_bytes;
    memmove(in->unit, in->unit + used, in->have - used);
    in->have -= used;
    in->pushed += count;
    return take_results(j);
}

static int end_input(const job *j, input *in)
{
    in->ended = true;
    if (in->have)
        cli_warn("%s: %zu bytes at its end make up no whole %s: left out", in->path, in->have,
                 in == &j->in[PICTURES] ? "frame" : "sample");
    return CLI_OK;
}

static int read_input(job *j, int kind)
{
    input *in = &j->in[kind];
    const ssize_t n = read(in->fd, in->unit + in->have, in->size - in->have);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return CLI_OK;
    if (n < 0)
        return cli_error(CLI_INPUT, "%s: %s", in->path, strerror(errno));
    if (n == 0)
        return end_input(j, in);
    in->have += (size_t)n;
    return push(j, kind);
}

/* Waits until an input has something, at most as long as the stream's own patience: then the one that is ahead is read on. */
static int step(job *j)
{
    struct pollfd polls[INPUTS];
    for (int i = 0; i < INPUTS; i++)
        polls[i] = (struct pollfd){.fd = may_read(j, i) ? j->in[i].fd : -1, .events = POLLIN};
    const int ready = poll(polls, INPUTS, (int)(j->c->args.wait * 1000));
    if (ready < 0 && errno != EINTR)
        return cli_error(CLI_INPUT, "stream: %s", strerror(errno));
    j->patient = ready != 0;
    int code = CLI_OK;
    for (int i = 0; i < INPUTS && !code && ready > 0; i++)
        if (polls[i].fd >= 0 && polls[i].revents)
            code = read_input(j, i);
    return code;
}

static int run(job *j)
{
    int code = CLI_OK;
    while (!code && !cli_interrupted() && !(j->in[PICTURES].ended && j->in[SOUND].ended))
        code = step(j);
    if (code || cli_interrupted())
        return code ? code : CLI_FAILED;
    const avsound_status status = avsound_stream_flush(j->stream);
    return status ? cli_input_failed(j->task, status) : take_results(j);
}

/* ---- setting up ---- */

static const struct task {
    const char *name;
    int32_t what;
    const char *const bundled[2];
    bool sees, hears;
} tasks[] = {
    {"score", AVSOUND_SCAN_SCORE, {"ave-s"}, true, true},
    {"embed", AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO, {"ave-s"}, false, false},
    {"localize", AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP, {"avol-s"}, true, true},
    {"classify", AVSOUND_SCAN_CLASSES, {NULL}, true, true},
    {"sync", 0, {"sync-s"}, true, true},
    {"separate", 0, {"sep-s"}, false, true},
};

static const struct task *task_of(const char *name)
{
    const struct task *t = tasks;
    while (strcmp(t->name, name))
        t++;
    return t;
}

/* Of embeddings, those of what there is. */
static int32_t what_of(const struct task *t, const cli_args *a)
{
    if (strcmp(t->name, "embed"))
        return t->what;
    return (a->pictures ? AVSOUND_SCAN_EMBED_IMAGE : 0) | (a->sound ? AVSOUND_SCAN_EMBED_AUDIO : 0);
}

/* A separator that sees wants pictures. */
static int check_sight(const job *j)
{
    bool blind;
    if (cli_separates(avsound_model_arch(j->model->model), &blind) && !blind && !j->c->args.pictures)
        return cli_error(CLI_USAGE, "stream: %s looks at pictures: --pictures is missing", j->model->name);
    return CLI_OK;
}

static int make_stream(job *j, const struct task *t)
{
    const cli_args *a = &j->c->args;
    avsound_stream_options o;
    avsound_scan_options scan;
    avsound_offset_options offset;
    avsound_separator_options separator;
    avsound_stream_options_init(&o, sizeof o);
    avsound_scan_options_init(&scan, sizeof scan);
    avsound_offset_options_init(&offset, sizeof offset);
    avsound_separator_options_init(&separator, sizeof separator);
    o.rate_num = j->rate_num;
    o.rate_den = j->rate_den;
    o.patience_us = llround(a->wait * 1e6);
    scan.what = j->what = what_of(t, a);
    scan.hop_seconds = a->hop < 0 ? 1 : a->hop;
    scan.dense = a->dense;
    scan.threads = offset.threads = separator.threads = (int32_t)a->threads;
    scan.precision = offset.precision = separator.precision = cli_precision(a->precision);
    offset.range_seconds = a->range;
    offset.window_seconds = a->window;
    separator.flags = a->consistent ? AVSOUND_SEPARATE_CONSISTENT : 0;
    o.scan = scan.what ? &scan : NULL;
    o.offset = !strcmp(t->name, "sync") ? &offset : NULL;
    o.separator = !strcmp(t->name, "separate") ? &separator : NULL;
    const avsound_status status = avsound_stream_create(j->model->model, &o, &j->stream);
    cli_interrupt_stream(j->stream);
    return status ? cli_input_failed(j->model->name, status) : CLI_OK;
}

static int check_inputs(const struct task *t, const cli_args *a)
{
    if (!a->pictures && !a->sound)
        return cli_error(CLI_USAGE, "stream: --pictures, --sound or both are missing");
    if ((t->sees && !a->pictures) || (t->hears && !a->sound))
        return cli_error(CLI_USAGE, "stream: --task %s wants %s", t->name, t->sees && !a->pictures ? "--pictures" : "--sound");
    if (a->pictures && a->sound && !strcmp(a->pictures, "-") && !strcmp(a->sound, "-"))
        return cli_error(CLI_USAGE, "stream: standard input is one input, not both");
    return CLI_OK;
}

static int open_job(job *j, const struct task *t)
{
    const cli_args *a = &j->c->args;
    j->rate_num = (int32_t)lround((a->fps > 0 ? a->fps : 25) * 1000);
    j->rate_den = 1000;
    int code = check_sight(j);
    if (!code && a->pictures)
        code = open_pictures(j, a->pictures);
    if (!code && a->sound)
        code = open_sound(j, a->sound);
    if (!code)
        code = make_stream(j, t);
    for (int i = 0; i < INPUTS && !code; i++)
        code = open_input(&j->in[i]);
    if (!code && a->stems && !(j->stems = fopen(a->stems, "wb")))
        code = cli_write_failed(a->stems);
    return code ? code : cli_records_open(&j->records, a->output ? a->output : "-", CLI_JSON_LINES, NULL);
}

static void close_job(job *j)
{
    cli_interrupt_stream(NULL);
    avsound_stream_free(j->stream);
    cli_records_discard(&j->records);
    if (j->stems)
        fclose(j->stems);
    for (int i = 0; i < INPUTS; i++) {
        if (j->in[i].fd >= 0)
            close(j->in[i].fd);
        free(j->in[i].unit);
    }
}

int cli_stream(cli *c)
{
    const struct task *t = task_of(c->args.task);
    cli_model model = {0};
    job j = {.c = c, .model = &model, .task = t->name, .patient = true, .in = {{.fd = -1}, {.fd = -1}}};
    int code = check_inputs(t, &c->args);
    if (!code)
        code = cli_model_open(c, t->bundled, &model);
    if (!code) {
        cli_model_warn(&model, "results");
        code = open_job(&j, t);
    }
    if (!code)
        code = run(&j);
    if (!code)
        code = cli_records_finish(&j.records);
    close_job(&j);
    cli_model_close(&model);
    return code;
}
