#include <math.h>
#include <stdlib.h>

#include "sound.h"

static const double silent = 1e-4; /* -80 dB: nobody hears the rest */

int64_t sound_index(const sound *s, double time)
{
    const double at = ceil((time - s->start) * WORLD_RATE - 1e-6);
    return at < 0 ? 0 : at > (double)s->count ? s->count : (int64_t)at;
}

static double loss_per_sample(double decay)
{
    return exp(-6.9078 / (decay * WORLD_RATE));
}

/* What a burst that began before the buffer has lost by its first sample. */
static double time_before(const sound *s, double time)
{
    return time < s->start ? s->start - time : 0;
}

void sound_modes(sound *s, rng *r, double time, const mode *modes, int count, double pitch, double gain, double decay)
{
    const int64_t first = sound_index(s, time);
    for (int m = 0; m < count; m++) {
        const double f = pitch * modes[m].ratio, phase = 0.5 * rng_unit(r);
        if (f > 0.45 * WORLD_RATE)
            continue;
        const double fall = modes[m].decay * decay, loss = loss_per_sample(fall);
        const double turn = 2 * PI * f / WORLD_RATE;
        const double level = gain * modes[m].gain * pow(loss, time_before(s, time) * WORLD_RATE);
        if (level < silent * gain)
            continue;
        const int64_t wanted = first + (int64_t)(log(silent * gain / level) / log(loss));
        const int64_t last = wanted < s->count ? wanted : s->count;
        const double b = 2 * loss * cos(turn), c = loss * loss;
        double y1 = level * sin(phase - turn) / loss, y2 = level * sin(phase - 2 * turn) / c;
        for (int64_t i = first; i < last; i++) {
            const double y = b * y1 - c * y2;
            y2 = y1;
            y1 = y;
            s->samples[i] += (float)y;
        }
    }
}

void filter_tune(filter *f, double frequency, double q)
{
    f->g = tan(PI * fmin(frequency, 0.45 * WORLD_RATE) / WORLD_RATE);
    f->k = 1 / q;
}

filter filter_make(double frequency, double q)
{
    filter f = {0};
    filter_tune(&f, frequency, q);
    return f;
}

void filter_step(filter *f, double x)
{
    const double a = 1 / (1 + f->g * (f->g + f->k));
    const double v1 = a * (f->s1 + f->g * (x - f->s2)), v2 = f->s2 + f->g * v1;
    f->s1 = 2 * v1 - f->s1;
    f->s2 = 2 * v2 - f->s2;
    f->low = v2;
    f->band = f->k * v1; /* 1 at the centre whatever the q */
    f->high = x - f->k * v1 - v2;
}

double white(rng *r)
{
    return (double)(int64_t)rng_next(r) * 0x1p-63;
}

void sound_burst(sound *s, rng *r, double time, double frequency, double q, double gain, double attack, double decay)
{
    filter f = filter_make(frequency, q);
    const int64_t first = sound_index(s, time), last = sound_index(s, time + attack + 1.4 * decay);
    const double loss = loss_per_sample(decay), rise = 1 / (attack * WORLD_RATE + 1);
    double level = gain, rising = 0;
    for (int64_t i = first; i < last; i++) {
        rising = fmin(rising + rise, 1);
        if (rising >= 1)
            level *= loss;
        filter_step(&f, white(r));
        s->samples[i] += (float)(level * rising * f.band);
    }
}

void sound_pluck(sound *s, rng *r, double time, double pitch, double gain, double decay, double brightness)
{
    enum { LONGEST = 2048 };
    double loop[LONGEST];
    /* The averaging in the loop delays by half a sample; the rest is an all-pass for the fraction. */
    const double period = WORLD_RATE / pitch - 0.5;
    const int length = (int)(period - 0.2);
    if (length < 2 || length >= LONGEST)
        return;
    const double rest = period - length, allpass = (1 - rest) / (1 + rest);
    double smooth = 0, mean = 0;
    for (int i = 0; i < length; i++) {
        smooth += brightness * (white(r) - smooth);
        mean += smooth / length;
        loop[i] = smooth;
    }
    for (int i = 0; i < length; i++)
        loop[i] -= mean;
    const double loss = exp(-6.9078 / (decay * pitch));
    double before = 0, in = 0, out = 0;
    const int64_t first = sound_index(s, time), last = sound_index(s, time + 1.2 * decay);
    for (int64_t i = first, k = 0; i < last; i++) {
        const double x = loop[k], mixed = loss * 0.5 * (x + before);
        before = x;
        out = allpass * (mixed - out) + in;
        in = mixed;
        loop[k] = out;
        k = k + 1 < length ? k + 1 : 0;
        s->samples[i] += (float)(gain * x);
    }
}

void sound_glide(sound *s, double t0, double t1, double f0, double f1, const double *harmonics, int count, double gain)
{
    const int64_t first = sound_index(s, t0), last = sound_index(s, t1);
    const double edge = fmin(0.008, 0.3 * (t1 - t0));
    double phase = 0;
    for (int64_t i = first; i < last; i++) {
        const double time = s->start + (double)i / WORLD_RATE, part = (time - t0) / (t1 - t0);
        const double f = f0 + (f1 - f0) * part;
        const double level = gain * fmin(1, fmin((time - t0) / edge, (t1 - time) / edge));
        double x = 0;
        for (int h = 0; h < count && f * (h + 1) < 0.45 * WORLD_RATE; h++)
            x += harmonics[h] * sin(2 * PI * phase * (h + 1));
        s->samples[i] += (float)(level * x);
        phase += f / WORLD_RATE;
        phase -= floor(phase);
    }
}

void sound_body(sound *s, const double (*resonances)[3], int count, double dry)
{
    enum { MOST = 6 };
    filter f[MOST];
    for (int k = 0; k < count && k < MOST; k++)
        f[k] = filter_make(resonances[k][0], resonances[k][1]);
    for (int64_t i = 0; i < s->count; i++) {
        const double x = (double)s->samples[i];
        double y = dry * x;
        for (int k = 0; k < count && k < MOST; k++) {
            filter_step(&f[k], x);
            y += resonances[k][2] * f[k].band;
        }
        s->samples[i] = (float)y;
    }
}

static double corner(double phase, double step)
{
    if (phase < step) {
        const double t = phase / step;
        return t + t - t * t - 1;
    }
    if (phase > 1 - step) {
        const double t = (phase - 1) / step;
        return t * t + t + t + 1;
    }
    return 0;
}

double saw(double phase, double step)
{
    return 2 * phase - 1 - corner(phase, step);
}
