/* The clips to evaluate on: the rows of a manifest, or the videos of a folder. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval.h"

static bool is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

static char *join(const char *folder, size_t length, const char *name)
{
    if (*name == '/')
        return strdup(name);
    char *path = malloc(length + strlen(name) + 2);
    if (path && length)
        sprintf(path, "%.*s/%s", (int)length, folder, name);
    else if (path)
        sprintf(path, "%s", name);
    return path;
}

/* ---- a folder without a manifest ---- */

static int is_video(const struct dirent *entry)
{
    static const char *const endings[] = {".mp4",  ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg",
                                          ".mpeg", ".ogv", ".ts",  ".flv",  ".3gp", ".wmv", ".mxf"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (cli_ends_with(entry->d_name, endings[i]))
            return entry->d_name[0] != '.';
    return 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Makes a table with the one column "file", so that all that follows knows one kind of input. */
static int list_folder(const char *path, eval_csv *csv)
{
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, is_video, by_bytes);
    if (n < 0)
        return cli_error(CLI_INPUT, "%s: %s", path, strerror(errno));
    size_t bytes = sizeof "file";
    for (int i = 0; i < n; i++)
        bytes += strlen(entries[i]->d_name) + 1;
    *csv = (eval_csv){malloc(bytes), calloc((size_t)n + 1, sizeof(char *)), n + 1, 1};
    char *at = csv->text;
    for (int i = 0; at && csv->fields && i <= n; i++) {
        csv->fields[i] = at;
        at = stpcpy(at, i ? entries[i - 1]->d_name : "file") + 1;
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return csv->text && csv->fields ? CLI_OK : cli_error(CLI_RESOURCES, "%s: out of memory", path);
}

/* ---- rows ---- */

typedef struct columns {
    int64_t file, category, group, time, boxes, width, height, offset, undecidable, off, muted;
    int64_t labels[8];
    int label_count;
} columns;

static int find_labels(const eval_data *data, const char *names, columns *c)
{
    static const char *const usual[] = {"labels", "audible", "category", "label"};
    for (size_t i = 0; !names && !c->label_count && i < sizeof usual / sizeof usual[0]; i++)
        if (eval_csv_column(&data->csv, usual[i]) >= 0)
            c->labels[c->label_count++] = eval_csv_column(&data->csv, usual[i]);
    while (names && *names) {
        char name[128];
        const size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        if (c->label_count == 8 || eval_csv_column(&data->csv, name) < 0)
            return cli_error(CLI_INPUT, "%s: has no column \"%s\" for --labels", data->path, name);
        c->labels[c->label_count++] = eval_csv_column(&data->csv, name);
        names += length + (names[length] == ',');
    }
    return CLI_OK;
}

static int find_columns(const eval_data *data, const char *labels, columns *c)
{
    const eval_csv *csv = &data->csv;
    *c = (columns){eval_csv_column(csv, "file"),
                   eval_csv_column(csv, "category"),
                   eval_csv_column(csv, "group"),
                   eval_csv_column(csv, "time"),
                   eval_csv_column(csv, "boxes"),
                   eval_csv_column(csv, "width"),
                   eval_csv_column(csv, "height"),
                   eval_csv_column(csv, "offset_ms"),
                   eval_csv_column(csv, "undecidable"),
                   eval_csv_column(csv, "off"),
                   eval_csv_column(csv, "muted"),
                   {0},
                   0};
    if (c->file < 0)
        return cli_error(CLI_INPUT, "%s: has no column \"file\"", data->path);
    return find_labels(data, labels, c);
}

static char *join_labels(const eval_csv *csv, int64_t row, const columns *c)
{
    size_t bytes = 1;
    for (int i = 0; i < c->label_count; i++)
        bytes += strlen(eval_csv_field(csv, row, c->labels[i])) + 1;
    char *text = calloc(bytes, 1);
    for (int i = 0; text && i < c->label_count; i++) {
        const char *one = eval_csv_field(csv, row, c->labels[i]);
        if (*text && *one)
            strcat(text, "|");
        strcat(text, one);
    }
    return text;
}

static bool read_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

static int read_offset(const eval_csv *csv, int64_t row, const columns *c, eval_clip *clip)
{
    const int code = eval_truth_read(clip->path, &clip->truth);
    if (!read_number(eval_csv_field(csv, row, c->offset), &clip->offset_ms))
        clip->offset_ms = clip->truth ? clip->truth->offset_ms : NAN;
    clip->undecidable = !strcmp(eval_csv_field(csv, row, c->undecidable), "1") ||
                        (clip->truth && !eval_truth_decidable(clip->truth));
    return code;
}

static int read_row(const eval_data *data, int64_t row, const columns *c, const char *folder, size_t length,
                    eval_clip *clip)
{
    const eval_csv *csv = &data->csv;
    double time;
    *clip = (eval_clip){
        .file = eval_csv_field(csv, row, c->file),
        .category = eval_csv_field(csv, row, c->category),
        .group = eval_csv_field(csv, row, c->group),
        .boxes = eval_csv_field(csv, row, c->boxes),
        .time_us = -1,
        .usable = true,
    };
    clip->path = join(folder, length, clip->file);
    clip->labels = join_labels(csv, row, c);
    const char *off = eval_csv_field(csv, row, c->off);
    clip->off = *off ? join(folder, length, off) : NULL;
    clip->muted = !strcmp(eval_csv_field(csv, row, c->muted), "1");
    if (!clip->path || !clip->labels || (*off && !clip->off))
        return cli_error(CLI_RESOURCES, "%s: out of memory", data->path);
    if (read_number(eval_csv_field(csv, row, c->time), &time) && time >= 0 && time < 1e9)
        clip->time_us = llround(time * 1e6);
    /* The unit of the boxes only where there are boxes: some manifests tell the stored size by the same names. */
    if (c->boxes < 0 || !read_number(eval_csv_field(csv, row, c->width), &clip->width) ||
        !read_number(eval_csv_field(csv, row, c->height), &clip->height))
        clip->width = clip->height = 0;
    return read_offset(csv, row, c, clip);
}

static int read_rows(eval_data *data, const char *labels, int64_t limit, const char *folder, size_t length)
{
    columns c;
    int code = find_columns(data, labels, &c);
    if (code)
        return code;
    const int64_t rows = data->csv.rows - 1, most = limit && limit < rows ? limit : rows;
    if (most < 1)
        return cli_error(CLI_INPUT, "%s: lists no clip", data->path);
    data->clips = calloc((size_t)most, sizeof *data->clips);
    if (!data->clips)
        return cli_error(CLI_RESOURCES, "%s: out of memory", data->path);
    while (!code && data->count < most) {
        eval_clip *clip = &data->clips[data->count++];
        code = read_row(data, data->count, &c, folder, length, clip);
        data->has_labels |= clip->labels && *clip->labels;
        data->has_truth |= clip->truth != NULL;
    }
    data->has_category = c.category >= 0;
    data->has_boxes = c.boxes >= 0;
    return code;
}

int eval_data_open(const char *path, const char *labels, int64_t limit, eval_data *out)
{
    *out = (eval_data){.path = path};
    if (!is_folder(path)) {
        const char *slash = strrchr(path, '/');
        const int code = eval_csv_read(path, &out->csv);
        return code ? code
                    : read_rows(out, labels, limit, path,
                                !slash          ? 0
                                : slash == path ? 1
                                                : (size_t)(slash - path));
    }
    char *manifest = join(path, strlen(path), "manifest.csv");
    int code = !manifest                 ? cli_error(CLI_RESOURCES, "%s: out of memory", path)
               : !access(manifest, R_OK) ? eval_csv_read(manifest, &out->csv)
                                         : list_folder(path, &out->csv);
    free(manifest);
    return code ? code : read_rows(out, labels, limit, path, strlen(path));
}

void eval_data_close(eval_data *data)
{
    for (int64_t i = 0; i < data->count; i++) {
        free(data->clips[i].path);
        free(data->clips[i].labels);
        free(data->clips[i].off);
        eval_truth_free(data->clips[i].truth);
    }
    free(data->clips);
    eval_csv_free(&data->csv);
    *data = (eval_data){0};
}

void eval_folder_name(const char *path, char *name, size_t size)
{
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    snprintf(name, size, "%.*s", end ? (int)(end - begin) : 0, begin ? begin : "");
}

int64_t eval_judged_time(const eval_clip *clip)
{
    const int64_t k = (clip->time_us + EVAL_GRID_US / 2) / EVAL_GRID_US;
    if (clip->time_us >= 0 && k >= clip->first && k <= clip->last)
        return k * EVAL_GRID_US;
    return (clip->first + clip->last) / 2 * EVAL_GRID_US;
}
