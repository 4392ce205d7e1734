/* Writing an index. A file's vectors go to disk as they come; the database hears of the file when all of them are there. */
#include <avsound/tasks.h>

#include "api/index.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/recording.h"

#define COMMIT_SECONDS 1.0
#define LEAST_RMS 1e-3f /* -60 dBFS: where the confidence of a score begins, too */
#define USUAL_HOP_US INT64_C(1000000)

typedef struct items {
    int64_t *times;
    int64_t count;
    size_t room;
} items;

struct avsound_indexer {
    avsound_context *context;
    avsound_model *model; /* NULL: none */
    avsound_indexer_options options;
    avsn_store *store;
    char identity[AVSN_DIGEST_TEXT];
    items sides[AVSN_STORE_SIDES]; /* of the file at hand */
    float *vector;                 /* of length 1, before it is written */
    double committed;              /* when */
    char error[512];               /* of the last file */
    atomic_int cancel;
};

static const int32_t scans[AVSN_STORE_SIDES] = {AVSOUND_SCAN_EMBED_IMAGE, AVSOUND_SCAN_EMBED_AUDIO};

/* ---- opening ---- */

void avsound_indexer_options_init(avsound_indexer_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status read_options(const avsound_indexer_options *theirs, avsound_indexer_options *o)
{
    const int32_t both = AVSOUND_INDEX_IMAGE | AVSOUND_INDEX_SOUND;
    AVSN_TRY(avsn_options_read(o, sizeof *o, theirs, sizeof *o, "indexer options"));
    if (o->modalities & ~both)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "indexer options: modalities is %#x, want AVSOUND_INDEX_ constants or-ed",
                  (unsigned)o->modalities);
    if (o->hop_seconds != 0 && !(o->hop_seconds >= 1e-3 && o->hop_seconds <= 86400))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "indexer options: hop_seconds is %g, want 0 or 0.001...86400", o->hop_seconds);
    if (o->threads < 0 || o->threads > 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "indexer options: threads is %d, want 0...256", o->threads);
    return AVSOUND_OK;
}

static avsound_status read_dimensions(avsound_model *model, const avsound_indexer_options *o, int32_t dimension[AVSN_STORE_SIDES])
{
    static const char *const names[AVSN_STORE_SIDES] = {"embedding.image", "embedding.audio"};
    avsound_session_options options;
    avsound_session *session;
    avsound_status status = AVSOUND_OK;
    avsound_session_options_init(&options, sizeof options);
    options.precision = o->precision;
    options.outputs = "embedding.image,embedding.audio";
    AVSN_TRY(avsound_session_create(model, &options, &session));
    for (int i = 0; !status && i < AVSN_STORE_SIDES; i++) {
        avsound_tensor view = {.struct_size = sizeof view};
        status = avsound_session_get_output(session, names[i], &view);
        dimension[i] = (int32_t)view.shape[1];
    }
    avsound_session_free(session);
    return status;
}

static avsound_status describe(const avsound_indexer *x, avsn_store_about *about)
{
    const avsound_indexer_options *o = &x->options;
    *about = (avsn_store_about){.aligned = x->model->arch->aligned,
                                .modalities = o->modalities ? o->modalities : AVSOUND_INDEX_IMAGE | AVSOUND_INDEX_SOUND,
                                .hop_us = o->hop_seconds > 0 ? llround(o->hop_seconds * 1e6) : USUAL_HOP_US};
    snprintf(about->model, sizeof about->model, "%s", x->identity);
    snprintf(about->arch, sizeof about->arch, "%s", x->model->arch->name);
    return read_dimensions(x->model, o, about->dimension);
}

/* The same model makes vectors of the same dimensions: an index that says otherwise is not what it says. */
static avsound_status compare_dimensions(const char *path, const avsn_store_about *a, int side, int32_t dimension)
{
    if (a->dimension[side] != dimension)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: is damaged: its %s are vectors of %d numbers, those of its model have %d", path,
                  side ? "sounds" : "pictures", a->dimension[side], dimension);
    return AVSOUND_OK;
}

