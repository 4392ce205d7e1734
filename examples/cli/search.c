#include "search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const bundled[] = {"ave-s", NULL};

const char *search_word(int32_t modality)
{
    return modality == AVSOUND_INDEX_IMAGE ? "picture" : "sound";
}

/* ---- what is asked ---- */

/* Splits FILE@TIME, unless there is a file of that whole name. */
static int split_time(search_query *q)
{
    struct stat s;
    const char *text = q->asked->text, *at = strrchr(text, '@');
    q->time_us = -1;
    if (at && stat(text, &s) && !cli_parse_time(at + 1, &q->time_us))
        return cli_error(CLI_USAGE, "search: %s: %s is no time; want seconds or [HH:]MM:SS", text, at + 1);
    const int length = q->time_us >= 0 ? (int)(at - text) : (int)strlen(text);
    if ((size_t)snprintf(q->path, sizeof q->path, "%.*s", length, text) >= sizeof q->path)
        return cli_error(CLI_USAGE, "search: %s: the name is too long", text);
    return CLI_OK;
}

static int32_t modality_of(const char *word)
{
    return !strcmp(word, "picture") ? AVSOUND_INDEX_IMAGE : AVSOUND_INDEX_SOUND;
}

static int read_query(const cli_args *a, const cli_query *asked, search_query *q)
{
    const int32_t both = AVSOUND_INDEX_IMAGE | AVSOUND_INDEX_SOUND;
    const bool video = !strcmp(asked->kind, "video");
    q->asked = asked;
    if (video && !a->want)
        return cli_error(CLI_USAGE, "search: --video has pictures and sound: --for says which of the two to look for");
    if (!video && a->by)
        return cli_error(CLI_USAGE, "search: --by belongs to --video, not to --%s", asked->kind);
    if (video)
        q->from = a->by ? modality_of(a->by) : both & ~modality_of(a->want);
    else
        q->from = !strcmp(asked->kind, "image") ? AVSOUND_INDEX_IMAGE : AVSOUND_INDEX_SOUND;
    q->want = a->want ? modality_of(a->want) : both & ~q->from;
    return split_time(q);
}

static int read_queries(search_job *j)
{
    const cli_args *a = &j->c->args;
    int code = CLI_OK;
    if (!a->query_count)
        return cli_error(CLI_USAGE, "search: what for? --image, --audio or --video is missing");
    j->queries = calloc((size_t)a->query_count, sizeof *j->queries);
    if (!j->queries)
        return cli_error(CLI_RESOURCES, "search: out of memory");
    j->count = a->query_count;
    for (int i = 0; !code && i < j->count; i++)
        code = read_query(a, &a->queries[i], &j->queries[i]);
    return code;
}

/* ---- its vector ---- */

/* At a time: as the index has it, had it looked there. */
static avsound_status embed_at(const search_job *j, search_query *q, size_t dimension)
{
    avsound_scan *scan;
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = q->from == AVSOUND_INDEX_IMAGE ? AVSOUND_SCAN_EMBED_IMAGE : AVSOUND_SCAN_EMBED_AUDIO;
    options.threads = 1;
    options.precision = cli_precision(j->c->args.precision);
    options.hop_seconds = 1e-3;
    options.start_us = q->time_us;
    avsound_scan_result r = {.struct_size = sizeof r};
    avsound_status status = avsound_scan_create(j->model.model, q->path, &options, &scan);
    if (status)
        return status;
    status = avsound_scan_next(scan, &r);
    const float *vector = q->from == AVSOUND_INDEX_IMAGE ? r.embedding_image : r.embedding_audio;
    if (!status && vector)
        memcpy(q->vector, vector, dimension * sizeof *vector);
    avsound_scan_free(scan);
    return status || vector ? status : AVSOUND_E_END;
}

static int embed_whole(const search_job *j, search_query *q, avsound_session *session, size_t dimension)
{
    cli_picture picture = {0};
    cli_sound sound = {0};
    avsound_status status = AVSOUND_OK;
    int code;
    if (q->from == AVSOUND_INDEX_IMAGE) {
        code = cli_picture_open(j->c, q->path, &picture);
        if (!code)
            status = cli_picture_embed(&picture, &j->model, session, q->vector, &dimension);
    } else {
        code = cli_sound_open(j->c, q->path, &sound);
        if (!code)
            status = avsound_embed_audio(session, &sound.audio, 1, q->vector, &dimension);
    }
    cli_picture_close(&picture);
    cli_sound_close(&sound);
    return code ? code : status ? cli_input_failed(q->path, status) : CLI_OK;
}

