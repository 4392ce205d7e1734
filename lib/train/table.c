#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/csv.h"
#include "train/prepare.h"

static const struct flag_name {
    int32_t flag;
    const char *name;
} flag_names[] = {
    {AVSOUND_CLIP_BROKEN, "broken"}, {AVSOUND_CLIP_NO_VIDEO, "no-video"},   {AVSOUND_CLIP_NO_AUDIO, "no-audio"},
    {AVSOUND_CLIP_SHORT, "short"},   {AVSOUND_CLIP_UNEQUAL, "unequal"},     {AVSOUND_CLIP_STILL, "still"},
    {AVSOUND_CLIP_SILENT, "silent"}, {AVSOUND_CLIP_DUPLICATE, "duplicate"},
};

const char *avsound_clip_flag_name(int32_t flag)
{
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(flag_names); i++)
        if (flag_names[i].flag == flag)
            return flag_names[i].name;
    return NULL;
}

/* The table's columns, in this order. */
enum {
    FILE_NAME,
    GROUP,
    FRAMES,
    SAMPLES,
    FLAGS,
    WIDTH,
    HEIGHT,
    VIDEO_S,
    AUDIO_S,
    MOVING,
    AUDIBLE,
    LEVEL_DB,
    DUPLICATE_OF,
    ERROR_TEXT,
    SOURCE,
    SOURCE_BYTES,
    SOURCE_TIME,
    SETTINGS,
    FINGERPRINT,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    [FILE_NAME] = "file",
    [GROUP] = "group",
    [FRAMES] = "frames",
    [SAMPLES] = "samples",
    [FLAGS] = "flags",
    [WIDTH] = "width",
    [HEIGHT] = "height",
    [VIDEO_S] = "video_s",
    [AUDIO_S] = "audio_s",
    [MOVING] = "moving",
    [AUDIBLE] = "audible",
    [LEVEL_DB] = "level_db",
    [DUPLICATE_OF] = "duplicate_of",
    [ERROR_TEXT] = "error",
    [SOURCE] = "source",
    [SOURCE_BYTES] = "source_bytes",
    [SOURCE_TIME] = "source_mtime_ns",
    [SETTINGS] = "settings",
    [FINGERPRINT] = "fingerprint",
};

/* ---- reading ---- */

typedef struct reading {
    const avsn_csv *csv;
    int32_t column[COLUMNS];
    avsn_clip_row *row;
} reading;

static const char *field_of(const reading *r, int which)
{
    return r->csv->fields[r->column[which]];
}

static avsound_status read_flags(const reading *r, int32_t *flags)
{
    *flags = 0;
    for (const char *word = field_of(r, FLAGS); *word;) {
        const size_t length = strcspn(word, " ");
        size_t i = 0;
        while (i < AVSN_ARRAY_COUNT(flag_names) &&
               (strlen(flag_names[i].name) != length || strncmp(flag_names[i].name, word, length) != 0))
            i++;
        if (i == AVSN_ARRAY_COUNT(flag_names))
            return avsn_csv_refuse(r->csv, r->column[FLAGS], "names of flags with single spaces between");
        *flags |= flag_names[i].flag;
        word += length + (word[length] == ' ');
    }
    return AVSOUND_OK;
}

static avsound_status read_name(const reading *r, int which, char *name, size_t size)
{
    const char *text = field_of(r, which);
    if (strlen(text) >= size || strchr(text, '/') || *text == '.')
        return avsn_csv_refuse(r->csv, r->column[which], "the name of a prepared file");
    strcpy(name, text);
    return AVSOUND_OK;
}

static avsound_status read_count(const reading *r, int which, int64_t most, int64_t *value)
{
    return avsn_csv_integer(r->csv, r->column[which], 0, most, value);
}

static avsound_status read_int32(const reading *r, int which, int32_t *value)
{
    int64_t wide = 0;
    AVSN_TRY(read_count(r, which, INT32_MAX, &wide));
    *value = (int32_t)wide;
    return AVSOUND_OK;
}

