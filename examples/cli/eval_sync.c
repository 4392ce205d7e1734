/* Synchronisation: is the offset found, how far off are the answers, and is there none where nothing tells it? */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

#define FRAME_MS 40.0

static const double audible = 1e-3; /* -60 dBFS */

/* The sound in time against the same moved by as much as people just notice, and by as much as Owens and Efros (2018) moved it. */
enum { BANDS = 2 };
static const struct band {
    const char *key, *title;
    double least_ms, most_ms;
} bands[BANDS] = {
    {"paired_near", "true lag above 4-15 frames off", 160, 600},
    {"paired_far", "  above 2-5.8 s off", 2000, 5800},
};

typedef struct offset_item {
    double truth_ms;
    float in_time, moved[BANDS]; /* scores; NaN: beyond the range, or nothing is left to compare */
    bool measured;
    bool inside; /* all that is heard stays beside the pictures, offset and all */
    avsound_offset_result r;
} offset_item;

typedef struct offsets {
    int64_t least, most; /* drawn besides, in frames */
    offset_item *items;  /* [clips] */
} offsets;

/* ---- what is heard ---- */

typedef struct extent {
    int64_t first_us, last_us; /* of what is above -60 dBFS; first above last: nothing */
    int64_t pictures_us;       /* how long pictures last */
} extent;

static void take_levels(const avsound_audio *piece, extent *x)
{
    const float *samples = piece->data;
    const int64_t step = piece->sample_rate / 50;
    for (int64_t begin = 0; begin < piece->frames; begin += step) {
        const int64_t end = begin + step < piece->frames ? begin + step : piece->frames;
        double sum = 0;
        for (int64_t i = begin * piece->channels; i < end * piece->channels; i++)
            sum += (double)samples[i] * (double)samples[i];
        if (sum <= audible * audible * (double)((end - begin) * piece->channels))
            continue;
        const int64_t at = piece->time_us + begin * 1000000 / piece->sample_rate;
        x->first_us = at < x->first_us ? at : x->first_us;
        x->last_us = piece->time_us + end * 1000000 / piece->sample_rate;
    }
}

static avsound_status find_extent(avsound_context *context, const char *path, extent *x)
{
    avsound_media *media = NULL;
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_audio piece = {.struct_size = sizeof piece};
    *x = (extent){INT64_MAX, -1, 0};
    avsound_status status = avsound_media_open(context, path, NULL, &media);
    if (!status)
        status = avsound_media_get_info(media, &info);
    x->pictures_us = info.video_start_us + info.video_duration_us;
    while (!status && !(status = avsound_media_read_audio(media, &piece)))
        take_levels(&piece, x);
    avsound_media_free(media);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* ---- measuring ---- */

/* Of a lag that was tried; NaN for others. */
static float score_at(const double *lags, const double *scores, size_t count, double lag_ms)
{
    const double at = round((lag_ms - lags[0]) / (lags[1] - lags[0]));
    return at >= 0 && at < (double)count ? (float)scores[(size_t)at] : NAN;
}

/* Moved by a drawn lag: earlier or later, the other way where that cannot be compared. */
static void compare_lags(const cli_args *a, int64_t index, const double *lags, const double *scores, size_t count,
                         offset_item *item)
{
    item->in_time = score_at(lags, scores, count, item->truth_ms);
    for (int b = 0; b < BANDS; b++) {
        const uint64_t choices = (uint64_t)(bands[b].most_ms - bands[b].least_ms) + 1;
        const double by = bands[b].least_ms + (double)eval_random(a->seed, index, 2 + 2 * b, choices);
        const double way = eval_random(a->seed, index, 3 + 2 * b, 2) ? 1 : -1;
        const float moved = score_at(lags, scores, count, item->truth_ms + way * by);
        item->moved[b] = isnan(moved) ? score_at(lags, scores, count, item->truth_ms - way * by) : moved;
    }
}

static avsound_status read_curve(avsound_offset *offset, const cli_args *a, int64_t index, offset_item *item)
{
    size_t count = 0;
    avsound_status status = avsound_offset_get_curve(offset, NULL, NULL, &count);
    double *lags = malloc(2 * count * sizeof *lags);
    if (!status && !lags)
        status = AVSOUND_E_NO_MEMORY;
    if (!status)
        status = avsound_offset_get_curve(offset, lags, lags + count, &count);
    if (!status)
        compare_lags(a, index, lags, lags + count, count, item);
    free(lags);
    return status;
}

static avsound_status run(avsound_offset *offset, avsound_offset_result *r)
{
    avsound_status status = AVSOUND_OK;
    while (!status && !cli_interrupted())
        status = avsound_offset_next(offset, NULL);
    if (status != AVSOUND_E_END)
        return status ? status : AVSOUND_E_CANCELLED;
    *r = (avsound_offset_result){.struct_size = sizeof *r};
    return avsound_offset_get_result(offset, r);
}

/* The middle --seconds of what is heard, as if it came when it is made to. */
static void choose_part(const cli_args *a, const extent *x, double shift_ms, avsound_offset_options *o)
{
    if (!(a->seconds > 0) || x->last_us < x->first_us)
        return;
    const double middle_us = (double)(x->first_us + x->last_us) / 2 - shift_ms * 1e3;
    o->duration_us = llround(a->seconds * 1e6);
    o->start_us = llround((middle_us - a->seconds * 5e5) / 40000) * 40000;
    o->start_us = o->start_us > 0 ? o->start_us : 0;
}

static avsound_status measure_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    const offsets *all = worker->user;
    const cli_args *a = &worker->e->c->args;
    const eval_clip *clip = &data->clips[index];
    offset_item *item = &all->items[index];
    extent x;
    avsound_offset *offset = NULL;
    avsound_offset_options o;
    avsound_offset_options_init(&o, sizeof o);
    const uint64_t choices = (uint64_t)(all->most - all->least + 1);
    const double shift_ms = ((double)eval_random(a->seed, index, 0, choices) + (double)all->least) * FRAME_MS;
    item->truth_ms = (isnan(clip->offset_ms) ? 0 : clip->offset_ms) + shift_ms;
    o.threads = 1;
    o.precision = cli_precision(a->precision);
    o.range_seconds = a->range;
    o.audio_delay_us = llround(-shift_ms * 1e3);
    avsound_status status = find_extent(worker->e->c->context, clip->path, &x);
    choose_part(a, &x, shift_ms, &o);
    item->inside = (double)x.first_us >= shift_ms * 1e3 && (double)(x.last_us - x.pictures_us) <= shift_ms * 1e3;
    if (!status)
        status = avsound_offset_create(worker->e->model.model, clip->path, &o, &offset);
    if (!status)
        status = run(offset, &item->r);
    if (!status)
        status = read_curve(offset, a, index, item);
    item->measured = !status;
    avsound_offset_free(offset);
    return status;
}

