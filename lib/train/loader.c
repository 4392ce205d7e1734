#include "train/loader.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "media/flows.h"
#include "train/item.h"

enum { MOST_WORKERS = 256, MOST_AHEAD = 64, MOST_BATCH = 1 << 16, MOST_AROUND = 1024, CLIPS_KEPT = 8192 };

typedef struct slot {
    avsn_batch batch;
    int32_t done; /* items */
    int32_t failed; /* the first item that could not be made; INT32_MAX: none */
    avsound_status status;
    char detail[512];
} slot;

typedef struct worker {
    avsn_loader *loader;
    avsn_item_maker *maker;
    pthread_t thread;
} worker;

struct avsn_loader {
    avsound_context *context;
    avsn_loader_options options;
    avsn_sampler *sampler;
    avsn_clip_cache *clips;
    avsn_stretch *stretch;
    avsn_item_plan plan;
    int32_t items; /* of a batch */
    size_t image_count, flow_count, sound_count, plane_count; /* of one item; a mixture's level, or phase */
    worker *worker;
    int32_t workers, threads_started;
    double waited;

    /* Batches are numbered from the last start on; number q stands in slot q % slots. */
    pthread_mutex_t mutex;
    pthread_cond_t work, ready; /* for the workers; for whom they work */
    slot *slot;
    int32_t slots;
    bool started, stop;
    uint64_t epoch, step; /* of batch 0 */
    uint64_t handed; /* batches handed out; the last of them is still looked at */
    uint64_t making; /* the batch whose items are given to the workers... */
    int32_t item; /* ...and the next of these */
    int32_t busy; /* workers at work */
};

/* ---- the threads ---- */

static void place_of(const avsn_loader *l, uint64_t number, uint64_t *epoch, uint64_t *step)
{
    const uint64_t steps = l->options.steps, at = l->step + number;
    *epoch = steps ? l->epoch + at / steps : l->epoch;
    *step = steps ? at % steps : at;
}

static bool has_room(const avsn_loader *l)
{
    const uint64_t looked_at = l->handed ? l->handed - 1 : 0;
    return l->started && l->making - looked_at < (uint64_t)l->slots;
}

/* Sound from later on in the clip is early. */
static float label_of(const avsn_loader_options *o, const avsn_pair *pair)
{
    if (o->classes)
        return (float)avsn_dataset_clip_at(o->data, pair->frame_clip)->label_class;
    return o->lag ? (float)((double)pair->audio_shift / o->lag) : pair->corresponds ? 1 : 0;
}

static void begin_batch(avsn_loader *l)
{
    slot *s = &l->slot[l->making % (uint64_t)l->slots];
    const avsn_loader_options *o = &l->options;
    s->done = 0;
    s->failed = INT32_MAX;
    s->status = AVSOUND_OK;
    place_of(l, l->making, &s->batch.epoch, &s->batch.step);
    const uint64_t first = (s->batch.step * (uint64_t)o->ranks + (uint64_t)o->rank) * (uint64_t)l->items;
    avsn_sampler_draw(l->sampler, s->batch.epoch, first, l->items, s->batch.pair);
    for (int32_t i = 0; i < l->items; i++)
        s->batch.label[i] = label_of(o, &s->batch.pair[i]);
}

static slot *take_item(avsn_loader *l, int32_t *item)
{
    if (l->item == 0)
        begin_batch(l);
    slot *s = &l->slot[l->making % (uint64_t)l->slots];
    *item = l->item++;
    if (l->item == l->items) {
        l->item = 0;
        l->making++;
    }
    return s;
}

static void finish_item(avsn_loader *l, slot *s, int32_t item, avsound_status status)
{
    if (status && item < s->failed) {
        s->failed = item;
        s->status = status;
        snprintf(s->detail, sizeof s->detail, "%s", avsound_error_detail());
    }
    s->done++;
    l->busy--;
    if (s->done == l->items || !l->busy)
        pthread_cond_broadcast(&l->ready);
}

static float *part_of(float *values, int32_t item, size_t count)
{
    return values ? values + (size_t)item * count : NULL;
}

/* NULL where an item before shows the same. */
static float *pictures_of(const avsn_loader *l, const avsn_batch *batch, int32_t item)
{
    float *values = batch->frames ? batch->frames : batch->image;
    return item % batch->sounds ? NULL : part_of(values, item / batch->sounds, l->image_count);
}

