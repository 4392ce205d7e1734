#include "media/private.h"

#include <stdio.h>
#include <string.h>

#include <libavutil/mathematics.h>

/* The sound of a file is one row of samples that begins with the first one decoded; positions count from there, at the rate
 * of the first frame. Time stamps place the decoded frames on it: where they differ from the count of samples by no more
 * than the tolerance the count is right (containers round their stamps, recorders jitter), else a gap is filled with silence
 * or an overlap cut. */
enum { TOLERANCE_MS = 5, SILENCE_FRAMES = 8192 };

/* Steps beyond these are those of another recording in the same file: it goes on where the last one ended. */
enum { BACK_STEP_SECONDS = 1, AHEAD_STEP_SECONDS = 24 * 3600 };

/* Decoders need some sound before the sample wanted until they give the true one: an overlap of half a frame (AAC), a bit
 * reservoir of ten (MP3), 80 ms (Opus), the parameters of the upper half of the spectrum (HE-AAC). */
enum { PREROLL_US = 1000000 };

enum { FIRST_MARGIN_US = 2 * PREROLL_US, NEAR_SECONDS = 2, FILTER_TAPS = 64 };

struct avsn_sound {
    avsound_context *context;
    avsn_track track;
    AVFrame *frame;
    int32_t rate, channels, out_rate; /* of the first frame; delivered; delivered */
    int64_t start_us;

    /* Time stamps to positions. */
    int64_t first_pts;
    bool exact; /* each sample has a time stamp of its own */
    int64_t grid, phase; /* frames begin at phase + k * grid; grid 0: not known to */
    int64_t grid_slack; /* most samples that rounding moves a stamp by */
    int64_t shift; /* samples added to what stamps say */

    /* From decoded frames to floats of the first frame's rate. */
    struct SwrContext *mix;
    AVChannelLayout mix_layout;
    int mix_format, mix_rate;
    float *mixed;
    size_t mixed_capacity;
    bool decoded, placed; /* what `frame` is */
    bool settling; /* after a seek, until the first sample wanted */
    bool lost; /* a seek failed on its way: the counts below and the track do not agree */
    int64_t next; /* position of the next sample to give out */
    int64_t gap, trim; /* silence before `frame`; samples of it that overlap with what was given out */

    /* To the rate wanted. */
    avsn_resampler *resampler; /* NULL: none needed */
    const float *stretch; /* what was produced; of its frames so many are resampled */
    int64_t stretch_frames, resampled;
    int64_t out_next, out_wanted; /* index of the next sample made; of the first that the caller wants */
    bool drained;
    avsound_media_info info;
};

/* ---- positions ---- */

/* What all frames of a codec have in common: their starts are multiples of so many samples apart; 0: of any number. */
static int64_t grid_of(const avsn_sound *sound)
{
    const AVCodecContext *decoder = sound->track.decoder;
    switch (decoder->codec_id) {
    case AV_CODEC_ID_OPUS:
        return sound->rate / 400;
    case AV_CODEC_ID_AC3:
    case AV_CODEC_ID_EAC3:
    case AV_CODEC_ID_DTS:
        return 256;
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_MP2:
        return decoder->frame_size;
    case AV_CODEC_ID_FLAC:
    case AV_CODEC_ID_ALAC:
        return sound->frame->nb_samples;
    default:
        return av_get_exact_bits_per_sample(decoder->codec_id) ? sound->frame->nb_samples : 0;
    }
}

static int64_t frame_pts(const AVFrame *frame)
{
    return frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
}

static void learn_grid(avsn_sound *sound)
{
    const AVRational tick = sound->track.stream->time_base;
    const int64_t first = frame_pts(sound->frame);
    sound->first_pts = first == AV_NOPTS_VALUE ? 0 : first;
    sound->start_us = av_rescale_q(sound->first_pts, tick, AVSN_MICROSECONDS);
    sound->exact = tick.den % ((int64_t)tick.num * sound->rate) == 0;
    sound->grid_slack = av_rescale_rnd(sound->rate, tick.num, tick.den, AV_ROUND_UP) + 1;
    sound->grid = grid_of(sound);
    if (sound->exact || sound->grid <= 2 * sound->grid_slack)
        sound->grid = 0;
    else
        sound->phase = sound->frame->nb_samples % sound->grid;
}