static int32_t dimension_of(const search_job *j, const search_query *q)
{
    return q->from == AVSOUND_INDEX_IMAGE ? j->info.image_dimension : j->info.sound_dimension;
}

static int embed(const search_job *j, search_query *q, avsound_session *session)
{
    const size_t dimension = (size_t)dimension_of(j, q), answers = (size_t)j->c->args.answers;
    q->vector = malloc(dimension * sizeof *q->vector);
    q->items = malloc(answers * sizeof *q->items);
    q->scores = malloc(answers * sizeof *q->scores);
    if (!q->vector || !q->items || !q->scores)
        return cli_error(CLI_RESOURCES, "search: out of memory");
    if (q->time_us < 0)
        return embed_whole(j, q, session, dimension);
    const avsound_status status = embed_at(j, q, dimension);
    if (status == AVSOUND_E_END)
        return cli_error(CLI_INPUT, "%s: ends before %.3f s", q->path, (double)q->time_us / 1e6);
    return status ? cli_input_failed(q->path, status) : CLI_OK;
}

/* A damaged index may say anything of the vectors that the same model makes. */
static int check_dimension(const search_job *j, const avsound_session *session, const char *output, int32_t found)
{
    avsound_tensor view = {.struct_size = sizeof view};
    const char *path = j->c->args.inputs[0];
    const avsound_status status = avsound_session_get_output(session, output, &view);
    if (status)
        return cli_input_failed(path, status);
    if (view.shape[1] != found)
        return cli_error(CLI_INPUT, "%s: is damaged: its vectors are of %d numbers, those of its model of %lld", path, found,
                         (long long)view.shape[1]);
    return CLI_OK;
}

static int embed_queries(search_job *j)
{
    avsound_session *session = NULL;
    int code = cli_session(j->c, &j->model, "embedding.image,embedding.audio", &session);
    if (!code)
        code = check_dimension(j, session, "embedding.image", j->info.image_dimension);
    if (!code)
        code = check_dimension(j, session, "embedding.audio", j->info.sound_dimension);
    for (int i = 0; !code && i < j->count; i++)
        code = cli_interrupted() ? CLI_FAILED : embed(j, &j->queries[i], session);
    cli_session_close(session);
    return code;
}

/* ---- searching ---- */

/* The vectors of one direction's queries, one behind the other, where the index's are. */
static int gather(const search_job *j, int32_t from, int32_t want, size_t count, float **out)
{
    const size_t own = (size_t)(from == AVSOUND_INDEX_IMAGE ? j->info.image_dimension : j->info.sound_dimension);
    float *vectors = malloc(count * own * sizeof *vectors);
    avsound_status status = AVSOUND_OK;
    size_t n = 0;
    *out = vectors;
    for (int i = 0; vectors && i < j->count; i++)
        if (j->queries[i].from == from && j->queries[i].want == want)
            memcpy(vectors + own * n++, j->queries[i].vector, own * sizeof *vectors);
    if (vectors && j->cca && from != want) {
        *out = malloc(count * (size_t)avsound_cca_components(j->cca) * sizeof **out);
        if (*out)
            status = avsound_cca_apply(j->cca, from == AVSOUND_INDEX_SOUND, vectors, (int64_t)count, *out);
        free(vectors);
    }
    return !*out ? cli_error(CLI_RESOURCES, "search: out of memory") : status ? cli_input_failed(j->c->args.cca, status) : CLI_OK;
}

