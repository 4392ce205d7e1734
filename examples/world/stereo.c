/* From the things' sounds to two channels: level, room, and direction by delay and by loudness. */
#include <math.h>
#include <stdlib.h>

#include "sound.h"

static const double ear = 0.00015; /* seconds each channel leads or lags at the edges of the picture */
static const double before = 1.5; /* seconds of sound before the first sample, for what still rings */

int64_t scene_samples(const scene *s)
{
    return (int64_t)s->frames * WORLD_RATE / s->options->fps;
}

/* Loudest 50 ms, and the largest sample. */
static double loudest(const float *x, int64_t count, double *peak)
{
    const int64_t window = WORLD_RATE / 20;
    double most = 0, sum = 0;
    *peak = 0;
    for (int64_t i = 0; i < count; i++) {
        *peak = fmax(*peak, fabs((double)x[i]));
        sum += (double)x[i] * (double)x[i];
        if ((i + 1) % window == 0) {
            most = fmax(most, sum);
            sum = 0;
        }
    }
    return sqrt(most / (double)window);
}

static double pan_at(const scene *s, const thing *t, double time)
{
    double x, y, angle;
    if (!t->on_screen)
        return t->pan;
    thing_place(t, time, &x, &y, &angle);
    return 2 * x / s->options->width - 1;
}

const char *const stereo_names[4] = {"none", "pan", "delay", "both"};

channels channels_at(int stereo, double pan)
{
    const double angle = PI / 4 * (1 + (stereo & STEREO_PAN ? 0.7 * pan : 0));
    return (channels){cos(angle), sin(angle), stereo & STEREO_DELAY ? ear * pan : 0};
}

/* The sample `delay` samples before x[0], between samples by a cubic. */
static double delayed(const float *x, double delay)
{
    const double whole = floor(delay), d = 1 + delay - whole; /* 1 <= d < 2 of four points */
    const float *p = x - (int64_t)whole + 1; /* p[0], p[-1], p[-2], p[-3] are at 0, 1, 2, 3 */
    const double a = d, b = d - 1, c = d - 2, e = d - 3;
    return (double)p[0] * (-b * c * e / 6) + (double)p[-1] * (a * c * e / 2) + (double)p[-2] * (-a * b * e / 2) +
           (double)p[-3] * (a * b * c / 6);
}

/* Reads some samples before and after: mono is a piece of a longer sound. */
static void spread(const scene *s, const thing *t, const float *mono, int64_t samples, float *stereo)
{
    const int64_t block = WORLD_RATE / 50;
    for (int64_t first = 0; first < samples; first += block) {
        const double time = (double)first / WORLD_RATE + s->offset;
        const double pan0 = pan_at(s, t, time), pan1 = pan_at(s, t, time + 0.02);
        const int64_t count = samples - first < block ? samples - first : block;
        for (int64_t i = 0; i < count; i++) {
            const double pan = pan0 + (pan1 - pan0) * (double)i / (double)block;
            const channels c = channels_at(s->options->stereo, pan);
            const double lag = c.lag * WORLD_RATE;
            const float *x = mono + first + i;
            stereo[2 * (first + i)] = (float)(c.left * delayed(x, lag));
            stereo[2 * (first + i) + 1] = (float)(c.right * delayed(x, -lag));
        }
    }
}

/* Echoes of a room: four recirculating delays, two to each channel, the same room for all things of a scene. */
static void reverberate(const scene *s, const float *mono, int64_t lead, int64_t samples, float *stereo)
{
    enum { LINES = 4, LONGEST = 2400 };
    static const int lengths[LINES] = {1116, 1307, 1423, 1667};
    if (s->room[0] <= 0)
        return;
    float lines[LINES][LONGEST] = {{0}};
    float dull[LINES] = {0};
    int at[LINES] = {0};
    const double keep = 0.55 + 0.3 * s->room[1], size = 0.75 + 0.6 * s->room[1];
    for (int64_t i = -lead; i < samples; i++) {
        double out[2] = {0, 0};
        for (int k = 0; k < LINES; k++) {
            const float y = lines[k][at[k]];
            dull[k] += 0.5F * (y - dull[k]);
            lines[k][at[k]] = (float)((double)mono[i] + keep * (double)dull[k]);
            at[k] = at[k] + 1 < (int)(lengths[k] * size) ? at[k] + 1 : 0;
            out[k % 2] += (double)(k < 2 ? y : -y);
        }
        if (i >= 0)
            for (int c = 0; c < 2; c++)
                stereo[2 * i + c] += (float)(0.35 * s->room[0] * out[c]);
    }
}

