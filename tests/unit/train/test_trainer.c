/* A run: the same twice, the same to the bit when interrupted and resumed, its files whole, its refusals by name. */
#include "suite.h"

#include <avsound/train.h>

#include "train/trainer.h"
#include "unit/media/make_files.h"

#include <sys/stat.h>
#include <unistd.h>

enum { CLIPS = 6, FRAMES = 40 };

static char folder[512];

static const char *in_folder(const char *name)
{
    static char paths[8][700];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void make_clips(void)
{
    snprintf(folder, sizeof folder, "%s", temporary_path("run"));
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    ck_assert_int_eq(mkdir(in_folder("clips"), 0777), 0);
    FILE *table = fopen(in_folder("clips/prepared.csv"), "w");
    fputs("file,group,frames,samples,flags\n", table);
    for (int i = 0; i < CLIPS; i++) {
        const make_spec spec = {.container = "matroska",
                                .video_encoder = "mjpeg",
                                .width = 64 + 16 * (i % 2),
                                .height = 64,
                                .frames = FRAMES,
                                .pixel_format = AV_PIX_FMT_YUVJ420P,
                                .range = AVCOL_RANGE_JPEG,
                                .tick = {1, 25},
                                .audio_encoder = "pcm_s16le",
                                .rate = 48000,
                                .channels = 1 + i % 2,
                                .samples = FRAMES * 1920};
        char name[64];
        snprintf(name, sizeof name, "clips/%d.mkv", i);
        make_media(in_folder(name), &spec);
        fprintf(table, "%d.mkv,g%d,%d,%d,\n", i, i, FRAMES, FRAMES * 1920);
    }
    fclose(table);
}

static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 48, \"height\": 48, \"short_side\": 56}}";

static avsound_model *tiny_model(avsound_context *context, const char *arch)
{
    avsound_model *model;
    ck_avsound(avsound_model_create(context, arch, tiny, 5, &model));
    return model;
}

typedef struct watcher {
    int64_t stop_at; /* step; 0: never */
    int steps, epochs;
    double losses[64];
} watcher;

static int32_t watch(const avsound_training_state *state, void *user_data)
{
    watcher *w = user_data;
    ck_assert_uint_eq(state->struct_size, sizeof *state);
    if (state->event == AVSOUND_TRAINING_STEP && state->step < 64) {
        w->losses[state->step] = state->loss;
        w->steps++;
    }
    w->epochs += state->event == AVSOUND_TRAINING_EPOCH;
    return w->stop_at && state->step >= w->stop_at;
}

static avsound_trainer_options short_run(watcher *w)
{
    avsound_trainer_options o;
    avsound_trainer_options_init(&o, sizeof o);
    o.threads = 1;
    o.workers = 2;
    o.batch = 4;
    o.epochs = 2;
    o.steps_per_epoch = 3;
    o.learning_rate = 1e-3;
    o.ema = 0.9;
    o.clip_norm = 1;
    o.seed = 7;
    o.validation = in_folder("clips");
    o.progress = watch;
    o.user_data = w;
    return o;
}

static avsound_trainer *started(avsound_context *context, const char *arch, const char *run,
                                const avsound_trainer_options *o)
{
    avsound_model *model = tiny_model(context, arch);
    avsound_trainer *trainer;
    ck_avsound(avsound_trainer_create(context, model, in_folder("clips"), in_folder(run), o, &trainer));
    avsound_model_free(model);
    return trainer;
}

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
    char *bytes_a = bytes_of(in_folder(a), &size_a), *bytes_b = bytes_of(in_folder(b), &size_b);
    ck_assert_msg(size_a == size_b && !memcmp(bytes_a, bytes_b, size_a), "%s and %s differ", a, b);
    free(bytes_a);
    free(bytes_b);
}

static void run_whole(avsound_context *context, const char *arch, const char *run, int32_t objective)
{
    watcher w = {0};
    avsound_trainer_options o = short_run(&w);
    o.objective = objective;
    avsound_trainer *trainer = started(context, arch, run, &o);
    ck_avsound(avsound_trainer_run(trainer));
    ck_assert_int_eq(w.steps, 6);
    ck_assert_int_eq(w.epochs, 2);
    ck_assert_int_eq(avsound_trainer_state(trainer)->epoch, 2);
    ck_assert(isfinite(avsound_trainer_state(trainer)->validation_loss));
    avsound_trainer_free(trainer);
}

