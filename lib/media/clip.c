#include "media/clip.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/private.h"

enum {
    FRAMES_PER_SECOND = 25,
    MOST_CHANNELS = 8,
    TOLERANCE_US = 1500, /* Matroska counts milliseconds */
    HEADER_BYTES = 16 /* most between where a block begins and its payload */
};

typedef struct sound_part {
    int64_t first; /* number of its first sample */
    int64_t position; /* in the file, of that sample */
} sound_part;

struct avsn_clip_index {
    avsound_context *context;
    char *path;
    int64_t file_size;
    int32_t width, height;
    int32_t frames;
    int64_t *position; /* [frames] */
    int32_t *size; /* [frames] */
    int32_t largest; /* of size */
    int32_t rate, channels;
    int64_t samples;
    sound_part *part; /* [parts + 1]; the last one's `first` is `samples` */
    size_t parts;
};

/* ---- finding where the packets lie ---- */

typedef struct walk {
    avsn_clip_index *index;
    const avsn_source *source;
    int video, sound; /* numbers of the streams */
    size_t position_room, size_room, part_room;
    uint8_t *bytes; /* read for comparison */
    size_t bytes_room;
} walk;

static avsound_status check_video(const avsn_source *source, const AVCodecParameters *par)
{
    if (par->codec_id != AV_CODEC_ID_MJPEG)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: video codec is %s, want mjpeg: not a prepared clip", source->path,
                  avcodec_get_name(par->codec_id));
    const int64_t most = avsn_context_limits(source->context)->max_pixels;
    if (par->width < 1 || par->height < 1 || (int64_t)par->width * par->height > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: frames of %d x %d pixels, the context allows 1 to %lld in all", source->path,
                  par->width, par->height, (long long)most);
    return AVSOUND_OK;
}

static avsound_status check_sound(const avsn_source *source, const AVCodecParameters *par)
{
    const int32_t most = avsn_context_limits(source->context)->max_sample_rate;
    if (par->codec_id != AV_CODEC_ID_PCM_S16LE)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: sound codec is %s, want pcm_s16le: not a prepared clip", source->path,
                  avcodec_get_name(par->codec_id));
    if (par->sample_rate < 1 || par->sample_rate > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: sound at %d Hz, the context allows 1 to %d", source->path, par->sample_rate,
                  most);
    if (par->ch_layout.nb_channels < 1 || par->ch_layout.nb_channels > MOST_CHANNELS)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: %d sound channels, want 1 to %d: not a prepared clip", source->path,
                  par->ch_layout.nb_channels, MOST_CHANNELS);
    return AVSOUND_OK;
}

static avsound_status find_streams(walk *w, const avsn_demuxer *demuxer)
{
    const char *path = w->source->path;
    w->video = avsn_demuxer_choose(demuxer, AVMEDIA_TYPE_VIDEO);
    w->sound = avsn_demuxer_choose(demuxer, AVMEDIA_TYPE_AUDIO);
    if (w->sound < 0)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: has no sound: not a prepared clip", path);
    const AVCodecParameters *sound = demuxer->format->streams[w->sound]->codecpar;
    if (w->video >= 0) {
        const AVCodecParameters *video = demuxer->format->streams[w->video]->codecpar;
        AVSN_TRY(check_video(w->source, video));
        w->index->width = video->width;
        w->index->height = video->height;
    }
    AVSN_TRY(check_sound(w->source, sound));
    w->index->rate = sound->sample_rate;
    w->index->channels = sound->ch_layout.nb_channels;
    return AVSOUND_OK;
}

