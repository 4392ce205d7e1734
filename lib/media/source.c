#include "media/private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/avstring.h>

enum { IO_BYTES = 1 << 16 };

/* FFmpeg tells some raw formats by the path's ending alone. */
static void harmless_name(const char *path, char *name, size_t size)
{
    const char *dot = strrchr(path, '.');
    size_t letters = 0;
    while (dot && isalnum((unsigned char)dot[1 + letters]))
        letters++;
    if (letters == 0 || letters > 12 || dot[1 + letters])
        snprintf(name, size, "media");
    else
        snprintf(name, size, "media%s", dot);
}

/* ---- the size that a Matroska file tells ---- */

enum { EBML_HEADER = 0x1A45DFA3, SEGMENT = 0x18538067, LONGEST_ID = 4, LONGEST_SIZE = 8, MOST_ELEMENTS = 8 };

/* A number whose first byte tells its length by leading zeros, with that bit or without; 0: none so short. */
static int read_number(const uint8_t *bytes, int most, bool whole, uint64_t *value)
{
    int length = 1;
    while (length <= most && !(bytes[0] & 0x80 >> (length - 1)))
        length++;
    if (length > most)
        return 0;
    *value = whole ? bytes[0] : bytes[0] & (0x7Fu >> (length - 1));
    for (int i = 1; i < length; i++)
        *value = *value << 8 | bytes[i];
    return length;
}

/* All there is of `size` bytes, where a single read may bring fewer. */
static avsound_status read_all(const avsn_source *source, int64_t position, uint8_t *bytes, size_t size, size_t *got)
{
    size_t more;
    *got = 0;
    do {
        AVSN_TRY(avsn_source_read(source, position + (int64_t)*got, bytes + *got, size - *got, &more));
        *got += more;
    } while (more && *got < size);
    return AVSOUND_OK;
}

/* Where the segment ends, which holds all the rest. 0: this is no Matroska, or it was written without going back, as live
 * ones are, and doesn't know. */
static avsound_status matroska_size(const avsn_source *source, int64_t *told)
{
    int64_t at = 0;
    *told = 0;
    for (int i = 0; i < MOST_ELEMENTS; i++) {
        uint8_t bytes[LONGEST_ID + LONGEST_SIZE] = {0};
        uint64_t id, size;
        size_t got;
        AVSN_TRY(read_all(source, at, bytes, sizeof bytes, &got));
        const int first = read_number(bytes, LONGEST_ID, true, &id);
        const int second = first ? read_number(bytes + first, LONGEST_SIZE, false, &size) : 0;
        const bool unknown = second && size == (UINT64_C(1) << 7 * second) - 1;
        if (got == 0 || !second || unknown || size > (uint64_t)(INT64_MAX / 2 - at) || (i == 0 && id != EBML_HEADER))
            return AVSOUND_OK;
        at += first + second + (int64_t)size;
        if (id == SEGMENT) {
            *told = at;
            return AVSOUND_OK;
        }
    }
    return AVSOUND_OK;
}

/* ---- where the bytes are ---- */