static avsound_status make_item(const avsn_loader *l, avsn_item_maker *maker, const slot *s, int32_t item, const avsn_pair *pair)
{
    const avsn_batch *b = &s->batch;
    float *pictures = pictures_of(l, b, item);
    float *sound = part_of(b->waveform ? b->waveform : b->spectrogram, item, l->sound_count);
    if (pictures && l->options.around > 0) {
        AVSN_TRY(avsn_item_see(maker, pair, pictures, part_of(b->flow, item, l->flow_count)));
        pictures = NULL;
    }
    if (!b->sources)
        return avsn_item_make(maker, pair, pictures, sound);
    AVSN_TRY(avsn_item_make(maker, pair, pictures, NULL));
    return avsn_item_mix(maker, pair, sound, part_of(b->spectrogram, item, 2 * l->plane_count),
                         part_of(b->sources, item, 4 * l->plane_count));
}

static void *work(void *argument)
{
    worker *self = argument;
    avsn_loader *l = self->loader;
    pthread_mutex_lock(&l->mutex);
    while (!l->stop) {
        if (!has_room(l)) {
            pthread_cond_wait(&l->work, &l->mutex);
            continue;
        }
        int32_t item;
        slot *s = take_item(l, &item);
        const avsn_pair pair = s->batch.pair[item];
        l->busy++;
        pthread_mutex_unlock(&l->mutex);
        const avsound_status status = make_item(l, self->maker, s, item, &pair);
        pthread_mutex_lock(&l->mutex);
        finish_item(l, s, item, status);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

/* ---- making it ---- */

static avsound_status check_int(const char *name, int32_t value, int32_t least, int32_t most)
{
    if (value < least || value > most)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "loader: %s is %d, want %d to %d", name, value, least, most);
    return AVSOUND_OK;
}

static bool has_waveforms(const avsn_loader_options *o)
{
    return o->clip.frames > 0 && o->audio.columns <= 0;
}

static int32_t sound_rate(const avsn_loader_options *o)
{
    return has_waveforms(o) ? o->clip.sample_rate : o->audio.sample_rate;
}

/* A change of speed would put sound and pictures out of step; what is mixed in may be in step with them. */
static avsound_status complete_clip(avsn_loader_options *o)
{
    if (o->around > 0)
        o->augmentation.speed = -1;
    if (o->clip.frames <= 0)
        return AVSOUND_OK;
    const double last = rint((o->clip.frames - 1) * AVSN_FRAME_RATE / o->clip.frame_rate);
    if (!(last >= 0 && last < INT32_MAX - 1))
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "loader: %d frames at %g Hz", o->clip.frames, o->clip.frame_rate);
    o->sampler.frames = (int32_t)last + 1;
    o->augmentation.speed = o->augmentation.mix = -1;
    return AVSOUND_OK;
}

static avsound_status complete_options(avsn_loader_options *o)
{
    if (!o->workers)
        o->workers = AVSN_MIN(avsn_cpu_count(), MOST_WORKERS);
    if (!o->ahead)
        o->ahead = 2;
    if (!o->ranks)
        o->ranks = 1;
    if (!o->sounds)
        o->sounds = 1;
    AVSN_TRY(check_int("batch", o->batch, 1, MOST_BATCH));
    AVSN_TRY(check_int("around", o->around, 0, MOST_AROUND));
    AVSN_TRY(check_int("sounds", o->sounds, 1, o->sampler.mode == AVSN_SAMPLE_SHIFTS && o->batch % 2 == 0 ? 2 : 1));
    AVSN_TRY(check_int("workers", o->workers, 1, MOST_WORKERS));
    AVSN_TRY(check_int("ahead", o->ahead, 1, MOST_AHEAD));
    AVSN_TRY(check_int("ranks", o->ranks, 1, MOST_BATCH));
    AVSN_TRY(check_int("rank", o->rank, 0, o->ranks - 1));
    AVSN_TRY(avsn_image_frontend_check(&o->image));
    const bool waves = has_waveforms(o);
    AVSN_TRY(waves ? check_int("samples", o->clip.samples, 1, INT32_MAX) : avsn_audio_frontend_check(&o->audio));
    const int64_t samples = waves ? o->clip.samples : avsn_audio_frontend_samples(&o->audio), rate = sound_rate(o);
    const int64_t window = (samples * AVSN_SAMPLE_RATE + rate - 1) / rate;
    AVSN_TRY(check_int("window", (int32_t)AVSN_MIN(window, INT32_MAX), 1, INT32_MAX - 1));
    o->sampler.window = (int32_t)window;
    AVSN_TRY(complete_clip(o));
    o->sampler.batch = o->batch;
    return AVSOUND_OK;
}

