#include "dsp/spectrogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "dsp/alone.h"
#include "dsp/waveform.h"

/* Columns are numbered from the recording's sample 0 and may be negative: those before first_column see nothing but the
 * zeros before the first sample. Column j stands in slot j mod capacity. */
struct avsn_track {
    avsound_context *context;
    avsn_audio_frontend frontend;
    avsn_spectrogram *spectrogram;
    int32_t bins;
    int64_t capacity;
    float *columns; /* [capacity][bins], dB */
    float *peak;    /* [capacity], a column's largest value */
    double *energy; /* [capacity], sum of squares of samples j * hop ... (j + 1) * hop - 1 */
    float *silent;  /* [bins], the column of zeros */
    float *pending; /* [room], samples from the start of column `next`'s window on */
    size_t held, room;
    int64_t first_column, next;
    bool finished;
    avsn_alone *alone; /* does it all but the scaling where inputs stand alone; else NULL */
};

enum { BATCH = 16 }; /* columns computed between two moves of the pending samples */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t window_start(const avsn_audio_frontend *f, int64_t column)
{
    return column * f->hop + f->offset;
}

/* What the columns to be kept see, in samples. */
static avsound_status make_alone(avsn_track *t, int64_t keep)
{
    int64_t samples;
    if (__builtin_mul_overflow(keep, (int64_t)t->frontend.hop, &samples) ||
        __builtin_add_overflow(samples, (int64_t)t->frontend.window, &samples))
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "recording: %lld columns to keep are too large", (long long)keep);
    return avsn_alone_create(t->context, &t->frontend, t->spectrogram, samples, &t->alone);
}

static avsound_status make_buffers(avsn_track *t)
{
    const size_t bins = (size_t)t->bins, capacity = (size_t)t->capacity;
    t->room = (size_t)t->frontend.window + (BATCH - 1) * (size_t)t->frontend.hop;
    t->columns = avsn_alloc(t->context, capacity, bins * sizeof *t->columns);
    t->peak = avsn_alloc(t->context, capacity, sizeof *t->peak);
    t->energy = avsn_alloc(t->context, capacity, sizeof *t->energy);
    t->silent = avsn_alloc(t->context, bins, sizeof *t->silent);
    t->pending = avsn_alloc_zeroed(t->context, t->room, sizeof *t->pending);
    if (!t->columns || !t->peak || !t->energy || !t->silent || !t->pending)
        return AVSOUND_E_NO_MEMORY;
    avsn_spectrogram_columns(t->spectrogram, t->pending, 1, t->silent);
    return AVSOUND_OK;
}

avsound_status avsn_track_create(avsound_context *context, const avsn_audio_frontend *frontend, int64_t keep,
                                 avsn_track **out)
{
    *out = NULL;
    avsn_spectrogram *spectrogram;
    AVSN_TRY(avsn_spectrogram_create(context, frontend, &spectrogram));
    avsn_track *t = avsn_alloc_zeroed(context, 1, sizeof *t);
    if (!t) {
        avsn_spectrogram_free(spectrogram);
        return AVSOUND_E_NO_MEMORY;
    }
    *t = (avsn_track){
        .context = avsn_context_ref(context),
        .frontend = *frontend,
        .spectrogram = spectrogram,
        .bins = avsn_audio_frontend_bins(frontend),
        .capacity = AVSN_MAX(keep, frontend->columns),
    };
    const avsound_status status = frontend->samples ? make_alone(t, keep) : make_buffers(t);
    if (status) {
        avsn_track_free(t);
        return status;
    }
    avsn_track_reset(t, 0);
    *out = t;
    return AVSOUND_OK;
}

void avsn_track_free(avsn_track *t)
{
    if (!t)
        return;
    avsound_context *context = t->context;
    avsn_alone_free(t->alone);
    avsn_spectrogram_free(t->spectrogram);
    avsn_free(context, t->pending);
    avsn_free(context, t->silent);
    avsn_free(context, t->energy);
    avsn_free(context, t->peak);
    avsn_free(context, t->columns);
    avsn_free(context, t);
    avsound_context_free(context);
}

void avsn_track_reset(avsn_track *t, int64_t first)
{
    const avsn_audio_frontend *f = &t->frontend;
    t->finished = false;
    if (t->alone) {
        avsn_alone_reset(t->alone, first);
        return;
    }
    t->next = t->first_column = floor_divide(first - f->offset - f->window, f->hop) + 1;
    t->held = (size_t)(first - window_start(f, t->next));
    memset(t->pending, 0, t->held * sizeof *t->pending);
}

