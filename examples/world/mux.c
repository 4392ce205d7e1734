/* A clip's file: H.264 (MPEG-4 where FFmpeg has no encoder for it) of random quality, the mixture as AAC of random bit
 * rate, and every stem without loss as FLAC, all in one .mp4. FFmpeg directly: avsound_writer knows one soundtrack,
 * from a file. */
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include "world.h"

typedef struct track {
    AVStream *stream;
    AVCodecContext *codec;
    AVFrame *frame;
    const int16_t *samples; /* [count][2]; NULL: the pictures */
    int64_t done, count;
} track;

struct muxer {
    AVFormatContext *format;
    AVPacket *packet;
    track tracks[2 + MOST_STEMS]; /* pictures, mixture, stems */
    int track_count;
    int fps;
};

static bool failed(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return world_fail("%s: %s", what, text);
}

static const AVCodec *find_picture_encoder(void)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
        codec = avcodec_find_encoder(AV_CODEC_ID_H264);
    return codec ? codec : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

static track *track_add(muxer *m, const AVCodec *codec, const char *title)
{
    track *t = &m->tracks[m->track_count];
    if (!codec)
        return NULL;
    t->stream = avformat_new_stream(m->format, NULL);
    t->codec = avcodec_alloc_context3(codec);
    t->frame = av_frame_alloc();
    if (!t->stream || !t->codec || !t->frame)
        return NULL;
    m->track_count++;
    av_dict_set(&t->stream->metadata, "handler_name", title, 0);
    t->codec->flags |= AV_CODEC_FLAG_BITEXACT;
    if (m->format->oformat->flags & AVFMT_GLOBALHEADER)
        t->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    t->codec->thread_count = 1; /* clips are made side by side, and more threads would change the bits */
    return t;
}

static bool track_open(track *t)
{
    int error = avcodec_open2(t->codec, NULL, NULL);
    if (error < 0)
        return failed(t->codec->codec->name, error);
    t->stream->time_base = t->codec->time_base;
    error = avcodec_parameters_from_context(t->stream->codecpar, t->codec);
    return error >= 0 || failed(t->codec->codec->name, error);
}

static bool add_pictures(muxer *m, const scene *s)
{
    track *t = track_add(m, find_picture_encoder(), "pictures");
    if (!t)
        return world_fail("FFmpeg has no H.264 or MPEG-4 encoder, or no memory");
    AVCodecContext *c = t->codec;
    c->width = s->options->width;
    c->height = s->options->height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, s->options->fps};
    c->framerate = t->stream->avg_frame_rate = (AVRational){s->options->fps, 1};
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M;
    c->color_primaries = AVCOL_PRI_SMPTE170M;
    c->color_trc = AVCOL_TRC_SMPTE170M;
    c->gop_size = s->keyframes;
    c->max_b_frames = 0;
    if (!strcmp(c->codec->name, "libx264")) {
        av_opt_set(c->priv_data, "preset", "superfast", 0);
        av_opt_set_double(c->priv_data, "crf", s->quality, 0);
    } else {
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = FF_QP2LAMBDA * (1 + (s->quality - 18) / 3);
        c->bit_rate = 400000;
    }
    t->frame->format = c->pix_fmt;
    t->frame->width = c->width;
    t->frame->height = c->height;
    const int error = av_frame_get_buffer(t->frame, 0);
    return error < 0 ? failed("pictures", error) : track_open(t);
}

static bool add_sound(muxer *m, const scene *s, enum AVCodecID id, const int16_t *samples, const char *title)
{
    track *t = track_add(m, avcodec_find_encoder(id), title);
    if (!t)
        return world_fail("FFmpeg has no %s encoder, or no memory", avcodec_get_name(id));
    AVCodecContext *c = t->codec;
    c->sample_rate = WORLD_RATE;
    c->time_base = (AVRational){1, WORLD_RATE};
    c->sample_fmt = c->codec->sample_fmts[0];
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 28, 100)
    av_channel_layout_default(&c->ch_layout, 2);
#else
    c->channels = 2;
    c->channel_layout = AV_CH_LAYOUT_STEREO;
#endif
    if (id == AV_CODEC_ID_AAC) {
        c->bit_rate = s->audio_bit_rate;
        av_opt_set(c->priv_data, "aac_coder", "fast", 0);
        t->stream->disposition = AV_DISPOSITION_DEFAULT;
    } else {
        c->compression_level = 2;
    }
    t->samples = samples;
    t->count = scene_samples(s);
    return track_open(t);
}

static bool add_tracks(muxer *m, const scene *s, int16_t *const *tracks)
{
    if (!add_pictures(m, s) || !add_sound(m, s, AV_CODEC_ID_AAC, tracks[0], "mixture"))
        return false;
    if (!s->options->stems)
        return true;
    for (int k = 0; k < s->thing_count; k++) {
        const thing *t = &s->things[k];
        if (t->stem && !add_sound(m, s, AV_CODEC_ID_FLAC, tracks[t->stem], t->kind->name))
            return false;
    }
    return add_sound(m, s, AV_CODEC_ID_FLAC, tracks[s->stem_count + 1], "ambience");
}

