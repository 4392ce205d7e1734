/* Which pictures and sounds make the items of a batch: a pure function of (seed, epoch, index), so that any item
 * can be made alone, in any order, again. */
#ifndef AVSN_SAMPLER_H
#define AVSN_SAMPLER_H

#include "train/dataset.h"

enum { AVSN_SAMPLE_RATE = 48000, AVSN_FRAME_RATE = 25, AVSN_FRAME_SAMPLES = AVSN_SAMPLE_RATE / AVSN_FRAME_RATE };

/* The window of sound is centred on sample audio_frame * 1920 + audio_shift of its clip, at 48 kHz; of AVSN_SAMPLE_CLIPS,
 * _MIXTURES and _SHIFTS it begins there, and `frame` is the first of the pictures. */
typedef struct avsn_pair {
    int32_t frame_clip, frame; /* clips by their number in the data set */
    int32_t audio_clip, audio_frame;
    int64_t audio_shift; /* samples; 0 unless misalignment is wanted */
    int32_t other_clip, other_frame; /* AVSN_SAMPLE_MIXTURES only: the second sound, which begins there */
    bool corresponds;
    uint64_t draw; /* key of this pair's augmentation */
} avsn_pair;

typedef enum avsn_sampler_mode {
    AVSN_SAMPLE_PAIRS, /* even indices: positives, odd ones: negatives, both by the same law (see sampler.c) */
    AVSN_SAMPLE_POSITIVES, /* positives; those of each run of `batch` indices have different groups */
    AVSN_SAMPLE_VALIDATION, /* of each clip in turn a positive, then a negative with the same picture */
    AVSN_SAMPLE_VIEWS, /* batches of 2 * `batch` items: a view of each of `batch` clips of different groups, then of each
                         another in the same order, at another time where the clip is long enough */
    AVSN_SAMPLE_CLIPS, /* stretches of `frames` pictures and a window of sound, from a random place of one clip, both wholly
                          inside */
    AVSN_SAMPLE_MIXTURES, /* the same, and a second sound of a clip of another group, each as likely, from a random place of it;
                             `corresponds` is false where that one alone is heard */
    AVSN_SAMPLE_SHIFTS /* the same twice: at even indices with the sound of that place, at odd ones with that of another place of
                          the clip (shift.h), both varied alike */
} avsn_sampler_mode;

typedef struct avsn_sampler_options {
    avsn_sampler_mode mode;
    int32_t batch; /* AVSN_SAMPLE_POSITIVES and _VIEWS only */
    bool smaller; /* AVSN_SAMPLE_VIEWS: where there are fewer groups, batches are of so many */
    avsn_part part; /* AVSN_SAMPLE_VIEWS: times are drawn from the whole of this part alone; a pair has the same time for both */
    int32_t window; /* samples of sound at 48 kHz, wholly inside the clip; 0: one second. Views of one clip are at least so far
                       apart where they are at different times */
    int32_t frames; /* AVSN_SAMPLE_CLIPS, _MIXTURES and _SHIFTS only: pictures, at 25 a second */
    int32_t shift_least, shift_most; /* AVSN_SAMPLE_SHIFTS only: how far apart the two places are, in 25ths of a second; a clip of
                                        less room has less at most, one without room for the least is never drawn */
    double hard; /* AVSN_SAMPLE_SHIFTS only: share of the pairs whose places are 1...shift_least - 1 apart instead */
    double silent; /* AVSN_SAMPLE_MIXTURES only: share of the items without the pictures' own sound */
    int32_t misalignment; /* most samples by which picture and sound are shifted against each other, either way */
    uint64_t seed;
} avsn_sampler_options;

/* One thread at a time. */
typedef struct avsn_sampler avsn_sampler;

/* Copies what it needs of `clips`. Those too short for a window are never drawn. AVSOUND_E_INVALID_ARGUMENT where
 * fewer than two clips, or groups, or for AVSN_SAMPLE_POSITIVES and _VIEWS fewer than `batch` groups, remain. */
avsound_status avsn_sampler_create(avsound_context *context, const avsn_dataset_clip *clips, int32_t count,
                                   const avsn_sampler_options *options, avsn_sampler **out);
void avsn_sampler_free(avsn_sampler *sampler);
/* Clips that are drawn from. */
int32_t avsn_sampler_usable(const avsn_sampler *sampler);
/* Of AVSN_SAMPLE_POSITIVES and _VIEWS: clips of a batch. */
int32_t avsn_sampler_batch(const avsn_sampler *sampler);
/* Items of one round, in which every clip is shown equally often: AVSN_SAMPLE_PAIRS: once as positive, once as
 * negative, once in each half of the round; AVSN_SAMPLE_VALIDATION the same; AVSN_SAMPLE_POSITIVES: once, but for
 * those that do not fit into whole batches of different groups. Which clips are left out differs from round to
 * round. AVSN_SAMPLE_VIEWS the same, twice each. */
int64_t avsn_sampler_round(const avsn_sampler *sampler);
/* Items first...first + count - 1 of an epoch. An epoch has no end: rounds follow each other, each in an order of
 * its own. AVSN_SAMPLE_CLIPS and _MIXTURES have rounds of every clip once, _SHIFTS of every clip
 * in two items. */
void avsn_sampler_draw(avsn_sampler *sampler, uint64_t epoch, uint64_t first, int32_t count, avsn_pair *pairs);
/* A sound of another clip than the pair's, to be mixed in: any window of any clip with the same chance. Threads:
 * any. */
void avsn_sampler_other(const avsn_sampler *sampler, const avsn_pair *pair, int32_t *clip, int32_t *frame);

#endif
