/* What the files of this folder share: FFmpeg's types, which leave it nowhere. */
#ifndef AVSN_MEDIA_PRIVATE_H
#define AVSN_MEDIA_PRIVATE_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

#include "base/io.h"
#include "media/media.h"

#define AVSN_MICROSECONDS ((AVRational){1, 1000000})
#define AVSN_LATEST_US ((int64_t)1 << 50)

/* ---- ffmpeg.c: FFmpeg's manners made ours ---- */

/* Every entry point of this folder calls it before FFmpeg; see there what it does to FFmpeg's messages. */
void avsn_ffmpeg_quiet(void);
/* The status that fits FFmpeg's error (`otherwise` where none does), with "what: FFmpeg's words" as the detail. */
avsound_status avsn_ffmpeg_fail(int error, avsound_status otherwise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- pixel.c: public pixel formats and FFmpeg's ---- */

typedef struct avsn_pixel_layout {
    const char *name;
    enum AVPixelFormat ffmpeg;
    int planes;
    struct {
        int bytes; /* of one step along the row */
        int width_shift, height_shift; /* pixels in a step and rows in a row, as powers of two */
    } plane[3];
} avsn_pixel_layout;

const avsn_pixel_layout *avsn_pixel_layout_of(int32_t format); /* NULL for an unknown one */
int32_t avsn_pixel_from_ffmpeg(enum AVPixelFormat format); /* 0 where no public format has this layout */
enum AVPixelFormat avsn_pixel_nearest(enum AVPixelFormat format);
int64_t avsn_pixel_row_bytes(const avsn_pixel_layout *layout, int plane, int32_t width);
int32_t avsn_pixel_rows(const avsn_pixel_layout *layout, int plane, int32_t height);
/* 1 if the frame's values span 0...255; the matrix as a public constant other than the default. */
int avsn_frame_full_range(const avsound_frame *frame);
int32_t avsn_frame_matrix(const avsound_frame *frame);
/* swscale's coefficients of a public matrix. */
const int *avsn_matrix_coefficients(int32_t matrix);

/* ---- scale.c ---- */

/* A swscale context from one picture to another. Both sides' range and matrix are set: values pass as they are between
 * equal ones. */
typedef struct avsn_sws_side {
    enum AVPixelFormat format;
    int32_t width, height, full_range, matrix;
} avsn_sws_side;

/* The side that a public frame is on. RGB has no matrix: it takes the other side's, since swscale's way from RGB to RGB leads
 * through YUV and back with one matrix each. */
avsn_sws_side avsn_sws_side_of(const avsound_frame *frame, int32_t matrix_of_rgb);
avsound_status avsn_sws_create(const avsn_sws_side *src, const avsn_sws_side *dst, int flags, struct SwsContext **out);

/* A frame's planes copied to memory that swscale may read past the ends of rows: its SIMD loads do. */
typedef struct avsn_padded {
    uint8_t *memory;
    size_t capacity;
    const uint8_t *data[4];
    int stride[4];
} avsn_padded;

avsound_status avsn_padded_copy(avsound_context *context, avsn_padded *padded, const avsound_frame *frame);

/* ---- resample.c ---- */

/* A swresample context to interleaved floats of out_channels at out_rate. */
avsound_status avsn_swr_create(avsound_context *context, AVChannelLayout *layout, enum AVSampleFormat format,
                               int32_t rate, int32_t out_channels, int32_t out_rate, struct SwrContext **out);
/* Forgets what was pushed: the next push begins another recording of the same kind. */
avsound_status avsn_resampler_reset(avsn_resampler *resampler);

/* ---- source.c: a local file, memory or callbacks, opened once, read by any number of demuxers ---- */

typedef struct avsn_source {
    avsound_context *context;
    char *path; /* as the caller named it, for details */
    int fd;     /* -1: the bytes are elsewhere */
    const uint8_t *memory; /* the caller's */
    avsn_io *io;
    int64_t size;
    int64_t told_size; /* bytes the file says it has, or 0: a file that is shorter was cut */
    char
        name[32]; /* what FFmpeg is told: "media" and the path's ending, nothing it could take for a URL or a pattern */
} avsn_source;

avsound_status avsn_source_open(avsound_context *context, const char *path, avsn_source *source);
/* The descriptor is duplicated and its position left alone. name: as in the public calls, may be NULL. */
avsound_status avsn_source_open_fd(avsound_context *context, int fd, const char *name, avsn_source *source);
avsound_status avsn_source_open_memory(avsound_context *context, const void *data, size_t size, const char *name,
                                       avsn_source *source);
avsound_status avsn_source_open_io(avsound_context *context, const avsound_io *calls, bool shared, avsn_source *source);
/* Up to `size` bytes at `position`; *got is 0 only at the end. */
avsound_status avsn_source_read(const avsn_source *source, int64_t position, void *buffer, size_t size, size_t *got);
void avsn_source_close(avsn_source *source);

/* A source's demuxer. Nothing it names is ever opened. */
typedef struct avsn_demuxer {
    AVFormatContext *format;
    AVIOContext *io;
    struct avsn_view {
        const avsn_source *source;
        int64_t position;
        char failure[1024]; /* detail of the last read that failed; "" */
        bool past_end; /* a read began beyond the file's end: something is missing there */
    } * view;
} avsn_demuxer;

/* `known`, or NULL: another demuxer of the same source, whose findings are taken over instead of decoding for them again. */
avsound_status avsn_demuxer_open(const avsn_source *source, const avsn_demuxer *known, avsn_demuxer *demuxer);
void avsn_demuxer_close(avsn_demuxer *demuxer);
/* Index of the stream to take, -1 if there is none. Pictures attached to a sound are not video. */
int avsn_demuxer_choose(const avsn_demuxer *demuxer, enum AVMediaType type);
/* The stream of the track, counted from 1, or -1; *count: how many there are. */
int avsn_demuxer_audio_track(const avsn_demuxer *demuxer, int32_t track, int32_t *count);
/* Can seeks of this format be relied on: to land before the time asked for, and to restore the true time stamps? Not those of
 * a closed one. */
bool avsn_demuxer_seeks_truly(const avsn_demuxer *demuxer);
bool avsn_demuxer_is_still(const avsn_demuxer *demuxer);

/* ---- track.c: one stream with a demuxer and a decoder of its own, so that two streams of a badly interleaved file never
 * wait for each other ---- */

typedef struct avsn_track {
    const avsn_source *source;
    avsn_demuxer demuxer;
    int stream_index;
    int32_t threads;
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    bool draining; /* the decoder knows that the packets have ended */
    bool await_key; /* packets are dropped until a key packet */
    int64_t key_pts; /* of that packet; AV_NOPTS_VALUE: unknown, or none was awaited */
    int64_t skip_until; /* packets that end before this pts are dropped; INT64_MIN: none */
    int64_t errors, intact; /* packets that failed; packets decoded since the last that failed */
    atomic_llong refused; /* size that get_buffer refused, width << 32 | height; for sound channels; 0 */
} avsn_track;

/* Takes over the demuxer, whatever happens. */
avsound_status avsn_track_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t threads,
                               avsn_track *track);
