#include "train/prepare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/threads.h"
#include "media/flows.h"
#include "train/dataset.h"

enum { MOST_WORKERS = 256, STALE_SECONDS = 3600, STEM_BYTES = 80 };

struct avsound_prepare_report {
    avsound_context *context;
    avsn_clip_table table;
    size_t *ours; /* rows of this call's sources */
    size_t count;
};

typedef struct run {
    avsound_context *context;
    avsound_prepare_options options;
    char settings[AVSN_CLIP_SETTINGS];
    char *folder, *table_path;
    avsn_clip_table table;
    avsn_manifest manifest;
    avsn_pool *pool;
    pthread_mutex_t mutex; /* guards what follows, the rows that are pending, and the calls to `progress` */
    avsound_prepare_state state;
    avsound_status status; /* what ended the run early */
    char detail[1024];
    double saved; /* when the table was written last */
    double save_seconds;
} run;

void avsound_prepare_options_init(avsound_prepare_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- names ---- */

static char *join(avsound_context *context, const char *folder, const char *name)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = avsn_alloc(context, bytes, 1);
    if (path)
        snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

/* The source's own name, as far as it is harmless, and what tells it from others of the same name: FNV-1a of the path.
 * */
static void name_file(const char *source, char name[AVSN_CLIP_NAME])
{
    const char *base = strrchr(source, '/') + 1, *dot = strrchr(base, '.');
    const size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = source; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    char stem[STEM_BYTES + 1];
    size_t n = 0;
    for (; n < length && n < STEM_BYTES; n++) {
        const char c = base[n];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '_' || (c == '.' && n > 0);
        stem[n] = plain ? c : '_';
    }
    stem[n] = 0;
    snprintf(name, AVSN_CLIP_NAME, "%s-%010llx.mkv", stem, (unsigned long long)(hash >> 24));
}

/* ---- the folder ---- */

static avsound_status make_folder(const char *folder)
{
    struct stat status;
    if (mkdir(folder, 0777) == 0 || (errno == EEXIST && !stat(folder, &status) && S_ISDIR(status.st_mode)))
        return AVSOUND_OK;
    AVSN_FAIL(AVSOUND_E_IO, "%s: the folder cannot be made: %s", folder, strerror(errno));
}

static bool is_shard_table(const char *name)
{
    int shard, shards, end = 0;
    return sscanf(name, AVSN_DATASET_SHARD_PREFIX "%d-of-%d.csv%n", &shard, &shards, &end) == 2 && end && !name[end];
}

static bool precedes(const char *name, const char *tail, const char *ending)
{
    const size_t length = strlen(ending);
    return (size_t)(tail - name) > length && !strncmp(tail - length, ending, length);
}

/* ".NAME.mkv.HEX" or ".NAME.flow.HEX", as a killed run leaves them; one that has not grown for an hour is nobody's. */
static bool is_left_over(int folder, const char *name)
{
    struct stat status;
    const char *tail = strrchr(name, '.');
    const bool ours = tail && tail[1] && !tail[1 + strspn(tail + 1, "0123456789abcdef")] &&
                      (precedes(name, tail, ".mkv") || precedes(name, tail, ".flow"));
    return name[0] == '.' && ours &&
           !fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status.st_mode) &&
           time(NULL) - status.st_mtime > STALE_SECONDS;
}

static avsound_status read_table(run *r, const char *name)
{
    char *path = join(r->context, r->folder, name);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    const size_t before = r->table.count;
    const avsound_status status = avsn_clip_table_read(&r->table, path);
    const bool own = !r->options.shards || !strcmp(path, r->table_path);
    for (size_t i = before; i < r->table.count; i++)
        r->table.rows[i].elsewhere = !own;
    avsn_free(r->context, path);
    return status;
}

/* Reads every table there is. */
static avsound_status read_folder(run *r)
{
    DIR *listing = opendir(r->folder);
    if (!listing)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", r->folder, strerror(errno));
    avsound_status status = AVSOUND_OK;
    for (struct dirent *entry; !status && (entry = readdir(listing));) {
        if (is_left_over(dirfd(listing), entry->d_name))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
        else if (!strcmp(entry->d_name, AVSN_DATASET_TABLE) || is_shard_table(entry->d_name))
            status = read_table(r, entry->d_name);
    }
    closedir(listing);
    return status;
}