static int64_t position_of(const avsn_sound *sound, int64_t pts)
{
    const int64_t position =
        av_rescale_q(pts - sound->first_pts, sound->track.stream->time_base, (AVRational){1, sound->rate});
    if (sound->grid) {
        const int64_t from_phase = position - sound->phase;
        const int64_t steps = (from_phase + (from_phase < 0 ? -sound->grid / 2 : sound->grid / 2)) / sound->grid;
        const int64_t snapped = sound->phase + steps * sound->grid;
        if (llabs(position - snapped) <= sound->grid_slack)
            return snapped + sound->shift;
    }
    return position + sound->shift;
}

/* Decides what of the decoded frame is new, and how much silence goes before it. */
static void place(avsn_sound *sound)
{
    const int64_t pts = frame_pts(sound->frame), length = sound->frame->nb_samples, rate = sound->rate;
    sound->placed = true;
    sound->gap = sound->trim = 0;
    if (pts == AV_NOPTS_VALUE)
        return;
    int64_t ahead = position_of(sound, pts) - sound->next;
    if (sound->settling) {
        sound->settling = ahead + length <= 0;
    } else if (ahead > AHEAD_STEP_SECONDS * rate || ahead < -BACK_STEP_SECONDS * rate) {
        sound->shift -= ahead;
        ahead = 0;
    } else if (llabs(ahead) * 1000 <= TOLERANCE_MS * rate) {
        ahead = 0;
    }
    sound->gap = AVSN_MAX(ahead, (int64_t)0);
    sound->trim = AVSN_MIN(AVSN_MAX(-ahead, (int64_t)0), length);
    /* Frames that do not lie on the grid after all: stamps alone can't tell their exact positions. */
    if (sound->grid &&
        sound->next + sound->gap !=
            sound->phase + (sound->next + sound->gap - sound->phase) / sound->grid * sound->grid &&
        !sound->trim && !sound->shift)
        sound->grid = 0;
}

/* ---- decoded frames to floats ---- */

static avsound_status check_frame(const avsn_sound *sound)
{
    const avsn_limits *limits = avsn_context_limits(sound->context);
    const AVFrame *frame = sound->frame;
    if (frame->sample_rate < 1 || frame->ch_layout.nb_channels < 1)
        AVSN_FAIL(AVSOUND_E_FORMAT, "%s: sound at %d Hz with %d channels", sound->track.source->path,
                  frame->sample_rate, frame->ch_layout.nb_channels);
    if (frame->sample_rate > limits->max_sample_rate)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: sound at %d Hz, the context allows %d", sound->track.source->path,
                  frame->sample_rate, limits->max_sample_rate);
    if (frame->ch_layout.nb_channels > limits->max_channels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "%s: %d channels, the context allows %d", sound->track.source->path,
                  frame->ch_layout.nb_channels, limits->max_channels);
    return AVSOUND_OK;
}

static avsound_status decode(avsn_sound *sound)
{
    do
        AVSN_TRY(avsn_track_next(&sound->track, sound->frame));
    while (sound->frame->nb_samples == 0);
    sound->decoded = true;
    sound->placed = false;
    return check_frame(sound);
}

/* The kind of sound may change in the middle of a file. */
static avsound_status prepare_mix(avsn_sound *sound)
{
    AVFrame *frame = sound->frame;
    if (sound->mix && sound->mix_format == frame->format && sound->mix_rate == frame->sample_rate &&
        av_channel_layout_compare(&sound->mix_layout, &frame->ch_layout) == 0)
        return AVSOUND_OK;
    swr_free(&sound->mix);
    sound->mix_format = frame->format;
    sound->mix_rate = frame->sample_rate;
    if (av_channel_layout_copy(&sound->mix_layout, &frame->ch_layout) < 0)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "%s: FFmpeg could not allocate", sound->track.source->path);
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&frame->ch_layout, frame->ch_layout.nb_channels);
    return avsn_swr_create(sound->context, &frame->ch_layout, frame->format, frame->sample_rate, sound->channels,
                           sound->rate, &sound->mix);
}

static avsound_status grow_mixed(avsn_sound *sound, int64_t frames)
{
    return avsn_grow(sound->context, (void **)&sound->mixed, sizeof(float) * (size_t)sound->channels, 0, (size_t)frames,
                     &sound->mixed_capacity);
}

