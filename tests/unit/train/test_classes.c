/* Recognition: labels of clips, the network that they make of one in time, what it learns, what is refused. */
#include "failing.h"
#include "suite.h"

#include <avsound/train.h>

#include "network/network.h"
#include "train/classes.h"
#include "unit/train/make_clips.h"

#include <sys/stat.h>

enum { MOST_STEPS = 64, CLIPS = 8 };

static const char tiny[] = "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":32,\"height\":32,\"short_side\":36},"
                           "\"clip\":{\"frames\":13,\"frame_rate\":25,\"sample_rate\":8000}}";
static const clips_spec clips = {.clips = CLIPS, .groups = CLIPS, .width = 48, .height = 48, .frames = 24};

typedef struct watcher {
    int64_t stop_at; /* step; 0: never */
    double loss[MOST_STEPS], accuracy[MOST_STEPS];
} watcher;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    watcher *w = user_data;
    if (state->event == AVSOUND_TRAINING_STEP && state->step < MOST_STEPS) {
        w->loss[state->step] = state->loss;
        w->accuracy[state->step] = state->accuracy;
    }
    return w->stop_at && state->step >= w->stop_at;
}

typedef struct fixture {
    avsound_context *context;
    const char *folder;
    avsound_augmentation augmentation;
    avsound_trainer_options options;
    avsound_model *alignment;
    watcher watcher;
} fixture;

static const char *path_in(const fixture *f, const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    return path;
}

/* A table of the first `count` clips with these columns besides; `more` has a text for each. */
static void write_table(const fixture *f, const char *name, const char *columns, const char *const *more, int count)
{
    FILE *table = fopen(path_in(f, name), "wb");
    ck_assert_ptr_nonnull(table);
    fprintf(table, "file,group,frames,samples,flags%s\n", columns);
    for (int c = 0; c < count; c++)
        fprintf(table, "%03d.mkv,g%d,24,%d,%s\n", c, c, 24 * 1920, more[c]);
    fclose(table);
}

static const char *const three[CLIPS] = {",drum", ",bell", ",drum", ",bell", ",drum", ",bell", ",siren", ",siren"};

static void set_up(fixture *f)
{
    *f = (fixture){.folder = temporary_folder(), .augmentation = {.struct_size = sizeof f->augmentation}};
    ck_avsound(avsound_context_create(NULL, &f->context));
    ck_assert_int_eq(mkdir(path_in(f, "clips"), 0777), 0);
    make_clips(path_in(f, "clips"), &clips);
    write_table(f, "clips/prepared.csv", ",label", three, CLIPS);
    ck_avsound(avsound_model_create(f->context, "multisensory", tiny, 5, &f->alignment));
    f->augmentation = (avsound_augmentation){.struct_size = sizeof f->augmentation, .flip = -1, .brightness = -1, .saturation = -1,
                                             .gain = -1};
    avsound_trainer_options_init(&f->options, sizeof f->options);
    f->options.objective = AVSOUND_OBJECTIVE_CLASSIFY;
    f->options.threads = 1;
    f->options.workers = 2;
    f->options.batch = CLIPS;
    f->options.epochs = 1;
    f->options.augmentation = &f->augmentation;
    f->options.progress = watch;
    f->options.user_data = &f->watcher;
}

static void tear_down(fixture *f)
{
    avsound_model_free(f->alignment);
    avsound_context_free(f->context);
}

static avsound_trainer *started(fixture *f, const avsound_model *init, const char *run)
{
    avsound_trainer *trainer;
    ck_avsound(avsound_trainer_create(f->context, (avsound_model *)(uintptr_t)init, path_in(f, "clips"), path_in(f, run),
                                      &f->options, &trainer));
    return trainer;
}

/* ---- labels ---- */

static avsn_dataset *opened(const fixture *f, const char *table)
{
    avsn_dataset *data;
    ck_avsound(avsn_dataset_open(f->context, path_in(f, table), &data));
    return data;
}

