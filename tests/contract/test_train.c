/* train.h as a program uses it, from videos to a model, and as a program may misuse it. */
#include "contract/fixture.h"

#include <avsound/train.h>

static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 32, \"height\": 32, \"short_side\": 36}}";

typedef struct place {
    char folder[64], videos[96], clips[96], run[96];
    avsound_context *context;
    avsound_model *model;
} place;

/* A video whose pictures and sound are no other one's. */
static void write_video(avsound_context *context, const char *folder, int number)
{
    char path[160], sound[160];
    snprintf(path, sizeof path, "%s/%d.mkv", folder, number);
    snprintf(sound, sizeof sound, "%s/%d.wav", folder, number);
    write_wav(sound, 1.5 + 0.1 * number);
    avsound_writer_options options;
    avsound_writer_options_init(&options, sizeof options);
    options.width = 64;
    options.height = 48;
    options.audio_path = sound;
    avsound_writer *writer = NULL;
    ck_avsound(avsound_writer_create(context, path, &options, &writer));
    for (int i = 0; i < 40; i++) {
        avsound_frame frame = make_frame(64, 48, (uint32_t)(1000 * number + i));
        frame.time_us = i * 40000;
        ck_avsound(avsound_writer_write_frame(writer, &frame));
        drop_frame(&frame);
    }
    ck_avsound(avsound_writer_finish(writer));
    avsound_writer_free(writer);
    ck_assert_int_eq(unlink(sound), 0);
}

static void setup(place *p)
{
    char command[128];
    make_folder(p->folder);
    snprintf(p->videos, sizeof p->videos, "%s/videos", p->folder);
    snprintf(p->clips, sizeof p->clips, "%s/clips", p->folder);
    snprintf(p->run, sizeof p->run, "%s/run", p->folder);
    snprintf(command, sizeof command, "mkdir '%s'", p->videos);
    ck_assert_int_eq(system(command), 0);
    p->context = plain_context();
    ck_avsound(avsound_model_create(p->context, "avol-net", tiny, 7, &p->model));
    for (int i = 0; i < 4; i++)
        write_video(p->context, p->videos, i);
}

static void teardown(place *p)
{
    avsound_model_free(p->model);
    avsound_context_free(p->context);
    remove_folder(p->folder);
}

static void prepare(place *p)
{
    const char *const paths[] = {p->videos};
    avsound_prepare_report *report = NULL;
    ck_avsound(avsound_prepare(p->context, paths, 1, p->clips, NULL, &report));
    ck_assert_int_eq(avsound_prepare_report_count(report), 4);
    for (int64_t i = 0; i < 4; i++) {
        avsound_prepared_clip clip = {.struct_size = sizeof clip};
        ck_avsound(avsound_prepare_report_clip(report, i, &clip));
        ck_assert_msg(clip.flags == 0, "%s: %s, duplicate of \"%s\", %s", clip.source, avsound_clip_flag_name(clip.flags),
                      clip.duplicate_of, clip.error);
        ck_assert_int_eq(clip.frames, 40);
    }
    avsound_prepared_clip clip = {.struct_size = sizeof clip};
    ck_refused(avsound_prepare_report_clip(report, 4, &clip), AVSOUND_E_INVALID_ARGUMENT, "4");
    avsound_prepare_report_free(report);
    avsound_prepare_report_free(NULL);
}

START_TEST(videos_become_a_model)
{
    place p;
    setup(&p);
    prepare(&p);
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    options.batch = 2;
    options.epochs = 1;
    options.steps_per_epoch = 2;
    options.threads = options.workers = 1;
    avsound_trainer *trainer = NULL;
    ck_avsound(avsound_trainer_create(p.context, p.model, p.clips, p.run, &options, &trainer));
    char sheet[160], best[160];
    snprintf(sheet, sizeof sheet, "%s/sheet.png", p.folder);
    ck_avsound(avsound_trainer_sheet(trainer, sheet));
    ck_assert_int_eq(access(sheet, R_OK), 0);
    ck_avsound(avsound_trainer_run(trainer));
    ck_assert_int_eq(avsound_trainer_state(trainer)->step, 2);
    avsound_model *model = NULL;
    ck_avsound(avsound_trainer_model(trainer, &model));
    ck_assert_int_eq(avsound_model_is_trained(model), 1);
    avsound_model_free(model);
    avsound_trainer_free(trainer);
    options.epochs = 2;
    ck_avsound(avsound_trainer_resume(p.context, p.run, &options, &trainer));
    ck_avsound(avsound_trainer_run(trainer));
    ck_assert_int_eq(avsound_trainer_state(trainer)->epoch, 2);
    avsound_trainer_free(trainer);
    snprintf(best, sizeof best, "%s/last.safetensors", p.run);
    ck_avsound(avsound_model_load(p.context, best, &model));
    avsound_model_free(model);
    teardown(&p);
}
END_TEST

