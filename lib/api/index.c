#include "api/index.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/cpu.h"

enum { MOST_ANSWERS = 10000, MOST_SHORTLIST = 1000000, USUAL_ANSWERS = 10 };
#define WORTH_THREADS ((int64_t)4 << 20) /* floats: less is read before a thread has started */

/* ---- loading ---- */

static avsound_status add_file(void *user, int64_t number, const avsn_store_file *file)
{
    avsound_index *x = user;
    AVSN_TRY(avsn_grow(x->context, (void **)&x->files, sizeof *x->files, (size_t)x->file_count, (size_t)x->file_count + 1,
                       &x->file_room));
    avsn_index_file *f = &x->files[x->file_count];
    *f = (avsn_index_file){.number = number, .size = file->size, .mtime_ns = file->mtime_ns, .run = {-1, -1}};
    f->path = avsn_zone_printf(&x->strings, "%s", file->path);
    f->error = f->path && file->error ? avsn_zone_printf(&x->strings, "%s", file->error) : NULL;
    if (!f->path || (file->error && !f->error))
        return AVSOUND_E_NO_MEMORY;
    x->failed += f->error != NULL;
    x->file_count++;
    return AVSOUND_OK;
}

/* Index of the file of this number in the database, -1 for none. */
static int64_t file_of(const avsound_index *x, int64_t number)
{
    int64_t low = 0, high = x->file_count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (x->files[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->file_count && x->files[low].number == number ? low : -1;
}

typedef struct loading {
    avsound_index *index;
    int side;
} loading;

static avsound_status add_segment(void *user, const avsn_store_segment *segment)
{
    const loading *l = user;
    avsound_index *x = l->index;
    avsn_index_side *s = &x->sides[l->side];
    const int64_t file = file_of(x, segment->file);
    const avsn_run *last = s->run_count ? &s->runs[s->run_count - 1] : NULL;
    if (file < 0 || x->files[file].run[l->side] >= 0 || (last && segment->first < last->row + last->count))
        AVSN_FAIL(AVSOUND_E_FORMAT, "the index is damaged: rows %lld... are of file %lld, %s", (long long)segment->first,
                  (long long)segment->file, file < 0 ? "which there is not" : "and not alone");
    AVSN_TRY(avsn_grow(x->context, (void **)&s->runs, sizeof *s->runs, (size_t)s->run_count, (size_t)s->run_count + 1,
                       &s->run_room));
    AVSN_TRY(avsn_grow(x->context, (void **)&s->times, sizeof *s->times, (size_t)s->items, (size_t)(s->items + segment->count),
                       &s->time_room));
    memcpy(s->times + s->items, segment->times, (size_t)segment->count * sizeof *s->times);
    x->files[file].run[l->side] = s->run_count;
    s->runs[s->run_count++] =
        (avsn_run){.row = segment->first, .item = s->items, .count = segment->count, .file = file};
    s->items += segment->count;
    return AVSOUND_OK;
}

static avsound_status load(avsound_index *x, const char *path)
{
    AVSN_TRY(avsn_store_open(x->context, path, false, &x->store));
    x->about = *avsn_store_get_about(x->store);
    AVSN_TRY(avsn_store_each_file(x->store, add_file, x));
    for (int i = 0; i < AVSN_STORE_SIDES; i++) {
        const avsound_status status = avsn_store_each_segment(x->store, i, add_segment, &(loading){x, i});
        if (status)
            return avsn_fail_in(status, "%s", path);
        x->sides[i].vectors = avsn_store_vectors(x->store, i);
        x->sides[i].dimension = x->about.dimension[i];
    }
    avsn_store_settle(x->store);
    return AVSOUND_OK;
}

avsound_status avsound_index_open(avsound_context *context, const char *path, avsound_index **out)
{
    if (!out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!context || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "path" : "context");
    avsound_index *x = avsn_alloc_zeroed(context, 1, sizeof *x);
    if (!x)
        return AVSOUND_E_NO_MEMORY;
    x->context = avsn_context_ref(context);
    avsn_zone_init(&x->strings, context);
    const avsound_status status = load(x, path);
    if (status)
        avsound_index_free(x);
    else
        *out = x;
    return status;
}

void avsound_index_free(avsound_index *index)
{
    if (!index)
        return;
    avsound_context *context = index->context;
    for (int i = 0; i < AVSN_STORE_SIDES; i++) {
        avsn_free(context, index->sides[i].runs);
        avsn_free(context, index->sides[i].times);
        avsn_index_projection_free(index, &index->sides[i].replaced);
        avsn_rounded_free(context, &index->sides[i].rounded);
    }
    avsn_free(context, index->files);
    avsn_zone_free(&index->strings);
    avsn_store_close(index->store);
    avsn_free(context, index);
    avsound_context_free(context);
}

/* ---- asking ---- */

static avsound_status check_side(int32_t modality, const char *name, int *side)
{
    if (modality != AVSOUND_INDEX_IMAGE && modality != AVSOUND_INDEX_SOUND)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %d, want AVSOUND_INDEX_IMAGE or AVSOUND_INDEX_SOUND", name, modality);
    *side = modality == AVSOUND_INDEX_IMAGE ? AVSN_STORE_IMAGE : AVSN_STORE_SOUND;
    return AVSOUND_OK;
}

avsound_status avsound_index_get_info(const avsound_index *index, avsound_index_info *info)
{
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    const avsn_store_about *a = &index->about;
    const avsound_index_info i = {.modalities = a->modalities,
                                  .aligned = a->aligned,
                                  .image_dimension = a->dimension[AVSN_STORE_IMAGE],
                                  .sound_dimension = a->dimension[AVSN_STORE_SOUND],
                                  .hop_seconds = (double)a->hop_us / 1e6,
                                  .files = index->file_count,
                                  .failed = index->failed,
                                  .images = index->sides[AVSN_STORE_IMAGE].items,
                                  .sounds = index->sides[AVSN_STORE_SOUND].items,
                                  .arch = a->arch,
                                  .model = a->model};
    return avsn_struct_write(info, &i, sizeof i, "info");
}

avsound_status avsn_index_identify(const avsound_model *model, char text[AVSN_DIGEST_TEXT])
{
    return avsn_params_digest(model->context, model->arch->name, &model->params, text);
}

avsound_status avsound_index_check_model(const avsound_index *index, const avsound_model *model)
{
    char text[AVSN_DIGEST_TEXT];
    if (!index || !model)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", index ? "model" : "index");
    AVSN_TRY(avsn_index_identify(model, text));
    if (strcmp(text, index->about.model))
        AVSN_FAIL(AVSOUND_E_STATE, "the index was made by another model: %s %.12s..., this one is %s %.12s...", index->about.arch,
                  index->about.model, model->arch->name, text);
    return AVSOUND_OK;
}

static avsound_status check_number(const char *name, int64_t number, int64_t count)
{
    if (number < 0 || number >= count)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %lld, want 0...%lld", name, (long long)number, (long long)count - 1);
    return AVSOUND_OK;
}

avsound_status avsound_index_get_file(const avsound_index *index, int64_t number, avsound_index_file *file)
{
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    AVSN_TRY(check_number("file", number, index->file_count));
    const avsn_index_file *f = &index->files[number];
    const avsound_index_file answer = {.path = f->path, .error = f->error, .size = f->size, .mtime_ns = f->mtime_ns};
    return avsn_struct_write(file, &answer, sizeof answer, "file");
}

avsound_status avsound_index_get_item(const avsound_index *index, int32_t modality, int64_t number, avsound_index_item *item)
{
    int side = 0;
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    AVSN_TRY(check_side(modality, "modality", &side));
    const avsn_index_side *s = &index->sides[side];
    AVSN_TRY(check_number("item", number, s->items));
    const avsn_run *run = &s->runs[avsn_run_of(s->runs, s->run_count, number)];
    const avsound_index_item answer = {.dimension = s->dimension,
                                       .file = run->file,
                                       .time_us = s->times[number],
                                       .vector = s->vectors + (run->row + number - run->item) * s->dimension};
    return avsn_struct_write(item, &answer, sizeof answer, "item");
}

int64_t avsn_index_find(const avsound_index *index, const char *path, int64_t size, int64_t mtime_ns)
{
    for (int64_t i = 0; i < index->file_count; i++) {
        const avsn_index_file *f = &index->files[i];
        if (f->size == size && f->mtime_ns == mtime_ns && !strcmp(f->path, path))
            return i;
    }
    return -1;
}

/* ---- searching ---- */

bool avsn_index_normalise(const float *vector, int64_t dimension, float *to)
{
    double squares = 0;
    for (int64_t i = 0; i < dimension; i++)
        squares += (double)vector[i] * (double)vector[i];
    if (!(squares > 0) || !isfinite(squares))
        return false;
    const double scale = 1 / sqrt(squares);
    for (int64_t i = 0; i < dimension; i++)
        to[i] = (float)((double)vector[i] * scale);
    return true;
}

void avsound_index_search_options_init(avsound_index_search_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status read_options(const avsound_index_search_options *theirs, avsound_index_search_options *o, int *from, int *want)
{
    if (!theirs)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "options is NULL");
    AVSN_TRY(avsn_options_read(o, sizeof *o, theirs, offsetof(avsound_index_search_options, shortlist), "search options"));
    AVSN_TRY(check_side(o->query, "search options: query", from));
    AVSN_TRY(check_side(o->want, "search options: want", want));
    if (o->k < 0 || o->k > MOST_ANSWERS || o->per_file < 0 || o->threads < 0 || o->threads > 256)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "search options: k is %d, want 0...%d; per_file %d, want 0 or more; threads %d, "
                  "want 0...256", o->k, MOST_ANSWERS, o->per_file, o->threads);
    o->k = o->k ? o->k : USUAL_ANSWERS;
    if (o->shortlist && (o->shortlist < o->k || o->shortlist > MOST_SHORTLIST))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "search options: shortlist is %d, want 0, or k (%d)...%d", o->shortlist, o->k,
                  MOST_SHORTLIST);
    return AVSOUND_OK;
}

