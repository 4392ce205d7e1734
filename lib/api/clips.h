/* A recording read forwards for networks of clips: frames at the network's rate and size, two channels of samples at its own.
 * Each frame is decoded and scaled once, each sample resampled once; what lies behind is forgotten, so memory is bounded. */
#ifndef AVSN_CLIPS_H
#define AVSN_CLIPS_H

#include "api/recording.h"
#include "dsp/windows.h"

/* Of the picture, in shares of its width and height; what lies outside is seen as mid-grey. */
typedef struct avsn_region {
    float left, top, right, bottom;
} avsn_region;

typedef struct avsn_clips {
    avsound_context *context;
    avsn_image_frontend image;
    avsn_clip_frontend clip;
    avsn_pace pace;
    avsound_media_info info;
    int64_t start_us;

    avsn_recording pictures;
    int64_t shown_us;      /* of the one on screen at the last frame's time */
    avsn_scaler *scaler;
    bool looked, pictures_ended; /* looked: there is such a one */
    int64_t frames_total;  /* known once they ended, INT64_MAX before */
    uint8_t *whole;        /* RGB24, the picture before it is cropped */
    int32_t whole_width, whole_height;
    uint8_t *frames;       /* [frame_count][height][width] RGB24, frame number first_frame and on */
    int64_t first_frame, frame_count;
    size_t frame_bytes, frames_capacity;

    avsound_media *sound;
    bool repeats;          /* that sound, when it ends */
    float *samples;        /* [sample_count][2], sample number first_sample and on */
    int64_t first_sample, sample_count;
    size_t samples_capacity;
    bool started, sound_ended;
    int64_t most_samples;  /* the end that was asked for, or INT64_MAX */
} avsn_clips;

typedef struct avsn_clips_options {
    const avsound_source *source;
    avsn_feed *feed;      /* as in avsn_recording_options */
    const avsound_source *sound_source; /* of the sound; NULL: `source` */
    bool repeats;         /* the sound does, when it ends; its beginning goes with that of the file, not with start_us */
    bool frames;          /* will be asked for: AVSOUND_E_STATE if the file has none */
    int64_t start_us;     /* time of frame 0 and sample 0 */
    int64_t duration_us;  /* 0: to the end */
} avsn_clips_options;

/* `clips` is zeroed memory; avsn_clips_close also after a failure. */
avsound_status avsn_clips_open(avsn_clips *clips, avsound_context *context, const avsn_image_frontend *image,
                               const avsn_clip_frontend *clip, const avsn_clips_options *options);
void avsn_clips_close(avsn_clips *clips);

/* Reads on until sample `end` - 1 is there or the sound ends: *samples is then the sound's whole length, INT64_MAX before. */
avsound_status avsn_clips_listen(avsn_clips *clips, int64_t end, int64_t *samples);
/* Channel 0's samples first...first + count - 1 to left, channel 1's to right; zeros beyond the recording. Not before what
 * was forgotten. */
void avsn_clips_sound(const avsn_clips *clips, int64_t first, int64_t count, float *left, float *right);
/* Reads on until frame `end` - 1 is there or the pictures end: *frames is then how many there are, INT64_MAX before. */
avsound_status avsn_clips_look(avsn_clips *clips, int64_t end, int64_t *frames);
/* From here on the last frame stays, as if the pictures ended with what was read. */
void avsn_clips_end_pictures(avsn_clips *clips);
/* The most that moved from one of frames first...first + count - 1, which are there, to the next: avsn_image_motion. */
float avsn_clips_motion(const avsn_clips *clips, int64_t first, int64_t count);
/* Frames first...first + count - 1 as planes [3][count][height][width] of (value / 255 - mean) / std: the picture squeezed to
 * the front end's short side whatever its shape, its middle cropped; the last one stays beyond the end. */
avsound_status avsn_clips_pictures(avsn_clips *clips, int64_t first, int64_t count, const avsn_region *region, float *planes);
/* The same frames as they are kept, [count][height][width] RGB24; and such as planes, in any thread, whatever else goes on. */
avsound_status avsn_clips_frames(avsn_clips *clips, int64_t first, int64_t count, uint8_t *frames);
void avsn_clips_planes(const avsn_clips *clips, const uint8_t *frames, int64_t count, const avsn_region *region, float *planes);
/* What lies before this frame and this sample will not be asked for again. */
void avsn_clips_forget(avsn_clips *clips, int64_t frame, int64_t sample);

#endif
