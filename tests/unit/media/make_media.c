#include "unit/media/make_media.h"

#include <dirent.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

enum { NUMBER_BITS = 10, MOST_PACKETS = 65536 };

#define must(expr)                                                                              \
    do {                                                                                        \
        const int error_ = (expr);                                                              \
        ck_assert_msg(error_ >= 0, "making %s: %s: %s", maker_path, #expr, av_err2str(error_)); \
    } while (0)

typedef struct packets {
    AVPacket *list[MOST_PACKETS];
    int count;
    AVRational time_base;
} packets;

static const char *maker_path = "";

/* ---- content ---- */

/* Cells across the top half, most significant first; four greys below tell the corners apart. */
static int luma_at(int x, int y, int width, int height, int number)
{
    if (y < height / 2)
        return (number >> (NUMBER_BITS - 1 - x * NUMBER_BITS / width)) & 1 ? 200 : 50;
    return x < width / 2 ? (y < height * 3 / 4 ? 80 : 110) : (y < height * 3 / 4 ? 140 : 170);
}

static void store(uint8_t *at, int value, int bytes, int shift)
{
    const unsigned v = (unsigned)value << shift;
    at[0] = (uint8_t)v;
    if (bytes == 2)
        at[1] = (uint8_t)(v >> 8);
}

static int is_packed_rgb(int format)
{
    return format == AV_PIX_FMT_RGB24 || format == AV_PIX_FMT_RGBA || format == AV_PIX_FMT_BGR0;
}

static void fill_packed(AVFrame *picture, int number)
{
    const int bytes = picture->format == AV_PIX_FMT_RGB24 ? 3 : 4;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            memset(picture->data[0] + y * picture->linesize[0] + x * bytes,
                   luma_at(x, y, picture->width, picture->height, number), (size_t)bytes);
}

void make_picture(AVFrame *picture, int number)
{
    if (is_packed_rgb(picture->format)) {
        fill_packed(picture, number);
        return;
    }
    const int deep = picture->format == AV_PIX_FMT_YUV420P10LE, bytes = deep ? 2 : 1, shift = deep ? 2 : 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            store(picture->data[0] + y * picture->linesize[0] + x * bytes,
                  luma_at(x, y, picture->width, picture->height, number), bytes, shift);
    const int half_width = picture->format == AV_PIX_FMT_YUV444P ? 0 : 1;
    const int half_height = picture->format == AV_PIX_FMT_YUV444P || picture->format == AV_PIX_FMT_YUV422P ? 0 : 1;
    const int chroma_width = (picture->width + half_width) >> half_width;
    const int chroma_height = (picture->height + half_height) >> half_height;
    for (int p = 1; p < 3 && picture->data[p]; p++)
        for (int y = 0; y < chroma_height; y++)
            for (int x = 0; x < chroma_width; x++)
                store(picture->data[p] + y * picture->linesize[p] + x * bytes,
                      (p == 1 ? 100 : 150) + x * 20 / chroma_width, bytes, shift);
}

int16_t make_noise(int64_t sample, int channel)
{
    uint64_t z = (uint64_t)sample * 64 + (uint64_t)channel + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (int16_t)((int64_t)((z ^ (z >> 31)) % 16001) - 8000);
}

/* A beat makes each stretch unlike the next. */
float make_tone(int64_t sample, int channel, int rate)
{
    const double t = (double)sample / rate;
    return (float)(0.25 * sin(2 * 3.14159265358979 * (300 + 50 * channel) * t) *
                   (1 + 0.5 * sin(2 * 3.14159265358979 * 1.7 * t)));
}

static int plane_value(const avsound_frame *frame, int x, int y)
{
    switch (frame->format) {
    case AVSOUND_PIXEL_RGB24:
    case AVSOUND_PIXEL_BGR24:
        return frame->data[0][y * frame->stride[0] + 3 * x + 1];
    case AVSOUND_PIXEL_RGBA:
    case AVSOUND_PIXEL_BGRA:
        return frame->data[0][y * frame->stride[0] + 4 * x + 1];
    case AVSOUND_PIXEL_YUYV422:
        return frame->data[0][y * frame->stride[0] + 2 * x];
    default:
        return frame->data[0][y * frame->stride[0] + x];
    }
}

int shown_number(const avsound_frame *frame)
{
    int number = 0;
    for (int bit = 0; bit < NUMBER_BITS; bit++)
        number = number * 2 +
                 (plane_value(frame, (2 * bit + 1) * frame->width / (2 * NUMBER_BITS), frame->height / 4) > 125);
    return number;
}

/* ---- encoding ---- */

static AVCodecContext *new_encoder(const char *name)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    ck_assert_msg(codec != NULL, "making %s: this FFmpeg has no encoder %s", maker_path, name);
    return avcodec_alloc_context3(codec);
}

