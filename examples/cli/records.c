/* One way to write records: a subcommand makes JSON objects, the format decides what becomes of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Enough for microseconds over a day; floats are rounded to their own digits by cli_json_float. */
#define DIGITS JSON_REAL_PRECISION(12)

cli_format cli_format_of(const cli_args *args, cli_format otherwise)
{
    static const char *const names[] = {"table", "csv", "json", "jsonl", "npy", "npz"};
    for (int i = 0; args->format && i <= CLI_NPZ; i++)
        if (!strcmp(args->format, names[i]))
            return (cli_format)i;
    if (args->json)
        return CLI_JSON;
    for (int i = CLI_CSV; args->output && i <= CLI_NPZ; i++) {
        char ending[8];
        snprintf(ending, sizeof ending, ".%s", names[i]);
        if (cli_ends_with(args->output, ending))
            return (cli_format)i;
    }
    return otherwise;
}

int cli_records_open(cli_records *records, const char *path, cli_format format, const json_t *head)
{
    *records = (cli_records){.format = format};
    const int code = cli_outfile_open(&records->out, path);
    if (code || format != CLI_JSON)
        return code;
    FILE *file = records->out.file;
    char *text = json_dumps(head, DIGITS);
    if (!text)
        return cli_error(CLI_RESOURCES, "%s: out of memory", records->out.path);
    /* Without the closing brace: "results" comes before it. */
    fprintf(file, "%.*s, \"results\": [", (int)(strlen(text) - 1), text);
    free(text);
    return CLI_OK;
}

static void print_csv_text(FILE *file, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void print_csv_value(FILE *file, const json_t *value)
{
    if (json_is_string(value))
        print_csv_text(file, json_string_value(value));
    else if (!json_is_null(value))
        json_dumpf(value, file, JSON_ENCODE_ANY | DIGITS);
}

static void print_csv(FILE *file, json_t *record, bool header)
{
    const char *key, *separator = "";
    json_t *value;
    json_object_foreach(record, key, value) {
        const bool list = json_is_array(value);
        for (size_t i = 0, n = list ? json_array_size(value) : 1; i < n; i++, separator = ",") {
            fputs(separator, file);
            if (header && list)
                fprintf(file, "%s%zu", key, i);
            else if (header)
                fputs(key, file);
            else
                print_csv_value(file, list ? json_array_get(value, i) : value);
        }
    }
    fputc('\n', file);
}

/* Columns are as wide as their kind of value or their title needs. */
static int column_width(const char *key, const json_t *value)
{
    const int title = (int)strlen(key) + 2, least = json_is_string(value) ? 16 : json_is_integer(value) ? 6 : 11;
    return title > least ? title : least;
}

static void print_table(FILE *file, json_t *record, bool header)
{
    const char *key;
    json_t *value;
    json_object_foreach(record, key, value) {
        const int width = column_width(key, value);
        if (json_is_boolean(value))
            continue; /* "trained" is the same in every row: the warning says it */
        if (json_is_string(value)) /* the first column starts at the left */
            fprintf(file, "%*s", json_object_iter(record) == json_object_key_to_iter(key) ? -width : width,
                    header ? key : json_string_value(value));
        else if (header || json_is_null(value))
            fprintf(file, "%*s", width, header ? key : "-");
        else if (json_is_integer(value))
            fprintf(file, "%*lld", width, (long long)json_integer_value(value));
        else
            fprintf(file, "%*.4f", width, json_number_value(value));
    }
    fputc('\n', file);
}

static void print_record(cli_records *r, json_t *record)
{
    FILE *file = r->out.file;
    const bool first = r->count == 0;
    switch (r->format) {
    case CLI_TABLE:
        if (first)
            print_table(file, record, true);
        print_table(file, record, false);
        break;
    case CLI_CSV:
        if (first)
            print_csv(file, record, true);
        print_csv(file, record, false);
        break;
    case CLI_JSON:
        fputs(first ? "\n  " : ",\n  ", file);
        json_dumpf(record, file, DIGITS);
        break;
    default:
        json_dumpf(record, file, DIGITS);
        fputc('\n', file);
    }
}

int cli_records_add(cli_records *records, json_t *record)
{
    if (!record)
        return cli_error(CLI_RESOURCES, "%s: out of memory", records->out.path);
    errno = 0;
    print_record(records, record);
    json_decref(record);
    records->count++;
    /* Whoever reads standard output wants each record as it comes. */
    if (records->out.file == stdout)
        fflush(stdout);
    return ferror(records->out.file) ? cli_write_failed(records->out.path) : CLI_OK;
}

int cli_records_finish(cli_records *records)
{
    if (records->format == CLI_JSON)
        fputs(records->count ? "\n]}\n" : "]}\n", records->out.file);
    return cli_outfile_finish(&records->out);
}

void cli_records_discard(cli_records *records)
{
    cli_outfile_discard(&records->out);
}

json_t *cli_json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *string = json_string(text);
    char *copy = string ? NULL : strdup(text);
    if (!copy)
        return string;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    string = json_string(copy);
    free(copy);
    return string;
}

json_t *cli_json_float(float value)
{
    char text[32];
    if (!isfinite(value))
        return json_null();
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}

json_t *cli_json_seconds(int64_t time_us)
{
    return time_us < 0 ? json_null() : json_real((double)time_us / 1e6);
}

json_t *cli_json_floats(const float *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; list && i < count; i++)
        json_array_append_new(list, cli_json_float(values[i]));
    return list;
}

int cli_json_print(json_t *object)
{
    if (!object)
        return cli_error(CLI_RESOURCES, "standard output: out of memory");
    json_dumpf(object, stdout, JSON_INDENT(2) | DIGITS);
    fputc('\n', stdout);
    json_decref(object);
    return CLI_OK;
}
