/* Every function of libavsound_train with each of its allocations refused, a whole training run's too. */
#include "contract/refusals.h"

#include <avsound/metrics.h>
#include <avsound/train.h>

static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 36}}";

enum { COUNT = 12, TIME = 64 };

typedef struct scene {
    refusals refusals;
    avsound_context *context;
    avsound_model *model;
    char folder[64], videos[96], clips[96], run[96], drawing[96];
    float a[COUNT * 4], b[COUNT * 4], wave[TIME], other[TIME];
    double items[COUNT];
    int64_t clip_of[COUNT];
    uint8_t flags[COUNT];
} scene;

/* ---- metrics ---- */

static avsound_status measure_plainly(void *scene_)
{
    scene *s = scene_;
    double low, high;
    avsound_estimate share = {.struct_size = sizeof share};
    avsound_ciou_result ciou = {.struct_size = sizeof ciou};
    arm(&s->refusals);
    ck_avsound(CALL(avsound_wilson_interval, 0.5, 10, &low, &high));
    ck_avsound(CALL(avsound_metric_share, s->items, COUNT, &share));
    ck_avsound(CALL(avsound_metric_ciou, s->items, COUNT, &ciou));
    ck_avsound(CALL(avsound_metric_si_sdr, s->wave, s->other, TIME, &low));
    ck_avsound(CALL(avsound_metric_osr, s->wave, s->other, TIME, &low));
    ck_assert_str_eq(CALL(avsound_clip_flag_name, AVSOUND_CLIP_STILL), "still");
    return AVSOUND_OK;
}

static avsound_status mean(void *scene_)
{
    scene *s = scene_;
    avsound_estimate out = {.struct_size = sizeof out};
    arm(&s->refusals);
    return CALL(avsound_metric_mean, s->context, s->items, s->clip_of, COUNT, 1, &out);
}

static avsound_status decibels(void *scene_)
{
    scene *s = scene_;
    avsound_decibels_result out = {.struct_size = sizeof out};
    arm(&s->refusals);
    return CALL(avsound_metric_decibels, s->context, s->items, NULL, s->clip_of, COUNT, 1, &out);
}

static avsound_status correspondence(void *scene_)
{
    scene *s = scene_;
    avsound_avc_result avc = {.struct_size = sizeof avc};
    avsound_alignment_result alignment = {.struct_size = sizeof alignment};
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_metric_avc, s->context, s->a, s->b, NULL, COUNT, &avc);
    return status ? status : CALL(avsound_metric_alignment, s->context, s->a, s->b, NULL, COUNT, &alignment);
}

static avsound_status negatives(void *scene_)
{
    scene *s = scene_;
    avsound_negatives_result out = {.struct_size = sizeof out};
    arm(&s->refusals);
    return CALL(avsound_metric_negatives, s->context, s->items, s->items, s->flags, COUNT, &out);
}

static avsound_status retrieval(void *scene_)
{
    scene *s = scene_;
    static const int32_t edges[] = {0, 1, 1, 2}, leaves[] = {0, 2};
    int32_t distances[4], labels[COUNT];
    int64_t starts[COUNT + 1];
    avsound_retrieval_result out = {.struct_size = sizeof out};
    avsound_retrieval_options options;
    for (int i = 0; i <= COUNT; i++)
        starts[i] = i;
    for (int i = 0; i < COUNT; i++)
        labels[i] = i % 2;
    CALL(avsound_retrieval_options_init, &options, sizeof options);
    arm(&s->refusals);
    avsound_status status = CALL(avsound_label_distances, s->context, 3, edges, 2, leaves, 2, distances);
    if (status)
        return status;
    options.dimension = 4;
    options.count = COUNT;
    options.queries = s->a;
    options.database = s->b;
    options.label_starts = starts;
    options.labels = labels;
    options.distances = distances;
    options.label_count = 2;
    return CALL(avsound_metric_retrieval, s->context, &options, NULL, NULL, &out);
}

static avsound_status measure_map(void *scene_)
{
    scene *s = scene_;
    static const double boxes[] = {2, 2, 6, 6};
    avsound_map_measure_result out = {.struct_size = sizeof out};
    avsound_map_options options;
    CALL(avsound_map_options_init, &options, sizeof options);
    options.rows = options.cols = 4;
    options.width = options.height = 16;
    options.map = s->a;
    options.boxes = boxes;
    options.box_count = 1;
    arm(&s->refusals);
    return CALL(avsound_map_measure, s->context, &options, &out);
}

static avsound_status draw_confusion(void *scene_)
{
    scene *s = scene_;
    static const int64_t counts[] = {3, 1, 0, 4};
    static const char *const names[] = {"dog", "sea"};
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_confusion_draw, s->context, counts, names, 2, "two", s->drawing);
    ck_assert((status == AVSOUND_OK) == (access(s->drawing, F_OK) == 0));
    unlink(s->drawing);
    return status;
}

