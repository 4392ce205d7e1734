#include "dsp/alone.h"

#include <math.h>
#include <string.h>

#include "dsp/waveform.h"

/* Sample i stands in slot i mod capacity; those before `first`, and behind the end, are zeros. */
struct avsn_alone {
    avsound_context *context;
    avsn_audio_frontend frontend;
    avsn_spectrogram *spectrogram;
    float *ring;        /* [capacity] */
    int64_t capacity, first, next;
    bool finished;
    float *line;        /* [before + samples + after], what the columns of an input see */
    int64_t before, length;
    float *columns;     /* [columns][bins] */
};

static avsound_status make_buffers(avsn_alone *a)
{
    const avsn_audio_frontend *f = &a->frontend;
    const int64_t seen = (int64_t)(f->columns - 1) * f->hop + f->window;
    a->before = -f->offset;
    a->length = AVSN_MAX(seen, a->before + f->samples);
    a->ring = avsn_alloc(a->context, (size_t)a->capacity, sizeof *a->ring);
    a->line = avsn_alloc_zeroed(a->context, (size_t)a->length, sizeof *a->line);
    a->columns = avsn_alloc(a->context, (size_t)f->columns * (size_t)avsn_audio_frontend_bins(f), sizeof *a->columns);
    return a->ring && a->line && a->columns ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

avsound_status avsn_alone_create(avsound_context *context, const avsn_audio_frontend *frontend, avsn_spectrogram *spectrogram,
                                 int64_t keep, avsn_alone **out)
{
    *out = NULL;
    avsn_alone *a = avsn_alloc_zeroed(context, 1, sizeof *a);
    if (!a)
        return AVSOUND_E_NO_MEMORY;
    *a = (avsn_alone){.context = avsn_context_ref(context),
                      .frontend = *frontend,
                      .spectrogram = spectrogram,
                      .capacity = AVSN_MAX(keep, (int64_t)frontend->samples)};
    const avsound_status status = make_buffers(a);
    if (status) {
        avsn_alone_free(a);
        return status;
    }
    *out = a;
    return AVSOUND_OK;
}

void avsn_alone_free(avsn_alone *a)
{
    if (!a)
        return;
    avsound_context *context = a->context;
    avsn_free(context, a->columns);
    avsn_free(context, a->line);
    avsn_free(context, a->ring);
    avsn_free(context, a);
    avsound_context_free(context);
}

void avsn_alone_reset(avsn_alone *a, int64_t first)
{
    a->first = a->next = first;
    a->finished = false;
}

/* Where a sample stands, and how many from there on up to `end` lie together. */
static float *run_at(const avsn_alone *a, int64_t sample, int64_t end, int64_t *count)
{
    const int64_t rest = sample % a->capacity, slot = rest < 0 ? rest + a->capacity : rest;
    *count = AVSN_MIN(end - sample, a->capacity - slot);
    return a->ring + slot;
}

void avsn_alone_push(avsn_alone *a, const float *samples, int64_t count)
{
    const int64_t end = a->next + count;
    while (a->next < end) {
        int64_t run;
        float *to = run_at(a, a->next, end, &run);
        memcpy(to, samples, (size_t)run * sizeof *to);
        samples += run;
        a->next += run;
    }
}

void avsn_alone_finish(avsn_alone *a)
{
    a->finished = true;
}

int64_t avsn_alone_end(const avsn_alone *a)
{
    return a->finished ? INT64_MAX : a->next;
}

/* An input's samples into the line, between the zeros. */
static avsound_status take(avsn_alone *a, int64_t sample)
{
    const int64_t count = a->frontend.samples, oldest = AVSN_MAX(a->first, a->next - a->capacity);
    int64_t end;
    if (__builtin_add_overflow(sample, count, &end))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sample %lld: out of range", (long long)sample);
    if (end > a->next && !a->finished)
        AVSN_FAIL(AVSOUND_E_STATE, "samples up to %lld are not there yet, have those before %lld", (long long)end - 1,
                  (long long)a->next);
    const int64_t from = AVSN_MIN(AVSN_MAX(sample, a->first), end), to = AVSN_MAX(AVSN_MIN(end, a->next), from);
    if (from < to && from < oldest)
        AVSN_FAIL(AVSOUND_E_STATE, "sample %lld is gone, have those from %lld on", (long long)from, (long long)oldest);
    float *line = a->line + a->before;
    memset(line, 0, (size_t)count * sizeof *line);
    for (int64_t i = from, run; i < to; i += run) {
        const float *held = run_at(a, i, to, &run);
        memcpy(line + (i - sample), held, (size_t)run * sizeof *line);
    }
    return AVSOUND_OK;
}

avsound_status avsn_alone_columns(avsn_alone *a, int64_t sample, const float **columns)
{
    AVSN_TRY(take(a, sample));
    avsn_spectrogram_columns(a->spectrogram, a->line, a->frontend.columns, a->columns);
    *columns = a->columns;
    return AVSOUND_OK;
}

avsound_status avsn_alone_rms(avsn_alone *a, int64_t sample, float *rms)
{
    AVSN_TRY(take(a, sample));
    *rms = (float)sqrt(avsn_sum_of_squares(a->line + a->before, a->frontend.samples) / a->frontend.samples);
    return AVSOUND_OK;
}
