/* Synthesis: what the kinds' sounds are made of. All add to a mono buffer. */
#ifndef WORLD_SOUND_H
#define WORLD_SOUND_H

#include "world.h"

typedef struct sound {
    double start; /* video time of the first sample */
    int64_t count;
    float *samples;
} sound;

/* Sample at or after a time, kept within 0...count. */
int64_t sound_index(const sound *s, double time);

/* A damped partial of something struck. */
typedef struct mode {
    double ratio; /* of the main partial's frequency */
    double gain;
    double decay; /* seconds to fall by 60 dB */
} mode;

/* All partials begin together at `time`, each with its own phase. */
void sound_modes(sound *s, rng *r, double time, const mode *modes, int count, double pitch, double gain, double decay);

/* Two-pole filter (state variable, trapezoidal); one step gives low, band and high pass at once. */
typedef struct filter {
    double g, k, s1, s2;
    double low, band, high;
} filter;
filter filter_make(double frequency, double q);
void filter_tune(filter *f, double frequency, double q);
void filter_step(filter *f, double x);

double white(rng *r); /* -1...1 */

/* A burst of noise in a band: rises in `attack` seconds, falls by 60 dB in `decay`. */
void sound_burst(sound *s, rng *r, double time, double frequency, double q, double gain, double attack, double decay);

/* A plucked string (Karplus and Strong): a burst of noise going round a loop with losses. */
void sound_pluck(sound *s, rng *r, double time, double pitch, double gain, double decay, double brightness);

/* A gliding tone: `pitch` goes from f0 to f1 between t0 and t1, with harmonics of the gains given. */
void sound_glide(sound *s, double t0, double t1, double f0, double f1, const double *harmonics, int count, double gain);

/* Puts the sound in a body: adds resonances (frequency in Hz, q, gain) to what is there. */
void sound_body(sound *s, const double (*resonances)[3], int count, double dry);

/* A saw without aliasing to speak of (polynomial corrected); phase in turns, step = frequency / rate. */
double saw(double phase, double step);

#endif
