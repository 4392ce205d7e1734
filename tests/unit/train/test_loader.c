#include "train/loader.h"

#include "base/base.h"
#include "dsp/flow.h"
#include "failing.h"
#include "unit/train/make_clips.h"

#include <unistd.h>

enum { CLIPS = 6, GROUPS = 5, WIDTH = 84, HEIGHT = 64, FRAMES = 40, BATCH = 6 };

static const clips_spec small = {
    .clips = CLIPS, .groups = GROUPS, .width = WIDTH, .height = HEIGHT, .frames = FRAMES, .longer = 1};

static avsn_dataset *dataset_in(avsound_context *context, const char *folder)
{
    avsn_dataset *data;
    ck_avsound(avsn_dataset_open(context, folder, &data));
    return data;
}

static avsn_loader_options options_for(const avsn_dataset *data)
{
    avsn_loader_options o = {.data = data, .batch = BATCH, .workers = 1, .sampler = {.seed = 11}};
    avsn_image_frontend_default(&o.image);
    avsn_audio_frontend_default(&o.audio);
    o.image.width = o.image.height = 56;
    o.image.short_side = 64;
    avsn_augmentation_none(&o.augmentation);
    return o;
}

static void strong(avsn_augmentation *a)
{
    *a = (avsn_augmentation){.struct_size = sizeof *a,
                             .crop_min = 0.5f,
                             .crop_max = 1,
                             .flip = 0.5f,
                             .brightness = 0.3f,
                             .saturation = 0.3f,
                             .contrast = 0.3f,
                             .hue = 0.1f,
                             .grey = 0.2f,
                             .gain = 0.1f,
                             .gain_db = 6,
                             .tilt_db = 6,
                             .noise_db = -40,
                             .speed = 0.1f,
                             .mix = 0.5f,
                             .time_masks = 2,
                             .time_mask = 20,
                             .frequency_masks = 2,
                             .frequency_mask = 24};
}

typedef struct item_size {
    size_t image, spectrogram;
} item_size;

static item_size size_of(const avsn_loader_options *o)
{
    return (item_size){(size_t)3 * (size_t)o->image.width * (size_t)o->image.height,
                       (size_t)avsn_audio_frontend_bins(&o->audio) * (size_t)o->audio.columns};
}

/* A batch's contents, copied. */
typedef struct copy {
    float *image, *spectrogram, label[64];
    avsn_pair pair[64];
    uint64_t epoch, step;
} copy;

static copy copied(const avsn_batch *b, const avsn_loader_options *o)
{
    const item_size size = size_of(o);
    const size_t n = (size_t)b->size;
    copy c = {.epoch = b->epoch, .step = b->step};
    c.image = malloc(n * size.image * sizeof(float));
    c.spectrogram = malloc(n * size.spectrogram * sizeof(float));
    memcpy(c.image, b->image, n * size.image * sizeof(float));
    memcpy(c.spectrogram, b->spectrogram, n * size.spectrogram * sizeof(float));
    memcpy(c.label, b->label, n * sizeof(float));
    memcpy(c.pair, b->pair, n * sizeof *b->pair);
    return c;
}

static void free_copy(copy *c)
{
    free(c->image);
    free(c->spectrogram);
}

static void same_batch(const copy *a, const avsn_batch *b, const avsn_loader_options *o)
{
    const item_size size = size_of(o);
    const size_t n = (size_t)b->size;
    ck_assert_uint_eq(a->epoch, b->epoch);
    ck_assert_uint_eq(a->step, b->step);
    ck_assert_mem_eq(a->label, b->label, n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(a->pair[i].frame_clip, b->pair[i].frame_clip);
        ck_assert_int_eq(a->pair[i].frame, b->pair[i].frame);
        ck_assert_int_eq(a->pair[i].audio_clip, b->pair[i].audio_clip);
        ck_assert_int_eq(a->pair[i].audio_frame, b->pair[i].audio_frame);
    }
    ck_assert(!memcmp(a->image, b->image, n * size.image * sizeof(float)));
    ck_assert(!memcmp(a->spectrogram, b->spectrogram, n * size.spectrogram * sizeof(float)));
}

static avsn_loader *loader_of(avsound_context *context, const avsn_loader_options *o)
{
    avsn_loader *loader;
    ck_avsound(avsn_loader_create(context, o, &loader));
    return loader;
}

