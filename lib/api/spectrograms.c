/* Sounds as a picture: their spectrograms one above the other, over one time and on one scale of levels. */
#include <avsound/tasks.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw/draw.h"
#include "dsp/image.h"
#include "dsp/stft.h"
#include "media/media.h"

enum {
    WIDTH = 960, LEFT = 64, RIGHT = 92, COLUMNS = WIDTH - LEFT - RIGHT,
    TITLE = 30, ROWS = 152, GAP = 4, BOTTOM = 48, SCALE_WIDTH = 14,
    MOST_PANELS = 8,
    RATE = 21000, WINDOW = 1024, FFT = 2048, BINS = FFT / 2 + 1, MOST_HOP = 512,
    BATCH = 64 /* frames of one transform */
};

static const uint32_t white = 0xFFFFFF, ink_text = 0x3C4043, ink_faint = 0x80868B, ink_axis = 0xBDC1C6;
static const double unit = 1.5;
static const float range_db = 70, floor_db = -200;

typedef struct drawing {
    avsound_context *context;
    avsound_spectrograms_options options;
    int32_t rate, hop;
    double seconds;               /* under the columns */
    avsn_stft *stft;
    int32_t first[ROWS], last[ROWS]; /* bins of each row, the lowest row first */
    float *samples;               /* [WINDOW + (BATCH - 1) hop] */
    float *spectra;               /* [BATCH][BINS][2] */
    double *power;                /* [ROWS][COLUMNS] sums of one panel */
    int64_t counts[COLUMNS];
    float *level;                 /* [panels][ROWS][COLUMNS] dB */
    float top;                    /* dB of the brightest */
} drawing;

/* ---- frequencies: Slaney's mel scale, linear up to 1 kHz and logarithmic above ---- */

static double mel_of(double hertz)
{
    return hertz < 1000 ? hertz * 3 / 200 : 15 + 27 * log(hertz / 1000) / log(6.4);
}

