#include "api/crew.h"

#include "base/threads.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MOST_WORKERS = 2, RING = MOST_WORKERS + 1 }; /* one waits while two are computed */

typedef struct job {
    avsn_crew_window window;
    avsound_status status;
    char detail[256];
    bool done;
} job;

struct avsn_crew {
    avsound_context *context;
    const avsn_clips *clips;
    const atomic_int *cancel;
    avsn_region region;
    int32_t workers, job_count;
    avsound_session *session[MOST_WORKERS];
    avsn_stems *stems[MOST_WORKERS];
    job jobs[RING];
    int64_t submitted, taken;
    avsn_pool *pool; /* NULL: the caller's thread computes, when it takes */
    pthread_mutex_t mutex;
    pthread_cond_t job_done;
};

/* ---- one window ---- */

static avsound_status compute(const avsn_crew *crew, avsn_stems *stems, avsn_crew_window *w)
{
    if (atomic_load(crew->cancel))
        AVSN_FAIL(AVSOUND_E_CANCELLED, "cancelled before it began");
    float *planes = avsn_stems_frames(stems);
    if (planes)
        avsn_clips_planes(crew->clips, w->frames, w->place.frames, &crew->region, planes);
    return avsn_stems_run(stems, w->left, w->right, w->track, w->track[AVSN_CREW_MIXTURE]);
}

static void run_job(void *user_data, void *argument, int32_t worker)
{
    avsn_crew *crew = user_data;
    job *j = argument;
    j->status = compute(crew, crew->stems[worker], &j->window);
    if (j->status)
        snprintf(j->detail, sizeof j->detail, "%s", avsound_error_detail());
    pthread_mutex_lock(&crew->mutex);
    j->done = true;
    pthread_cond_signal(&crew->job_done);
    pthread_mutex_unlock(&crew->mutex);
}

/* ---- in order ---- */

avsn_crew_window *avsn_crew_vacant(avsn_crew *crew)
{
    if (crew->submitted - crew->taken == crew->job_count)
        return NULL;
    return &crew->jobs[crew->submitted % crew->job_count].window;
}

void avsn_crew_submit(avsn_crew *crew)
{
    job *j = &crew->jobs[crew->submitted++ % crew->job_count];
    j->done = false;
    if (crew->pool)
        avsn_pool_submit(crew->pool, j);
}

bool avsn_crew_ready(avsn_crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    const bool ready = crew->taken < crew->submitted && crew->jobs[crew->taken % crew->job_count].done;
    pthread_mutex_unlock(&crew->mutex);
    return ready;
}

static void await(avsn_crew *crew, const job *j)
{
    pthread_mutex_lock(&crew->mutex);
    while (!j->done)
        pthread_cond_wait(&crew->job_done, &crew->mutex);
    pthread_mutex_unlock(&crew->mutex);
}

avsound_status avsn_crew_take(avsn_crew *crew, avsn_crew_window **window)
{
    *window = NULL;
    if (crew->taken == crew->submitted)
        return AVSOUND_OK;
    job *j = &crew->jobs[crew->taken++ % crew->job_count];
    if (crew->pool)
        await(crew, j);
    else
        run_job(crew, j, 0);
    if (j->status)
        return avsn_fail(j->status, "%s", j->detail);
    *window = &j->window;
    return AVSOUND_OK;
}

void avsn_crew_cancel(avsn_crew *crew)
{
    for (int32_t i = 0; i < crew->workers; i++)
        avsound_session_cancel(crew->session[i]);
}

const avsn_stems *avsn_crew_stems(const avsn_crew *crew)
{
    return crew->stems[0];
}

/* ---- life ---- */

static avsound_status make_stems(avsn_crew *crew, avsound_model *model, const avsn_crew_options *o)
{
    const avsound_session_options session = {.struct_size = sizeof session,
                                             .threads = o->threads / crew->workers,
                                             .precision = o->precision,
                                             .outputs = model->arch->blind ? "first,second" : "on,off"};
    for (int32_t i = 0; i < crew->workers; i++) {
        AVSN_TRY(avsound_session_create(model, &session, &crew->session[i]));
        AVSN_TRY(avsn_stems_create(crew->session[i], &o->stems, &crew->stems[i]));
    }
    return AVSOUND_OK;
}

static avsound_status take(avsn_crew *crew, int64_t count, float **out)
{
    *out = avsn_alloc_zeroed(crew->context, (size_t)count, sizeof **out);
    return *out ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status make_window(avsn_crew *crew, const avsound_model *model, avsn_crew_window *w)
{
    const avsn_stems *stems = crew->stems[0];
    AVSN_TRY(take(crew, avsn_stems_samples(stems), &w->left));
    AVSN_TRY(take(crew, avsn_stems_samples(stems), &w->right));
    for (int t = 0; t < AVSN_CREW_TRACKS; t++)
        AVSN_TRY(take(crew, avsn_stems_output(stems), &w->track[t]));
    if (model->arch->blind)
        return AVSOUND_OK;
    w->frames = avsn_alloc(crew->context, (size_t)model->config.clip.frames, crew->clips->frame_bytes);
    return w->frames ? AVSOUND_OK : AVSOUND_E_NO_MEMORY;
}

static avsound_status init(avsn_crew *crew, avsound_model *model, const avsn_crew_options *o)
{
    const bool beside = o->beside && o->threads > 1;
    crew->workers = beside ? MOST_WORKERS : 1;
    crew->job_count = beside ? RING : 1;
    AVSN_TRY(make_stems(crew, model, o));
    for (int32_t i = 0; i < crew->job_count; i++)
        AVSN_TRY(make_window(crew, model, &crew->jobs[i].window));
    return beside ? avsn_pool_create(crew->context, crew->workers, RING, run_job, crew, &crew->pool) : AVSOUND_OK;
}

avsound_status avsn_crew_create(avsound_model *model, const avsn_clips *clips, const avsn_crew_options *options,
                                const atomic_int *cancel, avsn_crew **out)
{
    *out = NULL;
    avsn_crew *crew = avsn_alloc_zeroed(model->context, 1, sizeof *crew);
    if (!crew)
        return AVSOUND_E_NO_MEMORY;
    crew->context = avsn_context_ref(model->context);
    crew->clips = clips;
    crew->cancel = cancel;
    crew->region = options->region;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->job_done, NULL);
    const avsound_status status = init(crew, model, options);
    if (status)
        avsn_crew_free(crew);
    else
        *out = crew;
    return status;
}

void avsn_crew_free(avsn_crew *crew)
{
    if (!crew)
        return;
    avsound_context *context = crew->context;
    avsn_pool_free(crew->pool);
    for (int32_t i = 0; i < MOST_WORKERS; i++) {
        avsn_stems_free(crew->stems[i]);
        avsound_session_free(crew->session[i]);
    }
    for (int32_t i = 0; i < RING; i++) {
        avsn_crew_window *w = &crew->jobs[i].window;
        avsn_free(context, w->frames);
        avsn_free(context, w->left);
        avsn_free(context, w->right);
        for (int t = 0; t < AVSN_CREW_TRACKS; t++)
            avsn_free(context, w->track[t]);
    }
    pthread_cond_destroy(&crew->job_done);
    pthread_mutex_destroy(&crew->mutex);
    avsn_free(context, crew);
    avsound_context_free(context);
}
