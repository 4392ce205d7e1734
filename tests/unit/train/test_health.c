/* Made histories and the sentence that each deserves, or none. */
#include "suite.h"

#include "base/rng.h"
#include "train/health.h"

static avsound_context *context;
static const avsn_health_facts avc = {.chance = .5, .validation_chance = .5, .pairs = 64};

/* A number in -1...1. */
static double noise(int64_t n)
{
    return avsn_rng_uniform(1, 2, (uint64_t)n) * 2 - 1;
}

typedef double (*curve)(double part, int64_t step);

/* `epochs` epochs of `steps` steps; part runs from 0 to 1 over the run. */
static avsn_history made(int64_t epochs, int64_t steps, curve loss, curve accuracy, curve validation_loss,
                         curve validation_accuracy)
{
    avsn_history h;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    avsn_history_init(&h, context);
    const double last = (double)(epochs * steps);
    for (int64_t s = 1; s <= epochs * steps; s++) {
        const double part = (double)s / last;
        const avsn_history_step step = {.step = s, .epoch = (int32_t)((s - 1) / steps + 1),
                                        .loss = (float)loss(part, s), .accuracy = (float)accuracy(part, s),
                                        .learning_rate = 3e-4f, .gradient_norm = (float)(2 + noise(s))};
        ck_avsound(avsn_history_add_step(&h, &step));
        if (s % steps)
            continue;
        const avsn_history_epoch epoch = {.step = s, .epoch = (int32_t)(s / steps),
                                          .loss = (float)validation_loss(part, s),
                                          .accuracy = (float)validation_accuracy(part, s), .auc = .5f};
        ck_avsound(avsn_history_add_epoch(&h, &epoch));
    }
    return h;
}

static double at_ln2(double part, int64_t s)
{
    (void)part;
    return .693 + .01 * noise(s);
}
static double at_half(double part, int64_t s)
{
    (void)part;
    return .5 + .1 * noise(s);
}
static double falls(double part, int64_t s)
{
    return .7 - .5 * part + .05 * noise(s);
}
static double falls_below_zero(double part, int64_t s)
{
    return falls(part, s) - 3;
}
static double rises(double part, int64_t s)
{
    return .5 + .45 * part + .05 * noise(s);
}
static double falls_then_rises(double part, int64_t s)
{
    (void)s;
    return .5 + .4 * fabs(part - .4);
}
static double climbs_late(double part, int64_t s)
{
    return part < .8 ? .7 - .4 * part + .05 * noise(s) : 2;
}

static int64_t look(const avsn_history *h, avsn_health_facts facts, int32_t kind, char line[400])
{
    return avsn_health_look(h, &facts, kind, line, 400);
}

/* Exactly the kinds in `expected` (bits) are seen. */
static void sees(const avsn_history *h, avsn_health_facts facts, unsigned expected)
{
    char line[400];
    for (int32_t kind = 0; kind < AVSN_HEALTH_COUNT; kind++) {
        const int64_t lasted = look(h, facts, kind, line);
        ck_assert_msg((lasted > 0) == (expected >> kind & 1), "kind %d: %lld \"%s\"", (int)kind, (long long)lasted,
                      line);
        ck_assert_msg((lasted > 0) == (*line != 0), "kind %d: %lld \"%s\"", (int)kind, (long long)lasted, line);
    }
}

START_TEST(a_run_that_learns_is_left_alone)
{
    avsn_history h = made(20, 100, falls, rises, falls, rises);
    sees(&h, avc, 0);
    avsn_history_free(&h);
    for (int64_t steps = 0; steps < 3; steps++) { /* too short to say anything */
        h = made(1, steps, at_ln2, at_half, at_ln2, at_half);
        sees(&h, avc, 0);
        avsn_history_free(&h);
    }
}
END_TEST

START_TEST(a_loss_may_be_below_zero)
{
    avsn_history h = made(20, 100, falls_below_zero, rises, falls_below_zero, rises);
    sees(&h, avc, 0);
    avsn_history_free(&h);
}
END_TEST

