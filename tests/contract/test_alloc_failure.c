/* Every function of libavsound with each of its allocations refused. */
#include "contract/refusals.h"
#include "input.h"

typedef struct scene {
    refusals refusals;
    const char *arch;
    avsound_context *context;
    avsound_model *model;
    avsound_frame frame;
    avsound_audio sound;
    char folder[64], file[96], clip[96], wav[96], drawing[96], copy[96];
} scene;

/* What is left of an object after a failure must go on or refuse to, but not break; freed it is by the caller. */
#define ck_alive(expr)                                                                                     \
    do {                                                                                                   \
        const avsound_status alive_ = (expr);                                                              \
        ck_assert_msg(alive_ <= AVSOUND_OK && alive_ != AVSOUND_E_INTERNAL, "%s: %d", #expr, (int)alive_); \
    } while (0)

/* ---- contexts, models ---- */

static avsound_status create_context(void *scene_)
{
    scene *s = scene_;
    avsound_context *context = NULL;
    avsound_context_options options;
    CALL(avsound_context_options_init, &options, sizeof options);
    options.alloc = budget_alloc;
    options.dealloc = budget_dealloc;
    options.user_data = &s->refusals.budget;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_context_create, &options, &context);
    ck_assert((status == AVSOUND_OK) == (context != NULL));
    CALL(avsound_context_free, context);
    return status;
}

/* What came out is there if and only if the status says so. */
static avsound_status checked(avsound_status status, avsound_model *model)
{
    ck_assert((status == AVSOUND_OK) == (model != NULL));
    CALL(avsound_model_free, model);
    return status;
}

static avsound_status create_model(void *scene_)
{
    scene *s = scene_;
    avsound_model *model = NULL;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_model_create, s->context, s->arch, smallest_config(s->arch), 1, &model);
    return checked(status, model);
}

static avsound_status create_model_from(void *scene_)
{
    scene *s = scene_;
    avsound_model *model = NULL;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_model_create_from, s->model, NULL, NULL, 1, "conv2_1", NULL, &model);
    return checked(status, model);
}

static avsound_status load_model(void *scene_)
{
    scene *s = scene_;
    avsound_model *model = NULL;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_model_load, s->context, s->file, &model);
    return checked(status, model);
}

static avsound_status load_model_from_elsewhere(void *scene_)
{
    scene *s = scene_;
    avsound_model *model = NULL;
    input in = input_of_file(s->file);
    const avsound_io io = input_io(&in, NULL);
    const int fd = open(s->file, O_RDONLY | O_CLOEXEC);
    arm(&s->refusals);
    avsound_status status = CALL(avsound_model_load_memory, s->context, in.data, in.size, &model);
    status = checked(status, model);
    if (!status) {
        status = CALL(avsound_model_load_io, s->context, &io, &model);
        status = checked(status, model);
    }
    if (!status) {
        status = CALL(avsound_model_load_fd, s->context, fd, "model", &model);
        status = checked(status, model);
    }
    close(fd);
    input_drop(&in);
    return status;
}

static avsound_status verify_model(void *scene_)
{
    scene *s = scene_;
    arm(&s->refusals);
    return CALL(avsound_model_verify, s->context, s->file);
}

static avsound_status save_model(void *scene_)
{
    scene *s = scene_;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_model_save, s->model, s->copy);
    ck_assert_msg(status == AVSOUND_OK || access(s->copy, F_OK), "a file that failed stands there");
    unlink(s->copy);
    return status;
}

static avsound_status ask_model(void *scene_)
{
    scene *s = scene_;
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name;
    size_t size = 0;
    arm(&s->refusals);
    ck_avsound(CALL(avsound_model_find, s->context, s->file, NULL, &size));
    ck_assert_str_eq(CALL(avsound_model_arch, s->model), s->arch);
    ck_assert_ptr_nonnull(CALL(avsound_model_config, s->model));
    ck_assert_int_eq(CALL(avsound_model_is_trained, s->model), 0);
    ck_assert_int_eq(CALL(avsound_model_frames, s->model), 1);
    ck_assert_int_gt(CALL(avsound_model_metadata_count, s->model), 0);
    ck_assert_ptr_nonnull(CALL(avsound_model_metadata, s->model, CALL(avsound_model_metadata_key, s->model, 0)));
    ck_assert_int_gt(CALL(avsound_model_parameter_count, s->model), 0);
    ck_assert_str_eq(CALL(avsound_arch_name, CALL(avsound_arch_count) - CALL(avsound_arch_count)),
                     avsound_arch_name(0));
    ck_assert_str_eq(CALL(avsound_status_name, AVSOUND_OK), "AVSOUND_OK");
    ck_assert_ptr_nonnull(CALL(avsound_status_text, AVSOUND_OK));
    ck_assert_ptr_nonnull(CALL(avsound_error_detail));
    ck_assert_int_gt(CALL(avsound_version), 0);
    ck_assert_ptr_nonnull(CALL(avsound_version_string));
    return CALL(avsound_model_get_parameter, s->model, 0, &name, &view);
}