/* All queries of one direction go through the index together. */
static int search_direction(search_job *j, int32_t from, int32_t want)
{
    const cli_args *a = &j->c->args;
    const size_t answers = (size_t)a->answers;
    avsound_index_search_options options;
    avsound_index_search_options_init(&options, sizeof options);
    options.query = from;
    options.want = want;
    options.k = (int32_t)a->answers;
    options.per_file = (int32_t)a->per_file;
    options.threads = (int32_t)a->threads;
    size_t count = 0, n = 0;
    for (int i = 0; i < j->count; i++)
        count += j->queries[i].from == from && j->queries[i].want == want;
    if (!count)
        return CLI_OK;
    float *vectors = NULL, *scores = malloc(count * answers * sizeof *scores);
    int64_t *items = malloc(count * answers * sizeof *items);
    int code = scores && items ? gather(j, from, want, count, &vectors) : cli_error(CLI_RESOURCES, "search: out of memory");
    if (!code) {
        const avsound_status status = avsound_index_search(j->index, &options, vectors, (int64_t)count, items, scores);
        code = status ? cli_input_failed(a->inputs[0], status) : CLI_OK;
    }
    for (int i = 0; !code && i < j->count; i++)
        if (j->queries[i].from == from && j->queries[i].want == want) {
            memcpy(j->queries[i].items, items + answers * n, answers * sizeof *items);
            memcpy(j->queries[i].scores, scores + answers * n++, answers * sizeof *scores);
        }
    free(vectors);
    free(scores);
    free(items);
    return code;
}

static int use_cca(search_job *j)
{
    const avsound_status status = j->cca ? avsound_index_use_cca(j->index, j->cca) : AVSOUND_OK;
    return status ? cli_input_failed(j->c->args.cca, status) : CLI_OK;
}

/* Within a sense the vectors are compared as they are, across the senses where a CCA takes them. */
static int search(search_job *j)
{
    static const int32_t image = AVSOUND_INDEX_IMAGE, sound = AVSOUND_INDEX_SOUND;
    int code = search_direction(j, image, image);
    if (!code)
        code = search_direction(j, sound, sound);
    if (!code)
        code = use_cca(j);
    if (!code)
        code = search_direction(j, image, sound);
    return code ? code : search_direction(j, sound, image);
}

/* ---- answers ---- */

static const char *state_of(const avsound_index_file *file)
{
    struct stat s;
    if (stat(file->path, &s))
        return "missing";
    const int64_t mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + (int64_t)s.st_mtim.tv_nsec;
    return (int64_t)s.st_size != file->size || mtime_ns != file->mtime_ns ? "changed" : NULL;
}

int search_answer_at(const search_job *j, const search_query *q, int64_t place, search_answer *out, bool *there)
{
    *out = (search_answer){.item.struct_size = sizeof out->item, .file.struct_size = sizeof out->file};
    *there = place < j->c->args.answers && q->items[place] >= 0;
    if (!*there)
        return CLI_OK;
    avsound_status status = avsound_index_get_item(j->index, q->want, q->items[place], &out->item);
    if (!status)
        status = avsound_index_get_file(j->index, out->item.file, &out->file);
    if (status)
        return cli_input_failed(j->c->args.inputs[0], status);
    out->score = q->scores[place];
    out->state = state_of(&out->file);
    return CLI_OK;
}

static json_t *record(const search_query *q, int64_t place, const search_answer *a)
{
    return json_pack("{s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "query", cli_json_text(q->asked->text), "from",
                     search_word(q->from), "for", search_word(q->want), "rank", (json_int_t)place + 1, "score",
                     cli_json_float(a->score), "time", cli_json_seconds(a->item.time_us), "file", cli_json_text(a->file.path),
                     "state", a->state ? json_string(a->state) : json_null());
}

static int add_answers(const search_job *j, const search_query *q, cli_records *records)
{
    int code = CLI_OK;
    bool there = true;
    for (int64_t i = 0; !code && there; i++) {
        search_answer a;
        code = search_answer_at(j, q, i, &a, &there);
        if (!code && there)
            code = cli_records_add(records, record(q, i, &a));
    }
    return code;
}

/* For people: a paragraph for each query. */
static int print_paragraph(const search_job *j, const search_query *q, FILE *out)
{
    int code = CLI_OK;
    bool there = true;
    fprintf(out, "%s%s: %ss\n", q->asked->text, q->from == AVSOUND_INDEX_IMAGE ? " (picture)" : " (sound)", search_word(q->want));
    for (int64_t i = 0; !code && there; i++) {
        search_answer a;
        code = search_answer_at(j, q, i, &a, &there);
        if (!code && there)
            fprintf(out, "%5lld  %6.3f  %9.3f s  %s%s%s%s\n", (long long)i + 1, (double)a.score, (double)a.item.time_us / 1e6,
                    a.file.path, a.state ? "  (" : "", a.state ? a.state : "", a.state ? ")" : "");
    }
    return code;
}

