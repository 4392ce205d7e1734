#include "dsp/frontend.h"

#include <float.h>
#include <math.h>

#include "dsp/fourier.h"
#include "dsp/stft.h"

enum { MOST_COLUMNS = 65536, MOST_RATE = 768000, MOST_SIDE = 16384, MOST_FRAMES = 65536, MOST_SAMPLES = 1 << 28,
       MOST_ALONE = 1 << 24 };

static avsound_status check_int(const char *name, int32_t value, int32_t least, int32_t most)
{
    if (value < least || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %d, want %d...%d", name, value, least, most);
    return AVSOUND_OK;
}

/* Written so that a value that is not a number fails too. */
static avsound_status check_float(const char *name, float value, float least, float most)
{
    if (!(value >= least && value <= most))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is %g, want %g...%g", name, (double)value, (double)least,
                  (double)most);
    return AVSOUND_OK;
}

static avsound_status check_mel(const avsn_audio_frontend *f)
{
    AVSN_TRY(check_int("audio front end: mel_bands", f->mel_bands, 0, f->fft / 2 + 1));
    if (!f->mel_bands)
        return AVSOUND_OK;
    const float nyquist = (float)f->sample_rate / 2;
    AVSN_TRY(check_float("audio front end: mel_high", f->mel_high, FLT_MIN, nyquist));
    AVSN_TRY(check_float("audio front end: mel_low", f->mel_low, 0, f->mel_high));
    if (f->mel_low == f->mel_high)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio front end: mel_low and mel_high are both %g, want low below high",
                  (double)f->mel_low);
    return AVSOUND_OK;
}

/* A column that saw none of the input's own samples would be a mistake. */
static avsound_status check_samples(const avsn_audio_frontend *f)
{
    const int64_t last = (int64_t)(f->columns - 1) * f->hop + f->offset;
    AVSN_TRY(check_int("audio front end: samples", f->samples, 0, MOST_ALONE));
    if (f->samples && last >= f->samples)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "audio front end: samples is %d, but column %d begins at sample %lld", f->samples,
                  f->columns - 1, (long long)last);
    return AVSOUND_OK;
}

avsound_status avsn_audio_frontend_check(const avsn_audio_frontend *f)
{
    AVSN_TRY(check_int("audio front end: sample_rate", f->sample_rate, 1, MOST_RATE));
    AVSN_TRY(avsn_fourier_check("audio front end: fft", f->fft));
    AVSN_TRY(check_int("audio front end: window", f->window, 2, f->fft));
    AVSN_TRY(check_int("audio front end: hop", f->hop, 1, f->window));
    AVSN_TRY(check_int("audio front end: columns", f->columns, 1, MOST_COLUMNS / 2));
    AVSN_TRY(check_int("audio front end: offset", f->offset, f->hop - f->window, 0));
    AVSN_TRY(check_int("audio front end: power", f->power, 0, 1));
    AVSN_TRY(check_int("audio front end: normalise", f->normalise, 0, 1));
    AVSN_TRY(check_mel(f));
    AVSN_TRY(check_float("audio front end: floor", f->floor, FLT_MIN, FLT_MAX));
    AVSN_TRY(check_float("audio front end: range", f->range, 0, FLT_MAX));
    AVSN_TRY(check_float("audio front end: mean", f->mean, -1e6f, 1e6f));
    AVSN_TRY(check_float("audio front end: std", f->std, 1e-6f, 1e6f));
    return check_samples(f);
}

avsound_status avsn_image_frontend_check(const avsn_image_frontend *f)
{
    AVSN_TRY(check_int("image front end: width", f->width, 1, MOST_SIDE));
    AVSN_TRY(check_int("image front end: height", f->height, 1, MOST_SIDE));
    /* a smaller picture could not be cropped to the input */
    AVSN_TRY(check_int("image front end: short_side", f->short_side, AVSN_MAX(f->width, f->height), MOST_SIDE));
    AVSN_TRY(check_int("image front end: cell", f->cell, 1, MOST_SIDE));
    AVSN_TRY(check_int("image front end: shrink_only", f->shrink_only, 0, 1));
    for (int32_t c = 0; c < 3; c++) {
        AVSN_TRY(check_float("image front end: mean", f->mean[c], -1e6f, 1e6f));
        AVSN_TRY(check_float("image front end: std", f->std[c], 1e-6f, 1e6f));
    }
    return AVSOUND_OK;
}

avsound_status avsn_clip_frontend_complete(avsn_clip_frontend *f)
{
    AVSN_TRY(check_int("clip: frames", f->frames, 1, MOST_FRAMES));
    AVSN_TRY(check_float("clip: frame_rate", (float)f->frame_rate, 0.1f, 1000));
    AVSN_TRY(check_int("clip: sample_rate", f->sample_rate, 1, MOST_RATE));
    const double samples = rint((double)f->sample_rate / f->frame_rate * f->frames);
    if (!f->samples)
        f->samples = (int32_t)fmin(samples, INT32_MAX);
    return check_int("clip: samples", f->samples, 1, MOST_SAMPLES);
}

