/* Writing an index and searching it, against embeddings of scans, and all that a caller may get wrong. */
#include "contract/place.h"

#include <pthread.h>
#include <sys/stat.h>

typedef struct library {
    place p;
    char path[96], other[96];
} library;

static void open_library(library *l, const char *arch)
{
    setup(&l->p, arch, 1.2, 30);
    snprintf(l->path, sizeof l->path, "%s/a.db", l->p.folder);
    snprintf(l->other, sizeof l->other, "%s/b.db", l->p.folder);
}

static avsound_indexer *open_writer(const library *l, const char *path, double hop)
{
    avsound_indexer *indexer = NULL;
    avsound_indexer_options o;
    avsound_indexer_options_init(&o, sizeof o);
    o.hop_seconds = hop;
    o.threads = 1;
    ck_avsound(avsound_indexer_create(l->p.context, l->p.model, path, &o, &indexer));
    return indexer;
}

static avsound_indexed add(avsound_indexer *indexer, const char *path)
{
    avsound_indexed result = {.struct_size = sizeof result};
    ck_avsound(avsound_indexer_add(indexer, path, &result));
    return result;
}

static void finish(avsound_indexer *indexer)
{
    ck_avsound(avsound_indexer_commit(indexer));
    avsound_indexer_free(indexer);
}

/* The clip, the clip without sound, and the sound. */
static void fill(const library *l, const char *path)
{
    avsound_indexer *indexer = open_writer(l, path, 0.2);
    add(indexer, l->p.clip);
    add(indexer, l->p.mute);
    add(indexer, l->p.sound);
    finish(indexer);
}

static avsound_index *open_index(const library *l, const char *path)
{
    avsound_index *index = NULL;
    ck_avsound(avsound_index_open(l->p.context, path, &index));
    return index;
}

static avsound_index_info info_of(const avsound_index *index)
{
    avsound_index_info info = {.struct_size = sizeof info};
    ck_avsound(avsound_index_get_info(index, &info));
    return info;
}

static avsound_index_search_options want(int32_t from, int32_t what)
{
    avsound_index_search_options o;
    avsound_index_search_options_init(&o, sizeof o);
    o.query = from;
    o.want = what;
    return o;
}

START_TEST(options_init_stays_within_struct_size)
{
    unsigned char bytes[96];
    for (uint32_t size = 0; size <= sizeof bytes; size++) {
        memset(bytes, 0xa5, sizeof bytes);
        avsound_indexer_options_init((avsound_indexer_options *)(void *)bytes, size);
        avsound_index_search_options_init((avsound_index_search_options *)(void *)bytes, size);
        for (size_t i = size; i < sizeof bytes; i++)
            ck_assert_uint_eq(bytes[i], 0xa5);
    }
}
END_TEST

