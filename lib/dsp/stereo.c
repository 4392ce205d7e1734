#include "dsp/stereo.h"

#include "dsp/fourier.h"

#include <math.h>
#include <string.h>

/* Chosen on generated clips of seeds 5001 and 5002; docs/stereo.md. */
enum { GRID = 192, MARGIN = (GRID - AVSN_STEREO_CELLS) / 2, LEAST_POINTS = 32, KERNEL = 26 };
static const double lowest = 100;        /* Hz */
static const double delays_to = 5000;    /* Hz: lossy codecs keep no phase above */
static const double levels_to = 20000, bands_to = 16000;
static const double frame_seconds = 0.05; /* at most */
static const double faint = 1e-6;        /* of the strongest frequency's power: not counted */
static const double width = 0.1;         /* standard deviation of what one frequency's level says */
static const double speaks = 0.25;       /* a cue that points so much less far out than the other is none */
static const double silent_rms = 1e-3;
static const double copy_db = -60, coded_copy_db = -25, coded_copy_level_db = 0.1;
static const double noisy_copy_db = -15, noisy_copy_level_db = 0.05, middle = 0.01;
static const double least_confidence = 0.2;
static const double most_db = 120;
static const double pi = 3.14159265358979323846;

struct avsn_stereo {
    avsound_context *context;
    avsn_stereo_params params;
    avsn_fourier fourier;
    int32_t bins, frames;
    int32_t delay_first, delay_count, level_first, level_last;
    double share;      /* of the quarter turn from middle to one channel alone, at the edge */
    float *window;     /* [points] */
    float *channel;    /* [2][points] */
    float *spectrum;   /* [bins][2] of the left channel */
    double *left, *right, *cross; /* [bins], [bins], [bins][2]: sums over frames */
    double *coherence; /* [bins] 0...1 */
    float *steer;      /* [GRID][delay_count][2] */
    double kernel[KERNEL];
};

/* ---- what is the same for every window ---- */

static double place_of(double cell)
{
    return (cell + 0.5 - GRID / 2) * 2 / AVSN_STEREO_CELLS;
}

double avsn_stereo_band_edge(int32_t sample_rate, int32_t index)
{
    const double top = fmin(bands_to, 0.45 * sample_rate);
    return lowest * pow(top / lowest, (double)index / AVSN_STEREO_BANDS);
}

static int32_t choose_points(const avsn_stereo_params *p)
{
    const double most = fmin(frame_seconds * p->sample_rate, p->samples / 8.0);
    int32_t points = LEAST_POINTS;
    while (2 * points <= most && points < 32768)
        points *= 2;
    return points;
}

/* The first bin at or above a frequency, or the last of all. */
static int32_t bin_of(const avsn_stereo *s, double hertz)
{
    return (int32_t)fmin(ceil(hertz * s->fourier.points / s->params.sample_rate), s->bins - 1);
}

static void fill_tables(avsn_stereo *s)
{
    const avsn_stereo_params *p = &s->params;
    avsn_hann(s->fourier.points, 1, s->window);
    for (int32_t g = 0; g < GRID; g++)
        for (int32_t k = 0; k < s->delay_count; k++) {
            const double hertz = (double)(s->delay_first + k) * p->sample_rate / s->fourier.points;
            const double turn = 2 * pi * hertz * p->edge_delay * place_of(g);
            s->steer[2 * (g * s->delay_count + k)] = (float)cos(turn);
            s->steer[2 * (g * s->delay_count + k) + 1] = (float)sin(turn);
        }
    for (int32_t d = 0; d < KERNEL; d++)
        s->kernel[d] = exp(-0.5 * pow(2.0 * d / AVSN_STEREO_CELLS / width, 2));
}

