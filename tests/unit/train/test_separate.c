/* Learning to take a mixture apart: the loss against its definition in double, mixtures against closed forms, and a small network
 * that learns from them, goes on to the bit, and leaves alone what the loss does not ask for. */
#include "base/rng.h"
#include "failing.h"
#include "oracle/net.h"
#include "train/gradients.h"
#include "train/loader.h"
#include "train/separate.h"
#include "train/trainer.h"
#include "unit/train/clip_training.h"

#include <complex.h>
#include <math.h>

/* ---- the loss ---- */

enum { ITEMS = 3, COLUMNS = 2, BINS = 5, CELLS = COLUMNS * BINS, VALUES = ITEMS * 2 * CELLS };

typedef struct loss_case {
    double results[2][VALUES], sources[2 * VALUES];
    double decibels;
    float loss, diffs[2][VALUES];
} loss_case;

/* As the specification has it: the mean over columns and all bins, one of which is right by itself. */
static double mean_distance(const loss_case *c, int item, int result, int source)
{
    double sum = 0;
    for (int i = 0; i < 2 * CELLS; i++) {
        const double apart = fabs(c->results[result][item * 2 * CELLS + i] - c->sources[(item * 4 + source * 2) * CELLS + i]);
        sum += i < CELLS ? apart : 0.01 * apart;
    }
    return sum / (COLUMNS * (BINS + 1));
}

static double complex amplitude(const loss_case *c, const double *planes, int cell)
{
    return pow(10, c->decibels * planes[cell] / 20) * cexp(3.14159265358979 * planes[CELLS + cell] * I);
}

/* The error's energy over that of both sources, of which a thousandth is always left. */
static double relative_error(const loss_case *c, int item, int result, int source)
{
    const double *one = &c->results[result][item * 2 * CELLS], *both = &c->sources[item * 4 * CELLS];
    double error = 0, whole = 0;
    for (int i = 0; i < CELLS; i++) {
        error += pow(cabs(amplitude(c, one, i) - amplitude(c, both + source * 2 * CELLS, i)), 2);
        whole += pow(cabs(amplitude(c, both, i)), 2) + pow(cabs(amplitude(c, both + 2 * CELLS, i)), 2);
    }
    return log10(error / whole + 0.001);
}

static double apart(const loss_case *c, int item, int result, int source)
{
    return c->decibels > 0 ? relative_error(c, item, result, source) : mean_distance(c, item, result, source);
}

static double defined_loss(const loss_case *c, int32_t loss)
{
    double sum = 0;
    for (int n = 0; n < ITEMS; n++) {
        const double ordered = apart(c, n, 0, 0) + apart(c, n, 1, 1);
        const double crossed = apart(c, n, 0, 1) + apart(c, n, 1, 0);
        sum += loss == AVSOUND_SEPARATION_EITHER ? 0 : ordered;
        sum += loss == AVSOUND_SEPARATION_ORDERED ? 0 : fmin(ordered, crossed);
    }
    return sum / ITEMS;
}

static void draw_values(uint64_t stream, double *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = (double)(float)(2 * avsn_rng_uniform(7, stream, (uint64_t)i) - 1);
}

static void put(avsn_plan *plan, int32_t input, const double *values, int count)
{
    for (int i = 0; i < count; i++)
        avsn_plan_input_data(plan, input)[i] = (float)values[i];
}

static void run_loss(loss_case *c, int32_t loss)
{
    avsound_context *context;
    avsn_graph *g;
    avsn_plan *plan;
    avsn_pack_cache *cache;
    const avsn_params none = {0};
    const avsn_shape shape = AVSN_SHAPE(ITEMS, 2, COLUMNS, BINS);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_graph_create(context, &g));
    const avsn_value results[2] = {avsn_input(g, "on", shape), avsn_input(g, "off", shape)};
    const avsn_value value = avsn_separation_loss(g, results, loss, (float)c->decibels);
    avsn_output(g, "diff on", (avsn_value){value.id + 1});
    avsn_output(g, "diff off", (avsn_value){value.id + 2});
    ck_avsound(avsn_pack_cache_create(context, &cache));
    ck_avsound(avsn_plan_create(g, &none, cache, &(avsn_plan_options){.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true},
                                &plan));
    put(plan, 0, c->results[0], VALUES);
    put(plan, 1, c->results[1], VALUES);
    put(plan, 2, c->sources, 2 * VALUES);
    ck_avsound(oracle_run(plan, 1, UINT64_MAX));
    c->loss = avsn_plan_output_data(plan, 0)[0];
    for (int r = 0; r < 2; r++)
        memcpy(c->diffs[r], avsn_plan_output_data(plan, 1 + r), sizeof c->diffs[r]);
    avsn_plan_free(plan);
    avsn_pack_cache_free(cache);
    avsound_context_free(context);
}

