/* What a classifier is shown: layers of a network over some seconds or frames of each clip, or statistics of log-mel bands. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe.h"

/* A second hears 128 bands every 10 ms; the network behind this front end is not run. */
#define LOG_MEL_CONFIG                                                                                                         \
    "{\"width\": 0.0625, \"audio\": {\"sample_rate\": 48000, \"window\": 2048, \"hop\": 480, \"fft\": 2048, \"columns\": 100, " \
    "\"offset\": -784, \"mel_bands\": 128, \"mel_low\": 0, \"mel_high\": 24000, \"power\": 1, \"normalise\": 1, "               \
    "\"floor\": 1e-10, \"range\": 0, \"mean\": 0, \"std\": 1}}"

enum { SECOND_US = 1000000, MARGIN_COLUMNS = 5 /* of eval_read_sound() */, COLUMNS = 100 };

/* ---- the model ---- */

uint64_t probe_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

/* Of the network's name, configuration and every weight. */
static avsound_status identify(const avsound_model *model, char identity[17])
{
    const char *arch = avsound_model_arch(model), *config = avsound_model_config(model);
    uint64_t hash = probe_hash(probe_hash(PROBE_HASH_START, arch, strlen(arch) + 1), config, strlen(config) + 1);
    for (int32_t i = 0; i < avsound_model_parameter_count(model); i++) {
        avsound_tensor tensor = {.struct_size = sizeof tensor};
        const avsound_status status = avsound_model_get_parameter(model, i, NULL, &tensor);
        size_t count = 1;
        if (status)
            return status;
        for (int32_t d = 0; d < tensor.rank; d++)
            count *= (size_t)tensor.shape[d];
        hash = probe_hash(hash, tensor.data, count * sizeof(float));
    }
    snprintf(identity, 17, "%016" PRIx64, hash);
    return AVSOUND_OK;
}

int probe_model_open(probe *p, const char *const *bundled)
{
    cli_model *model = &p->e.model;
    int code = CLI_OK;
    avsound_status status;
    if (p->view.log_mel) {
        snprintf(model->name, sizeof model->name, "log-mel statistics");
        status = avsound_model_create(p->e.c->context, "ave-net", LOG_MEL_CONFIG, 1, &model->model);
    } else {
        code = cli_model_open(p->e.c, bundled, model);
        status = AVSOUND_OK;
    }
    if (!code && !status)
        status = identify(model->model, p->identity);
    return code ? code : status ? cli_input_failed(model->name, status) : CLI_OK;
}

/* ---- the cache: an array of numpy's a clip ---- */

