/** @file tasks.h
 *  What people ask: embed a picture or a sound, do they belong together, where is what makes the sound; on memory and on
 *  whole recordings. */
#ifndef AVSOUND_TASKS_H
#define AVSOUND_TASKS_H

#include <avsound/media.h>
#include <avsound/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Embeds pictures: any size and pixel format, scaled to the model's short side and cropped in the centre.
 *
 *  @param frames     `count` pictures; with a network that sees motion runs of avsound_model_frames(), one after the other, of
 *                    which each is embedded as one: `count` is a multiple of that, and the vectors are as many fewer.
 *  @param embeddings Receives [count][dimension] floats; NULL to ask for the size.
 *  @param size       In: room in floats; out: floats wanted, count times the dimension.
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_STATE if the session has no output "embedding.image";
 *          AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_LIMIT; AVSOUND_E_CANCELLED.
 *  Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_embed_image(avsound_session *session, const avsound_frame *frames,
                                                             int64_t count, float *embeddings, size_t *size);

/** Embeds sounds: of each, the stretch of the model's length (1 s) in its middle; shorter ones stand between zeros.
 *
 *  @param sounds     `count` stretches of any rate, format and channel count.
 *  @param embeddings Receives [count][dimension] floats; NULL to ask for the size.
 *  @param size       In: room in floats; out: floats wanted.
 *  @return as avsound_embed_image(), with "embedding.audio". Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_embed_audio(avsound_session *session, const avsound_audio *sounds,
                                                             int64_t count, float *embeddings, size_t *size);

/** Does this sound belong to this picture? Since 0.1. */
typedef struct avsound_score {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    float probability;    /**< 0...1, the network's P(corresponds) */
    float confidence;     /**< 0...1: how much there was to see and hear. 0 for silence or a uniform frame, whatever the
                               network says; 1 when the level is above -40 dBFS and the picture's contrast above 12/255 */
    float reserved;       /**< 0 */
} avsound_score;

/** Scores a picture with a sound (its middle stretch of the model's length).
 *  @param frame A picture; to a network that sees motion it stands still.
 *  @param score Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if the session has no output "score"; AVSOUND_E_INVALID_ARGUMENT;
 *          AVSOUND_E_CANCELLED. Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_correspondence(avsound_session *session, const avsound_frame *frame,
                                                                const avsound_audio *sound, avsound_score *score);

/** Scores a picture among the frames around it with a sound, as a network that sees motion wants it.
 *  @param frames `count` pictures in succession, 25 a second, the one that is meant in the middle. @param count
 *                avsound_model_frames(), which of other networks is 1.
 *  @return as avsound_correspondence(). Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_correspondence_frames(avsound_session *session, const avsound_frame *frames,
                                                                       int64_t count, const avsound_audio *sound,
                                                                       avsound_score *score);

/** Where in the picture is what makes the sound? The map covers the whole frame: cell (r, c) of [rows][cols] is centred at
 *  ((c + 1/2) width / cols, (r + 1/2) height / rows). A frame of another shape than the last makes the session plan anew.
 *
 *  @param map   Receives [rows][cols] floats in 0...1; NULL to ask for the size.
 *  @param size  In: room in floats; out: floats wanted.
 *  @param rows, cols Receive the map's shape.
 *  @param score NULL, or as in avsound_correspondence().
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_UNSUPPORTED if the model has no map (AVOL-Net has; of
 *          clips, scans tell);
 *          AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_CANCELLED. Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_localize(avsound_session *session, const avsound_frame *frame,
                                                          const avsound_audio *sound, float *map, size_t *size,
                                                          int32_t *rows, int32_t *cols, avsound_score *score);

/** Lays a map over a frame: bilinear between cell centres.
 *
 *  @param map    [rows][cols] values in 0...1. @param colour "jet", "inferno" or "grey". @param alpha 0...1, opacity of the
 *                map where its value is 1; it fades with the value.
 *  @param rgb    Receives packed RGB24 of the frame's size. @param stride Bytes from row to row, at least 3 * width.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_draw_map(avsound_context *context, const avsound_frame *frame,
                                                          const float *map, int32_t rows, int32_t cols, const char *colour,
                                                          float alpha, uint8_t *rgb, int32_t stride);

/** Lays a map of a scan by a network of clips over a frame as the released program of Owens and Efros (ECCV 2018) does:
 *  outermost cells under the outermost pixels, bilinear between them; with q the value there, clipped to 0...1, and
 *  a = min(q, 0.35) a pixel becomes (1 - a) picture + a jet(q), truncated.
 *
 *  @param map    [rows][cols], as in avsound_scan_result; a value that is not a number is not drawn.
 *  @param rgb, stride As in avsound_draw_map().
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_draw_cam(avsound_context *context, const avsound_frame *frame,
                                                          const float *map, int32_t rows, int32_t cols, uint8_t *rgb,
                                                          int32_t stride);

/** A walk over a recording: at each time of a grid the frame on screen and the sound around it, embedded, scored or
 *  localised by worker threads with one-thread sessions, delivered in order. Bounded memory whatever the length; frames and
 *  spectrogram columns are computed once.
 *
 *  A network that sees motion (avsound_model_frames()) is shown the frames nearest to the times around the multiple of 0.04 s
 *  nearest to each time, 0.04 s apart; flow between two neighbours is computed once. It delivers no frames; a hop of 0 is 0.04 s.
 *
 *  With a network of clips (multisensory) the question is whether sound and picture are in time with each other, and where,
 *  and it is asked of stretches of the network's length (4.2 s): avsound_scan_result says what each field is then. Sound
 *  that is missing is silence, a picture that is missing is the last one. Nothing is embedded.
 *
 *  A network that compares lags (sync-net) is asked the same of every time: it weighs what it sees and hears within its clip's
 *  length to either side by a raised cosine, which is as much as it learned from. Whoever is in time with the sound is found
 *  even among things that move alike, at other times.
 *  Threads: one at a time per scan. Since 0.1. */