/* Decodes the next frame. AVSOUND_E_END after the last, AVSOUND_E_FORMAT instead if what came last was damaged. */
avsound_status avsn_track_next(avsn_track *track, AVFrame *frame);
/* To a key packet at or before pts, by the demuxer's own means. */
avsound_status avsn_track_seek(avsn_track *track, int64_t pts);
/* To the beginning: opened anew, since few formats' seeks restore their first state. Where that fails the track is closed, and
 * this alone may follow. */
avsound_status avsn_track_rewind(avsn_track *track);
/* Did bytes remain unread? What a demuxer makes of that, and its own state, are not to be relied on until a rewind. */
bool avsn_track_failed(const avsn_track *track);
void avsn_track_close(avsn_track *track);

/* ---- orient.c ---- */

typedef struct avsn_orientation {
    bool transposed, flip_x, flip_y; /* first transposed, then flipped */
} avsn_orientation;

avsn_orientation avsn_orientation_of(const int32_t matrix[9]);
int32_t avsn_orientation_degrees(avsn_orientation o); /* clockwise */
/* Turns a plane of src_width x src_height items of `bytes` each. */
void avsn_orientation_apply(avsn_orientation o, const uint8_t *src, ptrdiff_t src_stride, int32_t src_width,
                            int32_t src_height, int bytes, uint8_t *dst, ptrdiff_t dst_stride);

/* ---- upright.c: decoded frames to public ones ---- */

