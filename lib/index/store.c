#include "index/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/vectors.h"

enum { APPLICATION = 0x6176736e /* "avsn" */, VERSION = 1, MOST_DIMENSION = 1 << 16, PATIENCE_MS = 20000 };

struct avsn_store {
    avsound_context *context;
    char *path;
    sqlite3 *db;
    bool writing, fresh; /* fresh: nothing is in it yet */
    bool pending;        /* a transaction is open */
    avsn_store_about about;
    char identity[AVSN_INDEX_IDENTITY];
    avsn_vectors sides[AVSN_STORE_SIDES];
    int64_t rows[AVSN_STORE_SIDES]; /* after the last put */
};

static const char *const side_names[AVSN_STORE_SIDES] = {"image", "sound"};

/* Paths are bytes, as the system has them. A vector's row, once in `rows`, is never used for another. */
#define ABOUT_TABLE "CREATE TABLE about (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID"
#define FILES_TABLE                                                                                                            \
    "CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL," \
    " error TEXT)"
#define SEGMENTS_TABLE                                                                                                         \
    "CREATE TABLE segments (side INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, file INTEGER NOT NULL,"     \
    " times BLOB NOT NULL, PRIMARY KEY (side, first)) WITHOUT ROWID"
#define SEGMENTS_INDEX "CREATE INDEX segments_of_file ON segments (file)"

static const char schema[] =
    ABOUT_TABLE ";" FILES_TABLE ";" SEGMENTS_TABLE ";" SEGMENTS_INDEX ";"
    "PRAGMA application_id = 1635152750;"
    "PRAGMA user_version = 1;";
_Static_assert(APPLICATION == 1635152750 && VERSION == 1, "the schema says so too");

/* Views and computed columns in their place could go on for ever, or be of any size: what is read is what lies in the file. */
#define OURS "('" ABOUT_TABLE "', '" FILES_TABLE "', '" SEGMENTS_TABLE "', '" SEGMENTS_INDEX "')"
static const char count_ours[] = "SELECT count(*) FROM sqlite_master WHERE sql IN " OURS,
                  count_others[] = "SELECT count(*) FROM sqlite_master WHERE sql NOT IN " OURS " AND name NOT LIKE 'sqlite_stat%'";
enum { OUR_TABLES = 4 };

/* ---- SQLite ---- */

static avsound_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return AVSOUND_E_NO_MEMORY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* a table is missing, say */
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
        return AVSOUND_E_FORMAT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return AVSOUND_E_STATE;
    default:
        return AVSOUND_E_IO;
    }
}

static avsound_status fail_sql(const avsn_store *s, const char *what)
{
    const int code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    const char *reason = s->db ? sqlite3_errmsg(s->db) : "out of memory";
    if (code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY)
        reason = "its last writer was stopped, and what it left can be tidied up only where it may be written";
    else if (code == SQLITE_READONLY || code == SQLITE_READONLY_DIRECTORY || code == SQLITE_READONLY_DBMOVED)
        reason = "it or its folder is write-protected";
    AVSN_FAIL(status_of(code), "%s: %s: %s", s->path, what, reason);
}

static avsound_status run(avsn_store *s, const char *sql, const char *what)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) ? fail_sql(s, what) : AVSOUND_OK;
}

static avsound_status prepare(const avsn_store *s, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v2(s->db, sql, -1, out, NULL) ? fail_sql(s, "could not be read") : AVSOUND_OK;
}

/* Ends a statement that was to be stepped to its end: `code` is what the last step said. */
static avsound_status finish(const avsn_store *s, sqlite3_stmt *statement, int code, const char *what)
{
    const avsound_status status = code == SQLITE_DONE ? AVSOUND_OK : fail_sql(s, what);
    sqlite3_finalize(statement);
    return status;
}

static avsound_status read_integer(const avsn_store *s, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    AVSN_TRY(prepare(s, sql, &statement));
    int code = sqlite3_step(statement);
    *value = 0;
    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
        code = sqlite3_step(statement);
    }
    return finish(s, statement, code, "could not be read");
}

/* ---- what an index says of itself ---- */

static avsound_status bad_about(const avsn_store *s, const char *key)
{
    AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is damaged: it does not say what its %s is", s->path, key);
}

