/* Any bytes as the three files of an index. An input begins with two lengths of 2 bytes, most significant first: of what is of the
 * pictures' vectors and of the sounds'; these follow, without the zeros of their first pages, then the database. build.sh says how
 * to run it. */
#include "folder.h"

#include "index/store.h"

enum { PAGE = 4096, FIRST = 64 /* bytes of the page that mean something */, MOST_FIT = 16 };

/* ---- the files ---- */

static void write_part(const char *name, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[PAGE - FIRST];
    FILE *file = new_file(name);
    write_bytes(file, data, size < FIRST ? size : FIRST);
    if (size > FIRST) {
        write_bytes(file, zeros, sizeof zeros);
        write_bytes(file, data + FIRST, size - FIRST);
    }
    fclose(file);
}

static void write_index(const uint8_t *data, size_t size)
{
    static const char *const sides[] = {"a.db-image", "a.db-sound"};
    bytes b = {data, size};
    size_t lengths[2];
    for (int i = 0; i < 2; i++)
        lengths[i] = (size_t)take(&b, 2);
    for (int i = 0; i < 2; i++) {
        const size_t length = lengths[i] < b.size ? lengths[i] : b.size;
        write_part(sides[i], b.data, length);
        b.data += length;
        b.size -= length;
    }
    FILE *file = new_file("a.db");
    write_bytes(file, b.data, b.size);
    fclose(file);
}

/* ---- reading ---- */

typedef struct opened {
    avsound_index *index;
    avsound_index_info info;
} opened;

static volatile float seen; /* reads what is pointed to */

static void read_all(const opened *o)
{
    for (int64_t i = 0; i < o->info.files; i++) {
        avsound_index_file file = {.struct_size = sizeof file};
        must(avsound_index_get_file(o->index, i, &file) == AVSOUND_OK && file.path);
        seen = (float)(strlen(file.path) + (file.error ? strlen(file.error) : 0));
    }
    for (int32_t m = AVSOUND_INDEX_IMAGE; m <= AVSOUND_INDEX_SOUND; m++)
        for (int64_t i = 0; i < (m == AVSOUND_INDEX_IMAGE ? o->info.images : o->info.sounds); i++) {
            avsound_index_item item = {.struct_size = sizeof item};
            must(avsound_index_get_item(o->index, m, i, &item) == AVSOUND_OK);
            must(item.file >= 0 && item.file < o->info.files);
            for (int32_t d = 0; d < item.dimension; d++)
                seen = item.vector[d];
        }
}

/* `dimension`: of the queries. */
static void search(const opened *o, int32_t from, int32_t want, int32_t dimension, int32_t shortlist)
{
    int64_t items[2 * 5];
    float scores[2 * 5], *queries = malloc(2 * (size_t)dimension * sizeof *queries);
    avsound_index_search_options options;
    avsound_index_search_options_init(&options, sizeof options);
    options.query = from;
    options.want = want;
    options.k = 5;
    options.per_file = shortlist ? 0 : 2;
    options.threads = 1;
    options.shortlist = shortlist;
    must(queries != NULL);
    for (int64_t i = 0; i < 2 * (int64_t)dimension; i++)
        queries[i] = (float)(i % 7) - 2.5f;
    const int64_t count = want == AVSOUND_INDEX_IMAGE ? o->info.images : o->info.sounds;
    if (fine(avsound_index_search(o->index, &options, queries, 2, items, scores)))
        for (int i = 0; i < 10; i++)
            must(items[i] >= -1 && items[i] < count);
    free(queries);
}

static void search_all(const opened *o, int32_t shortlist)
{
    const int32_t dimension[] = {0, o->info.image_dimension, o->info.sound_dimension};
    for (int32_t from = AVSOUND_INDEX_IMAGE; from <= AVSOUND_INDEX_SOUND; from++)
        for (int32_t want = AVSOUND_INDEX_IMAGE; want <= AVSOUND_INDEX_SOUND; want++)
            search(o, from, want, dimension[want], shortlist);
}

static void correlate(const opened *o)
{
    avsound_cca *cca = NULL;
    avsound_cca_options options;
    avsound_cca_options_init(&options, sizeof options);
    options.components = 2;
    if (o->info.image_dimension > MOST_FIT || o->info.sound_dimension > MOST_FIT)
        return;
    if (fine(avsound_index_fit_cca(o->index, &options, &cca)) && avsound_cca_components(cca)) {
        must(avsound_index_use_cca(o->index, cca) == AVSOUND_OK);
        search(o, AVSOUND_INDEX_IMAGE, AVSOUND_INDEX_SOUND, avsound_cca_components(cca), 0);
    }
    avsound_cca_free(cca);
}

static void read_index(avsound_context *context, const char *path)
{
    opened o = {.info = {.struct_size = sizeof o.info}};
    if (!fine(avsound_index_open(context, path, &o.index)))
        return;
    must(avsound_index_get_info(o.index, &o.info) == AVSOUND_OK);
    read_all(&o);
    search_all(&o, 0);
    for (int32_t m = AVSOUND_INDEX_IMAGE; m <= AVSOUND_INDEX_SOUND; m++)
        fine(avsound_index_round_vectors(o.index, m));
    search_all(&o, 6);
    correlate(&o);
    avsound_index_free(o.index);
}

/* ---- writing: into another index, and in place ---- */

/* One of what make_corpora.py calls the whole one's model. */
static void found(avsound_context *context, const char *path)
{
    avsn_store *store = NULL;
    avsn_store_about about = {.arch = "ave-net", .aligned = 1, .modalities = 3, .dimension = {4, 3}, .hop_us = 1000000};
    for (int i = 0; i < 64; i++)
        about.model[i] = i % 2 ? 'b' : 'a';
    must(avsn_store_open(context, path, true, &store) == AVSOUND_OK);
    must(avsn_store_found(store, &about) == AVSOUND_OK);
    avsn_store_close(store);
}

static void merge_into(avsound_context *context, const char *path, const char *from)
{
    int64_t files = 0;
    avsound_indexer *indexer = NULL;
    must(avsound_indexer_create(context, NULL, path, NULL, &indexer) == AVSOUND_OK);
    if (fine(avsound_indexer_merge(indexer, from, &files)))
        fine(avsound_indexer_merge(indexer, from, &files));
    avsound_indexer_free(indexer);
    read_index(context, path);
}

static void write_again(avsound_context *context, const char *path)
{
    char other[96];
    int64_t files = 0;
    avsound_indexer *indexer = NULL;
    merge_into(context, in_folder("new.db", other), path);
    found(context, in_folder("like.db", other));
    merge_into(context, other, path);
    if (!fine(avsound_indexer_create(context, NULL, path, NULL, &indexer)))
        return;
    if (fine(avsound_indexer_prune(indexer, &files)))
        fine(avsound_indexer_commit(indexer));
    avsound_indexer_free(indexer);
    read_index(context, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static avsound_context *context;
    char path[96];
    context = context ? context : small_context();
    need_folder();
    empty_folder(); /* journals of the last input are not this one's */
    write_index(data, size);
    read_index(context, in_folder("a.db", path));
    write_again(context, path);
    return 0;
}
