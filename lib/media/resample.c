#include "media/private.h"

#include <string.h>

#include <libavutil/mathematics.h>
#include <libavutil/opt.h>

enum { BLOCK_FRAMES = 1 << 16, MOST_MADE = 1 << 20, MOST_CHANNELS = 64 }; /* swresample takes no more than 64 channels */

struct avsn_resampler {
    avsound_context *context;
    int32_t rate, channels; /* of the output */
    struct SwrContext *swr;
    int32_t in_rate, in_channels, in_format, in_planar; /* what swr was made for */
    float *samples;
    size_t capacity; /* frames of output that fit in samples */
    int64_t consumed, produced;
    bool drained;
};

/* Mixing: FFmpeg's matrices for the layouts it knows, scaled so that nothing can clip; stereo to mono is the plain average;
 * mono goes to every channel as it is; layouts FFmpeg knows nothing of fold channel i onto channel i mod the outputs,
 * averaged. matrix[i + MOST_CHANNELS * o], of MOST_CHANNELS rows: FFmpeg scales as many, whatever the layouts. */
static void mixing_matrix(const AVChannelLayout *in, const AVChannelLayout *out, double *matrix)
{
    const int inputs = in->nb_channels, outputs = out->nb_channels;
    const bool plain = inputs == 1 || (inputs == 2 && outputs == 1);
    if (!plain && swr_build_matrix2(in, out, M_SQRT1_2, M_SQRT1_2, 0, 1.0, 1.0, matrix, MOST_CHANNELS,
                                    AV_MATRIX_ENCODING_NONE, NULL) >= 0)
        return;
    for (int o = 0; o < outputs; o++) {
        int sharing = 0;
        for (int i = 0; i < inputs; i++)
            sharing += i % outputs == o % inputs;
        for (int i = 0; i < inputs; i++)
            matrix[i + MOST_CHANNELS * o] = i % outputs == o % inputs ? 1.0 / sharing : 0;
    }
}

static avsound_status set_mixing(avsound_context *context, struct SwrContext *swr, const AVChannelLayout *in,
                                 const AVChannelLayout *out)
{
    double *matrix = avsn_alloc_zeroed(context, MOST_CHANNELS * MOST_CHANNELS, sizeof *matrix);
    if (!matrix)
        return AVSOUND_E_NO_MEMORY;
    mixing_matrix(in, out, matrix);
    const int error = swr_set_matrix(swr, matrix, MOST_CHANNELS);
    avsn_free(context, matrix);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "mixing %d channels to %d", in->nb_channels,
                                out->nb_channels);
    return AVSOUND_OK;
}

/* Where the ratio of rates has too large a numerator for a filter of its own for each phase, swresample takes the nearest
 * one, which is audible; interpolating between neighbours is not. */
static bool needs_interpolation(int32_t in_rate, int32_t out_rate)
{
    return out_rate / av_gcd(in_rate, out_rate) > 1024;
}

avsound_status avsn_swr_create(avsound_context *context, AVChannelLayout *layout, enum AVSampleFormat format,
                               int32_t rate, int32_t out_channels, int32_t out_rate, struct SwrContext **out)
{
    AVChannelLayout out_layout = {0};
    avsound_status status = AVSOUND_OK;
    *out = NULL;
    if (layout->nb_channels > MOST_CHANNELS || out_channels > MOST_CHANNELS)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "audio: %d channels to %d, swresample takes at most %d", layout->nb_channels,
                  out_channels, MOST_CHANNELS);
    /* Equal counts pass as they are, whatever the speakers' names. */
    if (layout->nb_channels == out_channels)
        av_channel_layout_copy(&out_layout, layout);
    else
        av_channel_layout_default(&out_layout, out_channels);
    int error = swr_alloc_set_opts2(out, &out_layout, AV_SAMPLE_FMT_FLT, out_rate, layout, format, rate, 0, NULL);
    if (error >= 0 && needs_interpolation(rate, out_rate))
        error = av_opt_set_int(*out, "linear_interp", 1, 0);
    if (error >= 0 && layout->nb_channels != out_channels)
        status = set_mixing(context, *out, layout, &out_layout);
    if (error >= 0 && !status)
        error = swr_init(*out);
    if (error < 0)
        status = avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "swresample: %d Hz, %d channels to %d Hz, %d channels",
                                  rate, layout->nb_channels, out_rate, out_channels);
    av_channel_layout_uninit(&out_layout);
    if (status)
        swr_free(out);
    return status;
}

