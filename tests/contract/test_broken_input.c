/* Small media and models with every byte missing in turn: cut there, unreadable from there on, read in two pieces that meet
 * there. What is delivered is right, what is missing is said, and nothing breaks. */
#include "contract/fixture.h"
#include "input.h"
#include "unit/media/make_media.h"

typedef struct kind {
    const char *name;
    make_spec spec;
    int cut_is_seen; /* by what the container says of its own size */
} kind;

static const kind kinds[] = {
    {"film.mkv",
     {.container = "matroska",
      .video_encoder = "mpeg4",
      .width = 16,
      .height = 16,
      .frames = 3,
      .pixel_format = AV_PIX_FMT_YUV420P,
      .tick = {1, 25},
      .audio_encoder = "pcm_s16le",
      .rate = 4000,
      .channels = 1,
      .samples = 480},
     1},
    {"film.mp4",
     {.container = "mp4",
      .mux_options = "movflags=faststart",
      .video_encoder = "mpeg4",
      .width = 16,
      .height = 16,
      .frames = 3,
      .pixel_format = AV_PIX_FMT_YUV420P,
      .tick = {1, 25},
      .audio_encoder = "aac",
      .rate = 8000,
      .channels = 1,
      .samples = 1000,
      .tones = 1},
     1},
    {"film.flv",
     {.container = "flv",
      .video_encoder = "flv",
      .width = 16,
      .height = 16,
      .frames = 3,
      .pixel_format = AV_PIX_FMT_YUV420P,
      .tick = {1, 25}},
     0},
    {"sound.wav", {.container = "wav", .audio_encoder = "pcm_s16le", .rate = 8000, .channels = 1, .samples = 300}, 0},
    {"sound.nut", {.container = "nut", .audio_encoder = "pcm_s16le", .rate = 8000, .channels = 1, .samples = 300}, 0},
    {"picture.png",
     {.container = "image2",
      .mux_options = "update=1",
      .video_encoder = "png",
      .width = 8,
      .height = 8,
      .frames = 1,
      .pixel_format = AV_PIX_FMT_RGB24,
      .tick = {1, 25}},
     0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static input made(const kind *k)
{
    const char *path = temporary_path(k->name);
    make_media(path, &k->spec);
    const input in = input_of_file(path);
    ck_assert_uint_le(in.size, 16000);
    return in;
}

typedef struct heard {
    int64_t frames, samples;
    avsound_status first; /* that is neither success nor the end */
} heard;

static avsound_status not_end(avsound_status status)
{
    ck_assert_int_ne(status, AVSOUND_E_INTERNAL);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

static void read_all(avsound_media *media, heard *h)
{
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    avsound_status status = AVSOUND_OK;
    *h = (heard){0};
    ck_avsound(avsound_media_get_info(media, &info));
    while (info.has_video && !(status = avsound_media_read_frame(media, &frame)))
        h->frames++;
    h->first = not_end(status);
    status = AVSOUND_OK;
    while (info.has_audio && !(status = avsound_media_read_audio(media, &audio)))
        h->samples += audio.frames;
    h->first = h->first ? h->first : not_end(status);
}

static heard hear(avsound_status opened, avsound_media *media)
{
    heard h = {.first = opened};
    ck_assert_int_ne(opened, AVSOUND_E_INTERNAL);
    if (!opened)
        read_all(media, &h);
    avsound_media_free(media);
    return h;
}

static heard hear_through(avsound_context *context, input *in, const char *name)
{
    avsound_media *media = NULL;
    const avsound_io io = input_io(in, name);
    const avsound_status status = avsound_media_open_io(context, &io, NULL, &media);
    return hear(status, media);
}

START_TEST(every_beginning_of_a_file_is_read_or_refused)
{
    avsound_context *context = plain_context();
    const kind *k = &kinds[_i];
    input in = made(k);
    avsound_media *media = NULL;
    avsound_status status = avsound_media_open_memory(context, in.data, in.size, k->name, NULL, &media);
    const heard whole = hear(status, media);
    ck_assert_int_eq(whole.first, AVSOUND_OK);
    ck_assert_int_gt(whole.frames + whole.samples, 0);
    int refused = 0, said = 0;
    for (size_t size = 0; size < in.size; size++) {
        input part = input_of(in.data, size);
        media = NULL;
        status = avsound_media_open_memory(context, part.data, size, k->name, NULL, &media);
        const heard h = hear(status, media);
        ck_assert_msg(h.frames <= whole.frames && h.samples <= whole.samples,
                      "%zu bytes of %s: %lld frames, %lld samples", size, k->name, (long long)h.frames,
                      (long long)h.samples);
        if (k->cut_is_seen && (h.frames < whole.frames || h.samples < whole.samples))
            ck_assert_msg(h.first != AVSOUND_OK,
                          "%zu bytes of %s: %lld frames, %lld samples, and no word of what is missing", size, k->name,
                          (long long)h.frames, (long long)h.samples);
        refused += status != AVSOUND_OK;
        said += h.first != AVSOUND_OK;
        input_drop(&part);
    }
    printf("%s: %zu beginnings, %d not opened, %d said to be cut\n", k->name, in.size, refused, said);
    input_drop(&in);
    avsound_context_free(context);
}
END_TEST

/* A read error is never taken for the end: either it is reported, or nothing is missing. */
START_TEST(read_errors_at_every_byte_are_reported)
{
    avsound_context *context = plain_context();
    const kind *k = &kinds[_i];
    input in = made(k);
    const heard whole = hear_through(context, &in, k->name);
    ck_assert_int_eq(whole.first, AVSOUND_OK);
    int reported = 0;
    for (size_t at = 0; at < in.size; at++) {
        in.fails_at = (int64_t)at;
        in.answer = -5;
        avsound_media *media = NULL;
        const avsound_io io = input_io(&in, k->name);
        avsound_status status = avsound_media_open_io(context, &io, NULL, &media);
        heard h = {.first = status};
        if (media)
            read_all(media, &h);
        if (h.first)
            ck_assert_msg(h.first == AVSOUND_E_IO, "%s unreadable at %zu: %s (%s)", k->name, at,
                          avsound_status_name(h.first), avsound_error_detail());
        else
            ck_assert_msg(h.frames == whole.frames && h.samples == whole.samples, "%s unreadable at %zu: silently less",
                          k->name, at);
        reported += h.first == AVSOUND_E_IO;
        /* Once the bytes can be read again, so can the media. */
        in.fails_at = -1;
        if (media) {
            ck_avsound(avsound_media_seek(media, 0));
            read_all(media, &h);
            ck_assert_int_eq(h.first, AVSOUND_OK);
        }
        avsound_media_free(media);
    }
    printf("%s: %zu read errors, %d reported\n", k->name, in.size, reported);
    ck_assert_int_gt(reported, 0);
    input_drop(&in);
    avsound_context_free(context);
}
END_TEST

START_TEST(reads_in_two_pieces_are_as_good_as_one)
{
    avsound_context *context = plain_context();
    const kind *k = &kinds[_i];
    input in = made(k);
    const heard whole = hear_through(context, &in, k->name);
    for (size_t at = 1; at < in.size; at++) {
        in.break_at = (int64_t)at;
        const heard h = hear_through(context, &in, k->name);
        ck_assert_msg(h.first == AVSOUND_OK && h.frames == whole.frames && h.samples == whole.samples,
                      "%s read up to %zu, then on: %s", k->name, at, avsound_error_detail());
    }
    input_drop(&in);
    avsound_context_free(context);
}
END_TEST

/* Every byte of the header, and some of the weights. */
static size_t next_size(size_t size, size_t header)
{
    return size < header + 16 ? size + 1 : size + 4099;
}

START_TEST(models_need_every_byte)
{
    char folder[64], path[96];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "sync-net");
    ck_avsound(avsound_model_save(model, path));
    avsound_model_free(model);
    input in = input_of_file(path);
    uint64_t header;
    memcpy(&header, in.data, sizeof header);
    int tried = 0;
    for (size_t size = 0; size < in.size; size = next_size(size, 8 + (size_t)header), tried++) {
        input part = input_of(in.data, size);
        ck_refused(avsound_model_load_memory(context, part.data, size, &model), AVSOUND_E_FORMAT, "model in memory: ");
        ck_assert_ptr_null(model);
        input_drop(&part);
        in.fails_at = (int64_t)size;
        in.answer = -5;
        avsound_io io = input_io(&in, "wire");
        ck_refused(avsound_model_load_io(context, &io, &model), AVSOUND_E_IO, "wire: reading at byte ");
        ck_assert_ptr_null(model);
        in.fails_at = -1;
    }
    printf("%zu bytes of a model: %d beginnings and read errors refused\n", in.size, tried);
    input_drop(&in);
    avsound_context_free(context);
    remove_folder(folder);
}
END_TEST

LOOP_SUITE("contract.broken_input", {every_beginning_of_a_file_is_read_or_refused, 0, KINDS},
           {read_errors_at_every_byte_are_reported, 0, KINDS}, {reads_in_two_pieces_are_as_good_as_one, 0, KINDS},
           {models_need_every_byte, 0, 1})