static avsound_status read_at(int fd, const char *path, int64_t position, void *to, size_t count, size_t *got)
{
    *got = 0;
    while (*got < count) {
        const ssize_t n = pread(fd, (uint8_t *)to + *got, count - *got, (off_t)(position + (int64_t)*got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            AVSN_FAIL(AVSOUND_E_IO, "%s: reading at byte %lld: %s", path, (long long)position, strerror(errno));
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return AVSOUND_OK;
}

/* Demuxers differ in what they take for a packet's position, and a container may have changed the bytes: so the
 * packet is looked for where it should be. */
static avsound_status find_payload(walk *w, const AVPacket *packet, int64_t *position)
{
    const size_t size = (size_t)packet->size;
    size_t got;
    if (packet->pos >= 0 && size > 0) {
        AVSN_TRY(avsn_grow(w->index->context, (void **)&w->bytes, 1, 0, size + HEADER_BYTES, &w->bytes_room));
        AVSN_TRY(read_at(w->source->fd, w->source->path, packet->pos, w->bytes, size + HEADER_BYTES, &got));
        for (size_t skip = 0; skip + size <= got; skip++)
            if (!memcmp(w->bytes + skip, packet->data, size)) {
                *position = packet->pos + (int64_t)skip;
                return AVSOUND_OK;
            }
    }
    AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: a packet of %d bytes does not lie in the file as it is: not a prepared clip",
              w->source->path, packet->size);
}

static int64_t time_of(const AVPacket *packet)
{
    return packet->pts == AV_NOPTS_VALUE ? INT64_MIN : av_rescale_q(packet->pts, packet->time_base, AVSN_MICROSECONDS);
}

static bool is_near(int64_t time_us, int64_t wanted_us)
{
    return time_us >= wanted_us - TOLERANCE_US && time_us <= wanted_us + TOLERANCE_US;
}

static avsound_status add_frame(walk *w, const AVPacket *packet)
{
    avsn_clip_index *index = w->index;
    const int64_t wanted = (int64_t)index->frames * AVSN_CLIP_FRAME_US, time = time_of(packet);
    if (!is_near(time, wanted))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: frame %d is at %.3f s, want %.3f s: not 25 frames a second without holes",
                  index->path, index->frames, (double)time * 1e-6, (double)wanted * 1e-6);
    if (index->frames == INT32_MAX)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: more than %d frames", index->path, INT32_MAX);
    const size_t count = (size_t)index->frames;
    AVSN_TRY(avsn_grow(index->context, (void **)&index->position, sizeof *index->position, count, count + 1,
                       &w->position_room));
    AVSN_TRY(avsn_grow(index->context, (void **)&index->size, sizeof *index->size, count, count + 1, &w->size_room));
    AVSN_TRY(find_payload(w, packet, &index->position[count]));
    index->size[count] = packet->size;
    index->largest = AVSN_MAX(index->largest, packet->size);
    index->frames++;
    return AVSOUND_OK;
}

static avsound_status add_sound(walk *w, const AVPacket *packet)
{
    avsn_clip_index *index = w->index;
    const int64_t wanted = av_rescale(index->samples, 1000000, index->rate), time = time_of(packet);
    const int frame_bytes = 2 * index->channels;
    if (!is_near(time, wanted))
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: sample %lld is at %.3f s, want %.3f s: the sound has a hole or starts late",
                  index->path, (long long)index->samples, (double)time * 1e-6, (double)wanted * 1e-6);
    if (packet->size % frame_bytes)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: a packet of %d bytes of sound, want a multiple of %d", index->path,
                  packet->size, frame_bytes);
    AVSN_TRY(avsn_grow(index->context, (void **)&index->part, sizeof *index->part, index->parts, index->parts + 2,
                       &w->part_room));
    index->part[index->parts].first = index->samples;
    AVSN_TRY(find_payload(w, packet, &index->part[index->parts].position));
    index->samples += packet->size / frame_bytes;
    index->part[++index->parts] = (sound_part){.first = index->samples};
    return AVSOUND_OK;
}