typedef struct avsound_scan avsound_scan;

/** What a scan computes; may be combined. Since 0.1. */
enum {
    AVSOUND_SCAN_EMBED_IMAGE = 1, /**< embedding of the frame */
    AVSOUND_SCAN_EMBED_AUDIO = 2, /**< embedding of the sound around it */
    AVSOUND_SCAN_SCORE = 4,       /**< correspondence */
    AVSOUND_SCAN_MAP = 8,         /**< localisation: the network then sees the whole frame, else its centre. Of clips: each
                                       frame's map, from stretches that overlap by a quarter and fade into each other */
    AVSOUND_SCAN_FRAME = 16,      /**< the frame itself, for drawing */
    AVSOUND_SCAN_CLASSES = 32     /**< of a multisensory network that recognises: the classes' probabilities; nothing else but frames */
};

/** Options of a scan. Fill with avsound_scan_options_init() first. Since 0.1. */
typedef struct avsound_scan_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t what;          /**< AVSOUND_SCAN_ constants, or-ed */
    int32_t threads;       /**< worker threads made by the scan, or, of clips, that compute each; 0: one per core */
    int32_t precision;     /**< AVSOUND_PRECISION_ constant */
    double hop_seconds;    /**< time between results, at multiples of it; 0: one for every frame, and every 0.04 s where no
                                frames are wanted. Of clips without maps: between the beginnings of stretches, in whole frames
                                of the network; the last one moves back to end with the recording; 0: half a stretch. Of
                                sync-net without maps: as of pictures; 0: half of its clip's length */
    int64_t start_us;      /**< first time */
    int64_t duration_us;   /**< 0: to the end */
    const char *audio_path; /**< take the sound from this file instead, repeated if it is shorter; NULL: the video's own */
    const char *layer;     /**< embed this layer of a network of pictures or sounds instead, by its name, such as "vision.conv4_2";
                                `what` is then AVSOUND_SCAN_EMBED_IMAGE or _AUDIO, the one that the layer depends on. NULL: the
                                network's embedding */
    int32_t grid_rows;     /**< with grid_cols: cells of a layer's map are pooled to so many rows and columns, the largest value of
                                each channel. 0, both: all cells */
    int32_t grid_cols;     /**< see grid_rows. Embeddings of cells are their channels, cell by cell, row by row */
    int32_t sound_begins;  /**< 1: a result's sound begins at its time. 0: it is centred on it */
    int32_t dense;         /**< 1: windows of sound that overlap share the network's convolutions, which run once over the
                                recording. Many times as fast where results are dense; vectors differ from those of 0, since a
                                window's ends then hear what is around it instead of zeros (docs/concepts.md). Not of clips, nor with a layer */
    const avsound_source *audio_source; /**< as audio_path, of another source; NULL: none. Not both */
} avsound_scan_options;

