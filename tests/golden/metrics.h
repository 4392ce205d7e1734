/* The random cases of make_metrics.py: the same draws, and what numpy made of them. */
#ifndef AVSN_TEST_GOLDEN_METRICS_H
#define AVSN_TEST_GOLDEN_METRICS_H

#include "suite.h"

#include <stdbool.h>

#include <jansson.h>

#include <avsound/metrics.h>

enum { METRIC_CASES = 100 };

typedef struct draws {
    uint64_t state;
} draws;

static inline draws draws_of(int metric, int number)
{
    return (draws){(uint64_t)metric * 1000003 + (uint64_t)number};
}

static inline uint64_t draw_word(draws *s)
{
    uint64_t x = s->state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static inline int draw_below(draws *s, int bound)
{
    return (int)((draw_word(s) >> 32) % (uint64_t)bound);
}

static inline double draw_uniform(draws *s)
{
    return (double)(draw_word(s) >> 40) / 16777216;
}

static inline int draw_tree(draws *s, int32_t edges[][2], int64_t *count)
{
    const int nodes = 2 + draw_below(s, 25);
    *count = 0;
    for (int child = 1; child < nodes; child++)
        for (int n = draw_below(s, 3); n; n--) {
            const int parent = draw_below(s, child);
            bool known = false;
            for (int64_t k = 0; k < *count; k++)
                known = known || (edges[k][0] == child && edges[k][1] == parent);
            if (known)
                continue;
            edges[*count][0] = child;
            edges[(*count)++][1] = parent;
        }
    return nodes;
}

static inline json_t *golden_metrics(const char *metric)
{
    json_error_t error;
    json_t *all = json_load_file(TEST_SOURCE_DIR "/golden/metrics.json", 0, &error);
    ck_assert_msg(all != NULL, "metrics.json: %s", error.text);
    json_t *cases = json_incref(json_object_get(all, metric));
    json_decref(all);
    ck_assert_uint_eq(json_array_size(cases), METRIC_CASES);
    return cases;
}

static inline double golden_value(const json_t *value)
{
    if (json_is_null(value))
        return NAN;
    if (json_is_string(value))
        return *json_string_value(value) == '-' ? -INFINITY : INFINITY;
    return json_number_value(value);
}

/* Every figure within 1e-6 of numpy's. */
static inline void ck_golden(const char *metric, int number, const json_t *cases, const double *figures, size_t count)
{
    const json_t *wanted = json_array_get(cases, (size_t)number);
    ck_assert_msg(json_array_size(wanted) == count, "%s, case %d: %zu figures, want %zu", metric, number, count,
                  json_array_size(wanted));
    for (size_t i = 0; i < count; i++) {
        const double want = golden_value(json_array_get(wanted, i)), got = figures[i];
        const bool same = isnan(want) ? isnan(got) : isinf(want) ? got == want : fabs(got - want) <= 1e-6;
        ck_assert_msg(same, "%s, case %d: figure %zu is %.12g, numpy has %.12g", metric, number, i, got, want);
    }
}

#endif