avsound_status avsn_resampler_create(avsound_context *context, int32_t rate, int32_t channels, avsn_resampler **out)
{
    avsn_ffmpeg_quiet();
    *out = NULL;
    const avsn_limits *limits = avsn_context_limits(context);
    if (rate < 1 || rate > limits->max_sample_rate)
        AVSN_FAIL(AVSOUND_E_LIMIT, "resampling to %d Hz, want 1...%d", rate, limits->max_sample_rate);
    if (channels < 1 || channels > limits->max_channels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "mixing to %d channels, want 1...%d", channels, limits->max_channels);
    avsn_resampler *resampler = avsn_alloc_zeroed(context, 1, sizeof *resampler);
    if (!resampler)
        return AVSOUND_E_NO_MEMORY;
    resampler->context = avsn_context_ref(context);
    resampler->rate = rate;
    resampler->channels = channels;
    *out = resampler;
    return AVSOUND_OK;
}

static enum AVSampleFormat ffmpeg_format(int32_t format, int32_t planar)
{
    static const enum AVSampleFormat formats[] = {
        [AVSOUND_SAMPLE_F32] = AV_SAMPLE_FMT_FLT,
        [AVSOUND_SAMPLE_S16] = AV_SAMPLE_FMT_S16,
        [AVSOUND_SAMPLE_S32] = AV_SAMPLE_FMT_S32,
        [AVSOUND_SAMPLE_F64] = AV_SAMPLE_FMT_DBL,
    };
    return planar ? av_get_planar_sample_fmt(formats[format]) : formats[format];
}

static avsound_status begin(avsn_resampler *resampler, const avsound_audio *audio)
{
    AVChannelLayout layout = {0};
    av_channel_layout_default(&layout, audio->channels);
    const avsound_status status =
        avsn_swr_create(resampler->context, &layout, ffmpeg_format(audio->format, audio->planar), audio->sample_rate,
                        resampler->channels, resampler->rate, &resampler->swr);
    av_channel_layout_uninit(&layout);
    resampler->in_rate = audio->sample_rate;
    resampler->in_channels = audio->channels;
    resampler->in_format = audio->format;
    resampler->in_planar = audio->planar;
    return status;
}

static avsound_status check_same_kind(const avsn_resampler *resampler, const avsound_audio *audio)
{
    if (audio->sample_rate != resampler->in_rate || audio->channels != resampler->in_channels ||
        audio->format != resampler->in_format || audio->planar != resampler->in_planar)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT,
                  "audio: %d Hz, %d channels, format %d, planar %d; the recording began with %d Hz, %d, %d, %d",
                  audio->sample_rate, audio->channels, audio->format, audio->planar, resampler->in_rate,
                  resampler->in_channels, resampler->in_format, resampler->in_planar);
    return AVSOUND_OK;
}

int64_t avsn_resampled_frames(int64_t frames, int32_t from, int32_t to)
{
    return av_rescale(frames, to, from);
}

/* Feeds one block (NULL: the end) and appends what comes out to the *frames samples there are. */
static avsound_status convert(avsn_resampler *resampler, const uint8_t **in, int in_frames, int64_t *frames)
{
    const int room = swr_get_out_samples(resampler->swr, in_frames);
    if (room < 0)
        return avsn_ffmpeg_fail(room, AVSOUND_E_BACKEND, "swresample");
    const size_t bytes = sizeof(float) * (size_t)resampler->channels;
    AVSN_TRY(avsn_grow(resampler->context, (void **)&resampler->samples, bytes, (size_t)*frames,
                       (size_t)*frames + (size_t)room + 1, &resampler->capacity));
    uint8_t *out = (uint8_t *)(resampler->samples + *frames * resampler->channels);
    const int made = swr_convert(resampler->swr, &out, room + 1, in, in_frames);
    if (made < 0)
        return avsn_ffmpeg_fail(made, AVSOUND_E_BACKEND, "swresample");
    *frames += made;
    return AVSOUND_OK;
}