/* ---- figures ---- */

typedef struct columns {
    int64_t count;
    double *truth, *answers, *confidence, *guesses, *frames, *zeros, *random; /* [count]; frames: guesses in whole ones */
    uint8_t *undecidable;
} columns;

static bool gather(const eval *e, const offsets *all, bool inside_only, columns *c)
{
    const size_t n = (size_t)e->data.count + 1;
    const cli_args *a = &e->c->args;
    const double range_ms = (a->range > 0 ? a->range : 2) * 1e3;
    double *room = malloc(7 * n * sizeof *room);
    *c = (columns){0, room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n, room + 6 * n, malloc(n)};
    for (int64_t i = 0; room && c->undecidable && i < e->data.count; i++) {
        const offset_item *item = &all->items[i];
        if (!e->data.clips[i].usable || !item->measured || (inside_only && !item->inside))
            continue;
        const int64_t k = c->count++;
        const double guess = isnan(item->r.offset_ms) ? INFINITY : item->r.offset_ms;
        c->truth[k] = item->truth_ms;
        c->undecidable[k] = e->data.clips[i].undecidable;
        c->answers[k] = item->r.verdict == AVSOUND_OFFSET_MEASURED ? item->r.offset_ms : NAN;
        c->confidence[k] = item->r.confidence;
        c->guesses[k] = guess;
        c->frames[k] = round(guess / FRAME_MS) * FRAME_MS;
        c->zeros[k] = 0;
        c->random[k] = ((double)eval_random(a->seed, i, 1, 1 << 30) / (1 << 29) - 1) * range_ms;
    }
    return room && c->undecidable;
}

static void free_columns(columns *c)
{
    free(c->truth);
    free(c->undecidable);
    *c = (columns){0};
}

typedef struct figures {
    /* with "cannot tell"; always answering; that in whole frames; baselines */
    avsound_sync_result told, forced, frames, zero, random;
} figures;

static avsound_status judge(const eval *e, const columns *c, const double *answers, avsound_sync_result *out)
{
    avsound_sync_options o;
    avsound_sync_options_init(&o, sizeof o);
    o.count = c->count;
    o.truth = c->truth;
    o.answers = answers;
    o.confidence = c->confidence;
    o.undecidable = c->undecidable;
    o.frame_ms = FRAME_MS;
    o.seed = (uint64_t)e->c->args.seed;
    *out = (avsound_sync_result){.struct_size = sizeof *out};
    return avsound_metric_sync(e->c->context, &o, out);
}

