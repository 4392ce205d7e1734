/* Audio-visual correspondence: does the network tell a frame's own sound from another clip's? */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

enum { PURPOSE_FRAME, PURPOSE_CLIP, PURPOSE_TIME, PURPOSES };

/* One frame of one clip with its own sound and with another's. */
typedef struct pair {
    int64_t time_us;
    int64_t other; /* clip of the negative's sound */
    int64_t other_time_us;
    float positive, negative;
} pair;

typedef struct avc {
    int64_t clips, draws;
    pair *pairs; /* [clips][draws] */
} avc;

/* ---- drawing ---- */

static bool may_oppose(const eval_data *data, const char *negatives, int64_t i, int64_t j)
{
    const eval_clip *a = &data->clips[i], *b = &data->clips[j];
    if (i == j || !b->usable || !strcmp(a->path, b->path))
        return false;
    if (!strcmp(negatives, "other-category"))
        return strcmp(a->category, b->category) != 0;
    return strcmp(negatives, "other-group") || strcmp(a->group, b->group);
}

static int64_t draw_time(const eval_clip *clip, int64_t seed, int64_t item, int purpose)
{
    const uint64_t choice = eval_random(seed, item, purpose, (uint64_t)(clip->last - clip->first + 1));
    return (clip->first + (int64_t)choice) * EVAL_GRID_US;
}

static void draw_clip(const eval *e, avc *a, int64_t i, int64_t *others)
{
    const eval_data *data = &e->data;
    int64_t count = 0;
    for (int64_t j = 0; j < data->count; j++)
        if (may_oppose(data, e->c->args.negatives, i, j))
            others[count++] = j;
    for (int64_t d = 0; d < a->draws; d++) {
        pair *p = &a->pairs[i * a->draws + d];
        const int64_t item = i * a->draws + d, seed = e->c->args.seed;
        *p = (pair){.other = -1, .positive = NAN, .negative = NAN};
        if (!count)
            continue;
        p->time_us = draw_time(&data->clips[i], seed, item, PURPOSE_FRAME);
        p->other = others[eval_random(seed, item, PURPOSE_CLIP, (uint64_t)count)];
        p->other_time_us = draw_time(&data->clips[p->other], seed, item, PURPOSE_TIME);
    }
}

static int draw(eval *e, avc *a)
{
    const int64_t n = e->data.count;
    *a = (avc){n, e->c->args.draws, calloc((size_t)(n * e->c->args.draws), sizeof(pair))};
    int64_t *others = malloc((size_t)n * sizeof *others);
    int64_t none = 0;
    for (int64_t i = 0; a->pairs && others && i < n; i++) {
        if (!e->data.clips[i].usable)
            continue;
        draw_clip(e, a, i, others);
        if (a->pairs[i * a->draws].other < 0) {
            e->data.clips[i].usable = false;
            none++;
        }
    }
    const bool good = a->pairs && others;
    free(others);
    if (!good)
        return cli_error(CLI_RESOURCES, "eval: out of memory");
    if (none)
        cli_warn("%lld clips have no other to draw a negative from; left out", (long long)none);
    return CLI_OK;
}

/* ---- scoring ---- */

typedef struct scoring {
    eval_worker *worker;
    eval_data *data;
    pair **order; /* by time */
    avsound_media *own;
} scoring;

static avsound_status score(scoring *s, const avsound_frame *frame, avsound_media *media, int64_t time_us, float *out)
{
    avsound_score result = {.struct_size = sizeof result};
    avsound_status status = eval_read_sound(media, time_us, &s->worker->sound);
    if (!status)
        status = avsound_correspondence_frames(s->worker->session, frame, avsound_model_frames(s->worker->e->model.model),
                                               &s->worker->sound.audio, &result);
    *out = status ? NAN : result.probability;
    return status;
}

static avsound_status score_frame(void *user, int64_t index, const avsound_frame *frame)
{
    scoring *s = user;
    pair *p = s->order[index];
    avsound_media *other = NULL;
    avsound_status status = score(s, frame, s->own, p->time_us, &p->positive);
    if (!status)
        status = eval_open_sound(s->worker->e->c->context, s->data->clips[p->other].path, &other);
    if (!status)
        status = score(s, frame, other, p->other_time_us, &p->negative);
    avsound_media_free(other);
    return status;
}

static int by_time(const void *a, const void *b)
{
    const int64_t x = (*(pair *const *)a)->time_us, y = (*(pair *const *)b)->time_us;
    return (x > y) - (x < y);
}