/* Of the three items one is nearer to its own sources, one to the crossed ones, and one lies anyhow. */
static void draw_case(loss_case *c, double decibels)
{
    c->decibels = decibels;
    draw_values(1, c->results[0], VALUES);
    draw_values(2, c->results[1], VALUES);
    draw_values(3, c->sources, 2 * VALUES);
    for (int n = 0; n < 2; n++)
        for (int r = 0; r < 2; r++)
            for (int i = 0; i < 2 * CELLS; i++)
                c->results[r][n * 2 * CELLS + i] = 0.3 * c->results[r][n * 2 * CELLS + i] +
                                                   0.7 * c->sources[(n * 4 + (r ^ n) * 2) * CELLS + i];
    for (int i = 0; i < VALUES; i++)
        for (int r = 0; r < 2; r++)
            c->results[r][i] = (double)(float)c->results[r][i];
}

START_TEST(losses_and_gradients_are_what_they_are_defined_as)
{
    for (int32_t n = 0; n < 2 * AVSOUND_SEPARATION_BOTH; n++) {
        const int32_t loss = AVSOUND_SEPARATION_ORDERED + n / 2;
        loss_case c;
        draw_case(&c, n % 2 ? 12 : 0);
        run_loss(&c, loss);
        ck_assert_double_eq_tol((double)c.loss, defined_loss(&c, loss), 1e-6);
        for (int r = 0; r < 2; r++)
            for (int i = 0; i < VALUES; i++) {
                const double kept = c.results[r][i], step = 1e-6;
                c.results[r][i] = kept + step;
                const double above = defined_loss(&c, loss);
                c.results[r][i] = kept - step;
                const double slope = (above - defined_loss(&c, loss)) / (2 * step);
                c.results[r][i] = kept;
                ck_assert_double_eq_tol((double)c.diffs[r][i], slope, c.decibels > 0 ? 1e-6 : 1e-7);
            }
    }
}
END_TEST

static void exchange_sources(loss_case *c)
{
    for (int n = 0; n < ITEMS; n++)
        for (int i = 0; i < 2 * CELLS; i++) {
            double *one = &c->sources[n * 4 * CELLS + i], *other = one + 2 * CELLS, kept = *one;
            *one = *other;
            *other = kept;
        }
}

START_TEST(the_nearer_order_is_the_same_whichever_source_comes_first)
{
    loss_case c, exchanged;
    for (int32_t loss = AVSOUND_SEPARATION_ORDERED; loss <= AVSOUND_SEPARATION_EITHER; loss++) {
        draw_case(&c, 0);
        exchanged = c;
        exchange_sources(&exchanged);
        run_loss(&c, loss);
        run_loss(&exchanged, loss);
        const bool either = loss == AVSOUND_SEPARATION_EITHER;
        ck_assert_int_eq(fabs((double)(c.loss - exchanged.loss)) < 1e-6, either);
        ck_assert_int_eq(!memcmp(c.diffs, exchanged.diffs, sizeof c.diffs), either);
    }
}
END_TEST