static avsound_status give_silence(avsn_sound *sound, const float **samples, int64_t *frames)
{
    const int64_t count = AVSN_MIN(sound->gap, (int64_t)SILENCE_FRAMES);
    AVSN_TRY(grow_mixed(sound, count));
    memset(sound->mixed, 0, (size_t)count * (size_t)sound->channels * sizeof(float));
    sound->gap -= count;
    sound->next += count;
    *samples = sound->mixed;
    *frames = count;
    return AVSOUND_OK;
}

static avsound_status give_frame(avsn_sound *sound, const float **samples, int64_t *frames)
{
    sound->decoded = false;
    *frames = 0;
    AVSN_TRY(prepare_mix(sound));
    const int room = swr_get_out_samples(sound->mix, sound->frame->nb_samples);
    AVSN_TRY(grow_mixed(sound, AVSN_MAX(room, 0) + 1));
    uint8_t *out = (uint8_t *)sound->mixed;
    const int made = swr_convert(sound->mix, &out, AVSN_MAX(room, 0) + 1, (const uint8_t **)sound->frame->extended_data,
                                 sound->frame->nb_samples);
    if (made < 0)
        return avsn_ffmpeg_fail(made, AVSOUND_E_BACKEND, "swresample");
    const int64_t trim = AVSN_MIN(sound->trim, (int64_t)made);
    *samples = sound->mixed + trim * sound->channels;
    *frames = made - trim;
    sound->next += *frames;
    return AVSOUND_OK;
}

/* The next stretch at the file's rate. */
static avsound_status produce(avsn_sound *sound, const float **samples, int64_t *frames)
{
    do {
        if (!sound->decoded)
            AVSN_TRY(decode(sound));
        if (!sound->placed)
            place(sound);
        AVSN_TRY(sound->gap ? give_silence(sound, samples, frames) : give_frame(sound, samples, frames));
    } while (*frames == 0);
    return AVSOUND_OK;
}

/* ---- to the caller ---- */

static int64_t out_time(const avsn_sound *sound, int64_t index)
{
    return sound->start_us + av_rescale(index, 1000000, sound->out_rate);
}

static avsound_audio view_of(const avsn_sound *sound, const float *samples, int64_t frames, int32_t rate)
{
    return (avsound_audio){
        .struct_size = sizeof(avsound_audio),
        .format = AVSOUND_SAMPLE_F32,
        .sample_rate = rate,
        .channels = sound->channels,
        .frames = frames,
        .data = samples,
    };
}

static avsound_status fail_in_file(const avsn_sound *sound, avsound_status status)
{
    if (status == AVSOUND_E_INVALID_ARGUMENT)
        status = AVSOUND_E_FORMAT;
    return avsn_fail_in(status, "%s", sound->track.source->path);
}

static avsound_status produce_checked(avsn_sound *sound, const float **samples, int64_t *frames)
{
    AVSN_TRY(produce(sound, samples, frames));
    const avsound_audio stretch = view_of(sound, *samples, *frames, sound->rate);
    const avsound_status status = avsn_audio_check(sound->context, &stretch);
    return status ? fail_in_file(sound, status) : AVSOUND_OK;
}

/* The next at the rate wanted: of the stretch that there is, of the next one if nothing is left. */
static avsound_status resample(avsn_sound *sound, const float **samples, int64_t *frames)
{
    avsound_status status = AVSOUND_OK;
    if (sound->drained)
        AVSN_FAIL(AVSOUND_E_END, "%s: no more sound", sound->track.source->path);
    if (sound->resampled == sound->stretch_frames) {
        sound->resampled = sound->stretch_frames = 0;
        status = produce(sound, &sound->stretch, &sound->stretch_frames);
        if (status && status != AVSOUND_E_END)
            return status;
    }
    sound->drained = status == AVSOUND_E_END;
    if (sound->drained) {
        status = avsn_resampler_push(sound->resampler, NULL, samples, frames);
    } else {
        const avsound_audio stretch = view_of(sound, sound->stretch, sound->stretch_frames, sound->rate);
        status = avsn_resampler_push_some(sound->resampler, &stretch, &sound->resampled, samples, frames);
    }
    return status ? fail_in_file(sound, status) : AVSOUND_OK;
}

