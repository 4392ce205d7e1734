#include "witness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Chosen on generated clips of seed 5001; docs/stereo.md. */
static const double apart = 0.5;            /* of -1...1: a quarter of the picture's width */
static const double sure_of_sound = 0.5, sure_of_map = 0.5;
static const double least_peak = 0.3;       /* of a map: below it nothing stands out */
static const double widest = 0.5;          /* standard deviation of what stands out, of -1...1 */
static const int64_t pause_us = 500000;     /* shorter ones do not end a stretch */

static const char *const kind_names[] = {"", "direction", "silent", "mono", "dual_mono", "diffuse"};

/* ---- measuring ---- */

int witness_open(witness *w, const cli *c, const avsound_media_info *info)
{
    const cli_args *a = &c->args;
    *w = (witness){.c = c, .channels = info->channels};
    if (!a->stereo && a->csv)
        return cli_error(CLI_USAGE, "localize: --csv is of what --stereo finds");
    if (!a->stereo)
        return CLI_OK;
    if (a->audio)
        return cli_error(CLI_USAGE, "localize: --stereo compares the video with its own sound, not with --audio");
    if (info->still)
        return cli_error(CLI_USAGE, "localize: --stereo wants a video, and %s is a picture", a->inputs[0]);
    const avsound_status status = avsound_stereo_create(c->context, a->inputs[0], NULL, &w->stereo);
    if (status)
        return cli_input_failed(a->inputs[0], status);
    if (!a->csv)
        return CLI_OK;
    const int code = cli_records_open(&w->csv, a->csv, CLI_CSV, NULL);
    w->writes_csv = !code;
    return code;
}

/* Where the map points: the mean place of its cells above half its peak, weighted by them, unless they lie all over. */
static void read_map(witness *w, const avsound_scan_result *frame)
{
    float peak = 0;
    double sum = 0, first = 0, second = 0;
    for (int32_t i = 0; i < frame->rows * frame->cols; i++)
        peak = fmaxf(peak, frame->map[i]);
    for (int32_t i = 0; i < frame->rows * frame->cols; i++) {
        const double place = (2 * (i % frame->cols) + 1) / (double)frame->cols - 1;
        const double weight = frame->map[i] >= peak / 2 ? (double)frame->map[i] : 0;
        sum += weight;
        first += weight * place;
        second += weight * place * place;
    }
    w->map = sum > 0 ? first / sum : 0;
    const double spread = sum > 0 ? sqrt(fmax(second / sum - w->map * w->map, 0)) : INFINITY;
    w->map_sure = (double)frame->confidence >= sure_of_map && (double)peak >= least_peak && spread <= widest;
}

static int add_to_stretch(witness *w, int64_t time_us)
{
    witness_stretch *last = w->stretch_count ? &w->stretches[w->stretch_count - 1] : NULL;
    if (!last || time_us - last->last_us > pause_us) {
        if (w->stretch_count == w->stretch_room) {
            const size_t room = 2 * w->stretch_room + 16;
            witness_stretch *grown = realloc(w->stretches, room * sizeof *grown);
            if (!grown)
                return cli_error(CLI_RESOURCES, "out of memory");
            w->stretches = grown;
            w->stretch_room = room;
        }
        last = &w->stretches[w->stretch_count++];
        *last = (witness_stretch){.first_us = time_us};
    }
    last->last_us = time_us;
    last->frames++;
    last->map += w->map;
    last->stereo += (double)w->heard.direction;
    return CLI_OK;
}

static int write_csv(witness *w, float map_confidence)
{
    const avsound_stereo_result *h = &w->heard;
    static const char *const cues[] = {"none", "level", "delay", "both"};
    json_t *row = json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "time", cli_json_seconds(h->time_us),
        "kind", kind_names[h->kind], "cues", cues[h->cues], "direction", cli_json_float(h->direction), "confidence",
        cli_json_float(h->confidence), "coherence", cli_json_float(h->coherence), "delay_us", cli_json_float(h->delay_us),
        "level_db", cli_json_float(h->level_db), "copy_db", cli_json_float(h->copy_db), "rms", cli_json_float(h->rms), "map",
        cli_json_float((float)w->map), "map_confidence", cli_json_float(map_confidence), "map_sure", w->map_sure, "disagree",
        w->differs, "band_level_db", cli_json_floats(h->band_level_db, AVSOUND_STEREO_BANDS));
    return row ? cli_records_add(&w->csv, row) : cli_error(CLI_RESOURCES, "%s: out of memory", w->c->args.csv);
}

