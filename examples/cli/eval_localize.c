/* Localisation: does the map point at what sounds, and does it stay dark where nothing visible does? */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

#define MOST_BOXES 64

/* One moment of one clip. */
typedef struct moment {
    int64_t time_us;
    bool positive, measured; /* positive: something that sounds is visible */
    int32_t box_count, silent_count;
    double boxes[MOST_BOXES][4], silent[MOST_BOXES][4]; /* of what is seen and heard; of what is seen alone */
    double width, height; /* unit of the boxes; 0: the frame's own pixels */
    avsound_map_measure_result m;
    double chosen, chance; /* 1 if the brightest of all that is seen is heard; NaN if all is heard, or nothing */
} moment;

typedef struct localization {
    int64_t frames; /* moments a clip, at most */
    moment *moments; /* [clips][frames] */
    int64_t *counts; /* [clips] */
} localization;

/* ---- moments ---- */

/* Boxes of what is seen at `time_us` and heard around it. */
static void find_sources(const eval_truth *truth, int64_t time_us, moment *m)
{
    *m = (moment){.time_us = time_us, .width = truth->width, .height = truth->height};
    for (int32_t i = 0; i < truth->thing_count; i++) {
        const eval_thing *thing = &truth->things[i];
        if (!eval_truth_visible(truth, thing, time_us))
            continue;
        const int16_t *box = thing->boxes[llround((double)time_us / 1e6 * truth->fps)];
        double *to = eval_truth_audible(truth, thing, time_us) ? m->boxes[m->box_count++] : m->silent[m->silent_count++];
        for (int k = 0; k < 4; k++)
            to[k] = box[k];
    }
    m->positive = m->box_count > 0;
}

/* Moments spread evenly over those where something visible sounds, or over all if there are none. */
static int64_t take_from_truth(const eval_clip *clip, int64_t most, moment *out)
{
    const int64_t all = clip->last - clip->first + 1;
    int64_t positive = 0, seen = 0, taken = 0;
    moment m;
    for (int64_t k = clip->first; k <= clip->last; k++) {
        find_sources(clip->truth, k * EVAL_GRID_US, &m);
        positive += m.positive;
    }
    const int64_t candidates = positive ? positive : all, wanted = most < candidates ? most : candidates;
    for (int64_t k = clip->first; taken < wanted && k <= clip->last; k++) {
        find_sources(clip->truth, k * EVAL_GRID_US, &m);
        if (positive && !m.positive)
            continue;
        if (seen++ == (2 * taken + 1) * candidates / (2 * wanted))
            out[taken++] = m;
    }
    return taken;
}

/* "x0 y0 x1 y1|x0 y0 x1 y1" */
static bool parse_boxes(const char *text, moment *m)
{
    while (*text) {
        if (m->box_count == MOST_BOXES)
            return false;
        for (int k = 0; k < 4; k++) {
            char *end;
            m->boxes[m->box_count][k] = strtod(text, &end);
            if (end == text || !isfinite(m->boxes[m->box_count][k]))
                return false;
            text = end;
        }
        m->box_count++;
        text += strspn(text, " ");
        if (*text && *text++ != '|')
            return false;
    }
    return true;
}

static int take_from_row(const eval_clip *clip, moment *out)
{
    *out = (moment){.time_us = eval_judged_time(clip), .width = clip->width, .height = clip->height};
    if (!parse_boxes(clip->boxes, out))
        return cli_error(CLI_INPUT, "%s: boxes \"%s\", want \"x0 y0 x1 y1|...\"", clip->file, clip->boxes);
    out->positive = out->box_count > 0;
    return CLI_OK;
}

static int choose(const eval *e, localization *l)
{
    const eval_data *data = &e->data;
    const size_t n = (size_t)data->count;
    l->frames = e->c->args.frames;
    l->moments = calloc(n * (size_t)l->frames, sizeof *l->moments);
    l->counts = calloc(n, sizeof *l->counts);
    int code = l->moments && l->counts ? CLI_OK : cli_error(CLI_RESOURCES, "eval: out of memory");
    for (int64_t i = 0; !code && i < data->count; i++) {
        eval_clip *clip = &data->clips[i];
        moment *first = &l->moments[i * l->frames];
        if (!clip->usable)
            continue;
        if (clip->truth) {
            l->counts[i] = take_from_truth(clip, l->frames, first);
        } else if (data->has_boxes) {
            code = take_from_row(clip, first);
            l->counts[i] = 1;
        }
        clip->usable = l->counts[i] > 0;
    }
    return code;
}