static avsound_status get_text(const avsn_store *s, const char *key, char *to, size_t size)
{
    sqlite3_stmt *statement = NULL;
    AVSN_TRY(prepare(s, "SELECT value FROM about WHERE key = ?", &statement));
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    const int code = sqlite3_step(statement);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    const bool fits = text && strlen(text) < size;
    if (fits)
        snprintf(to, size, "%s", text);
    const avsound_status status = code == SQLITE_ROW || code == SQLITE_DONE ? AVSOUND_OK : fail_sql(s, "could not be read");
    sqlite3_finalize(statement);
    return status ? status : fits ? AVSOUND_OK : bad_about(s, key);
}

static avsound_status get_integer(const avsn_store *s, const char *key, int64_t least, int64_t most, int64_t *value)
{
    char text[32], *end = text;
    AVSN_TRY(get_text(s, key, text, sizeof text));
    int64_t sum = 0;
    for (; *end >= '0' && *end <= '9' && sum < INT64_MAX / 10 - 9; end++)
        sum = 10 * sum + (*end - '0');
    if (*end || end == text || sum < least || sum > most)
        return bad_about(s, key);
    *value = sum;
    return AVSOUND_OK;
}

static avsound_status set_text(const avsn_store *s, const char *key, const char *value)
{
    sqlite3_stmt *statement = NULL;
    AVSN_TRY(prepare(s, "INSERT OR REPLACE INTO about VALUES (?, ?)", &statement));
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    return finish(s, statement, sqlite3_step(statement), "could not be written");
}

static avsound_status set_integer(const avsn_store *s, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set_text(s, key, text);
}

static const char *side_key(const char *what, int side, char key[32])
{
    snprintf(key, 32, "%s_%s", side_names[side], what);
    return key;
}

static avsound_status read_about(avsn_store *s)
{
    avsn_store_about *a = &s->about;
    char key[32];
    int64_t value = 0;
    AVSN_TRY(get_text(s, "identity", s->identity, sizeof s->identity));
    AVSN_TRY(get_text(s, "model", a->model, sizeof a->model));
    AVSN_TRY(get_text(s, "arch", a->arch, sizeof a->arch));
    AVSN_TRY(get_integer(s, "aligned", 0, 1, &value));
    a->aligned = (int32_t)value;
    AVSN_TRY(get_integer(s, "modalities", 1, (1 << AVSN_STORE_SIDES) - 1, &value));
    a->modalities = (int32_t)value;
    AVSN_TRY(get_integer(s, "hop_us", 1, INT64_MAX / 16, &a->hop_us));
    for (int i = 0; i < AVSN_STORE_SIDES; i++) {
        AVSN_TRY(get_integer(s, side_key("dimension", i, key), 1, MOST_DIMENSION, &value));
        a->dimension[i] = (int32_t)value;
        AVSN_TRY(get_integer(s, side_key("rows", i, key), 0, INT64_MAX / 16, &s->rows[i]));
    }
    return AVSOUND_OK;
}

static avsound_status write_rows(const avsn_store *s)
{
    char key[32];
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(set_integer(s, side_key("rows", i, key), s->rows[i]));
    return AVSOUND_OK;
}

static avsound_status write_about(const avsn_store *s, const avsn_store_about *a)
{
    char key[32];
    AVSN_TRY(set_text(s, "identity", s->identity));
    AVSN_TRY(set_text(s, "model", a->model));
    AVSN_TRY(set_text(s, "arch", a->arch));
    AVSN_TRY(set_integer(s, "aligned", a->aligned));
    AVSN_TRY(set_integer(s, "modalities", a->modalities));
    AVSN_TRY(set_integer(s, "hop_us", a->hop_us));
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(set_integer(s, side_key("dimension", i, key), a->dimension[i]));
    return write_rows(s);
}

/* ---- opening ---- */

static avsound_status check_tables(const avsn_store *s)
{
    int64_t ours, others;
    AVSN_TRY(read_integer(s, count_ours, &ours));
    AVSN_TRY(read_integer(s, count_others, &others));
    if (ours != OUR_TABLES || others)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is damaged: its tables are not those of an index: %lld of %d, and %lld others", s->path,
                  (long long)ours, OUR_TABLES, (long long)others);
    return AVSOUND_OK;
}