/* ---- sessions ---- */

/* A model of its own, so that the weights are packed anew each time. */
static avsound_status create_session(void *scene_)
{
    scene *s = scene_;
    avsound_model *model = NULL;
    avsound_session *session = NULL;
    avsound_session_options options;
    CALL(avsound_session_options_init, &options, sizeof options);
    ck_avsound(avsound_model_load(s->context, s->file, &model));
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_session_create, model, &options, &session);
    ck_assert((status == AVSOUND_OK) == (session != NULL));
    CALL(avsound_session_free, session);
    disarm(&s->refusals);
    avsound_model_free(model);
    return status;
}

static avsound_status run_session(void *scene_)
{
    scene *s = scene_;
    static float zeros[1 << 20];
    avsound_session *session = default_session(s->model);
    avsound_tensor view = {.struct_size = sizeof view};
    const char *name;
    avsound_status status = AVSOUND_OK;
    arm(&s->refusals);
    for (int32_t i = 0; !status && i < CALL(avsound_session_input_count, session); i++) {
        ck_avsound(CALL(avsound_session_input, session, i, &name, &view));
        view.data = zeros;
        status = CALL(avsound_session_set_input, session, name, &view);
    }
    if (!status)
        status = CALL(avsound_session_run, session);
    ck_assert_int_gt(CALL(avsound_session_output_count, session), 0);
    if (!status)
        status = CALL(avsound_session_get_output, session, CALL(avsound_session_output_name, session, 0), &view);
    ck_assert_int_eq(CALL(avsound_session_precision, session), AVSOUND_PRECISION_F32);
    ck_assert_int_gt(CALL(avsound_session_memory, session), 0);
    CALL(avsound_session_cancel, session);
    avsound_session_free(session);
    return status;
}

static avsound_status describe_session(void *scene_)
{
    scene *s = scene_;
    static char text[1 << 17];
    size_t size = sizeof text;
    avsound_session *session = default_session(s->model);
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_session_describe, session, text, &size);
    avsound_session_free(session);
    return status;
}

/* ---- tasks: a new session each time, since what a task needs it makes when first asked; after a failure the same session
 * must do it ---- */

static avsound_session *armed_session(scene *s)
{
    avsound_session *session = default_session(s->model);
    arm(&s->refusals);
    return session;
}

#define TASK(name, declarations, call)               \
    static avsound_status name(void *scene_)         \
    {                                                \
        scene *s = scene_;                           \
        declarations;                                \
        avsound_session *session = armed_session(s); \
        const avsound_status status = call;          \
        disarm(&s->refusals);                        \
        if (status)                                  \
            ck_avsound(call);                        \
        avsound_session_free(session);               \
        return status;                               \
    }

TASK(embed_picture, float values[128];
     size_t size = 128, CALL(avsound_embed_image, session, &s->frame, 1, values, &size))
TASK(embed_sound, float values[128]; size_t size = 128, CALL(avsound_embed_audio, session, &s->sound, 1, values, &size))
TASK(correspond, avsound_score score = {.struct_size = sizeof score},
     CALL(avsound_correspondence, session, &s->frame, &s->sound, &score))
TASK(embed_motion, float values[128]; avsound_frame frames[11]; for (int i = 0; i < 11; i++) frames[i] = s->frame;
     size_t size = 128, CALL(avsound_embed_image, session, frames, 11, values, &size))
TASK(correspond_motion, avsound_score score = {.struct_size = sizeof score}; avsound_frame frames[11];
     for (int i = 0; i < 11; i++) frames[i] = s->frame,
     CALL(avsound_correspondence_frames, session, frames, 11, &s->sound, &score))
/* Replans for the frame's shape, so that the plan's allocations are refused once more. */
TASK(localize, float map[1024]; size_t size = 1024; int32_t rows; int32_t cols;
     avsound_score score = {.struct_size = sizeof score},
     CALL(avsound_localize, session, &s->frame, &s->sound, map, &size, &rows, &cols, &score))

static avsound_status spectrogram(void *scene_)
{
    scene *s = scene_;
    static float values[257 * 200];
    size_t size = 257 * 200;
    int32_t bins;
    int64_t columns;
    arm(&s->refusals);
    return CALL(avsound_spectrogram, s->model, &s->sound, values, &size, &bins, &columns);
}

