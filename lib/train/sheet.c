#include "train/sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw/draw.h"
#include "dsp/image.h"

enum { SIDE = 176, GAP = 6, BAR = 4, CAPTION = 52, SPACE = 22, MARGIN = 18, HEAD = 58, ACROSS = 4 };
enum { CELL_WIDTH = 2 * SIDE + GAP, CELL_HEIGHT = BAR + 4 + SIDE + CAPTION };

static const uint32_t paper = 0xFFFFFF, text_dark = 0x202124, text_faint = 0x5F6368;
static const uint32_t wave_colour = 0x3B6FB6;
static const uint32_t green = 0x2E8B57, red = 0xC8483E;
static const double unit = 1.25;

typedef struct sheet {
    avsound_context *context;
    const avsn_batch *batch;
    const avsn_dataset *data;
    const avsn_image_frontend *image;
    const avsn_audio_frontend *audio;
    const avsn_clip_frontend *clip;
    const float *scores;
    avsn_canvas *canvas;
    uint8_t *rgb; /* one picture */
    float low, high; /* network's values at the ends of the colour map */
    float peak; /* of the waveforms */
    int32_t shown, columns;
    int32_t cells; /* of the batch: items, or of views half as many */
} sheet;

/* ---- levels ---- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void find_peak(sheet *s)
{
    const size_t count = s->batch->waveform ? (size_t)s->batch->size * 2 * (size_t)s->clip->samples : 0;
    s->peak = 1e-5f;
    for (size_t i = 0; i < count; i++)
        s->peak = fmaxf(s->peak, fabsf(s->batch->waveform[i]));
}

/* The range without the outermost hundredths: one click must not darken everything. */
static avsound_status find_levels(sheet *s)
{
    enum { MOST = 65536 };
    const size_t bins = (size_t)avsn_audio_frontend_bins(s->audio);
    const bool drawn = s->batch->spectrogram && !s->batch->waveform;
    const size_t count = drawn ? (size_t)s->batch->size * bins * (size_t)s->audio->columns : 0;
    const size_t each = count / MOST + 1;
    float *values = avsn_alloc(s->context, count / each + 1, sizeof *values);
    if (!values)
        return AVSOUND_E_NO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < count; i += each)
        if (isfinite(s->batch->spectrogram[i]))
            values[n++] = s->batch->spectrogram[i];
    qsort(values, n, sizeof *values, ascending);
    s->low = n ? values[n / 100] : 0;
    s->high = n ? values[n - 1 - n / 200] : 1;
    avsn_free(s->context, values);
    return AVSOUND_OK;
}

static double decibels(const sheet *s, float value)
{
    return (double)(value * s->audio->std + s->audio->mean);
}

/* ---- text ---- */

/* The file's name without folder and ending, its middle left out where it is too long. */
static void name_of(const sheet *s, int32_t clip, double width, char out[160])
{
    const bool known = clip >= 0 && clip < avsn_dataset_count(s->data);
    const char *path = known ? avsn_dataset_clip_at(s->data, clip)->path : "?";
    const char *slash = strrchr(path, '/');
    char name[160];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = 0;
    snprintf(out, 160, "%s", name);
    const size_t length = strlen(name), tail = AVSN_MIN(length, 8);
    for (size_t head = length - tail; avsn_text_width(unit, out) > width && head > 0;) {
        head--;
        snprintf(out, 160, "%.*s..%s", (int)head, name, name + length - tail);
    }
}

/* "what  name      12.34 s" */
static void draw_source(const sheet *s, double x, double y, const char *what, int32_t clip, double seconds)
{
    char name[160], time[32];
    snprintf(time, sizeof time, "%.2f s", seconds);
    const double start = 54, end = CELL_WIDTH - avsn_text_width(unit, time);
    name_of(s, clip, end - start - 12, name);
    avsn_canvas_text(s->canvas, x, y, unit, text_faint, what);
    avsn_canvas_text(s->canvas, x + start, y, unit, text_dark, name);
    avsn_canvas_text(s->canvas, x + end, y, unit, text_faint, time);
}

static bool has_views(const sheet *s)
{
    const bool pictures = s->batch->image || s->batch->frames, sounds = s->batch->spectrogram || s->batch->waveform;
    return !pictures || !sounds;
}

