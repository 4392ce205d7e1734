/** @file index.h
 *  An archive's pictures and sounds as vectors in an index on disk, to search one sense with the other. */
#ifndef AVSOUND_INDEX_H
#define AVSOUND_INDEX_H

#include <avsound/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What an item of an index is; may be combined where several are meant. Since 0.1. */
enum {
    AVSOUND_INDEX_IMAGE = 1, /**< a frame, or a picture */
    AVSOUND_INDEX_SOUND = 2  /**< the sound around a time, as long as the model hears at once (1 s) */
};

/** Whoever writes an index: a database `path` (SQLite), and beside it `path`-image and `path`-sound, the vectors. There is one
 *  writer at a time, and any number of readers meanwhile. It may be stopped at any moment, by a signal or a power cut: what was
 *  taken in before the last second or so is there, and the next writer goes on.
 *  Threads: one at a time per writer. Since 0.1. */
typedef struct avsound_indexer avsound_indexer;

/** Options of a writer. Fill with avsound_indexer_options_init() first. Since 0.1. */
typedef struct avsound_indexer_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t modalities;    /**< AVSOUND_INDEX_ constants, or-ed; 0: as the index has it, in a new one both */
    double hop_seconds;    /**< time between items of a recording; 0: as the index has it, in a new one 1 s */
    int32_t threads;       /**< worker threads; 0: one per core */
    int32_t precision;     /**< AVSOUND_PRECISION_ constant */
} avsound_indexer_options;

/** What became of a file. Since 0.1. */
enum {
    AVSOUND_INDEXED_NEW = 0,    /**< it was taken in, for the first time or because it has changed */
    AVSOUND_INDEXED_KEPT = 1,   /**< it was there already, of the same size and time stamp */
    AVSOUND_INDEXED_PARTLY = 2, /**< it is damaged: what comes before the damage was taken in */
    AVSOUND_INDEXED_FAILED = 3  /**< it can't be opened, or is nothing to see or hear; then it is kept in mind until it changes */
};

/** Of one file. Since 0.1. */
typedef struct avsound_indexed {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    int32_t outcome;      /**< AVSOUND_INDEXED_ constant */
    int64_t images;       /**< items added */
    int64_t sounds;       /**< items added */
    const char *error;    /**< of PARTLY and FAILED: why; else NULL. The writer's, valid until its next call */
} avsound_indexed;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_indexer_options_init(avsound_indexer_options *options, uint32_t struct_size);

/** Opens an index for writing; makes it where there is none.
 *
 *  @param model   Whose embeddings are kept, L2-normalised. NULL: none, and only merging, removing and pruning is possible.
 *  @param options NULL for the defaults.
 *  @param out     Receives the writer; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if another process is writing it, or it was made by another model, with another hop or
 *          of other modalities; AVSOUND_E_FORMAT for a file that is no index, or one that is damaged or cut short;
 *          AVSOUND_E_UNSUPPORTED for an index of a later version, or a model without embeddings; AVSOUND_E_IO; AVSOUND_E_LIMIT;
 *          AVSOUND_E_NO_MEMORY; and all of avsound_session_create().
 *  Ownership: free with avsound_indexer_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_create(avsound_context *context, avsound_model *model, const char *path,
                                                                const avsound_indexer_options *options, avsound_indexer **out);

/** Whether a file is in the index as it is now, or known to be of no use, so that avsound_indexer_add() would keep it.
 *  @param current Receives 1 or 0. @return AVSOUND_OK; AVSOUND_E_IO where the file is missing. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_is_current(avsound_indexer *indexer, const char *path, int32_t *current);

/** Takes a file in, in place of what the index had of it: frames and sounds at multiples of the hop, one item of a still
 *  picture. Sounds below -60 dBFS are left out: every silence is like every other.
 *
 *  @param path   As it will be found in results: an absolute one stays valid elsewhere.
 *  @param result Its struct_size must be set; NULL is allowed.
 *  @return AVSOUND_OK, also where the outcome is FAILED; AVSOUND_E_IO where the index cannot be written (a full disk): what was
 *          committed stays; AVSOUND_E_FORMAT where the index says that the model's vectors have other numbers than they have;
 *          AVSOUND_E_STATE without a model; AVSOUND_E_CANCELLED; AVSOUND_E_NO_MEMORY; AVSOUND_E_BACKEND.
 *  Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_add(avsound_indexer *indexer, const char *path, avsound_indexed *result);

/** Takes in all files of another index of the same model, hop and modalities: a shard. Of files that both have, this one's stay
 *  if size and time stamp are the same. A new index becomes like the other one.
 *  @param files Receives how many were taken in; NULL is allowed.
 *  @return as avsound_indexer_create(), of either index. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_merge(avsound_indexer *indexer, const char *path, int64_t *files);

/** Forgets files that are no longer there. The vectors' room is free again only in an index made by avsound_indexer_merge().
 *  @param files Receives how many; NULL is allowed. @return AVSOUND_OK; AVSOUND_E_IO; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_prune(avsound_indexer *indexer, int64_t *files);

/** Puts on disk what is not yet there; otherwise that happens about once a second. Without it before
 *  avsound_indexer_free() the last second is lost.
 *  @return AVSOUND_OK; AVSOUND_E_IO. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_indexer_commit(avsound_indexer *indexer);

/** Makes avsound_indexer_add() return AVSOUND_E_CANCELLED soon, and every later one at once. Threads: any. Since 0.1. */
AVSOUND_API void avsound_indexer_cancel(avsound_indexer *indexer);

/** Closes the index; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_indexer_free(avsound_indexer *indexer);

/** An index as it was when it was opened, for searching. Vectors are mapped, not read.
 *  Threads: any number at a time, but for avsound_index_replace_vectors(). Since 0.1. */