/* The file's name says what it is of; a clip that has changed, or another view of it, has another. */
static bool name_cached(const probe *p, int64_t index, char *name, size_t size)
{
    char key[256];
    struct stat s;
    const char *path = p->e.data.clips[index].path, *slash = strrchr(path, '/'), *layer = p->view.layer ? p->view.layer : "";
    if (stat(path, &s))
        return false;
    snprintf(key, sizeof key, "1 %s %d %.99s %.20s %d %s %lld %lld.%09ld", p->identity, p->view.image, layer,
             p->view.grid ? p->view.grid : "", (int)p->view.windows, p->e.c->args.precision, (long long)s.st_size,
             (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    const uint64_t hash = probe_hash(probe_hash(PROBE_HASH_START, key, strlen(key) + 1), path, strlen(path));
    const int n = snprintf(name, size, "%s/%.100s-%016" PRIx64 ".npy", p->e.c->args.cache, slash ? slash + 1 : path, hash);
    return n > 0 && (size_t)n < size;
}

/* What is not exactly as it was written is computed anew. */
static bool read_cached(FILE *file, probe_clip *clip, int32_t *dimension)
{
    unsigned char header[CLI_NPY_HEADER + 1], expected[CLI_NPY_HEADER];
    long long windows, numbers;
    if (fread(header, CLI_NPY_HEADER, 1, file) != 1)
        return false;
    header[CLI_NPY_HEADER] = 0;
    const char *shape = strstr((const char *)header + 10, "'shape': (");
    if (!shape || sscanf(shape, "'shape': (%9lld, %9lld", &windows, &numbers) != 2 || windows < 1 || numbers < 1 ||
        windows > INT32_MAX / numbers)
        return false;
    const int64_t one = numbers;
    cli_npy_header(expected, "<f4", windows, 1, &one);
    const size_t count = (size_t)(windows * numbers);
    clip->values = memcmp(header, expected, sizeof expected) ? NULL : malloc(count * sizeof *clip->values);
    if (!clip->values || fread(clip->values, sizeof *clip->values, count, file) != count || fgetc(file) != EOF) {
        free(clip->values);
        clip->values = NULL;
        return false;
    }
    clip->windows = (int32_t)windows;
    *dimension = (int32_t)numbers;
    return true;
}

static bool find_cached(const probe *p, int64_t index, probe_clip *clip, int32_t *dimension)
{
    char name[4096];
    FILE *file = p->e.c->args.cache && name_cached(p, index, name, sizeof name) ? fopen(name, "rb") : NULL;
    const bool found = file && read_cached(file, clip, dimension);
    if (file)
        fclose(file);
    return found;
}

static void keep(probe *p, int64_t index, const probe_clip *clip, int32_t dimension)
{
    char name[4096];
    cli_npy npy = {0};
    const int64_t numbers = dimension;
    if (!p->e.c->args.cache || p->uncached || !name_cached(p, index, name, sizeof name))
        return;
    int code = cli_npy_open(&npy, name, "<f4", 1, &numbers);
    for (int32_t i = 0; !code && i < clip->windows; i++)
        code = cli_npy_append(&npy, clip->values + (ptrdiff_t)i * dimension);
    if (!code)
        code = cli_npy_finish(&npy);
    cli_npy_discard(&npy);
    if (code && !atomic_exchange(&p->uncached, true))
        cli_warn("%s: nothing more is kept there", p->e.c->args.cache);
}

/* ---- features ---- */

static avsound_status add_window(probe_clip *clip, int32_t *dimension, const float *values, int32_t count)
{
    const size_t used = (size_t)clip->windows * (size_t)count;
    float *grown = realloc(clip->values, (used + (size_t)count) * sizeof *grown);
    if (!grown)
        return AVSOUND_E_NO_MEMORY;
    clip->values = grown;
    memcpy(grown + used, values, (size_t)count * sizeof *grown);
    clip->windows++;
    *dimension = count;
    return AVSOUND_OK;
}

/* The first and the last of `windows` touch the clip's ends; frames stand in the middles of as many equal parts. */
static void place_windows(const probe_view *view, int64_t length_us, avsound_scan_options *o)
{
    const int64_t room = view->image ? length_us : length_us - SECOND_US;
    const int32_t steps = view->image ? view->windows : view->windows - 1;
    o->sound_begins = !view->image;
    o->hop_seconds = room > 0 && steps > 0 ? (double)room / steps / 1e6 : length_us > 0 ? (double)length_us / 1e6 + 1 : 1;
    o->start_us = view->image && room > 0 ? (int64_t)(o->hop_seconds * 5e5) : 0;
}

static avsound_status read_length(const probe *p, const char *path, int64_t *length_us)
{
    avsound_media *media = NULL;
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_status status = avsound_media_open(p->e.c->context, path, NULL, &media);
    if (!status)
        status = avsound_media_get_info(media, &info);
    const int64_t own = p->view.image ? info.video_duration_us : info.audio_duration_us;
    const int64_t start = p->view.image ? info.video_start_us : info.audio_start_us;
    *length_us = info.still ? 0 : own > 0 ? start + own : info.duration_us;
    avsound_media_free(media);
    return status;
}

static avsound_status scan_clip(const probe *p, const char *path, probe_clip *clip, int32_t *dimension)
{
    int64_t length_us = 0;
    avsound_scan *scan = NULL;
    avsound_scan_options o;
    avsound_scan_options_init(&o, sizeof o);
    o.what = p->view.image ? AVSOUND_SCAN_EMBED_IMAGE : AVSOUND_SCAN_EMBED_AUDIO;
    o.threads = 1;
    o.precision = cli_precision(p->e.c->args.precision);
    o.layer = p->view.layer;
    avsound_status status = read_length(p, path, &length_us);
    place_windows(&p->view, length_us, &o);
    if (p->view.grid)
        cli_read_grid(p->view.grid, &o.grid_rows, &o.grid_cols);
    if (!status)
        status = avsound_scan_create(p->e.model.model, path, &o, &scan);
    while (!status && clip->windows < p->view.windows && !cli_interrupted()) {
        avsound_scan_result r = {.struct_size = sizeof r};
        status = avsound_scan_next(scan, &r);
        if (!status)
            status = add_window(clip, dimension, p->view.image ? r.embedding_image : r.embedding_audio, r.dimension);
    }
    avsound_scan_free(scan);
    return status == AVSOUND_E_END && clip->windows ? AVSOUND_OK : status;
}

/* Mean and deviation of each band over a second's columns. */
static void statistics(const float *spectrogram, int32_t bands, int64_t columns, float *out)
{
    const int64_t first = columns > MARGIN_COLUMNS ? MARGIN_COLUMNS : 0;
    const int64_t n = columns - first < COLUMNS ? columns - first : COLUMNS;
    for (int32_t b = 0; b < bands; b++) {
        const float *row = spectrogram + b * columns + first;
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)row[i];
        const double mean = sum / (double)n;
        for (int64_t i = 0; i < n; i++)
            squares += ((double)row[i] - mean) * ((double)row[i] - mean);
        out[b] = (float)mean;
        out[bands + b] = (float)sqrt(squares / (double)n);
    }
}

static avsound_status add_statistics(const probe *p, const eval_sound *sound, probe_clip *clip, int32_t *dimension)
{
    size_t size = 0;
    int32_t bands = 0;
    int64_t columns = 0;
    avsound_status status = avsound_spectrogram(p->e.model.model, &sound->audio, NULL, &size, &bands, &columns);
    if (status && status != AVSOUND_E_BUFFER_SIZE)
        return status;
    float *room = malloc((size + 2 * (size_t)bands) * sizeof *room);
    if (!room)
        return AVSOUND_E_NO_MEMORY;
    status = avsound_spectrogram(p->e.model.model, &sound->audio, room, &size, &bands, &columns);
    if (!status) {
        statistics(room, bands, columns, room + size);
        status = add_window(clip, dimension, room + size, 2 * bands);
    }
    free(room);
    return status;
}

static avsound_status listen(eval_worker *worker, const char *path, probe_clip *clip, int32_t *dimension)
{
    const probe *p = worker->user;
    int64_t length_us = 0;
    avsound_media *media = NULL;
    avsound_scan_options o;
    avsound_status status = read_length(p, path, &length_us);
    place_windows(&p->view, length_us, &o);
    if (!status)
        status = eval_open_sound(p->e.c->context, path, &media);
    const int32_t windows = length_us > SECOND_US ? p->view.windows : 1;
    for (int32_t i = 0; !status && i < windows; i++) {
        status = eval_read_sound(media, (int64_t)(i * o.hop_seconds * 1e6) + SECOND_US / 2, &worker->sound);
        if (!status)
            status = add_statistics(p, &worker->sound, clip, dimension);
    }
    avsound_media_free(media);
    return status;
}

static bool all_finite(const probe_clip *clip, int32_t dimension)
{
    for (int64_t i = 0; i < (int64_t)clip->windows * dimension; i++)
        if (!isfinite(clip->values[i]))
            return false;
    return true;
}

static avsound_status take(eval_worker *worker, eval_data *data, int64_t index)
{
    probe *p = worker->user;
    probe_clip *clip = &p->clips[index];
    int32_t dimension = 0;
    avsound_status status = AVSOUND_OK;
    if (!find_cached(p, index, clip, &dimension)) {
        status = p->view.log_mel ? listen(worker, data->clips[index].path, clip, &dimension)
                                 : scan_clip(p, data->clips[index].path, clip, &dimension);
        if (!status && !cli_interrupted())
            keep(p, index, clip, dimension);
    }
    if (!status && !all_finite(clip, dimension)) {
        cli_warn("%s: features are not finite; left out", data->clips[index].path);
        data->clips[index].usable = false;
    }
    p->dimensions[index] = dimension;
    return status;
}

/* A layer whose map is as large as the picture is of no use without --grid. */
static int compare_dimensions(probe *p)
{
    const eval_data *data = &p->e.data;
    for (int64_t i = 0; i < data->count; i++) {
        if (!data->clips[i].usable)
            continue;
        if (p->dimension && p->dimension != p->dimensions[i])
            return cli_error(CLI_INPUT, "%s: gives %d numbers, clips before it %d; --grid makes them as many",
                             data->clips[i].path, (int)p->dimensions[i], (int)p->dimension);
        p->dimension = p->dimensions[i];
    }
    return p->dimension ? CLI_OK : cli_error(CLI_INPUT, "%s: no clip there can be used", data->path);
}

int probe_features_take(probe *p)
{
    const char *cache = p->e.c->args.cache;
    if (cache && mkdir(cache, 0777) && errno != EEXIST)
        return cli_write_failed(cache);
    p->dimensions = calloc((size_t)p->e.data.count, sizeof *p->dimensions);
    if (!p->dimensions)
        return cli_error(CLI_RESOURCES, "features: out of memory");
    const int code = eval_run(&p->e, &p->e.data, NULL, "clips", take, p);
    return code ? code : compare_dimensions(p);
}
