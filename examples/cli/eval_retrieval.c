/* Retrieval: given a picture or a sound, which pictures and sounds of the other clips are nearest? */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

/* What a clip's judged moment became. Indexed like the data; later packed so that the usable clips stand together. */
typedef struct embeddings {
    int32_t dimension;
    int64_t count;
    float *image, *audio; /* [count][dimension] */
    int64_t *times, *clips;
} embeddings;

static const char *const directions[4] = {"im-im", "im-aud", "aud-im", "aud-aud"};

typedef struct results {
    avsound_retrieval_result sums[4];
    double *ndcg[4];
    int64_t *ranks[4];
    bool done[4];
} results;

/* ---- embedding ---- */

static avsound_status embed_frame(void *user, int64_t index, const avsound_frame *frame)
{
    void *const *both = user;
    size_t size = (size_t)((embeddings *)both[1])->dimension;
    (void)index;
    return avsound_embed_image(((eval_worker *)both[0])->session, frame,
                               avsound_model_frames(((eval_worker *)both[0])->e->model.model), both[2], &size);
}

static avsound_status embed_clip(eval_worker *worker, eval_data *data, int64_t index)
{
    embeddings *m = worker->user;
    const eval_clip *clip = &data->clips[index];
    const int64_t time = eval_judged_time(clip);
    avsound_media *media = NULL;
    size_t size = (size_t)m->dimension;
    void *both[] = {worker, m, m->image + index * m->dimension};
    m->times[index] = time;
    avsound_status status = eval_open_sound(worker->e->c->context, clip->path, &media);
    if (!status)
        status = eval_read_sound(media, time, &worker->sound);
    avsound_media_free(media);
    if (!status)
        status = avsound_embed_audio(worker->session, &worker->sound.audio, 1, m->audio + index * m->dimension, &size);
    if (!status)
        status = eval_walk_frames(worker->e->c->context, clip->path, avsound_model_frames(worker->e->model.model), &time, 1,
                                  embed_frame, both);
    return status;
}

static int find_dimension(const eval *e, int32_t *dimension)
{
    avsound_session *session = NULL;
    avsound_tensor view = {.struct_size = sizeof view};
    int code = cli_session(e->c, &e->model, "embedding.image", &session);
    if (!code) {
        const avsound_status status = avsound_session_get_output(session, "embedding.image", &view);
        code = status ? cli_input_failed(e->model.name, status) : CLI_OK;
        *dimension = (int32_t)view.shape[view.rank - 1];
    }
    cli_session_close(session);
    return code;
}

/* Closes the gaps that clips left which could not be read. */
static void pack(embeddings *m, const eval_data *data)
{
    const size_t bytes = (size_t)m->dimension * sizeof(float);
    m->count = 0;
    for (int64_t i = 0; i < data->count; i++) {
        if (!data->clips[i].usable)
            continue;
        memmove(m->image + m->count * m->dimension, m->image + i * m->dimension, bytes);
        memmove(m->audio + m->count * m->dimension, m->audio + i * m->dimension, bytes);
        m->times[m->count] = m->times[i];
        m->clips[m->count++] = i;
    }
}

static int embed(const eval *e, eval_data *data, const char *unit, embeddings *m)
{
    int code = find_dimension(e, &m->dimension);
    if (code)
        return code;
    const size_t n = (size_t)data->count, total = n * (size_t)m->dimension;
    m->image = malloc(total * sizeof *m->image);
    m->audio = malloc(total * sizeof *m->audio);
    m->times = malloc(n * sizeof *m->times);
    m->clips = malloc(n * sizeof *m->clips);
    if (!m->image || !m->audio || !m->times || !m->clips)
        return cli_error(CLI_RESOURCES, "eval: out of memory");
    code = eval_run(e, data, "embedding.image,embedding.audio", unit, embed_clip, m);
    if (!code)
        pack(m, data);
    return code;
}

static void free_embeddings(embeddings *m)
{
    free(m->image);
    free(m->audio);
    free(m->times);
    free(m->clips);
}

/* ---- CCA: a space common to embeddings that were never compared ---- */