static void draw_view_caption(const sheet *s, int32_t item, double x, double y)
{
    char name[160], times[64];
    const avsn_pair *one = &s->batch->pair[item], *other = &s->batch->pair[item + s->cells];
    name_of(s, one->frame_clip, CELL_WIDTH, name);
    avsn_canvas_text(s->canvas, x, y, unit, text_dark, name);
    snprintf(times, sizeof times, "%.2f s", one->frame * .04);
    avsn_canvas_text(s->canvas, x, y + 15, unit, text_faint, times);
    snprintf(times, sizeof times, "%.2f s", other->frame * .04);
    avsn_canvas_text(s->canvas, x + SIDE + GAP, y + 15, unit, text_faint, times);
}

/* Of clips that are learned by their labels. */
static bool has_classes(const sheet *s)
{
    return avsn_dataset_count(s->data) > 0 && avsn_dataset_clip_at(s->data, 0)->label_class >= 0;
}

/* Of those all is as it should be. */
static bool is_true(const sheet *s, int32_t item)
{
    return has_classes(s) || s->batch->label[item] > .5f;
}

static const char *verdict(const sheet *s, int32_t item)
{
    const bool yes = is_true(s, item);
    const int32_t clip = s->batch->pair[item].frame_clip;
    if (has_classes(s) && clip >= 0 && clip < avsn_dataset_count(s->data))
        return avsn_dataset_clip_at(s->data, clip)->label;
    if (s->batch->sources)
        return yes ? "with its own sound" : "without its own sound";
    if (s->batch->frames && s->clip->frames > 0)
        return yes ? "in time" : "out of time";
    return yes ? "corresponds" : "does not correspond";
}

static void draw_caption(const sheet *s, int32_t item, double x, double y)
{
    const avsn_pair *pair = &s->batch->pair[item];
    const bool yes = is_true(s, item);
    char score[32];
    avsn_canvas_text(s->canvas, x, y, unit, yes ? green : red, verdict(s, item));
    if (s->scores) {
        snprintf(score, sizeof score, "score %.2f", (double)s->scores[item]);
        avsn_canvas_text(s->canvas, x + CELL_WIDTH - avsn_text_width(unit, score), y, unit,
                         (s->scores[item] > .5f) == yes ? green : red, score);
    }
    draw_source(s, x, y + 15, "picture", pair->frame_clip, pair->frame * .04);
    if (s->batch->sources)
        draw_source(s, x, y + 30, yes ? "mixed in" : "sound", pair->other_clip, pair->other_frame * .04);
    else
        draw_source(s, x, y + 30, "sound", pair->audio_clip,
                    pair->audio_frame * .04 + (double)pair->audio_shift / AVSN_SAMPLE_RATE);
}

/* ---- items ---- */

static uint8_t level_of(float value)
{
    return value > 0 ? value < 1 ? (uint8_t)(value * 255 + .5f) : 255 : 0; /* 0 also when it is not a number */
}

/* Its channels are `stride` values apart. */
static void draw_frame(const sheet *s, const float *values, size_t stride, int32_t x, int32_t y, int32_t side)
{
    const int32_t width = s->image->width, height = s->image->height;
    const size_t plane = (size_t)width * (size_t)height;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            s->rgb[3 * i + c] = level_of(values[c * stride + i] * s->image->std[c] + s->image->mean[c]);
    /* Inside its square, as wide or as high as that. */
    const int32_t longer = AVSN_MAX(width, height);
    const avsn_box box = {x, y, AVSN_MAX(side * width / longer, 1), AVSN_MAX(side * height / longer, 1)};
    avsn_canvas_image(s->canvas, box, s->rgb, (ptrdiff_t)width * 3, width, height);
}

/* Of a clip four frames, from the first to the last. */
static void draw_picture(const sheet *s, int32_t item, int32_t x, int32_t y)
{
    const size_t plane = (size_t)s->image->width * (size_t)s->image->height;
    if (!s->batch->frames) {
        draw_frame(s, s->batch->image + (size_t)item * 3 * plane, plane, x, y, SIDE);
        return;
    }
    const size_t frames = (size_t)s->batch->shown;
    const float *values = s->batch->frames + (size_t)(item / s->batch->sounds) * 3 * frames * plane;
    for (int32_t i = 0; i < 4; i++)
        draw_frame(s, values + (frames - 1) * (size_t)i / 3 * plane, frames * plane, x + i % 2 * SIDE / 2, y + i / 2 * SIDE / 2,
                   SIDE / 2 - 1);
}

