/* Any numbers in the descriptions of frames and sounds. Where the memory that a description tells of is small, it is there, to
 * the byte; where it isn't, one byte is, and the description must be refused before more is touched. build.sh says how to run
 * it. */
#include "fuzz.h"

enum { MOST_BYTES = 1 << 20 };

/* ---- frames ---- */

static uint8_t *plane_memory(bytes *b, int64_t row, int64_t rows, int64_t stride, uint8_t **top)
{
    const int64_t step = stride < 0 ? -stride : stride;
    const int64_t size = rows < 1 || row < 1 ? 1 : step * (rows - 1) + row;
    const size_t kept = size <= MOST_BYTES ? (size_t)size : 1;
    uint8_t *memory = malloc(kept);
    must(memory != NULL);
    memset(memory, take(b, 1), kept);
    *top = memory + (stride < 0 && kept > 1 ? step * (rows - 1) : 0);
    return memory;
}

static void try_frame(avsound_context *context, bytes *b)
{
    uint8_t *memory[4] = {0};
    int there = 1; /* all the memory that is told of */
    avsound_frame frame = {.struct_size = sizeof frame,
                           .format = take(b, 1) % 12,
                           .width = take_number(b),
                           .height = take_number(b),
                           .range = take(b, 1) % 4,
                           .matrix = take(b, 1) % 5};
    for (int p = 0; p < 4; p++) {
        int64_t row = 0, rows = 0;
        const int known = plane_of(frame.format, p, frame.width, frame.height, &row, &rows);
        const int kind = take(b, 1);
        const int64_t stride = kind < 120   ? row
                               : kind < 180 ? -row - take(b, 1)
                               : kind < 240 ? row + take(b, 1)
                                            : take(b, 4);
        frame.stride[p] = (int32_t)stride;
        if (!known || kind == 255)
            continue;
        uint8_t *top;
        memory[p] = plane_memory(b, row, rows, frame.stride[p], &top);
        frame.data[p] = top;
        const int64_t step = frame.stride[p] < 0 ? -(int64_t)frame.stride[p] : frame.stride[p];
        there &= step * (rows - 1) + row <= MOST_BYTES;
    }
    const int64_t pixels = (int64_t)frame.width * frame.height;
    const int within = frame.width > 0 && frame.height > 0 && pixels <= 1 << 18;
    /* A description that no check can refute tells of memory that it would take gigabytes to provide: not asked. */
    if (there || !within) {
        const int32_t rows = 1 + take(b, 1) % 16, cols = 1 + take(b, 1) % 16;
        static const float map[256];
        uint8_t *rgb = malloc(within ? (size_t)pixels * 3 : 1);
        must(rgb != NULL);
        const int32_t stride = within ? frame.width * 3 : 3;
        fine(avsound_draw_map(context, &frame, map, rows, cols, "jet", 0.5f, rgb, stride));
        fine(avsound_draw_cam(context, &frame, map, rows, cols, rgb, stride));
        free(rgb);
    }
    for (int p = 0; p < 4; p++)
        free(memory[p]);
}

/* ---- sounds ---- */

static void try_sound(const avsound_model *model, bytes *b)
{
    static const int sizes[] = {0, 4, 2, 4, 8};
    const void *planes[16] = {0};
    void *memory = NULL;
    avsound_audio audio = {.struct_size = sizeof audio,
                           .format = take(b, 1) % 6,
                           .sample_rate = take_number(b),
                           .channels = take_number(b),
                           .planar = take(b, 1) % 3,
                           .frames = take_number(b)};
    const int bytes_each = audio.format < 5 ? sizes[audio.format] : 0;
    const int legal = audio.channels > 0 && audio.channels <= 8 && audio.frames >= 0 && bytes_each;
    /* More than ten seconds ask for much, rightly. */
    if (legal && (audio.frames > 65536 || (audio.sample_rate > 0 && audio.frames > 10 * (int64_t)audio.sample_rate)))
        return;
    const size_t size = legal ? (size_t)audio.frames * (size_t)audio.channels * (size_t)bytes_each : 1;
    memory = malloc(size ? size : 1);
    must(memory != NULL);
    fill(memory, size, b);
    for (int32_t c = 0; legal && c < audio.channels; c++)
        planes[c] = (const uint8_t *)memory + (size_t)c * (size_t)audio.frames * (size_t)bytes_each;
    audio.data = memory;
    audio.planes = planes;
    size_t count = 0;
    int32_t bins;
    int64_t columns;
    if (fine(avsound_spectrogram(model, &audio, NULL, &count, &bins, &columns)) && count) {
        float *values = malloc(count * sizeof *values);
        must(values != NULL);
        fine(avsound_spectrogram(model, &audio, values, &count, &bins, &columns));
        free(values);
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static avsound_context *context;
    static avsound_model *model;
    if (!context) {
        context = small_context();
        must(avsound_model_create(context, "ave-net", "{\"width\": 0.0625}", 1, &model) == AVSOUND_OK);
    }
    bytes b = {data, size};
    if (take(&b, 1) % 2)
        try_frame(context, &b);
    else
        try_sound(model, &b);
    return 0;
}
