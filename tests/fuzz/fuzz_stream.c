/* Any order of calls to a stream: which, with what times, sizes and formats, the bytes choose. What is accepted must come out with
 * times that rise, numbers that are finite, and counts that agree. build.sh says how to run it. */
#include "fuzz.h"

enum { CALLS = 80, RESULTS = 16, SOUNDS = 1 << 15, SECOND = 1000000 };

/* ---- the three tasks, on small networks ---- */

enum { SCAN, OFFSET, SEPARATION, TASKS };

static const char *const archs[TASKS] = {"avol-net", "sync-net", "mask-net"};
static const char *const configs[TASKS] = {
    "{\"width\": 0.0625, \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 32}}",
    "{\"width\": 0.0625, \"image\": {\"width\": 32, \"height\": 24}}",
    ("{\"width\": 0.0625, \"unet_width\": 0.0625, \"clip\": {\"frames\": 12}, \"image\": {\"width\": 32, \"height\": 32,"
     " \"short_side\": 32}, \"separation\": {\"fft\": 512, \"window\": 512, \"hop\": 256, \"columns\": 32}}"),
};

static avsound_model *model_of(int task)
{
    static avsound_context *context;
    static avsound_model *models[TASKS];
    if (!context)
        context = small_context();
    if (!models[task])
        must(avsound_model_create(context, archs[task], configs[task], 1, &models[task]) == AVSOUND_OK);
    return models[task];
}

typedef struct play {
    avsound_stream *stream;
    bytes b;
    avsound_frame frame;
    avsound_audio sound;
    int64_t frame_us, sound_us; /* times of the next */
    int64_t frames, samples, results; /* pushed, and delivered */
    int32_t cuts, segment;
    int64_t time_us; /* of the last result */
    int flushed;
} play;

static int create(play *p, int task)
{
    avsound_stream_options o;
    avsound_scan_options scan;
    avsound_offset_options offset;
    avsound_separator_options separator;
    avsound_stream_options_init(&o, sizeof o);
    avsound_scan_options_init(&scan, sizeof scan);
    avsound_offset_options_init(&offset, sizeof offset);
    avsound_separator_options_init(&separator, sizeof separator);
    scan.threads = offset.threads = separator.threads = 1;
    scan.what = 1 + take(&p->b, 1) % 31;
    scan.hop_seconds = take(&p->b, 1) / 100.0;
    offset.range_seconds = 0.4;
    offset.window_seconds = 2;
    separator.flags = take(&p->b, 1) % 2 ? AVSOUND_SEPARATE_CONSISTENT : 0;
    o.scan = task == SCAN ? &scan : NULL;
    o.offset = task == OFFSET ? &offset : NULL;
    o.separator = task == SEPARATION ? &separator : NULL;
    o.rate_num = take_number(&p->b);
    o.rate_den = o.rate_num ? 1 : 0;
    o.patience_us = (take(&p->b, 1) - 8) * 50000;
    o.most_bytes = take(&p->b, 1) * 4096;
    return fine(avsound_stream_create(model_of(task), &o, &p->stream));
}

/* ---- pushing ---- */

/* Mostly to where the last one ended, sometimes elsewhere. */
static int64_t take_time(play *p, int64_t expected_us)
{
    const int kind = take(&p->b, 1);
    return kind < 200   ? expected_us
           : kind < 240 ? expected_us + (int8_t)take(&p->b, 1) * 10000
                        : (int64_t)take(&p->b, 4) * (1 << (kind - 240));
}

/* What follows a push that is not OK: nothing was taken of it, or the stream is done for until it is reset. */
static int pushed(avsound_status status)
{
    must(status != AVSOUND_E_END && status != AVSOUND_E_BACKEND);
    return fine(status);
}

static void push_frame(play *p)
{
    uint8_t *memory[4] = {0};
    avsound_frame *f = &p->frame;
    f->time_us = take_time(p, p->frame_us);
    for (int plane = 0; plane < 4; plane++) {
        int64_t row = 0, rows = 0;
        f->data[plane] = NULL;
        f->stride[plane] = 0;
        if (!plane_of(f->format, plane, f->width, f->height, &row, &rows))
            continue;
        memory[plane] = malloc((size_t)(row * rows));
        must(memory[plane] != NULL);
        fill(memory[plane], (size_t)(row * rows), &p->b);
        f->data[plane] = memory[plane];
        f->stride[plane] = (int32_t)row;
    }
    if (pushed(avsound_stream_push_frame(p->stream, f))) {
        must(!p->flushed);
        p->frames++;
        p->frame_us = f->time_us > INT64_MAX / 2 ? 0 : f->time_us + SECOND / 25;
    }
    for (int plane = 0; plane < 4; plane++)
        free(memory[plane]);
}

