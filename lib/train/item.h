/* One item of a batch: a picture and a sound as the network takes them, from their clips. */
#ifndef AVSN_ITEM_H
#define AVSN_ITEM_H

#include "media/clip.h"
#include "train/augment.h"
#include "train/sampler.h"
#include "train/stretch.h"

/* Indices of the data set's clips, made when first needed and kept while there is room. Any number of threads. */
typedef struct avsn_clip_cache avsn_clip_cache;

avsound_status avsn_clip_cache_create(avsound_context *context, const avsn_dataset *data, int32_t most,
                                      avsn_clip_cache **out);
void avsn_clip_cache_free(avsn_clip_cache *cache);
avsound_status avsn_clip_cache_get(avsn_clip_cache *cache, int32_t clip, const avsn_clip_index **index);
void avsn_clip_cache_put(avsn_clip_cache *cache, int32_t clip); /* after each get that succeeded */

/* What all threads share. */
typedef struct avsn_item_plan {
    avsn_image_frontend image;
    avsn_audio_frontend audio; /* columns 0: the sound is a waveform */
    avsn_clip_frontend clip; /* frames above 0: items are clips */
    avsn_separation_frontend separation;
    int32_t around; /* above 0: of so many frames on either side of a picture avsn_item_see() will be asked for, */
    bool flow;      /* and of the flow between them */
    bool mixtures; /* avsn_item_mix() will be asked for */
    avsn_augmentation augmentation;
    const avsn_sampler *sampler;
    avsn_clip_cache *clips;
    const avsn_stretch *stretch;
} avsn_item_plan;

/* One thread at a time. The plan must outlive it. */
typedef struct avsn_item_maker avsn_item_maker;

avsound_status avsn_item_maker_create(avsound_context *context, const avsn_item_plan *plan, avsn_item_maker **out);
void avsn_item_maker_free(avsn_item_maker *maker);
/* image: [3][height][width], or of clips [3][frames][height][width]; sound: [bins][columns], or where the plan has no columns
 * [2][clip.samples], both channels of a mono clip 3 dB lower, as FFmpeg makes two of one; either may be NULL, and is not made. */
avsound_status avsn_item_make(avsn_item_maker *maker, const avsn_pair *pair, float *image, float *sound);
/* A pair's picture among the frames around it, all of them cut and coloured alike; beyond the clip's ends these stand still.
 * pictures: [3][2 around + 1][height][width]; or of a plan with flow the picture alone, [3][height][width], and
 * flow [4 around][height][width] the fields between neighbours, as avsn_flow_scale makes them. */
avsound_status avsn_item_see(avsn_item_maker *maker, const avsn_pair *pair, float *pictures, float *flow);
/* The two sounds of a pair of AVSN_SAMPLE_MIXTURES in one, each channel of each as loud as the other's; the one that is heard alone
 * as loud as a mixture. waveform [2][clip.samples] is the mixture; spectrogram [2][columns][bins] its average's level and phase;
 * sources [4][columns][bins] those of its parts. The sound is not varied. */
avsound_status avsn_item_mix(avsn_item_maker *maker, const avsn_pair *pair, float *waveform, float *spectrogram, float *sources);

#endif
