/* How an item is varied: what is drawn is a pure function of its key, and both kinds of pairs go the same way. */
#ifndef AVSN_AUGMENT_H
#define AVSN_AUGMENT_H

#include <avsound/train.h>

#include "train/crop.h"

typedef avsound_augmentation avsn_augmentation;

/* With the defaults filled in and within their ranges, as settings.c leaves it: what is not above 0 is off
 * (noise_db: not below 0); a crop_max that is not above 0 leaves the middle of the picture, as evaluation sees it. */
void avsn_augmentation_none(avsn_augmentation *augmentation);

/* The part of a width x height frame that becomes the network's input. */
void avsn_augment_picture(const avsn_augmentation *augmentation, const avsn_image_frontend *frontend, uint64_t key,
                          int32_t width, int32_t height, avsn_crop *crop);

typedef struct avsn_sound_change {
    double speed; /* 1: as recorded */
    float gain; /* factor */
    float noise; /* root mean square of what is added */
    float mixed; /* factor of another clip's sound; 0: none */
    float tilt_db; /* from the lowest row to the highest */
    uint64_t key; /* of the noise itself and the masks */
} avsn_sound_change;

void avsn_augment_sound(const avsn_augmentation *augmentation, uint64_t key, avsn_sound_change *change);
/* By what factor the first of two sounds that are mixed is louder than the second. */
float avsn_augment_balance(const avsn_augmentation *augmentation, uint64_t key);
/* The samples: noise, then gain. */
void avsn_change_samples(const avsn_sound_change *change, int64_t count, float *samples);
/* The network's input [bins][columns]: tilt, then masks. */
void avsn_change_spectrogram(const avsn_augmentation *augmentation, const avsn_sound_change *change,
                             const avsn_audio_frontend *frontend, float *values);

#endif
