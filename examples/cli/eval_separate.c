/* Separation: how much of the on-screen sound is in the on-screen output, how much of the rest, and what is left of sounds
 * when nothing on screen makes any. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval.h"

#define LOUDNESS 0.1 /* of each channel of both sounds before they are mixed */
#define QUIET 1e-4   /* a channel below it is not raised to that */

enum { ON, OFF, SIDES };

typedef enum kind { NO_TRUTH, BOTH, OFF_ALONE, ON_ALONE, KINDS } kind;

/* How well a sound was found: by the separator, by leaving the mixture as it is, and by the ideal mask. */
typedef struct figures {
    avsound_separation_result network, mixture, ideal;
    double suppression; /* off-screen, of OFF_ALONE */
} figures;

typedef struct separation_item {
    kind kind;
    bool measured, swapped;
    figures side[SIDES]; /* of BOTH; of ON_ALONE si_sdr, and of OFF_ALONE the suppression, of the first */
} separation_item;

typedef struct separations {
    int32_t rate;
    bool blind;
    separation_item *items; /* [clips] */
    atomic_int failed;      /* exit code: a mixture could not be written */
} separations;

/* ---- signals ---- */

typedef struct signal {
    float *samples; /* [count][channels] */
    int64_t count;
    size_t room; /* in floats */
} signal;

static bool grow(signal *s, size_t floats)
{
    if (floats <= s->room)
        return true;
    const size_t room = floats + floats / 2;
    float *grown = realloc(s->samples, room * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + s->room, 0, (room - s->room) * sizeof *grown);
    s->samples = grown;
    s->room = room;
    return true;
}

static void release(signal *s)
{
    free(s->samples);
    *s = (signal){0};
}