/* ---- maps ---- */

typedef struct mapping {
    eval_worker *worker;
    avsound_media *media;
    moment *moments;
    float *map;
    size_t room;
} mapping;

static avsound_status find_map(mapping *g, const avsound_frame *frame, int32_t *rows, int32_t *cols)
{
    size_t size = g->room;
    avsound_session *session = g->worker->session;
    const avsound_audio *sound = &g->worker->sound.audio;
    avsound_status status = avsound_localize(session, frame, sound, g->map, &size, rows, cols, NULL);
    if (size <= g->room && g->map)
        return status;
    if (status && status != AVSOUND_E_BUFFER_SIZE)
        return status;
    float *grown = realloc(g->map, size * sizeof *grown);
    if (!grown)
        return AVSOUND_E_NO_MEMORY;
    g->map = grown;
    g->room = size;
    return avsound_localize(session, frame, sound, g->map, &size, rows, cols, NULL);
}

static int32_t ciou_mode(const char *name)
{
    return !strcmp(name, "half")            ? AVSOUND_CIOU_HALF
           : !strcmp(name, "half-or-equal") ? AVSOUND_CIOU_HALF_OR_EQUAL
           : !strcmp(name, "adaptive")      ? AVSOUND_CIOU_ADAPTIVE
                                            : AVSOUND_CIOU_FIXED;
}

/* The map's largest value at a cell whose centre lies in the box, or at the cell of the box's centre. */
static float brightest(const avsound_map_options *o, const double box[4])
{
    const int32_t y = (int32_t)((box[1] + box[3]) / 2 / o->height * o->rows), x = (int32_t)((box[0] + box[2]) / 2 / o->width * o->cols);
    float most = o->map[(y < o->rows ? y : o->rows - 1) * o->cols + (x < o->cols ? x : o->cols - 1)];
    for (int32_t i = 0; i < o->rows * o->cols; i++) {
        const double cy = (i / o->cols + 0.5) / o->rows * o->height, cx = (i % o->cols + 0.5) / o->cols * o->width;
        if (cx >= box[0] && cx < box[2] && cy >= box[1] && cy < box[3])
            most = fmaxf(most, o->map[i]);
    }
    return most;
}

static void choose_thing(const avsound_map_options *o, moment *m)
{
    float heard = -INFINITY, silent = -INFINITY;
    m->chosen = m->chance = NAN;
    if (!m->box_count || !m->silent_count)
        return;
    for (int32_t i = 0; i < m->box_count; i++)
        heard = fmaxf(heard, brightest(o, m->boxes[i]));
    for (int32_t i = 0; i < m->silent_count; i++)
        silent = fmaxf(silent, brightest(o, m->silent[i]));
    m->chosen = heard > silent;
    m->chance = (double)m->box_count / (m->box_count + m->silent_count);
}

static avsound_status measure_map(const cli *c, moment *m, const float *map, int32_t rows, int32_t cols, int32_t width,
                                  int32_t height)
{
    avsound_map_options o;
    avsound_map_options_init(&o, sizeof o);
    o.map = map;
    o.rows = rows;
    o.cols = cols;
    o.width = m->width > 0 ? m->width : width;
    o.height = m->height > 0 ? m->height : height;
    o.boxes = m->boxes[0];
    o.box_count = m->box_count;
    o.mode = ciou_mode(c->args.ciou);
    o.truth = strcmp(c->args.truth, "consensus") ? AVSOUND_TRUTH_UNION : AVSOUND_TRUTH_CONSENSUS;
    o.threshold = c->args.threshold;
    m->m.struct_size = sizeof m->m;
    const avsound_status status = avsound_map_measure(c->context, &o, &m->m);
    m->measured = !status;
    choose_thing(&o, m);
    return status;
}