static float largest(const float *value, int32_t count)
{
    float most = value[0];
    for (int32_t i = 1; i < count; i++)
        most = value[i] > most ? value[i] : most;
    return most;
}

static int64_t slot_of(const avsn_track *t, int64_t column)
{
    const int64_t slot = column % t->capacity;
    return slot < 0 ? slot + t->capacity : slot;
}

/* Column `next` from the samples at its window's start. */
static void add_column(avsn_track *t, const float *window)
{
    const int64_t slot = slot_of(t, t->next++);
    float *column = t->columns + slot * t->bins;
    avsn_spectrogram_columns(t->spectrogram, window, 1, column);
    if (t->frontend.range > 0)
        t->peak[slot] = largest(column, t->bins);
    /* the front end's check sees to it that a column's own hop lies in its window */
    t->energy[slot] = avsn_sum_of_squares(window - t->frontend.offset, t->frontend.hop);
}

static void add_complete_columns(avsn_track *t)
{
    const size_t window = (size_t)t->frontend.window, hop = (size_t)t->frontend.hop;
    size_t used = 0;
    for (; used + window <= t->held; used += hop)
        add_column(t, t->pending + used);
    if (!used)
        return;
    t->held -= used;
    memmove(t->pending, t->pending + used, t->held * sizeof *t->pending);
}

avsound_status avsn_track_push(avsn_track *t, const float *samples, int64_t count)
{
    if (t->finished)
        AVSN_FAIL(AVSOUND_E_STATE, "recording: %lld samples after its end", (long long)count);
    if (t->alone) {
        avsn_alone_push(t->alone, samples, count);
        return AVSOUND_OK;
    }
    while (count > 0) {
        const size_t taken = AVSN_MIN((size_t)count, t->room - t->held);
        memcpy(t->pending + t->held, samples, taken * sizeof *samples);
        t->held += taken;
        samples += taken;
        count -= (int64_t)taken;
        add_complete_columns(t);
    }
    return AVSOUND_OK;
}

void avsn_track_finish(avsn_track *t)
{
    if (t->finished)
        return;
    if (t->alone)
        avsn_alone_finish(t->alone);
    const size_t window = (size_t)t->frontend.window, hop = (size_t)t->frontend.hop;
    while (t->held > 0) {
        memset(t->pending + t->held, 0, (window - t->held) * sizeof *t->pending);
        add_column(t, t->pending);
        t->held = t->held > hop ? t->held - hop : 0;
        memmove(t->pending, t->pending + hop, t->held * sizeof *t->pending);
    }
    t->finished = true;
}

int64_t avsn_track_end(const avsn_track *t)
{
    return t->alone ? avsn_alone_end(t->alone) : t->finished ? INT64_MAX : t->next;
}

/* The part of an input that is in the ring: its columns `from` up to `to`; around it all is silence. */
typedef struct span {
    int64_t from, to;
} span;

static avsound_status find_span(const avsn_track *t, int64_t column, int64_t count, span *kept)
{
    int64_t end;
    if (__builtin_add_overflow(column, count, &end))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "column %lld: out of range", (long long)column);
    const int64_t oldest = AVSN_MAX(t->first_column, t->next - t->capacity);
    if (end > t->next && !t->finished)
        AVSN_FAIL(AVSOUND_E_STATE, "columns up to %lld are not there yet, have those before %lld", (long long)end - 1,
                  (long long)t->next);
    *kept = (span){AVSN_MIN(AVSN_MAX(column, t->first_column), end), AVSN_MAX(AVSN_MIN(end, t->next), column)};
    if (kept->from < kept->to && kept->from < oldest)
        AVSN_FAIL(AVSOUND_E_STATE, "column %lld is gone, have those from %lld on", (long long)kept->from,
                  (long long)oldest);
    return AVSOUND_OK;
}

/* What happens to a value on its way into an input: relative to the input's largest and cut off below, if so wanted. */
typedef struct scaling {
    float peak, least, mean, factor;
} scaling;

static scaling scaling_of(const avsn_track *t, span kept)
{
    const avsn_audio_frontend *f = &t->frontend;
    scaling s = {0, -FLT_MAX, f->mean, 1 / f->std};
    if (f->range <= 0)
        return s;
    s.least = -f->range;
    s.peak = t->silent[0];
    for (int64_t j = kept.from; j < kept.to; j++)
        s.peak = AVSN_MAX(s.peak, t->peak[slot_of(t, j)]);
    return s;
}