START_TEST(labels_are_a_column_or_a_folder)
{
    static const char *const more[] = {",ding,/a/bell/1.mp4", ",,/a/big bell/2.mp4", ",,/3.mp4", ",,4.mp4", ",\"a,b\",", ",,"};
    static const char *const want[] = {"ding", "big bell", "", "", "a,b", ""};
    fixture f;
    set_up(&f);
    write_table(&f, "clips/some.csv", ",label,source", more, 6);
    avsn_dataset *data = opened(&f, "clips/some.csv");
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(avsn_dataset_clip_at(data, i)->label, want[i]);
        ck_assert_int_eq(avsn_dataset_clip_at(data, i)->label_class, -1);
    }
    avsn_dataset_free(data);
    tear_down(&f);
}
END_TEST

START_TEST(classes_are_the_labels_in_order)
{
    static const char *const names[] = {"bell", "drum", "siren"};
    char before[64];
    avsn_classes *classes;
    fixture f;
    set_up(&f);
    avsn_dataset *data = opened(&f, "clips");
    snprintf(before, sizeof before, "%s", avsn_dataset_digest(data));
    ck_avsound(avsn_classes_create(f.context, data, &classes));
    ck_assert_int_eq(classes->count, 3);
    ck_assert_str_eq(classes->text, "[\"bell\",\"drum\",\"siren\"]");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(avsn_classes_find(classes, names[i]), i);
    ck_assert_int_eq(avsn_classes_find(classes, "drums"), -1);
    ck_avsound(avsn_dataset_classify(data, classes));
    for (int i = 0; i < CLIPS; i++)
        ck_assert_str_eq(names[avsn_dataset_clip_at(data, i)->label_class], three[i] + 1);
    ck_assert_str_ne(avsn_dataset_digest(data), before);
    avsn_classes_free(classes);
    avsn_dataset_free(data);
    tear_down(&f);
}
END_TEST

static void ck_no_classes(const fixture *f, const char *const *more, int count, const char *words)
{
    avsn_classes *classes;
    write_table(f, "clips/bad.csv", ",label", more, count);
    avsn_dataset *data = opened(f, "clips/bad.csv");
    ck_refused(avsn_classes_create(f->context, data, &classes), AVSOUND_E_INVALID_ARGUMENT, words);
    ck_assert_ptr_null(classes);
    avsn_dataset_free(data);
}

START_TEST(labels_that_teach_nothing_are_refused)
{
    static const char *const one[] = {",drum", ",drum"}, *const none[] = {",drum", ",", ",bell"};
    static const char *const bytes[] = {",drum", ",\xff\xfe"};
    avsn_classes *classes;
    fixture f;
    set_up(&f);
    ck_no_classes(&f, one, 2, "all 2 clips have the label \"drum\"");
    ck_no_classes(&f, none, 3, "001.mkv has no label");
    ck_no_classes(&f, bytes, 2, "is no UTF-8");
    write_table(&f, "clips/bad.csv", ",label", (const char *const[]){",drum", ",gong"}, 2);
    avsn_dataset *data = opened(&f, "clips"), *other = opened(&f, "clips/bad.csv");
    ck_avsound(avsn_classes_create(f.context, data, &classes));
    ck_refused(avsn_dataset_classify(other, classes), AVSOUND_E_INVALID_ARGUMENT,
               "001.mkv has the label \"gong\", which is none of the 3 that are learned");
    avsn_classes_free(classes);
    avsn_dataset_free(data);
    avsn_dataset_free(other);
    tear_down(&f);
}
END_TEST

/* ---- the network ---- */

static bool same(const avsn_params *a, const avsn_params *b, const char *name)
{
    const avsn_named_tensor *x = avsn_params_find(a, name), *y = avsn_params_find(b, name);
    int64_t count;
    ck_assert_msg(x && y, "no %s", name);
    avsn_shape_count(&x->shape, &count);
    return avsn_shape_equal(&x->shape, &y->shape) && !memcmp(x->data, y->data, (size_t)count * sizeof *x->data);
}

static avsound_model *classifier(const avsound_model *from, const char *names, int32_t classes, uint64_t seed)
{
    avsound_model *model;
    ck_avsound(avsn_model_classifier(from, names, classes, false, seed, &model));
    return model;
}