static avsound_status find_flow(void *scene_)
{
    scene *s = scene_;
    static float flow[2 * 160 * 120];
    size_t size = 2 * 160 * 120;
    avsound_flow_options options;
    CALL(avsound_flow_options_init, &options, sizeof options);
    options.iterations = 1;
    arm(&s->refusals);
    return CALL(avsound_optical_flow, s->context, &s->frame, &s->frame, &options, flow, &size);
}

static avsound_status hear_directions(void *scene_)
{
    scene *s = scene_;
    avsound_stereo *stereo = NULL;
    avsound_stereo_options options;
    avsound_stereo_result result = {.struct_size = sizeof result};
    CALL(avsound_stereo_options_init, &options, sizeof options);
    arm(&s->refusals);
    avsound_status status = CALL(avsound_stereo_create, s->context, s->wav, &options, &stereo);
    ck_assert((status == AVSOUND_OK) == (stereo != NULL));
    if (!status)
        status = CALL(avsound_stereo_at, stereo, 100000, &result);
    disarm(&s->refusals);
    if (stereo && status)
        ck_alive(avsound_stereo_at(stereo, 100000, &result));
    CALL(avsound_stereo_free, stereo);
    return status;
}

static avsound_status measure_direction(void *scene_)
{
    scene *s = scene_;
    avsound_stereo *stereo = NULL;
    avsound_stereo_result result = {.struct_size = sizeof result};
    arm(&s->refusals);
    avsound_status status = CALL(avsound_stereo_create, s->context, NULL, NULL, &stereo);
    if (!status)
        status = CALL(avsound_stereo_measure, stereo, &s->sound, &result);
    disarm(&s->refusals);
    if (stereo && status)
        ck_alive(avsound_stereo_measure(stereo, &s->sound, &result));
    CALL(avsound_stereo_free, stereo);
    return status;
}

/* ---- drawing ---- */

static avsound_status draw_maps(void *scene_)
{
    scene *s = scene_;
    static uint8_t rgb[160 * 120 * 3];
    const float map[4] = {0, 0.5f, 0.7f, 1};
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_draw_map, s->context, &s->frame, map, 2, 2, "jet", 0.5f, rgb, 480);
    return status ? status : CALL(avsound_draw_cam, s->context, &s->frame, map, 2, 2, rgb, 480);
}

static avsound_status drawn(const scene *s, avsound_status status)
{
    ck_assert((status == AVSOUND_OK) == (access(s->drawing, F_OK) == 0));
    unlink(s->drawing);
    return status;
}

static avsound_status write_picture(void *scene_)
{
    scene *s = scene_;
    arm(&s->refusals);
    return drawn(s, CALL(avsound_picture_write, s->context, s->drawing, &s->frame));
}

static avsound_status draw_scores(void *scene_)
{
    scene *s = scene_;
    const double times[] = {0, 1, 2}, values[] = {0.2, 0.9, 0.4};
    const avsound_scores scores = {
        .struct_size = sizeof scores, .times_s = times, .probabilities = values, .confidences = values, .count = 3};
    arm(&s->refusals);
    return drawn(s, CALL(avsound_scores_draw, s->context, &scores, s->drawing));
}

static avsound_status draw_spectrograms(void *scene_)
{
    scene *s = scene_;
    const char *const paths[] = {s->wav};
    avsound_spectrograms_options options;
    CALL(avsound_spectrograms_options_init, &options, sizeof options);
    options.count = 1;
    options.paths = paths;
    arm(&s->refusals);
    return drawn(s, CALL(avsound_spectrograms_draw, s->context, &options, s->drawing));
}

/* ---- walks over a recording ---- */

static avsound_status scan_for(scene *s, int32_t what, int32_t dense)
{
    avsound_scan_options options;
    CALL(avsound_scan_options_init, &options, sizeof options);
    options.what = what;
    options.dense = dense;
    options.threads = 2;
    options.hop_seconds = 0.1;
    avsound_scan *walk = NULL;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_scan_create, s->model, s->clip, &options, &walk);
    ck_assert((status == AVSOUND_OK) == (walk != NULL));
    avsound_scan_result result = {.struct_size = sizeof result};
    while (!status)
        status = CALL(avsound_scan_next, walk, &result);
    disarm(&s->refusals);
    if (walk && status != AVSOUND_E_END)
        ck_alive(avsound_scan_next(walk, &result));
    CALL(avsound_scan_free, walk);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

static avsound_status scan(void *scene_)
{
    return scan_for(scene_, AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP | AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_FRAME, 0);
}

static avsound_status scan_densely(void *scene_)
{
    return scan_for(scene_, AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP | AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_FRAME, 1);
}

static avsound_status scan_motion(void *scene_)
{
    return scan_for(scene_, AVSOUND_SCAN_SCORE | AVSOUND_SCAN_EMBED_IMAGE, 0);
}

