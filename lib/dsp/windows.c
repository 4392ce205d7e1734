#include "dsp/windows.h"

#include <math.h>

#define PI 3.14159265358979323846

int64_t avsn_round_half_even(double x)
{
    const double below = floor(x), rest = x - below;
    const int64_t whole = (int64_t)below;
    if (rest == 0.5)
        return whole + (whole & 1);
    return whole + (rest > 0.5);
}

int64_t avsn_pace_frames(const avsn_pace *p, double seconds)
{
    return (int64_t)(seconds * p->frame_rate);
}

int64_t avsn_pace_sample(const avsn_pace *p, int64_t frame)
{
    return avsn_round_half_even(p->sample_rate / p->frame_rate * (double)frame);
}

int64_t avsn_pace_whole_samples(const avsn_pace *p, int64_t frames)
{
    return (int64_t)(p->sample_rate / p->frame_rate * (double)frames);
}

/* k / rate * rate may come out below k. */
int64_t avsn_pace_frame_at(const avsn_pace *p, double seconds)
{
    return (int64_t)floor(seconds * p->frame_rate + 1e-6);
}

/* A window of 64 ms, 128.5 hops of 16 ms a multiple. */
double avsn_release_seconds(double multiple)
{
    return 0.064 + 0.016 * 128.5 * multiple;
}

int64_t avsn_release_columns(double seconds)
{
    return (int64_t)(128 * exp2((double)avsn_round_half_even(log2(seconds / 2.135))));
}

int64_t avsn_release_windows(const avsn_release_list *l, avsn_clip_window *windows, int64_t capacity)
{
    const int64_t frames = avsn_pace_frames(&l->pace, l->seconds), samples = avsn_pace_sample(&l->pace, frames);
    const double first = (double)avsn_pace_frame_at(&l->pace, l->start) / l->pace.frame_rate;
    int64_t count = 0;
    for (int64_t j = 0; frames > 0 && (double)j * l->seconds / 2 < l->span - l->seconds; j++) {
        const int64_t frame = avsn_pace_frame_at(&l->pace, first + (double)j * l->seconds / 2);
        const int64_t sample = avsn_pace_sample(&l->pace, frame);
        if (sample + samples > l->samples)
            break;
        if (count < capacity)
            windows[count] = (avsn_clip_window){frame, frames, sample, samples};
        count++;
    }
    return count;
}

int64_t avsn_release_join(const avsn_clip_window *window, const float *output, int64_t count, int64_t filled,
                          float *recording, int64_t samples)
{
    const int64_t end = AVSN_MIN(window->sample + count, samples);
    for (; filled < AVSN_MIN(window->sample, samples); filled++)
        recording[filled] = 0;
    for (; filled < end; filled++) {
        const float value = output[filled - window->sample];
        recording[filled] = AVSN_MIN(AVSN_MAX(value, -1.f), 1.f);
    }
    return filled;
}

avsound_status avsn_windows_check(const avsn_windows *w)
{
    const double most = 4e15; /* whole numbers that double holds, and their sums */
    if (!(w->pace.frame_rate >= 1e-3 && w->pace.frame_rate <= w->pace.sample_rate && w->pace.sample_rate <= 1e6))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: %g frames and %g samples a second, want 0.001...samples...1e6",
                  w->pace.frame_rate, w->pace.sample_rate);
    if (w->samples < 1 || (double)w->samples > most || w->frames < 1 || (double)w->frames > most / 1e9)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: %lld frames over %lld samples, want at least one of each",
                  (long long)w->frames, (long long)w->samples);
    if (w->step < 1 || w->step > w->frames)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: step is %lld, want 1...%lld", (long long)w->step,
                  (long long)w->frames);
    if (w->output < 1 || w->output > avsn_pace_sample(&w->pace, w->frames))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: output is %lld samples, want 1...%lld", (long long)w->output,
                  (long long)avsn_pace_sample(&w->pace, w->frames));
    /* how far neighbours are apart at most, after rounding */
    const int64_t apart = (int64_t)ceil(w->pace.sample_rate / w->pace.frame_rate * (double)w->step) + 1;
    if (w->output < apart)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: output is %lld samples, want at least %lld, one step",
                  (long long)w->output, (long long)apart);
    if (w->guard < 0 || w->guard > (w->output - apart) / 2)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "windows: guard is %lld samples, want 0...%lld", (long long)w->guard,
                  (long long)(w->output - apart) / 2);
    return AVSOUND_OK;
}

/* The first frame from which on the output reaches the recording's end. */
static int64_t last_start(const avsn_windows *w)
{
    if (w->samples <= w->output)
        return 0;
    const double samples_per_frame = w->pace.sample_rate / w->pace.frame_rate;
    int64_t frame = AVSN_MAX(0, (int64_t)((double)(w->samples - w->output) / samples_per_frame) - 2);
    while (avsn_pace_sample(&w->pace, frame) + w->output < w->samples)
        frame++;
    return frame;
}

int64_t avsn_windows_count(const avsn_windows *w)
{
    return 1 + (last_start(w) + w->step - 1) / w->step;
}

static int64_t start_of(const avsn_windows *w, int64_t index)
{
    return avsn_pace_sample(&w->pace, AVSN_MIN(index * w->step, last_start(w)));
}

void avsn_windows_at(const avsn_windows *w, int64_t index, avsn_clip_window *window)
{
    const int64_t frame = AVSN_MIN(index * w->step, last_start(w));
    *window = (avsn_clip_window){frame, w->frames, avsn_pace_sample(&w->pace, frame),
                                 avsn_pace_sample(&w->pace, w->frames)};
}

/* From window `index` - 1 to `index`: 0 before `from`, 1 from `to` on. */
typedef struct fade {
    int64_t from, to;
} fade;

static fade fade_into(const avsn_windows *w, int64_t index)
{
    if (index == 0)
        return (fade){INT64_MIN, INT64_MIN};
    if (index == avsn_windows_count(w))
        return (fade){INT64_MAX, INT64_MAX};
    return (fade){start_of(w, index) + w->guard, start_of(w, index - 1) + w->output - w->guard};
}

static double share(fade f, int64_t sample)
{
    if (sample < f.from)
        return 0;
    if (sample >= f.to)
        return 1;
    return 0.5 - 0.5 * cos(PI * ((double)(sample - f.from) + 0.5) / (double)(f.to - f.from));
}

/* The shares of all fades fall from one window to the next, because both ends of a fade come later, so their
 * differences are weights; and their sum is the first share, 1, less the last, 0. */
void avsn_windows_weights(const avsn_windows *w, int64_t index, float *weights)
{
    const fade in = fade_into(w, index), out = fade_into(w, index + 1);
    const int64_t start = start_of(w, index);
    for (int64_t i = 0; i < w->output; i++)
        weights[i] = (float)(share(in, start + i) - share(out, start + i));
}

void avsn_windows_add(const avsn_windows *w, int64_t index, const float *weights, const float *output,
                      int64_t first, int64_t count, float *recording)
{
    const int64_t start = start_of(w, index);
    const int64_t from = AVSN_MAX(start, first), to = AVSN_MIN(start + w->output, first + count);
    for (int64_t n = from; n < to; n++)
        recording[n - first] += weights[n - start] * output[n - start];
}