/* After a call without shards has written everything into one table. */
static void remove_shard_tables(const run *r)
{
    DIR *listing = opendir(r->folder);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));)
        if (is_shard_table(entry->d_name))
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
}

/* ---- what is known already ---- */

typedef struct stamp {
    int64_t bytes, time;
} stamp;

static stamp stamp_of(const char *path)
{
    struct stat status;
    if (stat(path, &status))
        return (stamp){-1, 0};
    return (stamp){status.st_size, (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec};
}

static bool has_flow(const run *r, const char *clip)
{
    char *path = avsn_flows_path(r->context, clip);
    const bool there = path && access(path, R_OK) == 0;
    avsn_free(r->context, path);
    return there;
}

/* Does the row say what preparing its source once more would say? */
static bool is_current(const run *r, const avsn_clip_row *row)
{
    const stamp s = stamp_of(row->source);
    if (s.bytes < 0 || row->source_bytes != s.bytes || row->source_time != s.time ||
        strcmp(row->settings, r->settings) != 0)
        return false;
    if (!*row->file) /* now wanted for its sound? */
        return !r->options.sounds || (row->flags & (AVSOUND_CLIP_NO_VIDEO | AVSOUND_CLIP_NO_AUDIO)) != AVSOUND_CLIP_NO_VIDEO;
    char *path = join(r->context, r->folder, row->file);
    const bool there = path && access(path, R_OK) == 0 && (!r->options.flow || !row->frames || has_flow(r, path));
    avsn_free(r->context, path);
    return there;
}

/* Of rows for one source, which two tables may have, the best one stays. */
static void unite(run *r)
{
    avsn_clip_table *table = &r->table;
    avsn_clip_table_sort(table);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        avsn_clip_row *row = &table->rows[i], *last = kept ? &table->rows[kept - 1] : NULL;
        if (!last || strcmp(last->source, row->source) != 0) {
            table->rows[kept++] = *row;
        } else {
            avsn_clip_row spare = *row;
            if (is_current(r, row) && !is_current(r, last)) {
                spare = *last;
                *last = *row;
            }
            avsn_clip_row_clear(r->context, &spare);
        }
    }
    table->count = kept;
}

static avsound_status set_group(run *r, avsn_clip_row *row)
{
    char name[AVSN_CLIP_NAME];
    const char *group = r->options.manifest ? avsn_manifest_group(&r->manifest, row->source) : NULL;
    if (!group) {
        name_file(row->source, name);
        *strrchr(name, '.') = 0;
        group = name;
    }
    char *copy = avsn_strdup(r->context, group);
    if (!copy)
        return AVSOUND_E_NO_MEMORY;
    avsn_free(r->context, row->group);
    row->group = copy;
    return AVSOUND_OK;
}

static avsound_status new_row(run *r, const char *source)
{
    avsn_clip_row row = {.ours = true, .pending = true, .source = avsn_strdup(r->context, source)};
    avsound_status status = row.source ? set_group(r, &row) : AVSOUND_E_NO_MEMORY;
    if (!status)
        status = avsn_clip_table_add(&r->table, &row);
    if (status)
        avsn_clip_row_clear(r->context, &row);
    return status;
}

/* A row known for a source of this call. */
static avsound_status take_row(run *r, avsn_clip_row *row)
{
    row->ours = true;
    row->kept = is_current(r, row);
    if (!row->kept) {
        row->pending = true;
        row->elsewhere = false;
    }
    /* Without a manifest, groups that an earlier one gave stay. */
    return r->options.manifest ? set_group(r, row) : AVSOUND_OK;
}

static avsound_status take_sources(run *r, const avsn_paths *paths)
{
    const size_t known = r->table.count;
    for (size_t i = 0; i < paths->count; i++) {
        if (r->options.shards && (int64_t)(i % (size_t)r->options.shards) != r->options.shard - 1)
            continue;
        /* The rows known already are the first, and sorted. */
        const avsn_clip_table before = {.rows = r->table.rows, .count = known};
        avsn_clip_row *found = avsn_clip_table_find(&before, paths->paths[i]);
        AVSN_TRY(found ? take_row(r, found) : new_row(r, paths->paths[i]));
    }
    avsn_clip_table_sort(&r->table);
    return AVSOUND_OK;
}