/** One result. Pointers are NULL where not asked for or not to be had. Since 0.1. */
typedef struct avsound_scan_result {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build; set before the call */
    int32_t index;         /**< 0, 1, 2, ... */
    int64_t time_us;       /**< the frame's presentation time, or with a hop that of the grid; the sound is centred on it. Of
                                clips without maps: the middle of the stretch */
    int32_t dimension;     /**< of the embeddings */
    int32_t rows, cols;    /**< of the map */
    float probability, confidence; /**< as avsound_score; of clips P(in time), and a confidence that is 0 for silence and where
                                nothing moves. At a frame's time those of the stretches around it, faded. Of sync-net: that
                                the lag is at most a frame, of those it learned from, each as likely before */
    float rms;             /**< level of the sound around it, full scale 1 */
    const float *embedding_image; /**< [dimension] */
    const float *embedding_audio; /**< [dimension] */
    const float *map;      /**< [rows][cols], 0...1. Of clips: how much |cam| stands out of its stretch, 0 and less at half of the
                                97th percentile, 1 and more at it; nowhere where cam is the same everywhere. Of sync-net:
                                tanh(w cam / 2) where cam is above 0, w being the network's lags.weight: the nearer to 1, the
                                surer the cell alone is that this is the sound's time */
    const avsound_frame *frame; /**< upright, as the media delivers it */
    const float *cam;      /**< of clips, [rows][cols]: the class activation map at this time, between the network's steps of
                                time; above 0 where it speaks for, below 0 where it speaks against sound and picture being in
                                time. Over a stretch its mean is ln(P / (1 - P)). Of sync-net: the scalar product of the
                                cell's vector with that of its own time's sound less the mean of those around it, averaged
                                over the window. Else NULL */
    int64_t seen_us;       /**< of clips: how much of the recording the network saw at once. Else 0 */
    int32_t padded;        /**< of clips, 1: the recording is shorter than a stretch, which was filled up */
    int32_t reserved;      /**< 0 */
    const float *classes;  /**< [class_count] of a stretch, of sum 1; the names are the model's metadata "avsound.classes", a JSON
                                array of strings */
    int32_t class_count;   /**< 0 where not asked for */
    int32_t reserved2;     /**< 0 */
} avsound_scan_result;

/** Where a scan's time went, in seconds summed over its threads. Since 0.1. */
typedef struct avsound_scan_times {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;    /**< 0 */
    double decode, spectrogram, prepare, network, wait; /**< wait: the caller's thread, for workers */
} avsound_scan_times;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_scan_options_init(avsound_scan_options *options, uint32_t struct_size);

/** Opens a file and prepares the walk.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if the file lacks the stream that `what` needs; AVSOUND_E_UNSUPPORTED if the model has
 *          no such output, or is none for scans; and all of avsound_media_open() and avsound_session_create().
 *  Ownership: free with avsound_scan_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_create(avsound_model *model, const char *path,
                                                             const avsound_scan_options *options, avsound_scan **out);

/** The same of a recording that lies in memory, is open, or is read by callbacks (avsound_source, which says for how long that must
 *  last): results are those of avsound_scan_create() to the bit.
 *  @return as avsound_scan_create(); AVSOUND_E_INVALID_ARGUMENT for a source that lacks what its kind needs.
 *  Ownership: free with avsound_scan_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_create_source(avsound_model *model, const avsound_source *source,
                                                                    const avsound_scan_options *options, avsound_scan **out);

/** What is known of the file being walked. @param info Its struct_size must be set. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_get_info(const avsound_scan *scan, avsound_media_info *info);

/** Number of results to expect, -1 if the file does not tell. Since 0.1. */
AVSOUND_API int64_t avsound_scan_expected(const avsound_scan *scan);

