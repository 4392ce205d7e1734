#include "media/private.h"

#include <math.h>
#include <stdio.h>

static avsound_status check_plane(const avsound_frame *frame, const avsn_pixel_layout *layout, int plane)
{
    const int64_t wanted = avsn_pixel_row_bytes(layout, plane, frame->width);
    const int64_t stride = frame->stride[plane];
    if (!frame->data[plane])
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: plane %d of %s is NULL", plane, layout->name);
    if (stride < wanted && -stride < wanted)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT,
                  "frame: stride of plane %d is %lld, want at least %lld for %d pixels of %s", plane, (long long)stride,
                  (long long)wanted, frame->width, layout->name);
    return AVSOUND_OK;
}

avsound_status avsn_frame_check(const avsound_context *context, const avsound_frame *frame)
{
    if (!frame)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame is NULL");
    AVSN_TRY(avsn_struct_check(frame, sizeof *frame, sizeof *frame, "frame"));
    const avsn_pixel_layout *layout = avsn_pixel_layout_of(frame->format);
    if (!layout)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: format is %d, want an AVSOUND_PIXEL_ constant", frame->format);
    if (frame->width < 1 || frame->height < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: size is %d x %d, want at least 1 x 1", frame->width,
                  frame->height);
    const int64_t most = avsn_context_limits(context)->max_pixels;
    if ((int64_t)frame->width * frame->height > most)
        AVSN_FAIL(AVSOUND_E_LIMIT, "frame: %d x %d is %lld pixels, the context allows %lld", frame->width,
                  frame->height, (long long)frame->width * frame->height, (long long)most);
    if (frame->range < AVSOUND_RANGE_DEFAULT || frame->range > AVSOUND_RANGE_FULL)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: range is %d, want an AVSOUND_RANGE_ constant", frame->range);
    if (frame->matrix < AVSOUND_MATRIX_DEFAULT || frame->matrix > AVSOUND_MATRIX_BT2020)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "frame: matrix is %d, want an AVSOUND_MATRIX_ constant", frame->matrix);
    for (int plane = 0; plane < layout->planes; plane++)
        AVSN_TRY(check_plane(frame, layout, plane));
    return AVSOUND_OK;
}

static size_t sample_bytes(int32_t format)
{
    switch (format) {
    case AVSOUND_SAMPLE_S16:
        return 2;
    case AVSOUND_SAMPLE_F32:
    case AVSOUND_SAMPLE_S32:
        return 4;
    case AVSOUND_SAMPLE_F64:
        return 8;
    default:
        return 0;
    }
}

static avsound_status check_pointer(const void *samples, size_t bytes, const char *name)
{
    if (!samples)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %s is NULL", name);
    if ((uintptr_t)samples % bytes)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %s is not aligned to its samples of %zu bytes", name, bytes);
    return AVSOUND_OK;
}

static avsound_status check_planes(const avsound_audio *audio, size_t bytes)
{
    if (!audio->planes)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: planes is NULL, want %d pointers", audio->channels);
    for (int32_t c = 0; c < audio->channels; c++) {
        char name[32];
        snprintf(name, sizeof name, "plane %d", c);
        AVSN_TRY(check_pointer(audio->planes[c], bytes, name));
    }
    return AVSOUND_OK;
}

/* Full scale is 1; so far beyond it sums and squares of samples are finite still. */
static const double loudest = 1e12;

/* Index of the first value that is too loud or no number, -1 if there is none: by blocks, so that the usual case is a loop without
 * an exit, which the compiler turns into SIMD. */
#define FIRST_ABSURD(name, type)                                 \
    static int64_t name(const type *x, int64_t count)            \
    {                                                            \
        const type most = (type)loudest;                         \
        for (int64_t begin = 0; begin < count; begin += BLOCK) { \
            const int64_t end = AVSN_MIN(begin + BLOCK, count);  \
            int bad = 0;                                         \
            for (int64_t i = begin; i < end; i++)                \
                bad |= !(x[i] >= -most && x[i] <= most);         \
            for (int64_t i = begin; bad && i < end; i++)         \
                if (!(x[i] >= -most && x[i] <= most))            \
                    return i;                                    \
        }                                                        \
        return -1;                                               \
    }

enum { BLOCK = 4096 };
FIRST_ABSURD(first_absurd_f32, float)
FIRST_ABSURD(first_absurd_f64, double)

static avsound_status check_values(const avsound_audio *audio)
{
    const bool wide = audio->format == AVSOUND_SAMPLE_F64;
    if (!wide && audio->format != AVSOUND_SAMPLE_F32)
        return AVSOUND_OK;
    const int32_t arrays = audio->planar ? audio->channels : 1;
    for (int32_t a = 0; a < arrays; a++) {
        const void *samples = audio->planar ? audio->planes[a] : audio->data;
        const int64_t count = audio->planar ? audio->frames : audio->frames * audio->channels;
        const int64_t i = wide ? first_absurd_f64(samples, count) : first_absurd_f32(samples, count);
        if (i < 0)
            continue;
        const double value = wide ? ((const double *)samples)[i] : (double)((const float *)samples)[i];
        char found[64] = "not finite";
        if (isfinite(value))
            snprintf(found, sizeof found, "%g, want at most %g either way", value, loudest);
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: sample %lld of channel %lld is %s",
                  (long long)(audio->planar ? i : i / audio->channels), (long long)(audio->planar ? a : i % audio->channels), found);
    }
    return AVSOUND_OK;
}

static avsound_status check_kind(const avsound_context *context, const avsound_audio *audio)
{
    const avsn_limits *limits = avsn_context_limits(context);
    if (!sample_bytes(audio->format))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: format is %d, want an AVSOUND_SAMPLE_ constant", audio->format);
    if (audio->sample_rate < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: sample rate is %d Hz, want at least 1", audio->sample_rate);
    if (audio->sample_rate > limits->max_sample_rate)
        AVSN_FAIL(AVSOUND_E_LIMIT, "audio: sample rate is %d Hz, the context allows %d", audio->sample_rate,
                  limits->max_sample_rate);
    if (audio->channels < 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %d channels, want at least 1", audio->channels);
    if (audio->channels > limits->max_channels)
        AVSN_FAIL(AVSOUND_E_LIMIT, "audio: %d channels, the context allows %d", audio->channels, limits->max_channels);
    if (audio->planar != 0 && audio->planar != 1)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: planar is %d, want 0 or 1", audio->planar);
    return AVSOUND_OK;
}

avsound_status avsn_audio_check(const avsound_context *context, const avsound_audio *audio)
{
    if (!audio)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio is NULL");
    AVSN_TRY(avsn_struct_check(audio, sizeof *audio, sizeof *audio, "audio"));
    AVSN_TRY(check_kind(context, audio));
    const size_t bytes = sample_bytes(audio->format);
    if (audio->frames < 0 || audio->frames > INT64_MAX / audio->channels / (int64_t)bytes)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio: %lld frames, want 0 or more that fit in memory",
                  (long long)audio->frames);
    if (audio->frames == 0)
        return AVSOUND_OK;
    AVSN_TRY(audio->planar ? check_planes(audio, bytes) : check_pointer(audio->data, bytes, "data"));
    return check_values(audio);
}