static avsound_status measure(const eval *e, const columns *c, figures *f)
{
    avsound_status status = judge(e, c, c->answers, &f->told);
    if (!status)
        status = judge(e, c, c->guesses, &f->forced);
    if (!status)
        status = judge(e, c, c->frames, &f->frames);
    if (!status)
        status = judge(e, c, c->zeros, &f->zero);
    return status ? status : judge(e, c, c->random, &f->random);
}

static avsound_status pair(const eval *e, const offsets *all, int band, avsound_alignment_result *out)
{
    const size_t n = (size_t)e->data.count + 1;
    float *scores = malloc(2 * n * sizeof *scores);
    uint8_t *skip = malloc(n);
    avsound_status status = scores && skip ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    for (int64_t i = 0; !status && i < e->data.count; i++) {
        const offset_item *item = &all->items[i];
        const eval_clip *clip = &e->data.clips[i];
        skip[i] = !clip->usable || !item->measured || clip->undecidable || isnan(item->in_time) || isnan(item->moved[band]);
        scores[i] = item->in_time;
        scores[n + (size_t)i] = item->moved[band];
    }
    *out = (avsound_alignment_result){.struct_size = sizeof *out};
    if (!status)
        status = avsound_metric_alignment(e->c->context, scores, scores + n, skip, e->data.count, out);
    free(scores);
    free(skip);
    return status;
}

/* Whether the intervals hold the truth as often as they say. */
static double coverage(const eval *e, const offsets *all, int64_t *n)
{
    double held = 0;
    *n = 0;
    for (int64_t i = 0; i < e->data.count; i++) {
        const offset_item *item = &all->items[i];
        if (!e->data.clips[i].usable || !item->measured || e->data.clips[i].undecidable ||
            item->r.verdict != AVSOUND_OFFSET_MEASURED)
            continue;
        ++*n;
        held += item->r.low_ms <= item->truth_ms && item->r.high_ms >= item->truth_ms;
    }
    return held / (double)*n;
}

/* ---- output ---- */

static void print_group(eval_report *report, const char *group, const char *title, const figures *f)
{
    const avsound_sync_result *t = &f->told, *a = &f->forced;
    char line[64];
    snprintf(line, sizeof line, "%s%sanswered", title, *title ? ": " : "");
    eval_report_figure(report, group, "answered", line, t->answered, t->answered_low, t->answered_high, "", NAN);
    eval_report_figure(report, group, "within", "  within 1 frame", t->within, t->within_low, t->within_high, "always 0",
                       f->zero.within);
    eval_report_figure(report, group, "tolerable", "  tolerable residual", t->tolerable, t->tolerable_low,
                       t->tolerable_high, "always 0", f->zero.tolerable);
    eval_report_figure(report, group, "median_error_ms", "  median error, ms", t->median_error, NAN, NAN, "always 0",
                       f->zero.median_error);
    eval_report_figure(report, group, "p95_error_ms", "  95 % of errors below", t->p95_error, NAN, NAN, "always 0",
                       f->zero.p95_error);
    eval_report_figure(report, group, "bias_ms", "  bias, ms", t->bias, t->bias_low, t->bias_high, "", NAN);
    eval_report_figure(report, group, "within_forced", "best guess in 1 frame", a->within, a->within_low, a->within_high,
                       "at random", f->random.within);
    eval_report_figure(report, group, "median_forced_ms", "  median error, ms", a->median_error, NAN, NAN, "at random",
                       f->random.median_error);
    eval_report_figure(report, group, "within_frames", "  in whole frames", f->frames.within, f->frames.within_low,
                       f->frames.within_high, "", NAN);
    eval_report_figure(report, group, "confidence_auc", "  AUC of confidence", a->confidence_auc, NAN, NAN, "", NAN);
}

