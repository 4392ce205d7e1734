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
 *  @param frames     `count` pictures.
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
 *  @param score Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if the session has no output "score"; AVSOUND_E_INVALID_ARGUMENT;
 *          AVSOUND_E_CANCELLED. Threads: one at a time per session. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_correspondence(avsound_session *session, const avsound_frame *frame,
                                                                const avsound_audio *sound, avsound_score *score);

/** Where in the picture is what makes the sound? The map covers the whole frame: cell (r, c) of [rows][cols] is centred at
 *  ((c + 1/2) width / cols, (r + 1/2) height / rows). A frame of another shape than the last makes the session plan anew.
 *
 *  @param map   Receives [rows][cols] floats in 0...1; NULL to ask for the size.
 *  @param size  In: room in floats; out: floats wanted.
 *  @param rows, cols Receive the map's shape.
 *  @param score NULL, or as in avsound_correspondence().
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_UNSUPPORTED if the model has no map (only AVOL-Net has);
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

/** A walk over a recording: at each time of a grid the frame on screen and the sound around it, embedded, scored or
 *  localised by worker threads with one-thread sessions, delivered in order. Bounded memory whatever the length; frames and
 *  spectrogram columns are computed once. Threads: one at a time per scan. Since 0.1. */
typedef struct avsound_scan avsound_scan;

/** What a scan computes; may be combined. Since 0.1. */
enum {
    AVSOUND_SCAN_EMBED_IMAGE = 1, /**< embedding of the frame */
    AVSOUND_SCAN_EMBED_AUDIO = 2, /**< embedding of the sound around it */
    AVSOUND_SCAN_SCORE = 4,       /**< correspondence */
    AVSOUND_SCAN_MAP = 8,         /**< localisation: the network then sees the whole frame, else its centre */
    AVSOUND_SCAN_FRAME = 16       /**< the frame itself, for drawing */
};

/** Options of a scan. Fill with avsound_scan_options_init() first. Since 0.1. */
typedef struct avsound_scan_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t what;          /**< AVSOUND_SCAN_ constants, or-ed */
    int32_t threads;       /**< worker threads made by the scan; 0: one per core */
    int32_t precision;     /**< AVSOUND_PRECISION_ constant */
    double hop_seconds;    /**< time between results, at multiples of it; 0: one for every frame, and every 0.04 s where no
                                frames are wanted */
    int64_t start_us;      /**< first time */
    int64_t duration_us;   /**< 0: to the end */
    const char *audio_path; /**< take the sound from this file instead, repeated if it is shorter; NULL: the video's own */
} avsound_scan_options;

/** One result. Pointers are NULL where not asked for or not to be had. Since 0.1. */
typedef struct avsound_scan_result {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build; set before the call */
    int32_t index;         /**< 0, 1, 2, ... */
    int64_t time_us;       /**< the frame's presentation time, or with a hop that of the grid; the sound is centred on it */
    int32_t dimension;     /**< of the embeddings */
    int32_t rows, cols;    /**< of the map */
    float probability, confidence; /**< as avsound_score */
    float rms;             /**< level of the sound around it, full scale 1 */
    const float *embedding_image; /**< [dimension] */
    const float *embedding_audio; /**< [dimension] */
    const float *map;      /**< [rows][cols] */
    const avsound_frame *frame; /**< upright, as the media delivers it */
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
 *          no such output; and all of avsound_media_open() and avsound_session_create().
 *  Ownership: free with avsound_scan_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_scan_create(avsound_model *model, const char *path,
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

/** Log-spectrogram of a sound as a model's front end computes it, all columns.
 *
 *  @param spectrogram Receives [bins][columns] floats (after mean and std); NULL to ask for the size.
 *  @param size In: room in floats; out: floats wanted. @param bins, columns Receive the shape.
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE; AVSOUND_E_INVALID_ARGUMENT. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_spectrogram(const avsound_model *model, const avsound_audio *sound,
                                                             float *spectrogram, size_t *size, int32_t *bins,
                                                             int64_t *columns);

#ifdef __cplusplus
}
#endif
#endif
