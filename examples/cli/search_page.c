/* avsound search --html: the answers as they look and sound, on one page that needs nothing else. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "search.h"
#include "search_html.h" /* made of search.html: search_html, a string */

enum { RATE = 16000, SNIPPET = 2 * RATE, WAV_HEADER = 44, WIDEST = 320 };

typedef struct page {
    const search_job *j;
    char folder[4096], picture[4200]; /* a file of pictures on their way */
} page;

/* ---- base64 ---- */

static json_t *encode(const void *bytes, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    const bool good = memory && report_put_base64(memory, bytes, count);
    json_t *encoded = memory && !fclose(memory) && good ? json_stringn(text, size) : NULL;
    free(text);
    return encoded ? encoded : json_null();
}

static json_t *encode_picture(const page *p, const uint8_t *rgb, int32_t width, int32_t height)
{
    static unsigned char bytes[1 << 20];
    const avsound_frame frame = {.struct_size = sizeof frame, .format = AVSOUND_PIXEL_RGB24, .width = width, .height = height,
                                 .data = {rgb}, .stride = {3 * width}};
    if (avsound_picture_write(p->j->c->context, p->picture, &frame))
        return json_null();
    FILE *file = fopen(p->picture, "rb");
    const size_t count = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return count && count < sizeof bytes ? encode(bytes, count) : json_null();
}

/* ---- pictures ---- */

/* In place: the mean of squares of `factor` pixels. */
static void shrink(uint8_t *rgb, int32_t *width, int32_t *height, int32_t factor)
{
    const int32_t w = *width / factor, h = *height / factor;
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < 3 * w; x++) {
            int sum = 0;
            for (int32_t i = 0; i < factor * factor; i++)
                sum += rgb[((int64_t)(y * factor + i / factor) * *width + (x / 3) * factor + i % factor) * 3 + x % 3];
            rgb[(int64_t)y * w * 3 + x] = (uint8_t)(sum / (factor * factor));
        }
    *width = w;
    *height = h;
}

static json_t *draw_frame(const page *p, const avsound_frame *frame)
{
    const float nothing = 0;
    int32_t width = frame->width, height = frame->height;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    json_t *picture = NULL;
    if (rgb && !avsound_draw_map(p->j->c->context, frame, &nothing, 1, 1, "grey", 0, rgb, 3 * width)) {
        const int32_t factor = (width > height ? width : height) / WIDEST;
        if (factor > 1)
            shrink(rgb, &width, &height, factor);
        picture = encode_picture(p, rgb, width, height);
    }
    free(rgb);
    return picture ? picture : json_null();
}

/* null where there is no picture. */
static json_t *frame_at(const page *p, const char *path, int64_t time_us)
{
    avsound_scan *scan = NULL;
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_FRAME;
    options.threads = 1;
    options.hop_seconds = 1e-3;
    options.start_us = time_us;
    avsound_scan_result r = {.struct_size = sizeof r};
    const bool there = !avsound_scan_create(p->j->model.model, path, &options, &scan) && !avsound_scan_next(scan, &r) && r.frame;
    json_t *picture = there ? draw_frame(p, r.frame) : json_null();
    avsound_scan_free(scan);
    return picture;
}

/* ---- sounds ---- */

static int64_t read_snippet(const page *p, const char *path, int64_t start_us, float *samples)
{
    int64_t count = 0;
    avsound_media *media;
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.ignore_video = 1;
    options.audio_rate = RATE;
    options.audio_channels = 1;
    if (avsound_media_open(p->j->c->context, path, &options, &media))
        return 0;
    avsound_audio piece = {.struct_size = sizeof piece};
    avsound_status status = start_us > 0 ? avsound_media_seek(media, start_us) : AVSOUND_OK;
    while (!status && count < SNIPPET && !(status = avsound_media_read_audio(media, &piece))) {
        const int64_t n = piece.frames < SNIPPET - count ? piece.frames : SNIPPET - count;
        memcpy(samples + count, piece.data, (size_t)n * sizeof *samples);
        count += n;
    }
    avsound_media_free(media);
    return count;
}

