#include "media/private.h"

#include <stdio.h>
#include <string.h>

#include <libavutil/pixdesc.h>

/* Time stamps that step back by more, or ahead by more, are those of another recording that follows in the same file: its
 * frames go on from the last one. */
enum { BACK_STEP_US = 1000000 };
#define AHEAD_STEP_US ((int64_t)24 * 3600 * 1000000)

/* A seek that lands too late is tried again so much earlier, then twice as much, and so on. */
enum { FIRST_MARGIN_US = 1000000 };

typedef struct timed_frame {
    AVFrame *frame;
    int64_t time_us;
} timed_frame;

struct avsn_video {
    avsound_context *context;
    avsn_track track;
    avsn_upright upright;
    timed_frame shown; /* what was delivered last; time INT64_MIN: nothing */
    timed_frame ahead[2]; /* decoded already, in order */
    int ahead_count;
    AVFrame *scratch;
    int64_t last_us, shift_us; /* of the decoded frames: the last one's time, and what is added to their stamps */
    int64_t step_us; /* nominal, where stamps are missing */
    int64_t start_us;
    bool stamps_missing; /* some frame had none: its time depends on all before it */
    bool still;
    avsound_media_info info;
};

static int64_t time_of(avsn_video *video, const AVFrame *frame)
{
    const int64_t last = video->last_us;
    const int64_t pts = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    video->stamps_missing |= frame->pts == AV_NOPTS_VALUE;
    if (pts == AV_NOPTS_VALUE)
        return last == INT64_MIN ? 0 : last + video->step_us;
    const int64_t raw = av_rescale_q(pts, video->track.stream->time_base, AVSN_MICROSECONDS);
    int64_t time = raw + video->shift_us;
    if (last == INT64_MIN || (time > last && time - last < AHEAD_STEP_US))
        return time;
    if (time > last || last - time > BACK_STEP_US) {
        video->shift_us = last + video->step_us - raw;
        return last + video->step_us;
    }
    return last + 1; /* order is promised, and the next stamp may be right again */
}

/* Appends the next decoded frame to `ahead`. */
static avsound_status decode(avsn_video *video)
{
    timed_frame *slot = &video->ahead[video->ahead_count];
    for (;;) {
        AVSN_TRY(avsn_track_next(&video->track, video->scratch));
        const int64_t pts = video->scratch->pts;
        /* After a seek: frames that are shown before the key frame but follow it in the file refer to frames never decoded. */
        if (video->track.key_pts == AV_NOPTS_VALUE || pts == AV_NOPTS_VALUE || pts >= video->track.key_pts)
            break;
    }
    video->track.key_pts = AV_NOPTS_VALUE;
    av_frame_unref(slot->frame);
    av_frame_move_ref(slot->frame, video->scratch);
    slot->time_us = video->last_us = time_of(video, slot->frame);
    video->ahead_count++;
    return AVSOUND_OK;
}

/* Takes the first of `ahead` into `shown`. */
static void show_next(avsn_video *video)
{
    const timed_frame old = video->shown;
    video->shown = video->ahead[0];
    video->ahead[0] = video->ahead[1];
    video->ahead[1] = old;
    video->ahead_count--;
}

static int64_t microseconds(int64_t value, AVRational time_base)
{
    return value == AV_NOPTS_VALUE || value < 0 ? -1 : av_rescale_q(value, time_base, AVSN_MICROSECONDS);
}

