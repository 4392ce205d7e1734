/** @file stereo.h
 *  Where a sound comes from by its two channels: a second witness beside what a network sees. */
#ifndef AVSOUND_STEREO_H
#define AVSOUND_STEREO_H

#include <avsound/frame.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Number of bands whose levels are told. Since 0.1. */
#define AVSOUND_STEREO_BANDS 12
/** Number of cells, from the picture's left edge to its right one, that evidence is told for. Since 0.1. */
#define AVSOUND_STEREO_CELLS 128

/** What a window of sound is. Since 0.1. */
enum {
    AVSOUND_STEREO_DIRECTION = 1, /**< it has a direction */
    AVSOUND_STEREO_SILENT = 2,    /**< below -60 dBFS */
    AVSOUND_STEREO_MONO = 3,      /**< one channel */
    AVSOUND_STEREO_DUAL_MONO = 4, /**< two channels that are copies of each other, whatever their scale: what differs is 60 dB
                                       below them. Or 25 dB, as a lossy codec leaves it, if their levels are the same to 0.1 dB;
                                       or 15 dB, if to 0.05 dB and exactly in the middle. Also two of which one is empty */
    AVSOUND_STEREO_DIFFUSE = 5    /**< the channels have too little in common, or point everywhere */
};

/** What tells directions; may be combined. Since 0.1. */
enum {
    AVSOUND_STEREO_LEVEL = 1, /**< which channel is louder */
    AVSOUND_STEREO_DELAY = 2  /**< which one is earlier */
};

/** Options. Fill with avsound_stereo_options_init() first; 0 means the default. Since 0.1. */
typedef struct avsound_stereo_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t cues;          /**< AVSOUND_STEREO_LEVEL, _DELAY or both or-ed; 0: in each window those that speak: one that points
                                less than a quarter as far out as the other is left out */
    double window_seconds; /**< 0.1...10; 0: 1 */
    double edge_delay_us;  /**< microseconds between the channels for what stands at an edge of the picture, 20...5000; 0: 300,
                                as of microphones 20 cm apart that see 60 degrees. Half as much again is searched */
    double edge_level_db;  /**< dB between the channels there, 1...60; 0: 12.4. In between a source at x has, by constant-power
                                panning, the ratio tan(pi / 4 (1 + s x)) of right to left, with s so that the edge is right */
} avsound_stereo_options;

/** What was found in a window. Pointers are the object's. Since 0.1. */
typedef struct avsound_stereo_result {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build; set before the call */
    int32_t kind;          /**< AVSOUND_STEREO_ constant: what the window is */
    int64_t time_us;       /**< of the window's middle */
    int32_t cues;          /**< those that the direction is from, AVSOUND_STEREO_LEVEL and _DELAY or-ed; 0: none */
    float direction;       /**< place in the picture: -1 left edge, 0 middle, 1 right edge; beyond, to +-1.5. 0 where nothing
                                tells */
    float confidence;      /**< 0...1: share of the sound's power that the channels have in common, times how much of it points
                                there; below 0.2 the window is diffuse */
    float coherence;       /**< 0...1: that share */
    float delay_us;        /**< GCC-PHAT, positive: the right channel is late, so the sound comes from the left */
    float level_db;        /**< right channel over left one, positive: from the right; within +-120 */
    float copy_db;         /**< what one channel has that is not the other one, scaled, against itself: 0 for independent ones,
                                -120 for copies */
    float rms;             /**< of both channels, full scale 1 */
    const float *evidence; /**< [AVSOUND_STEREO_CELLS] 0...1, left to right: how much of the sound comes from there */
    const float *band_hz;  /**< [AVSOUND_STEREO_BANDS + 1] where the bands begin and the last one ends */
    const float *band_level_db; /**< [AVSOUND_STEREO_BANDS] as level_db of each band */
} avsound_stereo_result;

/** What measures directions, in a file or in memory. Delay is found by the generalised cross-correlation with the phase transform
 *  (Knapp and Carter, IEEE Trans. ASSP 24, 1976) from 100 Hz to 5 kHz, each frequency counted by its coherence; level at each
 *  frequency by the principal axis of the channels' covariance up to 20 kHz. More than two channels are mixed down to two first
 *  (docs/media.md). Threads: one at a time per object. Since 0.1. */
typedef struct avsound_stereo avsound_stereo;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_stereo_options_init(avsound_stereo_options *options, uint32_t struct_size);

/** Opens a file's sound, or prepares for sounds in memory.
 *
 *  @param path    NULL: avsound_stereo_measure() alone will be called.
 *  @param options NULL for the defaults.
 *  @param out     Receives the object; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_STATE if the file has no sound; AVSOUND_E_INVALID_ARGUMENT; and all of avsound_media_open().
 *  Ownership: free with avsound_stereo_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stereo_create(avsound_context *context, const char *path,
                                                               const avsound_stereo_options *options, avsound_stereo **out);

/** Measures the file's window around a time. Before the first sample and behind the last one there is silence.
 *
 *  @param time_us Microseconds, no earlier than that of the call before. A step far ahead seeks.
 *  @param result  Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_END for a time behind the sound's end; AVSOUND_E_STATE without a file;
 *          AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_FORMAT where the file is damaged.
 *  Ownership: pointers in the result are valid until the next call. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stereo_at(avsound_stereo *stereo, int64_t time_us,
                                                           avsound_stereo_result *result);

/** Measures a sound in memory: the window in its middle, or all of one that is shorter, of at least 256 samples.
 *
 *  @param sound  Any rate, format and channel count.
 *  @param result Its struct_size must be set; time_us is that of the middle.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY.
 *  Ownership: pointers in the result are valid until the next call. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_stereo_measure(avsound_stereo *stereo, const avsound_audio *sound,
                                                                avsound_stereo_result *result);

/** Frees the object; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_stereo_free(avsound_stereo *stereo);

#ifdef __cplusplus
}
#endif
#endif
