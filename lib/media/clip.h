/* Random access into prepared clips: Matroska with MJPEG at 25 frames a second and 16-bit PCM, both from time 0
 * on. Where the packets lie is found out once; afterwards a frame is read by its position and decoded alone,
 * samples are only copied. */
#ifndef AVSN_CLIP_H
#define AVSN_CLIP_H

#include "media/media.h"

enum { AVSN_CLIP_FRAME_US = 40000 }; /* frame i is at time i * 0.04 s */

/* ---- where the packets of one clip lie: immutable, shared by any number of threads; holds no file open ---- */

typedef struct avsn_clip_index avsn_clip_index;

/* A file of sound alone has 0 frames. AVSOUND_E_UNSUPPORTED for other codecs, AVSOUND_E_FORMAT for other frame rates, holes
 * and damage. */
AVSN_SHARED avsound_status avsn_clip_index_create(avsound_context *context, const char *path, avsn_clip_index **out);
AVSN_SHARED void avsn_clip_index_free(avsn_clip_index *index);
AVSN_SHARED const char *avsn_clip_index_path(const avsn_clip_index *index);
AVSN_SHARED int32_t avsn_clip_index_frames(const avsn_clip_index *index);
int64_t avsn_clip_index_samples(const avsn_clip_index *index); /* per channel */
AVSN_SHARED int32_t avsn_clip_index_rate(const avsn_clip_index *index); /* Hz */
AVSN_SHARED int32_t avsn_clip_index_channels(const avsn_clip_index *index); /* 0: no sound */
AVSN_SHARED int32_t avsn_clip_index_width(const avsn_clip_index *index);
AVSN_SHARED int32_t avsn_clip_index_height(const avsn_clip_index *index);

/* ---- what reading takes: a decoder and buffers, for any clips in any order. One thread at a time ---- */

typedef struct avsn_clip_reader avsn_clip_reader;

AVSN_SHARED avsound_status avsn_clip_reader_create(avsound_context *context, avsn_clip_reader **out);
AVSN_SHARED void avsn_clip_reader_free(avsn_clip_reader *reader);
/* The view is valid until the next call. A file that changed since it was indexed is refused; damage is
 * AVSOUND_E_FORMAT, with file and frame in the detail. */
AVSN_SHARED avsound_status avsn_clip_reader_frame(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t frame,
                                                  avsound_frame *view);
/* `count` samples from number `first` on, the channels' average, full scale 1; zeros outside the clip. */
AVSN_SHARED avsound_status avsn_clip_reader_audio(avsn_clip_reader *reader, const avsn_clip_index *index, int64_t first,
                                                  int64_t count, float *mono);

/* One channel of it, from 0; of a clip with fewer, its last. */
AVSN_SHARED avsound_status avsn_clip_reader_channel(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t channel,
                                                    int64_t first, int64_t count, float *samples);

/* ---- both for one clip, which has pictures. One thread at a time ---- */

typedef struct avsn_clip avsn_clip;

avsound_status avsn_clip_open(avsound_context *context, const char *path, avsn_clip **out);
void avsn_clip_free(avsn_clip *clip);
int32_t avsn_clip_frames(const avsn_clip *clip);
int64_t avsn_clip_samples(const avsn_clip *clip);
int32_t avsn_clip_rate(const avsn_clip *clip);
avsound_status avsn_clip_read_frame(avsn_clip *clip, int32_t index,
                                    avsound_frame *view); /* valid until the next call */
avsound_status avsn_clip_read_audio(avsn_clip *clip, int64_t first, int64_t count, float *mono); /* zeros outside */

#endif
