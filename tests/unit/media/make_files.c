#include "unit/media/make_files.h"

#include <libavcodec/avcodec.h>
#include <libavutil/mathematics.h>

#define KIND(format, num, den) .width = 160, .height = 96, .frames = 60, .pixel_format = (format), .tick = {num, den}
#define BASE KIND(AV_PIX_FMT_YUV420P, 1, 25)
#define H264(options) .video_encoder = "libx264", .video_options = "preset=ultrafast:crf=18:" options

/* Irregular steps from 1 ms to 900 ms. */
static const int64_t uneven[60] = {0,    40,   80,   81,   160,  200,  233,  267,  300,  1200, 1240, 1241,
                                   1242, 1300, 1333, 1367, 1400, 1480, 1520, 1560, 1600, 1640, 1680, 1720,
                                   2600, 2640, 2680, 2720, 2760, 2800, 2840, 2880, 2920, 2960, 3000, 3040,
                                   3080, 3120, 3160, 3200, 3240, 3280, 3320, 3360, 3400, 3440, 3480, 3520,
                                   3560, 3600, 4400, 4440, 4480, 4520, 4560, 4600, 4640, 4680, 4720, 4760};

static const video_file files[] = {
    {"b-frames.mp4", {BASE, .container = "mp4", H264("bf=3:b_strategy=0:g=20")}},
    {"long-gop.mp4", {BASE, .container = "mp4", H264("bf=2:b_strategy=0:g=250")}},
    {"open-gop.mp4",
     {BASE, .container = "mp4", H264("bf=3:b_strategy=0:x264-params=open-gop=1,keyint=12,min-keyint=12")}},
    {"open-gop.mkv",
     {BASE, .container = "matroska", H264("bf=3:b_strategy=0:x264-params=open-gop=1,keyint=12,min-keyint=12")}},
    {"open-gop.ts",
     {BASE, .container = "mpegts", H264("bf=3:b_strategy=0:x264-params=open-gop=1,keyint=12,min-keyint=12")}},
    {"long-gop.ts", {BASE, .container = "mpegts", H264("bf=2:b_strategy=0:g=250")}},
    {"vfr.mkv",
     {KIND(AV_PIX_FMT_YUV420P, 1, 1000), .container = "matroska", H264("bf=2:b_strategy=0:g=20"), .pts = uneven}},
    {"vfr.mp4", {KIND(AV_PIX_FMT_YUV420P, 1, 1000), .container = "mp4", H264("bf=2:b_strategy=0:g=20"), .pts = uneven}},
    {"negative.nut", {BASE, .container = "nut", H264("bf=2:b_strategy=0:g=20"), .offset = -40}},
    {"negative.mkv",
     {BASE, .container = "matroska", .mux_options = "avoid_negative_ts=disabled", H264("bf=0:g=20"), .offset = -31}},
    {"late.mp4", {BASE, .container = "mp4", H264("bf=2:b_strategy=0:g=20"), .offset = 100}},
    {"ntsc.mp4", {KIND(AV_PIX_FMT_YUV420P, 1001, 30000), .container = "mp4", H264("bf=2:b_strategy=0:g=20")}},
    {"mpeg4.avi", {BASE, .container = "avi", .video_encoder = "mpeg4", .video_options = "qmin=2:qmax=2:g=12"}},
    {"mpeg4-b.avi", {BASE, .container = "avi", .video_encoder = "mpeg4", .video_options = "qmin=2:qmax=2:g=12:bf=2"}},
    {"h264-b.avi", {BASE, .container = "avi", H264("bf=2:b_strategy=0:g=20")}},
    {"mpeg2.mpg",
     {BASE, .container = "vob", .video_encoder = "mpeg2video", .video_options = "qmin=2:qmax=2:g=12:bf=2"}},
    {"mpeg2.ts",
     {BASE, .container = "mpegts", .video_encoder = "mpeg2video", .video_options = "qmin=2:qmax=2:g=12:bf=2"}},
    {"mjpeg.mov",
     {KIND(AV_PIX_FMT_YUVJ420P, 1, 25), .container = "mov", .video_encoder = "mjpeg", .video_options = "qmin=2:qmax=2",
      .range = AVCOL_RANGE_JPEG}},
    {"vp9.webm",
     {BASE, .container = "webm", .video_encoder = "libvpx-vp9",
      .video_options = "b=2000000:deadline=realtime:cpu-used=8:g=20"}},
    {"vp8.webm",
     {BASE, .container = "webm", .video_encoder = "libvpx",
      .video_options = "b=2000000:deadline=realtime:cpu-used=8:g=20:auto-alt-ref=0"}},
    {"ffv1.mkv", {KIND(AV_PIX_FMT_YUV420P10LE, 1, 25), .container = "matroska", .video_encoder = "ffv1"}},
    {"ten-bit.mp4", {KIND(AV_PIX_FMT_YUV420P10LE, 1, 25), .container = "mp4", H264("bf=2:b_strategy=0:g=20")}},
    {"flash.flv", {BASE, .container = "flv", H264("bf=2:b_strategy=0:g=20")}},
    {"theora.ogv",
     {BASE, .container = "ogg", .video_encoder = "libtheora", .video_options = "flags=qscale:global_quality=900:g=16"}},
    {"raw.h264", {BASE, .container = "h264", H264("bf=2:b_strategy=0:g=20")}},
    {"animated.gif", {KIND(AV_PIX_FMT_GRAY8, 1, 25), .container = "gif", .video_encoder = "gif"}},
    {NULL, {0}},
};

