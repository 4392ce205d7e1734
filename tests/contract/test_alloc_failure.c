/* Refuses the n-th allocation, n = 1, 2, ... until nothing is refused any more: each failure must be AVSOUND_E_NO_MEMORY,
 * leave nothing behind, and let the next try succeed. */
#include "contract/fixture.h"

typedef struct scene {
    budget *budget;
    long refuse; /* number of the allocation to refuse, 0: none */
    avsound_context *context;
    avsound_model *model;
    avsound_frame frame;
    avsound_audio sound;
    const char *path;
} scene;

typedef avsound_status (*attempt_fn)(scene *s);

/* From here on the attempt's allocations count. */
static void arm(scene *s)
{
    atomic_store(&s->budget->calls, 0);
    s->budget->refuse_at = s->refuse;
}

/* Runs `attempt` with each allocation refused in turn; what it makes it must free itself. */
static void refuse_each(const char *name, scene *s, attempt_fn attempt)
{
    budget *b = s->budget;
    const long live = atomic_load(&b->live);
    for (long n = 1;; n++) {
        atomic_store(&b->refused, 0);
        s->refuse = n;
        const avsound_status status = attempt(s);
        const long refused = atomic_load(&b->refused);
        s->refuse = 0;
        ck_assert_msg(atomic_load(&b->live) == live, "%s, allocation %ld refused: %ld left behind", name, n,
                      atomic_load(&b->live) - live);
        if (!refused) {
            ck_assert_msg(status == AVSOUND_OK, "%s: %s (%s)", name, avsound_status_name(status), avsound_error_detail());
            ck_assert_int_gt(n, 1);
            printf("%s: %ld allocations refused in turn\n", name, n - 1);
            return;
        }
        ck_assert_msg(status == AVSOUND_E_NO_MEMORY, "%s, allocation %ld refused: %s (%s)", name, n,
                      avsound_status_name(status), avsound_error_detail());
        ck_avsound(attempt(s));
        ck_assert_msg(atomic_load(&b->live) == live, "%s: the try after the refusal left something behind", name);
    }
}

static avsound_status create_model(scene *s)
{
    avsound_model *model = NULL;
    arm(s);
    const avsound_status status = avsound_model_create(s->context, "ave-net", narrow, 1, &model);
    ck_assert((status == AVSOUND_OK) == (model != NULL));
    avsound_model_free(model);
    return status;
}

static avsound_status load_model(scene *s)
{
    avsound_model *model = NULL;
    arm(s);
    const avsound_status status = avsound_model_load(s->context, s->path, &model);
    ck_assert((status == AVSOUND_OK) == (model != NULL));
    avsound_model_free(model);
    return status;
}

static avsound_status verify_model(scene *s)
{
    arm(s);
    return avsound_model_verify(s->context, s->path);
}

static avsound_status save_model(scene *s)
{
    arm(s);
    return avsound_model_save(s->model, s->path);
}

/* A model of its own, so that the weights are packed anew each time. */
static avsound_status create_session(scene *s)
{
    avsound_model *model = NULL;
    avsound_session *session = NULL;
    s->budget->refuse_at = 0;
    ck_avsound(avsound_model_load(s->context, s->path, &model));
    arm(s);
    const avsound_status status = avsound_session_create(model, NULL, &session);
    ck_assert((status == AVSOUND_OK) == (session != NULL));
    avsound_session_free(session);
    avsound_model_free(model);
    return status;
}

/* A new session each time: what a task needs it makes when first asked. */
static avsound_session *armed_session(scene *s)
{
    s->budget->refuse_at = 0;
    avsound_session *session = default_session(s->model);
    arm(s);
    return session;
}

static avsound_status embed_picture(scene *s)
{
    float values[128];
    size_t size = 128;
    avsound_session *session = armed_session(s);
    const avsound_status status = avsound_embed_image(session, &s->frame, 1, values, &size);
    avsound_session_free(session);
    return status;
}

static avsound_status embed_sound(scene *s)
{
    float values[128];
    size_t size = 128;
    avsound_session *session = armed_session(s);
    const avsound_status status = avsound_embed_audio(session, &s->sound, 1, values, &size);
    avsound_session_free(session);
    return status;
}

