#include "api/stems.h"

#include <math.h>
#include <string.h>

#include "dsp/separation.h"
#include "dsp/waveform.h"

struct avsn_stems {
    avsound_context *context;
    avsound_session *session;
    avsn_stems_options options;
    avsn_separation_frontend frontend;
    avsn_stft_params stft_params;
    avsn_polar_params polar;
    int64_t samples, columns, bins; /* bins: with the last, which the network leaves out */
    avsn_stft *stft;
    avsn_istft *istft;
    int32_t frames_input, waveform_input, spectrogram_input; /* -1: the network has none */
    int32_t output[2];
    float *mono;             /* [samples] */
    float *mixture;          /* [columns][bins][2] */
    float *spectra[2];       /* [columns][bins][2] */
    float *decibel, *phase;  /* [bins] */
};

/* ---- life ---- */

static avsound_status find_ports(avsn_stems *s)
{
    static const char *const names[2][2] = {{"on", "off"}, {"first", "second"}};
    const char *const *mine = names[s->session->model->arch->blind];
    s->frames_input = avsn_session_input_index(s->session, "frames");
    s->waveform_input = avsn_session_input_index(s->session, "waveform");
    s->spectrogram_input = avsn_session_input_index(s->session, "spectrogram");
    for (int i = 0; i < 2; i++) {
        s->output[i] = avsn_session_output(s->session, mine[i]);
        if (s->output[i] < 0)
            AVSN_FAIL(AVSOUND_E_STATE, "this session was made without the output \"%s\"", mine[i]);
    }
    return AVSOUND_OK;
}