static avsound_model *named(const avsound_model *like, const char *names)
{
    avsound_model *model;
    const char *const keys[] = {AVSN_KEY_CLASSES}, *const values[] = {names};
    ck_avsound(avsn_model_trained(like, &like->params, keys, values, 1, &model));
    return model;
}

/* Its last layer is kept for the same classes alone, all below it always. */
START_TEST(a_classifier_begins_with_another_network)
{
    static const char ab[] = "[\"a\",\"b\"]", ac[] = "[\"a\",\"c\"]", abc[] = "[\"a\",\"b\",\"c\"]";
    fixture f;
    set_up(&f);
    avsound_model *first = classifier(f.alignment, ab, 2, 1);
    ck_assert_int_eq(first->config.classes, 2);
    for (int32_t i = 0; i < f.alignment->params.count; i++) {
        const char *name = f.alignment->params.items[i].name;
        ck_assert_msg(!strncmp(name, "joint.", 6) || same(&first->params, &f.alignment->params, name), "%s", name);
    }
    ck_assert_ptr_null(avsn_params_find(&first->params, "joint.logits.weight"));
    ck_assert_float_eq(avsn_params_find(&first->params, "im.conv2_1_bn.weight")->data[0], 1);
    avsound_model *trained = named(first, ab), *again = classifier(trained, ab, 2, 9), *other = classifier(trained, ac, 2, 9),
                  *more = classifier(trained, abc, 3, 9);
    ck_assert(same(&again->params, &first->params, "lb.logits.weight"));
    ck_assert(!same(&other->params, &first->params, "lb.logits.weight"));
    ck_assert(same(&other->params, &first->params, "im.conv5_2_2.weight"));
    ck_assert(same(&more->params, &first->params, "im.conv5_2_2.weight"));
    ck_assert_int_eq(avsn_params_find(&more->params, "lb.logits.bias")->shape.dim[0], 3);
    avsound_model *const all[] = {first, trained, again, other, more};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        avsound_model_free(all[i]);
    tear_down(&f);
}
END_TEST

static void fill(avsound_session *session, const char *name, uint64_t seed)
{
    avsound_tensor view = {.struct_size = sizeof view};
    const char *found = "";
    for (int32_t i = 0; strcmp(found, name); i++)
        ck_avsound(avsound_session_input(session, i, &found, &view));
    size_t count = 1;
    for (int32_t d = 0; d < view.rank; d++)
        count *= (size_t)view.shape[d];
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((double)((seed + i) * 2654435761u % 1000) / 1000 - 0.5);
    view.data = values;
    ck_avsound(avsound_session_set_input(session, name, &view));
    free(values);
}

static double first_class(avsound_session *session, uint64_t frames, uint64_t sound)
{
    avsound_tensor view = {.struct_size = sizeof view};
    fill(session, "frames", frames);
    fill(session, "waveform", sound);
    ck_avsound(avsound_session_run(session));
    ck_avsound(avsound_session_get_output(session, "classes", &view));
    return (double)((const float *)view.data)[0];
}

START_TEST(who_sees_alone_hears_nothing)
{
    avsound_model *model;
    avsound_session *session;
    fixture f;
    set_up(&f);
    ck_avsound(avsn_model_classifier(f.alignment, "[]", 3, true, 1, &model));
    ck_avsound(avsound_session_create(model, NULL, &session));
    const double one = first_class(session, 1, 1);
    ck_assert_double_eq(first_class(session, 1, 77), one);
    ck_assert_double_ne(first_class(session, 50, 1), one);
    avsound_session_free(session);
    avsound_model_free(model);
    model = classifier(f.alignment, "[]", 3, 1);
    ck_avsound(avsound_session_create(model, NULL, &session));
    ck_assert_double_ne(first_class(session, 1, 77), first_class(session, 1, 1));
    avsound_session_free(session);
    avsound_model_free(model);
    tear_down(&f);
}
END_TEST

/* ---- training ---- */

