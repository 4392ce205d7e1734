/* avsound cca: a space in which an index's pictures and sounds can be compared. */
#include <math.h>
#include <string.h>

#include "cli.h"

enum { ENOUGH = 10 }; /* pairs for each number of a vector */

static avsound_status fit(const cli *c, const avsound_index *index, avsound_cca **out)
{
    const cli_args *a = &c->args;
    avsound_cca_options options;
    avsound_cca_options_init(&options, sizeof options);
    options.components = (int32_t)a->components;
    options.regularisation = a->regularisation;
    options.count = a->pairs;
    return avsound_index_fit_cca(index, &options, out);
}

static json_t *list_correlations(const avsound_cca *cca, int32_t count)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(list, json_real(avsound_cca_correlation(cca, i)));
    return list;
}

static int print_json(const char *path, const avsound_cca *cca, const avsound_cca_info *info)
{
    return cli_json_print(json_pack("{s:o, s:s, s:s, s:I, s:i, s:i, s:i, s:o}", "cca", cli_json_text(path), "arch", info->arch,
                                    "model", info->model, "pairs", (json_int_t)info->pairs, "components", info->components,
                                    "image_dimension", info->dimension_x, "sound_dimension", info->dimension_y, "correlations",
                                    list_correlations(cca, info->components)));
}

static int report(const cli *c, const avsound_cca *cca)
{
    avsound_cca_info info = {.struct_size = sizeof info};
    const char *path = c->args.output;
    const avsound_status status = avsound_cca_get_info(cca, &info);
    if (status)
        return cli_input_failed(path, status);
    const int32_t dimension = info.dimension_x > info.dimension_y ? info.dimension_x : info.dimension_y;
    if (info.pairs < (int64_t)ENOUGH * dimension)
        cli_warn("%lld pairs are few for vectors of %d numbers: what correlates there may not elsewhere", (long long)info.pairs,
                 dimension);
    if (c->args.json)
        return print_json(path, cca, &info);
    if (!c->args.quiet)
        printf("%s: %d components of %lld pairs; correlations %.2f, %.2f in the middle, %.2f last\n", path, info.components,
               (long long)info.pairs, avsound_cca_correlation(cca, 0), avsound_cca_correlation(cca, info.components / 2),
               avsound_cca_correlation(cca, info.components - 1));
    return CLI_OK;
}

int cli_cca(cli *c)
{
    const char *path = c->args.inputs[0];
    avsound_index *index = NULL;
    avsound_cca *cca = NULL;
    if (!c->args.output)
        return cli_error(CLI_USAGE, "cca: --output is missing: where to?");
    avsound_status status = avsound_index_open(c->context, path, &index);
    if (!status)
        status = fit(c, index, &cca);
    int code = status ? cli_input_failed(path, status) : CLI_OK;
    if (!code && !avsound_cca_components(cca))
        code = cli_error(CLI_INPUT, "%s: nothing there correlates", path);
    if (!code && !cli_interrupted() && (status = avsound_cca_save(cca, c->args.output)))
        code = cli_output_failed(c->args.output, status);
    if (!code && !cli_interrupted())
        code = report(c, cca);
    avsound_cca_free(cca);
    avsound_index_free(index);
    return code;
}