static int project(embeddings *m, const avsound_cca *cca)
{
    const int32_t components = avsound_cca_components(cca);
    float **sides[] = {&m->image, &m->audio};
    for (int32_t s = 0; s < 2; s++) {
        float *projected = malloc((size_t)(m->count * components) * sizeof *projected + 1);
        if (!projected)
            return cli_error(CLI_RESOURCES, "eval: out of memory");
        const avsound_status status = avsound_cca_apply(cca, s, *sides[s], m->count, projected);
        free(*sides[s]);
        *sides[s] = projected;
        if (status)
            return cli_input_failed("CCA", status);
    }
    m->dimension = components;
    return CLI_OK;
}

static int fit(const eval *e, const embeddings *train, avsound_cca **cca)
{
    avsound_cca_options o;
    avsound_cca_options_init(&o, sizeof o);
    o.dimension_x = o.dimension_y = train->dimension;
    o.count = train->count;
    o.x = train->image;
    o.y = train->audio;
    const avsound_status status = avsound_cca_fit(e->c->context, &o, cca);
    if (status)
        return cli_input_failed(e->c->args.cca_data, status);
    return avsound_cca_components(*cca) ? CLI_OK
                                        : cli_error(CLI_INPUT, "%s: nothing there correlates", e->c->args.cca_data);
}

static int fit_on_clips(const eval *e, avsound_cca **cca)
{
    eval_data data = {0};
    embeddings train = {0};
    if (!strcmp(e->c->args.cca_data, e->data.path))
        cli_warn("CCA is fitted on the clips it is tested on: the figures will be too good");
    int code = eval_data_open(e->c->args.cca_data, NULL, 0, &data);
    if (!code)
        code = eval_probe_all(e, &data);
    if (!code)
        code = embed(e, &data, "CCA clips", &train);
    if (!code)
        code = fit(e, &train, cca);
    free_embeddings(&train);
    eval_data_close(&data);
    return code;
}

static int load_cca(const eval *e, const embeddings *m, avsound_cca **cca)
{
    const char *path = e->c->args.cca;
    avsound_cca_info info = {.struct_size = sizeof info};
    avsound_status status = avsound_cca_load(e->c->context, path, cca);
    if (!status)
        status = avsound_cca_check_model(*cca, e->model.model);
    if (!status)
        status = avsound_cca_get_info(*cca, &info);
    if (status)
        return cli_input_failed(path, status);
    if (info.dimension_x != m->dimension || info.dimension_y != m->dimension)
        return cli_error(CLI_INPUT, "%s: takes pictures of %d numbers and sounds of %d, the model's are of %d", path,
                         info.dimension_x, info.dimension_y, m->dimension);
    return CLI_OK;
}

static int align(const eval *e, embeddings *m)
{
    avsound_cca *cca = NULL;
    int code = e->c->args.cca ? load_cca(e, m, &cca) : fit_on_clips(e, &cca);
    if (!code)
        code = project(m, cca);
    avsound_cca_free(cca);
    return code;
}

/* ---- figures ---- */

static int search(const eval *e, const embeddings *m, const eval_labels *labels, int d, results *r)
{
    avsound_retrieval_options o;
    avsound_retrieval_options_init(&o, sizeof o);
    o.dimension = m->dimension;
    o.count = m->count;
    o.queries = d < 2 ? m->image : m->audio;
    o.database = d % 2 ? m->audio : m->image;
    o.same_modality = d == 0 || d == 3;
    o.label_starts = labels->starts;
    o.labels = labels->labels;
    o.distances = labels->distances;
    o.label_count = labels->count;
    o.seed = (uint64_t)e->c->args.seed;
    r->ndcg[d] = malloc((size_t)m->count * sizeof(double));
    r->ranks[d] = malloc((size_t)m->count * sizeof(int64_t));
    if (!r->ndcg[d] || !r->ranks[d])
        return cli_error(CLI_RESOURCES, "eval: out of memory");
    r->sums[d] = (avsound_retrieval_result){.struct_size = sizeof r->sums[d]};
    r->done[d] = true;
    const avsound_status status = avsound_metric_retrieval(e->c->context, &o, r->ndcg[d], r->ranks[d], &r->sums[d]);
    return status ? cli_input_failed("eval", status) : CLI_OK;
}

static bool has_cca(const eval *e)
{
    return e->c->args.cca || e->c->args.cca_data;
}

static bool is_aligned(const eval *e)
{
    return has_cca(e) || strcmp(avsound_model_arch(e->model.model), "l3-net") != 0;
}

/* ---- output ---- */