/* What makes vectors of two indices, or of an index and a writer, unfit to stand in one. */
static avsound_status compare_models(const char *path, const avsn_store_about *a, const char *arch, const char *model)
{
    if (strcmp(a->model, model))
        AVSN_FAIL(AVSOUND_E_STATE, "%s: was made by another model: %s %.12s..., this one is %s %.12s...", path, a->arch, a->model,
                  arch, model);
    return AVSOUND_OK;
}

static avsound_status compare_items(const char *path, const avsn_store_about *a, int64_t hop_us, int32_t modalities)
{
    static const char *const names[] = {"nothing", "pictures", "sounds", "pictures and sounds"};
    if (hop_us && hop_us != a->hop_us)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: was made with a hop of %g s, not of %g s", path, (double)a->hop_us / 1e6,
                  (double)hop_us / 1e6);
    if (modalities && modalities != a->modalities)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: is of %s, not of %s", path, names[a->modalities & 3], names[modalities & 3]);
    return AVSOUND_OK;
}

static avsound_status indexer_init(avsound_indexer *x, const char *path)
{
    if (x->model) {
        AVSN_TRY(avsn_model_need_pair(x->model, "an index"));
        AVSN_TRY(avsn_index_identify(x->model, x->identity));
    }
    AVSN_TRY(avsn_store_open(x->context, path, true, &x->store));
    const avsn_store_about *about = avsn_store_get_about(x->store);
    x->committed = avsn_seconds();
    if (!x->model)
        return AVSOUND_OK;
    if (about) {
        AVSN_TRY(compare_models(path, about, x->model->arch->name, x->identity));
        AVSN_TRY(compare_items(path, about, llround(x->options.hop_seconds * 1e6), x->options.modalities));
    } else {
        avsn_store_about mine;
        AVSN_TRY(describe(x, &mine));
        AVSN_TRY(avsn_store_found(x->store, &mine));
        about = avsn_store_get_about(x->store);
    }
    x->vector = avsn_alloc(x->context, (size_t)AVSN_MAX(about->dimension[0], about->dimension[1]), sizeof *x->vector);
    return x->vector ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsound_indexer_create(avsound_context *context, avsound_model *model, const char *path,
                                      const avsound_indexer_options *options, avsound_indexer **out)
{
    avsound_indexer_options o;
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "path" : "context");
    AVSN_TRY(read_options(options, &o));
    avsound_indexer *x = avsn_alloc_zeroed(context, 1, sizeof *x);
    if (!x)
        return AVSOUND_E_NO_MEMORY;
    x->context = avsn_context_ref(context);
    x->model = model ? avsn_model_ref(model) : NULL;
    x->options = o;
    atomic_init(&x->cancel, 0);
    const avsound_status status = indexer_init(x, path);
    if (status)
        avsound_indexer_free(x);
    else
        *out = x;
    return status;
}

void avsound_indexer_free(avsound_indexer *indexer)
{
    if (!indexer)
        return;
    avsound_context *context = indexer->context;
    avsn_store_close(indexer->store);
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        avsn_free(context, indexer->sides[i].times);
    avsn_free(context, indexer->vector);
    avsound_model_free(indexer->model);
    avsn_free(context, indexer);
    avsound_context_free(context);
}

void avsound_indexer_cancel(avsound_indexer *indexer)
{
    if (indexer)
        atomic_store(&indexer->cancel, 1);
}

/* ---- putting on disk ---- */

avsound_status avsound_indexer_commit(avsound_indexer *indexer)
{
    if (!indexer)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "indexer is NULL");
    const avsound_status status = avsn_store_commit(indexer->store);
    indexer->committed = avsn_seconds(); /* after the disk's work, which may take long itself */
    return status;
}

static avsound_status commit_if_due(avsound_indexer *x)
{
    return avsn_seconds() - x->committed >= COMMIT_SECONDS ? avsound_indexer_commit(x) : AVSOUND_OK;
}

