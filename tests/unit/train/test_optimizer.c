/* Adam against PyTorch's numbers, schedules and averages against their formulas. */
#include "suite.h"

#include <avsound/train.h>

#include "train/optimizer.h"

typedef struct fixture {
    avsound_context *context;
    avsound_model *model;
    avsn_store *store;
    avsn_optimizer optimizer;
    float *gradient;
    const float **gradients;
} fixture;

static fixture set_up(void)
{
    fixture f = {0};
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsound_model_create(f.context, "ave-net", "{\"width\": 0.0625}", 1, &f.model));
    ck_avsound(avsn_store_create(f.model, &f.store));
    f.optimizer.mean = avsn_store_block(f.store);
    f.optimizer.square = avsn_store_block(f.store);
    f.gradient = avsn_store_block(f.store);
    f.gradients = calloc((size_t)f.store->params.count, sizeof *f.gradients);
    for (int32_t i = 0; i < f.store->params.count; i++)
        if (!f.store->items[i].state)
            f.gradients[i] = f.gradient + f.store->items[i].begin;
    return f;
}

static void tear_down(fixture *f)
{
    avsn_free(f->context, f->optimizer.mean);
    avsn_free(f->context, f->optimizer.square);
    avsn_free(f->context, f->gradient);
    free(f->gradients);
    avsn_store_free(f->store);
    avsound_model_free(f->model);
    avsound_context_free(f->context);
}

static int32_t index_of(const fixture *f, const char *name)
{
    const avsn_named_tensor *item = avsn_params_find(&f->store->params, name);
    ck_assert_ptr_nonnull(item);
    return (int32_t)(item - f->store->params.items);
}

START_TEST(a_store_copies_the_model)
{
    fixture f = set_up();
    ck_assert_int_eq(f.store->params.count, avsound_model_parameter_count(f.model));
    int32_t states = 0, decaying = 0;
    for (int32_t i = 0; i < f.store->params.count; i++) {
        const char *name;
        avsound_tensor view = {.struct_size = sizeof view};
        ck_avsound(avsound_model_get_parameter(f.model, i, &name, &view));
        ck_assert_str_eq(name, f.store->params.items[i].name);
        ck_assert_mem_eq(view.data, f.store->params.items[i].data, f.store->items[i].count * sizeof(float));
        ck_assert_int_eq(f.store->items[i].state, strstr(name, ".running_") != NULL);
        states += f.store->items[i].state;
        decaying += f.store->items[i].decays;
    }
    ck_assert_int_eq(states, 2 * 16);       /* 16 batch norms */
    ck_assert_int_eq(decaying, 16 + 4 + 1); /* convolutions, fc1 and fc2 of two towers, fc3 */
    tear_down(&f);
}
END_TEST

/* Of torch.optim.Adam(lr=0.01, weight_decay=0.1), PyTorch 1.13 in double, on one weight of 0.5 with these gradients; without
 * decay for the bias. */
START_TEST(adam_is_pytorchs)
{
    static const float steps[3] = {0.3f, -0.2f, 0.05f};
    static const double with_decay[3] = {0.4900000003, 0.4867970848, 0.4827980244}, without[3] = {0.4900000003, 0.4885547951, 0.4865700473};
    fixture f = set_up();
    const int32_t weight = index_of(&f, "vision.fc1.weight"), bias = index_of(&f, "vision.fc1.bias");
    float *w = f.store->values + f.store->items[weight].begin, *b = f.store->values + f.store->items[bias].begin;
    w[0] = b[0] = 0.5f;
    f.optimizer.weight_decay = 0.1;
    for (int i = 0; i < 3; i++) {
        f.gradient[f.store->items[weight].begin] = f.gradient[f.store->items[bias].begin] = steps[i];
        const double norm = avsn_optimizer_step(&f.optimizer, f.store, f.gradients, 0.01);
        ck_assert_double_eq_tol(norm, fabs((double)steps[i]) * sqrt(2), 1e-7);
        ck_assert_double_eq_tol((double)w[0], with_decay[i], 2e-7);
        ck_assert_double_eq_tol((double)b[0], without[i], 2e-7);
    }
    ck_assert_int_eq(f.optimizer.steps, 3);
    tear_down(&f);
}
END_TEST

