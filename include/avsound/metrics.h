/** @file metrics.h
 *  How well a network does: accuracy, retrieval, localisation, separation and synchronisation with their intervals, as
 *  functions over arrays.
 *  In the library avsound_train.
 *
 *  Every sum is accumulated in double. Every result tells how many items it stands on: `n` were scored, among them
 *  `n_bad` whose model output is not finite and which count as errors; `n_skipped` could not be scored and were left
 *  out. Figures of an empty set are NaN. Ties go to the lowest index. Arrays of per-item figures (double) mark an
 *  item to be skipped by NaN and one whose model output was not finite by an infinity. */
#ifndef AVSOUND_METRICS_H
#define AVSOUND_METRICS_H

#include <avsound/cca.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A figure with its 95 % interval. Since 0.1. */
typedef struct avsound_estimate {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped; /**< items scored, those of them that are bad, items left out */
    double value;         /**< the mean */
    double low, high;     /**< its 95 % interval */
} avsound_estimate;

/** Wilson's 95 % interval (z = 1.959964) of a share.
 *
 *  @param share Observed share, 0...1. @param n Number of observations. @param low, high Receive the bounds; NaN for
 *  n = 0.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_wilson_interval(double share, int64_t n, double *low, double *high);

/** Share of right answers with Wilson's interval.
 *
 *  @param items [count] values 0 (wrong) to 1 (right), 1/2 for a tie; NaN: skipped; infinite: bad, counts as 0.
 *  @param out   Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_share(const double *items, int64_t count,
                                                              avsound_estimate *out);

/** Mean with a percentile interval of 1000 bootstrap draws over clips.
 *
 *  @param items [count] values; NaN: skipped; infinite: bad, counts as 0.
 *  @param clips [count] which clip an item belongs to (any numbers); all items of a clip are drawn together. NULL:
 *  each its own.
 *  @param seed  Of the draws: Philox4x32-10, stream "bootstrap", draw k of clip i at index k * clips + i. The bounds
 *               are the 2.5th and 97.5th percentiles, interpolated linearly between the sorted means.
 *  @param out   Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_mean(avsound_context *context, const double *items,
                                                             const int64_t *clips, int64_t count, uint64_t seed,
                                                             avsound_estimate *out);

/** Audio-visual correspondence on one positive and one negative a clip; chance is 1/2 in all three. Since 0.1. */
typedef struct avsound_avc_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped;          /**< clips */
    double accuracy;                      /**< share of the 2 n answers that are right; exactly 1/2 means "no" */
    double accuracy_low, accuracy_high;   /**< Wilson's interval over 2 n answers */
    double auc;                           /**< P(positive above negative) + P(equal) / 2, over all n * n pairs */
    double paired;                        /**< the same over the n pairs of one clip's positive with its negative */
    double paired_low, paired_high;       /**< Wilson's interval over n pairs */
} avsound_avc_result;

/** Accuracy on correspondence.
 *
 *  @param positive [count] P(corresponds) of a frame with its own sound. Not finite: bad, an error, below everything.
 *  @param negative [count] the same frame with another clip's sound. Not finite: bad, an error, above everything.
 *  @param skip     [count] non-zero: leave the clip out; NULL: none.
 *  @param out      Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_avc(avsound_context *context, const float *positive,
                                                            const float *negative, const uint8_t *skip, int64_t count,
                                                            avsound_avc_result *out);

/** Distances of labels in a tree (or a graph without cycles: several parents are allowed): edges on the shortest
 *  path. Nodes without a parent hang on a virtual root, which counts as a node.
 *
 *  @param nodes      Number of nodes, 0...nodes-1.
 *  @param edges      [edge_count][2] child and parent.
 *  @param labels     [label_count] the nodes asked about.
 *  @param distances  Receives [label_count][label_count] edges.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_FORMAT where parents run in a circle that no top class
 *          reaches; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_label_distances(avsound_context *context, int32_t nodes,
                                                                 const int32_t *edges, int64_t edge_count,
                                                                 const int32_t *labels, int32_t label_count,
                                                                 int32_t *distances);

/** What avsound_metric_retrieval() ranks. Fill with avsound_retrieval_options_init() first. Since 0.1. */
typedef struct avsound_retrieval_options {
    uint32_t struct_size;        /**< sizeof of this struct in the caller's build */
    int32_t dimension;           /**< of the embeddings */
    int64_t count;               /**< clips: queries[i] and database[i] belong to clip i */
    const float *queries;        /**< [count][dimension] */
    const float *database;       /**< [count][dimension] */
    int32_t same_modality;       /**< 1: the query is taken out of the database; 0: its counterpart stays */
    int32_t depth;               /**< of nDCG; 0: 30 */
    const int64_t *label_starts; /**< [count + 1] where each clip's labels start, and the end; NULL: no nDCG */
    const int32_t *labels;       /**< indices into distances; clips without any are left out of nDCG altogether */
    const int32_t *distances;    /**< [label_count][label_count] of avsound_label_distances() */
    int32_t label_count;         /**< labels that distances knows */
    int32_t reserved;            /**< 0 */
    uint64_t seed;               /**< of the bootstrap of nDCG */
} avsound_retrieval_options;