/* One stem, [samples][2], in the file's time. */
static bool render(const scene *s, const thing *t, int64_t samples, float *stereo)
{
    const int64_t lead = (int64_t)(before * WORLD_RATE), pad = 32;
    float *buffer = calloc((size_t)(lead + samples + pad), sizeof *buffer);
    if (!buffer)
        return false;
    sound out = {s->offset - before, lead + samples + pad, buffer};
    t->kind->sound(t, &out);
    double peak;
    const double rms = loudest(buffer + lead, samples, &peak);
    const double gain = rms > 0 ? fmin(pow(10, t->level / 20) / rms, 0.8 / peak) : 0;
    for (int64_t i = 0; i < out.count; i++)
        buffer[i] *= (float)gain;
    spread(s, t, buffer + lead, samples, stereo);
    reverberate(s, buffer + lead, lead, samples, stereo);
    free(buffer);
    return true;
}

/* Noise of the place, falling with frequency, different in the two channels. */
static void ambience(const scene *s, int64_t samples, float *stereo)
{
    rng r = rng_stream(s->options->seed, (uint64_t)s->clip, (uint64_t)1 << 33);
    const double corner = rng_log_between(&r, 0.01, 0.3), gain = pow(10, s->ambience / 20) * sqrt(6 / corner);
    double low[2] = {0, 0};
    for (int64_t i = 0; i < samples; i++) {
        for (int c = 0; c < 2; c++) {
            low[c] += corner * (white(&r) - low[c]);
            stereo[2 * i + c] = (float)(gain * low[c]);
        }
    }
}

/* What a single microphone hears, in both channels. */
static void flatten(int64_t samples, float *stereo)
{
    for (int64_t i = 0; i < samples; i++)
        stereo[2 * i] = stereo[2 * i + 1] = 0.5F * (stereo[2 * i] + stereo[2 * i + 1]);
}

/* Rounds all stems with one common gain and adds them up. */
static void mix(const scene *s, float *const *stems, int64_t samples, int16_t **tracks)
{
    const int count = s->stem_count + 1;
    double peak = 0;
    for (int64_t i = 0; i < 2 * samples; i++) {
        double sum = 0;
        for (int k = 0; k < count; k++) {
            sum += (double)stems[k][i];
            peak = fmax(peak, fabs((double)stems[k][i])); /* stems may cancel each other in the sum */
        }
        peak = fmax(peak, fabs(sum));
    }
    const double gain = 32767 * fmin(1, 0.97 / fmax(peak, 1e-9));
    for (int64_t i = 0; i < 2 * samples; i++) {
        int sum = 0;
        for (int k = 0; k < count; k++) {
            const int value = (int)floor(gain * (double)stems[k][i] + 0.5);
            tracks[k + 1][i] = (int16_t)value;
            sum += value;
        }
        tracks[0][i] = (int16_t)sum;
    }
}

bool scene_sound(const scene *s, int16_t **tracks)
{
    const int64_t samples = scene_samples(s);
    float *stems[MOST_STEMS] = {NULL};
    bool good = true;
    for (int k = 0; k <= s->stem_count; k++) {
        stems[k] = malloc(2 * (size_t)samples * sizeof **stems);
        good = good && stems[k];
    }
    for (int k = 0; good && k < s->thing_count; k++)
        if (s->things[k].stem)
            good = render(s, &s->things[k], samples, stems[s->things[k].stem - 1]);
    if (good) {
        ambience(s, samples, stems[s->stem_count]);
        for (int k = 0; k <= s->stem_count && !s->options->stereo; k++)
            flatten(samples, stems[k]);
        mix(s, stems, samples, tracks);
    }
    for (int k = 0; k <= s->stem_count; k++)
        free(stems[k]);
    return good || world_fail("out of memory");
}