static avsound_status map_frame(void *user, int64_t index, const avsound_frame *frame)
{
    mapping *g = user;
    moment *m = &g->moments[index];
    int32_t rows = 0, cols = 0;
    avsound_status status = eval_read_sound(g->media, m->time_us, &g->worker->sound);
    if (!status)
        status = find_map(g, frame, &rows, &cols);
    return status ? status : measure_map(g->worker->e->c, m, g->map, rows, cols, frame->width, frame->height);
}

/* By a network that must see a picture move: the map of the moment's place on the grid. */
static avsound_status map_clip_in_time(eval_worker *worker, eval_data *data, int64_t index)
{
    const localization *l = worker->user;
    moment *moments = &l->moments[index * l->frames];
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_scan_result r = {.struct_size = sizeof r};
    avsound_scan_options o;
    avsound_scan *scan = NULL;
    avsound_scan_options_init(&o, sizeof o);
    o.what = AVSOUND_SCAN_MAP;
    o.threads = 1;
    o.precision = cli_precision(worker->e->c->args.precision);
    o.hop_seconds = EVAL_GRID_US / 1e6;
    avsound_status status = avsound_scan_create(worker->e->model.model, data->clips[index].path, &o, &scan);
    if (!status)
        status = avsound_scan_get_info(scan, &info);
    for (int64_t k = 0; !status && k < l->counts[index];) {
        status = avsound_scan_next(scan, &r);
        if (!status && r.time_us == moments[k].time_us)
            status = measure_map(worker->e->c, &moments[k++], r.map, r.rows, r.cols, info.width, info.height);
    }
    avsound_scan_free(scan);
    return status;
}

static avsound_status map_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    const localization *l = worker->user;
    const eval_clip *clip = &data->clips[index];
    mapping g = {.worker = worker, .moments = &l->moments[index * l->frames]};
    int64_t *times = malloc((size_t)l->counts[index] * sizeof *times);
    if (!times)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t k = 0; k < l->counts[index]; k++)
        times[k] = g.moments[k].time_us;
    avsound_status status = eval_open_sound(worker->e->c->context, clip->path, &g.media);
    if (!status)
        status = eval_walk_frames(worker->e->c->context, clip->path, 1, times, l->counts[index], map_frame, &g);
    avsound_media_free(g.media);
    free(g.map);
    free(times);
    return status;
}

/* ---- figures ---- */

/* The measured moments in columns. */
typedef struct columns {
    int64_t count, clips, positive_clips;
    double *hit, *centre, *ciou, *whole, *confidence, *bright, *dark; /* maximum of the map: positives, negatives */
    double *chosen, *chance;
    uint8_t *positive;
    int64_t *clip;
} columns;

static bool allocate(columns *c, size_t n)
{
    double **all[] = {&c->hit, &c->centre, &c->ciou, &c->whole, &c->confidence, &c->bright, &c->dark, &c->chosen, &c->chance};
    bool good = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        good = (*all[i] = malloc(n * sizeof(double))) && good;
    c->positive = malloc(n);
    c->clip = malloc(n * sizeof *c->clip);
    return good && c->positive && c->clip;
}

static void free_columns(columns *c)
{
    double *const all[] = {c->hit, c->centre, c->ciou, c->whole, c->confidence, c->bright, c->dark, c->chosen, c->chance};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    free(c->positive);
    free(c->clip);
}

static void add_moment(columns *c, const moment *m, int64_t clip)
{
    const int64_t i = c->count++;
    c->clip[i] = clip;
    c->positive[i] = m->positive;
    c->hit[i] = m->m.hit;
    c->centre[i] = m->m.centre_hit;
    c->ciou[i] = m->m.ciou;
    c->whole[i] = m->m.whole_frame_ciou;
    c->confidence[i] = m->m.confidence;
    c->bright[i] = m->positive ? m->m.maximum : NAN;
    c->dark[i] = m->positive ? NAN : m->m.maximum;
    c->chosen[i] = m->chosen;
    c->chance[i] = m->chance;
}