START_TEST(eight_clips_are_learned_by_heart)
{
    avsound_model *model;
    fixture f;
    set_up(&f);
    f.options.steps_per_epoch = 50;
    f.options.learning_rate = 4e-3;
    f.options.schedule = AVSOUND_SCHEDULE_COSINE;
    f.options.statistics_momentum = 0.1;
    f.options.validation = path_in(&f, "clips");
    avsound_trainer *trainer = started(&f, f.alignment, "run");
    ck_avsound(avsound_trainer_run(trainer));
    const avsound_training_state *state = avsound_trainer_state(trainer);
    printf("loss %.3f at first, %.4f at last, accuracy %.3f; validation %.3f\n", f.watcher.loss[1], f.watcher.loss[50],
           f.watcher.accuracy[50], state->validation_accuracy);
    ck_assert_double_gt(f.watcher.loss[1], 0.7);
    ck_assert_double_lt(f.watcher.loss[50], 0.2);
    for (int i = 46; i <= 50; i++)
        ck_assert_double_eq(f.watcher.accuracy[i], 1);
    ck_assert_double_gt(state->validation_accuracy, 0.95);
    ck_assert(isnan(state->validation_auc));
    ck_avsound(avsound_trainer_model(trainer, &model));
    ck_assert_str_eq(avsound_model_metadata(model, "avsound.classes"), "[\"bell\",\"drum\",\"siren\"]");
    ck_assert_str_eq(avsound_model_metadata(model, "avsound.training.objective"), "classify");
    ck_assert_int_eq(model->config.classes, 3);
    ck_assert(!same(&model->params, &f.alignment->params, "sf.conv1_1.weight")); /* everything is tuned */
    avsound_model_free(model);
    avsound_trainer_free(trainer);
    tear_down(&f);
}
END_TEST

START_TEST(who_sees_alone_learns_from_pictures_alone)
{
    avsound_model *model;
    fixture f;
    set_up(&f);
    f.options.vision_only = 1;
    f.options.steps_per_epoch = 2;
    avsound_trainer *trainer = started(&f, f.alignment, "run");
    ck_avsound(avsound_trainer_run(trainer));
    ck_avsound(avsound_trainer_model(trainer, &model));
    ck_assert_int_eq(model->config.vision_only, 1);
    ck_assert(same(&model->params, &f.alignment->params, "sf.conv1_1.weight"));
    ck_assert(same(&model->params, &f.alignment->params, "sf.conv5_1.bn.bias"));
    ck_assert(!same(&model->params, &f.alignment->params, "im.conv1.weight"));
    avsound_model_free(model);
    avsound_trainer_free(trainer);
    tear_down(&f);
}
END_TEST

static char *bytes_of(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void ck_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    char *bytes_a = bytes_of(a, &size_a), *bytes_b = bytes_of(b, &size_b);
    ck_assert_msg(size_a == size_b && !memcmp(bytes_a, bytes_b, size_a), "%s and %s differ", a, b);
    free(bytes_a);
    free(bytes_b);
}

START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    avsound_trainer *trainer;
    fixture f;
    set_up(&f);
    f.options.vision_only = 1;
    f.options.steps_per_epoch = 4;
    trainer = started(&f, f.alignment, "whole");
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    f.watcher.stop_at = 2;
    trainer = started(&f, f.alignment, "pieces");
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, "stopped after step 2 of 4");
    avsound_trainer_free(trainer);
    f.watcher.stop_at = 0;
    ck_avsound(avsound_trainer_resume(f.context, path_in(&f, "pieces"), NULL, &trainer));
    ck_avsound(avsound_trainer_sheet(trainer, path_in(&f, "sheet.png")));
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    ck_same_file(path_in(&f, "whole/last.safetensors"), path_in(&f, "pieces/last.safetensors"));
    write_table(&f, "clips/prepared.csv", ",label", (const char *const[]){",b", ",a", ",b", ",a", ",b", ",a", ",c", ",c"}, CLIPS);
    ck_refused(avsound_trainer_resume(f.context, path_in(&f, "whole"), NULL, &trainer), AVSOUND_E_STATE,
               "no longer those that the run began with");
    write_table(&f, "clips/prepared.csv", ",label", (const char *const[]){",b", ",a", ",b", ",a", ",b", ",a", ",a", ",a"}, CLIPS);
    ck_refused(avsound_trainer_resume(f.context, path_in(&f, "whole"), NULL, &trainer), AVSOUND_E_STATE,
               "the clips have 2 labels, the run began with 3");
    tear_down(&f);
}
END_TEST