/* Flow of smaller pictures than the network sees would be blurred where its pictures are sharp. */
static avsound_status check_clip_flow(avsound_context *context, const avsn_image_frontend *f, const avsn_dataset_clip *clip)
{
    const int32_t least = AVSN_MIN(f->width, f->height);
    if (!clip->flow)
        return AVSOUND_OK;
    if (clip->flow < least)
        AVSN_FAIL(AVSOUND_E_UNSUPPORTED, "%s: its flow is that of pictures of %d pixels, the network's have %d: prepare with "
                  "--flow %d, or without", clip->path, clip->flow, least, f->short_side);
    char *path = avsn_flows_path(context, clip->path);
    if (!path)
        return AVSOUND_E_NO_MEMORY;
    const avsound_status status =
        access(path, R_OK) ? avsn_fail(AVSOUND_E_IO, "%s: %s", path, strerror(errno)) : AVSOUND_OK;
    avsn_free(context, path);
    return status;
}

static avsound_status check_flow(const avsn_loader *l)
{
    const avsn_loader_options *o = &l->options;
    for (int32_t i = 0; o->flow && i < avsn_dataset_count(o->data); i++)
        AVSN_TRY(check_clip_flow(l->context, &o->image, avsn_dataset_clip_at(o->data, i)));
    return AVSOUND_OK;
}

static avsound_status make_sampler(avsn_loader *l)
{
    const int32_t count = avsn_dataset_count(l->options.data);
    avsn_dataset_clip *clips = avsn_alloc(l->context, (size_t)AVSN_MAX(count, 1), sizeof *clips);
    if (!clips)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t i = 0; i < count; i++)
        clips[i] = *avsn_dataset_clip_at(l->options.data, i);
    const avsound_status status = avsn_sampler_create(l->context, clips, count, &l->options.sampler, &l->sampler);
    avsn_free(l->context, clips);
    const bool views = l->options.sampler.mode == AVSN_SAMPLE_VIEWS;
    l->items = status ? 0 : views ? 2 * avsn_sampler_batch(l->sampler) : l->options.batch;
    return status;
}

static bool has_mixtures(const avsn_loader_options *o)
{
    return o->sampler.mode == AVSN_SAMPLE_MIXTURES;
}

