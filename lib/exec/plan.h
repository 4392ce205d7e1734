/* A graph made executable: nodes fused into steps, kernels chosen, layouts settled, weights packed, memory placed. A run then
 * walks the steps and allocates nothing. */
#ifndef AVSN_PLAN_H
#define AVSN_PLAN_H

#include "exec/pack.h"
#include "graph/graph.h"
#include "op/kernel.h"
#include "weights/params.h"

typedef struct avsn_plan avsn_plan;

/* Fusions that can be left out, to find which one makes a number wrong: batch norm and bias in a convolution, ReLU and addition
 * behind one, concatenation and ReLU before one. */
enum { AVSN_WITHOUT_FOLD = 1, AVSN_WITHOUT_RELU = 2, AVSN_WITHOUT_ADD = 4, AVSN_WITHOUT_JOIN = 8 };

#define AVSN_MAX_WANTED 512

typedef struct avsn_plan_options {
    int32_t threads; /* at least 1 */
    int32_t compute; /* AVSOUND_DTYPE_F32 or _BF16 */
    uint32_t without;
    bool train; /* parameters may change between runs: they are read where they lie and packed anew in every run */
    int32_t wanted_count;                   /* outputs and layers to deliver; 0: all the graph's outputs */
    const char *wanted[AVSN_MAX_WANTED];
    avsn_group group; /* other processes that run the same plan on other parts of the same batch */
    /* Called in a run after each step, once for every output that is complete with it, else once with -1. */
    void (*on_step)(void *user, int32_t output);
    void *user;
} avsn_plan_options;

/* Takes the graph over, also when it fails. `params` and `cache` must outlive the plan. */
AVSN_SHARED avsound_status avsn_plan_create(avsn_graph *graph, const avsn_params *params, avsn_pack_cache *cache,
                                const avsn_plan_options *options, avsn_plan **out);
AVSN_SHARED void avsn_plan_free(avsn_plan *plan);

/* Inputs and outputs are row-major f32 in the plan's own memory. Inputs keep their values from run to run. */
AVSN_SHARED int32_t avsn_plan_input_count(const avsn_plan *plan);
AVSN_SHARED const char *avsn_plan_input_name(const avsn_plan *plan, int32_t index);
AVSN_SHARED const avsn_shape *avsn_plan_input_shape(const avsn_plan *plan, int32_t index);
AVSN_SHARED float *avsn_plan_input_data(avsn_plan *plan, int32_t index);
/* Bit k: output k depends on this input; bit 63 stands for all outputs from 63 on. */
uint64_t avsn_plan_input_outputs(const avsn_plan *plan, int32_t index);
int32_t avsn_plan_output_count(const avsn_plan *plan);
const char *avsn_plan_output_name(const avsn_plan *plan, int32_t index);
AVSN_SHARED const avsn_shape *avsn_plan_output_shape(const avsn_plan *plan, int32_t index);
AVSN_SHARED const float *avsn_plan_output_data(const avsn_plan *plan, int32_t index);

/* Runs the steps that the outputs of this bit mask need; stops with AVSOUND_E_CANCELLED before the next step when *cancel is
 * not 0. The caller has entered the compute state (base/cpu.h) with the plan's threads. */
AVSN_SHARED avsound_status avsn_plan_run(avsn_plan *plan, uint64_t outputs, const atomic_int *cancel);

/* Runs all steps and looks at every input, parameter and result: writes to `where` the first that holds NaN or infinity
 * ("input image", "parameter fc3.weight", "vision.conv1_2 (conv)"; a nameless result by op and shape), or an empty text. It goes on
 * to the end, as other processes may wait for this one's sums. Slower than avsn_plan_run. */
AVSN_SHARED avsound_status avsn_plan_run_checked(avsn_plan *plan, const atomic_int *cancel, char *where, size_t size);

size_t avsn_plan_bytes(const avsn_plan *plan);
/* snprintf's way: writes at most `size` bytes, returns what the whole text needs without the final 0. */
size_t avsn_plan_describe(const avsn_plan *plan, char *text, size_t size);

#endif