static avsound_status begin(avsound_context *context, const char *path, avsn_source *source)
{
    *source = (avsn_source){.context = context, .fd = -1};
    harmless_name(path, source->name, sizeof source->name);
    source->path = avsn_strdup(context, path);
    return source->path ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* What every kind ends with: the source as it is, or nothing of it. */
static avsound_status finish(avsn_source *source, avsound_status status)
{
    if (!status && source->size == 0)
        status = avsn_fail(AVSOUND_E_FORMAT, "%s: is empty, want a media file", source->path);
    if (!status)
        status = matroska_size(source, &source->told_size);
    if (status)
        avsn_source_close(source);
    return status;
}

static avsound_status measure(avsn_source *source)
{
    struct stat status;
    if (fstat(source->fd, &status))
        AVSN_FAIL(AVSOUND_E_IO, "%s: %s", source->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        AVSN_FAIL(AVSOUND_E_IO, "%s: is a %s, want a regular file", source->path,
                  S_ISDIR(status.st_mode) ? "directory" : "device, pipe or socket");
    source->size = status.st_size;
    return AVSOUND_OK;
}

avsound_status avsn_source_open(avsound_context *context, const char *path, avsn_source *source)
{
    AVSN_TRY(begin(context, path, source));
    /* Without O_NONBLOCK opening a pipe would wait for its writer. */
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0)
        return finish(source, avsn_fail(AVSOUND_E_IO, "%s: %s", path, strerror(errno)));
    return finish(source, measure(source));
}

avsound_status avsn_source_open_fd(avsound_context *context, int fd, const char *name, avsn_source *source)
{
    char number[32];
    snprintf(number, sizeof number, "descriptor %d", fd);
    AVSN_TRY(begin(context, name ? name : number, source));
    source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (source->fd < 0)
        return finish(source, avsn_fail(AVSOUND_E_IO, "%s: %s", source->path, strerror(errno)));
    return finish(source, measure(source));
}

avsound_status avsn_source_open_memory(avsound_context *context, const void *data, size_t size, const char *name,
                                       avsn_source *source)
{
    AVSN_TRY(begin(context, name ? name : "media in memory", source));
    source->memory = data;
    source->size = (int64_t)AVSN_MIN(size, (size_t)INT64_MAX);
    return finish(source, AVSOUND_OK);
}

avsound_status avsn_source_open_io(avsound_context *context, const avsound_io *calls, bool shared, avsn_source *source)
{
    avsn_io io;
    AVSN_TRY(avsn_io_init(&io, calls));
    io.shared = shared;
    AVSN_TRY(begin(context, avsn_io_name(calls), source));
    source->io = avsn_alloc(context, 1, sizeof *source->io);
    if (!source->io)
        return finish(source, AVSOUND_E_NO_MEMORY);
    *source->io = io;
    source->size = io.calls.size;
    return finish(source, AVSOUND_OK);
}

void avsn_source_close(avsn_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    avsn_free(source->context, source->io);
    avsn_free(source->context, source->path);
    *source = (avsn_source){.context = source->context, .fd = -1};
}

/* pread, so that the views of one file do not move each other, nor the caller's descriptor. */
static avsound_status read_file(const avsn_source *source, int64_t position, void *buffer, size_t size, size_t *got)
{
    ssize_t count;
    do
        count = pread(source->fd, buffer, size, (off_t)position);
    while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    if (count < 0)
        AVSN_FAIL(AVSOUND_E_IO, "%s: reading at byte %lld: %s", source->path, (long long)position, strerror(errno));
    return AVSOUND_OK;
}

avsound_status avsn_source_read(const avsn_source *source, int64_t position, void *buffer, size_t size, size_t *got)
{
    if (source->io)
        return avsn_io_read(source->io, source->path, position, buffer, size, got);
    if (!source->memory)
        return read_file(source, position, buffer, size, got);
    *got = position < source->size ? (size_t)AVSN_MIN((int64_t)size, source->size - position) : 0;
    if (*got)
        memcpy(buffer, source->memory + position, *got);
    return AVSOUND_OK;
}

/* ---- a demuxer's view of them ---- */

static int read_view(void *opaque, uint8_t *buffer, int size)
{
    struct avsn_view *view = opaque;
    size_t got;
    if (avsn_source_read(view->source, view->position, buffer, (size_t)size, &got)) {
        snprintf(view->failure, sizeof view->failure, "%s", avsound_error_detail());
        return AVERROR(EIO);
    }
    if (got == 0) {
        view->past_end |= view->position > view->source->size;
        return AVERROR_EOF;
    }
    view->position += (int64_t)got;
    return (int)got;
}

static int64_t seek_view(void *opaque, int64_t offset, int whence)
{
    struct avsn_view *view = opaque;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return view->source->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += view->position;
        break;
    case SEEK_END:
        offset += view->source->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    return view->position = offset;
}

/* Bytes that could not be read are the cause of whatever FFmpeg made of that. */
static avsound_status fail_open(const avsn_demuxer *demuxer, int error, const char *what, const char *name)
{
    if (demuxer->view->failure[0])
        AVSN_FAIL(AVSOUND_E_IO, "%s", demuxer->view->failure);
    return avsn_ffmpeg_fail(error, AVSOUND_E_FORMAT, "%s: %s%s%s", demuxer->view->source->path, what, name ? name : "",
                            name ? " file" : "");
}

/* Playlists, reference movies, scripts: all would have to open something else. */
static int refuse_to_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    (void)format, (void)url, (void)flags, (void)options;
    *io = NULL;
    return AVERROR(EPERM);
}

/* Formats that are lists of other files or addresses, programs, or text that FFmpeg would draw as a video. */
static bool is_refused(const AVInputFormat *format)
{
    static const char *const names[] = {"hls",    "concat", "concatf",  "dash",        "webm_dash_manifest",
                                        "sdp",    "rtsp",   "rtp",      "sap",         "imf",
                                        "image2", "lavfi",  "avisynth", "vapoursynth", "tty",
                                        "bin",    "xbin",   "adf",      "idf",         "ffmetadata"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(names); i++)
        if (av_match_name(names[i], format->name))
            return true;
    return (format->flags & AVFMT_NOFILE) != 0;
}

