/* A contact sheet: one batch as the network gets it, for a person to check. */
#ifndef AVSN_SHEET_H
#define AVSN_SHEET_H

#include "train/loader.h"

/* Most items on a sheet; a larger batch is cut off there. */
#define AVSN_SHEET_MOST 64

/* For each item: the picture without its normalisation, the spectrogram (low notes at the bottom, one range of levels
 * for the whole sheet), whether they correspond, and the clips and times they come from. `scores`: predicted
 * probabilities [size], or NULL. Of clips (`clip` may be NULL for others): four of the frames, and the waveform where there is no
 * spectrogram, one range for the whole sheet. Of a batch without pictures or without spectrograms: views i and i + size / 2 beside each
 * other. The file appears whole or not at all. */
avsound_status avsn_sheet_write(avsound_context *context, const avsn_batch *batch, const avsn_dataset *data,
                                const avsn_image_frontend *image, const avsn_audio_frontend *audio,
                                const avsn_clip_frontend *clip, const float *scores,
                                const char *path);

#endif