static void open_encoder(AVCodecContext *encoder, const char *options)
{
    AVDictionary *dictionary = NULL;
    if (options)
        must(av_dict_parse_string(&dictionary, options, "=", ":", 0));
    encoder->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    encoder->thread_count = 1;
    must(avcodec_open2(encoder, encoder->codec, &dictionary));
    ck_assert_msg(av_dict_count(dictionary) == 0, "making %s: an option of the encoder is unknown", maker_path);
    av_dict_free(&dictionary);
}

static void encode(AVCodecContext *encoder, const AVFrame *frame, packets *out)
{
    must(avcodec_send_frame(encoder, frame));
    for (;;) {
        AVPacket *packet = av_packet_alloc();
        const int error = avcodec_receive_packet(encoder, packet);
        if (error < 0) {
            av_packet_free(&packet);
            ck_assert(error == AVERROR(EAGAIN) || error == AVERROR_EOF);
            return;
        }
        ck_assert_int_lt(out->count, MOST_PACKETS);
        out->list[out->count++] = packet;
    }
}

static AVCodecContext *video_encoder(const make_spec *spec, int width, int height, int global_header)
{
    AVCodecContext *encoder = new_encoder(spec->video_encoder);
    encoder->width = width;
    encoder->height = height;
    encoder->pix_fmt = spec->pixel_format;
    encoder->time_base = spec->tick;
    encoder->framerate = spec->tick.num * 1000 > spec->tick.den ? av_inv_q(spec->tick) : (AVRational){25, 1};
    encoder->sample_aspect_ratio = spec->sample_aspect;
    encoder->color_range = spec->range;
    encoder->colorspace = spec->matrix ? spec->matrix : AVCOL_SPC_UNSPECIFIED;
    if (global_header)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    open_encoder(encoder, spec->video_options);
    return encoder;
}

static AVFrame *new_picture(const make_spec *spec, int width, int height)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = spec->pixel_format;
    picture->width = width;
    picture->height = height;
    picture->color_range = spec->range;
    must(av_frame_get_buffer(picture, 0));
    return picture;
}

static void encode_video(const make_spec *spec, int from, int to, AVCodecContext *encoder, packets *out)
{
    for (int i = from; i < to; i++) {
        AVFrame *picture = new_picture(spec, encoder->width, encoder->height);
        make_picture(picture, i);
        picture->pts = (spec->pts ? spec->pts[i] : i) + spec->offset;
        encode(encoder, picture, out);
        av_frame_free(&picture);
    }
    encode(encoder, NULL, out);
}