START_TEST(gain_is_what_is_gone_of_the_mixtures_distance)
{
    enum { MANY = 2, WIDE = 3 };
    float sources[MANY][4][WIDE], mixture[MANY][2][WIDE], one[MANY][2][WIDE], other[MANY][2][WIDE];
    for (int n = 0; n < MANY; n++)
        for (int p = 0; p < 2; p++)
            for (int i = 0; i < WIDE; i++) {
                sources[n][p][i] = 0.25f * (float)(n + i);
                sources[n][2 + p][i] = -0.5f * (float)(1 + i);
                mixture[n][p][i] = sources[n][p][i] + 0.125f;
                one[n][p][i] = p ? 7 : sources[n][0][i]; /* phases don't count */
                other[n][p][i] = p ? 7 : sources[n][2][i];
            }
    const float *right[2] = {&one[0][0][0], &other[0][0][0]}, *crossed[2] = {right[1], right[0]};
    const float *same[2] = {&mixture[0][0][0], &mixture[0][0][0]};
    for (float decibels = 0; decibels < 30; decibels += 20) {
        ck_assert_double_eq(avsn_separation_gain(right, &sources[0][0][0], &mixture[0][0][0], MANY, WIDE, false, decibels), 1);
        ck_assert_double_eq(avsn_separation_gain(crossed, &sources[0][0][0], &mixture[0][0][0], MANY, WIDE, true, decibels), 1);
        ck_assert_double_eq(avsn_separation_gain(same, &sources[0][0][0], &mixture[0][0][0], MANY, WIDE, false, decibels), 0);
        ck_assert_double_lt(avsn_separation_gain(crossed, &sources[0][0][0], &mixture[0][0][0], MANY, WIDE, false, decibels), 0);
    }
}
END_TEST

/* ---- mixtures ---- */

/* Bright clips sound high: a multiple of 8000 / 1024 Hz, so that it lies in the middle of a bin. */
enum { RATE = 8000, FFT = 1024, SHOWN = 10 };

static int bin_of(int clip)
{
    return 40 + 40 * clip;
}

static double tone(int clip, int64_t n)
{
    return 0.25 / (1 + clip) * sin(6.283185307179586 * bin_of(clip) * (double)RATE / FFT * (double)n / 48000);
}

static const clips_spec clips = {.clips = 4, .groups = 4, .width = 40, .height = 40, .frames = 90, .sound = tone};

static const avsn_separation_frontend separation = {
    .window = 512, .hop = 160, .fft = FFT, .columns = 128, .floor = 1e-5f, .low = -100, .high = 80};

static avsn_loader_options mixing(const avsn_dataset *data, double silent)
{
    avsn_loader_options o = {.data = data, .batch = 4, .workers = 2, .separation = separation,
                             .sampler = {.mode = AVSN_SAMPLE_MIXTURES, .silent = silent, .seed = 5}};
    avsn_image_frontend_default(&o.image);
    o.image.width = o.image.height = o.image.short_side = 32;
    o.clip = (avsn_clip_frontend){.frames = SHOWN, .frame_rate = 3.75, .sample_rate = RATE, .samples = 128 * 160 + 512};
    avsn_augmentation_none(&o.augmentation);
    return o;
}

static double rms_of(const float *samples, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)samples[i] * (double)samples[i];
    return sqrt(sum / (double)count);
}

/* In dB, of a column in the middle. */
static double level_at(const float *planes, int bin)
{
    return 90 * ((double)planes[64 * (FFT / 2) + bin] + 1) - 100;
}

/* A sine of that loudness in the middle of a bin: half its amplitude times the sum of a Hann window. */
static double tone_level(double loudness)
{
    return 20 * log10(loudness * sqrt(2) / 2 * 512 / 2);
}

/* Beside the tone of clip `own` no other clip's. */
static void check_source(const float *planes, int own, double loudness)
{
    for (int c = 0; c < 4; c++) {
        const double level = level_at(planes, bin_of(c));
        if (c == own)
            ck_assert_double_eq_tol(level, tone_level(loudness), 0.1);
        else
            ck_assert_double_lt(level, tone_level(0.1) - 50);
    }
}

