#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

bool cli_ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n > m && !strcasecmp(path + n - m, ending);
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;
    return a && b && !stat(a, &s) && !stat(b, &t) && S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

int cli_output_check(const cli_args *args)
{
    const char *const inputs[] = {args->inputs[0], args->inputs[1], args->audio,    args->model, args->data,
                                  args->tree,      args->cca_data,  args->pictures, args->sound,
                                  args->classifier, args->cca};
    const char *const outputs[] = {args->output, args->csv, args->curve, args->fix, args->picture, args->stems, args->page,
                                   args->confusion};
    const size_t count = sizeof outputs / sizeof outputs[0];
    for (size_t i = 0; i < count * sizeof inputs / sizeof inputs[0]; i++)
        if (same_file(outputs[i % count], inputs[i / count]))
            return cli_error(CLI_USAGE, "%s: is an input too; the output would replace it", outputs[i % count]);
    return CLI_OK;
}

static int open_temporary(cli_outfile *out)
{
    const size_t size = strlen(out->path) + 48;
    out->temporary = malloc(size);
    if (!out->temporary)
        return cli_error(CLI_RESOURCES, "%s: out of memory", out->path);
    int fd = -1;
    for (int attempt = 0; attempt < 100 && fd < 0; attempt++) {
        snprintf(out->temporary, size, "%s.part-%ld-%d", out->path, (long)getpid(), attempt);
        fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    out->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (out->file)
        return CLI_OK;
    const int code = cli_write_failed(out->path);
    if (fd >= 0) {
        close(fd);
        unlink(out->temporary);
    }
    free(out->temporary);
    out->temporary = NULL;
    return code;
}

int cli_outfile_open(cli_outfile *out, const char *path)
{
    *out = (cli_outfile){.path = path};
    if (!strcmp(path, "-")) {
        out->path = "standard output";
        out->file = stdout;
        return CLI_OK;
    }
    struct stat s;
    if (stat(path, &s) || S_ISREG(s.st_mode))
        return open_temporary(out);
    out->file = fopen(path, "wb");
    return out->file ? CLI_OK : cli_write_failed(path);
}

int cli_outfile_finish(cli_outfile *out)
{
    errno = 0;
    bool good = !ferror(out->file) && !fflush(out->file);
    if (out->file != stdout) {
        /* A full disk may show only when the data is on its way down. */
        good = good && (!out->temporary || !fsync(fileno(out->file)));
        good = !fclose(out->file) && good;
    }
    out->file = NULL;
    if (good && out->temporary)
        good = !rename(out->temporary, out->path);
    const int code = good ? CLI_OK : cli_write_failed(out->path);
    if (!good && out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    out->temporary = NULL;
    return code;
}

void cli_outfile_discard(cli_outfile *out)
{
    if (out->file && out->file != stdout)
        fclose(out->file);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    *out = (cli_outfile){0};
}

int cli_temporary_folder(const char *task, char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%.2000s/avsound-%s-XXXXXX", folder && *folder ? folder : "/tmp", task);
    if (mkdtemp(path))
        return CLI_OK;
    const int code = cli_error(CLI_RESOURCES, "%s: %s", path, strerror(errno));
    *path = 0;
    return code;
}
