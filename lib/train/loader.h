/* From a data set to batches: threads read, vary and convert whole items ahead of the trainer. */
#ifndef AVSN_LOADER_H
#define AVSN_LOADER_H

#include "train/augment.h"
#include "train/sampler.h"

typedef struct avsn_batch {
    int32_t size;
    int32_t sounds; /* so many items in succession have the same pictures, which stand here once */
    float *image; /* [size][3][height][width]; NULL: sound alone, or clips */
    float *frames; /* [size / sounds][3][shown][height][width]; NULL: not clips, nor pictures with those around them */
    int32_t shown; /* frames of each of these */
    float *flow; /* [size][4 around][height][width]; NULL: not asked for */
    float *spectrogram; /* [size][1][bins][columns]; NULL: pictures alone, or waveforms */
    float *waveform; /* [size][2][samples]; NULL: not asked for */
    float *sources; /* of mixtures [size][4][columns][bins]: level and phase of the pictures' sound, then of the other, as those of
                       the mixture in `spectrogram` [size][2][columns][bins]; NULL: not mixtures */
    float *label; /* [size], 1: corresponds; or the lag, or the class */
    avsn_pair *pair; /* [size] */
    uint64_t epoch, step;
} avsn_batch;

typedef struct avsn_loader_options {
    const avsn_dataset *data; /* must outlive the loader */
    avsn_sampler_options sampler; /* batch and window are the loader's to fill; its part alone is made */
    avsn_augmentation augmentation;
    avsn_image_frontend image;
    avsn_audio_frontend audio;
    avsn_clip_frontend clip; /* frames above 0: items are clips of so many, and their sound: a spectrogram where `audio` has
                                columns, else a waveform of so many samples */
    int32_t around; /* above 0: pictures are seen with so many frames before and behind them, as frames */
    bool flow; /* or as the flow between these beside the picture */
    avsn_separation_frontend separation; /* of clips, in mode AVSN_SAMPLE_MIXTURES: what their waveforms become, besides */
    int32_t lag; /* of clips: labels are the sound's shifts in units of so many samples at 48 kHz, positive where the sound comes
                    early; 0: 1 */
    bool classes; /* labels are the numbers of the clips' classes */
    int32_t batch; /* AVSN_SAMPLE_VIEWS: clips, each in two views; else pairs */
    int32_t sounds; /* AVSN_SAMPLE_SHIFTS: 2, of an even batch, makes what a clip's two items show once; 0: 1 */
    int32_t workers; /* threads; 0: one per core */
    int32_t ahead; /* batches made before they are asked for; 0: 2 */
    int32_t rank, ranks; /* rank r of n makes the r-th of every n batches; ranks 0: 1 */
    uint64_t steps; /* batches of an epoch, after which the next begins; 0: an epoch has no end */
} avsn_loader_options;

/* What comes out depends on the options but workers and ahead, the epoch and the step alone. One thread at a time. */
typedef struct avsn_loader avsn_loader;

avsound_status avsn_loader_create(avsound_context *context, const avsn_loader_options *options, avsn_loader **out);
void avsn_loader_free(avsn_loader *loader);
/* Items of a batch. */
int32_t avsn_loader_items(const avsn_loader *loader);
/* Clips drawn from, and items of a round: see sampler.h. */
int32_t avsn_loader_usable(const avsn_loader *loader);
int64_t avsn_loader_round(const avsn_loader *loader);
/* The batch that is handed out next; may be called again. Costs nothing where it is the next one anyway. */
avsound_status avsn_loader_start(avsn_loader *loader, uint64_t epoch, uint64_t step);
/* Waits for it. Batches come in order; one is valid until the next call. AVSOUND_E_STATE before start; where an
 * item could not be made, the status and detail of the first, here and until started anew. */
avsound_status avsn_loader_next(avsn_loader *loader, const avsn_batch **batch);
/* Seconds spent waiting in avsn_loader_next() so far. */
double avsn_loader_waited(const avsn_loader *loader);

#endif
