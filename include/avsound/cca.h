/** @file cca.h
 *  Canonical correlation analysis: a space in which vectors can be compared that were never meant to be, such as the
 *  pictures' and the sounds' of an L3-Net. */
#ifndef AVSOUND_CCA_H
#define AVSOUND_CCA_H

#include <avsound/index.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The linear maps of two sets of vectors into one space in which they agree most. Immutable.
 *  Threads: any. Since 0.1. */
typedef struct avsound_cca avsound_cca;

/** What is fitted, and how. Fill with avsound_cca_options_init() first. Since 0.1. */
typedef struct avsound_cca_options {
    uint32_t struct_size;            /**< sizeof of this struct in the caller's build */
    int32_t components;              /**< wanted; 0: 128. No more come out than either dimension, or than count - 1 */
    int32_t dimension_x, dimension_y; /**< of the vectors */
    int64_t count;                   /**< at least 2 */
    const float *x;                  /**< [count][dimension_x] */
    const float *y;                  /**< [count][dimension_y] */
    double regularisation; /**< added to both covariances' diagonals, in parts of their mean; 0: 0.01 */
} avsound_cca_options;

/** What is known of a fit. Since 0.1. */
typedef struct avsound_cca_info {
    uint32_t struct_size;             /**< sizeof of this struct in the caller's build; set before the call */
    int32_t components;               /**< dimension of the common space */
    int32_t dimension_x, dimension_y; /**< of the vectors that can be taken there; of an index x are pictures, y sounds */
    int64_t pairs;                    /**< it was fitted on */
    const char *arch;                 /**< of the model that made the vectors; NULL: not known; the fit's */
    const char *model;                /**< its SHA-256, as avsound_index_info has it; NULL: not known; the fit's */
} avsound_cca_info;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_cca_options_init(avsound_cca_options *options, uint32_t struct_size);

/** Fits on pairs (x[i], y[i]). With C the covariances (divided by count) and r the regularisation, the components are
 *  the leading singular vectors of (Cxx + r tr(Cxx)/dx I)^-1/2 Cxy (Cyy + r tr(Cyy)/dy I)^-1/2, taken back through
 *  the whitening.
 *
 *  @param out Receives the fit; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT, also for a vector that is not finite or a set that does not vary;
 *          AVSOUND_E_NO_MEMORY. Ownership: free with avsound_cca_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_fit(avsound_context *context, const avsound_cca_options *options,
                                                         avsound_cca **out);

/** Fits on the pictures (x) and sounds (y) of an index that are of the same file and time, its own vectors, whether they
 *  were replaced or not. The fit remembers the model that made them, and makes what it projects of length 1 first, as they are:
 *  it takes that model's embeddings as they come.
 *
 *  @param options components, regularisation, and count: at most so many pairs are taken, evenly spread over the index;
 *                 0: 100,000. The rest must be 0 or NULL. NULL for the defaults.
 *  @param out     Receives the fit; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_STATE where the index has no more pairs than there would be components;
 *          AVSOUND_E_INVALID_ARGUMENT, also for vectors that do not vary; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_cca_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_fit_cca(const avsound_index *index, const avsound_cca_options *options,
                                                               avsound_cca **out);

/** Searches projections of the vectors from now on, of length 1, as avsound_index_replace_vectors() with those of
 *  avsound_cca_apply() for both modalities: queries are projected likewise, pictures as x, sounds as y.
 *
 *  @param cca NULL: searches the index's own vectors again.
 *  @return AVSOUND_OK; AVSOUND_E_STATE for a fit on another model's vectors; AVSOUND_E_SHAPE for one on vectors of other
 *          dimensions; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY: the index is as it was.
 *  Threads: not while others use the index. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_index_use_cca(avsound_index *index, const avsound_cca *cca);

/** Writes a fit to a file (safetensors, docs/search.md), which is whole or untouched.
 *  @return AVSOUND_OK; AVSOUND_E_IO; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_save(const avsound_cca *cca, const char *path);

/** Reads a file of avsound_cca_save(): projections are the same to the bit.
 *  @param out Receives the fit; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_FORMAT for a file that is none of these, or a damaged one; AVSOUND_E_SHAPE;
 *          AVSOUND_E_UNSUPPORTED for one of a later version; AVSOUND_E_IO; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_cca_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_load(avsound_context *context, const char *path, avsound_cca **out);

/** @param info Its struct_size must be set. @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_get_info(const avsound_cca *cca, avsound_cca_info *info);

/** Whether the fit is on this model's vectors, so that its embeddings can be projected; one that knows no model passes.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if it is on another's; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_check_model(const avsound_cca *cca, const avsound_model *model);

/** Number of components. Since 0.1. */
AVSOUND_API int32_t avsound_cca_components(const avsound_cca *cca);

/** Canonical correlation of component `index` (after regularisation), descending; NaN outside. Since 0.1. */
AVSOUND_API double avsound_cca_correlation(const avsound_cca *cca, int32_t index);

/** Projects vectors and L2-normalises the result.
 *
 *  @param side      0: vectors like x; 1: vectors like y.
 *  @param vectors   [count][dimension of that side].
 *  @param projected Receives [count][components].
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_cca_apply(const avsound_cca *cca, int32_t side, const float *vectors,
                                                           int64_t count, float *projected);

/** Frees a fit; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_cca_free(avsound_cca *cca);

#ifdef __cplusplus
}
#endif
#endif