/* Whose database it is, if anyone's. */
static avsound_status recognise(avsn_store *s)
{
    int64_t application, version, tables;
    AVSN_TRY(read_integer(s, "PRAGMA application_id", &application));
    AVSN_TRY(read_integer(s, "PRAGMA user_version", &version));
    AVSN_TRY(read_integer(s, "SELECT count(*) FROM sqlite_master", &tables));
    s->fresh = !application && !version && !tables;
    if (s->fresh && !s->writing)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is empty, not an index", s->path);
    if (!s->fresh && application != APPLICATION)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is another program's database, not an index", s->path);
    if (!s->fresh && version != VERSION)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: is an index of version %lld, this library knows version %d", s->path,
                  (long long)version, VERSION);
    return s->fresh ? AVSOUND_OK : check_tables(s);
}

/* Only of an index that is being made may they be missing. */
static avsound_status open_side(avsn_store *s, int side)
{
    char name[4096];
    const avsn_vectors_mode mode = !s->writing ? AVSN_VECTORS_READ : s->fresh ? AVSN_VECTORS_MAKE : AVSN_VECTORS_WRITE;
    if ((size_t)snprintf(name, sizeof name, "%s-%s", s->path, side_names[side]) >= sizeof name)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: the name is too long", s->path);
    return avsn_vectors_open(s->context, name, mode, &s->sides[side]);
}

static avsound_status open_sides(avsn_store *s)
{
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(open_side(s, i));
    return AVSOUND_OK;
}

static avsound_status check_sides(avsn_store *s)
{
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(avsn_vectors_check(&s->sides[i], s->identity, s->about.dimension[i], s->rows[i], s->writing));
    return AVSOUND_OK;
}

/* Foreign databases may hold anything: their views and triggers are not trusted. */
static avsound_status open_database(avsn_store *s)
{
    char name[4096];
    struct stat there;
    if (!*s->path || (size_t)snprintf(name, sizeof name, "%s%s", *s->path == '/' ? "" : "./", s->path) >= sizeof name)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: the name is empty or too long", s->path);
    if (stat(name, &there) ? !s->writing || errno != ENOENT : S_ISDIR(there.st_mode) && (errno = EISDIR))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", s->path, strerror(errno));
    /* A reader, too, may have to undo what a stopped writer left; write-protected files are opened all the same. */
    if (sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | (s->writing ? SQLITE_OPEN_CREATE : 0), NULL))
        return fail_sql(s, "could not be opened");
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, PATIENCE_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return run(s, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL", "could not be opened");
}

static avsound_status open_writer(avsn_store *s)
{
    AVSN_TRY(recognise(s)); /* before anything is made beside what may be another's file */
    if (sqlite3_db_readonly(s->db, "main"))
        AVSN_FAIL(AVSOUND_E_IO, "%s: is write-protected, or its medium is", s->path);
    AVSN_TRY(open_sides(s));
    AVSN_TRY(avsn_vectors_lock(&s->sides[0]));
    AVSN_TRY(recognise(s)); /* another may have been quicker, and have finished */
    if (s->fresh)
        return AVSOUND_OK;
    AVSN_TRY(read_about(s));
    return check_sides(s);
}

static avsound_status open_reader(avsn_store *s)
{
    AVSN_TRY(run(s, "BEGIN", "could not be read"));
    s->pending = true;
    AVSN_TRY(recognise(s));
    AVSN_TRY(read_about(s));
    AVSN_TRY(open_sides(s));
    AVSN_TRY(check_sides(s));
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(avsn_vectors_map(&s->sides[i]));
    return AVSOUND_OK;
}

static avsound_status store_init(avsn_store *s, const char *path)
{
    s->path = avsn_strdup(s->context, path);
    if (!s->path)
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(open_database(s));
    return s->writing ? open_writer(s) : open_reader(s);
}

avsound_status avsn_store_open(avsound_context *context, const char *path, bool writing, avsn_store **out)
{
    *out = NULL;
    avsn_store *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->writing = writing;
    const avsound_status status = store_init(s, path);
    if (status)
        avsn_store_close(s);
    else
        *out = s;
    return status;
}

const char *avsn_store_path(const avsn_store *store)
{
    return store->path;
}

const avsn_store_about *avsn_store_get_about(const avsn_store *store)
{
    return store->fresh ? NULL : &store->about;
}

static void make_identity(char identity[AVSN_INDEX_IDENTITY])
{
    unsigned char bytes[AVSN_INDEX_IDENTITY / 2];
    sqlite3_randomness(sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(identity + 2 * i, 3, "%02x", bytes[i]);
}

/* The names of new files are on disk when their folder is. */
static void sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1, slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd)) { /* not every file system can: the files themselves are safe */
    }
    if (fd >= 0)
        close(fd);
}