/* Behind the sound's end there is silence; damage is the scan's to tell. */
static avsound_status hear(witness *w, int64_t time_us)
{
    static const float nothing[AVSOUND_STEREO_CELLS];
    w->heard = (avsound_stereo_result){.struct_size = sizeof w->heard};
    const avsound_status status = avsound_stereo_at(w->stereo, time_us, &w->heard);
    if (status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
        return status;
    w->heard = (avsound_stereo_result){.struct_size = sizeof w->heard, .kind = AVSOUND_STEREO_SILENT, .time_us = time_us,
                                       .evidence = nothing, .band_level_db = nothing};
    return AVSOUND_OK;
}

int witness_hear(witness *w, const avsound_scan_result *frame)
{
    if (!w->stereo)
        return CLI_OK;
    const avsound_status status = hear(w, frame->time_us);
    if (status)
        return cli_input_failed(w->c->args.inputs[0], status);
    read_map(w, frame);
    const bool sure = w->map_sure && w->heard.kind == AVSOUND_STEREO_DIRECTION && (double)w->heard.confidence >= sure_of_sound;
    w->differs = sure && fabs((double)w->heard.direction - w->map) > apart;
    w->frames++;
    w->kinds[w->heard.kind]++;
    w->sure += sure;
    w->disagree += w->differs;
    int code = w->differs ? add_to_stretch(w, frame->time_us) : CLI_OK;
    if (!code && w->writes_csv)
        code = write_csv(w, frame->confidence);
    return code;
}

/* ---- the band ---- */

int32_t witness_band_height(const witness *w, int32_t height)
{
    const int32_t least = 16, rows = height / 12;
    return w && w->stereo ? (rows > least ? rows : least) : 0;
}

typedef struct band {
    uint8_t *rgb;
    int32_t width, height, stride;
} band;

static void fill(const band *b, int32_t x0, int32_t y0, int32_t x1, int32_t y1, const uint8_t colour[3])
{
    for (int32_t y = y0 > 0 ? y0 : 0; y < y1 && y < b->height; y++)
        for (int32_t x = x0 > 0 ? x0 : 0; x < x1 && x < b->width; x++)
            memcpy(b->rgb + (size_t)y * (size_t)b->stride + 3 * (size_t)x, colour, 3);
}

static int32_t column_of(const band *b, double place)
{
    const double x = (place + 1) / 2 * b->width;
    return (int32_t)fmin(fmax(x, 1), b->width - 2);
}

static void draw_marks(const witness *w, const band *b)
{
    static const uint8_t white[3] = {255, 255, 255}, red[3] = {255, 40, 40};
    const uint8_t *ink = w->differs ? red : white;
    const int32_t edge = b->height / 12 + 1, wedge = b->height / 3;
    if (w->heard.kind == AVSOUND_STEREO_DIRECTION) {
        const int32_t x = column_of(b, (double)w->heard.direction);
        fill(b, x - edge, 0, x + edge + 1, b->height, white);
    }
    for (int32_t y = 0; w->map_sure && y < wedge; y++) {
        const int32_t x = column_of(b, w->map);
        fill(b, x - y, wedge - 1 - y, x + y + 1, wedge - y, ink);
    }
    if (w->differs) {
        fill(b, 0, b->height - edge, b->width, b->height, red);
        fill(b, 0, 0, edge, b->height, red);
        fill(b, b->width - edge, 0, b->width, b->height, red);
    }
}

int witness_draw(const witness *w, uint8_t *rgb, int32_t width, int32_t height, int32_t stride)
{
    static const uint8_t grey[3] = {64, 64, 64}, black[3] = {0, 0, 0};
    const band b = {rgb, width, height, stride};
    const bool tells = w->heard.kind == AVSOUND_STEREO_DIRECTION || w->heard.kind == AVSOUND_STEREO_DIFFUSE;
    fill(&b, 0, 0, width, height, tells ? black : grey);
    avsound_status status = AVSOUND_OK;
    if (tells) {
        const size_t size = (size_t)width * (size_t)height;
        uint8_t *dark = calloc(size, 3);
        if (!dark)
            return cli_error(CLI_RESOURCES, "%s: out of memory", w->c->args.output);
        const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = width,
                                     .height = height, .data = {dark}, .stride = {3 * width}};
        status = avsound_draw_map(w->c->context, &frame, w->heard.evidence, 1, AVSOUND_STEREO_CELLS, w->c->args.colormap, 1,
                                  rgb, stride);
        free(dark);
    }
    draw_marks(w, &b);
    return status ? cli_output_failed(w->c->args.output, status) : CLI_OK;
}