/* Items are what a scan of the same hop finds, of length 1, and nothing where it is silent. */
START_TEST(items_are_those_of_a_scan)
{
    library l;
    open_library(&l, "ave-net");
    avsound_indexer *indexer = open_writer(&l, l.path, 0.2);
    const avsound_indexed clip = add(indexer, l.p.clip), mute = add(indexer, l.p.mute), sound = add(indexer, l.p.sound);
    ck_assert_int_eq(clip.outcome, AVSOUND_INDEXED_NEW);
    ck_assert_ptr_null(clip.error);
    ck_assert_int_eq(clip.images, 6);
    ck_assert_int_eq(clip.sounds, 6);
    ck_assert_int_eq(mute.images, 1);
    ck_assert_int_eq(mute.sounds, 0);
    ck_assert_int_eq(sound.images, 0);
    ck_assert_int_eq(sound.sounds, 6);
    finish(indexer);
    avsound_index *index = open_index(&l, l.path);
    const avsound_index_info info = info_of(index);
    ck_assert_int_eq(info.files, 3);
    ck_assert_int_eq(info.failed, 0);
    ck_assert_int_eq(info.images, 7);
    ck_assert_int_eq(info.sounds, 12);
    ck_assert_int_eq(info.image_dimension, 128);
    ck_assert_int_eq(info.aligned, 1);
    ck_assert_str_eq(info.arch, "ave-net");
    ck_assert_double_eq(info.hop_seconds, 0.2);
    ck_assert_uint_eq(strlen(info.model), 64);
    avsound_scan_options o;
    avsound_scan *scan;
    avsound_scan_options_init(&o, sizeof o);
    o.what = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO;
    o.hop_seconds = 0.2;
    o.threads = 1;
    ck_avsound(avsound_scan_create(l.p.model, l.p.clip, &o, &scan));
    for (int64_t i = 0; i < 6; i++) {
        avsound_scan_result r = {.struct_size = sizeof r};
        ck_avsound(avsound_scan_next(scan, &r));
        for (int32_t m = AVSOUND_INDEX_IMAGE; m <= AVSOUND_INDEX_SOUND; m++) {
            const float *vector = m == AVSOUND_INDEX_IMAGE ? r.embedding_image : r.embedding_audio;
            avsound_index_item item = {.struct_size = sizeof item};
            ck_avsound(avsound_index_get_item(index, m, i, &item));
            ck_assert_int_eq(item.file, 0);
            ck_assert_int_eq(item.time_us, r.time_us);
            ck_assert_int_eq(item.dimension, 128);
            for (int d = 0; d < 128; d++) /* which this network has normalised already */
                ck_assert_float_eq_tol(item.vector[d], vector[d], 1e-6f);
        }
    }
    avsound_scan_free(scan);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(each_item_finds_itself)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_index *index = open_index(&l, l.path);
    ck_avsound(avsound_index_check_model(index, l.p.model));
    for (int32_t m = AVSOUND_INDEX_IMAGE; m <= AVSOUND_INDEX_SOUND; m++) {
        avsound_index_search_options o = want(m, m);
        o.k = 3;
        for (int64_t i = 0; i < 6; i++) {
            avsound_index_item item = {.struct_size = sizeof item};
            float loud[128], scores[3];
            int64_t items[3];
            ck_avsound(avsound_index_get_item(index, m, i, &item));
            for (int d = 0; d < 128; d++)
                loud[d] = 3 * item.vector[d];
            ck_avsound(avsound_index_search(index, &o, loud, 1, items, scores));
            ck_assert_int_le(items[0], i); /* or one that is the same */
            ck_assert_float_eq_tol(scores[0], 1, 1e-5f);
            ck_assert_float_ge(scores[0], scores[1]);
            ck_assert_float_ge(scores[1], scores[2]);
        }
    }
    avsound_index_search_options o = want(AVSOUND_INDEX_IMAGE, AVSOUND_INDEX_SOUND);
    avsound_index_item item = {.struct_size = sizeof item};
    int64_t items[10];
    float scores[10];
    o.per_file = 1;
    ck_avsound(avsound_index_get_item(index, AVSOUND_INDEX_IMAGE, 0, &item));
    ck_avsound(avsound_index_search(index, &o, item.vector, 1, items, scores)); /* 10 are the default */
    ck_assert_int_ge(items[1], 0);
    ck_assert_int_eq(items[2], -1);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

/* ---- one index, many threads ---- */

enum { SEARCHERS = 4, QUESTIONS = 6, ANSWERS = 5 };

typedef struct searcher {
    const avsound_index *index;
    int32_t threads; /* of each search */
    int64_t items[2][QUESTIONS][ANSWERS];
    float scores[2][QUESTIONS][ANSWERS];
} searcher;

/* Sounds for pictures, then pictures for sounds. */
static void *search_all(void *argument)
{
    searcher *s = argument;
    for (int32_t m = 0; m < 2; m++) {
        const int32_t from = m ? AVSOUND_INDEX_SOUND : AVSOUND_INDEX_IMAGE, what = m ? AVSOUND_INDEX_IMAGE : AVSOUND_INDEX_SOUND;
        avsound_index_search_options o = want(from, what);
        o.k = ANSWERS;
        o.threads = s->threads;
        for (int64_t i = 0; i < QUESTIONS; i++) {
            avsound_index_item item = {.struct_size = sizeof item};
            ck_avsound(avsound_index_get_item(s->index, o.query, i, &item));
            ck_avsound(avsound_index_search(s->index, &o, item.vector, 1, s->items[m][i], s->scores[m][i]));
        }
    }
    return NULL;
}

START_TEST(threads_share_an_index)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_index *index = open_index(&l, l.path);
    searcher alone = {.index = index, .threads = 1}, beside[SEARCHERS];
    pthread_t threads[SEARCHERS];
    search_all(&alone);
    for (int32_t i = 0; i < SEARCHERS; i++) {
        beside[i] = (searcher){.index = index, .threads = 1 + i % 2};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, search_all, &beside[i]), 0);
    }
    for (int32_t i = 0; i < SEARCHERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_mem_eq(beside[i].items, alone.items, sizeof alone.items);
        ck_assert_mem_eq(beside[i].scores, alone.scores, sizeof alone.scores);
    }
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(what_is_there_is_kept)
{
    library l;
    int32_t current = -1;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_indexer *indexer = open_writer(&l, l.path, 0);
    ck_avsound(avsound_indexer_is_current(indexer, l.p.clip, &current));
    ck_assert_int_eq(current, 1);
    ck_assert_int_eq(add(indexer, l.p.clip).outcome, AVSOUND_INDEXED_KEPT);
    write_wav(l.p.sound, 0.5); /* has changed */
    ck_avsound(avsound_indexer_is_current(indexer, l.p.sound, &current));
    ck_assert_int_eq(current, 0);
    const avsound_indexed again = add(indexer, l.p.sound);
    ck_assert_int_eq(again.outcome, AVSOUND_INDEXED_NEW);
    ck_assert_int_eq(again.sounds, 3);
    finish(indexer);
    avsound_index *index = open_index(&l, l.path);
    ck_assert_int_eq(info_of(index).files, 3);
    ck_assert_int_eq(info_of(index).sounds, 9);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(what_is_of_no_use_is_kept_in_mind)
{
    library l;
    char text[96];
    open_library(&l, "ave-net");
    snprintf(text, sizeof text, "%s/film.mp4", l.p.folder);
    FILE *file = fopen(text, "w");
    for (int i = 0; i < 400; i++)
        fprintf(file, "no film %d\n", i);
    fclose(file);
    avsound_indexer *indexer = open_writer(&l, l.path, 0.2);
    avsound_indexed r = add(indexer, text);
    ck_assert_int_eq(r.outcome, AVSOUND_INDEXED_FAILED);
    ck_assert_ptr_nonnull(strstr(r.error, "film.mp4"));
    ck_assert_int_eq(add(indexer, text).outcome, AVSOUND_INDEXED_KEPT);
    r = add(indexer, "/no/such/film.mp4");
    ck_assert_int_eq(r.outcome, AVSOUND_INDEXED_FAILED);
    ck_assert_ptr_nonnull(strstr(r.error, "No such file"));
    ck_assert_int_eq(add(indexer, "/no/such/film.mp4").outcome, AVSOUND_INDEXED_FAILED);
    finish(indexer);
    avsound_index *index = open_index(&l, l.path);
    avsound_index_file f = {.struct_size = sizeof f};
    ck_assert_int_eq(info_of(index).files, 1);
    ck_assert_int_eq(info_of(index).failed, 1);
    ck_avsound(avsound_index_get_file(index, 0, &f));
    ck_assert_str_eq(f.path, text);
    ck_assert_ptr_nonnull(strstr(f.error, "film.mp4"));
    struct stat s;
    ck_assert_int_eq(stat(text, &s), 0);
    ck_assert_int_eq(f.size, s.st_size);
    ck_assert_int_eq(f.mtime_ns, (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(shards_become_one)
{
    library l;
    int64_t files = -1;
    char third[96];
    open_library(&l, "ave-net");
    snprintf(third, sizeof third, "%s/c.db", l.p.folder);
    avsound_indexer *one = open_writer(&l, l.path, 0.2), *two = open_writer(&l, l.other, 0.2), *all = NULL;
    add(one, l.p.clip);
    add(one, l.p.sound);
    add(two, l.p.mute);
    add(two, l.p.sound);
    finish(one);
    finish(two);
    ck_avsound(avsound_indexer_create(l.p.context, NULL, third, NULL, &all));
    ck_refused(avsound_indexer_add(all, l.p.clip, NULL), AVSOUND_E_STATE, "without a model");
    ck_avsound(avsound_indexer_merge(all, l.path, &files));
    ck_assert_int_eq(files, 2);
    ck_avsound(avsound_indexer_merge(all, l.other, &files));
    ck_assert_int_eq(files, 1);
    ck_avsound(avsound_indexer_merge(all, third, &files)); /* itself */
    ck_assert_int_eq(files, 0);
    ck_refused(avsound_indexer_merge(all, l.p.sound, &files), AVSOUND_E_FORMAT, l.p.sound);
    finish(all);
    avsound_index *index = open_index(&l, third), *first = open_index(&l, l.path);
    ck_assert_int_eq(info_of(index).files, 3);
    ck_assert_int_eq(info_of(index).images, 7);
    ck_assert_int_eq(info_of(index).sounds, 12);
    for (int64_t i = 0; i < 12; i++) {
        avsound_index_item a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        ck_avsound(avsound_index_get_item(index, AVSOUND_INDEX_SOUND, i, &a));
        ck_avsound(avsound_index_get_item(first, AVSOUND_INDEX_SOUND, i, &b));
        ck_assert_int_eq(a.time_us, b.time_us);
        ck_assert_mem_eq(a.vector, b.vector, 128 * sizeof *a.vector);
    }
    avsound_index_free(index);
    avsound_index_free(first);
    ck_avsound(avsound_indexer_create(l.p.context, l.p.model, l.path, NULL, &one));
    ck_assert_int_eq(remove(l.p.clip), 0);
    ck_avsound(avsound_indexer_prune(one, &files));
    ck_assert_int_eq(files, 1);
    avsound_indexer_free(one);
    index = open_index(&l, l.path);
    ck_assert_int_eq(info_of(index).files, 1);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(vectors_of_different_kinds_are_kept_apart)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_indexer *indexer = (avsound_indexer *)1;
    avsound_indexer_options o;
    avsound_indexer_options_init(&o, sizeof o);
    o.hop_seconds = 0.3;
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, &indexer), AVSOUND_E_STATE, "hop of 0.2 s, not of 0.3");
    ck_assert_ptr_null(indexer);
    o.hop_seconds = 0;
    o.modalities = AVSOUND_INDEX_SOUND;
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, &indexer), AVSOUND_E_STATE,
               "pictures and sounds, not of sounds");
    avsound_model *other;
    ck_avsound(avsound_model_create(l.p.context, "ave-net", narrow, 2, &other));
    ck_refused(avsound_indexer_create(l.p.context, other, l.path, NULL, &indexer), AVSOUND_E_STATE, "another model");
    avsound_index *index = open_index(&l, l.path);
    ck_refused(avsound_index_check_model(index, other), AVSOUND_E_STATE, "another model");
    ck_refused(avsound_index_check_model(index, NULL), AVSOUND_E_INVALID_ARGUMENT, "model");
    avsound_index_free(index);
    ck_avsound(avsound_indexer_create(l.p.context, other, l.other, &o, &indexer)); /* sounds alone */
    const avsound_indexed r = add(indexer, l.p.clip);
    ck_assert_int_eq(r.images, 0);
    ck_assert_int_eq(r.sounds, 2);
    ck_refused(avsound_indexer_merge(indexer, l.path, NULL), AVSOUND_E_STATE, "another model");
    avsound_indexer_free(indexer);
    avsound_model *clips = narrow_model(l.p.context, "multisensory");
    ck_refused(avsound_indexer_create(l.p.context, clips, l.path, NULL, &indexer), AVSOUND_E_UNSUPPORTED, "multisensory");
    avsound_model_free(clips);
    avsound_model_free(other);
    teardown(&l.p);
}
END_TEST