/* Channels' samples from `from` on, in the encoder's own format. */
static void fill_sound(const make_spec *spec, AVFrame *frame, int64_t from)
{
    const int planar = av_sample_fmt_is_planar(frame->format);
    const int format = av_get_packed_sample_fmt(frame->format);
    for (int i = 0; i < frame->nb_samples; i++)
        for (int c = 0; c < spec->channels; c++) {
            uint8_t *at = frame->extended_data[planar ? c : 0];
            const int index = planar ? i : i * spec->channels + c;
            const double value = spec->tones ? make_tone(from + i, c, spec->rate) : make_noise(from + i, spec->first_channel + c) / 32768.0;
            if (format == AV_SAMPLE_FMT_FLT)
                ((float *)at)[index] = (float)value;
            else if (format == AV_SAMPLE_FMT_S16)
                ((int16_t *)at)[index] = (int16_t)lrint(value * 32768);
            else if (format == AV_SAMPLE_FMT_S32)
                ((int32_t *)at)[index] = (int32_t)lrint(value * 2147483648.0);
            else if (format == AV_SAMPLE_FMT_DBL)
                ((double *)at)[index] = value;
            else
                at[index] = (uint8_t)lrint(value * 128 + 128);
        }
}

static AVCodecContext *sound_encoder(const make_spec *spec, int global_header)
{
    AVCodecContext *encoder = new_encoder(spec->audio_encoder);
    encoder->sample_rate = spec->rate;
    av_channel_layout_default(&encoder->ch_layout, spec->channels);
    encoder->sample_fmt = encoder->codec->sample_fmts[0];
    encoder->time_base = (AVRational){1, spec->rate};
    if (global_header)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    open_encoder(encoder, spec->audio_options);
    return encoder;
}

static void encode_sound(const make_spec *spec, AVCodecContext *encoder, packets *out)
{
    const int block = encoder->frame_size > 0 ? encoder->frame_size : 1000;
    for (int64_t from = 0; from < spec->samples;) {
        int64_t to = from + block < spec->samples ? from + block : spec->samples;
        if (spec->gap && from < spec->gap_at && to > spec->gap_at)
            to = spec->gap_at;
        AVFrame *frame = av_frame_alloc();
        frame->format = encoder->sample_fmt;
        frame->nb_samples = (int)(to - from);
        frame->sample_rate = spec->rate;
        av_channel_layout_copy(&frame->ch_layout, &encoder->ch_layout);
        must(av_frame_get_buffer(frame, 0));
        fill_sound(spec, frame, from);
        frame->pts = from + spec->audio_offset + (spec->gap && from >= spec->gap_at ? spec->gap : 0);
        encode(encoder, frame, out);
        av_frame_free(&frame);
        from = to;
    }
    encode(encoder, NULL, out);
}

/* ---- muxing ---- */

enum { MOST_STREAMS = 4 };

static AVStream *add_stream(AVFormatContext *format, AVCodecContext *encoder, packets *p)
{
    AVStream *stream = avformat_new_stream(format, NULL);
    must(avcodec_parameters_from_context(stream->codecpar, encoder));
    stream->time_base = p->time_base = encoder->time_base;
    stream->sample_aspect_ratio = encoder->sample_aspect_ratio;
    return stream;
}

static void add_cover(const make_spec *spec, AVFormatContext *format, packets *p)
{
    make_spec picture = *spec;
    picture.video_encoder = spec->cover_encoder;
    picture.tick = (AVRational){1, 25};
    AVCodecContext *encoder = video_encoder(&picture, spec->width, spec->height, 0);
    encode_video(&picture, 0, 1, encoder, p);
    AVStream *stream = add_stream(format, encoder, p);
    stream->disposition = AV_DISPOSITION_ATTACHED_PIC;
    avcodec_free_context(&encoder);
}