static void ck_no_trainer(fixture *f, avsound_model *init, avsound_status status, const char *words)
{
    avsound_trainer *trainer;
    ck_refused(avsound_trainer_create(f->context, init, path_in(f, "clips"), path_in(f, "none"), &f->options, &trainer), status,
               words);
    ck_assert_ptr_null(trainer);
}

START_TEST(what_cannot_be_learned_is_refused)
{
    avsound_model *pictures;
    fixture f;
    set_up(&f);
    ck_avsound(avsound_model_create(f.context, "ave-net", "{\"width\":0.0625}", 1, &pictures));
    ck_no_trainer(&f, pictures, AVSOUND_E_UNSUPPORTED, "ave-net tells no classes apart");
    avsound_model *classes = classifier(f.alignment, "[]", 2, 1);
    f.options.objective = AVSOUND_OBJECTIVE_SHIFT;
    ck_no_trainer(&f, classes, AVSOUND_E_UNSUPPORTED, "this multisensory tells classes apart");
    f.options.objective = AVSOUND_OBJECTIVE_AVC;
    ck_no_trainer(&f, classes, AVSOUND_E_UNSUPPORTED, "nothing but AVSOUND_OBJECTIVE_SHIFT and _CLASSIFY");
    f.options.objective = AVSOUND_OBJECTIVE_CLASSIFY;
    f.options.vision_only = 2;
    ck_no_trainer(&f, f.alignment, AVSOUND_E_INVALID_ARGUMENT, "vision_only is 2, want 0...1");
    f.options.vision_only = 0;
    write_table(&f, "clips/other.csv", ",label", (const char *const[]){",drum", ",gong"}, 2);
    f.options.validation = path_in(&f, "clips/other.csv");
    ck_no_trainer(&f, f.alignment, AVSOUND_E_INVALID_ARGUMENT, "has the label \"gong\"");
    f.options.validation = NULL;
    write_table(&f, "clips/prepared.csv", "", (const char *const[]){"", ""}, 2);
    ck_no_trainer(&f, f.alignment, AVSOUND_E_INVALID_ARGUMENT, "000.mkv has no label");
    avsound_model_free(classes);
    avsound_model_free(pictures);
    tear_down(&f);
}
END_TEST

START_TEST(refused_allocations_leave_nothing)
{
    failing count;
    avsn_classes *classes;
    avsound_model *alignment, *out;
    avsn_dataset *data;
    fixture f;
    set_up(&f);
    avsound_context *context = failing_context(&count);
    ck_avsound(avsound_model_create(context, "multisensory", tiny, 5, &alignment));
    ck_survives_refusals(&count, avsn_model_classifier(alignment, "[]", 2, true, 1, &out), avsound_model_free(out));
    ck_survives_refusals(&count, avsn_dataset_open(context, path_in(&f, "clips"), &data), avsn_dataset_free(data));
    ck_avsound(avsn_dataset_open(context, path_in(&f, "clips"), &data));
    ck_survives_refusals(&count, avsn_classes_create(context, data, &classes), avsn_classes_free(classes));
    avsn_dataset_free(data);
    avsound_model_free(alignment);
    avsound_context_free(context);
    ck_assert_int_eq(count.held, 0);
    tear_down(&f);
}
END_TEST

SUITE("train.classes", labels_are_a_column_or_a_folder, classes_are_the_labels_in_order, labels_that_teach_nothing_are_refused,
      a_classifier_begins_with_another_network, who_sees_alone_hears_nothing, eight_clips_are_learned_by_heart,
      who_sees_alone_learns_from_pictures_alone, resumed_runs_are_the_same_to_the_bit, what_cannot_be_learned_is_refused,
      refused_allocations_leave_nothing)
