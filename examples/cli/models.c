#include <string.h>

#include "cli.h"

bool cli_model_find(const cli *c, const char *name, char *path, size_t size)
{
    return avsound_model_find(c->context, name, path, &size) == AVSOUND_OK;
}

static int load(const cli *c, const char *path, cli_model *out)
{
    snprintf(out->name, sizeof out->name, "%s", path);
    const avsound_status status = avsound_model_load(c->context, path, &out->model);
    return status ? cli_input_failed(path, status) : CLI_OK;
}

static int create(const cli *c, const char *arch, cli_model *out)
{
    const cli_args *a = &c->args;
    snprintf(out->name, sizeof out->name, "%s (seed %lld)", arch, (long long)a->seed);
    const avsound_status status = avsound_model_create(c->context, arch, a->config, (uint64_t)a->seed, &out->model);
    if (status == AVSOUND_E_INVALID_ARGUMENT)
        return cli_error(CLI_USAGE, "--arch %s: %s", arch, avsound_error_detail());
    return status ? cli_input_failed(arch, status) : CLI_OK;
}

int cli_model_open(const cli *c, const char *const *names, cli_model *out)
{
    char path[4096];
    const cli_args *a = &c->args;
    *out = (cli_model){0};
    if (a->model && !cli_model_find(c, a->model, path, sizeof path))
        return cli_error(CLI_INPUT, "%s", avsound_error_detail());
    bool found = a->model != NULL;
    for (; !found && !a->arch && names && *names; names++)
        found = cli_model_find(c, *names, path, sizeof path);
    const int code = found ? load(c, path, out) : create(c, a->arch ? a->arch : "avol-net", out);
    if (!code)
        out->trained = avsound_model_is_trained(out->model);
    return code;
}

void cli_model_warn(const cli_model *model, const char *what)
{
    if (!model->trained)
        cli_warn("%s is untrained: %s mean nothing until it is trained", model->name, what);
}

void cli_model_close(cli_model *model)
{
    avsound_model_free(model->model);
    model->model = NULL;
}

int32_t cli_precision(const char *name)
{
    return !strcmp(name, "f32")    ? AVSOUND_PRECISION_F32
           : !strcmp(name, "bf16") ? AVSOUND_PRECISION_BF16
                                   : AVSOUND_PRECISION_AUTO;
}

int cli_session(const cli *c, const cli_model *model, const char *outputs, avsound_session **out)
{
    avsound_session_options options;
    avsound_session_options_init(&options, sizeof options);
    options.threads = (int32_t)c->args.threads;
    options.precision = cli_precision(c->args.precision);
    options.outputs = outputs;
    const avsound_status status = avsound_session_create(model->model, &options, out);
    if (status)
        return cli_input_failed(model->name, status);
    cli_interrupt_session(*out);
    return CLI_OK;
}

void cli_session_close(avsound_session *session)
{
    cli_interrupt_session(NULL);
    avsound_session_free(session);
}

bool cli_separates(const char *arch, bool *blind)
{
    *blind = !strcmp(arch, "separator-pit") || !strcmp(arch, "mask-net-pit");
    return *blind || !strcmp(arch, "separator") || !strcmp(arch, "mask-net");
}