static double hertz_of(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static void set_rows(drawing *d)
{
    const double most = mel_of(d->rate / 2.0), bin = (double)d->rate / FFT;
    for (int r = 0; r < ROWS; r++) {
        const double low = hertz_of(most * r / ROWS) / bin, high = hertz_of(most * (r + 1) / ROWS) / bin;
        const int32_t first = (int32_t)ceil(low), last = (int32_t)ceil(high) - 1;
        const bool some = first <= last; /* else the bin nearest to its middle */
        d->first[r] = AVSN_MIN(some ? first : (int32_t)lround((low + high) / 2), BINS - 1);
        d->last[r] = AVSN_MIN(AVSN_MAX(last, d->first[r]), BINS - 1);
    }
}

/* ---- levels ---- */

/* The strongest bin of each row: a narrow band's tone is as bright as a wide one's. */
static void add_frame(drawing *d, int64_t frame, const float *spectrum)
{
    const double seconds = (double)(frame * d->hop) / d->rate;
    const int64_t column = (int64_t)(seconds / d->seconds * COLUMNS);
    if (column >= COLUMNS)
        return;
    d->counts[column]++;
    for (int r = 0; r < ROWS; r++) {
        float most = 0;
        for (int32_t b = d->first[r]; b <= d->last[r]; b++) {
            const float re = spectrum[2 * b], im = spectrum[2 * b + 1];
            most = fmaxf(most, re * re + im * im);
        }
        d->power[r * COLUMNS + column] += (double)most;
    }
}

/* Frames of all samples held but the last window's; `frame` is the first one's number. Returns how many there were. */
static int64_t take_frames(drawing *d, int64_t frame, int64_t held)
{
    const int64_t count = held < WINDOW ? 0 : (held - WINDOW) / d->hop + 1;
    if (count)
        avsn_stft_run(d->stft, d->samples, count, d->spectra);
    for (int64_t i = 0; i < count; i++)
        add_frame(d, frame + i, d->spectra + i * BINS * 2);
    return count;
}

typedef struct feed {
    int64_t frame; /* number of the first in `samples` */
    int64_t held;  /* samples there */
} feed;

static void push(drawing *d, feed *f, float sample)
{
    d->samples[f->held++] = sample;
    if (f->held < WINDOW + (BATCH - 1) * (int64_t)d->hop)
        return;
    const int64_t count = take_frames(d, f->frame, f->held);
    f->frame += count;
    f->held -= count * d->hop;
    memmove(d->samples, d->samples + count * d->hop, (size_t)f->held * sizeof *d->samples);
}

/* The mean of two channels; silence before a sound that starts late. `wanted`: samples still to come. */
static void push_piece(drawing *d, feed *f, const avsound_audio *piece, int64_t late, int64_t *wanted)
{
    const float *samples = piece->data;
    for (int64_t i = -late; i < piece->frames && *wanted > 0; i++, --*wanted)
        push(d, f, i < 0 ? 0 : (samples[2 * i] + samples[2 * i + 1]) / 2);
}

static avsound_status read_sound(drawing *d, avsound_media *media, int64_t start_us)
{
    feed f = {0};
    int64_t wanted = llround(d->seconds * d->rate);
    bool begun = false;
    avsound_status status = start_us ? avsn_media_seek(media, start_us) : AVSOUND_OK;
    for (int i = 0; i < WINDOW / 2; i++) /* so that frame 0 has its middle at the start */
        push(d, &f, 0);
    while (!status && wanted > 0) {
        avsound_audio piece = {.struct_size = sizeof piece};
        status = avsn_media_read_audio(media, &piece);
        if (status)
            break;
        const int64_t late = begun ? 0 : llround((double)(piece.time_us - start_us) * 1e-6 * d->rate);
        begun = true;
        push_piece(d, &f, &piece, AVSN_MAX(late, 0), &wanted);
    }
    for (int i = 0; i < WINDOW / 2; i++)
        push(d, &f, 0);
    take_frames(d, f.frame, f.held);
    const bool ended = status == AVSOUND_E_END || (status == AVSOUND_E_FORMAT && begun); /* damaged there: what came before */
    return ended ? AVSOUND_OK : status;
}

/* 0 dB is a sine of full scale. Columns without a frame repeat the one before where the sound is shorter than the columns are
 * many, and are silent behind its end. */
static void set_levels(drawing *d, float *level)
{
    const double full = WINDOW / 4.0;
    const double frames = d->seconds * d->rate / d->hop;
    int64_t from = 0;
    for (int64_t c = 0; c < COLUMNS; c++) {
        from = d->counts[c] || frames >= COLUMNS ? c : from;
        for (int r = 0; r < ROWS; r++) {
            const double mean = d->counts[from] ? d->power[r * COLUMNS + from] / (double)d->counts[from] : 0;
            const double db = mean > 0 ? 10 * log10(mean / (full * full)) : (double)floor_db;
            level[r * COLUMNS + c] = (float)fmax(db, (double)floor_db);
            d->top = fmaxf(d->top, level[r * COLUMNS + c]);
        }
    }
}

static avsound_status measure(drawing *d, int panel)
{
    const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = d->rate, .audio_channels = 2,
                                           .ignore_video = 1};
    const avsound_spectrograms_options *o = &d->options;
    avsound_media *media;
    AVSN_TRY(avsn_media_open(d->context, o->paths[panel], &options, &media));
    memset(d->power, 0, sizeof *d->power * ROWS * COLUMNS);
    memset(d->counts, 0, sizeof d->counts);
    const avsound_status status = read_sound(d, media, o->starts_us ? o->starts_us[panel] : 0);
    avsn_media_free(media);
    if (status)
        return avsn_fail_in(status, "%s", o->paths[panel]);
    set_levels(d, d->level + (size_t)panel * ROWS * COLUMNS);
    return AVSOUND_OK;
}

/* ---- the picture ---- */

static double left_of(double y)
{
    return floor(y) + .5 - unit * AVSN_TEXT_HEIGHT / 2;
}

static void draw_frequencies(const drawing *d, avsn_canvas *canvas, avsn_box area)
{
    static const double ticks[] = {200, 500, 1000, 2000, 5000, 10000, 20000};
    static const char *const names[] = {"200", "500", "1k", "2k", "5k", "10k", "20k"};
    const double most = mel_of(d->rate / 2.0);
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0] && ticks[i] < d->rate / 2.0; i++) {
        const double y = area.y + area.height * (1 - mel_of(ticks[i]) / most);
        avsn_canvas_fill(canvas, (avsn_box){area.x - 5, (int32_t)y, 5, 1}, ink_axis, 1);
        avsn_canvas_text(canvas, area.x - 9 - avsn_text_width(unit, names[i]), left_of(y), unit, ink_faint, names[i]);
    }
    avsn_canvas_text(canvas, area.x - 9 - avsn_text_width(unit, "Hz"), area.y - TITLE + 10, unit, ink_faint, "Hz");
}