/* From frame `first` to before `end`. */
static avsound_status feed(avsn_resampler *resampler, const avsound_audio *audio, int64_t first, int64_t end, int64_t *frames)
{
    const size_t sample = (size_t)av_get_bytes_per_sample(ffmpeg_format(audio->format, 0));
    for (int64_t i = first; i < end; i += BLOCK_FRAMES) {
        const uint8_t *in[MOST_CHANNELS];
        for (int32_t c = 0; audio->planar && c < audio->channels; c++)
            in[c] = (const uint8_t *)audio->planes[c] + (size_t)i * sample;
        if (!audio->planar)
            in[0] = (const uint8_t *)audio->data + (size_t)i * (size_t)audio->channels * sample;
        AVSN_TRY(convert(resampler, in, (int)AVSN_MIN(end - i, (int64_t)BLOCK_FRAMES), frames));
    }
    resampler->consumed += end - first;
    return AVSOUND_OK;
}

/* The filter gives a few samples more or less than the input stands for: cut, or held out with zeros. */
static avsound_status drain(avsn_resampler *resampler, int64_t *frames)
{
    resampler->drained = true;
    AVSN_TRY(convert(resampler, NULL, 0, frames));
    const int64_t whole = avsn_resampled_frames(resampler->consumed, resampler->in_rate, resampler->rate);
    const int64_t wanted = AVSN_MAX(whole - resampler->produced, (int64_t)0);
    const size_t bytes = sizeof(float) * (size_t)resampler->channels;
    AVSN_TRY(avsn_grow(resampler->context, (void **)&resampler->samples, bytes, (size_t)*frames, (size_t)wanted,
                       &resampler->capacity));
    if (wanted > *frames)
        memset(resampler->samples + *frames * resampler->channels, 0, (size_t)(wanted - *frames) * bytes);
    *frames = wanted;
    return AVSOUND_OK;
}

/* `most` frames of audio, or what there is, from *first on. */
static avsound_status push(avsn_resampler *resampler, const avsound_audio *audio, int64_t most, int64_t *first,
                           const float **samples, int64_t *frames)
{
    *samples = NULL;
    *frames = 0;
    if (resampler->drained)
        AVSN_FAIL(AVSOUND_E_STATE, "audio: the recording has ended, nothing can follow");
    int64_t made = 0;
    if (audio) {
        const int64_t end = audio->frames - *first > most ? *first + most : audio->frames;
        if (*first == 0)
            AVSN_TRY(avsn_audio_check(resampler->context, audio));
        AVSN_TRY(resampler->swr ? check_same_kind(resampler, audio) : begin(resampler, audio));
        AVSN_TRY(feed(resampler, audio, *first, end, &made));
        *first = end;
    } else if (resampler->swr) {
        AVSN_TRY(drain(resampler, &made));
    }
    resampler->produced += made;
    *samples = resampler->samples;
    *frames = made;
    return AVSOUND_OK;
}

avsound_status avsn_resampler_push(avsn_resampler *resampler, const avsound_audio *audio, const float **samples,
                                   int64_t *frames)
{
    int64_t first = 0;
    return push(resampler, audio, INT64_MAX, &first, samples, frames);
}

avsound_status avsn_resampler_push_some(avsn_resampler *resampler, const avsound_audio *audio, int64_t *first, const float **samples,
                                        int64_t *frames)
{
    const int64_t most = av_rescale(MOST_MADE, audio->sample_rate, resampler->rate);
    return push(resampler, audio, AVSN_MAX(most, (int64_t)1), first, samples, frames);
}

avsound_status avsn_resampler_reset(avsn_resampler *resampler)
{
    resampler->consumed = resampler->produced = 0;
    resampler->drained = false;
    if (!resampler->swr)
        return AVSOUND_OK;
    swr_close(resampler->swr);
    const int error = swr_init(resampler->swr);
    if (error < 0)
        return avsn_ffmpeg_fail(error, AVSOUND_E_BACKEND, "swresample");
    return AVSOUND_OK;
}

void avsn_resampler_free(avsn_resampler *resampler)
{
    if (!resampler)
        return;
    avsound_context *context = resampler->context;
    swr_free(&resampler->swr);
    avsn_free(context, resampler->samples);
    avsn_free(context, resampler);
    avsound_context_free(context);
}