static avsound_status add_packet(walk *w, AVFormatContext *format, AVPacket *packet)
{
    const int64_t most = avsn_context_limits(w->index->context)->max_packet_bytes;
    if (packet->size > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: packet of %d bytes, the context allows %lld", w->index->path, packet->size,
                  (long long)most);
    if (packet->flags & AV_PKT_FLAG_CORRUPT)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: damaged after frame %d", w->index->path, w->index->frames - 1);
    packet->time_base = format->streams[packet->stream_index]->time_base;
    if (packet->stream_index == w->video)
        return add_frame(w, packet);
    return packet->stream_index == w->sound ? add_sound(w, packet) : AVSOUND_OK;
}

/* The demuxer takes the place where a file was cut off for its end. */
static avsound_status check_end(const avsn_clip_index *index, int64_t duration_us)
{
    if ((index->width && !index->frames) || !index->samples)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: has no %s", index->path, index->samples ? "frames" : "samples");
    const int64_t end_us =
        AVSN_MAX((int64_t)index->frames * AVSN_CLIP_FRAME_US, av_rescale(index->samples, 1000000, index->rate));
    if (end_us < duration_us - AVSN_CLIP_FRAME_US)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: ends at %.3f s, its header says %.3f s: cut off", index->path,
                  (double)end_us * 1e-6, (double)duration_us * 1e-6);
    return AVSOUND_OK;
}

static avsound_status walk_packets(walk *w, avsn_demuxer *demuxer, AVPacket *packet)
{
    AVSN_TRY(find_streams(w, demuxer));
    for (;;) {
        const int error = av_read_frame(demuxer->format, packet);
        if (error < 0 && demuxer->view->failure[0])
            AVSN_FAIL(AVSOUND_E_IO, "%s", demuxer->view->failure);
        if (error == AVERROR_EOF && !demuxer->view->past_end)
            break;
        if (error < 0)
            return avsn_ffmpeg_fail(error, AVSOUND_E_FORMAT, "%s: damaged after frame %d", w->index->path,
                                    w->index->frames - 1);
        const avsound_status status = add_packet(w, demuxer->format, packet);
        av_packet_unref(packet);
        if (status)
            return status;
    }
    return check_end(w->index, demuxer->format->duration);
}

static avsound_status fill_index(avsn_clip_index *index, const avsn_source *source)
{
    walk w = {.index = index, .source = source};
    avsn_demuxer demuxer;
    AVSN_TRY(avsn_demuxer_open(source, NULL, &demuxer));
    AVPacket *packet = av_packet_alloc();
    avsound_status status = packet ? walk_packets(&w, &demuxer, packet)
                                   : avsn_fail(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", source->path);
    av_packet_free(&packet);
    avsn_demuxer_close(&demuxer);
    avsn_free(index->context, w.bytes);
    return status;
}

avsound_status avsn_clip_index_create(avsound_context *context, const char *path, avsn_clip_index **out)
{
    *out = NULL;
    avsn_ffmpeg_quiet();
    avsn_source source;
    AVSN_TRY(avsn_source_open(context, path, &source));
    avsn_clip_index *index = avsn_alloc_zeroed(context, 1, sizeof *index);
    if (!index) {
        avsn_source_close(&source);
        return AVSOUND_E_NO_MEMORY;
    }
    index->context = avsn_context_ref(context);
    index->file_size = source.size;
    index->path = avsn_strdup(context, path);
    const avsound_status status = index->path ? fill_index(index, &source) : AVSOUND_E_NO_MEMORY;
    avsn_source_close(&source);
    if (status) {
        avsn_clip_index_free(index);
        return status;
    }
    *out = index;
    return AVSOUND_OK;
}

void avsn_clip_index_free(avsn_clip_index *index)
{
    if (!index)
        return;
    avsound_context *context = index->context;
    avsn_free(context, index->part);
    avsn_free(context, index->size);
    avsn_free(context, index->position);
    avsn_free(context, index->path);
    avsn_free(context, index);
    avsound_context_free(context);
}

const char *avsn_clip_index_path(const avsn_clip_index *index)
{
    return index->path;
}

int32_t avsn_clip_index_frames(const avsn_clip_index *index)
{
    return index->frames;
}

int64_t avsn_clip_index_samples(const avsn_clip_index *index)
{
    return index->samples;
}

int32_t avsn_clip_index_rate(const avsn_clip_index *index)
{
    return index->rate;
}

int32_t avsn_clip_index_channels(const avsn_clip_index *index)
{
    return index->channels;
}

int32_t avsn_clip_index_width(const avsn_clip_index *index)
{
    return index->width;
}

int32_t avsn_clip_index_height(const avsn_clip_index *index)
{
    return index->height;
}

/* ---- reading ---- */

struct avsn_clip_reader {
    avsound_context *context;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    uint8_t *bytes;
    size_t room;
};

static avsound_status open_decoder(avsn_clip_reader *reader)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "this FFmpeg has no decoder for mjpeg");
    reader->packet = av_packet_alloc();
    reader->frame = av_frame_alloc();
    AVCodecContext *decoder = reader->decoder = avcodec_alloc_context3(codec);
    if (!reader->packet || !reader->frame || !decoder)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "mjpeg decoder: FFmpeg could not allocate");
    decoder->max_pixels = avsn_context_limits(reader->context)->max_pixels;
    decoder->thread_count = 1;
    decoder->err_recognition = AV_EF_EXPLODE; /* a picture that is half grey is no picture */
    const int error = avcodec_open2(decoder, codec, NULL);
    return error < 0 ? avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "mjpeg decoder") : AVSOUND_OK;
}