static void check_item(const avsn_batch *b, int32_t i, const avsn_loader_options *o, int *silent)
{
    const size_t plane = 128 * FFT / 2, samples = (size_t)o->clip.samples;
    const avsn_pair *p = &b->pair[i];
    const float *sources = b->sources + (size_t)i * 4 * plane, *mixture = b->spectrogram + (size_t)i * 2 * plane;
    const double loudness = p->corresponds ? 0.1 : sqrt(0.02);
    ck_assert_int_ne(p->other_clip, p->frame_clip);
    ck_assert_int_eq(p->audio_clip, p->frame_clip);
    check_source(sources, p->corresponds ? p->audio_clip : -1, 0.1);
    check_source(sources + 2 * plane, p->other_clip, loudness);
    ck_assert_double_eq_tol(level_at(mixture, bin_of(p->other_clip)), tone_level(loudness), 0.1);
    for (int c = 0; c < 2; c++)
        ck_assert_double_eq_tol(rms_of(b->waveform + ((size_t)i * 2 + (size_t)c) * samples, (int64_t)samples), sqrt(0.02), 1e-3);
    if (p->corresponds)
        ck_assert_double_eq_tol(level_at(mixture, bin_of(p->audio_clip)), tone_level(0.1), 0.1);
    else
        for (size_t k = 0; k < plane; k++)
            ck_assert_double_eq_tol((double)sources[k], -1, 1e-6);
    *silent += !p->corresponds;
}

START_TEST(mixtures_are_two_sounds_as_loud_as_each_other_or_one_alone)
{
    avsound_context *context;
    avsn_dataset *data;
    avsn_loader *loader;
    const char *folder = temporary_folder();
    const avsn_batch *batch;
    int silent = 0;
    make_clips(folder, &clips);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_dataset_open(context, folder, &data));
    const avsn_loader_options o = mixing(data, 0.5);
    ck_avsound(avsn_loader_create(context, &o, &loader));
    ck_assert_int_eq(avsn_loader_round(loader), 4);
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int step = 0; step < 6; step++) {
        ck_avsound(avsn_loader_next(loader, &batch));
        for (int32_t i = 0; i < batch->size; i++)
            check_item(batch, i, &o, &silent);
    }
    ck_assert(silent > 2 && silent < 22);
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

/* Levels of the two sounds of an item, in dB, and that together they are as loud as ever. */
static double check_balance(const avsn_batch *b, int32_t i)
{
    const size_t plane = 128 * FFT / 2;
    const float *sources = b->sources + (size_t)i * 4 * plane;
    const double one = level_at(sources, bin_of(b->pair[i].audio_clip));
    const double other = level_at(sources + 2 * plane, bin_of(b->pair[i].other_clip));
    ck_assert_double_eq_tol(10 * log10(pow(10, one / 10) + pow(10, other / 10)), tone_level(sqrt(0.02)), 0.1);
    return one - other;
}

START_TEST(one_sound_may_be_louder_than_the_other)
{
    avsound_context *context;
    avsn_dataset *data;
    avsn_loader *loader;
    const char *folder = temporary_folder();
    const avsn_batch *batch;
    double least = 0, most = 0;
    make_clips(folder, &clips);
    ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsn_dataset_open(context, folder, &data));
    avsn_loader_options o = mixing(data, 0);
    o.augmentation.gain_db = 9;
    ck_avsound(avsn_loader_create(context, &o, &loader));
    ck_avsound(avsn_loader_start(loader, 0, 0));
    for (int step = 0; step < 6; step++) {
        ck_avsound(avsn_loader_next(loader, &batch));
        for (int32_t i = 0; i < batch->size; i++) {
            const double balance = check_balance(batch, i);
            least = fmin(least, balance);
            most = fmax(most, balance);
        }
    }
    ck_assert(least > -9.1 && least < -4 && most > 4 && most < 9.1);
    avsn_loader_free(loader);
    avsn_dataset_free(data);
    avsound_context_free(context);
}
END_TEST