static int print_report(const eval *e, const offsets *all, const figures *f, const figures *inside, int64_t inside_count,
                        const avsound_alignment_result *pairs)
{
    int64_t covered;
    eval_report report = {0};
    const cli_args *a = &e->c->args;
    const avsound_sync_result *t = &f->told;
    int code = eval_report_open(&report, e, "sync", t->n + t->n_undecidable, f->forced.n_bad,
                                e->data.count - t->n - t->n_undecidable);
    if (!code) {
        const double share = coverage(e, all, &covered);
        if (a->offsets)
            eval_report_note(&report, "offsets", "drawn, frames", json_string(a->offsets));
        if (a->seconds > 0)
            eval_report_note(&report, "seconds", "seconds shown", json_real(a->seconds));
        eval_report_note(&report, "n_decidable", "decidable clips", json_integer((json_int_t)t->n));
        print_group(&report, "all", "", f);
        eval_report_figure(&report, "all", "coverage", "  truth in the interval", share, NAN, NAN, "", NAN);
        for (int b = 0; b < BANDS; b++)
            if (pairs[b].n)
                eval_report_figure(&report, "all", bands[b].key, bands[b].title, pairs[b].paired, pairs[b].paired_low,
                                   pairs[b].paired_high, "chance", 0.5);
        eval_report_note(&report, "n_inside", "sound wholly inside", json_integer((json_int_t)inside_count));
        if (inside_count)
            print_group(&report, "inside", "inside", inside);
        if (t->n_undecidable) {
            eval_report_note(&report, "n_undecidable", "undecidable clips", json_integer((json_int_t)t->n_undecidable));
            eval_report_figure(&report, "undecidable", "abstained", "  \"cannot tell\"", t->abstained, t->abstained_low,
                               t->abstained_high, "", NAN);
        }
        code = eval_report_print(&report, a->json);
    }
    eval_report_free(&report);
    return code;
}

static json_t *record(const eval_clip *clip, const offset_item *item)
{
    static const char *const verdicts[] = {"measured", "silent", "still", "short", "edge", "unsure"};
    const avsound_offset_result *r = &item->r;
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "file", cli_json_text(clip->file),
                     "truth_ms", cli_json_float((float)item->truth_ms), "verdict", verdicts[r->verdict], "offset_ms",
                     cli_json_float((float)r->offset_ms), "error_ms", cli_json_float((float)(r->offset_ms - item->truth_ms)),
                     "low_ms", cli_json_float((float)r->low_ms), "high_ms", cli_json_float((float)r->high_ms),
                     "confidence", cli_json_float((float)r->confidence), "likelihood",
                     cli_json_float((float)r->likelihood), "agreement", cli_json_float((float)r->agreement), "inside",
                     item->inside, "undecidable", clip->undecidable);
}

static int write_items(const eval *e, const offsets *all)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; !code && i < e->data.count; i++)
        if (e->data.clips[i].usable && all->items[i].measured)
            code = cli_records_add(&records, record(&e->data.clips[i], &all->items[i]));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

/* "-15..15" */
static int read_offsets(const char *text, offsets *out)
{
    char *end;
    if (!text)
        return CLI_OK;
    out->least = strtol(text, &end, 10);
    const bool dots = end != text && !strncmp(end, "..", 2);
    const char *rest = end + 2;
    if (dots)
        out->most = strtol(rest, &end, 10);
    if (!dots || end == rest || *end || out->least > out->most || out->least < -100000 || out->most > 100000)
        return cli_error(CLI_USAGE, "eval: --offsets is %s, want frames such as -15..15", text);
    return CLI_OK;
}

static int report(const eval *e, const offsets *all)
{
    figures f = {0}, inside = {0};
    columns c, some;
    const bool room = gather(e, all, false, &c), more = gather(e, all, true, &some);
    const int64_t inside_count = some.count;
    avsound_alignment_result pairs[BANDS];
    avsound_status status = AVSOUND_OK;
    int code = room && more ? CLI_OK : cli_error(CLI_RESOURCES, "eval: out of memory");
    if (!code)
        status = measure(e, &c, &f);
    if (!code && !status)
        status = measure(e, &some, &inside);
    for (int b = 0; !code && !status && b < BANDS; b++)
        status = pair(e, all, b, &pairs[b]);
    if (status)
        code = cli_input_failed("eval", status);
    free_columns(&c);
    free_columns(&some);
    return code ? code : print_report(e, all, &f, &inside, inside_count, pairs);
}

int eval_sync(eval *e)
{
    offsets all = {0};
    int code = read_offsets(e->c->args.offsets, &all);
    if (!code && strcmp(avsound_model_arch(e->model.model), "sync-net"))
        code = cli_error(CLI_UNSUPPORTED, "%s is an %s, which compares no lags: sync-net does", e->model.name,
                         avsound_model_arch(e->model.model));
    if (!code && !(all.items = calloc((size_t)e->data.count + 1, sizeof *all.items)))
        code = cli_error(CLI_RESOURCES, "eval: out of memory");
    if (!code) {
        cli_model_warn(&e->model, "figures");
        code = eval_run(e, &e->data, NULL, "clips", measure_clip, &all);
    }
    if (!code && e->c->args.csv)
        code = write_items(e, &all);
    if (!code)
        code = report(e, &all);
    free(all.items);
    return code;
}
