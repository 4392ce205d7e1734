/** @file media.h
 *  Reading any file FFmpeg opens, frame by frame and sample by sample, and writing results. */
#ifndef AVSOUND_MEDIA_H
#define AVSOUND_MEDIA_H

#include <avsound/frame.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An opened media file: a video, a still picture or a sound. Yields upright frames with square pixels in presentation
 *  order, and sound at the rate and channel count asked for. Times are microseconds from the file's start time (the
 *  earlier of its first frame's and first sample's). Memory stays bounded whatever the length.
 *  Threads: one at a time per media. Since 0.1. */
typedef struct avsound_media avsound_media;

/** Options of avsound_media_open(). Fill with avsound_media_options_init() first. Since 0.1. */
typedef struct avsound_media_options {
    uint32_t struct_size;      /**< sizeof of this struct in the caller's build */
    int32_t decode_threads;    /**< threads of the video decoder; 0: 1 */
    int32_t audio_rate;        /**< Hz of the sound delivered; 0: the file's own */
    int32_t audio_channels;    /**< channels delivered, mixed down or up; 0: the file's own */
    int32_t ignore_video;      /**< 1: do not open the video stream */
    int32_t ignore_audio;      /**< 1: do not open the audio stream */
} avsound_media_options;

/** What is known of a media file. Since 0.1. */
typedef struct avsound_media_info {
    uint32_t struct_size;       /**< sizeof of this struct in the caller's build; set before the call */
    int32_t has_video;          /**< 1 if there is a video stream or a picture */
    int32_t has_audio;          /**< 1 if there is an audio stream */
    int32_t width, height;      /**< pixels as delivered: upright, square */
    int32_t coded_width, coded_height; /**< pixels as stored */
    int32_t rotation;           /**< clockwise degrees applied to bring the picture upright: 0, 90, 180, 270 */
    int32_t sar_num, sar_den;   /**< sample aspect ratio as stored, 1:1 if unknown */
    int32_t rate_num, rate_den; /**< average frames per second, 0/1 if unknown or a still picture */
    int32_t pixel_bits;         /**< bits of one component as stored */
    int32_t sample_rate;        /**< Hz as stored */
    int32_t channels;           /**< as stored */
    int32_t still;              /**< 1 if the video is one still picture */
    int64_t duration_us;        /**< of the whole file, -1 if unknown */
    int64_t video_start_us;     /**< first frame's time, -1 without video */
    int64_t audio_start_us;     /**< first sample's time, -1 without audio */
    int64_t video_duration_us;  /**< -1 if unknown */
    int64_t audio_duration_us;  /**< -1 if unknown */
    int64_t bit_rate;           /**< bits per second of the whole file, -1 if unknown */
    char container[64];         /**< short name, such as "mov,mp4,m4a,3gp,3g2,mj2" */
    char video_codec[32];       /**< such as "h264", "" without video */
    char audio_codec[32];       /**< such as "aac", "" without audio */
    char pixel_format[32];      /**< as stored, such as "yuv420p10le" */
} avsound_media_info;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_media_options_init(avsound_media_options *options, uint32_t struct_size);

