/* What tests of training networks of clips share: a folder of clips, a trainer of one thread, and what it reported. */
#ifndef AVSN_TEST_CLIP_TRAINING_H
#define AVSN_TEST_CLIP_TRAINING_H

#include "suite.h"

#include <avsound/train.h>

#include "unit/train/make_clips.h"

#include <string.h>
#include <sys/stat.h>

enum { MOST_STEPS = 256 };

typedef struct watcher {
    int64_t stop_at; /* step; 0: never */
    double loss[MOST_STEPS], accuracy[MOST_STEPS];
} watcher;

typedef struct fixture {
    avsound_context *context;
    const char *folder;
    avsound_augmentation augmentation;
    avsound_trainer_options options;
    watcher watcher;
} fixture;

static inline int32_t watch(const avsound_training_state *state, void *user_data)
{
    watcher *w = user_data;
    if (state->event == AVSOUND_TRAINING_STEP && state->step < MOST_STEPS) {
        w->loss[state->step] = state->loss;
        w->accuracy[state->step] = state->accuracy;
    }
    return w->stop_at && state->step >= w->stop_at;
}

/* One of eight that take turns. */
static inline const char *path_in(const fixture *f, const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    return path;
}

/* The clips lie in clips/. Pictures are not mirrored. */
static inline void set_up_training(fixture *f, const clips_spec *clips, int32_t objective, int32_t batch)
{
    *f = (fixture){.folder = temporary_folder(), .augmentation = {.struct_size = sizeof f->augmentation, .flip = -1}};
    ck_avsound(avsound_context_create(NULL, &f->context));
    ck_assert_int_eq(mkdir(path_in(f, "clips"), 0777), 0);
    make_clips(path_in(f, "clips"), clips);
    avsound_trainer_options_init(&f->options, sizeof f->options);
    f->options.objective = objective;
    f->options.threads = 1;
    f->options.workers = 2;
    f->options.batch = batch;
    f->options.epochs = 1;
    f->options.augmentation = &f->augmentation;
    f->options.progress = watch;
    f->options.user_data = &f->watcher;
}

static inline void tear_down(fixture *f)
{
    avsound_context_free(f->context);
}

static inline avsound_trainer *started(fixture *f, const char *arch, const char *config, const char *run)
{
    avsound_model *model;
    avsound_trainer *trainer;
    ck_avsound(avsound_model_create(f->context, arch, config, 5, &model));
    ck_avsound(avsound_trainer_create(f->context, model, path_in(f, "clips"), path_in(f, run), &f->options, &trainer));
    avsound_model_free(model);
    return trainer;
}

static inline void ck_no_trainer(fixture *f, const char *arch, const char *config, avsound_status status, const char *words)
{
    avsound_model *model;
    avsound_trainer *trainer;
    ck_avsound(avsound_model_create(f->context, arch, config, 5, &model));
    ck_refused(avsound_trainer_create(f->context, model, path_in(f, "clips"), path_in(f, "none"), &f->options, &trainer), status,
               words);
    ck_assert_ptr_null(trainer);
    avsound_model_free(model);
}

static inline char *bytes_of(const char *path, size_t *size)
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

static inline void ck_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    char *bytes_a = bytes_of(a, &size_a), *bytes_b = bytes_of(b, &size_b);
    ck_assert_msg(size_a == size_b && !memcmp(bytes_a, bytes_b, size_a), "%s and %s differ", a, b);
    free(bytes_a);
    free(bytes_b);
}

/* A run of `steps` steps, and one that is stopped after the second and goes on: their checkpoints and models are the same. */
static inline void check_resumed(fixture *f, const char *arch, const char *config, int32_t steps)
{
    avsound_trainer *trainer;
    char words[64];
    struct stat found;
    f->options.steps_per_epoch = steps;
    trainer = started(f, arch, config, "whole");
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    f->watcher.stop_at = 2;
    trainer = started(f, arch, config, "pieces");
    snprintf(words, sizeof words, "stopped after step 2 of %d", (int)steps);
    ck_refused(avsound_trainer_run(trainer), AVSOUND_E_CANCELLED, words);
    avsound_trainer_free(trainer);
    f->watcher.stop_at = 0;
    ck_avsound(avsound_trainer_resume(f->context, path_in(f, "pieces"), &f->options, &trainer));
    ck_avsound(avsound_trainer_sheet(trainer, path_in(f, "sheet.png"))); /* changes nothing */
    ck_avsound(avsound_trainer_run(trainer));
    avsound_trainer_free(trainer);
    ck_same_file(path_in(f, "whole/checkpoint.safetensors"), path_in(f, "pieces/checkpoint.safetensors"));
    ck_same_file(path_in(f, "whole/last.safetensors"), path_in(f, "pieces/last.safetensors"));
    ck_assert_int_eq(stat(path_in(f, "sheet.png"), &found), 0);
}

#endif