START_TEST(a_shortlist_wants_rounded_vectors)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_index *index = open_index(&l, l.path);
    avsound_index_search_options o = want(AVSOUND_INDEX_IMAGE, AVSOUND_INDEX_SOUND);
    avsound_index_item item = {.struct_size = sizeof item};
    int64_t items[2][5];
    float scores[2][5], *others = calloc((size_t)info_of(index).sounds * 2, sizeof *others);
    o.k = 5;
    ck_avsound(avsound_index_get_item(index, AVSOUND_INDEX_IMAGE, 3, &item));
    ck_avsound(avsound_index_search(index, &o, item.vector, 1, items[0], scores[0]));
    o.shortlist = 4;
    ck_refused(avsound_index_search(index, &o, item.vector, 1, items[1], scores[1]), AVSOUND_E_INVALID_ARGUMENT, "shortlist is 4");
    o.shortlist = 12;
    ck_refused(avsound_index_search(index, &o, item.vector, 1, items[1], scores[1]), AVSOUND_E_STATE, "rounded");
    ck_avsound(avsound_index_round_vectors(index, AVSOUND_INDEX_SOUND));
    ck_avsound(avsound_index_round_vectors(index, AVSOUND_INDEX_SOUND));
    ck_avsound(avsound_index_search(index, &o, item.vector, 1, items[1], scores[1]));
    ck_assert_mem_eq(items[0], items[1], sizeof items[0]);
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    ck_avsound(avsound_index_replace_vectors(index, AVSOUND_INDEX_SOUND, others, 2)); /* which are not rounded */
    o.query = AVSOUND_INDEX_SOUND;
    others[0] = 1;
    ck_refused(avsound_index_search(index, &o, others, 1, items[1], scores[1]), AVSOUND_E_STATE, "rounded");
    ck_avsound(avsound_index_round_vectors(index, AVSOUND_INDEX_SOUND));
    ck_avsound(avsound_index_search(index, &o, others, 1, items[1], scores[1]));
    ck_refused(avsound_index_round_vectors(index, 3), AVSOUND_E_INVALID_ARGUMENT, "modality");
    ck_refused(avsound_index_round_vectors(NULL, AVSOUND_INDEX_SOUND), AVSOUND_E_INVALID_ARGUMENT, "index is NULL");
    free(others);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(what_is_not_aligned_is_not_compared)
{
    library l;
    open_library(&l, "l3-net");
    fill(&l, l.path);
    avsound_index *index = open_index(&l, l.path);
    const avsound_index_info info = info_of(index);
    float query[512] = {1}, scores[10], *both = calloc((size_t)info.sounds * 2, sizeof *both);
    int64_t items[10];
    ck_assert_int_eq(info.aligned, 0);
    avsound_index_search_options across = want(AVSOUND_INDEX_IMAGE, AVSOUND_INDEX_SOUND),
                                 along = want(AVSOUND_INDEX_SOUND, AVSOUND_INDEX_SOUND);
    ck_refused(avsound_index_search(index, &across, query, 1, items, scores), AVSOUND_E_UNSUPPORTED, "l3-net");
    ck_avsound(avsound_index_search(index, &along, query, 1, items, scores));
    for (int64_t i = 0; i < info.sounds; i++)
        both[2 * i + 1] = i == 3 ? 5 : -0.5f;
    ck_avsound(avsound_index_replace_vectors(index, AVSOUND_INDEX_SOUND, both, 2));
    ck_refused(avsound_index_search(index, &across, query, 1, items, scores), AVSOUND_E_UNSUPPORTED, "both must be");
    ck_avsound(avsound_index_replace_vectors(index, AVSOUND_INDEX_IMAGE, both, 2));
    query[0] = 0;
    query[1] = 7;
    ck_avsound(avsound_index_search(index, &across, query, 1, items, scores));
    ck_assert_int_eq(items[0], 3);
    ck_assert_float_eq_tol(scores[0], 1, 1e-6f);
    ck_assert_float_eq_tol(scores[1], -1, 1e-6f);
    ck_refused(avsound_index_replace_vectors(index, 3, both, 2), AVSOUND_E_INVALID_ARGUMENT, "modality");
    ck_refused(avsound_index_replace_vectors(index, AVSOUND_INDEX_SOUND, NULL, 2), AVSOUND_E_INVALID_ARGUMENT, "NULL");
    ck_refused(avsound_index_replace_vectors(NULL, AVSOUND_INDEX_SOUND, both, 2), AVSOUND_E_INVALID_ARGUMENT, "index");
    ck_avsound(avsound_index_replace_vectors(index, AVSOUND_INDEX_SOUND, both, 1));
    ck_refused(avsound_index_search(index, &across, query, 1, items, scores), AVSOUND_E_UNSUPPORTED, "2 numbers");
    free(both);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    library l;
    avsound_indexer *indexer = (avsound_indexer *)1;
    avsound_index *index = (avsound_index *)1;
    avsound_indexer_options o;
    int32_t current;
    open_library(&l, "ave-net");
    avsound_indexer_options_init(&o, sizeof o);
    ck_refused(avsound_indexer_create(NULL, l.p.model, l.path, &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_assert_ptr_null(indexer);
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, NULL, &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, "", &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "empty");
    const double hops[] = {-1, 1e-4, NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        o.hop_seconds = hops[i];
        ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "hop");
    }
    o.hop_seconds = 0;
    o.modalities = 4;
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "modalities");
    o.modalities = 0;
    o.threads = -1;
    ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, &o, &indexer), AVSOUND_E_INVALID_ARGUMENT, "threads");
    ck_refused(avsound_index_open(NULL, l.path, &index), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_assert_ptr_null(index);
    ck_refused(avsound_index_open(l.p.context, NULL, &index), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_index_open(l.p.context, l.path, NULL), AVSOUND_E_INVALID_ARGUMENT, "out");
    ck_refused(avsound_index_open(l.p.context, l.path, &index), AVSOUND_E_IO, l.path);
    ck_avsound(avsound_indexer_create(l.p.context, NULL, l.path, NULL, &indexer));
    ck_refused(avsound_indexer_add(indexer, l.p.clip, NULL), AVSOUND_E_STATE, "nothing is known");
    ck_refused(avsound_indexer_is_current(indexer, l.p.clip, &current), AVSOUND_E_STATE, "nothing is known");
    ck_refused(avsound_indexer_prune(indexer, NULL), AVSOUND_E_STATE, "nothing is known");
    avsound_indexer_free(indexer);
    fill(&l, l.path);
    indexer = open_writer(&l, l.path, 0);
    ck_refused(avsound_indexer_add(NULL, l.p.clip, NULL), AVSOUND_E_INVALID_ARGUMENT, "indexer");
    ck_refused(avsound_indexer_add(indexer, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_indexer_is_current(indexer, l.p.clip, NULL), AVSOUND_E_INVALID_ARGUMENT, "current");
    ck_refused(avsound_indexer_is_current(indexer, "/no/such", &current), AVSOUND_E_IO, "/no/such");
    ck_refused(avsound_indexer_merge(NULL, l.path, NULL), AVSOUND_E_INVALID_ARGUMENT, "indexer");
    ck_refused(avsound_indexer_merge(indexer, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "path");
    ck_refused(avsound_indexer_prune(NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "indexer");
    ck_refused(avsound_indexer_commit(NULL), AVSOUND_E_INVALID_ARGUMENT, "indexer");
    avsound_indexer_cancel(indexer);
    ck_refused(avsound_indexer_add(indexer, l.p.clip, NULL), AVSOUND_E_CANCELLED, "cancelled");
    avsound_indexer_free(indexer);
    avsound_indexer_cancel(NULL);
    avsound_indexer_free(NULL);
    avsound_index_free(NULL);
    teardown(&l.p);
}
END_TEST

START_TEST(bad_questions_are_refused)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_index *index = open_index(&l, l.path);
    avsound_index_info info = {.struct_size = sizeof info};
    avsound_index_file file = {.struct_size = sizeof file};
    avsound_index_item item = {.struct_size = sizeof item};
    float query[128] = {1}, nothing[128] = {0}, scores[10];
    int64_t items[10];
    ck_refused(avsound_index_get_info(NULL, &info), AVSOUND_E_INVALID_ARGUMENT, "index");
    ck_refused(avsound_index_get_info(index, NULL), AVSOUND_E_INVALID_ARGUMENT, "info");
    ck_refused(avsound_index_get_file(NULL, 0, &file), AVSOUND_E_INVALID_ARGUMENT, "index");
    ck_refused(avsound_index_get_file(index, 3, &file), AVSOUND_E_INVALID_ARGUMENT, "0...2");
    ck_refused(avsound_index_get_file(index, -1, &file), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_index_get_item(NULL, 1, 0, &item), AVSOUND_E_INVALID_ARGUMENT, "index");
    ck_refused(avsound_index_get_item(index, 0, 0, &item), AVSOUND_E_INVALID_ARGUMENT, "modality");
    ck_refused(avsound_index_get_item(index, AVSOUND_INDEX_IMAGE, 7, &item), AVSOUND_E_INVALID_ARGUMENT, "0...6");
    avsound_index_search_options good = want(AVSOUND_INDEX_IMAGE, AVSOUND_INDEX_SOUND), o = good;
    ck_avsound(avsound_index_search(index, &good, query, 1, items, scores));
    ck_avsound(avsound_index_search(index, &good, NULL, 0, NULL, NULL));
    ck_refused(avsound_index_search(NULL, &good, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "index");
    ck_refused(avsound_index_search(index, NULL, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "options");
    ck_refused(avsound_index_search(index, &good, NULL, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "queries");
    ck_refused(avsound_index_search(index, &good, query, -1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "-1");
    ck_refused(avsound_index_search(index, &good, nothing, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "no direction");
    nothing[5] = NAN;
    ck_refused(avsound_index_search(index, &good, nothing, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "not finite");
    o.query = 3;
    ck_refused(avsound_index_search(index, &o, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "search options: query");
    o = good;
    o.want = 0;
    ck_refused(avsound_index_search(index, &o, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "want");
    o = good;
    o.k = 10001;
    ck_refused(avsound_index_search(index, &o, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "10001");
    o = good;
    o.per_file = -1;
    ck_refused(avsound_index_search(index, &o, query, 1, items, scores), AVSOUND_E_INVALID_ARGUMENT, "per_file");
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

/* Whoever opens it is told so, as often as it is tried, and nothing is made in place of what is missing. */
START_TEST(missing_vectors_stay_missing)
{
    library l;
    char lost[128], away[160];
    const char *const sides[] = {"image", "sound"};
    avsound_indexer *indexer = NULL;
    avsound_index *index = NULL;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    for (int i = 0; i < 2; i++) {
        snprintf(lost, sizeof lost, "%s-%s", l.path, sides[i]);
        snprintf(away, sizeof away, "%s.away", lost);
        ck_assert_int_eq(rename(lost, away), 0);
        for (int attempt = 0; attempt < 2; attempt++) {
            ck_refused(avsound_indexer_create(l.p.context, l.p.model, l.path, NULL, &indexer), AVSOUND_E_IO, lost);
            ck_assert_ptr_nonnull(strstr(avsound_error_detail(), "No such file"));
            ck_refused(avsound_index_open(l.p.context, l.path, &index), AVSOUND_E_IO, lost);
            ck_assert_int_ne(access(lost, F_OK), 0);
        }
        ck_assert_int_eq(rename(away, lost), 0);
    }
    indexer = open_writer(&l, l.path, 0);
    ck_assert_int_eq(add(indexer, l.p.clip).outcome, AVSOUND_INDEXED_KEPT);
    avsound_indexer_free(indexer);
    teardown(&l.p);
}
END_TEST

/* An index that says of its vectors, rightly, that they have `dimension` numbers, and, wrongly, that its model made them. */
static void change_dimension(const char *path, int32_t dimension)
{
    static const char *const sides[] = {"image", "sound"};
    char command[512];
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "python3 -c \"import sqlite3; d = sqlite3.connect('%s'); d.execute('update about set "
                 "value = ? where key = ?', ('%d', '%s_dimension')); d.commit(); f = open('%s-%s', 'r+b'); f.seek(20); "
                 "f.write((%d).to_bytes(4, 'little'))\"", path, dimension, sides[i], path, sides[i], dimension);
        ck_assert_int_eq(system(command), 0);
    }
}

START_TEST(dimensions_that_are_not_the_models_are_refused)
{
    library l;
    open_library(&l, "ave-net");
    avsound_indexer_free(open_writer(&l, l.path, 0.2));
    fill(&l, l.other);
    change_dimension(l.other, 2);
    write_wav(l.p.sound, 0.5);
    avsound_indexer *indexer = open_writer(&l, l.other, 0);
    ck_refused(avsound_indexer_add(indexer, l.p.sound, NULL), AVSOUND_E_FORMAT, "those of its model have 128");
    avsound_indexer_free(indexer);
    avsound_index_free(open_index(&l, l.other)); /* is as good as any, by itself */
    indexer = open_writer(&l, l.path, 0);
    ck_refused(avsound_indexer_merge(indexer, l.other, NULL), AVSOUND_E_FORMAT, "vectors of 2 numbers");
    avsound_indexer_free(indexer);
    teardown(&l.p);
}
END_TEST

/* The context and the model may go first, and the file that an item is of. */
START_TEST(free_in_any_order)
{
    library l;
    open_library(&l, "ave-net");
    fill(&l, l.path);
    avsound_indexer *indexer = open_writer(&l, l.path, 0);
    avsound_index *index = open_index(&l, l.path);
    avsound_index_item item = {.struct_size = sizeof item};
    avsound_model_free(l.p.model);
    avsound_context_free(l.p.context);
    l.p.model = NULL;
    l.p.context = NULL;
    ck_assert_int_eq(add(indexer, l.p.clip).outcome, AVSOUND_INDEXED_KEPT);
    avsound_indexer_free(indexer);
    remove_folder(l.p.folder);
    ck_avsound(avsound_index_get_item(index, AVSOUND_INDEX_SOUND, 11, &item));
    ck_assert_float_ne(item.vector[0], 2);
    avsound_index_free(index);
    teardown(&l.p);
}
END_TEST

SUITE("contract.index", options_init_stays_within_struct_size, items_are_those_of_a_scan, each_item_finds_itself,
      threads_share_an_index,
      what_is_there_is_kept, what_is_of_no_use_is_kept_in_mind, shards_become_one, vectors_of_different_kinds_are_kept_apart,
      a_shortlist_wants_rounded_vectors, what_is_not_aligned_is_not_compared, bad_arguments_are_refused, bad_questions_are_refused,
      missing_vectors_stay_missing, dimensions_that_are_not_the_models_are_refused, free_in_any_order)