/* Of torch.optim.SGD(lr=0.01, momentum=0.9, weight_decay=0.1), likewise. */
START_TEST(momentum_is_pytorchs)
{
    static const float steps[3] = {0.3f, -0.2f, 0.05f};
    static const double with_decay[3] = {0.4964999999, 0.4948534998, 0.4923767962}, without[3] = {0.4969999999, 0.4962999998, 0.4951699997};
    fixture f = set_up();
    const int32_t weight = index_of(&f, "vision.fc1.weight"), bias = index_of(&f, "vision.fc1.bias");
    float *w = f.store->values + f.store->items[weight].begin, *b = f.store->values + f.store->items[bias].begin;
    w[0] = b[0] = 0.5f;
    f.optimizer.kind = AVSOUND_OPTIMIZER_MOMENTUM;
    f.optimizer.weight_decay = 0.1;
    avsn_free(f.context, f.optimizer.square);
    f.optimizer.square = NULL; /* is not asked for */
    for (int i = 0; i < 3; i++) {
        f.gradient[f.store->items[weight].begin] = f.gradient[f.store->items[bias].begin] = steps[i];
        avsn_optimizer_step(&f.optimizer, f.store, f.gradients, 0.01);
        ck_assert_double_eq_tol((double)w[0], with_decay[i], 2e-7);
        ck_assert_double_eq_tol((double)b[0], without[i], 2e-7);
    }
    tear_down(&f);
}
END_TEST

START_TEST(long_gradients_are_shortened)
{
    fixture f = set_up(), g = set_up();
    const size_t at = f.store->items[index_of(&f, "audio.fc2.bias")].begin;
    f.optimizer.clip_norm = 2.5;
    for (int i = 0; i < 2; i++) {
        f.gradient[at] = 3 * (float)(i + 1);
        f.gradient[at + 1] = 4 * (float)(i + 1);
        g.gradient[at] = 1.5f; /* shortened to length 2.5 by hand */
        g.gradient[at + 1] = 2;
        ck_assert_double_eq_tol(avsn_optimizer_step(&f.optimizer, f.store, f.gradients, 0.01), 5 * (i + 1), 1e-6);
        avsn_optimizer_step(&g.optimizer, g.store, g.gradients, 0.01);
        ck_assert_float_eq_tol(f.store->values[at], g.store->values[at], 1e-7f);
        ck_assert_float_eq_tol(f.store->values[at + 1], g.store->values[at + 1], 1e-7f);
    }
    tear_down(&f);
    tear_down(&g);
}
END_TEST

START_TEST(a_gradient_that_is_not_finite_changes_nothing)
{
    fixture f = set_up();
    const size_t at = f.store->items[index_of(&f, "audio.fc2.bias")].begin, bytes = f.store->floats * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, f.store->values, bytes);
    f.gradient[at] = NAN;
    ck_assert(!isfinite(avsn_optimizer_step(&f.optimizer, f.store, f.gradients, 0.01)));
    ck_assert_int_eq(f.optimizer.steps, 0);
    ck_assert_mem_eq(before, f.store->values, bytes);
    free(before);
    tear_down(&f);
}
END_TEST

START_TEST(averages_follow)
{
    fixture f = set_up();
    float *average = avsn_store_block(f.store);
    f.store->values[0] = 1;
    avsn_average_step(f.store, average, 0.999, 1); /* early: decay 2/11 */
    ck_assert_float_eq_tol(average[0], 9.0f / 11, 1e-6f);
    f.store->values[0] = 0;
    avsn_average_step(f.store, average, 0.9, 1000);
    ck_assert_float_eq_tol(average[0], 0.9f * 9 / 11, 1e-6f);
    avsn_free(f.context, average);
    tear_down(&f);
}
END_TEST

START_TEST(schedules)
{
    avsn_schedule s = {.kind = AVSOUND_SCHEDULE_PAPER, .rate = 2, .warmup = 4, .steps = 1000, .steps_per_epoch = 10};
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 0), 0.5, 1e-15);
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 3), 2, 1e-15);
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 159), 2, 1e-15);
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 160), 2 * 0.94, 1e-15);
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 480), 2 * 0.94 * 0.94 * 0.94, 1e-12);
    s.kind = AVSOUND_SCHEDULE_COSINE;
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 4), 2, 1e-12);
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 502), 1, 1e-12);
    ck_assert_double_lt(avsn_schedule_rate(&s, 999), 1e-4);
    s.kind = AVSOUND_SCHEDULE_CONSTANT;
    ck_assert_double_eq_tol(avsn_schedule_rate(&s, 999), 2, 1e-15);
}
END_TEST

SUITE("train.optimizer", a_store_copies_the_model, adam_is_pytorchs, momentum_is_pytorchs, long_gradients_are_shortened,
      a_gradient_that_is_not_finite_changes_nothing, averages_follow, schedules)