static int32_t dimension_of(const avsn_index_side *s)
{
    return s->replaced.vectors ? s->replaced.dimension : s->dimension;
}

/* Whether vectors of the one can be held against those of the other. */
static avsound_status check_aligned(const avsound_index *x, int from, int want)
{
    const avsn_index_side *a = &x->sides[from], *b = &x->sides[want];
    const bool replaced = a->replaced.vectors && b->replaced.vectors;
    if (from == want)
        return AVSOUND_OK;
    if (!replaced && (a->replaced.vectors || b->replaced.vectors))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "the vectors of one modality were replaced: across modalities both must be");
    if (!replaced && !x->about.aligned)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s's vectors of pictures and of sounds are not of one space and can't be compared, unless "
                  "a CCA takes them to one: avsound_index_fit_cca(), or avsound cca", x->about.arch);
    if (dimension_of(a) != dimension_of(b))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "vectors of %d numbers can't be compared with others of %d", dimension_of(a),
                  dimension_of(b));
    return AVSOUND_OK;
}

static avsound_status normalise_queries(avsound_context *context, const float *queries, int64_t count, int32_t dimension, float **out)
{
    float *to = avsn_alloc(context, (size_t)count, (size_t)dimension * sizeof *to);
    *out = to;
    if (!to)
        return AVSOUND_E_NO_MEMORY;
    for (int64_t i = 0; i < count; i++)
        if (!avsn_index_normalise(queries + i * dimension, dimension, to + i * dimension))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "query %lld has no direction: it is all zeros, or not finite", (long long)i);
    return AVSOUND_OK;
}

