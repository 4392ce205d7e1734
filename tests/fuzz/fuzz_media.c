/* Any bytes as a media file, read through callbacks that bring them in pieces. build.sh says how to run it. */
#include "fuzz.h"

typedef struct tape {
    const uint8_t *data;
    int64_t size, position, piece;
} tape;

static int64_t read_tape(void *buffer, int64_t size, void *user_data)
{
    tape *t = user_data;
    must(size > 0 && t->position >= 0 && t->position < t->size);
    int64_t count = t->size - t->position < size ? t->size - t->position : size;
    count = count < t->piece ? count : t->piece;
    memcpy(buffer, t->data + t->position, (size_t)count);
    t->position += count;
    return count;
}

static int32_t seek_tape(int64_t position, void *user_data)
{
    tape *t = user_data;
    must(position >= 0 && position < t->size);
    t->position = position;
    return 0;
}

enum { FRAMES = 8, STRETCHES = 32 };

/* Pictures whose every byte may be read, at times that rise; samples that are numbers. */
static void read_some(avsound_media *media)
{
    volatile uint8_t sum = 0;
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    int64_t last = INT64_MIN;
    for (int i = 0; i < FRAMES && fine(avsound_media_read_frame(media, &frame)); i++) {
        must(frame.width > 0 && frame.height > 0 && frame.time_us > last);
        last = frame.time_us;
        for (int32_t y = 0; y < frame.height; y++)
            sum = (uint8_t)(sum + frame.data[0][y * frame.stride[0]] +
                            frame.data[0][y * frame.stride[0] + frame.width - 1]);
    }
    for (int i = 0; i < STRETCHES && fine(avsound_media_read_audio(media, &audio)); i++) {
        must(audio.frames > 0 && audio.channels > 0 && audio.sample_rate > 0);
        for (int64_t k = 0; k < audio.frames * audio.channels; k++)
            must(((const float *)audio.data)[k] - ((const float *)audio.data)[k] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t *copy = exact_copy(data, size);
    tape t = {.data = copy, .size = (int64_t)size, .piece = 1 + (int64_t)size * 7919 % 2048};
    const avsound_io io = {.struct_size = sizeof io,
                           .size = (int64_t)size,
                           .read = read_tape,
                           .seek = seek_tape,
                           .user_data = &t,
                           .name = "fuzz"};
    avsound_media_options options;
    avsound_media_options_init(&options, sizeof options);
    options.audio_rate = size % 2 ? 16000 : 0;
    options.audio_channels = size % 3 ? 1 : 0;
    avsound_context *context = small_context();
    avsound_media *media;
    if (fine(avsound_media_open_io(context, &io, &options, &media))) {
        avsound_media_info info = {.struct_size = sizeof info};
        must(avsound_media_get_info(media, &info) == AVSOUND_OK && (info.has_video || info.has_audio));
        read_some(media);
        if (fine(avsound_media_seek(media, (int64_t)size * 100)))
            read_some(media);
    }
    avsound_media_free(media);
    avsound_context_free(context);
    free(copy);
    return 0;
}