static void print_direction(eval_report *report, int d, const avsound_retrieval_result *r, bool labelled)
{
    static const int places[3] = {1, 5, 10};
    char title[40], key[16];
    snprintf(title, sizeof title, "%s nDCG@30", directions[d]);
    if (labelled)
        eval_report_figure(report, directions[d], "ndcg", title, r->ndcg, r->ndcg_low, r->ndcg_high, "chance",
                           r->ndcg_chance);
    for (int k = 0; d % 3 && k < 3; k++) {
        snprintf(title, sizeof title, "%s recall@%d", directions[d], places[k]);
        snprintf(key, sizeof key, "recall_%d", places[k]);
        eval_report_figure(report, directions[d], key, title, r->recall[k], r->recall_low[k], r->recall_high[k],
                           "chance", r->recall_chance[k]);
    }
    snprintf(title, sizeof title, "%s median rank", directions[d]);
    if (d % 3)
        eval_report_figure(report, directions[d], "median_rank", title, r->median_rank, NAN, NAN, "chance",
                           r->median_rank_chance);
}

static int print_report(const eval *e, const embeddings *m, const eval_labels *labels, const results *r)
{
    eval_report report = {0};
    int64_t bad = 0;
    for (int d = 0; d < 4; d++)
        bad = r->done[d] && r->sums[d].n_bad > bad ? r->sums[d].n_bad : bad;
    int code = eval_report_open(&report, e, "retrieval", m->count, bad, e->data.count - m->count);
    if (!code) {
        if (has_cca(e))
            eval_report_note(&report, "cca_components", "CCA components", json_integer(m->dimension));
        if (labels->starts)
            for (int d = 0; d < 4; d++)
                if (r->done[d]) {
                    eval_report_note(&report, "n_ndcg", "clips with labels", json_integer(r->sums[d].n_ndcg));
                    break;
                }
        for (int d = 0; d < 4; d++)
            if (r->done[d])
                print_direction(&report, d, &r->sums[d], labels->starts != NULL);
        code = eval_report_print(&report, e->c->args.json);
    }
    eval_report_free(&report);
    return code;
}

static json_t *record(const eval *e, const embeddings *m, const results *r, int64_t i)
{
    const eval_clip *clip = &e->data.clips[m->clips[i]];
    json_t *row = json_pack("{s:o, s:o, s:o}", "file", cli_json_text(clip->file), "time", cli_json_seconds(m->times[i]),
                            "labels", cli_json_text(clip->labels));
    char key[32];
    for (int d = 0; row && d < 4; d++) {
        snprintf(key, sizeof key, "rank_%s", directions[d]);
        if (r->done[d] && d % 3)
            json_object_set_new(row, key, json_integer(r->ranks[d][i]));
        snprintf(key, sizeof key, "ndcg_%s", directions[d]);
        if (r->done[d])
            json_object_set_new(row, key, cli_json_float((float)r->ndcg[d][i]));
    }
    return row;
}

static int write_items(const eval *e, const embeddings *m, const results *r)
{
    cli_records records = {0};
    int code = cli_records_open(&records, e->c->args.csv, CLI_CSV, NULL);
    for (int64_t i = 0; !code && i < m->count; i++)
        code = cli_records_add(&records, record(e, m, r, i));
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    return code;
}

int eval_retrieval(eval *e)
{
    embeddings m = {0};
    eval_labels labels = {0};
    results r = {0};
    if (e->c->args.cca && e->c->args.cca_data)
        return cli_error(CLI_USAGE, "eval: --cca is fitted already: no --cca-data");
    cli_model_warn(&e->model, "figures");
    if (!is_aligned(e))
        cli_warn("l3-net's pictures and sounds can't be compared: im-aud and aud-im need --cca, or --cca-data");
    int code = embed(e, &e->data, "clips", &m);
    if (!code && !m.count)
        code = cli_error(CLI_INPUT, "%s: no clip there could be read", e->data.path);
    if (!code && has_cca(e))
        code = align(e, &m);
    if (!code)
        code = eval_labels_read(e, m.clips, m.count, &labels);
    for (int d = 0; !code && d < 4; d++)
        if (d % 3 == 0 || is_aligned(e))
            code = search(e, &m, &labels, d, &r);
    if (!code && e->c->args.csv)
        code = write_items(e, &m, &r);
    if (!code)
        code = print_report(e, &m, &labels, &r);
    for (int d = 0; d < 4; d++) {
        free(r.ndcg[d]);
        free(r.ranks[d]);
    }
    eval_labels_free(&labels);
    free_embeddings(&m);
    return code;
}
