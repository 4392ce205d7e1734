/* Directions by two channels: windows of a file's sound, or of sound in memory, for dsp/stereo.h. */
#include <avsound/stereo.h>

#include "dsp/stereo.h"
#include "media/media.h"

#include <math.h>
#include <string.h>

_Static_assert(AVSOUND_STEREO_BANDS == (int)AVSN_STEREO_BANDS, "one layout");
_Static_assert(AVSOUND_STEREO_CELLS == (int)AVSN_STEREO_CELLS, "one layout");
_Static_assert((int)AVSOUND_STEREO_DIFFUSE == (int)AVSN_STEREO_DIFFUSE, "one set of values");
_Static_assert((int)AVSOUND_STEREO_DELAY == (int)AVSN_STEREO_DELAY, "one set of values");

struct avsound_stereo {
    avsound_context *context;
    avsound_stereo_options options;
    avsn_stereo *core; /* for the params below; NULL: none yet */
    avsn_stereo_params params;
    avsn_stereo_finding finding;
    float band_hz[AVSOUND_STEREO_BANDS + 1];
    /* of a file */
    avsound_media *media; /* or NULL */
    avsound_media_info info;
    bool begun, ended;
    int64_t asked_us;     /* the time last asked for */
    int64_t first, held;  /* number of the first sample in `sound`, and how many there are */
    float *sound;         /* [room][2] */
    size_t room;
    float *window;        /* [params.samples][2] */
};

/* ---- options ---- */

void avsound_stereo_options_init(avsound_stereo_options *options, uint32_t struct_size)
{
    avsn_options_clear(options, struct_size, sizeof *options);
}

static avsound_status read_number(const char *name, double least, double most, double usual, double *value)
{
    if (*value != 0 && !(*value >= least && *value <= most))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stereo options: %s is %g, want 0 or %g...%g", name, *value, least, most);
    *value = *value != 0 ? *value : usual;
    return AVSOUND_OK;
}

static avsound_status read_options(const avsound_stereo_options *theirs, avsound_stereo_options *o)
{
    AVSN_TRY(avsn_options_read(o, sizeof *o, theirs, sizeof *o, "stereo options"));
    if (o->cues & ~(AVSOUND_STEREO_LEVEL | AVSOUND_STEREO_DELAY))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "stereo options: cues is %d, want 0 or AVSOUND_STEREO_LEVEL and _DELAY or-ed",
                  o->cues);
    AVSN_TRY(read_number("window_seconds", 0.1, 10, 1, &o->window_seconds));
    AVSN_TRY(read_number("edge_delay_us", 20, 5000, 300, &o->edge_delay_us));
    return read_number("edge_level_db", 1, 60, 12.4, &o->edge_level_db);
}

/* ---- measuring ---- */

static avsound_status prepare(avsound_stereo *s, int32_t rate, int64_t samples)
{
    const avsn_stereo_params p = {.sample_rate = rate,
                                  .samples = (int32_t)samples,
                                  .edge_delay = s->options.edge_delay_us * 1e-6,
                                  .edge_level = s->options.edge_level_db,
                                  .cues = s->options.cues};
    if (s->core && s->params.sample_rate == rate && s->params.samples == samples)
        return AVSOUND_OK;
    avsn_stereo_free(s->core);
    AVSN_TRY(avsn_stereo_create(s->context, &p, &s->core));
    s->params = p;
    for (int32_t b = 0; b <= AVSOUND_STEREO_BANDS; b++)
        s->band_hz[b] = (float)avsn_stereo_band_edge(rate, b);
    return AVSOUND_OK;
}

static int64_t window_samples(const avsound_stereo *s, int32_t rate)
{
    return AVSN_MAX(llround(s->options.window_seconds * rate), (int64_t)AVSN_STEREO_LEAST_SAMPLES);
}

/* A file or sound of one channel was put into both. */
static void set_mono(avsn_stereo_finding *f)
{
    *f = (avsn_stereo_finding){.kind = AVSN_STEREO_MONO, .rms = f->rms, .copy_db = f->copy_db};
}

