/* numpy's array files, version 1.0, grown item by item: the count in the header is filled in at the end. */
#include <string.h>

#include "cli.h"

void cli_npy_header(unsigned char header[CLI_NPY_HEADER], const char *descr, int64_t count, int rank, const int64_t *shape)
{
    char text[CLI_NPY_HEADER - 10 + 1], sizes[80] = "";
    for (int i = 0; i < rank; i++) {
        const size_t used = strlen(sizes);
        snprintf(sizes + used, sizeof sizes - used, " %lld,", (long long)shape[i]);
    }
    const int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%lld,%s), }", descr,
                                (long long)count, sizes);
    memset(text + length, ' ', sizeof text - 1 - (size_t)length);
    text[sizeof text - 2] = '\n';
    const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, CLI_NPY_HEADER - 10, 0};
    memcpy(header, magic, sizeof magic);
    memcpy(header + sizeof magic, text, sizeof text - 1);
}

static bool write_header(cli_npy *npy)
{
    unsigned char header[CLI_NPY_HEADER];
    cli_npy_header(header, npy->descr, npy->count, npy->rank, npy->shape);
    return fwrite(header, sizeof header, 1, npy->out.file) == 1;
}

int cli_npy_open(cli_npy *npy, const char *path, const char *descr, int rank, const int64_t *shape)
{
    *npy = (cli_npy){.descr = descr, .rank = rank, .item_size = descr[2] == '8' ? 8 : 4};
    if ((size_t)snprintf(npy->path, sizeof npy->path, "%s", path) >= sizeof npy->path)
        return cli_error(CLI_USAGE, "%s: the name is too long", path);
    for (int i = 0; i < rank; i++) {
        npy->shape[i] = shape[i];
        npy->item_size *= (size_t)shape[i];
    }
    const int code = cli_outfile_open(&npy->out, npy->path);
    if (code)
        return code;
    return write_header(npy) ? CLI_OK : cli_write_failed(npy->path);
}

int cli_npy_append(cli_npy *npy, const void *item)
{
    if (fwrite(item, npy->item_size, 1, npy->out.file) != 1)
        return cli_write_failed(npy->path);
    npy->count++;
    return CLI_OK;
}

int cli_npy_finish(cli_npy *npy)
{
    if (fseek(npy->out.file, 0, SEEK_SET) || !write_header(npy))
        return cli_write_failed(npy->path);
    return cli_outfile_finish(&npy->out);
}

void cli_npy_discard(cli_npy *npy)
{
    cli_outfile_discard(&npy->out);
}

void cli_npy_times_path(const char *path, char *out, size_t size)
{
    const int stem = (int)(strlen(path) - (cli_ends_with(path, ".npy") ? 4 : 0));
    snprintf(out, size, "%.*s.times.npy", stem, path);
}

int cli_series_open(cli_series *series, const char *path, int rank, const int64_t *shape)
{
    char times[4096];
    *series = (cli_series){0};
    const int code = cli_npy_open(&series->values, path, "<f4", rank, shape);
    if (code)
        return code;
    cli_npy_times_path(path, times, sizeof times);
    return cli_npy_open(&series->times, times, "<f8", 0, NULL);
}

int cli_series_append(cli_series *series, const float *item, int64_t time_us)
{
    const double seconds = (double)time_us / 1e6;
    const int code = cli_npy_append(&series->values, item);
    return code ? code : cli_npy_append(&series->times, &seconds);
}

int cli_series_finish(cli_series *series)
{
    const int code = cli_npy_finish(&series->times);
    return code ? code : cli_npy_finish(&series->values);
}

void cli_series_discard(cli_series *series)
{
    cli_npy_discard(&series->values);
    cli_npy_discard(&series->times);
}