/** Opens a file.
 *
 *  @param path    A local file's path; nothing else is opened (no URL, no device, no playlist's entries).
 *  @param options NULL for the defaults.
 *  @param out     Receives the media; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_IO if the file can't be read; AVSOUND_E_FORMAT if it is no media or broken;
 *          AVSOUND_E_UNSUPPORTED without a decoder; AVSOUND_E_LIMIT over a limit of the context; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_media_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_media_open(avsound_context *context, const char *path,
                                                            const avsound_media_options *options, avsound_media **out);

/** Tells what is known of the file. @param info Its struct_size must be set. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_media_get_info(const avsound_media *media, avsound_media_info *info);

/** Decodes the next frame in presentation order.
 *
 *  @param frame Receives a view (struct_size must be set): upright, square pixels, AVSOUND_PIXEL_YUV420P or whatever of the
 *               public formats is nearest to the file's own; time_us is its exact presentation time.
 *  @return AVSOUND_OK; AVSOUND_E_END after the last frame; AVSOUND_E_STATE without video; AVSOUND_E_FORMAT where nothing
 *          more can be decoded (frames before the damage have been delivered).
 *  Ownership: the media's, valid until its next read, seek or free. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_media_read_frame(avsound_media *media, avsound_frame *frame);

/** Decodes the next stretch of sound: 32-bit floats, interleaved, at the rate and channels of the options. Gaps in the
 *  stream are delivered as silence, so that the samples of one file follow each other without holes; a stream that starts
 *  late has a first time_us above 0.
 *
 *  @param audio Receives a view (struct_size must be set).
 *  @return AVSOUND_OK; AVSOUND_E_END after the last sample; AVSOUND_E_STATE without audio; AVSOUND_E_FORMAT.
 *  Ownership: the media's, valid until its next read, seek or free. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_media_read_audio(avsound_media *media, avsound_audio *audio);

/** Moves both streams: the next frame read is the one on screen at `time_us` (the last that starts no later, or the first
 *  of the file), the next sample the first at or after it. Accurate to the frame and to the sample.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT for a negative time; AVSOUND_E_IO where the file can't seek. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_media_seek(avsound_media *media, int64_t time_us);

/** Closes a file; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_media_free(avsound_media *media);

/** A video file being written under a temporary name beside its target. Threads: one at a time. Since 0.1. */
typedef struct avsound_writer avsound_writer;

/** Options of avsound_writer_create(). Fill with avsound_writer_options_init() first. Since 0.1. */
typedef struct avsound_writer_options {
    uint32_t struct_size;   /**< sizeof of this struct in the caller's build */
    int32_t width, height;  /**< pixels of the frames to come; odd sizes are padded by one repeated row or column */
    int32_t rate_num, rate_den; /**< nominal frames per second; 0: 25/1. Time stamps are kept as given */
    int32_t quality;        /**< 1 (smallest) ... 100 (best); 0: 75 */
    int32_t threads;        /**< encoder threads; 0: 1 */
    int32_t reserved;       /**< 0 */
    const char *audio_path; /**< file whose sound goes along: copied where the container can hold it, else AAC; or NULL */
    int64_t audio_start_us; /**< time in that file that becomes time 0 here */
    int64_t audio_duration_us; /**< how much of it; 0: to its end */
} avsound_writer_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_writer_options_init(avsound_writer_options *options, uint32_t struct_size);

/** Starts a video file. H.264 where the FFmpeg in use has an encoder, else MPEG-4; the container from the path's ending
 *  (.mp4, .mov, .mkv, .webm, .avi).
 *
 *  @return AVSOUND_OK; AVSOUND_E_IO if the folder can't be written; AVSOUND_E_UNSUPPORTED for an unknown ending or no
 *          encoder; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_writer_free(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_writer_create(avsound_context *context, const char *path,
                                                               const avsound_writer_options *options,
                                                               avsound_writer **out);

/** Encodes a frame. Its time_us must be above the last one's; size as in the options, any pixel format.
 *  @return AVSOUND_OK; AVSOUND_E_IO on a full disk; AVSOUND_E_SHAPE for another size; AVSOUND_E_BACKEND. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_writer_write_frame(avsound_writer *writer, const avsound_frame *frame);

/** Writes what is left, closes the file and gives it its final name. No other call but free may follow.
 *  @return AVSOUND_OK; AVSOUND_E_IO: nothing stands under the final name that was not there before. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_writer_finish(avsound_writer *writer);

/** Frees a writer; one that was not finished removes its temporary file. NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_writer_free(avsound_writer *writer);

/** Writes a frame as PNG (or JPEG for .jpg, .jpeg) under a temporary name, then renames.
 *  @return AVSOUND_OK; AVSOUND_E_IO; AVSOUND_E_UNSUPPORTED for another ending. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_picture_write(avsound_context *context, const char *path,
                                                               const avsound_frame *frame);

#ifdef __cplusplus
}
#endif
#endif