/* Two channels from time 0 on, silence before a sound that starts late. */
static avsound_status read_sound(avsound_context *context, const char *path, int32_t track, int32_t rate, signal *out)
{
    avsound_media *media = NULL;
    avsound_media_options options;
    avsound_audio piece = {.struct_size = sizeof piece};
    avsound_media_options_init(&options, sizeof options);
    options.ignore_video = 1;
    options.audio_rate = rate;
    options.audio_channels = 2;
    options.audio_track = track;
    avsound_status status = avsound_media_open(context, path, &options, &media);
    while (!status && !(status = avsound_media_read_audio(media, &piece))) {
        if (!out->count)
            out->count = llround((double)(piece.time_us > 0 ? piece.time_us : 0) * 1e-6 * rate);
        if (!grow(out, 2 * (size_t)(out->count + piece.frames)))
            status = AVSOUND_E_NO_MEMORY;
        if (status)
            break;
        memcpy(out->samples + 2 * out->count, piece.data, 2 * (size_t)piece.frames * sizeof(float));
        out->count += piece.frames;
    }
    avsound_media_free(media);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* Adds the channels' mean. */
static bool add_mono(const signal *stereo, signal *to)
{
    if (!grow(to, (size_t)stereo->count))
        return false;
    for (int64_t i = 0; i < stereo->count; i++)
        to->samples[i] += (stereo->samples[2 * i] + stereo->samples[2 * i + 1]) / 2;
    to->count = stereo->count > to->count ? stereo->count : to->count;
    return true;
}

static void set_loudness(signal *s)
{
    for (int c = 0; c < 2; c++) {
        double sum = 0;
        for (int64_t i = 0; i < s->count; i++)
            sum += (double)s->samples[2 * i + c] * (double)s->samples[2 * i + c];
        const double rms = s->count ? sqrt(sum / (double)s->count) : 0;
        for (int64_t i = 0; i < s->count; i++)
            s->samples[2 * i + c] *= (float)(LOUDNESS / (rms > QUIET ? rms : QUIET));
    }
}

/* ---- the truth of a clip ---- */

/* What the separator is given, and the two sounds in it. */
typedef struct scene {
    signal source[SIDES];
    char mixture[256]; /* a file; "": the clip's own sound */
} scene;

/* The stems of a generated clip; noise of the place belongs to nothing on screen. */
static avsound_status read_stems(const separations *all, avsound_context *context, const eval_clip *clip, scene *s)
{
    avsound_status status = AVSOUND_OK;
    for (int32_t track = 1; !status && track < clip->truth->track_count; track++) {
        signal stem = {0};
        int side = OFF;
        for (int32_t i = 0; i < clip->truth->thing_count; i++)
            if (clip->truth->things[i].stem == track && clip->truth->things[i].on_screen)
                side = ON;
        status = read_sound(context, clip->path, track + 1, all->rate, &stem);
        if (!status && !add_mono(&stem, &s->source[side]))
            status = AVSOUND_E_NO_MEMORY;
        release(&stem);
    }
    return status;
}

/* For the separator, which reads files. */
static avsound_status write_mixture(separations *all, const signal *mixed, scene *s)
{
    const char *folder = getenv("TMPDIR");
    unsigned char header[CLI_WAV_HEADER];
    snprintf(s->mixture, sizeof s->mixture, "%.200s/avsound-eval-XXXXXX", folder && *folder ? folder : "/tmp");
    const int fd = mkstemp(s->mixture);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    cli_wav_header(header, 2, all->rate, 2 * mixed->count);
    bool good = file && fwrite(header, 1, sizeof header, file) == sizeof header &&
                cli_wav_write(file, mixed->samples, 2 * mixed->count);
    good = file && !fclose(file) && good;
    if (fd >= 0 && !file)
        close(fd);
    if (good)
        return AVSOUND_OK;
    atomic_store(&all->failed, cli_write_failed(s->mixture));
    return AVSOUND_E_CANCELLED;
}

static void drop_mixture(scene *s)
{
    if (*s->mixture)
        unlink(s->mixture);
    *s->mixture = 0;
}

/* Two clips' sounds, equally loud, as long as the shorter one. */
static avsound_status mix_pair(separations *all, avsound_context *context, const eval_clip *clip, scene *s)
{
    signal sound[SIDES] = {{0}}, mixed = {0};
    avsound_status status = read_sound(context, clip->path, 0, all->rate, &sound[ON]);
    if (!status)
        status = read_sound(context, clip->off, 0, all->rate, &sound[OFF]);
    const int64_t count = sound[ON].count < sound[OFF].count ? sound[ON].count : sound[OFF].count;
    if (!status && !grow(&mixed, 2 * (size_t)count + 1))
        status = AVSOUND_E_NO_MEMORY;
    mixed.count = count;
    for (int side = 0; !status && side < SIDES; side++) {
        sound[side].count = count;
        set_loudness(&sound[side]);
        for (int64_t i = 0; side == ON && clip->muted && i < 2 * count; i++)
            sound[side].samples[i] = 0;
        for (int64_t i = 0; i < 2 * count; i++)
            mixed.samples[i] += sound[side].samples[i];
        status = add_mono(&sound[side], &s->source[side]) ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    }
    if (!status)
        status = write_mixture(all, &mixed, s);
    release(&sound[ON]);
    release(&sound[OFF]);
    release(&mixed);
    return status;
}

static kind kind_of(const eval_clip *clip)
{
    if (clip->off)
        return clip->muted ? OFF_ALONE : BOTH;
    if (!clip->truth || clip->truth->track_count < 2)
        return NO_TRUTH;
    return !eval_truth_sounds(clip->truth, true) ? OFF_ALONE : eval_truth_sounds(clip->truth, false) ? BOTH : ON_ALONE;
}

/* ---- separating ---- */

typedef struct outcome {
    signal mixture, estimate[SIDES];
} outcome;

static bool append(signal *to, const float *samples, int64_t count)
{
    if (!grow(to, (size_t)(to->count + count)))
        return false;
    memcpy(to->samples + to->count, samples, (size_t)count * sizeof *samples);
    to->count += count;
    return true;
}

static avsound_status walk(avsound_separator *separator, outcome *o)
{
    for (;;) {
        avsound_separator_result r = {.struct_size = sizeof r};
        const avsound_status status = cli_interrupted() ? AVSOUND_E_CANCELLED : avsound_separator_next(separator, &r);
        if (status)
            return status == AVSOUND_E_END ? AVSOUND_OK : status;
        if (!append(&o->mixture, r.mixture, r.samples) || !append(&o->estimate[ON], r.on, r.samples) ||
            !append(&o->estimate[OFF], r.off, r.samples))
            return AVSOUND_E_NO_MEMORY;
    }
}

static avsound_status separate(const eval *e, const eval_clip *clip, const scene *s, outcome *o)
{
    const cli_args *a = &e->c->args;
    avsound_separator *separator = NULL;
    avsound_separator_options options;
    avsound_separator_options_init(&options, sizeof options);
    options.flags = (a->consistent ? AVSOUND_SEPARATE_CONSISTENT : 0) |
                    (strcmp(a->phase, "original") ? 0 : AVSOUND_SEPARATE_ORIGINAL_PHASE);
    options.threads = 1;
    options.precision = cli_precision(a->precision);
    options.audio_path = *s->mixture ? s->mixture : NULL;
    avsound_status status = avsound_separator_create(e->model.model, clip->path, &options, &separator);
    if (!status)
        status = walk(separator, o);
    avsound_separator_free(separator);
    return status;
}

/* ---- figures of a clip ---- */

static avsound_status measure_side(avsound_separation *held, int32_t side, const float *samples, avsound_separation_result *r)
{
    *r = (avsound_separation_result){.struct_size = sizeof *r};
    return avsound_separation_measure(held, samples, side, r);
}

static avsound_status measure_ideal(avsound_context *context, avsound_separation *held, const scene *s, const outcome *o,
                                    int32_t side, avsound_separation_result *r)
{
    float *ideal = malloc((size_t)(o->mixture.count + 1) * sizeof *ideal);
    if (!ideal)
        return AVSOUND_E_NO_MEMORY;
    avsound_status status =
        avsound_metric_ideal_mask(context, s->source[side].samples, o->mixture.samples, o->mixture.count, ideal);
    if (!status)
        status = measure_side(held, side, ideal, r);
    free(ideal);
    return status;
}

static avsound_status measure_both(const separations *all, avsound_context *context, const scene *s, const outcome *o,
                                   separation_item *item)
{
    const float *const references[SIDES] = {s->source[ON].samples, s->source[OFF].samples};
    const float *const estimates[SIDES] = {o->estimate[ON].samples, o->estimate[OFF].samples};
    int32_t order[SIDES] = {ON, OFF};
    avsound_separation *held = NULL;
    avsound_separation_options options;
    avsound_separation_options_init(&options, sizeof options);
    options.sources = SIDES;
    options.samples = o->mixture.count;
    options.references = references;
    options.mixture = o->mixture.samples;
    avsound_status status = avsound_separation_create(context, &options, &held);
    if (!status && all->blind)
        status = avsound_separation_order(held, estimates, order);
    for (int32_t side = 0; !status && side < SIDES; side++) {
        figures *f = &item->side[side];
        status = measure_side(held, side, estimates[order[side]], &f->network);
        if (!status)
            status = measure_side(held, side, o->mixture.samples, &f->mixture);
        if (!status)
            status = measure_ideal(context, held, s, o, side, &f->ideal);
    }
    item->swapped = order[ON] != ON;
    avsound_separation_free(held);
    return status;
}

/* Of an output; where outputs have no names, of the one that makes it higher. */
typedef avsound_status (*measure_fn)(const scene *s, const outcome *o, int side, double *value);

static avsound_status suppression_of(const scene *s, const outcome *o, int side, double *value)
{
    (void)s;
    return avsound_metric_osr(o->mixture.samples, o->estimate[side].samples, o->mixture.count, value);
}

static avsound_status si_sdr_of(const scene *s, const outcome *o, int side, double *value)
{
    return avsound_metric_si_sdr(s->source[ON].samples, o->estimate[side].samples, o->mixture.count, value);
}

static avsound_status measure_better(const separations *all, const scene *s, const outcome *o, measure_fn measure,
                                     separation_item *item, double *best)
{
    double other = NAN;
    avsound_status status = measure(s, o, ON, best);
    if (!status && all->blind)
        status = measure(s, o, OFF, &other);
    item->swapped = other > *best;
    *best = item->swapped ? other : *best;
    return status;
}

static avsound_status measure_on_alone(const separations *all, const scene *s, const outcome *o, separation_item *item)
{
    figures *f = &item->side[ON];
    const avsound_status status =
        avsound_metric_si_sdr(s->source[ON].samples, o->mixture.samples, o->mixture.count, &f->mixture.si_sdr);
    return status ? status : measure_better(all, s, o, si_sdr_of, item, &f->network.si_sdr);
}

/* Cut to the shortest; a side without any sound is silence. */
static avsound_status cut(scene *s, outcome *o)
{
    for (int side = 0; side < SIDES; side++)
        if (s->source[side].count && s->source[side].count < o->mixture.count)
            o->mixture.count = s->source[side].count;
    for (int side = 0; side < SIDES; side++)
        if (!grow(&s->source[side], (size_t)o->mixture.count))
            return AVSOUND_E_NO_MEMORY;
    return AVSOUND_OK;
}

static avsound_status measure_item(const separations *all, avsound_context *context, scene *s, outcome *o,
                                   separation_item *item)
{
    const avsound_status status = cut(s, o);
    if (status)
        return status;
    if (item->kind == BOTH)
        return measure_both(all, context, s, o, item);
    return item->kind == ON_ALONE ? measure_on_alone(all, s, o, item)
                                  : measure_better(all, s, o, suppression_of, item, &item->side[ON].suppression);
}

static avsound_status measure_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    separations *all = worker->user;
    const eval_clip *clip = &data->clips[index];
    avsound_context *context = worker->e->c->context;
    separation_item *item = &all->items[index];
    scene s = {.mixture = ""};
    outcome o = {0};
    item->kind = kind_of(clip);
    if (item->kind == NO_TRUTH)
        return AVSOUND_OK;
    avsound_status status = clip->off ? mix_pair(all, context, clip, &s) : read_stems(all, context, clip, &s);
    if (!status)
        status = separate(worker->e, clip, &s, &o);
    drop_mixture(&s);
    if (!status && o.mixture.count)
        status = measure_item(all, context, &s, &o, item);
    item->measured = !status && o.mixture.count;
    for (int side = 0; side < SIDES; side++) {
        release(&s.source[side]);
        release(&o.estimate[side]);
    }
    release(&o.mixture);
    return status;
}