avsound_status avsn_sound_read(avsn_sound *sound, avsound_audio *audio)
{
    const float *samples = NULL;
    int64_t frames = 0, skipped = 0;
    while (frames == skipped) {
        AVSN_TRY(sound->resampler ? resample(sound, &samples, &frames) : produce_checked(sound, &samples, &frames));
        skipped = AVSN_MIN(AVSN_MAX(sound->out_wanted - sound->out_next, (int64_t)0), frames);
        sound->out_next += frames;
    }
    *audio = view_of(sound, samples + skipped * sound->channels, frames - skipped, sound->out_rate);
    audio->time_us = out_time(sound, sound->out_next - audio->frames);
    return AVSOUND_OK;
}

/* ---- opening ---- */

static void fill_info(avsn_sound *sound)
{
    const AVStream *stream = sound->track.stream;
    sound->info = (avsound_media_info){
        .sample_rate = sound->frame->sample_rate,
        .channels = sound->frame->ch_layout.nb_channels,
        .audio_duration_us =
            stream->duration > 0 ? av_rescale_q(stream->duration, stream->time_base, AVSN_MICROSECONDS) : -1,
    };
    snprintf(sound->info.audio_codec, sizeof sound->info.audio_codec, "%s",
             avcodec_get_name(stream->codecpar->codec_id));
}

static avsound_status prime(avsn_sound *sound, int32_t rate, int32_t channels)
{
    AVSN_TRY(decode(sound));
    sound->rate = sound->frame->sample_rate;
    sound->channels = channels ? channels : sound->frame->ch_layout.nb_channels;
    sound->out_rate = rate ? rate : sound->rate;
    learn_grid(sound);
    fill_info(sound);
    sound->placed = true;
    if (sound->out_rate == sound->rate)
        return AVSOUND_OK;
    return avsn_resampler_create(sound->context, sound->out_rate, sound->channels, &sound->resampler);
}

avsound_status avsn_sound_open(const avsn_source *source, avsn_demuxer *demuxer, int stream_index, int32_t rate,
                               int32_t channels, avsn_sound **out)
{
    *out = NULL;
    avsn_sound *sound = avsn_alloc_zeroed(source->context, 1, sizeof *sound);
    if (!sound) {
        avsn_demuxer_close(demuxer);
        return AVSOUND_E_NO_MEMORY;
    }
    sound->context = source->context;
    avsound_status status = avsn_track_open(source, demuxer, stream_index, 1, &sound->track);
    sound->frame = av_frame_alloc();
    if (!status && !sound->frame)
        status = avsn_fail(AVSOUND_E_NO_MEMORY, "FFmpeg could not allocate a frame");
    if (!status)
        status = prime(sound, rate, channels);
    if (status)
        avsn_sound_free(sound);
    else
        *out = sound;
    return status;
}

/* ---- seeking ---- */

/* The file's sample from which the resampler must start so that its output falls on the grid of a reading from the start,
 * with its filter full when it comes to sample `wanted`. */
static int64_t resampling_start(const avsn_sound *sound, int64_t wanted, int64_t *out_index)
{
    *out_index = wanted;
    if (!sound->resampler)
        return wanted;
    const int64_t common = av_gcd(sound->rate, sound->out_rate);
    const int64_t in_step = sound->rate / common, out_step = sound->out_rate / common;
    const int64_t filter = FILTER_TAPS * (1 + sound->rate / sound->out_rate);
    const int64_t steps = AVSN_MAX(av_rescale(wanted, sound->rate, sound->out_rate) - filter, (int64_t)0) / in_step;
    *out_index = steps * out_step;
    return steps * in_step;
}

static avsound_status forget(avsn_sound *sound, int64_t next, int64_t out_next)
{
    sound->decoded = sound->placed = sound->drained = false;
    sound->settling = true;
    sound->shift = sound->gap = sound->trim = 0;
    sound->resampled = sound->stretch_frames = 0;
    sound->next = next;
    sound->out_next = out_next;
    swr_free(&sound->mix);
    return sound->resampler ? avsn_resampler_reset(sound->resampler) : AVSOUND_OK;
}