/** Retrieval figures. Since 0.1. */
typedef struct avsound_retrieval_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped;               /**< queries of recall and median rank; all skipped with same_modality */
    double recall[3], recall_low[3], recall_high[3]; /**< at 1, 5 and 10, with Wilson's interval */
    double median_rank;                        /**< of the true counterpart, from 1 */
    double recall_chance[3], median_rank_chance; /**< of a random order */
    int64_t n_ndcg, n_ndcg_bad, n_ndcg_skipped; /**< queries of nDCG */
    double ndcg, ndcg_low, ndcg_high;          /**< mean over queries, bootstrap interval */
    double ndcg_chance;                        /**< its expectation in a random order */
} avsound_retrieval_result;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_retrieval_options_init(avsound_retrieval_options *options, uint32_t struct_size);

/** Retrieval: each query ranks the database by the Euclidean distance of L2-normalised embeddings, ascending. A
 *  database item that is zero or not finite ranks last; from a query that is zero all others are equally far; a query
 *  that is not finite is bad: nDCG 0, last rank.
 *
 *  nDCG: rel = max over label pairs of (20 - distance), not below 0; gain = 2^rel - 1; DCG = sum of gain / log2(place
 *  + 1) over the first `depth` places; the ideal order sorts the whole database. A query that no item is related to
 *  is skipped.
 *
 *  @param ndcg  NULL, or receives [count] values, NaN where skipped.
 *  @param ranks NULL, or receives [count] ranks of the true counterpart from 1, 0 with same_modality.
 *  @param out   Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_retrieval(avsound_context *context,
                                                                  const avsound_retrieval_options *options,
                                                                  double *ndcg, int64_t *ranks,
                                                                  avsound_retrieval_result *out);

/** Which pixels a map predicts. Since 0.1. */
enum {
    AVSOUND_CIOU_HALF = 0,          /**< above the median: S > v, v at index floor(P / 2) of the sorted values */
    AVSOUND_CIOU_HALF_OR_EQUAL = 1, /**< S >= v */
    AVSOUND_CIOU_ADAPTIVE = 2,      /**< as many of the highest as the truth has pixels above 0 */
    AVSOUND_CIOU_FIXED = 3          /**< S >= threshold */
};

/** How boxes weigh a pixel. Since 0.1. */
enum {
    AVSOUND_TRUTH_UNION = 0,    /**< 1 inside any box (VGG-SS) */
    AVSOUND_TRUTH_CONSENSUS = 1 /**< boxes of several annotators: min(1, boxes covering it / 2) (Flickr-SoundNet) */
};

/** What avsound_map_measure() measures. Fill with avsound_map_options_init() first. Since 0.1. */
typedef struct avsound_map_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t rows, cols;    /**< of the map */
    int32_t box_count;     /**< number of boxes */
    double width, height;  /**< of the frame, in the boxes' unit; above 0 */
    const float *map;      /**< [rows][cols], covers the whole frame */
    const double *boxes;   /**< [box_count][4] x0, y0, x1, y1, half-open; clipped to the frame, empty ones dropped */
    int32_t mode;          /**< AVSOUND_CIOU_ constant */
    int32_t truth;         /**< AVSOUND_TRUTH_ constant */
    double threshold;      /**< of AVSOUND_CIOU_FIXED, on the map's own values */
} avsound_map_options;