static avsound_status tell(avsound_stereo *s, const float *window, int32_t channels, int64_t time_us,
                           avsound_stereo_result *result)
{
    avsn_stereo_finding *f = &s->finding;
    avsn_stereo_measure(s->core, window, f);
    if (channels == 1 && f->kind != AVSN_STEREO_SILENT)
        set_mono(f);
    const avsound_stereo_result r = {
        .kind = f->kind,
        .time_us = time_us,
        .cues = f->cues,
        .direction = f->direction,
        .confidence = f->confidence,
        .coherence = f->coherence,
        .delay_us = f->delay * 1e6f,
        .level_db = f->level_db,
        .copy_db = f->copy_db,
        .rms = f->rms,
        .evidence = f->evidence,
        .band_hz = s->band_hz,
        .band_level_db = f->band_level_db,
    };
    return avsn_struct_write(result, &r, sizeof r, "result");
}

static avsound_status make_room(avsound_stereo *s, int64_t used, int64_t wanted)
{
    return avsn_grow(s->context, (void **)&s->sound, 2 * sizeof *s->sound, (size_t)used, (size_t)wanted, &s->room);
}

/* ---- in memory ---- */

static avsound_status take_all(avsound_stereo *s, const avsound_audio *sound, avsn_resampler *resampler, int64_t *count)
{
    const avsound_audio *pushed[] = {sound, NULL};
    *count = 0;
    for (int i = 0; i < 2; i++) {
        const float *samples;
        int64_t more;
        AVSN_TRY(avsn_resampler_push(resampler, pushed[i], &samples, &more));
        AVSN_TRY(make_room(s, *count, *count + more));
        if (more)
            memcpy(s->sound + 2 * *count, samples, 2 * (size_t)more * sizeof *s->sound);
        *count += more;
    }
    return AVSOUND_OK;
}

avsound_status avsound_stereo_measure(avsound_stereo *stereo, const avsound_audio *sound, avsound_stereo_result *result)
{
    if (!stereo || !sound || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", !stereo ? "stereo" : !sound ? "sound" : "result");
    AVSN_TRY(avsn_struct_write(result, &(avsound_stereo_result){0}, sizeof *result, "result"));
    if (stereo->media)
        AVSN_FAIL(AVSOUND_E_STATE, "this object measures a file: make one without a path for sounds in memory");
    AVSN_TRY(avsn_audio_check(stereo->context, sound));
    avsn_resampler *resampler = NULL;
    int64_t count = 0;
    AVSN_TRY(avsn_resampler_create(stereo->context, sound->sample_rate, 2, &resampler));
    const avsound_status status = take_all(stereo, sound, resampler, &count);
    avsn_resampler_free(resampler);
    AVSN_TRY(status);
    if (count < AVSN_STEREO_LEAST_SAMPLES)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "sound has %lld samples, want at least %d", (long long)count,
                  AVSN_STEREO_LEAST_SAMPLES);
    const int64_t samples = AVSN_MIN(window_samples(stereo, sound->sample_rate), count);
    const int64_t first = (count - samples) / 2;
    AVSN_TRY(prepare(stereo, sound->sample_rate, samples));
    const int64_t middle_us = sound->time_us + llround(((double)first + (double)samples / 2) * 1e6 / sound->sample_rate);
    return tell(stereo, stereo->sound + 2 * first, sound->channels, middle_us, result);
}

/* ---- of a file ---- */