/* A walk from callbacks and memory; the rest of it is as any other's. */
static avsound_status walk_from_elsewhere(void *scene_)
{
    scene *s = scene_;
    avsound_scan_options options = {.struct_size = sizeof options, .what = AVSOUND_SCAN_SCORE, .threads = 1};
    avsound_scan *scan = NULL;
    avsound_offset *offset = NULL;
    avsound_separator *separator = NULL;
    input in = input_of_file(s->clip);
    const avsound_io io = input_io(&in, NULL);
    const avsound_source source = {.struct_size = sizeof source, .kind = AVSOUND_SOURCE_IO, .io = &io},
                         other = {.struct_size = sizeof other, .kind = AVSOUND_SOURCE_MEMORY, .data = in.data,
                                  .size = (int64_t)in.size};
    avsound_status status;
    options.audio_source = &other;
    arm(&s->refusals);
    if (!strcmp(s->arch, "sync-net"))
        status = CALL(avsound_offset_create_source, s->model, &source, NULL, &offset);
    else if (!strcmp(s->arch, "mask-net"))
        status = CALL(avsound_separator_create_source, s->model, &source, NULL, &separator);
    else
        status = CALL(avsound_scan_create_source, s->model, &source, &options, &scan);
    disarm(&s->refusals);
    ck_assert((status == AVSOUND_OK) == (scan || offset || separator));
    avsound_scan_free(scan);
    avsound_offset_free(offset);
    avsound_separator_free(separator);
    input_drop(&in);
    return status;
}

/* ---- an index ---- */

static void index_path(const scene *s, char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s.db", s->folder, name);
}

/* A failure in the middle leaves an index that can be opened again; it is made anew all the same, so that each try is alike. */
static avsound_status write_index(void *scene_)
{
    scene *s = scene_;
    char path[128], command[160];
    avsound_indexer *indexer = NULL;
    avsound_indexer_options options;
    int32_t current;
    index_path(s, path, "new");
    snprintf(command, sizeof command, "rm -f '%s'*", path);
    ck_assert_int_eq(system(command), 0);
    CALL(avsound_indexer_options_init, &options, sizeof options);
    options.threads = 1;
    options.hop_seconds = 0.2;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_indexer_create, s->context, s->model, path, &options, &indexer);
    if (!status)
        status = CALL(avsound_indexer_is_current, indexer, s->clip, &current);
    if (!status)
        status = CALL(avsound_indexer_add, indexer, s->clip, NULL);
    if (!status)
        status = CALL(avsound_indexer_prune, indexer, NULL);
    if (!status)
        status = CALL(avsound_indexer_commit, indexer);
    if (!status)
        status = CALL(avsound_indexer_merge, indexer, path, NULL);
    disarm(&s->refusals);
    CALL(avsound_indexer_cancel, indexer);
    CALL(avsound_indexer_free, indexer);
    return status;
}

/* An index of the clip, made once. */
static void open_old(scene *s, char path[128])
{
    avsound_indexer *indexer = NULL;
    avsound_indexer_options options;
    index_path(s, path, "old");
    if (!access(path, F_OK))
        return;
    avsound_indexer_options_init(&options, sizeof options);
    options.hop_seconds = 0.2;
    ck_avsound(avsound_indexer_create(s->context, s->model, path, &options, &indexer));
    ck_avsound(avsound_indexer_add(indexer, s->clip, NULL));
    ck_avsound(avsound_indexer_commit(indexer));
    avsound_indexer_free(indexer);
}

static avsound_status search_index(void *scene_)
{
    scene *s = scene_;
    char path[128];
    avsound_index *index = NULL;
    avsound_index_info info = {.struct_size = sizeof info};
    avsound_index_item item = {.struct_size = sizeof item};
    avsound_index_file file = {.struct_size = sizeof file};
    avsound_index_search_options options;
    int64_t items[5];
    float scores[5], vectors[64 * 3];
    open_old(s, path);
    for (int i = 0; i < 64 * 3; i++)
        vectors[i] = 1 + (float)i;
    CALL(avsound_index_search_options_init, &options, sizeof options);
    options.query = options.want = AVSOUND_INDEX_SOUND;
    options.k = 5;
    options.threads = 2;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_index_open, s->context, path, &index);
    if (!status)
        status = CALL(avsound_index_check_model, index, s->model);
    if (!status)
        status = CALL(avsound_index_get_info, index, &info);
    if (!status)
        status = CALL(avsound_index_get_item, index, AVSOUND_INDEX_SOUND, 0, &item);
    if (!status)
        status = CALL(avsound_index_get_file, index, 0, &file);
    if (!status)
        status = CALL(avsound_index_search, index, &options, item.vector, 1, items, scores);
    ck_assert(status || info.sounds <= 64);
    if (!status)
        status = CALL(avsound_index_round_vectors, index, AVSOUND_INDEX_SOUND);
    options.shortlist = 6;
    if (!status)
        status = CALL(avsound_index_search, index, &options, item.vector, 1, items, scores);
    if (!status)
        status = CALL(avsound_index_replace_vectors, index, AVSOUND_INDEX_SOUND, vectors, 3);
    disarm(&s->refusals);
    CALL(avsound_index_free, index);
    return status;
}

