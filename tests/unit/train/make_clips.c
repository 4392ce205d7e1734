#include "unit/train/make_clips.h"

#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

enum { RATE = 48000, FRAME_SAMPLES = 1920 };

#define must(expr)                                                       \
    do {                                                                 \
        const int error_ = (expr);                                       \
        ck_assert_msg(error_ >= 0, "%s: %s", #expr, av_err2str(error_)); \
    } while (0)

int clip_luma(int clip, int frame, int right)
{
    return right ? 40 + frame * 7 % 170 : 30 + clip * 23 % 200;
}

double clip_sound(int clip, int64_t n)
{
    const double t = (double)n / RATE;
    return 0.3 * sin(6.283185307179586 * (200 + 370 * (clip % 17)) * t) * (1 + 0.5 * sin(6.283185307179586 * 0.7 * t));
}

static AVCodecContext *picture_encoder(const clips_spec *spec)
{
    AVCodecContext *encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    encoder->width = spec->width;
    encoder->height = spec->height;
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 25};
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = 2 * FF_QP2LAMBDA;
    encoder->thread_count = 1;
    must(avcodec_open2(encoder, NULL, NULL));
    return encoder;
}

static AVPacket *encode_frame(AVCodecContext *encoder, int clip, int frame)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = encoder->pix_fmt;
    picture->width = encoder->width;
    picture->height = encoder->height;
    picture->quality = encoder->global_quality;
    must(av_frame_get_buffer(picture, 0));
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            picture->data[0][y * picture->linesize[0] + x] = (uint8_t)clip_luma(clip, frame, x >= picture->width / 2);
    for (int p = 1; p < 3; p++)
        memset(picture->data[p], 128, (size_t)picture->linesize[p] * (size_t)((picture->height + 1) / 2));
    picture->pts = frame;
    must(avcodec_send_frame(encoder, picture));
    AVPacket *packet = av_packet_alloc();
    must(avcodec_receive_packet(encoder, packet));
    av_frame_free(&picture);
    packet->pts = packet->dts = frame;
    packet->duration = 1;
    return packet;
}

static AVPacket *sound_of_frame(const clips_spec *spec, int clip, int frame)
{
    AVPacket *packet = av_packet_alloc();
    must(av_new_packet(packet, FRAME_SAMPLES * 2));
    for (int i = 0; i < FRAME_SAMPLES; i++) {
        const int64_t n = (int64_t)frame * FRAME_SAMPLES + i;
        const double value = spec->sound ? spec->sound(clip, n) : clip_sound(clip, n);
        const int16_t sample = (int16_t)lrint(fmax(-1, fmin(1, value)) * 32767);
        memcpy(packet->data + 2 * i, &sample, 2);
    }
    packet->pts = packet->dts = (int64_t)frame * FRAME_SAMPLES;
    packet->duration = FRAME_SAMPLES;
    return packet;
}

static AVStream *add_sound(AVFormatContext *format)
{
    AVStream *stream = avformat_new_stream(format, NULL);
    stream->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    stream->codecpar->codec_id = AV_CODEC_ID_PCM_S16LE;
    stream->codecpar->format = AV_SAMPLE_FMT_S16;
    stream->codecpar->sample_rate = RATE;
    stream->codecpar->bits_per_coded_sample = 16;
    av_channel_layout_default(&stream->codecpar->ch_layout, 1);
    stream->time_base = (AVRational){1, RATE};
    return stream;
}

static void put(AVFormatContext *format, AVPacket *packet, int stream, AVRational from)
{
    packet->stream_index = stream;
    packet->flags |= AV_PKT_FLAG_KEY;
    av_packet_rescale_ts(packet, from, format->streams[stream]->time_base);
    must(av_interleaved_write_frame(format, packet));
    av_packet_free(&packet);
}

static void make_clip(const char *path, const clips_spec *spec, int clip, int frames)
{
    AVFormatContext *format = NULL;
    must(avformat_alloc_output_context2(&format, NULL, "matroska", path));
    AVCodecContext *encoder = picture_encoder(spec);
    AVStream *video = avformat_new_stream(format, NULL);
    must(avcodec_parameters_from_context(video->codecpar, encoder));
    video->time_base = encoder->time_base;
    add_sound(format);
    must(avio_open(&format->pb, path, AVIO_FLAG_WRITE));
    must(avformat_write_header(format, NULL));
    for (int i = 0; i < frames; i++) {
        put(format, encode_frame(encoder, clip, i), 0, (AVRational){1, 25});
        put(format, sound_of_frame(spec, clip, i), 1, (AVRational){1, RATE});
    }
    must(av_write_trailer(format));
    must(avio_closep(&format->pb));
    avcodec_free_context(&encoder);
    avformat_free_context(format);
}

void make_clips(const char *folder, const clips_spec *spec)
{
    char path[600];
    av_log_set_level(AV_LOG_QUIET);
    snprintf(path, sizeof path, "%s/prepared.csv", folder);
    FILE *table = fopen(path, "wb");
    ck_assert_ptr_nonnull(table);
    fputs("file,group,frames,samples,flags\n", table);
    for (int c = 0; c < spec->clips; c++) {
        const int frames = spec->frames + c * spec->longer;
        snprintf(path, sizeof path, "%s/%03d.mkv", folder, c);
        make_clip(path, spec, c, frames);
        fprintf(table, "%03d.mkv,g%d,%d,%d,\n", c, c % spec->groups, frames, frames * FRAME_SAMPLES);
    }
    fclose(table);
}

static char folders[8][32];
static int folder_count;
static pid_t owner;

static void remove_folders(void)
{
    char command[64];
    for (int i = 0; owner == getpid() && i < folder_count; i++) {
        snprintf(command, sizeof command, "rm -rf '%.31s'", folders[i]);
        (void)!system(command);
    }
}

const char *temporary_folder(void)
{
    if (owner != getpid()) {
        owner = getpid();
        folder_count = 0;
        atexit(remove_folders);
    }
    ck_assert_int_lt(folder_count, 8);
    char *folder = folders[folder_count++];
    snprintf(folder, sizeof folders[0], "/tmp/avsound-clips-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}