static void put(AVFormatContext *format, packets *p, int i, int stream, int as_it_comes)
{
    AVPacket *packet = p->list[i];
    packet->stream_index = stream;
    if (packet->duration == 0 && format->streams[stream]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        packet->duration = 1;
    av_packet_rescale_ts(packet, p->time_base, format->streams[stream]->time_base);
    if (as_it_comes)
        must(av_write_frame(format, packet));
    else
        must(av_interleaved_write_frame(format, packet));
}

static void mux(const make_spec *spec, AVFormatContext *format, packets *const p[MOST_STREAMS], int streams)
{
    int at[MOST_STREAMS] = {0};
    for (;;) {
        int next = -1;
        for (int s = 0; s < streams; s++) {
            if (at[s] == p[s]->count)
                continue;
            if (next < 0 || (!spec->video_first && av_compare_ts(p[s]->list[at[s]]->dts, p[s]->time_base,
                                                                 p[next]->list[at[next]]->dts, p[next]->time_base) < 0))
                next = s;
        }
        if (next < 0)
            return;
        put(format, p[next], at[next]++, next, spec->video_first);
    }
}

static void free_packets(packets *p)
{
    for (int i = 0; i < p->count; i++)
        av_packet_free(&p->list[i]);
    free(p);
}

void make_media(const char *path, const make_spec *spec)
{
    av_log_set_level(AV_LOG_QUIET);
    maker_path = path;
    AVFormatContext *format = NULL;
    AVDictionary *options = NULL;
    packets *all[MOST_STREAMS] = {NULL};
    int streams = 0;
    must(avformat_alloc_output_context2(&format, NULL, spec->container, path));
    const int global_header = format->oformat->flags & AVFMT_GLOBALHEADER;
    if (spec->mux_options)
        must(av_dict_parse_string(&options, spec->mux_options, "=", ":", 0));
    if (spec->video_encoder) {
        packets *p = all[streams++] = calloc(1, sizeof *p);
        const int first = spec->change_after ? spec->change_after : spec->frames;
        AVCodecContext *encoder = video_encoder(spec, spec->width, spec->height, global_header);
        encode_video(spec, 0, first, encoder, p);
        AVStream *stream = add_stream(format, encoder, p);
        if (spec->display_matrix) {
            void *matrix = av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t));
            memcpy(matrix, spec->display_matrix, 9 * sizeof(int32_t));
        }
        avcodec_free_context(&encoder);
        if (spec->change_after) {
            encoder = video_encoder(spec, spec->change_width, spec->change_height, 0);
            encode_video(spec, first, spec->frames, encoder, p);
            avcodec_free_context(&encoder);
        }
    }
    for (int t = 0; spec->audio_encoder && t < (spec->tracks ? spec->tracks : 1); t++) {
        packets *p = all[streams++] = calloc(1, sizeof *p);
        make_spec track = *spec;
        track.first_channel += t * spec->channels;
        AVCodecContext *encoder = sound_encoder(&track, global_header);
        encode_sound(&track, encoder, p);
        add_stream(format, encoder, p);
        avcodec_free_context(&encoder);
    }
    if (spec->cover_encoder)
        add_cover(spec, format, all[streams++] = calloc(1, sizeof(packets)));
    must(avio_open(&format->pb, path, AVIO_FLAG_WRITE));
    must(avformat_write_header(format, &options));
    ck_assert_msg(av_dict_count(options) == 0, "making %s: an option of the container is unknown", path);
    av_dict_free(&options);
    mux(spec, format, all, streams);
    must(av_write_trailer(format));
    must(avio_closep(&format->pb));
    avformat_free_context(format);
    for (int s = 0; s < streams; s++)
        free_packets(all[s]);
}

/* ---- temporary files ---- */

static char folder[64];
static pid_t owner;

static void remove_folder(void)
{
    char path[512];
    DIR *entries = owner == getpid() ? opendir(folder) : NULL;
    for (struct dirent *e; entries && (e = readdir(entries));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)!unlink(path);
    }
    if (entries) {
        closedir(entries);
        rmdir(folder);
    }
}

const char *temporary_path(const char *name)
{
    static char paths[8][512];
    static int next;
    if (owner != getpid()) {
        snprintf(folder, sizeof folder, "/tmp/avsound-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        owner = getpid();
        atexit(remove_folder);
    }
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}