/* What has been fitted on pairs of one's own. */
static avsound_status correlate(scene *s, const avsound_cca_options *like)
{
    static const float x[] = {1, 2, 4, 3, 9, 7}, y[] = {3, 1, 9, 2, 5, 5};
    avsound_cca_options options = *like;
    avsound_cca *cca = NULL;
    options.dimension_x = options.dimension_y = 2;
    options.count = 3;
    options.x = x;
    options.y = y;
    const avsound_status status = CALL(avsound_cca_fit, s->context, &options, &cca);
    ck_assert((status == AVSOUND_OK) == (cca != NULL));
    CALL(avsound_cca_free, cca);
    return status;
}

static avsound_status align_index(void *scene_)
{
    scene *s = scene_;
    char path[128], file[128];
    avsound_index *index = NULL;
    avsound_cca *cca = NULL, *loaded = NULL;
    avsound_cca_info info = {.struct_size = sizeof info};
    avsound_cca_options options;
    float projected[1];
    open_old(s, path);
    snprintf(file, sizeof file, "%s/fit.cca", s->folder);
    CALL(avsound_cca_options_init, &options, sizeof options);
    options.components = 1;
    arm(&s->refusals);
    avsound_status status = correlate(s, &options);
    if (!status)
        status = CALL(avsound_index_open, s->context, path, &index);
    if (!status)
        status = CALL(avsound_index_fit_cca, index, &options, &cca);
    if (!status)
        status = CALL(avsound_cca_save, cca, file);
    if (!status)
        status = CALL(avsound_cca_load, s->context, file, &loaded);
    if (!status)
        status = CALL(avsound_cca_check_model, loaded, s->model);
    if (!status)
        status = CALL(avsound_cca_get_info, loaded, &info);
    if (!status) {
        avsound_index_item item = {.struct_size = sizeof item};
        ck_assert_int_eq(CALL(avsound_cca_components, loaded), 1);
        ck_assert_double_ge(CALL(avsound_cca_correlation, loaded, 0), 0);
        ck_avsound(avsound_index_get_item(index, AVSOUND_INDEX_SOUND, 0, &item));
        status = CALL(avsound_cca_apply, loaded, 1, item.vector, 1, projected);
    }
    if (!status)
        status = CALL(avsound_index_use_cca, index, loaded);
    disarm(&s->refusals);
    CALL(avsound_cca_free, loaded);
    CALL(avsound_cca_free, cca);
    CALL(avsound_index_free, index);
    return status;
}

static avsound_status scan_in_time(void *scene_)
{
    return scan_for(scene_, AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP | AVSOUND_SCAN_FRAME, 0);
}

static avsound_status ask_scan(void *scene_)
{
    scene *s = scene_;
    avsound_scan *walk = NULL;
    avsound_media_info info = {.struct_size = sizeof info};
    avsound_scan_times times = {.struct_size = sizeof times};
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_SCORE;
    options.threads = 1;
    ck_avsound(avsound_scan_create(s->model, s->clip, &options, &walk));
    arm(&s->refusals);
    ck_avsound(CALL(avsound_scan_get_info, walk, &info));
    ck_assert_int_gt(CALL(avsound_scan_expected, walk), 0);
    ck_avsound(CALL(avsound_scan_get_times, walk, &times));
    CALL(avsound_scan_cancel, walk);
    disarm(&s->refusals);
    avsound_scan_free(walk);
    return AVSOUND_OK;
}

static avsound_status answer(scene *s, avsound_offset *offset)
{
    avsound_offset_result result = {.struct_size = sizeof result};
    double x[512], y[512], z[512];
    size_t count = 512;
    avsound_status status = CALL(avsound_offset_get_result, offset, &result);
    if (!status)
        status = CALL(avsound_offset_get_curve, offset, x, y, &count);
    count = 512;
    if (!status)
        status = CALL(avsound_offset_get_windows, offset, x, y, z, &count);
    return status ? status : drawn(s, CALL(avsound_offset_draw, offset, s->drawing));
}