static int32_t choose_threads(int32_t asked, const avsn_index_side *s)
{
    return asked ? asked : s->items * dimension_of(s) >= WORTH_THREADS ? avsn_cpu_count() : 1;
}

avsound_status avsound_index_search(const avsound_index *index, const avsound_index_search_options *options, const float *queries,
                                    int64_t count, int64_t *items, float *scores)
{
    avsound_index_search_options o;
    int from = 0, want = 0;
    float *normalised = NULL;
    if (!index || count < 0 || count > INT_MAX || (count && (!queries || !items || !scores)))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index, queries, items or scores is NULL, or count (%lld) out of range",
                  (long long)count);
    AVSN_TRY(read_options(options, &o, &from, &want));
    AVSN_TRY(check_aligned(index, from, want));
    const avsn_index_side *s = &index->sides[want];
    if (o.shortlist && !s->rounded.values)
        AVSN_FAIL(AVSOUND_E_STATE, "search options: a shortlist wants rounded vectors: avsound_index_round_vectors()");
    if (!count)
        return AVSOUND_OK;
    avsound_status status = normalise_queries(index->context, queries, count, dimension_of(s), &normalised);
    if (!status) {
        const bool own = !s->replaced.vectors;
        const avsn_search search = {.vectors = own ? s->vectors : s->replaced.vectors, .dimension = dimension_of(s),
                                    .runs = own ? s->runs : s->replaced.runs, .run_count = s->run_count, .queries = normalised,
                                    .query_count = count, .k = o.k, .per_file = o.per_file, .threads = choose_threads(o.threads, s),
                                    .rounded = o.shortlist ? &s->rounded : NULL, .shortlist = o.shortlist};
        status = avsn_search_run(index->context, &search, items, scores);
    }
    avsn_free(index->context, normalised);
    return status;
}