static avsound_status make_mixtures(const avsn_loader *l, slot *s)
{
    size_t planes;
    if (!has_mixtures(&l->options))
        return AVSOUND_OK;
    if (!avsn_mul_size(4 * (size_t)l->items, l->plane_count, &planes))
        AVSN_FAIL(AVSOUND_E_SHAPE, "loader: a batch of %d is too large", l->options.batch);
    s->batch.spectrogram = avsn_alloc(l->context, planes / 2, sizeof(float));
    s->batch.sources = avsn_alloc(l->context, planes, sizeof(float));
    return s->batch.spectrogram && s->batch.sources ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

/* Frames around a picture, as such. */
static bool has_run(const avsn_loader_options *o)
{
    return o->around > 0 && !o->flow;
}

static int32_t shown(const avsn_loader_options *o)
{
    return has_run(o) ? 2 * o->around + 1 : AVSN_MAX(o->clip.frames, 1);
}

static avsound_status make_slot(avsn_loader *l, slot *s)
{
    const avsn_part part = l->options.sampler.part;
    const size_t batch = (size_t)l->items;
    size_t image, sound;
    s->batch.sounds = l->options.sounds;
    if (!avsn_mul_size(batch / (size_t)s->batch.sounds, l->image_count, &image) || !avsn_mul_size(batch, l->sound_count, &sound))
        AVSN_FAIL(AVSOUND_E_SHAPE, "loader: a batch of %d is too large", l->options.batch);
    s->batch.size = l->items;
    float **pictures = l->options.clip.frames > 0 || has_run(&l->options) ? &s->batch.frames : &s->batch.image;
    s->batch.shown = shown(&l->options);
    float **sounds = has_waveforms(&l->options) ? &s->batch.waveform : &s->batch.spectrogram;
    if (part != AVSN_PART_SOUND && !(*pictures = avsn_alloc(l->context, image, sizeof(float))))
        return AVSOUND_E_NO_MEMORY;
    if (part != AVSN_PART_SOUND && l->options.flow && !(s->batch.flow = avsn_alloc(l->context, batch, l->flow_count * sizeof(float))))
        return AVSOUND_E_NO_MEMORY;
    if (part != AVSN_PART_PICTURE && !(*sounds = avsn_alloc(l->context, sound, sizeof(float))))
        return AVSOUND_E_NO_MEMORY;
    AVSN_TRY(make_mixtures(l, s));
    s->batch.label = avsn_alloc(l->context, batch, sizeof(float));
    s->batch.pair = avsn_alloc(l->context, batch, sizeof *s->batch.pair);
    return s->batch.label && s->batch.pair ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_slots(avsn_loader *l)
{
    const avsn_image_frontend *i = &l->options.image;
    const avsn_audio_frontend *a = &l->options.audio;
    const size_t frames = (size_t)shown(&l->options);
    if (!avsn_mul_size((size_t)3 * (size_t)i->width * (size_t)i->height, frames, &l->image_count))
        AVSN_FAIL(AVSOUND_E_SHAPE, "loader: %zu frames of %dx%d are too large", frames, i->width, i->height);
    l->flow_count = l->options.flow ? l->image_count / 3 * 4 * (size_t)l->options.around : 0;
    l->sound_count = has_waveforms(&l->options) ? 2 * (size_t)l->options.clip.samples
                                                : (size_t)avsn_audio_frontend_bins(a) * (size_t)a->columns;
    const avsn_separation_frontend *separation = &l->options.separation;
    l->plane_count = has_mixtures(&l->options) ? (size_t)separation->columns * (size_t)(separation->fft / 2) : 0;
    l->slots = l->options.ahead + 1;
    l->slot = avsn_alloc_zeroed(l->context, (size_t)l->slots, sizeof *l->slot);
    if (!l->slot)
        return AVSOUND_E_NO_MEMORY;
    for (int32_t s = 0; s < l->slots; s++)
        AVSN_TRY(make_slot(l, &l->slot[s]));
    return AVSOUND_OK;
}

static avsound_status make_plan(avsn_loader *l)
{
    const avsn_loader_options *o = &l->options;
    const double fastest = 1 + fmax(o->augmentation.speed, 0);
    AVSN_TRY(avsn_stretch_create(l->context, fastest * fmax(1, AVSN_SAMPLE_RATE / (double)sound_rate(o)),
                                 &l->stretch));
    AVSN_TRY(avsn_clip_cache_create(l->context, o->data, CLIPS_KEPT, &l->clips));
    l->plan = (avsn_item_plan){
        .image = o->image,
        .audio = o->audio,
        .clip = o->clip,
        .around = o->around,
        .flow = o->flow,
        .separation = o->separation,
        .mixtures = has_mixtures(o),
        .augmentation = o->augmentation,
        .sampler = l->sampler,
        .clips = l->clips,
        .stretch = l->stretch,
    };
    return AVSOUND_OK;
}

/* Signals go to the host's own threads: Ctrl-C is for who asked for batches. */
static avsound_status start_thread(worker *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        AVSN_FAIL(AVSOUND_E_NO_MEMORY, "loader: a thread could not be started: %s", strerror(error));
    w->loader->threads_started++;
    return AVSOUND_OK;
}

static avsound_status make_workers(avsn_loader *l)
{
    l->worker = avsn_alloc_zeroed(l->context, (size_t)l->options.workers, sizeof *l->worker);
    if (!l->worker)
        return AVSOUND_E_NO_MEMORY;
    l->workers = l->options.workers;
    for (int32_t w = 0; w < l->workers; w++) {
        l->worker[w].loader = l;
        AVSN_TRY(avsn_item_maker_create(l->context, &l->plan, &l->worker[w].maker));
    }
    for (int32_t w = 0; w < l->workers; w++)
        AVSN_TRY(start_thread(&l->worker[w]));
    return AVSOUND_OK;
}

static avsound_status make(avsn_loader *l)
{
    AVSN_TRY(complete_options(&l->options));
    AVSN_TRY(check_flow(l));
    AVSN_TRY(make_sampler(l));
    AVSN_TRY(make_plan(l));
    AVSN_TRY(make_slots(l));
    return make_workers(l);
}

avsound_status avsn_loader_create(avsound_context *context, const avsn_loader_options *options, avsn_loader **out)
{
    *out = NULL;
    avsn_loader *l = avsn_alloc_zeroed(context, 1, sizeof *l);
    if (!l)
        return AVSOUND_E_NO_MEMORY;
    l->context = avsn_context_ref(context);
    l->options = *options;
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    const avsound_status status = make(l);
    if (status) {
        avsn_loader_free(l);
        return status;
    }
    *out = l;
    return AVSOUND_OK;
}

static void stop_threads(avsn_loader *l)
{
    pthread_mutex_lock(&l->mutex);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->mutex);
    for (int32_t w = 0; w < l->threads_started; w++)
        pthread_join(l->worker[w].thread, NULL);
}

static void free_slot(avsound_context *context, slot *s)
{
    avsn_free(context, s->batch.pair);
    avsn_free(context, s->batch.label);
    avsn_free(context, s->batch.sources);
    avsn_free(context, s->batch.waveform);
    avsn_free(context, s->batch.spectrogram);
    avsn_free(context, s->batch.flow);
    avsn_free(context, s->batch.frames);
    avsn_free(context, s->batch.image);
}

void avsn_loader_free(avsn_loader *l)
{
    if (!l)
        return;
    avsound_context *context = l->context;
    stop_threads(l);
    for (int32_t w = 0; w < l->workers; w++)
        avsn_item_maker_free(l->worker[w].maker);
    for (int32_t s = 0; l->slot && s < l->slots; s++)
        free_slot(context, &l->slot[s]);
    avsn_free(context, l->worker);
    avsn_free(context, l->slot);
    avsn_clip_cache_free(l->clips);
    avsn_stretch_free(l->stretch);
    avsn_sampler_free(l->sampler);
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->mutex);
    avsn_free(context, l);
    avsound_context_free(context);
}