static avsound_status score_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    const avc *a = worker->user;
    const eval_clip *clip = &data->clips[index];
    const size_t n = (size_t)a->draws;
    scoring s = {worker, data, malloc(n * sizeof(pair *)), NULL};
    int64_t *times = malloc(n * sizeof *times);
    avsound_status status = s.order && times ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
    for (size_t d = 0; !status && d < n; d++)
        s.order[d] = &a->pairs[(size_t)index * n + d];
    if (!status) {
        qsort(s.order, n, sizeof *s.order, by_time);
        for (size_t d = 0; d < n; d++)
            times[d] = s.order[d]->time_us;
        status = eval_open_sound(worker->e->c->context, clip->path, &s.own);
    }
    if (!status)
        status = eval_walk_frames(worker->e->c->context, clip->path, avsound_model_frames(worker->e->model.model), times,
                                  a->draws, score_frame, &s);
    avsound_media_free(s.own);
    free(times);
    free(s.order);
    return status;
}

/* ---- the oracle: it knows what is seen in the frame and what is heard in the sound ---- */

static bool oracle_says_yes(const eval_clip *seen, int64_t seen_us, const eval_clip *heard, int64_t heard_us)
{
    const eval_truth *a = seen->truth, *b = heard->truth;
    for (int32_t i = 0; i < a->thing_count; i++)
        for (int32_t j = 0; eval_truth_visible(a, &a->things[i], seen_us) && j < b->thing_count; j++)
            if (!strcmp(a->things[i].kind, b->things[j].kind) && eval_truth_audible(b, &b->things[j], heard_us))
                return true;
    return false;
}

static bool has_oracle(const eval_data *data)
{
    for (int64_t i = 0; i < data->count; i++)
        if (data->clips[i].usable && !data->clips[i].truth)
            return false;
    return true;
}

/* ---- figures ---- */

typedef struct figures {
    avsound_avc_result mean; /* over draws, intervals those of one draw of so many clips */
    double accuracy_sd, auc_sd, paired_sd;
    double oracle; /* its accuracy; its paired accuracy is the same, as it says only yes or no */
} figures;

static void add(double value, int64_t draw, double *mean, double *squares)
{
    const double before = *mean;
    *mean += (value - *mean) / (double)(draw + 1);
    *squares += (value - before) * (value - *mean);
}

static double deviation(double squares, int64_t draws)
{
    return draws > 1 ? sqrt(squares / (double)(draws - 1)) : NAN;
}

static int measure_draw(const eval *e, const avc *a, int64_t d, float *columns[2], uint8_t *skip, figures *f)
{
    avsound_avc_result r = {.struct_size = sizeof r};
    for (int64_t i = 0; i < a->clips; i++) {
        columns[0][i] = a->pairs[i * a->draws + d].positive;
        columns[1][i] = a->pairs[i * a->draws + d].negative;
        skip[i] = !e->data.clips[i].usable;
    }
    const avsound_status status = avsound_metric_avc(e->c->context, columns[0], columns[1], skip, a->clips, &r);
    if (status)
        return cli_input_failed("eval", status);
    f->mean.n = r.n;
    f->mean.n_bad += r.n_bad;
    f->mean.n_skipped = r.n_skipped;
    add(r.accuracy, d, &f->mean.accuracy, &f->accuracy_sd);
    add(r.auc, d, &f->mean.auc, &f->auc_sd);
    add(r.paired, d, &f->mean.paired, &f->paired_sd);
    return CLI_OK;
}

static void ask_oracle(const eval *e, const avc *a, figures *f)
{
    double right = 0, n = 0;
    for (int64_t k = 0; k < a->clips * a->draws; k++) {
        const eval_clip *clip = &e->data.clips[k / a->draws];
        const pair *p = &a->pairs[k];
        if (!clip->usable)
            continue;
        const int yes = oracle_says_yes(clip, p->time_us, clip, p->time_us);
        const int no = !oracle_says_yes(clip, p->time_us, &e->data.clips[p->other], p->other_time_us);
        right += 0.5 * (yes + no);
        n++;
    }
    f->oracle = n > 0 ? right / n : NAN;
}