START_TEST(prepare_refuses_bad_arguments)
{
    place p;
    setup(&p);
    const char *const paths[] = {p.videos}, *const none[] = {"/nowhere/at/all"};
    avsound_prepare_options options;
    avsound_prepare_options_init(&options, sizeof options);
    avsound_prepare_report *report = (avsound_prepare_report *)1;
    ck_refused(avsound_prepare(NULL, paths, 1, p.clips, &options, &report), AVSOUND_E_INVALID_ARGUMENT, "context");
    ck_assert_ptr_null(report);
    ck_refused(avsound_prepare(p.context, NULL, 1, p.clips, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "paths");
    ck_refused(avsound_prepare(p.context, paths, 0, p.clips, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "0");
    ck_refused(avsound_prepare(p.context, paths, 1, NULL, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "folder");
    ck_refused(avsound_prepare(p.context, none, 1, p.clips, &options, NULL), AVSOUND_E_IO, "/nowhere/at/all");
    options.quality = 99;
    ck_refused(avsound_prepare(p.context, paths, 1, p.clips, &options, NULL), AVSOUND_E_INVALID_ARGUMENT, "quality");
    ck_assert_int_eq(avsound_prepare_report_count(NULL), 0);
    ck_assert_str_eq(avsound_clip_flag_name(AVSOUND_CLIP_STILL), "still");
    ck_assert_ptr_null(avsound_clip_flag_name(0));
    teardown(&p);
}
END_TEST

START_TEST(trainers_refuse_bad_arguments)
{
    place p;
    setup(&p);
    prepare(&p);
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    avsound_trainer *trainer = (avsound_trainer *)1;
    ck_refused(avsound_trainer_create(NULL, p.model, p.clips, p.run, &options, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "context is NULL");
    ck_assert_ptr_null(trainer);
    ck_refused(avsound_trainer_create(p.context, NULL, p.clips, p.run, &options, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "init is NULL");
    ck_refused(avsound_trainer_create(p.context, p.model, NULL, p.run, &options, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "data is NULL");
    ck_refused(avsound_trainer_create(p.context, p.model, p.clips, NULL, &options, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "folder is NULL");
    ck_refused(avsound_trainer_create(p.context, p.model, p.clips, p.run, &options, NULL), AVSOUND_E_INVALID_ARGUMENT,
               "out is NULL");
    ck_refused(avsound_trainer_create(p.context, p.model, p.videos, p.run, &options, &trainer), AVSOUND_E_FORMAT,
               "prepared.csv");
    options.objective = 9;
    ck_refused(avsound_trainer_create(p.context, p.model, p.clips, p.run, &options, &trainer), AVSOUND_E_INVALID_ARGUMENT,
               "objective is 9");
    options.objective = AVSOUND_OBJECTIVE_CONTRASTIVE;
    avsound_model *l3 = narrow_model(p.context, "l3-net");
    ck_refused(avsound_trainer_create(p.context, l3, p.clips, p.run, &options, &trainer), AVSOUND_E_UNSUPPORTED,
               "l3-net has no comparable embeddings");
    avsound_model_free(l3);
    ck_refused(avsound_trainer_resume(NULL, p.run, NULL, &trainer), AVSOUND_E_INVALID_ARGUMENT, "context is NULL");
    ck_refused(avsound_trainer_resume(p.context, NULL, NULL, &trainer), AVSOUND_E_INVALID_ARGUMENT, "folder is NULL");
    ck_refused(avsound_trainer_resume(p.context, p.run, NULL, NULL), AVSOUND_E_INVALID_ARGUMENT, "out is NULL");
    ck_refused(avsound_trainer_resume(p.context, p.run, NULL, &trainer), AVSOUND_E_IO, "checkpoint.safetensors");
    ck_refused(avsound_trainer_run(NULL), AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    ck_refused(avsound_trainer_sheet(NULL, "x.png"), AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    avsound_model *model = (avsound_model *)1;
    ck_refused(avsound_trainer_model(NULL, &model), AVSOUND_E_INVALID_ARGUMENT, "trainer is NULL");
    ck_assert_ptr_null(model);
    ck_assert_ptr_null(avsound_trainer_state(NULL));
    avsound_trainer_free(NULL);
    teardown(&p);
}
END_TEST

/* Every refused request for memory on the way from clips to a model ends in an error, and in nothing held. */
START_TEST(refused_memory_leaves_nothing)
{
    place p;
    setup(&p);
    prepare(&p);
    budget b = {0};
    avsound_context *context = counting_context(&b);
    avsound_model *model = NULL;
    ck_avsound(avsound_model_create(context, "avol-net", tiny, 7, &model));
    const long before = atomic_load(&b.live);
    avsound_trainer_options options;
    avsound_trainer_options_init(&options, sizeof options);
    options.batch = 2;
    options.threads = options.workers = 1;
    options.ema = 0.9;
    options.validation = p.clips;
    long step = 1;
    for (long n = 1;; n += step) {
        avsound_trainer *trainer = NULL;
        b.refuse_at = atomic_load(&b.calls) + n;
        const avsound_status status = avsound_trainer_create(context, model, p.clips, p.run, &options, &trainer);
        b.refuse_at = 0;
        avsound_trainer_free(trainer);
        ck_assert_int_eq(atomic_load(&b.live), before);
        if (!status)
            break;
        ck_assert_int_eq(status, AVSOUND_E_NO_MEMORY);
        step = n < 60 ? 1 : 1 + n / 20; /* a plan makes thousands */
    }
    avsound_model_free(model);
    avsound_context_free(context);
    teardown(&p);
}
END_TEST

SUITE("contract.train", videos_become_a_model, prepare_refuses_bad_arguments, trainers_refuse_bad_arguments,
      refused_memory_leaves_nothing)