/* ---- figures of a set ---- */

/* A line of the report: where its figure stands among a side's, and what stands beside it. */
typedef struct line {
    const char *key, *title;
    size_t figure;
    const char *beside;
    size_t baseline;
} line;

#define FIGURE(field) offsetof(figures, field)

static double figure_of(const figures *f, size_t offset)
{
    double value;
    memcpy(&value, (const char *)f + offset, sizeof value);
    return value;
}

static bool is_scored(const eval *e, const separations *all, int64_t index, kind wanted)
{
    return e->data.clips[index].usable && all->items[index].measured && all->items[index].kind == wanted;
}

static avsound_status decibels(const eval *e, const separations *all, kind wanted, int side, size_t figure,
                               avsound_decibels_result *r)
{
    double *items = malloc((size_t)(e->data.count + 1) * sizeof *items);
    *r = (avsound_decibels_result){.struct_size = sizeof *r};
    if (!items)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t i = 0; i < e->data.count; i++)
        items[i] = is_scored(e, all, i, wanted) ? figure_of(&all->items[i].side[side], figure) : (double)NAN;
    const avsound_status status =
        avsound_metric_decibels(e->c->context, items, NULL, NULL, e->data.count, (uint64_t)e->c->args.seed, r);
    free(items);
    return status;
}