avsound_status avsn_separation_frontend_check(const avsn_separation_frontend *f, const avsn_clip_frontend *clip, bool light)
{
    const int32_t columns = light ? 16 : 128, fft = light ? 128 : 1024;
    const avsn_stft_params stft = {.window = f->window, .hop = f->hop, .fft = f->fft};
    const avsn_polar_params polar = {.floor = f->floor, .low = f->low, .high = f->high};
    AVSN_TRY(avsn_stft_params_check(&stft));
    AVSN_TRY(avsn_polar_params_check(&polar));
    if (f->fft % fft || f->columns < columns || f->columns % columns || f->columns > MOST_COLUMNS)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation: fft is %d and columns %d, want multiples of %d and of %d", f->fft,
                  f->columns, fft, columns);
    if (avsn_stft_samples(&stft, f->columns) > clip->samples)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "separation: %d columns need %lld samples, the clip has %d", f->columns,
                  (long long)avsn_stft_samples(&stft, f->columns), clip->samples);
    return AVSOUND_OK;
}

void avsn_audio_frontend_default(avsn_audio_frontend *f)
{
    *f = (avsn_audio_frontend){
        .sample_rate = 48000, .window = 480, .hop = 240, .fft = 512, .columns = 200, .offset = -120,
        .mel_bands = 0, .power = 1, .normalise = 1, .mel_low = 0, .mel_high = 24000,
        .floor = 1e-10f, .range = 0,
        /* about those of real clips: over 80 of them -86.5 and 19.3 */
        .mean = -85, .std = 20,
    };
}

void avsn_image_frontend_default(avsn_image_frontend *f)
{
    *f = (avsn_image_frontend){
        .width = 224, .height = 224, .short_side = 256, .cell = 16,
        .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f},
    };
}

void avsn_alone_frontend_default(avsn_audio_frontend *f)
{
    *f = (avsn_audio_frontend){
        .sample_rate = 48000, .window = 2048, .hop = 242, .fft = 2048, .columns = 199, .offset = 0,
        .mel_bands = 256, .power = 0, .normalise = 0, .mel_low = 0, .mel_high = 24000,
        .floor = 1e-10f, .range = 80, .mean = 0, .std = 1, .samples = 48000,
    };
}

void avsn_signed_frontend_default(avsn_image_frontend *f)
{
    *f = (avsn_image_frontend){
        .width = 224, .height = 224, .short_side = 256, .cell = 8,
        .mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}, .shrink_only = 1};
}

void avsn_clip_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image)
{
    *f = (avsn_clip_frontend){.frames = 125, .frame_rate = 29.97, .sample_rate = 21000};
    *image = (avsn_image_frontend){
        .width = 224, .height = 224, .short_side = 256, .cell = 32, .mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}};
}

static const avsn_image_frontend small_pictures = {
    .width = 64, .height = 64, .short_side = 72, .cell = 16, .mean = {0.43f, 0.43f, 0.43f}, .std = {0.24f, 0.24f, 0.24f}};

void avsn_lag_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image, avsn_audio_frontend *audio)
{
    *f = (avsn_clip_frontend){.frames = 48, .frame_rate = 25, .sample_rate = 16000};
    *image = small_pictures;
    *audio = (avsn_audio_frontend){
        .sample_rate = 16000, .window = 400, .hop = 160, .fft = 512, .columns = 192, .offset = -120,
        .mel_bands = 40, .power = 1, .normalise = 1, .mel_low = 60, .mel_high = 7600,
        .floor = 1e-10f, .range = 0, .mean = -75, .std = 20,
    };
}

void avsn_separation_frontend_default(avsn_separation_frontend *f, avsn_clip_frontend *clip)
{
    avsn_stft_params stft;
    avsn_polar_params polar;
    avsn_stft_params_default(&stft);
    avsn_polar_params_default(&polar);
    *f = (avsn_separation_frontend){.window = stft.window, .hop = stft.hop, .fft = stft.fft, .columns = 128,
                                    .floor = polar.floor, .low = polar.low, .high = polar.high};
    clip->frames = 63;
}

void avsn_mask_frontend_default(avsn_clip_frontend *f, avsn_image_frontend *image, avsn_separation_frontend *separation)
{
    *f = (avsn_clip_frontend){.frames = 40, .frame_rate = 25, .sample_rate = 21000};
    *image = small_pictures;
    separation->window = separation->fft = 1024;
    separation->hop = 512;
    separation->columns = 64;
}