static int print_paragraphs(const search_job *j)
{
    cli_outfile out;
    int code = cli_outfile_open(&out, j->c->args.output ? j->c->args.output : "-");
    for (int i = 0; !code && i < j->count; i++)
        code = print_paragraph(j, &j->queries[i], out.file);
    if (!code)
        code = cli_outfile_finish(&out);
    cli_outfile_discard(&out);
    return code;
}

static int print_records(const search_job *j, cli_format format)
{
    const cli_args *a = &j->c->args;
    cli_records records = {0};
    json_t *head = json_pack("{s:o, s:o, s:b, s:I, s:I}", "index", cli_json_text(a->inputs[0]), "model", cli_json_text(j->model.name),
                             "trained", j->model.trained, "images", (json_int_t)j->info.images, "sounds", (json_int_t)j->info.sounds);
    int code = cli_records_open(&records, a->output ? a->output : "-", format, head);
    for (int i = 0; !code && i < j->count; i++)
        code = add_answers(j, &j->queries[i], &records);
    if (!code)
        code = cli_records_finish(&records);
    cli_records_discard(&records);
    json_decref(head);
    return code;
}

static int print_answers(const search_job *j)
{
    const cli_format format = cli_format_of(&j->c->args, CLI_TABLE);
    return format == CLI_TABLE ? print_paragraphs(j) : print_records(j, format);
}

/* ---- all of it ---- */

static int open_index(search_job *j)
{
    const char *path = j->c->args.inputs[0];
    avsound_status status = avsound_index_open(j->c->context, path, &j->index);
    j->info = (avsound_index_info){.struct_size = sizeof j->info};
    if (!status)
        status = avsound_index_get_info(j->index, &j->info);
    if (!status)
        status = avsound_index_check_model(j->index, j->model.model);
    return status ? cli_input_failed(path, status) : CLI_OK;
}

static int open_cca(search_job *j)
{
    const char *path = j->c->args.cca;
    avsound_status status = path ? avsound_cca_load(j->c->context, path, &j->cca) : AVSOUND_OK;
    if (!status && path)
        status = avsound_cca_check_model(j->cca, j->model.model);
    return status ? cli_input_failed(path, status) : CLI_OK;
}

/* Said before the queries are looked at, which takes longer. */
static int check_aligned(const search_job *j)
{
    const char *path = j->c->args.inputs[0];
    for (int i = 0; i < j->count; i++)
        if (!j->info.aligned && !j->cca && j->queries[i].from != j->queries[i].want)
            return cli_error(CLI_UNSUPPORTED, "%s: %s was never trained to bring pictures and sounds together: their vectors can be "
                             "compared in the space of --cca FILE alone, which avsound cca %s -o FILE fits", path, j->info.arch, path);
    return CLI_OK;
}

int cli_search(cli *c)
{
    search_job j = {.c = c};
    int code = read_queries(&j);
    if (!code)
        code = cli_model_open(c, bundled, &j.model);
    if (!code)
        code = open_index(&j);
    if (!code)
        code = open_cca(&j);
    if (!code)
        code = check_aligned(&j);
    if (!code) {
        cli_model_warn(&j.model, "scores");
        code = embed_queries(&j);
    }
    if (!code)
        code = search(&j);
    if (!code && c->args.page)
        code = search_page(&j, c->args.page);
    if (!code && (!c->args.page || c->args.output || c->args.json || c->args.format))
        code = print_answers(&j);
    else if (!code && !c->args.quiet)
        printf("%s: open it in a browser\n", c->args.page);
    for (int i = 0; i < j.count; i++) {
        free(j.queries[i].vector);
        free(j.queries[i].items);
        free(j.queries[i].scores);
    }
    free(j.queries);
    avsound_cca_free(j.cca);
    avsound_index_free(j.index);
    cli_model_close(&j.model);
    return code;
}
