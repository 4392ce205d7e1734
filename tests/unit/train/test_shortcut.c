/* Can the two kinds of pairs be told apart by their sound alone? Then a network would learn that instead of what
 * belongs together. A classifier that hears pooled spectrograms, and only these, is trained on one part of a run's
 * pairs and asked about another. The sounds are made to give everything away that there is: each clip has its own
 * tones, grows louder with time, and ticks with every frame. */
#include "train/item.h"
#include "train/loader.h"

#include "base/base.h"
#include "unit/train/make_clips.h"

enum { CLIPS = 24, ROUND = 2 * CLIPS, TRAIN = 12 * ROUND, TEST = 14 * ROUND, ITEMS = TRAIN + TEST };
enum { BANDS = 16, PHASES = 8, PARTS = 8, FEATURES = BANDS + PHASES + PARTS + 1, BINS = 257, COLUMNS = 200 };

static double telling_sound(int clip, int64_t n)
{
    const double t = (double)n / 48000, loudness = pow(10, (t - 3) / 2);
    const double tick = n % 1920 < 48 ? 0.5 * (n % 2 ? 1 : -1) : 0;
    double tones = 0;
    for (int k = 1; k <= 3; k++)
        tones += 0.15 * sin(6.283185307179586 * (150 + 977 * k * (clip + 1) % 6000) * t);
    return loudness * (tones + tick);
}

/* ---- what the classifier hears: bands, columns that are whole frames apart, stretches of time ---- */

typedef struct item {
    double feature[FEATURES];
    int corresponds;
} item;

static item heard(const float *spectrogram, int corresponds)
{
    item out = {.corresponds = corresponds};
    double column[COLUMNS] = {0};
    for (int b = 0; b < BINS; b++) {
        const float *row = spectrogram + b * COLUMNS;
        for (int c = 0; c < COLUMNS; c++) {
            out.feature[b * BANDS / BINS] += (double)row[c] / (16 * COLUMNS);
            column[c] += (double)row[c] / (BINS * 25);
        }
    }
    for (int c = 0; c < COLUMNS; c++) {
        out.feature[BANDS + c % PHASES] += column[c];
        out.feature[BANDS + PHASES + c * PARTS / COLUMNS] += column[c];
    }
    out.feature[FEATURES - 1] = 1;
    return out;
}

static void standardise(item *items)
{
    for (int f = 0; f < FEATURES - 1; f++) {
        double mean = 0, square = 0;
        for (int i = 0; i < TRAIN; i++)
            mean += items[i].feature[f] / TRAIN;
        for (int i = 0; i < TRAIN; i++)
            square += pow(items[i].feature[f] - mean, 2) / TRAIN;
        for (int i = 0; i < ITEMS; i++)
            items[i].feature[f] = (items[i].feature[f] - mean) / sqrt(square + 1e-9);
    }
}

static double score(const item *x, const double *weight)
{
    double sum = 0;
    for (int f = 0; f < FEATURES; f++)
        sum += weight[f] * x->feature[f];
    return sum;
}

/* Logistic regression by gradient descent; the share of the other items that it gets right. */
static double accuracy(item *items)
{
    double weight[FEATURES] = {0};
    standardise(items);
    for (int step = 0; step < 300; step++) {
        double gradient[FEATURES] = {0};
        for (int i = 0; i < TRAIN; i++) {
            const double error = 1 / (1 + exp(-score(&items[i], weight))) - items[i].corresponds;
            for (int f = 0; f < FEATURES; f++)
                gradient[f] += error * items[i].feature[f] / TRAIN;
        }
        for (int f = 0; f < FEATURES; f++)
            weight[f] -= 0.5 * gradient[f];
    }
    int right = 0;
    for (int i = TRAIN; i < ITEMS; i++)
        right += (score(&items[i], weight) > 0) == items[i].corresponds;
    return (double)right / TEST;
}

/* ---- where the items come from ---- */

typedef struct world {
    avsound_context *context;
    avsn_dataset *data;
    avsn_loader_options options;
} world;

static world new_world(void)
{
    const clips_spec spec = {
        .clips = CLIPS, .groups = CLIPS, .width = 32, .height = 32, .frames = 75, .sound = telling_sound};
    world w;
    const char *folder = temporary_folder();
    make_clips(folder, &spec);
    ck_avsound(avsound_context_create(NULL, &w.context));
    ck_avsound(avsn_dataset_open(w.context, folder, &w.data));
    w.options = (avsn_loader_options){.data = w.data, .batch = ROUND / 2, .workers = 2, .sampler = {.seed = 21}};
    avsn_image_frontend_default(&w.options.image);
    avsn_audio_frontend_default(&w.options.audio);
    w.options.image.width = w.options.image.height = 16;
    w.options.image.short_side = 18;
    avsn_augmentation_none(&w.options.augmentation);
    w.options.augmentation.gain = 0.1f;
    return w;
}