static avsound_status probe(const avsn_source *source, const avsn_demuxer *demuxer, const AVInputFormat **format)
{
    AVIOContext *io = demuxer->io;
    int score = av_probe_input_buffer2(io, format, source->name, NULL, 0, 0);
    /* Pictures' endings mean numbered sequences to FFmpeg; the content tells their formats as well. */
    if (score >= 0 && av_match_name("image2", (*format)->name)) {
        *format = NULL;
        score = av_probe_input_buffer2(io, format, "media", NULL, 0, 0);
    }
    if (score < 0)
        return fail_open(demuxer, score, "is no media file that FFmpeg knows", NULL);
    if (is_refused(*format))
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: is a playlist or text (%s), want a media file", source->path,
                  (*format)->name);
    return AVSOUND_OK;
}

static avsound_status open_io(const avsn_source *source, avsn_demuxer *demuxer)
{
    demuxer->view = avsn_alloc_zeroed(source->context, 1, sizeof *demuxer->view);
    if (!demuxer->view)
        return AVSOUND_E_NO_MEMORY;
    demuxer->view->source = source;
    uint8_t *buffer = av_malloc(IO_BYTES);
    demuxer->io = buffer ? avio_alloc_context(buffer, IO_BYTES, 0, demuxer->view, read_view, NULL, seek_view) : NULL;
    demuxer->format = avformat_alloc_context();
    if (!demuxer->io) {
        av_free(buffer);
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", source->path);
    }
    if (!demuxer->format)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", source->path);
    demuxer->format->pb = demuxer->io;
    demuxer->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    demuxer->format->io_open = refuse_to_open;
    demuxer->format->protocol_whitelist = av_strdup("");
    return AVSOUND_OK;
}

/* The decoders that look for parameters must not take more than the limit either. */
static avsound_status find_streams(const avsn_source *source, const avsn_demuxer *demuxer)
{
    AVFormatContext *format = demuxer->format;
    const unsigned count = format->nb_streams;
    AVDictionary **options = avsn_alloc_zeroed(source->context, count, sizeof *options);
    if (!options)
        return AVSOUND_E_NO_MEMORY;
    for (unsigned i = 0; i < count; i++)
        av_dict_set_int(&options[i], "max_pixels", avsn_context_limits(source->context)->max_pixels, 0);
    const int error = avformat_find_stream_info(format, options);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    avsn_free(source->context, options);
    if (error < 0)
        return fail_open(demuxer, error, "no stream can be read", NULL);
    return AVSOUND_OK;
}

static uint32_t be16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
    return be16(at) << 16 | be16(at + 2);
}

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Width and height of a PNG or JPEG by its first bytes; false for anything else. */
static bool picture_size(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height)
{
    if (size >= 24 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8)) {
        *width = be32(data + 16);
        *height = be32(data + 20);
        return true;
    }
    if (size < 4 || memcmp(data, "\xff\xd8\xff", 3))
        return false;
    for (size_t at = 2; at + 9 <= size && data[at] == 0xff; at += 2 + be16(data + at + 2))
        if (is_frame_header(data[at + 1])) {
            *height = be16(data + at + 5);
            *width = be16(data + at + 7);
            return true;
        }
    return false;
}

/* FFmpeg refuses pictures of more than 2^28 pixels as if they were damaged, without telling their size. */
static avsound_status check_picture_size(const avsn_source *source)
{
    uint8_t data[4096];
    uint32_t width, height;
    size_t got;
    const int64_t most = avsn_context_limits(source->context)->max_pixels;
    AVSN_TRY(read_all(source, 0, data, sizeof data, &got));
    if (picture_size(data, got, &width, &height) && (uint64_t)width * height > (uint64_t)most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: picture of %u x %u pixels, the context allows %lld in all", source->path, width,
                  height, (long long)most);
    return AVSOUND_OK;
}

/* The decoders that look for parameters take a size over their limit for damage, and forget it. */
static avsound_status check_told_sizes(const avsn_source *source, const AVFormatContext *format)
{
    const int64_t most = avsn_context_limits(source->context)->max_pixels;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVCodecParameters *par = format->streams[i]->codecpar;
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && (int64_t)par->width * par->height > most)
            AVSN_FAIL(AVSOUND_E_LIMIT, "%s: video of %d x %d pixels, the context allows %lld in all", source->path,
                      par->width, par->height, (long long)most);
    }
    return AVSOUND_OK;
}