static avsound_status read_text(const reading *r, int which, char **text)
{
    *text = avsn_strdup(r->csv->context, field_of(r, which));
    return *text ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status read_numbers(const reading *r)
{
    avsn_clip_row *row = r->row;
    AVSN_TRY(read_int32(r, FRAMES, &row->frames));
    AVSN_TRY(read_int32(r, WIDTH, &row->width));
    AVSN_TRY(read_int32(r, HEIGHT, &row->height));
    AVSN_TRY(read_count(r, SAMPLES, (int64_t)1 << 48, &row->samples));
    AVSN_TRY(avsn_csv_integer(r->csv, r->column[SOURCE_BYTES], -1, INT64_MAX, &row->source_bytes));
    AVSN_TRY(avsn_csv_integer(r->csv, r->column[SOURCE_TIME], INT64_MIN, INT64_MAX, &row->source_time));
    AVSN_TRY(avsn_csv_number(r->csv, r->column[VIDEO_S], &row->video_seconds));
    AVSN_TRY(avsn_csv_number(r->csv, r->column[AUDIO_S], &row->audio_seconds));
    AVSN_TRY(avsn_csv_number(r->csv, r->column[MOVING], &row->moving));
    AVSN_TRY(avsn_csv_number(r->csv, r->column[AUDIBLE], &row->audible));
    return avsn_csv_number(r->csv, r->column[LEVEL_DB], &row->level_db);
}

static avsound_status read_row(const reading *r)
{
    avsn_clip_row *row = r->row;
    AVSN_TRY(read_flags(r, &row->flags));
    AVSN_TRY(read_name(r, FILE_NAME, row->file, sizeof row->file));
    AVSN_TRY(read_name(r, DUPLICATE_OF, row->duplicate_of, sizeof row->duplicate_of));
    AVSN_TRY(read_numbers(r));
    if (strlen(field_of(r, SETTINGS)) >= sizeof row->settings)
        return avsn_csv_refuse(r->csv, r->column[SETTINGS], "what avsound prepare wrote");
    strcpy(row->settings, field_of(r, SETTINGS));
    if (!avsn_fingerprint_read(field_of(r, FINGERPRINT), &row->print))
        return avsn_csv_refuse(r->csv, r->column[FINGERPRINT], "what avsound prepare wrote");
    if (*field_of(r, SOURCE) != '/')
        return avsn_csv_refuse(r->csv, r->column[SOURCE], "an absolute path");
    if (*field_of(r, ERROR_TEXT))
        AVSN_TRY(read_text(r, ERROR_TEXT, &row->error));
    AVSN_TRY(read_text(r, SOURCE, &row->source));
    return read_text(r, GROUP, &row->group);
}

static avsound_status read_rows(avsn_clip_table *table, avsn_csv *csv)
{
    reading r = {.csv = csv};
    avsound_status status = AVSOUND_OK;
    for (int i = 0; i < COLUMNS; i++)
        AVSN_TRY(avsn_csv_want(csv, column_names[i], &r.column[i]));
    while (!status && !(status = avsn_csv_next(csv))) {
        avsn_clip_row row = {.kept = true};
        r.row = &row;
        status = read_row(&r);
        if (!status)
            status = avsn_clip_table_add(table, &row);
        if (status)
            avsn_clip_row_clear(table->context, &row);
    }
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

avsound_status avsn_clip_table_read(avsn_clip_table *table, const char *path)
{
    avsn_csv csv;
    AVSN_TRY(avsn_csv_open(table->context, path, &csv));
    const avsound_status status = read_rows(table, &csv);
    avsn_csv_close(&csv);
    return status;
}

/* ---- writing ---- */

static void write_flags(avsn_text *text, int32_t flags)
{
    const char *space = "";
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(flag_names); i++)
        if (flags & flag_names[i].flag) {
            avsn_text_add(text, "%s%s", space, flag_names[i].name);
            space = " ";
        }
}

static void write_row(avsn_text *text, const avsn_clip_row *row)
{
    char print[AVSN_PRINT_TEXT];
    avsn_fingerprint_write(&row->print, print);
    avsn_text_add_field(text, row->file);
    avsn_text_add(text, ",");
    avsn_text_add_field(text, row->group);
    avsn_text_add(text, ",%d,%lld,", row->frames, (long long)row->samples);
    write_flags(text, row->flags);
    avsn_text_add(text, ",%d,%d,%.3f,%.3f,%.4f,%.4f,%.2f,", row->width, row->height, row->video_seconds,
                  row->audio_seconds, row->moving, row->audible, row->level_db);
    avsn_text_add_field(text, row->duplicate_of);
    avsn_text_add(text, ",");
    avsn_text_add_field(text, row->error ? row->error : "");
    avsn_text_add(text, ",");
    avsn_text_add_field(text, row->source);
    avsn_text_add(text, ",%lld,%lld,%s,%s\n", (long long)row->source_bytes, (long long)row->source_time, row->settings,
                  print);
}

avsound_status avsn_clip_table_write(const avsn_clip_table *table, const char *path)
{
    avsn_text text = {.context = table->context};
    for (int i = 0; i < COLUMNS; i++)
        avsn_text_add(&text, "%s%c", column_names[i], i + 1 < COLUMNS ? ',' : '\n');
    for (size_t i = 0; i < table->count; i++)
        if (!table->rows[i].pending && !table->rows[i].elsewhere)
            write_row(&text, &table->rows[i]);
    avsound_status status = text.status;
    if (!status)
        status = avsn_text_write(table->context, path, text.data, text.bytes);
    avsn_free(table->context, text.data);
    return status;
}

/* ---- rows ---- */

avsound_status avsn_clip_table_add(avsn_clip_table *table, const avsn_clip_row *row)
{
    AVSN_TRY(avsn_grow(table->context, (void **)&table->rows, sizeof *table->rows, table->count, table->count + 1,
                       &table->capacity));
    table->rows[table->count++] = *row;
    return AVSOUND_OK;
}

static int compare_sources(const void *a, const void *b)
{
    return strcmp(((const avsn_clip_row *)a)->source, ((const avsn_clip_row *)b)->source);
}

void avsn_clip_table_sort(avsn_clip_table *table)
{
    if (table->count)
        qsort(table->rows, table->count, sizeof *table->rows, compare_sources);
}

avsn_clip_row *avsn_clip_table_find(const avsn_clip_table *table, const char *source)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(table->rows[middle].source, source);
        if (order == 0)
            return &table->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A clip that is left out anyway makes no other one superfluous. */
static bool is_comparable(const avsn_clip_row *row)
{
    return !row->pending && *row->file && !(row->flags & ~AVSOUND_CLIP_DUPLICATE);
}

static void mark_if_duplicate(avsn_clip_table *table, size_t index)
{
    avsn_clip_row *row = &table->rows[index];
    row->flags &= ~AVSOUND_CLIP_DUPLICATE;
    row->duplicate_of[0] = 0;
    for (size_t i = 0; is_comparable(row) && i < index; i++) {
        const avsn_clip_row *earlier = &table->rows[i];
        if ((earlier->flags & AVSOUND_CLIP_DUPLICATE) || !is_comparable(earlier) ||
            !avsn_fingerprint_same(&row->print, &earlier->print))
            continue;
        row->flags |= AVSOUND_CLIP_DUPLICATE;
        memcpy(row->duplicate_of, earlier->file, sizeof row->duplicate_of);
        return;
    }
}

void avsn_clip_table_mark_duplicates(avsn_clip_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        mark_if_duplicate(table, i);
}

void avsn_clip_row_clear(avsound_context *context, avsn_clip_row *row)
{
    avsn_free(context, row->source);
    avsn_free(context, row->group);
    avsn_free(context, row->error);
    *row = (avsn_clip_row){0};
}

void avsn_clip_table_clear(avsn_clip_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        avsn_clip_row_clear(table->context, &table->rows[i]);
    avsn_free(table->context, table->rows);
    *table = (avsn_clip_table){.context = table->context};
}