static void fill_info(avsn_video *video)
{
    const AVStream *stream = video->track.stream;
    const AVFrame *first = video->ahead[0].frame;
    const avsn_upright *upright = &video->upright;
    avsound_media_info *info = &video->info;
    *info = (avsound_media_info){
        .width = upright->width,
        .height = upright->height,
        .coded_width = first->width,
        .coded_height = first->height,
        .rotation = avsn_orientation_degrees(upright->orientation),
        .sar_num = upright->sample_aspect.num,
        .sar_den = upright->sample_aspect.den,
        .rate_den = 1,
        .pixel_bits = av_pix_fmt_desc_get(first->format)->comp[0].depth,
        .still = video->still,
        .video_duration_us = video->still ? -1 : microseconds(stream->duration, stream->time_base),
    };
    const AVRational rate = av_guess_frame_rate(video->track.demuxer.format, video->track.stream, NULL);
    if (!video->still && rate.num > 0 && rate.den > 0) {
        info->rate_num = rate.num;
        info->rate_den = rate.den;
    }
    snprintf(info->video_codec, sizeof info->video_codec, "%s", avcodec_get_name(stream->codecpar->codec_id));
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", av_get_pix_fmt_name(first->format));
}

static avsound_status prime(avsn_video *video)
{
    const AVStream *stream = video->track.stream;
    const AVRational rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
    video->step_us = rate.num > 0 && rate.den > 0 ? av_rescale(1000000, rate.den, rate.num) : 40000;
    video->step_us = AVSN_MAX(video->step_us, (int64_t)1);
    video->last_us = INT64_MIN;
    AVSN_TRY(decode(video));
    video->start_us = video->ahead[0].time_us;
    video->still = avsn_demuxer_is_still(&video->track.demuxer);
    AVSN_TRY(avsn_upright_init(video->context, video->track.source, video->track.demuxer.format, video->track.stream,
                               video->ahead[0].frame, &video->upright));
    fill_info(video);
    return AVSOUND_OK;
}

static avsound_status allocate_frames(avsn_video *video)
{
    video->scratch = av_frame_alloc();
    video->shown = (timed_frame){av_frame_alloc(), INT64_MIN};
    video->ahead[0].frame = av_frame_alloc();
    video->ahead[1].frame = av_frame_alloc();
    if (!video->scratch || !video->shown.frame || !video->ahead[0].frame || !video->ahead[1].frame)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate a frame");
    return AVSOUND_OK;
}

avsound_status avsn_video_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t threads,
                               avsn_video **out)
{
    *out = NULL;
    avsn_video *video = avsn_alloc_zeroed(source->context, 1, sizeof *video);
    if (!video) {
        avsn_demuxer_close(demuxer);
        return AVSOUND_E_NO_MEMORY;
    }
    video->context = source->context;
    avsound_status status = avsn_track_open(source, demuxer, stream_index, threads, &video->track);
    if (!status)
        status = allocate_frames(video);
    if (!status)
        status = prime(video);
    if (status)
        avsn_video_free(video);
    else
        *out = video;
    return status;
}

avsound_status avsn_video_read(avsn_video *video, avsound_frame *frame)
{
    if (video->ahead_count == 0)
        AVSN_TRY(decode(video));
    show_next(video);
    AVSN_TRY(avsn_upright_show(&video->upright, video->shown.frame, video->track.stream->codecpar->codec_id, frame));
    frame->time_us = video->shown.time_us;
    return AVSOUND_OK;
}

/* ---- seeking ---- */

static void forget(avsn_video *video)
{
    video->ahead_count = 0;
    video->last_us = INT64_MIN;
    video->shift_us = 0;
    video->shown.time_us = INT64_MIN;
}

static avsound_status rewind_to_start(avsn_video *video)
{
    forget(video);
    AVSN_TRY(avsn_track_rewind(&video->track));
    return decode(video);
}

/* Brings a frame that starts no later than `time` into ahead[0]; false: the demuxer can't. */
static bool jump(avsn_video *video, int64_t time)
{
    if (video->stamps_missing || video->shift_us || !avsn_demuxer_seeks_truly(&video->track.demuxer))
        return false;
    for (int64_t margin = 0; time - margin > video->start_us; margin = margin ? 2 * margin : FIRST_MARGIN_US) {
        const int64_t pts = av_rescale_q(time - margin, AVSN_MICROSECONDS, video->track.stream->time_base);
        forget(video);
        if (avsn_track_seek(&video->track, pts))
            return false;
        const avsound_status status = decode(video);
        if (video->stamps_missing || video->shift_us ||
            (status && status != AVSOUND_E_END && status != AVSOUND_E_FORMAT))
            return false;
        if (!status && video->ahead[0].time_us <= time)
            return true;
    }
    return false;
}