static void put_number(unsigned char *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static json_t *encode_sound(const float *samples, int64_t count)
{
    static unsigned char wav[WAV_HEADER + 2 * SNIPPET];
    const uint32_t bytes = 2 * (uint32_t)count;
    memcpy(wav, "RIFF....WAVEfmt ", 16);
    put_number(wav + 4, 36 + bytes, 4);
    put_number(wav + 16, 16, 4);
    put_number(wav + 20, 1 | 1u << 16, 4); /* integers, one channel */
    put_number(wav + 24, RATE, 4);
    put_number(wav + 28, 2 * RATE, 4);
    put_number(wav + 32, 2 | 16u << 16, 4);
    memcpy(wav + 36, "data", 4);
    put_number(wav + 40, bytes, 4);
    for (int64_t i = 0; i < count; i++)
        put_number(wav + WAV_HEADER + 2 * i, (uint32_t)lrintf(32767 * fminf(fmaxf(samples[i], -1), 1)), 2);
    return encode(wav, WAV_HEADER + bytes);
}

/* From black over red and yellow to white. */
static void colour(float value, uint8_t rgb[3])
{
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lrintf(255 * fminf(fmaxf(3 * value - (float)c, 0), 1));
}

static json_t *draw_strip(const page *p, const float *values, int32_t bins, int32_t columns)
{
    float least = INFINITY, most = -INFINITY;
    uint8_t *rgb = malloc((size_t)bins * (size_t)columns * 3);
    for (int64_t i = 0; i < (int64_t)bins * columns; i++) {
        least = fminf(least, values[i]);
        most = fmaxf(most, values[i]);
    }
    for (int64_t y = 0; rgb && y < bins; y++) /* low tones below */
        for (int64_t x = 0; x < columns; x++)
            colour((values[(bins - 1 - y) * columns + x] - least) / fmaxf(most - least, 1e-6f), rgb + 3 * (y * columns + x));
    json_t *strip = rgb ? encode_picture(p, rgb, columns, bins) : json_null();
    free(rgb);
    return strip;
}

/* As the network hears it. */
static json_t *strip_of(const page *p, const float *samples, int64_t count)
{
    const avsound_audio sound = {.struct_size = sizeof sound, .format = AVSOUND_SAMPLE_F32, .sample_rate = RATE, .channels = 1,
                                 .frames = count, .data = samples};
    int32_t bins = 0;
    int64_t columns = 0;
    size_t size = 0;
    const avsound_status asked = avsound_spectrogram(p->j->model.model, &sound, NULL, &size, &bins, &columns);
    float *values = !asked || asked == AVSOUND_E_BUFFER_SIZE ? malloc((size + 1) * sizeof *values) : NULL;
    const bool there = values && size && !avsound_spectrogram(p->j->model.model, &sound, values, &size, &bins, &columns);
    json_t *strip = there ? draw_strip(p, values, bins, (int32_t)columns) : json_null();
    free(values);
    return strip;
}

/* ---- places ---- */

/* What is to be seen and heard there becomes "picture", "strip" and "sound" of `to`. */
static void add_place(const page *p, json_t *to, const char *path, int64_t time_us)
{
    static float samples[SNIPPET];
    const int64_t start_us = time_us - (int64_t)SNIPPET * 500000 / RATE;
    const int64_t count = read_snippet(p, path, start_us > 0 ? start_us : 0, samples);
    json_object_set_new(to, "picture", frame_at(p, path, time_us));
    json_object_set_new(to, "strip", count ? strip_of(p, samples, count) : json_null());
    json_object_set_new(to, "sound", count ? encode_sound(samples, count) : json_null());
}

static int64_t time_of_query(const page *p, const search_query *q)
{
    avsound_media_info info;
    if (q->time_us >= 0 || q->from == AVSOUND_INDEX_IMAGE || cli_media_info(p->j->c, q->path, &info))
        return q->time_us > 0 ? q->time_us : 0;
    return info.audio_duration_us > 0 ? info.audio_start_us + info.audio_duration_us / 2 : 0;
}

static int add_answers(const page *p, const search_query *q, json_t *list)
{
    int code = CLI_OK;
    bool there = true;
    for (int64_t i = 0; !code && there; i++) {
        search_answer a;
        code = cli_interrupted() ? CLI_FAILED : search_answer_at(p->j, q, i, &a, &there);
        if (code || !there)
            break;
        json_t *answer = json_pack("{s:I, s:f, s:f, s:o, s:o}", "rank", (json_int_t)i + 1, "score", (double)a.score, "time",
                                   (double)a.item.time_us / 1e6, "file", cli_json_text(a.file.path), "state",
                                   a.state ? json_string(a.state) : json_null());
        if (a.state == NULL || strcmp(a.state, "missing"))
            add_place(p, answer, a.file.path, a.item.time_us);
        if (json_array_append_new(list, answer))
            code = cli_error(CLI_RESOURCES, "search: out of memory");
    }
    return code;
}

static int add_queries(const page *p, json_t *queries)
{
    int code = CLI_OK;
    for (int i = 0; !code && i < p->j->count; i++) {
        const search_query *q = &p->j->queries[i];
        const int64_t time_us = time_of_query(p, q);
        json_t *answers = json_array();
        json_t *query = json_pack("{s:o, s:s, s:s, s:f, s:o}", "text", cli_json_text(q->asked->text), "from", search_word(q->from),
                                  "for", search_word(q->want), "time", (double)time_us / 1e6, "answers", answers);
        add_place(p, query, q->path, time_us);
        code = add_answers(p, q, answers);
        if (json_array_append_new(queries, query))
            code = cli_error(CLI_RESOURCES, "search: out of memory");
    }
    return code;
}

/* ---- the page ---- */

static int make_folder(page *p)
{
    const int code = cli_temporary_folder("search", p->folder, sizeof p->folder);
    if (!code)
        snprintf(p->picture, sizeof p->picture, "%s/picture.jpg", p->folder);
    return code;
}

static int write_page(const char *path, const json_t *data)
{
    static const char slot[] = "@DATA@";
    const char *at = strstr(search_html, slot);
    cli_outfile out;
    int code = cli_outfile_open(&out, path);
    if (!code && !(fwrite(search_html, 1, (size_t)(at - search_html), out.file) == (size_t)(at - search_html) &&
                   report_put_data(out.file, data) && fputs(at + strlen(slot), out.file) >= 0))
        code = cli_write_failed(path);
    if (!code)
        code = cli_outfile_finish(&out);
    cli_outfile_discard(&out);
    return code;
}

int search_page(const search_job *j, const char *path)
{
    page p = {.j = j};
    char facts[256];
    const char *slash = strrchr(j->c->args.inputs[0], '/');
    snprintf(facts, sizeof facts, "%lld pictures and %lld sounds of %lld files. The score is a cosine, 1 at most.",
             (long long)j->info.images, (long long)j->info.sounds, (long long)j->info.files);
    json_t *queries = json_array();
    json_t *data = json_pack("{s:o, s:s, s:o}", "name", cli_json_text(slash ? slash + 1 : j->c->args.inputs[0]), "facts", facts,
                             "queries", queries);
    int code = data ? make_folder(&p) : cli_error(CLI_RESOURCES, "search: out of memory");
    if (!code)
        code = add_queries(&p, queries);
    if (!code)
        code = write_page(path, data);
    if (*p.folder) {
        unlink(p.picture);
        rmdir(p.folder);
    }
    json_decref(data);
    return code;
}