static avsound_status measure_offset(void *scene_)
{
    scene *s = scene_;
    avsound_offset_options options;
    CALL(avsound_offset_options_init, &options, sizeof options);
    options.threads = 1;
    avsound_offset *offset = NULL;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_offset_create, s->model, s->clip, &options, &offset);
    ck_assert((status == AVSOUND_OK) == (offset != NULL));
    while (!status)
        status = CALL(avsound_offset_next, offset, NULL);
    if (status == AVSOUND_E_END)
        status = answer(s, offset);
    disarm(&s->refusals);
    if (offset && status) {
        ck_alive(avsound_offset_next(offset, NULL));
        ck_alive(answer(s, offset));
    }
    CALL(avsound_offset_cancel, offset);
    CALL(avsound_offset_free, offset);
    return status;
}

static avsound_status separate(void *scene_)
{
    scene *s = scene_;
    avsound_separator_options options;
    avsound_separator_result result = {.struct_size = sizeof result};
    avsound_media_info info = {.struct_size = sizeof info};
    CALL(avsound_separator_options_init, &options, sizeof options);
    options.threads = 1;
    avsound_separator *walk = NULL;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_separator_create, s->model, s->clip, &options, &walk);
    ck_assert((status == AVSOUND_OK) == (walk != NULL));
    if (!status) {
        ck_avsound(CALL(avsound_separator_get_info, walk, &info));
        ck_assert_int_gt(CALL(avsound_separator_expected, walk), 0);
    }
    while (!status)
        status = CALL(avsound_separator_next, walk, &result);
    disarm(&s->refusals);
    if (walk && status != AVSOUND_E_END)
        ck_alive(avsound_separator_next(walk, &result));
    CALL(avsound_separator_cancel, walk);
    CALL(avsound_separator_free, walk);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* ---- streams ---- */

static avsound_status take_results(avsound_stream *stream)
{
    avsound_stream_result result = {.struct_size = sizeof result};
    avsound_status status;
    while (!(status = CALL(avsound_stream_next, stream, &result)))
        ck_assert(result.scan || result.separation);
    return status == AVSOUND_E_AGAIN ? AVSOUND_OK : status;
}

/* Two recordings of six pictures. */
static avsound_status push_all(scene *s, avsound_stream *stream)
{
    avsound_status status = AVSOUND_OK;
    avsound_audio piece = s->sound;
    piece.frames = 1920;
    for (int i = 0; !status && i < 12; i++) {
        piece.time_us = s->frame.time_us = i * 40000;
        if (i == 6)
            status = CALL(avsound_stream_discontinuity, stream);
        if (!status)
            status = CALL(avsound_stream_push_frame, stream, &s->frame);
        if (!status)
            status = CALL(avsound_stream_push_audio, stream, &piece);
        if (!status)
            status = take_results(stream);
    }
    return status;
}

static avsound_status live(scene *s, avsound_stream_options options)
{
    avsound_stream *stream = NULL;
    avsound_stream_state state = {.struct_size = sizeof state};
    options.struct_size = sizeof options;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_stream_create, s->model, &options, &stream);
    ck_assert((status == AVSOUND_OK) == (stream != NULL));
    if (!status)
        status = push_all(s, stream);
    if (!status)
        status = CALL(avsound_stream_flush, stream);
    if (!status)
        status = take_results(stream);
    if (stream) {
        ck_avsound(CALL(avsound_stream_get_state, stream, &state));
        ck_assert_double_gt(CALL(avsound_stream_latency, stream), 0);
    }
    disarm(&s->refusals);
    if (stream && status != AVSOUND_E_END) {
        ck_alive(take_results(stream));
        CALL(avsound_stream_reset, stream);
        ck_avsound(push_all(s, stream));
    }
    CALL(avsound_stream_cancel, stream);
    CALL(avsound_stream_free, stream);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

static avsound_status stream_scores(void *scene_)
{
    avsound_scan_options scan;
    avsound_stream_options options;
    CALL(avsound_stream_options_init, &options, sizeof options);
    avsound_scan_options_init(&scan, sizeof scan);
    scan.what = AVSOUND_SCAN_SCORE;
    scan.hop_seconds = 0.1;
    scan.threads = 1;
    options.scan = &scan;
    return live(scene_, options);
}

static avsound_status stream_separation(void *scene_)
{
    avsound_separator_options separator;
    avsound_separator_options_init(&separator, sizeof separator);
    separator.threads = 1;
    return live(scene_, (avsound_stream_options){.separator = &separator});
}

/* ---- media ---- */