static avsound_status put(avsound_indexer *x, const avsn_store_file *file)
{
    const int64_t *const times[AVSN_STORE_SIDES] = {x->sides[AVSN_STORE_IMAGE].times, x->sides[AVSN_STORE_SOUND].times};
    AVSN_TRY(avsn_store_put(x->store, file, times));
    return commit_if_due(x);
}

/* ---- one file ---- */

static avsound_status properties(const char *path, avsn_store_file *file)
{
    struct stat s;
    *file = (avsn_store_file){.path = path};
    if (stat(path, &s))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", path, strerror(errno));
    file->size = (int64_t)s.st_size;
    file->mtime_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + (int64_t)s.st_mtim.tv_nsec;
    return AVSOUND_OK;
}

static avsound_status keep(avsound_indexer *x, int side, int64_t time_us, const float *vector, int32_t dimension)
{
    items *s = &x->sides[side];
    if (!vector)
        return AVSOUND_OK;
    AVSN_TRY(compare_dimensions(avsn_store_path(x->store), avsn_store_get_about(x->store), side, dimension));
    if (!avsn_index_normalise(vector, dimension, x->vector))
        return AVSOUND_OK;
    AVSN_TRY(avsn_grow(x->context, (void **)&s->times, sizeof *s->times, (size_t)s->count, (size_t)s->count + 1, &s->room));
    AVSN_TRY(avsn_store_append(x->store, side, x->vector, 1));
    s->times[s->count++] = time_us;
    return AVSOUND_OK;
}

static avsound_status keep_result(avsound_indexer *x, const avsound_scan_result *r)
{
    AVSN_TRY(keep(x, AVSN_STORE_IMAGE, r->time_us, r->embedding_image, r->dimension));
    return keep(x, AVSN_STORE_SOUND, r->time_us, r->rms >= LEAST_RMS ? r->embedding_audio : NULL, r->dimension);
}

/* *damage: what ended the walk too early, if that is the file's fault. */
static avsound_status walk(avsound_indexer *x, const char *path, int32_t what, avsound_status *damage)
{
    const avsound_scan_options options = {.struct_size = sizeof options, .what = what, .threads = x->options.threads,
                                          .precision = x->options.precision,
                                          .hop_seconds = (double)avsn_store_get_about(x->store)->hop_us / 1e6};
    avsound_scan *scan;
    *damage = avsound_scan_create(x->model, path, &options, &scan);
    avsound_status status = AVSOUND_OK;
    while (!status && !*damage) {
        avsound_scan_result r = {.struct_size = sizeof r};
        *damage = avsound_scan_next(scan, &r);
        if (!*damage)
            status = keep_result(x, &r);
        if (!status && atomic_load(&x->cancel))
            status = avsn_fail(AVSOUND_E_CANCELLED, "indexing was cancelled");
    }
    if (*damage)
        snprintf(x->error, sizeof x->error, "%s", avsound_error_detail());
    avsound_scan_free(scan);
    if (*damage == AVSOUND_E_END)
        *damage = AVSOUND_OK;
    return status;
}

/* What of the file is wanted and to be had, as scans: a still picture beside sound would end the latter's. */
static avsound_status choose(avsound_indexer *x, const char *path, int32_t what[2])
{
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_media *media;
    const int32_t wanted = avsn_store_get_about(x->store)->modalities;
    AVSN_TRY(avsound_media_open(x->context, path, NULL, &media));
    const avsound_status status = avsound_media_get_info(media, &info);
    avsound_media_free(media);
    const int32_t image = info.has_video && wanted & AVSOUND_INDEX_IMAGE ? scans[AVSN_STORE_IMAGE] : 0;
    const int32_t sound = info.has_audio && wanted & AVSOUND_INDEX_SOUND ? scans[AVSN_STORE_SOUND] : 0;
    what[0] = info.still ? image : image | sound;
    what[1] = info.still ? sound : 0;
    return status;
}