avsound_status avsn_clip_reader_create(avsound_context *context, avsn_clip_reader **out)
{
    *out = NULL;
    avsn_ffmpeg_quiet();
    avsn_clip_reader *reader = avsn_alloc_zeroed(context, 1, sizeof *reader);
    if (!reader)
        return AVSOUND_E_NO_MEMORY;
    reader->context = avsn_context_ref(context);
    const avsound_status status = open_decoder(reader);
    if (status) {
        avsn_clip_reader_free(reader);
        return status;
    }
    *out = reader;
    return AVSOUND_OK;
}

void avsn_clip_reader_free(avsn_clip_reader *reader)
{
    if (!reader)
        return;
    avsound_context *context = reader->context;
    avcodec_free_context(&reader->decoder);
    av_packet_free(&reader->packet);
    av_frame_free(&reader->frame);
    avsn_free(context, reader->bytes);
    avsn_free(context, reader);
    avsound_context_free(context);
}

static avsound_status open_file(const avsn_clip_index *index, int *out)
{
    struct stat status;
    const int fd = *out = open(index->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", index->path, strerror(errno));
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == index->file_size)
        return AVSOUND_OK;
    close(fd);
    AVSN_FAIL(AVSOUND_E_STATE, "%s: has changed while it was in use", index->path);
}

static avsound_status read_bytes(int fd, const avsn_clip_index *index, int64_t position, void *to, size_t count)
{
    size_t got;
    AVSN_TRY(read_at(fd, index->path, position, to, count, &got));
    if (got < count)
        AVSN_FAIL(AVSOUND_E_STATE, "%s: has changed while it was in use", index->path);
    return AVSOUND_OK;
}