static void free_world(world *w)
{
    avsn_dataset_free(w->data);
    avsound_context_free(w->context);
}

static double accuracy_of_loader(const world *w)
{
    static item items[ITEMS];
    avsn_loader *loader;
    const avsn_batch *batch;
    ck_avsound(avsn_loader_create(w->context, &w->options, &loader));
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int i = 0; i < ITEMS; i++) {
        const int at = i % w->options.batch;
        if (at == 0)
            ck_avsound(avsn_loader_next(loader, &batch));
        items[i] = heard(batch->spectrogram + at * BINS * COLUMNS, batch->label[at] == 1);
    }
    avsn_loader_free(loader);
    return accuracy(items);
}

/* The same, with negatives that were tampered with. */
static double accuracy_of_leak(const world *w, void (*leak)(avsn_pair *pair))
{
    static item items[ITEMS];
    static float image[3 * 16 * 16], spectrogram[BINS * COLUMNS];
    static avsn_pair pairs[ITEMS];
    avsn_dataset_clip clips[CLIPS];
    avsn_sampler *sampler;
    avsn_item_maker *maker;
    avsn_item_plan plan = {
        .image = w->options.image, .audio = w->options.audio, .augmentation = w->options.augmentation};
    for (int c = 0; c < CLIPS; c++)
        clips[c] = *avsn_dataset_clip_at(w->data, c);
    ck_avsound(avsn_sampler_create(w->context, clips, CLIPS, &w->options.sampler, &sampler));
    ck_avsound(avsn_clip_cache_create(w->context, w->data, CLIPS, &plan.clips));
    ck_avsound(avsn_item_maker_create(w->context, &plan, &maker));
    avsn_sampler_draw(sampler, 0, 0, ITEMS, pairs);
    for (int i = 0; i < ITEMS; i++) {
        if (!pairs[i].corresponds && leak)
            leak(&pairs[i]);
        ck_avsound(avsn_item_make(maker, &pairs[i], image, spectrogram));
        items[i] = heard(spectrogram, pairs[i].corresponds);
    }
    avsn_item_maker_free(maker);
    avsn_clip_cache_free(plan.clips);
    avsn_sampler_free(sampler);
    return accuracy(items);
}

/* Chance, within 3.3 deviations of a coin's share of heads: 1 in 1,000. */
static double chance_limit(void)
{
    return 3.3 * 0.5 / sqrt(TEST);
}

START_TEST(the_kinds_sound_alike)
{
    world w = new_world();
    ck_assert_double_eq_tol(accuracy_of_loader(&w), 0.5, chance_limit());
    free_world(&w);
}
END_TEST

START_TEST(the_kinds_sound_alike_when_misaligned)
{
    world w = new_world();
    w.options.sampler.misalignment = 48000;
    ck_assert_double_eq_tol(accuracy_of_loader(&w), 0.5, chance_limit());
    free_world(&w);
}
END_TEST

START_TEST(the_kinds_sound_alike_when_varied)
{
    world w = new_world();
    avsn_augmentation *a = &w.options.augmentation;
    a->mix = 0.5f, a->speed = 0.1f, a->noise_db = -40, a->gain_db = 6, a->tilt_db = 6;
    a->time_masks = a->frequency_masks = 1, a->time_mask = a->frequency_mask = 20;
    ck_assert_double_eq_tol(accuracy_of_loader(&w), 0.5, chance_limit());
    free_world(&w);
}
END_TEST

static void off_the_grid(avsn_pair *pair)
{
    pair->audio_shift = (int64_t)(pair->draw % 1919) + 1 - 960;
}

static void from_the_beginning(avsn_pair *pair)
{
    pair->audio_frame = 13 + pair->audio_frame % 15; /* of 13...62 */
}

static void over_the_edge(avsn_pair *pair)
{
    pair->audio_frame = 65 + pair->audio_frame % 10; /* the window ends after the clip */
}

/* The proof that the classifier would have heard it. */
START_TEST(leaks_are_heard)
{
    world w = new_world();
    ck_assert_double_eq_tol(accuracy_of_leak(&w, NULL), 0.5, chance_limit());
    ck_assert_double_ge(accuracy_of_leak(&w, off_the_grid), 0.7);
    ck_assert_double_ge(accuracy_of_leak(&w, from_the_beginning), 0.7);
    ck_assert_double_ge(accuracy_of_leak(&w, over_the_edge), 0.7);
    free_world(&w);
}
END_TEST

SUITE("train.shortcut", the_kinds_sound_alike, the_kinds_sound_alike_when_misaligned, the_kinds_sound_alike_when_varied,
      leaks_are_heard)