static avsound_status print_line(eval_report *report, const eval *e, const separations *all, kind wanted, int side,
                                 const char *group, const line *l)
{
    avsound_decibels_result r, beside = {.mean = NAN};
    char key[64];
    avsound_status status = decibels(e, all, wanted, side, l->figure, &r);
    if (!status && *l->beside)
        status = decibels(e, all, wanted, side, l->baseline, &beside);
    if (status)
        return status;
    snprintf(key, sizeof key, "%s_median", l->key);
    eval_report_figure(report, group, l->key, l->title, r.mean, r.mean_low, r.mean_high, l->beside, beside.mean);
    eval_report_figure(report, group, key, "  median", r.median, NAN, NAN, "", NAN);
    return AVSOUND_OK;
}

static avsound_status print_both(eval_report *report, const eval *e, const separations *all)
{
    static const char *const groups[SIDES] = {"on_screen", "off_screen"};
    static const char *const titles[SIDES] = {"on screen: SI-SDR gained", "off screen: SI-SDR gained"};
    const line lines[] = {
        {"si_sdr_improvement", "", FIGURE(network.si_sdr_improvement), "ideal mask", FIGURE(ideal.si_sdr_improvement)},
        {"si_sdr", "  SI-SDR", FIGURE(network.si_sdr), "mixture", FIGURE(mixture.si_sdr)},
        {"sdr", "  SDR", FIGURE(network.sdr), "mixture", FIGURE(mixture.sdr)},
        {"sir", "  SIR", FIGURE(network.sir), "mixture", FIGURE(mixture.sir)},
        {"sar", "  SAR", FIGURE(network.sar), "mixture", FIGURE(mixture.sar)},
    };
    avsound_status status = AVSOUND_OK;
    for (int side = 0; !status && side < SIDES; side++)
        for (size_t i = 0; !status && i < sizeof lines / sizeof lines[0]; i++) {
            line l = lines[i];
            l.title = i ? l.title : titles[side];
            status = print_line(report, e, all, BOTH, side, groups[side], &l);
        }
    return status;
}