/* ---- the work ---- */

/* With the mutex held. The first failure is the one reported. */
static void end_run(run *r, avsound_status status)
{
    if (r->status || !status)
        return;
    r->status = status;
    snprintf(r->detail, sizeof r->detail, "%s", avsound_error_detail());
}

static void show_clip(const avsn_clip_row *row, avsound_prepared_clip *clip)
{
    *clip = (avsound_prepared_clip){
        .struct_size = sizeof *clip,
        .flags = row->flags,
        .kept = row->kept,
        .frames = row->frames,
        .width = row->width,
        .height = row->height,
        .samples = row->samples,
        .video_seconds = row->video_seconds,
        .audio_seconds = row->audio_seconds,
        .moving = row->moving,
        .audible = row->audible,
        .level_db = row->level_db,
        .source = row->source,
        .file = row->file,
        .group = row->group,
        .duplicate_of = row->duplicate_of,
        .error = row->error ? row->error : "",
    };
}

/* With the mutex held. */
static void report(run *r, const avsn_clip_row *row)
{
    avsound_prepared_clip clip;
    r->state.clip = NULL;
    if (row) {
        show_clip(row, &clip);
        r->state.clip = &clip;
        r->state.done++;
        r->state.kept += row->kept;
        r->state.flagged += row->flags != 0;
    }
    if (r->options.progress && !r->status && r->options.progress(&r->state, r->options.user_data))
        end_run(r, avsn_fail(AVSOUND_E_CANCELLED, "stopped at the caller's request"));
}

static bool watch(void *user_data, double seconds)
{
    run *r = user_data;
    pthread_mutex_lock(&r->mutex);
    r->state.seconds += seconds;
    report(r, NULL);
    const bool stop = r->status != AVSOUND_OK;
    pthread_mutex_unlock(&r->mutex);
    return stop;
}

/* With the mutex held. A large table takes its time to write: it is written the less often. */
static void save_now_and_then(run *r)
{
    const double started = now();
    if (started - r->saved < r->save_seconds)
        return;
    end_run(r, avsn_clip_table_write(&r->table, r->table_path));
    r->saved = now();
    r->save_seconds = AVSN_MAX(r->save_seconds, 20 * (r->saved - started));
}

static avsound_status encode_row(run *r, const avsn_clip_row *pending, avsn_clip_row *row)
{
    const stamp s = stamp_of(pending->source);
    char name[AVSN_CLIP_NAME];
    name_file(pending->source, name);
    char *path = join(r->context, r->folder, name);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    *row = (avsn_clip_row){.source_bytes = s.bytes, .source_time = s.time};
    const avsn_encode_job job = {
        .context = r->context,
        .source = pending->source,
        .path = path,
        .short_side = r->options.short_side,
        .channels = r->options.channels,
        .scale = r->options.quality,
        .sounds = r->options.sounds != 0,
        .flow = r->options.flow,
        .watch = watch,
        .user_data = r,
    };
    const avsound_status status = avsn_encode_clip(&job, row);
    avsn_free(r->context, path);
    if (row->samples)
        memcpy(row->file, name, sizeof row->file);
    memcpy(row->settings, r->settings, sizeof row->settings);
    return status;
}

/* With the mutex held: puts what was found into the table's row, whose source and group stay. */
static void settle_row(run *r, avsn_clip_row *pending, avsn_clip_row *found)
{
    found->source = pending->source;
    found->group = pending->group;
    found->ours = true;
    avsn_free(r->context, pending->error);
    *pending = *found;
    report(r, pending);
    save_now_and_then(r);
}

static void work(void *user_data, void *job, int32_t worker)
{
    run *r = user_data;
    avsn_clip_row *pending = job, found = {0};
    (void)worker;
    pthread_mutex_lock(&r->mutex);
    const bool stop = r->status != AVSOUND_OK;
    pthread_mutex_unlock(&r->mutex);
    if (stop)
        return;
    const avsound_status status = encode_row(r, pending, &found);
    pthread_mutex_lock(&r->mutex);
    end_run(r, status);
    if (status)
        avsn_free(r->context, found.error);
    else
        settle_row(r, pending, &found);
    pthread_mutex_unlock(&r->mutex);
}