/* Whether a failure to read is the file's, and the next one may do better. */
static bool is_of_file(avsound_status status)
{
    switch (status) {
    case AVSOUND_E_IO:
    case AVSOUND_E_FORMAT:
    case AVSOUND_E_UNSUPPORTED:
    case AVSOUND_E_SHAPE:
    case AVSOUND_E_STATE:
    case AVSOUND_E_LIMIT:
        return true;
    default:
        return false;
    }
}

static avsound_status read_file(avsound_indexer *x, const char *path, avsound_status *damage)
{
    int32_t what[2] = {0};
    *damage = choose(x, path, what);
    if (*damage)
        snprintf(x->error, sizeof x->error, "%s", avsound_error_detail());
    for (int i = 0; i < 2 && !*damage; i++)
        if (what[i])
            AVSN_TRY(walk(x, path, what[i], damage));
    if (*damage && !is_of_file(*damage))
        return avsn_fail(*damage, "%s", x->error);
    return AVSOUND_OK;
}

static avsound_status take_in(avsound_indexer *x, avsn_store_file *file, avsound_indexed *result)
{
    avsound_status damage = AVSOUND_OK;
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        x->sides[i].count = 0;
    AVSN_TRY(read_file(x, file->path, &damage));
    result->images = x->sides[AVSN_STORE_IMAGE].count;
    result->sounds = x->sides[AVSN_STORE_SOUND].count;
    const bool some = result->images + result->sounds > 0;
    result->outcome = !damage ? AVSOUND_INDEXED_NEW : some ? AVSOUND_INDEXED_PARTLY : AVSOUND_INDEXED_FAILED;
    result->error = file->error = damage ? x->error : NULL;
    return put(x, file);
}

static avsound_status add(avsound_indexer *x, const char *path, avsound_indexed *result)
{
    avsn_store_file file;
    bool known;
    if (properties(path, &file)) { /* it may come back: nothing is kept of that */
        snprintf(x->error, sizeof x->error, "%s", avsound_error_detail());
        *result = (avsound_indexed){.outcome = AVSOUND_INDEXED_FAILED, .error = x->error};
        return AVSOUND_OK;
    }
    AVSN_TRY(avsn_store_knows(x->store, path, file.size, file.mtime_ns, &known));
    if (known) {
        result->outcome = AVSOUND_INDEXED_KEPT;
        return AVSOUND_OK;
    }
    const avsound_status status = take_in(x, &file, result);
    if (status)
        avsn_store_forget(x->store);
    return status;
}