static avsound_status open_file(avsound_stereo *s, const char *path)
{
    const avsound_media_options media = {.struct_size = sizeof media, .audio_channels = 2, .ignore_video = 1};
    AVSN_TRY(avsn_media_open(s->context, path, &media, &s->media));
    avsn_media_info(s->media, &s->info);
    if (!s->info.has_audio)
        AVSN_FAIL(AVSOUND_E_STATE, "%s has no sound", path);
    AVSN_TRY(prepare(s, s->info.sample_rate, window_samples(s, s->info.sample_rate)));
    s->window = avsn_alloc(s->context, 2 * (size_t)s->params.samples, sizeof *s->window);
    return s->window ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* Samples before this one will not be asked for again. */
static void drop_before(avsound_stereo *s, int64_t sample)
{
    const int64_t drop = AVSN_MIN(AVSN_MAX(sample - s->first, 0), s->held);
    if (!drop)
        return;
    memmove(s->sound, s->sound + 2 * drop, 2 * (size_t)(s->held - drop) * sizeof *s->sound);
    s->first += drop;
    s->held -= drop;
}

static avsound_status read_piece(avsound_stereo *s, int64_t wanted_from)
{
    avsound_audio piece = {.struct_size = sizeof piece};
    const avsound_status status = avsn_media_read_audio(s->media, &piece);
    s->ended = status != AVSOUND_OK;
    if (status == AVSOUND_E_END)
        return AVSOUND_OK;
    AVSN_TRY(status);
    if (!s->begun)
        s->first = llround((double)piece.time_us * 1e-6 * s->params.sample_rate);
    s->begun = true;
    drop_before(s, wanted_from);
    AVSN_TRY(make_room(s, s->held, s->held + piece.frames));
    if (piece.frames)
        memcpy(s->sound + 2 * s->held, piece.data, 2 * (size_t)piece.frames * sizeof *s->sound);
    s->held += piece.frames;
    return AVSOUND_OK;
}

/* To a second before the window, where it is so far ahead that reading on would take longer. */
static avsound_status go_to(avsound_stereo *s, int64_t from)
{
    const int64_t ahead = from - (s->begun ? s->first + s->held : 0), second = s->params.sample_rate;
    if (s->ended || ahead < 10 * second)
        return AVSOUND_OK;
    AVSN_TRY(avsn_media_seek(s->media, (int64_t)((double)(from - second) / (double)second * 1e6)));
    s->begun = false;
    s->held = 0;
    return AVSOUND_OK;
}

static void fill_window(avsound_stereo *s, int64_t from)
{
    const int64_t samples = s->params.samples;
    const int64_t begin = AVSN_MIN(AVSN_MAX(s->first - from, 0), samples);
    const int64_t end = AVSN_MAX(AVSN_MIN(s->first + s->held - from, samples), begin);
    memset(s->window, 0, 2 * (size_t)samples * sizeof *s->window);
    if (end > begin)
        memcpy(s->window + 2 * begin, s->sound + 2 * (from + begin - s->first),
               2 * (size_t)(end - begin) * sizeof *s->window);
}

static avsound_status check_time(const avsound_stereo *s, int64_t time_us)
{
    if (!s->media)
        AVSN_FAIL(AVSOUND_E_STATE, "this object was made without a file: avsound_stereo_measure() takes sounds in memory");
    if (time_us < s->asked_us || time_us > INT64_MAX / 4)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "time_us is %lld, want at least that of the call before, %lld", (long long)time_us,
                  (long long)s->asked_us);
    return AVSOUND_OK;
}

avsound_status avsound_stereo_at(avsound_stereo *stereo, int64_t time_us, avsound_stereo_result *result)
{
    if (!stereo || !result)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", stereo ? "result" : "stereo");
    AVSN_TRY(avsn_struct_write(result, &(avsound_stereo_result){0}, sizeof *result, "result"));
    AVSN_TRY(check_time(stereo, time_us));
    const int64_t middle = llround((double)time_us * 1e-6 * stereo->params.sample_rate);
    const int64_t from = middle - stereo->params.samples / 2, to = from + stereo->params.samples;
    stereo->asked_us = time_us;
    AVSN_TRY(go_to(stereo, from));
    while (!stereo->ended && (!stereo->begun || stereo->first + stereo->held < to))
        AVSN_TRY(read_piece(stereo, from));
    if (stereo->first + stereo->held <= middle)
        AVSN_FAIL(AVSOUND_E_END, "no more sound");
    fill_window(stereo, from);
    return tell(stereo, stereo->window, stereo->info.channels, time_us, result);
}

/* ---- life ---- */

avsound_status avsound_stereo_create(avsound_context *context, const char *path, const avsound_stereo_options *options,
                                     avsound_stereo **out)
{
    if (!context || !out)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "%s is NULL", context ? "out" : "context");
    *out = NULL;
    avsound_stereo_options o;
    AVSN_TRY(read_options(options, &o));
    avsound_stereo *s = avsn_alloc_zeroed(context, 1, sizeof *s);
    if (!s)
        return AVSOUND_E_NO_MEMORY;
    s->context = avsn_context_ref(context);
    s->options = o;
    const avsound_status status = path ? open_file(s, path) : AVSOUND_OK;
    if (status) {
        avsound_stereo_free(s);
        return status;
    }
    *out = s;
    return AVSOUND_OK;
}

void avsound_stereo_free(avsound_stereo *stereo)
{
    if (!stereo)
        return;
    avsound_context *context = stereo->context;
    avsn_stereo_free(stereo->core);
    avsn_media_free(stereo->media);
    avsn_free(context, stereo->sound);
    avsn_free(context, stereo->window);
    avsn_free(context, stereo);
    avsound_context_free(context);
}
