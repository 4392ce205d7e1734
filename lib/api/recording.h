/* A recording read forwards: the frame on screen and the network's sound input at any time, each frame decoded and each
 * spectrogram column computed once. Bounded memory. */
#ifndef AVSN_RECORDING_H
#define AVSN_RECORDING_H

#include "dsp/spectrogram.h"
#include "media/feed.h"
#include "media/media.h"

typedef struct avsn_recording {
    avsound_context *context;
    const avsn_audio_frontend *frontend;
    avsound_media_info info;
    double decode_seconds, spectrogram_seconds;

    avsound_media *video;
    avsn_kept_frame ahead; /* the next frame, read before its time */
    bool ahead_valid, video_ended;
    avsn_kept_frame shown; /* the one on screen at the last time asked for */
    bool shown_valid;

    avsound_media *audio; /* may be `video` */
    bool repeats, started, ended;
    const float *pending; /* samples decoded, not yet pushed */
    int64_t pending_count, pushed;
    int64_t first_sample; /* number of the first one pushed */
    int64_t origin_us;    /* time of sample 0 */
    double piece_energy;  /* of the last piece, as far as it was pushed */
    float loudest;        /* the highest level of any piece pushed */
    int64_t reached, reached_before; /* one past the last sample of the last input, and of that before, where inputs stand alone */
    avsn_track *track;
} avsn_recording;

typedef struct avsn_recording_options {
    const avsound_source *source;
    avsn_feed *feed;        /* is read instead, if not NULL; must outlive the recording. With it every call below may return
                               AVSOUND_E_AGAIN, and when called again goes on as if it had not */
    bool frames, sound;     /* what will be asked for: AVSOUND_E_STATE if the file lacks it */
    const avsound_source *sound_source; /* take the sound from here, over and over; or NULL */
    int64_t start_us;       /* no earlier time will be asked for */
    int64_t columns;        /* most that will be asked for at once, if more than an input's; and what was asked for before may be
                               asked for again, so many columns back */
} avsn_recording_options;

/* `recording` is zeroed memory; avsn_recording_close also after a failure. `frontend` must outlive it. */
avsound_status avsn_recording_open(avsn_recording *recording, avsound_context *context,
                                   const avsn_audio_frontend *frontend, const avsn_recording_options *options);
void avsn_recording_close(avsn_recording *recording);

/* The next frame at or after `from_us`; AVSOUND_E_END after the last. */
avsound_status avsn_recording_next_frame(avsn_recording *recording, int64_t from_us, avsn_kept_frame *frame);
/* The frame on screen at a time no earlier than the last one asked for; the last frame stays for as long as one lasts, then
 * AVSOUND_E_END. */
avsound_status avsn_recording_frame_at(avsn_recording *recording, int64_t time_us, avsn_kept_frame *frame);
/* The same without a copy: *frame is the recording's, until it is asked for another. */
avsound_status avsn_recording_look_at(avsn_recording *recording, int64_t time_us, const avsn_kept_frame **frame);
/* The frame nearest in time to one no earlier than the last one asked for; AVSOUND_E_END as avsn_recording_frame_at. */
avsound_status avsn_recording_frame_near(avsn_recording *recording, int64_t time_us, avsn_kept_frame *frame);
/* Time of the first frame at or after `from_us`, which will be the next; AVSOUND_E_END if there is none. */
avsound_status avsn_recording_next_time(avsn_recording *recording, int64_t from_us, int64_t *time_us);
/* The input [bins][columns], unless NULL, centred on a time no earlier than the last one asked for, and its level. */
avsound_status avsn_recording_sound_at(avsn_recording *recording, int64_t time_us, float *spectrogram, float *rms);
/* [bins][count] columns from this one on, no earlier than the last one asked for; sample 0 is at column 0's start. */
avsound_status avsn_recording_columns(avsn_recording *recording, int64_t column, int64_t count, float *spectrogram);
/* Decodes on until the first sample's number is known; false in *heard where there is none. */
avsound_status avsn_recording_first_sample(avsn_recording *recording, int64_t *sample, bool *heard);
/* One past the last sample known of, INT64_MAX while more may come. */
int64_t avsn_recording_end_sample(const avsn_recording *recording);
/* True once the sound is known to end at or before this time, that of the last input; where inputs stand alone, before the last
 * input showed anything new. */
bool avsn_recording_sound_ended(const avsn_recording *recording, int64_t time_us);

double avsn_seconds(void); /* of a clock that only goes forwards */

#endif