static bool has_ended(run *r)
{
    pthread_mutex_lock(&r->mutex);
    const bool ended = r->status != AVSOUND_OK;
    pthread_mutex_unlock(&r->mutex);
    return ended;
}

static avsound_status work_through(run *r)
{
    AVSN_TRY(avsn_pool_create(r->context, r->options.workers, (size_t)r->options.workers, work, r, &r->pool));
    for (size_t i = 0; i < r->table.count && !has_ended(r); i++) {
        avsn_clip_row *row = &r->table.rows[i];
        if (!row->ours)
            continue;
        if (row->kept) {
            pthread_mutex_lock(&r->mutex);
            report(r, row);
            pthread_mutex_unlock(&r->mutex);
        } else {
            avsn_pool_submit(r->pool, row);
        }
    }
    avsn_pool_free(r->pool);
    r->pool = NULL;
    return AVSOUND_OK;
}

/* ---- the call ---- */

static avsound_status check_range(const char *name, int32_t value, int32_t least, int32_t most)
{
    if (value < least || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "prepare options: %s is %d, want %d...%d", name, value, least, most);
    return AVSOUND_OK;
}

static avsound_status complete_options(avsound_prepare_options *o)
{
    o->short_side = o->short_side ? o->short_side : 256;
    o->channels = o->channels ? o->channels : 1;
    o->quality = o->quality ? o->quality : 3;
    o->workers = o->workers ? o->workers : avsn_cpu_count();
    o->save_seconds = o->save_seconds ? o->save_seconds : 10;
    AVSN_TRY(check_range("short_side", o->short_side, 16, 4096));
    AVSN_TRY(check_range("channels", o->channels, 1, 2));
    AVSN_TRY(check_range("quality", o->quality, 1, 31));
    AVSN_TRY(check_range("workers", o->workers, 1, MOST_WORKERS));
    AVSN_TRY(check_range("save_seconds", o->save_seconds, 1, 86400));
    AVSN_TRY(check_range("sounds", o->sounds, 0, 1));
    if (o->flow)
        AVSN_TRY(check_range("flow", o->flow, 16, o->short_side));
    AVSN_TRY(check_range("shards", o->shards, 0, 1000000));
    return check_range("shard", o->shard, o->shards ? 1 : 0, o->shards);
}