static int64_t pts_of(const avsn_sound *sound, int64_t position, int64_t earlier_us)
{
    const AVRational tick = sound->track.stream->time_base;
    return sound->first_pts + av_rescale_q(position, (AVRational){1, sound->rate}, tick) -
           av_rescale_q(earlier_us, AVSN_MICROSECONDS, tick);
}

/* Do stamps alone tell a frame's exact position? */
static bool stamps_suffice(const avsn_sound *sound)
{
    return (sound->exact || sound->grid) && !sound->shift;
}

/* Brings a frame well before `position` into `frame`; false: the demuxer can't. */
static bool jump(avsn_sound *sound, int64_t position)
{
    if (!stamps_suffice(sound) || !avsn_demuxer_seeks_truly(&sound->track.demuxer))
        return false;
    const int64_t latest = position - av_rescale(sound->rate, PREROLL_US / 2, 1000000);
    for (int64_t margin = PREROLL_US; pts_of(sound, position, margin) > sound->first_pts; margin *= 2) {
        sound->decoded = false;
        if (avsn_track_seek(&sound->track, pts_of(sound, position, margin)))
            return false;
        const avsound_status status = decode(sound);
        if (status && status != AVSOUND_E_END && status != AVSOUND_E_FORMAT)
            return false;
        if (!status && sound->frame->pts != AV_NOPTS_VALUE && position_of(sound, sound->frame->pts) <= latest)
            return true;
    }
    return false;
}

static avsound_status rewind_to(avsn_sound *sound, int64_t position)
{
    const bool skip = stamps_suffice(sound);
    sound->decoded = false;
    AVSN_TRY(avsn_track_rewind(&sound->track));
    const int64_t pts = pts_of(sound, position, PREROLL_US);
    if (skip && pts > sound->first_pts)
        sound->track.skip_until = pts;
    return AVSOUND_OK;
}

avsound_status avsn_sound_seek(avsn_sound *sound, int64_t time_us)
{
    int64_t wanted = AVSN_MAX(av_rescale(time_us - sound->start_us, sound->out_rate, 1000000), (int64_t)0);
    while (wanted > 0 && out_time(sound, wanted - 1) >= time_us)
        wanted--;
    while (out_time(sound, wanted) < time_us)
        wanted++;
    const bool can_jump = stamps_suffice(sound) && avsn_demuxer_seeks_truly(&sound->track.demuxer);
    const bool failed = sound->lost || avsn_track_failed(&sound->track);
    const bool ahead = wanted >= sound->out_next && !sound->drained && !failed;
    sound->out_wanted = wanted;
    if (ahead && (!can_jump || wanted - sound->out_next <= (int64_t)NEAR_SECONDS * sound->out_rate))
        return AVSOUND_OK;
    int64_t out_index;
    const int64_t position = resampling_start(sound, wanted, &out_index);
    sound->lost = true;
    const bool jumped = !failed && jump(sound, position);
    if (!jumped)
        AVSN_TRY(rewind_to(sound, position));
    const bool decoded = sound->decoded;
    AVSN_TRY(forget(sound, position, out_index));
    sound->decoded = jumped && decoded;
    /* Where stamps can't tell positions, counting from the very first sample does. */
    if (!jumped && sound->track.skip_until == INT64_MIN) {
        sound->settling = false;
        sound->next = sound->out_next = 0;
    }
    sound->lost = false;
    return AVSOUND_OK;
}

void avsn_sound_info(const avsn_sound *sound, avsound_media_info *info)
{
    info->has_audio = 1;
    info->sample_rate = sound->info.sample_rate;
    info->channels = sound->info.channels;
    info->audio_duration_us = sound->info.audio_duration_us;
    memcpy(info->audio_codec, sound->info.audio_codec, sizeof info->audio_codec);
}

int64_t avsn_sound_start(const avsn_sound *sound)
{
    return sound->start_us;
}

int avsn_sound_index(const avsn_sound *sound)
{
    return sound->track.stream_index;
}

void avsn_sound_free(avsn_sound *sound)
{
    if (!sound)
        return;
    av_frame_free(&sound->frame);
    swr_free(&sound->mix);
    av_channel_layout_uninit(&sound->mix_layout);
    avsn_resampler_free(sound->resampler);
    avsn_free(sound->context, sound->mixed);
    avsn_track_close(&sound->track);
    avsn_free(sound->context, sound);
}