const video_file *video_files(void)
{
    return files;
}

const char *make_video_file(const video_file *file)
{
    const char *path = temporary_path(file->name);
    make_media(path, &file->spec);
    return path;
}

int64_t video_file_time(const video_file *file, int i)
{
    const int64_t pts = file->spec.pts ? file->spec.pts[i] - file->spec.pts[0] : i;
    return av_rescale(pts, (int64_t)file->spec.tick.num * 1000000, file->spec.tick.den);
}

avsound_context *plain_context(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

avsound_media *opened(avsound_context *context, const char *path, const avsound_media_options *options)
{
    avsound_media *media;
    ck_avsound(avsound_media_open(context, path, options, &media));
    return media;
}

avsound_media_info info_of(const avsound_media *media)
{
    avsound_media_info info = {.struct_size = sizeof info};
    ck_avsound(avsound_media_get_info(media, &info));
    return info;
}

avsound_frame next_frame(avsound_media *media)
{
    avsound_frame frame = {.struct_size = sizeof frame};
    ck_avsound(avsound_media_read_frame(media, &frame));
    return frame;
}

avsound_audio next_audio(avsound_media *media)
{
    avsound_audio audio = {.struct_size = sizeof audio};
    ck_avsound(avsound_media_read_audio(media, &audio));
    return audio;
}

whole_sound read_sound(avsound_media *media)
{
    whole_sound all = {.start_us = -1};
    int64_t room = 0;
    for (;;) {
        avsound_audio audio = {.struct_size = sizeof audio};
        const avsound_status status = avsound_media_read_audio(media, &audio);
        ck_assert_msg(status == AVSOUND_OK || status == AVSOUND_E_END, "%s", avsound_error_detail());
        if (status)
            return all;
        if (all.start_us < 0) {
            all.start_us = audio.time_us;
            all.rate = audio.sample_rate;
            all.channels = audio.channels;
        }
        /* No holes: each stretch begins where the last one ended. */
        ck_assert_int_eq(audio.time_us, all.start_us + av_rescale(all.frames, 1000000, all.rate));
        if (all.frames + audio.frames > room) {
            room = 2 * (all.frames + audio.frames);
            all.samples = realloc(all.samples, (size_t)room * (size_t)all.channels * sizeof(float));
            ck_assert_ptr_nonnull(all.samples);
        }
        memcpy(all.samples + all.frames * all.channels, audio.data,
               (size_t)audio.frames * (size_t)all.channels * sizeof(float));
        all.frames += audio.frames;
    }
}
