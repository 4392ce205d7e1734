/* Complex spectrograms and the way back to sound (multisensory networks: Owens and Efros 2018). Spectra are
 * [bins][re, im], bins = fft / 2 + 1. */
#ifndef AVSN_STFT_H
#define AVSN_STFT_H

#include "base/base.h"

typedef struct avsn_stft_params {
    int32_t window; /* samples, periodic Hann */
    int32_t hop;    /* samples from one frame to the next, at most a window */
    int32_t fft;    /* points; the window is followed by zeros up to here */
    /* The inverse weights frames by the window again. 0: that is all, so the gain is the sum of the squared windows
     * over a sample: 1.5 inside (for a hop of a quarter window), less at both ends. 1: divided by that sum, the
     * least-squares estimate (Griffin and Lim 1984). */
    int32_t compensated;
    /* Compensated: where the sum is below this it is divided by this instead. At both ends of the sound only one
     * frame's foot covers it, and errors of that frame come out 1 / window times as large, 1 / sqrt(least_cover) times
     * at most; nearer to the end the sound fades. */
    float least_cover;
} avsn_stft_params;

/* Window 1344, hop 336, fft 2048: 64 and 16 ms at 21 kHz. Not compensated; least_cover 0.1: the ends
 * fade over 12 ms, errors grow threefold at most. */
AVSN_SHARED void avsn_stft_params_default(avsn_stft_params *params);
avsound_status avsn_stft_params_check(const avsn_stft_params *params);
static inline int32_t avsn_stft_bins(const avsn_stft_params *p)
{
    return p->fft / 2 + 1;
}
/* Whole windows in so many samples; a rest is left out. */
int64_t avsn_stft_frames(const avsn_stft_params *params, int64_t samples);
/* Samples under so many frames: what the inverse gives. */
AVSN_SHARED int64_t avsn_stft_samples(const avsn_stft_params *params, int64_t frames);

/* ---- there: keeps nothing from call to call, so overlapping stretches of sound may come in any order. One thread at a
 * time ---- */

typedef struct avsn_stft avsn_stft;

AVSN_SHARED avsound_status avsn_stft_create(avsound_context *context, const avsn_stft_params *params, avsn_stft **out);
AVSN_SHARED void avsn_stft_free(avsn_stft *stft);
/* Frame i's window starts at samples + i * hop; avsn_stft_samples(frames) samples are read. spectra is
 * [frames][bins][re, im]; the imaginary parts of the first bin and the last are +0. */
AVSN_SHARED void avsn_stft_run(avsn_stft *stft, const float *samples, int64_t frames, float *spectra);

/* ---- and back: frame after frame, a hop of samples each. One thread at a time ---- */

typedef struct avsn_istft avsn_istft;

AVSN_SHARED avsound_status avsn_istft_create(avsound_context *context, const avsn_stft_params *params, avsn_istft **out);
AVSN_SHARED void avsn_istft_free(avsn_istft *istft);
/* Forgets the frames before. */
void avsn_istft_reset(avsn_istft *istft);
/* One frame further: `samples` is [hop], those from the frame's start on, to which no later frame adds. */
AVSN_SHARED void avsn_istft_push(avsn_istft *istft, const float *spectrum, float *samples);
/* The samples after the last frame's first hop, [window - hop]; then as after a reset. */
void avsn_istft_finish(avsn_istft *istft, float *samples);
/* All of it: samples is [avsn_stft_samples(frames)], frames >= 1. */
void avsn_istft_run(avsn_istft *istft, const float *spectra, int64_t frames, float *samples);

/* ---- magnitude and phase as a network wants them ---- */

typedef struct avsn_polar_params {
    float floor;     /* 20 log10(max(|X|, floor)) */
    float low, high; /* dB that become -1 and 1 */
} avsn_polar_params;

/* Floor 0.00001, -100 to 80 dB. */
void avsn_polar_params_default(avsn_polar_params *params);
avsound_status avsn_polar_params_check(const avsn_polar_params *params);
/* Complex values to dB and radians in -pi...pi. */
void avsn_polar_from_complex(const avsn_polar_params *params, const float *spectrum, int64_t count, float *decibel,
                             float *phase);
void avsn_polar_to_complex(const float *decibel, const float *phase, int64_t count, float *spectrum);
/* low...high dB and -pi...pi to -1...1 and beyond (nothing is clipped), and back. */
void avsn_polar_normalise(const avsn_polar_params *params, int64_t count, float *decibel, float *phase);
void avsn_polar_denormalise(const avsn_polar_params *params, int64_t count, float *decibel, float *phase);

#endif