/* Replans for the frame's shape, so that the plan's allocations are refused once more. */
static avsound_status localize(scene *s)
{
    float map[1024];
    size_t size = 1024;
    int32_t rows, cols;
    avsound_score score = {.struct_size = sizeof score};
    avsound_session *session = armed_session(s);
    const avsound_status status =
        avsound_localize(session, &s->frame, &s->sound, map, &size, &rows, &cols, &score);
    avsound_session_free(session);
    return status;
}

static avsound_status spectrogram(scene *s)
{
    static float values[257 * 200];
    size_t size = 257 * 200;
    int32_t bins;
    int64_t columns;
    arm(s);
    return avsound_spectrogram(s->model, &s->sound, values, &size, &bins, &columns);
}

static avsound_status draw(scene *s)
{
    static uint8_t rgb[160 * 120 * 3];
    const float map[4] = {0, 0.5f, 0.7f, 1};
    arm(s);
    return avsound_draw_map(s->context, &s->frame, map, 2, 2, "jet", 0.5f, rgb, 480);
}

static avsound_status scan(scene *s)
{
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_SCORE | AVSOUND_SCAN_MAP | AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_FRAME;
    options.threads = 2;
    options.hop_seconds = 0.1;
    avsound_scan *walk = NULL;
    arm(s);
    avsound_status status = avsound_scan_create(s->model, s->path, &options, &walk);
    ck_assert((status == AVSOUND_OK) == (walk != NULL));
    avsound_scan_result result = {.struct_size = sizeof result};
    while (!status)
        status = avsound_scan_next(walk, &result);
    avsound_scan_free(walk);
    return status == AVSOUND_E_END ? AVSOUND_OK : status;
}

static avsound_status measure_offset(scene *s)
{
    avsound_offset_options options;
    avsound_offset_options_init(&options, sizeof options);
    options.threads = 1;
    avsound_offset *offset = NULL;
    arm(s);
    avsound_status status = avsound_offset_create(s->model, s->path, &options, &offset);
    ck_assert((status == AVSOUND_OK) == (offset != NULL));
    while (!status)
        status = avsound_offset_next(offset, NULL);
    avsound_offset_result result = {.struct_size = sizeof result};
    if (status == AVSOUND_E_END)
        status = avsound_offset_get_result(offset, &result);
    avsound_offset_free(offset);
    return status;
}

static void run_scene(const char *name, const char *arch, attempt_fn attempt)
{
    char folder[64], path[96], clip[96], wav[96];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    snprintf(clip, sizeof clip, "%s/clip.mkv", folder);
    snprintf(wav, sizeof wav, "%s/sound.wav", folder);
    budget b = {0};
    scene s = {.budget = &b, .context = counting_context(&b), .path = path};
    s.model = narrow_model(s.context, arch);
    s.frame = make_frame(160, 120, 1);
    s.sound = make_audio(48000, 48000, 1);
    ck_avsound(avsound_model_save(s.model, path));
    if (attempt == scan || attempt == measure_offset) {
        s.path = clip;
        write_wav(wav, 0.4);
        write_clip(s.context, clip, wav, 6);
    }
    /* What a model keeps for its sessions (packed weights) is made once and is no leak. */
    ck_avsound(attempt(&s));
    refuse_each(name, &s, attempt);
    drop_frame(&s.frame);
    drop_audio(&s.sound);
    avsound_model_free(s.model);
    avsound_context_free(s.context);
    ck_assert_int_eq(atomic_load(&b.live), 0);
    remove_folder(folder);
}

#define SCENE(attempt, arch)              \
    START_TEST(attempt##_survives)        \
    {                                     \
        run_scene(#attempt, arch, attempt); \
    }                                     \
    END_TEST

SCENE(create_model, "ave-net")
SCENE(load_model, "ave-net")
SCENE(verify_model, "ave-net")
SCENE(save_model, "ave-net")
SCENE(create_session, "avol-net")
SCENE(embed_picture, "ave-net")
SCENE(embed_sound, "ave-net")
SCENE(localize, "avol-net")
SCENE(spectrogram, "ave-net")
SCENE(draw, "ave-net")
SCENE(scan, "avol-net")
SCENE(measure_offset, "sync-net")

START_TEST(create_session_of_clips_survives)
{
    run_scene("create_session of clips", "multisensory", create_session);
}
END_TEST

SUITE("contract.alloc_failure", create_model_survives, load_model_survives, verify_model_survives, save_model_survives,
      create_session_survives, create_session_of_clips_survives, embed_picture_survives, embed_sound_survives,
      localize_survives, spectrogram_survives, draw_survives, scan_survives, measure_offset_survives)