/* With ahead[0] no later than `time`: decodes on until it is the last such frame. */
static avsound_status advance(avsn_video *video, int64_t time)
{
    for (;;) {
        if (video->ahead_count < 2) {
            const avsound_status status = decode(video);
            /* What ended the stream will do so again at the next read. */
            if (status)
                return status == AVSOUND_E_END || status == AVSOUND_E_FORMAT ? AVSOUND_OK : status;
        }
        if (video->ahead[1].time_us > time)
            return AVSOUND_OK;
        show_next(video);
    }
}

/* Is it cheaper, and as right, to go on from here? */
static bool is_near(const avsn_video *video, int64_t time)
{
    const int64_t here = video->ahead_count ? video->ahead[0].time_us : video->shown.time_us;
    if (here == INT64_MIN || time < here)
        return false;
    return time - here <= FIRST_MARGIN_US || video->stamps_missing || video->shift_us ||
           !avsn_demuxer_seeks_truly(&video->track.demuxer);
}

/* The frame on screen may be the one delivered last. */
static void take_back_shown(avsn_video *video)
{
    const timed_frame spare = video->ahead[1];
    video->ahead[1] = video->ahead[0];
    video->ahead[0] = video->shown;
    video->shown = spare;
    video->shown.time_us = INT64_MIN;
    video->ahead_count++;
}

avsound_status avsn_video_seek(avsn_video *video, int64_t time_us)
{
    if (video->still)
        time_us = video->start_us;
    if (avsn_track_failed(&video->track)) {
        AVSN_TRY(rewind_to_start(video));
        return advance(video, time_us);
    }
    if (video->shown.time_us != INT64_MIN && video->shown.time_us <= time_us && video->ahead_count < 2 &&
        (video->ahead_count == 0 || video->ahead[0].time_us > time_us ||
         time_us - video->shown.time_us <= FIRST_MARGIN_US))
        take_back_shown(video);
    if (video->ahead_count && is_near(video, time_us))
        return advance(video, time_us);
    if (!jump(video, time_us))
        AVSN_TRY(rewind_to_start(video));
    return advance(video, time_us);
}

void avsn_video_info(const avsn_video *video, avsound_media_info *info)
{
    info->has_video = 1;
    info->width = video->info.width;
    info->height = video->info.height;
    info->coded_width = video->info.coded_width;
    info->coded_height = video->info.coded_height;
    info->rotation = video->info.rotation;
    info->sar_num = video->info.sar_num;
    info->sar_den = video->info.sar_den;
    info->rate_num = video->info.rate_num;
    info->rate_den = video->info.rate_den;
    info->pixel_bits = video->info.pixel_bits;
    info->still = video->info.still;
    info->video_duration_us = video->info.video_duration_us;
    memcpy(info->video_codec, video->info.video_codec, sizeof info->video_codec);
    memcpy(info->pixel_format, video->info.pixel_format, sizeof info->pixel_format);
}

const avsn_demuxer *avsn_video_demuxer(const avsn_video *video)
{
    return &video->track.demuxer;
}

int64_t avsn_video_start(const avsn_video *video)
{
    return video->start_us;
}

void avsn_video_free(avsn_video *video)
{
    if (!video)
        return;
    av_frame_free(&video->scratch);
    av_frame_free(&video->shown.frame);
    av_frame_free(&video->ahead[0].frame);
    av_frame_free(&video->ahead[1].frame);
    avsn_upright_free(&video->upright);
    avsn_track_close(&video->track);
    avsn_free(video->context, video);
}