static bool is_bad(const separation_item *item)
{
    const int32_t flags = item->side[ON].network.flags | item->side[OFF].network.flags;
    return flags & AVSOUND_SEPARATION_BAD || item->side[ON].suppression == -(double)INFINITY;
}

static avsound_status print_figures(eval_report *report, const eval *e, const separations *all, const int64_t n[KINDS])
{
    static const line off_alone = {"osr", "  suppression (half: 6.02)", FIGURE(suppression), "", 0};
    static const line on_alone = {"si_sdr", "  SI-SDR", FIGURE(network.si_sdr), "mixture", FIGURE(mixture.si_sdr)};
    avsound_status status = AVSOUND_OK;
    if (all->blind)
        eval_report_note(report, "order", "order of the outputs", json_string("the better one, which needs the truth"));
    eval_report_note(report, "n_both", "on and off screen, dB", json_integer((json_int_t)n[BOTH]));
    if (n[BOTH])
        status = print_both(report, e, all);
    if (!status && n[OFF_ALONE]) {
        eval_report_note(report, "n_off_alone", "nothing on screen, dB", json_integer((json_int_t)n[OFF_ALONE]));
        status = print_line(report, e, all, OFF_ALONE, ON, "off_alone", &off_alone);
    }
    if (!status && n[ON_ALONE]) {
        eval_report_note(report, "n_on_alone", "nothing off screen, dB", json_integer((json_int_t)n[ON_ALONE]));
        status = print_line(report, e, all, ON_ALONE, ON, "on_alone", &on_alone);
    }
    return status;
}