static void draw_panel(const drawing *d, avsn_canvas *canvas, int panel, avsn_box area)
{
    const char *title = d->options.titles ? d->options.titles[panel] : d->options.paths[panel];
    avsn_canvas_matrix(canvas, area, d->level + (size_t)panel * ROWS * COLUMNS, ROWS, COLUMNS, d->top - range_db, d->top,
                       AVSN_COLOUR_INFERNO);
    avsn_canvas_text(canvas, area.x, area.y - TITLE + 10, unit, ink_text, title);
    draw_frequencies(d, canvas, area);
}

/* Seconds, or minutes where there are three and more. */
static void draw_times(const drawing *d, avsn_canvas *canvas, int32_t y)
{
    double ticks[AVSN_MOST_TICKS], step;
    const double scale = d->seconds < 180 ? 1 : 60;
    const double start = d->options.starts_us ? (double)d->options.starts_us[0] * 1e-6 / scale : 0;
    const double lasts = d->seconds / scale;
    const char *name = scale > 1 ? "minutes" : "seconds";
    const size_t count = avsn_ticks(start, start + lasts, 9, ticks, &step);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        const double x = LEFT + COLUMNS * (ticks[i] - start) / lasts;
        const double shown = fabs(ticks[i]) < step / 1e3 ? 0 : ticks[i]; /* no -0 */
        snprintf(text, sizeof text, "%.*f", step < 1 ? (int)fmin(ceil(-log10(step) - 1e-9), 9) : 0, shown);
        avsn_canvas_fill(canvas, (avsn_box){(int32_t)x, y, 1, 5}, ink_axis, 1);
        avsn_canvas_text(canvas, floor(x - avsn_text_width(unit, text) / 2) + .5, y + 10, unit, ink_faint, text);
    }
    avsn_canvas_text(canvas, LEFT + COLUMNS - avsn_text_width(unit, name), y + 28, unit, ink_faint, name);
}

static void draw_scale(const drawing *d, avsn_canvas *canvas, avsn_box area)
{
    float shades[ROWS];
    double ticks[AVSN_MOST_TICKS], step;
    const double low = (double)(d->top - range_db);
    for (int r = 0; r < ROWS; r++)
        shades[r] = (float)r / (ROWS - 1);
    avsn_canvas_matrix(canvas, area, shades, ROWS, 1, 0, 1, AVSN_COLOUR_INFERNO);
    const size_t count = avsn_ticks(low, (double)d->top, 7, ticks, &step);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        const double y = area.y + (area.height - 1) * (1 - (ticks[i] - low) / (double)range_db);
        snprintf(text, sizeof text, "%.0f", ticks[i]);
        avsn_canvas_fill(canvas, (avsn_box){area.x + area.width, (int32_t)y, 5, 1}, ink_axis, 1);
        avsn_canvas_text(canvas, area.x + area.width + 9, left_of(y), unit, ink_faint, text);
    }
    avsn_canvas_text(canvas, area.x, area.y - TITLE + 10, unit, ink_faint, "dB");
}

static avsound_status draw(const drawing *d, const char *path)
{
    const int32_t step = TITLE + ROWS + GAP, height = d->options.count * step + BOTTOM;
    avsn_canvas *canvas;
    AVSN_TRY(avsn_canvas_create(d->context, WIDTH, height, white, &canvas));
    for (int p = 0; p < d->options.count; p++)
        draw_panel(d, canvas, p, (avsn_box){LEFT, p * step + TITLE, COLUMNS, ROWS});
    draw_times(d, canvas, d->options.count * step - GAP);
    draw_scale(d, canvas, (avsn_box){LEFT + COLUMNS + 24, TITLE, SCALE_WIDTH, ROWS});
    const avsound_status status = avsn_canvas_write(canvas, path);
    avsn_canvas_free(canvas);
    return status;
}

/* ---- the call ---- */

