/* A recording that arrives in pieces: what was pushed waits here until an avsound_media reads it, which is told
 * AVSOUND_E_AGAIN where more may come. Sound is mixed, laid out by its time stamps and resampled as a file's is (sound.c), so
 * a reader cannot tell the two apart. One thread at a time. */
#ifndef AVSN_FEED_H
#define AVSN_FEED_H

#include "media/media.h"

typedef struct avsn_feed avsn_feed;

typedef struct avsn_feed_options {
    bool frames, sound;          /* what will be pushed */
    int32_t rate, channels;      /* of the sound as it is read */
    int32_t rate_num, rate_den;  /* frames a second, nominally: how long a frame lasts that no other follows */
    /* What does not come is missing once the other kind is so far ahead: silence, or the last frame again, stands in.
     * Negative: never. */
    int64_t patience_us;
    int64_t most_bytes; /* one push of sound takes no more, or no more than what is pushed takes as floats besides; 0: any */
} avsn_feed_options;

/* Counts since the feed was made. */
typedef struct avsn_feed_counts {
    int64_t frames, samples;             /* taken; samples per channel, of their own rate */
    int64_t late_frames, late_samples;   /* dropped: their time had passed */
    int64_t stand_in_frames, stand_in_samples; /* frames shown again; samples of silence, those of gaps too */
} avsn_feed_counts;

avsound_status avsn_feed_create(avsound_context *context, const avsn_feed_options *options, avsn_feed **out);
void avsn_feed_free(avsn_feed *feed); /* NULL is allowed; after all media that read it */

/* Copies. Frames are of one size, sound of one kind; steps in time of more than a minute are another recording's:
 * AVSOUND_E_INVALID_ARGUMENT, and nothing is taken. After another failure the feed only repeats it. */
avsound_status avsn_feed_push_frame(avsn_feed *feed, const avsound_frame *frame);
avsound_status avsn_feed_push_sound(avsn_feed *feed, const avsound_audio *sound);
/* Nothing more will come. */
avsound_status avsn_feed_end(avsn_feed *feed);
/* What is behind the other kind counts as missing now; false if neither is. */
avsound_status avsn_feed_give_up(avsn_feed *feed, bool *gave);

/* Time 0 of who reads it is known: the earlier of the first frame's and the first sample's. */
bool avsn_feed_located(const avsn_feed *feed);
bool avsn_feed_ended(const avsn_feed *feed);
/* Located, and what must have come has. */
bool avsn_feed_readable(const avsn_feed *feed);
int64_t avsn_feed_origin(const avsn_feed *feed);
int64_t avsn_feed_newest(const avsn_feed *feed); /* latest time pushed; INT64_MIN: nothing was */
size_t avsn_feed_bytes(const avsn_feed *feed);   /* of what waits */
void avsn_feed_count(const avsn_feed *feed, avsn_feed_counts *counts);

/* ---- reading, for media.c: as the calls of media.h ---- */

typedef struct avsn_feed_reader avsn_feed_reader;

avsound_status avsn_feed_reader_create(avsn_feed *feed, bool frames, bool sound, avsn_feed_reader **out);
void avsn_feed_reader_free(avsn_feed_reader *reader);
void avsn_feed_reader_info(const avsn_feed_reader *reader, avsound_media_info *info);
avsound_status avsn_feed_reader_frame(avsn_feed_reader *reader, avsound_frame *frame);
avsound_status avsn_feed_reader_sound(avsn_feed_reader *reader, avsound_audio *audio);

#endif
