/* A batch spread over two plans in two threads: their batch norms look at the whole of it, and a run tells which gradients are
 * there while it computes the others. No MPI is needed for that. */
#include "suite.h"

#include <pthread.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "exec/plan.h"
#include "train/gradients.h"
#include "train/store.h"

enum { HALF = 4, SEED = 11 };

/* ---- the meeting of two ---- */

typedef struct meeting {
    pthread_barrier_t barrier;
    double *values[2];
    int calls;
} meeting;

typedef struct member {
    meeting *meeting;
    int rank;
} member;

static void mean_of_two(void *user, double *values, int64_t count)
{
    const member *m = user;
    double *sum = malloc((size_t)count * sizeof *sum);
    m->meeting->values[m->rank] = values;
    m->meeting->calls += m->rank == 0;
    pthread_barrier_wait(&m->meeting->barrier);
    for (int64_t i = 0; i < count; i++)
        sum[i] = (m->meeting->values[0][i] + m->meeting->values[1][i]) / 2;
    pthread_barrier_wait(&m->meeting->barrier);
    memcpy(values, sum, (size_t)count * sizeof *sum);
    free(sum);
}

/* ---- networks ---- */

typedef struct told {
    int32_t order[AVSN_MAX_WANTED]; /* output -> how many steps were told before it; 0: it was not */
    float *copy[AVSN_MAX_WANTED];   /* as it was then */
    int32_t steps;
    avsn_plan *plan;
} told;

typedef struct net {
    avsn_store *store;
    avsn_pack_cache *cache;
    avsn_plan *plan;
    told told;
    avsound_status status;
} net;

static size_t output_floats(const avsn_plan *plan, int32_t output)
{
    int64_t count;
    ck_assert(avsn_shape_count(avsn_plan_output_shape(plan, output), &count));
    return (size_t)count;
}

static void tell(void *user, int32_t output)
{
    told *t = user;
    t->steps++;
    if (output < 0)
        return;
    ck_assert_int_eq(t->order[output], 0);
    t->order[output] = t->steps;
    const size_t bytes = output_floats(t->plan, output) * sizeof(float);
    t->copy[output] = malloc(bytes);
    memcpy(t->copy[output], avsn_plan_output_data(t->plan, output), bytes);
}

static void open_net(const avsound_model *model, int32_t batch, avsn_group group, net *n)
{
    static const char *names[AVSN_MAX_WANTED];
    static char text[AVSN_MAX_WANTED][80];
    avsn_plan_options o = {.threads = 1, .compute = AVSOUND_DTYPE_F32, .train = true, .group = group};
    avsn_graph *forward, *graph;
    *n = (net){.store = NULL};
    ck_avsound(avsn_store_create(model, &n->store));
    ck_avsound(avsn_model_graph(model, &(avsn_model_shapes){.batch = batch}, &forward));
    ck_avsound(avsn_training_graph(forward, AVSN_OBJECTIVE_SIGMOID, 0.1f, &graph));
    avsn_graph_free(forward);
    o.wanted[o.wanted_count++] = "loss";
    for (int32_t i = 0; i < n->store->params.count; i++) {
        snprintf(text[i], sizeof text[i], "grad.%s", n->store->params.items[i].name);
        names[i] = text[i];
        if (!n->store->items[i].state)
            o.wanted[o.wanted_count++] = names[i];
    }
    o.on_step = tell;
    o.user = &n->told;
    ck_avsound(avsn_pack_cache_create(avsn_graph_context(graph), &n->cache));
    ck_avsound(avsn_plan_create(graph, &n->store->params, n->cache, &o, &n->plan));
    n->told.plan = n->plan;
}

static void close_net(net *n)
{
    for (int32_t i = 0; i < AVSN_MAX_WANTED; i++)
        free(n->told.copy[i]);
    avsn_plan_free(n->plan);
    avsn_pack_cache_free(n->cache);
    avsn_store_free(n->store);
}

/* Items first... of a batch that is the same whoever computes it. Items differ in level: halves differ in their means. */
static void feed(net *n, int32_t first, int32_t count)
{
    for (int32_t i = 0; i < avsn_plan_input_count(n->plan); i++) {
        const char *name = avsn_plan_input_name(n->plan, i);
        int64_t total;
        ck_assert(avsn_shape_count(avsn_plan_input_shape(n->plan, i), &total));
        const int64_t size = total / count;
        for (int64_t k = 0; k < total; k++) {
            const int64_t item = first + k / size;
            const double drawn = avsn_rng_normal(SEED, avsn_rng_stream(name), (uint64_t)(item * size + k % size));
            avsn_plan_input_data(n->plan, i)[k] = (float)(!strcmp(name, "label") ? item % 2 : drawn + 0.5 * (double)item);
        }
    }
}

static void *run(void *user)
{
    net *n = user;
    avsn_compute state;
    avsn_compute_enter(&state, 1);
    n->status = avsn_plan_run(n->plan, UINT64_MAX, NULL);
    avsn_compute_leave(&state);
    return NULL;
}

static avsound_model *tiny_model(avsound_context *context)
{
    static const char tiny[] = "{\"width\": 0.0625, \"image\": {\"width\": 48, \"height\": 48, \"short_side\": 56}}";
    avsound_model *model;
    ck_avsound(avsound_model_create(context, "avol-net", tiny, 5, &model));
    return model;
}