void avsound_spectrograms_options_init(avsound_spectrograms_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status check(const avsound_context *context, const avsound_spectrograms_options *o)
{
    if (o->count < 1 || o->count > MOST_PANELS || !o->paths)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "spectrograms options: count is %d, want 1...%d, paths %s", o->count, MOST_PANELS,
                  o->paths ? "set" : "is NULL");
    for (int p = 0; p < o->count; p++)
        if (!o->paths[p] || (o->titles && !o->titles[p]) || (o->starts_us && o->starts_us[p] < 0))
            AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "spectrograms options: path or title %d is NULL, or its start negative", p);
    const int32_t most = avsn_context_limits(context)->max_sample_rate;
    if (o->sample_rate < 0 || o->sample_rate > most || (o->sample_rate && o->sample_rate < 2000))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "spectrograms options: sample_rate is %d, want 0 or 2000...%d", o->sample_rate,
                  most);
    if (o->duration_us < 0 || o->duration_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "spectrograms options: duration_us is %lld, want 0 or more",
                  (long long)o->duration_us);
    return AVSOUND_OK;
}

/* Asks the files, where nobody told. */
static avsound_status find_duration(drawing *d)
{
    const avsound_media_options options = {.struct_size = sizeof options, .ignore_video = 1};
    const avsound_spectrograms_options *o = &d->options;
    int64_t longest = o->duration_us;
    for (int p = 0; p < o->count; p++) {
        avsound_media *media;
        avsound_media_info info;
        AVSN_TRY(avsn_media_open(d->context, o->paths[p], &options, &media));
        avsn_media_info(media, &info);
        avsn_media_free(media);
        if (!info.has_audio)
            AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound", o->paths[p]);
        if (!o->duration_us)
            longest = AVSN_MAX(longest, info.duration_us - (o->starts_us ? o->starts_us[p] : 0));
    }
    if (longest <= 0)
        AVSN_FAIL(AVSOUND_E_STATE, "no file tells how long it lasts from its start on: duration_us must");
    d->seconds = (double)longest * 1e-6;
    return AVSOUND_OK;
}

static avsound_status prepare(drawing *d)
{
    const double step = d->seconds * d->rate / COLUMNS;
    d->hop = (int32_t)fmin(fmax(floor(step), 16), MOST_HOP);
    const avsn_stft_params params = {.window = WINDOW, .hop = d->hop, .fft = FFT};
    d->top = floor_db + range_db;
    set_rows(d);
    d->samples = avsn_alloc(d->context, (size_t)(WINDOW + (BATCH - 1) * d->hop), sizeof *d->samples);
    d->spectra = avsn_alloc(d->context, (size_t)BATCH * BINS * 2, sizeof *d->spectra);
    d->power = avsn_alloc(d->context, (size_t)ROWS * COLUMNS, sizeof *d->power);
    d->level = avsn_alloc(d->context, (size_t)d->options.count * ROWS * COLUMNS, sizeof *d->level);
    if (!d->samples || !d->spectra || !d->power || !d->level)
        return AVSOUND_E_NO_MEMORY;
    return avsn_stft_create(d->context, &params, &d->stft);
}

static avsound_status run(drawing *d, const char *path)
{
    AVSN_TRY(find_duration(d));
    AVSN_TRY(prepare(d));
    for (int p = 0; p < d->options.count; p++)
        AVSN_TRY(measure(d, p));
    return draw(d, path);
}

avsound_status avsound_spectrograms_draw(avsound_context *context, const avsound_spectrograms_options *options, const char *path)
{
    if (!context || !options || !path)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !context ? "context" : !options ? "options" : "path");
    avsound_spectrograms_options o;
    AVSN_TRY(avsn_options_read(&o, sizeof o, options, sizeof o, "spectrograms options"));
    AVSN_TRY(check(context, &o));
    drawing *d = avsn_alloc_zeroed(context, 1, sizeof *d);
    if (!d)
        return AVSOUND_E_NO_MEMORY;
    d->context = context;
    d->options = o;
    d->rate = o.sample_rate ? o.sample_rate : RATE;
    const avsound_status status = run(d, path);
    avsn_stft_free(d->stft);
    avsn_free(context, d->samples);
    avsn_free(context, d->spectra);
    avsn_free(context, d->power);
    avsn_free(context, d->level);
    avsn_free(context, d);
    return status;
}