/** What one map is worth. Per-item figures as the avsound_metric_ functions take them: NaN without a box, minus
 *  infinity for a map that is not finite. Since 0.1. */
typedef struct avsound_map_measure_result {
    uint32_t struct_size;    /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;       /**< 0 */
    double hit;              /**< pointing: 1 if the centre of the peak cell lies in a box; a constant map is a miss */
    double centre_hit;       /**< the same for the frame's centre */
    double x, y;             /**< the centre of the peak cell; NaN for a map that is not finite */
    double ciou;             /**< of the map, resized to 224 x 224 */
    double whole_frame_ciou; /**< if every pixel were predicted */
    double confidence;       /**< mean of the largest quarter of the cells (rounded up), of the map's own values */
    double maximum;          /**< of the map */
} avsound_map_measure_result;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_map_options_init(avsound_map_options *options, uint32_t struct_size);

/** Measures a localisation map against boxes: pointing, cIoU, confidence.
 *
 *  The map is resized bilinearly between cell centres, its edge cells reaching to the frame's edge. Box coordinates
 *  are scaled to 224 pixels, negative ones set to 0, and truncated. cIoU = sum of the truth over the predicted pixels
 *  / (its sum over all + the number of predicted pixels where it is 0).
 *
 *  @param out Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_map_measure(avsound_context *context,
                                                             const avsound_map_options *options,
                                                             avsound_map_measure_result *out);

/** cIoU over a set. Since 0.1. */
typedef struct avsound_ciou_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped; /**< items scored, those of them that are bad, items left out */
    double at_half, at_half_low, at_half_high; /**< share of items with cIoU >= 0.5, Wilson's interval */
    double auc; /**< area under the share with cIoU >= 0.05 k, k = 0...20: 0.025 if all are 0, 1 if all are 1 */
} avsound_ciou_result;

/** @param ciou [count] of avsound_map_measure(); NaN: skipped; infinite: bad, counts as 0. @param out struct_size
 *  must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_ciou(const double *ciou, int64_t count,
                                                             avsound_ciou_result *out);

/** Localisation where some clips show nothing that sounds. Since 0.1. */
typedef struct avsound_negatives_result {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;     /**< 0 */
    int64_t n, n_bad, n_skipped; /**< items scored, those of them that are bad, items left out */
    int64_t n_negative;    /**< of n, clips without a visible sounding thing */
    double max_f1;         /**< highest F1 over all thresholds */
    double threshold;      /**< the highest threshold that reaches it; infinite if only silence does */
    double average_precision; /**< area under the interpolated precision */
    double false_alarms;   /**< at `threshold`: share of the negatives on which the map fired; NaN without negatives */
} avsound_negatives_result;

/** At threshold t a map fires if its confidence is at least t. Fired on a negative: a false positive; on a positive:
 *  a true one if its cIoU is at least 0.5, else a false positive; silent on a positive: a false negative. Every
 *  distinct confidence is a threshold, and one above all. Without positives every figure is NaN.
 *
 *  @param ciou       [count]; of a negative it is not read; NaN on a positive: skipped.
 *  @param confidence [count] of avsound_map_measure(); not finite: bad, an error at every threshold.
 *  @param positive   [count] non-zero: something that sounds is visible.
 *  @param out        Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_negatives(avsound_context *context, const double *ciou,
                                                                  const double *confidence, const uint8_t *positive,
                                                                  int64_t count, avsound_negatives_result *out);

/** Remarks on a figure of separation. Since 0.1. */
enum {
    AVSOUND_SEPARATION_SKIPPED = 1, /**< the reference is silent: nothing can be scored, the figures are NaN */
    AVSOUND_SEPARATION_BAD = 2,     /**< the estimate is not finite: the figures are minus infinity */
    AVSOUND_SEPARATION_SILENT = 4,  /**< the estimate is silent: the figures are minus infinity */
    AVSOUND_SEPARATION_SINGULAR = 8 /**< the delayed references depend on one another: projected by least squares */
};