static avsound_status read_packet(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t frame)
{
    int fd;
    const size_t size = (size_t)index->size[frame];
    AVSN_TRY(
        avsn_grow(reader->context, (void **)&reader->bytes, 1, 0, size + AV_INPUT_BUFFER_PADDING_SIZE, &reader->room));
    AVSN_TRY(open_file(index, &fd));
    const avsound_status status = read_bytes(fd, index, index->position[frame], reader->bytes, size);
    close(fd);
    memset(reader->bytes + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    reader->packet->data = reader->bytes;
    reader->packet->size = (int)size;
    return status;
}

static int decode(avsn_clip_reader *reader)
{
    /* the decoder would go on to the next marker, with the tables of the picture before */
    const uint8_t *jpeg = reader->packet->data;
    if (reader->packet->size < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8)
        return AVERROR_INVALIDDATA;
    int error = avcodec_send_packet(reader->decoder, reader->packet);
    if (error >= 0)
        error = avcodec_receive_frame(reader->decoder, reader->frame);
    if (error < 0)
        avcodec_flush_buffers(reader->decoder);
    if (error >= 0 && (reader->frame->decode_error_flags || reader->frame->flags & AV_FRAME_FLAG_CORRUPT))
        return AVERROR_INVALIDDATA;
    return error;
}

static avsound_status show(const AVFrame *frame, const avsn_clip_index *index, int32_t number, avsound_frame *view)
{
    const int32_t format = avsn_pixel_from_ffmpeg(frame->format);
    if (frame->width != index->width || frame->height != index->height)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: frame %d is %d x %d pixels, the clip's are %d x %d", index->path, number,
                  frame->width, frame->height, index->width, index->height);
    if (!format)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: frame %d: pixel format %d of FFmpeg", index->path, number, frame->format);
    const bool limited = frame->color_range == AVCOL_RANGE_MPEG;
    *view = (avsound_frame){
        .struct_size = sizeof *view,
        .format = format,
        .width = frame->width,
        .height = frame->height,
        .range = limited ? AVSOUND_RANGE_LIMITED : AVSOUND_RANGE_FULL,
        .matrix = AVSOUND_MATRIX_BT601, /* JPEG's */
        .time_us = (int64_t)number * AVSN_CLIP_FRAME_US,
    };
    for (int p = 0; p < 4; p++) {
        view->data[p] = frame->data[p];
        view->stride[p] = frame->linesize[p];
    }
    return AVSOUND_OK;
}

avsound_status avsn_clip_reader_frame(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t frame,
                                      avsound_frame *view)
{
    if (frame < 0 || frame >= index->frames)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: frame %d, has 0 to %d", index->path, frame, index->frames - 1);
    AVSN_TRY(read_packet(reader, index, frame));
    const int error = decode(reader);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_FORMAT, "%s: frame %d", index->path, frame);
    return show(reader->frame, index, frame, view);
}

/* With the number of channels known the compiler makes vectors of it. */
static void mix(const int16_t *samples, int32_t channels, int64_t count, float *mono)
{
    const float scale = 1.f / (32768.f * (float)channels);
    if (channels == 1)
        for (int64_t i = 0; i < count; i++)
            mono[i] = (float)samples[i] * scale;
    else if (channels == 2)
        for (int64_t i = 0; i < count; i++)
            mono[i] = (float)(samples[2 * i] + samples[2 * i + 1]) * scale;
    else
        for (int64_t i = 0; i < count; i++) {
            int32_t sum = 0;
            for (int32_t c = 0; c < channels; c++)
                sum += samples[i * channels + c];
            mono[i] = (float)sum * scale;
        }
}

static void pick(const int16_t *samples, int32_t channels, int32_t channel, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)samples[i * channels + channel] * (1.f / 32768.f);
}

/* Number of the part that holds a sample of the clip. */
static size_t part_of(const avsn_clip_index *index, int64_t sample)
{
    size_t low = 0, high = index->parts;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        *(index->part[middle].first <= sample ? &low : &high) = middle;
    }
    return low;
}

enum { AVERAGE = -1 }; /* instead of a channel */