static void push_sound(play *p)
{
    static const int sizes[] = {1, 4, 2, 4, 8, 1};
    avsound_audio *a = &p->sound;
    const void *planes[8] = {0};
    a->frames = 4 * (int64_t)take_number(&p->b);
    a->time_us = take_time(p, p->sound_us);
    const int sane = a->frames >= 0 && a->frames <= SOUNDS && a->channels > 0 && a->channels <= 8;
    const size_t plane = sane ? (size_t)a->frames * (size_t)sizes[a->format] : 1, size = sane ? plane * (size_t)a->channels : 1;
    if (!sane && a->frames > 0 && a->channels > 0)
        return; /* tells of memory that no check can miss */
    uint8_t *memory = malloc(size ? size : 1);
    must(memory != NULL);
    fill(memory, size, &p->b);
    for (int c = 0; sane && c < a->channels; c++)
        planes[c] = memory + (size_t)c * plane;
    a->data = memory;
    a->planes = planes;
    if (pushed(avsound_stream_push_audio(p->stream, a))) {
        must(!p->flushed && sane);
        p->samples += a->frames;
        p->sound_us = a->time_us > INT64_MAX / 2 ? 0 : a->time_us + a->frames * SECOND / a->sample_rate;
    }
    free(memory);
}

/* ---- pulling ---- */

static void all_finite(const float *values, int64_t count, float least, float most)
{
    for (int64_t i = 0; values && i < count; i++)
        must(values[i] >= least && values[i] <= most);
}

static void look_at(const play *p, const avsound_stream_result *r)
{
    must(r->index == p->results && r->segment <= p->cuts);
    must(r->segment > p->segment || (r->segment == p->segment && (p->results == 0 || r->time_us >= p->time_us)));
    must((r->scan != NULL) + (r->offset != NULL) + (r->separation != NULL) == 1);
    if (r->scan) {
        must(r->scan->time_us == r->time_us);
        all_finite(&r->scan->confidence, 1, 0, 1);
        all_finite(r->scan->map, (int64_t)r->scan->rows * r->scan->cols, 0, 1);
        all_finite(r->scan->embedding_image, r->scan->dimension, -1e30f, 1e30f);
        all_finite(r->scan->embedding_audio, r->scan->dimension, -1e30f, 1e30f);
    } else if (r->offset) {
        must(r->offset->confidence >= 0 && r->offset->confidence <= 1);
    } else {
        must(r->separation->time_us == r->time_us && r->separation->samples > 0);
        all_finite(r->separation->on, r->separation->samples, -1e30f, 1e30f);
        all_finite(r->separation->off, r->separation->samples, -1e30f, 1e30f);
    }
}

static avsound_status pull(play *p)
{
    avsound_stream_result r = {.struct_size = sizeof r};
    const avsound_status status = avsound_stream_next(p->stream, &r);
    if (status != AVSOUND_E_AGAIN && status != AVSOUND_E_END && fine(status)) {
        look_at(p, &r);
        p->results++;
        p->segment = r.segment;
        p->time_us = r.time_us;
    }
    must(status != AVSOUND_E_END || p->flushed);
    return status;
}

static void count(const play *p)
{
    avsound_stream_state s = {.struct_size = sizeof s};
    must(avsound_stream_get_state(p->stream, &s) == AVSOUND_OK);
    must(s.bytes >= 0 && s.results == p->results && s.frames == p->frames && s.samples == p->samples);
    must(s.late_frames >= 0 && s.late_frames <= s.frames && s.late_samples >= 0 && s.late_samples <= s.samples);
    must(s.stand_in_frames >= 0 && s.stand_in_samples >= 0);
}

/* ---- the calls ---- */

static void choose_formats(play *p)
{
    static const int32_t rates[] = {48000, 44100, 16000, 8000, 22050, 192000, 1, 11025};
    p->frame = (avsound_frame){.struct_size = sizeof p->frame,
                               .format = take(&p->b, 1) % 12,
                               .width = 1 + take(&p->b, 1) % 80,
                               .height = 1 + take(&p->b, 1) % 80,
                               .range = take(&p->b, 1) % 3,
                               .matrix = take(&p->b, 1) % 4};
    p->sound = (avsound_audio){.struct_size = sizeof p->sound,
                               .format = take(&p->b, 1) % 6,
                               .sample_rate = rates[take(&p->b, 1) % 8],
                               .channels = take(&p->b, 1) % 10,
                               .planar = take(&p->b, 1) % 2};
}

static void forget(play *p)
{
    p->frames = p->samples = p->results = 0;
    p->cuts = p->segment = 0;
    p->flushed = 0;
}

static void call(play *p)
{
    const int which = take(&p->b, 1) % 32;
    if (which < 10)
        push_frame(p);
    else if (which < 20)
        push_sound(p);
    else if (which < 25)
        pull(p);
    else if (which < 26)
        choose_formats(p);
    else if (which < 28)
        p->cuts += fine(avsound_stream_discontinuity(p->stream));
    else if (which < 29)
        p->flushed |= fine(avsound_stream_flush(p->stream));
    else if (which < 30) {
        avsound_stream_reset(p->stream);
        forget(p);
    } else if (which < 31)
        avsound_stream_cancel(p->stream);
    else
        count(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play p = {.b = {data, size}};
    const int task = take(&p.b, 1) % TASKS;
    if (!create(&p, task))
        return 0;
    choose_formats(&p);
    must(avsound_stream_latency(p.stream) >= 0);
    for (int i = 0; i < CALLS && p.b.size; i++)
        call(&p);
    count(&p);
    p.flushed |= fine(avsound_stream_flush(p.stream));
    for (int i = 0; i < RESULTS && pull(&p) == AVSOUND_OK; i++)
        ;
    avsound_stream_free(p.stream);
    return 0;
}