muxer *mux_open(const char *path, const scene *s, int16_t *const *tracks)
{
    muxer *m = calloc(1, sizeof *m);
    if (!m || !(m->packet = av_packet_alloc()) || avformat_alloc_output_context2(&m->format, NULL, "mp4", path) < 0) {
        world_fail("FFmpeg can't write mp4, or has no memory");
        mux_free(m);
        return NULL;
    }
    m->fps = s->options->fps;
    m->format->flags |= AVFMT_FLAG_BITEXACT;
    m->format->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL; /* what FLAC in mp4 counts as before FFmpeg 6 */
    int error = 0;
    if (!add_tracks(m, s, tracks) || (error = avio_open(&m->format->pb, path, AVIO_FLAG_WRITE)) < 0 ||
        (error = avformat_write_header(m->format, NULL)) < 0) {
        if (error < 0)
            failed(path, error);
        mux_free(m);
        return NULL;
    }
    return m;
}

static bool encode(muxer *m, track *t, const AVFrame *frame)
{
    int error = avcodec_send_frame(t->codec, frame);
    while (error >= 0) {
        error = avcodec_receive_packet(t->codec, m->packet);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            return true;
        if (error < 0)
            break;
        m->packet->stream_index = t->stream->index;
        if (!t->samples)
            m->packet->duration = 1;
        av_packet_rescale_ts(m->packet, t->codec->time_base, t->stream->time_base);
        error = av_interleaved_write_frame(m->format, m->packet);
    }
    return failed(t->codec->codec->name, error);
}

static void fill_samples(AVFrame *f, const int16_t *from, int count)
{
    if (f->format == AV_SAMPLE_FMT_S16) {
        memcpy(f->data[0], from, 2 * (size_t)count * sizeof *from);
        return;
    }
    for (int c = 0; c < 2; c++) {
        float *to = (float *)(void *)f->data[c];
        for (int i = 0; i < count; i++)
            to[i] = (float)from[2 * i + c] / 32768;
    }
}

/* Encodes what the track has up to sample `until`, in the encoder's own pieces. */
static bool write_sound(muxer *m, track *t, int64_t until)
{
    const int most = t->codec->frame_size > 0 ? t->codec->frame_size : 4096;
    while (t->done < t->count && (t->done + most <= until || until >= t->count)) {
        AVFrame *f = t->frame;
        av_frame_unref(f);
        f->nb_samples = t->count - t->done < most ? (int)(t->count - t->done) : most;
        f->format = t->codec->sample_fmt;
        f->sample_rate = WORLD_RATE;
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 28, 100)
        av_channel_layout_default(&f->ch_layout, 2);
#else
        f->channels = 2;
        f->channel_layout = AV_CH_LAYOUT_STEREO;
#endif
        const int error = av_frame_get_buffer(f, 0);
        if (error < 0)
            return failed("sound", error);
        fill_samples(f, t->samples + 2 * t->done, f->nb_samples);
        f->pts = t->done;
        t->done += f->nb_samples;
        if (!encode(m, t, f))
            return false;
    }
    return true;
}

/* BT.601, limited range; chroma averaged over two by two pixels. */
static void fill_picture(AVFrame *f, const canvas *c)
{
    const size_t stride = 3 * (size_t)c->width;
    for (int y = 0; y < c->height; y++) {
        const uint8_t *from = c->rgb + (size_t)y * stride;
        uint8_t *to = f->data[0] + (ptrdiff_t)y * f->linesize[0];
        for (int x = 0; x < c->width; x++, from += 3)
            to[x] = (uint8_t)((66 * from[0] + 129 * from[1] + 25 * from[2] + 4224) >> 8);
    }
    for (int y = 0; y < c->height / 2; y++) {
        const uint8_t *a = c->rgb + 2 * (size_t)y * stride, *b = a + stride;
        uint8_t *u = f->data[1] + (ptrdiff_t)y * f->linesize[1], *v = f->data[2] + (ptrdiff_t)y * f->linesize[2];
        for (int x = 0; x < c->width / 2; x++, a += 6, b += 6) {
            const int red = a[0] + a[3] + b[0] + b[3], green = a[1] + a[4] + b[1] + b[4],
                      blue = a[2] + a[5] + b[2] + b[5];
            u[x] = (uint8_t)((-38 * red - 74 * green + 112 * blue + 131584) >> 10);
            v[x] = (uint8_t)((112 * red - 94 * green - 18 * blue + 131584) >> 10);
        }
    }
}

bool mux_frame(muxer *m, const canvas *frame)
{
    track *t = &m->tracks[0];
    const int error = av_frame_make_writable(t->frame);
    if (error < 0)
        return failed("pictures", error);
    fill_picture(t->frame, frame);
    t->frame->pts = t->done++;
    if (!encode(m, t, t->frame))
        return false;
    for (int k = 1; k < m->track_count; k++)
        if (!write_sound(m, &m->tracks[k], t->done * WORLD_RATE / m->fps))
            return false;
    return true;
}

bool mux_finish(muxer *m)
{
    for (int k = 0; k < m->track_count; k++) {
        track *t = &m->tracks[k];
        if ((t->samples && !write_sound(m, t, t->count)) || !encode(m, t, NULL))
            return false;
    }
    int error = av_write_trailer(m->format);
    const int closed = avio_closep(&m->format->pb);
    error = error < 0 ? error : closed;
    return error >= 0 || failed("writing", error);
}

void mux_free(muxer *m)
{
    if (!m)
        return;
    for (int k = 0; k < 2 + MOST_STEMS; k++) {
        avcodec_free_context(&m->tracks[k].codec);
        av_frame_free(&m->tracks[k].frame);
    }
    if (m->format)
        avio_closep(&m->format->pb);
    avformat_free_context(m->format);
    av_packet_free(&m->packet);
    free(m);
}