/** Delivers the next result.
 *  @param result Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_END after the last; AVSOUND_E_FORMAT where the file is damaged (what came before stands);
 *          AVSOUND_E_CANCELLED. Ownership: the scan's, valid until the next call. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_next(avsound_scan *scan, avsound_scan_result *result);

/** Tells where the time went so far. @param times Its struct_size must be set. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_get_times(const avsound_scan *scan, avsound_scan_times *times);

/** Makes avsound_scan_next() return AVSOUND_E_CANCELLED soon. Threads: any. Since 0.1. */
AVSOUND_API void avsound_scan_cancel(avsound_scan *scan);

/** Stops the workers and frees the scan; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_scan_free(avsound_scan *scan);

/** The measurement of a recording's offset between picture and sound. Offsets are in milliseconds; positive: the sound
 *  leads, it is early, and must be delayed by so much. Memory does not grow with the recording.
 *  Threads: one at a time per measurement. Since 0.1. */
typedef struct avsound_offset avsound_offset;

/** What a measurement came to. All but the first mean "cannot tell". Since 0.1. */
enum {
    AVSOUND_OFFSET_MEASURED = 0,
    AVSOUND_OFFSET_SILENT = 1, /**< no quarter of a second of the sound is above -60 dBFS */
    AVSOUND_OFFSET_STILL = 2,  /**< nowhere in the picture, as the network sees it, does anything move */
    AVSOUND_OFFSET_SHORT = 3,  /**< too little of the picture goes with sound: less than 0.2 s */
    AVSOUND_OFFSET_EDGE = 4,   /**< the best offset is the end of the range: perhaps the true one lies beyond */
    AVSOUND_OFFSET_UNSURE = 5  /**< no offset stands out */
};

/** What should be known about a result, or-ed. Since 0.1. */
enum {
    AVSOUND_OFFSET_PADDED = 1,  /**< shorter than the network must see at once: its ends were repeated */
    AVSOUND_OFFSET_PARTLY = 2,  /**< more than a tenth of the pictures have no sound beside them, at no offset in the range */
    AVSOUND_OFFSET_SLOW = 4,    /**< the file has fewer than half the pictures a second that the network wants */
    AVSOUND_OFFSET_DRIFTS = 8   /**< of a measured offset: it surely changes by more than a frame from end to end */
};

/** Options of avsound_offset_create(). Fill with avsound_offset_options_init() first. Since 0.1. */
typedef struct avsound_offset_options {
    uint32_t struct_size;   /**< sizeof of this struct in the caller's build */
    int32_t threads;        /**< of the network; 0: one per core */
    int32_t precision;      /**< AVSOUND_PRECISION_ constant */
    int32_t reserved;       /**< 0 */
    double range_seconds;   /**< offsets up to so much either way are tried, at most 10; 0: 2 */
    double least_confidence; /**< below it the answer is AVSOUND_OFFSET_UNSURE; 0: 0.5; negative: none is too low */
    double window_seconds;  /**< of the offsets over time, at least 1; 0: 10 */
    int64_t audio_delay_us; /**< measures as if the sound came so much later than it does; for tests */
    int64_t start_us;       /**< only pictures from here on */
    int64_t duration_us;    /**< and only for so long; 0: to the end */
} avsound_offset_options;

/** The answer. Since 0.1. */
typedef struct avsound_offset_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    int32_t verdict;      /**< AVSOUND_OFFSET_MEASURED, or why not */
    int32_t notes;        /**< AVSOUND_OFFSET_PADDED... */
    int32_t windows;      /**< how many offsets over time there are */
    double offset_ms;     /**< in the middle of the recording; the best there is even if the verdict is not MEASURED, NaN
                               for none */
    double low_ms, high_ms; /**< 95 % interval: 2.5th and 97.5th percentile of the offsets of 400 resamplings (bootstrap)
                                 of at most 256 stretches of the recording, of 0.2 s or more, or of the network's
                                 probabilities, whichever is further out; no narrower than half a picture's time */
    double confidence;    /**< 0...1, likelihood times agreement; halved for AVSOUND_OFFSET_PADDED; 0 for SILENT, STILL,
                               SHORT */
    double likelihood;    /**< 0...1: the network's probability that the offset lies within a frame of the answer, if it
                               lies in the range at all */
    double agreement;     /**< 0...1: share of the resamplings within a frame of the answer */
    double drift;         /**< change of the offset in ms per minute; NaN: less than 30 s, or too few windows agree */
    double drift_low, drift_high; /**< 95 % interval */
    double seconds;       /**< of picture */
    double compared_seconds; /**< of picture that was compared with sound, at some offset or other */
    double frame_ms;      /**< a frame, as the words above mean it: of the network */
} avsound_offset_result;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_offset_options_init(avsound_offset_options *options, uint32_t struct_size);