/* ---- telling ---- */

int witness_finish(witness *w)
{
    const int code = w->writes_csv ? cli_records_finish(&w->csv) : CLI_OK;
    w->writes_csv = w->writes_csv && code;
    return code;
}

static double width_share(double sum, int64_t frames)
{
    return (sum / (double)frames + 1) / 2;
}

/* What the sound as a whole is, if all that is heard of it is the same. */
static const char *overall(const witness *w)
{
    const int64_t heard = w->frames - w->kinds[AVSOUND_STEREO_SILENT];
    for (int k = AVSOUND_STEREO_DIRECTION; k <= AVSOUND_STEREO_DIFFUSE; k++)
        if (heard && w->kinds[k] == heard)
            return kind_names[k];
    return heard ? "mixed" : kind_names[AVSOUND_STEREO_SILENT];
}

static void print_kind(const witness *w)
{
    const char *whole = overall(w);
    if (!strcmp(whole, "mono"))
        puts("stereo: one channel, which tells no direction");
    else if (!strcmp(whole, "dual_mono"))
        puts("stereo: two channels with the same sound (dual mono), which tell no direction");
    else if (!strcmp(whole, "silent"))
        puts("stereo: silence");
    else
        printf("stereo: a direction in %lld of %lld frames; silent in %lld, diffuse in %lld, both channels the same in %lld\n",
               (long long)w->kinds[AVSOUND_STEREO_DIRECTION], (long long)w->frames, (long long)w->kinds[AVSOUND_STEREO_SILENT],
               (long long)w->kinds[AVSOUND_STEREO_DIFFUSE], (long long)w->kinds[AVSOUND_STEREO_DUAL_MONO]);
    if (w->channels > 2)
        printf("stereo: %d channels, mixed down to two\n", w->channels);
}

void witness_print(const witness *w)
{
    if (!w->stereo)
        return;
    print_kind(w);
    if (w->sure)
        printf("stereo: map and channels disagree in %lld of the %lld frames in which both are sure\n", (long long)w->disagree,
               (long long)w->sure);
    for (size_t i = 0; i < w->stretch_count; i++) {
        const witness_stretch *s = &w->stretches[i];
        printf("stereo: they disagree at %.2f ... %.2f s: the map points to %.2f of the width, the channels to %.2f\n",
               (double)s->first_us / 1e6, (double)s->last_us / 1e6, width_share(s->map, s->frames),
               width_share(s->stereo, s->frames));
    }
}

json_t *witness_json(const witness *w)
{
    if (!w->stereo)
        return NULL;
    json_t *counts = json_object(), *stretches = json_array();
    for (int k = AVSOUND_STEREO_DIRECTION; k <= AVSOUND_STEREO_DIFFUSE; k++)
        json_object_set_new(counts, kind_names[k], json_integer((json_int_t)w->kinds[k]));
    for (size_t i = 0; i < w->stretch_count; i++) {
        const witness_stretch *s = &w->stretches[i];
        json_array_append_new(stretches, json_pack("{s:o, s:o, s:I, s:f, s:f}", "start", cli_json_seconds(s->first_us), "end",
                                                   cli_json_seconds(s->last_us), "frames", (json_int_t)s->frames, "map",
                                                   s->map / (double)s->frames, "stereo", s->stereo / (double)s->frames));
    }
    return json_pack("{s:i, s:s, s:o, s:I, s:I, s:o}", "channels", w->channels, "kind", overall(w), "frames", counts, "sure",
                     (json_int_t)w->sure, "disagree", (json_int_t)w->disagree, "disagreements", stretches);
}

void witness_close(witness *w)
{
    avsound_stereo_free(w->stereo);
    free(w->stretches);
    if (w->writes_csv)
        cli_records_discard(&w->csv);
    *w = (witness){0};
}