START_TEST(second_sounds_are_any_clips_of_other_groups)
{
    enum { CLIPS = 12, DRAWN = 12000 };
    static avsn_pair pairs[DRAWN], again[2];
    static const char *const groups[] = {"a", "b", "c"};
    avsn_dataset_clip list[CLIPS];
    avsound_context *context;
    avsn_sampler *s;
    int heard[CLIPS][CLIPS] = {{0}}, silent = 0;
    ck_avsound(avsound_context_create(NULL, &context));
    for (int c = 0; c < CLIPS; c++) /* groups of 6, 4 and 2 */
        list[c] = (avsn_dataset_clip){.path = "", .group = groups[c % 2 ? 0 : c % 3 ? 1 : 2], .frames = 40, .samples = 76800};
    const avsn_sampler_options o = {.mode = AVSN_SAMPLE_MIXTURES, .frames = 20, .window = 38400, .silent = 0.25, .seed = 4};
    ck_avsound(avsn_sampler_create(context, list, CLIPS, &o, &s));
    avsn_sampler_draw(s, 3, 0, DRAWN, pairs);
    for (int i = 0; i < DRAWN; i++) {
        heard[pairs[i].frame_clip][pairs[i].other_clip]++;
        ck_assert(pairs[i].other_frame >= 0 && pairs[i].other_frame <= 20);
        silent += !pairs[i].corresponds;
    }
    ck_assert_double_lt(fabs(silent - 0.25 * DRAWN), 5 * sqrt(DRAWN * 0.25 * 0.75));
    for (int a = 0; a < CLIPS; a++)
        for (int b = 0; b < CLIPS; b++) {
            const int size = a % 2 ? 6 : a % 3 ? 4 : 2;
            const double wanted = list[a].group == list[b].group ? 0 : (double)DRAWN / CLIPS / (CLIPS - size);
            ck_assert_double_le(fabs(heard[a][b] - wanted), 5 * sqrt(wanted));
        }
    avsn_sampler_draw(s, 3, 777, 1, again);
    ck_assert(again[0].other_clip == pairs[777].other_clip && again[0].other_frame == pairs[777].other_frame &&
              again[0].corresponds == pairs[777].corresponds);
    avsn_sampler_free(s);
    avsound_context_free(context);
}
END_TEST

static avsound_status make_one_batch(avsound_context *context, const avsn_loader_options *o)
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

START_TEST(survives_refused_allocations)
{
    failing f;
    avsound_context *plain, *context = failing_context(&f);
    avsn_dataset *data;
    const char *folder = temporary_folder();
    make_clips(folder, &clips);
    ck_avsound(avsound_context_create(NULL, &plain));
    ck_avsound(avsn_dataset_open(plain, folder, &data));
    avsn_loader_options o = mixing(data, 0);
    o.batch = 2;
    o.workers = o.ahead = 1;
    const long before = f.held;
    long n = 0, failures = 0;
    do {
        f.requests = 0;
        f.refused = ++n;
        const avsound_status status = make_one_batch(context, &o);
        ck_assert_msg(!status || status == AVSOUND_E_NO_MEMORY, "allocation %ld refused: %s", n, avsound_error_detail());
        ck_assert_msg(f.held == before, "allocation %ld refused: %ld blocks kept", n, f.held - before);
        failures += status != AVSOUND_OK;
    } while (f.requests >= n);
    ck_assert_int_gt(failures, 20);
    avsn_dataset_free(data);
    avsound_context_free(context);
    avsound_context_free(plain);
}
END_TEST

/* ---- training ---- */

#define TINY                                                                                                            \
    "\"clip\":{\"frames\":10,\"frame_rate\":3.75,\"sample_rate\":8000},"                                                \
    "\"separation\":{\"window\":512,\"hop\":160,\"fft\":1024}}"