/** What avsound_separation_create() takes. Fill with avsound_separation_options_init() first. Since 0.1. */
typedef struct avsound_separation_options {
    uint32_t struct_size;           /**< sizeof of this struct in the caller's build */
    int32_t sources;                /**< 1...8 */
    int64_t samples;                /**< of every signal, all at one rate: as many as the shortest has */
    const float *const *references; /**< [sources][samples] the true sources; finite */
    const float *mixture;           /**< [samples] what was separated, finite; NULL: no improvements */
    int32_t taps;                   /**< delays of a projection, in samples; 0: 512; sources * taps is 4096 at most */
    int32_t reserved;               /**< 0 */
} avsound_separation_options;

/** How well one source was separated, in dB. Since 0.1. */
typedef struct avsound_separation_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    int32_t flags;        /**< AVSOUND_SEPARATION_ constants */
    double sdr, sir, sar; /**< BSS Eval v3; sir is infinite with one source */
    double si_sdr;        /**< as avsound_metric_si_sdr() has it */
    double sdr_improvement, sir_improvement; /**< over the mixture as the estimate; NaN without one, or infinite both */
    double si_sdr_improvement;               /**< the same */
} avsound_separation_result;

/** The true sources of one clip, with what it takes to hold estimates against them. One thread at a time. Since 0.1. */
typedef struct avsound_separation avsound_separation;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_separation_options_init(avsound_separation_options *options, uint32_t struct_size);

/** Prepares the references of a clip. The signals are copied. Costs (sources * taps)^3 / 3 multiplications, and holds
 *  about 60 bytes a sample and 8 (sources * taps)^2 bytes.
 *
 *  @param out Receives the object; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT, also for a sample that is not finite; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_separation_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separation_create(avsound_context *context,
                                                                   const avsound_separation_options *options,
                                                                   avsound_separation **out);

/** Frees it; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_separation_free(avsound_separation *separation);

/** Holds an estimate against a source: BSS Eval v3 (Vincent, Gribonval, Fevotte 2006) and SI-SDR.
 *
 *  With P_j the projection on source j delayed by 0...taps - 1 samples, P that on all sources so delayed, and the
 *  estimate e followed by taps - 1 zeros: t = P_j e, i = P e - t, a = e - P e; SDR = |t|^2 / |i + a|^2,
 *  SIR = |t|^2 / |i|^2, SAR = |t + i|^2 / |a|^2. A part more than 200 dB below the estimate is rounding and counts as
 *  zero, so that a copy of the source scores plus infinity. No other alignment, no permutation.
 *
 *  @param estimate [samples]. @param source Which source it should be, 0...sources - 1.
 *  @param out      Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: one at a time per object. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separation_measure(avsound_separation *separation,
                                                                    const float *estimate, int32_t source,
                                                                    avsound_separation_result *out);

/** Which output is which source, for networks whose outputs have no names: the order with the highest mean SIR,
 *  infinite ones counting as 1000 dB; of equal ones (sums to 1e-6 dB) that which gives source 0 the lowest output, then
 *  source 1, and so on.
 *
 *  @param estimates [sources][samples].
 *  @param order     Receives [sources]: the estimate to be measured against each source.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: one at a time per object. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separation_order(avsound_separation *separation,
                                                                  const float *const *estimates, int32_t *order);

/** Scale-invariant SDR (Le Roux et al. 2019) in dB, both means removed: |a s|^2 / |a s - e|^2 with a = <e, s> / |s|^2.
 *  Plus infinity for a copy, minus infinity for an estimate that is silent, orthogonal or not finite, NaN for a silent
 *  reference.
 *
 *  @param reference [samples], finite. @param estimate [samples]. @param value Receives the figure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_si_sdr(const float *reference, const float *estimate,
                                                               int64_t samples, double *value);

/** Off-screen suppression of a clip without on-screen sound, in dB: |mixture|^2 / |on-screen estimate|^2. Plus infinity
 *  for a silent estimate, minus infinity for one that is not finite, NaN for a silent mixture.
 *
 *  @param mixture [samples], finite. @param on_screen [samples]. @param value Receives the figure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_osr(const float *mixture, const float *on_screen,
                                                            int64_t samples, double *value);

/** What the ideal ratio mask makes of a mixture: every cell of its spectrogram (windows of 1344 samples, every 336) scaled by
 *  |s|^2 / (|s|^2 + |x - s|^2), with the mixture's phases. No separator that scales cells can do much better, so it is the
 *  bound to hold figures against.
 *
 *  @param source, mixture [samples], finite. @param estimate Receives [samples].
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_ideal_mask(avsound_context *context, const float *source,
                                                                   const float *mixture, int64_t samples,
                                                                   float *estimate);

/** Figures in dB over a set. Since 0.1. */
typedef struct avsound_decibels_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped;    /**< items scored, those of them that are bad, items left out */
    double median;                  /**< infinite if that many are; of an even number the middle two's mean */
    double mean, mean_low, mean_high; /**< of the items clamped to -50...100 dB, bootstrap interval */
} avsound_decibels_result;