static avsound_status read_to_end(avsound_media *media)
{
    avsound_frame frame = {.struct_size = sizeof frame};
    avsound_audio audio = {.struct_size = sizeof audio};
    avsound_status status;
    while (!(status = CALL(avsound_media_read_frame, media, &frame)))
        ck_assert_int_ge(frame.time_us, 0);
    while (status == AVSOUND_E_END && !(status = CALL(avsound_media_read_audio, media, &audio)))
        ck_assert_int_gt(audio.frames, 0);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

/* Forth, and back to the beginning. */
static avsound_status use_media(scene *s, avsound_status status, avsound_media *media)
{
    avsound_media_info info = {.struct_size = sizeof info};
    ck_assert((status == AVSOUND_OK) == (media != NULL));
    if (!status)
        status = read_to_end(media);
    if (!status)
        status = CALL(avsound_media_seek, media, 100000);
    if (!status)
        status = read_to_end(media);
    if (!status)
        ck_avsound(CALL(avsound_media_get_info, media, &info));
    const long refused = s->refusals.budget.refuse_at;
    disarm(&s->refusals);
    if (media && status) {
        ck_alive(read_to_end(media));
        ck_avsound(avsound_media_seek(media, 0));
        ck_avsound(read_to_end(media));
    }
    s->refusals.budget.refuse_at = refused;
    CALL(avsound_media_free, media);
    return status;
}

static avsound_status read_media(void *scene_)
{
    scene *s = scene_;
    avsound_media *media = NULL;
    avsound_media_options options;
    CALL(avsound_media_options_init, &options, sizeof options);
    options.audio_rate = 16000;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_media_open, s->context, s->clip, &options, &media);
    return use_media(s, status, media);
}

static avsound_status read_media_from_elsewhere(void *scene_)
{
    scene *s = scene_;
    avsound_media *media = NULL;
    input in = input_of_file(s->clip);
    const avsound_io io = input_io(&in, NULL);
    const int fd = open(s->clip, O_RDONLY | O_CLOEXEC);
    arm(&s->refusals);
    avsound_status status = CALL(avsound_media_open_io, s->context, &io, NULL, &media);
    status = use_media(s, status, media);
    if (!status) {
        status = CALL(avsound_media_open_memory, s->context, in.data, in.size, NULL, NULL, &media);
        status = use_media(s, status, media);
    }
    if (!status) {
        status = CALL(avsound_media_open_fd, s->context, fd, NULL, NULL, &media);
        status = use_media(s, status, media);
    }
    close(fd);
    input_drop(&in);
    return status;
}

static avsound_status retime(void *scene_)
{
    scene *s = scene_;
    avsound_retime_options options;
    CALL(avsound_retime_options_init, &options, sizeof options);
    options.audio_delay_us = 40000;
    arm(&s->refusals);
    const avsound_status status = CALL(avsound_media_retime, s->context, s->clip, s->copy, &options);
    ck_assert((status == AVSOUND_OK) == (access(s->copy, F_OK) == 0));
    unlink(s->copy);
    return status;
}

static avsound_status write_film(void *scene_)
{
    scene *s = scene_;
    avsound_writer *writer = NULL;
    avsound_writer_options options;
    CALL(avsound_writer_options_init, &options, sizeof options);
    options.width = s->frame.width;
    options.height = s->frame.height;
    options.audio_path = s->wav;
    arm(&s->refusals);
    avsound_status status = CALL(avsound_writer_create, s->context, s->copy, &options, &writer);
    ck_assert((status == AVSOUND_OK) == (writer != NULL));
    for (int i = 0; !status && i < 3; i++) {
        avsound_frame frame = s->frame;
        frame.time_us = i * 40000;
        status = CALL(avsound_writer_write_frame, writer, &frame);
    }
    if (!status)
        status = CALL(avsound_writer_finish, writer);
    ck_assert_msg(status == AVSOUND_OK || access(s->copy, F_OK), "a film that failed stands there");
    disarm(&s->refusals);
    if (writer && status)
        ck_alive(avsound_writer_finish(writer));
    CALL(avsound_writer_free, writer);
    unlink(s->copy);
    return status;
}

/* ---- the table ---- */

typedef void (*refuse_fn)(const char *name, refusals *r, void *scene, attempt_fn attempt);