static void run_in_pieces(avsound_context *context, const char *arch, const char *run, int32_t objective)
{
    watcher w = {.stop_at = 2};
    avsound_trainer_options o = short_run(&w);
    o.objective = objective;
    avsound_trainer *trainer = started(context, arch, run, &o);
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, "stopped after step 2 of 6");
    avsound_trainer_free(trainer);
    for (w.stop_at = 4; w.stop_at <= 6; w.stop_at += 1) {
        ck_avsound(avsound_trainer_resume(context, in_folder(run), &o, &trainer));
        const avsound_status status = avsound_trainer_run(trainer);
        ck_assert_msg(status == AVSOUND_E_CANCELLED, "%s", avsound_error_detail());
        avsound_trainer_free(trainer);
    }
    w.stop_at = 0;
    ck_avsound(avsound_trainer_resume(context, in_folder(run), &o, &trainer));
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
}

START_TEST(resumed_runs_are_the_same_to_the_bit)
{
    static const struct {
        const char *arch;
        int32_t objective;
    } runs[] = {{"ave-net", AVSOUND_OBJECTIVE_AVC},
                {"avol-net", AVSOUND_OBJECTIVE_CONTRASTIVE},
                {"l3-net", AVSOUND_OBJECTIVE_AVC},
                {"avol-net", AVSOUND_OBJECTIVE_VIEWS_IMAGE},
                {"ave-net", AVSOUND_OBJECTIVE_VIEWS_AUDIO}};
    avsound_context *context = plain_context();
    make_clips();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        char whole[32], pieces[32], a[64], b[64];
        snprintf(whole, sizeof whole, "whole-%zu", i);
        snprintf(pieces, sizeof pieces, "pieces-%zu", i);
        run_whole(context, runs[i].arch, whole, runs[i].objective);
        run_in_pieces(context, runs[i].arch, pieces, runs[i].objective);
        static const char *const files[] = {"checkpoint.safetensors", "last.safetensors", "best.safetensors"};
        for (size_t k = 0; k < 3; k++) {
            snprintf(a, sizeof a, "%s/%s", whole, files[k]);
            snprintf(b, sizeof b, "%s/%s", pieces, files[k]);
            ck_same_file(a, b);
        }
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(a_run_leaves_models_and_a_log)
{
    avsound_context *context = plain_context();
    watcher w = {0};
    make_clips();
    const avsound_trainer_options o = short_run(&w);
    avsound_trainer *trainer = started(context, "avol-net", "run", &o);
    struct stat found;
    ck_assert_int_ne(stat(in_folder("run"), &found), 0); /* nothing is written before it runs */
    ck_avsound(avsound_trainer_run(trainer));
    avsound_model *now, *last;
    ck_avsound(avsound_trainer_model(trainer, &now));
    ck_avsound(avsound_model_load(context, in_folder("run/last.safetensors"), &last));
    ck_assert_int_eq(avsound_model_is_trained(last), 1);
    ck_assert_str_eq(avsound_model_config(last), avsound_model_config(now));
    ck_assert_str_eq(avsound_model_metadata(last, "avsound.training.steps"), "6");
    for (int32_t i = 0; i < avsound_model_parameter_count(now); i++) {
        avsound_tensor a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        int64_t count = 1;
        ck_avsound(avsound_model_get_parameter(now, i, NULL, &a));
        ck_avsound(avsound_model_get_parameter(last, i, NULL, &b));
        for (int32_t k = 0; k < a.rank; k++)
            count *= a.shape[k];
        ck_assert_mem_eq(a.data, b.data, (size_t)count * sizeof(float));
    }
    avsound_model_free(now);
    avsound_model_free(last);
    avsound_trainer_free(trainer);
    ck_avsound(avsound_model_load(context, in_folder("run/best.safetensors"), &last));
    avsound_model_free(last);
    ck_assert_int_eq(stat(in_folder("run/curves.png"), &found), 0);
    size_t size;
    char *log = bytes_of(in_folder("run/log.jsonl"), &size);
    int lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += log[i] == '\n';
    ck_assert_int_ge(lines, 1 + 6 + 2); /* the beginning, the steps, the epochs */
    free(log);

    avsound_model *model = tiny_model(context, "avol-net");
    ck_refused(avsound_trainer_create(context, model, in_folder("clips"), in_folder("run"), &o, &trainer),
               AVSOUND_E_STATE, "holds a run already");
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

/* Without learning, a step of two batches is the mean of two steps of one. */
START_TEST(batches_accumulate)
{
    avsound_context *context = plain_context();
    make_clips();
    double losses[2][7];
    for (int k = 0; k < 2; k++) {
        watcher w = {0};
        avsound_trainer_options o = short_run(&w);
        o.accumulate = k + 1;
        o.learning_rate = 1e-12;
        o.epochs = 1;
        o.steps_per_epoch = 6 / (k + 1);
        avsound_trainer *trainer = started(context, "ave-net", k ? "two" : "one", &o);
        ck_avsound(avsound_trainer_run(trainer));
        memcpy(losses[k], w.losses, sizeof losses[k]);
        avsound_trainer_free(trainer);
    }
    for (int i = 1; i <= 3; i++)
        ck_assert_double_eq_tol(losses[1][i], (losses[0][2 * i - 1] + losses[0][2 * i]) / 2, 1e-6);
    ck_assert_double_ne(losses[0][1], losses[0][2]);
    avsound_context_free(context);
}
END_TEST

/* What validation judges by is what users will get: the logits of a session on the saved model. */
START_TEST(validation_judges_as_a_session_does)
{
    static const char *const archs[] = {"ave-net", "avol-net", "l3-net"};
    avsound_context *context = plain_context();
    make_clips();
    for (size_t k = 0; k < 3; k++) {
        watcher w = {0};
        avsound_trainer_options o = short_run(&w);
        o.epochs = 4; /* running statistics that have left their first values */
        avsound_trainer *t = started(context, archs[k], archs[k], &o);
        ck_avsound(avsound_trainer_run(t));
        avsound_model *model;
        ck_avsound(avsound_trainer_model(t, &model));
        avsound_session_options so;
        avsound_session_options_init(&so, sizeof so);
        so.batch = 4;
        so.outputs = "logits";
        avsound_session *session;
        ck_avsound(avsound_session_create(model, &so, &session));
        const avsn_batch *batch;
        float scores[4], logits[4];
        ck_avsound(avsn_loader_start(t->validation_loader, 0, 0));
        ck_avsound(avsn_loader_next(t->validation_loader, &batch));
        ck_avsound(avsn_judge_run(t->judge, batch, scores, logits));
        for (int32_t i = 0; i < 2; i++) {
            avsound_tensor view = {.struct_size = sizeof view};
            const char *name;
            ck_avsound(avsound_session_input(session, i, &name, &view));
            view.data = strcmp(name, "image") ? batch->spectrogram : batch->image;
            ck_avsound(avsound_session_set_input(session, name, &view));
        }
        ck_avsound(avsound_session_run(session));
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_session_get_output(session, "logits", &view));
        const float *theirs = view.data;
        for (int i = 0; i < 4; i++) {
            const float logit = view.shape[1] == 2 ? theirs[2 * i + 1] - theirs[2 * i] : theirs[i];
            ck_assert_msg(fabsf(logit - logits[i]) <= 1e-4f * fmaxf(1, fabsf(logit)), "%s: %g, want %g", archs[k],
                          (double)logits[i], (double)logit); /* f32, with and without folded batch norms */
            ck_assert_float_eq_tol(scores[i], 1 / (1 + expf(-logit)), 1e-4f);
        }
        avsound_session_free(session);
        avsound_model_free(model);
        avsound_trainer_free(t);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(loss_falls_on_few_clips)
{
    avsound_context *context = plain_context();
    watcher w = {0};
    make_clips();
    avsound_trainer_options o = short_run(&w);
    o.validation = NULL;
    o.epochs = 1;
    o.steps_per_epoch = 60;
    o.batch = 8;
    o.learning_rate = 3e-3;
    avsound_trainer *trainer = started(context, "l3-net", "falls", &o);
    ck_avsound(avsound_trainer_run(trainer));
    double first = 0, last = 0;
    for (int i = 1; i <= 10; i++) {
        first += w.losses[i] / 10;
        last += w.losses[50 + i - 1] / 10;
    }
    ck_assert_msg(last < 0.8 * first, "loss %g at first, %g at last", first, last);
    avsound_trainer_free(trainer);
    avsound_context_free(context);
}
END_TEST

/* The parameters of two models that differ. */
static bool ck_moved(const avsound_model *before, const avsound_model *after, const char *tower)
{
    int32_t moved = 0;
    ck_assert_int_eq(avsound_model_parameter_count(before), avsound_model_parameter_count(after));
    for (int32_t i = 0; i < avsound_model_parameter_count(before); i++) {
        avsound_tensor a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        const char *name;
        int64_t count = 1;
        ck_avsound(avsound_model_get_parameter(before, i, &name, &a));
        ck_avsound(avsound_model_get_parameter(after, i, NULL, &b));
        for (int32_t k = 0; k < a.rank; k++)
            count *= a.shape[k];
        const bool same = !memcmp(a.data, b.data, (size_t)count * sizeof(float)), own = !strncmp(name, tower, strlen(tower));
        ck_assert_msg(same || own, "%s has moved", name);
        moved += !same;
    }
    return moved > 0;
}

/* Nothing but the one tower learns; what comes out is where another objective goes on. */
START_TEST(views_teach_one_tower)
{
    static const struct {
        const char *arch, *tower;
        int32_t objective;
    } runs[] = {{"ave-net", "vision.", AVSOUND_OBJECTIVE_VIEWS_IMAGE}, {"ave-net", "audio.", AVSOUND_OBJECTIVE_VIEWS_AUDIO},
                {"l3-net", "vision.", AVSOUND_OBJECTIVE_VIEWS_IMAGE},  {"avol-net", "audio.", AVSOUND_OBJECTIVE_VIEWS_AUDIO}};
    avsound_context *context = plain_context();
    make_clips();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        watcher w = {0};
        char run[32], last[64], next[32];
        snprintf(run, sizeof run, "views-%zu", i);
        snprintf(next, sizeof next, "next-%zu", i);
        avsound_trainer_options o = short_run(&w);
        o.objective = runs[i].objective;
        o.accumulate = 1 + (int32_t)(i % 2);
        avsound_model *first = tiny_model(context, runs[i].arch), *model;
        avsound_trainer *trainer = started(context, runs[i].arch, run, &o);
        ck_avsound(avsound_trainer_run(trainer));
        const avsound_training_state *s = avsound_trainer_state(trainer);
        ck_assert(isfinite(s->validation_loss) && s->validation_accuracy >= 0 && s->validation_accuracy <= 1);
        ck_assert(isnan(s->validation_auc));
        avsound_trainer_free(trainer);
        snprintf(last, sizeof last, "%s/last.safetensors", run);
        ck_avsound(avsound_model_load(context, in_folder(last), &model));
        ck_assert_str_eq(avsound_model_metadata(model, "avsound.training.objective"), i % 2 ? "views-audio" : "views-image");
        ck_assert(ck_moved(first, model, runs[i].tower));
        o.objective = AVSOUND_OBJECTIVE_AVC;
        ck_avsound(avsound_trainer_create(context, model, in_folder("clips"), in_folder(next), &o, &trainer));
        ck_avsound(avsound_trainer_run(trainer));
        avsound_trainer_free(trainer);
        avsound_model_free(model);
        avsound_model_free(first);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(contact_sheets_of_views_can_be_drawn)
{
    avsound_context *context = plain_context();
    watcher w = {0};
    make_clips();
    avsound_trainer_options o = short_run(&w);
    for (o.objective = AVSOUND_OBJECTIVE_VIEWS_IMAGE; o.objective <= AVSOUND_OBJECTIVE_VIEWS_AUDIO; o.objective++) {
        avsound_trainer *trainer = started(context, "avol-net", "sheet", &o);
        const char *path = in_folder(o.objective == AVSOUND_OBJECTIVE_VIEWS_IMAGE ? "image.png" : "audio.png");
        struct stat found;
        ck_avsound(avsound_trainer_sheet(trainer, path));
        ck_assert_int_eq(stat(path, &found), 0);
        avsound_trainer_free(trainer);
    }
    avsound_context_free(context);
}
END_TEST

START_TEST(numbers_that_explode_stop_the_run)
{
    avsound_context *context = plain_context();
    watcher w = {0};
    make_clips();
    avsound_trainer_options o = short_run(&w);
    o.validation = NULL;
    o.clip_norm = 0;
    o.learning_rate = 10;
    o.epochs = 1;
    o.steps_per_epoch = 3;
    avsound_model *model = tiny_model(context, "l3-net");
    /* A weight so large that its products are infinite in the first step. */
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name = "";
    for (int32_t i = 0; strcmp(name, "fc1.weight") && i < avsound_model_parameter_count(model); i++)
        ck_avsound(avsound_model_get_parameter(model, i, &name, &view));
    ck_assert_str_eq(name, "fc1.weight");
    for (int k = 0; k < 64; k++)
        ((float *)(uintptr_t)view.data)[k] = 3e38f;
    avsound_trainer *trainer;
    ck_avsound(avsound_trainer_create(context, model, in_folder("clips"), in_folder("nan"), &o, &trainer));
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_BACKEND, "step 1: the loss is not finite");
    ck_assert_msg(strstr(avsound_error_detail(), "fc1") && strstr(avsound_error_detail(), ".mkv"), "%s",
                  avsound_error_detail());
    struct stat found;
    ck_assert_int_ne(stat(in_folder("nan/checkpoint.safetensors"), &found), 0);
    avsound_trainer_free(trainer);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

START_TEST(resuming_refuses_other_clips_and_damage)
{
    avsound_context *context = plain_context();
    watcher w = {.stop_at = 1};
    make_clips();
    const avsound_trainer_options o = short_run(&w);
    avsound_trainer *trainer = started(context, "ave-net", "run", &o);
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, "saved");
    avsound_trainer_free(trainer);
    ck_refused(avsound_trainer_resume(context, in_folder("nowhere"), NULL, &trainer), AVSOUND_E_IO, "nowhere");
    ck_assert_ptr_null(trainer);
    FILE *shorter = fopen(in_folder("clips/prepared.csv"), "w");
    fputs("file,group,frames,samples,flags\n0.mkv,g0,40,76800,\n1.mkv,g1,40,76800,\n2.mkv,g2,40,76800,\n3.mkv,g3,40,76800,\n",
          shorter);
    fclose(shorter);
    ck_refused(avsound_trainer_resume(context, in_folder("run"), NULL, &trainer), AVSOUND_E_STATE,
               "no longer those that the run began with");
    FILE *file = fopen(in_folder("run/checkpoint.safetensors"), "r+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), 3000), 0);
    fclose(file);
    ck_refused(avsound_trainer_resume(context, in_folder("run"), NULL, &trainer), AVSOUND_E_FORMAT,
               "checkpoint.safetensors");
    avsound_context_free(context);
}
END_TEST

static avsound_trainer *drawn;

static int32_t draw_sheet(const avsound_training_state *state, void *user_data)
{
    (void)state;
    (void)user_data;
    ck_avsound(avsound_trainer_sheet(drawn, in_folder("sheet.png")));
    return 0;
}

START_TEST(contact_sheets_can_be_drawn_at_any_time_and_change_nothing)
{
    avsound_context *context = plain_context();
    watcher w = {0};
    make_clips();
    run_whole(context, "ave-net", "undrawn", AVSOUND_OBJECTIVE_AVC);
    avsound_trainer_options o = short_run(&w);
    o.progress = draw_sheet;
    drawn = started(context, "ave-net", "drawn", &o);
    ck_avsound(avsound_trainer_sheet(drawn, in_folder("before.png")));
    ck_avsound(avsound_trainer_run(drawn));
    ck_same_file("undrawn/last.safetensors", "drawn/last.safetensors");
    struct stat found;
    ck_assert_int_eq(stat(in_folder("before.png"), &found), 0);
    ck_assert_int_eq(stat(in_folder("sheet.png"), &found), 0);
    ck_refused(avsound_trainer_sheet(NULL, "sheet.png"), AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    ck_refused(avsound_trainer_sheet(drawn, NULL), AVSOUND_E_INVALID_ARGUMENT, "path is NULL");
    ck_refused(avsound_trainer_sheet(drawn, in_folder("none/sheet.png")), AVSOUND_E_IO, "none/sheet.png");
    avsound_trainer_free(drawn);
    avsound_context_free(context);
}
END_TEST

SUITE("train.trainer", resumed_runs_are_the_same_to_the_bit, a_run_leaves_models_and_a_log, batches_accumulate,
      validation_judges_as_a_session_does, loss_falls_on_few_clips, views_teach_one_tower,
      contact_sheets_of_views_can_be_drawn, numbers_that_explode_stop_the_run,
      resuming_refuses_other_clips_and_damage, contact_sheets_can_be_drawn_at_any_time_and_change_nothing)