/** Opens a file and prepares to measure it.
 *
 *  @param model   One whose network compares lags: sync-net.
 *  @param options NULL for the defaults.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if the file lacks picture or sound; AVSOUND_E_UNSUPPORTED for another network;
 *          AVSOUND_E_INVALID_ARGUMENT; and all of avsound_media_open() and avsound_session_create().
 *  Ownership: free with avsound_offset_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_create(avsound_model *model, const char *path,
                                                               const avsound_offset_options *options,
                                                               avsound_offset **out);

/** The same of another source, as avsound_scan_create_source(). Ownership: free with avsound_offset_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_create_source(avsound_model *model, const avsound_source *source,
                                                                      const avsound_offset_options *options,
                                                                      avsound_offset **out);

/** Goes on by a second or two of the recording.
 *  @param part NULL, or receives the part done, 0...1; -1 where the file does not tell its length.
 *  @return AVSOUND_OK: there is more; AVSOUND_E_END: all is measured; AVSOUND_E_FORMAT where the file is damaged: what
 *          came before is measured; AVSOUND_E_CANCELLED. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_next(avsound_offset *offset, double *part);

/** Tells what was found; before the end, of what was read so far.
 *  @param result Its struct_size must be set. @return AVSOUND_OK; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_get_result(avsound_offset *offset,
                                                                   avsound_offset_result *result);

/** The curve that avsound_offset_get_result() last decided by.
 *  @param lags_ms, scores Receive [count] offsets, ascending, and how well picture and sound agree there, NaN where they
 *                         never meet; NULL to ask for the count.
 *  @param count In: room; out: count wanted. @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_STATE before
 *               avsound_offset_get_result(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_get_curve(const avsound_offset *offset, double *lags_ms,
                                                                  double *scores, size_t *count);

/** Offsets over time, a window each, none reaching into the next.
 *  @param times_s, offsets_ms, likelihoods Receive [count] middles of windows in seconds from the first picture, offsets,
 *                         NaN for none, and their likelihoods as in the result; NULL to ask for the count.
 *  @param count In: room; out: count wanted. @return as avsound_offset_get_curve(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_get_windows(const avsound_offset *offset, double *times_s,
                                                                    double *offsets_ms, double *likelihoods,
                                                                    size_t *count);

/** Draws the curve with its peak and interval, below it the offsets over time if there are several. .png or .jpg.
 *  @return AVSOUND_OK; AVSOUND_E_STATE before avsound_offset_get_result(); and all of avsound_picture_write(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_offset_draw(const avsound_offset *offset, const char *path);

/** Makes avsound_offset_next() return AVSOUND_E_CANCELLED soon. Threads: any. Since 0.1. */
AVSOUND_API void avsound_offset_cancel(avsound_offset *offset);

/** Frees a measurement; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_offset_free(avsound_offset *offset);

/** A walk over a recording that takes its sound apart: what comes from on screen, and the rest; or, by a network that sees
 *  nothing, two sounds in any order. The result is mono at the model's rate (21 kHz), in stretches that follow each other
 *  without seams, delivered in order. Bounded memory whatever the length; frames and samples are read once.
 *  Source: Owens and Efros, ECCV 2018, section 6. Threads: one at a time per separation. Since 0.1. */
typedef struct avsound_separator avsound_separator;

/** How it is done; may be combined. Since 0.1. */
enum {
    AVSOUND_SEPARATE_COMPAT = 1,         /**< as the released program: the left channel alone, windows half a window apart of
                                              which the first to have a sample keeps it, faded ends and all, a gain of 1.5, no
                                              return to the recording's level, values clipped to -1...1, the recording's rest
                                              that fills no window left out */
    AVSOUND_SEPARATE_CONSISTENT = 2,     /**< the two sounds sum to the mixture: what they lack of it is shared out by their
                                              power, frequency by frequency. Not with COMPAT */
    AVSOUND_SEPARATE_ORIGINAL_PHASE = 4  /**< with the mixture's phases instead of the network's */
};