/* Transposes count columns, `stride` apart, to rows of `row` values; in blocks, so that what a cache line brings in is
 * used before it goes. */
static void write_columns(const float *columns, int64_t stride, int64_t count, int32_t bins, scaling s, float *out,
                          int64_t row)
{
    enum { BLOCK = 16 };
    for (int32_t b0 = 0; b0 < bins; b0 += BLOCK) {
        const int32_t b1 = AVSN_MIN(b0 + BLOCK, bins);
        for (int64_t j0 = 0; j0 < count; j0 += BLOCK) {
            const int64_t j1 = AVSN_MIN(j0 + BLOCK, count);
            for (int32_t b = b0; b < b1; b++) {
                for (int64_t j = j0; j < j1; j++) {
                    const float relative = columns[j * stride + b] - s.peak;
                    out[b * row + j] = ((relative > s.least ? relative : s.least) - s.mean) * s.factor;
                }
            }
        }
    }
}

/* The longest run of columns from j on that lie together: in the ring, or all silent. Returns where it stops. */
static int64_t next_run(const avsn_track *t, span kept, int64_t j, int64_t end, const float **columns, int64_t *stride)
{
    *columns = t->silent;
    *stride = 0;
    if (j < kept.from)
        return kept.from;
    if (j >= kept.to)
        return end;
    const int64_t slot = slot_of(t, j);
    *columns = t->columns + slot * t->bins;
    *stride = t->bins;
    return AVSN_MIN(kept.to, j + t->capacity - slot);
}

static avsound_status alone_input(avsn_track *t, int64_t sample, float *out)
{
    const avsn_audio_frontend *f = &t->frontend;
    const float *columns;
    AVSN_TRY(avsn_alone_columns(t->alone, sample, &columns));
    scaling s = {0, -FLT_MAX, f->mean, 1 / f->std};
    if (f->range > 0)
        s = (scaling){largest(columns, f->columns * t->bins), -f->range, f->mean, 1 / f->std};
    write_columns(columns, t->bins, f->columns, t->bins, s, out, f->columns);
    return AVSOUND_OK;
}

avsound_status avsn_track_columns(avsn_track *t, int64_t column, int64_t count, float *out)
{
    span kept;
    AVSN_TRY(find_span(t, column, count, &kept));
    const scaling s = scaling_of(t, kept);
    const int64_t end = column + count;
    for (int64_t j = column; j < end;) {
        const float *columns;
        int64_t stride;
        const int64_t until = next_run(t, kept, j, end, &columns, &stride);
        write_columns(columns, stride, until - j, t->bins, s, out + (j - column), count);
        j = until;
    }
    return AVSOUND_OK;
}

avsound_status avsn_track_input(avsn_track *t, int64_t column, float *out)
{
    return t->alone ? alone_input(t, column, out) : avsn_track_columns(t, column, t->frontend.columns, out);
}

avsound_status avsn_track_rms(avsn_track *t, int64_t column, float *rms)
{
    span kept;
    if (t->alone)
        return avsn_alone_rms(t->alone, column, rms);
    AVSN_TRY(find_span(t, column, t->frontend.columns, &kept));
    double energy = 0;
    for (int64_t j = kept.from; j < kept.to; j++)
        energy += t->energy[slot_of(t, j)];
    *rms = (float)sqrt(energy / avsn_audio_frontend_samples(&t->frontend));
    return AVSOUND_OK;
}

/* Wanted: the c that brings c * step + samples / 2 nearest to time * rate, that is floor(x / (2 step)) with
 * x = 2 time * rate - samples + step. In whole numbers, seconds apart from the rest: a sum in millionths would overflow. */
int64_t avsn_track_column_at(const avsn_audio_frontend *f, int64_t time_us)
{
    const int64_t second = 1000000, seconds = floor_divide(time_us, second);
    const int64_t rest = 2 * (time_us - seconds * second) * f->sample_rate; /* millionths of a sample, doubled */
    const int64_t step = avsn_audio_frontend_step(f), steps = 2 * step;
    const int64_t whole = 2 * seconds * f->sample_rate - avsn_audio_frontend_samples(f) + step;
    const int64_t columns = floor_divide(whole, steps);
    return columns + ((whole - columns * steps) * second + rest) / (steps * second);
}