static bool gather(const eval *e, const localization *l, columns *c)
{
    const eval_data *data = &e->data;
    if (!allocate(c, (size_t)(data->count * l->frames)))
        return false;
    for (int64_t i = 0; i < data->count; i++) {
        const int64_t before = c->count;
        bool positive = false;
        for (int64_t k = 0; data->clips[i].usable && k < l->counts[i]; k++) {
            const moment *m = &l->moments[i * l->frames + k];
            if (m->measured)
                add_moment(c, m, i);
            positive = positive || m->positive;
        }
        c->clips += c->count > before;
        c->positive_clips += c->count > before && positive;
    }
    return true;
}

typedef struct figures {
    avsound_estimate pointing, centre, bright, dark, chosen, chance;
    avsound_ciou_result ciou, whole;
    avsound_negatives_result negatives;
} figures;

/* Moments of one clip resemble each other: the intervals are those of as many items as there are clips. */
static avsound_status widen(const columns *c, figures *f)
{
    avsound_status status = AVSOUND_OK;
    if (f->pointing.n > c->positive_clips)
        status = avsound_wilson_interval(f->pointing.value, c->positive_clips, &f->pointing.low, &f->pointing.high);
    if (!status && f->ciou.n > c->positive_clips)
        status =
            avsound_wilson_interval(f->ciou.at_half, c->positive_clips, &f->ciou.at_half_low, &f->ciou.at_half_high);
    return status;
}

static avsound_status measure(const eval *e, const columns *c, figures *f)
{
    avsound_context *context = e->c->context;
    const uint64_t seed = (uint64_t)e->c->args.seed;
    *f = (figures){0};
    f->pointing.struct_size = f->centre.struct_size = f->bright.struct_size = f->dark.struct_size = sizeof f->dark;
    f->chosen.struct_size = f->chance.struct_size = sizeof f->chance;
    f->ciou.struct_size = f->whole.struct_size = sizeof f->ciou;
    f->negatives.struct_size = sizeof f->negatives;
    avsound_status status = avsound_metric_share(c->hit, c->count, &f->pointing);
    if (!status)
        status = avsound_metric_share(c->centre, c->count, &f->centre);
    if (!status)
        status = avsound_metric_ciou(c->ciou, c->count, &f->ciou);
    if (!status)
        status = avsound_metric_ciou(c->whole, c->count, &f->whole);
    if (!status)
        status = avsound_metric_mean(context, c->bright, c->clip, c->count, seed, &f->bright);
    if (!status)
        status = avsound_metric_mean(context, c->dark, c->clip, c->count, seed, &f->dark);
    if (!status)
        status = avsound_metric_mean(context, c->chosen, c->clip, c->count, seed, &f->chosen);
    if (!status)
        status = avsound_metric_mean(context, c->chance, c->clip, c->count, seed, &f->chance);
    if (!status)
        status = avsound_metric_negatives(context, c->ciou, c->confidence, c->positive, c->count, &f->negatives);
    return status ? status : widen(c, f);
}

/* ---- output ---- */

static void print_negatives(eval_report *report, const figures *f)
{
    const avsound_negatives_result *r = &f->negatives;
    eval_report_note(report, "n_negative", "frames with no source", json_integer((json_int_t)r->n_negative));
    eval_report_figure(report, "", "map_maximum_source", "map maximum, source", f->bright.value, f->bright.low,
                       f->bright.high, "", NAN);
    if (!r->n_negative)
        return;
    eval_report_figure(report, "", "map_maximum_none", "map maximum, none", f->dark.value, f->dark.low, f->dark.high,
                       "", NAN);
    eval_report_figure(report, "", "map_maximum_ratio", "  none / source", f->dark.value / f->bright.value, NAN, NAN,
                       "", NAN);
    eval_report_figure(report, "", "max_f1", "max F1 with negatives", r->max_f1, NAN, NAN, "", NAN);
    eval_report_figure(report, "", "average_precision", "AP with negatives", r->average_precision, NAN, NAN, "", NAN);
    eval_report_figure(report, "", "false_alarms", "false alarms at max F1", r->false_alarms, NAN, NAN, "", NAN);
}