static int measure(const eval *e, const avc *a, figures *f)
{
    const size_t n = (size_t)a->clips;
    float *columns[2] = {malloc(n * sizeof(float)), malloc(n * sizeof(float))};
    uint8_t *skip = malloc(n);
    int code = columns[0] && columns[1] && skip ? CLI_OK : cli_error(CLI_RESOURCES, "eval: out of memory");
    *f = (figures){.oracle = NAN};
    for (int64_t d = 0; !code && d < a->draws; d++)
        code = measure_draw(e, a, d, columns, skip, f);
    avsound_avc_result *m = &f->mean;
    avsound_status status = AVSOUND_OK;
    if (!code)
        status = avsound_wilson_interval(m->accuracy, 2 * m->n, &m->accuracy_low, &m->accuracy_high);
    if (!code && !status)
        status = avsound_wilson_interval(m->paired, m->n, &m->paired_low, &m->paired_high);
    if (!code && has_oracle(&e->data))
        ask_oracle(e, a, f);
    free(skip);
    free(columns[1]);
    free(columns[0]);
    return status ? cli_input_failed("eval", status) : code;
}

/* ---- output ---- */

static void print_sd(eval_report *report, const char *key, const char *title, double squares, int64_t draws)
{
    if (draws > 1)
        eval_report_figure(report, "", key, title, deviation(squares, draws), NAN, NAN, "", NAN);
}

static int print_report(const eval *e, const avc *a, const figures *f)
{
    eval_report report = {0};
    const avsound_avc_result *m = &f->mean;
    int code = eval_report_open(&report, e, "avc", m->n, m->n_bad, m->n_skipped);
    if (!code) {
        eval_report_note(&report, "negatives", "negatives", json_string(e->c->args.negatives));
        eval_report_note(&report, "draws", "draws", json_integer(a->draws));
        eval_report_figure(&report, "", "accuracy", "accuracy", m->accuracy, m->accuracy_low, m->accuracy_high,
                           "chance", 0.5);
        print_sd(&report, "accuracy_sd", "  s.d. over draws", f->accuracy_sd, a->draws);
        eval_report_figure(&report, "", "paired", "paired accuracy", m->paired, m->paired_low, m->paired_high, "chance",
                           0.5);
        print_sd(&report, "paired_sd", "  s.d. over draws", f->paired_sd, a->draws);
        eval_report_figure(&report, "", "auc", "AUC", m->auc, NAN, NAN, "chance", 0.5);
        print_sd(&report, "auc_sd", "  s.d. over draws", f->auc_sd, a->draws);
        if (isfinite(f->oracle))
            eval_report_figure(&report, "", "oracle", "oracle's accuracy", f->oracle, NAN, NAN, "", NAN);
        code = eval_report_print(&report, e->c->args.json);
    }
    eval_report_free(&report);
    return code;
}

static json_t *record(const eval *e, const avc *a, int64_t k)
{
    const pair *p = &a->pairs[k];
    const eval_clip *clip = &e->data.clips[k / a->draws], *other = &e->data.clips[p->other];
    json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "draw", json_integer(k % a->draws), "file",
                            cli_json_text(clip->file), "time", cli_json_seconds(p->time_us), "other",
                            cli_json_text(other->file), "other_time", cli_json_seconds(p->other_time_us), "positive",
                            cli_json_float(p->positive), "negative", cli_json_float(p->negative));
    if (row && clip->truth && other->truth) {
        json_object_set_new(row, "oracle_positive", json_integer(oracle_says_yes(clip, p->time_us, clip, p->time_us)));
        json_object_set_new(row, "oracle_negative",
                            json_integer(oracle_says_yes(clip, p->time_us, other, p->other_time_us)));
    }
    return row;
}

static int write_items(const eval *e, const avc *a)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t k = 0; !code && k < a->clips * a->draws; k++)
        if (e->data.clips[k / a->draws].usable)
            code = cli_records_add(&records, record(e, a, k));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

int eval_avc(eval *e)
{
    avc a = {0};
    figures f;
    const char *negatives = e->c->args.negatives;
    if (!strcmp(negatives, "other-category") && !e->data.has_category)
        return cli_error(CLI_INPUT, "%s: has no column \"category\" for --negatives other-category", e->data.path);
    cli_model_warn(&e->model, "figures");
    int code = draw(e, &a);
    if (!code)
        code = eval_run(e, &e->data, "score", "clips", score_clip, &a);
    if (!code)
        code = measure(e, &a, &f);
    if (!code && e->c->args.csv)
        code = write_items(e, &a);
    if (!code)
        code = print_report(e, &a, &f);
    free(a.pairs);
    return code;
}
