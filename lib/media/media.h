/* FFmpeg behind plain structs: this folder holds the only includes of libavformat, libavcodec, libswscale and
 * libswresample. */
#ifndef AVSN_MEDIA_H
#define AVSN_MEDIA_H

#include <avsound/media.h>

#include "tensor/tensor.h"

/* ---- reading: the public calls after argument checks; `options` complete ---- */
AVSN_SHARED avsound_status avsn_media_open(avsound_context *context, const char *path, const avsound_media_options *options,
                               avsound_media **out);
avsound_status avsn_media_open_fd(avsound_context *context, int fd, const char *name,
                                  const avsound_media_options *options, avsound_media **out);
avsound_status avsn_media_open_memory(avsound_context *context, const void *data, size_t size, const char *name,
                                      const avsound_media_options *options, avsound_media **out);
/* shared: others read through the same callbacks in turn. */
avsound_status avsn_media_open_io(avsound_context *context, const avsound_io *io, bool shared, const avsound_media_options *options,
                                  avsound_media **out);
avsound_status avsn_media_open_source(avsound_context *context, const avsound_source *source, const avsound_media_options *options,
                                      avsound_media **out);
avsound_source avsn_path_source(const char *path);
const char *avsn_media_name(const avsound_media *media); /* what its error details begin with */
/* What reads a feed (feed.h), which must outlive it: AVSOUND_E_AGAIN where more may come. It cannot be sought in. */
struct avsn_feed;
avsound_status avsn_media_open_feed(avsound_context *context, struct avsn_feed *feed, bool frames, bool sound,
                                    avsound_media **out);
AVSN_SHARED void avsn_media_info(const avsound_media *media, avsound_media_info *info);
AVSN_SHARED avsound_status avsn_media_read_frame(avsound_media *media, avsound_frame *frame);
AVSN_SHARED avsound_status avsn_media_read_audio(avsound_media *media, avsound_audio *audio);
avsound_status avsn_media_seek(avsound_media *media, int64_t time_us);
AVSN_SHARED void avsn_media_free(avsound_media *media);

/* ---- writing ---- */
avsound_status avsn_writer_create(avsound_context *context, const char *path, const avsound_writer_options *options,
                                  avsound_writer **out);
avsound_status avsn_writer_write_frame(avsound_writer *writer, const avsound_frame *frame);
avsound_status avsn_writer_finish(avsound_writer *writer);
void avsn_writer_free(avsound_writer *writer);
/* The public call after argument checks; `options` complete. */
avsound_status avsn_media_retime(avsound_context *context, const char *path, const char *out_path,
                                 const avsound_retime_options *options);
avsound_status avsn_picture_write(avsound_context *context, const char *path, const avsound_frame *frame);

/* ---- converting: any public frame to packed RGB24 of another size (swscale, bilinear with the support of an area
 * average when shrinking; deterministic flags). A scaler keeps its tables between frames of one kind. ---- */
typedef struct avsn_scaler avsn_scaler;
avsound_status avsn_scaler_create(avsound_context *context, avsn_scaler **out);
/* Checks the frame (sizes against the context's limits, strides, planes, format) and writes height rows of width RGB
 * pixels, `stride` bytes apart. */
avsound_status avsn_scaler_rgb(avsn_scaler *scaler, const avsound_frame *frame, int32_t width, int32_t height,
                               uint8_t *rgb, ptrdiff_t stride);
void avsn_scaler_free(avsn_scaler *scaler);
/* The checks alone, for every function that takes a frame. */
avsound_status avsn_frame_check(const avsound_context *context, const avsound_frame *frame);

/* ---- a frame that outlives whom it was borrowed from ---- */
typedef struct avsn_kept_frame {
    avsound_frame view;
    uint8_t *bytes;
    size_t capacity;
} avsn_kept_frame;

/* Copies a checked frame into `out`, zeroed memory or one kept before; `bytes` is the caller's to free. Rows have room behind
 * them that scalers may read. */
avsound_status avsn_frame_keep(avsound_context *context, const avsound_frame *frame, avsn_kept_frame *out);
/* avsn_scaler_rgb without another copy. */
avsound_status avsn_scaler_kept_rgb(avsn_scaler *scaler, const avsn_kept_frame *kept, int32_t width, int32_t height,
                                    uint8_t *rgb, ptrdiff_t stride);

/* ---- resampling: any public audio to mono or more floats at another rate (swresample) ---- */
typedef struct avsn_resampler avsn_resampler;
avsound_status avsn_resampler_create(avsound_context *context, int32_t rate, int32_t channels, avsn_resampler **out);
/* Converts the next stretch of one recording; *samples (interleaved, valid until the next call) holds *frames samples per
 * channel. audio == NULL drains what the filter still holds. Non-finite samples are refused. Output sample n stands at
 * input time n / rate: the filter's delay is compensated. */
avsound_status avsn_resampler_push(avsn_resampler *resampler, const avsound_audio *audio, const float **samples,
                                   int64_t *frames);
/* The same of as much of `audio`, from frame *first on, as makes a million samples or so, or of one frame; moves *first behind it.
 * A minute at 1 Hz becomes millions of samples. */
avsound_status avsn_resampler_push_some(avsn_resampler *resampler, const avsound_audio *audio, int64_t *first, const float **samples,
                                        int64_t *frames);
/* How many frames at rate `to` so many at rate `from` become. */
int64_t avsn_resampled_frames(int64_t frames, int32_t from, int32_t to);
void avsn_resampler_free(avsn_resampler *resampler);
avsound_status avsn_audio_check(const avsound_context *context, const avsound_audio *audio);

#endif