/** Median and clamped mean of figures that may be infinite.
 *
 *  @param items [count] dB; NaN: skipped. @param bad [count] non-zero: bad, counts as minus infinity; NULL: none.
 *  @param clips, seed As in avsound_metric_mean(). @param out Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_decibels(avsound_context *context, const double *items,
                                                                 const uint8_t *bad, const int64_t *clips,
                                                                 int64_t count, uint64_t seed,
                                                                 avsound_decibels_result *out);

/** Audio aligned or shifted, one of each a clip; chance is 1/2. Since 0.1. */
typedef struct avsound_alignment_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped;        /**< clips */
    double accuracy;                    /**< share of the 2 n answers that are right; exactly 1/2 means "shifted" */
    double accuracy_low, accuracy_high; /**< Wilson's interval over 2 n answers */
    double paired;                      /**< share of clips whose aligned sound scores higher, ties counting half */
    double paired_low, paired_high;     /**< Wilson's interval over n pairs */
    double paired_error;                /**< standard error of `paired` under chance, 0.5 / sqrt(n) */
} avsound_alignment_result;

/** Accuracy at telling aligned from shifted sound (Owens, Efros 2018), and paired (two alternatives, forced choice).
 *
 *  @param aligned [count] P(aligned) of a clip as it is. Not finite: bad, an error, below everything.
 *  @param shifted [count] the same clip with its sound shifted. Not finite: bad, an error, above everything.
 *  @param skip    [count] non-zero: leave the clip out; NULL: none.
 *  @param out     Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_alignment(avsound_context *context, const float *aligned,
                                                                  const float *shifted, const uint8_t *skip,
                                                                  int64_t count, avsound_alignment_result *out);

/** How features of one step are compared. Since 0.1. */
enum {
    AVSOUND_SYNC_DISTANCE = 0,  /**< Euclidean distance: small where picture and sound belong together */
    AVSOUND_SYNC_SIMILARITY = 1 /**< inner product: large there */
};

/** What avsound_sync_search() searches. Fill with avsound_sync_search_options_init() first. Since 0.1. */
typedef struct avsound_sync_search_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t measure;      /**< AVSOUND_SYNC_ constant */
    int32_t range;        /**< offsets -range...range are tried; 0: 15 */
    int32_t dimension;    /**< of the features */
    const float *video;   /**< [video_count][dimension] features of pictures, one a frame */
    const float *audio;   /**< [audio_count][dimension] features of sound on the same grid of times */
    int64_t video_count, audio_count; /**< steps there are of each */
    int64_t video_first;  /**< the first picture belongs to sound number video_first, where both start at once */
} avsound_sync_search_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_sync_search_options_init(avsound_sync_search_options *options, uint32_t struct_size);