static avsound_status init(avsn_stereo *s)
{
    const avsn_stereo_params *p = &s->params;
    const int32_t points = choose_points(p);
    AVSN_TRY(avsn_fourier_create(s->context, points, false, &s->fourier));
    s->bins = points / 2 + 1;
    s->frames = (p->samples - points) / (points / 2) + 1;
    const double top = 0.45 * p->sample_rate;
    s->delay_first = s->level_first = AVSN_MAX(bin_of(s, lowest), 1);
    s->delay_count = AVSN_MAX(bin_of(s, fmin(delays_to, top)) - s->delay_first, 1);
    s->level_last = AVSN_MAX(bin_of(s, fmin(levels_to, top)), s->level_first + 1);
    s->share = 4 / pi * atan(pow(10, p->edge_level / 20)) - 1;
    s->window = avsn_alloc(s->context, (size_t)points, sizeof *s->window);
    s->channel = avsn_alloc(s->context, 2 * (size_t)points, sizeof *s->channel);
    s->spectrum = avsn_alloc(s->context, 2 * (size_t)s->bins, sizeof *s->spectrum);
    s->left = avsn_alloc(s->context, (size_t)s->bins, sizeof *s->left);
    s->right = avsn_alloc(s->context, (size_t)s->bins, sizeof *s->right);
    s->cross = avsn_alloc(s->context, 2 * (size_t)s->bins, sizeof *s->cross);
    s->coherence = avsn_alloc(s->context, (size_t)s->bins, sizeof *s->coherence);
    s->steer = avsn_alloc(s->context, 2 * GRID * (size_t)s->delay_count, sizeof *s->steer);
    if (!s->window || !s->channel || !s->spectrum || !s->left || !s->right || !s->cross || !s->coherence || !s->steer)
        return AVSOUND_E_NO_MEMORY;
    fill_tables(s);
    return AVSOUND_OK;
}

