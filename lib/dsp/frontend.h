/* What a model wants to see and hear: numbers from its metadata, none of them known to the code that computes. */
#ifndef AVSN_FRONTEND_H
#define AVSN_FRONTEND_H

#include "tensor/tensor.h"

typedef struct avsn_audio_frontend {
    int32_t sample_rate; /* Hz */
    int32_t window;      /* samples, periodic Hann */
    int32_t hop;         /* samples from one column to the next */
    int32_t fft;         /* points, 4, 8, 16... times 1, 3, 5, 7, 9 or 15; the window is followed by zeros up to here */
    int32_t columns;     /* of one input of the network */
    int32_t offset;      /* first sample of column 0's window, counted from the start of the input: -120 in the spec;
                            hop - window...0, so that a column sees its own hop */
    int32_t mel_bands;   /* 0: linear bins, fft / 2 + 1 of them */
    int32_t power;       /* 1: |X|^2, 0: |X| */
    int32_t normalise;   /* 1: X divided by the window's sum */
    float mel_low, mel_high; /* Hz */
    float floor;         /* 10 log10(max(value, floor)) */
    float range;         /* dB: values are taken relative to the input's maximum and clipped below -range; 0: neither */
    float mean, std;     /* (dB - mean) / std */
    int32_t samples;     /* above 0: an input stands alone, a recording of so many samples, zeros around it. 0: its columns are
                            those of the whole recording, on one grid */
} avsn_audio_frontend;

typedef struct avsn_image_frontend {
    int32_t width, height; /* of one input of the network */
    int32_t short_side;    /* a picture is scaled to this short side, then cropped in the centre */
    int32_t cell;          /* pixels of the scaled picture under one cell of the map, 16; map inputs are multiples of it */
    float mean[3], std[3]; /* (value / 255 - mean) / std, channels R G B */
    int32_t shrink_only;   /* 1: a picture that has room for an input, but a short side below short_side, is not enlarged */
} avsn_image_frontend;

/* A stretch of a recording: frames and sound begin together. */
typedef struct avsn_clip_frontend {
    int32_t frames;
    double frame_rate;   /* Hz */
    int32_t sample_rate; /* Hz, two channels */
    int32_t samples;     /* 0: as many as last as long as the frames, rounded */
} avsn_clip_frontend;

/* The mixture's spectrogram, level and phase, as a separator wants it, and what comes back. */
typedef struct avsn_separation_frontend {
    int32_t window, hop, fft; /* as avsn_stft_params; the last of fft / 2 + 1 bins stays out of the network */
    int32_t columns;          /* of one input of the network; what lies behind them in the clip's samples is left out */
    float floor;              /* 20 log10(max(|X|, floor)) */
    float low, high;          /* dB that become -1 and 1 */
} avsn_separation_frontend;

/* Rows of the spectrogram. */
static inline int32_t avsn_audio_frontend_bins(const avsn_audio_frontend *f)
{
    return f->mel_bands ? f->mel_bands : f->fft / 2 + 1;
}
/* Samples of one input: those it stands alone with, else the steps of its columns, 48,000 in the spec. */
static inline int32_t avsn_audio_frontend_samples(const avsn_audio_frontend *f)
{
    return f->samples ? f->samples : f->columns * f->hop;
}
/* Samples between places where an input may begin, which tracks number as columns; and how many such places one reaches over. */
static inline int32_t avsn_audio_frontend_step(const avsn_audio_frontend *f)
{
    return f->samples ? 1 : f->hop;
}
static inline int32_t avsn_audio_frontend_steps(const avsn_audio_frontend *f)
{
    return f->samples ? f->samples : f->columns;
}
/* Refuses numbers nothing can be computed with: AVSOUND_E_INVALID_ARGUMENT, or AVSOUND_E_UNSUPPORTED for an fft. */
AVSN_SHARED avsound_status avsn_audio_frontend_check(const avsn_audio_frontend *f);
AVSN_SHARED avsound_status avsn_image_frontend_check(const avsn_image_frontend *f);
/* Replaces samples 0 first. */
avsound_status avsn_clip_frontend_complete(avsn_clip_frontend *f);
/* Also what the network's halving needs: columns in multiples of 128, fft in multiples of 1024, of a light one of 16 and 128; all
 * within the clip. */
avsound_status avsn_separation_frontend_check(const avsn_separation_frontend *f, const avsn_clip_frontend *clip, bool light);
/* From a level of 0 to 1. */
static inline float avsn_separation_decibels(const avsn_separation_frontend *f)
{
    return (f->high - f->low) / 2;
}
/* The numbers of the correspondence networks (spec section 1). */
void avsn_audio_frontend_default(avsn_audio_frontend *f);
void avsn_image_frontend_default(avsn_image_frontend *f);
/* Those of OpenL3 (Cramer et al. 2019, as released): 256 mel bands of seconds that stand alone; pixels in -1...1. */
void avsn_alone_frontend_default(avsn_audio_frontend *f);
void avsn_signed_frontend_default(avsn_image_frontend *f);
/* Those of the multisensory networks (Owens and Efros 2018, as released): pixels in -1...1, 4.2 s of 29.97 Hz and 21 kHz. */
void avsn_clip_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image);
/* Theirs for separation: 64 ms windows every 16 ms, 128 of them; and clips of 63 frames. */
void avsn_separation_frontend_default(avsn_separation_frontend *f, avsn_clip_frontend *clip);
/* Those of the light separator: the synchronisation network's pictures, 1.6 s of them, 49 ms windows every 24 ms, 64 of them. */
void avsn_mask_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image, avsn_separation_frontend *separation);
/* Those of the synchronisation network: small pictures, 40 mel bands of 16 kHz, four columns a frame of 25 Hz. */
void avsn_lag_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image, avsn_audio_frontend *audio);

#endif