static avsound_status take(avsn_stems *s, int64_t count, float **out)
{
    *out = avsn_alloc_zeroed(s->context, (size_t)count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status init(avsn_stems *s)
{
    const avsn_model_config *config = &s->session->model->config;
    const avsn_separation_frontend *f = &config->separation;
    avsn_separation_params(f, &s->stft_params, &s->polar);
    s->stft_params.compensated = !s->options.release;
    s->samples = config->clip.samples;
    s->columns = f->columns;
    s->bins = avsn_stft_bins(&s->stft_params);
    const int64_t values = 2 * s->columns * s->bins;
    AVSN_TRY(find_ports(s));
    AVSN_TRY(avsn_stft_create(s->context, &s->stft_params, &s->stft));
    AVSN_TRY(avsn_istft_create(s->context, &s->stft_params, &s->istft));
    AVSN_TRY(take(s, s->samples, &s->mono));
    AVSN_TRY(take(s, values, &s->mixture));
    AVSN_TRY(take(s, values, &s->spectra[0]));
    AVSN_TRY(take(s, values, &s->spectra[1]));
    AVSN_TRY(take(s, s->bins, &s->decibel));
    return take(s, s->bins, &s->phase);
}

avsound_status avsn_stems_create(avsound_session *session, const avsn_stems_options *options, avsn_stems **out)
{
    *out = NULL;
    avsn_stems *s = avsn_alloc_zeroed(session->context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(session->context);
    s->session = session;
    s->options = *options;
    const avsound_status status = init(s);
    if (status) {
        avsn_stems_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsn_stems_free(avsn_stems *s)
{
    if (!s)
        return;
    avsound_context *context = s->context;
    avsn_stft_free(s->stft);
    avsn_istft_free(s->istft);
    avsn_free(context, s->mono);
    avsn_free(context, s->mixture);
    avsn_free(context, s->spectra[0]);
    avsn_free(context, s->spectra[1]);
    avsn_free(context, s->decibel);
    avsn_free(context, s->phase);
    avsn_free(context, s);
    avsound_context_free(context);
}

int64_t avsn_stems_samples(const avsn_stems *s)
{
    return s->samples;
}

int64_t avsn_stems_output(const avsn_stems *s)
{
    return avsn_stft_samples(&s->stft_params, s->columns);
}

int64_t avsn_stems_guard(const avsn_stems *s)
{
    return s->stft_params.window - s->stft_params.hop;
}

/* ---- in ---- */

static float *input_of(avsn_stems *s, int32_t input)
{
    if (input < 0)
        return NULL;
    s->session->inputs_set |= (uint64_t)1 << input;
    return avsn_plan_input_data(s->session->plan, input);
}

float *avsn_stems_frames(avsn_stems *s)
{
    return input_of(s, s->frames_input);
}

/* The one channel that is separated, at the network's loudness; returns the gain that brought it there. Channels come back at
 * that loudness, each by itself. */
static float set_sound(avsn_stems *s, float *left, float *right)
{
    for (int64_t i = 0; i < s->samples; i++)
        s->mono[i] = s->options.release ? left[i] : 0.5f * (left[i] + right[i]);
    const float gain = avsn_rms_gain(s->mono, s->samples, AVSN_MIXTURE_LOUDNESS, AVSN_QUIET);
    for (int64_t i = 0; i < s->samples; i++)
        s->mono[i] *= gain;
    avsn_rms_normalise(left, 1, s->samples, AVSN_MIXTURE_LOUDNESS, AVSN_QUIET);
    avsn_rms_normalise(right, 1, s->samples, AVSN_MIXTURE_LOUDNESS, AVSN_QUIET);
    float *waveform = input_of(s, s->waveform_input);
    if (waveform) {
        memcpy(waveform, left, (size_t)s->samples * sizeof *waveform);
        memcpy(waveform + s->samples, right, (size_t)s->samples * sizeof *waveform);
    }
    return gain;
}

static void set_spectrogram(avsn_stems *s)
{
    float *level = input_of(s, s->spectrogram_input);
    avsn_stft_run(s->stft, s->mono, s->columns, s->mixture);
    avsn_separation_planes(&s->polar, s->mixture, s->columns, s->bins, level, level + s->columns * (s->bins - 1));
}

/* ---- and back ---- */

/* The last bin, of which the network says nothing, is as quiet as can be and has the mixture's phase. */
static void get_spectra(avsn_stems *s, int head)
{
    const int64_t seen = s->bins - 1;
    const float *level = avsn_plan_output_data(s->session->plan, s->output[head]), *phase = level + s->columns * seen;
    for (int64_t t = 0; t < s->columns; t++, level += seen, phase += seen) {
        const float *mixture = s->mixture + 2 * t * s->bins;
        memcpy(s->decibel, level, (size_t)seen * sizeof *level);
        memcpy(s->phase, phase, (size_t)seen * sizeof *phase);
        avsn_polar_denormalise(&s->polar, seen, s->decibel, s->phase);
        for (int64_t k = s->options.original_phase ? 0 : seen; k < s->bins; k++)
            s->phase[k] = atan2f(mixture[2 * k + 1], mixture[2 * k]);
        s->decibel[seen] = s->polar.low;
        avsn_polar_to_complex(s->decibel, s->phase, s->bins, s->spectra[head] + 2 * t * s->bins);
    }
}

static double power_of(const float *z)
{
    return (double)z[0] * (double)z[0] + (double)z[1] * (double)z[1];
}

/* S. Wisdom et al., "Differentiable Consistency Constraints for Improved Deep Speech Enhancement", ICASSP 2019, section 3.2: the
 * projection on what sums to the mixture, errors weighted by power. */
static void make_column_consistent(const float *mixture, int64_t bins, float *a, float *b)
{
    float share = 0.5f;
    for (int64_t k = 0; k < bins; k++, mixture += 2, a += 2, b += 2) {
        const double first = power_of(a), both = first + power_of(b);
        if (k < bins - 1) /* of the last bin the network says nothing: it goes with the one below */
            share = both > 0 ? (float)(first / both) : 0.5f;
        for (int part = 0; part < 2; part++) {
            const float lacks = mixture[part] - a[part] - b[part];
            a[part] += share * lacks;
            b[part] += (1 - share) * lacks;
        }
    }
}

static void make_consistent(avsn_stems *s)
{
    for (int64_t t = 0; t < s->columns; t++) {
        const int64_t at = 2 * t * s->bins;
        make_column_consistent(s->mixture + at, s->bins, s->spectra[0] + at, s->spectra[1] + at);
    }
}

static bool is_silent(const float *samples, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (fabsf(samples[i]) > 0)
            return false;
    return true;
}

static avsound_status separate(avsn_stems *s)
{
    set_spectrogram(s);
    AVSN_TRY(avsn_session_run(s->session, (uint64_t)1 << s->output[0] | (uint64_t)1 << s->output[1]));
    get_spectra(s, 0);
    get_spectra(s, 1);
    if (s->options.consistent)
        make_consistent(s);
    return AVSOUND_OK;
}

avsound_status avsn_stems_run(avsn_stems *s, float *left, float *right, float *stem[2], float *mixture)
{
    const int64_t output = avsn_stems_output(s);
    const float gain = set_sound(s, left, right), undo = s->options.release ? 1 : 1 / gain;
    for (int64_t i = 0; i < output; i++)
        mixture[i] = s->mono[i] * undo;
    if (is_silent(s->mono, s->samples) && !s->options.release) {
        memset(stem[0], 0, (size_t)output * sizeof **stem);
        memset(stem[1], 0, (size_t)output * sizeof **stem);
        return AVSOUND_OK;
    }
    AVSN_TRY(separate(s));
    for (int head = 0; head < 2; head++) {
        avsn_istft_run(s->istft, s->spectra[head], s->columns, stem[head]);
        for (int64_t i = 0; i < output; i++)
            stem[head][i] *= undo;
    }
    return AVSOUND_OK;
}
