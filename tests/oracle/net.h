/* A graph with drawn parameters and inputs, what every one of its values should be, and plans of it to compare. */
#ifndef AVSN_ORACLE_NET_H
#define AVSN_ORACLE_NET_H

#include "exec/plan.h"
#include "oracle/ops.h"

typedef void (*oracle_build)(avsn_graph *graph, const void *arg);

typedef struct oracle_net {
    avsound_context *context;
    oracle_build build;
    const void *arg;
    uint64_t seed;
    avsn_graph *graph;
    avsn_params params;    /* f32, as a plan wants them */
    oracle_tensor *values; /* by id: what each should be, once evaluated */
    float **inputs;        /* as a plan wants them */
} oracle_net;

/* Builds the graph, draws parameters by their specs (variances positive, constants spread) and inputs as normal
 * numbers. Fails the test if the graph fails. */
void oracle_net_create(oracle_net *net, avsound_context *context, uint64_t seed, oracle_build build, const void *arg);
/* Computes every value. `compute` is what convolutions multiply: in bf16 their operands are rounded first. */
void oracle_net_evaluate(oracle_net *net, int32_t compute);
void oracle_net_free(oracle_net *net);

/* A plan of another copy of the graph. */
avsound_status oracle_net_plan(const oracle_net *net, avsn_pack_cache *cache, const avsn_plan_options *options,
                               avsn_plan **out);
/* Copies the inputs in. */
void oracle_net_feed(const oracle_net *net, avsn_plan *plan);
/* Runs all outputs with so many threads. */
avsound_status oracle_run(avsn_plan *plan, int32_t threads, uint64_t outputs);

/* Two measures of an error, both free of units: the largest over the root mean square of what should be, and the root
 * mean square of the error over the same. What should be all zeros counts as having root mean square 1. */
typedef struct oracle_error {
    double largest, mean;
} oracle_error;
oracle_error oracle_compare(const float *got, const double *want, int64_t count);
/* Of output `index` against the net's value of that name. */
oracle_error oracle_output_error(const oracle_net *net, const avsn_plan *plan, int32_t index);
/* Same against another plan's output, which is taken for right. */
oracle_error oracle_plans_error(const avsn_plan *plan, int32_t index, const avsn_plan *right, int32_t right_index);

/* True if plans can be made for bf16: tests of it are left out otherwise. */
bool oracle_has_bf16(void);

/* The description of a plan; the caller frees it. */
char *oracle_describe(const avsn_plan *plan);

#endif