static avsound_status sync_search(void *scene_)
{
    scene *s = scene_;
    double curve[7], offset, confidence;
    avsound_sync_search_options options;
    CALL(avsound_sync_search_options_init, &options, sizeof options);
    options.range = 3;
    options.dimension = 4;
    options.video = s->a;
    options.audio = s->b;
    options.video_count = options.audio_count = COUNT;
    arm(&s->refusals);
    return CALL(avsound_sync_search, s->context, &options, curve, &offset, &confidence);
}

static avsound_status sync_metric(void *scene_)
{
    scene *s = scene_;
    avsound_sync_result out = {.struct_size = sizeof out};
    avsound_sync_options options;
    CALL(avsound_sync_options_init, &options, sizeof options);
    options.count = COUNT;
    options.truth = options.answers = options.confidence = s->items;
    options.frame_ms = 40;
    arm(&s->refusals);
    return CALL(avsound_metric_sync, s->context, &options, &out);
}

static avsound_status judge_separation(void *scene_)
{
    scene *s = scene_;
    const float *const waves[] = {s->wave, s->other};
    avsound_separation *separation = NULL;
    avsound_separation_result out = {.struct_size = sizeof out};
    int32_t order[2];
    avsound_separation_options options;
    CALL(avsound_separation_options_init, &options, sizeof options);
    options.sources = 2;
    options.samples = TIME;
    options.references = waves;
    options.taps = 4;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_separation_create, s->context, &options, &separation);
    ck_assert((status == AVSOUND_OK) == (separation != NULL));
    if (!status)
        status = CALL(avsound_separation_measure, separation, s->wave, 0, &out);
    if (!status)
        status = CALL(avsound_separation_order, separation, waves, order);
    CALL(avsound_separation_free, separation);
    return status;
}

static avsound_status ideal_mask(void *scene_)
{
    scene *s = scene_;
    float estimate[TIME];
    arm(&s->refusals);
    return CALL(avsound_metric_ideal_mask, s->context, s->wave, s->other, TIME, estimate);
}

/* ---- from videos to a model ---- */

static void clear(const char *folder)
{
    if (access(folder, F_OK) == 0)
        remove_folder(folder);
}

static avsound_status prepare(void *scene_)
{
    scene *s = scene_;
    const char *const paths[] = {s->videos};
    avsound_prepare_report *report = NULL;
    avsound_prepare_options options;
    CALL(avsound_prepare_options_init, &options, sizeof options);
    options.workers = 1;
    clear(s->clips);
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_prepare, s->context, paths, 1, s->clips, &options, &report);
    ck_assert((status == AVSOUND_OK) == (report != NULL));
    if (!status) {
        avsound_prepared_clip clip = {.struct_size = sizeof clip};
        ck_assert_int_eq(CALL(avsound_prepare_report_count, report), 2);
        ck_avsound(CALL(avsound_prepare_report_clip, report, 0, &clip));
        ck_assert_msg(clip.flags == 0, "%s", clip.error ? clip.error : "");
    }
    CALL(avsound_prepare_report_free, report);
    return status;
}

static avsound_trainer_options some_options(void)
{
    avsound_trainer_options options;
    CALL(avsound_trainer_options_init, &options, sizeof options);
    options.batch = 2;
    options.epochs = 1;
    options.steps_per_epoch = 3;
    options.threads = options.workers = 1;
    options.ema = 0.9;
    return options;
}

static avsound_status begun(scene *s, avsound_trainer **trainer)
{
    const avsound_trainer_options options = some_options();
    *trainer = NULL;
    const avsound_status status =
        CALL(avsound_trainer_create, s->context, s->model, s->clips, s->run, &options, trainer);
    ck_assert((status == AVSOUND_OK) == (*trainer != NULL));
    return status;
}

static avsound_status create_trainer(void *scene_)
{
    scene *s = scene_;
    avsound_trainer *trainer;
    arm(&s->refusals);
    const avsound_status status = begun(s, &trainer);
    CALL(avsound_trainer_free, trainer);
    return status;
}

static avsound_status use_trainer(void *scene_)
{
    scene *s = scene_;
    avsound_trainer *trainer;
    avsound_model *model = NULL;
    ck_avsound(begun(s, &trainer));
    arm(&s->refusals);
    avsound_status status = CALL(avsound_trainer_sheet, trainer, s->drawing);
    if (!status)
        status = CALL(avsound_trainer_model, trainer, &model);
    avsound_model_free(model);
    ck_assert_ptr_nonnull(CALL(avsound_trainer_state, trainer));
    disarm(&s->refusals);
    avsound_trainer_free(trainer);
    return status;
}