START_TEST(staying_at_chance_is_seen_with_its_length)
{
    char line[400];
    avsn_history h = made(20, 100, at_ln2, at_half, at_ln2, at_half);
    sees(&h, avc, 1u << AVSN_HEALTH_CHANCE);
    const int64_t lasted = look(&h, avc, AVSN_HEALTH_CHANCE, line);
    ck_assert_int_gt(lasted, 1500);
    ck_assert_int_le(lasted, 2000);
    char steps[32];
    snprintf(steps, sizeof steps, "for %lld steps", (long long)lasted);
    const char *const words[] = {"chance", steps, "0.0003", "--dry-run"};
    for (size_t i = 0; i < AVSN_ARRAY_COUNT(words); i++)
        ck_assert_msg(strstr(line, words[i]) != NULL, "%s: %s", words[i], line);
    avsn_history_free(&h);
    h = made(4, 100, at_ln2, at_half, at_ln2, at_half);
    sees(&h, avc, 0); /* not yet */
    avsn_history_free(&h);
}
END_TEST

static double half_then_rises(double part, int64_t s)
{
    return part < .5 ? at_half(part, s) : .5 + .3 * (part - .5) + .05 * noise(s);
}
static double one_of_64(double part, int64_t s)
{
    (void)part;
    return s % 64 ? 1. / 64 * (1 + .5 * noise(s)) : 1. / 64;
}

START_TEST(a_rise_after_a_long_wait_ends_the_wait)
{
    avsn_history h = made(20, 100, at_ln2, half_then_rises, at_ln2, half_then_rises);
    sees(&h, avc, 0);
    avsn_history_free(&h);
}
END_TEST

START_TEST(the_contrastive_task_has_its_own_chance)
{
    avsn_history h = made(20, 100, at_ln2, one_of_64, at_ln2, rises);
    avsn_health_facts facts = avc;
    facts.chance = 1. / 64;
    sees(&h, facts, 1u << AVSN_HEALTH_CHANCE);
    sees(&h, avc, 0); /* 1.6 % is far from a half */
    avsn_history_free(&h);
}
END_TEST

START_TEST(a_climbing_loss_is_seen)
{
    char line[400];
    avsn_history h = made(20, 100, climbs_late, rises, falls, rises);
    sees(&h, avc, 1u << AVSN_HEALTH_DIVERGES);
    look(&h, avc, AVSN_HEALTH_DIVERGES, line);
    ck_assert_ptr_nonnull(strstr(line, "to 2.000"));
    avsn_history_free(&h);
}
END_TEST

START_TEST(overfitting_is_seen_only_while_training_improves)
{
    char line[400];
    avsn_history h = made(20, 100, falls, rises, falls_then_rises, rises);
    sees(&h, avc, 1u << AVSN_HEALTH_OVERFITS);
    ck_assert_int_eq(look(&h, avc, AVSN_HEALTH_OVERFITS, line), 1200); /* the lowest is at epoch 8 of 20 */
    ck_assert_msg(strstr(line, "for 12 epochs (0.500 at epoch 8") != NULL, "%s", line);
    avsn_history_free(&h);
    h = made(20, 100, at_ln2, rises, falls_then_rises, rises);
    for (size_t i = 0; i < h.step_count; i++)
        h.steps[i].loss = .5f;
    sees(&h, avc, 0);
    avsn_history_free(&h);
    h = made(10, 100, falls, rises, falls_then_rises, rises);
    h.epoch_count = 8; /* four epochs behind the lowest */
    sees(&h, avc, 0);
    avsn_history_free(&h);
}
END_TEST

START_TEST(a_network_that_only_remembers_is_seen)
{
    avsn_history h = made(20, 100, falls, rises, at_ln2, at_half);
    for (size_t i = 0; i < h.epoch_count; i++)
        h.epochs[i].accuracy = .5f + .01f * (float)(i % 2);
    char line[400];
    ck_assert_int_gt(look(&h, avc, AVSN_HEALTH_MEMORISES, line), 0);
    ck_assert_ptr_nonnull(strstr(line, "by heart"));
    avsn_history_free(&h);
}
END_TEST