typedef struct avsound_index avsound_index;

/** What is known of an index. Since 0.1. */
typedef struct avsound_index_info {
    uint32_t struct_size;    /**< sizeof of this struct in the caller's build; set before the call */
    int32_t modalities;      /**< AVSOUND_INDEX_ constants, or-ed */
    int32_t aligned;         /**< 1: pictures and sounds can be compared with each other */
    int32_t image_dimension; /**< of a picture's vector */
    int32_t sound_dimension; /**< of a sound's vector */
    int32_t reserved;        /**< 0 */
    double hop_seconds;      /**< between items of a recording */
    int64_t files;           /**< those of no use counted */
    int64_t failed;          /**< files of no use, or damaged */
    int64_t images;          /**< items */
    int64_t sounds;          /**< items */
    const char *arch;        /**< of the model; the index's */
    const char *model;       /**< SHA-256, in hexadecimal, of the model's architecture and weights; the index's */
} avsound_index_info;

/** A file of an index. Since 0.1. */
typedef struct avsound_index_file {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    const char *path;     /**< as it was added; the index's */
    const char *error;    /**< why it is of no use, or damaged; NULL; the index's */
    int64_t size;         /**< bytes, when it was read */
    int64_t mtime_ns;     /**< time stamp then: nanoseconds since 1970 */
} avsound_index_file;

/** An item of an index. Since 0.1. */
typedef struct avsound_index_item {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    int32_t dimension;    /**< of the vector */
    int64_t file;         /**< its number, for avsound_index_get_file() */
    int64_t time_us;      /**< of the frame, or of the sound's middle; 0 of a still picture */
    const float *vector;  /**< [dimension], of length 1; the index's */
} avsound_index_item;

/** Options of a search. Fill with avsound_index_search_options_init() first. Since 0.1. */
typedef struct avsound_index_search_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t query;        /**< AVSOUND_INDEX_ constant: what the queries are embeddings of */
    int32_t want;         /**< AVSOUND_INDEX_ constant: what is looked for */
    int32_t k;            /**< answers to each query, at most 10,000; 0: 10 */
    int32_t per_file;     /**< at most so many answers of one file; 0: any number */
    int32_t threads;      /**< 0: one per core, if it is worth it */
    int32_t shortlist;    /**< 0: every vector is compared exactly; else so many for each query, k at least, that are the nearest
                               by vectors rounded to 8 bits: see avsound_index_round_vectors() */
} avsound_index_search_options;

/** Opens an index for searching.
 *  @return AVSOUND_OK; AVSOUND_E_FORMAT for a file that is no index, or one that is damaged or cut short;
 *          AVSOUND_E_UNSUPPORTED for an index of a later version; AVSOUND_E_IO; AVSOUND_E_STATE if it stays locked;
 *          AVSOUND_E_NO_MEMORY. Ownership: free with avsound_index_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_open(avsound_context *context, const char *path, avsound_index **out);

/** @param info Its struct_size must be set. @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_get_info(const avsound_index *index, avsound_index_info *info);

/** Whether it is this model that made the vectors, so that its embeddings can be compared with them.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if it was another one; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_check_model(const avsound_index *index, const avsound_model *model);

/** @param number 0...files - 1. @param file Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_get_file(const avsound_index *index, int64_t number,
                                                                avsound_index_file *file);

/** @param modality AVSOUND_INDEX_ constant. @param number 0... below the count of that modality: items of a file follow each
 *  other in time. @param item Its struct_size must be set. @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_get_item(const avsound_index *index, int32_t modality, int64_t number,
                                                                avsound_index_item *item);

/** Finds the items nearest to each query, by the cosine of the angle between their vectors; every vector is looked at.
 *
 *  @param options query and want must be set. Across modalities the index must be aligned, or its vectors of both replaced by
 *                 avsound_index_use_cca() or avsound_index_replace_vectors().
 *  @param queries [count][dimension] embeddings, of any length; taken to where the vectors are if those were replaced.
 *  @param items   Receives [count][k] numbers of items of modality `want`, the nearest first, -1 behind the last; of equals the
 *                 one with the lowest number comes first.
 *  @param scores  Receives [count][k] cosines, -1...1; minus infinity behind the last.
 *  @return AVSOUND_OK; AVSOUND_E_UNSUPPORTED across modalities that can't be compared; AVSOUND_E_STATE for a shortlist where the
 *          vectors were not rounded; AVSOUND_E_INVALID_ARGUMENT, for a query
 *          that is not finite or without direction, too; AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_search(const avsound_index *index,
                                                              const avsound_index_search_options *options, const float *queries,
                                                              int64_t count, int64_t *items, float *scores);

/** Searches these vectors from now on instead of those of the index: such as projections of them. When
 *  those of both modalities are replaced, and of one dimension, the modalities count as aligned.
 *
 *  @param vectors [items of the modality][dimension], copied; of any length.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: not while others use the index. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_replace_vectors(avsound_index *index, int32_t modality,
                                                                       const float *vectors, int32_t dimension);

/** Rounds the vectors of a modality that are searched to 8 bits each number, for searches with a shortlist: a quarter of the bytes
 *  to read where few queries come at a time. Takes as long as a few searches, and a quarter of the vectors' memory. Where vectors are
 *  replaced later, by avsound_index_use_cca(), too, it is to be called again.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: not while others use the index. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_round_vectors(avsound_index *index, int32_t modality);

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_index_search_options_init(avsound_index_search_options *options, uint32_t struct_size);

/** Closes an index; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_index_free(avsound_index *index);

#ifdef __cplusplus
}
#endif
#endif