avsound_status avsn_store_found(avsn_store *store, const avsn_store_about *about)
{
    avsound_status status = AVSOUND_OK;
    make_identity(store->identity);
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(avsn_vectors_begin(&store->sides[i], store->identity, about->dimension[i]));
    sync_folder(store->path);
    AVSN_TRY(run(store, "BEGIN IMMEDIATE", "could not be written"));
    status = run(store, schema, "could not be written");
    if (!status)
        status = write_about(store, about);
    if (!status)
        status = run(store, "COMMIT", "could not be written");
    if (status) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    store->about = *about;
    store->fresh = false;
    return AVSOUND_OK;
}

void avsn_store_close(avsn_store *store)
{
    if (!store)
        return;
    avsound_context *context = store->context;
    sqlite3_close(store->db); /* rolls an open transaction back */
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        avsn_vectors_close(&store->sides[i]);
    avsn_free(context, store->path);
    avsn_free(context, store);
    avsound_context_free(context);
}

/* ---- reading ---- */

/* Why a loop over rows ended: its callback's reason, or the statement's. */
static avsound_status end_rows(const avsn_store *s, sqlite3_stmt *statement, int code, avsound_status status)
{
    if (!status)
        return finish(s, statement, code, "could not be read");
    sqlite3_finalize(statement);
    return status;
}

avsound_status avsn_store_each_file(avsn_store *store, avsn_store_file_fn each, void *user)
{
    sqlite3_stmt *q = NULL;
    avsound_status status = AVSOUND_OK;
    int code = SQLITE_DONE;
    AVSN_TRY(prepare(store, "SELECT id, path, size, mtime_ns, error FROM files ORDER BY id", &q));
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const avsn_store_file file = {.path = (const char *)sqlite3_column_text(q, 1), .size = sqlite3_column_int64(q, 2),
                                      .mtime_ns = sqlite3_column_int64(q, 3), .error = (const char *)sqlite3_column_text(q, 4)};
        status = file.path ? each(user, sqlite3_column_int64(q, 0), &file)
                           : avsn_fail(AVSOUND_E_FORMAT, "%s: is damaged: a file has no path", store->path);
    }
    return end_rows(store, q, code, status);
}

static avsound_status check_segment(const avsn_store *s, int side, const avsn_store_segment *g, int64_t bytes)
{
    if (g->first < 0 || g->count < 1 || g->first > s->rows[side] || g->count > s->rows[side] - g->first || bytes != 8 * g->count)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is damaged: rows %lld... of file %lld are %lld with %lld bytes of times, of %lld rows",
                  s->path, (long long)g->first, (long long)g->file, (long long)g->count, (long long)bytes,
                  (long long)s->rows[side]);
    return AVSOUND_OK;
}

avsound_status avsn_store_each_segment(avsn_store *store, int side, avsn_store_segment_fn each, void *user)
{
    sqlite3_stmt *q = NULL;
    avsound_status status = AVSOUND_OK;
    int code = SQLITE_DONE;
    AVSN_TRY(prepare(store, "SELECT file, first, count, times FROM segments WHERE side = ? ORDER BY first", &q));
    sqlite3_bind_int(q, 1, side);
    while (!status && (code = sqlite3_step(q)) == SQLITE_ROW) {
        const avsn_store_segment segment = {.file = sqlite3_column_int64(q, 0), .first = sqlite3_column_int64(q, 1),
                                            .count = sqlite3_column_int64(q, 2), .times = sqlite3_column_blob(q, 3)};
        status = check_segment(store, side, &segment, sqlite3_column_bytes(q, 3));
        if (!status)
            status = each(user, &segment);
    }
    return end_rows(store, q, code, status);
}

void avsn_store_settle(avsn_store *store)
{
    sqlite3_close(store->db);
    store->db = NULL;
}

const float *avsn_store_vectors(const avsn_store *store, int side)
{
    return store->sides[side].data;
}

avsound_status avsn_store_knows(avsn_store *store, const char *path, int64_t size, int64_t mtime_ns, bool *known)
{
    sqlite3_stmt *q = NULL;
    *known = false;
    AVSN_TRY(prepare(store, "SELECT 1 FROM files WHERE path = ? AND size = ? AND mtime_ns = ?", &q));
    sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, size);
    sqlite3_bind_int64(q, 3, mtime_ns);
    int code = sqlite3_step(q);
    if (code == SQLITE_ROW) {
        *known = true;
        code = sqlite3_step(q);
    }
    return finish(store, q, code, "could not be read");
}