/* A run that could not be saved, or whose loader found no memory, ends; it does not go on without. */
static avsound_status run_trainer(void *scene_)
{
    scene *s = scene_;
    avsound_trainer *trainer;
    clear(s->run);
    ck_avsound(begun(s, &trainer));
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_trainer_run, trainer);
    disarm(&s->refusals);
    avsound_trainer_free(trainer);
    return status;
}

static avsound_status resume_trainer(void *scene_)
{
    scene *s = scene_;
    avsound_trainer *trainer = NULL;
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    options.workers = options.threads = 1;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_trainer_resume, s->context, s->run, &options, &trainer);
    ck_assert((status == AVSOUND_OK) == (trainer != NULL));
    avsound_trainer_free(trainer);
    return status;
}

/* ---- the table ---- */

static void begin(scene *s)
{
    make_folder(s->folder);
    snprintf(s->videos, sizeof s->videos, "%s/videos", s->folder);
    snprintf(s->clips, sizeof s->clips, "%s/clips", s->folder);
    snprintf(s->run, sizeof s->run, "%s/run", s->folder);
    snprintf(s->drawing, sizeof s->drawing, "%s/sheet.png", s->folder);
    s->context = counting_context(&s->refusals.budget);
    ck_avsound(avsound_model_create(s->context, "avol-net", tiny, 7, &s->model));
    for (int i = 0; i < COUNT * 4; i++) {
        s->a[i] = (float)(i * 37 % 19) / 19;
        s->b[i] = (float)(i * 53 % 23) / 23;
    }
    for (int i = 0; i < TIME; i++) {
        s->wave[i] = (float)sin(0.3 * i);
        s->other[i] = (float)cos(0.9 * i);
    }
    for (int i = 0; i < COUNT; i++) {
        s->items[i] = (double)(i % 5) / 5;
        s->clip_of[i] = i / 2;
        s->flags[i] = (uint8_t)(i % 3 == 0);
    }
}

static void make_videos(scene *s)
{
    char command[128], path[160], sound[160];
    snprintf(command, sizeof command, "mkdir '%s'", s->videos);
    ck_assert_int_eq(system(command), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%d.mkv", s->videos, i);
        snprintf(sound, sizeof sound, "%s/%d.wav", s->videos, i);
        write_wav(sound, 1.2 + 0.1 * i);
        write_clip(s->context, path, sound, 30 + i);
        ck_assert_int_eq(unlink(sound), 0);
    }
}

typedef void (*refuse_fn)(const char *name, refusals *r, void *what, attempt_fn attempt);

/* What the attempt needs to be there: nothing, videos, clips, a run. */
enum { NOTHING, VIDEOS, CLIPS, RUN };

static void play(const char *name, int stage, refuse_fn refuse, attempt_fn attempt)
{
    scene *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    begin(s);
    if (stage >= VIDEOS)
        make_videos(s);
    if (stage >= CLIPS)
        ck_avsound(prepare(s));
    if (stage >= RUN)
        ck_avsound(run_trainer(s));
    refuse(name, &s->refusals, s, attempt);
    avsound_model_free(s->model);
    avsound_context_free(s->context);
    ck_assert_int_eq(atomic_load(&s->refusals.budget.live), 0);
    remove_folder(s->folder);
    free(s);
}

#define SCENE(attempt, stage, refuse)           \
    START_TEST(attempt##_survives)              \
    {                                           \
        play(#attempt, stage, refuse, attempt); \
    }                                           \
    END_TEST

#define SCENES(X)                             \
    X(measure_plainly, NOTHING, refuse_all)   \
    X(mean, NOTHING, refuse_each)             \
    X(decibels, NOTHING, refuse_each)         \
    X(correspondence, NOTHING, refuse_each)   \
    X(negatives, NOTHING, refuse_each)        \
    X(retrieval, NOTHING, refuse_each)        \
    X(measure_map, NOTHING, refuse_each)      \
    X(draw_confusion, NOTHING, refuse_each)   \
    X(sync_search, NOTHING, refuse_each)      \
    X(sync_metric, NOTHING, refuse_each)      \
    X(judge_separation, NOTHING, refuse_each) \
    X(ideal_mask, NOTHING, refuse_each)       \
    X(prepare, VIDEOS, refuse_each)           \
    X(create_trainer, CLIPS, refuse_each)     \
    X(use_trainer, CLIPS, refuse_each)        \
    X(run_trainer, CLIPS, refuse_each)        \
    X(resume_trainer, RUN, refuse_each)

SCENES(SCENE)

START_TEST(no_function_was_left_out)
{
    check_all_called("libavsound_train.symbols");
}
END_TEST

#define NAME(attempt, stage, refuse) attempt##_survives,

SUITE("contract.alloc_failure_train", SCENES(NAME) no_function_was_left_out)