/* ---- comparisons ---- */

/* ||whole - (a + b) / 2|| / ||whole|| */
static double apart(const float *whole, const float *a, const float *b, size_t count)
{
    double difference = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)whole[i] - ((double)a[i] + (double)b[i]) / 2, 2);
        length += pow((double)whole[i], 2);
    }
    return difference > 0 ? sqrt(difference / length) : 0;
}

typedef struct worst {
    double gradient, statistics;
} worst;

/* Two halves in two threads, with or without a group, against the whole. */
static worst halves_against_whole(bool grouped)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    avsound_model *model = tiny_model(context);
    meeting m = {.calls = 0};
    member members[2] = {{&m, 0}, {&m, 1}};
    net whole, half[2];
    pthread_t threads[2];
    ck_assert_int_eq(pthread_barrier_init(&m.barrier, NULL, 2), 0);
    open_net(model, 2 * HALF, (avsn_group){0}, &whole);
    feed(&whole, 0, 2 * HALF);
    run(&whole);
    ck_avsound(whole.status);
    for (int h = 0; h < 2; h++) {
        open_net(model, HALF, grouped ? (avsn_group){2, mean_of_two, &members[h]} : (avsn_group){0}, &half[h]);
        feed(&half[h], h * HALF, HALF);
    }
    for (int h = 0; h < 2; h++)
        ck_assert_int_eq(pthread_create(&threads[h], NULL, run, &half[h]), 0);
    for (int h = 0; h < 2; h++)
        ck_assert_int_eq(pthread_join(threads[h], NULL), 0);
    ck_assert_int_eq(half[0].status | half[1].status, AVSOUND_OK);
    ck_assert(grouped ? m.calls > 10 : m.calls == 0);
    worst w = {0};
    for (int32_t o = 0; o < avsn_plan_output_count(whole.plan); o++)
        w.gradient = fmax(w.gradient, apart(avsn_plan_output_data(whole.plan, o), avsn_plan_output_data(half[0].plan, o),
                                            avsn_plan_output_data(half[1].plan, o), output_floats(whole.plan, o)));
    for (int32_t i = 0; i < whole.store->params.count; i++) {
        const avsn_store_item *item = &whole.store->items[i];
        if (!item->state)
            continue;
        const float *a = half[0].store->values + item->begin;
        w.statistics = fmax(w.statistics, apart(whole.store->values + item->begin, a, a, item->count));
    }
    close_net(&whole);
    close_net(&half[0]);
    close_net(&half[1]);
    pthread_barrier_destroy(&m.barrier);
    avsound_model_free(model);
    avsound_context_free(context);
    return w;
}

/* Batches of eight make gradients that are small differences of large sums; f32's 6e-8 grows with that. */
START_TEST(two_halves_with_one_batch_norm_equal_the_whole)
{
    const worst w = halves_against_whole(true);
    ck_assert_msg(w.gradient < 2e-4 && w.statistics < 1e-5, "gradients %g, statistics %g apart", w.gradient, w.statistics);
}
END_TEST

START_TEST(two_halves_with_their_own_statistics_do_not)
{
    const worst w = halves_against_whole(false);
    ck_assert_msg(w.gradient > 0.1 && w.statistics > 0.01, "gradients %g, statistics %g apart", w.gradient, w.statistics);
}
END_TEST

static int32_t index_of(const avsn_plan *plan, const char *name)
{
    for (int32_t i = 0; i < avsn_plan_output_count(plan); i++)
        if (!strcmp(avsn_plan_output_name(plan, i), name))
            return i;
    ck_abort_msg("no output %s", name);
    return -1;
}

START_TEST(gradients_are_told_as_they_come)
{
    avsound_context *context;
    ck_avsound(avsound_context_create(NULL, &context));
    avsound_model *model = tiny_model(context);
    net n;
    open_net(model, HALF, (avsn_group){0}, &n);
    feed(&n, 0, HALF);
    run(&n);
    ck_avsound(n.status);
    for (int32_t o = 0; o < avsn_plan_output_count(n.plan); o++) {
        ck_assert_msg(n.told.order[o] > 0, "%s was not told", avsn_plan_output_name(n.plan, o));
        ck_assert_msg(!memcmp(n.told.copy[o], avsn_plan_output_data(n.plan, o), output_floats(n.plan, o) * sizeof(float)),
                      "%s was told before it was complete", avsn_plan_output_name(n.plan, o));
    }
    /* Backward begins with the last layer; a third of the run or more is still to come when its gradient is there. */
    const int32_t last = n.told.order[index_of(n.plan, "grad.conv7.weight")];
    ck_assert_int_lt(last, n.told.order[index_of(n.plan, "grad.vision.conv1_1.weight")]);
    ck_assert_int_lt(last, n.told.order[index_of(n.plan, "grad.audio.conv1_1.weight")]);
    ck_assert_int_lt(3 * last, 2 * n.told.steps);
    close_net(&n);
    avsound_model_free(model);
    avsound_context_free(context);
}
END_TEST

SUITE("train.group", two_halves_with_one_batch_norm_equal_the_whole, two_halves_with_their_own_statistics_do_not,
      gradients_are_told_as_they_come)