avsound_status avsn_stereo_create(avsound_context *context, const avsn_stereo_params *params, avsn_stereo **out)
{
    *out = NULL;
    avsn_stereo *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = context;
    s->params = *params;
    const avsound_status status = init(s);
    if (status) {
        avsn_stereo_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsn_stereo_free(avsn_stereo *s)
{
    if (!s)
        return;
    avsn_fourier_clear(s->context, &s->fourier);
    avsn_free(s->context, s->steer);
    avsn_free(s->context, s->coherence);
    avsn_free(s->context, s->cross);
    avsn_free(s->context, s->right);
    avsn_free(s->context, s->left);
    avsn_free(s->context, s->spectrum);
    avsn_free(s->context, s->channel);
    avsn_free(s->context, s->window);
    avsn_free(s->context, s);
}

/* ---- spectra ---- */

static void add_frame(avsn_stereo *s, const float *sound)
{
    const int32_t points = s->fourier.points;
    float *left = s->channel, *right = s->channel + points;
    for (int32_t i = 0; i < points; i++) {
        left[i] = sound[2 * i];
        right[i] = sound[2 * i + 1];
    }
    avsn_fourier_window(&s->fourier, left, s->window, points);
    memcpy(s->spectrum, s->fourier.spectrum, 2 * (size_t)s->bins * sizeof *s->spectrum);
    avsn_fourier_window(&s->fourier, right, s->window, points);
    for (int32_t k = 0; k < s->bins; k++) {
        const double a = (double)s->spectrum[2 * k], b = (double)s->spectrum[2 * k + 1];
        const double c = (double)s->fourier.spectrum[2 * k], d = (double)s->fourier.spectrum[2 * k + 1];
        s->left[k] += a * a + b * b;
        s->right[k] += c * c + d * d;
        s->cross[2 * k] += a * c + b * d; /* left times the right one's conjugate */
        s->cross[2 * k + 1] += b * c - a * d;
    }
}

/* Magnitude-squared coherence, less what so few frames of independent channels would show. */
static void set_coherence(avsn_stereo *s)
{
    const double bias = s->frames > 1 ? 1.0 / s->frames : 0;
    double most = 0;
    for (int32_t k = s->level_first; k < s->level_last; k++)
        most = fmax(most, s->left[k] + s->right[k]);
    for (int32_t k = 0; k < s->bins; k++) {
        const double re = s->cross[2 * k], im = s->cross[2 * k + 1], both = s->left[k] * s->right[k];
        const bool counts = s->left[k] + s->right[k] > faint * most && both > 0;
        const double found = counts ? (re * re + im * im) / both : 0;
        s->coherence[k] = fmin(fmax((found - bias) / (1 - bias), 0), 1);
    }
}

static void set_spectra(avsn_stereo *s, const float *sound)
{
    memset(s->left, 0, (size_t)s->bins * sizeof *s->left);
    memset(s->right, 0, (size_t)s->bins * sizeof *s->right);
    memset(s->cross, 0, 2 * (size_t)s->bins * sizeof *s->cross);
    for (int32_t f = 0; f < s->frames; f++)
        add_frame(s, sound + (int64_t)f * s->fourier.points);
    set_coherence(s);
}

/* ---- cues: curves over the grid, 1 at a place that everything points to ---- */

static void delay_curve(const avsn_stereo *s, double curve[GRID])
{
    double sum = 0;
    memset(curve, 0, GRID * sizeof *curve);
    for (int32_t k = 0; k < s->delay_count; k++) {
        const double *cross = s->cross + 2 * (s->delay_first + k), weight = s->coherence[s->delay_first + k];
        const double magnitude = hypot(cross[0], cross[1]);
        sum += weight;
        if (magnitude <= 0 || weight <= 0)
            continue;
        const double re = weight * cross[0] / magnitude, im = weight * cross[1] / magnitude;
        for (int32_t g = 0; g < GRID; g++) {
            const float *steer = s->steer + 2 * (g * s->delay_count + k);
            curve[g] += re * (double)steer[0] - im * (double)steer[1];
        }
    }
    for (int32_t g = 0; g < GRID; g++)
        curve[g] = sum > 0 ? fmax(curve[g] / sum, 0) : 0;
}

/* The direction of the principal axis, which noise of equal power in both channels does not turn; then the place that
 * constant-power panning puts such a ratio at. */
static double level_place(const avsn_stereo *s, int32_t k)
{
    const double coherent = hypot(s->cross[2 * k], s->cross[2 * k + 1]);
    const double angle = atan2(2 * coherent, s->left[k] - s->right[k]) / 2;
    return (4 / pi * angle - 1) / s->share;
}

static void level_curve(const avsn_stereo *s, double curve[GRID])
{
    double votes[GRID] = {0}, sum = 0;
    for (int32_t k = s->level_first; k < s->level_last; k++) {
        const double weight = s->coherence[k] * sqrt(s->left[k] + s->right[k]);
        const double cell = fmin(fmax((level_place(s, k) * AVSN_STEREO_CELLS + GRID - 1) / 2, 0), GRID - 1.001);
        const int32_t whole = (int32_t)cell;
        votes[whole] += weight * (1 - (cell - whole));
        votes[whole + 1] += weight * (cell - whole);
        sum += weight;
    }
    for (int32_t g = 0; g < GRID; g++) {
        double all = votes[g];
        for (int32_t d = 1; d < KERNEL; d++)
            all += s->kernel[d] * ((g >= d ? votes[g - d] : 0) + (g + d < GRID ? votes[g + d] : 0));
        curve[g] = sum > 0 ? all / sum : 0;
    }
}

typedef struct peak {
    double place, height;
} peak;

/* Between cells by a parabola. */
static peak find_peak(const double curve[GRID])
{
    int32_t k = 0;
    for (int32_t g = 1; g < GRID; g++)
        if (curve[g] > curve[k])
            k = g;
    if (k == 0 || k == GRID - 1)
        return (peak){place_of(k), curve[k]};
    const double before = curve[k - 1], after = curve[k + 1], bend = before - 2 * curve[k] + after;
    return (peak){place_of(k + (bend < 0 ? 0.5 * (before - after) / bend : 0)), curve[k]};
}

/* A recording tells directions by level, by delay or by both. One that points to the middle while the other points elsewhere
 * was not made to tell. */
static int32_t choose_cues(const avsn_stereo *s, double by_delay, double by_level)
{
    if (s->params.cues)
        return s->params.cues;
    if (fabs(by_delay) < speaks * fabs(by_level))
        return AVSN_STEREO_LEVEL;
    if (fabs(by_level) < speaks * fabs(by_delay))
        return AVSN_STEREO_DELAY;
    return AVSN_STEREO_LEVEL | AVSN_STEREO_DELAY;
}

static double coherent_share(const avsn_stereo *s)
{
    double coherent = 0, all = 0;
    for (int32_t k = s->level_first; k < s->level_last; k++) {
        coherent += s->coherence[k] * (s->left[k] + s->right[k]);
        all += s->left[k] + s->right[k];
    }
    return all > 0 ? coherent / all : 0;
}

static void find_direction(const avsn_stereo *s, avsn_stereo_finding *f)
{
    double delay[GRID], level[GRID];
    delay_curve(s, delay);
    level_curve(s, level);
    const peak by_delay = find_peak(delay), by_level = find_peak(level);
    f->cues = choose_cues(s, by_delay.place, by_level.place);
    for (int32_t g = 0; g < GRID; g++)
        level[g] = f->cues == AVSN_STEREO_LEVEL   ? level[g]
                   : f->cues == AVSN_STEREO_DELAY ? delay[g]
                                                  : sqrt(level[g] * delay[g]);
    const peak best = find_peak(level);
    f->coherence = (float)coherent_share(s);
    f->delay = (float)(-by_delay.place * s->params.edge_delay);
    f->direction = (float)best.place;
    f->confidence = f->coherence * (float)fmin(best.height, 1);
    for (int32_t c = 0; c < AVSN_STEREO_CELLS; c++)
        f->evidence[c] = f->coherence * (float)fmin(level[MARGIN + c], 1);
}

/* ---- levels ---- */

static float level_between(double left, double right)
{
    const double db = left > 0 && right > 0 ? 10 * log10(right / left) : right > left ? most_db : left > right ? -most_db : 0;
    return (float)fmin(fmax(db, -most_db), most_db);
}

static void set_levels(const avsn_stereo *s, const float *sound, avsn_stereo_finding *f)
{
    double left = 0, right = 0, both = 0;
    for (int32_t i = 0; i < s->params.samples; i++) {
        const double l = (double)sound[2 * i], r = (double)sound[2 * i + 1];
        left += l * l;
        right += r * r;
        both += l * r;
    }
    const double rest = left > 0 && right > 0 ? 1 - both / left * (both / right) : 0;
    f->rms = (float)sqrt((left + right) / 2 / s->params.samples);
    f->level_db = level_between(left, right);
    f->copy_db = (float)fmax(rest > 0 ? 10 * log10(rest) : -most_db, -most_db);
}

static void set_bands(const avsn_stereo *s, avsn_stereo_finding *f)
{
    for (int32_t b = 0; b < AVSN_STEREO_BANDS; b++) {
        const int32_t first = bin_of(s, avsn_stereo_band_edge(s->params.sample_rate, b));
        const int32_t end = AVSN_MAX(bin_of(s, avsn_stereo_band_edge(s->params.sample_rate, b + 1)), first + 1);
        double left = 0, right = 0;
        for (int32_t k = first; k < end; k++) {
            left += s->left[k];
            right += s->right[k];
        }
        f->band_level_db[b] = level_between(left, right);
    }
}

/* Lossy codecs leave noise of each channel's own, which moves neither levels nor phases: what stands that exactly in the middle
 * was one channel. */
static bool is_copy(const avsn_stereo *s, const avsn_stereo_finding *f)
{
    const double copy = (double)f->copy_db, level = fabs((double)f->level_db);
    const bool central = fabs((double)f->direction) < middle && fabs((double)f->delay) < middle * s->params.edge_delay;
    return copy <= copy_db || (copy <= coded_copy_db && level <= coded_copy_level_db) ||
           (copy <= noisy_copy_db && level <= noisy_copy_level_db && central);
}

/* Directions of what has none are 0. */
static void set_kind(const avsn_stereo *s, avsn_stereo_finding *f)
{
    f->kind = (double)f->rms < silent_rms                      ? AVSN_STEREO_SILENT
              : is_copy(s, f)                                   ? AVSN_STEREO_DUAL_MONO
              : !((double)f->confidence >= least_confidence)   ? AVSN_STEREO_DIFFUSE
                                                               : AVSN_STEREO_DIRECTION;
    if (f->kind == AVSN_STEREO_SILENT || f->kind == AVSN_STEREO_DUAL_MONO) {
        f->confidence = f->direction = f->delay = 0;
        f->cues = 0;
        memset(f->evidence, 0, sizeof f->evidence);
    }
}

void avsn_stereo_measure(avsn_stereo *s, const float *sound, avsn_stereo_finding *finding)
{
    set_levels(s, sound, finding);
    set_spectra(s, sound);
    set_bands(s, finding);
    find_direction(s, finding);
    set_kind(s, finding);
}
