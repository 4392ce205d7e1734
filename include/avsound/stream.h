/** @file stream.h
 *  The tasks on what is still going on: push pictures and sound as they come, pull results. */
#ifndef AVSOUND_STREAM_H
#define AVSOUND_STREAM_H

#include <avsound/tasks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One task over pictures and sound that are pushed as they come, in pieces of any size. What comes out is what the task
 *  delivers of a file with the same pictures and sound: a stream runs the same code. Nothing is computed but in
 *  avsound_stream_next(), nothing is waited for: where a result needs more, AVSOUND_E_AGAIN says so.
 *
 *  Times are the caller's own, in microseconds, on one clock for pictures and sound: avsound_frame's and avsound_audio's time_us.
 *  Sound that overlaps with what came before is cut, a gap is silent, 5 ms either way are taken for jitter; a frame from before
 *  the last one is dropped. Steps of more than a minute are refused: there a recording of its own begins, with
 *  avsound_stream_discontinuity().
 *
 *  Memory does not grow with the length: what was pushed and not yet used is bounded by most_bytes; beside it a task holds the
 *  session's buffers and what it looks at, at most two frames a thread and four (docs/streams.md).
 *  Threads: one at a time per stream, but for avsound_stream_cancel(). Since 0.1. */
typedef struct avsound_stream avsound_stream;

/** Options of a stream; exactly one of the three tasks is not NULL. The tasks' start_us, duration_us, audio_path and
 *  audio_delay_us have no meaning here and must be 0 or NULL. Fill with avsound_stream_options_init() first. Since 0.1. */
typedef struct avsound_stream_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t rate_num, rate_den; /**< frames per second, nominally: how long one lasts that no other follows; 0 and 0: 25/1 */
    int32_t reserved;     /**< 0 */
    const avsound_scan_options *scan;           /**< embed, score, localise, classify */
    const avsound_offset_options *offset;       /**< picture against sound: each result is of the last window_seconds, at most 40,
                                                     about every 1.3 s */
    const avsound_separator_options *separator; /**< take the sound apart; not with AVSOUND_SEPARATE_COMPAT */
    int64_t patience_us;  /**< what does not come is missing once the other kind is so far ahead: then silence, or the last frame
                               again, stands in, and what comes too late is dropped. 0: 2 s; negative: never */
    int64_t most_bytes;   /**< most memory for what was pushed and not yet used; one push may go beyond it, sound
                               by no more than that and its own size. 0: 256 MiB */
} avsound_stream_options;

/** One result. Of the three pointers that of the stream's task is set. Since 0.1. */
typedef struct avsound_stream_result {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build; set before the call */
    int32_t segment;      /**< recordings before its own, which discontinuities ended */
    int64_t index;        /**< 0, 1, 2, ... over all segments */
    int64_t time_us;      /**< as in avsound_scan_result; of an offset: of the last picture measured; of a separation: of the
                               first sample. On the caller's clock, here and in what the pointers lead to */
    int64_t newest_us;    /**< latest time that had been pushed to its segment: newest_us - time_us is how late it is */
    const avsound_scan_result *scan;     /**< embeddings, scores, maps, classes; NULL: of another task */
    const avsound_offset_result *offset; /**< `windows` is 0: each result is one; NULL: of another task */
    const avsound_separator_result *separation; /**< the two sounds; NULL: of another task */
} avsound_stream_result;

/** What went on so far. Since 0.1. */
typedef struct avsound_stream_state {
    uint32_t struct_size;   /**< sizeof of this struct in the caller's build; set before the call */
    uint32_t reserved;      /**< 0 */
    int64_t bytes;          /**< held of what was pushed and not yet used */
    int64_t results;        /**< delivered */
    int64_t frames, samples; /**< pushed; samples per channel */
    int64_t late_frames, late_samples; /**< of those: dropped, since their time had passed */
    int64_t stand_in_frames, stand_in_samples; /**< frames that were shown again for missing ones; samples of silence in gaps and
                                                    for missing sound */
} avsound_stream_state;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_stream_options_init(avsound_stream_options *options, uint32_t struct_size);

/** Makes a stream. The network is prepared when the first picture and the first sample are there: the first
 *  avsound_stream_next() that has something to do takes longer, as does the first after a discontinuity.
 *
 *  @param options Copied, with the task's own.
 *  @param out     Receives the stream; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_UNSUPPORTED if the model has no such task; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_stream_free(); the model is kept alive. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_create(avsound_model *model, const avsound_stream_options *options,
                                                               avsound_stream **out);

/** Pushes a frame, which is copied. All of a segment have one size.
 *  @return AVSOUND_OK, also for a late frame, which is dropped; AVSOUND_E_AGAIN if memory is full: take results, then push it
 *          again; AVSOUND_E_LIMIT if it is full and no result can come of what is there: most_bytes is too small for this task;
 *          AVSOUND_E_STATE after avsound_stream_flush(), or for a task that sees nothing; AVSOUND_E_INVALID_ARGUMENT, and nothing
 *          was taken; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_push_frame(avsound_stream *stream, const avsound_frame *frame);

/** Pushes sound, which is copied. All of a segment has one rate, sample format and number of channels.
 *  @return As avsound_stream_push_frame(); AVSOUND_E_LIMIT, too, where the rate is so far below the network's that the sound would
 *          grow by more than most_bytes: push fewer samples at a time; AVSOUND_E_STATE for a task that hears nothing. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_push_audio(avsound_stream *stream, const avsound_audio *sound);

/** What is pushed from now on does not go on from what came before: the results of that are completed as at the end of a file,
 *  then a recording of its own begins, with any times, sizes and rates.
 *  @return AVSOUND_OK; AVSOUND_E_STATE after avsound_stream_flush(); AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_discontinuity(avsound_stream *stream);

/** Nothing more will be pushed: avsound_stream_next() delivers what is left, as at the end of a file, then AVSOUND_E_END.
 *  @return AVSOUND_OK; AVSOUND_E_NO_MEMORY. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_flush(avsound_stream *stream);

/** Forgets all that was pushed, flushed, cancelled and counted: the stream is as newly made. Since 0.1. */
AVSOUND_API void avsound_stream_reset(avsound_stream *stream);

/** Delivers the next result, in order.
 *  @param result Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_AGAIN if it needs more to be pushed; AVSOUND_E_END after the last, once flushed;
 *          AVSOUND_E_CANCELLED; AVSOUND_E_NO_MEMORY, and all of avsound_session_create(). A failure that cannot be made up for,
 *          one inside a push among them, is told again until avsound_stream_reset().
 *  Ownership: the stream's, valid until its next result, reset or free. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_next(avsound_stream *stream, avsound_stream_result *result);

/** How late results are at most, in seconds of media: once pictures and sound are there up to a result's time and so much
 *  more, avsound_stream_next() delivers it. What the computing takes comes on top. 0 for NULL. Since 0.1. */
AVSOUND_API double avsound_stream_latency(const avsound_stream *stream);

/** Tells what went on since the stream was made or reset.
 *  @param state Its struct_size must be set. @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stream_get_state(const avsound_stream *stream, avsound_stream_state *state);

/** Makes avsound_stream_next() return AVSOUND_E_CANCELLED soon, and until avsound_stream_reset(). Threads: any. Since 0.1. */
AVSOUND_API void avsound_stream_cancel(avsound_stream *stream);

/** Frees a stream; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_stream_free(avsound_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