static int print_report(const eval *e, const separations *all)
{
    eval_report report = {0};
    int64_t n[KINDS] = {0}, bad = 0, scored = 0;
    for (int64_t i = 0; i < e->data.count; i++)
        for (int k = BOTH; k < KINDS; k++)
            if (is_scored(e, all, i, (kind)k)) {
                n[k]++;
                scored++;
                bad += is_bad(&all->items[i]);
            }
    if (!scored)
        return cli_error(CLI_INPUT,
                         "%s: no clip there tells what it is mixed of: a column \"off\" does, or the stems of avsound-world",
                         e->data.path);
    int code = eval_report_open(&report, e, "separate", scored, bad, e->data.count - scored);
    if (!code) {
        const avsound_status status = print_figures(&report, e, all, n);
        code = status ? cli_input_failed("eval", status) : eval_report_print(&report, e->c->args.json);
    }
    eval_report_free(&report);
    return code;
}

/* ---- the items ---- */

typedef struct column {
    const char *key;
    size_t figure;
    unsigned kinds; /* that have it, 1 << kind */
    int sides;
} column;

static json_t *record_of(const eval_clip *clip, const separation_item *item)
{
    static const char *const kinds[KINDS] = {"", "both", "off_alone", "on_alone"}, *const sides[SIDES] = {"on", "off"};
    static const column columns[] = {
        {"si_sdr", FIGURE(network.si_sdr), 1 << BOTH | 1 << ON_ALONE, 2},
        {"mixture_si_sdr", FIGURE(mixture.si_sdr), 1 << BOTH | 1 << ON_ALONE, 2},
        {"ideal_si_sdr", FIGURE(ideal.si_sdr), 1 << BOTH, 2},
        {"sdr", FIGURE(network.sdr), 1 << BOTH, 2},
        {"sir", FIGURE(network.sir), 1 << BOTH, 2},
        {"sar", FIGURE(network.sar), 1 << BOTH, 2},
        {"suppression", FIGURE(suppression), 1 << OFF_ALONE, 1},
    };
    json_t *record = json_pack("{s:o, s:o, s:s, s:b}", "file", cli_json_text(clip->file), "off", cli_json_text(clip->off),
                               "sounds", kinds[item->kind], "swapped", item->swapped);
    for (int side = 0; side < SIDES; side++)
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            const column *c = &columns[i];
            const bool has = c->kinds >> item->kind & 1 && (item->kind == BOTH || side == ON);
            const double value = has ? figure_of(&item->side[side], c->figure) : (double)NAN;
            char key[64];
            snprintf(key, sizeof key, "%s_%s", sides[side], c->key);
            if (side < c->sides)
                json_object_set_new(record, key, cli_json_float((float)value));
        }
    return record;
}

static int write_items(const eval *e, const separations *all)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; !code && i < e->data.count; i++)
        if (e->data.clips[i].usable && all->items[i].measured)
            code = cli_records_add(&records, record_of(&e->data.clips[i], &all->items[i]));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

/* ---- the task ---- */

static int read_rate(const eval *e, int32_t *rate)
{
    json_int_t value = 0;
    json_t *config = json_loads(avsound_model_config(e->model.model), 0, NULL);
    json_unpack(config, "{s:{s:I}}", "clip", "sample_rate", &value);
    json_decref(config);
    *rate = (int32_t)value;
    return value > 0 ? CLI_OK : cli_error(CLI_FAILED, "%s: its configuration tells no sample rate", e->model.name);
}

int eval_separate(eval *e)
{
    const char *arch = avsound_model_arch(e->model.model);
    separations all = {.items = NULL};
    int code = CLI_OK;
    if (!cli_separates(arch, &all.blind))
        code = cli_error(CLI_UNSUPPORTED, "%s is an %s, which separates nothing: a separator or a mask-net does", e->model.name,
                         arch);
    if (!code)
        code = read_rate(e, &all.rate);
    if (!code && !(all.items = calloc((size_t)e->data.count + 1, sizeof *all.items)))
        code = cli_error(CLI_RESOURCES, "eval: out of memory");
    if (!code) {
        cli_model_warn(&e->model, "figures");
        code = eval_run(e, &e->data, NULL, "clips", measure_clip, &all);
    }
    code = code ? code : atomic_load(&all.failed);
    if (!code && e->c->args.csv)
        code = write_items(e, &all);
    if (!code)
        code = print_report(e, &all);
    free(all.items);
    return code;
}