static avsound_status name_table(run *r)
{
    char name[64] = AVSN_DATASET_TABLE;
    if (r->options.shards)
        snprintf(name, sizeof name, AVSN_DATASET_SHARD_PREFIX "%d-of-%d.csv", r->options.shard, r->options.shards);
    r->table_path = join(r->context, r->folder, name);
    return r->table_path ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status collect(run *r, const char *const *paths, int32_t count)
{
    avsn_paths found = {.context = r->context, .sounds = r->options.sounds != 0};
    avsound_status status = AVSOUND_OK;
    for (int32_t i = 0; i < count && !status; i++)
        status = avsn_paths_collect(&found, paths[i], r->folder);
    if (!status && !found.count)
        status =
            avsn_fail(AVSOUND_E_INVALID_ARGUMENT, "%s%s: no video%s found", paths[0], count > 1 ? " and others" : "",
                      found.sounds ? " and no sound" : "");
    avsn_paths_sort(&found);
    if (!status)
        status = take_sources(r, &found);
    avsn_paths_clear(&found);
    return status;
}

static avsound_status begin(run *r, const char *const *paths, int32_t count, const char *folder)
{
    AVSN_TRY(complete_options(&r->options));
    const int length = snprintf(r->settings, sizeof r->settings, "side=%d channels=%d quality=%d", r->options.short_side,
                                r->options.channels, r->options.quality);
    if (r->options.flow)
        snprintf(r->settings + length, sizeof r->settings - (size_t)length, AVSN_DATASET_FLOW "%d", r->options.flow);
    r->folder = avsn_strdup(r->context, folder);
    if (!r->folder)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(name_table(r));
    if (r->options.manifest)
        AVSN_TRY(avsn_manifest_read(r->context, r->options.manifest, &r->manifest));
    AVSN_TRY(make_folder(folder));
    AVSN_TRY(read_folder(r));
    unite(r);
    AVSN_TRY(collect(r, paths, count));
    for (size_t i = 0; i < r->table.count; i++)
        r->state.total += r->table.rows[i].ours;
    r->save_seconds = r->options.save_seconds;
    r->saved = now();
    return AVSOUND_OK;
}

/* Whatever happened, what is known is kept. */
static avsound_status finish(run *r)
{
    if (!r->status)
        avsn_clip_table_mark_duplicates(&r->table);
    const avsound_status written = avsn_clip_table_write(&r->table, r->table_path);
    if (r->status)
        return avsn_fail(r->status, "%s", r->detail);
    if (!written && !r->options.shards)
        remove_shard_tables(r);
    return written;
}

static avsound_status make_report(run *r, avsound_prepare_report **out)
{
    avsound_prepare_report *made = avsn_alloc_zeroed(r->context, 1, sizeof *made);
    if (!made)
        return AVSOUND_E_NO_MEMORY;
    made->ours = avsn_alloc(r->context, r->table.count, sizeof *made->ours);
    if (!made->ours) {
        avsn_free(r->context, made);
        return AVSOUND_E_NO_MEMORY;
    }
    made->context = avsn_context_ref(r->context);
    made->table = r->table;
    r->table = (avsn_clip_table){.context = r->context};
    for (size_t i = 0; i < made->table.count; i++)
        if (made->table.rows[i].ours)
            made->ours[made->count++] = i;
    *out = made;
    return AVSOUND_OK;
}

static avsound_status prepare(run *r, const char *const *paths, int32_t count, const char *folder,
                              avsound_prepare_report **out)
{
    AVSN_TRY(begin(r, paths, count, folder));
    AVSN_TRY(work_through(r));
    AVSN_TRY(finish(r));
    return out ? make_report(r, out) : AVSOUND_OK;
}

static avsound_status check_arguments(const avsound_context *context, const char *const *paths, int32_t count,
                                      const char *folder)
{
    if (!context)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    if (!paths || count < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "paths: %d of them, want at least 1", paths ? count : 0);
    for (int32_t i = 0; i < count; i++)
        if (!paths[i] || !*paths[i])
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "paths[%d] is %s", i, paths[i] ? "empty" : "NULL");
    if (!folder || !*folder)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "folder is %s", folder ? "empty" : "NULL");
    return AVSOUND_OK;
}

avsound_status avsound_prepare(avsound_context *context, const char *const *paths, int32_t count, const char *folder,
                               const avsound_prepare_options *options, avsound_prepare_report **out)
{
    if (out)
        *out = NULL;
    AVSN_TRY(check_arguments(context, paths, count, folder));
    run r = {.context = context, .table = {.context = context}, .manifest = {.context = context}};
    r.state.struct_size = sizeof r.state;
    AVSN_TRY(avsn_options_read(&r.options, sizeof r.options, options, sizeof r.options, "prepare options"));
    pthread_mutex_init(&r.mutex, NULL);
    const avsound_status status = prepare(&r, paths, count, folder, out);
    pthread_mutex_destroy(&r.mutex);
    avsn_clip_table_clear(&r.table);
    avsn_manifest_clear(&r.manifest);
    avsn_free(context, r.folder);
    avsn_free(context, r.table_path);
    return status;
}

/* ---- the report ---- */

int64_t avsound_prepare_report_count(const avsound_prepare_report *report)
{
    return report ? (int64_t)report->count : 0;
}

avsound_status avsound_prepare_report_clip(const avsound_prepare_report *report, int64_t index,
                                           avsound_prepared_clip *clip)
{
    if (!report)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "report is NULL");
    if (index < 0 || index >= (int64_t)report->count)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "clip %lld, want 0...%lld", (long long)index,
                  (long long)report->count - 1);
    avsound_prepared_clip ours;
    show_clip(&report->table.rows[report->ours[index]], &ours);
    return avsn_struct_write(clip, &ours, sizeof ours, "clip");
}

void avsound_prepare_report_free(avsound_prepare_report *report)
{
    if (!report)
        return;
    avsound_context *context = report->context;
    avsn_clip_table_clear(&report->table);
    avsn_free(context, report->ours);
    avsn_free(context, report);
    avsound_context_free(context);
}