static const char seeing[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"unet_width\":0.0625,"
                             "\"image\":{\"width\":32,\"height\":32,\"short_side\":32}," TINY;
static const char blind[] = "{\"unet_width\":0.0625," TINY;

static void set_up(fixture *f)
{
    set_up_training(f, &clips, AVSOUND_OBJECTIVE_SEPARATE, 4);
    f->options.precision = AVSOUND_PRECISION_F32;
}

static void check_learning(const char *arch, const char *config, int32_t loss, int32_t steps)
{
    fixture f;
    set_up(&f);
    f.options.separation_loss = loss;
    f.options.steps_per_epoch = steps;
    f.options.learning_rate = 4e-3;
    f.options.statistics_momentum = 0.1;
    f.options.validation = path_in(&f, "clips");
    f.options.validation_draws = 2;
    avsound_trainer *trainer = started(&f, arch, config, "run");
    ck_avsound(avsound_trainer_run(trainer));
    double first = 0, last = 0, begin = 0, end = 0;
    for (int i = 1; i <= 4; i++) {
        first += f.watcher.loss[i] / 4;
        last += f.watcher.loss[steps - 4 + i] / 4;
        begin += f.watcher.accuracy[i] / 4;
        end += f.watcher.accuracy[steps - 4 + i] / 4;
    }
    const avsound_training_state *state = avsound_trainer_state(trainer);
    printf("%s: loss %.3f at first, %.3f at last; gain %.3f, %.3f; validation: loss %.3f, gain %.3f\n", arch, first, last, begin,
           end, state->validation_loss, state->validation_accuracy);
    ck_assert_double_lt(last, 0.6 * first);
    ck_assert_double_gt(end, begin + 0.5); /* of the level alone, which most of the loss is of */
    ck_assert(isfinite(state->validation_loss) && isnan(state->validation_auc) && isnan(state->validation_error));
    avsound_trainer_free(trainer);
    tear_down(&f);
}

START_TEST(losses_of_small_networks_fall)
{
    check_learning("separator", seeing, AVSOUND_SEPARATION_BOTH, 24);
    check_learning("separator-pit", blind, AVSOUND_SEPARATION_AUTO, 24);
}
END_TEST

/* The alignment's own answer, of which a separation loss says nothing. */
static const float *head_of(const avsound_trainer *trainer)
{
    return avsn_params_find(&trainer->store->params, "joint.logits.weight")->data;
}

START_TEST(a_head_that_is_not_asked_stays_as_it_was)
{
    fixture f;
    set_up(&f);
    f.options.steps_per_epoch = 1;
    avsound_trainer *trainer = started(&f, "separator", seeing, "run");
    const avsn_named_tensor *moved = avsn_params_find(&trainer->store->params, "gen.conv1.weight");
    const float before = head_of(trainer)[0], other = moved->data[0];
    ck_avsound(avsound_trainer_run(trainer));
    ck_assert(fabsf(head_of(trainer)[0] - before) <= 0);
    ck_assert(fabsf(moved->data[0] - other) > 0);
    avsound_trainer_free(trainer);
    tear_down(&f);
}
END_TEST

START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    fixture f;
    set_up(&f);
    f.options.silent_share = 0.3;
    check_resumed(&f, "separator", seeing, 4);
    tear_down(&f);
}
END_TEST

START_TEST(what_cannot_be_learned_is_refused)
{
    fixture f;
    set_up(&f);
    ck_no_trainer(&f, "ave-net", "{\"width\":0.0625}", AVSOUND_E_UNSUPPORTED, "ave-net takes no sound apart");
    ck_no_trainer(&f, "separator", "{\"width\":0.0625,\"unet_width\":0.0625,\"clip\":{\"frames\":200}}",
                  AVSOUND_E_INVALID_ARGUMENT, "none of 4 clips holds");
    f.options.separation_loss = AVSOUND_SEPARATION_BOTH;
    ck_no_trainer(&f, "separator-pit", blind, AVSOUND_E_UNSUPPORTED, "separator-pit sees nothing");
    f.options.separation_loss = 4;
    ck_no_trainer(&f, "separator", seeing, AVSOUND_E_INVALID_ARGUMENT, "separation_loss is 4");
    f.options.separation_loss = 0;
    f.options.silent_share = 1.5;
    ck_no_trainer(&f, "separator", seeing, AVSOUND_E_INVALID_ARGUMENT, "silent_share is 1.5");
    f.options.silent_share = 0;
    f.options.objective = AVSOUND_OBJECTIVE_SHIFT;
    ck_no_trainer(&f, "separator", seeing, AVSOUND_E_UNSUPPORTED, "nothing but AVSOUND_OBJECTIVE_SEPARATE");
    tear_down(&f);
}
END_TEST

SUITE("train.separate", losses_and_gradients_are_what_they_are_defined_as,
      the_nearer_order_is_the_same_whichever_source_comes_first, gain_is_what_is_gone_of_the_mixtures_distance,
      mixtures_are_two_sounds_as_loud_as_each_other_or_one_alone, one_sound_may_be_louder_than_the_other,
      second_sounds_are_any_clips_of_other_groups,
      survives_refused_allocations, losses_of_small_networks_fall, a_head_that_is_not_asked_stays_as_it_was,
      resumed_runs_are_the_same_to_the_bit, what_cannot_be_learned_is_refused)
