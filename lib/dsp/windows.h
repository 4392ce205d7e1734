/* How a recording is cut into windows of video and sound for a network that takes a fixed number of frames, and how
 * what the network gives back for each becomes one recording again (multisensory networks). Frames are counted at the
 * network's rate, samples per channel; both from the recording's start, and both start at the same instant. */
#ifndef AVSN_WINDOWS_H
#define AVSN_WINDOWS_H

#include "base/base.h"

/* ---- frames and samples ---- */

typedef struct avsn_pace {
    double frame_rate;  /* frames per second: 29.97 */
    double sample_rate; /* Hz: 21000 */
} avsn_pace;

/* To the nearest whole number, halves to the even one, whatever the rounding mode. |x| < 2^52. */
int64_t avsn_round_half_even(double x);
/* Whole frames in so many seconds. */
int64_t avsn_pace_frames(const avsn_pace *pace, double seconds);
/* The sample a frame starts at; for a number of frames, their samples: 87588 for 125. */
int64_t avsn_pace_sample(const avsn_pace *pace, int64_t frame);
/* Samples that lie wholly in so many frames, as the release trained with: 87587 in 125. */
int64_t avsn_pace_whole_samples(const avsn_pace *pace, int64_t frames);
/* The last frame that starts no later than `seconds` does: what is a millionth of a frame short of one is on it. */
int64_t avsn_pace_frame_at(const avsn_pace *pace, double seconds);
/* Duration in seconds of the released separation networks' window for a multiple (1, 2, 4, 8) of 2.1 s, and the number
 * of spectrogram frames such a window is cut to: 128 for about 2.1 s, doubled with it. */
double avsn_release_seconds(double multiple);
int64_t avsn_release_columns(double seconds);

typedef struct avsn_clip_window {
    int64_t frame, frames;   /* first, number */
    int64_t sample, samples;
} avsn_clip_window;

/* ---- the release's windows: half a window apart in time, none for what is left at the end ---- */

typedef struct avsn_release_list {
    avsn_pace pace;
    double seconds; /* of a window */
    double start, span; /* seconds of the recording to go over; a window needs more than its own duration: 0.01 s
                           more gives exactly one */
    int64_t samples; /* of the recording; a window that is not wholly inside is left out */
} avsn_release_list;

/* Number of windows, those left out not counted; the first `capacity` are written. */
int64_t avsn_release_windows(const avsn_release_list *list, avsn_clip_window *windows, int64_t capacity);

/* The first window to have a sample keeps it, faded ends and all. `output` are window's samples, `count` of them,
 * recording's samples 0...filled - 1 are taken; sets those from there on, clipped to -1...1 (zeros where no window
 * reaches), and returns how many are taken now, at most `samples`. Windows come in order. */
int64_t avsn_release_join(const avsn_clip_window *window, const float *output, int64_t count, int64_t filled,
                          float *recording, int64_t samples);

/* ---- windows that cover a recording of any length, cross-faded ---- */

/* A window gives back `output` samples from its own first one on, of which the `guard` outermost at each end are not to
 * be relied on where another window has them too. Window j starts at frame j * step; only the last starts where its
 * output just reaches the recording's end. What a window takes beyond the end is up to the caller (zeros, the last
 * frame). */
typedef struct avsn_windows {
    avsn_pace pace;
    int64_t frames; /* of a window */
    int64_t step;   /* frames from one window to the next */
    int64_t output, guard;
    int64_t samples; /* of the recording, at least 1 */
} avsn_windows;

/* Refuses windows that leave gaps: a window's output must reach over the next one's guard, and its own. */
avsound_status avsn_windows_check(const avsn_windows *windows);
int64_t avsn_windows_count(const avsn_windows *windows);
void avsn_windows_at(const avsn_windows *windows, int64_t index, avsn_clip_window *window);
/* What the samples of window `index`'s output count for, weights[output]: 0 to 1, and at every sample of the recording
 * the sum over all windows is 1. Neighbours fade into each other as a raised cosine over all that both can be relied
 * on. */
void avsn_windows_weights(const avsn_windows *windows, int64_t index, float *weights);
/* Adds window `index`'s weighted output [output] to the recording's samples first...first + count - 1. */
void avsn_windows_add(const avsn_windows *windows, int64_t index, const float *weights, const float *output,
                      int64_t first, int64_t count, float *recording);

#endif