/* ---- other vectors ---- */

avsound_status avsn_index_projection_create(const avsound_index *index, int side, int32_t dimension, avsn_index_projection *out)
{
    const avsn_index_side *s = &index->sides[side];
    *out = (avsn_index_projection){.dimension = dimension};
    out->vectors = avsn_alloc(index->context, (size_t)AVSN_MAX(s->items, 1), (size_t)dimension * sizeof *out->vectors);
    out->runs = out->vectors ? avsn_alloc(index->context, (size_t)AVSN_MAX(s->run_count, 1), sizeof *out->runs) : NULL;
    if (!out->runs) {
        avsn_index_projection_free(index, out);
        return AVSOUND_E_NO_MEMORY;
    }
    for (int64_t r = 0; r < s->run_count; r++) {
        out->runs[r] = s->runs[r];
        out->runs[r].row = s->runs[r].item;
    }
    return AVSOUND_OK;
}

void avsn_index_projection_free(const avsound_index *index, avsn_index_projection *projection)
{
    avsn_free(index->context, projection->vectors);
    avsn_free(index->context, projection->runs);
    *projection = (avsn_index_projection){0};
}

void avsn_index_projection_use(avsound_index *index, int side, avsn_index_projection *projection)
{
    avsn_index_projection_free(index, &index->sides[side].replaced);
    avsn_rounded_free(index->context, &index->sides[side].rounded);
    index->sides[side].replaced = *projection;
}

avsound_status avsound_index_round_vectors(avsound_index *index, int32_t modality)
{
    int side = 0;
    avsn_rounded rounded;
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    AVSN_TRY(check_side(modality, "modality", &side));
    avsn_index_side *s = &index->sides[side];
    const avsn_run *runs = s->replaced.vectors ? s->replaced.runs : s->runs;
    const int64_t rows = s->run_count ? runs[s->run_count - 1].row + runs[s->run_count - 1].count : 0;
    AVSN_TRY(avsn_rounded_create(index->context, s->replaced.vectors ? s->replaced.vectors : s->vectors, rows, dimension_of(s),
                                 &rounded));
    avsn_rounded_free(index->context, &s->rounded);
    s->rounded = rounded;
    return AVSOUND_OK;
}

/* A vector without direction becomes one of zeros, which is nearer to nothing. */
static void copy_vectors(const float *vectors, int64_t count, int32_t dimension, float *to)
{
    for (int64_t i = 0; i < count; i++)
        if (!avsn_index_normalise(vectors + i * dimension, dimension, to + i * dimension))
            memset(to + i * dimension, 0, (size_t)dimension * sizeof *to);
}

avsound_status avsound_index_replace_vectors(avsound_index *index, int32_t modality, const float *vectors, int32_t dimension)
{
    int side = 0;
    avsn_index_projection projection;
    if (!index)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    AVSN_TRY(check_side(modality, "modality", &side));
    const int64_t items = index->sides[side].items;
    if (dimension < 1 || dimension > 1 << 16 || (items && !vectors))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "vectors is NULL, or dimension (%d) not 1...%d", dimension, 1 << 16);
    AVSN_TRY(avsn_index_projection_create(index, side, dimension, &projection));
    copy_vectors(vectors, items, dimension, projection.vectors);
    avsn_index_projection_use(index, side, &projection);
    return AVSOUND_OK;
}
