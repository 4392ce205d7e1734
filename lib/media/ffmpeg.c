#include "media/private.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

/* FFmpeg prints its messages to stderr by default, this library never prints, and FFmpeg's log is one for the whole process.
 * So its level is set to quiet once, and only if it still has FFmpeg's own default: a host that chose a level, before or
 * after, keeps its choice, and one that installed a callback keeps hearing everything, since the level concerns the default
 * callback alone. A callback of ours would silence such a host, and saving and restoring the level around each call would
 * race with other threads. */
static void quiet_once(void)
{
    if (av_log_get_level() == AV_LOG_INFO)
        av_log_set_level(AV_LOG_QUIET);
}

void avsn_ffmpeg_quiet(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, quiet_once);
}

static avsound_status status_of(int error, avsound_status otherwise)
{
    switch (error) {
    case AVERROR(ENOMEM):
        return AVSOUND_E_NO_MEMORY;
    case AVERROR(EIO):
    case AVERROR(ENOSPC):
    case AVERROR(EFBIG):
    case AVERROR(EDQUOT):
    case AVERROR(EACCES):
    case AVERROR(EROFS):
        return AVSOUND_E_IO;
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
        return AVSOUND_E_FORMAT;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
        return AVSOUND_E_UNSUPPORTED;
    default:
        return otherwise;
    }
}

avsound_status avsn_ffmpeg_fail(int error, avsound_status otherwise, const char *format, ...)
{
    char what[512], why[AV_ERROR_MAX_STRING_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (av_strerror(error, why, sizeof why) < 0)
        snprintf(why, sizeof why, "FFmpeg's error %d", error);
    return avsn_fail(status_of(error, otherwise), "%s: %s", what, why);
}