/** Searches the offset at which pictures and sound agree best (Chung, Zisserman 2016). At offset d picture i is
 *  compared with sound i - d: positive offsets mean that the audio leads, and are the delay to add to it. The curve is
 *  the mean over those pictures whose sound is there; nothing is padded.
 *
 *  @param curve      NULL, or receives [2 * range + 1] means from -range on; NaN where nothing overlaps.
 *  @param offset     Receives the best offset in frames, of equal ones the lowest; NaN where no offset has an overlap,
 *                    plus infinity where a feature in use is not finite.
 *  @param confidence Receives how far the best lies from the median of the curve, 0 or more; NaN as the offset.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_sync_search(avsound_context *context,
                                                             const avsound_sync_search_options *options,
                                                             double *curve, double *offset, double *confidence);

/** What avsound_metric_sync() judges. Fill with avsound_sync_options_init() first. Offsets are in ms, positive where
 *  the audio leads. Since 0.1. */
typedef struct avsound_sync_options {
    uint32_t struct_size;       /**< sizeof of this struct in the caller's build */
    uint32_t reserved;          /**< 0 */
    int64_t count;              /**< clips */
    const double *truth;        /**< [count] true offsets; NaN: skipped. Not read of an undecidable clip */
    const double *answers;      /**< [count] offsets found; NaN: "cannot tell"; infinite: bad, an error */
    const double *confidence;   /**< [count] of the answers; NULL: no confidence_auc */
    const uint8_t *undecidable; /**< [count] non-zero: silence, a still picture; "cannot tell" is right. NULL: none */
    double frame_ms;            /**< one frame; 0: 40 */
    double class_ms;            /**< width of the classes; 0: 200 */
    uint64_t seed;              /**< of the bootstrap of the bias */
} avsound_sync_options;

/** How well offsets were found. With e = answer - truth. Intervals are Wilson's but for the bias. Since 0.1. */
typedef struct avsound_sync_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    int64_t n, n_bad, n_skipped;          /**< decidable clips, those whose answer is bad, clips without a truth */
    int64_t n_answered, n_undecidable;    /**< of n, those that got an answer (bad ones, too); undecidable clips */
    double answered, answered_low, answered_high;       /**< share of n that got an answer */
    double within, within_low, within_high;             /**< share of the answered with |e| <= 1 frame */
    double within_all, within_all_low, within_all_high; /**< the same of all n: "cannot tell" is a miss */
    double tolerable, tolerable_low, tolerable_high;    /**< of the answered, the share whose residual nobody notices
                                                             (ITU-R BT.1359): -125 ms <= truth - answer <= 45 ms */
    double exact_class, exact_class_low, exact_class_high; /**< of the answered: the same nearest multiple of class_ms */
    double near_class, near_class_low, near_class_high;    /**< or the next one */
    double bias, bias_low, bias_high; /**< mean e in ms of the answers that are not bad, bootstrap interval */
    double median_error, p95_error;   /**< median and 95th percentile of |e| in ms of the answered, bad ones infinite */
    double confidence_auc;            /**< P(an answer within 1 frame is more confident than one that is not) */
    double abstained, abstained_low, abstained_high; /**< share of the undecidable answered "cannot tell" */
} avsound_sync_result;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_sync_options_init(avsound_sync_options *options, uint32_t struct_size);

/** Judges offsets. Bounds are met up to 1e-6 ms. A confidence that is not finite is an error: it ranks a right answer
 *  below all others, a wrong one above. A class lies between its multiple less half a width, included, and plus half,
 *  not included.
 *
 *  @param out Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_metric_sync(avsound_context *context,
                                                             const avsound_sync_options *options,
                                                             avsound_sync_result *out);

/** Draws what was taken for what: a row for each class, coloured by the shares of its items, with the counts where there is room.
 *
 *  @param counts [count][count] items, the row being what they are, the column what they were taken for.
 *  @param names  [count] of the classes, in ASCII.
 *  @param count  1 to 256 classes.
 *  @param title  In ASCII; NULL: "confusion".
 *  @param path   The ending is .png or .jpg; the file is complete or not there.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_IO; AVSOUND_E_UNSUPPORTED for another ending; AVSOUND_E_NO_MEMORY.
 *          Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_confusion_draw(avsound_context *context, const int64_t *counts,
                                                                const char *const *names, int32_t count, const char *title,
                                                                const char *path);

#ifdef __cplusplus
}
#endif
#endif