static avsound_status read_samples(avsn_clip_reader *reader, const avsn_clip_index *index, int fd, int32_t channel,
                                   int64_t first, int64_t end, float *out)
{
    const int64_t frame_bytes = 2 * index->channels;
    for (size_t p = part_of(index, first); first < end; p++) {
        const sound_part *part = &index->part[p];
        const int64_t count = AVSN_MIN(end, part[1].first) - first;
        const size_t bytes = (size_t)(count * frame_bytes);
        AVSN_TRY(avsn_grow(reader->context, (void **)&reader->bytes, 1, 0, bytes, &reader->room));
        AVSN_TRY(read_bytes(fd, index, part->position + (first - part->first) * frame_bytes, reader->bytes, bytes));
        const int16_t *samples = (const int16_t *)(const void *)reader->bytes;
        if (channel == AVERAGE)
            mix(samples, index->channels, count, out);
        else
            pick(samples, index->channels, AVSN_MIN(channel, index->channels - 1), count, out);
        out += count;
        first += count;
    }
    return AVSOUND_OK;
}

static avsound_status read_audio(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t channel, int64_t first,
                                 int64_t count, float *out)
{
    int64_t end;
    int fd;
    if (count < 0 || __builtin_add_overflow(first, count, &end))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: %lld samples from %lld on", index->path, (long long)count,
                  (long long)first);
    const int64_t from = AVSN_MAX(first, 0), to = AVSN_MIN(end, index->samples);
    if (from >= to) {
        memset(out, 0, (size_t)count * sizeof *out);
        return AVSOUND_OK;
    }
    memset(out, 0, (size_t)(from - first) * sizeof *out);
    memset(out + (to - first), 0, (size_t)(end - to) * sizeof *out);
    AVSN_TRY(open_file(index, &fd));
    const avsound_status status = read_samples(reader, index, fd, channel, from, to, out + (from - first));
    close(fd);
    return status;
}

avsound_status avsn_clip_reader_audio(avsn_clip_reader *reader, const avsn_clip_index *index, int64_t first,
                                      int64_t count, float *mono)
{
    return read_audio(reader, index, AVERAGE, first, count, mono);
}

avsound_status avsn_clip_reader_channel(avsn_clip_reader *reader, const avsn_clip_index *index, int32_t channel,
                                        int64_t first, int64_t count, float *samples)
{
    if (channel < 0)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s: channel %d, want 0 or more", index->path, channel);
    return read_audio(reader, index, channel, first, count, samples);
}

/* ---- one clip ---- */

struct avsn_clip {
    avsound_context *context;
    avsn_clip_index *index;
    avsn_clip_reader *reader;
};

avsound_status avsn_clip_open(avsound_context *context, const char *path, avsn_clip **out)
{
    *out = NULL;
    avsn_clip *clip = avsn_alloc_zeroed(context, 1, sizeof *clip);
    if (!clip)
        return AVSOUND_E_NO_MEMORY;
    clip->context = avsn_context_ref(context);
    avsound_status status = avsn_clip_index_create(context, path, &clip->index);
    if (!status && !clip->index->frames)
        status = avsn_fail(AVSOUND_E_UNSUPPORTED, "%s: has no video: not a prepared clip", path);
    if (!status)
        status = avsn_clip_reader_create(context, &clip->reader);
    if (status) {
        avsn_clip_free(clip);
        return status;
    }
    *out = clip;
    return AVSOUND_OK;
}

void avsn_clip_free(avsn_clip *clip)
{
    if (!clip)
        return;
    avsound_context *context = clip->context;
    avsn_clip_reader_free(clip->reader);
    avsn_clip_index_free(clip->index);
    avsn_free(context, clip);
    avsound_context_free(context);
}

int32_t avsn_clip_frames(const avsn_clip *clip)
{
    return clip->index->frames;
}

int64_t avsn_clip_samples(const avsn_clip *clip)
{
    return clip->index->samples;
}

int32_t avsn_clip_rate(const avsn_clip *clip)
{
    return clip->index->rate;
}

avsound_status avsn_clip_read_frame(avsn_clip *clip, int32_t index, avsound_frame *view)
{
    return avsn_clip_reader_frame(clip->reader, clip->index, index, view);
}

avsound_status avsn_clip_read_audio(avsn_clip *clip, int64_t first, int64_t count, float *mono)
{
    return avsn_clip_reader_audio(clip->reader, clip->index, first, count, mono);
}