/* Each column from the least to the most of its samples. */
static void draw_waveform(const sheet *s, const float *samples, avsn_box box)
{
    const int64_t count = s->clip->samples;
    const double middle = box.y + box.height / 2., unit_height = (box.height / 2. - 1) / (double)s->peak;
    for (int32_t i = 0; i < box.width; i++) {
        const int64_t begin = count * i / box.width, end = AVSN_MAX(count * (i + 1) / box.width, begin + 1);
        float low = samples[begin], high = low;
        for (int64_t k = begin; k < end; k++) {
            low = fminf(low, samples[k]);
            high = fmaxf(high, samples[k]);
        }
        const int32_t top = (int32_t)floor(middle - (double)high * unit_height);
        const int32_t bottom = (int32_t)ceil(middle - (double)low * unit_height);
        avsn_canvas_fill(s->canvas, (avsn_box){box.x + i, top, 1, AVSN_MAX(bottom - top, 1)}, wave_colour, 1);
    }
}

static void draw_waveforms(const sheet *s, int32_t item, int32_t x, int32_t y)
{
    for (int32_t c = 0; c < 2; c++)
        draw_waveform(s, s->batch->waveform + ((int64_t)item * 2 + c) * s->clip->samples,
                      (avsn_box){x, y + c * SIDE / 2, SIDE, SIDE / 2});
}

static void draw_spectrogram(const sheet *s, int32_t item, int32_t x, int32_t y)
{
    const int32_t bins = avsn_audio_frontend_bins(s->audio), columns = s->audio->columns;
    avsn_canvas_matrix(s->canvas, (avsn_box){x, y, SIDE, SIDE}, s->batch->spectrogram + (int64_t)item * bins * columns, bins,
                       columns, s->low, s->high, AVSN_COLOUR_INFERNO);
}

static void draw_view(const sheet *s, int32_t item, int32_t x, int32_t y)
{
    if (s->batch->image)
        draw_picture(s, item, x, y);
    else
        draw_spectrogram(s, item, x, y);
}

static void draw_item(const sheet *s, int32_t item)
{
    const int32_t x = MARGIN + item % s->columns * (CELL_WIDTH + SPACE);
    const int32_t y = HEAD + item / s->columns * (CELL_HEIGHT + SPACE);
    const int32_t top = y + BAR + 4;
    const uint32_t colour = is_true(s, item) ? green : red;
    avsn_canvas_fill(s->canvas, (avsn_box){x, y, CELL_WIDTH, BAR}, colour, 1);
    if (has_views(s)) {
        draw_view(s, item, x, top);
        draw_view(s, item + s->cells, x + SIDE + GAP, top);
        draw_view_caption(s, item, x, top + SIDE + 8);
        return;
    }
    draw_picture(s, item, x, top);
    (s->batch->waveform ? draw_waveforms : draw_spectrogram)(s, item, x + SIDE + GAP, top);
    draw_caption(s, item, x, top + SIDE + 8);
}

/* ---- the whole ---- */

static void say_what(const sheet *s, char *line, size_t size)
{
    int32_t positives = 0;
    for (int32_t i = 0; i < s->batch->size; i++)
        positives += s->batch->label[i] > .5f;
    const int used = snprintf(line, size, "epoch %" PRIu64 ", batch %" PRIu64 ": ", s->batch->epoch, s->batch->step);
    if (has_views(s))
        snprintf(line + used, size - (size_t)used, "%d clips, two views of each", (int)s->cells);
    else if (s->batch->sources)
        snprintf(line + used, size - (size_t)used, "%d mixtures, %d of them with the pictures' own sound", (int)s->cells,
                 (int)positives);
    else if (has_classes(s))
        snprintf(line + used, size - (size_t)used, "%d clips and their labels", (int)s->cells);
    else if (s->batch->frames && s->clip->frames > 0)
        snprintf(line + used, size - (size_t)used, "%d clips, %d of them in time", (int)s->cells, (int)positives);
    else
        snprintf(line + used, size - (size_t)used, "%d pairs, %d of them correspond", (int)s->cells, (int)positives);
}

