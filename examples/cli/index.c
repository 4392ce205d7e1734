#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *const bundled[] = {"ave-s", NULL};

typedef struct job {
    const cli *c;
    cli_model model;
    cli_sources sources;
    avsound_indexer *indexer;
    bool *todo;         /* [sources.count] */
    int64_t todo_count;
    int64_t added, kept, partly, failed, merged, pruned;
    json_t *problems;
    double seconds;
} job;

/* A full disk is one thing, an index of another model another. */
static int index_failed(const job *j, avsound_status status)
{
    const char *path = j->c->args.output;
    return status == AVSOUND_E_IO ? cli_output_failed(path, status) : cli_input_failed(path, status);
}

static int open_index(job *j)
{
    const cli_args *a = &j->c->args;
    avsound_indexer_options options;
    avsound_indexer_options_init(&options, sizeof options);
    options.threads = (int32_t)a->threads;
    options.precision = cli_precision(a->precision);
    options.hop_seconds = a->hop < 0 ? 0 : a->hop;
    options.modalities = !a->modality                    ? 0
                         : !strcmp(a->modality, "image") ? AVSOUND_INDEX_IMAGE
                         : !strcmp(a->modality, "audio") ? AVSOUND_INDEX_SOUND
                                                         : AVSOUND_INDEX_IMAGE | AVSOUND_INDEX_SOUND;
    const avsound_status status = avsound_indexer_create(j->c->context, j->model.model, a->output, &options, &j->indexer);
    if (status)
        return index_failed(j, status);
    cli_interrupt_indexer(j->indexer);
    return CLI_OK;
}

/* ---- files ---- */

/* What is to be done is known beforehand, so that the bar can tell how long it will take. */
static int plan(job *j)
{
    j->todo = calloc(j->sources.count + 1, sizeof *j->todo);
    if (!j->todo)
        return cli_error(CLI_RESOURCES, "index: out of memory");
    for (size_t i = 0; i < j->sources.count; i++) {
        int32_t current = 0;
        j->todo[i] = avsound_indexer_is_current(j->indexer, j->sources.paths[i], &current) || !current;
        j->todo_count += j->todo[i];
    }
    j->kept = (int64_t)j->sources.count - j->todo_count;
    return CLI_OK;
}

static void note_problem(job *j, const char *path, const char *error)
{
    if (!strncmp(error, path, strlen(path)))
        cli_warn("%s", error);
    else
        cli_warn("%s: %s", path, error);
    json_array_append_new(j->problems, json_pack("{s:o, s:o}", "file", cli_json_text(path), "error", cli_json_text(error)));
}

static int add(job *j, const char *path)
{
    avsound_indexed result = {.struct_size = sizeof result};
    const avsound_status status = avsound_indexer_add(j->indexer, path, &result);
    if (status)
        return index_failed(j, status);
    j->added += result.outcome == AVSOUND_INDEXED_NEW;
    j->partly += result.outcome == AVSOUND_INDEXED_PARTLY;
    j->failed += result.outcome == AVSOUND_INDEXED_FAILED;
    if (result.error)
        note_problem(j, path, result.error);
    return CLI_OK;
}

static int add_all(job *j)
{
    cli_progress progress;
    int code = plan(j);
    cli_progress_start(&progress, "files", j->todo_count, j->c->args.quiet);
    for (size_t i = 0; !code && i < j->sources.count; i++) {
        if (!j->todo[i])
            continue;
        code = cli_interrupted() ? CLI_FAILED : add(j, j->sources.paths[i]);
        if (!code)
            cli_progress_step(&progress);
    }
    j->seconds = cli_progress_end(&progress);
    return code;
}

