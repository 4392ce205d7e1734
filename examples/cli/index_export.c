/* avsound index --export: an index for other programs. */
#include <string.h>

#include "cli.h"

static const char *const names[] = {"image", "sound"};

static void print_path(FILE *file, const char *path)
{
    fputc('"', file);
    for (; *path; path++) {
        if (*path == '"')
            fputc('"', file);
        fputc(*path, file);
    }
    fputc('"', file);
}

/* The rows of both files are alike: vectors here, what they are of there. */
static int export_items(const avsound_index *index, int32_t modality, int64_t count, cli_npy *npy, cli_outfile *table)
{
    int code = CLI_OK;
    fprintf(table->file, "row,file,time\n");
    for (int64_t i = 0; !code && i < count; i++) {
        avsound_index_item item = {.struct_size = sizeof item};
        avsound_index_file file = {.struct_size = sizeof file};
        avsound_status status = avsound_index_get_item(index, modality, i, &item);
        if (!status)
            status = avsound_index_get_file(index, item.file, &file);
        code = cli_interrupted() ? CLI_FAILED : status ? cli_input_failed("index", status) : cli_npy_append(npy, item.vector);
        if (code)
            break;
        fprintf(table->file, "%lld,", (long long)i);
        print_path(table->file, file.path);
        fprintf(table->file, ",%.6f\n", (double)item.time_us / 1e6);
    }
    return code;
}

static int export_modality(const avsound_index *index, const char *prefix, int32_t modality, int64_t count, int64_t dimension)
{
    char path[2][4096];
    cli_npy npy = {0};
    cli_outfile table = {0};
    const char *name = names[modality == AVSOUND_INDEX_SOUND];
    snprintf(path[0], sizeof path[0], "%.4000s.%s.npy", prefix, name);
    snprintf(path[1], sizeof path[1], "%.4000s.%s.csv", prefix, name);
    int code = cli_npy_open(&npy, path[0], "<f4", 1, &dimension);
    if (!code)
        code = cli_outfile_open(&table, path[1]);
    if (!code)
        code = export_items(index, modality, count, &npy, &table);
    if (!code)
        code = cli_npy_finish(&npy);
    if (!code)
        code = cli_outfile_finish(&table);
    cli_npy_discard(&npy);
    cli_outfile_discard(&table);
    return code;
}

int cli_index_export(const cli *c)
{
    const cli_args *a = &c->args;
    avsound_index *index = NULL;
    avsound_index_info info = {.struct_size = sizeof info};
    if (a->operand_count != 1 || a->output || a->merge || a->prune || a->shard)
        return cli_error(CLI_USAGE, "index: --export wants one index, and nothing else");
    avsound_status status = avsound_index_open(c->context, a->operands[0], &index);
    if (!status)
        status = avsound_index_get_info(index, &info);
    int code = status ? cli_input_failed(a->operands[0], status) : CLI_OK;
    if (!code && info.modalities & AVSOUND_INDEX_IMAGE)
        code = export_modality(index, a->export_to, AVSOUND_INDEX_IMAGE, info.images, info.image_dimension);
    if (!code && info.modalities & AVSOUND_INDEX_SOUND)
        code = export_modality(index, a->export_to, AVSOUND_INDEX_SOUND, info.sounds, info.sound_dimension);
    if (!code && !a->quiet)
        printf("%s: %lld pictures, %lld sounds\n", a->export_to, (long long)info.images, (long long)info.sounds);
    avsound_index_free(index);
    return code;
}
