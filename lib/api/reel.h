/* What a network of clips is shown of a recording: pictures at even times, the sound beside them, and how much there was to
 * see and hear. Read forwards, in bounded memory. */
#ifndef AVSN_REEL_H
#define AVSN_REEL_H

#include "api/recording.h"
#include "api/session.h"

typedef struct avsn_reel_options {
    const avsound_source *source;
    avsn_feed *feed;                  /* as in avsn_recording_options; must have a frame */
    const avsound_source *sound_source; /* as in avsn_recording_options */
    const avsn_audio_frontend *audio; /* must outlive the reel; its `columns` are those of one avsn_recording_columns */
    const avsn_image_frontend *image; /* likewise */
    double rate;                      /* pictures a second */
    int64_t audio_delay_us;           /* the sound is taken as if it came so much later */
    int64_t start_us, duration_us;    /* of the pictures; 0: to the end */
    double around_s;                  /* how much earlier than the pictures sound may be asked for */
} avsn_reel_options;

typedef struct avsn_reel {
    avsound_context *context;
    avsn_reel_options options;
    avsn_recording recording; /* sample 0 is heard while picture 0 is shown */
    avsn_framer framer, whole; /* whole: for avsn_reel_whole */
    avsn_kept_frame frame;
    float *planes, *whole_planes; /* [3][height][width] of one picture */
    uint8_t *last;  /* [height][width] RGB24 of the last one */
    int64_t pictures; /* delivered */
    int64_t first_us; /* time of picture 0 */
    float motion;   /* the most there was from one picture to the next, as avsn_image_motion */
} avsn_reel;

/* `reel` is zeroed memory; avsn_reel_close also after a failure. AVSOUND_E_STATE without video or sound. */
avsound_status avsn_reel_open(avsn_reel *reel, avsound_context *context, const avsn_reel_options *options);
void avsn_reel_close(avsn_reel *reel);
/* The next picture as the network's front end makes it, channel c at to + c * channel_stride. AVSOUND_E_END after the last. */
avsound_status avsn_reel_next(avsn_reel *reel, float *to, size_t channel_stride);
/* The last one again, all of it, for an input of this size, which stays the same. */
avsound_status avsn_reel_whole(avsn_reel *reel, int32_t width, int32_t height, float *to, size_t channel_stride);

#endif
