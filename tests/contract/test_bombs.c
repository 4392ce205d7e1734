/* Small inputs that claim or unfold into vast ones: refused by a limit, or taken in pieces, but never with memory to match. */
#include "contract/fixture.h"
#include "input.h"
#include "unit/media/make_media.h"

#include <sys/resource.h>

/* What decoders need, far below what is claimed. A sanitizer notes what is asked for, a byte for eight, used or not. */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_GROWTH_KB = 192 << 10 };
#else
enum { MOST_GROWTH_KB = 64 << 10 };
#endif

static long peak_kb(void)
{
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* Memory that is asked for but not used is no harm; a peak that grows is. */
#define ck_small(before) \
    ck_assert_msg(peak_kb() - (before) < MOST_GROWTH_KB, "%ld kB more than before", peak_kb() - (before))

static input made(const char *name, const make_spec *spec)
{
    const char *path = temporary_path(name);
    make_media(path, spec);
    return input_of_file(path);
}

static uint8_t *find(input *in, const char *tag)
{
    for (size_t i = 0; i + 4 <= in->size; i++)
        if (!memcmp(in->data + i, tag, 4))
            return in->data + i;
    ck_abort_msg("no %s in the file", tag);
}

static void put_le32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_be(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static avsound_status opened(const input *in, const char *name, const avsound_media_options *options,
                             avsound_media **media)
{
    avsound_context *context = plain_context();
    const avsound_status status = avsound_media_open_memory(context, in->data, in->size, name, options, media);
    avsound_context_free(context); /* the media keeps it */
    return status;
}

static void refused(input *in, const char *name, avsound_status code, const char *words)
{
    avsound_media *media;
    const long before = peak_kb();
    ck_refused(opened(in, name, NULL, &media), code, words);
    ck_small(before);
    input_drop(in);
}

static const make_spec stamp = {.container = "avi",
                                .video_encoder = "png",
                                .width = 16,
                                .height = 16,
                                .frames = 1,
                                .pixel_format = AV_PIX_FMT_RGB24,
                                .tick = {1, 25}};

static input container_claiming(uint32_t side)
{
    make_spec raw = stamp;
    raw.video_encoder = "rawvideo";
    raw.pixel_format = AV_PIX_FMT_YUV420P;
    input in = made("vast.avi", &raw);
    uint8_t *format = find(&in, "strf");
    put_le32(format + 12, side);
    put_le32(format + 16, side);
    return in;
}

START_TEST(a_container_that_claims_900_million_pixels)
{
    input in = container_claiming(30000);
    refused(&in, "vast.avi", AVSOUND_E_LIMIT, "30000 x 30000 pixels");
}
END_TEST

static input packet_claiming(uint32_t side)
{
    input in = made("vast.avi", &stamp);
    uint8_t *header = find(&in, "IHDR");
    put_be(header + 4, side, 4);
    put_be(header + 8, side, 4);
    return in;
}

START_TEST(a_packet_that_claims_256_million_pixels)
{
    input in = packet_claiming(16000);
    refused(&in, "vast.avi", AVSOUND_E_LIMIT, "16000 x 16000 pixels");
}
END_TEST

/* Beyond 2^28 pixels FFmpeg takes a size for damage. */
START_TEST(a_packet_that_claims_900_million_pixels)
{
    input in = packet_claiming(30000);
    refused(&in, "vast.avi", AVSOUND_E_FORMAT, "damaged");
}
END_TEST

START_TEST(a_png_of_a_hundred_bytes_and_900_million_pixels)
{
    const make_spec spec = {.container = "image2",
                            .mux_options = "update=1",
                            .video_encoder = "png",
                            .width = 8,
                            .height = 8,
                            .frames = 1,
                            .pixel_format = AV_PIX_FMT_RGB24,
                            .tick = {1, 25}};
    input in = made("vast.png", &spec);
    put_be(in.data + 16, 30000, 4);
    put_be(in.data + 20, 30000, 4);
    refused(&in, "vast.png", AVSOUND_E_LIMIT, "30000 x 30000 pixels");
}
END_TEST

/* A WAV of unsigned bytes. */
static input wav(uint32_t rate, uint16_t channels, uint32_t bytes)
{
    input in = input_of(NULL, 0);
    free(in.data);
    in.size = 44 + bytes;
    in.data = malloc(in.size);
    ck_assert_ptr_nonnull(in.data);
    memcpy(in.data, "RIFF....WAVEfmt ....", 20);
    put_le32(in.data + 4, 36 + bytes);
    put_le32(in.data + 16, 16);
    put_le32(in.data + 20, (uint32_t)channels << 16 | 1);
    put_le32(in.data + 24, rate);
    put_le32(in.data + 28, rate * channels);
    put_le32(in.data + 32, 8u << 16 | channels);
    memcpy(in.data + 36, "data", 4);
    put_le32(in.data + 40, bytes);
    memset(in.data + 44, 128, bytes);
    return in;
}

START_TEST(four_gigahertz)
{
    input in = wav(0x7fffffff, 1, 1000);
    refused(&in, "fast.wav", AVSOUND_E_LIMIT, "2147483647 Hz, the context allows 768000");
}
END_TEST

START_TEST(a_thousand_channels)
{
    input in = wav(8000, 1000, 10000);
    refused(&in, "wide.wav", AVSOUND_E_LIMIT, "1000 channels, the context allows 64");
}
END_TEST

static int64_t read_silence(avsound_media *media)
{
    int64_t samples = 0;
    avsound_audio audio = {.struct_size = sizeof audio};
    avsound_status status;
    while (!(status = avsound_media_read_audio(media, &audio))) {
        ck_assert_int_le(audio.frames, 1 << 21);
        samples += audio.frames;
    }
    ck_assert_int_eq(status, AVSOUND_E_END);
    avsound_media_free(media);
    return samples;
}

/* One packet of 3,600 samples at 1 Hz is 28.8 million at 8 kHz. */
START_TEST(an_hour_at_one_hertz)
{
    input in = wav(1, 1, 3600);
    const avsound_media_options options = {.struct_size = sizeof options, .audio_rate = 8000};
    avsound_media *media;
    const long before = peak_kb();
    ck_avsound(opened(&in, "slow.wav", &options, &media));
    ck_assert_int_eq(read_silence(media), 3600 * 8000);
    ck_small(before);
    input_drop(&in);
}
END_TEST

START_TEST(an_hour_of_silence_in_a_kilobyte)
{
    const make_spec spec = {.container = "matroska",
                            .audio_encoder = "pcm_s16le",
                            .rate = 8000,
                            .channels = 1,
                            .samples = 160,
                            .gap_at = 80,
                            .gap = 3600 * 8000};
    input in = made("still.mkv", &spec);
    ck_assert_uint_le(in.size, 1500);
    avsound_media *media;
    const long before = peak_kb();
    ck_avsound(opened(&in, "still.mkv", NULL, &media));
    ck_assert_int_ge(read_silence(media), 3600 * 8000);
    ck_small(before);
    input_drop(&in);
}
END_TEST

static avsound_audio slow(const float *samples, int64_t frames)
{
    return (avsound_audio){.struct_size = sizeof(avsound_audio), .format = AVSOUND_SAMPLE_F32, .sample_rate = 1, .channels = 1,
                           .frames = frames, .data = samples};
}

/* Eight hours at 1 Hz are 1.4 billion samples at 48 kHz, of which a session sees the middle second. */
START_TEST(hours_at_one_hertz_in_memory)
{
    enum { HOURS = 8 * 3600 };
    float *samples = calloc(HOURS, sizeof *samples), vector[128];
    size_t size = 128;
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session *session;
    ck_avsound(avsound_session_create(model, NULL, &session));
    const avsound_audio second = slow(samples, 1), sound = slow(samples, HOURS);
    ck_avsound(avsound_embed_audio(session, &second, 1, vector, &size));
    const long before = peak_kb();
    ck_avsound(avsound_embed_audio(session, &sound, 1, vector, &size));
    ck_small(before);
    avsound_session_free(session);
    avsound_model_free(model);
    avsound_context_free(context);
    free(samples);
}
END_TEST

START_TEST(hours_at_one_hertz_in_a_stream)
{
    enum { HOURS = 8 * 3600, MINUTE = 60 };
    float *samples = calloc(HOURS, sizeof *samples);
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_scan_options scan;
    avsound_stream_options options;
    avsound_stream *stream;
    avsound_scan_options_init(&scan, sizeof scan);
    avsound_stream_options_init(&options, sizeof options);
    scan.what = AVSOUND_SCAN_EMBED_AUDIO;
    scan.threads = 1;
    options.scan = &scan;
    options.most_bytes = 12 << 20;
    ck_avsound(avsound_stream_create(model, &options, &stream));
    avsound_audio sound = slow(samples, MINUTE);
    ck_avsound(avsound_stream_push_audio(stream, &sound));
    avsound_stream_reset(stream);
    const long before = peak_kb();
    sound.frames = HOURS;
    ck_refused(avsound_stream_push_audio(stream, &sound), AVSOUND_E_LIMIT, "28800 samples at 1 Hz take 5529600000 bytes at 48000 Hz");
    ck_small(before);
    sound.frames = MINUTE; /* and nothing was taken */
    ck_avsound(avsound_stream_push_audio(stream, &sound));
    avsound_stream_free(stream);
    avsound_model_free(model);
    avsound_context_free(context);
    free(samples);
}
END_TEST

/* Sizes of packets and tables that the file is far too short for. */
START_TEST(tables_and_packets_beyond_the_file)
{
    make_spec spec = stamp;
    avsound_media *media = NULL;
    input in = made("packet.avi", &spec);
    put_le32(find(&in, "00dc") + 4, 0x3fffffff);
    long before = peak_kb();
    ck_assert_int_ne(opened(&in, "packet.avi", NULL, &media), AVSOUND_E_INTERNAL);
    avsound_media_free(media);
    ck_small(before);
    input_drop(&in);
    spec.container = "mp4";
    static const char *const tables[] = {"stsz", "stts", "stsc", "stco"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        in = made("table.mp4", &spec);
        uint8_t *table = find(&in, tables[i]);
        put_be(table + (i == 0 ? 12 : 8), 0x02000000, 4); /* entries: 128 MiB and more */
        before = peak_kb();
        const avsound_status status = opened(&in, "table.mp4", NULL, &media);
        ck_assert_msg(status == AVSOUND_OK || status == AVSOUND_E_FORMAT || status == AVSOUND_E_NO_MEMORY, "%s: %s",
                      tables[i], avsound_error_detail());
        avsound_media_free(media);
        ck_small(before);
        input_drop(&in);
    }
}
END_TEST

static void plan_refused(avsound_model *model, const avsound_session_options *options, const char *words)
{
    avsound_session *session = (avsound_session *)&words;
    const avsound_status status = avsound_session_create(model, options, &session);
    ck_assert_msg(status == AVSOUND_E_LIMIT || status == AVSOUND_E_SHAPE || status == AVSOUND_E_INVALID_ARGUMENT,
                  "%s: %s (%s)", words, avsound_status_name(status), avsound_error_detail());
    ck_assert_ptr_null(session);
}

START_TEST(sessions_beyond_all_memory)
{
    avsound_context *context = plain_context();
    avsound_model *model = narrow_model(context, "ave-net");
    avsound_session_options o;
    const long before = peak_kb();
#define REFUSES(change)                             \
    do {                                            \
        avsound_session_options_init(&o, sizeof o); \
        change;                                     \
        plan_refused(model, &o, #change);           \
    } while (0)
    REFUSES((o.width = 30000, o.height = 30000));
    REFUSES((o.width = INT32_MAX, o.height = INT32_MAX));
    REFUSES(o.batch = INT32_MAX);
    ck_small(before);
    avsound_model_free(model);
    model = narrow_model(context, "multisensory");
    REFUSES(o.frames = INT32_MAX);
    REFUSES(o.samples = INT32_MAX);
    ck_small(before);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

/* What a file's configuration may ask for is bounded before a network is made of it. */
START_TEST(configurations_beyond_all_memory)
{
    static const struct {
        const char *arch, *config;
    } cases[] = {
        {"ave-net", "{\"width\": 1e300}"},
        {"ave-net", "{\"image\": {\"width\": 2000000000, \"height\": 2000000000}}"},
        {"ave-net", "{\"audio\": {\"fft\": 2000000000, \"window\": 2000000000, \"hop\": 1}}"},
        {"ave-net", "{\"audio\": {\"seconds\": 1e18}}"},
        {"multisensory", "{\"clip\": {\"frames\": 2000000000}}"},
        {"separator", "{\"separation\": {\"fft\": 1073741824, \"window\": 1073741824, \"hop\": 1}}"},
        {"sync-net", "{\"lags\": 2000000000}"},
    };
    avsound_context *context = plain_context();
    const long before = peak_kb();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        avsound_model *model;
        ck_refused(avsound_model_create(context, cases[i].arch, cases[i].config, 1, &model), AVSOUND_E_INVALID_ARGUMENT,
                   "");
        ck_small(before);
    }
    avsound_context_free(context);
}
END_TEST

SUITE("contract.bombs", a_container_that_claims_900_million_pixels, a_packet_that_claims_256_million_pixels,
      a_packet_that_claims_900_million_pixels, a_png_of_a_hundred_bytes_and_900_million_pixels, four_gigahertz,
      a_thousand_channels, an_hour_at_one_hertz, an_hour_of_silence_in_a_kilobyte, hours_at_one_hertz_in_memory,
      hours_at_one_hertz_in_a_stream, tables_and_packets_beyond_the_file, sessions_beyond_all_memory, configurations_beyond_all_memory)