/* ---- using it ---- */

int32_t avsn_loader_items(const avsn_loader *l)
{
    return l->items;
}

int32_t avsn_loader_usable(const avsn_loader *l)
{
    return avsn_sampler_usable(l->sampler);
}

int64_t avsn_loader_round(const avsn_loader *l)
{
    return avsn_sampler_round(l->sampler);
}

avsound_status avsn_loader_start(avsn_loader *l, uint64_t epoch, uint64_t step)
{
    if (l->options.steps && step >= l->options.steps)
        AVSN_FAIL(AVSOUND_E_INVALID_ARGUMENT, "loader: step %llu of an epoch of %llu", (unsigned long long)step,
                  (unsigned long long)l->options.steps);
    uint64_t next_epoch, next_step;
    pthread_mutex_lock(&l->mutex);
    place_of(l, l->handed, &next_epoch, &next_step);
    const bool failed = l->handed && l->slot[(l->handed - 1) % (uint64_t)l->slots].status;
    if (!l->started || failed || next_epoch != epoch || next_step != step) {
        l->started = false;
        while (l->busy)
            pthread_cond_wait(&l->ready, &l->mutex);
        l->epoch = epoch;
        l->step = step;
        l->handed = l->making = 0;
        l->item = 0;
        l->started = true;
        pthread_cond_broadcast(&l->work);
    }
    pthread_mutex_unlock(&l->mutex);
    return AVSOUND_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static avsound_status wait_for(avsn_loader *l, uint64_t number, slot **out)
{
    const double before = now();
    slot *s = *out = &l->slot[number % (uint64_t)l->slots];
    pthread_mutex_lock(&l->mutex);
    const bool failed = l->handed && l->slot[(l->handed - 1) % (uint64_t)l->slots].status;
    if (failed) {
        s = *out = &l->slot[(l->handed - 1) % (uint64_t)l->slots];
    } else {
        l->handed = number + 1;
        pthread_cond_broadcast(&l->work);
        while (l->making <= number || s->done < l->items)
            pthread_cond_wait(&l->ready, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
    l->waited += now() - before;
    return s->status;
}

avsound_status avsn_loader_next(avsn_loader *l, const avsn_batch **batch)
{
    slot *s;
    *batch = NULL;
    if (!l->started)
        AVSN_FAIL(AVSOUND_E_STATE, "loader: has not been started");
    if (wait_for(l, l->handed, &s))
        AVSN_FAIL(s->status, "batch %llu of epoch %llu: %s", (unsigned long long)s->batch.step,
                  (unsigned long long)s->batch.epoch, s->detail);
    *batch = &s->batch;
    return AVSOUND_OK;
}

double avsn_loader_waited(const avsn_loader *l)
{
    return l->waited;
}