static avsound_status check_path(const avsound_indexer *x, const char *path)
{
    if (!x || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", x ? "path" : "indexer");
    if (!avsn_store_get_about(x->store))
        AVSN_FAIL(AVSOUND_E_STATE, "the index is new, and made without a model: nothing is known of it");
    return AVSOUND_OK;
}

avsound_status avsound_indexer_add(avsound_indexer *indexer, const char *path, avsound_indexed *result)
{
    avsound_indexed ours = {0};
    AVSN_TRY(check_path(indexer, path));
    if (!indexer->model)
        AVSN_FAIL(AVSOUND_E_STATE, "this writer was made without a model: it takes in no files");
    if (atomic_load(&indexer->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "indexing was cancelled");
    AVSN_TRY(add(indexer, path, &ours));
    return result ? avsn_struct_write(result, &ours, sizeof ours, "result") : AVSOUND_OK;
}

avsound_status avsound_indexer_is_current(avsound_indexer *indexer, const char *path, int32_t *current)
{
    avsn_store_file file;
    bool known = false;
    AVSN_TRY(check_path(indexer, path));
    if (!current)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "current is NULL");
    AVSN_TRY(properties(path, &file));
    AVSN_TRY(avsn_store_knows(indexer->store, path, file.size, file.mtime_ns, &known));
    *current = known;
    return AVSOUND_OK;
}

/* ---- several files ---- */

static avsound_status copy_file(avsound_indexer *x, const avsound_index *from, const avsn_index_file *f)
{
    const avsn_store_file file = {.path = f->path, .size = f->size, .mtime_ns = f->mtime_ns, .error = f->error};
    const int64_t *times[AVSN_STORE_SIDES] = {NULL};
    for (int i = 0; i < AVSN_STORE_SIDES; i++) {
        const avsn_index_side *s = &from->sides[i];
        if (f->run[i] < 0)
            continue;
        const avsn_run *run = &s->runs[f->run[i]];
        times[i] = s->times + run->item;
        AVSN_TRY(avsn_store_append(x->store, i, s->vectors + run->row * s->dimension, run->count));
    }
    AVSN_TRY(avsn_store_put(x->store, &file, times));
    return commit_if_due(x);
}

static avsound_status check_likeness(avsound_indexer *x, const char *path, const avsn_store_about *theirs)
{
    const avsn_store_about *about = avsn_store_get_about(x->store);
    if (!about)
        return avsn_store_found(x->store, theirs);
    AVSN_TRY(compare_models(path, theirs, about->arch, about->model));
    for (int i = 0; i < AVSN_STORE_SIDES; i++)
        AVSN_TRY(compare_dimensions(path, theirs, i, about->dimension[i]));
    return compare_items(path, theirs, about->hop_us, about->modalities);
}

static avsound_status merge(avsound_indexer *x, const char *path, const avsound_index *from, int64_t *files)
{
    AVSN_TRY(check_likeness(x, path, &from->about));
    for (int64_t i = 0; i < from->file_count; i++) {
        const avsn_index_file *f = &from->files[i];
        bool known;
        if (atomic_load(&x->cancel))
            AVSN_FAIL(AVSOUND_E_CANCELLED, "merging was cancelled");
        AVSN_TRY(avsn_store_knows(x->store, f->path, f->size, f->mtime_ns, &known));
        if (known)
            continue;
        const avsound_status status = copy_file(x, from, f);
        if (status) {
            avsn_store_forget(x->store);
            return status;
        }
        ++*files;
    }
    return avsound_indexer_commit(x);
}

avsound_status avsound_indexer_merge(avsound_indexer *indexer, const char *path, int64_t *files)
{
    int64_t count = 0;
    avsound_index *from;
    if (!indexer || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", indexer ? "path" : "indexer");
    AVSN_TRY(avsound_indexer_commit(indexer)); /* it might be this very index that is opened */
    AVSN_TRY(avsound_index_open(indexer->context, path, &from));
    const avsound_status status = merge(indexer, path, from, &count);
    avsound_index_free(from);
    if (files)
        *files = count;
    return status;
}

/* The paths that are to be forgotten; nothing is changed while the database is gone through. */
typedef struct missing {
    avsn_zone strings;
    const char **paths;
    size_t count, room;
} missing;

static avsound_status note_missing(void *user, int64_t number, const avsn_store_file *file)
{
    missing *m = user;
    struct stat s;
    (void)number;
    if (!stat(file->path, &s) || (errno != ENOENT && errno != ENOTDIR)) /* a drive that fails is no reason */
        return AVSOUND_OK;
    AVSN_TRY(avsn_grow(m->strings.context, (void **)&m->paths, sizeof *m->paths, m->count, m->count + 1, &m->room));
    m->paths[m->count] = avsn_zone_printf(&m->strings, "%s", file->path);
    return m->paths[m->count++] ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsound_indexer_prune(avsound_indexer *indexer, int64_t *files)
{
    missing m = {0};
    AVSN_TRY(check_path(indexer, ""));
    avsn_zone_init(&m.strings, indexer->context);
    avsound_status status = avsn_store_each_file(indexer->store, note_missing, &m);
    for (size_t i = 0; !status && i < m.count; i++)
        status = avsn_store_remove(indexer->store, m.paths[i]);
    if (!status)
        status = avsound_indexer_commit(indexer);
    if (files)
        *files = status ? 0 : (int64_t)m.count;
    avsn_free(indexer->context, (void *)m.paths);
    avsn_zone_free(&m.strings);
    return status;
}