/** Options of a separation. Fill with avsound_separator_options_init() first. Since 0.1. */
typedef struct avsound_separator_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t flags;        /**< AVSOUND_SEPARATE_ constants, or-ed */
    int32_t threads;      /**< that compute; 0: one per core. Of more than one, halves compute two windows of a file beside each
                               other, while the caller's thread reads it on */
    int32_t precision;    /**< AVSOUND_PRECISION_ constant */
    int64_t start_us;     /**< first time */
    int64_t duration_us;  /**< 0: to the end */
    float left, top, right, bottom; /**< what is in this rectangle counts as on screen, the rest is hidden from the network:
                                         shares of the picture's width and height, 0...1; all 0: everything */
    const char *audio_path; /**< file whose sound is separated instead of the recording's own; NULL: its own */
    const avsound_source *audio_source; /**< as audio_path, of another source; NULL: none. Not both */
} avsound_separator_options;

/** A stretch of the result. Pointers are the separation's. Since 0.1. */
typedef struct avsound_separator_result {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build; set before the call */
    int32_t index;         /**< 0, 1, 2, ... */
    int64_t time_us;       /**< of the first sample */
    int64_t sample;        /**< its number, counted from start_us */
    int64_t samples;       /**< how many */
    int32_t sample_rate;   /**< Hz */
    int32_t padded;        /**< 1: the recording was shorter than a window, which silence and the last frame filled up */
    float rms, reserved;   /**< level of the mixture over the stretch, full scale 1; 0 */
    const float *on;       /**< [samples] what comes from on screen; of a network that sees nothing, one of two sounds */
    const float *off;      /**< [samples] the rest; or the other one */
    const float *mixture;  /**< [samples] what was separated: the mean of the channels (COMPAT: the left one, at the network's
                                loudness) */
} avsound_separator_result;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_separator_options_init(avsound_separator_options *options, uint32_t struct_size);

/** Opens a file and prepares the walk.
 *  @return AVSOUND_OK; AVSOUND_E_UNSUPPORTED if the model is no separator; AVSOUND_E_STATE if the file lacks the sound, or the
 *          pictures that the model needs; and all of avsound_media_open() and avsound_session_create().
 *  Ownership: free with avsound_separator_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separator_create(avsound_model *model, const char *path,
                                                                   const avsound_separator_options *options,
                                                                   avsound_separator **out);

/** The same of another source, as avsound_scan_create_source(). Ownership: free with avsound_separator_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separator_create_source(avsound_model *model, const avsound_source *source,
                                                                         const avsound_separator_options *options,
                                                                         avsound_separator **out);

/** What is known of the file. @param info Its struct_size must be set. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separator_get_info(const avsound_separator *separation,
                                                                     avsound_media_info *info);

/** Number of results to expect, -1 if the file does not tell; about one in 1.6 s. Since 0.1. */
AVSOUND_API int64_t avsound_separator_expected(const avsound_separator *separation);

/** Delivers the next stretch.
 *  @param result Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_END after the last; AVSOUND_E_FORMAT instead if the file is damaged (what came before the
 *          damage was delivered), or has no sample at all; AVSOUND_E_STATE if it is too short for COMPAT; AVSOUND_E_CANCELLED.
 *  Ownership: the separation's, valid until the next call. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_separator_next(avsound_separator *separation,
                                                                 avsound_separator_result *result);

/** Makes avsound_separator_next() return AVSOUND_E_CANCELLED soon. Threads: any. Since 0.1. */
AVSOUND_API void avsound_separator_cancel(avsound_separator *separation);

/** Frees the separation; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_separator_free(avsound_separator *separation);

/** What avsound_spectrograms_draw() draws. Fill with avsound_spectrograms_options_init() first. Since 0.1. */
typedef struct avsound_spectrograms_options {
    uint32_t struct_size;      /**< sizeof of this struct in the caller's build */
    int32_t count;             /**< of sounds, 1...8 */
    const char *const *paths;  /**< [count] files with sound; the mean of their channels is drawn */
    const char *const *titles; /**< [count] in ASCII; NULL: the paths */
    const int64_t *starts_us;  /**< [count] time in each file that stands at the left edge; NULL: 0 */
    int64_t duration_us;       /**< how much is drawn; 0: to the end of the longest */
    int32_t sample_rate;       /**< Hz, twice the highest frequency drawn; 0: 21000, the separators' */
    int32_t reserved;          /**< 0 */
} avsound_spectrograms_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_spectrograms_options_init(avsound_spectrograms_options *options, uint32_t struct_size);