typedef struct avsn_upright {
    avsound_context *context;
    avsn_orientation orientation;
    AVRational sample_aspect; /* as stored, 1:1 if unknown */
    enum AVPixelFormat format; /* of what is delivered */
    int32_t scaled_width, scaled_height; /* with square pixels, not turned yet */
    int32_t width, height; /* delivered */
    struct SwsContext *sws;
    avsn_sws_side src, dst; /* what sws was made for */
    AVFrame *scaled, *turned;
} avsn_upright;

/* Decides by the first frame what all will look like. */
avsound_status avsn_upright_init(avsound_context *context, const avsn_source *source, AVFormatContext *format,
                                 AVStream *stream, AVFrame *first, avsn_upright *upright);
/* The view borrows from `decoded` or from `upright`. time_us is left alone. */
avsound_status avsn_upright_show(avsn_upright *upright, const AVFrame *decoded, enum AVCodecID codec,
                                 avsound_frame *view);
void avsn_upright_free(avsn_upright *upright);

/* ---- video.c; times in these two are the file's own, before the start time is taken off ---- */

typedef struct avsn_video avsn_video;
avsound_status avsn_video_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t threads,
                               avsn_video **out);
avsound_status avsn_video_read(avsn_video *video, avsound_frame *frame);
avsound_status avsn_video_seek(avsn_video *video, int64_t time_us);
void avsn_video_info(const avsn_video *video, avsound_media_info *info);
const avsn_demuxer *avsn_video_demuxer(const avsn_video *video);
int64_t avsn_video_start(const avsn_video *video);
void avsn_video_free(avsn_video *video);

/* ---- sound.c ---- */

typedef struct avsn_sound avsn_sound;
avsound_status avsn_sound_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t rate,
                               int32_t channels, avsn_sound **out);
avsound_status avsn_sound_read(avsn_sound *sound, avsound_audio *audio);
avsound_status avsn_sound_seek(avsn_sound *sound, int64_t time_us);
void avsn_sound_info(const avsn_sound *sound, avsound_media_info *info);
int64_t avsn_sound_start(const avsn_sound *sound);
int avsn_sound_index(const avsn_sound *sound);
void avsn_sound_free(avsn_sound *sound);

/* ---- media.c: what the writer must know of the file that its sound comes from ---- */

int64_t avsn_media_start(const avsound_media *media); /* the start time, in the file's own time */
const avsn_source *avsn_media_source(const avsound_media *media);
int avsn_media_sound_index(const avsound_media *media); /* -1: none */

/* ---- output.c: a file under a temporary name beside its own until it is complete ---- */

typedef struct avsn_output {
    avsound_context *context;
    char *path, *temporary;
    int fd;
    int64_t position;
    int error; /* of a write that failed, as errno; 0 */
} avsn_output;

avsound_status avsn_output_create(avsound_context *context, const char *path, avsn_output *output);
avsound_status avsn_output_write(avsn_output *output, const void *data, size_t size);
/* Gives the file its name. On failure, as in avsn_output_abandon(), no trace is left. */
avsound_status avsn_output_commit(avsn_output *output);
void avsn_output_abandon(avsn_output *output);
/* The path's ending in lower case, with its dot; "" without one. */
void avsn_path_ending(const char *path, char *ending, size_t size);
/* Makes the muxer write to `output`, which it may also read back; NULL undoes it. */
avsound_status avsn_output_attach(avsn_output *output, AVFormatContext *format);
void avsn_output_detach(AVFormatContext *format);

/* ---- writer_sound.c ---- */

typedef struct avsn_writer_sound avsn_writer_sound;

/* What each container takes: its name for FFmpeg, the encoders to try in order, and whether it can tell players to leave
 * out what was only needed to start a decoder (an edit list). */
typedef struct avsn_container {
    const char *ending, *name;
    const char *video_encoders[6];
    const char *sound_encoders[4];
    const enum AVCodecID *sound_copied; /* ends with AV_CODEC_ID_NONE */
    bool edit_list, constant_rate;
} avsn_container;

/* Adds a stream to `format`, before its header is written. */
avsound_status avsn_writer_sound_create(avsound_context *context, const avsound_writer_options *options,
                                        const avsn_container *container, AVFormatContext *format,
                                        avsn_writer_sound **out);
/* Writes the sound that starts no later than time_us. */
avsound_status avsn_writer_sound_until(avsn_writer_sound *sound, int64_t time_us);
void avsn_writer_sound_free(avsn_writer_sound *sound);

#endif