static int print_report(const eval *e, const columns *c, const figures *f)
{
    eval_report report = {0};
    const cli_args *a = &e->c->args;
    int code = eval_report_open(&report, e, "localize", c->clips, f->negatives.n_bad, e->data.count - c->clips);
    if (!code) {
        eval_report_note(&report, "n_frames", "frames", json_integer((json_int_t)c->count));
        eval_report_note(&report, "ciou_mode", "predicted pixels", json_string(a->ciou));
        eval_report_note(&report, "truth", "truth of boxes", json_string(a->truth));
        if (!strcmp(a->ciou, "fixed"))
            eval_report_note(&report, "threshold", "threshold", json_real(a->threshold));
        eval_report_figure(&report, "", "pointing", "pointing accuracy", f->pointing.value, f->pointing.low,
                           f->pointing.high, "centre", f->centre.value);
        if (f->chosen.n)
            eval_report_figure(&report, "", "choice", "brightest thing sounds", f->chosen.value, f->chosen.low, f->chosen.high,
                               "chance", f->chance.value);
        eval_report_figure(&report, "", "ciou_half", "cIoU@0.5", f->ciou.at_half, f->ciou.at_half_low,
                           f->ciou.at_half_high, "whole frame", f->whole.at_half);
        eval_report_figure(&report, "", "auc", "cIoU AUC", f->ciou.auc, NAN, NAN, "whole frame", f->whole.auc);
        print_negatives(&report, f);
        code = eval_report_print(&report, a->json);
    }
    eval_report_free(&report);
    return code;
}

static json_t *record(const eval_clip *clip, const moment *m)
{
    const avsound_map_measure_result *r = &m->m;
    return json_pack("{s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "file", cli_json_text(clip->file),
                     "time", cli_json_seconds(m->time_us), "source_visible", m->positive, "x",
                     cli_json_float((float)r->x), "y", cli_json_float((float)r->y), "hit",
                     cli_json_float((float)r->hit), "centre_hit", cli_json_float((float)r->centre_hit), "ciou",
                     cli_json_float((float)r->ciou), "whole_frame_ciou", cli_json_float((float)r->whole_frame_ciou),
                     "confidence", cli_json_float((float)r->confidence), "maximum", cli_json_float((float)r->maximum));
}

static int write_items(const eval *e, const localization *l)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; i < e->data.count; i++)
        for (int64_t k = 0; !code && e->data.clips[i].usable && k < l->counts[i]; k++)
            code = cli_records_add(&records, record(&e->data.clips[i], &l->moments[i * l->frames + k]));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

int eval_localize(eval *e)
{
    localization l = {0};
    columns c = {0};
    figures f;
    const cli_args *a = &e->c->args;
    if ((strcmp(a->ciou, "fixed") == 0) != (isfinite(a->threshold) != 0))
        return cli_error(CLI_USAGE, "eval: --ciou fixed and --threshold belong together");
    const char *arch = avsound_model_arch(e->model.model);
    const bool in_time = !strcmp(arch, "sync-net") || !strcmp(arch, "multisensory");
    if (!in_time && strcmp(arch, "avol-net"))
        return cli_error(CLI_UNSUPPORTED, "%s is an %s, which has no map: avol-net, sync-net and multisensory say where a sound "
                         "comes from", e->model.name, arch);
    if (!e->data.has_boxes && !e->data.has_truth)
        return cli_error(CLI_INPUT, "%s: has neither a column \"boxes\" nor the truth of generated clips", a->data);
    cli_model_warn(&e->model, "figures");
    int code = choose(e, &l);
    if (!code)
        code = in_time ? eval_run(e, &e->data, NULL, "clips", map_clip_in_time, &l)
                       : eval_run(e, &e->data, "map,score", "clips", map_clip, &l);
    if (!code && !gather(e, &l, &c))
        code = cli_error(CLI_RESOURCES, "eval: out of memory");
    if (!code) {
        const avsound_status status = measure(e, &c, &f);
        code = status ? cli_input_failed("eval", status) : CLI_OK;
    }
    if (!code && a->csv)
        code = write_items(e, &l);
    if (!code)
        code = print_report(e, &c, &f);
    free_columns(&c);
    free(l.counts);
    free(l.moments);
    return code;
}