/* ---- writing ---- */

avsound_status avsn_store_append(avsn_store *store, int side, const float *vectors, int64_t count)
{
    return avsn_vectors_append(&store->sides[side], vectors, count);
}

void avsn_store_forget(avsn_store *store)
{
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        store->sides[i].rows = store->rows[i];
}

static avsound_status begin(avsn_store *s)
{
    if (s->pending)
        return AVSOUND_OK;
    AVSN_TRY(run(s, "BEGIN IMMEDIATE", "could not be written"));
    s->pending = true;
    return AVSOUND_OK;
}

/* SQLite may have undone the transaction itself; rows that it had spoken of are not used again. */
static avsound_status abandon(avsn_store *s, avsound_status status)
{
    if (s->pending && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->pending = false;
    return status;
}

static avsound_status delete_file(avsn_store *s, const char *path)
{
    static const char *const statements[] = {"DELETE FROM segments WHERE file = (SELECT id FROM files WHERE path = ?)",
                                             "DELETE FROM files WHERE path = ?"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(statements); i++) {
        sqlite3_stmt *q = NULL;
        AVSN_TRY(prepare(s, statements[i], &q));
        sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
        AVSN_TRY(finish(s, q, sqlite3_step(q), "could not be written"));
    }
    return AVSOUND_OK;
}

static avsound_status insert_file(avsn_store *s, const avsn_store_file *file)
{
    sqlite3_stmt *q = NULL;
    AVSN_TRY(prepare(s, "INSERT INTO files (path, size, mtime_ns, error) VALUES (?, ?, ?, ?)", &q));
    sqlite3_bind_text(q, 1, file->path, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, file->size);
    sqlite3_bind_int64(q, 3, file->mtime_ns);
    sqlite3_bind_text(q, 4, file->error, -1, SQLITE_STATIC); /* NULL for NULL */
    return finish(s, q, sqlite3_step(q), "could not be written");
}

static avsound_status insert_segment(avsn_store *s, int side, int64_t file, const int64_t *times)
{
    const int64_t first = s->rows[side], count = s->sides[side].rows - first;
    sqlite3_stmt *q = NULL;
    if (!count)
        return AVSOUND_OK;
    AVSN_TRY(prepare(s, "INSERT INTO segments (side, first, count, file, times) VALUES (?, ?, ?, ?, ?)", &q));
    sqlite3_bind_int(q, 1, side);
    sqlite3_bind_int64(q, 2, first);
    sqlite3_bind_int64(q, 3, count);
    sqlite3_bind_int64(q, 4, file);
    sqlite3_bind_blob64(q, 5, times, (sqlite3_uint64)count * sizeof *times, SQLITE_STATIC);
    AVSN_TRY(finish(s, q, sqlite3_step(q), "could not be written"));
    s->rows[side] += count;
    return AVSOUND_OK;
}

static avsound_status put(avsn_store *s, const avsn_store_file *file, const int64_t *const times[AVSN_STORE_SIDES])
{
    AVSN_TRY(begin(s));
    AVSN_TRY(delete_file(s, file->path));
    AVSN_TRY(insert_file(s, file));
    const int64_t number = sqlite3_last_insert_rowid(s->db);
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(insert_segment(s, i, number, times[i]));
    return AVSOUND_OK;
}

avsound_status avsn_store_put(avsn_store *store, const avsn_store_file *file, const int64_t *const times[AVSN_STORE_SIDES])
{
    const avsound_status status = put(store, file, times);
    return status ? abandon(store, status) : AVSOUND_OK;
}

avsound_status avsn_store_remove(avsn_store *store, const char *path)
{
    avsound_status status = begin(store);
    if (!status)
        status = delete_file(store, path);
    return status ? abandon(store, status) : AVSOUND_OK;
}

avsound_status avsn_store_commit(avsn_store *store)
{
    avsound_status status = AVSOUND_OK;
    if (!store->pending)
        return AVSOUND_OK;
    for (int i = 0; !status && i < AVSN_STORE_SIDES; i++)
        status = avsn_vectors_sync(&store->sides[i]);
    if (!status)
        status = write_rows(store);
    if (!status)
        status = run(store, "COMMIT", "could not be written");
    if (status)
        return abandon(store, status);
    store->pending = false;
    return AVSOUND_OK;
}