/* Only where the header alone tells the streams: otherwise they appear in the order their packets come. */
static bool take_over(const AVFormatContext *known, AVFormatContext *format)
{
    if (format->ctx_flags & AVFMTCTX_NOHEADER || known->nb_streams != format->nb_streams)
        return false;
    for (unsigned i = 0; i < known->nb_streams; i++) {
        const AVCodecParameters *par = known->streams[i]->codecpar;
        if (format->streams[i]->codecpar->codec_id != par->codec_id ||
            avcodec_parameters_copy(format->streams[i]->codecpar, par) < 0)
            return false;
    }
    return true;
}

static avsound_status open_format(const avsn_source *source, const avsn_demuxer *known, avsn_demuxer *demuxer)
{
    const AVInputFormat *format = NULL;
    AVSN_TRY(check_picture_size(source));
    AVSN_TRY(open_io(source, demuxer));
    AVSN_TRY(probe(source, demuxer, &format));
    const int error = avformat_open_input(&demuxer->format, source->name, format, NULL);
    if (error < 0)
        return fail_open(demuxer, error, "broken ", format->name);
    AVSN_TRY(check_told_sizes(source, demuxer->format));
    if (known && take_over(known->format, demuxer->format))
        return AVSOUND_OK;
    return find_streams(source, demuxer);
}

avsound_status avsn_demuxer_open(const avsn_source *source, const avsn_demuxer *known, avsn_demuxer *demuxer)
{
    *demuxer = (avsn_demuxer){0};
    const avsound_status status = open_format(source, known, demuxer);
    if (status)
        avsn_demuxer_close(demuxer);
    return status;
}

void avsn_demuxer_close(avsn_demuxer *demuxer)
{
    avformat_close_input(&demuxer->format);
    if (demuxer->io)
        av_freep(&demuxer->io->buffer);
    avio_context_free(&demuxer->io);
    if (demuxer->view)
        avsn_free(demuxer->view->source->context, demuxer->view);
    *demuxer = (avsn_demuxer){0};
}

/* Higher is better; 0: not to be taken. */
static int64_t merit(const AVStream *stream, enum AVMediaType type)
{
    const AVCodecParameters *par = stream->codecpar;
    const int hidden = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
    if (par->codec_type != type || (stream->disposition & hidden))
        return 0;
    int64_t m = 1;
    if (avcodec_find_decoder(par->codec_id))
        m += (int64_t)1 << 50;
    if (!(stream->disposition & (AV_DISPOSITION_HEARING_IMPAIRED | AV_DISPOSITION_VISUAL_IMPAIRED)))
        m += (int64_t)1 << 49;
    if (stream->disposition & AV_DISPOSITION_DEFAULT)
        m += (int64_t)1 << 48;
    return m + (type == AVMEDIA_TYPE_VIDEO ? (int64_t)par->width * par->height / 4 : 0);
}

int avsn_demuxer_choose(const avsn_demuxer *demuxer, enum AVMediaType type)
{
    int64_t best = 0;
    int index = -1;
    for (unsigned i = 0; i < demuxer->format->nb_streams; i++) {
        const int64_t m = merit(demuxer->format->streams[i], type);
        if (m > best) {
            best = m;
            index = (int)i;
        }
    }
    return index;
}

int avsn_demuxer_audio_track(const avsn_demuxer *demuxer, int32_t track, int32_t *count)
{
    int index = -1;
    *count = 0;
    for (unsigned i = 0; i < demuxer->format->nb_streams; i++)
        if (demuxer->format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && ++*count == track)
            index = (int)i;
    return index;
}

bool avsn_demuxer_seeks_truly(const avsn_demuxer *demuxer)
{
    static const char *const names[] = {"mov", "matroska", "mpegts", "nut", "avi", "wav", "w64", "caf", "aiff", "flv"};
    for (size_t i = 0; demuxer->format && i < AVSN_ARRAY_COUNT(names); i++)
        if (av_match_name(names[i], demuxer->format->iformat->name))
            return true;
    return false;
}

bool avsn_demuxer_is_still(const avsn_demuxer *demuxer)
{
    const char *name = demuxer->format->iformat->name;
    const char *tail = strstr(name, "_pipe");
    return tail && !tail[5];
}