static void play(const char *name, const char *arch, refuse_fn refuse, attempt_fn attempt)
{
    scene *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    make_folder(s->folder);
    snprintf(s->file, sizeof s->file, "%s/model.safetensors", s->folder);
    snprintf(s->clip, sizeof s->clip, "%s/clip.mkv", s->folder);
    snprintf(s->wav, sizeof s->wav, "%s/sound.wav", s->folder);
    snprintf(s->drawing, sizeof s->drawing, "%s/drawing.png", s->folder);
    snprintf(s->copy, sizeof s->copy, "%s/copy.mkv", s->folder);
    s->arch = arch;
    s->context = counting_context(&s->refusals.budget);
    ck_avsound(avsound_model_create(s->context, arch, smallest_config(arch), 7, &s->model));
    s->frame = make_frame(160, 120, 1);
    s->sound = make_audio(48000, 48000, 1);
    ck_avsound(avsound_model_save(s->model, s->file));
    write_wav(s->wav, 0.4);
    write_clip(s->context, s->clip, s->wav, 6);
    refuse(name, &s->refusals, s, attempt);
    drop_frame(&s->frame);
    drop_audio(&s->sound);
    avsound_model_free(s->model);
    avsound_context_free(s->context);
    ck_assert_int_eq(atomic_load(&s->refusals.budget.live), 0);
    remove_folder(s->folder);
    free(s);
}

#define SCENE(name, arch, refuse, attempt)  \
    START_TEST(name##_survives)             \
    {                                       \
        play(#name, arch, refuse, attempt); \
    }                                       \
    END_TEST

#define SCENES(X)                                                                   \
    X(create_context, "ave-net", refuse_each, create_context)                       \
    X(create_model, "ave-net", refuse_each, create_model)                           \
    X(create_model_from, "ave-net", refuse_each, create_model_from)                 \
    X(load_model, "ave-net", refuse_each, load_model)                               \
    X(load_model_from_elsewhere, "ave-net", refuse_each, load_model_from_elsewhere) \
    X(verify_model, "ave-net", refuse_each, verify_model)                           \
    X(save_model, "ave-net", refuse_each, save_model)                               \
    X(ask_model, "ave-net", refuse_all, ask_model)                                  \
    X(create_session, "avol-net", refuse_each, create_session)                      \
    X(create_session_of_clips, "multisensory", refuse_some, create_session)         \
    X(run_session, "ave-net", refuse_all, run_session)                              \
    X(describe_session, "ave-net", refuse_all, describe_session)                    \
    X(embed_picture, "ave-net", refuse_each, embed_picture)                         \
    X(embed_sound, "ave-net", refuse_each, embed_sound)                             \
    X(correspond, "ave-net", refuse_each, correspond)                               \
    X(embed_motion, "ave-net-of", refuse_each, embed_motion)                        \
    X(correspond_motion, "ave-net-of", refuse_each, correspond_motion)              \
    X(localize, "avol-net", refuse_each, localize)                                  \
    X(spectrogram, "ave-net", refuse_each, spectrogram)                             \
    X(find_flow, "ave-net", refuse_each, find_flow)                                 \
    X(hear_directions, "ave-net", refuse_each, hear_directions)                     \
    X(measure_direction, "ave-net", refuse_each, measure_direction)                 \
    X(draw_maps, "ave-net", refuse_each, draw_maps)                                 \
    X(write_picture, "ave-net", refuse_each, write_picture)                         \
    X(draw_scores, "ave-net", refuse_each, draw_scores)                             \
    X(draw_spectrograms, "ave-net", refuse_each, draw_spectrograms)                 \
    X(scan, "avol-net", refuse_each, scan)                                          \
    X(scan_densely, "avol-net", refuse_each, scan_densely)                          \
    X(scan_motion, "ave-net-of", refuse_each, scan_motion)                          \
    X(scan_in_time, "sync-net", refuse_each, scan_in_time)                          \
    X(ask_scan, "avol-net", refuse_all, ask_scan)                                   \
    X(scan_from_elsewhere, "avol-net", refuse_each, walk_from_elsewhere)            \
    X(measure_from_elsewhere, "sync-net", refuse_each, walk_from_elsewhere)         \
    X(separate_from_elsewhere, "mask-net", refuse_each, walk_from_elsewhere)        \
    X(write_index, "ave-net", refuse_each, write_index)                             \
    X(search_index, "ave-net", refuse_each, search_index)                           \
    X(align_index, "l3-net", refuse_each, align_index)                              \
    X(measure_offset, "sync-net", refuse_each, measure_offset)                      \
    X(separate, "mask-net", refuse_each, separate)                                  \
    X(stream_scores, "ave-net", refuse_each, stream_scores)                         \
    X(stream_separation, "mask-net", refuse_each, stream_separation)                \
    X(read_media, "ave-net", refuse_each, read_media)                               \
    X(read_media_from_elsewhere, "ave-net", refuse_each, read_media_from_elsewhere) \
    X(retime, "ave-net", refuse_each, retime)                                       \
    X(write_film, "ave-net", refuse_each, write_film)

SCENES(SCENE)

START_TEST(no_function_was_left_out)
{
    check_all_called("libavsound.symbols");
}
END_TEST

#define NAME(name, arch, refuse, attempt) name##_survives,

SUITE("contract.alloc_failure", SCENES(NAME) no_function_was_left_out)