START_TEST(clipping_of_nearly_every_step_is_seen)
{
    char line[400];
    avsn_history h = made(4, 100, falls, rises, falls, rises);
    avsn_health_facts facts = avc;
    facts.clip_norm = 1;
    for (size_t i = 0; i < h.step_count; i++)
        h.steps[i].clipped = i % 50 > 0; /* 98 % */
    sees(&h, facts, 1u << AVSN_HEALTH_CLIPPED);
    look(&h, facts, AVSN_HEALTH_CLIPPED, line);
    ck_assert_msg(strstr(line, "98 % of the last 200 steps") != NULL, "%s", line);
    for (size_t i = 0; i < h.step_count; i++)
        h.steps[i].clipped = i % 5 > 0;
    sees(&h, facts, 0);
    avsn_history_free(&h);
}
END_TEST

START_TEST(gradients_of_nothing_are_seen)
{
    avsn_history h = made(4, 100, falls, rises, falls, rises);
    for (size_t i = 250; i < h.step_count; i++)
        h.steps[i].gradient_norm = 1e-9f;
    sees(&h, avc, 1u << AVSN_HEALTH_VANISHES);
    avsn_history_free(&h);
}
END_TEST

START_TEST(waiting_for_data_is_seen_beyond_a_twentieth)
{
    avsn_history h = made(4, 100, falls, rises, falls, rises);
    avsn_health_facts facts = avc;
    facts.seconds = 100;
    facts.waited = 4.9;
    sees(&h, facts, 0);
    facts.waited = 23;
    sees(&h, facts, 1u << AVSN_HEALTH_STARVES);
    char line[400];
    look(&h, facts, AVSN_HEALTH_STARVES, line);
    ck_assert_msg(strstr(line, "23 %") != NULL, "%s", line);
    avsn_history_free(&h);
}
END_TEST

/* Told over a run of 4,000 steps at chance: first at 500 or a little later, then at each doubling. */
START_TEST(what_lasts_is_told_at_each_doubling)
{
    avsn_history all = made(40, 100, at_ln2, at_half, at_ln2, at_half);
    avsn_history h = all;
    avsn_health health = {0};
    char line[400];
    int64_t told[16] = {0};
    size_t count = 0;
    for (h.step_count = 100; h.step_count <= all.step_count; h.step_count += 100)
        for (h.epoch_count = h.step_count / 100; avsn_health_next(&health, &h, &avc, line, sizeof line);)
            told[count++ < 15 ? count - 1 : 15] = (int64_t)h.step_count;
    ck_assert_uint_eq(count, 4);
    ck_assert_int_eq(told[0], 500);
    for (size_t i = 1; i < count; i++)
        ck_assert_int_eq(told[i], 2 * told[i - 1]);
    avsn_history_free(&all);
}
END_TEST

START_TEST(histories_without_numbers_say_nothing)
{
    avsn_history h = made(20, 100, falls, rises, falls, rises);
    for (size_t i = 0; i < h.step_count; i++)
        h.steps[i].loss = h.steps[i].accuracy = h.steps[i].gradient_norm = NAN;
    for (size_t i = 0; i < h.epoch_count; i++)
        h.epochs[i].loss = h.epochs[i].accuracy = NAN;
    avsn_health_facts facts = {.chance = .5, .validation_chance = .5, .seconds = NAN, .waited = NAN, .clip_norm = NAN};
    sees(&h, facts, 0);
    h.step_count = 0; /* epochs alone */
    sees(&h, facts, 0);
    avsn_history_free(&h);
    char line[8];
    ck_assert_int_eq(avsn_health_look(&h, &facts, AVSN_HEALTH_COUNT, line, sizeof line), 0);
    ck_assert_int_eq(avsn_health_look(&h, &facts, -1, line, sizeof line), 0);
}
END_TEST

SUITE("train.health", a_run_that_learns_is_left_alone, a_loss_may_be_below_zero, staying_at_chance_is_seen_with_its_length,
      a_rise_after_a_long_wait_ends_the_wait, the_contrastive_task_has_its_own_chance, a_climbing_loss_is_seen,
      overfitting_is_seen_only_while_training_improves, a_network_that_only_remembers_is_seen,
      clipping_of_nearly_every_step_is_seen, gradients_of_nothing_are_seen,
      waiting_for_data_is_seen_beyond_a_twentieth, what_lasts_is_told_at_each_doubling,
      histories_without_numbers_say_nothing)