/** Draws spectrograms of sounds one above the other: mixture and stems, for one. Time runs to the right, frequency upwards on
 *  the mel scale; all panels share one scale of 70 dB below the brightest, in dB of a sine of full scale. Of a damaged
 *  file, what comes before the damage is drawn. Memory does not grow with the length of the files.
 *
 *  @param path The ending is .png or .jpg; the file is complete or not there.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if a file has no sound, or none tells its length; AVSOUND_E_IO; AVSOUND_E_UNSUPPORTED
 *          for another ending; and all of avsound_media_open(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_spectrograms_draw(avsound_context *context,
                                                                   const avsound_spectrograms_options *options,
                                                                   const char *path);

/** Scores of a recording over time, as a scan delivers them, for avsound_scores_draw(). Since 0.1. */
typedef struct avsound_scores {
    uint32_t struct_size;        /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;           /**< 0 */
    const double *times_s;       /**< [count] seconds, ascending */
    const double *probabilities; /**< [count] 0...1; NaN: none */
    const double *confidences;   /**< [count] 0...1 */
    int64_t count;               /**< at least 1 */
    const char *title;           /**< in ASCII; NULL: "probability" */
} avsound_scores;

/** Draws scores over time with their confidence, 960 x 400 pixels: those of a confidence of at least 0.5 as a line, with gaps at
 *  the others, which are grey dots.
 *
 *  @param path The ending is .png or .jpg; the file is complete or not there.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_IO; AVSOUND_E_UNSUPPORTED for another ending.
 *          Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scores_draw(avsound_context *context, const avsound_scores *scores,
                                                             const char *path);

/** Log-spectrogram of a sound as a model's front end computes it, all columns.
 *
 *  @param spectrogram Receives [bins][columns] floats (after mean and std); NULL to ask for the size.
 *  @param size In: room in floats; out: floats wanted. @param bins, columns Receive the shape.
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_spectrogram(const avsound_model *model, const avsound_audio *sound,
                                                             float *spectrogram, size_t *size, int32_t *bins,
                                                             int64_t *columns);

/** Options of optical flow. Fill with avsound_flow_options_init() first; 0 means the default. Since 0.1. */
typedef struct avsound_flow_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t levels;       /**< sizes of the pictures at most, each half of the one before, none smaller than 16 pixels but the
                               first; 0: 5. What moves further than some 3 pixels times 2^(levels - 1) is lost */
    int32_t warps;        /**< times that each size is warped and linearised anew; 0: 5 */
    int32_t iterations;   /**< after each; 0: 30 */
    float attachment;     /**< lambda: weight of a difference of brightness of 1/255 against that of a pixel in flow between
                               neighbours; 0: 0.15. Less is smoother */
    float tightness;      /**< theta: how closely the two halves of the problem are tied; 0: 0.3 */
} avsound_flow_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_flow_options_init(avsound_flow_options *options, uint32_t struct_size);

/** Optical flow from one picture to the next: what pixel (x, y) of `from` shows lies at (x + dx, y + dy) in `to`. TV-L1 by
 *  Zach, Pock and Bischof (DAGM 2007) on the luma, from coarse to fine; what leaves the picture moves as its neighbours do. The
 *  same everywhere in bits: no threads. Things keep their brightness, it assumes.
 *
 *  @param from, to Pictures of one size, of any formats.
 *  @param options  NULL for the defaults.
 *  @param flow     Receives planes dx, dy: [2][height][width] floats in pixels, right and down; NULL to ask for the size.
 *  @param size     In: room in floats; out: floats wanted.
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_SHAPE if the pictures differ in size; AVSOUND_E_INVALID_ARGUMENT;
 *          AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_optical_flow(avsound_context *context, const avsound_frame *from,
                                                              const avsound_frame *to, const avsound_flow_options *options,
                                                              float *flow, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