static void say_sizes(const sheet *s, char *line, size_t size)
{
    const int32_t width = s->image->width, height = s->image->height;
    if (s->batch->waveform) {
        snprintf(line, size, "%d frames %d x %d, %.4g per second; sound %.4g kHz in two channels, %.2f s", (int)s->clip->frames,
                 (int)width, (int)height, s->clip->frame_rate, s->clip->sample_rate / 1000.,
                 (double)s->clip->samples / s->clip->sample_rate);
        return;
    }
    const double top_frequency = s->audio->mel_bands ? (double)s->audio->mel_high : s->audio->sample_rate / 2.;
    snprintf(line, size, "pictures %d x %d; spectrograms %d x %d, 0 to %.4g kHz%s, %.2f s", (int)width, (int)height,
             (int)avsn_audio_frontend_bins(s->audio), (int)s->audio->columns, top_frequency / 1000,
             s->audio->mel_bands ? " (mel)" : "", (double)avsn_audio_frontend_samples(s->audio) / s->audio->sample_rate);
}

static void draw_head(const sheet *s)
{
    char line[256];
    say_what(s, line, sizeof line);
    if (s->shown < s->cells)
        snprintf(line + strlen(line), sizeof line - strlen(line), "; the first %d", (int)s->shown);
    avsn_canvas_text(s->canvas, MARGIN, 14, 1.5, text_dark, line);
    say_sizes(s, line, sizeof line);
    avsn_canvas_text(s->canvas, MARGIN, 34, unit, text_faint, line);
}

/* The colour map from low to high, at the right end of the head. */
static void draw_scale(const sheet *s)
{
    float ramp[64];
    char text[32];
    for (int32_t i = 0; i < 64; i++)
        ramp[i] = (float)i / 63;
    snprintf(text, sizeof text, "%.0f dB", decibels(s, s->high));
    double x = s->canvas->width - MARGIN - avsn_text_width(unit, text);
    avsn_canvas_text(s->canvas, x, 34, unit, text_faint, text);
    avsn_canvas_matrix(s->canvas, (avsn_box){(int32_t)x - 8 - 96, 33, 96, 11}, ramp, 1, 64, 0, 1, AVSN_COLOUR_INFERNO);
    snprintf(text, sizeof text, "%.0f", decibels(s, s->low));
    avsn_canvas_text(s->canvas, x - 8 - 96 - 8 - avsn_text_width(unit, text), 34, unit, text_faint, text);
}

static avsound_status draw(sheet *s, const char *path)
{
    find_peak(s);
    AVSN_TRY(find_levels(s));
    const int32_t rows = (s->shown + s->columns - 1) / s->columns;
    AVSN_TRY(avsn_canvas_create(s->context, 2 * MARGIN + s->columns * (CELL_WIDTH + SPACE) - SPACE,
                                HEAD + rows * (CELL_HEIGHT + SPACE), paper, &s->canvas));
    s->rgb = avsn_alloc(s->context, (size_t)s->image->width * (size_t)s->image->height, 3);
    if (!s->rgb)
        return AVSOUND_E_NO_MEMORY;
    draw_head(s);
    if (s->batch->spectrogram && !s->batch->waveform)
        draw_scale(s);
    for (int32_t i = 0; i < s->shown; i++)
        draw_item(s, i);
    return avsn_canvas_write(s->canvas, path);
}

avsound_status avsn_sheet_write(avsound_context *context, const avsn_batch *batch, const avsn_dataset *data,
                                const avsn_image_frontend *image, const avsn_audio_frontend *audio,
                                const avsn_clip_frontend *clip, const float *scores, const char *path)
{
    sheet s = {.context = context, .batch = batch, .data = data, .image = image, .audio = audio, .clip = clip, .scores = scores};
    if (batch->size < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "contact sheet: batch of %d, want at least 1", (int)batch->size);
    s.cells = has_views(&s) ? batch->size / 2 : batch->size;
    s.shown = AVSN_MIN(s.cells, AVSN_SHEET_MOST);
    s.columns = AVSN_MIN(AVSN_MAX(s.shown, 2), ACROSS);
    const avsound_status status = draw(&s, path);
    avsn_canvas_free(s.canvas);
    avsn_free(context, s.rgb);
    return status;
}