static int index_files(job *j)
{
    const cli_args *a = &j->c->args;
    int code = cli_sources_find(a->operands, a->operand_count, &j->sources);
    if (!code)
        code = cli_sources_shard(&j->sources, a->shard, "index");
    if (!code && !j->sources.count)
        code = cli_error(CLI_INPUT, "%s: no picture, sound or video there", a->operands[0]);
    if (!code)
        code = cli_model_open(j->c, bundled, &j->model);
    if (!code) {
        cli_model_warn(&j->model, "embeddings");
        code = open_index(j);
    }
    return code ? code : add_all(j);
}

/* ---- indices ---- */

static int merge_indices(job *j)
{
    const cli_args *a = &j->c->args;
    const double started = cli_now();
    int code = a->shard ? cli_error(CLI_USAGE, "index: --merge takes all of the indices: no --shard") : open_index(j);
    for (int i = 0; !code && i < a->operand_count; i++) {
        int64_t files = 0;
        const avsound_status status = avsound_indexer_merge(j->indexer, a->operands[i], &files);
        j->merged += files;
        if (status)
            code = cli_input_failed(a->operands[i], status);
    }
    j->seconds = cli_now() - started;
    return code;
}

/* ---- the end ---- */

static int finish(job *j, int code)
{
    avsound_status status = AVSOUND_OK;
    if (!code && j->c->args.prune)
        status = avsound_indexer_prune(j->indexer, &j->pruned);
    if (!status && j->indexer) /* also what was done before Ctrl-C, or a failure */
        status = avsound_indexer_commit(j->indexer);
    return status && !code ? index_failed(j, status) : code;
}

static int print_json(const job *j, const avsound_index_info *info)
{
    return cli_json_print(json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:O}", "index",
                                    cli_json_text(j->c->args.output), "model", cli_json_text(*j->model.name ? j->model.name : NULL),
                                    "files", (json_int_t)info->files, "images", (json_int_t)info->images, "sounds",
                                    (json_int_t)info->sounds, "added", (json_int_t)j->added, "partly", (json_int_t)j->partly,
                                    "failed", (json_int_t)j->failed, "kept", (json_int_t)j->kept, "merged", (json_int_t)j->merged,
                                    "pruned", (json_int_t)j->pruned, "hop", info->hop_seconds, "seconds", j->seconds, "problems",
                                    j->problems));
}

static void print_summary(const job *j, const avsound_index_info *info)
{
    printf("%s: %lld files, %lld pictures, %lld sounds; ", j->c->args.output, (long long)info->files, (long long)info->images,
           (long long)info->sounds);
    if (j->c->args.merge)
        printf("%lld files merged", (long long)j->merged);
    else
        printf("%lld new, %lld kept", (long long)(j->added + j->partly), (long long)j->kept);
    if (j->failed)
        printf(", %lld of no use", (long long)j->failed);
    if (j->pruned)
        printf(", %lld forgotten", (long long)j->pruned);
    printf(", %.1f s\n", j->seconds);
}

static int report(const job *j)
{
    const cli_args *a = &j->c->args;
    avsound_index_info info = {.struct_size = sizeof info};
    avsound_index *index = NULL;
    avsound_status status = avsound_index_open(j->c->context, a->output, &index);
    if (!status)
        status = avsound_index_get_info(index, &info);
    int code = CLI_OK;
    if (status)
        code = index_failed(j, status);
    else if (a->json)
        code = print_json(j, &info);
    else if (!a->quiet)
        print_summary(j, &info);
    avsound_index_free(index);
    return code;
}

int cli_index(cli *c)
{
    if (c->args.export_to)
        return cli_index_export(c);
    if (!c->args.output)
        return cli_error(CLI_USAGE, "index: --output is missing: which index?");
    job j = {.c = c, .problems = json_array()};
    int code = c->args.merge ? merge_indices(&j) : index_files(&j);
    code = finish(&j, code);
    cli_interrupt_indexer(NULL);
    avsound_indexer_free(j.indexer);
    if (!code)
        code = report(&j);
    json_decref(j.problems);
    free(j.todo);
    cli_model_close(&j.model);
    cli_sources_close(&j.sources);
    return code;
}