static const avsn_batch *next_of(avsn_loader *loader)
{
    const avsn_batch *batch;
    ck_avsound(avsn_loader_next(loader, &batch));
    return batch;
}

static avsound_context *plain(void)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    return context;
}

/* Batches 0...count - 1 of epoch 3, made by one thread. */
static void make_reference(avsound_context *context, avsn_loader_options o, copy *list, int count)
{
    o.workers = 1;
    o.ahead = 1;
    avsn_loader *loader = loader_of(context, &o);
    ck_avsound(avsn_loader_start(loader, 3, 0));
    for (int i = 0; i < count; i++)
        list[i] = copied(next_of(loader), &o);
    avsn_loader_free(loader);
}

START_TEST(any_number_of_workers_makes_the_same_batches)
{
    enum { COUNT = 5 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    strong(&o.augmentation);
    copy wanted[COUNT];
    make_reference(context, o, wanted, COUNT);
    static const int32_t workers[][2] = {{1, 4}, {2, 1}, {3, 2}, {5, 3}};
    for (size_t w = 0; w < AVSN_ARRAY_COUNT(workers); w++) {
        o.workers = workers[w][0];
        o.ahead = workers[w][1];
        avsn_loader *loader = loader_of(context, &o);
        ck_avsound(avsn_loader_start(loader, 3, 0));
        for (int i = 0; i < COUNT; i++)
            same_batch(&wanted[i], next_of(loader), &o);
        avsn_loader_free(loader);
    }
    for (int i = 0; i < COUNT; i++)
        free_copy(&wanted[i]);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

START_TEST(starts_anywhere_whatever_was_asked_before)
{
    enum { COUNT = 5 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    copy wanted[COUNT];
    make_reference(context, o, wanted, COUNT);
    o.workers = 3;
    avsn_loader *loader = loader_of(context, &o);
    static const uint64_t starts[] = {4, 0, 2, 2, 1, 3};
    for (size_t s = 0; s < AVSN_ARRAY_COUNT(starts); s++) {
        ck_avsound(avsn_loader_start(loader, 3, starts[s]));
        for (uint64_t i = starts[s]; i < COUNT && i < starts[s] + 2; i++)
            same_batch(&wanted[i], next_of(loader), &o);
    }
    ck_avsound(avsn_loader_start(loader, 9, 0));
    const avsn_batch *other = next_of(loader);
    ck_assert_uint_eq(other->epoch, 9);
    ck_assert(memcmp(other->image, wanted[0].image, size_of(&o).image * sizeof(float)) != 0);
    avsn_loader_free(loader);
    for (int i = 0; i < COUNT; i++)
        free_copy(&wanted[i]);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

START_TEST(epochs_of_a_given_length_follow_each_other)
{
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    copy wanted[2];
    make_reference(context, o, wanted, 2);
    o.steps = 2;
    o.workers = 2;
    avsn_loader *loader = loader_of(context, &o);
    ck_avsound(avsn_loader_start(loader, 2, 1));
    const avsn_batch *first = next_of(loader);
    ck_assert(first->epoch == 2 && first->step == 1);
    for (int i = 0; i < 2; i++) {
        ck_avsound(avsn_loader_start(loader, 3, (uint64_t)i)); /* what comes next anyway */
        same_batch(&wanted[i], next_of(loader), &o);
    }
    const avsn_batch *last = next_of(loader);
    ck_assert(last->epoch == 4 && last->step == 0);
    ck_refused(avsn_loader_start(loader, 0, 2), AVSOUND_E_INVALID_ARGUMENT, "step 2 of an epoch of 2");
    avsn_loader_free(loader);
    free_copy(&wanted[0]);
    free_copy(&wanted[1]);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

START_TEST(ranks_share_the_global_batch)
{
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    const item_size size = size_of(&o);
    copy whole[2];
    make_reference(context, o, whole, 2);
    o.batch = BATCH / 2;
    o.ranks = 2;
    for (o.rank = 0; o.rank < 2; o.rank++) {
        avsn_loader *loader = loader_of(context, &o);
        ck_avsound(avsn_loader_start(loader, 3, 0));
        for (int step = 0; step < 2; step++) {
            const avsn_batch *part = next_of(loader);
            const size_t first = (size_t)o.rank * BATCH / 2;
            ck_assert_int_eq(part->size, BATCH / 2);
            ck_assert_mem_eq(part->label, whole[step].label + first, BATCH / 2 * sizeof(float));
            ck_assert(
                !memcmp(part->image, whole[step].image + first * size.image, BATCH / 2 * size.image * sizeof(float)));
            ck_assert(!memcmp(part->spectrogram, whole[step].spectrogram + first * size.spectrogram,
                              BATCH / 2 * size.spectrogram * sizeof(float)));
        }
        avsn_loader_free(loader);
    }
    free_copy(&whole[0]);
    free_copy(&whole[1]);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* Value of a plane's pixel as the network gets it, back to 0...255. */
static double level(const avsn_loader_options *o, const float *image, int channel, int x, int y)
{
    const float v = image[((size_t)channel * (size_t)o->image.height + (size_t)y) * (size_t)o->image.width + (size_t)x];
    return 255 * ((double)v * (double)o->image.std[channel] + (double)o->image.mean[channel]);
}

START_TEST(items_show_what_the_pairs_say)
{
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    const avsn_loader_options o = options_for(data);
    const item_size size = size_of(&o);
    avsn_loader *loader = loader_of(context, &o);
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int step = 0; step < 4; step++) {
        const avsn_batch *b = next_of(loader);
        for (int32_t i = 0; i < b->size; i++) {
            const avsn_pair *p = &b->pair[i];
            ck_assert(b->label[i] == (p->corresponds ? 1 : 0));
            for (int c = 0; c < 3; c++) {
                const float *image = b->image + (size_t)i * size.image;
                ck_assert_double_eq_tol(level(&o, image, c, 8, 30), clip_luma(p->frame_clip, p->frame, 0), 2.5);
                ck_assert_double_eq_tol(level(&o, image, c, 48, 30), clip_luma(p->frame_clip, p->frame, 1), 2.5);
            }
            /* a column is the transform of its own 480 samples: here of bin 20 of column 100 */
            const int64_t first = (int64_t)p->audio_frame * 1920 - 24000 + 100 * 240 - 120;
            double re = 0, im = 0, sum = 0;
            const int bin = 20;
            for (int k = 0; k < 480; k++) {
                const double w = 0.5 - 0.5 * cos(2 * 3.14159265358979 * k / 480);
                const double x = lrint(clip_sound(p->audio_clip, first + k) * 32767) / 32768.0 * w;
                re += x * cos(2 * 3.14159265358979 * bin * k / 512);
                im -= x * sin(2 * 3.14159265358979 * bin * k / 512);
                sum += w;
            }
            const double db = 10 * log10(fmax((re * re + im * im) / (sum * sum), 1e-10));
            const float got = b->spectrogram[(size_t)i * size.spectrogram + (size_t)bin * 200 + 100];
            ck_assert_double_eq_tol((double)got * 20 - 85, db, 0.02);
        }
    }
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* The k-th of two processes makes every other batch, of one part alone, and each item as it would come alone. */
START_TEST(views_are_made_of_one_part)
{
    enum { PLACES = 3 };
    static const avsn_part parts[] = {AVSN_PART_PICTURE, AVSN_PART_SOUND};
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    const item_size size = size_of(&o);
    o.batch = PLACES;
    o.sampler.mode = AVSN_SAMPLE_VIEWS;
    strong(&o.augmentation);
    for (size_t p = 0; p < AVSN_ARRAY_COUNT(parts); p++) {
        const bool sound = parts[p] == AVSN_PART_SOUND;
        const size_t item = sound ? size.spectrogram : size.image;
        float *whole = malloc(4 * 2 * PLACES * item * sizeof *whole);
        o.sampler.part = parts[p];
        for (o.ranks = 1; o.ranks <= 2; o.ranks++)
            for (o.rank = 0; o.rank < o.ranks; o.rank++) {
                avsn_loader *loader = loader_of(context, &o);
                ck_assert_int_eq(avsn_loader_items(loader), 2 * PLACES);
                ck_avsound(avsn_loader_start(loader, 3, 0));
                for (int k = o.rank; k < 4; k += o.ranks) {
                    const avsn_batch *b = next_of(loader);
                    const float *values = sound ? b->spectrogram : b->image;
                    ck_assert_int_eq(b->size, 2 * PLACES);
                    ck_assert_ptr_null(sound ? b->image : b->spectrogram);
                    if (o.ranks == 1)
                        memcpy(whole + (size_t)k * 2 * PLACES * item, values, 2 * PLACES * item * sizeof *values);
                    ck_assert(!memcmp(whole + (size_t)k * 2 * PLACES * item, values, 2 * PLACES * item * sizeof *values));
                    for (int i = 0; i < PLACES; i++) {
                        ck_assert_int_eq(b->pair[i].frame_clip, b->pair[i + PLACES].frame_clip);
                        /* One thing, and yet each view is its own. */
                        ck_assert(memcmp(values + (size_t)i * item, values + (size_t)(i + PLACES) * item, item * sizeof *values));
                    }
                }
                avsn_loader_free(loader);
            }
        free(whole);
    }
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* Frames of a clip, at half the rate, in the colours of one draw; columns from where its sound begins; the lag for a label. */
START_TEST(clips_show_their_frames_and_hear_from_where_the_sound_begins)
{
    enum { SHOWN = 12, COLUMNS = 64, BINS = 20, LAG = 480 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    o.sampler.mode = AVSN_SAMPLE_CLIPS;
    o.sampler.misalignment = 4800;
    o.clip = (avsn_clip_frontend){.frames = SHOWN, .frame_rate = 12.5};
    o.audio = (avsn_audio_frontend){.sample_rate = 16000, .window = 400, .hop = 160, .fft = 512, .columns = COLUMNS, .offset = -120,
                                    .mel_bands = BINS, .power = 1, .normalise = 1, .mel_low = 60, .mel_high = 7600,
                                    .floor = 1e-10f, .mean = -75, .std = 20};
    o.lag = LAG;
    o.augmentation.speed = 0.3f; /* would put them out of step: not done */
    o.augmentation.mix = 1;
    const size_t plane = (size_t)o.image.width * (size_t)o.image.height;
    avsn_loader *loader = loader_of(context, &o);
    ck_assert_int_eq(avsn_loader_round(loader), CLIPS);
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int step = 0; step < 3; step++) {
        const avsn_batch *b = next_of(loader);
        ck_assert_ptr_null(b->image);
        for (int32_t i = 0; i < b->size; i++) {
            const avsn_pair *p = &b->pair[i];
            ck_assert_double_eq_tol((double)b->label[i], (double)p->audio_shift / LAG, 1e-5);
            for (int c = 0; c < 3; c++)
                for (int f = 0; f < SHOWN; f++) {
                    const float *shown = b->frames + (((size_t)i * 3 + (size_t)c) * SHOWN + (size_t)f) * plane;
                    ck_assert_double_eq_tol(level(&o, shown - (size_t)c * plane, c, 8, 30), clip_luma(p->frame_clip, 0, 0), 2.5);
                    ck_assert_double_eq_tol(level(&o, shown - (size_t)c * plane, c, 48, 30),
                                            clip_luma(0, p->frame + 2 * f, 1), 2.5);
                }
        }
    }
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

static void luma_of(const avsn_loader_options *o, const float *frame, size_t channel, size_t plane, float *luma)
{
    static const double share[3] = {0.299, 0.587, 0.114};
    for (size_t i = 0; i < plane; i++) {
        double sum = 0;
        for (size_t c = 0; c < 3; c++)
            sum += 255 * share[c] * (double)(frame[c * channel + i] * o->image.std[c] + o->image.mean[c]);
        luma[i] = (float)sum;
    }
}

/* The same pairs and sounds three times: with pictures, with the frames around them, with the flow between those. */
START_TEST(pictures_are_seen_with_the_frames_around_them)
{
    enum { AROUND = 4, SHOWN = 2 * AROUND + 1 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options plain_options = options_for(data);
    plain_options.augmentation.flip = 0.5f;
    plain_options.augmentation.gain = 0.1f;
    avsn_loader_options o = plain_options;
    o.around = AROUND;
    o.augmentation.speed = 0.3f; /* would put them out of step: not done */
    const size_t plane = (size_t)o.image.width * (size_t)o.image.height, sound = size_of(&o).spectrogram;
    avsn_loader *pictures = loader_of(context, &plain_options), *runs = loader_of(context, &o);
    o.flow = true;
    avsn_loader *flows = loader_of(context, &o);
    avsn_flow_params params;
    avsn_flow *flow;
    avsn_flow_params_default(&params);
    ck_avsound(avsn_flow_create(context, &params, o.image.width, o.image.height, &flow));
    float *luma = malloc(2 * plane * sizeof *luma), *field = malloc(2 * plane * sizeof *field);
    ck_avsound(avsn_loader_start(pictures, 2, 0));
    ck_avsound(avsn_loader_start(runs, 2, 0));
    ck_avsound(avsn_loader_start(flows, 2, 0));
    const avsn_batch *a = next_of(pictures), *b = next_of(runs), *c = next_of(flows);
    ck_assert(!a->frames && !a->flow && !b->image && !b->flow && !c->frames);
    ck_assert_int_eq(b->shown, SHOWN);
    ck_assert_mem_eq(a->spectrogram, b->spectrogram, (size_t)a->size * sound * sizeof(float));
    ck_assert_mem_eq(a->spectrogram, c->spectrogram, (size_t)a->size * sound * sizeof(float));
    ck_assert_mem_eq(a->image, c->image, (size_t)a->size * 3 * plane * sizeof(float));
    for (size_t i = 0; i < (size_t)a->size; i++) {
        const float *frames = b->frames + i * 3 * SHOWN * plane;
        for (size_t k = 0; k < 3; k++)
            ck_assert_mem_eq(frames + (k * SHOWN + AROUND) * plane, a->image + (3 * i + k) * plane, plane * sizeof(float));
        for (size_t f = 0; f < SHOWN; f++) {
            const double left = level(&o, frames + f * plane, 0, 8, 30), right = level(&o, frames + f * plane, 0, 48, 30);
            const int clip = clip_luma(b->pair[i].frame_clip, 0, 0), frame = clip_luma(0, b->pair[i].frame + (int)f - AROUND, 1);
            const bool flipped = fabs(left - clip) > 2.5;
            ck_assert_double_eq_tol(flipped ? right : left, clip, 2.5);
            ck_assert_double_eq_tol(flipped ? left : right, frame, 2.5);
            luma_of(&o, frames + f * plane, SHOWN * plane, plane, luma + f % 2 * plane);
            if (!f)
                continue;
            avsn_flow_run(flow, luma + (f + 1) % 2 * plane, luma + f % 2 * plane, field);
            avsn_flow_scale(field, o.image.width, o.image.height);
            const float *got = c->flow + (i * 2 * AROUND + f - 1) * 2 * plane;
            double error = 0;
            for (size_t p = 0; p < 2 * plane; p++)
                error += fabs((double)(got[p] - field[p]));
            ck_assert_double_le(error / (double)(2 * plane), 1e-3);
        }
    }
    free(field);
    free(luma);
    avsn_flow_free(flow);
    avsn_loader_free(flows);
    avsn_loader_free(runs);
    avsn_loader_free(pictures);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* A sound whose level falls by 30 dB a second, so that a column tells its time. */
static double falling(int clip, int64_t n)
{
    (void)clip;
    return 0.9 * pow(10, -1.5 * (double)n / 48000) * sin(6.283185307179586 * 984.375 * (double)n / 48000);
}

START_TEST(sound_of_clips_comes_early_by_the_label)
{
    enum { SHOWN = 10, COLUMNS = 40 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    clips_spec spec = small;
    spec.sound = falling;
    make_clips(folder, &spec);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    o.sampler.mode = AVSN_SAMPLE_CLIPS;
    o.sampler.misalignment = 9600;
    o.clip = (avsn_clip_frontend){.frames = SHOWN, .frame_rate = 25};
    o.audio = (avsn_audio_frontend){.sample_rate = 48000, .window = 960, .hop = 480, .fft = 1024, .columns = COLUMNS,
                                    .offset = -240, .power = 1, .normalise = 1, .mel_high = 24000, .floor = 1e-10f, .std = 1};
    o.lag = 48;
    avsn_loader *loader = loader_of(context, &o);
    ck_avsound(avsn_loader_start(loader, 5, 0));
    for (int step = 0; step < 3; step++) {
        const avsn_batch *b = next_of(loader);
        for (int32_t i = 0; i < b->size; i++)
            for (int k = 1; k < COLUMNS - 1; k++) {
                const size_t bins = 513, bin = 21; /* of 984.375 Hz */
                const double got = (double)b->spectrogram[((size_t)i * bins + bin) * COLUMNS + (size_t)k];
                const double ms = 40.0 * b->pair[i].frame + (double)b->label[i] + 10 * k + 5; /* the column's middle */
                ck_assert_double_eq_tol(got, 20 * log10(0.9 / 2) - 30 * ms / 1000, 0.1);
            }
    }
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* Pictures that two items share, made once, are those of either. */
static void check_shown_once(avsound_context *context, const avsn_loader_options *options, avsn_loader *twice, size_t frames)
{
    avsn_loader_options o = *options;
    o.sounds = 2;
    avsn_loader *once = loader_of(context, &o);
    ck_avsound(avsn_loader_start(once, 1, 2));
    ck_avsound(avsn_loader_start(twice, 1, 2));
    const avsn_batch *a = next_of(once), *b = next_of(twice);
    ck_assert_int_eq(a->sounds, 2);
    ck_assert_int_eq(b->sounds, 1);
    ck_assert_mem_eq(a->waveform, b->waveform, (size_t)(2 * a->size * o.clip.samples) * sizeof(float));
    for (size_t i = 0; i < (size_t)a->size; i++)
        ck_assert_mem_eq(a->frames + frames * (i / 2), b->frames + frames * i, frames * sizeof(float));
    avsn_loader_free(once);
    o.batch++;
    ck_refused(avsn_loader_create(context, &o, &once), AVSOUND_E_INVALID_ARGUMENT, "sounds is 2, want 1 to 1");
}

/* Both items of a pair show the same; their sounds begin where they say, in two channels 3 dB below the clip's one. */
static void check_waveforms(int32_t rate, double tolerance)
{
    enum { SHOWN = 10 };
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    o.audio = (avsn_audio_frontend){0};
    o.sampler.mode = AVSN_SAMPLE_SHIFTS;
    o.sampler.shift_least = 4;
    o.sampler.shift_most = 12;
    o.clip = (avsn_clip_frontend){.frames = SHOWN, .frame_rate = 25, .sample_rate = rate, .samples = rate * SHOWN / 25};
    const size_t count = (size_t)o.clip.samples, frames = (size_t)3 * SHOWN * (size_t)o.image.width * (size_t)o.image.height;
    avsn_loader *loader = loader_of(context, &o);
    ck_assert_int_eq(avsn_loader_round(loader), 2 * CLIPS);
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int step = 0; step < 3; step++) {
        const avsn_batch *b = next_of(loader);
        ck_assert(!b->image && !b->spectrogram);
        for (size_t i = 0; i < (size_t)b->size; i++) {
            const avsn_pair *p = &b->pair[i];
            const float *left = b->waveform + 2 * count * i;
            ck_assert_float_eq(b->label[i], i % 2 ? 0 : 1);
            ck_assert_mem_eq(left, left + count, count * sizeof *left);
            for (size_t k = 0; k < count; k++) {
                const int64_t n = (int64_t)p->audio_frame * 1920 + (int64_t)k * 48000 / rate;
                ck_assert_double_eq_tol((double)left[k], sqrt(0.5) * clip_sound(p->audio_clip, n), tolerance);
            }
            if (i % 2)
                ck_assert_mem_eq(b->frames + frames * i, b->frames + frames * (i - 1), frames * sizeof(float));
        }
    }
    check_shown_once(context, &o, loader, frames);
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}

START_TEST(waveforms_have_two_channels_at_the_networks_rate)
{
    check_waveforms(48000, 1e-4);
    check_waveforms(16000, 1e-3);
}
END_TEST

START_TEST(a_damaged_clip_is_named_and_the_batch_before_it_comes)
{
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    avsn_loader_options o = options_for(data);
    avsn_loader *loader = loader_of(context, &o);
    ck_avsound(avsn_loader_start(loader, 0, 0));
    const avsn_batch *batch = next_of(loader);
    char path[600];
    for (int c = 0; c < CLIPS; c++) {
        snprintf(path, sizeof path, "%s/%03d.mkv", folder, c);
        ck_assert_int_eq(truncate(path, 20000), 0);
    }
    avsound_status status = AVSOUND_OK;
    for (int i = 0; i < 5 && !status; i++)
        status = avsn_loader_next(loader, &batch);
    ck_assert_int_eq(status, AVSOUND_E_STATE);
    ck_assert_ptr_null(batch);
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), ".mkv: has changed"));
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), "of epoch 0: "));
    ck_assert_int_eq(avsn_loader_next(loader, &batch), AVSOUND_E_STATE);
    ck_avsound(avsn_loader_start(loader, 1, 0));
    ck_assert_int_eq(avsn_loader_next(loader, &batch), AVSOUND_E_STATE);
    ck_assert_ptr_nonnull(strstr(avsound_error_detail(), "batch 0 of epoch 1: "));
    avsn_loader_free(loader);
    loader = loader_of(context, &o); /* nothing is opened before it is needed */
    ck_avsound(avsn_loader_start(loader, 0, 0));
    ck_assert_int_eq(avsn_loader_next(loader, &batch), AVSOUND_E_FORMAT);
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

START_TEST(refuses_options_that_make_no_sense)
{
    avsound_context *context = plain();
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsn_dataset *data = dataset_in(context, folder);
    const avsn_loader_options good = options_for(data);
    avsn_loader *loader;
    const avsn_batch *batch;
    avsn_loader_options o = good;
    o.batch = 0;
    ck_refused(avsn_loader_create(context, &o, &loader), AVSOUND_E_INVALID_ARGUMENT, "batch is 0");
    ck_assert_ptr_null(loader);
    o = good;
    o.ranks = 2;
    o.rank = 2;
    ck_refused(avsn_loader_create(context, &o, &loader), AVSOUND_E_INVALID_ARGUMENT, "rank is 2, want 0 to 1");
    o = good;
    o.audio.columns = 400;
    ck_refused(avsn_loader_create(context, &o, &loader), AVSOUND_E_INVALID_ARGUMENT, "0 of 6 clips hold 2 s");
    o = good;
    o.sampler.mode = AVSN_SAMPLE_POSITIVES;
    ck_refused(avsn_loader_create(context, &o, &loader), AVSOUND_E_INVALID_ARGUMENT,
               "5 groups of clips cannot fill a batch of 6");
    loader = loader_of(context, &good);
    ck_refused(avsn_loader_next(loader, &batch), AVSOUND_E_STATE, "has not been started");
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

static avsound_status make_and_free(avsound_context *context, const avsn_loader_options *o)
{
    avsn_loader *loader;
    const avsn_batch *batch;
    AVSN_TRY(avsn_loader_create(context, o, &loader));
    avsound_status status = avsn_loader_start(loader, 0, 0);
    if (!status)
        status = avsn_loader_next(loader, &batch);
    avsn_loader_free(loader);
    return status;
}

/* With one worker and one batch ahead, the requests of the batch that is waited for come in the same order each
 * time; those of the one made ahead may be refused without harm, so the n-th request is refused until the call
 * asks for fewer. */
START_TEST(survives_refused_allocations)
{
    failing f;
    const char *folder = temporary_folder();
    make_clips(folder, &small);
    avsound_context *plain_context = plain(), *context = failing_context(&f);
    avsn_dataset *data = dataset_in(plain_context, folder);
    avsn_loader_options o = options_for(data);
    strong(&o.augmentation);
    o.batch = 2;
    o.around = 2;
    o.flow = true;
    o.ahead = 1;
    const long before = f.held;
    long n = 0, failures = 0;
    do {
        f.requests = 0;
        f.refused = ++n;
        const avsound_status status = make_and_free(context, &o);
        ck_assert_msg(!status || status == AVSOUND_E_NO_MEMORY, "allocation %ld refused: %s", n,
                      avsound_error_detail());
        ck_assert_msg(f.held == before, "allocation %ld refused: %ld blocks kept", n, f.held - before);
        failures += status != AVSOUND_OK;
    } while (f.requests >= n);
    ck_assert_int_gt(failures, 30);
    avsn_dataset_free(data);
    avsound_context_free(context);
    avsound_context_free(plain_context);
}
END_TEST

SUITE("train.loader", any_number_of_workers_makes_the_same_batches, starts_anywhere_whatever_was_asked_before,
      epochs_of_a_given_length_follow_each_other, ranks_share_the_global_batch, items_show_what_the_pairs_say,
      views_are_made_of_one_part, clips_show_their_frames_and_hear_from_where_the_sound_begins,
      pictures_are_seen_with_the_frames_around_them,
      sound_of_clips_comes_early_by_the_label, waveforms_have_two_channels_at_the_networks_rate,
      a_damaged_clip_is_named_and_the_batch_before_it_comes, refuses_options_that_make_no_sense,
      survives_refused_allocations)
